/*
 * Sealed records, and keys under a passphrase. The first byte chooses: 'R' a record; 'W' a wrapped key, tried only when its length is
 * not the right one (the right one costs a scrypt; tests/unit/test_seal.c changes those).
 */
#include <string.h>
#include "core/base/bytes.h"
#include "core/trust/seal.h"
#include "tests/fuzz/fuzz.h"

#define WRAPPED (1 + 39 + 102)   /* 'W', the head, 76 bytes in base64url */

static struct seal *sealed;

static void try_record(struct muster_span record)
{
	static const struct seal_place at = { "key", "1", "secret" };
	struct muster_err err;
	struct buf plain;
	int r;

	buf_init(&plain, 1 << 20);
	memset(&err, 0, sizeof(err));
	r = seal_get(&plain, sealed, &at, record, &err);
	if (r == MUSTER_OK)
		FUZZ_CHECK(plain.n == record.n - SEAL_OVERHEAD && seal_current(sealed, record));
	else
		FUZZ_CHECK(plain.n == 0 && err.message[0] != '\0' && (r == MUSTER_E_INVALID || r == MUSTER_E_NOT_FOUND || r == MUSTER_E_MISMATCH));
	buf_cleanse(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[SEAL_KEY] = { 1 };
	uint8_t out[SEAL_KEY];

	if (sealed == NULL)
		FUZZ_CHECK(seal_open_key(&sealed, key, NULL) == MUSTER_OK);
	if (size > 0 && data[0] == 'R') {
		try_record(span_of(data + 1, size - 1));
	} else if (size > 0 && data[0] == 'W' && size != WRAPPED && size != WRAPPED + 1) {
		FUZZ_CHECK(seal_unwrap(out, span_of(data + 1, size - 1), "correct horse", NULL) == MUSTER_E_INVALID);
		FUZZ_CHECK(bytes_zero(out, sizeof(out)));
	}
	return 0;
}
