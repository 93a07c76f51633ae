/**
 * The doctor on a client: is this machine's activation well, and what is to be done if not. Facts are gathered, hosts asked once each; the rules are pure.
 * Not part of libmuster's interface: `muster doctor` alone uses it.
 */
#ifndef CLIENT_DOCTOR_H
#define CLIENT_DOCTOR_H

#include <stdbool.h>
#include <muster/client.h>
#include "core/base/verdict.h"
#include "core/client/hosts.h"

#define CLIENT_DOCTOR_PRODUCTS 256   /* machine's and users' together; more are said */

/** What is known of one product, or of one user's access licence for it. */
struct client_product {
	char id[37], name[64], user[256], reason[512], model[16];
	uint32_t license_status;               /**< 0–6, facts.md section 4 */
	bool valid, perpetual, has_key, crl_stale;
	int64_t granted_at, expires_at, renew_at, grace_ends;   /**< s; 0 none */
};
struct client_host { char url[HOSTS_URL], fault[256]; bool answers; int64_t ahead; /**< s: its clock minus ours; only when `timed` */ bool timed; };

struct client_facts {
	int64_t now, mark;                     /**< s; high-water mark of time, 0 none */
	char dir[512];
	bool there;                            /**< the state folder exists */
	char state_fault[512], issuer_fault[512], identity_fault[512], hosts_fault[512], products_fault[256], mark_fault[256];
	char client_id[37];
	uint32_t rearms_left;                  /**< UINT32_MAX: no limit is known */
	bool hardware_moved;                   /**< the folder was made on another machine */
	struct client_host *hosts; size_t host_count;
	struct client_product *products; size_t product_count; bool products_more;
	bool agent;                            /**< one runs for this folder */
	bool exhausted;
};

struct client_check { const char *name; enum verdict verdict; char reason[900], remedy[240]; uint32_t code; };
#define CLIENT_CHECKS 9
/** Every check, by the facts alone. @param[out] out CLIENT_CHECKS of them. */
void client_doctor_judge(struct client_check *out, const struct client_facts *f);

/** Is there a state folder, and may it be used? Makes nothing. */
void client_doctor_folder(struct client_facts *f, const char *dir);
/** All other facts, of an open handle. Asks each host once. */
void client_doctor_gather(struct client_facts *f, struct muster_client *c);
void client_facts_fini(struct client_facts *f);

#endif
