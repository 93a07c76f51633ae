/**
 * The activation's inside: what its files share. For core/activation and its tests only.
 *
 * Two locks. `acts`: who changes something (an administrator's act, a periodic job) holds it from looking to having recorded; taken with
 * activation_begin(). It is not held while a network answer is waited for: look, let go, ask, take it again and look again. `lock`: guards the
 * memory below, for as long as it takes to read or swap a pointer, never over I/O. Changing memory needs both, reading either. Order: acts, lock.
 * What must be true after a crash is in records of the ledger's state; memory is filled from them and changed after they were committed.
 */
#ifndef ACTIVATION_INTERNAL_H
#define ACTIVATION_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/activation/activation.h"

#define ACTIVATION_JOBS_MAX 16
#define RETIRED_MS (3600 * 1000)      /* how often jobs look that a retired host does not do */

/** A periodic job, on the activation's own thread; it may write, connect and wait, and looks at activation_stopping() while it does. */
struct activation_job {
	const char *name;
	/** @return ms of steady time until it is due again. */
	int64_t (*run)(struct activation *a);
};
/** Ended by a row without a name. Every job runs once soon after the start. */
extern const struct activation_job activation_jobs[];

/** An issuer of the configuration. */
struct activation_issuer {
	char *name, *url, *web_proxy;         /**< url "": it is never asked */
	bool proxy_auto;                      /**< asks for machines with counted keys by itself */
};

/* ---- what is held in memory, as in the records ---- */

/** A pack; verified when it was installed, and again as of that time whenever it is loaded. */
struct held_pack {
	struct pack *pack;
	struct trust_chain *chain;            /**< who signed it; its intermediate signed the slots' certificates too */
	char *issuer;                         /**< name of the configuration's issuer */
	int64_t installed_at;
	bool superseded;                      /**< a later issue is here: kept for the Installation IDs that were made with this one */
	bool elsewhere;                       /**< bound to another host than this one (anymore): its licences do not count */
};

/** An installed key. Its secret is sealed: key_prk(). */
struct held_key {
	char kind; uint32_t number; char partial[PRODUCT_KEY_PARTIAL];
	uint8_t issuer_id[16], pack_id[16];
	uint8_t products[TRUST_PRODUCTS_MAX][16]; size_t product_count;   /**< as the pack says */
	int64_t installed_at;
	int64_t activated_at;                 /**< 0: this host is not activated with it */
	int64_t ends_at;                      /**< of the certificate */
	char method[12];                      /**< "telephone", "file", "online" */
	char kid[TRUST_KID];
	uint8_t binding[BINDING_SIZE], source;   /**< the host that was activated */
	int64_t allowed, used;                /**< counted keys, as the pack or the issuer last said; -1: unknown */
	bool revoked;
	uint8_t sealed[64]; size_t sealed_n;
};

/** An Installation ID that was shown: pending until it is answered or replaced. */
struct held_id {
	uint32_t number; uint8_t generation, attempt, source, binding[BINDING_SIZE], pack_id[16];
	char digits[INSTALLATION_TEXT];       /**< as shown */
	int64_t made_at, answered_at, replaced_at;
	char method[12];
	uint16_t slot; uint8_t finder[SLOT_FINDER];   /**< what answered it by telephone */
};

/** Products of keys whose host was another; one list is never changed, and lives as long as the activation. */
struct moved_list { struct moved_list *older; size_t n; uint8_t (*products)[16]; };

struct activation {
	const struct clock *clock;
	struct ledger *ledger;
	struct trust_ring *ring;
	char *dir, *key_path;
	int (*hardware)(void *ctx, uint8_t *source, struct buf *value);
	void (*event)(void *ctx, int level, const char *event, const char *text);
	void *ctx;
	pthread_mutex_t acts;
	atomic_bool stale;                    /* something was committed, or may have been, and is not in memory: the next act loads it anew */
	struct seal *seal;                    /* acts; open from activation_open() on */
	struct rest *rest;                    /* rest.h; has a lock of its own */

	pthread_mutex_t lock;
	struct catalog *catalog;              /* referenced; NULL before the first bind */
	struct activation_issuer *issuers; size_t issuer_count;
	char *host_name;                      /* a hint for the issuer */
	struct held_pack *packs; size_t pack_count;
	_Atomic uint64_t packs_change;        /* rises after each change of packs */
	struct held_key *keys; size_t key_count;
	struct held_id *ids; size_t id_count; /* by number, generation, attempt */
	_Atomic(struct moved_list *) moved;

	struct counted *counted;              /* requests of machines with counted keys, on a thread of their own */
	_Atomic int64_t wanted_since;         /* boot ms of the first machine that waits for a batch; 0 none */
	int64_t proxy_next; bool proxy_looked;   /* the thread's; boot ms */
	int64_t renewal_next, crl_next;       /* the thread's; s */

	/* the thread */
	pthread_mutex_t work_lock;
	pthread_cond_t work;
	pthread_t thread;
	bool running;
	atomic_bool stop;
	int64_t due[ACTIVATION_JOBS_MAX];     /* steady ms; work_lock */
};

/** Begin and end a change. */
void activation_begin(struct activation *a);
void activation_end(struct activation *a);
bool activation_stopping(const struct activation *a);
/** Seconds since 1970 UTC. */
int64_t activation_now(const struct activation *a);
/** Say something once, where it is known. @p level as syslog. */
void activation_say(const struct activation *a, int level, const char *event, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/** The present catalog, one reference. */
struct catalog *activation_catalog(struct activation *a);
/** Copies of the configuration's issuers; NULL: exhausted. Free with activation_issuers_free(). */
struct activation_issuer *activation_issuers(struct activation *a, size_t *n);
void activation_issuers_free(struct activation_issuer *issuers, size_t n);

/* ---- records.c ----
 * A record is a JSON object (packs are their token, revocation lists their PEM). A secret in it is its member `sealed`: base64url of a sealed record
 * whose place is {kind, hexadecimal of the record's ID, "sealed"}. Rekeying needs to know no more than that, and calls records_load() afterwards. */
#define ACTIVATION_R_SLOT "slot"          /**< id: number ‖ generation ‖ slot(2); data: chain (PEM), PKCS#8 sealed */
#define ACTIVATION_R_EMBEDDED "embedded-key"   /**< core/holdings keeps these; here only to be sealed anew */
#define ACTIVATION_R_ESTATE "estate-secret"   /**< core/estate keeps these (ESTATE_R_SECRET); likewise */
#define ACTIVATION_R_RETIRED "retired"    /**< id: kid; a certificate whose key was removed: signs no more */
#define RECORD_JSON_MAX (64u << 10)

int seal_record(struct buf *out, const struct activation *a, const char *kind, struct muster_span id, struct muster_span plain, struct muster_err *err);
/** @p plain appended; a secret. */
int unseal_record(struct buf *plain, const struct activation *a, const char *kind, struct muster_span id, struct muster_span sealed, struct muster_err *err);
/** Keys and Installation IDs into memory, slots into the ring. Acts held, or before the thread runs. */
int records_load(struct activation *a, struct muster_err *err);
/** All records of a kind, whatever their number; what @p fn returns ends it when it is not MUSTER_OK. */
int records_each(struct activation *a, const char *kind, int (*fn)(void *ctx, const struct store_record *), void *ctx, struct muster_err *err);

/** One transaction: changes of records, with one journal row. */
struct act { struct store_change *changes; struct store_record *records; struct buf *data; size_t n; bool failed; };
void act_put(struct act *t, const char *kind, struct muster_span id, struct muster_span data);
/** Adopts @p object; NULL counts as exhausted memory. */
void act_put_json(struct act *t, const char *kind, struct muster_span id, json_t *object);
void act_delete(struct act *t, const char *kind, struct muster_span id);
void act_put_key(struct act *t, const struct held_key *k);
void act_put_id(struct act *t, const struct held_id *id);
/** Commit and empty it. @p actor "uid name", the activation's own acts: ACTIVATION_SELF. On MUSTER_E_UNKNOWN the next act begins with loading memory anew. */
#define ACTIVATION_SELF "0 musterd"
int act_commit(struct activation *a, struct act *t, const char *actor, enum activation_journal_kind kind, const char *object, struct muster_err *err, const char *fmt, ...)
	__attribute__((format(printf, 7, 8)));
/** The same without a journal row: what machines do fills no audit trail. */
int act_store(struct activation *a, struct act *t, struct muster_err *err);
void act_fini(struct act *t);             /**< what was not committed is dropped */

/** After a commit: into memory. MUSTER_E_NOMEM: the next act begins with loading it anew. */
int memory_put_key(struct activation *a, const struct held_key *k, struct muster_err *err);
int memory_put_id(struct activation *a, const struct held_id *id, struct muster_err *err);
void memory_drop_key(struct activation *a, uint32_t number);

/* ---- packs.c ---- */
/** Does a pack stand in the line of the other, so that the higher issue replaces the lower? */
bool pack_same_line(const struct pack *a, const struct pack *b);
/** Every stored pack, under the present issuers and catalog; what does not verify any more is said and left out. */
int packs_load(struct activation *a, struct muster_err *err);
void packs_free(struct held_pack *packs, size_t n);
/** Install a token that came with an administrator or with an answer of the issuer; acts held. @p out may be NULL. */
int packs_take(struct activation *a, const char *actor, struct muster_span token, const struct held_pack **out, json_t *warnings, struct muster_err *err);
const struct held_pack *pack_by_id(const struct activation *a, const uint8_t id[16]);   /**< NULL: none. Acts or lock held */
/** The newest pack that has this key; NULL: none. @param[out] key may be NULL. */
const struct held_pack *pack_with_key(const struct activation *a, const uint8_t issuer_id[16], char kind, uint32_t number, const struct pack_key **key);
json_t *contacts_json(const struct pack *p);

/* ---- crl.c ---- */
/** Stored lists into the ring, under the present issuers. Acts held. */
int crls_load(struct activation *a, struct muster_err *err);
/** A list that came with something else (@p from: "the licence pack", "the issuer's answer"): kept when its number is higher; what is wrong with it is said and goes no further. Acts held. */
void crl_take(struct activation *a, const char *from, struct muster_span pem);
/** Daily: says which lists are past their time. */
int64_t crl_job(struct activation *a);

/* ---- moved.c ---- */
#define ACTIVATION_R_FORMER "former-chain"   /**< id: kid; data: PEM: verifies the leases of a host whose state was taken over, signs nothing */
/** Into the ring. Acts held, or before the thread runs. */
int formers_load(struct activation *a, struct muster_err *err);

/* ---- roots.c ---- */
/** Stored announcements into the ring. Acts held. */
int roots_load(struct activation *a, struct muster_err *err);
/** One that came by itself (@p from: an address); what is wrong with it is said and goes no further. Acts held. */
void roots_take(struct activation *a, const char *from, struct muster_span token);

/* ---- keys.c ---- */
struct held_key *key_by_number(const struct activation *a, uint32_t number);           /**< NULL: none. Acts or lock held; so the next ones */
enum key_state { KEY_PACK_MISSING, KEY_NOT_ACTIVATED, KEY_PENDING, KEY_ACTIVATED, KEY_REVOKED };
enum key_state key_state(const struct activation *a, const struct held_key *k);
const char *key_state_word(enum key_state s);
/** Is it a key with which this host itself is activated: a host key, or the access key of a licence server? */
bool key_activates_host(char kind);
/** Install a key that was typed, or that follows from programme and number; acts held. @p out as activation_key_install(). */
int key_install(struct activation *a, const char *actor, const struct product_key *typed, bool replace, json_t **out, struct muster_err *err);
/** The whole key; a secret. */
int key_open(struct product_key *out, const struct activation *a, const struct held_key *k, struct muster_err *err);
/** PRK_key of an installed key; a secret. */
int key_prk(uint8_t prk[PRODUCT_KEY_PRK], const struct activation *a, const struct held_key *k, struct muster_err *err);
bool key_names(const struct held_key *k, const uint8_t product[16]);
bool pack_key_names(const struct pack_key *k, const uint8_t product[16]);
/** Is it for this very product, not for one that it covers besides? */
bool key_is_for(const struct catalog *c, const struct held_key *k, const uint8_t product[16]);
/** The product a key is for: of those it names the one that covers the others; NULL: the catalog has none of them. */
const struct catalog_product *key_product(const struct catalog *c, const struct held_key *k);
/** The host key meant: that of @p product; with NULL the only one installed. MUSTER_E_NOT_FOUND names what is missing (pack or key); MUSTER_E_INVALID, CODE_M_WHICH_KEY lists them. */
int key_pick(struct held_key **out, const struct activation *a, const struct catalog *c, const struct catalog_product *product, struct muster_err *err);
/** The product with this very activation ID (not an edition of one); NULL: none. */
const struct catalog_product *product_with_id(const struct catalog *c, const uint8_t id[16]);
/** Names of the catalog, or UUIDs where it has none: array of strings. */
json_t *products_json(const struct catalog *c, const uint8_t (*ids)[16], size_t n);
json_t *time_json(int64_t s);             /**< null for 0 */

/* ---- binding.c ---- */
/** The binding of this host for an issuer. @p wanted: source to prefer, HARDWARE_BEST none. */
int binding_of_this(uint8_t out[BINDING_SIZE], uint8_t *source, const struct activation *a, const uint8_t issuer_id[16], uint32_t wanted, struct muster_err *err);
/** Is @p binding this host's for an issuer, whatever source it was made from? MUSTER_E_NOT_FOUND: nothing identifies the hardware. */
int binding_is_here(bool *out, const struct activation *a, const uint8_t issuer_id[16], const uint8_t binding[BINDING_SIZE], struct muster_err *err);
/** Compare every activated key with this hardware and publish who moved. Acts held. */
int binding_check(struct activation *a, struct muster_err *err);

/* ---- offline.c and certificate.c ---- */
/** The pending Installation ID of a host key, made (and recorded) when there is none, or when @p fresh. Acts held. */
int pending_id(struct held_id *out, struct installation_id *id, struct activation *a, const char *actor, struct held_key *k, bool fresh, struct muster_err *err);
/** NULL: none pending. */
const struct held_id *pending_find(const struct activation *a, const struct held_key *k);
/** Record that this host is activated with a key: its newest pending ID is answered, the key marked, in one transaction with what @p t holds already. The chain must be
 * in the ring. @p answered may be NULL. */
int record_activated(struct activation *a, struct act *t, const char *actor, enum activation_journal_kind kind, const struct held_key *k, const struct held_id *answered,
                     const char *method, const struct trust_chain *chain, struct muster_err *err);
/** MUSTER_E_MISMATCH: the certificate names a product that the key does not. */
int certificate_fits(const struct trust_chain *chain, const struct held_key *k, struct muster_err *err);
/** {"products","ends_at","message", ...}: new reference. */
json_t *activated_json(const struct activation *a, const struct catalog *c, const struct held_key *k, const char *message);

#endif
