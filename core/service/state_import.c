/*
 * Looking through a state file to its last line, before anything changes: form, order, references, the manifest and who signed it, and whether it fits this host.
 */
#include "core/service/moving_import.h"

#include <string.h>
#include <openssl/crypto.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/estate/estate.h"
#include "core/service/admin.h"

#define AHEAD_MS 300000                  /* a file may be so much from the future */

/* ---- the check ---- */

struct checking {
	struct service *s;
	struct state_import *x;
	const char *passphrase;
	EVP_MD_CTX *hash;
	int64_t bytes, lines;
	enum state_kind last;
	struct store_use use;                /* the last ones, for their order */
	struct store_record record;
	bool any_use;
	struct state_line line;
};

#define wrong(err, ...) err_code(err, MUSTER_E_INVALID, CODE_M_STATE_FILE, __VA_ARGS__)

static int in_line(const struct state_import *x, int r, struct muster_err *err)
{
	struct muster_err why;

	if (r == MUSTER_OK || r == MUSTER_E_NOMEM || err == NULL || err->code != CODE_M_STATE_FILE)
		return r;
	why = *err;
	return err_code(err, r, CODE_M_STATE_FILE, "line %lld: %s", (long long)x->line_number, why.message);
}

static int compare_ids(const struct store_record *a, const struct store_record *b)
{
	size_t n = a->id_n < b->id_n ? a->id_n : b->id_n;
	int c = strcmp(a->kind, b->kind);

	if (c == 0)
		c = memcmp(a->id, b->id, n);
	return c != 0 ? c : (a->id_n > b->id_n) - (a->id_n < b->id_n);
}

static int check_use(struct checking *c, struct muster_err *err)
{
	const struct store_use *u = &c->line.use;
	int order = memcmp(c->use.client, u->client, 16);

	if (c->any_use && (order > 0 || (order == 0 && c->use.product >= u->product)))
		return wrong(err, "clients are out of order, or one comes twice");
	c->use = *u;
	c->any_use = true;
	c->x->target[u->product - 1].used = true;
	return MUSTER_OK;
}

/* An entry of the books as their own rules have it: nobody reads another one later. Its whole key travels sealed, or not. */
static int check_entry(const struct estate_kind *k, const struct store_record *x, struct muster_err *err)
{
	json_t *entry = json_loadb((const char *)x->data, x->data_n, JSON_REJECT_DUPLICATES, NULL);
	struct muster_err why = { 0 };
	char id[sizeof x->id + 1];
	int r = MUSTER_OK;

	(void)snprintf(id, sizeof id, "%.*s", (int)x->id_n, (const char *)x->id);
	(void)json_object_del(entry, "whole");
	if (strlen(id) != x->id_n || !estate_id_ok(id))
		r = wrong(err, "%s: its ID is none", k->name);
	else if (!json_is_object(entry) || (strcmp(k->name, "key") == 0 && json_object_get(entry, "key") != NULL))
		r = wrong(err, "%s %s: %s", k->name, id, json_is_object(entry) ? "it holds a whole key that is not sealed" : "it is not a JSON object");
	else if ((r = estate_entry_check(k, entry, &why)) != MUSTER_OK)
		r = r == MUSTER_E_NOMEM ? err_nomem(err) : wrong(err, "%s %s: %.300s", k->name, id, why.message);
	estate_entry_wipe(entry);
	json_decref(entry);
	return r;
}

static int check_data(const struct store_record *x, struct muster_err *err)
{
	const struct estate_kind *kinds;
	size_t n;

	if (x->data_n > STORE_RECORD_MAX)
		return wrong(err, "data is longer than %u bytes", (unsigned)STORE_RECORD_MAX);
	kinds = estate_kinds(&n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(kinds[i].record, x->kind) == 0)
			return check_entry(&kinds[i], x, err);
	return MUSTER_OK;
}

static int check_record(struct checking *c, enum state_kind kind, struct muster_err *err)
{
	bool secret = kind == STATE_SECRET;
	int r;

	if (secret ? !moving_carries_secret(c->line.record.kind) : !moving_carries(c->line.record.kind))
		return wrong(err, "records of the kind %s are never moved", c->line.record.kind);
	if (c->last == kind && compare_ids(&c->record, &c->line.record) >= 0)
		return wrong(err, "records are out of order, or one comes twice");
	if (!secret && (r = check_data(&c->line.record, err)) != MUSTER_OK)
		return r;
	c->record = c->line.record;
	c->record.data = NULL;
	return MUSTER_OK;
}

static int open_seal(struct checking *c, struct muster_err *err)
{
	uint8_t key[SEAL_KEY];
	struct muster_err why = { 0 };
	int r;

	if (c->passphrase == NULL || c->x->seal != NULL)
		return MUSTER_OK;
	if ((r = seal_unwrap(key, span_str(c->line.text), c->passphrase, &why)) == MUSTER_OK)
		r = seal_open_key(&c->x->seal, key, &why);
	OPENSSL_cleanse(key, sizeof key);
	return r == MUSTER_OK || r == MUSTER_E_NOMEM ? r : err_code(err, r, CODE_M_STATE_FILE, "the product keys in it cannot be opened: %s", why.message);
}

int import_open(const struct state_import *x, const struct state_line *l, struct buf *plain, struct muster_err *err)
{
	char id[HEX_SIZE(64)], row[160];
	struct seal_place at = { MOVING_PLACE, row, "key" };

	hex_encode(id, l->record.id, l->kind == STATE_SECRET ? l->record.id_n : 0);
	if (l->kind == STATE_SECRET)
		(void)snprintf(row, sizeof row, "%.31s %.90s", l->record.kind, id);
	else
		(void)snprintf(row, sizeof row, "%s", l->partial);
	return seal_get(plain, x->seal, &at, span_of(l->sealed, l->sealed_n), err);
}

static int check_sealed(struct checking *c, struct muster_err *err)
{
	struct muster_err why = { 0 };
	struct buf plain;
	int r = MUSTER_OK;

	if (c->x->seal == NULL)
		return c->passphrase == NULL ? MUSTER_OK : wrong(err, "a sealed key comes before what opens it");
	buf_init(&plain, STATE_SEALED_MAX);
	if ((r = import_open(c->x, &c->line, &plain, &why)) != MUSTER_OK && r != MUSTER_E_NOMEM)
		r = wrong(err, "a sealed key cannot be opened: %s", why.message);
	buf_cleanse(&plain);
	return r;
}

static int check_line(struct checking *c, struct muster_err *err)
{
	enum state_kind k = c->line.kind;
	int r = MUSTER_OK;

	if (k < c->last)
		return wrong(err, "%s come behind %s", state_kind_word(k), state_kind_word(c->last));
	switch (k) {
	case STATE_USE:
		r = check_use(c, err);
		break;
	case STATE_COUNTER:
		if (c->line.counter.product > 0)
			c->x->target[c->line.counter.product - 1].used = true;
		if (c->x->counts[STATE_COUNTER] >= IMPORT_COUNTERS_MAX)
			r = wrong(err, "there are more than %u counters", IMPORT_COUNTERS_MAX);
		break;
	case STATE_SETTING:
		if (strcmp(c->line.setting.scope, "ledger") == 0)
			r = wrong(err, "it is a setting of the ledger's own, which is never moved");
		break;
	case STATE_EDITION:
		c->x->target[c->line.edition.product - 1].used = true;
		break;
	case STATE_HOLDING:
		c->x->target[c->line.holding.product - 1].used = true;
		break;
	case STATE_PASSPHRASE:
		r = open_seal(c, err);
		break;
	case STATE_KEY:
		r = check_sealed(c, err);
		break;
	case STATE_RECORD:
		r = check_record(c, k, err);
		break;
	case STATE_SECRET:
		if ((r = check_record(c, k, err)) == MUSTER_OK)
			r = check_sealed(c, err);
		break;
	default:
		break;
	}
	c->last = k;
	c->x->counts[k]++;
	return r;
}

static int cut_off(const struct state_import *x, struct muster_err *err)
{
	return wrong(err, "the file is cut off: it ends with line %lld and has no manifest", (long long)x->line_number);
}

static int take_hash(struct checking *c, struct muster_span line, struct muster_err *err)
{
	c->bytes += (int64_t)line.n + 1;
	c->lines++;
	return EVP_DigestUpdate(c->hash, line.p, line.n) == 1 && EVP_DigestUpdate(c->hash, "\n", 1) == 1 ? MUSTER_OK : err_set(err, MUSTER_E_INTERNAL, "cannot hash the file");
}

static int read_head(struct checking *c, struct muster_err *err)
{
	struct state_import *x = c->x;
	struct muster_err why = { 0 };
	struct muster_span line;
	bool ended;
	int r;

	if ((r = import_line(x, &line, &ended, err)) != MUSTER_OK)
		return r == MUSTER_E_NOT_FOUND ? wrong(err, "the file is empty") : r;
	if ((r = state_head_read(&x->head, line, &why)) == MUSTER_E_INVALID)
		return wrong(err, "this is no state file of a Muster host: %s", why.message);
	if (r != MUSTER_OK) {
		*err = why;
		return r;
	}
	if (!ended)
		return cut_off(x, err);
	if ((x->target = mem_array(x->head.product_count + 1, sizeof *x->target)) == NULL)
		return err_nomem(err);
	return take_hash(c, line, err);
}

/* Every line but the last, and that. */
static int read_lines(struct checking *c, struct muster_err *err)
{
	struct state_import *x = c->x;
	struct muster_span line;
	bool ended;
	int r;

	for (;;) {
		if ((r = import_line(x, &line, &ended, err)) != MUSTER_OK)
			return r == MUSTER_E_NOT_FOUND ? cut_off(x, err) : r;
		r = state_line_read(&c->line, &x->head, line, err);
		if (r != MUSTER_OK)
			return r != MUSTER_E_NOMEM && !ended ? cut_off(x, err) : in_line(x, r, err);
		if (c->line.kind != STATE_END && line.n > STATE_LINE_MAX)
			r = wrong(err, "it is longer than %u bytes", STATE_LINE_MAX);
		else
			r = c->line.kind == STATE_END ? MUSTER_OK : check_line(c, err);
		if (c->line.kind == STATE_END) {
			x->end = json_deep_copy(c->line.end);
			state_line_fini(&c->line);
			if (x->end == NULL)
				return err_nomem(err);
			return import_line(x, &line, &ended, err) == MUSTER_E_NOT_FOUND ? MUSTER_OK : wrong(err, "something stands behind the manifest");
		}
		state_line_fini(&c->line);
		if (r != MUSTER_OK || (r = take_hash(c, line, err)) != MUSTER_OK)
			return in_line(x, r, err);
		if (!ended)
			return cut_off(x, err);
		/* Long files take a while, and whoever began waits for this very answer. */
		x->touched = moving_steady_ms();
	}
}

static bool claim_is(const json_t *claims, const char *name, json_int_t value)
{
	const json_t *v = json_object_get(claims, name);

	return json_is_integer(v) && json_integer_value(v) == value;
}

static int compare_manifest(struct checking *c, struct muster_err *err)
{
	struct state_import *x = c->x;
	char id[UUID_TEXT], urn[sizeof UUID_URN + UUID_TEXT], sha256[HEX_SIZE(32)];
	const char *said = json_string_value(json_object_get(x->claims, "sha256")), *sub = json_string_value(json_object_get(x->claims, "sub"));
	const json_t *counts = json_object_get(x->claims, "counts");
	unsigned char digest[32];

	if (EVP_DigestFinal_ex(c->hash, digest, NULL) != 1)
		return err_set(err, MUSTER_E_INTERNAL, "cannot hash the file");
	hex_encode(sha256, digest, sizeof digest);
	uuid_format(id, x->head.instance);
	(void)snprintf(urn, sizeof urn, UUID_URN "%s", id);
	if (!claim_is(x->claims, "ver", STATE_FILE_VERSION) || sub == NULL || strcmp(sub, urn) != 0 || !claim_is(x->claims, "sequence", x->head.sequence) ||
	    !claim_is(x->claims, "iat", x->head.at / 1000))
		return wrong(err, "the manifest is another file's: its host, sequence or time differ from the first line's");
	if (said == NULL || strcmp(said, sha256) != 0 || !claim_is(x->claims, "bytes", c->bytes) || !claim_is(x->claims, "lines", c->lines))
		return wrong(err, "the file was changed after it was written: its SHA-256 is %s, the manifest says %.64s", sha256, said != NULL ? said : "nothing");
	for (int k = 0; k < STATE_END; k++)
		if (json_integer_value(json_object_get(counts, state_kind_word((enum state_kind)k))) != x->counts[k])
			return wrong(err, "the manifest counts %s otherwise than there are", state_kind_word((enum state_kind)k));
	memcpy(x->sha256, sha256, sizeof x->sha256);
	return MUSTER_OK;
}

static int check_manifest(struct checking *c, bool unsigned_too, struct muster_err *err)
{
	struct state_import *x = c->x;
	const json_t *plain = json_object_get(x->end, "unsigned");
	int r;

	x->is_signed = plain == NULL;
	if (plain != NULL && !unsigned_too)
		return wrong(err, "the file is not signed: the host that wrote it was not activated. Who knows that it is genuine takes it with --yes");
	if (plain != NULL)
		x->claims = json_incref((json_t *)(uintptr_t)plain);
	else if ((r = activation_state_verify(c->s->activation, x->end, &x->claims, x->issuer, sizeof x->issuer, err)) != MUSTER_OK)
		return r;
	return compare_manifest(c, err);
}

struct own { uint8_t id[16]; struct state_import *x; };

static int look_source(void *ctx, const struct store_source *s)
{
	struct own *o = ctx;

	if (s->source == 1)
		memcpy(o->id, s->ledger_id, 16);
	else if (uuid_equal(s->ledger_id, o->x->head.instance))
		o->x->taken_before = s->taken_seq;
	return 0;
}

static int check_host(struct checking *c, struct muster_err *err)
{
	struct own own = { .x = c->x };
	int64_t now = clock_wall_ms(c->s->clock);
	char at[TIME_RFC3339];
	int r;

	if ((r = ledger_sources(c->s->ledger, look_source, &own, err)) != MUSTER_OK)
		return r;
	time_rfc3339(at, c->x->head.at);
	if (uuid_equal(own.id, c->x->head.instance))
		return wrong(err, "the file was written by this very host: there is nothing to take over");
	if (c->x->head.at > now + AHEAD_MS)
		return wrong(err, "the file was written at %s, which is ahead of this host's clock: set the clock first", at);
	if (c->x->taken_before >= c->x->head.sequence && c->x->head.sequence > 0)
		import_note(c->x, "This host has taken over what that one knew at %s already; doing it again changes nothing.", at);
	return MUSTER_OK;
}

/* By activation ID, then by name; a name that stands for another product here is not guessed about. */
static int resolve_product(struct checking *c, const struct catalog *catalog, size_t i, struct muster_err *err)
{
	const struct state_product *p = &c->x->head.products[i];
	struct import_target *t = &c->x->target[i];
	const struct catalog_edition *e = uuid_is_nil(p->activation_id) ? NULL : catalog_find(catalog, p->activation_id);
	const struct catalog_product *named = catalog_product_named(catalog, p->name), *here = NULL;
	char id[UUID_TEXT];

	if (!t->used)
		return MUSTER_OK;
	if (e != NULL && uuid_equal(e->product->row.activation_id, p->activation_id))
		here = e->product;
	else if (named != NULL && uuid_is_nil(p->activation_id))
		here = named;
	else if (named != NULL) {
		uuid_format(id, p->activation_id);
		return wrong(err, "the file's product %s has the activation ID %s, which here is another product's name: rename one of them", p->name, id);
	}
	(void)snprintf(t->name, sizeof t->name, "%s", here != NULL ? here->row.name : p->name);
	t->here = here != NULL;
	if (!t->here)
		import_note(c->x, "This host has no product %s: what the file says of it is kept, and counts once its plugin or product file is loaded.", p->name);
	for (size_t k = 0; k < i; k++)
		if (c->x->target[k].used && strcmp(c->x->target[k].name, t->name) == 0)
			return wrong(err, "two products of the file, %s and %s, are one here (%s)", c->x->head.products[k].name, p->name, t->name);
	return MUSTER_OK;
}

static int check(struct checking *c, const struct catalog *catalog, bool unsigned_too, struct muster_err *err)
{
	int r;

	if (c->x->got != c->x->size)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%lld of %lld bytes came", (long long)c->x->got, (long long)c->x->size);
	if ((r = import_rewind(c->x, err)) != MUSTER_OK || (r = read_head(c, err)) != MUSTER_OK || (r = read_lines(c, err)) != MUSTER_OK ||
	    (r = check_manifest(c, unsigned_too, err)) != MUSTER_OK || (r = check_host(c, err)) != MUSTER_OK)
		return r;
	for (size_t i = 0; i < c->x->head.product_count && r == MUSTER_OK; i++)
		r = resolve_product(c, catalog, i, err);
	if (r == MUSTER_OK && c->passphrase == NULL && c->x->counts[STATE_PASSPHRASE] > 0)
		import_note(c->x, "The product keys in the file stay there: --with-keys and the passphrase take them, too.");
	if (r == MUSTER_OK && !c->x->is_signed)
		import_note(c->x, "The file is not signed: that it is genuine is your word.");
	return r;
}

json_t *import_summary(const struct state_import *x)
{
	json_t *counts = json_object();
	char at[TIME_RFC3339];

	time_rfc3339(at, x->head.at);
	for (int k = 0; k < STATE_END; k++)
		(void)json_object_set_new(counts, state_kind_word((enum state_kind)k), json_integer((json_int_t)x->counts[k]));
	return json_pack("{s:s, s:s, s:o, s:I, s:s, s:b, s:s?, s:b, s:s, s:s?, s:o, s:O}", "import", x->id, "host", x->head.host, "instance", moving_uuid(x->head.instance),
		"sequence", (json_int_t)x->head.sequence, "at", at, "signed", x->is_signed, "issuer", x->is_signed ? x->issuer : NULL, "retires",
		json_is_true(json_object_get(x->claims, "retires")), "sha256", x->sha256, "audit", json_string_value(json_object_get(x->claims, "audit")), "counts", counts, "notes", x->notes);
}

int import_check(struct service *s, const struct catalog *catalog, const char *id, const char *passphrase, bool unsigned_too, json_t **out, struct muster_err *err)
{
	struct checking *c = NULL;
	struct state_import *x = import_find(s, id, err);
	int r;

	if (x == NULL)
		return MUSTER_E_NOT_FOUND;
	if ((c = mem_alloc(sizeof *c)) == NULL || (c->hash = EVP_MD_CTX_new()) == NULL || EVP_DigestInit_ex(c->hash, EVP_sha256(), NULL) != 1) {
		r = err_nomem(err);
	} else {
		c->s = s;
		c->x = x;
		c->passphrase = passphrase;
		r = check(c, catalog, unsigned_too, err);
		state_line_fini(&c->line);
	}
	if (c != NULL)
		EVP_MD_CTX_free(c->hash);
	mem_free(c);
	x->touched = moving_steady_ms();
	if (r == MUSTER_OK && (*out = import_summary(x)) == NULL)
		r = err_nomem(err);
	x->checked = r == MUSTER_OK;
	if (r != MUSTER_OK) {   /* nothing of it is of use */
		import_free(x);
		s->moving->in = NULL;
	}
	return r;
}

int import_apply(struct service *s, const struct catalog *catalog, const char *actor, const char *id, bool commit, json_t **out, struct muster_err *err)
{
	struct state_import *x = import_find(s, id, err);
	int r;

	if (x == NULL)
		return MUSTER_E_NOT_FOUND;
	if (commit && !x->checked)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "the file was not checked");
	r = commit ? import_merge(x, s, catalog, actor, err) : MUSTER_OK;
	if (r == MUSTER_OK) {
		*out = import_summary(x);
		if (*out == NULL || json_object_set_new(*out, "committed", json_boolean(commit)) != 0 || (commit && json_object_set_new(*out, "done", import_done_json(x)) != 0))
			r = err_nomem(err);
	}
	import_free(x);
	s->moving->in = NULL;
	return r;
}
