#include "core/base/bytes.h"

#include <string.h>
#include <openssl/rand.h>

#include "core/base/err.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

void hex_encode(char *out, const void *in, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = in;

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

int hex_decode(uint8_t *out, size_t n, const char *in, size_t in_len)
{
	if (in_len / 2 != n || in_len % 2 != 0)
		return MUSTER_E_INVALID;
	for (size_t i = 0; i < n; i++) {
		int high = hex_value(in[2 * i]), low = hex_value(in[2 * i + 1]);

		if (high < 0 || low < 0)
			return MUSTER_E_INVALID;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return MUSTER_OK;
}

size_t b64_encode(char *out, const void *in, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const uint8_t *p = in;
	char *start = out;
	uint32_t bits = 0;
	unsigned held = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | p[i];
		for (held += 8; held >= 6; held -= 6)
			*out++ = digits[bits >> (held - 6) & 63];
	}
	if (held > 0)
		*out++ = digits[bits << (6 - held) & 63];
	*out = '\0';
	return (size_t)(out - start);
}

static int b64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

int b64_decode(uint8_t *out, size_t room, size_t *n, const char *in, size_t in_len)
{
	uint32_t bits = 0;
	unsigned held = 0;
	size_t used = 0;

	*n = 0;
	if (in_len % 4 == 1)
		return MUSTER_E_INVALID;
	for (size_t i = 0; i < in_len; i++) {
		int v = b64_value(in[i]);

		if (v < 0)
			return MUSTER_E_INVALID;
		bits = bits << 6 | (uint32_t)v;
		held += 6;
		if (held >= 8) {
			held -= 8;
			if (used == room)
				return MUSTER_E_LIMIT;
			out[used++] = (uint8_t)(bits >> held);
		}
	}
	if ((bits & ((1U << held) - 1)) != 0)
		return MUSTER_E_INVALID;
	*n = used;
	return MUSTER_OK;
}

bool span_equal(struct muster_span a, struct muster_span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

void be16_put(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void be32_put(uint8_t *p, uint32_t v)
{
	be16_put(p, (uint16_t)(v >> 16));
	be16_put(p + 2, (uint16_t)v);
}

void be64_put(uint8_t *p, uint64_t v)
{
	be32_put(p, (uint32_t)(v >> 32));
	be32_put(p + 4, (uint32_t)v);
}

uint16_t be16_get(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t be32_get(const uint8_t *p)
{
	return (uint32_t)be16_get(p) << 16 | be16_get(p + 2);
}

uint64_t be64_get(const uint8_t *p)
{
	return (uint64_t)be32_get(p) << 32 | be32_get(p + 4);
}

bool bytes_zero(const void *p, size_t n)
{
	const uint8_t *q = p;
	uint8_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= q[i];
	return any == 0;
}

void random_bytes(void *out, size_t n)
{
	uint8_t *p = out;

	while (n > 0) {
		int part = n > 1 << 20 ? 1 << 20 : (int)n;

		/* A program that goes on with predictable bytes is worse than one that stops. */
		MUSTER_ASSERT(RAND_bytes(p, part) == 1);
		p += part;
		n -= (size_t)part;
	}
}

uint64_t random_below(uint64_t limit)
{
	uint64_t v, reject;

	MUSTER_ASSERT(limit > 0);
	reject = (UINT64_MAX - limit + 1) % limit;  /* 2^64 mod limit values too many at the top */
	do {
		random_bytes(&v, sizeof v);
	} while (v > UINT64_MAX - reject);
	return v % limit;
}
