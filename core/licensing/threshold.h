/** The threshold model: add, count, compare (facts.md section 1). Pure decision. */
#ifndef LICENSING_THRESHOLD_H
#define LICENSING_THRESHOLD_H

#include <stdbool.h>
#include <muster/types.h>

/** A certificate with less than a day left signs no more leases: they would strand machines (trust.md section 1). */
#define THRESHOLD_CHAIN_LEAST_MS (INT64_C(24) * 3600 * 1000)

struct threshold_input {
	uint32_t count;            /**< after the client was added */
	uint32_t minimum_count;
	uint32_t validity_s;
	bool advise;               /**< policy = advise: too low a count is granted as debt */
	bool certified;            /**< the host holds a valid certificate for the product */
	int64_t chain_end;         /**< ms UTC: earliest notAfter in that chain */
	int64_t now;               /**< ms UTC */
};
struct threshold_verdict { uint32_t code; int64_t expires; /**< ms UTC; 0 unless granted */ bool debt; /**< granted although the count is too low */ };
void threshold_decide(struct threshold_verdict *out, const struct threshold_input *in);

#endif
