/* Entries of the estate's books: one form of each value, and what is refused with which sentence. */
#include "tests/unit/unit.h"

#include <string.h>

#include "core/estate/kinds.h"

static json_t *parse(const char *text)
{
	json_error_t why;
	json_t *o = json_loads(text, 0, &why);

	ck_assert_msg(o != NULL, "%s: %s", text, why.text);
	return o;
}

static void becomes(const char *kind, const char *given, const char *expected)
{
	json_t *o = parse(given), *as = parse(expected);
	struct muster_err err = { 0 };
	char *got;

	ck_assert_msg(estate_entry_check(estate_kind_find(kind), o, &err) == MUSTER_OK, "%s: %s", given, err.message);
	got = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
	ck_assert_msg(json_equal(o, as), "%s became %s", given, got);
	/* Its one form stays as it is. */
	ck_assert_int_eq(estate_entry_check(estate_kind_find(kind), o, &err), MUSTER_OK);
	ck_assert(json_equal(o, as));
	free(got);
	json_decref(o);
	json_decref(as);
}

static void refused(const char *kind, const char *given, int result, const char *sentence)
{
	struct muster_err err = { 0 };
	json_t *o = parse(given);
	int r = estate_entry_check(estate_kind_find(kind), o, &err);

	ck_assert_msg(r == result, "%s: %d %s", given, r, err.message);
	ck_assert_msg(strstr(err.message, sentence) != NULL, "%s: \"%s\" is not in \"%s\"", given, sentence, err.message);
	ck_assert_msg(strstr(err.message, "AAAAA-BBBBB") == NULL && strstr(err.message, "aaaaa-bbbbb") == NULL, "a key in a message: %s", err.message);
	json_decref(o);
}

START_TEST(test_estate_kinds_table)
{
	size_t n;
	const struct estate_kind *kinds = estate_kinds(&n);

	for (size_t i = 0; i < n; i++) {
		ck_assert(estate_kind_find(kinds[i].name) == &kinds[i] && estate_kind_find(kinds[i].plural) == &kinds[i]);
		ck_assert(strlen(kinds[i].record) < 32);
		for (size_t j = 0; j < kinds[i].field_count; j++) {
			const struct estate_field *f = &kinds[i].fields[j];

			ck_assert_msg(estate_field_find(&kinds[i], f->name) == f, "%s: %s is there twice", kinds[i].name, f->name);
			ck_assert(f->heading != NULL && f->doc != NULL);
			if (f->type == ESTATE_REF)
				ck_assert_ptr_nonnull(estate_kind_find(f->of));
			if (f->type == ESTATE_CHOICE)
				ck_assert_ptr_nonnull(strchr(f->of, '|'));
			if (f->type == ESTATE_TEXT)
				ck_assert(f->max > 0);
			for (const char *p = f->synonyms; p != NULL && *p != '\0'; p++)
				ck_assert(*p < 'A' || *p > 'Z');
		}
	}
	ck_assert_ptr_null(estate_kind_find("key "));
}
END_TEST

START_TEST(test_estate_kinds_forms)
{
	becomes("organisation", "{\"name\":\"  Example GmbH\\u00a0\",\"note\":null,\"parent\":\" \"}", "{\"name\":\"Example GmbH\"}");
	becomes("organisation", "{\"id\":\"ex-1\",\"name\":\"E\",\"contacts\":[\"c1\",\"c2\",\"c1\",\"\"]}", "{\"id\":\"ex-1\",\"name\":\"E\",\"contacts\":[\"c1\",\"c2\"]}");
	becomes("organisation", "{\"name\":\"E\",\"contacts\":[]}", "{\"name\":\"E\"}");
	becomes("organisation", "{\"name\":\"E\",\"note\":\" one \\r\\n\\ttwo  \\rthree\\n\"}", "{\"name\":\"E\",\"note\":\"one\\n\\ttwo\\nthree\"}");
	becomes("agreement", "{\"programme\":\"Open Value\",\"start\":\"2024-02-29\",\"end\":\"2027-02-28\"}", "{\"programme\":\"Open Value\",\"start\":\"2024-02-29\",\"end\":\"2027-02-28\"}");
	becomes("order", "{\"number\":\"A-1\",\"state\":\"Canceled\",\"bought\":12}", "{\"number\":\"A-1\",\"state\":\"cancelled\",\"bought\":12}");
	becomes("product", "{\"name\":\"P\",\"activation_ids\":[\"{2E28138A-847F-42BC-9752-61B03FFF33CD}\",\"2e28138a-847f-42bc-9752-61b03fff33cd\"],\"keyless\":true}",
	        "{\"name\":\"P\",\"activation_ids\":[\"2e28138a-847f-42bc-9752-61b03fff33cd\"],\"keyless\":true}");
	becomes("product", "{\"name\":\"P\",\"setup_key\":\"aaaaa\\u2014bbbbb\\u2014ccccc\\u2014ddddd\\u2014eeeee\"}", "{\"name\":\"P\",\"setup_key\":\"AAAAA-BBBBB-CCCCC-DDDDD-EEEEE\"}");
	becomes("key", "{\"kind\":\"MAK\",\"partial\":\"eeeee\",\"used\":-1}", "{\"kind\":\"mak\",\"partial\":\"EEEEE\",\"used\":-1}");
	becomes("key", "{\"kind\":\"KMS\",\"partial\":\"*****-*****-*****-*****-eeeee\"}", "{\"kind\":\"host\",\"partial\":\"EEEEE\"}");
	/* A whole number of licence IDs, which is no key. */
	becomes("key", "{\"kind\":\"mak\",\"partial\":\"EEEEE\",\"license_ids\":[\"12345-67890-12345-67890-12345\"],\"note\":\"server 12345-67890-12345-67890-12345-6789A-12345\"}",
	        "{\"kind\":\"mak\",\"partial\":\"EEEEE\",\"license_ids\":[\"12345-67890-12345-67890-12345\"],\"note\":\"server 12345-67890-12345-67890-12345-6789A-12345\"}");
}
END_TEST

START_TEST(test_estate_kinds_keys)
{
	static const char *const typed[] = {
		"AAAAA-BBBBB-CCCCC-DDDDD-EEEEE", "aaaaa-bbbbb-ccccc-ddddd-eeeee", "AAAAABBBBBCCCCCDDDDDEEEEE", " AAAAA BBBBB CCCCC DDDDD EEEEE\\t",
		"AAAAA\\u2014BBBBB\\u2014CCCCC\\u2013DDDDD\\u2212EEEEE", "AAAAA -\\u00a0BBBBB\\u2009-CCCCC-\\u200bDDDDD-EEEEE", "AAAAA--BBBBB-CCCCC-DDDDD-EEEEE-"
	};
	char given[256];

	for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++) {
		snprintf(given, sizeof given, "{\"kind\":\"mak\",\"key\":\"%s\"}", typed[i]);
		becomes("key", given, "{\"kind\":\"mak\",\"key\":\"AAAAA-BBBBB-CCCCC-DDDDD-EEEEE\",\"partial\":\"EEEEE\"}");
	}
	refused("key", "{\"kind\":\"mak\",\"key\":\"AAAAA-BBBBB-CCCCC-DDDDD-EEEE\"}", MUSTER_E_INVALID, "24 letters and digits; a product key has 25");
	refused("key", "{\"kind\":\"mak\",\"key\":\"AAAAA-BBBBB-CCCCC-DDDDD-EEEEEE\"}", MUSTER_E_INVALID, "26 letters and digits");
	refused("key", "{\"kind\":\"mak\",\"key\":\"AAAA-ABBBBB-CCCCC-DDDDD-EEEEE\"}", MUSTER_E_INVALID, "five groups of five letters and digits");
	refused("key", "{\"kind\":\"mak\",\"key\":\"AAAAA-BBBBB-CCCCC-DDDDD-EEEE\\u00c4\"}", MUSTER_E_INVALID, "five groups of five");
	refused("key", "{\"kind\":\"mak\",\"key\":\"AAAAA-BBBBB-CCCCC-DDDDD-EEEEE\",\"partial\":\"FFFFF\"}", MUSTER_E_INVALID, "partial is FFFFF");
	refused("key", "{\"kind\":\"mak\",\"note\":\"it is AAAAA-BBBBB-CCCCC-DDDDD-EEEEE.\"}", MUSTER_E_INVALID, "note holds what looks like a whole product key");
	refused("key", "{\"kind\":\"mak\",\"products\":[\"aaaaa-bbbbb-ccccc-ddddd-eeeee\"]}", MUSTER_E_INVALID, "products holds what looks like");
	refused("key", "{\"kind\":\"AAAAA-BBBBB-CCCCC-DDDDD-EEEEE\"}", MUSTER_E_INVALID, "kind is \"(hidden: it looks like a product key)\"; it takes one of");
	refused("key", "{\"kind\":\"AAAAA-BBBBB-CCCCC-DDDDD-EEEEEE\"}", MUSTER_E_INVALID, "kind is \"(hidden");
	refused("key", "{\"kind\":\"mak\",\"aaaaa bbbbb ccccc ddddd eeeee\":1}", MUSTER_E_INVALID, "no field \"(hidden");
	refused("key", "{\"kind\":\"mak\"}", MUSTER_E_INVALID, "neither partial nor key nor products");
	refused("key", "{\"kind\":\"mak\",\"partial\":\"EEEE\"}", MUSTER_E_INVALID, "last five letters and digits");
	refused("key", "{\"kind\":\"mak\",\"partial\":\"AEEEEE\"}", MUSTER_E_INVALID, "last five letters and digits");
}
END_TEST

START_TEST(test_estate_kinds_refused)
{
	refused("organisation", "[]", MUSTER_E_INVALID, "organisation: an entry is an object");
	refused("organisation", "{}", MUSTER_E_INVALID, "organisation: name is missing: its name");
	refused("organisation", "{\"name\":\" \"}", MUSTER_E_INVALID, "name is missing");
	refused("organisation", "{\"name\":7}", MUSTER_E_INVALID, "name is a number; it takes a string");
	refused("organisation", "{\"name\":\"a\\nb\"}", MUSTER_E_INVALID, "name holds a control character; it takes one line of text");
	refused("organisation", "{\"name\":\"a\\u0085b\"}", MUSTER_E_INVALID, "name holds a control character");
	refused("organisation", "{\"name\":\"E\",\"nmae\":\"x\"}", MUSTER_E_INVALID, "organisation has no field \"nmae\"; did you mean name?");
	refused("organisation", "{\"name\":\"E\",\"Name\":\"x\"}", MUSTER_E_INVALID, "no field \"Name\"");
	refused("organisation", "{\"name\":\"E\",\"id\":\"-x\"}", MUSTER_E_INVALID, "id takes letters, digits");
	refused("organisation", "{\"name\":\"E\",\"contacts\":\"c\"}", MUSTER_E_INVALID, "contacts is a string; it takes a list of strings");
	refused("organisation", "{\"name\":\"E\",\"contacts\":[1]}", MUSTER_E_INVALID, "contacts is a number; it takes a list of strings");
	refused("agreement", "{\"programme\":\"x\",\"start\":\"2023-02-29\"}", MUSTER_E_INVALID, "start is \"2023-02-29\"; it takes a day of the calendar");
	refused("agreement", "{\"programme\":\"x\",\"start\":\"soon\"}", MUSTER_E_INVALID, "start is \"soon\"; it takes a date, YYYY-MM-DD");
	refused("agreement", "{\"programme\":\"x\",\"start\":\"2024-01-02\",\"end\":\"2024-01-01\"}", MUSTER_E_INVALID, "end 2024-01-01 is before start 2024-01-02");
	refused("order", "{\"number\":\"1\",\"state\":\"lost\"}", MUSTER_E_INVALID, "state is \"lost\"; it takes one of: submitted, fulfilled, cancelled");
	refused("order", "{\"number\":\"1\",\"state\":\"submitted\",\"bought\":\"7\"}", MUSTER_E_INVALID, "bought is a string; it takes a whole number");
	refused("order", "{\"number\":\"1\",\"state\":\"submitted\",\"bought\":-2}", MUSTER_E_INVALID, "bought is -2");
	refused("order", "{\"number\":\"1\",\"state\":\"submitted\",\"bought\":1.5}", MUSTER_E_INVALID, "a number with a fraction");
	refused("order", "{\"number\":\"1\",\"state\":\"submitted\",\"bought\":9000000000000}", MUSTER_E_INVALID, "it takes a number from 0 to 999999999999");
	refused("product", "{\"name\":\"p\",\"keyless\":\"yes\"}", MUSTER_E_INVALID, "keyless is a string; it takes true or false");
	refused("product", "{\"name\":\"p\",\"activation_ids\":[\"x\"]}", MUSTER_E_INVALID, "activation_ids is \"x\"; it takes a UUID");
	refused("product", "{\"name\":\"p\",\"keyless\":true,\"setup_key\":\"AAAAA-BBBBB-CCCCC-DDDDD-EEEEE\"}", MUSTER_E_INVALID, "cannot need no key");
}
END_TEST

START_TEST(test_estate_kinds_limits)
{
	struct muster_err err = { 0 };
	json_t *o = parse("{\"name\":\"E\",\"contacts\":[]}"), *list = json_object_get(o, "contacts"), *hosts;
	char text[300];

	for (int i = 0; i < ESTATE_LIST_MAX; i++)
		json_array_append_new(list, json_sprintf("c%d", i));
	ck_assert_int_eq(estate_entry_check(estate_kind_find("organisation"), o, &err), MUSTER_OK);
	ck_assert_uint_eq(json_array_size(json_object_get(o, "contacts")), ESTATE_LIST_MAX);
	json_array_append_new(json_object_get(o, "contacts"), json_string("one-more"));
	ck_assert_int_eq(estate_entry_check(estate_kind_find("organisation"), o, &err), MUSTER_E_LIMIT);
	ck_assert_ptr_nonnull(strstr(err.message, "contacts holds more than 256 values"));
	memset(text, 'x', sizeof text);
	text[201] = '\0';
	json_object_set_new(o, "name", json_string(text));
	ck_assert_int_eq(estate_entry_check(estate_kind_find("organisation"), o, &err), MUSTER_E_LIMIT);
	ck_assert_ptr_nonnull(strstr(err.message, "name is 201 bytes long; it takes at most 200"));
	json_decref(o);
	/* Every value within its limit, the entry not. */
	o = parse("{\"kind\":\"mak\",\"partial\":\"EEEEE\",\"hosts\":[],\"products\":[]}");
	hosts = json_object_get(o, "hosts");
	for (int i = 0; i < ESTATE_LIST_MAX; i++)
		json_array_append_new(hosts, json_sprintf("%0250d", i));
	for (int i = 0; i < 20; i++)
		json_array_append_new(json_object_get(o, "products"), json_sprintf("%0200d", i));
	ck_assert_int_eq(estate_entry_check(estate_kind_find("key"), o, &err), MUSTER_E_LIMIT);
	ck_assert_ptr_nonnull(strstr(err.message, "at most 65536 are kept"));
	json_decref(o);
}
END_TEST

static void sets(const char *kind, const char *field, const char *text, const char *json)
{
	const struct estate_kind *k = estate_kind_find(kind);
	const struct estate_field *f = estate_field_find(k, field);
	struct muster_err err = { 0 };
	json_t *o = json_object(), *again = json_object(), *v = json_loads(json, JSON_DECODE_ANY, NULL);
	char back[2048], *got;

	ck_assert_msg(estate_entry_set(k, o, f, text, &err) == MUSTER_OK, "%s: %s", text, err.message);
	got = json_dumps(o, JSON_COMPACT);
	ck_assert_msg(json_equal(json_object_get(o, f->name), v) || (json_is_null(v) && json_object_size(o) == 0), "%s=%s gave %s", field, text, got);
	free(got);
	/* As text, and back. */
	estate_entry_text(k, o, f, back, sizeof back);
	if (f->type != ESTATE_KEY) {
		ck_assert_ptr_null(strchr(back, '\n'));
		ck_assert_msg(estate_entry_set(k, again, f, back, &err) == MUSTER_OK && json_equal(o, again), "%s: %s", back, err.message);
	} else {
		ck_assert_str_eq(back, "");
	}
	json_decref(o);
	json_decref(again);
	json_decref(v);
}

static void sets_not(const char *kind, const char *field, const char *text, const char *sentence)
{
	const struct estate_kind *k = estate_kind_find(kind);
	struct muster_err err = { 0 };
	json_t *o = json_object();

	ck_assert_msg(estate_entry_set(k, o, estate_field_find(k, field), text, &err) < 0, "%s", text);
	ck_assert_msg(strstr(err.message, sentence) != NULL, "%s: %s", text, err.message);
	ck_assert_uint_eq(json_object_size(o), 0);
	json_decref(o);
}

START_TEST(test_estate_kinds_set)
{
	sets("key", "used", "1,234", "1234");
	sets("key", "used", "1.234.567", "1234567");
	sets("key", "used", " 0 ", "0");
	sets("key", "used", "unknown", "-1");
	sets("key", "used", "-1", "-1");
	sets("key", "used", "", "null");
	sets("key", "coverage_start", "2026/3/1", "\"2026-03-01\"");
	sets("key", "coverage_start", "1.3.2026", "\"2026-03-01\"");
	sets("key", "coverage_start", "3/1/2026 12:00:00 AM", "\"2026-03-01\"");
	sets("key", "coverage_start", "2026-03-01T00:00:00Z", "\"2026-03-01\"");
	sets("key", "products", "Office LTSC, Visio\\, Project , Office LTSC,", "[\"Office LTSC\",\"Visio, Project\"]");
	sets("key", "products", "C:\\setup, a\\\\b", "[\"C:\\\\setup\",\"a\\\\b\"]");
	sets("key", "note", "one\\ntwo, C:\\temp", "\"one\\ntwo, C:\\\\temp\"");
	sets("key", "kind", "Kms Host", "\"host\"");
	sets("key", "key", "aaaaa bbbbb ccccc ddddd eeeee", "\"AAAAA-BBBBB-CCCCC-DDDDD-EEEEE\"");
	sets("key", "organisations", "Example GmbH, ex-2", "[\"Example GmbH\",\"ex-2\"]");
	sets("product", "keyless", "ON", "true");
	sets("product", "keyless", "n", "false");
	sets_not("key", "used", "1,23", "used is \"1,23\"; it takes a number from 0, or unknown");
	sets_not("key", "used", "12x", "it takes a number");
	sets_not("key", "used", "1234567890123", "it takes a number");
	sets_not("key", "coverage_start", "31/12/2026", "a day of the calendar");
	sets_not("key", "coverage_start", "1-3-2026", "YYYY-MM-DD");
	sets_not("key", "coverage_start", "2026-03", "YYYY-MM-DD");
	sets_not("key", "coverage_start", "99999-01-01", "YYYY-MM-DD");
	sets_not("key", "kind", "makk", "one of: host, mak, esu, setup, embedded, retail, other");
	sets_not("key", "products", "a\x07", "control character");
	sets_not("product", "keyless", "perhaps", "yes or no");
}
END_TEST

/* Into little room: whole characters only. */
START_TEST(test_estate_kinds_cut)
{
	const struct estate_kind *k = estate_kind_find("organisation");
	json_t *o = parse("{\"name\":\"a\\u00e4\\u20ac\"}");
	static const char *const by_room[] = { "", "", "a", "a", "a\xc3\xa4", "a\xc3\xa4", "a\xc3\xa4", "a\xc3\xa4\xe2\x82\xac" };
	char out[16];

	for (size_t n = 1; n < sizeof by_room / sizeof by_room[0]; n++) {
		memset(out, 'x', sizeof out);
		ck_assert_str_eq(estate_entry_text(k, o, estate_field_find(k, "name"), out, n), by_room[n]);
	}
	json_decref(o);
}
END_TEST

START_TEST(test_estate_kinds_wipe)
{
	json_t *o = parse("{\"kind\":\"mak\",\"key\":\"AAAAA-BBBBB-CCCCC-DDDDD-EEEEE\"}");
	const char *key = json_string_value(json_object_get(o, "key"));

	estate_entry_wipe(o);
	for (int i = 0; i < 29; i++)
		ck_assert_int_eq(key[i], 0);
	estate_entry_wipe(NULL);
	json_decref(o);
}
END_TEST

UNIT_MAIN("estate kinds", test_estate_kinds_table, test_estate_kinds_forms, test_estate_kinds_keys, test_estate_kinds_refused, test_estate_kinds_limits, test_estate_kinds_set,
	test_estate_kinds_cut, test_estate_kinds_wipe)
