/** What the files of libmuster share. */
#ifndef CLIENT_PRIVATE_H
#define CLIENT_PRIVATE_H

#include <muster/client.h>
#include "core/client/answer.h"
#include "core/client/counted.h"
#include "core/base/hardware.h"
#include "core/client/hosts.h"
#include "core/client/state.h"

#define CLIENT_MAGIC 0x4d55434cu       /* "MUCL" */
#define CLIENT_LEEWAY 14400            /* s: clock set back by more (trust.md section 11) */
#define CLIENT_GRACE 2592000           /* s: 30 days, what the status calls a grace period */
#define CLIENT_GRACE_ACCESS 10368000   /* s: 120 days without any licence server (facts.md section 7) */
#define CLIENT_HEARTBEAT 20            /* s: shortest interval of a signed lease that is obeyed */
#define CLIENT_ADVICE 2592000          /* s: at most one new identity on a host's advice in 30 days (trust.md section 10) */
#define CLIENT_NONCE_LIFE 3600         /* s: how long an unanswered question is repeated under the same nonce */

struct muster_client {
	uint32_t magic;
	struct state state;
	char *issuer, *given, *name, *ca;
	bool ca_default;               /* ca is STATE/ca.pem, which need not be there */
	uint32_t hardware_source;
	struct hosts hosts;            /* of the options; n 0: the state's */
	int64_t (*now_ms)(void *ctx);
	int (*stop)(void *ctx);
	void (*event)(void *ctx, uint32_t id, const char *fields);   /* NULL: nobody listens */
	void *ctx;
	bool is_virtual, no_queue;
	uint32_t timeout_ms;
	char user[256];                /* whose licences calls are about; "" the machine's */
	uint8_t user_hash[32];
	struct product_row learned;    /* the product found last by name; id "": none */
	struct state_identity identity;
	char id_text[UUID_TEXT];
	/* since client_ready() */
	struct trust_anchors *anchors;
	struct crl *crl;               /* as last read: client_crl() */
	struct hardware hardware;
	uint8_t hardware_id[32];
};

/** A lease held, verified here and now. */
struct holding {
	bool have, valid;
	bool clock_back;               /* the lease is good, the clock is not believed */
	bool perpetual;                /* a genuine confirmation for this machine is held; valid unless its coverage says no. There is no lease then */
	struct confirmation confirmation;   /* when perpetual */
	struct lease_claims claims;    /* when valid or clock_back, and not perpetual */
	char lease[TRUST_LEASE_MAX + 1];
	char reason[512];              /* why not valid; "" when valid */
};

static inline int64_t client_now(const struct muster_client *c)
{
	return c->now_ms(c->ctx) / 1000;
}

/** Take the lock and read the identity again: another process may have changed it. */
int client_begin(struct muster_client *c, struct muster_err *err);
void client_end(struct muster_client *c);
/** Roots and hardware, once per handle. */
int client_ready(struct muster_client *c, struct muster_err *err);
/** Locked. If this machine is not the one of the state folder, take a new client ID. */
int client_check_hardware(struct muster_client *c, struct muster_err *err);
/** Locked. Wait for a seat no more: asks once without the wish to wait. May end with a lease. */
int client_leave_queue(struct muster_client *c, const char *id, struct muster_err *err);
/** Locked. New client ID; every lease is given up, the products stay listed. */
int client_new_identity(struct muster_client *c, struct muster_err *err);
/** Look at the confirmation or else the lease held in @p slot. Negative only for memory. Ready. */
int client_holding(struct muster_client *c, const char *slot, struct holding *out, int64_t now, struct muster_err *err);
/** MUSTER_E_NOT_YET when the clock is behind the mark by more than the leeway. */
int client_check_clock(int64_t now, int64_t mark, struct muster_err *err);
/** Move the high-water mark of time forward; best effort, at most every ten minutes. */
void client_mark(struct muster_client *c, int64_t now);
/** Licence status 0–6 of facts.md section 4, and when it ends by itself (0 never). */
uint32_t client_license_status(const struct holding *h, const struct state_record *r, int64_t now, int64_t *ends);
/* access.c */
enum grace_by { GRACE_BY_NOBODY, GRACE_BY_CALLER, GRACE_BY_HOST };
/** Where in the state folder this handle's calls find what is held of a product: its ID, with a user named ID.USER. */
void client_slot(char slot[STATE_SLOT], const struct muster_client *c, const char *id);
/** Is the lease of the one whose slot this is, user or machine? */
bool client_slot_fits(const char *slot, const struct lease_claims *claims);
/** When the grace of a product began for the one whose calls these are, if it begins now. */
int64_t client_first_at(const struct muster_client *c, const char *id, int64_t now);
/** The initial grace of a product, s. */
int64_t client_grace(const struct state_record *r);
/** What a host has said about it; s. */
void client_note_grace(struct state_record *r, int64_t seconds);

/** The hosts to ask: of the options, else of the state. MUSTER_E_NOT_FOUND when none is named. */
int client_hosts(const struct muster_client *c, struct hosts *out, struct muster_err *err);
/** Ask one host. */
int client_http(const struct muster_client *c, struct http_answer *a, const char *host, const char *path, struct muster_span body, size_t max, struct muster_err *err);

/** Ask an issuer's service at @p issuer (https://…), which is believed by the pinned roots alone. */
int client_http_issuer(const struct muster_client *c, struct http_answer *a, const char *issuer, const char *path, struct muster_span body, size_t max, struct muster_err *err);

/** Read an activation ID as people give it: lower-case text. */
int client_activation_id(char out[UUID_TEXT], const char *text, struct muster_err *err);
/** Copy a structure of ours into a caller's of @p size bytes, keeping its size member. */
int client_give(void *out, const void *full, size_t full_size, size_t least, struct muster_err *err);

/** The issuer's revocation list that is kept; NULL: none. Ready. Borrowed until the next call. */
const struct crl *client_crl(struct muster_client *c);
/** Locked. Ask a host for it, unless the one kept is of the last 24 hours; the highest number is kept. A missing one is no fault. */
void client_crl_fetch(struct muster_client *c, const char *host, int64_t now);
/** May a lease of this chain and time be believed? MUSTER_E_REFUSED: its signer was revoked, and why. */
int client_permits(struct muster_client *c, const struct trust_chain *chain, int64_t iat, struct muster_err *err);

/** Verify a lease just received and, only then, keep it with its chain. MUSTER_E_NETWORK: not believed, and why; MUSTER_E_BUSY:
 * stopped; other results are faults here. @p err is needed. */
struct grant_expect { const char *id, *slot; const uint8_t *nonce, *release_hash, *usr; };
int client_take_lease(struct muster_client *c, const char *host, const struct answer *a, const struct grant_expect *x, struct lease_claims *out, int64_t now, struct muster_err *err);

#define CLIENT_EVENT_MAX 640
/** What event 12288 says of a question: who was asked and what came of it. */
struct client_event {
	const char *id, *host;         /**< activation ID; URL of the host */
	uint32_t code;                 /**< 0 answered; the refusal's code; 0xC004F074 no answer */
	uint32_t license_status, minimum_count;
	int64_t minutes_left, now;     /**< now: seconds */
};
void client_event_sent(const struct muster_client *c, const struct client_event *e);
/** Event 12289: an answer was processed. */
void client_event_answer(const struct muster_client *c, const struct answer *a, int64_t now);

/** Interval with ±10 % spread, within INTERVAL_MIN … INTERVAL_MAX. */
int64_t client_spread(int64_t seconds);
/** The same for what a verified lease says, down to CLIENT_HEARTBEAT. */
int64_t client_spread_signed(int64_t seconds);

#endif
