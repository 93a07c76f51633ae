/* audit, backup, passphrase: the books themselves. */
#include "core/issuer/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/issuer/listing.h"
#include "core/issuer/output.h"
#include "core/issuer/rewrap.h"
#include "core/issuer/session.h"

#define HEAD_TEXT 96

/* ---- audit ---- */

static json_t *audit_json(const struct store_journal *row)
{
	char hash[HEX_SIZE(32)];

	hex_encode(hash, row->hash, sizeof(row->hash));
	return json_pack("{s:I, s:o, s:s, s:s, s:o, s:o, s:s}", "seq", (json_int_t)row->seq, "at", output_json_time(row->at / 1000), "actor", row->actor, "event",
	                 books_event_word(row->kind), "object", output_json_text(row->object), "detail", output_json_text(row->detail), "hash", hash);
}

static int json_audit(void *ctx, const struct store_journal *row)
{
	return json_array_append_new(ctx, audit_json(row)) != 0;
}

static int row_audit(void *ctx, const struct store_journal *row)
{
	char seq[24], at[TIME_RFC3339];
	const char *cells[] = { seq, output_time(at, row->at / 1000), row->actor, books_event_word(row->kind), row->object, row->detail };

	(void)snprintf(seq, sizeof(seq), "%" PRId64, row->seq);
	return output_table_row(ctx, cells);
}

int command_audit(const struct options *o)
{
	static const struct output_column columns[] = { { "SEQ", true }, { "AT", false }, { "ACTOR", false }, { "EVENT", false }, { "OBJECT", false }, { "DETAIL", false } };
	struct output_list l;
	struct session s;
	struct muster_err err;
	int r;

	if ((r = session_open(&s, o, &err)) == MUSTER_OK && (r = output_list_begin(&l, option_json(o), columns, sizeof(columns) / sizeof(columns[0]), &err)) == MUSTER_OK) {
		r = l.json != NULL ? books_audit(s.books, 0, SIZE_MAX, json_audit, l.json, &err) : books_audit(s.books, 0, SIZE_MAX, row_audit, l.table, &err);
		r = output_list_end(&l, r, &err);
	}
	session_close(&s);
	return output_finish(r, &err);
}

/* What is known of the trail while its rows go by. */
struct trail { int64_t seq; uint8_t hash[32]; const char *wrong; int64_t expect_seq; uint8_t expect[32]; bool met; };

static int check_row(void *ctx, const struct store_journal *row)
{
	struct trail *t = ctx;
	uint8_t hash[32];

	if (row->seq != t->seq + 1)
		t->wrong = "a row is missing before row";
	else if (memcmp(row->prev, t->hash, sizeof(t->hash)) != 0)
		t->wrong = "the chain is broken at row";
	else if (store_journal_hash(hash, row) != MUSTER_OK || memcmp(hash, row->hash, sizeof(hash)) != 0)
		t->wrong = "something was changed in row";
	t->seq = row->seq;
	memcpy(t->hash, row->hash, sizeof(t->hash));
	if (t->seq == t->expect_seq)
		t->met = memcmp(t->hash, t->expect, sizeof(t->hash)) == 0;
	return t->wrong != NULL;
}

static int read_expect(struct trail *t, const char *text, struct muster_err *err)
{
	char *end;

	t->expect_seq = strtoll(text, &end, 10);
	if (text[0] < '1' || text[0] > '9' || *end != ':' || hex_decode(t->expect, sizeof(t->expect), end + 1, strlen(end + 1)) != MUSTER_OK)
		return err_set(err, MUSTER_E_INVALID, "--expect is a head as `audit verify` printed it: SEQ:HASH");
	return MUSTER_OK;
}

static int verify(struct session *s, struct muster_err *err)
{
	struct trail t = { .seq = 0 };
	char hash[HEX_SIZE(32)], head[HEAD_TEXT];
	int r;

	if ((s->o->text[OPT_EXPECT] != NULL && (r = read_expect(&t, s->o->text[OPT_EXPECT], err)) != MUSTER_OK)
	    || (r = books_audit(s->books, 0, SIZE_MAX, check_row, &t, err)) != MUSTER_OK)
		return r;
	if (t.wrong != NULL)
		return err_set(err, MUSTER_E_REFUSED, "the audit trail is damaged: %s %" PRId64 "; compare with the last backup", t.wrong, t.seq);
	hex_encode(hash, t.hash, sizeof(t.hash));
	(void)snprintf(head, sizeof(head), "%" PRId64 ":%s", t.seq, hash);
	if (t.expect_seq > t.seq)
		return err_set(err, MUSTER_E_REFUSED, "the audit trail ends at row %" PRId64 ", before the expected row %" PRId64 ": its tail was cut off, or an older backup was put back", t.seq,
			t.expect_seq);
	if (t.expect_seq != 0 && !t.met)
		return err_set(err, MUSTER_E_REFUSED, "row %" PRId64 " of the audit trail is another than expected: the trail was rewritten", t.expect_seq);
	if (option_json(s->o))
		return output_json(json_pack("{s:b, s:I, s:s}", "good", 1, "rows", (json_int_t)t.seq, "head", head), err);
	printf("The audit trail is whole: %" PRId64 " rows.\nHead: %s\n", t.seq, head);
	return MUSTER_OK;
}

int command_audit_verify(const struct options *o)
{
	struct session s;
	struct muster_err err;
	int r;

	if ((r = session_open(&s, o, &err)) == MUSTER_OK)
		r = verify(&s, &err);
	session_close(&s);
	return output_finish(r, &err);
}

/* ---- backup ---- */

int command_backup(const struct options *o)
{
	struct session s;
	struct muster_err err;
	int r;

	if ((r = session_open(&s, o, &err)) == MUSTER_OK && (r = books_backup(s.books, o->argument[0], &err)) == MUSTER_OK
	    && (r = books_note(s.books, BOOKS_EVENT_BACKUP, "", "the books were copied", &s.act, &err)) == MUSTER_OK) {
		if (option_json(o))
			r = output_json(json_pack("{s:s}", "backup", o->argument[0]), &err);
		else
			printf("The books are copied to %s. Keep it with %s/books.key and confirmations.log; to use it: put it back as books.db, then muster-issuer restore.\n", o->argument[0],
			       s.a->dir);
	}
	session_close(&s);
	return output_finish(r, &err);
}

/* ---- passphrase ---- */

static int new_passphrase(struct passphrase *p, const struct options *o, struct muster_err *err)
{
	const int fd = option_given(o, OPT_NEW_PASSPHRASE_FD) ? (int)o->number[OPT_NEW_PASSPHRASE_FD] : -1;

	if (option_given(o, OPT_NO_PASSPHRASE))
		return MUSTER_OK;
	return fd >= 0 ? passphrase_read(p, fd, err) : passphrase_ask(p, "New passphrase for the issuer's keys (at least 12 characters): ", true, err);
}

int command_passphrase(const struct options *o)
{
	struct passphrase fresh = { "" };
	const char *passphrase;
	struct session s;
	struct muster_err err;
	unsigned files = 0;
	bool locked;
	int r;

	if ((r = session_open(&s, o, &err)) != MUSTER_OK || (r = trust_key_encrypted(&locked, s.a->mid_key, &err)) != MUSTER_OK
	    || (r = session_passphrase(&s, locked, &passphrase, &err)) != MUSTER_OK || (r = session_intermediate(&s, &err)) != MUSTER_OK
	    || (r = session_secrets(&s, &err)) != MUSTER_OK || (r = new_passphrase(&fresh, o, &err)) != MUSTER_OK
	    || (r = rewrap_keys(s.a, passphrase, option_given(o, OPT_NO_PASSPHRASE) ? NULL : fresh.text, &files, &err)) != MUSTER_OK
	    || (r = books_note(s.books, BOOKS_EVENT_PASSPHRASE, "", option_given(o, OPT_NO_PASSPHRASE) ? "taken away" : "changed", &s.act, &err)) != MUSTER_OK)
		goto done;
	if (option_json(o))
		r = output_json(json_pack("{s:i, s:b}", "files", (int)files, "encrypted", (int)!option_given(o, OPT_NO_PASSPHRASE)), &err);
	else
		printf("%u keys are under the new passphrase. A root key kept elsewhere, and backups, still have the former one.\n", files);
done:
	OPENSSL_cleanse(&fresh, sizeof(fresh));
	session_close(&s);
	return output_finish(r, &err);
}
