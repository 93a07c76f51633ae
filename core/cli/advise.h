/** Which way of activation fits a number of machines: host key, MAK, or both. Pure rules over the product's own numbers (facts.md sections 1 and 5). */
#ifndef CLI_ADVISE_H
#define CLI_ADVISE_H

#include <jansson.h>
#include <stdbool.h>
#include <muster/types.h>

enum advise_verdict { ADVISE_HOST_KEY, ADVISE_MAK, ADVISE_BOTH, ADVISE_NO_KEY /**< the product needs neither */ };

struct advise_case {
	const json_t *product;          /**< an item of GET /admin/v1/products: title, model, minimum_count, window, validity, pool */
	const char *const *pool_mates; size_t mate_count;   /**< titles of other products whose machines feed the same count */
	unsigned long machines;         /**< at least 1 */
	unsigned long isolated;         /**< of these, how many reach no host; at most machines */
	const char *programme;          /**< of the agreement; NULL unknown */
};

/**
 * @param[out] out {"product","title","verdict":"host key"|"MAK"|"both"|"none","machines","isolated","minimum_count","by_host","by_mak","reasons":["…"]}; by_host and by_mak:
 * how many machines each way is for. New reference; NULL on failure.
 * @return MUSTER_OK; MUSTER_E_INVALID with a sentence; MUSTER_E_NOMEM.
 */
int advise(json_t **out, const struct advise_case *a, enum advise_verdict *verdict, struct muster_err *err);
/** "Open License", "OpenLicense", "open licence": is it this programme? */
bool advise_is_open_license(const char *programme);
bool advise_is_open_value(const char *programme);

#endif
