/** Lists of hosts as people write them: "host[:port] …", IPv6 in brackets or bare, or http(s) addresses. */
#ifndef CLIENT_HOSTS_H
#define CLIENT_HOSTS_H

#include <muster/types.h>

#define HOSTS_MAX 16        /**< hosts in one list */
#define HOSTS_PORT 1688     /**< default port (docs/protocol.md section 1) */
#define HOSTS_URL 256       /**< bytes of one address, terminator included */
#define HOSTS_TEXT 4096     /**< longest list */

struct hosts {
	size_t n;
	char url[HOSTS_MAX][HOSTS_URL];  /**< "http://name:1688", no slash at the end */
};

/**
 * Read a list separated by blanks, commas or line ends; lines beginning with # are comments.
 * @param[out] out emptied first; the order is kept, repeats are dropped.
 * @param port of entries that name none, HOSTS_PORT; http:// and https:// addresses without one have 80 and 443.
 * @return MUSTER_OK (also for an empty list); MUSTER_E_INVALID or MUSTER_E_LIMIT naming the entry.
 */
int hosts_parse(struct hosts *out, const char *text, unsigned port, struct muster_err *err);

#endif
