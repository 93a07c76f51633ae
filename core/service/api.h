/** What is served to clients (protocol.md), one function a path. Each is a route's serve or answer. */
#ifndef SERVICE_API_H
#define SERVICE_API_H

#include "core/service/request.h"

enum MHD_Result api_activate(struct request *r);
enum MHD_Result api_activate_answer(struct request *r);
enum MHD_Result api_release(struct request *r);
enum MHD_Result api_release_answer(struct request *r);
enum MHD_Result api_host(struct request *r);
enum MHD_Result api_products(struct request *r);
enum MHD_Result api_certificates(struct request *r);
enum MHD_Result api_crl(struct request *r);
enum MHD_Result api_healthz(struct request *r);
enum MHD_Result api_readyz(struct request *r);

/** Set up r->ledger for this peer: everything zero but kind, catalog, address and loopback. */
void api_ledger_begin(struct request *r, enum ledger_kind kind);
/** A product with counted keys: suspend, have it decided, then the ledger records it. */
enum MHD_Result api_counted(struct request *r);
/** After the commit: a confirmation, or pending. */
enum MHD_Result api_counted_answer(struct request *r);
/** A product that holdings_serve(): suspend, have it decided, then the ledger records it. The lease's release likewise (seats). */
enum MHD_Result api_holdings(struct request *r);
enum MHD_Result api_holdings_release(struct request *r, int64_t lease_at);
/** Granted: what the lease says, and the answer's members beside those of every product (before api_activate_common()). */
void api_holdings_claims(const struct request *r, struct lease_claims *c);
void api_holdings_members(struct request *r);
/** After the commit, nothing granted: a place in the queue, or a refusal. */
enum MHD_Result api_holdings_answer(struct request *r);
/** Cut on a character boundary: answers must stay UTF-8. */
void api_sentence(struct request *r, const char *text);
/** Members that every 200 and 202 of /v1/activate has, to the closing brace. */
void api_activate_common(struct request *r, const struct setting_intervals *i, const struct catalog_product *p);
/** 429 and 503 of the ledger, and any other refusal of it. */
enum MHD_Result api_ledger_refused(struct request *r);
/** The lease's claims, when it verifies now under one of the ring's chains and @p expect. */
int api_lease(struct request *r, struct lease_claims *out, const char *lease, size_t n, const struct lease_expect *expect, struct muster_err *err);
/** Which ledger's event a lease's jti names: lease_seq for this host's own, else lease_origin and lease_origin_seq. */
void api_lease_origin(struct ledger_request *l, const struct service *s, const char *jti);
/** Nothing is granted, because this host was retired or is being moved; then the answer is api_moved(). */
bool api_moving(const struct request *r);
enum MHD_Result api_moved(struct request *r);
const char *api_model_word(uint32_t model);
/** Why a product is not served whatever is asked; NULL: it is. */
const char *api_not_served(const struct catalog_product *p);

#endif
