#include "tests/unit/unit.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <muster/plugin.h>

#include "core/base/codes.h"
#include "core/service/activate.h"
#include "core/service/members.h"

static const char good[] =
	"{\"activation_id\":\"2e28138a-847f-42bc-9752-61b03fff33cd\",\"client_id\":\"6D0F2A53-1c1b-4b6e-9f0e-1a2f64a5d7c1\","
	"\"machine\":{\"name\":\"pc-17\",\"hardware_id\":\"03a1000000000000000000000000000000000000000000000000000000000000\",\"virtual\":true,\"os\":\"linux\"},"
	"\"license_status\":2,\"minutes_left\":43200,\"time\":\"2026-11-22T10:00:00Z\",\"nonce\":\"pTcNzdfKY2hoBk3nTj0PvA\","
	"\"release_hash\":\"zq0Yv1Wg0S0kY4s3mE5oYx1iX8i3JxCqyb6lY0mJb7Q\",\"lease\":\"a.b.c\",\"key\":{\"kind\":\"Z\",\"number\":7,"
	"\"proof\":\"zq0Yv1Wg0S0kY4s3mE5oYx1iX8i3JxCqyb6lY0mJb7Q\"},\"access\":{\"per\":\"user\",\"user\":\"anna\",\"version\":\"2019\"},\"queue\":false,\"colour\":[1,{}]}";

static struct muster_span span(const char *text)
{
	return (struct muster_span){ (const uint8_t *)text, strlen(text) };
}

START_TEST(test_activate_good)
{
	struct activate a;
	struct activate_fault f = { 0 };

	ck_assert_int_eq(activate_parse(&a, span(good), &f), MUSTER_OK);
	ck_assert_uint_eq(a.activation_id[0], 0x2e);
	ck_assert_uint_eq(a.client_id[0], 0x6d);
	ck_assert(a.has_hw && a.is_virtual && a.has_minutes && a.has_release && a.has_key && !a.whole_key);
	ck_assert_uint_eq(a.hw[0], 3);
	ck_assert_str_eq(a.name, "pc-17");
	ck_assert_str_eq(a.os, "linux");
	ck_assert_uint_eq(a.status, 2);
	ck_assert_int_eq(a.minutes, 43200);
	ck_assert_int_eq(a.time, 1795341600000);
	ck_assert_uint_eq(a.nonce_len, 16);
	ck_assert_int_eq(a.key_kind, 'Z');
	ck_assert_uint_eq(a.key_number, 7);
	ck_assert_uint_eq(a.lease_len, 5);
	ck_assert_str_eq(a.lease, "a.b.c");
	ck_assert_uint_eq(a.per, MUSTER_PER_USER);
	ck_assert_str_eq(a.user, "anna");
	ck_assert_str_eq(a.version, "2019");
	ck_assert(!a.queue);
}
END_TEST

START_TEST(test_activate_every_prefix_is_refused)
{
	struct activate a;
	struct activate_fault f;

	for (size_t n = 0; n < sizeof good - 1; n++) {
		memset(&f, 0, sizeof f);
		ck_assert_int_eq(activate_parse(&a, (struct muster_span){ (const uint8_t *)good, n }, &f), MUSTER_E_INVALID);
		ck_assert_uint_eq(f.code, CODE_M_BODY);
		ck_assert_uint_gt(strlen(f.detail), 10);
	}
}
END_TEST

/* Take each member away and give it each type: never accepted with a type that is not its own, and named when refused. */
START_TEST(test_activate_every_member_of_every_type)
{
	static const char *const types[] = { "null", "true", "5", "5.5", "\"x\"", "[]", "{}", "-1", "\"\"", "1e400" };
	static const struct { const char *name, *good; } members[] = {
		{ "activation_id", "" }, { "client_id", "" }, { "machine", "{}" }, { "license_status", "5" }, { "time", "" }, { "nonce", "" },
		{ "release_hash", "null" }, { "lease", "null \"x\"" }, { "minutes_left", "null 5" }, { "key", "null \"x\" \"\"" },
		{ "access", "null {}" }, { "queue", "null true" },
	};
	struct activate a;
	struct activate_fault f;

	for (size_t m = 0; m < sizeof members / sizeof members[0]; m++) {
		for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
			json_t *o = json_loads(good, 0, NULL), *v = json_loads(types[t], JSON_DECODE_ANY, NULL);
			char *body;
			int r;

			if (v == NULL) {  /* 1e400 cannot even be read */
				json_decref(o);
				continue;
			}
			json_object_set_new(o, members[m].name, v);
			body = json_dumps(o, JSON_COMPACT);
			memset(&f, 0, sizeof f);
			r = activate_parse(&a, span(body), &f);
			ck_assert_msg((r == MUSTER_OK) == (strstr(members[m].good, types[t]) != NULL), "%s: %s", members[m].name, types[t]);
			if (r != MUSTER_OK)
				ck_assert_msg(strncmp(f.field, members[m].name, strlen(members[m].name)) == 0, "%s: %s", members[m].name, f.field);
			free(body);
			json_decref(o);
		}
	}
}
END_TEST

START_TEST(test_activate_depth)
{
	struct activate a;
	struct activate_fault f = { 0 };
	char body[200] = "";

	memset(body, '[', 17);
	ck_assert_int_eq(activate_parse(&a, span(body), &f), MUSTER_E_INVALID);
	ck_assert_ptr_nonnull(strstr(f.detail, "16 levels"));
	/* Brackets within a string, also behind an escaped quote, are no levels. */
	ck_assert_int_eq(activate_parse(&a, span("{\"x\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}"), &f), MUSTER_E_INVALID);
	ck_assert_str_eq(f.field, "activation_id");
}
END_TEST

START_TEST(test_release_body)
{
	struct release_body r;
	struct activate_fault f = { 0 };

	ck_assert_int_eq(release_parse(&r, span("{\"lease\":\"a.b.c\",\"release\":\"zq0Yv1Wg0S0kY4s3mE5oYx1iX8i3JxCqyb6lY0mJb7Q\"}"), &f), MUSTER_OK);
	ck_assert_uint_eq(r.lease_len, 5);
	ck_assert_uint_eq(r.secret[0], 0xce);
	ck_assert_int_eq(release_parse(&r, span("{\"release\":\"zq0Yv1Wg0S0kY4s3mE5oYx1iX8i3JxCqyb6lY0mJb7Q\"}"), &f), MUSTER_E_INVALID);
	ck_assert_str_eq(f.field, "lease");
	ck_assert_int_eq(release_parse(&r, span("{\"lease\":\"a\"}"), &f), MUSTER_E_INVALID);
	ck_assert_str_eq(f.field, "release");
	ck_assert_int_eq(release_parse(&r, span("{\"lease\":\"a\",\"release\":\"AA\"}"), &f), MUSTER_E_INVALID);
	ck_assert_int_eq(release_parse(&r, span("[]"), &f), MUSTER_E_INVALID);
	ck_assert_uint_eq(f.code, CODE_M_BODY);
}
END_TEST

/* What access and seats products ask for: defaults, limits, the member at fault. */
START_TEST(test_activate_wants)
{
	static const struct { const char *access, *field; } cases[] = {
		{ "{}", NULL }, { "{\"per\":\"device\"}", NULL }, { "{\"user\":\"\\u00e7\"}", NULL }, { "{\"user\":\"255\"}", NULL }, { "{\"version\":\"63\"}", NULL }, { "{\"x\":1}", NULL },
		{ "{\"per\":\"\"}", "access.per" }, { "{\"per\":\"users\"}", "access.per" }, { "{\"per\":\"Device\"}", "access.per" }, { "{\"per\":1}", "access.per" },
		{ "{\"user\":\"\"}", "access.user" }, { "{\"user\":\"256\"}", "access.user" }, { "{\"user\":\"a\\u0007b\"}", "access.user" }, { "{\"user\":[]}", "access.user" },
		{ "{\"version\":\"\"}", "access.version" }, { "{\"version\":\"64\"}", "access.version" }, { "{\"version\":2019}", "access.version" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		json_t *o = json_loads(good, 0, NULL), *access = json_loads(cases[i].access, 0, NULL), *v;
		struct activate_fault f = { 0 };
		struct activate a;
		const char *name;
		char *body;
		int r;

		/* a number stands for so many bytes */
		json_object_foreach(access, name, v) {
			char text[300];
			long n = json_is_string(v) ? strtol(json_string_value(v), NULL, 10) : 0;

			if (n > 0) {
				memset(text, 'u', (size_t)n);
				ck_assert_int_eq(json_string_setn(v, text, (size_t)n), 0);
			}
		}
		json_object_set_new(o, "access", access);
		(void)json_object_del(o, "queue");
		body = json_dumps(o, JSON_COMPACT);
		r = activate_parse(&a, span(body), &f);
		ck_assert_msg((r == MUSTER_OK) == (cases[i].field == NULL), "%s: %s", cases[i].access, f.detail);
		if (r == MUSTER_OK)
			ck_assert(a.queue);
		else
			ck_assert_str_eq(f.field, cases[i].field);
		free(body);
		json_decref(o);
	}
}
END_TEST

/* A whole key is handed on up to its limit, wiped on demand, and with a request that is refused at once. */
START_TEST(test_activate_whole_key)
{
	struct activate_fault f = { 0 };
	char key[80], *body;
	struct activate a;

	for (size_t n = 0; n <= ACTIVATE_KEY_MAX + 1; n += n == 0 ? 29 : 1) {
		json_t *o = json_loads(good, 0, NULL);

		memset(key, 'K', n);
		key[n] = '\0';
		json_object_set_new(o, "key", json_string(key));
		body = json_dumps(o, JSON_COMPACT);
		ck_assert_int_eq(activate_parse(&a, span(body), &f), MUSTER_OK);
		ck_assert(a.whole_key && a.has_key);
		ck_assert_uint_eq(a.key_text_n, n <= ACTIVATE_KEY_MAX ? n : 0);
		ck_assert_mem_eq(a.key_text, key, a.key_text_n);
		activate_wipe(&a);
		ck_assert_uint_eq(a.key_text_n, 0);
		for (size_t i = 0; i < sizeof a.key_text; i++)
			ck_assert_int_eq(a.key_text[i], 0);
		free(body);
		json_object_set_new(o, "queue", json_string("no"));
		body = json_dumps(o, JSON_COMPACT);
		ck_assert_int_eq(activate_parse(&a, span(body), &f), MUSTER_E_INVALID);
		ck_assert(a.whole_key);
		ck_assert_ptr_null(strchr(a.key_text, 'K'));
		free(body);
		json_decref(o);
	}
}
END_TEST

/* Which bodies are read in place. Each must then read as the library reads it, which knows nothing of the short way. */
START_TEST(test_members_plain)
{
	static const struct { const char *body; bool plain; } cases[] = {
		{ "{}", true }, { " {\t}\r\n", true }, { "{\"license_status\":2}", true }, { "{\"license_status\":-0}", true }, { "{\"lease\" : \"a{[,:\" }", true },
		{ "{\"machine\":{},\"key\":{\"number\":0}}", true }, { "{\"machine\":\"x\",\"key\":true}", true }, { "{\"nonce\":999999999999999999}", true },
		{ "{\"machine\":{\"name\":\"a\",\"virtual\":false},\"time\":\"\"}", true },
		{ "{\"access\":{}}", true }, { "{\"queue\":true,\"access\":{\"per\":\"user\",\"user\":\"a b\",\"version\":\"2019\"}}", true }, { "{\"access\":\"device\",\"queue\":1}", true },
		{ "{\"machine\":{\"facts\":{}}}", true }, { "{\"machine\":{\"facts\":{\"a.b\":\"1\",\"c\":true, \"d\" : -7}}}", true }, { "{\"machine\":{\"facts\":1}}", true },
		/* what the library accepts as well and the short way leaves to it */
		{ "{\"access\":{\"queue\":true}}", false }, { "{\"per\":\"user\"}", false }, { "{\"access\":{\"user\":null}}", false }, { "{\"access\":{\"user\":{}}}", false },
		{ "{\"access\":{\"per\":\"user\",\"per\":\"user\"}}", false }, { "{\"access\":{\"user\":\"a\"}", false }, { "{\"queue\":{}}", false },
		{ "{\"facts\":{}}", false }, { "{\"machine\":{\"facts\":{\"a\":{}}}}", false }, { "{\"machine\":{\"facts\":{\"a\":1,\"a\":2}}}", false },
		{ "{\"machine\":{\"facts\":{\"a\":null}}}", false }, { "{\"machine\":{\"facts\":{\"a\":1}", false },
		{ "{\"colour\":1}", false }, { "{\"name\":\"x\"}", false }, { "{\"machine\":{\"time\":1}}", false }, { "{\"time\":null}", false }, { "{\"time\":[]}", false },
		{ "{\"time\":{}}", false }, { "{\"time\":\"\\u0041\"}", false }, { "{\"time\":\"\xc3\xa4\"}", false }, { "{\"ti\\u006de\":1}", false },
		{ "{\"license_status\":2.0}", false }, { "{\"license_status\":1e2}", false }, { "{\"nonce\":1000000000000000000}", false },
		/* what is no JSON, or stands twice */
		{ "", false }, { "[]", false }, { "{", false }, { "{\"", false }, { "{\"time\"", false }, { "{\"time\":", false }, { "{\"time\":}", false }, { "{\"time\":1", false },
		{ "{\"time\":1,}", false }, { "{\"time\":1}x", false }, { "{\"time\":01}", false }, { "{\"time\":-}", false }, { "{\"time\":+1}", false }, { "{\"time\":truer}", false },
		{ "{\"time\":tru", false }, { "{\"time\":1 2}", false }, { "{\"time\":\"a\tb\"}", false }, { "{\"time\":1,\"time\":1}", false }, { "{time:1}", false },
		{ "{\"machine\":{\"os\":\"a\",\"os\":\"b\"}}", false }, { "{\"machine\":{\"os\":\"a\"}", false }, { "{\"machine\":{{}}}", false }, { "{,}", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct members plain, library;
		struct activate_fault f = { 0 };

		ck_assert_msg(members_plain(&plain, span(cases[i].body)) == cases[i].plain, "%s", cases[i].body);
		if (!cases[i].plain)
			continue;
		ck_assert_int_eq(members_library(&library, span(cases[i].body), &f), MUSTER_OK);
		for (size_t m = 0; m < MEMBER_COUNT; m++) {
			ck_assert_msg(plain.of[m].type == library.of[m].type, "%s: %s", cases[i].body, plain.of[m].name);
			ck_assert_int_eq(plain.of[m].number, library.of[m].number);
			ck_assert_uint_eq(plain.of[m].n, library.of[m].n);
			ck_assert(plain.of[m].n == 0 || memcmp(plain.of[m].text, library.of[m].text, plain.of[m].n) == 0);
		}
		ck_assert_uint_eq(plain.fact_count, library.fact_count);
		for (size_t k = 0; k < plain.fact_count; k++) {
			ck_assert_mem_eq(plain.facts[k].name, library.facts[k].name, plain.facts[k].name_n);
			ck_assert_int_eq(plain.facts[k].type, library.facts[k].type);
			ck_assert_int_eq(plain.facts[k].number, library.facts[k].number);
		}
		members_free(&library);
	}
}
END_TEST

/* machine.facts of a good request, what is handed on, or words of the refusal. */
static void facts(const char *text, const char *handed_on, const char *words)
{
	json_t *o = json_loads(good, 0, NULL), *f = json_loads(text, JSON_DECODE_ANY, NULL);
	struct activate_fault fault = { 0 };
	struct activate a;
	char *body;
	int r;

	ck_assert_msg(f != NULL, "%s", text);
	json_object_set_new(json_object_get(o, "machine"), "facts", f);
	body = json_dumps(o, JSON_COMPACT);
	r = activate_parse(&a, span(body), &fault);
	if (handed_on != NULL) {
		ck_assert_int_eq(r, MUSTER_OK);
		ck_assert_str_eq(a.facts, handed_on);
	} else {
		ck_assert_int_eq(r, MUSTER_E_INVALID);
		ck_assert_str_eq(fault.field, "machine.facts");
		ck_assert_msg(strstr(fault.detail, words) != NULL, "%s", fault.detail);
	}
	free(body);
	json_decref(o);
}

/* 64 members, names of 64 and texts of 256 bytes, 4 KiB together; strings, booleans and integers. */
START_TEST(test_activate_facts)
{
	char long_name[80], long_text[300], text[8192];
	size_t n;

	facts("{}", "{}", NULL);
	facts("null", "", NULL);
	facts("{\"a\":\"22H2\",\"b\":true,\"c\":false,\"d\":-5}", "{\"a\":\"22H2\",\"b\":true,\"c\":false,\"d\":-5}", NULL);
	facts("{\"q\\\"\":\"\\\\\\u00e4\",\"n\":null}", "{\"q\\\"\":\"\\\\\xc3\xa4\"}", NULL);
	facts("[]", NULL, "must be an object and is an array");
	facts("{\"a\":1.5}", NULL, "a number with a fraction");
	facts("{\"a\":[]}", NULL, "an array");
	facts("{\"\":1}", NULL, "1 to 64 bytes");
	facts("{\"a\":\"\\n\"}", NULL, "without control characters");
	for (size_t names = 64; names <= 65; names++) {
		memset(long_name, 'n', names);
		long_name[names] = '\0';
		snprintf(text, sizeof text, "{\"%s\":1}", long_name);
		facts(text, names == 64 ? text : NULL, "1 to 64 bytes");
	}
	for (size_t texts = 256; texts <= 257; texts++) {
		memset(long_text, 't', texts);
		long_text[texts] = '\0';
		snprintf(text, sizeof text, "{\"a\":\"%s\"}", long_text);
		facts(text, texts == 256 ? text : NULL, "at most 256 bytes");
	}
	for (size_t members = 64; members <= 65; members++) {
		n = 0;
		for (size_t i = 0; i < members; i++)
			n += (size_t)snprintf(text + n, sizeof text - n, "%c\"f%zu\":%zu", i == 0 ? '{' : ',', i, i);
		snprintf(text + n, sizeof text - n, "}");
		facts(text, members == 64 ? text : NULL, "at most 64 members and has 65");
	}
	memset(long_text, 't', 256);
	long_text[256] = '\0';
	for (size_t i = n = 0; i < 16; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%c\"%zu\":\"%s\"", i == 0 ? '{' : ',', i, long_text);
	snprintf(text + n, sizeof text - n, "}");
	facts(text, NULL, "longer than 4096 bytes");
}
END_TEST

UNIT_MAIN("service_activate", test_activate_wants, test_activate_whole_key, test_members_plain, test_activate_good, test_activate_every_prefix_is_refused, test_activate_every_member_of_every_type,
          test_activate_depth, test_activate_facts, test_release_body)
