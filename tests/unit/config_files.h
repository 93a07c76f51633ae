/** A temporary folder with configuration files, and what config_read() said about them. Included by one file a program. */
#ifndef TESTS_UNIT_CONFIG_FILES_H
#define TESTS_UNIT_CONFIG_FILES_H

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/config/config.h"

static char files_folder[64];

static inline void files_begin(void)
{
	strcpy(files_folder, "/tmp/muster-config-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(files_folder));
}

static inline int files_remove_one(const char *path, const struct stat *st, int flag, struct FTW *where)
{
	(void)st, (void)flag, (void)where;
	return remove(path);
}

static inline void files_end(void)
{
	ck_assert_int_eq(nftw(files_folder, files_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/** The path of @p name in the folder; valid until the next call but one. */
static inline const char *files_path(const char *name)
{
	static char paths[2][512];
	static unsigned turn;
	char *path = paths[turn++ % 2];

	snprintf(path, sizeof paths[0], "%s/%s", files_folder, name);
	return path;
}

static inline void files_put_bytes(const char *name, const void *bytes, size_t n, mode_t mode)
{
	FILE *f = fopen(files_path(name), "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
	ck_assert_int_eq(fchmod(fileno(f), mode), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static inline void files_put(const char *name, const char *text)
{
	files_put_bytes(name, text, strlen(text), 0600);
}

/** Collects messages, one a line, the folder's name replaced by DIR. For config_read(). */
static inline void files_report(void *ctx, const char *message)
{
	struct buf *all = ctx;
	const char *at;

	while ((at = strstr(message, files_folder)) != NULL) {
		buf_add(all, message, (size_t)(at - message));
		buf_adds(all, "DIR");
		message = at + strlen(files_folder);
	}
	buf_adds(all, message);
	buf_addc(all, '\n');
}

/** Read muster.conf of the folder, which must be without fault. Caller frees. */
static inline struct config *files_read(void)
{
	struct config *c = NULL;
	struct muster_err err = { 0 };
	struct buf all;

	buf_init(&all, 1 << 20);
	ck_assert_msg(config_read(&c, files_path("muster.conf"), files_report, &all, &err) == MUSTER_OK, "%s\n%s", err.message, buf_str(&all));
	ck_assert_uint_eq(all.n, 0);
	buf_fini(&all);
	ck_assert_ptr_nonnull(c);
	return c;
}

static inline struct config *files_read_text(const char *text)
{
	files_put("muster.conf", text);
	return files_read();
}

#endif
