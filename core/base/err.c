#include "core/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Drop the last character when the cut went through it: a UTF-8 sequence is a lead byte and up to three 10xxxxxx. */
static void cut_on_boundary(char *text, size_t n)
{
	size_t start = n, need;
	unsigned char lead;

	while (start > 0 && n - start < 3 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
		start--;
	if (start == 0)
		return;
	lead = (unsigned char)text[start - 1];
	if (lead < 0xC0)
		return;  /* ASCII, or not UTF-8 in the first place */
	need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
	if (n - (start - 1) < need)
		text[start - 1] = '\0';
}

static void fill(char out[MUSTER_ERR_MAX], const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void fill(char out[MUSTER_ERR_MAX], const char *fmt, va_list ap)
{
	int n = vsnprintf(out, MUSTER_ERR_MAX, fmt, ap);

	if (n < 0)
		out[0] = '\0';
	else if (n >= MUSTER_ERR_MAX)
		cut_on_boundary(out, MUSTER_ERR_MAX - 1);
}

/* Put two texts one after the other into err, the second cut if need be. Either may lie within err->message. */
static void join(struct muster_err *err, const char *a, const char *b)
{
	char both[2 * MUSTER_ERR_MAX];
	int n = snprintf(both, sizeof both, "%s: %s", a, b);

	if (n >= MUSTER_ERR_MAX) {
		both[MUSTER_ERR_MAX - 1] = '\0';
		cut_on_boundary(both, MUSTER_ERR_MAX - 1);
	}
	memcpy(err->message, both, strlen(both) + 1);
}

int (err_set)(struct muster_err *err, int result, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return result;
	err->result = result;
	err->code = 0;
	va_start(ap, fmt);
	fill(err->message, fmt, ap);
	va_end(ap);
	return result;
}

int (err_code)(struct muster_err *err, int result, uint32_t code, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return result;
	err->result = result;
	err->code = code;
	va_start(ap, fmt);
	fill(err->message, fmt, ap);
	va_end(ap);
	return result;
}

int (err_errno)(struct muster_err *err, int errnum, const char *fmt, ...)
{
	int result = MUSTER_E_IO;
	char context[MUSTER_ERR_MAX], reason[128];
	va_list ap;

	if (errnum == EACCES || errnum == EPERM)
		result = MUSTER_E_DENIED;
	else if (errnum == ENOENT)
		result = MUSTER_E_NOT_FOUND;
	if (err == NULL)
		return result;
	err->result = result;
	err->code = 0;
	va_start(ap, fmt);
	fill(context, fmt, ap);
	va_end(ap);
	join(err, context, strerror_r(errnum, reason, sizeof reason));
	return result;
}

int (err_nomem)(struct muster_err *err)
{
	return err_set(err, MUSTER_E_NOMEM, "out of memory");
}

int err_prefix(struct muster_err *err, int result, const char *fmt, ...)
{
	char context[MUSTER_ERR_MAX];
	va_list ap;

	if (err == NULL)
		return result;
	va_start(ap, fmt);
	fill(context, fmt, ap);
	va_end(ap);
	join(err, context, err->message);
	return err->result;
}

_Noreturn void err_assert_failed(const char *expression, const char *file, int line)
{
	fprintf(stderr, "%s:%d: this must never happen: %s is false. Please report it.\n", file, line, expression);
	fflush(stderr);
	abort();
}
