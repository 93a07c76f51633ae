/** Installation and Confirmation IDs for tests: one flow, and where its groups stand. */
#ifndef TESTS_UNIT_DIGITS_FLOW_H
#define TESTS_UNIT_DIGITS_FLOW_H

#include <stddef.h>
#include <string.h>
#include "core/base/bytes.h"
#include "core/trust/digits.h"
#include "core/trust/hkdf.h"
#include "tests/unit/unit.h"

/* One key, host and answer, and what is read out of both. */
struct flow {
	uint8_t prk[32], other_prk[32], slot_secret[16];
	struct installation_id iid;
	struct confirmation_id cid;
	char text[2][INSTALLATION_TEXT];
};

static inline void flow_finish(struct flow *f, uint32_t number, uint8_t generation, uint8_t attempt, const uint8_t binding[BINDING_SIZE])
{
	ck_assert_int_eq(installation_id_make(&f->iid, f->prk, number & PRODUCT_KEY_NUMBER_MAX, generation & 63, attempt, binding, NULL), MUSTER_OK);
	ck_assert_int_eq(confirmation_id_make(&f->cid, f->prk, &f->iid, f->slot_secret, NULL), MUSTER_OK);
	installation_id_format(f->text[DIGITS_INSTALLATION], &f->iid, ' ');
	confirmation_id_format(f->text[DIGITS_CONFIRMATION], &f->cid, ' ');
}

/* Other values in every run: for what holds for every ID. */
static inline void flow_random(struct flow *f)
{
	uint8_t r[6], binding[BINDING_SIZE];

	random_bytes(f, offsetof(struct flow, iid));
	random_bytes(r, sizeof(r));
	random_bytes(binding, sizeof(binding));
	flow_finish(f, be32_get(r), r[4], r[5], binding);
}

/* The same values in every run, from a number: for what holds with a probability of 1 - 2^-22 (the tag). */
static inline void flow_numbered(struct flow *f, unsigned n)
{
	uint8_t seed[32] = { (uint8_t)n }, r[6], binding[BINDING_SIZE];

	ck_assert_int_eq(hkdf_label((uint8_t *)f, offsetof(struct flow, iid), seed, "flow", span_of(NULL, 0), NULL), MUSTER_OK);
	ck_assert_int_eq(hkdf_label(r, sizeof(r), seed, "numbers", span_of(NULL, 0), NULL), MUSTER_OK);
	ck_assert_int_eq(hkdf_label(binding, sizeof(binding), seed, "binding", span_of(NULL, 0), NULL), MUSTER_OK);
	flow_finish(f, be32_get(r), r[4], r[5], binding);
}

static inline unsigned groups_of(enum digits_kind kind) { return kind == DIGITS_INSTALLATION ? INSTALLATION_GROUPS : CONFIRMATION_GROUPS; }

static inline char *group_at(char *text, unsigned group) { return text + (size_t)(group - 1) * (DIGITS_GROUP + 1); }

#endif
