/**
 * Who is meant: a list of claims as `allow` of a product and `for` of a reservation hold it, separated by commas:
 * `client:UUID`, `name:PATTERN` with * (any number of characters) and ? (one), or a network as ADDRESS/BITS.
 */
#ifndef CONFIG_CLAIMS_H
#define CONFIG_CLAIMS_H

#include <muster/types.h>

#define CONFIG_PATTERN_MAX 255   /**< bytes: no machine's name is longer */

enum config_claim_kind { CONFIG_CLAIM_CLIENT, CONFIG_CLAIM_NAME, CONFIG_CLAIM_NETWORK };
struct config_claim {
	enum config_claim_kind kind;
	uint8_t client[16];
	char pattern[CONFIG_PATTERN_MAX + 1];
	uint8_t network[16], network_len /* 4 or 16 */, prefix;
};

/**
 * The next item of a list. An empty list has none.
 * @param[in,out] at begins at the list's text; afterwards behind the item.
 * @return MUSTER_OK; MUSTER_E_NOT_FOUND at the end; MUSTER_E_INVALID with what is wrong and what to write.
 */
int config_claim_next(struct config_claim *out, const char **at, struct muster_err *err);
/** @return MUSTER_OK, or the first item's fault. */
int config_check_claims(const char *text, struct muster_err *err);

#endif
