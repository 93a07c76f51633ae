/* Rows of another host's export: what it gave out is an obligation of this one, against the licences that are here (trust.md section 11). */
#include "core/holdings/internal.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

/* Out of a number; had for a while; over. */
static int rank(const struct store_holding *row)
{
	switch (row->state) {
	case HOLDINGS_PERMANENT: case HOLDINGS_PERMANENT_OVER: case HOLDINGS_ASSIGNED: case HOLDINGS_ASSIGNED_OVER: case HOLDINGS_OUT: case HOLDINGS_OUT_OVER:
		return 2;
	case HOLDINGS_TEMPORARY:
		return 1;
	default:
		return 0;
	}
}

/*
 * The one written last says how things are, but for who asked on both hosts: a temporary licence here, however late, is none of what was granted for good there, as
 * long as that lasts. What an administrator took back is an act, not a request.
 */
static bool supersedes(const struct store_holding *row, const struct store_holding *here, int64_t now)
{
	if (((row->flags | here->flags) & HOLDINGS_F_TAKEN) == 0 && rank(row) != rank(here)) {
		const struct store_holding *more = rank(row) > rank(here) ? row : here;

		if (more->until > now)
			return more == row;
	}
	return here->changed < row->changed;
}

/* The same again changes nothing. */
static int is_newer(bool *newer, struct holdings *h, const struct store_holding *row, struct muster_err *err)
{
	struct store_holding here;
	int r = ledger_holding(holdings_ledger(h), row->product, row->class_, span_of(row->holder, row->holder_n), &here, err);

	*newer = r == MUSTER_E_NOT_FOUND || (r == MUSTER_OK && supersedes(row, &here, holdings_now(h)));
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
