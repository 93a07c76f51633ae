/**
 * Settings that an administrator stores (`sprt`, `sai`, `sri`, `spri`, `cpri`): they win over the files and are named as
 * the source (plugin.md). Read by workers without a lock.
 */
#ifndef SERVICE_SETTINGS_H
#define SERVICE_SETTINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include "core/catalog/catalog.h"
#include "core/config/config.h"
#include "core/ledger/ledger.h"

#define SETTINGS_SCOPE "host"  /**< in the ledger's table */

enum setting_id { SETTING_PORT, SETTING_ACTIVATION, SETTING_RENEWAL, SETTING_PRIORITY, SETTING_COUNT };

/** Stored values; a bit of `stored` for each that is. Seconds for the intervals, 1 = low for the priority. */
struct settings {
	_Atomic uint64_t value[SETTING_COUNT];
	_Atomic uint32_t stored;
};

/** unit: what a plain number counts; values are shown with theirs. */
struct setting_info { const char *name, *unit; enum setting_id id; };
const struct setting_info *settings_table(size_t *n);
/** NULL: no such setting. */
const struct setting_info *settings_find(const char *name);

/** Take what the ledger keeps; a stored value that is out of range is reported as a warning and left out. */
int settings_load(struct settings *s, struct ledger *ledger, struct muster_err *err);
/** Text of an administrator to a number: "120min", "7200", "low". A plain number of an interval is minutes, as `sai` takes it. MUSTER_E_INVALID with the range. */
int settings_parse(const struct setting_info *info, const char *text, uint64_t *value, struct muster_err *err);
void settings_set(struct settings *s, enum setting_id id, uint64_t value);
void settings_unset(struct settings *s, enum setting_id id);
bool settings_stored(const struct settings *s, enum setting_id id, uint64_t *value);
/** As people read it: "120min", "1688", "normal". */
void settings_format(char out[32], enum setting_id id, uint64_t value);

/** What holds for one product, and from where. */
struct setting_intervals {
	uint32_t retry_s, renewal_s;
	enum config_source retry_source, renewal_source;
};
void settings_intervals(struct setting_intervals *out, const struct settings *s, const struct config *config, const struct catalog_product *p);
/** The host's own value, without products. @param[out] source may be NULL. @param port the port of the first listener. */
uint64_t settings_host(const struct settings *s, const struct config *config, enum setting_id id, uint16_t port, enum config_source *source);
/** What holds when nothing is stored. */
uint64_t settings_file(const struct config *config, enum setting_id id, uint16_t port, enum config_source *source);
const char *settings_source_word(enum config_source source);

#endif
