/* GET /admin/v1/configuration: what is in effect, as --dump-config has it, without what could open something. */
#include "core/service/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/err.h"

#define LEFT_OUT "(left out)"

/* Options of plugins are their authors' words; a name that sounds like a secret is taken for one. */
static bool sounds_secret(const char *line, size_t n)
{
	static const char *const words[] = { "password", "passphrase", "passwd", "secret", "token", "credential" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		for (size_t at = 0; at + strlen(words[i]) <= n; at++)
			if (strncasecmp(line + at, words[i], strlen(words[i])) == 0)
				return true;
	return false;
}

/* A value; in https://user:password@proxy what stands before the '@' is left out. */
static void add_value(struct buf *to, const char *p, size_t n)
{
	while (n > 0) {
		const char *scheme = memmem(p, n, "://", 3);
		size_t head, authority, at;

		if (scheme == NULL)
			break;
		head = (size_t)(scheme - p) + 3;
		for (authority = head; authority < n && strchr("/ ,;", p[authority]) == NULL;)
			authority++;
		for (at = authority; at > head && p[at - 1] != '@';)
			at--;
		buf_add(to, p, head);
		if (at > head)
			buf_adds(to, LEFT_OUT "@");
		buf_add(to, p + at, authority - at);
		p += authority;
		n -= authority;
	}
	buf_add(to, p, n);
}

static void add_line(struct buf *to, const char *line, size_t n)
{
	const char *equals = memchr(line, '=', n);
	size_t name = equals != NULL ? (size_t)(equals - line) : 0;

	if (name > 0 && line[0] != ';' && line[0] != '#' && sounds_secret(line, name)) {
		buf_add(to, line, name);
		buf_adds(to, "= " LEFT_OUT);
	} else {
		add_value(to, line, n);
	}
	buf_addc(to, '\n');
}

int admin_configuration(struct admin_call *c, json_t **out, struct muster_err *err)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	struct buf told;
	int r = MUSTER_OK;

	if (f == NULL)
		return err_nomem(err);
	buf_init(&told, ADMIN_ANSWER_MAX);
	r = config_dump(c->snapshot->config, f);
	if (fclose(f) != 0 || r != MUSTER_OK || text == NULL)
		r = err_nomem(err);
	for (const char *p = text; r == MUSTER_OK && *p != '\0';) {
		size_t m = strcspn(p, "\n");

		add_line(&told, p, m);
		p += m + (p[m] == '\n');
	}
	if (r == MUSTER_OK)
		*out = json_pack("{s:o, s:o}", "file", admin_json_text(c->snapshot->config->file), "text", admin_json_text(buf_str(&told)));
	buf_fini(&told);
	free(text);
	return r;
}
