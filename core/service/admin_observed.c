/* What imports brought of machines and events (docs/admin-api.md). */
#include "core/service/admin.h"

#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/estate/estate.h"

#define LIMIT_DEFAULT 100
#define FINDINGS_DEFAULT 100
#define DAYS_DEFAULT 14
#define DAYS_MAX 366

static int limit_of(struct admin_call *c, int64_t fallback, size_t *out, struct muster_err *err)
{
	int64_t limit;
	int r = admin_query_number(c, "limit", 1, STORE_PAGE_MAX, fallback, &limit, err);

	*out = (size_t)limit;
	return r;
}

int admin_observed_machines(struct admin_call *c, json_t **out, struct muster_err *err)
{
	static const char *const texts[] = { "product", "host", "text" };
	const char *clone = admin_query(c, "clone");
	json_t *filter;
	size_t limit;
	int r;

	if ((r = limit_of(c, LIMIT_DEFAULT, &limit, err)) != MUSTER_OK)
		return r;
	if (clone != NULL && strcmp(clone, "0") != 0 && strcmp(clone, "1") != 0)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "clone must be 0 or 1");
	if ((filter = json_pack("{s:b}", "clone", clone != NULL && clone[0] == '1')) == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (admin_query(c, texts[i]) != NULL && json_object_set_new(filter, texts[i], json_string(admin_query(c, texts[i]))) != 0)
			r = err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s is not text in UTF-8", texts[i]);
	if (r == MUSTER_OK)
		r = estate_machines(c->service->estate, filter, admin_query(c, "after"), limit, out, err);
	json_decref(filter);
	return r;
}

int admin_observed_events(struct admin_call *c, json_t **out, struct muster_err *err)
{
	size_t limit;
	int r;

	if ((r = limit_of(c, LIMIT_DEFAULT, &limit, err)) != MUSTER_OK)
		return r;
	return estate_events(c->service->estate, admin_query(c, "after"), limit, out, err);
}

int admin_observed_pools(struct admin_call *c, json_t **out, struct muster_err *err)
{
	int64_t days;
	int r;

	if ((r = admin_query_number(c, "days", 1, DAYS_MAX, DAYS_DEFAULT, &days, err)) != MUSTER_OK)
		return r;
	return estate_pools(c->service->estate, (unsigned)days, out, err);
}

int admin_observed_findings(struct admin_call *c, json_t **out, struct muster_err *err)
{
	size_t limit;
	int r;

	if ((r = limit_of(c, FINDINGS_DEFAULT, &limit, err)) != MUSTER_OK)
		return r;
	return estate_findings(c->service->estate, limit, out, err);
}

int admin_observed_history(struct admin_call *c, json_t **out, struct muster_err *err)
{
	return estate_history(c->service->estate, admin_query(c, "host"), admin_query(c, "activation_id"), out, err);
}
