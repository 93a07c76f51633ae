/**
 * Revocation lists (trust.md section 1): one list an issuer, numbered, signed by its newest intermediate, naming leaf certificates by serial
 * (≥ 128 random bits, unique at the issuer). It travels as PEM: the X509 CRL block, then the intermediate that signed it.
 */
#ifndef TRUST_CRL_H
#define TRUST_CRL_H

#include "core/trust/certs.h"

#define CRL_MAX (1u << 20)
#define CRL_SERIAL_MAX 20

enum crl_reason { CRL_UNSPECIFIED = 0, CRL_KEY_COMPROMISE = 1, CRL_AFFILIATION = 3, CRL_SUPERSEDED = 4, CRL_CESSATION = 5 };
const char *crl_reason_word(enum crl_reason r);      /**< key-compromise, affiliation-changed, superseded, cessation, unspecified */
int crl_reason_of(enum crl_reason *out, const char *word);

struct crl_entry { uint8_t serial[CRL_SERIAL_MAX]; size_t serial_n; int64_t at; enum crl_reason reason; };
/** Appends PEM. @p number rises with every list; nextUpdate is @p now + @p life_s. */
int crl_make(struct buf *pem, const struct crl_entry *entries, size_t n, uint64_t number, X509 *issuer, EVP_PKEY *issuer_key, int64_t now, int64_t life_s, struct muster_err *err);

/** A list that was verified. Immutable and counted. */
struct crl;
/** Read and verify up to a pinned root, with the intermediate as it was when the list was made, not later than @p now + 4 h (a stale list is still taken: crl_stale()). The text is
 * exactly what crl_make() wrote, lines ended by LF or CR LF. MUSTER_E_INVALID, MUSTER_E_EXPIRED, MUSTER_E_SIGNATURE, MUSTER_E_NOT_YET, MUSTER_E_LIMIT. */
int crl_read(struct crl **out, struct muster_span pem, const struct trust_anchors *anchors, int64_t now, struct muster_err *err);
struct crl *crl_ref(struct crl *c);
void crl_unref(struct crl *c);
uint64_t crl_number(const struct crl *c);
const char *crl_pem(const struct crl *c);
const uint8_t *crl_issuer_id(const struct crl *c);
size_t crl_count(const struct crl *c);
const struct crl_entry *crl_entry_at(const struct crl *c, size_t i);   /**< i below crl_count(); by serial */
int64_t crl_made(const struct crl *c);               /**< thisUpdate */
int64_t crl_next(const struct crl *c);               /**< nextUpdate */
bool crl_stale(const struct crl *c, int64_t now);
/** Is this certificate listed? Logarithmic. @param[out] entry may be NULL; borrowed from @p c. */
bool crl_lists(const struct crl *c, const X509 *certificate, const struct crl_entry **entry);
/** Does this listing end what was signed before, too (key compromise, or no reason)? Else only what is signed from now on. */
bool crl_ends_signed(enum crl_reason r);
/** May what this certificate signed at @p signed_at be taken? @p c NULL: yes. @p who: "the host", for the sentence. @return MUSTER_OK, MUSTER_E_REFUSED. */
int crl_permits(const struct crl *c, const X509 *signer, int64_t signed_at, const char *who, struct muster_err *err);

#endif
