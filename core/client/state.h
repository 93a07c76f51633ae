/**
 * The state folder of a client: who it is, what it asked, what it holds. Files, each replaced atomically:
 *
 *   identity.json          client ID, the hardware it belongs to, rearms
 *   clock                  high-water mark of time, seconds (trust.md section 11)
 *   hosts                  hosts set with `muster skms`
 *   facts.json             what the machine reports about itself with a key, as it was told
 *   products/ID.json       last question and answer for an activation ID, release secret
 *   products/ID.USER.json  the same for a user's access licence; leases/ID.USER.jws his lease. USER is the beginning of claim usr
 *   keys/ID.json           what proves a counted product's key; never the key itself. Gone once a confirmation is held
 *   leases/ID.jws          the lease held, nothing else in the file
 *   confirmations/ID.jws   the perpetual activation held, likewise
 *   chains/KID.pem         chain under which a lease held was signed
 *   crl.pem                the issuer's revocation list, of the highest number seen
 *   lock                   held while something is changed
 *
 * A crash between any two writes leaves a state that means something: a lease names its chain, and everything in
 * products/ that a lease also says is taken from the lease.
 */
#ifndef CLIENT_STATE_H
#define CLIENT_STATE_H

#include <stdbool.h>
#include "core/base/buf.h"
#include "core/base/uuid.h"

struct state {
	char *dir;
	int lock_fd;       /**< -1: not locked */
};

struct state_identity {
	uint8_t client_id[16];
	uint8_t hardware[32];     /**< digest under the client ID; first byte the source */
	uint32_t has_hardware;
	uint32_t rearms;          /**< new identities taken with rearm */
	uint32_t rearm_max;       /**< smallest limit a product has named so far; 0 none */
	int64_t advised_at;       /**< s; last new identity on a host's advice; 0 never */
};

/** Last question and answer for one activation ID. */
struct state_record {
	char name[64];            /**< the product's name on the host; "" unknown */
	uint8_t product_id[16];   /**< the product's own activation ID as the host says; nil unknown */
	uint8_t release[32];      /**< r of trust.md section 10 */
	uint32_t has_release;
	uint8_t nonce[32];        /**< of the question without a definite answer */
	uint32_t has_nonce;
	int64_t nonce_at;         /**< s */
	int64_t first_at;         /**< s; first question under this client ID */
	int64_t next_at;          /**< s; when to ask again */
	int64_t ended_at;         /**< s; end of the last lease held; 0 never any */
	uint32_t answered;        /**< 1: there was an answer */
	uint32_t code;            /**< of the last answer; 0 activated */
	uint32_t count, minimum_count;
	uint32_t retry_s;         /**< activation interval as last told; 0 not told */
	uint32_t failures;        /**< questions in a row without a definite answer */
	uint32_t telephone;       /**< 1: the lease held goes back to digits read out over a telephone */
	char host[256];           /**< that answered last */
	char message[512];
	/* access licences, as asked for … */
	uint32_t access;          /**< 1: as one */
	uint32_t per;             /**< enum muster_access_per; 0 not said */
	char user[256];           /**< a user's record: his name */
	char version[64];         /**< "" the newest the licence server knows */
	/* … and as held */
	uint32_t held_per, held_kind;
	char held_version[64];
	uint32_t seats;           /**< how many there are; 0: no seats */
	uint32_t position;        /**< in the queue; 0 not in it */
	uint32_t heartbeat_s;     /**< renew of the lease last held, where it is under 15 min; else 0 */
	uint32_t over;            /**< 1: granted beyond what there is */
	uint32_t grace_by;        /**< who has said grace_s: 0 nobody, 1 muster_client_set_grace(), 2 a host */
	int64_t grace_s;
	char model[16];           /**< as a host lists it; "" not known */
};

#define STATE_SLOT 54         /**< ID or ID.USER, terminator included */
#define STATE_USER 16         /**< characters of USER: 12 bytes in base64url */

/** What is kept of a counted product's key. Secret: wiped by whoever loads it. */
struct state_key {
	char kind[2];             /**< its kind, one character */
	uint32_t number;
	char partial[6];          /**< symbols 20–24 */
	uint8_t issuer_id[16];    /**< for which the rest was derived */
	uint8_t proof_key[32];
	char installation_id[64]; /**< of this machine under the key, digits in groups; made with … */
	uint8_t binding[10];      /**< … this binding */
	char issuer_url[256];     /**< where it is asked for; "" at the hosts */
};

/** Open or make the folder. @return MUSTER_OK; MUSTER_E_DENIED: unsafe or another's; MUSTER_E_IO; MUSTER_E_NOMEM. */
int state_open(struct state *s, const char *dir, struct muster_err *err);
void state_close(struct state *s);
/** @return MUSTER_OK, MUSTER_E_BUSY naming the holder. */
int state_lock(struct state *s, struct muster_err *err);
void state_unlock(struct state *s);

/** Where an ID is a name in the state folder, a user's slot may stand as well. Loads answer MUSTER_E_NOT_FOUND when there is nothing, MUSTER_E_INVALID with the file's name when it is damaged. */
int state_identity_load(const struct state *s, struct state_identity *out, struct muster_err *err);
/** Make identity.json, without the lock, unless there is one: then MUSTER_E_EXISTS, and nothing changed. */
int state_identity_create(const struct state *s, const struct state_identity *id, struct muster_err *err);
int state_identity_save(const struct state *s, const struct state_identity *id, struct muster_err *err);
int state_record_load(const struct state *s, const char *id, struct state_record *out, struct muster_err *err);
int state_record_save(const struct state *s, const char *id, const struct state_record *r, struct muster_err *err);
/** Into a record for a new client ID: what is asked for, for whom, and its grace. */
void state_record_keep(struct state_record *fresh, const struct state_record *old);
int state_key_load(const struct state *s, const char *id, struct state_key *out, struct muster_err *err);
int state_key_save(const struct state *s, const char *id, const struct state_key *k, struct muster_err *err);
/** No key there is fine. */
int state_key_remove(const struct state *s, const char *id, struct muster_err *err);
/** A JSON object as text; nothing when there is no file. */
int state_facts_load(const struct state *s, struct buf *out, struct muster_err *err);
int state_facts_save(const struct state *s, struct muster_span text, struct muster_err *err);
int state_confirmation_load(const struct state *s, const char *id, struct buf *out, struct muster_err *err);
int state_confirmation_save(const struct state *s, const char *id, struct muster_span token, struct muster_err *err);
int state_lease_load(const struct state *s, const char *id, struct buf *out, struct muster_err *err);
int state_lease_save(const struct state *s, const char *id, struct muster_span lease, struct muster_err *err);
int state_chain_load(const struct state *s, const char *kid, struct buf *out, struct muster_err *err);
int state_chain_save(const struct state *s, const char *kid, struct muster_span pem, struct muster_err *err);
/** The issuer's revocation list. */
int state_crl_load(const struct state *s, struct buf *out, struct muster_err *err);
int state_crl_save(const struct state *s, struct muster_span pem, struct muster_err *err);
int state_mark_load(const struct state *s, int64_t *seconds, struct muster_err *err);
int state_mark_save(const struct state *s, int64_t seconds, struct muster_err *err);
/** Appends the text; nothing when there is no file. */
int state_hosts_load(const struct state *s, struct buf *out, struct muster_err *err);
/** NULL removes the file. */
int state_hosts_save(const struct state *s, const char *text, struct muster_err *err);

/** Remove the lease, and with @p record also the product's file and key. A confirmation stays: it is the machine's for good. */
int state_forget(const struct state *s, const char *id, bool record, struct muster_err *err);
/** Remove chains that no lease held names. Best effort. */
void state_chains_prune(const struct state *s);
/** Activation IDs with a file in products/, sorted. @p fn returns non-zero to stop; that is returned. */
int state_each(const struct state *s, int (*fn)(void *ctx, const char *id), void *ctx, struct muster_err *err);
/** As state_each(), users' slots too. */
int state_each_slot(const struct state *s, int (*fn)(void *ctx, const char *slot), void *ctx, struct muster_err *err);

#endif
