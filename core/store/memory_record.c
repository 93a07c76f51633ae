/* Records in the memory store: rows point at counted bytes, so that copies of the table are cheap. */
#include <stdatomic.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/store/memory_fold.h"
#include "core/store/rules.h"

#define GIVEN_MAX (64u << 20)

struct bytes { _Atomic unsigned refs; size_t n; uint8_t p[]; };
struct row { struct store_record record; struct bytes *bytes; };

static struct bytes *bytes_of(const void *p, size_t n)
{
	struct bytes *b = mem_alloc(sizeof *b + n);

	if (b == NULL)
		return NULL;
	atomic_init(&b->refs, 1);
	b->n = n;
	if (n > 0)
		memcpy(b->p, p, n);
	return b;
}

static void hold(const void *row)
{
	atomic_fetch_add(&((const struct row *)row)->bytes->refs, 1);
}

static void drop(void *row)
{
	struct bytes *b = ((struct row *)row)->bytes;

	if (atomic_fetch_sub(&b->refs, 1) == 1)
		mem_free(b);
}

static int compare(const void *a, const void *b)
{
	const struct store_record *x = &((const struct row *)a)->record, *y = &((const struct row *)b)->record;
	int c = strcmp(x->kind, y->kind);
	size_t n = x->id_n < y->id_n ? x->id_n : y->id_n;

	if (c != 0 || (c = memcmp(x->id, y->id, n)) != 0)
		return c;
	return (x->id_n > y->id_n) - (x->id_n < y->id_n);
}

void memory_records_init(struct table *t)
{
	table_init(t, sizeof(struct row), compare);
	t->hold = hold;
	t->drop = drop;
}

static void set_key(struct row *key, const char *kind, struct muster_span id)
{
	memset(key, 0, sizeof *key);
	memcpy(key->record.kind, kind, strnlen(kind, sizeof key->record.kind - 1));
	key->record.id_n = id.n < sizeof key->record.id ? id.n : sizeof key->record.id;
	if (id.n > 0)
		memcpy(key->record.id, id.p, key->record.id_n);
}

int memory_stage_record(struct table *records, const struct store_change *c, struct muster_err *err)
{
	const struct store_record *x = c->record;
	struct row key, *row;
	bool is_new;
	size_t at;
	int r;

	if (records == NULL)
		return err_nomem(err);
	if ((r = rules_check_record(c, err)) != MUSTER_OK)
		return r;
	set_key(&key, x->kind, span_of(x->id, x->id_n));
	row = table_find(records, &key, &at);
	if (c->kind == STORE_RECORD_INSERT && row != NULL)
		return rules_record_exists(err, x);
	if (c->kind == STORE_RECORD_DELETE) {
		table_remove(records, at, row != NULL);
		return MUSTER_OK;
	}
	if ((key.bytes = bytes_of(x->data, x->data_n)) == NULL)
		return err_nomem(err);
	table_remove(records, at, row != NULL);
	key.record.at = rules_record_time(c);
	key.record.data_n = x->data_n;
	key.record.data = key.bytes->p;
	if ((row = table_put(records, &key, &is_new)) == NULL) {
		drop(&key);
		return err_nomem(err);
	}
	return MUSTER_OK;
}

int memory_record(const struct table *records, const char *kind, struct muster_span id, struct buf *data, struct muster_err *err)
{
	const struct row *row;
	struct row key;

	set_key(&key, kind, id);
	if ((row = table_find(records, &key, NULL)) == NULL)
		return rules_no_record(err, kind);
	buf_add(data, row->bytes->p, row->bytes->n);
	return data->failed ? err_nomem(err) : MUSTER_OK;
}

void memory_records(const struct table *records, const char *kind, struct muster_span after, size_t limit, int (*fn)(void *, const struct store_record *), void *ctx)
{
	size_t at, given = 0, bytes = 0;
	struct row key;

	set_key(&key, kind, after);
	if (table_find(records, &key, &at) != NULL)
		at++;
	for (; at < records->n && given < limit && given < STORE_PAGE_MAX && bytes < GIVEN_MAX; at++, given++) {
		const struct store_record *x = &((const struct row *)table_at(records, at))->record;

		if (strcmp(x->kind, kind) != 0 || fn(ctx, x) != 0)
			break;
		bytes += x->data_n;
	}
}

/* In the order of kinds. */
int memory_kind_after(const struct table *records, const char *after, char out[32], struct muster_err *err)
{
	out[0] = '\0';
	for (size_t i = 0; i < records->n; i++) {
		const struct store_record *x = &((const struct row *)table_at(records, i))->record;

		if (strcmp(x->kind, after) <= 0)
			continue;
		memcpy(out, x->kind, sizeof x->kind);
		return MUSTER_OK;
	}
	return rules_no_record(err, after);
}
