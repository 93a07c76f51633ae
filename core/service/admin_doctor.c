/* GET /admin/v1/doctor: every check with verdict, reason and remedy (docs/admin-api.md). */
#include "core/service/admin.h"

#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/service/doctor.h"

#define NAMES_MAX 512

static json_t *perf_json(const struct doctor_result *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->perf_count; i++) {
		const struct doctor_perf *p = &r->perf[i];

		(void)json_array_append_new(list, json_pack("{s:s, s:I, s:s, s:s, s:s, s:o}", "label", p->label, "value", (json_int_t)p->value, "unit", p->unit,
			"warning", p->warning, "critical", p->critical, "max", p->max < 0 ? json_null() : json_integer((json_int_t)p->max)));
	}
	return list;
}

static json_t *details_json(const struct doctor_result *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->count; i++)
		(void)json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o}", "verdict", verdict_word(r->findings[i].verdict), "reason", admin_json_text(r->findings[i].text),
			"remedy", r->findings[i].remedy[0] != '\0' ? admin_json_text(r->findings[i].remedy) : json_null(),
			"code", r->findings[i].code != 0 ? admin_json_code(r->findings[i].code) : json_null()));
	return list;
}

static json_t *check_json(const struct doctor_check *check, const struct doctor_facts *f, enum verdict *worst)
{
	struct doctor_result r;
	char reason[1200];
	const char *remedy;
	enum verdict v;
	json_t *o;

	doctor_run(&r, check, f);
	v = doctor_verdict(&r);
	*worst = verdict_worse(*worst, v);
	doctor_reason(reason, &r);
	remedy = doctor_remedy(check, &r);
	o = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "check", check->name, "about", check->about, "verdict", verdict_word(v), "reason", admin_json_text(reason),
		"remedy", remedy[0] != '\0' ? admin_json_text(remedy) : json_null(), "code", doctor_code(&r) != 0 ? admin_json_code(doctor_code(&r)) : json_null(),
		"details", details_json(&r), "measures", perf_json(&r));
	doctor_result_fini(&r);
	return o;
}

static int known(const char *names, struct muster_err *err)
{
	char name[64];

	if (strlen(names) > NAMES_MAX)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "check is longer than %d bytes", NAMES_MAX);
	for (const char *p = names; *p != '\0'; p += strcspn(p, ","), p += *p == ',') {
		size_t n = strcspn(p, ",");

		(void)snprintf(name, sizeof name, "%.*s", n < 60 ? (int)n : 60, p);
		if (doctor_find(name) == NULL)
			return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "there is no check \"%s\"; `musterctl doctor` without a name runs all of them", name);
	}
	return MUSTER_OK;
}

int admin_doctor(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *names = admin_query(c, "check");
	const struct doctor_check *checks;
	enum verdict worst = VERDICT_OK;
	struct doctor_facts f;
	json_t *list;
	size_t n;
	int r;

	if (names != NULL && (r = known(names, err)) != MUSTER_OK)
		return r;
	doctor_gather(&f, c, names);
	list = json_array();
	checks = doctor_checks(&n);
	for (size_t i = 0; i < n; i++)
		if (doctor_named(names, checks[i].name))
			(void)json_array_append_new(list, check_json(&checks[i], &f, &worst));
	*out = json_pack("{s:s, s:o, s:o, s:s, s:o}", "verdict", verdict_word(worst), "at", admin_json_time(f.now * 1000), "name", admin_json_text(c->snapshot->config->host.name),
		"version", SERVICE_VERSION, "checks", list);
	doctor_facts_fini(&f);
	return MUSTER_OK;
}
