/** What muster-issuer can do: shared by main.c (options) and commands.c. */
#ifndef ISSUER_COMMANDS_H
#define ISSUER_COMMANDS_H

#include <stdbool.h>
#include <stdio.h>
#include "core/issuer/issuer.h"
#include "core/trust/certs.h"

/** The command line, read and checked by main.c. Strings borrowed. */
struct options {
	const char *dir, *name, *products, *subject, *out, *root_key;
	const char *argument;             /**< REQUEST, or which certificate to show; NULL */
	enum trust_algorithm algorithm;
	int passphrase_fd;                /**< -1: ask */
	bool no_passphrase, json;
	int64_t days;
	const struct clock *clock;
};

/** Each returns an enum issuer_exit after writing to stdout and, for what went wrong, to stderr. */
int command_init(const struct options *o);
int command_certify(const struct options *o);
int command_intermediate(const struct options *o);
int command_list(const struct options *o);
int command_show(const struct options *o);

#endif
