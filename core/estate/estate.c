/* Opening and ending the estate's books, the catalog they refer to, and the thread that looks after them. */
#include "core/estate/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "core/base/err.h"
#include "core/base/mem.h"

#define IDLE_S 1                       /* how long an import that was left alone can stay unnoticed */
#define ROUND_MS INT64_C(3600000)      /* observed machines to the pools, retention */

struct catalog *estate_catalog(struct estate *e)
{
	struct catalog *c;

	pthread_mutex_lock(&e->lock);
	c = e->catalog != NULL ? catalog_ref(e->catalog) : NULL;
	pthread_mutex_unlock(&e->lock);
	return c;
}

bool estate_stopping(struct estate *e)
{
	bool stopping;

	pthread_mutex_lock(&e->lock);
	stopping = e->stopping;
	pthread_mutex_unlock(&e->lock);
	return stopping;
}

void estate_say(const struct estate *e, int level, const char *event, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (e->event == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	e->event(e->ctx, level, event, text);
}

int estate_open(struct estate **out, const struct estate_options *o, struct muster_err *err)
{
	struct estate *e = mem_alloc(sizeof *e);
	pthread_condattr_t monotonic;
	int r = MUSTER_OK;

	*out = NULL;
	if (e == NULL)
		return err_nomem(err);
	MUSTER_ASSERT(pthread_condattr_init(&monotonic) == 0 && pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
	MUSTER_ASSERT(pthread_mutex_init(&e->acts, NULL) == 0 && pthread_mutex_init(&e->lock, NULL) == 0 && pthread_cond_init(&e->wake, &monotonic) == 0);
	(void)pthread_condattr_destroy(&monotonic);
	e->clock = o->clock;
	e->ledger = o->ledger;
	e->activation = o->activation;
	e->event = o->event;
	e->ctx = o->ctx;
	e->events_keep_ms = ESTATE_EVENTS_KEEP_MS;
	e->dir = mem_strdup(o->dir);
	e->host = mem_strdup(o->host != NULL ? o->host : "");
	if ((o->dir != NULL && e->dir == NULL) || e->host == NULL)
		r = err_nomem(err);
	if (r == MUSTER_OK)
		r = observed_open(e, err);
	if (r != MUSTER_OK) {
		estate_free(e);
		return r;
	}
	*out = e;
	return MUSTER_OK;
}

void estate_configure(struct estate *e, const struct config *config)
{
	pthread_mutex_lock(&e->lock);
	e->events_keep_ms = (int64_t)config->host.events_keep * 1000;
	pthread_mutex_unlock(&e->lock);
}

/* Neither a start nor a reload waits for what imports told: the next round tries again. Before the ledger has started it does not know its clock yet. */
static void count_observed(struct estate *e)
{
	struct muster_err err = { 0 };

	if (observed_to_pools(e, &err) != MUSTER_OK)
		estate_say(e, 4, "observed", "observed machines could not be counted: %s", err.message);
}

int estate_bind(struct estate *e, struct catalog *catalog, struct muster_err *err)
{
	struct catalog *before;

	(void)err;
	pthread_mutex_lock(&e->lock);
	before = e->catalog;
	e->catalog = catalog_ref(catalog);
	pthread_mutex_unlock(&e->lock);
	catalog_unref(before);
	if (e->started)
		count_observed(e);
	return MUSTER_OK;
}

/* ---- the thread ---- */

/* A round that fails says so and comes again after the same time: nothing that serves machines depends on it. */
static void look_after(struct estate *e)
{
	struct muster_err err = { 0 };

	count_observed(e);
	if (observed_retention(e, &err) != MUSTER_OK)
		estate_say(e, 4, "observed", "old observed events could not be deleted: %s", err.message);
}

static void *work(void *ctx)
{
	struct estate *e = ctx;
	int64_t last = clock_boot_ms(e->clock), now;
	struct timespec until;

	pthread_mutex_lock(&e->lock);
	while (!e->stopping) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += IDLE_S;
		while (!e->stopping && pthread_cond_timedwait(&e->wake, &e->lock, &until) == 0)
			;
		if (e->stopping)
			break;
		pthread_mutex_unlock(&e->lock);
		import_idle(e);
		if ((now = clock_boot_ms(e->clock)) - last >= ROUND_MS) {
			last = now;
			look_after(e);
		}
		pthread_mutex_lock(&e->lock);
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

int estate_start(struct estate *e, struct muster_err *err)
{
	int r;

	count_observed(e);
	if ((r = pthread_create(&e->thread, NULL, work, e)) != 0)
		return err_errno(err, r, "cannot start the thread of the estate's books");
	e->started = true;
	return MUSTER_OK;
}

void estate_stop(struct estate *e)
{
	if (e == NULL)
		return;
	pthread_mutex_lock(&e->lock);
	e->stopping = true;
	pthread_cond_signal(&e->wake);
	pthread_mutex_unlock(&e->lock);
	if (e->started)
		(void)pthread_join(e->thread, NULL);
	e->started = false;
}

void estate_free(struct estate *e)
{
	if (e == NULL)
		return;
	estate_stop(e);
	import_drop(e);
	observed_free(e);
	catalog_unref(e->catalog);
	mem_free(e->dir);
	mem_free(e->host);
	pthread_cond_destroy(&e->wake);
	pthread_mutex_destroy(&e->lock);
	pthread_mutex_destroy(&e->acts);
	mem_free(e);
}
