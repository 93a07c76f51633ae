#include "core/store/memory_fold.h"

#include <string.h>

#include "core/base/err.h"
#include "core/store/rules.h"

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_pools(const void *a, const void *b)
{
	return ORDER(((const struct store_pool *)a)->pool, ((const struct store_pool *)b)->pool);
}

static int compare_products(const void *a, const void *b)
{
	return ORDER(((const struct store_product *)a)->product, ((const struct store_product *)b)->product);
}

static int compare_editions(const void *a, const void *b)
{
	return memcmp(((const struct store_edition *)a)->activation_id, ((const struct store_edition *)b)->activation_id, 16);
}

static int compare_unknown(const void *a, const void *b)
{
	return memcmp(((const struct store_unknown *)a)->activation_id, ((const struct store_unknown *)b)->activation_id, 16);
}

static int compare_settings(const void *a, const void *b)
{
	const struct store_setting *x = a, *y = b;
	int c = strcmp(x->scope, y->scope);

	return c != 0 ? c : strcmp(x->name, y->name);
}

static int compare_counters(const void *a, const void *b)
{
	const struct store_counter *x = a, *y = b;

	if (x->source != y->source)
		return ORDER(x->source, y->source);
	return x->product != y->product ? ORDER(x->product, y->product) : ORDER(x->status, y->status);
}

static int compare_members(const void *a, const void *b)
{
	const struct store_member *x = a, *y = b;

	return x->pool != y->pool ? ORDER(x->pool, y->pool) : memcmp(x->client, y->client, sizeof x->client);
}

static int compare_journal(const void *a, const void *b)
{
	return ORDER(((const struct store_journal *)a)->seq, ((const struct store_journal *)b)->seq);
}

static int compare_uses(const void *a, const void *b)
{
	const struct store_use *x = a, *y = b;

	return rules_compare_key(x->client, x->product, y->client, y->product);
}

void memory_state_init(struct memory *m)
{
	table_init(&m->tables[MEMORY_POOLS], sizeof(struct store_pool), compare_pools);
	table_init(&m->tables[MEMORY_PRODUCTS], sizeof(struct store_product), compare_products);
	table_init(&m->tables[MEMORY_EDITIONS], sizeof(struct store_edition), compare_editions);
	table_init(&m->tables[MEMORY_UNKNOWN], sizeof(struct store_unknown), compare_unknown);
	table_init(&m->tables[MEMORY_SETTINGS], sizeof(struct store_setting), compare_settings);
	table_init(&m->tables[MEMORY_COUNTERS], sizeof(struct store_counter), compare_counters);
	table_init(&m->tables[MEMORY_MEMBERS], sizeof(struct store_member), compare_members);
	table_init(&m->tables[MEMORY_JOURNAL], sizeof(struct store_journal), compare_journal);
	table_init(&m->tables[MEMORY_USES], sizeof(struct store_use), compare_uses);
	memory_records_init(&m->tables[MEMORY_RECORDS]);
	memory_holdings_init(&m->tables[MEMORY_HOLDINGS]);
	memory_take_init(m);
}

void memory_staged_init(struct memory_staged *t, struct memory *m)
{
	memset(t, 0, sizeof *t);
	t->m = m;
	t->fold_seq = m->fold_seq;
	t->fold_at = m->fold_at;
}

void memory_staged_fini(struct memory_staged *t)
{
	for (size_t i = 0; i < MEMORY_TABLES; i++)
		if (t->touched[i])
			table_fini(&t->tables[i]);
}

void memory_staged_apply(struct memory_staged *t)
{
	for (size_t i = 0; i < MEMORY_TABLES; i++) {
		if (!t->touched[i])
			continue;
		table_fini(&t->m->tables[i]);
		t->m->tables[i] = t->tables[i];
		t->touched[i] = false;
	}
	t->m->fold_seq = t->fold_seq;
	t->m->fold_at = t->fold_at;
}

/* The copy to change, made when first asked for; NULL when memory is exhausted. */
struct table *memory_staged_table(struct memory_staged *t, enum memory_table which)
{
	if (!t->touched[which]) {
		if (!table_copy(&t->tables[which], &t->m->tables[which]))
			return NULL;
		t->touched[which] = true;
	}
	return &t->tables[which];
}

static struct store_pool *pool_named(const struct table *pools, const char *name)
{
	for (size_t i = 0; i < pools->n; i++)
		if (strcmp(((struct store_pool *)table_at(pools, i))->name, name) == 0)
			return table_at(pools, i);
	return NULL;
}

static struct store_product *product_named(const struct table *products, const char *name)
{
	for (size_t i = 0; i < products->n; i++)
		if (strcmp(((struct store_product *)table_at(products, i))->name, name) == 0)
			return table_at(products, i);
	return NULL;
}

static int stage_pool(struct memory_staged *t, struct table *pools, const struct store_pool *given, struct muster_err *err)
{
	struct store_pool *row = pool_named(pools, given->name);

	if (row == NULL) {
		struct store_pool fresh = *given;

		/* Nothing is ever deleted, so the number of rows is the largest number given out. */
		fresh.pool = (uint32_t)pools->n + 1;
		t->changed = true;
		return table_add(pools, &fresh) != NULL ? MUSTER_OK : err_nomem(err);
	}
	if (row->window_s == given->window_s && row->largest_minimum >= given->largest_minimum)
		return MUSTER_OK;
	t->changed = true;
	row->window_s = given->window_s;
	if (row->largest_minimum < given->largest_minimum)
		row->largest_minimum = given->largest_minimum;
	return MUSTER_OK;
}

static int stage_product(struct memory_staged *t, struct table *products, const struct store_product *given, uint32_t pool, struct muster_err *err)
{
	struct store_product *row = product_named(products, given->name);

	if (row == NULL) {
		struct store_product fresh = *given;

		fresh.product = (uint32_t)products->n + 1;
		fresh.pool = pool;
		t->changed = true;
		return table_add(products, &fresh) != NULL ? MUSTER_OK : err_nomem(err);
	}
	if (row->pool != pool) {
		t->changed = true;
		row->pool = pool;
	}
	return MUSTER_OK;
}

static int drop_unknown(struct memory_staged *t, const uint8_t activation_id[16], struct muster_err *err)
{
	struct store_unknown key = { .n = 0 };
	struct table *unknown;
	size_t at;

	memcpy(key.activation_id, activation_id, sizeof key.activation_id);
	if ((unknown = memory_staged_table(t, MEMORY_UNKNOWN)) == NULL)
		return err_nomem(err);
	if (table_find(unknown, &key, &at) != NULL)
		table_remove(unknown, at, 1);
	return MUSTER_OK;
}

/* Put an edition with the state's product number. */
static int stage_edition(struct memory_staged *t, const struct store_edition *given, uint32_t product, struct muster_err *err)
{
	struct table *editions = memory_staged_table(t, MEMORY_EDITIONS);
	struct store_edition fresh = *given, *row;
	bool is_new;

	if (editions == NULL)
		return err_nomem(err);
	fresh.edition = (uint32_t)editions->n + 1;
	fresh.product = product;
	if ((row = table_put(editions, &fresh, &is_new)) == NULL)
		return err_nomem(err);
	if (!is_new && row->product == product && strcmp(row->name, given->name) == 0 && (row->learned || !given->learned))
		return MUSTER_OK;
	t->changed = true;
	fresh.edition = row->edition;
	fresh.learned = given->learned || row->learned;
	*row = fresh;
	return is_new ? drop_unknown(t, given->activation_id, err) : MUSTER_OK;
}

/* A row that is certain to be there. */
static const void *present(const void *row)
{
	MUSTER_ASSERT(row != NULL);
	return row;
}

static uint32_t pool_number(const struct table *pools, const char *name)
{
	return ((const struct store_pool *)present(pool_named(pools, name)))->pool;
}

static uint32_t product_number(const struct table *products, const char *name)
{
	return ((const struct store_product *)present(product_named(products, name)))->product;
}

int memory_stage_names(struct memory_staged *t, const struct memory_names *names, struct muster_err *err)
{
	struct table *pools = memory_staged_table(t, MEMORY_POOLS), *products = memory_staged_table(t, MEMORY_PRODUCTS);
	int r = MUSTER_OK;

	if (pools == NULL || products == NULL)
		return err_nomem(err);
	for (size_t i = 0; r == MUSTER_OK && i < names->pool_count; i++)
		r = stage_pool(t, pools, &names->pools[i], err);
	for (size_t i = 0; r == MUSTER_OK && i < names->product_count; i++) {
		const struct store_product *given = &names->products[i];

		r = stage_product(t, products, given, given->pool == 0 ? 0 : pool_number(pools, names->pools[given->pool - 1].name), err);
	}
	for (size_t i = 0; r == MUSTER_OK && i < names->edition_count; i++) {
		const struct store_edition *given = &names->editions[i];

		r = stage_edition(t, given, given->product == 0 ? 0 : product_number(products, names->products[given->product - 1].name), err);
	}
	return r;
}

void memory_names_fill(const struct memory *m, struct memory_names *names)
{
	for (size_t i = 0; i < names->edition_count; i++)
		names->editions[i] = *(const struct store_edition *)present(table_find(&m->tables[MEMORY_EDITIONS], &names->editions[i], NULL));
	for (size_t i = 0; i < names->product_count; i++)
		names->products[i] = *(const struct store_product *)present(product_named(&m->tables[MEMORY_PRODUCTS], names->products[i].name));
	for (size_t i = 0; i < names->pool_count; i++)
		names->pools[i] = *(const struct store_pool *)present(pool_named(&m->tables[MEMORY_POOLS], names->pools[i].name));
}

int memory_stage_events(struct memory_staged *t, const struct store_event *const *events, size_t n,
                        void (*merge)(void *, struct store_use *, bool, const struct store_event *const *, size_t), void *ctx, struct muster_err *err)
{
	const struct table *old = &t->m->tables[MEMORY_USES];
	struct table *uses = &t->tables[MEMORY_USES];
	size_t at = 0, group;

	if (n == 0)
		return MUSTER_OK;
	/* Both lists are sorted: one pass makes the new table. */
	table_init(uses, sizeof(struct store_use), compare_uses);
	t->touched[MEMORY_USES] = true;
	for (; n > 0; events += group, n -= group) {
		struct store_use row = { .product = events[0]->product };
		bool is_new;

		group = rules_group(events, n);
		memcpy(row.client, events[0]->client, sizeof row.client);
		for (; at < old->n && compare_uses(table_at(old, at), &row) < 0; at++)
			if (table_add(uses, table_at(old, at)) == NULL)
				return err_nomem(err);
		is_new = at >= old->n || compare_uses(table_at(old, at), &row) != 0;
		if (!is_new)
			row = *(struct store_use *)table_at(old, at++);
		merge(ctx, &row, is_new, events, group);
		row.last_hour = row.last / STORE_HOUR_MS;
		if (!(is_new && row.last_seq == 0) && table_add(uses, &row) == NULL)
			return err_nomem(err);
	}
	for (; at < old->n; at++)
		if (table_add(uses, table_at(old, at)) == NULL)
			return err_nomem(err);
	return MUSTER_OK;
}

static int stage_unknown(struct memory_staged *t, const struct store_fold_end *end, struct muster_err *err)
{
	struct table *unknown = memory_staged_table(t, MEMORY_UNKNOWN);

	if (unknown == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < end->unknown_count; i++) {
		bool is_new;
		struct store_unknown *row = table_put(unknown, &end->unknown[i], &is_new);

		if (row == NULL)
			return err_nomem(err);
		if (!is_new)
			row->n += end->unknown[i].n;
		if (row->last < end->unknown[i].last)
			row->last = end->unknown[i].last;
	}
	while (unknown->n > STORE_UNKNOWN_MAX) {
		size_t oldest = 0;

		for (size_t i = 1; i < unknown->n; i++)
			if (((struct store_unknown *)table_at(unknown, i))->last < ((struct store_unknown *)table_at(unknown, oldest))->last)
				oldest = i;
		table_remove(unknown, oldest, 1);
	}
	return MUSTER_OK;
}

static int stage_counters(struct memory_staged *t, const struct store_fold_end *end, struct muster_err *err)
{
	struct table *counters = memory_staged_table(t, MEMORY_COUNTERS);

	if (counters == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < end->counter_count; i++) {
		bool is_new;
		struct store_counter *row = table_put(counters, &end->counters[i], &is_new);

		if (row == NULL)
			return err_nomem(err);
		if (!is_new)
			row->n += end->counters[i].n;
	}
	return MUSTER_OK;
}

static int stage_members(struct memory_staged *t, const struct store_fold_end *end, struct muster_err *err)
{
	struct table *members = memory_staged_table(t, MEMORY_MEMBERS);

	if (members == NULL)
		return err_nomem(err);
	table_remove(members, 0, members->n);
	for (size_t i = 0; i < end->member_count; i++) {
		bool is_new;
		struct store_member *row = table_put(members, &end->members[i], &is_new);

		if (row == NULL)
			return err_nomem(err);
		*row = end->members[i];
	}
	return MUSTER_OK;
}

int memory_stage_end(struct memory_staged *t, const struct store_fold_end *end, struct muster_err *err)
{
	struct table *pools;
	int r;

	if ((r = stage_counters(t, end, err)) != MUSTER_OK || (r = stage_members(t, end, err)) != MUSTER_OK || (r = stage_unknown(t, end, err)) != MUSTER_OK)
		return r;
	if ((pools = memory_staged_table(t, MEMORY_POOLS)) == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < end->pool_count; i++) {
		struct store_pool *row = table_find(pools, &end->pools[i], NULL);

		if (row != NULL && row->largest_minimum < end->pools[i].largest_minimum)
			row->largest_minimum = end->pools[i].largest_minimum;
	}
	t->fold_seq = end->fold_seq;
	t->fold_at = end->fold_at;
	return MUSTER_OK;
}

static int stage_forget(struct memory_staged *t, const struct store_change *change, struct muster_err *err)
{
	struct table *uses = memory_staged_table(t, MEMORY_USES);
	struct store_use key = { .product = change->product };
	bool found = false;
	size_t at;

	if (uses == NULL)
		return err_nomem(err);
	memcpy(key.client, change->client, sizeof key.client);
	(void)table_find(uses, &key, &at);
	for (; at < uses->n; at++) {
		struct store_use *row = table_at(uses, at);

		if (memcmp(row->client, key.client, sizeof key.client) != 0 || (change->product != 0 && row->product != change->product))
			break;
		row->flags |= STORE_F_FORGOTTEN;
		found = true;
	}
	return found ? MUSTER_OK : rules_no_client(err, change->client);
}

static int stage_setting(struct memory_staged *t, const struct store_change *change, struct muster_err *err)
{
	struct table *settings = memory_staged_table(t, MEMORY_SETTINGS);
	struct store_setting *row;
	size_t at;
	bool is_new;

	if (settings == NULL)
		return err_nomem(err);
	if (change->kind == STORE_SETTING_DELETE) {
		if (table_find(settings, &change->setting, &at) != NULL)
			table_remove(settings, at, 1);
		return MUSTER_OK;
	}
	if ((row = table_put(settings, &change->setting, &is_new)) == NULL)
		return err_nomem(err);
	*row = change->setting;
	return MUSTER_OK;
}

int memory_stage_journal(struct memory_staged *t, const struct store_journal *given, struct muster_err *err)
{
	struct table *journal = memory_staged_table(t, MEMORY_JOURNAL);
	struct store_journal row = *given;
	const struct store_journal *before;
	int r;

	if (journal == NULL)
		return err_nomem(err);
	before = journal->n > 0 ? table_at(journal, journal->n - 1) : NULL;
	if ((r = rules_chain(&row, before, err)) != MUSTER_OK)
		return r;
	return table_add(journal, &row) != NULL ? MUSTER_OK : err_nomem(err);
}

int memory_stage_change(struct memory_staged *t, const struct store_change *change, struct muster_err *err)
{
	int r = MUSTER_OK;

	switch (change->kind) {
	case STORE_SETTING_PUT:
	case STORE_SETTING_DELETE:
		r = stage_setting(t, change, err);
		break;
	case STORE_EDITION_PUT:
		if ((r = stage_edition(t, &change->edition, change->edition.product, err)) == MUSTER_OK)
			r = drop_unknown(t, change->edition.activation_id, err);
		break;
	case STORE_USE_FORGET:
		r = stage_forget(t, change, err);
		break;
	case STORE_JOURNAL_ONLY:
		break;
	case STORE_RECORD_PUT:
	case STORE_RECORD_INSERT:
	case STORE_RECORD_DELETE:
		r = memory_stage_record(memory_staged_table(t, MEMORY_RECORDS), change, err);
		break;
	case STORE_HOLDING_PUT:
	case STORE_HOLDING_DELETE:
		r = memory_stage_holding(memory_staged_table(t, MEMORY_HOLDINGS), change, err);
		break;
	}
	if (r == MUSTER_OK && change->journal.kind != 0)
		r = memory_stage_journal(t, &change->journal, err);
	return r;
}
