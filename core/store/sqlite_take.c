/* Rows of other ledgers, taken over from an export: a transaction at a time, each of which may be repeated (trust.md section 11). */
#include "core/store/sqlite_state.h"

#include <string.h>

#include "core/base/err.h"
#include "core/store/rules.h"
#include "core/store/table.h"

/* The statements of one row of `moved`. */
static void read_part(void *row, sqlite3_stmt *s)
{
	struct store_part *x = row;

	(void)db_column_blob(x->client, sizeof x->client, s, 0);
	x->product = db_column_u32(s, 1);
	x->source = db_column_u32(s, 2);
	x->seq = sqlite3_column_int64(s, 3);
	x->requests = (uint64_t)sqlite3_column_int64(s, 4);
}

static int find_source(struct db *db, struct store_source *source, struct muster_err *err)
{
	sqlite3_stmt *find = db->stmt[S_SOURCE_FIND], *add = db->stmt[S_SOURCE_ADD];
	int r;

	db_bind_blob(find, 1, source->ledger_id, sizeof source->ledger_id);
	if ((r = db_step(db, find, "read", err)) == 1) {
		source->source = db_column_u32(find, 0);
		(void)sqlite3_reset(find);
		return MUSTER_OK;
	}
	if (r < 0)
		return r;
	db_bind_blob(add, 1, source->ledger_id, sizeof source->ledger_id);
	db_bind_text(add, 2, source->name);
	if ((r = db_run(db, add, "write to", err)) != MUSTER_OK)
		return r;
	source->source = (uint32_t)sqlite3_last_insert_rowid(db->h);
	return source->source <= STORE_SOURCES_MAX ? MUSTER_OK : rules_many_sources(err);
}

static int read_row(struct db *db, struct store_use *row, bool *is_new, struct muster_err *err)
{
	sqlite3_stmt *find = db->stmt[S_USE_ONE];
	int r;

	db_bind_blob(find, 1, row->client, sizeof row->client);
	(void)sqlite3_bind_int64(find, 2, row->product);
	if ((r = db_step(db, find, "read", err)) < 0)
		return r;
	if ((*is_new = r == 0))
		return MUSTER_OK;
	sqlite_read_use(row, find);
	(void)sqlite3_reset(find);
	return MUSTER_OK;
}

static int read_parts(struct db *db, const struct store_use *row, struct store_part *parts, size_t *n, struct muster_err *err)
{
	sqlite3_stmt *s = db->stmt[S_PARTS_OF];
	int r;

	db_bind_blob(s, 1, row->client, sizeof row->client);
	(void)sqlite3_bind_int64(s, 2, row->product);
	while ((r = db_step(db, s, "read", err)) == 1) {
		if (*n == STORE_SOURCES_MAX) {
			(void)sqlite3_reset(s);
			return rules_many_sources(err);
		}
		read_part(&parts[(*n)++], s);
	}
	return r;
}

static int write_part(struct db *db, const struct store_part *p, struct muster_err *err)
{
	sqlite3_stmt *s = db->stmt[S_PART_PUT];

	db_bind_blob(s, 1, p->client, sizeof p->client);
	(void)sqlite3_bind_int64(s, 2, p->product);
	(void)sqlite3_bind_int64(s, 3, p->source);
	(void)sqlite3_bind_int64(s, 4, p->seq);
	(void)sqlite3_bind_int64(s, 5, (int64_t)p->requests);
	return db_run(db, s, "write to", err);
}

struct taking {
	struct db *db;
	bool (*merge)(void *, struct store_use *, bool, struct store_part *, size_t *, const struct store_taken *);
	void *ctx;
	struct store_part parts[STORE_SOURCES_MAX], given[STORE_SOURCES_MAX];
	const struct store_source *sources;
};

/* The same row with the state's numbers of sources. */
static struct store_taken numbered(struct taking *t, const struct store_taken *row)
{
	struct store_taken out = *row;

	for (size_t i = 0; i < row->part_count; i++) {
		t->given[i] = row->parts[i];
		t->given[i].source = t->sources[row->parts[i].source - 1].source;
	}
	out.parts = t->given;
	return out;
}

static int take_row(struct taking *t, const struct store_taken *given, struct muster_err *err)
{
	struct store_use row = { .product = given->use.product };
	struct store_taken from = numbered(t, given);
	bool is_new;
	size_t n = 0;
	int64_t hour;
	int r;

	memcpy(row.client, given->use.client, sizeof row.client);
	if ((r = read_row(t->db, &row, &is_new, err)) != MUSTER_OK || (!is_new && (r = read_parts(t->db, &row, t->parts, &n, err)) != MUSTER_OK))
		return r;
	hour = row.last_hour;
	if (!t->merge(t->ctx, &row, is_new, t->parts, &n, &from))
		return MUSTER_OK;
	row.last_hour = row.last / STORE_HOUR_MS;
	for (size_t i = 0; r == MUSTER_OK && i < n; i++)
		r = write_part(t->db, &t->parts[i], err);
	if (r != MUSTER_OK)
		return r;
	return sqlite_write_use(t->db, t->db->stmt[is_new ? S_USE_ADD : row.last_hour == hour ? S_USE_SET_SAME_HOUR : S_USE_SET], &row, err);
}

static int take_end(struct db *db, const struct store_source *sources, size_t source_count, const struct store_take_end *end, struct muster_err *err)
{
	sqlite3_stmt *s = db->stmt[S_COUNTER_MAX];
	int r = MUSTER_OK;

	for (size_t i = 0; r == MUSTER_OK && i < end->counter_count; i++) {
		const struct store_source *source = &sources[end->counters[i].source - 1];

		if (source->source == 1)
			continue;
		(void)sqlite3_bind_int64(s, 1, source->source);
		(void)sqlite3_bind_int64(s, 2, end->counters[i].product);
		(void)sqlite3_bind_int64(s, 3, end->counters[i].status);
		(void)sqlite3_bind_int64(s, 4, (int64_t)end->counters[i].n);
		r = db_run(db, s, "write to", err);
	}
	s = db->stmt[S_SOURCE_TAKEN];
	for (size_t i = 0; r == MUSTER_OK && i < source_count; i++) {
		(void)sqlite3_bind_int64(s, 1, sources[i].source);
		db_bind_text(s, 2, sources[i].name);
		(void)sqlite3_bind_int64(s, 3, sources[i].taken_seq);
		(void)sqlite3_bind_int64(s, 4, sources[i].taken_at);
		r = db_run(db, s, "write to", err);
	}
	return r == MUSTER_OK && end->journal.kind != 0 ? sqlite_add_journal(db, &end->journal, err) : r;
}

int sqlite_take(struct store_state *base, struct store_source *sources, size_t source_count, const struct store_taken *rows, size_t n,
                bool (*merge)(void *, struct store_use *, bool, struct store_part *, size_t *, const struct store_taken *), void *ctx,
                const struct store_take_end *end, struct muster_err *err)
{
	struct taking t = { .db = &sqlite_state_of(base)->db, .merge = merge, .ctx = ctx, .sources = sources };
	int r;

	if (source_count > STORE_SOURCES_MAX)
		return rules_many_sources(err);
	if ((r = rules_check_taken(rows, n, source_count, err)) != MUSTER_OK || (r = db_begin(t.db, err)) != MUSTER_OK)
		return r;
	for (size_t i = 0; r == MUSTER_OK && i < source_count; i++)
		r = find_source(t.db, &sources[i], err);
	for (size_t i = 0; r == MUSTER_OK && i < n; i++)
		r = take_row(&t, &rows[i], err);
	if (r == MUSTER_OK && end != NULL)
		r = take_end(t.db, sources, source_count, end, err);
	return db_end(t.db, r, err);
}

static void read_source(void *row, sqlite3_stmt *s)
{
	struct store_source *x = row;

	x->source = db_column_u32(s, 0);
	(void)db_column_blob(x->ledger_id, sizeof x->ledger_id, s, 1);
	db_column_text(x->name, sizeof x->name, s, 2);
	x->kind = db_column_u32(s, 3);
	x->taken_seq = sqlite3_column_int64(s, 4);
	x->taken_at = sqlite3_column_int64(s, 5);
}

int sqlite_sources(struct store_state *base, int (*fn)(void *, const struct store_source *), void *ctx, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;
	struct table t;
	int r;

	table_init(&t, sizeof(struct store_source), NULL);
	r = sqlite_gather(db, db->stmt[S_SOURCES], read_source, &t, err);
	for (size_t i = 0; r == MUSTER_OK && i < t.n && fn(ctx, table_at(&t, i)) == 0; i++)
		;
	table_fini(&t);
	return r;
}

int sqlite_parts(struct store_state *base, const uint8_t after_client[16], uint32_t after_product, const uint8_t to_client[16], uint32_t to_product,
                 int (*fn)(void *, const struct store_part *), void *ctx, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;
	sqlite3_stmt *s = db->stmt[S_PARTS];
	struct table t;
	int r;

	db_bind_blob(s, 1, after_client, 16);
	(void)sqlite3_bind_int64(s, 2, after_product);
	db_bind_blob(s, 3, to_client, 16);
	(void)sqlite3_bind_int64(s, 4, to_product);
	table_init(&t, sizeof(struct store_part), NULL);
	r = sqlite_gather(db, s, read_part, &t, err);
	for (size_t i = 0; r == MUSTER_OK && i < t.n && fn(ctx, table_at(&t, i)) == 0; i++)
		;
	table_fini(&t);
	return r;
}
