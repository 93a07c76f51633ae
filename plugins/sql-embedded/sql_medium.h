/** Finding the embedded key in a medium's DefaultSetup.ini (facts.md section 6). No I/O, no allocation. */
#ifndef SQL_MEDIUM_H
#define SQL_MEDIUM_H

#include <muster/plugin.h>

/** "XXXXX-XXXXX-XXXXX-XXXXX-XXXXX" */
#define SQL_KEY_LEN 29

/**
 * Look through one file. Calls @p found once for each PID line in a section that setup reads, and once with an empty key
 * when there is none.
 * @return MUSTER_OK; MUSTER_E_INVALID for an encoding that setup does not write; what @p found returned.
 */
int sql_medium_file(const struct muster_medium_file *file, muster_found_fn *found, void *arg, struct muster_err *err);

#endif
