#include "tests/unit/activation_fixture.h"

#include <string.h>
#include <sys/stat.h>

#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/mem.h"

static int read_hardware(void *ctx, uint8_t *source, struct buf *value)
{
	const struct host *h = ctx;

	*source = 3;
	buf_adds(value, h->hardware);
	return h->hardware[0] != '\0' ? MUSTER_OK : MUSTER_E_NOT_FOUND;
}

static void note(void *ctx, int level, const char *event, const char *text)
{
	struct host *h = ctx;
	size_t n = strlen(h->said);

	(void)snprintf(h->said + n, sizeof h->said - n, "%d %s %s\n", level, event, text);
}

static void ignore(void *ctx, int level, const char *event, const char *text)
{
	(void)ctx;
	(void)level;
	(void)event;
	(void)text;
}

static void make_catalog(struct host *h)
{
	static const char *const names[] = { "office2013", "windows", "windows-server" };
	struct setup *s = h->setup = setup_new();
	struct config_product *p;
	char roots[2][96];

	s->config.host.state = h->dir;
	s->config.host.name = "host.example.org";
	s->config.limits.queue = 100;
	s->config.limits.queue_age_ms = 1000;
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(roots[i], sizeof roots[i], "%s/%s.pem", h->dir, i == 0 ? "acme" : "other");
		s->issuers[i] = (struct config_issuer){ .name = i == 0 ? "acme" : "other", .roots = mem_strdup(roots[i]), .url = "", .web_proxy = "", .proxy = "ask" };
	}
	s->config.issuer_count = 2;
	for (size_t i = 0; i < 3; i++) {
		(void)setup_plugin(s, names[i], NULL);
		p = setup_product(s, names[i], NULL);
		p->issuer = "acme";
		p->given = CONFIG_P_ISSUER;
	}
	p = setup_new_product(s, "tool", "office2013", "11111111-1111-4111-8111-111111111111");
	p->issuer = "other";
	p->given |= CONFIG_P_ISSUER;
	ck_assert_msg(setup_build(s, &h->catalog) == MUSTER_OK, "%s", s->said.text);
	memcpy(h->office, catalog_product_named(h->catalog, "office2013")->row.activation_id, 16);
	memcpy(h->windows, catalog_product_named(h->catalog, "windows")->row.activation_id, 16);
	memcpy(h->server, catalog_product_named(h->catalog, "windows-server")->row.activation_id, 16);
	memcpy(h->tool, catalog_product_named(h->catalog, "tool")->row.activation_id, 16);
}

static void write_root(const char *path, X509 *root)
{
	struct muster_err err;
	struct buf pem;

	fixture_pem(&pem, root, NULL);
	fixture_ok(file_write(path, span_of(pem.p, pem.n), 0644, &err), &err);
	buf_fini(&pem);
}

static void reload_ring(struct host *h)
{
	struct ring_issuer issuers[2];
	struct ring_product products[64];
	const struct catalog_product *p;
	size_t n;

	p = catalog_products(h->catalog, &n);
	ck_assert_uint_le(n, 64);
	for (size_t i = 0; i < 2; i++)
		issuers[i] = (struct ring_issuer){ h->setup->issuers[i].name, h->setup->issuers[i].roots };
	for (size_t i = 0; i < n; i++) {
		products[i] = (struct ring_product){ .name = p[i].row.name, .issuer = p[i].issuer };
		memcpy(products[i].id, p[i].row.activation_id, 16);
	}
	fixture_ok(ring_reload(h->ring, issuers, 2, products, n, NULL, &h->err), &h->err);
}

void host_start(struct host *h)
{
	fixture_ok(host_try(h), &h->err);
}

int host_try(struct host *h)
{
	struct ledger_options lo = { .dir = h->dir, .clock = &h->clock.clock, .config = &h->setup->config, .event = ignore };
	struct activation_options ao = { .dir = h->dir, .clock = &h->clock.clock, .hardware = read_hardware, .event = note, .ctx = h };
	char ring[96];
	int r;

	fixture_ok(store_sqlite_new(&lo.store, h->dir, &h->err), &h->err);
	fixture_ok(ledger_open(&h->ledger, &lo, &h->err), &h->err);
	(void)snprintf(ring, sizeof ring, "%s/host", h->dir);
	fixture_ok(ring_open(&h->ring, ring, &h->clock.clock, &h->err), &h->err);
	ao.ledger = h->ledger;
	ao.ring = h->ring;
	if ((r = activation_open(&h->activation, &ao, &h->err)) != MUSTER_OK) {
		ledger_free(h->ledger);
		ring_free(h->ring);
		return r;
	}
	reload_ring(h);
	fixture_ok(ledger_bind(h->ledger, h->catalog, &h->err), &h->err);
	fixture_ok(activation_bind(h->activation, &h->setup->config, h->catalog, &h->err), &h->err);
	fixture_ok(ledger_start(h->ledger, &h->err), &h->err);
	return MUSTER_OK;
}

void host_stop(struct host *h)
{
	activation_stop(h->activation);
	ledger_stop(h->ledger);
	activation_free(h->activation);
	ledger_free(h->ledger);
	ring_free(h->ring);
}

void host_restart(struct host *h)
{
	host_stop(h);
	host_start(h);
}

void host_init(struct host *h)
{
	char path[96];

	memset(h, 0, sizeof *h);
	statement_fixture_init(&h->issuer, TRUST_ES256);
	statement_fixture_init(&h->stranger, TRUST_ES256);
	statement_fixture_init(&h->other, TRUST_ES256);
	clock_manual_init(&h->clock, FIX_NOW * 1000);
	strcpy(h->dir, "/tmp/muster-activation-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(h->dir));
	(void)snprintf(path, sizeof path, "%s/acme.pem", h->dir);
	write_root(path, h->issuer.f.root);
	(void)snprintf(path, sizeof path, "%s/other.pem", h->dir);
	write_root(path, h->other.f.root);
	strcpy(h->hardware, "0123456789abcdef0123456789abcdef");
	make_catalog(h);
	host_start(h);
}

void host_fini(struct host *h)
{
	char command[128];

	host_stop(h);
	catalog_unref(h->catalog);
	for (size_t i = 0; i < 2; i++)
		mem_free((char *)(uintptr_t)h->setup->issuers[i].roots);
	free(h->setup);
	(void)snprintf(command, sizeof command, "rm -r %s", h->dir);
	ck_assert_int_eq(system(command), 0);
	statement_fixture_fini(&h->other);
	statement_fixture_fini(&h->stranger);
	statement_fixture_fini(&h->issuer);
}

/* ---- the issuer ---- */

struct minted mint(char kind, uint32_t number, const uint8_t product[16], const uint8_t *second)
{
	struct minted m = { .allowed = kind == PRODUCT_KEY_HOST ? 0 : 100 };
	struct muster_err err;

	fixture_ok(product_key_generate(&m.key, kind, number, &err), &err);
	memcpy(m.products[m.product_count++], product, 16);
	if (second != NULL)
		memcpy(m.products[m.product_count++], second, 16);
	return m;
}

/* Boxes with certificates for the key's products; all slots of a test share a key pair, which costs nothing but time to make. */
static void make_slots(struct pack_key *k, struct buf boxes[SLOTS], const struct statement_fixture *by, const uint8_t pack_id[16], struct minted *m, int64_t now)
{
	uint8_t prk[PRODUCT_KEY_PRK];
	struct muster_err err;

	fixture_ok(product_key_prk(prk, by->f.issuer_id, &m->key, &err), &err);
	k->slots = mem_array(SLOTS, sizeof *k->slots);
	for (uint16_t i = 0; i < SLOTS; i++) {
		struct slot_name name = { .number = m->key.number, .generation = k->generation, .slot = i };
		unsigned char *pkcs8 = NULL, *der = NULL;
		PKCS8_PRIV_KEY_INFO *info;
		EVP_PKEY *key;
		X509 *x;
		int n, d;

		memcpy(name.pack_id, pack_id, 16);
		random_bytes(m->secrets[i], SLOT_SECRET);
		fixture_ok(trust_key_generate(&key, TRUST_ES256, &err), &err);
		fixture_ok(trust_make_host(&x, key, "slot", (const uint8_t (*)[16])m->products, m->product_count, by->f.mid, by->f.mid_key, now, TRUST_STATEMENT_LIFE_S, &err), &err);
		info = EVP_PKEY2PKCS8(key);
		n = i2d_PKCS8_PRIV_KEY_INFO(info, &pkcs8);
		d = i2d_X509(x, &der);
		buf_init(&boxes[i], SLOT_BOX_MAX);
		fixture_ok(slot_seal(&boxes[i], &name, m->secrets[i], prk, span_of(pkcs8, (size_t)n), span_of(der, (size_t)d), &err), &err);
		k->slots[i] = span_of(boxes[i].p, boxes[i].n);
		OPENSSL_free(pkcs8);
		OPENSSL_free(der);
		PKCS8_PRIV_KEY_INFO_free(info);
		EVP_PKEY_free(key);
		X509_free(x);
	}
	k->slot_count = SLOTS;
}

void make_pack(struct buf *token, const struct statement_fixture *by, const struct host *h, uint32_t issue, uint8_t generation, struct minted *keys, size_t n)
{
	static char organisation_id[] = "org-1", organisation[] = "Example Works", programme[] = "Open Value", agreement[] = "V1234567", service[] = "https://issuer.example.org",
		region[] = "Germany", telephone[] = "+49 800 1", web[] = "https://example.org/phone";
	struct pack_contact contact = { region, telephone, NULL, web, NULL };
	int64_t now = clock_wall_ms(&h->clock.clock) / 1000;
	struct pack_key pk[KEYS_MAX] = { 0 };
	struct buf boxes[KEYS_MAX][SLOTS] = { 0 };
	uint8_t prk[PRODUCT_KEY_PRK];
	struct muster_err err;
	struct pack p = { .iat = now, .exp = now + PACK_LIFE_S, .organisation_id = organisation_id, .organisation = organisation, .programme = programme, .agreement = agreement,
		.issue = issue, .service = service, .crl = h->pack_crl, .contacts = &contact, .contact_count = 1, .keys = pk, .key_count = n };
	json_t *payload;

	ck_assert_uint_le(n, KEYS_MAX);
	memcpy(p.issuer_id, by->f.issuer_id, 16);
	uuid_random(p.id);
	for (size_t i = 0; i < n; i++) {
		fixture_ok(product_key_prk(prk, p.issuer_id, &keys[i].key, &err), &err);
		pk[i] = (struct pack_key){ .kind = keys[i].key.kind, .number = keys[i].key.number, .generation = keys[i].generation = generation, .products = keys[i].products,
			.product_count = keys[i].product_count, .activations = keys[i].allowed };
		fixture_ok(product_key_verifier(pk[i].verifier, prk, p.id, &err), &err);
		if (pk[i].kind == PRODUCT_KEY_HOST || pk[i].kind == PRODUCT_KEY_ACCESS) {
			pk[i].hosts = 2;
			pk[i].activations = 3;
			make_slots(&pk[i], boxes[i], by, p.id, &keys[i], now);
		}
	}
	buf_init(token, TRUST_PACK_MAX);
	fixture_ok(pack_payload(&payload, &p, &err), &err);
	fixture_ok(statement_sign(token, by->signer, TRUST_TYP_PACK, p.issuer_id, now, payload, &err), &err);
	json_decref(payload);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < SLOTS; k++)
			buf_fini(&boxes[i][k]);
		mem_free(pk[i].slots);
	}
}

void confirm(char out[CONFIRMATION_TEXT], const struct statement_fixture *by, const struct minted *key, const char *installation_id, unsigned slot)
{
	uint8_t prk[PRODUCT_KEY_PRK];
	struct installation_id id;
	struct confirmation_id cid;
	struct muster_err err;

	fixture_ok(installation_id_parse(&id, installation_id, strlen(installation_id), NULL, &err), &err);
	fixture_ok(product_key_prk(prk, by->f.issuer_id, &key->key, &err), &err);
	ck_assert(installation_id_proves(&id, prk));
	fixture_ok(confirmation_id_make(&cid, prk, &id, key->secrets[slot], &err), &err);
	confirmation_id_format(out, &cid, ' ');
}

/* ---- acts ---- */

static int give(int r, json_t *got, json_t **out)
{
	if (out != NULL)
		*out = got;
	else
		json_decref(got);
	return r;
}

int take_pack(struct host *h, const struct buf *token, json_t **out)
{
	json_t *got = NULL;
	int r = activation_pack_install(h->activation, "0 root", span_of(token->p, token->n), &got, &h->err);

	return give(r, got, out);
}

int take_key(struct host *h, const struct minted *key, bool replace, json_t **out)
{
	char text[PRODUCT_KEY_TEXT];
	json_t *got = NULL;
	int r;

	product_key_format(text, &key->key);
	r = activation_key_install(h->activation, "0 root", text, strlen(text), replace, &got, &h->err);

	return give(r, got, out);
}

static const struct catalog_product *product(const struct host *h, const uint8_t *id)
{
	return id != NULL ? catalog_find(h->catalog, id)->product : NULL;
}

int show_id(struct host *h, const uint8_t *id, bool fresh, char text[INSTALLATION_TEXT])
{
	struct catalog *c = activation_catalog(h->activation);
	struct installation_id shown;
	struct held_key *k;
	struct held_id x;
	int r;

	text[0] = '\0';
	activation_begin(h->activation);
	if ((r = key_pick(&k, h->activation, c, product(h, id), &h->err)) == MUSTER_OK && (r = pending_id(&x, &shown, h->activation, "0 root", k, fresh, &h->err)) == MUSTER_OK)
		installation_id_format(text, &shown, ' ');
	activation_end(h->activation);
	catalog_unref(c);
	return r;
}

int deposit_id(struct host *h, const uint8_t *id, const char *digits, json_t **out)
{
	json_t *got = NULL;
	int r = activation_confirmation_id(h->activation, "0 root", product(h, id), digits, &got, &h->err);

	return give(r, got, out);
}

bool signs(struct host *h, const uint8_t id[16])
{
	struct trust_view *v = ring_view(h->ring);
	bool found = ring_find(v, id, clock_wall_ms(&h->clock.clock) / 1000) != NULL;

	ring_view_unref(v);
	return found;
}

const char *state_of(struct host *h, uint32_t number)
{
	const struct held_key *k = key_by_number(h->activation, number);

	return k != NULL ? key_state_word(key_state(h->activation, k)) : "";
}

struct minted entitled(struct host *h)
{
	struct minted key = mint(PRODUCT_KEY_HOST, 706200501, h->office, NULL);
	struct buf pack;

	make_pack(&pack, &h->issuer, h, 1, 1, &key, 1);
	ck_good(h, take_pack(h, &pack, NULL));
	ck_good(h, take_key(h, &key, false, NULL));
	buf_fini(&pack);
	return key;
}
