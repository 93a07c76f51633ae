/*
 * A listing's block into the books: the host's entry, a point of its history, its key by the last five characters, the activation ID that it teaches.
 * A listing says how a host was at a time: an older one than what is known changes no entry and goes into the history.
 */
#include "core/estate/listings.h"
#include "core/estate/stage.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/uuid.h"

#define HOST_NAME_MAX_BYTES 253
#define FUTURE_MS INT64_C(86400000)      /* a machine's local time read as UTC is less than this ahead */

/* One record on its way. */
struct taking {
	struct stage *s;
	struct import_sum *sum;
	struct listing_index *index;
	struct catalog *catalog;
	const struct estate_kind *kind;
	unsigned long line;
	char host[HOST_NAME_MAX_BYTES + 1];
	const json_t *listed;                /* the record's entry */
	struct listing_facts facts;
	bool whole;                          /* dlv: it lists its activation ID */
	uint8_t activation_id[16]; char activation[UUID_TEXT];
	const struct catalog_product *product;   /* NULL: not known */
	int64_t taken_ms; char taken_at[TIME_RFC3339];
	json_t *doubts, *updates;            /* owned */
	char id[ESTATE_ID_MAX + 1];
	json_t *there;                       /* the entry so far; NULL none. Owned */
};

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

static bool not_in_use(const struct taking *t)
{
	return strcmp(text(t->listed, "license_status"), LISTING_NOT_IN_USE) == 0;
}

static int doubt(struct taking *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int doubt(struct taking *t, const char *fmt, ...)
{
	char say[300];
	va_list ap;
	json_t *v;

	va_start(ap, fmt);
	(void)vsnprintf(say, sizeof(say), fmt, ap);
	va_end(ap);
	v = json_string(say);
	return json_array_append_new(t->doubts, v != NULL ? v : json_string("a value that cannot be right")) == 0 ? MUSTER_OK : MUSTER_E_NOMEM;
}

/* ---- what the record says ---- */

static bool name_ok(const char *p)
{
	size_t n = strlen(p);

	if (n == 0 || n > HOST_NAME_MAX_BYTES || !isalnum((unsigned char)*p))
		return false;
	for (; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("._-", *p) == NULL)
			return false;
	return true;
}

/* @return MUSTER_OK, or MUSTER_E_INVALID with the sentence for the line. */
static int read_record(struct taking *t, const json_t *record, struct muster_err *why)
{
	const char *host = text(record, "host"), *at = text(record, "taken_at"), *id;
	const json_t *doubts = json_object_get(record, "doubts"), *updates = json_object_get(record, "updates");
	json_int_t line = json_integer_value(json_object_get(record, "line"));

	t->line = line > 0 ? (unsigned long)line : 0;
	t->listed = json_object_get(record, "entry");
	if (!json_is_object(t->listed))
		return err_set(why, MUSTER_E_INVALID, "the record has no entry");
	if (*host == '\0')
		return err_set(why, MUSTER_E_INVALID, "which machine this was listed on is not said: give --host NAME, or a line \"Computer: NAME\" above it");
	if (!name_ok(host))
		return err_set(why, MUSTER_E_INVALID, "\"%.60s\" is no machine's name", host);
	for (size_t i = 0; host[i] != '\0'; i++)
		t->host[i] = (char)tolower((unsigned char)host[i]);
	if (*at != '\0' && time_parse_rfc3339(&t->taken_ms, at, strlen(at)) != MUSTER_OK)
		return err_set(why, MUSTER_E_INVALID, "taken_at is \"%.40s\", not a time like 2026-11-22T10:00:00Z", at);
	if (*at == '\0')
		t->taken_ms = clock_wall_ms(t->s->e->clock);
	t->taken_ms -= t->taken_ms % 1000;
	time_rfc3339(t->taken_at, t->taken_ms);
	t->facts = (struct listing_facts){ t->host, text(t->listed, "name"), text(t->listed, "description"), text(t->listed, "channel"), text(t->listed, "application_id"),
		text(t->listed, "extended_pid"), text(t->listed, "partial") };
	id = text(t->listed, "activation_id");
	if (*id != '\0' && uuid_parse(t->activation_id, id, strlen(id)) != MUSTER_OK)
		return err_set(why, MUSTER_E_INVALID, "activation_id is \"%.40s\", no UUID", id);
	t->whole = *id != '\0';
	if (!t->whole && t->facts.name[0] == '\0')
		return err_set(why, MUSTER_E_INVALID, "neither an activation ID nor a name is listed");
	t->doubts = json_is_array(doubts) ? json_deep_copy(doubts) : json_array();
	t->updates = json_is_array(updates) ? json_deep_copy(updates) : json_array();
	return t->doubts != NULL && t->updates != NULL ? MUSTER_OK : err_nomem(why);
}

/* ---- which product ---- */

/* dli lists no activation ID: the one that was listed for this host with the same key or name, or anywhere under this name. */
static const char *known_id(const struct taking *t)
{
	const json_t *of = json_object_get(t->index->hosts, t->host), *one;
	const char *by_name = NULL, *id;
	char both[600];

	json_object_foreach((json_t *)(uintptr_t)of, id, one) {
		if (strcmp(text(one, "name"), t->facts.name) != 0 || strcmp(text(one, "description"), t->facts.description) != 0)
			continue;
		if (t->facts.partial[0] != '\0' && strcmp(text(one, "partial"), t->facts.partial) == 0)
			return text(one, "activation_id");
		by_name = text(one, "activation_id");
	}
	if (by_name != NULL)
		return by_name;
	(void)snprintf(both, sizeof(both), "%.256s\n%.256s", t->facts.name, t->facts.description);
	return json_string_value(json_object_get(t->index->names, both));
}

/* Without an activation ID: the one of the product that is clearly meant, unless another listing of the machine has it; else one made of the name. */
static bool make_id(struct taking *t)
{
	const json_t *of = json_object_get(t->index->hosts, t->host), *one;
	bool named = t->product == NULL || bytes_zero(t->product->row.activation_id, 16);
	char own[UUID_TEXT] = "";
	const char *id;

	if (!named)
		uuid_format(own, t->product->row.activation_id);
	json_object_foreach((json_t *)(uintptr_t)of, id, one)
		named = named || (strcmp(text(one, "activation_id"), own) == 0 && strcmp(text(one, "name"), t->facts.name) != 0);
	if (named)
		listing_named_id(t->activation_id, t->facts.name, t->facts.description);
	else
		memcpy(t->activation_id, t->product->row.activation_id, 16);
	return named;
}

static int find_product(struct taking *t)
{
	const char *known = t->whole ? NULL : known_id(t);
	const struct catalog_edition *edition;
	bool named = false;

	if (known != NULL && uuid_parse(t->activation_id, known, strlen(known)) != MUSTER_OK)
		known = NULL;
	edition = (t->whole || known != NULL) && t->catalog != NULL ? catalog_find(t->catalog, t->activation_id) : NULL;
	t->product = edition != NULL ? edition->product : t->catalog != NULL ? listing_product(t->catalog, &t->facts) : NULL;
	if (!t->whole && known == NULL)
		named = make_id(t);
	uuid_format(t->activation, t->activation_id);
	if (t->whole || known != NULL || json_object_get(t->index->told, t->activation) != NULL)
		return MUSTER_OK;
	if (json_object_set_new(t->index->told, t->activation, json_true()) != 0)
		return MUSTER_E_NOMEM;
	return import_say(t->sum, t->line, "note", "dli lists no activation ID: \"%s\" stands under %s, %s%s, until a dlv listing of %s tells the real one",
		t->facts.name, t->activation, named ? "which Muster made from its name" : "the one of ", named ? "" : t->product->row.name, t->host);
}

/* Only volume clients and hosts ask an activation host, so only their IDs are editions of a counted product. */
static bool teaches(const struct taking *t)
{
	return t->whole && (strcmp(t->facts.channel, "host") == 0 || strcmp(t->facts.channel, "client") == 0);
}

static int learn(struct taking *t, struct muster_err *err)
{
	int r;

	if (!teaches(t) || t->catalog == NULL || catalog_find(t->catalog, t->activation_id) != NULL || json_object_get(t->index->told, t->activation) != NULL)
		return MUSTER_OK;
	if (json_object_set_new(t->index->told, t->activation, json_true()) != 0)
		return err_nomem(err);
	if (t->product == NULL)
		return import_say(t->sum, t->line, "note", "the activation ID %s (\"%s\") is of no product that is known here for certain; say of which: musterctl products learn %s --as PRODUCT --title \"%s\"",
			t->activation, t->facts.name, t->activation, t->facts.name);
	if ((r = stage_learn(t->s, t->activation_id, t->product->row.name, t->facts.name, err)) != MUSTER_OK)
		return r;
	return json_array_append_new(t->sum->learned, json_pack("{s:s, s:s, s:s}", "activation_id", t->activation, "product", t->product->row.name, "name", t->facts.name)) == 0 ?
		MUSTER_OK : err_nomem(err);
}

/* ---- doubts that need more than the listing ---- */

static int doubt_more(struct taking *t)
{
	const json_t *count = json_object_get(t->listed, "current_count");
	const char *other = json_string_value(json_object_get(t->index->pids, t->facts.extended_pid));
	bool host = strcmp(t->facts.channel, "host") == 0;
	char own[UUID_TEXT], cap_text[32];
	uint32_t cap;
	int r = MUSTER_OK;

	if (host && other != NULL && strcmp(other, t->host) != 0)
		r = doubt(t, "the extended PID %s is listed for %s too: a copied listing or a cloned machine, unless both were activated with one key on one day", t->facts.extended_pid, other);
	if (r == MUSTER_OK && t->taken_ms > clock_wall_ms(t->s->e->clock) + FUTURE_MS)
		r = doubt(t, "it was listed at %s, which is still to come", t->taken_at);
	if (r == MUSTER_OK && t->product != NULL && t->whole && t->facts.application_id[0] != '\0') {
		uuid_format(own, t->product->row.application_id);
		if (!bytes_zero(t->product->row.application_id, 16) && strcasecmp(own, t->facts.application_id) != 0)
			r = doubt(t, "the application ID is %s; %s has %s", t->facts.application_id, t->product->row.name, own);
	}
	if (r != MUSTER_OK || !host || !json_is_integer(count) || t->catalog == NULL)
		return r;
	cap = listing_cap(t->catalog, t->product, &t->facts);
	(void)snprintf(cap_text, sizeof(cap_text), "%u", cap);
	if (cap != 0 && json_integer_value(count) > (json_int_t)cap)
		r = doubt(t, "a count of %" JSON_INTEGER_FORMAT " is over the cap of %s (twice the largest threshold)", json_integer_value(count), cap_text);
	return r;
}

/* What another product of the same machine says of its Windows. */
static bool known_server(const struct taking *t)
{
	const json_t *of = json_object_get(t->index->hosts, t->host), *one;
	const char *id;

	json_object_foreach((json_t *)(uintptr_t)of, id, one)
		if (strncasecmp(text(one, "name"), "Windows", 7) == 0 && strstr(text(one, "name"), "Server") != NULL)
			return true;
	return false;
}

static int find_updates(struct taking *t)
{
	bool of_windows = strncasecmp(t->facts.name, "Windows", 7) == 0, server = of_windows ? strstr(t->facts.name, "Server") != NULL : known_server(t);

	if (t->product == NULL || strcmp(t->facts.channel, "host") != 0)
		return MUSTER_OK;
	return listing_updates(t->product, &t->facts, server || !of_windows, !server, t->updates) == 0 ? MUSTER_OK : MUSTER_E_NOMEM;
}

static int say_all(struct taking *t, const json_t *texts, const char *level)
{
	const json_t *one;
	size_t i;
	int r = MUSTER_OK;

	json_array_foreach(texts, i, one)
		if (r == MUSTER_OK)
			r = import_say(t->sum, t->line, level, "%s, %s: %s", t->host, t->facts.name, json_string_value(one) != NULL ? json_string_value(one) : "?");
	return r;
}

/* ---- the entry ---- */

/* What dli never lists stays as a dlv listing said it. */
static bool only_dlv(const char *field)
{
	static const char *const fields[] = { "application_id", "extended_pid", "rearms" };

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strcmp(field, fields[i]) == 0)
			return true;
	return false;
}

/* The whole state of that time: what was listed before and is no more goes away. */
static json_t *entry_of(const struct taking *t)
{
	json_t *entry = json_deep_copy(t->listed);

	if (entry == NULL)
		return NULL;
	for (size_t i = 0; i < t->kind->field_count; i++) {
		const char *name = t->kind->fields[i].name;

		if (json_object_get(entry, name) == NULL && json_object_get(t->there, name) != NULL && (t->whole || !only_dlv(name)))
			(void)json_object_set_new(entry, name, json_null());
	}
	(void)json_object_set_new(entry, "host", json_string(t->host));
	(void)json_object_set_new(entry, "activation_id", json_string(t->activation));
	(void)json_object_set_new(entry, "taken_at", json_string(t->taken_at));
	(void)json_object_set(entry, "doubts", json_array_size(t->doubts) > 0 ? t->doubts : json_null());
	(void)json_object_set(entry, "updates", json_array_size(t->updates) > 0 ? t->updates : json_null());
	return entry;
}

/* Lists of a listing are those of its time: replaced, not united. */
static int put_host(struct taking *t, const json_t *entry, enum stage_became *became, struct muster_err *err)
{
	bool act = t->s->act;
	int r;

	t->s->act = true;
	r = stage_put(t->s, t->kind, t->id, entry, became, err);
	t->s->act = act;
	return r;
}

/* An entry that a dli listing made under an ID of ours, now that the real one is told. */
static int remove_provisional(struct taking *t, struct muster_err *err)
{
	json_t *of = json_object_get(t->index->hosts, t->host), *one;
	const char *id;
	void *next;
	bool act = t->s->act;
	int r = MUSTER_OK;

	json_object_foreach_safe(of, next, id, one) {
		/* only dlv prints an application ID */
		if (!t->whole || strcmp(text(one, "activation_id"), t->activation) == 0 || text(one, "application_id")[0] != '\0' || t->facts.application_id[0] == '\0' ||
			strcmp(text(one, "name"), t->facts.name) != 0 || strcmp(text(one, "description"), t->facts.description) != 0)
			continue;
		if ((r = stage_remove(t->s, t->kind, id, err)) != MUSTER_OK)
			break;
		listing_index_remove(t->index, t->host, id);
	}
	t->s->act = act;
	return r;
}

static int64_t known_until(const struct taking *t)
{
	const char *at = text(t->there, "taken_at");
	int64_t ms = INT64_MIN;

	return t->there != NULL && time_parse_rfc3339(&ms, at, strlen(at)) == MUSTER_OK ? ms : INT64_MIN;
}

static int take_entry(struct taking *t, bool *older, struct muster_err *err)
{
	enum stage_became became;
	json_t *entry = NULL, *now = NULL;
	int r;

	*older = known_until(t) > t->taken_ms;
	if (*older)
		return import_say(t->sum, t->line, "note", "%s, %s: listed at %s, and known as of %s: it goes into the history only", t->host, t->facts.name, t->taken_at, text(t->there, "taken_at"));
	if ((entry = entry_of(t)) == NULL)
		return err_nomem(err);
	if ((r = put_host(t, entry, &became, err)) == MUSTER_OK && (r = stage_read(t->s, t->kind, t->id, &now, err)) == MUSTER_OK) {
		import_count(t->sum, t->kind->name, became);
		r = listing_index_add(t->index, t->id, now) == 0 ? MUSTER_OK : err_nomem(err);
	}
	json_decref(entry);
	json_decref(now);
	return r == MUSTER_OK ? remove_provisional(t, err) : r;
}

/* ---- its history ---- */

static int take_history(struct taking *t, bool older, struct muster_err *err)
{
	static const char *const fields[] = { "current_count", "total", "failed", "partial", "license_status" };
	uint8_t id[LISTING_HISTORY_ID];
	json_t *point = json_pack("{s:s, s:s, s:s}", "host", t->host, "activation_id", t->activation, "taken_at", t->taken_at), *v;
	char *data = NULL;
	struct buf was;
	bool same = false;
	int r;

	buf_init(&was, ESTATE_ENTRY_MAX);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if ((v = json_object_get(t->listed, fields[i])) != NULL)
			(void)json_object_set(point, fields[i], v);
	if (point == NULL || (data = json_dumps(point, JSON_COMPACT | JSON_SORT_KEYS)) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	listing_history_id(id, t->host, t->activation_id, t->taken_ms);
	if ((r = ledger_record(t->s->e->ledger, ESTATE_R_HISTORY, span_of(id, sizeof(id)), &was, err)) == MUSTER_OK)
		same = was.n == strlen(data) && memcmp(was.p, data, was.n) == 0;
	else if (r == MUSTER_E_NOT_FOUND)
		r = MUSTER_OK;
	if (r == MUSTER_OK && older)
		import_count(t->sum, "history", same ? STAGE_SAME : was.n > 0 ? STAGE_CHANGED : STAGE_NEW);
	if (r == MUSTER_OK && !same)
		r = stage_record(t->s, ESTATE_R_HISTORY, span_of(id, sizeof(id)), span_str(data), err);
done:
	free(data); /* the library's own allocator */
	json_decref(point);
	buf_fini(&was);
	return r;
}

/* ---- its key ---- */

/* facts.md section 3: the channel tells the kind. A client's last five are of the setup key, which is no secret. */
static const char *key_kind(const char *channel)
{
	static const struct { const char *channel, *kind; } kinds[] = { { "host", "host" }, { "mak", "mak" }, { "client", "setup" }, { "retail", "retail" } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(channel, kinds[i].channel) == 0)
			return kinds[i].kind;
	return NULL;
}

static bool lists(const json_t *list, const char *text)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (json_is_string(one) && strcasecmp(json_string_value(one), text) == 0)
			return true;
	return false;
}

/* A key of the books, and what it is listed as. @p entry loses what the books have already. */
static int key_there(struct taking *t, const char *id, json_t *entry, struct muster_err *err)
{
	const char *kind = text(entry, "kind"), *was;
	json_t *there = NULL;
	const json_t *hosts;
	int r = stage_read(t->s, estate_kind_find("key"), id, &there, err);

	if (r != MUSTER_OK)
		return r;
	hosts = json_object_get(there, "hosts");
	was = text(there, "kind");
	if (strcmp(was, kind) != 0 && strcmp(was, "esu") != 0 && strcmp(was, "other") != 0)
		r = import_say(t->sum, t->line, "doubtful", "%s, %s: the key ending in %s is a %s key in the books, and is listed as a %s key", t->host, t->facts.name, t->facts.partial, was, kind);
	(void)json_object_del(entry, "kind");
	(void)json_object_del(entry, "partial");
	/* what a listing calls it stands beside what a portal calls it: the next machine's listing finds it by that */
	if (lists(json_object_get(there, "products"), json_string_value(json_array_get(json_object_get(entry, "products"), 0))))
		(void)json_object_del(entry, "products");
	if (r == MUSTER_OK && json_array_size(hosts) >= ESTATE_LIST_MAX && !lists(hosts, t->host) && !t->index->hosts_said) {
		t->index->hosts_said = true;
		r = import_say(t->sum, t->line, "note", "the key ending in %s was seen on %d machines; further ones are in the list of hosts only", t->facts.partial, ESTATE_LIST_MAX);
	}
	if (lists(hosts, t->host) || json_array_size(hosts) >= ESTATE_LIST_MAX)
		(void)json_object_del(entry, "hosts");
	json_decref(there);
	return r;
}

/* Nothing new of it: of thousands of machines with one key nearly always. */
static int key_same(struct taking *t, const struct estate_kind *k, const char *id)
{
	char mark[ESTATE_ID_MAX + 8];
	bool again;

	(void)snprintf(mark, sizeof(mark), "key %s", id);
	again = json_object_get(t->index->told, mark) != NULL || stage_item(t->s, k, id) != NULL;
	import_count(t->sum, k->name, again ? STAGE_SKIPPED : STAGE_SAME);
	return json_object_set_new(t->index->told, mark, json_true()) == 0 ? MUSTER_OK : MUSTER_E_NOMEM;
}

static int take_key(struct taking *t, struct muster_err *err)
{
	const struct estate_kind *k = estate_kind_find("key");
	const char *kind = key_kind(t->facts.channel);
	char id[ESTATE_ID_MAX + 1] = "";
	enum stage_became became;
	json_t *entry;
	int r;

	if (kind == NULL || t->facts.partial[0] == '\0' || not_in_use(t))
		return MUSTER_OK;
	entry = json_pack("{s:s, s:s, s:[s], s:[s]}", "kind", kind, "partial", t->facts.partial, "products", t->facts.name[0] != '\0' ? t->facts.name : t->activation, "hosts", t->host);
	if (entry == NULL)
		return err_nomem(err);
	if ((r = names_match(t->s, k, entry, id, err)) == MUSTER_OK && id[0] != '\0')
		r = key_there(t, id, entry, err);
	if (r == MUSTER_OK && json_object_size(entry) == 0)
		r = key_same(t, k, id);
	else if (r == MUSTER_OK && (r = stage_put(t->s, k, id[0] != '\0' ? id : NULL, entry, &became, err)) == MUSTER_OK)
		import_count(t->sum, k->name, became);
	json_decref(entry);
	return r;
}

/* ---- one record ---- */

/* Installed and without a key: nothing is activated by it. Its activation ID is learned; a host's entry of before is brought up to date. */
static int skip_unused(struct taking *t)
{
	if (t->index->unused_said)
		return MUSTER_OK;
	t->index->unused_said = true;
	return import_say(t->sum, t->line, "note", "licences that are not in use make no host entries; their activation IDs are learned");
}

static int take(struct taking *t, struct muster_err *err)
{
	bool older = false;
	int r;

	if ((r = find_product(t)) != MUSTER_OK || (r = learn(t, err)) != MUSTER_OK)
		return r;
	{
		json_t *which = json_pack("{s:s, s:s}", "host", t->host, "activation_id", t->activation);

		r = which != NULL ? estate_entry_id(t->id, t->kind, which, err) : err_nomem(err);
		json_decref(which);
	}
	if (r != MUSTER_OK)
		return r;
	if ((r = stage_read(t->s, t->kind, t->id, &t->there, err)) == MUSTER_E_NOT_FOUND)
		r = MUSTER_OK;
	if (r != MUSTER_OK)
		return r;
	if (not_in_use(t) && t->there == NULL)
		return skip_unused(t);
	if ((r = doubt_more(t)) != MUSTER_OK || (r = find_updates(t)) != MUSTER_OK || (r = say_all(t, t->doubts, "doubtful")) != MUSTER_OK ||
		(r = say_all(t, t->updates, "note")) != MUSTER_OK)
		return r;
	if ((r = take_entry(t, &older, err)) != MUSTER_OK || (r = take_history(t, older, err)) != MUSTER_OK)
		return r;
	return take_key(t, err);
}

int import_listing(struct stage *s, struct import_sum *sum, const json_t *record, struct muster_err *err)
{
	struct taking t = { .s = s, .sum = sum, .kind = estate_kind_find("host") };
	struct muster_err why = { 0 };
	int r;

	if (sum->listings == NULL && (r = listing_index_new(&sum->listings, s->e, err)) != MUSTER_OK)
		return r;
	t.index = sum->listings;
	if ((r = read_record(&t, record, &why)) == MUSTER_OK) {
		t.catalog = estate_catalog(s->e);
		r = take(&t, &why);
		if (t.catalog != NULL)
			catalog_unref(t.catalog);
	}
	json_decref(t.doubts);
	json_decref(t.updates);
	json_decref(t.there);
	if (r == MUSTER_E_NOMEM)
		return err_nomem(err);
	if (r != MUSTER_OK && !stage_full(s) && (r == MUSTER_E_INVALID || r == MUSTER_E_LIMIT || r == MUSTER_E_REFUSED))
		return import_say(sum, t.line, "refused", "%s", why.message);
	if (r != MUSTER_OK && err != NULL)
		*err = why;
	return r;
}
