/* Confirming: the order of checks of trust.md section 9, in one transaction. */
#include "core/store/sqlite_books_confirm.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

#define DAY_TEXT 11   /* 2026-11-22 */
#define NAME_SHOWN 60

/* What an order is judged by. */
struct key_row { char kind, partial[6]; uint8_t generation; bool revoked, counted; uint32_t hosts, activations; int64_t coverage_start; char reason[BOOKS_TEXT]; };

struct judge {
	struct books *b;
	struct confirm_session *s;
	const struct books_act *act;
	const struct books_order *o;
	struct books_confirmation *out;
	struct key_row key;
	struct confirm_row row;            /* id 0: not known before */
	struct muster_err *err;
};

static void day_text(char out[DAY_TEXT], int64_t at)
{
	char text[TIME_RFC3339];

	time_rfc3339(text, at * 1000);
	memcpy(out, text, DAY_TEXT - 1);
	out[DAY_TEXT - 1] = '\0';
}

/* This order is refused; the transaction goes on. @return 1: nothing more to be done for it. */
static int refuse(struct judge *j, uint32_t code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int refuse(struct judge *j, uint32_t code, const char *fmt, ...)
{
	va_list ap;

	j->out->result = MUSTER_E_REFUSED;
	j->out->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(j->out->refusal, sizeof j->out->refusal, fmt, ap);
	va_end(ap);
	return 1;
}

static int read_key(struct judge *j)
{
	struct key_row *k = &j->key;
	sqlite3_stmt *s;
	char kind[2];
	int r;

	if ((r = books_sql(j->b, &s, j->err, "SELECT kind, partial, generation, state, hosts, activations, coverage_start, reason FROM key WHERE number = ?", "i",
	                   (int64_t)j->o->number)) != MUSTER_OK || (r = db_step(&j->b->db, s, "read", j->err)) < 0)
		return r;
	if (r == 0)
		return refuse(j, (uint32_t)CODE_KEY_INVALID, "no product key with the number %" PRIu32 " was issued here", j->o->number);
	db_column_text(kind, sizeof kind, s, 0);
	k->kind = kind[0];
	db_column_text(k->partial, sizeof k->partial, s, 1);
	k->generation = (uint8_t)sqlite3_column_int(s, 2);
	k->revoked = sqlite3_column_int(s, 3) == BOOKS_KEY_REVOKED;
	k->hosts = db_column_u32(s, 4);
	k->activations = db_column_u32(s, 5);
	k->coverage_start = sqlite3_column_int64(s, 6);
	db_column_text(k->reason, sizeof k->reason, s, 7);
	k->counted = k->kind == '1' || k->kind == 'Z';
	(void)sqlite3_reset(s);
	return MUSTER_OK;
}

static int check_key(struct judge *j)
{
	const struct key_row *k = &j->key;
	char day[DAY_TEXT];

	if (k->revoked)
		return refuse(j, (uint32_t)CODE_SERVER_KEY_BLOCKED, "the product key ending in %s was revoked%s%s", k->partial, k->reason[0] != '\0' ? ": " : "", k->reason);
	if (k->kind != 'A' && !(k->kind == '5' && k->hosts > 0) && !k->counted)
		return refuse(j, (uint32_t)CODE_KEY_INVALID, "the product key ending in %s is of a kind that is not activated", k->partial);
	if (k->counted && (j->o->certificate != NULL || j->o->has_request))
		return refuse(j, (uint32_t)CODE_KEY_INVALID, "the product key ending in %s activates machines, not a host", k->partial);
	if (k->coverage_start > j->act->now) {
		day_text(day, k->coverage_start);
		return refuse(j, CODE_M_COVERAGE, "the product key ending in %s cannot be used before %s, when its coverage starts", k->partial, day);
	}
	return MUSTER_OK;
}

/* The known confirmation, by what makes it the same one. */
static int find_row(struct judge *j)
{
#define COLUMNS "SELECT id, at, method, generation, attempt, binding, installation_id, request, counted, slot, statement_id, name, retired FROM confirmation "
	const struct books_order *o = j->o;
	struct confirm_row *row = &j->row;
	sqlite3_stmt *s;
	int64_t number = o->number;
	int r;

	if (j->key.counted)
		r = books_sql(j->b, &s, j->err, COLUMNS "WHERE number = ? AND binding = ? AND counted = 1", "ib", number, o->binding, sizeof o->binding);
	else
		/* by the request first: a host that asks again by another Installation ID with the same one gets the same answer */
		r = books_sql(j->b, &s, j->err, COLUMNS "WHERE number = ?1 AND counted = 0 AND (request = ?2 OR (generation = ?3 AND binding = ?4 AND attempt = ?5))"
		              " ORDER BY request IS NOT ?2 LIMIT 1", "ibibi", number, o->request, o->has_request ? sizeof o->request : 0, (int64_t)o->generation, o->binding,
		              sizeof o->binding, (int64_t)o->attempt);
	if (r != MUSTER_OK || (r = db_step(&j->b->db, s, "read", j->err)) <= 0)
		return r;
	*row = (struct confirm_row){
		.id = sqlite3_column_int64(s, 0), .at = sqlite3_column_int64(s, 1), .method = (enum books_method)sqlite3_column_int(s, 2), .number = o->number,
		.generation = (uint8_t)sqlite3_column_int(s, 3), .attempt = (uint8_t)sqlite3_column_int(s, 4), .counted = sqlite3_column_int(s, 8) != 0,
		.has_slot = sqlite3_column_type(s, 9) != SQLITE_NULL, .slot = (uint16_t)sqlite3_column_int(s, 9), .retired = sqlite3_column_int64(s, 12),
	};
	(void)db_column_blob(row->binding, sizeof row->binding, s, 5);
	(void)db_column_blob(row->installation_id, sizeof row->installation_id, s, 6);
	row->has_request = db_column_blob(row->request, sizeof row->request, s, 7) > 0;
	(void)db_column_blob(row->statement_id, sizeof row->statement_id, s, 10);
	db_column_text(row->name, sizeof row->name, s, 11);
	(void)sqlite3_reset(s);
	return MUSTER_OK;
#undef COLUMNS
}

/* A known one that may not be answered again. */
static int check_again(struct judge *j)
{
	const struct confirm_row *row = &j->row;
	const struct books_order *o = j->o;
	char day[DAY_TEXT];

	day_text(day, row->retired != 0 ? row->retired : row->at);
	if (row->retired != 0)
		return refuse(j, (uint32_t)CODE_OFFLINE_DATA, "the host of this Installation ID was retired on %s; if it is to work again, let it make a new Installation ID", day);
	if (memcmp(row->binding, o->binding, sizeof row->binding) != 0)
		return refuse(j, (uint32_t)CODE_OFFLINE_DATA, "this certificate request was answered for another host on %s; every host makes a key of its own", day);
	if (o->has_request && row->has_request && memcmp(row->request, o->request, sizeof row->request) != 0)
		return refuse(j, (uint32_t)CODE_OFFLINE_DATA, "this Installation ID was answered for another certificate request on %s; let the host make a new one", day);
	return MUSTER_OK;
}

static int check_attempt(struct judge *j)
{
	const struct books_order *o = j->o;
	int64_t highest;
	int r;

	if (j->key.counted)
		return MUSTER_OK;
	if ((r = books_int(j->b, &highest, j->err, "SELECT ifnull(max(attempt), -1) FROM confirmation WHERE number = ? AND binding = ? AND generation = ? AND counted = 0",
	                   "ibi", (int64_t)o->number, o->binding, sizeof o->binding, (int64_t)o->generation)) < 0)
		return r;
	if (o->attempt < highest)
		return refuse(j, (uint32_t)CODE_OFFLINE_DATA, "this Installation ID is older than one of the same host that was answered already (attempt %u, the newest is %" PRId64
		              "); read out the one the host shows now", o->attempt, highest);
	return MUSTER_OK;
}

/* Does this order get a slot it has already? */
static int holds_slot(const struct judge *j)
{
	return j->row.has_slot && j->row.generation == j->o->generation;
}

static int check_generation(struct judge *j)
{
	unsigned asked = j->o->generation, newest = j->key.generation;

	if (asked > newest)
		return refuse(j, CODE_M_GENERATION, "the Installation ID is of licence pack generation %u of the key ending in %s; the books know no newer than %u", asked, j->key.partial,
		              newest);
	if (!j->o->reveal || asked == newest || holds_slot(j))
		return MUSTER_OK;
	if (asked == 0)
		return refuse(j, CODE_M_GENERATION, "the Installation ID was made without a licence pack: by telephone the host needs the pack with the key ending in %s", j->key.partial);
	return refuse(j, CODE_M_GENERATION, "the Installation ID is of licence pack generation %u of the key ending in %s; a newer pack (%u) has replaced it: install that one on the host",
	              asked, j->key.partial, newest);
}

struct text { char *p; size_t room, n; unsigned more; };

/* At most NAME_SHOWN bytes of a name, never half a character: what is not UTF-8 could not be sent. */
static int shown_bytes(const char *name)
{
	size_t n = strnlen(name, NAME_SHOWN + 1);

	if (n <= NAME_SHOWN)
		return (int)n;
	for (n = NAME_SHOWN; n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80; n--)
		;
	return (int)n;
}

static int add_holder(void *ctx, const struct books_holder *h)
{
	struct text *t = ctx;
	char id[HEX_SIZE(10)], since[DAY_TEXT];
	int n;

	if (h->retired)
		return 0;
	hex_encode(id, h->binding, sizeof h->binding);
	day_text(since, h->first);
	n = snprintf(t->p + t->n, t->room - t->n, "%s%.*s since %s", t->n > 0 ? ", " : "", shown_bytes(h->name[0] != '\0' ? h->name : id), h->name[0] != '\0' ? h->name : id, since);
	if (n < 0 || (size_t)n >= t->room - t->n) {
		t->p[t->n] = '\0';
		t->more++;
	} else {
		t->n += (size_t)n;
	}
	return 0;
}

static int refuse_hosts(struct judge *j)
{
	char who[512] = "", more[32] = "";
	struct text t = { who, sizeof who, 0, 0 };
	int r = books_holders(j->b, j->o->number, add_holder, &t, j->err);

	if (r != MUSTER_OK)
		return r;
	if (t.more > 0)
		(void)snprintf(more, sizeof more, " and %u more", t.more);
	return refuse(j, (uint32_t)CODE_HOST_KEY_LIMIT, "all %" PRIu32 " hosts of the key ending in %s are taken: %s%s", j->key.hosts, j->key.partial, who, more);
}

static int count_machines(struct judge *j, int64_t *n)
{
	struct confirm_session *s = j->s;
	int r = MUSTER_OK;

	if (!s->tallied || s->tally_of != j->o->number) {
		r = books_int(j->b, &s->tally, j->err, "SELECT count(*) FROM confirmation WHERE number = ? AND counted = 1 AND retired = 0", "i", (int64_t)j->o->number);
		s->tallied = r >= 0;
		s->tally_of = j->o->number;
	}
	*n = s->tally;
	return r;
}

/* Places in use; @p mine those of this binding. */
static int count(struct judge *j, int64_t *bindings, int64_t *mine)
{
	const struct books_order *o = j->o;
	int r;

	*mine = 0;
	if (j->key.counted)
		r = count_machines(j, bindings);
	else if ((r = books_int(j->b, bindings, j->err, "SELECT count(DISTINCT binding) FROM confirmation WHERE number = ? AND counted = 0 AND retired = 0", "i",
	                        (int64_t)o->number)) >= 0)
		r = books_int(j->b, mine, j->err, "SELECT count(*) FROM confirmation WHERE number = ? AND binding = ? AND counted = 0 AND retired = 0", "ib", (int64_t)o->number,
		              o->binding, sizeof o->binding);
	return r < 0 ? r : MUSTER_OK;
}

static int check_limits(struct judge *j)
{
	int64_t bindings, mine;
	int r;

	if ((r = count(j, &bindings, &mine)) != MUSTER_OK)
		return r;
	if (j->key.counted && bindings >= j->key.activations)
		return refuse(j, (uint32_t)CODE_MAK_LIMIT, "the key ending in %s has activated %" PRId64 " machines of the %" PRIu32 " it allows", j->key.partial, bindings,
		              j->key.activations);
	if (j->key.counted)
		return MUSTER_OK;
	if (mine == 0 && bindings >= j->key.hosts)
		return refuse_hosts(j);
	if (mine >= j->key.activations)
		return refuse(j, (uint32_t)CODE_HOST_KEY_LIMIT, "this host was activated %" PRId64 " times with the key ending in %s, which allows %" PRIu32 " for each host", mine,
		              j->key.partial, j->key.activations);
	return MUSTER_OK;
}

static void new_row(struct judge *j)
{
	const struct books_order *o = j->o;

	j->row = (struct confirm_row){
		.at = j->act->now, .method = o->method, .number = o->number, .generation = o->generation, .attempt = o->attempt, .counted = j->key.counted,
		.has_request = o->has_request,
	};
	memcpy(j->row.binding, o->binding, sizeof j->row.binding);
	memcpy(j->row.installation_id, o->installation_id, sizeof j->row.installation_id);
	if (o->has_request)
		memcpy(j->row.request, o->request, sizeof j->row.request);
	if (j->key.counted)
		uuid_random(j->row.statement_id);
	else if (o->name != NULL)
		(void)snprintf(j->row.name, sizeof j->row.name, "%s", o->name);
}

/* A revealed slot is never free again, also when only the log remembers it: both tables are asked. */
static int take_slot(struct judge *j)
{
	sqlite3_stmt *s;
	int r;

	if ((r = books_sql(j->b, &s, j->err, "SELECT slot FROM slot AS s WHERE number = ?1 AND generation = ?2 AND confirmation IS NULL AND revoked IS NULL AND NOT EXISTS"
	                   " (SELECT 1 FROM confirmation AS c WHERE c.number = s.number AND c.generation = s.generation AND c.slot = s.slot) ORDER BY slot LIMIT 1", "ii",
	                   (int64_t)j->o->number, (int64_t)j->o->generation)) != MUSTER_OK || (r = db_step(&j->b->db, s, "read", j->err)) < 0)
		return r;
	if (r == 0)
		return refuse(j, CODE_M_SLOTS, "generation %u of the key ending in %s has no activation slot left; a new licence pack is needed", j->o->generation, j->key.partial);
	j->row.slot = (uint16_t)sqlite3_column_int(s, 0);
	j->row.has_slot = true;
	j->row.generation = j->o->generation;
	(void)sqlite3_reset(s);
	return MUSTER_OK;
}

static int read_slot(struct judge *j)
{
	struct books_slot *slot = &j->out->slot_row;
	sqlite3_stmt *s;
	bool revoked;
	int r;

	if ((r = books_sql(j->b, &s, j->err, "SELECT sealed, serial, end, revoked FROM slot WHERE number = ? AND generation = ? AND slot = ?", "iii", (int64_t)j->row.number,
	                   (int64_t)j->row.generation, (int64_t)j->row.slot)) != MUSTER_OK || (r = db_step(&j->b->db, s, "read", j->err)) < 0)
		return r;
	if (r == 0)
		return refuse(j, CODE_M_SLOTS, "the slot given to this Installation ID is of a licence pack that these books do not know (they were restored); a new licence pack is needed");
	slot->number = j->row.number;
	slot->generation = j->row.generation;
	slot->slot = j->row.slot;
	slot->sealed_n = db_column_blob(slot->sealed, sizeof slot->sealed, s, 0);
	db_column_text(slot->serial, sizeof slot->serial, s, 1);
	slot->end = sqlite3_column_int64(s, 2);
	revoked = sqlite3_column_type(s, 3) != SQLITE_NULL;
	(void)sqlite3_reset(s);
	j->out->slot = j->row.slot;
	return revoked ? refuse(j, (uint32_t)CODE_SERVER_KEY_BLOCKED, "the certificate in the slot given to this Installation ID was revoked") : MUSTER_OK;
}

/* A key that others may have is certified no more, by no request and for no product key. */
static int check_public_key(struct judge *j)
{
	struct muster_err why = { .result = 0 };
	int r = j->o->certificate == NULL ? MUSTER_OK : books_check_public_key(j->b, j->o->certificate->spki, &why);

	if (r == MUSTER_E_REFUSED)
		return refuse(j, why.code, "%s", why.message);
	if (r != MUSTER_OK)
		*j->err = why;
	return r;
}

/* What this request was certified with, if it was. */
static int find_certificate(struct judge *j)
{
	char request[HEX_SIZE(32)], day[DAY_TEXT];
	sqlite3_stmt *s;
	int64_t revoked;
	int r;

	hex_encode(request, j->o->request, sizeof j->o->request);
	if ((r = books_sql(j->b, &s, j->err, "SELECT serial, revoked FROM certificate WHERE confirmation = ? AND request = ? ORDER BY number DESC LIMIT 1", "it", j->row.id,
	                   request)) != MUSTER_OK || (r = db_step(&j->b->db, s, "read", j->err)) <= 0)
		return r;
	db_column_text(j->out->certificate, sizeof j->out->certificate, s, 0);
	revoked = sqlite3_column_int64(s, 1);
	(void)sqlite3_reset(s);
	if (revoked == 0)
		return MUSTER_OK;
	day_text(day, revoked);
	return refuse(j, (uint32_t)CODE_SERVER_KEY_BLOCKED, "the certificate given for this request was revoked on %s", day);
}

static int add_certificate(struct judge *j)
{
	struct books_certificate c;
	int r;

	if (j->o->certificate == NULL || j->out->certificate[0] != '\0')
		return MUSTER_OK;
	c = *j->o->certificate;
	c.confirmation = j->row.id;
	c.key = j->row.number;
	c.has_binding = true;
	memcpy(c.binding, j->row.binding, sizeof c.binding);
	if ((r = books_put_certificate(j->b, &c, j->act, j->err)) != MUSTER_OK || (r = confirm_note(j->s, confirm_certificate_json(&c), j->err)) != MUSTER_OK)
		return r;
	memcpy(j->out->certificate, c.serial, sizeof j->out->certificate);
	return MUSTER_OK;
}

static int write_row(struct judge *j, bool changed)
{
	static const char *const methods[] = { [BOOKS_TELEPHONE] = "telephone", [BOOKS_ONLINE] = "online", [BOOKS_FILE] = "file" };
	char object[64], binding[HEX_SIZE(10)], slot[16] = "none";
	int r;

	if (!changed)
		return MUSTER_OK;
	if ((r = confirm_apply(j->b, &j->row, NULL, j->err)) != MUSTER_OK || (r = confirm_note(j->s, confirm_row_json(&j->row), j->err)) != MUSTER_OK)
		return r;
	j->s->tally += j->row.counted && !j->out->again;
	hex_encode(binding, j->row.binding, sizeof j->row.binding);
	(void)snprintf(object, sizeof object, "%" PRIu32 "/%s", j->row.number, binding);
	if (j->row.has_slot)
		(void)snprintf(slot, sizeof slot, "%u", j->row.slot);
	return books_record(j->b, j->err, BOOKS_EVENT_CONFIRMED, j->act, object, "%s %s; generation %u, attempt %u, slot %s%s%s", j->out->again ? "again, now" : "by",
	                    methods[j->o->method], j->row.generation, j->row.attempt, slot, j->row.name[0] != '\0' ? "; host " : "", j->row.name);
}

/* Everything was allowed: slot, row, certificate. */
static int give(struct judge *j)
{
	bool changed = !j->out->again;
	int r;

	if (j->o->reveal && !holds_slot(j)) {
		if ((r = take_slot(j)) != MUSTER_OK)
			return r;
		changed = true;
	}
	if (j->o->has_request && !j->row.has_request) {
		memcpy(j->row.request, j->o->request, sizeof j->row.request);
		j->row.has_request = changed = true;
	}
	if ((r = write_row(j, changed)) != MUSTER_OK)
		return r;
	return j->o->reveal ? read_slot(j) : add_certificate(j);
}

static int report(struct judge *j)
{
	int64_t bindings, mine;
	int r = count(j, &bindings, &mine);

	if (r != MUSTER_OK)
		return r;
	j->out->id = j->row.id;
	j->out->at = j->row.at;
	j->out->counted = j->key.counted;
	memcpy(j->out->statement_id, j->row.statement_id, sizeof j->out->statement_id);
	j->out->hosts = j->key.hosts;
	j->out->activations = j->key.activations;
	j->out->hosts_used = j->key.counted ? 0 : (uint32_t)bindings;
	j->out->activations_used = (uint32_t)(j->key.counted ? bindings : mine);
	return MUSTER_OK;
}

/* trust.md section 9, in its order. @return MUSTER_OK (given, or 1: refused), or what ends the transaction. */
static int judge_one(struct judge *j)
{
	int r;

	if ((r = read_key(j)) != MUSTER_OK || (r = check_key(j)) != MUSTER_OK || (r = find_row(j)) != MUSTER_OK)
		return r;
	/* a machine whose place was freed counts anew, in its old row; a host needs a new attempt for that */
	j->out->again = j->row.id != 0 && (j->row.retired == 0 || !j->key.counted);
	r = j->out->again ? check_again(j) : check_attempt(j);
	if (r != MUSTER_OK || (r = check_generation(j)) != MUSTER_OK)
		return r;
	if ((r = check_public_key(j)) != MUSTER_OK || (!j->out->again && (r = check_limits(j)) != MUSTER_OK))
		return r;
	if (j->row.id == 0)
		new_row(j);
	else if (j->o->certificate != NULL && (r = find_certificate(j)) != MUSTER_OK)
		return r;
	return (r = give(j)) != MUSTER_OK ? r : report(j);
}

int books_confirm(struct books *b, const struct books_order *orders, size_t n, struct books_confirmation *out, const struct books_act *act, struct muster_err *err)
{
	struct confirm_session s;
	int r;

	MUSTER_ASSERT(n >= 1 && n <= BOOKS_ORDERS_MAX);
	memset(out, 0, n * sizeof *out);
	if ((r = confirm_begin(b, &s, act, err)) != MUSTER_OK)
		return r;
	for (size_t i = 0; r == MUSTER_OK && i < n; i++) {
		struct judge j = { .b = b, .s = &s, .act = act, .o = &orders[i], .out = &out[i], .err = err };

		r = judge_one(&j);
		if (r == 1)
			r = MUSTER_OK;   /* this one is refused, the others go on */
	}
	if ((r = confirm_end(b, &s, r, act, err)) != MUSTER_OK)
		memset(out, 0, n * sizeof *out);   /* nothing of it may be shown */
	return r;
}
