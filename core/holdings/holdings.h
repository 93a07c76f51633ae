/**
 * Who holds what: access licences (models access), seats (model seats), and who presented which embedded key (model embedded).
 *
 * One thread decides for all of them, in groups: what a group changes is one transaction of the state, and nobody is answered before it is committed. So
 * there is one owner of every number, and what was given out is known after a crash. Numbers by (product, class, state) are in memory, filled from the
 * store at the start and after a commit whose outcome is not known; rows are read one by one, by key. Rules are pure and in core/licensing (access.h, seats.h).
 * Time and randomness are injected. Thread-safe unless it says otherwise. Rules: facts.md sections 6 and 7, docs/protocol.md section 3.
 */
#ifndef HOLDINGS_HOLDINGS_H
#define HOLDINGS_HOLDINGS_H

#include <jansson.h>
#include "core/activation/activation.h"
#include "core/catalog/catalog.h"
#include "core/ledger/ledger.h"

/** Classes (store_holding.class_): kind in the upper 8 bits, the version's generation in the lower 16. */
enum holdings_kind { HOLDINGS_DEVICE = 1, HOLDINGS_USER = 2, HOLDINGS_REVOKED = 3 /* device licences taken back whose time is not over; holder = client ID ‖ ms(8) */,
	HOLDINGS_SEAT = 4, HOLDINGS_EMBEDDED = 5 };
#define HOLDINGS_CLASS(kind, generation) (((uint32_t)(kind) << 24) | (generation))
#define HOLDINGS_KIND(class_) ((class_) >> 24)
#define HOLDINGS_GENERATION(class_) ((class_) & 0xffffU)

/**
 * States (store_holding.state). Out of a number: PERMANENT (device), ASSIGNED and KEPT (user), OUT and ENDING (seat). Beyond what there is is a state
 * of its own, so that sums tell it apart; such rows carry HOLDINGS_F_OVER too, and answers name the plain state.
 */
enum holdings_state {
	HOLDINGS_TEMPORARY = 1,  /**< device, first sign-in: out of no number */
	HOLDINGS_PERMANENT,      /**< device */
	HOLDINGS_ENDED,          /**< device: had its temporary licence, holds none now; never due */
	HOLDINGS_ASSIGNED,       /**< user */
	HOLDINGS_TAKEN,          /**< row of kind HOLDINGS_REVOKED */
	HOLDINGS_OUT,            /**< seat */
	HOLDINGS_ENDING,         /**< seat taken back by an administrator: counts until its lease is over, is not renewed */
	HOLDINGS_PRESENTED,      /**< embedded key; never due */
	HOLDINGS_KEPT,           /**< user: what was shown is over, and it may not be given to another before user_reassign_s */
	HOLDINGS_PERMANENT_OVER, HOLDINGS_ASSIGNED_OVER, HOLDINGS_OUT_OVER
};
#define HOLDINGS_F_OVER 1u       /**< beyond what there is: debt, or a breach */
#define HOLDINGS_F_VIRTUAL 2u
#define HOLDINGS_F_TAKEN 4u      /**< device, HOLDINGS_ENDED: taken back by an administrator; nothing new until `until` */
#define HOLDINGS_F_GRACE 8u      /**< seat: its lease is over, kept for its holder until `until` */

/** Journal kinds 150–169. */
enum holdings_journal_kind { HOLDINGS_J_REVOKE = 150, HOLDINGS_J_SEAT_TAKEN, HOLDINGS_J_REASSIGN, HOLDINGS_J_CAPACITY, HOLDINGS_J_CAPACITY_REMOVE, HOLDINGS_J_BREACH,
	HOLDINGS_J_EMBEDDED_STORED, HOLDINGS_J_EMBEDDED_REMOVED };

struct holdings;
struct holdings_options {
	const struct clock *clock;
	struct ledger *ledger;                 /**< borrowed; started */
	struct activation *activation;         /**< borrowed: capacity in packs, keys of embedded products, sealing */
	uint64_t (*random)(void *ctx);         /**< NULL: RAND_bytes; tests inject it */
	void (*event)(void *ctx, int level, const char *event, const char *text);
	void *ctx;
};
int holdings_open(struct holdings **out, const struct holdings_options *o, struct muster_err *err);
/** Catalog of a start or reload; referenced. After ledger_bind(). */
int holdings_bind(struct holdings *h, struct catalog *catalog, struct muster_err *err);
int holdings_start(struct holdings *h, struct muster_err *err);
/** Answers what is queued with M-111 and ends the thread. */
void holdings_stop(struct holdings *h);
void holdings_free(struct holdings *h);

/** Is a product of a model whose requests are decided here? */
bool holdings_serve(const struct catalog_product *p);

/** A machine's request of one of the three models, after the catalog's static rules. The caller owns it until done(). */
struct holdings_request {
	struct holdings_request *next;         /**< the holdings' */
	struct catalog *catalog; const struct catalog_product *product;   /**< reference held by the caller */
	uint8_t activation_id[16], client[16], hw[32]; bool has_hw, is_virtual, certified;
	uint8_t addr[16], addr_len; bool loopback;
	bool lease_known;                      /**< a lease of ours for this client and product verified: it is nobody new */
	const char *name;                      /**< machine; "" not sent. Borrowed, as the texts below */
	bool release;                          /**< seats: POST /v1/release with a lease and its secret that fit */
	int64_t lease_at;                      /**< release: when that lease was issued, s */
	/* access */
	uint32_t per; const char *user, *version;   /**< MUSTER_PER_*, 0 not sent: device; "" not sent */
	/* seats */
	bool queue;                            /**< would wait */
	/* embedded */
	char key_kind; uint32_t key_number; uint8_t proof[32]; bool has_key;
	const char *whole_key; size_t whole_key_n;  /**< NULL: none. A secret */
	uint8_t nonce[64]; uint8_t nonce_len;
	/* answer */
	uint32_t code;                         /**< CODE_OK: a lease to `until`; CODE_M_QUEUED: 202; else refused */
	int64_t until;                         /**< ms; embedded 0: the product's validity */
	uint32_t renew_s;                      /**< when to ask again; 0: the product's */
	uint32_t state, generation;            /**< HOLDINGS_*; version given (access) */
	bool over;
	uint64_t used, total;                  /**< out of this number, and how many there are; seats and access */
	uint32_t position, retry_after;        /**< queue: from 1; s */
	char detail[256];                      /**< of a refusal or of waiting */
	void (*done)(struct holdings_request *);    /**< on the holdings' thread; must not block */
	void *user_data;
};
/** Queue it. MUSTER_OK or MUSTER_E_BUSY (done() is not called). */
int holdings_submit(struct holdings *h, struct holdings_request *r);

/** How many seats a product has now. Any thread. */
uint64_t holdings_seats(struct holdings *h, const struct catalog_product *p);

/** Something to count against. From packs bound to this host, or entered by hand for products whose leases are records. */
struct holdings_capacity { uint32_t kind, generation; uint64_t licenses, temporary; };

/** A version's name, or "generation N" where no version has it any more. */
const char *holdings_version_text(char out[MUSTER_NAME_MAX + 1], const struct catalog_product *p, uint32_t generation);

/* ---- acts and questions of administrators: JSON as docs/admin-api.md has it; @p actor "uid name" ---- */
/**
 * Per product and version: what there is and what is given out. @p product NULL: all of the three models.
 *
 * {"products":[{"product","title","activation_id","model":"access"|"seats"|"embedded","policy":"enforce"|"advise","record":true,
 *   access: "server_version","versions":[{"version","title","per":"device"|"user","bought","issued","temporary","over","revoked","revocable","kept","free","reserved"}],
 *   seats: "seats":{"bought","issued","over","ending","free","reserved","waiting"},"queue":[{"position","client_id","asked_at"}],
 *   embedded: "presented",
 *   "reservations":[{"name","count"}],"entered":[{"id","per","version","licenses","note","entered_at"}]}]}
 * issued: out of the number (per user: `kept` ones too); over: beyond it, also where a licence pack ended; revocable: how many may still be taken back;
 * reserved: of what is free, kept for those whom reservations name. A version that no product has any more is "generation N".
 */
int holdings_report(struct holdings *h, const struct catalog_product *product, json_t **out, struct muster_err *err);
/**
 * Who holds something of a product, paged by @p after (the answer's "next"): {"items":[{"product","holder","kind":"device"|"user"|"revoked"|"seat"|"embedded",
 * "version":null|"…","state":"temporary"|"permanent"|"ended"|"taken back"|"assigned"|"kept"|"out"|"grace"|"ending"|"presented","over","since","until":null|"…","changed",
 * "client_id","name","number":null|n}],"next":null|"…"}. holder: client ID, or the user as sent.
 */
int holdings_list(struct holdings *h, const struct catalog_product *product, const char *after, size_t limit, json_t **out, struct muster_err *err);
/**
 * Take a device licence back (at most 20 % of a version, facts.md section 7) or a seat; @p reason (not empty) is in the journal. @p holder client ID; @p version NULL: the one held.
 * @p out {"product","holder","version":null|"…","until","over","message"}: until: when what was granted ends.
 * @return MUSTER_E_NOT_FOUND nothing held; MUSTER_E_LIMIT more than may be taken back; MUSTER_E_INVALID licences per user, temporary ones, several versions held, and arguments.
 */
int holdings_take_back(struct holdings *h, const char *actor, const struct catalog_product *product, const char *holder, const char *version, const char *reason,
                       json_t **out, struct muster_err *err);
/**
 * Give a user's licence to another one, 90 days after it was assigned; @p reason (not empty) is in the journal. @p out {"product","version","from","to","until","message"}.
 * @return MUSTER_E_NOT_FOUND; MUSTER_E_NOT_YET with the day; MUSTER_E_EXISTS @p to holds one as good.
 */
int holdings_reassign(struct holdings *h, const char *actor, const struct catalog_product *product, const char *from, const char *to, const char *reason,
                      json_t **out, struct muster_err *err);
/**
 * Enter bought licences by hand: products whose leases are records only. @p what {"per":"device"|"user"|"seat","version":"2019","licenses":50,"note":"…"};
 * @p out the same with "id", "product", "entered_at".
 */
int holdings_capacity_add(struct holdings *h, const char *actor, const struct catalog_product *product, const json_t *what, json_t **out, struct muster_err *err);
/** @p out {"id","message"}. MUSTER_E_NOT_FOUND. */
int holdings_capacity_remove(struct holdings *h, const char *actor, const char *id, json_t **out, struct muster_err *err);
/** Keys of embedded products found on media: {"product","edition","key","path","label"}; the key is sealed. MUSTER_E_EXISTS: known. */
int holdings_embedded_store(struct holdings *h, const char *actor, const json_t *what, json_t **out, struct muster_err *err);
int holdings_embedded_list(struct holdings *h, json_t **out, struct muster_err *err);
int holdings_embedded_remove(struct holdings *h, const char *actor, uint32_t number, json_t **out, struct muster_err *err);


/* ---- moving (moved.c; trust.md section 11) ---- */
/** Rows of another host's export, as obligations; of two of a key the one written last stays. One transaction, may be repeated. @p changed is added to. */
int holdings_take(struct holdings *h, const struct store_holding *rows, size_t n, size_t *changed, struct muster_err *err);
/** After the last ones: keys and numbers into memory. */
int holdings_take_done(struct holdings *h, struct muster_err *err);

#endif
