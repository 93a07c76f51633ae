/* What rules say, and in which words it is told. The rules and their table: doctor_rules.c. */
#include "core/service/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"

#define FINDINGS_MAX 100   /* kept of one check; the rest is counted by what it says of itself */
#define TOLD 3             /* findings in the reason */

void doctor_say(struct doctor_result *r, enum verdict v, uint32_t code, const char *remedy, const char *fmt, ...)
{
	struct doctor_finding *rows, *f;
	va_list ap;

	if (r->count == FINDINGS_MAX)
		return;
	if ((rows = mem_grow(r->findings, r->count + 1, sizeof *rows)) == NULL) {
		r->exhausted = true;
		return;
	}
	r->findings = rows;
	f = &rows[r->count++];
	*f = (struct doctor_finding){ .verdict = v, .code = code };
	(void)snprintf(f->remedy, sizeof f->remedy, "%s", remedy != NULL ? remedy : "");
	va_start(ap, fmt);
	(void)vsnprintf(f->text, sizeof f->text, fmt, ap);
	va_end(ap);
}

void doctor_fine(struct doctor_result *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(r->fine, sizeof r->fine, fmt, ap);
	va_end(ap);
}

void doctor_measure(struct doctor_result *r, int64_t value, const char *unit, const char *warning, const char *critical, int64_t max, const char *label, ...)
{
	struct doctor_perf *rows = mem_grow(r->perf, r->perf_count + 1, sizeof *rows), *p;
	va_list ap;

	if (rows == NULL) {
		r->exhausted = true;
		return;
	}
	r->perf = rows;
	p = &rows[r->perf_count++];
	*p = (struct doctor_perf){ .unit = unit, .value = value, .max = max };
	(void)snprintf(p->warning, sizeof p->warning, "%s", warning);
	(void)snprintf(p->critical, sizeof p->critical, "%s", critical);
	va_start(ap, label);
	(void)vsnprintf(p->label, sizeof p->label, label, ap);
	va_end(ap);
}

const struct doctor_check *doctor_find(const char *name)
{
	size_t n;
	const struct doctor_check *c = doctor_checks(&n);

	for (; n > 0; n--, c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

bool doctor_named(const char *names, const char *check)
{
	size_t n = strlen(check);

	for (const char *p = names; p != NULL && *p != '\0'; p += strcspn(p, ","), p += *p == ',')
		if (strcspn(p, ",") == n && strncmp(p, check, n) == 0)
			return true;
	return names == NULL;
}

void doctor_run(struct doctor_result *out, const struct doctor_check *check, const struct doctor_facts *f)
{
	memset(out, 0, sizeof *out);
	check->rule(f, out);
	if (out->exhausted || f->exhausted)
		doctor_say(out, VERDICT_UNKNOWN, 0, NULL, "memory is short: not everything could be looked at");
}

enum verdict doctor_verdict(const struct doctor_result *r)
{
	enum verdict v = VERDICT_OK;

	for (size_t i = 0; i < r->count; i++)
		v = verdict_worse(v, r->findings[i].verdict);
	return r->exhausted ? verdict_worse(v, VERDICT_UNKNOWN) : v;
}

/* The first of the worst; NULL: nothing was found. */
static const struct doctor_finding *worst(const struct doctor_result *r)
{
	enum verdict v = doctor_verdict(r);

	for (size_t i = 0; i < r->count; i++)
		if (r->findings[i].verdict == v)
			return &r->findings[i];
	return NULL;
}

void doctor_reason(char out[1200], const struct doctor_result *r)
{
	enum verdict v = doctor_verdict(r);
	size_t n = 0, told = 0, of = 0;

	if (worst(r) == NULL) {
		(void)snprintf(out, 1200, "%s", r->exhausted ? "memory is short" : r->fine);
		return;
	}
	out[0] = '\0';
	for (size_t i = 0; i < r->count; i++) {
		if (r->findings[i].verdict != v)
			continue;
		if (of++ < TOLD) {
			n += (size_t)snprintf(out + n, 1100 - n, "%s%.340s", told++ > 0 ? "; " : "", r->findings[i].text);
			n = n < 1099 ? n : 1099;
		}
	}
	if (of > told)
		(void)snprintf(out + n, 1200 - n, "; and %zu more", of - told);
}

const char *doctor_remedy(const struct doctor_check *check, const struct doctor_result *r)
{
	const struct doctor_finding *f = worst(r);

	return f == NULL || f->verdict == VERDICT_OK ? "" : f->remedy[0] != '\0' ? f->remedy : check->remedy;
}

uint32_t doctor_code(const struct doctor_result *r)
{
	const struct doctor_finding *f = worst(r);

	return f != NULL ? f->code : 0;
}

void doctor_result_fini(struct doctor_result *r)
{
	mem_free(r->findings);
	mem_free(r->perf);
	memset(r, 0, sizeof *r);
}
