#include <string.h>
#include <muster/plugin.h>
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "tests/unit/statement_fixture.h"
#include "core/trust/pack.h"

static char text_organisation_id[] = "org-1", text_organisation[] = "Example \xc3\x96" "rg", text_programme[] = "Open Value", text_agreement[] = "V1234567",
	text_license[] = "98765432", text_service[] = "https://activate.example.org:8443", text_region[] = "Germany", text_telephone[] = "+49 800 000000",
	text_hours[] = "Mon-Fri 8-18", text_web[] = "https://example.org/phone", text_email[] = "activation@example.org";

/* A pack of every kind of key, on the stack of a test; what it points at is its own. */
struct example {
	struct pack pack;
	struct pack_key keys[6];
	struct pack_contact contacts[2];
	struct product_key typed[6];
	uint8_t products[6][16], finders[3][SLOT_FINDER];
	struct muster_span slots[2];
	struct buf boxes[2];
};

static void fill_key(struct example *e, size_t i, char kind, uint32_t number)
{
	struct pack_key *k = &e->keys[i];
	uint8_t prk[PRODUCT_KEY_PRK];
	struct muster_err err;

	fixture_ok(product_key_generate(&e->typed[i], kind, number, &err), &err);
	fixture_ok(product_key_prk(prk, e->pack.issuer_id, &e->typed[i], &err), &err);
	fixture_ok(product_key_verifier(k->verifier, prk, e->pack.id, &err), &err);
	memset(e->products[i], (int)(0x10 + i), 16);
	k->kind = kind;
	k->number = number;
	k->generation = 1;
	k->products = &e->products[i];
	k->product_count = 1;
	if (kind == 'S') {
		k->has_proof_key = true;
		fixture_ok(product_key_proof_key(k->proof_key, prk, &err), &err);
	}
}

static void fill_slots(struct example *e)
{
	uint8_t prk[PRODUCT_KEY_PRK], secret[SLOT_SECRET], pkcs8[138] = { 1 }, certificate[500] = { 2 };
	struct muster_err err;
	uint16_t i;

	fixture_ok(product_key_prk(prk, e->pack.issuer_id, &e->typed[0], &err), &err);
	for (i = 0; i < 2; i++) {
		struct slot_name name = { .number = e->keys[0].number, .generation = 1, .slot = (uint16_t)(i * 700) };

		memcpy(name.pack_id, e->pack.id, 16);
		memset(secret, i + 1, sizeof(secret));
		buf_init(&e->boxes[i], SLOT_BOX_MAX);
		fixture_ok(slot_seal(&e->boxes[i], &name, secret, prk, span_of(pkcs8, sizeof(pkcs8)), span_of(certificate, sizeof(certificate)), &err), &err);
		e->slots[i] = span_of(e->boxes[i].p, e->boxes[i].n);
	}
	e->keys[0].slots = e->slots;
	e->keys[0].slot_count = 2;
}

static void example_init(struct example *e, const struct statement_fixture *s)
{
	struct pack *p = &e->pack;

	memset(e, 0, sizeof(*e));
	memcpy(p->issuer_id, s->f.issuer_id, 16);
	ck_assert_int_eq(uuid_parse(p->id, "3ceaaf30-8142-c8ea-91d9-3080f9b439fc", 36), MUSTER_OK);
	p->iat = FIX_NOW;
	p->exp = FIX_NOW + PACK_LIFE_S;
	p->organisation_id = text_organisation_id;
	p->organisation = text_organisation;
	p->programme = text_programme;
	p->agreement = text_agreement;
	p->license_id = text_license;
	p->issue = 3;
	p->service = text_service;
	p->contacts = e->contacts;
	p->contact_count = 2;
	e->contacts[0] = (struct pack_contact){ text_region, text_telephone, text_hours, text_web, text_email };
	e->contacts[1].region = text_region;
	p->keys = e->keys;
	p->key_count = 6;
	fill_key(e, 0, PRODUCT_KEY_HOST, 706200501);
	fill_key(e, 1, PRODUCT_KEY_MAK, 0);
	fill_key(e, 2, PRODUCT_KEY_ESU, PRODUCT_KEY_NUMBER_MAX);
	fill_key(e, 3, PRODUCT_KEY_SETUP, 17);
	fill_key(e, 4, PRODUCT_KEY_ACCESS, 18);   /* activates a licence server */
	fill_key(e, 5, PRODUCT_KEY_ACCESS, 19);   /* licenses seats, with an end of their own */
	e->keys[4].hosts = 2;
	e->keys[4].activations = 3;
	e->keys[5].licenses = 25;
	e->keys[5].coverage_start = FIX_NOW;
	e->keys[5].coverage_end = FIX_NOW + 30 * FIX_DAY;
	e->keys[0].hosts = 6;
	e->keys[0].activations = 10;
	fill_slots(e);
	e->keys[1].activations = 300;
	memset(e->finders[0], 3, SLOT_FINDER);
	memset(e->finders[1], 1, SLOT_FINDER);
	memset(e->finders[2], 2, SLOT_FINDER);
	e->keys[1].finders = e->finders;
	e->keys[1].finder_count = 3;
	e->keys[2].activations = 1;
	e->keys[2].coverage_start = FIX_NOW + 100 * FIX_DAY;
	e->keys[2].coverage_end = FIX_NOW + 465 * FIX_DAY;
}

static void example_fini(struct example *e)
{
	buf_fini(&e->boxes[0]);
	buf_fini(&e->boxes[1]);
}

static void sign_example(struct buf *out, const struct statement_fixture *s)
{
	struct muster_err err;
	struct example e;
	json_t *payload;

	example_init(&e, s);
	fixture_ok(pack_payload(&payload, &e.pack, &err), &err);
	statement_fixture_sign(out, s, TRUST_TYP_PACK, payload);
	example_fini(&e);
}

static int read_at(const struct statement_fixture *s, struct muster_span text, const struct crl *crl, int64_t now, struct muster_err *err)
{
	struct pack *p;
	int r = pack_read(&p, text, s->f.anchors, crl, now, err);

	ck_assert((r == MUSTER_OK) == (p != NULL));
	pack_free(p);
	return r;
}

static int read_it(void *ctx, struct muster_span text, struct muster_err *err)
{
	return read_at(ctx, text, NULL, FIX_NOW, err);
}

static void check_same(const struct pack *got, const struct example *e)
{
	const struct pack *p = &e->pack;
	size_t i;

	ck_assert_mem_eq(got->issuer_id, p->issuer_id, 16);
	ck_assert_mem_eq(got->id, p->id, 16);
	ck_assert_int_eq(got->iat, p->iat);
	ck_assert_int_eq(got->exp, p->exp);
	ck_assert_str_eq(got->organisation_id, p->organisation_id);
	ck_assert_str_eq(got->organisation, p->organisation);
	ck_assert_str_eq(got->programme, p->programme);
	ck_assert_str_eq(got->agreement, p->agreement);
	ck_assert_str_eq(got->license_id, p->license_id);
	ck_assert_uint_eq(got->issue, 3);
	ck_assert(!got->has_host);
	ck_assert_str_eq(got->service, p->service);
	ck_assert_uint_eq(got->contact_count, 2);
	ck_assert_str_eq(got->contacts[0].telephone, text_telephone);
	ck_assert_str_eq(got->contacts[0].email, text_email);
	ck_assert_ptr_null(got->contacts[1].telephone);
	ck_assert_uint_eq(got->key_count, 6);
	for (i = 0; i < 6; i++) {
		const struct pack_key *a = &got->keys[i], *b = &e->keys[i];

		ck_assert(a->kind == b->kind && a->number == b->number && a->generation == b->generation && a->hosts == b->hosts && a->activations == b->activations);
		ck_assert_uint_eq(a->product_count, 1);
		ck_assert_mem_eq(a->products[0], b->products[0], 16);
		ck_assert_mem_eq(a->verifier, b->verifier, 32);
		ck_assert(a->has_proof_key == b->has_proof_key);
		ck_assert_mem_eq(a->proof_key, b->proof_key, 32);
		ck_assert(a->coverage_start == b->coverage_start && a->coverage_end == b->coverage_end);
		ck_assert(a->per == b->per && a->licenses == b->licenses);
		ck_assert_str_eq(a->version, b->version);
		ck_assert(a->slot_count == b->slot_count && a->finder_count == b->finder_count);
	}
	ck_assert(span_equal(got->keys[0].slots[1], e->slots[1]));
	ck_assert_mem_eq(got->keys[1].finders, e->finders, sizeof(e->finders));
}

/* What the issuer writes the host reads, to the last member; a single LF at the end is allowed, nothing else. */
START_TEST(test_pack_round_trip)
{
	static const enum trust_algorithm algorithms[] = { TRUST_ES256, TRUST_EDDSA };
	size_t i;

	for (i = 0; i < 2; i++) {
		struct statement_fixture s;
		struct muster_err err;
		struct example e;
		struct pack *got;
		json_t *payload;
		struct buf b;

		statement_fixture_init(&s, algorithms[i]);
		example_init(&e, &s);
		fixture_ok(pack_payload(&payload, &e.pack, &err), &err);
		statement_fixture_sign(&b, &s, TRUST_TYP_PACK, payload);
		fixture_ok(pack_read(&got, span_of(b.p, b.n), s.f.anchors, NULL, FIX_NOW, &err), &err);
		check_same(got, &e);
		pack_free(got);
		buf_adds(&b, "\n");
		fixture_ok(read_it(&s, span_of(b.p, b.n), &err), &err);
		buf_adds(&b, "\n");
		EXPECT_REFUSED(read_it(&s, span_of(b.p, b.n), &err), &err, MUSTER_E_INVALID, "the licence pack's signature is not the strict base64url of 64 bytes");
		buf_fini(&b);
		example_fini(&e);
		statement_fixture_fini(&s);
	}
}
END_TEST

START_TEST(test_pack_every_bit_and_prefix)
{
	struct statement_fixture s;
	struct muster_err err;
	struct example e;
	json_t *payload;
	struct buf b;

	statement_fixture_init(&s, TRUST_EDDSA);
	example_init(&e, &s);
	e.pack.key_count = e.keys[0].slot_count = 1;   /* all of a pack's kinds of members but not all keys: a shorter test */
	fixture_ok(pack_payload(&payload, &e.pack, &err), &err);
	statement_fixture_sign(&b, &s, TRUST_TYP_PACK, payload);
	example_fini(&e);
	statement_fixture_damage(span_of(b.p, b.n), "the licence pack", "this is no licence pack", 0, read_it, &s);
	/* the line end is no part of it: whatever stands in its place is */
	buf_addc(&b, '\r');
	ck_assert_int_ne(read_it(&s, span_of(b.p, b.n), NULL), MUSTER_OK);
	buf_fini(&b);
	statement_fixture_fini(&s);
}
END_TEST

/* Who may not sign, and when it is over. */
START_TEST(test_pack_refused_as_a_whole)
{
	struct statement_fixture s, other;
	struct muster_err err;
	struct crl *crl;
	struct buf b;

	statement_fixture_init(&s, TRUST_ES256);
	statement_fixture_init(&other, TRUST_ES256);
	sign_example(&b, &other);
	EXPECT_REFUSED(read_it(&s, span_of(b.p, b.n), &err), &err, MUSTER_E_SIGNATURE, "the licence pack: the certificate chain does not verify under the pinned issuer");
	buf_fini(&b);
	sign_example(&b, &s);
	EXPECT_REFUSED(read_at(&s, span_of(b.p, b.n), NULL, FIX_NOW + PACK_LIFE_S, &err), &err, MUSTER_E_EXPIRED, "the licence pack ended at 2029-11-22T04:00:00Z");
	fixture_ok(read_at(&s, span_of(b.p, b.n), NULL, FIX_NOW + PACK_LIFE_S - 1, &err), &err);
	EXPECT_REFUSED(read_at(&s, span_of(b.p, b.n), NULL, FIX_NOW - FIX_DAY, &err), &err, MUSTER_E_NOT_YET, "the licence pack was made at 2026-11-22T10:00:00Z");
	crl = statement_fixture_crl(&s, s.cert, CRL_KEY_COMPROMISE, FIX_NOW, 2);
	EXPECT_REFUSED(read_at(&s, span_of(b.p, b.n), crl, FIX_NOW, &err), &err, MUSTER_E_REFUSED, "the certificate of the issuer that signed this licence pack was revoked");
	crl_unref(crl);
	buf_fini(&b);
	statement_fixture_fini(&other);
	statement_fixture_fini(&s);
}
END_TEST

/* One change of a right payload: path of members ("keys/0/slots"), new value as JSON (NULL: taken out), and what is said. */
static const struct change { const char *path, *value; int result; const char *part; } changes[] = {
	{ "ver", "2", MUSTER_E_UNSUPPORTED, "the licence pack is of version 2; this program reads version 1: a newer one is needed" },
	{ "ver", "\"1\"", MUSTER_E_INVALID, "the licence pack: \"ver\" is missing or malformed" },
	{ "only", "1", MUSTER_E_INVALID, "the licence pack: the member \"only\" is not known here" },
	{ "jti", "\"3ceaaf30-8142-c8ea-91d9-3080f9b439fc\"", MUSTER_E_INVALID, "the licence pack: \"jti\" is missing or malformed" },
	{ "exp", NULL, MUSTER_E_INVALID, "the licence pack: \"exp\" is missing or malformed" },
	{ "exp", "1890014401", MUSTER_E_INVALID, "the licence pack ends before it begins, or lives longer than three years" },
	{ "issue", "0", MUSTER_E_INVALID, "the licence pack: \"issue\" is not within 1 and 4294967295" },
	{ "issue", "\"3\"", MUSTER_E_INVALID, "the licence pack: \"issue\" is missing or malformed" },
	{ "organisation", NULL, MUSTER_E_INVALID, "the licence pack: \"organisation\" is missing or malformed" },
	{ "organisation/name", "\"\"", MUSTER_E_INVALID, "the licence pack's organisation: \"name\" is missing or malformed" },
	{ "organisation/name", "\"a\\nb\"", MUSTER_E_INVALID, "the licence pack's organisation: \"name\" has a control character" },
	{ "organisation/street", "\"x\"", MUSTER_E_INVALID, "the licence pack's organisation: the member \"street\" is not known here" },
	{ "agreement/number", "7", MUSTER_E_INVALID, "the licence pack's agreement: \"number\" is missing or malformed" },
	{ "agreement/programme", NULL, MUSTER_E_INVALID, "the licence pack's agreement: \"programme\" is missing or malformed" },
	{ "agreement/license_id", "null", MUSTER_E_INVALID, "the licence pack's agreement: \"license_id\" is missing or malformed" },
	{ "host", "\"AAAA\"", MUSTER_E_INVALID, "the licence pack: \"host\" is missing or malformed" },
	{ "service", "\"http://example.org\"", MUSTER_E_INVALID, "the licence pack: \"service\" is not an https address" },
	{ "crl", "\"\"", MUSTER_E_INVALID, "the licence pack: \"crl\" is missing or malformed" },
	{ "contacts", "{}", MUSTER_E_INVALID, "the licence pack: \"contacts\" is missing or malformed" },
	{ "contacts/1/region", NULL, MUSTER_E_INVALID, "a contact of the licence pack: \"region\" is missing or malformed" },
	{ "contacts/0/fax", "\"1\"", MUSTER_E_INVALID, "a contact of the licence pack: the member \"fax\" is not known here" },
	{ "keys", "[]", MUSTER_E_INVALID, "the licence pack: \"keys\" is missing or malformed" },
	{ "keys", "{}", MUSTER_E_INVALID, "the licence pack: \"keys\" is missing or malformed" },
	{ "keys/1", "7", MUSTER_E_INVALID, "key 2 of the licence pack is not a JSON object" },
	{ "keys/0/colour", "1", MUSTER_E_INVALID, "key 1 of the licence pack: the member \"colour\" is not known here" },
	{ "keys/0/kind", "\"X\"", MUSTER_E_INVALID, "key 1 of the licence pack is of no known kind" },
	{ "keys/0/kind", "\"0\"", MUSTER_E_INVALID, "key 1 of the licence pack is of no known kind" },
	{ "keys/0/kind", "65", MUSTER_E_INVALID, "key 1 of the licence pack: \"kind\" is missing or malformed" },
	{ "keys/0/number", "1073741824", MUSTER_E_INVALID, "key 1 of the licence pack: \"number\" is not within 0 and 1073741823" },
	{ "keys/0/number", "-1", MUSTER_E_INVALID, "key 1 of the licence pack: \"number\" is not within" },
	{ "keys/3/number", "706200501", MUSTER_E_INVALID, "the licence pack has the key number 706200501 twice" },
	{ "keys/0/generation", "0", MUSTER_E_INVALID, "key 1 of the licence pack: \"generation\" is not within 1 and 63" },
	{ "keys/0/generation", "64", MUSTER_E_INVALID, "key 1 of the licence pack: \"generation\" is not within 1 and 63" },
	{ "keys/0/products", "[]", MUSTER_E_INVALID, "key 1 of the licence pack: \"products\" is missing or malformed" },
	{ "keys/0/products", "[\"urn:uuid:2e28138a-847f-42bc-9752-61b03fff33cd\",\"urn:uuid:2e28138a-847f-42bc-9752-61b03fff33cd\"]", MUSTER_E_INVALID,
	  "key 1 of the licence pack names the product 2e28138a-847f-42bc-9752-61b03fff33cd twice" },
	{ "keys/0/products", "[\"office2013\"]", MUSTER_E_INVALID, "key 1 of the licence pack: \"products\" is missing or malformed" },
	{ "keys/0/hosts", "0", MUSTER_E_INVALID, "key 1 of the licence pack (host key) needs hosts and activations of at least 1" },
	{ "keys/0/hosts", "1000001", MUSTER_E_INVALID, "key 1 of the licence pack: \"hosts\" is not within 0 and 1000000" },
	{ "keys/0/activations", "6.0", MUSTER_E_INVALID, "key 1 of the licence pack: \"activations\" is missing or malformed" },
	{ "keys/1/hosts", "1", MUSTER_E_INVALID, "key 2 of the licence pack (MAK) may not have hosts" },
	{ "keys/1/activations", "0", MUSTER_E_INVALID, "key 2 of the licence pack (MAK) needs activations of at least 1" },
	{ "keys/3/activations", "1", MUSTER_E_INVALID, "may not have activations" },
	{ "keys/0/verifier", "\"AAAA\"", MUSTER_E_INVALID, "key 1 of the licence pack: \"verifier\" is missing or malformed" },
	{ "keys/0/proof_key", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", MUSTER_E_INVALID, "key 1 of the licence pack (host key) may not have a proof key" },
	{ "keys/1/proof_key", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", MUSTER_E_INVALID, "key 2 of the licence pack (MAK) may not have a proof key" },
	{ "keys/3/proof_key", "\"AAAA\"", MUSTER_E_INVALID, "key 4 of the licence pack: \"proof_key\" is missing or malformed" },
	{ "keys/2/coverage", NULL, MUSTER_E_INVALID, "needs its coverage" },
	{ "keys/2/coverage", "{\"start\":2,\"end\":1}", MUSTER_E_INVALID, "key 3 of the licence pack: its coverage ends before it begins" },
	{ "keys/2/coverage", "{\"start\":2,\"end\":3,\"x\":1}", MUSTER_E_INVALID, "key 3 of the licence pack: the member \"x\" is not known here" },
	{ "keys/0/slots/1", "\"TVNMVA\"", MUSTER_E_INVALID, "key 1 of the licence pack" },
	{ "keys/0/slots/1", "\"a=\"", MUSTER_E_INVALID, "key 1 of the licence pack: \"slots\" is missing or malformed" },
	{ "keys/0/slots", "7", MUSTER_E_INVALID, "key 1 of the licence pack: \"slots\" is missing or malformed" },
	{ "keys/0/finders", "[\"AAAAAAAAAAAAAAAAAAAAAA\"]", MUSTER_E_INVALID, "key 1 of the licence pack (host key) may not have finders" },
	{ "keys/1/finders/0", "\"AgICAgICAgICAgICAgICAg\"", MUSTER_E_INVALID, "key 2 of the licence pack has a finder twice" },
	{ "keys/4/hosts", "0", MUSTER_E_INVALID, "key 5 of the licence pack (access licence pack key) needs licences (\"access\"), or hosts and activations of at least 1" },
	{ "keys/4/activations", "0", MUSTER_E_INVALID, "key 5 of the licence pack (access licence pack key) needs licences" },
	{ "keys/4/access", "{\"per\":\"seat\",\"licenses\":5}", MUSTER_E_INVALID, "key 5 of the licence pack (access licence pack key) has licences and so may not have hosts" },
	{ "keys/4/finders", "[\"AAAAAAAAAAAAAAAAAAAAAA\"]", MUSTER_E_INVALID, "key 5 of the licence pack (access licence pack key) may not have finders" },
	{ "keys/4/proof_key", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", MUSTER_E_INVALID, "key 5 of the licence pack (access licence pack key) may not have a proof key" },
	{ "keys/5/activations", "1", MUSTER_E_INVALID, "key 6 of the licence pack (access licence pack key) has licences and so may not have" },
	{ "keys/5/access", "7", MUSTER_E_INVALID, "key 6 of the licence pack: \"access\" is missing or malformed" },
	{ "keys/5/access/licenses", "0", MUSTER_E_INVALID, "key 6 of the licence pack: \"licenses\" is not within 1 and 1000000" },
	{ "keys/5/access/licenses", "1000001", MUSTER_E_INVALID, "key 6 of the licence pack: \"licenses\" is not within 1 and 1000000" },
	{ "keys/5/access/licenses", NULL, MUSTER_E_INVALID, "key 6 of the licence pack: \"licenses\" is missing or malformed" },
	{ "keys/5/access/per", "\"site\"", MUSTER_E_INVALID, "key 6 of the licence pack: \"per\" is missing or malformed" },
	{ "keys/5/access/per", NULL, MUSTER_E_INVALID, "key 6 of the licence pack: \"per\" is missing or malformed" },
	{ "keys/5/access/version", "\"2019\"", MUSTER_E_INVALID, "key 6 of the licence pack licenses seats, which have no version" },
	{ "keys/5/access/months", "1", MUSTER_E_INVALID, "key 6 of the licence pack: the member \"months\" is not known here" },
	{ "keys/5/access", "{\"per\":\"device\",\"licenses\":5}", MUSTER_E_INVALID, "key 6 of the licence pack: \"version\" is missing or malformed" },
	{ "keys/5/access", "{\"per\":\"user\",\"licenses\":5,\"version\":\"\"}", MUSTER_E_INVALID, "key 6 of the licence pack: \"version\" is missing or malformed" },
	{ "keys/5/access", "{\"per\":\"user\",\"licenses\":5,\"version\":\"2019 R2\"}", MUSTER_E_INVALID, "key 6 of the licence pack: \"version\" is missing or malformed" },
	{ "keys/5/access", "{\"per\":\"user\",\"licenses\":5,\"version\":\"2019\"}", MUSTER_E_INVALID, "key 6 of the licence pack licenses access per device or user: such a pack names the licence server" },
	{ "keys/0/access", "{\"per\":\"seat\",\"licenses\":5}", MUSTER_E_INVALID, "key 1 of the licence pack (host key) may not have access licences" },
	{ "keys/1/finders/0", "\"AAAA\"", MUSTER_E_INVALID, "key 2 of the licence pack: \"finders\" is missing or malformed" },
};

/* The member at a path; @p last gets its own name. */
static json_t *walk(json_t *j, const char *path, const char **last)
{
	const char *slash;
	char name[32];

	for (; (slash = strchr(path, '/')) != NULL; path = slash + 1) {
		snprintf(name, sizeof(name), "%.*s", (int)(slash - path), path);
		j = json_is_array(j) ? json_array_get(j, (size_t)atoi(name)) : json_object_get(j, name);
	}
	*last = path;
	return j;
}

static void apply(json_t *payload, const struct change *c)
{
	const char *name;
	json_t *j = walk(payload, c->path, &name), *value = c->value != NULL ? json_loads(c->value, JSON_DECODE_ANY, NULL) : NULL;

	if (c->value == NULL)
		ck_assert_int_eq(json_object_del(j, name), 0);
	else if (json_is_array(j))
		ck_assert_int_eq(json_array_set_new(j, (size_t)atoi(name), value), 0);
	else
		ck_assert_int_eq(json_object_set_new(j, name, value), 0);
}

/* Every rule of the payload, each with its sentence: rightly signed, and refused. */
START_TEST(test_pack_payload_refused)
{
	struct statement_fixture s;
	struct muster_err err;
	struct buf b, t;
	size_t i;

	statement_fixture_init(&s, TRUST_EDDSA);
	sign_example(&b, &s);
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		json_t *p = statement_fixture_part(&b, 1);

		apply(p, &changes[i]);
		statement_fixture_token(&t, s.key, statement_fixture_part(&b, 0), p);
		EXPECT_REFUSED(read_it(&s, span_of(t.p, t.n), &err), &err, changes[i].result, changes[i].part);
		buf_fini(&t);
	}
	buf_fini(&b);
	statement_fixture_fini(&s);
}
END_TEST

/* Licences per device and per user: bound to a licence server, each with its version. */
START_TEST(test_pack_access)
{
	static const uint8_t binding[BINDING_SIZE] = { 7, 6, 5, 4, 3, 2, 1, 0, 1, 2 };
	struct statement_fixture s;
	struct muster_err err;
	struct example e;
	struct pack *got;
	json_t *payload;
	struct buf b;

	statement_fixture_init(&s, TRUST_ES256);
	example_init(&e, &s);
	e.pack.has_host = true;
	memcpy(e.pack.host_binding, binding, BINDING_SIZE);
	e.pack.keys = &e.keys[4];
	e.pack.key_count = 2;
	e.keys[4].hosts = e.keys[4].activations = 0;
	for (size_t i = 4; i < 6; i++) {
		e.keys[i].per = i == 4 ? MUSTER_PER_DEVICE : MUSTER_PER_USER;
		e.keys[i].licenses = i == 4 ? 1000000 : 1;
		strcpy(e.keys[i].version, i == 4 ? "2008-r2" : "2019");
	}
	ck_assert(pack_only_licenses(&e.pack));
	fixture_ok(pack_payload(&payload, &e.pack, &err), &err);
	statement_fixture_sign(&b, &s, TRUST_TYP_PACK, payload);
	fixture_ok(pack_read(&got, span_of(b.p, b.n), s.f.anchors, NULL, FIX_NOW, &err), &err);
	ck_assert(got->has_host && memcmp(got->host_binding, binding, BINDING_SIZE) == 0 && pack_only_licenses(got));
	ck_assert(got->keys[0].per == MUSTER_PER_DEVICE && got->keys[0].licenses == 1000000 && got->keys[1].per == MUSTER_PER_USER && got->keys[1].licenses == 1);
	ck_assert_str_eq(got->keys[0].version, "2008-r2");
	ck_assert_str_eq(got->keys[1].version, "2019");
	pack_free(got);
	buf_fini(&b);
	/* what no host would take is not made */
	e.pack.has_host = false;
	EXPECT_REFUSED(pack_payload(&payload, &e.pack, &err), &err, MUSTER_E_INVALID, "such a pack names the licence server");
	e.pack.has_host = true;
	strcpy(e.keys[4].version, "-2019");
	EXPECT_REFUSED(pack_payload(&payload, &e.pack, &err), &err, MUSTER_E_INVALID, "\"version\" is missing or malformed");
	ck_assert(!pack_version_is("") && !pack_version_is("A") && !pack_version_is("2019_r2") && pack_version_is("a"));
	ck_assert(!pack_version_is("0123456789012345678901234567890123456789012345678901234567890123") && pack_version_is("012345678901234567890123456789012345678901234567890123456789012"));
	example_fini(&e);
	statement_fixture_fini(&s);
}
END_TEST

START_TEST(test_pack_slot_twice)
{
	struct statement_fixture s;
	struct muster_err err;
	struct buf b, t;
	json_t *p, *slots;

	statement_fixture_init(&s, TRUST_EDDSA);
	sign_example(&b, &s);
	p = statement_fixture_part(&b, 1);
	slots = json_object_get(json_array_get(json_object_get(p, "keys"), 0), "slots");
	json_array_append(slots, json_array_get(slots, 1));
	statement_fixture_token(&t, s.key, statement_fixture_part(&b, 0), p);
	EXPECT_REFUSED(read_it(&s, span_of(t.p, t.n), &err), &err, MUSTER_E_INVALID, "key 1 of the licence pack has the slot 700 twice");
	buf_fini(&t);
	buf_fini(&b);
	statement_fixture_fini(&s);
}
END_TEST

/* A number that JSON readers disagree about: the same member twice, deep inside. */
START_TEST(test_pack_duplicate_member)
{
	struct statement_fixture s;
	struct muster_err err;
	struct buf b, t, text;
	json_t *h, *p;
	char *header, *payload, *at;

	statement_fixture_init(&s, TRUST_EDDSA);
	sign_example(&b, &s);
	h = statement_fixture_part(&b, 0);
	p = statement_fixture_part(&b, 1);
	header = json_dumps(h, JSON_COMPACT);
	payload = json_dumps(p, JSON_COMPACT);
	at = strstr(payload, "\"hosts\":6");
	ck_assert_ptr_nonnull(at);
	buf_init(&text, 1 << 20);
	buf_add(&text, payload, (size_t)(at - payload));
	buf_adds(&text, "\"hosts\":600,");
	buf_adds(&text, at);
	fixture_token(&t, s.key, header, buf_str(&text));
	EXPECT_REFUSED(read_it(&s, span_of(t.p, t.n), &err), &err, MUSTER_E_INVALID, "the licence pack's payload is not JSON: duplicate");
	free(header);
	free(payload);
	json_decref(h);
	json_decref(p);
	buf_fini(&text);
	buf_fini(&t);
	buf_fini(&b);
	statement_fixture_fini(&s);
}
END_TEST

/* Tables beyond their limits. */
START_TEST(test_pack_limits)
{
	static const struct { const char *path; size_t n; const char *part; } tables[] = {
		{ "keys", PACK_KEYS_MAX + 1, "the licence pack: \"keys\" has 257 rows; at most 256 are read" },
		{ "contacts", PACK_CONTACTS_MAX + 1, "the licence pack: \"contacts\" has 65 rows; at most 64 are read" },
		{ "keys/0/slots", PACK_SLOTS_MAX + 1, "key 1 of the licence pack: \"slots\" has 1025 rows; at most 1024 are read" },
		{ "keys/1/finders", PACK_FINDERS_MAX + 1, "key 2 of the licence pack: \"finders\" has 65536 rows; at most 65535 are read" },
		{ "keys/0/products", TRUST_PRODUCTS_MAX + 1, "key 1 of the licence pack names 65 products; at most 64 are read" },
	};
	struct statement_fixture s;
	struct muster_err err;
	struct buf b, t;
	size_t i;

	statement_fixture_init(&s, TRUST_EDDSA);
	sign_example(&b, &s);
	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		json_t *p = statement_fixture_part(&b, 1), *list = json_array(), *j;
		const char *name;

		while (json_array_size(list) < tables[i].n)
			json_array_append_new(list, json_string("x"));
		j = walk(p, tables[i].path, &name);
		json_object_set_new(j, name, list);
		statement_fixture_token(&t, s.key, statement_fixture_part(&b, 0), p);
		EXPECT_REFUSED(read_it(&s, span_of(t.p, t.n), &err), &err, MUSTER_E_LIMIT, tables[i].part);
		buf_fini(&t);
	}
	buf_fini(&b);
	/* the whole */
	buf_init(&b, TRUST_PACK_MAX + 2);
	while (b.n < TRUST_PACK_MAX + 1)
		buf_addc(&b, 'a');
	EXPECT_REFUSED(read_it(&s, span_of(b.p, b.n), &err), &err, MUSTER_E_INVALID, "the licence pack has 4194305 characters; at most 4194304 are read");
	buf_fini(&b);
	statement_fixture_fini(&s);
}
END_TEST

/* The issuer cannot make what a host would refuse. */
START_TEST(test_pack_payload_checks_itself)
{
	struct statement_fixture s;
	struct muster_err err;
	struct example e;
	json_t *payload;
	uint8_t (*finders)[SLOT_FINDER] = mem_array(PACK_FINDERS_MAX, SLOT_FINDER);
	struct pack_key many[4];
	size_t i;

	statement_fixture_init(&s, TRUST_EDDSA);
	example_init(&e, &s);
	e.keys[3].number = e.keys[0].number;
	EXPECT_REFUSED(pack_payload(&payload, &e.pack, &err), &err, MUSTER_E_INVALID, "the licence pack has the key number 706200501 twice");
	ck_assert_ptr_null(payload);
	e.keys[3].number = 17;
	e.pack.exp++;
	EXPECT_REFUSED(pack_payload(&payload, &e.pack, &err), &err, MUSTER_E_INVALID, "lives longer than three years");
	e.pack.exp--;
	e.slots[1] = e.slots[0];
	EXPECT_REFUSED(pack_payload(&payload, &e.pack, &err), &err, MUSTER_E_INVALID, "has the slot 0 twice");
	/* more than 4 MiB */
	for (i = 0; i < PACK_FINDERS_MAX; i++)
		be32_put(finders[i], (uint32_t)i);
	for (i = 0; i < 4; i++) {
		many[i] = e.keys[1];
		many[i].number = (uint32_t)i;
		many[i].finders = finders;
		many[i].finder_count = PACK_FINDERS_MAX;
	}
	e.pack.keys = many;
	e.pack.key_count = 4;
	EXPECT_REFUSED(pack_payload(&payload, &e.pack, &err), &err, MUSTER_E_LIMIT, "divide its keys among several agreements");
	e.pack.key_count = 1;
	fixture_ok(pack_payload(&payload, &e.pack, &err), &err);
	json_decref(payload);
	mem_free(finders);
	example_fini(&e);
	statement_fixture_fini(&s);
}
END_TEST

/* Every allocation of ours fails once, in reading and in writing: exhausted, nothing half done, nothing lost. */
START_TEST(test_pack_no_memory)
{
	struct statement_fixture s;
	struct muster_err err;
	struct example e;
	json_t *payload;
	struct pack *p;
	struct buf b;
	uint64_t n;
	int r;

	statement_fixture_init(&s, TRUST_EDDSA);
	sign_example(&b, &s);
	for (n = 1, r = MUSTER_E_NOMEM; r != MUSTER_OK; n++) {
		mem_fail_at(n);
		r = pack_read(&p, span_of(b.p, b.n), s.f.anchors, NULL, FIX_NOW, &err);
		mem_fail_at(0);
		ck_assert_msg(r == MUSTER_OK || (r == MUSTER_E_NOMEM && p == NULL), "allocation %u: result %d: %s", (unsigned)n, r, err.message);
		pack_free(p);
	}
	ck_assert_uint_gt(n, 20);
	buf_fini(&b);
	example_init(&e, &s);
	for (n = 1, r = MUSTER_E_NOMEM; r != MUSTER_OK; n++) {
		mem_fail_at(n);
		r = pack_payload(&payload, &e.pack, &err);
		mem_fail_at(0);
		ck_assert_msg(r == MUSTER_OK || (r == MUSTER_E_NOMEM && payload == NULL), "allocation %u: result %d: %s", (unsigned)n, r, err.message);
	}
	json_decref(payload);
	buf_init(&b, TRUST_PACK_MAX);
	for (n = 1, r = MUSTER_E_NOMEM; r != MUSTER_OK; n++) {
		payload = json_object();
		mem_fail_at(n);
		r = statement_sign(&b, s.signer, TRUST_TYP_ROOTS, s.f.issuer_id, FIX_NOW, payload, &err);
		mem_fail_at(0);
		ck_assert_msg(r == MUSTER_OK || r == MUSTER_E_NOMEM, "allocation %u: result %d: %s", (unsigned)n, r, err.message);
		json_decref(payload);
		buf_fini(&b);
		buf_init(&b, TRUST_PACK_MAX);
	}
	buf_fini(&b);
	example_fini(&e);
	statement_fixture_fini(&s);
}
END_TEST

/* A typed key is the pack's key, and no other is: not by number, kind, secret, pack or issuer. */
START_TEST(test_pack_recognises)
{
	struct statement_fixture s;
	struct product_key wrong;
	struct muster_err err;
	struct example e;
	size_t i, k;

	statement_fixture_init(&s, TRUST_EDDSA);
	example_init(&e, &s);
	for (i = 0; i < 6; i++)
		for (k = 0; k < 6; k++)
			ck_assert_msg(pack_recognises(&e.pack, &e.keys[i], &e.typed[k]) == (i == k), "key %zu, typed %zu", i, k);
	ck_assert_ptr_eq(pack_find(&e.pack, 17), &e.keys[3]);
	ck_assert_ptr_null(pack_find(&e.pack, 20));
	fixture_ok(product_key_generate(&wrong, e.typed[0].kind, e.typed[0].number, &err), &err);
	ck_assert(!pack_recognises(&e.pack, &e.keys[0], &wrong));
	e.pack.id[0] ^= 1;
	ck_assert(!pack_recognises(&e.pack, &e.keys[0], &e.typed[0]));
	e.pack.id[0] ^= 1;
	e.pack.issuer_id[0] ^= 1;
	ck_assert(!pack_recognises(&e.pack, &e.keys[0], &e.typed[0]));
	example_fini(&e);
	statement_fixture_fini(&s);
}
END_TEST

UNIT_MAIN("pack", test_pack_round_trip, test_pack_every_bit_and_prefix, test_pack_refused_as_a_whole, test_pack_payload_refused, test_pack_access, test_pack_slot_twice,
          test_pack_duplicate_member, test_pack_limits, test_pack_payload_checks_itself, test_pack_no_memory, test_pack_recognises)
