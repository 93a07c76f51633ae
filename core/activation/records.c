/* Records: what is in them, how secrets in them are sealed, reading them at the start, and transactions of several. */
#include "core/activation/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define PAGE 200

/* ---- sealed members ---- */

static void place_of(struct seal_place *at, char row[HEX_SIZE(64)], const char *kind, struct muster_span id)
{
	MUSTER_ASSERT(id.n <= 64);
	hex_encode(row, id.p, id.n);
	*at = (struct seal_place){ .table = kind, .row = row, .column = "sealed" };
}

int seal_record(struct buf *out, const struct activation *a, const char *kind, struct muster_span id, struct muster_span plain, struct muster_err *err)
{
	char row[HEX_SIZE(64)];
	struct seal_place at;

	place_of(&at, row, kind, id);
	return seal_put(out, a->seal, &at, plain, err);
}

int unseal_record(struct buf *plain, const struct activation *a, const char *kind, struct muster_span id, struct muster_span sealed, struct muster_err *err)
{
	char row[HEX_SIZE(64)];
	struct seal_place at;

	place_of(&at, row, kind, id);
	return seal_get(plain, a->seal, &at, sealed, err);
}

/* ---- JSON ---- */

static json_t *hex_json(const void *p, size_t n)
{
	char text[HEX_SIZE(64)];

	hex_encode(text, p, n);
	return json_string(text);
}

static bool hex_get(uint8_t *out, size_t n, const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text != NULL && hex_decode(out, n, text, strlen(text)) == MUSTER_OK;
}

static json_int_t number_get(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static void text_get(char *out, size_t room, const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	(void)snprintf(out, room, "%s", text != NULL ? text : "");
}

static size_t sealed_get(uint8_t *out, size_t room, const json_t *o)
{
	const char *text = json_string_value(json_object_get(o, "sealed"));
	size_t n = 0;

	return text != NULL && b64_decode(out, room, &n, text, strlen(text)) == MUSTER_OK ? n : 0;
}

static json_t *key_to_json(const struct held_key *k)
{
	char kind[2] = { k->kind, '\0' }, sealed[B64_SIZE(sizeof k->sealed)];
	json_t *products = json_array();

	for (size_t i = 0; i < k->product_count; i++)
		(void)json_array_append_new(products, hex_json(k->products[i], 16));
	(void)b64_encode(sealed, k->sealed, k->sealed_n);
	return json_pack("{s:s, s:I, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:s, s:s, s:o, s:i, s:I, s:I, s:b, s:s}", "kind", kind, "number", (json_int_t)k->number,
		"partial", k->partial, "issuer_id", hex_json(k->issuer_id, 16), "pack_id", hex_json(k->pack_id, 16), "products", products,
		"installed_at", (json_int_t)k->installed_at, "activated_at", (json_int_t)k->activated_at, "ends_at", (json_int_t)k->ends_at, "method", k->method,
		"kid", k->kid, "binding", hex_json(k->binding, BINDING_SIZE), "source", k->source, "allowed", (json_int_t)k->allowed, "used", (json_int_t)k->used,
		"revoked", k->revoked, "sealed", sealed);
}

static bool key_from_json(void *row, const json_t *o)
{
	struct held_key *k = row;
	const json_t *products = json_object_get(o, "products"), *p;
	const char *kind = json_string_value(json_object_get(o, "kind"));
	size_t i;

	memset(k, 0, sizeof *k);
	if (kind == NULL || !hex_get(k->issuer_id, 16, o, "issuer_id") || !hex_get(k->pack_id, 16, o, "pack_id") || !hex_get(k->binding, BINDING_SIZE, o, "binding"))
		return false;
	k->kind = kind[0];
	k->number = (uint32_t)number_get(o, "number");
	text_get(k->partial, sizeof k->partial, o, "partial");
	text_get(k->method, sizeof k->method, o, "method");
	text_get(k->kid, sizeof k->kid, o, "kid");
	k->installed_at = number_get(o, "installed_at");
	k->activated_at = number_get(o, "activated_at");
	k->ends_at = number_get(o, "ends_at");
	k->source = (uint8_t)number_get(o, "source");
	k->allowed = number_get(o, "allowed");
	k->used = number_get(o, "used");
	k->revoked = json_is_true(json_object_get(o, "revoked"));
	json_array_foreach(products, i, p) {
		const char *text = json_string_value(p);

		if (i == TRUST_PRODUCTS_MAX || text == NULL || hex_decode(k->products[k->product_count++], 16, text, strlen(text)) != MUSTER_OK)
			return false;
	}
	return (k->sealed_n = sealed_get(k->sealed, sizeof k->sealed, o)) > 0;
}

static json_t *id_to_json(const struct held_id *x)
{
	return json_pack("{s:I, s:i, s:i, s:i, s:s, s:o, s:o, s:I, s:I, s:I, s:s, s:i, s:o}", "number", (json_int_t)x->number, "generation", x->generation, "attempt", x->attempt, "source", x->source, "digits", x->digits,
		"binding", hex_json(x->binding, BINDING_SIZE), "pack_id", hex_json(x->pack_id, 16), "made_at", (json_int_t)x->made_at,
		"answered_at", (json_int_t)x->answered_at, "replaced_at", (json_int_t)x->replaced_at, "method", x->method, "slot", (int)x->slot,
		"finder", hex_json(x->finder, SLOT_FINDER));
}

static bool id_from_json(void *row, const json_t *o)
{
	struct held_id *x = row;

	memset(x, 0, sizeof *x);
	x->number = (uint32_t)number_get(o, "number");
	x->generation = (uint8_t)number_get(o, "generation");
	x->attempt = (uint8_t)number_get(o, "attempt");
	x->source = (uint8_t)number_get(o, "source");
	text_get(x->digits, sizeof x->digits, o, "digits");
	x->made_at = number_get(o, "made_at");
	x->answered_at = number_get(o, "answered_at");
	x->replaced_at = number_get(o, "replaced_at");
	x->slot = (uint16_t)number_get(o, "slot");
	text_get(x->method, sizeof x->method, o, "method");
	return hex_get(x->binding, BINDING_SIZE, o, "binding") && hex_get(x->pack_id, 16, o, "pack_id") && hex_get(x->finder, SLOT_FINDER, o, "finder");
}

/* ---- reading ---- */

struct walk { int (*fn)(void *, const struct store_record *); void *ctx; uint8_t last[64]; size_t last_n, n; int r; };

static int walk_one(void *ctx, const struct store_record *x)
{
	struct walk *w = ctx;

	memcpy(w->last, x->id, x->id_n);
	w->last_n = x->id_n;
	w->n++;
	w->r = w->fn(w->ctx, x);
	return w->r != MUSTER_OK;
}

int records_each(struct activation *a, const char *kind, int (*fn)(void *, const struct store_record *), void *ctx, struct muster_err *err)
{
	struct walk w = { .fn = fn, .ctx = ctx };
	uint8_t after[64];
	size_t after_n;
	int r;

	do {
		w.n = 0;
		after_n = w.last_n;
		memcpy(after, w.last, after_n);
		r = ledger_records(a->ledger, kind, span_of(after, after_n), PAGE, walk_one, &w, err);
	} while (r == MUSTER_OK && w.r == MUSTER_OK && w.n > 0);
	return r != MUSTER_OK ? r : w.r;
}

struct loading {
	struct activation *a;
	struct muster_err *err;
	struct held_key *keys; size_t key_count;
	struct held_id *ids; size_t id_count;
};

static int load_json(json_t **out, const struct store_record *x, struct muster_err *err)
{
	json_error_t e;

	*out = json_loadb((const char *)x->data, x->data_n, JSON_REJECT_DUPLICATES, &e);
	return *out != NULL ? MUSTER_OK : err_set(err, MUSTER_E_IO, "a record \"%s\" of the state file is damaged (%.100s): put the last backup in its place", x->kind, e.text);
}

static int damaged(struct muster_err *err, const char *kind)
{
	return err_set(err, MUSTER_E_IO, "a record \"%s\" of the state file is damaged: put the last backup in its place", kind);
}

/* Into the place behind the last row, which counts from then on. */
static int load_row(struct loading *l, const struct store_record *x, void *row, size_t *count, bool (*from_json)(void *row, const json_t *o))
{
	json_t *o;
	int r;

	if ((r = load_json(&o, x, l->err)) != MUSTER_OK)
		return r;
	if (from_json(row, o))
		++*count;
	else
		r = damaged(l->err, x->kind);
	json_decref(o);
	return r;
}

static int load_key(void *ctx, const struct store_record *x)
{
	struct loading *l = ctx;
	struct held_key *grown = mem_grow(l->keys, l->key_count + 1, sizeof *grown);

	if (grown == NULL)
		return err_nomem(l->err);
	l->keys = grown;
	return load_row(l, x, &grown[l->key_count], &l->key_count, key_from_json);
}

static int load_id(void *ctx, const struct store_record *x)
{
	struct loading *l = ctx;
	struct held_id *grown = mem_grow(l->ids, l->id_count + 1, sizeof *grown);

	if (grown == NULL)
		return err_nomem(l->err);
	l->ids = grown;
	return load_row(l, x, &grown[l->id_count], &l->id_count, id_from_json);
}

/* The private key of a slot; NULL where it was removed, or where the key file is another: then what it signed is verified all the same. */
static int slot_key(EVP_PKEY **out, struct loading *l, const struct store_record *x, const json_t *o)
{
	struct muster_err why = { 0 };
	uint8_t sealed[8192];
	size_t n = sealed_get(sealed, sizeof sealed, o);
	const unsigned char *p;
	struct buf plain;
	int r;

	*out = NULL;
	if (n == 0)
		return MUSTER_OK;
	buf_init(&plain, sizeof sealed);
	r = unseal_record(&plain, l->a, ACTIVATION_R_SLOT, span_of(x->id, x->id_n), span_of(sealed, n), &why);
	p = plain.p;
	if (r == MUSTER_OK && (*out = d2i_AutoPrivateKey(NULL, &p, (long)plain.n)) == NULL)
		r = damaged(&why, x->kind);
	buf_cleanse(&plain);
	if (r == MUSTER_E_NOMEM)
		return err_nomem(l->err);
	if (r != MUSTER_OK)
		activation_say(l->a, 2, "activation-secret", "a private key of this host's activation cannot be read, it signs nothing: %s", why.message);
	return MUSTER_OK;
}

static int load_slot(void *ctx, const struct store_record *x)
{
	struct trust_chain *chain = NULL;
	struct loading *l = ctx;
	EVP_PKEY *key = NULL;
	const char *pem;
	json_t *o;
	int r;

	if ((r = load_json(&o, x, l->err)) != MUSTER_OK)
		return r;
	if ((pem = json_string_value(json_object_get(o, "chain"))) == NULL)
		r = damaged(l->err, x->kind);
	if (r == MUSTER_OK && (r = trust_chain_read(&chain, span_str(pem), l->err)) == MUSTER_OK && (r = slot_key(&key, l, x, o)) == MUSTER_OK)
		r = ring_adopt(l->a->ring, key, chain, l->err);
	EVP_PKEY_free(key);
	trust_chain_unref(chain);
	json_decref(o);
	return r;
}

static int load_retired(void *ctx, const struct store_record *x)
{
	struct loading *l = ctx;
	char kid[TRUST_KID];

	(void)snprintf(kid, sizeof kid, "%.*s", (int)x->id_n, (const char *)x->id);
	return ring_retire(l->a->ring, kid, true, l->err);
}

int records_load(struct activation *a, struct muster_err *err)
{
	struct loading l = { .a = a, .err = err };
	struct held_key *keys;
	struct held_id *ids;
	int r;

	if ((r = records_each(a, ACTIVATION_R_KEY, load_key, &l, err)) != MUSTER_OK || (r = records_each(a, ACTIVATION_R_PENDING, load_id, &l, err)) != MUSTER_OK
	    || (r = records_each(a, ACTIVATION_R_SLOT, load_slot, &l, err)) != MUSTER_OK
	    || (r = records_each(a, ACTIVATION_R_RETIRED, load_retired, &l, err)) != MUSTER_OK || (r = formers_load(a, err)) != MUSTER_OK)
		goto done;
	pthread_mutex_lock(&a->lock);
	keys = a->keys;
	ids = a->ids;
	a->keys = l.keys;
	a->key_count = l.key_count;
	a->ids = l.ids;
	a->id_count = l.id_count;
	pthread_mutex_unlock(&a->lock);
	l.keys = keys;
	l.ids = ids;
done:
	mem_free(l.keys);
	mem_free(l.ids);
	return r;
}

/* ---- memory after a commit ---- */

int memory_put_key(struct activation *a, const struct held_key *k, struct muster_err *err)
{
	struct held_key *at = key_by_number(a, k->number), *grown;
	int r = MUSTER_OK;

	pthread_mutex_lock(&a->lock);
	if (at == NULL && (grown = mem_grow(a->keys, a->key_count + 1, sizeof *grown)) != NULL) {
		a->keys = grown;
		at = &grown[a->key_count++];
	}
	if (at != NULL)
		*at = *k;
	else
		r = err_nomem(err);
	pthread_mutex_unlock(&a->lock);
	if (r != MUSTER_OK)
		atomic_store(&a->stale, true);
	return r;
}

void memory_drop_key(struct activation *a, uint32_t number)
{
	struct held_key *at = key_by_number(a, number);

	pthread_mutex_lock(&a->lock);
	if (at != NULL)
		*at = a->keys[--a->key_count];
	pthread_mutex_unlock(&a->lock);
}

static bool same_id(const struct held_id *a, const struct held_id *b)
{
	return a->number == b->number && a->generation == b->generation && a->attempt == b->attempt;
}

int memory_put_id(struct activation *a, const struct held_id *id, struct muster_err *err)
{
	struct held_id *grown;
	size_t i = 0;
	int r = MUSTER_OK;

	pthread_mutex_lock(&a->lock);
	while (i < a->id_count && !same_id(&a->ids[i], id))
		i++;
	if (i == a->id_count && (grown = mem_grow(a->ids, i + 1, sizeof *grown)) != NULL) {
		a->ids = grown;
		a->id_count++;
	}
	if (i < a->id_count)
		a->ids[i] = *id;
	else
		r = err_nomem(err);
	pthread_mutex_unlock(&a->lock);
	if (r != MUSTER_OK)
		atomic_store(&a->stale, true);
	return r;
}

/* ---- transactions ---- */

static struct store_change *act_add(struct act *t, enum store_change_kind kind, const char *record, struct muster_span id)
{
	struct store_change *changes = mem_grow(t->changes, t->n + 1, sizeof *changes);
	struct store_record *records = changes != NULL ? mem_grow(t->records, t->n + 1, sizeof *records) : NULL;
	struct buf *data = NULL;

	if (changes != NULL)
		t->changes = changes;
	if (records != NULL) {
		t->records = records;
		if ((data = mem_grow(t->data, t->n + 1, sizeof *data)) != NULL)
			t->data = data;
	}
	if (data == NULL) {
		t->failed = true;
		return NULL;
	}
	memset(&changes[t->n], 0, sizeof *changes);
	memset(&records[t->n], 0, sizeof *records);
	buf_init(&data[t->n], STORE_RECORD_MAX);
	changes[t->n].kind = kind;
	(void)snprintf(records[t->n].kind, sizeof records[t->n].kind, "%s", record);
	MUSTER_ASSERT(id.n <= sizeof records[t->n].id);
	if (id.n > 0)
		memcpy(records[t->n].id, id.p, id.n);
	records[t->n].id_n = id.n;
	return &changes[t->n++];
}

void act_put(struct act *t, const char *kind, struct muster_span id, struct muster_span data)
{
	if (act_add(t, STORE_RECORD_PUT, kind, id) == NULL)
		return;
	buf_add(&t->data[t->n - 1], data.p, data.n);
	t->failed = t->failed || t->data[t->n - 1].failed;
}

static int add_text(const char *text, size_t n, void *ctx)
{
	buf_add(ctx, text, n);
	return ((struct buf *)ctx)->failed ? -1 : 0;
}

/* Into a buffer that remembers a failure: jansson overlooks some of its own, and writes an object without one of its names. */
void act_put_json(struct act *t, const char *kind, struct muster_span id, json_t *object)
{
	struct buf text;

	buf_init(&text, STORE_RECORD_MAX);
	if (object == NULL || json_dump_callback(object, add_text, &text, JSON_COMPACT) != 0 || text.failed)
		t->failed = true;
	else
		act_put(t, kind, id, span_of(text.p, text.n));
	json_decref(object);
	buf_cleanse(&text);
}

void act_delete(struct act *t, const char *kind, struct muster_span id)
{
	(void)act_add(t, STORE_RECORD_DELETE, kind, id);
}

void act_put_key(struct act *t, const struct held_key *k)
{
	uint8_t id[4];

	be32_put(id, k->number);
	act_put_json(t, ACTIVATION_R_KEY, span_of(id, sizeof id), key_to_json(k));
}

void act_put_id(struct act *t, const struct held_id *x)
{
	uint8_t id[6];

	be32_put(id, x->number);
	id[4] = x->generation;
	id[5] = x->attempt;
	act_put_json(t, ACTIVATION_R_PENDING, span_of(id, sizeof id), id_to_json(x));
}

static int act_write(struct activation *a, struct act *t, struct muster_err *err)
{
	int r;

	for (size_t i = 0; i < t->n; i++) {
		t->records[i].data = t->data[i].p;
		t->records[i].data_n = t->data[i].n;
		t->records[i].at = clock_wall_ms(a->clock);
		t->changes[i].record = &t->records[i];
	}
	r = ledger_transact(a->ledger, t->changes, t->n, err);
	act_fini(t);
	/* It may have happened: what is in memory must not contradict what is on disk. */
	if (r == MUSTER_E_UNKNOWN)
		atomic_store(&a->stale, true);
	return r;
}

int act_store(struct activation *a, struct act *t, struct muster_err *err)
{
	if (t->failed) {
		act_fini(t);
		return err_nomem(err);
	}
	return t->n > 0 ? act_write(a, t, err) : MUSTER_OK;
}

int act_commit(struct activation *a, struct act *t, const char *actor, enum activation_journal_kind kind, const char *object, struct muster_err *err, const char *fmt, ...)
{
	struct store_journal *j;
	va_list ap;

	if (t->n == 0)
		(void)act_add(t, STORE_JOURNAL_ONLY, "", span_of(NULL, 0));
	if (t->failed) {
		act_fini(t);
		return err_nomem(err);
	}
	j = &t->changes[0].journal;
	j->at = clock_wall_ms(a->clock);
	j->kind = (uint32_t)kind;
	(void)snprintf(j->actor, sizeof j->actor, "%s", actor);
	(void)snprintf(j->object, sizeof j->object, "%s", object);
	va_start(ap, fmt);
	(void)vsnprintf(j->detail, sizeof j->detail, fmt, ap);
	va_end(ap);
	return act_write(a, t, err);
}

void act_fini(struct act *t)
{
	for (size_t i = 0; i < t->n; i++)
		buf_cleanse(&t->data[i]);
	mem_free(t->data);
	mem_free(t->records);
	mem_free(t->changes);
	memset(t, 0, sizeof *t);
}
