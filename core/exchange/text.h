/** Inside of reading text: what is no text at all, and names of code pages. */
#ifndef EXCHANGE_TEXT_H
#define EXCHANGE_TEXT_H

#include <stdbool.h>
#include <muster/types.h>

/** What a file of bytes is, by its beginning, and how to get text instead. */
struct exchange_binary { const char *what, *instead; };
/** @return false: it may be text. UTF-16 is text; @p utf16 says that it was recognised. */
bool exchange_binary(struct exchange_binary *out, const uint8_t *p, size_t n, bool utf16);

/**
 * iconv's name of what --code-page says: a Windows number ("850", "1252", "65001"), or a name ("cp850", "utf-8", "iso-8859-1").
 * @param[out] name "CP850", "UTF-8", "UTF-16LE", "UTF-16BE", "ISO-8859-1" … @return MUSTER_OK; MUSTER_E_INVALID with what it takes.
 */
int exchange_code_page(char name[24], const char *given, struct muster_err *err);

/** OEM (850) or ANSI (1252), for bytes that are no UTF-8: where letters of western languages are in each. */
const char *exchange_code_page_guess(const uint8_t *p, size_t n);

#endif
