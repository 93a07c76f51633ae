/* The issuer's books: keys, what they allow and what was given under them. */
#include "core/store/sqlite_books.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"

#define CRL_CESSATION 5   /* RFC 5280; core/trust/crl.h is below this folder's reach */

#define KEY_COLUMNS "SELECT number, kind, partial, agreement, hosts, activations, generation, state, reason, created, coverage_start, coverage_end, sealed," \
	" (SELECT count(DISTINCT binding) FROM confirmation c WHERE c.number = k.number AND c.retired = 0)," \
	" (SELECT count(*) FROM confirmation c WHERE c.number = k.number AND c.retired = 0), account, licenses, per, version, binding FROM key k"

static int read_key(struct books *b, struct books_key *k, sqlite3_stmt *s, struct muster_err *err)
{
	char kind[2];

	memset(k, 0, sizeof *k);
	k->number = db_column_u32(s, 0);
	db_column_text(kind, sizeof kind, s, 1);
	k->kind = kind[0];
	db_column_text(k->partial, sizeof k->partial, s, 2);
	db_column_text(k->agreement, sizeof k->agreement, s, 3);
	k->hosts = db_column_u32(s, 4);
	k->activations = db_column_u32(s, 5);
	k->generation = (uint8_t)db_column_u32(s, 6);
	k->state = sqlite3_column_int(s, 7) == 0 ? BOOKS_KEY_ACTIVE : BOOKS_KEY_REVOKED;
	db_column_text(k->reason, sizeof k->reason, s, 8);
	k->created = sqlite3_column_int64(s, 9);
	k->coverage_start = sqlite3_column_int64(s, 10);
	k->coverage_end = sqlite3_column_int64(s, 11);
	k->sealed_n = db_column_blob(k->sealed, sizeof k->sealed, s, 12);
	k->used_hosts = db_column_u32(s, 13);
	k->used = db_column_u32(s, 14);
	db_column_text(k->account, sizeof k->account, s, 15);
	k->licenses = db_column_u32(s, 16);
	k->per = db_column_u32(s, 17);
	db_column_text(k->version, sizeof k->version, s, 18);
	k->has_binding = db_column_blob(k->binding, sizeof k->binding, s, 19) > 0;
	return books_ids(b, k->products, BOOKS_PRODUCTS_MAX, &k->product_count, "SELECT activation_id FROM key_product WHERE number = ? ORDER BY position", k->number, err);
}

static const char *number_text(char out[16], uint32_t number)
{
	(void)snprintf(out, 16, "%" PRIu32, number);
	return out;
}

static int add_products(struct books *b, const struct books_key *k, struct muster_err *err)
{
	int64_t known;
	int r = MUSTER_OK;

	for (size_t i = 0; r == MUSTER_OK && i < k->product_count; i++) {
		if ((r = books_int(b, &known, err, "SELECT 1 FROM product WHERE activation_id = ?", "b", k->products[i], sizeof k->products[i])) < 0)
			return r;
		if (r == 0)
			return err_set(err, MUSTER_E_NOT_FOUND, "a product of the key is not in the books; add it with: muster-issuer product add");
		r = books_do(b, err, "INSERT INTO key_product(number, position, activation_id) VALUES(?, ?, ?)", "iib", (int64_t)k->number, (int64_t)i, k->products[i],
			sizeof k->products[i]);
	}
	return r;
}

static int add_key(struct books *b, const struct books_key *k, const struct books_act *act, struct muster_err *err)
{
	const char kind[2] = { k->kind, '\0' };
	char number[16];
	int64_t known;
	int r;

	if ((r = books_int(b, &known, err, "SELECT 1 FROM key WHERE number = ?", "i", (int64_t)k->number)) != 0)
		return r < 0 ? r : err_set(err, MUSTER_E_EXISTS, "the key number %" PRIu32 " is taken", k->number);
	if ((r = books_int(b, &known, err, "SELECT 1 FROM agreement WHERE number = ?", "t", k->agreement)) != 1)
		return r < 0 ? r : err_set(err, MUSTER_E_NOT_FOUND, "no agreement %s is in the books; add it with: muster-issuer agreement add", k->agreement);
	if ((r = books_do(b, err, "INSERT INTO key(number, kind, partial, agreement, hosts, activations, created, coverage_start, coverage_end, sealed, account, licenses, per, version, binding)"
	                  " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", "itttiiiiibtiitb", (int64_t)k->number, kind, k->partial, k->agreement, (int64_t)k->hosts, (int64_t)k->activations, act->now, k->coverage_start, k->coverage_end,
	                  k->sealed, k->sealed_n, k->account, (int64_t)k->licenses, (int64_t)k->per, k->version, k->binding, k->has_binding ? sizeof k->binding : (size_t)0)) != MUSTER_OK
	    || (r = add_products(b, k, err)) != MUSTER_OK)
		return r;
	if (k->licenses > 0)
		return books_record(b, err, BOOKS_EVENT_KEY, act, number_text(number, k->number), "agreement %s, %" PRIu32 " licences per %s%s%s", k->agreement, k->licenses,
			k->per == 1 ? "device" : k->per == 2 ? "user" : "seat", k->version[0] != '\0' ? ", version " : "", k->version);
	return books_record(b, err, BOOKS_EVENT_KEY, act, number_text(number, k->number), "kind %c, agreement %s, %" PRIu32 " hosts, %" PRIu32 " activations, %zu products", k->kind,
		k->agreement, k->hosts, k->activations, k->product_count);
}

int books_key_add(struct books *b, const struct books_key *k, const struct books_act *act, struct muster_err *err)
{
	int r = books_begin(b, err);

	return r != MUSTER_OK ? r : books_end(b, add_key(b, k, act, err), err);
}

int books_key(struct books *b, uint32_t number, struct books_key *out, struct muster_err *err)
{
	sqlite3_stmt *s;
	int r;

	if ((r = books_sql(b, &s, err, KEY_COLUMNS " WHERE number = ?", "i", (int64_t)number)) != MUSTER_OK || (r = db_step(&b->db, s, "read", err)) < 0)
		return r;
	if (r == 0)
		return err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_KEY_INVALID, "no key has the number %" PRIu32 "; see: muster-issuer key list", number);
	r = read_key(b, out, s, err);
	(void)sqlite3_reset(s);
	return r;
}

int books_keys(struct books *b, const char *agreement, int (*fn)(void *ctx, const struct books_key *), void *ctx, struct muster_err *err)
{
	struct books_key k;
	sqlite3_stmt *s;
	int r = books_sql(b, &s, err, KEY_COLUMNS " WHERE ?1 IS NULL OR agreement = ?1 ORDER BY created, number", "t", agreement);

	while (r == MUSTER_OK && (r = db_step(&b->db, s, "read", err)) == 1)
		if ((r = read_key(b, &k, s, err)) != MUSTER_OK || fn(ctx, &k) != 0) {
			(void)sqlite3_reset(s);
			break;
		}
	return r;
}

static int allow(struct books *b, uint32_t number, uint32_t hosts, uint32_t activations, const struct books_act *act, struct muster_err *err)
{
	struct books_key k;
	char text[16];
	int r = books_key(b, number, &k, err);

	if (r != MUSTER_OK)
		return r;
	if (k.state == BOOKS_KEY_REVOKED)
		return err_code(err, MUSTER_E_REFUSED, (uint32_t)CODE_SERVER_KEY_BLOCKED, "the key %" PRIu32 " is revoked (%s); mint another one", number, k.reason);
	if ((hosts != 0 && k.hosts == 0) || (activations != 0 && k.activations == 0))
		return err_set(err, MUSTER_E_REFUSED, "the key %" PRIu32 " is of a kind that has no limit of %s", number, hosts != 0 && k.hosts == 0 ? "hosts" : "activations");
	if ((hosts != 0 && hosts < k.hosts) || (activations != 0 && activations < k.activations))
		return err_set(err, MUSTER_E_REFUSED, "the key %" PRIu32 " allows %" PRIu32 " hosts and %" PRIu32 " activations; a limit is only raised", number, k.hosts, k.activations);
	if ((r = books_do(b, err, "UPDATE key SET hosts = ?, activations = ? WHERE number = ?", "iii", (int64_t)(hosts != 0 ? hosts : k.hosts),
	                  (int64_t)(activations != 0 ? activations : k.activations), (int64_t)number)) != MUSTER_OK)
		return r;
	return books_record(b, err, BOOKS_EVENT_ALLOWED, act, number_text(text, number), "hosts %" PRIu32 " to %" PRIu32 ", activations %" PRIu32 " to %" PRIu32, k.hosts,
		hosts != 0 ? hosts : k.hosts, k.activations, activations != 0 ? activations : k.activations);
}

int books_key_allow(struct books *b, uint32_t number, uint32_t hosts, uint32_t activations, const struct books_act *act, struct muster_err *err)
{
	int r;

	if (act->reason == NULL || act->reason[0] == '\0')
		return err_set(err, MUSTER_E_INVALID, "a limit is raised with a reason only: --reason TEXT");
	r = books_begin(b, err);
	return r != MUSTER_OK ? r : books_end(b, allow(b, number, hosts, activations, act, err), err);
}

/* Certificates granted to a key, of one binding or (NULL) all; slots once they were revealed. */
static int revoke_granted(struct books *b, uint32_t number, const uint8_t *binding, int reason, int64_t now, struct muster_err *err)
{
	const size_t n = binding != NULL ? 10 : 0;
	int r = books_do(b, err, "UPDATE certificate SET revoked = ?1, reason = ?2 WHERE key = ?3 AND (?4 IS NULL OR binding = ?4) AND revoked IS NULL", "iiib", now, (int64_t)reason,
		(int64_t)number, binding, n);

	if (r != MUSTER_OK)
		return r;
	return books_do(b, err, "UPDATE slot SET revoked = ?1, reason = ?2 WHERE number = ?3 AND revoked IS NULL AND serial IS NOT NULL AND confirmation IN"
		" (SELECT id FROM confirmation WHERE number = ?3 AND (?4 IS NULL OR binding = ?4))", "iiib", now, (int64_t)reason, (int64_t)number, binding, n);
}

static int revoke(struct books *b, uint32_t number, int crl_reason, const struct books_act *act, struct muster_err *err)
{
	struct books_key k;
	char text[16];
	int r = books_key(b, number, &k, err);

	if (r != MUSTER_OK)
		return r;
	if (k.state == BOOKS_KEY_REVOKED)
		return err_set(err, MUSTER_E_EXISTS, "the key %" PRIu32 " is revoked already (%s)", number, k.reason);
	if ((r = books_do(b, err, "UPDATE key SET state = 1, reason = ? WHERE number = ?", "ti", act->reason, (int64_t)number)) != MUSTER_OK
	    || (r = revoke_granted(b, number, NULL, crl_reason, act->now, err)) != MUSTER_OK)
		return r;
	return books_record(b, err, BOOKS_EVENT_KEY_REVOKED, act, number_text(text, number), "certificates granted to it are revoked with reason %d", crl_reason);
}

int books_key_revoke(struct books *b, uint32_t number, int crl_reason, const struct books_act *act, struct muster_err *err)
{
	int r = books_begin(b, err);

	return r != MUSTER_OK ? r : books_end(b, revoke(b, number, crl_reason, act, err), err);
}

static int retire(struct books *b, uint32_t number, const uint8_t binding[10], const struct books_act *act, struct muster_err *err)
{
	char text[16], hex[HEX_SIZE(10)];
	struct books_key k;
	int r = books_key(b, number, &k, err);

	hex_encode(hex, binding, 10);
	if (r != MUSTER_OK)
		return r;
	if (k.hosts == 0)
		return err_set(err, MUSTER_E_REFUSED, "the key %" PRIu32 " is no host key; no host holds a place of it", number);
	if ((r = books_do(b, err, "UPDATE confirmation SET retired = ? WHERE number = ? AND binding = ? AND retired = 0", "iib", act->now, (int64_t)number, binding, (size_t)10)) != MUSTER_OK)
		return r;
	if (sqlite3_changes(b->db.h) == 0)
		return err_set(err, MUSTER_E_NOT_FOUND, "no host %s holds a place of the key %" PRIu32 "; see: muster-issuer key show %" PRIu32, hex, number, number);
	if ((r = revoke_granted(b, number, binding, CRL_CESSATION, act->now, err)) != MUSTER_OK)
		return r;
	return books_record(b, err, BOOKS_EVENT_RETIRED, act, number_text(text, number), "host %s", hex);
}

int books_host_retire(struct books *b, uint32_t number, const uint8_t binding[10], const struct books_act *act, struct muster_err *err)
{
	int r = books_begin(b, err);

	return r != MUSTER_OK ? r : books_end(b, retire(b, number, binding, act, err), err);
}

int books_confirmations(struct books *b, const uint32_t *number, int (*fn)(void *ctx, const struct books_row *), void *ctx, struct muster_err *err)
{
	sqlite3_stmt *s;
	int r = books_sql(b, &s, err, "SELECT id, at, method, number, generation, attempt, binding, counted, slot, name, certificate, retired FROM confirmation"
		" WHERE ?1 < 0 OR number = ?1 ORDER BY id", "i", number != NULL ? (int64_t)*number : (int64_t)-1);

	while (r == MUSTER_OK && (r = db_step(&b->db, s, "read", err)) == 1) {
		struct books_row row = { .id = sqlite3_column_int64(s, 0), .at = sqlite3_column_int64(s, 1), .method = (enum books_method)sqlite3_column_int(s, 2),
			.number = db_column_u32(s, 3), .generation = (uint8_t)db_column_u32(s, 4), .attempt = (uint8_t)db_column_u32(s, 5),
			.counted = sqlite3_column_int(s, 7) != 0, .revealed = sqlite3_column_type(s, 8) != SQLITE_NULL, .slot = (uint16_t)db_column_u32(s, 8),
			.retired = sqlite3_column_int64(s, 11) };

		r = MUSTER_OK;
		(void)db_column_blob(row.binding, sizeof row.binding, s, 6);
		db_column_text(row.name, sizeof row.name, s, 9);
		db_column_text(row.certificate, sizeof row.certificate, s, 10);
		if (fn(ctx, &row) != 0) {
			(void)sqlite3_reset(s);
			break;
		}
	}
	return r;
}
