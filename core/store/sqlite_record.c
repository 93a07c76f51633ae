/* Records of the host's own truth. A table with row numbers: a key-ordered one keeps a quarter page of each row in its tree and chains the rest,
 * which made files 1.4 and reading 2.5 times as large for rows of 1.7 KB, and lists of 4 MiB packs read them whole. */
#include "core/store/sqlite_state.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/store/rules.h"

#define GATHER_MAX (64u << 20)

static void bind_key(sqlite3_stmt *s, const char *kind, struct muster_span id)
{
	(void)sqlite3_bind_text(s, 1, kind, -1, SQLITE_STATIC);
	if (id.n > 0)
		(void)sqlite3_bind_blob(s, 2, id.p, (int)id.n, SQLITE_STATIC);
	else
		(void)sqlite3_bind_zeroblob(s, 2, 0);   /* the first of a list: NULL compares with nothing */
}

int sqlite_put_record(struct db *db, const struct store_change *c, struct muster_err *err)
{
	const struct store_record *x = c->record;
	sqlite3_stmt *s = db->stmt[c->kind == STORE_RECORD_PUT ? S_RECORD_PUT : c->kind == STORE_RECORD_INSERT ? S_RECORD_INSERT : S_RECORD_DELETE];
	int r;

	if ((r = rules_check_record(c, err)) != MUSTER_OK)
		return r;
	bind_key(s, x->kind, span_of(x->id, x->id_n));
	if (c->kind != STORE_RECORD_DELETE) {
		db_bind_blob(s, 3, x->data, x->data_n);
		(void)sqlite3_bind_int64(s, 4, rules_record_time(c));
	}
	if ((r = db_run(db, s, "write to", err)) != MUSTER_OK)
		return r;
	return c->kind == STORE_RECORD_INSERT && sqlite3_changes(db->h) == 0 ? rules_record_exists(err, x) : MUSTER_OK;
}

int sqlite_record(struct store_state *base, const char *kind, struct muster_span id, struct buf *data, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;
	sqlite3_stmt *s = db->stmt[S_RECORD];
	int r = db_usable(db, err);

	if (r != MUSTER_OK)
		return r;
	bind_key(s, kind, id);
	if ((r = db_step(db, s, "read", err)) != 1)
		return r == 0 ? rules_no_record(err, kind) : r;
	buf_add(data, sqlite3_column_blob(s, 0), (size_t)sqlite3_column_bytes(s, 0));
	(void)sqlite3_reset(s);
	return data->failed ? err_nomem(err) : MUSTER_OK;
}

int sqlite_kind_after(struct store_state *base, const char *after, char out[32], struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;
	sqlite3_stmt *s = db->stmt[S_KIND_AFTER];
	int r = db_usable(db, err);

	out[0] = '\0';
	if (r != MUSTER_OK)
		return r;
	(void)sqlite3_bind_text(s, 1, after, -1, SQLITE_STATIC);
	if ((r = db_step(db, s, "read", err)) != 1)
		return r == 0 ? rules_no_record(err, after) : r;
	db_column_text(out, 32, s, 0);
	(void)sqlite3_reset(s);
	return MUSTER_OK;
}

/* One row, its data a copy of its own. @return 1, 0 at the end, negative. */
static int next_row(struct db *db, sqlite3_stmt *s, struct store_record *row, uint8_t **copy, struct muster_err *err)
{
	int r = db_step(db, s, "read", err);

	if (r != 1)
		return r;
	memset(row, 0, sizeof *row);
	row->id_n = db_column_blob(row->id, sizeof row->id, s, 0);
	row->data_n = (size_t)sqlite3_column_bytes(s, 1);
	if ((*copy = mem_alloc(row->data_n + 1)) == NULL) {
		(void)sqlite3_reset(s);
		return err_nomem(err);
	}
	if (row->data_n > 0)
		memcpy(*copy, sqlite3_column_blob(s, 1), row->data_n);
	row->data = *copy;
	row->at = sqlite3_column_int64(s, 2);
	return 1;
}

struct gathered { struct store_record *rows; uint8_t **copies; size_t n; };

static int gather(struct db *db, sqlite3_stmt *s, const char *kind, size_t limit, struct gathered *g, struct muster_err *err)
{
	size_t bytes = 0;
	int r = 1;

	while (g->n < limit && bytes < GATHER_MAX) {
		struct store_record *rows = mem_grow(g->rows, g->n + 1, sizeof *rows);
		uint8_t **copies = NULL;

		if (rows != NULL) {
			g->rows = rows;
			copies = mem_grow(g->copies, g->n + 1, sizeof *copies);
		}
		if (copies == NULL) {
			(void)sqlite3_reset(s);
			return err_nomem(err);
		}
		g->copies = copies;
		if ((r = next_row(db, s, &rows[g->n], &copies[g->n], err)) != 1)
			return r;
		(void)snprintf(rows[g->n].kind, sizeof rows[g->n].kind, "%s", kind);
		bytes += rows[g->n].data_n;
		g->n++;
	}
	(void)sqlite3_reset(s);
	return MUSTER_OK;
}

int sqlite_records(struct store_state *base, const char *kind, struct muster_span after, size_t limit, int (*fn)(void *, const struct store_record *), void *ctx,
                   struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;
	sqlite3_stmt *s = db->stmt[S_RECORDS];
	struct gathered g = { 0 };
	int r;

	if ((r = db_usable(db, err)) != MUSTER_OK || limit == 0)
		return r;
	bind_key(s, kind, after);
	(void)sqlite3_bind_int64(s, 3, (int64_t)(limit < STORE_PAGE_MAX ? limit : STORE_PAGE_MAX));
	r = gather(db, s, kind, limit < STORE_PAGE_MAX ? limit : STORE_PAGE_MAX, &g, err);
	for (size_t i = 0; r == MUSTER_OK && i < g.n && fn(ctx, &g.rows[i]) == 0; i++)
		;
	for (size_t i = 0; i < g.n; i++)
		mem_free(g.copies[i]);
	mem_free(g.copies);
	mem_free(g.rows);
	return r;
}
