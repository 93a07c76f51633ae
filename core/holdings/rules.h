/**
 * What the rules remember beside the rows, and what access.c, seats.c and the administrators' acts share. For core/holdings only; under the holdings' lock.
 *
 * Everything here may be lost at any time (a start, a commit that failed): it can be found again in the rows, or is of the moment.
 */
#ifndef HOLDINGS_RULES_H
#define HOLDINGS_RULES_H

#include "core/holdings/internal.h"
#include "core/licensing/access.h"
#include "core/licensing/seats.h"

#define USER_HOLDER 32
#define OVER_OLDEST_MAX 1000

/** The queue of a product; NULL when exhausted. */
struct seats_queue *rules_queue(struct holdings_rules *m, uint32_t product);
/** Once a day and class: true the first time. */
bool rules_tell(struct holdings_rules *m, uint32_t product, uint32_t class_, int64_t now);

/** Those of a product and kind who are over for longest, as far as they were read. */
struct over_row { uint32_t class_; uint8_t holder[STORE_HOLDER_MAX]; uint8_t holder_n; int64_t since; };
struct over_list { uint32_t product, kind; struct over_row rows[OVER_OLDEST_MAX]; size_t n; unsigned rest; /**< questions until it is read again in vain */ };
struct over_list *rules_over(struct holdings_rules *m, uint32_t product, uint32_t kind);

/* ---- rows of the access model as lines ---- */
struct access_lines { struct access_line *l; size_t n; uint32_t product, kind; };
/** Versions of @p p, and generations that have rows, rising, with what there is and is given out. Free with access_lines_fini(). */
int access_lines_init(struct access_lines *a, struct holdings *h, struct holdings_group *g, const struct catalog_product *p, uint32_t kind, struct muster_err *err);
void access_lines_fini(struct access_lines *a);
struct access_line *access_line_of(const struct access_lines *a, uint32_t generation);   /**< NULL */
/** What @p holder holds, into the lines. */
int access_lines_read(struct access_lines *a, struct holdings_group *g, struct muster_span holder, struct muster_err *err);
void access_line_from(struct access_line *l, const struct store_holding *row);
void access_line_to(struct store_holding *row, const struct access_line *l);
uint64_t access_out(const struct holdings_group *g, uint32_t product, uint32_t kind, uint32_t generation);    /**< within the number */
uint64_t access_over(const struct holdings_group *g, uint32_t product, uint32_t kind, uint32_t generation);   /**< beyond it */
/** Generation of the newest version that this licence server gives out. */
uint32_t access_server(const struct catalog_product *p);
const struct muster_access_version *access_version_of(const struct catalog_product *p, uint32_t generation);   /**< NULL */
/** Key of a user's rows: SHA-256("muster user v1" ‖ 0 ‖ the name, ASCII letters in lower case): written otherwise it is the same user. */
int access_user_holder(uint8_t out[USER_HOLDER], const char *user, struct muster_err *err);
/** Who is over gets what is free, the longest over first (over.c). */
int access_cover(struct holdings *h, struct holdings_group *g, const struct catalog_product *p, struct access_lines *a, struct muster_err *err);
/** Beyond what there is: an event and a journal row, once a day. */
int rules_breach(struct holdings *h, struct holdings_group *g, const struct catalog_product *p, uint32_t class_, uint64_t out, uint64_t licenses, struct muster_err *err);

uint64_t seats_within(const struct holdings_group *g, uint32_t product);   /**< seats out, not beyond the number */
uint64_t seats_over(const struct holdings_group *g, uint32_t product);
#define SEATS_CLASS HOLDINGS_CLASS(HOLDINGS_SEAT, 0)
/** Numbers of a product, defaults filled in. */
void seats_numbers(struct muster_seats_rules *out, const struct catalog_product *p);

#endif
