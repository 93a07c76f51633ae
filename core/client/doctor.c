/* What the facts mean. */
#include "core/client/doctor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/codes.h"

#define DAY INT64_C(86400)
#define LEEWAY 14400            /* s: a host refuses clocks further apart (facts.md section 1); a lease is not believed when the clock was set back by more */
#define APART 300               /* s: worth a word */
#define GRACE_LEFT (7 * DAY)
#define OVERDUE (DAY)           /* s after the renewal was due: hosts may have been busy for a while */
#define ENDS_SOON (7 * DAY)
#define COVERAGE_SOON (30 * DAY)

/* A finding: the worst is told, and others as bad. */
static void say(struct client_check *c, enum verdict v, uint32_t code, const char *remedy, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
static void say(struct client_check *c, enum verdict v, uint32_t code, const char *remedy, const char *fmt, ...)
{
	size_t n = strlen(c->reason);
	va_list ap;

	if (verdict_worse(c->verdict, v) != v || (v == c->verdict && v == VERDICT_OK))
		return;
	if (v != c->verdict)
		n = 0;
	if (n + 3 >= sizeof c->reason)
		return;
	if (n == 0) {
		c->code = code;
		(void)snprintf(c->remedy, sizeof c->remedy, "%s", remedy != NULL ? remedy : "");
	} else {
		memcpy(c->reason + n, "; ", 3);
		n += 2;
	}
	c->verdict = v;
	va_start(ap, fmt);
	(void)vsnprintf(c->reason + n, sizeof c->reason - n, fmt, ap);
	va_end(ap);
}

/* What is told when nothing is wrong. */
static void fine(struct client_check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fine(struct client_check *c, const char *fmt, ...)
{
	va_list ap;

	if (c->verdict != VERDICT_OK)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(c->reason, sizeof c->reason, fmt, ap);
	va_end(ap);
}

static const char *date(char out[32], int64_t s)
{
	time_listing(out, s * 1000);
	return out;
}

/* How a product is called: by its host's name where that is known, and whose licence it is. */
static const char *called(char out[384], const struct client_product *p)
{
	(void)snprintf(out, 384, "%s%s%s", p->name[0] != '\0' ? p->name : p->id, p->user[0] != '\0' ? " of " : "", p->user);
	return out;
}

static void state(const struct client_facts *f, struct client_check *c)
{
	if (f->state_fault[0] != '\0')
		say(c, VERDICT_CRITICAL, 0, "Set it right as the sentence says, or name another folder with --state.", "%s", f->state_fault);
	else if (!f->there)
		say(c, VERDICT_CRITICAL, 0, "muster activate PRODUCT; or name the folder with --state.", "nothing has been asked for on this machine: there is no folder %s", f->dir);
	if (f->issuer_fault[0] != '\0')
		say(c, VERDICT_CRITICAL, 0, "Put the issuer's root certificates into the state folder as issuer.pem, or name the file with --issuer.", "%s", f->issuer_fault);
	fine(c, "%s belongs to this user alone, and the issuer's root is there", f->dir);
}

static void identity(const struct client_facts *f, struct client_check *c)
{
	if (f->identity_fault[0] != '\0')
		say(c, VERDICT_CRITICAL, 0, "Restore the state folder, or remove the file to begin anew; leases under the old client ID are lost.", "%s", f->identity_fault);
	if (f->hardware_moved)
		say(c, VERDICT_WARNING, (uint32_t)CODE_HARDWARE, "muster activate: the machine takes a client ID of its own with its next question. In an image run muster rearm as the last step.",
		    "the state folder was made on other hardware: client ID %s is another machine's", f->client_id);
	if (f->rearms_left == 0)
		say(c, VERDICT_WARNING, 0, "Install the machine anew where another client ID is needed.", "client ID %s: no further rearm is allowed", f->client_id);
	fine(c, "client ID %s", f->client_id);
}

static void clock_right(const struct client_facts *f, struct client_check *c)
{
	if (f->mark_fault[0] != '\0')
		say(c, VERDICT_WARNING, 0, "Remove the file when the clock is right.", "%s", f->mark_fault);
	if (f->mark > f->now + LEEWAY)
		say(c, VERDICT_CRITICAL, (uint32_t)CODE_TIMESTAMP, "Set the clock; compare in UTC.", "the clock was set back by %" PRId64 " minutes: leases are not believed", (f->mark - f->now) / 60);
	for (size_t i = 0; i < f->host_count; i++) {
		int64_t apart = f->hosts[i].ahead < 0 ? -f->hosts[i].ahead : f->hosts[i].ahead;

		if (f->hosts[i].timed && apart > APART)
			say(c, apart > LEEWAY ? VERDICT_CRITICAL : VERDICT_WARNING, (uint32_t)CODE_TIMESTAMP, "Set the clock of the one that is wrong; compare in UTC.", "the clock of %s is %" PRId64 " minutes %s",
			    f->hosts[i].url, (apart + 30) / 60, f->hosts[i].ahead > 0 ? "ahead" : "behind");
	}
	fine(c, "the clock is where it was left%s", f->host_count > 0 ? ", and agrees with the hosts that answer" : "");
}

static void hosts(const struct client_facts *f, struct client_check *c)
{
	size_t answer = 0;

	if (f->hosts_fault[0] != '\0' || f->host_count == 0) {
		say(c, VERDICT_CRITICAL, (uint32_t)CODE_NO_HOST, "muster skms NAME[:PORT]", "%s", f->hosts_fault[0] != '\0' ? f->hosts_fault : "no host is named");
		return;
	}
	for (size_t i = 0; i < f->host_count; i++)
		answer += f->hosts[i].answers;
	for (size_t i = 0; i < f->host_count; i++)
		if (!f->hosts[i].answers)
			say(c, answer > 0 ? VERDICT_WARNING : VERDICT_CRITICAL, (uint32_t)CODE_NO_HOST, "Check network, firewall and name; on the host: musterctl doctor port.", "%s", f->hosts[i].fault);
	fine(c, "%zu of %zu answer, the first is %s", answer, f->host_count, f->hosts[0].url);
}

#define NO_LEASE "muster activate; `muster status` tells what the host said, and `musterctl explain` (on the host) what a code means."

/* Held and believed. */
static void held(const struct client_facts *f, struct client_check *c, const struct client_product *p)
{
	char until[32], since[32], name[384];
	bool overdue = p->renew_at > 0 && f->now - p->renew_at > OVERDUE;

	(void)called(name, p);
	if (p->expires_at > 0 && p->perpetual && p->expires_at - f->now <= COVERAGE_SOON)
		say(c, p->expires_at - f->now <= ENDS_SOON ? VERDICT_CRITICAL : VERDICT_WARNING, 0, "Ask the publisher for the next coverage period and its key.", "%s: the coverage ends %s", name,
		    date(until, p->expires_at));
	else if (!p->perpetual && overdue)
		say(c, p->expires_at - f->now <= ENDS_SOON ? VERDICT_CRITICAL : VERDICT_WARNING, 0, "muster renew; keep an agent running (muster agent) or renew by a timer.",
		    "%s: renewal has been due since %s; the lease ends %s", name, date(since, p->renew_at), date(until, p->expires_at));
}

static void lease(const struct client_facts *f, struct client_check *c)
{
	char name[384], until[32];

	if (f->products_fault[0] != '\0')
		say(c, VERDICT_UNKNOWN, 0, "See `state`.", "%s", f->products_fault);
	if (f->product_count == 0 && f->products_fault[0] == '\0')
		say(c, VERDICT_CRITICAL, 0, "muster activate PRODUCT", "nothing has been asked for on this machine");
	for (size_t i = 0; i < f->product_count; i++) {
		const struct client_product *p = &f->products[i];
		bool grace = p->license_status == 2 || p->license_status == 3 || p->license_status == 6;

		if (p->valid)
			held(f, c, p);
		else
			say(c, grace ? VERDICT_WARNING : VERDICT_CRITICAL, grace ? 0 : (uint32_t)CODE_GRACE_EXPIRED, NO_LEASE, "%s is not activated%s%.300s", called(name, p), p->reason[0] != '\0' ? ": " : "", p->reason);
	}
	if (f->product_count > 0 && f->products[0].valid && f->products[0].expires_at > 0)
		fine(c, "%zu product%s activated; %s until %s", f->product_count, f->product_count == 1 ? "" : "s", called(name, &f->products[0]), date(until, f->products[0].expires_at));
	else
		fine(c, "%zu product%s activated", f->product_count, f->product_count == 1 ? "" : "s");
}

static void grace(const struct client_facts *f, struct client_check *c)
{
	char name[384], until[32];

	for (size_t i = 0; i < f->product_count; i++) {
		const struct client_product *p = &f->products[i];

		if (p->valid || p->grace_ends <= f->now)
			continue;   /* ended: `lease` says so */
		say(c, p->grace_ends - f->now <= GRACE_LEFT ? VERDICT_CRITICAL : VERDICT_WARNING, (uint32_t)CODE_GRACE_EXPIRED, NO_LEASE, "%s: the grace period ends %s", called(name, p), date(until, p->grace_ends));
	}
	fine(c, "no product lives on its grace period");
}

/* Products whose model has a key on the machine itself (facts.md section 5): what proves it must be kept until a confirmation is held. */
static void key(const struct client_facts *f, struct client_check *c)
{
	char name[384];
	size_t n = 0;

	for (size_t i = 0; i < f->product_count; i++) {
		const struct client_product *p = &f->products[i];
		bool needs = strcmp(p->model, "counted") == 0 || strcmp(p->model, "embedded") == 0;

		n += needs;
		if (needs && !p->has_key && !p->perpetual && !p->valid)
			say(c, VERDICT_WARNING, (uint32_t)CODE_NO_KEY, "muster activate PRODUCT --ask-key", "%s needs a key on this machine, and none was given", called(name, p));
	}
	fine(c, n == 0 ? "no product here needs a key on the machine" : "what proves the key is kept, or a confirmation is held");
}

static void revocation(const struct client_facts *f, struct client_check *c)
{
	for (size_t i = 0; i < f->product_count; i++)
		if (f->products[i].crl_stale)
			say(c, VERDICT_WARNING, 0, "Let this machine reach a host, which has the newer list; on the host: musterctl crl install FILE.", "the issuer's revocation list should have been replaced by now");
	if (c->verdict == VERDICT_WARNING)
		(void)snprintf(c->reason, sizeof c->reason, "the issuer's revocation list should have been replaced by now");   /* one list, however many products */
	fine(c, "the issuer's revocation list is not out of date");
}

static void agent(const struct client_facts *f, struct client_check *c)
{
	bool leases = false, late = false;

	for (size_t i = 0; i < f->product_count; i++) {
		leases = leases || !f->products[i].perpetual;
		late = late || (!f->products[i].perpetual && f->products[i].renew_at > 0 && f->now - f->products[i].renew_at > OVERDUE);
	}
	if (!f->agent && late)
		say(c, VERDICT_WARNING, 0, "Start it: muster agent; or let a timer run muster agent --once.", "no agent runs, and a renewal is overdue");
	fine(c, f->agent ? "an agent runs and renews" : leases ? "none runs; what asks instead of it is on time" : "none runs, and nothing needs to be renewed");
}

static const struct { const char *name; void (*rule)(const struct client_facts *f, struct client_check *c); bool folder; } checks[CLIENT_CHECKS] = {
	{ "state", state, false }, { "identity", identity, true }, { "clock", clock_right, true }, { "hosts", hosts, true }, { "lease", lease, true }, { "grace", grace, true },
	{ "key", key, true }, { "revocation", revocation, true }, { "agent", agent, true },
};

void client_doctor_judge(struct client_check *out, const struct client_facts *f)
{
	for (size_t i = 0; i < CLIENT_CHECKS; i++) {
		out[i] = (struct client_check){ .name = checks[i].name };
		if (checks[i].folder && (!f->there || f->state_fault[0] != '\0'))
			say(&out[i], VERDICT_UNKNOWN, 0, "See `state`.", "cannot be looked at without the state folder");
		else if (f->identity_fault[0] != '\0' && checks[i].folder && checks[i].rule != identity)
			say(&out[i], VERDICT_UNKNOWN, 0, "See `identity`.", "cannot be looked at without the client's identity");
		else
			checks[i].rule(f, &out[i]);
		if (f->exhausted)
			say(&out[i], VERDICT_UNKNOWN, 0, "Free some memory.", "memory is short: not everything could be looked at");
		else if (f->products_more && checks[i].rule == lease)
			say(&out[i], VERDICT_UNKNOWN, 0, "muster status lists all.", "more than %d products and users: the rest was not looked at", CLIENT_DOCTOR_PRODUCTS);
	}
}
