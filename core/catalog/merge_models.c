/* Policy, allow-lists and the numbers of the seats, access and embedded models: a section's keys over a product's rules. */
#include "core/catalog/merge.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/catalog/claims.h"
#include "core/config/lists.h"

#define DAY 86400U

/** A key that is one number of a rules structure. */
struct number { uint64_t bit; const char *key; size_t from, to; uint64_t min, max; };
#define ROW(b, k, f, t, lo, hi) { CONFIG_P_##b, k, offsetof(struct config_product, f), offsetof(RULES, t), lo, hi }

#define RULES struct muster_seats_rules
static const struct number seats_numbers[] = {
	ROW(SEATS, "seats", seats, seats, 1, 1000000),
	ROW(SEAT_LEASE, "seat_lease", seat_lease, lease_s, 60, 30 * DAY),
	ROW(HEARTBEAT, "heartbeat", heartbeat, heartbeat_s, 20, 15 * DAY),
	ROW(SEAT_GRACE, "seat_grace", seat_grace, grace_s, 0, 30 * DAY),
	ROW(QUEUE, "queue", queue, queue_max, 0, 100000),
};
#undef RULES

#define RULES struct muster_access_rules
static const struct number access_numbers[] = {
	ROW(TEMPORARY, "temporary", temporary, temporary_s, 1, UINT32_MAX),
	ROW(PERMANENT_MIN, "permanent_min", permanent_min, permanent_min_s, 1, UINT32_MAX),
	ROW(PERMANENT_MAX, "permanent_max", permanent_max, permanent_max_s, 1, UINT32_MAX),
	ROW(RENEW_LEFT, "renew_left", renew_left, renew_left_s, 0, UINT32_MAX),
	ROW(USER_VALIDITY, "user_validity", user_validity, user_s, 1, UINT32_MAX),
	ROW(USER_REASSIGN, "user_reassign", user_reassign, user_reassign_s, 0, UINT32_MAX),
	ROW(GRACE, "grace", grace, grace_s, 0, UINT32_MAX),
	ROW(REVOKE, "revoke_percent", revoke_percent, revoke_percent, 0, 100),
};
#undef RULES

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void take_numbers(struct builder *b, const struct config_product *p, const struct number *n, size_t count, void *rules)
{
	for (; count > 0; count--, n++) {
		uint64_t value;
		uint32_t small;

		if ((p->given & n->bit) == 0)
			continue;
		memcpy(&value, (const unsigned char *)p + n->from, sizeof value);
		small = (uint32_t)value;
		if (value < n->min || value > n->max)
			merge_fault(b, p, n->key, "%llu is outside %llu to %llu", (unsigned long long)value, (unsigned long long)n->min, (unsigned long long)n->max);
		else
			memcpy((unsigned char *)rules + n->to, &small, sizeof small);
	}
}

/** The first key of a model's that a section gives. */
static const char *given_key(const struct config_product *p, const struct number *n, size_t count)
{
	for (; count > 0; count--, n++)
		if ((p->given & n->bit) != 0)
			return n->key;
	return (p->given & CONFIG_P_VERSIONS) != 0 ? "versions" : (p->given & CONFIG_P_PER) != 0 ? "per" : "server_version";
}

static void wrong_model(struct builder *b, const struct config_product *p, const char *key, const char *model, const struct catalog_product *to)
{
	merge_fault(b, p, key, "belongs to the %s model, and this product's model is %s", model, lint_model_name(to->row.model));
}

/* ---- policy and allow ---- */

static void take_policy(struct builder *b, const struct config_product *p, struct catalog_product *to)
{
	bool advise = (p->given & CONFIG_P_POLICY) != 0 && strcmp(p->policy, "advise") == 0;

	if (advise && (to->row.model == MUSTER_MODEL_COUNTED || to->row.model == MUSTER_MODEL_EMBEDDED))
		merge_fault(b, p, "policy", "advise is not possible: what a product of the %s model may be granted is said by %s, not by this host", lint_model_name(to->row.model),
		            to->row.model == MUSTER_MODEL_COUNTED ? "the issuer's count" : "the key itself");
	else if ((p->given & CONFIG_P_POLICY) != 0)
		to->advise = advise;
}

static void take_allow(struct builder *b, const struct config_product *p, struct catalog_product *to)
{
	struct muster_err err = { 0 };
	int r;

	if ((p->given & CONFIG_P_ALLOW) == 0)
		return;
	if ((r = claims_read(&to->allow, &to->allow_count, &b->c->arena, p->allow, &err)) == MUSTER_E_NOMEM)
		b->exhausted = true;
	else if (r != MUSTER_OK)
		merge_fault(b, p, "allow", "%s", err.message);
}

/* ---- seats ---- */

static void take_seats(struct builder *b, const struct config_product *p, struct catalog_product *to)
{
	struct muster_seats_rules *rules;

	if ((p->given & CONFIG_P_OF_SEATS) == 0)
		return;
	if (to->row.model != MUSTER_MODEL_SEATS) {
		wrong_model(b, p, given_key(p, seats_numbers, COUNT(seats_numbers)), "seats", to);
		return;
	}
	if ((rules = arena_take(&b->c->arena, sizeof *rules)) == NULL) {
		b->exhausted = true;
		return;
	}
	*rules = *to->row.seats;
	take_numbers(b, p, seats_numbers, COUNT(seats_numbers), rules);
	if ((p->given & CONFIG_P_SEATS) != 0)
		to->seats_source = CONFIG_FILE;
	to->row.seats = rules;
}

/* ---- access ---- */

/*
 * What is held is kept by generation. Where all versions are numbers that rise, as years do, the number is the generation, so that a version that is put
 * in before others or taken out makes nothing held one of another version. Other names have their place.
 */
static void number_versions(struct muster_access_version *rows, uint32_t n)
{
	uint32_t numbers[CONFIG_VERSIONS_MAX], i;

	for (i = 0; i < n; i++) {
		size_t digits = strspn(rows[i].name, "0123456789");
		unsigned long value = digits > 0 && digits < 6 && rows[i].name[digits] == '\0' ? strtoul(rows[i].name, NULL, 10) : 0;

		if (value == 0 || value > UINT16_MAX || (i > 0 && value <= numbers[i - 1]))
			return;
		numbers[i] = (uint32_t)value;
	}
	for (i = 0; i < n; i++)
		rows[i].generation = numbers[i];
}

static void take_versions(struct builder *b, const struct config_product *p, struct muster_access_rules *rules)
{
	struct muster_access_version *rows = arena_array(&b->c->arena, CONFIG_VERSIONS_MAX, sizeof *rows);
	char item[CONFIG_NAME_IN_INI_MAX + 1];
	const char *at = p->versions;
	struct muster_err err = { 0 };
	uint32_t n = 0;
	int r = MUSTER_OK;

	while (rows != NULL && n < CONFIG_VERSIONS_MAX && (r = config_list_next(item, sizeof item, &at, &err)) == MUSTER_OK) {
		const char *name = arena_text(&b->c->arena, item);

		if (name == NULL)
			rows = NULL;
		else {
			rows[n] = (struct muster_access_version){ .name = name, .title = name, .generation = n + 1 };
			n++;
		}
	}
	if (rows == NULL)
		b->exhausted = true;
	else if (r == MUSTER_E_INVALID)
		merge_fault(b, p, "versions", "%s", err.message);
	else {
		number_versions(rows, n);
		rules->versions = (struct muster_table){ rows, n, sizeof *rows };
	}
}

static uint32_t per_of(const char *list)
{
	char item[16];
	struct muster_err err;
	uint32_t per = 0;

	while (config_list_next(item, sizeof item, &list, &err) == MUSTER_OK)
		per |= strcmp(item, "user") == 0 ? MUSTER_PER_USER : MUSTER_PER_DEVICE;
	return per;
}

static const struct muster_access_version *version_row(const struct muster_access_rules *rules, uint32_t i)
{
	return (const void *)((const unsigned char *)rules->versions.rows + (size_t)i * rules->versions.stride);
}

static void take_server_version(struct builder *b, const struct config_product *p, const struct muster_access_rules *rules, struct catalog_product *to)
{
	for (uint32_t i = 0; i < rules->versions.count; i++)
		if (strcmp(version_row(rules, i)->name, p->server_version) == 0) {
			to->server_generation = version_row(rules, i)->generation;
			return;
		}
	merge_fault(b, p, "server_version", "the product has no version %s; `musterctl products --verbose` lists them", p->server_version);
}

static void take_access(struct builder *b, const struct config_product *p, struct catalog_product *to)
{
	struct muster_access_rules *rules;

	if ((p->given & CONFIG_P_OF_ACCESS) == 0)
		return;
	if (to->row.model != MUSTER_MODEL_ACCESS) {
		wrong_model(b, p, given_key(p, access_numbers, COUNT(access_numbers)), "access", to);
		return;
	}
	if ((rules = arena_take(&b->c->arena, sizeof *rules)) == NULL) {
		b->exhausted = true;
		return;
	}
	*rules = *to->row.access;
	take_numbers(b, p, access_numbers, COUNT(access_numbers), rules);
	if ((p->given & CONFIG_P_PER) != 0)
		rules->per = per_of(p->per);
	if ((p->given & CONFIG_P_VERSIONS) != 0) {
		take_versions(b, p, rules);
		to->server_generation = 0;
	}
	if ((p->given & CONFIG_P_SERVER_VERSION) != 0)
		take_server_version(b, p, rules, to);
	to->row.access = rules;
}

/* ---- embedded ---- */

static void take_media(struct builder *b, const struct config_product *p, struct catalog_product *to)
{
	struct muster_medium_rule *rows;
	struct config_medium one;
	struct muster_err err = { 0 };
	const char *at = p->medium;
	uint32_t n = 0;
	int r = MUSTER_OK;

	if ((p->given & CONFIG_P_MEDIUM) == 0)
		return;
	if (to->row.model != MUSTER_MODEL_EMBEDDED) {
		wrong_model(b, p, "medium", "embedded", to);
		return;
	}
	rows = arena_array(&b->c->arena, CONFIG_MEDIA_MAX, sizeof *rows);
	while (rows != NULL && n < CONFIG_MEDIA_MAX && (r = config_medium_next(&one, &at, &err)) == MUSTER_OK) {
		rows[n] = (struct muster_medium_rule){ .path = arena_text(&b->c->arena, one.path), .section = arena_text(&b->c->arena, one.section), .key = arena_text(&b->c->arena, one.key) };
		if (rows[n].path == NULL || rows[n].section == NULL || rows[n].key == NULL)
			rows = NULL;
		n++;
	}
	if (rows == NULL)
		b->exhausted = true;
	else if (r == MUSTER_E_INVALID)
		merge_fault(b, p, "medium", "%s", err.message);
	else
		to->row.media = (struct muster_table){ rows, n, sizeof *rows };
}

void merge_models(struct builder *b, const struct config_product *p, struct catalog_product *to)
{
	take_policy(b, p, to);
	take_allow(b, p, to);
	take_seats(b, p, to);
	take_access(b, p, to);
	take_media(b, p, to);
}

void merge_fresh(struct builder *b, const struct config_product *p, struct catalog_product *to)
{
	/* facts.md section 7, second table */
	static const struct muster_access_rules access = { .size = sizeof access, .temporary_s = 90 * DAY, .permanent_min_s = 52 * DAY, .permanent_max_s = 89 * DAY,
		.renew_left_s = 7 * DAY, .user_s = 60 * DAY, .user_reassign_s = 90 * DAY, .grace_s = 120 * DAY, .revoke_percent = 20 };
	static const struct muster_seats_rules seats = { .size = sizeof seats };
	/* What keys on media look like where nothing else is said; a file has no key for it. */
	static const struct muster_key_rule keys[] = { { .kind = MUSTER_KEY_EMBEDDED, .title = "embedded key", .groups = 5, .group_len = 5, .secret = 1 } };

	if (to->row.model == MUSTER_MODEL_ACCESS) {
		to->row.access = &access;
		if ((p->given & (CONFIG_P_VERSIONS | CONFIG_P_REFUSED)) == 0)
			merge_fault(b, p, "versions", "is missing; name the versions of its access licences, the oldest first, or the product to copy with like");
	}
	if (to->row.model == MUSTER_MODEL_SEATS)
		to->row.seats = &seats;
	if (to->row.model == MUSTER_MODEL_EMBEDDED)
		to->row.keys = (struct muster_table)MUSTER_TABLE(keys);
}

/* ---- what must fit together ---- */

/** The section that gives a key of @p name last: one in muster.conf goes before one in a product file. NULL: none does, the plugin's row says it. */
static const struct config_product *given_by(const struct builder *b, const char *name, uint64_t bits)
{
	const struct config_product *found = NULL;

	for (size_t i = 0; i < b->config->product_count; i++) {
		const struct config_product *p = &b->config->products[i];

		if (strcmp(p->name, name) == 0 && (p->given & bits) != 0 && (found == NULL || !p->is_new))
			found = p;
	}
	return found;
}

static void settle_seats(struct builder *b, struct catalog_product *to)
{
	const struct config_product *p = given_by(b, to->row.name, CONFIG_P_SEAT_LEASE | CONFIG_P_HEARTBEAT);
	struct muster_seats_rules *rules = arena_take(&b->c->arena, sizeof *rules);

	if (rules == NULL) {
		b->exhausted = true;
		return;
	}
	*rules = *to->row.seats;
	if (rules->lease_s == 0)
		rules->lease_s = 3600;
	if (rules->heartbeat_s == 0)
		rules->heartbeat_s = rules->lease_s / 4 < 20 ? 20 : rules->lease_s / 4;
	if (p != NULL && rules->heartbeat_s > rules->lease_s / 2)
		merge_fault(b, p, (p->given & CONFIG_P_HEARTBEAT) != 0 ? "heartbeat" : "seat_lease",
		            "a client renews every %u s and its lease lasts %u s; one renewal that is lost must not cost the seat: heartbeat is at most half of seat_lease",
		            (unsigned)rules->heartbeat_s, (unsigned)rules->lease_s);
	to->row.seats = rules;
}

static uint32_t newest(const struct muster_access_rules *rules)
{
	uint32_t generation = 0;

	for (uint32_t i = 0; i < rules->versions.count; i++)
		if (version_row(rules, i)->generation > generation)
			generation = version_row(rules, i)->generation;
	return generation;
}

static void settle_access(struct builder *b, struct catalog_product *to)
{
	const struct config_product *p = given_by(b, to->row.name, CONFIG_P_PERMANENT_MIN | CONFIG_P_PERMANENT_MAX | CONFIG_P_RENEW_LEFT);
	struct muster_access_rules *rules = arena_take(&b->c->arena, sizeof *rules);

	if (rules == NULL) {
		b->exhausted = true;
		return;
	}
	*rules = *to->row.access;
	if (rules->per == 0)
		rules->per = MUSTER_PER_DEVICE | MUSTER_PER_USER;
	if (p != NULL && rules->permanent_max_s < rules->permanent_min_s)
		merge_fault(b, p, (p->given & CONFIG_P_PERMANENT_MAX) != 0 ? "permanent_max" : "permanent_min", "permanent_max, %u s, is below permanent_min, %u s",
		            (unsigned)rules->permanent_max_s, (unsigned)rules->permanent_min_s);
	else if (p != NULL && rules->renew_left_s >= rules->permanent_min_s)
		merge_fault(b, p, (p->given & CONFIG_P_RENEW_LEFT) != 0 ? "renew_left" : "permanent_min", "renew_left, %u s, is not below permanent_min, %u s",
		            (unsigned)rules->renew_left_s, (unsigned)rules->permanent_min_s);
	if (to->server_generation == 0)
		to->server_generation = newest(rules);
	to->row.access = rules;
}

void merge_settle(struct builder *b, struct catalog_product *to)
{
	if (to->row.model == MUSTER_MODEL_SEATS && to->row.seats != NULL)
		settle_seats(b, to);
	if (to->row.model == MUSTER_MODEL_ACCESS && to->row.access != NULL)
		settle_access(b, to);
}
