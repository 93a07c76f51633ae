/* Licence packs: writing, for the issuer. The rules are those of the reader. */
#include "core/trust/pack.h"

#include <muster/plugin.h>
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/trust/pack_private.h"
#include "core/trust/payload.h"

#define AROUND_MAX 8192   /* header with x5c, signature, iss, aud, iat, nbf: 3 KiB as they are usually */

static bool add_slots(json_t *j, const struct pack_key *k)
{
	json_t *list = json_array();
	size_t i;
	bool ok = list != NULL;

	for (i = 0; ok && i < k->slot_count; i++)
		ok = json_array_append_new(list, payload_base64(k->slots[i].p, k->slots[i].n)) == 0;
	for (i = 0; ok && i < k->finder_count; i++)
		ok = json_array_append_new(list, payload_base64(k->finders[i], SLOT_FINDER)) == 0;
	if (!ok || (k->slot_count == 0 && k->finder_count == 0)) {
		json_decref(list);
		return ok;
	}
	return payload_set(j, k->slot_count > 0 ? "slots" : "finders", list);
}

static bool add_access(json_t *j, const struct pack_key *k)
{
	json_t *access = json_object();

	if (access == NULL || !payload_set(access, "per", json_string(k->per == MUSTER_PER_DEVICE ? "device" : k->per == MUSTER_PER_USER ? "user" : "seat"))
	    || !payload_set_text(access, "version", k->version[0] != '\0' ? k->version : NULL) || !payload_set(access, "licenses", json_integer(k->licenses))) {
		json_decref(access);
		return false;
	}
	return payload_set(j, "access", access);
}

static json_t *key_payload(const struct pack_key *k)
{
	const char kind[2] = { k->kind, '\0' };
	json_t *j = json_object();

	if (j != NULL && payload_set(j, "kind", json_string(kind)) && payload_set(j, "number", json_integer(k->number))
	    && payload_set(j, "generation", json_integer(k->generation)) && payload_set_products(j, (const uint8_t (*)[16])k->products, k->product_count)
	    && payload_set(j, "hosts", json_integer(k->hosts)) && payload_set(j, "activations", json_integer(k->activations))
	    && payload_set_bytes(j, "verifier", k->verifier, sizeof(k->verifier))
	    && (!k->has_proof_key || payload_set_bytes(j, "proof_key", k->proof_key, sizeof(k->proof_key)))
	    && payload_set_coverage(j, k->coverage_start, k->coverage_end) && (k->licenses == 0 || add_access(j, k)) && add_slots(j, k))
		return j;
	json_decref(j);
	return NULL;
}

static json_t *keys_payload(const struct pack *p)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; list != NULL && i < p->key_count; i++)
		if (json_array_append_new(list, key_payload(&p->keys[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

static json_t *contacts_payload(const struct pack *p)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; list != NULL && i < p->contact_count; i++) {
		const struct pack_contact *c = &p->contacts[i];
		json_t *j = json_object();
		bool ok = j != NULL && payload_set_text(j, "region", c->region) && payload_set_text(j, "telephone", c->telephone)
		          && payload_set_text(j, "hours", c->hours) && payload_set_text(j, "web", c->web) && payload_set_text(j, "email", c->email);

		if (!ok)
			json_decref(j);
		if (!ok || json_array_append_new(list, j) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static json_t *organisation_payload(const struct pack *p)
{
	json_t *j = json_object();

	if (j != NULL && payload_set_text(j, "id", p->organisation_id) && payload_set_text(j, "name", p->organisation))
		return j;
	json_decref(j);
	return NULL;
}

static json_t *agreement_payload(const struct pack *p)
{
	json_t *j = json_object();

	if (j != NULL && payload_set_text(j, "programme", p->programme) && payload_set_text(j, "number", p->agreement)
	    && payload_set_text(j, "license_id", p->license_id))
		return j;
	json_decref(j);
	return NULL;
}

static json_t *make(const struct pack *p)
{
	json_t *j = json_object();

	if (j != NULL && payload_set(j, "ver", json_integer(1)) && payload_set_urn(j, "jti", p->id) && payload_set(j, "exp", json_integer(p->exp))
	    && payload_set(j, "organisation", organisation_payload(p)) && payload_set(j, "agreement", agreement_payload(p))
	    && payload_set(j, "issue", json_integer(p->issue)) && (!p->has_host || payload_set_bytes(j, "host", p->host_binding, sizeof(p->host_binding)))
	    && payload_set_text(j, "service", p->service) && payload_set_text(j, "crl", p->crl) && payload_set(j, "contacts", contacts_payload(p))
	    && payload_set(j, "keys", keys_payload(p)))
		return j;
	json_decref(j);
	return NULL;
}

int pack_payload(json_t **out, const struct pack *p, struct muster_err *err)
{
	struct pack *again = mem_alloc(sizeof(*again));
	json_t *j = make(p);
	size_t n;
	int r;

	*out = NULL;
	if (again == NULL || j == NULL) {
		r = err_set(err, MUSTER_E_NOMEM, "out of memory, or a text of the licence pack is not UTF-8");
		goto done;
	}
	again->iat = p->iat;
	if ((r = pack_read_body(again, j, err)) != MUSTER_OK)
		goto done;
	n = B64_SIZE(json_dumpb(j, NULL, 0, JSON_COMPACT)) + AROUND_MAX;
	if (n > TRUST_PACK_MAX) {
		r = err_set(err, MUSTER_E_LIMIT, "the licence pack would have about %zu bytes; at most %u are read: divide its keys among several agreements", n, TRUST_PACK_MAX);
		goto done;
	}
	*out = j;
	j = NULL;
done:
	json_decref(j);
	pack_free(again);
	return r;
}
