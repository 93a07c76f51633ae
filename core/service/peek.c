#include "core/service/peek.h"

#include <string.h>

/* Longest method of RFC 9110 and its registry that a client may send here: BASELINE-CONTROL. */
#define METHOD_MAX 16

static size_t skip_empty_lines(const uint8_t *p, size_t n)
{
	size_t i = 0;

	/* A server should ignore empty lines before the request line (RFC 9112 section 2.2). */
	while (i < n && (p[i] == '\r' || p[i] == '\n'))
		i++;
	return i;
}

enum peek peek_bytes(const uint8_t *p, size_t n)
{
	size_t start = skip_empty_lines(p, n), i;

	if (n >= 2 && p[0] == 0x16 && p[1] == 0x03)
		return PEEK_TLS;
	if (n >= 3 && p[0] == 0x05 && p[1] == 0x00 && p[2] == 0x0b)
		return PEEK_RPC;
	for (i = start; i < n && i - start <= METHOD_MAX; i++) {
		if (p[i] == ' ')
			return i > start ? PEEK_HTTP : PEEK_OTHER;
		if ((p[i] < 'A' || p[i] > 'Z') && p[i] != '-')
			break;
	}
	if (i < n)
		return n < 3 && (p[0] == 0x16 || p[0] == 0x05) ? PEEK_MORE : PEEK_OTHER;
	return PEEK_MORE;
}

const char *peek_words(enum peek k, bool tls)
{
	switch (k) {
	case PEEK_HTTP: return tls ? "plain HTTP: this port speaks TLS, use https://" : "HTTP";
	case PEEK_MORE: return "too little to tell";
	case PEEK_TLS: return "a TLS greeting: this port speaks plain HTTP, use the port of [host] listen_tls or http://";
	case PEEK_RPC: return "a remote procedure call: probably a client that looks for its vendor's own activation host, which this is not";
	case PEEK_OTHER: break;
	}
	return "bytes that begin no HTTP request";
}
