/*
 * The agent: renews whatever is due, sleeps until the next is, ends on SIGTERM or SIGINT. Each round opens the state folder
 * anew, so that products, hosts, a rotated root and a rearm done meanwhile are taken up; a change costs no restart.
 */
#include "core/cli/muster_cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/mem.h"

#define ROUND_MAX_MS 60000   /* looks at the clock at least this often: it may be set while we sleep */
#define ROUND_MIN_MS 1000
#define ROUND_TEST_MS 200    /* with an injected clock, which can jump at any time */
#define KNOWN_MAX 256        /* products whose last answer is remembered, so that only news is logged */

struct known { char id[37]; int64_t next_at; uint32_t code; int r; };

struct round {
	struct known known[KNOWN_MAX];
	size_t count;
	int64_t next_at;             /* earliest of this round; 0: none */
};

/* The round that is running; verbs' callbacks have no room for it. */
static struct round *present;

static bool pending_end(void)
{
	sigset_t set;

	return sigpending(&set) == 0 && (sigismember(&set, SIGTERM) == 1 || sigismember(&set, SIGINT) == 1);
}

static int stop_asking(void *ctx)
{
	(void)ctx;
	return pending_end() ? 1 : 0;
}

static struct known *known_of(struct round *r, const char *id)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->known[i].id, id) == 0)
			return &r->known[i];
	if (r->count == KNOWN_MAX)
		return NULL;
	(void)snprintf(r->known[r->count].id, sizeof r->known[0].id, "%s", id);
	r->known[r->count].r = 1;
	return &r->known[r->count++];
}

static void log_answer(const char *id, const struct muster_answer *a)
{
	static const char *const events[] = { "activated", "counted", "refused", "no_host", "released", "pending", "queued" };
	char message[1100], host[300], code[16] = "0", next[TIME_RFC3339] = "never";

	if (a->code != 0)
		code_name(code, a->code);
	if (a->next_at != 0)
		time_rfc3339(next, a->next_at * 1000);
	log_line(a->outcome == MUSTER_ACTIVATED ? LOG_NOTICE : LOG_WARNING, events[a->outcome], "activation_id=%s code=%s count=%u minimum_count=%u host=%s next=%s message=%s",
		id, code, (unsigned)a->count, (unsigned)a->minimum_count, log_quote(host, sizeof host, a->host), next, log_quote(message, sizeof message, a->message));
}

static void log_event(void *ctx, uint32_t id, const char *fields)
{
	char text[1100];

	(void)ctx;
	log_line(LOG_INFO, "event", "id=%u fields=%s", (unsigned)id, log_quote(text, sizeof text, fields));
}

static void log_fault(const char *id, const struct muster_err *err)
{
	char message[MUSTER_ERR_MAX + 64];

	log_line(LOG_ERR, "failed", "activation_id=%s message=%s", id, log_quote(message, sizeof message, err->message));
}

static int renew_one(struct mcli *m, const char *id, json_t *list)
{
	struct muster_answer a = { .size = sizeof a };
	struct muster_err err = { 0 };
	struct known *k = known_of(present, id);
	int r;

	if (pending_end())
		return MCLI_OK;
	if (mcli_run_left(m, id)) {
		log_line(LOG_NOTICE, "released", "activation_id=%s message=\"the seat of a command that is gone\"", id);
		return MCLI_OK;
	}
	r = muster_client_renew(m->client, id, &a, &err);
	if (r == MUSTER_E_BUSY && pending_end())
		return MCLI_OK;
	if (r != MUSTER_OK) {
		if (k == NULL || k->r != r)
			log_fault(id, &err);
		if (k != NULL)
			k->r = r;
		return MCLI_FAULT;
	}
	/* A seat's heartbeats are no news. */
	if (k == NULL || k->r != MUSTER_OK || k->code != a.code || (k->next_at != a.next_at && (a.seats == 0 || a.outcome != MUSTER_ACTIVATED)))
		log_answer(id, &a);
	if (k != NULL) {
		k->r = MUSTER_OK;
		k->next_at = a.next_at;
		k->code = a.code;
	}
	/* 0: activated for good. */
	if (a.next_at != 0 && (present->next_at == 0 || a.next_at < present->next_at))
		present->next_at = a.next_at;
	if (m->json && m->once && json_array_append_new(list, mcli_answer_json(m, id, &a)) != 0)
		return mcli_say(MCLI_FAULT, "out of memory");
	return mcli_exit_of(&a);
}

/* @return enum mcli_exit of one round. */
static int one_round(struct mcli *m, json_t *list)
{
	int r, worst;

	present->next_at = 0;
	if ((worst = mcli_open(m)) != MCLI_OK)
		return worst;
	worst = mcli_products(m, renew_one, list);
	/* Products named on the command line are added to those that are known, not put in their place. */
	if (m->arg_count > 0 && !m->once) {
		size_t n = m->arg_count;

		m->arg_count = 0;
		r = mcli_products(m, renew_one, list);
		m->arg_count = n;
		if (r != MCLI_USAGE && r > worst)
			worst = r;
	}
	mcli_close(m);
	return worst;
}

/* Sleep until the next question is due or a signal ends us. @return true to go on. */
static bool wait_next(const struct mcli *m, const sigset_t *signals)
{
	int64_t ms = ROUND_MAX_MS, now = clock_wall_ms(m->clock);
	struct timespec t;

	if (present->next_at != 0 && present->next_at * 1000 - now < ms)
		ms = present->next_at * 1000 - now;
	if (ms < ROUND_MIN_MS)
		ms = ROUND_MIN_MS;
	if (m->clock != clock_system())
		ms = ROUND_TEST_MS;
	t = (struct timespec) { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	for (;;) {
		int s = sigtimedwait(signals, NULL, &t);

		if (s == SIGHUP)
			return true;
		if (s > 0)
			return false;
		if (errno != EINTR)
			return true;
	}
}

static int run(struct mcli *m, const sigset_t *signals)
{
	json_t *list;
	int r;

	if (m->once) {
		if ((list = json_array()) == NULL)
			return mcli_say(MCLI_FAULT, "out of memory");
		r = one_round(m, list);
		if (!m->json)
			json_decref(list);
		else if (mcli_print_json(list) != MCLI_OK)
			r = MCLI_FAULT;
		return r;
	}
	/* What is wrong from the start is said and ends us; later it may mend. */
	r = one_round(m, NULL);
	if (r == MCLI_USAGE || (r == MCLI_FAULT && present->count == 0))
		return r;
	while (wait_next(m, signals))
		(void)one_round(m, NULL);
	log_line(LOG_NOTICE, "stopped", "by=signal");
	return MCLI_OK;
}

int mcli_agent(struct mcli *m)
{
	struct muster_err err = { 0 };
	char *path = file_join(m->state, "agent.lock");
	sigset_t signals, before;
	int fd = -1, r;

	if (path == NULL || (present = mem_alloc(sizeof *present)) == NULL) {
		mem_free(path);
		return mcli_say(MCLI_FAULT, "out of memory");
	}
	log_open("muster", getenv("JOURNAL_STREAM") != NULL ? LOG_STYLE_JOURNAL : LOG_STYLE_TEXT, LOG_INFO);
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGHUP);
	/* Blocked, and taken up between rounds or by stop_asking(): nothing is ever cut in the middle. */
	(void)sigprocmask(SIG_BLOCK, &signals, &before);
	m->stop = stop_asking;
	m->event = log_event;
	if ((r = mcli_open(m)) != MCLI_OK)
		goto done;
	if (!m->once && file_lock(&fd, path, &err) != MUSTER_OK) {
		r = err.result == MUSTER_E_BUSY ? mcli_say(MCLI_FAULT, "an agent for this state folder is running already: %s", err.message) : mcli_fail(&err);
		goto done;
	}
	r = run(m, &signals);
done:
	if (fd >= 0)
		(void)close(fd);
	mem_free(present);
	present = NULL;
	mem_free(path);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}
