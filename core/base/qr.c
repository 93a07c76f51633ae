#include "core/base/qr.h"

#include <string.h>
#include <png.h>
#include <qrencode.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"

#define QUIET 4   /* light modules around a code (ISO/IEC 18004) */
#define SCALE 6   /* pixels of a module in a picture */

int qr_encode(struct qr *out, const char *text, bool small, struct muster_err *err)
{
	size_t n = strlen(text);
	QRcode *code = NULL;

	memset(out, 0, sizeof(*out));
	if (n == 0 || n > QR_TEXT_MAX)
		return err_set(err, MUSTER_E_LIMIT, "a QR code holds 1 to %d characters, not %zu", QR_TEXT_MAX, n);
	if (!small)
		code = QRcode_encodeData((int)n, (const unsigned char *)text, 0, QR_ECLEVEL_M);
	if (code == NULL)
		code = QRcode_encodeData((int)n, (const unsigned char *)text, 0, QR_ECLEVEL_L);
	if (code == NULL)
		return err_nomem(err);
	out->width = (unsigned)code->width;
	if ((out->dark = mem_array((size_t)out->width, out->width)) == NULL) {
		QRcode_free(code);
		return err_nomem(err);
	}
	for (size_t i = 0; i < (size_t)out->width * out->width; i++)
		out->dark[i] = code->data[i] & 1u;
	QRcode_free(code);
	return MUSTER_OK;
}

void qr_fini(struct qr *q)
{
	mem_free(q->dark);
	memset(q, 0, sizeof(*q));
}

/* With the quiet zone: 0, 0 is its corner. */
static bool dark_at(const struct qr *q, unsigned x, unsigned y)
{
	return x >= QUIET && y >= QUIET && x < q->width + QUIET && y < q->width + QUIET && q->dark[(size_t)(y - QUIET) * q->width + (x - QUIET)] != 0;
}

unsigned qr_columns(const struct qr *q)
{
	return q->width + 2 * QUIET;
}

void qr_blocks(struct buf *out, const struct qr *q, bool colour)
{
	/* what is drawn is light: upper and lower half, by (upper dark) * 2 + (lower dark) */
	static const char *const blocks[] = { "\xe2\x96\x88", "\xe2\x96\x80", "\xe2\x96\x84", " " };
	unsigned side = qr_columns(q);

	for (unsigned y = 0; y < side; y += 2) {
		if (colour)
			buf_adds(out, "\033[40;97m");
		for (unsigned x = 0; x < side; x++)
			buf_adds(out, blocks[(dark_at(q, x, y) ? 2 : 0) + (dark_at(q, x, y + 1) || y + 1 >= side ? 1 : 0)]);
		buf_adds(out, colour ? "\033[0m\n" : "\n");
	}
}

void qr_svg(struct buf *out, const struct qr *q)
{
	unsigned side = qr_columns(q);

	buf_addf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	              "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" viewBox=\"0 0 %u %u\" shape-rendering=\"crispEdges\">\n"
	              "<rect width=\"%u\" height=\"%u\" fill=\"#fff\"/>\n<path fill=\"#000\" d=\"", side * SCALE, side * SCALE, side, side, side, side);
	for (unsigned y = 0; y < side; y++)
		for (unsigned x = 0, n; x < side; x += n) {
			for (n = 0; x + n < side && dark_at(q, x + n, y); n++)
				;
			if (n > 0)
				buf_addf(out, "M%u %uh%uv1h-%uz", x, y, n, n);
			else
				n = 1;
		}
	buf_adds(out, "\"/>\n</svg>\n");
}

/* One grey byte a pixel. */
static uint8_t *pixels_of(const struct qr *q, unsigned *side)
{
	uint8_t *pixels;

	*side = qr_columns(q) * SCALE;
	if ((pixels = mem_array(*side, *side)) == NULL)
		return NULL;
	for (unsigned y = 0; y < *side; y++)
		for (unsigned x = 0; x < *side; x++)
			pixels[(size_t)y * *side + x] = dark_at(q, x / SCALE, y / SCALE) ? 0 : 255;
	return pixels;
}

int qr_png(struct buf *out, const struct qr *q, struct muster_err *err)
{
	png_image image = { .version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_GRAY };
	png_alloc_size_t size = 0;
	uint8_t *png = NULL, *pixels;
	int r = MUSTER_E_NOMEM;

	if ((pixels = pixels_of(q, &image.width)) == NULL)
		return err_nomem(err);
	image.height = image.width;
	if (png_image_write_to_memory(&image, NULL, &size, 0, pixels, 0, NULL) != 0 && (png = mem_alloc(size)) != NULL &&
	    png_image_write_to_memory(&image, png, &size, 0, pixels, 0, NULL) != 0) {
		buf_add(out, png, size);
		r = out->failed ? MUSTER_E_NOMEM : MUSTER_OK;
	}
	png_image_free(&image);
	mem_free(png);
	mem_free(pixels);
	return r == MUSTER_OK ? r : err_set(err, r, "the picture could not be made: %s", image.message[0] != '\0' ? image.message : "out of memory");
}

static bool ends_in(const char *path, const char *ending)
{
	size_t n = strlen(path), m = strlen(ending);

	return n > m && strcmp(path + n - m, ending) == 0;
}

bool qr_is_picture(const char *name)
{
	return ends_in(name, ".png") || ends_in(name, ".svg");
}

int qr_render(struct buf *out, const char *name, const char *text, struct muster_err *err)
{
	struct qr q;
	int r;

	if (ends_in(name, ".txt")) {
		buf_addf(out, "%s\n", text);
		return out->failed ? err_nomem(err) : MUSTER_OK;
	}
	if (!qr_is_picture(name))
		return err_set(err, MUSTER_E_INVALID, "%s: the name must end in .png, .svg or .txt", name);
	if ((r = qr_encode(&q, text, false, err)) != MUSTER_OK)
		return r;
	if (ends_in(name, ".svg"))
		qr_svg(out, &q);
	else
		r = qr_png(out, &q, err);
	qr_fini(&q);
	return r == MUSTER_OK && out->failed ? err_nomem(err) : r;
}

int qr_write(const char *path, const char *text, struct muster_err *err)
{
	struct buf bytes;
	int r;

	buf_init(&bytes, QR_PICTURE_MAX);
	if ((r = qr_render(&bytes, path, text, err)) == MUSTER_OK)
		r = file_write(path, (struct muster_span){ bytes.p, bytes.n }, 0644, err);
	buf_fini(&bytes);
	return r;
}
