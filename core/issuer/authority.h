/**
 * The issuer's folder: keys, root, intermediates. Times are seconds since 1970 UTC.
 *
 *     issuer.pem               the root, to be handed out and pinned; written last by init
 *     root.key                 its key (0600); needed for a new intermediate only, else kept offline
 *     intermediate-N.pem/.key  the newest one issues, during its first three years
 *     certificates.log         what was certified (book.h)
 *     lock                     held while something is being written
 */
#ifndef ISSUER_AUTHORITY_H
#define ISSUER_AUTHORITY_H

#include "core/issuer/book.h"
#include "core/trust/certs.h"

#define AUTHORITY_NAME_MAX 48     /**< characters of the issuer's name: " intermediate N" is added, 64 are allowed */

struct authority {
	char *dir;                /**< absolute */
	X509 *root, *mid;
	uint8_t issuer_id[16];
	unsigned mid_number;
	char *mid_key;            /**< path */
};

/**
 * Make a new issuer in @p dir (made 0700 when missing).
 * @param passphrase NULL: keys are not encrypted. @return MUSTER_OK, MUSTER_E_EXISTS (there is one, or half of one), MUSTER_E_INVALID, MUSTER_E_IO …
 */
int authority_init(const char *dir, const char *name, enum trust_algorithm algorithm, const char *passphrase, int64_t now, struct muster_err *err);

/** Read root and newest intermediate; no key. MUSTER_E_NOT_FOUND: no issuer there. Free with authority_free(). */
int authority_open(struct authority **out, const char *dir, struct muster_err *err);
void authority_free(struct authority *a);

/** A new intermediate, signed by the root key in @p root_key; its key is encrypted when @p passphrase is given. Updates @p a. */
int authority_renew(struct authority *a, const char *root_key, const char *passphrase, int64_t now, struct muster_err *err);

/** Until when the present intermediate issues. */
int64_t authority_issues_until(const struct authority *a);

struct authority_order {
	struct muster_span request;                /**< PKCS#10, PEM */
	const uint8_t (*products)[16]; size_t product_count;
	const char *subject;                       /**< NULL: "host N" */
	int64_t life_s;
};
/** Certify a host and write it into the book before anything is returned. @param[out] out book_entry_fini() it. */
int authority_certify(struct book_entry *out, struct authority *a, const struct authority_order *order, const char *passphrase, int64_t now,
                      struct muster_err *err);

/** Path of a file in the folder; NULL when exhausted. Caller frees with mem_free(). */
char *authority_path(const struct authority *a, const char *name);

#endif
