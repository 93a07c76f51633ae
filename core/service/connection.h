/**
 * Connections of the client listeners: a list, and a sweeper that ends what takes too long (design.md section 11).
 *
 * libmicrohttpd's timeout is inactivity only, so a peer that sends a byte now and then would stay for ever. The sweeper
 * measures each request from its first byte and shuts the socket down when its deadline has passed; between two
 * requests a connection lives as long as `idle` says, whatever it dribbles.
 */
#ifndef SERVICE_CONNECTION_H
#define SERVICE_CONNECTION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/base/clock.h"
#include "core/service/address.h"

/** Where a connection's present request stands. Only the sweeper sets STAGE_EXPIRED, and only from STAGE_BODY. */
enum stage { STAGE_IDLE, STAGE_HEAD, STAGE_BODY, STAGE_WORK, STAGE_EXPIRED };

struct connection {
	struct connection *prev, *next;
	int fd;
	struct address address;
	_Atomic int stage;             /**< enum stage */
	_Atomic int64_t since;         /**< boot ms: of the request's first byte, or of the last request's end */
	bool ended;                    /**< the sweeper has shut it down; list lock */
};

struct connections {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct connection *first;
	size_t n;
	_Atomic int64_t deadline_ms, idle_ms;
	_Atomic uint64_t expired;      /**< requests ended by the sweeper */
	void (*pass)(void *ctx, int64_t now); /**< what else is done ten times a second, by the sweeper's thread; NULL nothing */
	void *pass_ctx;
	const struct clock *clock;
	pthread_t thread;
	bool running, stop;
};

int connections_start(struct connections *c, const struct clock *clock);  /**< 0, or an errno */
void connections_stop(struct connections *c);
void connections_add(struct connections *c, struct connection *one);
void connections_remove(struct connections *c, struct connection *one);
/** Requests not answered yet: those that have arrived whole, or with @p incomplete also those whose head has begun. */
size_t connections_busy(struct connections *c, bool incomplete);
/** Shut down every connection that is between two requests. */
void connections_end_idle(struct connections *c);
/** One pass of the sweeper at @p now (boot ms). @return how many it ended. */
size_t connections_sweep(struct connections *c, int64_t now);

#endif
