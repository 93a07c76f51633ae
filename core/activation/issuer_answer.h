/** What an issuer answers, taken apart: its service's answers and the answer file of a batch. Nothing here needs a host; every byte is from outside. */
#ifndef ACTIVATION_ISSUER_ANSWER_H
#define ACTIVATION_ISSUER_ANSWER_H

#include <jansson.h>
#include <stdbool.h>
#include "core/trust/certs.h"
#include "core/trust/digits.h"

#define ISSUER_SENTENCE 400   /**< room for a refusal's sentence */

/** One JSON object. MUSTER_E_INVALID; MUSTER_E_NOMEM. New reference. */
int issuer_answer_read(json_t **out, struct muster_span text, struct muster_err *err);
/** A problem document: its code, never CODE_OK, and a sentence without control characters. @return false: it is none. */
bool issuer_answer_problem(uint32_t *code, char *text, size_t room, struct muster_span body);
/** The chain of a host's certificate; @p pem lives as long as @p answer. MUSTER_E_NETWORK: there is none that can be read. */
int issuer_answer_chain(struct trust_chain **out, const char **pem, const json_t *answer, struct muster_err *err);
/** The ID of the batch an answer is to. @return false: it is no answer to a batch. */
bool issuer_answer_batch(uint8_t id[16], const json_t *answer);

/** One machine of a batch. */
struct issuer_result {
	struct installation_id id; char digits[INSTALLATION_TEXT];   /**< digits alone */
	const char *statement;         /**< lives as long as the answer; NULL: refused */
	uint32_t code; char detail[256];   /**< of a refusal; never CODE_OK */
};
bool issuer_answer_result(struct issuer_result *out, const json_t *result);

/** What the issuer says of a counted key. */
struct issuer_tally { uint32_t number; int64_t allowed, used, remaining; };
bool issuer_answer_tally(struct issuer_tally *out, const json_t *key);

/** The digits of an Installation ID as somebody has grouped it. */
void installation_digits(char *out, size_t room, const char *text);

#endif
