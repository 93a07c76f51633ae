/* Which step of `musterctl setup` comes next, read off what the host says of itself. */
#include "tests/unit/unit.h"

#include <string.h>

#include "core/cli/setup_plan.h"

#define OFFICE "{\"product\":\"office2013\",\"activation_id\":\"2e28138a-847f-42bc-9752-61b03fff33cd\",\"model\":\"threshold\",\"issuer\":\"main\",\"served\":true,\"certified\":%s}"
#define PACK "{\"pack_id\":\"x\",\"keys\":[{\"kind\":\"%s\",\"number\":7,\"products\":[\"%s\"]}]}"
#define KEY "{\"number\":7,\"kind\":\"%s\",\"state\":\"%s\",\"products\":[\"%s\"]}"

static json_t *items(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static json_t *items(const char *fmt, ...)
{
	char text[2048] = "[", *end = text + 1;
	json_error_t why;
	json_t *v;
	va_list ap;

	va_start(ap, fmt);
	end += vsnprintf(end, sizeof(text) - 2, fmt, ap);
	va_end(ap);
	strcpy(end, "]");
	v = json_loads(text, 0, &why);
	ck_assert_msg(v != NULL, "%s: %s", why.text, text);
	return v;
}

/* The step for the first product, and whether its sentence has these words; the arrays are used up. */
static enum setup_step next(json_t *products, json_t *packs, json_t *keys, const char *words)
{
	struct setup_state s = { products, packs, keys };
	enum setup_step step = setup_next(&s, json_array_get(products, 0));
	struct buf text;

	buf_init(&text, 65536);
	setup_missing(&s, json_array_get(products, 0), &text);
	ck_assert_msg(strstr(buf_str(&text), words) != NULL, "%s", buf_str(&text));
	buf_fini(&text);
	json_decref(products);
	json_decref(packs);
	json_decref(keys);
	return step;
}

/* Nothing, then the pack, then the key, then the activation: each step says what is missing. */
START_TEST(test_setup_in_order)
{
	ck_assert_int_eq(next(items(OFFICE, "false"), items(" "), items(" "), "The licence pack is missing: none that is installed has a key for office2013"), SETUP_PACK);
	ck_assert_int_eq(next(items(OFFICE, "false"), items(PACK, "A", "office2013"), items(" "), "The product key is missing"), SETUP_KEY);
	ck_assert_int_eq(next(items(OFFICE, "false"), items(PACK, "A", "office2013"), items(KEY, "A", "not-activated", "office2013"), "The activation is missing"), SETUP_ACTIVATE);
	ck_assert_int_eq(next(items(OFFICE, "false"), items(PACK, "A", "office2013"), items(KEY, "A", "pending", "office2013"), "The activation is missing"), SETUP_ACTIVATE);
	ck_assert_int_eq(next(items(OFFICE, "true"), items(PACK, "A", "office2013"), items(KEY, "A", "activated", "office2013"), "Nothing is missing for office2013."), SETUP_DONE);
}
END_TEST

/* Whoever did the steps in another order: a key before its pack, a certificate without either. */
START_TEST(test_setup_other_order)
{
	ck_assert_int_eq(next(items(OFFICE, "false"), items(" "), items(KEY, "A", "pack-missing", "office2013"), "The licence pack is missing"), SETUP_PACK);
	ck_assert_int_eq(next(items(OFFICE, "true"), items(" "), items(" "), "Nothing is missing"), SETUP_DONE);
}
END_TEST

/* A pack or key of another product, or of another kind, does not help; products are named by name or ID. */
START_TEST(test_setup_of_others)
{
	ck_assert_int_eq(next(items(OFFICE, "false"), items(PACK, "A", "windows"), items(" "), "pack is missing"), SETUP_PACK);
	ck_assert_int_eq(next(items(OFFICE, "false"), items(PACK, "1", "office2013"), items(" "), "pack is missing"), SETUP_PACK);
	ck_assert_int_eq(next(items(OFFICE, "false"), items(PACK, "A", "2e28138a-847f-42bc-9752-61b03fff33cd"), items(KEY, "A", "not-activated", "windows"), "key is missing"), SETUP_KEY);
}
END_TEST

/* A counted product has no activation of the host's own. */
START_TEST(test_setup_counted)
{
	static const char counted[] = "{\"product\":\"cad\",\"activation_id\":\"11111111-2222-4333-8444-555555555555\",\"model\":\"counted\",\"issuer\":\"main\",\"served\":true,\"certified\":false}";

	ck_assert_int_eq(next(items("%s", counted), items(" "), items(" "), "pack is missing"), SETUP_PACK);
	ck_assert_int_eq(next(items("%s", counted), items(PACK, "Z", "cad"), items(" "), "key is missing"), SETUP_KEY);
	ck_assert_int_eq(next(items("%s", counted), items(PACK, "Z", "cad"), items(KEY, "Z", "not-activated", "cad"), "Nothing is missing"), SETUP_DONE);
}
END_TEST

/* Products that cannot be set up say why. */
START_TEST(test_setup_not_ready)
{
	ck_assert_int_eq(next(items("{\"product\":\"o\",\"activation_id\":\"x\",\"model\":\"threshold\",\"issuer\":null,\"served\":true}"), items(" "), items(" "), "o has no issuer: name one in muster.conf"), SETUP_PRODUCT);
	ck_assert_int_eq(next(items("{\"product\":\"o\",\"activation_id\":\"x\",\"model\":\"threshold\",\"issuer\":\"m\",\"served\":false,\"not_served_reason\":\"no way\"}"), items(" "), items(" "), "no way"), SETUP_PRODUCT);
	ck_assert_int_eq(next(items("{\"product\":\"o\",\"activation_id\":\"x\",\"model\":\"none\",\"issuer\":\"m\",\"served\":false,\"refused\":\"by subscription\"}"), items(" "), items(" "), "by subscription"), SETUP_PRODUCT);
	ck_assert_int_eq(next(items("{\"product\":\"o\",\"activation_id\":\"x\",\"model\":\"access\",\"issuer\":\"m\",\"served\":true,\"programmes\":[{}]}"), items(" "), items(" "),
	                      "musterctl access activate o"), SETUP_PRODUCT);
	ck_assert_int_eq(next(items("{\"product\":\"o\",\"activation_id\":\"x\",\"model\":\"access\",\"issuer\":\"m\",\"served\":true}"), items(" "), items(" "), "needs no licence pack"), SETUP_PRODUCT);
}
END_TEST

UNIT_MAIN("setup_plan", test_setup_in_order, test_setup_other_order, test_setup_of_others, test_setup_counted, test_setup_not_ready)
