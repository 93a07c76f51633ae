/* Calls into plugins: counters, and the switch that faults and slow answers throw. */
#include "core/catalog/catalog_private.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/catalog/watch_page.h"

/** Global as the loader's list is: a plugin is one for the process, whatever catalogs use it. */
static struct named { struct named *next; struct watch_counters counters; char name[MUSTER_NAME_MAX + 1]; } *all;

const char *watch_function_name(unsigned function)
{
	static const char *const names[WATCH_FUNCTIONS] = { "loading", "start", "stop", "key_classify", "request_check", "medium_inspect" };

	return function < WATCH_FUNCTIONS ? names[function] : "a function";
}

struct watch_counters *watch_counters(const char *name)
{
	struct named *n;

	for (n = all; n != NULL; n = n->next)
		if (strcmp(n->name, name) == 0)
			return &n->counters;
	if ((n = mem_alloc(sizeof *n)) == NULL)
		return NULL;
	(void)snprintf(n->name, sizeof n->name, "%s", name);
	n->next = all;
	all = n;
	return &n->counters;
}

/* For measuring only; what is slow is judged by the clock that was handed in. */
static int64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void add(_Atomic uint64_t *to)
{
	(void)atomic_fetch_add_explicit(to, 1, memory_order_relaxed);
}

static void raise_to(_Atomic uint64_t *to, uint64_t value)
{
	uint64_t had = atomic_load_explicit(to, memory_order_relaxed);

	while (had < value && !atomic_compare_exchange_weak_explicit(to, &had, value, memory_order_relaxed, memory_order_relaxed))
		;
}

/** Note a fault or a slow answer at @p now (ms since boot); the third within a minute switches the plugin off. */
static void strike(struct catalog_run *run, int64_t now, const char *what)
{
	bool off = false;
	size_t i, kept = 0;

	(void)pthread_mutex_lock(&run->lock);
	for (i = 0; i < run->strikes; i++)
		if (now - run->strike_at[i] < CATALOG_STRIKE_MS)
			run->strike_at[kept++] = run->strike_at[i];
	run->strike_at[kept++] = now;
	run->strikes = (unsigned)kept;
	if (kept == CATALOG_STRIKES) {
		off = !atomic_exchange(&run->off, true);
		run->strikes = 0;
		if (off)
			(void)snprintf(run->off_reason, sizeof run->off_reason, "%s, the third time within a minute", what);
		run->off_untold = off;
	}
	(void)pthread_mutex_unlock(&run->lock);
	if (!off) {
		log_line(LOG_WARNING, "plugin-fault", "plugin=%s reason=\"%s\"", run->name, what);
		return;
	}
	log_line(LOG_ERR, "plugin-off", "plugin=%s reason=\"%s, the third time within a minute\" action=\"its products are refused until the configuration is reloaded\"", run->name, what);
}

void watch_begin(struct watch_call *w, struct catalog_run *run, enum watch_function function, const struct clock *clock)
{
	*w = (struct watch_call){ .run = run, .clock = clock != NULL ? clock : clock_system(), .function = function };
	w->slot = watch_page_enter(run->name, function, &w->outer);
	w->began_us = now_us();
	w->began_ms = clock_boot_ms(w->clock);
}

void watch_end(struct watch_call *w, bool failed)
{
	int64_t now = clock_boot_ms(w->clock), took = now - w->began_ms, measured = now_us() - w->began_us;
	struct watch_counters *k = w->run->counters;
	char text[96];

	watch_page_leave(w->slot, w->outer);
	add(&k->calls);
	raise_to(&k->longest_us, measured > 0 ? (uint64_t)measured : 0);
	/* Beginning and ending are the main thread's affair and may take their time; a failed start is the plugin's refusal. */
	if (w->function == WATCH_START || w->function == WATCH_STOP || w->function == WATCH_LOAD)
		return;
	if (failed) {
		add(&k->faults);
		(void)snprintf(text, sizeof text, "%s failed", watch_function_name(w->function));
		strike(w->run, now, text);
	} else if (took > CATALOG_SLOW_MS) {
		add(&k->slow);
		(void)snprintf(text, sizeof text, "%s took %lld ms, more than %d", watch_function_name(w->function), (long long)took, CATALOG_SLOW_MS);
		strike(w->run, now, text);
	}
}

void watch_note(struct watch_call *w, const char *plugin, enum watch_function function)
{
	*w = (struct watch_call){ .function = function };
	w->slot = watch_page_enter(plugin, function, &w->outer);
}

void watch_note_end(struct watch_call *w)
{
	watch_page_leave(w->slot, w->outer);
}
