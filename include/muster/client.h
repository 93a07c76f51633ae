/**
 * libmuster: what an application needs to be activated by a Muster host and to check its lease, also offline.
 *
 * Handles are not shared between threads without the caller's lock. Strings are UTF-8, times seconds since 1970-01-01 UTC
 * unless the name says otherwise. Structures that begin with `size` are for the caller to set it to their sizeof: members are
 * appended by later versions, never reordered. Every function returns MUSTER_OK or a negative enum muster_result with a
 * message in @p err (optional): MUSTER_E_DENIED unsafe or another user's state, MUSTER_E_BUSY state in use by another process,
 * MUSTER_E_INVALID bad argument or damaged file, MUSTER_E_NOT_FOUND, MUSTER_E_IO, MUSTER_E_NOMEM; others as said.
 * What a *host* says is no error but an outcome. Sources: docs/protocol.md section 8, trust.md sections 10 and 11. Since ABI 0.1.
 *
 * ABI log (version, date, what changed; programs built with an older header go on working, tests/abi holds them to it)
 *   0.1  2026-11-22  first version.
 *   0.2  2026-11-22  products with a key, perpetual activations, revocation lists; members at the ends of answer, status and options.
 *   0.3  2026-11-22  access licences of machines and users, seats and their queue, keys of other vendors, grace of a product;
 *                    members at the ends of options, answer, status and claims; MUSTER_QUEUED.
 */
#ifndef MUSTER_CLIENT_H
#define MUSTER_CLIENT_H

#include <muster/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MUSTER_API __attribute__((visibility("default")))
#else
#define MUSTER_API
#endif

/** A machine's identity, leases and settings in one state folder. */
struct muster_client;

struct muster_client_options {
	uint32_t size;                 /**< sizeof(struct muster_client_options) */
	uint32_t hardware_source;      /**< 0 given by `hardware`, 1 firmware (DMI), 2 on-board network address, 3 machine-id; UINT32_MAX: best available */
	const char *state;             /**< folder, made 0700 when missing */
	const char *issuer;            /**< issuer.pem: pinned roots; NULL: STATE/issuer.pem */
	const char *hardware;          /**< value for source 0 */
	const char *hosts;             /**< "host[:port] …" (port 1688) or http(s)://host[:port], at most 16, tried in order; NULL: STATE's setting */
	const char *name;              /**< machine name reported; NULL: gethostname() */
	int64_t (*now_ms)(void *ctx);  /**< injected wall clock; NULL: system's */
	void *ctx;
	int32_t is_virtual;            /**< 1 yes, 0 no, -1 find out */
	uint32_t timeout_ms;           /**< of one question to one host; 0: 10 000 */
	int (*stop)(void *ctx);        /**< asked about once a second while waiting; non-zero: give up with MUSTER_E_BUSY. NULL: never */
	/** Told of every question (id 12288) and every answer processed (12289), with the event's fields in their published order
	 * (facts.md section 4). @p fields is borrowed for the call. NULL: nobody listens. */
	void (*event)(void *ctx, uint32_t id, const char *fields);
	const char *ca;                /**< PEM roots for hosts at https://; NULL: STATE/ca.pem when there is one, else the system's. Since ABI 0.2 */
	int32_t no_queue;              /**< seats: 1: rather be refused than wait in the queue when all are taken. Since ABI 0.3 */
	int32_t reserved;
};

/** Open or make the state folder; the client ID is made here, once. Options are copied. @param[out] out NULL on failure; free with muster_client_free(). */
MUSTER_API int muster_client_open(struct muster_client **out, const struct muster_client_options *options, struct muster_err *err);
MUSTER_API void muster_client_free(struct muster_client *client);

enum muster_outcome {
	MUSTER_ACTIVATED = 0, MUSTER_COUNTED = 1, MUSTER_REFUSED = 2, MUSTER_NO_HOST = 3, MUSTER_RELEASED = 4,
	MUSTER_PENDING = 5,            /**< the host has collected the request and will ask the issuer. Since ABI 0.2 */
	MUSTER_QUEUED = 6              /**< seats: all are taken, and this machine has a place in the queue while it asks again in time. Since ABI 0.3 */
};

/** Whom an access licence is for. Since ABI 0.3. */
enum muster_access_per { MUSTER_ACCESS_ANY = 0 /**< not said, or no access licence */, MUSTER_ACCESS_DEVICE = 1, MUSTER_ACCESS_USER = 2 };
/** What kind of access licence is held, as the host says. Since ABI 0.3. */
enum muster_access_kind { MUSTER_ACCESS_NONE = 0, MUSTER_ACCESS_TEMPORARY = 1, MUSTER_ACCESS_PERMANENT = 2, MUSTER_ACCESS_OF_USER = 3 };

struct muster_answer {
	uint32_t size;
	int32_t outcome;               /**< enum muster_outcome */
	uint32_t code;                 /**< 0, 0xC004F038 …, or M-nnn as nnn */
	uint32_t count, minimum_count;
	int64_t expires_at;            /**< end of the lease held, also when this answer brought none; 0 none */
	int64_t next_at;               /**< when to ask again: interval ±10 %, clamped to 15 min – 30 d, for a seat to what its lease says, at least 20 s;
	                                    while hosts are busy or silent 1 min, doubling up to the interval */
	char host[256];                /**< host that answered */
	char message[512];             /**< what happened and what to do */
	/* Since ABI 0.2 */
	uint32_t perpetual;            /**< 1: activated for good on this machine; expires_at and next_at are 0, nobody needs to be asked again */
	uint32_t reserved;
	int64_t allowed, used, remaining;   /**< of the counted key just used; -1 unknown */
	/* Since ABI 0.3 */
	uint32_t position;             /**< MUSTER_QUEUED: place in the queue, from 1 */
	uint32_t seats;                /**< how many there are; 0 not said, no seats */
	uint32_t over;                 /**< 1: granted beyond what there is, and recorded as that */
	uint32_t access_per;           /**< enum muster_access_per of the licence held */
	uint32_t access_kind;          /**< enum muster_access_kind */
	uint32_t reserved3;
	char version[64];              /**< of the access licence held; "" none */
	int64_t grace_seconds;         /**< the product's grace, see muster_client_set_grace(); 0 not known */
};

/**
 * Ask for a lease of @p activation_id (text): always (activate), or only when due (renew; else the answer is what is known).
 * The lease is verified before it is stored; a valid one is never given up for a refusal. If this machine's hardware is not the
 * one in the state folder (a copied folder), a new client ID is taken first.
 */
MUSTER_API int muster_client_activate(struct muster_client *client, const char *activation_id, struct muster_answer *answer, struct muster_err *err);
MUSTER_API int muster_client_renew(struct muster_client *client, const char *activation_id, struct muster_answer *answer, struct muster_err *err);
/** Give the place back: sends the lease and its release secret, then removes both. Without a lease the product is only
 * no longer asked for, and what was kept of its key goes. A perpetual activation has no place to give back: MUSTER_REFUSED, M-147.
 * MUSTER_E_NOT_FOUND: it is not known here. */
MUSTER_API int muster_client_release(struct muster_client *client, const char *activation_id, struct muster_answer *answer, struct muster_err *err);

struct muster_status {
	uint32_t size;
	uint32_t license_status;       /**< 0–6, facts.md section 4 */
	char activation_id[37], client_id[37];
	int64_t granted_at, expires_at, renew_at;   /**< seconds; 0 none */
	uint32_t count, minimum_count;
	uint32_t record;               /**< 1: the lease is a record, not a licence */
	uint32_t rearms_left;          /**< UINT32_MAX: no product has named a limit */
	char host[256];
	char reason[512];              /**< why there is no valid lease, "" when there is one */
	int64_t state_ends_at;         /**< when license_status ends by itself: the lease, or 30 days of grace; 0 never */
	uint32_t valid, reserved;      /**< valid 1: a lease is held and verifies here and now */
	char product[64];              /**< the product's name on its host; "" unknown */
	/* Since ABI 0.2 */
	uint32_t perpetual;            /**< 1: a confirmation of the issuer is held: this machine is activated for good, or within its coverage */
	uint32_t telephone;            /**< 1: the lease held goes back to digits read out over a telephone */
	int64_t coverage_start, coverage_end;   /**< of the confirmation held; 0 not limited */
	char key_partial[8];           /**< last five symbols of the key kept or confirmed; "" none */
	uint32_t key_number;           /**< its number */
	uint32_t has_key;              /**< 1: what proves a key is kept, and is sent with the next question */
	uint64_t crl_number;           /**< of the issuer's revocation list that is kept; 0: none is known, which is no fault */
	int64_t crl_made_at;           /**< seconds */
	uint32_t crl_stale, reserved2; /**< crl_stale 1: the list was to be replaced by now; it goes on counting */
	/* Since ABI 0.3; as the last answer said it, but for user */
	uint32_t position, seats, over;
	uint32_t access_per, access_kind;   /**< of the licence held */
	uint32_t reserved3;
	char version[64], wanted_version[64];   /**< of the licence held; the one that is asked for, "" the newest its host knows */
	char user[256];                /**< whose licence this is; "" the machine's own */
	int64_t grace_seconds;         /**< initial grace: as the product's host said, or muster_client_set_grace(), or 30 days */
};
/** State of one product, verified offline: confirmation or lease, chain, hardware, clock. MUSTER_E_NOT_FOUND without a lease or a request. */
MUSTER_API int muster_client_status(struct muster_client *client, const char *activation_id, struct muster_status *status, struct muster_err *err);
/** Products with any state, sorted; the callback returns non-zero to stop, which is returned. */
MUSTER_API int muster_client_each(struct muster_client *client, int (*fn)(void *ctx, const char *activation_id), void *ctx);
/** New client ID. Leases are given up (release them first); perpetual activations, which are bound to the hardware, stay. MUSTER_E_REFUSED after as many times as the strictest product seen allows. */
MUSTER_API int muster_client_rearm(struct muster_client *client, struct muster_err *err);
/** The client ID, text; borrowed, changes with rearm and when hardware changed. */
MUSTER_API const char *muster_client_id(const struct muster_client *client);
/** Keep a list of hosts in the state folder (used when the options named none); NULL removes it. */
MUSTER_API int muster_client_set_hosts(struct muster_client *client, const char *hosts, struct muster_err *err);
/**
 * The activation ID of a product by its name: one with state here, else as the first host that answers lists it. An activation
 * ID is returned as it is, lower case. MUSTER_E_NOT_FOUND: no such product; MUSTER_E_NETWORK: no host answered; MUSTER_E_REFUSED: listed, never served.
 */
MUSTER_API int muster_client_find(struct muster_client *client, const char *product, char activation_id[37], struct muster_err *err);

/* ---- products with a key; since ABI 0.2 ---- */

/**
 * Take the product key for @p activation_id: what proves it is derived and kept (STATE/keys, 0600) until a confirmation is held; the key itself is
 * neither kept nor ever sent. It takes the place of one kept before. The next muster_client_activate() uses it.
 *
 * Since ABI 0.3 also a key of another vendor, as installation media of products with embedded keys hold it: five groups of five letters and digits. What
 * has one of the symbols A E I L O S U Z 0 1 5 is taken for a Muster key with a mistake in it, unless a host has said that the product's model is `embedded`
 * (muster_client_find() by name asks).
 *
 * @param key         as people type it, @p key_n bytes; the caller wipes it. NULL: remove what is kept.
 * @param issuer_url  https://host[:port] of the issuer's service: the machine asks there by itself, of its own Installation ID (counted keys);
 *                    believed by the pinned roots, never by the system's. NULL: the hosts are asked.
 * @return MUSTER_OK; MUSTER_E_INVALID: not a product key (err->code 0xC004F050), one of a host or of an access licence pack, not an https address.
 */
MUSTER_API int muster_client_set_key(struct muster_client *client, const char *activation_id, const char *key, size_t key_n, const char *issuer_url,
                                     struct muster_err *err);
enum muster_fact_kind { MUSTER_FACT_NONE = 0 /**< remove it */, MUSTER_FACT_TEXT = 1, MUSTER_FACT_INTEGER = 2, MUSTER_FACT_BOOLEAN = 3 };
/**
 * A fact about this machine that products with a key may ask for, kept in the state folder and sent with every proof of a key. os.name, os.version,
 * os.kernel and os.arch are found by themselves; one set here takes their place.
 *
 * @param name   1–64 bytes, UTF-8, without =. @param text of MUSTER_FACT_TEXT, UTF-8, at most 256 bytes. @param number of the others; a boolean is 0 or 1.
 * @return MUSTER_OK; MUSTER_E_INVALID; MUSTER_E_LIMIT: more than 64, or more than 4 KiB in all.
 */
MUSTER_API int muster_client_set_fact(struct muster_client *client, const char *name, uint32_t kind, const char *text, int64_t number, struct muster_err *err);
/**
 * This machine's Installation ID under the counted key taken for @p activation_id: 54 digits in nine groups. It proves the key to the issuer and holds
 * neither the key nor anything personal. MUSTER_E_NOT_FOUND: no key has been taken.
 */
MUSTER_API int muster_client_installation_id(struct muster_client *client, const char *activation_id, char digits[64], struct muster_err *err);
/**
 * Take the issuer's confirmation from a file: the token alone, or the issuer's answer to a list of Installation IDs in which this machine's is.
 * It is verified before it is kept. MUSTER_E_INVALID, MUSTER_E_SIGNATURE, MUSTER_E_MISMATCH: not believed, and why; MUSTER_E_REFUSED: the issuer refused.
 */
MUSTER_API int muster_client_import(struct muster_client *client, const char *activation_id, struct muster_span text, struct muster_answer *answer, struct muster_err *err);

/* ---- access licences, seats, grace; since ABI 0.3 ---- */

/**
 * From now on this handle's calls are about the access licences of @p user; NULL: about what the machine itself holds, as after opening. A user's
 * licences are kept beside the machine's, each user's for itself, so one state folder serves all users of a session host, under one client ID. Only this
 * handle changes; nothing is kept until something is asked. A user is asked for by name, renewed when he signs in, and known to the host by that name.
 *
 * @param user  1–255 bytes of UTF-8 without control characters, compared byte for byte: fold case before where your directory does.
 * @return MUSTER_OK; MUSTER_E_INVALID.
 */
MUSTER_API int muster_client_set_user(struct muster_client *client, const char *user, struct muster_err *err);
/**
 * What access licence of @p activation_id is to be asked for, kept in the state folder; the next muster_client_activate() sends it. Makes the product
 * known here as one of the access model: while no host has said otherwise its initial grace is 120 days, from the first of these calls or questions on.
 *
 * @param per      MUSTER_ACCESS_DEVICE, MUSTER_ACCESS_USER (muster_client_set_user() has named him), or MUSTER_ACCESS_ANY: by whether a user is named.
 * @param version  at least this one, as the product names its versions ("2019"), at most 63 bytes; NULL: the newest that the licence server knows.
 * @return MUSTER_OK; MUSTER_E_INVALID.
 */
MUSTER_API int muster_client_set_access(struct muster_client *client, const char *activation_id, uint32_t per, const char *version, struct muster_err *err);
/** Products of which users hold something or asked for it, by product and name; the callback returns non-zero to stop, which is returned. */
MUSTER_API int muster_client_each_user(struct muster_client *client, int (*fn)(void *ctx, const char *activation_id, const char *user), void *ctx);
/**
 * The initial grace of a product, from the first question or this call on: license_status 2 until it is over and no lease was ever held, then 5.
 * Kept; what a host says in an answer or in its product list takes its place. @param seconds 0 … 10 years; 0: none, -1: no longer said by you.
 */
MUSTER_API int muster_client_set_grace(struct muster_client *client, const char *activation_id, int64_t seconds, struct muster_err *err);
/** The text of muster_claims.user_hash for a user's name, to compare. MUSTER_E_INVALID as muster_client_set_user(). Thread-safe. */
MUSTER_API int muster_user_hash(char hash[44], const char *user, struct muster_err *err);

/** What a verified lease says. */
struct muster_claims {
	uint32_t size;
	char issuer_id[37], client_id[37], activation_id[37], edition_id[37], jti[64];
	int64_t issued_at, expires_at;
	uint32_t count, minimum_count, renewal_s, record;
	char user_hash[44];            /**< claim usr, base64url: a user's lease, see muster_user_hash(); "" the machine's. Since ABI 0.3 */
};
/**
 * Verify a lease offline with nothing but the pinned roots and the chain kept beside it.
 *
 * @param[out] claims    zeroed but for `size` on failure. Caller sets size.
 * @param issuer_pem     pinned roots, PEM.
 * @param chain_pem      as of GET /v1/certificates?kid=, PEM, at most 16 KiB.
 * @param lease          untrusted compact JWS, at most 4096 bytes.
 * @param client_id      text, or NULL when not compared.
 * @param activation_id  text of the product's or the edition's, or NULL when not compared.
 * @param hardware_id    32 bytes, compared at equal source, or NULL.
 * @param now            seconds.
 * @return MUSTER_OK; MUSTER_E_INVALID, MUSTER_E_SIGNATURE, MUSTER_E_EXPIRED, MUSTER_E_NOT_YET, MUSTER_E_MISMATCH. Thread-safe.
 */
MUSTER_API int muster_lease_verify(struct muster_claims *claims, struct muster_span issuer_pem, struct muster_span chain_pem, struct muster_span lease,
                        const char *client_id, const char *activation_id, const uint8_t *hardware_id, int64_t now, struct muster_err *err);

/**
 * Does the issuer's revocation list end this lease? For a lease that muster_lease_verify() took; the list of the highest number seen is the one to use.
 * Since ABI 0.2.
 *
 * @param crl_pem  as GET /v1/crl gives it, at most 1 MiB: untrusted, verified here. The others as of muster_lease_verify().
 * @return MUSTER_OK; MUSTER_E_REFUSED: the signer is listed, in a way that ends the lease; MUSTER_E_INVALID, MUSTER_E_SIGNATURE, MUSTER_E_NOT_YET,
 * MUSTER_E_LIMIT: the list is not to be used, which says nothing about the lease. Thread-safe.
 */
MUSTER_API int muster_lease_revoked(struct muster_span issuer_pem, struct muster_span chain_pem, struct muster_span lease, struct muster_span crl_pem, int64_t now,
                                    struct muster_err *err);

/** What a verified confirmation says. Since ABI 0.2. */
struct muster_confirmation {
	uint32_t size;
	uint32_t key_number;
	char issuer_id[37], jti[37], activation_id[37];   /**< activation_id: the one compared, else the first it names */
	char key_kind[2], key_partial[6];
	uint32_t product_count;
	int64_t issued_at, coverage_start, coverage_end;  /**< coverage 0: none */
};
/**
 * Verify an issuer's confirmation offline, as muster_lease_verify() does a lease; its certificates are in it. Since ABI 0.2.
 *
 * @param[out] confirmation  zeroed but for `size` on failure. Caller sets size.
 * @param token              untrusted compact JWS, at most 16384 bytes.
 * @param crl_pem            the newest revocation list seen; n 0: none.
 * @return MUSTER_OK; MUSTER_E_INVALID, MUSTER_E_SIGNATURE, MUSTER_E_MISMATCH, MUSTER_E_REFUSED (its signer is revoked), MUSTER_E_NOT_YET and
 * MUSTER_E_EXPIRED (outside its coverage). Thread-safe.
 */
MUSTER_API int muster_confirmation_verify(struct muster_confirmation *confirmation, struct muster_span issuer_pem, struct muster_span token, struct muster_span crl_pem,
                                          const char *activation_id, const uint8_t *hardware_id, int64_t now, struct muster_err *err);

MUSTER_API const char *muster_version(void);

#ifdef __cplusplus
}
#endif
#endif
