/** Inside of reading listings: labels, host lines, and what cannot be right in a block. */
#ifndef EXCHANGE_LISTING_H
#define EXCHANGE_LISTING_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <muster/types.h>

#define LISTING_VALUE_MAX 512      /* bytes of a value; what is longer is cut and doubted */
#define LISTING_HOST_MAX 253

/** What stands behind a label. */
enum listing_value {
	LISTING_TEXT, LISTING_PID, LISTING_PARTIAL, LISTING_UUID,
	LISTING_COUNT,       /**< digits alone */
	LISTING_MINUTES,     /**< "243720 minute(s) (169 day(s))", "15 minutes" */
	LISTING_DATE,        /**< M/D/YYYY h:mm:ss AM */
	LISTING_WRAPPED,     /**< known and not kept; goes on in the next line when it was wrapped */
	LISTING_KNOWN,       /**< known and not kept */
	LISTING_REASON,      /**< why it is not licensed */
	LISTING_SAID         /**< a sentence without a value; `means` is its value */
};
struct listing_label { const char *text, *field; enum listing_value value; int means; };

/**
 * The label that a line begins with, whatever its indentation, case and inner spaces.
 * @param[out] value After the colon, without spaces around; borrowed from @p line. @return NULL: none of the published ones.
 */
const struct listing_label *listing_label(const char *line, size_t n, const char **value, size_t *value_n);
/** How many different labels that only a listing has are in the text; @p name whether a "Name:" is. */
unsigned listing_labels_in(const char *text, size_t n, bool *name);

/** What a line says of the host that the blocks after it are from. */
enum listing_host { LISTING_HOST_NONE, LISTING_HOST_NAMED, LISTING_HOST_LOCAL /**< an echoed command without a machine */ };
enum listing_host listing_host(const char *line, size_t n, char out[LISTING_HOST_MAX + 1]);
bool listing_host_valid(const char *p, size_t n);

/** "4/9/2013 9:58:33 AM". @param[out] at s, of the clock that showed it (zone.h makes UTC of it). @return false: not of this form, or no real date. */
bool listing_date(const char *p, size_t n, int64_t *at);

/** Day of the year and year that end an extended PID, and the OS build before them (facts.md section 3). */
struct listing_pid { unsigned day, year, build, language; };
bool listing_pid(const char *text, struct listing_pid *out);

/** What a block says that is in no field of the entry. */
struct listing_said { bool reason, not_in_use; char reason_text[64]; };
/** Append to @p doubts what cannot be right in an entry. @param taken_at s; 0 not known. @return 0; -1 out of memory. */
int listing_doubts(const json_t *entry, const struct listing_said *said, int64_t taken_at, json_t *doubts);
int listing_doubt(json_t *doubts, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
