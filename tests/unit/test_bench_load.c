/* muster-bench's load: requests are what the protocol says, answers are read as they come, and the loops keep their promises to a real socket. */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/uuid.h"
#include "core/bench/bench.h"
#include "core/bench/load.h"
#include "core/bench/load_http.h"
#include "core/bench/population.h"

#define ID "5e2f6a1c-3b0d-4c58-9a47-0d6c1b7e9f42"

/* ---- requests ---- */

static json_t *body_of(const char *request, size_t n)
{
	const char *body = strstr(request, "\r\n\r\n"), *length = strstr(request, "Content-Length: ");
	json_error_t e;
	json_t *j;

	ck_assert_ptr_nonnull(body);
	ck_assert_ptr_nonnull(length);
	ck_assert_uint_eq(strtoul(length + 16, NULL, 10), n - (size_t)(body + 4 - request));
	j = json_loadb(body + 4, n - (size_t)(body + 4 - request), JSON_REJECT_DUPLICATES, &e);
	ck_assert_msg(j != NULL, "%s", e.text);
	return j;
}

START_TEST(test_request_is_whole)
{
	struct clock_manual clock;
	struct load_text t;
	char out[LOAD_REQUEST_MAX + 1], id[UUID_TEXT];
	uint8_t client[16];
	size_t n;
	json_t *j;

	clock_manual_init(&clock, INT64_C(1795341600000));
	load_text_init(&t, 1688, 7, ID, false);
	load_text_time(&t, &clock.clock);
	n = load_text_activate(&t, out, 12, 3, "eyJ.abc.def", 11);
	out[n] = '\0';
	j = body_of(out, n);
	population_client(client, 7, 12);
	uuid_format(id, client);
	ck_assert_str_eq(json_string_value(json_object_get(j, "client_id")), id);
	ck_assert_str_eq(json_string_value(json_object_get(j, "activation_id")), ID);
	ck_assert_str_eq(json_string_value(json_object_get(j, "lease")), "eyJ.abc.def");
	ck_assert_str_eq(json_string_value(json_object_get(j, "time")), "2026-11-22T10:00:00Z");
	ck_assert_uint_eq(json_string_length(json_object_get(j, "nonce")), 22);
	ck_assert_uint_eq(json_string_length(json_object_get(j, "release_hash")), 43);
	ck_assert_uint_eq(json_string_length(json_object_get(json_object_get(j, "machine"), "hardware_id")), 64);
	ck_assert_ptr_null(strstr(out, "Connection: close"));
	json_decref(j);

	load_text_init(&t, 1688, 7, ID, true);
	load_text_time(&t, &clock.clock);
	n = load_text_activate(&t, out, 12, 4, NULL, 0);
	out[n] = '\0';
	j = body_of(out, n);
	ck_assert_ptr_null(json_object_get(j, "lease"));
	ck_assert_ptr_nonnull(strstr(out, "\r\nConnection: close\r\n"));
	json_decref(j);
}
END_TEST

/* ---- answers ---- */

static const char granted[] =
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n{\"result\":\"activated\",\"lease\":\"a.b.c\"}\r\n";
static const char refused[] =
	"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 3\r\nContent-Length: 29\r\n\r\n{\"status\":503,\"code\":\"M-111\"}";

START_TEST(test_answer_is_read_whole)
{
	struct load_answer a;

	ck_assert_int_eq(load_answer_read(&a, granted, sizeof granted - 1), LOAD_READ_ALL);
	ck_assert_uint_eq(a.status, 200);
	ck_assert(!a.closes);
	ck_assert_uint_eq(a.lease_n, 5);
	ck_assert(memcmp(a.lease, "a.b.c", 5) == 0);

	ck_assert_int_eq(load_answer_read(&a, refused, sizeof refused - 1), LOAD_READ_ALL);
	ck_assert_uint_eq(a.status, 503);
	ck_assert(a.closes);
	ck_assert_ptr_null(a.lease);
	ck_assert_uint_eq(a.code_n, 5);
	ck_assert(memcmp(a.code, "M-111", 5) == 0);
}
END_TEST

START_TEST(test_answer_in_any_pieces)
{
	char in[sizeof granted];
	struct load_answer a;

	for (size_t n = 0; n < sizeof granted - 1; n++) {
		memcpy(in, granted, n);
		in[n] = '\0';
		ck_assert_msg(load_answer_read(&a, in, n) == LOAD_READ_MORE, "%zu bytes are taken for all", n);
	}
}
END_TEST

START_TEST(test_answer_refused)
{
	static const char *const bad[] = {
		"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: y\r\n\r\n\r\nContent-Length: 0\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
	};
	struct load_answer a;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(load_answer_read(&a, bad[i], strlen(bad[i])) == LOAD_READ_BAD, "taken: %s", bad[i]);
}
END_TEST

/* ---- loops, against a server that grants everything ---- */

struct server { int fd; uint16_t port; pthread_t thread; atomic_uint requests, accepted; atomic_bool silent; };
struct peer { struct server *s; int fd; };

static void *serve_one(void *arg)
{
	struct peer *p = arg;
	char in[LOAD_REQUEST_MAX + 1];
	size_t have = 0;
	ssize_t n;

	while ((n = recv(p->fd, in + have, sizeof in - 1 - have, 0)) > 0) {
		const char *body, *length;

		have += (size_t)n;
		in[have] = '\0';
		body = strstr(in, "\r\n\r\n");
		length = strstr(in, "Content-Length: ");
		if (body == NULL || length == NULL || (size_t)(body + 4 - in) + strtoul(length + 16, NULL, 10) > have)
			continue;
		atomic_fetch_add(&p->s->requests, 1);
		have = 0;
		if (!atomic_load(&p->s->silent))
			(void)!send(p->fd, granted, sizeof granted - 1, MSG_NOSIGNAL);
	}
	(void)close(p->fd);
	free(p);
	return NULL;
}

static void *serve(void *arg)
{
	struct server *s = arg;

	for (;;) {
		int fd = accept(s->fd, NULL, NULL);
		struct peer *p;
		pthread_t thread;

		if (fd < 0)
			return NULL;
		atomic_fetch_add(&s->accepted, 1);
		p = malloc(sizeof *p);
		ck_assert_ptr_nonnull(p);
		*p = (struct peer){ s, fd };
		ck_assert_int_eq(pthread_create(&thread, NULL, serve_one, p), 0);
		(void)pthread_detach(thread);
	}
}

static void server_start(struct server *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;

	memset(s, 0, sizeof *s);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(s->fd, 64), 0);
	ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&a, &n), 0);
	s->port = ntohs(a.sin_port);
	ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
	(void)shutdown(s->fd, SHUT_RDWR);
	(void)pthread_join(s->thread, NULL);
	(void)close(s->fd);
}

static struct load_options options(const struct server *s)
{
	return (struct load_options){ .port = s->port, .connections = 8, .threads = 2, .seed = 3, .activation_id = ID, .clock = clock_system() };
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

static void go(struct load *l, struct load_totals *t)
{
	struct muster_err err = { 0 };
	int64_t began = bench_ns();

	ck_assert_msg(load_start(l, &err) == MUSTER_OK, "%s", err.message);
	while (!load_done(l) && bench_ns() - began < INT64_C(60000000000))
		pause_ms(1);
	ck_assert(load_done(l));
	load_stop(l);
	load_totals(l, t);
}

/* As many requests as were wanted, each answered, each of a machine of its own, over eight connections. */
START_TEST(test_closed_loop)
{
	static struct load_totals t;
	struct server s;
	struct load_options o;
	struct load *l;

	server_start(&s);
	o = options(&s);
	o.most = 1000;
	ck_assert_int_eq(load_new(&l, &o, NULL), MUSTER_OK);
	go(l, &t);
	ck_assert_uint_eq(t.sent, 1000);
	ck_assert_uint_eq(t.activated, 1000);
	ck_assert_uint_eq(t.status[200], 1000);
	ck_assert_uint_eq(t.latency.n, 1000);
	ck_assert_uint_eq(load_machines(l), 1000);
	ck_assert_uint_eq(t.broken + t.lost + t.late + t.malformed, 0);
	ck_assert_uint_eq(atomic_load(&s.requests), 1000);
	ck_assert_uint_eq(atomic_load(&s.accepted), 8);
	load_free(l);
	server_stop(&s);
}
END_TEST

START_TEST(test_connection_per_request)
{
	static struct load_totals t;
	struct server s;
	struct load_options o;
	struct load *l;

	server_start(&s);
	o = options(&s);
	o.most = 200;
	o.per_request = true;
	ck_assert_int_eq(load_new(&l, &o, NULL), MUSTER_OK);
	go(l, &t);
	ck_assert_uint_eq(t.activated, 200);
	ck_assert_uint_eq(atomic_load(&s.accepted), 200);
	load_free(l);
	server_stop(&s);
}
END_TEST

/* Requests fall due whether the host answers or not, and latency counts from then: a host that says nothing is seen. */
START_TEST(test_open_loop_does_not_wait)
{
	static struct load_totals t;
	struct server s;
	struct load_options o;
	struct load *l;
	int64_t began = bench_ns();

	server_start(&s);
	atomic_store(&s.silent, true);
	o = options(&s);
	o.rate = 2000;
	o.patience_s = 0.3;
	ck_assert_int_eq(load_new(&l, &o, NULL), MUSTER_OK);
	ck_assert_int_eq(load_start(l, NULL), MUSTER_OK);
	do {
		pause_ms(10);
		load_totals(l, &t);
	} while ((t.lost == 0 || t.late == 0) && bench_ns() - began < INT64_C(60000000000));
	load_stop(l);
	ck_assert_uint_ge(t.lost, 1);
	ck_assert_uint_ge(t.late, 1);
	ck_assert_uint_eq(t.answered, 0);
	load_free(l);
	server_stop(&s);
}
END_TEST

/* Machines renew with the leases another load has fetched, and ask under a nonce of their own. */
START_TEST(test_renewals)
{
	static struct load_totals t;
	struct server s;
	struct load_options o;
	struct load *first, *l;

	server_start(&s);
	o = options(&s);
	o.most = o.keep = 50;
	ck_assert_int_eq(load_new(&first, &o, NULL), MUSTER_OK);
	go(first, &t);
	o.keep = 0;
	o.most = 300;
	o.renewals = 1;
	o.threads = 3;
	ck_assert_int_eq(load_new(&l, &o, NULL), MUSTER_OK);
	load_take_leases(l, first);
	go(l, &t);
	ck_assert_uint_eq(t.activated, 300);
	ck_assert_uint_eq(t.renewed, 300);
	ck_assert_uint_eq(load_machines(l), 0);
	load_free(l);
	load_free(first);
	server_stop(&s);
}
END_TEST

UNIT_MAIN("bench_load", test_request_is_whole, test_answer_is_read_whole, test_answer_in_any_pieces, test_answer_refused, test_closed_loop,
          test_connection_per_request, test_open_loop_does_not_wait, test_renewals)
