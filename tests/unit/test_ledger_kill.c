/*
 * kill -9 under load, at random moments: every acknowledged activation is there, none twice for one nonce, counts right.
 *
 * A child process runs the ledger on SQLite files and reports each answer through a pipe; the parent kills it and looks.
 */
#include "tests/unit/ledger_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/bytes.h"

#define ROUNDS 12
#define FLIGHT 64      /* requests under way at once */
#define CLIENTS 400

struct ack { uint32_t id, nonce; int64_t seq; uint32_t code, count; };

/* ---- the child ---- */

struct flight { struct ask a; int pipe; _Atomic bool busy; uint32_t id, nonce; };

static void report(struct ledger_request *r)
{
	struct flight *w = r->user;
	struct ack k = { w->id, w->nonce, r->seq, r->code, r->count };

	/* Shorter than PIPE_BUF: whole or not at all. Nobody reads any more: killed anyway. */
	if (write(w->pipe, &k, sizeof k) != (ssize_t)sizeof k)
		_exit(3);
	w->busy = false;
}

static void prepare(struct fix *f, struct ask *a, uint32_t id, uint32_t nonce)
{
	ask_init(f, a, TINY, id);
	memset(a->r.nonce, 0, sizeof a->r.nonce);
	be32_put(a->r.nonce, nonce);
	a->r.loopback = true;
}

static void child(struct fix *f, int to_parent, uint32_t nonce)
{
	static struct flight w[FLIGHT];

	fix_start(f);
	for (uint32_t i = 0;; i = (i + 1) % FLIGHT) {
		if (w[i].busy)
			continue;
		w[i].pipe = to_parent;
		w[i].id = 1 + nonce * 7919 % CLIENTS;
		w[i].nonce = nonce++;
		w[i].busy = true;
		prepare(f, &w[i].a, w[i].id, w[i].nonce);
		w[i].a.r.done = report;
		w[i].a.r.user = &w[i];
		if (ledger_submit(f->l, &w[i].a.r) != MUSTER_OK)
			w[i].busy = false;
		if (nonce % 97 == 0)
			fix_advance(f, 50);   /* folds and refills go on meanwhile */
	}
}

/* ---- the parent ---- */

static uint64_t random_state;

static uint32_t any(uint32_t limit)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(random_state >> 33) % limit;
}

struct seen { uint64_t *digests; size_t n, room; };

static int event_see(void *ctx, const struct ledger_event *e)
{
	struct seen *s = ctx;

	if (e->event.flags & STORE_F_SYSTEM)
		return 0;
	if (s->n == s->room) {
		s->room = s->room * 2 + 1024;
		s->digests = realloc(s->digests, s->room * sizeof *s->digests);
		ck_assert_ptr_nonnull(s->digests);
	}
	s->digests[s->n++] = e->event.digest;
	return 0;
}

static int digest_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int requests_add(void *ctx, const struct ledger_client *c)
{
	*(uint64_t *)ctx += c->use.requests;
	return 0;
}

static void look(struct fix *f, const struct ack *acks, size_t n)
{
	struct muster_err err = { 0 };
	struct seen s = { NULL, 0, 0 };
	uint64_t requests = 0;

	for (size_t i = 0; i < n; i++) {
		struct ask a;

		prepare(f, &a, acks[i].id, acks[i].nonce);
		ask_go(f, &a);
		ck_assert_msg(a.r.repeat && a.r.seq == acks[i].seq && a.r.code == acks[i].code && a.r.count == acks[i].count,
		              "acknowledged request %u of client %u is not there", acks[i].nonce, acks[i].id);
		ask_fini(&a);
	}
	ck_assert_int_eq(ledger_events(f->l, 0, SIZE_MAX, event_see, &s, &err), MUSTER_OK);
	ck_assert_uint_ge(s.n, n);
	qsort(s.digests, s.n, sizeof *s.digests, digest_order);
	for (size_t i = 1; i < s.n; i++)
		ck_assert_msg(s.digests[i] != s.digests[i - 1], "one request was recorded twice");
	ck_assert_uint_eq(fix_totals(f, TINY).total, s.n);
	ck_assert_int_eq(ledger_clients(f->l, "tiny", NULL, NULL, SIZE_MAX, requests_add, &requests, NULL, &err), MUSTER_OK);
	ck_assert_uint_eq(requests, s.n);
	ck_assert_uint_eq(fix_count(f, TINY).current, 2);
	free(s.digests);
}

static size_t collect(int from, pid_t pid, struct ack *acks, size_t room)
{
	struct timespec wait = { 0, (long)(1 + any(60)) * 1000000L };
	size_t n = 0;
	int status;

	/* the first answer shows that it is under way */
	ck_assert_int_eq(read(from, &acks[n], sizeof acks[n]), (ssize_t)sizeof acks[n]);
	n++;
	nanosleep(&wait, NULL);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	while (n < room && read(from, &acks[n], sizeof acks[n]) == (ssize_t)sizeof acks[n])
		n++;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return n;
}

START_TEST(test_kill)
{
	enum { ROOM = 1 << 20 };
	struct fix *f = calloc(1, sizeof *f);
	struct ack *acks = calloc(ROOM, sizeof *acks);
	size_t n = 0;

	ck_assert(f != NULL && acks != NULL);
	random_state = (uint64_t)time(NULL);
	fix_open(f, FIX_SQLITE);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		int ends[2];
		pid_t pid;

		ck_assert_int_eq(pipe(ends), 0);
		if ((pid = fork()) == 0) {
			close(ends[0]);
			child(f, ends[1], round * 10000000);
		}
		ck_assert_int_gt(pid, 0);
		close(ends[1]);
		n += collect(ends[0], pid, acks + n, ROOM - n);
		close(ends[0]);
		fix_pass(f, 60000);
		fix_start(f);
		look(f, acks, n);
		fix_stop(f);
	}
	ck_assert_uint_gt(n, ROUNDS);
	fix_start(f);
	fix_close(f);
	free(acks);
	free(f);
}
END_TEST

UNIT_MAIN("ledger_kill", test_kill)
