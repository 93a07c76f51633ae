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
	ESTATE_REF,       /**< ID of an entry of kind `of` */
	ESTATE_DATE,      /**< YYYY-MM-DD */
	ESTATE_COUNT,     /**< 0 …; -1 unknown where the source says so (facts.md section 5: remaining) */
	ESTATE_FLAG,
	ESTATE_CHOICE,    /**< one of `of`, "a|b|c" */
	ESTATE_UUID,
	ESTATE_KEY        /**< a whole product key: sealed at rest, shown to key readers only, never listed */
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

/**
 * Check an entry and bring it to its one form: known members only, right types, dates real, texts trimmed, lists without doubles, keys upper case.
 * Does not look whether references exist. @param[in,out] entry changed in place.
 * @return MUSTER_OK; MUSTER_E_INVALID with a sentence that names the field and what it takes.
 */
int estate_entry_check(const struct estate_kind *k, json_t *entry, struct muster_err *err);
/** Set one field from text, as --set and cells of tables give it: "" removes; lists are separated by ','; in their items "\,"
 * is a comma and "\\" a backslash, one before anything else stands for itself (exchange/record.h writes them so). Flags: "yes", "no". The same errors. */
int estate_entry_set(const struct estate_kind *k, json_t *entry, const struct estate_field *f, const char *text, struct muster_err *err);
/** A field's value as one line of text (lists joined by ", "); "" absent. Never a key. @return out. */
const char *estate_entry_text(const struct estate_kind *k, const json_t *entry, const struct estate_field *f, char *out, size_t n);

#endif
