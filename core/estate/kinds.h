/**
 * What the estate's books hold: kinds of entries and their fields. One table: it gives checks, answers, `--set`, columns of lists and exports, and synonyms
 * of headings that imports recognise (core/exchange). Pure; musterd and musterctl use it.
 *
 * An entry is a JSON object with `id` and the fields of its kind; a field that is absent is unknown. Source: facts.md section 5.
 */
#ifndef ESTATE_KINDS_H
#define ESTATE_KINDS_H

#include <jansson.h>
#include <stdbool.h>
#include <muster/types.h>

enum estate_type {
	ESTATE_TEXT,      /**< one line */
	ESTATE_LINES,     /**< notes: several lines */
	ESTATE_REF,       /**< ID of an entry of kind `of`, or its name: the host finds the ID */
	ESTATE_DATE,      /**< YYYY-MM-DD */
	ESTATE_COUNT,     /**< 0 …; -1 unknown where the source says so (facts.md section 5: remaining) */
	ESTATE_FLAG,
	ESTATE_CHOICE,    /**< one of `of`, "a|b|c" */
	ESTATE_UUID,
	ESTATE_KEY,       /**< a whole product key: sealed at rest, shown to key readers only, never listed */
	ESTATE_SETUP,     /**< a setup key: of the same shape, and no secret */
	ESTATE_PARTIAL    /**< the last five characters of a key */
};

struct estate_field {
	const char *name;          /**< member, and word of --set NAME=VALUE */
	enum estate_type type;
	bool required, list;       /**< list: array of such values */
	size_t max;                /**< bytes of a text; entries of a list are at most ESTATE_LIST_MAX */
	const char *of;            /**< kind of a reference, values of a choice; NULL */
	const char *heading;       /**< of a column in exports: "License ID" */
	const char *synonyms;      /**< other headings, lower case, separated by '|'; NULL */
	const char *doc;           /**< half a sentence for help and manual */
};
#define ESTATE_LIST_MAX 256
#define ESTATE_ENTRY_MAX (64u << 10)   /**< bytes of an entry as JSON */
#define ESTATE_ID_MAX 63               /**< bytes of an ID: letters, digits, and any of "._-:" after the first */

struct estate_kind {
	const char *name, *plural; /**< "organisation", "organisations" */
	const char *record;        /**< kind of its records in the state (store.h): "estate-organisation" */
	const struct estate_field *fields; size_t field_count;
};

const struct estate_kind *estate_kinds(size_t *n);
const struct estate_kind *estate_kind_find(const char *name);   /**< singular or plural; NULL */
const struct estate_field *estate_field_find(const struct estate_kind *k, const char *name);   /**< NULL */
/** The nearest known word, for messages; NULL. */
const char *estate_field_near(const struct estate_kind *k, const char *name);

/** Letters, digits, and any of "._-:" after the first; at most ESTATE_ID_MAX bytes. */
bool estate_id_ok(const char *id);

/**
 * Check an entry and bring it to its one form: known members (and `id`) only, right types, dates real, texts trimmed, lists without doubles, keys in five groups
 * of five in upper case with their last five as `partial`, words of choices as they are written here. Empty values and null are taken off.
 *
 * Does not look whether references exist; one may be a name. A message never quotes a key, and a whole key in any other text is refused.
 * @param[in,out] entry changed in place, also when it is refused.
 * @return MUSTER_OK; MUSTER_E_INVALID, or MUSTER_E_LIMIT, with a sentence that names the field and what it takes; MUSTER_E_NOMEM.
 */
int estate_entry_check(const struct estate_kind *k, json_t *entry, struct muster_err *err);
/** As estate_entry_check() for the members of a change: nothing is required, rules between members are not looked at, and null stays: it removes. */
int estate_entry_part(const struct estate_kind *k, json_t *part, struct muster_err *err);
/**
 * Set one field from text, as --set and cells of tables give it, checked as above: "" removes; lists are separated by ',' ("\," is a comma of a value (exchange/record.h writes them so), "\\" a
 * backslash); in notes "\n" is a new line. Dates also as 2026/3/1, 1.3.2026, 3/1/2026 (month first, as the portal writes them) and with a time behind; counts
 * with separators (1,000) and "unknown"; flags as yes, no, true, false, 1, 0, on, off.
 */
int estate_entry_set(const struct estate_kind *k, json_t *entry, const struct estate_field *f, const char *text, struct muster_err *err);
/** A field's value as one line of text, such that estate_entry_set() gives the same value again; "" absent, and for a key. Cut when @p n is too small. @return out. */
const char *estate_entry_text(const struct estate_kind *k, const json_t *entry, const struct estate_field *f, char *out, size_t n);
/** Wipe the whole key of an entry before it is freed; NULL is nothing. */
void estate_entry_wipe(json_t *entry);

#endif
