/*
 * Asking the issuer for many machines at once. A batch is stored with its ID before anything is sent; until its answer is applied the same bytes are sent under
 * the same ID, so a lost answer or a crash at any point spends nothing twice. By file the batch is the file.
 */
#include "core/activation/proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/activation/issuer_answer.h"
#include "core/activation/online.h"
#include "core/activation/rest.h"
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

#define GATHER_MS 60000            /* from the first machine that waits to asking for all of them */
#define LOOK_MS 300000             /* a refused machine may have become due */
#define AWAY_MS 600000             /* after a failure; spread by a quarter */
#define APPLY_CHANGES 600          /* of one transaction: a machine takes two */
#define TALLIES_MAX 64             /* keys of one batch */

/* ---- the batch's record ---- */

void proxy_batch_fini(struct proxy_batch *b)
{
	json_decref(b->json);
	b->json = NULL;
}

static const char *batch_text(const struct proxy_batch *b, const char *name)
{
	const char *text = json_string_value(json_object_get(b->json, name));

	return text != NULL ? text : "";
}

static bool batch_is(const struct proxy_batch *b, bool file)
{
	return strcmp(batch_text(b, "state"), "asked") == 0 && json_is_true(json_object_get(b->json, "file")) == file;
}

struct find { bool file; const char *issuer; const json_t *same; struct proxy_batch *out; struct muster_err *err; };

static int find_one(void *ctx, const struct store_record *record)
{
	struct find *f = ctx;
	struct proxy_batch b = { .json = NULL };
	json_error_t e;

	if ((b.json = json_loadb((const char *)record->data, record->data_n, 0, &e)) == NULL && json_error_code(&e) == json_error_out_of_memory)
		return err_nomem(f->err);
	if (record->id_n == 16)
		memcpy(b.id, record->id, 16);
	if (record->id_n != 16 || !batch_is(&b, f->file) || strcmp(batch_text(&b, "issuer"), f->issuer) != 0 ||
	    (f->same != NULL && !json_equal(f->same, json_object_get(b.json, "installation_ids")))) {
		proxy_batch_fini(&b);
		return 0;
	}
	proxy_batch_fini(f->out);
	*f->out = b;
	return 0;
}

/* The open batch of this issuer, if there is one; with @p same one that asks for just these. */
static int find_open(struct activation *a, const char *issuer, bool file, const json_t *same, struct proxy_batch *out, struct muster_err *err)
{
	struct find f = { file, issuer, same, out, err };
	int r;

	memset(out, 0, sizeof *out);
	if ((r = records_each(a, ACTIVATION_R_BATCH, find_one, &f, err)) != MUSTER_OK)
		proxy_batch_fini(out);
	return r;
}

int proxy_batch_read(struct activation *a, const uint8_t id[16], struct proxy_batch *out, struct muster_err *err)
{
	struct buf data;
	int r;

	memset(out, 0, sizeof *out);
	memcpy(out->id, id, 16);
	buf_init(&data, STORE_RECORD_MAX);
	if ((r = ledger_record(a->ledger, ACTIVATION_R_BATCH, span_of(id, 16), &data, err)) == MUSTER_OK &&
	    (out->json = json_loadb((const char *)data.p, data.n, 0, NULL)) == NULL)
		r = err_set(err, MUSTER_E_INVALID, "a stored batch of counted keys cannot be read");
	buf_fini(&data);
	return r;
}

/* ---- collecting ---- */

struct collect { struct activation *a; const char *issuer; json_t *ids; int64_t now; bool all; struct muster_err *err; };

/* What is sent for this machine: as it was shown, unless the key has another pack by now. Empty: a key that is not here any more spends nothing. */
static int id_of(char out[INSTALLATION_TEXT], struct activation *a, const struct counted_machine *m, struct muster_err *err)
{
	struct counted_key k = { 0 };
	struct installation_id id;
	int r;

	out[0] = '\0';
	if ((r = counted_key_find(a, m->number, &k, err)) == MUSTER_OK && (r = counted_installation_id(&id, &k, m->binding, err)) == MUSTER_OK)
		installation_id_format(out, &id, ' ');
	counted_key_fini(&k);
	return r == MUSTER_E_NOMEM ? r : MUSTER_OK;
}

static int collect_one(void *ctx, const struct store_record *record)
{
	struct collect *c = ctx;
	struct counted_machine m;
	char text[INSTALLATION_TEXT];
	int r;

	if (json_array_size(c->ids) >= COUNTED_BATCH_MAX)
		return MUSTER_OK;
	if ((r = counted_parse(&m, record, c->err)) != MUSTER_OK)
		return r == MUSTER_E_NOMEM ? r : MUSTER_OK;
	if (strcmp(m.issuer, c->issuer) == 0 && (m.state == COUNTED_WANTED || c->all || c->now - m.asked_at >= COUNTED_REFUSED_AGAIN_S) &&
	    (r = id_of(text, c->a, &m, c->err)) == MUSTER_OK && text[0] != '\0' && json_array_append_new(c->ids, json_string(text)) != 0)
		r = err_nomem(c->err);
	counted_machine_fini(&m);
	return r;
}

/* Installation IDs of machines that wait, in the order of their keys. @p all: those refused lately, too. */
static int collect(struct activation *a, const char *issuer, bool all, json_t **ids, struct muster_err *err)
{
	struct collect c = { .a = a, .issuer = issuer, .ids = json_array(), .now = activation_now(a), .all = all, .err = err };
	int r;

	*ids = NULL;
	if (c.ids == NULL)
		return err_nomem(err);
	if ((r = records_each(a, ACTIVATION_R_WANTED, collect_one, &c, err)) != MUSTER_OK)
		json_decref(c.ids);
	else
		*ids = c.ids;
	return r;
}

/* Stored before it is sent or handed out. Takes over @p ids. */
static int store_batch(struct activation *a, const char *actor, const char *issuer, bool file, json_t *ids, struct proxy_batch *out, struct muster_err *err)
{
	struct act t = { 0 };
	char id[UUID_TEXT];
	int r;

	uuid_random(out->id);
	uuid_format(id, out->id);
	out->json = json_pack("{s:s, s:s, s:b, s:I, s:o}", "issuer", issuer, "state", "asked", "file", file, "at", (json_int_t)activation_now(a), "installation_ids", ids);
	act_put_json(&t, ACTIVATION_R_BATCH, span_of(out->id, 16), json_incref(out->json));
	if ((r = act_commit(a, &t, actor, file ? ACTIVATION_J_EXPORT : ACTIVATION_J_COUNTED_ASKED, id, err, "%zu machines with counted keys, issuer %s", json_array_size(ids), issuer)) != MUSTER_OK)
		proxy_batch_fini(out);
	return r;
}

/* ---- applying an answer ---- */

struct apply {
	struct activation *a;
	const struct trust_anchors *anchors;
	const struct crl *crl;              /* NULL: none */
	json_t *asked;                      /* those not answered yet */
	struct act t;
	size_t confirmed, refused, faulty;
};

/* The machines that were asked for, by their digits; each is answered once. */
static json_t *asked_for(const struct proxy_batch *b)
{
	json_t *digits = json_object();
	const json_t *one;
	char text[INSTALLATION_TEXT];
	size_t i;

	json_array_foreach(json_object_get(b->json, "installation_ids"), i, one) {
		installation_digits(text, sizeof text, json_string_value(one) != NULL ? json_string_value(one) : "");
		if (json_object_set_new(digits, text, json_true()) != 0) {
			json_decref(digits);
			return NULL;
		}
	}
	return digits;
}

/* The statement is this machine's, for this key and product; else it is not taken, whoever signed it. */
static int check_statement(struct apply *p, const struct counted_machine *m, const char *statement, struct muster_err *err)
{
	struct confirmation c;
	int r = confirmation_read(&c, span_str(statement), p->anchors, p->crl, activation_now(p->a), err);

	if (r != MUSTER_OK)
		return r;
	if (c.number != m->number || memcmp(c.binding, m->binding, BINDING_SIZE) != 0)
		return err_set(err, MUSTER_E_MISMATCH, "the confirmation is another machine's");
	for (size_t i = 0; i < c.product_count; i++)
		if (uuid_equal(c.products[i], m->product))
			return MUSTER_OK;
	return err_set(err, MUSTER_E_MISMATCH, "the confirmation does not name the product");
}

static int apply_one(struct apply *p, const json_t *result, struct muster_err *err)
{
	struct counted_machine m = { 0 };
	struct issuer_result x;
	struct muster_err why = { 0 };
	int r;

	if (!issuer_answer_result(&x, result) || json_object_del(p->asked, x.digits) != 0) {
		p->faulty++;
		return MUSTER_OK;
	}
	if ((r = counted_read(p->a, x.id.number, x.id.binding, &m, err)) != MUSTER_OK)
		return r;
	if (m.state == COUNTED_NONE || m.state == COUNTED_CONFIRMED) {
		p->confirmed += m.state == COUNTED_CONFIRMED;   /* applied before */
	} else if (x.statement == NULL) {
		p->refused++;
		if (m.state == COUNTED_TELEPHONE)
			goto done;   /* what digits have confirmed stays */
		m.state = COUNTED_REFUSED;
		m.code = x.code;
		(void)snprintf(m.detail, sizeof m.detail, "%s", x.detail);
		m.asked_at = activation_now(p->a);
		counted_put(&p->t, &m);
	} else if ((r = check_statement(p, &m, x.statement, &why)) == MUSTER_E_NOMEM) {
		(void)err_nomem(err);
	} else if (r != MUSTER_OK) {
		r = MUSTER_OK;
		activation_say(p->a, 4, "counted", "a confirmation is not taken: %s", why.message);
		p->faulty++;
	} else if ((m.statement = mem_strdup(x.statement)) == NULL) {
		r = err_nomem(err);
	} else {
		m.state = COUNTED_CONFIRMED;
		m.asked_at = m.confirmed_at = activation_now(p->a);
		p->confirmed++;
		counted_put(&p->t, &m);
	}
done:
	counted_machine_fini(&m);
	return r;
}

/* What the issuer says of each key: allowed and used. */
static size_t take_tallies(struct apply *p, const json_t *keys, struct held_key out[TALLIES_MAX])
{
	const json_t *one;
	size_t n = 0, i;

	json_array_foreach(keys, i, one) {
		const struct held_key *k;
		struct issuer_tally x;

		if (n == TALLIES_MAX || !issuer_answer_tally(&x, one) || (k = key_by_number(p->a, x.number)) == NULL)
			continue;
		out[n] = *k;
		out[n].allowed = x.allowed;
		out[n].used = x.used;
		act_put_key(&p->t, &out[n++]);
	}
	return n;
}

static json_t *tallies_json(const json_t *keys)
{
	json_t *list = json_array(), *one;
	struct issuer_tally x;
	size_t i;

	json_array_foreach(keys, i, one)
		if (issuer_answer_tally(&x, one))
			(void)json_array_append_new(list, json_pack("{s:I, s:I, s:I, s:I}", "number", (json_int_t)x.number, "allowed", (json_int_t)x.allowed, "used", (json_int_t)x.used,
			                                            "remaining", (json_int_t)x.remaining));
	return list;
}

/* The last transaction closes the batch: until then a crash leaves it open, and applying it again changes nothing that was applied. */
static int close_batch(struct apply *p, const char *actor, const struct proxy_batch *b, const json_t *keys, const char *state, struct muster_err *err)
{
	bool file = json_is_true(json_object_get(b->json, "file"));
	struct held_key *tallies = mem_array(TALLIES_MAX, sizeof *tallies);
	json_t *j = json_copy(b->json);
	char id[UUID_TEXT];
	size_t n;
	int r;

	if (tallies == NULL || j == NULL) {
		mem_free(tallies);
		json_decref(j);
		return err_nomem(err);
	}
	uuid_format(id, b->id);
	if (json_object_set_new(j, "state", json_string(state)) != 0)
		p->t.failed = true;
	(void)json_object_set_new(j, "answered_at", json_integer(activation_now(p->a)));
	(void)json_object_set_new(j, "confirmed", json_integer((json_int_t)p->confirmed));
	(void)json_object_set_new(j, "refused", json_integer((json_int_t)p->refused));
	n = take_tallies(p, keys, tallies);
	/* What was asked online is in the machines' records now, and in the journal. A file may be answered once more. */
	if (file)
		act_put_json(&p->t, ACTIVATION_R_BATCH, span_of(b->id, 16), json_incref(j));
	else
		act_delete(&p->t, ACTIVATION_R_BATCH, span_of(b->id, 16));
	json_decref(j);
	r = act_commit(p->a, &p->t, actor, file ? ACTIVATION_J_IMPORT : ACTIVATION_J_COUNTED_ANSWERED, id, err, "%s: confirmed %zu, refused %zu, not taken %zu", state, p->confirmed,
	               p->refused, p->faulty);
	for (size_t i = 0; i < n && r == MUSTER_OK; i++)
		r = memory_put_key(p->a, &tallies[i], err);
	OPENSSL_cleanse(tallies, TALLIES_MAX * sizeof *tallies);
	mem_free(tallies);
	return r;
}

static int read_anchors(struct activation *a, const char *issuer, struct trust_view **view, const struct trust_anchors **anchors, struct muster_err *err)
{
	*view = ring_view(a->ring);
	if ((*anchors = ring_anchors(*view, issuer)) != NULL)
		return MUSTER_OK;
	ring_view_unref(*view);
	*view = NULL;
	return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_ISSUER_ADDRESS, "there is no [issuer %s] in the configuration any more", issuer);
}

int proxy_apply(struct activation *a, const char *actor, const struct proxy_batch *b, const json_t *answer, json_t **out, struct muster_err *err)
{
	struct apply p = { .a = a };
	const json_t *results = json_object_get(answer, "results"), *one;
	struct trust_view *view = NULL;
	size_t i;
	int r;

	if ((r = read_anchors(a, batch_text(b, "issuer"), &view, &p.anchors, err)) != MUSTER_OK)
		return r;
	p.crl = ring_crl(view, batch_text(b, "issuer"));
	if ((p.asked = asked_for(b)) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	json_array_foreach(results, i, one) {
		if ((r = apply_one(&p, one, err)) != MUSTER_OK || (p.t.n >= APPLY_CHANGES && (r = act_store(a, &p.t, err)) != MUSTER_OK))
			goto done;
	}
	if ((r = close_batch(&p, actor, b, json_object_get(answer, "keys"), "answered", err)) != MUSTER_OK)
		goto done;
	activation_say(a, p.faulty > 0 ? 4 : 5, "counted", "the issuer %s answered for %zu machines: confirmed %zu, refused %zu, not taken %zu", batch_text(b, "issuer"),
	               json_array_size(json_object_get(b->json, "installation_ids")), p.confirmed, p.refused, p.faulty);
	if (out != NULL && (*out = json_pack("{s:I, s:I, s:I, s:o}", "confirmed", (json_int_t)p.confirmed, "refused", (json_int_t)p.refused, "not_taken", (json_int_t)p.faulty,
	                                     "keys", tallies_json(json_object_get(answer, "keys")))) == NULL)
		r = err_nomem(err);
done:
	act_fini(&p.t);
	json_decref(p.asked);
	ring_view_unref(view);
	return r;
}

/* ---- asking ---- */

static bool give_up(const void *activation)
{
	return activation_stopping(activation);
}

static json_t *request_of(struct activation *a, const struct proxy_batch *b)
{
	char id[UUID_TEXT], host[UUID_TEXT], head[REST_HEAD];
	struct muster_err err = { 0 };
	json_t *ids = json_array(), *one;
	char digits[INSTALLATION_TEXT];
	size_t i;

	uuid_format(id, b->id);
	ledger_identity(a->ledger, host);
	json_array_foreach(json_object_get(b->json, "installation_ids"), i, one) {
		installation_digits(digits, sizeof digits, json_string_value(one));
		if (json_array_append_new(ids, json_string(digits)) != 0) {
			json_decref(ids);   /* all of them or none: the same ID must ask for the same */
			return NULL;
		}
	}
	return json_pack("{s:s, s:o, s:s, s:s?}", "id", id, "installation_ids", ids, "host", host, "audit", anchor_head(a, head, &err) == MUSTER_OK ? head : NULL);
}

/* Send what is stored and apply the answer. Nobody's lock is held while it is waited for. */
static int exchange(struct activation *a, const char *actor, const struct activation_issuer *issuer, const struct proxy_batch *b, json_t **out, struct muster_err *err)
{
	struct issuer_place place = { .url = issuer->url, .web_proxy = issuer->web_proxy, .clock = a->clock, .stop = give_up, .ctx = a };
	json_t *body = request_of(a, b), *answer = NULL;
	struct trust_view *view = NULL;
	struct proxy_batch now = { .json = NULL };
	struct muster_err second = { 0 };
	struct apply over = { .a = a };
	int r;

	if (body == NULL)
		return err_nomem(err);
	if ((r = read_anchors(a, issuer->name, &view, &place.anchors, err)) == MUSTER_OK)
		r = issuer_ask(&answer, &place, "/v1/counted/activate", body, err);
	ring_view_unref(view);
	json_decref(body);
	if (r != MUSTER_OK && r != MUSTER_E_REFUSED)
		return r;
	activation_begin(a);
	if (r == MUSTER_E_REFUSED) {
		/* As a whole: this batch is over, its machines wait for another. */
		if (close_batch(&over, actor, b, NULL, "refused", &second) != MUSTER_OK)
			activation_say(a, 3, "counted", "%s", second.message);
	} else if ((r = proxy_batch_read(a, b->id, &now, err)) == MUSTER_OK) {
		r = proxy_apply(a, actor, &now, answer, out, err);
	} else if (r == MUSTER_E_NOT_FOUND) {
		r = MUSTER_OK;   /* an administrator or the host itself was quicker, with the same answer */
	}
	activation_end(a);
	proxy_batch_fini(&now);
	json_decref(answer);
	return r;
}

/*
 * The open batch, or a new one of what waits. By file, where an answer may never come, the open one only while it asks for just what waits.
 * @return MUSTER_E_NOT_FOUND: nothing waits.
 */
static int prepare(struct activation *a, const char *actor, const char *issuer, bool file, bool all, struct proxy_batch *b, struct muster_err *err)
{
	json_t *ids = NULL;
	int r = MUSTER_OK;

	memset(b, 0, sizeof *b);
	activation_begin(a);
	if ((!file && ((r = find_open(a, issuer, false, NULL, b, err)) != MUSTER_OK || b->json != NULL)) || (r = collect(a, issuer, all, &ids, err)) != MUSTER_OK)
		goto done;
	if (json_array_size(ids) == 0)
		r = MUSTER_E_NOT_FOUND;
	else if (file && ((r = find_open(a, issuer, true, ids, b, err)) != MUSTER_OK || b->json != NULL))
		goto done;
	else
		r = store_batch(a, actor, issuer, file, json_incref(ids), b, err);
done:
	json_decref(ids);
	activation_end(a);
	return r;
}

int proxy_ask(struct activation *a, const char *actor, const struct activation_issuer *issuer, bool all, json_t **out, struct muster_err *err)
{
	struct proxy_batch b;
	int r = prepare(a, actor, issuer->name, false, all, &b, err);

	if (r != MUSTER_OK)
		return r;
	r = exchange(a, actor, issuer, &b, out, err);
	proxy_batch_fini(&b);
	return r;
}

/* ---- by itself ---- */

void proxy_wanted(struct activation *a)
{
	int64_t none = 0;

	(void)atomic_compare_exchange_strong(&a->wanted_since, &none, clock_boot_ms(a->clock));
}

static int64_t run_issuer(struct activation *a, const struct activation_issuer *issuer)
{
	struct muster_err err = { 0 };
	int64_t wait = 0;
	bool more;
	int r;

	do {
		json_t *told = NULL;

		r = proxy_ask(a, ACTIVATION_SELF, issuer, false, &told, &err);
		more = r == MUSTER_OK && json_integer_value(json_object_get(told, "confirmed")) + json_integer_value(json_object_get(told, "refused")) > 0;
		json_decref(told);
	} while (more && !activation_stopping(a));
	if (r != MUSTER_OK && r != MUSTER_E_NOT_FOUND && r != MUSTER_E_BUSY) {
		activation_say(a, 4, "counted", "machines with counted keys wait: %s", err.message);
		wait = AWAY_MS + (int64_t)random_below(AWAY_MS / 4);
	}
	return wait;
}

int64_t proxy_run(struct activation *a)
{
	int64_t since = atomic_load(&a->wanted_since), now = clock_boot_ms(a->clock), wait = LOOK_MS;
	struct activation_issuer *issuers;
	size_t n;

	if (ledger_moving(a->ledger, NULL, 0) == CODE_M_RETIRED)
		return RETIRED_MS;   /* whoever waits here asks the host that replaced it */
	/* At the start it looks at once: a batch may have been under way. */
	if (a->proxy_looked && since == 0 && now < a->proxy_next)
		return a->proxy_next - now < GATHER_MS / 12 ? a->proxy_next - now : GATHER_MS / 12;
	if (since != 0 && now - since < GATHER_MS)
		return GATHER_MS / 12;
	a->proxy_looked = true;
	atomic_store(&a->wanted_since, 0);
	if ((issuers = activation_issuers(a, &n)) != NULL) {
		for (size_t i = 0; i < n && !activation_stopping(a); i++)
			if (issuers[i].proxy_auto && issuers[i].url[0] != '\0') {
				int64_t one = run_issuer(a, &issuers[i]);

				wait = one > wait ? one : wait;
			}
		activation_issuers_free(issuers, n);
	}
	a->proxy_next = clock_boot_ms(a->clock) + wait;
	return GATHER_MS / 12;
}

/* ---- by file ---- */

int proxy_export(struct activation *a, const char *actor, const char *issuer, struct buf *text, size_t *count, struct muster_err *err)
{
	struct proxy_batch b;
	char digits[INSTALLATION_TEXT], id[UUID_TEXT];
	const json_t *one;
	size_t i;
	int r = prepare(a, actor, issuer, true, true, &b, err);

	if (r != MUSTER_OK)
		return r;
	uuid_format(id, b.id);
	buf_addf(text, "muster-counted-request 1 %s\n# Installation IDs of machines with counted keys, for issuer %s; no keys and no names.\n# Answer: muster-issuer confirm --batch FILE\n", id, issuer);
	json_array_foreach(json_object_get(b.json, "installation_ids"), i, one) {
		installation_digits(digits, sizeof digits, json_string_value(one));
		buf_addf(text, "%s\n", digits);
	}
	*count += json_array_size(json_object_get(b.json, "installation_ids"));
	proxy_batch_fini(&b);
	return text->failed ? err_nomem(err) : MUSTER_OK;
}
