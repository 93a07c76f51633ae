/** Texts and lists from the command line, checked before they get into the books. */
#ifndef ISSUER_TEXT_H
#define ISSUER_TEXT_H

#include "core/store/issuer_books.h"

/** One line of UTF-8 without control characters that fits. @p what begins the message. MUSTER_E_INVALID. */
int text_line(char *out, size_t room, const char *value, const char *what, struct muster_err *err);
/** The same, of letters, digits, point, hyphen and underscore only. */
int text_word(char *out, size_t room, const char *value, const char *what, struct muster_err *err);
/** Seconds; 0: open. */
int text_coverage(int64_t start, int64_t end, struct muster_err *err);
/** "office2013,windows": names or activation IDs of products in the books. @param[out] first of them. */
int text_products(uint8_t (*out)[16], size_t *n, struct books_product *first, struct books *books, const char *list, struct muster_err *err);
/** A key's number. */
int text_number(uint32_t *out, const char *value, struct muster_err *err);
/** Twenty hexadecimal digits. */
int text_binding(uint8_t out[10], const char *value, struct muster_err *err);

#endif
