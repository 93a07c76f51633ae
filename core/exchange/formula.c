/* What a spreadsheet would calculate. A file of its own: muster-issuer, which needs no reader, links this alone. */
#include <string.h>

#include "core/exchange/record.h"

/* Signs of full width (U+FF1D, FF0B, FF0D, FF20) are signs to spreadsheets of East Asia. */
bool exchange_is_formula(const char *text)
{
	static const char *const wide[] = { "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0" };

	if (*text != '\0' && strchr("=+-@\t\r\n", *text) != NULL)
		return true;
	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
		if (strncmp(text, wide[i], 3) == 0)
			return true;
	return false;
}

bool exchange_to_mark(const char *text)
{
	return exchange_is_formula(text + strspn(text, "'"));
}
