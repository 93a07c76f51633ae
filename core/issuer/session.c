#include "core/issuer/session.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/issuer/datakey.h"
#include "core/issuer/migrate.h"
#include "core/issuer/rewrap.h"

#define PROMPT "Passphrase of the issuer's keys: "

static bool there(const struct authority *a, const char *name)
{
	char *path = authority_path(a, name);
	bool is = path != NULL && access(path, F_OK) == 0;

	mem_free(path);
	return is;
}

/* Books that are gone while their key or the log of confirmations is there were lost, not never made. */
static int open_books(struct session *s, struct muster_err *err)
{
	bool make = !there(s->a, "books.db");

	if (make && (there(s->a, DATAKEY_FILE) || there(s->a, "confirmations.log")))
		return err_set(err, MUSTER_E_NOT_FOUND, "%s/books.db is missing: put the last backup in its place, then run: muster-issuer restore", s->a->dir);
	return books_open(&s->books, s->a->dir, s->a->issuer_id, make, err);
}

int session_open(struct session *s, const struct options *o, struct muster_err *err)
{
	const struct passwd *who = getpwuid(getuid());
	int r;

	memset(s, 0, sizeof(*s));
	s->o = o;
	if (who != NULL)
		(void)snprintf(s->actor, sizeof(s->actor), "%s", who->pw_name);
	else
		(void)snprintf(s->actor, sizeof(s->actor), "uid %lu", (unsigned long)getuid());
	s->act = (struct books_act){ .actor = s->actor, .now = option_now(o), .reason = o->text[OPT_REASON] };
	if ((r = authority_open(&s->a, o->text[OPT_DIR], err)) != MUSTER_OK || (r = rewrap_finish(s->a, err)) != MUSTER_OK || (r = open_books(s, err)) != MUSTER_OK)
		return r;
	return migrate_certificates(s->a, s->books, &s->act, err);
}

void session_close(struct session *s)
{
	statement_signer_free(s->signer);
	EVP_PKEY_free(s->mid_key);
	seal_free(s->seal);
	books_close(s->books);
	authority_free(s->a);
	OPENSSL_cleanse(&s->passphrase, sizeof(s->passphrase));
}

int session_passphrase(struct session *s, bool needed, const char **out, struct muster_err *err)
{
	int r = MUSTER_OK;

	*out = NULL;
	if (needed && !s->has_passphrase) {
		r = passphrase_get(&s->passphrase, option_given(s->o, OPT_PASSPHRASE_FD) ? (int)s->o->number[OPT_PASSPHRASE_FD] : -1, PROMPT, false, err);
		s->has_passphrase = r == MUSTER_OK;
	}
	if (r == MUSTER_OK && needed)
		*out = s->passphrase.text;
	return r;
}

/* The intermediate's key tells whether this issuer has a passphrase. */
static int encrypted(bool *out, const struct session *s, struct muster_err *err)
{
	return trust_key_encrypted(out, s->a->mid_key, err);
}

static int count_key(void *ctx, const struct books_key *k)
{
	(void)k;
	*(bool *)ctx = true;
	return 1;
}

/* An issuer from before the books has no data key; books with keys in them have lost theirs. */
static int first_data_key(struct session *s, struct muster_err *err)
{
	const char *passphrase;
	bool locked, keys = false;
	int r;

	if ((r = books_keys(s->books, NULL, count_key, &keys, err)) != MUSTER_OK)
		return r;
	if (keys)
		return err_set(err, MUSTER_E_NOT_FOUND, "%s/" DATAKEY_FILE " is missing: without it the keys in the books cannot be read; put the backup of it in its place", s->a->dir);
	if ((r = encrypted(&locked, s, err)) != MUSTER_OK || (r = session_passphrase(s, locked, &passphrase, err)) != MUSTER_OK
	    || (r = session_intermediate(s, err)) != MUSTER_OK)   /* proves the passphrase */
		return r;
	return datakey_make(s->a->dir, passphrase, err);
}

int session_secrets(struct session *s, struct muster_err *err)
{
	const char *passphrase;
	bool wrapped;
	int r;

	if (s->seal != NULL)
		return MUSTER_OK;
	if (!there(s->a, DATAKEY_FILE) && (r = first_data_key(s, err)) != MUSTER_OK)
		return r;
	if ((r = datakey_wrapped(&wrapped, s->a->dir, err)) != MUSTER_OK || (r = session_passphrase(s, wrapped, &passphrase, err)) != MUSTER_OK)
		return r;
	return datakey_open(&s->seal, s->a->dir, passphrase, err);
}

int session_intermediate(struct session *s, struct muster_err *err)
{
	const char *passphrase;
	bool locked;
	int r;

	if (s->mid_key != NULL)
		return MUSTER_OK;
	if ((r = encrypted(&locked, s, err)) != MUSTER_OK || (r = session_passphrase(s, locked, &passphrase, err)) != MUSTER_OK)
		return r;
	return trust_key_read(&s->mid_key, s->a->mid_key, passphrase, err);
}

static int new_signer(struct statement_signer **out, struct session *s, const char *passphrase, struct muster_err *err)
{
	int fd = -1, r;

	if ((r = session_intermediate(s, err)) != MUSTER_OK || (r = authority_lock(&fd, s->a, err)) != MUSTER_OK)
		return r;
	/* another process may have been quicker */
	if ((r = leaf_statement_open(out, s->a, passphrase, s->act.now, err)) == MUSTER_E_NOT_FOUND
	    && (r = leaf_statement_make(s->a, s->mid_key, passphrase, s->act.now, err)) == MUSTER_OK)
		r = leaf_statement_open(out, s->a, passphrase, s->act.now, err);
	(void)close(fd);
	return r;
}

int session_open_signer(struct statement_signer **out, struct session *s, struct muster_err *err)
{
	const char *passphrase;
	bool locked;
	int r;

	*out = NULL;
	if ((r = encrypted(&locked, s, err)) != MUSTER_OK || (r = session_passphrase(s, locked, &passphrase, err)) != MUSTER_OK)
		return r;
	r = leaf_statement_open(out, s->a, passphrase, s->act.now, err);
	return r == MUSTER_E_NOT_FOUND ? new_signer(out, s, passphrase, err) : r;
}

int session_signer(struct session *s, struct muster_err *err)
{
	return s->signer != NULL ? MUSTER_OK : session_open_signer(&s->signer, s, err);
}

/* ---- secrets in the books ---- */

static int seal_into(uint8_t *out, size_t room, size_t *n, const struct session *s, const struct seal_place *at, struct muster_span secret, struct muster_err *err)
{
	struct buf record;
	int r;

	buf_init(&record, room);
	if ((r = seal_put(&record, s->seal, at, secret, err)) == MUSTER_OK) {
		memcpy(out, record.p, record.n);
		*n = record.n;
	}
	buf_fini(&record);
	return r;
}

static int unseal(uint8_t *out, size_t size, const struct session *s, const struct seal_place *at, struct muster_span record, struct muster_err *err)
{
	struct buf plain;
	int r;

	buf_init(&plain, 256);
	if ((r = seal_get(&plain, s->seal, at, record, err)) == MUSTER_OK && plain.n != size)
		r = err_set(err, MUSTER_E_INVALID, "a secret of the books has a wrong size");
	if (r == MUSTER_OK)
		memcpy(out, plain.p, size);
	buf_cleanse(&plain);
	return r;
}

int session_product_key(const struct session *s, const struct books_key *k, struct product_key *out, struct muster_err *err)
{
	char row[16];
	int r;

	(void)snprintf(row, sizeof(row), "%" PRIu32, k->number);
	out->kind = k->kind;
	out->number = k->number;
	r = unseal(out->secret, sizeof(out->secret), s, &(struct seal_place){ "key", row, "secret" }, span_of(k->sealed, k->sealed_n), err);
	return r == MUSTER_OK ? r : err_prefix(err, r, "key %s", row);
}

int session_seal_key(const struct session *s, const struct product_key *key, struct books_key *k, struct muster_err *err)
{
	char row[16];

	(void)snprintf(row, sizeof(row), "%" PRIu32, key->number);
	return seal_into(k->sealed, sizeof(k->sealed), &k->sealed_n, s, &(struct seal_place){ "key", row, "secret" }, span_of(key->secret, sizeof(key->secret)), err);
}

static void slot_row(char out[32], const struct books_slot *slot)
{
	(void)snprintf(out, 32, "%" PRIu32 "-%u-%u", slot->number, slot->generation, slot->slot);
}

int session_seal_slot(const struct session *s, const uint8_t secret[SLOT_SECRET], struct books_slot *slot, struct muster_err *err)
{
	char row[32];

	slot_row(row, slot);
	return seal_into(slot->sealed, sizeof(slot->sealed), &slot->sealed_n, s, &(struct seal_place){ "slot", row, "secret" }, span_of(secret, SLOT_SECRET), err);
}

int session_slot_secret(const struct session *s, const struct books_slot *slot, uint8_t secret[SLOT_SECRET], struct muster_err *err)
{
	char row[32];
	int r;

	slot_row(row, slot);
	r = unseal(secret, SLOT_SECRET, s, &(struct seal_place){ "slot", row, "secret" }, span_of(slot->sealed, slot->sealed_n), err);
	return r == MUSTER_OK ? r : err_prefix(err, r, "slot %s", row);
}
