/**
 * The TLS server's certificate and key: read from files, swapped at reload, handed to GnuTLS at each handshake.
 *
 * libmicrohttpd gives its callback no pointer of ours, so there is one store for the process. A handshake may use a certificate after
 * its successor came, so those of earlier reloads are kept until tls_fini(); one that has not changed is not kept twice.
 */
#ifndef SERVICE_TLS_H
#define SERVICE_TLS_H

#include <stdbool.h>
#include <gnutls/gnutls.h>
#include <gnutls/abstract.h>
#include <muster/types.h>

/** TLS 1.2 and 1.3, the server's order. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"

#define TLS_WARN_S (14 * 86400)   /**< left of a certificate from which on it is reported */

struct tls_identity;
/**
 * Read a certificate with its chain, and its key; check that they belong together.
 * @return MUSTER_OK; MUSTER_E_NOT_FOUND, MUSTER_E_DENIED (others may read the key, or we may not), MUSTER_E_INVALID, MUSTER_E_MISMATCH, MUSTER_E_NOMEM; each names the file.
 */
int tls_read(struct tls_identity **out, const char *certificate, const char *key, struct muster_err *err);
/** The same from PEM in memory. */
int tls_from(struct tls_identity **out, struct muster_span certificate, struct muster_span key, struct muster_err *err);
void tls_identity_free(struct tls_identity *id);
/** Adopts @p id for handshakes from now on. @return whether it is another one than before. */
bool tls_use(struct tls_identity *id);
/** The end of the certificate in use, seconds since 1970 UTC; 0 none. */
int64_t tls_end(void);
/** Only when no server runs any more. */
void tls_fini(void);

/** gnutls_certificate_retrieve_function2. */
int tls_retrieve(gnutls_session_t session, const gnutls_datum_t *names, int name_count, const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                 gnutls_pcert_st **chain, unsigned int *chain_n, gnutls_privkey_t *key);

#endif
