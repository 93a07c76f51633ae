#include "core/licensing/threshold.h"

#include "core/base/codes.h"

void threshold_decide(struct threshold_verdict *out, const struct threshold_input *in)
{
	int64_t validity_ms = (int64_t)in->validity_s * 1000;

	out->expires = 0;
	out->debt = false;
	if (!in->certified || in->chain_end - in->now < THRESHOLD_CHAIN_LEAST_MS) {
		out->code = (uint32_t)CODE_HOST_NOT_ACTIVATED;
		return;
	}
	if (in->minimum_count == 0 || (in->count < in->minimum_count && !in->advise)) {
		/* A minimum of 0 is a table nobody linted: fail closed. */
		out->code = (uint32_t)CODE_COUNT_LOW;
		return;
	}
	out->code = CODE_OK;
	out->debt = in->count < in->minimum_count;
	out->expires = in->now + validity_ms < in->chain_end ? in->now + validity_ms : in->chain_end;
}
