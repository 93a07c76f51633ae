/* Activation of this host by digits: what is read out, and what comes back (trust.md sections 5 to 7). */
#include "core/activation/internal.h"

#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/hardware.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/trust/server_id.h"

#define REQUEST_PREFIX "MUSTER1"

/* ---- the Installation ID ---- */

static bool waits(const struct held_id *x)
{
	return x->answered_at == 0 && x->replaced_at == 0;
}

const struct held_id *pending_find(const struct activation *a, const struct held_key *k)
{
	for (size_t i = 0; i < a->id_count; i++)
		if (a->ids[i].number == k->number && waits(&a->ids[i]))
			return &a->ids[i];
	return NULL;
}

/* The lowest attempt that was not used, of this generation; -1: none left. */
static int next_attempt(const struct activation *a, uint32_t number, uint8_t generation)
{
	int next = 0;

	for (size_t i = 0; i < a->id_count; i++)
		if (a->ids[i].number == number && a->ids[i].generation == generation && a->ids[i].attempt >= next)
			next = a->ids[i].attempt + 1;
	return next <= UINT8_MAX ? next : -1;
}

static int id_bytes(struct installation_id *out, const struct activation *a, const struct held_key *k, const struct held_id *x, struct muster_err *err)
{
	uint8_t prk[PRODUCT_KEY_PRK];
	int r;

	if ((r = key_prk(prk, a, k, err)) == MUSTER_OK)
		r = installation_id_make(out, prk, x->number, x->generation, x->attempt, x->binding, err);
	OPENSSL_cleanse(prk, sizeof prk);
	return r;
}

struct here { uint8_t binding[BINDING_SIZE], source; };

/* A new one, which replaces the pending one @p old if there is one. */
static int make_pending(struct held_id *out, struct installation_id *id, struct activation *a, const char *actor, const struct held_key *k, const struct held_pack *p,
                        uint8_t generation, const struct held_id *old, const struct here *here, struct muster_err *err)
{
	int attempt = next_attempt(a, k->number, generation), r;
	struct held_id replaced;
	struct act t = { 0 };

	if (attempt < 0)
		return err_code(err, MUSTER_E_LIMIT, CODE_M_ATTEMPTS, "all 256 Installation IDs of key ...-%s under its present licence pack were used: ask the issuer for a new pack", k->partial);
	memset(out, 0, sizeof *out);
	out->number = k->number;
	out->generation = generation;
	out->source = here->source;
	out->attempt = (uint8_t)attempt;
	out->made_at = activation_now(a);
	memcpy(out->binding, here->binding, BINDING_SIZE);
	memcpy(out->pack_id, p->pack->id, 16);
	if ((r = id_bytes(id, a, k, out, err)) != MUSTER_OK)
		return r;
	installation_id_format(out->digits, id, ' ');
	act_put_id(&t, out);
	if (old != NULL) {
		replaced = *old;
		replaced.replaced_at = out->made_at;
		act_put_id(&t, &replaced);
	}
	if ((r = act_commit(a, &t, actor, ACTIVATION_J_INSTALLATION_ID, k->partial, err, "attempt %d, generation %u%s", attempt, out->generation,
	                    old != NULL ? "; the one before is replaced" : "")) != MUSTER_OK)
		return r;
	if (old != NULL)
		(void)memory_put_id(a, &replaced, err);
	return memory_put_id(a, out, err);
}

int pending_id(struct held_id *out, struct installation_id *id, struct activation *a, const char *actor, struct held_key *k, bool fresh, struct muster_err *err)
{
	const struct held_id *old = pending_find(a, k);
	const struct held_pack *p;
	const struct pack_key *pk;
	struct here here;
	int r;

	if ((p = pack_with_key(a, k->issuer_id, k->kind, k->number, &pk)) == NULL)
		return err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_NO_LICENSE, "the licence pack of key ...-%s is missing: install it again (musterctl pack install FILE)", k->partial);
	if ((r = binding_of_this(here.binding, &here.source, a, k->issuer_id, k->activated_at != 0 ? k->source : HARDWARE_BEST, err)) != MUSTER_OK)
		return r;
	/* The same until it is answered; one of another host or of an older pack will never be. */
	if (old != NULL && !fresh && memcmp(old->binding, here.binding, BINDING_SIZE) == 0 && old->generation == pk->generation) {
		*out = *old;
		return id_bytes(id, a, k, out, err);
	}
	return make_pending(out, id, a, actor, k, p, pk->generation, old, &here, err);
}

/* MUSTER1:<54 digits>:<base64url of the request's DER> */
static int request_text(struct buf *out, const struct activation *a, const struct installation_id *id, struct muster_err *err)
{
	char digits[INSTALLATION_TEXT], plain[INSTALLATION_TEXT], *b64 = NULL;
	unsigned char *der = NULL;
	char *name = NULL, *header = NULL;
	struct buf pem;
	size_t n = 0;
	long der_n = 0;
	BIO *bio = NULL;
	int r;

	buf_init(&pem, TRUST_CHAIN_MAX);
	installation_id_format(digits, id, ' ');
	for (const char *p = digits; *p != '\0'; p++)
		if (*p != ' ')
			plain[n++] = *p;
	plain[n] = '\0';
	if ((r = ring_request(a->ring, "host", &pem, err)) != MUSTER_OK)
		goto done;
	if ((bio = BIO_new_mem_buf(pem.p, (int)pem.n)) == NULL || PEM_read_bio(bio, &name, &header, &der, &der_n) != 1 ||
	    (b64 = mem_alloc(B64_SIZE((size_t)der_n))) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	(void)b64_encode(b64, der, (size_t)der_n);
	buf_addf(out, REQUEST_PREFIX ":%s:", plain);
	buf_adds(out, b64);
	r = out->failed ? err_nomem(err) : MUSTER_OK;
done:
	BIO_free(bio);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	mem_free(b64);
	buf_fini(&pem);
	return r;
}

static json_t *groups_json(const struct installation_id *id)
{
	json_t *list = json_array();
	char text[INSTALLATION_TEXT];

	installation_id_format(text, id, ' ');
	for (const char *p = text; *p != '\0'; p += strcspn(p, " "), p += strspn(p, " "))
		(void)json_array_append_new(list, json_stringn(p, strcspn(p, " ")));
	return list;
}

/* What the administrator of a licence server reads out instead, beside programme and number. */
static int add_server_id(json_t *o, const struct activation *a, const struct held_key *k, const struct held_id *x, const struct pack *p, struct muster_err *err)
{
	uint8_t prk[PRODUCT_KEY_PRK];
	char text[SERVER_ID_TEXT];
	struct server_id id;
	json_t *groups;
	int r;

	if ((r = key_prk(prk, a, k, err)) == MUSTER_OK)
		r = server_id_make(&id, prk, x->generation, x->attempt, x->binding, err);
	OPENSSL_cleanse(prk, sizeof prk);
	if (r != MUSTER_OK)
		return r;
	server_id_format(text, &id, ' ');
	groups = json_array();
	for (size_t i = 0; i < SERVER_ID_GROUPS; i++)
		(void)json_array_append_new(groups, json_stringn(text + i * (SERVER_ID_GROUP + 1), SERVER_ID_GROUP));
	return json_object_set_new(o, "server_id", groups) == 0 && json_object_set_new(o, "programme", json_string(p->programme)) == 0 ? MUSTER_OK : err_nomem(err);
}

static int id_answer(json_t **out, const struct activation *a, const struct catalog *c, const struct held_key *k, const struct held_id *x, const struct installation_id *id,
                     struct muster_err *err)
{
	const struct held_pack *p = pack_with_key(a, k->issuer_id, k->kind, k->number, NULL);
	const struct catalog_product *of = key_product(c, k);
	char text[UUID_TEXT];
	struct buf request;
	int r;

	if (p == NULL || of == NULL)
		return err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_UNSUPPORTED_PRODUCT, "the key ...-%s is for products that this host does not have any more: load their plugin or product file", k->partial);
	uuid_format(text, of->row.activation_id);
	buf_init(&request, 8192);
	if ((r = request_text(&request, a, id, err)) == MUSTER_OK) {
		*out = json_pack("{s:s, s:s, s:s, s:I, s:s, s:o, s:i, s:o, s:o, s:s}", "product", of->row.name, "title", of->row.title != NULL ? of->row.title : of->row.name,
			"activation_id", text, "number", (json_int_t)k->number, "partial", k->partial, "groups", groups_json(id), "attempt", x->attempt,
			"made_at", time_json(x->made_at), "contacts", contacts_json(p->pack), "request", buf_str(&request));
		r = *out == NULL ? err_nomem(err) : k->kind == PRODUCT_KEY_ACCESS ? add_server_id(*out, a, k, x, p->pack, err) : MUSTER_OK;
	}
	buf_fini(&request);
	return r;
}

int activation_installation_id(struct activation *a, const char *actor, const struct catalog_product *product, bool fresh, json_t **out, struct muster_err *err)
{
	struct catalog *c = activation_catalog(a);
	struct installation_id id;
	struct held_key *k;
	struct held_id x;
	int r;

	activation_begin(a);
	if ((r = key_pick(&k, a, c, product, err)) == MUSTER_OK && (r = pending_id(&x, &id, a, actor, k, fresh, err)) == MUSTER_OK)
		r = id_answer(out, a, c, k, &x, &id, err);
	activation_end(a);
	catalog_unref(c);
	return r;
}

/* ---- the Confirmation ID ---- */

/* A slot that a Confirmation ID names under one Installation ID. */
struct found { struct slot_name name; uint8_t secret[SLOT_SECRET], prk[PRODUCT_KEY_PRK], finder[SLOT_FINDER]; struct muster_span box; };

/* Does it answer this one? @return 1 yes, 0 no, negative. A slot is recognised by its finder, among those of the pack the ID was made with. */
static int answers(struct found *f, const struct activation *a, const struct held_key *k, const struct held_id *x, const struct confirmation_id *cid, struct muster_err *err)
{
	const struct held_pack *p = pack_by_id(a, x->pack_id);
	const struct pack_key *pk = p != NULL ? pack_find(p->pack, k->number) : NULL;
	struct installation_id id;
	int r;

	if ((r = key_prk(f->prk, a, k, err)) != MUSTER_OK || (r = id_bytes(&id, a, k, x, err)) != MUSTER_OK ||
	    (r = confirmation_id_open(f->secret, cid, f->prk, &id, err)) != MUSTER_OK)
		return r;
	f->name = (struct slot_name){ .number = k->number, .generation = x->generation, .slot = x->slot };
	memcpy(f->name.pack_id, x->pack_id, 16);
	if (x->answered_at != 0) {
		r = slot_finder(f->finder, &f->name, f->secret, f->prk, err);
		return r != MUSTER_OK ? r : CRYPTO_memcmp(f->finder, x->finder, SLOT_FINDER) == 0;
	}
	for (size_t i = 0; pk != NULL && i < pk->slot_count; i++) {
		uint8_t finder[SLOT_FINDER];

		if (slot_read(&f->name.slot, finder, pk->slots[i], err) != MUSTER_OK)
			continue;
		if ((r = slot_finder(f->finder, &f->name, f->secret, f->prk, err)) != MUSTER_OK)
			return r;
		if (CRYPTO_memcmp(f->finder, finder, SLOT_FINDER) == 0) {
			f->box = pk->slots[i];
			return 1;
		}
	}
	return 0;
}

static int chain_of_slot(struct trust_chain **out, const struct slot_content *content, const struct held_pack *p, struct muster_err *err)
{
	struct muster_span der[2] = { { content->certificate, content->certificate_n }, { NULL, 0 } };
	unsigned char *mid = NULL;
	int n = i2d_X509(trust_chain_intermediate(p->chain), &mid), r;

	if (n <= 0)
		return err_nomem(err);
	der[1] = (struct muster_span){ mid, (size_t)n };
	r = trust_chain_read_der(out, der, err);
	OPENSSL_free(mid);
	return r;
}

static int put_slot(struct act *t, const struct activation *a, const struct slot_name *name, const struct slot_content *content, const struct trust_chain *chain, struct muster_err *err)
{
	struct buf sealed;
	char *text = NULL;
	uint8_t id[7];
	int r;

	be32_put(id, name->number);
	id[4] = name->generation;
	be16_put(id + 5, name->slot);
	buf_init(&sealed, 8192);
	r = seal_record(&sealed, a, ACTIVATION_R_SLOT, span_of(id, sizeof id), span_of(content->pkcs8, content->pkcs8_n), err);
	if (r == MUSTER_OK && (text = mem_alloc(B64_SIZE(sealed.n))) == NULL)
		r = err_nomem(err);
	if (r == MUSTER_OK) {
		(void)b64_encode(text, sealed.p, sealed.n);
		act_put_json(t, ACTIVATION_R_SLOT, span_of(id, sizeof id), json_pack("{s:s, s:s}", "chain", trust_chain_pem(chain), "sealed", text));
	}
	mem_free(text);
	buf_fini(&sealed);
	return r;
}

/* The slot is opened, its certificate checked, and all of it recorded at once; until then nothing is kept but in memory, and the same digits work again. */
static int take_slot(struct activation *a, const char *actor, const struct held_key *k, const struct held_id *x, const struct found *f, struct muster_err *err)
{
	struct slot_content content = { 0 };
	struct held_id answered = *x;
	struct trust_chain *chain = NULL;
	const unsigned char *der;
	EVP_PKEY *key = NULL;
	struct act t = { 0 };
	int r;

	if ((r = slot_open(&content, &f->name, f->secret, f->prk, f->box, err)) != MUSTER_OK ||
	    (r = chain_of_slot(&chain, &content, pack_by_id(a, x->pack_id), err)) != MUSTER_OK || (r = certificate_fits(chain, k, err)) != MUSTER_OK)
		goto done;
	der = content.pkcs8;
	if ((key = d2i_AutoPrivateKey(NULL, &der, (long)content.pkcs8_n)) == NULL) {
		r = err_set(err, MUSTER_E_INVALID, "the slot's private key cannot be read");
		goto done;
	}
	if ((r = ring_adopt(a->ring, key, chain, err)) != MUSTER_OK || (r = put_slot(&t, a, &f->name, &content, chain, err)) != MUSTER_OK)
		goto done;
	answered.slot = f->name.slot;
	memcpy(answered.finder, f->finder, SLOT_FINDER);
	r = record_activated(a, &t, actor, ACTIVATION_J_CONFIRMATION_ID, k, &answered, "telephone", chain, err);
	if (r != MUSTER_OK && r != MUSTER_E_UNKNOWN)
		(void)ring_retire(a->ring, trust_chain_kid(chain), true, NULL);
done:
	act_fini(&t);
	slot_content_fini(&content);
	EVP_PKEY_free(key);
	trust_chain_unref(chain);
	return r;
}

/* What a Confirmation ID that does not answer the pending ID is, in the order of trust.md section 6. */
static int explain(const struct activation *a, const struct catalog *c, const struct held_key *meant, const struct confirmation_id *cid, struct muster_err *err)
{
	const struct held_id *shown = NULL;
	char date[TIME_RFC3339];
	struct found f;
	int r = MUSTER_OK;

	/* Earlier ones of this product first, then those of the others. */
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < a->id_count; i++) {
			const struct held_id *x = &a->ids[i];
			const struct held_key *k = key_by_number(a, x->number);
			const struct catalog_product *of;

			if (k == NULL || (meant == NULL || k == meant) != (pass == 0))
				continue;
			memset(&f, 0, sizeof f);
			r = answers(&f, a, k, x, cid, err);
			OPENSSL_cleanse(&f, sizeof f);
			if (r < 0)
				return r;
			if (r == 0)
				continue;
			time_rfc3339(date, (x->answered_at != 0 ? x->answered_at : x->replaced_at) * 1000);
			of = key_product(c, k);
			if (pass == 1)
				return err_code(err, MUSTER_E_MISMATCH, CODE_M_CONFIRMATION_PRODUCT, "this Confirmation ID belongs to %s (key ...-%s), not to the product it was entered for",
				                of != NULL ? of->row.name : "another product", k->partial);
			if (x->answered_at != 0)
				return err_code(err, MUSTER_E_REFUSED, CODE_M_CONFIRMATION_USED, "this Confirmation ID was already used on %.10s; each works once", date);
			return err_code(err, MUSTER_E_MISMATCH, CODE_M_CONFIRMATION_OTHER, "this Confirmation ID answers an Installation ID that was replaced by a new one on %.10s: read out the one shown now "
			                "(musterctl dti)", date);
		}
	for (size_t i = 0; i < a->id_count; i++)
		if (waits(&a->ids[i]) && (meant == NULL || a->ids[i].number == meant->number))
			shown = &a->ids[i];
	if (shown == NULL)
		return err_code(err, MUSTER_E_MISMATCH, CODE_M_CONFIRMATION_OTHER, "no Installation ID waits for an answer: show one first (musterctl dti), and have that confirmed");
	time_rfc3339(date, shown->made_at * 1000);
	return err_code(err, MUSTER_E_MISMATCH, CODE_M_CONFIRMATION_OTHER, "this Confirmation ID was not made for the Installation ID shown on %.10s: a group was read out or written down wrongly, or it belongs "
	                "to another host", date);
}

/* @p meant NULL: whichever pending ID it answers. */
static int deposit(struct held_key **out, struct activation *a, const char *actor, const struct catalog *c, struct held_key *meant, const struct confirmation_id *cid,
                   struct muster_err *err)
{
	struct found f;
	int r = 0;

	for (size_t i = 0; i < a->id_count; i++) {
		const struct held_id *x = &a->ids[i];
		struct held_key *k = key_by_number(a, x->number);

		if (!waits(x) || k == NULL || (meant != NULL && k != meant))
			continue;
		memset(&f, 0, sizeof f);
		if ((r = answers(&f, a, k, x, cid, err)) == 1 && (r = take_slot(a, actor, k, x, &f, err)) == MUSTER_OK) {
			OPENSSL_cleanse(&f, sizeof f);
			*out = k;
			return MUSTER_OK;
		}
		OPENSSL_cleanse(&f, sizeof f);
		if (r < 0)
			return r;
	}
	return explain(a, c, meant, cid, err);
}

int activation_confirmation_id(struct activation *a, const char *actor, const struct catalog_product *product, const char *digits, json_t **out, struct muster_err *err)
{
	struct catalog *c = activation_catalog(a);
	const struct catalog_product *of;
	struct held_key *k = NULL;
	struct confirmation_id cid;
	char message[200];
	int r;

	activation_begin(a);
	if ((r = confirmation_id_parse(&cid, digits, strlen(digits), NULL, err)) == MUSTER_OK && (product == NULL || (r = key_pick(&k, a, c, product, err)) == MUSTER_OK) &&
	    (r = deposit(&k, a, actor, c, k, &cid, err)) == MUSTER_OK) {
		of = key_product(c, k);
		(void)snprintf(message, sizeof message, "Confirmation ID for product %.120s deposited successfully.", of != NULL ? of->row.name : "");
		*out = activated_json(a, c, k, message);
		r = *out != NULL ? MUSTER_OK : err_nomem(err);
	}
	activation_end(a);
	catalog_unref(c);
	return r;
}
