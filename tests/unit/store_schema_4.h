/** The pair of files as the version with schema 4 left it: what an update must bring forward. Frozen; runs on top of store_schema_3.h. */
#ifndef TESTS_UNIT_STORE_SCHEMA_4_H
#define TESTS_UNIT_STORE_SCHEMA_4_H

static const char log_to_schema_4[] = "UPDATE log SET schema=4;";
static const char state_to_schema_4[] =
	"CREATE TABLE holding(product INTEGER NOT NULL, class INTEGER NOT NULL, holder BLOB NOT NULL, state INTEGER NOT NULL, flags INTEGER NOT NULL,"
	" since INTEGER, until INTEGER, changed INTEGER, number INTEGER, client BLOB, hw BLOB, name TEXT, PRIMARY KEY(product, class, holder));"
	"CREATE INDEX holding_due ON holding(until) WHERE until IS NOT NULL;"
	"CREATE TABLE holding_sum(product INTEGER, class INTEGER, state INTEGER, n INTEGER NOT NULL, PRIMARY KEY(product, class, state)) WITHOUT ROWID;"
	"UPDATE ledger SET schema=4;";

#endif
