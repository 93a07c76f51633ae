/* A request that the ledger turns away: from its own thread on it takes nobody's place, though its answer is held back. */
#include "tests/unit/unit.h"

#include <string.h>

#include "core/base/codes.h"
#include "core/ledger/internal.h"
#include "core/service/request.h"

#define BEGAN 1000000
#define REQUESTS 3u

static struct clock_manual the_clock;
static unsigned suspended, resumed;

/* In place of the library's: there is no connection here. */
void MHD_suspend_connection(struct MHD_Connection *connection)
{
	(void)connection;
	suspended++;
}

void MHD_resume_connection(struct MHD_Connection *connection)
{
	(void)connection;
	resumed++;
}

/* As enter() does it. */
static void enter(struct service *s, struct request *r)
{
	ck_assert(admission_enter(&s->admission));
	r->service = s;
	r->entered = true;
	r->entered_ms = clock_boot_ms(s->clock);
}

START_TEST(test_overload_of_the_ledger_leaves_room_for_others)
{
	struct ledger *ledger = calloc(1, sizeof *ledger);
	struct service *s = calloc(1, sizeof *s);
	struct request *r = calloc(REQUESTS, sizeof *r);

	ck_assert(ledger != NULL && s != NULL && r != NULL);
	clock_manual_init(&the_clock, BEGAN);
	s->clock = ledger->clock = &the_clock.clock;
	s->ledger = ledger;
	admission_init(&s->admission);
	admission_limits(&s->admission, REQUESTS, 250, 10000);
	atomic_store(&ledger->ready, true);
	ledger->backlog_max = 0;   /* too much waits to be folded, whatever it is */
	for (unsigned i = 0; i < REQUESTS; i++) {
		enter(s, &r[i]);
		ck_assert_int_eq(request_submit(&r[i]), MHD_YES);
		ck_assert_uint_eq(r[i].refuse, CODE_M_OVERLOAD);
		/* Held, and not under way any more. */
		ck_assert_int_eq(atomic_load(&r[i].phase), PHASE_WAIT);
		ck_assert_uint_eq(atomic_load(&s->admission.under_way), 0);
	}
	ck_assert_uint_eq(suspended, REQUESTS);
	ck_assert_uint_eq(resumed, 0);
	/* As many as the queue takes may come, while those are still held. */
	for (unsigned i = 0; i < REQUESTS; i++)
		ck_assert(admission_enter(&s->admission));
	/* How long they are held says nothing about how long answers take. */
	clock_manual_advance(&the_clock, 5000);
	ck_assert_uint_eq(atomic_load(&s->admission.waited_ms), 0);
	admission_pass(&s->admission, clock_boot_ms(s->clock), false);
	ck_assert_uint_eq(resumed, REQUESTS);
	for (unsigned i = 0; i < REQUESTS; i++)
		ck_assert_int_eq(atomic_load(&r[i].phase), PHASE_REFUSED);
	ck_assert_uint_eq(atomic_load(&s->waiting), 0);
	ck_assert_uint_eq(atomic_load(&s->admission.under_way), REQUESTS);
	admission_fini(&s->admission);
	free(r);
	free(s);
	free(ledger);
}
END_TEST

UNIT_MAIN("service_overload", test_overload_of_the_ledger_leaves_room_for_others)
