/* UUIDs as text and as URN: what is accepted has exactly one length, and formats back to what was read. */
#include <ctype.h>
#include <string.h>
#include "core/base/uuid.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t nil[UUID_LEN];
	const char *text = (const char *)data;
	uint8_t id[UUID_LEN];
	char back[UUID_TEXT];
	size_t i;

	if (uuid_parse(id, text, size) == MUSTER_OK) {
		FUZZ_CHECK(size == UUID_TEXT - 1);
		uuid_format(back, id);
		for (i = 0; i < size; i++)
			FUZZ_CHECK(back[i] == tolower(data[i]));
	} else {
		FUZZ_CHECK(memcmp(id, nil, sizeof(id)) == 0);
	}
	if (uuid_parse_urn(id, text, size) == MUSTER_OK) {
		FUZZ_CHECK(size == strlen(UUID_URN) + UUID_TEXT - 1 && memcmp(text, UUID_URN, strlen(UUID_URN)) == 0);
		uuid_format(back, id);
		FUZZ_CHECK(memcmp(back, text + strlen(UUID_URN), UUID_TEXT - 1) == 0);
	}
	return 0;
}
