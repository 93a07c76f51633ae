#include "core/bench/record.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/mem.h"

#define CHUNK_BYTES (UINT64_C(16) << 20)
#define PADDED(n) (((size_t)(n) + 7U) & ~(size_t)7U)

/* Written from its start to its end; pages that were never reached cost nothing. */
struct chunk {
	struct chunk *next;
	size_t n;
	uint8_t bytes[];
};

/* A lane is its thread's own: nothing in it is shared but the count, which others only read. */
struct lane {
	_Alignas(64) struct chunk *first;
	struct chunk *last;
	_Atomic uint64_t count;
};

struct record {
	struct lane lanes[RECORD_LANES];
	_Atomic uint64_t memory;     /* bytes of all chunks */
	int fd;
	char *path;
	pthread_mutex_t lock;        /* of the file and of the failure */
	struct muster_err failure;   /* the first; result MUSTER_OK: none */
};

static int write_all(int fd, const void *p, size_t n, const char *path, struct muster_err *err)
{
	const uint8_t *at = p;

	while (n > 0) {
		ssize_t done = write(fd, at, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_errno(err, errno, "cannot write %s", path);
		at += done;
		n -= (size_t)done;
	}
	return MUSTER_OK;
}

/* The file of an earlier run of the same machines is gone on with, after a look at the whole of it. */
static int go_on(const char *path, const struct record_head *head, struct muster_err *err)
{
	struct record_head found;
	int r = record_read(path, &found, NULL, NULL, err);

	if (r != MUSTER_OK)
		return r;
	if (memcmp(&found, head, sizeof found) != 0)
		return err_set(err, MUSTER_E_MISMATCH, "%s is of machines of another seed or product: take another folder", path);
	return MUSTER_OK;
}

static int open_file(int *fd, const char *path, const struct record_head *head, struct muster_err *err)
{
	struct record_head full = *head;
	struct stat st;
	int r;

	memcpy(full.magic, RECORD_MAGIC, sizeof full.magic);
	if ((*fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		return err_errno(err, errno, "cannot open %s", path);
	if (fstat(*fd, &st) != 0)
		r = err_errno(err, errno, "cannot read %s", path);
	else
		r = st.st_size > 0 ? go_on(path, &full, err) : write_all(*fd, &full, sizeof full, path, err);
	if (r != MUSTER_OK)
		(void)close(*fd);
	return r;
}

int record_new(struct record **out, const char *path, const struct record_head *head, struct muster_err *err)
{
	struct record *r = mem_alloc(sizeof *r);
	int result;

	*out = NULL;
	if (r == NULL || (r->path = mem_strdup(path)) == NULL) {
		mem_free(r);
		return err_nomem(err);
	}
	if ((result = open_file(&r->fd, path, head, err)) != MUSTER_OK) {
		mem_free(r->path);
		mem_free(r);
		return result;
	}
	(void)pthread_mutex_init(&r->lock, NULL);
	*out = r;
	return MUSTER_OK;
}

static void remember(struct record *r, const struct muster_err *err)
{
	(void)pthread_mutex_lock(&r->lock);
	if (r->failure.result == MUSTER_OK)
		r->failure = *err;
	(void)pthread_mutex_unlock(&r->lock);
}

/* The lane's last chunk to the file, so that its room can be used again. */
static bool spill(struct record *r, struct chunk *c)
{
	struct muster_err err;
	int result;

	(void)pthread_mutex_lock(&r->lock);
	result = write_all(r->fd, c->bytes, c->n, r->path, &err);
	(void)pthread_mutex_unlock(&r->lock);
	c->n = 0;
	if (result != MUSTER_OK)
		remember(r, &err);
	return result == MUSTER_OK;
}

/* A chunk with room for @p n bytes more; NULL after a failure that was remembered. */
static struct chunk *room_for(struct record *r, struct lane *lane, size_t n)
{
	struct chunk *c = lane->last;
	struct muster_err err;

	if (c != NULL && c->n + n <= CHUNK_BYTES)
		return c;
	if (c != NULL && atomic_load_explicit(&r->memory, memory_order_relaxed) + CHUNK_BYTES > RECORD_MEMORY)
		return spill(r, c) ? c : NULL;
	if ((c = mem_alloc(sizeof *c + CHUNK_BYTES)) == NULL) {
		if (lane->last != NULL)
			return spill(r, lane->last) ? lane->last : NULL;
		(void)err_nomem(&err);
		remember(r, &err);
		return NULL;
	}
	(void)atomic_fetch_add_explicit(&r->memory, CHUNK_BYTES, memory_order_relaxed);
	if (lane->last != NULL)
		lane->last->next = c;
	else
		lane->first = c;
	lane->last = c;
	return c;
}

void record_add(struct record *r, unsigned lane_number, const struct record_entry *e, const char *lease)
{
	size_t padded = PADDED(e->lease_n);
	struct lane *lane;
	struct chunk *c;

	MUSTER_ASSERT(lane_number < RECORD_LANES);
	lane = &r->lanes[lane_number];
	if (e->lease_n > RECORD_LEASE_MAX) {
		struct muster_err err;

		(void)err_set(&err, MUSTER_E_LIMIT, "a lease of %u bytes is longer than a lease can be", e->lease_n);
		remember(r, &err);
		return;
	}
	if ((c = room_for(r, lane, sizeof *e + padded)) == NULL)
		return;
	memcpy(c->bytes + c->n, e, sizeof *e);
	c->n += sizeof *e;
	if (padded > 0) {
		memset(c->bytes + c->n + padded - 8, 0, 8);
		memcpy(c->bytes + c->n, lease, e->lease_n);
		c->n += padded;
	}
	/* Only this thread adds: no locked instruction is needed. */
	atomic_store_explicit(&lane->count, atomic_load_explicit(&lane->count, memory_order_relaxed) + 1, memory_order_relaxed);
}

uint64_t record_count(const struct record *r)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < RECORD_LANES; i++)
		n += atomic_load_explicit(&r->lanes[i].count, memory_order_relaxed);
	return n;
}

static void free_chunks(struct record *r, struct lane *lane)
{
	for (struct chunk *c = lane->first; c != NULL; c = lane->first) {
		lane->first = c->next;
		mem_free(c);
		(void)atomic_fetch_sub_explicit(&r->memory, CHUNK_BYTES, memory_order_relaxed);
	}
	lane->last = NULL;
}

int record_write(struct record *r, struct muster_err *err)
{
	int result = MUSTER_OK;

	if (r->failure.result != MUSTER_OK) {
		if (err != NULL)
			*err = r->failure;
		return r->failure.result;
	}
	for (unsigned i = 0; i < RECORD_LANES && result == MUSTER_OK; i++) {
		for (const struct chunk *c = r->lanes[i].first; c != NULL && result == MUSTER_OK; c = c->next)
			result = write_all(r->fd, c->bytes, c->n, r->path, err);
		if (result == MUSTER_OK)
			free_chunks(r, &r->lanes[i]);
	}
	if (result == MUSTER_OK && fsync(r->fd) != 0)
		result = err_errno(err, errno, "cannot write %s", r->path);
	return result;
}

void record_free(struct record *r)
{
	if (r == NULL)
		return;
	for (unsigned i = 0; i < RECORD_LANES; i++)
		free_chunks(r, &r->lanes[i]);
	(void)close(r->fd);
	(void)pthread_mutex_destroy(&r->lock);
	mem_free(r->path);
	mem_free(r);
}

/* Reading back. */

struct reading {
	FILE *file;
	const char *path;
	uint64_t at, number;  /* of the entry: offset, from 1 */
};

static int wrong(const struct reading *in, struct muster_err *err, const char *what)
{
	return err_set(err, MUSTER_E_INVALID, "%s: entry %llu, byte %llu: %s", in->path, (unsigned long long)in->number, (unsigned long long)in->at, what);
}

/* Why fewer bytes came than were asked for. */
static int short_read(const struct reading *in, struct muster_err *err)
{
	return ferror(in->file) != 0 ? err_errno(err, errno, "cannot read %s", in->path) : wrong(in, err, "cut off");
}

static int read_lease(struct reading *in, const struct record_entry *e, char *lease, struct muster_err *err)
{
	size_t padded = PADDED(e->lease_n);

	if (e->status != 200 && e->status != 202)
		return wrong(in, err, "its status is neither 200 nor 202");
	if ((e->status == 200) != (e->lease_n > 0))
		return wrong(in, err, e->status == 200 ? "activated without a lease" : "a lease with a request that was only counted");
	if (e->lease_n > RECORD_LEASE_MAX)
		return wrong(in, err, "its lease is longer than a lease can be");
	if (fread(lease, 1, padded, in->file) != padded)
		return short_read(in, err);
	for (size_t i = e->lease_n; i < padded; i++)
		if (lease[i] != '\0')
			return wrong(in, err, "what fills up its lease is not zero");
	lease[e->lease_n] = '\0';
	in->at += padded;
	return MUSTER_OK;
}

/* @return 1 an entry, 0 the end, negative an error. */
static int read_entry(struct reading *in, struct record_entry *e, char *lease, struct muster_err *err)
{
	size_t got = fread(e, 1, sizeof *e, in->file);
	int r;

	if (got == 0 && ferror(in->file) == 0)
		return 0;
	in->number++;
	if (got != sizeof *e)
		return short_read(in, err);
	if ((r = read_lease(in, e, lease, err)) != MUSTER_OK)
		return r;
	in->at += sizeof *e;
	return 1;
}

static int read_all(struct reading *in, struct record_head *head, int (*fn)(void *, const struct record_entry *, const char *), void *ctx,
                    struct muster_err *err)
{
	struct record_entry e;
	char lease[RECORD_LEASE_MAX + 8];
	int r;

	if (fread(head, 1, sizeof *head, in->file) != sizeof *head || memcmp(head->magic, RECORD_MAGIC, sizeof head->magic) != 0)
		return ferror(in->file) != 0 ? err_errno(err, errno, "cannot read %s", in->path)
		                             : err_set(err, MUSTER_E_INVALID, "%s is no record of muster-bench of this version", in->path);
	in->at = sizeof *head;
	while ((r = read_entry(in, &e, lease, err)) == 1)
		if (fn != NULL && fn(ctx, &e, lease) != 0)
			return MUSTER_OK;
	return r;
}

int record_read(const char *path, struct record_head *head, int (*fn)(void *ctx, const struct record_entry *e, const char *lease), void *ctx,
                struct muster_err *err)
{
	struct reading in = { .path = path };
	int r;

	memset(head, 0, sizeof *head);
	if ((in.file = fopen(path, "rbe")) == NULL)
		return err_errno(err, errno, "cannot open %s", path);
	(void)setvbuf(in.file, NULL, _IOFBF, 1 << 20);
	r = read_all(&in, head, fn, ctx, err);
	(void)fclose(in.file);
	return r;
}
