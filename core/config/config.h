/**
 * Configuration of a host: muster.conf and products.d, one INI file each, read through schema tables (style.md G).
 *
 * Everything wrong is reported, each with file:line, section and key; only then does reading fail.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdio.h>
#include <muster/types.h>

/** Where a value came from: shown by --dump-config, `settings` and `dlv`. */
enum config_source { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_STORED };

struct config_place { const char *file; unsigned line; };  /**< file NULL: not from a file */

/** [host] — durations in seconds, sizes in bytes unless the name says otherwise. */
struct config_host {
	const char *name;              /**< shown to clients and in leases' issuer listing; default: gethostname() */
	const char *listen;            /**< "127.0.0.1:1688", "[::1]:1688", ":1688" = all; several separated by commas */
	const char *listen_tls;        /**< the same for TLS; empty: none */
	const char *tls_certificate, *tls_key;  /**< PEM files; empty: none */
	const char *networks;          /**< CIDR list allowed on the listeners; empty: all */
	const char *state;             /**< folder of log.db, state.db, keys */
	const char *admin_socket;      /**< default: STATE/admin.sock */
	const char *plugin_dir;        /**< absolute folder of plugins */
	const char *products_dir;      /**< folder of *.ini product files; empty: none */
	const char *user;              /**< run as; empty: stay */
	const char *admin_group, *keys_group, *view_group;
	const char *contact;           /**< issuer's web address for people; empty: none */
	const char *use_license_url, *validation_url;
	const char *expose;            /**< "none" | "counts" */
	const char *log_level;
	uint64_t clock_skew;           /**< s; facts.md section 1: 4 h */
	uint64_t activation_interval;  /**< s; default for products that do not say: 2 h, 15 min – 30 d */
	uint64_t renewal_interval;     /**< s; 7 d, 15 min – 30 d */
	uint64_t events_keep;          /**< s; 400 d */
	uint64_t events_max;           /**< bytes; 4 GiB */
	uint64_t min_free;             /**< bytes; 0: the smaller of 256 MiB and 2 % */
	uint64_t wal_max;              /**< bytes; 256 MiB */
	uint64_t priority_low;         /**< 0 normal, 1 low (stored setting; no file key needed) */
};

/** [limits] — trust.md section 10. */
struct config_limits {
	uint64_t requests_per_second, burst;          /**< per address: 50, 200 */
	uint64_t new_clients_per_hour;                /**< per address: 100 */
	uint64_t new_clients_per_day;                 /**< per pool: 20000 */
	uint64_t loopback;                            /**< 1: limits hold for loopback too; 0 exempt */
	uint64_t body_max;                            /**< bytes of a request body: 16 KiB */
	uint64_t header_max;                          /**< bytes of a request's head: 16 KiB */
	uint64_t connections, connections_per_address;
	uint64_t idle;                                /**< s a silent connection lives: 30 */
	uint64_t deadline_ms;                         /**< ms from a request's first byte to its end: 10 000 */
	uint64_t queue;                               /**< requests waiting for a commit: 4096 */
	uint64_t queue_age_ms;                        /**< ms the oldest may wait: 250 */
	uint64_t workers;                             /**< threads; 0: one per core */
};

/** [doctor]: from when on `musterctl doctor` says something. */
struct config_doctor {
	uint64_t idle;                                /**< s without a request: 1 d; 0 never */
	uint64_t forecast;                            /**< s ahead that counts are thought of: 14 d */
	uint64_t ends_warning, ends_critical;         /**< s before certificates, packs and coverage end: 30 d, 7 d */
	uint64_t key_use;                             /**< percent of a key's activations: 90 */
};

/** [issuer NAME]: `roots = FILE.pem` relative to the configuration file. */
struct config_issuer {
	const char *name, *roots;
	const char *url;               /**< https address of the issuer's service; empty: never asked */
	const char *web_proxy;         /**< proxy on the way there; empty: none */
	const char *proxy;             /**< "auto" | "ask": how this host asks for machines with counted keys */
	struct config_place at;
};

/** A key of a [plugin NAME] section that is the plugin's own; its type is checked against the plugin's option table. */
struct config_option { const char *name, *value; struct config_place at; };

/** [plugin NAME]: `path` (default plugin_dir/NAME.so), `required`, `enabled`, `sha256`, and the plugin's own options. */
struct config_plugin {
	const char *name, *path, *sha256;
	bool required, enabled;
	struct config_option *options; size_t option_count;
	struct config_place at;
};

/** Which members of a config_product were given: bits of `given`. */
#define CONFIG_P(n) (UINT64_C(1) << (n))
#define CONFIG_P_TITLE CONFIG_P(0)
#define CONFIG_P_LIKE CONFIG_P(1)
#define CONFIG_P_ACTIVATION_ID CONFIG_P(2)
#define CONFIG_P_APPLICATION_ID CONFIG_P(3)
#define CONFIG_P_MODEL CONFIG_P(4)
#define CONFIG_P_POOL CONFIG_P(5)
#define CONFIG_P_MINIMUM CONFIG_P(6)
#define CONFIG_P_VALIDITY CONFIG_P(7)
#define CONFIG_P_RENEWAL CONFIG_P(8)
#define CONFIG_P_RETRY CONFIG_P(9)
#define CONFIG_P_WINDOW CONFIG_P(10)
#define CONFIG_P_REARM CONFIG_P(11)
#define CONFIG_P_ISSUER CONFIG_P(12)
#define CONFIG_P_OBSERVED CONFIG_P(13)
#define CONFIG_P_COVERAGE_START CONFIG_P(14)
#define CONFIG_P_COVERAGE_END CONFIG_P(15)
#define CONFIG_P_RECORD CONFIG_P(16)
#define CONFIG_P_REFUSED CONFIG_P(17)
#define CONFIG_P_ENABLED CONFIG_P(18)
#define CONFIG_P_DESCRIPTION CONFIG_P(19)
#define CONFIG_P_GENERATION CONFIG_P(20)
#define CONFIG_P_FAMILY CONFIG_P(21)
#define CONFIG_P_REQUIRES CONFIG_P(22)
#define CONFIG_P_POLICY CONFIG_P(23)
#define CONFIG_P_ALLOW CONFIG_P(24)
#define CONFIG_P_SEATS CONFIG_P(25)
#define CONFIG_P_SEAT_LEASE CONFIG_P(26)
#define CONFIG_P_HEARTBEAT CONFIG_P(27)
#define CONFIG_P_SEAT_GRACE CONFIG_P(28)
#define CONFIG_P_QUEUE CONFIG_P(29)
#define CONFIG_P_TEMPORARY CONFIG_P(30)
#define CONFIG_P_PERMANENT_MIN CONFIG_P(31)
#define CONFIG_P_PERMANENT_MAX CONFIG_P(32)
#define CONFIG_P_RENEW_LEFT CONFIG_P(33)
#define CONFIG_P_USER_VALIDITY CONFIG_P(34)
#define CONFIG_P_USER_REASSIGN CONFIG_P(35)
#define CONFIG_P_GRACE CONFIG_P(36)
#define CONFIG_P_REVOKE CONFIG_P(37)
#define CONFIG_P_VERSIONS CONFIG_P(38)
#define CONFIG_P_PER CONFIG_P(39)
#define CONFIG_P_SERVER_VERSION CONFIG_P(40)
#define CONFIG_P_MEDIUM CONFIG_P(41)
#define CONFIG_P_LOW_WATER CONFIG_P(42)
#define CONFIG_P_OF_SEATS (CONFIG_P_SEATS | CONFIG_P_SEAT_LEASE | CONFIG_P_HEARTBEAT | CONFIG_P_SEAT_GRACE | CONFIG_P_QUEUE)
#define CONFIG_P_OF_ACCESS (CONFIG_P_TEMPORARY | CONFIG_P_PERMANENT_MIN | CONFIG_P_PERMANENT_MAX | CONFIG_P_RENEW_LEFT | CONFIG_P_USER_VALIDITY | \
	CONFIG_P_USER_REASSIGN | CONFIG_P_GRACE | CONFIG_P_REVOKE | CONFIG_P_VERSIONS | CONFIG_P_PER | CONFIG_P_SERVER_VERSION)

/** An [edition UUID] section: an activation ID that clients of a product send. */
struct config_edition { uint8_t id[16]; const char *product, *title; uint64_t minimum_count; /**< 0: the product's */ struct config_place at; };

/** [product NAME]: in muster.conf it overrides a plugin's product; in products.d it makes a new one (`like` = copy of). */
struct config_product {
	const char *name;
	bool is_new;                 /**< from products.d */
	uint64_t given;              /**< CONFIG_P_* */
	const char *title, *description, *like, *pool, *issuer, *model, *refused, *family, *requires;
	uint8_t activation_id[16], application_id[16];
	uint64_t minimum_count, validity, renewal, retry, window, rearm_max, generation;  /**< s where a time */
	int64_t coverage_start, coverage_end;   /**< seconds since 1970; 0 none */
	bool count_observed, record, enabled;
	const char *policy;          /**< "enforce" | "advise" */
	const char *allow;           /**< who may claim, as core/config/claims.h reads it; "": everybody */
	uint64_t seats, seat_lease, heartbeat, seat_grace, queue;                         /**< seats model; s where a time */
	uint64_t temporary, permanent_min, permanent_max, renew_left, user_validity, user_reassign, grace, revoke_percent;   /**< access model */
	const char *versions, *per, *server_version;                                      /**< access model; lists are comma-separated */
	uint64_t low_water;          /**< count below which `musterctl doctor` warns; 0 none */
	const char *medium;          /**< embedded model: PATH [SECTION] KEY, comma-separated */
	struct config_place at;
};

/** [reservation NAME]: `count` of a product's seats or access licences are kept for those that `claims` names. */
struct config_reservation { const char *name, *product, *claims; uint64_t count; struct config_place at; };

/** Immutable once read. */
struct config {
	const char *file;            /**< absolute path of muster.conf */
	struct config_host host;
	struct config_limits limits;
	struct config_doctor doctor;
	struct config_issuer *issuers; size_t issuer_count;
	struct config_plugin *plugins; size_t plugin_count;
	struct config_product *products; size_t product_count;
	struct config_edition *editions; size_t edition_count;
	struct config_reservation *reservations; size_t reservation_count;
	struct config_memory *memory;  /**< owns every string above */
};

/**
 * Read @p path and every *.ini of its products_dir, in name order.
 *
 * @param[out] out    Configuration, NULL on failure; caller frees with config_free().
 * @param[in]  report Called once per fault with "file:line: [section] key: what is wrong"; may be NULL.
 * @return MUSTER_OK; MUSTER_E_INVALID after all faults were reported; MUSTER_E_NOT_FOUND; MUSTER_E_DENIED (unsafe file mode); MUSTER_E_NOMEM.
 */
int config_read(struct config **out, const char *path, void (*report)(void *ctx, const char *message), void *ctx, struct muster_err *err);
/**
 * As config_read(), as if the product file @p extra lay in products_dir, in place of one there with its name: what a reload would say of it.
 * @param path NULL: only @p extra, with the defaults of everything else. @param extra need not lie where a host would trust it.
 */
int config_read_with(struct config **out, const char *path, const char *extra, void (*report)(void *ctx, const char *message), void *ctx, struct muster_err *err);
void config_free(struct config *c);

/** Effective configuration as an INI file with each value's source in a comment. */
int config_dump(const struct config *c, FILE *out);
/** The keys of every section as mdoc: the part between the markers of docs/muster.conf.5 (a test compares). */
int config_manual(FILE *out);
/** The commented sample file (etc/muster.conf is this output; a test compares). */
int config_sample(FILE *out);

/**
 * Where a value comes from, for `settings`, `dlv` and `products`.
 *
 * @param section "host", "limits", "product NAME" … as in the file. @param key its name.
 * @param[out] at where it stands; file NULL for CONFIG_DEFAULT. May be NULL.
 * @return CONFIG_FILE, or CONFIG_DEFAULT also when there is no such section or key. Stored settings are the caller's affair.
 */
enum config_source config_source_of(const struct config *c, const char *section, const char *key, struct config_place *at);

/** Where a key of a product's section stands: its line, or the section's where the key is not in it or the place is not known. */
struct config_place config_product_place(const struct config *c, const struct config_product *p, const char *key);

/** Words for the settings an administrator stores (`sprt`, `sai` …): parse with the schema's own type and bounds.
 * @param section "host", "limits", "doctor" … @param name "activation_interval" …; in "host" also "port" and "priority_low" (yes | no).
 * Times need a unit: for `sai 120` pass "120min". @param[out] value parsed number. @return MUSTER_OK, MUSTER_E_NOT_FOUND (nearest name in err), MUSTER_E_INVALID. */
int config_parse_number(const char *section, const char *name, const char *text, uint64_t *value, struct muster_err *err);

/** "2h", "90 min", "7d", "10MiB", plain numbers. Kind 't' time in s, 's' size in bytes, 'n' plain.
 * A time without a unit is refused (minutes or seconds are never guessed); a size without one is bytes.
 * @return MUSTER_OK; MUSTER_E_INVALID with what to write instead. */
int config_parse_value(char kind, const char *text, uint64_t *value, struct muster_err *err);

#endif
