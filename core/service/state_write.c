/* The lines of a state file, as they are written. */
#include "core/service/state_file.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/uuid.h"
#include "core/service/problem.h"

#define HW_TEXT B64_SIZE(32)
#define NAMES_ROOM (STATE_LINE_MAX - 4096)   /* bytes of a machine's names; what else is told of it is shorter */

static json_t *uuid_json(const uint8_t id[16])
{
	char out[UUID_TEXT];

	uuid_format(out, id);
	return uuid_is_nil(id) ? json_null() : json_string(out);
}

int state_head_write(struct buf *out, const struct state_head *h, struct muster_err *err)
{
	json_t *sources = json_array(), *pools = json_array(), *products = json_array();

	for (size_t i = 0; i < h->source_count; i++)
		(void)json_array_append_new(sources, json_pack("{s:o, s:s, s:I, s:I}", "instance", uuid_json(h->sources[i].ledger_id), "name", h->sources[i].name,
		                                               "sequence", (json_int_t)h->sources[i].taken_seq, "at", (json_int_t)h->sources[i].taken_at));
	for (size_t i = 0; i < h->pool_count; i++)
		(void)json_array_append_new(pools, json_pack("{s:s, s:I, s:I}", "name", h->pools[i].name, "window", (json_int_t)h->pools[i].window_s,
		                                             "largest_minimum", (json_int_t)h->pools[i].largest_minimum));
	for (size_t i = 0; i < h->product_count; i++)
		(void)json_array_append_new(products, json_pack("{s:s, s:o, s:I}", "name", h->products[i].name, "activation_id", uuid_json(h->products[i].activation_id),
		                                                "pool", (json_int_t)h->products[i].pool));
	return state_write_json(out, json_pack("{s:i, s:s, s:o, s:I, s:I, s:o, s:o, s:o}", "muster_state", STATE_FILE_VERSION, "host", h->host, "instance", uuid_json(h->instance),
		"sequence", (json_int_t)h->sequence, "at", (json_int_t)h->at, "sources", sources, "pools", pools, "products", products), err);
}

/* ---- writing lines ---- */

static void add_uuid(struct buf *out, const uint8_t id[16])
{
	char t[UUID_TEXT];

	uuid_format(t, id);
	buf_adds(out, t);
}

static void add_hw(struct buf *out, const uint8_t hw[32])
{
	char t[HW_TEXT];

	(void)b64_encode(t, hw, 32);
	buf_addf(out, ",\"hw\":\"%s\"", t);
}

static void add_name(struct buf *out, const char *name)
{
	if (name[0] == '\0')
		return;
	buf_adds(out, ",\"name\":");
	problem_text(out, name);
}

void state_write_use(struct buf *out, const struct store_use *u, uint32_t product, const struct store_part *parts, size_t n)
{
	char addr[HEX_SIZE(16)];

	buf_adds(out, "{\"client\":\"");
	add_uuid(out, u->client);
	buf_addf(out, "\",\"p\":%" PRIu32 ",\"first\":%" PRId64 ",\"last\":%" PRId64 ",\"result\":%" PRIu32 ",\"status\":%u,\"flags\":%" PRIu32, product, u->first, u->last, u->result,
	         (unsigned)u->status, u->flags & (uint32_t)STATE_FLAGS_KNOWN);
	if ((u->flags & STORE_F_MINUTES) != 0)
		buf_addf(out, ",\"minutes\":%" PRId32, u->minutes);
	if ((u->flags & STORE_F_HW) != 0)
		add_hw(out, u->hw);
	add_name(out, u->name);
	if (u->addr_len > 0) {
		hex_encode(addr, u->addr, u->addr_len);
		buf_addf(out, ",\"addr\":\"%s\"", addr);
	}
	buf_adds(out, ",\"by\":[");
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "%s[%" PRIu32 ",%" PRId64 ",%" PRIu64 "]", i > 0 ? "," : "", parts[i].source, parts[i].seq, parts[i].requests);
	buf_adds(out, "]}\n");
}

void state_write_counter(struct buf *out, const struct store_counter *c)
{
	buf_addf(out, "{\"counter\":[%" PRIu32 ",%" PRIu32 ",%u,%" PRIu64 "]}\n", c->source, c->product, (unsigned)c->status, c->n);
}

int state_write_json(struct buf *out, json_t *line, struct muster_err *err)
{
	char *t = line != NULL ? json_dumps(line, JSON_COMPACT) : NULL;

	json_decref(line);
	if (t == NULL)
		return err_nomem(err);
	buf_adds(out, t);
	buf_addc(out, '\n');
	free(t);
	return out->failed ? err_nomem(err) : MUSTER_OK;
}

int state_write_edition(struct buf *out, const struct store_edition *e, struct muster_err *err)
{
	return state_write_json(out, json_pack("{s:o, s:I, s:s}", "edition", uuid_json(e->activation_id), "p", (json_int_t)e->product, "title", e->name), err);
}

int state_write_setting(struct buf *out, const struct store_setting *s, struct muster_err *err)
{
	return state_write_json(out, json_pack("{s:s, s:s, s:s, s:I, s:s}", "setting", s->name, "scope", s->scope, "value", s->value, "at", (json_int_t)s->at, "actor", s->actor), err);
}

void state_write_holding(struct buf *out, const struct store_holding *h)
{
	char holder[HEX_SIZE(STORE_HOLDER_MAX)];

	hex_encode(holder, h->holder, h->holder_n);
	buf_addf(out, "{\"holder\":\"%s\",\"p\":%" PRIu32 ",\"class\":%" PRIu32 ",\"state\":%" PRIu32 ",\"flags\":%" PRIu32 ",\"since\":%" PRId64 ",\"changed\":%" PRId64
	         ",\"number\":%" PRIu32, holder, h->product, h->class_, h->state, h->flags, h->since, h->changed, h->number);
	if (h->until != INT64_MAX)
		buf_addf(out, ",\"until\":%" PRId64, h->until);
	buf_adds(out, ",\"client\":\"");
	add_uuid(out, h->client);
	buf_addc(out, '"');
	if (h->has_hw)
		add_hw(out, h->hw);
	add_name(out, h->name);
	buf_adds(out, "}\n");
}

int state_write_record(struct buf *out, const struct store_record *r, struct muster_err *err)
{
	char id[HEX_SIZE(64)];

	hex_encode(id, r->id, r->id_n);
	return state_write_json(out, json_pack("{s:s, s:s, s:I, s:s%}", "record", r->kind, "id", id, "at", (json_int_t)r->at, "data", (const char *)r->data, r->data_n), err);
}

/* A machine with more names than a line holds keeps the first of them. */
static void fit_names(json_t *names)
{
	size_t used = 0, i;
	const json_t *name;

	json_array_foreach(names, i, name) {
		const char *s = json_string_value(name);

		for (used += 3; s != NULL && *s != '\0'; s++)
			used += *s == '"' || *s == '\\' ? 2 : 1;
		if (used > NAMES_ROOM)
			break;
	}
	while (json_array_size(names) > i)
		(void)json_array_remove(names, json_array_size(names) - 1);
}

int state_write_observed(struct buf *out, enum state_kind kind, json_t *record, struct muster_err *err)
{
	(void)json_object_del(record, "product");
	(void)json_object_del(record, "findings");
	fit_names(json_object_get(record, "names"));
	return state_write_json(out, json_pack("{s:o}", kind == STATE_EVENT ? "event" : "machine", record), err);
}
