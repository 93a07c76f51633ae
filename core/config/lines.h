/**
 * The counting reader: hands an INI file to inih line by line and checks what inih would swallow.
 *
 * The packaged inih counts no lines for its caller, cuts lines at 200 bytes and names at 49, joins an indented line to
 * the key above it and says nothing of a section without keys. Here every line is counted and checked before inih
 * sees it; inih decides what is a key and what its value.
 */
#ifndef CONFIG_LINES_H
#define CONFIG_LINES_H

#include "core/config/report.h"

#define CONFIG_FILE_MAX (1024 * 1024)  /**< bytes of a configuration file */
#define CONFIG_LINES_MAX 10000         /**< lines of a configuration file */
#define CONFIG_LINE_MAX 4096           /**< bytes of a line without its end */
#define CONFIG_SECTION_MAX 80         /**< bytes between the brackets */

/** Receives what was read. Texts are valid during the call only. */
struct config_lines_sink {
	void (*section)(void *ctx, const char *name, unsigned line);
	void (*key)(void *ctx, const char *section, const char *name, const char *value, unsigned line);
	void *ctx;
};

/**
 * Read the @p n bytes at @p text. Faults go to @p report, named after @p file; reading goes on after a fault.
 *
 * @return MUSTER_OK, also when there were faults; MUSTER_E_NOMEM.
 */
int config_lines_read(const void *text, size_t n, const char *file, const struct config_lines_sink *sink, struct config_report *report);

#endif
