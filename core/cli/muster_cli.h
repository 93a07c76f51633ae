/** muster: the program on a machine that is to be activated. Options, verbs and what they share. */
#ifndef CLI_MUSTER_CLI_H
#define CLI_MUSTER_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <muster/client.h>
#include "core/base/buf.h"
#include "core/base/clock.h"

/** Exit codes, documented in muster(1). The first four are enum muster_outcome. */
enum mcli_exit {
	MCLI_OK = 0,          /**< activated, or the verb did what it says */
	MCLI_COUNTED = 1,     /**< or waiting, for the issuer or in the queue for a seat */
	MCLI_REFUSED = 2,
	MCLI_NO_HOST = 3,
	MCLI_INVALID = 4,     /**< status, verify: no valid lease */
	MCLI_FAULT = 5,       /**< here: state folder, issuer's root, memory */
	MCLI_USAGE = 64,
	/* run, as env(1) and timeout(1) have them */
	MCLI_NOT_RUN = 125,   /**< no seat: the command was not started */
	MCLI_NOT_EXECUTABLE = 126,
	MCLI_NO_COMMAND = 127
};

#define MCLI_ARGS_MAX 64
#define MCLI_FACTS_MAX 64

struct mcli {
	const struct clock *clock;
	const char *verb;
	const char *args[MCLI_ARGS_MAX];
	size_t arg_count;
	char *state, *issuer;             /* resolved; owned */
	struct buf hosts;                 /* "" when --host was not given */
	const char *hardware, *name, *chain, *ca;
	const char *issuer_url, *key_file;   /* NULL: not given */
	int key_fd;                       /* -1: not given */
	bool ask_key;
	const char *user, *version;       /* of access licences; NULL: not given */
	bool device, no_queue, wait;
	unsigned long wait_s;             /* 0: for ever */
	char **command;                   /* of run; ends with NULL */
	bool ran;                         /* run: what it returns is the command's status, or why there is none */
	const char *facts[MCLI_FACTS_MAX];   /* NAME=VALUE */
	size_t fact_count;
	int32_t is_virtual;
	uint32_t timeout_ms;
	bool json, once;
	int (*stop)(void *ctx);           /* of the agent */
	void (*event)(void *ctx, uint32_t id, const char *fields);   /* where events 12288 and 12289 go; NULL: nowhere */
	struct muster_client *client;     /* open in verbs that need it */
};

/** The program. @param clock the system's; a test program gives its own. @return enum mcli_exit. */
int client_main(int argc, char **argv, const struct clock *clock);

/** "muster: …" on standard error. @return @p code. */
int mcli_say(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** The error's message. @return the exit code that belongs to it. */
int mcli_fail(const struct muster_err *err);
/** Open the state folder into m->client. @return enum mcli_exit. */
int mcli_open(struct mcli *m);
/** The same without a word. @return MUSTER_OK or what went wrong. */
int mcli_open_quietly(struct mcli *m, struct muster_err *err);
void mcli_close(struct mcli *m);
/** Call @p fn with the activation ID of each argument, or of every product with state. @return the largest exit code. */
int mcli_products(struct mcli *m, int (*fn)(struct mcli *m, const char *id, json_t *list), json_t *list);
int mcli_exit_of(const struct muster_answer *a);
/** Keep what the options say of access licences. @return enum mcli_exit. */
int mcli_tell_access(struct mcli *m, const char *id);

/* muster_run.c */
/** Ask, and with --wait go on asking while there is a place in the queue. Result as muster_client_activate(). */
int mcli_ask_waiting(struct mcli *m, const char *id, struct muster_answer *a, struct muster_err *err);
/** A seat that `muster run` took, and whose `muster run` was killed: give it back. @return true: it is given back, or no longer asked for. */
bool mcli_run_left(struct mcli *m, const char *id);

/* muster_key.c */
bool mcli_has_key(const struct mcli *m);
/** Read the key from where the options say and take it for the product @p id. @return enum mcli_exit. */
int mcli_take_key(struct mcli *m, const char *id);
int mcli_tell_facts(struct mcli *m);

/* muster_print.c */
const char *mcli_status_text(uint32_t license_status);
json_t *mcli_answer_json(const struct mcli *m, const char *id, const struct muster_answer *a);
json_t *mcli_status_json(const struct muster_status *s);
json_t *mcli_claims_json(const struct muster_claims *c);
json_t *mcli_confirmation_json(const struct muster_confirmation *c);
void mcli_print_answer(const char *id, const struct muster_answer *a);
void mcli_print_status(const struct muster_status *s);
void mcli_print_claims(const struct muster_claims *c);
void mcli_print_confirmation(const struct muster_confirmation *c);
/** Print and free. @return enum mcli_exit. */
int mcli_print_json(json_t *value);

/* verbs */
int mcli_activate(struct mcli *m);
int mcli_renew(struct mcli *m);
int mcli_status(struct mcli *m);
int mcli_verify(struct mcli *m);
int mcli_release(struct mcli *m);
int mcli_rearm(struct mcli *m);
int mcli_installation_id(struct mcli *m);
int mcli_import(struct mcli *m);
int mcli_remove_key(struct mcli *m);
int mcli_set_hosts(struct mcli *m);
int mcli_clear_hosts(struct mcli *m);
int mcli_agent(struct mcli *m);
/** Exit codes of its own: enum verdict. */
int mcli_doctor(struct mcli *m);
int mcli_run(struct mcli *m);

#endif
