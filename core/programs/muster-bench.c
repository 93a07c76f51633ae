#include "core/bench/bench.h"

int main(int argc, char **argv)
{
	return bench_main(argc, argv, clock_system());
}
