/** What begins a connection: HTTP, or something that has nothing to look for on this port (design.md section 11). Pure. */
#ifndef SERVICE_PEEK_H
#define SERVICE_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum peek {
	PEEK_HTTP,    /**< may begin an HTTP request line */
	PEEK_MORE,    /**< too little to tell */
	PEEK_TLS,     /**< a TLS greeting (RFC 8446 section 5.1) */
	PEEK_RPC,     /**< a remote procedure call's bind (DCE 1.1: RPC, section 12.6) */
	PEEK_OTHER
};
#define PEEK_BYTES 32  /**< as many first bytes are enough */

enum peek peek_bytes(const uint8_t *p, size_t n);
/** A few words for the log: what came to a port that speaks plain HTTP, or @p tls. */
const char *peek_words(enum peek k, bool tls);

#endif
