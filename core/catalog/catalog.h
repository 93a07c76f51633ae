/**
 * The catalog: every product this host knows, from plugins and product files, merged with the configuration's overrides.
 *
 * Immutable after building and counted: a request keeps the catalog it was checked with; reload builds a new one
 * and swaps. Look-ups take no lock and do not allocate.
 */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include <muster/plugin.h>
#include "core/base/clock.h"
#include "core/config/config.h"

struct catalog;

/** A count pool: machines counted together. */
struct catalog_pool {
	const char *name;              /**< a pool name, or the application ID's text */
	uint32_t window_s;             /**< a client silent for longer drops out: 30 days (facts.md section 1) */
	uint32_t index;                /**< 0 … pool_count-1 */
};

struct catalog_plugin {
	const char *name, *version, *path;
	const struct muster_plugin *descriptor;  /**< NULL when refused */
	void *self;
	bool required;
	const char *refused;           /**< why it was refused; NULL when loaded */
	uint32_t product_count;
};

/** Who may claim: a client ID, a name pattern (* and ?, without regard to case), or a network. */
enum catalog_claim_kind { CATALOG_CLAIM_CLIENT, CATALOG_CLAIM_NAME, CATALOG_CLAIM_NETWORK };
struct catalog_claim { enum catalog_claim_kind kind; uint8_t client[16]; const char *pattern; uint8_t network[16]; uint8_t network_len /* 4 or 16 */, prefix; };
/** [reservation NAME]: so many of a product's seats or access licences are kept for these. */
struct catalog_reservation { const char *name; uint64_t count; const struct catalog_claim *claims; size_t claim_count; struct config_place at; };

/**
 * One product, all overrides applied. Numbers of row.access and row.seats are final: where a plugin's row has 0 for a default, the default stands here
 * (seats: lease_s, heartbeat_s; access: per).
 */
struct catalog_product {
	struct muster_product row;     /**< merged; strings live as long as the catalog */
	const char *description;       /**< as `dlv` prints it */
	const char *issuer;            /**< name of an [issuer] section; NULL: the configuration has none */
	const char *file; unsigned line;  /**< product file; NULL: from a plugin */
	const struct catalog_plugin *plugin;  /**< NULL: made without `like` */
	const struct catalog_pool *pool;      /**< NULL: not of a counted-together model */
	uint32_t index;                /**< 0 … product_count-1 */
	bool count_observed, enabled;
	uint32_t low_water;            /**< the administrator's own mark: doctor warns when fewer are counted; 0 none */
	bool advise;                   /**< policy = advise: what exceeds is granted and booked as debt */
	const struct catalog_claim *allow; size_t allow_count;   /**< 0: everybody may claim */
	const struct catalog_reservation *reservations; size_t reservation_count;   /**< seats and access */
	/* source of the overridable numbers: enum config_source, shown by products --verbose and dlv */
	uint8_t minimum_source, validity_source, renewal_source, retry_source;
	uint8_t seats_source;          /**< CONFIG_FILE: row.seats->seats is the administrator's, who also means what packs name */
	/** Access model: generation of the newest version that this licence server serves (key `server_version`, else the newest there is). */
	uint32_t server_generation;
};

/** An activation ID that clients send. The product's own ID is an edition too (the first). */
struct catalog_edition {
	uint8_t activation_id[16];
	const char *title;
	uint32_t minimum_count;        /**< the product's unless the edition has its own; >= 1 for threshold */
	const struct catalog_product *product;
	bool learned;                  /**< from `products learn` */
};

/** Activation IDs learned by the administrator, kept in the state file. */
struct catalog_learned { uint8_t activation_id[16]; const char *product, *title; };

struct catalog_report { void (*fn)(void *ctx, int level /* syslog */, const char *message); void *ctx; };

/**
 * Build a catalog: load the plugins (main thread only: libltdl), merge product files, lint.
 *
 * A faulty plugin is reported and left out when it is marked `required = no`; otherwise building fails.
 * @param[out] out One reference, caller's; NULL on failure. @return MUSTER_OK, MUSTER_E_INVALID, MUSTER_E_NOMEM.
 */
int catalog_build(struct catalog **out, const struct config *config, const struct catalog_learned *learned, size_t learned_count,
                  const struct catalog_report *report, struct muster_err *err);
struct catalog *catalog_ref(struct catalog *c);
void catalog_unref(struct catalog *c);          /**< the last one stops plugins that no other catalog uses */

const struct catalog_edition *catalog_find(const struct catalog *c, const uint8_t activation_id[16]);   /**< NULL: unknown */
const struct catalog_product *catalog_product_named(const struct catalog *c, const char *name);
const struct catalog_product *catalog_products(const struct catalog *c, size_t *n);   /**< in listing order */
const struct catalog_edition *catalog_editions(const struct catalog *c, const struct catalog_product *p, size_t *n);
const struct catalog_pool *catalog_pools(const struct catalog *c, size_t *n);
const struct catalog_plugin *catalog_plugins(const struct catalog *c, size_t *n);

/** Words for what changed between two catalogs, one line each ("added office2021", "changed office2013: minimum_count 5 -> 1"); also for refused plugins. */
int catalog_compare(const struct catalog *before, const struct catalog *after, void (*line)(void *ctx, const char *text), void *ctx);

/** Static rules and the plugin's own request_check; @return MUSTER_OK or MUSTER_E_REFUSED with err->code and sentence. Thread-safe.
 * Refuses: disabled product, `refused` products (CODE_M_REFUSED_PRODUCT), models not served yet (CODE_M_MODEL), plugin switched off (CODE_M_PLUGIN). */
int catalog_check(const struct catalog *c, const struct catalog_edition *e, const struct muster_request *request, const struct clock *clock, struct muster_err *err);

/** Ask a plugin's medium_inspect, under watch; a plugin without one, or switched off, finds nothing. @return MUSTER_OK, what @p found returned, MUSTER_E_INVALID, MUSTER_E_INTERNAL. Thread-safe. */
int catalog_medium_inspect(const struct catalog *c, const struct catalog_plugin *p, const struct muster_medium *medium, muster_found_fn *found, void *arg, struct muster_err *err);

/** Its counters since the process began, core/catalog/watch.h; changing while they are read. */
struct watch_counters;
const struct watch_counters *catalog_plugin_counters(const struct catalog *c, const struct catalog_plugin *p);

/** Why a plugin that is there does nothing: switched off by configuration, kept off after a crash, or after repeated faults (then also while the catalog lives). NULL: it works, or it was refused. Thread-safe. */
const char *catalog_plugin_off(const struct catalog *c, const struct catalog_plugin *p);

/** Whether a plugin has been switched off after repeated faults since this was asked last, and what threw the switch. Thread-safe. */
bool catalog_plugin_went_off(const struct catalog *c, const struct catalog_plugin *p, char *reason, size_t n);

/**
 * Of what kind a product key is, by the product's key rules, and by the plugin where the shape does not decide. Says
 * nothing about whether the key is genuine.
 * @param key upper case, with hyphens; a secret, not kept. @param[out] out kind MUSTER_KEY_UNKNOWN: not one of this product's, or not to be told apart.
 * @return MUSTER_OK; MUSTER_E_INTERNAL when the plugin failed. Thread-safe.
 */
int catalog_key_classify(const struct catalog *c, const struct catalog_product *p, struct muster_span key, struct muster_key_info *out, struct muster_err *err);

/** Does one of the claims name this machine? @p addr_len 4 or 16 (an IPv4-mapped address counts as IPv4), 0 none. No lock, no allocation. */
bool catalog_claimed(const struct catalog_claim *claims, size_t n, const uint8_t client[16], const char *name, const uint8_t *addr, size_t addr_len);
/** A claim as configuration has it: "client:…", "name:pc-*", "10.0.0.0/8". */
#define CATALOG_CLAIM_TEXT 264
const char *catalog_claim_text(char out[CATALOG_CLAIM_TEXT], const struct catalog_claim *claim);

/** Does a host key of @p key_of activate @p other too (facts.md section 1, "Host key groups")? */
bool catalog_covers(const struct catalog_product *key_of, const struct catalog_product *other);

#endif
