/* Stands in for parts that are being built; goes with the last of them. */
#include "core/base/err.h"
#include "core/bench/host.h"

__attribute__((weak)) int bench_host_fill(struct bench_host *h, uint64_t seed, uint64_t machines, double *per_s, struct muster_err *err)
{
	(void)h;
	(void)seed;
	(void)per_s;
	return machines == 0 ? MUSTER_OK : err_set(err, MUSTER_E_UNSUPPORTED, "filling a ledger is not built yet: --known 0");
}
