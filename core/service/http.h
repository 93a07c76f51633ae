/** The HTTP servers on the client listeners (libmicrohttpd: an epoll thread pool on each shared listening socket). */
#ifndef SERVICE_HTTP_H
#define SERVICE_HTTP_H

#include "core/service/state.h"

/** Start serving on every listener of @p s. */
int http_start(struct service *s, const struct config *config, struct muster_err *err);
/** Take no new connections; those open are served on. */
void http_quiesce(struct service *s);
/** End every connection. No request may be waiting for the ledger any more. */
void http_stop(struct service *s);
/** Worker threads a listener has. */
unsigned http_workers(const struct config *config);

#endif
