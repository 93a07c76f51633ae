/* The issuer's books: licence packs and their slots. */
#include "core/store/sqlite_books.h"

#include <inttypes.h>
#include <string.h>
#include "core/base/err.h"
#include "core/base/uuid.h"

static bool has_slots(const struct books_slot *slots, size_t n, uint32_t number)
{
	for (size_t i = 0; i < n; i++)
		if (slots[i].number == number)
			return true;
	return false;
}

/* With slots the generation is above the key's, without it stays. */
static int put_generation(struct books *b, const struct books_pack *p, const struct books_pack_key *k, bool slots, struct muster_err *err)
{
	struct books_key key;
	int r = books_key(b, k->number, &key, err);
	bool good;

	if (r != MUSTER_OK)
		return r;
	if (strcmp(key.agreement, p->agreement) != 0)
		return err_set(err, MUSTER_E_INVALID, "the key %" PRIu32 " belongs to the agreement %s, not to %s", k->number, key.agreement, p->agreement);
	good = slots ? k->generation > key.generation : k->generation == (key.generation == 0 ? 1 : key.generation);
	if (!good)
		return err_set(err, MUSTER_E_MISMATCH, "the key %" PRIu32 " is at generation %d by now: another pack was created meanwhile; create this one again", k->number, key.generation);
	if ((r = books_do(b, err, "UPDATE key SET generation = ? WHERE number = ?", "ii", (int64_t)k->generation, (int64_t)k->number)) != MUSTER_OK)
		return r;
	return books_do(b, err, "INSERT INTO pack_key(pack, number, generation) VALUES(?, ?, ?)", "bii", p->id, sizeof p->id, (int64_t)k->number, (int64_t)k->generation);
}

static int add_slots(struct books *b, const struct books_pack *p, const struct books_slot *slots, size_t n, struct muster_err *err)
{
	int r = MUSTER_OK;

	for (size_t i = 0; r == MUSTER_OK && i < n; i++)
		r = books_do(b, err, "INSERT INTO slot(number, generation, slot, pack, sealed, serial, end) VALUES(?, ?, ?, ?, ?, ?, ?)", "iiibbti", (int64_t)slots[i].number,
			(int64_t)slots[i].generation, (int64_t)slots[i].slot, p->id, sizeof p->id, slots[i].sealed, slots[i].sealed_n, slots[i].serial, slots[i].end);
	return r;
}

static int add_pack(struct books *b, const struct books_pack *p, const struct books_pack_key *keys, size_t key_n, const struct books_slot *slots, size_t n,
                    const struct books_act *act, struct muster_err *err)
{
	struct books_agreement a;
	int r = books_agreement(b, p->agreement, &a, NULL, err);

	if (r != MUSTER_OK)
		return r;
	if (p->issue <= a.issue)
		return err_set(err, MUSTER_E_MISMATCH, "the agreement %s is at issue %" PRIu32 " by now: another pack was created meanwhile; create this one again", a.number, a.issue);
	if ((r = books_do(b, err, "UPDATE agreement SET issue = ? WHERE number = ?", "it", (int64_t)p->issue, p->agreement)) != MUSTER_OK
	    || (r = books_do(b, err, "INSERT INTO pack(id, agreement, issue, iat, exp, token, binding, licenses) VALUES(?, ?, ?, ?, ?, ?, ?, ?)", "btiiibbi", p->id,
	                     sizeof p->id, p->agreement, (int64_t)p->issue, p->iat, p->exp, p->token, p->token_n, p->binding, p->has_binding ? sizeof p->binding : (size_t)0,
	                     (int64_t)p->licenses)) != MUSTER_OK)
		return r;
	for (size_t i = 0; r == MUSTER_OK && i < key_n; i++)
		r = put_generation(b, p, &keys[i], has_slots(slots, n, keys[i].number), err);
	if (r != MUSTER_OK || (r = add_slots(b, p, slots, n, err)) != MUSTER_OK)
		return r;
	return books_record(b, err, BOOKS_EVENT_PACK, act, p->agreement, "issue %" PRIu32 ", %zu keys, %zu slots", p->issue, key_n, n);
}

int books_pack_add(struct books *b, const struct books_pack *p, const struct books_pack_key *keys, size_t key_n, const struct books_slot *slots, size_t n,
                   const struct books_act *act, struct muster_err *err)
{
	int r = books_begin(b, err);

	return r != MUSTER_OK ? r : books_end(b, add_pack(b, p, keys, key_n, slots, n, act, err), err);
}

#define COLUMNS "SELECT id, agreement, issue, iat, exp, binding, licenses"

static void read_pack(struct books_pack *p, sqlite3_stmt *s)
{
	memset(p, 0, sizeof *p);
	(void)db_column_blob(p->id, sizeof p->id, s, 0);
	db_column_text(p->agreement, sizeof p->agreement, s, 1);
	p->issue = db_column_u32(s, 2);
	p->iat = sqlite3_column_int64(s, 3);
	p->exp = sqlite3_column_int64(s, 4);
	p->has_binding = db_column_blob(p->binding, sizeof p->binding, s, 5) > 0;
	p->licenses = sqlite3_column_int(s, 6) != 0;
}

static int read_token(struct books *b, struct books_pack *p, sqlite3_stmt *s, struct muster_err *err)
{
	buf_clear(&b->token);
	buf_add(&b->token, sqlite3_column_blob(s, 7), (size_t)sqlite3_column_bytes(s, 7));
	p->token = b->token.p;
	p->token_n = b->token.n;
	return b->token.failed ? err_nomem(err) : MUSTER_OK;
}

int books_pack(struct books *b, const char *agreement, const uint8_t id[16], struct books_pack *out, struct muster_err *err)
{
	sqlite3_stmt *s;
	int r;

	if (id != NULL)
		r = books_sql(b, &s, err, COLUMNS ", token FROM pack WHERE id = ?", "b", id, (size_t)16);
	else
		r = books_sql(b, &s, err, COLUMNS ", token FROM pack WHERE agreement = ? AND licenses = 0 ORDER BY issue DESC LIMIT 1", "t", agreement);
	if (r != MUSTER_OK || (r = db_step(&b->db, s, "read", err)) < 0)
		return r;
	if (r == 0)
		return id != NULL ? err_set(err, MUSTER_E_NOT_FOUND, "no pack of this ID is in the books; see: muster-issuer list packs")
		                  : err_set(err, MUSTER_E_NOT_FOUND, "there is no pack of the agreement %s yet; make one with: muster-issuer pack create --agreement %s", agreement, agreement);
	read_pack(out, s);
	r = read_token(b, out, s, err);
	(void)sqlite3_reset(s);
	return r;
}

int books_packs_of(struct books *b, const uint8_t binding[10], int64_t now, int (*fn)(void *ctx, const struct books_pack *), void *ctx, struct muster_err *err)
{
	struct books_pack p;
	sqlite3_stmt *s;
	int r = books_sql(b, &s, err, COLUMNS ", token FROM pack AS p WHERE binding = ?1 AND licenses = 1 AND exp > ?2 AND issue ="
		" (SELECT max(issue) FROM pack AS q WHERE q.binding = ?1 AND q.licenses = 1 AND q.agreement = p.agreement) ORDER BY agreement", "bi", binding, (size_t)10, now);

	while (r == MUSTER_OK && (r = db_step(&b->db, s, "read", err)) == 1) {
		read_pack(&p, s);
		if ((r = read_token(b, &p, s, err)) != MUSTER_OK || fn(ctx, &p) != 0) {
			(void)sqlite3_reset(s);
			break;
		}
	}
	return r;
}

int books_packs(struct books *b, const char *agreement, int (*fn)(void *ctx, const struct books_pack *), void *ctx, struct muster_err *err)
{
	struct books_pack p;
	sqlite3_stmt *s;
	int r = books_sql(b, &s, err, COLUMNS " FROM pack WHERE ?1 IS NULL OR agreement = ?1 ORDER BY agreement, issue", "t", agreement);

	while (r == MUSTER_OK && (r = db_step(&b->db, s, "read", err)) == 1) {
		r = MUSTER_OK;
		read_pack(&p, s);
		if (fn(ctx, &p) != 0) {
			(void)sqlite3_reset(s);
			break;
		}
	}
	return r;
}
