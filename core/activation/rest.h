/**
 * How the host's secrets and its record of acts lie at rest (trust.md section 11): the key file, what is sealed under it, and the anchored head of
 * the record. For core/activation only.
 *
 * Files: `secret/host-key` (or a configured one, or a credential); beside it, while it is changed, `….next`, and for as long as an administrator
 * leaves it there `….old`, which is only read with. `audit.head`: the newest row of the record that was anchored, with an HMAC.
 */
#ifndef ACTIVATION_REST_H
#define ACTIVATION_REST_H

#include "core/activation/internal.h"

#define REST_HEAD (20 + 1 + 64 + 1)   /**< "SEQ:HASH" and the terminating zero */

/** A row of the record. seq 0: before the first. */
struct audit_point { int64_t seq, at; uint8_t hash[32]; };

/** What is known of the record. */
struct rest {
	pthread_mutex_t lock;                 /* also held, besides acts, to change a->seal: anchors are written without acts */
	struct audit_point head;              /* the newest row seen */
	struct audit_point anchor;            /* what audit.head says */
	bool anchored;                        /* there is an audit.head, and it is right */
	int64_t beat;                         /* ms; the last heartbeat */
	char fault[512];                      /* audit.head and the record disagree; nothing is anchored then */
	struct buf text;                      /* of audit.head as last written */
};

/* ---- rekey.c ---- */
/** Find, read or make the key file, end an interrupted change of it, give the ring its passphrase. Called by activation_open(), before anything sealed is read. */
int rest_open(struct activation *a, struct muster_err *err);
void rest_free(struct activation *a);

/* ---- anchor.c ---- */
/** Read audit.head and compare it with the record; what is wrong is said, and is no error here. */
int anchor_open(struct activation *a, struct muster_err *err);
void anchor_free(struct activation *a);
/** Bring the head up to date and anchor it. */
int anchor_now(struct activation *a, struct muster_err *err);
/** Write the anchor again, under the newest key. */
int anchor_renew(struct activation *a, struct muster_err *err);
/** Periodic: anchor what is new, and once a day write a heartbeat. */
int64_t anchor_job(struct activation *a);
/** "SEQ:HASH" of the newest row, for requests to an issuer; brought up to date. */
int anchor_head(struct activation *a, char out[REST_HEAD], struct muster_err *err);

#endif
