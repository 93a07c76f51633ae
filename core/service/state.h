/** What the parts of the service share: the running host. */
#ifndef SERVICE_STATE_H
#define SERVICE_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include "core/activation/activation.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/catalog/catalog.h"
#include "core/config/config.h"
#include "core/estate/estate.h"
#include "core/holdings/holdings.h"
#include "core/ledger/ledger.h"
#include "core/service/admission.h"
#include "core/service/connection.h"
#include "core/service/networks.h"
#include "core/service/rate.h"
#include "core/service/service.h"
#include "core/service/settings.h"
#include "core/trust/ring.h"

#define SERVICE_VERSION PACKAGE_VERSION

/** One configuration in use; immutable and counted, swapped at reload. A request keeps the one it began with. */
struct snapshot {
	_Atomic unsigned refs;
	struct config *config;
	struct catalog *catalog;
	struct networks networks;
};

/** A listening socket for clients. */
struct listener {
	int fd;
	char text[64];     /**< "127.0.0.1:1688" */
	uint16_t port;
	bool loopback;     /**< bound to a loopback address */
	bool inherited;    /**< from the service manager: not ours to shut */
	bool tls;
};

/** Acts of the service in the ledger's journal, beside the ledger's own; 12292 is written as such. */
enum service_journal_kind { SERVICE_J_HOST_REQUEST = 101, SERVICE_J_HOST_INSTALL, SERVICE_J_RELOAD, SERVICE_J_PLUGIN_OFF, SERVICE_J_PLUGIN_ENABLED };

struct http;          /* the running HTTP servers, http.c */
struct reload_job;    /* reload.c */
struct plugin_note;   /* plugins.h */
struct moving;        /* moving.h */
struct admin;         /* the admin API's server, admin.c */

struct service {
	const struct clock *clock;
	int64_t began;                     /**< s: when this process was started */
	service_hardware *hardware;        /**< NULL: this machine's */
	struct trust_ring *ring;
	struct ledger *ledger;
	struct activation *activation;
	struct holdings *holdings;
	struct estate *estate;
	struct rate *rate;
	struct connections connections;
	struct admission admission;
	struct settings settings;
	char host_id[37];                  /**< the ledger's ID as text */

	pthread_mutex_t lock;              /**< guards the pointer below; held for a count only */
	struct snapshot *snapshot;

	struct listener *listeners;
	size_t listener_count;
	int admin_fd;
	bool admin_inherited;              /**< from the service manager: its name is not ours to remove */
	struct http *http;
	struct admin *admin;
	struct moving *moving;             /**< state files under way; administrators' threads */

	atomic_bool stopping;              /**< SIGTERM came: no new work */
	_Atomic unsigned waiting;          /**< requests suspended, for the ledger or as refused ones, and not resumed yet */
	_Atomic unsigned followers;        /**< administrators that follow events */
	struct log_limit log_rate, log_network, log_overload, log_key, log_peek, log_deadline;
	_Atomic uint64_t not_http;         /**< connections closed because they were not HTTP, since start */

	pthread_mutex_t reload_lock;       /**< the one reload that administrators asked for */
	pthread_cond_t reload_done;
	struct reload_job *reload_job;
	struct plugin_note *plugin_notes;  /**< waiting for the record of acts; main thread */
	int wake_fd;                       /**< eventfd: the main thread has a reload to do */
};

/** The present snapshot, one reference. */
struct snapshot *service_snapshot(struct service *s);
void snapshot_unref(struct snapshot *snap);
/** Adopts @p config and one reference of @p catalog; on failure neither. */
int snapshot_new(struct snapshot **out, struct config *config, struct catalog *catalog, struct muster_err *err);
/** Adopts @p snap as the present one. */
void service_swap(struct service *s, struct snapshot *snap);

/** Some product can be granted: the host is "activated" in the sense of facts.md section 1. */
/** Why nothing is signed for this product, when it is for a revocation: one sentence into @p out. @return false: it is not. */
bool service_revoked(char *out, size_t n, const struct trust_view *view, const uint8_t product_id[16], int64_t now);
bool service_activated(struct service *s, const struct snapshot *snap);
/** It has a certificate that counts, though it may be retired. */
bool service_certified(struct service *s, const struct snapshot *snap);
/** Port of the first listener without TLS, 0 none. */
uint16_t service_port(const struct service *s);
bool service_has_tls(const struct service *s);

/** One log line `EVENT text="…"`, the text escaped: it may quote files or peers. */
void service_say(int level, const char *event, const char *text);

/** Tell the key ring about a configuration's issuers and a catalog's products. */
int service_ring_reload(struct service *s, const struct config *config, const struct catalog *catalog, struct muster_err *err);

#endif
