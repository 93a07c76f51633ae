/** The two files as schema 1 made them, with a few rows: frozen. Never change this; a new schema gets a fixture of its own. */
#ifndef TESTS_UNIT_STORE_SCHEMA_1_H
#define TESTS_UNIT_STORE_SCHEMA_1_H

static const char log_of_schema_1[] =
	"PRAGMA journal_mode=WAL; PRAGMA application_id=1299532903;"
	"CREATE TABLE log(ledger_id BLOB, epoch INTEGER, schema INTEGER, digest_key BLOB);"
	"CREATE TABLE event(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, seen INTEGER, source INTEGER NOT NULL, product INTEGER NOT NULL,"
	" edition INTEGER NOT NULL, client BLOB NOT NULL, hw BLOB, digest INTEGER NOT NULL, n INTEGER NOT NULL DEFAULT 1,"
	" result INTEGER NOT NULL, status INTEGER, minutes INTEGER, count INTEGER, minimum INTEGER, expires INTEGER, flags INTEGER NOT NULL,"
	" name TEXT, addr BLOB);"
	"INSERT INTO log VALUES(CAST('ledger-a-ledger' AS BLOB)||x'00', 7, 1, x'000102030405060708090a0b0c0d0e0f');"
	"INSERT INTO event VALUES(41, 1795000000410, NULL, 1, 1, 1, x'00000000000000000000000000000001', NULL, -5, 1, 0, 2, NULL, 5, 5, 1795000999000, 0, 'pc-1', x'c0000201');"
	"INSERT INTO event VALUES(42, 1795000000420, 1795000000400, 1, 1, 1, x'00000000000000000000000000000002', NULL, 6, 1, 0, 2, NULL, 6, 5, NULL, 0, NULL, NULL);";

static const char state_of_schema_1[] =
	"PRAGMA journal_mode=WAL; PRAGMA application_id=1299534708;"
	"CREATE TABLE ledger(ledger_id BLOB, epoch INTEGER, fold_seq INTEGER, fold_at INTEGER, schema INTEGER);"
	"CREATE TABLE source(source INTEGER PRIMARY KEY, ledger_id BLOB UNIQUE, name TEXT, kind INTEGER, taken_seq INTEGER);"
	"CREATE TABLE pool(pool INTEGER PRIMARY KEY, name TEXT UNIQUE, window_s INTEGER, largest_minimum INTEGER);"
	"CREATE TABLE product(product INTEGER PRIMARY KEY, name TEXT, pool INTEGER REFERENCES pool);"
	"CREATE TABLE edition(activation_id BLOB PRIMARY KEY, edition INTEGER UNIQUE, product INTEGER NOT NULL, name TEXT, learned_from INTEGER) WITHOUT ROWID;"
	"CREATE TABLE unknown(activation_id BLOB PRIMARY KEY, last INTEGER, n INTEGER) WITHOUT ROWID;"
	"CREATE TABLE uses(client BLOB, product INTEGER, first INTEGER, last INTEGER, last_day INTEGER, last_seq INTEGER, requests INTEGER,"
	" result INTEGER, status INTEGER, minutes INTEGER, hw BLOB, name TEXT, addr BLOB, flags INTEGER, PRIMARY KEY(client, product)) WITHOUT ROWID;"
	"CREATE INDEX uses_last ON uses(product, last_day);"
	"CREATE TABLE pool_member(pool INTEGER, client BLOB, last INTEGER, hw BLOB, product INTEGER, PRIMARY KEY(pool, client)) WITHOUT ROWID;"
	"CREATE TABLE counter(source INTEGER, product INTEGER, status INTEGER, n INTEGER, PRIMARY KEY(source, product, status)) WITHOUT ROWID;"
	"CREATE TABLE journal(seq INTEGER PRIMARY KEY, at INTEGER, actor TEXT, kind INTEGER, object TEXT, code INTEGER, detail TEXT, prev BLOB, hash BLOB);"
	"CREATE TABLE setting(scope TEXT, name TEXT, value TEXT, at INTEGER, actor TEXT, PRIMARY KEY(scope, name)) WITHOUT ROWID;"
	"INSERT INTO ledger VALUES(CAST('ledger-a-ledger' AS BLOB)||x'00', 3, 41, 1795000000410, 1);"
	"INSERT INTO pool VALUES(4, 'office2013', 2592000, 5);"
	"INSERT INTO product VALUES(9, 'office2013', 4);"
	"INSERT INTO uses VALUES(x'00000000000000000000000000000001', 9, 1795000000410, 1795000000410, 20775, 41, 1, 0, 2, NULL, NULL, 'pc-1', NULL, 0);"
	"INSERT INTO uses VALUES(x'00000000000000000000000000000003', 9, 1795000000300, 1795000000300, 20775, 30, 1, 0, 2, NULL, NULL, 'pc-3', NULL, 16);"
	"INSERT INTO pool_member VALUES(4, x'00000000000000000000000000000001', 1795000000410, NULL, 9);"
	"INSERT INTO setting VALUES('host', 'port', '1700', 1795000000000, '7 ann');";

#endif
