#include "core/ledger/limits.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/mem.h"

#define KEY 24
#define WAYS 8
#define SETS 1024

struct window { uint8_t key[KEY]; int64_t start, end; uint32_t used; };
struct windows { struct window rows[SETS][WAYS]; uint64_t seed; };

#define HELD_SETS 64
#define HELD_WAYS 16
/* n == 0: free. `since` is when the first was held back. */
struct held { uint8_t key[KEY]; int64_t since; struct store_event e; };
struct refusals { struct windows *budget; struct held rows[HELD_SETS][HELD_WAYS]; uint32_t count, turn; };

static void key_make(uint8_t key[KEY], const uint8_t *addr, uint8_t addr_len, uint32_t code, uint16_t more)
{
	memset(key, 0, KEY);
	memcpy(key, addr, addr_len == 16 ? 8 : addr_len);
	key[16] = addr_len;
	be32_put(key + 17, code);
	be16_put(key + 21, more);
}

static uint32_t key_hash(const uint8_t key[KEY], uint64_t seed)
{
	uint64_t x = seed;

	for (size_t i = 0; i < KEY; i += 8)
		x = (x ^ (x >> 29) ^ be64_get(key + i)) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(x >> 33);
}

struct windows *windows_new(void)
{
	struct windows *t = mem_alloc(sizeof *t);

	if (t != NULL)
		random_bytes(&t->seed, sizeof t->seed);
	return t;
}

void windows_free(struct windows *t)
{
	mem_free(t);
}

static struct window *window_of(struct windows *t, const uint8_t key[KEY], int64_t now, int64_t period_ms, bool *crowded)
{
	struct window *set = t->rows[key_hash(key, t->seed) % SETS], *oldest = &set[0];

	for (size_t i = 0; i < WAYS; i++) {
		if (memcmp(set[i].key, key, KEY) == 0) {
			oldest = &set[i];
			goto found;
		}
		if (set[i].end < oldest->end)
			oldest = &set[i];
	}
	if (crowded != NULL && oldest->end > now)
		*crowded = true;
	memcpy(oldest->key, key, KEY);
	oldest->end = 0;
found:
	if (now >= oldest->end || now < oldest->start) {
		oldest->start = now;
		oldest->end = now + period_ms;
		oldest->used = 0;
	}
	return oldest;
}

uint32_t *windows_used(struct windows *t, const uint8_t *addr, uint8_t addr_len, uint32_t code, int64_t now, int64_t period_ms, bool *crowded)
{
	uint8_t key[KEY];

	key_make(key, addr, addr_len, code, 0);
	return &window_of(t, key, now, period_ms, crowded)->used;
}

int64_t windows_left(struct windows *t, const uint8_t *addr, uint8_t addr_len, uint32_t code, int64_t now, int64_t period_ms)
{
	uint8_t key[KEY];

	key_make(key, addr, addr_len, code, 0);
	return window_of(t, key, now, period_ms, NULL)->end - now;
}

static struct window *window_find(struct windows *t, const uint8_t key[KEY])
{
	struct window *set = t->rows[key_hash(key, t->seed) % SETS];

	for (size_t i = 0; i < WAYS; i++)
		if (memcmp(set[i].key, key, KEY) == 0)
			return &set[i];
	return NULL;
}

void windows_return(struct windows *t, const uint8_t *addr, uint8_t addr_len, uint32_t code, int64_t now)
{
	uint8_t key[KEY];
	struct window *w;

	key_make(key, addr, addr_len, code, 0);
	w = window_find(t, key);
	if (w != NULL && w->end > now && w->used > 0)
		w->used--;
}

/* Whole, unlike an address: whoever invents IDs chooses how they begin. */
static void key_holder(uint8_t key[KEY], const uint8_t holder[16], uint32_t product)
{
	memset(key, 0, KEY);
	memcpy(key, holder, 16);
	key[16] = UINT8_MAX;
	be32_put(key + 17, product);
}

void windows_note(struct windows *t, const uint8_t holder[16], uint32_t product, int64_t now, int64_t period_ms)
{
	uint8_t key[KEY];

	key_holder(key, holder, product);
	(void)window_of(t, key, now, period_ms, NULL);
}

bool windows_noted(struct windows *t, const uint8_t holder[16], uint32_t product, int64_t now)
{
	const struct window *w;
	uint8_t key[KEY];

	key_holder(key, holder, product);
	w = window_find(t, key);
	return w != NULL && w->end > now;
}

void windows_forget(struct windows *t, const uint8_t holder[16], uint32_t product)
{
	struct window *w;
	uint8_t key[KEY];

	key_holder(key, holder, product);
	if ((w = window_find(t, key)) != NULL)
		w->end = 0;
}

struct refusals *refusals_new(void)
{
	struct refusals *t = mem_alloc(sizeof *t);

	if (t != NULL && (t->budget = windows_new()) == NULL) {
		mem_free(t);
		t = NULL;
	}
	return t;
}

void refusals_free(struct refusals *t)
{
	if (t == NULL)
		return;
	windows_free(t->budget);
	mem_free(t);
}

static bool budget_take(struct refusals *t, const struct store_event *e, int64_t now)
{
	uint32_t *used = windows_used(t->budget, e->addr, e->addr_len, e->result, now, 1000, NULL);

	if (*used >= REFUSED_ROWS_PER_SECOND)
		return false;
	++*used;
	return true;
}

/* Keep the latest as the sample of all: its client, name and times stand for them. */
static void held_add(struct held *h, const struct store_event *e)
{
	uint32_t n = h->e.n;

	h->e = *e;
	h->e.n = n + e->n;
	h->e.digest = 0;
}

static bool held_put(struct refusals *t, const struct store_event *e, int64_t now)
{
	uint8_t key[KEY];
	struct held *set, *empty = NULL;

	key_make(key, e->addr, e->addr_len, e->result, (uint16_t)e->product);
	set = t->rows[key_hash(key, t->budget->seed) % HELD_SETS];
	for (size_t i = 0; i < HELD_WAYS; i++) {
		if (set[i].e.n == 0) {
			empty = &set[i];
		} else if (set[i].e.product == e->product && memcmp(set[i].key, key, KEY) == 0 && set[i].e.n <= UINT32_MAX - e->n) {
			held_add(&set[i], e);
			return true;
		}
	}
	if (empty == NULL)
		return false;   /* too many addresses at once: exact counting goes before few rows */
	memcpy(empty->key, key, KEY);
	empty->since = now;
	held_add(empty, e);
	t->count++;
	return true;
}

bool refusals_admit(struct refusals *t, const struct store_event *e, int64_t now)
{
	return budget_take(t, e, now) || !held_put(t, e, now);
}

bool refusals_take(struct refusals *t, struct store_event *out, int64_t now, bool all)
{
	const uint32_t total = HELD_SETS * HELD_WAYS;

	/* In turn from where the last call stopped, so that nobody's sum waits for ever. */
	for (uint32_t i = 0; t->count > 0 && i < total; i++) {
		uint32_t at = (t->turn + i) % total;
		struct held *h = &t->rows[at / HELD_WAYS][at % HELD_WAYS];

		if (h->e.n == 0 || (!all && (now - h->since < 1000 || !budget_take(t, &h->e, now))))
			continue;
		*out = h->e;
		h->e.n = 0;
		t->count--;
		t->turn = at + 1;
		return true;
	}
	return false;
}

void refusals_return(struct refusals *t, const struct store_event *e)
{
	struct held *same = NULL;

	if (held_put(t, e, 0))
		return;
	/* Its place was taken meanwhile: a free one elsewhere does as well, else the product's sum stays right. */
	for (uint32_t i = 0; i < HELD_SETS * HELD_WAYS; i++) {
		struct held *h = &t->rows[i / HELD_WAYS][i % HELD_WAYS];

		if (h->e.n == 0) {
			memset(h->key, 0, KEY);
			h->since = 0;
			held_add(h, e);
			t->count++;
			return;
		}
		if (h->e.product == e->product && h->e.n <= UINT32_MAX - e->n)
			same = h;
	}
	if (same != NULL)
		same->e.n += e->n;
}

uint64_t refusals_held(const struct refusals *t, uint32_t product)
{
	uint64_t n = 0;

	for (size_t i = 0; t->count > 0 && i < HELD_SETS * HELD_WAYS; i++) {
		const struct held *h = &t->rows[i / HELD_WAYS][i % HELD_WAYS];

		if (h->e.n > 0 && h->e.product == product)
			n += h->e.n;
	}
	return n;
}
