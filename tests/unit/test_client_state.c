/* libmuster's state folder: unsafe, damaged, shared by processes, cut short by a crash. */
#include "tests/unit/client_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/mem.h"

static struct fake k;
static struct muster_err err;

/* ---- the state folder ---- */

START_TEST(test_client_state_refused)
{
	struct muster_client_options o;
	struct muster_client *c;

	fake_init(&k);
	o = fake_options(&k);
	muster_client_free(fake_open(&k));
	ck_assert_int_eq(chmod(k.state, 0750), 0);
	ck_assert_int_eq(muster_client_open(&c, &o, &err), MUSTER_E_DENIED);
	ck_assert_ptr_null(c);
	ck_says(err.message, "can be used by others (mode 0750): chmod 700 ");
	ck_assert_int_eq(chmod(k.state, 0700), 0);
	fake_write(&k, "identity.json", "{\"client_id\":\"zz\"}");
	ck_assert_int_eq(muster_client_open(&c, &o, &err), MUSTER_E_INVALID);
	ck_says(err.message, "identity.json is damaged: client_id has no valid value. Restore it, or remove it to begin anew");
	fake_write(&k, "identity.json", "nonsense");
	ck_assert_int_eq(muster_client_open(&c, &o, &err), MUSTER_E_INVALID);
	ck_says(err.message, "it is not a JSON object");
	ck_assert_int_eq(unlink(fake_path(&k, "identity.json")), 0);
	o.state = k.issuer;
	ck_assert_int_lt(muster_client_open(&c, &o, &err), 0);
	ck_says(err.message, k.issuer);
	o.state = k.state;
	o.hosts = "ftp://x";
	ck_assert_int_eq(muster_client_open(&c, &o, &err), MUSTER_E_INVALID);
	o.hosts = k.url;
	o.size = 4;
	ck_assert_int_eq(muster_client_open(&c, &o, &err), MUSTER_E_INVALID);
	ck_says(err.message, "size member");
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_issuer_refused)
{
	struct muster_client_options o;
	struct muster_client *c;
	struct muster_answer a = { .size = sizeof a };

	fake_init(&k);
	ck_assert_int_eq(chmod(k.issuer, 0666), 0);
	c = fake_open(&k);
	ck_assert_int_eq(muster_client_activate(c, PRODUCT, &a, &err), MUSTER_E_DENIED);
	ck_says(err.message, "can be changed by others");
	muster_client_free(c);
	o = fake_options(&k);
	o.issuer = NULL;
	fixture_ok(muster_client_open(&c, &o, &err), &err);
	ck_assert_int_eq(muster_client_activate(c, PRODUCT, &a, &err), MUSTER_E_NOT_FOUND);
	ck_says(err.message, "cannot read the issuer's root");
	ck_says(err.message, "name it with --issuer");
	fake_write(&k, "issuer.pem", "not a certificate");
	ck_assert_int_lt(muster_client_activate(c, PRODUCT, &a, &err), 0);
	ck_says(err.message, "/issuer.pem: ");
	ck_assert_uint_eq(k.asked, 0);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_two_processes)
{
	struct muster_client *one, *two;
	struct muster_answer a = { .size = sizeof a };

	fake_init(&k);
	one = fake_open(&k);
	two = fake_open(&k);
	ck_assert_str_eq(muster_client_id(one), muster_client_id(two));
	fixture_ok(client_begin(one, &err), &err);
	ck_assert_int_eq(muster_client_activate(two, PRODUCT, &a, &err), MUSTER_E_BUSY);
	ck_says(err.message, "is locked by process");
	ck_assert_uint_eq(k.asked, 0);
	client_end(one);
	(void)fake_activate(&k, two);
	/* one learns what two did: the new identity too */
	ck_assert_uint_eq(fake_status(one).valid, 1);
	fixture_ok(muster_client_rearm(two, &err), &err);
	(void)fake_activate(&k, one);
	ck_assert_str_eq(muster_client_id(one), muster_client_id(two));
	muster_client_free(one);
	muster_client_free(two);
	fake_fini(&k);
}
END_TEST

/* Whoever only looks never writes beside the one who holds the lock: the clock's mark is left to the next look. */
START_TEST(test_client_mark_waits_for_nobody)
{
	struct muster_client *one, *two;
	int64_t before = 0, held = 0, after = 0;

	fake_init(&k);
	one = fake_open(&k);
	two = fake_open(&k);
	(void)fake_activate(&k, one);
	fixture_ok(state_mark_load(&one->state, &before, &err), &err);
	clock_manual_advance(&k.clock, 3600 * 1000);
	fixture_ok(client_begin(one, &err), &err);
	ck_assert_uint_eq(fake_status(two).valid, 1);
	fixture_ok(state_mark_load(&one->state, &held, &err), &err);
	ck_assert_int_eq(held, before);
	client_end(one);
	ck_assert_uint_eq(fake_status(two).valid, 1);
	fixture_ok(state_mark_load(&one->state, &after, &err), &err);
	ck_assert_int_eq(after, before + 3600);
	muster_client_free(one);
	muster_client_free(two);
	fake_fini(&k);
}
END_TEST

/* Many processes open a folder that is not there yet: all agree on one identity, and none has to wait. */
START_TEST(test_client_opened_at_once)
{
	char ids[8][37];
	int pipes[2], go[2];

	fake_init(&k);
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(pipe(go), 0);
	for (int i = 0; i < 8; i++)
		if (fork() == 0) {
			struct muster_client_options o = fake_options(&k);
			struct muster_client *c;
			char x;

			(void)close(go[1]);
			(void)!read(go[0], &x, 1);
			if (muster_client_open(&c, &o, &err) != MUSTER_OK || write(pipes[1], muster_client_id(c), 37) != 37)
				_exit(1);
			_exit(0);
		}
	(void)close(go[1]);
	for (int i = 0; i < 8; i++) {
		int status;

		ck_assert_int_gt(wait(&status), 0);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a process could not open the folder");
		ck_assert_int_eq(read(pipes[0], ids[i], 37), 37);
		ck_assert_str_eq(ids[i], ids[0]);
	}
	fake_fini(&k);
}
END_TEST

/* The program dies just before its Nth rename: whatever N, the old or the new state is there, whole. */
static int renames_left = -1;

int rename(const char *from, const char *to)
{
	if (renames_left == 0)
		_exit(99);
	if (renames_left > 0)
		renames_left--;
	return renameat(-100 /* AT_FDCWD */, from, -100, to);
}

static int in_child(int die_at, void (*act)(struct muster_client *c))
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct muster_client *c = fake_open(&k);

		renames_left = die_at;
		act(c);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void act_activate(struct muster_client *c)
{
	struct muster_answer a = { .size = sizeof a };
	struct muster_err e;

	(void)muster_client_activate(c, PRODUCT, &a, &e);
}

static void act_rearm(struct muster_client *c)
{
	struct muster_err e;

	(void)muster_client_rearm(c, &e);
}

START_TEST(test_client_dies_while_writing)
{
	struct muster_client *c;
	int died = 0;

	fake_init(&k);
	muster_client_free(fake_open(&k));
	for (int n = 0; in_child(n, act_activate) == 99; n++) {
		struct muster_status s = { .size = sizeof s };
		int r;

		died++;
		c = fake_open(&k);
		r = muster_client_status(c, PRODUCT, &s, &err);
		ck_assert(r == MUSTER_OK || r == MUSTER_E_NOT_FOUND);
		muster_client_free(c);
	}
	ck_assert_int_ge(died, 4);   /* question, chain, lease, clock, answer */
	c = fake_open(&k);
	ck_assert_uint_eq(fake_status(c).valid, 1);
	muster_client_free(c);
	/* from here on there is always a valid lease */
	for (int n = 0; in_child(n, act_activate) == 99; n++) {
		fake_advance(&k, 1);
		c = fake_open(&k);
		ck_assert_uint_eq(fake_status(c).valid, 1);
		muster_client_free(c);
	}
	/* and a rearm cut short leaves no lease that counts under the new ID */
	for (int n = 0; in_child(n, act_rearm) == 99; n++) {
		struct muster_status s;

		c = fake_open(&k);
		s = fake_status(c);
		ck_assert(s.valid == 0 || n == 0);
		ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
		ck_assert_uint_eq(fake_status(c).valid, 1);
		muster_client_free(c);
	}
	fake_fini(&k);
}
END_TEST

/* Everything a client does, with one allocation failing. In a process of its own: the host here allocates too. */
static int with_failure(uint64_t n)
{
	struct muster_client_options o = fake_options(&k);
	struct muster_client *c = NULL;
	struct muster_answer a = { .size = sizeof a };
	struct muster_status s = { .size = sizeof s };
	char id[37];
	bool failed;
	int r;

	mem_fail_at(n);
	if ((r = muster_client_open(&c, &o, &err)) == MUSTER_OK && (r = muster_client_activate(c, PRODUCT, &a, &err)) == MUSTER_OK &&
	    (r = muster_client_status(c, PRODUCT, &s, &err)) == MUSTER_OK && (r = muster_client_find(c, "office2013", id, &err)) == MUSTER_OK &&
	    (r = muster_client_rearm(c, &err)) == MUSTER_OK)
		r = muster_client_release(c, PRODUCT, &a, &err);
	failed = mem_count() >= n;
	mem_fail_at(0);
	muster_client_free(c);
	if (!failed)
		return r == MUSTER_OK ? 1 : 2;
	if (r == MUSTER_OK || r == MUSTER_E_NOMEM || r == MUSTER_E_IO)
		return 0;
	(void)fprintf(stderr, "allocation %llu: %d: %s (%s)\n", (unsigned long long)n, r, err.message, a.message);
	return 2;
}

/* Every allocation of ours fails once: an error says so, or it was not needed, and afterwards everything works. */
START_TEST(test_client_every_allocation)
{
	int result = 0;

	fake_init(&k);
	for (uint64_t n = 1; result == 0; n++) {
		int status;
		pid_t pid = fork();

		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			_exit(with_failure(n));
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) < 2, "allocation %llu: %x", (unsigned long long)n, (unsigned)status);
		result = WEXITSTATUS(status);
		if (n % 16 == 0) {
			struct muster_client *c = fake_open(&k);

			ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
			ck_assert_uint_eq(fake_status(c).valid, 1);
			muster_client_free(c);
		}
	}
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_leftover_part)
{
	struct muster_client *c;

	fake_init(&k);
	muster_client_free(fake_open(&k));
	fake_write(&k, "identity.json.part", "{\"client_id\":");
	fake_write(&k, LEASE ".part", "half a lea");
	c = fake_open(&k);
	ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
	ck_assert_uint_eq(fake_status(c).valid, 1);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

static int count_one(void *ctx, const char *id)
{
	ck_assert_str_eq(id, PRODUCT);
	++*(int *)ctx;
	return 0;
}

START_TEST(test_client_each)
{
	struct muster_client *c;
	int n = 0;

	fake_init(&k);
	c = fake_open(&k);
	ck_assert_int_eq(muster_client_each(c, count_one, &n), 0);
	ck_assert_int_eq(n, 0);
	(void)fake_activate(&k, c);
	fake_write(&k, "products/notes.json", "{}");
	ck_assert_int_eq(muster_client_each(c, count_one, &n), 0);
	ck_assert_int_eq(n, 1);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_bad_activation_id)
{
	struct muster_client *c;
	struct muster_answer a = { .size = sizeof a };

	fake_init(&k);
	c = fake_open(&k);
	ck_assert_int_eq(muster_client_activate(c, "../../x", &a, &err), MUSTER_E_INVALID);
	ck_says(err.message, "is not an activation ID");
	ck_assert_int_eq(muster_client_activate(c, "00000000-0000-0000-0000-000000000000", &a, &err), MUSTER_E_INVALID);
	a.size = 8;
	ck_assert_int_eq(muster_client_activate(c, PRODUCT, &a, &err), MUSTER_E_INVALID);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

UNIT_MAIN("client_state", test_client_state_refused, test_client_issuer_refused, test_client_two_processes, test_client_mark_waits_for_nobody, test_client_opened_at_once,
	test_client_dies_while_writing, test_client_every_allocation, test_client_leftover_part, test_client_each, test_client_bad_activation_id)
