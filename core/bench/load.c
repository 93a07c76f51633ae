#include "core/bench/load_private.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/bench/bench.h"

static int lane_init(struct load *l, unsigned number, struct muster_err *err)
{
	struct lane *a = &l->lanes[number];

	a->load = l;
	a->number = number;
	a->random = l->o.seed * 1000003 + number + 1;
	a->conn_count = (l->o.connections + l->o.threads - 1 - number) / l->o.threads;
	a->conns = mem_array(a->conn_count, sizeof *a->conns);
	a->free = mem_array(a->conn_count, sizeof *a->free);
	a->due = mem_array(LOAD_DUE_MAX, sizeof *a->due);
	if (a->conns == NULL || a->free == NULL || a->due == NULL)
		return err_nomem(err);
	for (unsigned i = 0; i < a->conn_count; i++) {
		a->conns[i].fd = -1;
		load_conn_free(a, &a->conns[i]);
	}
	load_text_init(&a->text, l->o.port, l->o.seed, l->o.activation_id, l->o.per_request);
	load_text_time(&a->text, l->o.clock);
	if ((a->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
		return err_errno(err, errno, "cannot wait for connections");
	return MUSTER_OK;
}

void load_rate(struct load *l, double rate)
{
	double interval = rate > 0 ? 1e9 * l->o.threads / rate : 0;

	atomic_store(&l->interval, interval > 0 && interval < 1 ? 1 : (uint64_t)interval);
}

int load_new(struct load **out, const struct load_options *o, struct muster_err *err)
{
	struct load *l = mem_alloc(sizeof *l);
	int r = MUSTER_OK;

	*out = NULL;
	if (l == NULL)
		return err_nomem(err);
	MUSTER_ASSERT(o->threads >= 1 && o->threads <= RECORD_LANES && o->connections >= o->threads);
	l->o = *o;
	l->to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(o->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	load_rate(l, o->rate);
	for (unsigned i = 0; i < RECORD_LANES; i++) {
		l->lanes[i].epoll = -1;
		pthread_mutex_init(&l->lanes[i].lock, NULL);
	}
	if (o->keep > 0) {
		l->held_count = o->keep;
		if ((l->held = mem_array(o->keep, sizeof *l->held)) == NULL)
			r = err_nomem(err);
	}
	for (unsigned i = 0; r == MUSTER_OK && i < o->threads; i++)
		r = lane_init(l, i, err);
	if (r != MUSTER_OK) {
		load_free(l);
		return r;
	}
	*out = l;
	return MUSTER_OK;
}

int load_start(struct load *l, struct muster_err *err)
{
	load_mark(l);
	for (unsigned i = 0; i < l->o.threads; i++) {
		int e = pthread_create(&l->lanes[i].thread, NULL, load_lane_run, &l->lanes[i]);

		if (e != 0) {
			load_stop(l);
			return err_errno(err, e, "cannot start a thread");
		}
		l->lanes[i].running = true;
		atomic_fetch_add(&l->live, 1);
	}
	return MUSTER_OK;
}

static void totals_merge(struct load_totals *t, const struct load_totals *x)
{
	t->sent += x->sent;
	t->answered += x->answered;
	for (size_t i = 0; i < sizeof t->status / sizeof t->status[0]; i++)
		t->status[i] += x->status[i];
	for (unsigned i = 0; i < LOAD_CODES && x->codes[i].n > 0; i++)
		load_code_note(t, x->codes[i].code, strlen(x->codes[i].code), x->codes[i].n);
	t->activated += x->activated;
	t->renewed += x->renewed;
	t->broken += x->broken;
	t->lost += x->lost;
	t->late += x->late;
	if (t->malformed == 0)
		memcpy(t->malformed_first, x->malformed_first, sizeof t->malformed_first);
	t->malformed += x->malformed;
	histogram_merge(&t->latency, &x->latency);
	histogram_merge(&t->activated_latency, &x->activated_latency);
	if (t->begun_ns == 0 || x->begun_ns < t->begun_ns)
		t->begun_ns = x->begun_ns;
	if (x->ended_ns > t->ended_ns)
		t->ended_ns = x->ended_ns;
	t->own_cpu_ns += x->own_cpu_ns;
}

void load_totals(struct load *l, struct load_totals *out)
{
	bool live = false;

	memset(out, 0, sizeof *out);
	for (unsigned i = 0; i < l->o.threads; i++) {
		pthread_mutex_lock(&l->lanes[i].lock);
		live |= l->lanes[i].running && l->lanes[i].totals.ended_ns == 0;
		totals_merge(out, &l->lanes[i].totals);
		out->late += l->lanes[i].due_count;
		pthread_mutex_unlock(&l->lanes[i].lock);
	}
	if (live)
		out->ended_ns = bench_ns();
}

void load_mark(struct load *l)
{
	int64_t now = bench_ns();

	for (unsigned i = 0; i < l->o.threads; i++) {
		struct load_totals *t = &l->lanes[i].totals;

		pthread_mutex_lock(&l->lanes[i].lock);
		memset(t, 0, sizeof *t);
		t->begun_ns = now;
		pthread_mutex_unlock(&l->lanes[i].lock);
	}
}

uint64_t load_machines(struct load *l)
{
	return atomic_load(&l->begun);
}

bool load_done(struct load *l)
{
	return atomic_load(&l->live) == 0;
}

void load_stop(struct load *l)
{
	atomic_store(&l->stopping, true);
	for (unsigned i = 0; i < l->o.threads; i++)
		if (l->lanes[i].running) {
			(void)pthread_join(l->lanes[i].thread, NULL);
			l->lanes[i].running = false;
		}
}

void load_take_leases(struct load *l, struct load *from)
{
	MUSTER_ASSERT(l->held == NULL);
	l->held = from->held;
	l->held_count = from->held_count;
	from->held = NULL;
	from->held_count = 0;
}

void load_free(struct load *l)
{
	if (l == NULL)
		return;
	load_stop(l);
	for (unsigned i = 0; i < RECORD_LANES; i++) {
		struct lane *a = &l->lanes[i];

		if (a->epoll >= 0)
			(void)close(a->epoll);
		mem_free(a->conns);
		mem_free(a->free);
		mem_free(a->due);
		pthread_mutex_destroy(&a->lock);
	}
	for (uint64_t i = 0; i < l->held_count; i++)
		mem_free(l->held[i].lease);
	mem_free(l->held);
	mem_free(l);
}
