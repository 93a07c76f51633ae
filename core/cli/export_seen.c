/* Machines and events: those that this host heard itself, and those read from imports, in one order (core/estate/estate.h), a page of each in memory. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/clock.h"
#include "core/base/codes.h"
#include "core/base/mem.h"
#include "core/cli/estate.h"
#include "core/cli/export.h"

#define SAME_CLIENT_MAX 4096   /* products of one machine */
#define TIME_MAX 32

/* What own rows need to look like observed ones. */
struct own {
	struct cli *c;
	char host[256];       /* lower case, as hosts of imports are */
	const json_t *products;
};

static void own_init(struct own *own, struct cli *c, const char *host)
{
	size_t i = 0;

	own->c = c;
	for (; host[i] != '\0' && i + 1 < sizeof(own->host); i++)
		own->host[i] = (char)tolower((unsigned char)host[i]);
	own->host[i] = '\0';
}

/* One form of a time, whoever told it: whole seconds without a fraction. */
static json_t *time_of(const json_t *item, const char *name)
{
	const char *text = json_text(item, name);
	char out[TIME_MAX];
	int64_t ms;

	if (text[0] == '\0' || time_parse_rfc3339(&ms, text, strlen(text)) != MUSTER_OK)
		return json_null();
	time_rfc3339(out, ms);
	if (ms % 1000 != 0)
		snprintf(out + strlen(out) - 1, 8, ".%03dZ", (int)(ms % 1000));
	return json_string(out);
}

/* A result as an HRESULT, as events have it: M-112 is 0xA0000070. */
static json_t *result_of(const json_t *item)
{
	const char *text = json_text(item, "result");
	const struct code_info *info = strncmp(text, "M-", 2) == 0 ? code_find_name(text, strlen(text)) : NULL;
	char out[16];

	if (info == NULL)
		return text[0] != '\0' ? json_string(text) : json_null();
	code_name_hresult(out, info->code);
	return json_string(out);
}

/* Is the row of a machine that was asked for? All are when none was named. */
static bool is_wanted(const struct cli *c, const json_t *item)
{
	for (size_t i = 1; i < c->arg_count; i++)
		if (strcasecmp(json_text(item, "client_id"), c->args[i]) == 0)
			return true;
	return c->arg_count <= 1;
}

static int compare(const json_t *a, const json_t *b, const char *const *members, size_t n)
{
	int d = 0;

	for (size_t i = 0; d == 0 && i < n; i++)
		d = strcmp(json_text(a, members[i]), json_text(b, members[i]));
	return d;
}

/* --host may name another one. */
static bool is_own_host(const struct own *own)
{
	return !own->c->given[CLI_O_HOST] || strcasecmp(own->c->value[CLI_O_HOST], own->host) == 0;
}

/* ---- merging two sources ---- */

struct merged {
	struct export_source *own, *observed;
	int (*own_next)(struct merged *m, json_t **row);
	json_t *a, *b;               /* the next of each */
	bool a_read, b_read;
	/* own machines: rows of one client, which the host lists by product and not by activation ID */
	json_t *same, *ahead;
	size_t at;
	const char *const *order;
	size_t order_count;
	bool same_is_one;            /* equal in order: the same thing */
};

static int plain_next(struct merged *m, json_t **row)
{
	*row = NULL;
	return m->own != NULL ? export_next(m->own, row) : CLI_OK;
}

static int merged_next(struct merged *m, json_t **row)
{
	int r = CLI_OK, d;

	*row = NULL;
	if (!m->a_read && (r = m->own_next(m, &m->a)) != CLI_OK)
		return r;
	m->a_read = true;
	if (!m->b_read && (r = export_next(m->observed, &m->b)) != CLI_OK)
		return r;
	m->b_read = true;
	d = m->a == NULL ? 1 : m->b == NULL ? -1 : compare(m->a, m->b, m->order, m->order_count);
	if (d == 0 && m->same_is_one) {   /* its own export was imported here: the host itself knows best */
		json_decref(m->b);
		m->b = NULL;
		m->b_read = false;
	}
	if (d <= 0) {
		*row = m->a;
		m->a = NULL;
		m->a_read = m->a_read && *row == NULL;
	} else {
		*row = m->b;
		m->b = NULL;
		m->b_read = m->b_read && *row == NULL;
	}
	return CLI_OK;
}

static void merged_free(struct merged *m)
{
	export_source_free(m->own);
	export_source_free(m->observed);
	json_decref(m->a);
	json_decref(m->b);
	json_decref(m->same);
	json_decref(m->ahead);
}

static int write_all(struct merged *m, struct export_out *o, int r)
{
	json_t *row = NULL;

	while (r == CLI_OK && (r = merged_next(m, &row)) == CLI_OK && row != NULL)
		r = export_row(o, row);
	merged_free(m);
	return r;
}

static int observed_source(struct cli *c, const char *path, struct export_convert convert, struct export_source **out)
{
	static const struct { enum cli_option o; const char *name; } filters[] = { { CLI_O_PRODUCT, "product" }, { CLI_O_HOST, "host" } };
	struct buf full;
	int r;

	buf_init(&full, ESTATE_PATH_MAX);
	buf_adds(&full, path);
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		if (c->given[filters[i].o])
			estate_query(&full, filters[i].name, c->value[filters[i].o]);
	r = full.failed ? cli_say(c, CLI_USAGE, "these filters are too long") : export_source_new(out, c, buf_str(&full), convert);
	buf_fini(&full);
	return r;
}

/* ---- machines ---- */

static const char *const machine_order[] = { "client_id", "activation_id", "host" };

static const char *activation_id(const json_t *products, const char *name)
{
	const json_t *p;
	size_t i;

	json_array_foreach(products, i, p)
		if (strcmp(json_text(p, "product"), name) == 0)
			return json_text(p, "activation_id");
	return "";
}

static int own_machine(void *ctx, const json_t *item, json_t **row)
{
	const struct own *own = ctx;
	const char *name = json_text(item, "name");

	if (json_flag(item, "forgotten") || !is_wanted(own->c, item) || !is_own_host(own))
		return 0;
	*row = json_pack("{s:O?, s:s, s:O?, s:s, s:O?, s:o, s:o, s:o, s:O?, s:o, s:O?, s:O?, s:O?, s:s, s:O?}", "client_id", json_object_get(item, "client_id"),
	                 "activation_id", activation_id(own->products, json_text(item, "product")), "product", json_object_get(item, "product"), "host", own->host,
	                 "name", json_object_get(item, "name"), "names", name[0] != '\0' ? json_pack("[s]", name) : json_array(), "first_seen", time_of(item, "first_seen"),
	                 "last_seen", time_of(item, "last_seen"), "requests", json_object_get(item, "requests"), "result", result_of(item),
	                 "license_status", json_object_get(item, "license_status"), "minutes_left", json_object_get(item, "minutes_left"), "virtual", json_object_get(item, "virtual"),
	                 "by", "host", "clone", json_object_get(item, "clone"));
	return *row != NULL ? 0 : -1;
}

static int observed_machine(void *ctx, const json_t *item, json_t **row)
{
	if (!is_wanted(ctx, item))
		return 0;
	if ((*row = json_copy((json_t *)(uintptr_t)item)) == NULL)
		return -1;
	return json_object_set_new(*row, "first_seen", time_of(item, "first_seen")) | json_object_set_new(*row, "last_seen", time_of(item, "last_seen"));
}

/* Insert into the rows of one client, in the order of activation IDs. */
static void keep_in_order(json_t *same, json_t *row)
{
	size_t i = json_array_size(same);

	while (i > 0 && compare(json_array_get(same, i - 1), row, machine_order, 3) > 0)
		i--;
	(void)json_array_insert_new(same, i, row);
}

static int own_machine_next(struct merged *m, json_t **row)
{
	json_t *one = NULL;
	int r;

	*row = NULL;
	if (m->at < json_array_size(m->same)) {
		*row = json_incref(json_array_get(m->same, m->at++));
		return CLI_OK;
	}
	(void)json_array_clear(m->same);
	m->at = 0;
	if (m->ahead != NULL)
		keep_in_order(m->same, m->ahead);
	m->ahead = NULL;
	while ((r = plain_next(m, &one)) == CLI_OK && one != NULL) {
		if (json_array_size(m->same) > 0 && (compare(json_array_get(m->same, 0), one, machine_order, 1) != 0 || json_array_size(m->same) >= SAME_CLIENT_MAX)) {
			m->ahead = one;
			break;
		}
		keep_in_order(m->same, one);
	}
	if (r == CLI_OK && json_array_size(m->same) > 0)
		*row = json_incref(json_array_get(m->same, m->at++));
	return r;
}

int export_machines(struct cli *c, struct export_out *o, const char *host)
{
	struct own own;
	struct merged m = { .own_next = own_machine_next, .same = json_array(), .order = machine_order, .order_count = 3, .same_is_one = true };
	struct muster_err err;
	struct buf path;
	json_t *products = NULL;
	int r = CLI_OK;

	own_init(&own, c, host);
	buf_init(&path, ESTATE_PATH_MAX);
	buf_adds(&path, "/admin/v1/clients");
	if (c->given[CLI_O_PRODUCT])
		estate_query(&path, "product", c->value[CLI_O_PRODUCT]);
	if (api_get(c, "/admin/v1/products", &products, &err) != MUSTER_OK)
		r = cli_fail(c, &err);
	own.products = json_object_get(products, "items");
	if (r == CLI_OK && !c->given[CLI_O_OBSERVED])
		r = export_source_new(&m.own, c, buf_str(&path), (struct export_convert){ own_machine, &own });
	if (r == CLI_OK)
		r = observed_source(c, "/admin/v1/observed/machines", (struct export_convert){ observed_machine, c }, &m.observed);
	r = write_all(&m, o, r);
	buf_fini(&path);
	json_decref(products);
	return r;
}

/* ---- events ---- */

static const char *const event_order[] = { "order" };

/* What events are put in order by: when they were logged, else the client's own time, as digits of one width. */
static int with_order(json_t *row)
{
	const char *at = json_text(row, json_text(row, "logged_at")[0] != '\0' ? "logged_at" : "at");
	int64_t ms = 0;

	if (at[0] != '\0')
		(void)time_parse_rfc3339(&ms, at, strlen(at));
	return json_object_set_new(row, "order", json_sprintf("%020lld", (long long)ms));
}

static bool is_product(const struct cli *c, const json_t *item)
{
	return !c->given[CLI_O_PRODUCT] || strcmp(json_text(item, "product"), c->value[CLI_O_PRODUCT]) == 0;
}

static int own_event(void *ctx, const json_t *item, json_t **row)
{
	static const char *const same[] = { "minimum_count", "name", "client_id", "virtual", "license_status", "minutes_left", "activation_id", "product" };
	const struct own *own = ctx;
	bool request = json_text(item, "client_id")[0] != '\0';
	int failed = 0;

	/* Releases, and what the host says of itself beside 12291 and 12292, have no number and so no place among these events. */
	if (!json_is_integer(json_object_get(item, "id")) || !is_wanted(own->c, item) || !is_product(own->c, item) || !is_own_host(own))
		return 0;
	if ((*row = json_pack("{s:O, s:s, s:o, s:O}", "id", json_object_get(item, "id"), "host", own->host, "logged_at", time_of(item, "at"), "record", json_object_get(item, "seq"))) == NULL)
		return -1;
	if (request)
		failed |= json_object_set_new(*row, "result", result_of(item)) | json_object_set_new(*row, "at", time_of(item, "seen"));
	for (size_t i = 0; request && i < sizeof(same) / sizeof(same[0]); i++)
		failed |= json_object_set(*row, same[i], json_object_get(item, same[i]));
	return failed | with_order(*row);
}

static int observed_event(void *ctx, const json_t *item, json_t **row)
{
	const struct cli *c = ctx;

	if (!is_wanted(c, item) || !is_product(c, item) || (c->given[CLI_O_HOST] && strcasecmp(json_text(item, "host"), c->value[CLI_O_HOST]) != 0))
		return 0;
	if ((*row = json_copy((json_t *)(uintptr_t)item)) == NULL)
		return -1;
	return json_object_set_new(*row, "logged_at", time_of(item, "logged_at")) | json_object_set_new(*row, "at", time_of(item, "at")) | with_order(*row);
}

int export_events(struct cli *c, struct export_out *o, const char *host)
{
	struct own own = { 0 };
	struct merged m = { .own_next = plain_next, .order = event_order, .order_count = 1 };
	int r = CLI_OK;

	own_init(&own, c, host);
	if (!c->given[CLI_O_OBSERVED])
		r = export_source_new(&m.own, c, "/admin/v1/events", (struct export_convert){ own_event, &own });
	if (r == CLI_OK)
		r = export_source_new(&m.observed, c, "/admin/v1/observed/events", (struct export_convert){ observed_event, c });
	return write_all(&m, o, r);
}
