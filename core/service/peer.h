/** Who is at the other end of the admin socket, and what they may do (design.md section 10). */
#ifndef SERVICE_PEER_H
#define SERVICE_PEER_H

#include <stdbool.h>
#include <sys/types.h>
#include <muster/types.h>
#include "core/config/config.h"

/** Each includes the ones before it. */
enum role { ROLE_NONE, ROLE_VIEWER, ROLE_KEYS, ROLE_ADMINISTRATOR };

struct peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	enum role role;
	char actor[64];   /**< "0 root": for the journal */
};

/**
 * Find out by the socket's credentials (unix(7), SO_PEERCRED): the peer's user, its group and its supplementary groups,
 * both those it runs with (SO_PEERGROUPS) and those the group database gives its user, so that a member made just now
 * need not log in again. root and our own user are administrators.
 */
int peer_of(struct peer *out, int fd, const struct config_host *host, struct muster_err *err);
/** The role of a user with these groups; pure, for tests. @p admin, keys, view: group IDs, (gid_t)-1 where there is no such group. */
enum role peer_role(uid_t uid, uid_t own, const gid_t *groups, size_t n, gid_t admin, gid_t keys, gid_t view);
const char *peer_role_word(enum role role);

#endif
