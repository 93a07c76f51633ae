#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/service/connection.h"

struct pair { struct connection one; int peer; };

static struct clock_manual now;

static void open_one(struct connections *c, struct pair *p, int stage, int64_t since)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	memset(p, 0, sizeof *p);
	p->one.fd = fds[0];
	p->peer = fds[1];
	atomic_store(&p->one.stage, stage);
	atomic_store(&p->one.since, since);
	connections_add(c, &p->one);
}

static void close_one(struct connections *c, struct pair *p)
{
	connections_remove(c, &p->one);
	close(p->one.fd);
	close(p->peer);
}

/* The background sweeper runs too; a clock that stands still keeps it from ending anything by itself. */
static void begin(struct connections *c)
{
	memset(c, 0, sizeof *c);
	clock_manual_init(&now, 1000000);
	atomic_store(&c->deadline_ms, 10000);
	atomic_store(&c->idle_ms, 30000);
	ck_assert_int_eq(connections_start(c, &now.clock), 0);
}

START_TEST(test_connection_sweep)
{
	struct connections c;
	struct pair idle, head, body, work;
	int64_t t;
	char got[1024];
	ssize_t n;

	begin(&c);
	t = clock_boot_ms(&now.clock);
	open_one(&c, &idle, STAGE_IDLE, t);
	open_one(&c, &head, STAGE_HEAD, t);
	open_one(&c, &body, STAGE_BODY, t);
	open_one(&c, &work, STAGE_WORK, t);
	ck_assert_uint_eq(connections_busy(&c, true), 3);
	ck_assert_uint_eq(connections_busy(&c, false), 1);
	ck_assert_uint_eq(connections_sweep(&c, t + 10000), 0);
	ck_assert_uint_eq(connections_sweep(&c, t + 10001), 3);
	ck_assert_uint_eq(connections_busy(&c, true), 0);
	ck_assert_int_eq(atomic_load(&body.one.stage), STAGE_EXPIRED);
	ck_assert_int_eq(atomic_load(&work.one.stage), STAGE_WORK);
	ck_assert_uint_eq(atomic_load(&c.expired), 3);
	n = read(body.peer, got, sizeof got - 1);
	ck_assert_int_gt(n, 0);
	got[n] = '\0';
	ck_assert_int_eq(strncmp(got, "HTTP/1.1 408 ", 13), 0);
	ck_assert_uint_eq(strlen(strstr(got, "\r\n\r\n") + 4), strtoul(strstr(got, "Content-Length: ") + 16, NULL, 10));
	ck_assert_int_eq(read(head.peer, got, sizeof got), 0);
	ck_assert_int_eq(read(work.peer, got, sizeof got), 0);
	ck_assert_uint_eq(connections_sweep(&c, t + 30000), 0);
	ck_assert_uint_eq(connections_sweep(&c, t + 30001), 1);
	ck_assert_uint_eq(connections_sweep(&c, t + 90000), 0);
	close_one(&c, &head);
	close_one(&c, &work);
	close_one(&c, &idle);
	close_one(&c, &body);
	ck_assert_uint_eq(c.n, 0);
	ck_assert_ptr_null(c.first);
	connections_stop(&c);
}
END_TEST

START_TEST(test_connection_end_idle)
{
	struct connections c;
	struct pair idle, work;
	char got[8];

	begin(&c);
	open_one(&c, &idle, STAGE_IDLE, clock_boot_ms(&now.clock));
	open_one(&c, &work, STAGE_WORK, clock_boot_ms(&now.clock));
	connections_end_idle(&c);
	ck_assert_int_eq(read(idle.peer, got, sizeof got), 0);
	ck_assert_int_eq(recv(work.peer, got, sizeof got, MSG_DONTWAIT), -1);
	close_one(&c, &idle);
	close_one(&c, &work);
	connections_stop(&c);
}
END_TEST

START_TEST(test_connection_sweeper_runs_by_itself)
{
	struct connections c;
	struct pair head;
	char got[8];

	begin(&c);
	open_one(&c, &head, STAGE_HEAD, clock_boot_ms(&now.clock));
	clock_manual_advance(&now, 10001);
	/* Waits for the sweeper's next pass. */
	ck_assert_int_eq(read(head.peer, got, sizeof got), 0);
	close_one(&c, &head);
	connections_stop(&c);
}
END_TEST

UNIT_MAIN("service_connection", test_connection_sweep, test_connection_end_idle, test_connection_sweeper_runs_by_itself)
