/* The files of a configuration: muster.conf and its folder of product files. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/config/lines.h"
#include "core/config/reading.h"

void config_free(struct config *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->plugin_count; i++)
		mem_free(c->plugins[i].options);
	mem_free(c->issuers);
	mem_free(c->plugins);
	mem_free(c->products);
	mem_free(c->editions);
	mem_free(c->reservations);
	config_memory_free(c->memory);
	mem_free(c);
}

/* What a file is called in messages: relative to the folder of muster.conf where it lies below. */
static const char *shown_name(const struct config_reading *g, const char *path)
{
	size_t n = strlen(g->folder);

	if (n == 1)
		return path + 1;
	return strncmp(path, g->folder, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

int config_read_bytes(struct config_reading *g, const void *bytes, size_t n, bool product_file)
{
	const struct config_lines_sink sink = { config_take_section, config_take_key, g };
	int r;

	g->product_file = product_file;
	g->began = false;
	g->section = NULL;
	g->heading = "";
	r = config_lines_read(bytes, n, g->file, &sink, &g->report);
	config_end_section(g);
	return g->report.exhausted ? MUSTER_E_NOMEM : r;
}

static int read_file(struct config_reading *g, const char *path, bool product_file, struct muster_err *err)
{
	struct buf text;
	int r;

	buf_init(&text, CONFIG_FILE_MAX);
	g->file = config_memory_dup(g->c->memory, path == g->extra ? path : shown_name(g, path));
	if (g->file == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if (path != g->extra && (r = file_check_trust(path, FILE_TRUST_CODE, err)) != MUSTER_OK)
		goto done;
	if ((r = file_read(&text, path, CONFIG_FILE_MAX, err)) == MUSTER_E_LIMIT) {
		config_fault(&g->report, (struct config_where){ .file = g->file }, "the file is larger than %d bytes", CONFIG_FILE_MAX);
		r = MUSTER_OK;
		goto done;
	}
	if (r != MUSTER_OK)
		goto done;
	if ((r = config_read_bytes(g, text.p, text.n, product_file)) != MUSTER_OK)
		r = err_nomem(err);
done:
	buf_fini(&text);
	return r;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static bool is_product_file(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && name[0] != '.' && strcmp(name + n - 4, ".ini") == 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the product files in @p folder, sorted; in the configuration's memory except the array. */
static int list_files(struct config_reading *g, DIR *folder, char ***names, size_t *count)
{
	const struct dirent *entry;

	while ((entry = readdir(folder)) != NULL) {
		char **bigger;

		if (!is_product_file(entry->d_name) || (g->extra != NULL && strcmp(entry->d_name, last_part(g->extra)) == 0))
			continue;
		if (*count >= CONFIG_FILES_MAX) {
			config_fault(&g->report, (struct config_where){ .file = shown_name(g, g->c->host.products_dir) },
			             "the folder holds more than %d product files", CONFIG_FILES_MAX);
			return MUSTER_OK;
		}
		bigger = mem_grow(*names, *count + 1, sizeof *bigger);
		if (bigger == NULL)
			return MUSTER_E_NOMEM;
		*names = bigger;
		bigger[*count] = config_memory_dup(g->c->memory, entry->d_name);
		if (bigger[*count] == NULL)
			return MUSTER_E_NOMEM;
		++*count;
	}
	if (*count > 1)
		qsort(*names, *count, sizeof **names, by_name);
	return MUSTER_OK;
}

static int read_product_file(struct config_reading *g, const char *name, struct muster_err *err)
{
	char *path = file_join(g->c->host.products_dir, name);
	struct muster_err why;
	int r;

	if (path == NULL)
		return err_nomem(err);
	r = read_file(g, path, true, &why);
	if (r != MUSTER_OK && r != MUSTER_E_NOMEM) {
		config_fault(&g->report, (struct config_where){ .file = shown_name(g, path) }, "%s", why.message);
		r = MUSTER_OK;
	}
	if (r != MUSTER_OK)
		r = err_nomem(err);
	mem_free(path);
	return r;
}

/* The folder of product files: when none is named, products.d beside muster.conf, if there is one. */
static int find_folder(struct config_reading *g, DIR **folder, struct muster_err *err)
{
	struct config_host *h = &g->c->host;
	bool named = h->products_dir != NULL;

	*folder = NULL;
	if (!named && (h->products_dir = config_absolute(g, "products.d")) == NULL)
		return err_nomem(err);
	if (h->products_dir[0] == '\0')
		return MUSTER_OK;
	*folder = opendir(h->products_dir);
	if (*folder == NULL && !named && errno == ENOENT)
		h->products_dir = "";
	else if (*folder == NULL)
		config_fault(&g->report, config_where_key(g, "host", "products_dir"), "cannot read the folder %s: %s",
		             h->products_dir, strerror(errno));
	return MUSTER_OK;
}

static int read_products(struct config_reading *g, struct muster_err *err)
{
	const char *main_file = g->file;
	char **names = NULL;
	size_t count = 0;
	DIR *folder;
	int r = find_folder(g, &folder, err);

	if (r != MUSTER_OK || folder == NULL)
		return r;
	if (list_files(g, folder, &names, &count) != MUSTER_OK)
		r = err_nomem(err);
	for (size_t i = 0; i < count && r == MUSTER_OK; i++)
		r = read_product_file(g, names[i], err);
	g->file = main_file;
	(void)closedir(folder);
	mem_free(names);
	return r;
}

int config_read_begin(struct config_reading *g, const char *path, struct muster_err *err)
{
	char here[4096], *whole, *slash;

	if ((g->c = mem_alloc(sizeof *g->c)) == NULL || (g->c->memory = config_memory_new()) == NULL)
		return err_nomem(err);
	if (path[0] != '/' && getcwd(here, sizeof here) == NULL)
		return err_errno(err, errno, "cannot find the current folder");
	whole = file_join(path[0] == '/' ? "/" : here, path);
	if (whole == NULL)
		return err_nomem(err);
	g->c->file = config_memory_dup(g->c->memory, whole);
	slash = strrchr(whole, '/');
	slash[slash == whole] = '\0';
	g->folder = config_memory_dup(g->c->memory, whole);
	mem_free(whole);
	if (g->c->file == NULL || g->folder == NULL)
		return err_nomem(err);
	config_set_defaults(config_schema_section("host"), &g->c->host);
	config_set_defaults(config_schema_section("limits"), &g->c->limits);
	config_set_defaults(config_schema_section("doctor"), &g->c->doctor);
	return MUSTER_OK;
}

/** Everything the configuration consists of; @p why is what went wrong otherwise than by faults. */
static int read_all(struct config_reading *g, bool main_file, struct muster_err *err)
{
	struct muster_err why;
	int r;

	if (main_file && (r = read_file(g, g->c->file, false, &why)) != MUSTER_OK)
		return err_set(err, r, "%s", why.message);
	if (!main_file)
		g->c->host.products_dir = "";
	if ((r = read_products(g, err)) != MUSTER_OK)
		return r;
	if (g->extra != NULL && (r = read_file(g, g->extra, true, &why)) != MUSTER_OK)
		return err_set(err, r, "%s", why.message);
	g->file = main_file ? shown_name(g, g->c->file) : g->extra;
	config_finish(g);
	return MUSTER_OK;
}

int config_read_with(struct config **out, const char *path, const char *extra, void (*report)(void *ctx, const char *message), void *ctx, struct muster_err *err)
{
	struct config_reading g = { .report = { .fn = report, .ctx = ctx }, .extra = extra };
	int r;

	*out = NULL;
	MUSTER_ASSERT(path != NULL || extra != NULL);
	if ((r = config_read_begin(&g, path != NULL ? path : extra, err)) != MUSTER_OK || (r = read_all(&g, path != NULL, err)) != MUSTER_OK)
		goto done;
	if (g.report.exhausted)
		r = err_nomem(err);
	else if (g.report.faults > 0)
		r = err_set(err, MUSTER_E_INVALID, "%s: %zu fault%s, the first: %s", g.c->file, g.report.faults, g.report.faults == 1 ? "" : "s, which musterd --check lists", g.report.first);
	if (r == MUSTER_OK) {
		*out = g.c;
		g.c = NULL;
	}
done:
	config_free(g.c);
	return r;
}

int config_read(struct config **out, const char *path, void (*report)(void *ctx, const char *message), void *ctx, struct muster_err *err)
{
	return config_read_with(out, path, NULL, report, ctx, err);
}
