/* The tables of single models: access rules, seats rules, marks of media. */
#include "core/catalog/lint.h"

#include <string.h>

#include "core/base/err.h"

#define GENERATION_MAX 65535U
#define DIGITS_MAX 64U
#define SEATS_LEASE_MIN 60U
#define SEATS_HEARTBEAT_MIN 20U
#define PER_KNOWN (MUSTER_PER_DEVICE | MUSTER_PER_USER)

/** Ends of the structures as ABI 1.0 has them: a plugin's are at least that long. */
#define ACCESS_FIRST (offsetof(struct muster_access_rules, versions) + sizeof(struct muster_table))
#define SEATS_FIRST (offsetof(struct muster_seats_rules, queue_max) + sizeof(uint32_t))
#define LEAST_VERSION (offsetof(struct muster_access_version, generation) + sizeof(uint32_t))
#define LEAST_MARK (offsetof(struct muster_medium_mark, text) + sizeof(char *))

bool lint_version_name(const char *name)
{
	size_t n = name != NULL ? strnlen(name, MUSTER_NAME_MAX + 1) : 0;

	return n >= 1 && n <= MUSTER_NAME_MAX && name[0] != '-' && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

bool lint_medium_path(const char *path)
{
	return lint_text(path, 255) == NULL && path[0] != '/' && strstr(path, "..") == NULL && strchr(path, '\\') == NULL;
}

/* ---- access ---- */

static int check_programmes(struct lint_at *at, const struct muster_programme *g, size_t n)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		if (lint_text(g[i].name, MUSTER_TEXT_MAX) != NULL || lint_text(g[i].number, MUSTER_TEXT_MAX) != NULL)
			return lint_fail(at, "access programmes row %zu: name and number must be given", i + 1);
		if (g[i].digits > DIGITS_MAX || g[i].characters > DIGITS_MAX || (g[i].digits != 0 && g[i].characters != 0))
			return lint_fail(at, "access programmes row %zu (%s): digits and characters are at most %u each, and one of them is 0", i + 1, g[i].name, DIGITS_MAX);
		if (g[i].hint != NULL && lint_text(g[i].hint, MUSTER_TEXT_MAX) != NULL)
			return lint_fail(at, "access programmes row %zu (%s): hint %s; one sentence, or NULL", i + 1, g[i].name, lint_text(g[i].hint, MUSTER_TEXT_MAX));
		for (k = 0; k < i; k++)
			if (strcmp(g[k].name, g[i].name) == 0)
				return lint_fail(at, "access programmes row %zu: the name %s is used by row %zu already", i + 1, g[i].name, k + 1);
	}
	return MUSTER_OK;
}

static int check_versions(struct lint_at *at, const struct muster_access_version *v, size_t n)
{
	size_t i, k;

	if (n == 0)
		return lint_fail(at, "access versions: there is none; name at least one, the newest with the highest generation");
	for (i = 0; i < n; i++) {
		if (!lint_version_name(v[i].name))
			return lint_fail(at, "access versions row %zu: name is missing or not made of a-z, 0-9 and '-', at most %u", i + 1, MUSTER_NAME_MAX);
		if (v[i].title != NULL && lint_text(v[i].title, MUSTER_TEXT_MAX) != NULL)
			return lint_fail(at, "access versions row %zu (%s): title %s", i + 1, v[i].name, lint_text(v[i].title, MUSTER_TEXT_MAX));
		if (v[i].generation < 1 || v[i].generation > GENERATION_MAX)
			return lint_fail(at, "access versions row %zu (%s): generation is %u; 1 to %u, newer ones higher", i + 1, v[i].name, (unsigned)v[i].generation, GENERATION_MAX);
		if (v[i].flags != 0)
			return lint_fail(at, "access versions row %zu (%s): flags has bits this host does not know (0x%x)", i + 1, v[i].name, (unsigned)v[i].flags);
		for (k = 0; k < i; k++) {
			if (strcmp(v[k].name, v[i].name) == 0)
				return lint_fail(at, "access versions row %zu: the name %s is used by row %zu already", i + 1, v[i].name, k + 1);
			if (v[k].generation == v[i].generation)
				return lint_fail(at, "access versions row %zu (%s): generation %u is that of %s already", i + 1, v[i].name, (unsigned)v[i].generation, v[k].name);
		}
	}
	return MUSTER_OK;
}

static int check_access(struct lint_at *at, const struct muster_access_rules *a)
{
	if ((a->per & ~PER_KNOWN) != 0)
		return lint_fail(at, "access: per is 0x%x; MUSTER_PER_DEVICE, MUSTER_PER_USER, or 0 for both", (unsigned)a->per);
	if ((a->per & MUSTER_PER_DEVICE) != 0 &&
	    (a->temporary_s == 0 || a->permanent_min_s == 0 || a->permanent_max_s < a->permanent_min_s || a->renew_left_s >= a->permanent_min_s))
		return lint_fail(at, "access: times must be set, permanent_min_s no more than permanent_max_s, renew_left_s less than both");
	if ((a->per & MUSTER_PER_USER) != 0 && a->user_s == 0)
		return lint_fail(at, "access: user_s is 0; say how long a user's licence is shown, or leave MUSTER_PER_USER out of per");
	if (a->revoke_percent > 100)
		return lint_fail(at, "access: revoke_percent is %u, more than 100", (unsigned)a->revoke_percent);
	return MUSTER_OK;
}

int lint_access(struct lint_at *at, struct muster_product *p)
{
	const struct muster_access_rules *from = p->access;
	struct muster_access_rules *to;
	void *rows;
	int r;

	if (p->model != MUSTER_MODEL_ACCESS)
		return from == NULL ? MUSTER_OK : lint_fail(at, "access rules belong to the access model only");
	if (from == NULL)
		return lint_fail(at, "access is NULL; the access model needs its rules");
	if (from->size < ACCESS_FIRST)
		return lint_fail(at, "access: size is %u, less than the %zu of ABI 1.0; set it to sizeof(struct muster_access_rules)", (unsigned)from->size, ACCESS_FIRST);
	if ((to = arena_take(at->arena, sizeof *to)) == NULL)
		return err_nomem(at->err);
	memcpy(to, from, from->size < sizeof *to ? from->size : sizeof *to);
	to->size = sizeof *to;
	if (to->per == 0)
		to->per = PER_KNOWN;
	if ((r = check_access(at, to)) != MUSTER_OK)
		return r;
	if ((r = lint_copy(at, "access programmes", &from->programmes, sizeof(struct muster_programme), sizeof(char *) * 2, &rows)) != MUSTER_OK ||
	    (r = check_programmes(at, rows, from->programmes.count)) != MUSTER_OK)
		return r;
	to->programmes = (struct muster_table){ rows, from->programmes.count, sizeof(struct muster_programme) };
	if ((r = lint_copy(at, "access versions", &from->versions, sizeof(struct muster_access_version), LEAST_VERSION, &rows)) != MUSTER_OK ||
	    (r = check_versions(at, rows, from->versions.count)) != MUSTER_OK)
		return r;
	to->versions = (struct muster_table){ rows, from->versions.count, sizeof(struct muster_access_version) };
	p->access = to;
	return MUSTER_OK;
}

/* ---- seats ---- */

static int check_seats(struct lint_at *at, const struct muster_seats_rules *s)
{
	uint32_t lease = s->lease_s != 0 ? s->lease_s : MUSTER_HOURS(1);

	if (lease < SEATS_LEASE_MIN || lease > LINT_INTERVAL_MAX)
		return lint_fail(at, "seats: lease_s is %u; 0 for an hour, or %u to %u seconds (1 minute to 30 days)", (unsigned)s->lease_s, SEATS_LEASE_MIN, LINT_INTERVAL_MAX);
	if (s->heartbeat_s != 0 && (s->heartbeat_s < SEATS_HEARTBEAT_MIN || s->heartbeat_s > lease / 2))
		return lint_fail(at, "seats: heartbeat_s is %u; 0 for a quarter of lease_s, or %u to half of it, %u seconds", (unsigned)s->heartbeat_s, SEATS_HEARTBEAT_MIN, (unsigned)(lease / 2));
	if (s->grace_s > LINT_INTERVAL_MAX)
		return lint_fail(at, "seats: grace_s is %u, more than %u seconds (30 days)", (unsigned)s->grace_s, LINT_INTERVAL_MAX);
	if (s->queue_max > LINT_MINIMUM_MAX)
		return lint_fail(at, "seats: queue_max is %u, more than %u", (unsigned)s->queue_max, LINT_MINIMUM_MAX);
	return MUSTER_OK;
}

int lint_seats(struct lint_at *at, struct muster_product *p)
{
	const struct muster_seats_rules *from = p->seats;
	struct muster_seats_rules *to;
	int r;

	if (p->model != MUSTER_MODEL_SEATS)
		return from == NULL ? MUSTER_OK : lint_fail(at, "seats rules belong to the seats model only");
	if (from == NULL)
		return lint_fail(at, "seats is NULL; the seats model needs its rules");
	if (from->size < SEATS_FIRST)
		return lint_fail(at, "seats: size is %u, less than the %zu of ABI 1.0; set it to sizeof(struct muster_seats_rules)", (unsigned)from->size, SEATS_FIRST);
	if ((to = arena_take(at->arena, sizeof *to)) == NULL)
		return err_nomem(at->err);
	memcpy(to, from, from->size < sizeof *to ? from->size : sizeof *to);
	to->size = sizeof *to;
	if ((r = check_seats(at, to)) != MUSTER_OK)
		return r;
	p->seats = to;
	return MUSTER_OK;
}

/* ---- marks ---- */

int lint_marks(struct lint_at *at, struct muster_product *p)
{
	const struct muster_medium_mark *m;
	void *rows;
	size_t i;
	int r;

	if (p->marks.count != 0 && p->model != MUSTER_MODEL_EMBEDDED)
		return lint_fail(at, "marks belong to the embedded model only");
	if ((r = lint_copy(at, "marks", &p->marks, sizeof(struct muster_medium_mark), LEAST_MARK, &rows)) != MUSTER_OK)
		return r;
	m = rows;
	for (i = 0; i < p->marks.count; i++) {
		if (m[i].path != NULL && !lint_medium_path(m[i].path))
			return lint_fail(at, "marks row %zu: path must be a relative one with '/' and without '..', or NULL for the medium's name", i + 1);
		if (lint_text(m[i].text, 255) != NULL)
			return lint_fail(at, "marks row %zu: text %s; say what is found there, in at most 255 bytes", i + 1, lint_text(m[i].text, 255));
		if (m[i].edition != NULL && lint_text(m[i].edition, MUSTER_TEXT_MAX) != NULL)
			return lint_fail(at, "marks row %zu: edition %s; an edition's title, or NULL", i + 1, lint_text(m[i].edition, MUSTER_TEXT_MAX));
		if (m[i].flags != 0 || m[i].reserved != 0)
			return lint_fail(at, "marks row %zu: flags and reserved are 0", i + 1);
	}
	p->marks = (struct muster_table){ rows, p->marks.count, sizeof(struct muster_medium_mark) };
	return MUSTER_OK;
}
