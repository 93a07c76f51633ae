/** Listening sockets: made here, or handed over by the service manager (sd_listen_fds(3)). */
#ifndef SERVICE_LISTENER_H
#define SERVICE_LISTENER_H

#include "core/service/state.h"

/**
 * Take what the service manager hands over: internet sockets become client listeners, with TLS those named "tls"
 * (FileDescriptorName=), a Unix socket the admin one.
 * @return MUSTER_OK, also when there is nothing; MUSTER_E_INVALID for a socket that is neither.
 */
int listeners_inherit(struct service *s, struct muster_err *err);

/**
 * Open the addresses of `listen` or, with @p tls, of `listen_tls` ("127.0.0.1:1688", "[::1]:1688", ":1688" = all; separated by commas).
 *
 * ":PORT" takes IPv6 and IPv4 on one socket where the machine has IPv6, IPv4 alone where not. No SO_REUSEPORT: a second
 * daemon must not bind silently. A busy port is an error that names its holder where /proc tells.
 * @param port 0: as written; else instead of every port written (stored setting).
 * @return MUSTER_OK, MUSTER_E_INVALID, MUSTER_E_BUSY, MUSTER_E_DENIED, MUSTER_E_IO, MUSTER_E_NOMEM.
 */
int listeners_open(struct service *s, const char *listen, uint16_t port, bool tls, struct muster_err *err);
void listeners_close(struct service *s);

/**
 * The admin socket at @p path: a stale one of a daemon that is gone is replaced, one in use is an error.
 *
 * Mode 0660 with the one group of @p groups that exists here. With several of them 0666, because a file has one group:
 * who may do what comes from the peer's credentials in any case, not from this mode.
 */
int listener_admin(int *fd, const char *path, const char *const groups[3], struct muster_err *err);

#endif
