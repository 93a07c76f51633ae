/* The issuer's books: certificates and what of them is revoked. */
#include "core/store/sqlite_books.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/clock.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

/* RFC 5280: unspecified and key compromise end what was signed before; others do not. */
#define ENDS_SIGNED(reason) ((reason) == 0 || (reason) == 1)

#define COLUMNS "SELECT number, serial, kid, subject, request, at, begin, end, intermediate, key, binding, confirmation, revoked, reason, chain, spki FROM certificate"

static int read_certificate(struct books *b, struct books_certificate *c, sqlite3_stmt *s, struct muster_err *err)
{
	const char *chain = (const char *)sqlite3_column_text(s, 14);
	int r;

	memset(c, 0, sizeof *c);
	c->number = db_column_u32(s, 0);
	db_column_text(c->serial, sizeof c->serial, s, 1);
	db_column_text(c->kid, sizeof c->kid, s, 2);
	db_column_text(c->subject, sizeof c->subject, s, 3);
	db_column_text(c->request, sizeof c->request, s, 4);
	c->at = sqlite3_column_int64(s, 5);
	c->begin = sqlite3_column_int64(s, 6);
	c->end = sqlite3_column_int64(s, 7);
	c->intermediate = db_column_u32(s, 8);
	c->key = db_column_u32(s, 9);
	c->has_binding = db_column_blob(c->binding, sizeof c->binding, s, 10) != 0;
	c->confirmation = sqlite3_column_int64(s, 11);
	c->revoked = sqlite3_column_int64(s, 12);
	c->reason = sqlite3_column_int(s, 13);
	db_column_text(c->spki, sizeof c->spki, s, 15);
	if ((r = books_ids(b, c->products, BOOKS_PRODUCTS_MAX, &c->product_count, "SELECT activation_id FROM certificate_product WHERE number = ? ORDER BY position", c->number, err)) != MUSTER_OK)
		return r;
	c->chain = mem_strdup(chain != NULL ? chain : "");
	return c->chain != NULL ? MUSTER_OK : err_nomem(err);
}

int books_certificate_next(struct books *b, unsigned *number, struct muster_err *err)
{
	int64_t last;
	int r = books_int(b, &last, err, "SELECT max(number) FROM certificate", "");

	*number = (unsigned)last + 1;
	return r < 0 ? r : MUSTER_OK;
}

int books_put_certificate(struct books *b, struct books_certificate *c, const struct books_act *act, struct muster_err *err)
{
	unsigned next;
	char text[16];
	int r = books_certificate_next(b, &next, err);

	if (r != MUSTER_OK)
		return r;
	if (c->number != 0 && c->number != next)
		return err_set(err, MUSTER_E_MISMATCH, "the certificate number %u is taken by now; do it again", c->number);
	c->number = next;
	if ((r = books_do(b, err, "INSERT INTO certificate(number, serial, kid, subject, request, at, begin, end, intermediate, key, binding, confirmation, chain, spki)"
	                  " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0), ?, nullif(?, 0), ?, nullif(?, ''))", "ittttiiiiibitt", (int64_t)c->number, c->serial, c->kid, c->subject, c->request, c->at,
	                  c->begin, c->end, (int64_t)c->intermediate, (int64_t)c->key, c->binding, c->has_binding ? sizeof c->binding : (size_t)0, c->confirmation, c->chain,
	                  c->spki)) != MUSTER_OK)
		return r;
	for (size_t i = 0; r == MUSTER_OK && i < c->product_count; i++)
		r = books_do(b, err, "INSERT INTO certificate_product(number, position, activation_id) VALUES(?, ?, ?)", "iib", (int64_t)c->number, (int64_t)i, c->products[i],
			sizeof c->products[i]);
	if (r == MUSTER_OK && c->confirmation != 0)
		r = books_do(b, err, "UPDATE confirmation SET certificate = ? WHERE id = ?", "ti", c->serial, c->confirmation);
	if (r != MUSTER_OK)
		return r;
	(void)snprintf(text, sizeof text, "%u", c->number);
	return books_record(b, err, BOOKS_EVENT_CERTIFICATE, act, text, "%s, serial %s, %zu products", c->subject, c->serial, c->product_count);
}

int books_check_public_key(struct books *b, const char *spki, struct muster_err *err)
{
	char at[TIME_RFC3339];
	int64_t revoked;
	int r = spki[0] == '\0' ? 0 : books_int(b, &revoked, err, "SELECT revoked FROM certificate WHERE spki = ? AND revoked IS NOT NULL AND reason IN (0, 1) LIMIT 1", "t", spki);

	if (r <= 0)
		return r;
	time_rfc3339(at, revoked * 1000);
	return err_code(err, MUSTER_E_REFUSED, (uint32_t)CODE_SERVER_KEY_BLOCKED, "the host's own key is not certified again: a certificate with it was revoked on %.10s as compromised, or "
	                "without a reason; on the host stop musterd, remove STATE/host/key.pem and start it: it makes a new key, and asks with that", at);
}

int books_certificate_add(struct books *b, struct books_certificate *c, const struct books_act *act, struct muster_err *err)
{
	int r = books_begin(b, err);

	if (r != MUSTER_OK)
		return r;
	if ((r = books_check_public_key(b, c->spki, err)) == MUSTER_OK)
		r = books_put_certificate(b, c, act, err);
	return books_end(b, r, err);
}

/* A number of at most nine digits; 0: it is none. */
static unsigned number_of(const char *text)
{
	size_t n = strspn(text, "0123456789");

	return n > 0 && n < 10 && text[n] == '\0' ? (unsigned)strtoul(text, NULL, 10) : 0;
}

int books_certificate(struct books *b, const char *which, struct books_certificate *out, struct muster_err *err)
{
	sqlite3_stmt *s;
	int r;

	memset(out, 0, sizeof *out);
	if ((r = books_sql(b, &s, err, COLUMNS " WHERE number = ?1 OR kid = ?2 OR serial = lower(?2)", "it", (int64_t)number_of(which), which)) != MUSTER_OK
	    || (r = db_step(&b->db, s, "read", err)) < 0)
		return r;
	if (r == 0)
		return err_set(err, MUSTER_E_NOT_FOUND, "no certificate has the number, kid or serial \"%.64s\"; see: muster-issuer list", which);
	r = read_certificate(b, out, s, err);
	(void)sqlite3_reset(s);
	return r;
}

int books_certificates(struct books *b, int (*fn)(void *ctx, const struct books_certificate *), void *ctx, struct muster_err *err)
{
	struct books_certificate c;
	sqlite3_stmt *s;
	bool stop = false;
	int r = books_sql(b, &s, err, COLUMNS " ORDER BY number", "");

	while (r == MUSTER_OK && !stop && (r = db_step(&b->db, s, "read", err)) == 1) {
		if ((r = read_certificate(b, &c, s, err)) == MUSTER_OK)
			stop = fn(ctx, &c) != 0;
		mem_free(c.chain);
		if (r != MUSTER_OK || stop)
			(void)sqlite3_reset(s);
	}
	return r;
}

/* @p at and @p reason as they are in the books. */
static int check_revocable(const char *which, int64_t at, int old, int reason, struct muster_err *err)
{
	if (at == 0 || (!ENDS_SIGNED(old) && ENDS_SIGNED(reason)))
		return MUSTER_OK;
	return err_set(err, MUSTER_E_EXISTS, "the certificate %.64s is revoked already", which);
}

/* The certificate in a revealed slot. */
static int revoke_slot(struct books *b, const char *serial, int reason, int64_t now, struct muster_err *err)
{
	sqlite3_stmt *s;
	int r;

	if ((r = books_sql(b, &s, err, "SELECT revoked, reason FROM slot WHERE serial = lower(?) AND confirmation IS NOT NULL", "t", serial)) != MUSTER_OK
	    || (r = db_step(&b->db, s, "read", err)) < 0)
		return r;
	if (r == 0)
		return err_set(err, MUSTER_E_NOT_FOUND, "no certificate has the number, kid or serial \"%.64s\"; see: muster-issuer list", serial);
	r = check_revocable(serial, sqlite3_column_int64(s, 0), sqlite3_column_int(s, 1), reason, err);
	(void)sqlite3_reset(s);
	return r != MUSTER_OK ? r : books_do(b, err, "UPDATE slot SET revoked = ?, reason = ? WHERE serial = lower(?)", "iit", now, (int64_t)reason, serial);
}

static int revoke(struct books *b, const char *which, int reason, const struct books_act *act, struct muster_err *err)
{
	struct books_certificate c;
	int r = books_certificate(b, which, &c, err);

	mem_free(c.chain);
	if (r == MUSTER_OK && (r = check_revocable(which, c.revoked, c.reason, reason, err)) == MUSTER_OK)
		r = books_do(b, err, "UPDATE certificate SET revoked = ?, reason = ? WHERE number = ?", "iii", act->now, (int64_t)reason, (int64_t)c.number);
	else if (r == MUSTER_E_NOT_FOUND)
		r = revoke_slot(b, which, reason, act->now, err);
	return r != MUSTER_OK ? r : books_record(b, err, BOOKS_EVENT_CERTIFICATE_REVOKED, act, which, "reason %d", reason);
}

int books_certificate_revoke(struct books *b, const char *which, int crl_reason, const struct books_act *act, struct muster_err *err)
{
	int r = books_begin(b, err);

	return r != MUSTER_OK ? r : books_end(b, revoke(b, which, crl_reason, act, err), err);
}

static int each_revoked(struct books *b, int (*fn)(void *, const struct books_certificate *), void *ctx, int64_t now, struct muster_err *err)
{
	sqlite3_stmt *s;
	int r = books_sql(b, &s, err, "SELECT serial, revoked, reason, end FROM certificate WHERE revoked IS NOT NULL AND end > ?1"
		" UNION ALL SELECT serial, revoked, reason, end FROM slot WHERE revoked IS NOT NULL AND end > ?1 ORDER BY 1", "i", now);

	while (r == MUSTER_OK && (r = db_step(&b->db, s, "read", err)) == 1) {
		struct books_certificate c = { .revoked = sqlite3_column_int64(s, 1), .reason = sqlite3_column_int(s, 2), .end = sqlite3_column_int64(s, 3) };

		r = MUSTER_OK;
		db_column_text(c.serial, sizeof c.serial, s, 0);
		if (fn(ctx, &c) != 0) {
			(void)sqlite3_reset(s);
			break;
		}
	}
	return r;
}

int books_crl_next(struct books *b, uint64_t *number, int (*fn)(void *ctx, const struct books_certificate *), void *ctx, const struct books_act *act, struct muster_err *err)
{
	int64_t next = 0;
	int r;

	if ((r = books_begin(b, err)) != MUSTER_OK)
		return r;
	if ((r = books_do(b, err, "UPDATE issuer SET crl_number = max(crl_number, ?) + 1", "i", (int64_t)*number)) == MUSTER_OK && (r = books_int(b, &next, err, "SELECT crl_number FROM issuer", "")) == 1)
		r = each_revoked(b, fn, ctx, act->now, err);
	if (r == MUSTER_OK)
		r = books_record(b, err, BOOKS_EVENT_CRL, act, "", "number %" PRId64, next);
	if ((r = books_end(b, r, err)) == MUSTER_OK)
		*number = (uint64_t)next;
	return r;
}
