/** What a command works with: the issuer's folder, its books, and, when it needs them, the keys that the passphrase opens. */
#ifndef ISSUER_SESSION_H
#define ISSUER_SESSION_H

#include "core/issuer/authority.h"
#include "core/issuer/leaf.h"
#include "core/issuer/options.h"
#include "core/issuer/passphrase.h"
#include "core/store/issuer_books.h"
#include "core/trust/product_key.h"
#include "core/trust/seal.h"
#include "core/trust/slot.h"

struct session {
	const struct options *o;              /**< borrowed */
	struct authority *a;
	struct books *books;
	struct books_act act;                 /**< who, and when the command began */
	char actor[64];
	/* NULL until asked for */
	struct seal *seal;                    /**< opens what is sealed in the books */
	EVP_PKEY *mid_key;
	struct statement_signer *signer;
	struct passphrase passphrase; bool has_passphrase;
};

/** Open folder and books; an issuer from before the books gets them, with its certificates.log in them. Close also after a failure. */
int session_open(struct session *s, const struct options *o, struct muster_err *err);
void session_close(struct session *s);

/** The issuer's passphrase, asked for once; *out NULL: @p needed is false. */
int session_passphrase(struct session *s, bool needed, const char **out, struct muster_err *err);
/** s->seal: asks for the passphrase when the data key needs it. */
int session_secrets(struct session *s, struct muster_err *err);
/** s->mid_key. */
int session_intermediate(struct session *s, struct muster_err *err);
/** s->signer, made new when the present one signs no more; s->mid_key too then. */
int session_signer(struct session *s, struct muster_err *err);
/** The same for the caller, s->signer being left as it is; decrypting takes a while. */
int session_open_signer(struct statement_signer **out, struct session *s, struct muster_err *err);

/** --root-key or DIR/NAME, and its passphrase (NULL: not encrypted). @param[out] owned free it with mem_free(). MUSTER_E_NOT_FOUND: it is kept elsewhere. (cmd_init.c) */
int session_root_key(struct session *s, const char *name, const char **path, char **owned, const char **passphrase, struct muster_err *err);

/** A key of the books with its secret. Wipe with OPENSSL_cleanse(). Needs session_secrets(). */
int session_product_key(const struct session *s, const struct books_key *k, struct product_key *out, struct muster_err *err);
/** Seal a key's secret for the books. */
int session_seal_key(const struct session *s, const struct product_key *key, struct books_key *k, struct muster_err *err);
/** A slot's secret, and back. */
int session_seal_slot(const struct session *s, const uint8_t secret[SLOT_SECRET], struct books_slot *slot, struct muster_err *err);
int session_slot_secret(const struct session *s, const struct books_slot *slot, uint8_t secret[SLOT_SECRET], struct muster_err *err);

#endif
