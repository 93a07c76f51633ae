/** The admin API (docs/admin-api.md) on a Unix socket: one thread a connection, because questions may wait for a fold. */
#ifndef SERVICE_ADMIN_H
#define SERVICE_ADMIN_H

#include <jansson.h>
#include <microhttpd.h>
#include "core/service/peer.h"
#include "core/service/state.h"

#define ADMIN_CONNECTIONS 64
#define ADMIN_STRANGERS 8  /* connections of those without a role */
#define ADMIN_LOOKERS 48   /* connections of viewers and key readers: administrators always find a place */
#define ADMIN_FOLLOWERS 32 /* followers of events, whatever their role */
#define ADMIN_DISCARD_MAX (1u << 20)  /* of a body that is too long, read before the connection is closed */
#define ADMIN_BODY_MAX (64u << 10)
#define ADMIN_BATCH_MAX (32u << 20)  /* an issuer's answer to an export */
#define ADMIN_PACK_MAX (6u << 20)     /* body with a licence pack, or with the answers of a batch */
#define ADMIN_IMPORT_MAX (8u << 20)   /* records of an import, one call */
#define ADMIN_ANSWER_MAX (256u << 20)  /* 65,536 products with all their editions */
#define ADMIN_ENTRY_MAX (1u << 20)    /* body with an entry of the estate's books, escaped as its sender likes */
#define ADMIN_IDLE_S 60

int admin_start(struct service *s, struct muster_err *err);
void admin_stop(struct service *s);

/** One question of an administrator. */
struct admin_call {
	struct service *service;
	struct snapshot *snapshot;
	struct MHD_Connection *mhd;
	struct peer peer;
	const char *rest;         /**< what follows a path that ends in a slash */
	char part[32];            /**< what stands for the "*" of a path */
	json_t *body;             /**< POST: an object; else NULL */
	char field[32];           /**< what a refusal is about, "" nothing: the answer's `field` */
};

/** Answer a question: *out is a new reference. Errors: err->code, or what the result says. */
typedef int admin_fn(struct admin_call *c, json_t **out, struct muster_err *err);

/** One route. */
struct admin_route {
	const char *path;         /**< one that ends in a slash takes one more part; "*" stands for one */
	bool post;
	enum role role;           /**< smallest */
	admin_fn *fn;             /**< NULL: answered by `stream` */
	enum MHD_Result (*stream)(struct admin_call *c);
	size_t body_max;          /**< bytes; 0: ADMIN_BODY_MAX */
};
extern const struct admin_route admin_routes[];
extern const size_t admin_route_count;

/* Each file's part of the table. */
admin_fn admin_status, admin_listing, admin_products, admin_unknown, admin_learn, admin_plugins, admin_plugin_enable, admin_clients, admin_client, admin_forget,
	admin_events, admin_journal, admin_settings, admin_setting_put, admin_setting_reset, admin_backup, admin_clock_accept, admin_reload,
	admin_host_request, admin_host_install,
	admin_packs, admin_pack_install, admin_keys, admin_key_install, admin_key_remove, admin_key_whole, admin_installation_id, admin_confirmation_id, admin_crls, admin_crl_install, admin_host_roots,
	admin_activate, admin_access_activate, admin_counted, admin_counted_ask, admin_counted_export, admin_counted_import, admin_counted_telephone,
	admin_media, admin_media_inspect, admin_media_keys, admin_media_key_store, admin_media_key_remove,
	admin_holdings, admin_holders, admin_take_back, admin_reassign, admin_entered, admin_entered_remove, admin_debt,
	admin_import_begin, admin_import_records, admin_import_end,
	admin_doctor, admin_configuration,
	admin_estate_kinds, admin_estate_list, admin_estate_get, admin_estate_add, admin_estate_change, admin_estate_remove, admin_estate_whole, admin_estate_exported,
	admin_observed_machines, admin_observed_events, admin_observed_pools, admin_observed_findings, admin_observed_history,
	admin_state_export_begin, admin_state_export_read, admin_state_export_end, admin_state_import_begin, admin_state_import_data, admin_state_import_check, admin_state_import_end,
	admin_rekey, admin_audit_verify, admin_audit_head;
/** GET /admin/v1/events with follow=1. */
enum MHD_Result admin_follow(struct admin_call *c);

/** Answer with what went wrong. */
enum MHD_Result admin_refuse(struct admin_call *c, const struct muster_err *err);

/* Arguments. */
const char *admin_query(struct admin_call *c, const char *name);
/** 1 … max; @p fallback when absent. */
int admin_query_number(struct admin_call *c, const char *name, int64_t min, int64_t max, int64_t fallback, int64_t *out, struct muster_err *err);
/** A string member of the body, at most @p max bytes; NULL and MUSTER_OK when absent and not required. */
int admin_text(struct admin_call *c, const char *name, size_t max, bool required, const char **out, struct muster_err *err);
int admin_uuid(const char *name, const char *text, uint8_t out[16], struct muster_err *err);

/** The product of `activation_id`, which may be left out: NULL then. */
int admin_product(struct admin_call *c, const struct catalog_product **out, struct muster_err *err);
/** Which group of a Confirmation ID a refusal points at, for a program that leads somebody through them. */
void admin_name_group(struct admin_call *c, const char *digits);

/* JSON values of the admin API's forms. Each a new reference; NULL when exhausted. */
json_t *admin_json_time(int64_t ms);                  /**< null for 0 */
json_t *admin_json_uuid(const uint8_t id[16]);        /**< null for the nil one */
json_t *admin_json_code(uint32_t code);
/** Members keys, requirements, media, programmes of a product, from its plugin's tables. */
json_t *admin_rules(const struct catalog_product *p);
/** Where media of the product hold a key: array of {path, section, key, note}. */
json_t *admin_media_rules(const struct muster_product *p);
/** Members policy, allow, reservations, seats, access of a product, as configured. */
json_t *admin_policy(const struct catalog_product *p);
json_t *admin_json_text(const char *text);            /**< null for NULL; bytes that are not UTF-8 become '?' */

#endif
