/* Being built. */
#include "core/bench/bench.h"

int bench_load(int argc, char **argv, const struct clock *clock)
{
	(void)argc;
	(void)argv;
	(void)clock;
	return bench_say(BENCH_FAILED, "load: being built");
}
