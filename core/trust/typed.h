/** Text that people type or paste: what may stand between groups of a key or an ID. */
#ifndef TRUST_TYPED_H
#define TRUST_TYPED_H

#include <stddef.h>

/**
 * Spaces (U+0020, U+0009, U+000A, U+000D, U+00A0) and dashes (U+002D, U+2010 – U+2015, U+2212).
 * @return bytes of the one that @p p begins with; 0: none.
 */
size_t typed_separator(const char *p, size_t n);

#endif
