/** The inside of load: its threads and what each of them has for itself. */
#ifndef BENCH_LOAD_PRIVATE_H
#define BENCH_LOAD_PRIVATE_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#include "core/bench/load.h"
#include "core/bench/load_http.h"

#define LOAD_DUE_MAX (1U << 20)     /* requests due and not sent that one thread remembers */

enum conn_state { FREE, CONNECTING, SENDING, WAITING, PAUSED };

/** A lease held by a machine that renews. */
struct held { uint64_t number; uint32_t ask; uint16_t n; char *lease; };

struct conn {
	int fd;                          /* -1: none */
	enum conn_state state;
	bool renewal;
	uint32_t ask;
	uint64_t number;                 /* of the machine; with a renewal the index of its lease */
	int64_t due, since;              /* latency counts from due, patience from since */
	size_t out_n, out_sent, in_n;
	char in[LOAD_ANSWER_MAX], out[LOAD_REQUEST_MAX];
};

/** One thread. Its lock is held while it works and free while it waits: others read its totals then. */
struct lane {
	struct load *load;
	unsigned number;
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
	int epoll;
	struct conn *conns; unsigned conn_count;
	unsigned *free; unsigned free_count;
	int64_t *due; unsigned due_first, due_count;   /* a ring: fell due and wait for a connection */
	int64_t next_due, looked, now;
	uint64_t random;
	struct load_text text;
	struct load_totals totals;
};

struct load {
	struct load_options o;
	struct sockaddr_in to;
	struct lane lanes[RECORD_LANES];
	_Atomic uint64_t begun;          /* requests of new machines */
	_Atomic uint64_t asked;          /* requests at all */
	_Atomic uint64_t interval;       /* mean ns between two requests of one lane; 0: closed loop */
	atomic_bool stopping;
	_Atomic unsigned live;           /* threads that still run */
	struct held *held; uint64_t held_count;   /* lane i renews those with index % threads == i */
};

/** The thread. */
void *load_lane_run(void *lane);
/** Put a connection among the free ones. */
void load_conn_free(struct lane *a, struct conn *c);
/** Count @p times answers with this code. */
void load_code_note(struct load_totals *t, const char *code, size_t n, uint64_t times);

#endif
