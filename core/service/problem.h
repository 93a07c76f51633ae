/** Refusals as problem documents (RFC 9457), from the table of codes. */
#ifndef SERVICE_PROBLEM_H
#define SERVICE_PROBLEM_H

#include "core/base/buf.h"

/** Append @p text as a JSON string with its quotes. @p text is UTF-8. */
void problem_text(struct buf *out, const char *text);

/**
 * Write the document.
 *
 * @param status HTTP status. @param code of core/base/codes.h; an unknown one is written as M-122.
 * @param detail,field NULL: none (detail: the code's meaning). @param retry_after seconds, 0 none. @param time_ms 0: none.
 * @param grace_s of an access product, 0 none.
 */
void problem_write(struct buf *out, unsigned status, uint32_t code, const char *detail, const char *field, uint32_t retry_after, int64_t time_ms, uint32_t grace_s);
/** The status the table gives the code; 500 for an unknown one. */
unsigned problem_status(uint32_t code);

#endif
