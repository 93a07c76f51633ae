/* phone: activation by telephone, led through the call; mak phone shares the talk */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/err.h"
#include "core/cli/acts.h"
#include "core/cli/dialogue.h"
#include "core/cli/term.h"
#include "core/cli/verbs.h"

/* Print what the dialogue said. */
static void flush(struct cli *c, struct buf *say)
{
	term_print(c->out, buf_str(say));
	buf_clear(say);
}

/* Of a licence server the 35 digits: programme and number say the rest. */
const json_t *spoken_groups(const json_t *installation)
{
	const json_t *server = json_object_get(installation, "server_id");

	return server != NULL ? server : json_object_get(installation, "groups");
}

static int submit(struct cli *c, const json_t *installation, const char *counted, const char *digits, json_t **answer, struct muster_err *err)
{
	json_t *body;
	int r;

	if (counted == NULL)
		return act_confirmation_id(c, json_text(installation, "activation_id"), digits, answer, err);
	body = json_pack("{s:s, s:s}", "installation_id", counted, "confirmation_id", digits);
	r = body != NULL ? api_post(c, "/admin/v1/counted/telephone", body, answer, err) : err_nomem(err);
	json_decref(body);
	return r;
}

static int print_done(struct cli *c, const json_t *installation, const char *counted, const json_t *answer)
{
	if (counted == NULL)
		return print_confirmed(c, json_text(installation, "activation_id"), answer);
	if (c->given[CLI_O_JSON])
		return cli_print_json(c, answer);
	fprintf(c->out, "%s\n", json_text(answer, "message")[0] != '\0' ? json_text(answer, "message") : "The machine's confirmation is recorded; it gets it when it asks again.");
	return CLI_OK;
}

static int left(struct cli *c, const char *counted)
{
	if (counted != NULL)
		fprintf(c->out, "\nLeft. Nothing was recorded, and the Installation ID stays the same: musterctl mak phone goes on.\n");
	else
		fprintf(c->out, "\nLeft. Nothing was changed, and the Installation ID stays the same until it is answered.\n"
		                "To go on: musterctl phone, or with the answer at hand: musterctl atp CONFIRMATION-ID\n");
	return CLI_LEFT;
}

/* Only a refusal of the digits leads back to their entry; anything else ends the talk. */
static bool about_digits(const struct cli *c)
{
	/* malformed; used before; another product's; of no Installation ID that waits */
	static const char *const codes[] = { "0xC004F02C", "M-133", "M-134", "M-135" };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (act_refused_with(c, codes[i]))
			return true;
	return false;
}

static int talk(struct cli *c, struct dialogue *d, const json_t *installation, const char *counted, struct buf *say)
{
	struct muster_err err;
	struct buf line, prompt;
	json_t *answer = NULL;
	int r = CLI_OK;

	buf_init(&line, TERM_LINE_MAX);
	buf_init(&prompt, TERM_LINE_MAX);
	while (r == CLI_OK && answer == NULL) {
		char digits[CONFIRMATION_TEXT];
		enum term_result got;

		flush(c, say);
		buf_clear(&prompt);
		dialogue_prompt(d, &prompt);
		if ((got = term_ask(c, c->out, buf_str(&prompt), false, &line)) == TERM_LINE)
			dialogue_feed(d, buf_str(&line), say);
		if (got != TERM_LINE || d->phase == DIALOGUE_LEFT) {
			r = got == TERM_FAILED ? CLI_FAILED : left(c, counted);
			break;
		}
		if (d->phase != DIALOGUE_SUBMIT)
			continue;
		flush(c, say);
		dialogue_digits(d, digits);
		if (submit(c, installation, counted, digits, &answer, &err) == MUSTER_OK)
			r = print_done(c, installation, counted, answer);
		else if (about_digits(c))
			dialogue_refused(d, act_refused_group(c), err.message, say);
		else
			r = act_refused(c, json_text(installation, "activation_id"), &err);
	}
	json_decref(answer);
	buf_fini(&prompt);
	buf_fini(&line);
	return r;
}

int phone_talk(struct cli *c, const json_t *installation, const char *counted, bool read_out)
{
	struct dialogue d;
	struct muster_err err;
	struct buf say;
	int r;

	buf_init(&say, 1u << 16);
	if (dialogue_begin(&d, spoken_groups(installation), read_out, &say, &err) != MUSTER_OK) {
		r = cli_say(c, CLI_FAILED, "%s", err.message);
	} else {
		term_begin();
		r = talk(c, &d, installation, counted, &say);
		term_end();
	}
	buf_fini(&say);
	return r;
}

void phone_introduce(struct cli *c, const json_t *installation)
{
	const json_t *contacts = json_object_get(installation, "contacts");
	struct buf say;

	buf_init(&say, 1u << 16);
	if (json_object_get(installation, "server_id") != NULL)
		buf_addf(&say, "Activation by telephone of %s (%s), a licence server.\nSay that, the programme %s and the number you typed for it; then its licence server ID. Leave with q, Ctrl-C or Ctrl-D whenever you like.\n\n",
		         json_text(installation, "title"), json_text(installation, "product"), json_text(installation, "programme"));
	else
		buf_addf(&say, "Activation by telephone of %s (%s),\nproduct key ending in %s. Leave with q, Ctrl-C or Ctrl-D whenever you like.\n\n", json_text(installation, "title"),
	         json_text(installation, "product"), json_text(installation, "partial"));
	if (json_array_size(contacts) > 0) {
		buf_adds(&say, "Call the issuer:\n");
		print_contacts(&say, contacts);
	} else {
		buf_adds(&say, "Call the issuer; the licence pack names no telephone.\n");
	}
	term_print(c->out, buf_str(&say));
	buf_fini(&say);
}

/* Where several keys wait the person is asked which one is meant. */
static int which_installation_id(struct cli *c, char id[40], json_t **installation)
{
	struct muster_err err;
	int r;

	if (ask_installation_id(c, id, false, installation, &err) == MUSTER_OK)
		return CLI_OK;
	if (id[0] != '\0' || c->given[CLI_O_JSON] || !act_refused_with(c, "M-136"))
		return act_refused(c, id, &err);
	if ((r = choose_key(c, id)) != CLI_OK)
		return r;
	return act_installation_id(c, id, false, installation);
}

/* A host that is activated may be activated anew, but nobody should spend one of its activations by mistake. */
static int want_again(struct cli *c, const json_t *installation)
{
	struct muster_err err;
	char question[192], date[32] = "";
	json_t *keys = NULL;
	const json_t *k;
	size_t i;
	int r = CLI_OK;

	if (api_get(c, "/admin/v1/keys", &keys, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	json_array_foreach(json_object_get(keys, "items"), i, k)
		if (json_number(k, "number") == json_number(installation, "number") && strcmp(json_text(k, "state"), "activated") == 0) {
			snprintf(question, sizeof(question), "This host is activated with this key, until %s. Activate it anew? The issuer counts that as another activation.",
			         json_date(k, "ends_at", date));
			r = cli_confirm(c, question) ? CLI_OK : CLI_USAGE;
		}
	json_decref(keys);
	return r;
}

int verb_phone(struct cli *c)
{
	json_t *installation = NULL;
	char id[40] = "";
	int r;

	if (c->arg_count == 1 && (r = act_id(c, c->args[0], id)) != CLI_OK)
		return r;
	if ((r = which_installation_id(c, id, &installation)) != CLI_OK)
		return r;
	if (c->given[CLI_O_JSON]) {
		r = cli_print_json(c, installation);
	} else if ((r = want_again(c, installation)) == CLI_OK) {
		phone_introduce(c, installation);
		r = phone_talk(c, installation, NULL, true);
	}
	json_decref(installation);
	return r;
}
