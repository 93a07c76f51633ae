#include "core/service/peer.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/mem.h"

#define GROUPS_MAX 65536  /* NGROUPS_MAX of Linux */

/* One after the other, without repeats being a concern. */
struct groups { gid_t *list; size_t n; };

static int room(struct groups *g, size_t more, struct muster_err *err)
{
	gid_t *grown = mem_grow(g->list, g->n + more, sizeof *grown);

	if (grown == NULL)
		return err_nomem(err);
	g->list = grown;
	return MUSTER_OK;
}

static int add_group(struct groups *g, gid_t id, struct muster_err *err)
{
	int r = room(g, 1, err);

	if (r == MUSTER_OK && g->list != NULL)
		g->list[g->n++] = id;
	return r;
}

/* The groups the peer had when it connected: no race with process numbers, unlike /proc. */
static int running_groups(struct groups *g, int fd, struct muster_err *err)
{
	socklen_t bytes = 0;
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &bytes) == 0 || errno != ERANGE)
		return MUSTER_OK;  /* none, or a kernel before 4.13: the group database has to do */
	if (bytes > GROUPS_MAX * sizeof(gid_t))
		return MUSTER_OK;
	if ((r = room(g, bytes / sizeof(gid_t), err)) != MUSTER_OK)
		return r;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, g->list + g->n, &bytes) == 0)
		g->n += bytes / sizeof(gid_t);
	return MUSTER_OK;
}

static int named_groups(struct groups *g, const char *user, gid_t gid, struct muster_err *err)
{
	int n = 64, r;

	for (;;) {
		int had = n;

		if ((r = room(g, (size_t)n, err)) != MUSTER_OK)
			return r;
		if (getgrouplist(user, gid, g->list + g->n, &n) >= 0) {
			g->n += (size_t)n;
			return MUSTER_OK;
		}
		if (n <= had || n > GROUPS_MAX)
			return MUSTER_OK;
	}
}

static gid_t group_id(const char *name)
{
	struct group g, *found = NULL;
	char *space;
	gid_t id = (gid_t)-1;
	size_t size = 64u << 10;  /* a group with some thousand members */

	if (*name == '\0' || (space = mem_alloc(size)) == NULL)
		return id;
	if (getgrnam_r(name, &g, space, size, &found) == 0 && found != NULL)
		id = g.gr_gid;
	mem_free(space);
	return id;
}

enum role peer_role(uid_t uid, uid_t own, const gid_t *groups, size_t n, gid_t admin, gid_t keys, gid_t view)
{
	enum role role = ROLE_NONE;

	if (uid == 0 || uid == own)
		return ROLE_ADMINISTRATOR;
	for (size_t i = 0; i < n; i++) {
		enum role one = ROLE_NONE;

		if (groups[i] == (gid_t)-1)
			continue;
		if (groups[i] == admin)
			one = ROLE_ADMINISTRATOR;
		else if (groups[i] == keys)
			one = ROLE_KEYS;
		else if (groups[i] == view)
			one = ROLE_VIEWER;
		if (one > role)
			role = one;
	}
	return role;
}

int peer_of(struct peer *out, int fd, const struct config_host *host, struct muster_err *err)
{
	struct ucred cred;
	socklen_t len = sizeof cred;
	struct passwd pw, *found = NULL;
	struct groups g = { 0 };
	char space[4096];
	int r;

	memset(out, 0, sizeof *out);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return err_errno(err, errno, "cannot find out who asks");
	out->uid = cred.uid;
	out->gid = cred.gid;
	out->pid = cred.pid;
	(void)getpwuid_r(cred.uid, &pw, space, sizeof space, &found);
	(void)snprintf(out->actor, sizeof out->actor, "%lu %.40s", (unsigned long)cred.uid, found != NULL ? pw.pw_name : "?");
	if ((r = add_group(&g, cred.gid, err)) != MUSTER_OK)
		goto done;
	if ((r = running_groups(&g, fd, err)) != MUSTER_OK)
		goto done;
	if (found != NULL && (r = named_groups(&g, pw.pw_name, cred.gid, err)) != MUSTER_OK)
		goto done;
	out->role = peer_role(cred.uid, geteuid(), g.list, g.n, group_id(host->admin_group), group_id(host->keys_group), group_id(host->view_group));
	r = MUSTER_OK;
done:
	mem_free(g.list);
	return r;
}

const char *peer_role_word(enum role role)
{
	switch (role) {
	case ROLE_VIEWER: return "viewer";
	case ROLE_KEYS: return "key reader";
	case ROLE_ADMINISTRATOR: return "administrator";
	case ROLE_NONE: break;
	}
	return "none";
}
