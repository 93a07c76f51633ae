/** A growing byte buffer with a hard cap. A failed append marks the buffer; check once at the end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <muster/types.h>

struct buf {
	uint8_t *p;   /**< owned; always followed by a zero byte when n > 0 */
	size_t n;
	size_t room;
	size_t cap;   /**< largest n allowed */
	bool failed;  /**< an append was refused: exhausted memory or cap reached */
};

void buf_init(struct buf *b, size_t cap);
void buf_fini(struct buf *b);           /**< frees; for secrets use buf_cleanse() */
void buf_cleanse(struct buf *b);        /**< OPENSSL_cleanse, then frees */
void buf_clear(struct buf *b);          /**< empty, keeps the room, clears failed */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *buf_str(const struct buf *b);  /**< borrowed, terminated; "" when empty */
char *buf_take(struct buf *b);          /**< adopts the bytes as a terminated string; NULL when failed. Caller frees with mem_free() */

#endif
