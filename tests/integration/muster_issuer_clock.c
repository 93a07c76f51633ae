/* muster-issuer with a clock that tests move: the file named in MUSTER_TEST_CLOCK holds the distance from the system's in milliseconds. */
#include <stdlib.h>
#include "core/issuer/issuer.h"

int main(int argc, char **argv)
{
	const char *file = getenv("MUSTER_TEST_CLOCK");

	return issuer_main(argc, argv, file != NULL ? clock_file(file) : clock_system());
}
