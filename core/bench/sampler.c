/* What the host costs and how far it is, looked at from outside: /proc, its CPU clock, and readers of its two files. */
#include "core/bench/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/store/store.h"

struct sampler {
	struct bench_host *host;      /* borrowed */
	struct store *store;
	struct store_log *log;
	struct store_state *state;
	uint64_t peak;
};

int sampler_new(struct sampler **out, struct bench_host *h, struct muster_err *err)
{
	struct sampler *s = mem_alloc(sizeof *s);
	char *dir = file_join(h->dir, "state");
	int r;

	*out = NULL;
	if (s == NULL || dir == NULL)
		r = err_nomem(err);
	else if ((r = store_sqlite_new(&s->store, dir, err)) == MUSTER_OK)
		s->host = h;
	mem_free(dir);
	if (r == MUSTER_OK && (r = s->store->open_log(s->store, false, &s->log, err)) == MUSTER_OK)
		r = s->store->open_state(s->store, false, &s->state, err);
	if (r != MUSTER_OK) {
		sampler_free(s);
		return r;
	}
	*out = s;
	return MUSTER_OK;
}

/* User and system time of all threads, also of those that have ended; 0 when the process is gone. */
static int64_t cpu_ns(pid_t pid)
{
	struct timespec t;
	clockid_t id;

	if (pid == 0 || clock_getcpuclockid(pid, &id) != 0 || clock_gettime(id, &t) != 0)
		return 0;
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint64_t rss_anon(pid_t pid)
{
	char path[64], text[4096];
	const char *at;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
	if (pid == 0 || (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return 0;
	n = read(fd, text, sizeof text - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, "\nRssAnon:");
	return at != NULL ? strtoull(at + strlen("\nRssAnon:"), NULL, 10) << 10 : 0;
}

int sampler_take(struct sampler *s, struct bench_sample *out, struct muster_err *err)
{
	struct store_log_info log;
	struct store_state_info state;
	int r;

	memset(out, 0, sizeof *out);
	out->ns = bench_ns();
	out->cpu_ns = cpu_ns(s->host->pid);
	out->rss_anon = rss_anon(s->host->pid);
	if (out->rss_anon > s->peak)
		s->peak = out->rss_anon;
	out->rss_anon_peak = s->peak;
	/* The position first: read the other way round, a fold in between would seem to be ahead of the log. */
	if ((r = s->state->ops->info(s->state, &state, err)) != MUSTER_OK || (r = s->log->ops->info(s->log, &log, err)) != MUSTER_OK)
		return r;
	out->fold_seq = state.fold_seq;
	out->state_bytes = state.bytes;
	out->last_seq = log.last_seq;
	out->log_bytes = log.bytes;
	return MUSTER_OK;
}

void sampler_free(struct sampler *s)
{
	if (s == NULL)
		return;
	if (s->log != NULL)
		s->log->ops->close(s->log);
	if (s->state != NULL)
		s->state->ops->close(s->state);
	if (s->store != NULL)
		s->store->free(s->store);
	mem_free(s);
}
