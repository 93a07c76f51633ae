/** Books with keys and packs for the tests of confirming. */
#ifndef TESTS_UNIT_BOOKS_CONFIRM_H
#define TESTS_UNIT_BOOKS_CONFIRM_H

#include <inttypes.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/mem.h"
#include "core/store/issuer_books.h"
#include "tests/unit/store_help.h"
#include "tests/unit/unit.h"

#define NOW INT64_C(1795341600)   /* 2026-11-22T10:00:00Z */
#define HOST_KEY 1000u
#define MAK 2000u
#define ESU 3000u
#define SETUP 4000u
#define SLOTS 80u                 /* 6 hosts × 10 and 20 more */
#define MACHINES 400u

static const uint8_t issuer[16] = "issuer-a-issuer";
static const struct books_act act = { .actor = "test", .now = NOW }, later = { .actor = "test", .now = NOW + 86400, .reason = "they asked" };

static inline void add_key(struct books *b, char kind, uint32_t number, uint32_t hosts, uint32_t activations, int64_t start)
{
	struct books_key k = { .kind = kind, .number = number, .partial = "FGXNR", .agreement = "EA-1", .product_count = 1, .hosts = hosts, .activations = activations, .sealed = "sealed",
		.sealed_n = 6, .created = NOW - 100, .coverage_start = start, .coverage_end = start != 0 ? start + 1000000 : 0 };

	memcpy(k.products[0], "office-office-of", 16);
	EXPECT(MUSTER_OK, books_key_add(b, &k, &act, &err));
}

/* A pack of the next issue with slots for the host key and finders for the MAK, of this generation. */
static inline void add_pack(struct books *b, uint32_t issue, uint8_t generation)
{
	struct books_pack p = { .agreement = "EA-1", .issue = issue, .iat = NOW, .exp = NOW + 1000000, .token = (const uint8_t *)"token", .token_n = 5 };
	const struct books_pack_key keys[] = { { HOST_KEY, generation }, { MAK, generation } };
	struct books_slot *slots = mem_array(SLOTS + MACHINES, sizeof *slots);

	ck_assert_ptr_nonnull(slots);
	memset(p.id, (int)issue, sizeof p.id);
	for (uint32_t i = 0; i < SLOTS + MACHINES; i++) {
		struct books_slot *s = &slots[i];

		*s = (struct books_slot){ .number = i < SLOTS ? HOST_KEY : MAK, .generation = generation, .slot = (uint16_t)(i < SLOTS ? i : i - SLOTS), .sealed_n = 8, .end = NOW + 900000 };
		be32_put(s->sealed, s->number);
		be32_put(s->sealed + 4, (uint32_t)generation << 16 | s->slot);
		if (i < SLOTS)
			(void)snprintf(s->serial, sizeof s->serial, "5107%08x%04x", generation, i);
	}
	EXPECT(MUSTER_OK, books_pack_add(b, &p, keys, 2, slots, SLOTS + MACHINES, &act, &err));
	mem_free(slots);
}

static inline void fill(struct books *b)
{
	struct books_product p = { .name = "office2013", .title = "Office 2013" };
	struct books_agreement a = { .number = "EA-1", .programme = "open", .organisation = "example" };

	memcpy(p.activation_id, "office-office-of", 16);
	EXPECT(MUSTER_OK, books_product_put(b, &p, false, &act, &err));
	EXPECT(MUSTER_OK, books_agreement_put(b, &a, "Example GmbH", &act, &err));
	add_key(b, 'A', HOST_KEY, 6, 10, 0);
	add_key(b, '1', MAK, 0, 300, 0);
	add_key(b, 'Z', ESU, 0, 5, NOW + 86400);
	add_key(b, 'S', SETUP, 0, 0, 0);
	add_pack(b, 1, 1);
}

/* A host's (or machine's) Installation ID. */
static inline struct books_order order(uint32_t number, uint32_t host, uint8_t attempt)
{
	struct books_order o = { .method = BOOKS_TELEPHONE, .number = number, .generation = 1, .attempt = attempt, .reveal = true };

	be32_put(o.binding, host);
	be32_put(o.installation_id, host);
	o.installation_id[18] = attempt;
	return o;
}

static inline struct books_confirmation confirm(struct books *b, const struct books_order *o)
{
	struct books_confirmation c;

	EXPECT(MUSTER_OK, books_confirm(b, o, 1, &c, &act, &err));
	return c;
}

static inline struct books_confirmation given(struct books *b, const struct books_order *o)
{
	struct books_confirmation c = confirm(b, o);

	ck_assert_msg(c.result == MUSTER_OK, "refused with %x: %s", c.code, c.refusal);
	return c;
}

/* Refused with this code and these words; nothing was recorded. */
static inline void refused(struct books *b, const struct books_order *o, uint32_t code, const char *words)
{
	struct books_confirmation c = confirm(b, o);

	ck_assert_msg(c.result == MUSTER_E_REFUSED && c.code == code, "result %d, code %x, not %x: %s", c.result, c.code, code, c.refusal);
	ck_assert_msg(strstr(c.refusal, words) != NULL, "no \"%s\" in: %s", words, c.refusal);
	ck_assert_int_eq(c.id, 0);
}

static inline struct books_key key_of(struct books *b, uint32_t number)
{
	struct books_key k;

	EXPECT(MUSTER_OK, books_key(b, number, &k, &err));
	return k;
}

#endif
