/* Any bytes as text: what comes out is UTF-8 without NUL, the same whether the bytes come at once or one by one, line by line or in pieces, and within the limit of a line.
 * The first byte says the code page. */
#include <string.h>

#include "core/base/buf.h"
#include "core/exchange/record.h"
#include "tests/fuzz/fuzz.h"

static const char *const pages[] = { NULL, "437", "850", "852", "1252", "1258", "932", "65001", "1200", "1201" };

struct source { const uint8_t *p; size_t n, piece; };

static int from(void *ctx, uint8_t *p, size_t n, struct muster_err *err)
{
	struct source *s = ctx;
	size_t k = s->piece < n ? s->piece : n;

	(void)err;
	k = k < s->n ? k : s->n;
	memcpy(p, s->p, k);
	s->p += k;
	s->n -= k;
	return (int)k;
}

static void is_text(const char *text, size_t n)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + n;

	while (p < end) {
		size_t k = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : (*p & 0xf0) == 0xe0 ? 3 : *p >= 0xf0 && *p < 0xf5 ? 4 : 0;

		FUZZ_CHECK(k > 0 && *p != 0 && (size_t)(end - p) >= k);
		for (size_t i = 1; i < k; i++)
			FUZZ_CHECK((p[i] & 0xc0) == 0x80);
		FUZZ_CHECK(!(p[0] == 0xe0 && p[1] < 0xa0) && !(p[0] == 0xed && p[1] > 0x9f) && !(p[0] == 0xf0 && p[1] < 0x90) && !(p[0] == 0xf4 && p[1] > 0x8f));
		p += k;
	}
}

/* Lines with '\n' behind each. */
static bool lines(struct buf *out, const uint8_t *data, size_t size, size_t piece, const char *page)
{
	struct source s = { data, size, piece };
	struct exchange_input in = { from, &s };
	struct exchange_text *t;
	struct exchange_line line;
	struct muster_err err = { 0 };
	unsigned long n = 0;
	int r = exchange_text_open(&t, &in, page, &err);

	FUZZ_CHECK((r == MUSTER_OK) == (t != NULL) && (r == MUSTER_OK) == (err.message[0] == '\0'));
	FUZZ_CHECK(r == MUSTER_OK || r == MUSTER_E_UNSUPPORTED);
	if (r != MUSTER_OK)
		return false;
	while ((r = exchange_text_line(t, &line, &err)) == 1) {
		FUZZ_CHECK(line.number == ++n && line.n <= EXCHANGE_LINE_MAX && memchr(line.p, '\n', line.n) == NULL && memchr(line.p, '\r', line.n) == NULL);
		is_text(line.p, line.n);
		buf_add(out, line.p, line.n);
		buf_addc(out, '\n');
	}
	FUZZ_CHECK(r == 0 && exchange_text_read(t) == size && exchange_text_lines(t) == n);
	exchange_text_close(t);
	return true;
}

/* The same from exchange_text_bytes(). */
static void bytes(struct buf *out, const uint8_t *data, size_t size, size_t piece, const char *page)
{
	struct source s = { data, size, size + 1 };
	struct exchange_input in = { from, &s };
	struct exchange_text *t;
	struct muster_err err = { 0 };
	char some[100];
	bool cr = false, begun = false;
	int n;

	FUZZ_CHECK(exchange_text_open(&t, &in, page, &err) == MUSTER_OK);
	while ((n = exchange_text_bytes(t, some, 4 + piece % 90, &err)) > 0) {
		is_text(some, (size_t)n);
		for (int i = 0; i < n; i++) {
			if (some[i] == '\n' && cr) {
				cr = false;
				continue;
			}
			cr = some[i] == '\r';
			begun = some[i] != '\n' && !cr;
			buf_addc(out, cr ? '\n' : some[i]);
		}
	}
	FUZZ_CHECK(n == 0);
	if (begun)
		buf_addc(out, '\n');
	exchange_text_close(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *page = size > 0 ? pages[data[0] % (sizeof pages / sizeof pages[0])] : NULL;
	size_t n = size > 0 ? size - 1 : 0;
	struct buf one, all, raw;

	buf_init(&one, (size_t)1 << 30);
	buf_init(&all, (size_t)1 << 30);
	buf_init(&raw, (size_t)1 << 30);
	if (lines(&all, data + (size > 0), n, n + 1, page)) {
		FUZZ_CHECK(lines(&one, data + (size > 0), n, 1 + n % 7, page));
		bytes(&raw, data + (size > 0), n, n, page);
		FUZZ_CHECK(one.n == all.n && (one.n == 0 || memcmp(one.p, all.p, one.n) == 0));
		FUZZ_CHECK(raw.n == all.n && (raw.n == 0 || memcmp(raw.p, all.p, raw.n) == 0));
	}
	buf_fini(&one);
	buf_fini(&all);
	buf_fini(&raw);
	return 0;
}
