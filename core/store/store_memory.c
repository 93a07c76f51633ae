#include "core/store/store_memory.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/store/memory.h"
#include "core/store/rules.h"

#define ROW_BYTES 108  /* what a row of the log takes in SQLite (ledger.md section 3): trim by size behaves alike */
#define CHUNK 256      /* events copied at a time while reading */

struct memory_log {
	struct store_log log;  /* first */
	struct memory *m;
	bool write, broken;
	uint32_t epoch;        /* 0: not claimed */
};

static struct memory *world(struct store *s)
{
	return (struct memory *)s;
}

void memory_hook(struct memory *m, bool state)
{
	void (*hook)(void *, bool);
	void *ctx;

	(void)pthread_mutex_lock(&m->lock);
	hook = m->hook;
	ctx = m->hook_ctx;
	(void)pthread_mutex_unlock(&m->lock);
	if (hook != NULL)
		hook(ctx, state);
}

enum store_memory_fault memory_fault(struct memory *m, bool state)
{
	enum store_memory_fault fault = m->fault[state].fault;

	if (fault == STORE_MEMORY_OK)
		return fault;
	if (m->fault[state].skip > 0) {
		m->fault[state].skip--;
		return STORE_MEMORY_OK;
	}
	m->fault[state].fault = STORE_MEMORY_OK;
	return fault;
}

int memory_outcome(enum store_memory_fault fault, bool *broken, struct muster_err *err)
{
	switch (fault) {
	case STORE_MEMORY_FAIL:
		*broken = true;
		return err_set(err, MUSTER_E_IO, "memory store: the write failed, as ordered");
	case STORE_MEMORY_FULL:
		return err_set(err, MUSTER_E_LIMIT, "memory store: the disk is full, as ordered");
	case STORE_MEMORY_FORGET:
	case STORE_MEMORY_LOSE_ANSWER:
		*broken = true;
		return err_set(err, MUSTER_E_UNKNOWN, "memory store: the outcome of the commit is unknown, as ordered");
	case STORE_MEMORY_OK:
		break;
	}
	return MUSTER_OK;
}

static int64_t last_seq(const struct memory *m)
{
	return m->events.n > 0 ? ((struct store_event *)table_at(&m->events, m->events.n - 1))->seq : 0;
}

static size_t first_after(const struct memory *m, int64_t seq)
{
	struct store_event key = { .seq = seq };
	size_t at;

	return table_find(&m->events, &key, &at) != NULL ? at + 1 : at;
}

/* May this handle write now? Lock held. */
static int check_writer(const struct memory_log *l, struct muster_err *err)
{
	if (l->broken)
		return rules_broken(err, "the log");
	MUSTER_ASSERT(l->write && l->epoch > 0);
	if (l->epoch != l->m->log_epoch)
		return rules_superseded(err, "the log", l->epoch, l->m->log_epoch);
	return MUSTER_OK;
}

static void fill_info(const struct memory *m, struct store_log_info *info)
{
	memset(info, 0, sizeof *info);
	memcpy(info->ledger_id, m->log_id, sizeof info->ledger_id);
	memcpy(info->digest_key, m->digest_key, sizeof info->digest_key);
	info->epoch = m->log_epoch;
	info->first_seq = m->events.n > 0 ? ((struct store_event *)table_at(&m->events, 0))->seq : 0;
	info->last_seq = last_seq(m);
	info->bytes = (uint64_t)m->events.n * ROW_BYTES;
}

static int log_claim(struct store_log *base, const uint8_t ledger_id[16], struct store_log_info *info, struct muster_err *err)
{
	struct memory_log *l = (struct memory_log *)base;
	struct memory *m = l->m;
	int r = MUSTER_OK;

	MUSTER_ASSERT(l->write);
	(void)pthread_mutex_lock(&m->lock);
	if (l->broken) {
		r = rules_broken(err, "the log");
	} else if (!bytes_zero(m->log_id, sizeof m->log_id) && memcmp(m->log_id, ledger_id, sizeof m->log_id) != 0) {
		r = err_set(err, MUSTER_E_MISMATCH, "the log in memory belongs to another ledger");
	} else {
		if (bytes_zero(m->log_id, sizeof m->log_id)) {
			memcpy(m->log_id, ledger_id, sizeof m->log_id);
			random_bytes(m->digest_key, sizeof m->digest_key);
		}
		l->epoch = ++m->log_epoch;
		fill_info(m, info);
	}
	(void)pthread_mutex_unlock(&m->lock);
	return r;
}

static int log_append(struct store_log *base, const struct store_event *const *events, size_t n, struct muster_err *err)
{
	struct memory_log *l = (struct memory_log *)base;
	struct memory *m = l->m;
	enum store_memory_fault fault = STORE_MEMORY_OK;
	size_t before, i;
	int r;

	memory_hook(m, false);
	(void)pthread_mutex_lock(&m->lock);
	before = m->events.n;
	if ((r = check_writer(l, err)) != MUSTER_OK || (r = rules_check_append(events, n, last_seq(m), err)) != MUSTER_OK)
		goto done;
	for (i = 0; i < n && table_add(&m->events, events[i]) != NULL; i++)
		;
	if (i < n)
		r = err_nomem(err);
	else if ((fault = memory_fault(m, false)) != STORE_MEMORY_OK)
		r = memory_outcome(fault, &l->broken, err);
	if (r != MUSTER_OK && fault != STORE_MEMORY_LOSE_ANSWER)
		m->events.n = before;
done:
	(void)pthread_mutex_unlock(&m->lock);
	return r;
}

static int log_read(struct store_log *base, int64_t after, size_t limit, int (*fn)(void *, const struct store_event *), void *ctx, struct muster_err *err)
{
	struct memory_log *l = (struct memory_log *)base;
	struct memory *m = l->m;
	struct store_event *chunk;
	bool more = true;
	int r = MUSTER_OK;

	if (l->broken)
		return rules_broken(err, "the log");
	if ((chunk = mem_array(CHUNK, sizeof *chunk)) == NULL)
		return err_nomem(err);
	while (more && limit > 0) {
		size_t n = 0, at;

		(void)pthread_mutex_lock(&m->lock);
		for (at = first_after(m, after); at < m->events.n && n < CHUNK && n < limit; at++)
			memcpy(&chunk[n++], table_at(&m->events, at), sizeof *chunk);
		(void)pthread_mutex_unlock(&m->lock);
		more = n == CHUNK;
		limit -= n;
		for (size_t i = 0; i < n; i++) {
			after = chunk[i].seq;
			if (fn(ctx, &chunk[i]) != 0) {
				more = false;
				break;
			}
		}
	}
	mem_free(chunk);
	return r;
}

static int log_trim(struct store_log *base, int64_t up_to, int64_t before, uint64_t max_bytes, size_t slice, size_t *deleted, struct muster_err *err)
{
	struct memory_log *l = (struct memory_log *)base;
	struct memory *m = l->m;
	int r;

	*deleted = 0;
	(void)pthread_mutex_lock(&m->lock);
	if ((r = check_writer(l, err)) == MUSTER_OK) {
		bool too_large = (uint64_t)m->events.n * ROW_BYTES > max_bytes;

		while (*deleted < slice && *deleted + 1 < m->events.n) {
			const struct store_event *e = table_at(&m->events, *deleted);

			if (e->seq > up_to || !(too_large || e->at < before))
				break;
			++*deleted;
		}
		table_remove(&m->events, 0, *deleted);
	}
	(void)pthread_mutex_unlock(&m->lock);
	return r;
}

static int log_info(struct store_log *base, struct store_log_info *info, struct muster_err *err)
{
	struct memory_log *l = (struct memory_log *)base;

	if (l->broken)
		return rules_broken(err, "the log");
	(void)pthread_mutex_lock(&l->m->lock);
	fill_info(l->m, info);
	(void)pthread_mutex_unlock(&l->m->lock);
	return MUSTER_OK;
}

static int log_probe(struct store_log *base, struct muster_err *err)
{
	struct memory_log *l = (struct memory_log *)base;
	int r;

	memory_hook(l->m, false);
	(void)pthread_mutex_lock(&l->m->lock);
	if ((r = check_writer(l, err)) == MUSTER_OK)
		r = memory_outcome(memory_fault(l->m, false), &l->broken, err);
	(void)pthread_mutex_unlock(&l->m->lock);
	return r;
}

static void log_close(struct store_log *base)
{
	struct memory_log *l = (struct memory_log *)base;

	if (l == NULL)
		return;
	(void)pthread_mutex_lock(&l->m->lock);
	l->m->handles--;
	(void)pthread_mutex_unlock(&l->m->lock);
	mem_free(l);
}

static const struct store_log_ops log_ops = {
	.claim = log_claim, .append = log_append, .read = log_read, .trim = log_trim, .info = log_info, .probe = log_probe, .close = log_close
};

static int open_log(struct store *s, bool write, struct store_log **out, struct muster_err *err)
{
	struct memory *m = world(s);
	struct memory_log *l;
	bool made;

	*out = NULL;
	if ((l = mem_alloc(sizeof *l)) == NULL)
		return err_nomem(err);
	l->log.ops = &log_ops;
	l->m = m;
	l->write = write;
	(void)pthread_mutex_lock(&m->lock);
	made = m->log_made = m->log_made || write;
	if (made)
		m->handles++;
	(void)pthread_mutex_unlock(&m->lock);
	if (!made) {
		mem_free(l);
		return err_set(err, MUSTER_E_NOT_FOUND, "there is no log in memory yet");
	}
	*out = &l->log;
	return MUSTER_OK;
}

static int backup(struct store *s, const char *dir, uint64_t wal_max, struct muster_err *err)
{
	(void)s;
	(void)wal_max;
	return err_set(err, MUSTER_E_UNSUPPORTED, "cannot back up to %s: this ledger is in memory only", dir);
}

static void free_world(struct store *s)
{
	struct memory *m = world(s);

	if (m == NULL)
		return;
	MUSTER_ASSERT(m->handles == 0);
	table_fini(&m->events);
	for (size_t i = 0; i < MEMORY_TABLES; i++)
		table_fini(&m->tables[i]);
	(void)pthread_mutex_destroy(&m->lock);
	mem_free(m);
}

static int compare_events(const void *a, const void *b)
{
	const struct store_event *x = a, *y = b;

	return (x->seq > y->seq) - (x->seq < y->seq);
}

int store_memory_new(struct store **out, struct muster_err *err)
{
	struct memory *m;

	*out = NULL;
	if ((m = mem_alloc(sizeof *m)) == NULL)
		return err_nomem(err);
	if (pthread_mutex_init(&m->lock, NULL) != 0) {
		mem_free(m);
		return err_nomem(err);
	}
	m->store = (struct store) { .open_log = open_log, .open_state = memory_open_state, .backup = backup, .free = free_world };
	table_init(&m->events, sizeof(struct store_event), compare_events);
	memory_state_init(m);
	*out = &m->store;
	return MUSTER_OK;
}

void store_memory_fault(struct store *s, bool state, unsigned skip, enum store_memory_fault fault)
{
	struct memory *m = world(s);

	(void)pthread_mutex_lock(&m->lock);
	m->fault[state].skip = skip;
	m->fault[state].fault = fault;
	(void)pthread_mutex_unlock(&m->lock);
}

void store_memory_hook(struct store *s, void (*hook)(void *ctx, bool state), void *ctx)
{
	struct memory *m = world(s);

	(void)pthread_mutex_lock(&m->lock);
	m->hook = hook;
	m->hook_ctx = ctx;
	(void)pthread_mutex_unlock(&m->lock);
}
