/** The command line of muster-issuer: one table of options, one of commands (command_table.c). */
#ifndef ISSUER_OPTIONS_H
#define ISSUER_OPTIONS_H

#include <stdbool.h>
#include <muster/types.h>
#include "core/issuer/issuer.h"

#define OPTION_ARGUMENTS 4

/** Options; their rows are in options.c, in this order. */
enum option_id {
	OPT_DIR, OPT_JSON, OPT_HELP, OPT_VERSION, OPT_NAME, OPT_ALGORITHM, OPT_PASSPHRASE_FD, OPT_NO_PASSPHRASE, OPT_PRODUCTS, OPT_SUBJECT, OPT_DAYS, OPT_OUT,
	OPT_ROOT_KEY, OPT_ACTIVATION_ID, OPT_TITLE, OPT_COVERAGE_START, OPT_COVERAGE_END, OPT_REPLACE, OPT_ORGANISATION, OPT_PROGRAMME, OPT_LICENSE_ID,
	OPT_AGREEMENT, OPT_KIND, OPT_HOSTS, OPT_ACTIVATIONS, OPT_HOST_BINDING, OPT_REASON, OPT_TELEPHONE, OPT_HOURS, OPT_WEB, OPT_EMAIL, OPT_WHOLE, OPT_FORMAT,
	OPT_WITH_KEYS, OPT_EXPECT, OPT_NEW_PASSPHRASE_FD,
	OPT_OVERRIDE, OPT_BATCH, OPT_REQUEST, OPT_TEXT, OPT_LISTEN, OPT_LOG_LOST,
	OPT_ACCOUNT, OPT_RETAIL, OPT_PER, OPT_LICENSE_VERSION, OPT_LICENSES, OPT_SERVER, OPT_NUMBER, OPT_COUNT
};
#define OPTION_BIT(id) (UINT64_C(1) << (id))

/** What was given, read and checked. Strings borrowed from the command line. */
struct options {
	const char *text[OPT_COUNT];          /**< as typed; NULL: not given */
	int64_t number[OPT_COUNT];            /**< numbers; dates as seconds since 1970 UTC; choices from 0 */
	uint64_t given;                       /**< OPTION_BIT() of each */
	const char *argument[OPTION_ARGUMENTS]; int arguments;
	const struct clock *clock;
};
static inline bool option_given(const struct options *o, enum option_id id) { return (o->given & OPTION_BIT(id)) != 0; }
static inline bool option_json(const struct options *o) { return option_given(o, OPT_JSON); }
/** Of a number or date: the given one or @p otherwise. */
static inline int64_t option_number(const struct options *o, enum option_id id, int64_t otherwise) { return option_given(o, id) ? o->number[id] : otherwise; }
/** Seconds since 1970 UTC. */
int64_t option_now(const struct options *o);

/** One thing that muster-issuer can do. */
struct command {
	const char *name;                     /**< one word or two: "key mint" */
	const char *usage, *summary;
	uint64_t options, required;           /**< beyond --dir, --json, --help */
	int arguments_min, arguments_max;
	int (*run)(const struct options *o);  /**< enum issuer_exit, after writing to stdout and, for what went wrong, to stderr */
	const char *help;                     /**< lines; ends with "Examples:" and at least one */
};
/** Ended by a row without a name. */
extern const struct command command_table[];

/** Read options; what remains is moved behind them: *first is the first word. @return ISSUER_OK, ISSUER_USAGE after saying why. */
int options_parse(struct options *o, int *first, int argc, char **argv);
/** Options and arguments must be the command's. */
int options_check(const struct options *o, const struct command *c);
/** Say what is wrong with the command line. @return ISSUER_USAGE. */
int options_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
