/* muster with a clock that tests can move: the distance from the system's, in milliseconds, is read from a file. */
#include <stdlib.h>

#include "core/cli/muster_cli.h"

int main(int argc, char **argv)
{
	const char *path = getenv("MUSTER_TEST_CLOCK");

	return client_main(argc, argv, path != NULL ? clock_file(path) : clock_system());
}
