/** Inside of the SQLite store: what its parts share. Private to this folder. */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include <stdatomic.h>

#include "core/store/sqlite_db.h"

struct sqlite_store {
	struct store store;      /* first: a struct store * is a struct sqlite_store * */
	char *dir;               /* owned */
	atomic_bool backing_up;  /* no row of the log is deleted meanwhile: the copied state may still need it */
};

int sqlite_open_log(struct store *s, bool write, struct store_log **out, struct muster_err *err);
int sqlite_open_state(struct store *s, bool write, struct store_state **out, struct muster_err *err);
int sqlite_backup(struct store *s, const char *dir, uint64_t wal_max, struct muster_err *err);

/** Copy what @p from has committed into the new file DIR/NAME: checked, synced, 0600. Above @p wal_max bytes of WAL given up. What was made when it fails is left there. */
int sqlite_copy(struct db *from, const char *dir, const char *name, uint64_t wal_max, struct muster_err *err);
int sqlite_sync_path(const char *path, struct muster_err *err);   /**< a file or a folder */

#endif
