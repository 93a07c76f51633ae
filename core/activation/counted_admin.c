/* Counted keys, the administrator's side: who waits, asking now, by file, by telephone. */
#include "core/activation/proxy.h"

#include <stdio.h>
#include <string.h>

#include "core/activation/issuer_answer.h"
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

#define EXPORT_MAX (256u << 10)
#define CURSOR_WANTED 'w'
#define CURSOR_CONFIRMED 'c'

/* ---- listing ---- */

static const char *state_word(const struct counted_machine *m)
{
	switch (m->state) {
	case COUNTED_WANTED: return m->asked_at != 0 ? "asked" : "wanted";
	case COUNTED_REFUSED: return "refused";
	case COUNTED_CONFIRMED: return "confirmed";
	case COUNTED_TELEPHONE: return "telephone";
	case COUNTED_NONE: break;
	}
	return "none";
}

static json_t *machine_json(struct activation *a, const struct counted_machine *m)
{
	struct catalog *catalog = activation_catalog(a);
	const struct catalog_edition *e = catalog != NULL ? catalog_find(catalog, m->product) : NULL;
	char product[UUID_TEXT], code[16] = "", binding[HEX_SIZE(BINDING_SIZE)];
	json_t *j;

	uuid_format(product, m->product);
	hex_encode(binding, m->binding, BINDING_SIZE);
	if (m->code != 0)
		code_name(code, m->code);
	j = json_pack("{s:I, s:s, s:s, s:s?, s:s, s:s, s:s, s:o, s:o, s:o, s:s?, s:s?}", "number", (json_int_t)m->number, "machine", binding, "activation_id", product,
	              "product", e != NULL ? e->product->row.name : NULL, "issuer", m->issuer, "installation_id", m->installation_id, "state", state_word(m),
	              "wanted_at", time_json(m->wanted_at), "asked_at", time_json(m->asked_at), "confirmed_at", time_json(m->confirmed_at),
	              "code", m->state == COUNTED_REFUSED ? code : NULL, "detail", m->state == COUNTED_REFUSED ? m->detail : NULL);
	catalog_unref(catalog);
	return j;
}

struct page { struct activation *a; json_t *items; char cursor[1 + HEX_SIZE(COUNTED_ID)], kind; };

static int list_one(void *ctx, const struct store_record *record)
{
	struct page *p = ctx;
	struct counted_machine m;
	struct muster_err err = { 0 };

	if (record->id_n == COUNTED_ID) {
		p->cursor[0] = p->kind;
		hex_encode(p->cursor + 1, record->id, COUNTED_ID);
	}
	if (counted_parse(&m, record, &err) == MUSTER_OK) {
		(void)json_array_append_new(p->items, machine_json(p->a, &m));
		counted_machine_fini(&m);
	}
	return 0;
}

int activation_counted(struct activation *a, const char *after, size_t limit, json_t **out, struct muster_err *err)
{
	static const struct { char kind; const char *record; } kinds[] = { { CURSOR_WANTED, ACTIVATION_R_WANTED }, { CURSOR_CONFIRMED, ACTIVATION_R_CONFIRMATION } };
	struct page p = { .a = a, .items = json_array() };
	uint8_t from[COUNTED_ID];
	size_t from_n = 0, first = 0;
	int r = MUSTER_OK;

	*out = NULL;
	if (p.items == NULL)
		return err_nomem(err);
	if (after != NULL && *after != '\0') {
		if ((*after != CURSOR_WANTED && *after != CURSOR_CONFIRMED) || hex_decode(from, sizeof from, after + 1, strlen(after + 1)) != MUSTER_OK) {
			json_decref(p.items);
			return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "after: \"%.40s\" is not what this list gave as next", after);
		}
		first = *after == CURSOR_CONFIRMED;
		from_n = sizeof from;
	}
	for (size_t k = first; k < 2 && r == MUSTER_OK && json_array_size(p.items) < limit; k++) {
		p.kind = kinds[k].kind;
		r = ledger_records(a->ledger, kinds[k].record, span_of(from, from_n), limit - json_array_size(p.items), list_one, &p, err);
		from_n = 0;
	}
	if (r != MUSTER_OK) {
		json_decref(p.items);
		return r;
	}
	*out = json_pack("{s:s?, s:o}", "next", json_array_size(p.items) == limit ? p.cursor : NULL, "items", p.items);
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}

/* ---- asking now, by file ---- */

static void add_told(json_t *sum, json_t *told)
{
	const char *name;
	json_t *n;

	json_object_foreach(told, name, n)
		if (!json_is_integer(n))
			(void)json_object_set(sum, name, n);   /* the keys as they stand after the last */
		else
			(void)json_object_set_new(sum, name, json_integer(json_integer_value(json_object_get(sum, name)) + json_integer_value(n)));
	json_decref(told);
}

int activation_counted_ask(struct activation *a, const char *actor, json_t **out, struct muster_err *err)
{
	struct activation_issuer *issuers;
	json_t *told = NULL;
	size_t n, asked = 0, addresses = 0;
	int r = MUSTER_OK;

	*out = NULL;
	if ((issuers = activation_issuers(a, &n)) == NULL)
		return err_nomem(err);
	*out = json_pack("{s:i, s:i, s:i}", "confirmed", 0, "refused", 0, "not_taken", 0);
	for (size_t i = 0; i < n && *out != NULL; i++) {
		bool all = true;   /* what was refused is asked for once */

		if (issuers[i].url[0] == '\0')
			continue;
		addresses++;
		while ((r = proxy_ask(a, actor, &issuers[i], all, &told, err)) == MUSTER_OK) {
			size_t progress = (size_t)(json_integer_value(json_object_get(told, "confirmed")) + json_integer_value(json_object_get(told, "refused")));

			asked++;
			add_told(*out, told);
			told = NULL;
			all = false;
			if (progress == 0)
				break;
		}
		if (r != MUSTER_OK && r != MUSTER_E_NOT_FOUND)
			break;
		r = MUSTER_OK;
	}
	activation_issuers_free(issuers, n);
	if (r == MUSTER_OK && *out == NULL)
		r = err_nomem(err);
	else if (r == MUSTER_OK && addresses == 0)
		r = err_code(err, MUSTER_E_INVALID, CODE_M_ISSUER_ADDRESS, "no [issuer] section has a url: export what waits and import the answer");
	if (r == MUSTER_OK) {
		(void)json_object_set_new(*out, "requests", json_integer((json_int_t)asked));
	} else {
		json_decref(*out);
		*out = NULL;
	}
	return r;
}

int activation_counted_export(struct activation *a, const char *actor, json_t **out, struct muster_err *err)
{
	struct activation_issuer *issuers;
	const char *issuer = NULL;
	size_t n, count = 0;
	struct buf text;
	int r = MUSTER_OK;

	*out = NULL;
	if ((issuers = activation_issuers(a, &n)) == NULL)
		return err_nomem(err);
	buf_init(&text, EXPORT_MAX);
	/* A file goes to one issuer. */
	for (size_t i = 0; i < n && r == MUSTER_OK && issuer == NULL; i++) {
		r = proxy_export(a, actor, issuers[i].name, &text, &count, err);
		if (r == MUSTER_OK)
			issuer = issuers[i].name;
		else if (r == MUSTER_E_NOT_FOUND)
			r = MUSTER_OK;
	}
	if (r == MUSTER_OK && issuer == NULL)
		r = err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "no machine with a counted key waits for its issuer");
	if (r == MUSTER_OK && (*out = json_pack("{s:s, s:I, s:s}", "text", buf_str(&text), "count", (json_int_t)count, "issuer", issuer)) == NULL)
		r = err_nomem(err);
	buf_fini(&text);
	activation_issuers_free(issuers, n);
	return r;
}

int activation_counted_import(struct activation *a, const char *actor, struct muster_span answer, json_t **out, struct muster_err *err)
{
	struct proxy_batch b = { .json = NULL };
	json_t *j = NULL;
	uint8_t id[16];
	int r;

	*out = NULL;
	if ((r = issuer_answer_read(&j, answer, err)) == MUSTER_E_NOMEM)
		return r;
	if (r != MUSTER_OK || !issuer_answer_batch(id, j)) {
		json_decref(j);
		return err_code(err, MUSTER_E_INVALID, CODE_M_ANSWER, "this is not an issuer's answer to an export: one JSON object with id and results is expected");
	}
	activation_begin(a);
	if ((r = proxy_batch_read(a, id, &b, err)) == MUSTER_E_NOT_FOUND)
		r = err_code(err, MUSTER_E_MISMATCH, CODE_M_ANSWER, "this host never exported a request %.36s", json_string_value(json_object_get(j, "id")));
	else if (r == MUSTER_OK)
		r = proxy_apply(a, actor, &b, j, out, err);
	activation_end(a);
	proxy_batch_fini(&b);
	json_decref(j);
	return r;
}

/* ---- by telephone, one machine ---- */

static int machine_of(struct activation *a, const char *text, struct installation_id *id, struct counted_machine *m, struct counted_key *k, struct muster_err *err)
{
	int r;

	if ((r = installation_id_parse(id, text, strlen(text), NULL, err)) != MUSTER_OK)
		return r;
	if (counted_key_find(a, id->number, k, err) != MUSTER_OK)
		return err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_NO_KEY, "the counted key of this Installation ID is not installed here, or its licence pack is missing");
	if ((r = counted_read(a, id->number, id->binding, m, err)) != MUSTER_OK)
		return r;
	if (m->state == COUNTED_NONE || !installation_id_proves(id, k->prk))
		return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "no machine with this Installation ID has asked this host: musterctl mak list");
	if (m->state == COUNTED_CONFIRMED || m->state == COUNTED_TELEPHONE)
		return err_code(err, MUSTER_E_EXISTS, CODE_M_CONFIRMATION_USED, "this machine is confirmed already");
	/* A machine that shows its ID itself (muster dti) knows no pack; by telephone the issuer answers for the pack whose finders are here. */
	return id->generation == 0 ? counted_installation_id(id, k, m->binding, err) : MUSTER_OK;
}

static json_t *groups_json(const struct installation_id *id)
{
	json_t *list = json_array();
	char text[INSTALLATION_TEXT], *rest = text, *one;

	installation_id_format(text, id, ' ');
	while ((one = strsep(&rest, " ")) != NULL)
		(void)json_array_append_new(list, json_string(one));
	return list;
}

static int shown(json_t **out, struct activation *a, const struct counted_machine *m, const struct counted_key *k, const struct installation_id *id, struct muster_err *err)
{
	const struct held_pack *p = pack_by_id(a, k->pack_id);
	const struct catalog_product *of = product_with_id(a->catalog, m->product);
	char product[UUID_TEXT];

	uuid_format(product, m->product);
	*out = json_pack("{s:s?, s:s?, s:s, s:I, s:s, s:o, s:i, s:o, s:o}", "product", of != NULL ? of->row.name : NULL, "title", of != NULL ? of->row.title : NULL,
	                 "activation_id", product, "number", (json_int_t)k->number, "partial", k->partial, "groups", groups_json(id), "attempt", (int)id->attempt,
	                 "made_at", time_json(m->wanted_at), "contacts", p != NULL ? contacts_json(p->pack) : json_array());
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}

/* Is the secret under this Confirmation ID one whose finder the pack has? */
static bool finds(const struct pack_key *pk, const struct counted_key *k, const uint8_t secret[SLOT_SECRET], struct muster_err *err)
{
	struct slot_name name = { .number = k->number, .generation = pk->generation };
	uint8_t finder[SLOT_FINDER];

	memcpy(name.pack_id, k->pack_id, sizeof name.pack_id);
	for (size_t i = 0; i < pk->finder_count; i++) {
		name.slot = (uint16_t)i;
		if (slot_finder(finder, &name, secret, k->prk, err) == MUSTER_OK && CRYPTO_memcmp(finder, pk->finders[i], sizeof finder) == 0)
			return true;
	}
	return false;
}

static int deposit(json_t **out, struct activation *a, const char *actor, struct counted_machine *m, const struct counted_key *k, const struct installation_id *id, const char *digits,
                   struct muster_err *err)
{
	const struct held_pack *p = pack_by_id(a, k->pack_id);
	const struct pack_key *pk = p != NULL ? pack_find(p->pack, k->number) : NULL;
	uint8_t secret[SLOT_SECRET];
	struct confirmation_id cid;
	struct act t = { 0 };
	char binding[HEX_SIZE(BINDING_SIZE)];
	bool found;
	int r;

	if ((r = confirmation_id_parse(&cid, digits, strlen(digits), NULL, err)) != MUSTER_OK || (r = confirmation_id_open(secret, &cid, k->prk, id, err)) != MUSTER_OK)
		return r;
	found = pk != NULL && finds(pk, k, secret, err);
	OPENSSL_cleanse(secret, sizeof secret);
	if (!found)
		return err_code(err, MUSTER_E_MISMATCH, CODE_M_CONFIRMATION_OTHER, "this Confirmation ID was not made for this machine's Installation ID: a group was read out or written down wrongly");
	m->state = COUNTED_TELEPHONE;
	m->code = 0;
	m->asked_at = m->confirmed_at = activation_now(a);
	hex_encode(binding, m->binding, BINDING_SIZE);
	counted_put(&t, m);
	if ((r = act_commit(a, &t, actor, ACTIVATION_J_COUNTED_TELEPHONE, k->partial, err, "machine %s", binding)) != MUSTER_OK)
		return r;
	*out = json_pack("{s:s, s:s}", "message", "Confirmation ID for the machine deposited successfully.", "state", "telephone");
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}

int activation_counted_telephone(struct activation *a, const char *actor, const char *installation_id, const char *confirmation_id, json_t **out, struct muster_err *err)
{
	struct counted_machine m = { 0 };
	struct counted_key k = { 0 };
	struct installation_id id;
	int r;

	*out = NULL;
	activation_begin(a);
	if ((r = machine_of(a, installation_id, &id, &m, &k, err)) == MUSTER_OK)
		r = confirmation_id == NULL ? shown(out, a, &m, &k, &id, err) : deposit(out, a, actor, &m, &k, &id, confirmation_id, err);
	activation_end(a);
	counted_machine_fini(&m);
	counted_key_fini(&k);
	return r;
}
