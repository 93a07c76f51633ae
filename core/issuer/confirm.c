#include "core/issuer/confirm.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/issuer/confirm_private.h"

int confirm_open(struct confirmer *c, struct session *session, struct muster_err *err)
{
	int r;

	c->session = session;
	if ((r = session_secrets(session, err)) != MUSTER_OK || (r = session_intermediate(session, err)) != MUSTER_OK || (r = session_signer(session, err)) != MUSTER_OK)
		return r;
	pthread_mutex_init(&c->lock, NULL);
	pthread_rwlock_init(&c->keys, NULL);
	return MUSTER_OK;
}

void confirm_close(struct confirmer *c)
{
	pthread_rwlock_destroy(&c->keys);
	pthread_mutex_destroy(&c->lock);
}

/* What is in use goes on when it cannot be read again, for instance under a passphrase that was changed meanwhile. */
static int reopen_intermediate(struct session *s, struct muster_err *err)
{
	EVP_PKEY *mid_key = s->mid_key;
	int r;

	if (X509_check_private_key(s->a->mid, mid_key) == 1)
		return MUSTER_OK;
	ERR_clear_error();
	s->mid_key = NULL;
	if ((r = session_intermediate(s, err)) == MUSTER_OK)
		EVP_PKEY_free(mid_key);
	else
		s->mid_key = mid_key;
	return r;
}

/* Certificate and key of the intermediate change together; it is seldom another one. The signer is decrypted (scrypt) while requests go on with the one in use. */
int confirm_refresh(struct confirmer *c, int64_t now, struct muster_err *err)
{
	struct statement_signer *signer = NULL, *old;
	struct session *s = c->session;
	int r;

	pthread_rwlock_wrlock(&c->keys);
	s->act.now = now;
	if ((r = authority_reload(s->a, err)) == MUSTER_OK)
		r = reopen_intermediate(s, err);
	pthread_rwlock_unlock(&c->keys);
	/* nobody else changes what is read here */
	if (r != MUSTER_OK || (r = session_open_signer(&signer, s, err)) != MUSTER_OK)
		return r;
	pthread_rwlock_wrlock(&c->keys);
	old = s->signer;
	s->signer = signer;
	pthread_rwlock_unlock(&c->keys);
	statement_signer_free(old);
	return MUSTER_OK;
}

void confirm_books_lock(struct confirmer *c)
{
	pthread_mutex_lock(&c->lock);
}

int confirm_books_unlock(struct confirmer *c, int r)
{
	struct session *s = c->session;
	struct books *fresh;

	/* A handle that met an I/O error does nothing more; the next request may find the disk well again. */
	if ((r == MUSTER_E_IO || r == MUSTER_E_UNKNOWN) && books_open(&fresh, s->a->dir, s->a->issuer_id, false, NULL) == MUSTER_OK) {
		books_close(s->books);
		s->books = fresh;
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}

void confirm_answer_fini(struct confirm_answer *a)
{
	OPENSSL_cleanse(a->digits, sizeof a->digits);
	OPENSSL_cleanse(&a->key, sizeof a->key);
	mem_free(a->chain);
	buf_fini(&a->statement);
}

int confirm_key_prk(uint8_t prk[PRODUCT_KEY_PRK], const struct confirmer *c, const struct books_key *k, struct muster_err *err)
{
	struct product_key key;
	int r = session_product_key(c->session, k, &key, err);

	if (r == MUSTER_OK)
		r = product_key_prk(prk, c->session->a->issuer_id, &key, err);
	OPENSSL_cleanse(&key, sizeof key);
	return r;
}

/* ---- the key behind an Installation ID ---- */

static int read_key(struct confirmer *c, uint32_t number, struct books_key *key, struct muster_err *err)
{
	int r;

	confirm_books_lock(c);
	r = confirm_books_unlock(c, books_key(c->session->books, number, key, err));
	if (r == MUSTER_E_NOT_FOUND)
		return err_code(err, MUSTER_E_REFUSED, (uint32_t)CODE_KEY_INVALID, "no product key with the number of this Installation ID was issued here: is the right issuer asked?");
	return r;
}

/* Enough wrong ones today end right ones, too, and a wrong one is counted where it is judged: of many guesses at once no more are answered than one after another. */
int confirm_judge_tag(struct confirmer *c, const struct books_key *key, bool right, bool override, const struct books_act *act, struct muster_err *err)
{
	const unsigned most = override ? UINT_MAX : CONFIRM_WRONG_TAGS;
	unsigned today;
	int r;

	confirm_books_lock(c);
	if (right)
		r = books_wrong_tags(c->session->books, key->number, act->now, &today, err);
	else
		r = books_wrong_tag(c->session->books, key->number, most, act, &today, err);
	(void)confirm_books_unlock(c, r);
	if ((r == MUSTER_E_REFUSED && err->code == CODE_M_WRONG_TAGS) || (r == MUSTER_OK && right && today >= most))
		return err_code(err, MUSTER_E_REFUSED, CODE_M_WRONG_TAGS, "%u Installation IDs of today were not made with the key ending in %s; nothing more is confirmed for it today "
		                "unless an operator decides: confirm … --override REASON", today, key->partial);
	if (r != MUSTER_OK || right)
		return r;
	return err_code(err, MUSTER_E_MISMATCH, (uint32_t)CODE_OFFLINE_DATA, "the Installation ID was not made with the key ending in %s: a digit is wrong, or the host has another key "
	                "(wrong ones for this key today: %u)", key->partial, today);
}

int confirm_find_key(struct confirmer *c, const struct installation_id *id, bool override, struct books_key *key, uint8_t prk[PRODUCT_KEY_PRK], const struct books_act *act,
                     struct muster_err *err)
{
	int r;

	if ((r = read_key(c, id->number, key, err)) != MUSTER_OK || (r = confirm_key_prk(prk, c, key, err)) != MUSTER_OK)
		return r;
	return confirm_judge_tag(c, key, installation_id_proves(id, prk), override, act, err);
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

static int give_digits(const struct confirmer *c, struct confirm_answer *a, const uint8_t prk[PRODUCT_KEY_PRK], struct muster_err *err)
{
	uint8_t secret[SLOT_SECRET];
	struct confirmation_id cid;
	int r;

	if ((r = session_slot_secret(c->session, &a->row.slot_row, secret, err)) == MUSTER_OK && (r = confirmation_id_make(&cid, prk, &a->id, secret, err)) == MUSTER_OK)
		confirmation_id_format(a->digits, &cid, ' ');
	OPENSSL_cleanse(secret, sizeof secret);
	OPENSSL_cleanse(&cid, sizeof cid);
	a->end = a->key.hosts > 0 ? a->row.slot_row.end : 0;
	return r;
}

int confirm_state(struct buf *out, struct confirmer *c, const struct books_key *k, const uint8_t binding[BINDING_SIZE], const uint8_t id[16], int64_t now,
                  struct muster_err *err)
{
	struct confirmation s = { .iat = now, .kind = k->kind, .number = k->number, .coverage_start = k->coverage_start, .coverage_end = k->coverage_end };
	json_t *payload;
	int r;

	memcpy(s.issuer_id, c->session->a->issuer_id, sizeof s.issuer_id);
	memcpy(s.id, id, sizeof s.id);
	memcpy(s.binding, binding, sizeof s.binding);
	memcpy(s.partial, k->partial, sizeof s.partial);
	memcpy(s.products, k->products, sizeof s.products);
	s.product_count = k->product_count;
	if ((payload = confirmation_payload(&s)) == NULL)
		return err_nomem(err);
	pthread_rwlock_rdlock(&c->keys);
	r = statement_sign(out, c->session->signer, TRUST_TYP_CONFIRMATION, c->session->a->issuer_id, now, payload, err);
	pthread_rwlock_unlock(&c->keys);
	json_decref(payload);
	return r;
}

/* Certify a host's own key for the product key's products; the books must have it before it is shown. */
static int certify(struct books_certificate *out, struct confirmer *c, const struct books_key *k, struct muster_span request, const char *name, const uint8_t binding[BINDING_SIZE],
                   int64_t now, struct muster_err *err)
{
	char id[HEX_SIZE(BINDING_SIZE)], subject[BOOKS_TEXT];
	struct leaf_order o = { .request = request, .products = (const uint8_t (*)[16])&k->products[0], .product_count = k->product_count, .subject = subject, .life_s = TRUST_HOST_LIFE_S };
	int r;

	if (k->hosts == 0)
		return err_code(err, MUSTER_E_REFUSED, (uint32_t)CODE_KEY_INVALID, "the product key ending in %s is a %s: it certifies no host", k->partial, product_key_kind_name(k->kind));
	hex_encode(id, binding, BINDING_SIZE);
	if (name != NULL && name[0] != '\0')
		(void)snprintf(subject, sizeof subject, "%s", name);
	else
		(void)snprintf(subject, sizeof subject, "host %s", id);
	pthread_rwlock_rdlock(&c->keys);
	r = leaf_host(out, c->session->a, c->session->mid_key, &o, now, err);
	pthread_rwlock_unlock(&c->keys);
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
	confirm_books_lock(c);
	r = books_certificate(c->session->books, serial, &given, err);
	(void)confirm_books_unlock(c, r);
	if (r == MUSTER_OK) {
		a->chain = given.chain;
		a->end = given.end;
	}
	return r;
}

static int record(struct confirmer *c, const struct books_order *o, struct confirm_answer *a, const struct books_act *act, struct muster_err *err)
{
	int r;

	confirm_books_lock(c);
	r = books_confirm(c->session->books, o, 1, &a->row, act, err);
	(void)confirm_books_unlock(c, r);
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
		if ((r = certify(&made, c, &a->key, ask->request, ask->name, a->id.binding, act->now, err)) != MUSTER_OK)
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
	const ASN1_INTEGER *number = X509_get0_serialNumber(trust_chain_signer(before));
	struct books_certificate made = { .chain = NULL };
	struct books_grant grant;
	char serial[41];
	int r;

	memset(a, 0, sizeof *a);
	buf_init(&a->statement, STATEMENT_CONFIRMATION_MAX);
	if (ASN1_STRING_length(number) > 20)
		return err_set(err, MUSTER_E_INVALID, "the certificate's serial number is too long");
	hex_encode(serial, ASN1_STRING_get0_data(number), (size_t)ASN1_STRING_length(number));
	confirm_books_lock(c);
	if ((r = books_granted(c->session->books, serial, &grant, err)) == MUSTER_OK && grant.has_binding && grant.number != 0)
		r = books_key(c->session->books, grant.number, &a->key, err);
	(void)confirm_books_unlock(c, r);
	if (r == MUSTER_E_NOT_FOUND || (r == MUSTER_OK && (!grant.has_binding || grant.number == 0)))
		return err_code(err, MUSTER_E_REFUSED, (uint32_t)CODE_KEY_INVALID, "the certificate was not given to a host with a product key; ask the issuer for a new one");
	if (r != MUSTER_OK)
		return r;
	if (a->key.state == BOOKS_KEY_REVOKED) {
		r = err_code(err, MUSTER_E_REFUSED, (uint32_t)CODE_SERVER_KEY_BLOCKED, "the product key ending in %s was revoked", a->key.partial);
		goto done;
	}
	if ((r = certify(&made, c, &a->key, request, NULL, grant.binding, act->now, err)) != MUSTER_OK)
		goto done;
	confirm_books_lock(c);
	r = books_renew(c->session->books, &grant, &made, serial, act, err);
	(void)confirm_books_unlock(c, r);
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
