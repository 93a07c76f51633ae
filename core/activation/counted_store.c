/* What is stored of machines with counted keys. */
#include "core/activation/counted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

#define DATA_MAX (64u << 10)   /* of a machine's record: the statement is the most of it */

bool counted_key_has(const struct counted_key *k, const uint8_t activation_id[16])
{
	for (size_t i = 0; i < k->product_count; i++)
		if (uuid_equal(k->products[i], activation_id))
			return true;
	return false;
}

void counted_id(uint8_t out[COUNTED_ID], uint32_t number, const uint8_t binding[BINDING_SIZE])
{
	be32_put(out, number);
	memcpy(out + 4, binding, BINDING_SIZE);
}

int counted_installation_id(struct installation_id *out, const struct counted_key *k, const uint8_t binding[BINDING_SIZE], struct muster_err *err)
{
	/* One attempt is all there is: a machine is confirmed once, for good. */
	return installation_id_make(out, k->prk, k->number, k->generation, 0, binding, err);
}

void counted_machine_fini(struct counted_machine *m)
{
	mem_free(m->statement);
	m->statement = NULL;
}

/* ---- reading ---- */

static void text_of(char *out, size_t room, const json_t *j, const char *name)
{
	const char *text = json_string_value(json_object_get(j, name));

	(void)snprintf(out, room, "%s", text != NULL ? text : "");
}

static int of_json(struct counted_machine *m, const json_t *j, bool confirmation)
{
	const char *product = json_string_value(json_object_get(j, "product")), *statement = json_string_value(json_object_get(j, "statement"));

	if (product == NULL || uuid_parse(m->product, product, strlen(product)) != MUSTER_OK)
		return MUSTER_E_INVALID;
	text_of(m->issuer, sizeof m->issuer, j, "issuer");
	text_of(m->installation_id, sizeof m->installation_id, j, "installation_id");
	text_of(m->detail, sizeof m->detail, j, "detail");
	m->wanted_at = json_integer_value(json_object_get(j, "wanted_at"));
	m->asked_at = json_integer_value(json_object_get(j, "asked_at"));
	m->confirmed_at = json_integer_value(json_object_get(j, "confirmed_at"));
	m->code = (uint32_t)json_integer_value(json_object_get(j, "code"));
	if (!confirmation)
		m->state = m->code != 0 ? COUNTED_REFUSED : COUNTED_WANTED;
	else if (statement == NULL)
		m->state = COUNTED_TELEPHONE;
	else
		m->state = COUNTED_CONFIRMED;
	if (statement != NULL && (m->statement = mem_strdup(statement)) == NULL)
		return MUSTER_E_NOMEM;
	return MUSTER_OK;
}

int counted_parse(struct counted_machine *out, const struct store_record *record, struct muster_err *err)
{
	json_error_t e;
	json_t *j = json_loadb((const char *)record->data, record->data_n, 0, &e);
	int r = j == NULL && json_error_code(&e) == json_error_out_of_memory ? MUSTER_E_NOMEM : MUSTER_E_INVALID;

	memset(out, 0, sizeof *out);
	if (j != NULL && record->id_n == COUNTED_ID) {
		out->number = be32_get(record->id);
		memcpy(out->binding, record->id + 4, BINDING_SIZE);
		r = of_json(out, j, strcmp(record->kind, ACTIVATION_R_CONFIRMATION) == 0);
	}
	json_decref(j);
	if (r == MUSTER_E_NOMEM)
		return err_nomem(err);
	return r == MUSTER_OK ? r : err_set(err, MUSTER_E_INVALID, "a stored record of a machine with a counted key cannot be read");
}

static int read_kind(struct activation *a, const char *kind, const uint8_t id[COUNTED_ID], struct counted_machine *out, struct muster_err *err)
{
	struct store_record record = { .id_n = COUNTED_ID };
	struct buf data;
	int r;

	buf_init(&data, DATA_MAX);
	(void)snprintf(record.kind, sizeof record.kind, "%s", kind);
	memcpy(record.id, id, COUNTED_ID);
	if ((r = ledger_record(a->ledger, kind, span_of(id, COUNTED_ID), &data, err)) == MUSTER_OK) {
		record.data = data.p;
		record.data_n = data.n;
		r = counted_parse(out, &record, err);
	}
	buf_fini(&data);
	return r;
}

int counted_read(struct activation *a, uint32_t number, const uint8_t binding[BINDING_SIZE], struct counted_machine *out, struct muster_err *err)
{
	uint8_t id[COUNTED_ID];
	int r;

	memset(out, 0, sizeof *out);
	counted_id(id, number, binding);
	if ((r = read_kind(a, ACTIVATION_R_CONFIRMATION, id, out, err)) == MUSTER_E_NOT_FOUND)
		r = read_kind(a, ACTIVATION_R_WANTED, id, out, err);
	return r == MUSTER_E_NOT_FOUND ? MUSTER_OK : r;
}

static int first_number(void *ctx, const struct store_record *record)
{
	struct { uint32_t number; bool any; } *first = ctx;

	first->any = record->id_n == COUNTED_ID;
	first->number = be32_get(record->id);
	return 1;
}

int counted_next_number(struct activation *a, uint32_t from, uint32_t *number, bool *any, struct muster_err *err)
{
	struct { uint32_t number; bool any; } first = { 0 };
	uint8_t after[COUNTED_ID];
	int r;

	/* Behind every machine of the number before. */
	memset(after, 0xff, sizeof after);
	be32_put(after, from - 1);
	r = ledger_records(a->ledger, ACTIVATION_R_CONFIRMATION, span_of(after, from > 0 ? sizeof after : 0), 1, first_number, &first, err);
	*number = first.number;
	*any = first.any;
	return r;
}

/* ---- writing ---- */

void counted_put(struct act *t, const struct counted_machine *m)
{
	bool confirmed = m->state == COUNTED_CONFIRMED || m->state == COUNTED_TELEPHONE;
	char product[UUID_TEXT];
	uint8_t id[COUNTED_ID];
	json_t *j;

	counted_id(id, m->number, m->binding);
	uuid_format(product, m->product);
	j = json_pack("{s:s, s:s, s:s, s:I, s:I}", "product", product, "issuer", m->issuer, "installation_id", m->installation_id, "wanted_at", (json_int_t)m->wanted_at,
	              "asked_at", (json_int_t)m->asked_at);
	/* Not a record without what its state is known by. */
	if ((confirmed && json_object_set_new(j, "confirmed_at", json_integer(m->confirmed_at)) != 0) ||
	    (m->state == COUNTED_CONFIRMED && json_object_set_new(j, "statement", json_string(m->statement)) != 0) ||
	    (m->state == COUNTED_REFUSED && (json_object_set_new(j, "code", json_integer(m->code)) != 0 || json_object_set_new(j, "detail", json_string(m->detail)) != 0))) {
		json_decref(j);
		j = NULL;
	}
	act_put_json(t, confirmed ? ACTIVATION_R_CONFIRMATION : ACTIVATION_R_WANTED, span_of(id, sizeof id), j);
	if (confirmed)
		act_delete(t, ACTIVATION_R_WANTED, span_of(id, sizeof id));
}

/* ---- keys ---- */

bool counted_key_for(struct activation *a, const uint8_t activation_id[16])
{
	for (size_t i = 0; i < a->key_count; i++)
		if ((a->keys[i].kind == PRODUCT_KEY_MAK || a->keys[i].kind == PRODUCT_KEY_ESU) && key_names(&a->keys[i], activation_id))
			return true;
	return false;
}

int counted_key_find(struct activation *a, uint32_t number, struct counted_key *out, struct muster_err *err)
{
	const struct held_key *k = key_by_number(a, number);
	const struct held_pack *p;
	const struct pack_key *pk;

	memset(out, 0, sizeof *out);
	if (k == NULL || (k->kind != PRODUCT_KEY_MAK && k->kind != PRODUCT_KEY_ESU) || (p = pack_with_key(a, k->issuer_id, k->kind, number, &pk)) == NULL)
		return err_set(err, MUSTER_E_NOT_FOUND, "no such key");
	out->number = number;
	out->kind = k->kind;
	out->generation = pk->generation;
	out->coverage_start = pk->coverage_start;
	out->coverage_end = pk->coverage_end;
	out->allowed = k->allowed;
	out->used = k->used;
	out->product_count = k->product_count;
	memcpy(out->products, k->products, sizeof out->products);
	memcpy(out->issuer_id, k->issuer_id, sizeof out->issuer_id);
	memcpy(out->pack_id, p->pack->id, sizeof out->pack_id);
	memcpy(out->partial, k->partial, sizeof out->partial);
	(void)snprintf(out->issuer, sizeof out->issuer, "%s", p->issuer);
	return key_prk(out->prk, a, k, err);
}
