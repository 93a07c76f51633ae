/* Product keys: which are taken, under which pack, and what is shown of them (trust.md section 4; facts.md sections 2 and 5). */
#include "core/activation/internal.h"

#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

/* ---- looking ---- */

struct held_key *key_by_number(const struct activation *a, uint32_t number)
{
	for (size_t i = 0; i < a->key_count; i++)
		if (a->keys[i].number == number)
			return &a->keys[i];
	return NULL;
}

bool key_activates_host(char kind)
{
	return kind == PRODUCT_KEY_HOST || kind == PRODUCT_KEY_ACCESS;
}

bool key_names(const struct held_key *k, const uint8_t product[16])
{
	for (size_t i = 0; i < k->product_count; i++)
		if (memcmp(k->products[i], product, 16) == 0)
			return true;
	return false;
}

bool pack_key_names(const struct pack_key *k, const uint8_t product[16])
{
	for (size_t i = 0; i < k->product_count; i++)
		if (memcmp(k->products[i], product, 16) == 0)
			return true;
	return false;
}

const struct catalog_product *product_with_id(const struct catalog *c, const uint8_t id[16])
{
	const struct catalog_edition *e = catalog_find(c, id);

	return e != NULL && memcmp(e->product->row.activation_id, id, 16) == 0 ? e->product : NULL;
}

const struct catalog_product *key_product(const struct catalog *c, const struct held_key *k)
{
	const struct catalog_product *best = NULL;
	size_t best_n = 0;

	for (size_t i = 0; i < k->product_count; i++) {
		const struct catalog_product *p = product_with_id(c, k->products[i]), *other;
		size_t n = 0;

		for (size_t j = 0; p != NULL && j < k->product_count; j++)
			n += (other = product_with_id(c, k->products[j])) != NULL && catalog_covers(p, other);
		if (n > best_n) {
			best = p;
			best_n = n;
		}
	}
	return best;
}

/* The one that was granted for it; a host that was activated anew has another. */
static bool certificate_revoked(const struct activation *a, const struct held_key *k)
{
	struct trust_view *view = ring_view(a->ring);
	const struct ring_chain *c = k->activated_at != 0 ? ring_by_kid(view, k->kid, strlen(k->kid)) : NULL;
	bool revoked = c != NULL && c->revoked != NULL;

	ring_view_unref(view);
	return revoked;
}

enum key_state key_state(const struct activation *a, const struct held_key *k)
{
	if (k->revoked || certificate_revoked(a, k))
		return KEY_REVOKED;
	if (k->activated_at != 0)
		return KEY_ACTIVATED;
	if (pack_with_key(a, k->issuer_id, k->kind, k->number, NULL) == NULL)
		return KEY_PACK_MISSING;
	return pending_find(a, k) != NULL ? KEY_PENDING : KEY_NOT_ACTIVATED;
}

const char *key_state_word(enum key_state s)
{
	static const char *const words[] = { "pack-missing", "not-activated", "pending", "activated", "revoked" };

	return words[s];
}

int key_open(struct product_key *out, const struct activation *a, const struct held_key *k, struct muster_err *err)
{
	struct buf plain;
	uint8_t id[4];
	int r;

	memset(out, 0, sizeof *out);
	be32_put(id, k->number);
	buf_init(&plain, PRODUCT_KEY_SECRET);
	r = unseal_record(&plain, a, ACTIVATION_R_KEY, span_of(id, sizeof id), span_of(k->sealed, k->sealed_n), err);
	if (r == MUSTER_OK && plain.n != PRODUCT_KEY_SECRET)
		r = err_set(err, MUSTER_E_INTERNAL, "the sealed secret of key %s has a wrong size", k->partial);
	if (r == MUSTER_OK) {
		out->kind = k->kind;
		out->number = k->number;
		memcpy(out->secret, plain.p, PRODUCT_KEY_SECRET);
	}
	buf_cleanse(&plain);
	return r;
}

int key_prk(uint8_t prk[PRODUCT_KEY_PRK], const struct activation *a, const struct held_key *k, struct muster_err *err)
{
	struct product_key key;
	int r;

	if ((r = key_open(&key, a, k, err)) == MUSTER_OK)
		r = product_key_prk(prk, k->issuer_id, &key, err);
	OPENSSL_cleanse(&key, sizeof key);
	return r;
}

/* "office2013 (5FGXNR)", for lists in sentences. */
static size_t name_key(char *out, size_t room, const struct catalog *c, const struct held_key *k, bool first)
{
	const struct catalog_product *p = key_product(c, k);
	int n = snprintf(out, room, "%s%s of %s, number %u (%s)", first ? "" : "; ", product_key_kind_name(k->kind), p != NULL ? p->row.name : "an unknown product", k->number, k->partial);

	return n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

/* What a product lacks, by name. */
static int say_missing(const struct activation *a, const struct catalog_product *p, struct muster_err *err)
{
	for (size_t i = 0; i < a->pack_count; i++)
		for (size_t k = 0; k < a->packs[i].pack->key_count; k++) {
			const struct pack_key *x = &a->packs[i].pack->keys[k];

			if (!key_activates_host(x->kind) || x->hosts == 0 || !pack_key_names(x, p->row.activation_id))
				continue;
			if (x->kind == PRODUCT_KEY_ACCESS)
				return err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_NO_KEY, "the licence pack of %s is installed (%.100s), this licence server was given no programme and number yet: musterctl access activate %s --programme NAME --number NUMBER",
				                p->row.name, a->packs[i].pack->organisation, p->row.name);
			return err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_NO_KEY, "the licence pack of %s is installed (%.100s, agreement %.60s), its host key is not: install it with musterctl ipk",
			                p->row.name, a->packs[i].pack->organisation, a->packs[i].pack->agreement);
		}
	if (p->row.model == MUSTER_MODEL_ACCESS)
		return err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_NO_LICENSE, "no licence pack that activates a licence server of %s is installed: install it with musterctl pack install, then say by "
		                "which agreement: musterctl access activate %s --programme NAME --number NUMBER", p->row.name, p->row.name);
	return err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_NO_LICENSE, "neither a licence pack nor a host key for %s is installed: install the pack with musterctl pack install, then the key with musterctl ipk",
	                p->row.name);
}

bool key_is_for(const struct catalog *c, const struct held_key *k, const uint8_t product[16])
{
	const struct catalog_product *p = key_product(c, k);

	return p != NULL && memcmp(p->row.activation_id, product, 16) == 0;
}

int key_pick(struct held_key **out, const struct activation *a, const struct catalog *c, const struct catalog_product *product, struct muster_err *err)
{
	char all[600] = "";
	size_t n = 0, used = 0;

	*out = NULL;
	for (size_t i = 0; i < a->key_count; i++) {
		struct held_key *k = &a->keys[i];

		if (!key_activates_host(k->kind) || (product != NULL && !key_names(k, product->row.activation_id)))
			continue;
		*out = k;
		if (product != NULL && key_is_for(c, k, product->row.activation_id))
			return MUSTER_OK;   /* of several that name it, the one for this very version */
		used += name_key(all + used, sizeof all - used, c, k, n++ == 0);
	}
	if (n == 1)
		return MUSTER_OK;
	*out = NULL;
	if (n > 1)
		return err_code(err, MUSTER_E_INVALID, CODE_M_WHICH_KEY, "name one of the installed keys by its product's activation ID: %s", all);
	return product != NULL ? say_missing(a, product, err) :
	       err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_NO_KEY, a->pack_count > 0 ? "a licence pack is installed, but no host key: install it with musterctl ipk" :
	                "neither a licence pack nor a host key is installed: begin with musterctl pack install");
}

/* ---- installing ---- */

static int check_kind(const struct product_key *key, struct muster_err *err)
{
	switch (key->kind) {
	case PRODUCT_KEY_SETUP:
		return err_code(err, MUSTER_E_REFUSED, CODE_M_KEY_FOREIGN, "this is a setup key: it marks a client as a volume client and belongs there, not on a host");
	case PRODUCT_KEY_EMBEDDED:
		return err_code(err, MUSTER_E_REFUSED, CODE_M_KEY_FOREIGN, "this is an embedded key: setup finds it on the installation medium; a host needs only its licence pack");
	default:
		return MUSTER_OK;
	}
}

/* Who the packs are from, for a key that fits none. */
static void describe_packs(const struct activation *a, char *out, size_t room)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < a->pack_count && used + 1 < room; i++) {
		const struct pack *p = a->packs[i].pack;
		int n = 0;

		if (a->packs[i].superseded)
			continue;
		n = snprintf(out + used, room - used, "%s%.80s, agreement %.40s:", used > 0 ? "; " : "", p->organisation, p->agreement);
		used += n > 0 ? (size_t)n : 0;
		for (size_t k = 0; k < p->key_count && used + 1 < room; k++) {
			struct held_key as = { .product_count = p->keys[k].product_count < TRUST_PRODUCTS_MAX ? p->keys[k].product_count : TRUST_PRODUCTS_MAX };
			const struct catalog_product *of;

			memcpy(as.products, p->keys[k].products, as.product_count * 16);
			of = key_product(a->catalog, &as);
			n = snprintf(out + used, room - used, "%s %s of %s", k > 0 ? "," : "", product_key_kind_name(p->keys[k].kind), of != NULL ? of->row.name : "an unknown product");
			used += n > 0 ? (size_t)n : 0;
		}
	}
}

/* The pack that knows this key; nothing of the key leaves this function for one that does not. */
static int find_pack(const struct held_pack **out, const struct pack_key **key, const struct activation *a, const struct product_key *typed, struct muster_err *err)
{
	const char *kind = product_key_kind_name(typed->kind);
	char partial[PRODUCT_KEY_PARTIAL], packs[500];

	*out = NULL;
	product_key_partial(partial, typed);
	for (size_t i = 0; i < a->pack_count; i++) {
		const struct held_pack *p = &a->packs[i];
		const struct pack_key *k = pack_find(p->pack, typed->number);

		if (p->superseded || k == NULL || k->kind != typed->kind)
			continue;
		if (!pack_recognises(p->pack, k, typed))
			return err_code(err, MUSTER_E_MISMATCH, CODE_M_KEY_FOREIGN, "the %s ...-%s has the number of a key of %.100s, agreement %.60s, but is another key: it comes from another issuer or "
			                "organisation, or was not typed as printed", kind, partial, p->pack->organisation, p->pack->agreement);
		if (k->licenses > 0)
			return err_code(err, MUSTER_E_REFUSED, CODE_M_KEY_FOREIGN, "the %s ...-%s names licences, which count since its pack was installed: there is nothing to activate with it", kind, partial);
		*out = p;
		*key = k;
		break;
	}
	if (*out == NULL && a->pack_count == 0)
		return err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_NO_LICENSE, "the licence pack of this %s is missing: install the file that came with the key first (musterctl pack install FILE), then the key", kind);
	if (*out == NULL) {
		describe_packs(a, packs, sizeof packs);
		return err_code(err, MUSTER_E_MISMATCH, CODE_M_KEY_FOREIGN, "no installed licence pack knows the %s ...-%s: it is of another product, version or organisation, or its own pack is missing. Installed: %s",
		                kind, partial, packs);
	}
	if ((*out)->pack->exp <= activation_now(a)) {
		char date[TIME_RFC3339];

		time_rfc3339(date, (*out)->pack->exp * 1000);
		return err_code(err, MUSTER_E_EXPIRED, CODE_M_PACK, "the licence pack of this key ended on %.10s: ask the issuer for its next issue", date);
	}
	return (*key)->product_count <= TRUST_PRODUCTS_MAX ? MUSTER_OK :
	       err_code(err, MUSTER_E_LIMIT, CODE_M_PACK, "the key names more than %d products", TRUST_PRODUCTS_MAX);
}

/* Another key in the same place: one host key a product version; of counted ones, one a product and coverage. */
static const struct held_key *in_place(const struct activation *a, const struct held_key *k, int64_t coverage_start)
{
	for (size_t i = 0; i < a->key_count; i++) {
		const struct held_key *o = &a->keys[i];
		const struct pack_key *pk = NULL;

		if (o->kind != k->kind || o->number == k->number || key_product(a->catalog, o) != key_product(a->catalog, k))
			continue;
		(void)pack_with_key(a, o->issuer_id, o->kind, o->number, &pk);
		if (k->kind != PRODUCT_KEY_ESU || pk == NULL || pk->coverage_start == coverage_start)
			return o;
	}
	return NULL;
}

static void put_removal(struct act *t, const struct activation *a, const struct held_key *k);
static void remove_from_memory(struct activation *a, const struct held_key *k);

static json_t *installed_json(const struct activation *a, const struct catalog *c, const struct held_key *k, bool again);

static int seal_key(struct held_key *k, const struct activation *a, const struct product_key *typed, struct muster_err *err)
{
	struct buf sealed;
	uint8_t id[4];
	int r;

	be32_put(id, k->number);
	buf_init(&sealed, sizeof k->sealed);
	r = seal_record(&sealed, a, ACTIVATION_R_KEY, span_of(id, sizeof id), span_of(typed->secret, PRODUCT_KEY_SECRET), err);
	if (r == MUSTER_OK) {
		memcpy(k->sealed, sealed.p, sealed.n);
		k->sealed_n = sealed.n;
	}
	buf_fini(&sealed);
	return r;
}

int key_install(struct activation *a, const char *actor, const struct product_key *typed, bool replace, json_t **out, struct muster_err *err)
{
	const struct held_pack *pack;
	const struct pack_key *pk = NULL;
	const struct held_key *old;
	const struct catalog_product *product;
	struct held_key k = { .kind = typed->kind, .number = typed->number, .installed_at = activation_now(a), .allowed = -1, .used = -1 }, gone;
	struct act t = { 0 };
	int r;

	if ((r = check_kind(typed, err)) != MUSTER_OK || (r = find_pack(&pack, &pk, a, typed, err)) != MUSTER_OK)
		return r;
	product_key_partial(k.partial, typed);
	memcpy(k.issuer_id, pack->pack->issuer_id, 16);
	memcpy(k.pack_id, pack->pack->id, 16);
	k.product_count = pk->product_count;
	memcpy(k.products, pk->products, pk->product_count * 16);
	if (!key_activates_host(k.kind))
		k.allowed = pk->activations;
	if ((product = key_product(a->catalog, &k)) == NULL)
		return err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_UNSUPPORTED_PRODUCT, "the key ...-%s is for products that this host does not have: load their plugin or product file", k.partial);
	if ((old = key_by_number(a, k.number)) != NULL && memcmp(old->issuer_id, k.issuer_id, 16) == 0) {
		*out = installed_json(a, a->catalog, old, true);
		return *out != NULL ? MUSTER_OK : err_nomem(err);
	}
	if (old == NULL)
		old = in_place(a, &k, pk->coverage_start);
	if (old != NULL && !replace)
		return err_code(err, MUSTER_E_EXISTS, CODE_M_KEY_EXISTS, "another %s of %s is installed (...-%s)%s; to use ...-%s instead, replace it", product_key_kind_name(k.kind), product->row.name,
		                old->partial, old->activated_at != 0 ? ", and this host is activated with it" : "", k.partial);
	if ((r = seal_key(&k, a, typed, err)) != MUSTER_OK)
		return r;
	if (old != NULL) {
		gone = *old;
		put_removal(&t, a, &gone);
	}
	act_put_key(&t, &k);
	if ((r = act_commit(a, &t, actor, ACTIVATION_J_KEY, k.partial, err, "%s of %s%s%s", product_key_kind_name(k.kind), product->row.name, old != NULL ? ", instead of " : "",
	                    old != NULL ? gone.partial : "")) != MUSTER_OK)
		return r;
	if (old != NULL)
		remove_from_memory(a, &gone);
	if ((r = memory_put_key(a, &k, err)) != MUSTER_OK || (r = binding_check(a, err)) != MUSTER_OK)
		return r;
	*out = installed_json(a, a->catalog, &k, false);
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}

int activation_key_install(struct activation *a, const char *actor, const char *key, size_t n, bool replace, json_t **out, struct muster_err *err)
{
	struct product_key typed;
	int r;

	if ((r = product_key_parse(&typed, key, n, err)) == MUSTER_OK) {
		activation_begin(a);
		r = key_install(a, actor, &typed, replace, out, err);
		activation_end(a);
	}
	OPENSSL_cleanse(&typed, sizeof typed);
	return r;
}

/* ---- removing ---- */

/* What of a slot stays: its chain, for what was signed under it. */
static void strip_slot(struct act *t, const struct activation *a, const struct held_id *x)
{
	json_error_t e;
	struct buf data;
	uint8_t id[7];
	json_t *o;

	be32_put(id, x->number);
	id[4] = x->generation;
	be16_put(id + 5, x->slot);
	buf_init(&data, RECORD_JSON_MAX);
	if (ledger_record(a->ledger, ACTIVATION_R_SLOT, span_of(id, sizeof id), &data, NULL) == MUSTER_OK &&
	    (o = json_loadb((const char *)data.p, data.n, 0, &e)) != NULL) {
		(void)json_object_del(o, "sealed");
		act_put_json(t, ACTIVATION_R_SLOT, span_of(id, sizeof id), o);
	}
	buf_fini(&data);
}

/* Every certificate that signs for nothing but this key's products, and is not what another key here gave the host: it is this key's. */
static bool is_of_key(const struct activation *a, const struct ring_chain *c, const struct held_key *k)
{
	struct muster_err err;

	if (c->signer == NULL || memcmp(c->issuer_id, k->issuer_id, 16) != 0 || certificate_fits(c->chain, k, &err) != MUSTER_OK)
		return false;
	for (size_t i = 0; i < a->key_count; i++)
		if (a->keys[i].number != k->number && strcmp(a->keys[i].kid, trust_chain_kid(c->chain)) == 0)
			return false;
	return true;
}

/* Private keys of slots go, chains stay. Installation IDs stay too, so that attempts go on where they were. */
static void put_removal(struct act *t, const struct activation *a, const struct held_key *k)
{
	struct trust_view *view = ring_view(a->ring);
	const struct ring_chain *chains;
	uint8_t id[4];
	size_t n;

	be32_put(id, k->number);
	act_delete(t, ACTIVATION_R_KEY, span_of(id, sizeof id));
	chains = ring_chains(view, &n);
	for (size_t i = 0; key_activates_host(k->kind) && i < n; i++)
		if (is_of_key(a, &chains[i], k))
			act_put(t, ACTIVATION_R_RETIRED, span_str(trust_chain_kid(chains[i].chain)), span_str(k->partial));
	for (size_t i = 0; i < a->id_count; i++)
		if (a->ids[i].number == k->number && a->ids[i].answered_at != 0 && strcmp(a->ids[i].method, "telephone") == 0)
			strip_slot(t, a, &a->ids[i]);
	ring_view_unref(view);
}

static void remove_from_memory(struct activation *a, const struct held_key *k)
{
	struct trust_view *view = ring_view(a->ring);
	const struct ring_chain *chains;
	struct muster_err err = { 0 };
	size_t n;

	memory_drop_key(a, k->number);
	chains = ring_chains(view, &n);
	for (size_t i = 0; key_activates_host(k->kind) && i < n; i++)
		if (is_of_key(a, &chains[i], k) && ring_retire(a->ring, trust_chain_kid(chains[i].chain), true, &err) != MUSTER_OK)
			activation_say(a, 3, "key-remove", "the certificate of the removed key goes on signing until the next start: %s", err.message);
	ring_view_unref(view);
}

static int find_one(struct held_key **out, const struct activation *a, const uint8_t activation_id[16], const char *number, struct muster_err *err)
{
	char all[600] = "", text[UUID_TEXT];
	size_t used = 0, n = 0;

	*out = NULL;
	for (size_t i = 0; i < a->key_count; i++) {
		struct held_key *k = &a->keys[i];
		char own[16];

		(void)snprintf(own, sizeof own, "%u", k->number);
		if (number != NULL ? strcmp(own, number) != 0 && strcmp(k->partial, number) != 0 : !key_names(k, activation_id))
			continue;
		*out = k;
		used += name_key(all + used, sizeof all - used, a->catalog, k, n++ == 0);
	}
	if (n == 1)
		return MUSTER_OK;
	*out = NULL;
	if (n > 1)
		return err_code(err, MUSTER_E_INVALID, CODE_M_WHICH_KEY, "several installed keys name this product, say which by its number: %s", all);
	if (number != NULL)
		return err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_NO_KEY, "no key with the number %.20s is installed", number);
	uuid_format(text, activation_id);
	return err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_NO_KEY, "Activation ID (%s) not found: no installed key is for it", text);
}

int activation_key_remove(struct activation *a, const char *actor, const uint8_t activation_id[16], const char *number, json_t **out, struct muster_err *err)
{
	struct held_key *found, gone;
	struct act t = { 0 };
	int r;

	if (activation_id == NULL && number == NULL)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "say which key: by its product's activation ID or by its number; all are never removed at once");
	activation_begin(a);
	r = find_one(&found, a, activation_id, number, err);
	if (r == MUSTER_OK && found != NULL) {
		gone = *found;
		put_removal(&t, a, &gone);
		r = act_commit(a, &t, actor, ACTIVATION_J_KEY_REMOVE, gone.partial, err, "%s, number %u", product_key_kind_name(gone.kind), gone.number);
	}
	if (r == MUSTER_OK) {
		remove_from_memory(a, &gone);
		r = binding_check(a, err);
	}
	if (r == MUSTER_OK) {
		*out = json_pack("{s:I, s:s, s:o}", "number", (json_int_t)gone.number, "partial", gone.partial, "message",
			json_sprintf("Removed product key ...-%s successfully.", gone.partial));
		r = *out != NULL ? MUSTER_OK : err_nomem(err);
	}
	activation_end(a);
	return r;
}

/* ---- showing ---- */

json_t *time_json(int64_t s)
{
	char text[TIME_RFC3339];

	if (s == 0)
		return json_null();
	time_rfc3339(text, s * 1000);
	return json_string(text);
}

json_t *products_json(const struct catalog *c, const uint8_t (*ids)[16], size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		const struct catalog_product *p = c != NULL ? product_with_id(c, ids[i]) : NULL;
		char text[UUID_TEXT];

		uuid_format(text, ids[i]);
		(void)json_array_append_new(list, json_string(p != NULL ? p->row.name : text));
	}
	return list;
}

static json_t *key_json(const struct activation *a, const struct catalog *c, const struct held_key *k)
{
	const struct held_pack *p = pack_with_key(a, k->issuer_id, k->kind, k->number, NULL);
	const struct catalog_product *of = key_product(c, k);
	char kind[2] = { k->kind, '\0' }, pack_id[UUID_TEXT] = "";
	bool counted = !key_activates_host(k->kind);

	if (p != NULL)
		uuid_format(pack_id, p->pack->id);
	return json_pack("{s:I, s:s, s:s?, s:s, s:s?, s:o, s:o, s:o, s:s, s:o, s:o, s:s?, s:o, s:o, s:o}", "number", (json_int_t)k->number, "kind", kind, "kind_text", product_key_kind_name(k->kind),
		"partial", k->partial, "product", of != NULL ? of->row.name : NULL, "products", products_json(c, (const uint8_t (*)[16])k->products, k->product_count),
		"pack_id", p != NULL ? json_string(pack_id) : json_null(), "installed_at", time_json(k->installed_at), "state", key_state_word(key_state(a, k)),
		"activated_at", time_json(k->activated_at), "ends_at", time_json(k->ends_at), "method", k->method[0] != '\0' ? k->method : NULL,
		"allowed", counted ? json_integer(k->allowed) : json_null(), "used", counted ? json_integer(k->used) : json_null(),
		"remaining", !counted ? json_null() : json_integer(k->allowed >= 0 && k->used >= 0 ? k->allowed - k->used : -1));
}

static json_t *installed_json(const struct activation *a, const struct catalog *c, const struct held_key *k, bool again)
{
	const struct catalog_product *of = key_product(c, k);
	char id[UUID_TEXT];

	if (of == NULL)
		return NULL;
	uuid_format(id, of->row.activation_id);
	return json_pack("{s:o, s:o, s:o}", "key", key_json(a, c, k), "message",
		again ? json_sprintf("Product key XXXXX-XXXXX-XXXXX-XXXXX-%s is installed already.", k->partial) :
		json_sprintf("Installed product key XXXXX-XXXXX-XXXXX-XXXXX-%s successfully.", k->partial),
		"next", !key_activates_host(k->kind) ? json_string("Machines that come by with this key are activated for it; musterctl mak shows them.") :
		k->activated_at != 0 ? json_string("This host is activated with it.") :
		json_sprintf("Activate this host: online with musterctl ato %s, or by telephone with musterctl phone %s", id, id));
}

int activation_keys(struct activation *a, json_t **out, struct muster_err *err)
{
	json_t *items = json_array();

	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < a->key_count; i++)
		(void)json_array_append_new(items, key_json(a, a->catalog, &a->keys[i]));
	pthread_mutex_unlock(&a->lock);
	*out = json_pack("{s:o}", "items", items);
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}

int activation_key_whole(struct activation *a, const char *actor, uint32_t number, json_t **out, struct muster_err *err)
{
	char text[PRODUCT_KEY_TEXT] = "";
	const struct held_key *k;
	struct product_key key;
	struct act t = { 0 };
	int r;

	memset(&key, 0, sizeof key);
	activation_begin(a);
	if ((k = key_by_number(a, number)) == NULL)
		r = err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_NO_KEY, "no key with the number %u is installed", number);
	else if ((r = key_open(&key, a, k, err)) == MUSTER_OK)
		r = act_commit(a, &t, actor, ACTIVATION_J_KEY_SHOWN, k->partial, err, "the whole key, number %u", number);   /* before it is shown */
	if (r == MUSTER_OK) {
		product_key_format(text, &key);
		*out = json_pack("{s:s}", "key", text);
		r = *out != NULL ? MUSTER_OK : err_nomem(err);
	}
	activation_end(a);
	OPENSSL_cleanse(&key, sizeof key);
	OPENSSL_cleanse(text, sizeof text);
	return r;
}
