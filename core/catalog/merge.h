/** What the files that merge products share; core/catalog only. */
#ifndef CATALOG_MERGE_H
#define CATALOG_MERGE_H

#include "core/catalog/catalog_private.h"

/** A fault of a key in a product's section: "FILE:LINE: [product NAME] KEY: …", the key's own line where it is known. */
void merge_fault(struct builder *b, const struct config_product *p, const char *key, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* merge_models.c: policy, allow, and the numbers of the seats, access and embedded models */
void merge_models(struct builder *b, const struct config_product *p, struct catalog_product *to);
/** Rules of a product without `like`, before its keys are taken. */
void merge_fresh(struct builder *b, const struct config_product *p, struct catalog_product *to);
/** After all sections: defaults, and what must fit together. */
void merge_settle(struct builder *b, struct catalog_product *to);

#endif
