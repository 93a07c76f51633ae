/* Bought licences entered by hand, for products whose leases are records: nobody else could say how many there are. */
#include "core/holdings/internal.h"

#include <stdio.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define ID 8
#define LICENSES_MAX 100000000
#define NOTE_MAX 256

struct entry { const char *per, *version, *note; json_int_t licenses; };

static int read_per(struct entry *e, const struct catalog_product *p, struct muster_err *err)
{
	uint32_t per;

	if (p->row.model == MUSTER_MODEL_SEATS) {
		if (strcmp(e->per, "seat") != 0 || *e->version != '\0')
			return err_set(err, MUSTER_E_INVALID, "%s has seats: per is \"seat\", and there is no version", p->row.name);
		return MUSTER_OK;
	}
	per = strcmp(e->per, "device") == 0 ? MUSTER_PER_DEVICE : strcmp(e->per, "user") == 0 ? MUSTER_PER_USER : 0;
	if (per == 0)
		return err_set(err, MUSTER_E_INVALID, "per: \"device\" or \"user\"");
	if (p->row.access->per != 0 && (p->row.access->per & per) == 0)
		return err_set(err, MUSTER_E_INVALID, "per: %s is not licensed per %s", p->row.name, e->per);
	if (holdings_version_named(p, e->version) == NULL)
		return err_set(err, MUSTER_E_INVALID, "version: %s has no version \"%.64s\"", p->row.name, e->version);
	return MUSTER_OK;
}

static int read_entry(struct entry *e, const struct catalog_product *p, const json_t *what, struct muster_err *err)
{
	const json_t *licenses = json_object_get(what, "licenses");
	const char *per = json_string_value(json_object_get(what, "per")), *version = json_string_value(json_object_get(what, "version"));
	const char *note = json_string_value(json_object_get(what, "note"));
	int r;

	*e = (struct entry){ per != NULL ? per : "", version != NULL ? version : "", note != NULL ? note : "", json_integer_value(licenses) };
	if ((r = read_per(e, p, err)) != MUSTER_OK)
		return r;
	if (!json_is_integer(licenses) || e->licenses < 1 || e->licenses > LICENSES_MAX)
		return err_set(err, MUSTER_E_INVALID, "licenses: a whole number from 1 to %d", LICENSES_MAX);
	if (strlen(e->note) > NOTE_MAX)
		return err_set(err, MUSTER_E_INVALID, "note: longer than %d bytes", NOTE_MAX);
	return MUSTER_OK;
}

static void journal(struct store_journal *j, int64_t at, uint32_t kind, const char *actor, const char *product)
{
	j->at = at;
	j->kind = kind;
	(void)snprintf(j->actor, sizeof j->actor, "%s", actor);
	(void)snprintf(j->object, sizeof j->object, "%s", product);
}

/* One change with its journal row; what there is is asked for anew afterwards. */
static int commit(struct holdings *h, struct store_change *c, struct muster_err *err)
{
	int r = ledger_transact(holdings_ledger(h), c, 1, err);

	holdings_capacity_refresh(h);   /* also when the outcome is not known */
	return r;
}

static int write_entry(struct holdings *h, const char *actor, const struct catalog_product *p, const struct entry *e, json_t **out, struct muster_err *err)
{
	char id[HEX_SIZE(ID)], at[TIME_RFC3339], *text;
	struct store_record record = { .kind = HOLDINGS_R_CAPACITY, .id_n = ID };
	struct store_change c = { .kind = STORE_RECORD_INSERT, .record = &record };
	int64_t now = holdings_now(h);
	json_t *j;
	int r;

	random_bytes(record.id, ID);
	hex_encode(id, record.id, ID);
	time_rfc3339(at, now);
	j = json_pack("{s:s, s:s, s:s, s:I, s:s}", "product", p->row.name, "per", e->per, "version", e->version, "licenses", e->licenses, "note", e->note);
	text = j != NULL ? json_dumps(j, JSON_COMPACT) : NULL;
	if (text == NULL) {
		json_decref(j);
		return err_nomem(err);
	}
	record.data = (const uint8_t *)text;
	record.data_n = strlen(text);
	journal(&c.journal, now, HOLDINGS_J_CAPACITY, actor, p->row.name);
	(void)snprintf(c.journal.detail, sizeof c.journal.detail, "%lld per %s%s%s%s%s", (long long)e->licenses, e->per, *e->version != '\0' ? " " : "", e->version,
	               *e->note != '\0' ? ": " : "", e->note);
	r = commit(h, &c, err);
	free(text);
	if (r == MUSTER_OK && (json_object_set_new(j, "id", json_string(id)) != 0 || json_object_set_new(j, "entered_at", json_string(at)) != 0))
		r = err_nomem(err);
	if (r == MUSTER_OK)
		*out = json_incref(j);
	json_decref(j);
	return r;
}

int holdings_capacity_add(struct holdings *h, const char *actor, const struct catalog_product *product, const json_t *what, json_t **out, struct muster_err *err)
{
	struct entry e;
	int r;

	*out = NULL;
	if (product->row.model != MUSTER_MODEL_ACCESS && product->row.model != MUSTER_MODEL_SEATS)
		return err_set(err, MUSTER_E_INVALID, "%s has neither access licences nor seats", product->row.name);
	if ((product->row.flags & MUSTER_PRODUCT_RECORD) == 0)
		return err_set(err, MUSTER_E_INVALID, "licences of %s come in licence packs of its publisher; only those of products whose leases are records are entered by hand",
		               product->row.name);
	if ((r = read_entry(&e, product, what, err)) != MUSTER_OK)
		return r;
	holdings_lock(h);
	r = write_entry(h, actor, product, &e, out, err);
	holdings_unlock(h);
	return r;
}

static int remove_entry(struct holdings *h, const char *actor, const uint8_t id[ID], const char *text, json_t **out, struct muster_err *err)
{
	struct store_record record = { .kind = HOLDINGS_R_CAPACITY, .id_n = ID };
	struct store_change c = { .kind = STORE_RECORD_DELETE, .record = &record };
	struct buf data;
	const char *product;
	json_t *j = NULL;
	int r;

	buf_init(&data, STORE_RECORD_MAX);
	memcpy(record.id, id, ID);
	r = ledger_record(holdings_ledger(h), HOLDINGS_R_CAPACITY, span_of(id, ID), &data, err);
	if (r == MUSTER_E_NOT_FOUND)
		r = err_set(err, r, "id: no licences were entered under \"%s\"", text);
	if (r != MUSTER_OK)
		goto done;
	j = json_loadb((const char *)data.p, data.n, 0, NULL);
	product = json_string_value(json_object_get(j, "product"));
	journal(&c.journal, holdings_now(h), HOLDINGS_J_CAPACITY_REMOVE, actor, product != NULL ? product : "");
	(void)snprintf(c.journal.detail, sizeof c.journal.detail, "%s: %s", text, buf_str(&data));
	if ((r = commit(h, &c, err)) != MUSTER_OK)
		goto done;
	*out = json_pack("{s:s, s:s}", "id", text, "message", "Removed. What was given out of it stays until its end, and is shown as over where there is too little.");
	r = *out != NULL ? MUSTER_OK : err_nomem(err);
done:
	json_decref(j);
	buf_fini(&data);
	return r;
}

int holdings_capacity_remove(struct holdings *h, const char *actor, const char *id, json_t **out, struct muster_err *err)
{
	uint8_t raw[ID];
	int r;

	*out = NULL;
	if (hex_decode(raw, sizeof raw, id, strlen(id)) != MUSTER_OK)
		return err_set(err, MUSTER_E_INVALID, "id: %d hexadecimal digits, as the report names them", 2 * ID);
	holdings_lock(h);
	r = remove_entry(h, actor, raw, id, out, err);
	holdings_unlock(h);
	return r;
}
