/*
 * Keys for the tests of confirming: `issuer-keys DIR KIND HOSTS ACTIVATIONS SLOTS [COVERAGE_START]` puts a key and a pack's slots for it into the books of
 * an issuer without a passphrase, and prints "NUMBER KEY". The pack's token is none that a host would take: hosts are played by the tests.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/issuer/session.h"

static const uint8_t office[16] = { 0x2e, 0x28, 0x13, 0x8a, 0x84, 0x7f, 0x42, 0xbc, 0x97, 0x52, 0x61, 0xb0, 0x3f, 0xff, 0x33, 0xcd };

static int agreement(struct session *s, struct books_agreement *a, struct muster_err *err)
{
	struct books_product p = { .name = "office2013", .title = "Office 2013" };
	int r = books_agreement(s->books, "EA-1", a, NULL, err);

	if (r != MUSTER_E_NOT_FOUND)
		return r;
	memcpy(p.activation_id, office, sizeof office);
	*a = (struct books_agreement){ .number = "EA-1", .programme = "open", .organisation = "example" };
	if ((r = books_product_put(s->books, &p, false, &s->act, err)) != MUSTER_OK)
		return r;
	return books_agreement_put(s->books, a, "Example GmbH", &s->act, err);
}

static int add_key(struct session *s, struct product_key *key, char **argv, int64_t start, struct muster_err *err)
{
	struct books_key k = { .kind = argv[2][0], .number = key->number, .agreement = "EA-1", .product_count = 1, .hosts = (uint32_t)strtoul(argv[3], NULL, 10),
		.activations = (uint32_t)strtoul(argv[4], NULL, 10), .created = s->act.now, .coverage_start = start, .coverage_end = start != 0 ? start + 31536000 : 0 };
	int r;

	memcpy(k.products[0], office, sizeof office);
	product_key_partial(k.partial, key);
	if ((r = session_seal_key(s, key, &k, err)) != MUSTER_OK)
		return r;
	return books_key_add(s->books, &k, &s->act, err);
}

static int add_pack(struct session *s, const struct books_agreement *a, uint32_t number, size_t n, struct muster_err *err)
{
	struct books_pack p = { .issue = a->issue + 1, .iat = s->act.now, .exp = s->act.now + 86400 * 365, .token = (const uint8_t *)"token", .token_n = 5 };
	struct books_pack_key pk = { .number = number };
	struct books_slot *slots = mem_array(n + 1, sizeof *slots);
	struct books_key k;
	uint8_t secret[SLOT_SECRET];
	int r;

	if (slots == NULL)
		return err_nomem(err);
	(void)snprintf(p.agreement, sizeof p.agreement, "%s", a->number);
	random_bytes(p.id, sizeof p.id);
	r = books_key(s->books, number, &k, err);
	pk.generation = (uint8_t)(k.generation + 1);
	for (size_t i = 0; r == MUSTER_OK && i < n; i++) {
		slots[i] = (struct books_slot){ .number = number, .generation = pk.generation, .slot = (uint16_t)i, .end = p.exp };
		random_bytes(secret, sizeof secret);
		r = session_seal_slot(s, secret, &slots[i], err);
	}
	if (r == MUSTER_OK)
		r = books_pack_add(s->books, &p, &pk, 1, slots, n, &s->act, err);
	mem_free(slots);
	return r;
}

int main(int argc, char **argv)
{
	const char *file = getenv("MUSTER_TEST_CLOCK");
	struct options o = { .clock = file != NULL ? clock_file(file) : clock_system() };
	struct muster_err err = { .result = 0 };
	struct books_agreement a;
	struct product_key key;
	struct session s;
	char text[PRODUCT_KEY_TEXT];
	int r;

	if (argc < 6)
		return 2;
	o.text[OPT_DIR] = argv[1];
	if ((r = session_open(&s, &o, &err)) == MUSTER_OK && (r = session_secrets(&s, &err)) == MUSTER_OK && (r = agreement(&s, &a, &err)) == MUSTER_OK
	    && (r = product_key_generate(&key, argv[2][0], (uint32_t)random_below(PRODUCT_KEY_NUMBER_MAX), &err)) == MUSTER_OK
	    && (r = add_key(&s, &key, argv, argc > 6 ? strtoll(argv[6], NULL, 10) : 0, &err)) == MUSTER_OK
	    && (r = add_pack(&s, &a, key.number, strtoul(argv[5], NULL, 10), &err)) == MUSTER_OK) {
		product_key_format(text, &key);
		printf("%" PRIu32 " %s\n", key.number, text);
	}
	session_close(&s);
	if (r != MUSTER_OK)
		(void)fprintf(stderr, "issuer-keys: %s\n", err.message);
	return r == MUSTER_OK ? 0 : 1;
}
