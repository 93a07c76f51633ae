/* observed.db: what an import writes. */
#include "core/store/sqlite_observed.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"

#define LONG_AGO_MS (OBSERVED_WINDOW_MS + STORE_DAY_MS)

/* ---- rows ---- */

static void bind_said(sqlite3_stmt *s, int result, int minimum, int is_virtual, int status, int minutes, const struct observed_said *said)
{
	db_bind_present(s, result, (said->flags & OBSERVED_RESULT) != 0, said->result);
	db_bind_present(s, minimum, (said->flags & OBSERVED_MINIMUM) != 0, said->minimum);
	db_bind_present(s, is_virtual, (said->flags & OBSERVED_VIRTUAL) != 0, said->is_virtual);
	db_bind_present(s, status, (said->flags & OBSERVED_STATUS) != 0, said->status);
	db_bind_present(s, minutes, (said->flags & OBSERVED_MINUTES) != 0, said->minutes);
}

/* One number of the first row; 0 rows: *found false. */
static int one_number(struct store_observed *o, sqlite3_stmt *s, int64_t *out, bool *found, struct muster_err *err)
{
	int r = db_step(&o->db, s, "read", err);

	*found = r == 1;
	*out = r == 1 ? sqlite3_column_int64(s, 0) : 0;
	if (r == 1)
		(void)sqlite3_reset(s);
	return r < 0 ? r : MUSTER_OK;
}

static int host_number(struct store_observed *o, const char *name, int64_t *forgotten, struct muster_err *err)
{
	sqlite3_stmt *s;
	bool found;
	int r;

	*forgotten = 0;
	if (o->host_number != 0 && strcmp(o->host_name, name) == 0 && o->forgotten == 0)
		return MUSTER_OK;
	s = observed_statement(o, O_HOST_FIND);
	observed_bind_key(s, 1, name);
	if ((r = db_step(&o->db, s, "read", err)) < 0)
		return r;
	if (r == 1) {
		o->host_number = sqlite3_column_int64(s, 0);
		*forgotten = sqlite3_column_int64(s, 1);
		(void)sqlite3_reset(s);
	} else {
		s = observed_statement(o, O_HOST_ADD);
		observed_bind_key(s, 1, name);
		if ((r = one_number(o, s, &o->host_number, &found, err)) != MUSTER_OK)
			return r;
	}
	memcpy(o->host_name, name, strlen(name) + 1);
	return MUSTER_OK;
}

static int host_seen(struct store_observed *o, int64_t at, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, O_HOST_SEEN);

	(void)sqlite3_bind_int64(s, 1, o->host_number);
	(void)sqlite3_bind_int64(s, 2, at);
	(void)sqlite3_bind_int64(s, 3, o->first_seq);
	return db_run(&o->db, s, "write to", err);
}

/* ---- names ---- */

static int note_several(struct store_observed *o, int count, int add, const uint8_t client[16], const char *name, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, count);
	int64_t n;
	bool found;
	int r;

	if (client != NULL)
		db_bind_blob(s, 1, client, 16);
	else
		observed_bind_key(s, 1, name);
	if ((r = one_number(o, s, &n, &found, err)) != MUSTER_OK || n < 2)
		return r;
	s = observed_statement(o, add);
	if (client != NULL)
		db_bind_blob(s, 1, client, 16);
	else
		observed_bind_key(s, 1, name);
	(void)sqlite3_bind_int64(s, 2, o->first_seq);
	return db_run(&o->db, s, "write to", err);
}

/** A client was called so from @p first to @p last. @param[out] made it was not known under that name; may be NULL. */
static int name_put(struct store_observed *o, const uint8_t client[16], const char *name, int64_t first, int64_t last, bool *made, struct muster_err *err)
{
	const int statements[] = { O_NAME_SEEN, O_NAME_ADD };
	int r = MUSTER_OK;

	if (made != NULL)
		*made = false;
	if (name[0] == '\0')
		return MUSTER_OK;
	for (size_t i = 0; i < 2; i++) {
		sqlite3_stmt *s = observed_statement(o, statements[i]);

		db_bind_blob(s, 1, client, 16);
		observed_bind_key(s, 2, name);
		(void)sqlite3_bind_int64(s, 3, first);
		(void)sqlite3_bind_int64(s, 4, last);
		observed_bind_key(s, 5, name);
		if ((r = db_run(&o->db, s, "write to", err)) != MUSTER_OK || (i == 0 && sqlite3_changes(o->db.h) > 0))
			return r;
	}
	if (made != NULL)
		*made = true;
	if ((r = note_several(o, O_NAMES_OF, O_CLIENT_ADD, client, NULL, err)) != MUSTER_OK)
		return r;
	return note_several(o, O_CLIENTS_OF, O_CALLED_ADD, NULL, name, err);
}

/* ---- machines ---- */

struct machine_row { const uint8_t *client, *activation; const char *host, *name; int64_t first, last; uint64_t heard, asked, told; const struct observed_said *said; enum observed_by by; };

static int machine_row_put(struct store_observed *o, const struct machine_row *m, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, O_MACHINE_PUT);

	db_bind_blob(s, 1, m->client, 16);
	db_bind_blob(s, 2, m->activation, 16);
	observed_bind_key(s, 3, m->host);
	(void)sqlite3_bind_int64(s, 4, m->first);
	(void)sqlite3_bind_int64(s, 5, m->last);
	(void)sqlite3_bind_int64(s, 6, (int64_t)m->heard);
	(void)sqlite3_bind_int64(s, 7, (int64_t)m->asked);
	(void)sqlite3_bind_int64(s, 8, (int64_t)m->told);
	bind_said(s, 9, 10, 11, 12, 13, m->said);
	db_bind_text(s, 14, m->name);
	(void)sqlite3_bind_int(s, 15, (int)m->by);
	(void)sqlite3_bind_int64(s, 16, o->first_seq);
	return db_run(&o->db, s, "write to", err);
}

static int machine_of_event(struct store_observed *o, const struct observed_event *e, bool counts, struct muster_err *err)
{
	struct machine_row m = { .client = e->client, .activation = e->activation, .host = e->machine_host, .name = e->machine_name, .first = observed_at(e), .last = observed_at(e),
		.heard = counts && e->id != 12288, .asked = counts && e->id == 12288, .said = &e->said, .by = OBSERVED_BY_HOST };
	int r;

	if (!e->has_machine)
		return MUSTER_OK;
	if ((r = machine_row_put(o, &m, err)) != MUSTER_OK)
		return r;
	return name_put(o, e->client, e->machine_name, m.first, m.last, NULL, err);
}

/* ---- events ---- */

/* An event that may have been here before, was counted, and was deleted by its age. */
static int was_forgotten(struct store_observed *o, const struct observed_event *e, int64_t host_forgotten, bool *out, struct muster_err *err)
{
	sqlite3_stmt *s;
	int64_t until;
	bool found;
	int r;

	*out = false;
	if (o->forgotten == 0 || observed_at(e) > o->forgotten)
		return MUSTER_OK;
	if (!e->has_machine) {
		*out = observed_at(e) <= host_forgotten;
		return MUSTER_OK;
	}
	s = observed_statement(o, O_MACHINE_FIND);
	db_bind_blob(s, 1, e->client, 16);
	db_bind_blob(s, 2, e->activation, 16);
	observed_bind_key(s, 3, e->machine_host);
	if ((r = one_number(o, s, &until, &found, err)) == MUSTER_OK)
		*out = found && observed_at(e) <= until;
	return r;
}

static int event_add(struct store_observed *o, const struct observed_event *e, const uint8_t digest[OBSERVED_DIGEST], int64_t taken, bool *added, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, O_EVENT_ADD);
	int r;

	(void)sqlite3_bind_int64(s, 1, o->next_seq);
	db_bind_blob(s, 2, digest, OBSERVED_DIGEST);
	(void)sqlite3_bind_int64(s, 3, taken);
	(void)sqlite3_bind_int64(s, 4, e->id);
	(void)sqlite3_bind_int64(s, 5, o->host_number);
	(void)sqlite3_bind_int64(s, 6, observed_at(e));
	db_bind_present(s, 7, e->logged != 0, e->logged);
	db_bind_present(s, 8, e->seen != 0, e->seen);
	db_bind_present(s, 9, (e->said.flags & OBSERVED_RECORD) != 0, e->record);
	db_bind_blob(s, 10, e->client, (e->said.flags & OBSERVED_CLIENT) != 0 ? 16 : 0);
	db_bind_blob(s, 11, e->activation, (e->said.flags & OBSERVED_ACTIVATION) != 0 ? 16 : 0);
	db_bind_text(s, 12, e->name);
	bind_said(s, 13, 14, 15, 16, 17, &e->said);
	db_bind_text(s, 18, e->extra);
	(void)sqlite3_bind_int(s, 19, e->has_machine);
	db_bind_text(s, 20, e->has_machine ? e->machine_host : "");
	r = db_run(&o->db, s, "write to", err);
	*added = r == MUSTER_OK && sqlite3_changes(o->db.h) > 0;
	return r;
}

/* It is there: another form of the same export may know when it was logged, and as what. */
static int event_again(struct store_observed *o, const struct observed_event *e, const uint8_t digest[OBSERVED_DIGEST], enum observed_became *became, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, O_EVENT_FIND);
	bool mends;
	int64_t seq;
	int r;

	db_bind_blob(s, 1, digest, OBSERVED_DIGEST);
	if ((r = db_step(&o->db, s, "read", err)) != 1)
		return r < 0 ? r : err_set(err, MUSTER_E_INTERNAL, "an event was there and is not found");
	seq = sqlite3_column_int64(s, 0);
	mends = (sqlite3_column_int(s, 1) != 0 && e->logged != 0) || (sqlite3_column_int(s, 2) != 0 && (e->said.flags & OBSERVED_RECORD) != 0);
	(void)sqlite3_reset(s);
	*became = seq >= o->first_seq ? OBSERVED_SKIPPED : OBSERVED_SAME;
	if (!mends || *became == OBSERVED_SKIPPED)
		return MUSTER_OK;
	*became = OBSERVED_CHANGED;
	s = observed_statement(o, O_EVENT_MEND);
	(void)sqlite3_bind_int64(s, 1, seq);
	(void)sqlite3_bind_int64(s, 2, observed_at(e));
	db_bind_present(s, 3, e->logged != 0, e->logged);
	db_bind_present(s, 4, (e->said.flags & OBSERVED_RECORD) != 0, e->record);
	if ((r = db_run(&o->db, s, "write to", err)) != MUSTER_OK || (r = machine_of_event(o, e, false, err)) != MUSTER_OK)
		return r;
	return host_seen(o, observed_at(e), err);
}

int observed_store_event(struct store_observed *o, const struct observed_event *e, int64_t taken, enum observed_became *became, struct muster_err *err)
{
	uint8_t digest[OBSERVED_DIGEST];
	bool forgotten, added;
	int64_t host_forgotten;
	int r;

	MUSTER_ASSERT(o->open);
	if ((r = db_usable(&o->db, err)) != MUSTER_OK)
		return r;
	if (observed_digest(digest, e) != MUSTER_OK)
		return err_set(err, MUSTER_E_INTERNAL, "cannot compute the identity of an event");
	if ((r = host_number(o, e->host, &host_forgotten, err)) != MUSTER_OK || (r = was_forgotten(o, e, host_forgotten, &forgotten, err)) != MUSTER_OK)
		return r;
	*became = OBSERVED_SAME;
	if (forgotten)
		return MUSTER_OK;
	if ((r = event_add(o, e, digest, taken, &added, err)) != MUSTER_OK)
		return r;
	if (!added)
		return event_again(o, e, digest, became, err);
	o->next_seq++;
	*became = OBSERVED_NEW;
	if ((r = machine_of_event(o, e, true, err)) != MUSTER_OK)
		return r;
	return host_seen(o, observed_at(e), err);
}

/* ---- machines that are told of ---- */

static int machine_look(struct store_observed *o, const struct observed_machine *key, struct observed_machine *out, int64_t *since, bool *found, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, O_MACHINE_TELL);
	int r;

	memset(out, 0, sizeof *out);
	db_bind_blob(s, 1, key->client, 16);
	db_bind_blob(s, 2, key->activation, 16);
	observed_bind_key(s, 3, key->host);
	if ((r = db_step(&o->db, s, "read", err)) < 0)
		return r;
	*found = r == 1;
	if (*found) {
		observed_read_machine(out, s);
		*since = sqlite3_column_int64(s, OBSERVED_MACHINE_COLUMNS);
		(void)sqlite3_reset(s);
	}
	return MUSTER_OK;
}

static bool said_equal(const struct observed_said *a, const struct observed_said *b)
{
	return a->flags == b->flags && a->result == b->result && a->minimum == b->minimum && a->minutes == b->minutes && a->status == b->status && a->is_virtual == b->is_virtual;
}

static bool machine_equal(const struct observed_machine *a, const struct observed_machine *b)
{
	return a->first == b->first && a->last == b->last && a->requests == b->requests && said_equal(&a->said, &b->said) && strcmp(a->name, b->name) == 0 && a->by == b->by;
}

/*
 * A name of a machine that is told of. Its latest was heard when the machine was; the others then too, if it is a clone, else long ago. Of one that moved the events
 * came before, and told better when; only of a name that is new here is it as of any.
 */
static int told_name_put(struct store_observed *o, const struct observed_machine *m, const char *name, bool *made, struct muster_err *err)
{
	int64_t long_ago = m->last - LONG_AGO_MS < m->first ? m->last - LONG_AGO_MS : m->first;
	bool latest = strcmp(name, m->name) == 0, heard = latest || m->clone;
	sqlite3_stmt *s = observed_statement(o, O_NAME_SEEN);
	int r;

	*made = false;
	if (m->moved && name[0] != '\0') {
		db_bind_blob(s, 1, m->client, 16);
		observed_bind_key(s, 2, name);
		(void)sqlite3_bind_int64(s, 3, INT64_MAX);
		(void)sqlite3_bind_int64(s, 4, latest ? m->last : INT64_MIN);
		observed_bind_key(s, 5, name);
		if ((r = db_run(&o->db, s, "write to", err)) != MUSTER_OK || sqlite3_changes(o->db.h) > 0)
			return r;
	}
	return name_put(o, m->client, name, heard ? m->first : long_ago, heard ? m->last : long_ago, made, err);
}

/* Whether a machine of one name is a clone only who told of it can know: by the hardware behind the ID. @param[out] more it was not known so. */
static int clone_told(struct store_observed *o, const struct observed_machine *m, bool several, bool *more, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, m->clone ? O_CLIENT_TOLD : O_CLIENT_UNTOLD);
	int r;

	if (m->clone ? several : m->moved)   /* by its names; or not known there */
		return MUSTER_OK;
	db_bind_blob(s, 1, m->client, 16);
	if (m->clone)
		(void)sqlite3_bind_int64(s, 2, o->first_seq);
	if ((r = db_run(&o->db, s, "write to", err)) == MUSTER_OK)
		*more = *more || sqlite3_changes(o->db.h) > 0;
	return r;
}

int observed_store_machine(struct store_observed *o, const struct observed_machine *m, const char *const *names, size_t n, enum observed_became *became, struct muster_err *err)
{
	struct machine_row row = { .client = m->client, .activation = m->activation, .host = m->host, .name = m->name, .first = m->first, .last = m->last, .told = m->requests,
		.said = &m->said, .by = m->by };
	int64_t since = 0;
	struct observed_machine before, after;
	bool was, is, made, more = false, several = false;
	int r;

	MUSTER_ASSERT(o->open);
	if ((r = db_usable(&o->db, err)) != MUSTER_OK || (r = machine_look(o, m, &before, &since, &was, err)) != MUSTER_OK || (r = machine_row_put(o, &row, err)) != MUSTER_OK ||
	    (r = told_name_put(o, m, m->name, &more, err)) != MUSTER_OK)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(names[i], m->name) == 0)
			continue;
		several = true;
		if ((r = told_name_put(o, m, names[i], &made, err)) != MUSTER_OK)
			return r;
		more = more || made;
	}
	if ((r = clone_told(o, m, several, &more, err)) != MUSTER_OK || (r = machine_look(o, m, &after, &since, &is, err)) != MUSTER_OK)
		return r;
	*became = !was ? OBSERVED_NEW : more || !machine_equal(&before, &after) ? OBSERVED_CHANGED : since == o->first_seq ? OBSERVED_SKIPPED : OBSERVED_SAME;
	return MUSTER_OK;
}

/* ---- the end of an import ---- */

int observed_store_judge(struct store_observed *o, struct muster_err *err)
{
	const int statements[] = { O_JUDGE_CLIENTS, O_JUDGE_CALLED };
	int r = MUSTER_OK;

	for (size_t i = 0; r == MUSTER_OK && i < 2; i++) {
		sqlite3_stmt *s = observed_statement(o, statements[i]);

		(void)sqlite3_bind_int64(s, 1, o->first_seq);
		r = db_run(&o->db, s, "write to", err);
	}
	return r;
}

int observed_store_machines_new(struct store_observed *o, uint64_t *made, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, O_MACHINES_NEW);
	bool found;
	int64_t n;
	int r;

	(void)sqlite3_bind_int64(s, 1, o->first_seq);
	r = one_number(o, s, &n, &found, err);
	*made = (uint64_t)n;
	return r;
}

static int finding_add(struct store_observed *o, int64_t host, const struct observed_finding *f, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, O_FINDING_ADD);

	(void)sqlite3_bind_int64(s, 1, host);
	(void)sqlite3_bind_int(s, 2, (int)f->kind);
	(void)sqlite3_bind_int64(s, 3, f->since);
	(void)sqlite3_bind_int64(s, 4, f->until);
	(void)sqlite3_bind_int64(s, 5, f->n);
	(void)sqlite3_bind_int64(s, 6, f->usual);
	return db_run(&o->db, s, "write to", err);
}

int observed_store_findings_put(struct store_observed *o, int64_t host, const struct observed_finding *gaps, size_t n, struct muster_err *err)
{
	const int statements[] = { O_FINDINGS_DROP, O_FINDINGS_LOG, O_FINDINGS_SKEW };
	int r = MUSTER_OK;

	for (size_t i = 0; r == MUSTER_OK && i < 3; i++) {
		sqlite3_stmt *s = observed_statement(o, statements[i]);

		(void)sqlite3_bind_int64(s, 1, host);
		r = db_run(&o->db, s, "write to", err);
	}
	for (size_t i = 0; r == MUSTER_OK && i < n; i++)
		r = finding_add(o, host, &gaps[i], err);
	return r;
}

/* ---- retention ---- */

struct old { int64_t seq, at, host; uint8_t client[16], activation[16]; bool has_machine; char machine_host[STORE_NAME_MAX]; };

static int forget(struct store_observed *o, const struct old *e, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, e->has_machine ? O_TRIM_MACHINE : O_TRIM_HOST);
	int r;

	if (e->has_machine) {
		db_bind_blob(s, 1, e->client, 16);
		db_bind_blob(s, 2, e->activation, 16);
		observed_bind_key(s, 3, e->machine_host);
		(void)sqlite3_bind_int64(s, 4, e->at);
	} else {
		(void)sqlite3_bind_int64(s, 1, e->host);
		(void)sqlite3_bind_int64(s, 2, e->at);
	}
	if ((r = db_run(&o->db, s, "write to", err)) != MUSTER_OK)
		return r;
	s = observed_statement(o, O_TRIM_MARK);
	(void)sqlite3_bind_int64(s, 1, e->at);
	if ((r = db_run(&o->db, s, "write to", err)) != MUSTER_OK)
		return r;
	s = observed_statement(o, O_TRIM_EVENT);
	(void)sqlite3_bind_int64(s, 1, e->seq);
	return db_run(&o->db, s, "write to", err);
}

/* The oldest import's event that is left. @return 1, 0 none that old, negative. */
static int oldest(struct store_observed *o, int64_t before, struct old *out, struct muster_err *err)
{
	sqlite3_stmt *s = observed_statement(o, O_TRIM_OLDEST);
	int r = db_step(&o->db, s, "read", err);

	if (r != 1)
		return r;
	memset(out, 0, sizeof *out);
	out->seq = sqlite3_column_int64(s, 0);
	out->at = sqlite3_column_int64(s, 1);
	out->host = sqlite3_column_int64(s, 2);
	(void)db_column_blob(out->client, 16, s, 3);
	(void)db_column_blob(out->activation, 16, s, 4);
	out->has_machine = sqlite3_column_int(s, 5) != 0;
	db_column_text(out->machine_host, sizeof out->machine_host, s, 6);
	r = sqlite3_column_int64(s, 7) < before;
	(void)sqlite3_reset(s);
	return r;
}

int observed_store_trim(struct store_observed *o, int64_t before, size_t slice, size_t *deleted, struct muster_err *err)
{
	sqlite3_stmt *s;
	struct old e;
	size_t n = 0;
	int r;

	*deleted = 0;
	MUSTER_ASSERT(!o->open);
	if ((r = oldest(o, before, &e, err)) != 1)
		return r;
	if ((r = db_begin_unclaimed(&o->db, err)) != MUSTER_OK)
		return r;
	while (n < slice && (r = oldest(o, before, &e, err)) == 1 && (r = forget(o, &e, err)) == MUSTER_OK)
		n++;
	if (r >= 0) {
		s = observed_statement(o, O_TRIM_FINDINGS);
		(void)sqlite3_bind_int64(s, 1, before);
		r = db_run(&o->db, s, "write to", err);
	}
	if ((r = db_end(&o->db, r, err)) == MUSTER_OK)
		*deleted = n;
	return r;
}
