#include "core/catalog/lint.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/uuid.h"

#define CLASSES_KNOWN (MUSTER_CLASS_CLIENT | MUSTER_CLASS_SERVER | MUSTER_CLASS_APPLICATION)
#define FLAGS_KNOWN (MUSTER_PRODUCT_RECORD | MUSTER_PRODUCT_COUNT_OBSERVED)
#define GROUPS_MAX 12U

/** End of the last member that a row of every version has. */
#define LEAST_PRODUCT (offsetof(struct muster_product, validity_s))
#define LEAST_EDITION (offsetof(struct muster_edition, minimum_count))
#define LEAST_KEY (offsetof(struct muster_key_rule, secret) + 2)

static int required_text(struct lint_at *at, const char *what, const char *text)
{
	const char *wrong = lint_text(text, MUSTER_TEXT_MAX);

	return wrong == NULL ? MUSTER_OK : lint_fail(at, "%s %s; it takes 1 to %u bytes", what, wrong, MUSTER_TEXT_MAX);
}

static int optional_text(struct lint_at *at, const char *what, const char *text)
{
	return text == NULL ? MUSTER_OK : required_text(at, what, text);
}

static int check_editions(struct lint_at *at, const struct muster_edition *e, size_t n, uint32_t model)
{
	size_t i;
	int r;

	for (i = 0; i < n; i++) {
		if (uuid_is_nil(e[i].activation_id))
			return lint_fail(at, "editions row %zu: activation_id is all zero", i + 1);
		if (lint_text(e[i].title, MUSTER_TEXT_MAX) != NULL) {
			char what[48];

			(void)snprintf(what, sizeof what, "editions row %zu: title", i + 1);
			if ((r = required_text(at, what, e[i].title)) != MUSTER_OK)
				return r;
		}
		if (e[i].minimum_count > LINT_MINIMUM_MAX)
			return lint_fail(at, "editions row %zu: minimum_count %u is above %u", i + 1, (unsigned)e[i].minimum_count, LINT_MINIMUM_MAX);
		if (e[i].minimum_count != 0 && model != MUSTER_MODEL_THRESHOLD)
			return lint_fail(at, "editions row %zu: minimum_count belongs to the threshold model only", i + 1);
		if (e[i].flags != 0)
			return lint_fail(at, "editions row %zu: flags has bits this host does not know (0x%x)", i + 1, (unsigned)e[i].flags);
	}
	return MUSTER_OK;
}

static bool alphabet_ok(const char *a)
{
	size_t i;

	if (a == NULL)
		return true;
	for (i = 0; a[i] != '\0'; i++)
		if (i >= 36 || !((a[i] >= 'A' && a[i] <= 'Z') || (a[i] >= '0' && a[i] <= '9')) || memchr(a, a[i], i) != NULL)
			return false;
	return i > 0;
}

static int check_keys(struct lint_at *at, const struct muster_key_rule *k, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (k[i].kind < MUSTER_KEY_HOST || k[i].kind > MUSTER_KEY_ACCESS)
			return lint_fail(at, "keys row %zu: kind %u is none of MUSTER_KEY_HOST … MUSTER_KEY_ACCESS", i + 1, (unsigned)k[i].kind);
		if (lint_text(k[i].title, MUSTER_TEXT_MAX) != NULL)
			return lint_fail(at, "keys row %zu: title %s", i + 1, lint_text(k[i].title, MUSTER_TEXT_MAX));
		if (!alphabet_ok(k[i].alphabet))
			return lint_fail(at, "keys row %zu: alphabet must be different characters of A-Z and 0-9, or NULL", i + 1);
		if (k[i].groups < 1 || k[i].groups > GROUPS_MAX || k[i].group_len < 1 || k[i].group_len > GROUPS_MAX)
			return lint_fail(at, "keys row %zu: %u groups of %u characters; 1 to %u of each", i + 1, (unsigned)k[i].groups, (unsigned)k[i].group_len, GROUPS_MAX);
		if (k[i].secret > 1 || k[i].reserved != 0)
			return lint_fail(at, "keys row %zu: secret is 0 or 1, reserved is 0", i + 1);
		if (k[i].note != NULL && lint_text(k[i].note, MUSTER_TEXT_MAX) != NULL)
			return lint_fail(at, "keys row %zu: note %s", i + 1, lint_text(k[i].note, MUSTER_TEXT_MAX));
	}
	return MUSTER_OK;
}

static int check_covers(struct lint_at *at, const struct muster_cover *c, size_t n, const char *family)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (c[i].family == NULL && family == NULL)
			return lint_fail(at, "covers row %zu: family is missing, and the product has none", i + 1);
		if (c[i].family != NULL && !lint_name(c[i].family))
			return lint_fail(at, "covers row %zu: family is not made of a-z, 0-9 and '-'", i + 1);
		if ((c[i].class_bits & ~CLASSES_KNOWN) != 0)
			return lint_fail(at, "covers row %zu: class_bits has bits this host does not know (0x%x)", i + 1, (unsigned)c[i].class_bits);
	}
	return MUSTER_OK;
}

static int check_platforms(struct lint_at *at, const struct muster_platform *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (lint_text(p[i].name, MUSTER_TEXT_MAX) != NULL)
			return lint_fail(at, "platforms row %zu: name %s", i + 1, lint_text(p[i].name, MUSTER_TEXT_MAX));
		if (p[i].update != NULL && lint_text(p[i].update, MUSTER_TEXT_MAX) != NULL)
			return lint_fail(at, "platforms row %zu: update %s", i + 1, lint_text(p[i].update, MUSTER_TEXT_MAX));
		if ((p[i].class_bits & ~CLASSES_KNOWN) != 0 || p[i].flags != 0)
			return lint_fail(at, "platforms row %zu: class_bits or flags has bits this host does not know", i + 1);
	}
	return MUSTER_OK;
}

static int check_requirements(struct lint_at *at, const struct muster_requirement *q, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (lint_text(q[i].name, MUSTER_TEXT_MAX) != NULL)
			return lint_fail(at, "requirements row %zu: name %s", i + 1, lint_text(q[i].name, MUSTER_TEXT_MAX));
		if (q[i].note != NULL && lint_text(q[i].note, MUSTER_TEXT_MAX) != NULL)
			return lint_fail(at, "requirements row %zu: note %s", i + 1, lint_text(q[i].note, MUSTER_TEXT_MAX));
		if (q[i].fact != NULL && lint_text(q[i].fact, LINT_FACT_MAX) != NULL)
			return lint_fail(at, "requirements row %zu: fact %s", i + 1, lint_text(q[i].fact, LINT_FACT_MAX));
		if (q[i].value != NULL && (q[i].fact == NULL || lint_text(q[i].value, MUSTER_TEXT_MAX) != NULL))
			return lint_fail(at, "requirements row %zu: value %s", i + 1, q[i].fact == NULL ? "stands without a fact" : lint_text(q[i].value, MUSTER_TEXT_MAX));
	}
	return MUSTER_OK;
}

static int check_media(struct lint_at *at, const struct muster_medium_rule *m, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!lint_medium_path(m[i].path))
			return lint_fail(at, "media row %zu: path must be a relative one with '/' and without '..'", i + 1);
		if (lint_text(m[i].section, 63) != NULL || lint_text(m[i].key, 63) != NULL)
			return lint_fail(at, "media row %zu: section and key must be given, at most 63 bytes each", i + 1);
		if (m[i].note != NULL && lint_text(m[i].note, MUSTER_TEXT_MAX) != NULL)
			return lint_fail(at, "media row %zu: note %s", i + 1, lint_text(m[i].note, MUSTER_TEXT_MAX));
	}
	return MUSTER_OK;
}

/** Copy one nested table and point the product at the copy. */
static int nested(struct lint_at *at, const char *name, struct muster_table *t, size_t known, size_t least, void **rows)
{
	int r = lint_copy(at, name, t, known, least, rows);

	if (r == MUSTER_OK)
		*t = (struct muster_table){ *rows, t->count, (uint32_t)known };
	return r;
}

static int check_tables(struct lint_at *at, struct muster_product *p)
{
	void *rows;
	int r;

	if ((r = nested(at, "editions", &p->editions, sizeof(struct muster_edition), LEAST_EDITION, &rows)) != MUSTER_OK ||
	    (r = check_editions(at, rows, p->editions.count, p->model)) != MUSTER_OK)
		return r;
	if ((r = nested(at, "keys", &p->keys, sizeof(struct muster_key_rule), LEAST_KEY, &rows)) != MUSTER_OK ||
	    (r = check_keys(at, rows, p->keys.count)) != MUSTER_OK)
		return r;
	if ((r = nested(at, "covers", &p->covers, sizeof(struct muster_cover), sizeof(struct muster_cover), &rows)) != MUSTER_OK ||
	    (r = check_covers(at, rows, p->covers.count, p->family)) != MUSTER_OK)
		return r;
	if ((r = nested(at, "platforms", &p->platforms, sizeof(struct muster_platform), sizeof(char *), &rows)) != MUSTER_OK ||
	    (r = check_platforms(at, rows, p->platforms.count)) != MUSTER_OK)
		return r;
	if ((r = nested(at, "requirements", &p->requirements, sizeof(struct muster_requirement), sizeof(char *), &rows)) != MUSTER_OK ||
	    (r = check_requirements(at, rows, p->requirements.count)) != MUSTER_OK)
		return r;
	if (p->media.count != 0 && p->model != MUSTER_MODEL_EMBEDDED)
		return lint_fail(at, "media rules belong to the embedded model only");
	if ((r = nested(at, "media", &p->media, sizeof(struct muster_medium_rule), sizeof(char *) * 3, &rows)) != MUSTER_OK ||
	    (r = check_media(at, rows, p->media.count)) != MUSTER_OK)
		return r;
	if ((r = lint_marks(at, p)) != MUSTER_OK || (r = lint_seats(at, p)) != MUSTER_OK)
		return r;
	return lint_access(at, p);
}

static int check_interval(struct lint_at *at, const char *what, uint32_t s)
{
	if (s != 0 && (s < LINT_INTERVAL_MIN || s > LINT_INTERVAL_MAX))
		return lint_fail(at, "%s is %u; 0 for the host's, or %u to %u seconds (15 minutes to 30 days)", what, (unsigned)s, LINT_INTERVAL_MIN, LINT_INTERVAL_MAX);
	return MUSTER_OK;
}

static int check_numbers(struct lint_at *at, const struct muster_product *p)
{
	int r;

	if (p->model == MUSTER_MODEL_THRESHOLD) {
		if (p->minimum_count < 1 || p->minimum_count > LINT_MINIMUM_MAX)
			return lint_fail(at, "minimum_count is %u; the threshold model takes 1 to %u", (unsigned)p->minimum_count, LINT_MINIMUM_MAX);
	} else if (p->minimum_count != 0 || p->pool != NULL) {
		return lint_fail(at, "minimum_count and pool belong to the threshold model only");
	}
	if (p->pool != NULL && !lint_name(p->pool))
		return lint_fail(at, "pool is not made of a-z, 0-9 and '-', at most %u, a letter first", MUSTER_NAME_MAX);
	if (p->validity_s != 0 && p->validity_s < LINT_INTERVAL_MIN)
		return lint_fail(at, "validity_s is %u; 0 for 180 days, or at least %u seconds", (unsigned)p->validity_s, LINT_INTERVAL_MIN);
	if ((r = check_interval(at, "renewal_s", p->renewal_s)) != MUSTER_OK || (r = check_interval(at, "retry_s", p->retry_s)) != MUSTER_OK)
		return r;
	if (p->family != NULL && !lint_name(p->family))
		return lint_fail(at, "family is not made of a-z, 0-9 and '-'");
	if ((p->class_bits & ~CLASSES_KNOWN) != 0 || (p->flags & ~FLAGS_KNOWN) != 0)
		return lint_fail(at, "flags or class_bits has bits this host does not know (0x%x, 0x%x)", (unsigned)p->flags, (unsigned)p->class_bits);
	if ((p->installation_groups == 0) != (p->installation_group_len == 0) || (p->confirmation_groups == 0) != (p->confirmation_group_len == 0))
		return lint_fail(at, "number of groups and length of a group are given together or not at all");
	if (p->coverage_start < 0 || p->coverage_end < 0 || (p->coverage_end != 0 && p->coverage_end <= p->coverage_start))
		return lint_fail(at, "coverage_end must lie after coverage_start");
	return MUSTER_OK;
}

static int check_identity(struct lint_at *at, const struct muster_product *p)
{
	const char *model = lint_model_name(p->model);
	int r;

	if ((r = required_text(at, "title", p->title)) != MUSTER_OK ||
	    (r = optional_text(at, "description", p->description)) != MUSTER_OK || (r = optional_text(at, "refused", p->refused)) != MUSTER_OK)
		return r;
	if (model == NULL)
		return lint_fail(at, "model %u is none of MUSTER_MODEL_*", (unsigned)p->model);
	if (p->model == MUSTER_MODEL_NONE && p->refused == NULL)
		return lint_fail(at, "model none is for products that are never served; say why in refused, or name a model");
	if (uuid_is_nil(p->activation_id)) {
		if (p->refused == NULL)
			return lint_fail(at, "activation_id is all zero; give it, or say in refused why the product is never served");
		if (p->editions.count != 0)
			return lint_fail(at, "a product without activation_id has no editions");
	} else if (uuid_is_nil(p->application_id)) {
		return lint_fail(at, "application_id is all zero");
	}
	return MUSTER_OK;
}

/** Activation ID @p n of a product: 0 its own, then its editions'. NULL past the end. */
static const uint8_t *id_of(const struct muster_product *p, size_t n)
{
	const struct muster_edition *e = p->editions.rows;

	if (n == 0)
		return p->activation_id;
	return n <= p->editions.count ? e[n - 1].activation_id : NULL;
}

static int check_unique(struct lint_at *at, const struct muster_product *all, size_t here)
{
	size_t mine, k, other;
	const uint8_t *a, *b;
	char text[UUID_TEXT];

	for (k = 0; k < here; k++)
		if (strcmp(all[k].name, all[here].name) == 0)
			return lint_fail(at, "the name is used by row %zu already", k + 1);
	for (mine = 0; (a = id_of(&all[here], mine)) != NULL; mine++) {
		if (uuid_is_nil(a))
			continue;
		for (k = 0; k <= here; k++)
			for (other = 0; (k < here || other < mine) && (b = id_of(&all[k], other)) != NULL; other++)
				if (uuid_equal(a, b)) {
					uuid_format(text, a);
					return lint_fail(at, "activation ID %s is used twice (also by %s); each names one product or edition", text, all[k].name);
				}
	}
	return MUSTER_OK;
}

int lint_products(struct lint_tables *out, struct lint_at *at, const struct muster_table *t)
{
	void *rows;
	size_t i;
	int r;

	if ((r = lint_copy(at, "products", t, sizeof(struct muster_product), LEAST_PRODUCT, &rows)) != MUSTER_OK)
		return r;
	out->products = rows;
	out->product_count = t->count;
	for (i = 0; i < out->product_count; i++) {
		struct muster_product *p = &out->products[i];

		(void)snprintf(at->spot, sizeof at->spot, "products row %zu", i + 1);
		if (!lint_name(p->name))
			return lint_fail(at, "name is missing or not made of a-z, 0-9 and '-', at most %u, a letter first", MUSTER_NAME_MAX);
		(void)snprintf(at->spot, sizeof at->spot, "products row %zu (%s)", i + 1, p->name);
		if ((r = check_identity(at, p)) != MUSTER_OK || (r = check_numbers(at, p)) != MUSTER_OK ||
		    (r = check_tables(at, p)) != MUSTER_OK || (r = check_unique(at, out->products, i)) != MUSTER_OK)
			return r;
	}
	return MUSTER_OK;
}
