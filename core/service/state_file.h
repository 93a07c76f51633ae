/**
 * The lines of a state file (docs/estate.md, "Moving a host"; trust.md section 11): JSON objects, one a line, the header first and the signed manifest last.
 *
 * Products, pools and ledgers ("sources") are named in the header; lines name them by 1 + their place there, so that no number of a state leaves it.
 * Writing appends to a buffer; reading takes nothing on trust: types, ranges, references. Pure.
 */
#ifndef SERVICE_STATE_FILE_H
#define SERVICE_STATE_FILE_H

#include <jansson.h>
#include "core/base/buf.h"
#include "core/store/store.h"

#define STATE_FILE_VERSION 1
#define STATE_LINE_MAX (256u << 10)      /**< bytes of a line, but of the header and the last */
#define STATE_LONG_LINE_MAX (8u << 20)   /**< bytes of those */
#define STATE_PRODUCTS_MAX 65536
#define STATE_FLAGS_KNOWN ((STORE_F_DEBT << 1) - 1)   /**< of a client */
#define STATE_SEALED_MAX 8192            /**< bytes of a sealed key */

struct state_product { char name[128]; uint8_t activation_id[16]; /**< nil: not known any more */ uint32_t pool; /**< 1 + index; 0 none */ };
struct state_head {
	char host[256];                      /**< name of the host that wrote it */
	uint8_t instance[16];                /**< its ledger; sources[0] */
	int64_t sequence, at;                /**< all its events up to here are in the rows; ms, when it was written */
	struct store_source *sources; size_t source_count;
	struct store_pool *pools; size_t pool_count;
	struct state_product *products; size_t product_count;
};
void state_head_fini(struct state_head *h);
int state_head_write(struct buf *out, const struct state_head *h, struct muster_err *err);
/** @return MUSTER_OK; MUSTER_E_INVALID with a sentence; MUSTER_E_UNSUPPORTED: of a newer version; MUSTER_E_NOMEM. */
int state_head_read(struct state_head *h, struct muster_span line, struct muster_err *err);

enum state_kind { STATE_USE, STATE_COUNTER, STATE_EDITION, STATE_SETTING, STATE_HOLDING, STATE_RECORD, STATE_PASSPHRASE, STATE_KEY, STATE_SECRET,
	STATE_EVENT, STATE_MACHINE, STATE_END, STATE_KINDS };
/** "clients", "counters" …: as the manifest counts them. */
const char *state_kind_word(enum state_kind k);

/** One line that was read. Products in it are 1 + an index into the header's; so are sources. */
struct state_line {
	enum state_kind kind;
	json_t *json;                        /**< owns the texts below */
	struct store_use use; struct store_part parts[STORE_SOURCES_MAX]; size_t part_count;
	struct store_counter counter;
	struct store_edition edition;
	struct store_setting setting;
	struct store_holding holding;
	struct store_record record;          /**< also of a secret: without its sealed member */
	const char *partial;                 /**< of a key */
	const char *text;                    /**< wrapped key of the passphrase */
	uint8_t sealed[STATE_SEALED_MAX]; size_t sealed_n;
	json_t *observed;                    /**< machine or event, as core/exchange/record.h has them; borrowed of json */
	const json_t *end;
};
void state_line_fini(struct state_line *l);
int state_line_read(struct state_line *l, const struct state_head *h, struct muster_span line, struct muster_err *err);

/* Each appends one line. */
void state_write_use(struct buf *out, const struct store_use *use, uint32_t product, const struct store_part *parts, size_t n);
void state_write_counter(struct buf *out, const struct store_counter *c);
int state_write_edition(struct buf *out, const struct store_edition *e, struct muster_err *err);
int state_write_setting(struct buf *out, const struct store_setting *s, struct muster_err *err);
void state_write_holding(struct buf *out, const struct store_holding *h);
int state_write_record(struct buf *out, const struct store_record *r, struct muster_err *err);
/** @p kind STATE_MACHINE or STATE_EVENT; @p record an item of estate_machines() or estate_events(), adopted: what it says of this host's products and findings stays here. */
int state_write_observed(struct buf *out, enum state_kind kind, json_t *record, struct muster_err *err);
int state_write_json(struct buf *out, json_t *line, struct muster_err *err);   /**< adopts */

#endif
