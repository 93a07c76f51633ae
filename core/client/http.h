/**
 * One HTTP question and its answer, over TCP, TLS or a Unix socket: what muster, musterctl and the issuer's callers share.
 *
 * Bounded in size and time, http and https only, no redirects, no cookies, no user names. Functions are thread-safe.
 */
#ifndef CLIENT_HTTP_H
#define CLIENT_HTTP_H

#include <stdbool.h>
#include <muster/types.h>
#include "core/base/buf.h"

/** A question; all members are borrowed for the call. Zero members have the defaults said here. */
struct http_request {
	const char *method;         /**< "GET", "POST"; NULL: GET without, POST with a body */
	const char *url;            /**< http:// or https://; over a Unix socket the host part is only a name */
	const char *unix_socket;    /**< path of a Unix socket; NULL: TCP. Loopback and Unix sockets never use a proxy */
	const char *content_type;   /**< of the body; NULL: application/json */
	struct muster_span body;    /**< n 0: none, unless method is POST */
	const char *ca_file;        /**< PEM roots for https; NULL: the system's */
	bool unverified;            /**< https: anybody's certificate will do, to see whether somebody is there: nothing is sent or believed */
	size_t max;                 /**< largest answer body in bytes; 0: 65 536. A stream is not limited, its refusal is */
	uint32_t timeout_ms;        /**< of the whole exchange; 0: none (streams) */
	uint32_t connect_ms;        /**< for the connection; 0: the smaller of 5 000 and timeout_ms */
	/** Called with each piece of a 2xx answer as it comes; then answer->body stays empty. A negative return ends the
	 * exchange with that result (the callback fills its own error), a positive one ends it with MUSTER_OK. NULL: collect. */
	int (*chunk)(void *ctx, const void *p, size_t n);
	/** Asked about once a second; non-zero gives up with MUSTER_E_BUSY. NULL: never. */
	int (*stop)(void *ctx);
	void *ctx;                  /**< of chunk and stop */
};

/** An answer, of any status. */
struct http_answer {
	long status;                /**< 100 … 599 */
	struct buf body;            /**< terminated, see buf_str() */
	char content_type[96];      /**< without parameters, lower case; "" when absent */
	uint32_t retry_after;       /**< s; 0: none; at most 30 days */
};

void http_answer_init(struct http_answer *a);
void http_answer_fini(struct http_answer *a);   /**< frees; accepts one that was only initialised */

/**
 * Ask.
 *
 * @param[in,out] answer Initialised; emptied first. Filled whatever the status says.
 * @return MUSTER_OK; MUSTER_E_NETWORK: no answer, or not HTTP (the message says what and where); MUSTER_E_LIMIT: the answer is
 *         larger than allowed; MUSTER_E_INVALID: not a URL; MUSTER_E_BUSY: stop() said so; MUSTER_E_NOMEM; what chunk() returned.
 */
int http_ask(struct http_answer *answer, const struct http_request *request, struct muster_err *err);

#endif
