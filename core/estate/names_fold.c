/* By which names and numbers an entry is meant, and when two of these are the same. */
#include "core/estate/names_fold.h"

#include <ctype.h>
#include <string.h>

/* By which fields an entry is meant; the first that is there makes its ID. Numbers are compared without separators. */
static const struct { const char *kind, *field; bool number; } named_by[] = {
	{ "organisation", "name", false }, { "contact", "name", false }, { "product", "name", false }, { "order", "number", true }, { "key", "partial", true },
	{ "agreement", "number", true }, { "agreement", "enrollment", true }, { "agreement", "authorization", true }, { "agreement", "account", true },
	{ "agreement", "license_ids", true }, { "agreement", "name", false },
};
#define NAMED_BY (sizeof named_by / sizeof named_by[0])

const char *fold_into(char *out, size_t room, const char *text, bool number)
{
	size_t used = 0;
	bool blank = false;

	for (const unsigned char *p = (const unsigned char *)text; *p != '\0' && used + 2 < room; p++) {
		if (number ? *p < 0x80 && !isalnum(*p) : isspace(*p)) {
			blank = used > 0;
			continue;
		}
		if (blank && !number)
			out[used++] = ' ';
		blank = false;
		/* Latin letters with accents too: A-grave to Thorn are C3 80 to C3 9E. */
		if (*p >= 0x80 && *p <= 0x9E && p != (const unsigned char *)text && p[-1] == 0xC3)
			out[used++] = (char)(*p + 0x20);
		else
			out[used++] = (char)(*p < 0x80 ? tolower(*p) : *p);
	}
	out[used] = '\0';
	return out;
}

const char *name_fold(char out[NAME_FOLDED], const char *text, bool number)
{
	return fold_into(out, NAME_FOLDED, text, number);
}

static int each_value(const json_t *v, bool number, int (*fn)(void *ctx, const char *name), void *ctx)
{
	char folded[1 + NAME_FOLDED];
	const char *text = json_string_value(v);

	if (text == NULL)
		return 0;
	folded[0] = number ? '#' : '=';
	(void)name_fold(folded + 1, text, number);
	return folded[1] != '\0' ? fn(ctx, folded) : 0;
}

int names_each(const struct estate_kind *k, const json_t *entry, int (*fn)(void *ctx, const char *name), void *ctx)
{
	const json_t *v, *x;
	size_t j;
	int r = 0;

	for (size_t i = 0; r == 0 && i < NAMED_BY; i++) {
		if (strcmp(named_by[i].kind, k->name) != 0 || (v = json_object_get(entry, named_by[i].field)) == NULL)
			continue;
		if (!json_is_array(v)) {
			r = each_value(v, named_by[i].number, fn, ctx);
			continue;
		}
		json_array_foreach(v, j, x)
			if ((r = each_value(x, named_by[i].number, fn, ctx)) != 0)
				break;
	}
	return r;
}

bool names_has(const struct estate_kind *k)
{
	for (size_t i = 0; i < NAMED_BY; i++)
		if (strcmp(named_by[i].kind, k->name) == 0)
			return true;
	return false;
}

static const char *first_text(const json_t *v)
{
	return json_string_value(json_is_array(v) ? json_array_get(v, 0) : v);
}

const char *names_first(const struct estate_kind *k, const json_t *entry)
{
	const char *text = NULL;

	for (size_t i = 0; text == NULL && i < NAMED_BY; i++)
		if (strcmp(named_by[i].kind, k->name) == 0)
			text = first_text(json_object_get(entry, named_by[i].field));
	return text;
}
