/**
 * QR codes: a text as a code on a terminal or as a picture, and the text of a picture.
 *
 * A library of its own (qr_libs): only programs that show or read codes need libqrencode, libzbar and libpng.
 */
#ifndef BASE_QR_H
#define BASE_QR_H

#include <stdbool.h>
#include "core/base/buf.h"

#define QR_TEXT_MAX 2953            /**< bytes a code holds at the lowest correction level (ISO/IEC 18004) */
#define QR_PICTURE_MAX (16u << 20)  /**< bytes of a picture file */

/** Modules row by row, dark ones 1, without the quiet zone. */
struct qr { unsigned width; uint8_t *dark; };

/** @param text printable, 1 … QR_TEXT_MAX bytes. @param small the lowest correction level: for screens, where nothing gets dirty; otherwise the
 * highest of L and M that fits. MUSTER_E_LIMIT: too long for one code. Free with qr_fini(). */
int qr_encode(struct qr *out, const char *text, bool small, struct muster_err *err);
void qr_fini(struct qr *q);

/** Columns that qr_blocks() needs. */
unsigned qr_columns(const struct qr *q);
/** Rows of UTF-8 half blocks, two modules each, with the quiet zone. @param colour set black on white by escape sequences, so that the colours of
 * the terminal do not matter; otherwise light modules are the drawn ones, which suits dark terminals. */
void qr_blocks(struct buf *out, const struct qr *q, bool colour);
void qr_svg(struct buf *out, const struct qr *q);
int qr_png(struct buf *out, const struct qr *q, struct muster_err *err);

/** Does the name end in .png or .svg? */
bool qr_is_picture(const char *name);
/** @p text as the file of this name holds it: .png and .svg a code, .txt one line. @param out appended. MUSTER_E_INVALID: another ending. */
int qr_render(struct buf *out, const char *name, const char *text, struct muster_err *err);
/** Write what qr_render() makes to @p path. */
int qr_write(const char *path, const char *text, struct muster_err *err);

/** Does this file begin as a PNG picture does? */
bool qr_is_png(struct muster_span bytes);
/** The one QR code of a PNG picture. @param[out] text appended. MUSTER_E_INVALID: no PNG; MUSTER_E_NOT_FOUND: no code in it that can be read;
 * MUSTER_E_MISMATCH: several different ones; MUSTER_E_LIMIT: the picture is too large. */
int qr_read_png(struct buf *text, struct muster_span png, struct muster_err *err);

#endif
