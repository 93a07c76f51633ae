/* The table by month for people, and the same as JSON. */
#include <jansson.h>
#include <string.h>

#include "core/bench/fleet.h"

#define HEADING "%5s %8s %8s %8s %9s %9s %8s %7s %7s %7s %9s %6s %8s %9s %9s %8s\n"
#define MIB(n) ((double)(n) / 1048576)

typedef unsigned long long ull;

static void print_row(const struct fleet_month *m, unsigned number, FILE *out)
{
	const struct fleet_tally *t = &m->t;

	(void)fprintf(out, "%5u %8u %8u %8u %9llu %9llu %8llu ", number, (unsigned)m->alive, (unsigned)m->licensed, (unsigned)m->counted,
	              (ull)t->requests, (ull)t->granted, (ull)t->counted_only);
	(void)fprintf(out, "%7llu %7llu %7llu %9llu %6llu %8.1f %9.1f %9.1f %8llu\n", (ull)t->clone_refused, (ull)t->skew_refused, (ull)t->storage_refused,
	              (ull)t->host_away, (ull)t->rearmed, t->longest_wait / 3600.0, MIB(m->log_bytes), MIB(m->state_bytes), (ull)m->lag_max);
}

static void print_total(const struct fleet *f, FILE *out)
{
	const struct fleet_tally *t = &f->total;
	const uint64_t *allowed = f->model.allowed;
	uint64_t refused = t->clone_refused + t->skew_refused, unseen = allowed[MODEL_UNSEEN_CLONE] + allowed[MODEL_STANDSTILL_CLONE];

	(void)fprintf(out, "\n%llu machines appeared, %llu left; %llu requests answered: %llu granted, %llu counted only, "
	              "%llu refused (M-112 other hardware %llu, 0xC004F06C clock %llu), %llu releases, %llu repeats\n",
	              (ull)t->born, (ull)t->left, (ull)t->requests, (ull)t->granted, (ull)t->counted_only, (ull)refused,
	              (ull)t->clone_refused, (ull)t->skew_refused, (ull)t->releases, (ull)t->repeats);
	(void)fprintf(out, "%llu answered 503 (disk full), %llu not answered (host away), %llu answers lost; "
	              "%u restarts as after kill -9, %u in good order\n",
	              (ull)t->storage_refused, (ull)t->host_away, (ull)t->lost, (unsigned)f->restarts_hard, (unsigned)f->restarts_orderly);
	(void)fprintf(out, "longest time a machine reported without holding a lease: %.1f h (machine %u)\n", t->longest_wait / 3600.0,
	              (unsigned)t->longest_wait_machine);
	(void)fprintf(out, "allowances used: %llu questions of clones not seen before (%llu granted), %llu of them on the first day after a long silence\n",
	              (ull)unseen, (ull)t->clones_granted, (ull)allowed[MODEL_STANDSTILL_CLONE]);
	(void)fprintf(out, "books: %llu clients (%llu released, %llu contested), %llu events, count %u of at most %u: %s\n", (ull)f->books.clients,
	              (ull)f->books.released, (ull)f->books.contested, (ull)f->books.events, (unsigned)f->books.count, (unsigned)f->books.cap,
	              f->faults.n == 0 ? "as the model says" : "see below");
	(void)fprintf(out, "%.1f s: %.0f simulated days and %.0f requests a second; due within %u s together; fold lag at most %llu events; "
	              "waited %llu times for the fold\n", f->seconds, f->seconds > 0 ? f->o.days / f->seconds : 0,
	              f->seconds > 0 ? (double)t->requests / f->seconds : 0, (unsigned)f->tick, (ull)f->lag_max, (ull)f->host.paced);
}

void fleet_print(const struct fleet *f, FILE *out)
{
	(void)fprintf(out, HEADING, "month", "alive", "licensed", "counted", "requests", "granted", "counted", "other",
	              "clock", "disk", "host", "new", "waited", "log", "state", "fold");
	(void)fprintf(out, HEADING, "", "", "", "30 days", "", "", "only", "hw", "wrong", "full", "away", "ID",
	              "h, most", "MiB", "MiB", "lag");
	for (uint32_t i = 0; i < f->month_count; i++)
		print_row(&f->months[i], i + 1, out);
	print_total(f, out);
	for (uint64_t i = 0; i < f->faults.n && i < FLEET_SHOWN; i++)
		(void)fprintf(out, "WRONG: %s\n", f->faults.shown[i]);
	if (f->faults.n > FLEET_SHOWN)
		(void)fprintf(out, "and %llu more\n", (unsigned long long)(f->faults.n - FLEET_SHOWN));
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *tally_json(const struct fleet_tally *t)
{
	json_t *o = json_object();
	const struct { const char *name; uint64_t n; } rows[] = {
		{ "requests", t->requests }, { "granted", t->granted }, { "counted_only", t->counted_only }, { "refused_other_hardware", t->clone_refused },
		{ "refused_clock", t->skew_refused }, { "refused_disk_full", t->storage_refused }, { "releases", t->releases }, { "repeats", t->repeats },
		{ "host_away", t->host_away }, { "answers_lost", t->lost }, { "clones_granted_unseen", t->clones_granted },
		{ "new_client_ids_on_advice", t->rearmed },
		{ "appeared", t->born }, { "left", t->left }, { "longest_without_lease_seconds", t->longest_wait }
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		(void)json_object_set_new(o, rows[i].name, number(rows[i].n));
	return o;
}

static json_t *months_json(const struct fleet *f)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < f->month_count; i++) {
		const struct fleet_month *m = &f->months[i];
		json_t *o = tally_json(&m->t), *measured = json_object();

		(void)json_object_set_new(o, "month", number(i + 1));
		(void)json_object_set_new(o, "alive", number(m->alive));
		(void)json_object_set_new(o, "licensed", number(m->licensed));
		(void)json_object_set_new(o, "counted", number(m->counted));
		(void)json_object_set_new(measured, "log_bytes", number(m->log_bytes));
		(void)json_object_set_new(measured, "state_bytes", number(m->state_bytes));
		(void)json_object_set_new(measured, "fold_lag_max", number(m->lag_max));
		(void)json_object_set_new(measured, "seconds", json_real(m->seconds));
		(void)json_object_set_new(o, "measured", measured);
		(void)json_array_append_new(list, o);
	}
	return list;
}

static json_t *options_json(const struct fleet *f)
{
	json_t *o = json_object();

	for (size_t i = 0; i < fleet_knob_count; i++) {
		double v;

		memcpy(&v, (const char *)&f->o + fleet_knobs[i].offset, sizeof v);
		(void)json_object_set_new(o, fleet_knobs[i].name, fleet_knobs[i].whole ? json_integer((json_int_t)v) : json_real(v));
	}
	(void)json_object_set_new(o, "tick", number(f->tick));
	return o;
}

static json_t *books_json(const struct fleet *f)
{
	json_t *o = json_object(), *status = json_array();

	for (unsigned i = 0; i < 7; i++)
		(void)json_array_append_new(status, number(f->model.totals.status[i]));
	(void)json_object_set_new(o, "clients", number(f->books.clients));
	(void)json_object_set_new(o, "released", number(f->books.released));
	(void)json_object_set_new(o, "contested", number(f->books.contested));
	(void)json_object_set_new(o, "events", number(f->books.events));
	(void)json_object_set_new(o, "first_event_day", number(f->books.first_event_day));
	(void)json_object_set_new(o, "count", number(f->books.count));
	(void)json_object_set_new(o, "cap", number(f->books.cap));
	(void)json_object_set_new(o, "requests_by_status", status);
	(void)json_object_set_new(o, "requests_failed", number(f->model.totals.failed));
	return o;
}

static json_t *faults_json(const struct fleet *f)
{
	json_t *list = json_array();

	for (uint64_t i = 0; i < f->faults.n && i < FLEET_SHOWN; i++)
		(void)json_array_append_new(list, json_string(f->faults.shown[i]));
	return list;
}

static json_t *measured_json(const struct fleet *f)
{
	json_t *o = json_object();

	(void)json_object_set_new(o, "seconds", json_real(f->seconds));
	(void)json_object_set_new(o, "days_per_second", json_real(f->seconds > 0 ? f->o.days / f->seconds : 0));
	(void)json_object_set_new(o, "requests_per_second", json_real(f->seconds > 0 ? (double)f->total.requests / f->seconds : 0));
	(void)json_object_set_new(o, "fold_lag_max", number(f->lag_max));
	(void)json_object_set_new(o, "waits_for_fold", number(f->host.paced));
	/* Whether the files could be copied in a moment depends on their size and the disk. */
	(void)json_object_set_new(o, "restarts_as_after_kill", number(f->restarts_hard));
	(void)json_object_set_new(o, "restarts_in_good_order", number(f->restarts_orderly));
	return o;
}

int fleet_print_json(const struct fleet *f, FILE *out)
{
	json_t *o = json_object(), *allowed = json_object();
	int r;

	(void)json_object_set_new(o, "options", options_json(f));
	(void)json_object_set_new(o, "months", months_json(f));
	(void)json_object_set_new(o, "total", tally_json(&f->total));
	(void)json_object_set_new(allowed, "unseen_clone", number(f->model.allowed[MODEL_UNSEEN_CLONE]));
	(void)json_object_set_new(allowed, "standstill_clone", number(f->model.allowed[MODEL_STANDSTILL_CLONE]));
	(void)json_object_set_new(o, "allowances", allowed);
	(void)json_object_set_new(o, "books", books_json(f));
	(void)json_object_set_new(o, "wrong", number(f->faults.n));
	(void)json_object_set_new(o, "differences", faults_json(f));
	(void)json_object_set_new(o, "measured", measured_json(f));
	r = o == NULL || json_dumpf(o, out, JSON_INDENT(1)) != 0 || fputc('\n', out) == EOF ? BENCH_FAILED : BENCH_OK;
	json_decref(o);
	return r;
}
