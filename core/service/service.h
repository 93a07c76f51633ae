/** musterd: the host's daemon. */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include "core/base/buf.h"
#include "core/base/clock.h"

enum { SERVICE_EXIT_OK = 0, SERVICE_EXIT_FAILED = 1, SERVICE_EXIT_USAGE = 2, SERVICE_EXIT_CONFIG = 3 };

/** The host's hardware identity, as struct activation_options has it. */
typedef int service_hardware(void *ctx, uint8_t *source, struct buf *value);

/**
 * Run the daemon until SIGTERM or SIGINT. Main thread only; options as in musterd(8).
 * @param clock borrowed for ever. @param hardware NULL: what this machine's hardware says; tests bring their own. @return the program's exit status.
 */
int service_main(int argc, char **argv, const struct clock *clock, service_hardware *hardware);

#endif
