/** A host's state in a folder, opened and shut as musterd does it: for tests of how things lie at rest. */
#ifndef TESTS_UNIT_REST_FIXTURE_H
#define TESTS_UNIT_REST_FIXTURE_H

#include <stdio.h>
#include <string.h>
#include <sqlite3.h>
#include <unistd.h>

#include "core/activation/rest.h"
#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "tests/unit/trust_fixture.h"

#define NOW INT64_C(1795341600000)
#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)
#define ACTOR "0 root"

struct host {
	char dir[64];
	struct clock_manual clock;
	struct config config;
	struct ledger *ledger;
	struct trust_ring *ring;
	struct activation *a;
	struct muster_err err;
	char said[4096];
};

static inline const char *place(const struct host *h, const char *name)
{
	static char path[4][160];
	static unsigned next;
	char *out = path[next++ % 4];

	(void)snprintf(out, sizeof path[0], "%s/%s", h->dir, name);
	return out;
}

static inline void hear(void *ctx, int level, const char *event, const char *text)
{
	struct host *h = ctx;
	size_t n = strlen(h->said);

	(void)snprintf(h->said + n, sizeof h->said - n, "%d %s %s\n", level, event, text);
}

static inline int try_open(struct host *h)
{
	struct ledger_options o = { .dir = h->dir, .clock = &h->clock.clock, .config = &h->config };
	struct activation_options a = { .dir = h->dir, .clock = &h->clock.clock, .event = hear, .ctx = h };
	char ring[96];
	int r;

	memset(&h->err, 0, sizeof h->err);
	h->said[0] = '\0';
	ck_assert_int_eq(store_sqlite_new(&o.store, h->dir, &h->err), MUSTER_OK);
	ck_assert_msg(ledger_open(&h->ledger, &o, &h->err) == MUSTER_OK, "%s", h->err.message);
	(void)snprintf(ring, sizeof ring, "%s/host", h->dir);
	ck_assert_msg(ring_open(&h->ring, ring, &h->clock.clock, &h->err) == MUSTER_OK, "%s", h->err.message);
	a.ledger = h->ledger;
	a.ring = h->ring;
	r = activation_open(&h->a, &a, &h->err);
	return r;
}

static inline void shut(struct host *h)
{
	activation_free(h->a);
	ledger_free(h->ledger);
	ring_free(h->ring);
	h->a = NULL;
	h->ledger = NULL;
	h->ring = NULL;
}

static inline void opened(struct host *h)
{
	ck_assert_msg(try_open(h) == MUSTER_OK, "%s", h->err.message);
}

static inline void reopened(struct host *h)
{
	shut(h);
	opened(h);
}

static inline void begin(struct host *h)
{
	memset(h, 0, sizeof *h);
	strcpy(h->dir, "/tmp/muster-rest-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(h->dir));
	clock_manual_init(&h->clock, NOW);
	h->config.host.wal_max = UINT64_C(256) << 20;
	opened(h);
}

static inline void end(struct host *h)
{
	char command[96];

	shut(h);
	(void)snprintf(command, sizeof command, "rm -rf %s", h->dir);
	ck_assert_int_eq(system(command), 0);
}

static inline void act(struct host *h, const char *detail)
{
	ck_assert_msg(ledger_journal_note(h->ledger, ACTOR, 100, "test", detail, &h->err) == MUSTER_OK, "%s", h->err.message);
}

static inline void acts(struct host *h, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		act(h, "an act");
}

/* SQL on the closed state. */
static inline void sql(struct host *h, const char *text)
{
	sqlite3 *db;
	char *why = NULL;

	ck_assert_int_eq(sqlite3_open(place(h, "state.db"), &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, text, NULL, NULL, &why) == SQLITE_OK, "%s: %s", text, why);
	sqlite3_close(db);
}

static inline void whole(struct host *h, const char *expect, const char *says)
{
	json_t *out;

	ck_assert_msg(activation_audit_verify(h->a, expect, &out, &h->err) == MUSTER_OK, "%s", h->err.message);
	ck_assert_msg(strstr(json_string_value(json_object_get(out, "message")), says) != NULL, "%s lacks %s", json_string_value(json_object_get(out, "message")), says);
	json_decref(out);
}

static inline void broken(struct host *h, const char *expect, int result, const char *says)
{
	json_t *out;

	ck_assert_int_eq(activation_audit_verify(h->a, expect, &out, &h->err), result);
	ck_assert_ptr_null(out);
	ck_assert_msg(strstr(h->err.message, says) != NULL, "\"%s\" lacks \"%s\"", h->err.message, says);
}

static inline void head_of(struct host *h, char out[REST_HEAD])
{
	ck_assert_int_eq(anchor_head(h->a, out, &h->err), MUSTER_OK);
}

#endif
