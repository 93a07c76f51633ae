/* Any bytes as a table. The first byte says what the caller says: nothing, a kind, columns. */
#include "tests/fuzz/fuzz_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const maps[] = { "A=products", "B B=license_ids" };
	static const struct exchange_hints hints[] = {
		{ .type = EXCHANGE_KEYS, .at = 1795305600 }, { .type = EXCHANGE_BOOKS }, { .type = EXCHANGE_BOOKS, .kind = "agreement" }, { .type = EXCHANGE_BOOKS, .kind = "order" },
		{ .type = EXCHANGE_KEYS, .maps = maps, .map_count = 2 }, { .type = EXCHANGE_MACHINES }, { .type = EXCHANGE_BOOKS, .kind = "host" }, { .type = EXCHANGE_BOOKS, .kind = "product" },
	};

	if (size > 0 && data[1 < size ? 1 : 0] != '{' && data[1 < size ? 1 : 0] != '[')
		fuzz_import(data + 1, size - 1, &hints[data[0] % (sizeof hints / sizeof hints[0])], true);
	return 0;
}
