/** A host with plugins, ledger, ring and activation in a temporary folder, and an issuer that mints keys, makes packs and answers Installation IDs. */
#ifndef TESTS_UNIT_ACTIVATION_FIXTURE_H
#define TESTS_UNIT_ACTIVATION_FIXTURE_H

#include "core/activation/internal.h"
#include "tests/unit/catalog_config.h"
#include "tests/unit/statement_fixture.h"

#define SLOTS 8
#define KEYS_MAX 4

/** A key of the issuer's, with the secrets of its slots in one pack. */
struct minted { struct product_key key; uint8_t generation, secrets[SLOTS][SLOT_SECRET]; uint8_t products[2][16]; size_t product_count; uint32_t allowed; };

struct host {
	struct statement_fixture issuer, stranger;   /* "acme", and one that is not configured */
	struct statement_fixture other;              /* "other": another configured one */
	struct clock_manual clock;
	char dir[64];
	struct setup *setup;
	struct catalog *catalog;
	struct ledger *ledger;
	struct trust_ring *ring;
	struct activation *activation;
	char hardware[64];                           /* of this host */
	char *pack_crl;                              /* goes into packs that are made; NULL: none */
	char said[4096];                             /* events, one a line */
	uint8_t office[16], server[16], windows[16], tool[16];
	struct muster_err err;
};

void host_init(struct host *h);
void host_fini(struct host *h);
/** As a restart of the daemon. */
void host_restart(struct host *h);
void host_stop(struct host *h);
void host_start(struct host *h);
/** What the activation says to it; nothing is left open then. */
int host_try(struct host *h);

/** A new key; @p number 0: drawn. */
struct minted mint(char kind, uint32_t number, const uint8_t product[16], const uint8_t *second);
/** A pack of @p by with these keys; their slots' secrets and generation go into @p keys. @param[out] token to be freed. */
void make_pack(struct buf *token, const struct statement_fixture *by, const struct host *h, uint32_t issue, uint8_t generation, struct minted *keys, size_t n);
/** Answer an Installation ID with slot @p slot, as the issuer does. */
void confirm(char out[CONFIRMATION_TEXT], const struct statement_fixture *by, const struct minted *key, const char *installation_id, unsigned slot);

/* Acts of "0 root"; *out may be NULL. */
int take_pack(struct host *h, const struct buf *token, json_t **out);
int take_key(struct host *h, const struct minted *key, bool replace, json_t **out);
/** Pack and host key of Office 2013 installed. */
struct minted entitled(struct host *h);
/** As activation_installation_id(), without the request: that makes the host's key, whose passphrase is slow on purpose at every start. Groups joined by blanks. */
int show_id(struct host *h, const uint8_t *product, bool fresh, char text[INSTALLATION_TEXT]);
int deposit_id(struct host *h, const uint8_t *product, const char *digits, json_t **out);
/** Does the host sign leases for it? */
bool signs(struct host *h, const uint8_t product[16]);
const char *state_of(struct host *h, uint32_t number);   /**< of a key; "" when it is not there */

#define ck_said(h, part) ck_assert_msg(strstr((h)->err.message, (part)) != NULL, "no \"%s\" in: %s", (part), (h)->err.message)
#define ck_refused(h, call, wanted, part) \
	do { \
		memset(&(h)->err, 0, sizeof (h)->err); \
		ck_assert_int_ne((call), MUSTER_OK); \
		ck_assert_msg((h)->err.code == (uint32_t)(wanted), "code %u: %s", (h)->err.code, (h)->err.message); \
		ck_said(h, part); \
	} while (0)
#define ck_good(h, call) fixture_ok((call), &(h)->err)

#endif
