#include "core/trust/typed.h"

#include <string.h>

size_t typed_separator(const char *p, size_t n)
{
	/* no-break space, then the dashes, in UTF-8 */
	static const char *const others[] = {
		"\xC2\xA0", "\xE2\x80\x90", "\xE2\x80\x91", "\xE2\x80\x92", "\xE2\x80\x93", "\xE2\x80\x94", "\xE2\x80\x95", "\xE2\x88\x92"
	};
	size_t i, len;

	if (n == 0)
		return 0;
	if (*p == ' ' || *p == '-' || *p == '\t' || *p == '\n' || *p == '\r')
		return 1;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		len = strlen(others[i]);
		if (n >= len && memcmp(p, others[i], len) == 0)
			return len;
	}
	return 0;
}
