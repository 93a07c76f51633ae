/* Writing a state file: rows in pages, a megabyte an answer, hashed as they leave; the signed manifest last (trust.md section 11). */
#include "core/service/moving.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <openssl/crypto.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/estate/estate.h"
#include "core/service/admin.h"
#include "core/service/moving_import.h"

#define HOLD_MS MOVING_IDLE_MS
#define DRAIN_MS 10000                   /* a request's deadline: whoever asked before is answered by then */
#define PAGE 50                          /* records: 64 KiB each at most */

enum phase { PHASE_HEAD, PHASE_USES, PHASE_COUNTERS, PHASE_EDITIONS, PHASE_SETTINGS, PHASE_HOLDINGS, PHASE_RECORDS, PHASE_KEYS, PHASE_SECRETS, PHASE_END, PHASE_DONE };

struct state_export {
	char id[UUID_TEXT], actor[64];
	int64_t touched;                     /* steady ms */
	bool retire, is_signed;
	struct state_head head;
	uint32_t *places; size_t place_count;   /* of a product by the state's number: 1 + index; 0 none */
	char audit[160];                     /* head of the record of acts */
	EVP_MD_CTX *hash;
	char sha256[HEX_SIZE(32)];
	int64_t bytes, lines, counts[STATE_KINDS];
	struct buf out;
	enum phase phase;
	uint8_t client[16]; uint32_t product;   /* the last row */
	size_t holding_product; uint32_t class_; uint8_t holder[STORE_HOLDER_MAX]; size_t holder_n;
	char kind[32]; uint8_t record[64]; size_t record_n;
	struct seal *seal; char *wrapped;    /* --with-keys */
	struct muster_err *err;              /* of the present call */
	struct service *service;
	size_t seen; int r;
};

int64_t moving_steady_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

json_t *moving_uuid(const uint8_t id[16])
{
	char text[UUID_TEXT];

	uuid_format(text, id);
	return json_string(text);
}

bool moving_carries(const char *kind)
{
	return strcmp(kind, ACTIVATION_R_CONFIRMATION) == 0 || (strncmp(kind, "estate-", 7) == 0 && strcmp(kind, ESTATE_R_SECRET) != 0);
}

bool moving_carries_secret(const char *kind)
{
	return strcmp(kind, ESTATE_R_SECRET) == 0 || strcmp(kind, "embedded-key") == 0;
}

struct moving *moving_new(void)
{
	struct moving *m = mem_alloc(sizeof *m);

	if (m != NULL)
		pthread_mutex_init(&m->lock, NULL);
	return m;
}

void moving_free(struct moving *m)
{
	if (m == NULL)
		return;
	export_free(NULL, m->out);
	import_free(m->in);
	pthread_mutex_destroy(&m->lock);
	mem_free(m);
}

void export_free(struct service *s, struct state_export *x)
{
	if (x == NULL)
		return;
	if (s != NULL && x->retire)
		(void)ledger_hold(s->ledger, 0, true);
	state_head_fini(&x->head);
	mem_free(x->places);
	EVP_MD_CTX_free(x->hash);
	buf_cleanse(&x->out);
	seal_free(x->seal);
	mem_free(x->wrapped);
	mem_free(x);
}

/* ---- the header ---- */

struct heading { struct state_export *x; struct muster_err *err; bool failed; };

static int add_source(void *ctx, const struct store_source *s)
{
	struct heading *h = ctx;
	struct state_head *head = &h->x->head;
	struct store_source *more = head->source_count < STORE_SOURCES_MAX ? mem_grow(head->sources, head->source_count + 1, sizeof *more) : NULL;

	h->failed = more == NULL;
	if (h->failed)
		return 1;
	head->sources = more;
	head->sources[head->source_count++] = *s;
	return 0;
}

static int add_pool(void *ctx, const struct store_pool *p)
{
	struct heading *h = ctx;
	struct state_head *head = &h->x->head;
	struct store_pool *more = mem_grow(head->pools, head->pool_count + 1, sizeof *more);

	h->failed = more == NULL;
	if (h->failed)
		return 1;
	head->pools = more;
	head->pools[head->pool_count++] = *p;
	return 0;
}

static int add_product(void *ctx, const struct store_product *p)
{
	struct heading *h = ctx;
	struct state_export *x = h->x;
	struct state_product *more = mem_grow(x->head.products, x->head.product_count + 1, sizeof *more), *row;
	uint32_t *places = p->product < STATE_PRODUCTS_MAX * 4 ? mem_grow(x->places, p->product + 1, sizeof *places) : NULL;

	if (more != NULL)
		x->head.products = more;
	if (places != NULL)
		x->places = places;
	h->failed = more == NULL || places == NULL;
	if (h->failed)
		return 1;
	row = &more[x->head.product_count];
	memset(row, 0, sizeof *row);
	(void)snprintf(row->name, sizeof row->name, "%s", p->name);
	for (size_t i = 0; i < x->head.pool_count; i++)
		if (x->head.pools[i].pool == p->pool)
			row->pool = (uint32_t)i + 1;
	for (; x->place_count < p->product; x->place_count++)
		places[x->place_count] = 0;
	places[x->place_count++] = (uint32_t)++x->head.product_count;
	return 0;
}

static void name_products(struct state_export *x, const struct catalog *catalog)
{
	for (size_t i = 0; i < x->head.product_count; i++) {
		const struct catalog_product *p = catalog_product_named(catalog, x->head.products[i].name);

		if (p != NULL)
			memcpy(x->head.products[i].activation_id, p->row.activation_id, 16);
	}
}

static int make_head(struct state_export *x, struct service *s, const struct catalog *catalog, const char *host, struct muster_err *err)
{
	struct heading h = { x, err, false };
	struct store_source *own;
	int r;

	(void)snprintf(x->head.host, sizeof x->head.host, "%s", host);
	x->head.at = clock_wall_ms(s->clock);
	if ((r = ledger_sources(s->ledger, add_source, &h, err)) != MUSTER_OK || (r = ledger_pools(s->ledger, add_pool, &h, err)) != MUSTER_OK ||
	    (r = ledger_products(s->ledger, add_product, &h, err)) != MUSTER_OK)
		return r;
	if (h.failed)
		return err_nomem(err);
	name_products(x, catalog);
	MUSTER_ASSERT(x->head.source_count > 0);
	own = &x->head.sources[0];
	memcpy(x->head.instance, own->ledger_id, 16);
	(void)snprintf(own->name, sizeof own->name, "%.127s", host);
	own->taken_seq = x->head.sequence;
	own->taken_at = x->head.at;
	return MUSTER_OK;
}

static uint32_t place_of(const struct state_export *x, uint32_t product)
{
	return product < x->place_count ? x->places[product] : 0;
}

/* ---- rows ---- */

static int stop(struct state_export *x, int r)
{
	x->r = r;
	return r != MUSTER_OK || x->out.failed;
}

static void counted(struct state_export *x, enum state_kind kind)
{
	x->counts[kind]++;
	x->lines++;
}

static int write_use(void *ctx, const struct ledger_moved *m)
{
	struct state_export *x = ctx;
	uint32_t place = place_of(x, m->use.product);
	struct store_part parts[STORE_SOURCES_MAX];
	size_t n = 0;

	memcpy(x->client, m->use.client, 16);
	x->product = m->use.product;
	/* By the header's places; a source that came since is left for the next export. */
	for (size_t i = 0; i < m->part_count; i++)
		for (size_t k = 0; k < x->head.source_count; k++)
			if (x->head.sources[k].source == m->parts[i].source) {
				parts[n] = m->parts[i];
				parts[n++].source = (uint32_t)k + 1;
			}
	if (place == 0 || n == 0)
		return 0;
	state_write_use(&x->out, &m->use, place, parts, n);
	counted(x, STATE_USE);
	return stop(x, MUSTER_OK);
}

static int write_counter(void *ctx, const struct store_counter *c)
{
	struct state_export *x = ctx;
	struct store_counter row = *c;

	row.product = place_of(x, c->product);
	if (c->product != 0 && row.product == 0)
		return 0;
	row.source = 0;
	for (size_t k = 0; k < x->head.source_count; k++)
		if (x->head.sources[k].source == c->source)
			row.source = (uint32_t)k + 1;
	if (row.source == 0)
		return 0;
	state_write_counter(&x->out, &row);
	counted(x, STATE_COUNTER);
	return stop(x, MUSTER_OK);
}

static int write_edition(void *ctx, const struct store_edition *e, const char *product)
{
	struct state_export *x = ctx;
	struct store_edition row = *e;

	(void)product;
	if ((row.product = place_of(x, e->product)) == 0)
		return 0;
	counted(x, STATE_EDITION);
	return stop(x, state_write_edition(&x->out, &row, x->err));
}

static int write_setting(void *ctx, const struct store_setting *s)
{
	struct state_export *x = ctx;

	counted(x, STATE_SETTING);
	return stop(x, state_write_setting(&x->out, s, x->err));
}

static int write_holding(void *ctx, const struct store_holding *h)
{
	struct state_export *x = ctx;
	struct store_holding row = *h;

	x->class_ = h->class_;
	memcpy(x->holder, h->holder, h->holder_n);
	x->holder_n = h->holder_n;
	x->seen++;
	row.product = (uint32_t)x->holding_product + 1;
	state_write_holding(&x->out, &row);
	counted(x, STATE_HOLDING);
	return stop(x, MUSTER_OK);
}

static void note_record(struct state_export *x, const struct store_record *r)
{
	memcpy(x->record, r->id, r->id_n);
	x->record_n = r->id_n;
	x->seen++;
}

static int write_record(void *ctx, const struct store_record *r)
{
	struct state_export *x = ctx;

	note_record(x, r);
	counted(x, STATE_RECORD);
	return stop(x, state_write_record(&x->out, r, x->err));
}

/* ---- keys, under the passphrase ---- */

static json_t *sealed_json(struct state_export *x, const char *row, struct muster_span plain)
{
	struct seal_place at = { MOVING_PLACE, row, "key" };
	char text[B64_SIZE(STATE_SEALED_MAX)];
	json_t *out = NULL;
	struct buf sealed;

	buf_init(&sealed, STATE_SEALED_MAX);
	if ((x->r = seal_put(&sealed, x->seal, &at, plain, x->err)) == MUSTER_OK) {
		(void)b64_encode(text, sealed.p, sealed.n);
		out = json_string(text);
	}
	buf_fini(&sealed);
	return out;
}

static int write_key(void *ctx, const char *partial, const char *key)
{
	struct state_export *x = ctx;
	json_t *sealed = sealed_json(x, partial, span_str(key));

	if (x->r != MUSTER_OK)
		return 1;
	counted(x, STATE_KEY);
	return stop(x, state_write_json(&x->out, json_pack("{s:s, s:o}", "key", partial, "sealed", sealed), x->err));
}

/* The record without its sealed member, and that opened and sealed again under the passphrase. */
static int write_opened(struct state_export *x, const struct store_record *r, json_t *o, struct muster_span sealed)
{
	char id[HEX_SIZE(64)], row[160];
	struct buf plain;
	json_t *again;

	buf_init(&plain, STATE_SEALED_MAX);
	if ((x->r = activation_unseal(x->service->activation, r->kind, span_of(r->id, r->id_n), sealed, &plain, x->err)) == MUSTER_OK) {
		hex_encode(id, r->id, r->id_n);
		(void)snprintf(row, sizeof row, "%.31s %.90s", r->kind, id);
		again = sealed_json(x, row, span_of(plain.p, plain.n));
		if (x->r == MUSTER_OK) {
			(void)json_object_del(o, "sealed");
			counted(x, STATE_SECRET);
			x->r = state_write_json(&x->out, json_pack("{s:s, s:s, s:I, s:O, s:o}", "secret", r->kind, "id", id, "at", (json_int_t)r->at, "data", o, "sealed", again), x->err);
		}
	}
	buf_cleanse(&plain);
	return x->r != MUSTER_OK;
}

static int write_secret(void *ctx, const struct store_record *r)
{
	struct state_export *x = ctx;
	json_t *o = json_loadb((const char *)r->data, r->data_n, JSON_REJECT_DUPLICATES, NULL);
	const char *text = json_string_value(json_object_get(o, "sealed"));
	uint8_t sealed[STATE_SEALED_MAX];
	size_t n = 0;
	int stopped = 0;

	note_record(x, r);
	if (text != NULL && b64_decode(sealed, sizeof sealed, &n, text, strlen(text)) == MUSTER_OK)
		stopped = write_opened(x, r, o, span_of(sealed, n));
	json_decref(o);
	return stopped;
}

static int write_passphrase(struct state_export *x)
{
	counted(x, STATE_PASSPHRASE);
	return state_write_json(&x->out, json_pack("{s:s}", "passphrase", x->wrapped), x->err);
}

/* ---- the manifest ---- */

static json_t *manifest(const struct state_export *x)
{
	json_t *counts = json_object();
	char id[UUID_TEXT], urn[sizeof UUID_URN + UUID_TEXT];

	uuid_format(id, x->head.instance);
	(void)snprintf(urn, sizeof urn, UUID_URN "%s", id);
	for (int k = 0; k < STATE_END; k++)
		if (x->counts[k] > 0)
			(void)json_object_set_new(counts, state_kind_word((enum state_kind)k), json_integer((json_int_t)x->counts[k]));
	return json_pack("{s:i, s:s, s:s, s:s, s:I, s:I, s:o, s:I, s:I, s:s, s:s, s:b}", "ver", STATE_FILE_VERSION, "sub", urn, "jti", x->id, "host", x->head.host,
		"iat", (json_int_t)(x->head.at / 1000), "sequence", (json_int_t)x->head.sequence, "counts", counts, "lines", (json_int_t)x->lines, "bytes", (json_int_t)x->bytes,
		"sha256", x->sha256, "audit", x->audit, "retires", x->retire);
}

static int write_end(struct state_export *x)
{
	json_t *claims = manifest(x), *end = NULL;
	int r;

	if (claims == NULL)
		return err_nomem(x->err);
	if (x->is_signed)
		r = activation_state_sign(x->service->activation, claims, &end, x->err);
	else
		r = (end = json_pack("{s:O}", "unsigned", claims)) != NULL ? MUSTER_OK : err_nomem(x->err);
	json_decref(claims);
	return r == MUSTER_OK ? state_write_json(&x->out, json_pack("{s:o}", "end", end), x->err) : r;
}

/* ---- a step ---- */

static int step_uses(struct state_export *x)
{
	size_t n = 0;
	int r = ledger_export_uses(x->service->ledger, x->client, x->product, write_use, x, &n, x->err);

	if (r == MUSTER_OK && n < STORE_PAGE_MAX && x->r == MUSTER_OK)
		x->phase++;
	return r;
}

static uint32_t number_at(const struct state_export *x, size_t place)
{
	for (size_t n = 0; n < x->place_count; n++)
		if (x->places[n] == place + 1)
			return (uint32_t)n;
	return 0;
}

static int step_holdings(struct state_export *x)
{
	int r;

	if (x->holding_product == x->head.product_count) {
		x->phase++;
		return MUSTER_OK;
	}
	x->seen = 0;
	r = ledger_holdings(x->service->ledger, number_at(x, x->holding_product), x->class_, span_of(x->holder, x->holder_n), STORE_PAGE_MAX, write_holding, x, x->err);
	if (r == MUSTER_OK && x->seen < STORE_PAGE_MAX) {
		x->holding_product++;
		x->class_ = 0;
		x->holder_n = 0;
	}
	return r;
}

/* A page of the present kind; behind its last one the next kind that @p carries. */
static int step_records(struct state_export *x, bool (*carries)(const char *), int (*fn)(void *, const struct store_record *))
{
	char next[32];
	int r = MUSTER_OK;

	x->seen = 0;
	if (x->kind[0] != '\0' && carries(x->kind))
		r = ledger_records(x->service->ledger, x->kind, span_of(x->record, x->record_n), PAGE, fn, x, x->err);
	if (r != MUSTER_OK || x->seen > 0)
		return r;
	if ((r = ledger_kind_after(x->service->ledger, x->kind, next, x->err)) == MUSTER_E_NOT_FOUND) {
		x->phase++;
		x->kind[0] = '\0';
		r = MUSTER_OK;
	} else if (r == MUSTER_OK) {
		memcpy(x->kind, next, sizeof x->kind);
	}
	x->record_n = 0;
	return r;
}

static int step(struct state_export *x)
{
	struct ledger *l = x->service->ledger;
	int r = MUSTER_OK;

	switch (x->phase) {
	case PHASE_HEAD:
		x->lines++;
		r = state_head_write(&x->out, &x->head, x->err);
		break;
	case PHASE_USES:
		return step_uses(x);
	case PHASE_COUNTERS:
		r = ledger_counters(l, write_counter, x, x->err);
		break;
	case PHASE_EDITIONS:
		r = ledger_learned(l, write_edition, x, x->err);
		break;
	case PHASE_SETTINGS:
		r = ledger_settings(l, write_setting, x, x->err);
		break;
	case PHASE_HOLDINGS:
		return step_holdings(x);
	case PHASE_RECORDS:
		return step_records(x, moving_carries, write_record);
	case PHASE_KEYS:
		if (x->seal != NULL && (r = write_passphrase(x)) == MUSTER_OK)
			r = activation_state_keys(x->service->activation, write_key, x, x->err);
		break;
	case PHASE_SECRETS:
		if (x->seal != NULL)
			return step_records(x, moving_carries_secret, write_secret);
		break;
	default:
		break;
	}
	x->phase++;
	return r;
}

/* Enough for an answer, hashed; behind everything else the manifest, which is not. */
static int fill(struct state_export *x)
{
	unsigned char digest[32];
	int r = MUSTER_OK;

	while (r == MUSTER_OK && x->phase < PHASE_END && x->out.n < MOVING_CHUNK) {
		x->r = MUSTER_OK;
		if ((r = step(x)) == MUSTER_OK)
			r = x->r;
		if (r == MUSTER_OK && x->out.failed)
			r = err_nomem(x->err);
	}
	if (r != MUSTER_OK)
		return r;
	x->bytes += (int64_t)x->out.n;
	if (EVP_DigestUpdate(x->hash, x->out.p, x->out.n) != 1)
		return err_set(x->err, MUSTER_E_INTERNAL, "cannot hash the file");
	if (x->phase != PHASE_END || x->out.n >= MOVING_CHUNK)
		return MUSTER_OK;
	if (EVP_DigestFinal_ex(x->hash, digest, NULL) != 1)
		return err_set(x->err, MUSTER_E_INTERNAL, "cannot hash the file");
	hex_encode(x->sha256, digest, 32);
	x->phase = PHASE_DONE;
	return write_end(x);
}

/* ---- calls ---- */

/* The one under way, which may be forgotten after a while. */
static int take_place(struct service *s, const char *actor, struct muster_err *err)
{
	struct state_export *x = s->moving->out;

	if (x != NULL && moving_steady_ms() - x->touched < MOVING_IDLE_MS)
		return err_code(err, MUSTER_E_BUSY, CODE_M_BUSY, "another export is running, begun by %s; it is given up when it is left alone for a minute", x->actor);
	(void)actor;
	export_free(s, x);
	s->moving->out = NULL;
	return MUSTER_OK;
}

/* Who asked before nothing was granted any more is still answered. */
static int drain(struct service *s, struct muster_err *err)
{
	static const struct timespec pause = { 0, 10000000L };
	int64_t until = moving_steady_ms() + DRAIN_MS;

	while (atomic_load(&s->waiting) > 0) {
		if (moving_steady_ms() >= until)
			return err_set(err, MUSTER_E_BUSY, "requests that came before are not answered yet; try again");
		(void)nanosleep(&pause, NULL);
	}
	return MUSTER_OK;
}

static int seal_for(struct state_export *x, const char *passphrase, struct muster_err *err)
{
	uint8_t key[SEAL_KEY];
	struct buf wrapped;
	int r;

	buf_init(&wrapped, 1024);
	random_bytes(key, sizeof key);
	if ((r = seal_wrap(&wrapped, key, passphrase, err)) == MUSTER_OK && (r = seal_open_key(&x->seal, key, err)) == MUSTER_OK &&
	    (x->wrapped = mem_strdup(buf_str(&wrapped))) == NULL)
		r = err_nomem(err);
	OPENSSL_cleanse(key, sizeof key);
	buf_fini(&wrapped);
	if (r == MUSTER_E_INVALID)
		err->code = CODE_M_ARGUMENT;
	return r;
}

static int audit_head(struct state_export *x, struct muster_err *err)
{
	json_t *head = NULL;
	int r = activation_audit_head(x->service->activation, &head, err);

	if (r == MUSTER_OK)
		(void)snprintf(x->audit, sizeof x->audit, "%s", json_string_value(json_object_get(head, "head")));
	json_decref(head);
	return r;
}

/* A trial signature: whether the file can be signed is known before anything is held or written. */
static int look_signature(struct state_export *x, struct muster_err *err)
{
	json_t *claims = json_pack("{s:i}", "ver", 0), *end = NULL;
	int r = claims == NULL ? err_nomem(err) : activation_state_sign(x->service->activation, claims, &end, err);

	json_decref(claims);
	json_decref(end);
	x->is_signed = r == MUSTER_OK;
	return r == MUSTER_E_NOT_FOUND ? MUSTER_OK : r;
}

static int hold(struct state_export *x, const char *actor, struct muster_err *err)
{
	char text[256];

	if (!x->retire)
		return MUSTER_OK;
	if (x->service->moving->in != NULL && moving_steady_ms() - x->service->moving->in->touched < MOVING_IDLE_MS) {
		x->retire = false;
		return err_code(err, MUSTER_E_BUSY, CODE_M_BUSY, "a state file is being taken over: a host is retired when that has ended, or what came last would be missing");
	}
	if (!ledger_hold(x->service->ledger, HOLD_MS, false)) {
		(void)ledger_moving(x->service->ledger, text, sizeof text);
		x->retire = false;
		return err_code(err, MUSTER_E_REFUSED, CODE_M_RETIRED, "%s; its state can be exported without --retire", text);
	}
	log_line(LOG_NOTICE, "state_export", "text=\"%s began to write the state out and to retire this host: nothing is granted meanwhile\"", actor);
	return drain(x->service, err);
}

int export_begin(struct service *s, const char *actor, const struct export_ask *ask, json_t **out, struct muster_err *err)
{
	struct snapshot *snap = service_snapshot(s);
	struct state_export *x = NULL;
	uint8_t id[16];
	int r;

	if ((r = take_place(s, actor, err)) != MUSTER_OK)
		goto done;
	if ((x = mem_alloc(sizeof *x)) == NULL || (x->hash = EVP_MD_CTX_new()) == NULL || EVP_DigestInit_ex(x->hash, EVP_sha256(), NULL) != 1) {
		r = err_nomem(err);
		goto done;
	}
	uuid_random(id);
	uuid_format(x->id, id);
	x->service = s;
	x->retire = ask->retire;
	x->err = err;
	x->touched = moving_steady_ms();
	buf_init(&x->out, STATE_LONG_LINE_MAX + 2 * MOVING_CHUNK + STORE_PAGE_MAX * (STORE_RECORD_MAX / 64));
	(void)snprintf(x->actor, sizeof x->actor, "%s", actor);
	if ((r = look_signature(x, err)) != MUSTER_OK || (ask->passphrase != NULL && (r = seal_for(x, ask->passphrase, err)) != MUSTER_OK))
		goto done;
	/* What is shown, if only sealed, is in the record of acts before. */
	if (ask->passphrase != NULL && (r = ledger_journal_note(s->ledger, actor, ESTATE_J_STATE_EXPORT, "state", "product keys are written into a state file, under a passphrase", err)) != MUSTER_OK)
		goto done;
	if ((r = hold(x, actor, err)) != MUSTER_OK || (r = ledger_export_begin(s->ledger, x->retire, &x->head.sequence, err)) != MUSTER_OK ||
	    (r = audit_head(x, err)) != MUSTER_OK || (r = make_head(x, s, snap->catalog, ask->host != NULL ? ask->host : snap->config->host.name, err)) != MUSTER_OK)
		goto done;
	*out = json_pack("{s:s, s:b, s:o, s:I, s:b}", "export", x->id, "signed", x->is_signed, "instance", moving_uuid(x->head.instance), "sequence", (json_int_t)x->head.sequence,
		"retire", x->retire);
	if (*out == NULL) {
		r = err_nomem(err);
		goto done;
	}
	s->moving->out = x;
	x = NULL;
done:
	export_free(s, x);
	snapshot_unref(snap);
	return r;
}

static int find(struct state_export **out, struct service *s, const char *id, struct muster_err *err)
{
	struct state_export *x = s->moving->out;

	if (x == NULL || strcmp(x->id, id) != 0)
		return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "this export is not running any more: it was given up, or left alone for more than a minute");
	x->touched = moving_steady_ms();
	x->err = err;
	*out = x;
	if (x->retire && !ledger_hold(s->ledger, HOLD_MS, true))
		return err_code(err, MUSTER_E_NOT_YET, CODE_M_MOVING, "the export took too long, and the host grants again; begin anew");
	return MUSTER_OK;
}

int export_read(struct service *s, const char *id, json_t **out, struct muster_err *err)
{
	struct state_export *x;
	int r;

	if ((r = find(&x, s, id, err)) != MUSTER_OK || (r = fill(x)) != MUSTER_OK)
		return r;
	x->touched = moving_steady_ms();
	*out = json_pack("{s:s%, s:b, s:I}", "data", (const char *)x->out.p, x->out.n, "done", x->phase == PHASE_DONE, "clients", (json_int_t)x->counts[STATE_USE]);
	buf_clear(&x->out);
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}

static int finish(struct state_export *x, struct service *s, const char *actor, const char *file, struct muster_err *err)
{
	struct store_journal row = { .at = clock_wall_ms(s->clock), .kind = ESTATE_J_RETIRED };
	char detail[400], name[80];
	const char *base = strrchr(file, '/');

	if (x->phase != PHASE_DONE)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "the export was not read to its end");
	(void)snprintf(name, sizeof name, "%.60s", base != NULL ? base + 1 : file);
	(void)snprintf(detail, sizeof detail, "sequence %lld, %lld clients, SHA-256 %.64s%s, into %s", (long long)x->head.sequence, (long long)x->counts[STATE_USE], x->sha256,
	               x->is_signed ? "" : ", not signed", name);
	if (!x->retire)
		return ledger_journal_note(s->ledger, actor, ESTATE_J_STATE_EXPORT, "state", detail, err);
	(void)snprintf(row.actor, sizeof row.actor, "%s", actor);
	(void)snprintf(row.object, sizeof row.object, "host");
	(void)snprintf(row.detail, sizeof row.detail, "%s", detail);
	return ledger_retire(s->ledger, &row, name, err);
}

int export_end(struct service *s, const char *actor, const char *id, bool commit, const char *file, json_t **out, struct muster_err *err)
{
	struct state_export *x;
	json_t *counts;
	int r = find(&x, s, id, err);

	if (r != MUSTER_OK)
		return r;
	if (commit && (r = finish(x, s, actor, file, err)) != MUSTER_OK)
		return r;
	counts = json_object();
	for (int k = 0; k < STATE_END; k++)
		(void)json_object_set_new(counts, state_kind_word((enum state_kind)k), json_integer((json_int_t)x->counts[k]));
	*out = json_pack("{s:s, s:I, s:o, s:b, s:b}", "sha256", x->sha256, "sequence", (json_int_t)x->head.sequence, "counts", counts, "signed", x->is_signed,
		"retired", commit && x->retire);
	if (commit)
		x->retire = false;   /* it stays as it is */
	export_free(s, x);
	s->moving->out = NULL;
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}
