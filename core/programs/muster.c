#include "core/cli/muster_cli.h"

int main(int argc, char **argv)
{
	return client_main(argc, argv, clock_system());
}
