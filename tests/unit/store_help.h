/** What the store's tests share: temporary folders, events, a fold like the ledger's, collected lists. */
#ifndef TESTS_UNIT_STORE_HELP_H
#define TESTS_UNIT_STORE_HELP_H

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/store/store.h"

#define T0 INT64_C(1795000000000)  /* ms UTC; any day will do */

static const uint8_t ledger_a[16] = "ledger-a-ledger", ledger_b[16] = "ledger-b-ledger";

/* The result and, when it is another, the message. */
#define EXPECT(want, call) \
	do { \
		struct muster_err err = { .result = 0 }; \
		int got_ = (call); \
		ck_assert_msg(got_ == (want), "%s gave %d, not %d: %s", #call, got_, (int)(want), err.message); \
	} while (0)
/* The same, and a part of the message. */
#define EXPECT_SAYS(want, part, call) \
	do { \
		struct muster_err err = { .result = 0 }; \
		int got_ = (call); \
		ck_assert_msg(got_ == (want), "%s gave %d, not %d: %s", #call, got_, (int)(want), err.message); \
		ck_assert_msg(strstr(err.message, part) != NULL, "no \"%s\" in: %s", part, err.message); \
	} while (0)

static inline char *help_folder(char out[64])
{
	const char *base = getenv("TMPDIR");

	(void)snprintf(out, 64, "%.40s/store-XXXXXX", base != NULL ? base : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(out));
	return out;
}

/* A folder and what is in it; one level of folders below. */
static inline void help_remove(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		char path[4096 + 300];

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		(void)snprintf(path, sizeof path, "%.4000s/%s", dir, e->d_name);
		if (unlink(path) != 0)
			help_remove(path);
	}
	(void)closedir(d);
	(void)rmdir(dir);
}

/* Client number i: spread over the key space, as random identities are. */
static inline void help_client(uint8_t out[16], uint64_t i)
{
	uint64_t a = (i + 1) * UINT64_C(0x9e3779b97f4a7c15), b = ~a * UINT64_C(0xbf58476d1ce4e5b9);

	memcpy(out, &a, 8);
	memcpy(out + 8, &b, 8);
}

static inline struct store_event help_event(int64_t seq, uint64_t client, uint32_t product)
{
	struct store_event e = {
		.seq = seq, .at = T0 + seq * 10, .seen = T0 + seq * 10 - 3, .digest = UINT64_C(0xf000000000000000) + (uint64_t)seq, .source = 1,
		.product = product, .edition = product, .n = 1, .result = 0xC004F038, .count = 4, .minimum = 5,
		.flags = STORE_F_HW | STORE_F_MINUTES, .minutes = -7, .status = 2, .addr_len = 4, .addr = { 192, 0, 2, 1 }
	};

	help_client(e.client, client);
	memset(e.hw, (int)(client & 0xff), sizeof e.hw);
	(void)snprintf(e.name, sizeof e.name, "pc-%llu.example.org", (unsigned long long)client);
	return e;
}

/* Append n events from seq on, client = seq. */
static inline int help_append(struct store_log *log, int64_t seq, size_t n, struct muster_err *err)
{
	struct store_event *events = calloc(n, sizeof *events);
	const struct store_event **list = calloc(n, sizeof *list);
	int r;

	for (size_t i = 0; i < n; i++) {
		events[i] = help_event(seq + (int64_t)i, (uint64_t)seq + i, 1);
		list[i] = &events[i];
	}
	r = log->ops->append(log, list, n, err);
	free(events);
	free(list);
	return r;
}

/* The ledger's merge in small: applies each event once. */
static inline void help_merge(void *ctx, struct store_use *row, bool is_new, const struct store_event *const *events, size_t n)
{
	size_t *calls = ctx;

	if (calls != NULL)
		++*calls;
	for (size_t i = 0; i < n; i++) {
		const struct store_event *e = events[i];

		if (e->seq <= row->last_seq)
			continue;
		if (is_new && row->requests == 0) {
			row->first = e->at;
			memcpy(row->hw, e->hw, sizeof row->hw);
		}
		row->last = e->at;
		row->last_seq = e->seq;
		row->requests += e->n;
		row->result = e->result;
		row->status = e->status;
		row->minutes = e->minutes;
		row->addr_len = e->addr_len;
		memcpy(row->addr, e->addr, sizeof row->addr);
		memcpy(row->name, e->name, sizeof row->name);
		row->flags = e->flags;
	}
}

static inline int help_order(const void *a, const void *b)
{
	const struct store_event *x = *(const struct store_event *const *)a, *y = *(const struct store_event *const *)b;
	int c = memcmp(x->client, y->client, 16);

	if (c == 0)
		c = (x->product > y->product) - (x->product < y->product);
	return c != 0 ? c : (x->seq > y->seq) - (x->seq < y->seq);
}

/* Fold n events given in any order, with or without an end. */
static inline int help_fold(struct store_state *state, const struct store_event *events, size_t n, const struct store_fold_end *end, struct muster_err *err)
{
	const struct store_event **list = calloc(n + 1, sizeof *list);
	int r;

	for (size_t i = 0; i < n; i++)
		list[i] = &events[i];
	qsort(list, n, sizeof *list, help_order);
	r = state->ops->fold(state, list, n, help_merge, NULL, end, err);
	free(list);
	return r;
}

/* Lists collected: rows of one size, at most room, then the callback stops. */
struct help_list { void *rows; size_t size, n, room; };
static inline int help_collect(struct help_list *l, const void *row)
{
	ck_assert_uint_lt(l->n, l->room);
	memcpy((char *)l->rows + l->n++ * l->size, row, l->size);
	return l->n == l->room;
}
#define COLLECTOR(name, type) static inline int name(void *ctx, const type *row) { return help_collect(ctx, row); }
COLLECTOR(help_events, struct store_event)
COLLECTOR(help_uses, struct store_use)
COLLECTOR(help_settings, struct store_setting)
COLLECTOR(help_counters, struct store_counter)
COLLECTOR(help_pools, struct store_pool)
COLLECTOR(help_products, struct store_product)
COLLECTOR(help_editions, struct store_edition)
COLLECTOR(help_members, struct store_member)
COLLECTOR(help_unknown, struct store_unknown)
COLLECTOR(help_journal, struct store_journal)
#define LIST_OF(array) { (array), sizeof (array)[0], 0, sizeof (array) / sizeof (array)[0] }

#endif
