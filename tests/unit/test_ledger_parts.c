/* The ledger's parts by themselves: repeats, marks, limits, sums of refused requests, host clock, disk rule, queue. */
#include "tests/unit/unit.h"

#include <string.h>
#include <time.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/ledger/clones.h"
#include "core/ledger/disk.h"
#include "core/ledger/hostclock.h"
#include "core/ledger/limits.h"
#include "core/ledger/queue.h"
#include "core/ledger/repeats.h"

#define NOW INT64_C(1795000000000)
#define MINUTE INT64_C(60000)
#define HOUR INT64_C(3600000)
#define DAY INT64_C(86400000)

/* SipHash-2-4 with 8 bytes of output over client ‖ product ‖ nonce; the expected value comes from another implementation, which
 * gives the published vector a129ca6149be45e5 for the bytes 0…14. */
START_TEST(test_digest)
{
	uint8_t key[16], client[16], nonce[16];
	struct digester *d;
	uint64_t x, y;

	for (uint8_t i = 0; i < 16; i++) {
		key[i] = i;
		client[i] = (uint8_t)(0x20 + i);
		nonce[i] = (uint8_t)(0x40 + i);
	}
	ck_assert_int_eq(digester_new(&d, key, NULL), MUSTER_OK);
	ck_assert_int_eq(digester_digest(d, &x, client, 7, nonce, sizeof nonce), MUSTER_OK);
	ck_assert_uint_eq(x, UINT64_C(0x19014fba23dc247f));
	/* the same object again gives the same: it begins anew each time */
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(digester_digest(d, &y, client, 7, nonce, sizeof nonce), MUSTER_OK);
		ck_assert_uint_eq(x, y);
	}
	ck_assert_int_eq(digester_digest(d, &y, client, 8, nonce, sizeof nonce), MUSTER_OK);
	ck_assert_uint_ne(x, y);
	ck_assert_int_eq(digester_digest(d, &y, client, 7, nonce, sizeof nonce - 1), MUSTER_OK);
	ck_assert_uint_ne(x, y);
	client[15] ^= 1;
	ck_assert_int_eq(digester_digest(d, &y, client, 7, nonce, sizeof nonce), MUSTER_OK);
	ck_assert_uint_ne(x, y);
	digester_free(d);
}
END_TEST

static struct store_event event(uint64_t digest, uint32_t client, int64_t seq)
{
	struct store_event e;

	memset(&e, 0, sizeof e);
	e.digest = digest;
	e.seq = seq;
	e.product = 3;
	e.n = 1;
	be32_put(e.client, client);
	return e;
}

/* The last 262,144 are known, the one before them is not; equal digests of different clients are told apart. */
START_TEST(test_repeats)
{
	struct repeats *t = repeats_new();
	struct store_event e;
	uint8_t client[16] = { 0 };

	ck_assert_ptr_nonnull(t);
	for (uint32_t i = 0; i <= REPEATS_MAX; i++) {
		e = event(UINT64_C(5000) + i % 1000, i, i + 1);
		repeats_add(t, &e);
	}
	ck_assert_ptr_null(repeats_find(t, 5000, client, 3, false));
	be32_put(client, 1);
	ck_assert_ptr_nonnull(repeats_find(t, 5001, client, 3, false));
	ck_assert_int_eq(repeats_find(t, 5001, client, 3, false)->seq, 2);
	be32_put(client, REPEATS_MAX);
	ck_assert_int_eq(repeats_find(t, 5000 + REPEATS_MAX % 1000, client, 3, false)->seq, (int64_t)REPEATS_MAX + 1);
	ck_assert_ptr_null(repeats_find(t, 5000 + REPEATS_MAX % 1000, client, 4, false));
	ck_assert_ptr_null(repeats_find(t, 5000 + REPEATS_MAX % 1000, client, 3, true));
	repeats_clear(t);
	ck_assert_ptr_null(repeats_find(t, 5000 + REPEATS_MAX % 1000, client, 3, false));
	e = event(0, 9, 9);
	repeats_add(t, &e);
	ck_assert_ptr_null(repeats_find(t, 0, e.client, 3, false));
	repeats_free(t);
}
END_TEST

/* Hardware is compared only at equal source. */
START_TEST(test_hw_differs)
{
	uint8_t a[32] = { 1, 5 }, b[32] = { 1, 5 };

	ck_assert(!hw_differs(a, b, 32));
	b[31] = 1;
	ck_assert(hw_differs(a, b, 32));
	ck_assert(!hw_differs(a, b, 16));
	b[0] = 3;
	ck_assert(!hw_differs(a, b, 32));
}
END_TEST

/* Marks: by client and product, dropped alone or with all products; a full table lets the first put go and says so. */
START_TEST(test_marks)
{
	struct marks *t = marks_new();
	uint8_t client[16] = { 0 }, hw[32] = { 1 };
	bool left = false;

	for (uint32_t i = 0; i < 3; i++)
		ck_assert(!marks_put(t, client, i + 1, hw, NOW));
	ck_assert_uint_eq(marks_count(t), 3);
	ck_assert_ptr_null(marks_find(t, client, 4));
	marks_seen(t, client, 2, NOW + 5);
	marks_seen(t, client, 2, NOW + 1);
	ck_assert_int_eq(marks_find(t, client, 2)->last, NOW + 5);
	marks_drop(t, client, 2);
	ck_assert_ptr_null(marks_find(t, client, 2));
	ck_assert_ptr_nonnull(marks_find(t, client, 3));
	marks_drop(t, client, 0);
	ck_assert_uint_eq(marks_count(t), 0);
	for (uint32_t i = 0; i < MARKS_MAX; i++) {
		be32_put(client, i);
		left = left || marks_put(t, client, 1, hw, NOW);
	}
	ck_assert(!left);
	ck_assert_uint_eq(marks_count(t), MARKS_MAX);
	be32_put(client, MARKS_MAX);
	ck_assert(marks_put(t, client, 1, hw, NOW));
	ck_assert_ptr_nonnull(marks_find(t, client, 1));
	ck_assert_uint_eq(marks_count(t), MARKS_MAX);
	marks_clear(t);
	ck_assert_ptr_null(marks_find(t, client, 1));
	marks_free(t);
}
END_TEST

/* A window counts per address and ends; IPv6 addresses of one /64 are one; a crowd of addresses is noticed. */
START_TEST(test_windows)
{
	struct windows *t = windows_new();
	uint8_t a[16] = { 10, 0, 0, 1 };
	bool crowded = false;

	for (uint32_t i = 0; i < 5; i++) {
		uint32_t *used = windows_used(t, a, 4, 1, NOW, HOUR, &crowded);

		ck_assert_uint_eq(*used, i);
		++*used;
	}
	ck_assert_uint_eq(*windows_used(t, a, 4, 2, NOW, HOUR, &crowded), 0);
	ck_assert_int_eq(windows_left(t, a, 4, 1, NOW + 1000, HOUR), HOUR - 1000);
	ck_assert_uint_eq(*windows_used(t, a, 4, 1, NOW + HOUR, HOUR, &crowded), 0);
	++*windows_used(t, a, 16, 1, NOW, HOUR, &crowded);
	a[15] = 9;
	ck_assert_uint_eq(*windows_used(t, a, 16, 1, NOW, HOUR, &crowded), 1);
	a[7] = 9;
	ck_assert_uint_eq(*windows_used(t, a, 16, 1, NOW, HOUR, &crowded), 0);
	ck_assert(!crowded);
	for (uint32_t i = 0; i < 20000; i++) {
		be32_put(a, i);
		++*windows_used(t, a, 4, 1, NOW, HOUR, &crowded);
	}
	ck_assert(crowded);
	windows_free(t);
}
END_TEST

/* A place that is returned is free again, if its window is there still; holders are remembered whole, by product, for their time. */
START_TEST(test_windows_return)
{
	struct windows *t = windows_new();
	uint8_t a[16] = { 10, 0, 0, 1 }, holder[16] = { 1 };
	bool crowded = false;

	*windows_used(t, a, 4, 1, NOW, HOUR, &crowded) = 1;
	windows_return(t, a, 4, 2, NOW);
	windows_return(t, a, 4, 1, NOW + HOUR);
	ck_assert_uint_eq(*windows_used(t, a, 4, 1, NOW, HOUR, &crowded), 1);
	windows_return(t, a, 4, 1, NOW + 1);
	windows_return(t, a, 4, 1, NOW + 1);
	ck_assert_uint_eq(*windows_used(t, a, 4, 1, NOW, HOUR, &crowded), 0);
	windows_note(t, holder, 7, NOW, HOUR);
	ck_assert(windows_noted(t, holder, 7, NOW + HOUR - 1) && !windows_noted(t, holder, 7, NOW + HOUR) && !windows_noted(t, holder, 8, NOW));
	holder[15] = 1;
	ck_assert(!windows_noted(t, holder, 7, NOW));
	holder[15] = 0;
	windows_forget(t, holder, 7);
	ck_assert(!windows_noted(t, holder, 7, NOW));
	windows_free(t);
}
END_TEST

static struct store_event refusal(uint32_t addr, uint32_t code, uint32_t product)
{
	struct store_event e = event(0, addr, 0);

	e.result = code;
	e.product = product;
	e.addr_len = 4;
	be32_put(e.addr, addr);
	return e;
}

/* Ten rows a second for one address and reason, whatever the product; the rest is summed, and no request is lost. */
START_TEST(test_refusals)
{
	struct refusals *t = refusals_new();
	struct store_event e, sum;
	uint64_t rows = 0, requests = 0, sent = 0;

	for (int64_t ms = 0; ms < 5000; ms += 5, sent++) {
		e = refusal(1, CODE_M_RATE_NEW, (uint32_t)(ms % 3));
		if (refusals_admit(t, &e, NOW + ms)) {
			rows++;
			requests++;
		}
		while (refusals_take(t, &sum, NOW + ms, false)) {
			rows++;
			requests += sum.n;
		}
	}
	ck_assert_uint_le(rows, 50);
	ck_assert_uint_ge(rows, 45);
	ck_assert_uint_eq(requests + refusals_held(t, 0) + refusals_held(t, 1) + refusals_held(t, 2), sent);
	ck_assert_uint_gt(refusals_held(t, 1), 0);
	/* another address and another reason have their own ten */
	for (uint32_t i = 0; i < 10; i++) {
		e = refusal(2, CODE_M_RATE_NEW, 0);
		ck_assert(refusals_admit(t, &e, NOW + 4999));
		e = refusal(1, CODE_M_DUPLICATE, 0);
		ck_assert(refusals_admit(t, &e, NOW + 4999));
	}
	while (refusals_take(t, &sum, NOW + 5000, true))
		requests += sum.n;
	ck_assert_uint_eq(requests, sent);
	ck_assert(!refusals_take(t, &sum, NOW + 9000, true));
	refusals_free(t);
}
END_TEST

/* More addresses at once than there are places: rows are written instead of losing count, and what comes back is counted on. */
START_TEST(test_refusals_crowd)
{
	struct refusals *t = refusals_new();
	struct store_event e, sum;
	uint64_t requests = 0, sent = 0;

	for (uint32_t round = 0; round < 12; round++) {
		for (uint32_t a = 0; a < 3000; a++, sent++) {
			e = refusal(a, CODE_M_RATE_NEW, 1);
			requests += refusals_admit(t, &e, NOW);
		}
	}
	ck_assert_uint_gt(refusals_held(t, 1), 0);
	ck_assert(refusals_take(t, &sum, NOW, true));
	e = refusal(9999, CODE_M_RATE_NEW, 1);
	while (!refusals_admit(t, &e, NOW))
		sent++;
	sent++;
	requests++;
	refusals_return(t, &sum);
	while (refusals_take(t, &sum, NOW, true))
		requests += sum.n;
	ck_assert_uint_eq(requests, sent);
	refusals_free(t);
}
END_TEST

static const char *reason(const struct hostclock *c, int64_t boot)
{
	static char text[256];

	hostclock_reason(c, text, sizeof text, boot);
	return text;
}

/* Five minutes behind the latest event are borne, more is not; it ends when the clock is right, or accepted. */
START_TEST(test_hostclock_back)
{
	struct hostclock c;

	ck_assert(!hostclock_start(&c, NOW, 1000, NOW - HOUR));
	hostclock_committed(&c, NOW);
	ck_assert_int_eq(hostclock_check(&c, NOW - 5 * MINUTE, 1000), HOSTCLOCK_SAME);
	ck_assert_int_eq(hostclock_check(&c, NOW - 5 * MINUTE - 1, 1000), HOSTCLOCK_BACK);
	ck_assert(hostclock_held(&c));
	ck_assert_ptr_nonnull(strstr(reason(&c, 1000), "5 minutes behind the latest event"));
	hostclock_committed(&c, NOW - 6 * MINUTE);
	ck_assert_int_eq(hostclock_check(&c, NOW - MINUTE, 2000), HOSTCLOCK_RIGHT);
	ck_assert(!hostclock_held(&c));
	ck_assert_int_eq(hostclock_check(&c, NOW - 20 * MINUTE, 2000), HOSTCLOCK_BACK);
	hostclock_accept(&c, NOW - 20 * MINUTE, 2000);
	ck_assert(!hostclock_held(&c));
	ck_assert_int_eq(hostclock_check(&c, NOW - 20 * MINUTE + 1, 2001), HOSTCLOCK_SAME);
	ck_assert_str_eq(reason(&c, 2001), "");
}
END_TEST

/* A jump of more than an hour, either way: ageing stands still for a day of steady time, then goes on. */
START_TEST(test_hostclock_jump)
{
	struct hostclock c;

	hostclock_start(&c, NOW, 0, NOW - HOUR);
	ck_assert_int_eq(hostclock_check(&c, NOW + HOUR, 0), HOSTCLOCK_SAME);
	ck_assert_int_eq(hostclock_age_time(&c, NOW + HOUR, 0), NOW + HOUR);
	ck_assert_int_eq(hostclock_check(&c, NOW + HOUR + 1, 0), HOSTCLOCK_JUMPED);
	ck_assert(!hostclock_held(&c) && hostclock_still(&c, 0));
	ck_assert_int_eq(hostclock_age_time(&c, NOW + HOUR + 1, 0), NOW);
	ck_assert_int_eq(hostclock_age_time(&c, NOW + DAY, DAY - HOUR - 1), NOW);
	ck_assert_int_eq(hostclock_event_time(&c, NOW + HOUR + 1, 0), NOW + HOUR + 1);
	ck_assert(!hostclock_still(&c, DAY));
	ck_assert_int_eq(hostclock_age_time(&c, NOW + DAY + HOUR + 1, DAY), NOW + DAY + HOUR + 1);
	/* backward, while nothing recent is in the log */
	hostclock_start(&c, NOW, 0, NOW - 10 * DAY);
	ck_assert_int_eq(hostclock_check(&c, NOW - HOUR - 1, 0), HOSTCLOCK_JUMPED);
	ck_assert_int_eq(hostclock_age_time(&c, NOW - HOUR - 1, 0), NOW - HOUR - 1);
	ck_assert_int_eq(hostclock_age_time(&c, NOW + 5 * HOUR, HOUR), NOW);
}
END_TEST

/* More than a day ahead: held until accepted, also when the clock comes back by itself; event times stay on the steady clock. */
START_TEST(test_hostclock_ahead)
{
	struct hostclock c;

	hostclock_start(&c, NOW, 0, NOW - HOUR);
	ck_assert_int_eq(hostclock_check(&c, NOW + 3 * DAY, 10), HOSTCLOCK_AHEAD);
	ck_assert(hostclock_held(&c));
	ck_assert_ptr_nonnull(strstr(reason(&c, 10), "3 days ahead while running"));
	ck_assert_int_eq(hostclock_event_time(&c, NOW + 3 * DAY, 10), NOW + 10);
	ck_assert_int_eq(hostclock_age_time(&c, NOW + 3 * DAY, 10), NOW + 10);
	ck_assert_int_eq(hostclock_check(&c, NOW + 20, 20), HOSTCLOCK_SAME);
	ck_assert(hostclock_held(&c));
	hostclock_accept(&c, NOW + 20, 20);
	ck_assert(!hostclock_held(&c));
	ck_assert_int_eq(hostclock_age_time(&c, NOW + 21, 21), NOW + 21);
}
END_TEST

/* 35 days of silence are bridged; idleness while running is no jump. */
START_TEST(test_hostclock_silent)
{
	struct hostclock c;

	ck_assert(!hostclock_start(&c, NOW, 0, NOW - 35 * DAY));
	ck_assert(!hostclock_start(&c, NOW, 0, 0));
	ck_assert(hostclock_start(&c, NOW, 0, NOW - 35 * DAY - 1));
	ck_assert_int_eq(hostclock_age_time(&c, NOW, 0), NOW - 35 * DAY - 1);
	ck_assert_int_eq(hostclock_age_time(&c, NOW + DAY, DAY), NOW + DAY);
	ck_assert(!hostclock_start(&c, NOW, 0, NOW - HOUR));
	ck_assert_int_eq(hostclock_check(&c, NOW + 90 * DAY, 90 * DAY), HOSTCLOCK_SAME);
	ck_assert(!hostclock_still(&c, 90 * DAY));
}
END_TEST

/* One wrong client is a wrong client; many off the same way are a wrong host. */
START_TEST(test_hostclock_suspect)
{
	struct hostclock c;
	bool said = false;

	hostclock_start(&c, NOW, 0, 0);
	for (uint32_t i = 0; i < 200; i++)
		said = said || hostclock_sample(&c, 7, 5 * HOUR, 4 * HOUR);
	ck_assert_msg(!said, "one client's clock is no proof");
	hostclock_start(&c, NOW, 0, 0);
	for (uint32_t i = 0; i < 200; i++)
		said = said || hostclock_sample(&c, i, i % 2 ? 5 * HOUR : -5 * HOUR, 4 * HOUR);
	ck_assert_msg(!said, "off both ways is no proof");
	for (uint32_t i = 0; i < 200; i++)
		said = said || hostclock_sample(&c, i, i % 3 ? 0 : 5 * HOUR, 4 * HOUR);
	ck_assert_msg(!said, "a third is no proof");
	for (uint32_t i = 0; i < 64; i++)
		said = said || hostclock_sample(&c, i, -5 * HOUR, 4 * HOUR);
	ck_assert(said);
	ck_assert_ptr_nonnull(strstr(reason(&c, 0), "clocks are behind this host's"));
	for (uint32_t i = 0; i < 64; i++)
		hostclock_sample(&c, i, 0, 4 * HOUR);
	ck_assert_str_eq(reason(&c, 0), "");
}
END_TEST

/* The floor is the smaller of 256 MiB and 2 %, or what is configured; it resumes above twice that. */
START_TEST(test_disk)
{
	const uint64_t mib = UINT64_C(1) << 20;

	ck_assert_uint_eq(disk_floor(0, UINT64_C(1) << 40), 256 * mib);
	ck_assert_uint_eq(disk_floor(0, 1000 * mib), 20 * mib);
	ck_assert_uint_eq(disk_floor(5 * mib, 1000 * mib), 5 * mib);
	ck_assert(!disk_is_low(false, 100, 100));
	ck_assert(disk_is_low(false, 99, 100));
	ck_assert(disk_is_low(true, 150, 100));
	ck_assert(disk_is_low(true, 200, 100));
	ck_assert(!disk_is_low(true, 202, 100));
	ck_assert(disk_is_low(true, UINT64_MAX / 2, UINT64_MAX));
}
END_TEST

/* Full, too old, closed; taken in order and in parts. */
START_TEST(test_queue)
{
	static struct ledger_request r[6];
	struct ledger_request *first;
	struct queue q;

	ck_assert_int_eq(queue_init(&q, NULL), MUSTER_OK);
	queue_limits(&q, 4, 250);
	ck_assert_uint_eq(queue_take(&q, &first, 10, 0), 0);
	ck_assert_ptr_null(first);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(queue_put(&q, &r[i], 1000 + i), MUSTER_OK);
	ck_assert_int_eq(queue_put(&q, &r[4], 1004), MUSTER_E_LIMIT);
	ck_assert_uint_eq(queue_take(&q, &first, 3, 0), 3);
	ck_assert_ptr_eq(first, &r[0]);
	ck_assert_ptr_eq(first->next->next, &r[2]);
	ck_assert_ptr_null(first->next->next->next);
	ck_assert_uint_eq(queue_length(&q), 1);
	ck_assert_int_eq(queue_put(&q, &r[4], 1252), MUSTER_OK);
	ck_assert_int_eq(queue_put(&q, &r[5], 1253), MUSTER_E_BUSY);
	ck_assert_uint_eq(queue_take(&q, &first, 3, 0), 2);
	ck_assert_ptr_eq(first->next, &r[4]);
	ck_assert_int_eq(queue_put(&q, &r[5], 9999), MUSTER_OK);
	queue_close(&q);
	ck_assert_int_eq(queue_put(&q, &r[0], 9999), MUSTER_E_DENIED);
	ck_assert_uint_eq(queue_take(&q, &first, 3, 0), 1);
	queue_fini(&q);
}
END_TEST

static struct queue gathering;
static struct ledger_request gathered[8];

static void *put_slowly(void *from)
{
	const int *first = from;

	for (int i = *first; i < *first + 4; i++) {
		nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
		ck_assert_int_eq(queue_put(&gathering, &gathered[i], 1), MUSTER_OK);
	}
	return NULL;
}

/* Who gathers is woken by the last of those it waits for, by time, and by a close; never before. */
START_TEST(test_queue_gather)
{
	struct ledger_request *first;
	pthread_t thread;
	int from = 0;

	ck_assert_int_eq(queue_init(&gathering, NULL), MUSTER_OK);
	queue_limits(&gathering, 100, 60000);
	ck_assert_int_eq(pthread_create(&thread, NULL, put_slowly, &from), 0);
	queue_gather(&gathering, 4, (long)INT64_C(60000000000));   /* far longer than any machine keeps the other thread waiting */
	ck_assert_uint_eq(queue_length(&gathering), 4);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	/* more than there are: the time ends it */
	queue_gather(&gathering, 5, 1000000L);
	ck_assert_uint_eq(queue_take(&gathering, &first, 10, 0), 4);
	/* and afterwards a single one wakes again */
	from = 4;
	ck_assert_int_eq(pthread_create(&thread, NULL, put_slowly, &from), 0);
	ck_assert_uint_ge(queue_take(&gathering, &first, 1, 60000), 1);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	queue_close(&gathering);
	queue_gather(&gathering, 100, 999999999L);
	queue_fini(&gathering);
}
END_TEST

UNIT_MAIN("ledger_parts", test_digest, test_repeats, test_hw_differs, test_marks, test_windows, test_windows_return, test_refusals, test_refusals_crowd,
          test_hostclock_back, test_hostclock_jump, test_hostclock_ahead, test_hostclock_silent, test_hostclock_suspect, test_disk, test_queue, test_queue_gather)
