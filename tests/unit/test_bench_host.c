/*
 * The bench's own host: a real musterd in a work folder. What is shown: it comes up certified and goes without a trace, nothing of anybody
 * else's is touched, and a filled ledger is one that a host goes on with.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/bench/host.h"
#include "core/bench/population.h"
#include "unit.h"

static char musterd[4096], work[64];
static struct muster_err err;

static void setup(void)
{
	const char *build = getenv("top_builddir");

	(void)snprintf(musterd, sizeof musterd, "%s/musterd", build != NULL ? build : ".");
	(void)snprintf(work, sizeof work, "/tmp/muster-test-bench-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(work));
	memset(&err, 0, sizeof err);
}

static void teardown(void)
{
	bench_remove_folder(work);
}

static struct bench_host_options options(const char *dir)
{
	return (struct bench_host_options){ .dir = dir, .musterd = musterd, .extra = "", .clock = clock_system() };
}

static void opened(struct bench_host *h, const char *dir)
{
	struct bench_host_options o = options(dir);

	ck_assert_msg(bench_host_open(h, &o, &err) == MUSTER_OK, "%s", err.message);
}

static void started(struct bench_host *h)
{
	int64_t first = 0;

	ck_assert_msg(bench_host_start(h, &first, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_int_gt(first, 0);
	ck_assert_uint_ne(h->port, 0);
}

static bool there(const char *dir, const char *name)
{
	char path[4200];

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

/* Without a folder of the caller's one is made, and removed in the end; the host of it is certified and answers. */
START_TEST(test_bench_host_comes_and_goes)
{
	struct bench_host h;
	char dir[4096];

	opened(&h, NULL);
	(void)snprintf(dir, sizeof dir, "%s", h.dir);
	started(&h);
	ck_assert(bench_host_alive(&h));
	ck_assert(there(dir, "admin.sock"));
	ck_assert_msg(bench_host_stop(&h, &err) == MUSTER_OK, "%s", err.message);
	ck_assert(!bench_host_alive(&h));
	/* Killed and started again, it goes on. */
	started(&h);
	bench_host_kill(&h);
	started(&h);
	bench_host_close(&h);
	ck_assert(!there(dir, ""));
}
END_TEST

/* A folder that is named stays, and is taken up again: the same issuer, the same host. */
START_TEST(test_bench_host_folder_stays)
{
	struct bench_host h;
	glob_t before, after;
	char pattern[4200];

	opened(&h, work);
	ck_assert_msg(bench_host_certify(&h, &err) == MUSTER_OK, "%s", err.message);
	(void)snprintf(pattern, sizeof pattern, "%s/state/host/chain-*.pem", h.dir);   /* named by the certificate */
	ck_assert_int_eq(glob(pattern, 0, NULL, &before), 0);
	bench_host_close(&h);
	ck_assert(there(work, "bench"));
	opened(&h, work);
	ck_assert_msg(bench_host_certify(&h, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_int_eq(glob(pattern, 0, NULL, &after), 0);
	ck_assert_uint_eq(before.gl_pathc, 1);
	ck_assert_uint_eq(after.gl_pathc, 1);
	ck_assert_str_eq(after.gl_pathv[0], before.gl_pathv[0]);
	globfree(&before);
	globfree(&after);
	bench_host_close(&h);
}
END_TEST

/* A folder with anything of somebody else's in it is refused and left as it was. */
START_TEST(test_bench_host_foreign_folder)
{
	struct bench_host_options o = options(work);
	struct bench_host h;
	char path[128];
	int fd;

	(void)snprintf(path, sizeof path, "%s/thesis.txt", work);
	ck_assert_int_ge(fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600), 0);
	(void)close(fd);
	ck_assert_int_eq(bench_host_open(&h, &o, &err), MUSTER_E_EXISTS);
	ck_assert_ptr_nonnull(strstr(err.message, "neither empty nor a work folder of muster-bench"));
	ck_assert(there(work, "thesis.txt"));
	ck_assert(!there(work, "bench"));
	ck_assert(!there(work, "muster.conf"));
}
END_TEST

/* A path that leaves no room for the socket's name is refused at once, not by a daemon that does not come up. */
START_TEST(test_bench_host_long_path)
{
	struct bench_host_options o;
	struct bench_host h;
	char path[256];

	(void)snprintf(path, sizeof path, "%s/%0*d", work, 90, 0);
	o = options(path);
	ck_assert_int_eq(bench_host_open(&h, &o, &err), MUSTER_E_LIMIT);
}
END_TEST

START_TEST(test_bench_host_no_program)
{
	struct bench_host_options o = options(work);
	struct bench_host h;

	o.musterd = "/nonexistent/musterd";
	ck_assert_int_eq(bench_host_open(&h, &o, &err), MUSTER_E_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(err.message, "/nonexistent/musterd"));
}
END_TEST

/* What musterd says when it does not come up is what the bench says. */
START_TEST(test_bench_host_says_why)
{
	struct bench_host_options o = options(work);
	struct bench_host h;

	o.extra = "quue = 5";
	ck_assert_msg(bench_host_open(&h, &o, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_int_eq(bench_host_start(&h, NULL, &err), MUSTER_E_IO);
	ck_assert_msg(strstr(err.message, "musterd ended at once") != NULL && strstr(err.message, "quue") != NULL, "%s", err.message);
	bench_host_close(&h);
}
END_TEST

/* Whatever becomes of the bench, its host does not outlive it. */
START_TEST(test_bench_host_dies_with_the_bench)
{
	const struct timespec pause = { 0, 10000000 };
	int said[2], status;
	pid_t bench, host = 0;

	ck_assert_int_eq(pipe(said), 0);
	bench = fork();
	ck_assert_int_ge(bench, 0);
	if (bench == 0) {
		struct bench_host_options o = options(work);
		struct bench_host h;

		if (bench_host_open(&h, &o, &err) == MUSTER_OK && bench_host_start(&h, NULL, &err) == MUSTER_OK)
			(void)!write(said[1], &h.pid, sizeof h.pid);
		(void)raise(SIGKILL);
	}
	ck_assert_int_eq(read(said[0], &host, sizeof host), (int)sizeof host);
	ck_assert_int_eq(waitpid(bench, &status, 0), bench);
	/* It is nobody's child now: gone, or waiting to be collected. */
	for (int i = 0; i < 3000; i++) {
		char path[64], line[256] = "";
		int fd;

		(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)host);
		if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
			return;
		(void)!read(fd, line, sizeof line - 1);
		(void)close(fd);
		if (strstr(line, ") Z ") != NULL)
			return;
		(void)nanosleep(&pause, NULL);
	}
	ck_abort_msg("musterd %d still runs", (int)host);
}
END_TEST

/* ---- filling ---- */

struct seen { uint64_t n, wrong, leases; int64_t first, last; };

static int see(void *ctx, const struct store_event *e)
{
	struct seen *s = ctx;

	if (e->flags & STORE_F_SYSTEM)
		return 0;
	if (s->n++ == 0)
		s->first = e->at;
	s->last = e->at;
	s->leases += (e->flags & STORE_F_LEASE) != 0;
	s->wrong += (e->flags & STORE_F_REFUSED) != 0;
	return 0;
}

static int count_use(void *ctx, const struct store_use *u)
{
	(void)u;
	++*(uint64_t *)ctx;
	return 0;
}

/* The log's requests, and whether all is folded and this machine has its row. */
static struct seen look(const struct bench_host *h, uint64_t seed, uint64_t number)
{
	struct seen seen = { 0 };
	struct store_state_info state_info;
	struct store_log_info log_info;
	struct store_state *state;
	struct store_log *log;
	struct store *store;
	char dir[4200];
	uint8_t client[16];
	uint64_t rows = 0;

	(void)snprintf(dir, sizeof dir, "%s/state", h->dir);
	population_client(client, seed, number);
	ck_assert_int_eq(store_sqlite_new(&store, dir, &err), MUSTER_OK);
	ck_assert_int_eq(store->open_log(store, false, &log, &err), MUSTER_OK);
	ck_assert_int_eq(store->open_state(store, false, &state, &err), MUSTER_OK);
	ck_assert_int_eq(log->ops->info(log, &log_info, &err), MUSTER_OK);
	ck_assert_int_eq(state->ops->info(state, &state_info, &err), MUSTER_OK);
	ck_assert_int_eq(state_info.fold_seq, log_info.last_seq);
	ck_assert_int_eq(log->ops->read(log, 0, SIZE_MAX, see, &seen, &err), MUSTER_OK);
	ck_assert_int_eq(state->ops->use(state, client, count_use, &rows, &err), MUSTER_OK);
	ck_assert_uint_eq(rows, 1);
	log->ops->close(log);
	state->ops->close(state);
	store->free(store);
	return seen;
}

/* Every machine counted, all but the first four granted, over the last 20 days, folded; a host goes on with it. */
START_TEST(test_bench_fill_makes_a_ledger)
{
	struct bench_sample sample;
	struct sampler *sampler;
	struct bench_host h;
	struct seen seen;
	double per_s;

	opened(&h, work);
	ck_assert_msg(bench_host_fill(&h, 7, 3000, &per_s, &err) == MUSTER_OK, "%s", err.message);
	ck_assert(per_s > 0);
	seen = look(&h, 7, 2999);
	ck_assert_uint_eq(seen.n, 3000);
	ck_assert_uint_eq(seen.wrong, 0);
	ck_assert_uint_eq(seen.leases, 3000 - BENCH_MINIMUM + 1);
	ck_assert_int_gt(seen.last - seen.first, INT64_C(19) * STORE_DAY_MS);
	ck_assert_int_le(seen.last, clock_wall_ms(clock_system()));
	started(&h);
	ck_assert_msg(sampler_new(&sampler, &h, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_int_eq(sampler_take(sampler, &sample, &err), MUSTER_OK);
	ck_assert_int_ge(sample.last_seq, 3000);
	ck_assert_int_gt(sample.cpu_ns, 0);
	ck_assert_uint_gt(sample.rss_anon, 0);
	ck_assert_uint_gt(sample.log_bytes, 3000 * 100);
	ck_assert_msg(bench_host_stop(&h, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_int_eq(sampler_take(sampler, &sample, &err), MUSTER_OK);
	ck_assert_int_eq(sample.cpu_ns, 0);
	sampler_free(sampler);
	bench_host_close(&h);
}
END_TEST

/* As many already: left as it is. More: only the missing ones. Another seed: they would be other machines. */
START_TEST(test_bench_fill_adds_what_is_missing)
{
	struct bench_host h;

	opened(&h, work);
	ck_assert_msg(bench_host_fill(&h, 1, 500, NULL, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_msg(bench_host_fill(&h, 1, 500, NULL, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_uint_eq(look(&h, 1, 499).n, 500);
	ck_assert_msg(bench_host_fill(&h, 1, 700, NULL, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_uint_eq(look(&h, 1, 699).n, 700);
	ck_assert_int_eq(bench_host_fill(&h, 2, 800, NULL, &err), MUSTER_E_MISMATCH);
	bench_host_close(&h);
}
END_TEST

/* A run that was cut off leaves a ledger of which nobody knows what it holds: it is not measured on. */
START_TEST(test_bench_fill_cut_off)
{
	struct bench_host h;
	char path[4200];

	opened(&h, work);
	(void)snprintf(path, sizeof path, "%s/known", h.dir);
	ck_assert_int_eq(file_write(path, (struct muster_span){ (const uint8_t *)"filling\n", 8 }, 0644, &err), MUSTER_OK);
	ck_assert_int_eq(bench_host_fill(&h, 1, 10, NULL, &err), MUSTER_E_INVALID);
	ck_assert_ptr_nonnull(strstr(err.message, "interrupted"));
	bench_host_close(&h);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_bench_host_comes_and_goes, test_bench_host_folder_stays, test_bench_host_foreign_folder, test_bench_host_long_path,
		test_bench_host_no_program, test_bench_host_says_why, test_bench_host_dies_with_the_bench, test_bench_fill_makes_a_ledger,
		test_bench_fill_adds_what_is_missing, test_bench_fill_cut_off,
	};

	return unit_run_with(suite_create("bench_host"), tests, sizeof tests / sizeof tests[0], setup, teardown);
}
