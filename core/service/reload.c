#include "core/service/reload.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/service/tls.h"

struct reload_job {
	reload_line *line;
	void *ctx;
	struct muster_err *err;
	int result;
	bool done;
};

/* ---- reading ---- */

static void config_fault(void *ctx, const char *message)
{
	(void)ctx;
	service_say(LOG_ERR, "configuration", message);
}

static void catalog_says(void *ctx, int level, const char *message)
{
	(void)ctx;
	service_say(level, "catalog", message);
}

int reload_read_config(struct config **config, const char *path, struct muster_err *err)
{
	int r = config_read(config, path, config_fault, NULL, err);

	/* Faults within the file were reported with their place; the others need to hear which file. A file that cannot be read
	 * is as wrong as one with faults, and does not mend itself either. */
	if (r != MUSTER_E_NOT_FOUND && r != MUSTER_E_DENIED && r != MUSTER_E_IO)
		return r;
	if (r == MUSTER_E_NOT_FOUND)
		(void)err_prefix(err, r, "no configuration %s (--config FILE names another)", path);
	else if (strstr(err->message, path) == NULL)
		(void)err_prefix(err, r, "configuration %s", path);
	return err->result = MUSTER_E_INVALID;
}

struct learned { struct catalog_learned *list; size_t n; bool failed; };

static int learn_one(void *ctx, const struct store_edition *e, const char *product)
{
	struct learned *l = ctx;
	struct catalog_learned *grown = mem_grow(l->list, l->n + 1, sizeof *grown), *one;

	if (grown == NULL) {
		l->failed = true;
		return 1;
	}
	l->list = grown;
	one = &grown[l->n];
	memcpy(one->activation_id, e->activation_id, 16);
	one->product = mem_strdup(product);
	one->title = mem_strdup(e->name);
	l->n++;
	l->failed = one->product == NULL || one->title == NULL;
	return l->failed;
}

static void learned_free(struct learned *l)
{
	for (size_t i = 0; i < l->n; i++) {
		mem_free((char *)(uintptr_t)l->list[i].product);
		mem_free((char *)(uintptr_t)l->list[i].title);
	}
	mem_free(l->list);
}

int reload_build(struct catalog **catalog, const struct config *config, struct ledger *learned_from, struct muster_err *err)
{
	struct catalog_report report = { catalog_says, NULL };
	struct learned learned = { 0 };
	int r = MUSTER_OK;

	*catalog = NULL;
	if (learned_from != NULL)
		r = ledger_learned(learned_from, learn_one, &learned, err);
	if (r == MUSTER_OK && learned.failed)
		r = err_nomem(err);
	if (r == MUSTER_OK)
		r = catalog_build(catalog, config, learned.list, learned.n, &report, err);
	learned_free(&learned);
	return r;
}

int reload_read(struct config **config, struct catalog **catalog, const char *path, struct ledger *learned_from, struct muster_err *err)
{
	int r;

	*catalog = NULL;
	if ((r = reload_read_config(config, path, err)) != MUSTER_OK)
		return r;
	if ((r = reload_build(catalog, *config, learned_from, err)) != MUSTER_OK) {
		config_free(*config);
		*config = NULL;
	}
	return r;
}

/* ---- what changes ---- */

void reload_limits(struct service *s, const struct config *config)
{
	atomic_store(&s->connections.deadline_ms, (int64_t)config->limits.deadline_ms);
	atomic_store(&s->connections.idle_ms, (int64_t)config->limits.idle * 1000);
	admission_limits(&s->admission, (uint32_t)config->limits.queue, (int64_t)config->limits.queue_age_ms, (int64_t)config->limits.deadline_ms);
}

int reload_log_level(const struct config *config)
{
	static const struct { const char *word; int level; } levels[] = {
		{ "err", LOG_ERR }, { "warning", LOG_WARNING }, { "notice", LOG_NOTICE }, { "info", LOG_INFO }, { "debug", LOG_DEBUG },
	};

	for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
		if (strcmp(levels[i].word, config->host.log_level) == 0)
			return levels[i].level;
	return LOG_INFO;
}

struct out { reload_line *line; void *ctx; };

static void say(void *ctx, const char *text)
{
	struct out *o = ctx;

	service_say(LOG_NOTICE, "reloaded", text);
	if (o->line != NULL)
		o->line(o->ctx, text);
}

static void text_changed(struct out *o, const char *key, const char *a, const char *b, const char *note)
{
	char line[512];

	if (strcmp(a, b) == 0)
		return;
	(void)snprintf(line, sizeof line, "changed [host] %s: %.200s -> %.200s%s", key, *a != '\0' ? a : "(none)", *b != '\0' ? b : "(none)", note);
	say(o, line);
}

static void number_changed(struct out *o, const char *key, uint64_t a, uint64_t b, const char *note)
{
	char line[256];

	if (a == b)
		return;
	(void)snprintf(line, sizeof line, "changed %s: %llu -> %llu%s", key, (unsigned long long)a, (unsigned long long)b, note);
	say(o, line);
}

#define RESTART " (takes effect at the next start)"

static void compare_host(struct out *o, const struct config_host *a, const struct config_host *b)
{
	text_changed(o, "name", a->name, b->name, "");
	text_changed(o, "listen", a->listen, b->listen, RESTART);
	text_changed(o, "listen_tls", a->listen_tls, b->listen_tls, RESTART);
	text_changed(o, "tls_certificate", a->tls_certificate, b->tls_certificate, "");
	text_changed(o, "tls_key", a->tls_key, b->tls_key, "");
	text_changed(o, "networks", a->networks, b->networks, "");
	text_changed(o, "state", a->state, b->state, RESTART);
	text_changed(o, "admin_socket", a->admin_socket, b->admin_socket, RESTART);
	text_changed(o, "plugin_dir", a->plugin_dir, b->plugin_dir, "");
	text_changed(o, "products_dir", a->products_dir, b->products_dir, "");
	text_changed(o, "user", a->user, b->user, RESTART);
	text_changed(o, "admin_group", a->admin_group, b->admin_group, "");
	text_changed(o, "keys_group", a->keys_group, b->keys_group, "");
	text_changed(o, "view_group", a->view_group, b->view_group, "");
	text_changed(o, "contact", a->contact, b->contact, "");
	text_changed(o, "use_license_url", a->use_license_url, b->use_license_url, "");
	text_changed(o, "validation_url", a->validation_url, b->validation_url, "");
	text_changed(o, "expose", a->expose, b->expose, "");
	text_changed(o, "log_level", a->log_level, b->log_level, "");
	number_changed(o, "[host] clock_skew", a->clock_skew, b->clock_skew, "");
	number_changed(o, "[host] activation_interval", a->activation_interval, b->activation_interval, "");
	number_changed(o, "[host] renewal_interval", a->renewal_interval, b->renewal_interval, "");
	number_changed(o, "[host] events_keep", a->events_keep, b->events_keep, "");
	number_changed(o, "[host] events_max", a->events_max, b->events_max, "");
	number_changed(o, "[host] min_free", a->min_free, b->min_free, "");
	number_changed(o, "[host] wal_max", a->wal_max, b->wal_max, "");
}

static void compare_limits(struct out *o, const struct config_limits *a, const struct config_limits *b)
{
	number_changed(o, "[limits] requests_per_second", a->requests_per_second, b->requests_per_second, "");
	number_changed(o, "[limits] burst", a->burst, b->burst, "");
	number_changed(o, "[limits] new_clients_per_hour", a->new_clients_per_hour, b->new_clients_per_hour, "");
	number_changed(o, "[limits] new_clients_per_day", a->new_clients_per_day, b->new_clients_per_day, "");
	number_changed(o, "[limits] loopback", a->loopback, b->loopback, "");
	number_changed(o, "[limits] body_max", a->body_max, b->body_max, "");
	number_changed(o, "[limits] header_max", a->header_max, b->header_max, RESTART);
	number_changed(o, "[limits] connections", a->connections, b->connections, RESTART);
	number_changed(o, "[limits] connections_per_address", a->connections_per_address, b->connections_per_address, RESTART);
	number_changed(o, "[limits] idle", a->idle, b->idle, "");
	number_changed(o, "[limits] deadline", a->deadline_ms, b->deadline_ms, "");
	number_changed(o, "[limits] queue", a->queue, b->queue, "");
	number_changed(o, "[limits] queue_age", a->queue_age_ms, b->queue_age_ms, "");
	number_changed(o, "[limits] workers", a->workers, b->workers, RESTART);
}

static void compare_doctor(struct out *o, const struct config_doctor *a, const struct config_doctor *b)
{
	number_changed(o, "[doctor] idle", a->idle, b->idle, "");
	number_changed(o, "[doctor] forecast", a->forecast, b->forecast, "");
	number_changed(o, "[doctor] ends_warning", a->ends_warning, b->ends_warning, "");
	number_changed(o, "[doctor] ends_critical", a->ends_critical, b->ends_critical, "");
	number_changed(o, "[doctor] key_use", a->key_use, b->key_use, "");
}

/* ---- swapping ---- */

int reload_tls(const struct service *s, const struct config *config, struct tls_identity **out, struct muster_err *err)
{
	struct tls_identity *id = NULL;
	int r = MUSTER_OK;

	if (out != NULL)
		*out = NULL;
	if (!service_has_tls(s))
		return MUSTER_OK;
	if (config->host.tls_certificate[0] == '\0' || config->host.tls_key[0] == '\0')
		return err_set(err, MUSTER_E_INVALID, "a TLS listener is open and [host] tls_certificate or tls_key is not set");
	if ((r = tls_read(&id, config->host.tls_certificate, config->host.tls_key, err)) != MUSTER_OK)
		return r;
	if (out != NULL)
		*out = id;
	else
		(void)tls_use(id);
	return MUSTER_OK;
}

static void swap_tls(struct out *o, struct tls_identity *id)
{
	char end[TIME_RFC3339], line[128];

	if (id == NULL || !tls_use(id))
		return;
	time_rfc3339(end, tls_end() * 1000);
	(void)snprintf(line, sizeof line, "changed the TLS certificate: the new one ends %s", end);
	say(o, line);
}

/* Ring, ledger, activation, holdings and estate take the new catalog, or all keep the old one. */
static int adopt(struct service *s, const struct snapshot *before, const struct snapshot *after, struct muster_err *err)
{
	struct muster_err second = { 0 };
	int r;

	if ((r = service_ring_reload(s, after->config, after->catalog, err)) != MUSTER_OK)
		return r;
	if ((r = ledger_bind(s->ledger, after->catalog, err)) == MUSTER_OK && (r = activation_bind(s->activation, after->config, after->catalog, err)) == MUSTER_OK &&
	    (r = holdings_bind(s->holdings, after->catalog, err)) == MUSTER_OK && (r = estate_bind(s->estate, after->catalog, err)) == MUSTER_OK)
		return MUSTER_OK;
	if (service_ring_reload(s, before->config, before->catalog, &second) != MUSTER_OK)
		service_say(LOG_ERR, "certificate", second.message);
	return r;
}

int reload_run(struct service *s, reload_line *line, void *ctx, struct muster_err *err)
{
	struct out out = { line, ctx };
	struct snapshot *before = service_snapshot(s), *after = NULL;
	struct config *config = NULL;
	struct catalog *catalog = NULL;
	struct tls_identity *tls = NULL;
	int r;

	if ((r = reload_read(&config, &catalog, before->config->file, s->ledger, err)) != MUSTER_OK)
		goto done;
	if ((r = snapshot_new(&after, config, catalog, err)) != MUSTER_OK) {
		catalog_unref(catalog);
		config_free(config);
		goto done;
	}
	if ((r = reload_tls(s, config, &tls, err)) != MUSTER_OK || (r = adopt(s, before, after, err)) != MUSTER_OK)
		goto done;
	ledger_configure(s->ledger, config);
	estate_configure(s->estate, config);
	reload_limits(s, config);
	log_set_level(reload_log_level(config));
	compare_host(&out, &before->config->host, &config->host);
	compare_limits(&out, &before->config->limits, &config->limits);
	compare_doctor(&out, &before->config->doctor, &config->doctor);
	(void)catalog_compare(before->catalog, catalog, say, &out);
	swap_tls(&out, tls);
	tls = NULL;
	service_swap(s, after);
	after = NULL;
	log_line(LOG_NOTICE, "reload_done", NULL);
done:
	if (r != MUSTER_OK)
		service_say(LOG_ERR, "reload_refused", err->message);
	tls_identity_free(tls);
	snapshot_unref(after);
	snapshot_unref(before);
	return r;
}

int reload_ask(struct service *s, reload_line *line, void *ctx, struct muster_err *err)
{
	struct reload_job job = { .line = line, .ctx = ctx, .err = err };
	uint64_t one = 1;

	pthread_mutex_lock(&s->reload_lock);
	if (s->reload_job != NULL || atomic_load(&s->stopping)) {
		pthread_mutex_unlock(&s->reload_lock);
		return err_code(err, MUSTER_E_BUSY, CODE_M_BUSY, "another reload is running, or the host is stopping");
	}
	s->reload_job = &job;
	(void)!write(s->wake_fd, &one, sizeof one);
	while (!job.done)
		pthread_cond_wait(&s->reload_done, &s->reload_lock);
	s->reload_job = NULL;
	pthread_mutex_unlock(&s->reload_lock);
	return job.result;
}

void reload_serve(struct service *s, bool refuse)
{
	struct reload_job *job;

	pthread_mutex_lock(&s->reload_lock);
	job = s->reload_job != NULL && !s->reload_job->done ? s->reload_job : NULL;
	pthread_mutex_unlock(&s->reload_lock);
	if (job == NULL)
		return;
	job->result = refuse ? err_code(job->err, MUSTER_E_BUSY, CODE_M_STOPPING, "the host is stopping") : reload_run(s, job->line, job->ctx, job->err);
	pthread_mutex_lock(&s->reload_lock);
	job->done = true;
	pthread_cond_broadcast(&s->reload_done);
	pthread_mutex_unlock(&s->reload_lock);
}
