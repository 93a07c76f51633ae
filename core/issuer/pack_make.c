#include "core/issuer/pack_make.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/issuer/pack_log.h"
#include "core/issuer/revocation.h"
#include "core/trust/openssl.h"

#define GENERATION_MAX 63   /* six bits in an Installation ID */

void pack_made_fini(struct pack_made *m)
{
	pack_free(m->pack);
	buf_fini(&m->token);
	mem_free(m->keys);
	mem_free(m->slots);
	memset(m, 0, sizeof(*m));
}

static struct books_slot *new_slot(struct pack_made *m)
{
	if (m->slot_count == m->slot_room) {
		size_t room = m->slot_room == 0 ? 256 : 2 * m->slot_room;
		struct books_slot *more = mem_grow(m->slots, room, sizeof(*more));

		if (more == NULL)
			return NULL;
		m->slots = more;
		m->slot_room = room;
	}
	memset(&m->slots[m->slot_count], 0, sizeof(m->slots[0]));
	return &m->slots[m->slot_count++];
}

/* ---- one slot ---- */

/* The private key as DER; wiped by the caller. */
static int key_der(struct buf *out, EVP_PKEY *key, struct muster_err *err)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	unsigned char *der = NULL;
	int n = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;

	PKCS8_PRIV_KEY_INFO_free(info);
	if (n > 0)
		buf_add(out, der, (size_t)n);
	if (der != NULL)
		OPENSSL_clear_free(der, n > 0 ? (size_t)n : 0);
	return n > 0 && !out->failed ? MUSTER_OK : err_nomem(err);
}

/* A fresh key pair and its certificate in a box; of the private key nothing remains here. */
static int make_box(struct muster_span *box, struct books_slot *row, const struct session *s, const struct slot_name *name, const uint8_t secret[SLOT_SECRET],
                    const uint8_t prk[PRODUCT_KEY_PRK], const struct pack_key *k, int64_t life, struct muster_err *err)
{
	char subject[40];
	struct buf key_bytes, certificate, out;
	EVP_PKEY *key = NULL;
	int r;

	buf_init(&key_bytes, 4096);
	buf_init(&certificate, 4096);
	buf_init(&out, SLOT_BOX_MAX);
	(void)snprintf(subject, sizeof(subject), "%" PRIu32 "-%u-%u", name->number, name->generation, name->slot);
	if ((r = trust_key_generate(&key, TRUST_ES256, err)) == MUSTER_OK
	    && (r = leaf_slot(&certificate, row->serial, &row->end, s->a, s->mid_key, key, subject, (const uint8_t (*)[16])k->products, k->product_count, s->act.now, life, err)) == MUSTER_OK
	    && (r = key_der(&key_bytes, key, err)) == MUSTER_OK
	    && (r = slot_seal(&out, name, secret, prk, span_of(key_bytes.p, key_bytes.n), span_of(certificate.p, certificate.n), err)) == MUSTER_OK) {
		uint8_t *copy = mem_dup(out.p, out.n);

		*box = span_of(copy, out.n);
		if (copy == NULL)
			r = err_nomem(err);
	}
	EVP_PKEY_free(key);
	buf_cleanse(&key_bytes);
	buf_fini(&certificate);
	buf_fini(&out);
	return r;
}

static int make_slot(struct pack_made *m, const struct session *s, struct pack_key *k, uint16_t slot, const uint8_t prk[PRODUCT_KEY_PRK], struct muster_err *err)
{
	struct slot_name name = { .number = k->number, .generation = k->generation, .slot = slot };
	struct books_slot *row = new_slot(m);
	uint8_t secret[SLOT_SECRET];
	int r;

	if (row == NULL)
		return err_nomem(err);
	memcpy(name.pack_id, m->pack->id, sizeof(name.pack_id));
	row->number = k->number;
	row->generation = k->generation;
	row->slot = slot;
	row->end = m->pack->exp;
	if (RAND_priv_bytes(secret, sizeof(secret)) != 1)
		return trust_err(err, MUSTER_E_INTERNAL, "cannot make a random secret");
	if ((r = session_seal_slot(s, secret, row, err)) == MUSTER_OK) {
		if (k->finders != NULL)
			r = slot_finder(k->finders[slot], &name, secret, prk, err);
		else if ((r = make_box(&k->slots[slot], row, s, &name, secret, prk, k, m->pack->exp - s->act.now, err)) == MUSTER_OK)
			k->slot_count++;
	}
	OPENSSL_cleanse(secret, sizeof(secret));
	return r;
}

/* ---- one key ---- */

/* Slots for a host key, finders for a counted one, nothing for the others. */
static int make_slots(struct pack_made *m, const struct session *s, struct pack_key *k, const uint8_t prk[PRODUCT_KEY_PRK], struct muster_err *err)
{
	const bool host = k->kind == PRODUCT_KEY_HOST || k->kind == PRODUCT_KEY_ACCESS;
	size_t n = (host ? (size_t)k->hosts : 1) * k->activations + PACK_RESERVE, i;
	int r = MUSTER_OK;

	if (host)
		k->slots = mem_array(n, sizeof(k->slots[0]));
	else
		k->finders = mem_array(n, sizeof(k->finders[0]));
	if (k->slots == NULL && k->finders == NULL)
		return err_nomem(err);
	if (k->finders != NULL)
		k->finder_count = n;
	for (i = 0; r == MUSTER_OK && i < n; i++)
		r = make_slot(m, s, k, (uint16_t)i, prk, err);
	return r;
}

/* The next one of a key with slots, which belong to one pack: each pack is a generation of its own. Packs that the books forgot count too. */
static int next_generation(uint8_t *out, const struct books_key *b, bool activated, const struct pack_log *log, struct muster_err *err)
{
	uint8_t last = pack_log_generation(log, b->number);

	last = last > b->generation ? last : b->generation;
	if (!activated) {
		*out = b->generation == 0 ? 1 : b->generation;
		return MUSTER_OK;
	}
	if (last >= GENERATION_MAX)
		return err_set(err, MUSTER_E_LIMIT, "the key %" PRIu32 " has been in %d packs, more cannot be told apart; mint another key and revoke this one", b->number, GENERATION_MAX);
	*out = (uint8_t)(last + 1);
	return MUSTER_OK;
}

static int make_key(struct pack_made *m, const struct session *s, struct pack_key *k, const struct books_key *b, const struct pack_log *log, struct muster_err *err)
{
	const bool activated = b->kind == PRODUCT_KEY_HOST || b->kind == PRODUCT_KEY_MAK || b->kind == PRODUCT_KEY_ESU || (b->kind == PRODUCT_KEY_ACCESS && b->hosts > 0);
	uint8_t prk[PRODUCT_KEY_PRK];
	struct product_key key;
	int r;

	k->kind = b->kind;
	k->number = b->number;
	if ((r = next_generation(&k->generation, b, activated, log, err)) != MUSTER_OK)
		return r;
	k->hosts = b->hosts;
	k->activations = b->activations;
	k->licenses = b->licenses;
	k->per = b->per;
	(void)snprintf(k->version, sizeof(k->version), "%s", b->version);
	k->coverage_start = b->coverage_start;
	k->coverage_end = b->coverage_end;
	if ((k->products = mem_dup(b->products, b->product_count * sizeof(b->products[0]))) == NULL)
		return err_nomem(err);
	k->product_count = b->product_count;
	m->keys[m->key_count++] = (struct books_pack_key){ .number = k->number, .generation = k->generation };
	if ((r = session_product_key(s, b, &key, err)) != MUSTER_OK)
		return r;
	if ((r = product_key_prk(prk, s->a->issuer_id, &key, err)) == MUSTER_OK)
		r = product_key_verifier(k->verifier, prk, m->pack->id, err);
	/* keys without a slot are only ever proved, by a host that never saw them */
	k->has_proof_key = b->kind == PRODUCT_KEY_EMBEDDED || b->kind == PRODUCT_KEY_SETUP;
	if (r == MUSTER_OK && k->has_proof_key)
		r = product_key_proof_key(k->proof_key, prk, err);
	if (r == MUSTER_OK && activated)
		r = make_slots(m, s, k, prk, err);
	OPENSSL_cleanse(prk, sizeof(prk));
	OPENSSL_cleanse(&key, sizeof(key));
	return r;
}

/* ---- the pack ---- */

struct active { struct books_key *keys; size_t n; bool failed, licenses; const uint8_t *host; };

/* Licences and what activates go in packs of their own; licences of one licence server are no other's affair. */
static bool belongs(const struct active *a, const struct books_key *k)
{
	if (!a->licenses)
		return k->licenses == 0 && (k->kind != PRODUCT_KEY_ACCESS || k->hosts > 0);
	return k->licenses > 0 && k->has_binding == (a->host != NULL) && (a->host == NULL || memcmp(k->binding, a->host, sizeof(k->binding)) == 0);
}

static int gather_active(void *ctx, const struct books_key *k)
{
	struct active *a = ctx;
	struct books_key *more;

	if (k->state != BOOKS_KEY_ACTIVE || !belongs(a, k))
		return 0;
	if ((more = mem_grow(a->keys, a->n + 1, sizeof(*more))) == NULL) {
		a->failed = true;
		return 1;
	}
	a->keys = more;
	a->keys[a->n++] = *k;
	return 0;
}

static int active_keys(struct active *a, struct session *s, const char *agreement, struct muster_err *err)
{
	int r = books_keys(s->books, agreement, gather_active, a, err);

	if (r == MUSTER_OK && a->failed)
		r = err_nomem(err);
	if (r == MUSTER_OK && a->n == 0 && a->licenses)
		r = err_set(err, MUSTER_E_NOT_FOUND, "the agreement %s has no active licences for this licence server; see: muster-issuer cal list", agreement);
	if (r == MUSTER_OK && a->n == 0)
		r = err_set(err, MUSTER_E_NOT_FOUND, "the agreement %s has no active key; mint one with: muster-issuer key mint --agreement %s", agreement, agreement);
	if (r == MUSTER_OK && a->n > PACK_KEYS_MAX)
		r = err_set(err, MUSTER_E_LIMIT, "the agreement %s has %zu active keys, a pack holds %d; revoke what is no longer used, or make another agreement", agreement, a->n, PACK_KEYS_MAX);
	return r;
}

static char *optional(const char *text, bool *failed)
{
	char *copy = text[0] != '\0' ? mem_strdup(text) : NULL;

	*failed = *failed || (text[0] != '\0' && copy == NULL);
	return copy;
}

struct contacts { struct pack *pack; bool failed; };

static int add_contact(void *ctx, const struct books_contact *c)
{
	struct contacts *l = ctx;
	struct pack *p = l->pack;
	struct pack_contact *to;

	if (p->contact_count == PACK_CONTACTS_MAX)
		return 1;
	to = &p->contacts[p->contact_count++];
	to->region = optional(c->region, &l->failed);
	to->telephone = optional(c->telephone, &l->failed);
	to->hours = optional(c->hours, &l->failed);
	to->web = optional(c->web, &l->failed);
	to->email = optional(c->email, &l->failed);
	return l->failed;
}

/* How to reach the issuer, and what it has revoked. */
static int add_issuer(struct pack *p, struct session *s, struct muster_err *err)
{
	struct contacts l = { .pack = p };
	struct buf text;
	int r;

	buf_init(&text, CRL_MAX);
	if ((p->contacts = mem_array(PACK_CONTACTS_MAX, sizeof(p->contacts[0]))) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if ((r = books_contacts(s->books, add_contact, &l, err)) != MUSTER_OK)
		goto done;
	if ((r = books_setting(s->books, "service", &text, err)) == MUSTER_OK)
		p->service = optional(buf_str(&text), &l.failed);
	else if (r != MUSTER_E_NOT_FOUND)
		goto done;
	buf_clear(&text);
	if ((r = revocation_make(&text, s, err)) == MUSTER_OK)
		p->crl = optional(buf_str(&text), &l.failed);
	if (r == MUSTER_OK && l.failed)
		r = err_nomem(err);
done:
	buf_fini(&text);
	return r;
}

/* From now until the slots' certificates end: three years, or as long as the intermediate lives. */
static int set_life(struct pack *p, const struct session *s, struct muster_err *err)
{
	int64_t end;

	if (trust_time(&end, X509_get0_notAfter(s->a->mid)) != MUSTER_OK)
		return err_set(err, MUSTER_E_INVALID, "the intermediate's end is unreadable");
	p->iat = s->act.now;
	p->exp = end < s->act.now + PACK_LIFE_S ? end : s->act.now + PACK_LIFE_S;
	return MUSTER_OK;
}

static int set_head(struct pack *p, struct session *s, const char *agreement, const struct pack_log *log, struct muster_err *err)
{
	struct books_organisation o;
	struct books_agreement a;
	bool failed = false;
	int r;

	if ((r = books_agreement(s->books, agreement, &a, &o, err)) != MUSTER_OK)
		return r;
	memcpy(p->issuer_id, s->a->issuer_id, sizeof(p->issuer_id));
	uuid_random(p->id);
	p->organisation_id = optional(o.id, &failed);
	p->organisation = optional(o.name, &failed);
	p->programme = optional(a.programme, &failed);
	p->agreement = optional(a.number, &failed);
	p->license_id = optional(a.license_id, &failed);
	p->issue = (log->issue > a.issue ? log->issue : a.issue) + 1;
	return failed ? err_nomem(err) : set_life(p, s, err);
}

/* Signed, and read back as every host will. */
static int sign(struct pack_made *m, struct session *s, struct muster_err *err)
{
	struct pack *check = NULL;
	json_t *payload = NULL;
	int r;

	if ((r = pack_payload(&payload, m->pack, err)) == MUSTER_OK
	    && (r = statement_sign(&m->token, s->signer, TRUST_TYP_PACK, s->a->issuer_id, s->act.now, payload, err)) == MUSTER_OK)
		r = pack_read(&check, span_of(m->token.p, m->token.n), s->a->anchors, NULL, s->act.now, err);
	pack_free(check);
	json_decref(payload);
	return r;
}

int pack_has_licenses(bool *out, struct session *s, const char *agreement, const uint8_t *host, struct muster_err *err)
{
	struct active active = { .licenses = true, .host = host };
	int r = books_keys(s->books, agreement, gather_active, &active, err);

	*out = active.n > 0;
	mem_free(active.keys);
	return r == MUSTER_OK && active.failed ? err_nomem(err) : r;
}

int pack_make(struct pack_made *m, struct session *s, const char *agreement, const uint8_t *host, bool licenses, struct muster_err *err)
{
	struct active active = { .licenses = licenses, .host = host };
	struct pack_log log = { .issue = 0 };
	size_t i;
	int r;

	memset(m, 0, sizeof(*m));
	buf_init(&m->token, TRUST_PACK_MAX);
	if ((m->pack = mem_alloc(sizeof(*m->pack))) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if ((r = pack_log_read(&log, s->a, agreement, err)) != MUSTER_OK || (r = set_head(m->pack, s, agreement, &log, err)) != MUSTER_OK || (r = active_keys(&active, s, agreement, err)) != MUSTER_OK || (r = session_secrets(s, err)) != MUSTER_OK
	    || (r = session_intermediate(s, err)) != MUSTER_OK || (r = session_signer(s, err)) != MUSTER_OK || (r = add_issuer(m->pack, s, err)) != MUSTER_OK)
		goto done;
	if (host != NULL) {
		m->pack->has_host = true;
		memcpy(m->pack->host_binding, host, sizeof(m->pack->host_binding));
	}
	m->pack->keys = mem_array(active.n, sizeof(m->pack->keys[0]));
	m->keys = mem_array(active.n, sizeof(m->keys[0]));
	if (m->pack->keys == NULL || m->keys == NULL) {
		r = err_nomem(err);
		goto done;
	}
	for (i = 0; r == MUSTER_OK && i < active.n; i++) {
		m->pack->key_count++;
		r = make_key(m, s, &m->pack->keys[i], &active.keys[i], &log, err);
	}
	if (r == MUSTER_OK)
		r = sign(m, s, err);
done:
	pack_log_fini(&log);
	mem_free(active.keys);
	return r;
}

int pack_issue(struct pack_made *m, struct session *s, const char *agreement, const uint8_t *host, bool licenses, struct muster_err *err)
{
	struct books_pack row = { .has_binding = host != NULL, .licenses = licenses };
	int r = pack_make(m, s, agreement, host, licenses, err);

	if (r != MUSTER_OK)
		return r;
	memcpy(row.id, m->pack->id, sizeof(row.id));
	(void)snprintf(row.agreement, sizeof(row.agreement), "%s", agreement);
	row.issue = m->pack->issue;
	row.iat = m->pack->iat;
	row.exp = m->pack->exp;
	if (host != NULL)
		memcpy(row.binding, host, sizeof(row.binding));
	buf_addc(&m->token, '\n');
	row.token = m->token.p;
	row.token_n = m->token.n;
	if (m->token.failed)
		return err_set(err, MUSTER_E_LIMIT, "the pack is larger than the %u bytes that a host takes", TRUST_PACK_MAX);
	if ((r = pack_log_append(s->a, m->pack, err)) == MUSTER_OK)
		r = books_pack_add(s->books, &row, m->keys, m->key_count, m->slots, m->slot_count, &s->act, err);
	return r;
}
