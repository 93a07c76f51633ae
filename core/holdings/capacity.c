/*
 * What there is to give out: what packs name, what the product's own file says (seats), what was entered by hand (products whose leases are records).
 * In memory; packs are asked again when they change.
 */
#include "core/holdings/internal.h"

#include <stdio.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/mem.h"

#define PAGE 200

/* ---- packs ---- */

struct naming { const struct catalog_product *p; struct holdings_named *of; size_t n; bool failed; };

static uint32_t kind_of_per(uint32_t per)
{
	return per == 0 ? HOLDINGS_SEAT : per == MUSTER_PER_USER ? HOLDINGS_USER : HOLDINGS_DEVICE;
}

static void name_one(void *ctx, const struct activation_capacity *c)
{
	struct naming *x = ctx;
	const struct muster_access_version *v = c->per != 0 ? holdings_version_named(x->p, c->version) : NULL;
	struct holdings_named *grown;

	if (x->failed)
		return;
	if ((grown = mem_grow(x->of, x->n + 1, sizeof *grown)) == NULL) {
		x->failed = true;
		return;
	}
	x->of = grown;
	x->of[x->n++] = (struct holdings_named){ .kind = kind_of_per(c->per), .generation = v != NULL ? v->generation : 0, .licenses = c->licenses, .starts_at = c->starts_at,
	                                         .ends_at = c->ends_at };
}

static void refresh(struct holdings *h, const struct catalog_product *p, struct holdings_known *x)
{
	struct naming naming = { .p = p };
	struct muster_err err = { 0 };
	uint64_t change;
	int r;

	if (h->o.activation == NULL)
		return;
	/* Asked before: what changes while it is read is read again. */
	change = activation_packs_change(h->o.activation);
	if (x->loaded && x->change == change)
		return;
	if ((r = activation_capacity(h->o.activation, p, name_one, &naming, &err)) == MUSTER_OK && naming.failed)
		r = err_nomem(&err);
	if (r != MUSTER_OK) {
		/* What was known goes on; asked again at the next request. */
		holdings_say(h, 4, "holdings", "what licence packs name for %s cannot be read: %s", x->name, err.message);
		mem_free(naming.of);
		return;
	}
	mem_free(x->named);
	x->named = naming.of;
	x->named_count = naming.n;
	x->change = change;
	x->loaded = true;
}

const struct holdings_named *holdings_named_of(struct holdings *h, const struct catalog_product *p, size_t *n)
{
	struct holdings_known *x = holdings_known(h, p);

	*n = 0;
	if (x == NULL)
		return NULL;
	refresh(h, p, x);
	*n = x->named_count;
	return x->named;
}

/* ---- entered by hand ---- */

struct entering { struct holdings_entered *of; size_t n; uint8_t last[64]; size_t last_n, seen; int r; };

static void entered_of(struct holdings_entered *e, const struct store_record *record, const json_t *j)
{
	const char *product = json_string_value(json_object_get(j, "product")), *per = json_string_value(json_object_get(j, "per"));
	const char *version = json_string_value(json_object_get(j, "version"));
	json_int_t licenses = json_integer_value(json_object_get(j, "licenses"));

	memset(e, 0, sizeof *e);
	memcpy(e->id, record->id, sizeof e->id);
	(void)snprintf(e->product, sizeof e->product, "%s", product != NULL ? product : "");
	(void)snprintf(e->version, sizeof e->version, "%s", version != NULL ? version : "");
	e->kind = per == NULL ? 0 : strcmp(per, "device") == 0 ? HOLDINGS_DEVICE : strcmp(per, "user") == 0 ? HOLDINGS_USER : strcmp(per, "seat") == 0 ? HOLDINGS_SEAT : 0;
	e->licenses = licenses > 0 ? (uint64_t)licenses : 0;
}

static int enter_one(void *ctx, const struct store_record *record)
{
	struct entering *x = ctx;
	struct holdings_entered *grown;
	json_t *j;

	memcpy(x->last, record->id, record->id_n);
	x->last_n = record->id_n;
	x->seen++;
	if ((grown = mem_grow(x->of, x->n + 1, sizeof *grown)) == NULL) {
		x->r = MUSTER_E_NOMEM;
		return 1;
	}
	x->of = grown;
	j = json_loadb((const char *)record->data, record->data_n, JSON_REJECT_DUPLICATES, NULL);
	if (j == NULL || record->id_n != sizeof grown->id)
		x->r = MUSTER_E_INVALID;
	else
		entered_of(&x->of[x->n++], record, j);
	json_decref(j);
	return x->r != MUSTER_OK;
}

static int entered_load(struct holdings *h, struct muster_err *err)
{
	struct entering x = { .r = MUSTER_OK };
	uint8_t after[64];
	size_t after_n;
	int r;

	do {
		x.seen = 0;
		after_n = x.last_n;
		memcpy(after, x.last, after_n);
		r = ledger_records(h->o.ledger, HOLDINGS_R_CAPACITY, (struct muster_span){ after, after_n }, PAGE, enter_one, &x, err);
	} while (r == MUSTER_OK && x.r == MUSTER_OK && x.seen > 0);
	if (r == MUSTER_OK && x.r == MUSTER_E_NOMEM)
		r = err_nomem(err);
	else if (r == MUSTER_OK && x.r != MUSTER_OK)
		r = err_set(err, MUSTER_E_IO, "a record \"%s\" of the state file is damaged: put the last backup in its place", HOLDINGS_R_CAPACITY);
	if (r != MUSTER_OK) {
		mem_free(x.of);
		return r;
	}
	mem_free(h->entered);
	h->entered = x.of;
	h->entered_count = x.n;
	h->entered_stale = false;
	return MUSTER_OK;
}

uint64_t holdings_seats(struct holdings *h, const struct catalog_product *p)
{
	uint64_t n;

	holdings_lock(h);
	n = holdings_capacity_of(h, p, HOLDINGS_SEAT, 0);
	holdings_unlock(h);
	return n;
}

static uint64_t entered(struct holdings *h, const struct catalog_product *p, uint32_t kind, uint32_t generation)
{
	uint64_t sum = 0;

	/* Only records may rest on what somebody typed. */
	if ((p->row.flags & MUSTER_PRODUCT_RECORD) == 0)
		return 0;
	if (h->entered_stale) {
		struct muster_err err = { 0 };

		/* What was known goes on; asked again at the next request. */
		if (entered_load(h, &err) != MUSTER_OK)
			holdings_say(h, 4, "holdings", "licences entered by hand cannot be read: %s", err.message);
	}
	for (size_t i = 0; i < h->entered_count; i++) {
		const struct holdings_entered *e = &h->entered[i];
		const struct muster_access_version *v = kind == HOLDINGS_SEAT ? NULL : holdings_version_named(p, e->version);

		if (e->kind == kind && strcmp(e->product, p->row.name) == 0 && (kind == HOLDINGS_SEAT || (v != NULL && v->generation == generation)))
			sum += e->licenses;
	}
	return sum;
}

void holdings_capacity_refresh(struct holdings *h)
{
	h->entered_stale = true;
	for (size_t i = 0; i < h->known_count; i++)
		h->known[i]->loaded = false;
}

/* ---- together ---- */

uint64_t holdings_capacity_of(struct holdings *h, const struct catalog_product *p, uint32_t kind, uint32_t generation)
{
	int64_t now = clock_wall_ms(h->o.clock) / 1000;
	const struct holdings_named *named;
	bool in_packs = false;
	uint64_t sum = 0;
	size_t n;

	named = holdings_named_of(h, p, &n);
	for (size_t i = 0; i < n; i++) {
		if (named[i].kind != kind || named[i].generation != generation || (kind != HOLDINGS_SEAT && generation == 0))
			continue;
		in_packs = in_packs || named[i].starts_at <= now;
		if (named[i].starts_at <= now && (named[i].ends_at == 0 || now < named[i].ends_at))
			sum += named[i].licenses;
	}
	sum += entered(h, p, kind, generation);
	if (kind != HOLDINGS_SEAT || p->row.seats == NULL)
		return sum;
	/* The product's own number stands where nothing else ever named one: packs that ended leave none. An administrator's is a cap besides. */
	if ((sum == 0 && !in_packs) || (p->seats_source == CONFIG_FILE && p->row.seats->seats < sum))
		sum = p->row.seats->seats;
	return sum;
}
