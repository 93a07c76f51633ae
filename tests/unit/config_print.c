/* Prints what the schema yields, to bring the committed copies up to date: config_print sample | manual. */
#include <stdio.h>
#include <string.h>

#include "core/config/config.h"

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "sample") == 0)
		return config_sample(stdout) == MUSTER_OK ? 0 : 1;
	if (argc == 2 && strcmp(argv[1], "manual") == 0)
		return config_manual(stdout) == MUSTER_OK ? 0 : 1;
	fputs("usage: config_print sample | manual\n", stderr);
	return 2;
}
