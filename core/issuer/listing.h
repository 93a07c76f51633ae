/** What the books hold, as JSON and for people: shared by list, show, export and the commands that change it. */
#ifndef ISSUER_LISTING_H
#define ISSUER_LISTING_H

#include <jansson.h>
#include "core/issuer/authority.h"
#include "core/store/issuer_books.h"
#include "core/trust/crl.h"

/* New references; NULL when memory is exhausted. */
json_t *listing_issuer(const struct authority *a);
json_t *listing_certificate(const struct books_certificate *c, bool chain);

void listing_print_issuer(const struct authority *a);
void listing_print_certificate(const struct books_certificate *c);
/** Word of a revocation's reason. */
const char *listing_reason(int reason);

#endif
