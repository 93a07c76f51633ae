#include "core/issuer/migrate.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/issuer/leaf.h"

#define LOG "certificates.log"
#define LOG_MAX ((size_t)1 << 30)   /* a gigabyte holds some 400,000 entries */

/* A string member, copied into a fixed array. */
static bool get_text(char *out, size_t room, const json_t *j, const char *name)
{
	const json_t *m = json_object_get(j, name);

	if (!json_is_string(m) || json_string_length(m) >= room)
		return false;
	memcpy(out, json_string_value(m), json_string_length(m) + 1);
	return true;
}

static bool get_time(int64_t *out, const json_t *j, const char *name)
{
	const json_t *m = json_object_get(j, name);
	int64_t ms;

	if (!json_is_string(m) || time_parse_rfc3339(&ms, json_string_value(m), json_string_length(m)) != MUSTER_OK)
		return false;
	*out = ms / 1000;
	return true;
}

static bool get_products(struct books_certificate *c, const json_t *list)
{
	size_t i, n = json_array_size(list);

	if (!json_is_array(list) || n == 0 || n > BOOKS_PRODUCTS_MAX)
		return false;
	for (i = 0; i < n; i++) {
		const json_t *m = json_array_get(list, i);

		if (!json_is_string(m) || uuid_parse(c->products[i], json_string_value(m), json_string_length(m)) != MUSTER_OK)
			return false;
	}
	c->product_count = n;
	return true;
}

/* Its public key, out of its chain; what cannot be read stays without. */
static int take_public_key(struct books_certificate *c, struct muster_err *err)
{
	struct trust_chain *chain;
	int r;

	if (trust_chain_read(&chain, span_str(c->chain), NULL) != MUSTER_OK)
		return MUSTER_OK;
	r = leaf_public_key(c->spki, trust_chain_signer(chain), err);
	trust_chain_unref(chain);
	return r;
}

static int read_line(struct books_certificate *c, const char *text, size_t n, struct muster_err *err)
{
	json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	const json_t *number = json_object_get(j, "number"), *mid = json_object_get(j, "intermediate");
	const char *chain = json_string_value(json_object_get(j, "chain"));
	bool ok;

	memset(c, 0, sizeof(*c));
	ok = json_is_integer(number) && json_integer_value(number) > 0 && json_integer_value(number) <= INT32_MAX && json_is_integer(mid) && json_integer_value(mid) > 0
	     && json_integer_value(mid) <= INT32_MAX && chain != NULL && get_text(c->subject, sizeof(c->subject), j, "subject") && get_text(c->kid, sizeof(c->kid), j, "kid")
	     && get_text(c->serial, sizeof(c->serial), j, "serial") && get_text(c->request, sizeof(c->request), j, "request_sha256") && get_time(&c->at, j, "issued")
	     && get_time(&c->begin, j, "not_before") && get_time(&c->end, j, "not_after") && get_products(c, json_object_get(j, "products"));
	if (ok) {
		c->number = (unsigned)json_integer_value(number);
		c->intermediate = (unsigned)json_integer_value(mid);
		c->chain = mem_strdup(chain);
	}
	json_decref(j);
	if (!ok)
		return err_set(err, MUSTER_E_INVALID, "not an entry of the book of certificates");
	return c->chain != NULL ? take_public_key(c, err) : err_nomem(err);
}

static int take_line(struct books *b, const char *p, size_t n, unsigned *taken, const struct books_act *act, struct muster_err *err)
{
	struct books_certificate c;
	unsigned next;
	int r;

	if ((r = read_line(&c, p, n, err)) != MUSTER_OK || (r = books_certificate_next(b, &next, err)) != MUSTER_OK)
		goto done;
	if (c.number >= next) {
		r = books_certificate_add(b, &c, act, err);
		(*taken)++;
	}
done:
	mem_free(c.chain);
	return r;
}

static int take_all(struct books *b, const char *path, const struct books_act *act, struct muster_err *err)
{
	const char *p, *end, *stop;
	unsigned line = 0, taken = 0;
	char detail[64];
	struct buf text;
	int r;

	buf_init(&text, LOG_MAX);
	r = file_read(&text, path, LOG_MAX, err);
	p = buf_str(&text);
	stop = p + text.n;
	/* what follows the last line end was cut off by a crash and counts for nothing */
	for (; r == MUSTER_OK && (end = memchr(p, '\n', (size_t)(stop - p))) != NULL; p = end + 1) {
		line++;
		if ((r = take_line(b, p, (size_t)(end - p), &taken, act, err)) != MUSTER_OK)
			(void)err_prefix(err, r, "%s:%u", path, line);
	}
	buf_fini(&text);
	(void)snprintf(detail, sizeof(detail), "%u certificates", taken);
	return r == MUSTER_OK ? books_note(b, BOOKS_EVENT_MIGRATED, LOG, detail, act, err) : r;
}

int migrate_certificates(const struct authority *a, struct books *b, const struct books_act *act, struct muster_err *err)
{
	char *path = authority_path(a, LOG), *done_path = authority_path(a, LOG ".migrated");
	int fd = -1, r = MUSTER_OK;

	if (path == NULL || done_path == NULL)
		r = err_nomem(err);
	else if (access(path, F_OK) == 0 && (r = authority_lock(&fd, a, err)) == MUSTER_OK && access(path, F_OK) == 0 && (r = take_all(b, path, act, err)) == MUSTER_OK
	         && rename(path, done_path) != 0)
		r = err_errno(err, errno, "cannot rename %s", path);
	if (fd >= 0)
		(void)close(fd);
	mem_free(done_path);
	mem_free(path);
	return r;
}
