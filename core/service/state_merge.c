/* Merging a state file that was looked through: lines become batches, batches transactions. */
#include "core/service/moving_import.h"

#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/estate/estate.h"
#include "core/service/admin.h"
#include "core/service/reload.h"

#define USES_BATCH 4000U
#define PARTS_BATCH (4 * USES_BATCH)
#define HOLDINGS_BATCH 500U
#define RECORDS_BATCH 200U
#define SETTINGS_MAX 1000U
#define KEY_RECORD "estate-key"          /* keys of the books */
#define WHOLE "whole"                    /* member of a key of the books (core/estate) */

/* Records of the state that are here, in the order of the file's: one page of the present kind. */
struct present { char kind[32]; struct store_record rows[RECORDS_BATCH]; uint8_t hash[RECORDS_BATCH][32]; size_t n, at; bool end; };

struct merging {
	struct state_import *x;
	struct service *s;
	const struct catalog *catalog;
	struct muster_err *err;
	struct state_line line;
	struct store_taken *uses; struct store_part *parts; size_t use_count, part_count;
	struct store_holding *holdings; size_t holding_count;
	struct store_change *changes; struct store_record *records; json_t **texts; size_t record_count;
	struct store_counter *counters; size_t counter_count;
	struct store_setting *settings; size_t setting_count;
	struct present present;
	struct import_observed observed;
	bool learned, failed;
};

/* ---- names ---- */

static int number_found(void *ctx, const struct store_product *p)
{
	struct state_import *x = ctx;

	for (size_t i = 0; i < x->head.product_count; i++)
		if (x->target[i].used && strcmp(x->target[i].name, p->name) == 0)
			x->target[i].number = p->product;
	return 0;
}

/* Every pool, and the products that are not known here. */
static int take_names(struct merging *m)
{
	struct state_import *x = m->x;
	struct store_product *fresh = mem_array(x->head.product_count + 1, sizeof *fresh);
	size_t n = 0;
	int r;

	if (fresh == NULL)
		return err_nomem(m->err);
	if ((r = ledger_products(m->s->ledger, number_found, x, m->err)) != MUSTER_OK)
		goto done;
	for (size_t i = 0; i < x->head.product_count; i++)
		if (x->target[i].used && x->target[i].number == 0) {
			(void)snprintf(fresh[n].name, sizeof fresh[n].name, "%s", x->target[i].name);
			fresh[n++].pool = x->head.products[i].pool;
		}
	if ((r = ledger_take_names(m->s->ledger, x->head.pools, x->head.pool_count, fresh, n, m->err)) == MUSTER_OK && n > 0)
		r = ledger_products(m->s->ledger, number_found, x, m->err);
done:
	mem_free(fresh);
	return r;
}

static uint32_t here(const struct merging *m, uint32_t place)
{
	return place == 0 ? 0 : m->x->target[place - 1].number;
}

/* ---- clients ---- */

static int flush_uses(struct merging *m)
{
	int r = MUSTER_OK;

	if (m->use_count > 0)
		r = ledger_take(m->s->ledger, m->x->head.sources, m->x->head.source_count, m->uses, m->use_count, NULL, m->err);
	m->use_count = m->part_count = 0;
	return r;
}

static int take_use(struct merging *m)
{
	struct store_taken *u;
	int r;

	if ((m->use_count == USES_BATCH || m->part_count + m->line.part_count > PARTS_BATCH) && (r = flush_uses(m)) != MUSTER_OK)
		return r;
	u = &m->uses[m->use_count++];
	u->use = m->line.use;
	u->use.product = here(m, m->line.use.product);
	u->parts = &m->parts[m->part_count];
	u->part_count = m->line.part_count;
	memcpy(&m->parts[m->part_count], m->line.parts, m->line.part_count * sizeof *m->parts);
	m->part_count += m->line.part_count;
	return MUSTER_OK;
}

static int take_counter(struct merging *m)
{
	struct store_counter *more;

	MUSTER_ASSERT(m->counter_count < IMPORT_COUNTERS_MAX);   /* the check has counted them */
	if ((more = mem_grow(m->counters, m->counter_count + 1, sizeof *more)) == NULL)
		return err_nomem(m->err);
	m->counters = more;
	more[m->counter_count] = m->line.counter;
	more[m->counter_count++].product = here(m, m->line.counter.product);
	return MUSTER_OK;
}

/* ---- editions, settings, holdings ---- */

static int take_edition(struct merging *m)
{
	struct store_change c = { .kind = STORE_EDITION_PUT, .edition = m->line.edition };
	int r;

	c.edition.product = here(m, m->line.edition.product);
	if (catalog_find(m->catalog, c.edition.activation_id) != NULL)
		return MUSTER_OK;
	if ((r = ledger_transact(m->s->ledger, &c, 1, m->err)) == MUSTER_OK) {
		m->x->done.editions++;
		m->learned = true;
	}
	return r;
}

static int setting_here(void *ctx, const struct store_setting *s)
{
	struct merging *m = ctx;

	if (m->setting_count == SETTINGS_MAX)
		return 1;
	m->settings[m->setting_count++] = *s;
	return 0;
}

/* What this host was told itself stays. */
static int take_setting(struct merging *m)
{
	const struct store_setting *s = &m->line.setting;
	struct store_change c = { .kind = STORE_SETTING_PUT, .setting = *s };

	for (size_t i = 0; i < m->setting_count; i++) {
		const struct store_setting *own = &m->settings[i];

		if (strcmp(own->scope, s->scope) != 0 || strcmp(own->name, s->name) != 0)
			continue;
		if (strcmp(own->value, s->value) != 0) {
			import_note(m->x, "%s.%s stays %s here; the file says %s.", s->scope, s->name, own->value, s->value);
			m->x->done.settings_kept++;
		}
		return MUSTER_OK;
	}
	m->x->done.settings++;
	return ledger_transact(m->s->ledger, &c, 1, m->err);
}

static int flush_holdings(struct merging *m)
{
	size_t changed = 0;
	int r = MUSTER_OK;

	if (m->holding_count > 0)
		r = holdings_take(m->s->holdings, m->holdings, m->holding_count, &changed, m->err);
	m->x->done.holdings += (int64_t)changed;
	m->holding_count = 0;
	return r;
}

static int take_holding(struct merging *m)
{
	int r;

	if (m->holding_count == HOLDINGS_BATCH && (r = flush_holdings(m)) != MUSTER_OK)
		return r;
	m->holdings[m->holding_count] = m->line.holding;
	m->holdings[m->holding_count++].product = here(m, m->line.holding.product);
	return MUSTER_OK;
}

/* ---- records ---- */

static void hash_of(uint8_t out[32], const struct store_record *r)
{
	if (EVP_Digest(r->data, r->data_n, out, NULL, EVP_sha256(), NULL) != 1)
		random_bytes(out, 32);   /* equal to none */
}

static int present_row(void *ctx, const struct store_record *r)
{
	struct present *p = ctx;

	hash_of(p->hash[p->n], r);
	p->rows[p->n] = *r;
	p->rows[p->n++].data = NULL;
	return 0;
}

static int id_order(const struct store_record *a, const struct store_record *b)
{
	size_t n = a->id_n < b->id_n ? a->id_n : b->id_n;
	int c = memcmp(a->id, b->id, n);

	return c != 0 ? c : (a->id_n > b->id_n) - (a->id_n < b->id_n);
}

static int next_page(struct merging *m)
{
	struct present *p = &m->present;
	struct store_record last = { .id_n = 0 };
	int r;

	if (p->n > 0)
		last = p->rows[p->n - 1];
	p->n = p->at = 0;
	r = ledger_records(m->s->ledger, p->kind, span_of(last.id, last.id_n), RECORDS_BATCH, present_row, p, m->err);
	p->end = p->n == 0;
	return r;
}

/* Both are in order, so one pass finds what is there. @param[out] at its place in the page; SIZE_MAX: it is not there. */
static int look_up(struct merging *m, const struct store_record *r, size_t *at)
{
	struct present *p = &m->present;
	int e;

	if (strcmp(p->kind, r->kind) != 0) {
		memset(p, 0, offsetof(struct present, rows));
		memcpy(p->kind, r->kind, sizeof p->kind);
		p->n = p->at = 0;
		p->end = false;
		if ((e = next_page(m)) != MUSTER_OK)
			return e;
	}
	*at = SIZE_MAX;
	for (;;) {
		while (p->at < p->n && id_order(&p->rows[p->at], r) < 0)
			p->at++;
		if (p->at < p->n) {
			if (id_order(&p->rows[p->at], r) == 0)
				*at = p->at;
			return MUSTER_OK;
		}
		if (p->end)
			return MUSTER_OK;
		if ((e = next_page(m)) != MUSTER_OK)
			return e;
	}
}

static void drop_records(struct merging *m)
{
	for (size_t i = 0; i < m->record_count; i++)
		json_decref(m->texts[i]);
	m->record_count = 0;
}

static int flush_records(struct merging *m)
{
	int r = MUSTER_OK;

	for (size_t i = 0; i < m->record_count; i++)
		m->changes[i].record = &m->records[i];
	if (m->record_count > 0)
		r = ledger_transact(m->s->ledger, m->changes, m->record_count, m->err);
	drop_records(m);
	return r;
}

/* Adopts @p text, which holds the data. */
static int put_record(struct merging *m, const struct store_record *r, json_t *text)
{
	int e;

	if (m->record_count == RECORDS_BATCH && (e = flush_records(m)) != MUSTER_OK) {
		json_decref(text);
		return e;
	}
	memset(&m->changes[m->record_count], 0, sizeof *m->changes);
	m->changes[m->record_count].kind = STORE_RECORD_PUT;
	m->records[m->record_count] = *r;
	m->texts[m->record_count++] = text;
	return MUSTER_OK;
}

/* A key of the books says that its whole key is kept: so it is where that comes along, or is here. Another form of the record in @p r and *held, or as it was. */
static int say_whole(struct merging *m, struct store_record *r, json_t **held)
{
	json_t *o = json_loadb((const char *)r->data, r->data_n, JSON_REJECT_DUPLICATES, NULL);
	bool said = json_object_get(o, WHOLE) != NULL, kept = said && m->x->seal != NULL;
	struct buf secret;
	char *text;
	int e = MUSTER_OK;

	buf_init(&secret, STORE_RECORD_MAX);
	if (!kept && (e = ledger_record(m->s->ledger, ESTATE_R_SECRET, span_of(r->id, r->id_n), &secret, NULL)) == MUSTER_OK)
		kept = true;
	buf_fini(&secret);
	if (e == MUSTER_E_NOT_FOUND)
		e = MUSTER_OK;
	if (e == MUSTER_OK && said != kept && o != NULL) {
		if (!kept)
			(void)json_object_del(o, WHOLE);
		else
			(void)json_object_set_new(o, WHOLE, json_true());
		text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
		*held = text != NULL ? json_string(text) : NULL;
		free(text);
		if (*held == NULL)
			e = err_nomem(m->err);
		r->data = (const uint8_t *)json_string_value(*held);
		r->data_n = json_string_length(*held);
	}
	json_decref(o);
	return e;
}

static int merge_record(struct merging *m, const struct store_record *r, json_t *held)
{
	uint8_t hash[32];
	size_t at;
	int e;

	if ((e = look_up(m, r, &at)) != MUSTER_OK)
		return e;
	if (at == SIZE_MAX) {
		m->x->done.records_new++;
	} else {
		hash_of(hash, r);
		if (strcmp(r->kind, ACTIVATION_R_CONFIRMATION) == 0 || memcmp(hash, m->present.hash[at], 32) == 0 || r->at < m->present.rows[at].at)
			return MUSTER_OK;
		/* Written at the same time it is the same entry: at most its whole key comes only now. */
		if (r->at == m->present.rows[at].at && (strcmp(r->kind, KEY_RECORD) != 0 || m->x->seal == NULL))
			return MUSTER_OK;
		m->x->done.records_changed++;
	}
	return put_record(m, r, json_incref(held));
}

/* A confirmation is one for good; of two entries of the books the one written last stays. */
static int take_record(struct merging *m)
{
	struct store_record r = m->line.record;
	json_t *held = NULL;
	int e = strcmp(r.kind, KEY_RECORD) == 0 ? say_whole(m, &r, &held) : MUSTER_OK;

	if (e == MUSTER_OK)
		e = merge_record(m, &r, held != NULL ? held : m->line.json);
	json_decref(held);
	return e;
}

/* ---- keys ---- */

static int take_key(struct merging *m)
{
	struct muster_err why = { 0 };
	json_t *answer = NULL;
	struct buf plain;
	int r;

	if (m->x->seal == NULL)
		return MUSTER_OK;
	buf_init(&plain, STATE_SEALED_MAX);
	if ((r = import_open(m->x, &m->line, &plain, m->err)) == MUSTER_OK) {
		if (activation_key_install(m->s->activation, m->x->actor, buf_str(&plain), plain.n, false, &answer, &why) == MUSTER_OK) {
			m->x->done.keys++;
		} else {
			m->x->done.keys_left++;
			import_note(m->x, "The product key that ends in %s was not installed: %.300s", m->line.partial, why.message);
		}
	}
	json_decref(answer);
	buf_cleanse(&plain);
	return r;
}

static int sealed_again(struct merging *m, const struct store_record *r, json_t *o)
{
	struct buf plain, sealed;
	char text[B64_SIZE(STATE_SEALED_MAX + SEAL_OVERHEAD)];
	int e;

	buf_init(&plain, STATE_SEALED_MAX);
	buf_init(&sealed, STATE_SEALED_MAX + SEAL_OVERHEAD);
	if ((e = import_open(m->x, &m->line, &plain, m->err)) == MUSTER_OK &&
	    (e = activation_seal(m->s->activation, r->kind, span_of(r->id, r->id_n), span_of(plain.p, plain.n), &sealed, m->err)) == MUSTER_OK) {
		(void)b64_encode(text, sealed.p, sealed.n);
		if (json_object_set_new(o, "sealed", json_string(text)) != 0)
			e = err_nomem(m->err);
	}
	buf_cleanse(&plain);
	buf_fini(&sealed);
	return e;
}

/* Does the entry, as it is here now, say that its whole key is kept? A newer one here may not. */
static int is_wanted(struct merging *m, const struct store_record *r, bool *wanted)
{
	struct buf data;
	json_t *o;
	int e;

	*wanted = strcmp(r->kind, ESTATE_R_SECRET) != 0;
	if (*wanted)
		return MUSTER_OK;
	/* Entries come before all secrets: the last ones may not be written yet. */
	if (m->record_count > 0 && strcmp(m->records[0].kind, ESTATE_R_SECRET) != 0 && (e = flush_records(m)) != MUSTER_OK)
		return e;
	buf_init(&data, STORE_RECORD_MAX);
	if ((e = ledger_record(m->s->ledger, KEY_RECORD, span_of(r->id, r->id_n), &data, m->err)) == MUSTER_OK) {
		o = json_loadb((const char *)data.p, data.n, 0, NULL);
		*wanted = json_is_true(json_object_get(o, WHOLE));
		json_decref(o);
	}
	buf_fini(&data);
	return e == MUSTER_E_NOT_FOUND ? MUSTER_OK : e;
}

/* Whoever has another whole key under this ID keeps it. */
static int take_secret(struct merging *m)
{
	struct store_record r = m->line.record;
	json_t *o, *held;
	bool wanted;
	size_t at;
	char *text;
	int e;

	if (m->x->seal == NULL)
		return MUSTER_OK;
	if ((e = is_wanted(m, &r, &wanted)) != MUSTER_OK || !wanted || (e = look_up(m, &r, &at)) != MUSTER_OK || at != SIZE_MAX)
		return e;
	if ((o = json_deep_copy(json_object_get(m->line.json, "data"))) == NULL)
		return err_nomem(m->err);
	if ((e = sealed_again(m, &r, o)) == MUSTER_OK) {
		text = json_dumps(o, JSON_COMPACT);
		held = text != NULL ? json_string(text) : NULL;
		free(text);
		if (held == NULL) {
			e = err_nomem(m->err);
		} else {
			r.data = (const uint8_t *)json_string_value(held);
			r.data_n = json_string_length(held);
			m->x->done.secrets++;
			e = put_record(m, &r, held);
		}
	}
	json_decref(o);
	return e;
}

/* ---- all of it ---- */

static int merge_line(struct merging *m)
{
	switch (m->line.kind) {
	case STATE_USE: return take_use(m);
	case STATE_COUNTER: return take_counter(m);
	case STATE_EDITION: return take_edition(m);
	case STATE_SETTING: return take_setting(m);
	case STATE_HOLDING: return take_holding(m);
	case STATE_RECORD: return take_record(m);
	case STATE_KEY: return take_key(m);
	case STATE_SECRET: return take_secret(m);
	case STATE_EVENT: case STATE_MACHINE: return import_observed_take(&m->observed, &m->line, m->err);
	default: return MUSTER_OK;
	}
}

static int merge_lines(struct merging *m)
{
	struct muster_span line;
	bool ended;
	int r;

	if ((r = import_rewind(m->x, m->err)) != MUSTER_OK || (r = import_line(m->x, &line, &ended, m->err)) != MUSTER_OK)
		return r;
	do {
		if (atomic_load(&m->s->stopping))
			return err_code(m->err, MUSTER_E_BUSY, CODE_M_STOPPING, "the host is stopping: a part of the file is taken over, and taking it over again takes the rest");
		if ((r = import_line(m->x, &line, &ended, m->err)) != MUSTER_OK || (r = state_line_read(&m->line, &m->x->head, line, m->err)) != MUSTER_OK)
			return r;
		r = merge_line(m);
		state_line_fini(&m->line);
		m->x->touched = moving_steady_ms();
		if (r == MUSTER_OK)
			r = import_observed_touch(&m->observed, m->err);
	} while (r == MUSTER_OK && m->line.kind != STATE_END);
	if (r != MUSTER_OK || (r = flush_uses(m)) != MUSTER_OK || (r = flush_holdings(m)) != MUSTER_OK)
		return r;
	return flush_records(m);
}

/* Counters and the mark of how much of that host is here, with the row of the record of acts. */
static int merge_end(struct merging *m, const char *actor)
{
	struct state_import *x = m->x;
	struct store_take_end end = { .counters = m->counters, .counter_count = m->counter_count };
	char id[UUID_TEXT];

	uuid_format(id, x->head.instance);
	end.journal.at = clock_wall_ms(m->s->clock);
	end.journal.kind = ESTATE_J_STATE_IMPORT;
	(void)snprintf(end.journal.actor, sizeof end.journal.actor, "%s", actor);
	(void)snprintf(end.journal.object, sizeof end.journal.object, "state of %.100s", x->head.host);
	(void)snprintf(end.journal.detail, sizeof end.journal.detail, "instance %s, sequence %lld, %lld clients, %lld holdings, SHA-256 %s, %s%s", id, (long long)x->head.sequence,
	               (long long)x->counts[STATE_USE], (long long)x->counts[STATE_HOLDING], x->sha256, x->is_signed ? "signed under " : "not signed", x->is_signed ? x->issuer : "");
	return ledger_take(m->s->ledger, x->head.sources, x->head.source_count, NULL, 0, &end, m->err);
}

static int into_force(struct merging *m)
{
	struct muster_err why = { 0 };
	int r;

	if ((r = ledger_take_done(m->s->ledger, m->err)) == MUSTER_E_BUSY) {
		import_note(m->x, "Everything is taken over; the counts follow within moments: %s", m->err->message);
		r = MUSTER_OK;
	}
	if (r != MUSTER_OK || (r = holdings_take_done(m->s->holdings, m->err)) != MUSTER_OK || (r = settings_load(&m->s->settings, m->s->ledger, m->err)) != MUSTER_OK)
		return r;
	if (m->learned && reload_ask(m->s, NULL, NULL, &why) != MUSTER_OK)
		import_note(m->x, "The activation IDs that were learned come into force at the next reload: %s", why.message);
	return MUSTER_OK;
}

static int room(struct merging *m)
{
	m->uses = mem_array(USES_BATCH, sizeof *m->uses);
	m->parts = mem_array(PARTS_BATCH, sizeof *m->parts);
	m->holdings = mem_array(HOLDINGS_BATCH, sizeof *m->holdings);
	m->changes = mem_array(RECORDS_BATCH, sizeof *m->changes);
	m->records = mem_array(RECORDS_BATCH, sizeof *m->records);
	m->texts = mem_array(RECORDS_BATCH, sizeof *m->texts);
	m->settings = mem_array(SETTINGS_MAX, sizeof *m->settings);
	return m->uses == NULL || m->parts == NULL || m->holdings == NULL || m->changes == NULL || m->records == NULL || m->texts == NULL || m->settings == NULL ?
	       err_nomem(m->err) : MUSTER_OK;
}

int import_merge(struct state_import *x, struct service *s, const struct catalog *catalog, const char *actor, struct muster_err *err)
{
	struct merging *m = mem_alloc(sizeof *m);
	int r;

	if (m == NULL)
		return err_nomem(err);
	m->x = x;
	m->s = s;
	m->catalog = catalog;
	m->err = err;
	if ((r = import_observed_begin(&m->observed, x, s, actor, err)) == MUSTER_OK && (r = room(m)) == MUSTER_OK && (r = ledger_settings(s->ledger, setting_here, m, err)) == MUSTER_OK && (r = take_names(m)) == MUSTER_OK &&
	    (r = merge_lines(m)) == MUSTER_OK && (r = import_observed_end(&m->observed, err)) == MUSTER_OK && (r = x->is_signed ? activation_state_adopt(s->activation, x->end, err) : MUSTER_OK) == MUSTER_OK && (r = merge_end(m, actor)) == MUSTER_OK)
		r = into_force(m);
	import_observed_drop(&m->observed);
	state_line_fini(&m->line);
	drop_records(m);
	mem_free(m->uses);
	mem_free(m->parts);
	mem_free(m->holdings);
	mem_free(m->changes);
	mem_free(m->records);
	mem_free(m->texts);
	mem_free(m->settings);
	mem_free(m->counters);
	mem_free(m);
	return r;
}

json_t *import_done_json(const struct state_import *x)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "holdings", (json_int_t)x->done.holdings, "records_new", (json_int_t)x->done.records_new,
		"records_changed", (json_int_t)x->done.records_changed, "settings", (json_int_t)x->done.settings, "settings_kept", (json_int_t)x->done.settings_kept,
		"editions", (json_int_t)x->done.editions, "keys", (json_int_t)x->done.keys, "keys_left", (json_int_t)x->done.keys_left, "secrets", (json_int_t)x->done.secrets,
		"machines", (json_int_t)x->done.machines, "events", (json_int_t)x->done.events);
}
