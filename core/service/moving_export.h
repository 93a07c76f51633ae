/** Inside of writing a state file: state_export.c begins, hands out and ends; state_rows.c writes the lines. */
#ifndef SERVICE_MOVING_EXPORT_H
#define SERVICE_MOVING_EXPORT_H

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/base/uuid.h"
#include "core/service/moving.h"

/** In the order of the file. */
enum phase { PHASE_HEAD, PHASE_USES, PHASE_COUNTERS, PHASE_EDITIONS, PHASE_SETTINGS, PHASE_HOLDINGS, PHASE_RECORDS, PHASE_KEYS, PHASE_SECRETS, PHASE_EVENTS, PHASE_MACHINES,
	PHASE_END, PHASE_DONE };

struct state_export {
	char id[UUID_TEXT], actor[64];
	int64_t touched;                     /* steady ms */
	bool retire, is_signed;
	struct state_head head;
	uint32_t *places; size_t place_count;   /* of a product by the state's number: 1 + index; 0 none */
	char audit[160];                     /* head of the record of acts */
	EVP_MD_CTX *hash;
	char sha256[HEX_SIZE(32)];
	int64_t bytes, lines, counts[STATE_KINDS];
	struct buf out;
	enum phase phase;
	uint8_t client[16]; uint32_t product;   /* the last row */
	size_t holding_product; uint32_t class_; uint8_t holder[STORE_HOLDER_MAX]; size_t holder_n;
	char kind[32]; uint8_t record[64]; size_t record_n;
	json_t *page; size_t page_at; char after[STORE_NAME_MAX + 80];   /* of what was observed: items under way, and what comes behind them */
	struct seal *seal; char *wrapped;    /* --with-keys */
	struct muster_err *err;              /* of the present call */
	struct service *service;
	size_t seen; int r;
};

/** The header's lists from the ledger, and what they are called here. */
int export_head(struct state_export *x, const struct catalog *catalog, const char *host, struct muster_err *err);
/** A page of the present phase into `out`; behind the last one the next phase. What stopped the writing is in `r`. */
int export_step(struct state_export *x);

#endif
