/* Reading a QR code from a picture: libpng to grey pixels, libzbar to text. */
#include "core/base/qr.h"

#include <string.h>
#include <png.h>
#include <zbar.h>

#include "core/base/err.h"
#include "core/base/mem.h"

#define SIDE_MAX 8192u      /* pixels: a scan of a page at 600 dpi is below */
#define SMALL_SIDE 700u     /* below, a second look at a picture three times as large: some codes come with one pixel a module */

bool qr_is_png(struct muster_span bytes)
{
	return bytes.n >= 8 && png_sig_cmp((png_const_bytep)bytes.p, 0, 8) == 0;
}

struct grey { unsigned width, height; uint8_t *pixels; };

/* Transparent parts become white, as a viewer shows them. */
static int decode(struct grey *out, struct muster_span png, struct muster_err *err)
{
	png_image image = { .version = PNG_IMAGE_VERSION };
	const png_color white = { 255, 255, 255 };
	int r = MUSTER_OK;

	memset(out, 0, sizeof(*out));
	if (png_image_begin_read_from_memory(&image, png.p, png.n) == 0)
		return err_set(err, MUSTER_E_INVALID, "this is no PNG picture: %s", image.message);
	if (image.width > SIDE_MAX || image.height > SIDE_MAX) {
		r = err_set(err, MUSTER_E_LIMIT, "the picture has %u x %u pixels; at most %u x %u are read", image.width, image.height, SIDE_MAX, SIDE_MAX);
		goto done;
	}
	image.format = PNG_FORMAT_GRAY;
	out->width = image.width;
	out->height = image.height;
	if ((out->pixels = mem_array(image.width, image.height)) == NULL)
		r = err_nomem(err);
	else if (png_image_finish_read(&image, &white, out->pixels, 0, NULL) == 0)
		r = err_set(err, MUSTER_E_INVALID, "the PNG picture is damaged: %s", image.message);
done:
	png_image_free(&image);
	return r;
}

static int enlarge(struct grey *out, const struct grey *in, unsigned times, struct muster_err *err)
{
	*out = (struct grey){ in->width * times, in->height * times, mem_array((size_t)in->width * times, (size_t)in->height * times) };
	if (out->pixels == NULL)
		return err_nomem(err);
	for (unsigned y = 0; y < out->height; y++)
		for (unsigned x = 0; x < out->width; x++)
			out->pixels[(size_t)y * out->width + x] = in->pixels[(size_t)(y / times) * in->width + x / times];
	return MUSTER_OK;
}

static int scan(struct buf *text, const struct grey *g, struct muster_err *err)
{
	zbar_image_scanner_t *scanner = zbar_image_scanner_create();
	zbar_image_t *image = zbar_image_create();
	int r = MUSTER_E_NOT_FOUND;

	if (scanner == NULL || image == NULL) {
		r = err_nomem(err);
		goto done;
	}
	/* what is read stays in this process; only QR codes are looked for */
	(void)zbar_image_scanner_request_dbus(scanner, 0);
	(void)zbar_image_scanner_set_config(scanner, ZBAR_NONE, ZBAR_CFG_ENABLE, 0);
	(void)zbar_image_scanner_set_config(scanner, ZBAR_QRCODE, ZBAR_CFG_ENABLE, 1);
	zbar_image_set_format(image, zbar_fourcc('Y', '8', '0', '0'));
	zbar_image_set_size(image, g->width, g->height);
	zbar_image_set_data(image, g->pixels, (unsigned long)g->width * g->height, NULL);
	if (zbar_scan_image(scanner, image) > 0) {
		const zbar_symbol_t *s = zbar_image_first_symbol(image);
		const char *first = zbar_symbol_get_data(s);
		unsigned n = zbar_symbol_get_data_length(s);

		r = MUSTER_OK;
		for (s = zbar_symbol_next(s); s != NULL && r == MUSTER_OK; s = zbar_symbol_next(s))
			if (zbar_symbol_get_data_length(s) != n || memcmp(zbar_symbol_get_data(s), first, n) != 0)
				r = err_set(err, MUSTER_E_MISMATCH, "there are several different QR codes in the picture: cut out the right one");
		if (r == MUSTER_OK)
			buf_add(text, first, n);
		if (r == MUSTER_OK && text->failed)
			r = err_set(err, MUSTER_E_LIMIT, "the QR code holds more than can be used here");
	}
done:
	if (image != NULL)
		zbar_image_destroy(image);
	if (scanner != NULL)
		zbar_image_scanner_destroy(scanner);
	return r;
}

int qr_read_png(struct buf *text, struct muster_span png, struct muster_err *err)
{
	struct grey g, large = { 0 };
	int r = decode(&g, png, err);

	if (r == MUSTER_OK)
		r = scan(text, &g, err);
	if (r == MUSTER_E_NOT_FOUND && g.width < SMALL_SIDE && g.height < SMALL_SIDE && (r = enlarge(&large, &g, 3, err)) == MUSTER_OK)
		r = scan(text, &large, err);
	if (r == MUSTER_E_NOT_FOUND)
		(void)err_set(err, r, "no QR code can be read in the picture: take it straight from above, sharp, and with its white edge");
	mem_free(large.pixels);
	mem_free(g.pixels);
	return r;
}
