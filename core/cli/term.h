/** Lines from whoever types: questions, keys without echo, and leaving a dialogue by Ctrl-C, Ctrl-D or q. */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include "core/base/buf.h"
#include "core/cli/cli.h"

enum term_result { TERM_LINE, TERM_LEFT /* interrupted, or the end of input */, TERM_FAILED /* too long, or reading failed; said */ };

#define TERM_LINE_MAX 4096

/** Interrupts end questions instead of the program until term_end(); a second one ends the program. Calls may nest. */
void term_begin(void);
void term_end(void);
/** Did a signal ask to leave since term_begin()? */
bool term_interrupted(void);

/** A file that is to go when a second signal ends the program; NULL: none. Borrowed until the next call. */
void term_unfinished(const char *path);

/**
 * Ask and read one line of standard input, without its end.
 *
 * @param[in,out] line   Initialised; emptied first. Cleanse it when @p secret.
 * @param         secret No echo, when it is a terminal; whatever happens the terminal is put right again.
 */
enum term_result term_ask(struct cli *c, FILE *where, const char *prompt, bool secret, struct buf *line);
/** Print text whose parts came from elsewhere: control characters other than the line's end are left out. */
void term_print(FILE *out, const char *text);
/** Does this line ask to leave? q, quit, exit, in any case. */
bool term_is_quit(const char *line);
/** Columns of the terminal behind @p out; 0: it is none. */
unsigned term_columns(FILE *out);
/** Does it show UTF-8? */
bool term_utf8(void);

#endif
