#include "core/issuer/rewrap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/issuer/datakey.h"

#define MARK "passphrase.change"
#define SUFFIX ".rewrapped"
#define FILES_MAX 1000

static bool ends(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && strcmp(name + n - m, suffix) == 0;
}

/* Call @p fn for each file whose name ends so; names first, since fn changes the folder. */
static int each(const struct authority *a, const char *suffix, int (*fn)(void *ctx, const char *name, struct muster_err *err), void *ctx, struct muster_err *err)
{
	char *names[FILES_MAX];
	size_t n = 0, i;
	DIR *d = opendir(a->dir);
	struct dirent *e;
	int r = MUSTER_OK;

	if (d == NULL)
		return err_errno(err, errno, "%s", a->dir);
	while (r == MUSTER_OK && n < FILES_MAX && (e = readdir(d)) != NULL)
		if (ends(e->d_name, suffix) && (names[n++] = mem_strdup(e->d_name)) == NULL)
			r = err_nomem(err);
	(void)closedir(d);
	for (i = 0; i < n; i++) {
		if (r == MUSTER_OK)
			r = fn(ctx, names[i], err);
		mem_free(names[i]);
	}
	return r;
}

struct change { const struct authority *a; const char *from, *to; unsigned files; };

static int write_one(void *ctx, const char *name, struct muster_err *err)
{
	struct change *c = ctx;
	char *path = authority_path(c->a, name), *fresh = path != NULL ? mem_printf("%s" SUFFIX, path) : NULL;
	EVP_PKEY *key = NULL;
	bool locked = false;
	struct buf text;
	int r;

	buf_init(&text, 4096);
	if (fresh == NULL) {
		r = err_nomem(err);
	} else if (strcmp(name, DATAKEY_FILE) == 0) {
		if ((r = datakey_rewrap(&text, c->a->dir, c->from, c->to, err)) == MUSTER_OK)
			r = file_write(fresh, span_of(text.p, text.n), 0600, err);
	} else if ((r = trust_key_encrypted(&locked, path, err)) == MUSTER_OK && (r = trust_key_read(&key, path, locked ? c->from : NULL, err)) == MUSTER_OK) {
		r = trust_key_write(key, fresh, c->to, err);
	}
	c->files++;
	EVP_PKEY_free(key);
	buf_cleanse(&text);
	mem_free(fresh);
	mem_free(path);
	return r;
}

static int remove_one(void *ctx, const char *name, struct muster_err *err)
{
	const struct change *c = ctx;
	char *path = authority_path(c->a, name);
	int r = path == NULL ? err_nomem(err) : unlink(path) != 0 ? err_errno(err, errno, "cannot remove %s", path) : MUSTER_OK;

	mem_free(path);
	return r;
}

static int rename_one(void *ctx, const char *name, struct muster_err *err)
{
	const struct change *c = ctx;
	char *path = authority_path(c->a, name), *to = path != NULL ? mem_strndup(path, strlen(path) - strlen(SUFFIX)) : NULL;
	int r = to == NULL ? err_nomem(err) : rename(path, to) != 0 ? err_errno(err, errno, "cannot rename %s", path) : MUSTER_OK;

	mem_free(to);
	mem_free(path);
	return r;
}

static int sync_folder(const struct authority *a, struct muster_err *err)
{
	int fd = open(a->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = MUSTER_OK;

	if (fd < 0 || fsync(fd) != 0)
		r = err_errno(err, errno, "cannot sync %s", a->dir);
	if (fd >= 0)
		(void)close(fd);
	return r;
}

static int take_names(struct change *c, const char *mark, struct muster_err *err)
{
	int r;

	if ((r = each(c->a, SUFFIX, rename_one, c, err)) != MUSTER_OK || (r = sync_folder(c->a, err)) != MUSTER_OK)
		return r;
	return unlink(mark) == 0 ? MUSTER_OK : err_errno(err, errno, "cannot remove %s", mark);
}

static int rewrap_locked(struct change *c, struct muster_err *err)
{
	char *mark = authority_path(c->a, MARK);
	int r;

	if (mark == NULL)
		return err_nomem(err);
	/* what an attempt without a mark left behind is under a passphrase that nobody may know */
	if ((r = each(c->a, SUFFIX, remove_one, c, err)) != MUSTER_OK)
		goto done;
	if ((r = each(c->a, ".key", write_one, c, err)) != MUSTER_OK) {
		(void)each(c->a, SUFFIX, remove_one, c, NULL);
		goto done;
	}
	if ((r = file_write(mark, span_str("the files *" SUFFIX " are complete and take their names\n"), 0600, err)) == MUSTER_OK)
		r = take_names(c, mark, err);
done:
	mem_free(mark);
	return r;
}

int rewrap_keys(const struct authority *a, const char *passphrase, const char *new_passphrase, unsigned *files, struct muster_err *err)
{
	struct change c = { .a = a, .from = passphrase, .to = new_passphrase };
	int fd = -1, r;

	if ((r = authority_lock(&fd, a, err)) == MUSTER_OK)
		r = rewrap_locked(&c, err);
	if (fd >= 0)
		(void)close(fd);
	*files = c.files;
	return r;
}

int rewrap_finish(const struct authority *a, struct muster_err *err)
{
	struct change c = { .a = a };
	char *mark = authority_path(a, MARK);
	int fd = -1, r = MUSTER_OK;

	if (mark == NULL)
		return err_nomem(err);
	if (access(mark, F_OK) == 0 && (r = authority_lock(&fd, a, err)) == MUSTER_OK && access(mark, F_OK) == 0)
		r = take_names(&c, mark, err);
	if (fd >= 0)
		(void)close(fd);
	mem_free(mark);
	return r;
}
