/* init, intermediate: the issuer's folder. */
#include "core/issuer/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <openssl/crypto.h>
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/issuer/listing.h"
#include "core/issuer/output.h"
#include "core/issuer/session.h"

/* The passphrase of a new issuer, or of a root key somewhere. */
static int new_passphrase(struct passphrase *p, const struct options *o, struct muster_err *err)
{
	if (option_given(o, OPT_NO_PASSPHRASE))
		return MUSTER_OK;
	return passphrase_get(p, option_given(o, OPT_PASSPHRASE_FD) ? (int)o->number[OPT_PASSPHRASE_FD] : -1, "New passphrase for the issuer's keys (at least 12 characters): ", true,
	                      err);
}

/* Books, their data key and the first statement certificate; the passphrase is known. */
static int fill_issuer(struct session *s, const struct options *o, const struct passphrase *p, struct muster_err *err)
{
	int r = session_open(s, o, err);

	s->passphrase = *p;
	s->has_passphrase = true;
	if (r != MUSTER_OK || (r = books_note(s->books, BOOKS_EVENT_MADE, "", "the issuer was made", &s->act, err)) != MUSTER_OK || (r = session_secrets(s, err)) != MUSTER_OK)
		return r;
	return session_signer(s, err);
}

int command_init(const struct options *o)
{
	struct passphrase p = { "" };
	struct session s = { .o = NULL };
	struct muster_err err;
	int r;

	/* what cannot be made is refused before anybody thinks up a passphrase */
	if ((r = authority_can_init(o->text[OPT_DIR], o->text[OPT_NAME], &err)) == MUSTER_OK && (r = new_passphrase(&p, o, &err)) == MUSTER_OK
	    && (r = authority_init(o->text[OPT_DIR], o->text[OPT_NAME], o->number[OPT_ALGORITHM] == 0 ? TRUST_ES256 : TRUST_EDDSA, option_given(o, OPT_NO_PASSPHRASE) ? NULL : p.text,
	                           option_now(o), &err)) == MUSTER_OK)
		r = fill_issuer(&s, o, &p, &err);
	OPENSSL_cleanse(&p, sizeof(p));
	if (r == MUSTER_OK && option_json(o)) {
		r = output_json(listing_issuer(s.a), &err);
	} else if (r == MUSTER_OK) {
		listing_print_issuer(s.a);
		printf("Hand out %s/issuer.pem. Keep %s/root.key offline: it is needed for a new intermediate only.\n", s.a->dir, s.a->dir);
	}
	session_close(&s);
	return output_finish(r, &err);
}

int session_root_key(struct session *s, const char *name, const char **path, char **owned, const char **passphrase, struct muster_err *err)
{
	char *real;
	bool locked;
	int r;

	*owned = NULL;
	*path = s->o->text[OPT_ROOT_KEY];
	if (*path == NULL) {
		if ((*owned = authority_path(s->a, name)) == NULL)
			return err_nomem(err);
		*path = *owned;
	}
	if ((real = realpath(*path, NULL)) == NULL)
		return err_set(err, MUSTER_E_NOT_FOUND, "the root key is not here (%s); bring it back or name it with --root-key", *path);
	r = trust_key_encrypted(&locked, real, err);
	free(real);
	return r != MUSTER_OK ? r : session_passphrase(s, locked, passphrase, err);
}

int command_intermediate(const struct options *o)
{
	const char *passphrase = NULL, *path = NULL;
	struct session s;
	struct muster_err err;
	char *owned = NULL;
	int r;

	if ((r = session_open(&s, o, &err)) == MUSTER_OK && (r = session_root_key(&s, "root.key", &path, &owned, &passphrase, &err)) == MUSTER_OK
	    && (r = authority_renew(s.a, path, passphrase, s.act.now, &err)) == MUSTER_OK
	    && (r = books_note(s.books, BOOKS_EVENT_INTERMEDIATE, "", "a new intermediate was made", &s.act, &err)) == MUSTER_OK) {
		if (option_json(o))
			r = output_json(listing_issuer(s.a), &err);
		else
			listing_print_issuer(s.a);
	}
	mem_free(owned);
	session_close(&s);
	return output_finish(r, &err);
}
