/**
 * Calls into plugins under watch: how many, how long, what came of them, and in whose function a thread is when the process dies.
 *
 * The page is a file of the state folder, mapped: a thread that goes into a plugin notes plugin and function there and takes the note
 * away when it is back. Handlers of the fatal signals mark the note of the thread that died; nothing else does, so that kill -9, a
 * power loss or a fault of the host's own blames nobody. At the next start a marked plugin is kept off, in a second file, until an
 * administrator enables it (plugin.md). One page and one set of counters a process, as there is one set of loaded plugins.
 */
#ifndef CATALOG_WATCH_H
#define CATALOG_WATCH_H

#include <stdbool.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <muster/types.h>

struct catalog_run;
struct clock;

enum watch_function { WATCH_LOAD, WATCH_START, WATCH_STOP, WATCH_KEY, WATCH_REQUEST, WATCH_MEDIUM, WATCH_FUNCTIONS };
/** "request_check" …; "loading" for WATCH_LOAD. */
const char *watch_function_name(unsigned function);

/* ---- counters ---- */

/** Of one plugin since the process began, over reloads; lock-free. */
struct watch_counters {
	_Atomic uint64_t calls;        /**< of any of its functions */
	_Atomic uint64_t refusals;     /**< requests that it refused */
	_Atomic uint64_t faults;       /**< calls that failed */
	_Atomic uint64_t slow;         /**< calls beyond CATALOG_SLOW_MS */
	_Atomic uint64_t longest_us;   /**< the longest call */
};
/** The counters of the plugin @p name, made when they are new; kept until the process ends. Main thread. NULL: exhausted. */
struct watch_counters *watch_counters(const char *name);

/* ---- calls ---- */

/** One call under way; on the caller's stack. */
struct watch_call {
	struct catalog_run *run;
	const struct clock *clock;
	enum watch_function function;
	int64_t began_ms, began_us;
	void *slot, *outer;            /**< note in the page; that of the call this one is inside of */
};
/** @param clock judges whether the call is slow; NULL: the system's. */
void watch_begin(struct watch_call *w, struct catalog_run *run, enum watch_function function, const struct clock *clock);
/** @param failed the function answered what it must not. The third fault or slow call within a minute switches the plugin off. */
void watch_end(struct watch_call *w, bool failed);
/** A part of loading, before there is a run to count it for. */
void watch_note(struct watch_call *w, const char *plugin, enum watch_function function);
void watch_note_end(struct watch_call *w);

/* ---- the page ---- */

/**
 * Open the page in @p dir, keep off what the run before marked there, take the fatal signals. Main thread, before plugins are loaded;
 * again only after watch_close_page(). A page that another process has is left alone.
 * @param told called once for each plugin that is newly kept off, with a sentence; may be NULL.
 * @return MUSTER_OK; MUSTER_E_IO, MUSTER_E_NOMEM: nothing is watched.
 */
int watch_open_page(const char *dir, void (*told)(void *ctx, const char *plugin, const char *sentence), void *ctx, struct muster_err *err);
void watch_close_page(void);

/** Is this plugin kept off after a crash? @param[out] why a sentence, may be NULL. Thread-safe. */
bool watch_kept_off(const char *plugin, char *why, size_t n);
/** Let it be loaded again, from the next reload on. @return MUSTER_OK; MUSTER_E_NOT_FOUND: it is not kept off; MUSTER_E_IO. Thread-safe. */
int watch_enable(const char *plugin, struct muster_err *err);

#endif
