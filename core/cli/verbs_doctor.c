/* doctor: is this host well, and what is to be done; in the manner of Nagios plugins */
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/cli/api.h"
#include "core/cli/term.h"
#include "core/cli/verbs.h"
#include "core/cli/verdicts.h"
#include "core/client/http.h"

#define SERVICE "MUSTER"
#define PORT_CHECK "port"
#define PORT_AT 1              /* behind `activated` */
#define HEALTH_MS 5000
#define PORT_REMEDY "Look at the host's log and `listen`; a firewall, or a program that has the port, may be in between."

static int sorry(struct cli *c, const char *why)
{
	json_t *o;

	if (isatty(STDOUT_FILENO))
		return cli_say(c, (int)VERDICT_UNKNOWN, "%s", why);
	/* Who watches reads standard output. */
	if (c->given[CLI_O_JSON]) {
		o = json_pack("{s:s, s:s, s:[]}", "verdict", verdict_word(VERDICT_UNKNOWN), "reason", why, "checks");
		(void)cli_print_json(c, o);
		json_decref(o);
		return (int)VERDICT_UNKNOWN;
	}
	return verdicts_unknown(c->out, SERVICE, why);
}

static bool wanted(const struct cli *c, const char *name)
{
	for (size_t i = 0; i < c->arg_count; i++)
		if (strcasecmp(c->args[i], name) == 0)
			return true;
	return c->arg_count == 0;
}

/* ---- is the port reached? ---- */

/* "0.0.0.0:1688" is every address: this machine's own will do. */
static void health_url(struct buf *url, const char *listen, bool tls)
{
	buf_addf(url, "%s://", tls ? "https" : "http");
	if (strncmp(listen, "0.0.0.0:", 8) == 0)
		buf_addf(url, "127.0.0.1%s", listen + 7);
	else if (strncmp(listen, "[::]:", 5) == 0)
		buf_addf(url, "[::1]%s", listen + 4);
	else
		buf_adds(url, listen);
	buf_adds(url, "/healthz");
}

/* What is wrong is appended to @p said. @return whether it answers. */
static bool answers(const char *listen, bool tls, struct buf *said)
{
	struct http_request q = { .unverified = tls, .timeout_ms = HEALTH_MS };
	struct http_answer a;
	struct muster_err err;
	struct buf url;
	bool well;

	buf_init(&url, 512);
	health_url(&url, listen, tls);
	q.url = buf_str(&url);
	http_answer_init(&a);
	well = !url.failed && http_ask(&a, &q, &err) == MUSTER_OK && a.status == 200;
	if (!well)
		buf_addf(said, "%s%s%s: %s", said->n > 0 ? "; " : "", listen, tls ? " (TLS)" : "", a.status != 0 ? "what answers is no healthy host" : err.message);
	http_answer_fini(&a);
	buf_fini(&url);
	return well;
}

static json_t *port_check(const json_t *status)
{
	const json_t *plain = json_object_get(status, "listen"), *tls = json_object_get(status, "listen_tls"), *x;
	size_t n = json_array_size(plain) + json_array_size(tls), well = 0, i;
	struct buf said;
	json_t *o;

	buf_init(&said, 8192);
	json_array_foreach(plain, i, x)
		well += answers(json_string_value(x), false, &said);
	json_array_foreach(tls, i, x)
		well += answers(json_string_value(x), true, &said);
	if (n == 0)
		buf_adds(&said, "the host listens nowhere");
	if (well == n && n > 0) {
		json_array_foreach(plain, i, x)
			buf_addf(&said, "%s%s", said.n > 0 ? ", " : "", json_string_value(x));
		json_array_foreach(tls, i, x)
			buf_addf(&said, "%s%s with TLS", said.n > 0 ? ", " : "", json_string_value(x));
		buf_adds(&said, n == 1 ? " answers" : " answer");
	}
	o = verdicts_check(PORT_CHECK, well == n && n > 0 ? VERDICT_OK : well > 0 ? VERDICT_WARNING : VERDICT_CRITICAL, buf_str(&said), well == n && n > 0 ? NULL : PORT_REMEDY, NULL);
	(void)json_object_set_new(o, "about", json_string("every address that the host listens on answers /healthz"));
	buf_fini(&said);
	return o;
}

/* ---- the verb ---- */

/* The path with the names of the host's own checks; "" when only the port was asked for. */
static void path_of(struct cli *c, struct buf *path)
{
	size_t n = 0;

	buf_adds(path, "/admin/v1/doctor");
	for (size_t i = 0; i < c->arg_count; i++) {
		if (strcasecmp(c->args[i], PORT_CHECK) == 0)
			continue;
		buf_adds(path, n++ == 0 ? "?check=" : ",");
		for (const char *p = c->args[i]; *p != '\0'; p++)
			buf_addc(path, (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p));
	}
	if (c->arg_count > 0 && n == 0)
		buf_clear(path);
}

static bool are_names(struct cli *c)
{
	for (size_t i = 0; i < c->arg_count; i++)
		if (c->args[i][0] == '\0' || strspn(c->args[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != strlen(c->args[i])) {
			(void)cli_say(c, CLI_USAGE, "there is no check \"%s\"; `musterctl doctor` without a name runs all of them", c->args[i]);
			return false;
		}
	return true;
}

int doctor_answer(struct cli *c, json_t **answer, struct muster_err *err)
{
	json_t *status = NULL, *checks;
	struct buf path;
	int r = MUSTER_OK;

	buf_init(&path, 4096);
	path_of(c, &path);
	if (path.n > 0)
		r = api_get(c, buf_str(&path), answer, err);
	else
		*answer = json_pack("{s:s, s:[]}", "verdict", verdict_word(VERDICT_OK), "checks");
	buf_fini(&path);
	if (r != MUSTER_OK || !wanted(c, PORT_CHECK))
		return r;
	if ((r = api_get(c, "/admin/v1/status", &status, err)) != MUSTER_OK)
		return r;
	checks = json_object_get(*answer, "checks");
	(void)json_array_insert_new(checks, json_array_size(checks) < PORT_AT ? json_array_size(checks) : PORT_AT, port_check(status));
	(void)json_object_set_new(*answer, "verdict", json_string(verdict_word(verdicts_worst(checks))));
	json_decref(status);
	return MUSTER_OK;
}

int verb_doctor(struct cli *c)
{
	json_t *answer = NULL;
	struct muster_err err;
	int r;

	if (!are_names(c))
		return (int)VERDICT_UNKNOWN;
	if (doctor_answer(c, &answer, &err) != MUSTER_OK)
		r = sorry(c, err.message);
	else if (c->given[CLI_O_JSON])
		r = cli_print_json(c, answer) == CLI_OK ? (int)verdicts_worst(json_object_get(answer, "checks")) : (int)VERDICT_UNKNOWN;
	else
		r = verdicts_print(c->out, isatty(STDOUT_FILENO) != 0, term_columns(c->out), SERVICE, json_object_get(answer, "checks"), c->arg_count > 0);
	json_decref(answer);
	return r;
}
