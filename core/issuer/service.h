/**
 * The issuer's service: hosts activate and renew, machines and their proxies confirm counted keys; HTTPS, TLS 1.3 only (docs/issuer-api.yaml).
 *
 * A thread a connection (requests wait for the books and the disk, and there are few), one set of books behind one lock. The server's certificate is made
 * and renewed here by the intermediate. Requests have bounded heads, bodies and times; each address a rate.
 */
#ifndef ISSUER_SERVICE_H
#define ISSUER_SERVICE_H

#include "core/base/clock.h"
#include "core/issuer/confirm.h"

struct issuer_service;
struct issuer_service_options {
	const char *listen;                /**< ADDRESS:PORT, numeric; [::1]:443; port 0: any */
	const char *name;                  /**< DNS name or address in the certificate; NULL: the address listened on */
	struct confirmer *confirmer;       /**< borrowed */
	const struct clock *clock;
};
int issuer_service_start(struct issuer_service **out, const struct issuer_service_options *o, struct muster_err *err);
/** What it listens on, with the port: borrowed. */
const char *issuer_service_address(const struct issuer_service *s);
/** Take no new connections, let requests under way end (ten seconds), end. */
void issuer_service_stop(struct issuer_service *s);

#endif
