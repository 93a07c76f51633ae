#include "core/store/rules.h"

#include <inttypes.h>
#include <string.h>
#include <openssl/evp.h>

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

int rules_check_append(const struct store_event *const *events, size_t n, int64_t last, struct muster_err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (events[i]->seq <= last)
			return err_set(err, MUSTER_E_INVALID, "event %" PRId64 " cannot be appended after %" PRId64 ": numbers of events only rise",
				events[i]->seq, last);
		if (events[i]->n < 1)
			return err_set(err, MUSTER_E_INVALID, "event %" PRId64 " stands for no request", events[i]->seq);
		last = events[i]->seq;
	}
	return MUSTER_OK;
}

int rules_compare_key(const uint8_t client_a[16], uint32_t product_a, const uint8_t client_b[16], uint32_t product_b)
{
	int c = memcmp(client_a, client_b, 16);

	return c != 0 ? c : (product_a > product_b) - (product_a < product_b);
}

int rules_check_sorted(const struct store_event *const *events, size_t n, struct muster_err *err)
{
	for (size_t i = 1; i < n; i++) {
		int c = rules_compare_key(events[i - 1]->client, events[i - 1]->product, events[i]->client, events[i]->product);

		if (c > 0 || (c == 0 && events[i - 1]->seq >= events[i]->seq))
			return err_set(err, MUSTER_E_INVALID, "events %" PRId64 " and %" PRId64 " come to the fold out of order",
				events[i - 1]->seq, events[i]->seq);
	}
	return MUSTER_OK;
}

size_t rules_group(const struct store_event *const *events, size_t n)
{
	size_t i;

	for (i = n > 0 ? 1 : 0; i < n; i++)
		if (rules_compare_key(events[0]->client, events[0]->product, events[i]->client, events[i]->product) != 0)
			break;
	return i;
}

int rules_check_taken(const struct store_taken *rows, size_t n, size_t source_count, struct muster_err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && rules_compare_key(rows[i - 1].use.client, rows[i - 1].use.product, rows[i].use.client, rows[i].use.product) >= 0)
			return err_set(err, MUSTER_E_INVALID, "rows to be taken over out of order");
		for (size_t k = 0; k < rows[i].part_count; k++)
			if (rows[i].parts[k].source == 0 || rows[i].parts[k].source > source_count || (k > 0 && rows[i].parts[k].source <= rows[i].parts[k - 1].source))
				return err_set(err, MUSTER_E_INVALID, "a row to be taken over names a source that is not given, or one twice");
	}
	return MUSTER_OK;
}

int rules_many_sources(struct muster_err *err)
{
	return err_set(err, MUSTER_E_LIMIT, "the rows of %d hosts are here, which is the most that one ledger keeps apart", STORE_SOURCES_MAX);
}

int rules_check_end(const struct store_fold_end *end, int64_t fold_seq, struct muster_err *err)
{
	if (end == NULL || end->fold_seq > fold_seq)
		return MUSTER_OK;
	if (end->fold_seq < fold_seq)
		return err_set(err, MUSTER_E_INVALID, "the fold stands at event %" PRId64 " and cannot go back to %" PRId64, fold_seq, end->fold_seq);
	if (end->counter_count > 0 || end->unknown_count > 0)
		return err_set(err, MUSTER_E_INVALID, "the fold up to event %" PRId64 " was already counted", fold_seq);
	return MUSTER_OK;
}

int rules_check_names(const struct store_product *products, size_t product_count, size_t pool_count,
                      const struct store_edition *editions, size_t edition_count, struct muster_err *err)
{
	for (size_t i = 0; i < product_count; i++)
		if (products[i].pool > pool_count)
			return err_set(err, MUSTER_E_INVALID, "product %s names pool %" PRIu32 " of %zu", products[i].name, products[i].pool, pool_count);
	for (size_t i = 0; i < edition_count; i++)
		if (editions[i].product > product_count)
			return err_set(err, MUSTER_E_INVALID, "edition %s names product %" PRIu32 " of %zu", editions[i].name, editions[i].product, product_count);
	return MUSTER_OK;
}

bool rules_counts(const struct store_use *row)
{
	return (row->flags & (STORE_F_RELEASED | STORE_F_FORGOTTEN)) == 0;
}

int rules_newest_init(struct rules_newest *l, size_t limit, struct muster_err *err)
{
	l->n = 0;
	l->limit = limit;
	l->rows = mem_array(limit, sizeof *l->rows);
	return l->rows != NULL ? MUSTER_OK : err_nomem(err);
}

bool rules_newest_wants(const struct rules_newest *l, int64_t last)
{
	return l->n < l->limit || (l->n > 0 && last >= l->rows[l->n - 1].last);
}

/* Within a millisecond the later event is the newer one: memory's pools know that order too. */
static bool newer(const struct store_use *a, const struct store_use *b)
{
	return a->last > b->last || (a->last == b->last && a->last_seq > b->last_seq);
}

void rules_newest_add(struct rules_newest *l, const struct store_use *row)
{
	size_t at, end;

	if (l->n == l->limit && (l->n == 0 || !newer(row, &l->rows[l->n - 1])))
		return;
	/* The client's older row, if it is here, gives up its place; else the oldest of a full list does. */
	for (end = 0; end < l->n && memcmp(l->rows[end].client, row->client, 16) != 0; end++)
		;
	if (end < l->n && !newer(row, &l->rows[end]))
		return;
	if (end == l->n && l->n < l->limit)
		l->n++;
	else if (end == l->n)
		end--;
	for (at = end; at > 0 && newer(row, &l->rows[at - 1]); at--)
		;
	memmove(&l->rows[at + 1], &l->rows[at], (end - at) * sizeof *l->rows);
	l->rows[at] = *row;
}

void rules_newest_fini(struct rules_newest *l)
{
	mem_free(l->rows);
	l->rows = NULL;
}

int rules_broken(struct muster_err *err, const char *what)
{
	return err_set(err, MUSTER_E_IO, "%s met an input/output error before: close it and open it again", what);
}

int rules_superseded(struct muster_err *err, const char *what, uint32_t own, uint32_t now)
{
	return err_set(err, MUSTER_E_BUSY, "%s was taken over by another host (epoch %" PRIu32 ", ours was %" PRIu32 "): only one host may write; stop one of them",
		what, now, own);
}

static void put_number(struct buf *b, uint64_t v, size_t n)
{
	uint8_t bytes[8];

	be64_put(bytes, v);
	buf_add(b, bytes + 8 - n, n);
}

static void put_text(struct buf *b, const char *text)
{
	size_t n = strlen(text);

	put_number(b, n, 2);
	buf_add(b, text, n);
}

int store_journal_hash(uint8_t out[32], const struct store_journal *row)
{
	int r = MUSTER_E_INTERNAL;
	struct buf b;

	memset(out, 0, 32);
	buf_init(&b, 2048);   /* every member has a bound: below 800 bytes */
	put_number(&b, (uint64_t)row->seq, 8);
	put_number(&b, (uint64_t)row->at, 8);
	put_text(&b, row->actor);
	put_number(&b, row->kind, 4);
	put_text(&b, row->object);
	put_number(&b, row->code, 4);
	put_text(&b, row->detail);
	buf_add(&b, row->prev, sizeof row->prev);
	if (b.failed)
		r = MUSTER_E_NOMEM;
	else if (EVP_Digest(b.p, b.n, out, NULL, EVP_sha256(), NULL) == 1)
		r = MUSTER_OK;
	buf_fini(&b);
	return r;
}

int rules_chain(struct store_journal *row, const struct store_journal *before, struct muster_err *err)
{
	int r;

	row->seq = before != NULL ? before->seq + 1 : 1;
	if (before != NULL)
		memcpy(row->prev, before->hash, sizeof row->prev);
	else
		memset(row->prev, 0, sizeof row->prev);
	r = store_journal_hash(row->hash, row);
	return r == MUSTER_OK ? r : err_set(err, r, "cannot compute the hash of journal row %" PRId64, row->seq);
}

int rules_no_client(struct muster_err *err, const uint8_t client[16])
{
	char text[UUID_TEXT];

	uuid_format(text, client);
	return err_set(err, MUSTER_E_NOT_FOUND, "client %s is not known here: list them with `musterctl clients`", text);
}

int rules_check_record(const struct store_change *c, struct muster_err *err)
{
	const struct store_record *x = c->record;

	if (x->kind[0] == '\0' || x->id_n == 0 || x->id_n > sizeof x->id)
		return err_set(err, MUSTER_E_INVALID, "a record needs a kind and a key of 1 to %zu bytes", sizeof x->id);
	if (x->data_n > STORE_RECORD_MAX)
		return err_set(err, MUSTER_E_LIMIT, "a record of %zu bytes is too large; at most %u are kept", x->data_n, STORE_RECORD_MAX);
	return MUSTER_OK;
}

int64_t rules_record_time(const struct store_change *c)
{
	return c->journal.kind != 0 ? c->journal.at : c->record->at;
}

int rules_record_exists(struct muster_err *err, const struct store_record *record)
{
	return err_set(err, MUSTER_E_EXISTS, "a record \"%s\" with this key is there already", record->kind);
}

int rules_no_record(struct muster_err *err, const char *kind)
{
	return err_set(err, MUSTER_E_NOT_FOUND, "no record \"%s\" has this key", kind);
}

int rules_check_holding(const struct store_holding *h, struct muster_err *err)
{
	if (h->product == 0 || h->holder_n == 0 || h->holder_n > sizeof h->holder)
		return err_set(err, MUSTER_E_INVALID, "a holding needs a product and a holder of 1 to %zu bytes", sizeof h->holder);
	return MUSTER_OK;
}

int rules_holding_key(struct store_holding *key, uint32_t product, uint32_t class_, struct muster_span holder, struct muster_err *err)
{
	memset(key, 0, sizeof *key);
	key->product = product;
	key->class_ = class_;
	if (holder.n > 0 && holder.n <= sizeof key->holder) {
		memcpy(key->holder, holder.p, holder.n);
		key->holder_n = (uint8_t)holder.n;
	}
	return rules_check_holding(key, err);
}

int rules_compare_holding(const struct store_holding *a, const struct store_holding *b)
{
	int c;

	if (a->product != b->product)
		return a->product > b->product ? 1 : -1;
	if (a->class_ != b->class_)
		return a->class_ > b->class_ ? 1 : -1;
	c = memcmp(a->holder, b->holder, a->holder_n < b->holder_n ? a->holder_n : b->holder_n);
	return c != 0 ? c : (a->holder_n > b->holder_n) - (a->holder_n < b->holder_n);
}

int rules_no_holding(struct muster_err *err)
{
	return err_set(err, MUSTER_E_NOT_FOUND, "nothing is held by this one");
}
