#include "core/cli/out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/cli/term.h"

static void forget(struct out_file *o)
{
	mem_free(o->partial);
	mem_free(o->path);
	*o = (struct out_file){ .c = o->c };
}

int out_file_open(struct out_file *o, struct cli *c, const char *path, bool secret)
{
	int fd = -1, e, r;

	*o = (struct out_file){ .c = c, .path = mem_strdup(path), .partial = mem_printf("%s.partial", path) };
	if (o->path == NULL || o->partial == NULL) {
		forget(o);
		return cli_say(c, CLI_FAILED, "out of memory");
	}
	/* first: a signal between would leave the file */
	term_begin();
	if ((fd = open(o->partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, secret ? 0600 : 0666)) >= 0 && (o->to = fdopen(fd, "w")) != NULL) {
		term_unfinished(o->partial);
		return CLI_OK;
	}
	e = errno;
	r = cli_say(c, CLI_FAILED, fd < 0 && e == EEXIST ? "%s: another export writes it, or was cut off; remove it" : "%s cannot be written: %s", o->partial, strerror(e));
	if (fd >= 0) {
		(void)close(fd);
		(void)unlink(o->partial);
	}
	forget(o);
	term_end();
	return r;
}

int out_file_left(const struct out_file *o)
{
	return o->to != NULL && term_interrupted() ? cli_say(o->c, CLI_LEFT, "interrupted: nothing was written to %s", o->path) : CLI_OK;
}

static int sync_folder(const char *path)
{
	char *copy = mem_strdup(path);
	int fd, r = -1, e;

	if (copy == NULL) {
		errno = ENOMEM;
		return -1;
	}
	if ((fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0)
		r = fsync(fd);
	e = errno;
	if (fd >= 0)
		(void)close(fd);
	mem_free(copy);
	errno = e;
	return r;
}

int out_file_commit(struct out_file *o)
{
	int r = out_file_left(o), e;

	if (r != CLI_OK)
		return r;
	if (fflush(o->to) != 0 || ferror(o->to) || fsync(fileno(o->to)) != 0 || rename(o->partial, o->path) != 0) {
		e = errno;
		return cli_say(o->c, CLI_FAILED, "%s cannot be written: %s; nothing is left of it", o->path, strerror(e));
	}
	term_unfinished(NULL);
	mem_free(o->partial);
	o->partial = NULL;
	/* the file is whole and in its place; a power cut may still take its name */
	if (sync_folder(o->path) != 0)
		return cli_say(o->c, CLI_FAILED, "the folder of %s cannot be synced: %s", o->path, strerror(errno));
	return CLI_OK;
}

void out_file_close(struct out_file *o)
{
	if (o->to == NULL)
		return;
	(void)fclose(o->to);
	if (o->partial != NULL)
		(void)unlink(o->partial);
	term_unfinished(NULL);
	forget(o);
	term_end();
}
