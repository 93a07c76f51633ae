/* plugin new: a plugin to begin with, its makefile and what to do with them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/catalog/lint.h"
#include "core/catalog/loader.h"
#include "core/cli/plugin.h"

#define FILES 3
#define TEXT_MAX (64U << 10)

/* In these, @NAME@ is the plugin's name, @SYMBOL@ that as a C name, @ID@ and @APPLICATION@ fresh UUIDs as MUSTER_UUID takes them, @TEXT@ the first as text. */

static const char source[] =
	"/*\n"
	" * @NAME@: a plugin for Muster. Tables say what the product is; `make check` looks at them as a host would.\n"
	" *\n"
	" * The product counts machines: the third that reports in is activated. Other models: muster/plugin.h, MUSTER_MODEL_*; the guide has an\n"
	" * example of each. The UUIDs were made for you and are nobody else's: clients send the activation ID, so keep it.\n"
	" */\n"
	"#include <muster/plugin.h>\n"
	"\n"
	"#include <stdio.h>\n"
	"\n"
	"static const struct muster_pool pools[] = {\n"
	"\t{ .name = \"@NAME@\", .title = \"@NAME@\" },\n"
	"};\n"
	"\n"
	"static const struct muster_product products[] = {\n"
	"\t{\n"
	"\t\t.name = \"@NAME@\",\n"
	"\t\t.title = \"@NAME@ 1\",\n"
	"\t\t.activation_id = MUSTER_UUID(@ID@),\n"
	"\t\t.application_id = MUSTER_UUID(@APPLICATION@),\n"
	"\t\t.model = MUSTER_MODEL_THRESHOLD,\n"
	"\t\t.pool = \"@NAME@\",\n"
	"\t\t.minimum_count = 3,\n"
	"\t\t.validity_s = MUSTER_DAYS(90),\n"
	"\t},\n"
	"};\n"
	"\n"
	"/* Most plugins need no function: leave this one out unless no table can say your rule. It may refuse, never grant, and must not wait. */\n"
	"static int request_check(void *self, const struct muster_product *product, const struct muster_request *request, struct muster_verdict *out, struct muster_err *err)\n"
	"{\n"
	"\t(void)self;\n"
	"\t(void)err;\n"
	"\tif (request->is_virtual == 2) { /* never: your rule goes here */\n"
	"\t\tout->refuse = 1;\n"
	"\t\t(void)snprintf(out->sentence, sizeof out->sentence, \"%s is not served on this machine. Say why, and what to do next.\", product->title);\n"
	"\t}\n"
	"\treturn MUSTER_OK;\n"
	"}\n"
	"\n"
	"MUSTER_PLUGIN(@SYMBOL@) = {\n"
	"\t.magic = MUSTER_PLUGIN_MAGIC,\n"
	"\t.size = sizeof(struct muster_plugin),\n"
	"\t.abi_major = MUSTER_ABI_MAJOR,\n"
	"\t.abi_minor = MUSTER_ABI_MINOR,\n"
	"\t.name = \"@NAME@\",\n"
	"\t.version = \"1.0\",\n"
	"\t.license = \"MIT\",\n"
	"\t.pools = MUSTER_TABLE(pools),\n"
	"\t.products = MUSTER_TABLE(products),\n"
	"\t.request_check = request_check,\n"
	"};\n";

static const char makefile[] =
	"CFLAGS = -O2 -g -Wall -Wextra\n"
	"@NAME@.so: @NAME@.c\n"
	"\t$(CC) $(CFLAGS) -shared -fPIC -fvisibility=hidden -o $@ $< $$(pkg-config --cflags --libs muster-plugin)\n"
	"check: @NAME@.so\n"
	"\tmusterctl plugin check @NAME@.so\n";

static const char readme[] =
	"# @NAME@\n"
	"\n"
	"A plugin for Muster. Its product's activation ID is `@TEXT@`.\n"
	"\n"
	"    make                                  # builds @NAME@.so; needs a C compiler, make and pkg-config\n"
	"    make check                            # the test: what a host checks, and the suite every plugin passes\n"
	"    sudo install -m 755 @NAME@.so \"$(pkg-config --variable=plugindir muster-plugin)\"\n"
	"\n"
	"Then two lines in muster.conf, and `musterctl reload`; no connection is dropped:\n"
	"\n"
	"    [plugin @NAME@]\n"
	"    required = no\n"
	"\n"
	"`musterctl plugins` shows it, `musterctl products` its product. A changed file needs a restart of the host.\n";

struct names { const char *name; char symbol[MUSTER_NAME_MAX + 32], id[80], application[80], text[UUID_TEXT]; };

/* "0x2e28138a, 0x847f, 0x42bc, 0x9752, 0x61b03fff33cd" */
static void as_macro(char out[80], const char text[UUID_TEXT])
{
	(void)snprintf(out, 80, "0x%.8s, 0x%.4s, 0x%.4s, 0x%.4s, 0x%.12s", text, text + 9, text + 14, text + 19, text + 24);
}

static void make_names(struct names *n, const char *name)
{
	uint8_t id[UUID_LEN];
	char text[UUID_TEXT];

	n->name = name;
	loader_symbol(n->symbol, name);
	n->symbol[strlen(name)] = '\0';
	uuid_random(id);
	uuid_format(n->text, id);
	as_macro(n->id, n->text);
	uuid_random(id);
	uuid_format(text, id);
	as_macro(n->application, text);
}

static void expand(struct buf *out, const char *text, const struct names *n)
{
	const struct { const char *mark, *with; } words[] = {
		{ "@NAME@", n->name }, { "@SYMBOL@", n->symbol }, { "@ID@", n->id }, { "@APPLICATION@", n->application }, { "@TEXT@", n->text },
	};

	while (*text != '\0') {
		size_t i;

		for (i = 0; i < sizeof words / sizeof words[0] && strncmp(text, words[i].mark, strlen(words[i].mark)) != 0; i++)
			;
		if (i < sizeof words / sizeof words[0]) {
			buf_adds(out, words[i].with);
			text += strlen(words[i].mark);
		} else {
			buf_addc(out, *text++);
		}
	}
}

/** Never over a file that is there. */
static int write_new(const char *path, const char *text, const struct names *n, struct muster_err *err)
{
	struct buf b;
	size_t done = 0;
	ssize_t step;
	int fd, r = MUSTER_OK;

	buf_init(&b, TEXT_MAX);
	expand(&b, text, n);
	if (b.failed) {
		r = err_nomem(err);
	} else if ((fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) < 0) {
		r = err_errno(err, errno, "%s", path);
	} else {
		while (done < b.n && (step = write(fd, b.p + done, b.n - done)) > 0)
			done += (size_t)step;
		if (done < b.n || close(fd) != 0)
			r = err_errno(err, errno, "%s", path);
	}
	buf_fini(&b);
	return r;
}

static int write_all(struct cli *c, const char *dir, const struct names *n)
{
	char own[MUSTER_NAME_MAX + 3];
	const char *const files[FILES] = { own, "Makefile", "README.md" }, *const texts[FILES] = { source, makefile, readme };
	char *paths[FILES] = { NULL };
	struct muster_err err = { 0 };
	int r = MUSTER_OK, code = CLI_OK;

	(void)snprintf(own, sizeof own, "%s.c", n->name);
	for (size_t i = 0; i < FILES && r == MUSTER_OK; i++)
		if ((paths[i] = file_join(dir, files[i])) == NULL)
			r = err_nomem(&err);
	for (size_t i = 0; i < FILES && r == MUSTER_OK && code == CLI_OK; i++)
		if (access(paths[i], F_OK) == 0)
			code = cli_say(c, CLI_FAILED, "%s is there already; nothing was written. Remove it, or name another folder with --dir", paths[i]);
	if (code == CLI_OK && r == MUSTER_OK && access(dir, F_OK) != 0)
		r = file_make_dir(dir, 0755, &err);
	for (size_t i = 0; i < FILES && r == MUSTER_OK && code == CLI_OK; i++)
		r = write_new(paths[i], texts[i], n, &err);
	for (size_t i = 0; i < FILES; i++)
		mem_free(paths[i]);
	if (code != CLI_OK || r == MUSTER_OK)
		return code;
	return cli_fail(c, &err);
}

int plugin_new(struct cli *c, const char *name)
{
	const char *dir = c->given[CLI_O_DIR] ? c->value[CLI_O_DIR] : name;
	struct names n = { 0 };
	char source_name[MUSTER_NAME_MAX + 3];
	json_t *answer;
	int r;

	if (!lint_name(name))
		return cli_say(c, CLI_USAGE, "\"%s\" is no plugin's name: a-z, 0-9 and '-', at most %u, a letter first", name, MUSTER_NAME_MAX);
	if (dir[0] == '\0')
		return cli_say(c, CLI_USAGE, "--dir: the path is empty");
	make_names(&n, name);
	if ((r = write_all(c, dir, &n)) != CLI_OK)
		return r;
	(void)snprintf(source_name, sizeof source_name, "%s.c", name);
	if (!c->given[CLI_O_JSON]) {
		fprintf(c->out, "Written into %s: %s, Makefile, README.md\nNext: cd %s && make check\n", dir, source_name, dir);
		return CLI_OK;
	}
	answer = json_pack("{s:s, s:s, s:[s, s, s], s:s}", "plugin", name, "folder", dir, "files", source_name, "Makefile", "README.md", "activation_id", n.text);
	r = cli_print_json(c, answer);
	json_decref(answer);
	return r;
}
