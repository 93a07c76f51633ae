/*
 * An entry of the estate's books as the admin API gets it: the first byte says of which kind, the rest is JSON. It is refused with a sentence that quotes no key, or has
 * its one form: checked again it stays, every value as text gives the same value, and no key is in a text. A line of text for a field is refused or taken likewise.
 */
#include <ctype.h>
#include <string.h>

#include "core/base/err.h"
#include "core/estate/kinds.h"
#include "tests/fuzz/fuzz.h"

#define TEXT_MAX (256u << 10)

/* Five groups of five with a letter among them. */
static bool has_key(const char *p)
{
	for (; *p != '\0'; p++) {
		bool letter = false;
		size_t i = 0;

		for (; i < 29 && (i % 6 == 5 ? p[i] == '-' : isascii((unsigned char)p[i]) && isalnum((unsigned char)p[i])); i++)
			letter = letter || isalpha((unsigned char)p[i]);
		if (i == 29 && letter && !isalnum((unsigned char)p[29]) && p[29] != '-')
			return true;
		/* Not from the middle of a longer word. */
		while (isascii((unsigned char)*p) && (isalnum((unsigned char)*p) || *p == '-') && p[1] != '\0')
			p++;
	}
	return false;
}

static void refused(int r, const struct muster_err *err)
{
	FUZZ_CHECK(r == MUSTER_E_INVALID || r == MUSTER_E_LIMIT);
	FUZZ_CHECK(err->message[0] != '\0' && err->code != 0);
	FUZZ_CHECK(!has_key(err->message));
	for (const char *p = err->message; *p != '\0'; p++)
		FUZZ_CHECK((unsigned char)*p >= 0x20 && *p != 0x7f);
}

/* As text, and back. */
static void field(const struct estate_kind *k, const json_t *entry, const struct estate_field *f)
{
	static char text[TEXT_MAX];
	struct muster_err err = { 0 };
	json_t *again = json_object();

	estate_entry_text(k, entry, f, text, sizeof text);
	/* In notes the "n" of a line's end may look like a symbol. */
	if (f->type != ESTATE_SETUP && f->type != ESTATE_LINES)
		FUZZ_CHECK(!has_key(text));
	FUZZ_CHECK(strchr(text, '\n') == NULL);
	FUZZ_CHECK(estate_entry_set(k, again, f, text, &err) == MUSTER_OK);
	if (f->type != ESTATE_KEY)
		FUZZ_CHECK(json_object_get(entry, f->name) == NULL ? json_object_size(again) == 0 : json_equal(json_object_get(entry, f->name), json_object_get(again, f->name)));
	/* Into too little room. */
	estate_entry_text(k, entry, f, text, 7);
	FUZZ_CHECK(strlen(text) < 7);
	json_decref(again);
}

static void typed(const struct estate_kind *k, const char *text)
{
	struct muster_err err = { 0 };
	json_t *o;
	int r;

	for (size_t i = 0; i < k->field_count; i++) {
		o = json_object();
		if ((r = estate_entry_set(k, o, &k->fields[i], text, &err)) == MUSTER_OK)
			field(k, o, &k->fields[i]);
		else
			refused(r, &err);
		json_decref(o);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct estate_kind *kinds, *k;
	struct muster_err err = { 0 };
	json_t *entry, *part, *was;
	char *line;
	size_t n;
	int r;

	if (size < 2 || size > TEXT_MAX)
		return 0;
	kinds = estate_kinds(&n);
	k = &kinds[data[0] % n];
	if ((line = malloc(size)) == NULL)
		return 0;
	memcpy(line, data + 1, size - 1);
	line[size - 1] = '\0';
	typed(k, line);
	free(line);
	if ((entry = json_loadb((const char *)data + 1, size - 1, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL)) == NULL)
		return 0;
	part = json_deep_copy(entry);
	if ((r = estate_entry_part(k, part, &err)) != MUSTER_OK)
		refused(r, &err);
	if ((r = estate_entry_check(k, entry, &err)) == MUSTER_OK) {
		was = json_deep_copy(entry);
		FUZZ_CHECK(estate_entry_check(k, entry, &err) == MUSTER_OK && json_equal(entry, was));
		json_decref(was);
		for (size_t i = 0; i < k->field_count; i++)
			field(k, entry, &k->fields[i]);
	} else {
		refused(r, &err);
	}
	estate_entry_wipe(entry);
	json_decref(part);
	json_decref(entry);
	return 0;
}
