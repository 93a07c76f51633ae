/** musterctl: what every verb gets, and the table of verbs. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <muster/types.h>

/** Exit codes, documented in musterctl(1). */
enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,     /**< the host said no, or something went wrong; the message says what */
	CLI_USAGE = 2,
	CLI_NO_HOST = 3,    /**< no answer on the admin socket */
	CLI_DENIED = 4,     /**< the role is too small */
	CLI_LEFT = 5        /**< a dialogue was left before its end; nothing is half-done */
};

enum cli_role { CLI_ANYONE, CLI_VIEWER, CLI_KEY_READER, CLI_ADMINISTRATOR };

#define CLI_MANY_END '\x1e'   /* the record separator: values may have several lines */
#define CLI_ARGS_MAX 1024   /* `import *.txt` */

/** Options that verbs understand; each verb names its own in cli_verb.options. */
enum cli_option {
	CLI_O_JSON, CLI_O_SOCKET, CLI_O_HELP, CLI_O_VERSION, CLI_O_VERBOSE, CLI_O_UNKNOWN, CLI_O_AS, CLI_O_TITLE, CLI_O_PRODUCT,
	CLI_O_AFTER, CLI_O_LIMIT, CLI_O_ALL, CLI_O_FOLLOW, CLI_O_TAIL, CLI_O_OUT, CLI_O_YES,
	CLI_O_NEW, CLI_O_QR, CLI_O_FILE, CLI_O_KEY_FD, CLI_O_WHOLE, CLI_O_EXPECT, CLI_O_DIR, CLI_O_CONFIG,
	CLI_O_REASON, CLI_O_PER, CLI_O_OF, CLI_O_LICENSES, CLI_O_NOTE,
	CLI_O_PROGRAMME, CLI_O_NUMBER, CLI_O_ONLINE, CLI_O_PHONE, CLI_O_STORE,
	CLI_O_KIND, CLI_O_DRY_RUN, CLI_O_WATCH, CLI_O_ONCE, CLI_O_MAP, CLI_O_HOST, CLI_O_AT, CLI_O_CODE_PAGE, CLI_O_UTC_OFFSET, CLI_O_TIME_ZONE,
	CLI_O_SET, CLI_O_TEXT, CLI_O_CATEGORY, CLI_O_AGREEMENT, CLI_O_LICENSE_ID, CLI_O_ORGANISATION, CLI_O_FORMAT, CLI_O_ANONYMISE, CLI_O_OBSERVED,
	CLI_O_MACHINES, CLI_O_ISOLATED, CLI_O_WITH_KEYS, CLI_O_PASSPHRASE_FD, CLI_O_RETIRE, CLI_O_DAYS, CLI_O_COUNT
};

struct cli {
	FILE *out, *errors;
	const char *socket;
	const char *verb;
	const char *args[CLI_ARGS_MAX];
	size_t arg_count;
	bool given[CLI_O_COUNT];
	const char *value[CLI_O_COUNT];   /**< of an option that may be repeated: its values, each ended by CLI_MANY_END */
	char *many[CLI_O_COUNT];          /**< the memory of those; the program's */
	json_t *problem;              /**< the host's last refusal, for those who look closer; the program's */
};

struct cli_verb {
	const char *name, *usage, *summary;
	enum cli_role role;
	uint64_t options;             /**< bits 1 << CLI_O_*; --json, --socket, --help are understood everywhere */
	size_t args_min, args_max;
	int (*run)(struct cli *);     /**< @return enum cli_exit */
	const char *examples;         /**< lines without indentation, separated by \n */
};

/** The verbs in the order of `musterctl --help`. */
const struct cli_verb *cli_verbs(size_t *n);
const char *cli_role_name(enum cli_role role);

/** The program. @return its exit code. */
int cli_main(int argc, char **argv);

/** Say "musterctl: …" on the error stream. @return @p code. */
int cli_say(struct cli *c, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/** The error's message, and the exit code that belongs to it. */
int cli_fail(struct cli *c, const struct muster_err *err);
/** `--limit` and the like as a number in @p min … @p max. @return CLI_OK or CLI_USAGE after saying why. */
int cli_number(struct cli *c, enum cli_option o, unsigned long min, unsigned long max, unsigned long *value);
/** Print a JSON value on one go, indented, keys in the host's order. */
int cli_print_json(struct cli *c, const json_t *value);
/** Ask on the terminal unless --yes. @return true to go on. */
bool cli_confirm(struct cli *c, const char *question);

#endif
