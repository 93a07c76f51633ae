/**
 * libmuster: what an application needs to be activated by a Muster host and to check its lease, also offline.
 *
 * Handles are not shared between threads without the caller's lock. Strings are UTF-8. Since ABI 0.1.
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
	uint32_t hardware_source;      /**< 0 given by `hardware`, 3 machine-id, 1 DMI; UINT32_MAX: best available */
	const char *state;             /**< folder, made 0700 when missing */
	const char *issuer;            /**< issuer.pem: pinned roots; NULL: STATE/issuer.pem */
	const char *hardware;          /**< value for source 0 */
	const char *hosts;             /**< "host[:port] …" or http(s) URLs, tried in order; NULL: STATE's setting */
	const char *name;              /**< machine name reported; NULL: gethostname() */
	int64_t (*now_ms)(void *ctx);  /**< injected wall clock; NULL: system's */
	void *ctx;
	int32_t is_virtual;            /**< 1 yes, 0 no, -1 find out */
	uint32_t timeout_ms;           /**< of one host; 0: 10 000 */
};

/** Open or make the state folder. @param[out] out NULL on failure; free with muster_client_free(). */
MUSTER_API int muster_client_open(struct muster_client **out, const struct muster_client_options *options, struct muster_err *err);
MUSTER_API void muster_client_free(struct muster_client *client);

enum muster_outcome { MUSTER_ACTIVATED = 0, MUSTER_COUNTED = 1, MUSTER_REFUSED = 2, MUSTER_NO_HOST = 3 };

struct muster_answer {
	uint32_t size;
	int32_t outcome;               /**< enum muster_outcome */
	uint32_t code;                 /**< 0, 0xC004F038 …, or M-nnn as nnn */
	uint32_t count, minimum_count;
	int64_t expires_at;            /**< seconds since 1970; 0 none */
	int64_t next_at;               /**< when to ask again: interval ±10 %, clamped to 15 min – 30 d */
	char host[256];                /**< host that answered */
	char message[512];             /**< what happened and what to do */
};

/** Ask for a lease of @p activation_id (text). Obeys a valid lease: asks anyway (activate) or only when due (renew). The lease is verified before it is stored. */
MUSTER_API int muster_client_activate(struct muster_client *client, const char *activation_id, struct muster_answer *answer, struct muster_err *err);
MUSTER_API int muster_client_renew(struct muster_client *client, const char *activation_id, struct muster_answer *answer, struct muster_err *err);
/** Give the place back: sends the lease and its release secret, then removes both. */
MUSTER_API int muster_client_release(struct muster_client *client, const char *activation_id, struct muster_answer *answer, struct muster_err *err);

struct muster_status {
	uint32_t size;
	uint32_t license_status;       /**< 0–6, facts.md section 4 */
	char activation_id[37], client_id[37];
	int64_t granted_at, expires_at, renew_at;   /**< seconds; 0 none */
	uint32_t count, minimum_count;
	uint32_t record;               /**< 1: the lease is a record, not a licence */
	uint32_t rearms_left;
	char host[256];
	char reason[512];              /**< why the lease is not valid, "" when it is */
};
/** State of one product, verified offline: lease, chain, hardware, clock. MUSTER_E_NOT_FOUND without a lease or a request. */
MUSTER_API int muster_client_status(struct muster_client *client, const char *activation_id, struct muster_status *status, struct muster_err *err);
/** Products with any state; the callback returns non-zero to stop. */
MUSTER_API int muster_client_each(struct muster_client *client, int (*fn)(void *ctx, const char *activation_id), void *ctx);
/** New client ID; at most the product's rearm count. Leases are given up. */
MUSTER_API int muster_client_rearm(struct muster_client *client, struct muster_err *err);
MUSTER_API const char *muster_client_id(const struct muster_client *client);

/** What a verified lease says. */
struct muster_claims {
	uint32_t size;
	char issuer_id[37], client_id[37], activation_id[37], edition_id[37], jti[64];
	int64_t issued_at, expires_at;
	uint32_t count, minimum_count, renewal_s, record;
};
/**
 * Verify a lease offline with nothing but the pinned roots and the chain kept beside it.
 * @param issuer_pem pinned roots. @param chain_pem as of GET /v1/certificates. @param lease compact JWS.
 * @param client_id, activation_id text, or NULL when not compared. @param hardware_id 32 bytes or NULL. @param now seconds.
 */
MUSTER_API int muster_lease_verify(struct muster_claims *claims, struct muster_span issuer_pem, struct muster_span chain_pem, struct muster_span lease,
                        const char *client_id, const char *activation_id, const uint8_t *hardware_id, int64_t now, struct muster_err *err);

MUSTER_API const char *muster_version(void);

#ifdef __cplusplus
}
#endif
#endif
