/**
 * The host's key ring: its key, the certificate chains installed for it, and which of them signs leases for which product.
 *
 * Folder DIR (STATE/host, 0700): `key.pem`, the host's private key (0600; encrypted once ring_passphrase() was called), and one `chain-<kid>.pem`
 * per installed chain. Older chains are kept, because leases signed under them live on. Pinned roots come from the configuration, by issuer name; a chain counts for a product only
 * under that product's issuer (trust.md section 1).
 *
 * Readers take a view: immutable, counted, got without a lock or a wait. Installing and reloading build a new view and swap it in.
 * Times are seconds since 1970 UTC.
 */
#ifndef TRUST_RING_H
#define TRUST_RING_H

#include <stdbool.h>
#include "core/base/clock.h"
#include "core/trust/crl.h"
#include "core/trust/lease.h"

#define RING_LEAST_S (24 * 3600)            /**< a chain with less left signs nothing: 0xC004F041 */
#define RING_WARN_S (30LL * 24 * 3600)      /**< validity + this much left and no successor: warn */
#define RING_CHAINS_MAX 256                 /**< chains kept in the folder; `ring_install` refuses beyond, saying so */

/** One pinned issuer: @p roots is the absolute path of a PEM file that nobody else may write. */
struct ring_issuer { const char *name, *roots; };

/** Read and check the roots of one issuer, as every reload does. @return MUSTER_OK, or a negative result with what is wrong and where. */
int ring_read_issuer(struct trust_anchors **out, const struct ring_issuer *issuer, struct muster_err *err);

/** One product of the catalogue: the activation ID a certificate names, and the issuer that may do so. @p issuer NULL: nobody may. */
struct ring_product { uint8_t id[16]; const char *name, *issuer; };

/** One chain of a view. */
struct ring_chain {
	struct trust_chain *chain;              /**< borrowed from the view */
	struct trust_signer *signer;            /**< borrowed; NULL: made for another key than the host's present one; serves verification only */
	const char *issuer;                     /**< name of the issuer it verifies under */
	uint8_t issuer_id[16];                  /**< for lease_claims */
	int64_t begin, end;                     /**< latest notBefore; earliest notAfter, root included */
	const struct crl_entry *revoked;        /**< its issuer's list names it: signs nothing any more; NULL: not. Borrowed from the view */
};

struct trust_ring;
struct trust_view;

/** What was wrong with a file of the folder or a pinned root; called on reload, never fatal by itself. @p level as syslog. */
struct ring_report { void (*fn)(void *ctx, int level, const char *message); void *ctx; };

/**
 * Open a ring; the first view is empty until ring_reload(). The folder is made when missing.
 * @param[out] out NULL on failure; free with ring_free(). @param dir absolute. @param clock borrowed for the ring's life.
 * @return MUSTER_OK, MUSTER_E_DENIED (unsafe folder), MUSTER_E_IO, MUSTER_E_NOMEM.
 */
int ring_open(struct trust_ring **out, const char *dir, const struct clock *clock, struct muster_err *err);
/** No reader may be in ring_view() any more; views still held stay good. */
void ring_free(struct trust_ring *r);

/**
 * The secret (32 random bytes as hexadecimal text) under which the host's key lies, from now on: a plain key.pem, or one under @p older, is written again at once. Without a passphrase
 * (never called) it lies in plain text. Both copied; @p older may be NULL.
 * @return MUSTER_OK, also when there is no key yet; MUSTER_E_DENIED: it lies under neither.
 */
int ring_passphrase(struct trust_ring *r, const char *passphrase, const char *older, struct muster_err *err);

/**
 * Read key, roots and chains again for this configuration and catalogue, and swap the view.
 *
 * A chain file that does not verify is reported and left out. An unreadable key or root fails and keeps the present view.
 * @param issuers,products copied. @param report may be NULL.
 */
int ring_reload(struct trust_ring *r, const struct ring_issuer *issuers, size_t issuer_count,
                const struct ring_product *products, size_t product_count, const struct ring_report *report, struct muster_err *err);

/** A certificate request (PKCS#10, PEM) for the host's key, which is made (P-256) when there is none. @p name is a hint for the issuer only. */
int ring_request(struct trust_ring *r, const char *name, struct buf *pem, struct muster_err *err);

/**
 * Install a chain (PEM: signer first, then intermediates) and swap the view.
 *
 * Checks: the key is ours, the chain verifies now up to a pinned root, role, nested lives, every SAN is a product of the catalogue under this
 * very issuer. Installing the same chain again succeeds and changes nothing.
 * @param[out] kid 44 bytes; may be NULL. @param[out] end the chain's end; may be NULL.
 * @return MUSTER_OK; MUSTER_E_NOT_FOUND (no host key yet), MUSTER_E_MISMATCH (another key, issuer, product or role), MUSTER_E_SIGNATURE,
 * MUSTER_E_EXPIRED, MUSTER_E_NOT_YET, MUSTER_E_INVALID, MUSTER_E_LIMIT, MUSTER_E_IO.
 */
int ring_install(struct trust_ring *r, struct muster_span pem, char *kid, int64_t *end, struct muster_err *err);

/**
 * A key that is not the host's own, with its chain (an activation's): it signs beside the host's until it is retired. Held in memory only; where
 * it lies at rest is the caller's affair. Before the first ring_reload() it is only remembered; later checked as ring_install() does, but that
 * products which the catalogue lacks are left aside. The same one again is MUSTER_OK. Both are referenced.
 * @param key NULL: the chain only verifies what was signed under it.
 */
int ring_adopt(struct trust_ring *r, EVP_PKEY *key, struct trust_chain *chain, struct muster_err *err);
/** This chain signs no more (or, @p retired false, again); what was signed under it is still verified. For the ring's life, the caller remembers it.
 * Before the first ring_reload() it is only remembered. */
int ring_retire(struct trust_ring *r, const char *kid, bool retired, struct muster_err *err);

/**
 * Take a revocation list of an issuer (crl_issuer_id()), verified by the caller under a pinned root; referenced. The highest number is kept, for the ring's life, and looked at again
 * at every reload: it counts only under an issuer whose present roots it verifies under. Before the first ring_reload() it is only remembered.
 * @return MUSTER_OK (also: this very list is kept already); MUSTER_E_EXISTS: one of a higher number, or another of the same, is kept; MUSTER_E_NOMEM.
 */
int ring_set_crl(struct trust_ring *r, struct crl *crl, struct muster_err *err);

/**
 * Take an announcement of roots (a token as roots_read() takes it; copied): its new roots count beside the pinned ones of its issuer, for the ring's life. It is verified under the
 * file's roots and those announced before it at every reload, so a file with another root in it ends what was announced under the former one. One that verifies under no
 * issuer is left out without a word: whoever takes it has read it. Before the first ring_reload() it is only remembered.
 */
int ring_add_roots(struct trust_ring *r, struct muster_span token, struct muster_err *err);

/** The present view, one reference. Any thread, never waits, never NULL. */
struct trust_view *ring_view(struct trust_ring *r);
struct trust_view *ring_view_ref(struct trust_view *v);
void ring_view_unref(struct trust_view *v);

/** The chain that signs for this product at @p now: the longest living with at least RING_LEAST_S left that is not revoked; NULL: not certified (0xC004F041).
 * Borrowed from the view. Neither locks nor allocates. */
const struct ring_chain *ring_find(const struct trust_view *v, const uint8_t product_id[16], int64_t now);

enum ring_state {
	RING_NONE,      /**< no chain for this product */
	RING_GOOD,
	RING_ENDING,    /**< signs, but has less than validity + 30 days left and there is no successor */
	RING_ENDED,     /**< less than 24 h left, ended, or not begun: not certified */
	RING_REVOKED    /**< listed by the issuer, and there is no other: not certified */
};
/** For events, `dlv` and `doctor`. @param validity_s the product's. @param[out] end of the longest living chain, 0 none; may be NULL. */
enum ring_state ring_state(const struct trust_view *v, const uint8_t product_id[16], int64_t now, int64_t validity_s, int64_t *end);

/** The longest living revoked chain of this product when none signs for it; NULL: it is not for a revocation that nothing is signed. Borrowed. */
const struct ring_chain *ring_revoked(const struct trust_view *v, const uint8_t product_id[16], int64_t now);
/** The issuer's revocation list, by configuration name; NULL: none. Borrowed from the view. */
const struct crl *ring_crl(const struct trust_view *v, const char *issuer);

/** All chains, longest living first; for GET /v1/certificates serve those with end > now. */
const struct ring_chain *ring_chains(const struct trust_view *v, size_t *n);
/** The chain whose signer has this kid (43 characters); NULL: none. */
const struct ring_chain *ring_by_kid(const struct trust_view *v, const char *kid, size_t n);
/** The issuer's roots and ID, by configuration name; NULL: no such issuer. Borrowed from the view. */
const struct trust_anchors *ring_anchors(const struct trust_view *v, const char *issuer);
/**
 * Verify a lease that was signed under one of the view's chains: as lease_verify() but for the chain, which was verified when the
 * view was made and only its dates are compared now.
 * @return as lease_verify(); MUSTER_E_MISMATCH also for a kid that no chain here has; MUSTER_E_REFUSED when the chain was revoked in a way that ends this lease.
 */
int ring_lease_verify(struct lease_claims *out, const struct trust_view *v, struct muster_span lease, const struct lease_expect *expect, int64_t now,
                      struct muster_err *err);
/** A host key exists. */
bool ring_has_key(const struct trust_view *v);
/** Is this certificate request (PEM) of the present key? */
bool ring_requested(const struct trust_view *v, struct muster_span request);

#endif
