/* The work folder: what a host needs to run, made here and by nobody else's hand. The process itself: host_run.c. */
#include "core/bench/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/activation/activation.h"
#include "core/issuer/leaf.h"
#include "core/service/reload.h"
#include "core/trust/ring.h"

#define MARK "bench"                     /* the file that says whose folder this is */
#define MARK_TEXT "muster-bench work folder, version 1\n"
#define SOCKET_PATH_MAX 107              /* of the admin socket, DIR/admin.sock */
#define LIFE_S (INT64_C(730) * TRUST_DAY_S)
#define FILES_WANTED 65536               /* connections of a load, and those of the host that inherits the limit */
#define CONNECTIONS 20000

static const char product_text[] =
	"[product " BENCH_PRODUCT "]\n"
	"name           = Bench\n"
	"model          = threshold\n"
	"activation_id  = " BENCH_ACTIVATION_ID "\n"
	"application_id = 0b6f4d3e-8a52-4c1f-9d27-5f1e3a7c6b80\n"
	"pool           = " BENCH_PRODUCT "\n"
	"minimum_count  = %d\n"
	"validity       = 180d\n";

/* ---- the program ---- */

static bool runnable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* In this program's folder, or in the one above when libtool keeps the real programs in .libs. Caller frees. */
static char *beside(char *self)
{
	char *slash = strrchr(self, '/'), *found;

	if (slash == NULL)
		return NULL;
	*slash = '\0';
	found = mem_printf("%s/musterd", self);
	if (found != NULL && !runnable(found) && (slash = strrchr(self, '/')) != NULL && strcmp(slash, "/.libs") == 0) {
		mem_free(found);
		*slash = '\0';
		found = mem_printf("%s/musterd", self);
	}
	if (found != NULL && runnable(found))
		return found;
	mem_free(found);
	return NULL;
}

static char *in_path(void)
{
	const char *path = getenv("PATH");
	char *all = mem_printf("%s:/usr/sbin:/usr/local/sbin", path != NULL ? path : ""), *rest = all, *folder, *found = NULL;

	while (found == NULL && rest != NULL && (folder = strsep(&rest, ":")) != NULL) {
		if (folder[0] != '/' || (found = mem_printf("%s/musterd", folder)) == NULL || runnable(found))
			continue;
		mem_free(found);
		found = NULL;
	}
	mem_free(all);
	return found;
}

static int find_musterd(struct bench_host *h, const char *given, struct muster_err *err)
{
	char self[PATH_MAX], *real;
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (given != NULL) {
		if ((real = realpath(given, NULL)) == NULL)
			return err_errno(err, errno, "%s", given);
		h->musterd = mem_strdup(real);
		free(real);
		return h->musterd == NULL ? err_nomem(err) : runnable(given) ? MUSTER_OK : err_set(err, MUSTER_E_INVALID, "%s is not a program", given);
	}
	self[n > 0 ? n : 0] = '\0';
	h->musterd = beside(self);
	if (h->musterd == NULL)
		h->musterd = in_path();
	if (h->musterd != NULL)
		return MUSTER_OK;
	return err_set(err, MUSTER_E_NOT_FOUND, "musterd is neither beside this program nor in PATH; name it with --musterd FILE");
}

/* ---- the folder ---- */

static char *in_dir(const struct bench_host *h, const char *name)
{
	return file_join(h->dir, name);
}

static int write_text(const struct bench_host *h, const char *name, const char *text, struct muster_err *err)
{
	char *path = in_dir(h, name);
	int r = path == NULL ? err_nomem(err) : file_write(path, (struct muster_span){ (const uint8_t *)text, strlen(text) }, 0644, err);

	mem_free(path);
	return r;
}

static bool exists(const struct bench_host *h, const char *name)
{
	char *path = in_dir(h, name);
	bool yes = path != NULL && access(path, F_OK) == 0;

	mem_free(path);
	return yes;
}

static int not_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

/* Nothing of anybody else's is ever written to: the folder must be new, empty, or marked as one of ours. */
static int check_folder(const struct bench_host *h, struct muster_err *err)
{
	struct dirent **list = NULL;
	int n;

	if (exists(h, MARK))
		return MUSTER_OK;
	if ((n = scandir(h->dir, &list, not_dots, NULL)) < 0)
		return err_errno(err, errno, "cannot read the folder %s", h->dir);
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
	return n == 0 ? MUSTER_OK : err_set(err, MUSTER_E_EXISTS, "%s is neither empty nor a work folder of muster-bench: choose another", h->dir);
}

static int take_folder(struct bench_host *h, const struct bench_host_options *o, struct muster_err *err)
{
	const char *tmp = getenv("TMPDIR");
	char *path, *real = NULL;
	int r = MUSTER_OK;

	if (tmp == NULL || tmp[0] == '\0')
		tmp = "/tmp";
	path = o->dir != NULL ? mem_strdup(o->dir) : mem_printf("%s/muster-bench-XXXXXX", tmp);
	if (path == NULL)
		return err_nomem(err);
	if (o->dir != NULL)
		r = file_make_dir(path, 0700, err);
	else if (mkdtemp(path) == NULL)
		r = err_errno(err, errno, "cannot make a folder %s", path);
	if (r == MUSTER_OK && (real = realpath(path, NULL)) == NULL)
		r = err_errno(err, errno, "%s", path);
	if (r == MUSTER_OK && (h->dir = mem_strdup(real)) == NULL)
		r = err_nomem(err);
	if (r == MUSTER_OK && o->dir == NULL)
		h->temporary = !o->keep;
	free(real);
	mem_free(path);
	if (r != MUSTER_OK)
		return r;
	/* What configuration files cannot say: our own reader would refuse it in words that help nobody here. */
	if (strlen(h->dir) + strlen("/admin.sock") > SOCKET_PATH_MAX)
		return err_set(err, MUSTER_E_LIMIT, "%s is too long for the admin socket in it: choose a folder with a shorter path", h->dir);
	if (strpbrk(h->dir, "\n\r\t;#\"") != NULL)
		return err_set(err, MUSTER_E_INVALID, "%s has a character that configuration files cannot hold: choose another folder", h->dir);
	return check_folder(h, err);
}

/* ---- issuer and configuration ---- */

/* Its root is copied: the issuer's own folder is its alone. */
static int make_issuer(const struct bench_host *h, struct muster_err *err)
{
	char *dir = in_dir(h, "issuer"), *root = in_dir(h, "issuer/issuer.pem");
	struct buf pem;
	int r;

	buf_init(&pem, TRUST_CHAIN_MAX);
	if (dir == NULL || root == NULL)
		r = err_nomem(err);
	else if ((r = authority_init(dir, "Muster Bench", TRUST_ES256, NULL, clock_wall_ms(h->clock) / 1000, err)) == MUSTER_OK
	         && (r = file_read(&pem, root, TRUST_CHAIN_MAX, err)) == MUSTER_OK)
		r = write_text(h, "issuer.pem", buf_str(&pem), err);
	buf_fini(&pem);
	mem_free(root);
	mem_free(dir);
	return r;
}

static int write_format(const struct bench_host *h, const char *name, struct muster_err *err, const char *fmt, ...) PRINTF_LIKE(4, 5);
static int write_format(const struct bench_host *h, const char *name, struct muster_err *err, const char *fmt, ...)
{
	char text[8192];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof text)
		return err_set(err, MUSTER_E_LIMIT, "%s would be longer than %zu bytes", name, sizeof text);
	return write_text(h, name, text, err);
}

/* Written anew each time: the options of this run hold. */
static int configure(const struct bench_host *h, const char *extra, struct muster_err *err)
{
	char *products = in_dir(h, "products.d");
	int r;

	if (products == NULL)
		return err_nomem(err);
	r = file_make_dir(products, 0755, err);
	mem_free(products);
	if (r != MUSTER_OK || (r = write_format(h, "products.d/bench.ini", err, product_text, BENCH_MINIMUM)) != MUSTER_OK)
		return r;
	return write_format(h, "muster.conf", err,
		"[host]\nname = bench\nlisten = 127.0.0.1:0\nstate = %s/state\nadmin_socket = %s/admin.sock\n"
		"plugin_dir = %s/no-plugins\nproducts_dir = %s/products.d\n"
		"[limits]\nconnections = %d\nconnections_per_address = %d\n%s\n"
		"[issuer main]\nroots = %s/issuer.pem\n",
		h->dir, h->dir, h->dir, h->dir, CONNECTIONS, CONNECTIONS, extra != NULL ? extra : "", h->dir);
}

/* Connections are descriptors, here and in the host that inherits the limit: a shell's default is 1024. */
static void raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= FILES_WANTED)
		return;
	limit.rlim_cur = FILES_WANTED;
	if (limit.rlim_max < FILES_WANTED)
		limit.rlim_max = FILES_WANTED;   /* only root may */
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int bench_host_open(struct bench_host *h, const struct bench_host_options *o, struct muster_err *err)
{
	int r;

	memset(h, 0, sizeof *h);
	h->clock = o->clock;
	MUSTER_ASSERT(uuid_parse(h->activation_id, BENCH_ACTIVATION_ID, strlen(BENCH_ACTIVATION_ID)) == MUSTER_OK);
	raise_files();
	if ((r = find_musterd(h, o->musterd, err)) != MUSTER_OK || (r = take_folder(h, o, err)) != MUSTER_OK)
		goto done;
	/* The mark first: a folder that was begun and not finished is taken up again. */
	if (!exists(h, MARK) && (r = write_text(h, MARK, MARK_TEXT, err)) != MUSTER_OK)
		goto done;
	if (!exists(h, "issuer.pem") && (r = make_issuer(h, err)) != MUSTER_OK)
		goto done;
	r = configure(h, o->extra, err);
done:
	if (r != MUSTER_OK)
		bench_host_close(h);
	return r;
}

/* ---- the certificate ---- */

static int install(struct bench_host *h, struct trust_ring *ring, struct muster_err *err)
{
	char *dir = in_dir(h, "issuer");
	struct authority *a = NULL;
	struct books_certificate host = { .number = 1 };
	EVP_PKEY *mid_key = NULL;
	struct buf request;
	int r;

	buf_init(&request, TRUST_CHAIN_MAX);
	if (dir == NULL)
		r = err_nomem(err);
	else if ((r = ring_request(ring, "bench", &request, err)) == MUSTER_OK && (r = authority_open(&a, dir, err)) == MUSTER_OK) {
		const struct leaf_order order = {
			.request = { request.p, request.n }, .products = (const uint8_t (*)[16])&h->activation_id, .product_count = 1,
			.subject = "bench", .life_s = LIFE_S,
		};

		/* the bench's own issuer: it keeps no books */
		if ((r = trust_key_read(&mid_key, a->mid_key, NULL, err)) == MUSTER_OK && (r = leaf_host(&host, a, mid_key, &order, clock_wall_ms(h->clock) / 1000, err)) == MUSTER_OK)
			r = ring_install(ring, (struct muster_span){ (const uint8_t *)host.chain, strlen(host.chain) }, NULL, NULL, err);
	}
	EVP_PKEY_free(mid_key);
	mem_free(host.chain);
	authority_free(a);
	buf_fini(&request);
	mem_free(dir);
	return r;
}

int bench_host_certify(struct bench_host *h, struct muster_err *err)
{
	struct ring_product product = { .name = BENCH_PRODUCT, .issuer = "main" };
	char *state = in_dir(h, "state"), *dir = in_dir(h, "state/host"), *roots = in_dir(h, "issuer.pem"), *key_file = in_dir(h, "state/secret/host-key");
	struct ring_issuer issuer = { "main", roots };
	struct trust_ring *ring = NULL;
	struct trust_view *view;
	bool good;
	int r;

	memcpy(product.id, h->activation_id, sizeof product.id);
	if (state == NULL || dir == NULL || roots == NULL || key_file == NULL) {
		r = err_nomem(err);
		goto done;
	}
	/* a host that ran has encrypted its key */
	if ((r = file_make_dir(state, 0700, err)) != MUSTER_OK || (r = ring_open(&ring, dir, h->clock, err)) != MUSTER_OK
	    || (access(key_file, F_OK) == 0 && (r = activation_ring_passphrase(ring, key_file, err)) != MUSTER_OK)
	    || (r = ring_reload(ring, &issuer, 1, &product, 1, NULL, err)) != MUSTER_OK)
		goto done;
	view = ring_view(ring);
	good = ring_find(view, product.id, clock_wall_ms(h->clock) / 1000) != NULL;
	ring_view_unref(view);
	if (!good)
		r = install(h, ring, err);
done:
	ring_free(ring);
	mem_free(key_file);
	mem_free(roots);
	mem_free(dir);
	mem_free(state);
	return r == MUSTER_OK ? r : err_prefix(err, r, "certifying the host");
}

int bench_host_catalog(struct bench_host *h, struct config **config, struct catalog **catalog, struct muster_err *err)
{
	char *path = in_dir(h, "muster.conf");
	int r = path == NULL ? err_nomem(err) : reload_read(config, catalog, path, NULL, err);

	mem_free(path);
	return r;
}

/* ---- the end ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	(void)remove(path);
	return 0;
}

void bench_remove_folder(const char *dir)
{
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

void bench_host_close(struct bench_host *h)
{
	struct muster_err err;

	if (h->pid != 0)
		(void)bench_host_stop(h, &err);
	if (h->temporary && h->dir != NULL)
		bench_remove_folder(h->dir);
	mem_free(h->dir);
	mem_free(h->musterd);
	memset(h, 0, sizeof *h);
}
