/** The issuer's answer to a request: a PEM chain, the text MUSTER1A:…, or a PNG picture of that text's QR code. */
#ifndef CLI_ANSWER_FILE_H
#define CLI_ANSWER_FILE_H

#include "core/base/buf.h"

#define ANSWER_CHAIN_MAX 16384   /**< trust.md section 2 */

/** Read @p path. @param[out] pem initialised with a cap of ANSWER_CHAIN_MAX or more; appended: host certificate and intermediate.
 * MUSTER_E_INVALID: something else, with what it is; errors of file_read() and qr_read_png(). Nothing is verified here: the host does. */
int answer_file_read(struct buf *pem, const char *path, struct muster_err *err);
/** The same from its text; @p name for messages. */
int answer_file_text(struct buf *pem, const char *text, const char *name, struct muster_err *err);

#endif
