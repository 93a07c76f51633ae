/* Two errors at once: those in one group that its check cannot see are caught by the tag or the finder; none is ever accepted. */
#include "core/trust/slot.h"
#include "tests/unit/digits_flow.h"

/* Finders of a pack of 6 hosts, 10 activations and its reserve, the true one among them. */
#define FINDERS 80
struct finders { struct slot_name name; uint8_t of[FINDERS][SLOT_FINDER]; };

static void finders_make(struct finders *p, const struct flow *f, unsigned true_slot)
{
	uint8_t secret[SLOT_SECRET];

	memset(&p->name, 5, sizeof(p->name));
	for (unsigned i = 0; i < FINDERS; i++) {
		random_bytes(secret, sizeof(secret));
		p->name.slot = (uint16_t)i;
		ck_assert_int_eq(slot_finder(p->of[i], &p->name, i == true_slot ? f->slot_secret : secret, f->prk, NULL), MUSTER_OK);
	}
}

static bool finders_hold(struct finders *p, const struct flow *f, const uint8_t secret[SLOT_SECRET], unsigned slot)
{
	uint8_t finder[SLOT_FINDER];

	p->name.slot = (uint16_t)slot;
	ck_assert_int_eq(slot_finder(finder, &p->name, secret, f->prk, NULL), MUSTER_OK);
	return memcmp(finder, p->of[slot], SLOT_FINDER) == 0;
}

/* What an issuer or a host does with digits that pass their group checks: nothing in `wrong` may be believed. */
static unsigned never_accepted(const struct flow *f, struct finders *p, enum digits_kind kind, const char *wrong)
{
	struct installation_id iid;
	struct confirmation_id cid;
	uint8_t secret[SLOT_SECRET];

	if (kind == DIGITS_INSTALLATION) {
		if (installation_id_parse(&iid, wrong, strlen(wrong), NULL, NULL) != MUSTER_OK)
			return 0;
		ck_assert_msg(!installation_id_proves(&iid, f->prk), "accepted: %s", wrong);
		return 1;
	}
	if (confirmation_id_parse(&cid, wrong, strlen(wrong), NULL, NULL) != MUSTER_OK)
		return 0;
	ck_assert_int_eq(confirmation_id_open(secret, &cid, f->prk, &f->iid, NULL), MUSTER_OK);
	ck_assert_mem_ne(secret, f->slot_secret, SLOT_SECRET);
	ck_assert_msg(!finders_hold(p, f, secret, 17), "accepted: %s", wrong);
	return 1;
}

/* Two wrong digits in one group that its check does not see: all of them, for every group. The tag (or the finder) sees them. */
START_TEST(test_digits_double_unseen)
{
	struct finders p;
	struct flow f;
	char wrong[INSTALLATION_TEXT];
	unsigned unseen[2] = { 0, 0 }, judged[2] = { 0, 0 };

	for (unsigned round = 0; round < 4; round++) {
		flow_numbered(&f, round);
		finders_make(&p, &f, 17);
		ck_assert(finders_hold(&p, &f, f.slot_secret, 17));
		for (int kind = 0; kind < 2; kind++)
			for (unsigned g = 1; g <= groups_of((enum digits_kind)kind); g++)
				for (unsigned pair = 0; pair < 36; pair++)
					for (unsigned v = 0; v < 100; v++) {
						char *six = group_at(wrong, g), *a = six + pair / 6, *b = six + pair % 6;

						strcpy(wrong, f.text[kind]);
						if (a >= b || *a == (char)('0' + v / 10) || *b == (char)('0' + v % 10))
							continue;
						*a = (char)('0' + v / 10);
						*b = (char)('0' + v % 10);
						if (!digits_group_right((enum digits_kind)kind, g, six))
							continue;
						unseen[kind]++;
						judged[kind] += never_accepted(&f, &p, (enum digits_kind)kind, wrong);
					}
	}
	for (int kind = 0; kind < 2; kind++) {
		ck_assert_uint_gt(unseen[kind], 3000);
		ck_assert_uint_gt(judged[kind], unseen[kind] / 2);
	}
}
END_TEST

static int parse(enum digits_kind kind, const char *text, struct digits_fault *fault)
{
	struct installation_id iid;
	struct confirmation_id cid;

	return kind == DIGITS_INSTALLATION ? installation_id_parse(&iid, text, strlen(text), fault, NULL) : confirmation_id_parse(&cid, text, strlen(text), fault, NULL);
}

/* Any two wrong digits anywhere: named when a group check sees them, and never accepted. */
START_TEST(test_digits_double_random)
{
	struct finders p;
	struct flow f;
	char wrong[INSTALLATION_TEXT];
	struct digits_fault fault;
	unsigned named = 0;

	for (unsigned round = 0; round < 20; round++) {
		flow_random(&f);
		finders_make(&p, &f, 17);
		for (unsigned n = 0; n < 1000; n++) {
			enum digits_kind kind = n % 2 == 0 ? DIGITS_INSTALLATION : DIGITS_CONFIRMATION;
			size_t places = (size_t)groups_of(kind) * DIGITS_GROUP, a = random_below(places), b = random_below(places - 1);
			unsigned group_a, group_b;

			b += b >= a;
			group_a = (unsigned)(a / DIGITS_GROUP) + 1;
			group_b = (unsigned)(b / DIGITS_GROUP) + 1;
			a += a / DIGITS_GROUP;
			b += b / DIGITS_GROUP;
			strcpy(wrong, f.text[kind]);
			wrong[a] = (char)('0' + (wrong[a] - '0' + 1 + (int)random_below(9)) % 10);
			wrong[b] = (char)('0' + (wrong[b] - '0' + 1 + (int)random_below(9)) % 10);
			if (group_a == group_b)
				continue;   /* test_digits_double_unseen has all of these */
			ck_assert_int_eq(parse(kind, wrong, &fault), MUSTER_E_INVALID);
			ck_assert(fault.wrong == DIGITS_MISTYPED || fault.wrong == DIGITS_SWAPPED);
			ck_assert_uint_eq(fault.group, group_a < group_b ? group_a : group_b);
			ck_assert_uint_eq(never_accepted(&f, &p, kind, wrong), 0);
			named++;
		}
	}
	ck_assert_uint_gt(named, 10000);
}
END_TEST

/* Every bit of an Installation ID flipped and given out with right group checks: the tag refuses it, or the form does. */
START_TEST(test_digits_tag_bits)
{
	struct installation_id changed, read;
	char text[INSTALLATION_TEXT];
	unsigned judged = 0;
	struct flow f;

	for (unsigned round = 0; round < 20; round++) {
		flow_numbered(&f, round);
		ck_assert(installation_id_proves(&f.iid, f.prk));
		ck_assert(!installation_id_proves(&f.iid, f.other_prk));
		for (size_t bit = 3; bit < sizeof(changed.bytes) * 8; bit++) {
			changed = f.iid;
			changed.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			installation_id_format(text, &changed, '-');
			if (installation_id_parse(&read, text, strlen(text), NULL, NULL) != MUSTER_OK)
				continue;
			ck_assert_mem_eq(read.bytes, changed.bytes, sizeof(read.bytes));
			ck_assert(!installation_id_proves(&read, f.prk));
			judged++;
		}
	}
	ck_assert_uint_eq(judged, 20 * (149 - 3));
}
END_TEST

UNIT_MAIN("digits_double", test_digits_double_unseen, test_digits_double_random, test_digits_tag_bits)
