/* The issuer itself and what it certified, for people and as JSON. */
#include "core/issuer/listing.h"

#include <stdio.h>
#include <openssl/x509.h>
#include "core/base/uuid.h"
#include "core/issuer/output.h"
#include "core/trust/openssl.h"

static json_t *cert_json(const X509 *x)
{
	char begin[TIME_RFC3339], end[TIME_RFC3339], name[256] = "";
	int64_t b = 0, e = 0;

	(void)trust_time(&b, X509_get0_notBefore(x));
	(void)trust_time(&e, X509_get0_notAfter(x));
	(void)output_time(begin, b);
	(void)output_time(end, e);
	X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, name, sizeof(name));
	return json_pack("{s:s, s:s, s:s}", "name", name, "not_before", begin, "not_after", end);
}

json_t *listing_issuer(const struct authority *a)
{
	char id[UUID_TEXT], until[TIME_RFC3339];
	json_t *mid = cert_json(a->mid);

	uuid_format(id, a->issuer_id);
	(void)output_time(until, authority_issues_until(a));
	if (mid == NULL || json_object_set_new(mid, "number", json_integer(a->mid_number)) != 0
	    || json_object_set_new(mid, "issues_until", json_string(until)) != 0) {
		json_decref(mid);
		return NULL;
	}
	return json_pack("{s:s, s:s, s:s, s:o, s:o}", "issuer_id", id, "algorithm",
	                 trust_key_algorithm(X509_get0_pubkey(a->root)) == TRUST_ES256 ? "es256" : "ed25519", "dir", a->dir, "root", cert_json(a->root),
	                 "intermediate", mid);
}

void listing_print_issuer(const struct authority *a)
{
	char id[UUID_TEXT], text[TIME_RFC3339], name[256] = "";
	int64_t end = 0;

	uuid_format(id, a->issuer_id);
	X509_NAME_get_text_by_NID(X509_get_subject_name(a->root), NID_commonName, name, sizeof(name));
	printf("Issuer: %s\nIssuer ID: %s\nAlgorithm: %s\n", name, id, trust_key_algorithm(X509_get0_pubkey(a->root)) == TRUST_ES256 ? "es256" : "ed25519");
	(void)trust_time(&end, X509_get0_notAfter(a->root));
	(void)output_time(text, end);
	printf("Root: %s/issuer.pem, until %s\n", a->dir, text);
	(void)output_time(text, authority_issues_until(a));
	printf("Intermediate: %u, issues until %s\n", a->mid_number, text);
}

json_t *listing_certificate(const struct books_certificate *c, bool chain)
{
	char at[TIME_RFC3339], begin[TIME_RFC3339], end[TIME_RFC3339];
	json_t *ids = output_json_ids((const uint8_t (*)[16])&c->products[0], c->product_count), *j;

	if (ids == NULL)
		return NULL;
	j = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:o}", "number", (int)c->number, "issued", output_time(at, c->at), "subject", c->subject, "kid", c->kid,
	              "serial", c->serial, "not_before", output_time(begin, c->begin), "not_after", output_time(end, c->end), "intermediate", (int)c->intermediate,
	              "request_sha256", c->request, "products", ids);
	if (j != NULL && ((chain && json_object_set_new(j, "chain", json_string(c->chain)) != 0)
	                  || (c->key != 0 && json_object_set_new(j, "key", json_integer(c->key)) != 0)
	                  || (c->revoked != 0 && (json_object_set_new(j, "revoked", output_json_time(c->revoked)) != 0
	                                          || json_object_set_new(j, "reason", json_string(listing_reason(c->reason))) != 0)))) {
		json_decref(j);
		j = NULL;
	}
	return j;
}

void listing_print_certificate(const struct books_certificate *c)
{
	char at[TIME_RFC3339], begin[TIME_RFC3339], end[TIME_RFC3339], id[UUID_TEXT];
	size_t i;

	printf("Certificate: %u\nSubject: %s\nIssued: %s\nValid: %s to %s\nIntermediate: %u\nSerial: %s\nKid: %s\nRequest SHA-256: %s\n", c->number, c->subject,
	       output_time(at, c->at), output_time(begin, c->begin), output_time(end, c->end), c->intermediate, c->serial, c->kid, c->request);
	if (c->key != 0)
		printf("Key: %u\n", c->key);
	if (c->revoked != 0)
		printf("Revoked: %s (%s)\n", output_time(at, c->revoked), listing_reason(c->reason));
	for (i = 0; i < c->product_count; i++) {
		uuid_format(id, c->products[i]);
		printf("Product: %s\n", id);
	}
	(void)fputs(c->chain, stdout);
}

const char *listing_reason(int reason)
{
	return crl_reason_word((enum crl_reason)reason);
}
