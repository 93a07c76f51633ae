/**
 * Muster: the plugin interface. An author of a plugin needs this header and <muster/types.h>, nothing else.
 *
 * A plugin is one shared object NAME.so that exports one constant object, NAME_LTX_muster_plugin (see MUSTER_PLUGIN).
 * Data comes before code: products, pools, key rules, options are constant tables, and every function may be left out.
 * docs/plugin-guide.md leads from nothing to a working plugin; plugins/sample is the template.
 *
 * Rules that hold for everything here:
 *  - Fixed-width integers only; no enumeration, bool, time_t, long or bit-field crosses the boundary.
 *  - Tables cross as {rows, count, stride}. A host reads a row up to the smaller of stride and the size it knows;
 *    what is missing is zero, and zero is always "the default". So rows may be shorter or longer than the host's.
 *  - Structures that begin with `size` are read through MUSTER_HAS(). Members are appended, never reordered or reused.
 *  - Strings are UTF-8, terminated, and live as long as the plugin (in tables) or the call (in arguments).
 *  - A plugin is never unloaded. No constructors, no atexit handlers, no thread-local destructors.
 *
 * ABI log (major.minor, date, what changed)
 *   0.1  2026-11-22  first version.
 *   0.2  2026-11-22  struct muster_requirement: fact and value, at its end.
 *   1.0  2026-11-22  frozen: a plugin built with this header loads in every host of major 1. New since 0.2: versions and per of the access model,
 *                    hint of a programme, the seats model, marks of a medium, members at the end of struct muster_request. Plugins for 0.x are
 *                    refused: build them anew.
 */
#ifndef MUSTER_PLUGIN_H
#define MUSTER_PLUGIN_H

#include <muster/types.h>

#ifdef __cplusplus
#define MUSTER_EXTERN extern "C"
extern "C" {
#else
#define MUSTER_EXTERN extern
#endif

#if defined(__GNUC__)
#define MUSTER_EXPORT __attribute__((visibility("default")))
#else
#define MUSTER_EXPORT
#endif

#define MUSTER_PLUGIN_MAGIC 0x4d55504cU /**< "MUPL" */
#define MUSTER_ABI_MAJOR 1U
#define MUSTER_ABI_MINOR 0U

/** True when the sized structure at @p p is large enough to hold @p field. */
#define MUSTER_HAS(p, field) ((size_t)(p)->size >= (size_t)((const char *)(&(p)->field + 1) - (const char *)(p)))

/** Sixteen bytes in network order from a UUID's five groups: MUSTER_UUID(0x2e28138a, 0x847f, 0x42bc, 0x9752, 0x61b03fff33cd). */
#define MUSTER_UUID(a, b, c, d, e) { \
	(uint8_t)(((uint32_t)(a) >> 24) & 0xff), (uint8_t)(((uint32_t)(a) >> 16) & 0xff), \
	(uint8_t)(((uint32_t)(a) >> 8) & 0xff), (uint8_t)((uint32_t)(a) & 0xff), \
	(uint8_t)(((uint32_t)(b) >> 8) & 0xff), (uint8_t)((uint32_t)(b) & 0xff), \
	(uint8_t)(((uint32_t)(c) >> 8) & 0xff), (uint8_t)((uint32_t)(c) & 0xff), \
	(uint8_t)(((uint32_t)(d) >> 8) & 0xff), (uint8_t)((uint32_t)(d) & 0xff), \
	(uint8_t)(((uint64_t)(e) >> 40) & 0xff), (uint8_t)(((uint64_t)(e) >> 32) & 0xff), \
	(uint8_t)(((uint64_t)(e) >> 24) & 0xff), (uint8_t)(((uint64_t)(e) >> 16) & 0xff), \
	(uint8_t)(((uint64_t)(e) >> 8) & 0xff), (uint8_t)((uint64_t)(e) & 0xff) }

/** A constant table: @c count rows, @c stride bytes apart. {NULL, 0, 0} is an empty one. */
struct muster_table {
	const void *rows;
	uint32_t count;
	uint32_t stride;
};
/** Initialiser of a muster_table from an array. */
#define MUSTER_TABLE(a) { (a), (uint32_t)(sizeof(a) / sizeof((a)[0])), (uint32_t)sizeof((a)[0]) }
#define MUSTER_TABLE_NONE { 0, 0, 0 }

/** Seconds. */
#define MUSTER_MINUTES(n) ((uint32_t)(n) * 60U)
#define MUSTER_HOURS(n) ((uint32_t)(n) * 3600U)
#define MUSTER_DAYS(n) ((uint32_t)(n) * 86400U)

/* ---- limits of what a host takes from one plugin ---- */
#define MUSTER_NAME_MAX 63U       /**< characters of a plugin's, product's, pool's or option's name: a-z, 0-9, '-', first a letter */
#define MUSTER_TEXT_MAX 511U      /**< bytes of a title, description or sentence */
#define MUSTER_ROWS_MAX 4096U     /**< rows of one table */
#define MUSTER_OPTIONS_MAX 65536U /**< bytes of an option structure */

/* ---- licensing models: the core implements each once, a product names one (design.md section 6) ---- */
#define MUSTER_MODEL_NONE 0U      /**< not served: only for products with a `refused` sentence */
#define MUSTER_MODEL_THRESHOLD 1U /**< activated once enough distinct machines report in */
#define MUSTER_MODEL_COUNTED 2U   /**< a key with an allowance, one activation a machine (MAK, ESU) */
#define MUSTER_MODEL_EMBEDDED 3U  /**< a key inside the installation medium, granted on presentation */
#define MUSTER_MODEL_ACCESS 4U    /**< access licences per device and per user */
#define MUSTER_MODEL_SEATS 5U     /**< so many at once: short leases, heartbeat, queue */

/* ---- flags of a product ---- */
#define MUSTER_PRODUCT_RECORD 1U         /**< its leases are records, not licences (design.md section 1) */
#define MUSTER_PRODUCT_COUNT_OBSERVED 2U /**< imported machines count toward the minimum unless configuration says no */

/* ---- kinds of product key (facts.md section 5) ---- */
#define MUSTER_KEY_UNKNOWN 0U
#define MUSTER_KEY_HOST 1U     /**< activates a host */
#define MUSTER_KEY_SETUP 2U    /**< marks a client as volume client; not secret */
#define MUSTER_KEY_MAK 3U
#define MUSTER_KEY_ESU_MAK 4U
#define MUSTER_KEY_EMBEDDED 5U /**< found on the medium */
#define MUSTER_KEY_ACCESS 6U   /**< licence code of an access licence pack */

/* ---- classes of product, for the coverage of host keys (facts.md section 1, "Host key groups") ---- */
#define MUSTER_CLASS_CLIENT 1U
#define MUSTER_CLASS_SERVER 2U
#define MUSTER_CLASS_APPLICATION 4U

/** A count pool: the machines counted together. Declared twice (by two plugins) it must be declared equally. */
struct muster_pool {
	const char *name;      /**< a name as MUSTER_NAME_MAX says */
	const char *title;     /**< for people; NULL: the name */
	uint32_t window_s;     /**< a client silent for longer drops out of the count; 0: 30 days (facts.md section 1) */
	uint32_t flags;        /**< 0 */
};

/** An activation ID that clients of a product send besides the product's own. */
struct muster_edition {
	uint8_t activation_id[16]; /**< never zero */
	const char *title;         /**< for people */
	uint32_t minimum_count;    /**< 0: the product's */
	uint32_t flags;            /**< 0 */
};

/** What a product key of one kind looks like. Shape only: it sorts an inventory, it proves nothing. */
struct muster_key_rule {
	uint32_t kind;          /**< MUSTER_KEY_* */
	const char *title;      /**< for people */
	const char *alphabet;   /**< characters allowed, upper case; NULL: A–Z and 0–9 */
	uint8_t groups;         /**< groups, separated by one hyphen: 5 */
	uint8_t group_len;      /**< characters of a group: 5 */
	uint8_t secret;         /**< 1: shown whole to key readers only; 0: may be printed (setup keys) */
	uint8_t reserved;       /**< 0 */
	const char *note;       /**< NULL, or what an administrator should know about this kind */
};

/** What a host key of this product activates besides the product itself: @c family up to and including @c generation, of the classes given. */
struct muster_cover {
	const char *family;     /**< NULL: the product's own */
	uint32_t generation;    /**< this and everything older; 0: the product's own generation, so that a `like` copy covers what is older than itself */
	uint32_t class_bits;    /**< MUSTER_CLASS_*; 0: every class */
};

/** An operating system on which the vendor's own host for this product runs, for *recorded* hosts; never about musterd itself. */
struct muster_platform {
	const char *name;       /**< as the vendor names it */
	const char *update;     /**< the update it needs first; NULL: none */
	uint32_t class_bits;    /**< MUSTER_CLASS_CLIENT: a client-edition host */
	uint32_t flags;         /**< 0 */
};

/** Something that must be in place on a machine before a key of this product works. */
struct muster_requirement {
	const char *name;       /**< what */
	const char *note;       /**< NULL, or why and where to find it */
	const char *fact;       /**< NULL: for people only. Else counted products: a member of machine.facts (docs/protocol.md) that must be reported … */
	const char *value;      /**< … as this text or number; NULL: as anything but false, 0 and "" */
};

/** Where a medium holds an embedded key: an INI file, a section and a key in it (facts.md section 6). */
struct muster_medium_rule {
	const char *path;       /**< inside the medium, '/' between folders, compared without regard to case */
	const char *section;    /**< without brackets */
	const char *key;        /**< "PID" */
	const char *note;       /**< NULL, or what an administrator should know */
};

/**
 * How a medium is told to be this product's, or an edition's of it: a mark that is found on it. A product without marks is
 * told by its media rules alone; of several products whose rules fit, those with a mark that fits go before those without.
 */
struct muster_medium_mark {
	const char *path;       /**< file inside the medium whose text must contain `text`; NULL: the medium's own name (volume label, file or folder name) */
	const char *text;       /**< with `path`: contained, without regard to case; else a pattern with * and ?, the whole name, without regard to case */
	const char *edition;    /**< NULL: it marks the product; else the edition's title that it tells besides */
	uint32_t flags;         /**< 0 */
	uint32_t reserved;      /**< 0 */
};

/** A programme of the access model and the number asked for in it (facts.md section 7). */
struct muster_programme {
	const char *name;       /**< "Open Value" */
	const char *number;     /**< what the number is called: "agreement number" */
	uint32_t digits;        /**< exactly so many digits; 0: not known */
	uint32_t characters;    /**< exactly so many characters when it is a code; 0: it is a number or not known */
	const char *hint;       /**< NULL, or what people enter by mistake and what is asked for instead: a sentence */
};

/** A version of the access model's licences; a licence serves hosts of its own version and older ones (facts.md section 7). */
struct muster_access_version {
	const char *name;       /**< as requests, packs and reports name it: "2019"; a name as MUSTER_NAME_MAX says, but it may begin with a digit */
	const char *title;      /**< for people; NULL: the name */
	uint32_t generation;    /**< 1 … 65535, newer ones higher, unique among the product's. A version keeps its own for ever: what is held is stored by it */
	uint32_t flags;         /**< 0 */
};

/* ---- whom an access licence is for ---- */
#define MUSTER_PER_DEVICE 1U
#define MUSTER_PER_USER 2U

/** Numbers of the access model; times in seconds (facts.md section 7). */
struct muster_access_rules {
	uint32_t size;                     /**< sizeof(struct muster_access_rules) */
	uint32_t temporary_s;              /**< per device, at the first sign-in */
	uint32_t permanent_min_s;          /**< per device, then: a random time from this … */
	uint32_t permanent_max_s;          /**< … to this */
	uint32_t renew_left_s;             /**< renewed when no more than this is left */
	uint32_t user_s;                   /**< per user: shown, extended at sign-in */
	uint32_t user_reassign_s;          /**< per user: before it may be given to another */
	uint32_t grace_s;                  /**< without any licence server */
	uint32_t revoke_percent;           /**< of the device licences of one version */
	uint32_t per;                      /**< MUSTER_PER_*, added up; 0: both */
	struct muster_table programmes;    /**< struct muster_programme; empty: activated like any product, with a host key or a certificate */
	struct muster_table versions;      /**< struct muster_access_version; at least one */
};

/** Numbers of the seats model; times in seconds. */
struct muster_seats_rules {
	uint32_t size;                     /**< sizeof(struct muster_seats_rules) */
	uint32_t seats;                    /**< at once, where no licence pack names a number; 0: none without a pack */
	uint32_t lease_s;                  /**< life of a seat's lease: 60 s … 30 d; 0: 1 h */
	uint32_t heartbeat_s;              /**< asked again after this: 20 s … half of lease_s; 0: a quarter of lease_s */
	uint32_t grace_s;                  /**< after the lease's end the seat is kept for its holder: 0 … 30 d */
	uint32_t queue_max;                /**< who may wait for a seat; 0: nobody waits */
};

/** One product: a line on the host. */
struct muster_product {
	const char *name;                  /**< unique on a host; as MUSTER_NAME_MAX says */
	const char *title;                 /**< what a listing prints as Name */
	const char *description;           /**< what a listing prints as Description; holds the channel. NULL: the title */
	uint8_t activation_id[16];         /**< unique on a host. All zero: listed, never served; then `refused` says why */
	uint8_t application_id[16];        /**< what a listing prints as Application ID */
	uint32_t model;                    /**< MUSTER_MODEL_* */
	uint32_t flags;                    /**< MUSTER_PRODUCT_* */
	const char *pool;                  /**< count pool; NULL: the application ID's. Threshold model only */
	uint32_t minimum_count;            /**< threshold model: >= 1; else 0 */
	uint32_t validity_s;               /**< life of a lease; 0: 180 days (facts.md section 1) */
	uint32_t renewal_s;                /**< handed to clients; 0: the host's, 7 days */
	uint32_t retry_s;                  /**< handed to clients; 0: the host's, 2 hours */
	uint32_t rearm_max;                /**< times a client may take a new identity; 0: no limit named */
	uint32_t generation;               /**< place within the family, newer ones higher; 0: none */
	const char *family;                /**< for the coverage of host keys; NULL: none */
	uint32_t class_bits;               /**< MUSTER_CLASS_* of this product */
	uint8_t installation_groups, installation_group_len;   /**< vendor's Installation ID: 9 × 6 digits; 0: not known */
	uint8_t confirmation_groups, confirmation_group_len;   /**< vendor's Confirmation ID: 8 × 6; 0: not known */
	int64_t coverage_start;            /**< seconds since 1970 UTC; unusable before; 0: not limited or not known */
	int64_t coverage_end;              /**< likewise, unusable from then on */
	struct muster_table editions;      /**< struct muster_edition */
	struct muster_table keys;          /**< struct muster_key_rule */
	struct muster_table covers;        /**< struct muster_cover */
	struct muster_table platforms;     /**< struct muster_platform */
	struct muster_table requirements;  /**< struct muster_requirement */
	struct muster_table media;         /**< struct muster_medium_rule; embedded model only */
	const struct muster_access_rules *access; /**< access model only, else NULL */
	const char *refused;               /**< NULL, or one sentence: why this product is listed and never served */
	uint64_t tag;                      /**< the plugin's own; kept by copies that a product file makes with `like` */
	const struct muster_seats_rules *seats;   /**< seats model only, else NULL */
	struct muster_table marks;         /**< struct muster_medium_mark; embedded model only */
};

/* ---- options: keys of the plugin's [plugin NAME] section ---- */
#define MUSTER_OPTION_FLAG 1U   /**< yes | no; member uint32_t, 1 or 0 */
#define MUSTER_OPTION_NUMBER 2U /**< member uint64_t */
#define MUSTER_OPTION_TIME 3U   /**< "30s", "2h", "7d"; member uint64_t, seconds */
#define MUSTER_OPTION_SIZE 4U   /**< "10MiB"; member uint64_t, bytes */
#define MUSTER_OPTION_TEXT 5U   /**< member const char *, never NULL, valid until stop(); min and max are its length in bytes */

/** One option. The host checks type and bounds and fills the member at @c offset of the plugin's option structure. */
struct muster_option {
	const char *name;       /**< key in the section; not path, required, enabled or sha256 */
	uint32_t type;          /**< MUSTER_OPTION_* */
	uint32_t offset;        /**< offsetof(struct of the plugin, member), aligned for the member */
	uint64_t min, max;      /**< smallest and largest; both 0: any */
	const char *initial;    /**< default, written as in the file; NULL: 0, no or "" */
	const char *unit;       /**< for people; NULL: none */
	const char *doc;        /**< one sentence */
};

/** Another plugin that must be loaded too. */
struct muster_need {
	const char *plugin;     /**< its name */
	const char *why;        /**< what is missing without it */
};

/** Functions of the host, valid from start() until stop() has returned. All are thread-safe. */
struct muster_host {
	uint32_t size;
	uint16_t abi_major, abi_minor;     /**< of the host */
	/**
	 * Write one line to the host's log.
	 * @param host    as given to start().
	 * @param level   syslog level: 3 error, 4 warning, 5 notice, 6 information, 7 debug.
	 * @param message UTF-8, one line, at most MUSTER_TEXT_MAX bytes; longer ones are cut. Never a key or another secret.
	 */
	void (*log)(const struct muster_host *host, int32_t level, const char *message);
};

/** A request as the plugin's request_check sees it: already well-formed, not yet counted. */
struct muster_request {
	uint32_t size;
	uint32_t is_virtual;               /**< 1: the machine says that it is a virtual one */
	uint8_t activation_id[16];         /**< as sent: the product's or an edition's */
	uint8_t client_id[16];
	uint8_t hardware_id[32];           /**< all zero: not sent */
	uint32_t status;                   /**< licence status 0 … 6 (facts.md section 4) */
	uint32_t minutes;                  /**< minutes left in this status */
	int64_t time_ms;                   /**< the client's clock, milliseconds since 1970 UTC */
	uint32_t key_kind;                 /**< MUSTER_KEY_*; MUSTER_KEY_UNKNOWN: no key was presented */
	uint32_t key_number;               /**< number of the key presented (trust.md section 4); 0: none */
	const char *os;                    /**< as sent; "" when not */
	const char *name;                  /**< machine name as sent; "" when not */
	const char *user;                  /**< access model, per user: as sent; "" when not */
	const char *version;               /**< access model: the version asked for; "" when not */
	uint32_t per;                      /**< access model: MUSTER_PER_*; 0: another model */
	uint32_t reserved;                 /**< 0 */
};

/** What request_check answers; zeroed, with size set, before the call. It may refuse, never grant. */
struct muster_verdict {
	uint32_t size;
	uint32_t refuse;                   /**< 1: refuse */
	uint32_t code;                     /**< published code (facts.md section 4); 0: M-125, refused by the plugin */
	uint32_t reserved;
	char sentence[512];                /**< why and what to do next; needed when refusing */
};

/** What key_classify answers; zeroed, with size set, before the call. */
struct muster_key_info {
	uint32_t size;
	uint32_t kind;                     /**< MUSTER_KEY_*; MUSTER_KEY_UNKNOWN: not one of this product's */
	char title[64];                    /**< what kind of key, for people */
	char partial[8];                   /**< the last five characters */
};

/** A file of the medium, read by the host: medium_inspect itself does no I/O. */
struct muster_medium_file {
	const char *path;                  /**< inside the medium, '/' between folders, as spelled there */
	struct muster_span bytes;          /**< its contents; the host reads at most 1 MiB */
};

/** An installation medium: the files that the media rules and marks of the plugin's products name and that exist. */
struct muster_medium {
	uint32_t size;
	uint32_t reserved;
	struct muster_table files;         /**< struct muster_medium_file */
};

/** One thing found on a medium. Holds a secret: the host wipes its copy. */
struct muster_found {
	uint32_t size;
	uint32_t kind;                     /**< MUSTER_KEY_*; MUSTER_KEY_UNKNOWN: the file is there, and a key is not */
	const char *product;               /**< name of the product, or NULL when more than one fits */
	const char *path;                  /**< file it was found in */
	const char *section;               /**< section it was found in */
	const char *encoding;              /**< "ASCII", "UTF-8", "UTF-16LE" */
	struct muster_span key;            /**< the whole key, upper case with hyphens; empty when there is none */
	const char *note;                  /**< NULL, or a sentence for the administrator */
};
/** Called by medium_inspect for each find; everything in @p found is valid during the call only. @return MUSTER_OK to go on, else stop and return that. */
typedef int muster_found_fn(void *arg, const struct muster_found *found);

/**
 * The plugin: the one object it exports.
 *
 * Functions may all be NULL. Those that are given are pure apart from `self`: reentrant, called from several threads
 * at once, no I/O, no waiting. One that returns MUSTER_E_INTERNAL or takes more than 50 ms three times in a minute
 * is switched off, with an event.
 */
struct muster_plugin {
	uint32_t magic;                    /**< MUSTER_PLUGIN_MAGIC */
	uint32_t size;                     /**< sizeof(struct muster_plugin) */
	uint16_t abi_major, abi_minor;     /**< MUSTER_ABI_MAJOR, MUSTER_ABI_MINOR the plugin was compiled with */
	uint32_t options_size;             /**< sizeof the option structure; 0: no options */
	const char *name;                  /**< the file is NAME.so, the section [plugin NAME] */
	const char *version;               /**< for people */
	const char *license;               /**< SPDX expression of the plugin's own licence */
	struct muster_table pools;         /**< struct muster_pool */
	struct muster_table products;      /**< struct muster_product */
	struct muster_table options;       /**< struct muster_option */
	struct muster_table needs;         /**< struct muster_need */
	/**
	 * Begin: called once for each time a configuration is taken into use, on the main thread.
	 * @param host    functions of the host; borrowed until stop().
	 * @param options the filled option structure (options_size bytes), NULL when there is none; borrowed until stop().
	 * @param[out] self handed to every other function; may stay NULL.
	 * @return MUSTER_OK; anything else: the plugin is refused with the message in @p err.
	 */
	int (*start)(const struct muster_host *host, const void *options, void **self, struct muster_err *err);
	/** End: no other function is running or will be called with this @p self. Any thread. */
	void (*stop)(void *self);
	/**
	 * Say of what kind a product key is. Called when no key rule of the product, or more than one, fits its shape.
	 * @param product the merged row (of this plugin, or a `like` copy). @param key upper case, with hyphens; a secret.
	 * @return MUSTER_OK, with out->kind MUSTER_KEY_UNKNOWN when it is not one of this product's; MUSTER_E_INTERNAL.
	 */
	int (*key_classify)(void *self, const struct muster_product *product, struct muster_span key, struct muster_key_info *out, struct muster_err *err);
	/**
	 * May this request be served, as far as this plugin is concerned? Called after the core's own static rules.
	 * @return MUSTER_OK with the verdict in @p out; MUSTER_E_INTERNAL.
	 */
	int (*request_check)(void *self, const struct muster_product *product, const struct muster_request *request, struct muster_verdict *out, struct muster_err *err);
	/**
	 * Find keys in the files of a medium, where they are not in INI files as the media rules say: those the host reads by itself.
	 * @return MUSTER_OK (also when nothing was found); MUSTER_E_INVALID for a file that cannot be read as what it should be; what @p found returned.
	 */
	int (*medium_inspect)(void *self, const struct muster_medium *medium, muster_found_fn *found, void *arg, struct muster_err *err);
};

/**
 * Declare and begin the definition of the exported object:
 * @code
 * MUSTER_PLUGIN(sample) = { MUSTER_PLUGIN_MAGIC, sizeof(struct muster_plugin), … };
 * @endcode
 * @p id is the plugin's name with every character but letters and digits replaced by '_' (as libltdl does).
 */
#define MUSTER_PLUGIN(id) \
	MUSTER_EXTERN MUSTER_EXPORT const struct muster_plugin id##_LTX_muster_plugin; \
	const struct muster_plugin id##_LTX_muster_plugin

#ifdef __cplusplus
}
#endif
#endif
