#include "core/service/connection.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SWEEP_MS 100

/* The head has arrived and the body has not: the peer is told why. Nothing of an answer was sent before, and the
 * exchange of the stage keeps the worker from starting one. */
static const char too_late[] =
	"HTTP/1.1 408 Request Timeout\r\n"
	"Connection: close\r\n"
	"Cache-Control: no-store\r\n"
	"X-Content-Type-Options: nosniff\r\n"
	"Content-Type: application/problem+json\r\n"
	"Content-Length: 193\r\n"
	"\r\n"
	"{\"status\":408,\"code\":\"M-118\",\"title\":\"Request took too long\","
	"\"detail\":\"The body did not arrive within the deadline of a request.\","
	"\"action\":\"Send the request again, over a faster connection.\"}\r\n";

static void end(struct connections *c, struct connection *one)
{
	int stage = STAGE_BODY;

	if (atomic_compare_exchange_strong(&one->stage, &stage, STAGE_EXPIRED))
		(void)!send(one->fd, too_late, sizeof too_late - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (stage != STAGE_IDLE)
		atomic_fetch_add(&c->expired, 1);
	(void)shutdown(one->fd, SHUT_RDWR);
	one->ended = true;
}

size_t connections_sweep(struct connections *c, int64_t now)
{
	int64_t deadline = atomic_load(&c->deadline_ms), idle = atomic_load(&c->idle_ms);
	size_t n = 0;

	pthread_mutex_lock(&c->lock);
	for (struct connection *one = c->first; one != NULL; one = one->next) {
		int64_t limit = atomic_load(&one->stage) == STAGE_IDLE ? idle : deadline;

		if (!one->ended && now - atomic_load(&one->since) > limit) {
			end(c, one);
			n++;
		}
	}
	pthread_mutex_unlock(&c->lock);
	return n;
}

static void *sweeper(void *arg)
{
	struct connections *c = arg;
	struct timespec until;

	pthread_mutex_lock(&c->lock);
	while (!c->stop) {
		/* The condition's own clock only paces the passes; what has expired is decided by the injected one. */
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += SWEEP_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		(void)pthread_cond_timedwait(&c->wake, &c->lock, &until);
		if (c->stop)
			break;
		pthread_mutex_unlock(&c->lock);
		(void)connections_sweep(c, clock_boot_ms(c->clock));
		if (c->pass != NULL)
			c->pass(c->pass_ctx, clock_boot_ms(c->clock));
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

int connections_start(struct connections *c, const struct clock *clock)
{
	pthread_condattr_t attr;
	int e;

	c->clock = clock;
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->wake, &attr);
	pthread_condattr_destroy(&attr);
	c->stop = false;
	e = pthread_create(&c->thread, NULL, sweeper, c);
	c->running = e == 0;
	return e;
}

void connections_stop(struct connections *c)
{
	if (!c->running)
		return;
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	c->running = false;
}

void connections_add(struct connections *c, struct connection *one)
{
	pthread_mutex_lock(&c->lock);
	one->prev = NULL;
	one->next = c->first;
	if (c->first != NULL)
		c->first->prev = one;
	c->first = one;
	c->n++;
	pthread_mutex_unlock(&c->lock);
}

void connections_remove(struct connections *c, struct connection *one)
{
	pthread_mutex_lock(&c->lock);
	if (one->prev != NULL)
		one->prev->next = one->next;
	else
		c->first = one->next;
	if (one->next != NULL)
		one->next->prev = one->prev;
	c->n--;
	pthread_mutex_unlock(&c->lock);
}

size_t connections_busy(struct connections *c, bool incomplete)
{
	size_t n = 0;

	pthread_mutex_lock(&c->lock);
	for (struct connection *one = c->first; one != NULL; one = one->next) {
		int stage = atomic_load(&one->stage);

		n += !one->ended && (stage == STAGE_WORK || (incomplete && (stage == STAGE_HEAD || stage == STAGE_BODY)));
	}
	pthread_mutex_unlock(&c->lock);
	return n;
}

void connections_end_idle(struct connections *c)
{
	pthread_mutex_lock(&c->lock);
	for (struct connection *one = c->first; one != NULL; one = one->next)
		if (!one->ended && atomic_load(&one->stage) == STAGE_IDLE) {
			(void)shutdown(one->fd, SHUT_RDWR);
			one->ended = true;
		}
	pthread_mutex_unlock(&c->lock);
}
