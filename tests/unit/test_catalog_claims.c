/* Who is meant by allow-lists and reservations: patterns, client IDs, networks; and how sections become products' rules. */
#include "tests/unit/unit.h"
#include "tests/unit/catalog_config.h"

#include <arpa/inet.h>

#include "core/catalog/claims.h"

#define ID_A "aaaaaaaa-0000-4000-8000-000000000001"
#define PC "0b4bf13c-4a3c-4f5c-8f1d-0a8cdd7b2a10"

static struct arena arena;
static const struct catalog_claim *claims;
static size_t count;

static void list(const char *text)
{
	struct muster_err err = { 0 };

	ck_assert_msg(claims_read(&claims, &count, &arena, text, &err) == MUSTER_OK, "%s: %s", text, err.message);
}

static void done(void)
{
	arena_free(&arena);
	memset(&arena, 0, sizeof arena);
}

static bool named(const char *name)
{
	static const uint8_t client[16] = { 1 };

	return catalog_claimed(claims, count, client, name, NULL, 0);
}

START_TEST(test_claims_patterns)
{
	static const struct { const char *pattern, *fits, *other; } table[] = {
		{ "name:pc-17", "pc-17", "pc-170" },
		{ "name:pc-17", "PC-17", "pc-1" },
		{ "name:PC-*", "pc-17.example.org", "xpc-17" },
		{ "name:*.example.org", "a.b.example.org", "example.org" },
		{ "name:pc-??", "pc-17", "pc-1" },
		{ "name:pc-??", "PC-xx", "pc-170" },
		{ "name:*a*b*c*", "xxaxxbxxcxx", "xxaxxcxxbxx" },
		{ "name:a*a", "aa", "a" },
		{ "name:*", "x", "" },
		{ "name:?", "\xC3\xA4", "\xC3\xA4\xC3\xA4" },
		{ "name:b?ro-*", "b\xC3\xBCro-1", "buuro-1" },
		{ "name:b\xC3\xBCro", "b\xC3\xBCro", "b\xC3\x9Cro" },   /* only ASCII is without regard to case */
		{ "name:**a**", "bab", "bbb" },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		list(table[i].pattern);
		ck_assert_msg(named(table[i].fits), "%s and %s", table[i].pattern, table[i].fits);
		ck_assert_msg(!named(table[i].other), "%s and %s", table[i].pattern, table[i].other);
	}
	ck_assert(!named(NULL));
	done();
}
END_TEST

/* The worst pattern for a matcher that tries every star: still at most pattern x name steps. */
START_TEST(test_claims_bounded)
{
	char text[300], name[256];
	size_t n = 0;

	strcpy(text, "name:");
	for (n = 5; n < 5 + 254; n += 2)
		memcpy(text + n, "*a", 2);
	strcpy(text + n - 1, "b");
	memset(name, 'a', 255);
	name[255] = '\0';
	list(text);
	for (int i = 0; i < 1000; i++)
		ck_assert(!named(name));
	done();
}
END_TEST

START_TEST(test_claims_clients)
{
	uint8_t id[16], other[16];

	ck_assert_int_eq(uuid_parse(id, PC, strlen(PC)), MUSTER_OK);
	memcpy(other, id, 16);
	other[15] ^= 1;
	list("client:0B4BF13C-4a3c-4f5c-8f1d-0a8cdd7b2a10 , name:lab-*");
	ck_assert_uint_eq(count, 2);
	ck_assert(catalog_claimed(claims, count, id, "", NULL, 0));
	ck_assert(!catalog_claimed(claims, count, other, "", NULL, 0));
	ck_assert(catalog_claimed(claims, count, other, "lab-1", NULL, 0));
	ck_assert(!catalog_claimed(claims, 0, id, "lab-1", NULL, 0));
	list("");
	ck_assert_uint_eq(count, 0);
	done();
}
END_TEST

static bool from(const char *text)
{
	static const uint8_t client[16] = { 1 };
	uint8_t address[16];

	if (inet_pton(AF_INET, text, address) == 1)
		return catalog_claimed(claims, count, client, "", address, 4);
	ck_assert_int_eq(inet_pton(AF_INET6, text, address), 1);
	return catalog_claimed(claims, count, client, "", address, 16);
}

START_TEST(test_claims_networks)
{
	list("10.20.0.0/15, 2001:db8:8000::/33, 192.0.2.7/32");
	ck_assert(from("10.20.0.1") && from("10.21.255.255") && !from("10.22.0.0") && !from("10.19.255.255"));
	ck_assert(from("2001:db8:8000::1") && from("2001:db8:ffff::1") && !from("2001:db8:7fff::1"));
	ck_assert(from("192.0.2.7") && !from("192.0.2.6"));
	/* IPv4 as a listener for both families sees it. */
	ck_assert(from("::ffff:10.20.0.1") && !from("::ffff:10.22.0.1"));
	ck_assert(!from("::10.20.0.1"));
	/* No address: a Unix socket is in no network. */
	ck_assert(!catalog_claimed(claims, count, (const uint8_t[16]){ 1 }, "", NULL, 0));
	list("0.0.0.0/0");
	ck_assert(from("198.51.100.9") && from("::ffff:198.51.100.9") && !from("::1"));
	list("::/0");
	ck_assert(from("::1") && !from("10.0.0.1"));
	/* A mapped address is an IPv4 one. */
	ck_assert(!from("::ffff:10.0.0.1"));
	done();
}
END_TEST

START_TEST(test_claims_text)
{
	static const char *const texts[] = { ("client:" PC), "name:PC-?*", "10.20.0.0/15", "2001:db8::/32" };
	char text[CATALOG_CLAIM_TEXT];

	for (size_t i = 0; i < 4; i++) {
		list(texts[i]);
		ck_assert_str_eq(catalog_claim_text(text, claims), texts[i]);
	}
	done();
}
END_TEST

/* ---- in a catalog ---- */

static struct catalog *build(struct setup *s)
{
	struct catalog *c;

	ck_assert_msg(setup_build(s, &c) == MUSTER_OK, "%s", s->err.message);
	return c;
}

static struct config_product *of_model(struct setup *s, const char *name, const char *model, const char *id)
{
	struct config_product *p = setup_new_product(s, name, NULL, id);

	p->model = model;
	p->given |= CONFIG_P_MODEL;
	return p;
}

START_TEST(test_claims_seats)
{
	struct setup *s = setup_new();
	struct config_product *p = of_model(s, "cad", "seats", ID_A), *q;
	const struct catalog_product *x;
	struct catalog *c;

	p->seats = 10;
	p->allow = "name:cad-*, 10.0.0.0/8";
	p->policy = "advise";
	p->given |= CONFIG_P_SEATS | CONFIG_P_ALLOW | CONFIG_P_POLICY;
	setup_reservation(s, "lab", "cad", 4);
	setup_reservation(s, "class", "cad", 6);
	/* A copy has the numbers; who may claim is decided for each product. */
	(void)setup_new_product(s, "cam", "cad", PC);
	q = setup_product(s, "cad", NULL);
	q->seat_lease = 1200;
	q->given = CONFIG_P_SEAT_LEASE;
	c = build(s);
	x = catalog_product_named(c, "cad");
	ck_assert_uint_eq(x->row.seats->seats, 10);
	ck_assert_uint_eq(x->row.seats->lease_s, 1200);
	ck_assert_uint_eq(x->row.seats->heartbeat_s, 300);
	ck_assert_int_eq(x->seats_source, CONFIG_FILE);
	ck_assert(x->advise);
	ck_assert_uint_eq(x->allow_count, 2);
	ck_assert_uint_eq(x->reservation_count, 2);
	ck_assert_str_eq(x->reservations[0].name, "lab");
	ck_assert_uint_eq(x->reservations[1].count, 6);
	x = catalog_product_named(c, "cam");
	ck_assert_uint_eq(x->row.seats->seats, 10);
	ck_assert_uint_eq(x->row.seats->lease_s, 1200);
	ck_assert(!x->advise);
	ck_assert_uint_eq(x->allow_count, 0);
	ck_assert_uint_eq(x->reservation_count, 0);
	catalog_unref(c);
	free(s);
}
END_TEST

START_TEST(test_claims_access)
{
	struct setup *s = setup_new();
	struct config_product *p = of_model(s, "terminal", "access", ID_A), *q;
	const struct muster_access_version *v;
	const struct catalog_product *x;
	struct catalog *c;

	p->versions = "2016, 2019 , r2";
	p->per = "user";
	p->given |= CONFIG_P_VERSIONS | CONFIG_P_PER;
	c = build(s);
	x = catalog_product_named(c, "terminal");
	ck_assert_uint_eq(x->row.access->versions.count, 3);
	v = x->row.access->versions.rows;
	ck_assert_str_eq(v[2].name, "r2");
	ck_assert_uint_eq(v[2].generation, 3);
	ck_assert_uint_eq(x->row.access->per, MUSTER_PER_USER);
	ck_assert_uint_eq(x->row.access->temporary_s, 90 * 86400);
	ck_assert_uint_eq(x->server_generation, 3);
	catalog_unref(c);
	q = setup_product(s, "terminal", NULL);
	q->server_version = "2019";
	q->revoke_percent = 50;
	q->given = CONFIG_P_SERVER_VERSION | CONFIG_P_REVOKE;
	c = build(s);
	x = catalog_product_named(c, "terminal");
	ck_assert_uint_eq(x->server_generation, 2);
	ck_assert_uint_eq(x->row.access->revoke_percent, 50);
	ck_assert_uint_eq(x->row.access->versions.count, 3);
	catalog_unref(c);
	free(s);
}
END_TEST

/* What is held is kept by generation: a version more, before or behind, or one less leaves those of the others. */
START_TEST(test_claims_versions)
{
	static const struct { const char *list; uint32_t last; } lists[] = {
		{ "2022, 2025", 2025 }, { "2019,2022,2025", 2025 }, { "2025", 2025 }, { "4, 5", 5 }, { "65535", 65535 },
		{ "2025, 2022", 2 }, { "0, 1", 2 }, { "65535, 65536", 2 }, { "1, 01", 2 }, { "9, 10a", 2 },
	};
	size_t i;

	for (i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		struct setup *s = setup_new();
		struct config_product *p = of_model(s, "terminal", "access", ID_A);
		struct catalog *c;

		p->versions = lists[i].list;
		p->given |= CONFIG_P_VERSIONS;
		c = build(s);
		ck_assert_uint_eq(catalog_product_named(c, "terminal")->server_generation, lists[i].last);
		catalog_unref(c);
		free(s);
	}
}
END_TEST

START_TEST(test_claims_medium)
{
	struct setup *s = setup_new();
	struct config_product *p = of_model(s, "tool", "embedded", ID_A);
	const struct muster_medium_rule *m;
	struct catalog *c;

	p->medium = "x64/Setup.ini [OPTIONS] PID, x86/Setup.ini [My Options] PID";
	p->given |= CONFIG_P_MEDIUM;
	c = build(s);
	ck_assert_uint_eq(catalog_product_named(c, "tool")->row.media.count, 2);
	m = catalog_product_named(c, "tool")->row.media.rows;
	ck_assert_str_eq(m[0].path, "x64/Setup.ini");
	ck_assert_str_eq(m[1].section, "My Options");
	ck_assert_str_eq(m[1].key, "PID");
	catalog_unref(c);
	free(s);
}
END_TEST

static void collect(void *ctx, const char *text)
{
	char *out = ctx;
	size_t n = strlen(out);

	(void)snprintf(out + n, 4096 - n, "%s\n", text);
}

START_TEST(test_claims_compare)
{
	struct setup *s = setup_new();
	struct config_product *p = of_model(s, "cad", "seats", ID_A);
	struct catalog *before, *after;
	char text[4096] = "";

	p->seats = 10;
	p->given |= CONFIG_P_SEATS;
	setup_reservation(s, "lab", "cad", 4);
	before = build(s);
	p->allow = "10.0.0.0/8";
	p->policy = "advise";
	p->seats = 12;
	p->given |= CONFIG_P_ALLOW | CONFIG_P_POLICY;
	s->reservations[0].claims = "name:lab-*";
	setup_reservation(s, "class", "cad", 2);
	after = build(s);
	ck_assert_int_eq(catalog_compare(before, after, collect, text), MUSTER_OK);
	ck_assert_str_eq(text, "changed cad: policy enforce -> advise, allow everybody -> 10.0.0.0/8, reservation lab for name:* -> name:lab-*, reservation class 0 -> 2, seats 10 -> 12\n");
	text[0] = '\0';
	ck_assert_int_eq(catalog_compare(after, before, collect, text), MUSTER_OK);
	ck_assert_str_eq(text, "changed cad: policy advise -> enforce, allow 10.0.0.0/8 -> everybody, reservation lab for name:lab-* -> name:*, reservation class 2 -> 0, seats 12 -> 10\n");
	catalog_unref(before);
	catalog_unref(after);
	free(s);
}
END_TEST

UNIT_MAIN("claims", test_claims_patterns, test_claims_bounded, test_claims_clients, test_claims_networks, test_claims_text, test_claims_seats, test_claims_access,
          test_claims_versions, test_claims_medium, test_claims_compare)
