/* Any bytes as JSON. The first byte says what the caller says: nothing, or a kind. */
#include "tests/fuzz/fuzz_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct exchange_hints hints[] = { { 0 }, { .type = EXCHANGE_KEYS }, { .type = EXCHANGE_BOOKS, .kind = "agreement" }, { .type = EXCHANGE_MACHINES }, { .type = EXCHANGE_EVENTS } };

	if (size > 1 && (data[1] == '{' || data[1] == '['))
		fuzz_import(data + 1, size - 1, &hints[data[0] % (sizeof hints / sizeof hints[0])], false);
	return 0;
}
