/* QR codes: what is written is read back, and what is no code is refused with its sentence. */
#include "tests/unit/unit.h"

#include <string.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/qr.h"

/* A text of n bytes in the alphabet of requests and answers. */
static void fill(char *text, size_t n)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_:";

	for (size_t i = 0; i < n; i++)
		text[i] = alphabet[(i * 37 + i / 7) % (sizeof(alphabet) - 1)];
	text[n] = '\0';
}

static void picture(struct buf *png, const char *text)
{
	struct muster_err err;
	struct qr q;

	buf_init(png, QR_PICTURE_MAX);
	ck_assert_msg(qr_encode(&q, text, false, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_msg(qr_png(png, &q, &err) == MUSTER_OK, "%s", err.message);
	qr_fini(&q);
}

/* A request (about 400 characters), an answer (about 1,700) and the ends of what fits come back from a picture byte for byte. */
START_TEST(test_qr_round_trip)
{
	static const size_t lengths[] = { 1, 57, 405, 1750, 2331, QR_TEXT_MAX };
	char text[QR_TEXT_MAX + 1];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct muster_err err = { 0 };
		struct buf png, back;

		fill(text, lengths[i]);
		picture(&png, text);
		buf_init(&back, 65536);
		ck_assert(qr_is_png((struct muster_span){ png.p, png.n }));
		ck_assert_msg(qr_read_png(&back, (struct muster_span){ png.p, png.n }, &err) == MUSTER_OK, "%zu: %s", lengths[i], err.message);
		ck_assert_str_eq(buf_str(&back), text);
		buf_fini(&back);
		buf_fini(&png);
	}
}
END_TEST

/* Nothing, and more than the largest code holds. */
START_TEST(test_qr_too_long)
{
	char text[QR_TEXT_MAX + 2];
	struct muster_err err;
	struct qr q;

	ck_assert_int_eq(qr_encode(&q, "", true, &err), MUSTER_E_LIMIT);
	fill(text, QR_TEXT_MAX + 1);
	ck_assert_int_eq(qr_encode(&q, text, true, &err), MUSTER_E_LIMIT);
	ck_assert_str_eq(err.message, "a QR code holds 1 to 2953 characters, not 2954");
	ck_assert_ptr_null(q.dark);
}
END_TEST

/* A request fits a terminal of 80 columns; every row is as wide as the code, with its quiet zone. */
START_TEST(test_qr_blocks)
{
	char text[406];
	struct muster_err err;
	struct buf plain, colour;
	struct qr q;
	size_t rows = 0;

	fill(text, 405);
	ck_assert_int_eq(qr_encode(&q, text, true, &err), MUSTER_OK);
	ck_assert_uint_le(qr_columns(&q), 80);
	buf_init(&plain, 1 << 20);
	buf_init(&colour, 1 << 20);
	qr_blocks(&plain, &q, false);
	qr_blocks(&colour, &q, true);
	for (const char *p = buf_str(&plain); *p != '\0'; rows++) {
		size_t columns = 0;

		for (; *p != '\n'; p++)
			columns += ((unsigned char)*p & 0xc0u) != 0x80;
		ck_assert_uint_eq(columns, qr_columns(&q));
		p++;
	}
	ck_assert_uint_eq(rows, (qr_columns(&q) + 1) / 2);
	ck_assert_ptr_nonnull(strstr(buf_str(&colour), "\033[0m\n"));
	ck_assert(strncmp(buf_str(&plain), "\xe2\x96\x88\xe2\x96\x88", 6) == 0); /* the quiet zone is light */
	buf_fini(&colour);
	buf_fini(&plain);
	qr_fini(&q);
}
END_TEST

/* By the name's ending: a picture, a drawing, the text itself, or a sentence. */
START_TEST(test_qr_write)
{
	char dir[] = "/tmp/muster-qr-XXXXXX", path[64];
	struct muster_err err;
	struct buf got, text;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	buf_init(&got, 1 << 20);
	buf_init(&text, 4096);
	snprintf(path, sizeof(path), "%s/a.txt", dir);
	ck_assert_int_eq(qr_write(path, "MUSTER1:x", &err), MUSTER_OK);
	ck_assert_int_eq(file_read(&got, path, 1 << 20, &err), MUSTER_OK);
	ck_assert_str_eq(buf_str(&got), "MUSTER1:x\n");
	unlink(path);
	buf_clear(&got);
	snprintf(path, sizeof(path), "%s/a.svg", dir);
	ck_assert_int_eq(qr_write(path, "MUSTER1:x", &err), MUSTER_OK);
	ck_assert_int_eq(file_read(&got, path, 1 << 20, &err), MUSTER_OK);
	ck_assert(strncmp(buf_str(&got), "<?xml", 5) == 0 && strstr(buf_str(&got), "</svg>") != NULL);
	unlink(path);
	buf_clear(&got);
	snprintf(path, sizeof(path), "%s/a.png", dir);
	ck_assert_int_eq(qr_write(path, "MUSTER1:x", &err), MUSTER_OK);
	ck_assert_int_eq(file_read(&got, path, 1 << 20, &err), MUSTER_OK);
	ck_assert_int_eq(qr_read_png(&text, (struct muster_span){ got.p, got.n }, &err), MUSTER_OK);
	ck_assert_str_eq(buf_str(&text), "MUSTER1:x");
	unlink(path);
	ck_assert_int_eq(qr_write("a.gif", "x", &err), MUSTER_E_INVALID);
	ck_assert_str_eq(err.message, "a.gif: the name must end in .png, .svg or .txt");
	rmdir(dir);
	buf_fini(&text);
	buf_fini(&got);
}
END_TEST

/* No picture, a picture cut anywhere, and a picture without a code. */
START_TEST(test_qr_refused)
{
	uint8_t light[25 * 25] = { 0 };
	const struct qr white = { 25, light };
	struct muster_err err;
	struct buf png, text;

	buf_init(&text, 4096);
	ck_assert_int_eq(qr_read_png(&text, (struct muster_span){ (const uint8_t *)"not a picture", 13 }, &err), MUSTER_E_INVALID);
	buf_init(&png, QR_PICTURE_MAX);
	ck_assert_int_eq(qr_png(&png, &white, &err), MUSTER_OK);
	ck_assert_int_eq(qr_read_png(&text, (struct muster_span){ png.p, png.n }, &err), MUSTER_E_NOT_FOUND);
	buf_fini(&png);
	ck_assert(strncmp(err.message, "no QR code can be read in the picture", 37) == 0);
	picture(&png, "MUSTER1A:abc");
	for (size_t n = 0; n + 13 < png.n; n += 1 + png.n / 97)
		ck_assert_int_ne(qr_read_png(&text, (struct muster_span){ png.p, n }, &err), MUSTER_OK);
	ck_assert_uint_eq(text.n, 0);
	buf_fini(&png);
	buf_fini(&text);
}
END_TEST

UNIT_MAIN("qr", test_qr_round_trip, test_qr_too_long, test_qr_blocks, test_qr_write, test_qr_refused)
