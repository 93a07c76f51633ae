/** What a doctor says: a table on a terminal, the lines of a Nagios plugin elsewhere. For musterctl and muster; needs nothing of either. */
#ifndef CLI_VERDICTS_H
#define CLI_VERDICTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include "core/base/verdict.h"

/** A check as docs/admin-api.md has it; @p remedy NULL or "" none. NULL when exhausted. */
json_t *verdicts_check(const char *check, enum verdict v, const char *reason, const char *remedy, const char *code);
/** The worst of them. */
enum verdict verdicts_worst(const json_t *checks);
/**
 * Print them. @param details every finding of each check, not only those in its reason. @return the exit code of the worst: 0 ok, 1 warning, 2 critical, 3 unknown.
 *
 * Not on a terminal: `SERVICE WARNING - 2 of 18 checks: reason; reason | label=value;warn;crit;min;max …`, then a line a check.
 */
int verdicts_print(FILE *out, bool terminal, unsigned columns, const char *service, const json_t *checks, bool details);
/** Nothing could be looked at: the line of it. @return 3. */
int verdicts_unknown(FILE *out, const char *service, const char *why);

#endif
