#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/client/http.h"
#include "tests/unit/fakehost.h"

struct script { const char *raw; char head[4096], body[4096]; };

static void play(void *ctx, const struct fakehost_request *request, struct buf *out)
{
	struct script *s = ctx;

	(void)snprintf(s->head, sizeof s->head, "%s", request->head);
	(void)snprintf(s->body, sizeof s->body, "%s", request->body);
	buf_adds(out, s->raw);
}

static struct script script;
static struct fakehost *host;
static struct http_answer answer;
static struct muster_err err;
static char url[64];

static void begin(const char *raw)
{
	script.raw = raw;
	host = fakehost_start(play, &script, NULL);
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/x", fakehost_port(host));
	http_answer_init(&answer);
	memset(&err, 0, sizeof err);
}

static void end(void)
{
	http_answer_fini(&answer);
	fakehost_stop(host);
}

static int ask(const struct http_request *more)
{
	struct http_request r = *more;

	r.url = url;
	if (r.timeout_ms == 0)
		r.timeout_ms = 60000;
	return http_ask(&answer, &r, &err);
}

START_TEST(test_http_get)
{
	begin("HTTP/1.1 429 No\r\nContent-Type: Application/JSON; charset=utf-8\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}");
	ck_assert_int_eq(ask(&(struct http_request) { 0 }), MUSTER_OK);
	ck_assert_int_eq(answer.status, 429);
	ck_assert_str_eq(answer.content_type, "application/json");
	ck_assert_uint_eq(answer.retry_after, 7);
	ck_assert_str_eq(buf_str(&answer.body), "{}");
	ck_assert_ptr_eq(strstr(script.head, "GET /v1/x HTTP/1.1\r\n"), script.head);
	end();
}
END_TEST

START_TEST(test_http_post)
{
	begin("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	ck_assert_int_eq(ask(&(struct http_request) { .body = { (const uint8_t *)"{\"a\":1}", 7 } }), MUSTER_OK);
	ck_assert_ptr_eq(strstr(script.head, "POST /v1/x HTTP/1.1\r\n"), script.head);
	ck_assert_ptr_nonnull(strstr(script.head, "Content-Type: application/json\r\n"));
	ck_assert_ptr_null(strstr(script.head, "Expect:"));
	ck_assert_str_eq(script.body, "{\"a\":1}");
	ck_assert_str_eq(buf_str(&answer.body), "");
	ck_assert_uint_eq(answer.retry_after, 0);
	end();
}
END_TEST

START_TEST(test_http_no_redirect)
{
	begin("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
	ck_assert_int_eq(ask(&(struct http_request) { 0 }), MUSTER_OK);
	ck_assert_int_eq(answer.status, 302);
	ck_assert_uint_eq(fakehost_count(host), 1);
	end();
}
END_TEST

START_TEST(test_http_too_large)
{
	static const char *const raw[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n12345678901",       /* announced */
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n12345678901",         /* not announced */
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n"
	};

	for (size_t i = 0; i < sizeof raw / sizeof raw[0]; i++) {
		begin(raw[i]);
		ck_assert_int_eq(ask(&(struct http_request) { .max = 10 }), MUSTER_E_LIMIT);
		ck_assert_ptr_nonnull(strstr(err.message, "larger than the 10 bytes allowed"));
		ck_assert_uint_eq(answer.body.n, 0);
		ck_assert_int_eq(ask(&(struct http_request) { .max = 11 }), MUSTER_OK);
		ck_assert_uint_eq(answer.body.n, 11);
		end();
	}
}
END_TEST

START_TEST(test_http_slow)
{
	begin("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc");
	fakehost_slow(host, 1, 200);
	ck_assert_int_eq(ask(&(struct http_request) { .timeout_ms = 300 }), MUSTER_E_NETWORK);
	ck_assert_ptr_nonnull(strstr(err.message, "no whole answer within 300 ms"));
	ck_assert_ptr_nonnull(strstr(err.message, url));
	end();
}
END_TEST

START_TEST(test_http_not_http)
{
	static const char *const raw[] = { "SSH-2.0-OpenSSH\r\n", "", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc" };

	for (size_t i = 0; i < sizeof raw / sizeof raw[0]; i++) {
		begin(raw[i]);
		ck_assert_int_eq(ask(&(struct http_request) { 0 }), MUSTER_E_NETWORK);
		ck_assert_ptr_nonnull(strstr(err.message, url));
		if (i == 0)
			ck_assert_ptr_nonnull(strstr(err.message, "the answer is not HTTP"));
		ck_assert_uint_eq(answer.body.n, 0);
		end();
	}
}
END_TEST

START_TEST(test_http_bad_url)
{
	static const char *const bad[] = { "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "gopher://x/" };

	http_answer_init(&answer);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct http_request r = { .url = bad[i], .timeout_ms = 1000 };

		ck_assert_msg(http_ask(&answer, &r, &err) == MUSTER_E_INVALID, "%s", bad[i]);
		ck_assert_ptr_nonnull(strstr(err.message, "is not an http:// or https:// address"));
	}
	http_answer_fini(&answer);
}
END_TEST

START_TEST(test_http_nobody_there)
{
	begin("");
	fakehost_stop(host);
	ck_assert_int_eq(ask(&(struct http_request) { 0 }), MUSTER_E_NETWORK);
	ck_assert_ptr_nonnull(strstr(err.message, url));
	http_answer_fini(&answer);
}
END_TEST

static int collect(void *ctx, const void *p, size_t n)
{
	buf_add(ctx, p, n);
	return strchr(buf_str(ctx), '!') != NULL ? 1 : 0;
}

static int refuse(void *ctx, const void *p, size_t n)
{
	(void)ctx;
	(void)p;
	(void)n;
	return MUSTER_E_INVALID;
}

START_TEST(test_http_stream)
{
	struct buf got;

	buf_init(&got, 4096);
	begin("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nline one\nline two\nenough!\nnever sent to the end");
	fakehost_slow(host, 60, 20);
	ck_assert_int_eq(ask(&(struct http_request) { .chunk = collect, .ctx = &got, .max = 4 }), MUSTER_OK);
	ck_assert_ptr_nonnull(strstr(buf_str(&got), "line two\n"));
	ck_assert_uint_eq(answer.body.n, 0);
	ck_assert_int_eq(ask(&(struct http_request) { .chunk = refuse }), MUSTER_E_INVALID);
	end();
	buf_clear(&got);
	begin("HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nno!!!");
	ck_assert_int_eq(ask(&(struct http_request) { .chunk = collect, .ctx = &got }), MUSTER_OK);
	ck_assert_str_eq(buf_str(&answer.body), "no!!!");
	ck_assert_uint_eq(got.n, 0);
	end();
	buf_fini(&got);
}
END_TEST

static int stop_at_once(void *ctx)
{
	(void)ctx;
	return 1;
}

START_TEST(test_http_stop)
{
	begin("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde");
	ck_assert_int_eq(ask(&(struct http_request) { .stop = stop_at_once }), MUSTER_E_BUSY);
	ck_assert_ptr_nonnull(strstr(err.message, "stopped while waiting"));
	end();
}
END_TEST

START_TEST(test_http_unix_socket)
{
	char dir[] = "/tmp/muster-test-XXXXXX", path[64];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof path, "%s/s", dir);
	script.raw = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
	host = fakehost_start(play, &script, path);
	http_answer_init(&answer);
	ck_assert_int_eq(http_ask(&answer, &(struct http_request) { .url = "http://muster/admin/v1/status", .unix_socket = path, .timeout_ms = 60000 }, &err), MUSTER_OK);
	ck_assert_str_eq(buf_str(&answer.body), "hi");
	ck_assert_ptr_nonnull(strstr(script.head, "GET /admin/v1/status "));
	end();
	ck_assert_int_eq(http_ask(&answer, &(struct http_request) { .url = "http://muster/", .unix_socket = path, .timeout_ms = 60000 }, &err), MUSTER_E_NETWORK);
	ck_assert_ptr_eq(strstr(err.message, path), err.message);
	http_answer_fini(&answer);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

UNIT_MAIN("http", test_http_get, test_http_post, test_http_no_redirect, test_http_too_large, test_http_slow, test_http_not_http,
	test_http_bad_url, test_http_nobody_there, test_http_stream, test_http_stop, test_http_unix_socket)
