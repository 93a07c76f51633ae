/** Entries as they are shown: with what follows from others. For core/estate only. */
#ifndef ESTATE_VIEW_H
#define ESTATE_VIEW_H

#include "core/estate/internal.h"

/** One question: what it remembers of others. */
struct view {
	struct estate *e;
	char today[11];                  /**< YYYY-MM-DD, UTC */
	json_t *orders;                  /**< ID → state */
	json_t *installed;               /**< keys of this host, as items of the list */
	struct catalog *catalog;         /**< referenced; may be NULL */
};
int view_init(struct view *v, struct estate *e, const struct estate_kind *k, struct muster_err *err);
void view_fini(struct view *v);
/** A stored entry as it is shown: a copy with `id`, and what its kind adds. */
int view_item(struct view *v, const struct estate_kind *k, const char *id, const json_t *entry, json_t **out, struct muster_err *err);

/* keys.c */
/** The keys of this host as items (id "installed-NUMBER"). */
int view_installed(struct estate *e, json_t **out, struct muster_err *err);
int view_has_partial(struct estate *e, const char *partial, bool *has, struct muster_err *err);
int view_usable(struct view *v, json_t *item, struct muster_err *err);
bool view_is_installed(const char *id);

/* products.c */
/** This host's own products that no entry of the catalogue serves, as items (id "host:NAME"). */
int view_products(struct view *v, json_t **out, struct muster_err *err);
/** What the host's product adds to an entry that serves it. */
int view_product(struct view *v, json_t *item, struct muster_err *err);

/* filter.c */
struct filter;
/** @param given as estate_list() has it. */
int filter_new(struct filter **out, struct estate *e, const struct estate_kind *k, const json_t *given, struct muster_err *err);
void filter_free(struct filter *f);
bool filter_takes(const struct filter *f, const json_t *item);
/** An organisation, those above it, whose keys serve it, and those below it: object of IDs. */
int filter_related(struct estate *e, const char *organisation, json_t **out, struct muster_err *err);

/** Does a key belong to an agreement: by itself, by its order, or by a licence ID of it? @p orders object of the agreement's orders. */
bool view_key_of_agreement(const json_t *key, const char *agreement, const json_t *license_ids, const json_t *orders);
/** The IDs of an agreement's orders: object. */
int view_orders_of(struct estate *e, const char *agreement, json_t **out, struct muster_err *err);

#endif
