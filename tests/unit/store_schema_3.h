/** What made files of schema 2 and 3 of the ones before: frozen like store_schema_1.h, with a row of what each one added. */
#ifndef TESTS_UNIT_STORE_SCHEMA_3_H
#define TESTS_UNIT_STORE_SCHEMA_3_H

static const char log_to_schema_2[] =
	"ALTER TABLE log ADD COLUMN probe INTEGER NOT NULL DEFAULT 0;"
	"UPDATE log SET schema=2;";
static const char log_to_schema_3[] = "UPDATE log SET schema=3;";

static const char state_to_schema_2[] =
	"ALTER TABLE pool_member ADD COLUMN virtual INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX uses_clone ON uses(last) WHERE flags & 16;"
	"UPDATE ledger SET schema=2;"
	"INSERT INTO pool_member VALUES(4, x'00000000000000000000000000000003', 1795000000300, NULL, 9, 1);";
static const char state_to_schema_3[] =
	"CREATE TABLE record(kind TEXT NOT NULL, id BLOB NOT NULL, data BLOB, at INTEGER, PRIMARY KEY(kind, id));"
	"ALTER TABLE uses RENAME COLUMN last_day TO last_hour;"
	"UPDATE ledger SET schema=3;"
	"INSERT INTO record VALUES('pack', x'37', 'a pack', 1795000000400);"
	"INSERT INTO journal VALUES(1, 1795000000400, '0 root', 101, 'pack 7', 0, 'installed', zeroblob(32), zeroblob(32));";

#endif
