/* Rows of other ledgers, taken over from an export. */
#include "core/store/memory_fold.h"

#include <string.h>

#include "core/base/err.h"
#include "core/store/rules.h"

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_sources(const void *a, const void *b)
{
	return ORDER(((const struct store_source *)a)->source, ((const struct store_source *)b)->source);
}

static int compare_parts(const void *a, const void *b)
{
	const struct store_part *x = a, *y = b;
	int c = rules_compare_key(x->client, x->product, y->client, y->product);

	return c != 0 ? c : ORDER(x->source, y->source);
}

void memory_take_init(struct memory *m)
{
	table_init(&m->tables[MEMORY_SOURCES], sizeof(struct store_source), compare_sources);
	table_init(&m->tables[MEMORY_PARTS], sizeof(struct store_part), compare_parts);
}

/* Number 1 is this ledger, which has no row here. */
static struct store_source *find_source(struct memory_staged *t, const struct store_source *given, struct muster_err *err)
{
	struct table *sources = memory_staged_table(t, MEMORY_SOURCES);
	struct store_source fresh = *given, *row;
	bool is_new;

	if (sources == NULL) {
		err_nomem(err);
		return NULL;
	}
	for (size_t i = 0; i < sources->n; i++)
		if (memcmp(((struct store_source *)table_at(sources, i))->ledger_id, given->ledger_id, 16) == 0)
			return table_at(sources, i);
	fresh.source = (uint32_t)sources->n + 2;
	fresh.kind = 1;
	fresh.taken_seq = fresh.taken_at = 0;
	if (fresh.source > STORE_SOURCES_MAX) {
		rules_many_sources(err);
		return NULL;
	}
	if ((row = table_put(sources, &fresh, &is_new)) == NULL)
		err_nomem(err);
	return row;
}

static int number_sources(struct memory_staged *t, struct store_source *sources, size_t n, struct muster_err *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct store_source *row;

		sources[i].source = 1;
		if (memcmp(sources[i].ledger_id, t->m->state_id, 16) == 0)
			continue;
		if ((row = find_source(t, &sources[i], err)) == NULL)
			return err != NULL ? err->result : MUSTER_E_NOMEM;
		sources[i].source = row->source;
	}
	return MUSTER_OK;
}

static int take_row(struct memory_staged *t, const struct store_source *sources, const struct store_taken *given,
                    bool (*merge)(void *, struct store_use *, bool, struct store_part *, size_t *, const struct store_taken *), void *ctx, struct muster_err *err)
{
	struct table *uses = memory_staged_table(t, MEMORY_USES), *all = memory_staged_table(t, MEMORY_PARTS);
	struct store_part parts[STORE_SOURCES_MAX], from_parts[STORE_SOURCES_MAX], key = { .product = given->use.product };
	struct store_use row = { .product = given->use.product }, *stored;
	struct store_taken from = *given;
	bool is_new;
	size_t at, n = 0;

	if (uses == NULL || all == NULL)
		return err_nomem(err);
	memcpy(row.client, given->use.client, sizeof row.client);
	memcpy(key.client, given->use.client, sizeof key.client);
	if ((stored = table_find(uses, &row, NULL)) != NULL)
		row = *stored;
	for ((void)table_find(all, &key, &at); at < all->n; at++) {
		const struct store_part *p = table_at(all, at);

		if (memcmp(p->client, key.client, 16) != 0 || p->product != key.product)
			break;
		if (n == STORE_SOURCES_MAX)
			return rules_many_sources(err);
		parts[n++] = *p;
	}
	for (size_t i = 0; i < given->part_count; i++) {
		from_parts[i] = given->parts[i];
		from_parts[i].source = sources[given->parts[i].source - 1].source;
	}
	from.parts = from_parts;
	if (!merge(ctx, &row, stored == NULL, parts, &n, &from))
		return MUSTER_OK;
	row.last_hour = row.last / STORE_HOUR_MS;
	if ((stored = table_put(uses, &row, &is_new)) == NULL)
		return err_nomem(err);
	*stored = row;
	for (size_t i = 0; i < n; i++) {
		struct store_part *p = table_put(all, &parts[i], &is_new);

		if (p == NULL)
			return err_nomem(err);
		*p = parts[i];
	}
	return MUSTER_OK;
}

static int take_end(struct memory_staged *t, const struct store_source *sources, size_t source_count, const struct store_take_end *end, struct muster_err *err)
{
	struct table *counters = memory_staged_table(t, MEMORY_COUNTERS), *rows = memory_staged_table(t, MEMORY_SOURCES);

	if (counters == NULL || rows == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < end->counter_count; i++) {
		struct store_counter c = end->counters[i], *row;
		bool is_new;

		if ((c.source = sources[c.source - 1].source) == 1)
			continue;
		if ((row = table_put(counters, &c, &is_new)) == NULL)
			return err_nomem(err);
		if (row->n < c.n)
			row->n = c.n;
	}
	for (size_t i = 0; i < source_count; i++) {
		struct store_source *row = table_find(rows, &sources[i], NULL);

		if (row == NULL)
			continue;
		memcpy(row->name, sources[i].name, sizeof row->name);
		if (row->taken_seq < sources[i].taken_seq)
			row->taken_seq = sources[i].taken_seq;
		if (row->taken_at < sources[i].taken_at)
			row->taken_at = sources[i].taken_at;
	}
	return end->journal.kind != 0 ? memory_stage_journal(t, &end->journal, err) : MUSTER_OK;
}

int memory_stage_taken(struct memory_staged *t, struct store_source *sources, size_t source_count, const struct store_taken *rows, size_t n,
                       bool (*merge)(void *, struct store_use *, bool, struct store_part *, size_t *, const struct store_taken *), void *ctx,
                       const struct store_take_end *end, struct muster_err *err)
{
	int r;

	if (source_count > STORE_SOURCES_MAX)
		return rules_many_sources(err);
	if ((r = rules_check_taken(rows, n, source_count, err)) != MUSTER_OK || (r = number_sources(t, sources, source_count, err)) != MUSTER_OK)
		return r;
	for (size_t i = 0; r == MUSTER_OK && i < n; i++)
		r = take_row(t, sources, &rows[i], merge, ctx, err);
	return r == MUSTER_OK && end != NULL ? take_end(t, sources, source_count, end, err) : r;
}
