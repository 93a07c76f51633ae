/* status, host, clock, backup, reload: the host itself */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/cli/acts.h"
#include "core/cli/verbs.h"
#include "core/trust/statement.h"

static void print_certificates(struct cli *c, const json_t *list)
{
	const json_t *cert, *p;
	size_t i, j;

	json_array_foreach(list, i, cert) {
		char date[32];

		fprintf(c->out, "Certificate %s\n    ends %s, products", json_text(cert, "kid"), json_date(cert, "ends_at", date));
		json_array_foreach(json_object_get(cert, "products"), j, p)
			fprintf(c->out, " %s", json_string_value(p));
		fputc('\n', c->out);
		if (json_text(cert, "warning")[0] != '\0')
			fprintf(c->out, "    %s\n", json_text(cert, "warning"));
	}
}

static void print_status(struct cli *c, const json_t *s)
{
	const json_t *ledger = json_object_get(s, "ledger"), *disk = json_object_get(s, "disk"), *clock = json_object_get(s, "clock"), *x;
	size_t i;
	char date[32];

	fprintf(c->out, "Host %s, version %s: %s, %s\n", json_text(s, "name"), json_text(s, "version"), json_text(s, "state"),
	        json_flag(s, "activated") ? "activated" : "not activated (musterctl setup)");
	json_array_foreach(json_object_get(s, "listen"), i, x)
		fprintf(c->out, "Listening on %s\n", json_string_value(x));
	json_array_foreach(json_object_get(s, "listen_tls"), i, x)
		fprintf(c->out, "Listening on %s with TLS\n", json_string_value(x));
	print_certificates(c, json_object_get(s, "certificates"));
	fprintf(c->out, "Ledger %s: event %" JSON_INTEGER_FORMAT ", folded to %" JSON_INTEGER_FORMAT ", last commit %s\n", json_text(ledger, "id"),
	        json_number(ledger, "last_seq"), json_number(ledger, "fold_seq"), json_date(ledger, "last_commit", date));
	fprintf(c->out, "Disk: %" JSON_INTEGER_FORMAT " MiB free, stops below %" JSON_INTEGER_FORMAT " MiB%s\n", json_number(disk, "free") >> 20,
	        json_number(disk, "floor") >> 20, json_flag(disk, "low") ? ": LOW, requests are answered 503" : "");
	if (json_flag(clock, "held"))
		fprintf(c->out, "Clock: %s\n", json_text(clock, "reason"));
	json_array_foreach(json_object_get(s, "warnings"), i, x)
		fprintf(c->out, "Warning: %s\n", json_string_value(x));
}

int verb_status(struct cli *c)
{
	struct muster_err err;
	json_t *answer = NULL;
	int r = CLI_OK;

	if (api_get(c, "/admin/v1/status", &answer, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	if (c->given[CLI_O_JSON])
		r = cli_print_json(c, answer);
	else
		print_status(c, answer);
	json_decref(answer);
	return r;
}

static int host_request(struct cli *c)
{
	struct muster_err err;
	json_t *answer = NULL;
	const char *pem;
	int r = CLI_OK;

	if (c->arg_count != 1)
		return cli_say(c, CLI_USAGE, "host request takes no \"%s\"; --out FILE says where to write", c->args[1]);
	if (api_post(c, "/admin/v1/host/request", NULL, &answer, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	pem = json_text(answer, "request");
	if (c->given[CLI_O_OUT]) {
		struct muster_span bytes = { (const uint8_t *)pem, strlen(pem) };

		if (file_write(c->value[CLI_O_OUT], bytes, 0644, &err) != MUSTER_OK)
			r = cli_fail(c, &err);
		else if (!c->given[CLI_O_JSON])
			fprintf(c->out, "Certificate request written to %s.\nNext, at the issuer: muster-issuer certify %s --products FILE, where FILE has the\nactivation IDs to be certified, one a line (`musterctl products` lists them); then here: musterctl host install CERT\n",
			        c->value[CLI_O_OUT], c->value[CLI_O_OUT]);
	}
	if (r == CLI_OK && c->given[CLI_O_JSON])
		r = cli_print_json(c, answer);
	else if (r == CLI_OK && !c->given[CLI_O_OUT])
		fputs(pem, c->out);
	json_decref(answer);
	return r;
}

static int host_install(struct cli *c)
{
	json_t *answer = NULL;
	int r;

	if (c->arg_count != 2 || c->args[1][0] == '\0')
		return cli_say(c, CLI_USAGE, "which file? musterctl host install CERT");
	if (c->given[CLI_O_OUT])
		return cli_say(c, CLI_USAGE, "--out goes with `host request`");
	if ((r = act_answer_install(c, c->args[1], &answer)) == CLI_OK)
		r = print_activated(c, answer);
	json_decref(answer);
	return r;
}

static int host_roots(struct cli *c)
{
	json_t *body = NULL, *answer = NULL;
	struct muster_err err;
	struct buf token;
	json_int_t added;
	int r;

	if (c->arg_count != 2 || c->args[1][0] == '\0')
		return cli_say(c, CLI_USAGE, "which file? musterctl host roots FILE");
	buf_init(&token, STATEMENT_ROOTS_MAX + 1);
	if (file_read(&token, c->args[1], STATEMENT_ROOTS_MAX + 1, &err) != MUSTER_OK)
		r = cli_say(c, CLI_FAILED, "%s", err.message);
	else if ((body = json_pack("{s:s}", "roots", buf_str(&token))) == NULL)
		r = cli_say(c, CLI_FAILED, "%s is no announcement of roots", c->args[1]);
	else
		r = api_post(c, "/admin/v1/host/roots", body, &answer, &err) == MUSTER_OK ? CLI_OK : cli_fail(c, &err);
	added = json_integer_value(json_object_get(answer, "added"));
	if (r == CLI_OK && c->given[CLI_O_JSON])
		r = cli_print_json(c, answer);
	else if (r == CLI_OK)
		fprintf(c->out, added > 0 ? "New roots of the issuer %s count from now on.\n" : "The issuer %s announces no root that is not known here.\n",
		        json_string_value(json_object_get(answer, "issuer")));
	json_decref(answer);
	json_decref(body);
	buf_fini(&token);
	return r;
}

int verb_host(struct cli *c)
{
	if (strcasecmp(c->args[0], "request") == 0)
		return host_request(c);
	if (strcasecmp(c->args[0], "install") == 0)
		return host_install(c);
	if (strcasecmp(c->args[0], "roots") == 0)
		return host_roots(c);
	return cli_say(c, CLI_USAGE, "host takes \"request\", \"install\" or \"roots\", not \"%s\"", c->args[0]);
}

/* A POST without arguments whose answer is one sentence or JSON. */
static int act(struct cli *c, const char *path, const json_t *body, const char *sentence)
{
	struct muster_err err;
	json_t *answer = NULL;
	const json_t *x;
	size_t i;
	int r = CLI_OK;

	if (api_post(c, path, body, &answer, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	if (c->given[CLI_O_JSON]) {
		r = cli_print_json(c, answer);
	} else {
		json_array_foreach(json_object_get(answer, "changes"), i, x)
			fprintf(c->out, "%s\n", json_string_value(x));
		fprintf(c->out, "%s\n", sentence);
	}
	json_decref(answer);
	return r;
}

int verb_clock(struct cli *c)
{
	if (strcasecmp(c->args[0], "accept") != 0)
		return cli_say(c, CLI_USAGE, "clock takes \"accept\", not \"%s\"", c->args[0]);
	if (!cli_confirm(c, "Take the host's present clock as right? Machines silent for longer than the window drop out of the count."))
		return CLI_USAGE;
	return act(c, "/admin/v1/clock/accept", NULL, "The present clock is taken as right.");
}

int verb_backup(struct cli *c)
{
	char path[PATH_MAX], sentence[PATH_MAX + 32];
	json_t *body;
	int r;

	if (c->args[0][0] == '\0')
		return cli_say(c, CLI_USAGE, "which folder? musterctl backup FOLDER");
	if (c->args[0][0] != '/') {
		char here[PATH_MAX];

		if (getcwd(here, sizeof(here)) == NULL || snprintf(path, sizeof(path), "%s/%s", here, c->args[0]) >= (int)sizeof(path))
			return cli_say(c, CLI_USAGE, "the folder's path is too long");
	} else if (snprintf(path, sizeof(path), "%s", c->args[0]) >= (int)sizeof(path)) {
		return cli_say(c, CLI_USAGE, "the folder's path is too long");
	}
	if ((body = json_pack("{s:s}", "dir", path)) == NULL)
		return cli_say(c, CLI_USAGE, "the folder's name is not UTF-8");
	snprintf(sentence, sizeof(sentence), "The ledger is copied to %.*s.", (int)sizeof(path) - 1, path);
	r = act(c, "/admin/v1/backup", body, sentence);
	json_decref(body);
	return r;
}

int verb_reload(struct cli *c)
{
	return act(c, "/admin/v1/reload", NULL, "The configuration is in force.");
}
