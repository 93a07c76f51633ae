/* PEM that comes from elsewhere: certificate requests, chains and roots. Each input is read as all three. */
#include <string.h>
#include "core/base/bytes.h"
#include "core/trust/certs.h"
#include "tests/fuzz/fuzz.h"

#define NOW INT64_C(1795341600)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct muster_span pem = { data, size };
	struct trust_anchors *anchors = NULL;
	struct trust_chain *chain = NULL, *again = NULL;
	EVP_PKEY *key = NULL;
	size_t n;

	if (trust_request_read(&key, pem, NULL) == MUSTER_OK)
		FUZZ_CHECK(trust_key_algorithm(key) >= 0);
	else
		FUZZ_CHECK(key == NULL);
	FUZZ_CHECK((trust_anchors_read(&anchors, pem, NULL) == MUSTER_OK) == (anchors != NULL));
	if (trust_chain_read(&chain, pem, NULL) == MUSTER_OK) {
		/* our own text of it reads back as the same chain */
		FUZZ_CHECK(trust_chain_read(&again, span_str(trust_chain_pem(chain)), NULL) == MUSTER_OK);
		FUZZ_CHECK(strcmp(trust_chain_kid(chain), trust_chain_kid(again)) == 0);
		(void)trust_chain_products(chain, &n);
		FUZZ_CHECK(n <= TRUST_PRODUCTS_MAX);
		if (trust_chain_role(chain, TRUST_ROLE_LEASE, NULL) == MUSTER_OK)
			FUZZ_CHECK(trust_chain_role(chain, TRUST_ROLE_STATEMENT, NULL) != MUSTER_OK && trust_chain_role(chain, TRUST_ROLE_TLS, NULL) != MUSTER_OK && n >= 1);
		/* nothing verifies under a root that is not there, or under the signer itself */
		if (anchors != NULL)
			(void)trust_chain_verify(chain, anchors, TRUST_ROLE_LEASE, NOW, NULL);
	} else {
		FUZZ_CHECK(chain == NULL);
	}
	trust_chain_unref(again);
	trust_chain_unref(chain);
	trust_anchors_free(anchors);
	EVP_PKEY_free(key);
	return 0;
}
