/** The listings of `dli`, `dlv` and `xpr` as text, from one listing object of the admin API. */
#ifndef CLI_LISTING_H
#define CLI_LISTING_H

#include <jansson.h>
#include <stdio.h>

/** facts.md section 3: labels, order and indentation of samples/dlv-office2013.txt; nothing wrapped, no stray blank lines. */
void listing_details(FILE *out, const json_t *item);
/** samples/dli-server2008r2-host.txt. */
void listing_summary(FILE *out, const json_t *item);
/** Two lines: the name, and when the present state ends. */
void listing_expiry(FILE *out, const json_t *item);

#endif
