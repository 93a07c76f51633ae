/** Entries of the estate's books on the command line: paths, filters, --set, what is printed. One implementation for every kind (core/estate/kinds.h). */
#ifndef CLI_ESTATE_H
#define CLI_ESTATE_H

#include "core/base/buf.h"
#include "core/cli/api.h"
#include "core/estate/kinds.h"

#define ESTATE_TEXT_MAX (ESTATE_ENTRY_MAX)
#define ESTATE_PATH_MAX 16384   /* bytes of a path with its query */

/** "name=value" behind what stands there, percent-encoded. @param path begins with '/'; gets '?' or '&'. */
void estate_query(struct buf *path, const char *name, const char *value);
/** Path of a kind's list, with the filters given on the command line. @return CLI_OK, or CLI_USAGE after saying why: a filter that the kind has no field for. */
int estate_list_path(struct cli *c, const struct estate_kind *k, struct buf *path);
/** Path of an entry, by its ID, name or one of its numbers. CLI_USAGE: it is empty or too long. */
int estate_entry_path(struct cli *c, const struct estate_kind *k, const char *id, struct buf *path);
/** One entry; what goes wrong is said. @return enum cli_exit. */
int estate_show(struct cli *c, const struct estate_kind *k, const char *id, json_t **out);
/** Add or change. @param id NULL: the host makes one. @param entry borrowed. What goes wrong is said. */
int estate_write(struct cli *c, const struct estate_kind *k, const char *id, bool add, const json_t *entry, json_t **out);
/** The values of --set as an entry; an empty one is null, which removes. @return enum cli_exit; *out is a new reference, also when nothing was given. */
int estate_set(struct cli *c, const struct estate_kind *k, json_t **out);
/** What `add` without a field is told: which there are. @return CLI_USAGE. */
int estate_say_fields(struct cli *c, const struct estate_kind *k);
/** One "FIELD=VALUE" into @p entry. */
int estate_set_one(struct cli *c, const struct estate_kind *k, json_t *entry, const char *field, const char *value);

/** A field as people read it: lists with ", ", a count of -1 as "unknown". Never a key, except a setup key. @return out. */
const char *estate_value(const struct estate_kind *k, const json_t *entry, const struct estate_field *f, char *out, size_t n);
/** Why an entry cannot be used, or where it is in use; "" neither. @return out. */
const char *estate_remark(const json_t *item, char *out, size_t n);
/** Every field that is known, one a line. */
void estate_print(struct cli *c, const struct estate_kind *k, const json_t *entry);
/** A table of entries below a heading, nothing when there are none. */
int estate_print_table(struct cli *c, const char *heading, const struct estate_kind *k, const json_t *items);
/** `list`: a paged list of a kind. */
int estate_print_list(struct cli *c, const struct estate_kind *k);

#endif
