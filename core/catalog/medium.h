/**
 * What the files of an installation medium say: which product and edition it is, and which embedded key lies on it (facts.md section 6).
 *
 * All of it comes from tables of plugins and product files: where the key is (media rules), how it looks (key rules), how the product is told (marks).
 * Only where a key is not in an INI file is a plugin's own medium_inspect asked. No I/O: who has the medium reads its files (core/exchange).
 */
#ifndef CATALOG_MEDIUM_H
#define CATALOG_MEDIUM_H

#include "core/catalog/catalog.h"
#include "core/catalog/keys.h"

#define MEDIUM_PATHS_MAX 256       /**< distinct files that tables may name */
#define MEDIUM_PATH_MAX 256        /**< bytes of a path, its end included */
#define MEDIUM_FILE_MAX (1u << 20) /**< bytes of one file */
#define MEDIUM_FINDS_MAX 64        /**< of one medium; a publisher's has a few */
#define MEDIUM_NAME_MAX 256        /**< bytes of a label or name, its end included */
#define MEDIUM_FITS_MAX 16         /**< products named where the medium does not tell which it is */

struct medium {
	const char *label, *name;      /**< volume label; name of the folder or the image's file. NULL or "": none */
	const struct muster_medium_file *files; size_t file_count;   /**< path as spelled on the medium */
};

/** One thing found; texts of tables live as long as the catalog. */
struct medium_find {
	const struct catalog_product *product;   /**< NULL: the medium does not tell which of `fits` */
	const struct catalog_product *fits[MEDIUM_FITS_MAX]; size_t fit_count;   /**< products whose rules fit, when there is more than one to choose from */
	const char *edition;           /**< title; NULL: not told */
	char path[MEDIUM_PATH_MAX];    /**< of the file it lies in */
	char section[64];
	const char *encoding;          /**< "ASCII", "UTF-8", "UTF-16LE", "UTF-16BE" */
	const char *portal;            /**< what the product's key rule says of such keys; NULL */
	const char *advice;            /**< what the media rule says; NULL */
	char note[512];                /**< "" or a sentence: why there is no key, or why it is not known of which product it is */
	char key[KEYS_MAX + 1];        /**< whole, upper case; "" none. A secret */
	char masked[KEYS_MAX + 1];     /**< for people: all but the last five characters hidden */
	struct muster_key_info info;   /**< kind, title, last five */
};
struct medium_finds { struct medium_find *items; size_t n; };

/** Files that media rules and marks of the enabled embedded products name, each once. MUSTER_E_LIMIT: more than MEDIUM_PATHS_MAX. */
int medium_paths(const struct catalog *c, const char *paths[MEDIUM_PATHS_MAX], size_t *n, struct muster_err *err);

/**
 * Look through the files of a medium. Files that no rule names are looked at for marks only.
 *
 * @param only  The product it is said to be, by name of the administrator; NULL: the medium tells.
 * @param[out] out  Freed with medium_finds_free(), also after a failure. Empty: no file that holds keys is among the files.
 * @return MUSTER_OK; MUSTER_E_LIMIT for a medium with too many finds, or files; MUSTER_E_NOMEM. Thread-safe.
 */
int medium_look(const struct catalog *c, const struct medium *m, const struct catalog_product *only, struct medium_finds *out, struct muster_err *err);
/** Wipes. */
void medium_finds_free(struct medium_finds *f);

/** Is @p name of this pattern, with * and ?, whole and without regard to case (ASCII)? */
bool medium_name_fits(const char *pattern, const char *name);

/** Encodings that setup programs read, and the one they do not. */
enum medium_encoding { MEDIUM_ASCII, MEDIUM_UTF8, MEDIUM_UTF16LE, MEDIUM_UTF16BE };
/**
 * A file's bytes as characters for comparison: ASCII in lower case; all that is not ASCII is '?', for no name, key or mark has any.
 * @param[out] out at least bytes.n characters; @param[out] n how many. UTF-16BE gives none.
 */
enum medium_encoding medium_text(char *out, size_t *n, struct muster_span bytes);

#endif
