/*
 * A drop folder. What is put there is imported and moves to done/ or failed/ beside a log, under a name that nothing has yet. A file is taken once whoever writes
 * it has closed it, or when nothing has changed in it for a while; a fault that is not the file's leaves it where it is.
 */
#include "core/cli/import.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/cli/term.h"

#define QUIET_MS 2000        /* unchanged for so long: nobody writes to it any more */
#define WRITING_MS 600000   /* made here and never closed: unchanged for so long, it is taken all the same */
#define RETRY_MS 3000       /* the host was not there, or busy */
#define NAMES_MAX 1000       /* names tried for a file that moves */
#define LOG ".log"

/* A file of the folder, and since when it looks like this. */
struct waiting {
	char *name;
	ino_t inode;
	off_t size;
	struct timespec changed;
	int64_t since;           /* boot ms */
	bool closed;             /* its writer has closed it */
	bool writing;            /* made while we watched, and its writer has not closed it: told of another user's files too, which held() cannot */
	bool seen;               /* in this look */
};

struct watch {
	struct cli *c;
	const char *path;
	const struct exchange_hints *hints;
	bool once;
	int dir, done, failed, events;
	struct waiting *files;
	size_t count, room;
	int64_t not_before;      /* boot ms: the host is not asked again sooner; 0: at once */
	char trouble[MUSTER_ERR_MAX];   /* said last, so that it is said once */
	bool any_failed;
};

static int64_t now_ms(void)
{
	return clock_boot_ms(clock_system());
}

/* ---- the folder and what is in it ---- */

static int open_below(struct watch *w, const char *name, int *fd)
{
	if (mkdirat(w->dir, name, 0750) != 0 && errno != EEXIST)
		return cli_say(w->c, CLI_FAILED, "%s/%s cannot be made: %s", w->path, name, strerror(errno));
	if ((*fd = openat(w->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		return cli_say(w->c, CLI_FAILED, "%s/%s must be a folder, and no link to one: %s", w->path, name, strerror(errno));
	if (faccessat(w->dir, name, W_OK | X_OK, AT_EACCESS) != 0)
		return cli_say(w->c, CLI_FAILED, "%s/%s: files cannot be moved there: %s", w->path, name, strerror(errno));
	return CLI_OK;
}

static int open_folder(struct watch *w)
{
	int r;

	/* Watched before done/ and failed/ are made: who sees them may count on it. */
	if ((w->dir = open(w->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return cli_say(w->c, CLI_FAILED, "--watch: %s: %s", w->path, strerror(errno));
	if (flock(w->dir, LOCK_EX | LOCK_NB) != 0)
		return cli_say(w->c, CLI_FAILED, "--watch: %s: %s", w->path, errno == EWOULDBLOCK ? "another musterctl watches this folder" : strerror(errno));
	if (faccessat(w->dir, ".", W_OK | X_OK, AT_EACCESS) != 0)
		return cli_say(w->c, CLI_FAILED, "--watch: %s: files cannot be moved out of it: %s", w->path, strerror(errno));
	if ((w->events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) < 0 ||
	    inotify_add_watch(w->events, w->path, IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR) < 0)
		return cli_say(w->c, CLI_FAILED, "--watch: %s cannot be watched: %s", w->path, strerror(errno));
	if ((r = open_below(w, "done", &w->done)) == CLI_OK)
		r = open_below(w, "failed", &w->failed);
	return r;
}

static struct waiting *find(struct watch *w, const char *name)
{
	for (size_t i = 0; i < w->count; i++)
		if (strcmp(w->files[i].name, name) == 0)
			return &w->files[i];
	return NULL;
}

static struct waiting *add(struct watch *w, const char *name)
{
	struct waiting *grown, *f;

	if (w->count == w->room) {
		if ((grown = mem_grow(w->files, w->room * 2 + 16, sizeof(*grown))) == NULL)
			return NULL;
		w->files = grown;
		w->room = w->room * 2 + 16;
	}
	f = &w->files[w->count];
	*f = (struct waiting){ .name = mem_strdup(name) };
	if (f->name == NULL)
		return NULL;
	w->count++;
	return f;
}

static void forget(struct watch *w, size_t i)
{
	mem_free(w->files[i].name);
	memmove(&w->files[i], &w->files[i + 1], (--w->count - i) * sizeof(w->files[0]));
}

/* Names under which programs write what they rename when it is whole, and hidden ones. */
static bool passed_over(const char *name)
{
	static const char *const ends[] = { ".part", ".filepart", ".crdownload", ".tmp", "~" };
	size_t n = strlen(name);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (n > strlen(ends[i]) && strcmp(name + n - strlen(ends[i]), ends[i]) == 0)
			return true;
	return name[0] == '.';
}

static int note(struct watch *w, const char *name, const struct stat *st)
{
	struct waiting *f = find(w, name);
	bool fresh = f == NULL;

	if (f == NULL && (f = add(w, name)) == NULL)
		return cli_say(w->c, CLI_FAILED, "out of memory");
	if (fresh || f->inode != st->st_ino || f->size != st->st_size || f->changed.tv_sec != st->st_mtim.tv_sec || f->changed.tv_nsec != st->st_mtim.tv_nsec) {
		/* a mark that was set before the first look belongs to this very state */
		f->closed = f->closed && f->inode == 0;
		f->inode = st->st_ino;
		f->size = st->st_size;
		f->changed = st->st_mtim;
		f->since = now_ms();
	}
	/* a second name for a file that was there is made, and never closed */
	f->writing = f->writing && st->st_nlink == 1;
	f->seen = true;
	return CLI_OK;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct waiting *)a)->name, ((const struct waiting *)b)->name);
}

static int look(struct watch *w)
{
	int fd = openat(w->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = CLI_OK;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	struct stat st;

	if (d == NULL) {
		r = cli_say(w->c, CLI_FAILED, "--watch: %s: %s", w->path, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return r;
	}
	for (size_t i = 0; i < w->count; i++)
		w->files[i].seen = false;
	while (r == CLI_OK && (entry = readdir(d)) != NULL)
		if (!passed_over(entry->d_name) && fstatat(w->dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			r = note(w, entry->d_name, &st);
	(void)closedir(d);
	for (size_t i = w->count; i > 0; i--)
		if (!w->files[i - 1].seen)
			forget(w, i - 1);
	if (w->count > 1)
		qsort(w->files, w->count, sizeof(w->files[0]), by_name);
	return r;
}

/* Marks what was made, closed or moved here. @return CLI_OK, or CLI_FAILED when the folder itself is gone. */
static int take_events(struct watch *w)
{
	_Alignas(struct inotify_event) char bytes[16384];
	ssize_t n;

	while ((n = read(w->events, bytes, sizeof(bytes))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const struct inotify_event *)(void *)(bytes + at);
			struct waiting *f;

			at += (ssize_t)(sizeof(*e) + e->len);
			if ((e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) != 0)
				return cli_say(w->c, CLI_FAILED, "--watch: %s was removed or renamed", w->path);
			if ((e->mask & IN_Q_OVERFLOW) != 0)
				for (size_t i = 0; i < w->count; i++)
					w->files[i].writing = false;   /* its end may be among what was lost */
			if (e->len == 0 || passed_over(e->name))
				continue;
			if ((f = find(w, e->name)) == NULL && (f = add(w, e->name)) == NULL)
				return cli_say(w->c, CLI_FAILED, "out of memory");
			/* what it looks like now is seen at the next look */
			f->writing = (e->mask & IN_CREATE) != 0;
			f->closed = !f->writing;
			f->inode = 0;
		}
	return CLI_OK;
}

/* Does a program of this machine have it open for writing? Where that cannot be told: no. */
static bool held(int fd)
{
	if (fcntl(fd, F_SETLEASE, F_RDLCK) != 0)
		return errno == EAGAIN;
	(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	return false;
}

/* In how many ms may it be taken? 0: now. */
static int64_t due(const struct waiting *f)
{
	int64_t quiet = now_ms() - f->since, age = clock_wall_ms(clock_system()) - ((int64_t)f->changed.tv_sec * 1000 + f->changed.tv_nsec / 1000000);

	if (f->writing)
		return quiet < WRITING_MS ? WRITING_MS - quiet : 0;
	if (f->closed || age >= QUIET_MS || quiet >= QUIET_MS)
		return 0;
	return QUIET_MS - (age > quiet ? age : quiet);
}

/* ---- where it goes ---- */

/* The @p k-th name to try: as it is, then with the time, then with a number too. Room is left for the log's ending. */
static void candidate(char out[NAME_MAX + 1], const char *name, unsigned k, int64_t wall)
{
	const char *dot = strrchr(name, '.');
	char mark[48] = "", time[TIME_RFC3339];
	size_t stem = dot != NULL && dot != name ? (size_t)(dot - name) : strlen(name), end, most;

	if (k > 0) {
		size_t n = 0;

		time_rfc3339(time, wall);
		mark[n++] = '-';
		for (const char *p = time; *p != '\0'; p++)
			if (*p != '-' && *p != ':')
				mark[n++] = *p;
		if (k > 1)
			(void)snprintf(mark + n, sizeof(mark) - n, "-%u", k);
	}
	end = strlen(name + stem);
	if (end > 32) {   /* what looks like an ending is none */
		stem = strlen(name);
		end = 0;
	}
	most = NAME_MAX - strlen(LOG) - strlen(mark) - end;
	(void)snprintf(out, NAME_MAX + 1, "%.*s%s%s", (int)(stem < most ? stem : most), name, mark, name + strlen(name) - end);
}

/* @return 0, or errno; EEXIST: there is one of that name */
static int move_no_replace(int from, const char *name, int to, const char *new_name)
{
	if (renameat2(from, name, to, new_name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return errno;
	/* a file system that cannot: a second name, which never replaces either */
	return linkat(from, name, to, new_name, 0) == 0 && unlinkat(from, name, 0) == 0 ? 0 : errno;
}

static int write_log(int dir, const char *name, const char *text, size_t n)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640), e = 0;

	if (fd < 0)
		return errno;
	while (n > 0 && e == 0) {
		ssize_t k = write(fd, text, n);

		if (k < 0 && errno != EINTR)
			e = errno;
		text += k > 0 ? k : 0;
		n -= k > 0 ? (size_t)k : 0;
	}
	if (close(fd) != 0 && e == 0)
		e = errno;
	if (e != 0)
		(void)unlinkat(dir, name, 0);
	return e;
}

/* @param[out] moved its name there; "" it was replaced or removed meanwhile, and only the log is there. @return 0 or errno */
static int move_away(struct watch *w, const struct waiting *f, ino_t inode, int to, const char *log, size_t log_n, char moved[NAME_MAX + 1])
{
	char name[NAME_MAX + 1], beside[NAME_MAX + 1 + sizeof(LOG)];
	int64_t wall = clock_wall_ms(clock_system());
	struct stat st;
	bool there = fstatat(w->dir, f->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == inode;
	int e = EEXIST;

	moved[0] = '\0';
	for (unsigned k = 0; k < NAMES_MAX && e == EEXIST; k++) {
		candidate(name, f->name, k, wall);
		(void)snprintf(beside, sizeof(beside), "%s" LOG, name);
		if ((e = write_log(to, beside, log, log_n)) != 0)
			continue;
		if (!there)
			return 0;
		if ((e = move_no_replace(w->dir, f->name, to, name)) != 0)
			(void)unlinkat(to, beside, 0);
	}
	if (e == 0)
		memcpy(moved, name, sizeof(name));
	return e;
}

/* ---- one file ---- */

static void report(struct watch *w, const char *name, const char *where, const char *moved, const struct import_result *r)
{
	char shown[IMPORT_NAME];
	struct buf line;
	json_t *o;

	if (w->c->given[CLI_O_JSON]) {
		o = import_json(name, r);
		(void)json_object_set_new(o, "moved_to", moved[0] != '\0' ? json_sprintf("%s/%s", where, moved) : json_null());
		(void)json_dumpf(o, w->c->out, JSON_COMPACT);
		fputc('\n', w->c->out);
		json_decref(o);
	} else {
		buf_init(&line, 4096);
		import_summary(&line, r);
		term_print(w->c->out, import_name(shown, name));
		fprintf(w->c->out, ": %s: ", where);
		term_print(w->c->out, buf_str(&line));
		fputc('\n', w->c->out);
		buf_fini(&line);
	}
	(void)fflush(w->c->out);
}

static void head_of_log(FILE *log, const char *name, const char *where, const struct import_result *r)
{
	char time[TIME_RFC3339], shown[IMPORT_NAME];
	struct buf line;

	buf_init(&line, 4096);
	import_summary(&line, r);
	time_rfc3339(time, clock_wall_ms(clock_system()));
	fprintf(log, "%s ", time);
	term_print(log, import_name(shown, name));
	fprintf(log, ": %s: ", where);
	term_print(log, buf_str(&line));
	fputc('\n', log);
	import_details(log, r);
	buf_fini(&line);
}

/* Say it once, and look at the files again later. */
static void not_now(struct watch *w, const struct waiting *f, const struct import_result *r)
{
	char shown[IMPORT_NAME];

	w->not_before = now_ms() + RETRY_MS;
	if (strcmp(w->trouble, r->error) == 0)
		return;
	memcpy(w->trouble, r->error, sizeof(w->trouble));
	(void)cli_say(w->c, r->exit, "%s waits: %s", import_name(shown, f->name), r->error);
}

/* @return CLI_OK to go on */
static int settle(struct watch *w, const struct waiting *f, ino_t inode, const struct import_result *r, const char *messages, size_t n)
{
	const char *where = r->outcome == IMPORT_DONE ? "done" : "failed";
	char moved[NAME_MAX + 1], *text = NULL;
	size_t text_n = 0;
	FILE *log = open_memstream(&text, &text_n);
	int e;

	if (log == NULL)
		return cli_say(w->c, CLI_FAILED, "out of memory");
	head_of_log(log, f->name, where, r);
	(void)fwrite(messages, 1, n, log);
	if (fclose(log) != 0) {
		free(text);
		return cli_say(w->c, CLI_FAILED, "out of memory");
	}
	e = move_away(w, f, inode, r->outcome == IMPORT_DONE ? w->done : w->failed, text, text_n, moved);
	free(text);
	report(w, f->name, where, moved, r);
	w->any_failed = w->any_failed || r->exit != CLI_OK;
	/* it would be imported again and again */
	return e == 0 ? CLI_OK : cli_say(w->c, CLI_FAILED, "%s/%s cannot be moved to %s/: %s. It %s; nothing more is taken.", w->path, f->name, where, strerror(e),
	                                 r->outcome == IMPORT_DONE ? "was imported" : "was not imported");
}

/* Was it written to while it was read? What was added must not go to done/ unread; reading it once more changes nothing of what was taken. */
static bool grown(int fd, const struct stat *before)
{
	struct stat now;

	return fstat(fd, &now) == 0 && (now.st_size != before->st_size || now.st_mtim.tv_sec != before->st_mtim.tv_sec || now.st_mtim.tv_nsec != before->st_mtim.tv_nsec);
}

static void look_again(struct waiting *f)
{
	f->closed = false;
	f->since = now_ms();
	f->changed = (struct timespec){ .tv_sec = clock_wall_ms(clock_system()) / 1000 };
}

/* @param[out] left it is still written to, or the host has no time for it. @return CLI_OK to go on */
static int take(struct watch *w, struct waiting *f, bool *left)
{
	char shown[IMPORT_NAME];
	struct import_source source = { .path = import_name(shown, f->name), .name = f->name };
	struct import_result r = { .outcome = IMPORT_FAILED, .exit = CLI_FAILED };
	char *messages = NULL;
	size_t n = 0;
	struct stat st;
	FILE *say;
	int code = CLI_OK;

	*left = false;
	source.fd = openat(w->dir, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (source.fd < 0 && (errno == ENOENT || errno == ELOOP))
		return CLI_OK;
	st = (struct stat){ .st_ino = f->inode };
	if (source.fd < 0)
		(void)snprintf(r.error, sizeof(r.error), "it cannot be opened: %s", strerror(errno));
	else if (fstat(source.fd, &st) != 0 || !S_ISREG(st.st_mode) || held(source.fd)) {
		(void)close(source.fd);
		look_again(f);
		*left = true;
		return CLI_OK;
	}
	if ((say = open_memstream(&messages, &n)) == NULL)
		code = cli_say(w->c, CLI_FAILED, "out of memory");
	else if (source.fd >= 0)
		(void)import_file(w->c, &source, w->hints, false, say, &r);
	if (say != NULL)
		(void)fclose(say);
	if (source.fd >= 0 && grown(source.fd, &st) && (r.outcome == IMPORT_DONE || r.outcome == IMPORT_FAILED)) {
		look_again(f);
		*left = true;
	}
	if (source.fd >= 0)
		(void)close(source.fd);
	if (code != CLI_OK || *left) {
		/* looked at again, or out of memory */
	} else if (r.outcome == IMPORT_NOT_NOW) {
		not_now(w, f, &r);
		*left = true;
		code = w->once || r.exit == CLI_DENIED ? r.exit : CLI_OK;
	} else if (r.outcome != IMPORT_LEFT) {
		w->trouble[0] = '\0';
		code = settle(w, f, st.st_ino, &r, messages, n);
	}
	import_result_fini(&r);
	free(messages);
	return code;
}

/* Everything that may be taken now. @param[out] wait ms until there is more to do; -1 nothing is left. */
static int take_ready(struct watch *w, int64_t *wait)
{
	int code = CLI_OK;

	*wait = -1;
	for (size_t i = 0; i < w->count && code == CLI_OK && !term_interrupted();) {
		int64_t ms = w->not_before > now_ms() ? w->not_before - now_ms() : due(&w->files[i]);
		bool left = true;

		if (ms == 0)
			code = take(w, &w->files[i], &left);
		if (!left) {
			forget(w, i);
			continue;
		}
		if (ms == 0)
			ms = QUIET_MS;
		*wait = *wait < 0 || ms < *wait ? ms : *wait;
		i++;
	}
	return code;
}

/* ---- the round ---- */

/* Signals arrive only in here, so none is missed between looking and waiting; an import looks for them itself. */
static void wait_for_more(const struct watch *w, int64_t ms)
{
	struct pollfd p = { .fd = w->events, .events = POLLIN };
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	sigset_t block, open;

	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGHUP);
	sigaddset(&block, SIGQUIT);
	(void)sigprocmask(SIG_BLOCK, &block, &open);
	if (!term_interrupted())
		(void)ppoll(&p, 1, ms >= 0 ? &t : NULL, &open);
	(void)sigprocmask(SIG_SETMASK, &open, NULL);
}

static int rounds(struct watch *w)
{
	int64_t wait;
	int r;

	while (!term_interrupted()) {
		if ((r = take_events(w)) != CLI_OK || (r = look(w)) != CLI_OK || (r = take_ready(w, &wait)) != CLI_OK)
			return r;
		if (w->once && wait < 0)
			return w->any_failed ? CLI_FAILED : CLI_OK;
		wait_for_more(w, wait);
	}
	return w->once ? CLI_LEFT : CLI_OK;
}

int import_watch(struct cli *c, const char *folder, const struct exchange_hints *hints, bool once)
{
	struct watch w = { .c = c, .path = folder, .hints = hints, .once = once, .dir = -1, .done = -1, .failed = -1, .events = -1 };
	int *const fds[] = { &w.events, &w.failed, &w.done, &w.dir };
	int r;

	(void)signal(SIGIO, SIG_IGN);   /* a lease that is wanted back: held() gives it back anyway */
	term_begin();
	if ((r = open_folder(&w)) == CLI_OK)
		r = rounds(&w);
	term_end();
	while (w.count > 0)
		forget(&w, w.count - 1);
	mem_free(w.files);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (*fds[i] >= 0)
			(void)close(*fds[i]);
	return r;
}
