/* One thread of load: its connections, what it asks, what it is answered, and when it asks next. */
#include "core/bench/load_private.h"

#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/bench/bench.h"
#include "core/bench/population.h"

#define EVENTS_MAX 256
#define SECOND INT64_C(1000000000)
#define LOOK_NS (SECOND / 10)       /* how often late answers are looked for */
#define AGAIN_NS (SECOND / 50)      /* a connection that failed is tried again after this long */

/* ---- what is asked ---- */

static bool may_begin(struct load *l)
{
	if (atomic_load_explicit(&l->stopping, memory_order_relaxed))
		return false;
	return l->o.most == 0 || atomic_fetch_add_explicit(&l->asked, 1, memory_order_relaxed) < l->o.most;
}

static double random_share(struct lane *a)
{
	return (double)(population_random(&a->random) >> 11) / 9007199254740992.0;
}

/* A machine of ours that holds a lease; NULL: the one drawn has none. */
static struct held *draw_held(struct lane *a)
{
	struct load *l = a->load;
	uint64_t mine = (l->held_count + l->o.threads - 1 - a->number) / l->o.threads;
	struct held *h;

	if (mine == 0)
		return NULL;
	h = &l->held[population_random(&a->random) % mine * l->o.threads + a->number];
	return h->n > 0 ? h : NULL;
}

static void write_request(struct lane *a, struct conn *c)
{
	struct load *l = a->load;
	struct held *h = NULL;

	c->in_n = c->out_sent = 0;
	if (l->o.activation_id == NULL) {
		c->out_n = load_text_plain(&a->text, c->out);
		return;
	}
	if (l->o.renewals > 0 && random_share(a) < l->o.renewals)
		h = draw_held(a);
	c->renewal = h != NULL;
	if (h != NULL) {
		c->number = (uint64_t)(h - l->held);
		c->ask = ++h->ask;
		c->out_n = load_text_activate(&a->text, c->out, h->number, h->ask, h->lease, h->n);
	} else {
		c->number = l->o.first + atomic_fetch_add_explicit(&l->begun, 1, memory_order_relaxed);
		c->ask = 0;
		c->out_n = load_text_activate(&a->text, c->out, c->number, 0, NULL, 0);
	}
}

/* ---- connections ---- */

static void conn_close(struct conn *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
}

static int conn_open(struct lane *a, struct conn *c)
{
	int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c };

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	if ((connect(fd, (const struct sockaddr *)&a->load->to, sizeof a->load->to) != 0 && errno != EINPROGRESS) ||
	    epoll_ctl(a->epoll, EPOLL_CTL_ADD, fd, &e) != 0) {
		(void)close(fd);
		return -1;
	}
	c->fd = fd;
	return 0;
}

void load_conn_free(struct lane *a, struct conn *c)
{
	c->state = FREE;
	a->free[a->free_count++] = (unsigned)(c - a->conns);
}

/* The request it carried has failed: counted, and the next one waits a moment, so that a host that is gone is not hammered. */
static void conn_broken(struct lane *a, struct conn *c)
{
	conn_close(c);
	a->totals.broken++;
	c->state = PAUSED;
	c->since = a->now;
}

static void conn_send(struct lane *a, struct conn *c)
{
	while (c->out_sent < c->out_n) {
		ssize_t n = send(c->fd, c->out + c->out_sent, c->out_n - c->out_sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOTCONN)) {
			c->state = c->out_sent > 0 ? SENDING : CONNECTING;
			return;
		}
		if (n < 0) {
			conn_broken(a, c);
			return;
		}
		c->out_sent += (size_t)n;
	}
	c->state = WAITING;
}

static void conn_ask(struct lane *a, struct conn *c, int64_t due)
{
	c->due = due;
	c->since = a->now;
	write_request(a, c);
	a->totals.sent++;
	if (c->fd < 0 && conn_open(a, c) != 0) {
		conn_broken(a, c);
		return;
	}
	conn_send(a, c);
}

/* ---- answers ---- */

static void malformed(struct lane *a, const struct conn *c, const char *what)
{
	if (a->totals.malformed++ == 0)
		(void)snprintf(a->totals.malformed_first, sizeof a->totals.malformed_first, "%s: %.200s", what, c->in_n > 0 ? c->in : "");
}

void load_code_note(struct load_totals *t, const char *code, size_t n, uint64_t times)
{
	for (unsigned i = 0; i < LOAD_CODES; i++) {
		struct load_code *x = &t->codes[i];

		if (x->n > 0 && (strncmp(x->code, code, n) != 0 || x->code[n] != '\0') && i + 1 < LOAD_CODES)
			continue;
		if (x->n == 0) {
			memcpy(x->code, code, n);
			x->code[n] = '\0';
		}
		x->n += times;
		return;
	}
}

static void keep_lease(struct lane *a, struct conn *c, const char *lease, size_t n)
{
	struct load *l = a->load;
	struct held *h;
	char *copy;

	if (c->renewal)
		h = &l->held[c->number];
	else if (l->o.keep > 0 && c->number - l->o.first < l->o.keep)
		h = &l->held[c->number - l->o.first];
	else
		return;
	if ((copy = mem_dup(lease, n)) == NULL)
		return;
	if (!c->renewal)
		h->number = c->number;
	mem_free(h->lease);
	h->lease = copy;
	h->n = (uint16_t)n;
}

static void take_activation(struct lane *a, struct conn *c, const struct load_answer *answer)
{
	struct load *l = a->load;
	struct record_entry e = { .number = c->renewal ? l->held[c->number].number : c->number, .ask = c->ask, .status = (uint16_t)answer->status };

	if (answer->status == 200) {
		if (answer->lease == NULL || answer->lease_n > UINT16_MAX) {
			malformed(a, c, "200 without a lease");
			return;
		}
		a->totals.activated++;
		a->totals.renewed += c->renewal;
		histogram_add(&a->totals.activated_latency, a->now - c->due);
		keep_lease(a, c, answer->lease, answer->lease_n);
		e.lease_n = (uint16_t)answer->lease_n;
	} else if (answer->status != 202) {
		if (answer->code == NULL)
			malformed(a, c, "an error without a code");
		else
			load_code_note(&a->totals, answer->code, answer->code_n, 1);
		return;
	}
	if (l->o.record != NULL)
		record_add(l->o.record, a->number, &e, answer->lease);
}

static void take_answer(struct lane *a, struct conn *c, const struct load_answer *answer)
{
	a->totals.answered++;
	a->totals.status[answer->status]++;
	histogram_add(&a->totals.latency, a->now - c->due);
	if (a->load->o.activation_id != NULL)
		take_activation(a, c, answer);
	if (a->load->o.per_request || answer->closes)
		conn_close(c);
	/* Closed loop: the next request follows at once. */
	if (atomic_load_explicit(&a->load->interval, memory_order_relaxed) == 0 && may_begin(a->load))
		conn_ask(a, c, a->now);
	else
		load_conn_free(a, c);
}

static void conn_read(struct lane *a, struct conn *c)
{
	struct load_answer answer;
	enum load_read got;

	for (;;) {
		ssize_t n = recv(c->fd, c->in + c->in_n, sizeof c->in - 1 - c->in_n, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			conn_broken(a, c);
			return;
		}
		c->in_n += (size_t)n;
		c->in[c->in_n] = '\0';
		if ((got = load_answer_read(&answer, c->in, c->in_n)) == LOAD_READ_ALL)
			break;
		if (got == LOAD_READ_BAD || c->in_n == sizeof c->in - 1) {
			malformed(a, c, "not an answer of HTTP/1.1 with a Content-Length");
			conn_broken(a, c);
			return;
		}
	}
	a->now = bench_ns();
	take_answer(a, c, &answer);
}

static void conn_event(struct lane *a, struct conn *c, uint32_t events)
{
	if (c->fd < 0)
		return;
	if ((c->state == CONNECTING || c->state == SENDING) && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0)
		conn_send(a, c);
	if (c->state == WAITING && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
		conn_read(a, c);
	else if (c->state == FREE && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
		conn_close(c);   /* the host ends connections that have long been silent */
}

/* ---- the schedule ---- */

static int64_t patience(const struct load *l)
{
	return (int64_t)((l->o.patience_s > 0 ? l->o.patience_s : 30) * 1e9);
}

/* Late answers and connections to be tried again. */
static void look(struct lane *a)
{
	bool closed_loop = atomic_load(&a->load->interval) == 0;

	if (a->now - a->looked < LOOK_NS)
		return;
	a->looked = a->now;
	for (unsigned i = 0; i < a->conn_count; i++) {
		struct conn *c = &a->conns[i];

		if (c->state == PAUSED && a->now - c->since >= AGAIN_NS) {
			if (closed_loop && may_begin(a->load))
				conn_ask(a, c, a->now);
			else
				load_conn_free(a, c);
		} else if ((c->state == WAITING || c->state == CONNECTING || c->state == SENDING) && a->now - c->since > patience(a->load)) {
			a->totals.lost++;
			conn_broken(a, c);
			a->totals.broken--;
		}
	}
	while (a->due_count > 0 && a->now - a->due[a->due_first] > patience(a->load)) {
		a->totals.late++;
		a->due_first = (a->due_first + 1) % LOAD_DUE_MAX;
		a->due_count--;
	}
}

/* Requests fall due at random, independently of each other (exponential gaps), as from machines that know nothing of each other. */
static void fall_due(struct lane *a, uint64_t interval)
{
	while (a->next_due <= a->now) {
		if (!may_begin(a->load))
			return;
		if (a->due_count == LOAD_DUE_MAX)
			a->totals.late++;
		else
			a->due[(a->due_first + a->due_count++) % LOAD_DUE_MAX] = a->next_due;
		a->next_due += (int64_t)(-log(1.0 - random_share(a)) * (double)interval) + 1;
	}
	while (a->due_count > 0 && a->free_count > 0) {
		int64_t due = a->due[a->due_first];

		a->due_first = (a->due_first + 1) % LOAD_DUE_MAX;
		a->due_count--;
		conn_ask(a, &a->conns[a->free[--a->free_count]], due);
	}
}

static void begin(struct lane *a)
{
	uint64_t interval = atomic_load_explicit(&a->load->interval, memory_order_relaxed);

	if (interval > 0) {
		fall_due(a, interval);
		return;
	}
	while (a->free_count > 0 && may_begin(a->load))
		conn_ask(a, &a->conns[a->free[--a->free_count]], a->now);
}

static bool idle(const struct lane *a)
{
	for (unsigned i = 0; i < a->conn_count; i++)
		if (a->conns[i].state != FREE && a->conns[i].state != PAUSED)
			return false;
	return true;
}

static int64_t thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

/* How long to wait for events: until the next request is due, if it could be sent. */
static int wait_events(struct lane *a, struct epoll_event *events)
{
	int64_t wait = LOOK_NS;
	struct timespec t;

	if (atomic_load_explicit(&a->load->interval, memory_order_relaxed) > 0 && a->free_count > 0 && a->next_due - a->now < wait)
		wait = a->next_due > a->now ? a->next_due - a->now : 0;
	t.tv_sec = wait / SECOND;
	t.tv_nsec = wait % SECOND;
	return epoll_pwait2(a->epoll, events, EVENTS_MAX, &t, NULL);
}

void *load_lane_run(void *arg)
{
	struct lane *a = arg;
	struct epoll_event events[EVENTS_MAX];
	int64_t cpu = thread_cpu_ns(), stopping = 0;

	pthread_mutex_lock(&a->lock);
	a->now = a->next_due = a->looked = bench_ns();
	for (;;) {
		int n;
		int64_t used;

		begin(a);
		look(a);
		if (atomic_load(&a->load->stopping)) {
			if (stopping == 0)
				stopping = a->now;
			a->totals.late += a->due_count;
			a->due_count = 0;
			if (idle(a) || a->now - stopping > patience(a->load))
				break;
		} else if (a->load->o.most > 0 && atomic_load(&a->load->asked) >= a->load->o.most && a->due_count == 0 && idle(a)) {
			break;
		}
		used = thread_cpu_ns();
		a->totals.own_cpu_ns += used - cpu;
		cpu = used;
		pthread_mutex_unlock(&a->lock);
		n = wait_events(a, events);
		pthread_mutex_lock(&a->lock);
		a->now = bench_ns();
		load_text_time(&a->text, a->load->o.clock);
		for (int i = 0; i < n; i++)
			conn_event(a, events[i].data.ptr, events[i].events);
	}
	a->totals.ended_ns = a->now;
	for (unsigned i = 0; i < a->conn_count; i++)
		conn_close(&a->conns[i]);
	pthread_mutex_unlock(&a->lock);
	atomic_fetch_sub(&a->load->live, 1);
	return NULL;
}
