/**
 * One client request from its head to its answer.
 *
 * libmicrohttpd calls on its worker threads: begin (head), body parts, end. A request that needs a commit is suspended;
 * the ledger thread resumes it and the worker writes the answer. A connection has one request at a time and its memory,
 * so the hot path allocates nothing for it.
 */
#ifndef SERVICE_REQUEST_H
#define SERVICE_REQUEST_H

#include <microhttpd.h>
#include "core/base/buf.h"
#include "core/service/activate.h"
#include "core/service/state.h"

enum phase { PHASE_HEAD, PHASE_BODY, PHASE_WAIT, PHASE_ANSWER, PHASE_REFUSED, PHASE_DONE };

struct request;

/** What is served under a path. */
struct route {
	const char *path;
	bool post;           /**< POST with a JSON body; else GET and HEAD */
	bool limited;        /**< counts against the rate limit and obeys `networks` */
	/** The whole request is here: queue an answer, or suspend. @return as request_handle(). */
	enum MHD_Result (*serve)(struct request *r);
	/** After the commit: queue the answer. NULL where nothing is suspended. */
	enum MHD_Result (*answer)(struct request *r);
};

struct request {
	struct connection connection;      /**< first: the list's element */
	struct service *service;
	struct MHD_Connection *mhd;
	bool loopback, tls;
	struct held held;

	/* of the present request */
	_Atomic int phase;
	const struct route *route;
	bool head_only;                    /**< HEAD */
	uint32_t refuse;                   /**< code found at the head; answered when the body is over */
	const char *refuse_detail;         /**< constant text */
	uint32_t refuse_wait;
	const char *allow;
	size_t body_max, discarded;
	bool entered;                      /**< counts as under way, since entered_ms (boot) */
	int64_t entered_ms;
	struct snapshot *snapshot;
	struct trust_view *view;
	struct buf body, out;
	struct activate activate;
	struct ledger_request ledger;
	struct counted_request counted;    /**< of a product with counted keys, before the ledger has it */
	struct holdings_request holdings;  /**< of a product with an embedded key, access licences or seats, likewise */
	uint32_t wait_s;                   /**< when to ask again after that was refused; 0: none */
	uint32_t grace_s;                  /**< of an access product, in every answer about it; 0 none */
	char sentence[256];                /**< why the request was refused before the ledger, "" not */
};

/** libmicrohttpd's callbacks; cls is the struct service. */
void request_connection(void *cls, struct MHD_Connection *mhd, void **socket_context, enum MHD_ConnectionNotificationCode code);
void *request_first(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result request_handle(void *cls, struct MHD_Connection *mhd, const char *url, const char *method, const char *version,
                               const char *data, size_t *n, void **con_cls);
void request_completed(void *cls, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode code);

/** Answer with what is in r->out. */
enum MHD_Result request_reply(struct request *r, unsigned status, const char *type, uint32_t retry_after);
/** Answer with a problem document. @p detail and @p field may be NULL. */
enum MHD_Result request_problem(struct request *r, uint32_t code, const char *detail, const char *field, uint32_t retry_after);
/** The same with another status than the code's. */
enum MHD_Result request_problem_status(struct request *r, unsigned status, uint32_t code, const char *detail, const char *field, uint32_t retry_after);
/** From an error: its code, or M-122. */
enum MHD_Result request_error(struct request *r, const struct muster_err *err);
/** Suspend and hand r->ledger over; answers itself when the ledger does not take it. */
enum MHD_Result request_submit(struct request *r);
/** The two apart, for what is decided by another thread before the ledger has it. After request_suspend() exactly one of the others is called, by any thread. */
void request_suspend(struct request *r);
void request_hand_over(struct request *r);
/** Suspended, and nobody takes it: 503, some time later. */
void request_turn_away(struct request *r);
const char *request_query(struct request *r, const char *name);

extern const struct route routes_client[];
extern const size_t routes_client_count;

#endif
