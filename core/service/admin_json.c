#include "core/service/admin.h"

#include <string.h>

#include "core/base/codes.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

json_t *admin_json_time(int64_t ms)
{
	char text[TIME_RFC3339];

	if (ms == 0)
		return json_null();
	time_rfc3339(text, ms);
	return json_string(text);
}

json_t *admin_json_uuid(const uint8_t id[16])
{
	char text[UUID_TEXT];

	if (uuid_is_nil(id))
		return json_null();
	uuid_format(text, id);
	return json_string(text);
}

json_t *admin_json_code(uint32_t code)
{
	char text[16];

	if (code == CODE_OK)
		return json_string("0x0");
	code_name(text, code);
	return json_string(text);
}

json_t *admin_json_text(const char *text)
{
	json_t *v;
	char *copy;

	if (text == NULL)
		return json_null();
	if ((v = json_string(text)) != NULL)
		return v;
	/* Not UTF-8: a stored name must not make a whole list unreadable. */
	if ((copy = mem_strdup(text)) == NULL)
		return NULL;
	for (char *p = copy; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	v = json_string(copy);
	mem_free(copy);
	return v;
}
