/* Building and asking a view of the key ring. */
#include "core/trust/ring_view.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/trust/statement.h"

void ring_config_fini(struct ring_config *c)
{
	size_t i;

	for (i = 0; c->issuers != NULL && i < c->issuer_count; i++) {
		mem_free((void *)(uintptr_t)c->issuers[i].name);
		mem_free((void *)(uintptr_t)c->issuers[i].roots);
	}
	for (i = 0; c->products != NULL && i < c->product_count; i++) {
		mem_free((void *)(uintptr_t)c->products[i].name);
		mem_free((void *)(uintptr_t)c->products[i].issuer);
	}
	mem_free(c->issuers);
	mem_free(c->products);
	memset(c, 0, sizeof(*c));
}

int ring_config_init(struct ring_config *c, const struct ring_issuer *issuers, size_t issuer_count, const struct ring_product *products,
                     size_t product_count, struct muster_err *err)
{
	size_t i;

	memset(c, 0, sizeof(*c));
	c->issuers = mem_array(issuer_count + 1, sizeof(*c->issuers));
	c->products = mem_array(product_count + 1, sizeof(*c->products));
	if (c->issuers == NULL || c->products == NULL)
		goto fail;
	for (i = 0; i < issuer_count; i++) {
		c->issuer_count = i + 1;
		c->issuers[i].name = mem_strdup(issuers[i].name);
		c->issuers[i].roots = mem_strdup(issuers[i].roots);
		if (c->issuers[i].name == NULL || c->issuers[i].roots == NULL)
			goto fail;
	}
	for (i = 0; i < product_count; i++) {
		c->product_count = i + 1;
		memcpy(c->products[i].id, products[i].id, sizeof(products[i].id));
		c->products[i].name = mem_strdup(products[i].name);
		c->products[i].issuer = mem_strdup(products[i].issuer);
		if (c->products[i].name == NULL || (products[i].issuer != NULL && c->products[i].issuer == NULL))
			goto fail;
	}
	return MUSTER_OK;
fail:
	ring_config_fini(c);
	return err_nomem(err);
}

struct trust_view *ring_view_empty(void)
{
	struct trust_view *v = mem_alloc(sizeof(*v));

	if (v != NULL)
		atomic_init(&v->refs, 1);
	return v;
}

struct trust_view *ring_view_ref(struct trust_view *v)
{
	atomic_fetch_add(&v->refs, 1);
	return v;
}

void ring_view_unref(struct trust_view *v)
{
	size_t i;

	if (v == NULL || atomic_fetch_sub(&v->refs, 1) != 1)
		return;
	for (i = 0; i < v->chain_count; i++) {
		trust_signer_free(v->chains[i].signer);
		trust_chain_unref(v->chains[i].chain);
	}
	for (i = 0; i < v->issuer_count; i++) {
		mem_free(v->issuers[i].name);
		trust_anchors_free(v->issuers[i].anchors);
		crl_unref(v->issuers[i].crl);
	}
	for (i = 0; i < v->product_count; i++)
		mem_free(v->products[i].name);
	mem_free(v->entries);
	mem_free(v->chains);
	mem_free(v->products);
	mem_free(v->issuers);
	EVP_PKEY_free(v->key);
	mem_free(v);
}

static void tell(const struct ring_report *report, int level, const char *message)
{
	if (report != NULL)
		report->fn(report->ctx, level, message);
}

static int read_trusted(struct buf *out, const char *path, size_t max, struct muster_err *err)
{
	int r = file_check_trust(path, FILE_TRUST_CODE, err);

	return r != MUSTER_OK ? r : file_read(out, path, max, err);
}

int ring_read_issuer(struct trust_anchors **out, const struct ring_issuer *issuer, struct muster_err *err)
{
	struct buf pem;
	int r;

	*out = NULL;
	buf_init(&pem, TRUST_CHAIN_MAX);
	if ((r = read_trusted(&pem, issuer->roots, TRUST_CHAIN_MAX, err)) == MUSTER_E_NOT_FOUND)
		(void)err_prefix(err, r, "put the issuer's root certificate there");
	else if (r == MUSTER_OK && (r = trust_anchors_read(out, span_of(pem.p, pem.n), err)) != MUSTER_OK)
		(void)err_prefix(err, r, "%s", issuer->roots);
	if (r != MUSTER_OK)
		(void)err_prefix(err, r, "[issuer %s]", issuer->name);
	buf_fini(&pem);
	return r;
}

static int load_issuers(struct trust_view *v, const struct ring_config *config, struct muster_err *err)
{
	size_t i;
	int r = MUSTER_OK;

	if ((v->issuers = mem_array(config->issuer_count + 1, sizeof(*v->issuers))) == NULL)
		return err_nomem(err);
	for (i = 0; r == MUSTER_OK && i < config->issuer_count; i++) {
		struct view_issuer *is = &v->issuers[i];

		v->issuer_count = i + 1;
		is->name = mem_strdup(config->issuers[i].name);
		r = is->name == NULL ? err_nomem(err) : ring_read_issuer(&is->anchors, &config->issuers[i], err);
	}
	return r;
}

/* Roots announced under those an issuer has: again and again, for one announcement may rest on another. */
static int learn_roots(struct view_issuer *is, const struct ring_beside *beside, struct muster_err *err)
{
	size_t i, before;
	int r = MUSTER_OK;

	do {
		before = trust_anchors_count(is->anchors);
		for (i = 0; r == MUSTER_OK && i < beside->root_count; i++) {
			struct trust_anchors *more = NULL;
			size_t added = 0;
			struct buf pem;

			buf_init(&pem, TRUST_CHAIN_MAX);
			/* when it was made was compared with the clock when it came */
			r = roots_read(&pem, &added, span_of(beside->roots[i].p, beside->roots[i].n), is->anchors, is->crl, TIME_MAX_S, NULL);
			if (r == MUSTER_OK && added > 0 && (r = trust_anchors_read(&more, span_of(pem.p, pem.n), NULL)) == MUSTER_OK) {
				trust_anchors_free(is->anchors);
				is->anchors = more;
			}
			buf_fini(&pem);
			r = r == MUSTER_E_NOMEM ? err_nomem(err) : MUSTER_OK;
		}
	} while (r == MUSTER_OK && trust_anchors_count(is->anchors) > before);
	return r;
}

/* A list counts under the roots that are pinned now; it was verified under others, maybe. */
static int load_crls(struct trust_view *v, const struct ring_report *report, struct muster_err *err)
{
	struct muster_err why;
	size_t i, k;

	for (i = 0; i < v->issuer_count; i++)
		for (k = 0; k < v->beside->crl_count; k++) {
			struct crl *c = v->beside->crls[k];
			int r;

			if (!uuid_equal(crl_issuer_id(c), trust_anchors_issuer_id(v->issuers[i].anchors)))
				continue;
			if ((r = crl_read(&v->issuers[i].crl, span_str(crl_pem(c)), v->issuers[i].anchors, crl_made(c), &why)) == MUSTER_E_NOMEM)
				return err_nomem(err);
			if (r != MUSTER_OK) {
				(void)err_prefix(&why, r, "[issuer %s]: revocation list %" PRIu64 " is left out", v->issuers[i].name, crl_number(c));
				tell(report, LOG_WARNING, why.message);
			}
		}
	return MUSTER_OK;
}

/*
 * Announced roots and revocation lists need each other: a list may be signed under an announced root, and an announcement counts for nothing
 * when its signer was stolen. So the roots are learnt, the lists read, and then the roots learnt anew from the file's with the lists at hand.
 */
static int load_trust(struct trust_view *v, const struct ring_config *config, const struct ring_report *report, struct muster_err *err)
{
	size_t i;
	int r = MUSTER_OK;

	for (i = 0; r == MUSTER_OK && i < v->issuer_count; i++)
		r = learn_roots(&v->issuers[i], v->beside, err);
	if (r == MUSTER_OK)
		r = load_crls(v, report, err);
	for (i = 0; r == MUSTER_OK && v->beside->root_count > 0 && i < v->issuer_count; i++) {
		struct view_issuer *is = &v->issuers[i];

		if (is->crl == NULL)
			continue;
		trust_anchors_free(is->anchors);
		if ((r = ring_read_issuer(&is->anchors, &config->issuers[i], err)) == MUSTER_OK)
			r = learn_roots(is, v->beside, err);
	}
	return r;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct view_product *)a)->id, ((const struct view_product *)b)->id, 16);
}

static int load_products(struct trust_view *v, const struct ring_config *config, struct muster_err *err)
{
	size_t i, k;

	if ((v->products = mem_array(config->product_count + 1, sizeof(*v->products))) == NULL)
		return err_nomem(err);
	for (i = 0; i < config->product_count; i++) {
		struct view_product *p = &v->products[i];

		v->product_count = i + 1;
		memcpy(p->id, config->products[i].id, sizeof(p->id));
		p->issuer = VIEW_NO_ISSUER;
		if ((p->name = mem_strdup(config->products[i].name)) == NULL)
			return err_nomem(err);
		for (k = 0; config->products[i].issuer != NULL && k < v->issuer_count; k++)
			if (strcmp(v->issuers[k].name, config->products[i].issuer) == 0)
				p->issuer = k;
	}
	qsort(v->products, v->product_count, sizeof(*v->products), by_id);
	return MUSTER_OK;
}

const struct view_product *ring_view_product(const struct trust_view *v, const uint8_t id[16])
{
	struct view_product key;

	if (v->product_count == 0)
		return NULL;
	memset(&key, 0, sizeof(key));
	memcpy(key.id, id, sizeof(key.id));
	return bsearch(&key, v->products, v->product_count, sizeof(key), by_id);
}

static bool is_retired(const struct ring_beside *b, const char *kid)
{
	for (size_t i = 0; i < b->retired_count; i++)
		if (strcmp(b->retired[i], kid) == 0)
			return true;
	return false;
}

/* Find the chain's issuer. Dates do not count here: an ended chain stays readable as history, look-ups compare dates. @p key may be NULL. */
static int place_chain(const struct trust_view *v, struct ring_chain *out, EVP_PKEY *key, struct muster_err *err)
{
	struct trust_chain *c = out->chain;
	size_t i;
	int r = err_set(err, MUSTER_E_SIGNATURE, "no issuer is configured");

	for (i = 0; i < v->issuer_count; i++) {
		int64_t end = trust_chain_end(c, v->issuers[i].anchors), begin = trust_chain_begin(c);

		/* at its first moment: notBefore lies a day before issuing, when root and intermediate were valid too */
		if ((r = trust_chain_verify(c, v->issuers[i].anchors, TRUST_ROLE_LEASE, begin, err)) != MUSTER_OK)
			continue;
		out->issuer = v->issuers[i].name;
		memcpy(out->issuer_id, trust_anchors_issuer_id(v->issuers[i].anchors), sizeof(out->issuer_id));
		out->begin = begin;
		out->end = end;
		if (v->issuers[i].crl != NULL)
			(void)crl_lists(v->issuers[i].crl, trust_chain_signer(c), &out->revoked);
		if (key == NULL || X509_check_private_key(trust_chain_signer(c), key) != 1) {
			ERR_clear_error();
			return MUSTER_OK;
		}
		return is_retired(v->beside, trust_chain_kid(c)) ? MUSTER_OK : trust_signer_new(&out->signer, key, c, err);
	}
	return r;
}

/* One file of the folder. Anything wrong with it is reported; only exhausted memory fails. */
static int load_chain(struct trust_view *v, const char *path, const struct ring_report *report, struct muster_err *err)
{
	struct ring_chain *place = &v->chains[v->chain_count];
	struct muster_err why;
	struct buf pem;
	int r;

	buf_init(&pem, TRUST_CHAIN_MAX);
	memset(place, 0, sizeof(*place));
	if ((r = read_trusted(&pem, path, TRUST_CHAIN_MAX, &why)) == MUSTER_OK
	    && (r = trust_chain_read(&place->chain, span_of(pem.p, pem.n), &why)) == MUSTER_OK)
		r = place_chain(v, place, v->key, &why);
	if (r == MUSTER_OK) {
		v->chain_count++;
	} else {
		trust_chain_unref(place->chain);
		if (r != MUSTER_E_NOMEM) {
			(void)err_prefix(&why, r, "%s: left out", path);
			tell(report, LOG_WARNING, why.message);
			r = MUSTER_OK;
		}
	}
	buf_fini(&pem);
	return r == MUSTER_OK ? r : err_nomem(err);
}

static int by_end(const void *a, const void *b)
{
	int64_t x = ((const struct ring_chain *)a)->end, y = ((const struct ring_chain *)b)->end;

	return x < y ? 1 : x > y ? -1 : 0;
}

static bool is_chain_name(const char *name)
{
	size_t n = strlen(name);

	return n > strlen("chain-.pem") && strncmp(name, "chain-", 6) == 0 && strcmp(name + n - 4, ".pem") == 0;
}

static int load_chains(struct trust_view *v, const char *dir, const struct ring_report *report, struct muster_err *err)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int r = MUSTER_OK;

	if (d == NULL)
		return err_errno(err, errno, "%s", dir);
	if ((v->chains = mem_array(RING_CHAINS_MAX, sizeof(*v->chains))) == NULL)
		r = err_nomem(err);
	while (r == MUSTER_OK && (e = readdir(d)) != NULL) {
		char *path;

		if (!is_chain_name(e->d_name))
			continue;
		if (v->chain_count == RING_CHAINS_MAX) {
			r = err_set(err, MUSTER_E_LIMIT, "%s holds more than %d chains; move those that have ended elsewhere", dir, RING_CHAINS_MAX);
			break;
		}
		if ((path = file_join(dir, e->d_name)) == NULL) {
			r = err_nomem(err);
			break;
		}
		r = load_chain(v, path, report, err);
		mem_free(path);
	}
	(void)closedir(d);
	return r;
}

static int load_foreign(struct trust_view *v, const struct ring_report *report, struct muster_err *err)
{
	struct muster_err why;

	for (size_t i = 0; i < v->beside->key_count; i++) {
		const struct ring_foreign *f = &v->beside->keys[i];
		struct ring_chain *place = &v->chains[v->chain_count];
		int r;

		if (v->chain_count == RING_CHAINS_MAX)
			return err_set(err, MUSTER_E_LIMIT, "this host has more than %d certificates", RING_CHAINS_MAX);
		memset(place, 0, sizeof(*place));
		place->chain = trust_chain_ref(f->chain);
		if ((r = place_chain(v, place, f->key, &why)) == MUSTER_OK) {
			v->chain_count++;
			continue;
		}
		trust_chain_unref(place->chain);
		if (r == MUSTER_E_NOMEM)
			return err_nomem(err);
		(void)err_prefix(&why, r, "certificate %s of an activation: left out", trust_chain_kid(f->chain));
		tell(report, LOG_WARNING, why.message);
	}
	qsort(v->chains, v->chain_count, sizeof(*v->chains), by_end);
	return MUSTER_OK;
}

static int by_product(const void *a, const void *b)
{
	const struct view_entry *x = a, *y = b;
	int d = memcmp(x->id, y->id, sizeof(x->id));

	return d != 0 ? d : by_end(x->chain, y->chain);
}

/* A chain counts for a product only under that product's issuer. */
static int index_products(struct trust_view *v, struct muster_err *err)
{
	size_t i, k, n;

	if ((v->entries = mem_array(v->chain_count + 1, TRUST_PRODUCTS_MAX * sizeof(*v->entries))) == NULL)
		return err_nomem(err);
	for (i = 0; i < v->chain_count; i++) {
		const struct ring_chain *c = &v->chains[i];
		const uint8_t (*ids)[16] = trust_chain_products(c->chain, &n);

		for (k = 0; c->signer != NULL && k < n; k++) {
			const struct view_product *p = ring_view_product(v, ids[k]);

			if (p == NULL || p->issuer == VIEW_NO_ISSUER || v->issuers[p->issuer].name != c->issuer)
				continue;
			memcpy(v->entries[v->entry_count].id, ids[k], 16);
			v->entries[v->entry_count++].chain = c;
		}
	}
	qsort(v->entries, v->entry_count, sizeof(*v->entries), by_product);
	return MUSTER_OK;
}

int ring_view_build(struct trust_view **out, const char *dir, EVP_PKEY *key, const struct ring_config *config, const struct ring_beside *beside,
                    const struct ring_report *report, struct muster_err *err)
{
	struct trust_view *v = ring_view_empty();
	int r;

	*out = NULL;
	if (v == NULL)
		return err_nomem(err);
	v->beside = beside;
	if (key != NULL) {
		EVP_PKEY_up_ref(key);
		v->key = key;
	}
	if ((r = load_issuers(v, config, err)) != MUSTER_OK || (r = load_trust(v, config, report, err)) != MUSTER_OK || (r = load_products(v, config, err)) != MUSTER_OK
	    || (r = load_chains(v, dir, report, err)) != MUSTER_OK || (r = load_foreign(v, report, err)) != MUSTER_OK
	    || (r = index_products(v, err)) != MUSTER_OK)
		goto done;
	v->beside = NULL;
	*out = v;
	v = NULL;
done:
	ring_view_unref(v);
	return r;
}

/* First entry of a product, NULL: none. */
static const struct view_entry *first_entry(const struct trust_view *v, const uint8_t id[16])
{
	size_t low = 0, high = v->entry_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (memcmp(v->entries[mid].id, id, 16) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < v->entry_count && memcmp(v->entries[low].id, id, 16) == 0 ? &v->entries[low] : NULL;
}

const struct ring_chain *ring_find(const struct trust_view *v, const uint8_t product_id[16], int64_t now)
{
	const struct view_entry *e = first_entry(v, product_id), *end = v->entries + v->entry_count;

	for (; e != NULL && e < end && memcmp(e->id, product_id, 16) == 0; e++)
		if (e->chain->begin <= now && e->chain->end - now >= RING_LEAST_S && e->chain->revoked == NULL)
			return e->chain;
	return NULL;
}

/* The longest living that is, or is not, revoked. */
static const struct ring_chain *first_chain(const struct trust_view *v, const uint8_t id[16], bool revoked)
{
	const struct view_entry *e = first_entry(v, id), *end = v->entries + v->entry_count;

	for (; e != NULL && e < end && memcmp(e->id, id, 16) == 0; e++)
		if ((e->chain->revoked != NULL) == revoked)
			return e->chain;
	return NULL;
}

const struct ring_chain *ring_revoked(const struct trust_view *v, const uint8_t product_id[16], int64_t now)
{
	return ring_find(v, product_id, now) == NULL ? first_chain(v, product_id, true) : NULL;
}

enum ring_state ring_state(const struct trust_view *v, const uint8_t product_id[16], int64_t now, int64_t validity_s, int64_t *end)
{
	const struct ring_chain *c = first_chain(v, product_id, false);

	if (end != NULL)
		*end = c != NULL ? c->end : 0;
	if (c == NULL)
		return first_entry(v, product_id) != NULL ? RING_REVOKED : RING_NONE;
	if (ring_find(v, product_id, now) == NULL)
		return RING_ENDED;
	return c->end - now < validity_s + RING_WARN_S ? RING_ENDING : RING_GOOD;
}

const struct ring_chain *ring_chains(const struct trust_view *v, size_t *n)
{
	*n = v->chain_count;
	return v->chains;
}

const struct ring_chain *ring_by_kid(const struct trust_view *v, const char *kid, size_t n)
{
	size_t i;

	if (n != TRUST_KID - 1)
		return NULL;
	for (i = 0; i < v->chain_count; i++)
		if (memcmp(trust_chain_kid(v->chains[i].chain), kid, n) == 0)
			return &v->chains[i];
	return NULL;
}

const struct trust_anchors *ring_anchors(const struct trust_view *v, const char *issuer)
{
	size_t i;

	for (i = 0; issuer != NULL && i < v->issuer_count; i++)
		if (strcmp(v->issuers[i].name, issuer) == 0)
			return v->issuers[i].anchors;
	return NULL;
}

const struct crl *ring_crl(const struct trust_view *v, const char *issuer)
{
	size_t i;

	for (i = 0; issuer != NULL && i < v->issuer_count; i++)
		if (strcmp(v->issuers[i].name, issuer) == 0)
			return v->issuers[i].crl;
	return NULL;
}

int ring_lease_verify(struct lease_claims *out, const struct trust_view *v, struct muster_span lease, const struct lease_expect *expect, int64_t now,
                      struct muster_err *err)
{
	const struct ring_chain *c;
	char kid[TRUST_KID];
	int r;

	memset(out, 0, sizeof(*out));
	if (lease.n > TRUST_LEASE_MAX)
		return err_set(err, MUSTER_E_INVALID, "the lease has %zu characters; at most %d are read", lease.n, TRUST_LEASE_MAX);
	if ((r = trust_token_kid(kid, lease, err)) != MUSTER_OK)
		return r;
	if ((c = ring_by_kid(v, kid, TRUST_KID - 1)) == NULL)
		return err_set(err, MUSTER_E_MISMATCH, "the lease was signed under a certificate that this host never had");
	if (now < c->begin)
		return err_set(err, MUSTER_E_NOT_YET, "the lease's certificate is not valid yet; is the clock right?");
	if (now >= c->end)
		return err_set(err, MUSTER_E_EXPIRED, "the lease's certificate has ended");
	if ((r = lease_verify_known(out, lease, c->chain, ring_anchors(v, c->issuer), expect, now, err)) != MUSTER_OK || c->revoked == NULL)
		return r;
	if ((r = crl_permits(ring_crl(v, c->issuer), trust_chain_signer(c->chain), out->iat, "the host that signed the lease", err)) != MUSTER_OK)
		memset(out, 0, sizeof(*out));
	return r;
}

bool ring_has_key(const struct trust_view *v)
{
	return v->key != NULL;
}

bool ring_requested(const struct trust_view *v, struct muster_span request)
{
	EVP_PKEY *key = NULL;
	bool same = v->key != NULL && trust_request_read(&key, request, NULL) == MUSTER_OK && EVP_PKEY_eq(key, v->key) == 1;

	ERR_clear_error();
	EVP_PKEY_free(key);
	return same;
}
