/** The frame of the suites that run against both stores: each test once against memory (_i 0), once against SQLite (_i 1). */
#ifndef TESTS_UNIT_STORE_BOTH_H
#define TESTS_UNIT_STORE_BOTH_H

#include "core/store/store_memory.h"
#include "tests/unit/store_help.h"
#include "tests/unit/unit.h"

static char folder[64];
static struct store *store;
static struct store_log *lg;
static struct store_state *st;

/* An empty store. */
static inline void make_new(int which)
{
	(void)help_folder(folder);
	if (which == 0)
		EXPECT(MUSTER_OK, store_memory_new(&store, &err));
	else
		EXPECT(MUSTER_OK, store_sqlite_new(&store, folder, &err));
}

static inline void open_both(void)
{
	struct store_log_info li;
	struct store_state_info si;

	EXPECT(MUSTER_OK, store->open_log(store, true, &lg, &err));
	EXPECT(MUSTER_OK, store->open_state(store, true, &st, &err));
	EXPECT(MUSTER_OK, st->ops->claim(st, &si, &err));
	EXPECT(MUSTER_OK, lg->ops->claim(lg, ledger_a, &li, &err));
}

static inline void close_both(void)
{
	lg->ops->close(lg);
	st->ops->close(st);
}

static inline void begin(int which)
{
	make_new(which);
	open_both();
}

static inline void end(void)
{
	close_both();
	store->free(store);
	help_remove(folder);
}

/** As UNIT_MAIN (unit.h), each test twice. */
#define BOTH_MAIN(name, ...) \
	int main(void) \
	{ \
		const TTest *const tests_[] = { __VA_ARGS__ }; \
		return both_run(name, tests_, sizeof tests_ / sizeof tests_[0]); \
	}

static inline int both_run(const char *name, const TTest *const *tests, size_t count)
{
	Suite *suite = suite_create(name);

	for (size_t i = 0; i < count; i++) {
		TCase *one = tcase_create(tests[i]->name);

		tcase_set_timeout(one, 600);
		tcase_add_loop_test(one, tests[i], 0, 2);
		suite_add_tcase(suite, one);
	}
	return unit_run_suite(suite);
}

#endif
