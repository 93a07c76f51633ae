/** Requests for more: what each kind asks for, who may make it, what speaks against it, and the text that is sent. Pure. Source: facts.md section 5. */
#ifndef CLI_REQUEST_RULES_H
#define CLI_REQUEST_RULES_H

#include <jansson.h>
#include <stdbool.h>
#include "core/base/buf.h"

struct request_field {
	const char *field;         /**< of kind request (core/estate/kinds.h) */
	const char *question;
	bool mak_only;
};
struct request_kind {
	const char *about, *title, *what;   /**< "mak-limit", "More activations of a MAK", "how many more activations" */
	bool mak;
};

/** NULL: there is no such kind. */
const struct request_kind *request_kind_find(const char *about);
/** "host-activations, mak-limit or kms-exception". */
const char *request_kind_names(void);
/** The fields in the order in which they are asked for. */
const struct request_field *request_fields(size_t *n);
/** Does this kind ask for this field? */
bool request_wants(const struct request_kind *k, const struct request_field *f);
/** Who may make it. */
const char *request_who(void);

/** Does what is known so far go together? @return as request_check(), for what no further field can mend: the programme, the kind of the key, the key's last five, how many. */
int request_fits(const struct request_kind *k, const json_t *entry, const json_t *agreement, const json_t *key, struct muster_err *err);
/**
 * Look at a request.
 *
 * @param entry     Fields of kind request.
 * @param agreement The agreement it refers to, or NULL: not in the books.
 * @param key       The key it is about, or NULL.
 * @param[out] notes What the one who asks should know, sentences. New reference.
 * @return MUSTER_OK; MUSTER_E_REFUSED: nobody would grant it, the sentence says why; MUSTER_E_INVALID: a field is missing or wrong, the sentence names it.
 */
int request_check(const struct request_kind *k, const json_t *entry, const json_t *agreement, const json_t *key, json_t **notes, struct muster_err *err);
/** The text to send. @param organisation its name, or NULL. */
void request_text(const struct request_kind *k, const json_t *entry, const json_t *agreement, const char *organisation, struct buf *out);
/** Fill in what agreement and key say and the entry does not. */
int request_fill(const struct request_kind *k, json_t *entry, const json_t *agreement, const json_t *key);

#endif
