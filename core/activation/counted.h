/**
 * Inside of counted keys (MAK, ESU MAK): what is stored of a machine, and the keys it needs. counted.c, counted_store.c, counted_admin.c, proxy.c.
 *
 * A machine is (key number, binding). It has at most two records, both without personal data: "wanted", from the machine's first request until the issuer has
 * answered (a refusal stays there with its code and is asked again), and "confirmation", for good. Which is why a machine that was installed anew, under
 * another client ID, is handed what was confirmed before, and nothing is spent.
 */
#ifndef ACTIVATION_COUNTED_H
#define ACTIVATION_COUNTED_H

#include <openssl/crypto.h>
#include "core/activation/internal.h"

#define ACTIVATION_R_WANTED "wanted"       /* id: number ‖ binding(10); data: JSON */

#define COUNTED_ID 14
#define COUNTED_BATCH_MAX 2000             /**< Installation IDs in one request: its answer stays below what is taken of an issuer */
#define COUNTED_REFUSED_AGAIN_S 3600       /**< a refused machine is asked for again by itself after this */

/** A key, as far as machines need it. A secret: counted_key_fini(). */
struct counted_key {
	uint32_t number;
	char kind, partial[PRODUCT_KEY_PARTIAL], issuer[64];
	uint8_t issuer_id[16], pack_id[16], prk[PRODUCT_KEY_PRK];
	uint8_t generation;
	uint8_t products[TRUST_PRODUCTS_MAX][16]; size_t product_count;
	int64_t coverage_start, coverage_end;
	int64_t allowed, used;             /**< −1 unknown */
};
/** An installed key of the counted model with its pack; acts held. MUSTER_E_NOT_FOUND. */
int counted_key_find(struct activation *a, uint32_t number, struct counted_key *out, struct muster_err *err);
static inline void counted_key_fini(struct counted_key *k) { OPENSSL_cleanse(k, sizeof *k); }
/** Is any such key for this product installed? Acts held. */
bool counted_key_for(struct activation *a, const uint8_t activation_id[16]);
bool counted_key_has(const struct counted_key *k, const uint8_t activation_id[16]);

void counted_id(uint8_t out[COUNTED_ID], uint32_t number, const uint8_t binding[BINDING_SIZE]);
/** The machine's Installation ID: the same as long as key and pack are. */
int counted_installation_id(struct installation_id *out, const struct counted_key *k, const uint8_t binding[BINDING_SIZE], struct muster_err *err);

enum counted_state { COUNTED_NONE, COUNTED_WANTED, COUNTED_REFUSED, COUNTED_CONFIRMED, COUNTED_TELEPHONE };
/** What is stored of one machine. */
struct counted_machine {
	enum counted_state state;
	uint32_t number; uint8_t binding[BINDING_SIZE];
	uint8_t product[16];               /**< activation ID of the product it asked for */
	char issuer[64];
	char installation_id[INSTALLATION_TEXT];
	int64_t wanted_at, asked_at, confirmed_at;   /**< s; 0 not */
	uint32_t code; char detail[256];   /**< of a refusal */
	char *statement;                   /**< owned; confirmed by the issuer's statement */
};
void counted_machine_fini(struct counted_machine *m);
/** What is known of this machine; MUSTER_OK with COUNTED_NONE: nothing. */
int counted_read(struct activation *a, uint32_t number, const uint8_t binding[BINDING_SIZE], struct counted_machine *out, struct muster_err *err);
/** From a record of either kind. */
int counted_parse(struct counted_machine *out, const struct store_record *record, struct muster_err *err);

/** Put the machine's record as its state says; a confirmed one leaves "wanted". */
void counted_put(struct act *t, const struct counted_machine *m);
/** The smallest key number from @p from on that has a confirmed machine; *any false: none. */
int counted_next_number(struct activation *a, uint32_t from, uint32_t *number, bool *any, struct muster_err *err);

/* ---- the thread of requests ---- */
int counted_new(struct activation *a, struct muster_err *err);
int counted_start(struct activation *a, struct muster_err *err);
/** Answers what is queued with M-111 and ends the thread. */
void counted_stop(struct activation *a);
void counted_free(struct activation *a);

/* ---- proxy.c ---- */
/** Something is wanted: a batch is asked a minute after the first, where `proxy = auto`. */
void proxy_wanted(struct activation *a);
int64_t proxy_run(struct activation *a);

#endif
