/** Faults of a configuration: counted, put into their one form, handed to whoever asked; and the nearest known word. */
#ifndef CONFIG_REPORT_H
#define CONFIG_REPORT_H

#include <stdbool.h>
#include "core/base/err.h"

struct config_report {
	void (*fn)(void *ctx, const char *message);  /**< may be NULL */
	void *ctx;
	size_t faults;
	bool exhausted;                 /**< memory ran out: stop */
	char first[MUSTER_ERR_MAX];     /**< the first fault's whole message */
};

/** Where a fault is; line 0, section and key NULL or empty: left out. */
struct config_where { const char *file; unsigned line; const char *section, *key; };

/** Report `file:line: [section] key: text`; control bytes become '?'. */
void config_fault(struct config_report *r, struct config_where where, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define CONFIG_SHOW 64
/** A peer's text for a message: at most 48 bytes, cut on a character boundary and marked with "...". @return out. */
const char *config_show(char out[CONFIG_SHOW], const char *text);

#endif
