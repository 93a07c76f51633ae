/* muster doctor: is this machine's activation well, and what is to be done; in the manner of Nagios plugins. */
#include "core/cli/muster_cli.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/cli/verdicts.h"
#include "core/client/doctor.h"

#define SERVICE "MUSTER CLIENT"

static unsigned columns(void)
{
	struct winsize w;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}

static json_t *judged(const struct client_facts *f)
{
	struct client_check checks[CLIENT_CHECKS];
	json_t *list = json_array();
	char code[16];

	client_doctor_judge(checks, f);
	for (size_t i = 0; i < CLIENT_CHECKS; i++) {
		code[0] = '\0';
		if (checks[i].code != 0 && checks[i].verdict != VERDICT_OK)
			code_name(code, checks[i].code);
		(void)json_array_append_new(list, verdicts_check(checks[i].name, checks[i].verdict, checks[i].reason, checks[i].remedy, code));
	}
	return list;
}

/* The folder is only looked at: one that is not there is not made. */
static void gather(struct mcli *m, struct client_facts *f)
{
	struct muster_err err = { 0 };

	client_doctor_folder(f, m->state);
	if (!f->there || f->state_fault[0] != '\0')
		return;
	if (mcli_open_quietly(m, &err) != MUSTER_OK)
		(void)snprintf(f->identity_fault, sizeof f->identity_fault, "%.500s", err.message);
	else
		client_doctor_gather(f, m->client);
}

int mcli_doctor(struct mcli *m)
{
	struct client_facts f;
	json_t *checks, *o;
	int r;

	gather(m, &f);
	checks = judged(&f);
	if (m->json) {
		o = json_pack("{s:s, s:O}", "verdict", verdict_word(verdicts_worst(checks)), "checks", checks);
		r = mcli_print_json(o) == MCLI_OK ? (int)verdicts_worst(checks) : (int)VERDICT_UNKNOWN;
	} else {
		r = verdicts_print(stdout, isatty(STDOUT_FILENO) != 0, columns(), SERVICE, checks, false);
	}
	json_decref(checks);
	client_facts_fini(&f);
	return r;
}
