/** The bytes of load: requests written from a template, answers read in place. Only what load on our own host needs of HTTP. */
#ifndef BENCH_LOAD_HTTP_H
#define BENCH_LOAD_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/clock.h"

#define LOAD_REQUEST_MAX 8192    /* a renewal carries its lease: about 1,900 bytes in all */
#define LOAD_ANSWER_MAX 8192

struct load_text {
	uint64_t seed;
	int64_t second;              /* that `time` stands for */
	char time[25];               /* TIME_RFC3339 */
	char head[256]; size_t head_n;       /* up to and with "Content-Length: " */
	char close[32];              /* "\r\n\r\n", or with "Connection: close" */
	char begin[128]; size_t begin_n;     /* of the body, up to the client ID */
};
void load_text_init(struct load_text *t, uint16_t port, uint64_t seed, const char *activation_id, bool per_request);
/** Take over the present second, when it has changed. */
void load_text_time(struct load_text *t, const struct clock *clock);
/** A whole request of machine @p number. @param lease NULL: none. @return bytes written, below LOAD_REQUEST_MAX. */
size_t load_text_activate(const struct load_text *t, char out[LOAD_REQUEST_MAX], uint64_t number, uint32_t ask, const char *lease, size_t lease_n);
/** A request with a body as long as an activation's that means nothing. */
size_t load_text_plain(const struct load_text *t, char out[LOAD_REQUEST_MAX]);

/** An answer, read in place. */
struct load_answer {
	unsigned status;             /* 100 … 599 */
	bool closes;                 /* the host ends the connection */
	const char *lease; size_t lease_n;   /* NULL: none */
	const char *code; size_t code_n;     /* at most 15 characters; NULL: none */
};
enum load_read { LOAD_READ_MORE, LOAD_READ_ALL, LOAD_READ_BAD };
/** @p in is terminated by a zero byte behind its @p n bytes. */
enum load_read load_answer_read(struct load_answer *out, const char *in, size_t n);

#endif
