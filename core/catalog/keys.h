/** Shapes of product keys. */
#ifndef CATALOG_KEYS_H
#define CATALOG_KEYS_H

#include <stdbool.h>
#include <muster/plugin.h>

/** Longest key that any rule can describe, with its hyphens. */
#define KEYS_MAX 160

/** Groups, lengths and characters as the rule says, one hyphen between groups. */
bool keys_fit(const struct muster_key_rule *rule, struct muster_span key);
/** The rule that fits, when exactly one does; NULL: none or several. */
const struct muster_key_rule *keys_only_fit(const struct muster_product *product, struct muster_span key);
/** A key of this shape, for tests of plugins: the alphabet's characters in turn, beginning with the @p first one. @return its length, 0 when @p room is too small. */
size_t keys_example(const struct muster_key_rule *rule, unsigned first, char *out, size_t room);

#endif
