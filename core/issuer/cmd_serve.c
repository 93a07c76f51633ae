/* serve: the issuer's service until it is told to stop. */
#include "core/issuer/commands.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "core/base/err.h"
#include "core/base/log.h"
#include "core/issuer/output.h"
#include "core/issuer/service.h"

/* Signals are waited for, never handled: blocked before any thread begins. */
static void block(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

static int serve(struct session *s, struct muster_err *err)
{
	struct issuer_service_options so = { .listen = s->o->text[OPT_LISTEN], .name = s->o->text[OPT_NAME], .clock = s->o->clock };
	struct issuer_service *service;
	struct confirmer c;
	sigset_t set;
	int r, sig = 0;

	if ((r = confirm_open(&c, s, err)) != MUSTER_OK)
		return r;
	block(&set);
	so.confirmer = &c;
	if ((r = issuer_service_start(&service, &so, err)) == MUSTER_OK) {
		log_line(LOG_INFO, "ready", "address=%s", issuer_service_address(service));
		printf("Listening on %s\n", issuer_service_address(service));
		(void)fflush(stdout);
		(void)sigwait(&set, &sig);
		log_line(LOG_INFO, "stopping", "signal=%d", sig);
		issuer_service_stop(service);
	}
	confirm_close(&c);
	return r;
}

int command_serve(const struct options *o)
{
	struct muster_err err = { .result = 0 };
	struct session s;
	int r;

	log_open("muster-issuer", getenv("JOURNAL_STREAM") != NULL ? LOG_STYLE_JOURNAL : LOG_STYLE_TEXT, LOG_INFO);
	if ((r = session_open(&s, o, &err)) == MUSTER_OK)
		r = serve(&s, &err);
	session_close(&s);
	return output_finish(r, &err);
}
