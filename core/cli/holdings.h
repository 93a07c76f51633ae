/** What the verbs access, seats and debt share. */
#ifndef CLI_HOLDINGS_H
#define CLI_HOLDINGS_H

#include "core/cli/api.h"
#include "core/cli/table.h"

#define HOLDINGS_NAME 64

/**
 * The product meant: --product, else the only one of this model.
 * @return CLI_OK; CLI_USAGE or CLI_FAILED after saying why (none, or several: named).
 */
int holdings_product(struct cli *c, const char *model, char out[HOLDINGS_NAME]);
/** The same, for acts: a --product of another model is refused here, lest a seat's verb takes back a licence. */
int holdings_product_of(struct cli *c, const char *model, char out[HOLDINGS_NAME]);
/** --reason, which must be given. @return NULL after saying what it is for. */
const char *holdings_reason(struct cli *c);
/** The report of one product, or of all (@p product ""). @param[out] out new reference. @return enum cli_exit. */
int holdings_ask(struct cli *c, const char *product, json_t **out);
/** Who holds something of a product, as a table of this kind of columns, with --limit, --all and --after. */
int holdings_holders(struct cli *c, const char *product, bool seats);
/** POST; with --json the answer, else its message. @return enum cli_exit. */
int holdings_act(struct cli *c, const char *path, json_t *body);
/** "licences" entered by hand: `add` and `remove` of both verbs. @p per "seat", or NULL: --per. */
int holdings_enter(struct cli *c, const char *model, const char *per);
int holdings_enter_remove(struct cli *c);
/** A whole number member as text. */
const char *holdings_number(char out[24], const json_t *o, const char *name);

#endif
