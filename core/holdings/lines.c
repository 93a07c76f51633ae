/* Rows of the access model as the lines that its rules decide on. */
#include "core/holdings/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define GENERATIONS_MAX 256   /* with rows; versions besides, as many as the product has */

static const struct muster_access_version *versions(const struct catalog_product *p, size_t *n)
{
	*n = 0;
	if (p->row.access == NULL || p->row.access->versions.rows == NULL)
		return NULL;
	*n = p->row.access->versions.count;
	return p->row.access->versions.rows;
}

uint32_t access_server(const struct catalog_product *p)
{
	size_t n;
	const struct muster_access_version *v = versions(p, &n);
	uint32_t newest = 0;

	if (p->server_generation != 0)
		return p->server_generation;
	for (size_t i = 0; i < n; i++)
		if (v[i].generation > newest)
			newest = v[i].generation;
	return newest;
}

const struct muster_access_version *access_version_of(const struct catalog_product *p, uint32_t generation)
{
	size_t n;
	const struct muster_access_version *v = versions(p, &n);

	for (size_t i = 0; i < n; i++)
		if (v[i].generation == generation)
			return &v[i];
	return NULL;
}

const char *holdings_version_text(char out[MUSTER_NAME_MAX + 1], const struct catalog_product *p, uint32_t generation)
{
	const struct muster_access_version *v = p != NULL ? access_version_of(p, generation) : NULL;

	if (v != NULL)
		(void)snprintf(out, MUSTER_NAME_MAX + 1, "%s", v->name);
	else
		(void)snprintf(out, MUSTER_NAME_MAX + 1, "generation %u", generation);
	return out;
}

int access_user_holder(uint8_t out[USER_HOLDER], const char *user, struct muster_err *err)
{
	static const char label[] = "muster user v1";
	char text[sizeof label + STORE_NAME_MAX];
	size_t n = strlen(user);

	if (n == 0 || n >= STORE_NAME_MAX)
		return err_set(err, MUSTER_E_INVALID, "a user's name has 1 to %d bytes", STORE_NAME_MAX - 1);
	memcpy(text, label, sizeof label);
	for (size_t i = 0; i < n; i++)
		text[sizeof label + i] = user[i] >= 'A' && user[i] <= 'Z' ? (char)(user[i] - 'A' + 'a') : user[i];
	if (EVP_Digest(text, sizeof label + n, out, NULL, EVP_sha256(), NULL) != 1)
		return err_set(err, MUSTER_E_INTERNAL, "SHA-256 is not to be had");
	return MUSTER_OK;
}

uint64_t access_out(const struct holdings_group *g, uint32_t product, uint32_t kind, uint32_t generation)
{
	uint32_t class_ = HOLDINGS_CLASS(kind, generation);

	if (kind == HOLDINGS_DEVICE)
		return group_sum(g, product, class_, HOLDINGS_PERMANENT);
	return group_sum(g, product, class_, HOLDINGS_ASSIGNED) + group_sum(g, product, class_, HOLDINGS_KEPT);
}

uint64_t access_over(const struct holdings_group *g, uint32_t product, uint32_t kind, uint32_t generation)
{
	return group_sum(g, product, HOLDINGS_CLASS(kind, generation), kind == HOLDINGS_DEVICE ? HOLDINGS_PERMANENT_OVER : HOLDINGS_ASSIGNED_OVER);
}

static int by_generation(const void *a, const void *b)
{
	uint32_t x = ((const struct access_line *)a)->generation, y = ((const struct access_line *)b)->generation;

	return (x > y) - (x < y);
}

int access_lines_init(struct access_lines *a, struct holdings *h, struct holdings_group *g, const struct catalog_product *p, uint32_t kind, struct muster_err *err)
{
	uint32_t with_rows[GENERATIONS_MAX];
	size_t n, rows, to = 0;
	const struct muster_access_version *v = versions(p, &n);

	memset(a, 0, sizeof *a);
	a->product = holdings_number(h, p);
	a->kind = kind;
	rows = group_generations(g, a->product, kind, with_rows, GENERATIONS_MAX);
	if ((a->l = mem_array(n + rows + 1, sizeof *a->l)) == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		a->l[a->n++].generation = v[i].generation;
	for (size_t i = 0; i < rows; i++)
		a->l[a->n++].generation = with_rows[i];
	qsort(a->l, a->n, sizeof *a->l, by_generation);
	for (size_t i = 0; i < a->n; i++)
		if (to == 0 || a->l[to - 1].generation != a->l[i].generation)
			a->l[to++] = a->l[i];
	a->n = to;
	for (size_t i = 0; i < a->n; i++) {
		struct access_line *l = &a->l[i];

		l->licenses = holdings_capacity_of(h, p, kind, l->generation);
		l->out = access_out(g, a->product, kind, l->generation);
	}
	return MUSTER_OK;
}

void access_lines_fini(struct access_lines *a)
{
	mem_free(a->l);
	a->l = NULL;
	a->n = 0;
}

struct access_line *access_line_of(const struct access_lines *a, uint32_t generation)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->l[i].generation == generation)
			return &a->l[i];
	return NULL;
}

void access_line_from(struct access_line *l, const struct store_holding *row)
{
	static const enum access_held held[] = {
		[HOLDINGS_TEMPORARY] = ACCESS_TEMPORARY, [HOLDINGS_PERMANENT] = ACCESS_PERMANENT, [HOLDINGS_PERMANENT_OVER] = ACCESS_PERMANENT,
		[HOLDINGS_ENDED] = ACCESS_ENDED, [HOLDINGS_ASSIGNED] = ACCESS_ASSIGNED, [HOLDINGS_ASSIGNED_OVER] = ACCESS_ASSIGNED, [HOLDINGS_KEPT] = ACCESS_KEPT
	};

	l->held = row->state < sizeof held / sizeof held[0] ? held[row->state] : ACCESS_NONE;
	l->over = row->state == HOLDINGS_PERMANENT_OVER || row->state == HOLDINGS_ASSIGNED_OVER;
	l->taken = row->state == HOLDINGS_ENDED && (row->flags & HOLDINGS_F_TAKEN) != 0;
	l->since = row->since;
	l->until = row->until;
}

void access_line_to(struct store_holding *row, const struct access_line *l)
{
	switch (l->held) {
	case ACCESS_TEMPORARY: row->state = HOLDINGS_TEMPORARY; break;
	case ACCESS_PERMANENT: row->state = l->over ? HOLDINGS_PERMANENT_OVER : HOLDINGS_PERMANENT; break;
	case ACCESS_ASSIGNED: row->state = l->over ? HOLDINGS_ASSIGNED_OVER : HOLDINGS_ASSIGNED; break;
	case ACCESS_KEPT: row->state = HOLDINGS_KEPT; break;
	case ACCESS_ENDED:
	case ACCESS_NONE: row->state = HOLDINGS_ENDED; break;
	}
	row->flags &= ~(HOLDINGS_F_OVER | HOLDINGS_F_TAKEN);
	row->flags |= (l->over ? HOLDINGS_F_OVER : 0) | (l->taken ? HOLDINGS_F_TAKEN : 0);
	row->since = l->since;
	row->until = l->until;
}

int access_lines_read(struct access_lines *a, struct holdings_group *g, struct muster_span holder, struct muster_err *err)
{
	uint32_t with_rows[GENERATIONS_MAX];
	size_t rows = group_generations(g, a->product, a->kind, with_rows, GENERATIONS_MAX);
	struct store_holding row;
	int r;

	for (size_t i = 0; i < rows; i++) {
		struct access_line *l = access_line_of(a, with_rows[i]);

		if (l == NULL)
			continue;
		r = group_get(g, a->product, HOLDINGS_CLASS(a->kind, l->generation), holder, &row, err);
		if (r == MUSTER_OK)
			access_line_from(l, &row);
		else if (r != MUSTER_E_NOT_FOUND)
			return r;
	}
	return MUSTER_OK;
}
