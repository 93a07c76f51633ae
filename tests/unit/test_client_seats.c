/* libmuster with seats and embedded keys: heartbeats, the queue, keys of other vendors; what answers may say of the models; memory that runs out. */
#include "tests/unit/client_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/mem.h"
#include "core/trust/product_key.h"

#define COMMON(name) "\"product\":\"" name "\",\"activation_id\":\"" PRODUCT "\",\"activation_interval_minutes\":120,\"renewal_interval_minutes\":10080,\"rearm_max\":0"
#define RDS COMMON("rds") ",\"count\":1,\"minimum_count\":0,"
#define CAD COMMON("cad") ",\"count\":2,\"minimum_count\":0,"

static struct fake k;
static struct muster_err err;

static struct muster_client *begin(void)
{
	fake_init(&k);
	return fake_open(&k);
}

static void finish(struct muster_client *c)
{
	muster_client_free(c);
	fake_fini(&k);
}

/* ---- seats ---- */

static void seat(struct lease_claims *c) { c->exp = c->iat + 300; c->renew = 100; }
static void nervous(struct lease_claims *c) { c->exp = c->iat + 45; c->renew = 1; }

static void queue_up(struct buf *out, const char *more)
{
	char text[1024];

	buf_clear(out);
	(void)snprintf(text, sizeof text, "{\"result\":\"queued\",\"code\":\"M-149\",\"title\":\"T\",\"detail\":\"All 2 are taken.\",\"action\":\"\"," CAD "\"time\":\"x\"%s}", more);
	fakehost_answer(out, 202, "application/json", text);
}

START_TEST(test_seat_heartbeat)
{
	struct muster_client *c = begin();
	struct muster_answer a = { .size = sizeof a };
	int64_t due;

	k.members = CAD "\"seats\":5";
	k.tweak = seat;
	a = fake_activate(&k, c);
	ck_assert_int_eq(a.outcome, MUSTER_ACTIVATED);
	ck_assert_uint_eq(a.seats, 5);
	ck_within(a.next_at, FIX_NOW + 90, FIX_NOW + 110);
	ck_assert_int_eq(a.expires_at, FIX_NOW + 300);
	ck_says(a.message, ", 2 of 5 seats taken");
	fake_advance(&k, (due = a.next_at) - FIX_NOW);
	fixture_ok(muster_client_renew(c, PRODUCT, &a, &err), &err);
	ck_assert_uint_eq(k.asked, 2);
	ck_assert_int_eq(a.expires_at, due + 300);
	/* a silent host: as often as ever while the seat is held, then at least every quarter of an hour; the seat ends with its lease, and no grace follows */
	k.raw = "nonsense";
	for (int i = 0; i < 3; i++) {
		a = fake_activate(&k, c);
		ck_within(a.next_at - fake_now(&k), 50, 110);
		fake_advance(&k, 99);
		ck_assert_uint_eq(fake_status(c).valid, 1);
	}
	fake_advance(&k, 10);
	ck_assert_uint_eq(fake_status(c).valid, 0);
	ck_assert_uint_eq(fake_status(c).license_status, 5);
	for (int i = 0; i < 12; i++)
		a = fake_activate(&k, c);
	ck_within(a.next_at - fake_now(&k), 60, 990);
	k.raw = NULL;
	k.tweak = nervous;
	a = fake_activate(&k, c);
	ck_within(a.next_at - fake_now(&k), 20, 22);
	finish(c);
}
END_TEST

START_TEST(test_seat_queue)
{
	struct muster_client *c = begin();
	struct muster_client_options o = fake_options(&k);
	struct muster_answer a = { .size = sizeof a };
	struct muster_status s;
	struct buf text;
	char nonce[64];

	buf_init(&text, 65536);
	queue_up(&text, ",\"position\":3,\"seats\":2,\"retry_after_seconds\":60");
	k.raw = buf_str(&text);
	a = fake_activate(&k, c);
	ck_assert_int_eq(a.outcome, MUSTER_QUEUED);
	ck_assert_uint_eq(a.code, CODE_M_QUEUED);
	ck_assert_uint_eq(a.position, 3);
	ck_assert_uint_eq(a.seats, 2);
	ck_assert_int_eq(a.expires_at, 0);
	/* in time for the place, never late */
	ck_within(a.next_at, FIX_NOW + 54, FIX_NOW + 60);
	s = fake_status(c);
	ck_assert_uint_eq(s.position, 3);
	ck_assert_uint_eq(s.license_status, 5);
	ck_says(s.reason, "M-149");
	/* not before it is due */
	fixture_ok(muster_client_renew(c, PRODUCT, &a, &err), &err);
	ck_assert_uint_eq(k.asked, 1);
	ck_assert_int_eq(a.outcome, MUSTER_QUEUED);
	fake_advance(&k, 60);
	queue_up(&text, ",\"position\":1,\"seats\":2,\"retry_after_seconds\":1");
	k.raw = buf_str(&text);
	fixture_ok(muster_client_renew(c, PRODUCT, &a, &err), &err);
	ck_assert_uint_eq(a.position, 1);
	ck_within(a.next_at - fake_now(&k), 27, 30);
	queue_up(&text, ",\"position\":1,\"seats\":2,\"retry_after_seconds\":86400");
	k.raw = buf_str(&text);
	ck_within(fake_activate(&k, c).next_at - fake_now(&k), 810, 900);
	/* released while it waits: the place is left, and nothing is asked for any more */
	k.raw = NULL;
	k.problem = 409;
	k.problem_code = "M-150";
	fixture_ok(muster_client_release(c, PRODUCT, &a, &err), &err);
	ck_assert_int_eq(a.outcome, MUSTER_RELEASED);
	ck_assert(json_is_false(json_object_get(k.seen, "queue")));
	ck_assert_int_eq(muster_client_release(c, PRODUCT, &a, &err), MUSTER_E_NOT_FOUND);
	/* the first in the queue gets the next seat */
	k.problem = 0;
	k.members = CAD "\"seats\":2";
	k.tweak = seat;
	a = fake_activate(&k, c);
	ck_assert_int_eq(a.outcome, MUSTER_ACTIVATED);
	ck_assert_uint_eq(a.position, 0);
	ck_assert_uint_eq(fake_status(c).position, 0);
	(void)snprintf(nonce, sizeof nonce, "%s", fake_seen(&k, "nonce"));
	ck_assert_ptr_null(json_object_get(k.seen, "queue"));
	muster_client_free(c);
	/* rather refused than queued */
	o.no_queue = 1;
	fixture_ok(muster_client_open(&c, &o, &err), &err);
	(void)fake_activate(&k, c);
	ck_assert(json_is_false(json_object_get(k.seen, "queue")));
	ck_assert_str_ne(fake_seen(&k, "nonce"), nonce);
	buf_fini(&text);
	finish(c);
}
END_TEST

/* What is not an answer of the protocol is nobody's answer. */
START_TEST(test_models_odd_answers)
{
	static const struct { const char *more, *why; } queued[] = {
		{ ",\"seats\":2,\"retry_after_seconds\":60", "\"position\" is not a place in a queue" }, { ",\"position\":\"1\",\"retry_after_seconds\":60", "\"position\" is not" },
		{ ",\"position\":1,\"seats\":-1,\"retry_after_seconds\":60", "\"seats\" is not" }, { ",\"position\":1", "\"retry_after_seconds\" is not" }
	};
	static const struct { const char *members, *why; } granted[] = {
		{ RDS "\"access\":[]", "\"access\" is not an object" }, { RDS "\"access\":{\"per\":1}", "\"per\" is not text" }, { RDS "\"access\":{\"kind\":true}", "\"kind\" is not text" },
		{ RDS "\"access\":{\"version\":2019}", "\"access.version\" is not text" }, { RDS "\"over\":1", "\"over\" is not" },
		{ RDS "\"grace_seconds\":\"1\"", "\"grace_seconds\" is not" }, { RDS "\"grace_seconds\":-1", "\"grace_seconds\" is not" },
		{ RDS "\"grace_seconds\":99999999999", "\"grace_seconds\" is not" }, { RDS "\"seats\":1.5", "\"seats\" is not" }
	};
	struct muster_client *c = begin();
	struct muster_answer a;
	struct buf text;

	buf_init(&text, 65536);
	for (size_t i = 0; i < sizeof queued / sizeof queued[0]; i++) {
		queue_up(&text, queued[i].more);
		k.raw = buf_str(&text);
		a = fake_activate(&k, c);
		ck_assert_int_eq(a.outcome, MUSTER_NO_HOST);
		ck_says(a.message, queued[i].why);
	}
	k.raw = NULL;
	for (size_t i = 0; i < sizeof granted / sizeof granted[0]; i++) {
		k.members = granted[i].members;
		a = fake_activate(&k, c);
		ck_assert_int_eq(a.outcome, MUSTER_NO_HOST);
		ck_says(a.message, granted[i].why);
	}
	/* words of a later version are no fault */
	k.members = RDS "\"access\":{\"per\":\"household\",\"kind\":\"borrowed\",\"version\":\"1\\u001b\"}";
	a = fake_activate(&k, c);
	ck_assert_int_eq(a.outcome, MUSTER_ACTIVATED);
	ck_assert_uint_eq(a.access_per, 0);
	ck_assert_str_eq(a.version, "1?");
	buf_fini(&text);
	finish(c);
}
END_TEST

/* ---- embedded keys ---- */

#define FOREIGN "B7XWM-KQ2RT-9DHVC-4GYPF-J3M8K"

static bool proves(uint32_t number, const uint8_t proof_key[32])
{
	uint8_t want[32], got[64], nonce[64], client[16], product[16], hw[32];
	const json_t *o = json_object_get(k.seen, "key");
	const char *text = json_string_value(json_object_get(o, "proof"));
	size_t n, got_n;

	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(json_string_value(json_object_get(o, "kind")), "E");
	ck_assert_int_eq(json_integer_value(json_object_get(o, "number")), number);
	ck_assert_int_eq(trust_hardware_id(hw, k.f.issuer_id, HARDWARE_GIVEN, span_str("machine 1")), MUSTER_OK);
	ck_assert_int_eq(uuid_parse(client, fake_seen(&k, "client_id"), 36), MUSTER_OK);
	ck_assert_int_eq(uuid_parse(product, PRODUCT, 36), MUSTER_OK);
	ck_assert_int_eq(b64_decode(nonce, sizeof nonce, &n, fake_seen(&k, "nonce"), strlen(fake_seen(&k, "nonce"))), MUSTER_OK);
	ck_assert_int_eq(b64_decode(got, sizeof got, &got_n, text, strlen(text)), MUSTER_OK);
	fixture_ok(product_key_proof(want, proof_key, product, client, hw, span_of(nonce, n), &err), &err);
	return got_n == 32 && memcmp(got, want, 32) == 0;
}

START_TEST(test_embedded_foreign)
{
	static const char *const typed[] = { FOREIGN, "b7xwmkq2rt9dhvc4gypfj3m8k", " B7XWM KQ2RT 9DHVC 4GYPF J3M8K\r\n", ("B7XWM\xE2\x80\x93KQ2RT\xE2\x88\x92" "9DHVC-4GYPF-J3M8K") };
	struct muster_client *c = begin();
	struct muster_status s;
	uint8_t proof_key[32];
	uint32_t number;
	char digits[64];
	struct buf kept;

	fixture_ok(product_key_foreign_number(&number, k.f.issuer_id, span_str(FOREIGN), &err), &err);
	fixture_ok(product_key_foreign_proof_key(proof_key, k.f.issuer_id, span_str(FOREIGN), &err), &err);
	for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++) {
		fixture_ok(muster_client_set_key(c, PRODUCT, typed[i], strlen(typed[i]), NULL, &err), &err);
		ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
		ck_assert(proves(number, proof_key));
		s = fake_status(c);
		ck_assert_str_eq(s.key_partial, "J3M8K");
		ck_assert_uint_eq(s.has_key, 1);
	}
	/* the key itself is nowhere, and it has no Installation ID */
	fake_read(&k, "keys/" PRODUCT ".json", &kept);
	ck_assert_ptr_null(strstr(buf_str(&kept), "B7XWM"));
	buf_fini(&kept);
	ck_assert_int_eq(muster_client_installation_id(c, PRODUCT, digits, &err), MUSTER_E_NOT_FOUND);
	ck_says(err.message, "has no Installation ID");
	finish(c);
}
END_TEST

START_TEST(test_embedded_keys_taken)
{
	static const char *const refused[] = {
		"B7XWM-KQ2RT-9DHVC-4GYPF-J3M8", "B7XWM-KQ2RT-9DHVC-4GYPF-J3M8KK", "B7XWM_KQ2RT_9DHVC_4GYPF_J3M8K", "",
		/* with symbols of ours, but not right: a mistake, no foreign key */
		"B7XWM-KQ2RT-9DHVC-4GYPF-J3M8A", "B7XWM-KQ2RT-9DHVC-4GYPF-U3M8K", "07XWM-KQ2RT-9DHVC-4GYPF-J3M8K",
		"ANC9X-P4XJN-VAG5Y-48SN1-FGXNS", "1NC9X-P4XJN-VAG5Y-48SN1-FGXNS", "lNC9X-P4XJN-VAG5Y-48SN1-FGXNS", "ENC9X-P4XJN-VAG5Y-48SN1-FGXNS"
	};
	struct muster_client *c = begin();
	struct product_key key;
	uint8_t prk[PRODUCT_KEY_PRK], proof_key[32];
	char text[PRODUCT_KEY_TEXT], id[37];
	struct buf list;

	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		ck_assert_msg(muster_client_set_key(c, PRODUCT, refused[i], strlen(refused[i]), NULL, &err) == MUSTER_E_INVALID, "taken: %s", refused[i]);
		ck_assert_uint_eq(err.code, (uint32_t)CODE_KEY_INVALID);
		ck_assert(refused[i][0] == '\0' || strstr(err.message, refused[i]) == NULL);
	}
	ck_assert_int_eq(muster_client_set_key(c, PRODUCT, FOREIGN, strlen(FOREIGN), "https://issuer.test", &err), MUSTER_E_INVALID);
	/* one of ours */
	fixture_ok(product_key_generate(&key, PRODUCT_KEY_EMBEDDED, 99, &err), &err);
	product_key_format(text, &key);
	fixture_ok(muster_client_set_key(c, PRODUCT, text, strlen(text), NULL, &err), &err);
	ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
	fixture_ok(product_key_prk(prk, k.f.issuer_id, &key, &err), &err);
	fixture_ok(product_key_proof_key(proof_key, prk, &err), &err);
	ck_assert(proves(99, proof_key));
	/* where the product is known to be embedded, the host judges every key of the shape; where it is known to be counted, none */
	buf_init(&list, 65536);
	fakehost_answer(&list, 200, "application/json", "{\"products\":[{\"name\":\"sql\",\"activation_id\":\"" OTHER_PRODUCT "\",\"model\":\"embedded\"},"
		"{\"name\":\"mak\",\"activation_id\":\"" OTHER_PRODUCT "\",\"model\":\"counted\"}]}");
	k.raw_products = buf_str(&list);
	fixture_ok(muster_client_find(c, "sql", id, &err), &err);
	fixture_ok(muster_client_set_key(c, id, "ANC9X-P4XJN-VAG5Y-48SN1-FGXNS", 29, NULL, &err), &err);
	fixture_ok(muster_client_find(c, "mak", id, &err), &err);
	ck_assert_int_eq(muster_client_set_key(c, id, FOREIGN, strlen(FOREIGN), NULL, &err), MUSTER_E_INVALID);
	buf_fini(&list);
	finish(c);
}
END_TEST

/* ---- callers of older versions; memory ---- */

START_TEST(test_models_older_callers)
{
	struct muster_client *c = begin();
	struct { struct muster_answer a; } answer;
	struct muster_status s = { .size = offsetof(struct muster_status, position) };
	struct muster_client_options o = fake_options(&k);
	uint8_t after[sizeof answer - offsetof(struct muster_answer, position)];

	k.members = CAD "\"seats\":5";
	memset(&answer, 0x55, sizeof answer);
	memset(after, 0x55, sizeof after);
	answer.a.size = offsetof(struct muster_answer, position);
	fixture_ok(muster_client_activate(c, PRODUCT, &answer.a, &err), &err);
	ck_assert_int_eq(answer.a.outcome, MUSTER_ACTIVATED);
	ck_assert_mem_eq((uint8_t *)&answer + offsetof(struct muster_answer, position), after, sizeof after);
	fixture_ok(muster_client_status(c, PRODUCT, &s, &err), &err);
	ck_assert_uint_eq(s.seats, 0);
	muster_client_free(c);
	/* what lies behind an older caller's options is not read */
	o.no_queue = 1;
	o.size = offsetof(struct muster_client_options, no_queue);
	fixture_ok(muster_client_open(&c, &o, &err), &err);
	(void)fake_activate(&k, c);
	ck_assert_ptr_null(json_object_get(k.seen, "queue"));
	finish(c);
}
END_TEST

/* Everything with one allocation failing, in a process of its own. */
static int with_failure(uint64_t n)
{
	struct muster_client_options o = fake_options(&k);
	struct muster_client *c = NULL;
	struct muster_answer a = { .size = sizeof a };
	struct muster_status s = { .size = sizeof s };
	char id[37];
	bool failed;
	int r;

	mem_fail_at(n);
	if ((r = muster_client_open(&c, &o, &err)) == MUSTER_OK && (r = muster_client_set_user(c, "anna", &err)) == MUSTER_OK &&
	    (r = muster_client_find(c, "rds", id, &err)) == MUSTER_OK && (r = muster_client_set_access(c, id, MUSTER_ACCESS_USER, "2019", &err)) == MUSTER_OK &&
	    (r = muster_client_set_grace(c, id, 5, &err)) == MUSTER_OK && (r = muster_client_set_key(c, id, FOREIGN, strlen(FOREIGN), NULL, &err)) == MUSTER_OK &&
	    (r = muster_client_activate(c, id, &a, &err)) == MUSTER_OK)
		r = muster_client_status(c, id, &s, &err);
	failed = mem_count() >= n;
	mem_fail_at(0);
	muster_client_free(c);
	if (!failed)
		return r == MUSTER_OK ? 1 : 2;
	if (r == MUSTER_OK || r == MUSTER_E_NOMEM || r == MUSTER_E_IO)
		return 0;
	(void)fprintf(stderr, "allocation %llu: %d: %s\n", (unsigned long long)n, r, err.message);
	return 2;
}

static void annas(struct lease_claims *c)
{
	c->has_usr = true;
	ck_assert_int_eq(trust_user_hash(c->usr, span_str("anna")), MUSTER_OK);
}

START_TEST(test_models_every_allocation)
{
	struct muster_client *c = begin();
	struct buf list;
	int result = 0;

	buf_init(&list, 65536);
	fakehost_answer(&list, 200, "application/json", "{\"products\":[{\"name\":\"rds\",\"activation_id\":\"" PRODUCT "\"}]}");
	k.raw_products = buf_str(&list);
	k.members = RDS "\"access\":{\"per\":\"user\",\"version\":\"2019\",\"kind\":\"user\"}";
	k.tweak = annas;
	for (uint64_t n = 1; result == 0; n++) {
		int status;
		pid_t pid = fork();

		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			_exit(with_failure(n));
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) < 2, "allocation %llu: %x", (unsigned long long)n, (unsigned)status);
		result = WEXITSTATUS(status);
	}
	buf_fini(&list);
	finish(c);
}
END_TEST

UNIT_MAIN("client_seats", test_seat_heartbeat, test_seat_queue, test_models_odd_answers, test_embedded_foreign, test_embedded_keys_taken, test_models_older_callers,
	test_models_every_allocation)
