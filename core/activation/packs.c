/* Licence packs: which are taken, and what is known of them (trust.md section 8). */
#include "core/activation/internal.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

static void pack_fini(struct held_pack *p)
{
	pack_free(p->pack);
	trust_chain_unref(p->chain);
	mem_free(p->issuer);
	memset(p, 0, sizeof *p);
}

void packs_free(struct held_pack *packs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		pack_fini(&packs[i]);
	mem_free(packs);
}

const struct held_pack *pack_by_id(const struct activation *a, const uint8_t id[16])
{
	for (size_t i = 0; i < a->pack_count; i++)
		if (memcmp(a->packs[i].pack->id, id, 16) == 0)
			return &a->packs[i];
	return NULL;
}

const struct held_pack *pack_with_key(const struct activation *a, const uint8_t issuer_id[16], char kind, uint32_t number, const struct pack_key **key)
{
	for (size_t i = 0; i < a->pack_count; i++) {
		const struct held_pack *p = &a->packs[i];
		const struct pack_key *k;

		if (p->superseded || memcmp(p->pack->issuer_id, issuer_id, 16) != 0 || (k = pack_find(p->pack, number)) == NULL || k->kind != kind)
			continue;
		if (key != NULL)
			*key = k;
		return p;
	}
	if (key != NULL)
		*key = NULL;
	return NULL;
}

/* ---- what is taken ---- */

/* Under the issuer that signed it. With several pinned, the refusal closest to success is reported. */
static int verify(struct held_pack *out, const struct activation *a, struct muster_span token, int64_t now, struct muster_err *err)
{
	struct trust_view *view = ring_view(a->ring);
	struct muster_err one = { 0 };
	int r = MUSTER_E_SIGNATURE;

	memset(out, 0, sizeof *out);
	token.n -= token.n > 0 && token.p[token.n - 1] == '\n';
	(void)err_code(err, r, CODE_M_PACK, a->issuer_count == 0 ? "no issuer is configured: add an [issuer NAME] section with its roots" :
	               "the licence pack was signed by none of the %zu issuers of the configuration", a->issuer_count);
	for (size_t i = 0; i < a->issuer_count; i++) {
		const struct trust_anchors *anchors = ring_anchors(view, a->issuers[i].name);
		int e;

		if (anchors == NULL)
			continue;
		if ((e = pack_read(&out->pack, token, anchors, ring_crl(view, a->issuers[i].name), now, &one)) == MUSTER_OK) {
			out->issuer = mem_strdup(a->issuers[i].name);
			r = out->issuer == NULL ? err_nomem(err) : statement_chain(&out->chain, token, TRUST_PACK_MAX, TRUST_TYP_PACK, err);
			break;
		}
		if (e != MUSTER_E_SIGNATURE || a->issuer_count == 1)
			r = err_code(err, e, CODE_M_PACK, "%s", one.message);
	}
	ring_view_unref(view);
	if (r != MUSTER_OK)
		pack_fini(out);
	else
		out->installed_at = now;
	return r;
}

static int check_product(const struct held_pack *p, const struct catalog *c, const uint8_t id[16], json_t *warnings, struct muster_err *err)
{
	const struct catalog_product *product = product_with_id(c, id);
	char text[UUID_TEXT], line[256];

	uuid_format(text, id);
	if (product == NULL) {
		(void)snprintf(line, sizeof line, "The pack names the activation ID %s, which no product of this host has: load its plugin or product file.", text);
		(void)json_array_append_new(warnings, json_string(line));
		return MUSTER_OK;
	}
	if (product->issuer == NULL)
		return err_code(err, MUSTER_E_MISMATCH, CODE_M_PACK_FOREIGN, "the pack licenses %s, which names no configured issuer: set `issuer = %s` in its section if this issuer may license it",
		                product->row.name, p->issuer);
	if (strcmp(product->issuer, p->issuer) != 0)
		return err_code(err, MUSTER_E_MISMATCH, CODE_M_PACK_FOREIGN, "the pack licenses %s, which belongs to the issuer %s; the pack comes from %s", product->row.name,
		                product->issuer, p->issuer);
	return MUSTER_OK;
}

static int check_products(const struct activation *a, const struct held_pack *p, json_t *warnings, struct muster_err *err)
{
	int r = MUSTER_OK;

	for (size_t i = 0; r == MUSTER_OK && i < p->pack->key_count; i++)
		for (size_t k = 0; r == MUSTER_OK && k < p->pack->keys[i].product_count; k++)
			r = check_product(p, a->catalog, p->pack->keys[i].products[k], warnings, err);
	return r;
}

static int check_host(const struct activation *a, const struct held_pack *p, json_t *warnings, struct muster_err *err)
{
	bool here;
	int r;

	(void)warnings;
	if (!p->pack->has_host)
		return MUSTER_OK;
	if ((r = binding_is_here(&here, a, p->pack->issuer_id, p->pack->host_binding, err)) != MUSTER_OK)
		return r;
	return here ? MUSTER_OK : err_code(err, MUSTER_E_MISMATCH, CODE_M_PACK_FOREIGN, "the pack was made for another host");
}

/* Licences for one licence server, and what activates it, are issued independently of each other. */
bool pack_same_line(const struct pack *a, const struct pack *b)
{
	bool licenses = pack_only_licenses(a);

	if (memcmp(a->issuer_id, b->issuer_id, 16) != 0 || strcmp(a->agreement, b->agreement) != 0 || strcmp(a->programme, b->programme) != 0 || licenses != pack_only_licenses(b))
		return false;
	return !licenses || (a->has_host == b->has_host && memcmp(a->host_binding, b->host_binding, BINDING_SIZE) == 0);
}

static int check_issue(const struct activation *a, const struct held_pack *p, json_t *warnings, struct muster_err *err)
{
	(void)warnings;
	for (size_t i = 0; i < a->pack_count; i++) {
		const struct pack *old = a->packs[i].pack;

		if (!pack_same_line(old, p->pack))
			continue;
		if (p->pack->issue < old->issue)
			return err_code(err, MUSTER_E_REFUSED, CODE_M_PACK_OLDER, "this is issue %u of the agreement %s's licence pack; issue %u is installed", p->pack->issue,
			                old->agreement, old->issue);
		if (p->pack->issue == old->issue)
			return err_code(err, MUSTER_E_REFUSED, CODE_M_PACK_OLDER, "another licence pack with issue %u of the agreement %s is installed; ask the issuer which is right",
			                old->issue, old->agreement);
	}
	return MUSTER_OK;
}

/* A lower generation of a key: its slots were voided by those of the higher one, whatever pack brought them. */
static int check_generation(const struct activation *a, const struct held_pack *p, json_t *warnings, struct muster_err *err)
{
	(void)warnings;
	for (size_t i = 0; i < p->pack->key_count; i++) {
		const struct pack_key *k = &p->pack->keys[i], *old;

		for (size_t j = 0; j < a->pack_count; j++)
			if (memcmp(a->packs[j].pack->issuer_id, p->pack->issuer_id, 16) == 0 && (old = pack_find(a->packs[j].pack, k->number)) != NULL &&
			    k->generation < old->generation)
				return err_code(err, MUSTER_E_REFUSED, CODE_M_PACK_OLDER, "the pack has generation %u of key number %u; generation %u is installed",
				                k->generation, k->number, old->generation);
	}
	return MUSTER_OK;
}

static int (*const rules[])(const struct activation *, const struct held_pack *, json_t *, struct muster_err *) = {
	check_products, check_host, check_issue, check_generation
};

/* What a host key covers by the plugin's data and the pack does not name is not activated by it: a certificate names every product. */
static void warn_coverage(const struct activation *a, const struct held_pack *p, json_t *warnings)
{
	const struct catalog_product *all;
	size_t n;

	all = catalog_products(a->catalog, &n);
	for (size_t i = 0; i < p->pack->key_count; i++) {
		struct held_key k = { .kind = p->pack->keys[i].kind };
		const struct catalog_product *of;
		char line[512] = "";
		size_t used = 0;

		k.product_count = p->pack->keys[i].product_count < TRUST_PRODUCTS_MAX ? p->pack->keys[i].product_count : TRUST_PRODUCTS_MAX;
		memcpy(k.products, p->pack->keys[i].products, k.product_count * 16);
		if (k.kind != PRODUCT_KEY_HOST || (of = key_product(a->catalog, &k)) == NULL)
			continue;
		for (size_t j = 0; j < n && used < sizeof line - 80; j++)
			if (all[j].enabled && all[j].row.model == of->row.model && catalog_covers(of, &all[j]) && !key_names(&k, all[j].row.activation_id))
				used += (size_t)snprintf(line + used, sizeof line - used, "%s%s", used > 0 ? ", " : "", all[j].row.name);
		if (used == 0)
			continue;
		(void)json_array_append_new(warnings, json_sprintf("The host key of %s would cover %s too, but the pack does not name them: ask the issuer to add them to the key.",
			of->row.name, line));
	}
}

static bool has_version(const struct catalog_product *p, const char *version)
{
	const struct muster_table *t = &p->row.access->versions;

	for (uint32_t i = 0; i < t->count; i++)
		if (strcmp(((const struct muster_access_version *)(const void *)((const unsigned char *)t->rows + (size_t)i * t->stride))->name, version) == 0)
			return true;
	return false;
}

/* Licences of a version that the product does not have count for nothing: better said now than missed in the report. */
static void warn_versions(const struct activation *a, const struct held_pack *p, json_t *warnings)
{
	for (size_t i = 0; i < p->pack->key_count; i++) {
		const struct pack_key *k = &p->pack->keys[i];

		for (size_t j = 0; k->per != 0 && j < k->product_count; j++) {
			const struct catalog_product *of = product_with_id(a->catalog, k->products[j]);

			if (of != NULL && of->row.access != NULL && !has_version(of, k->version))
				(void)json_array_append_new(warnings, json_sprintf("%s has no version %s here, so %u licences of it count for nothing until its plugin or product file has that version.",
					of->row.name, k->version, (unsigned)k->licenses));
		}
	}
}

/* ---- installing ---- */

static bool awaited(const struct activation *a, const uint8_t pack_id[16])
{
	for (size_t i = 0; i < a->id_count; i++)
		if (memcmp(a->ids[i].pack_id, pack_id, 16) == 0 && a->ids[i].answered_at == 0 && a->ids[i].replaced_at == 0)
			return true;
	return false;
}

/* Keys that the new pack has: from now on by its data. */
static void move_keys(const struct activation *a, struct act *t, const struct held_pack *p, struct held_key **moved, size_t *n)
{
	*n = 0;
	if ((*moved = mem_array(a->key_count + 1, sizeof **moved)) == NULL) {
		t->failed = true;
		return;
	}
	for (size_t i = 0; i < a->key_count; i++) {
		const struct pack_key *k = pack_find(p->pack, a->keys[i].number);
		struct held_key *out = &(*moved)[*n];

		if (k == NULL || k->kind != a->keys[i].kind || memcmp(a->keys[i].issuer_id, p->pack->issuer_id, 16) != 0 || k->product_count > TRUST_PRODUCTS_MAX)
			continue;
		*out = a->keys[i];
		memcpy(out->pack_id, p->pack->id, 16);
		out->product_count = k->product_count;
		memcpy(out->products, k->products, k->product_count * 16);
		/* limits are only raised; the issuer's last word may know a higher one than the pack */
		if (!key_activates_host(out->kind) && (int64_t)k->activations > (int64_t)out->allowed)
			out->allowed = k->activations;
		act_put_key(t, out);
		(*n)++;
	}
}

/* Into memory; what the new one replaces goes, unless an answer is awaited for it. */
static int adopt(struct activation *a, struct held_pack *p, struct muster_err *err)
{
	struct held_pack *grown, gone[PACK_KEYS_MAX];
	size_t kept = 0, gone_n = 0;

	pthread_mutex_lock(&a->lock);
	if ((grown = mem_grow(a->packs, a->pack_count + 1, sizeof *grown)) == NULL) {
		pthread_mutex_unlock(&a->lock);
		atomic_store(&a->stale, true);
		return err_nomem(err);
	}
	a->packs = grown;
	for (size_t i = 0; i < a->pack_count; i++) {
		bool older = pack_same_line(grown[i].pack, p->pack);

		if (older && !awaited(a, grown[i].pack->id) && gone_n < PACK_KEYS_MAX) {
			gone[gone_n++] = grown[i];
			continue;
		}
		grown[kept] = grown[i];
		grown[kept++].superseded |= older;
	}
	grown[kept] = *p;
	a->pack_count = kept + 1;
	pthread_mutex_unlock(&a->lock);
	atomic_fetch_add(&a->packs_change, 1);
	for (size_t i = 0; i < gone_n; i++)
		pack_fini(&gone[i]);
	return MUSTER_OK;
}

static int store(struct activation *a, const char *actor, struct held_pack *p, struct muster_span token, struct muster_err *err)
{
	struct held_key *moved = NULL;
	struct act t = { 0 };
	char id[UUID_TEXT];
	size_t n;
	int r;

	uuid_format(id, p->pack->id);
	act_put(&t, ACTIVATION_R_PACK, span_of(p->pack->id, 16), token);
	for (size_t i = 0; i < a->pack_count; i++)
		if (pack_same_line(a->packs[i].pack, p->pack) && !awaited(a, a->packs[i].pack->id))
			act_delete(&t, ACTIVATION_R_PACK, span_of(a->packs[i].pack->id, 16));
	move_keys(a, &t, p, &moved, &n);
	r = act_commit(a, &t, actor, ACTIVATION_J_PACK, id, err, "issue %u of agreement %.100s, %.200s", p->pack->issue, p->pack->agreement, p->pack->organisation);
	for (size_t i = 0; r == MUSTER_OK && i < n; i++)
		r = memory_put_key(a, &moved[i], err);
	if (r == MUSTER_OK)
		r = adopt(a, p, err);
	mem_free(moved);
	return r;
}

/* Its own list may name the certificate that signed it. */
static int check_signer(const struct activation *a, const struct held_pack *p, struct muster_err *err)
{
	struct trust_view *view = ring_view(a->ring);
	struct muster_err why = { 0 };
	int r = crl_permits(ring_crl(view, p->issuer), trust_chain_signer(p->chain), p->pack->iat, "the issuer that signed this licence pack", &why);

	ring_view_unref(view);
	return r == MUSTER_OK ? r : err_code(err, r, CODE_M_PACK, "%s", why.message);
}

int packs_take(struct activation *a, const char *actor, struct muster_span token, const struct held_pack **out, json_t *warnings, struct muster_err *err)
{
	const struct held_pack *taken;
	struct held_pack p;
	int r;

	if (out != NULL)
		*out = NULL;
	if ((r = verify(&p, a, token, activation_now(a), err)) != MUSTER_OK)
		return r;
	if ((taken = pack_by_id(a, p.pack->id)) != NULL) {
		pack_fini(&p);   /* signed, and its ID is never used twice: the same */
		if (out != NULL)
			*out = taken;
		return MUSTER_OK;
	}
	for (size_t i = 0; r == MUSTER_OK && i < sizeof rules / sizeof rules[0]; i++)
		r = rules[i](a, &p, warnings, err);
	if (r == MUSTER_OK && p.pack->crl != NULL) {
		crl_take(a, "the licence pack", span_str(p.pack->crl));
		r = check_signer(a, &p, err);
	}
	if (r == MUSTER_OK)
		r = store(a, actor, &p, token, err);
	if (r != MUSTER_OK) {
		pack_fini(&p);
		return r;
	}
	taken = &a->packs[a->pack_count - 1];
	warn_coverage(a, taken, warnings);
	warn_versions(a, taken, warnings);
	if (out != NULL)
		*out = taken;
	return MUSTER_OK;
}

/* ---- at the start and at a reload ---- */

struct loading { struct activation *a; struct held_pack *packs; size_t n; struct muster_err *err; };

/* A host that is another one now, or a copy of this one, has the pack but not its licences. */
static void look_where(const struct activation *a, struct held_pack *p)
{
	struct muster_err why = { 0 };
	bool here = true;

	if (p->pack->has_host && (binding_is_here(&here, a, p->pack->issuer_id, p->pack->host_binding, &why) != MUSTER_OK || !here)) {
		p->elsewhere = true;
		activation_say(a, 4, "pack-elsewhere", "issue %u of agreement %s's licence pack is bound to another host, or to hardware that this host no longer has: its licences do not count",
		               p->pack->issue, p->pack->agreement);
	}
}

static int load_one(void *ctx, const struct store_record *x)
{
	struct loading *l = ctx;
	struct held_pack *grown = mem_grow(l->packs, l->n + 1, sizeof *grown);
	struct muster_err why = { 0 };
	int r;

	if (grown == NULL)
		return err_nomem(l->err);
	l->packs = grown;
	if ((r = verify(&grown[l->n], l->a, span_of(x->data, x->data_n), x->at / 1000, &why)) == MUSTER_OK &&
	    (r = check_products(l->a, &grown[l->n], NULL, &why)) != MUSTER_OK)
		pack_fini(&grown[l->n]);
	if (r == MUSTER_OK)
		look_where(l->a, &grown[l->n++]);
	else if (r == MUSTER_E_NOMEM)
		return err_nomem(l->err);
	else
		activation_say(l->a, 4, "pack-left-out", "a licence pack installed before does not count under this configuration: %s", why.message);
	return MUSTER_OK;
}

static void mark_superseded(struct held_pack *packs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			packs[i].superseded |= pack_same_line(packs[i].pack, packs[k].pack) && packs[i].pack->issue < packs[k].pack->issue;
}

int packs_load(struct activation *a, struct muster_err *err)
{
	struct loading l = { .a = a, .err = err };
	struct held_pack *old;
	size_t old_n;
	int r;

	if ((r = records_each(a, ACTIVATION_R_PACK, load_one, &l, err)) != MUSTER_OK) {
		packs_free(l.packs, l.n);
		return r;
	}
	mark_superseded(l.packs, l.n);
	pthread_mutex_lock(&a->lock);
	old = a->packs;
	old_n = a->pack_count;
	a->packs = l.packs;
	a->pack_count = l.n;
	pthread_mutex_unlock(&a->lock);
	atomic_fetch_add(&a->packs_change, 1);
	packs_free(old, old_n);
	return MUSTER_OK;
}

/* ---- for administrators ---- */

static json_t *text_json(const char *text)
{
	return text != NULL ? json_string(text) : json_null();
}

static json_t *uuid_json(const uint8_t id[16])
{
	char text[UUID_TEXT];

	uuid_format(text, id);
	return json_string(text);
}

json_t *contacts_json(const struct pack *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->contact_count; i++) {
		const struct pack_contact *c = &p->contacts[i];

		(void)json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:o}", "region", text_json(c->region), "telephone", text_json(c->telephone), "hours",
			text_json(c->hours), "web", text_json(c->web), "email", text_json(c->email)));
	}
	return list;
}

static json_t *access_json(const struct pack_key *k)
{
	if (k->licenses == 0)
		return json_null();
	return json_pack("{s:s, s:o, s:I}", "per", k->per == MUSTER_PER_DEVICE ? "device" : k->per == MUSTER_PER_USER ? "user" : "seat", "version",
	                 k->version[0] != '\0' ? json_string(k->version) : json_null(), "licenses", (json_int_t)k->licenses);
}

static json_t *pack_json(const struct activation *a, const struct held_pack *h)
{
	const struct pack *p = h->pack;
	json_t *keys = json_array();

	for (size_t i = 0; i < p->key_count; i++) {
		const struct pack_key *k = &p->keys[i];
		char kind[2] = { k->kind, '\0' };

		(void)json_array_append_new(keys, json_pack("{s:s, s:s?, s:I, s:i, s:o, s:I, s:I, s:o, s:o, s:o}", "kind", kind, "kind_text", product_key_kind_name(k->kind),
			"number", (json_int_t)k->number, "generation", k->generation, "products", products_json(a->catalog, (const uint8_t (*)[16])k->products, k->product_count),
			"hosts", (json_int_t)k->hosts, "activations", (json_int_t)k->activations, "coverage_start", time_json(k->coverage_start), "coverage_end",
			time_json(k->coverage_end), "access", access_json(k)));
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "pack_id", uuid_json(p->id), "organisation", text_json(p->organisation), "agreement",
		text_json(p->agreement), "programme", text_json(p->programme), "license_id", text_json(p->license_id), "issue", (json_int_t)p->issue, "issued_at",
		time_json(p->iat), "ends_at", time_json(p->exp), "issuer", h->issuer, "service", text_json(p->service), "keys", keys, "contacts", contacts_json(p),
		"host", !p->has_host ? json_null() : json_string(h->elsewhere ? "another" : "this"));
}

int activation_packs(struct activation *a, json_t **out, struct muster_err *err)
{
	json_t *items = json_array();

	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < a->pack_count; i++)
		if (!a->packs[i].superseded)
			(void)json_array_append_new(items, pack_json(a, &a->packs[i]));
	pthread_mutex_unlock(&a->lock);
	*out = json_pack("{s:o}", "items", items);
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}

/* Which of its keys must still be typed. */
static json_t *missing_keys(const struct activation *a, const struct held_pack *h)
{
	json_t *list = json_array();

	for (size_t i = 0; i < h->pack->key_count; i++) {
		const struct pack_key *k = &h->pack->keys[i];
		const struct catalog_product *of;
		struct held_key as = { .product_count = k->product_count < TRUST_PRODUCTS_MAX ? k->product_count : TRUST_PRODUCTS_MAX };

		if (key_by_number(a, k->number) != NULL || k->licenses > 0 || k->kind == PRODUCT_KEY_EMBEDDED || k->kind == PRODUCT_KEY_SETUP)
			continue;
		memcpy(as.products, k->products, as.product_count * 16);
		if ((of = key_product(a->catalog, &as)) != NULL)
			(void)json_array_append_new(list, k->kind == PRODUCT_KEY_ACCESS ? json_sprintf("programme and number for %s (musterctl access activate %s)", of->row.name, of->row.name)
			                                                                 : json_sprintf("%s for %s", product_key_kind_name(k->kind), of->row.name));
	}
	return list;
}

int activation_pack_install(struct activation *a, const char *actor, struct muster_span token, json_t **out, struct muster_err *err)
{
	json_t *warnings = json_array();
	const struct held_pack *p;
	int r;

	activation_begin(a);
	if ((r = packs_take(a, actor, token, &p, warnings, err)) == MUSTER_OK) {
		*out = json_pack("{s:o, s:O, s:o}", "pack", pack_json(a, p), "warnings", warnings, "missing", missing_keys(a, p));
		if (*out == NULL)
			r = err_nomem(err);
	}
	activation_end(a);
	json_decref(warnings);
	return r;
}
