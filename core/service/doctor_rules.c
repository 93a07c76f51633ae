/* The table of checks and their rules: pure, from facts to findings. */
#include "core/service/doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/codes.h"

#define DAY_S INT64_C(86400)
#define BEAT_S (26 * 3600)          /* the record of acts gets a row a day; two hours for a machine that sleeps */
#define BACKLOG_WARN 200000         /* events not folded yet: folding does not keep up (ledger.md section 2) */
#define KEY_SPENT 100               /* percent */

static void beyond(const struct doctor_facts *f, struct doctor_result *r);

static void day_text(char out[16], int64_t s)
{
	char full[TIME_RFC3339];

	time_rfc3339(full, s * 1000);
	(void)snprintf(out, 16, "%.10s", full);
}

/* "3 days", "1 day", "5 hours", "2 minutes". */
static const char *span_text(char out[32], int64_t s)
{
	int64_t n = s >= 2 * DAY_S ? s / DAY_S : s >= 2 * 3600 ? s / 3600 : s / 60;
	const char *unit = s >= 2 * DAY_S ? "day" : s >= 2 * 3600 ? "hour" : "minute";

	(void)snprintf(out, 32, "%" PRId64 " %s%s", n, unit, n == 1 ? "" : "s");
	return out;
}

/* ---- activated ---- */

static void activated(const struct doctor_facts *f, struct doctor_result *r)
{
	uint32_t certified = 0;

	for (size_t i = 0; i < f->product_count; i++) {
		const struct doctor_product *p = &f->products[i];

		certified += p->certified && !p->moved;
		if (p->moved)
			doctor_say(r, VERDICT_CRITICAL, (uint32_t)CODE_HARDWARE, "Activate the host again on this hardware (musterctl setup), or move its state to it.",
			           "%s was activated on other hardware: nothing is granted for it", p->name);
		else if (p->revoked)
			doctor_say(r, VERDICT_CRITICAL, (uint32_t)CODE_HOST_NOT_ACTIVATED, "Ask the issuer why, or activate the host anew: musterctl setup.",
			           "the issuer revoked this host's certificate for %s", p->name);
		else if (p->asked && !p->certified)
			doctor_say(r, VERDICT_WARNING, (uint32_t)CODE_HOST_NOT_ACTIVATED, NULL, "machines ask for %s and the host is not activated for it", p->name);
	}
	if (certified == 0 && r->count == 0 && f->served == 0)
		doctor_say(r, VERDICT_CRITICAL, (uint32_t)CODE_HOST_NOT_ACTIVATED, "Enable a plugin whose products this host shall serve (musterctl plugins), and name their issuer.",
		           "the host serves no product: every machine is refused");
	else if (certified == 0 && r->count == 0 && f->served == 1)
		doctor_say(r, VERDICT_CRITICAL, (uint32_t)CODE_HOST_NOT_ACTIVATED, NULL, "the host is not activated for its only product: every machine is refused");
	else if (certified == 0 && r->count == 0)
		doctor_say(r, VERDICT_CRITICAL, (uint32_t)CODE_HOST_NOT_ACTIVATED, NULL, "the host is not activated for any of its %" PRIu32 " products: every machine is refused", f->served);
	doctor_fine(r, "activated for %" PRIu32 " product%s", certified, certified == 1 ? "" : "s");
	doctor_measure(r, certified, "", "", "1:", -1, "activated_products");
}

/* ---- what ends ---- */

static void ends(const struct doctor_facts *f, struct doctor_result *r, enum doctor_end_kind kind, const char *noun, uint32_t code)
{
	int64_t next = 0;
	size_t n = 0;
	char day[16], span[32];

	for (size_t i = 0; i < f->end_count; i++) {
		const struct doctor_end *e = &f->ends[i];
		int64_t left = e->ends_at - f->now;

		if (e->kind != kind)
			continue;
		/* Long ended ones have successors, or nobody misses them: `keys` and `pack list` still show them. */
		if (kind != DOCTOR_CERTIFICATE && left <= -(int64_t)f->set.ends_warning)
			continue;
		n++;
		next = next == 0 || e->ends_at < next ? e->ends_at : next;
		day_text(day, e->ends_at);
		if (left <= 0)
			doctor_say(r, VERDICT_CRITICAL, code, NULL, "%s ended on %s", e->what, day);
		else if (left <= (int64_t)f->set.ends_critical)
			doctor_say(r, VERDICT_CRITICAL, 0, NULL, "%s ends in %s, on %s", e->what, span_text(span, left), day);
		else if (left <= (int64_t)f->set.ends_warning)
			doctor_say(r, VERDICT_WARNING, 0, NULL, "%s ends in %s, on %s", e->what, span_text(span, left), day);
	}
	if (f->ends_failed[0] != '\0' && kind != DOCTOR_CERTIFICATE)
		doctor_say(r, VERDICT_UNKNOWN, 0, NULL, "%s", f->ends_failed);
	if (n == 0) {
		doctor_fine(r, "no %s has an end ahead", noun);
		return;
	}
	day_text(day, next);
	doctor_fine(r, "%zu with an end; the first is on %s", n, day);
	doctor_measure(r, (next - f->now) / DAY_S, "", "", "", -1, "%s_days_left", kind == DOCTOR_CERTIFICATE ? "certificate" : kind == DOCTOR_PACK ? "pack" : "coverage");
}

static void certificates(const struct doctor_facts *f, struct doctor_result *r)
{
	ends(f, r, DOCTOR_CERTIFICATE, "certificate", (uint32_t)CODE_HOST_NOT_ACTIVATED);
}

static void packs(const struct doctor_facts *f, struct doctor_result *r)
{
	ends(f, r, DOCTOR_PACK, "licence pack", 0);
}

static void coverage(const struct doctor_facts *f, struct doctor_result *r)
{
	ends(f, r, DOCTOR_COVERAGE, "coverage", 0);
	beyond(f, r);
}

/* ---- counts ---- */

static bool judged(const struct doctor_product *p)
{
	return p->counted && p->asked && p->certified;
}

static void counts(const struct doctor_facts *f, struct doctor_result *r)
{
	char range[24];
	size_t n = 0;

	for (size_t i = 0; i < f->product_count; i++) {
		const struct doctor_product *p = &f->products[i];

		if (!judged(p))
			continue;
		n++;
		(void)snprintf(range, sizeof range, "%" PRIu32 ":", p->minimum);
		doctor_measure(r, p->count, "", p->advise ? range : "", p->advise ? "" : range, p->cap, "%s", p->name);
		if (p->count >= p->minimum)
			continue;
		if (p->advise)
			doctor_say(r, VERDICT_WARNING, 0, "`musterctl debt` shows what is granted beyond the rule.", "%s: %" PRIu32 " of %" PRIu32 " machines; they are activated as debt (policy = advise)",
			           p->name, p->count, p->minimum);
		else if (p->count == 0)
			doctor_say(r, VERDICT_CRITICAL, (uint32_t)CODE_COUNT_LOW, "Find out whether machines still reach this host. Where nobody uses the product any more: enabled = no.",
			           "%s: no machine has reported within its window; %" PRIu32 " are needed", p->name, p->minimum);
		else
			doctor_say(r, VERDICT_CRITICAL, (uint32_t)CODE_COUNT_LOW, NULL, "%s: %" PRIu32 " of %" PRIu32 " machines; no new one is activated", p->name, p->count, p->minimum);
	}
	doctor_fine(r, n == 0 ? "no product with a minimum count has been asked for" : "%zu product%s at or above the minimum count", n, n == 1 ? "" : "s");
}

static void low_water(const struct doctor_facts *f, struct doctor_result *r)
{
	char range[24];
	size_t n = 0;

	for (size_t i = 0; i < f->product_count; i++) {
		const struct doctor_product *p = &f->products[i];

		if (!judged(p) || p->low_water == 0)
			continue;
		n++;
		(void)snprintf(range, sizeof range, "%" PRIu32 ":", p->low_water);
		doctor_measure(r, p->count, "", range, "", p->cap, "%s_low_water", p->name);
		if (p->count >= p->low_water)
			continue;
		if (p->low_water > p->cap)
			doctor_say(r, VERDICT_WARNING, CODE_M_LOW_WATER, "Lower low_water of the product: no more than twice the largest minimum count are counted.",
			           "%s: the mark %" PRIu32 " lies above the %" PRIu32 " that are ever counted", p->name, p->low_water, p->cap);
		else
			doctor_say(r, VERDICT_WARNING, CODE_M_LOW_WATER, NULL, "%s: %" PRIu32 " machines, below your mark of %" PRIu32, p->name, p->count, p->low_water);
	}
	doctor_fine(r, n == 0 ? "no product has a low-water mark" : "%zu product%s at or above the low-water mark", n, n == 1 ? "" : "s");
}

static void own_forecast(const struct doctor_facts *f, struct doctor_result *r)
{
	char day[16];

	for (size_t i = 0; i < f->product_count; i++) {
		const struct doctor_product *p = &f->products[i];

		/* Below the minimum already: `counts` says so. */
		if (!judged(p) || p->count < p->minimum || p->sinks_in == DOCTOR_NEVER)
			continue;
		day_text(day, f->now + (int64_t)p->sinks_in * DAY_S);
		doctor_say(r, VERDICT_WARNING, CODE_M_LOW_WATER, NULL, "%s: %" PRIu32 " machines are silent; if they stay so, %" PRIu32 " of %" PRIu32 " are left on %s", p->name, p->silent, p->then,
		           p->minimum, day);
	}
}

static void forecast(const struct doctor_facts *f, struct doctor_result *r)
{
	own_forecast(f, r);
	for (size_t i = 0; i < f->pool_count; i++) {
		const struct doctor_pool *p = &f->pools[i];

		if (p->low)
			doctor_say(r, VERDICT_WARNING, (uint32_t)CODE_COUNT_LOW, NULL, "%s on %s: %" PRId64 " of %" PRId64 " machines as listed on %s; no new one is activated", p->product, p->host, p->count, p->minimum,
			           p->sinks_on);
		else
			doctor_say(r, VERDICT_WARNING, CODE_M_LOW_WATER, NULL, "%s on %s: %" PRId64 " machines are silent; if they stay so, %" PRId64 " of %" PRId64 " are left on %s", p->product, p->host,
			           p->silent, p->then, p->minimum, p->sinks_on);
	}
	if (f->pools_failed[0] != '\0')
		doctor_say(r, VERDICT_UNKNOWN, 0, NULL, "%s", f->pools_failed);
	doctor_fine(r, "no count sinks below its minimum within %" PRIu64 " days", f->set.forecast / (uint64_t)DAY_S);
}

/* ---- those who ask ---- */

static void idle(const struct doctor_facts *f, struct doctor_result *r)
{
	int64_t since = f->last_request > 0 ? f->last_request : f->began, quiet = f->now > since ? f->now - since : 0;
	char span[32], limit[32], range[24];

	if (f->set.idle == 0) {
		doctor_fine(r, "not looked at ([doctor] idle = 0s)");
		return;
	}
	(void)snprintf(range, sizeof range, "%" PRIu64, f->set.idle);
	doctor_measure(r, quiet, "s", range, "", -1, "idle");
	if (quiet > (int64_t)f->set.idle)
		doctor_say(r, VERDICT_WARNING, 0, NULL, "no machine has asked for %s (limit %s)%s", span_text(span, quiet), span_text(limit, (int64_t)f->set.idle),
		           f->last_request > 0 ? "" : "; none ever has");
	doctor_fine(r, f->last_request > 0 ? "the last request was %s ago" : "no request yet; the host was started %s ago", span_text(span, quiet));
}

static void notes(const struct doctor_notes *n, struct doctor_result *r, enum verdict v, uint32_t code)
{
	for (size_t i = 0; i < n->n; i++)
		doctor_say(r, n->rows[i].old ? VERDICT_OK : v, n->rows[i].old ? 0 : code, n->rows[i].remedy, "%s%s", n->rows[i].old ? "long ago: " : "", n->rows[i].text);
	if (n->more)
		doctor_say(r, v, code, NULL, "and more than are looked at here");
	if (n->failed[0] != '\0')
		doctor_say(r, VERDICT_UNKNOWN, 0, NULL, "%s", n->failed);
}

static void duplicates(const struct doctor_facts *f, struct doctor_result *r)
{
	if (f->clones > 0)
		doctor_say(r, VERDICT_WARNING, CODE_M_DUPLICATE, NULL, "%" PRIu32 " client ID%s used by more than one machine: each counts once", f->clones, f->clones == 1 ? " is" : "s are");
	notes(&f->duplicates, r, VERDICT_WARNING, CODE_M_DUPLICATE);
	doctor_fine(r, "no client ID is used by two machines");
	doctor_measure(r, (int64_t)f->clones + (int64_t)f->duplicates.n, "", "0", "", -1, "duplicates");
}

static void unknown(const struct doctor_facts *f, struct doctor_result *r)
{
	if (f->unknown_ids > 0)
		doctor_say(r, VERDICT_WARNING, 0, NULL, "machines asked for %" PRIu32 " activation ID%s that this host does not know", f->unknown_ids, f->unknown_ids == 1 ? "" : "s");
	doctor_fine(r, "every activation ID that was asked for is known");
}

static void debt(const struct doctor_facts *f, struct doctor_result *r)
{
	notes(&f->debt, r, VERDICT_WARNING, 0);
	doctor_fine(r, "nothing is given out beyond what there is");
}

/* ---- keys ---- */

/* What was not looked at is never "all is well". */
static void beyond(const struct doctor_facts *f, struct doctor_result *r)
{
	if (f->books_more)
		doctor_say(r, VERDICT_UNKNOWN, 0, "Look at the rest by hand: musterctl keys list, musterctl catalogue list.", "the books hold more than the %d keys and products that were looked at", DOCTOR_LIST);
}

static void keys(const struct doctor_facts *f, struct doctor_result *r)
{
	size_t n = 0;

	for (size_t i = 0; i < f->use_count; i++) {
		const struct doctor_use *u = &f->uses[i];
		uint32_t code = (uint32_t)(u->host_key ? CODE_HOST_KEY_LIMIT : CODE_MAK_LIMIT);
		int64_t percent;

		if (u->allowed < 0 || u->used < 0 || (u->allowed == 0 && u->used == 0))
			continue;   /* -1: unknown (facts.md section 5) */
		n++;
		/* A vendor's portal shows such keys. */
		if (u->used > u->allowed) {
			doctor_say(r, VERDICT_CRITICAL, code, NULL, "%s: %" PRId64 " activations are used, %" PRId64 " more than the %" PRId64 " that are allowed", u->what, u->used, u->used - u->allowed, u->allowed);
			continue;
		}
		percent = u->used > INT64_MAX / 100 ? INT64_MAX : u->used * 100 / u->allowed;
		if (percent >= KEY_SPENT)
			doctor_say(r, VERDICT_CRITICAL, code, NULL, "%s: all %" PRId64 " activations are used", u->what, u->allowed);
		else if (percent >= (int64_t)f->set.key_use)
			doctor_say(r, VERDICT_WARNING, code, NULL, "%s: %" PRId64 " of %" PRId64 " activations are used", u->what, u->used, u->allowed);
	}
	if (f->uses_failed[0] != '\0')
		doctor_say(r, VERDICT_UNKNOWN, 0, NULL, "%s", f->uses_failed);
	beyond(f, r);
	doctor_fine(r, n == 0 ? "no key has a known allowance" : "%zu key%s below %" PRIu64 " %% of the allowance", n, n == 1 ? "" : "s", f->set.key_use);
}

static void setup_keys(const struct doctor_facts *f, struct doctor_result *r)
{
	notes(&f->setup_keys, r, VERDICT_WARNING, CODE_M_SETUP_KEY);
	beyond(f, r);
	doctor_fine(r, "every product of the catalogue has its setup key noted, or needs no key");
}

static void findings(const struct doctor_facts *f, struct doctor_result *r)
{
	notes(&f->findings, r, VERDICT_WARNING, 0);
	doctor_fine(r, "imports have left nothing to look at");
}

static void revocation(const struct doctor_facts *f, struct doctor_result *r)
{
	notes(&f->crls, r, VERDICT_WARNING, 0);
	doctor_fine(r, "no issuer's revocation list is out of date");
}

/* ---- the host itself ---- */

static void clock_believed(const struct doctor_facts *f, struct doctor_result *r)
{
	if (f->clock_held)
		doctor_say(r, VERDICT_CRITICAL, (uint32_t)CODE_TIMESTAMP, NULL, "%s", f->clock_reason);
	else if (f->last_commit > f->now + 60)
		doctor_say(r, VERDICT_WARNING, (uint32_t)CODE_TIMESTAMP, NULL, "the last commit lies %" PRId64 " s ahead of the clock", f->last_commit - f->now);
	doctor_fine(r, "the host's clock is believed");
}

static void ledger_health(const struct doctor_facts *f, struct doctor_result *r)
{
	char range[24];

	(void)snprintf(range, sizeof range, "%d", BACKLOG_WARN);
	if (!f->ready)
		doctor_say(r, VERDICT_CRITICAL, CODE_M_STORAGE, NULL, "%s", f->not_ready);
	if (f->backlog > BACKLOG_WARN)
		doctor_say(r, VERDICT_WARNING, CODE_M_STORAGE, "Give the disk time, or a faster one; `musterctl status` shows how far folding has come.", "%" PRId64 " events wait to be folded", f->backlog);
	doctor_fine(r, "commits reach the disk; %" PRId64 " events wait to be folded", f->backlog);
	doctor_measure(r, f->backlog, "", range, "", -1, "backlog");
	doctor_measure(r, f->queued, "", "", "", -1, "queued");
}

static void audit(const struct doctor_facts *f, struct doctor_result *r)
{
	char span[32];

	if (f->audit_fault[0] != '\0')
		doctor_say(r, VERDICT_CRITICAL, CODE_M_AUDIT, NULL, "%s", f->audit_fault);
	else if (f->audit_beat > 0 && f->now - f->audit_beat > BEAT_S)
		doctor_say(r, VERDICT_WARNING, CODE_M_AUDIT, NULL, "nothing was written into the record of acts for %s", span_text(span, f->now - f->audit_beat));
	doctor_fine(r, "the record of acts agrees with its anchor");
}

static void disk(const struct doctor_facts *f, struct doctor_result *r)
{
	char warning[24], critical[24];
	uint64_t mib = f->disk_free >> 20;

	(void)snprintf(warning, sizeof warning, "%" PRIu64 ":", f->disk_floor * 2);
	(void)snprintf(critical, sizeof critical, "%" PRIu64 ":", f->disk_floor);
	if (f->disk_low)
		doctor_say(r, VERDICT_CRITICAL, CODE_M_STORAGE, NULL, "%" PRIu64 " MiB free, below the %" PRIu64 " MiB that are the least: requests are answered 503", mib, f->disk_floor >> 20);
	else if (f->disk_free < f->disk_floor * 2)
		doctor_say(r, VERDICT_WARNING, 0, NULL, "%" PRIu64 " MiB free; below %" PRIu64 " MiB no request is taken", mib, f->disk_floor >> 20);
	doctor_fine(r, "%" PRIu64 " MiB free", mib);
	doctor_measure(r, f->disk_free > INT64_MAX ? INT64_MAX : (int64_t)f->disk_free, "B", warning, critical, -1, "disk_free");
}

static void plugins(const struct doctor_facts *f, struct doctor_result *r)
{
	for (size_t i = 0; i < f->plugin_count; i++) {
		const struct doctor_plugin *p = &f->plugins[i];

		if (p->off)
			doctor_say(r, VERDICT_CRITICAL, CODE_M_PLUGIN, "Look at the log, repair or update the plugin, then: musterctl plugin enable NAME.", "%s is switched off: %s", p->name, p->why);
		else
			doctor_say(r, VERDICT_WARNING, CODE_M_PLUGIN, NULL, "%s is refused: %s", p->name, p->why);
	}
	doctor_fine(r, "%zu loaded", f->plugins_loaded);
}

static const struct doctor_check checks[] = {
	{ "activated", "the host is activated, for what machines ask for too", activated, "Activate the host: musterctl setup leads through it." },
	{ "certificates", "ends of the host's certificates and of the TLS server's", certificates, "Ask the issuer for a new one: musterctl ato, or musterctl setup; the TLS server's: put it in its place, then musterctl reload." },
	{ "clock", "the host's clock is believed", clock_believed, "Set the clock; when it is right now: musterctl clock accept." },
	{ "counts", "counts against the minimum counts", counts, "Let more machines report; check that each has its own client ID (duplicates) and that they reach the host." },
	{ "low-water", "counts against your own marks (low_water)", low_water, "Find out which machines have fallen silent: musterctl clients --product NAME." },
	{ "forecast", "counts that will sink below the minimum if silent machines stay silent; of imported hosts too", forecast,
	  "Find out which machines have fallen silent (musterctl clients), and let them report before that day." },
	{ "idle", "time since the last request ([doctor] idle)", idle, "Check network, firewall and DNS between machines and host; try one: muster activate." },
	{ "duplicates", "client IDs that several machines use, of imported hosts too", duplicates, "Give each clone an identity of its own: muster rearm on it; prepare images with muster rearm as their last step." },
	{ "unknown", "activation IDs that were asked for and are not known", unknown, "musterctl products --unknown lists them; musterctl products learn takes one." },
	{ "keys", "keys near their allowance", keys, "Ask for more: musterctl request; or use another key." },
	{ "packs", "ends of licence packs", packs, "Ask the issuer for the next issue, then: musterctl pack install FILE." },
	{ "coverage", "ends of what keys cover", coverage, "Order the next coverage period and note its key: musterctl keys add." },
	{ "setup-keys", "products of the catalogue whose setup key is not noted", setup_keys,
	  "Copy it from the download page: musterctl catalogue set ID --set setup_key=…; or, where none is needed: --set keyless=yes." },
	{ "debt", "what is given out beyond what there is", debt, "musterctl debt shows it: buy what is missing, or take back what is not needed." },
	{ "findings", "what imports have found: gaps, full logs, doubtful listings", findings, "Export again without the gap, and import it." },
	{ "revocation", "age of the issuers' revocation lists", revocation, "Fetch the issuer's newest list: musterctl crl install FILE." },
	{ "ledger", "commits and folding", ledger_health, "Look at the host's log and at the disk below the state folder." },
	{ "audit", "the record of acts", audit, "musterctl audit verify says more; compare with a head kept elsewhere." },
	{ "disk", "free space below the state folder", disk, "Make room on the file system of the state folder." },
	{ "plugins", "plugins that are refused or switched off", plugins, "musterctl plugins says why; repair the plugin or its section, then musterctl reload." },
};

const struct doctor_check *doctor_checks(size_t *n)
{
	*n = sizeof checks / sizeof checks[0];
	return checks;
}
