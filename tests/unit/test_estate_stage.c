/* Entries before they are committed, and what survives: another administrator, another key file, exhausted memory. */
#include "tests/unit/activation_fixture.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/estate/internal.h"

#define WHOLE "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"

struct world { struct host h; struct estate *e; struct muster_err err; };

static void books_open(struct world *w)
{
	const struct estate_options o = { .host = "here", .clock = &w->h.clock.clock, .ledger = w->h.ledger, .activation = w->h.activation };

	ck_assert_msg(estate_open(&w->e, &o, &w->err) == MUSTER_OK, "%s", w->err.message);
	ck_assert_msg(estate_bind(w->e, w->h.catalog, &w->err) == MUSTER_OK, "%s", w->err.message);
}

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof *w);

	ck_assert_ptr_nonnull(w);
	host_init(&w->h);
	books_open(w);
	return w;
}

static void world_free(struct world *w)
{
	estate_free(w->e);
	host_fini(&w->h);
	free(w);
}

static const struct estate_kind *kind(const char *name)
{
	return estate_kind_find(name);
}

static json_t *parse(const char *text)
{
	json_t *o = json_loads(text, 0, NULL);

	ck_assert_msg(o != NULL, "%s", text);
	return o;
}

static int put(struct world *w, struct stage *s, const char *k, const char *id, const char *entry, enum stage_became *became)
{
	json_t *o = parse(entry);
	int r = stage_put(s, kind(k), id, o, became, &w->err);

	json_decref(o);
	return r;
}

static enum stage_became puts_(struct world *w, struct stage *s, const char *k, const char *id, const char *entry)
{
	enum stage_became became = STAGE_SAME;

	ck_assert_msg(put(w, s, k, id, entry, &became) == MUSTER_OK, "%s: %s", entry, w->err.message);
	return became;
}

static struct stage *stage(struct world *w)
{
	struct stage *s;

	ck_assert_msg(stage_new(&s, w->e, "0 root", &w->err) == MUSTER_OK, "%s", w->err.message);
	return s;
}

static void commit(struct world *w, struct stage *s)
{
	ck_assert_msg(stage_commit(s, ESTATE_J_IMPORT, "test", "test", &w->err) == MUSTER_OK, "%s", w->err.message);
	stage_free(s);
}

static void is(struct world *w, const char *k, const char *id, const char *expected)
{
	json_t *there, *as = parse(expected);
	char *text;

	ck_assert_msg(entry_read(w->e, kind(k), id, &there, &w->err) == MUSTER_OK, "%s", w->err.message);
	text = json_dumps(there, JSON_COMPACT);
	ck_assert_msg(json_equal(there, as), "%s %s is %s", k, id, text);
	free(text);
	json_decref(there);
	json_decref(as);
}

START_TEST(test_stage_became)
{
	struct world *w = world_new();
	struct stage *s = stage(w);
	json_t *there;

	ck_assert_int_eq(puts_(w, s, "contact", NULL, "{\"name\":\"Seller AG\",\"role\":\"seller\"}"), STAGE_NEW);
	ck_assert_int_eq(puts_(w, s, "contact", NULL, "{\"name\":\"seller  ag\",\"role\":\"seller\",\"name\":\"Seller AG\"}"), STAGE_SKIPPED);
	ck_assert_int_eq(puts_(w, s, "organisation", "x", "{\"name\":\"X\",\"contacts\":[\"Seller AG\"]}"), STAGE_NEW);
	ck_assert_int_eq(puts_(w, s, "organisation", "x", "{\"contacts\":[\"Support\"],\"note\":\"n\"}"), STAGE_CHANGED);   /* made at the end */
	ck_assert_int_eq(stage_read(s, kind("organisation"), "x", &there, &w->err), MUSTER_OK);
	ck_assert_uint_eq(json_array_size(json_object_get(there, "contacts")), 2);
	json_decref(there);
	ck_assert_int_eq(entry_read(w->e, kind("organisation"), "x", &there, &w->err), MUSTER_E_NOT_FOUND);
	commit(w, s);
	is(w, "organisation", "x", "{\"name\":\"X\",\"contacts\":[\"seller-ag\",\"support\"],\"note\":\"n\"}");
	is(w, "contact", "support", "{\"name\":\"Support\",\"role\":\"other\"}");
	s = stage(w);
	ck_assert_int_eq(puts_(w, s, "organisation", NULL, "{\"name\":\"X\",\"contacts\":[\"Support\"]}"), STAGE_SAME);
	ck_assert_int_eq(puts_(w, s, "organisation", NULL, "{\"name\":\"X\",\"contacts\":[\"Support\"]}"), STAGE_SKIPPED);
	ck_assert_int_eq(puts_(w, s, "organisation", "x", "{\"note\":null}"), STAGE_CHANGED);
	/* Another contact of that name, as its role says; its ID tells them apart. */
	ck_assert_int_eq(puts_(w, s, "contact", NULL, "{\"name\":\"Support\",\"role\":\"support\"}"), STAGE_NEW);
	commit(w, s);
	is(w, "organisation", "x", "{\"name\":\"X\",\"contacts\":[\"seller-ag\",\"support\"]}");
	world_free(w);
}
END_TEST

START_TEST(test_stage_records)
{
	static const uint8_t id[16] = { 0xaa, 1, 2, 3, 4, 5, 0x46, 7, 0x88, 9, 10, 11, 12, 13, 14, 15 };
	struct world *w = world_new();
	struct stage *s = stage(w);
	struct buf data;
	uint8_t key[4];

	ck_assert_int_eq(stage_record(s, "estate-history", span_str("one"), span_str("first"), &w->err), MUSTER_OK);
	ck_assert_int_eq(stage_record(s, "estate-history", span_str("one"), span_str("second"), &w->err), MUSTER_OK);
	ck_assert_int_eq(stage_learn(s, id, "office2013", "Office, as listed", &w->err), MUSTER_OK);
	ck_assert_int_eq(stage_learn(s, id, "nothing", "x", &w->err), MUSTER_E_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(w->err.message, "there is no product \"nothing\""));
	commit(w, s);
	buf_init(&data, 100);
	ck_assert_int_eq(ledger_record(w->h.ledger, "estate-history", span_str("one"), &data, &w->err), MUSTER_OK);
	ck_assert_str_eq(buf_str(&data), "second");
	buf_fini(&data);
	/* More than are taken: a sentence with the number, and nothing is written. */
	s = stage(w);
	for (uint32_t i = 0; i < STAGE_MAX; i++) {
		be32_put(key, i);
		ck_assert_int_eq(stage_record(s, "estate-history", span_of(key, 4), span_str("x"), &w->err), MUSTER_OK);
	}
	ck_assert(!stage_full(s));
	be32_put(key, STAGE_MAX);
	ck_assert_int_eq(stage_record(s, "estate-history", span_of(key, 4), span_str("x"), &w->err), MUSTER_E_LIMIT);
	ck_assert_ptr_nonnull(strstr(w->err.message, "more than 100000 records"));
	ck_assert(stage_full(s));
	stage_free(s);
	world_free(w);
}
END_TEST

static void secret_is(struct world *w, const char *id, const char *key)
{
	struct buf plain;

	buf_init(&plain, 64);
	ck_assert_msg(entry_secret(w->e, id, &plain, &w->err) == MUSTER_OK, "%s", w->err.message);
	ck_assert_str_eq(buf_str(&plain), key);
	buf_cleanse(&plain);
}

/* The key file changes between looking and committing: what was sealed under the old one is sealed anew, and opens after a restart with the new one alone. */
START_TEST(test_stage_rekeyed_meanwhile)
{
	struct world *w = world_new();
	struct stage *s = stage(w);
	json_t *out = NULL;

	ck_assert_int_eq(puts_(w, s, "key", "k", "{\"kind\":\"mak\",\"key\":\"" WHOLE "\"}"), STAGE_NEW);
	ck_assert_msg(activation_rekey(w->h.activation, "0 root", &out, &w->err) == MUSTER_OK, "%s", w->err.message);
	json_decref(out);
	commit(w, s);
	secret_is(w, "k", WHOLE);
	estate_free(w->e);
	host_restart(&w->h);
	books_open(w);
	secret_is(w, "k", WHOLE);
	/* And one that was committed before. */
	ck_assert_msg(activation_rekey(w->h.activation, "0 root", &out, &w->err) == MUSTER_OK, "%s", w->err.message);
	ck_assert_int_eq(json_integer_value(json_object_get(out, "records")), 1);
	json_decref(out);
	estate_free(w->e);
	host_restart(&w->h);
	books_open(w);
	secret_is(w, "k", WHOLE);
	world_free(w);
}
END_TEST

START_TEST(test_stage_somebody_else)
{
	struct world *w = world_new();
	struct stage *first = stage(w), *second = stage(w);
	json_t *out = NULL;

	(void)puts_(w, first, "organisation", "x", "{\"name\":\"X\"}");
	commit(w, first);
	(void)puts_(w, second, "organisation", "x", "{\"name\":\"X\",\"note\":\"second\"}");
	first = stage(w);
	(void)puts_(w, first, "organisation", "x", "{\"note\":\"first\"}");
	commit(w, first);
	ck_assert_int_eq(stage_commit(second, ESTATE_J_IMPORT, "test", "test", &w->err), MUSTER_E_BUSY);
	ck_assert_ptr_nonnull(strstr(w->err.message, "the organisation x was changed by somebody else meanwhile: nothing was written"));
	stage_free(second);
	is(w, "organisation", "x", "{\"name\":\"X\",\"note\":\"first\"}");
	/* Added by both. */
	first = stage(w);
	second = stage(w);
	(void)puts_(w, first, "organisation", "y", "{\"name\":\"Y\"}");
	(void)puts_(w, second, "organisation", "y", "{\"name\":\"Y2\"}");
	commit(w, first);
	ck_assert_int_eq(stage_commit(second, ESTATE_J_IMPORT, "test", "test", &w->err), MUSTER_E_BUSY);
	stage_free(second);
	/* Referred to, and removed. */
	first = stage(w);
	(void)puts_(w, first, "agreement", "a", "{\"programme\":\"P\",\"organisation\":\"y\"}");
	ck_assert_int_eq(estate_remove(w->e, "0 root", kind("organisation"), "y", &out, &w->err), MUSTER_OK);
	json_decref(out);
	ck_assert_int_eq(stage_commit(first, ESTATE_J_IMPORT, "test", "test", &w->err), MUSTER_E_BUSY);
	ck_assert_ptr_nonnull(strstr(w->err.message, "was removed by somebody else meanwhile"));
	stage_free(first);
	world_free(w);
}
END_TEST

/* The same content has the same ID everywhere, for ever: imports of other hosts and of later years depend on it. */
START_TEST(test_stage_ids)
{
	static const struct { const char *kind, *entry, *id; } known[] = {
		{ "organisation", "{\"name\":\"Example GmbH\"}", "example-gmbh" },
		{ "organisation", "{\"name\":\"  --  \"}", "organisation-94a501" },
		{ "organisation", "{\"name\":\"M\\u00fcller AG\"}", "m-ller-ag-a1a08e" },
		{ "agreement", "{\"license_ids\":[\"55 66\",\"77\"],\"programme\":\"x\"}", "55-66" },
		{ "agreement", "{\"number\":\"V-1\",\"license_ids\":[\"55\"],\"programme\":\"x\"}", "v-1" },
		{ "order", "{\"number\":\"4711/2\"}", "4711-2" },
		{ "key", "{\"kind\":\"mak\",\"partial\":\"EEEEE\",\"products\":[\"Office LTSC 2021\"]}", "EEEEE-aac447" },
		{ "key", "{\"kind\":\"esu\",\"products\":[\"ESU\"],\"order\":\"o\",\"coverage_start\":\"2026-12-01\"}", "esu-ec2672" },
		{ "host", "{\"host\":\"KMS01.example.org\",\"activation_id\":\"2e28138a-847f-42bc-9752-61b03fff33cd\"}", "kms01-example-org:2e28138a-847f" },
	};
	struct muster_err err = { 0 };
	char id[ESTATE_ID_MAX + 1];
	json_t *o;

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		o = parse(known[i].entry);
		ck_assert_msg(estate_entry_id(id, kind(known[i].kind), o, &err) == MUSTER_OK, "%s", err.message);
		ck_assert(estate_id_ok(id));
		ck_assert_msg(strcmp(id, known[i].id) == 0, "%s has the ID %s", known[i].entry, id);
		json_decref(o);
	}
	o = parse("{\"programme\":\"x\"}");
	ck_assert_int_eq(estate_entry_id(id, kind("agreement"), o, &err), MUSTER_E_INVALID);
	json_decref(o);
}
END_TEST

static size_t rows(struct world *w)
{
	json_t *out = NULL;
	size_t n;

	ck_assert_msg(estate_list(w->e, kind("key"), NULL, NULL, 100, &out, &w->err) == MUSTER_OK, "%s", w->err.message);
	n = json_array_size(json_object_get(out, "items"));
	json_decref(out);
	return n;
}

/* Each allocation of an act fails once: it was done or was not, and entry and whole key are there together. */
START_TEST(test_stage_no_memory)
{
	struct world *w = world_new();
	json_t *entry, *out = NULL;
	unsigned failed = 0;
	int r = MUSTER_E_NOMEM;

	for (uint64_t n = 1; r != MUSTER_OK && n < 5000; n++) {
		entry = parse("{\"kind\":\"mak\",\"key\":\"" WHOLE "\",\"products\":[\"P\"],\"note\":\"two\\nlines\"}");
		mem_fail_at(n);
		r = estate_put(w->e, "0 root", kind("key"), "k", true, entry, &out, &w->err);
		mem_fail_at(0);
		json_decref(entry);
		if (r == MUSTER_E_EXISTS)   /* done before, only the answer was not made */
			r = MUSTER_OK;
		failed += r != MUSTER_OK;
		if (rows(w) == 1)
			secret_is(w, "k", WHOLE);
		else
			ck_assert_int_ne(r, MUSTER_OK);
		json_decref(out);
		out = NULL;
	}
	ck_assert_int_eq(r, MUSTER_OK);
	ck_assert_uint_gt(failed, 5);
	r = MUSTER_E_NOMEM;
	for (uint64_t n = 1; r != MUSTER_OK && n < 5000; n++) {
		mem_fail_at(n);
		r = estate_remove(w->e, "0 root", kind("key"), "k", &out, &w->err);
		mem_fail_at(0);
		if (r == MUSTER_E_NOT_FOUND)
			r = MUSTER_OK;
		json_decref(out);
		out = NULL;
	}
	ck_assert_uint_eq(rows(w), 0);
	world_free(w);
}
END_TEST

UNIT_MAIN("estate stage", test_stage_became, test_stage_records, test_stage_rekeyed_meanwhile, test_stage_somebody_else, test_stage_ids, test_stage_no_memory)
