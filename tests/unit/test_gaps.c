/* core/estate/gaps.c: where a host's log has a gap. The rule is stated at gap_begin() in observed.h. */
#include "tests/unit/unit.h"

#include "core/estate/observed.h"

#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)
#define T0 INT64_C(1795000000000)
#define MAX 4000

struct log { int64_t at[MAX], record[MAX]; size_t n; };

static void add(struct log *l, int64_t at, int64_t record)
{
	ck_assert_uint_lt(l->n, MAX);
	l->at[l->n] = T0 + at;
	l->record[l->n++] = record;
}

/* All gaps; the first ones into @p out. */
static size_t look(const struct log *l, struct gap *out, size_t room)
{
	static struct gaps g;
	struct gap gap;
	size_t n = 0;

	gap_begin(&g);
	for (size_t i = 0; i < l->n; i++)
		gap_measure(&g, l->at[i], l->record[i]);
	gap_judge(&g);
	for (size_t i = 0; i < l->n; i++)
		if (gap_look(&g, l->at[i], l->record[i], &gap) && n++ < room)
			out[n - 1] = gap;
	if (gap_last(&g, &gap) && n++ < room)
		out[n - 1] = gap;
	return n;
}

/* A request each hour, and three days without any. */
START_TEST(test_gaps_silence)
{
	static struct log l;
	struct gap gap;

	for (int h = 0; h < 1000; h++)
		if (h < 500 || h >= 572)
			add(&l, h * HOUR, 0);
	ck_assert_uint_eq(look(&l, &gap, 1), 1);
	ck_assert_int_eq(gap.since, T0 + 499 * HOUR);
	ck_assert_int_eq(gap.until, T0 + 572 * HOUR);
	ck_assert_int_eq(gap.missing, 0);
	ck_assert_int_ge(gap.usual, HOUR);
	ck_assert_int_lt(gap.usual, HOUR + HOUR / 8);
}
END_TEST

/* A day and less is none, however steady the rest; a little more is. */
START_TEST(test_gaps_a_day)
{
	for (int missing = 22; missing <= 26; missing++) {
		static struct log l;
		struct gap gap;

		l.n = 0;
		for (int h = 0; h < 1000; h++)
			if (h <= 500 || h > 500 + missing)
				add(&l, h * HOUR, 0);
		ck_assert_uint_eq(look(&l, &gap, 1), missing >= 24);
	}
}
END_TEST

/* Offices: ten hours on five days. Nights and weekends are usual; a week without any is not. */
START_TEST(test_gaps_weekends)
{
	static struct log l;
	struct gap gap;

	for (int d = 0; d < 140; d++)
		for (int h = 8; h < 18; h++)
			if (d % 7 < 5)
				add(&l, d * DAY + h * HOUR, 0);
	ck_assert_uint_eq(look(&l, &gap, 1), 0);
	l.n = 0;
	for (int d = 0; d < 140; d++)
		for (int h = 8; h < 18; h++)
			if (d % 7 < 5 && (d < 70 || d >= 77))
				add(&l, d * DAY + h * HOUR, 0);
	ck_assert_uint_eq(look(&l, &gap, 1), 1);
	ck_assert_int_eq(gap.until - gap.since, 9 * DAY + 14 * HOUR + HOUR);
}
END_TEST

/* Few machines that renew every week have long silences; fewer than 20 events say nothing. */
START_TEST(test_gaps_few)
{
	static struct log l;
	struct gap gap;

	for (int w = 0; w < 52; w++) {
		add(&l, w * 7 * DAY, 0);
		add(&l, w * 7 * DAY + 2 * DAY + 5 * HOUR, 0);
		add(&l, w * 7 * DAY + 3 * DAY, 0);
	}
	ck_assert_uint_eq(look(&l, &gap, 1), 0);
	l.n = 0;
	for (int i = 0; i < 18; i++)
		add(&l, i * HOUR, i + 1);
	add(&l, 90 * DAY, 5000);
	ck_assert_uint_eq(look(&l, &gap, 1), 0);
	add(&l, 90 * DAY + HOUR, 5001);
	ck_assert_uint_eq(look(&l, &gap, 1), 1);
	ck_assert_int_eq(gap.missing, 5000 - 18 - 1);
}
END_TEST

/* Record numbers: more than ten missing; whatever the order within a moment; a cleared log begins anew; where others write too they say nothing. */
START_TEST(test_gaps_numbers)
{
	static struct log l;
	struct gap gap;

	for (int i = 0; i < 200; i++)
		add(&l, i * 60000, i < 100 ? i + 1 : i + 11);
	ck_assert_uint_eq(look(&l, &gap, 1), 0);
	l.n = 0;
	for (int i = 0; i < 200; i++)
		add(&l, i * 60000, i < 100 ? i + 1 : i + 12);
	ck_assert_uint_eq(look(&l, &gap, 1), 1);
	ck_assert_int_eq(gap.missing, 11);
	ck_assert_int_eq(gap.since, T0 + 99 * 60000);
	l.n = 0;
	for (int i = 0; i < 200; i++)
		add(&l, i / 50 * HOUR, (i / 50 + 1) * 50 - i % 50);
	for (int i = 200; i < 260; i++)
		add(&l, i * HOUR, i + 1);
	ck_assert_uint_eq(look(&l, &gap, 1), 1);   /* the silence of 196 hours; newest first within the hours is none */
	ck_assert_int_eq(gap.missing, 0);
	l.n = 0;
	for (int i = 0; i < 200; i++)
		add(&l, i * HOUR, i < 100 ? i + 1000 : i - 99);
	ck_assert_uint_eq(look(&l, &gap, 1), 0);
	l.n = 0;
	for (int i = 0; i < 200; i++)
		add(&l, i * HOUR, i * 37 + 1);
	ck_assert_uint_eq(look(&l, &gap, 1), 0);
}
END_TEST

START_TEST(test_gaps_nothing)
{
	static struct log l;
	struct gap gap;

	ck_assert_uint_eq(look(&l, &gap, 1), 0);
	add(&l, 0, 0);
	ck_assert_uint_eq(look(&l, &gap, 1), 0);
	for (int i = 0; i < 100; i++)
		add(&l, 0, 0);
	ck_assert_uint_eq(look(&l, &gap, 1), 0);
}
END_TEST

UNIT_MAIN("gaps", test_gaps_silence, test_gaps_a_day, test_gaps_weekends, test_gaps_few, test_gaps_numbers, test_gaps_nothing)
