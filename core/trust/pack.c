/* Licence packs: reading. Writing: pack_make.c. */
#include "core/trust/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include <muster/plugin.h>
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/trust/lease.h"
#include "core/trust/pack_private.h"
#include "core/trust/payload.h"

#define WHERE "the licence pack"
#define COUNT_MAX 1000000       /* hosts, activations: more is a slip of the pen */

bool pack_version_is(const char *text)
{
	size_t n = strlen(text);

	return n >= 1 && n <= MUSTER_NAME_MAX && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == n && text[0] != '-';
}

bool pack_only_licenses(const struct pack *p)
{
	for (size_t i = 0; i < p->key_count; i++)
		if (p->keys[i].licenses == 0)
			return false;
	return true;
}

static void key_fini(struct pack_key *k)
{
	size_t i;

	for (i = 0; k->slots != NULL && i < k->slot_count; i++)
		mem_free((void *)(uintptr_t)k->slots[i].p);
	mem_free(k->slots);
	mem_free(k->finders);
	mem_free(k->products);
	OPENSSL_cleanse(k->proof_key, sizeof(k->proof_key));
}

static void contact_fini(struct pack_contact *c)
{
	mem_free(c->region);
	mem_free(c->telephone);
	mem_free(c->hours);
	mem_free(c->web);
	mem_free(c->email);
}

void pack_free(struct pack *p)
{
	size_t i;

	if (p == NULL)
		return;
	for (i = 0; p->keys != NULL && i < p->key_count; i++)
		key_fini(&p->keys[i]);
	for (i = 0; p->contacts != NULL && i < p->contact_count; i++)
		contact_fini(&p->contacts[i]);
	mem_free(p->keys);
	mem_free(p->contacts);
	mem_free(p->organisation_id);
	mem_free(p->organisation);
	mem_free(p->programme);
	mem_free(p->agreement);
	mem_free(p->license_id);
	mem_free(p->service);
	mem_free(p->crl);
	mem_free(p);
}

/* ---- one key ---- */

/* What a kind of key may have beside number and verifier. */
static const struct kind_rule { char kind; bool counted, host, proof, coverage; } kind_rules[] = {
	{ PRODUCT_KEY_HOST, false, true, false, false }, { PRODUCT_KEY_MAK, true, false, false, false }, { PRODUCT_KEY_ESU, true, false, false, true },
	{ PRODUCT_KEY_EMBEDDED, false, false, true, false }, { PRODUCT_KEY_SETUP, false, false, true, false }, { PRODUCT_KEY_ACCESS, false, true, false, false },
};

static int read_kind(const struct kind_rule **out, struct pack_key *k, const json_t *j, const char *where, struct muster_err *err)
{
	const json_t *kind = json_object_get(j, "kind");
	size_t i;

	if (!json_is_string(kind) || json_string_length(kind) != 1)
		return payload_bad(where, "kind", err);
	for (i = 0; i < sizeof(kind_rules) / sizeof(kind_rules[0]); i++)
		if (kind_rules[i].kind == json_string_value(kind)[0]) {
			*out = &kind_rules[i];
			k->kind = kind_rules[i].kind;
			return MUSTER_OK;
		}
	return err_set(err, MUSTER_E_INVALID, "%s is of no known kind", where);
}

static int read_products(struct pack_key *k, const json_t *j, const char *where, struct muster_err *err)
{
	uint8_t ids[TRUST_PRODUCTS_MAX][16];
	int r = payload_products(ids, &k->product_count, TRUST_PRODUCTS_MAX, j, where, err);

	if (r == MUSTER_OK && (k->products = mem_dup(ids, k->product_count * sizeof(ids[0]))) == NULL) {
		k->product_count = 0;
		r = err_nomem(err);
	}
	return r;
}

/* An array that may be absent, of at most @p max rows. */
static int read_list(const json_t **out, size_t *n, const json_t *j, const char *name, size_t max, const char *where, struct muster_err *err)
{
	*out = json_object_get(j, name);
	*n = json_array_size(*out);
	if (*out == NULL)
		return MUSTER_OK;
	if (!json_is_array(*out))
		return payload_bad(where, name, err);
	return *n <= max ? MUSTER_OK : err_set(err, MUSTER_E_LIMIT, "%s: \"%s\" has %zu rows; at most %zu are read", where, name, *n, max);
}

static int read_slot(struct muster_span *out, uint16_t *number, const json_t *text, const char *where, struct muster_err *err)
{
	uint8_t box[SLOT_BOX_MAX], finder[SLOT_FINDER];
	size_t n = 0;
	int r;

	if (!json_is_string(text) || b64_decode(box, sizeof(box), &n, json_string_value(text), json_string_length(text)) != MUSTER_OK)
		return payload_bad(where, "slots", err);
	if ((r = slot_read(number, finder, span_of(box, n), err)) != MUSTER_OK)
		return err_prefix(err, r, "%s", where);
	if ((out->p = mem_dup(box, n)) == NULL)
		return err_nomem(err);
	out->n = n;
	return MUSTER_OK;
}

static int read_slots(struct pack_key *k, const json_t *j, const char *where, struct muster_err *err)
{
	uint8_t seen[(UINT16_MAX + 1) / 8] = { 0 };
	const json_t *list;
	size_t n, i;
	uint16_t slot = 0;
	int r;

	if ((r = read_list(&list, &n, j, "slots", PACK_SLOTS_MAX, where, err)) != MUSTER_OK || n == 0)
		return r;
	if ((k->slots = mem_array(n, sizeof(*k->slots))) == NULL)
		return err_nomem(err);
	for (i = 0; i < n; i++) {
		if ((r = read_slot(&k->slots[i], &slot, json_array_get(list, i), where, err)) != MUSTER_OK)
			return r;
		k->slot_count++;
		if ((seen[slot / 8] & 1u << slot % 8) != 0)
			return err_set(err, MUSTER_E_INVALID, "%s has the slot %u twice", where, (unsigned)slot);
		seen[slot / 8] |= (uint8_t)(1u << slot % 8);
	}
	return MUSTER_OK;
}

static int by_finder(const void *a, const void *b)
{
	return memcmp(a, b, SLOT_FINDER);
}

static int check_finders(const struct pack_key *k, const char *where, struct muster_err *err)
{
	uint8_t (*sorted)[SLOT_FINDER] = mem_dup(k->finders, k->finder_count * SLOT_FINDER);
	size_t i;
	int r = MUSTER_OK;

	if (sorted == NULL)
		return err_nomem(err);
	qsort(sorted, k->finder_count, SLOT_FINDER, by_finder);
	for (i = 1; r == MUSTER_OK && i < k->finder_count; i++)
		if (by_finder(sorted[i - 1], sorted[i]) == 0)
			r = err_set(err, MUSTER_E_INVALID, "%s has a finder twice", where);
	mem_free(sorted);
	return r;
}

static int read_finders(struct pack_key *k, const json_t *j, const char *where, struct muster_err *err)
{
	const json_t *list;
	size_t n, i, got;
	int r;

	if ((r = read_list(&list, &n, j, "finders", PACK_FINDERS_MAX, where, err)) != MUSTER_OK || n == 0)
		return r;
	if ((k->finders = mem_array(n, sizeof(*k->finders))) == NULL)
		return err_nomem(err);
	for (i = 0; i < n; i++) {
		const json_t *text = json_array_get(list, i);

		if (!json_is_string(text) || b64_decode(k->finders[i], SLOT_FINDER, &got, json_string_value(text), json_string_length(text)) != MUSTER_OK
		    || got != SLOT_FINDER)
			return payload_bad(where, "finders", err);
	}
	k->finder_count = n;
	return check_finders(k, where, err);
}

/* What the key licenses: {"per","version","licenses"}. */
static int read_access(struct pack_key *k, const json_t *j, const char *where, struct muster_err *err)
{
	static const struct { const char *word; uint32_t per; } pers[] = { { "device", MUSTER_PER_DEVICE }, { "user", MUSTER_PER_USER }, { "seat", 0 } };
	const json_t *access, *version;
	const char *per;
	int64_t licenses;
	size_t i;
	int r;

	if (json_object_get(j, "access") == NULL)
		return MUSTER_OK;
	if ((r = payload_object(&access, j, "access", where, err)) != MUSTER_OK || (r = payload_only(access, where, "per version licenses", err)) != MUSTER_OK
	    || (r = payload_int(&licenses, access, "licenses", 1, COUNT_MAX, where, err)) != MUSTER_OK)
		return r;
	per = json_string_value(json_object_get(access, "per"));
	for (i = 0; per != NULL && i < sizeof(pers) / sizeof(pers[0]) && strcmp(pers[i].word, per) != 0; i++)
		;
	if (per == NULL || i == sizeof(pers) / sizeof(pers[0]))
		return payload_bad(where, "per", err);
	k->per = pers[i].per;
	k->licenses = (uint32_t)licenses;
	version = json_object_get(access, "version");
	if (k->per == 0)
		return version == NULL ? MUSTER_OK : err_set(err, MUSTER_E_INVALID, "%s licenses seats, which have no version", where);
	if (!json_is_string(version) || !pack_version_is(json_string_value(version)))
		return payload_bad(where, "version", err);
	(void)snprintf(k->version, sizeof(k->version), "%s", json_string_value(version));
	return MUSTER_OK;
}

/* An access key licenses, or it activates a licence server; never both. */
static int check_access(const struct pack_key *k, const char *where, struct muster_err *err)
{
	bool activates = k->hosts != 0 && k->activations != 0;

	if (k->kind != PRODUCT_KEY_ACCESS)
		return k->licenses == 0 ? MUSTER_OK : err_set(err, MUSTER_E_INVALID, "%s (%s) may not have access licences", where, product_key_kind_name(k->kind));
	if (k->licenses == 0)
		return activates ? MUSTER_OK : err_set(err, MUSTER_E_INVALID, "%s (%s) needs licences (\"access\"), or hosts and activations of at least 1", where, product_key_kind_name(k->kind));
	if (k->hosts != 0 || k->activations != 0 || k->slot_count > 0)
		return err_set(err, MUSTER_E_INVALID, "%s (%s) has licences and so may not have hosts, activations or slots", where, product_key_kind_name(k->kind));
	return MUSTER_OK;
}

/* Which members fit the kind of key. */
static int check_kind(const struct pack_key *k, const struct kind_rule *rule, const char *where, struct muster_err *err)
{
	const char *name = product_key_kind_name(k->kind);
	int r;

	if ((r = check_access(k, where, err)) != MUSTER_OK)
		return r;
	if (k->kind != PRODUCT_KEY_ACCESS && (rule->host ? k->hosts == 0 || k->activations == 0 : k->hosts != 0))
		return err_set(err, MUSTER_E_INVALID, "%s (%s) %s", where, name, rule->host ? "needs hosts and activations of at least 1" : "may not have hosts");
	if (rule->counted ? k->activations == 0 : !rule->host && k->activations != 0)
		return err_set(err, MUSTER_E_INVALID, "%s (%s) %s", where, name, rule->counted ? "needs activations of at least 1" : "may not have activations");
	if (k->slot_count > 0 && !rule->host)
		return err_set(err, MUSTER_E_INVALID, "%s (%s) may not have slots: they are for host keys", where, name);
	if (k->finder_count > 0 && !rule->counted)
		return err_set(err, MUSTER_E_INVALID, "%s (%s) may not have finders: they are for counted keys", where, name);
	if (k->has_proof_key && !rule->proof)
		return err_set(err, MUSTER_E_INVALID, "%s (%s) may not have a proof key: of this kind it is a secret", where, name);
	if (rule->coverage && k->coverage_end == 0)
		return err_set(err, MUSTER_E_INVALID, "%s (%s) needs its coverage", where, name);
	return MUSTER_OK;
}

static int read_key(struct pack_key *k, const json_t *j, const char *where, struct muster_err *err)
{
	const struct kind_rule *rule = kind_rules;
	int64_t number, generation, hosts, activations;
	int r;

	if (!json_is_object(j))
		return err_set(err, MUSTER_E_INVALID, "%s is not a JSON object", where);
	if ((r = payload_only(j, where, "kind number generation products hosts activations verifier proof_key coverage access slots finders", err)) != MUSTER_OK
	    || (r = read_kind(&rule, k, j, where, err)) != MUSTER_OK || (r = payload_int(&number, j, "number", 0, PRODUCT_KEY_NUMBER_MAX, where, err)) != MUSTER_OK
	    || (r = payload_int(&generation, j, "generation", 1, PACK_GENERATION_MAX, where, err)) != MUSTER_OK
	    || (r = payload_int(&hosts, j, "hosts", 0, COUNT_MAX, where, err)) != MUSTER_OK
	    || (r = payload_int(&activations, j, "activations", 0, COUNT_MAX, where, err)) != MUSTER_OK || (r = read_products(k, j, where, err)) != MUSTER_OK
	    || (r = payload_bytes(k->verifier, sizeof(k->verifier), j, "verifier", where, err)) != MUSTER_OK
	    || (r = payload_coverage(&k->coverage_start, &k->coverage_end, j, where, err)) != MUSTER_OK)
		return r;
	k->number = (uint32_t)number;
	k->generation = (uint8_t)generation;
	k->hosts = (uint32_t)hosts;
	k->activations = (uint32_t)activations;
	k->has_proof_key = json_object_get(j, "proof_key") != NULL;
	if (k->has_proof_key && (r = payload_bytes(k->proof_key, sizeof(k->proof_key), j, "proof_key", where, err)) != MUSTER_OK)
		return r;
	if ((r = read_access(k, j, where, err)) != MUSTER_OK || (r = read_slots(k, j, where, err)) != MUSTER_OK || (r = read_finders(k, j, where, err)) != MUSTER_OK)
		return r;
	return check_kind(k, rule, where, err);
}

static int read_keys(struct pack *p, const json_t *j, struct muster_err *err)
{
	const json_t *list;
	size_t n, i;
	char where[48];
	int r;

	if ((r = read_list(&list, &n, j, "keys", PACK_KEYS_MAX, WHERE, err)) != MUSTER_OK)
		return r;
	if (n == 0)
		return payload_bad(WHERE, "keys", err);
	if ((p->keys = mem_array(n, sizeof(*p->keys))) == NULL)
		return err_nomem(err);
	for (i = 0; i < n; i++) {
		(void)snprintf(where, sizeof(where), "key %zu of " WHERE, i + 1);
		p->key_count = i + 1;   /* what is half read is freed, too */
		if ((r = read_key(&p->keys[i], json_array_get(list, i), where, err)) != MUSTER_OK)
			return r;
		if (p->keys[i].per != 0 && !p->has_host)
			return err_set(err, MUSTER_E_INVALID, "%s licenses access per device or user: such a pack names the licence server it is for (\"host\")", where);
		if (pack_find(p, p->keys[i].number) != &p->keys[i])
			return err_set(err, MUSTER_E_INVALID, WHERE " has the key number %u twice", (unsigned)p->keys[i].number);
	}
	return MUSTER_OK;
}

/* ---- the rest ---- */

static int read_parties(struct pack *p, const json_t *j, struct muster_err *err)
{
	const json_t *organisation, *agreement;
	int r;

	if ((r = payload_object(&organisation, j, "organisation", WHERE, err)) != MUSTER_OK
	    || (r = payload_only(organisation, WHERE "'s organisation", "id name", err)) != MUSTER_OK
	    || (r = payload_text(&p->organisation_id, organisation, "id", PAYLOAD_TEXT_MAX, false, WHERE "'s organisation", err)) != MUSTER_OK
	    || (r = payload_text(&p->organisation, organisation, "name", PAYLOAD_TEXT_MAX, false, WHERE "'s organisation", err)) != MUSTER_OK
	    || (r = payload_object(&agreement, j, "agreement", WHERE, err)) != MUSTER_OK
	    || (r = payload_only(agreement, WHERE "'s agreement", "programme number license_id", err)) != MUSTER_OK
	    || (r = payload_text(&p->programme, agreement, "programme", PAYLOAD_TEXT_MAX, false, WHERE "'s agreement", err)) != MUSTER_OK
	    || (r = payload_text(&p->agreement, agreement, "number", PAYLOAD_TEXT_MAX, false, WHERE "'s agreement", err)) != MUSTER_OK)
		return r;
	return payload_text(&p->license_id, agreement, "license_id", PAYLOAD_TEXT_MAX, true, WHERE "'s agreement", err);
}

static int read_contact(struct pack_contact *c, const json_t *j, struct muster_err *err)
{
	static const char where[] = "a contact of " WHERE;
	int r;

	if (!json_is_object(j))
		return payload_bad(WHERE, "contacts", err);
	if ((r = payload_only(j, where, "region telephone hours web email", err)) != MUSTER_OK
	    || (r = payload_text(&c->region, j, "region", PAYLOAD_TEXT_MAX, false, where, err)) != MUSTER_OK
	    || (r = payload_text(&c->telephone, j, "telephone", PAYLOAD_TEXT_MAX, true, where, err)) != MUSTER_OK
	    || (r = payload_text(&c->hours, j, "hours", PAYLOAD_TEXT_MAX, true, where, err)) != MUSTER_OK
	    || (r = payload_text(&c->web, j, "web", PAYLOAD_TEXT_MAX, true, where, err)) != MUSTER_OK)
		return r;
	return payload_text(&c->email, j, "email", PAYLOAD_TEXT_MAX, true, where, err);
}

static int read_contacts(struct pack *p, const json_t *j, struct muster_err *err)
{
	const json_t *list;
	size_t n, i;
	int r;

	if ((r = read_list(&list, &n, j, "contacts", PACK_CONTACTS_MAX, WHERE, err)) != MUSTER_OK || n == 0)
		return r;
	if ((p->contacts = mem_array(n, sizeof(*p->contacts))) == NULL)
		return err_nomem(err);
	for (i = 0; r == MUSTER_OK && i < n; i++) {
		p->contact_count = i + 1;
		r = read_contact(&p->contacts[i], json_array_get(list, i), err);
	}
	return r;
}

/* Where the issuer's service and its revocation list are, and which host the pack is for. */
static int read_optional(struct pack *p, const json_t *j, struct muster_err *err)
{
	const json_t *crl = json_object_get(j, "crl");
	int r;

	p->has_host = json_object_get(j, "host") != NULL;
	if (p->has_host && (r = payload_bytes(p->host_binding, sizeof(p->host_binding), j, "host", WHERE, err)) != MUSTER_OK)
		return r;
	if ((r = payload_text(&p->service, j, "service", PAYLOAD_TEXT_MAX, true, WHERE, err)) != MUSTER_OK)
		return r;
	if (p->service != NULL && strncmp(p->service, "https://", 8) != 0)
		return err_set(err, MUSTER_E_INVALID, WHERE ": \"service\" is not an https address");
	if (crl == NULL)
		return MUSTER_OK;
	if (!json_is_string(crl) || json_string_length(crl) == 0)
		return payload_bad(WHERE, "crl", err);
	if (json_string_length(crl) > CRL_MAX)
		return err_set(err, MUSTER_E_LIMIT, WHERE ": \"crl\" has %zu bytes; at most %u are read", json_string_length(crl), CRL_MAX);
	return (p->crl = mem_strdup(json_string_value(crl))) != NULL ? MUSTER_OK : err_nomem(err);
}

int pack_read_body(struct pack *p, const json_t *j, struct muster_err *err)
{
	int64_t issue;
	int r;

	if ((r = payload_version(j, WHERE, err)) != MUSTER_OK
	    || (r = payload_only(j, WHERE, PAYLOAD_COMMON "exp organisation agreement issue host service crl contacts keys", err)) != MUSTER_OK
	    || (r = payload_urn(p->id, j, "jti", WHERE, err)) != MUSTER_OK || (r = payload_int(&p->exp, j, "exp", 1, TIME_MAX_S, WHERE, err)) != MUSTER_OK
	    || (r = payload_int(&issue, j, "issue", 1, UINT32_MAX, WHERE, err)) != MUSTER_OK)
		return r;
	if (p->exp <= p->iat || p->exp - p->iat > PACK_LIFE_S)
		return err_set(err, MUSTER_E_INVALID, WHERE " ends before it begins, or lives longer than three years");
	p->issue = (uint32_t)issue;
	if ((r = read_parties(p, j, err)) != MUSTER_OK || (r = read_optional(p, j, err)) != MUSTER_OK || (r = read_contacts(p, j, err)) != MUSTER_OK)
		return r;
	return read_keys(p, j, err);
}

int pack_read(struct pack **out, struct muster_span text, const struct trust_anchors *anchors, const struct crl *crl, int64_t now, struct muster_err *err)
{
	struct pack *p = mem_alloc(sizeof(*p));
	json_t *payload = NULL;
	int r;

	*out = NULL;
	if (p == NULL)
		return err_nomem(err);
	if (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	if ((r = statement_verify(&payload, text, TRUST_PACK_MAX, TRUST_TYP_PACK, anchors, crl, now, err)) != MUSTER_OK
	    || (r = payload_urn(p->issuer_id, payload, "iss", WHERE, err)) != MUSTER_OK
	    || (r = payload_int(&p->iat, payload, "iat", 0, TIME_MAX_S, WHERE, err)) != MUSTER_OK || (r = pack_read_body(p, payload, err)) != MUSTER_OK)
		goto done;
	*out = p;
	p = NULL;
done:
	json_decref(payload);
	pack_free(p);
	return r;
}

const struct pack_key *pack_find(const struct pack *p, uint32_t number)
{
	size_t i;

	for (i = 0; i < p->key_count; i++)
		if (p->keys[i].number == number)
			return &p->keys[i];
	return NULL;
}

bool pack_recognises(const struct pack *p, const struct pack_key *k, const struct product_key *typed)
{
	uint8_t prk[PRODUCT_KEY_PRK], verifier[32] = { 0 };
	bool same = product_key_prk(prk, p->issuer_id, typed, NULL) == MUSTER_OK && product_key_verifier(verifier, prk, p->id, NULL) == MUSTER_OK;

	same = CRYPTO_memcmp(verifier, k->verifier, sizeof(verifier)) == 0 && same && typed->kind == k->kind && typed->number == k->number;
	OPENSSL_cleanse(prk, sizeof(prk));
	OPENSSL_cleanse(verifier, sizeof(verifier));
	return same;
}
