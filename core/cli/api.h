/** Calls of the admin API (docs/admin-api.md) over the Unix socket. */
#ifndef CLI_API_H
#define CLI_API_H

#include "core/cli/cli.h"

/** GET PATH. @param[out] out new reference, NULL on failure. MUSTER_E_NETWORK, MUSTER_E_DENIED, MUSTER_E_REFUSED, MUSTER_E_NOT_FOUND with the host's own words;
 * c->problem then has them member by member. */
int api_get(struct cli *c, const char *path, json_t **out, struct muster_err *err);
/** POST @p body (may be NULL; borrowed); its text is wiped afterwards. */
int api_post(struct cli *c, const char *path, const json_t *body, json_t **out, struct muster_err *err);
/** The same of a body that is JSON text already; the caller's to wipe. */
int api_post_text(struct cli *c, const char *path, const char *body, json_t **out, struct muster_err *err);
/** GET a stream of newline-delimited JSON; the callback gets each document (borrowed) and returns non-zero to stop. */
int api_follow(struct cli *c, const char *path, int (*fn)(void *ctx, const json_t *document), void *ctx, struct muster_err *err);
/** Walk a paged list: every item, at most @p limit (0: all). @param first query of the first page only ("tail=20", "after=…"), or NULL.
 * @param[out] more set when the list goes on. */
int api_list(struct cli *c, const char *path, const char *first, unsigned long limit, int (*fn)(void *ctx, const json_t *item), void *ctx, char **next, struct muster_err *err);

/** Text member, "" when absent or null. */
const char *json_text(const json_t *object, const char *name);
json_int_t json_number(const json_t *object, const char *name);
bool json_flag(const json_t *object, const char *name);
/** RFC 3339 member as local `M/D/YYYY h:mm:ss AM`; "" when absent. @return out. */
const char *json_date(const json_t *object, const char *name, char out[32]);

#endif
