/* The lines of a state file, as they are read: nothing of them is taken on trust. */
#include "core/service/state_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/catalog/lint.h"
#include "core/estate/estate.h"
#include "core/holdings/holdings.h"

#define AT_MAX INT64_C(253402300799999)   /* the end of 9999, ms */
#define REQUESTS_MAX (INT64_C(1) << 53)

#define bad(err, ...) err_code(err, MUSTER_E_INVALID, CODE_M_STATE_FILE, __VA_ARGS__)

static const char *const words[STATE_KINDS] = {
	[STATE_USE] = "clients", [STATE_COUNTER] = "counters", [STATE_EDITION] = "editions", [STATE_SETTING] = "settings", [STATE_HOLDING] = "holdings",
	[STATE_RECORD] = "records", [STATE_PASSPHRASE] = "passphrases", [STATE_KEY] = "keys", [STATE_SECRET] = "secrets",
	[STATE_MACHINE] = "machines", [STATE_EVENT] = "events", [STATE_END] = "ends"
};
/* The member that a line of each kind begins with. */
static const char *const members[STATE_KINDS] = {
	[STATE_USE] = "client", [STATE_COUNTER] = "counter", [STATE_EDITION] = "edition", [STATE_SETTING] = "setting", [STATE_HOLDING] = "holder",
	[STATE_RECORD] = "record", [STATE_PASSPHRASE] = "passphrase", [STATE_KEY] = "key", [STATE_SECRET] = "secret",
	[STATE_MACHINE] = "machine", [STATE_EVENT] = "event", [STATE_END] = "end"
};

const char *state_kind_word(enum state_kind k)
{
	return words[k];
}

/* ---- values ---- */

static int whole(int64_t *out, const json_t *v, const char *name, int64_t min, int64_t max, struct muster_err *err)
{
	*out = json_integer_value(v);
	return json_is_integer(v) && *out >= min && *out <= max ? MUSTER_OK : bad(err, "%s is not a number from %" PRId64 " to %" PRId64, name, min, max);
}

static int number(int64_t *out, const json_t *o, const char *name, int64_t min, int64_t max, struct muster_err *err)
{
	return whole(out, json_object_get(o, name), name, min, max, err);
}

static int number32(uint32_t *out, const json_t *o, const char *name, int64_t min, int64_t max, struct muster_err *err)
{
	int64_t v;
	int r = number(&v, o, name, min, max, err);

	*out = r == MUSTER_OK ? (uint32_t)v : 0;
	return r;
}

/* One line of text that fits. @p required: not empty. */
static int text(char *out, size_t room, const json_t *o, const char *name, bool required, struct muster_err *err)
{
	const json_t *v = json_object_get(o, name);
	const char *s = json_string_value(v);

	out[0] = '\0';
	if (!required && v == NULL)
		return MUSTER_OK;
	if (s == NULL || json_string_length(v) >= room || (required && *s == '\0') || strlen(s) != json_string_length(v))
		return bad(err, "%s is not a text of at most %zu bytes", name, room - 1);
	for (const char *p = s; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return bad(err, "%s holds a control character", name);
	memcpy(out, s, json_string_length(v) + 1);
	return MUSTER_OK;
}

static int uuid(uint8_t out[16], const json_t *o, const char *name, bool required, struct muster_err *err)
{
	const json_t *v = json_object_get(o, name);

	memset(out, 0, 16);
	if (!required && (v == NULL || json_is_null(v)))
		return MUSTER_OK;
	return json_is_string(v) && uuid_parse(out, json_string_value(v), json_string_length(v)) == MUSTER_OK ? MUSTER_OK : bad(err, "%s is not a UUID", name);
}

static int base64(uint8_t *out, size_t room, size_t *n, const json_t *o, const char *name, struct muster_err *err)
{
	const json_t *v = json_object_get(o, name);

	*n = 0;
	return json_is_string(v) && b64_decode(out, room, n, json_string_value(v), json_string_length(v)) == MUSTER_OK ? MUSTER_OK :
	       bad(err, "%s is not base64url of at most %zu bytes", name, room);
}

/* Hexadecimal, at least one byte. */
static int hex(uint8_t *out, size_t room, size_t *n, const json_t *o, const char *name, struct muster_err *err)
{
	const json_t *v = json_object_get(o, name);
	size_t length = json_string_length(v);

	*n = length / 2;
	return json_is_string(v) && length > 0 && length % 2 == 0 && *n <= room && hex_decode(out, *n, json_string_value(v), length) == MUSTER_OK ? MUSTER_OK :
	       bad(err, "%s is not 1 to %zu bytes in hexadecimal", name, room);
}

static int hardware(uint8_t out[32], bool *has, const json_t *o, struct muster_err *err)
{
	size_t n;

	memset(out, 0, 32);
	*has = json_object_get(o, "hw") != NULL;
	if (!*has)
		return MUSTER_OK;
	return base64(out, 32, &n, o, "hw", err) == MUSTER_OK && n == 32 ? MUSTER_OK : bad(err, "hw is not 32 bytes in base64url");
}

static int parse(json_t **out, struct muster_span line, struct muster_err *err)
{
	json_error_t e;

	*out = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, &e);
	if (*out == NULL && json_error_code(&e) == json_error_out_of_memory)
		return err_nomem(err);
	if (json_is_object(*out))
		return MUSTER_OK;
	json_decref(*out);
	*out = NULL;
	return bad(err, "it is not a JSON object");
}

/* ---- the header ---- */

void state_head_fini(struct state_head *h)
{
	mem_free(h->sources);
	mem_free(h->pools);
	mem_free(h->products);
	memset(h, 0, sizeof *h);
}

static int read_source(struct state_head *h, size_t i, const json_t *o, struct muster_err *err)
{
	struct store_source *s = &h->sources[i];
	int r;

	if ((r = uuid(s->ledger_id, o, "instance", true, err)) != MUSTER_OK || (r = text(s->name, sizeof s->name, o, "name", false, err)) != MUSTER_OK ||
	    (r = number(&s->taken_seq, o, "sequence", 0, INT64_MAX / 2, err)) != MUSTER_OK || (r = number(&s->taken_at, o, "at", 0, AT_MAX, err)) != MUSTER_OK)
		return r;
	for (size_t k = 0; k < i; k++)
		if (uuid_equal(h->sources[k].ledger_id, s->ledger_id))
			return bad(err, "it names a source twice");
	return MUSTER_OK;
}

static int read_pool(struct state_head *h, size_t i, const json_t *o, struct muster_err *err)
{
	struct store_pool *p = &h->pools[i];
	int r;

	if ((r = text(p->name, sizeof p->name, o, "name", true, err)) != MUSTER_OK || (r = number32(&p->window_s, o, "window", 1, INT32_MAX, err)) != MUSTER_OK ||
	    (r = number32(&p->largest_minimum, o, "largest_minimum", 0, LINT_MINIMUM_MAX, err)) != MUSTER_OK)
		return r;
	return MUSTER_OK;
}

static int read_product(struct state_head *h, size_t i, const json_t *o, struct muster_err *err)
{
	struct state_product *p = &h->products[i];
	int r;

	if ((r = text(p->name, sizeof p->name, o, "name", true, err)) != MUSTER_OK || (r = uuid(p->activation_id, o, "activation_id", false, err)) != MUSTER_OK ||
	    (r = number32(&p->pool, o, "pool", 0, (int64_t)h->pool_count, err)) != MUSTER_OK)
		return r;
	return MUSTER_OK;
}

static int make_list(const json_t *o, const char *name, size_t min, size_t max, size_t size, void **rows, size_t *count, struct muster_err *err)
{
	const json_t *list = json_object_get(o, name);
	size_t n = json_array_size(list);

	if (!json_is_array(list) || n < min || n > max)
		return bad(err, "%s is not a list of %zu to %zu", name, min, max);
	if ((*rows = mem_array(n + 1, size)) == NULL)
		return err_nomem(err);
	*count = n;
	return MUSTER_OK;
}

static int read_each(struct state_head *h, const json_t *o, const char *name, size_t n, int (*read)(struct state_head *, size_t, const json_t *, struct muster_err *), struct muster_err *err)
{
	int r = MUSTER_OK;

	for (size_t i = 0; i < n && r == MUSTER_OK; i++)
		r = read(h, i, json_array_get(json_object_get(o, name), i), err);
	return r;
}

static int read_lists(struct state_head *h, const json_t *o, struct muster_err *err)
{
	void *rows = NULL;
	int r;

	if ((r = make_list(o, "sources", 1, STORE_SOURCES_MAX, sizeof *h->sources, &rows, &h->source_count, err)) != MUSTER_OK)
		return r;
	h->sources = rows;
	if ((r = make_list(o, "pools", 0, STATE_PRODUCTS_MAX, sizeof *h->pools, &rows, &h->pool_count, err)) != MUSTER_OK)
		return r;
	h->pools = rows;
	if ((r = make_list(o, "products", 0, STATE_PRODUCTS_MAX, sizeof *h->products, &rows, &h->product_count, err)) != MUSTER_OK)
		return r;
	h->products = rows;
	if ((r = read_each(h, o, "sources", h->source_count, read_source, err)) != MUSTER_OK || (r = read_each(h, o, "pools", h->pool_count, read_pool, err)) != MUSTER_OK)
		return r;
	return read_each(h, o, "products", h->product_count, read_product, err);
}

int state_head_read(struct state_head *h, struct muster_span line, struct muster_err *err)
{
	json_t *o;
	const json_t *version;
	int r;

	memset(h, 0, sizeof *h);
	if ((r = parse(&o, line, err)) != MUSTER_OK)
		return r;
	version = json_object_get(o, "muster_state");
	if (!json_is_integer(version))
		r = bad(err, "it does not begin a state file");
	else if (json_integer_value(version) != STATE_FILE_VERSION)
		r = err_code(err, MUSTER_E_UNSUPPORTED, CODE_M_STATE_FILE, "the file has version %lld, this Muster knows %d: install the version that wrote it", (long long)json_integer_value(version),
		             STATE_FILE_VERSION);
	else if ((r = text(h->host, sizeof h->host, o, "host", false, err)) == MUSTER_OK && (r = uuid(h->instance, o, "instance", true, err)) == MUSTER_OK &&
	         (r = number(&h->sequence, o, "sequence", 0, INT64_MAX / 2, err)) == MUSTER_OK && (r = number(&h->at, o, "at", 1, AT_MAX, err)) == MUSTER_OK)
		r = read_lists(h, o, err);
	if (r == MUSTER_OK && (!uuid_equal(h->sources[0].ledger_id, h->instance) || h->sources[0].taken_seq != h->sequence))
		r = bad(err, "the first source is not the host that wrote it");
	json_decref(o);
	if (r != MUSTER_OK)
		state_head_fini(h);
	return r;
}

/* ---- reading lines ---- */

static int read_product_of(uint32_t *out, const json_t *o, const struct state_head *h, struct muster_err *err)
{
	return number32(out, o, "p", 1, (int64_t)h->product_count, err);
}

static int read_parts(struct state_line *l, const json_t *o, const struct state_head *h, struct muster_err *err)
{
	const json_t *by = json_object_get(o, "by"), *one;
	size_t i;
	int r;

	if (!json_is_array(by) || json_array_size(by) == 0 || json_array_size(by) > h->source_count)
		return bad(err, "by does not say on which host it was seen");
	json_array_foreach(by, i, one) {
		struct store_part *p = &l->parts[i];
		int64_t source, requests;

		if ((r = whole(&source, json_array_get(one, 0), "by", 1, (int64_t)h->source_count, err)) != MUSTER_OK ||
		    (r = whole(&p->seq, json_array_get(one, 1), "by", 0, INT64_MAX / 2, err)) != MUSTER_OK ||
		    (r = whole(&requests, json_array_get(one, 2), "by", 0, REQUESTS_MAX, err)) != MUSTER_OK)
			return r;
		p->source = (uint32_t)source;
		p->requests = (uint64_t)requests;
		if (json_array_size(one) != 3 || (i > 0 && p->source <= p[-1].source))
			return bad(err, "by names a host twice, or in another order than the header");
	}
	l->part_count = i;
	return MUSTER_OK;
}

static int read_use(struct state_line *l, const json_t *o, const struct state_head *h, struct muster_err *err)
{
	struct store_use *u = &l->use;
	int64_t v = 0;
	size_t n = 0;
	bool hw;
	int r;

	memset(u, 0, sizeof *u);
	if ((r = uuid(u->client, o, "client", true, err)) != MUSTER_OK || (r = read_product_of(&u->product, o, h, err)) != MUSTER_OK ||
	    (r = number(&u->first, o, "first", 0, AT_MAX, err)) != MUSTER_OK || (r = number(&u->last, o, "last", 0, AT_MAX, err)) != MUSTER_OK ||
	    (r = number32(&u->result, o, "result", 0, UINT32_MAX, err)) != MUSTER_OK || (r = number(&v, o, "status", 0, 6, err)) != MUSTER_OK ||
	    (r = number32(&u->flags, o, "flags", 0, STATE_FLAGS_KNOWN, err)) != MUSTER_OK || (r = hardware(u->hw, &hw, o, err)) != MUSTER_OK ||
	    (r = text(u->name, sizeof u->name, o, "name", false, err)) != MUSTER_OK)
		return r;
	u->status = (uint8_t)v;
	if (hw != ((u->flags & STORE_F_HW) != 0))
		return bad(err, "flags and hw contradict each other");
	if ((u->flags & STORE_F_MINUTES) != 0 && (r = number(&v, o, "minutes", INT32_MIN, INT32_MAX, err)) != MUSTER_OK)
		return r;
	u->minutes = (u->flags & STORE_F_MINUTES) != 0 ? (int32_t)v : 0;
	if (json_object_get(o, "addr") != NULL && ((r = hex(u->addr, sizeof u->addr, &n, o, "addr", err)) != MUSTER_OK || (n != 4 && n != 16)))
		return r != MUSTER_OK ? r : bad(err, "addr is not an address");
	u->addr_len = (uint8_t)n;
	/* Whoever saw it last had a clock that was ahead: as if it were when the file was written. */
	if (u->last > h->at)
		u->last = h->at;
	if (u->first > u->last)
		u->first = u->last;
	return read_parts(l, o, h, err);
}

static int read_counter(struct state_line *l, const json_t *o, const struct state_head *h, struct muster_err *err)
{
	const json_t *c = json_object_get(o, "counter");
	int64_t source, product, status, n;
	int r;

	if (json_array_size(c) != 4)
		return bad(err, "counter is not a list of four numbers");
	if ((r = whole(&source, json_array_get(c, 0), "counter", 1, (int64_t)h->source_count, err)) != MUSTER_OK ||
	    (r = whole(&product, json_array_get(c, 1), "counter", 0, (int64_t)h->product_count, err)) != MUSTER_OK ||
	    (r = whole(&status, json_array_get(c, 2), "counter", 0, STORE_COUNTER_FAILED, err)) != MUSTER_OK ||
	    (r = whole(&n, json_array_get(c, 3), "counter", 0, REQUESTS_MAX, err)) != MUSTER_OK)
		return r;
	if (status > 6 && status != STORE_COUNTER_FAILED)
		return bad(err, "counter names a status that there is not");
	l->counter = (struct store_counter){ .source = (uint32_t)source, .product = (uint32_t)product, .status = (uint8_t)status, .n = (uint64_t)n };
	return MUSTER_OK;
}

static int read_edition(struct state_line *l, const json_t *o, const struct state_head *h, struct muster_err *err)
{
	int r;

	memset(&l->edition, 0, sizeof l->edition);
	l->edition.learned = true;
	if ((r = uuid(l->edition.activation_id, o, "edition", true, err)) != MUSTER_OK || (r = read_product_of(&l->edition.product, o, h, err)) != MUSTER_OK)
		return r;
	return text(l->edition.name, sizeof l->edition.name, o, "title", true, err);
}

static int read_setting(struct state_line *l, const json_t *o, const struct state_head *h, struct muster_err *err)
{
	struct store_setting *s = &l->setting;
	int r;

	(void)h;
	memset(s, 0, sizeof *s);
	if ((r = text(s->name, sizeof s->name, o, "setting", true, err)) != MUSTER_OK || (r = text(s->scope, sizeof s->scope, o, "scope", true, err)) != MUSTER_OK ||
	    (r = text(s->value, sizeof s->value, o, "value", false, err)) != MUSTER_OK || (r = text(s->actor, sizeof s->actor, o, "actor", false, err)) != MUSTER_OK)
		return r;
	return number(&s->at, o, "at", 0, AT_MAX, err);
}

static int read_holding(struct state_line *l, const json_t *o, const struct state_head *head, struct muster_err *err)
{
	struct store_holding *h = &l->holding;
	size_t n = 0;
	int r;

	memset(h, 0, sizeof *h);
	if ((r = hex(h->holder, sizeof h->holder, &n, o, "holder", err)) != MUSTER_OK || (r = read_product_of(&h->product, o, head, err)) != MUSTER_OK ||
	    (r = number32(&h->class_, o, "class", HOLDINGS_CLASS(HOLDINGS_DEVICE, 0), HOLDINGS_CLASS(HOLDINGS_EMBEDDED, 0xffff), err)) != MUSTER_OK ||
	    (r = number32(&h->state, o, "state", HOLDINGS_TEMPORARY, HOLDINGS_OUT_OVER, err)) != MUSTER_OK || (r = number32(&h->flags, o, "flags", 0, UINT32_MAX, err)) != MUSTER_OK ||
	    (r = number(&h->since, o, "since", 0, AT_MAX, err)) != MUSTER_OK || (r = number(&h->changed, o, "changed", 0, AT_MAX, err)) != MUSTER_OK ||
	    (r = number32(&h->number, o, "number", 0, UINT32_MAX, err)) != MUSTER_OK || (r = uuid(h->client, o, "client", true, err)) != MUSTER_OK ||
	    (r = hardware(h->hw, &h->has_hw, o, err)) != MUSTER_OK || (r = text(h->name, sizeof h->name, o, "name", false, err)) != MUSTER_OK)
		return r;
	h->holder_n = (uint8_t)n;
	h->until = INT64_MAX;
	return json_object_get(o, "until") == NULL ? MUSTER_OK : number(&h->until, o, "until", 0, AT_MAX, err);
}

static int read_record(struct state_line *l, const json_t *o, const char *kind, struct muster_err *err)
{
	struct store_record *x = &l->record;
	int r;

	memset(x, 0, sizeof *x);
	if ((r = text(x->kind, sizeof x->kind, o, kind, true, err)) != MUSTER_OK || (r = hex(x->id, sizeof x->id, &x->id_n, o, "id", err)) != MUSTER_OK)
		return r;
	return number(&x->at, o, "at", 0, AT_MAX, err);
}

/* What is in a record is the business of whoever keeps it; it is JSON in any case. */
static int read_data(struct state_line *l, const json_t *o, const struct state_head *h, struct muster_err *err)
{
	const json_t *data = json_object_get(o, "data");
	json_t *inner;
	int r;

	(void)h;
	if ((r = read_record(l, o, "record", err)) != MUSTER_OK)
		return r;
	if (!json_is_string(data))
		return bad(err, "data is not a text");
	if ((inner = json_loadb(json_string_value(data), json_string_length(data), JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL)) == NULL)
		return bad(err, "data is not JSON");
	json_decref(inner);
	l->record.data = (const uint8_t *)json_string_value(data);
	l->record.data_n = json_string_length(data);
	return MUSTER_OK;
}

static int read_passphrase(struct state_line *l, const json_t *o, const struct state_head *h, struct muster_err *err)
{
	(void)h;
	l->text = json_string_value(json_object_get(o, "passphrase"));
	return l->text != NULL ? MUSTER_OK : bad(err, "passphrase is not a text");
}

static int read_key(struct state_line *l, const json_t *o, const struct state_head *h, struct muster_err *err)
{
	(void)h;
	l->partial = json_string_value(json_object_get(o, "key"));
	if (l->partial == NULL || strlen(l->partial) == 0 || strlen(l->partial) > 8)
		return bad(err, "key is not a partial product key");
	return base64(l->sealed, sizeof l->sealed, &l->sealed_n, o, "sealed", err);
}

static int read_secret(struct state_line *l, const json_t *o, const struct state_head *h, struct muster_err *err)
{
	int r;

	(void)h;
	if ((r = read_record(l, o, "secret", err)) != MUSTER_OK)
		return r;
	if (!json_is_object(json_object_get(o, "data")))
		return bad(err, "data is not a JSON object");
	return base64(l->sealed, sizeof l->sealed, &l->sealed_n, o, "sealed", err);
}

static int read_observed(struct state_line *l, const json_t *o, const char *name, bool is_event, struct muster_err *err)
{
	struct muster_err why = { 0 };

	l->observed = json_object_get(o, name);
	if (!json_is_object(l->observed))
		return bad(err, "%s is not an object", name);
	return estate_observed_check(l->observed, is_event, &why) == MUSTER_OK ? MUSTER_OK : bad(err, "%s: %s", name, why.message);
}

static int read_machine(struct state_line *l, const json_t *o, const struct state_head *h, struct muster_err *err)
{
	(void)h;
	return read_observed(l, o, "machine", false, err);
}

static int read_event(struct state_line *l, const json_t *o, const struct state_head *h, struct muster_err *err)
{
	(void)h;
	return read_observed(l, o, "event", true, err);
}

static int read_end(struct state_line *l, const json_t *o, const struct state_head *h, struct muster_err *err)
{
	(void)h;
	l->end = json_object_get(o, "end");
	return json_is_object(l->end) ? MUSTER_OK : bad(err, "end is not an object");
}

void state_line_fini(struct state_line *l)
{
	json_decref(l->json);
	l->json = NULL;
}

int state_line_read(struct state_line *l, const struct state_head *h, struct muster_span line, struct muster_err *err)
{
	static int (*const readers[STATE_KINDS])(struct state_line *, const json_t *, const struct state_head *, struct muster_err *) = {
		[STATE_USE] = read_use, [STATE_COUNTER] = read_counter, [STATE_EDITION] = read_edition, [STATE_SETTING] = read_setting, [STATE_HOLDING] = read_holding,
		[STATE_RECORD] = read_data, [STATE_PASSPHRASE] = read_passphrase, [STATE_KEY] = read_key, [STATE_SECRET] = read_secret,
		[STATE_MACHINE] = read_machine, [STATE_EVENT] = read_event, [STATE_END] = read_end
	};
	int r;

	l->json = NULL;
	if ((r = parse(&l->json, line, err)) != MUSTER_OK)
		return r;
	for (unsigned k = 0; k < STATE_KINDS; k++) {
		/* "holder" lines name a client too, so those are looked for first. */
		enum state_kind kind = (enum state_kind)((k + STATE_HOLDING) % STATE_KINDS);

		if (json_object_get(l->json, members[kind]) == NULL)
			continue;
		l->kind = kind;
		if ((r = readers[kind](l, l->json, h, err)) != MUSTER_OK)
			state_line_fini(l);
		return r;
	}
	state_line_fini(l);
	return bad(err, "it is of no kind that this Muster knows");
}
