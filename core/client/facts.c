/* What a machine reports about itself where a product with a key may ask for it (docs/protocol.md section 3, machine.facts). */
#include "core/client/client_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/file.h"

#define OS_RELEASE_MAX 65536

/* NAME=value or NAME="value" of os-release(5), at the beginning of a line. */
static json_t *os_release(const char *text, const char *name)
{
	size_t n = strlen(name), len;

	for (const char *p = text; p != NULL && *p != '\0'; p = strchr(p, '\n') != NULL ? strchr(p, '\n') + 1 : NULL) {
		if (strncmp(p, name, n) != 0 || p[n] != '=')
			continue;
		p += n + 1;
		len = strcspn(p, "\r\n");
		if (len >= 2 && (*p == '"' || *p == '\'') && p[len - 1] == *p) {
			p++;
			len -= 2;
		}
		return len > 0 && len <= FACTS_TEXT ? json_stringn(p, len) : NULL;
	}
	return NULL;
}

/* A value that cannot be read, or is no UTF-8, is left out. */
static int put(json_t *o, const char *name, json_t *value)
{
	return value == NULL || json_object_get(o, name) != NULL ? (json_decref(value), 0) : json_object_set_new(o, name, value);
}

static int add_found(json_t *o, struct muster_err *err)
{
	struct utsname u;
	struct buf text;
	int bad = 0;

	buf_init(&text, OS_RELEASE_MAX);
	if (file_read(&text, "/etc/os-release", OS_RELEASE_MAX, NULL) == MUSTER_OK) {
		bad |= put(o, "os.name", os_release(buf_str(&text), "ID"));
		bad |= put(o, "os.version", os_release(buf_str(&text), "VERSION_ID"));
	}
	buf_fini(&text);
	if (uname(&u) == 0) {
		bad |= put(o, "os.kernel", json_string(u.release));
		bad |= put(o, "os.arch", json_string(u.machine));
	}
	return bad == 0 ? MUSTER_OK : err_nomem(err);
}

/* As they were told. */
static int load_told(const struct muster_client *c, json_t **out, struct muster_err *err)
{
	struct buf text;
	json_error_t e;
	int r;

	*out = NULL;
	buf_init(&text, 2 * FACTS_BYTES);
	if ((r = state_facts_load(&c->state, &text, err)) == MUSTER_OK && (*out = text.n > 0 ? json_loadb(buf_str(&text), text.n, JSON_REJECT_DUPLICATES, &e) : json_object()) == NULL)
		r = text.n > 0 ? MUSTER_E_INVALID : err_nomem(err);
	if (r == MUSTER_E_INVALID || (r == MUSTER_OK && !json_is_object(*out)))
		r = err_set(err, MUSTER_E_INVALID, "%s/facts.json is damaged: remove it and tell the facts again", c->state.dir);
	buf_fini(&text);
	if (r != MUSTER_OK) {
		json_decref(*out);
		*out = NULL;
	}
	return r;
}

int facts_load(struct muster_client *c, json_t **out, struct muster_err *err)
{
	int r = load_told(c, out, err);

	if (r == MUSTER_OK && (r = add_found(*out, err)) != MUSTER_OK) {
		json_decref(*out);
		*out = NULL;
	}
	return r;
}

static int make_value(json_t **out, const char *name, uint32_t kind, const char *text, int64_t number, struct muster_err *err)
{
	*out = NULL;
	switch (kind) {
	case MUSTER_FACT_NONE:
		return MUSTER_OK;
	case MUSTER_FACT_TEXT:
		if (text == NULL || strlen(text) > FACTS_TEXT || (*out = json_string(text)) == NULL)
			return err_set(err, MUSTER_E_INVALID, "the fact %s: its text is not UTF-8 of at most %d bytes", name, FACTS_TEXT);
		return MUSTER_OK;
	case MUSTER_FACT_INTEGER:
		*out = json_integer(number);
		break;
	case MUSTER_FACT_BOOLEAN:
		*out = json_boolean(number != 0);
		break;
	default:
		return err_set(err, MUSTER_E_INVALID, "the fact %s: %u is no kind of fact", name, (unsigned)kind);
	}
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}

/* What is sent has room for those that are found by themselves, too. */
static int save(struct muster_client *c, json_t *o, struct muster_err *err)
{
	char *text;
	json_t *all = json_copy(o);
	int r;

	if (all == NULL || (r = add_found(all, err)) != MUSTER_OK) {
		json_decref(all);
		return err_nomem(err);
	}
	text = json_dumps(all, JSON_COMPACT);
	if (text == NULL)
		r = err_nomem(err);
	else if (json_object_size(all) > FACTS_MAX || strlen(text) > FACTS_BYTES)
		r = err_set(err, MUSTER_E_LIMIT, "more than %d facts, or more than %d bytes of them: remove some", FACTS_MAX, FACTS_BYTES);
	free(text);
	json_decref(all);
	if (r != MUSTER_OK)
		return r;
	if ((text = json_dumps(o, JSON_INDENT(1) | JSON_SORT_KEYS)) == NULL)
		return err_nomem(err);
	r = state_facts_save(&c->state, span_str(text), err);
	free(text);
	return r;
}

static bool is_name(const char *name)
{
	size_t n = name != NULL ? strlen(name) : 0;

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F || name[i] == '=')
			return false;
	return n >= 1 && n <= FACTS_NAME;
}

int muster_client_set_fact(struct muster_client *c, const char *name, uint32_t kind, const char *text, int64_t number, struct muster_err *err)
{
	json_t *value = NULL, *o = NULL;
	int r;

	MUSTER_ASSERT(c->magic == CLIENT_MAGIC);
	if (!is_name(name))
		return err_set(err, MUSTER_E_INVALID, "a fact's name has 1 to %d bytes, and neither = nor control characters", FACTS_NAME);
	if ((r = make_value(&value, name, kind, text, number, err)) != MUSTER_OK || (r = client_begin(c, err)) != MUSTER_OK)
		goto done;
	if ((r = load_told(c, &o, err)) == MUSTER_OK) {
		if (value == NULL) {
			(void)json_object_del(o, name);
			r = save(c, o, err);
		} else if (json_object_set(o, name, value) != 0) {
			r = err_set(err, MUSTER_E_INVALID, "the fact's name is not UTF-8");
		} else {
			r = save(c, o, err);
		}
	}
	client_end(c);
done:
	json_decref(value);
	json_decref(o);
	return r;
}
