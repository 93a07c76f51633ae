/**
 * The schema: one table per section. It yields the parser, the defaults, the checks, --dump-config, the sample file and
 * the manual's section (style.md G). To add a key, add its member in config.h and its row in schema.c.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "core/config/config.h"

/** What a value looks like and what its member is. */
enum config_type {
	CONFIG_TEXT,      /**< const char *; min and max are bytes */
	CONFIG_NAME,      /**< const char *; a-z, 0-9, '-', first a letter */
	CONFIG_POOL,      /**< const char *; as CONFIG_NAME, or a UUID */
	CONFIG_ACCOUNT,   /**< const char *; user or group of the system */
	CONFIG_PATH,      /**< const char *; made absolute */
	CONFIG_URL,       /**< const char *; http://, https:// or mailto: */
	CONFIG_LISTEN,    /**< const char *; ADDRESS:PORT, comma-separated */
	CONFIG_NETWORKS,  /**< const char *; ADDRESS/BITS, comma-separated */
	CONFIG_CLAIMS,    /**< const char *; client:UUID, name:PATTERN, ADDRESS/BITS, comma-separated */
	CONFIG_VERSIONS,  /**< const char *; names of versions, comma-separated */
	CONFIG_VERSION,   /**< const char *; one of them */
	CONFIG_WORDS,     /**< const char *; some of words, comma-separated, none twice */
	CONFIG_MEDIUM,    /**< const char *; PATH [SECTION] KEY, comma-separated */
	CONFIG_DIGEST,    /**< const char *; 64 hexadecimal digits */
	CONFIG_CHOICE,    /**< const char *; one of words */
	CONFIG_NUMBER,    /**< uint64_t */
	CONFIG_TIME,      /**< uint64_t seconds */
	CONFIG_MSEC,      /**< uint64_t milliseconds */
	CONFIG_SIZE,      /**< uint64_t bytes */
	CONFIG_SWITCH,    /**< uint64_t 1 or 0, written yes or no */
	CONFIG_FLAG,      /**< bool, written yes or no */
	CONFIG_UUID,      /**< uint8_t[16] */
	CONFIG_DATE,      /**< int64_t seconds since 1970: the day's first */
	CONFIG_DATE_END   /**< int64_t seconds since 1970: the day's last */
};

enum {
	CONFIG_KEY_REQUIRED = 1 << 0,  /**< must be given */
	CONFIG_KEY_EMPTY = 1 << 1,     /**< may be given without a value */
	CONFIG_KEY_NEW = 1 << 2,       /**< in product files only: it makes the product */
	CONFIG_KEY_SHOWN = 1 << 3,     /**< live in the sample file; the others are comments */
	CONFIG_KEY_SITE = 1 << 4,      /**< the default depends on the machine or the build: value is words about it */
	CONFIG_KEY_STORED = 1 << 5     /**< a stored setting only (sprt, spri): not allowed in a file */
};

/** One key. */
struct config_key {
	const char *name;
	enum config_type type;
	unsigned flags;
	size_t offset;           /**< of the member in the section's structure */
	uint64_t min, max;       /**< bounds of a number in its base unit, or of a text's bytes */
	const char *value;       /**< default, as written in a file; NULL none */
	const char *unit;        /**< what a number counts; NULL none */
	const char *words;       /**< CONFIG_CHOICE, CONFIG_WORDS: separated by blanks */
	const char *doc;         /**< sentences for the sample and the manual */
	uint64_t given;          /**< CONFIG_P_* or 0 */
};

/** One section. */
struct config_section {
	const char *name;
	const char *argument;    /**< "NAME", "UUID"; NULL: takes none */
	size_t limit;            /**< most sections of this kind */
	size_t size;             /**< of its structure */
	bool in_products;        /**< allowed in product files too */
	bool open;               /**< keys beyond the table are the plugin's options */
	const char *example;     /**< lines that the sample shows commented out; NULL: the keys themselves */
	const char *doc;
	const struct config_key *keys;
	size_t key_count;
};

/** Every section, in the order of the sample. */
const struct config_section *config_schema(size_t *count);
/** @return NULL when there is none of this name. */
const struct config_section *config_schema_section(const char *name);
const struct config_key *config_schema_key(const struct config_section *s, const char *name);
/** The nearest name that a file may use; never NULL. */
const char *config_schema_near_section(const char *name, bool product_file);
const char *config_schema_near_key(const struct config_section *s, const char *name, bool product_file);
/** May this key stand in a file of this kind? */
bool config_key_allowed(const struct config_key *k, bool product_file);

#define CONFIG_PRODUCTS_MAX 1024  /**< [product NAME] sections, all files together */
#define CONFIG_EDITIONS_MAX 4096
#define CONFIG_PLUGINS_MAX 64
#define CONFIG_ISSUERS_MAX 16
#define CONFIG_RESERVATIONS_MAX 256
#define CONFIG_LIST_MAX 3500      /**< bytes of a list of networks or claims */
#define CONFIG_OPTIONS_MAX 64     /**< options of one plugin */
#define CONFIG_OPTION_MAX 3500    /**< bytes of an option's value: a dumped line still is one that can be read */
#define CONFIG_FILES_MAX 1024     /**< product files */

#endif
