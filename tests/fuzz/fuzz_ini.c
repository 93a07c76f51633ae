/*
 * Any bytes as muster.conf or, when they begin with 'p', as a product file. Every fault is a message in the one form; a
 * configuration without fault, dumped and read again, is the same.
 */
#include <string.h>

#include "core/base/buf.h"
#include "core/config/reading.h"
#include "tests/fuzz/fuzz.h"

#define DUMP_MAX ((size_t)8 << 20)

static size_t messages;

static void check_message(void *ctx, const char *message)
{
	(void)ctx;
	messages++;
	FUZZ_CHECK(strncmp(message, "muster.conf", 11) == 0);
	FUZZ_CHECK(strlen(message) < MUSTER_ERR_MAX);
	for (const char *p = message; *p != '\0'; p++)
		FUZZ_CHECK((unsigned char)*p >= 0x20 && *p != 0x7F);
}

/* @return the configuration when the text is without fault, else NULL. Caller frees. */
static struct config *take(const uint8_t *data, size_t size, bool product_file)
{
	struct config_reading g = { .report = { .fn = check_message } };
	struct muster_err err;

	messages = 0;
	FUZZ_CHECK(config_read_begin(&g, "/etc/muster/muster.conf", &err) == MUSTER_OK);
	g.file = "muster.conf";
	FUZZ_CHECK(config_read_bytes(&g, data, size, product_file) == MUSTER_OK);
	config_finish(&g);
	FUZZ_CHECK(!g.report.exhausted);
	FUZZ_CHECK(g.report.faults == messages);
	FUZZ_CHECK((messages == 0) == (g.report.first[0] == '\0'));
	if (messages > 0) {
		config_free(g.c);
		return NULL;
	}
	return g.c;
}

/* The dump without the comments that name each value's place. */
static void dump(struct buf *out, const struct config *c)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	FUZZ_CHECK(f != NULL);
	FUZZ_CHECK(config_dump(c, f) == MUSTER_OK);
	FUZZ_CHECK(fclose(f) == 0);
	for (char *p = text; *p != '\0';) {
		size_t line = strcspn(p, "\n"), keep = line;

		for (size_t i = 0; i + 4 < line; i++)
			if (memcmp(p + i, "  ; ", 4) == 0)
				keep = i;
		buf_add(out, p, keep);
		buf_addc(out, '\n');
		p += line + 1;
	}
	free(text);
	FUZZ_CHECK(!out->failed);
}

/* A value full of blanks can be read in a short line and not in the dump's, which is a little longer. */
static bool has_long_line(const struct buf *b)
{
	for (const char *p = buf_str(b); *p != '\0'; p += strcspn(p, "\n") + 1)
		if (strcspn(p, "\n") > 180)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool product_file = size > 0 && data[0] == 'p';
	struct config *c = take(product_file ? data + 1 : data, product_file ? size - 1 : size, product_file), *again;
	struct buf first, second;

	if (c == NULL)
		return 0;
	buf_init(&first, DUMP_MAX);
	buf_init(&second, DUMP_MAX);
	dump(&first, c);
	if (!product_file && !has_long_line(&first)) {
		again = take(first.p, first.n, false);
		FUZZ_CHECK(again != NULL);
		dump(&second, again);
		FUZZ_CHECK(strcmp(buf_str(&first), buf_str(&second)) == 0);
		config_free(again);
	}
	buf_fini(&first);
	buf_fini(&second);
	config_free(c);
	return 0;
}
