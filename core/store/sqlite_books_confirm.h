/** Confirmations in the books and in confirmations.log: what confirming and restoring share. Private to this folder. */
#ifndef STORE_SQLITE_BOOKS_CONFIRM_H
#define STORE_SQLITE_BOOKS_CONFIRM_H

#include <jansson.h>
#include "core/store/books_log.h"
#include "core/store/sqlite_books.h"

/** A row of `confirmation`. */
struct confirm_row {
	int64_t id;                        /* 0: a new one, assigned */
	int64_t at, retired;
	enum books_method method;
	uint32_t number;
	uint8_t generation, attempt, binding[10], installation_id[19], request[32], statement_id[16];
	bool has_request, counted, has_slot;
	uint16_t slot;
	char name[BOOKS_TEXT];
};

/** A transaction and the line of the log that goes with it. */
struct confirm_session {
	struct books_log log; struct books_mark mark; json_t *items;
	bool tallied; uint32_t tally_of; int64_t tally;   /* machines of the counted key met last: not counted anew for each of a batch */
};
/** BEGIN IMMEDIATE, look at the log, take in the one line a crash left. On failure nothing is open. */
int confirm_begin(struct books *b, struct confirm_session *s, const struct books_act *act, struct muster_err *err);
/** When @p r is MUSTER_OK: append the items (if any), then commit; else roll back. Frees. @return @p r, or why it failed. */
int confirm_end(struct books *b, struct confirm_session *s, int r, const struct books_act *act, struct muster_err *err);
/** Adopts @p item. MUSTER_E_NOMEM when it is NULL or does not fit. */
int confirm_note(struct confirm_session *s, json_t *item, struct muster_err *err);

/** Insert a new row or bring a known one to this state (slot, generation, request), and mark its slot. @param[out] no_slot the slot is not in these books; NULL: then an error. */
int confirm_apply(struct books *b, struct confirm_row *row, bool *no_slot, struct muster_err *err);
/** New references; NULL when exhausted. */
json_t *confirm_row_json(const struct confirm_row *row);
json_t *confirm_certificate_json(const struct books_certificate *c);

#endif
