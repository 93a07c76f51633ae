#include "core/issuer/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/uuid.h"
#include "core/trust/product_key.h"

#define LIST_ITEM 128

/* jansson's own check of UTF-8 is the one that all our JSON will have to pass. */
static bool is_utf8(const char *s)
{
	json_t *j = json_string(s);
	bool ok = j != NULL;

	json_decref(j);
	return ok;
}

int text_line(char *out, size_t room, const char *value, const char *what, struct muster_err *err)
{
	size_t n = strlen(value), i;

	if (n == 0)
		return err_set(err, MUSTER_E_INVALID, "%s is empty", what);
	if (n >= room)
		return err_set(err, MUSTER_E_INVALID, "%s has %zu bytes; at most %zu are kept", what, n, room - 1);
	for (i = 0; i < n; i++)
		if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
			return err_set(err, MUSTER_E_INVALID, "%s has a control character (after %zu bytes): it is one line of text", what, i);
	if (!is_utf8(value))
		return err_set(err, MUSTER_E_INVALID, "%s is not UTF-8", what);
	memcpy(out, value, n + 1);
	return MUSTER_OK;
}

int text_word(char *out, size_t room, const char *value, const char *what, struct muster_err *err)
{
	int r = text_line(out, room, value, what, err);

	if (r == MUSTER_OK && strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != strlen(value))
		r = err_set(err, MUSTER_E_INVALID, "%s: \"%.60s\" is not of letters, digits, points, hyphens and underscores", what, value);
	return r;
}

int text_coverage(int64_t start, int64_t end, struct muster_err *err)
{
	return end == 0 || end > start ? MUSTER_OK : err_set(err, MUSTER_E_INVALID, "--coverage-end is not after --coverage-start");
}

static int add_product(uint8_t (*out)[16], size_t *n, struct books_product *first, struct books *books, const char *name, struct muster_err *err)
{
	struct books_product p;
	size_t i;
	int r;

	if ((r = books_product(books, name, &p, err)) != MUSTER_OK)
		return r;
	for (i = 0; i < *n; i++)
		if (uuid_equal(out[i], p.activation_id))
			return err_set(err, MUSTER_E_INVALID, "--products names %s twice", p.name);
	if (*n == BOOKS_PRODUCTS_MAX)
		return err_set(err, MUSTER_E_INVALID, "--products names more than %d products", BOOKS_PRODUCTS_MAX);
	if (*n == 0)
		*first = p;
	memcpy(out[(*n)++], p.activation_id, 16);
	return MUSTER_OK;
}

int text_products(uint8_t (*out)[16], size_t *n, struct books_product *first, struct books *books, const char *list, struct muster_err *err)
{
	int r = MUSTER_OK;

	*n = 0;
	while (r == MUSTER_OK) {
		char name[LIST_ITEM];
		size_t length = strcspn(list, ",");

		if (length == 0 || length >= sizeof(name))
			return err_set(err, MUSTER_E_INVALID, "--products is a list of names or activation IDs with commas, as office2013,windows");
		memcpy(name, list, length);
		name[length] = '\0';
		r = add_product(out, n, first, books, name, err);
		if (list[length] == '\0')
			break;
		list += length + 1;
	}
	return r;
}

int text_number(uint32_t *out, const char *value, struct muster_err *err)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(value, &end, 10);
	*out = (uint32_t)n;
	if (errno != 0 || value[0] < '0' || value[0] > '9' || *end != '\0' || n > PRODUCT_KEY_NUMBER_MAX)
		return err_set(err, MUSTER_E_INVALID, "\"%.40s\" is not a key's number; see: muster-issuer key list", value);
	return MUSTER_OK;
}

int text_binding(uint8_t out[10], const char *value, struct muster_err *err)
{
	return hex_decode(out, 10, value, strlen(value)) == MUSTER_OK ? MUSTER_OK
		: err_set(err, MUSTER_E_INVALID, "\"%.40s\" is not a host's binding, 20 hexadecimal digits as `key show` prints them", value);
}
