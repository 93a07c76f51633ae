/** musterd's command line. */
#ifndef SERVICE_OPTIONS_H
#define SERVICE_OPTIONS_H

#include <stdbool.h>

struct options {
	const char *config;
	bool check, dump, foreground;
};

/** @return 0: go on; 1: everything asked for was done (--help, --version); -1: usage error, already said. */
int options_parse(struct options *out, int argc, char **argv);

#endif
