/** What the books hold, as JSON and for people: shared by list, show, export and the commands that change it. */
#ifndef ISSUER_LISTING_H
#define ISSUER_LISTING_H

#include <jansson.h>
#include "core/issuer/session.h"
#include "core/store/issuer_books.h"
#include "core/trust/crl.h"

/* New references; NULL when memory is exhausted. */
json_t *listing_issuer(const struct authority *a);
json_t *listing_certificate(const struct books_certificate *c, bool chain);
json_t *listing_product(const struct books_product *p);
json_t *listing_agreement(const struct books_agreement *a, const struct books_organisation *o);
json_t *listing_contact(const struct books_contact *c);
json_t *listing_key(const struct books_key *k);
json_t *listing_holder(const struct books_holder *h);
json_t *listing_row(const struct books_row *row);
/** "device", "user", "seat" of MUSTER_PER_*. */
const char *listing_per(uint32_t per);
/** {"per","version","licenses"}; null for 0 licences. */
json_t *listing_access(uint32_t licenses, uint32_t per, const char *version);
json_t *listing_binding(const uint8_t binding[10]);
json_t *listing_pack_row(const struct books_pack *p);

/* Whole lists, printed. */
int listing_products(struct session *s, struct muster_err *err);
int listing_agreements(struct session *s, struct muster_err *err);
int listing_contacts(struct session *s, struct muster_err *err);
int listing_keys(struct session *s, struct muster_err *err);
int listing_packs(struct session *s, struct muster_err *err);
int listing_certificates(struct session *s, struct muster_err *err);
int listing_confirmations(struct session *s, struct muster_err *err);

/* One thing, printed; by `show` and by its own command (cmd_key.c, cmd_pack.c). */
int listing_show_key(struct session *s, const char *number, struct muster_err *err);
int listing_show_pack(struct session *s, const char *which, struct muster_err *err);

void listing_print_issuer(const struct authority *a);
void listing_print_certificate(const struct books_certificate *c);
void listing_print_key(const struct books_key *k);
/** Word of a revocation's reason. */
const char *listing_reason(int reason);
/** Word of a way to activate. */
const char *listing_method(enum books_method m);

#endif
