/** Inside of observed.db: handle and statements. Private to this folder (sqlite_observed*.c). */
#ifndef STORE_SQLITE_OBSERVED_H
#define STORE_SQLITE_OBSERVED_H

#include "core/store/sqlite_db.h"
#include "core/store/store_observed.h"

enum {
	/* reading */
	O_MACHINES, O_MACHINES_CLONE, O_BY_HOST, O_NAMES, O_CLIENTS, O_EVENTS, O_FINDINGS, O_CLONES, O_SHARED, O_READING,
	/* writing */
	O_HOST_FIND = O_READING, O_HOST_ADD, O_HOST_SEEN, O_EVENT_ADD, O_EVENT_FIND, O_EVENT_MEND, O_MACHINE_PUT, O_MACHINE_FIND, O_MACHINE_TELL, O_NAME_SEEN, O_NAME_ADD,
	O_NAMES_OF, O_CLIENTS_OF, O_CLIENT_ADD, O_CLIENT_TOLD, O_CLIENT_UNTOLD, O_CALLED_ADD, O_JUDGE_CLIENTS, O_JUDGE_CALLED, O_TOUCHED, O_MACHINES_NEW, O_MOMENTS, O_FINDINGS_DROP, O_FINDING_ADD,
	O_FINDINGS_LOG, O_FINDINGS_SKEW, O_TRIM_OLDEST, O_TRIM_MACHINE, O_TRIM_HOST, O_TRIM_EVENT, O_TRIM_FINDINGS, O_TRIM_MARK, O_STATEMENTS
};

struct store_observed {
	struct db db;                      /* first */
	int64_t first_seq, next_seq;       /* of the open transaction */
	int64_t forgotten;                 /* time of the latest event that was deleted: only such may have been here before */
	int64_t host_number; char host_name[STORE_NAME_MAX];   /* the one looked up last: a file is mostly of one host */
	bool host_new;
	bool open;                         /* a transaction of the importer */
};

extern const char *const observed_sql[O_STATEMENTS];
/** Reset and clear @p which. */
sqlite3_stmt *observed_statement(struct store_observed *o, int which);
#define OBSERVED_MACHINE_COLUMNS 15
/** Columns 0 … 14 of a machine. */
void observed_read_machine(void *row, sqlite3_stmt *s);
/** An absent text is NULL in the file, except where it is a key. */
void observed_bind_key(sqlite3_stmt *s, int at, const char *text);

#endif
