/**
 * A host of the bench's own, in a work folder: throw-away issuer, configuration, certificate, and musterd as a child process.
 *
 *     DIR/issuer/       issuer        DIR/issuer.pem     its root         DIR/muster.conf, DIR/products.d/bench.ini
 *     DIR/state/        musterd's     DIR/log            what it says     DIR/record        what it acknowledged (record.h)
 *     DIR/bench         the mark that the folder is one of these           DIR/known         what bench_host_fill() has put in
 *
 * Load is only ever put on such a host, on the loopback address: random machines in a real one's books would be a harm.
 */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include <sys/types.h>
#include "core/bench/bench.h"
#include "core/catalog/catalog.h"
#include "core/ledger/ledger.h"

#define BENCH_PRODUCT "bench"
#define BENCH_MINIMUM 5
#define BENCH_ACTIVATION_ID "5e2f6a1c-3b0d-4c58-9a47-0d6c1b7e9f42"

struct bench_host {
	char *dir;                   /* absolute */
	char *musterd;               /* path of the program */
	const struct clock *clock;
	uint8_t activation_id[16];
	pid_t pid;                   /* 0: not running */
	uint16_t port;
	bool temporary;              /* remove DIR in the end */
	off_t log_from;              /* where this run's lines begin in DIR/log */
};

struct bench_host_options {
	const char *dir;             /**< NULL: a new one below TMPDIR, removed by host_close() unless keep */
	const char *musterd;         /**< NULL: beside this program, then in PATH and sbin */
	const char *extra;           /**< more lines for [limits]; "" none */
	bool keep;
	const struct clock *clock;
};

/** Make or take up a work folder: issuer, configuration. A folder that is neither empty nor one of ours is refused. */
int bench_host_open(struct bench_host *h, const struct bench_host_options *o, struct muster_err *err);
/** Certify the folder's host when it is not. Not while it runs; bench_host_start() does it too. */
int bench_host_certify(struct bench_host *h, struct muster_err *err);
/** Start musterd (pinned to nothing), certify it when it is not, wait until it answers a first request. It is killed when the calling
 * thread ends, however that happens: call it from the main thread.
 * @param[out] first_ns from exec to the first answer of GET /readyz with 200; may be NULL. */
int bench_host_start(struct bench_host *h, int64_t *first_ns, struct muster_err *err);
/** SIGTERM and wait, at most 15 s, then SIGKILL and MUSTER_E_IO. */
int bench_host_stop(struct bench_host *h, struct muster_err *err);
/** Whether it still runs; false also when it was never started. One that ended by itself is forgotten. */
bool bench_host_alive(struct bench_host *h);
/** kill -9 and wait. */
void bench_host_kill(struct bench_host *h);
/** Stop what runs; remove a temporary folder. */
void bench_host_close(struct bench_host *h);

/** Remove a folder with all that is in it; follows no links, stays on its file system. What cannot be removed stays. */
void bench_remove_folder(const char *dir);

/** The catalog of the folder's configuration, for an engine in this process. Caller: catalog_unref(), config_free(). */
int bench_host_catalog(struct bench_host *h, struct config **config, struct catalog **catalog, struct muster_err *err);

/**
 * Bring the ledger of the folder up to @p machines known machines (numbers 0 … machines-1 of the population @p seed), each counted and
 * granted once, folded: through the real engine in this process, in order of client ID, spread over the last 20 days. Host not running.
 * A folder that knows as many already is left as it is; fewer: the missing ones are added. @param[out] per_s machines a second; may be NULL.
 */
int bench_host_fill(struct bench_host *h, uint64_t seed, uint64_t machines, double *per_s, struct muster_err *err);

/** What the process costs and how far its fold is, now. Zeros when it is gone. */
struct bench_sample {
	int64_t ns;                  /**< bench_ns() */
	int64_t cpu_ns;              /**< user and system time of all its threads */
	uint64_t rss_anon, rss_anon_peak; /**< bytes; the peak is of the samples so far */
	int64_t last_seq, fold_seq;  /**< newest event, fold position: their difference is the lag in rows */
	uint64_t log_bytes, state_bytes;
};
struct sampler;
/**
 * Reads /proc and, through readers of the store, the two files; costs the same whatever they hold. One thread. The host has run before.
 * SQLite's last connection to close tidies up: where the start after a kill is measured, free the sampler after that start.
 */
int sampler_new(struct sampler **out, struct bench_host *h, struct muster_err *err);
int sampler_take(struct sampler *s, struct bench_sample *out, struct muster_err *err);
void sampler_free(struct sampler *s);

#endif
