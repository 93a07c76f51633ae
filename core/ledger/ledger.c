/* Opening, starting, stopping the ledger, and taking requests in. */
#include "core/ledger/ledger.h"

#include <string.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/ledger/internal.h"

#define RETRY_MAX 10   /* s over which clients turned away are spread */

static int locks_init(struct ledger *l, struct muster_err *err)
{
	pthread_mutex_t *const all[] = { &l->lock, &l->state_lock, &l->work_lock, &l->reader_lock, &l->holding_lock, &l->backup_lock };
	int r;

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (pthread_mutex_init(all[i], NULL) != 0)
			return err_set(err, MUSTER_E_NOMEM, "ledger: mutex");
	if ((r = cond_init(&l->work_cond, err)) != MUSTER_OK || (r = cond_init(&l->folded_cond, err)) != MUSTER_OK)
		return r;
	return queue_init(&l->queue, err);
}

void ledger_configure(struct ledger *l, const struct config *config)
{
	pthread_mutex_lock(&l->lock);
	l->set.clock_skew_ms = config->host.clock_skew * 1000;
	l->set.new_per_hour = config->limits.new_clients_per_hour;
	l->set.new_per_day = config->limits.new_clients_per_day;
	l->set.loopback = config->limits.loopback;
	l->set.events_keep_ms = config->host.events_keep * 1000;
	l->set.events_max = config->host.events_max;
	l->set.min_free = config->host.min_free;
	l->set.wal_max = config->host.wal_max;
	pthread_mutex_unlock(&l->lock);
	queue_limits(&l->queue, (uint32_t)config->limits.queue, (int64_t)config->limits.queue_age_ms);
}

static int memory_new(struct ledger *l, struct muster_err *err)
{
	l->repeats = repeats_new();
	l->marks = marks_new();
	l->new_clients = windows_new();
	l->met = windows_new();
	l->refusals = refusals_new();
	if (l->repeats == NULL || l->marks == NULL || l->new_clients == NULL || l->met == NULL || l->refusals == NULL)
		return err_nomem(err);
	return group_new(l, err);
}

static int dir_take(struct ledger *l, const char *dir, struct muster_err *err)
{
	char *path;
	int r;

	if (dir == NULL)
		return MUSTER_OK;
	l->dir = mem_strdup(dir);
	path = file_join(dir, "ledger.lock");
	if (l->dir == NULL || path == NULL) {
		mem_free(path);
		return err_nomem(err);
	}
	if ((r = file_lock(&l->dir_lock, path, err)) != MUSTER_OK)
		l->dir_lock = -1;
	mem_free(path);
	return r;
}

/* The state knows which ledger this is; the log must be of the same. */
static int claim(struct ledger *l, struct muster_err *err)
{
	struct store_state_info info;
	struct store_log_info log;
	int r;

	if ((r = state_reopen(l, err)) != MUSTER_OK || (r = l->state->ops->info(l->state, &info, err)) != MUSTER_OK)
		return r;
	memcpy(l->id, info.ledger_id, sizeof l->id);
	uuid_format(l->id_text, l->id);
	if ((r = l->store->open_log(l->store, true, &l->log, err)) != MUSTER_OK || (r = l->log->ops->claim(l->log, l->id, &log, err)) != MUSTER_OK)
		return r;
	return names_load(l, err);
}

int ledger_open(struct ledger **out, const struct ledger_options *o, struct muster_err *err)
{
	struct ledger *l = mem_alloc(sizeof *l);
	int r;

	*out = NULL;
	if (l == NULL)
		return err_nomem(err);
	l->dir_lock = -1;
	l->backlog_max = BACKLOG_MAX;
	l->clock = o->clock;
	l->event = o->event;
	l->space = o->space;
	l->ctx = o->ctx;
	if ((r = locks_init(l, err)) != MUSTER_OK) {
		mem_free(l);
		return r;
	}
	ledger_configure(l, o->config);
	l->store = o->store;
	if ((r = dir_take(l, o->dir, err)) == MUSTER_OK && (r = memory_new(l, err)) == MUSTER_OK)
		r = claim(l, err);
	if (r != MUSTER_OK) {
		l->store = NULL;   /* still the caller's */
		ledger_free(l);
		return r;
	}
	*out = l;
	return MUSTER_OK;
}

int ledger_start(struct ledger *l, struct muster_err *err)
{
	int r, e;

	MUSTER_ASSERT(!l->started);
	if ((r = memory_rebuild(l, err)) != MUSTER_OK)
		return r;
	pthread_mutex_lock(&l->state_lock);
	pthread_mutex_lock(&l->lock);
	if ((r = host_clock_load(l, err)) == MUSTER_OK && hostclock_still(&l->host, clock_boot_ms(l->clock)))
		r = marks_load(l, err);
	if (r == MUSTER_OK)
		host_row(l, CODE_OK, "started");
	l->commit_boot = clock_boot_ms(l->clock);
	l->last_commit = l->last_at;
	pthread_mutex_unlock(&l->lock);
	pthread_mutex_unlock(&l->state_lock);
	if (r != MUSTER_OK)
		return r;
	host_look(l);
	host_flush(l);
	if ((e = pthread_create(&l->state_thread, NULL, state_run, l)) != 0)
		return err_errno(err, e, "ledger: state thread");
	if ((e = pthread_create(&l->writer_thread, NULL, writer_run, l)) != 0) {
		pthread_mutex_lock(&l->work_lock);
		l->state_stop = true;
		pthread_cond_signal(&l->work_cond);
		pthread_mutex_unlock(&l->work_lock);
		pthread_join(l->state_thread, NULL);
		return err_errno(err, e, "ledger: ledger thread");
	}
	l->started = true;
	return MUSTER_OK;
}

void ledger_stop(struct ledger *l)
{
	if (!l->started)
		return;
	pthread_mutex_lock(&l->lock);
	host_row(l, CODE_OK, "stopped");
	pthread_mutex_unlock(&l->lock);
	atomic_store(&l->stopping, true);
	queue_close(&l->queue);
	pthread_join(l->writer_thread, NULL);
	pthread_mutex_lock(&l->work_lock);
	l->state_stop = true;
	pthread_cond_signal(&l->work_cond);
	pthread_mutex_unlock(&l->work_lock);
	pthread_join(l->state_thread, NULL);
	l->started = false;
}

void ledger_free(struct ledger *l)
{
	if (l == NULL)
		return;
	ledger_stop(l);
	reader_close(l);
	holding_close(l);
	if (l->fold_log != NULL)
		l->fold_log->ops->close(l->fold_log);
	if (l->state != NULL)
		l->state->ops->close(l->state);
	if (l->log != NULL)
		l->log->ops->close(l->log);
	if (l->store != NULL)
		l->store->free(l->store);
	bindings_retire(l, 0, true);
	names_free(l);
	mem_free(l->sources);
	repeats_free(l->repeats);
	marks_free(l->marks);
	windows_free(l->new_clients);
	windows_free(l->met);
	refusals_free(l->refusals);
	digester_free(l->digester);
	group_free(l);
	queue_fini(&l->queue);
	pthread_cond_destroy(&l->work_cond);
	pthread_cond_destroy(&l->folded_cond);
	pthread_mutex_destroy(&l->lock);
	pthread_mutex_destroy(&l->state_lock);
	pthread_mutex_destroy(&l->work_lock);
	pthread_mutex_destroy(&l->reader_lock);
	pthread_mutex_destroy(&l->holding_lock);
	pthread_mutex_destroy(&l->backup_lock);
	if (l->dir_lock >= 0)
		close(l->dir_lock);
	mem_free(l->dir);
	mem_free(l);
}

void ledger_identity(const struct ledger *l, char out[37])
{
	memcpy(out, l->id_text, sizeof l->id_text);
}

static int turned_away(struct ledger_request *r, uint32_t code)
{
	r->code = code;
	r->seq = r->at = r->expires = 0;
	r->count = r->minimum = 0;
	r->repeat = r->renewal = false;
	r->detail[0] = '\0';
	r->retry_after = 1 + (uint32_t)random_below(RETRY_MAX);
	return MUSTER_E_BUSY;
}

int ledger_submit(struct ledger *l, struct ledger_request *r)
{
	uint32_t moving;

	/* No constraint of the store may be broken by what a request holds. */
	if (r->status > 6 || r->nonce_len > sizeof r->nonce || (r->addr_len != 0 && r->addr_len != 4 && r->addr_len != 16) ||
	    memchr(r->name, '\0', sizeof r->name) == NULL) {
		r->code = CODE_M_FIELD;
		return MUSTER_E_INVALID;
	}
	if (atomic_load(&l->stopping))
		return turned_away(r, CODE_M_STOPPING);
	if ((moving = ledger_moving(l, NULL, 0)) != 0)
		return turned_away(r, moving);
	if (!atomic_load(&l->ready) || atomic_load(&l->disk_low))
		return turned_away(r, CODE_M_STORAGE);
	/* Too much waits to be folded: requests are taken no faster than that shrinks. */
	if (atomic_load(&l->backlog) >= l->backlog_max)
		return turned_away(r, CODE_M_OVERLOAD);
	switch (queue_put(&l->queue, r, clock_boot_ms(l->clock))) {
	case MUSTER_OK:
		return MUSTER_OK;
	case MUSTER_E_DENIED:
		return turned_away(r, CODE_M_STOPPING);
	default:
		return turned_away(r, CODE_M_OVERLOAD);
	}
}
