/* observed.db: reading. Every list is gathered first and given out with no statement open. */
#include "core/store/sqlite_observed.h"

#include <stdio.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/store/table.h"

#define ACTIVATIONS_MAX 30000   /* SQLite takes 32,766 parameters; a product has a few */

static int gather(struct store_observed *o, sqlite3_stmt *s, void (*read)(void *row, sqlite3_stmt *s), struct table *t, struct muster_err *err)
{
	char row[sizeof(struct observed_event)] __attribute__((aligned(8)));   /* the largest */
	int r;

	MUSTER_ASSERT(t->size <= sizeof row);
	if ((r = db_usable(&o->db, err)) != MUSTER_OK)
		return r;
	while ((r = db_step(&o->db, s, "read", err)) == 1) {
		memset(row, 0, t->size);
		read(row, s);
		if (table_add(t, row) == NULL) {
			(void)sqlite3_reset(s);
			return err_nomem(err);
		}
	}
	return r;
}

/* The body of a list call over @p s, whose parameters are bound. */
#define GIVE(type, s, read, call) \
	struct table t; \
	int r; \
	table_init(&t, sizeof(type), NULL); \
	r = gather(o, s, read, &t, err); \
	for (size_t i = 0; r == MUSTER_OK && i < t.n; i++) { \
		const type *row = table_at(&t, i); \
		if (call) \
			break; \
	} \
	table_fini(&t); \
	return r

static void read_said(struct observed_said *said, sqlite3_stmt *s, int result, int minimum, int is_virtual, int status, int minutes)
{
	const struct { int at; uint32_t flag; } told[] = {
		{ result, OBSERVED_RESULT }, { minimum, OBSERVED_MINIMUM }, { is_virtual, OBSERVED_VIRTUAL }, { status, OBSERVED_STATUS }, { minutes, OBSERVED_MINUTES }
	};

	for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
		if (sqlite3_column_type(s, told[i].at) != SQLITE_NULL)
			said->flags |= told[i].flag;
	said->result = db_column_u32(s, result);
	said->minimum = db_column_u32(s, minimum);
	said->is_virtual = sqlite3_column_int(s, is_virtual) != 0;
	said->status = (uint8_t)sqlite3_column_int(s, status);
	said->minutes = db_column_u32(s, minutes);
}

void observed_read_machine(void *row, sqlite3_stmt *s)
{
	struct observed_machine *m = row;

	(void)db_column_blob(m->client, 16, s, 0);
	(void)db_column_blob(m->activation, 16, s, 1);
	db_column_text(m->host, sizeof m->host, s, 2);
	m->first = sqlite3_column_int64(s, 3);
	m->last = sqlite3_column_int64(s, 4);
	m->requests = (uint64_t)sqlite3_column_int64(s, 5);
	read_said(&m->said, s, 6, 7, 8, 9, 10);
	db_column_text(m->name, sizeof m->name, s, 11);
	m->by = (enum observed_by)sqlite3_column_int(s, 12);
	m->clone = sqlite3_column_int(s, 13) != 0;
	m->shared = sqlite3_column_int(s, 14) != 0;
}

static const struct observed_machine first_machine;

static void bind_after(sqlite3_stmt *s, const struct observed_machine *after, size_t limit)
{
	const struct observed_machine *a = after != NULL ? after : &first_machine;

	/* Before the first: an empty blob, which is less than any key. */
	(void)sqlite3_bind_blob(s, 1, a->client, after != NULL ? 16 : 0, SQLITE_STATIC);
	(void)sqlite3_bind_blob(s, 2, a->activation, after != NULL ? 16 : 0, SQLITE_STATIC);
	observed_bind_key(s, 3, a->host);
	(void)sqlite3_bind_int64(s, 4, (int64_t)limit);
}

int observed_store_machines(struct store_observed *o, const struct observed_machine *after, bool clones, size_t limit,
	int (*fn)(void *ctx, const struct observed_machine *), void *ctx, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, clones ? O_MACHINES_CLONE : O_MACHINES);

	bind_after(s, after, limit);
	GIVE(struct observed_machine, s, observed_read_machine, fn(ctx, row) != 0);
}

int observed_store_by_host(struct store_observed *o, const struct observed_machine *after, size_t limit, int (*fn)(void *ctx, const struct observed_machine *), void *ctx, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, O_BY_HOST);

	bind_after(s, after, limit);
	GIVE(struct observed_machine, s, observed_read_machine, fn(ctx, row) != 0);
}

static void read_name(void *row, sqlite3_stmt *s)
{
	struct observed_name *n = row;

	(void)db_column_blob(n->client, 16, s, 0);
	db_column_text(n->name, sizeof n->name, s, 1);
	n->first = sqlite3_column_int64(s, 2);
	n->last = sqlite3_column_int64(s, 3);
}

int observed_store_names(struct store_observed *o, const uint8_t client[16], size_t limit, int (*fn)(void *ctx, const struct observed_name *), void *ctx, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, O_NAMES);

	db_bind_blob(s, 1, client, 16);
	(void)sqlite3_bind_int64(s, 2, (int64_t)limit);
	GIVE(struct observed_name, s, read_name, fn(ctx, row) != 0);
}

int observed_store_clients(struct store_observed *o, const char *name, size_t limit, int (*fn)(void *ctx, const struct observed_name *), void *ctx, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, O_CLIENTS);

	observed_bind_key(s, 1, name);
	(void)sqlite3_bind_int64(s, 2, (int64_t)limit);
	GIVE(struct observed_name, s, read_name, fn(ctx, row) != 0);
}

static void read_event(void *row, sqlite3_stmt *s)
{
	struct observed_event *e = row;

	e->seq = sqlite3_column_int64(s, 0);
	e->id = db_column_u32(s, 1);
	db_column_text(e->host, sizeof e->host, s, 2);
	e->logged = sqlite3_column_int64(s, 3);
	e->seen = sqlite3_column_int64(s, 4);
	e->record = sqlite3_column_int64(s, 5);
	if (sqlite3_column_type(s, 5) != SQLITE_NULL)
		e->said.flags |= OBSERVED_RECORD;
	if (db_column_blob(e->client, 16, s, 6) > 0)
		e->said.flags |= OBSERVED_CLIENT;
	if (db_column_blob(e->activation, 16, s, 7) > 0)
		e->said.flags |= OBSERVED_ACTIVATION;
	db_column_text(e->name, sizeof e->name, s, 8);
	read_said(&e->said, s, 9, 10, 11, 12, 13);
	db_column_text(e->extra, sizeof e->extra, s, 14);
}

int observed_store_events(struct store_observed *o, int64_t after_at, int64_t after_seq, size_t limit, int (*fn)(void *ctx, const struct observed_event *), void *ctx, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, O_EVENTS);

	(void)sqlite3_bind_int64(s, 1, after_at);
	(void)sqlite3_bind_int64(s, 2, after_seq);
	(void)sqlite3_bind_int64(s, 3, (int64_t)limit);
	GIVE(struct observed_event, s, read_event, fn(ctx, row) != 0);
}

static void read_finding(void *row, sqlite3_stmt *s)
{
	struct observed_finding *f = row;

	f->kind = (enum observed_finding_kind)sqlite3_column_int(s, 0);
	db_column_text(f->host, sizeof f->host, s, 1);
	f->since = sqlite3_column_int64(s, 2);
	f->until = sqlite3_column_int64(s, 3);
	f->n = sqlite3_column_int64(s, 4);
	f->usual = sqlite3_column_int64(s, 5);
}

int observed_store_findings(struct store_observed *o, const char *host, size_t limit, int (*fn)(void *ctx, const struct observed_finding *), void *ctx, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, O_FINDINGS);

	(void)sqlite3_bind_int64(s, 1, (int64_t)limit);
	if (host != NULL)
		observed_bind_key(s, 2, host);
	GIVE(struct observed_finding, s, read_finding, fn(ctx, row) != 0);
}

static void bind_list(sqlite3_stmt *s, const struct store_observed *o, bool imported, size_t limit)
{
	(void)sqlite3_bind_int64(s, 1, imported ? o->first_seq : 0);
	(void)sqlite3_bind_int64(s, 2, (int64_t)limit);
}

struct client_row { uint8_t client[16]; };

static void read_client(void *row, sqlite3_stmt *s)
{
	(void)db_column_blob(((struct client_row *)row)->client, 16, s, 0);
}

int observed_store_clones(struct store_observed *o, bool imported, size_t limit, int (*fn)(void *ctx, const uint8_t client[16]), void *ctx, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, O_CLONES);

	bind_list(s, o, imported, limit);
	GIVE(struct client_row, s, read_client, fn(ctx, row->client) != 0);
}

static void read_called(void *row, sqlite3_stmt *s)
{
	struct observed_name *n = row;

	db_column_text(n->name, sizeof n->name, s, 0);
}

int observed_store_shared(struct store_observed *o, bool imported, size_t limit, int (*fn)(void *ctx, const char *name), void *ctx, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, O_SHARED);

	bind_list(s, o, imported, limit);
	GIVE(struct observed_name, s, read_called, fn(ctx, row->name) != 0);
}

static void read_host(void *row, sqlite3_stmt *s)
{
	struct observed_host *h = row;

	h->number = sqlite3_column_int64(s, 0);
	db_column_text(h->name, sizeof h->name, s, 1);
	h->last = sqlite3_column_int64(s, 2);
}

int observed_store_touched(struct store_observed *o, int (*fn)(void *ctx, const struct observed_host *), void *ctx, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, O_TOUCHED);

	(void)sqlite3_bind_int64(s, 1, o->first_seq);
	GIVE(struct observed_host, s, read_host, fn(ctx, row) != 0);
}

static void read_moment(void *row, sqlite3_stmt *s)
{
	struct observed_moment *m = row;

	m->at = sqlite3_column_int64(s, 0);
	m->seq = sqlite3_column_int64(s, 1);
	m->record = sqlite3_column_int64(s, 2);
}

int observed_store_moments(struct store_observed *o, int64_t host, int64_t at, int64_t seq, size_t limit, int (*fn)(void *ctx, const struct observed_moment *), void *ctx, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, O_MOMENTS);

	(void)sqlite3_bind_int64(s, 1, host);
	(void)sqlite3_bind_int64(s, 2, at);
	(void)sqlite3_bind_int64(s, 3, seq);
	(void)sqlite3_bind_int64(s, 4, (int64_t)limit);
	GIVE(struct observed_moment, s, read_moment, fn(ctx, row) != 0);
}

_Static_assert(OBSERVED_BY_MAK == 2, "by<>2 below: a machine with a MAK asks no host, and is counted by none");

/* ---- counting: as many parameters as activation IDs, so the statement is made for the question ---- */

static int prepare_for(struct store_observed *o, sqlite3_stmt **out, const char *before, const char *after, const uint8_t (*activations)[16], size_t n, struct muster_err *err)
{
	struct buf sql;
	int r;

	*out = NULL;
	if ((r = db_usable(&o->db, err)) != MUSTER_OK)
		return r;
	if (n > ACTIVATIONS_MAX)
		return err_set(err, MUSTER_E_LIMIT, "%zu activation IDs are too many to count at once: at most %d", n, ACTIVATIONS_MAX);
	buf_init(&sql, 256u << 10);
	buf_adds(&sql, before);
	for (size_t i = 0; i < n; i++)
		buf_addf(&sql, "%s?%zu", i == 0 ? "" : ",", i + 3);
	buf_adds(&sql, after);
	buf_addc(&sql, '\0');
	r = sql.failed ? err_nomem(err) : db_prepare(&o->db, out, (const char *)sql.p, err);
	buf_fini(&sql);
	for (size_t i = 0; r == MUSTER_OK && i < n; i++)
		(void)sqlite3_bind_blob(*out, (int)i + 3, activations[i], 16, SQLITE_STATIC);
	return r;
}

int observed_store_count(struct store_observed *o, const uint8_t (*activations)[16], size_t n, int64_t since, uint64_t *out, struct muster_err *err)
{
	sqlite3_stmt *s;
	int r;

	*out = 0;
	if (n == 0)
		return MUSTER_OK;
	if ((r = prepare_for(o, &s, "SELECT count(DISTINCT client) FROM machine WHERE last>=?1 AND by<>2 AND coalesce(result, 0) IN (0, ?2) AND activation IN (", ")", activations, n, err)) != MUSTER_OK)
		return r;
	(void)sqlite3_bind_int64(s, 1, since);
	(void)sqlite3_bind_int64(s, 2, OBSERVED_COUNT_LOW);
	if ((r = db_step(&o->db, s, "read", err)) == 1) {
		*out = (uint64_t)sqlite3_column_int64(s, 0);
		r = MUSTER_OK;
	}
	(void)sqlite3_finalize(s);
	return r;
}

struct recent_row { uint8_t client[16]; int64_t last; };

static void read_recent(void *row, sqlite3_stmt *s)
{
	struct recent_row *n = row;

	(void)db_column_blob(n->client, 16, s, 0);
	n->last = sqlite3_column_int64(s, 1);
}

int observed_store_recent(struct store_observed *o, const uint8_t (*activations)[16], size_t n, int64_t since, size_t limit, int (*fn)(void *ctx, const uint8_t client[16], int64_t last), void *ctx,
                          struct muster_err *err)
{
	sqlite3_stmt *s = NULL;
	struct table t;
	int r = MUSTER_OK;

	table_init(&t, sizeof(struct recent_row), NULL);
	if (n > 0 && (r = prepare_for(o, &s, "SELECT client, max(last) FROM machine WHERE last>=?1 AND by<>2 AND coalesce(result, 0) IN (0, 3221549112) AND activation IN (",
	    ") GROUP BY client ORDER BY 2 DESC, 1 LIMIT ?2", activations, n, err)) == MUSTER_OK) {
		(void)sqlite3_bind_int64(s, 1, since);
		(void)sqlite3_bind_int64(s, 2, (int64_t)limit);
		r = gather(o, s, read_recent, &t, err);
	}
	(void)sqlite3_finalize(s);
	for (size_t i = 0; r == MUSTER_OK && i < t.n; i++) {
		const struct recent_row *row = table_at(&t, i);

		if (fn(ctx, row->client, row->last) != 0)
			break;
	}
	table_fini(&t);
	return r;
}
