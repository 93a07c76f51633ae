/** Views of the key ring: shared by ring.c and ring_view.c only. */
#ifndef TRUST_RING_VIEW_H
#define TRUST_RING_VIEW_H

#include "core/base/err.h"
#include "core/trust/openssl.h"
#include "core/trust/ring.h"

/* Owned copies of what ring_reload() was given. */
struct ring_config {
	struct ring_issuer *issuers; size_t issuer_count;
	struct ring_product *products; size_t product_count;
};
int ring_config_init(struct ring_config *c, const struct ring_issuer *issuers, size_t issuer_count, const struct ring_product *products,
                     size_t product_count, struct muster_err *err);
void ring_config_fini(struct ring_config *c);

/* What lies outside the folder: further keys with their chains, the kids of chains that sign no more, the issuers' revocation lists and announcements. */
struct ring_foreign { EVP_PKEY *key; struct trust_chain *chain; };
struct ring_beside {
	struct ring_foreign *keys; size_t key_count;
	char (*retired)[TRUST_KID]; size_t retired_count;
	struct crl **crls; size_t crl_count;                  /* one an issuer_id */
	struct buf *roots; size_t root_count;                 /* announcements, as they came */
};

#define VIEW_NO_ISSUER SIZE_MAX

struct view_issuer { char *name; struct trust_anchors *anchors; struct crl *crl; /**< NULL: none */ };
struct view_product { uint8_t id[16]; char *name; size_t issuer; /**< index, or VIEW_NO_ISSUER */ };
/* Which chain signs for a product: sorted by product, then the longest living first. */
struct view_entry { uint8_t id[16]; const struct ring_chain *chain; };

struct trust_view {
	_Atomic unsigned refs;
	EVP_PKEY *key;                                        /* the host's own; NULL: none yet */
	const struct ring_beside *beside;                     /* while it is built */
	struct view_issuer *issuers; size_t issuer_count;
	struct view_product *products; size_t product_count;  /* sorted by id */
	struct ring_chain *chains; size_t chain_count;        /* longest living first; signer and chain owned */
	struct view_entry *entries; size_t entry_count;
	struct trust_view *next_retired;                      /* ring.c's, under its lock */
};

struct trust_view *ring_view_empty(void);                 /* NULL: no memory */
int ring_view_build(struct trust_view **out, const char *dir, EVP_PKEY *key, const struct ring_config *config, const struct ring_beside *beside,
                    const struct ring_report *report, struct muster_err *err);
const struct view_product *ring_view_product(const struct trust_view *v, const uint8_t id[16]);

#endif
