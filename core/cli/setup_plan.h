/** Which step of setting a host up comes next for a product: read off the host's own state, so that it does not matter who did the steps before. */
#ifndef CLI_SETUP_PLAN_H
#define CLI_SETUP_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include "core/base/buf.h"

enum setup_step {
	SETUP_PRODUCT,    /**< the product itself is not ready: not served, no issuer */
	SETUP_PACK, SETUP_KEY, SETUP_ACTIVATE,
	SETUP_DONE
};

/** What the host says of itself: the `items` of GET products, packs and keys. Borrowed. */
struct setup_state { const json_t *products, *packs, *keys; };

/** A product by its name or activation ID; NULL: there is none. */
const json_t *setup_product(const struct setup_state *s, const char *name);
/** Does this list of a pack's or key's products name this one, by name or activation ID? */
bool setup_names(const json_t *list, const json_t *product);
/** Can this product be set up at all: is it one that licence packs and keys exist for? */
bool setup_wanted(const json_t *product);
enum setup_step setup_next(const struct setup_state *s, const json_t *product);
/** Is this a host key that waits for the issuer's confirmation? */
bool setup_waits(const json_t *key);
/** What is missing, in a sentence. */
void setup_missing(const struct setup_state *s, const json_t *product, struct buf *out);
/** The single verb that does the same. */
const char *setup_command(enum setup_step step);
const char *setup_word(enum setup_step step);

#endif
