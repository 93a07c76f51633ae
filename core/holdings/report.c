/* What there is and what is given out, by product and version; who holds what. */
#include "core/holdings/rules.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

#define DUE_ROUNDS 50        /* slices of ended rows that are given back before numbers are told */
#define QUEUE_SHOWN 100
#define CURSOR (8 + 2 * STORE_HOLDER_MAX + 1)

static json_t *count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *time_or_null(int64_t ms)
{
	char text[TIME_RFC3339];

	if (ms == INT64_MAX || ms == 0)
		return json_null();
	time_rfc3339(text, ms);
	return json_string(text);
}

static uint64_t kept(struct holdings_group *g, const struct catalog_product *p, uint32_t kind)
{
	struct holdings_request nobody = { .product = p, .name = "", .user = "", .version = "" };

	return p->reservation_count > 0 ? holdings_reserved_for_others(g, p, kind, &nobody) : 0;
}

/* ---- access licences ---- */

static int version_add(json_t *list, const struct holdings_group *g, const struct catalog_product *p, const struct access_lines *a, const struct access_line *l, uint64_t reserved)
{
	uint32_t class_ = HOLDINGS_CLASS(a->kind, l->generation);
	uint64_t beyond = access_over(g, a->product, a->kind, l->generation) + (l->out > l->licenses ? l->out - l->licenses : 0);
	uint64_t temporary = group_sum(g, a->product, class_, HOLDINGS_TEMPORARY);
	uint64_t revoked = a->kind == HOLDINGS_DEVICE ? group_sum(g, a->product, HOLDINGS_CLASS(HOLDINGS_REVOKED, l->generation), HOLDINGS_TAKEN) : 0;
	uint64_t revocable = a->kind == HOLDINGS_DEVICE ? access_revocable(l->licenses, revoked, p->row.access->revoke_percent) : 0;
	const struct muster_access_version *v = access_version_of(p, l->generation);
	char name[MUSTER_NAME_MAX + 1];

	/* Versions that nobody bought or asked for are noise, but one line shows that the product is there. */
	if (l->licenses + l->out + beyond + temporary + revoked == 0 && l->generation != access_server(p))
		return 0;
	(void)holdings_version_text(name, p, l->generation);
	return json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "version", name,
		"title", v != NULL && v->title != NULL ? v->title : name, "per", a->kind == HOLDINGS_USER ? "user" : "device", "bought", count(l->licenses), "issued", count(l->out),
		"temporary", count(temporary), "over", count(beyond), "revoked", count(revoked), "revocable", count(revocable),
		"kept", count(group_sum(g, a->product, class_, HOLDINGS_KEPT)), "free", count(l->licenses > l->out ? l->licenses - l->out : 0), "reserved", count(reserved)));
}

static int versions_add(json_t *list, struct holdings *h, struct holdings_group *g, const struct catalog_product *p, uint32_t kind, struct muster_err *err)
{
	struct access_lines a;
	uint64_t reserved, *of;
	int r;

	if ((r = access_lines_init(&a, h, g, p, kind, err)) != MUSTER_OK)
		return r;
	reserved = kept(g, p, kind);
	if ((of = mem_array(a.n + 1, sizeof *of)) == NULL) {
		access_lines_fini(&a);
		return err_nomem(err);
	}
	/* Reservations name no version: shown where something is free, the newest first, as what is older is given out first. */
	for (size_t i = a.n; i > 0; i--) {
		uint64_t free = a.l[i - 1].licenses > a.l[i - 1].out ? a.l[i - 1].licenses - a.l[i - 1].out : 0;

		of[i - 1] = free < reserved ? free : reserved;
		reserved -= of[i - 1];
	}
	for (size_t i = 0; i < a.n && r == MUSTER_OK; i++)
		if (version_add(list, g, p, &a, &a.l[i], of[i]) != 0)
			r = err_nomem(err);
	mem_free(of);
	access_lines_fini(&a);
	return r;
}

static int access_report(json_t *to, struct holdings *h, struct holdings_group *g, const struct catalog_product *p, struct muster_err *err)
{
	uint32_t per = p->row.access->per != 0 ? p->row.access->per : (MUSTER_PER_DEVICE | MUSTER_PER_USER);
	char server[MUSTER_NAME_MAX + 1];
	json_t *list = json_array();
	int r = MUSTER_OK;

	if (json_object_set_new(to, "server_version", json_string(holdings_version_text(server, p, access_server(p)))) != 0 || json_object_set_new(to, "versions", list) != 0)
		return err_nomem(err);
	if ((per & MUSTER_PER_DEVICE) != 0)
		r = versions_add(list, h, g, p, HOLDINGS_DEVICE, err);
	if (r == MUSTER_OK && (per & MUSTER_PER_USER) != 0)
		r = versions_add(list, h, g, p, HOLDINGS_USER, err);
	return r;
}

/* ---- seats ---- */

static void queue_one(void *ctx, uint32_t position, const uint8_t client[16], int64_t asked)
{
	char id[UUID_TEXT];

	if (position > QUEUE_SHOWN)
		return;
	uuid_format(id, client);
	(void)json_array_append_new(ctx, json_pack("{s:o, s:s, s:o}", "position", count(position), "client_id", id, "asked_at", time_or_null(asked)));
}

static int seats_report(json_t *to, struct holdings *h, struct holdings_group *g, const struct catalog_product *p, struct muster_err *err)
{
	uint32_t product = holdings_number(h, p);
	uint64_t seats = holdings_capacity_of(h, p, HOLDINGS_SEAT, 0), within = seats_within(g, product), over = seats_over(g, product);
	uint64_t free = seats > within + over ? seats - within - over : 0, reserved = kept(g, p, HOLDINGS_SEAT);
	struct seats_queue *queue = rules_queue(holdings_rules(h), product);
	json_t *list = json_array();

	if (queue == NULL || json_object_set_new(to, "queue", list) != 0)
		return err_nomem(err);
	seats_queue_age(queue, group_now(g));
	seats_queue_each(queue, queue_one, list);
	if (json_object_set_new(to, "seats", json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "bought", count(seats), "issued", count(within),
	                                              "over", count(over + (within > seats ? within - seats : 0)), "ending", count(group_sum(g, product, SEATS_CLASS, HOLDINGS_ENDING)),
	                                              "free", count(free), "reserved", count(reserved < free ? reserved : free), "waiting", count(seats_queue_count(queue)))) != 0)
		return err_nomem(err);
	return MUSTER_OK;
}

/* ---- what was entered by hand ---- */

struct entered { json_t *list; const char *product; uint8_t last[64]; size_t last_n, seen; };

static int entered_one(void *ctx, const struct store_record *record)
{
	struct entered *x = ctx;
	char id[HEX_SIZE(sizeof record->id)];
	json_t *j = json_loadb((const char *)record->data, record->data_n, 0, NULL);

	x->seen++;
	memcpy(x->last, record->id, record->id_n);
	x->last_n = record->id_n;
	if (json_is_object(j) && json_is_string(json_object_get(j, "product")) && strcmp(json_string_value(json_object_get(j, "product")), x->product) == 0) {
		hex_encode(id, record->id, record->id_n);
		(void)json_object_del(j, "product");
		(void)json_object_set_new(j, "id", json_string(id));
		(void)json_object_set_new(j, "entered_at", time_or_null(record->at));
		(void)json_array_append(x->list, j);
	}
	json_decref(j);
	return 0;
}

static int entered_report(json_t *to, struct holdings *h, const struct catalog_product *p, struct muster_err *err)
{
	struct entered x = { .list = json_array(), .product = p->row.name };
	uint8_t after[64];
	size_t n;
	int r;

	if (json_object_set_new(to, "entered", x.list) != 0)
		return err_nomem(err);
	do {
		x.seen = 0;
		n = x.last_n;
		memcpy(after, x.last, n);
		r = ledger_records(holdings_ledger(h), HOLDINGS_R_CAPACITY, span_of(after, n), STORE_PAGE_MAX, entered_one, &x, err);
	} while (r == MUSTER_OK && x.seen == STORE_PAGE_MAX);
	return r;
}

/* ---- the report ---- */

static bool is_ours(const struct catalog_product *p)
{
	return p->enabled && holdings_serve(p) && (p->row.model != MUSTER_MODEL_ACCESS || p->row.access != NULL);
}

static int product_report(json_t *list, struct holdings *h, struct holdings_group *g, const struct catalog_product *p, struct muster_err *err)
{
	static const char *const models[] = { [MUSTER_MODEL_EMBEDDED] = "embedded", [MUSTER_MODEL_ACCESS] = "access", [MUSTER_MODEL_SEATS] = "seats" };
	json_t *reservations = json_array(), *j;
	char id[UUID_TEXT];
	int r = MUSTER_OK;

	uuid_format(id, p->row.activation_id);
	for (size_t i = 0; i < p->reservation_count; i++)
		(void)json_array_append_new(reservations, json_pack("{s:s, s:o}", "name", p->reservations[i].name, "count", count(p->reservations[i].count)));
	j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:o}", "product", p->row.name, "title", p->row.title, "activation_id", id, "model", models[p->row.model],
	              "policy", p->advise ? "advise" : "enforce", "record", (p->row.flags & MUSTER_PRODUCT_RECORD) != 0, "reservations", reservations);
	if (j == NULL)
		return err_nomem(err);
	if (p->row.model == MUSTER_MODEL_ACCESS)
		r = access_report(j, h, g, p, err);
	else if (p->row.model == MUSTER_MODEL_SEATS)
		r = seats_report(j, h, g, p, err);
	else if (json_object_set_new(j, "presented", count(group_sum(g, holdings_number(h, p), HOLDINGS_CLASS(HOLDINGS_EMBEDDED, 0), HOLDINGS_PRESENTED))) != 0)
		r = err_nomem(err);
	if (r == MUSTER_OK && p->row.model != MUSTER_MODEL_EMBEDDED)
		r = entered_report(j, h, p, err);
	if (r == MUSTER_OK && json_array_append(list, j) != 0)
		r = err_nomem(err);
	json_decref(j);
	return r;
}

/* What has ended is given back first, so that numbers are those of now. */
static int up_to_now(struct holdings *h, struct holdings_group **g, struct muster_err *err)
{
	int r;

	for (unsigned i = 0; (r = group_begin(g, h, holdings_now(h), err)) == MUSTER_OK && h->due_more && i < DUE_ROUNDS; i++)
		if ((r = group_commit(*g, err)) != MUSTER_OK)
			break;
	return r;
}

int holdings_report(struct holdings *h, const struct catalog_product *product, json_t **out, struct muster_err *err)
{
	const struct catalog_product *all;
	struct holdings_group *g = NULL;
	json_t *list = json_array();
	size_t n = 0;
	int r;

	*out = NULL;
	if (list == NULL)
		return err_nomem(err);
	holdings_lock(h);
	if ((r = up_to_now(h, &g, err)) == MUSTER_OK) {
		all = h->catalog != NULL ? catalog_products(h->catalog, &n) : NULL;
		if (product != NULL)
			r = is_ours(product) ? product_report(list, h, g, product, err) : MUSTER_OK;
		for (size_t i = 0; product == NULL && i < n && r == MUSTER_OK; i++)
			if (is_ours(&all[i]))
				r = product_report(list, h, g, &all[i], err);
		if (r == MUSTER_OK)
			r = group_commit(g, err);
		else
			group_drop(g);
	}
	holdings_unlock(h);
	if (r != MUSTER_OK) {
		json_decref(list);
		return r;
	}
	*out = json_pack("{s:o}", "products", list);
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}

/* ---- who holds what ---- */

static const char *state_word(const struct store_holding *row)
{
	static const char *const words[] = {
		[HOLDINGS_TEMPORARY] = "temporary", [HOLDINGS_PERMANENT] = "permanent", [HOLDINGS_ENDED] = "ended", [HOLDINGS_ASSIGNED] = "assigned", [HOLDINGS_TAKEN] = "taken back",
		[HOLDINGS_OUT] = "out", [HOLDINGS_ENDING] = "ending", [HOLDINGS_PRESENTED] = "presented", [HOLDINGS_KEPT] = "kept", [HOLDINGS_PERMANENT_OVER] = "permanent",
		[HOLDINGS_ASSIGNED_OVER] = "assigned", [HOLDINGS_OUT_OVER] = "out"
	};

	if (HOLDINGS_KIND(row->class_) == HOLDINGS_SEAT && (row->flags & HOLDINGS_F_GRACE) != 0)
		return "grace";
	if (row->state == HOLDINGS_ENDED && (row->flags & HOLDINGS_F_TAKEN) != 0)
		return "taken back";
	return row->state < sizeof words / sizeof words[0] && words[row->state] != NULL ? words[row->state] : "unknown";
}

static const char *kind_word(uint32_t kind)
{
	static const char *const words[] = { "unknown", "device", "user", "revoked", "seat", "embedded" };

	return kind < sizeof words / sizeof words[0] ? words[kind] : words[0];
}

struct listing { const struct catalog_product *p; json_t *items; char cursor[CURSOR]; };

static int list_one(void *ctx, const struct store_holding *row)
{
	struct listing *x = ctx;
	uint32_t kind = HOLDINGS_KIND(row->class_);
	char version[MUSTER_NAME_MAX + 1], client[UUID_TEXT], hex[HEX_SIZE(STORE_HOLDER_MAX)];
	bool of_version = kind == HOLDINGS_DEVICE || kind == HOLDINGS_USER || kind == HOLDINGS_REVOKED;

	hex_encode(hex, row->holder, row->holder_n);
	(void)snprintf(x->cursor, sizeof x->cursor, "%08x%s", row->class_, hex);
	uuid_format(client, row->client);
	(void)json_array_append_new(x->items, json_pack("{s:s, s:s, s:s, s:s?, s:s, s:b, s:o, s:o, s:o, s:s?, s:s, s:o}", "product", x->p->row.name,
		"holder", kind == HOLDINGS_USER ? row->name : client, "kind", kind_word(kind),
		"version", of_version ? holdings_version_text(version, x->p, HOLDINGS_GENERATION(row->class_)) : NULL, "state", state_word(row), "over", (row->flags & HOLDINGS_F_OVER) != 0,
		"since", time_or_null(row->since), "until", time_or_null(row->until), "changed", time_or_null(row->changed),
		"client_id", bytes_zero(row->client, sizeof row->client) ? NULL : client, "name", row->name, "number", kind == HOLDINGS_EMBEDDED ? count(row->number) : json_null()));
	return 0;
}

static int read_cursor(const char *after, uint32_t *class_, uint8_t holder[STORE_HOLDER_MAX], size_t *n, struct muster_err *err)
{
	uint8_t raw[4];
	size_t length = after != NULL ? strlen(after) : 0;

	*class_ = 0;
	*n = 0;
	if (length == 0)
		return MUSTER_OK;
	if (length < 8 + 2 || length >= CURSOR || length % 2 != 0 || hex_decode(raw, sizeof raw, after, 8) != MUSTER_OK ||
	    hex_decode(holder, (length - 8) / 2, after + 8, length - 8) != MUSTER_OK)
		return err_set(err, MUSTER_E_INVALID, "after: \"%.80s\" is not what this list gave as next", after);
	*class_ = be32_get(raw);
	*n = (length - 8) / 2;
	return MUSTER_OK;
}

int holdings_list(struct holdings *h, const struct catalog_product *product, const char *after, size_t limit, json_t **out, struct muster_err *err)
{
	struct listing x = { .p = product, .items = json_array() };
	uint8_t holder[STORE_HOLDER_MAX];
	uint32_t class_, number;
	size_t n;
	int r;

	*out = NULL;
	if (x.items == NULL)
		return err_nomem(err);
	if (limit == 0 || limit > STORE_PAGE_MAX)
		limit = STORE_PAGE_MAX;
	holdings_lock(h);
	number = holdings_number(h, product);
	holdings_unlock(h);
	if ((r = read_cursor(after, &class_, holder, &n, err)) == MUSTER_OK && number != 0)
		r = ledger_holdings(holdings_ledger(h), number, class_, span_of(holder, n), limit, list_one, &x, err);
	if (r != MUSTER_OK) {
		json_decref(x.items);
		return r;
	}
	*out = json_pack("{s:s?, s:o}", "next", json_array_size(x.items) == limit ? x.cursor : NULL, "items", x.items);
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}
