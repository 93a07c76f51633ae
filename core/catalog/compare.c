/* What a reload changed, in words. */
#include "core/catalog/catalog_private.h"

#include <stdio.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/uuid.h"

struct lines { void (*fn)(void *ctx, const char *text); void *ctx; struct buf *b; bool failed; };

/** One line when anything was appended since the product's name: "changed office2013: minimum_count 5 -> 1, pool a -> b". */
static void flush(struct lines *l, size_t head)
{
	if (l->b->n > head && !l->b->failed)
		l->fn(l->ctx, buf_str(l->b));
	l->failed |= l->b->failed;
	buf_clear(l->b);
}

static void number(struct lines *l, size_t head, const char *what, uint64_t a, uint64_t b)
{
	if (a != b)
		buf_addf(l->b, "%s%s %llu -> %llu", l->b->n > head ? ", " : "", what, (unsigned long long)a, (unsigned long long)b);
}

static void words(struct lines *l, size_t head, const char *what, const char *a, const char *b)
{
	a = a != NULL ? a : "none";
	b = b != NULL ? b : "none";
	if (strcmp(a, b) != 0)
		buf_addf(l->b, "%s%s %s -> %s", l->b->n > head ? ", " : "", what, a, b);
}

static void identity(struct lines *l, size_t head, const char *what, const uint8_t a[16], const uint8_t b[16])
{
	char x[UUID_TEXT], y[UUID_TEXT];

	uuid_format(x, a);
	uuid_format(y, b);
	words(l, head, what, x, y);
}

/** Who may claim, as one line. */
static void claims_line(struct buf *out, const struct catalog_claim *claims, size_t n)
{
	char text[CATALOG_CLAIM_TEXT];

	for (size_t i = 0; i < n; i++)
		buf_addf(out, "%s%s", i > 0 ? ", " : "", catalog_claim_text(text, &claims[i]));
}

static void compare_claims(struct lines *l, size_t head, const char *what, const struct catalog_claim *a, size_t an, const struct catalog_claim *b, size_t bn, const char *none)
{
	struct buf x, y;

	buf_init(&x, 262144);
	buf_init(&y, 262144);
	claims_line(&x, a, an);
	claims_line(&y, b, bn);
	if (x.failed || y.failed)
		l->failed = true;
	else
		words(l, head, what, an > 0 ? buf_str(&x) : none, bn > 0 ? buf_str(&y) : none);
	buf_fini(&x);
	buf_fini(&y);
}

static const struct catalog_reservation *reservation_named(const struct catalog_product *p, const char *name)
{
	for (size_t i = 0; i < p->reservation_count; i++)
		if (strcmp(p->reservations[i].name, name) == 0)
			return &p->reservations[i];
	return NULL;
}

static void compare_reservations(struct lines *l, size_t head, const struct catalog_product *p, const struct catalog_product *q)
{
	char what[96];

	for (size_t i = 0; i < q->reservation_count; i++) {
		const struct catalog_reservation *b = &q->reservations[i], *a = reservation_named(p, b->name);

		(void)snprintf(what, sizeof what, "reservation %s", b->name);
		number(l, head, what, a != NULL ? a->count : 0, b->count);
		(void)snprintf(what, sizeof what, "reservation %s for", b->name);
		if (a != NULL)
			compare_claims(l, head, what, a->claims, a->claim_count, b->claims, b->claim_count, "nobody");
	}
	for (size_t i = 0; i < p->reservation_count; i++) {
		(void)snprintf(what, sizeof what, "reservation %s", p->reservations[i].name);
		if (reservation_named(q, p->reservations[i].name) == NULL)
			number(l, head, what, p->reservations[i].count, 0);
	}
}

static void compare_rules(struct lines *l, size_t head, const struct catalog_product *p, const struct catalog_product *q)
{
	static const struct muster_seats_rules no_seats;
	static const struct muster_access_rules no_access;
	const struct muster_seats_rules *a = p->row.seats != NULL ? p->row.seats : &no_seats, *b = q->row.seats != NULL ? q->row.seats : &no_seats;
	const struct muster_access_rules *x = p->row.access != NULL ? p->row.access : &no_access, *y = q->row.access != NULL ? q->row.access : &no_access;

	words(l, head, "policy", p->advise ? "advise" : "enforce", q->advise ? "advise" : "enforce");
	compare_claims(l, head, "allow", p->allow, p->allow_count, q->allow, q->allow_count, "everybody");
	compare_reservations(l, head, p, q);
	number(l, head, "seats", a->seats, b->seats);
	number(l, head, "seat_lease", a->lease_s, b->lease_s);
	number(l, head, "heartbeat", a->heartbeat_s, b->heartbeat_s);
	number(l, head, "seat_grace", a->grace_s, b->grace_s);
	number(l, head, "queue", a->queue_max, b->queue_max);
	number(l, head, "temporary", x->temporary_s, y->temporary_s);
	number(l, head, "permanent_min", x->permanent_min_s, y->permanent_min_s);
	number(l, head, "permanent_max", x->permanent_max_s, y->permanent_max_s);
	number(l, head, "renew_left", x->renew_left_s, y->renew_left_s);
	number(l, head, "user_validity", x->user_s, y->user_s);
	number(l, head, "user_reassign", x->user_reassign_s, y->user_reassign_s);
	number(l, head, "grace", x->grace_s, y->grace_s);
	number(l, head, "revoke_percent", x->revoke_percent, y->revoke_percent);
	number(l, head, "versions", x->versions.count, y->versions.count);
	number(l, head, "generation of server_version", p->server_generation, q->server_generation);
}

static void compare_editions(struct lines *l, const struct catalog *before, const struct catalog_product *p, const struct catalog *after, const struct catalog_product *q)
{
	size_t n, m, i, k;
	const struct catalog_edition *a = catalog_editions(before, p, &n), *b = catalog_editions(after, q, &m);
	char id[UUID_TEXT];

	for (i = 0; i < m; i++) {
		for (k = 0; k < n && !uuid_equal(b[i].activation_id, a[k].activation_id); k++)
			;
		uuid_format(id, b[i].activation_id);
		if (k == n) {
			buf_addf(l->b, "added edition %s of %s: %s", id, q->row.name, b[i].title);
			flush(l, 0);
		} else if (a[k].minimum_count != b[i].minimum_count && p->row.minimum_count == q->row.minimum_count) {
			buf_addf(l->b, "changed edition %s of %s: minimum_count %u -> %u", id, q->row.name, (unsigned)a[k].minimum_count, (unsigned)b[i].minimum_count);
			flush(l, 0);
		}
	}
	for (k = 0; k < n; k++) {
		for (i = 0; i < m && !uuid_equal(b[i].activation_id, a[k].activation_id); i++)
			;
		if (i == m) {
			uuid_format(id, a[k].activation_id);
			buf_addf(l->b, "removed edition %s of %s: %s", id, p->row.name, a[k].title);
			flush(l, 0);
		}
	}
}

static void compare_product(struct lines *l, const struct catalog_product *p, const struct catalog_product *q)
{
	const struct muster_product *a = &p->row, *b = &q->row;
	size_t head;

	buf_addf(l->b, "changed %s: ", b->name);
	head = l->b->n;
	words(l, head, "name", a->title, b->title);
	words(l, head, "description", p->description, q->description);
	identity(l, head, "activation_id", a->activation_id, b->activation_id);
	identity(l, head, "application_id", a->application_id, b->application_id);
	words(l, head, "model", lint_model_name(a->model), lint_model_name(b->model));
	words(l, head, "pool", p->pool != NULL ? p->pool->name : NULL, q->pool != NULL ? q->pool->name : NULL);
	number(l, head, "window", p->pool != NULL ? p->pool->window_s : 0, q->pool != NULL ? q->pool->window_s : 0);
	number(l, head, "minimum_count", a->minimum_count, b->minimum_count);
	number(l, head, "low_water", p->low_water, q->low_water);
	number(l, head, "validity", a->validity_s, b->validity_s);
	number(l, head, "renewal_interval", a->renewal_s, b->renewal_s);
	number(l, head, "activation_interval", a->retry_s, b->retry_s);
	number(l, head, "rearm_max", a->rearm_max, b->rearm_max);
	number(l, head, "generation", a->generation, b->generation);
	words(l, head, "family", a->family, b->family);
	words(l, head, "issuer", p->issuer, q->issuer);
	words(l, head, "refused", a->refused, b->refused);
	words(l, head, "enabled", p->enabled ? "yes" : "no", q->enabled ? "yes" : "no");
	words(l, head, "record", (a->flags & MUSTER_PRODUCT_RECORD) != 0 ? "yes" : "no", (b->flags & MUSTER_PRODUCT_RECORD) != 0 ? "yes" : "no");
	words(l, head, "count_observed", p->count_observed ? "yes" : "no", q->count_observed ? "yes" : "no");
	number(l, head, "coverage_start", (uint64_t)a->coverage_start, (uint64_t)b->coverage_start);
	number(l, head, "coverage_end", (uint64_t)a->coverage_end, (uint64_t)b->coverage_end);
	compare_rules(l, head, p, q);
	flush(l, head);
}

static const struct catalog_plugin *plugin_named(const struct catalog *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->plugin_count; i++)
		if (strcmp(c->plugins[i].name, name) == 0)
			return &c->plugins[i];
	return NULL;
}

static void compare_plugins(struct lines *l, const struct catalog *before, const struct catalog *after)
{
	size_t i;

	for (i = 0; i < after->plugin_count; i++) {
		const struct catalog_plugin *q = &after->plugins[i], *p = plugin_named(before, q->name);

		if (q->refused != NULL && (p == NULL || p->refused == NULL || strcmp(p->refused, q->refused) != 0))
			buf_addf(l->b, "refused plugin %s: %s", q->name, q->refused);
		else if (q->refused == NULL && (p == NULL || p->refused != NULL))
			buf_addf(l->b, "added plugin %s %s", q->name, q->version);
		flush(l, 0);
	}
	for (i = 0; i < before->plugin_count; i++)
		if (plugin_named(after, before->plugins[i].name) == NULL) {
			buf_addf(l->b, "removed plugin %s", before->plugins[i].name);
			flush(l, 0);
		}
}

int catalog_compare(const struct catalog *before, const struct catalog *after, void (*line)(void *ctx, const char *text), void *ctx)
{
	struct buf b;
	struct lines l = { line, ctx, &b, false };
	size_t i;
	int r;

	buf_init(&b, 1 << 20);
	compare_plugins(&l, before, after);
	for (i = 0; i < after->product_count; i++) {
		const struct catalog_product *q = &after->products[i], *p = catalog_product_named(before, q->row.name);

		if (p == NULL) {
			buf_addf(&b, "added %s", q->row.name);
			flush(&l, 0);
			continue;
		}
		compare_product(&l, p, q);
		compare_editions(&l, before, p, after, q);
	}
	for (i = 0; i < before->product_count; i++)
		if (catalog_product_named(after, before->products[i].row.name) == NULL) {
			buf_addf(&b, "removed %s", before->products[i].row.name);
			flush(&l, 0);
		}
	r = l.failed ? MUSTER_E_NOMEM : MUSTER_OK;
	buf_fini(&b);
	return r;
}
