/** What muster-issuer can do; see command_table.c. Each returns an enum issuer_exit after writing to stdout and, for what went wrong, to stderr. */
#ifndef ISSUER_COMMANDS_H
#define ISSUER_COMMANDS_H

#include "core/issuer/options.h"

int command_init(const struct options *o);
int command_certify(const struct options *o);
int command_intermediate(const struct options *o);
int command_list(const struct options *o);
int command_show(const struct options *o);
int command_confirm(const struct options *o);
int command_restore(const struct options *o);
int command_serve(const struct options *o);

#endif
