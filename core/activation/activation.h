/**
 * What entitles this host: licence packs, product keys, the host's own activation by digits, by file or online, counted keys and their
 * confirmations, and how all of it lies at rest.
 *
 * Truth is in records of the ledger's state (kinds below), each change in one transaction with its journal row; packs, keys and pending IDs are also
 * in memory (few). Confirmations of machines are not: one is read by its key. Secrets are sealed by the host's key file (trust/seal.h); the host's
 * private key is an encrypted PKCS#8 file whose passphrase is a subkey of it. Thread-safe; calls that write or connect may wait, so they belong on
 * an administrator's thread or on the activation's own thread, never on a worker that serves clients.
 * Rules: trust.md sections 4–11, facts.md sections 1, 2, 4, 5. Times: seconds since 1970 UTC unless named _ms.
 */
#ifndef ACTIVATION_ACTIVATION_H
#define ACTIVATION_ACTIVATION_H

#include <jansson.h>
#include "core/catalog/catalog.h"
#include "core/ledger/ledger.h"
#include "core/trust/pack.h"
#include "core/trust/ring.h"
#include "core/trust/seal.h"

/* Kinds of records. */
#define ACTIVATION_R_PACK "pack"                  /* id: pack_id; data: the token */
#define ACTIVATION_R_KEY "key"                    /* id: number (4, big-endian); data: JSON without the secret, and the sealed key */
#define ACTIVATION_R_PENDING "installation-id"    /* id: number ‖ generation ‖ attempt; data: JSON (made, answered) */
#define ACTIVATION_R_CONFIRMATION "confirmation"  /* id: number ‖ binding(10); data: JSON (state, statement, assurance) */
#define ACTIVATION_R_BATCH "batch"                /* id: UUID; data: JSON of what was asked, and the answer */
#define ACTIVATION_R_CRL "crl"                    /* id: issuer_id; data: PEM */
#define ACTIVATION_R_ROOTS "roots"                /* id: SHA-256 of the data; data: the announcement's token */

/** Journal kinds 120–149. */
enum activation_journal_kind {
	ACTIVATION_J_PACK = 120, ACTIVATION_J_PACK_REMOVE, ACTIVATION_J_KEY, ACTIVATION_J_KEY_REMOVE, ACTIVATION_J_KEY_SHOWN, ACTIVATION_J_INSTALLATION_ID,
	ACTIVATION_J_CONFIRMATION_ID, ACTIVATION_J_ONLINE, ACTIVATION_J_RENEWED, ACTIVATION_J_REKEY, ACTIVATION_J_HEARTBEAT, ACTIVATION_J_COUNTED_ASKED,
	ACTIVATION_J_COUNTED_ANSWERED, ACTIVATION_J_COUNTED_TELEPHONE, ACTIVATION_J_CRL, ACTIVATION_J_EXPORT, ACTIVATION_J_IMPORT, ACTIVATION_J_ROOTS
};

struct activation;
struct activation_options {
	const char *dir;                              /**< state folder */
	const char *key_file;                         /**< 32-byte key file; NULL: $CREDENTIALS_DIRECTORY/muster-host-key, else dir/secret/host-key, made when missing */
	const struct clock *clock;
	struct ledger *ledger;                        /**< borrowed; started */
	struct trust_ring *ring;                      /**< borrowed */
	/** Value of the host's hardware identity and its source; NULL: as libmuster finds it (DMI, address, machine-id). Tests inject it. */
	int (*hardware)(void *ctx, uint8_t *source, struct buf *value);
	void (*event)(void *ctx, int level, const char *event, const char *text);
	void *ctx;
};
/** Reads the key file, packs, keys; recomputes the host's binding: another one than activated → 0xC004F00F until activated anew (trust.md section 11). */
int activation_open(struct activation **out, const struct activation_options *o, struct muster_err *err);
/** Give a ring the passphrase of its key file without a host, as muster-bench does: @p key_file must be there. */
int activation_ring_passphrase(struct trust_ring *ring, const char *key_file, struct muster_err *err);
/** Configuration and catalog of a start or reload: issuers (roots, url), products, [activation] settings. Catalog referenced. */
int activation_bind(struct activation *a, const struct config *config, struct catalog *catalog, struct muster_err *err);
/** Start its own thread: renewal, audit heartbeat and anchor, CRL, proxy batches, counted requests. */
int activation_start(struct activation *a, struct muster_err *err);
void activation_stop(struct activation *a);
void activation_free(struct activation *a);
/** The host's hardware differs from what was activated for this product: grants are refused with 0xC004F00F. Any thread, no lock. */
bool activation_moved(const struct activation *a, const uint8_t product[16]);

/* ---- acts of administrators: JSON as docs/admin-api.md has it; @p actor "uid name" ---- */
int activation_pack_install(struct activation *a, const char *actor, struct muster_span token, json_t **out, struct muster_err *err);
int activation_packs(struct activation *a, json_t **out, struct muster_err *err);
int activation_key_install(struct activation *a, const char *actor, const char *key, size_t n, bool replace, json_t **out, struct muster_err *err);
int activation_key_remove(struct activation *a, const char *actor, const uint8_t activation_id[16], const char *number, json_t **out, struct muster_err *err);
int activation_keys(struct activation *a, json_t **out, struct muster_err *err);
int activation_key_whole(struct activation *a, const char *actor, uint32_t number, json_t **out, struct muster_err *err);
/** Access model: the key that follows from a programme of the product and the number it asks for, or the licence code of a retail pack; installed as activation_key_install() does.
 * Refused with 0xC004F050 and the programme's hint: wrong shape, the agreement's own number, another programme's number, one that no installed pack knows; M-121: no such programme. */
int activation_agreement(struct activation *a, const char *actor, const struct catalog_product *product, const char *programme, const char *number, bool replace, json_t **out,
                         struct muster_err *err);
/** @p product NULL: the one key that can be meant; else MUSTER_E_INVALID lists them. */
int activation_installation_id(struct activation *a, const char *actor, const struct catalog_product *product, bool fresh, json_t **out, struct muster_err *err);
int activation_confirmation_id(struct activation *a, const char *actor, const struct catalog_product *product, const char *digits, json_t **out, struct muster_err *err);
/** Install a certificate chain for the host's own key, as ring_install(); where a pack of its issuer is installed it names only what that licenses.
 * @param[out] activated a host key waited for it and is marked activated now (method "file"); its journal row was written. */
int activation_chain_install(struct activation *a, const char *actor, struct muster_span pem, char *kid, int64_t *end, bool *activated, struct muster_err *err);
int activation_online(struct activation *a, const char *actor, const struct catalog_product *product, json_t **out, struct muster_err *err);
int activation_rekey(struct activation *a, const char *actor, json_t **out, struct muster_err *err);
/** Chain, anchored head, age, and @p expect ("SEQ:HASH", NULL none). MUSTER_E_SIGNATURE: cut, changed or written anew; MUSTER_E_EXPIRED: whole, but nothing
 * was written for more than a day; CODE_M_AUDIT both. */
int activation_audit_verify(struct activation *a, const char *expect, json_t **out, struct muster_err *err);
int activation_audit_head(struct activation *a, json_t **out, struct muster_err *err);
/** What is known without reading the chain: @p fault why it does not hold, "" it does as far as its end was followed; @p beat_ms the last heartbeat. */
void activation_audit_state(struct activation *a, char *fault, size_t n, int64_t *beat_ms);
/** ledger_backup(), with the anchored head as it was just before. */
int activation_backup(struct activation *a, const char *actor, const char *dir, struct muster_err *err);
/** The highest number is kept: MUSTER_E_EXISTS for a lower one. */
int activation_crl_install(struct activation *a, const char *actor, struct muster_span pem, json_t **out, struct muster_err *err);
int activation_crls(struct activation *a, json_t **out, struct muster_err *err);
/** An issuer's announcement of roots: new ones count beside the pinned ones, as ring_add_roots(). {"issuer","added"}; added 0: all were known. */
int activation_roots_install(struct activation *a, const char *actor, struct muster_span token, json_t **out, struct muster_err *err);
/* counted keys */
int activation_counted(struct activation *a, const char *after, size_t limit, json_t **out, struct muster_err *err);
int activation_counted_ask(struct activation *a, const char *actor, json_t **out, struct muster_err *err);
int activation_counted_export(struct activation *a, const char *actor, json_t **out, struct muster_err *err);
int activation_counted_import(struct activation *a, const char *actor, struct muster_span answer, json_t **out, struct muster_err *err);
int activation_counted_telephone(struct activation *a, const char *actor, const char *installation_id, const char *confirmation_id, json_t **out, struct muster_err *err);

/** What a listing shows beside the live numbers (dlv, dli, xpr): pending Installation ID, partial key, extended PID, dates, urls. Filled with "" and 0 where there is nothing. */
struct activation_labels {
	char installation_id[INSTALLATION_TEXT], partial[6], extended_pid[64], use_license_url[256], validation_url[256];
	int64_t activated_at; char method[16];
	int64_t allowed, used, remaining;             /**< counted keys; remaining −1: unknown */
};
void activation_labels(struct activation *a, const struct catalog_product *p, struct activation_labels *out);

/* ---- what core/holdings counts against (trust.md section 8; docs/protocol.md section 10, "Access licences in a pack") ---- */
/** Licences that packs of valid issuers name for a product: access per device or user and version (only packs bound to this host), or seats. Those that have not
 * ended, also such as begin later; seats also of packs that ended or are bound to another host, then with 0 licences: they say that the product's number comes in packs. @p fn must not call the activation; `version` is valid during the call. */
struct activation_capacity { uint32_t per; /**< MUSTER_PER_*; 0: seats */ const char *version; /**< "" seats */ uint32_t licenses; uint32_t number; int64_t starts_at, ends_at; /**< s; 0 no end */ };
int activation_capacity(struct activation *a, const struct catalog_product *p, void (*fn)(void *ctx, const struct activation_capacity *), void *ctx, struct muster_err *err);
/** Rises whenever packs change. Any thread, no lock. */
uint64_t activation_packs_change(const struct activation *a);
/** The proof key of an embedded key that a pack names for a product; MUSTER_E_NOT_FOUND. */
int activation_embedded_key(struct activation *a, const uint8_t product[16], uint32_t number, uint8_t proof_key[32], struct muster_err *err);
/** The ID of a product's issuer, as its pinned root says; MUSTER_E_NOT_FOUND: the product has none, or its root is not installed. */
int activation_issuer_id(struct activation *a, const struct catalog_product *p, uint8_t out[16], struct muster_err *err);
/** Seal and open a record for core/holdings, as this folder's own; what is appended to @p plain is a secret. May wait for an administrator's act. */
int activation_seal(struct activation *a, const char *kind, struct muster_span id, struct muster_span plain, struct buf *out, struct muster_err *err);
int activation_unseal(struct activation *a, const char *kind, struct muster_span id, struct muster_span sealed, struct buf *plain, struct muster_err *err);

/** From here to activation_let() no other key file takes this one's place: what is sealed and committed in between lies under the present one. Then only the two
 * below and calls of the ledger, no other of the activation's. */
void activation_hold(struct activation *a);
void activation_let(struct activation *a);
int activation_seal_held(struct activation *a, const char *kind, struct muster_span id, struct muster_span plain, struct buf *out, struct muster_err *err);
int activation_unseal_held(struct activation *a, const char *kind, struct muster_span id, struct muster_span sealed, struct buf *plain, struct muster_err *err);
/* ---- moving to another host (moved.c; trust.md section 11) ---- */
/** Sign a state file's manifest: @p out {"manifest": muster-state+jwt, "chains":[[signer, intermediate],…]}, base64url of DER, the signer's chain first, then those under which leases may
 * live. `iss` and `aud` are set in @p claims. MUSTER_E_NOT_FOUND: this host is not activated. */
int activation_state_sign(struct activation *a, json_t *claims, json_t **out, struct muster_err *err);
/** The claims of such an object, signed by a host of one of the pinned issuers as of `iat` and not revoked so that it is void. @p issuer its name. MUSTER_E_INVALID with M-162. */
int activation_state_verify(struct activation *a, const json_t *end, json_t **claims, char *issuer, size_t n, struct muster_err *err);
/** Recognise leases that were signed under its chains from now on. */
int activation_state_adopt(struct activation *a, const json_t *end, struct muster_err *err);
/** Every installed product key; @p key is wiped after the call. @p fn returns non-zero when memory is exhausted. */
int activation_state_keys(struct activation *a, int (*fn)(void *ctx, const char *partial, const char *key), void *ctx, struct muster_err *err);

/* ---- a machine with a counted key (client API) ---- */
struct counted_request {
	struct counted_request *next;                 /**< the activation's */
	struct catalog *catalog; const struct catalog_product *product;   /**< reference held by the caller */
	uint8_t activation_id[16], client[16], hw[32]; bool has_hw;
	char key_kind; uint32_t key_number; uint8_t proof[32]; bool has_key;
	uint8_t nonce[64]; uint8_t nonce_len;
	const char *facts;                            /**< machine.facts as JSON text; "" none. Borrowed */
	/* answer */
	uint32_t code;                                /**< CODE_OK: `statement` or, after a telephone, a lease to be signed; CODE_M_PENDING: collected; else refused */
	char *statement; size_t statement_n;          /**< owned by the caller after done(), mem_free() */
	bool telephone;                               /**< confirmed by digits: no statement exists, the host answers with a lease */
	int64_t allowed, used;                        /**< of the key, as the issuer said last; −1 unknown */
	uint32_t retry_after; char detail[256];
	void (*done)(struct counted_request *);       /**< on the activation's thread; must not block */
	void *user;
};
/** Queue it. MUSTER_OK or MUSTER_E_BUSY (done() is not called). */
int activation_counted_submit(struct activation *a, struct counted_request *r);

#endif
