/* Products with a key: what is kept and sent, telephone leases, perpetual activations, facts, callers of older versions, memory that runs out. */
#include "tests/unit/client_fixture.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/trust/digits.h"

#define COUNTED "\"product\":\"contoso-mak\",\"activation_id\":\"" PRODUCT "\",\"count\":0,\"minimum_count\":0," \
	"\"activation_interval_minutes\":120,\"renewal_interval_minutes\":10080,\"rearm_max\":0"

static struct fake k;
static struct muster_err err;
static struct product_key key;
static char key_text[PRODUCT_KEY_TEXT];
static struct buf token;

static void machine_hw(uint8_t hw[32], const char *machine)
{
	ck_assert_int_eq(trust_hardware_id(hw, k.f.issuer_id, HARDWARE_GIVEN, span_str(machine)), MUSTER_OK);
}

/* The issuer's confirmation for the fixture's machine. */
static void confirm(const char *machine, int64_t start, int64_t end)
{
	struct confirmation c = { .kind = key.kind, .number = key.number, .product_count = 1, .coverage_start = start, .coverage_end = end };
	struct statement_signer *signer;
	struct trust_chain *chain;
	EVP_PKEY *pkey;
	X509 *cert;
	json_t *payload;
	uint8_t hw[32];

	machine_hw(hw, machine);
	uuid_random(c.id);
	product_key_partial(c.partial, &key);
	memcpy(c.products[0], k.f.product_id, 16);
	ck_assert_int_eq(binding_of_machine(c.binding, k.f.issuer_id, hw), MUSTER_OK);
	fixture_ok(trust_key_generate(&pkey, TRUST_ES256, &err), &err);
	fixture_ok(trust_make_statement(&cert, pkey, "statements", k.f.mid, k.f.mid_key, FIX_NOW, &err), &err);
	chain = fixture_chain(cert, k.f.mid);
	fixture_ok(statement_signer_new(&signer, pkey, chain, &err), &err);
	payload = confirmation_payload(&c);
	buf_clear(&token);
	fixture_ok(statement_sign(&token, signer, TRUST_TYP_CONFIRMATION, k.f.issuer_id, FIX_NOW, payload, &err), &err);
	json_decref(payload);
	statement_signer_free(signer);
	trust_chain_unref(chain);
	X509_free(cert);
	EVP_PKEY_free(pkey);
}

static struct muster_client *begin(void)
{
	fake_init(&k);
	buf_init(&token, STATEMENT_CONFIRMATION_MAX);
	fixture_ok(product_key_generate(&key, PRODUCT_KEY_MAK, 4711, &err), &err);
	product_key_format(key_text, &key);
	k.members = COUNTED;
	return fake_open(&k);
}

static void finish(struct muster_client *c)
{
	muster_client_free(c);
	buf_fini(&token);
	fake_fini(&k);
}

static void set_key(struct muster_client *c)
{
	fixture_ok(muster_client_set_key(c, PRODUCT, key_text, strlen(key_text), NULL, &err), &err);
}

/* Does the last question prove the key, for its own nonce and client ID? */
static bool proves(void)
{
	uint8_t prk[PRODUCT_KEY_PRK], proof_key[32], want[32], got[64], nonce[64], client[16], product[16], hw[32];
	const json_t *o = json_object_get(k.seen, "key");
	const char *text = json_string_value(json_object_get(o, "proof"));
	size_t n, got_n;

	if (text == NULL)
		return false;
	machine_hw(hw, "machine 1");
	ck_assert_uint_eq(json_object_size(o), 3);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "number")), 4711);
	ck_assert_int_eq(uuid_parse(client, fake_seen(&k, "client_id"), 36), MUSTER_OK);
	ck_assert_int_eq(uuid_parse(product, PRODUCT, 36), MUSTER_OK);
	ck_assert_int_eq(b64_decode(nonce, sizeof nonce, &n, fake_seen(&k, "nonce"), strlen(fake_seen(&k, "nonce"))), MUSTER_OK);
	ck_assert_int_eq(b64_decode(got, sizeof got, &got_n, text, strlen(text)), MUSTER_OK);
	fixture_ok(product_key_prk(prk, k.f.issuer_id, &key, &err), &err);
	fixture_ok(product_key_proof_key(proof_key, prk, &err), &err);
	fixture_ok(product_key_proof(want, proof_key, product, client, hw, span_of(nonce, n), &err), &err);
	return got_n == 32 && memcmp(got, want, 32) == 0;
}

/* Confirmed by digits at the host: leases as others, marked, each renewal proves the key again; release takes both away. */
START_TEST(test_counted_telephone)
{
	struct muster_client *c = begin();
	struct muster_answer a = { .size = sizeof a };
	struct muster_status s;

	k.members = COUNTED ",\"assurance\":\"telephone\"";
	set_key(c);
	a = fake_activate(&k, c);
	ck_assert_int_eq(a.outcome, MUSTER_ACTIVATED);
	ck_assert_uint_eq(a.perpetual, 0);
	ck_assert(proves());
	s = fake_status(c);
	ck_assert_uint_eq(s.valid, 1);
	ck_assert_uint_eq(s.telephone, 1);
	ck_assert_uint_eq(s.perpetual, 0);
	ck_assert_uint_eq(s.has_key, 1);
	ck_assert_uint_eq(s.key_number, 4711);
	ck_assert_str_eq(s.key_partial, key_text + 24);
	fake_advance(&k, 8 * DAY);
	fixture_ok(muster_client_renew(c, PRODUCT, &a, &err), &err);
	ck_assert_uint_eq(k.asked, 2);
	ck_assert(proves());
	/* asked, not confirmed by telephone any more: the mark goes with the answer */
	k.members = COUNTED;
	(void)fake_activate(&k, c);
	ck_assert_uint_eq(fake_status(c).telephone, 0);
	fixture_ok(muster_client_release(c, PRODUCT, &a, &err), &err);
	ck_assert_int_eq(a.outcome, MUSTER_RELEASED);
	ck_assert_int_ne(access(fake_path(&k, "keys/" PRODUCT ".json"), F_OK), 0);
	finish(c);
}
END_TEST

/* A confirmation: no key is left, nobody is asked, advice of a 409 for another product does not touch it, release is refused. */
START_TEST(test_counted_perpetual)
{
	struct muster_client *c = begin();
	struct muster_answer a = { .size = sizeof a };
	struct muster_status s;
	struct stat st;

	confirm("machine 1", 0, 0);
	set_key(c);
	ck_assert_int_eq(stat(fake_path(&k, "keys/" PRODUCT ".json"), &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	k.confirmation = buf_str(&token);
	a = fake_activate(&k, c);
	ck_assert_int_eq(a.outcome, MUSTER_ACTIVATED);
	ck_assert_uint_eq(a.perpetual, 1);
	ck_assert_int_eq(a.expires_at, 0);
	ck_assert_int_eq(a.next_at, 0);
	ck_assert_int_ne(access(fake_path(&k, "keys/" PRODUCT ".json"), F_OK), 0);
	fake_advance(&k, 3000 * DAY);
	fixture_ok(muster_client_renew(c, PRODUCT, &a, &err), &err);
	ck_assert_int_eq(a.outcome, MUSTER_ACTIVATED);
	ck_assert_uint_eq(k.asked, 1);
	s = fake_status(c);
	ck_assert_uint_eq(s.valid, 1);
	ck_assert_uint_eq(s.license_status, 1);
	ck_assert_int_eq(s.state_ends_at, 0);
	ck_assert_int_eq(s.granted_at, FIX_NOW);
	/* a 409 for another product: the advice may be followed, for no lease is lost by it */
	k.problem = 409;
	k.problem_code = "M-112";
	k.problem_client = muster_client_id(c);
	k.confirmation = NULL;
	fixture_ok(muster_client_activate(c, OTHER_PRODUCT, &a, &err), &err);
	ck_assert_uint_eq(k.asked, 3);
	ck_assert_uint_eq(fake_status(c).valid, 1);
	fixture_ok(muster_client_release(c, PRODUCT, &a, &err), &err);
	ck_assert_int_eq(a.outcome, MUSTER_REFUSED);
	ck_assert_uint_eq(a.code, CODE_M_PERPETUAL);
	ck_assert_uint_eq(fake_status(c).valid, 1);
	finish(c);
}
END_TEST

/* A second key tried on a machine that is activated for good: refused, and the activation stays. */
START_TEST(test_counted_second_key)
{
	struct muster_client *c = begin();
	struct muster_answer a;

	confirm("machine 1", 0, 0);
	set_key(c);
	k.confirmation = buf_str(&token);
	(void)fake_activate(&k, c);
	set_key(c);
	k.problem = 422;
	k.problem_code = "0xC004F050";
	a = fake_activate(&k, c);
	ck_assert_int_eq(a.outcome, MUSTER_REFUSED);
	ck_assert_uint_eq(a.perpetual, 1);
	ck_says(a.message, "The perpetual activation held stays.");
	ck_assert_uint_eq(fake_status(c).valid, 1);
	finish(c);
}
END_TEST

/* What was derived for one issuer is not sent to hosts of another, and a key that is none is not taken. */
START_TEST(test_counted_keys)
{
	struct muster_client *c = begin();
	char digits[64];
	struct buf text, changed;
	char *at;

	ck_assert_int_eq(muster_client_installation_id(c, PRODUCT, digits, &err), MUSTER_E_NOT_FOUND);
	ck_assert_uint_eq(err.code, (uint32_t)CODE_NO_KEY);
	ck_assert_int_eq(muster_client_set_key(c, PRODUCT, key_text, 20, NULL, &err), MUSTER_E_INVALID);
	ck_assert_uint_eq(err.code, (uint32_t)CODE_KEY_INVALID);
	ck_assert_int_eq(muster_client_set_key(c, PRODUCT, key_text, strlen(key_text), "http://127.0.0.1", &err), MUSTER_E_INVALID);
	ck_says(err.message, "https://");
	ck_assert_int_eq(muster_client_set_key(c, PRODUCT, key_text, strlen(key_text), "https://a b", &err), MUSTER_E_INVALID);
	ck_assert_int_eq(muster_client_set_key(c, "x", key_text, strlen(key_text), NULL, &err), MUSTER_E_INVALID);
	set_key(c);
	fixture_ok(muster_client_installation_id(c, PRODUCT, digits, &err), &err);
	ck_assert_uint_eq(strlen(digits), 62);
	fake_read(&k, "keys/" PRODUCT ".json", &text);
	ck_assert_ptr_null(strstr(buf_str(&text), key_text));
	/* as if another issuer had been pinned since */
	buf_init(&changed, 65536);
	buf_adds(&changed, buf_str(&text));
	at = strstr((char *)changed.p, "6f1d2c3b");
	ck_assert_ptr_nonnull(at);
	at[0] = '7';
	fake_write(&k, "keys/" PRODUCT ".json", buf_str(&changed));
	(void)fake_activate(&k, c);
	ck_assert(!proves());
	ck_assert_int_eq(muster_client_installation_id(c, PRODUCT, digits, &err), MUSTER_E_NOT_FOUND);
	fake_write(&k, "keys/" PRODUCT ".json", "{}");
	{
		struct muster_answer a = { .size = sizeof a };

		ck_assert_int_eq(muster_client_activate(c, PRODUCT, &a, &err), MUSTER_E_INVALID);
		ck_says(err.message, "keys/" PRODUCT ".json is damaged");
	}
	/* none is kept, and removing nothing is fine */
	fixture_ok(muster_client_set_key(c, PRODUCT, NULL, 0, NULL, &err), &err);
	fixture_ok(muster_client_set_key(c, PRODUCT, NULL, 0, NULL, &err), &err);
	buf_fini(&text);
	buf_fini(&changed);
	finish(c);
}
END_TEST

START_TEST(test_counted_facts)
{
	struct muster_client *c = begin();
	char name[80], text[300];
	const json_t *facts;

	memset(text, 'x', sizeof text);
	text[257] = '\0';
	ck_assert_int_eq(muster_client_set_fact(c, "", MUSTER_FACT_TEXT, "x", 0, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(muster_client_set_fact(c, NULL, MUSTER_FACT_TEXT, "x", 0, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(muster_client_set_fact(c, "a=b", MUSTER_FACT_TEXT, "x", 0, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(muster_client_set_fact(c, "a", MUSTER_FACT_TEXT, text, 0, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(muster_client_set_fact(c, "a", MUSTER_FACT_TEXT, "\xff", 0, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(muster_client_set_fact(c, "a", 4, "x", 0, &err), MUSTER_E_INVALID);
	fixture_ok(muster_client_set_fact(c, "text", MUSTER_FACT_TEXT, "x", 0, &err), &err);
	fixture_ok(muster_client_set_fact(c, "text", MUSTER_FACT_TEXT, "y", 0, &err), &err);
	fixture_ok(muster_client_set_fact(c, "number", MUSTER_FACT_INTEGER, NULL, -5, &err), &err);
	fixture_ok(muster_client_set_fact(c, "yes", MUSTER_FACT_BOOLEAN, NULL, 1, &err), &err);
	fixture_ok(muster_client_set_fact(c, "os.kernel", MUSTER_FACT_TEXT, "mine", 0, &err), &err);
	fixture_ok(muster_client_set_fact(c, "gone", MUSTER_FACT_BOOLEAN, NULL, 0, &err), &err);
	fixture_ok(muster_client_set_fact(c, "gone", MUSTER_FACT_NONE, NULL, 0, &err), &err);
	/* sent with a proof only */
	(void)fake_activate(&k, c);
	ck_assert_ptr_null(json_object_get(json_object_get(k.seen, "machine"), "facts"));
	set_key(c);
	(void)fake_activate(&k, c);
	facts = json_object_get(json_object_get(k.seen, "machine"), "facts");
	ck_assert_str_eq(json_string_value(json_object_get(facts, "text")), "y");
	ck_assert_int_eq(json_integer_value(json_object_get(facts, "number")), -5);
	ck_assert(json_is_true(json_object_get(facts, "yes")));
	ck_assert_str_eq(json_string_value(json_object_get(facts, "os.kernel")), "mine");
	ck_assert_ptr_nonnull(json_object_get(facts, "os.arch"));
	ck_assert_ptr_null(json_object_get(facts, "gone"));
	/* 64 in all, 4 KiB in all, and what was refused is not kept */
	for (int i = 0, r = MUSTER_OK; r == MUSTER_OK; i++) {
		ck_assert_int_lt(i, 64);
		(void)snprintf(name, sizeof name, "f%d", i);
		r = muster_client_set_fact(c, name, MUSTER_FACT_INTEGER, NULL, i, &err);
		ck_assert_msg(r == MUSTER_OK || (r == MUSTER_E_LIMIT && i > 50), "%d: %d", i, r);
	}
	(void)fake_activate(&k, c);
	ck_assert_uint_le(json_object_size(json_object_get(json_object_get(k.seen, "machine"), "facts")), 64);
	fake_write(&k, "facts.json", "[]");
	ck_assert_int_eq(muster_client_set_fact(c, "a", MUSTER_FACT_INTEGER, NULL, 1, &err), MUSTER_E_INVALID);
	ck_says(err.message, "facts.json is damaged");
	finish(c);
}
END_TEST

/* Callers compiled with the first header have shorter structures: theirs are filled, and nothing behind them is touched. */
START_TEST(test_counted_older_callers)
{
	struct muster_client *c = begin();
	struct { struct muster_answer a; } answer;
	struct { struct muster_status s; } status;
	uint8_t untouched[sizeof answer];

	confirm("machine 1", 0, 0);
	set_key(c);
	k.confirmation = buf_str(&token);
	memset(untouched, 0x77, sizeof untouched);
	memset(&answer, 0x77, sizeof answer);
	answer.a.size = offsetof(struct muster_answer, perpetual);
	fixture_ok(muster_client_activate(c, PRODUCT, &answer.a, &err), &err);
	ck_assert_int_eq(answer.a.outcome, MUSTER_ACTIVATED);
	ck_assert_mem_eq((char *)&answer + answer.a.size, untouched, sizeof answer - answer.a.size);
	memset(&status, 0x77, sizeof status);
	status.s.size = offsetof(struct muster_status, perpetual);
	fixture_ok(muster_client_status(c, PRODUCT, &status.s, &err), &err);
	ck_assert_uint_eq(status.s.valid, 1);
	ck_assert_mem_eq((char *)&status + status.s.size, untouched, sizeof status - status.s.size);
	{
		struct muster_client_options o = fake_options(&k);
		struct muster_client *older;

		o.size = offsetof(struct muster_client_options, ca);
		o.ca = "/nowhere";
		fixture_ok(muster_client_open(&older, &o, &err), &err);
		ck_assert_uint_eq(fake_status(older).valid, 1);
		muster_client_free(older);
	}
	finish(c);
}
END_TEST

START_TEST(test_counted_import)
{
	struct muster_client *c = begin();
	struct muster_answer a = { .size = sizeof a };
	struct buf text;

	confirm("machine 1", 0, 0);
	ck_assert_int_eq(muster_client_import(c, PRODUCT, span_str(""), &a, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(muster_client_import(c, PRODUCT, span_str("{}"), &a, &err), MUSTER_E_NOT_FOUND);
	set_key(c);
	ck_assert_int_eq(muster_client_import(c, PRODUCT, span_str("{}"), &a, &err), MUSTER_E_INVALID);
	ck_says(err.message, "not an issuer's answer for this machine");
	ck_assert_int_eq(muster_client_import(c, OTHER_PRODUCT, span_of(token.p, token.n), &a, &err), MUSTER_E_MISMATCH);
	ck_says(err.message, "for another product");
	for (size_t n = 1; n < token.n; n += 97)
		ck_assert_int_ne(muster_client_import(c, PRODUCT, span_of(token.p, n), &a, &err), MUSTER_OK);
	fixture_ok(muster_client_import(c, PRODUCT, span_of(token.p, token.n), &a, &err), &err);
	ck_assert_uint_eq(a.perpetual, 1);
	ck_assert_uint_eq(fake_status(c).valid, 1);
	ck_assert_uint_eq(k.asked, 0);
	/* a file that was damaged afterwards */
	fake_read(&k, "confirmations/" PRODUCT ".jws", &text);
	text.p[text.n / 2] ^= 1;
	fake_write(&k, "confirmations/" PRODUCT ".jws", buf_str(&text));
	ck_assert_uint_eq(fake_status(c).valid, 0);
	buf_fini(&text);
	confirm("machine 2", 0, 0);
	ck_assert_int_eq(muster_client_import(c, PRODUCT, span_of(token.p, token.n), &a, &err), MUSTER_E_MISMATCH);
	ck_says(err.message, "for other hardware");
	finish(c);
}
END_TEST

/* Without state and network: root, token, what it is compared with; every other one is refused, and nothing is told of it. */
START_TEST(test_counted_verify)
{
	struct muster_client *c = begin();
	struct muster_confirmation v = { .size = sizeof v }, none = { .size = sizeof none };
	struct buf roots;
	struct muster_span root, crl = { NULL, 0 };
	uint8_t hw[32], other[32];

	confirm("machine 1", FIX_NOW, FIX_NOW + 100 * DAY);
	fixture_pem(&roots, k.f.root, NULL);
	root = span_of(roots.p, roots.n);
	machine_hw(hw, "machine 1");
	machine_hw(other, "machine 2");
	fixture_ok(muster_confirmation_verify(&v, root, span_of(token.p, token.n), crl, PRODUCT, hw, FIX_NOW, &err), &err);
	ck_assert_str_eq(v.activation_id, PRODUCT);
	ck_assert_str_eq(v.key_partial, key_text + 24);
	ck_assert_str_eq(v.key_kind, "1");
	ck_assert_uint_eq(v.key_number, 4711);
	ck_assert_uint_eq(v.product_count, 1);
	ck_assert_int_eq(v.issued_at, FIX_NOW);
	ck_assert_int_eq(v.coverage_end, FIX_NOW + 100 * DAY);
	fixture_ok(muster_confirmation_verify(&v, root, span_of(token.p, token.n), crl, NULL, NULL, FIX_NOW, &err), &err);
	ck_assert_int_eq(muster_confirmation_verify(&v, root, span_of(token.p, token.n), crl, OTHER_PRODUCT, hw, FIX_NOW, &err), MUSTER_E_MISMATCH);
	ck_assert_mem_eq(&v, &none, sizeof v);
	ck_assert_int_eq(muster_confirmation_verify(&v, root, span_of(token.p, token.n), crl, PRODUCT, other, FIX_NOW, &err), MUSTER_E_MISMATCH);
	ck_assert_int_eq(muster_confirmation_verify(&v, root, span_of(token.p, token.n), crl, PRODUCT, hw, FIX_NOW + 100 * DAY, &err), MUSTER_E_EXPIRED);
	ck_assert_int_eq(muster_confirmation_verify(&v, root, span_of(token.p, token.n), crl, PRODUCT, hw, FIX_NOW - 2 * DAY, &err), MUSTER_E_NOT_YET);
	ck_assert_int_eq(muster_confirmation_verify(&v, root, span_of(token.p, token.n - 1), crl, PRODUCT, hw, FIX_NOW, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(muster_confirmation_verify(&v, root, span_of(token.p, token.n), span_str("x"), PRODUCT, hw, FIX_NOW, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(muster_confirmation_verify(&v, root, span_of(token.p, token.n), crl, "x", hw, FIX_NOW, &err), MUSTER_E_INVALID);
	v.size = 8;
	ck_assert_int_eq(muster_confirmation_verify(&v, root, span_of(token.p, token.n), crl, PRODUCT, hw, FIX_NOW, &err), MUSTER_E_INVALID);
	buf_fini(&roots);
	finish(c);
}
END_TEST

/* A clock that was set back counts where there is an end, and only there. */
START_TEST(test_counted_clock)
{
	struct muster_client *c = begin();
	struct muster_answer a = { .size = sizeof a };

	confirm("machine 1", FIX_NOW, FIX_NOW + 100 * DAY);
	fixture_ok(muster_client_import(c, PRODUCT, span_of(token.p, token.n), &a, &err), &err);
	ck_assert_int_eq(a.expires_at, FIX_NOW + 100 * DAY);
	fake_advance(&k, 101 * DAY);
	ck_says(fake_status(c).reason, "the coverage of this key ended");
	fake_write(&k, "clock", "1804067200\n");
	fake_advance(&k, -50 * DAY);
	ck_says(fake_status(c).reason, "clock set back");
	confirm("machine 1", 0, 0);
	fixture_ok(muster_client_import(c, PRODUCT, span_of(token.p, token.n), &a, &err), &err);
	ck_assert_uint_eq(fake_status(c).valid, 1);
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
	char digits[64];
	bool failed;
	int r;

	mem_fail_at(n);
	if ((r = muster_client_open(&c, &o, &err)) == MUSTER_OK && (r = muster_client_set_fact(c, "a", MUSTER_FACT_TEXT, "b", 0, &err)) == MUSTER_OK &&
	    (r = muster_client_set_key(c, PRODUCT, key_text, strlen(key_text), NULL, &err)) == MUSTER_OK &&
	    (r = muster_client_installation_id(c, PRODUCT, digits, &err)) == MUSTER_OK && (r = muster_client_activate(c, PRODUCT, &a, &err)) == MUSTER_OK &&
	    (r = muster_client_status(c, PRODUCT, &s, &err)) == MUSTER_OK)
		r = muster_client_import(c, PRODUCT, span_of(token.p, token.n), &a, &err);
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

START_TEST(test_counted_every_allocation)
{
	struct muster_client *c = begin();
	int result = 0;

	confirm("machine 1", 0, 0);
	k.confirmation = buf_str(&token);
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
	finish(c);
}
END_TEST

UNIT_MAIN("client_counted", test_counted_telephone, test_counted_perpetual, test_counted_second_key, test_counted_keys, test_counted_facts, test_counted_older_callers,
	test_counted_import, test_counted_verify, test_counted_clock, test_counted_every_allocation)
