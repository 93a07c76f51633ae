/* What packs license beside activations: access licences, seats, embedded keys; lines of packs; licence servers by digits. */
#include "tests/unit/activation_fixture.h"

#include <string.h>
#include <muster/plugin.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/trust/server_id.h"

#define DAY INT64_C(86400)

static char organisation_id[] = "org-1", organisation[] = "Example Works", programme[] = "Open Value", agreement[] = "V1234567";

static struct pack_key licences(const struct minted *m, uint32_t per, const char *version, uint32_t n)
{
	struct pack_key k = { .kind = m->key.kind, .number = m->key.number, .generation = 1, .products = (uint8_t (*)[16])(uintptr_t)m->products, .product_count = m->product_count, .per = per,
		.licenses = n };

	(void)snprintf(k.version, sizeof k.version, "%s", version);
	return k;
}

/* @p hardware of the licence server; NULL: for any. */
static void make(struct buf *token, struct host *h, uint32_t issue, const char *hardware, struct pack_key *keys, const struct minted *minted, size_t n, int64_t life)
{
	int64_t now = clock_wall_ms(&h->clock.clock) / 1000;
	struct pack p = { .iat = now, .exp = now + life, .organisation_id = organisation_id, .organisation = organisation, .programme = programme, .agreement = agreement, .issue = issue,
		.keys = keys, .key_count = n, .has_host = hardware != NULL };
	uint8_t prk[PRODUCT_KEY_PRK];
	json_t *payload;

	memcpy(p.issuer_id, h->issuer.f.issuer_id, 16);
	uuid_random(p.id);
	if (hardware != NULL)
		ck_assert_int_eq(binding_of_host(p.host_binding, p.issuer_id, 3, span_str(hardware)), MUSTER_OK);
	for (size_t i = 0; i < n; i++) {
		fixture_ok(product_key_prk(prk, p.issuer_id, &minted[i].key, &h->err), &h->err);
		fixture_ok(product_key_verifier(keys[i].verifier, prk, p.id, &h->err), &h->err);
		if (keys[i].kind == PRODUCT_KEY_EMBEDDED) {
			keys[i].has_proof_key = true;
			fixture_ok(product_key_proof_key(keys[i].proof_key, prk, &h->err), &h->err);
		}
	}
	buf_init(token, TRUST_PACK_MAX);
	fixture_ok(pack_payload(&payload, &p, &h->err), &h->err);
	fixture_ok(statement_sign(token, h->issuer.signer, TRUST_TYP_PACK, p.issuer_id, now, payload, &h->err), &h->err);
	json_decref(payload);
}

struct sum { char rows[8][80]; size_t n; };

static void add(void *ctx, const struct activation_capacity *c)
{
	struct sum *s = ctx;

	ck_assert_uint_lt(s->n, 8);
	(void)snprintf(s->rows[s->n++], sizeof s->rows[0], "%u %s %u;", c->per, c->version, c->licenses);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(b, a);
}

static const char *capacity(struct host *h, const char *product)
{
	static char text[8 * 80];
	struct sum s = { .n = 0 };
	size_t n = 0;

	ck_good(h, activation_capacity(h->activation, catalog_product_named(h->catalog, product), add, &s, &h->err));
	qsort(s.rows, s.n, sizeof s.rows[0], by_text);   /* packs have no order of their own */
	text[0] = '\0';
	for (size_t i = 0; i < s.n; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s", s.rows[i]);
	return text;
}

START_TEST(test_capacity)
{
	struct minted m[3];
	struct pack_key keys[3];
	struct buf first, second, seats, elsewhere;
	uint64_t change;
	struct host h;

	host_init(&h);
	for (size_t i = 0; i < 3; i++)
		m[i] = mint(PRODUCT_KEY_ACCESS, 100 + (uint32_t)i, i == 1 ? h.windows : h.office, NULL);
	keys[0] = licences(&m[0], MUSTER_PER_DEVICE, "2019", 50);
	keys[1] = licences(&m[1], MUSTER_PER_USER, "2022", 5);
	keys[2] = licences(&m[2], MUSTER_PER_DEVICE, "2016", 7);
	keys[2].coverage_start = clock_wall_ms(&h.clock.clock) / 1000 + 10 * DAY;
	keys[2].coverage_end = keys[2].coverage_start + 20 * DAY;
	make(&first, &h, 3, h.hardware, keys, m, 2, 100 * DAY);
	make(&second, &h, 5, h.hardware, keys, m, 3, 100 * DAY);
	make(&elsewhere, &h, 9, "another host", keys, m, 3, 100 * DAY);
	change = activation_packs_change(h.activation);
	ck_good(&h, take_pack(&h, &first, NULL));
	ck_assert_uint_gt(activation_packs_change(h.activation), change);
	ck_assert_str_eq(capacity(&h, "office2013"), "1 2019 50;");
	ck_assert_str_eq(capacity(&h, "windows"), "2 2022 5;");
	ck_assert_str_eq(capacity(&h, "windows-server"), "");
	ck_refused(&h, take_pack(&h, &elsewhere, NULL), CODE_M_PACK_FOREIGN, "made for another host");
	change = activation_packs_change(h.activation);
	ck_good(&h, take_pack(&h, &second, NULL));
	ck_assert_uint_gt(activation_packs_change(h.activation), change);
	ck_assert_str_eq(capacity(&h, "office2013"), "1 2019 50;1 2016 7;");   /* replaced by its issue, not added; what begins later is told with its day */
	ck_refused(&h, take_pack(&h, &first, NULL), CODE_M_PACK_OLDER, "issue 3");
	/* seats for any host are a line of their own */
	keys[0] = licences(&m[0], 0, "", 25);
	make(&seats, &h, 2, NULL, keys, m, 1, 50 * DAY);
	buf_fini(&first);
	m[0] = mint(PRODUCT_KEY_ACCESS, 110, h.office, NULL);
	ck_good(&h, take_pack(&h, &seats, NULL));
	ck_assert_str_eq(capacity(&h, "office2013"), "1 2019 50;1 2016 7;0  25;");
	host_restart(&h);
	ck_assert_str_eq(capacity(&h, "office2013"), "1 2019 50;1 2016 7;0  25;");
	/* each ends in its time */
	clock_manual_advance(&h.clock, 31 * DAY * 1000);
	ck_assert_str_eq(capacity(&h, "office2013"), "1 2019 50;0  25;");
	clock_manual_advance(&h.clock, 20 * DAY * 1000);
	ck_assert_str_eq(capacity(&h, "office2013"), "1 2019 50;0  0;");   /* seats: named still, and there are none */
	clock_manual_advance(&h.clock, 50 * DAY * 1000);
	ck_assert_str_eq(capacity(&h, "office2013"), "0  0;");
	host_restart(&h);
	ck_assert_str_eq(capacity(&h, "office2013"), "0  0;");
	buf_fini(&second);
	buf_fini(&seats);
	buf_fini(&elsewhere);
	host_fini(&h);
}
END_TEST

/* The same state on other hardware: the pack is there and counts for nothing. */
START_TEST(test_capacity_elsewhere)
{
	struct minted m[2];
	struct pack_key keys[2];
	struct buf token;
	struct host h;

	host_init(&h);
	m[0] = mint(PRODUCT_KEY_ACCESS, 120, h.office, NULL);
	m[1] = mint(PRODUCT_KEY_ACCESS, 121, h.office, NULL);
	keys[0] = licences(&m[0], MUSTER_PER_DEVICE, "2019", 50);
	keys[1] = licences(&m[1], 0, "", 25);
	make(&token, &h, 1, h.hardware, keys, m, 2, 100 * DAY);
	ck_good(&h, take_pack(&h, &token, NULL));
	host_stop(&h);
	h.hardware[0] ^= 1;
	host_start(&h);
	ck_assert_str_eq(capacity(&h, "office2013"), "0  0;");
	ck_assert_ptr_nonnull(strstr(h.said, "pack-elsewhere"));
	host_stop(&h);
	h.hardware[0] ^= 1;
	host_start(&h);
	ck_assert_str_eq(capacity(&h, "office2013"), "1 2019 50;0  25;");
	buf_fini(&token);
	host_fini(&h);
}
END_TEST

START_TEST(test_embedded_key)
{
	uint8_t proof[32], wanted[32], prk[PRODUCT_KEY_PRK];
	struct minted m;
	struct pack_key key;
	struct buf token;
	struct host h;

	host_init(&h);
	m = mint(PRODUCT_KEY_EMBEDDED, 77, h.office, NULL);
	key = licences(&m, 0, "", 0);
	make(&token, &h, 1, NULL, &key, &m, 1, 100 * DAY);
	ck_assert_int_eq(activation_embedded_key(h.activation, h.office, 77, proof, &h.err), MUSTER_E_NOT_FOUND);
	ck_good(&h, take_pack(&h, &token, NULL));
	fixture_ok(product_key_prk(prk, h.issuer.f.issuer_id, &m.key, &h.err), &h.err);
	fixture_ok(product_key_proof_key(wanted, prk, &h.err), &h.err);
	ck_good(&h, activation_embedded_key(h.activation, h.office, 77, proof, &h.err));
	ck_assert_mem_eq(proof, wanted, 32);
	ck_assert_int_eq(activation_embedded_key(h.activation, h.windows, 77, proof, &h.err), MUSTER_E_NOT_FOUND);
	ck_assert(bytes_zero(proof, 32));
	ck_assert_int_eq(activation_embedded_key(h.activation, h.office, 78, proof, &h.err), MUSTER_E_NOT_FOUND);
	clock_manual_advance(&h.clock, 101 * DAY * 1000);
	ck_assert_int_eq(activation_embedded_key(h.activation, h.office, 77, proof, &h.err), MUSTER_E_NOT_FOUND);
	buf_fini(&token);
	host_fini(&h);
}
END_TEST

/* Seals are for one place, survive a rekey, and are opened by nobody else. */
START_TEST(test_seal_of_holdings)
{
	static const uint8_t id[4] = { 0, 0, 0, 7 }, other[4] = { 0, 0, 0, 8 };
	struct buf sealed, plain;
	struct host h;

	host_init(&h);
	buf_init(&sealed, 200);
	buf_init(&plain, 200);
	ck_good(&h, activation_seal(h.activation, "embedded-key", span_of(id, 4), span_str("a secret"), &sealed, &h.err));
	ck_good(&h, activation_unseal(h.activation, "embedded-key", span_of(id, 4), span_of(sealed.p, sealed.n), &plain, &h.err));
	ck_assert_str_eq(buf_str(&plain), "a secret");
	buf_clear(&plain);
	ck_assert_int_eq(activation_unseal(h.activation, "embedded-key", span_of(other, 4), span_of(sealed.p, sealed.n), &plain, &h.err), MUSTER_E_MISMATCH);
	ck_assert_int_eq(activation_unseal(h.activation, "key", span_of(id, 4), span_of(sealed.p, sealed.n), &plain, &h.err), MUSTER_E_MISMATCH);
	buf_cleanse(&plain);
	buf_fini(&sealed);
	host_fini(&h);
}
END_TEST

/* A licence server by telephone: its key is a host key in everything; 35 digits go with its Installation ID; a key that names licences is none. */
START_TEST(test_licence_server)
{
	char id[INSTALLATION_TEXT], cid[CONFIRMATION_TEXT], digits[SERVER_ID_TEXT] = "";
	uint8_t prk[PRODUCT_KEY_PRK];
	struct minted server, boxed;
	struct server_id parsed;
	struct pack_key key;
	struct buf pack, more;
	const json_t *group;
	struct host h;
	json_t *out;
	size_t i;

	host_init(&h);
	server = mint(PRODUCT_KEY_ACCESS, 42, h.office, NULL);
	boxed = mint(PRODUCT_KEY_ACCESS, 43, h.office, NULL);
	make_pack(&pack, &h.issuer, &h, 1, 1, &server, 1);
	ck_good(&h, take_pack(&h, &pack, &out));
	ck_assert_ptr_nonnull(strstr(json_string_value(json_array_get(json_object_get(out, "missing"), 0)), "programme and number for office2013"));
	json_decref(out);
	ck_refused(&h, show_id(&h, h.office, false, id), CODE_NO_KEY, "musterctl access activate office2013");
	key = licences(&boxed, 0, "", 25);
	make(&more, &h, 1, NULL, &key, &boxed, 1, 100 * DAY);
	ck_good(&h, take_pack(&h, &more, NULL));
	ck_refused(&h, take_key(&h, &boxed, false, NULL), CODE_M_KEY_FOREIGN, "names licences");
	ck_good(&h, take_key(&h, &server, false, NULL));
	ck_good(&h, activation_installation_id(h.activation, "0 root", NULL, false, &out, &h.err));
	json_array_foreach(json_object_get(out, "server_id"), i, group)
		(void)snprintf(digits + i * 6, sizeof digits - i * 6, "%s ", json_string_value(group));
	json_decref(out);
	ck_assert_uint_eq(i, SERVER_ID_GROUPS);
	ck_good(&h, server_id_parse(&parsed, digits, strlen(digits), NULL, &h.err));
	fixture_ok(product_key_prk(prk, h.issuer.f.issuer_id, &server.key, &h.err), &h.err);
	ck_assert(server_id_fits(&parsed, prk, 1) && parsed.attempt == 0);
	ck_good(&h, show_id(&h, h.office, false, id));
	confirm(cid, &h.issuer, &server, id, 2);
	ck_good(&h, deposit_id(&h, h.office, cid, NULL));
	ck_assert(signs(&h, h.office));
	ck_assert_str_eq(state_of(&h, 42), "activated");
	host_restart(&h);
	ck_assert(signs(&h, h.office));
	/* on other hardware it is another licence server */
	host_stop(&h);
	h.hardware[0] ^= 1;
	host_start(&h);
	ck_assert(activation_moved(h.activation, h.office));
	h.hardware[0] ^= 1;
	host_restart(&h);
	ck_good(&h, activation_key_remove(h.activation, "0 root", h.office, NULL, &out, &h.err));
	json_decref(out);
	ck_assert(!signs(&h, h.office));
	buf_fini(&pack);
	buf_fini(&more);
	host_fini(&h);
}
END_TEST

UNIT_MAIN("activation_access", test_capacity, test_capacity_elsewhere, test_embedded_key, test_seal_of_holdings, test_licence_server)
