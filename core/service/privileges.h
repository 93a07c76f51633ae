/** From root to the configured user, in two steps: the ledger is opened as the user, sockets are bound as root. */
#ifndef SERVICE_PRIVILEGES_H
#define SERVICE_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>
#include <muster/types.h>

struct privileges {
	bool change;        /**< started as root with a user configured */
	uid_t uid;
	gid_t gid;
};

/** Look the user up. Root without a user: a warning. A user who is not the one we run as, and we are not root: an error. */
int privileges_init(struct privileges *p, const char *user, struct muster_err *err);
/** Give @p path (a folder or the admin socket) to the user, keeping its group. */
int privileges_give(const struct privileges *p, const char *path, struct muster_err *err);
/** Become the user for a while; root can be taken again. */
int privileges_lower(const struct privileges *p, struct muster_err *err);
int privileges_raise(const struct privileges *p, struct muster_err *err);
/** Become the user for good. */
int privileges_drop(const struct privileges *p, struct muster_err *err);
/** No core dumps (they would hold keys), private keys off the swap, files for ourselves only. */
void privileges_harden(void);

#endif
