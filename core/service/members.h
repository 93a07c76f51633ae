/**
 * The members of a request's body (protocol.md sections 3 and 4), found and typed. What they may hold is activate.c's affair.
 *
 * Nearly every body is plain: ASCII without escapes, whole numbers, members of the protocol only, none twice. Such a body is read
 * in place, without memory of its own: a fifth of the time. Any other, also every faulty one, is jansson's to read and to judge.
 */
#ifndef SERVICE_MEMBERS_H
#define SERVICE_MEMBERS_H

#include <jansson.h>
#include "core/service/activate.h"

enum member_id {
	MEMBER_ACTIVATION_ID, MEMBER_CLIENT_ID, MEMBER_MACHINE, MEMBER_LICENSE_STATUS, MEMBER_MINUTES_LEFT, MEMBER_TIME, MEMBER_NONCE,
	MEMBER_RELEASE_HASH, MEMBER_KEY, MEMBER_LEASE, MEMBER_RELEASE,
	MEMBER_MACHINE_NAME, MEMBER_MACHINE_OS, MEMBER_MACHINE_VIRTUAL, MEMBER_MACHINE_HARDWARE, MEMBER_MACHINE_FACTS,
	MEMBER_KEY_KIND, MEMBER_KEY_NUMBER, MEMBER_KEY_PROOF,
	MEMBER_ACCESS, MEMBER_ACCESS_PER, MEMBER_ACCESS_USER, MEMBER_ACCESS_VERSION, MEMBER_QUEUE,
	MEMBER_COUNT
};

/** null is absent. */
enum member_type { TYPE_ABSENT, TYPE_OBJECT, TYPE_ARRAY, TYPE_STRING, TYPE_INTEGER, TYPE_REAL, TYPE_BOOLEAN };

struct member {
	const char *name;      /**< as messages say it: "machine.name" */
	const char *text;      /**< a string's bytes, not terminated; borrowed from the body or from the root */
	size_t n;
	int64_t number;        /**< an integer's value; of a boolean 0 or 1 */
	enum member_type type;
};

/** A member of machine.facts. */
struct fact { const char *name, *text; size_t name_n, n; int64_t number; enum member_type type; };

struct members {
	struct member of[MEMBER_COUNT];
	size_t fact_count;     /**< how many there are; the first FACTS_MAX of them are below */
	struct fact facts[FACTS_MAX];
	json_t *root;          /**< NULL for a plain body */
};

/** Read a body. @return MUSTER_OK (free with members_free()), or MUSTER_E_INVALID with @p fault filled: not one JSON object, too deep, a member twice. */
int members_read(struct members *out, struct muster_span body, struct activate_fault *fault);
/** A whole key that the library copied is wiped; the body is the caller's. */
void members_free(struct members *m);

/* The two ways to read, apart for tests: what the first takes the second takes too, with the same members. */
bool members_plain(struct members *out, struct muster_span body);
int members_library(struct members *out, struct muster_span body, struct activate_fault *fault);

#endif
