/* Answers of hosts that are wrong in some way: each is refused and the fault is named. */
#include "tests/unit/unit.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/client/answer.h"

#define GOOD "\"result\":\"activated\",\"lease\":\"abc\",\"product\":\"office2013\",\"activation_id\":\"2e28138a-847f-42bc-9752-61b03fff33cd\"," \
	"\"count\":6,\"minimum_count\":5,\"activation_interval_minutes\":120,\"renewal_interval_minutes\":10080,\"rearm_max\":0"

#define COUNTED "\"result\":\"activated\",\"product\":\"contoso-mak\",\"activation_id\":\"2e28138a-847f-42bc-9752-61b03fff33cd\"," \
	"\"count\":0,\"minimum_count\":0,\"activation_interval_minutes\":120,\"renewal_interval_minutes\":10080,\"rearm_max\":0"

static struct answer got;
static struct muster_err err;

static int give(long status, const char *type, const char *body)
{
	struct http_answer a;
	int r;

	http_answer_init(&a);
	a.status = status;
	(void)strcpy(a.content_type, type);
	buf_adds(&a.body, body);
	memset(&err, 0, sizeof err);
	r = answer_read(&got, &a, &err);
	http_answer_fini(&a);
	return r;
}

START_TEST(test_answer_good)
{
	ck_assert_int_eq(give(200, "application/json", "{" GOOD ",\"new\":null}"), MUSTER_OK);
	ck_assert_int_eq(got.kind, ANSWER_ACTIVATED);
	ck_assert_str_eq(got.lease, "abc");
	ck_assert_uint_eq(got.activation_s, 7200);
	ck_assert_uint_eq(got.renewal_s, 604800);
	/* intervals are clamped */
	ck_assert_int_eq(give(202, "application/json", "{\"result\":\"counted\",\"code\":\"0xC004F038\",\"title\":\"\",\"product\":\"a\","
		"\"activation_id\":\"2e28138a-847f-42bc-9752-61b03fff33cd\",\"count\":1,\"minimum_count\":5,\"retry_after_seconds\":1,"
		"\"activation_interval_minutes\":1,\"renewal_interval_minutes\":4294967295,\"rearm_max\":3}"), MUSTER_OK);
	ck_assert_int_eq(got.kind, ANSWER_COUNTED);
	ck_assert_uint_eq(got.activation_s, 900);
	ck_assert_uint_eq(got.renewal_s, 2592000);
	ck_assert_int_eq(give(503, "application/problem+json", "{\"code\":\"M-109\",\"title\":\"x\",\"retry_after_seconds\":3}"), MUSTER_OK);
	ck_assert_int_eq(got.kind, ANSWER_REFUSED);
	ck_assert_uint_eq(got.code, CODE_M_OVERLOAD);
	ck_assert_uint_eq(got.retry_after, 3);
	/* collected for the issuer; uses of a key that are known in part */
	ck_assert_int_eq(give(202, "application/json", "{\"result\":\"pending\",\"code\":\"M-127\",\"title\":\"\",\"product\":\"a\","
		"\"activation_id\":\"2e28138a-847f-42bc-9752-61b03fff33cd\",\"count\":0,\"minimum_count\":0,\"retry_after_seconds\":60,"
		"\"activation_interval_minutes\":120,\"renewal_interval_minutes\":10080,\"rearm_max\":0}"), MUSTER_OK);
	ck_assert_int_eq(got.kind, ANSWER_PENDING);
	ck_assert_uint_eq(got.retry_after, 60);
	ck_assert_int_eq(give(200, "application/json", "{" COUNTED ",\"confirmation\":\"x.y.z\",\"allowed\":5,\"remaining\":-1}"), MUSTER_OK);
	ck_assert_str_eq(got.confirmation, "x.y.z");
	ck_assert_uint_eq(got.lease_n, 0);
	ck_assert_int_eq(got.allowed, 5);
	ck_assert_int_eq(got.used, -1);
	ck_assert_int_eq(got.remaining, -1);
	ck_assert_int_eq(give(200, "application/json", "{" GOOD ",\"assurance\":\"telephone\"}"), MUSTER_OK);
	ck_assert(got.telephone);
	/* a code of a later version */
	ck_assert_int_eq(give(418, "application/problem+json", "{\"code\":\"M-999\",\"title\":\"new\",\"detail\":\"d\",\"action\":\"a\"}"), MUSTER_OK);
	ck_assert_str_eq(got.text, "M-999 new: d. a");   /* a detail that ends without a stop gets one */
}
END_TEST

START_TEST(test_answer_refused)
{
	static const struct { long status; const char *type, *body, *says; } cases[] = {
		{ 301, "application/json", "{}", "HTTP status 301" },
		{ 204, "application/json", "{}", "HTTP status 204" },
		{ 200, "application/json", "{" COUNTED "}", "\"lease\" is not text" },
		{ 200, "application/json", "{" COUNTED ",\"confirmation\":null}", "\"confirmation\" is not text" },
		{ 200, "application/json", "{" COUNTED ",\"confirmation\":\"\"}", "\"confirmation\" is not a confirmation of 1 to 16384 characters" },
		{ 200, "application/json", "{" GOOD ",\"confirmation\":\"x\"}", "both a lease and a confirmation" },
		{ 200, "application/json", "{" COUNTED ",\"confirmation\":\"x\",\"used\":\"5\"}", "\"used\" is not an integer" },
		{ 200, "application/json", "{" COUNTED ",\"confirmation\":\"x\",\"remaining\":-2}", "\"remaining\" is not an integer" },
		{ 202, "application/json", "{\"result\":\"pending\",\"code\":\"0xC004F038\",\"title\":\"\",\"product\":\"a\",\"activation_id\":"
			"\"2e28138a-847f-42bc-9752-61b03fff33cd\",\"count\":0,\"minimum_count\":0,\"retry_after_seconds\":60,\"activation_interval_minutes\":120,"
			"\"renewal_interval_minutes\":10080,\"rearm_max\":0}", "\"code\" is not M-127" },
		{ 200, "text/html", "<html>", "content type \"text/html\"" },
		{ 200, "", "{}", "content type \"\"" },
		{ 200, "application/problem+json", "{}", "does not go with its status" },
		{ 500, "application/json", "{}", "does not go with its status" },
		{ 200, "application/json", "", "it is not JSON" },
		{ 200, "application/json", "{\"a\":1,\"a\":2}", "it is not JSON" },
		{ 200, "application/json", "[]", "it is not a JSON object" },
		{ 200, "application/json", "{}", "\"result\" is not text" },
		{ 200, "application/json", "{\"result\":\"granted\"}", "\"result\" is not one that goes with the status" },
		{ 202, "application/json", "{" GOOD "}", "\"result\" is not one that goes with the status" },
		{ 200, "application/json", "{\"result\":\"activated\"}", "\"product\" is not text" },
		{ 400, "application/problem+json", "{\"title\":\"x\"}", "\"code\" is not text" },
		{ 400, "application/problem+json", "{\"code\":\"what\",\"title\":\"x\"}", "\"code\" is not a code" },
		{ 400, "application/problem+json", "{\"code\":\"0x00000000\",\"title\":\"x\"}", "\"code\" is not a code" },
		{ 400, "application/problem+json", "{\"code\":\"M-101\",\"title\":\"x\",\"detail\":7}", "\"detail\" is not text" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ck_assert_msg(give(cases[i].status, cases[i].type, cases[i].body) == MUSTER_E_NETWORK, "case %zu", i);
		ck_assert_msg(strstr(err.message, cases[i].says) != NULL, "case %zu: %s", i, err.message);
		ck_assert_msg(strstr(err.message, "not an answer of this protocol") == err.message, "case %zu: %s", i, err.message);
	}
}
END_TEST

/* Every member of a grant, missing and of every wrong type. */
START_TEST(test_answer_wrong_types)
{
	static const char *const names[] = { "product", "activation_id", "lease", "count", "minimum_count", "activation_interval_minutes",
		"renewal_interval_minutes", "rearm_max" };
	static const char *const values[] = { NULL, "null", "true", "-1", "1.5", "[]", "{}", "4294967296", "\"\"", "99999999999999999999" };

	for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
		for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
			json_t *o = json_loads("{" GOOD "}", 0, NULL), *value = values[v] != NULL ? json_loads(values[v], JSON_DECODE_ANY, NULL) : NULL;
			char *text;

			if (values[v] != NULL && value == NULL) {  /* too large even for the reader */
				json_decref(o);
				continue;
			}
			(void)json_object_del(o, names[n]);
			if (value != NULL)
				(void)json_object_set_new(o, names[n], value);
			text = json_dumps(o, 0);
			ck_assert_msg(give(200, "application/json", text) == MUSTER_E_NETWORK, "%s = %s", names[n], values[v] != NULL ? values[v] : "absent");
			ck_assert_msg(strstr(err.message, names[n]) != NULL, "%s: %s", names[n], err.message);
			free(text);
			json_decref(o);
		}
}
END_TEST

START_TEST(test_answer_long_lease)
{
	static char body[TRUST_LEASE_MAX + 1024], lease[TRUST_LEASE_MAX + 2];

	memset(lease, 'a', TRUST_LEASE_MAX + 1);
	(void)snprintf(body, sizeof body, "{\"result\":\"activated\",\"lease\":\"%s\"" "%s", lease, strchr(GOOD, ',') + strlen(",\"lease\":\"abc\""));
	(void)strcat(body, "}");
	ck_assert_int_eq(give(200, "application/json", body), MUSTER_E_NETWORK);
	ck_assert_ptr_nonnull(strstr(err.message, "\"lease\" is not a lease of 1 to 4096 characters"));
}
END_TEST

START_TEST(test_answer_printable)
{
	char out[16];

	answer_printable(out, sizeof out, "a\x1b[1m\n\x7f\xc2\x9bz");
	ck_assert_str_eq(out, "a?[1m???z");
	/* malformed UTF-8: stray, overlong, surrogate, cut off */
	answer_printable(out, sizeof out, "\x80\xc0\x80\xed\xa0\x80\xe2\x82");
	ck_assert_str_eq(out, "????????");
	/* cut between characters */
	answer_printable(out, 6, "\xe2\x82\xac\xe2\x82\xac");
	ck_assert_str_eq(out, "\xe2\x82\xac");
	answer_printable(out, 7, "\xe2\x82\xac\xe2\x82\xac");
	ck_assert_str_eq(out, "\xe2\x82\xac\xe2\x82\xac");
	answer_printable(out, 1, "abc");
	ck_assert_str_eq(out, "");
}
END_TEST

UNIT_MAIN("answer", test_answer_good, test_answer_refused, test_answer_wrong_types, test_answer_long_lease, test_answer_printable)
