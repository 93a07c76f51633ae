/* musterd for tests: the same daemon with a clock that the file named by MUSTER_TEST_CLOCK shifts. Never installed. */
#include <stdio.h>
#include <stdlib.h>

#include "core/service/service.h"

int main(int argc, char **argv)
{
	const char *shift = getenv("MUSTER_TEST_CLOCK");

	if (shift == NULL) {
		fputs("musterd-clock: MUSTER_TEST_CLOCK must name the file that holds the clock's shift\n", stderr);
		return SERVICE_EXIT_USAGE;
	}
	return service_main(argc, argv, clock_file(shift));
}
