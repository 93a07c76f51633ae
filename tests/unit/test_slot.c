#include <string.h>
#include "core/base/mem.h"
#include "core/trust/slot.h"
#include "tests/unit/trust_vectors.h"

struct sample {
	struct slot_name name;
	uint8_t prk[32], secret[SLOT_SECRET], pkcs8[256], certificate[1024];
	size_t pkcs8_n, certificate_n;
	struct buf box;
	struct muster_err err;
};

static struct muster_span box_of(const struct sample *s) { return span_of(s->box.p, s->box.n); }

static int seal(struct sample *s)
{
	return slot_seal(&s->box, &s->name, s->secret, s->prk, span_of(s->pkcs8, s->pkcs8_n), span_of(s->certificate, s->certificate_n), &s->err);
}

/* The slot of trust-vectors.json. */
static void sample_init(struct sample *s)
{
	memset(s, 0, sizeof(*s));
	buf_init(&s->box, SLOT_BOX_MAX);
	vector_bytes(s->name.pack_id, 16, "pack_id");
	s->name.number = vector_number("number");
	s->name.generation = (uint8_t)vector_number("generation");
	s->name.slot = (uint16_t)vector_number("slot");
	vector_bytes(s->prk, sizeof(s->prk), "prk_key");
	vector_bytes(s->secret, sizeof(s->secret), "slot_secret");
	s->pkcs8_n = strlen(vector_text("pkcs8")) / 2;
	s->certificate_n = strlen(vector_text("certificate")) / 2;
	vector_bytes(s->pkcs8, s->pkcs8_n, "pkcs8");
	vector_bytes(s->certificate, s->certificate_n, "certificate");
	ck_assert_int_eq(seal(s), MUSTER_OK);
}

/* Opening this gives this result, nothing else, and the message says so. */
static void refused(struct sample *s, const struct slot_name *name, const uint8_t *secret, struct muster_span box, int result, const char *says)
{
	struct slot_content c;

	ck_assert_int_eq(slot_open(&c, name, secret, s->prk, box, &s->err), result);
	ck_assert_ptr_null(c.pkcs8);
	ck_assert_ptr_null(c.certificate);
	ck_assert_msg(strstr(s->err.message, says) != NULL, "\"%s\" lacks \"%s\"", s->err.message, says);
}

START_TEST(test_slot_vectors)
{
	uint8_t finder[SLOT_FINDER];
	struct slot_content c;
	struct sample s;
	uint16_t slot;

	sample_init(&s);
	vector_is(s.box.p, s.box.n, "box");
	ck_assert_int_eq(slot_finder(finder, &s.name, s.secret, s.prk, &s.err), MUSTER_OK);
	vector_is(finder, sizeof(finder), "finder");
	memset(finder, 0, sizeof(finder));
	ck_assert_int_eq(slot_read(&slot, finder, box_of(&s), &s.err), MUSTER_OK);
	ck_assert_uint_eq(slot, vector_number("slot"));
	vector_is(finder, sizeof(finder), "finder");
	ck_assert_int_eq(slot_open(&c, &s.name, s.secret, s.prk, box_of(&s), &s.err), MUSTER_OK);
	vector_is(c.pkcs8, c.pkcs8_n, "pkcs8");
	vector_is(c.certificate, c.certificate_n, "certificate");
	slot_content_fini(&c);
	ck_assert_ptr_null(c.pkcs8);
	buf_fini(&s.box);
}
END_TEST

/* A box opens under its own pack, key, generation, number and secret only. */
START_TEST(test_slot_other)
{
	struct slot_name other;
	struct sample s;

	sample_init(&s);
	other = s.name;
	other.pack_id[15] ^= 1;
	refused(&s, &other, s.secret, box_of(&s), MUSTER_E_MISMATCH, "slot 17 is not opened by these digits");
	other = s.name;
	other.number ^= 1;
	refused(&s, &other, s.secret, box_of(&s), MUSTER_E_MISMATCH, "not opened by these digits");
	other = s.name;
	other.generation++;
	refused(&s, &other, s.secret, box_of(&s), MUSTER_E_MISMATCH, "not opened by these digits");
	other = s.name;
	other.slot++;
	refused(&s, &other, s.secret, box_of(&s), MUSTER_E_MISMATCH, "not opened by these digits");
	s.secret[0] ^= 0x80;
	refused(&s, &s.name, s.secret, box_of(&s), MUSTER_E_MISMATCH, "not opened by these digits");
	s.secret[0] ^= 0x80;
	s.prk[31] ^= 1;
	refused(&s, &s.name, s.secret, box_of(&s), MUSTER_E_MISMATCH, "not opened by these digits");
	buf_fini(&s.box);
}
END_TEST

/* Every bit of a box. */
START_TEST(test_slot_bits)
{
	struct slot_content c;
	struct sample s;

	sample_init(&s);
	for (size_t i = 0; i < s.box.n * 8; i++) {
		int r;

		s.box.p[i / 8] ^= (uint8_t)(1U << i % 8);
		memset(&s.err, 0, sizeof(s.err));
		r = slot_open(&c, &s.name, s.secret, s.prk, box_of(&s), &s.err);
		if (i / 8 < 6)
			ck_assert_int_eq(r, MUSTER_E_INVALID);
		else if (i / 8 < 24)
			ck_assert_int_eq(r, MUSTER_E_MISMATCH);
		else if (i / 8 < SLOT_BOX_HEADER)
			ck_assert_int_eq(r, MUSTER_E_INVALID);
		else
			ck_assert_msg(r == MUSTER_E_MISMATCH && strstr(s.err.message, "slot 17 has been changed") != NULL, "bit %zu: %s", i, s.err.message);
		ck_assert_msg(s.err.message[0] != '\0' && c.pkcs8 == NULL, "bit %zu", i);
		s.box.p[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	ck_assert_int_eq(slot_open(&c, &s.name, s.secret, s.prk, box_of(&s), &s.err), MUSTER_OK);
	slot_content_fini(&c);
	buf_fini(&s.box);
}
END_TEST

/* Every prefix, and something behind it. Each in a block of its own size: the sanitizer sees a read beyond it. */
START_TEST(test_slot_prefixes)
{
	struct sample s;
	uint8_t *copy;

	sample_init(&s);
	for (size_t n = 0; n < s.box.n; n++) {
		copy = mem_alloc(n + 1);
		memcpy(copy, s.box.p, n);
		refused(&s, &s.name, s.secret, span_of(copy, n), MUSTER_E_INVALID, n < SLOT_BOX_HEADER ? "not an activation slot" : "slot 17 is cut off");
		mem_free(copy);
	}
	buf_addc(&s.box, '\0');
	refused(&s, &s.name, s.secret, box_of(&s), MUSTER_E_INVALID, "longer than it says");
	buf_fini(&s.box);
}
END_TEST

/* Sizes at both ends, and what is beyond them. */
START_TEST(test_slot_sizes)
{
	static const uint8_t big[SLOT_PART_MAX + 1] = { 0x30 };
	struct slot_content c;
	struct sample s;
	struct buf box;

	sample_init(&s);
	buf_init(&box, SLOT_BOX_MAX);
	ck_assert_int_eq(slot_seal(&box, &s.name, s.secret, s.prk, span_of(big, SLOT_PART_MAX), span_of(big, SLOT_PART_MAX), &s.err), MUSTER_OK);
	ck_assert_uint_eq(box.n, SLOT_BOX_MAX);
	ck_assert_int_eq(slot_open(&c, &s.name, s.secret, s.prk, span_of(box.p, box.n), &s.err), MUSTER_OK);
	ck_assert_uint_eq(c.pkcs8_n, SLOT_PART_MAX);
	ck_assert_uint_eq(c.certificate_n, SLOT_PART_MAX);
	slot_content_fini(&c);
	buf_clear(&box);
	ck_assert_int_eq(slot_seal(&box, &s.name, s.secret, s.prk, span_of(big, 1), span_of(big, 1), &s.err), MUSTER_OK);
	ck_assert_int_eq(slot_open(&c, &s.name, s.secret, s.prk, span_of(box.p, box.n), &s.err), MUSTER_OK);
	slot_content_fini(&c);
	buf_clear(&box);
	ck_assert_int_eq(slot_seal(&box, &s.name, s.secret, s.prk, span_of(big, SLOT_PART_MAX + 1), span_of(big, 1), &s.err), MUSTER_E_LIMIT);
	ck_assert_int_eq(slot_seal(&box, &s.name, s.secret, s.prk, span_of(big, 1), span_of(big, 0), &s.err), MUSTER_E_LIMIT);
	buf_fini(&box);
	buf_fini(&s.box);
}
END_TEST

/* No two slots of a pack have a finder, key or nonce in common: the same secret in another slot gives another box. */
START_TEST(test_slot_apart)
{
	uint8_t finder[64][SLOT_FINDER];
	struct sample s;

	sample_init(&s);
	for (unsigned i = 0; i < 64; i++) {
		s.name.slot = (uint16_t)i;
		ck_assert_int_eq(slot_finder(finder[i], &s.name, s.secret, s.prk, &s.err), MUSTER_OK);
		for (unsigned k = 0; k < i; k++)
			ck_assert_mem_ne(finder[i], finder[k], SLOT_FINDER);
	}
	buf_fini(&s.box);
}
END_TEST

/* Memory that is exhausted anywhere: said, nothing half-made, nothing leaked. */
START_TEST(test_slot_no_memory)
{
	struct slot_content c;
	struct sample s;
	struct buf box;
	int sealed = MUSTER_E_NOMEM, opened = MUSTER_E_NOMEM;

	sample_init(&s);
	for (uint64_t n = 1; sealed != MUSTER_OK; n++) {
		buf_init(&box, SLOT_BOX_MAX);
		mem_fail_at(n);
		sealed = slot_seal(&box, &s.name, s.secret, s.prk, span_of(s.pkcs8, s.pkcs8_n), span_of(s.certificate, s.certificate_n), &s.err);
		mem_fail_at(0);
		ck_assert(sealed == MUSTER_OK || sealed == MUSTER_E_NOMEM);
		buf_fini(&box);
	}
	for (uint64_t n = 1; opened != MUSTER_OK; n++) {
		mem_fail_at(n);
		opened = slot_open(&c, &s.name, s.secret, s.prk, box_of(&s), &s.err);
		mem_fail_at(0);
		ck_assert(opened == MUSTER_OK || (opened == MUSTER_E_NOMEM && c.pkcs8 == NULL && c.certificate == NULL));
	}
	slot_content_fini(&c);
	buf_fini(&s.box);
}
END_TEST

UNIT_MAIN("slot", test_slot_vectors, test_slot_other, test_slot_bits, test_slot_prefixes, test_slot_sizes, test_slot_apart,
          test_slot_no_memory)
