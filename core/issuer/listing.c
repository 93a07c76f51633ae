/* The issuer itself and what it certified, for people and as JSON. */
#include "core/issuer/listing.h"

#include <inttypes.h>
#include <stdio.h>
#include <openssl/x509.h>
#include <muster/plugin.h>
#include "core/base/bytes.h"
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

const char *listing_method(enum books_method m)
{
	static const char *const words[] = { [BOOKS_TELEPHONE] = "telephone", [BOOKS_ONLINE] = "online", [BOOKS_FILE] = "file" };

	return words[m];
}

json_t *listing_product(const struct books_product *p)
{
	char id[UUID_TEXT];

	uuid_format(id, p->activation_id);
	return json_pack("{s:s, s:s, s:s, s:o, s:o}", "name", p->name, "title", p->title, "activation_id", id, "coverage_start", output_json_time(p->coverage_start),
	                 "coverage_end", output_json_time(p->coverage_end));
}

json_t *listing_agreement(const struct books_agreement *a, const struct books_organisation *o)
{
	return json_pack("{s:s, s:s, s:o, s:{s:s, s:s}, s:I, s:o}", "number", a->number, "programme", a->programme, "license_id", output_json_text(a->license_id), "organisation",
	                 "id", o->id, "name", o->name, "issue", (json_int_t)a->issue, "created", output_json_time(a->created));
}

json_t *listing_contact(const struct books_contact *c)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "region", c->region, "telephone", output_json_text(c->telephone), "hours", output_json_text(c->hours), "web",
	                 output_json_text(c->web), "email", output_json_text(c->email));
}

const char *listing_per(uint32_t per)
{
	return per == MUSTER_PER_DEVICE ? "device" : per == MUSTER_PER_USER ? "user" : "seat";
}

json_t *listing_access(uint32_t licenses, uint32_t per, const char *version)
{
	if (licenses == 0)
		return json_null();
	return json_pack("{s:s, s:o, s:I}", "per", listing_per(per), "version", output_json_text(version), "licenses", (json_int_t)licenses);
}

json_t *listing_binding(const uint8_t binding[10])
{
	char text[HEX_SIZE(10)];

	hex_encode(text, binding, 10);
	return json_string(text);
}

json_t *listing_key(const struct books_key *k)
{
	json_t *ids = output_json_ids((const uint8_t (*)[16])&k->products[0], k->product_count);

	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:i, s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o}", "number", (json_int_t)k->number, "kind", product_key_kind_word(k->kind),
	                 "kind_text", product_key_kind_name(k->kind), "partial", k->partial, "agreement", k->agreement, "products", ids, "hosts", (json_int_t)k->hosts, "activations",
	                 (json_int_t)k->activations, "generation", (int)k->generation, "state", k->state == BOOKS_KEY_ACTIVE ? "active" : "revoked", "reason",
	                 output_json_text(k->reason), "created", output_json_time(k->created), "coverage_start", output_json_time(k->coverage_start), "coverage_end",
	                 output_json_time(k->coverage_end), "used_hosts", (json_int_t)k->used_hosts, "used", (json_int_t)k->used, "account", output_json_text(k->account), "access",
	                 listing_access(k->licenses, k->per, k->version), "host", k->has_binding ? listing_binding(k->binding) : json_null());
}

void listing_print_key(const struct books_key *k)
{
	char text[TIME_RFC3339], id[UUID_TEXT];
	size_t i;

	printf("Key: %" PRIu32 " (%s)\nPartial product key: %s\nAgreement: %s\nMinted: %s\nState: %s\n", k->number, product_key_kind_name(k->kind), k->partial, k->agreement,
	       output_time(text, k->created), k->state == BOOKS_KEY_ACTIVE ? "active" : "revoked");
	if (k->reason[0] != '\0')
		printf("Reason: %s\n", k->reason);
	if (k->hosts > 0)
		printf("Hosts: %" PRIu32 " of %" PRIu32 ", each activated up to %" PRIu32 " times; %" PRIu32 " activations so far\n", k->used_hosts, k->hosts, k->activations, k->used);
	else if (k->activations > 0)
		printf("Activations: %" PRIu32 " of %" PRIu32 "\n", k->used, k->activations);
	if (k->account[0] != '\0')
		printf("Administrators type: the agreement's programme and %s\n", k->account);
	if (k->licenses > 0)
		printf("Licences: %" PRIu32 " per %s%s%s\n", k->licenses, listing_per(k->per), k->version[0] != '\0' ? ", version " : "", k->version);
	if (k->has_binding) {
		char host[HEX_SIZE(10)];

		hex_encode(host, k->binding, sizeof(k->binding));
		printf("Licence server: %s\n", host);
	}
	if (k->coverage_start != 0)
		printf("Coverage from: %s\n", output_time(text, k->coverage_start));
	if (k->coverage_end != 0)
		printf("Coverage to: %s\n", output_time(text, k->coverage_end));
	if (k->generation != 0)
		printf("Generation: %u\n", k->generation);
	else
		printf("Generation: in no pack yet; next: muster-issuer pack create --agreement %s\n", k->agreement);
	for (i = 0; i < k->product_count; i++) {
		uuid_format(id, k->products[i]);
		printf("Product: %s\n", id);
	}
}

json_t *listing_holder(const struct books_holder *h)
{
	char binding[HEX_SIZE(10)];

	hex_encode(binding, h->binding, sizeof(h->binding));
	return json_pack("{s:s, s:o, s:I, s:o, s:o, s:b}", "binding", binding, "name", output_json_text(h->name), "activations", (json_int_t)h->activations, "first",
	                 output_json_time(h->first), "last", output_json_time(h->last), "retired", (int)h->retired);
}

json_t *listing_row(const struct books_row *row)
{
	char binding[HEX_SIZE(10)];

	hex_encode(binding, row->binding, sizeof(row->binding));
	return json_pack("{s:I, s:o, s:s, s:I, s:i, s:i, s:s, s:b, s:o, s:o, s:o, s:o}", "id", (json_int_t)row->id, "at", output_json_time(row->at), "method",
	                 listing_method(row->method), "number", (json_int_t)row->number, "generation", (int)row->generation, "attempt", (int)row->attempt, "binding", binding,
	                 "counted", (int)row->counted, "slot", row->revealed ? json_integer(row->slot) : json_null(), "name", output_json_text(row->name), "certificate",
	                 output_json_text(row->certificate), "retired", output_json_time(row->retired));
}

json_t *listing_pack_row(const struct books_pack *p)
{
	char id[UUID_TEXT];

	uuid_format(id, p->id);
	return json_pack("{s:s, s:s, s:I, s:o, s:o, s:b, s:o}", "pack_id", id, "agreement", p->agreement, "issue", (json_int_t)p->issue, "issued_at", output_json_time(p->iat), "ends_at",
	                 output_json_time(p->exp), "licenses", (int)p->licenses, "host", p->has_binding ? listing_binding(p->binding) : json_null());
}
