/* products, plugins, explain */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/uuid.h"
#include "core/cli/api.h"
#include "core/cli/table.h"
#include "core/cli/verbs.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void number(char out[24], const json_t *o, const char *name)
{
	snprintf(out, 24, "%" JSON_INTEGER_FORMAT, json_number(o, name));
}

/* The listing item of a product, for its live count. */
static const json_t *listing_of(const json_t *listing, const char *product)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(listing, "items"), i, item)
		if (strcmp(json_text(item, "product"), product) == 0)
			return json_object_get(item, "host");
	return NULL;
}

/* One word for what a client of this product gets. */
static const char *state_of(const json_t *p)
{
	if (json_text(p, "refused")[0] != '\0')
		return "refused";
	if (!json_flag(p, "served"))
		return "not served";
	return json_flag(p, "certified") ? "certified" : "not certified";
}

/* What an administrator has decided beyond the product's own rules; "" nothing. */
static const char *policy_of(const json_t *p, char out[64])
{
	const char *const words[] = { strcmp(json_text(p, "policy"), "advise") == 0 ? "advise" : "", json_array_size(json_object_get(p, "allow")) > 0 ? "allow-list" : "",
		json_array_size(json_object_get(p, "reservations")) > 0 ? "reserved" : "" };

	out[0] = '\0';
	for (size_t i = 0; i < COUNT(words); i++)
		if (words[i][0] != '\0')
			snprintf(out + strlen(out), 64 - strlen(out), "%s%s", out[0] != '\0' ? ", " : "", words[i]);
	return out;
}

static void product_row(struct libscols_table *t, const json_t *p, const json_t *host, size_t columns)
{
	char minimum[24] = "", count[24] = "", observed[24] = "", physical[24] = "", virtual_[24] = "", policy[64];

	if (json_is_object(host)) {
		number(minimum, p, "minimum_count");
		number(count, host, "current_count");
		number(physical, host, "physical");
		number(virtual_, host, "virtual");
		number(observed, host, "observed");
	}
	table_row(t, (const char *[]){ json_text(p, "product"), json_text(p, "model"), json_text(p, "pool"), minimum, count, physical, virtual_, observed,
	                               state_of(p), json_text(p, "activation_id"), policy_of(p, policy) }, columns);
}

/* A time in the largest unit that leaves no rest, as muster.conf takes it. */
static const char *span(char out[32], const json_t *o, const char *name)
{
	static const struct { json_int_t seconds; const char *unit; } units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	json_int_t seconds = json_number(o, name);
	size_t i = 0;

	while (i < COUNT(units) - 1 && (seconds == 0 || seconds % units[i].seconds != 0))
		i++;
	snprintf(out, 32, "%" JSON_INTEGER_FORMAT " %s", seconds / units[i].seconds, units[i].unit);
	return out;
}

static void print_claims(struct cli *c, const json_t *list)
{
	const json_t *claim;
	size_t i;

	json_array_foreach(list, i, claim)
		fprintf(c->out, "%s%s", i > 0 ? ", " : "", json_string_value(claim));
	fputc('\n', c->out);
}

static void print_access(struct cli *c, const json_t *a)
{
	char temporary[32], from[32], to[32], left[32], user[32], reassign[32], grace[32];
	const json_t *v;
	size_t i;

	fputs("    versions ", c->out);
	json_array_foreach(json_object_get(a, "versions"), i, v)
		fprintf(c->out, "%s%s", i > 0 ? ", " : "", json_text(v, "version"));
	fprintf(c->out, "; this licence server: %s\n    per ", json_text(a, "server_version"));
	json_array_foreach(json_object_get(a, "per"), i, v)
		fprintf(c->out, "%s%s", i > 0 ? " and " : "", json_string_value(v));
	fprintf(c->out, "; device: temporary %s, permanent %s to %s, renewed at %s; user: %s, reassigned after %s\n", span(temporary, a, "temporary"),
	        span(from, a, "permanent_min"), span(to, a, "permanent_max"), span(left, a, "renew_left"), span(user, a, "user_validity"), span(reassign, a, "user_reassign"));
	fprintf(c->out, "    %s without any licence server; up to %" JSON_INTEGER_FORMAT " %% of a version may be taken back\n", span(grace, a, "grace"), json_number(a, "revoke_percent"));
}

static void print_seats(struct cli *c, const json_t *s)
{
	char lease[32], heartbeat[32], grace[32];

	if (json_number(s, "seats") > 0)
		fprintf(c->out, "    seats %" JSON_INTEGER_FORMAT, json_number(s, "seats"));
	else
		fputs("    seats as licence packs say", c->out);
	fprintf(c->out, ", lease %s, heartbeat %s, grace %s, queue %" JSON_INTEGER_FORMAT "\n", span(lease, s, "seat_lease"), span(heartbeat, s, "heartbeat"), span(grace, s, "seat_grace"),
	        json_number(s, "queue"));
}

/* Who may claim, and what happens beyond what there is. */
static void product_policy(struct cli *c, const json_t *p)
{
	const json_t *r;
	size_t i;

	if (json_is_object(json_object_get(p, "seats")))
		print_seats(c, json_object_get(p, "seats"));
	if (json_is_object(json_object_get(p, "access")))
		print_access(c, json_object_get(p, "access"));
	if (strcmp(json_text(p, "policy"), "advise") == 0)
		fputs("    policy advise: what exceeds is granted and booked as debt\n", c->out);
	if (json_array_size(json_object_get(p, "allow")) > 0) {
		fputs("    allowed only: ", c->out);
		print_claims(c, json_object_get(p, "allow"));
	}
	json_array_foreach(json_object_get(p, "reservations"), i, r) {
		fprintf(c->out, "    reservation %s: %" JSON_INTEGER_FORMAT " for ", json_text(r, "name"), json_number(r, "count"));
		print_claims(c, json_object_get(r, "for"));
	}
}

static void product_details(struct cli *c, const json_t *p)
{
	char validity[32], renewal[32], retry[32], window[32];
	const json_t *e;
	size_t i;

	fprintf(c->out, "%s: %s\n    from %s, issuer %s\n", json_text(p, "product"), json_text(p, "title"), json_text(p, "source"),
	        json_text(p, "issuer")[0] != '\0' ? json_text(p, "issuer") : "(none)");
	if (strcmp(json_text(p, "model"), "threshold") == 0)
		fprintf(c->out, "    minimum count %" JSON_INTEGER_FORMAT ", validity %s, renewal %s, retry %s, window %s\n", json_number(p, "minimum_count"),
		        span(validity, p, "validity"), span(renewal, p, "renewal_interval"), span(retry, p, "retry_interval"), span(window, p, "window"));
	product_policy(c, p);
	if (json_flag(p, "record"))
		fputs("    leases are records, not licences\n", c->out);
	if (json_text(p, "refused")[0] != '\0')
		fprintf(c->out, "    %s\n", json_text(p, "refused"));
	else if (!json_flag(p, "served"))
		fprintf(c->out, "    %s\n", json_text(p, "not_served_reason"));
	json_array_foreach(json_object_get(p, "editions"), i, e)
		fprintf(c->out, "    edition %s %s%s\n", json_text(e, "activation_id"), json_text(e, "title"), json_flag(e, "learned") ? " (learned)" : "");
	json_array_foreach(json_object_get(p, "platforms"), i, e)
		fprintf(c->out, "    vendor's host platform: %s%s%s\n", json_text(e, "name"), json_text(e, "update")[0] != '\0' ? ", needs " : "", json_text(e, "update"));
	json_array_foreach(json_object_get(p, "keys"), i, e)
		fprintf(c->out, "    key: %s, %s%s%s\n", json_text(e, "title"), json_text(e, "shape"), json_text(e, "note")[0] != '\0' ? ". " : "", json_text(e, "note"));
	json_array_foreach(json_object_get(p, "media"), i, e)
		fprintf(c->out, "    key on the medium: %s, [%s] %s\n", json_text(e, "path"), json_text(e, "section"), json_text(e, "key"));
	json_array_foreach(json_object_get(p, "programmes"), i, e)
		fprintf(c->out, "    programme: %s, by %s\n", json_text(e, "name"), json_text(e, "number"));
	json_array_foreach(json_object_get(p, "requirements"), i, e)
		fprintf(c->out, "    needs: %s\n", json_text(e, "name"));
}

static int products_list(struct cli *c)
{
	static const struct table_column columns[] = { { "PRODUCT", false }, { "MODEL", false }, { "POOL", false }, { "MINIMUM", true }, { "COUNT", true },
		{ "PHYSICAL", true }, { "VIRTUAL", true }, { "OBSERVED", true }, { "STATE", false }, { "ACTIVATION ID", false }, { "POLICY", false } };
	struct muster_err err;
	struct libscols_table *t;
	json_t *answer = NULL, *listing = NULL;
	const json_t *p;
	const char *command = "";
	char policy[64];
	size_t i, count = COUNT(columns) - 1;
	int r;

	if (api_get(c, "/admin/v1/products", &answer, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	if (c->given[CLI_O_JSON]) {
		r = cli_print_json(c, answer);
		goto done;
	}
	if (api_get(c, "/admin/v1/listing?id=all", &listing, &err) != MUSTER_OK) {
		r = cli_fail(c, &err);
		goto done;
	}
	if (c->given[CLI_O_VERBOSE]) {
		json_array_foreach(json_object_get(answer, "items"), i, p)
			product_details(c, p);
		r = CLI_OK;
		goto done;
	}
	/* The last column is there only where somebody decided something. */
	json_array_foreach(json_object_get(answer, "items"), i, p)
		if (policy_of(p, policy)[0] != '\0')
			count = COUNT(columns);
	if ((t = table_new(c, columns, count, true)) != NULL)
		json_array_foreach(json_object_get(answer, "items"), i, p) {
			product_row(t, p, listing_of(listing, json_text(p, "product")), count);
			/* One that activates the product alone, or the one that leads through all of them. */
			if (json_text(p, "command")[0] != '\0')
				command = command[0] == '\0' || strcmp(command, json_text(p, "command")) == 0 ? json_text(p, "command") : "musterctl setup";
		}
	r = table_end(c, t);
	if (r == CLI_OK && command[0] != '\0')
		fprintf(c->out, "\nNot certified products are counted and answered 0xC004F041. Next: %s\n", command);
done:
	json_decref(listing);
	json_decref(answer);
	return r;
}

static int products_unknown(struct cli *c)
{
	static const struct table_column columns[] = { { "ACTIVATION ID", false }, { "REQUESTS", true }, { "LAST", false } };
	struct muster_err err;
	struct libscols_table *t;
	json_t *answer = NULL;
	const json_t *u;
	size_t i, n;
	int r;

	if (api_get(c, "/admin/v1/products/unknown", &answer, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	n = json_array_size(json_object_get(answer, "items"));
	if (c->given[CLI_O_JSON]) {
		r = cli_print_json(c, answer);
	} else if (n == 0) {
		fputs("Every activation ID asked for is known.\n", c->out);
		r = CLI_OK;
	} else {
		if ((t = table_new(c, columns, COUNT(columns), true)) != NULL)
			json_array_foreach(json_object_get(answer, "items"), i, u) {
				char requests[24], date[32];

				number(requests, u, "requests");
				table_row(t, (const char *[]){ json_text(u, "activation_id"), requests, json_date(u, "last", date) }, 3);
			}
		if ((r = table_end(c, t)) == CLI_OK)
			fputs("\nSay which product one belongs to: musterctl products learn ID --as PRODUCT\n", c->out);
	}
	json_decref(answer);
	return r;
}

static int products_learn(struct cli *c)
{
	struct muster_err err;
	json_t *body = NULL, *answer = NULL;
	uint8_t id[UUID_LEN];
	char text[UUID_TEXT];
	int r;

	if (c->arg_count != 2 || !c->given[CLI_O_AS])
		return cli_say(c, CLI_USAGE, "musterctl products learn ACTIVATION-ID --as PRODUCT [--title TEXT]");
	if (uuid_parse(id, c->args[1], strlen(c->args[1])) != MUSTER_OK)
		return cli_say(c, CLI_USAGE, "\"%s\" is not an activation ID: 8-4-4-4-12 hexadecimal digits", c->args[1]);
	uuid_format(text, id);
	body = json_pack("{s:s, s:s, s:s}", "activation_id", text, "product", c->value[CLI_O_AS], "title",
	                 c->given[CLI_O_TITLE] ? c->value[CLI_O_TITLE] : c->value[CLI_O_AS]);
	if (body == NULL)
		return cli_say(c, CLI_USAGE, "--as and --title must be UTF-8");
	r = api_post(c, "/admin/v1/products/learn", body, &answer, &err);
	json_decref(body);
	if (r != MUSTER_OK)
		return cli_fail(c, &err);
	if (c->given[CLI_O_JSON])
		r = cli_print_json(c, answer);
	else if (json_flag(answer, "in_force"))
		fprintf(c->out, "Activation ID %s now belongs to %s.\n", text, c->value[CLI_O_AS]);
	if (r == CLI_OK && !json_flag(answer, "in_force"))
		r = cli_say(c, CLI_FAILED, "%s is kept for %s, but not in force until the next reload succeeds: %s", text, c->value[CLI_O_AS], json_text(answer, "reason"));
	json_decref(answer);
	return r;
}

int verb_products(struct cli *c)
{
	if (c->arg_count > 0) {
		if (strcasecmp(c->args[0], "learn") != 0)
			return cli_say(c, CLI_USAGE, "products takes \"learn\", not \"%s\"", c->args[0]);
		return products_learn(c);
	}
	if (c->given[CLI_O_AS] || c->given[CLI_O_TITLE])
		return cli_say(c, CLI_USAGE, "--as and --title go with `products learn ACTIVATION-ID`");
	return c->given[CLI_O_UNKNOWN] ? products_unknown(c) : products_list(c);
}

/* "0.3 ms": most answers take microseconds. */
static void longest(char out[32], const json_t *counters)
{
	snprintf(out, 32, "%.3g ms", (double)json_number(counters, "longest_us") / 1000.0);
}

static void plugin_row(struct libscols_table *t, const json_t *p, bool verbose)
{
	const json_t *k = json_object_get(p, "counters");
	char products[24], calls[24], refusals[24], faults[24], slow[24], time[32];

	number(products, p, "products");
	if (!verbose) {
		table_row(t, (const char *[]){ json_text(p, "name"), json_text(p, "version"), json_text(p, "state"), products, json_text(p, "path") }, 5);
		return;
	}
	number(calls, k, "calls");
	number(refusals, k, "refusals");
	number(faults, k, "faults");
	number(slow, k, "slow");
	longest(time, k);
	table_row(t, (const char *[]){ json_text(p, "name"), json_text(p, "version"), json_text(p, "state"), products, calls, refusals, faults, slow, time, json_text(p, "path") }, 10);
}

int verb_plugins(struct cli *c)
{
	static const struct table_column brief[] = { { "PLUGIN", false }, { "VERSION", false }, { "STATE", false }, { "PRODUCTS", true }, { "FILE", false } };
	static const struct table_column whole[] = { { "PLUGIN", false }, { "VERSION", false }, { "STATE", false }, { "PRODUCTS", true }, { "CALLS", true },
		{ "REFUSALS", true }, { "FAULTS", true }, { "SLOW", true }, { "LONGEST", true }, { "FILE", false } };
	bool verbose = c->given[CLI_O_VERBOSE];
	struct muster_err err;
	struct libscols_table *t;
	json_t *answer = NULL;
	const json_t *p;
	size_t i;
	int r;

	if (api_get(c, "/admin/v1/plugins", &answer, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	if (c->given[CLI_O_JSON]) {
		r = cli_print_json(c, answer);
		json_decref(answer);
		return r;
	}
	if ((t = verbose ? table_new(c, whole, COUNT(whole), true) : table_new(c, brief, COUNT(brief), true)) != NULL)
		json_array_foreach(json_object_get(answer, "items"), i, p)
			plugin_row(t, p, verbose);
	r = table_end(c, t);
	json_array_foreach(json_object_get(answer, "items"), i, p)
		if (json_text(p, "reason")[0] != '\0')
			fprintf(c->out, "%s: %s\n", json_text(p, "name"), json_text(p, "reason"));
	json_decref(answer);
	return r;
}
