/* The schema on paper: the effective configuration, the sample file, the manual's section. */
#include <inttypes.h>
#include <string.h>

#include "core/base/uuid.h"
#include "core/config/memory.h"
#include "core/config/value.h"

#define WIDTH 100

/* ---- the effective configuration ---- */

static void dump_key(FILE *out, const char *lead, const struct config_key *k, const void *object, struct config_place at)
{
	struct buf b;

	buf_init(&b, 8192);
	config_value_write(&b, k, object);
	fprintf(out, "%s%s =%s%s  ; ", lead, k->name, b.n > 0 ? " " : "", buf_str(&b));
	if (at.file != NULL)
		fprintf(out, "%s:%u\n", at.file, at.line);
	else
		fprintf(out, "default\n");
	buf_fini(&b);
}

/* Has the member a value worth printing? */
static bool is_set(const struct config_key *k, const void *object, struct config_place at)
{
	const unsigned char *member = (const unsigned char *)object + k->offset;
	const char *text;

	if (at.file != NULL || k->type >= CONFIG_NUMBER)
		return at.file != NULL || k->value != NULL;
	memcpy(&text, member, sizeof text);
	return text != NULL;
}

static void dump_section(FILE *out, const struct config *c, const struct config_section *s, size_t index, const char *name, const void *object, bool product_file)
{
	const struct config_record *r = config_memory_find(c->memory, s, index);
	/* Product files are read again from products_dir; here they are shown only. */
	const char *lead = product_file ? "; " : "";
	bool any = false;

	for (size_t i = 0; i < s->key_count && !any; i++)
		any = config_key_allowed(&s->keys[i], product_file) && is_set(&s->keys[i], object, r != NULL ? r->at[i] : (struct config_place){ 0 });
	if (!any)
		return;
	fprintf(out, "\n%s[%s%s%s]\n", lead, s->name, name != NULL ? " " : "", name != NULL ? name : "");
	for (size_t i = 0; i < s->key_count; i++) {
		struct config_place at = r != NULL ? r->at[i] : (struct config_place){ 0 };

		if (config_key_allowed(&s->keys[i], product_file) && is_set(&s->keys[i], object, at))
			dump_key(out, lead, &s->keys[i], object, at);
	}
}

static void dump_options(FILE *out, const struct config_plugin *p)
{
	for (size_t i = 0; i < p->option_count; i++)
		fprintf(out, "%s = %s  ; %s:%u\n", p->options[i].name, p->options[i].value, p->options[i].at.file, p->options[i].at.line);
}

static bool from_product_file(const struct config *c, struct config_place at)
{
	/* Sections of muster.conf carry its own name, which has no folder. */
	const char *own = strrchr(c->file, '/');

	return at.file != NULL && strcmp(at.file, own != NULL ? own + 1 : c->file) != 0;
}

int config_dump(const struct config *c, FILE *out)
{
	const struct config_section *edition = config_schema_section("edition"), *product = config_schema_section("product");
	char id[UUID_TEXT];

	fprintf(out, "; %s as it is in effect; stored settings are not in it (musterctl settings)\n", c->file);
	dump_section(out, c, config_schema_section("host"), 0, NULL, &c->host, false);
	dump_section(out, c, config_schema_section("limits"), 0, NULL, &c->limits, false);
	dump_section(out, c, config_schema_section("doctor"), 0, NULL, &c->doctor, false);
	for (size_t i = 0; i < c->issuer_count; i++)
		dump_section(out, c, config_schema_section("issuer"), i, c->issuers[i].name, &c->issuers[i], false);
	for (size_t i = 0; i < c->plugin_count; i++) {
		dump_section(out, c, config_schema_section("plugin"), i, c->plugins[i].name, &c->plugins[i], false);
		dump_options(out, &c->plugins[i]);
	}
	for (size_t i = 0; i < c->product_count; i++)
		dump_section(out, c, product, i, c->products[i].name, &c->products[i], c->products[i].is_new);
	for (size_t i = 0; i < c->edition_count; i++) {
		uuid_format(id, c->editions[i].id);
		dump_section(out, c, edition, i, id, &c->editions[i], from_product_file(c, c->editions[i].at));
	}
	for (size_t i = 0; i < c->reservation_count; i++)
		dump_section(out, c, config_schema_section("reservation"), i, c->reservations[i].name, &c->reservations[i], false);
	return ferror(out) ? MUSTER_E_IO : MUSTER_OK;
}

/* ---- the sample and the manual ---- */

/* @p text in lines of at most WIDTH, each after @p lead. */
static void wrap(FILE *out, const char *lead, const char *text)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t word = strcspn(text, " ");

		if (column > 0 && column + 1 + word > WIDTH) {
			fputc('\n', out);
			column = 0;
		}
		column += (size_t)fprintf(out, "%s%.*s", column == 0 ? lead : " ", (int)word, text);
		text += word;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

/* "15min to 30d", "at most 64 bytes", "none or counts": what may stand after the '='. */
static void describe(struct buf *b, const struct config_key *k)
{
	static const char *const kinds[] = {
		[CONFIG_TEXT] = "text", [CONFIG_NAME] = "name", [CONFIG_POOL] = "name", [CONFIG_ACCOUNT] = "account", [CONFIG_PATH] = "path",
		[CONFIG_URL] = "address", [CONFIG_LISTEN] = "list of ADDRESS:PORT", [CONFIG_NETWORKS] = "list of ADDRESS/BITS",
		[CONFIG_CLAIMS] = "list of client:UUID, name:PATTERN, ADDRESS/BITS", [CONFIG_VERSIONS] = "list of versions", [CONFIG_VERSION] = "version",
		[CONFIG_WORDS] = "some of: ", [CONFIG_MEDIUM] = "list of PATH [SECTION] KEY",
		[CONFIG_DIGEST] = "64 hexadecimal digits", [CONFIG_CHOICE] = "one of: ", [CONFIG_NUMBER] = "number", [CONFIG_TIME] = "time",
		[CONFIG_MSEC] = "time", [CONFIG_SIZE] = "size", [CONFIG_SWITCH] = "yes or no", [CONFIG_FLAG] = "yes or no", [CONFIG_UUID] = "UUID",
		[CONFIG_DATE] = "day", [CONFIG_DATE_END] = "day"
	};

	buf_adds(b, kinds[k->type]);
	if (k->type == CONFIG_CHOICE || k->type == CONFIG_WORDS)
		buf_adds(b, k->words);
	if (k->type == CONFIG_CLAIMS)
		buf_addf(b, ", at most %" PRIu64 " bytes", k->max);
	if (k->type == CONFIG_TEXT || k->type == CONFIG_PATH || k->type == CONFIG_URL)
		buf_addf(b, ", at most %" PRIu64 " bytes", k->max);
	if (k->type >= CONFIG_NUMBER && k->type <= CONFIG_SIZE) {
		buf_adds(b, ", ");
		config_value_number(b, k->type, k->min);
		buf_adds(b, " to ");
		config_value_number(b, k->type, k->max);
		if (k->unit != NULL)
			buf_addf(b, " %s", k->unit);
	}
}

static void describe_default(struct buf *b, const struct config_key *k)
{
	if ((k->flags & CONFIG_KEY_REQUIRED) != 0)
		buf_adds(b, "must be given");
	else if (k->value == NULL)
		buf_adds(b, "no default");
	else
		buf_addf(b, "default: %s", k->value[0] != '\0' ? k->value : "empty");
}

static void sample_key(FILE *out, const struct config_key *k)
{
	struct buf b;

	buf_init(&b, 1024);
	buf_adds(&b, k->doc);
	buf_adds(&b, " (");
	describe(&b, k);
	if ((k->flags & (CONFIG_KEY_SITE | CONFIG_KEY_REQUIRED)) != 0) {
		buf_adds(&b, "; ");
		describe_default(&b, k);
	}
	buf_adds(&b, ")");
	fputc('\n', out);
	wrap(out, "# ", buf_str(&b));
	buf_fini(&b);
	if ((k->flags & CONFIG_KEY_SITE) != 0)
		fprintf(out, "#%s =\n", k->name);
	else
		fprintf(out, "%s%s =%s%s\n", (k->flags & CONFIG_KEY_SHOWN) != 0 ? "" : "#", k->name, k->value[0] != '\0' ? " " : "", k->value);
}

static void sample_example(FILE *out, const struct config_section *s)
{
	for (const char *p = s->example; *p != '\0';) {
		size_t n = strcspn(p, "\n");

		fprintf(out, "#%.*s\n", (int)n, p);
		p += n + 1;
	}
}

static bool has_live_key(const struct config_section *s)
{
	for (size_t i = 0; i < s->key_count; i++)
		if ((s->keys[i].flags & CONFIG_KEY_SHOWN) != 0)
			return true;
	return false;
}

int config_sample(FILE *out)
{
	size_t n;
	const struct config_section *s = config_schema(&n);

	fprintf(out, "# muster.conf: configuration of a Muster host; see muster.conf(5).\n"
	             "# Lines that begin with # or ; are comments; a comment after a value begins with \" ;\".\n"
	             "# Times and sizes carry their unit: 30s 90min 2h 7d, 16KiB 256MiB 4GiB. What is commented out shows the default.\n");
	for (; n > 0; n--, s++) {
		fputs("\n\n", out);
		wrap(out, "# ", s->doc);
		if (s->example != NULL) {
			sample_example(out, s);
			continue;
		}
		fprintf(out, "%s[%s]\n", has_live_key(s) ? "" : "#", s->name);
		for (size_t i = 0; i < s->key_count; i++)
			if ((s->keys[i].flags & CONFIG_KEY_STORED) == 0)
				sample_key(out, &s->keys[i]);
	}
	return ferror(out) ? MUSTER_E_IO : MUSTER_OK;
}

/* One sentence or more as mdoc text: a line that begins with a dot or a quote would be a request. */
static void manual_text(FILE *out, const char *text)
{
	if (text[0] == '.' || text[0] == '\'')
		fputs("\\&", out);
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '`')
			fputs("\\(ga", out);
		else if (*text == '-')
			fputs("\\-", out);
		else if (text[0] == '.' && text[1] == ' ') {
			/* Sentences begin on a line of their own. */
			fputs(".\n", out);
			text++;
		} else {
			fputc(*text, out);
		}
	}
	fputc('\n', out);
}

static void manual_key(FILE *out, const struct config_key *k)
{
	struct buf b;

	buf_init(&b, 1024);
	fprintf(out, ".It Ic %s\n", k->name);
	manual_text(out, k->doc);
	describe(&b, k);
	buf_adds(&b, "; ");
	describe_default(&b, k);
	if ((k->flags & CONFIG_KEY_NEW) != 0)
		buf_adds(&b, "; in product files only");
	buf_adds(&b, ".)");
	fputs("(", out);
	manual_text(out, buf_str(&b));
	buf_fini(&b);
}

int config_manual(FILE *out)
{
	size_t n;
	const struct config_section *s = config_schema(&n);

	for (; n > 0; n--, s++) {
		fprintf(out, ".Ss [%s%s%s]\n", s->name, s->argument != NULL ? " " : "", s->argument != NULL ? s->argument : "");
		manual_text(out, s->doc);
		fputs(".Bl -tag -width Ds\n", out);
		for (size_t i = 0; i < s->key_count; i++)
			if ((s->keys[i].flags & CONFIG_KEY_STORED) == 0)
				manual_key(out, &s->keys[i]);
		fputs(".El\n", out);
	}
	return ferror(out) ? MUSTER_E_IO : MUSTER_OK;
}
