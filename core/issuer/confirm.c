#include "core/issuer/confirm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/issuer/confirm_private.h"
#include "core/trust/openssl.h"

int confirm_open(struct confirmer *c, struct muster_err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long n = 0;
	int r;

	c->anchors = NULL;
	if (bio == NULL || PEM_write_bio_X509(bio, c->authority->root) != 1 || (n = BIO_get_mem_data(bio, &text)) <= 0)
		r = err_nomem(err);
	else
		r = trust_anchors_read(&c->anchors, span_of(text, (size_t)n), err);
	BIO_free(bio);
	if (r == MUSTER_OK)
		pthread_mutex_init(&c->lock, NULL);
	return r;
}

void confirm_close(struct confirmer *c)
{
	if (c->anchors == NULL)
		return;
	pthread_mutex_destroy(&c->lock);
	trust_anchors_free(c->anchors);
	c->anchors = NULL;
}

void confirm_answer_fini(struct confirm_answer *a)
{
	OPENSSL_cleanse(a->digits, sizeof a->digits);
	OPENSSL_cleanse(&a->key, sizeof a->key);
	mem_free(a->chain);
	buf_fini(&a->statement);
}

/* ---- secrets ---- */

int confirm_prk(uint8_t prk[PRODUCT_KEY_PRK], const struct confirmer *c, const struct books_key *k, struct muster_err *err)
{
	struct product_key key = { .kind = k->kind, .number = k->number };
	struct seal_place at = { "key", NULL, "secret" };
	char row[16];
	struct buf secret;
	int r;

	(void)snprintf(row, sizeof row, "%" PRIu32, k->number);
	at.row = row;
	buf_init(&secret, 64);
	if ((r = seal_get(&secret, c->seal, &at, span_of(k->sealed, k->sealed_n), err)) != MUSTER_OK) {
		(void)err_prefix(err, r, "the product key ending in %s", k->partial);
		goto done;
	}
	if (secret.n != sizeof key.secret) {
		r = err_set(err, MUSTER_E_INTERNAL, "the product key ending in %s is not as it was written", k->partial);
		goto done;
	}
	memcpy(key.secret, secret.p, sizeof key.secret);
	r = product_key_prk(prk, c->authority->issuer_id, &key, err);
done:
	OPENSSL_cleanse(&key, sizeof key);
	buf_cleanse(&secret);
	return r;
}

static int slot_secret(uint8_t out[SLOT_SECRET_SIZE], const struct confirmer *c, const struct books_slot *s, struct muster_err *err)
{
	struct seal_place at = { "slot", NULL, "secret" };
	struct buf secret;
	char row[40];
	int r;

	(void)snprintf(row, sizeof row, "%" PRIu32 "-%u-%u", s->number, s->generation, s->slot);
	at.row = row;
	buf_init(&secret, 64);
	if ((r = seal_get(&secret, c->seal, &at, span_of(s->sealed, s->sealed_n), err)) != MUSTER_OK)
		(void)err_prefix(err, r, "slot %s", row);
	else if (secret.n != SLOT_SECRET_SIZE)
		r = err_set(err, MUSTER_E_INTERNAL, "slot %s is not as it was written", row);
	else
		memcpy(out, secret.p, SLOT_SECRET_SIZE);
	buf_cleanse(&secret);
	return r;
}

/* ---- the key behind an Installation ID ---- */

static int read_key(struct confirmer *c, uint32_t number, struct books_key *key, unsigned *wrong, int64_t now, struct muster_err *err)
{
	int r;

	pthread_mutex_lock(&c->lock);
	if ((r = books_key(c->books, number, key, err)) == MUSTER_OK)
		r = books_wrong_tags(c->books, number, now, wrong, err);
	pthread_mutex_unlock(&c->lock);
	if (r == MUSTER_E_NOT_FOUND)
		return err_code(err, MUSTER_E_REFUSED, (uint32_t)CODE_KEY_INVALID, "no product key with the number of this Installation ID was issued here: is the right issuer asked?");
	return r;
}

static int too_many(const struct books_key *key, unsigned wrong, struct muster_err *err)
{
	return err_code(err, MUSTER_E_REFUSED, CODE_M_WRONG_TAGS, "%u Installation IDs of today were not made with the key ending in %s; nothing more is confirmed for it today "
	                "unless an operator decides: confirm … --override REASON", wrong, key->partial);
}

static int wrong_tag(struct confirmer *c, const struct books_key *key, const struct books_act *act, struct muster_err *err)
{
	unsigned today;
	int r;

	pthread_mutex_lock(&c->lock);
	r = books_wrong_tag(c->books, key->number, act, &today, err);
	pthread_mutex_unlock(&c->lock);
	if (r != MUSTER_OK)
		return r;
	return err_code(err, MUSTER_E_MISMATCH, (uint32_t)CODE_OFFLINE_DATA, "the Installation ID was not made with the key ending in %s: a digit is wrong, or the host has another key "
	                "(wrong ones for this key today: %u)", key->partial, today);
}

int confirm_find_key(struct confirmer *c, const struct installation_id *id, bool override, struct books_key *key, uint8_t prk[PRODUCT_KEY_PRK], const struct books_act *act,
                     struct muster_err *err)
{
	unsigned wrong = 0;
	int r;

	if ((r = read_key(c, id->number, key, &wrong, act->now, err)) != MUSTER_OK)
		return r;
	if (wrong >= CONFIRM_WRONG_TAGS && !override)
		return too_many(key, wrong, err);
	if ((r = confirm_prk(prk, c, key, err)) != MUSTER_OK)
		return r;
	return installation_id_proves(id, prk) ? MUSTER_OK : wrong_tag(c, key, act, err);
}

void confirm_order(struct books_order *o, const struct installation_id *id, enum books_method method)
{
	memset(o, 0, sizeof *o);
	o->method = method;
	o->number = id->number;
	o->generation = id->generation;
	o->attempt = id->attempt;
	memcpy(o->binding, id->binding, sizeof o->binding);
	memcpy(o->installation_id, id->bytes, sizeof o->installation_id);
	o->reveal = method == BOOKS_TELEPHONE;
}

/* ---- answers ---- */

static int give_digits(struct confirmer *c, struct confirm_answer *a, const uint8_t prk[PRODUCT_KEY_PRK], struct muster_err *err)
{
	uint8_t secret[SLOT_SECRET_SIZE];
	struct confirmation_id cid;
	int r;

	if ((r = slot_secret(secret, c, &a->row.slot_row, err)) == MUSTER_OK && (r = confirmation_id_make(&cid, prk, &a->id, secret, err)) == MUSTER_OK)
		confirmation_id_format(a->digits, &cid, ' ');
	OPENSSL_cleanse(secret, sizeof secret);
	OPENSSL_cleanse(&cid, sizeof cid);
	a->end = a->key.kind == PRODUCT_KEY_HOST ? a->row.slot_row.end : 0;
	return r;
}

int confirm_state(struct buf *out, const struct confirmer *c, const struct books_key *k, const uint8_t binding[BINDING_SIZE], const uint8_t id[16], int64_t now,
                  struct muster_err *err)
{
	struct confirmation s = { .iat = now, .kind = k->kind, .number = k->number, .coverage_start = k->coverage_start, .coverage_end = k->coverage_end };
	json_t *payload;
	int r;

	memcpy(s.issuer_id, c->authority->issuer_id, sizeof s.issuer_id);
	memcpy(s.id, id, sizeof s.id);
	memcpy(s.binding, binding, sizeof s.binding);
	memcpy(s.partial, k->partial, sizeof s.partial);
	memcpy(s.products, k->products, sizeof s.products);
	s.product_count = k->product_count;
	if ((payload = confirmation_payload(&s)) == NULL)
		return err_nomem(err);
	r = statement_sign(out, c->signer, TRUST_TYP_CONFIRMATION, c->authority->issuer_id, now, payload, err);
	json_decref(payload);
	return r;
}

/* The certificate that the books have for this request: what was just made, or what was given before. */
static int take_chain(struct confirmer *c, struct confirm_answer *a, struct books_certificate *made, const char *serial, struct muster_err *err)
{
	struct books_certificate given;
	int r;

	if (strcmp(made->serial, serial) == 0) {
		a->chain = made->chain;
		a->end = made->end;
		made->chain = NULL;
		return MUSTER_OK;
	}
	pthread_mutex_lock(&c->lock);
	r = books_certificate(c->books, serial, &given, err);
	pthread_mutex_unlock(&c->lock);
	if (r == MUSTER_OK) {
		a->chain = given.chain;
		a->end = given.end;
	}
	return r;
}

static int record(struct confirmer *c, const struct books_order *o, struct confirm_answer *a, const struct books_act *act, struct muster_err *err)
{
	int r;

	pthread_mutex_lock(&c->lock);
	r = books_confirm(c->books, o, 1, &a->row, act, err);
	pthread_mutex_unlock(&c->lock);
	if (r == MUSTER_OK && a->row.result != MUSTER_OK)
		r = err_code(err, a->row.result, a->row.code, "%s", a->row.refusal);
	return r;
}

int confirm_one(struct confirmer *c, const struct confirm_ask *ask, struct confirm_answer *a, const struct books_act *act, struct muster_err *err)
{
	struct books_certificate made = { .chain = NULL };
	uint8_t prk[PRODUCT_KEY_PRK];
	struct books_order o;
	int r;

	memset(a, 0, sizeof *a);
	buf_init(&a->statement, STATEMENT_CONFIRMATION_MAX);
	if ((r = installation_id_parse(&a->id, ask->text, ask->n, &a->fault, err)) != MUSTER_OK
	    || (r = confirm_find_key(c, &a->id, ask->override, &a->key, prk, act, err)) != MUSTER_OK)
		goto done;
	confirm_order(&o, &a->id, ask->method);
	o.name = ask->name;
	if (ask->request.n > 0) {
		if ((r = confirm_certificate(&made, c, &a->key, ask->request, ask->name, a->id.binding, act->now, err)) != MUSTER_OK)
			goto done;
		o.has_request = true;
		o.reveal = false;
		o.certificate = &made;
		(void)hex_decode(o.request, sizeof o.request, made.request, strlen(made.request));
	}
	if ((r = record(c, &o, a, act, err)) != MUSTER_OK)
		goto done;
	/* committed: now it may be shown */
	if (o.has_request)
		r = take_chain(c, a, &made, a->row.certificate, err);
	else if (o.reveal)
		r = give_digits(c, a, prk, err);
	else if (a->row.counted)
		r = confirm_state(&a->statement, c, &a->key, a->id.binding, a->row.statement_id, act->now, err);
	else
		r = err_code(err, MUSTER_E_INVALID, CODE_M_FIELD, "a host's activation needs its certificate request");
done:
	mem_free(made.chain);
	OPENSSL_cleanse(prk, sizeof prk);
	if (r != MUSTER_OK)
		confirm_answer_fini(a);
	return r;
}

int confirm_renew(struct confirmer *c, const struct trust_chain *before, struct muster_span request, struct confirm_answer *a, const struct books_act *act, struct muster_err *err)
{
	struct books_certificate made = { .chain = NULL };
	struct books_grant grant;
	char serial[41];
	int r;

	memset(a, 0, sizeof *a);
	buf_init(&a->statement, STATEMENT_CONFIRMATION_MAX);
	if ((r = confirm_serial(serial, trust_chain_signer(before), err)) != MUSTER_OK)
		return r;
	pthread_mutex_lock(&c->lock);
	if ((r = books_granted(c->books, serial, &grant, err)) == MUSTER_OK && grant.has_binding && grant.number != 0)
		r = books_key(c->books, grant.number, &a->key, err);
	pthread_mutex_unlock(&c->lock);
	if (r == MUSTER_E_NOT_FOUND || (r == MUSTER_OK && (!grant.has_binding || grant.number == 0)))
		return err_code(err, MUSTER_E_REFUSED, (uint32_t)CODE_KEY_INVALID, "the certificate was not given to a host with a product key; ask the issuer for a new one");
	if (r != MUSTER_OK)
		return r;
	if (a->key.state == BOOKS_KEY_REVOKED) {
		r = err_code(err, MUSTER_E_REFUSED, (uint32_t)CODE_SERVER_KEY_BLOCKED, "the product key ending in %s was revoked", a->key.partial);
		goto done;
	}
	if ((r = confirm_certificate(&made, c, &a->key, request, NULL, grant.binding, act->now, err)) != MUSTER_OK)
		goto done;
	pthread_mutex_lock(&c->lock);
	r = books_renew(c->books, &grant, &made, serial, act, err);
	pthread_mutex_unlock(&c->lock);
	if (r != MUSTER_OK)
		goto done;
	a->row.again = strcmp(serial, made.serial) != 0;
	memcpy(a->id.binding, grant.binding, sizeof a->id.binding);
	r = take_chain(c, a, &made, serial, err);
done:
	mem_free(made.chain);
	if (r != MUSTER_OK)
		confirm_answer_fini(a);
	return r;
}
