/**
 * The issuer's folder: keys, root, intermediates. Times are seconds since 1970 UTC.
 *
 *     issuer.pem               the root, to be handed out and pinned; written last by init. After `roots announce` the
 *                              coming one too, after `roots switch` the former one: the first is in use
 *     root.key                 its key (0600); needed for a new intermediate only, else kept offline
 *     root-next.pem/.key       a new root that waits for its use (roots.c)
 *     intermediate-N.pem/.key  the newest one issues, during its first three years
 *     statement-N.key/.pem     what signs packs, confirmations, announcements of roots (leaf.h)
 *     books.db, books.key      the books (core/store/issuer_books.h) and their data key (datakey.h)
 *     packs.log                which issues and generations were given out (pack_log.h)
 *     lock                     held while something is being written
 */
#ifndef ISSUER_AUTHORITY_H
#define ISSUER_AUTHORITY_H

#include "core/trust/certs.h"

#define AUTHORITY_NAME_MAX 48     /**< characters of the issuer's name: " intermediate N" is added, 64 are allowed */

struct authority {
	char *dir;                /**< absolute */
	X509 *root, *mid;
	X509 *roots[TRUST_ROOTS_MAX]; size_t root_count;   /**< all of issuer.pem; root is the first */
	struct trust_anchors *anchors;  /**< the same */
	uint8_t issuer_id[16];
	unsigned mid_number;
	char *mid_key;            /**< path */
};

/** Would a new issuer of that name find room in @p dir? Asked before the passphrase is. MUSTER_E_EXISTS, MUSTER_E_INVALID. */
int authority_can_init(const char *dir, const char *name, struct muster_err *err);
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

/** Hold the folder's lock, so that one process at a time makes a certificate; close() it. MUSTER_E_BUSY names the holder. */
int authority_lock(int *fd, const struct authority *a, struct muster_err *err);
/** The highest N of KIND-N.pem in @p dir. MUSTER_E_NOT_FOUND: there is none. */
int authority_newest(unsigned *out, const char *dir, const char *kind, struct muster_err *err);

/** Make a new root of the same issuer, with its key in root-next.key; in issuer.pem it stands behind the one in use. MUSTER_E_EXISTS: one is waiting already. */
int authority_add_root(struct authority *a, const char *name, const char *passphrase, int64_t now, struct muster_err *err);
bool authority_root_waits(const struct authority *a);
/** Put the waiting root first and make an intermediate under it with its key in @p root_key. MUSTER_E_NOT_FOUND: none waits. */
int authority_switch_root(struct authority *a, const char *root_key, const char *passphrase, int64_t now, struct muster_err *err);
/** issuer.pem as it is: the roots, PEM, appended. */
int authority_roots_pem(struct buf *out, const struct authority *a, struct muster_err *err);

/* For roots.c: under the lock. */
/** Make the next intermediate under @p root, whose key is in @p root_key. */
int authority_make_mid(struct authority *a, X509 *root, const char *root_key, const char *passphrase, int64_t now, struct muster_err *err);
int authority_read_cert(X509 **out, const char *path, struct muster_err *err);
/** Roots and newest intermediate anew. */
int authority_reload(struct authority *a, struct muster_err *err);

/** Path of a file in the folder; NULL when exhausted. Caller frees with mem_free(). */
char *authority_path(const struct authority *a, const char *name);

#endif
