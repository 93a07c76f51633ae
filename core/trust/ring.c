/* Changing the ring: key, installing, reloading, swapping views. The views themselves: ring_view.c. */
#include "core/trust/ring.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/trust/ring_key.h"
#include "core/trust/ring_view.h"
#include "core/trust/statement.h"

struct trust_ring {
	char *dir;
	struct ring_key key;
	const struct clock *clock;
	pthread_mutex_t change;               /* one change at a time; readers never take it */
	struct ring_config config;            /* owned copies */
	struct ring_beside beside;
	bool configured;
	/*
	 * Readers count themselves in `entering` while they take a reference on `current`. A view that was swapped out is let go only when
	 * nobody is between those two steps; else it waits in `retired` for the next change. All four are sequentially consistent: either
	 * the reader sees the new view, or the changer sees the reader.
	 */
	_Atomic(struct trust_view *) current;
	_Atomic unsigned entering;
	struct trust_view *retired;
};

static int64_t now_s(const struct trust_ring *r)
{
	return clock_wall_ms(r->clock) / 1000;
}

struct trust_view *ring_view(struct trust_ring *r)
{
	struct trust_view *v;

	atomic_fetch_add(&r->entering, 1);
	v = ring_view_ref(atomic_load(&r->current));
	atomic_fetch_sub(&r->entering, 1);
	return v;
}

/* Adopts @p v. */
static void publish(struct trust_ring *r, struct trust_view *v)
{
	struct trust_view *old = atomic_exchange(&r->current, v);

	old->next_retired = r->retired;
	r->retired = old;
	if (atomic_load(&r->entering) != 0)
		return;
	while ((old = r->retired) != NULL) {
		r->retired = old->next_retired;
		ring_view_unref(old);
	}
}

void ring_free(struct trust_ring *r)
{
	struct trust_view *v;

	if (r == NULL)
		return;
	ring_view_unref(atomic_load(&r->current));
	while ((v = r->retired) != NULL) {
		r->retired = v->next_retired;
		ring_view_unref(v);
	}
	ring_config_fini(&r->config);
	for (size_t i = 0; i < r->beside.key_count; i++) {
		EVP_PKEY_free(r->beside.keys[i].key);
		trust_chain_unref(r->beside.keys[i].chain);
	}
	for (size_t i = 0; i < r->beside.crl_count; i++)
		crl_unref(r->beside.crls[i]);
	mem_free(r->beside.crls);
	for (size_t i = 0; i < r->beside.root_count; i++)
		buf_fini(&r->beside.roots[i]);
	mem_free(r->beside.roots);
	mem_free(r->beside.keys);
	mem_free(r->beside.retired);
	pthread_mutex_destroy(&r->change);
	ring_key_fini(&r->key);
	mem_free(r->dir);
	mem_free(r);
}

int ring_open(struct trust_ring **out, const char *dir, const struct clock *clock, struct muster_err *err)
{
	struct trust_ring *r = mem_alloc(sizeof(*r));
	struct trust_view *empty = NULL;
	int result;

	*out = NULL;
	if (r == NULL)
		return err_nomem(err);
	MUSTER_ASSERT(pthread_mutex_init(&r->change, NULL) == 0);
	atomic_init(&r->current, NULL);
	atomic_init(&r->entering, 0);
	r->clock = clock;
	ring_key_init(&r->key);
	if ((r->dir = mem_strdup(dir)) == NULL || (r->key.path = file_join(dir, "key.pem")) == NULL || (empty = ring_view_empty()) == NULL) {
		result = err_nomem(err);
		goto done;
	}
	atomic_store(&r->current, empty);
	if ((result = file_make_dir(dir, 0700, err)) != MUSTER_OK || (result = file_check_trust(dir, FILE_TRUST_CODE, err)) != MUSTER_OK)
		goto done;
	*out = r;
	r = NULL;
done:
	ring_free(r);
	return result;
}

int ring_reload(struct trust_ring *r, const struct ring_issuer *issuers, size_t issuer_count, const struct ring_product *products, size_t product_count,
                const struct ring_report *report, struct muster_err *err)
{
	struct ring_config config;
	struct trust_view *v = NULL;
	int result;

	pthread_mutex_lock(&r->change);
	if ((result = ring_config_init(&config, issuers, issuer_count, products, product_count, err)) != MUSTER_OK)
		goto done;
	if ((result = ring_key_load(&r->key, err)) != MUSTER_OK
	    || (result = ring_view_build(&v, r->dir, r->key.key, &config, &r->beside, report, err)) != MUSTER_OK) {
		ring_config_fini(&config);
		goto done;
	}
	ring_config_fini(&r->config);
	r->config = config;
	r->configured = true;
	publish(r, v);
done:
	pthread_mutex_unlock(&r->change);
	return result;
}

/* Read everything again under the present configuration. */
static int refresh(struct trust_ring *r, struct muster_err *err)
{
	struct trust_view *v = NULL;
	int result = ring_key_load(&r->key, err);

	if (result == MUSTER_OK)
		result = ring_view_build(&v, r->dir, r->key.key, &r->config, &r->beside, NULL, err);
	if (result == MUSTER_OK)
		publish(r, v);
	return result;
}

int ring_passphrase(struct trust_ring *r, const char *passphrase, const char *older, struct muster_err *err)
{
	int result;

	pthread_mutex_lock(&r->change);
	if ((result = ring_key_passphrase(&r->key, passphrase, older, err)) == MUSTER_OK)
		result = ring_key_load(&r->key, err);
	pthread_mutex_unlock(&r->change);
	return result;
}

static int request_locked(struct trust_ring *r, const char *name, struct buf *pem, struct muster_err *err)
{
	int result = ring_key_load(&r->key, err);

	if (result == MUSTER_OK && r->key.key == NULL)
		result = ring_key_make(&r->key, err);
	if (result == MUSTER_OK && atomic_load(&r->current)->key == NULL)   /* just made, or put there since the last reload */
		result = refresh(r, err);
	return result == MUSTER_OK ? trust_request_make(pem, r->key.key, name, err) : result;
}

int ring_request(struct trust_ring *r, const char *name, struct buf *pem, struct muster_err *err)
{
	int result;

	pthread_mutex_lock(&r->change);
	result = request_locked(r, name, pem, err);
	pthread_mutex_unlock(&r->change);
	return result;
}

/* Every product named must be in the catalogue (or may be missing there, when it is @p lenient), and under the issuer that signed. */
static int check_products(const struct trust_view *v, const struct trust_chain *c, size_t issuer, bool lenient, struct muster_err *err)
{
	size_t n, i;
	const uint8_t (*ids)[16] = trust_chain_products(c, &n);

	for (i = 0; i < n; i++) {
		const struct view_product *p = ring_view_product(v, ids[i]);
		char id[UUID_TEXT];

		uuid_format(id, ids[i]);
		if (p == NULL && lenient)
			continue;
		if (p == NULL)
			return err_set(err, MUSTER_E_MISMATCH, "the certificate names the activation ID %s, which no product of this host has; load its plugin or product file first", id);
		if (p->issuer == VIEW_NO_ISSUER)
			return err_set(err, MUSTER_E_MISMATCH, "the product %s (%s) names no configured issuer; set `issuer = %s` in its section if this issuer may certify it", p->name,
			               id, v->issuers[issuer].name);
		if (p->issuer != issuer)
			return err_set(err, MUSTER_E_MISMATCH, "the product %s (%s) belongs to the issuer %s, the certificate comes from %s", p->name, id,
			               v->issuers[p->issuer].name, v->issuers[issuer].name);
	}
	return MUSTER_OK;
}

/* The issuer under which the chain verifies now. With several pinned, the refusal closest to success is reported. */
static int find_issuer(size_t *out, const struct trust_view *v, const struct trust_chain *c, int64_t now, struct muster_err *err)
{
	struct muster_err one;
	size_t i;
	int r, worst = MUSTER_E_SIGNATURE;

	if (v->issuer_count == 0)
		return err_set(err, MUSTER_E_MISMATCH, "no issuer is configured; add an [issuer NAME] section with its roots");
	(void)err_set(err, worst, "the certificate chain verifies under none of the %zu pinned issuers", v->issuer_count);
	for (i = 0; i < v->issuer_count; i++) {
		if ((r = trust_chain_verify(c, v->issuers[i].anchors, TRUST_ROLE_LEASE, now, &one)) == MUSTER_OK) {
			*out = i;
			return MUSTER_OK;
		}
		if (r != MUSTER_E_SIGNATURE || v->issuer_count == 1)
			worst = err_set(err, r, "issuer %s: %s", v->issuers[i].name, one.message);
	}
	return worst;
}

static int chain_check(const struct trust_view *v, const struct trust_chain *c, bool lenient, int64_t now, struct muster_err *err)
{
	size_t issuer = 0;
	int64_t end;
	int r;

	if ((r = find_issuer(&issuer, v, c, now, err)) != MUSTER_OK)
		return r;
	end = trust_chain_end(c, v->issuers[issuer].anchors);
	if (end - now < RING_LEAST_S)
		return err_set(err, MUSTER_E_EXPIRED, "the certificate chain ends in less than 24 hours");
	return check_products(v, c, issuer, lenient, err);
}

static int install_check(const struct trust_view *v, const struct trust_chain *c, int64_t now, struct muster_err *err)
{
	if (v->key == NULL)
		return err_set(err, MUSTER_E_NOT_FOUND, "this host has no key yet; make a request first: musterctl host request");
	if (X509_check_private_key(trust_chain_signer(c), v->key) != 1) {
		ERR_clear_error();
		return err_set(err, MUSTER_E_MISMATCH, "the certificate was made for another key; have this host's own request certified: musterctl host request");
	}
	return chain_check(v, c, false, now, err);
}

static int install_locked(struct trust_ring *r, const struct trust_chain *c, struct muster_err *err)
{
	const struct trust_view *v = atomic_load(&r->current);   /* only a change could let it go, and we hold the lock */
	char name[sizeof("chain-.pem") + TRUST_KID];
	const char *pem = trust_chain_pem(c);
	char *path;
	int result;

	if ((result = install_check(v, c, now_s(r), err)) != MUSTER_OK)
		return result;
	if (ring_by_kid(v, trust_chain_kid(c), TRUST_KID - 1) != NULL)
		return MUSTER_OK;
	if (v->chain_count >= RING_CHAINS_MAX)
		return err_set(err, MUSTER_E_LIMIT, "%s holds %d chains already; move those that have ended elsewhere", r->dir, RING_CHAINS_MAX);
	(void)snprintf(name, sizeof(name), "chain-%s.pem", trust_chain_kid(c));
	if ((path = file_join(r->dir, name)) == NULL)
		return err_nomem(err);
	result = file_write(path, (struct muster_span){ (const uint8_t *)pem, strlen(pem) }, 0644, err);
	if (result == MUSTER_OK)
		result = refresh(r, err);
	if (result != MUSTER_OK)
		(void)unlink(path);   /* not installed, so it must not turn up at the next start */
	mem_free(path);
	return result;
}

int ring_install(struct trust_ring *r, struct muster_span pem, char *kid, int64_t *end, struct muster_err *err)
{
	struct trust_chain *c = NULL;
	int result = trust_chain_read(&c, pem, err);

	if (kid != NULL)
		kid[0] = '\0';
	if (end != NULL)
		*end = 0;
	if (result != MUSTER_OK)
		return result;
	pthread_mutex_lock(&r->change);
	if ((result = install_locked(r, c, err)) == MUSTER_OK) {
		const struct trust_view *v = atomic_load(&r->current);
		const struct ring_chain *found = ring_by_kid(v, trust_chain_kid(c), TRUST_KID - 1);

		/* refresh() leaves out what does not verify; that it was left out after our checks means the folder changed under us */
		if (found == NULL)
			result = err_set(err, MUSTER_E_IO, "the chain was written to %s but could not be read back", r->dir);
		if (found != NULL && kid != NULL)
			memcpy(kid, trust_chain_kid(c), TRUST_KID);
		if (found != NULL && end != NULL)
			*end = found->end;
	}
	pthread_mutex_unlock(&r->change);
	trust_chain_unref(c);
	return result;
}

static int adopt_locked(struct trust_ring *r, EVP_PKEY *key, struct trust_chain *chain, struct muster_err *err)
{
	struct ring_beside *b = &r->beside;
	struct ring_foreign *grown;
	int result;

	for (size_t i = 0; i < b->key_count; i++)
		if (strcmp(trust_chain_kid(b->keys[i].chain), trust_chain_kid(chain)) == 0)
			return MUSTER_OK;
	if (key != NULL && X509_check_private_key(trust_chain_signer(chain), key) != 1) {
		ERR_clear_error();
		return err_set(err, MUSTER_E_MISMATCH, "the certificate was made for another key than the one that came with it");
	}
	if (key != NULL && r->configured && (result = chain_check(atomic_load(&r->current), chain, true, now_s(r), err)) != MUSTER_OK)
		return result;
	if ((grown = mem_grow(b->keys, b->key_count + 1, sizeof(*grown))) == NULL)
		return err_nomem(err);
	b->keys = grown;
	if (key != NULL)
		EVP_PKEY_up_ref(key);
	b->keys[b->key_count++] = (struct ring_foreign){ key, trust_chain_ref(chain) };
	if (!r->configured || (result = refresh(r, err)) == MUSTER_OK)
		return MUSTER_OK;
	b->key_count--;
	EVP_PKEY_free(key);
	trust_chain_unref(chain);
	return result;
}

int ring_adopt(struct trust_ring *r, EVP_PKEY *key, struct trust_chain *chain, struct muster_err *err)
{
	int result;

	pthread_mutex_lock(&r->change);
	result = adopt_locked(r, key, chain, err);
	pthread_mutex_unlock(&r->change);
	return result;
}

static int retire_locked(struct trust_ring *r, const char *kid, bool retired, struct muster_err *err)
{
	struct ring_beside *b = &r->beside;
	char (*grown)[TRUST_KID];
	size_t at = 0;

	while (at < b->retired_count && strcmp(b->retired[at], kid) != 0)
		at++;
	if ((at < b->retired_count) == retired)
		return MUSTER_OK;
	if (!retired) {
		memmove(b->retired[at], b->retired[--b->retired_count], sizeof(b->retired[at]));
	} else {
		if ((grown = mem_grow(b->retired, at + 1, sizeof(*grown))) == NULL)
			return err_nomem(err);
		b->retired = grown;
		(void)snprintf(b->retired[at], sizeof(b->retired[at]), "%s", kid);
		b->retired_count++;
	}
	return r->configured ? refresh(r, err) : MUSTER_OK;
}

int ring_retire(struct trust_ring *r, const char *kid, bool retired, struct muster_err *err)
{
	int result;

	pthread_mutex_lock(&r->change);
	result = retire_locked(r, kid, retired, err);
	pthread_mutex_unlock(&r->change);
	return result;
}

static int set_crl_locked(struct trust_ring *r, struct crl *crl, struct muster_err *err)
{
	struct ring_beside *b = &r->beside;
	struct crl *old = NULL, **grown;
	size_t at = 0;
	int result;

	while (at < b->crl_count && !uuid_equal(crl_issuer_id(b->crls[at]), crl_issuer_id(crl)))
		at++;
	if (at < b->crl_count) {
		old = b->crls[at];
		if (strcmp(crl_pem(old), crl_pem(crl)) == 0)
			return MUSTER_OK;
		if (crl_number(crl) <= crl_number(old))
			return err_set(err, MUSTER_E_EXISTS, "the revocation list has the number %" PRIu64 "; this host knows number %" PRIu64 " already", crl_number(crl), crl_number(old));
	} else {
		if ((grown = mem_grow(b->crls, at + 1, sizeof(struct crl *))) == NULL)
			return err_nomem(err);
		b->crls = grown;
		b->crl_count++;
	}
	b->crls[at] = crl_ref(crl);
	if (!r->configured || (result = refresh(r, err)) == MUSTER_OK) {
		crl_unref(old);
		return MUSTER_OK;
	}
	crl_unref(crl);
	if (old != NULL)
		b->crls[at] = old;
	else
		b->crl_count--;
	return result;
}

int ring_set_crl(struct trust_ring *r, struct crl *crl, struct muster_err *err)
{
	int result;

	pthread_mutex_lock(&r->change);
	result = set_crl_locked(r, crl, err);
	pthread_mutex_unlock(&r->change);
	return result;
}

static int add_roots_locked(struct trust_ring *r, struct muster_span token, struct muster_err *err)
{
	struct ring_beside *b = &r->beside;
	struct buf *grown;
	int result;

	for (size_t i = 0; i < b->root_count; i++)
		if (span_equal(span_of(b->roots[i].p, b->roots[i].n), token))
			return MUSTER_OK;
	if ((grown = mem_grow(b->roots, b->root_count + 1, sizeof(*grown))) == NULL)
		return err_nomem(err);
	b->roots = grown;
	grown = &b->roots[b->root_count++];
	buf_init(grown, STATEMENT_ROOTS_MAX);
	buf_add(grown, token.p, token.n);
	result = grown->failed ? err_set(err, MUSTER_E_LIMIT, "an announcement of roots has %zu bytes; at most %d are taken", token.n, STATEMENT_ROOTS_MAX)
	         : r->configured ? refresh(r, err) : MUSTER_OK;
	if (result != MUSTER_OK) {
		buf_fini(grown);
		b->root_count--;
	}
	return result;
}

int ring_add_roots(struct trust_ring *r, struct muster_span token, struct muster_err *err)
{
	int result;

	pthread_mutex_lock(&r->change);
	result = add_roots_locked(r, token, err);
	pthread_mutex_unlock(&r->change);
	return result;
}
