/** One question on its way: ask.c puts it, ask_after.c draws the conclusions. */
#ifndef CLIENT_ASKING_H
#define CLIENT_ASKING_H

#include "core/client/client_private.h"

#define BACKOFF_FIRST 60      /* s: after the first question without an answer; doubled each time */
#define FAULTS_MAX 460        /* bytes of what is said about hosts that gave no answer */

struct asking {
	struct muster_client *c;
	char id[UUID_TEXT], slot[STATE_SLOT];
	int64_t now;
	struct state_record rec;
	struct holding held;
	uint32_t license_status;      /* as sent */
	int64_t minutes_left;
	struct answer got;            /* the answer that counts */
	bool answered, first_set;
	struct lease_claims lease;    /* of a new lease */
	bool asked;                   /* false: nothing was due */
	bool confirmed;               /* the answer brought a confirmation, which is kept: */
	struct confirmation confirmation;
	bool has_key;                 /* what proves the product's key is kept: */
	struct state_key key;
	uint32_t first_code;          /* first refusal that sent us on to the next host … */
	char first_text[600], first_host[HOSTS_URL];
	uint32_t wait;                /* … and the longest Retry-After of those */
	bool soon;                    /* some host was busy or gave no answer: worth asking again soon */
	char faults[FAULTS_MAX];
};

/** No definite answer: the record says why, and when to ask again. @p none says why no host was asked when none was. */
void asking_failed(struct asking *q, bool any_host, const char *none);
/** A definite answer. */
void asking_answered(struct asking *q);
/** What the caller is told, whether or not somebody was asked. */
void asking_fill(struct muster_answer *out, const struct asking *q);

#endif
