/* Around confirming: wrong tags, who holds a key's places, renewals, hosts' audit heads, stored answers of batches. */
#include "core/store/sqlite_books_confirm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"

#define DAY_S 86400

/* ---- wrong tags ---- */

int books_wrong_tags(struct books *b, uint32_t number, int64_t now, unsigned *today, struct muster_err *err)
{
	int64_t n;
	int r = books_int(b, &n, err, "SELECT n FROM wrong_tag WHERE number = ? AND day = ?", "ii", (int64_t)number, now / DAY_S);

	*today = (unsigned)n;
	return r < 0 ? r : MUSTER_OK;
}

static int count_wrong_tag(struct books *b, uint32_t number, unsigned most, const struct books_act *act, unsigned *today, struct muster_err *err)
{
	char object[16];
	int r;

	if ((r = books_wrong_tags(b, number, act->now, today, err)) != MUSTER_OK)
		return r;
	if (*today >= most)
		return err_code(err, MUSTER_E_REFUSED, CODE_M_WRONG_TAGS, "%u wrong tags were counted today", *today);
	(void)snprintf(object, sizeof object, "%" PRIu32, number);
	if ((r = books_do(b, err, "INSERT INTO wrong_tag(number, day, n) VALUES(?, ?, 1) ON CONFLICT(number, day) DO UPDATE SET n = n + 1", "ii", (int64_t)number,
	                  act->now / DAY_S)) == MUSTER_OK
	    && (r = books_wrong_tags(b, number, act->now, today, err)) == MUSTER_OK)
		r = books_record(b, err, BOOKS_EVENT_WRONG_TAG, act, object, "number %u of this day", *today);
	return r;
}

int books_wrong_tag(struct books *b, uint32_t number, unsigned most, const struct books_act *act, unsigned *today, struct muster_err *err)
{
	int r = books_begin(b, err);

	*today = 0;
	return r != MUSTER_OK ? r : books_end(b, count_wrong_tag(b, number, most, act, today, err), err);
}

/* ---- who holds the places ---- */

int books_holders(struct books *b, uint32_t number, int (*fn)(void *ctx, const struct books_holder *), void *ctx, struct muster_err *err)
{
	/* the newest name counts; a host that was retired and came back is shown as both */
	const char *sql = "SELECT binding, (SELECT name FROM confirmation AS n WHERE n.number = c.number AND n.binding = c.binding AND n.name IS NOT NULL ORDER BY id DESC LIMIT 1),"
	                  " count(*), min(at), max(at), retired <> 0 AS gone FROM confirmation AS c WHERE number = ? GROUP BY binding, gone ORDER BY min(at), min(id)";
	sqlite3_stmt *s;
	int r = books_sql(b, &s, err, sql, "i", (int64_t)number);

	while (r == MUSTER_OK && (r = db_step(&b->db, s, "read", err)) == 1) {
		struct books_holder h = {
			.activations = db_column_u32(s, 2), .first = sqlite3_column_int64(s, 3), .last = sqlite3_column_int64(s, 4), .retired = sqlite3_column_int(s, 5) != 0,
		};

		r = MUSTER_OK;
		(void)db_column_blob(h.binding, sizeof h.binding, s, 0);
		db_column_text(h.name, sizeof h.name, s, 1);
		if (fn(ctx, &h) != 0) {
			(void)sqlite3_reset(s);
			break;
		}
	}
	return r;
}

/* ---- renewal ---- */

/* @return 1 found, 0 not. */
static int granted_by(struct books *b, const char *sql, const char *serial, struct books_grant *out, bool *revoked, struct muster_err *err)
{
	sqlite3_stmt *s;
	int r;

	if ((r = books_sql(b, &s, err, sql, "t", serial)) != MUSTER_OK || (r = db_step(&b->db, s, "read", err)) != 1)
		return r;
	out->number = db_column_u32(s, 0);
	out->has_binding = db_column_blob(out->binding, sizeof out->binding, s, 1) > 0;
	out->confirmation = sqlite3_column_int64(s, 2);
	*revoked = sqlite3_column_int64(s, 3) != 0;
	(void)sqlite3_reset(s);
	return 1;
}

int books_granted(struct books *b, const char *serial, struct books_grant *out, struct muster_err *err)
{
	bool revoked = false;
	int r;

	memset(out, 0, sizeof *out);
	r = granted_by(b, "SELECT key, binding, confirmation, revoked FROM certificate WHERE serial = ?", serial, out, &revoked, err);
	if (r == 0)
		r = granted_by(b, "SELECT s.number, c.binding, c.id, s.revoked FROM slot AS s JOIN confirmation AS c ON c.id = s.confirmation WHERE s.serial = ?", serial, out, &revoked,
		               err);
	if (r < 0)
		return r;
	if (r == 0)
		return err_set(err, MUSTER_E_NOT_FOUND, "the certificate %s is not in the books", serial);
	if (revoked)
		return err_code(err, MUSTER_E_REFUSED, (uint32_t)CODE_SERVER_KEY_BLOCKED, "the certificate %s was revoked", serial);
	(void)snprintf(out->serial, sizeof out->serial, "%s", serial);
	return MUSTER_OK;
}

/* Another process may have revoked or retired since it was asked; from here to the commit nobody can. */
static int still_granted(struct books *b, const struct books_grant *before, struct muster_err *err)
{
	struct books_grant now;
	int64_t active;
	int r = books_granted(b, before->serial, &now, err);

	if (r != MUSTER_OK || (r = books_int(b, &active, err, "SELECT 1 FROM key WHERE number = ? AND state = 0", "i", (int64_t)before->number)) < 0)
		return r;
	return r == 1 ? MUSTER_OK : err_code(err, MUSTER_E_REFUSED, (uint32_t)CODE_SERVER_KEY_BLOCKED, "the product key of the certificate %s was revoked", before->serial);
}

static int renew_once(struct books *b, struct confirm_session *s, const struct books_grant *before, const struct books_certificate *given, const struct books_act *act,
                      struct muster_err *err)
{
	struct books_certificate c = *given;
	int r;

	c.key = before->number;
	c.confirmation = before->confirmation;
	c.has_binding = before->has_binding;
	memcpy(c.binding, before->binding, sizeof c.binding);
	if ((r = books_put_certificate(b, &c, act, err)) != MUSTER_OK)
		return r;
	return confirm_note(s, confirm_certificate_json(&c), err);
}

int books_renew(struct books *b, const struct books_grant *before, const struct books_certificate *c, char serial[41], const struct books_act *act, struct muster_err *err)
{
	struct confirm_session s;
	sqlite3_stmt *q;
	int r;

	serial[0] = '\0';
	if ((r = confirm_begin(b, &s, act, err)) != MUSTER_OK)
		return r;
	if ((r = still_granted(b, before, err)) == MUSTER_OK && (r = books_check_public_key(b, c->spki, err)) == MUSTER_OK)
		r = books_sql(b, &q, err, "SELECT serial FROM certificate WHERE key = ? AND request = ? AND revoked IS NULL ORDER BY number DESC LIMIT 1", "it", (int64_t)before->number,
		              c->request);
	if (r == MUSTER_OK && (r = db_step(&b->db, q, "read", err)) == 1) {
		db_column_text(serial, 41, q, 0);
		(void)sqlite3_reset(q);
		r = MUSTER_OK;
	} else if (r == 0 && (r = renew_once(b, &s, before, c, act, err)) == MUSTER_OK) {
		(void)snprintf(serial, 41, "%s", c->serial);
	}
	return confirm_end(b, &s, r, act, err);
}

/* ---- audit heads of hosts ---- */

int books_audit_head(struct books *b, const char *host, int64_t seq, const char *hash, bool *back, const struct books_act *act, struct muster_err *err)
{
	int64_t newest, same = 0;
	int r;

	*back = false;
	if ((r = books_begin(b, err)) != MUSTER_OK)
		return r;
	if ((r = books_int(b, &newest, err, "SELECT ifnull(max(seq), -1) FROM audit_head WHERE host = ?", "t", host)) >= 0)
		r = books_int(b, &same, err, "SELECT count(*) FROM audit_head WHERE host = ? AND seq = ? AND hash = ?", "tit", host, seq, hash);
	if (r < 0 || same > 0) {
		*back = r >= 0 && seq < newest;
		return books_end(b, r < 0 ? r : MUSTER_OK, err);
	}
	*back = seq <= newest;
	r = books_do(b, err, "INSERT INTO audit_head(host, seq, hash, at) VALUES(?, ?, ?, ?)", "titi", host, seq, hash, act->now);
	if (r == MUSTER_OK && *back)
		r = books_record(b, err, BOOKS_EVENT_AUDIT_BACK, act, host, "the host's audit trail ends at %" PRId64 ":%.16s… and had reached %" PRId64, seq, hash, newest);
	return books_end(b, r, err);
}

/* ---- batches ---- */

int books_batch(struct books *b, const uint8_t id[16], const uint8_t request[32], struct buf *answer, struct muster_err *err)
{
	uint8_t asked[32];
	sqlite3_stmt *s;
	int r;

	if ((r = books_sql(b, &s, err, "SELECT request, answer FROM batch WHERE id = ?", "b", id, (size_t)16)) != MUSTER_OK || (r = db_step(&b->db, s, "read", err)) < 0)
		return r;
	if (r == 0)
		return err_set(err, MUSTER_E_NOT_FOUND, "no batch with this ID was answered");
	(void)db_column_blob(asked, sizeof asked, s, 0);
	buf_add(answer, sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1));
	(void)sqlite3_reset(s);
	if (memcmp(asked, request, sizeof asked) != 0) {
		buf_clear(answer);
		return err_code(err, MUSTER_E_MISMATCH, CODE_M_BATCH, "a request with this ID was answered before, and it was another request");
	}
	return answer->failed ? err_nomem(err) : MUSTER_OK;
}

int books_batch_put(struct books *b, const uint8_t id[16], const uint8_t request[32], struct muster_span answer, const struct books_act *act, struct muster_err *err)
{
	char object[HEX_SIZE(16)];
	int r;

	if ((r = books_begin(b, err)) != MUSTER_OK)
		return r;
	hex_encode(object, id, 16);
	if ((r = books_do(b, err, "INSERT INTO batch(id, request, answer, at) VALUES(?, ?, ?, ?) ON CONFLICT(id) DO NOTHING", "bbbi", id, (size_t)16, request, (size_t)32, answer.p, answer.n, act->now)) == MUSTER_OK)
		r = books_record(b, err, BOOKS_EVENT_BATCH, act, object, "answered: %zu bytes", answer.n);
	return books_end(b, r, err);
}
