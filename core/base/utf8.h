/** Characters of UTF-8 (RFC 3629 section 4: nothing longer than need be, no halves of pairs, nothing above U+10FFFF). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

#define UTF8_MAX 4            /**< bytes of the longest one; what a string that ends in NUL may be taken to have left */
#define UTF8_MORE ((size_t)-1)

/**
 * Length of the character at @p p, of which @p n bytes are there, 1 or more.
 *
 * @return 1 to 4; 0: none begins here; UTF8_MORE: one may begin here, and its end is not there. A NUL is a character of one byte.
 */
size_t utf8_length(const void *p, size_t n);
/** How many of the @p n bytes at @p text, at most @p max, are whole characters where it is cut to that. */
size_t utf8_cut(const char *text, size_t n, size_t max);

#endif
