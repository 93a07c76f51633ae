/* Requests for more: fields, refusals, notes, and the text to send. */
#include "tests/unit/unit.h"

#include <string.h>

#include "core/cli/request_rules.h"
#include "core/estate/kinds.h"

#define WHOLE_MAK "{\"about\":\"mak-limit\",\"reference\":\"V1234567\",\"authorization\":\"A765\",\"product\":\"Office LTSC 2021 Standard\",\"partial\":\"EEEEE\",\"needed\":50,\"reason\":\"a new site\"}"
#define WHOLE_HOST "{\"about\":\"host-activations\",\"reference\":\"V1234567\",\"product\":\"Windows Server 2022\",\"needed\":2,\"reason\":\"a new site\"}"
#define MAK_KEY "{\"id\":\"EEEEE-123456\",\"kind\":\"mak\",\"partial\":\"EEEEE\",\"products\":[\"Office LTSC 2021 Standard\"],\"license_ids\":[\"L1\"],\"allowed\":100,\"used\":99}"
#define HOST_KEY "{\"id\":\"FFFFF-123456\",\"kind\":\"host\",\"partial\":\"FFFFF\",\"products\":[\"Windows Server 2022\"]}"
#define ENTERPRISE "{\"programme\":\"Enterprise\",\"number\":\"V1234567\",\"authorization\":\"A765\"}"
#define OPEN_VALUE "{\"programme\":\"Open Value\",\"number\":\"V1234567\"}"
#define OPEN_LICENSE "{\"programme\":\"Open License\",\"number\":\"V1234567\",\"authorization\":\"A765\"}"

static json_t *json(const char *text)
{
	json_error_t why;
	json_t *v = text != NULL ? json_loads(text, 0, &why) : NULL;

	ck_assert_msg(text == NULL || v != NULL, "%s: %s", why.text, text);
	return v;
}

/* The result, and its sentence or, when it is fine, its notes. */
static int check(const char *about, const char *entry, const char *agreement, const char *key, const char *words)
{
	const struct request_kind *k = request_kind_find(about);
	json_t *e = json(entry), *a = json(agreement), *w = json(key), *notes;
	struct muster_err err = { 0 };
	int r = request_check(k, e, a, w, &notes, &err);
	char *said = r == MUSTER_OK ? json_dumps(notes, 0) : strdup(err.message);

	if (words != NULL)
		ck_assert_msg(strstr(said, words) != NULL, "%s", said);
	else
		ck_assert_msg(strcmp(said, "[]") == 0, "%s", said);
	if (r != MUSTER_OK)
		ck_assert_ptr_null(notes);
	free(said);
	json_decref(notes);
	json_decref(e);
	json_decref(a);
	json_decref(w);
	return r;
}

START_TEST(test_request_whole)
{
	ck_assert_int_eq(check("mak-limit", WHOLE_MAK, ENTERPRISE, MAK_KEY, NULL), MUSTER_OK);
	ck_assert_int_eq(check("host-activations", WHOLE_HOST, ENTERPRISE, HOST_KEY, NULL), MUSTER_OK);
	ck_assert_int_eq(check("host-activations", WHOLE_HOST, NULL, NULL, "not in the books"), MUSTER_OK);
}
END_TEST

START_TEST(test_request_programmes)
{
	static const char *const all[] = { "host-activations", "mak-limit", "kms-exception" };

	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(check(all[i], i == 1 ? WHOLE_MAK : WHOLE_HOST, OPEN_LICENSE, NULL, "ended in December 2021"), MUSTER_E_REFUSED);
	ck_assert_int_eq(check("kms-exception", WHOLE_HOST, OPEN_VALUE, NULL, "a MAK is recommended; a host key is given by exception only"), MUSTER_OK);
	ck_assert_int_eq(check("host-activations", WHOLE_HOST, OPEN_VALUE, HOST_KEY, "after it was granted"), MUSTER_OK);
	ck_assert_int_eq(check("mak-limit", WHOLE_MAK, OPEN_VALUE, MAK_KEY, NULL), MUSTER_OK);
	ck_assert_int_eq(check("kms-exception", WHOLE_HOST, ENTERPRISE, NULL, "without an exception"), MUSTER_OK);
}
END_TEST

/* Each field that a kind asks for is missed by its name; a MAK's alone only for a MAK. */
START_TEST(test_request_fields)
{
	size_t n;
	const struct request_field *f = request_fields(&n);

	for (size_t i = 0; i < n; i++) {
		json_t *mak = json(WHOLE_MAK), *host = json(WHOLE_HOST);
		char words[64], *m, *h;

		json_object_del(mak, f[i].field);
		json_object_del(host, f[i].field);
		m = json_dumps(mak, 0);
		h = json_dumps(host, 0);
		snprintf(words, sizeof(words), "%s is missing: ", f[i].field);
		ck_assert_int_eq(check("mak-limit", m, ENTERPRISE, NULL, words), MUSTER_E_INVALID);
		ck_assert_int_eq(check("host-activations", h, ENTERPRISE, NULL, f[i].mak_only ? NULL : words), f[i].mak_only ? MUSTER_OK : MUSTER_E_INVALID);
		ck_assert_msg(estate_field_find(estate_kind_find("request"), f[i].field) != NULL, "%s", f[i].field);
		free(m);
		free(h);
		json_decref(mak);
		json_decref(host);
	}
	ck_assert_int_eq(check("host-activations", "{\"reference\":\"1\",\"product\":\"p\",\"needed\":0,\"reason\":\"r\"}", ENTERPRISE, NULL, "at least 1"), MUSTER_E_INVALID);
	ck_assert_int_eq(check("mak-limit", "{\"reference\":\"1\",\"authorization\":\"2\",\"partial\":\"EEE\",\"product\":\"p\",\"needed\":1,\"reason\":\"r\"}", ENTERPRISE, NULL, "not \"EEE\""), MUSTER_E_INVALID);
}
END_TEST

START_TEST(test_request_keys)
{
	ck_assert_int_eq(check("mak-limit", WHOLE_MAK, ENTERPRISE, HOST_KEY, "of kind host, not a MAK"), MUSTER_E_INVALID);
	ck_assert_int_eq(check("host-activations", WHOLE_HOST, ENTERPRISE, MAK_KEY, "of kind mak, not a host key"), MUSTER_E_INVALID);
	ck_assert_int_eq(check("mak-limit", WHOLE_MAK, ENTERPRISE, "{\"id\":\"k\",\"kind\":\"mak\",\"allowed\":100,\"used\":10}", "90 of its 100 activations are left"), MUSTER_OK);
	ck_assert_int_eq(check("mak-limit", WHOLE_MAK, ENTERPRISE, "{\"id\":\"k\",\"kind\":\"mak\",\"allowed\":100,\"used\":-1}", NULL), MUSTER_OK);
	/* another key's last five; upper and lower case are one */
	ck_assert_int_eq(check("mak-limit", WHOLE_MAK, ENTERPRISE, "{\"id\":\"k\",\"kind\":\"mak\",\"partial\":\"GGGGG\"}", "ends in GGGGG, not in EEEEE"), MUSTER_E_INVALID);
	ck_assert_int_eq(check("mak-limit", WHOLE_MAK, ENTERPRISE, "{\"id\":\"k\",\"kind\":\"esu\",\"partial\":\"eeeee\"}", NULL), MUSTER_OK);
}
END_TEST

/* The books' words are filled in, what was said stays. */
START_TEST(test_request_fill)
{
	json_t *a = json(ENTERPRISE), *k = json(MAK_KEY), *e = json_object(), *said = json("{\"reference\":\"mine\",\"product\":\"mine too\"}"), *lid = json("{\"license_ids\":[\"L9\"]}");

	ck_assert_int_eq(request_fill(request_kind_find("mak-limit"), e, a, k), MUSTER_OK);
	ck_assert_str_eq(json_string_value(json_object_get(e, "reference")), "V1234567");
	ck_assert_str_eq(json_string_value(json_object_get(e, "authorization")), "A765");
	ck_assert_str_eq(json_string_value(json_object_get(e, "partial")), "EEEEE");
	ck_assert_str_eq(json_string_value(json_object_get(e, "product")), "Office LTSC 2021 Standard");
	ck_assert_int_eq(request_fill(request_kind_find("host-activations"), said, a, k), MUSTER_OK);
	ck_assert_str_eq(json_string_value(json_object_get(said, "reference")), "mine");
	ck_assert_str_eq(json_string_value(json_object_get(said, "product")), "mine too");
	ck_assert(json_object_get(said, "partial") == NULL && json_object_get(said, "authorization") == NULL);
	json_object_clear(e);
	ck_assert_int_eq(request_fill(request_kind_find("host-activations"), e, lid, NULL), MUSTER_OK);
	ck_assert_str_eq(json_string_value(json_object_get(e, "reference")), "L9");
	json_object_clear(e);
	ck_assert_int_eq(request_fill(request_kind_find("host-activations"), e, NULL, NULL), MUSTER_OK);
	ck_assert_uint_eq(json_object_size(e), 0);
	json_decref(a);
	json_decref(k);
	json_decref(e);
	json_decref(said);
	json_decref(lid);
}
END_TEST

START_TEST(test_request_text)
{
	json_t *a = json(ENTERPRISE), *e = json(WHOLE_MAK);
	struct buf out;

	buf_init(&out, 65536);
	request_text(request_kind_find("MAK-limit"), e, a, "Contoso", &out);
	ck_assert_str_eq(buf_str(&out), "Subject: More activations of a multiple activation key (MAK)\n\n"
	                                "Organisation:               Contoso\nProgramme:                  Enterprise\nAgreement, enrolment, ID:   V1234567\nAuthorisation number:       A765\n"
	                                "Product:                    Office LTSC 2021 Standard\nKey, last five characters:  EEEEE\nNumber needed:              50\n\nBusiness reason:\na new site\n");
	buf_fini(&out);
	json_decref(a);
	json_decref(e);
	ck_assert_ptr_null(request_kind_find("more"));
}
END_TEST

UNIT_MAIN("request_rules", test_request_whole, test_request_programmes, test_request_fields, test_request_keys, test_request_fill, test_request_text)
