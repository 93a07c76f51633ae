/* What muster prints: for people (labels and dates as administrators know them, facts.md section 3) and as JSON. */
#include "core/cli/muster_cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/codes.h"

const char *mcli_status_text(uint32_t s)
{
	static const char *const text[] = {
		"Unlicensed", "Licensed", "Initial grace period", "Additional grace period (KMS license expired or hardware out of tolerance)",
		"Non-genuine grace period.", "Notification", "Extended grace period"
	};

	return s < sizeof text / sizeof text[0] ? text[s] : "Unknown";
}

static const char *outcome_text(int32_t outcome)
{
	static const char *const text[] = { "activated", "counted", "refused", "no_host", "released", "pending", "queued" };

	return text[outcome];
}

static json_t *when(int64_t seconds)
{
	char text[TIME_RFC3339];

	if (seconds == 0)
		return json_null();
	time_rfc3339(text, seconds * 1000);
	return json_string(text);
}

/* An application reads "" as absent less easily than null. */
static json_t *text_or_null(const char *s)
{
	return s[0] != '\0' ? json_string(s) : json_null();
}

static json_t *known_or_null(int64_t n)
{
	return n >= 0 ? json_integer(n) : json_null();
}

static json_t *some_or_null(uint32_t n)
{
	return n != 0 ? json_integer(n) : json_null();
}

static const char *per_text(uint32_t per)
{
	return per == MUSTER_ACCESS_USER ? "user" : "device";
}

static const char *kind_text(uint32_t kind)
{
	static const char *const text[] = { "", "temporary", "permanent", "user" };

	return kind < sizeof text / sizeof text[0] ? text[kind] : "";
}

/* The access licence that is held; null: none. */
static json_t *access_json(uint32_t per, uint32_t kind, const char *version)
{
	if (per == 0)
		return json_null();
	return json_pack("{s:s, s:o, s:o}", "per", per_text(per), "kind", text_or_null(kind_text(kind)), "version", text_or_null(version));
}

json_t *mcli_answer_json(const struct mcli *m, const char *id, const struct muster_answer *a)
{
	char code[16] = "";

	if (a->code != 0)
		code_name(code, a->code);
	return json_pack("{s:s, s:s, s:s, s:o, s:I, s:I, s:o, s:o, s:o, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:I}", "activation_id", id, "client_id", muster_client_id(m->client),
		"outcome", outcome_text(a->outcome), "code", text_or_null(code), "count", (json_int_t)a->count, "minimum_count", (json_int_t)a->minimum_count,
		"expires_at", when(a->expires_at), "next_at", when(a->next_at), "host", text_or_null(a->host), "message", a->message,
		"perpetual", (int)a->perpetual, "allowed", known_or_null(a->allowed), "used", known_or_null(a->used), "remaining", known_or_null(a->remaining),
		"position", some_or_null(a->position), "seats", some_or_null(a->seats), "over", (int)a->over, "access", access_json(a->access_per, a->access_kind, a->version),
		"grace_seconds", (json_int_t)a->grace_seconds);
}

/* The issuer's revocation list that is kept; null: none. */
static json_t *crl_json(const struct muster_status *s)
{
	if (s->crl_number == 0)
		return json_null();
	return json_pack("{s:I, s:o, s:b}", "number", (json_int_t)s->crl_number, "made_at", when(s->crl_made_at), "stale", (int)s->crl_stale);
}

json_t *mcli_status_json(const struct muster_status *s)
{
	return json_pack("{s:s, s:o, s:s, s:b, s:I, s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:b, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:o, s:b, s:o, s:o, s:b, s:o, s:o, s:o, s:I}", "activation_id", s->activation_id,
		"product", text_or_null(s->product), "client_id", s->client_id, "valid", (int)s->valid, "license_status", (json_int_t)s->license_status,
		"license_status_text", mcli_status_text(s->license_status), "granted_at", when(s->granted_at), "expires_at", when(s->expires_at),
		"renew_at", when(s->renew_at), "state_ends_at", when(s->state_ends_at), "count", (json_int_t)s->count,
		"minimum_count", (json_int_t)s->minimum_count, "record", (int)s->record,
		"rearms_left", s->rearms_left == UINT32_MAX ? json_null() : json_integer(s->rearms_left), "host", text_or_null(s->host),
		"reason", text_or_null(s->reason), "crl", crl_json(s), "perpetual", (int)s->perpetual, "telephone", (int)s->telephone, "coverage_start", when(s->coverage_start),
		"coverage_end", when(s->coverage_end), "partial_key", text_or_null(s->key_partial), "key_kept", (int)s->has_key,
		"position", some_or_null(s->position), "seats", some_or_null(s->seats), "over", (int)s->over, "access", access_json(s->access_per, s->access_kind, s->version),
		"user", text_or_null(s->user), "wanted_version", text_or_null(s->wanted_version), "grace_seconds", (json_int_t)s->grace_seconds);
}

json_t *mcli_claims_json(const struct muster_claims *c)
{
	return json_pack("{s:b, s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:I, s:I, s:I, s:b, s:o}", "valid", 1, "issuer_id", c->issuer_id, "client_id", c->client_id,
		"activation_id", c->activation_id, "edition_id", text_or_null(c->edition_id), "jti", c->jti, "issued_at", when(c->issued_at),
		"expires_at", when(c->expires_at), "count", (json_int_t)c->count, "minimum_count", (json_int_t)c->minimum_count,
		"renewal_seconds", (json_int_t)c->renewal_s, "record", (int)c->record, "user_hash", text_or_null(c->user_hash));
}

json_t *mcli_confirmation_json(const struct muster_confirmation *c)
{
	return json_pack("{s:b, s:s, s:s, s:s, s:s, s:I, s:s, s:o, s:o, s:o}", "valid", 1, "issuer_id", c->issuer_id, "activation_id", c->activation_id, "jti", c->jti,
		"key_kind", c->key_kind, "key_number", (json_int_t)c->key_number, "partial_key", c->key_partial, "issued_at", when(c->issued_at),
		"coverage_start", when(c->coverage_start), "coverage_end", when(c->coverage_end));
}

int mcli_print_json(json_t *value)
{
	char *text = value != NULL ? json_dumps(value, JSON_INDENT(1)) : NULL;
	int r = text == NULL ? mcli_say(MCLI_FAULT, "out of memory") : puts(text) == EOF ? MCLI_FAULT : MCLI_OK;

	free(text);
	json_decref(value);
	return r;
}

static void line(const char *label, const char *value)
{
	if (value[0] != '\0')
		(void)printf("    %s: %s\n", label, value);
}

static void line_time(const char *label, int64_t seconds)
{
	char text[32];

	if (seconds == 0)
		return;
	time_listing(text, seconds * 1000);
	line(label, text);
}

static void line_count(uint32_t count, uint32_t minimum, uint32_t seats)
{
	if (seats != 0)
		(void)printf("    Seats taken: %" PRIu32 " of %" PRIu32 "\n", count, seats);
	else if (minimum != 0)   /* access licences have none, and what is counted for them is not this machine's to see */
		(void)printf("    Current count: %" PRIu32 " (minimum %" PRIu32 ")\n", count, minimum);
}

static void line_place(uint32_t position)
{
	if (position != 0)
		(void)printf("    Place in the queue: %" PRIu32 "\n", position);
}

static void line_access(const struct muster_status *s)
{
	if (s->access_per != 0)
		(void)printf("    Access licence: per %s%s%s%s%s%s\n", per_text(s->access_per), s->version[0] != '\0' ? ", version " : "", s->version,
			s->access_kind != MUSTER_ACCESS_OF_USER && s->access_kind != MUSTER_ACCESS_NONE ? ", " : "",
			s->access_kind != MUSTER_ACCESS_OF_USER ? kind_text(s->access_kind) : "", s->over != 0 ? "; beyond what there is, which is recorded" : "");
}

void mcli_print_answer(const char *id, const struct muster_answer *a)
{
	(void)printf("%s\n    %s\n", id, a->message);
	line_count(a->count, a->minimum_count, a->seats);
	line_place(a->position);
	if (a->remaining >= 0)
		(void)printf("    Activations remaining: %" PRId64 "\n", a->remaining);
	line("Host", a->host);
	line_time(a->outcome == MUSTER_ACTIVATED ? "Renewal due" : "Next question due", a->next_at);
}

void mcli_print_status(const struct muster_status *s)
{
	if (s->product[0] != '\0')
		(void)printf("%s (%s)\n", s->product, s->activation_id);
	else
		(void)printf("%s\n", s->activation_id);
	line("User", s->user);
	line("License Status", mcli_status_text(s->license_status));
	if (s->perpetual != 0 && s->valid != 0)
		line("Activated", s->coverage_end != 0 ? "on this machine, within the coverage of its key" : "for good, on this machine");
	line_time(s->perpetual != 0 && s->valid != 0 ? "Coverage ends" : s->valid != 0 ? "The lease ends" : "This state ends", s->state_ends_at);
	line("Why", s->reason);
	if (s->valid != 0 && s->record != 0)
		line("Kind", "a record: it shows that this machine was counted, and licenses nothing");
	if (s->telephone != 0)
		line("Assurance", "confirmed by telephone");
	line("Partial Product Key", s->key_partial);
	line_time(s->valid != 0 ? "Renewal due" : "Next question due", s->renew_at);
	line_access(s);
	line_count(s->count, s->minimum_count, s->seats);
	line_place(s->position);
	line("Host", s->host);
	if (s->crl_stale != 0)
		(void)printf("    Warning: the issuer's revocation list (%" PRIu64 ") is past its time; it goes on counting\n", s->crl_number);
	else if (s->valid != 0 && s->crl_number == 0)
		line("Revocation list", "none known");
	line("Client Machine ID (CMID)", s->client_id);
	if (s->rearms_left != UINT32_MAX)
		(void)printf("    Remaining rearm count: %" PRIu32 "\n", s->rearms_left);
}

void mcli_print_claims(const struct muster_claims *c)
{
	(void)printf("The lease is valid%s.\n", c->record != 0 ? " (a record, not a licence)" : "");
	line("Activation ID", c->activation_id);
	line("Edition", c->edition_id);
	line("Client Machine ID (CMID)", c->client_id);
	line("Issuer", c->issuer_id);
	line("Lease", c->jti);
	line_time("Granted", c->issued_at);
	line_time("Ends", c->expires_at);
	line_count(c->count, c->minimum_count, 0);
	line("User (hash)", c->user_hash);
}

void mcli_print_confirmation(const struct muster_confirmation *c)
{
	(void)puts("The confirmation is valid, on the machine that it was made for.");
	line("Activation ID", c->activation_id);
	line("Partial Product Key", c->key_partial);
	line("Issuer", c->issuer_id);
	line("Confirmation", c->jti);
	line_time("Given", c->issued_at);
	line_time("Coverage begins", c->coverage_start);
	line_time("Coverage ends", c->coverage_end);
}
