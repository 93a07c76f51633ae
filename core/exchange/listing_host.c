/* From which machine a listing is: what scripts write above it, and the commands that a console echoes. */
#include "core/exchange/listing.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char *const headings[] = { "Computer", "Computer name", "ComputerName", "PSComputerName", "Host", "Host name", "Hostname", "Machine", "Machine name", "Server", "Server name" };

bool listing_host_valid(const char *p, size_t n)
{
	if (n == 0 || n > LISTING_HOST_MAX || !isalnum((unsigned char)p[0]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)p[i]) && strchr("._-", p[i]) == NULL)
			return false;
	return true;
}

static bool keep(const char *p, size_t n, char out[LISTING_HOST_MAX + 1])
{
	if (n > 1 && p[n - 1] == '.')
		n--;
	if (!listing_host_valid(p, n))
		return false;
	memcpy(out, p, n);
	out[n] = '\0';
	return true;
}

struct word { const char *p; size_t n; };
#define WORDS 24

static bool separates(char c)
{
	return c == ' ' || c == '\t' || c == '"' || c == '\'' || c == '{' || c == '}' || c == '(' || c == ')' || c == ';' || c == '|' || c == ',' || c == '>' || c == '&' || c == '$';
}

static size_t words(const char *p, size_t n, struct word out[WORDS])
{
	size_t count = 0;

	for (size_t i = 0; i < n && count < WORDS;) {
		size_t from;

		while (i < n && separates(p[i]))
			i++;
		from = i;
		while (i < n && !separates(p[i]))
			i++;
		if (i > from)
			out[count++] = (struct word){ p + from, i - from };
	}
	return count;
}

static bool is(const struct word *w, const char *text)
{
	return w->n == strlen(text) && strncasecmp(w->p, text, w->n) == 0;
}

static bool ends(const struct word *w, const char *text)
{
	size_t k = strlen(text);

	return w->n >= k && strncasecmp(w->p + w->n - k, text, k) == 0 && (w->n == k || strchr("\\/:", w->p[w->n - k - 1]) != NULL);
}

/* "/dlv", "-dlv" or "dlv", as administrators type them (facts.md section 2). */
static bool lists(const struct word *w)
{
	struct word bare = *w;

	if (bare.n > 0 && (*bare.p == '/' || *bare.p == '-')) {
		bare.p++;
		bare.n--;
	}
	return is(&bare, "dlv") || is(&bare, "dli");
}

/* A machine named by what runs the script elsewhere; or behind the script's own name. User and password behind it are not looked at. */
static enum listing_host command(const struct word *w, size_t n, char out[LISTING_HOST_MAX + 1])
{
	size_t script = n;

	for (size_t i = 0; i < n; i++)
		if (ends(&w[i], "slmgr") || ends(&w[i], "slmgr.vbs") || ends(&w[i], "musterctl"))
			script = i;
	if (script == n)
		return LISTING_HOST_NONE;
	for (size_t i = 0; i < n; i++) {
		if (i + 1 < n && (is(&w[i], "-ComputerName") || is(&w[i], "-cn") || is(&w[i], "-HostName")) && keep(w[i + 1].p, w[i + 1].n, out))
			return LISTING_HOST_NAMED;
		if (i < script && w[i].n > 2 && w[i].p[0] == '\\' && w[i].p[1] == '\\' && keep(w[i].p + 2, w[i].n - 2, out))
			return LISTING_HOST_NAMED;
		if (i + 1 < script && is(&w[i], "ssh")) {
			const char *at = memchr(w[i + 1].p, '@', w[i + 1].n), *from = at != NULL ? at + 1 : w[i + 1].p;

			if (keep(from, w[i + 1].n - (size_t)(from - w[i + 1].p), out))
				return LISTING_HOST_NAMED;
		}
	}
	if (script + 1 < n && !lists(&w[script + 1]) && w[script + 1].p[0] != '/' && w[script + 1].p[0] != '-' && keep(w[script + 1].p, w[script + 1].n, out))
		return LISTING_HOST_NAMED;
	return LISTING_HOST_LOCAL;
}

/* "===== KMS01 =====" */
static bool banner(const char *p, size_t n, char out[LISTING_HOST_MAX + 1])
{
	size_t from = 0, to = n;

	while (from < n && strchr("=#*-", p[from]) != NULL)
		from++;
	while (to > from && strchr("=#*-", p[to - 1]) != NULL)
		to--;
	if (from < 2 || n - to < 2)
		return false;
	while (from < to && p[from] == ' ')
		from++;
	while (to > from && p[to - 1] == ' ')
		to--;
	return keep(p + from, to - from, out);
}

enum listing_host listing_host(const char *line, size_t n, char out[LISTING_HOST_MAX + 1])
{
	const char *colon;
	struct word w[WORDS];
	size_t count;

	while (n > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		n--;
	}
	while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t'))
		n--;
	if (n == 0 || n > 2000)
		return LISTING_HOST_NONE;
	if (banner(line, n, out))
		return LISTING_HOST_NAMED;
	if ((colon = memchr(line, ':', n)) != NULL) {
		struct word head = { line, (size_t)(colon - line) };

		while (head.n > 0 && head.p[head.n - 1] == ' ')
			head.n--;
		count = words(colon + 1, n - (size_t)(colon + 1 - line), w);
		for (size_t i = 0; count == 1 && i < sizeof(headings) / sizeof(headings[0]); i++)
			if (is(&head, headings[i])) {
				while (w[0].n > 1 && w[0].p[0] == '\\') {
					w[0].p++;
					w[0].n--;
				}
				return keep(w[0].p, w[0].n, out) ? LISTING_HOST_NAMED : LISTING_HOST_NONE;
			}
	}
	count = words(line, n, w);
	for (size_t i = 0; i < count; i++)
		if (lists(&w[i]))
			return command(w, count, out);
	return LISTING_HOST_NONE;
}
