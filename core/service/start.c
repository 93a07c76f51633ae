#include "core/service/start.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/service/admin.h"
#include "core/service/http.h"
#include "core/service/listener.h"
#include "core/service/plugins.h"
#include "core/service/reload.h"
#include "core/service/tls.h"

#define STOP_MS 9500   /* of the ten seconds; the rest is for closing */
#define SENDING_MS 1000
#define READING_MS 2000    /* for whose answer is ready and who does not read it */
#define FOLLOWERS_MS 1000  /* they look every 200 ms; who does not read meanwhile is cut off */
#define STEP_MS 10
#define OTHER_DESCRIPTORS 256  /* databases and their journals, admin connections, plugins, a backup */
#define LOW_PRIORITY 10  /* nice value of `cpri` */

static void pass(void *service, int64_t now)
{
	struct service *s = service;

	admission_pass(&s->admission, now, atomic_load(&s->stopping));
}

int start_init(struct service *s, const struct clock *clock, service_hardware *hardware, struct muster_err *err)
{
	int e;

	memset(s, 0, sizeof *s);
	s->clock = clock;
	s->began = clock_wall_ms(clock) / 1000;
	s->hardware = hardware;
	s->admin_fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->reload_lock, NULL);
	pthread_cond_init(&s->reload_done, NULL);
	if ((s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		return err_errno(err, errno, "cannot make an event descriptor");
	if ((s->rate = rate_new()) == NULL)
		return err_nomem(err);
	admission_init(&s->admission);
	s->connections.pass = pass;
	s->connections.pass_ctx = s;
	if ((e = connections_start(&s->connections, clock)) != 0)
		return err_errno(err, e, "cannot start the sweeper's thread");
	return MUSTER_OK;
}

static void state_says(void *ctx, int level, const char *event, const char *text)
{
	(void)ctx;
	service_say(level, event, text);
}

/* Everything that lies in the state folder, as the user. */
static int open_state(struct service *s, const struct config *config, struct catalog **catalog, struct muster_err *err)
{
	struct ledger_options o = { .dir = config->host.state, .clock = s->clock, .config = config, .event = state_says };
	struct holdings_options h = { .clock = s->clock, .event = state_says };
	struct estate_options e = { .dir = config->host.state, .host = config->host.name, .clock = s->clock, .event = state_says };
	struct activation_options a = { .dir = config->host.state, .clock = s->clock, .hardware = s->hardware, .event = state_says };
	char *dir = NULL;
	int r;

	if ((r = store_sqlite_new(&o.store, config->host.state, err)) != MUSTER_OK)
		return r;
	if ((r = ledger_open(&s->ledger, &o, err)) != MUSTER_OK) {
		o.store->free(o.store);
		return r;
	}
	ledger_identity(s->ledger, s->host_id);
	if ((dir = file_join(config->host.state, "host")) == NULL)
		return err_nomem(err);
	if ((r = ring_open(&s->ring, dir, s->clock, err)) != MUSTER_OK)
		goto done;
	a.ledger = s->ledger;
	a.ring = s->ring;
	if ((r = activation_open(&s->activation, &a, err)) != MUSTER_OK)
		goto done;
	plugins_open(s, config->host.state);
	if ((r = reload_build(catalog, config, s->ledger, err)) != MUSTER_OK)
		goto done;
	if ((r = service_ring_reload(s, config, *catalog, err)) != MUSTER_OK)
		goto done;
	if ((r = ledger_bind(s->ledger, *catalog, err)) != MUSTER_OK || (r = activation_bind(s->activation, config, *catalog, err)) != MUSTER_OK)
		goto done;
	h.ledger = s->ledger;
	h.activation = s->activation;
	if ((r = holdings_open(&s->holdings, &h, err)) != MUSTER_OK || (r = holdings_bind(s->holdings, *catalog, err)) != MUSTER_OK)
		goto done;
	e.ledger = s->ledger;
	e.activation = s->activation;
	if ((r = estate_open(&s->estate, &e, err)) != MUSTER_OK)
		goto done;
	estate_configure(s->estate, config);
	if ((r = estate_bind(s->estate, *catalog, err)) != MUSTER_OK)
		goto done;
	r = settings_load(&s->settings, s->ledger, err);
done:
	mem_free(dir);
	return r;
}

static int open_sockets(struct service *s, const struct config *config, const struct privileges *p, struct muster_err *err)
{
	const char *const groups[3] = { config->host.admin_group, config->host.keys_group, config->host.view_group };
	uint64_t port = 0;
	int r;

	if ((r = listeners_inherit(s, err)) != MUSTER_OK)
		return r;
	(void)settings_stored(&s->settings, SETTING_PORT, &port);
	if (s->listener_count == 0 && (r = listeners_open(s, config->host.listen, (uint16_t)port, false, err)) != MUSTER_OK)
		return r;
	if (config->host.listen_tls[0] != '\0' && !service_has_tls(s) && (r = listeners_open(s, config->host.listen_tls, 0, true, err)) != MUSTER_OK)
		return r;
	if (s->admin_fd >= 0)
		return MUSTER_OK;
	if ((r = listener_admin(&s->admin_fd, config->host.admin_socket, groups, err)) != MUSTER_OK)
		return r;
	return privileges_give(p, config->host.admin_socket, err);
}

/* Connections must not take the descriptors that databases, plugins and administrators need: a shell's default is 1024. */
static void set_descriptors(const struct service *s, const struct config *config)
{
	rlim_t wanted = (rlim_t)(config->limits.connections * s->listener_count + OTHER_DESCRIPTORS);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted;
	if (limit.rlim_max < wanted)
		limit.rlim_max = wanted;   /* only root may */
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return;
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	log_line(LOG_WARNING, "descriptors", "limit=%llu wanted=%llu text=\"fewer open files are allowed than [limits] connections may need: raise "
	         "LimitNOFILE= or lower connections\"", (unsigned long long)limit.rlim_max, (unsigned long long)wanted);
}

static void set_priority(const struct service *s)
{
	uint64_t low = 0;

	/* Before any thread is made: on Linux each inherits it from the one that makes it. Whoever started the host nicer still meant it. */
	if (settings_stored(&s->settings, SETTING_PRIORITY, &low) && low != 0 && getpriority(PRIO_PROCESS, 0) < LOW_PRIORITY && setpriority(PRIO_PROCESS, 0, LOW_PRIORITY) != 0)
		log_line(LOG_WARNING, "priority", "text=\"cannot lower the priority: %s\"", strerror(errno));
}

static int make_state(const char *dir, const struct privileges *p, struct muster_err *err)
{
	int r;

	if ((r = file_make_dir(dir, 0700, err)) != MUSTER_OK || (r = privileges_give(p, dir, err)) != MUSTER_OK)
		return r;
	return MUSTER_OK;
}

/* After a change of user: what a run as root has left is closed to the new one. */
static int name_owner(const struct privileges *p, const struct config *config, int r, struct muster_err *err)
{
	struct muster_err why = *err;

	if (!p->change || r != MUSTER_E_DENIED)
		return r;
	return err_set(err, r, "%.600s; if it was made by another user, give it to the configured one: chown -R %.32s %.200s", why.message, config->host.user, config->host.state);
}

int start_host(struct service *s, const char *config_path, struct muster_err *err)
{
	struct config *config = NULL;
	struct catalog *catalog = NULL;
	struct privileges p;
	int r;

	if ((r = reload_read_config(&config, config_path, err)) != MUSTER_OK)
		return r;
	log_set_level(reload_log_level(config));
	reload_limits(s, config);
	if ((r = privileges_init(&p, config->host.user, err)) != MUSTER_OK || (r = make_state(config->host.state, &p, err)) != MUSTER_OK)
		goto done;
	if ((r = privileges_lower(&p, err)) != MUSTER_OK)
		goto done;
	if ((r = file_check_trust(config->host.state, FILE_TRUST_CODE, err)) != MUSTER_OK)
		goto done;
	if ((r = open_state(s, config, &catalog, err)) != MUSTER_OK) {
		r = name_owner(&p, config, r, err);
		goto done;
	}
	if ((r = privileges_raise(&p, err)) != MUSTER_OK)
		goto done;
	if ((r = open_sockets(s, config, &p, err)) != MUSTER_OK)
		goto done;
	set_descriptors(s, config);
	if ((r = privileges_drop(&p, err)) != MUSTER_OK)
		goto done;
	set_priority(s);
	if ((r = snapshot_new(&s->snapshot, config, catalog, err)) != MUSTER_OK)
		goto done;
	config = NULL;
	catalog = NULL;
	if ((r = ledger_start(s->ledger, err)) != MUSTER_OK || (r = activation_start(s->activation, err)) != MUSTER_OK ||
	    (r = holdings_start(s->holdings, err)) != MUSTER_OK || (r = estate_start(s->estate, err)) != MUSTER_OK)
		goto done;
	if ((r = reload_tls(s, s->snapshot->config, NULL, err)) != MUSTER_OK)
		goto done;
	if ((r = http_start(s, s->snapshot->config, err)) == MUSTER_OK)
		r = admin_start(s, err);
done:
	catalog_unref(catalog);
	config_free(config);
	return r;
}

/* ---- the end ---- */

static void pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	(void)nanosleep(&t, NULL);
}

/* Real time: an injected clock that stands still must not keep the daemon alive. */
static int64_t steady_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool stop_host(struct service *s)
{
	int64_t began = steady_ms(), until = began + STOP_MS, patience;
	size_t busy;

	atomic_store(&s->stopping, true);
	http_quiesce(s);
	/* Keep-alive connections wait for nothing. Who is still sending a request has a second, who has sent one is answered. */
	while (connections_busy(&s->connections, steady_ms() < began + SENDING_MS) > 0 &&
	       steady_ms() < began + (atomic_load(&s->waiting) > 0 ? STOP_MS / 2 : READING_MS))
		pause_ms(STEP_MS);
	activation_stop(s->activation);
	holdings_stop(s->holdings);
	estate_stop(s->estate);
	if (s->ledger != NULL)
		ledger_stop(s->ledger);
	patience = steady_ms() + READING_MS;
	while ((busy = connections_busy(&s->connections, false)) > 0 && steady_ms() < (patience < until ? patience : until))
		pause_ms(STEP_MS);
	connections_end_idle(&s->connections);
	if (atomic_load(&s->waiting) > 0) {
		log_line(LOG_ERR, "stop", "waiting=%u text=\"requests still wait for a commit; leaving them\"", (unsigned)atomic_load(&s->waiting));
		return false;
	}
	if (busy > 0)
		log_line(LOG_WARNING, "stop", "connections=%zu text=\"closed with an unfinished answer\"", busy);
	http_stop(s);
	/* They look at `stopping` now and then, and end their answers properly. */
	patience = steady_ms() + FOLLOWERS_MS;
	while (atomic_load(&s->followers) > 0 && steady_ms() < (patience < until ? patience : until))
		pause_ms(STEP_MS);
	admin_stop(s);
	return true;
}

void start_fini(struct service *s)
{
	http_stop(s);
	admin_stop(s);
	tls_fini();   /* administrators are told of it until then */
	if (s->snapshot != NULL && s->admin_fd >= 0 && !s->admin_inherited)
		(void)unlink(s->snapshot->config->host.admin_socket);
	if (s->admin_fd >= 0)
		(void)close(s->admin_fd);
	listeners_close(s);
	estate_free(s->estate);
	holdings_free(s->holdings);
	activation_free(s->activation);
	ledger_free(s->ledger);
	ring_free(s->ring);
	snapshot_unref(s->snapshot);
	plugins_close(s);
	connections_stop(&s->connections);
	admission_fini(&s->admission);
	rate_free(s->rate);
	if (s->wake_fd >= 0)
		(void)close(s->wake_fd);
	pthread_cond_destroy(&s->reload_done);
	pthread_mutex_destroy(&s->reload_lock);
	pthread_mutex_destroy(&s->lock);
}
