/** The rule on free space (ledger.md section 2, "Disk"): stop taking requests before the database fails, resume by itself. */
#ifndef LEDGER_DISK_H
#define LEDGER_DISK_H

#include <stdbool.h>
#include <stdint.h>

/** Smaller of 256 MiB and 2 % of the file system, unless @p min_free (bytes) is set. */
uint64_t disk_floor(uint64_t min_free, uint64_t total);
/** Below the floor: low. Once low, until twice the floor is free again. */
bool disk_is_low(bool was_low, uint64_t avail, uint64_t floor);

#endif
