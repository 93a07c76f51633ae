#include "core/activation/issuer_client.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "core/activation/issuer_answer.h"
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define CONNECT_MS 10000
#define ROOTS_TEXT_MAX (256u << 10)

struct exchange {
	CURL *curl;
	const struct issuer_place *place;
	struct curl_slist *headers;
	struct buf answer;
	char *url, *body;
	bool stopped, too_large, wrong_purpose;
	char text[CURL_ERROR_SIZE];
};

/* ---- TLS ---- */

/* OpenSSL lets a certificate without any extended key usage serve; the issuer's server says that it is one. */
static int check_purpose(int good, X509_STORE_CTX *ctx)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct exchange *x = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	X509 *certificate;

	if (!good || X509_STORE_CTX_get_error_depth(ctx) != 0)
		return good;
	certificate = X509_STORE_CTX_get_current_cert(ctx);
	if ((X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) != 0 && (X509_get_extended_key_usage(certificate) & XKU_SSL_SERVER) != 0)
		return good;
	x->wrong_purpose = true;
	X509_STORE_CTX_set_error(ctx, X509_V_ERR_INVALID_PURPOSE);
	return 0;
}

static CURLcode prepare_tls(CURL *curl, void *ssl_ctx, void *ctx)
{
	struct exchange *x = ctx;

	(void)curl;
	(void)SSL_CTX_set_app_data(ssl_ctx, x);
	SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, check_purpose);
	X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(ssl_ctx), (time_t)(clock_wall_ms(x->place->clock) / 1000));
	return CURLE_OK;
}

static int roots_pem(struct buf *out, const struct trust_anchors *anchors, struct muster_err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	buf_init(out, ROOTS_TEXT_MAX);
	for (size_t i = 0; bio != NULL && i < trust_anchors_count(anchors); i++)
		if (PEM_write_bio_X509(bio, trust_anchors_root(anchors, i)) != 1)
			break;
	n = bio != NULL ? BIO_get_mem_data(bio, &text) : 0;
	if (n > 0)
		buf_add(out, text, (size_t)n);
	BIO_free(bio);
	return n > 0 && !out->failed ? MUSTER_OK : err_nomem(err);
}

/* ---- one exchange ---- */

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct exchange *x = ctx;

	n *= size;
	if (n > x->answer.cap - x->answer.n) {
		x->too_large = true;
		return 0;
	}
	buf_add(&x->answer, p, n);
	return x->answer.failed ? 0 : n;
}

static int on_progress(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	struct exchange *x = ctx;

	(void)down_total;
	(void)down;
	(void)up_total;
	(void)up;
	x->stopped = x->place->stop != NULL && x->place->stop(x->place->ctx);
	return x->stopped ? 1 : 0;
}

#define SET(option, value) do { if (e == CURLE_OK) e = curl_easy_setopt(x->curl, option, value); } while (0)

static CURLcode set_trust(struct exchange *x, const struct buf *roots)
{
	struct curl_blob blob = { .data = roots->p, .len = roots->n, .flags = CURL_BLOB_COPY };
	CURLcode e = CURLE_OK;

	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
	SET(CURLOPT_CAINFO, NULL);
	SET(CURLOPT_CAPATH, NULL);
	SET(CURLOPT_CAINFO_BLOB, &blob);
	SET(CURLOPT_SSL_CTX_FUNCTION, prepare_tls);
	SET(CURLOPT_SSL_CTX_DATA, x);
	return e;
}

static CURLcode set_way(struct exchange *x)
{
	CURLcode e = CURLE_OK;

	SET(CURLOPT_URL, x->url);
	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_PROXY, x->place->web_proxy);
	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TIMEOUT_MS, (long)ISSUER_TIMEOUT_MS);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(CURLOPT_XFERINFODATA, x);
	SET(CURLOPT_ERRORBUFFER, x->text);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, x);
	SET(CURLOPT_USERAGENT, "musterd");
	SET(CURLOPT_HTTPHEADER, x->headers);
	if (x->body != NULL) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(x->body));
		SET(CURLOPT_POSTFIELDS, x->body);
	}
	return e;
}

static int away(struct muster_err *err, const struct exchange *x, const char *why)
{
	return err_code(err, MUSTER_E_NETWORK, CODE_M_ISSUER_AWAY, "%s: %s", x->place->url, why);
}

static int failure(const struct exchange *x, CURLcode e, struct muster_err *err)
{
	if (e == CURLE_OUT_OF_MEMORY || x->answer.failed)
		return err_nomem(err);
	if (x->stopped)
		return err_code(err, MUSTER_E_BUSY, CODE_M_STOPPING, "%s: stopped while waiting for the answer", x->place->url);
	if (x->too_large)
		return away(err, x, "the answer is larger than any of an issuer's");
	if (x->wrong_purpose)
		return away(err, x, "its certificate is not one for servers (serverAuth)");
	if (e == CURLE_PEER_FAILED_VERIFICATION || e == CURLE_SSL_CERTPROBLEM || e == CURLE_SSL_CACERT_BADFILE)
		return err_code(err, MUSTER_E_NETWORK, CODE_M_ISSUER_AWAY, "%s: its certificate does not lead to the issuer's pinned root, or is another address's (%s)", x->place->url,
		                x->text[0] != '\0' ? x->text : curl_easy_strerror(e));
	if (e == CURLE_OPERATION_TIMEDOUT)
		return err_code(err, MUSTER_E_NETWORK, CODE_M_ISSUER_AWAY, "%s: no whole answer within %d s", x->place->url, ISSUER_TIMEOUT_MS / 1000);
	return away(err, x, x->text[0] != '\0' ? x->text : curl_easy_strerror(e));
}

/* A problem document's code and sentence; anything else is no issuer's answer. */
static int refused(const struct exchange *x, long status, struct muster_err *err)
{
	char text[ISSUER_SENTENCE];
	uint32_t code;

	if (!issuer_answer_problem(&code, text, sizeof text, span_of(x->answer.p, x->answer.n)))
		return err_code(err, MUSTER_E_NETWORK, CODE_M_ISSUER_AWAY, "%s: answered %ld, not as an issuer's service does", x->place->url, status);
	/* Too many at once, or a fault of theirs: the same question is answered later. */
	if (status == 429 || status >= 500)
		return err_code(err, MUSTER_E_NETWORK, CODE_M_ISSUER_AWAY, "%s: %s", x->place->url, text);
	return err_code(err, MUSTER_E_REFUSED, code, "%s", text);
}

static int make_url(struct exchange *x, const char *path)
{
	size_t n = strlen(x->place->url);

	while (n > 0 && x->place->url[n - 1] == '/')
		n--;
	x->url = mem_printf("%.*s%s", (int)n, x->place->url, path);
	return x->url != NULL ? MUSTER_OK : MUSTER_E_NOMEM;
}

static int make_headers(struct exchange *x)
{
	struct curl_slist *longer;

	/* Without the first libcurl would wait for "100 Continue" before a larger body. */
	if ((x->headers = curl_slist_append(NULL, "Expect:")) == NULL)
		return MUSTER_E_NOMEM;
	if (x->body == NULL)
		return MUSTER_OK;
	if ((longer = curl_slist_append(x->headers, "Content-Type: application/json")) == NULL)
		return MUSTER_E_NOMEM;
	x->headers = longer;
	return MUSTER_OK;
}

static void start_curl(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Leaves a 200's body in x->answer. */
static int exchange(struct exchange *x, const char *path, const json_t *body, size_t max, struct muster_err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct buf roots = { 0 };
	long status = 0;
	CURLcode e;
	int r;

	buf_init(&x->answer, max);
	(void)pthread_once(&once, start_curl);
	if (strncmp(x->place->url, "https://", 8) != 0)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ISSUER_ADDRESS, "%s is not an https:// address", x->place->url);
	if ((body != NULL && (x->body = json_dumps(body, JSON_COMPACT)) == NULL) || make_url(x, path) != MUSTER_OK || make_headers(x) != MUSTER_OK ||
	    (x->curl = curl_easy_init()) == NULL)
		return err_nomem(err);
	if ((r = roots_pem(&roots, x->place->anchors, err)) != MUSTER_OK)
		goto done;
	e = set_trust(x, &roots);
	if (e == CURLE_OK)
		e = set_way(x);
	if (e == CURLE_OK)
		e = curl_easy_perform(x->curl);
	(void)curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
	if (e != CURLE_OK)
		r = failure(x, e, err);
	else if (status != 200)
		r = refused(x, status, err);
done:
	buf_fini(&roots);
	return r;
}

static void finish(struct exchange *x)
{
	curl_easy_cleanup(x->curl);
	curl_slist_free_all(x->headers);
	mem_free(x->url);
	free(x->body);
	buf_fini(&x->answer);
}

int issuer_ask(json_t **answer, const struct issuer_place *place, const char *path, const json_t *body, struct muster_err *err)
{
	struct exchange x = { .place = place };
	int r;

	*answer = NULL;
	if ((r = exchange(&x, path, body, ISSUER_ANSWER_MAX, err)) == MUSTER_OK &&
	    (r = issuer_answer_read(answer, span_of(x.answer.p, x.answer.n), err)) == MUSTER_E_INVALID)
		r = away(err, &x, "the answer is not JSON");
	finish(&x);
	return r;
}

int issuer_fetch(struct buf *out, const struct issuer_place *place, const char *path, size_t max, struct muster_err *err)
{
	struct exchange x = { .place = place };
	int r;

	if ((r = exchange(&x, path, NULL, max, err)) == MUSTER_OK) {
		buf_add(out, x.answer.p, x.answer.n);
		r = out->failed ? err_nomem(err) : MUSTER_OK;
	}
	finish(&x);
	return r;
}
