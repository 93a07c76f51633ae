/* What imports show to be wrong: gaps, full and cleared logs, skewed clocks, client IDs with several names, names with several client IDs. */
#include "core/estate/observed.h"

#include <stdio.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

#define MOMENTS 10000       /* read at once */
#define GAPS_MAX 1000       /* of one host: the first ones */
#define TOLD_MAX 200        /* of each sort, at the end of an import */
#define NAMES_TOLD 8        /* names in one sentence; how many more there are is said */

/* ---- gaps of a host, within the import's transaction ---- */

struct scan {
	struct gaps g;
	bool looking;
	int64_t at, seq; size_t got;       /* where the next page begins */
	struct observed_finding *found; size_t n; bool failed, more;
};

static void keep(struct scan *s, const struct gap *gap)
{
	struct observed_finding *grown;

	s->more = s->more || s->n == GAPS_MAX;
	if (s->n == GAPS_MAX || s->failed)
		return;
	if ((grown = mem_grow(s->found, s->n + 1, sizeof *grown)) == NULL) {
		s->failed = true;
		return;
	}
	s->found = grown;
	memset(&grown[s->n], 0, sizeof *grown);
	grown[s->n].kind = OBSERVED_GAP;
	grown[s->n].since = gap->since;
	grown[s->n].until = gap->until;
	grown[s->n].n = gap->missing;
	grown[s->n++].usual = gap->usual;
}

static int take_moment(void *ctx, const struct observed_moment *m)
{
	struct scan *s = ctx;
	struct gap gap;

	s->at = m->at;
	s->seq = m->seq;
	s->got++;
	if (!s->looking)
		gap_measure(&s->g, m->at, m->record);
	else if (gap_look(&s->g, m->at, m->record, &gap))
		keep(s, &gap);
	return 0;
}

static int pass(struct estate *e, struct scan *s, int64_t host, struct muster_err *err)
{
	int r;

	s->at = s->seq = INT64_MIN;
	do {
		s->got = 0;
		r = observed_store_moments(e->observed->w, host, s->at, s->seq, MOMENTS, take_moment, s, err);
	} while (r == MUSTER_OK && s->got == MOMENTS);
	return r;
}

static int judge_host(struct estate *e, const struct observed_host *host, struct muster_err *err)
{
	struct scan s = { .looking = false };
	struct gap gap;
	int r;

	gap_begin(&s.g);
	if ((r = pass(e, &s, host->number, err)) != MUSTER_OK)
		return r;
	gap_judge(&s.g);
	s.looking = true;
	if ((r = pass(e, &s, host->number, err)) == MUSTER_OK && gap_last(&s.g, &gap))
		keep(&s, &gap);
	if (r == MUSTER_OK && s.failed)
		r = err_nomem(err);
	if (r == MUSTER_OK && s.more)
		estate_say(e, 5, "observed", "the log of %s has more than %d gaps: the first are kept", host->name[0] != '\0' ? host->name : "(no name)", GAPS_MAX);
	if (r == MUSTER_OK)
		r = observed_store_findings_put(e->observed->w, host->number, s.found, s.n, err);
	mem_free(s.found);
	return r;
}

/* ---- sentences ---- */

static void put_duration(struct buf *b, int64_t ms)
{
	static const struct { int64_t ms; const char *unit; } units[] = { { STORE_DAY_MS, "d" }, { STORE_HOUR_MS, "h" }, { 60000, "min" }, { 1000, "s" } };
	size_t i = 0;

	while (i < 3 && ms < 2 * units[i].ms)
		i++;
	buf_addf(b, "%lld %s", (long long)((ms + units[i].ms / 2) / units[i].ms), units[i].unit);
}

static const char *host_word(const char *host)
{
	return host[0] != '\0' ? host : "a host that is not named";
}

static void gap_text(struct buf *b, const struct observed_finding *f)
{
	char since[TIME_RFC3339], until[TIME_RFC3339];

	time_rfc3339(since, f->since);
	time_rfc3339(until, f->until);
	buf_addf(b, "the log of %s has a gap from %s to %s (", host_word(f->host), since, until);
	put_duration(b, f->until - f->since);
	if (f->n > 0)
		buf_addf(b, ", %lld record numbers are missing", (long long)f->n);
	if (f->usual > 0) {
		buf_adds(b, "; usually one request in ");
		put_duration(b, f->usual);
	}
	buf_adds(b, ")");
}

static const struct words { const char *finding, *remedy; } words[] = {
	[OBSERVED_GAP] = { "gap", "Import the log of that time too; when it was overwritten, raise the maximum size of the Key Management Service log." },
	[OBSERVED_FULL] = { "full", "Raise the maximum size of the log, or let it overwrite old events; machines that asked while it was full are not in it." },
	[OBSERVED_CLEARED] = { "full", "Save the log before it is cleared, and import what was saved." },
	[OBSERVED_SKEW] = { "skew", "Set the clocks of these machines; when they are many, look at the host's own clock first." },
};

static void finding_text(struct buf *b, const struct observed_finding *f)
{
	char since[TIME_RFC3339], until[TIME_RFC3339];

	time_rfc3339(since, f->since);
	time_rfc3339(until, f->until);
	switch (f->kind) {
	case OBSERVED_GAP:
		gap_text(b, f);
		break;
	case OBSERVED_FULL:
		buf_addf(b, "an event log of %s was full at %s: requests after it may be missing", host_word(f->host), since);
		break;
	case OBSERVED_CLEARED:
		buf_addf(b, "an event log of %s was cleared at %s: requests before it may be missing", host_word(f->host), since);
		break;
	case OBSERVED_SKEW:
		buf_addf(b, "%lld request%s of %lld machine%s to %s %s refused because of %s time (0xC004F06C), ", (long long)f->n, f->n == 1 ? "" : "s", (long long)f->usual, f->usual == 1 ? "" : "s",
		          host_word(f->host), f->n == 1 ? "was" : "were", f->n == 1 ? "its" : "their");
		buf_addf(b, f->since == f->until ? "at %s" : "from %s to %s", since, until);
		break;
	}
}

/* ---- a list of findings in the making ---- */

struct telling { struct store_observed *o; json_t *list; size_t limit; bool more, remedies; char host[STORE_NAME_MAX]; int64_t since; struct buf b; unsigned n; struct muster_err *err; int r; };

static bool full(struct telling *t)
{
	if (json_array_size(t->list) < t->limit)
		return false;
	t->more = true;
	return true;
}

static void tell(struct telling *t, const char *finding, const char *host, const char *text, const char *remedy, int64_t since)
{
	json_t *o;

	if (full(t))
		return;
	o = json_pack("{s:s, s:s}", "finding", finding, "text", text);
	if (o != NULL && t->remedies) {
		(void)json_object_set_new(o, "host", host != NULL && host[0] != '\0' ? json_string(host) : json_null());
		(void)json_object_set_new(o, "remedy", json_string(remedy));
		(void)json_object_set_new(o, "since", observed_time_json(since));
	}
	(void)json_array_append_new(t->list, o);
}

static int tell_finding(void *ctx, const struct observed_finding *f)
{
	struct telling *t = ctx;

	if (full(t) || f->kind < OBSERVED_GAP || f->kind > OBSERVED_SKEW)
		return t->more;
	buf_clear(&t->b);
	finding_text(&t->b, f);
	tell(t, words[f->kind].finding, f->host, buf_str(&t->b), words[f->kind].remedy, f->since);
	return 0;
}

/* One of several names of a client, or of several clients of a name. */
static int add_one(void *ctx, const struct observed_name *n)
{
	struct telling *t = ctx;

	if (t->n++ < NAMES_TOLD)
		buf_addf(&t->b, "%s%s", t->n > 1 ? ", " : "", n->name);
	if (t->since == 0 || n->first > t->since)
		t->since = n->first;   /* there were several from when the latest came */
	return 0;
}

static int add_client(void *ctx, const struct observed_name *n)
{
	struct telling *t = ctx;
	char id[UUID_TEXT];

	uuid_format(id, n->client);
	if (t->n++ < NAMES_TOLD)
		buf_addf(&t->b, "%s%s", t->n > 1 ? ", " : "", id);
	if (t->since == 0 || n->first > t->since)
		t->since = n->first;
	return 0;
}

static void put_rest(struct telling *t)
{
	if (t->n > NAMES_TOLD)
		buf_addf(&t->b, " and %u more", t->n - NAMES_TOLD);
}

#define COUNT_MAX 1000   /* names or clients counted for one sentence */

static void retold(struct telling *t, const char *id)
{
	const char *names = strstr(buf_str(&t->b), ": ");
	char *one = mem_strdup(names != NULL ? names + 2 : "");

	buf_clear(&t->b);
	buf_addf(&t->b, "client ID %s is used by several machines of one name%s%s", id, one != NULL && one[0] != '\0' ? ", " : "", one != NULL ? one : "");
	mem_free(one);
}

static int tell_clone(void *ctx, const uint8_t client[16])
{
	struct telling *t = ctx;
	char id[UUID_TEXT];

	if (full(t))
		return 1;
	uuid_format(id, client);
	buf_clear(&t->b);
	t->n = 0;
	t->since = 0;
	buf_addf(&t->b, "client ID %s has several names: ", id);
	if ((t->r = observed_store_names(t->o, client, COUNT_MAX, add_one, t, t->err)) != MUSTER_OK)
		return 1;
	if (t->n < 2)   /* known by its hardware to who told of it */
		retold(t, id);
	put_rest(t);
	tell(t, "clone", NULL, buf_str(&t->b),
	     "They are copies of one image and count once: give each an ID of its own (slmgr /rearm, ospprearm, or sysprep /generalize before copying). A machine that was renamed is told for 30 days.", t->since);
	return 0;
}

static int tell_shared(void *ctx, const char *name)
{
	struct telling *t = ctx;

	if (full(t))
		return 1;
	buf_clear(&t->b);
	t->n = 0;
	t->since = 0;
	buf_addf(&t->b, "the name %s has several client IDs: ", name);
	if ((t->r = observed_store_clients(t->o, name, COUNT_MAX, add_client, t, t->err)) != MUSTER_OK)
		return 1;
	put_rest(t);
	tell(t, "names", NULL, buf_str(&t->b), "Two machines have one name, or one is installed anew, or given a new ID, again and again: each time it counts as another machine for 30 days.", t->since);
	return 0;
}

/* Clones first: they are what keeps a count low. */
static int tell_names(struct telling *t, bool imported, size_t each, struct muster_err *err)
{
	size_t all = t->limit;
	int r;

	t->limit = each < all ? json_array_size(t->list) + each : all;
	if ((r = observed_store_clones(t->o, imported, each + 1, tell_clone, t, err)) != MUSTER_OK || (r = t->r) != MUSTER_OK)
		return r;
	t->limit = each < all ? json_array_size(t->list) + each : all;
	if ((r = observed_store_shared(t->o, imported, each + 1, tell_shared, t, err)) == MUSTER_OK)
		r = t->r;
	t->limit = all;
	return r;
}

/* ---- the end of an import ---- */

struct judging { struct estate *e; struct telling t; struct muster_err *err; int r; };

static int judge_one(void *ctx, const struct observed_host *host)
{
	struct judging *j = ctx;

	if ((j->r = judge_host(j->e, host, j->err)) != MUSTER_OK)
		return 1;
	j->t.limit = json_array_size(j->t.list) + TOLD_MAX;
	j->r = observed_store_findings(j->t.o, host->name, TOLD_MAX + 1, tell_finding, &j->t, j->err);
	return j->r != MUSTER_OK;
}

int observed_judge(struct estate *e, struct import_sum *sum, struct muster_err *err)
{
	struct judging j = { .e = e, .t = { .o = e->observed->w, .list = sum->findings, .limit = SIZE_MAX, .err = err }, .err = err };
	uint64_t made;
	int r;

	buf_init(&j.t.b, 64u << 10);
	if ((r = observed_store_judge(j.t.o, err)) != MUSTER_OK || (r = observed_store_touched(j.t.o, judge_one, &j, err)) != MUSTER_OK || (r = j.r) != MUSTER_OK)
		goto done;
	j.t.limit = SIZE_MAX;
	if ((r = tell_names(&j.t, true, TOLD_MAX, err)) != MUSTER_OK || (r = observed_store_machines_new(j.t.o, &made, err)) != MUSTER_OK)
		goto done;
	if (j.t.more)
		(void)import_say(sum, 0, "note", "not all findings are told here: `musterctl doctor` and GET /admin/v1/observed/findings have the rest");
	if (made > 0)
		(void)import_say(sum, 0, "note", "%llu machines were not known before", (unsigned long long)made);
	if (e->observed->from_future > 10)
		(void)import_say(sum, 0, "note", "%lld events in all are dated later than tomorrow", (long long)e->observed->from_future);
done:
	buf_fini(&j.t.b);
	return r;
}

/* ---- the list ---- */

struct doubting { struct telling *t; };

static int tell_doubts(void *ctx, const char *id, const json_t *entry)
{
	struct doubting *d = ctx;
	const char *host = json_string_value(json_object_get(entry, "host")), *at = json_string_value(json_object_get(entry, "taken_at"));
	const json_t *one;
	int64_t since = 0;
	size_t i;

	(void)id;
	if (at != NULL && time_parse_rfc3339(&since, at, strlen(at)) != MUSTER_OK)
		since = 0;
	json_array_foreach(json_object_get(entry, "doubts"), i, one) {
		buf_clear(&d->t->b);
		buf_addf(&d->t->b, "the listing of %s: %s", host_word(host != NULL ? host : ""), json_string_value(one));
		tell(d->t, "listing", host, buf_str(&d->t->b), "Look at the host itself: what it says cannot be right, or the listing was edited; then import a new one.", since);
	}
	return d->t->more;
}

int estate_findings(struct estate *e, size_t limit, json_t **out, struct muster_err *err)
{
	struct telling t = { .list = json_array(), .limit = limit, .remedies = true, .err = err };
	const struct estate_kind *hosts = estate_kind_find("host");
	struct doubting d = { &t };
	int r = MUSTER_OK;

	*out = NULL;
	buf_init(&t.b, 64u << 10);
	if (t.list == NULL || (t.o = observed_reader(e, err)) == NULL) {
		json_decref(t.list);
		return t.list == NULL ? err_nomem(err) : err != NULL ? err->result : MUSTER_E_IO;
	}
	if ((r = tell_names(&t, false, limit, err)) == MUSTER_OK)
		r = observed_store_findings(t.o, NULL, limit + 1, tell_finding, &t, err);
	observed_reader_done(e);
	if (r == MUSTER_OK && hosts != NULL && e->ledger != NULL)
		r = entry_each(e, hosts, tell_doubts, &d, err);
	buf_fini(&t.b);
	if (r == MUSTER_OK && (*out = json_pack("{s:O, s:b}", "items", t.list, "more", t.more)) == NULL)
		r = err_nomem(err);
	json_decref(t.list);
	return r;
}
