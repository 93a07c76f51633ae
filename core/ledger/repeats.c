#include "core/ledger/repeats.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

struct repeats {
	struct repeat rows[REPEATS_MAX];
	uint32_t buckets[REPEATS_MAX];   /* 1 + index, so that fresh memory is an empty table and stays untouched until used */
	uint32_t next, used;
};

struct repeats *repeats_new(void)
{
	return mem_alloc(sizeof(struct repeats));
}

void repeats_free(struct repeats *t)
{
	mem_free(t);
}

void repeats_clear(struct repeats *t)
{
	if (t->used == 0)
		return;
	memset(t->buckets, 0, sizeof t->buckets);
	t->next = t->used = 0;
}

static uint32_t *bucket_of(struct repeats *t, uint64_t digest)
{
	return &t->buckets[digest % REPEATS_MAX];
}

const struct repeat *repeats_find(const struct repeats *t, uint64_t digest, const uint8_t client[16], uint32_t product, bool release)
{
	for (uint32_t i = t->buckets[digest % REPEATS_MAX]; i != 0; i = t->rows[i - 1].chain) {
		const struct repeat *row = &t->rows[i - 1];

		if (row->digest == digest && row->product == product && memcmp(row->client, client, 16) == 0 &&
		    ((row->flags & STORE_F_RELEASE) != 0) == release)
			return row;
	}
	return NULL;
}

static void row_unlink(struct repeats *t, uint32_t index)
{
	uint32_t *link = bucket_of(t, t->rows[index].digest);

	while (*link != index + 1)
		link = &t->rows[*link - 1].chain;
	*link = t->rows[index].chain;
}

void repeats_add(struct repeats *t, const struct store_event *e)
{
	struct repeat *row = &t->rows[t->next];
	uint32_t *bucket;

	if (e->digest == 0)
		return;
	if (t->used == REPEATS_MAX)
		row_unlink(t, t->next);
	else
		t->used++;
	row->digest = e->digest;
	row->seq = e->seq;
	row->at = e->at;
	row->expires = e->expires;
	row->code = e->result;
	row->count = e->count;
	row->minimum = e->minimum;
	row->product = e->product;
	row->flags = e->flags;
	memcpy(row->client, e->client, sizeof row->client);
	memset(row->hw, 0, sizeof row->hw);
	if (e->flags & STORE_F_HW)
		memcpy(row->hw, e->hw, sizeof row->hw);
	bucket = bucket_of(t, row->digest);
	row->chain = *bucket;
	*bucket = t->next + 1;
	t->next = (t->next + 1) % REPEATS_MAX;
}

struct digester {
	EVP_MAC *mac;
	EVP_MAC_CTX *ctx;
	uint8_t key[16];
};

int digester_new(struct digester **out, const uint8_t key[16], struct muster_err *err)
{
	size_t size = 8;
	OSSL_PARAM params[] = { OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size), OSSL_PARAM_construct_end() };
	struct digester *d = mem_alloc(sizeof *d);
	int r = MUSTER_E_INTERNAL;

	*out = NULL;
	if (d == NULL)
		return err_nomem(err);
	memcpy(d->key, key, sizeof d->key);
	if ((d->mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL)) == NULL || (d->ctx = EVP_MAC_CTX_new(d->mac)) == NULL ||
	    EVP_MAC_CTX_set_params(d->ctx, params) != 1) {
		r = err_set(err, MUSTER_E_INTERNAL, "ledger: OpenSSL offers no SipHash; its default provider is missing");
		goto done;
	}
	*out = d;
	d = NULL;
	r = MUSTER_OK;
done:
	digester_free(d);
	return r;
}

void digester_free(struct digester *d)
{
	if (d == NULL)
		return;
	EVP_MAC_CTX_free(d->ctx);
	EVP_MAC_free(d->mac);
	mem_free(d);
}

int digester_digest(struct digester *d, uint64_t *out, const uint8_t client[16], uint32_t product, const uint8_t *nonce, size_t n)
{
	uint8_t head[20], tag[8];
	size_t len = 0;

	memcpy(head, client, 16);
	be32_put(head + 16, product);
	/* The key is given each time: without it OpenSSL 3.0 does not begin anew. */
	if (EVP_MAC_init(d->ctx, d->key, sizeof d->key, NULL) != 1 || EVP_MAC_update(d->ctx, head, sizeof head) != 1 ||
	    EVP_MAC_update(d->ctx, nonce, n) != 1 || EVP_MAC_final(d->ctx, tag, &len, sizeof tag) != 1 || len != sizeof tag)
		return MUSTER_E_INTERNAL;
	*out = be64_get(tag);
	if (*out == 0)
		*out = 1;
	return MUSTER_OK;
}
