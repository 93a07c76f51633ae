/**
 * The issuer's books: products, organisations, agreements, keys, packs, slots, confirmations, certificates, revocations, audit; one SQLite file
 * DIR/books.db (WAL, synchronous=FULL, 0600), the only place with this SQL (trust.md section 9).
 *
 * Pure storage with the rules that must hold in one transaction; nothing here knows cryptography. Secrets come sealed (core/trust/seal.h) and go
 * sealed. Every call that changes something is one BEGIN IMMEDIATE transaction with its audit row in it (chained as the host's journal:
 * store_journal_hash()). Several processes may have the books open (serve and the command line): SQLITE_BUSY is waited for, 10 s at most, then MUSTER_E_BUSY.
 * Times are seconds since 1970 UTC. Results: MUSTER_OK, MUSTER_E_NOT_FOUND, MUSTER_E_EXISTS, MUSTER_E_REFUSED (a rule; err->code and sentence),
 * MUSTER_E_BUSY, MUSTER_E_IO, MUSTER_E_LIMIT (disk full), MUSTER_E_UNKNOWN (a commit may have happened: ask again, every order is idempotent), MUSTER_E_NOMEM;
 * opening: MUSTER_E_INVALID, MUSTER_E_UNSUPPORTED, MUSTER_E_DENIED. Lists call @p fn until it returns non-zero; @p fn does not use the books.
 * A handle is used by one thread at a time. After MUSTER_E_IO or MUSTER_E_UNKNOWN close it and open another.
 */
#ifndef STORE_ISSUER_BOOKS_H
#define STORE_ISSUER_BOOKS_H

#include <stdbool.h>
#include "core/base/buf.h"
#include "core/store/store.h"

#define BOOKS_TEXT 256
#define BOOKS_PRODUCTS_MAX 64

struct books;
/** @p make: make the file when there is none, with @p issuer_id; otherwise it must be this issuer's. */
int books_open(struct books **out, const char *dir, const uint8_t issuer_id[16], bool make, struct muster_err *err);
void books_close(struct books *b);
/** A consistent copy (backup), checked and synced; @p file must not exist. */
int books_backup(struct books *b, const char *file, struct muster_err *err);

/** What an audit row is about: kind of struct store_journal. Numbers are never reused; at the end only. */
enum books_event {
	BOOKS_EVENT_MADE = 1, BOOKS_EVENT_PRODUCT, BOOKS_EVENT_AGREEMENT, BOOKS_EVENT_CONTACT, BOOKS_EVENT_SETTING, BOOKS_EVENT_KEY, BOOKS_EVENT_ALLOWED,
	BOOKS_EVENT_KEY_REVOKED, BOOKS_EVENT_RETIRED, BOOKS_EVENT_PACK, BOOKS_EVENT_CERTIFICATE, BOOKS_EVENT_CERTIFICATE_REVOKED, BOOKS_EVENT_CRL,
	BOOKS_EVENT_CONFIRMED, BOOKS_EVENT_REPLAYED, BOOKS_EVENT_WRONG_TAG, BOOKS_EVENT_BATCH, BOOKS_EVENT_KEY_SHOWN, BOOKS_EVENT_EXPORTED,
	BOOKS_EVENT_BACKUP, BOOKS_EVENT_PASSPHRASE, BOOKS_EVENT_ROOTS, BOOKS_EVENT_MIGRATED, BOOKS_EVENT_INTERMEDIATE, BOOKS_EVENT_AUDIT_BACK
};
/** "key-minted", …; "unknown" for a number that is none. */
const char *books_event_word(uint32_t kind);

/** Who does it and when: goes into the audit row. */
struct books_act { const char *actor; int64_t now; const char *reason; /**< NULL or why */ };

/* ---- products, organisations, agreements ---- */
struct books_product { uint8_t activation_id[16]; char name[64], title[BOOKS_TEXT]; int64_t coverage_start, coverage_end; };
struct books_organisation { char id[64], name[BOOKS_TEXT]; };
struct books_agreement { char number[64], programme[64], license_id[64], organisation[64]; uint32_t issue; /**< last pack's */ int64_t created; };
int books_product_put(struct books *b, const struct books_product *p, bool replace, const struct books_act *act, struct muster_err *err);
int books_product(struct books *b, const char *name_or_id, struct books_product *out, struct muster_err *err);
int books_products(struct books *b, int (*fn)(void *ctx, const struct books_product *), void *ctx, struct muster_err *err);
/** Makes the organisation too when @p organisation_name is given and it is not there. */
int books_agreement_put(struct books *b, const struct books_agreement *a, const char *organisation_name, const struct books_act *act, struct muster_err *err);
int books_agreement(struct books *b, const char *number, struct books_agreement *out, struct books_organisation *organisation, struct muster_err *err);
int books_agreements(struct books *b, int (*fn)(void *ctx, const struct books_agreement *, const struct books_organisation *), void *ctx, struct muster_err *err);
struct books_contact { char region[64], telephone[64], hours[BOOKS_TEXT], web[BOOKS_TEXT], email[BOOKS_TEXT]; };
int books_contact_put(struct books *b, const struct books_contact *c, const struct books_act *act, struct muster_err *err);   /**< by region; all but region empty: removes */
int books_contacts(struct books *b, int (*fn)(void *ctx, const struct books_contact *), void *ctx, struct muster_err *err);
/** Small settings of the issuer, as the address of its service ("service"). */
int books_setting_put(struct books *b, const char *name, const char *value, const struct books_act *act, struct muster_err *err);
int books_setting(struct books *b, const char *name, struct buf *out, struct muster_err *err);

/* ---- keys ---- */
enum books_key_state { BOOKS_KEY_ACTIVE, BOOKS_KEY_REVOKED };
struct books_key {
	char kind; uint32_t number;
	char partial[6];
	char agreement[64];
	uint8_t products[BOOKS_PRODUCTS_MAX][16]; size_t product_count;
	uint32_t hosts, activations;               /**< host key: hosts and activations of each; counted: 0 and allowed; else 0 and 0 */
	uint8_t generation;                        /**< of its newest slots; 0: in no pack yet */
	enum books_key_state state; char reason[BOOKS_TEXT];
	int64_t created, coverage_start, coverage_end;
	uint8_t sealed[128]; size_t sealed_n;      /**< the key's 11 secret bytes, sealed at {"key", number in decimal, "secret"} */
	uint32_t used_hosts, used;                 /**< filled by reads: distinct bindings; confirmations */
	/* kind 5 */
	char account[64];                          /**< of an agreement's activation key: the number that administrators type; "" otherwise */
	uint32_t licenses, per; char version[64];  /**< what it licenses, as struct pack_key: licenses 0 none */
	uint8_t binding[10]; bool has_binding;     /**< the licence server that has these licences */
};
/** MUSTER_E_EXISTS: the number is taken, draw another. */
int books_key_add(struct books *b, const struct books_key *k, const struct books_act *act, struct muster_err *err);
int books_key(struct books *b, uint32_t number, struct books_key *out, struct muster_err *err);
/** @p agreement NULL: all. */
int books_keys(struct books *b, const char *agreement, int (*fn)(void *ctx, const struct books_key *), void *ctx, struct muster_err *err);
/** Raise a limit (0: leave it); lowering is MUSTER_E_REFUSED. act->reason is required. */
int books_key_allow(struct books *b, uint32_t number, uint32_t hosts, uint32_t activations, const struct books_act *act, struct muster_err *err);
/** Revoke; certificates granted to it are revoked too (reason as given, crl.h's number). MUSTER_E_EXISTS: it is already. */
int books_key_revoke(struct books *b, uint32_t number, int crl_reason, const struct books_act *act, struct muster_err *err);
/** Free the place of one host of a key (moved or retired, the issuer's decision); its certificates are revoked (cessation). Its rows stay, marked; a later request of this binding counts anew. Host keys only: MUSTER_E_REFUSED. */
int books_host_retire(struct books *b, uint32_t number, const uint8_t binding[10], const struct books_act *act, struct muster_err *err);

/* ---- packs and slots ---- */
struct books_pack { uint8_t id[16]; char agreement[64]; uint32_t issue; int64_t iat, exp; const uint8_t *token; size_t token_n; uint8_t binding[10]; bool has_binding, licenses; };
struct books_slot { uint32_t number; uint8_t generation; uint16_t slot; uint8_t sealed[128]; size_t sealed_n; /**< {"slot", "number-generation-slot", "secret"} */ char serial[41]; int64_t end; };
/** A key in a pack: with slots its generation is above the key's (by one, unless the books are a restored backup), without it stays (1 the first time). */
struct books_pack_key { uint32_t number; uint8_t generation; };
/** A pack with its keys and slots, in one transaction; each key's generation becomes the pack's (which voids the unrevealed slots before), the agreement's issue becomes
 * the pack's. MUSTER_E_MISMATCH: issue or a generation is not above (somebody else was quicker). */
int books_pack_add(struct books *b, const struct books_pack *p, const struct books_pack_key *keys, size_t key_n, const struct books_slot *slots, size_t n,
                   const struct books_act *act, struct muster_err *err);
/** Token included, borrowed until the next call. @p id NULL: the agreement's newest that has more than licences. */
int books_pack(struct books *b, const char *agreement, const uint8_t id[16], struct books_pack *out, struct muster_err *err);
/** The newest pack of licences of each agreement for one licence server that has not ended at @p now, tokens included. @p fn may not keep them. */
int books_packs_of(struct books *b, const uint8_t binding[10], int64_t now, int (*fn)(void *ctx, const struct books_pack *), void *ctx, struct muster_err *err);
int books_packs(struct books *b, const char *agreement, int (*fn)(void *ctx, const struct books_pack *), void *ctx, struct muster_err *err);   /**< without tokens */

/* ---- confirming (trust.md section 9) ---- */
struct books_certificate;
#define BOOKS_ORDERS_MAX 256
#define BOOKS_REFUSAL 768
enum books_method { BOOKS_TELEPHONE, BOOKS_ONLINE, BOOKS_FILE };
struct books_order {
	enum books_method method;
	uint32_t number; uint8_t generation, attempt, binding[10];
	uint8_t installation_id[19];
	uint8_t request[32];                       /**< SHA-256 of the certificate request; used when has_request */
	bool has_request, reveal /**< give a slot (digits); else the caller certifies or states */;
	const char *name;                          /**< host's name as told by the operator; NULL. Never kept for counted keys */
	/** What the host is certified with if nothing was for this confirmation and request; NULL: none. Written in the same transaction. */
	const struct books_certificate *certificate;
};
struct books_confirmation {
	int result;                                /**< MUSTER_OK, or why this order was refused: nothing was recorded for it */
	uint32_t code; char refusal[BOOKS_REFUSAL];
	int64_t id;                                /**< row */
	int64_t at;                                /**< first given */
	bool again;                                /**< known before: nothing was counted */
	bool counted;                              /**< the key is of the counted model */
	uint16_t slot; struct books_slot slot_row; /**< when revealed */
	uint32_t hosts_used, activations_used, hosts, activations;   /**< after this one; counted: used and allowed in activations */
	uint8_t statement_id[16];                  /**< counted: jti of the statement, the same every time */
	char certificate[41];                      /**< serial of what this request was certified with, "" nothing */
};
/**
 * Record confirmations: one transaction, in DIR/confirmations.log and synced before it commits, committed before anything may be shown.
 *
 * Each order by itself, in this order: key active (0xC004C003 revoked; 0xC004F050 unknown number, or a kind that is not activated); coverage begun (M-155 with the date);
 * the same (key, generation, binding, attempt), for counted keys (key, binding), for online (key, request): the same answer again, nothing counted (refused if the host was retired since,
 * or its certificate revoked); lower attempt than the highest of this binding: 0xC004F02C; pack generation not the key's newest and no slot of it revealed for this: M-157; limits:
 * 0xC004C008 with who holds the places (names and dates), 0xC004C020; lowest unrevealed slot of the generation (none left: M-158).
 *
 * A crash may have left one transaction in the log that the books lack: it is taken in first. More of them mean that the books were restored from a backup: M-156 until books_restore().
 * @param n 1 … BOOKS_ORDERS_MAX. @param[out] out one each. @return MUSTER_OK also when orders were refused; MUSTER_E_REFUSED (M-156), MUSTER_E_MISMATCH (the log is not these books', or older).
 */
int books_confirm(struct books *b, const struct books_order *orders, size_t n, struct books_confirmation *out, const struct books_act *act, struct muster_err *err);

/** What `restore` did, or what is to be done. */
struct books_restored { int64_t from, to; unsigned lines, confirmations, certificates, unknown /**< of keys or packs that the books do not know */; };
/** Bring the books up to confirmations.log: every line behind what they know. What is known already changes nothing. */
int books_restore(struct books *b, struct books_restored *out, const struct books_act *act, struct muster_err *err);
/** confirmations.log is lost for good: begin a new one. What was revealed since the books' last backup is unknown, so every slot not revealed is void: a new
 * licence pack is needed for each of @p keys. MUSTER_E_EXISTS: there is one (restore it, or move it away first). act->reason is required. */
int books_log_lost(struct books *b, unsigned *keys, const struct books_act *act, struct muster_err *err);
/** How far the log is ahead: from and to in bytes, and lines. */
int books_behind(struct books *b, struct books_restored *out, struct muster_err *err);

/** Whom a certificate was given to, by serial (lower-case hexadecimal): of `certificate` or of a revealed slot. MUSTER_E_NOT_FOUND; 0xC004C003 when it is revoked. */
struct books_grant { uint32_t number; uint8_t binding[10]; bool has_binding; int64_t confirmation; char serial[41]; };
int books_granted(struct books *b, const char *serial, struct books_grant *out, struct muster_err *err);
/** A certificate that follows @p before (renewal): counts nothing. The same request again: *serial is what it was given. In confirmations.log too.
 * What books_granted() said is looked at again in the same transaction: 0xC004C003 when certificate or key were revoked, or the host retired, meanwhile. */
int books_renew(struct books *b, const struct books_grant *before, const struct books_certificate *c, char serial[41], const struct books_act *act, struct muster_err *err);
/** The head of a host's audit trail as it told it. @param host what it is known by. @param[out] back it is behind, or another one than, what it told before. */
int books_audit_head(struct books *b, const char *host, int64_t seq, const char *hash, bool *back, const struct books_act *act, struct muster_err *err);

/** A wrong tag for a key's number: counted by day, unless @p most were counted already: then M-159, in the same transaction. @param[out] today how many. */
int books_wrong_tag(struct books *b, uint32_t number, unsigned most, const struct books_act *act, unsigned *today, struct muster_err *err);
int books_wrong_tags(struct books *b, uint32_t number, int64_t now, unsigned *today, struct muster_err *err);
/** Who holds a key's places, oldest first. */
struct books_holder { uint8_t binding[10]; char name[BOOKS_TEXT]; uint32_t activations; int64_t first, last; bool retired; };
int books_holders(struct books *b, uint32_t number, int (*fn)(void *ctx, const struct books_holder *), void *ctx, struct muster_err *err);

/** One confirmation as it stands in the books, oldest first. @p number NULL: of all keys. */
struct books_row {
	int64_t id, at;
	enum books_method method;
	uint32_t number; uint8_t generation, attempt, binding[10];
	bool counted, revealed; uint16_t slot;
	char name[BOOKS_TEXT], certificate[41];
	int64_t retired;                           /**< when the host's place was freed; 0 not */
};
int books_confirmations(struct books *b, const uint32_t *number, int (*fn)(void *ctx, const struct books_row *), void *ctx, struct muster_err *err);

/* ---- certificates and revocations ---- */
struct books_certificate {
	unsigned number;                           /**< 1, 2, …: assigned; an expected one (books_certificate_next()) is checked: MUSTER_E_MISMATCH */
	char serial[41], kid[44], subject[BOOKS_TEXT], request[65];
	char spki[65];                             /**< SHA-256 of its public key as SubjectPublicKeyInfo; "": not known */
	int64_t at, begin, end; unsigned intermediate;
	uint32_t key; uint8_t binding[10]; bool has_binding;
	int64_t confirmation;                      /**< row it was granted by; 0: `certify` */
	int64_t revoked; int reason;               /**< revoked 0: not */
	uint8_t products[BOOKS_PRODUCTS_MAX][16]; size_t product_count;
	char *chain;                               /**< PEM; owned by whoever filled it */
};
/** 0xC004C003 when a certificate with this public key was revoked as compromised, or without a reason: such a key is certified no more, by books_confirm() and books_renew() neither. */
int books_certificate_add(struct books *b, struct books_certificate *c, const struct books_act *act, struct muster_err *err);
int books_certificate_next(struct books *b, unsigned *number, struct muster_err *err);
int books_certificate(struct books *b, const char *number_kid_or_serial, struct books_certificate *out, struct muster_err *err);
int books_certificates(struct books *b, int (*fn)(void *ctx, const struct books_certificate *), void *ctx, struct muster_err *err);
/** By number, kid or serial; the certificate of a revealed slot by its serial. A softer reason may be followed by key compromise; else MUSTER_E_EXISTS. */
int books_certificate_revoke(struct books *b, const char *which, int crl_reason, const struct books_act *act, struct muster_err *err);
/** Everything revoked and not ended (serial, revoked, reason, end; of slots no more), and the number of the next list, which is taken by this call.
 * @param[in,out] number one that was used already, 0 none: the next is above it and above all before. */
int books_crl_next(struct books *b, uint64_t *number, int (*fn)(void *ctx, const struct books_certificate *), void *ctx, const struct books_act *act, struct muster_err *err);

/* ---- idempotent batches, audit ---- */
/** The stored answer of a batch by its id; @p request SHA-256 of what was asked: another one under the same id is MUSTER_E_MISMATCH. */
int books_batch(struct books *b, const uint8_t id[16], const uint8_t request[32], struct buf *answer, struct muster_err *err);
int books_batch_put(struct books *b, const uint8_t id[16], const uint8_t request[32], struct muster_span answer, const struct books_act *act, struct muster_err *err);
/** An act that changes nothing else in the books, as a look at a whole key. @p object may be "". */
int books_note(struct books *b, enum books_event kind, const char *object, const char *detail, const struct books_act *act, struct muster_err *err);
int books_audit(struct books *b, int64_t after, size_t limit, int (*fn)(void *ctx, const struct store_journal *), void *ctx, struct muster_err *err);

#endif
