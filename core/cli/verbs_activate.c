/* ato, dti, atp: the host's own activation, online, by digits, or by file */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/qr.h"
#include "core/base/uuid.h"
#include "core/cli/acts.h"
#include "core/cli/dialogue.h"
#include "core/cli/term.h"
#include "core/cli/verbs.h"

int verb_ato(struct cli *c)
{
	json_t *answer = NULL;
	char id[40] = "";
	int r;

	if (c->arg_count == 1 && (r = act_id(c, c->args[0], id)) != CLI_OK)
		return r;
	if ((r = act_online(c, id, &answer)) == CLI_OK)
		r = print_activated(c, answer);
	json_decref(answer);
	return r;
}

/* The code on the terminal, if it can show it. */
static int show_qr(struct cli *c, const char *request)
{
	struct muster_err err;
	struct qr q;
	struct buf text;
	unsigned columns = term_columns(c->out);
	int r = CLI_OK;

	if (!term_utf8())
		return cli_say(c, CLI_FAILED, "this terminal does not show UTF-8: --out FILE.png writes the QR code as a picture");
	if (qr_encode(&q, request, true, &err) != MUSTER_OK)
		return cli_say(c, CLI_FAILED, "%s", err.message);
	buf_init(&text, 1u << 20);
	if (columns > 0 && columns < qr_columns(&q)) {
		r = cli_say(c, CLI_FAILED, "the QR code needs %u columns and this terminal has %u: widen it, or --out FILE.png", qr_columns(&q), columns);
	} else {
		qr_blocks(&text, &q, columns > 0);
		fputs(buf_str(&text), c->out);
	}
	buf_fini(&text);
	qr_fini(&q);
	return r;
}

static void print_installation_id(struct cli *c, const json_t *a)
{
	const json_t *groups = json_object_get(a, "groups"), *contacts = json_object_get(a, "contacts"), *g;
	struct buf text;
	size_t i;

	buf_init(&text, 1u << 16);
	buf_addf(&text, "Product: %s (%s), product key ending in %s\nInstallation ID: ", json_text(a, "title"), json_text(a, "activation_id"), json_text(a, "partial"));
	json_array_foreach(groups, i, g)
		buf_adds(&text, json_string_value(g) != NULL ? json_string_value(g) : "");
	buf_adds(&text, "\n\n");
	dialogue_groups(&text, groups);
	if (json_object_get(a, "server_id") != NULL) {
		buf_addf(&text, "\nLicence server ID, which is read out instead of these groups, with the programme %s and its number:\n", json_text(a, "programme"));
		dialogue_groups(&text, json_object_get(a, "server_id"));
	}
	if (json_array_size(contacts) > 0) {
		buf_adds(&text, "\nCall the issuer and read the groups out:\n");
		print_contacts(&text, contacts);
	} else {
		buf_adds(&text, "\nRead the groups to the issuer; the licence pack names no telephone.\n");
	}
	buf_addf(&text, "Then type: musterctl atp CONFIRMATION-ID %s\n`musterctl phone` leads through the call, group by group.\n", json_text(a, "activation_id"));
	term_print(c->out, buf_str(&text));
	buf_fini(&text);
}

int verb_dti(struct cli *c)
{
	struct muster_err err;
	json_t *answer = NULL;
	const char *request;
	char id[40] = "";
	int r;

	if (c->arg_count == 1 && (r = act_id(c, c->args[0], id)) != CLI_OK)
		return r;
	if (c->given[CLI_O_QR] && c->given[CLI_O_JSON])
		return cli_say(c, CLI_USAGE, "either --qr or --json; the request's text is in the JSON, --out FILE.png writes the picture");
	if ((r = act_installation_id(c, id, c->given[CLI_O_NEW], &answer)) != CLI_OK)
		return r;
	request = json_text(answer, "request");
	if (request[0] == '\0' && (c->given[CLI_O_QR] || c->given[CLI_O_OUT])) {
		r = cli_say(c, CLI_FAILED, "this product is activated by digits or online only: there is no request to be shown as a code");
		goto done;
	}
	if (c->given[CLI_O_OUT] && qr_write(c->value[CLI_O_OUT], request, &err) != MUSTER_OK) {
		r = cli_say(c, err.result == MUSTER_E_INVALID ? CLI_USAGE : CLI_FAILED, "%s", err.message);
		goto done;
	}
	if (c->given[CLI_O_JSON]) {
		r = cli_print_json(c, answer);
		goto done;
	}
	print_installation_id(c, answer);
	if (c->given[CLI_O_OUT])
		fprintf(c->out, "The request is in %s: the issuer answers it with a file (muster-issuer confirm --request); then type: musterctl atp --file ANSWER\n", c->value[CLI_O_OUT]);
	if (c->given[CLI_O_QR])
		r = show_qr(c, request);
done:
	json_decref(answer);
	return r;
}

/* Groups may be one argument or several; an activation ID may follow. */
static int split_arguments(struct cli *c, struct buf *digits, char id[40])
{
	uint8_t bytes[UUID_LEN];

	for (size_t i = 0; i < c->arg_count; i++) {
		if (uuid_parse(bytes, c->args[i], strlen(c->args[i])) != MUSTER_OK)
			buf_addf(digits, "%s%s", i > 0 ? " " : "", c->args[i]);
		else if (i + 1 < c->arg_count)
			return cli_say(c, CLI_USAGE, "behind the activation ID stands \"%s\": musterctl atp CONFIRMATION-ID ACTIVATION-ID", c->args[i + 1]);
		else
			uuid_format(id, bytes);
	}
	return digits->failed ? cli_say(c, CLI_USAGE, "that is too long for a Confirmation ID") : CLI_OK;
}

static int atp_file(struct cli *c, const char *id, bool digits)
{
	json_t *answer = NULL;
	int r;

	if (digits)
		return cli_say(c, CLI_USAGE, "either a Confirmation ID or --file");
	if (id[0] != '\0')
		return cli_say(c, CLI_USAGE, "an answer file says by itself which products it is for");
	if ((r = act_answer_install(c, c->value[CLI_O_FILE], &answer)) == CLI_OK)
		r = print_activated(c, answer);
	json_decref(answer);
	return r;
}

/* Without digits, on a terminal: the entry of the telephone dialogue. */
static int atp_typed(struct cli *c, const char *id)
{
	json_t *installation = NULL;
	int r;

	if (!isatty(STDIN_FILENO))
		return cli_say(c, CLI_USAGE, "which Confirmation ID? musterctl atp CONFIRMATION-ID, or --file ANSWER");
	if ((r = act_installation_id(c, id, false, &installation)) == CLI_OK)
		r = phone_talk(c, installation, NULL, false);
	json_decref(installation);
	return r;
}

int verb_atp(struct cli *c)
{
	struct confirmation_id parsed;
	struct muster_err err;
	json_t *answer = NULL;
	struct buf digits;
	char id[40] = "";
	int r;

	buf_init(&digits, 1024);
	if ((r = split_arguments(c, &digits, id)) != CLI_OK)
		goto done;
	if (c->given[CLI_O_FILE]) {
		r = atp_file(c, id, digits.n > 0);
	} else if (digits.n == 0) {
		r = atp_typed(c, id);
	} else if (confirmation_id_parse(&parsed, buf_str(&digits), digits.n, NULL, &err) != MUSTER_OK) {
		r = cli_say(c, CLI_FAILED, "0xC004F02C: %s Nothing was changed. `musterctl phone` takes the groups one by one.", err.message);
	} else if (act_confirmation_id(c, id, buf_str(&digits), &answer, &err) != MUSTER_OK) {
		r = act_refused(c, id, &err);
	} else {
		r = print_confirmed(c, id, answer);
	}
done:
	json_decref(answer);
	buf_fini(&digits);
	return r;
}
