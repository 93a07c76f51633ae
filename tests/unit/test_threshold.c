/* core/licensing/threshold.c: add, count, compare; the numbers are those of facts.md section 1. */
#include "tests/unit/unit.h"

#include "core/base/codes.h"
#include "core/licensing/threshold.h"

#define DAY INT64_C(86400000)
#define NOW INT64_C(1795000000000)

static struct threshold_input input(uint32_t count, uint32_t minimum)
{
	struct threshold_input in = { .count = count, .minimum_count = minimum, .validity_s = 180 * 86400, .certified = true,
		.chain_end = NOW + 730 * DAY, .now = NOW };

	return in;
}

static uint32_t verdict(struct threshold_input in, int64_t *expires)
{
	struct threshold_verdict v = { 1, 1, true };

	threshold_decide(&v, &in);
	*expires = v.expires;
	return v.code;
}

/* One short of the minimum is counted, the minimum itself and everything above is granted, for 180 days. */
START_TEST(test_threshold_compare)
{
	static const uint32_t minimums[] = { 1, 5, 25, 1000 };
	int64_t expires;

	for (size_t i = 0; i < sizeof minimums / sizeof minimums[0]; i++) {
		ck_assert_uint_eq(verdict(input(minimums[i] - 1, minimums[i]), &expires), (uint32_t)CODE_COUNT_LOW);
		ck_assert_int_eq(expires, 0);
		ck_assert_uint_eq(verdict(input(minimums[i], minimums[i]), &expires), CODE_OK);
		ck_assert_int_eq(expires, NOW + 180 * DAY);
		ck_assert_uint_eq(verdict(input(minimums[i] * 2, minimums[i]), &expires), CODE_OK);
	}
}
END_TEST

/* A host without a certificate, or with less than a day of it left, activates nobody, whatever the count. */
START_TEST(test_threshold_certificate)
{
	struct threshold_input in = input(50, 5);
	int64_t expires;

	in.certified = false;
	ck_assert_uint_eq(verdict(in, &expires), (uint32_t)CODE_HOST_NOT_ACTIVATED);
	ck_assert_int_eq(expires, 0);
	in.certified = true;
	in.chain_end = NOW + DAY - 1;
	ck_assert_uint_eq(verdict(in, &expires), (uint32_t)CODE_HOST_NOT_ACTIVATED);
	in.chain_end = NOW + DAY;
	ck_assert_uint_eq(verdict(in, &expires), CODE_OK);
	ck_assert_int_eq(expires, NOW + DAY);
	in.count = 1;
	in.certified = false;
	ck_assert_uint_eq(verdict(in, &expires), (uint32_t)CODE_HOST_NOT_ACTIVATED);
}
END_TEST

/* A lease ends no later than the chain that signs it (trust.md section 1). */
START_TEST(test_threshold_expires)
{
	struct threshold_input in = input(5, 5);
	int64_t expires;

	in.chain_end = NOW + 100 * DAY;
	ck_assert_uint_eq(verdict(in, &expires), CODE_OK);
	ck_assert_int_eq(expires, in.chain_end);
	in.chain_end = NOW + 181 * DAY;
	ck_assert_uint_eq(verdict(in, &expires), CODE_OK);
	ck_assert_int_eq(expires, NOW + 180 * DAY);
}
END_TEST

/* A minimum of 0 never reaches this far; should it, nobody is activated. */
START_TEST(test_threshold_zero_minimum)
{
	int64_t expires;

	ck_assert_uint_eq(verdict(input(7, 0), &expires), (uint32_t)CODE_COUNT_LOW);
}
END_TEST

/* policy = advise: too low a count is granted as debt; the certificate is no matter of policy, nor is a table nobody linted. */
START_TEST(test_threshold_advise)
{
	struct threshold_input in = input(4, 5);
	struct threshold_verdict v;

	in.advise = true;
	threshold_decide(&v, &in);
	ck_assert_uint_eq(v.code, CODE_OK);
	ck_assert(v.debt);
	ck_assert_int_eq(v.expires, NOW + 180 * DAY);
	in.count = 5;
	threshold_decide(&v, &in);
	ck_assert_uint_eq(v.code, CODE_OK);
	ck_assert(!v.debt);
	in.certified = false;
	threshold_decide(&v, &in);
	ck_assert_uint_eq(v.code, (uint32_t)CODE_HOST_NOT_ACTIVATED);
	ck_assert(!v.debt);
	in = input(4, 0);
	in.advise = true;
	threshold_decide(&v, &in);
	ck_assert_uint_eq(v.code, (uint32_t)CODE_COUNT_LOW);
	ck_assert(!v.debt);
}
END_TEST

UNIT_MAIN("threshold", test_threshold_compare, test_threshold_certificate, test_threshold_expires, test_threshold_zero_minimum, test_threshold_advise)
