/** Inside of importing listings: what is known of hosts already, which product a listing means, what its host still needs. For core/estate and its tests only. */
#ifndef ESTATE_LISTINGS_H
#define ESTATE_LISTINGS_H

#include "core/estate/internal.h"

#define ESTATE_R_HISTORY "estate-history"      /**< one record a listing: listing_history_id() */
#define LISTING_NOT_IN_USE "This license is not in use."

/** What an import has to know of the listings before it: entries of kind host, committed and staged. Made at the first listing of an import. */
struct listing_index {
	json_t *hosts;      /**< host → { entry ID → {"activation_id", "partial", "name", "description", "application_id"} } */
	json_t *pids;       /**< extended PID of a host → host */
	json_t *names;      /**< name, line feed, description → activation ID */
	json_t *told;       /**< activation IDs that were learned, or that nobody can place: told once */
	bool unused_said, hosts_said;
};
int listing_index_new(struct listing_index **out, struct estate *e, struct muster_err *err);
/** @p entry as it is now. @return 0, or -1: out of memory. */
int listing_index_add(struct listing_index *x, const char *id, const json_t *entry);
void listing_index_remove(struct listing_index *x, const char *host, const char *id);

/** What is said of a listing beside its entry. */
struct listing_facts { const char *host, *name, *description, *channel, *application_id, *extended_pid, *partial; };
/**
 * The product that a name and description clearly mean: the listing's own words, the generation of Office, client or server edition of Windows.
 * @return NULL: none, or not just one.
 */
const struct catalog_product *listing_product(const struct catalog *c, const struct listing_facts *f);
/** The cap that a count cannot exceed: twice the largest threshold of the pool (facts.md section 1). 0: not known. @p p may be NULL. */
uint32_t listing_cap(const struct catalog *c, const struct catalog_product *p, const struct listing_facts *f);
/** Append, to @p updates, what the catalog says a host on this build of Windows needs before it can serve @p p. @p server, @p client: what the machine may be. 0, or -1: out of memory. */
int listing_updates(const struct catalog_product *p, const struct listing_facts *f, bool server, bool client, json_t *updates);
/** Version 5 of a name in Muster's own namespace (facts.md section 8): for products of which no activation ID was listed. */
void listing_named_id(uint8_t out[16], const char *name, const char *description);

#define LISTING_HISTORY_ID 32
/** Host and activation ID, then the time: a host's records of a product stand together, in the order of time. */
void listing_history_id(uint8_t out[LISTING_HISTORY_ID], const char *host, const uint8_t activation_id[16], int64_t taken_ms);
/** A host's records of a product are deleted with its entry. */
int listing_history_forget(struct stage *s, struct estate *e, const char *host, const uint8_t activation_id[16], struct muster_err *err);

#endif
