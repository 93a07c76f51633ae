/* The doctor's rules: each check brought to each verdict it can have, on facts made by hand. */
#include "tests/unit/unit.h"

#include <string.h>

#include "core/base/codes.h"
#include "core/service/doctor.h"

#define NOW INT64_C(1795000000)   /* 2026-11-18 */
#define DAY INT64_C(86400)

/* A host with which nothing is wrong. */
static struct doctor_product product;
static struct doctor_facts well(void)
{
	struct doctor_facts f = { .set = { .idle = 86400, .forecast = 14 * 86400, .ends_warning = 30 * 86400, .ends_critical = 7 * 86400, .key_use = 90 },
		.now = NOW, .began = NOW - 3600, .products = &product, .product_count = 1, .served = 3, .plugins_loaded = 5, .last_request = NOW - 120, .last_commit = NOW - 100,
		.ready = true, .audit_beat = NOW - 3600, .disk_free = UINT64_C(4) << 30, .disk_floor = UINT64_C(256) << 20 };

	product = (struct doctor_product){ .name = "office2013", .certified = true, .asked = true, .counted = true, .count = 8, .cap = 10, .minimum = 5, .sinks_in = DOCTOR_NEVER };
	return f;
}

static struct doctor_result r;
static char reason[1200];
static const char *remedy;

static enum verdict look(const char *name, const struct doctor_facts *f)
{
	const struct doctor_check *check = doctor_find(name);

	ck_assert_msg(check != NULL, "no check %s", name);
	doctor_result_fini(&r);
	doctor_run(&r, check, f);
	doctor_reason(reason, &r);
	remedy = doctor_remedy(check, &r);
	/* Whatever is wrong has a reason and says what to do; what is well has a reason and nothing to do. */
	ck_assert_msg(reason[0] != '\0', "%s says nothing", name);
	ck_assert_int_eq(remedy[0] != '\0', doctor_verdict(&r) != VERDICT_OK);
	return doctor_verdict(&r);
}

#define IS(name, f, v, words) \
	do { \
		ck_assert_int_eq(look(name, &(f)), v); \
		ck_assert_msg(strstr(reason, words) != NULL, "%s: %s", name, reason); \
	} while (0)
#define CODE(c) ck_assert_uint_eq(doctor_code(&r), (uint32_t)(c))

START_TEST(test_doctor_well)
{
	struct doctor_facts f = well();
	size_t n;
	const struct doctor_check *c = doctor_checks(&n);

	ck_assert_uint_gt(n, 17);
	for (size_t i = 0; i < n; i++) {
		ck_assert_msg(look(c[i].name, &f) == VERDICT_OK, "%s: %s", c[i].name, reason);
		CODE(0);
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(c[i].name, c[k].name);
	}
	ck_assert_ptr_null(doctor_find("no-such"));
	/* Short memory is never "all is well". */
	f.exhausted = true;
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(look(c[i].name, &f) == VERDICT_UNKNOWN, "%s: %s", c[i].name, reason);
	doctor_result_fini(&r);
}
END_TEST

START_TEST(test_doctor_activated)
{
	struct doctor_facts f = well();

	product.certified = false;
	IS("activated", f, VERDICT_WARNING, "machines ask for office2013");
	CODE(CODE_HOST_NOT_ACTIVATED);
	product.asked = false;
	IS("activated", f, VERDICT_CRITICAL, "not activated for any of its 3 products");
	product.certified = product.moved = true;
	IS("activated", f, VERDICT_CRITICAL, "other hardware");
	CODE(CODE_HARDWARE);
	product.moved = false;
	product.certified = false;
	product.revoked = true;
	IS("activated", f, VERDICT_CRITICAL, "revoked");
	doctor_result_fini(&r);
}
END_TEST

START_TEST(test_doctor_counts)
{
	struct doctor_facts f = well();

	IS("counts", f, VERDICT_OK, "1 product at or above");
	ck_assert_uint_eq(r.perf_count, 1);
	ck_assert_str_eq(r.perf[0].label, "office2013");
	ck_assert_str_eq(r.perf[0].critical, "5:");
	ck_assert_int_eq(r.perf[0].value, 8);
	product.count = 5;
	IS("counts", f, VERDICT_OK, "1 product at or above");
	product.count = 4;
	IS("counts", f, VERDICT_CRITICAL, "4 of 5 machines; no new one is activated");
	CODE(CODE_COUNT_LOW);
	product.count = 0;
	IS("counts", f, VERDICT_CRITICAL, "no machine has reported");
	ck_assert_ptr_nonnull(strstr(remedy, "enabled = no"));
	product.advise = true;
	product.count = 4;
	IS("counts", f, VERDICT_WARNING, "as debt");
	ck_assert_str_eq(r.perf[0].warning, "5:");
	/* Not asked for, or not certified: other checks' affair. */
	product.asked = false;
	IS("counts", f, VERDICT_OK, "no product with a minimum count");
	product.asked = true;
	product.certified = false;
	IS("counts", f, VERDICT_OK, "no product with a minimum count");
	doctor_result_fini(&r);
}
END_TEST

START_TEST(test_doctor_low_water)
{
	struct doctor_facts f = well();

	IS("low-water", f, VERDICT_OK, "no product has a low-water mark");
	product.low_water = 8;
	IS("low-water", f, VERDICT_OK, "1 product");
	product.count = 7;
	IS("low-water", f, VERDICT_WARNING, "7 machines, below your mark of 8");
	CODE(CODE_M_LOW_WATER);
	product.low_water = 11;
	IS("low-water", f, VERDICT_WARNING, "above the 10 that are ever counted");
	doctor_result_fini(&r);
}
END_TEST

START_TEST(test_doctor_forecast)
{
	struct doctor_facts f = well();
	struct doctor_pool pool = { .host = "KMS01", .product = "windows", .sinks_on = "2026-11-25", .count = 30, .minimum = 25, .then = 22, .silent = 8 };

	IS("forecast", f, VERDICT_OK, "within 14 days");
	product.sinks_in = 3;
	product.then = 4;
	product.silent = 4;
	IS("forecast", f, VERDICT_WARNING, "office2013: 4 machines are silent; if they stay so, 4 of 5 are left on 2026-11-21");
	/* Sunk already. */
	product.count = 4;
	IS("forecast", f, VERDICT_OK, "within 14 days");
	f.pools = &pool;
	f.pool_count = 1;
	IS("forecast", f, VERDICT_WARNING, "windows on KMS01: 8 machines are silent; if they stay so, 22 of 25 are left on 2026-11-25");
	pool.low = true;
	pool.count = 20;
	IS("forecast", f, VERDICT_WARNING, "windows on KMS01: 20 of 25 machines as listed on 2026-11-25");
	CODE(CODE_COUNT_LOW);
	f.pool_count = 0;
	strcpy(f.pools_failed, "the books cannot be read");
	IS("forecast", f, VERDICT_UNKNOWN, "cannot be read");
	doctor_result_fini(&r);
}
END_TEST

START_TEST(test_doctor_idle)
{
	struct doctor_facts f = well();

	f.last_request = NOW - 86400;
	IS("idle", f, VERDICT_OK, "24 hours ago");
	f.last_request = NOW - 86401;
	IS("idle", f, VERDICT_WARNING, "no machine has asked for 24 hours");
	f.set.idle = 0;
	IS("idle", f, VERDICT_OK, "not looked at");
	f.set.idle = 7200;
	f.last_request = 0;
	IS("idle", f, VERDICT_OK, "no request yet");
	f.began = NOW - 7201;
	IS("idle", f, VERDICT_WARNING, "none ever has");
	f.last_request = NOW + 50;   /* the clock was set back a little */
	IS("idle", f, VERDICT_OK, "0 minutes");
	doctor_result_fini(&r);
}
END_TEST

static void one_end(struct doctor_facts *f, struct doctor_end *e, enum doctor_end_kind kind, int64_t left)
{
	e->kind = kind;
	e->ends_at = NOW + left;
	f->ends = e;
	f->end_count = 1;
}

START_TEST(test_doctor_ends)
{
	static const struct { const char *name; enum doctor_end_kind kind; } kinds[] = { { "certificates", DOCTOR_CERTIFICATE }, { "packs", DOCTOR_PACK }, { "coverage", DOCTOR_COVERAGE } };
	struct doctor_facts f = well();
	struct doctor_end e = { .what = "the thing" };

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		f.end_count = 0;
		IS(kinds[i].name, f, VERDICT_OK, "no ");
		one_end(&f, &e, kinds[i].kind, 31 * DAY);
		IS(kinds[i].name, f, VERDICT_OK, "the first is on 2026-12-19");
		one_end(&f, &e, kinds[i].kind, 30 * DAY);
		IS(kinds[i].name, f, VERDICT_WARNING, "the thing ends in 30 days, on 2026-12-18");
		one_end(&f, &e, kinds[i].kind, 7 * DAY);
		IS(kinds[i].name, f, VERDICT_CRITICAL, "the thing ends in 7 days");
		one_end(&f, &e, kinds[i].kind, 0);
		IS(kinds[i].name, f, VERDICT_CRITICAL, "the thing ended on");
		/* Long ago: a pack or a year of coverage has its successor; a certificate that ended grants nothing. */
		one_end(&f, &e, kinds[i].kind, -30 * DAY);
		ck_assert_int_eq(look(kinds[i].name, &f), kinds[i].kind == DOCTOR_CERTIFICATE ? VERDICT_CRITICAL : VERDICT_OK);
	}
	/* Each looks at its own kind only. */
	one_end(&f, &e, DOCTOR_PACK, 0);
	IS("certificates", f, VERDICT_OK, "no certificate");
	strcpy(f.ends_failed, "no list");
	IS("coverage", f, VERDICT_UNKNOWN, "no list");
	doctor_result_fini(&r);
}
END_TEST

START_TEST(test_doctor_keys)
{
	struct doctor_facts f = well();
	struct doctor_use u[5] = { { .what = "the MAK -EEEEE", .allowed = 100, .used = 89 }, { .what = "unknown", .allowed = 100, .used = -1 }, { .what = "none", .allowed = 0, .used = 0 } };

	IS("keys", f, VERDICT_OK, "no key has a known allowance");
	f.uses = u;
	f.use_count = 3;
	IS("keys", f, VERDICT_OK, "1 key below 90 %");
	u[0].used = 90;
	IS("keys", f, VERDICT_WARNING, "the MAK -EEEEE: 90 of 100 activations are used");
	u[0].used = 100;
	IS("keys", f, VERDICT_CRITICAL, "all 100 activations are used");
	CODE(CODE_MAK_LIMIT);
	u[0].host_key = true;
	IS("keys", f, VERDICT_CRITICAL, "all 100");
	CODE(CODE_HOST_KEY_LIMIT);
	u[0].used = 103;
	IS("keys", f, VERDICT_CRITICAL, "the MAK -EEEEE: 103 activations are used, 3 more than the 100 that are allowed");
	CODE(CODE_HOST_KEY_LIMIT);
	u[0].used = INT64_MAX;
	IS("keys", f, VERDICT_CRITICAL, "more than the 100");
	u[2].used = 1;
	u[0].used = 1;
	IS("keys", f, VERDICT_CRITICAL, "none: 1 activations are used, 1 more than the 0 that are allowed");
	/* The worst three are told, and how many more. */
	for (int i = 0; i < 5; i++)
		u[i] = (struct doctor_use){ .what = "key", .allowed = 10, .used = 10 };
	f.use_count = 5;
	IS("keys", f, VERDICT_CRITICAL, "and 2 more");
	strcpy(f.uses_failed, "no list");
	f.use_count = 0;
	IS("keys", f, VERDICT_UNKNOWN, "no list");
	doctor_result_fini(&r);
}
END_TEST

START_TEST(test_doctor_notes)
{
	struct doctor_facts f = well();
	struct doctor_note note = { .text = "something is so", .remedy = "do this" };
	struct doctor_notes *lists[] = { &f.duplicates, &f.findings, &f.setup_keys, &f.debt, &f.crls };
	static const char *const names[] = { "duplicates", "findings", "setup-keys", "debt", "revocation" };

	for (size_t i = 0; i < 5; i++) {
		lists[i]->rows = &note;
		lists[i]->n = 1;
		IS(names[i], f, VERDICT_WARNING, "something is so");
		ck_assert_str_eq(remedy, "do this");
		note.old = true;
		IS(names[i], f, VERDICT_OK, "long ago: something is so");
		note.old = false;
		lists[i]->more = true;
		IS(names[i], f, VERDICT_WARNING, "more than are looked at");
		lists[i]->more = false;
		lists[i]->n = 0;
		strcpy(lists[i]->failed, "cannot be read");
		IS(names[i], f, VERDICT_UNKNOWN, "cannot be read");
	}
	f.books_more = true;
	f.setup_keys.failed[0] = '\0';
	IS("setup-keys", f, VERDICT_UNKNOWN, "more than the 1000");
	IS("keys", f, VERDICT_UNKNOWN, "more than the 1000");
	IS("coverage", f, VERDICT_UNKNOWN, "more than the 1000");
	f.duplicates.failed[0] = '\0';
	f.clones = 1;
	IS("duplicates", f, VERDICT_WARNING, "1 client ID is used by more than one machine");
	CODE(CODE_M_DUPLICATE);
	doctor_result_fini(&r);
}
END_TEST

START_TEST(test_doctor_host)
{
	struct doctor_facts f = well();
	struct doctor_plugin plugin = { .name = "writer", .why = "it crashed in request_check", .off = true };

	f.clock_held = true;
	strcpy(f.clock_reason, "the clock went back");
	IS("clock", f, VERDICT_CRITICAL, "went back");
	CODE(CODE_TIMESTAMP);
	f.clock_held = false;
	f.last_commit = NOW + 61;
	IS("clock", f, VERDICT_WARNING, "61 s ahead");
	f.ready = false;
	strcpy(f.not_ready, "the last commit failed");
	IS("ledger", f, VERDICT_CRITICAL, "the last commit failed");
	CODE(CODE_M_STORAGE);
	f.ready = true;
	f.backlog = 200001;
	IS("ledger", f, VERDICT_WARNING, "200001 events wait");
	f.audit_beat = NOW - 27 * 3600;
	IS("audit", f, VERDICT_WARNING, "for 27 hours");
	strcpy(f.audit_fault, "the anchored head disagrees");
	IS("audit", f, VERDICT_CRITICAL, "disagrees");
	CODE(CODE_M_AUDIT);
	f.disk_free = UINT64_C(511) << 20;
	IS("disk", f, VERDICT_WARNING, "511 MiB free; below 256 MiB");
	f.disk_low = true;
	IS("disk", f, VERDICT_CRITICAL, "answered 503");
	f.plugins = &plugin;
	f.plugin_count = 1;
	IS("plugins", f, VERDICT_CRITICAL, "writer is switched off: it crashed");
	plugin.off = false;
	IS("plugins", f, VERDICT_WARNING, "writer is refused");
	f.unknown_ids = 2;
	IS("unknown", f, VERDICT_WARNING, "2 activation IDs");
	doctor_result_fini(&r);
}
END_TEST

/* What is told first: critical before warning before unknown before ok; words and back. */
START_TEST(test_doctor_verdicts)
{
	static const enum verdict order[] = { VERDICT_OK, VERDICT_UNKNOWN, VERDICT_WARNING, VERDICT_CRITICAL };

	for (int i = 0; i < 4; i++)
		for (int k = 0; k < 4; k++)
			ck_assert_int_eq(verdict_worse(order[i], order[k]), order[i > k ? i : k]);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(verdict_find(verdict_word((enum verdict)i)), i);
	ck_assert_int_eq(verdict_find("fine"), VERDICT_UNKNOWN);
	ck_assert_int_eq(verdict_find(NULL), VERDICT_UNKNOWN);
	ck_assert_str_eq(verdict_shout(VERDICT_CRITICAL), "CRITICAL");
}
END_TEST

UNIT_MAIN("doctor", test_doctor_well, test_doctor_activated, test_doctor_counts, test_doctor_low_water, test_doctor_forecast, test_doctor_idle, test_doctor_ends,
          test_doctor_keys, test_doctor_notes, test_doctor_host, test_doctor_verdicts)
