/**
 * libmuster: what an application needs to be activated by a Muster host and to check its lease, also offline.
 *
 * Handles are not shared between threads without the caller's lock. Strings are UTF-8, times seconds since 1970-01-01 UTC
 * unless the name says otherwise. Structures that begin with `size` are for the caller to set it to their sizeof: members are
 * appended by later versions, never reordered. Every function returns MUSTER_OK or a negative enum muster_result with a
 * message in @p err (optional): MUSTER_E_DENIED unsafe or another user's state, MUSTER_E_BUSY state in use by another process,
 * MUSTER_E_INVALID bad argument or damaged file, MUSTER_E_NOT_FOUND, MUSTER_E_IO, MUSTER_E_NOMEM; others as said.
 * What a *host* says is no error but an outcome. Sources: docs/protocol.md section 8, trust.md sections 10 and 11. Since ABI 0.1.
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
};

/** Open or make the state folder; the client ID is made here, once. Options are copied. @param[out] out NULL on failure; free with muster_client_free(). */
MUSTER_API int muster_client_open(struct muster_client **out, const struct muster_client_options *options, struct muster_err *err);
MUSTER_API void muster_client_free(struct muster_client *client);

enum muster_outcome { MUSTER_ACTIVATED = 0, MUSTER_COUNTED = 1, MUSTER_REFUSED = 2, MUSTER_NO_HOST = 3, MUSTER_RELEASED = 4 };

struct muster_answer {
	uint32_t size;
	int32_t outcome;               /**< enum muster_outcome */
	uint32_t code;                 /**< 0, 0xC004F038 …, or M-nnn as nnn */
	uint32_t count, minimum_count;
	int64_t expires_at;            /**< end of the lease held, also when this answer brought none; 0 none */
	int64_t next_at;               /**< when to ask again: interval ±10 %, clamped to 15 min – 30 d; while hosts are busy or silent 1 min, doubling up to the interval */
	char host[256];                /**< host that answered */
	char message[512];             /**< what happened and what to do */
};

/**
 * Ask for a lease of @p activation_id (text): always (activate), or only when due (renew; else the answer is what is known).
 * The lease is verified before it is stored; a valid one is never given up for a refusal. If this machine's hardware is not the
 * one in the state folder (a copied folder), a new client ID is taken first.
 */
MUSTER_API int muster_client_activate(struct muster_client *client, const char *activation_id, struct muster_answer *answer, struct muster_err *err);
MUSTER_API int muster_client_renew(struct muster_client *client, const char *activation_id, struct muster_answer *answer, struct muster_err *err);
/** Give the place back: sends the lease and its release secret, then removes both. Without a lease the product is only
 * no longer asked for. MUSTER_E_NOT_FOUND: it is not known here. */
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
};
/** State of one product, verified offline: lease, chain, hardware, clock. MUSTER_E_NOT_FOUND without a lease or a request. */
MUSTER_API int muster_client_status(struct muster_client *client, const char *activation_id, struct muster_status *status, struct muster_err *err);
/** Products with any state, sorted; the callback returns non-zero to stop, which is returned. */
MUSTER_API int muster_client_each(struct muster_client *client, int (*fn)(void *ctx, const char *activation_id), void *ctx);
/** New client ID. Leases are given up (release them first). MUSTER_E_REFUSED after as many times as the strictest product seen allows. */
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

/** What a verified lease says. */
struct muster_claims {
	uint32_t size;
	char issuer_id[37], client_id[37], activation_id[37], edition_id[37], jti[64];
	int64_t issued_at, expires_at;
	uint32_t count, minimum_count, renewal_s, record;
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

MUSTER_API const char *muster_version(void);

#ifdef __cplusplus
}
#endif
#endif
