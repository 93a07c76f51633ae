/* setup: from a product to a host activated for it, step by step; and the choice of a key where there are several */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/qr.h"
#include "core/cli/acts.h"
#include "core/cli/listing.h"
#include "core/cli/setup_plan.h"
#include "core/cli/term.h"
#include "core/cli/verbs.h"

#define STEPS "product, licence pack, key, activation, check"

/* A dialogue under way: what the host said last, and what was typed last. */
struct setup {
	struct cli *c;
	json_t *products, *packs, *keys;   /* whole answers */
	struct setup_state state;
	struct buf line;
};

static void forget(struct setup *s)
{
	json_decref(s->products);
	json_decref(s->packs);
	json_decref(s->keys);
	s->products = s->packs = s->keys = NULL;
}

/* The host's state as it is now. */
static int look(struct setup *s)
{
	struct muster_err err;

	forget(s);
	if (api_get(s->c, "/admin/v1/products", &s->products, &err) != MUSTER_OK || api_get(s->c, "/admin/v1/packs", &s->packs, &err) != MUSTER_OK ||
	    api_get(s->c, "/admin/v1/keys", &s->keys, &err) != MUSTER_OK)
		return cli_fail(s->c, &err);
	s->state = (struct setup_state){ json_object_get(s->products, "items"), json_object_get(s->packs, "items"), json_object_get(s->keys, "items") };
	return CLI_OK;
}

/* One question; "" is an answer. @return CLI_OK, CLI_LEFT, CLI_FAILED. */
static int question(struct setup *s, const char *prompt, bool secret)
{
	enum term_result r = term_ask(s->c, s->c->out, prompt, secret, &s->line);

	if (r == TERM_FAILED)
		return CLI_FAILED;
	return r == TERM_LEFT || term_is_quit(buf_str(&s->line)) ? CLI_LEFT : CLI_OK;
}

static void say_missing(struct setup *s, const json_t *product)
{
	struct buf text;

	buf_init(&text, 65536);
	setup_missing(&s->state, product, &text);
	buf_addc(&text, '\n');
	term_print(s->c->out, buf_str(&text));
	buf_fini(&text);
}

/* A number from 1 to n. @param[out] choice from 0. */
static int choose(struct setup *s, size_t n, size_t *choice)
{
	char prompt[64];
	int r;

	snprintf(prompt, sizeof(prompt), "Number (1-%zu), or q: ", n);
	while ((r = question(s, prompt, false)) == CLI_OK) {
		char *end;
		unsigned long x = strtoul(buf_str(&s->line), &end, 10);

		if (*end == '\0' && x >= 1 && x <= n) {
			*choice = (size_t)x - 1;
			return CLI_OK;
		}
		fprintf(s->c->out, "A number from 1 to %zu, please.\n", n);
	}
	return r;
}

static int choose_product(struct setup *s, char id[40])
{
	const json_t *p, *shown[64];
	size_t i, n = 0, choice = 0;
	int r = CLI_OK;

	fputs("\nStep 1 of 5: the product\n", s->c->out);
	json_array_foreach(s->state.products, i, p) {
		if (!setup_wanted(p) || n == sizeof(shown) / sizeof(shown[0]))
			continue;
		shown[n++] = p;
		fprintf(s->c->out, "  %zu  %-20s %s\n     ", n, json_text(p, "product"), json_text(p, "title"));
		say_missing(s, p);
	}
	if (n == 0)
		return cli_say(s->c, CLI_FAILED, "this host knows no product that is activated by packs and keys; `musterctl products` lists what it knows, `musterctl plugins` why");
	if ((r = choose(s, n, &choice)) == CLI_OK)
		snprintf(id, 40, "%s", json_text(shown[choice], "activation_id"));
	return r;
}

static int step_pack(struct setup *s)
{
	json_t *answer = NULL;
	int r = question(s, "File of the licence pack (Enter: leave it for later): ", false);

	if (r != CLI_OK || buf_str(&s->line)[0] == '\0')
		return r == CLI_OK ? CLI_LEFT : r;
	if (act_pack_install(s->c, buf_str(&s->line), &answer) == CLI_OK)
		(void)print_pack_installed(s->c, answer);
	json_decref(answer);
	return CLI_OK;
}

static int step_key(struct setup *s)
{
	json_t *answer = NULL;
	int r = question(s, "Product key (not shown; Enter: leave it for later): ", true);

	if (r == CLI_OK && buf_str(&s->line)[0] == '\0')
		r = CLI_LEFT;
	if (r == CLI_OK && act_key_install(s->c, buf_str(&s->line), &answer) == CLI_OK)
		(void)print_key_installed(s->c, answer);
	json_decref(answer);
	buf_cleanse(&s->line);
	buf_init(&s->line, TERM_LINE_MAX);
	return r;
}

static int by_telephone(struct setup *s, const char *id)
{
	json_t *installation = NULL;
	int r = act_installation_id(s->c, id, false, &installation);

	if (r == CLI_OK) {
		phone_introduce(s->c, installation);
		r = phone_talk(s->c, installation, NULL, true);
	}
	json_decref(installation);
	return r;
}

/* The request goes out as a picture or text; the answer may come another day. */
static int by_file(struct setup *s, const char *id)
{
	struct muster_err err;
	json_t *installation = NULL, *answer = NULL;
	int r = act_installation_id(s->c, id, false, &installation);

	if (r == CLI_OK && (r = question(s, "Write the request to which file (.png or .svg: a QR code, .txt: its text; Enter: it is already with the issuer)? ", false)) == CLI_OK &&
	    buf_str(&s->line)[0] != '\0') {
		if (qr_write(buf_str(&s->line), json_text(installation, "request"), &err) == MUSTER_OK)
			fprintf(s->c->out, "The request is in %s. The issuer answers it with a file or a QR code (muster-issuer confirm --request).\n", buf_str(&s->line));
		else
			(void)cli_say(s->c, CLI_FAILED, "%s", err.message);
	}
	if (r == CLI_OK && (r = question(s, "The issuer's answer, a PEM or text file or a PNG picture (Enter: later): ", false)) == CLI_OK) {
		if (buf_str(&s->line)[0] == '\0')
			r = CLI_LEFT;
		else if (act_answer_install(s->c, buf_str(&s->line), &answer) == CLI_OK)
			(void)print_activated(s->c, answer);
	}
	json_decref(answer);
	json_decref(installation);
	return r;
}

static int step_activate(struct setup *s, const char *id)
{
	json_t *answer = NULL;
	size_t choice;
	int r;

	fputs("  1  online: this host asks the issuer itself\n"
	      "  2  by telephone: you read digits out and type the answer\n"
	      "  3  by file or QR code: the request goes out as a picture or text, the answer comes back the same way\n", s->c->out);
	if ((r = choose(s, 3, &choice)) != CLI_OK)
		return r;
	if (choice == 1)
		return by_telephone(s, id);
	if (choice == 2)
		return by_file(s, id);
	fputs("Asking the issuer ...\n", s->c->out);
	(void)fflush(s->c->out);
	if (act_online(s->c, id, &answer) == CLI_OK)
		(void)print_activated(s->c, answer);
	json_decref(answer);
	return CLI_OK;
}

static int step_check(struct setup *s, const json_t *product)
{
	struct muster_err err;
	json_t *answer = NULL;
	const json_t *item;
	char path[80];

	snprintf(path, sizeof(path), "/admin/v1/listing?id=%s", json_text(product, "activation_id"));
	if (api_get(s->c, path, &answer, &err) != MUSTER_OK)
		return cli_fail(s->c, &err);
	fputs("\nStep 5 of 5: check\n", s->c->out);
	item = json_array_get(json_object_get(answer, "items"), 0);
	listing_summary(s->c->out, item);
	listing_expiry(s->c->out, item);
	json_decref(answer);
	say_missing(s, product);
	return CLI_OK;
}

/* One step; afterwards the host is looked at again. @param[out] done the last one was it. */
static int one_step(struct setup *s, const char *id, bool *done)
{
	const json_t *product = setup_product(&s->state, id);
	enum setup_step step;

	if (product == NULL)
		return cli_say(s->c, CLI_FAILED, "Error: Activation ID (%s) not found.", id);
	step = setup_next(&s->state, product);
	if (step == SETUP_DONE) {
		*done = true;
		return step_check(s, product);
	}
	if (step != SETUP_PRODUCT)
		fprintf(s->c->out, "\nStep %d of 5: %s\n", (int)step + 1, step == SETUP_PACK ? "the licence pack" : step == SETUP_KEY ? "the product key" : "activation");
	if (step == SETUP_PRODUCT) {
		struct buf why;
		int r;

		buf_init(&why, 65536);
		setup_missing(&s->state, product, &why);
		r = cli_say(s->c, CLI_FAILED, "%s", buf_str(&why));
		buf_fini(&why);
		return r;
	}
	say_missing(s, product);
	switch (step) {
	case SETUP_PACK: return step_pack(s);
	case SETUP_KEY: return step_key(s);
	default: return step_activate(s, json_text(product, "activation_id"));
	}
}

static int lead(struct setup *s, char id[40])
{
	bool done = false;
	int r = CLI_OK;

	fputs("Setting this host up: " STEPS ". Leave with q, Ctrl-C or Ctrl-D whenever you like;\n"
	      "musterctl setup goes on where the host stands, whoever did the steps before.\n", s->c->out);
	if (id[0] == '\0')
		r = choose_product(s, id);
	while (r == CLI_OK && !done) {
		r = one_step(s, id, &done);
		if (r == CLI_OK && !done && term_interrupted())
			r = CLI_LEFT;
		if (r == CLI_OK && !done)
			r = look(s);
	}
	if (r == CLI_LEFT)
		fprintf(s->c->out, "\nLeft; what is done stays done. To go on: musterctl setup%s%s\n", id[0] != '\0' ? " " : "", id);
	return r;
}

/* What is missing, product by product. */
static int print_plan(struct setup *s, const char *id)
{
	json_t *list = json_array(), *answer;
	const json_t *p;
	size_t i;
	int r;

	json_array_foreach(s->state.products, i, p) {
		enum setup_step step = setup_next(&s->state, p);
		struct buf missing;

		if (!setup_wanted(p) || (id[0] != '\0' && strcmp(json_text(p, "activation_id"), id) != 0))
			continue;
		buf_init(&missing, 65536);
		setup_missing(&s->state, p, &missing);
		(void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "product", json_text(p, "product"), "title", json_text(p, "title"),
			"activation_id", json_text(p, "activation_id"), "step", setup_word(step), "missing", buf_str(&missing), "command", setup_command(step)));
		buf_fini(&missing);
	}
	answer = json_pack("{s:o}", "items", list);
	r = cli_print_json(s->c, answer);
	json_decref(answer);
	return r;
}

int verb_setup(struct cli *c)
{
	struct setup s = { .c = c };
	const json_t *named;
	char id[40] = "";
	int r;

	buf_init(&s.line, TERM_LINE_MAX);
	if ((r = look(&s)) != CLI_OK)
		goto done;
	if (c->arg_count == 1) {
		if ((named = setup_product(&s.state, c->args[0])) == NULL) {
			r = cli_say(c, CLI_USAGE, "there is no product \"%s\"; `musterctl products` lists names and IDs", c->args[0]);
			goto done;
		}
		snprintf(id, sizeof(id), "%s", json_text(named, "activation_id"));
	}
	if (c->given[CLI_O_JSON]) {
		r = print_plan(&s, id);
		goto done;
	}
	term_begin();
	r = lead(&s, id);
	term_end();
done:
	buf_cleanse(&s.line);
	forget(&s);
	return r;
}

/* ---- which key is meant, where only the person can know ---- */

int choose_key(struct cli *c, char id[40])
{
	struct setup s = { .c = c };
	const json_t *k, *product, *shown[64];
	size_t i, n = 0, choice = 0;
	int r;

	buf_init(&s.line, TERM_LINE_MAX);
	if ((r = look(&s)) != CLI_OK)
		goto done;
	json_array_foreach(s.state.keys, i, k)
		if (setup_waits(k) && n < sizeof(shown) / sizeof(shown[0]))
			shown[n++] = k;
	if (n == 0) {
		r = cli_say(c, CLI_FAILED, "no product key waits for activation; `musterctl keys` lists them");
		goto done;
	}
	fputs("Several product keys wait for activation:\n", c->out);
	for (i = 0; i < n; i++)
		fprintf(c->out, "  %zu  ending in %s, for %s\n", i + 1, json_text(shown[i], "partial"), json_text(shown[i], "product"));
	if ((r = choose(&s, n, &choice)) != CLI_OK)
		goto done;
	if ((product = setup_product(&s.state, json_text(shown[choice], "product"))) != NULL)
		snprintf(id, 40, "%s", json_text(product, "activation_id"));
done:
	buf_fini(&s.line);
	forget(&s);
	return r;
}
