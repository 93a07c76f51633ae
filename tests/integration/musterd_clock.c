/* musterd for tests: the same daemon with a clock that the file named by MUSTER_TEST_CLOCK shifts, and, where MUSTER_TEST_HARDWARE names one, with the
 * hardware identity that this file holds. Never installed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/service/service.h"

static int read_hardware(void *ctx, uint8_t *source, struct buf *value)
{
	(void)ctx;
	*source = 1;
	return file_read(value, getenv("MUSTER_TEST_HARDWARE"), 256, NULL);
}

int main(int argc, char **argv)
{
	const char *shift = getenv("MUSTER_TEST_CLOCK");

	if (shift == NULL) {
		fputs("musterd-clock: MUSTER_TEST_CLOCK must name the file that holds the clock's shift\n", stderr);
		return SERVICE_EXIT_USAGE;
	}
	return service_main(argc, argv, clock_file(shift), getenv("MUSTER_TEST_HARDWARE") != NULL ? read_hardware : NULL);
}
