/** Inside of a catalog; core/catalog only. */
#ifndef CATALOG_PRIVATE_H
#define CATALOG_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/base/arena.h"
#include "core/catalog/catalog.h"
#include "core/catalog/lint.h"
#include "core/catalog/watch.h"

#define CATALOG_VALIDITY_S (180U * 86400U)  /**< facts.md section 1 */
#define CATALOG_WINDOW_S (30U * 86400U)     /**< facts.md section 1 */

/** A plugin switches itself off by this many strikes within this time (plugin.md). */
#define CATALOG_STRIKES 3
#define CATALOG_STRIKE_MS 60000
#define CATALOG_SLOW_MS 50

/** What belongs to one use of a plugin besides its public entry (same index as catalog.plugins). */
struct catalog_run {
	struct muster_host host;       /**< first member: the plugin hands it back to log() */
	const char *name;
	struct lint_tables tables;
	void *options;
	bool started;
	bool disabled;                 /**< by enabled = no, or kept off after a crash */
	bool excused;                  /**< its not being there is no fault: it is kept off after a crash, or needs one that is */
	struct watch_counters *counters;
	atomic_bool off;               /**< switched off after strikes */
	char off_reason[160];          /**< what threw the switch */
	bool off_untold;               /**< … and nobody has asked for it yet */
	pthread_mutex_t lock;          /**< guards strike_at, strikes and the two before */
	bool has_lock;
	int64_t strike_at[CATALOG_STRIKES];
	unsigned strikes;
};

struct catalog {
	atomic_uint refs;
	struct arena arena;
	struct catalog_plugin *plugins; size_t plugin_count;
	struct catalog_run *runs;
	struct catalog_product *products; size_t product_count;
	struct catalog_edition *editions; size_t edition_count;   /**< those of a product lie together, its own ID first */
	size_t *first_edition;         /**< product_count + 1 indexes into editions */
	struct catalog_pool *pools; size_t pool_count;
	uint32_t *table;               /**< edition index + 1; 0 free */
	size_t table_mask;
};

/** While a catalog is being made. */
struct builder {
	struct catalog *c;
	const struct config *config;
	const struct catalog_learned *learned; size_t learned_count;
	const struct catalog_report *report;
	struct muster_err *err;
	unsigned faults;               /**< things that forbid using the result; the first one's words are in err */
	bool exhausted;
	bool plugin_missing;           /**< a configured plugin is not there: overrides of its products are not faults */
	bool plugin_kept_off;          /**< one is kept off after a crash: nor are copies of its products, the rest is served */
	unsigned *windows_from;        /**< per pool: 0 default, 1 + product index that set it by configuration */
};

void builder_tell(struct builder *b, int level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/** A fault: reported, counted, and the first one kept in err. */
void builder_fault(struct builder *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int builder_nomem(struct builder *b);
/** "muster.conf:12: " or "" */
const char *builder_place(struct builder *b, struct config_place at);

/* plugins.c: load, check against each other, start */
int builder_plugins(struct builder *b);
void catalog_stop_plugins(struct catalog *c);
/* merge.c: products from plugins and files */
int builder_products(struct builder *b);
/* reservations.c: [reservation NAME], after the products */
int builder_reservations(struct builder *b);
/* index.c: pools, editions, hash */
int builder_pools(struct builder *b);
int builder_editions(struct builder *b);

#endif
