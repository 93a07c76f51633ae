/** Bringing a host up and down, step by step. */
#ifndef SERVICE_START_H
#define SERVICE_START_H

#include "core/service/privileges.h"
#include "core/service/state.h"

/** Memory and locks only. */
int start_init(struct service *s, const struct clock *clock, service_hardware *hardware, struct muster_err *err);
/**
 * configuration → state folder → lock, ledger → key ring → catalog → stored settings → sockets → the user for good → threads → serving.
 *
 * What needs root (sockets) comes after what must belong to the user (state), so root is given up in two steps.
 */
int start_host(struct service *s, const char *config_path, struct muster_err *err);
/** Answer what is queued, within ten seconds, and end. @return false when requests were still waiting: leave by _exit(). */
bool stop_host(struct service *s);
/** Free what start_init() and start_host() made. */
void start_fini(struct service *s);

#endif
