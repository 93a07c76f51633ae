/* The issuer's answer as PEM, as text and as a picture is the same chain; everything else is refused with what it is. */
#include "tests/unit/unit.h"

#include <string.h>
#include <unistd.h>
#include <openssl/x509.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/qr.h"
#include "core/cli/answer_file.h"
#include "tests/unit/trust_fixture.h"

static char dir[32];
static struct fixture f;

static void setup(void)
{
	strcpy(dir, "/tmp/muster-answer-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	fixture_init(&f, TRUST_ES256);
}

static void teardown(void)
{
	fixture_fini(&f);
	rmdir(dir);
}

/* What is read from a file with these bytes. */
static int read_as(struct buf *pem, const char *name, const void *p, size_t n, struct muster_err *err)
{
	char path[64];
	int r;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	ck_assert_int_eq(file_write(path, span_of(p, n), 0600, err), MUSTER_OK);
	r = answer_file_read(pem, path, err);
	unlink(path);
	return r;
}

static void refused(const char *text, const char *words)
{
	struct muster_err err;
	struct buf pem;

	buf_init(&pem, ANSWER_CHAIN_MAX);
	ck_assert_int_ne(read_as(&pem, "answer", text, strlen(text), &err), MUSTER_OK);
	ck_assert_msg(strstr(err.message, words) != NULL, "%s", err.message);
	ck_assert_uint_eq(pem.n, 0);
	buf_fini(&pem);
}

/* MUSTER1A: and both certificates; @p count of them. */
static char *answer_text(int count, size_t cut)
{
	static uint8_t der[8192];
	uint8_t *p = der;
	X509 *certs[] = { f.host, f.mid, f.root };
	char *text;
	size_t n;

	for (int i = 0; i < count; i++)
		ck_assert_int_gt(i2d_X509(certs[i], &p), 0);
	n = (size_t)(p - der) - cut;
	text = malloc(16 + B64_SIZE(n));
	strcpy(text, "MUSTER1A:");
	b64_encode(text + 9, der, n);
	return text;
}

/* Three ways, one chain. */
START_TEST(test_answer_three_ways)
{
	struct muster_err err;
	struct buf expected, pem, png;
	char *text = answer_text(2, 0), *line;
	struct qr q;

	buf_init(&expected, ANSWER_CHAIN_MAX);
	fixture_pem(&expected, f.host, f.mid);
	buf_init(&pem, ANSWER_CHAIN_MAX);
	fixture_ok(read_as(&pem, "a.pem", expected.p, expected.n, &err), &err);
	ck_assert_str_eq(buf_str(&pem), buf_str(&expected));
	buf_clear(&pem);
	line = malloc(strlen(text) + 8);
	sprintf(line, "\n%s \r\n", text);
	fixture_ok(read_as(&pem, "a.txt", line, strlen(line), &err), &err);
	ck_assert_str_eq(buf_str(&pem), buf_str(&expected));
	buf_clear(&pem);
	buf_init(&png, QR_PICTURE_MAX);
	fixture_ok(qr_encode(&q, text, false, &err), &err);
	fixture_ok(qr_png(&png, &q, &err), &err);
	fixture_ok(read_as(&pem, "a.png", png.p, png.n, &err), &err);
	ck_assert_str_eq(buf_str(&pem), buf_str(&expected));
	qr_fini(&q);
	buf_fini(&png);
	buf_fini(&pem);
	buf_fini(&expected);
	free(line);
	free(text);
}
END_TEST

/* One certificate, three, a cut one, no base64url, more behind it. */
START_TEST(test_answer_damaged)
{
	char *one = answer_text(1, 0), *three = answer_text(3, 0), *cut = answer_text(2, 3), *more = malloc(64 + strlen(one));

	refused(one, "holds 1 certificates instead of the host's and the intermediate");
	refused(three, "holds 3 certificates");
	refused(cut, "certificate 2 cannot be read");
	refused("MUSTER1A:", "holds 0 certificates");
	refused("MUSTER1A:a+b/", "behind MUSTER1A: stands no base64url");
	sprintf(more, "%s and more", one);
	refused(more, "the answer is one line and nothing else");
	free(more);
	free(cut);
	free(three);
	free(one);
}
END_TEST

/* The request taken for its answer, as text, as PEM; anything else. */
START_TEST(test_answer_something_else)
{
	refused("MUSTER1:147878:abc", "is a request and no answer");
	refused("-----BEGIN CERTIFICATE REQUEST-----\n", "is a certificate request and no answer");
	refused("hello", "is no answer of an issuer");
	refused("", "is no answer of an issuer");
}
END_TEST

/* A picture of something else than an answer, and one without a code. */
START_TEST(test_answer_other_picture)
{
	uint8_t light[25 * 25] = { 0 };
	const struct qr white = { 25, light };
	struct muster_err err;
	struct buf pem, png;
	struct qr q;

	buf_init(&pem, ANSWER_CHAIN_MAX);
	buf_init(&png, QR_PICTURE_MAX);
	fixture_ok(qr_encode(&q, "https://example.org/", false, &err), &err);
	fixture_ok(qr_png(&png, &q, &err), &err);
	ck_assert_int_eq(read_as(&pem, "a.png", png.p, png.n, &err), MUSTER_E_INVALID);
	buf_clear(&png);
	fixture_ok(qr_png(&png, &white, &err), &err);
	ck_assert_int_eq(read_as(&pem, "a.png", png.p, png.n, &err), MUSTER_E_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(err.message, "a.png: no QR code can be read"));
	qr_fini(&q);
	buf_fini(&png);
	buf_fini(&pem);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_answer_three_ways, test_answer_damaged, test_answer_something_else, test_answer_other_picture };

	return unit_run_with(suite_create("answer_file"), tests, sizeof tests / sizeof tests[0], setup, teardown);
}
