/* The thread around the groups of core/holdings: who asks while commits fail, and who waits when the host stops. The rules are the fixture's own. */
#include "tests/unit/holdings_group_fixture.h"

#include <pthread.h>
#include <time.h>

#include "core/base/bytes.h"

/* ---- the thread ---- */

struct asked { struct holdings_request r; struct fix *f; pthread_mutex_t lock; pthread_cond_t cond; unsigned done; };

static void answered(struct holdings_request *r)
{
	struct asked *a = r->user_data;

	pthread_mutex_lock(&a->lock);
	a->done++;
	pthread_cond_signal(&a->cond);
	pthread_mutex_unlock(&a->lock);
}

static void asked_init(struct fix *f, struct asked *a, uint32_t id)
{
	memset(a, 0, sizeof *a);
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->cond, NULL);
	a->r.catalog = f->catalog;
	a->r.product = fix_product(f, UNCOUNTED);
	a->r.name = a->r.user = a->r.version = "";
	be32_put(a->r.client, id);
	a->r.done = answered;
	a->r.user_data = a;
}

static uint32_t asked_wait(struct asked *a)
{
	pthread_mutex_lock(&a->lock);
	while (a->done == 0)
		pthread_cond_wait(&a->cond, &a->lock);
	pthread_mutex_unlock(&a->lock);
	return a->r.code;
}

static uint32_t asking(struct fix *f, struct holdings *h, uint32_t id)
{
	struct asked a;
	uint32_t code;

	asked_init(f, &a, id);
	ck_assert_int_eq(holdings_submit(h, &a.r), MUSTER_OK);
	code = asked_wait(&a);
	pthread_mutex_lock(&a.lock);   /* answered() has let go */
	pthread_mutex_unlock(&a.lock);
	return code;
}

static struct holdings *seats_host(struct fix *f)
{
	struct catalog_product *p = (struct catalog_product *)(uintptr_t)fix_product(f, UNCOUNTED);
	struct muster_err err = { 0 };
	struct holdings *h;

	p->row.model = MUSTER_MODEL_SEATS;
	h = held_open(f);
	ck_assert_uint_ne(holdings_number(h, p), 0);
	ck_assert_ptr_eq(holdings_product(h, holdings_number(h, p)), p);
	ck_assert_int_eq(holdings_start(h, &err), MUSTER_OK);
	return h;
}

#define ASKERS 8
struct asker { struct fix *f; struct holdings *h; pthread_t thread; uint32_t first; unsigned granted; };

static void *ask_many(void *ctx)
{
	struct asker *a = ctx;

	for (uint32_t i = 0; i < 20; i++) {
		uint32_t code = asking(a->f, a->h, a->first + i);

		ck_assert(code == CODE_OK || code == CODE_M_SEATS || code == CODE_M_STORAGE);
		a->granted += code == CODE_OK;
	}
	return NULL;
}

/* Never more than ten, while many ask, commits fail and administrators look. */
MEMORY_TEST(test_holdings_thread)
{
	struct holdings *h = seats_host(f);
	struct asker askers[ASKERS];
	unsigned granted = 0;

	for (unsigned i = 0; i < ASKERS; i++) {
		askers[i] = (struct asker){ .f = f, .h = h, .first = 1000 * (i + 1) };
		ck_assert_int_eq(pthread_create(&askers[i].thread, NULL, ask_many, &askers[i]), 0);
	}
	for (int i = 0; i < 50; i++) {
		struct holdings_group *g;
		struct muster_err err = { 0 };

		store_memory_fault(f->memory, true, 0, i % 2 == 0 ? STORE_MEMORY_FAIL : STORE_MEMORY_LOSE_ANSWER);
		holdings_lock(h);
		if (group_begin(&g, h, holdings_now(h), &err) == MUSTER_OK) {
			ck_assert_uint_le(group_sum(g, holdings_number(h, fix_product(f, UNCOUNTED)), SEAT, HOLDINGS_OUT), 10);
			group_drop(g);
		}
		holdings_unlock(h);
	}
	for (unsigned i = 0; i < ASKERS; i++) {
		pthread_join(askers[i].thread, NULL);
		granted += askers[i].granted;
	}
	store_memory_fault(f->memory, true, 0, STORE_MEMORY_OK);
	ck_assert_uint_le(granted, 10);
	/* One whose answer was lost is there, and is told so when it asks again. */
	for (uint32_t i = 0; i < 10; i++)
		(void)asking(f, h, 99000 + i);
	holdings_lock(h);
	{
		struct holdings_group *g = held_begin(f, h);

		ck_assert_uint_eq(group_sum(g, holdings_number(h, fix_product(f, UNCOUNTED)), SEAT, HOLDINGS_OUT), 10);
		group_drop(g);
	}
	holdings_unlock(h);
	holdings_free(h);
}

MEMORY_TEST(test_holdings_thread_faults)
{
	struct holdings *h = seats_host(f);
	struct asked a;

	ck_assert_code(asking(f, h, 1), CODE_OK);
	store_memory_fault(f->memory, true, 0, STORE_MEMORY_FULL);
	ck_assert_code(asking(f, h, 2), CODE_M_STORAGE);
	ck_assert_code(asking(f, h, 2), CODE_OK);
	/* What has ended goes back though nobody asks. */
	held_given_back = 0;
	fix_advance(f, 2 * HOUR);
	FIX_UNTIL(atomic_load(&held_given_back) >= 2);
	ck_assert_uint_eq(atomic_load(&held_given_back), 2);
	holdings_stop(h);
	asked_init(f, &a, 3);
	ck_assert_int_eq(holdings_submit(h, &a.r), MUSTER_E_BUSY);
	holdings_free(h);
}

static atomic_bool wait_here;

static void hold_up(void *ctx, bool state)
{
	(void)ctx;
	while (state && atomic_load(&wait_here)) {
		struct timespec t = { 0, 1000000 };

		nanosleep(&t, NULL);
	}
}

/* How many wait that the thread has not taken yet. */
static size_t waiting(struct holdings *h)
{
	size_t n;

	pthread_mutex_lock(&h->queue_lock);
	n = h->queued;
	pthread_mutex_unlock(&h->queue_lock);
	return n;
}

static bool stopping(struct holdings *h)
{
	bool yes;

	pthread_mutex_lock(&h->queue_lock);
	yes = h->stop;
	pthread_mutex_unlock(&h->queue_lock);
	return yes;
}

static void *stop_it(void *h)
{
	holdings_stop(h);
	return NULL;
}

/* Who waits when the host stops is told so: one that was being decided is answered as decided. */
MEMORY_TEST(test_holdings_thread_stop)
{
	struct holdings *h = seats_host(f);
	struct asked a[3];
	pthread_t thread;

	wait_here = true;
	store_memory_hook(f->memory, hold_up, NULL);
	for (uint32_t i = 0; i < 3; i++) {
		asked_init(f, &a[i], i + 1);
		ck_assert_int_eq(holdings_submit(h, &a[i].r), MUSTER_OK);
		if (i == 0)
			FIX_UNTIL(waiting(h) == 0);   /* taken alone: the others come behind it */
	}
	ck_assert_uint_eq(waiting(h), 2);
	ck_assert_int_eq(pthread_create(&thread, NULL, stop_it, h), 0);
	FIX_UNTIL(stopping(h));
	wait_here = false;
	ck_assert_code(asked_wait(&a[0]), CODE_OK);
	ck_assert_code(asked_wait(&a[1]), CODE_M_STOPPING);
	ck_assert_code(asked_wait(&a[2]), CODE_M_STOPPING);
	pthread_join(thread, NULL);
	store_memory_hook(f->memory, NULL, NULL);
	holdings_free(h);
}

UNIT_MAIN("holdings_group_thread", test_holdings_thread, test_holdings_thread_faults, test_holdings_thread_stop)
