/* A copy of observed.db beside those of log and state. */
#include "core/store/sqlite.h"
#include "core/store/sqlite_observed.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"

int observed_store_backup(struct store_observed *o, const char *dir, struct muster_err *err)
{
	char part[32], *from = NULL, *to = NULL;
	int r;

	/* Under another name until it is whole; left behind by a backup that was cut short, it is only in the way. */
	(void)snprintf(part, sizeof part, "%s.part", observed_store_file());
	if ((from = file_join(dir, part)) == NULL || (to = file_join(dir, observed_store_file())) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	(void)unlink(from);
	if ((r = sqlite_copy(&o->db, dir, part, UINT64_MAX, err)) != MUSTER_OK) {
		(void)unlink(from);
		goto done;
	}
	if (rename(from, to) != 0)
		r = err_errno(err, errno, "cannot rename %s to %s", from, to);
	else
		r = sqlite_sync_path(dir, err);
done:
	mem_free(from);
	mem_free(to);
	return r;
}
