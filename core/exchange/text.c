/* Text of any encoding as UTF-8, in constant memory: what administrators' tools write is UTF-16 from PowerShell, an OEM code page from cmd, UTF-8 from the rest. */
#include "core/exchange/record.h"
#include "core/exchange/text.h"

#include <errno.h>
#include <iconv.h>
#include <openssl/crypto.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/utf8.h"

#define RAW_ROOM ((size_t)64 << 10)
#define OUT_ROOM (4 * RAW_ROOM + 64)     /* a byte becomes three at most; what was ASCII so far stands in front */
#define FAULTS_NAMED 8
#define REPLACEMENT "\xef\xbf\xbd"

/* ASCII: nothing else was met so far; then it is UTF-8 or a code page. */
enum form { FORM_ASCII, FORM_UTF8, FORM_UTF16LE, FORM_UTF16BE, FORM_PAGE };

struct exchange_text {
	struct exchange_input in;
	enum form form;
	bool marked, guessed;                 /* began with a byte order mark; nobody said the code page */
	char page[24];                        /* --code-page or the guess */
	bool page_given;
	char encoding[32];
	iconv_t cd;
	uint8_t *raw; size_t raw_at, raw_n;
	char *out; size_t out_at, out_n;
	bool eof, ended;                      /* no more bytes; everything is decoded */
	bool skip_lf, decoded_cr;             /* the CR of a CRLF was taken; was decoded */
	bool begun;                           /* the last line decoded has no end yet */
	uint64_t read;
	unsigned long line, decoded_line;     /* last given; where the decoder is, from 1 */
	struct buf held;                      /* a line over the end of `out` */
	unsigned long faults;
	struct { unsigned long line; const char *what; } named[FAULTS_NAMED];
};

static size_t raw_left(const struct exchange_text *t)
{
	return t->raw_n - t->raw_at;
}

static int raw_fill(struct exchange_text *t, struct muster_err *err)
{
	memmove(t->raw, t->raw + t->raw_at, raw_left(t));
	t->raw_n = raw_left(t);
	t->raw_at = 0;
	while (!t->eof && t->raw_n < RAW_ROOM) {
		int got = t->in.read(t->in.ctx, t->raw + t->raw_n, RAW_ROOM - t->raw_n, err);

		if (got < 0)
			return got;
		t->eof = got == 0;
		t->raw_n += (size_t)got;
		t->read += (uint64_t)got;
		if (t->read > EXCHANGE_FILE_MAX)
			return err_set(err, MUSTER_E_LIMIT, "the file is larger than 4 GiB, the most that is read: export a shorter time, or split it");
	}
	return MUSTER_OK;
}

/* ---- decoding ---- */

static void put(struct exchange_text *t, const char *p, size_t n)
{
	memcpy(t->out + t->out_n, p, n);
	t->out_n += n;
}

/* Counts the line ends of what was decoded since @p from, so that a fault has a line. */
static void count_lines(struct exchange_text *t, size_t from)
{
	if (from < t->out_n)
		t->begun = strchr("\r\n", t->out[t->out_n - 1]) == NULL;
	for (const char *p = t->out + from, *end = t->out + t->out_n; p < end; p++) {
		if (*p == '\r' || (*p == '\n' && !t->decoded_cr))
			t->decoded_line++;
		t->decoded_cr = *p == '\r';
	}
}

static void fault(struct exchange_text *t, size_t *counted, const char *what)
{
	count_lines(t, *counted);
	*counted = t->out_n;
	if (t->faults < FAULTS_NAMED) {
		t->named[t->faults].line = t->decoded_line;
		t->named[t->faults].what = what;
	}
	t->faults++;
	put(t, REPLACEMENT, 3);
	*counted = t->out_n;
	t->decoded_cr = false;
	t->begun = true;
}

static bool is_utf8(const uint8_t *p, size_t n)
{
	for (size_t k; n > 0; p += k, n -= k) {
		k = utf8_length(p, n);
		if (k == UTF8_MORE)
			return true;
		if (k == 0)
			return false;
	}
	return true;
}

static bool is_mark(const uint8_t *p, size_t n)
{
	return n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0;
}

static void decode_utf8(struct exchange_text *t, size_t *counted)
{
	while (raw_left(t) > 0) {
		const uint8_t *p = t->raw + t->raw_at;
		size_t n = raw_left(t), run = 0, k;

		while (run < n && p[run] < 0x80 && p[run] != 0)
			run++;
		put(t, (const char *)p, run);
		t->raw_at += run;
		if (run == n)
			return;
		p += run;
		n -= run;
		if (*p >= 0x80 && t->form == FORM_ASCII)
			return;
		k = *p == 0 ? 0 : utf8_length(p, n);
		if (k == UTF8_MORE && !t->eof)
			return;
		if (k == 0 || k == UTF8_MORE) {
			fault(t, counted, *p == 0 ? "a NUL byte" : "a byte that is no UTF-8");
			t->raw_at++;
			continue;
		}
		if (!is_mark(p, n)) /* a file that was appended to has marks in the middle: no content */
			put(t, (const char *)p, k);
		t->raw_at += k;
	}
}

static void put_point(struct exchange_text *t, uint32_t c)
{
	char *o = t->out + t->out_n;

	if (c < 0x80) {
		*o = (char)c;
		t->out_n += 1;
	} else if (c < 0x800) {
		o[0] = (char)(0xc0 | c >> 6);
		o[1] = (char)(0x80 | (c & 0x3f));
		t->out_n += 2;
	} else if (c < 0x10000) {
		o[0] = (char)(0xe0 | c >> 12);
		o[1] = (char)(0x80 | (c >> 6 & 0x3f));
		o[2] = (char)(0x80 | (c & 0x3f));
		t->out_n += 3;
	} else {
		o[0] = (char)(0xf0 | c >> 18);
		o[1] = (char)(0x80 | (c >> 12 & 0x3f));
		o[2] = (char)(0x80 | (c >> 6 & 0x3f));
		o[3] = (char)(0x80 | (c & 0x3f));
		t->out_n += 4;
	}
}

static uint32_t unit(const struct exchange_text *t, size_t at)
{
	const uint8_t *p = t->raw + t->raw_at + at;

	return t->form == FORM_UTF16LE ? (uint32_t)(p[0] | p[1] << 8) : (uint32_t)(p[1] | p[0] << 8);
}

static void decode_utf16(struct exchange_text *t, size_t *counted)
{
	while (raw_left(t) >= 2) {
		uint32_t c = unit(t, 0), low;

		if ((c & 0xfc00) == 0xd800) {
			if (raw_left(t) < 4 && !t->eof)
				return;
			low = raw_left(t) < 4 ? 0 : unit(t, 2);
			if ((low & 0xfc00) == 0xdc00) {
				put_point(t, 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff)));
				t->raw_at += 4;
				continue;
			}
		}
		t->raw_at += 2;
		if ((c & 0xf800) == 0xd800)
			fault(t, counted, "half a UTF-16 pair");
		else if (c == 0)
			fault(t, counted, "a NUL character");
		else if (c != 0xfeff)
			put_point(t, c);
	}
	if (raw_left(t) == 1 && t->eof) {
		fault(t, counted, "half a UTF-16 character at the end");
		t->raw_at++;
	}
}

static void decode_page(struct exchange_text *t, size_t *counted)
{
	while (raw_left(t) > 0) {
		char *from = (char *)t->raw + t->raw_at, *to = t->out + t->out_n;
		const uint8_t *nul = memchr(from, 0, raw_left(t));
		size_t n = nul != NULL ? (size_t)(nul - (const uint8_t *)from) : raw_left(t), left = n, room = OUT_ROOM - t->out_n, got;
		int e;

		got = iconv(t->cd, &from, &left, &to, &room);
		e = got == (size_t)-1 ? errno : 0;
		if (e != E2BIG && (e != 0 || nul != NULL || t->eof)) /* some pages hold a letter back until its accent is known */
			(void)iconv(t->cd, NULL, NULL, &to, &room);
		t->out_n = OUT_ROOM - room;
		t->raw_at += n - left;
		if (e == E2BIG)
			return;
		if (nul == NULL && (e == 0 || (e == EINVAL && !t->eof)))
			return;
		fault(t, counted, e != 0 ? "a byte that the code page has not" : "a NUL byte");
		t->raw_at++;
	}
}

static void name_encoding(struct exchange_text *t)
{
	static const char *const names[] = { "ASCII", "UTF-8", "UTF-16LE", "UTF-16BE" };

	if (t->form == FORM_PAGE)
		snprintf(t->encoding, sizeof(t->encoding), "%.15s%s", t->page, t->guessed ? " (guessed)" : "");
	else
		snprintf(t->encoding, sizeof(t->encoding), "%s%s", names[t->form],
			t->marked ? " with BOM" : t->form == FORM_UTF16LE || t->form == FORM_UTF16BE ? " without BOM" : "");
}

static int begin_page(struct exchange_text *t, struct muster_err *err)
{
	t->form = FORM_PAGE;
	t->cd = iconv_open("UTF-8", t->page);
	if (t->cd == (iconv_t)-1)
		return err_set(err, MUSTER_E_INVALID, "the code page %s cannot be read on this machine: save the file as UTF-8", t->page);
	return MUSTER_OK;
}

/* The first byte that is not ASCII: what is in reach decides. */
static int decide(struct exchange_text *t, struct muster_err *err)
{
	int r = raw_fill(t, err);

	if (r != MUSTER_OK)
		return r;
	if (is_utf8(t->raw + t->raw_at, raw_left(t))) {
		t->form = FORM_UTF8;
	} else {
		snprintf(t->page, sizeof(t->page), "%s", exchange_code_page_guess(t->raw + t->raw_at, raw_left(t)));
		t->guessed = true;
		if ((r = begin_page(t, err)) != MUSTER_OK)
			return r;
	}
	name_encoding(t);
	return MUSTER_OK;
}

static void decode(struct exchange_text *t, size_t *counted)
{
	if (t->form == FORM_UTF16LE || t->form == FORM_UTF16BE)
		decode_utf16(t, counted);
	else if (t->form == FORM_PAGE)
		decode_page(t, counted);
	else
		decode_utf8(t, counted);
}

/* `out` is empty and gets more. */
static int fill(struct exchange_text *t, struct muster_err *err)
{
	size_t counted = 0;
	int r;

	t->out_n = t->out_at = 0;
	while (t->out_n == 0 && !t->ended) {
		if ((r = raw_fill(t, err)) != MUSTER_OK)
			return r;
		decode(t, &counted);
		if (t->form == FORM_ASCII && raw_left(t) > 0) {
			if ((r = decide(t, err)) != MUSTER_OK)
				return r;
			decode(t, &counted);
		}
		t->ended = t->eof && raw_left(t) == 0;
	}
	count_lines(t, counted);
	return MUSTER_OK;
}

/* Without a mark: which half of the pairs is zero. */
static enum form pattern(const uint8_t *p, size_t n)
{
	size_t pairs = (n > 4096 ? 4096 : n) / 2, even = 0, odd = 0;

	for (size_t i = 0; i < pairs; i++) {
		even += p[2 * i] == 0;
		odd += p[2 * i + 1] == 0;
	}
	if (odd > pairs / 4 && even * 8 < odd)
		return FORM_UTF16LE;
	return even > pairs / 4 && odd * 8 < even ? FORM_UTF16BE : FORM_ASCII;
}

static int recognise(struct exchange_text *t, struct muster_err *err)
{
	const uint8_t *p = t->raw;
	size_t n = t->raw_n;
	struct exchange_binary binary;

	if (is_mark(p, n)) {
		t->form = FORM_UTF8;
		t->raw_at = 3;
	} else if (n >= 2 && (memcmp(p, "\xff\xfe", 2) == 0 || memcmp(p, "\xfe\xff", 2) == 0)) {
		t->form = p[0] == 0xff ? FORM_UTF16LE : FORM_UTF16BE;
		t->raw_at = 2;
	} else {
		t->form = pattern(p, n);
	}
	t->marked = t->raw_at > 0;
	if (exchange_binary(&binary, p, n, t->form == FORM_UTF16LE || t->form == FORM_UTF16BE))
		return err_set(err, MUSTER_E_UNSUPPORTED, "this is %s, which is not read; %s", binary.what, binary.instead);
	if (t->form != FORM_ASCII || !t->page_given)
		return MUSTER_OK;
	if (strcmp(t->page, "UTF-8") == 0)
		t->form = FORM_UTF8;
	else if (strncmp(t->page, "UTF-16", 6) == 0)
		t->form = strcmp(t->page, "UTF-16LE") == 0 ? FORM_UTF16LE : FORM_UTF16BE;
	else
		return begin_page(t, err);
	return MUSTER_OK;
}

int exchange_text_open(struct exchange_text **out, const struct exchange_input *in, const char *code_page, struct muster_err *err)
{
	struct exchange_text *t = NULL;
	char page[24] = "";
	int r;

	*out = NULL;
	if (code_page != NULL && (r = exchange_code_page(page, code_page, err)) != MUSTER_OK)
		return r;
	if ((t = mem_alloc(sizeof(*t))) == NULL)
		return err_nomem(err);
	t->cd = (iconv_t)-1;
	t->in = *in;
	t->page_given = code_page != NULL;
	memcpy(t->page, page, sizeof(page));
	t->decoded_line = 1;
	buf_init(&t->held, EXCHANGE_LINE_MAX);
	t->raw = mem_alloc(RAW_ROOM);
	t->out = mem_alloc(OUT_ROOM);
	if (t->raw == NULL || t->out == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if ((r = raw_fill(t, err)) != MUSTER_OK || (r = recognise(t, err)) != MUSTER_OK)
		goto done;
	name_encoding(t);
	if ((r = fill(t, err)) != MUSTER_OK)
		goto done;
	*out = t;
	t = NULL;
done:
	exchange_text_close(t);
	return r;
}

void exchange_text_close(struct exchange_text *t)
{
	if (t == NULL)
		return;
	if (t->cd != (iconv_t)-1)
		(void)iconv_close(t->cd);
	if (t->raw != NULL)
		OPENSSL_cleanse(t->raw, RAW_ROOM);     /* exports of keys pass through here */
	if (t->out != NULL)
		OPENSSL_cleanse(t->out, OUT_ROOM);
	buf_cleanse(&t->held);
	mem_free(t->raw);
	mem_free(t->out);
	mem_free(t);
}

/* ---- taking ---- */

static void skip_lf(struct exchange_text *t)
{
	if (t->skip_lf && t->out_at < t->out_n) {
		t->out_at += t->out[t->out_at] == '\n';
		t->skip_lf = false;
	}
}

/* Bytes of the line that are in `out`: @return true with its end. */
static bool line_part(struct exchange_text *t, size_t *n)
{
	const char *p = t->out + t->out_at;
	size_t have = t->out_n - t->out_at;
	const char *lf = memchr(p, '\n', have), *cr = memchr(p, '\r', lf != NULL ? (size_t)(lf - p) : have);
	const char *end = cr != NULL ? cr : lf;

	*n = end != NULL ? (size_t)(end - p) : have;
	t->skip_lf = cr != NULL;
	return end != NULL;
}

static int hold(struct exchange_text *t, const char *p, size_t n, bool *cut, struct muster_err *err)
{
	size_t room = EXCHANGE_LINE_MAX - t->held.n;

	if (*cut || n > room) {
		n = *cut ? 0 : utf8_cut(p, n, room);
		*cut = true;
	}
	buf_add(&t->held, p, n);
	return t->held.failed ? err_nomem(err) : MUSTER_OK;
}

int exchange_text_line(struct exchange_text *t, struct exchange_line *line, struct muster_err *err)
{
	bool any = false, cut = false, end;
	size_t n;
	int r;

	buf_clear(&t->held);
	for (;;) {
		if (t->out_at == t->out_n && (r = fill(t, err)) != MUSTER_OK)
			return r;
		skip_lf(t);
		if (t->out_at == t->out_n) {
			if (!t->ended)
				continue;
			if (!any)
				return 0;
			break;
		}
		end = line_part(t, &n);
		line->p = t->out + t->out_at;
		t->out_at += n + end;
		if (end && !any && n <= EXCHANGE_LINE_MAX) { /* nearly always: no copy */
			line->n = n;
			line->cut = false;
			line->number = ++t->line;
			return 1;
		}
		any = true;
		if ((r = hold(t, line->p, n, &cut, err)) != MUSTER_OK)
			return r;
		if (end)
			break;
	}
	line->p = buf_str(&t->held);
	line->n = t->held.n;
	line->cut = cut;
	line->number = ++t->line;
	return 1;
}

int exchange_text_bytes(struct exchange_text *t, char *p, size_t n, struct muster_err *err)
{
	size_t have, k;
	int r;

	MUSTER_ASSERT(n >= 4 && n <= INT32_MAX);
	do {
		if (t->out_at == t->out_n && (r = fill(t, err)) != MUSTER_OK)
			return r;
		skip_lf(t);
	} while (t->out_at == t->out_n && !t->ended);
	have = t->out_n - t->out_at;
	k = utf8_cut(t->out + t->out_at, have, n);
	memcpy(p, t->out + t->out_at, k);
	t->out_at += k;
	return (int)k;
}

const char *exchange_text_peek(struct exchange_text *t, size_t *n)
{
	*n = t->out_n - t->out_at;
	return t->out + t->out_at;
}

const char *exchange_text_encoding(const struct exchange_text *t) { return t->encoding; }
uint64_t exchange_text_read(const struct exchange_text *t) { return t->read; }
unsigned long exchange_text_faults(const struct exchange_text *t) { return t->faults; }

unsigned long exchange_text_lines(const struct exchange_text *t)
{
	return t->decoded_line - !t->begun;
}

const char *exchange_text_fault(const struct exchange_text *t, size_t i, unsigned long *line)
{
	if (i >= FAULTS_NAMED || i >= t->faults)
		return NULL;
	*line = t->named[i].line;
	return t->named[i].what;
}
