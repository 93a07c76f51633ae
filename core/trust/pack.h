/** Licence packs: the issuer's signed file that a host installs together with a key (trust.md section 8). */
#ifndef TRUST_PACK_H
#define TRUST_PACK_H

#include "core/trust/digits.h"
#include "core/trust/slot.h"
#include "core/trust/statement.h"

#define PACK_KEYS_MAX 256
#define PACK_SLOTS_MAX 1024        /**< slots or finders of one key: hosts × activations + reserve */
#define PACK_FINDERS_MAX 65535     /**< finders of a counted key */
#define PACK_RESERVE 20            /**< slots beyond hosts × activations */
#define PACK_CONTACTS_MAX 64
#define PACK_LIFE_S TRUST_STATEMENT_LIFE_S

struct pack_contact { char *region, *telephone, *hours, *web, *email; };   /**< any may be NULL but region */

struct pack_key {
	char kind; uint32_t number; uint8_t generation;   /**< 1 … 63 */
	uint8_t (*products)[16]; size_t product_count;
	uint32_t hosts, activations;       /**< host key: hosts and activations of each; counted: 0 and how many machines; else 0, 0 */
	uint8_t verifier[32];
	bool has_proof_key; uint8_t proof_key[32];         /**< embedded and setup keys only */
	int64_t coverage_start, coverage_end;
	/** Kind '5' and what it licenses: `per` MUSTER_PER_* or 0 (seats), `version` ("" seats), `licenses`. 0 licences: an agreement's activation key, with slots. */
	uint32_t per, licenses; char version[64];   /**< as pack_version_is() */
	struct muster_span *slots; size_t slot_count;      /**< boxes; owned */
	uint8_t (*finders)[SLOT_FINDER]; size_t finder_count;
};

struct pack {
	uint8_t issuer_id[16], id[16];
	int64_t iat, exp;
	char *organisation_id, *organisation, *programme, *agreement, *license_id;   /**< license_id may be NULL */
	uint32_t issue;                    /**< rises per agreement */
	bool has_host; uint8_t host_binding[BINDING_SIZE];
	char *service;                     /**< https address of the issuer's service; NULL none */
	char *crl;                         /**< PEM as crl.h; NULL none */
	struct pack_contact *contacts; size_t contact_count;
	struct pack_key *keys; size_t key_count;
};

void pack_free(struct pack *p);
/** Payload for statement_sign(); new reference. MUSTER_E_INVALID for what pack_read() would refuse, MUSTER_E_LIMIT above TRUST_PACK_MAX. */
int pack_payload(json_t **out, const struct pack *p, struct muster_err *err);
/** Verify and read one: a single LF at the end is allowed. Statement's refusals, and its own: unknown ver, duplicate number or slot, a table too long, wrong type (member named). */
int pack_read(struct pack **out, struct muster_span text, const struct trust_anchors *anchors, const struct crl *crl, int64_t now, struct muster_err *err);
/** A version of access licences: a-z, 0-9, '-', at most MUSTER_NAME_MAX, not beginning with '-'. */
bool pack_version_is(const char *text);
/** Has it access licences or seats only, and nothing that activates? */
bool pack_only_licenses(const struct pack *p);
/** The key of the pack that has this number; NULL: none. */
const struct pack_key *pack_find(const struct pack *p, uint32_t number);
/** Is this typed key the pack's key (number, kind, verifier)? In constant time where it matters. */
bool pack_recognises(const struct pack *p, const struct pack_key *k, const struct product_key *typed);

#endif
