/** A fake Muster host with real certificates, a state folder and a clock that stands still: for tests of core/client and muster. */
#ifndef TESTS_UNIT_CLIENT_FIXTURE_H
#define TESTS_UNIT_CLIENT_FIXTURE_H

#include <jansson.h>
#include "core/base/clock.h"
#include "core/client/client_private.h"
#include "tests/unit/fakehost.h"
#include "tests/unit/trust_fixture.h"

#define PRODUCT "2e28138a-847f-42bc-9752-61b03fff33cd"
#define LEASE "leases/" PRODUCT ".jws"
#define DAY FIX_DAY
#define OTHER_PRODUCT "98ebfe73-2084-4c97-932c-c0cd1643bea7"

#define ck_says(text, part) ck_assert_msg(strstr(text, part) != NULL, "\"%s\" lacks \"%s\"", text, part)
static inline void ck_within(int64_t value, int64_t low, int64_t high)
{
	ck_assert_msg(value >= low && value <= high, "%lld is not in %lld to %lld", (long long)value, (long long)low, (long long)high);
}

struct fake {
	struct fixture f;
	struct fakehost *host;
	struct clock_manual clock;
	char dir[64], state[96], issuer[96], url[64];
	/* what the host answers; all zero: it grants */
	const char *raw;                                   /* this, byte for byte, to everything */
	const char *raw_chain;                             /* this, to /v1/certificates */
	const char *raw_products;                          /* this, to /v1/products */
	const char *raw_release;
	const char *crl;                                   /* this, to /v1/crl; NULL: there is none */
	bool counted;
	int problem; const char *problem_code, *problem_more;  /* status, code, further members ("" or ",\"x\":1") */
	const char *problem_client;                        /* the problem is for this client ID only */
	void (*tweak)(struct lease_claims *c);             /* spoils a lease before it is signed */
	bool flip;                                         /* one bit of the signature */
	const char *confirmation;                          /* a counted product: this instead of a lease */
	const char *members;                               /* replaces the members of a grant beside the lease */
	int64_t host_now;                                  /* 0: the client's clock */
	uint32_t rearm_max;
	/* what it saw */
	json_t *seen;                                      /* last question, owned */
	unsigned asked, chains, released, lists;
};

void fake_init(struct fake *k);
void fake_fini(struct fake *k);
/** Options for this folder, host and clock. */
struct muster_client_options fake_options(struct fake *k);
struct muster_client *fake_open(struct fake *k);
int64_t fake_now(const struct fake *k);
void fake_advance(struct fake *k, int64_t seconds);
/** A member of the last question as text. */
const char *fake_seen(const struct fake *k, const char *name);
/** Ask for PRODUCT, which must not be a fault here. */
struct muster_answer fake_activate(struct fake *k, struct muster_client *c);
struct muster_status fake_status(struct muster_client *c);
/** Path of a file in the state folder (static memory). */
const char *fake_path(const struct fake *k, const char *name);
/** Its bytes; buffer to be freed by the caller. Fails the test when it cannot be read. */
void fake_read(const struct fake *k, const char *name, struct buf *out);
void fake_write(const struct fake *k, const char *name, const char *text);

#endif
