/*
 * Keys that lie on installation media: recognised by a licence pack that names them, or by what an administrator stored from a medium. Whoever proves one is
 * granted and recorded; each kind of wrong key has a sentence of its own, and none of them quotes the key.
 */
#include "core/holdings/internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/trust/product_key.h"

#define PAGE 200
#define SEALED_MAX 128                       /* of 29 characters */
#define RECORD_MAX (64u << 10)
#define SEEN_MS (INT64_C(24) * 3600 * 1000)  /* a grant that changes nothing is written again after a day */

/* ---- stored keys in memory ---- */

void embedded_forget(struct holdings *h)
{
	if (h->stored != NULL)
		OPENSSL_cleanse(h->stored, h->stored_count * sizeof *h->stored);
	mem_free(h->stored);
	h->stored = NULL;
	h->stored_count = 0;
}

static const struct holdings_stored *stored_find(const struct holdings *h, uint32_t number)
{
	for (size_t i = 0; i < h->stored_count; i++)
		if (h->stored[i].number == number)
			return &h->stored[i];
	return NULL;
}

static int add(struct holdings *h, const struct holdings_stored *s, struct muster_err *err)
{
	/* Not grown in place: what is left behind is wiped. */
	struct holdings_stored *grown = mem_array(h->stored_count + 1, sizeof *grown);
	size_t n = h->stored_count;

	if (grown == NULL)
		return err_nomem(err);
	if (n > 0)
		memcpy(grown, h->stored, n * sizeof *grown);
	grown[n] = *s;
	embedded_forget(h);
	h->stored = grown;
	h->stored_count = n + 1;
	return MUSTER_OK;
}

static int number_and_proof(struct holdings_stored *out, struct holdings *h, const struct catalog_product *p, struct muster_span key, struct muster_err *err)
{
	uint8_t issuer_id[16];
	int r;

	MUSTER_ASSERT(p != NULL);   /* check() found it */
	if ((r = activation_issuer_id(h->o.activation, p, issuer_id, err)) != MUSTER_OK || (r = product_key_foreign_number(&out->number, issuer_id, key, err)) != MUSTER_OK)
		return r;
	(void)snprintf(out->product, sizeof out->product, "%s", p->row.name);
	memcpy(out->partial, key.p + key.n - 5, 5);
	return product_key_foreign_proof_key(out->proof_key, issuer_id, key, err);
}

struct loading { struct holdings *h; const struct catalog *catalog; struct muster_err *err; uint8_t last[64]; size_t last_n, seen; int r; };

/* One that cannot be opened (another key file, a product that left) is said and recognises nothing; it stays stored. */
static void load_key(struct loading *l, const struct store_record *record, const json_t *j)
{
	const char *name = json_string_value(json_object_get(j, "product")), *text = json_string_value(json_object_get(j, "sealed"));
	const struct catalog_product *p = name != NULL ? catalog_product_named(l->catalog, name) : NULL;
	struct holdings_stored s = { 0 };
	struct muster_err err = { 0 };
	uint8_t sealed[SEALED_MAX];
	struct buf plain;
	size_t n;

	if (p == NULL)
		return;
	buf_init(&plain, PRODUCT_KEY_FOREIGN + 1);
	if (text == NULL || b64_decode(sealed, sizeof sealed, &n, text, strlen(text)) != MUSTER_OK)
		(void)err_set(&err, MUSTER_E_INVALID, "the record is damaged");
	else if (activation_unseal(l->h->o.activation, HOLDINGS_R_EMBEDDED, span_of(record->id, record->id_n), span_of(sealed, n), &plain, &err) == MUSTER_OK &&
	         number_and_proof(&s, l->h, p, span_of(plain.p, plain.n), &err) == MUSTER_OK)
		l->r = add(l->h, &s, l->err);
	if (err.message[0] != '\0')
		holdings_say(l->h, 4, "holdings", "a stored key of %s cannot be used: %s", name, err.message);
	buf_cleanse(&plain);
	OPENSSL_cleanse(&s, sizeof s);
}

static int load_one(void *ctx, const struct store_record *record)
{
	struct loading *l = ctx;
	json_t *j = json_loadb((const char *)record->data, record->data_n, JSON_REJECT_DUPLICATES, NULL);

	memcpy(l->last, record->id, record->id_n);
	l->last_n = record->id_n;
	l->seen++;
	if (j != NULL)
		load_key(l, record, j);
	json_decref(j);
	return l->r != MUSTER_OK;
}

/* All records of stored keys. */
static int each(struct holdings *h, int (*fn)(void *, const struct store_record *), void *ctx, const uint8_t *last, const size_t *last_n, size_t *seen, const int *result,
                struct muster_err *err)
{
	uint8_t after[64];
	size_t n;
	int r;

	do {
		*seen = 0;
		n = *last_n;
		memcpy(after, last, n);
		r = ledger_records(h->o.ledger, HOLDINGS_R_EMBEDDED, span_of(after, n), PAGE, fn, ctx, err);
	} while (r == MUSTER_OK && *result == MUSTER_OK && *seen > 0);
	return r != MUSTER_OK ? r : *result;
}

int embedded_load(struct holdings *h, const struct catalog *catalog, struct muster_err *err)
{
	struct loading l = { .h = h, .catalog = catalog, .err = err };
	struct holdings_stored *before = h->stored;
	size_t count = h->stored_count;
	int r;

	if (h->o.activation == NULL)
		return MUSTER_OK;
	h->stored = NULL;
	h->stored_count = 0;
	if ((r = each(h, load_one, &l, l.last, &l.last_n, &l.seen, &l.r, err)) == MUSTER_OK) {
		if (before != NULL)
			OPENSSL_cleanse(before, count * sizeof *before);
		mem_free(before);
		return MUSTER_OK;
	}
	embedded_forget(h);
	h->stored = before;
	h->stored_count = count;
	return r;
}

/* ---- recognising ---- */

static const char *title(const struct holdings_request *r)
{
	return r->product->row.title;
}

/* A pack's key of another product of this host: its title; NULL: none. */
static const char *other_with(struct holdings *h, const struct holdings_request *r, uint32_t number)
{
	const struct catalog_product *p;
	struct muster_err err = { 0 };
	uint8_t proof_key[32];
	size_t n;

	p = catalog_products(r->catalog, &n);
	for (size_t i = 0; i < n && h->o.activation != NULL; i++) {
		bool found = &p[i] != r->product && p[i].row.model == MUSTER_MODEL_EMBEDDED &&
		             activation_embedded_key(h->o.activation, p[i].row.activation_id, number, proof_key, &err) == MUSTER_OK;

		OPENSSL_cleanse(proof_key, sizeof proof_key);
		if (found)
			return p[i].row.title;
	}
	return NULL;
}

static void other(struct holdings_request *r, const struct holdings_stored *s)
{
	const struct catalog_product *p = catalog_product_named(r->catalog, s->product);

	holdings_refuse(r, (uint32_t)CODE_KEY_INVALID, "The key ending in %s is one of %s, not of %s.", s->partial, p != NULL ? p->row.title : s->product, title(r));
}

static void unknown(struct holdings_request *r)
{
	holdings_refuse(r, (uint32_t)CODE_KEY_INVALID, "The key is well formed and not known on this host. The administrator installs the licence pack that names it, or finds it on "
	                "the installation medium: musterctl discover PATH --store.");
}

/* The proof key of a number, for this product; else the request is refused. */
static bool proof_key_of(struct holdings *h, struct holdings_request *r, uint32_t number, uint8_t out[32])
{
	const struct holdings_stored *s;
	struct muster_err err = { 0 };
	const char *elsewhere;

	if (h->o.activation != NULL && activation_embedded_key(h->o.activation, r->product->row.activation_id, number, out, &err) == MUSTER_OK)
		return true;
	if ((s = stored_find(h, number)) != NULL && strcmp(s->product, r->product->row.name) == 0) {
		memcpy(out, s->proof_key, 32);
		return true;
	}
	if (s != NULL)
		other(r, s);
	else if ((elsewhere = other_with(h, r, number)) != NULL)
		holdings_refuse(r, (uint32_t)CODE_KEY_INVALID, "The key is one of %s, not of %s.", elsewhere, title(r));
	else
		unknown(r);
	return false;
}

static bool proven(struct holdings *h, struct holdings_request *r)
{
	uint8_t proof_key[32], expected[32];
	struct muster_err err = { 0 };
	const char *word;
	bool right;

	if (r->key_kind != PRODUCT_KEY_EMBEDDED) {
		word = product_key_kind_name(r->key_kind);
		holdings_refuse(r, (uint32_t)CODE_KEY_INVALID, "%s is activated with the key inside its installation medium; what was proven is of another kind%s%s%s.", title(r),
		                word != NULL ? " (" : "", word != NULL ? word : "", word != NULL ? ")" : "");
		return false;
	}
	if (!proof_key_of(h, r, r->key_number, proof_key))
		return false;
	right = product_key_proof(expected, proof_key, r->activation_id, r->client, r->hw, span_of(r->nonce, r->nonce_len), &err) == MUSTER_OK &&
	        CRYPTO_memcmp(expected, r->proof, sizeof expected) == 0;
	OPENSSL_cleanse(proof_key, sizeof proof_key);
	OPENSSL_cleanse(expected, sizeof expected);
	if (!right)
		holdings_refuse(r, (uint32_t)CODE_KEY_INVALID, "The proof does not belong to the key of %s that has this number.", title(r));
	return right;
}

/* ---- whole keys ---- */

/* One of ours, typed or read. @return whether it is granted. */
static bool whole_own(struct holdings *h, struct holdings_request *r, const struct product_key *key)
{
	uint8_t issuer_id[16], prk[PRODUCT_KEY_PRK], proof_key[32], expected[32];
	struct muster_err err = { 0 };
	bool right;

	if (key->kind != PRODUCT_KEY_EMBEDDED) {
		holdings_refuse(r, (uint32_t)CODE_KEY_INVALID, "%s is activated with the key inside its installation medium; this one is a %s.", title(r), product_key_kind_name(key->kind));
		return false;
	}
	if (!proof_key_of(h, r, key->number, proof_key))
		return false;
	right = activation_issuer_id(h->o.activation, r->product, issuer_id, &err) == MUSTER_OK && product_key_prk(prk, issuer_id, key, &err) == MUSTER_OK &&
	        product_key_proof_key(expected, prk, &err) == MUSTER_OK && CRYPTO_memcmp(expected, proof_key, sizeof expected) == 0;
	OPENSSL_cleanse(prk, sizeof prk);
	OPENSSL_cleanse(proof_key, sizeof proof_key);
	OPENSSL_cleanse(expected, sizeof expected);
	if (!right)
		holdings_refuse(r, (uint32_t)CODE_KEY_INVALID, "The key has the number of a key of %s and is another one. Read it from the medium again.", title(r));
	return right;
}

static void whole_shape(struct holdings_request *r, struct muster_span key, const struct muster_err *typed)
{
	struct muster_key_info info;
	struct muster_err err = { 0 };

	if (catalog_key_classify(r->catalog, r->product, key, &info, &err) == MUSTER_OK && info.kind == MUSTER_KEY_EMBEDDED)
		unknown(r);
	else if (info.kind != MUSTER_KEY_UNKNOWN)
		holdings_refuse(r, (uint32_t)CODE_KEY_INVALID, "%s is activated with the key inside its installation medium; this one is a %s.", title(r), info.title);
	else if (r->product->row.keys.count == 0)
		holdings_refuse(r, (uint32_t)CODE_KEY_INVALID, "This is no product key of %s: %.150s.", title(r), typed->message);
	else
		holdings_refuse(r, (uint32_t)CODE_KEY_INVALID, "The key does not have the shape of a product key of %s. Read it from the medium again.", title(r));
}

/* Upper case, without spaces around. @return length, 0: too long. */
static size_t tidy(char *out, size_t room, const char *text, size_t n)
{
	while (n > 0 && isspace((unsigned char)text[0])) {
		text++;
		n--;
	}
	while (n > 0 && isspace((unsigned char)text[n - 1]))
		n--;
	if (n >= room)
		return 0;
	for (size_t i = 0; i < n; i++)
		out[i] = (char)(text[i] >= 'a' && text[i] <= 'z' ? text[i] - 'a' + 'A' : text[i]);
	out[n] = '\0';
	return n;
}

static bool whole(struct holdings *h, struct holdings_request *r, uint32_t *number)
{
	struct muster_err err = { 0 }, none = { 0 };
	struct product_key key = { 0 };
	const struct holdings_stored *s = NULL;
	uint8_t issuer_id[16];
	bool granted = false;
	char text[128];
	size_t n = tidy(text, sizeof text, r->whole_key, r->whole_key_n);

	if (h->o.activation != NULL && activation_issuer_id(h->o.activation, r->product, issuer_id, &none) == MUSTER_OK &&
	    product_key_foreign_number(number, issuer_id, span_of(text, n), &none) == MUSTER_OK)
		s = stored_find(h, *number);
	if (s != NULL) {
		granted = strcmp(s->product, r->product->row.name) == 0;
		if (!granted)
			other(r, s);
	} else if (product_key_parse(&key, r->whole_key, r->whole_key_n, &err) == MUSTER_OK) {
		*number = key.number;
		granted = whole_own(h, r, &key);
	} else {
		whole_shape(r, span_of(text, n), &err);
	}
	OPENSSL_cleanse(&key, sizeof key);
	OPENSSL_cleanse(text, sizeof text);
	return granted;
}

/* ---- a request ---- */

/* Granted, unless it is one new client too many. */
static int keep(struct holdings *h, struct holdings_group *g, struct holdings_request *r, uint32_t number, struct muster_err *err)
{
	uint32_t product = holdings_number(h, r->product), class_ = HOLDINGS_CLASS(HOLDINGS_EMBEDDED, 0);
	struct store_holding row;
	int result = group_get(g, product, class_, span_of(r->client, sizeof r->client), &row, err);
	bool over = false;

	if (result != MUSTER_OK && result != MUSTER_E_NOT_FOUND)
		return result;
	r->code = CODE_OK;
	if (result == MUSTER_OK && row.number == number && row.has_hw == r->has_hw && memcmp(row.hw, r->hw, sizeof row.hw) == 0 && strcmp(row.name, r->name) == 0 &&
	    group_now(g) - row.changed < SEEN_MS)
		return MUSTER_OK;
	if (result == MUSTER_E_NOT_FOUND) {
		if ((result = group_newcomer(g, r, span_of(r->client, sizeof r->client), &over, err)) != MUSTER_OK || over)
			return result;
		memset(&row, 0, sizeof row);
		row.product = product;
		row.class_ = class_;
		row.holder_n = sizeof r->client;
		memcpy(row.holder, r->client, sizeof r->client);
		row.since = group_now(g);
	}
	row.state = HOLDINGS_PRESENTED;
	row.until = INT64_MAX;
	row.number = number;
	row.flags = r->is_virtual ? HOLDINGS_F_VIRTUAL : 0;
	row.has_hw = r->has_hw;
	memcpy(row.client, r->client, sizeof row.client);
	memcpy(row.hw, r->hw, sizeof row.hw);
	(void)snprintf(row.name, sizeof row.name, "%s", r->name);
	return group_put(g, &row, err);
}

void embedded_judge(struct holdings *h, struct holdings_group *g, struct holdings_request *r)
{
	uint32_t number = r->key_number;
	struct muster_err err = { 0 };

	if (!r->has_key && r->whole_key == NULL) {
		holdings_refuse(r, (uint32_t)CODE_NO_KEY, "%s is activated with the key inside its installation medium, which was not presented.", title(r));
		return;
	}
	if (!(r->whole_key != NULL ? whole(h, r, &number) : proven(h, r)))
		return;
	if (keep(h, g, r, number, &err) != MUSTER_OK)
		holdings_failed(h, r, &err);
	else if (r->code == CODE_OK)
		r->state = HOLDINGS_PRESENTED;
}

/* ---- administrators ---- */

static const char *member(const json_t *what, const char *name)
{
	const char *text = json_string_value(json_object_get(what, name));

	return text != NULL ? text : "";
}

static int check(struct holdings *h, const json_t *what, const struct catalog_product **out, char key[PRODUCT_KEY_FOREIGN + 1], struct muster_err *err)
{
	const char *name = member(what, "product");
	const struct catalog_product *p = catalog_product_named(h->catalog, name);
	const json_t *text = json_object_get(what, "key");
	struct muster_key_info info;
	size_t n;
	int r;

	if (p == NULL || p->row.model != MUSTER_MODEL_EMBEDDED)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, p == NULL ? "product: no product \"%.63s\"" : "product: %.63s has no keys on its media", name);
	n = tidy(key, PRODUCT_KEY_FOREIGN + 1, json_string_value(text) != NULL ? json_string_value(text) : "", json_string_length(text));
	if (n != PRODUCT_KEY_FOREIGN || strlen(key) != n)
		return err_code(err, MUSTER_E_INVALID, (uint32_t)CODE_KEY_INVALID, "key: not five groups of five letters and digits");
	if ((r = catalog_key_classify(h->catalog, p, span_of(key, n), &info, err)) != MUSTER_OK)
		return r;
	if (info.kind != MUSTER_KEY_EMBEDDED)
		return err_code(err, MUSTER_E_INVALID, (uint32_t)CODE_KEY_INVALID, info.kind == MUSTER_KEY_UNKNOWN ? "the key does not have the shape of a product key of %s" :
		                "the key is no key of %s that lies on media", p->row.title);
	*out = p;
	return MUSTER_OK;
}

static int record_of(struct buf *out, struct holdings *h, const struct holdings_stored *s, const json_t *what, const char *key, json_t **shown, struct muster_err *err)
{
	char text[B64_SIZE(SEALED_MAX)], *data = NULL;
	struct buf sealed;
	json_t *j = NULL;
	uint8_t id[4];
	int r;

	be32_put(id, s->number);
	buf_init(&sealed, SEALED_MAX);
	if ((r = activation_seal(h->o.activation, HOLDINGS_R_EMBEDDED, span_of(id, sizeof id), span_of(key, PRODUCT_KEY_FOREIGN), &sealed, err)) != MUSTER_OK)
		goto done;
	(void)b64_encode(text, sealed.p, sealed.n);
	*shown = json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:I}", "number", (json_int_t)s->number, "product", s->product, "edition", member(what, "edition"), "partial", s->partial,
	                   "path", member(what, "path"), "label", member(what, "label"), "stored_at", (json_int_t)(holdings_now(h) / 1000));
	if ((j = json_deep_copy(*shown)) == NULL || json_object_set_new(j, "sealed", json_string(text)) != 0 || json_object_del(j, "number") != 0 ||
	    (data = json_dumps(j, JSON_COMPACT)) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	buf_adds(out, data);
	r = out->failed ? err_set(err, MUSTER_E_LIMIT, "path, label or edition is too long") : MUSTER_OK;
done:
	free(data);
	json_decref(j);
	buf_fini(&sealed);
	return r;
}

static int record_write(struct holdings *h, const char *actor, enum holdings_journal_kind kind, enum store_change_kind change, const struct holdings_stored *s, const struct buf *data,
                        struct muster_err *err)
{
	struct store_record record = { .id_n = 4, .data = data != NULL ? data->p : NULL, .data_n = data != NULL ? data->n : 0, .at = holdings_now(h) };
	struct store_change c;

	memset(&c, 0, sizeof c);
	(void)snprintf(record.kind, sizeof record.kind, "%s", HOLDINGS_R_EMBEDDED);
	be32_put(record.id, s->number);
	c.kind = change;
	c.record = &record;
	c.journal.kind = kind;
	c.journal.at = record.at;
	(void)snprintf(c.journal.actor, sizeof c.journal.actor, "%s", actor);
	(void)snprintf(c.journal.object, sizeof c.journal.object, "%s", s->product);
	(void)snprintf(c.journal.detail, sizeof c.journal.detail, "the key ending in %s, number %u", s->partial, s->number);
	return ledger_transact(h->o.ledger, &c, 1, err);
}

int holdings_embedded_store(struct holdings *h, const char *actor, const json_t *what, json_t **out, struct muster_err *err)
{
	const struct catalog_product *p = NULL;
	struct holdings_stored s = { 0 };
	char key[PRODUCT_KEY_FOREIGN + 1] = "";
	struct buf data;
	int r;

	*out = NULL;
	buf_init(&data, RECORD_MAX);
	holdings_lock(h);
	if ((r = check(h, what, &p, key, err)) != MUSTER_OK || (r = number_and_proof(&s, h, p, span_of(key, PRODUCT_KEY_FOREIGN), err)) != MUSTER_OK ||
	    (r = record_of(&data, h, &s, what, key, out, err)) != MUSTER_OK)
		goto done;
	r = record_write(h, actor, HOLDINGS_J_EMBEDDED_STORED, STORE_RECORD_INSERT, &s, &data, err);
	if (r == MUSTER_E_EXISTS)
		r = err_code(err, r, CODE_M_KEY_EXISTS, "the key ending in %s is stored already", s.partial);
	if (r == MUSTER_OK)
		r = add(h, &s, err);
done:
	holdings_unlock(h);
	if (r != MUSTER_OK) {
		json_decref(*out);
		*out = NULL;
	}
	buf_fini(&data);
	OPENSSL_cleanse(&s, sizeof s);
	OPENSSL_cleanse(key, sizeof key);
	return r;
}

struct listing { json_t *list; uint8_t last[64]; size_t last_n, seen; int r; };

static int list_one(void *ctx, const struct store_record *record)
{
	struct listing *l = ctx;
	json_t *j = json_loadb((const char *)record->data, record->data_n, JSON_REJECT_DUPLICATES, NULL);

	memcpy(l->last, record->id, record->id_n);
	l->last_n = record->id_n;
	l->seen++;
	if (j == NULL || record->id_n != 4) {
		json_decref(j);
		return 0;   /* damaged: what can be shown is shown */
	}
	(void)json_object_del(j, "sealed");
	if (json_object_set_new(j, "number", json_integer(be32_get(record->id))) != 0 || json_array_append_new(l->list, j) != 0)
		l->r = MUSTER_E_NOMEM;
	return l->r != MUSTER_OK;
}

int holdings_embedded_list(struct holdings *h, json_t **out, struct muster_err *err)
{
	struct listing l = { .list = json_array() };
	int r = each(h, list_one, &l, l.last, &l.last_n, &l.seen, &l.r, err);

	*out = r == MUSTER_OK ? json_pack("{s:o}", "keys", l.list) : NULL;
	if (r != MUSTER_OK)
		json_decref(l.list);
	else if (*out == NULL)
		r = MUSTER_E_NOMEM;
	return r == MUSTER_E_NOMEM ? err_nomem(err) : r;
}

int holdings_embedded_remove(struct holdings *h, const char *actor, uint32_t number, json_t **out, struct muster_err *err)
{
	struct holdings_stored s = { .number = number };
	json_t *j = NULL;
	struct buf data;
	uint8_t id[4];
	int r;

	*out = NULL;
	be32_put(id, number);
	buf_init(&data, RECORD_MAX);
	holdings_lock(h);
	/* From the record: also what could not be opened goes. */
	if ((r = ledger_record(h->o.ledger, HOLDINGS_R_EMBEDDED, span_of(id, sizeof id), &data, err)) == MUSTER_E_NOT_FOUND)
		r = err_code(err, r, CODE_M_NOT_FOUND, "no key with the number %u is stored", number);
	if (r != MUSTER_OK)
		goto done;
	j = json_loadb((const char *)data.p, data.n, 0, NULL);
	(void)snprintf(s.product, sizeof s.product, "%s", member(j, "product")[0] != '\0' ? member(j, "product") : "?");
	(void)snprintf(s.partial, sizeof s.partial, "%s", member(j, "partial"));
	if ((*out = json_pack("{s:I, s:s, s:s}", "number", (json_int_t)number, "product", s.product, "partial", s.partial)) == NULL)
		r = err_nomem(err);
	else if ((r = record_write(h, actor, HOLDINGS_J_EMBEDDED_REMOVED, STORE_RECORD_DELETE, &s, NULL, err)) == MUSTER_OK)
		r = embedded_load(h, h->catalog, err);
done:
	holdings_unlock(h);
	if (r != MUSTER_OK) {
		json_decref(*out);
		*out = NULL;
	}
	json_decref(j);
	buf_fini(&data);
	return r;
}
