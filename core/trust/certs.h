/**
 * Certificates: root, intermediate, lease signer (host), statement signer; making, asking for and checking them.
 * Source of every rule: trust.md section 1. Times are seconds since 1970 UTC.
 */
#ifndef TRUST_CERTS_H
#define TRUST_CERTS_H

#include <stdint.h>
#include <openssl/x509.h>
#include "core/trust/keys.h"

enum trust_role { TRUST_ROLE_LEASE, TRUST_ROLE_STATEMENT, TRUST_ROLE_TLS };

#define TRUST_PRODUCTS_MAX 64     /**< SAN URIs in a host certificate */
#define TRUST_CHAIN_MAX 16384     /**< bytes of a PEM chain or request */
#define TRUST_ROOTS_MAX 8         /**< pinned roots of one issuer */
#define TRUST_KID 44              /**< size of a kid: 43 characters and the terminating zero */

/* Lives in seconds; a year is 365.25 days. */
#define TRUST_DAY_S INT64_C(86400)
#define TRUST_YEAR_S INT64_C(31557600)
#define TRUST_BACKDATE_S TRUST_DAY_S                         /**< notBefore = issue time − this */
#define TRUST_ROOT_LIFE_S (20 * TRUST_YEAR_S)
#define TRUST_INTERMEDIATE_LIFE_S (6 * TRUST_YEAR_S)
#define TRUST_INTERMEDIATE_ISSUES_S (3 * TRUST_YEAR_S)       /**< an intermediate issues this long only */
#define TRUST_HOST_LIFE_S (730 * TRUST_DAY_S)
#define TRUST_STATEMENT_LIFE_S (3 * TRUST_YEAR_S)
#define TRUST_EKU_DOCUMENT_SIGNING "1.3.6.1.5.5.7.3.36"      /**< id-kp-documentSigning, RFC 9336 */

/** Issuing: @p now decides notBefore (now − 24 h). Lives: root 20 years, intermediate 6 (issues during its first 3), host 730 days, statement 3 years; nested in the issuer's. */
int trust_make_root(X509 **out, EVP_PKEY *key, const uint8_t issuer_id[16], const char *name, int64_t now, struct muster_err *err);
int trust_make_intermediate(X509 **out, EVP_PKEY *subject_key, const char *name, X509 *root, EVP_PKEY *root_key, int64_t now, struct muster_err *err);
/** @p ids activation IDs, 1–64; @p subject common name from the issuer's books. */
int trust_make_host(X509 **out, EVP_PKEY *public_key, const char *subject, const uint8_t (*ids)[16], size_t n, X509 *issuer, EVP_PKEY *issuer_key, int64_t now, int64_t life_s, struct muster_err *err);
/** The same for a prepared key of an activation slot; @p serial is the subject's serialNumber, "NUMBER-GENERATION-SLOT". */
int trust_make_slot(X509 **out, EVP_PKEY *public_key, const char *serial, const uint8_t (*ids)[16], size_t n, X509 *issuer, EVP_PKEY *issuer_key, int64_t now, int64_t life_s, struct muster_err *err);
int trust_make_statement(X509 **out, EVP_PKEY *public_key, const char *subject, X509 *issuer, EVP_PKEY *issuer_key, int64_t now, struct muster_err *err);
#define TRUST_SERVER_NAME 254     /**< size of a server's name */
/** A TLS server's, for a P-256 key and one DNS name or numeric address. */
int trust_make_server(X509 **out, EVP_PKEY *public_key, const char *name, X509 *issuer, EVP_PKEY *issuer_key, int64_t now, int64_t life_s, struct muster_err *err);

/** PKCS#10 request: proves possession of the key; PEM. */
int trust_request_make(struct buf *pem, EVP_PKEY *key, const char *name, struct muster_err *err);
/** Take the public key and its proof, nothing else. MUSTER_E_INVALID, MUSTER_E_SIGNATURE, MUSTER_E_UNSUPPORTED. */
int trust_request_read(EVP_PKEY **out, struct muster_span pem, struct muster_err *err);

/** Pinned roots of one issuer. */
struct trust_anchors;
int trust_anchors_read(struct trust_anchors **out, struct muster_span pem, struct muster_err *err);  /**< 1–8 roots, one issuer_id */
void trust_anchors_free(struct trust_anchors *a);
const uint8_t *trust_anchors_issuer_id(const struct trust_anchors *a);   /**< 16 bytes, from the root's SAN */

size_t trust_anchors_count(const struct trust_anchors *a);
X509 *trust_anchors_root(const struct trust_anchors *a, size_t i);       /**< borrowed */
/** An intermediate alone, for what it signs itself (revocation lists): signed by a pinned root, CA with path length 0, dates at @p at. As trust_chain_verify(). */
int trust_anchors_verify(const struct trust_anchors *a, X509 *intermediate, int64_t at, struct muster_err *err);

/** A chain: signer first, then its intermediate, no root. Immutable and counted. */
struct trust_chain;
/** Read and index; says nothing about trust. Refuses anything but two CERTIFICATE blocks of strict DER. MUSTER_E_INVALID, MUSTER_E_LIMIT. */
int trust_chain_read(struct trust_chain **out, struct muster_span pem, struct muster_err *err);
/** The same from DER: signer, then intermediate. */
int trust_chain_read_der(struct trust_chain **out, const struct muster_span der[2], struct muster_err *err);
struct trust_chain *trust_chain_ref(struct trust_chain *c);
void trust_chain_unref(struct trust_chain *c);
X509 *trust_chain_signer(const struct trust_chain *c);
X509 *trust_chain_intermediate(const struct trust_chain *c);
const char *trust_chain_kid(const struct trust_chain *c);        /**< base64url SHA-256 of the signer's DER, 43 characters */
const char *trust_chain_pem(const struct trust_chain *c);
int64_t trust_chain_end(const struct trust_chain *c, const struct trust_anchors *a);   /**< earliest notAfter, root included */
int64_t trust_chain_begin(const struct trust_chain *c);          /**< latest notBefore */
/** Activation IDs in the signer's SAN, in order. */
const uint8_t (*trust_chain_products(const struct trust_chain *c, size_t *n))[16];

/** Does the signer's certificate have exactly the form of this role? MUSTER_E_MISMATCH says what differs. */
int trust_chain_role(const struct trust_chain *c, enum trust_role role, struct muster_err *err);

/** Signatures up to a pinned root, path lengths, key usages, times at @p at, nested lives, and the role's exact form.
 * MUSTER_E_SIGNATURE, MUSTER_E_EXPIRED, MUSTER_E_NOT_YET, MUSTER_E_MISMATCH (wrong role), MUSTER_E_INVALID. */
int trust_chain_verify(const struct trust_chain *c, const struct trust_anchors *a, enum trust_role role, int64_t at, struct muster_err *err);

#endif
