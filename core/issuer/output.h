/** What the commands print: JSON, tables, times, and the last word. */
#ifndef ISSUER_OUTPUT_H
#define ISSUER_OUTPUT_H

#include <stdarg.h>
#include <jansson.h>
#include "core/base/clock.h"
#include "core/issuer/options.h"

/** Prints and frees; NULL: memory was exhausted. */
int output_json(json_t *j, struct muster_err *err);
/** The end of a command: a full disk or a closed pipe must not look like success. Prints the error. @return enum issuer_exit. */
int output_finish(int r, struct muster_err *err);
/** "muster-issuer: …" to stderr. */
void output_words(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
/** A notice for people: to stderr. */
void output_notice(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** RFC 3339; "" for 0. */
const char *output_time(char out[TIME_RFC3339], int64_t s);
/** New string with the time; JSON null for 0. */
json_t *output_json_time(int64_t s);
/** New string; JSON null for "" or NULL. */
json_t *output_json_text(const char *text);
/** UUIDs as an array of strings; NULL when exhausted. */
json_t *output_json_ids(const uint8_t (*ids)[16], size_t n);

/** A new file for the result; made before anything else is done, so that an existing one is never overwritten. */
struct output_file { const char *path; int fd; };
/** @p path NULL: there is none, and the other calls do nothing. @p undone completes "PATH is there already; …". */
int output_file_open(struct output_file *f, const char *path, const char *undone, struct muster_err *err);
/** For its owner only: before a secret is written. */
int output_file_hide(struct output_file *f, struct muster_err *err);
/** Write all and sync. */
int output_file_write(struct output_file *f, struct muster_span bytes, struct muster_err *err);
/** @p keep false: remove it again. */
void output_file_close(struct output_file *f, bool keep);

/** A table for people. */
struct output_table;
struct output_column { const char *title; bool right; };
int output_table_new(struct output_table **out, const struct output_column *columns, size_t n, struct muster_err *err);
/** A row of as many texts as there are columns. */
int output_table_row(struct output_table *t, const char *const *cells);
/** Prints (when @p r is MUSTER_OK) and frees. */
int output_table_end(struct output_table *t, int r, struct muster_err *err);

/** A list that is a table for people and an array for programs. */
struct output_list { json_t *json; struct output_table *table; };
int output_list_begin(struct output_list *l, bool json, const struct output_column *columns, size_t n, struct muster_err *err);
/** Prints when @p r is MUSTER_OK. */
int output_list_end(struct output_list *l, int r, struct muster_err *err);

#endif
