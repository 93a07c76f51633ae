/* Opening, binding to a configuration, and the thread of periodic jobs. */
#include "core/activation/counted.h"
#include "core/activation/internal.h"
#include "core/activation/rest.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"

#define LOOK_MS 250   /* an injected clock tells nobody that it was moved */

/* ---- what the files share ---- */

void activation_begin(struct activation *a)
{
	struct muster_err err = { 0 };

	pthread_mutex_lock(&a->acts);
	if (!atomic_load(&a->stale))
		return;
	if (records_load(a, &err) == MUSTER_OK && packs_load(a, &err) == MUSTER_OK && binding_check(a, &err) == MUSTER_OK)
		atomic_store(&a->stale, false);
	else
		activation_say(a, 3, "activation-state", "what was recorded last cannot be read back yet: %s", err.message);
}

void activation_end(struct activation *a)
{
	pthread_mutex_unlock(&a->acts);
}

bool activation_stopping(const struct activation *a)
{
	return atomic_load(&a->stop);
}

int64_t activation_now(const struct activation *a)
{
	return clock_wall_ms(a->clock) / 1000;
}

void activation_say(const struct activation *a, int level, const char *event, const char *fmt, ...)
{
	char text[MUSTER_ERR_MAX];
	va_list ap;

	if (a->event == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	a->event(a->ctx, level, event, text);
}

struct catalog *activation_catalog(struct activation *a)
{
	struct catalog *c;

	pthread_mutex_lock(&a->lock);
	c = a->catalog != NULL ? catalog_ref(a->catalog) : NULL;
	pthread_mutex_unlock(&a->lock);
	return c;
}

/* ---- the thread ---- */

static void wait_a_little(struct activation *a)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += LOOK_MS * 1000000L;
	t.tv_sec += t.tv_nsec / 1000000000L;
	t.tv_nsec %= 1000000000L;
	(void)pthread_cond_timedwait(&a->work, &a->work_lock, &t);
}

/* The lock is held, but not while a job runs. @return whether any ran. */
static bool run_due(struct activation *a)
{
	bool any = false;

	for (size_t i = 0; activation_jobs[i].name != NULL && !atomic_load(&a->stop); i++) {
		int64_t wait;

		if (clock_boot_ms(a->clock) < a->due[i])
			continue;
		a->due[i] = INT64_MAX;   /* whoever wakes it meanwhile has it run once more */
		pthread_mutex_unlock(&a->work_lock);
		wait = activation_jobs[i].run(a);
		pthread_mutex_lock(&a->work_lock);
		if (a->due[i] == INT64_MAX)
			a->due[i] = clock_boot_ms(a->clock) + wait;
		any = true;
	}
	return any;
}

static void *work(void *activation)
{
	struct activation *a = activation;

	pthread_mutex_lock(&a->work_lock);
	while (!atomic_load(&a->stop))
		if (!run_due(a))
			wait_a_little(a);
	pthread_mutex_unlock(&a->work_lock);
	return NULL;
}

int activation_start(struct activation *a, struct muster_err *err)
{
	int e;

	for (size_t i = 0; activation_jobs[i].name != NULL; i++)
		MUSTER_ASSERT(i < ACTIVATION_JOBS_MAX);
	if ((e = pthread_create(&a->thread, NULL, work, a)) != 0)
		return err_errno(err, e, "cannot start the activation's thread");
	a->running = true;
	return counted_start(a, err);
}

void activation_stop(struct activation *a)
{
	if (a == NULL || !a->running)
		return;
	counted_stop(a);
	pthread_mutex_lock(&a->work_lock);
	atomic_store(&a->stop, true);
	pthread_cond_signal(&a->work);
	pthread_mutex_unlock(&a->work_lock);
	pthread_join(a->thread, NULL);
	a->running = false;
}

/* ---- opening and binding ---- */

void activation_issuers_free(struct activation_issuer *issuers, size_t n)
{
	for (size_t i = 0; issuers != NULL && i < n; i++) {
		mem_free(issuers[i].name);
		mem_free(issuers[i].url);
		mem_free(issuers[i].web_proxy);
	}
	mem_free(issuers);
}

static void free_moved(struct moved_list *list)
{
	while (list != NULL) {
		struct moved_list *older = list->older;

		mem_free(list->products);
		mem_free(list);
		list = older;
	}
}

void activation_free(struct activation *a)
{
	if (a == NULL)
		return;
	activation_stop(a);
	counted_free(a);
	mem_free(a->host_name);
	catalog_unref(a->catalog);
	activation_issuers_free(a->issuers, a->issuer_count);
	packs_free(a->packs, a->pack_count);
	mem_free(a->keys);
	mem_free(a->ids);
	free_moved(atomic_load(&a->moved));
	rest_free(a);
	pthread_cond_destroy(&a->work);
	pthread_mutex_destroy(&a->work_lock);
	pthread_mutex_destroy(&a->lock);
	pthread_mutex_destroy(&a->acts);
	mem_free(a->key_path);
	mem_free(a->dir);
	mem_free(a);
}

static void init_locks(struct activation *a)
{
	pthread_condattr_t steady;

	pthread_condattr_init(&steady);
	pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
	MUSTER_ASSERT(pthread_cond_init(&a->work, &steady) == 0);
	pthread_condattr_destroy(&steady);
	MUSTER_ASSERT(pthread_mutex_init(&a->work_lock, NULL) == 0);
	MUSTER_ASSERT(pthread_mutex_init(&a->lock, NULL) == 0);
	MUSTER_ASSERT(pthread_mutex_init(&a->acts, NULL) == 0);
}

int activation_open(struct activation **out, const struct activation_options *o, struct muster_err *err)
{
	struct activation *a = mem_alloc(sizeof *a);
	int r;

	*out = NULL;
	if (a == NULL)
		return err_nomem(err);
	init_locks(a);
	a->clock = o->clock;
	a->ledger = o->ledger;
	a->ring = o->ring;
	a->hardware = o->hardware;
	a->event = o->event;
	a->ctx = o->ctx;
	if ((a->dir = mem_strdup(o->dir)) == NULL || (o->key_file != NULL && (a->key_path = mem_strdup(o->key_file)) == NULL)) {
		activation_free(a);
		return err_nomem(err);
	}
	if ((r = counted_new(a, err)) != MUSTER_OK || (r = rest_open(a, err)) != MUSTER_OK || (r = records_load(a, err)) != MUSTER_OK || (r = binding_check(a, err)) != MUSTER_OK) {
		activation_free(a);
		return r;
	}
	*out = a;
	return MUSTER_OK;
}

static bool copy_issuer(struct activation_issuer *out, const char *name, const char *url, const char *web_proxy, bool proxy_auto)
{
	out->name = mem_strdup(name);
	out->url = mem_strdup(url);
	out->web_proxy = mem_strdup(web_proxy);
	out->proxy_auto = proxy_auto;
	return out->name != NULL && out->url != NULL && out->web_proxy != NULL;
}

static int copy_issuers(struct activation_issuer **out, const struct config *config, struct muster_err *err)
{
	struct activation_issuer *issuers = mem_array(config->issuer_count + 1, sizeof *issuers);

	for (size_t i = 0; issuers != NULL && i < config->issuer_count; i++) {
		const struct config_issuer *x = &config->issuers[i];

		if (!copy_issuer(&issuers[i], x->name, x->url, x->web_proxy, strcmp(x->proxy, "auto") == 0)) {
			activation_issuers_free(issuers, config->issuer_count);
			issuers = NULL;
		}
	}
	return (*out = issuers) != NULL ? MUSTER_OK : err_nomem(err);
}

struct activation_issuer *activation_issuers(struct activation *a, size_t *n)
{
	struct activation_issuer *issuers;

	pthread_mutex_lock(&a->lock);
	*n = a->issuer_count;
	issuers = mem_array(*n + 1, sizeof *issuers);
	for (size_t i = 0; issuers != NULL && i < *n; i++) {
		const struct activation_issuer *x = &a->issuers[i];

		if (!copy_issuer(&issuers[i], x->name, x->url, x->web_proxy, x->proxy_auto)) {
			activation_issuers_free(issuers, *n);
			issuers = NULL;
		}
	}
	pthread_mutex_unlock(&a->lock);
	return issuers;
}

int activation_bind(struct activation *a, const struct config *config, struct catalog *catalog, struct muster_err *err)
{
	struct activation_issuer *issuers, *old_issuers;
	char *name = mem_strdup(config->host.name), *old_name;
	struct catalog *old;
	size_t old_count;
	int r;

	if (name == NULL || copy_issuers(&issuers, config, err) != MUSTER_OK) {
		mem_free(name);
		return err_nomem(err);
	}
	activation_begin(a);
	pthread_mutex_lock(&a->lock);
	old = a->catalog;
	old_name = a->host_name;
	a->host_name = name;
	old_issuers = a->issuers;
	old_count = a->issuer_count;
	a->catalog = catalog_ref(catalog);
	a->issuers = issuers;
	a->issuer_count = config->issuer_count;
	pthread_mutex_unlock(&a->lock);
	if ((r = roots_load(a, err)) == MUSTER_OK && (r = crls_load(a, err)) == MUSTER_OK)
		r = packs_load(a, err);
	activation_end(a);
	catalog_unref(old);
	mem_free(old_name);
	activation_issuers_free(old_issuers, old_count);
	return r;
}
