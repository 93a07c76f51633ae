#include "core/issuer/products.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "core/base/err.h"
#include "core/base/log.h"
#include "core/base/uuid.h"

struct reader {
	struct products *out;
	unsigned lines[TRUST_PRODUCTS_MAX];   /* where each ID was read */
	const char *name;
	unsigned line, faults;
	void (*report)(void *ctx, const char *message);
	void *ctx;
};

static void fault(struct reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void fault(struct reader *r, const char *fmt, ...)
{
	char what[256], text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	(void)snprintf(text, sizeof(text), "%s:%u: %s", r->name, r->line, what);
	r->faults++;
	if (r->report != NULL)
		r->report(r->ctx, text);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void read_line(struct reader *r, const char *p, size_t n)
{
	const char *comment = memchr(p, '#', n);
	uint8_t id[16];
	size_t i;

	if (comment != NULL)
		n = (size_t)(comment - p);
	while (n > 0 && blank(p[n - 1]))
		n--;
	while (n > 0 && blank(*p))
		p++, n--;
	if (n == 0)
		return;
	if (uuid_parse(id, p, n) != MUSTER_OK) {
		char raw[61], quoted[128];

		n = n < sizeof(raw) ? n : sizeof(raw) - 1;
		memcpy(raw, p, n);
		raw[n] = '\0';
		fault(r, "%s is not an activation ID (like 2e28138a-847f-42bc-9752-61b03fff33cd)", log_quote(quoted, sizeof(quoted), raw));
		return;
	}
	for (i = 0; i < r->out->n; i++)
		if (uuid_equal(r->out->ids[i], id)) {
			fault(r, "%.*s stands in line %u already", (int)n, p, r->lines[i]);
			return;
		}
	if (r->out->n == TRUST_PRODUCTS_MAX) {
		fault(r, "a host certificate names at most %d products; split the file and certify twice", TRUST_PRODUCTS_MAX);
		return;
	}
	r->lines[r->out->n] = r->line;
	memcpy(r->out->ids[r->out->n++], id, sizeof(id));
}

int products_parse(struct products *out, struct muster_span text, const char *name, void (*report)(void *ctx, const char *message), void *ctx,
                   struct muster_err *err)
{
	struct reader r = { .out = out, .name = name, .report = report, .ctx = ctx };
	const char *p = (const char *)text.p, *stop = p + text.n;

	memset(out, 0, sizeof(*out));
	if (text.n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	while (p < stop) {
		const char *end = memchr(p, '\n', (size_t)(stop - p));

		if (end == NULL)
			end = stop;
		r.line++;
		read_line(&r, p, (size_t)(end - p));
		p = end < stop ? end + 1 : stop;
	}
	if (r.faults == 0 && out->n == 0) {
		r.line = 1;
		fault(&r, "there is no activation ID in the file");
	}
	if (r.faults == 0)
		return MUSTER_OK;
	out->n = 0;
	return err_set(err, MUSTER_E_INVALID, "%s: %u fault%s", name, r.faults, r.faults == 1 ? "" : "s");
}
