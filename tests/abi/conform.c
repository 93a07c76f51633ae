/* conform FILE: the conformance suite over one plugin, for scripts. */
#include <stdio.h>

#include "core/base/err.h"
#include "core/catalog/conformance.h"

static void print(void *ctx, bool passed, const char *what, const char *detail)
{
	(void)ctx;
	(void)printf("%s %s%s%s\n", passed ? "pass" : "FAIL", what, detail[0] != '\0' ? ": " : "", detail);
}

int main(int argc, char **argv)
{
	struct muster_err err = { 0 };

	return argc == 2 && conformance_child(argv[1], 60, print, NULL, &err) == MUSTER_OK ? 0 : 1;
}
