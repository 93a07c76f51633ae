#include "tests/unit/holdings_fixture.h"

#include "core/base/bytes.h"
#include "core/base/uuid.h"

/* ---- what is below and beside the rules: packs, reservations, embedded keys, the catalog's names ---- */

static struct house *open_house;

uint64_t activation_packs_change(const struct activation *a)
{
	(void)a;
	return open_house->change;
}

int activation_capacity(struct activation *a, const struct catalog_product *p, void (*fn)(void *ctx, const struct activation_capacity *), void *ctx, struct muster_err *err)
{
	struct house *x = open_house;

	(void)a; (void)err;
	for (uint32_t i = 0; p == house_product(x, RDS) && i < VERSIONS; i++) {
		struct activation_capacity c = { .per = MUSTER_PER_DEVICE, .version = x->versions[i].name, .licenses = x->device[x->versions[i].generation] };

		if (c.licenses > 0)
			fn(ctx, &c);
		c.per = MUSTER_PER_USER;
		if ((c.licenses = x->user[x->versions[i].generation]) > 0)
			fn(ctx, &c);
	}
	if (p == house_product(x, CAD) && x->seat > 0)
		fn(ctx, &(struct activation_capacity){ .version = "", .licenses = x->seat, .ends_at = x->seat_ends });
	return MUSTER_OK;
}

/* Every claim is for client IDs that begin with 0xEE, and for names that begin with "ee-". */
bool catalog_claimed(const struct catalog_claim *claims, size_t n, const uint8_t client[16], const char *name, const uint8_t *addr, size_t addr_len)
{
	(void)claims; (void)n; (void)addr; (void)addr_len;
	return client[0] == 0xEE || (name != NULL && strncmp(name, "ee-", 3) == 0);
}

void embedded_judge(struct holdings *h, struct holdings_group *g, struct holdings_request *r) { (void)h; (void)g; (void)r; }
int embedded_load(struct holdings *h, const struct catalog *catalog, struct muster_err *err) { (void)h; (void)catalog; (void)err; return MUSTER_OK; }
void embedded_forget(struct holdings *h) { (void)h; }

const struct catalog_product *catalog_product_named(const struct catalog *c, const char *name)
{
	const struct catalog_product *p;
	size_t n;

	p = catalog_products(c, &n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(p[i].row.name, name) == 0)
			return &p[i];
	return NULL;
}

/* ---- the house ---- */

static uint64_t draw(void *ctx)
{
	struct house *x = ctx;

	x->random = x->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	x->draws++;
	if (x->extreme != 0 && x->draws % x->extreme == 0)
		return x->draws / x->extreme % 2 == 0 ? 0 : (uint64_t)(x->access.permanent_max_s - x->access.permanent_min_s);
	return x->random >> 20;
}

static void note(void *ctx, int level, const char *event, const char *text)
{
	struct house *x = ctx;

	(void)level; (void)text;
	snprintf(x->told, sizeof x->told, "%s", event);
	x->told_count++;
}

struct catalog_product *house_product(struct house *x, enum fix_product which)
{
	return (struct catalog_product *)(uintptr_t)fix_product(x->f, which);
}

void house_reserve(struct house *x, enum fix_product which, uint64_t count)
{
	x->reservation.count = count;
	x->reservation.name = "some";
	house_product(x, which)->reservations = &x->reservation;
	house_product(x, which)->reservation_count = 1;
}

void house_packs(struct house *x)
{
	x->change++;
}

void house_open(struct house *x, struct fix *f)
{
	static const char *const names[VERSIONS] = { "2016", "2019", "2022" };
	struct holdings_options o = { .clock = &f->clock.clock, .ledger = f->l, .random = draw, .event = note, .ctx = x };
	struct catalog_product *p;
	struct muster_err err = { 0 };

	memset(x, 0, sizeof *x);
	x->f = f;
	x->random = 1;
	x->access = (struct muster_access_rules){ .size = sizeof x->access, .temporary_s = MUSTER_DAYS(90), .permanent_min_s = MUSTER_DAYS(52), .permanent_max_s = MUSTER_DAYS(89),
		.renew_left_s = MUSTER_DAYS(7), .user_s = MUSTER_DAYS(60), .user_reassign_s = MUSTER_DAYS(90), .grace_s = MUSTER_DAYS(120), .revoke_percent = 20,
		.versions = { x->versions, VERSIONS, sizeof x->versions[0] } };
	for (uint32_t i = 0; i < VERSIONS; i++)
		x->versions[i] = (struct muster_access_version){ .name = names[i], .title = names[i], .generation = i + 1 };
	x->seats = (struct muster_seats_rules){ .size = sizeof x->seats, .lease_s = 600, .heartbeat_s = 150, .grace_s = 120, .queue_max = 10 };
	p = house_product(x, RDS);
	p->row.model = MUSTER_MODEL_ACCESS;
	p->row.flags = MUSTER_PRODUCT_RECORD;
	p->row.access = &x->access;
	p = house_product(x, CAD);
	p->row.model = MUSTER_MODEL_SEATS;
	p->row.seats = &x->seats;
	open_house = x;
	o.activation = (struct activation *)(uintptr_t)x;   /* asked for packs only, and that is above */
	ck_assert_msg(holdings_open(&x->h, &o, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_msg(holdings_bind(x->h, f->catalog, &err) == MUSTER_OK, "%s", err.message);
}

void house_close(struct house *x)
{
	holdings_free(x->h);
	open_house = NULL;
}

const char *house_id(char out[37], uint32_t id)
{
	uint8_t client[16];

	fix_client_id(client, id);
	uuid_format(out, client);
	return out;
}

void house_request(struct house *x, struct holdings_request *r, enum fix_product which, uint32_t id)
{
	memset(r, 0, sizeof *r);
	r->catalog = x->f->catalog;
	r->product = house_product(x, which);
	fix_client_id(r->client, id);
	r->has_hw = true;
	r->hw[0] = 1;
	be32_put(r->hw + 1, id);
	r->certified = true;
	r->name = "pc";
	r->user = r->version = "";
	r->queue = true;
	r->loopback = true;   /* no limit on new clients, unless the test is about them */
}

uint32_t house_ask(struct house *x, struct holdings_request *r)
{
	struct holdings_group *g;
	struct muster_err err = { 0 };

	holdings_lock(x->h);
	ck_assert_msg(group_begin(&g, x->h, holdings_now(x->h), &err) == MUSTER_OK, "%s", err.message);
	r->code = UINT32_MAX;
	group_ask(g, r);
	(r->product->row.model == MUSTER_MODEL_SEATS ? seats_judge : access_judge)(x->h, g, r);
	ck_assert_uint_ne(r->code, UINT32_MAX);
	ck_assert_msg(group_commit(g, &err) == MUSTER_OK, "%s", err.message);
	holdings_unlock(x->h);
	return r->code;
}

uint32_t house_device(struct house *x, uint32_t id, const char *version, int64_t *until)
{
	struct holdings_request r;

	house_request(x, &r, RDS, id);
	r.per = MUSTER_PER_DEVICE;
	r.version = version;
	house_ask(x, &r);
	if (until != NULL)
		*until = r.until;
	return r.code;
}

uint32_t house_user(struct house *x, const char *user, const char *version, struct holdings_request *out)
{
	struct holdings_request r;

	house_request(x, &r, RDS, 77);
	r.per = MUSTER_PER_USER;
	r.user = user;
	r.version = version;
	house_ask(x, &r);
	if (out != NULL)
		*out = r;
	return r.code;
}

uint32_t house_seat(struct house *x, uint32_t id, struct holdings_request *out)
{
	struct holdings_request r;

	house_request(x, &r, CAD, id);
	house_ask(x, &r);
	if (out != NULL)
		*out = r;
	return r.code;
}

void house_due(struct house *x)
{
	struct holdings_group *g;
	struct muster_err err = { 0 };

	holdings_lock(x->h);
	do {
		ck_assert_msg(group_begin(&g, x->h, holdings_now(x->h), &err) == MUSTER_OK, "%s", err.message);
		ck_assert_msg(group_commit(g, &err) == MUSTER_OK, "%s", err.message);
	} while (x->h->due_more);
	holdings_unlock(x->h);
}

int64_t house_number(struct house *x, const char *per, const char *version, const char *what)
{
	const json_t *one, *list;
	struct muster_err err = { 0 };
	int64_t n = -1;
	json_t *report;
	size_t i;

	ck_assert_msg(holdings_report(x->h, house_product(x, per != NULL ? RDS : CAD), &report, &err) == MUSTER_OK, "%s", err.message);
	one = json_array_get(json_object_get(report, "products"), 0);
	ck_assert_ptr_nonnull(one);
	if (per == NULL) {
		n = json_integer_value(json_object_get(json_object_get(one, "seats"), what));
	} else {
		list = json_object_get(one, "versions");
		for (i = 0; i < json_array_size(list); i++) {
			const json_t *v = json_array_get(list, i);

			if (strcmp(json_string_value(json_object_get(v, "per")), per) == 0 && strcmp(json_string_value(json_object_get(v, "version")), version) == 0) {
				ck_assert(json_is_integer(json_object_get(v, what)));
				n = json_integer_value(json_object_get(v, what));
			}
		}
	}
	json_decref(report);
	return n;
}

struct counting { uint32_t kind; size_t n; int64_t last; };

static int count_one(void *ctx, const struct store_journal *j)
{
	struct counting *c = ctx;

	c->n += j->kind == c->kind;
	c->last = j->seq;
	return 0;
}

size_t house_journal(struct house *x, uint32_t kind)
{
	struct counting c = { .kind = kind };
	struct muster_err err = { 0 };

	for (int64_t before = -1; before != c.last;) {
		before = c.last;
		ck_assert_int_eq(ledger_journal(x->f->l, before, STORE_PAGE_MAX, count_one, &c, &err), MUSTER_OK);
	}
	return c.n;
}

void house_advance(struct house *x, int64_t ms)
{
	clock_manual_advance(&x->f->clock, ms);
}

void house_buy(struct house *x, uint32_t generation, uint32_t device, uint32_t user)
{
	x->device[generation] = device;
	x->user[generation] = user;
	house_packs(x);
}

uint32_t house_permanent(struct house *x, uint32_t id, const char *version)
{
	house_device(x, id, version, NULL);
	return house_device(x, id, version, NULL);
}

int house_take_back(struct house *x, enum fix_product which, const char *holder, const char *version, struct muster_err *err)
{
	json_t *out = NULL;
	int r = holdings_take_back(x->h, "0 root", house_product(x, which), holder, version, "test", &out, err);

	ck_assert((r == MUSTER_OK) == (out != NULL));
	json_decref(out);
	return r;
}
