#include "core/issuer/pack_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <jansson.h>
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

#define LOG "packs.log"
#define LOG_MAX ((size_t)64 << 20)

void pack_log_fini(struct pack_log *l)
{
	mem_free(l->keys);
	memset(l, 0, sizeof(*l));
}

uint8_t pack_log_generation(const struct pack_log *l, uint32_t number)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->keys[i].number == number)
			return l->keys[i].generation;
	return 0;
}

static int raise_key(struct pack_log *l, uint32_t number, uint8_t generation, struct muster_err *err)
{
	struct pack_log_key *more;
	size_t i;

	for (i = 0; i < l->n && l->keys[i].number != number; i++)
		;
	if (i == l->n) {
		if ((more = mem_grow(l->keys, l->n + 1, sizeof(*more))) == NULL)
			return err_nomem(err);
		l->keys = more;
		l->keys[l->n++] = (struct pack_log_key){ .number = number };
	}
	if (generation > l->keys[i].generation)
		l->keys[i].generation = generation;
	return MUSTER_OK;
}

static int read_line(struct pack_log *l, const char *line, size_t n, const char *agreement, struct muster_err *err)
{
	json_t *j = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL), *k;
	const char *of = json_string_value(json_object_get(j, "agreement"));
	json_int_t issue = json_integer_value(json_object_get(j, "issue"));
	size_t i;
	int r = MUSTER_OK;

	if (of != NULL && strcmp(of, agreement) == 0 && issue > l->issue && issue <= UINT32_MAX)
		l->issue = (uint32_t)issue;
	json_array_foreach(json_object_get(j, "keys"), i, k)
		if (r == MUSTER_OK)
			r = raise_key(l, (uint32_t)json_integer_value(json_array_get(k, 0)), (uint8_t)json_integer_value(json_array_get(k, 1)), err);
	json_decref(j);
	return r;
}

int pack_log_read(struct pack_log *l, const struct authority *a, const char *agreement, struct muster_err *err)
{
	char *path = authority_path(a, LOG);
	const char *p, *end, *stop;
	struct buf text;
	int r;

	memset(l, 0, sizeof(*l));
	buf_init(&text, LOG_MAX);
	if (path == NULL)
		r = err_nomem(err);
	else if ((r = file_read(&text, path, LOG_MAX, err)) == MUSTER_E_NOT_FOUND)
		r = MUSTER_OK;
	p = buf_str(&text);
	stop = p + text.n;
	for (; r == MUSTER_OK && (end = memchr(p, '\n', (size_t)(stop - p))) != NULL; p = end + 1)
		r = read_line(l, p, (size_t)(end - p), agreement, err);
	buf_fini(&text);
	mem_free(path);
	return r;
}

static json_t *entry(const struct pack *p)
{
	json_t *keys = json_array();
	char id[UUID_TEXT];
	size_t i;

	uuid_format(id, p->id);
	for (i = 0; i < p->key_count; i++)
		if (json_array_append_new(keys, json_pack("[I, i]", (json_int_t)p->keys[i].number, (int)p->keys[i].generation)) != 0) {
			json_decref(keys);
			return NULL;
		}
	return json_pack("{s:s, s:I, s:s, s:o}", "agreement", p->agreement, "issue", (json_int_t)p->issue, "pack_id", id, "keys", keys);
}

/* A line feed in front: whatever a crash left of a line before is a line of its own then. */
static int append(const char *path, const char *text, struct muster_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600), r = MUSTER_OK;
	size_t n = strlen(text);

	if (fd < 0)
		return err_errno(err, errno, "cannot open %s", path);
	errno = 0;
	if (write(fd, text, n) != (ssize_t)n || fsync(fd) != 0)
		r = err_errno(err, errno != 0 ? errno : EIO, "cannot write %s", path);
	(void)close(fd);
	return r;
}

int pack_log_append(const struct authority *a, const struct pack *p, struct muster_err *err)
{
	char *path = authority_path(a, LOG), *json = NULL, *line = NULL;
	json_t *j = entry(p);
	int r;

	if (path == NULL || j == NULL || (json = json_dumps(j, JSON_COMPACT)) == NULL || (line = mem_printf("\n%s\n", json)) == NULL)
		r = err_nomem(err);
	else
		r = append(path, line, err);
	json_decref(j);
	free(json);   /* jansson's */
	mem_free(line);
	mem_free(path);
	return r;
}
