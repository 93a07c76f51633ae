/* Text in every encoding that administrators' tools write, in pieces of every size, with faults that are named. */
#include "tests/unit/unit.h"

#include <string.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/exchange/record.h"

/* A file given in pieces of @p piece bytes; `fill` bytes of 'x' follow the text. */
struct source { const uint8_t *p; size_t n, at, piece; uint64_t fill; };

static int from(void *ctx, uint8_t *p, size_t n, struct muster_err *err)
{
	struct source *s = ctx;
	size_t k = s->piece < n ? s->piece : n;

	(void)err;
	if (s->at == s->n) {
		k = s->fill < n ? (size_t)s->fill : n;
		memset(p, 'x', k);
		s->fill -= k;
		return (int)k;
	}
	k = k < s->n - s->at ? k : s->n - s->at;
	memcpy(p, s->p + s->at, k);
	s->at += k;
	return (int)k;
}

static struct exchange_text *open_text(struct source *s, const char *page)
{
	struct exchange_input in = { from, s };
	struct exchange_text *t;
	struct muster_err err = { 0 };
	int r = exchange_text_open(&t, &in, page, &err);

	ck_assert_msg(r == MUSTER_OK, "%s", err.message);
	return t;
}

/* Every line with '|' behind it. */
static void lines_of(struct exchange_text *t, struct buf *out)
{
	struct exchange_line line;
	struct muster_err err;
	unsigned long number = 0;
	int r;

	while ((r = exchange_text_line(t, &line, &err)) == 1) {
		ck_assert_uint_eq(line.number, ++number);
		buf_add(out, line.p, line.n);
		buf_addc(out, '|');
	}
	ck_assert_int_eq(r, 0);
}

struct sample { const char *bytes; size_t n; const char *page, *lines, *encoding; unsigned long faults, fault_line; const char *fault; };
#define B(x) x, sizeof(x) - 1

static const struct sample samples[] = {
	{ B("a\nb\r\nc\rd"), NULL, "a|b|c|d|", "ASCII", 0, 0, NULL },
	{ B("a\r\r\n\n\r"), NULL, "a||||", "ASCII", 0, 0, NULL },
	{ B("a\n"), NULL, "a|", "ASCII", 0, 0, NULL },
	{ B("\n"), NULL, "|", "ASCII", 0, 0, NULL },
	{ B("\xef\xbb\xbfName: x\r\n"), NULL, "Name: x|", "UTF-8 with BOM", 0, 0, NULL },
	{ B("J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x96\xa5\n"), NULL, "Jürgen € 🖥|", "UTF-8", 0, 0, NULL },
	{ B("\xff\xfe" "N\0a\0\r\0\n\0\xfc\0"), NULL, "Na|ü|", "UTF-16LE with BOM", 0, 0, NULL },
	{ B("N\0a\0m\0e\0\r\0\n\0\x1f\x04"), NULL, "Name|П|", "UTF-16LE without BOM", 0, 0, NULL },
	{ B("\xfe\xff" "\0N\0a\0\r\0\n\x20\xac"), NULL, "Na|€|", "UTF-16BE with BOM", 0, 0, NULL },
	{ B("\0N\0a\0m\0e\0\n\0x"), NULL, "Name|x|", "UTF-16BE without BOM", 0, 0, NULL },
	{ B("\xff\xfe\x3d\xd8\xa5\xdd!\0"), NULL, "🖥!|", "UTF-16LE with BOM", 0, 0, NULL },
	/* a second mark, as Out-File -Append leaves one */
	{ B("\xff\xfe" "a\0\n\0\xff\xfe" "b\0"), NULL, "a|b|", "UTF-16LE with BOM", 0, 0, NULL },
	{ B("\xef\xbb\xbf" "a\n\xef\xbb\xbf" "b\n"), NULL, "a|b|", "UTF-8 with BOM", 0, 0, NULL },
	/* guessed: letters beside letters */
	{ B("M\x81ller, Gr\x94\xe1" "e\n"), NULL, "Müller, Größe|", "CP850 (guessed)", 0, 0, NULL },
	{ B("M\xfcller, Gr\xf6\xdf" "e \x96 \x80 5\n"), NULL, "Müller, Größe – € 5|", "CP1252 (guessed)", 0, 0, NULL },
	/* said */
	{ B("M\x81ller\n"), "437", "Müller|", "CP437", 0, 0, NULL },
	{ B("\x8c\x9f\n"), "cp852", "îč|", "CP852", 0, 0, NULL },
	{ B("\x8c\x9f\n"), "windows-1250", "Śź|", "CP1250", 0, 0, NULL },
	{ B("\xcf\xf0\n"), "1251", "Пр|", "CP1251", 0, 0, NULL },
	{ B("\x83\x65\x83\x58\n"), "932", "テス|", "CP932", 0, 0, NULL },
	{ B("J\xc3\xbc\n"), "1252", "JÃ¼|", "CP1252", 0, 0, NULL },
	{ B("\xef\xbb\xbfJ\xc3\xbc\n"), "1252", "Jü|", "UTF-8 with BOM", 0, 0, NULL },
	{ B("xa\xcc\n\xc3" "e"), "1258", "xà|Ăe|", "CP1258", 0, 0, NULL }, /* accents stand behind their letter */
	/* no text */
	{ B("a\nNa\0me: b and more\n"), NULL, "a|Na\xef\xbf\xbdme: b and more|", "ASCII", 1, 2, "a NUL byte" },
	{ B("\xef\xbb\xbf" "a\r\nb\xfc" "c\r\n"), NULL, "a|b\xef\xbf\xbd" "c|", "UTF-8 with BOM", 1, 2, "a byte that is no UTF-8" },
	{ B("\xef\xbb\xbf" "a\xed\xa0\x80\xc0\x80\n"), NULL, "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|", "UTF-8 with BOM", 5, 1, "a byte that is no UTF-8" },
	{ B("\xef\xbb\xbf" "a\nb\xe2\x82"), NULL, "a|b\xef\xbf\xbd\xef\xbf\xbd|", "UTF-8 with BOM", 2, 2, "a byte that is no UTF-8" },
	{ B("\xff\xfe" "a\0\r\0\n\0\x3d\xd8" "b\0"), NULL, "a|\xef\xbf\xbd" "b|", "UTF-16LE with BOM", 1, 2, "half a UTF-16 pair" },
	{ B("\xff\xfe" "a\0\n\0\xa5\xdd"), NULL, "a|\xef\xbf\xbd|", "UTF-16LE with BOM", 1, 2, "half a UTF-16 pair" },
	{ B("\xff\xfe" "a\0\n\0\x3d\xd8"), NULL, "a|\xef\xbf\xbd|", "UTF-16LE with BOM", 1, 2, "half a UTF-16 pair" },
	{ B("\xff\xfe" "a\0b\0c"), NULL, "ab\xef\xbf\xbd|", "UTF-16LE with BOM", 1, 1, "half a UTF-16 character at the end" },
	{ B("\xff\xfe" "a\0\n\0\0\0b\0"), NULL, "a|\xef\xbf\xbd" "b|", "UTF-16LE with BOM", 1, 2, "a NUL character" },
	{ B("a\n\x81-and-more-text\0b\n"), "1252", "a|\xef\xbf\xbd-and-more-text\xef\xbf\xbd" "b|", "CP1252", 2, 2, "a byte that the code page has not" },
};

START_TEST(test_samples)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		for (size_t piece = 1; piece < 9; piece += piece == 5 ? 3 : 1) {
			const struct sample *m = &samples[i];
			struct source s = { (const uint8_t *)m->bytes, m->n, 0, piece, 0 };
			struct exchange_text *t = open_text(&s, m->page);
			unsigned long line = 0;
			const char *what;
			struct buf out;
			size_t n;

			buf_init(&out, 1000);
			(void)exchange_text_peek(t, &n);
			ck_assert_uint_gt(n, 0);
			lines_of(t, &out);
			ck_assert_msg(strcmp(buf_str(&out), m->lines) == 0, "%zu in pieces of %zu: %s", i, piece, buf_str(&out));
			ck_assert_str_eq(exchange_text_encoding(t), m->encoding);
			ck_assert_uint_eq(exchange_text_read(t), m->n);
			ck_assert_uint_eq(exchange_text_faults(t), m->faults);
			what = exchange_text_fault(t, 0, &line);
			ck_assert_int_eq(what != NULL, m->faults > 0);
			if (what != NULL) {
				ck_assert_str_eq(what, m->fault);
				ck_assert_uint_eq(line, m->fault_line);
			}
			exchange_text_close(t);
			buf_fini(&out);
		}
}
END_TEST

/* The same through exchange_text_bytes(), four bytes at a time: whole characters only, nothing lost. */
START_TEST(test_bytes)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *m = &samples[i];
		struct source a = { (const uint8_t *)m->bytes, m->n, 0, 3, 0 }, b = a;
		struct exchange_text *t = open_text(&a, m->page), *u = open_text(&b, m->page);
		struct muster_err err;
		struct buf out, all;
		char some[4], many[64];
		int n;

		buf_init(&out, 1000);
		buf_init(&all, 1000);
		while ((n = exchange_text_bytes(t, some, sizeof(some), &err)) > 0) {
			ck_assert_int_ne((unsigned char)some[0] & 0xc0, 0x80);
			buf_add(&out, some, (size_t)n);
		}
		ck_assert_int_eq(n, 0);
		while ((n = exchange_text_bytes(u, many, sizeof(many), &err)) > 0)
			buf_add(&all, many, (size_t)n);
		ck_assert_str_eq(buf_str(&out), buf_str(&all));
		exchange_text_close(t);
		exchange_text_close(u);
		buf_fini(&out);
		buf_fini(&all);
	}
}
END_TEST

/* What is not ASCII comes long after the beginning, across the ends of the buffers. */
START_TEST(test_long)
{
	static const struct { const char *tail; size_t n; const char *is, *encoding; } tails[] = {
		{ B("\xc3\xbc-end\n"), "ü-end", "UTF-8" }, { B("M\x81ller\n"), "Müller", "CP850 (guessed)" }, { B("\xe2\x82\xac\n"), "€", "UTF-8" },
	};
	const size_t around = 64 << 10;

	for (size_t k = 0; k < sizeof(tails) / sizeof(tails[0]); k++)
		for (size_t before = around - 4; before < around + 3; before++) {
			uint8_t *p = mem_alloc(before + tails[k].n);
			struct source s = { p, before + tails[k].n, 0, 60000, 0 };
			struct exchange_text *t;
			struct exchange_line line;
			struct muster_err err;

			memset(p, 'y', before);
			for (size_t i = 99; i < before; i += 100)
				p[i] = '\n';
			p[before - 1] = '\n';
			memcpy(p + before, tails[k].tail, tails[k].n);
			t = open_text(&s, NULL);
			for (unsigned long i = 1; i <= before / 100 + (before % 100 != 0); i++)
				ck_assert_int_eq(exchange_text_line(t, &line, &err), 1);
			ck_assert_int_eq(exchange_text_line(t, &line, &err), 1);
			ck_assert_msg(line.n == strlen(tails[k].is) && memcmp(line.p, tails[k].is, line.n) == 0, "%zu %zu: %.*s", k, before, (int)line.n, line.p);
			ck_assert_str_eq(exchange_text_encoding(t), tails[k].encoding);
			ck_assert_int_eq(exchange_text_line(t, &line, &err), 0);
			ck_assert_uint_eq(exchange_text_lines(t), line.number);
			exchange_text_close(t);
			mem_free(p);
		}
}
END_TEST

/* A line of 200 MiB: its beginning, flagged; the memory for it stays what a line may have. */
START_TEST(test_endless_line)
{
	struct source s = { (const uint8_t *)"first\n", 6, 0, 100, UINT64_C(200) << 20 };
	struct exchange_text *t = open_text(&s, NULL);
	struct exchange_line line;
	struct muster_err err;

	ck_assert_int_eq(exchange_text_line(t, &line, &err), 1);
	ck_assert(!line.cut);
	mem_fail_at(0);
	ck_assert_int_eq(exchange_text_line(t, &line, &err), 1);
	ck_assert(line.cut);
	ck_assert_uint_eq(line.n, EXCHANGE_LINE_MAX);
	ck_assert_uint_lt(mem_count(), 64);
	ck_assert_int_eq(exchange_text_line(t, &line, &err), 0);
	ck_assert_uint_eq(exchange_text_read(t), (UINT64_C(200) << 20) + 6);
	exchange_text_close(t);
}
END_TEST

/* Cut between characters, not within one. */
START_TEST(test_cut_character)
{
	size_t n = EXCHANGE_LINE_MAX + 100;
	uint8_t *p = mem_alloc(n);
	struct source s = { p, n, 0, 60000, 0 };
	struct exchange_text *t;
	struct exchange_line line;
	struct muster_err err;

	p[0] = 'a';
	for (size_t i = 1; i + 2 < n; i += 2)
		memcpy(p + i, "\xc3\xbc", 2);
	memcpy(p + n - 4, "\nabc", 4);
	p[n - 5] = 'q';
	t = open_text(&s, "utf-8");
	ck_assert_int_eq(exchange_text_line(t, &line, &err), 1);
	ck_assert(line.cut);
	ck_assert_uint_eq(line.n, EXCHANGE_LINE_MAX - 1);
	ck_assert_int_eq((unsigned char)line.p[line.n - 1], 0xbc);
	ck_assert_int_eq(exchange_text_line(t, &line, &err), 1);
	ck_assert(!line.cut && line.n == 3 && memcmp(line.p, "abc", 3) == 0);
	ck_assert_int_eq(exchange_text_line(t, &line, &err), 0);
	exchange_text_close(t);
	mem_free(p);
}
END_TEST

static void refused(const char *bytes, size_t n, const char *page, int result, const char *says)
{
	struct source s = { (const uint8_t *)bytes, n, 0, 1000, 0 };
	struct exchange_input in = { from, &s };
	struct exchange_text *t;
	struct muster_err err = { 0 };

	ck_assert_int_eq(exchange_text_open(&t, &in, page, &err), result);
	ck_assert_ptr_null(t);
	ck_assert_msg(strstr(err.message, says) != NULL, "%s", err.message);
}

START_TEST(test_refused)
{
	static const char noise[] = "\1\2\3\4\5 and so on";
	static const char program[70] = "MZ\x90\0\3";

	refused(B("PK\3\4\x14\0\6\0"), NULL, MUSTER_E_UNSUPPORTED, "zip archive or a workbook");
	refused(B("ElfFile\0\0\0\0\0"), NULL, MUSTER_E_UNSUPPORTED, "wevtutil qe FILE.evtx");
	refused(B("\x89PNG\r\n\x1a\n\0\0\0"), NULL, MUSTER_E_UNSUPPORTED, "a picture (PNG)");
	refused(B("\xff\xd8\xff\xe0\0\x10JFIF"), NULL, MUSTER_E_UNSUPPORTED, "a picture (JPEG)");
	refused(program, sizeof(program), NULL, MUSTER_E_UNSUPPORTED, "Windows program");
	refused(noise, sizeof(noise), NULL, MUSTER_E_UNSUPPORTED, "control characters");
	refused(B("\0\0\0\0\0\0\0\0"), NULL, MUSTER_E_UNSUPPORTED, "control characters");
	refused(B("Name: x\n"), "klingon", MUSTER_E_INVALID, "code page \"klingon\" is not known");
	refused(B("Name: x\n"), "99999", MUSTER_E_INVALID, "--code-page takes 437");
	refused(B("Name: x\n"), "", MUSTER_E_INVALID, "code page");
}
END_TEST

static int broken(void *ctx, uint8_t *p, size_t n, struct muster_err *err)
{
	int *calls = ctx;

	if ((*calls)++ > 1)
		return err_set(err, MUSTER_E_IO, "the disk says no");
	memset(p, 'a', n);
	return (int)n;
}

START_TEST(test_read_error)
{
	int calls = 0;
	struct exchange_input in = { broken, &calls };
	struct exchange_text *t;
	struct exchange_line line;
	struct muster_err err;

	ck_assert_int_eq(exchange_text_open(&t, &in, NULL, &err), MUSTER_OK);
	ck_assert_int_eq(exchange_text_line(t, &line, &err), MUSTER_E_IO);
	ck_assert_str_eq(err.message, "the disk says no");
	exchange_text_close(t);
}
END_TEST

START_TEST(test_memory)
{
	for (uint64_t i = 1; i < 6; i++) {
		struct source s = { (const uint8_t *)"a\n", 2, 0, 1, 0 };
		struct exchange_input in = { from, &s };
		struct exchange_text *t;
		struct muster_err err;
		int r;

		mem_fail_at(i);
		r = exchange_text_open(&t, &in, NULL, &err);
		mem_fail_at(0);
		ck_assert_int_eq(r, i <= 3 ? MUSTER_E_NOMEM : MUSTER_OK);
		exchange_text_close(t);
	}
}
END_TEST

UNIT_MAIN("exchange_text", test_samples, test_bytes, test_long, test_endless_line, test_cut_character, test_refused, test_read_error, test_memory)
