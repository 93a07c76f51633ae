/** Inside of the issuer's service: service.c (HTTP), service_api.c (what is asked), service_tls.c (its certificate). */
#ifndef ISSUER_SERVICE_PRIVATE_H
#define ISSUER_SERVICE_PRIVATE_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include "core/base/buf.h"
#include "core/base/log.h"
#include "core/issuer/service.h"
#include "core/issuer/service_body.h"
#include "core/service/connection.h"
#include "core/service/rate.h"

struct issuer_service {
	struct issuer_service_options o;
	struct MHD_Daemon *daemon;
	struct connections connections;
	struct rate *rate;
	int fd;
	char address[ADDRESS_TEXT + 8], name[TRUST_SERVER_NAME];
	_Atomic bool stopping;
	_Atomic int64_t refreshed;         /* boot ms: keys and certificate were last looked at */
	struct log_limit log_rate, log_http;
};

enum call_phase { CALL_HEAD, CALL_BODY, CALL_DONE };

struct call;
struct service_route {
	const char *path;
	bool post;
	/** Write the answer into c->out. @return its status. */
	unsigned (*serve)(struct call *c);
};
extern const struct service_route service_routes[];
extern const size_t service_route_count;

/** A connection and its present request. */
struct call {
	struct connection connection;      /* first */
	struct issuer_service *s;
	struct MHD_Connection *mhd;
	enum call_phase phase;
	const struct service_route *route;
	uint32_t refuse, wait;
	const char *refuse_detail, *type;
	struct buf body, out;
};

/** What an address may ask, in tokens; each request costs one, before its body is read. @return false: too much, c->wait says for how long. */
bool service_spend(struct call *c, unsigned tokens);
/** A problem document. @return its status. */
unsigned service_problem(struct call *c, uint32_t code, const char *detail, const char *field);
/** From an error: what is the peer's is said, what is ours is logged. */
unsigned service_error(struct call *c, const struct muster_err *err, const char *field);
/** Adopts @p o (NULL: memory was exhausted). @return 200. */
unsigned service_json(struct call *c, json_t *o);

/** A new server certificate when there is none or it is two thirds through its life. */
int service_certificate(struct issuer_service *s, struct muster_err *err);

#endif
