#include "core/base/bytes.h"

#include <string.h>
#include <openssl/rand.h>

#include "core/base/err.h"

/* What an ASCII character stands for, -1 nothing. Looked up: comparisons of random digits are mispredicted half of the time. */
static const int8_t hex_values[128] = {
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, -1, -1, -1, -1, -1, -1,
	-1, 10, 11, 12, 13, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, 10, 11, 12, 13, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
};
static const int8_t b64_values[128] = {
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 62, -1, -1,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1, -1,
	-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1, 63,
	-1, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, -1, -1, -1, -1, -1,
};

static int value(const int8_t values[128], char c)
{
	return (unsigned char)c < 128 ? values[(unsigned char)c] : -1;
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
		int high = value(hex_values, in[2 * i]), low = value(hex_values, in[2 * i + 1]);

		if ((high | low) < 0)
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
	uint32_t bits;

	for (; n >= 3; n -= 3, p += 3) {
		bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
		*out++ = digits[bits >> 18];
		*out++ = digits[bits >> 12 & 63];
		*out++ = digits[bits >> 6 & 63];
		*out++ = digits[bits & 63];
	}
	if (n > 0) {
		bits = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0);
		*out++ = digits[bits >> 18];
		*out++ = digits[bits >> 12 & 63];
		if (n > 1)
			*out++ = digits[bits >> 6 & 63];
	}
	*out = '\0';
	return (size_t)(out - start);
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
		int v = value(b64_values, in[i]);

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
