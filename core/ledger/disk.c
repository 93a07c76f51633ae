#include "core/ledger/disk.h"

#define FLOOR_MAX (UINT64_C(256) << 20)

uint64_t disk_floor(uint64_t min_free, uint64_t total)
{
	uint64_t share = total / 50;

	if (min_free != 0)
		return min_free;
	return share < FLOOR_MAX ? share : FLOOR_MAX;
}

bool disk_is_low(bool was_low, uint64_t avail, uint64_t floor)
{
	if (!was_low)
		return avail < floor;
	/* Written so that a huge floor does not overflow. */
	return avail / 2 <= floor;
}
