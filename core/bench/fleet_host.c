#include "core/bench/fleet_host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"

#define SHM "/dev/shm"
#define STEP_S 1800                      /* the two clocks are moved one after the other: in steps that are no jump to who looks between */
#define COPY_MAX (INT64_C(256) << 20)    /* copied well within the second after which the engine does something by itself */
#define COPY_NS INT64_C(700000000)
#define COPY_TRIES 10U
#define COPY_WAIT_NS 20000000L
#define SETTLE_NS INT64_C(60000000000)
#define SETTLE_BOUND_NS INT64_C(1900000000)
#define TERABYTE (UINT64_C(1) << 40)

static const char *const files[] = { "log.db", "log.db-wal", "state.db", "state.db-wal" };
#define FILES (sizeof files / sizeof files[0])
static const char *const shared_memory[] = { "log.db-shm", "state.db-shm" };   /* gone after a kill: made anew */

/* ---- the folder ---- */

/* Commits are what takes the time, and a simulation needs none of them to outlast the machine: memory, when it is large enough. */
static const char *temporary_place(uint64_t need)
{
	uint64_t avail, total;
	const char *named = getenv("TMPDIR");

	if (named != NULL && named[0] != '\0')
		return named;
	if (access(SHM, W_OK) == 0 && file_space(SHM, &avail, &total, NULL) == MUSTER_OK && avail / 4 > need)
		return SHM;
	return "/tmp";
}

static int folder_make(struct fleet_host *h, const struct fleet_host_options *o, struct muster_err *err)
{
	const struct dirent *e;
	DIR *d;
	bool empty = true;
	int r;

	if (o->dir == NULL) {
		if ((h->dir = mem_printf("%s/muster-fleet-XXXXXX", temporary_place(o->room))) == NULL)
			return err_nomem(err);
		if (mkdtemp(h->dir) == NULL) {
			r = err_errno(err, errno, "a temporary folder %s", h->dir);
			mem_free(h->dir);
			h->dir = NULL;
			return r;
		}
		h->temporary = true;
		return MUSTER_OK;
	}
	if ((r = file_make_dir(o->dir, 0700, err)) != MUSTER_OK)
		return r;
	if ((d = opendir(o->dir)) == NULL)
		return err_errno(err, errno, "%s", o->dir);
	while (empty && (e = readdir(d)) != NULL)
		empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	(void)closedir(d);
	if (!empty)
		return err_set(err, MUSTER_E_INVALID, "%s is not empty: a simulation begins with a new ledger", o->dir);
	h->dir = realpath(o->dir, NULL);
	return h->dir == NULL ? err_errno(err, errno, "%s", o->dir) : MUSTER_OK;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	(void)remove(path);
	return 0;
}

static char *path_of(const struct fleet_host *h, const char *name)
{
	return mem_printf("%s/state/%s", h->dir, name);
}

/* ---- configuration and catalog ---- */

static void complain(void *ctx, const char *message)
{
	struct muster_err *err = ctx;

	if (err->message[0] == '\0')
		(void)err_set(err, MUSTER_E_INVALID, "%s", message);
}

static void complain_catalog(void *ctx, int level, const char *message)
{
	if (level <= 4)
		complain(ctx, message);
}

static int write_text(const char *dir, const char *name, char *text, struct muster_err *err)
{
	char *path = file_join(dir, name);
	int r = MUSTER_E_NOMEM;

	if (path == NULL || text == NULL)
		r = err_nomem(err);
	else
		r = file_write(path, (struct muster_span){ (const uint8_t *)text, strlen(text) }, 0600, err);
	mem_free(path);
	mem_free(text);
	return r;
}

static int configuration(struct fleet_host *h, const struct fleet_host_options *o, struct muster_err *err)
{
	char *products = file_join(h->dir, "products.d"), *conf = file_join(h->dir, "muster.conf"), *state = file_join(h->dir, "state");
	struct muster_err said = { 0 };
	int r;

	if (products == NULL || conf == NULL || state == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if ((r = file_make_dir(products, 0700, err)) != MUSTER_OK || (r = file_make_dir(state, 0700, err)) != MUSTER_OK)
		goto done;
	r = write_text(products, FLEET_PRODUCT ".ini", mem_printf("[product " FLEET_PRODUCT "]\nname = Simulated fleet\nmodel = threshold\n"
	               "pool = " FLEET_PRODUCT "\n"
	               "activation_id = 8c7f3b52-91d4-4e06-b1a8-2f6d5c4e9a73\napplication_id = 8c7f3b52-91d4-4e06-b1a8-2f6d5c4e9a74\n"
	               "minimum_count = %u\nvalidity = %us\nrenewal_interval = %us\nactivation_interval = %us\nwindow = 30d\n",
	               o->minimum_count, o->validity_s, o->renewal_s, o->retry_s), err);
	if (r != MUSTER_OK)
		goto done;
	r = write_text(h->dir, "muster.conf", mem_printf("[host]\nname = fleet\nstate = %s\nproducts_dir = %s\nevents_keep = %us\nevents_max = 1024GiB\n"
	               "[limits]\nnew_clients_per_day = %llu\n", state, products, o->keep_s, (unsigned long long)o->new_per_day), err);
	if (r != MUSTER_OK)
		goto done;
	if ((r = config_read(&h->config, conf, complain, &said, err)) != MUSTER_OK && said.message[0] != '\0')
		r = err_set(err, r, "%s", said.message);
done:
	mem_free(products);
	mem_free(conf);
	mem_free(state);
	return r;
}

static int the_catalog(struct fleet_host *h, struct muster_err *err)
{
	struct muster_err said = { 0 };
	const struct catalog_report report = { complain_catalog, &said };
	const struct catalog_product *p;
	size_t n;
	int r;

	if ((r = catalog_build(&h->catalog, h->config, NULL, 0, &report, err)) != MUSTER_OK)
		return said.message[0] == '\0' ? r : err_set(err, r, "%s", said.message);
	if ((p = catalog_product_named(h->catalog, FLEET_PRODUCT)) == NULL)
		return err_set(err, MUSTER_E_INTERNAL, "the catalog lacks the product that was configured");
	h->edition = catalog_editions(h->catalog, p, &n);
	return n == 0 ? err_set(err, MUSTER_E_INTERNAL, "the product has no edition") : MUSTER_OK;
}

/* ---- on and off ---- */

static int space(void *ctx, uint64_t *avail, uint64_t *total)
{
	const struct fleet_host *h = ctx;

	*total = TERABYTE;
	*avail = h->full ? 1 : TERABYTE / 2;
	return MUSTER_OK;
}

int fleet_host_start(struct fleet_host *h, struct muster_err *err)
{
	struct ledger_options o = { .dir = h->config->host.state, .clock = &h->clock.clock, .config = h->config, .space = space, .ctx = h };
	int r;

	if ((r = store_sqlite_new(&o.store, h->config->host.state, err)) != MUSTER_OK)
		return r;
	if ((r = ledger_open(&h->ledger, &o, err)) != MUSTER_OK) {
		o.store->free(o.store);
		return r;
	}
	if ((r = ledger_bind(h->ledger, h->catalog, err)) == MUSTER_OK && (r = ledger_start(h->ledger, err)) == MUSTER_OK)
		return fleet_host_settle(h, err);
	fleet_host_stop(h);
	return r;
}

void fleet_host_stop(struct fleet_host *h)
{
	ledger_free(h->ledger);   /* stops in good order first */
	h->ledger = NULL;
}

int fleet_host_open(struct fleet_host *h, const struct fleet_host_options *o, struct muster_err *err)
{
	int r;

	memset(h, 0, sizeof *h);
	clock_manual_init(&h->clock, FLEET_START_MS);
	if (pthread_mutex_init(&h->lock, NULL) != 0 || pthread_cond_init(&h->answered, NULL) != 0)
		return err_set(err, MUSTER_E_NOMEM, "a mutex");
	if ((r = folder_make(h, o, err)) == MUSTER_OK && (r = configuration(h, o, err)) == MUSTER_OK && (r = the_catalog(h, err)) == MUSTER_OK)
		r = fleet_host_start(h, err);
	return r;
}

void fleet_host_close(struct fleet_host *h)
{
	if (h->dir == NULL)
		return;
	fleet_host_stop(h);
	catalog_unref(h->catalog);
	config_free(h->config);
	if (h->temporary)
		(void)nftw(h->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	mem_free(h->dir);
	(void)pthread_mutex_destroy(&h->lock);
	(void)pthread_cond_destroy(&h->answered);
	memset(h, 0, sizeof *h);
}

/* ---- restart as after kill -9 ---- */

static int copy_file(const char *from, const char *to, struct muster_err *err)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out, r = MUSTER_OK;
	ssize_t n = 1;
	off_t at = 0;

	if (in < 0)
		return errno == ENOENT ? MUSTER_OK : err_errno(err, errno, "%s", from);
	if ((out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0) {
		r = err_errno(err, errno, "%s", to);
	} else {
		while ((n = copy_file_range(in, &at, out, NULL, (size_t)COPY_MAX, 0)) > 0)
			;
		if (n < 0)
			r = err_errno(err, errno, "%s", to);
		(void)close(out);
	}
	(void)close(in);
	return r;
}

/* What shows that a file was written to. */
struct stamp { int64_t size, written[FILES]; };

static void stamp_take(const struct fleet_host *h, struct stamp *s)
{
	struct stat st;

	memset(s, 0, sizeof *s);
	for (size_t i = 0; i < FILES; i++) {
		char *path = path_of(h, files[i]);

		if (path != NULL && stat(path, &st) == 0) {
			s->size += st.st_size;
			s->written[i] = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
		}
		mem_free(path);
	}
}

/* Each file to or from its copy beside it. */
static int each_file(const struct fleet_host *h, bool restore, struct muster_err *err)
{
	int r = MUSTER_OK;

	for (size_t i = 0; r == MUSTER_OK && i < FILES; i++) {
		char *path = path_of(h, files[i]), *copy = path == NULL ? NULL : mem_printf("%s.killed", path);

		if (copy == NULL)
			r = err_nomem(err);
		else if (!restore)
			r = copy_file(path, copy, err);
		else if (rename(copy, path) != 0)
			r = errno == ENOENT && (unlink(path) == 0 || errno == ENOENT) ? MUSTER_OK : err_errno(err, errno, "%s", path);
		mem_free(path);
		mem_free(copy);
	}
	return r;
}

static void copies_remove(const struct fleet_host *h)
{
	for (size_t i = 0; i < FILES; i++) {
		char *copy = mem_printf("%s/state/%s.killed", h->dir, files[i]);

		if (copy != NULL)
			(void)unlink(copy);
		mem_free(copy);
	}
}

/* All four as they stand at one moment. @param[out] done false: too large, or they would not stand still. */
static int copies_take(const struct fleet_host *h, bool *done, struct muster_err *err)
{
	*done = false;
	for (unsigned i = 0; i < COPY_TRIES; i++) {
		struct stamp before, after;
		int64_t began;
		int r;

		(void)nanosleep(&(struct timespec){ 0, COPY_WAIT_NS }, NULL);   /* a slice of old events may be leaving just now */
		began = bench_ns();
		stamp_take(h, &before);
		if (before.size > COPY_MAX)
			return MUSTER_OK;
		if ((r = each_file(h, false, err)) != MUSTER_OK)
			return r;
		stamp_take(h, &after);
		if (memcmp(&before, &after, sizeof before) == 0 && bench_ns() - began < COPY_NS) {
			*done = true;
			return MUSTER_OK;
		}
	}
	return MUSTER_OK;
}

int fleet_host_kill(struct fleet_host *h, bool *hard, struct muster_err *err)
{
	int r;

	if ((r = copies_take(h, hard, err)) != MUSTER_OK)
		return r;
	fleet_host_stop(h);
	if (!*hard)
		copies_remove(h);
	else
		r = each_file(h, true, err);
	for (size_t i = 0; r == MUSTER_OK && *hard && i < sizeof shared_memory / sizeof shared_memory[0]; i++) {
		char *path = path_of(h, shared_memory[i]);

		if (path != NULL)
			(void)unlink(path);
		mem_free(path);
	}
	return r == MUSTER_OK ? fleet_host_start(h, err) : r;
}

/* ---- requests ---- */

void fleet_host_time(struct fleet_host *h, uint32_t now)
{
	int64_t to = FLEET_START_MS + (int64_t)now * 1000, left;

	while ((left = to - clock_wall_ms(&h->clock.clock)) > 0)
		clock_manual_advance(&h->clock, left < STEP_S * 1000 ? left : STEP_S * 1000);
}

static void answered(struct ledger_request *r)
{
	struct fleet_host *h = r->user;

	pthread_mutex_lock(&h->lock);
	if (--h->waiting == 0)
		pthread_cond_signal(&h->answered);
	pthread_mutex_unlock(&h->lock);
}

void fleet_host_request(struct fleet_host *h, struct ledger_request *r)
{
	memset(r, 0, offsetof(struct ledger_request, name));
	r->catalog = h->catalog;
	r->edition = h->edition;
	memcpy(r->activation_id, h->edition->activation_id, 16);
	r->has_hw = r->has_minutes = r->certified = true;
	r->nonce_len = 16;
	r->addr_len = 4;
	r->done = answered;
	r->user = h;
}

static void wait_answers(struct fleet_host *h)
{
	pthread_mutex_lock(&h->lock);
	while (h->waiting > 0)
		pthread_cond_wait(&h->answered, &h->lock);
	pthread_mutex_unlock(&h->lock);
}

int fleet_host_batch(struct fleet_host *h, struct ledger_request *r, unsigned n, struct muster_err *err)
{
	int result;

	for (unsigned i = 0; i < n; i++) {
		pthread_mutex_lock(&h->lock);
		h->waiting++;
		pthread_mutex_unlock(&h->lock);
		if ((result = ledger_submit(h->ledger, &r[i])) == MUSTER_OK)
			continue;
		pthread_mutex_lock(&h->lock);
		h->waiting--;
		pthread_mutex_unlock(&h->lock);
		if (result != MUSTER_E_BUSY)
			return err_set(err, MUSTER_E_INTERNAL, "the ledger did not take a request: result %d, code %u", result, (unsigned)r[i].code);
		if (r[i].code == CODE_M_OVERLOAD) {
			/* We are faster than the fold: that is the simulation's haste and not the host's fault. */
			wait_answers(h);
			h->paced++;
			if ((result = fleet_host_settle(h, err)) != MUSTER_OK)
				return result;
			i--;
		}
	}
	wait_answers(h);
	return MUSTER_OK;
}

static int nobody(void *ctx, const struct ledger_client *c)
{
	(void)ctx;
	(void)c;
	return 0;
}

int fleet_host_settle(struct fleet_host *h, struct muster_err *err)
{
	int64_t began = bench_ns(), asked, as_of;
	int r;

	/* A question for no clients at all waits for fold and refill, 2 s at most. */
	do {
		asked = bench_ns();
		if ((r = ledger_clients(h->ledger, NULL, NULL, NULL, 0, nobody, NULL, &as_of, err)) != MUSTER_OK)
			return r;
		if (as_of == clock_wall_ms(&h->clock.clock) && bench_ns() - asked < SETTLE_BOUND_NS)
			return MUSTER_OK;
	} while (bench_ns() - began < SETTLE_NS && !bench_interrupted());
	return err_set(err, MUSTER_E_BUSY, "the fold did not come to an end within a minute");
}

int fleet_host_disk(struct fleet_host *h, bool full, struct muster_err *err)
{
	struct muster_err why = { 0 };
	struct ledger_status st;
	int r;

	h->full = full;
	r = ledger_ready(h->ledger, &why);   /* long after the last commit it lets the ledger thread look */
	ledger_status(h->ledger, &st);
	if (st.disk_low != full || (r == MUSTER_OK) == full)
		return err_set(err, MUSTER_E_INTERNAL, "the disk is %s and the host says: %s", full ? "full" : "empty again",
		               r == MUSTER_OK ? "ready" : why.message);
	return MUSTER_OK;
}
