/**
 * A host for tests that answers whatever it is told, byte for byte: also what no HTTP library would send.
 * One connection at a time on loopback or a Unix socket, closed after each answer.
 */
#ifndef TESTS_UNIT_FAKEHOST_H
#define TESTS_UNIT_FAKEHOST_H

#include <stdbool.h>
#include "core/base/buf.h"

struct fakehost;

/** One request as it came: head and body, each terminated. */
struct fakehost_request { const char *head, *body; };

/** Fill @p out with the whole answer, head included. Called on the host's thread. */
typedef void fakehost_fn(void *ctx, const struct fakehost_request *request, struct buf *out);

/** @param unix_path path of a Unix socket, NULL: a free port of 127.0.0.1. Stops the test program when it cannot listen. */
struct fakehost *fakehost_start(fakehost_fn *fn, void *ctx, const char *unix_path);
void fakehost_stop(struct fakehost *h);
unsigned fakehost_port(const struct fakehost *h);
unsigned fakehost_count(const struct fakehost *h);  /**< requests so far */
/** Send the answer in pieces of @p piece bytes with @p pause_ms between them; 0: at once. */
void fakehost_slow(struct fakehost *h, size_t piece, unsigned pause_ms);

/** Append an answer with a body. */
void fakehost_answer(struct buf *out, int status, const char *type, const char *body);

#endif
