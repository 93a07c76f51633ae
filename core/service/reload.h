/** Reading the configuration again: all checked first, then swapped in; on any fault the present one stays (plugin.md). */
#ifndef SERVICE_RELOAD_H
#define SERVICE_RELOAD_H

#include "core/service/state.h"

/** Gets each change in words. */
typedef void reload_line(void *ctx, const char *text);

/** Read configuration, plugins and products. Main thread only (libltdl). Faults are logged one by one. @p learned_from may be NULL. */
int reload_read(struct config **config, struct catalog **catalog, const char *path, struct ledger *learned_from, struct muster_err *err);
struct tls_identity;
/** Read the TLS server's certificate and key when a listener has TLS. @param out NULL: use it at once; else only read it, NULL when none is needed. */
int reload_tls(const struct service *s, const struct config *config, struct tls_identity **out, struct muster_err *err);
/** Only the configuration. */
int reload_read_config(struct config **config, const char *path, struct muster_err *err);
/** The catalog of a configuration, with what administrators taught the host. */
int reload_build(struct catalog **catalog, const struct config *config, struct ledger *learned_from, struct muster_err *err);

/** Main thread only. */
int reload_run(struct service *s, reload_line *line, void *ctx, struct muster_err *err);
/** Ask the main thread to and wait. Any other thread. MUSTER_E_BUSY: another one waits, or the host is stopping. */
int reload_ask(struct service *s, reload_line *line, void *ctx, struct muster_err *err);
/** Main thread: do what reload_ask() waits for. With @p refuse nothing is done and the asker gets MUSTER_E_BUSY. */
void reload_serve(struct service *s, bool refuse);
/** Limits that hold from now on. */
void reload_limits(struct service *s, const struct config *config);
int reload_log_level(const struct config *config);

#endif
