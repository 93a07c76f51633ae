/* Who was in whose function when the process died: the page, the handlers, and what is kept off because of it. */
#include "core/catalog/watch_page.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/catalog/lint.h"

#define PAGE_FILE "plugins.page"
#define OFF_FILE "plugins.off"
#define PAGE_MARK 0x4d555047U          /* "MUPG" */
#define PAGE_VERSION 1U
#define SLOTS 512U                     /* calls at once; one thread has one, or a few when calls lie in each other */
#define LEFT_PROCESS 0xffffU           /* in place of a signal: the function ended the process */
#define STACK_BYTES 32768U             /* alternate stack: a plugin that used its own up is named, too */
#define OFF_MAX 256U                   /* plugins kept off */
#define OFF_FILE_MAX (64U << 10)

/** A call under way. `used` is set last and cleared first; `signal` only by a handler. */
struct slot { _Atomic uint32_t used; _Atomic uint32_t signal; uint32_t function, reserved; int64_t at; char plugin[MUSTER_NAME_MAX + 1]; };
struct page { uint32_t mark, version, slots, slot_size; struct slot slot[SLOTS]; };

/** A plugin kept off, and why. */
struct kept { char plugin[MUSTER_NAME_MAX + 1]; unsigned function, signal; int64_t at; };

static struct page *page;              /* mapped until the process ends or the page is closed */
static int page_fd = -1;
static char *off_path;
static struct kept kept[OFF_MAX];
static size_t kept_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;   /* guards kept and its file */

static _Thread_local struct slot *mine;       /* the call this thread is in */
static _Thread_local bool has_stack;
static _Thread_local uint32_t hint;           /* the place this thread had last */
static _Thread_local unsigned char stack[STACK_BYTES];

static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
#define FATAL (sizeof fatal / sizeof fatal[0])
static struct sigaction before[FATAL];
static bool handled;

/* ---- dying ---- */

/* Async-signal-safe: plain stores into the page, time(), sigaction(), raise(). */
static void blame(uint32_t what)
{
	struct slot *s = mine;

	if (s == NULL)
		return;
	s->at = (int64_t)time(NULL);
	atomic_store(&s->signal, what);
}

static void on_fatal(int number, siginfo_t *info, void *context)
{
	size_t i;

	(void)context;
	/* Sent by another process it says nothing about where this thread was. */
	if (info->si_code > 0 || info->si_pid == getpid())
		blame((uint32_t)number);
	for (i = 0; i < FATAL && fatal[i] != number; i++)
		;
	/* Whoever was asked before, or the default, has the last word; a fault comes again by itself when the instruction is repeated. */
	if (i < FATAL)
		(void)sigaction(number, &before[i], NULL);
	if (info->si_code <= 0 || number == SIGABRT)
		(void)raise(number);
}

static void on_exit_called(void)
{
	blame(LEFT_PROCESS);
}

static void take_signals(void)
{
	struct sigaction a = { .sa_sigaction = on_fatal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	size_t i;

	if (handled)
		return;
	handled = true;
	(void)sigemptyset(&a.sa_mask);
	for (i = 0; i < FATAL; i++)
		(void)sigaction(fatal[i], &a, &before[i]);
	(void)atexit(on_exit_called);
}

/** Each thread needs its own; one that somebody else has given it (a sanitizer) serves as well. */
static void take_stack(void)
{
	stack_t had, ours = { .ss_sp = stack, .ss_size = sizeof stack };

	has_stack = true;
	if (sigaltstack(NULL, &had) == 0 && (had.ss_flags & SS_DISABLE) != 0)
		(void)sigaltstack(&ours, NULL);
}

/* ---- calls ---- */

void *watch_page_enter(const char *plugin, enum watch_function function, void **outer)
{
	struct page *p = page;
	uint32_t i, at;

	*outer = mine;
	if (p == NULL)
		return NULL;
	if (!has_stack)
		take_stack();
	for (i = 0; i < SLOTS; i++) {
		uint32_t free_ = 0;

		at = (hint + i) % SLOTS;
		if (atomic_compare_exchange_strong(&p->slot[at].used, &free_, 1)) {
			struct slot *s = &p->slot[at];

			hint = at;
			s->function = (uint32_t)function;
			(void)strncpy(s->plugin, plugin, sizeof s->plugin - 1);
			mine = s;
			return s;
		}
	}
	return NULL;
}

void watch_page_leave(void *slot, void *outer)
{
	struct slot *s = slot;

	mine = outer;
	if (s != NULL)
		atomic_store(&s->used, 0);
}

/* ---- what is kept off ---- */

static void sentence(const struct kept *k, char *out, size_t n)
{
	char at[TIME_RFC3339], how[64];

	time_rfc3339(at, k->at * 1000);
	if (k->signal == LEFT_PROCESS)
		(void)snprintf(how, sizeof how, "it ended the process");
	else
		(void)snprintf(how, sizeof how, "%s", strsignal((int)k->signal));
	(void)snprintf(out, n, "kept off since it took the host down (%s, in %s, %s); have its author look at it, then: musterctl plugin enable %s", how,
	               watch_function_name(k->function), at, k->plugin);
}

static struct kept *find(const char *plugin)
{
	size_t i;

	for (i = 0; i < kept_count; i++)
		if (strcmp(kept[i].plugin, plugin) == 0)
			return &kept[i];
	return NULL;
}

static bool sane(const struct kept *k)
{
	return lint_name(k->plugin) && k->function < WATCH_FUNCTIONS && (k->signal == LEFT_PROCESS || (k->signal > 0 && k->signal < 65)) && k->at >= 0 && k->at < 253402300800;
}

/** A line "NAME FUNCTION SIGNAL SECONDS". Anything else is left out: then the plugin is tried again. */
static void take_line(const char *line)
{
	struct kept k = { .plugin = "" };
	long long at = 0;

	if (kept_count < OFF_MAX && sscanf(line, "%63s %u %u %lld", k.plugin, &k.function, &k.signal, &at) == 4) {
		k.at = at;
		if (sane(&k) && find(k.plugin) == NULL)
			kept[kept_count++] = k;
	}
}

static int read_off(struct muster_err *err)
{
	struct buf b;
	const char *line;
	char *next;
	int r;

	kept_count = 0;
	buf_init(&b, OFF_FILE_MAX);
	r = file_read(&b, off_path, OFF_FILE_MAX, err);
	if (r == MUSTER_OK)
		for (line = buf_str(&b); line != NULL && *line != '\0'; line = next) {
			if ((next = strchr(line, '\n')) != NULL)
				*next++ = '\0';
			take_line(line);
		}
	buf_fini(&b);
	return r == MUSTER_E_NOT_FOUND ? MUSTER_OK : r;
}

static int write_off(struct muster_err *err)
{
	struct buf b;
	size_t i;
	int r;

	buf_init(&b, OFF_FILE_MAX);
	for (i = 0; i < kept_count; i++)
		buf_addf(&b, "%s %u %u %lld\n", kept[i].plugin, kept[i].function, kept[i].signal, (long long)kept[i].at);
	r = b.failed ? err_nomem(err) : file_write(off_path, (struct muster_span){ b.p, b.n }, 0600, err);
	buf_fini(&b);
	return r;
}

bool watch_kept_off(const char *plugin, char *why, size_t n)
{
	const struct kept *k;

	(void)pthread_mutex_lock(&lock);
	if ((k = find(plugin)) != NULL && why != NULL)
		sentence(k, why, n);
	(void)pthread_mutex_unlock(&lock);
	return k != NULL;
}

int watch_enable(const char *plugin, struct muster_err *err)
{
	struct kept *k, was;
	int r = MUSTER_OK;

	(void)pthread_mutex_lock(&lock);
	if ((k = find(plugin)) == NULL) {
		r = err_set(err, MUSTER_E_NOT_FOUND, "the plugin %s is not kept off", plugin);
	} else {
		was = *k;
		*k = kept[--kept_count];
		if ((r = write_off(err)) != MUSTER_OK)
			kept[kept_count++] = was; /* on disk it still is */
	}
	(void)pthread_mutex_unlock(&lock);
	return r;
}

/* ---- the file ---- */

/** What the run before left: its marked notes go to what is kept off. @return how many are new. */
static size_t take_marks(const struct page *p)
{
	size_t i, had = kept_count;

	for (i = 0; i < SLOTS; i++) {
		const struct slot *s = &p->slot[i];
		struct kept k = { .function = s->function, .signal = atomic_load(&s->signal), .at = s->at };

		memcpy(k.plugin, s->plugin, sizeof k.plugin - 1);
		if (k.signal != 0 && sane(&k) && kept_count < OFF_MAX && find(k.plugin) == NULL)
			kept[kept_count++] = k;
	}
	return kept_count - had;
}

static int map_page(const char *path, struct page **out, int *fd, struct muster_err *err)
{
	struct stat st;

	*out = NULL;
	if ((*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		return err_errno(err, errno, "%s: cannot be opened", path);
	if (flock(*fd, LOCK_EX | LOCK_NB) != 0)
		return err_set(err, MUSTER_E_BUSY, "%s: another process has it", path);
	if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode))
		return err_set(err, MUSTER_E_IO, "%s: is not a regular file", path);
	/* Blocks on disk, not a hole: a full disk must not turn a note into a crash. */
	if (posix_fallocate(*fd, 0, (off_t)sizeof **out) != 0 || ftruncate(*fd, (off_t)sizeof **out) != 0)
		return err_errno(err, ENOSPC, "%s: cannot be made", path);
	*out = mmap(NULL, sizeof **out, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (*out == MAP_FAILED) {
		*out = NULL;
		return err_errno(err, errno, "%s: cannot be mapped", path);
	}
	return MUSTER_OK;
}

static int adopt(struct page *p, void (*told)(void *ctx, const char *plugin, const char *sentence), void *ctx, struct muster_err *err)
{
	size_t fresh = 0, i;
	char text[512];
	int r;

	if ((r = read_off(err)) != MUSTER_OK)
		return r;
	if (p->mark == PAGE_MARK && p->version == PAGE_VERSION && p->slots == SLOTS && p->slot_size == sizeof(struct slot))
		fresh = take_marks(p);
	/* First what is kept off, then the page anew: between the two nothing is forgotten. */
	if (fresh != 0 && (r = write_off(err)) != MUSTER_OK)
		return r;
	memset(p, 0, sizeof *p);
	p->mark = PAGE_MARK;
	p->version = PAGE_VERSION;
	p->slots = SLOTS;
	p->slot_size = sizeof(struct slot);
	for (i = kept_count - fresh; told != NULL && i < kept_count; i++) {
		sentence(&kept[i], text, sizeof text);
		told(ctx, kept[i].plugin, text);
	}
	return MUSTER_OK;
}

int watch_open_page(const char *dir, void (*told)(void *ctx, const char *plugin, const char *sentence), void *ctx, struct muster_err *err)
{
	char *path = file_join(dir, PAGE_FILE);
	struct page *p = NULL;
	int r, fd = -1;

	if (path == NULL || (off_path = file_join(dir, OFF_FILE)) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if ((r = map_page(path, &p, &fd, err)) != MUSTER_OK || (r = adopt(p, told, ctx, err)) != MUSTER_OK)
		goto done;
	page = p;
	page_fd = fd;
	p = NULL;
	fd = -1;
	take_signals();
done:
	if (p != NULL)
		(void)munmap(p, sizeof *p);
	if (fd >= 0)
		(void)close(fd);
	if (page == NULL) {
		mem_free(off_path);
		off_path = NULL;
	}
	mem_free(path);
	return r;
}

void watch_close_page(void)
{
	if (page != NULL)
		(void)munmap(page, sizeof *page);
	page = NULL;
	if (page_fd >= 0)
		(void)close(page_fd);
	page_fd = -1;
	mem_free(off_path);
	off_path = NULL;
	kept_count = 0;
}
