/**
 * Licence server ID: 35 digits that an administrator reads out beside programme and number (docs/protocol.md section 9).
 *
 * binding(80) ‖ attempt(8) ‖ tag(5) as 28 decimal digits, seven groups of four and their check. It is the Installation ID of a licence server cut to what the
 * issuer cannot know by itself: the key follows from programme and number, the generation from the books. The answer is a Confirmation ID as ever.
 */
#ifndef TRUST_SERVER_ID_H
#define TRUST_SERVER_ID_H

#include "core/trust/digits.h"

#define SERVER_ID_GROUP 5                 /**< four digits and their check */
#define SERVER_ID_GROUPS 7
#define SERVER_ID_TEXT (SERVER_ID_GROUPS * (SERVER_ID_GROUP + 1))   /**< groups, one separator between two, the terminating zero */

struct server_id { uint8_t binding[BINDING_SIZE]; uint8_t attempt, tag; };

/** One group (1 …) of five digits on its own. */
bool server_id_group_right(unsigned group, const char five[SERVER_ID_GROUP]);
/** @p prk of the access key the licence server is activated with. */
int server_id_make(struct server_id *out, const uint8_t prk[PRODUCT_KEY_PRK], uint8_t generation, uint8_t attempt, const uint8_t binding[BINDING_SIZE], struct muster_err *err);
/** Does the tag fit this key and generation? One wrong in 32 does, too: it is there to find the key, not to prove it. */
bool server_id_fits(const struct server_id *id, const uint8_t prk[PRODUCT_KEY_PRK], uint8_t generation);
void server_id_format(char out[SERVER_ID_TEXT], const struct server_id *id, char separator);
/** Checks digits, groups, range, as installation_id_parse(). @p fault may be NULL. MUSTER_E_INVALID, err->code 0xC004F02C. */
int server_id_parse(struct server_id *out, const char *text, size_t n, struct digits_fault *fault, struct muster_err *err);

#endif
