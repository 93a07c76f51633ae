/* Rows of another host's export: what it gave out is an obligation of this one, against the licences that are here (trust.md section 11). */
#include "core/holdings/internal.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

/* The one written last says how things are; the same again changes nothing. */
static int is_newer(bool *newer, struct holdings *h, const struct store_holding *row, struct muster_err *err)
{
	struct store_holding here;
	int r = ledger_holding(holdings_ledger(h), row->product, row->class_, span_of(row->holder, row->holder_n), &here, err);

	*newer = r == MUSTER_E_NOT_FOUND || (r == MUSTER_OK && here.changed < row->changed);
	return r == MUSTER_E_NOT_FOUND ? MUSTER_OK : r;
}

int holdings_take(struct holdings *h, const struct store_holding *rows, size_t n, size_t *changed, struct muster_err *err)
{
	struct store_change *changes = mem_array(n, sizeof *changes);
	size_t count = 0;
	int r = MUSTER_OK;

	if (changes == NULL)
		return err_nomem(err);
	holdings_lock(h);
	for (size_t i = 0; i < n && r == MUSTER_OK; i++) {
		bool newer;

		if ((r = is_newer(&newer, h, &rows[i], err)) != MUSTER_OK || !newer)
			continue;
		changes[count].kind = STORE_HOLDING_PUT;
		changes[count++].holding = &rows[i];
	}
	if (r == MUSTER_OK && count > 0)
		r = ledger_transact(holdings_ledger(h), changes, count, err);
	/* Done or not: numbers are read anew before anything is decided. */
	h->stale = true;
	h->reserved.loaded = false;
	h->due_kept = 0;
	rules_forget(h->rules);
	holdings_unlock(h);
	mem_free(changes);
	if (r == MUSTER_OK)
		*changed += count;
	return r;
}

int holdings_take_done(struct holdings *h, struct muster_err *err)
{
	int r = MUSTER_OK;

	holdings_lock(h);
	if (h->catalog != NULL)
		r = embedded_load(h, h->catalog, err);
	if (r == MUSTER_OK && h->stale)
		r = group_sums_load(h, err);
	holdings_unlock(h);
	return r;
}
