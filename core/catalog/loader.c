#include "core/catalog/loader.h"

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ltdl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/catalog/exports.h"
#include "core/catalog/lint.h"

/** End of the last member of ABI 1.0. */
#define SIZE_FIRST (offsetof(struct muster_plugin, medium_inspect) + sizeof(void *))
#define FILE_MAX (64U << 20)

/** What has been opened. Global because libltdl and the dynamic linker are: one process has one set of loaded files. */
static struct opened {
	struct opened *next;
	char *path;
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
	lt_dlhandle module;
} *opened;

void loader_symbol(char out[MUSTER_NAME_MAX + 32], const char *name)
{
	size_t i;

	(void)snprintf(out, MUSTER_NAME_MAX + 32, "%.*s_LTX_muster_plugin", (int)MUSTER_NAME_MAX, name);
	for (i = 0; out[i] != '\0'; i++)
		if (!isalnum((unsigned char)out[i]))
			out[i] = '_';
}

static int check_path(const struct loader_request *q, struct muster_err *err)
{
	const char *file = strrchr(q->path, '/');
	size_t n;

	if (q->path[0] != '/')
		return err_set(err, MUSTER_E_INVALID, "plugin %s: the path %s is not absolute; write the whole path, beginning with /", q->name, q->path);
	n = strlen(q->name);
	file++;
	if (strncmp(file, q->name, n) != 0 || strcmp(file + n, ".so") != 0)
		return err_set(err, MUSTER_E_INVALID, "%s: the section is [plugin %s], so the file must be called %s.so", q->path, q->name, q->name);
	return MUSTER_OK;
}

/** The dynamic linker's own words for these are about loading; ours name the file and the fault. */
static int check_elf(const char *path, struct stat *st, struct muster_err *err)
{
	unsigned char head[4];
	ssize_t n;
	int fd, r;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0)
		return err_errno(err, errno, "%s: cannot be opened", path);
	if (fstat(fd, st) != 0 || !S_ISREG(st->st_mode)) {
		(void)close(fd);
		return err_set(err, MUSTER_E_INVALID, "%s: is not a regular file", path);
	}
	n = pread(fd, head, sizeof head, 0);
	if (n != (ssize_t)sizeof head || memcmp(head, "\177ELF", sizeof head) != 0)
		r = err_set(err, MUSTER_E_INVALID, "%s: is not a shared object; build it with -shared, or name the .so that libtool put into .libs", path);
	else
		r = exports_check_whole(fd, (uint64_t)st->st_size, path, err);
	(void)close(fd);
	return r;
}

static int check_digest(const struct loader_request *q, struct muster_err *err)
{
	int r = MUSTER_E_INTERNAL;
	unsigned char digest[32];
	unsigned int digest_len = 0;
	char text[HEX_SIZE(sizeof digest)];
	struct buf b;

	if (q->sha256 == NULL || q->sha256[0] == '\0')
		return MUSTER_OK;
	buf_init(&b, FILE_MAX);
	if ((r = file_read(&b, q->path, FILE_MAX, err)) != MUSTER_OK)
		goto done;
	if (EVP_Digest(b.p, b.n, digest, &digest_len, EVP_sha256(), NULL) != 1 || digest_len != sizeof digest) {
		r = err_set(err, MUSTER_E_INTERNAL, "%s: its SHA-256 cannot be computed", q->path);
		goto done;
	}
	hex_encode(text, digest, sizeof digest);
	if (strcasecmp(text, q->sha256) != 0)
		r = err_set(err, MUSTER_E_MISMATCH, "%s: its SHA-256 is %s, and [plugin %s] sha256 says %s; install the right file or correct the digest", q->path, text, q->name, q->sha256);
done:
	buf_fini(&b);
	return r;
}

static int start_libltdl(struct muster_err *err)
{
	static int started;

	if (!started && lt_dlinit() != 0)
		return err_set(err, MUSTER_E_INTERNAL, "libltdl cannot be started: %s", lt_dlerror());
	started = 1;
	return MUSTER_OK;
}

static int open_module(lt_dlhandle *out, const char *path, struct muster_err *err)
{
	lt_dladvise advise;
	int r = MUSTER_OK;

	*out = NULL;
	/* libltdl binds lazily and answers "file not found" to every failure. Opening once with RTLD_NOW beforehand makes a
	 * missing function fail here, not at the first request, and keeps the linker's own sentence. Never closed. */
	if (dlopen(path, RTLD_NOW | RTLD_LOCAL) == NULL) {
		const char *why = dlerror();
		size_t n = strlen(path);

		if (why != NULL && strncmp(why, path, n) == 0 && strncmp(why + n, ": ", 2) == 0)
			why += n + 2;
		return err_set(err, MUSTER_E_INVALID, "%s: cannot be loaded: %s", path, why != NULL ? why : "no reason given");
	}
	if (lt_dladvise_init(&advise) != 0)
		return err_nomem(err);
	if (lt_dladvise_local(&advise) != 0 || (*out = lt_dlopenadvise(path, advise)) == NULL)
		r = err_set(err, MUSTER_E_INVALID, "%s: cannot be loaded: %s", path, lt_dlerror());
	else
		(void)lt_dlmakeresident(*out);
	(void)lt_dladvise_destroy(&advise);
	return r;
}

int loader_check_header(const struct muster_plugin *p, const char *where, const char *name, struct muster_err *err)
{
	if (p->magic != MUSTER_PLUGIN_MAGIC)
		return err_set(err, MUSTER_E_INVALID, "%s: its magic is 0x%08x, not 0x%08x; the object is no struct muster_plugin", where, (unsigned)p->magic, MUSTER_PLUGIN_MAGIC);
	if (p->size < SIZE_FIRST)
		return err_set(err, MUSTER_E_INVALID, "%s: its size is %u, less than the %zu of ABI 1.0; set it to sizeof(struct muster_plugin)", where, (unsigned)p->size, SIZE_FIRST);
	if (p->abi_major == 0)
		return err_set(err, MUSTER_E_INVALID, "%s: built for ABI %u.%u, which came before 1.0 and was not frozen; build it anew with this host's muster/plugin.h", where, p->abi_major, p->abi_minor);
	if (p->abi_major != MUSTER_ABI_MAJOR)
		return err_set(err, MUSTER_E_INVALID, "%s: built for ABI %u.%u, and this host has %u.%u; rebuild it with this host's muster/plugin.h", where, p->abi_major, p->abi_minor, MUSTER_ABI_MAJOR, MUSTER_ABI_MINOR);
	if (p->abi_minor > MUSTER_ABI_MINOR)
		return err_set(err, MUSTER_E_INVALID, "%s: built for the newer ABI %u.%u, and this host has %u.%u; update the host, or rebuild the plugin with this host's muster/plugin.h", where, p->abi_major, p->abi_minor, MUSTER_ABI_MAJOR, MUSTER_ABI_MINOR);
	if (!lint_name(p->name))
		return err_set(err, MUSTER_E_INVALID, "%s: its name is missing or not made of a-z, 0-9 and '-', at most %u, a letter first", where, MUSTER_NAME_MAX);
	if (strcmp(p->name, name) != 0)
		return err_set(err, MUSTER_E_INVALID, "%s: it calls itself %s; file, section and name must be the same", where, p->name);
	return MUSTER_OK;
}

static int find_object(const struct muster_plugin **out, lt_dlhandle module, const struct loader_request *q, struct muster_err *err)
{
	char symbol[MUSTER_NAME_MAX + 32];

	loader_symbol(symbol, q->name);
	/* A const object reached through lt_dlsym's void *: nobody writes through it. */
	if ((*out = lt_dlsym(module, symbol)) == NULL)
		return err_set(err, MUSTER_E_INVALID, "%s: does not export %s; define it with MUSTER_PLUGIN", q->path, symbol);
	return MUSTER_OK;
}

static const struct opened *known(const char *path)
{
	const struct opened *o;

	for (o = opened; o != NULL && strcmp(o->path, path) != 0; o = o->next)
		;
	return o;
}

static int remember(const struct opened **out, const char *path, const struct stat *st, struct muster_err *err)
{
	struct opened *o = mem_alloc(sizeof *o);
	int r;

	if (o == NULL)
		return err_nomem(err);
	if ((o->path = mem_strdup(path)) == NULL) {
		r = err_nomem(err);
		goto fail;
	}
	if ((r = open_module(&o->module, path, err)) != MUSTER_OK)
		goto fail;
	o->dev = st->st_dev;
	o->ino = st->st_ino;
	o->size = st->st_size;
	o->mtime = st->st_mtim;
	o->next = opened;
	*out = opened = o;
	return MUSTER_OK;
fail:
	mem_free(o->path);
	mem_free(o);
	return r;
}

static void tell_changed(const struct loader_request *q, const struct opened *o, const struct stat *st)
{
	char text[MUSTER_ERR_MAX];

	if (q->notice == NULL || (o->dev == st->st_dev && o->ino == st->st_ino && o->size == st->st_size &&
	    o->mtime.tv_sec == st->st_mtim.tv_sec && o->mtime.tv_nsec == st->st_mtim.tv_nsec))
		return;
	(void)snprintf(text, sizeof text, "%s: the file has changed on disk; the host goes on with the one it loaded: restart to load the new one", q->path);
	q->notice(q->ctx, text);
}

int loader_open(const struct muster_plugin **out, const struct loader_request *q, struct muster_err *err)
{
	const struct muster_plugin *plugin = NULL;
	const struct opened *o;
	struct stat st;
	int r;

	*out = NULL;
	if ((r = check_path(q, err)) != MUSTER_OK || (r = file_check_trust(q->path, FILE_TRUST_CODE, err)) != MUSTER_OK ||
	    (r = check_elf(q->path, &st, err)) != MUSTER_OK || (r = check_digest(q, err)) != MUSTER_OK)
		return r;
	if ((o = known(q->path)) != NULL)
		tell_changed(q, o, &st);
	else if ((r = start_libltdl(err)) != MUSTER_OK || (r = remember(&o, q->path, &st, err)) != MUSTER_OK)
		return r;
	MUSTER_ASSERT(o != NULL);
	if ((r = find_object(&plugin, o->module, q, err)) != MUSTER_OK || (r = loader_check_header(plugin, q->path, q->name, err)) != MUSTER_OK)
		return r;
	*out = plugin;
	return MUSTER_OK;
}
