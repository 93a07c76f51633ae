#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/client/http.h"
#include "core/cli/api.h"

#define ANSWER_MAX (16u << 20)   /* bytes: a page of 1,000 rows is below 1 MiB; a backup's answer is short */
#define LINE_MAX_BYTES (1u << 20)
#define STATE_PATH "/admin/v1/state/"
#define STATE_TIMEOUT_MS (6 * 3600 * 1000u)   /* a hundred million clients */
#define TIMEOUT_MS (10 * 60 * 1000u)   /* a backup of a large ledger takes minutes; the host answers all else in seconds */

const char *json_text(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s != NULL ? s : "";
}

json_int_t json_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

bool json_flag(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

const char *json_date(const json_t *object, const char *name, char out[32])
{
	const char *s = json_text(object, name);
	int64_t ms;

	out[0] = '\0';
	if (s[0] != '\0' && time_parse_rfc3339(&ms, s, strlen(s)) == MUSTER_OK)
		time_listing(out, ms);
	return out;
}

/* What stands between a sentence and the next: details of lower folders end without a full stop. */
static const char *between(const char *sentence, const char *next)
{
	size_t n = strlen(sentence);

	if (next[0] == '\0')
		return "";
	return n > 0 && strchr(".!?", sentence[n - 1]) != NULL ? " " : ". ";
}

/* The host's refusal in one message: code, what happened, what to do. */
static int refused(struct cli *c, long status, const char *text, struct muster_err *err)
{
	json_t *p = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	const char *code = json_text(p, "code"), *detail = json_text(p, "detail"), *action = json_text(p, "action");
	const struct code_info *info = code_find_name(code, strlen(code));
	int result = status == 403 ? MUSTER_E_DENIED : status == 404 ? MUSTER_E_NOT_FOUND : status == 503 ? MUSTER_E_BUSY : MUSTER_E_REFUSED;

	if (detail[0] == '\0')
		detail = json_text(p, "title");
	if (p == NULL || detail[0] == '\0')
		err_set(err, result, "the host answered with status %ld", status);
	else
		err_code(err, result, info != NULL ? info->code : 0, "%s%s%s%s%s", code, code[0] != '\0' ? ": " : "", detail, between(detail, action), action);
	json_decref(c->problem);
	c->problem = p;
	return result;
}

/* Nobody to talk to, or nobody for this caller: who may not reach the socket has no role. */
static int no_host(struct cli *c, struct muster_err *err)
{
	const char *why = "nobody answers there";

	if (access(c->socket, R_OK | W_OK) != 0) {
		if (errno == EACCES)
			return err_set(err, MUSTER_E_DENIED, "%s: you may not use this socket. Ask an administrator, or become a member of a group that has a role.", c->socket);
		why = "there is no such socket";
	}
	return err_set(err, MUSTER_E_NETWORK, "%s: %s. Is musterd running? --socket PATH or MUSTER_SOCKET names another socket.", c->socket, why);
}

static int ask(struct cli *c, struct http_request *q, struct http_answer *a, const char *path, struct muster_err *err)
{
	char *url = mem_printf("http://muster%s", path);
	int r;

	if (url == NULL)
		return err_nomem(err);
	q->url = url;
	q->unix_socket = c->socket;
	r = http_ask(a, q, err);
	mem_free(url);
	if (r == MUSTER_E_NETWORK && a->status != 0)
		return err_set(err, r, "%s: the host has stopped in the middle of its answer", c->socket);
	if (r == MUSTER_E_NETWORK)
		return no_host(c, err);
	if (r == MUSTER_OK && (a->status < 200 || a->status > 299))
		return refused(c, a->status, buf_str(&a->body), err);
	return r;
}

/* @param body of a POST; NULL: GET */
static int call(struct cli *c, const char *path, const char *body, json_t **out, struct muster_err *err)
{
	struct http_answer a;
	struct http_request q = { .method = body != NULL ? "POST" : "GET", .max = ANSWER_MAX, .timeout_ms = TIMEOUT_MS, .connect_ms = 5000 };
	int r;

	/* A state file is looked through and merged within one answer each. */
	if (strncmp(path, STATE_PATH, sizeof(STATE_PATH) - 1) == 0)
		q.timeout_ms = STATE_TIMEOUT_MS;
	*out = NULL;
	http_answer_init(&a);
	if (body != NULL)
		q.body = span_str(body);
	if ((r = ask(c, &q, &a, path, err)) != MUSTER_OK)
		goto done;
	if ((*out = json_loads(buf_str(&a.body), JSON_REJECT_DUPLICATES, NULL)) == NULL)
		r = err_set(err, MUSTER_E_NETWORK, "what answers on %s is not a Muster host: its answer is not JSON", c->socket);
done:
	http_answer_fini(&a);
	return r;
}

int api_get(struct cli *c, const char *path, json_t **out, struct muster_err *err)
{
	return call(c, path, NULL, out, err);
}

int api_post_text(struct cli *c, const char *path, const char *body, json_t **out, struct muster_err *err)
{
	return call(c, path, body, out, err);
}

int api_post(struct cli *c, const char *path, const json_t *body, json_t **out, struct muster_err *err)
{
	char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : strdup("{}");
	int r;

	*out = NULL;
	if (text == NULL)
		return err_nomem(err);
	r = call(c, path, text, out, err);
	OPENSSL_cleanse(text, strlen(text));
	free(text);
	return r;
}

struct lines {
	struct buf pending;   /* the start of a line not ended yet */
	int (*fn)(void *ctx, const json_t *document);
	void *ctx;
	struct muster_err *err;
	bool stopped;         /* by fn, not by the host */
};

static int chunk(void *ctx, const void *p, size_t n)
{
	struct lines *l = ctx;
	const char *text = p, *end;
	int stop;

	while (n > 0) {
		size_t m = (end = memchr(text, '\n', n)) != NULL ? (size_t)(end - text) : n;

		buf_add(&l->pending, text, m);
		if (l->pending.failed)
			return err_set(l->err, MUSTER_E_LIMIT, "the host sent a line longer than %u bytes", LINE_MAX_BYTES);
		if (end == NULL)
			return MUSTER_OK;
		text += m + 1;
		n -= m + 1;
		if (l->pending.n > 0) {
			json_t *document = json_loadb((const char *)l->pending.p, l->pending.n, JSON_REJECT_DUPLICATES, NULL);

			buf_clear(&l->pending);
			if (document == NULL)
				return err_set(l->err, MUSTER_E_NETWORK, "the host sent a line that is not JSON");
			stop = l->fn(l->ctx, document);
			json_decref(document);
			if (stop != 0) {
				l->stopped = true;
				return 1;
			}
		}
	}
	return MUSTER_OK;
}

int api_follow(struct cli *c, const char *path, int (*fn)(void *ctx, const json_t *document), void *ctx, struct muster_err *err)
{
	struct lines l = { .fn = fn, .ctx = ctx, .err = err };
	struct http_answer a;
	struct http_request q = { .method = "GET", .connect_ms = 5000, .chunk = chunk, .ctx = &l };
	int r;

	http_answer_init(&a);
	buf_init(&l.pending, LINE_MAX_BYTES);
	r = ask(c, &q, &a, path, err);
	if (r == MUSTER_OK && !l.stopped)
		r = err_set(err, MUSTER_E_NETWORK, "%s: the host has stopped", c->socket);
	buf_fini(&l.pending);
	http_answer_fini(&a);
	return r;
}

int api_list(struct cli *c, const char *path, const char *first, unsigned long limit, int (*fn)(void *ctx, const json_t *item), void *ctx, char **next, struct muster_err *err)
{
	unsigned long left = limit;
	char *mark = NULL;
	int r = MUSTER_OK;

	*next = NULL;
	do {
		unsigned long page = limit == 0 || left > 1000 ? 1000 : left;
		char *full = mem_printf("%s%climit=%lu%s%s", path, strchr(path, '?') != NULL ? '&' : '?', page,
		                        mark != NULL ? "&after=" : first != NULL ? "&" : "", mark != NULL ? mark : first != NULL ? first : "");
		json_t *answer = NULL;
		const json_t *item;
		size_t i, n;

		mem_free(mark);
		mark = NULL;
		if (full == NULL)
			return err_nomem(err);
		r = api_get(c, full, &answer, err);
		mem_free(full);
		if (r != MUSTER_OK)
			return r;
		n = json_array_size(json_object_get(answer, "items"));
		json_array_foreach(json_object_get(answer, "items"), i, item)
			if (fn(ctx, item) != 0)
				r = err_nomem(err);
		if (json_is_string(json_object_get(answer, "next")) && n > 0 && (mark = mem_strdup(json_text(answer, "next"))) == NULL)
			r = err_nomem(err);
		json_decref(answer);
		left -= limit == 0 || n >= left ? left : n;
	} while (r == MUSTER_OK && mark != NULL && (limit == 0 || left > 0));
	*next = mark;
	return r;
}
