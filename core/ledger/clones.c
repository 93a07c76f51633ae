#include "core/ledger/clones.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/mem.h"

/* Rows are used in turn; a row whose product is 0 is free. Chains by client alone: marks_drop() looks for every product. */
struct marks {
	struct mark rows[MARKS_MAX];
	uint32_t buckets[MARKS_MAX];   /* 1 + index */
	uint32_t next, count;
	uint64_t seed;
};

bool hw_differs(const uint8_t *a, const uint8_t *b, size_t n)
{
	return a[0] == b[0] && memcmp(a, b, n) != 0;
}

struct marks *marks_new(void)
{
	struct marks *t = mem_alloc(sizeof *t);

	if (t != NULL)
		random_bytes(&t->seed, sizeof t->seed);
	return t;
}

void marks_free(struct marks *t)
{
	mem_free(t);
}

void marks_clear(struct marks *t)
{
	if (t->count == 0)
		return;
	memset(t->rows, 0, sizeof t->rows);
	memset(t->buckets, 0, sizeof t->buckets);
	t->next = t->count = 0;
}

static uint32_t bucket_of(const struct marks *t, const uint8_t client[16])
{
	uint64_t x = (be64_get(client) ^ t->seed) * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 31) ^ be64_get(client + 8)) * UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(x >> 40) % MARKS_MAX;
}

static uint32_t row_of(const struct marks *t, const uint8_t client[16], uint32_t product)
{
	uint32_t i = t->count == 0 ? 0 : t->buckets[bucket_of(t, client)];

	while (i != 0 && (t->rows[i - 1].product != product || memcmp(t->rows[i - 1].client, client, 16) != 0))
		i = t->rows[i - 1].chain;
	return i;
}

static void row_drop(struct marks *t, uint32_t i)
{
	uint32_t *link = &t->buckets[bucket_of(t, t->rows[i - 1].client)];

	while (*link != i)
		link = &t->rows[*link - 1].chain;
	*link = t->rows[i - 1].chain;
	memset(&t->rows[i - 1], 0, sizeof t->rows[i - 1]);
	t->count--;
}

const struct mark *marks_find(const struct marks *t, const uint8_t client[16], uint32_t product)
{
	uint32_t i = row_of(t, client, product);

	return i == 0 ? NULL : &t->rows[i - 1];
}

bool marks_put(struct marks *t, const uint8_t client[16], uint32_t product, const uint8_t hw[32], int64_t last)
{
	uint32_t i = row_of(t, client, product), *bucket;
	bool left = false;

	if (i == 0) {
		if (t->count < MARKS_MAX)
			while (t->rows[t->next].product != 0)
				t->next = (t->next + 1) % MARKS_MAX;
		i = t->next + 1;
		if ((left = t->rows[i - 1].product != 0))
			row_drop(t, i);
		t->next = (t->next + 1) % MARKS_MAX;
		bucket = &t->buckets[bucket_of(t, client)];
		memcpy(t->rows[i - 1].client, client, 16);
		t->rows[i - 1].product = product;
		t->rows[i - 1].chain = *bucket;
		*bucket = i;
		t->count++;
	}
	memcpy(t->rows[i - 1].hw, hw, sizeof t->rows[i - 1].hw);
	t->rows[i - 1].last = last;
	return left;
}

void marks_seen(struct marks *t, const uint8_t client[16], uint32_t product, int64_t last)
{
	uint32_t i = row_of(t, client, product);

	if (i != 0 && last > t->rows[i - 1].last)
		t->rows[i - 1].last = last;
}

void marks_drop(struct marks *t, const uint8_t client[16], uint32_t product)
{
	uint32_t i = t->count == 0 ? 0 : t->buckets[bucket_of(t, client)];

	while (i != 0) {
		uint32_t chain = t->rows[i - 1].chain;

		if (memcmp(t->rows[i - 1].client, client, 16) == 0 && (product == 0 || t->rows[i - 1].product == product))
			row_drop(t, i);
		i = chain;
	}
}

uint32_t marks_count(const struct marks *t)
{
	return t->count;
}

uint32_t marks_since(const struct marks *t, int64_t since)
{
	uint32_t n = 0;

	for (uint32_t i = 0; t->count > 0 && i < MARKS_MAX; i++)
		n += t->rows[i].product != 0 && t->rows[i].last >= since;
	return n;
}
