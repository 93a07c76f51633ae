#include "core/issuer/output.h"

#include <errno.h>
#include <fcntl.h>
#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

struct output_table { struct libscols_table *t; size_t columns; };

int output_json(json_t *j, struct muster_err *err)
{
	int bad = j == NULL || json_dumpf(j, stdout, JSON_INDENT(2)) != 0;

	json_decref(j);
	if (bad)
		return err_nomem(err);
	(void)fputc('\n', stdout);
	return MUSTER_OK;
}

int output_finish(int r, struct muster_err *err)
{
	if (r == MUSTER_OK && (fflush(stdout) != 0 || ferror(stdout)))
		r = err_errno(err, errno, "cannot write to standard output");
	if (r == MUSTER_OK)
		return ISSUER_OK;
	(void)fprintf(stderr, "muster-issuer: %s\n", err->message);
	return ISSUER_FAILED;
}

void output_words(const char *fmt, va_list ap)
{
	(void)fputs("muster-issuer: ", stderr);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputs("\n", stderr);
}

void output_notice(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	output_words(fmt, ap);
	va_end(ap);
}

const char *output_time(char out[TIME_RFC3339], int64_t s)
{
	out[0] = '\0';
	if (s != 0)
		time_rfc3339(out, s * 1000);
	return out;
}

json_t *output_json_time(int64_t s)
{
	char text[TIME_RFC3339];

	return s == 0 ? json_null() : json_string(output_time(text, s));
}

json_t *output_json_text(const char *text)
{
	return text == NULL || text[0] == '\0' ? json_null() : json_string(text);
}

json_t *output_json_ids(const uint8_t (*ids)[16], size_t n)
{
	json_t *list = json_array();
	char id[UUID_TEXT];
	size_t i;

	for (i = 0; list != NULL && i < n; i++) {
		uuid_format(id, ids[i]);
		if (json_array_append_new(list, json_string(id)) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

int output_file_open(struct output_file *f, const char *path, const char *undone, struct muster_err *err)
{
	f->path = path;
	f->fd = -1;
	if (path == NULL || (f->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) >= 0)
		return MUSTER_OK;
	return errno == EEXIST ? err_set(err, MUSTER_E_EXISTS, "%s is there already; %s", path, undone) : err_errno(err, errno, "cannot create %s", path);
}

int output_file_hide(struct output_file *f, struct muster_err *err)
{
	return f->fd < 0 || fchmod(f->fd, 0600) == 0 ? MUSTER_OK : err_errno(err, errno, "cannot close %s to others", f->path);
}

int output_file_write(struct output_file *f, struct muster_span bytes, struct muster_err *err)
{
	size_t done = 0;

	if (f->fd < 0)
		return MUSTER_OK;
	while (done < bytes.n) {
		ssize_t w = write(f->fd, bytes.p + done, bytes.n - done);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return err_errno(err, errno, "cannot write %s", f->path);
		done += (size_t)w;
	}
	return fsync(f->fd) == 0 || errno == EINVAL ? MUSTER_OK : err_errno(err, errno, "cannot write %s", f->path);
}

void output_file_close(struct output_file *f, bool keep)
{
	if (f->fd < 0)
		return;
	(void)close(f->fd);
	if (!keep)
		(void)unlink(f->path);
	f->fd = -1;
}

int output_table_new(struct output_table **out, const struct output_column *columns, size_t n, struct muster_err *err)
{
	struct output_table *t = mem_alloc(sizeof(*t));
	size_t i;

	*out = NULL;
	if (t == NULL || (t->t = scols_new_table()) == NULL) {
		mem_free(t);
		return err_nomem(err);
	}
	t->columns = n;
	if (!isatty(STDOUT_FILENO))
		scols_table_set_termforce(t->t, SCOLS_TERMFORCE_NEVER);
	for (i = 0; i < n; i++)
		if (scols_table_new_column(t->t, columns[i].title, 0, columns[i].right ? SCOLS_FL_RIGHT : 0) == NULL)
			return output_table_end(t, err_nomem(err), err);
	*out = t;
	return MUSTER_OK;
}

int output_table_row(struct output_table *t, const char *const *cells)
{
	struct libscols_line *line = scols_table_new_line(t->t, NULL);
	size_t i;

	for (i = 0; line != NULL && i < t->columns; i++)
		if (scols_line_set_data(line, i, cells[i] != NULL ? cells[i] : "") != 0)
			line = NULL;
	return line != NULL ? MUSTER_OK : MUSTER_E_NOMEM;
}

int output_table_end(struct output_table *t, int r, struct muster_err *err)
{
	if (r == MUSTER_OK && scols_print_table(t->t) != 0)
		r = err_nomem(err);
	else if (r == MUSTER_OK && scols_table_get_nlines(t->t) == 0)
		output_notice("there is nothing to list yet");
	scols_unref_table(t->t);
	mem_free(t);
	return r;
}

int output_list_begin(struct output_list *l, bool json, const struct output_column *columns, size_t n, struct muster_err *err)
{
	l->table = NULL;
	l->json = json ? json_array() : NULL;
	if (json)
		return l->json != NULL ? MUSTER_OK : err_nomem(err);
	return output_table_new(&l->table, columns, n, err);
}

int output_list_end(struct output_list *l, int r, struct muster_err *err)
{
	if (l->json == NULL)
		return output_table_end(l->table, r, err);
	if (r == MUSTER_OK)
		return output_json(l->json, err);
	json_decref(l->json);
	return r;
}
