#include "core/service/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <openssl/crypto.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/log.h"

#define SECURE_HEAP (1u << 20)   /* as many certificates as a ring holds, and a signature of every worker */
#define SECURE_LEAST 32

int privileges_init(struct privileges *p, const char *user, struct muster_err *err)
{
	const struct passwd *pw;

	*p = (struct privileges){ .uid = geteuid(), .gid = getegid() };
	if (user == NULL || *user == '\0') {
		if (geteuid() == 0)
			log_line(LOG_WARNING, "runs_as_root", "text=\"no user is configured: set [host] user so that the daemon gives up root\"");
		return MUSTER_OK;
	}
	errno = 0;
	if ((pw = getpwnam(user)) == NULL)
		return err_set(err, MUSTER_E_NOT_FOUND, "[host] user: there is no user %s; make it with: adduser --system --group --no-create-home %s", user, user);
	if (geteuid() != 0) {
		if (pw->pw_uid == geteuid())
			return MUSTER_OK;
		return err_set(err, MUSTER_E_DENIED, "[host] user is \"%s\", but the daemon was not started as root and cannot become another user", user);
	}
	p->uid = pw->pw_uid;
	p->gid = pw->pw_gid;
	p->change = pw->pw_uid != 0;
	if (p->change && initgroups(user, pw->pw_gid) != 0)
		return err_errno(err, errno, "cannot take the groups of \"%s\"", user);
	return MUSTER_OK;
}

int privileges_give(const struct privileges *p, const char *path, struct muster_err *err)
{
	if (p->change && lchown(path, p->uid, (gid_t)-1) != 0)
		return err_errno(err, errno, "cannot give %s to the configured user", path);
	return MUSTER_OK;
}

int privileges_lower(const struct privileges *p, struct muster_err *err)
{
	if (p->change && (setegid(p->gid) != 0 || seteuid(p->uid) != 0))
		return err_errno(err, errno, "cannot become the configured user");
	return MUSTER_OK;
}

int privileges_raise(const struct privileges *p, struct muster_err *err)
{
	if (p->change && (seteuid(0) != 0 || setegid(0) != 0))
		return err_errno(err, errno, "cannot become root again to open the listeners");
	return MUSTER_OK;
}

int privileges_drop(const struct privileges *p, struct muster_err *err)
{
	if (!p->change)
		return MUSTER_OK;
	if (setresgid(p->gid, p->gid, p->gid) != 0 || setresuid(p->uid, p->uid, p->uid) != 0)
		return err_errno(err, errno, "cannot become the configured user");
	MUSTER_ASSERT(setuid(0) != 0 && geteuid() == p->uid);
	privileges_harden();   /* a change of user sets what fs.suid_dumpable says */
	return MUSTER_OK;
}

void privileges_harden(void)
{
	struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
#ifndef MUSTER_SANITIZED
	/* The leak checker traces its own process, which this would forbid. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
	/* Private keys, and what signing makes of them, off the swap where the system lets us (trust/seal.c has pages of its own). */
	if (CRYPTO_secure_malloc_initialized() == 0)
		(void)CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_LEAST);
	(void)umask(0077);
}
