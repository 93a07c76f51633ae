/* Product keys as typed: what is accepted says the same again in its usual form; a refusal has a sentence and leaves nothing of the key. */
#include <string.h>
#include "core/base/bytes.h"
#include "core/trust/product_key.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[PRODUCT_KEY_TEXT], partial[PRODUCT_KEY_PARTIAL];
	struct product_key key, again;
	struct muster_err err;

	if (product_key_parse(&key, (const char *)data, size, &err) != MUSTER_OK) {
		FUZZ_CHECK(err.message[0] != '\0' && err.code != 0 && key.kind == 0 && bytes_zero(key.secret, sizeof(key.secret)));
		return 0;
	}
	FUZZ_CHECK(size >= 25 && key.number <= PRODUCT_KEY_NUMBER_MAX && key.secret[0] < 0x20 && product_key_kind_name(key.kind) != NULL);
	product_key_format(text, &key);
	product_key_partial(partial, &key);
	FUZZ_CHECK(strlen(text) == PRODUCT_KEY_TEXT - 1 && strcmp(text + 24, partial) == 0);
	FUZZ_CHECK(product_key_parse(&again, text, strlen(text), NULL) == MUSTER_OK);
	FUZZ_CHECK(again.kind == key.kind && again.number == key.number && memcmp(again.secret, key.secret, sizeof(key.secret)) == 0);
	return 0;
}
