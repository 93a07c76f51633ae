/**
 * The administrator's books of a volume-licensed estate: organisations, agreements, orders, products, keys, contacts, requests, hosts; and machines and events
 * read from what existing tools export.
 *
 * Two places. Entries (kinds.h) are records of the ledger's state, each change in one transaction with its journal row; whole keys in them are sealed as
 * core/activation seals. What comes in masses (events, machines) is in a file of its own, observed.db (store_observed.h), so that an
 * import of a million records never waits in front of a machine that activates. An import is one transaction of the one or of the other: a file has one type.
 * Thread-safe; calls may wait for the disk: administrators' threads only. JSON as docs/admin-api.md has it; @p actor "uid name".
 * Rules: facts.md sections 3–5, 9; ledger.md section 2 ("Observed machines"); docs/estate.md.
 */
#ifndef ESTATE_ESTATE_H
#define ESTATE_ESTATE_H

#include <jansson.h>
#include "core/activation/activation.h"
#include "core/catalog/catalog.h"
#include "core/estate/kinds.h"
#include "core/ledger/ledger.h"

/** Journal kinds 170–189. */
enum estate_journal_kind { ESTATE_J_ADD = 170, ESTATE_J_CHANGE, ESTATE_J_REMOVE, ESTATE_J_KEY_SHOWN, ESTATE_J_IMPORT, ESTATE_J_IMPORT_FAILED, ESTATE_J_EXPORT,
	ESTATE_J_STATE_EXPORT, ESTATE_J_STATE_IMPORT, ESTATE_J_RETIRED };

/** Kind of the records with sealed whole keys; id as the entry's. Re-sealed by `musterctl rekey` like the activation's own. */
#define ESTATE_R_SECRET "estate-secret"

struct estate;
struct estate_options {
	const char *dir;                       /**< state folder, for observed.db; NULL: memory (tests) */
	const char *host;                      /**< this host's name, for machines and events of its own in exports */
	const struct clock *clock;
	struct ledger *ledger;                 /**< borrowed; started */
	struct activation *activation;         /**< borrowed */
	void (*event)(void *ctx, int level, const char *event, const char *text);
	void *ctx;
};
int estate_open(struct estate **out, const struct estate_options *o, struct muster_err *err);
/** Catalog of a start or reload; referenced. Once started, hands observed machines to the pools of products that count them. After ledger_bind(). */
int estate_bind(struct estate *e, struct catalog *catalog, struct muster_err *err);
/** How long observed events are kept ([host] events_keep); 400 days before the first call. Any thread. */
void estate_configure(struct estate *e, const struct config *config);
/** Hands observed machines to the pools, after ledger_start(), and its thread: an hour's round (observed machines to the pools, retention of observed events, imports left open). */
int estate_start(struct estate *e, struct muster_err *err);
void estate_stop(struct estate *e);
void estate_free(struct estate *e);

/* ---- entries (entries.c, keys.c) ---- */

/**
 * Entries of a kind in the order of their IDs, paged by @p after.
 *
 * @param filter {"text": words that all occur, FIELD: value, …} or NULL; a reference to an organisation also matches its children's keys.
 * @param out {"items":[{"id",…}],"next":null|"…"}. Keys: never `key`; `whole` says that one is kept; `installed` {"number","state"} for a key that this host uses,
 * those are listed too although they are no entries (id "installed-NUMBER"); `usable` false with `why_not` before coverage_start or with an order not fulfilled.
 * Products: catalogue entries and this host's own products, merged by `serves` (source "host" or "catalogue").
 */
int estate_list(struct estate *e, const struct estate_kind *k, const json_t *filter, const char *after, size_t limit, json_t **out, struct muster_err *err);
/**
 * One entry; agreements with "orders":[…] and "keys":[…] (its own, its orders', and those that came with one of its licence IDs), organisations with "children", "agreements" and
 * "keys" (its own, its parents', which serve it, and its children's), orders and products with "keys"; "contact_entries" of all that have contacts; keys with "rights" [{"product",
 * "rights"}] as the catalogue notes them; "advice" ["…"] where the programme is Open License. @p id an ID, the beginning of one that only one has, a name or a number; of keys the partial.
 */
int estate_get(struct estate *e, const struct estate_kind *k, const char *id, json_t **out, struct muster_err *err);
/**
 * Add (@p id NULL: made from the entry) or change an entry: members given replace, null removes. References must exist. The answer is the entry.
 * A whole key under `key` is sealed apart and answered as `partial`. @return MUSTER_E_EXISTS adding what is there; MUSTER_E_NOT_FOUND; MUSTER_E_INVALID.
 */
int estate_put(struct estate *e, const char *actor, const struct estate_kind *k, const char *id, bool add, const json_t *entry, json_t **out, struct muster_err *err);
/** MUSTER_E_REFUSED while others refer to it; the sentence names them. */
int estate_remove(struct estate *e, const char *actor, const struct estate_kind *k, const char *id, json_t **out, struct muster_err *err);
/** {"id","key"}; written into the journal before it is shown. Key readers. MUSTER_E_NOT_FOUND: none kept. */
int estate_key_whole(struct estate *e, const char *actor, const char *id, json_t **out, struct muster_err *err);
/** An export with whole keys leaves: written into the journal before it does. @p type "keys" or "books". */
int estate_exported(struct estate *e, const char *actor, const char *type, struct muster_err *err);
/** The ID that an imported entry has: the same content gives the same ID, so that importing twice changes nothing. Keys: partial, "-" and 6 hexadecimal digits of product and whole key's hash. */
int estate_entry_id(char out[ESTATE_ID_MAX + 1], const struct estate_kind *k, const json_t *entry, struct muster_err *err);

/* ---- imports (import.c) ---- */

/**
 * Begin an import; one at a time, else MUSTER_E_BUSY with who has it and since when. Left alone for 60 s it is rolled back.
 *
 * @param what {"name":"file name","type":"listing"|"events"|"machines"|"keys"|"books","dry_run":false}. @param out {"import":"UUID"}
 */
int estate_import_begin(struct estate *e, const char *actor, const json_t *what, json_t **out, struct muster_err *err);
/**
 * Records as core/exchange/record.h describes them, at most 5,000 a call. @param out {"taken":n,"messages":[{"line","level":"refused"|"doubtful"|"note","text"}]}
 * A record that is refused is not taken and ends nothing.
 */
int estate_import_records(struct estate *e, const char *actor, const char *import, const json_t *records, json_t **out, struct muster_err *err);
/**
 * End it: commit, or roll back (dry run, or @p commit false). @param out {"import","committed":true,"new","changed","same","skipped","refused","doubtful",
 * "by_kind":{"host":{"new",…}},"learned":[{"activation_id","product","name"}],"findings":[{"finding":"gap"|"clone"|"names"|"full"|"skew","text"}],"messages":[…]}; messages
 * are those not told before: of the ending itself.
 * new: was not there; changed: was there and says something else now; same: was there like this; skipped: repeats within the file.
 */
int estate_import_end(struct estate *e, const char *actor, const char *import, bool commit, json_t **out, struct muster_err *err);
/** Begin the import of another host's events, and then its machines, in one transaction, as its state file has them; the rest as of any import. */
int estate_import_moved(struct estate *e, const char *actor, const char *name, json_t **out, struct muster_err *err);
/** Is an import under way? While the host is held (ledger_hold()) none begins. @p text which, part of a sentence. */
bool estate_importing(struct estate *e, char *text, size_t n);
/** A record of a machine or event as an import judges it, but for its times, which depend on when it is imported. @return MUSTER_OK; MUSTER_E_INVALID with a sentence. */
int estate_observed_check(const json_t *record, bool is_event, struct muster_err *err);

/* ---- what was observed (observed.c, findings.c) ---- */

/**
 * Machines read from imports, in the order of client ID, activation ID, host; paged. @p filter {"product","host","text","clone":true} or NULL.
 * Item: {"client_id","activation_id","product":null|"…","host","names":["…"],"name":"the latest","first_seen","last_seen","requests","result","minimum_count",
 * "license_status","minutes_left":null|n,
 * "virtual":null|bool,"by":"host"|"mak"|null,"clone","findings":["…"]}
 */
int estate_machines(struct estate *e, const json_t *filter, const char *after, size_t limit, json_t **out, struct muster_err *err);
/** Observed events in the order of time; paged. Item: as record.h's "request", with "product". */
int estate_events(struct estate *e, const char *after, size_t limit, json_t **out, struct muster_err *err);
/** How the counts of a host and activation ID went: {"items":[{"host","activation_id","taken_at","current_count","total","failed","partial"}]}. @p host, @p activation_id NULL: all. */
int estate_history(struct estate *e, const char *host, const char *activation_id, json_t **out, struct muster_err *err);
/**
 * Count pools of observed hosts: {"items":[{"host","pool","product","listed":null|n,"listed_at":null|"…","observed":n,"minimum_count","window_days":30,"activation_id",
 * "sinks_on":null|"YYYY-MM-DD","count_then":n,"silent":n}]}: sinks_on is the first day within @p days on which fewer than the minimum are left if those silent now stay silent.
 */
int estate_pools(struct estate *e, unsigned days, json_t **out, struct muster_err *err);
/** One client ID with several names, one name with several client IDs, gaps, full logs, doubtful listings: {"items":[{"finding","host","text","remedy",
 * "since"}]}. At most @p limit, `more` says that there are more. */
int estate_findings(struct estate *e, size_t limit, json_t **out, struct muster_err *err);
/** Distinct observed clients of a product within its window, 0 none; what ages out of it is seen within a minute, an import at once. Any thread. */
uint32_t estate_observed_count(struct estate *e, const struct catalog_product *p);

/** Everything of it for a backup: observed.db into @p dir as store.h's backup does (called by activation_backup()'s caller after it). */
int estate_backup(struct estate *e, const char *dir, struct muster_err *err);

#endif
