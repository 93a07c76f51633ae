#include "core/base/uuid.h"

#include <string.h>
#include <openssl/evp.h>

#include "core/base/bytes.h"
#include "core/base/err.h"

/* Characters of the text before each hyphen. */
static const uint8_t group_bytes[] = { 4, 2, 2, 2, 6 };

int uuid_parse(uint8_t out[UUID_LEN], const char *text, size_t n)
{
	size_t at = 0, done = 0;

	memset(out, 0, UUID_LEN);
	if (text == NULL || n != UUID_TEXT - 1)
		return MUSTER_E_INVALID;
	for (size_t g = 0; g < sizeof group_bytes; g++) {
		if ((g > 0 && text[at++] != '-') ||
		    hex_decode(out + done, group_bytes[g], text + at, (size_t)group_bytes[g] * 2) != MUSTER_OK) {
			memset(out, 0, UUID_LEN);
			return MUSTER_E_INVALID;
		}
		done += group_bytes[g];
		at += (size_t)group_bytes[g] * 2;
	}
	return MUSTER_OK;
}

int uuid_parse_urn(uint8_t out[UUID_LEN], const char *text, size_t n)
{
	const size_t prefix = sizeof UUID_URN - 1;

	memset(out, 0, UUID_LEN);
	if (text == NULL || n != prefix + UUID_TEXT - 1 || memcmp(text, UUID_URN, prefix) != 0)
		return MUSTER_E_INVALID;
	for (size_t i = prefix; i < n; i++)
		if (text[i] >= 'A' && text[i] <= 'F')
			return MUSTER_E_INVALID;
	return uuid_parse(out, text + prefix, n - prefix);
}

void uuid_format(char out[UUID_TEXT], const uint8_t id[UUID_LEN])
{
	for (size_t g = 0; g < sizeof group_bytes; g++) {
		if (g > 0)
			*out++ = '-';
		hex_encode(out, id, group_bytes[g]);
		out += (size_t)group_bytes[g] * 2;
		id += group_bytes[g];
	}
}

static void mark(uint8_t id[UUID_LEN], uint8_t version)
{
	id[6] = (uint8_t)((id[6] & 0x0F) | version << 4);
	id[8] = (uint8_t)((id[8] & 0x3F) | 0x80);
}

void uuid_random(uint8_t out[UUID_LEN])
{
	random_bytes(out, UUID_LEN);
	mark(out, 4);
}

void uuid_named(uint8_t out[UUID_LEN], const uint8_t space[UUID_LEN], const char *name)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	/* SHA-1 is what RFC 9562 section 5.5 prescribes; it names, it protects nothing. */
	MUSTER_ASSERT(ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) == 1 &&
		EVP_DigestUpdate(ctx, space, UUID_LEN) == 1 && EVP_DigestUpdate(ctx, name, strlen(name)) == 1 &&
		EVP_DigestFinal_ex(ctx, digest, NULL) == 1);
	EVP_MD_CTX_free(ctx);
	memcpy(out, digest, UUID_LEN);
	mark(out, 5);
}

bool uuid_is_nil(const uint8_t id[UUID_LEN])
{
	return bytes_zero(id, UUID_LEN);
}

bool uuid_equal(const uint8_t a[UUID_LEN], const uint8_t b[UUID_LEN])
{
	return memcmp(a, b, UUID_LEN) == 0;
}
