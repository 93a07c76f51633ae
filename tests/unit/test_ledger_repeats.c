/* Repeats and clones (ledger.md section 2), on both stores. */
#include "tests/unit/ledger_fixture.h"

#include "core/base/bytes.h"

static void same_answer(const struct ledger_request *a, const struct ledger_request *b)
{
	ck_assert_code(a->code, b->code);
	ck_assert_int_eq(a->seq, b->seq);
	ck_assert_int_eq(a->at, b->at);
	ck_assert_int_eq(a->expires, b->expires);
	ck_assert_uint_eq(a->count, b->count);
	ck_assert_uint_eq(a->minimum, b->minimum);
	ck_assert(b->repeat);
}

/* The same question again gets the same answer (result, times, number), is counted once, also after a restart. */
LEDGER_TEST(test_repeat)
{
	struct ask a, b;

	for (uint32_t i = 1; i <= 3; i++)
		ask_code(f, OFFICE2013, i);
	for (uint32_t i = 4; i <= 5; i++) {   /* one counted, one granted */
		ask_init(f, &a, OFFICE2013, i);
		ask_go(f, &a);
		ck_assert(!a.r.repeat);
		ask_init(f, &b, OFFICE2013, i);
		memcpy(b.r.nonce, a.r.nonce, sizeof b.r.nonce);
		for (int again = 0; again < 4; again++) {
			if (again == 2)
				fix_restart(f);
			if (again == 3) {
				fix_settle(f);
				fix_restart(f);
			}
			fix_advance(f, 60000);
			ask_go(f, &b);
			same_answer(&a.r, &b.r);
		}
		/* another nonce, product or client is another question */
		b.r.nonce[15] ^= 1;
		ask_go(f, &b);
		ck_assert(!b.r.repeat);
		ck_assert_int_gt(b.r.seq, a.r.seq);
		ask_fini(&a);
		ask_fini(&b);
	}
	ck_assert_uint_eq(fix_totals(f, OFFICE2013).total, 7);
	ck_assert_uint_eq(fix_events(f, 0, NULL), 7);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 5);
}

/* A release has its own answers: the nonce of an activation does not make it one. */
LEDGER_TEST(test_repeat_release)
{
	struct ask a, b;

	ask_init(f, &a, OFFICE2013, 1);
	ask_go(f, &a);
	b = a;
	ask_init(f, &b, OFFICE2013, 1);
	memcpy(b.r.nonce, a.r.nonce, sizeof b.r.nonce);
	b.r.kind = LEDGER_RELEASE;
	ask_go(f, &b);
	ck_assert(!b.r.repeat);
	ck_assert_int_gt(b.r.seq, a.r.seq);
	ask_init(f, &a, OFFICE2013, 1);
	memcpy(a.r.nonce, b.r.nonce, sizeof b.r.nonce);
	a.r.kind = LEDGER_RELEASE;
	ask_go(f, &a);
	same_answer(&b.r, &a.r);
	ask_fini(&a);
	ask_fini(&b);
}

struct gate { pthread_mutex_t lock; pthread_cond_t cond; bool shut, waiting; };

static void at_gate(void *ctx, bool state)
{
	struct gate *g = ctx;

	if (state)
		return;
	pthread_mutex_lock(&g->lock);
	while (g->shut) {
		g->waiting = true;
		pthread_cond_broadcast(&g->cond);
		pthread_cond_wait(&g->cond, &g->lock);
	}
	g->waiting = false;
	pthread_mutex_unlock(&g->lock);
}

/* While one commit is under way the next group gathers; within it repeats find each other, and copies of the nonce do not. */
MEMORY_TEST(test_repeat_in_group)
{
	struct gate g = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, true, false };
	struct ask first, a[5];

	store_memory_hook(f->memory, at_gate, &g);
	ask_init(f, &first, OFFICE2013, 100);
	ask_submit(f, &first);
	pthread_mutex_lock(&g.lock);
	while (!g.waiting)
		pthread_cond_wait(&g.cond, &g.lock);
	pthread_mutex_unlock(&g.lock);
	ck_assert(!first.done);
	for (uint32_t i = 0; i < 5; i++) {
		ask_init(f, &a[i], OFFICE2013, i < 4 ? 1 : 2);
		if (i == 1 || i == 2)
			memcpy(a[i].r.nonce, a[0].r.nonce, sizeof a[i].r.nonce);
		if (i == 2)
			ask_hw(&a[i], 1, 777);
		ask_submit(f, &a[i]);
	}
	pthread_mutex_lock(&g.lock);
	g.shut = false;
	pthread_cond_broadcast(&g.cond);
	pthread_mutex_unlock(&g.lock);
	for (uint32_t i = 0; i < 5; i++)
		ask_wait(&a[i]);
	ask_wait(&first);
	ck_assert_uint_eq(first.r.count, 1);
	ck_assert_uint_eq(a[0].r.count, 2);
	same_answer(&a[0].r, &a[1].r);
	ck_assert_code(a[2].r.code, CODE_M_DUPLICATE);
	ck_assert_uint_eq(a[3].r.count, 2);
	ck_assert_int_gt(a[3].r.seq, a[0].r.seq);
	ck_assert_uint_eq(a[4].r.count, 3);
	/* one commit for the five: their rows follow each other and were written together */
	ck_assert_int_eq(a[4].r.seq - a[0].r.seq, 3);
	ck_assert_uint_eq(fix_totals(f, OFFICE2013).failed, 1);
	ck_assert_uint_eq(fix_totals(f, OFFICE2013).total, 5);
	store_memory_hook(f->memory, NULL, NULL);
	for (uint32_t i = 0; i < 5; i++)
		ask_fini(&a[i]);
	ask_fini(&first);
}

static uint32_t ask_as(struct fix *f, enum fix_product product, uint32_t id, uint8_t source, uint32_t hw)
{
	struct ask a;
	uint32_t code;

	ask_init(f, &a, product, id);
	ask_hw(&a, source, hw);
	ask_go(f, &a);
	code = a.r.code;
	ask_fini(&a);
	return code;
}

/* (3) Pool members carry the hardware: the copy is told, the owner is not, the count stays. */
LEDGER_TEST(test_clone_member)
{
	struct store_use u;

	for (uint32_t i = 1; i <= 5; i++)
		ask_code(f, OFFICE2013, i);
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_M_DUPLICATE);
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 778), CODE_M_DUPLICATE);
	ck_assert_code(ask_code(f, OFFICE2013, 1), CODE_OK);
	/* another source cannot be compared: no clone, and the record stays the first */
	ck_assert_code(ask_as(f, OFFICE2013, 1, 3, 777), CODE_OK);
	ck_assert_code(ask_code(f, OFFICE2013, 1), CODE_OK);
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_M_DUPLICATE);
	fix_settle(f);
	ck_assert(fix_client(f, 1, OFFICE2013, &u));
	ck_assert(u.flags & STORE_F_CLONE);
	ck_assert_uint_eq(u.hw[0], 1);
	ck_assert_uint_eq(be32_get(u.hw + 28), 1);
	ck_assert_uint_eq(u.requests, 4);
	ck_assert_str_eq(u.name, "pc-1.example.org");
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 5);
	ck_assert_uint_eq(fix_totals(f, OFFICE2013).failed, 3);
	ck_assert_uint_eq(fix_events(f, STORE_F_CLONE, NULL), 3);
	fix_restart(f);
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_M_DUPLICATE);
	ck_assert_code(ask_code(f, OFFICE2013, 1), CODE_OK);
}

/* (2) A lease presented carries the hardware it was granted to: above the cap the copy is known by it. */
LEDGER_TEST(test_clone_lease)
{
	struct ask a;

	for (uint32_t i = 1; i <= 30; i++)
		ask_code(f, OFFICE2013, i);
	ask_init(f, &a, OFFICE2013, 1);   /* no member any more */
	a.r.lease_known = true;
	a.r.lease_seq = 1;
	a.r.has_lease_hw = true;
	memcpy(a.r.lease_hw, a.r.hw, sizeof a.r.lease_hw);
	ask_hw(&a, 1, 777);
	ask_go(f, &a);
	ck_assert_code(a.r.code, CODE_M_DUPLICATE);
	ask_init(f, &a, OFFICE2013, 1);
	a.r.lease_known = true;
	a.r.lease_seq = 1;
	a.r.has_lease_hw = true;
	memcpy(a.r.lease_hw, a.r.hw, sizeof a.r.lease_hw);
	ask_go(f, &a);
	ck_assert_code(a.r.code, CODE_OK);
	ck_assert(a.r.renewal);
	ask_fini(&a);
}

/* (4) Above the cap, without a lease, the copy is granted once; when the fold has marked it the copy gets 409 and the owner is served. */
LEDGER_TEST(test_clone_marked)
{
	struct store_use u;

	for (uint32_t i = 1; i <= 30; i++)
		ask_code(f, OFFICE2013, i);
	fix_settle(f);
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_OK);
	for (uint32_t i = 2; i <= 30; i++)
		ask_code(f, OFFICE2013, i);   /* neither is a member any more */
	fix_settle(f);
	for (int i = 0; i < 2; i++) {
		ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_M_DUPLICATE);
		ck_assert(fix_client(f, 1, OFFICE2013, &u));
		ck_assert(u.flags & STORE_F_CLONE);
		ck_assert_uint_eq(be32_get(u.hw + 28), 1);
		ck_assert_uint_eq(u.requests, 1);
		fix_restart(f);   /* marks are loaded again */
	}
	ck_assert_code(ask_code(f, OFFICE2013, 1), CODE_OK);
	for (uint32_t i = 2; i <= 30; i++)
		ask_code(f, OFFICE2013, i);
	fix_settle(f);
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_M_DUPLICATE);
}

/* (1) belongs to the client; what it does, taking a new ID before it asks, is a new client here and nobody's duplicate. */
LEDGER_TEST(test_clone_new_identity)
{
	for (uint32_t i = 1; i <= 5; i++)
		ask_code(f, OFFICE2013, i);
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_M_DUPLICATE);
	ck_assert_code(ask_as(f, OFFICE2013, 50, 1, 777), CODE_OK);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 6);
}

/* After 30 days of silence the ID belongs to whoever reports in with it. */
LEDGER_TEST(test_clone_silence)
{
	struct store_use u;

	for (uint32_t i = 1; i <= 5; i++)
		ask_code(f, OFFICE2013, i);
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_M_DUPLICATE);
	fix_settle(f);
	fix_advance(f, 30 * DAY);
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_M_DUPLICATE);
	fix_advance(f, 1);
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_COUNT_LOW);
	fix_settle(f);
	ck_assert(fix_client(f, 1, OFFICE2013, &u));
	ck_assert_uint_eq(be32_get(u.hw + 28), 777);
	ck_assert((u.flags & STORE_F_CLONE) == 0);
	ck_assert_code(ask_code(f, OFFICE2013, 1), CODE_M_DUPLICATE);
}

/* A client forgotten or released gives its ID up: other hardware may have it. */
LEDGER_TEST(test_clone_given_up)
{
	struct muster_err err = { 0 };
	struct store_use u;
	uint8_t client[16];

	for (uint32_t i = 1; i <= 6; i++)
		ask_code(f, OFFICE2013, i);
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_M_DUPLICATE);
	fix_client_id(client, 1);
	ck_assert_msg(ledger_forget(f->l, "0 root", client, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 5);
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_OK);
	ck_assert_code(ask_release(f, OFFICE2013, 2), CODE_OK);
	fix_settle(f);
	ck_assert_code(ask_as(f, OFFICE2013, 2, 1, 888), CODE_OK);
	fix_settle(f);
	ck_assert(fix_client(f, 2, OFFICE2013, &u));
	ck_assert_uint_eq(be32_get(u.hw + 28), 888);
	fix_client_id(client, 99);
	ck_assert_int_eq(ledger_forget(f->l, "0 root", client, &err), MUSTER_E_NOT_FOUND);
}

/* A copy that was granted before the fold marked it releases its own lease: the ID stays its owner's, and stays counted. */
LEDGER_TEST(test_clone_releases)
{
	struct store_use u;
	struct ask a;

	for (uint32_t i = 1; i <= 30; i++)
		ask_code(f, OFFICE2013, i);
	fix_settle(f);
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_OK);
	fix_settle(f);
	ask_init(f, &a, OFFICE2013, 1);
	ask_hw(&a, 1, 777);
	a.r.kind = LEDGER_RELEASE;
	a.r.lease_known = true;
	ask_go(f, &a);
	ask_fini(&a);
	fix_settle(f);
	ck_assert(fix_client(f, 1, OFFICE2013, &u));
	ck_assert((u.flags & STORE_F_RELEASED) == 0);
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_M_DUPLICATE);
	ck_assert_code(ask_code(f, OFFICE2013, 1), CODE_OK);
	ck_assert_code(ask_release(f, OFFICE2013, 1), CODE_OK);   /* the owner may */
	fix_settle(f);
	ck_assert(fix_client(f, 1, OFFICE2013, &u));
	ck_assert(u.flags & STORE_F_RELEASED);
}

/* An ID that several machines used, and that was then released or forgotten, is free also after a restart. */
LEDGER_TEST(test_clone_given_up_restart)
{
	struct muster_err err = { 0 };
	uint8_t client[16];

	for (uint32_t i = 1; i <= 7; i++)
		ask_code(f, OFFICE2013, i);
	for (uint32_t i = 1; i <= 2; i++)
		ck_assert_code(ask_as(f, OFFICE2013, i, 1, 777), CODE_M_DUPLICATE);
	fix_settle(f);
	ck_assert_code(ask_release(f, OFFICE2013, 1), CODE_OK);
	fix_client_id(client, 2);
	ck_assert_msg(ledger_forget(f->l, "0 root", client, &err) == MUSTER_OK, "%s", err.message);
	fix_settle(f);
	fix_restart(f);
	fix_settle(f);
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_OK);
	ck_assert_code(ask_as(f, OFFICE2013, 2, 1, 777), CODE_OK);
}

/* After more than 35 days without an event the silence that frees an ID stands still too: a copy known before is told so. */
LEDGER_TEST(test_clone_standstill)
{
	for (uint32_t i = 1; i <= 30; i++)
		ask_code(f, OFFICE2013, i);
	fix_settle(f);
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_OK);
	fix_settle(f);
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_M_DUPLICATE);
	fix_advance(f, HOUR);
	for (uint32_t i = 2; i <= 30; i++)
		ask_code(f, OFFICE2013, i);   /* it is no member: only the mark knows it */
	fix_stop(f);
	fix_pass(f, 36 * DAY);
	fix_start(f);
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_M_DUPLICATE);
	fix_pass(f, HOUR);
	fix_restart(f);   /* it goes on standing still */
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_M_DUPLICATE);
	fix_advance(f, DAY);
	ck_assert_code(ask_as(f, OFFICE2013, 1, 1, 777), CODE_COUNT_LOW);
}

/* A valid lease of ours that the ledger does not know is adopted, said once, and its number is never given again. */
LEDGER_TEST(test_adopt)
{
	struct ask a;

	ask_code(f, OFFICE2013, 1);
	ask_init(f, &a, OFFICE2013, 2);
	a.r.lease_known = true;
	a.r.lease_seq = 5000;
	ask_go(f, &a);
	ck_assert_code(a.r.code, CODE_COUNT_LOW);
	ck_assert_int_eq(a.r.seq, 5001);
	ck_assert_uint_eq(fix_events(f, STORE_F_ADOPTED, NULL), 1);
	fix_settle(f);
	ck_assert(fix_said(f, "ledger-rolled-back"));
	fix_restart(f);
	ask_init(f, &a, OFFICE2013, 3);
	ask_go(f, &a);
	ck_assert_int_gt(a.r.seq, 5001);
	ask_init(f, &a, OFFICE2013, 2);
	a.r.lease_known = true;
	a.r.lease_seq = 5001;
	ask_go(f, &a);
	ck_assert_uint_eq(fix_events(f, STORE_F_ADOPTED, NULL), 1);
	ask_fini(&a);
}

UNIT_MAIN("ledger_repeats", test_repeat, test_repeat_release, test_repeat_in_group, test_clone_member, test_clone_lease, test_clone_marked,
          test_clone_new_identity, test_clone_silence, test_clone_given_up, test_clone_releases,
          test_clone_given_up_restart, test_clone_standstill, test_adopt)
