/* Host key, MAK or both: the rules over a product's numbers. */
#include "tests/unit/unit.h"

#include <string.h>

#include "core/cli/advise.h"

#define SAY_MAX 8192

struct said { enum advise_verdict verdict; json_int_t by_host, by_mak; char reasons[SAY_MAX]; };

static void ask(struct said *s, const char *model, int minimum, unsigned long machines, unsigned long isolated, const char *programme, const char *const *mates, size_t mate_count)
{
	json_t *product = json_pack("{s:s, s:s, s:s, s:i, s:i, s:i}", "product", "p", "title", "Product", "model", model, "minimum_count", minimum, "window", 30 * 86400, "validity", 180 * 86400);
	struct advise_case a = { product, mates, mate_count, machines, isolated, programme };
	struct muster_err err;
	const json_t *reason;
	json_t *out;
	size_t i, n = 0;

	ck_assert_int_eq(advise(&out, &a, &s->verdict, &err), MUSTER_OK);
	s->by_host = json_integer_value(json_object_get(out, "by_host"));
	s->by_mak = json_integer_value(json_object_get(out, "by_mak"));
	s->reasons[0] = '\0';
	json_array_foreach(json_object_get(out, "reasons"), i, reason) {
		n += (size_t)snprintf(s->reasons + n, SAY_MAX - n, "%s\n", json_string_value(reason));
		ck_assert_uint_lt(n, SAY_MAX);
	}
	ck_assert_uint_gt(i, 0);
	json_decref(out);
	json_decref(product);
}

/* The count is compared after the machine was added: the 25th is enough (facts.md section 1). */
START_TEST(test_advise_threshold)
{
	static const struct { int minimum; unsigned long machines, isolated; enum advise_verdict verdict; json_int_t by_host, by_mak; const char *words; } t[] = {
		{ 25, 25, 0, ADVISE_HOST_KEY, 25, 0, "from machine 25 on each is activated by its own request" },
		{ 25, 24, 0, ADVISE_MAK, 0, 24, "24 machines reach the host, and the minimum count is 25: they would be counted and none activated" },
		{ 5, 100, 0, ADVISE_HOST_KEY, 100, 0, "A host key activates up to 6 hosts, each up to 10 times" },
		{ 5, 100, 10, ADVISE_BOTH, 90, 10, "10 machines reach no host" },
		{ 5, 100, 10, ADVISE_BOTH, 90, 10, "a second host in it would count them" },
		{ 25, 100, 10, ADVISE_BOTH, 90, 10, "10 machines need 10 activations" },
		{ 5, 6, 2, ADVISE_MAK, 0, 6, "With the isolated ones there are 6: if 1 more of them could reach the host once a week, a host key would do" },
		{ 5, 4, 4, ADVISE_MAK, 0, 4, "0 machines reach the host" },
		{ 5, 5, 5, ADVISE_MAK, 0, 5, "by telephone" },
		{ 1, 1, 0, ADVISE_HOST_KEY, 1, 0, "1 machine reaches" },
		{ 25, 27, 0, ADVISE_HOST_KEY, 27, 0, "when more than 2 of them are silent for 30 days" },
		{ 5, 6, 1, ADVISE_BOTH, 5, 1, "That is just the minimum: as soon as one of them is silent for 30 days, the count is too low" },
		{ 5, 6, 1, ADVISE_BOTH, 5, 1, "1 machine needs 1 activation, and" },
		{ 5, 6, 0, ADVISE_HOST_KEY, 6, 0, "when more than 1 of them are silent for 30 days" },
	};
	struct said s;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		ask(&s, "threshold", t[i].minimum, t[i].machines, t[i].isolated, NULL, NULL, 0);
		ck_assert_msg(s.verdict == t[i].verdict && s.by_host == t[i].by_host && s.by_mak == t[i].by_mak, "case %zu: %d %d %d", i, (int)s.verdict, (int)s.by_host, (int)s.by_mak);
		ck_assert_msg(strstr(s.reasons, t[i].words) != NULL, "case %zu: %s", i, s.reasons);
	}
}
END_TEST

START_TEST(test_advise_reasons_that_do_not_belong)
{
	struct said s;

	ask(&s, "threshold", 25, 100, 0, NULL, NULL, 0);
	ck_assert(strstr(s.reasons, "MAK") == NULL && strstr(s.reasons, "silent") == NULL && strstr(s.reasons, "second host") == NULL);
	ask(&s, "threshold", 25, 10, 0, NULL, NULL, 0);
	ck_assert(strstr(s.reasons, "isolated") == NULL && strstr(s.reasons, "telephone") == NULL);
}
END_TEST

START_TEST(test_advise_shared_pool)
{
	static const char *const mates[] = { "Windows Server", "Windows 11" };
	struct said s;

	ask(&s, "threshold", 25, 5, 0, NULL, mates, 2);
	ck_assert_int_eq(s.verdict, ADVISE_MAK);
	ck_assert_msg(strstr(s.reasons, "may lift it to the minimum: Windows Server, Windows 11") != NULL, "%s", s.reasons);
	ask(&s, "threshold", 5, 5, 0, NULL, mates, 2);
	ck_assert_msg(strstr(s.reasons, "feed the same count: Windows Server, Windows 11") != NULL, "%s", s.reasons);
}
END_TEST

/* Open Value: MAK recommended, host key by exception; Open License: nothing more can be asked for (facts.md section 5). */
START_TEST(test_advise_programme)
{
	struct said s;

	ask(&s, "threshold", 5, 100, 0, "Open Value Subscription", NULL, 0);
	ck_assert_int_eq(s.verdict, ADVISE_MAK);
	ck_assert_int_eq(s.by_mak, 100);
	ck_assert_msg(strstr(s.reasons, "by exception only: `musterctl request kms-exception`") != NULL, "%s", s.reasons);
	ask(&s, "threshold", 5, 100, 0, "Open License", NULL, 0);
	ck_assert_int_eq(s.verdict, ADVISE_MAK);
	ck_assert_msg(strstr(s.reasons, "ended in December 2021") != NULL, "%s", s.reasons);
	ask(&s, "threshold", 5, 100, 0, "Enterprise", NULL, 0);
	ck_assert_int_eq(s.verdict, ADVISE_HOST_KEY);
	ck_assert(advise_is_open_license("open-licence") && !advise_is_open_license("Open Value") && !advise_is_open_license(NULL) && !advise_is_open_license(""));
	ck_assert(advise_is_open_value("OpenValue") && !advise_is_open_value("Open License") && !advise_is_open_value(NULL));
}
END_TEST

START_TEST(test_advise_other_models)
{
	static const struct { const char *model; enum advise_verdict verdict; json_int_t by_mak; const char *words; } t[] = {
		{ "counted", ADVISE_MAK, 50, "counted keys only" }, { "embedded", ADVISE_NO_KEY, 0, "installation medium" }, { "access", ADVISE_NO_KEY, 0, "agreement number" },
		{ "seats", ADVISE_NO_KEY, 0, "borrowed" }, { "whatever", ADVISE_NO_KEY, 0, "of the model \"whatever\"" },
	};
	struct said s;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		ask(&s, t[i].model, 0, 50, 0, NULL, NULL, 0);
		ck_assert_int_eq(s.verdict, t[i].verdict);
		ck_assert_int_eq(s.by_mak, t[i].by_mak);
		ck_assert_int_eq(s.by_host, 0);
		ck_assert_msg(strstr(s.reasons, t[i].words) != NULL, "%s", s.reasons);
	}
}
END_TEST

START_TEST(test_advise_impossible)
{
	json_t *product = json_pack("{s:s}", "model", "threshold"), *out;
	struct advise_case more = { product, NULL, 0, 5, 6, NULL }, none = { product, NULL, 0, 0, 0, NULL };
	enum advise_verdict verdict;
	struct muster_err err;

	ck_assert_int_eq(advise(&out, &more, &verdict, &err), MUSTER_E_INVALID);
	ck_assert_ptr_null(out);
	ck_assert_msg(strstr(err.message, "6 isolated of 5 machines") != NULL, "%s", err.message);
	ck_assert_int_eq(advise(&out, &none, &verdict, &err), MUSTER_E_INVALID);
	json_decref(product);
}
END_TEST

UNIT_MAIN("advise", test_advise_threshold, test_advise_reasons_that_do_not_belong, test_advise_shared_pool, test_advise_programme, test_advise_other_models, test_advise_impossible)
