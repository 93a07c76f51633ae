/** What single verbs and the dialogues share: the same calls and the same words, so that both give the same result. */
#ifndef CLI_ACTS_H
#define CLI_ACTS_H

#include "core/base/buf.h"
#include "core/cli/api.h"

/** An argument as a lower-case activation ID. @return CLI_OK, or CLI_USAGE after saying why. */
int act_id(struct cli *c, const char *text, char out[40]);
/** A refusal; one that does not know the activation ID in the words administrators know. @param id may be NULL. @return the exit code. */
int act_refused(struct cli *c, const char *id, const struct muster_err *err);
/** The number of "group 4" in the host's last refusal; 0: it names none. */
unsigned act_refused_group(const struct cli *c);
/** Has the host's last refusal this code ("0xC004F02C")? */
bool act_refused_with(const struct cli *c, const char *code);

/** Install the pack of @p path. @param[out] answer the host's; NULL on failure, which is said. @return enum cli_exit. */
int act_pack_install(struct cli *c, const char *path, json_t **answer);
/** @param key as typed; a wrong one is named here already. Asks before one is replaced. */
int act_key_install(struct cli *c, const char *key, json_t **answer);
/** The Installation ID of a product. @param id "" : the one key that can be meant; where several can, M-136 is the host's refusal. Not said on failure. */
int ask_installation_id(struct cli *c, const char *id, bool fresh, json_t **answer, struct muster_err *err);
/** The same, and a failure is said. */
int act_installation_id(struct cli *c, const char *id, bool fresh, json_t **answer);
/** Deposit a Confirmation ID. Not said on failure: @p err has it. @return MUSTER_OK or an error. */
int act_confirmation_id(struct cli *c, const char *id, const char *digits, json_t **answer, struct muster_err *err);
/** A key from --key-fd or --file, else asked for without showing it; @p verb says who asks again. A secret. @return enum cli_exit. */
int key_read(struct cli *c, const char *verb, struct buf *key);
/** A key stood on the command line; @p instead does without. */
void key_warn(struct cli *c, const char *instead);
/** Install the issuer's answer to a request: PEM, text or picture. */
int act_answer_install(struct cli *c, const char *path, json_t **answer);
int act_online(struct cli *c, const char *id, json_t **answer);

/* What is printed of the answers; with --json the answer itself. Each returns enum cli_exit. */
int print_pack_installed(struct cli *c, const json_t *answer);
int print_key_installed(struct cli *c, const json_t *answer);
int print_confirmed(struct cli *c, const char *id, const json_t *answer);
int print_activated(struct cli *c, const json_t *answer);
/** Whom to call, by region, with hours and other ways. */
void print_contacts(struct buf *out, const json_t *contacts);
/** Strings of an array, one a line: "Warning: …". */
void print_each(struct cli *c, const json_t *array, const char *before);

/** The telephone dialogue over an Installation ID that was shown. @param counted digits of a machine's Installation ID, or NULL: this host's own.
 * @return CLI_OK when the answer is deposited, CLI_LEFT, or what went wrong. */
int phone_talk(struct cli *c, const json_t *installation, const char *counted, bool read_out);
/** What is read out: the groups of the Installation ID, or those of a licence server ID. */
const json_t *spoken_groups(const json_t *installation);
/** What is said before it: the product, its key, whom to call. */
void phone_introduce(struct cli *c, const json_t *installation);
/** Ask which of the keys that wait for activation is meant. @param[out] id of its product. @return CLI_OK, CLI_LEFT, … */
int choose_key(struct cli *c, char id[40]);

#endif
