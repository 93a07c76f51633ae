/* The server's certificate: a key that lives in memory only, certified by the intermediate. */
#include "core/issuer/service_private.h"

#include <openssl/pem.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/service/tls.h"

#define LIFE_S (90 * TRUST_DAY_S)
#define RENEW_S (60 * TRUST_DAY_S)   /* left of it when the next is made */

static int use(X509 *x, X509 *mid, EVP_PKEY *key, struct muster_err *err)
{
	BIO *chain = BIO_new(BIO_s_mem()), *secret = BIO_new(BIO_s_secmem());
	struct tls_identity *id = NULL;
	char *c = NULL, *k = NULL;
	long cn, kn;
	int r;

	if (chain == NULL || secret == NULL || PEM_write_bio_X509(chain, x) != 1 || PEM_write_bio_X509(chain, mid) != 1
	    || PEM_write_bio_PKCS8PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) != 1) {
		r = err_nomem(err);
		goto done;
	}
	cn = BIO_get_mem_data(chain, &c);
	kn = BIO_get_mem_data(secret, &k);
	if ((r = tls_from(&id, span_of(c, (size_t)cn), span_of(k, (size_t)kn), err)) == MUSTER_OK)
		(void)tls_use(id);
done:
	BIO_free(secret);   /* secure memory is cleansed */
	BIO_free(chain);
	return r;
}

int service_certificate(struct issuer_service *s, struct muster_err *err)
{
	int64_t now = clock_wall_ms(s->o.clock) / 1000;
	struct confirmer *c = s->o.confirmer;
	EVP_PKEY *key = NULL;
	X509 *x = NULL;
	int r;

	if (tls_end() - now > RENEW_S)
		return MUSTER_OK;
	pthread_rwlock_rdlock(&c->keys);
	if ((r = trust_key_generate(&key, TRUST_ES256, err)) == MUSTER_OK
	    && (r = trust_make_server(&x, key, s->name, c->session->a->mid, c->session->mid_key, now, LIFE_S, err)) == MUSTER_OK)
		r = use(x, c->session->a->mid, key, err);
	pthread_rwlock_unlock(&c->keys);
	X509_free(x);
	EVP_PKEY_free(key);
	if (r == MUSTER_OK)
		log_line(LOG_INFO, "certificate", "name=%s text=\"a new server certificate is in use\"", s->name);
	return r;
}
