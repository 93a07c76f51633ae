/* Anonymised exports: who and what is named disappears, what belongs together stays together, and the form can be read again. */
#include "tests/unit/unit.h"

#include <stdbool.h>
#include <string.h>

#include "core/base/uuid.h"
#include "core/exchange/record.h"

#define CLIENT "36f27b39-2fd5-440b-be67-a09996d27a38"
#define OFFICE "2e28138a-847f-42bc-9752-61b03fff33cd"

static json_t *masked(struct exchange_mask *m, const char *text)
{
	struct muster_err err;
	json_error_t why;
	json_t *o = json_loads(text, 0, &why);

	ck_assert_msg(o != NULL, "%s: %s", why.text, text);
	ck_assert_int_eq(exchange_mask_row(m, o, &err), MUSTER_OK);
	return o;
}

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	ck_assert_msg(s != NULL, "%s is no text", name);
	return s;
}

static struct exchange_mask *fresh(void)
{
	struct muster_err err;
	struct exchange_mask *m = NULL;

	ck_assert_int_eq(exchange_mask_new(&m, &err), MUSTER_OK);
	return m;
}

START_TEST(test_anonymise_machine)
{
	struct exchange_mask *m = fresh();
	json_t *o = masked(m, "{\"client_id\":\"" CLIENT "\",\"activation_id\":\"" OFFICE "\",\"product\":\"office2013\",\"host\":\"srv.example.org\",\"names\":[\"pc-1\",\"pc-2\"],"
	                      "\"name\":\"pc-2\",\"first_seen\":\"2026-11-01T00:00:00Z\",\"requests\":7,\"virtual\":true,\"minutes_left\":null,\"result\":\"0x0\",\"by\":\"host\"}");
	uint8_t id[UUID_LEN];

	ck_assert_int_eq(uuid_parse(id, text(o, "client_id"), 36), MUSTER_OK);
	ck_assert_str_ne(text(o, "client_id"), CLIENT);
	ck_assert_str_eq(text(o, "activation_id"), OFFICE);
	ck_assert_str_eq(text(o, "product"), "office2013");
	ck_assert_str_eq(text(o, "first_seen"), "2026-11-01T00:00:00Z");
	ck_assert_str_eq(text(o, "result"), "0x0");
	ck_assert_str_eq(text(o, "by"), "host");
	ck_assert(strncmp(text(o, "host"), "x-", 2) == 0 && strlen(text(o, "host")) == 14);
	ck_assert_str_eq(text(o, "name"), json_string_value(json_array_get(json_object_get(o, "names"), 1)));
	ck_assert_str_ne(text(o, "name"), json_string_value(json_array_get(json_object_get(o, "names"), 0)));
	ck_assert_int_eq(json_integer_value(json_object_get(o, "requests")), 7);
	ck_assert(json_is_true(json_object_get(o, "virtual")) && json_is_null(json_object_get(o, "minutes_left")));
	json_decref(o);
	exchange_mask_free(m);
}
END_TEST

/* Nothing of an entry that names somebody is left, however deep; a reference goes on pointing to what it pointed to. */
START_TEST(test_anonymise_entries)
{
	static const char *const secret[] = { "Contoso", "contoso", "V1234567", "EEEEE", "alice", "+49 30", "Berlin", "AAAAA", "srv", "note" };
	struct exchange_mask *m = fresh();
	json_t *organisation = masked(m, "{\"kind\":\"organisation\",\"id\":\"contoso\",\"entry\":{\"name\":\"Contoso\",\"note\":\"a note\",\"contacts\":[\"alice\"]}}");
	json_t *key = masked(m, "{\"kind\":\"key\",\"id\":\"EEEEE-1a2b3c\",\"entry\":{\"products\":[\"Office 2013\"],\"kind\":\"mak\",\"key\":\"AAAAA-BBBBB-CCCCC-DDDDD-EEEEE\",\"partial\":\"EEEEE\","
	                        "\"license_ids\":[\"V1234567\"],\"organisations\":[\"contoso\"],\"allowed\":50,\"hosts\":[\"srv\"],\"note\":\"note\",\"osa_status\":\"Berlin\"}}");
	json_t *contact = masked(m, "{\"kind\":\"contact\",\"id\":\"alice\",\"entry\":{\"name\":\"alice\",\"role\":\"seller\",\"telephone\":\"+49 30\",\"email\":\"alice@contoso.example\",\"region\":\"Berlin\"}}");
	json_t *all = json_pack("[O,O,O]", organisation, key, contact);
	char *said = json_dumps(all, 0);
	json_t *entry = json_object_get(key, "entry");

	for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++) {
		const char *at = strstr(said, secret[i]);

		ck_assert_msg(at == NULL || strncmp(at, "note\":", 6) == 0, "%s in %s", secret[i], said);
	}
	ck_assert_str_eq(text(organisation, "id"), json_string_value(json_array_get(json_object_get(entry, "organisations"), 0)));
	ck_assert_str_eq(text(contact, "id"), json_string_value(json_array_get(json_object_get(json_object_get(organisation, "entry"), "contacts"), 0)));
	ck_assert_uint_eq(strlen(text(entry, "partial")), 5);
	ck_assert_uint_eq(strspn(text(entry, "partial"), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"), 5);
	ck_assert_str_eq(text(entry, "kind"), "mak");
	ck_assert(strstr(text(json_object_get(contact, "entry"), "email"), "@example.invalid") != NULL);
	ck_assert_str_eq(text(key, "kind"), "key");
	free(said);
	json_decref(all);
	json_decref(organisation);
	json_decref(key);
	json_decref(contact);
	exchange_mask_free(m);
}
END_TEST

/* A product's name is not somebody's; an unknown member is taken for one that names somebody. */
START_TEST(test_anonymise_what_stays)
{
	struct exchange_mask *m = fresh();
	json_t *product = masked(m, "{\"kind\":\"product\",\"id\":\"office\",\"entry\":{\"name\":\"Office 2013\",\"category\":\"Office\"}}");
	json_t *listed = masked(m, "{\"kind\":\"host\",\"id\":\"srv\",\"entry\":{\"name\":\"Office 15\",\"host\":\"srv\",\"extended_pid\":\"00000-00206\",\"client_id\":\"" CLIENT "\"}}");
	json_t *unknown = masked(m, "{\"whatever\":\"alice\",\"empty\":\"\",\"deep\":{\"deeper\":[{\"x\":\"alice\"}]}}");

	ck_assert_str_eq(text(json_object_get(product, "entry"), "name"), "Office 2013");
	ck_assert_str_eq(text(json_object_get(listed, "entry"), "name"), "Office 15");
	ck_assert(strncmp(text(json_object_get(listed, "entry"), "host"), "x-", 2) == 0);
	ck_assert(strncmp(text(json_object_get(listed, "entry"), "extended_pid"), "x-", 2) == 0);
	ck_assert(strncmp(text(unknown, "whatever"), "x-", 2) == 0);
	ck_assert_str_eq(text(unknown, "empty"), "");
	ck_assert_str_eq(text(json_array_get(json_object_get(json_object_get(unknown, "deep"), "deeper"), 0), "x"), text(unknown, "whatever"));
	json_decref(product);
	json_decref(listed);
	json_decref(unknown);
	exchange_mask_free(m);
}
END_TEST

/* Two exports cannot be matched. */
START_TEST(test_anonymise_fresh_key)
{
	struct exchange_mask *a = fresh(), *b = fresh();
	json_t *one = masked(a, "{\"name\":\"pc-1\"}"), *again = masked(a, "{\"name\":\"pc-1\"}"), *other = masked(b, "{\"name\":\"pc-1\"}");

	ck_assert_str_eq(text(one, "name"), text(again, "name"));
	ck_assert_str_ne(text(one, "name"), text(other, "name"));
	json_decref(one);
	json_decref(again);
	json_decref(other);
	exchange_mask_free(a);
	exchange_mask_free(b);
	exchange_mask_free(NULL);
}
END_TEST

/* Hostile nesting ends. */
START_TEST(test_anonymise_deep)
{
	struct exchange_mask *m = fresh();
	json_t *o = json_string("alice");
	char *said;

	for (int i = 0; i < 100; i++)
		o = json_pack("{s:o}", "x", o);
	ck_assert_int_eq(exchange_mask_row(m, o, NULL), MUSTER_OK);
	said = json_dumps(o, 0);
	ck_assert(strstr(said, "alice") == NULL);
	free(said);
	json_decref(o);
	exchange_mask_free(m);
}
END_TEST

UNIT_MAIN("exchange_anonymise", test_anonymise_machine, test_anonymise_entries, test_anonymise_what_stays, test_anonymise_fresh_key, test_anonymise_deep)
