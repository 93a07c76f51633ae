#include "core/client/http.h"

#include <ctype.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "core/base/err.h"
#include "core/base/mem.h"

#define ANSWER_DEFAULT 65536U
#define CONNECT_DEFAULT 5000U
#define RETRY_MAX 2592000  /* 30 days: docs/protocol.md section 8 */

struct exchange {
	CURL *curl;
	const struct http_request *request;
	struct http_answer *answer;
	int chunk_result;      /* what chunk() returned when it ended the exchange */
	bool too_large, stopped;
	char text[CURL_ERROR_SIZE];
};

void http_answer_init(struct http_answer *a)
{
	memset(a, 0, sizeof *a);
	buf_init(&a->body, ANSWER_DEFAULT);
}

void http_answer_fini(struct http_answer *a)
{
	buf_fini(&a->body);
	memset(a, 0, sizeof *a);
}

static void start_curl(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Bytes of a 2xx answer go to the caller's function, all else is collected up to the limit. */
static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct exchange *x = ctx;
	long status = 0;

	n *= size;
	(void)curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
	if (x->request->chunk != NULL && status >= 200 && status <= 299) {
		x->chunk_result = x->request->chunk(x->request->ctx, p, n);
		return x->chunk_result == 0 ? n : 0;
	}
	if (n > x->answer->body.cap - x->answer->body.n) {
		x->too_large = true;
		return 0;
	}
	buf_add(&x->answer->body, p, n);
	return x->answer->body.failed ? 0 : n;
}

static int on_progress(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	struct exchange *x = ctx;

	(void)down_total;
	(void)down;
	(void)up_total;
	(void)up;
	x->stopped = x->request->stop(x->request->ctx) != 0;
	return x->stopped ? 1 : 0;
}

/* A proxy named in the environment cannot reach this machine's own loopback. */
static bool is_loopback(const char *url)
{
	const char *host = strstr(url, "://");
	size_t n;

	if (host == NULL)
		return false;
	host += 3;
	if (strncmp(host, "[::1]", 5) == 0 || strncmp(host, "127.", 4) == 0)
		return true;
	n = strcspn(host, ":/?#");
	return n == 9 && strncasecmp(host, "localhost", 9) == 0;
}

static CURLcode set_protocols(CURL *c)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	return curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	return curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static uint32_t connect_limit(const struct http_request *r)
{
	if (r->connect_ms != 0)
		return r->connect_ms;
	return r->timeout_ms != 0 && r->timeout_ms < CONNECT_DEFAULT ? r->timeout_ms : CONNECT_DEFAULT;
}

#define SET(option, value) do { if (e == CURLE_OK) e = curl_easy_setopt(x->curl, option, value); } while (0)

static CURLcode set_limits(struct exchange *x, size_t max)
{
	const struct http_request *r = x->request;
	CURLcode e = set_protocols(x->curl);

	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)connect_limit(r));
	if (r->chunk == NULL)
		SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)max);
	if (r->stop != NULL) {
		SET(CURLOPT_NOPROGRESS, 0L);
		SET(CURLOPT_XFERINFOFUNCTION, on_progress);
		SET(CURLOPT_XFERINFODATA, x);
	}
	return e;
}

static CURLcode set_target(struct exchange *x)
{
	const struct http_request *r = x->request;
	CURLcode e = curl_easy_setopt(x->curl, CURLOPT_URL, r->url);

	if (r->unix_socket != NULL) {
		SET(CURLOPT_UNIX_SOCKET_PATH, r->unix_socket);
		SET(CURLOPT_PATH_AS_IS, 1L);   /* an entry of the books may be named ".." */
	}
	if (r->unix_socket != NULL || is_loopback(r->url))
		SET(CURLOPT_PROXY, "");
	if (r->ca_file != NULL) {
		SET(CURLOPT_CAINFO, r->ca_file);
		SET(CURLOPT_CAPATH, NULL);
	}
	if (r->unverified) {
		SET(CURLOPT_SSL_VERIFYPEER, 0L);
		SET(CURLOPT_SSL_VERIFYHOST, 0L);
	}
	SET(CURLOPT_ERRORBUFFER, x->text);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, x);
	SET(CURLOPT_USERAGENT, "muster");
	return e;
}

/* Without these libcurl would wait for "100 Continue" before it sends a larger body. */
static int make_headers(struct curl_slist **out, const struct http_request *r, bool body, struct muster_err *err)
{
	struct curl_slist *list, *longer;
	char *type = NULL;

	*out = NULL;
	if ((list = curl_slist_append(NULL, "Expect:")) == NULL)
		return err_nomem(err);
	if (body) {
		type = mem_printf("Content-Type: %s", r->content_type != NULL ? r->content_type : "application/json");
		longer = type != NULL ? curl_slist_append(list, type) : NULL;
		mem_free(type);
		if (longer == NULL) {
			curl_slist_free_all(list);
			return err_nomem(err);
		}
		list = longer;
	}
	*out = list;
	return MUSTER_OK;
}

static CURLcode set_method(struct exchange *x, const char *method, struct curl_slist *headers, bool body)
{
	CURLcode e = curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, headers);

	if (body) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->request->body.n);
		SET(CURLOPT_POSTFIELDS, x->request->body.n > 0 ? (const char *)x->request->body.p : "");
	}
	if (strcmp(method, body ? "POST" : "GET") != 0)
		SET(CURLOPT_CUSTOMREQUEST, method);
	return e;
}

static void read_head(struct exchange *x)
{
	struct http_answer *a = x->answer;
	char *type = NULL;
	curl_off_t retry = 0;
	size_t n;

	(void)curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &a->status);
	if (curl_easy_getinfo(x->curl, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type != NULL) {
		n = strcspn(type, "; \t");
		for (size_t i = 0; i < n && n < sizeof a->content_type; i++)
			a->content_type[i] = (char)tolower((unsigned char)type[i]);
	}
	if (curl_easy_getinfo(x->curl, CURLINFO_RETRY_AFTER, &retry) == CURLE_OK && retry > 0)
		a->retry_after = retry > RETRY_MAX ? RETRY_MAX : (uint32_t)retry;
}

/* What went wrong, in words that name the place. */
static int failure(struct exchange *x, CURLcode e, size_t max, struct muster_err *err)
{
	const struct http_request *r = x->request;
	const char *where = r->unix_socket != NULL ? r->unix_socket : r->url;
	const char *why = x->text[0] != '\0' ? x->text : curl_easy_strerror(e);

	if (x->chunk_result != 0)
		return x->chunk_result > 0 ? MUSTER_OK : x->chunk_result;
	if (x->stopped)
		return err_set(err, MUSTER_E_BUSY, "%s: stopped while waiting for the answer", where);
	if (x->too_large || e == CURLE_FILESIZE_EXCEEDED)
		return err_set(err, MUSTER_E_LIMIT, "%s: the answer is larger than the %zu bytes allowed; this is not a Muster host, or it misbehaves", where, max);
	if (e == CURLE_OUT_OF_MEMORY || x->answer->body.failed)
		return err_nomem(err);
	if (e == CURLE_UNSUPPORTED_PROTOCOL)
		return err_set(err, MUSTER_E_NETWORK, "%s: the answer is not HTTP; is this the port of a Muster host?", where);
	if (e == CURLE_URL_MALFORMAT)
		return err_set(err, MUSTER_E_INVALID, "%s is not an http:// or https:// address: %s", r->url, why);
	if (e == CURLE_OPERATION_TIMEDOUT)
		return err_set(err, MUSTER_E_NETWORK, "%s: no whole answer within %u ms", where,
			(unsigned)(r->timeout_ms != 0 ? r->timeout_ms : connect_limit(r)));
	return err_set(err, MUSTER_E_NETWORK, "%s: %s", where, why);
}

int http_ask(struct http_answer *answer, const struct http_request *request, struct muster_err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct exchange x = { .request = request, .answer = answer };
	size_t max = request->max != 0 ? request->max : ANSWER_DEFAULT;
	bool body = request->body.n > 0 || (request->method != NULL && strcmp(request->method, "POST") == 0);
	const char *method = request->method != NULL ? request->method : body ? "POST" : "GET";
	struct curl_slist *headers = NULL;
	CURLcode e;
	int r;

	http_answer_fini(answer);
	buf_init(&answer->body, max);
	/* Said here, because libcurl gives the same result to an answer that is not HTTP. */
	if (strncasecmp(request->url, "http://", 7) != 0 && strncasecmp(request->url, "https://", 8) != 0)
		return err_set(err, MUSTER_E_INVALID, "%s is not an http:// or https:// address", request->url);
	(void)pthread_once(&once, start_curl);
	if ((x.curl = curl_easy_init()) == NULL)
		return err_nomem(err);
	if ((r = make_headers(&headers, request, body, err)) != MUSTER_OK)
		goto done;
	e = set_target(&x);
	if (e == CURLE_OK)
		e = set_limits(&x, max);
	if (e == CURLE_OK)
		e = set_method(&x, method, headers, body);
	if (e == CURLE_OK)
		e = curl_easy_perform(x.curl);
	read_head(&x);
	r = e == CURLE_OK ? MUSTER_OK : failure(&x, e, max, err);
	if (r != MUSTER_OK)
		buf_clear(&answer->body);
done:
	curl_slist_free_all(headers);
	curl_easy_cleanup(x.curl);
	return r;
}
