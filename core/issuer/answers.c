#include "core/issuer/answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/trust/crl.h"

#define LICENSES_MAX 64                /* packs of licences in one answer */
#define LICENSES_BYTES (2u << 20)

/* ---- contacts ---- */

static int add_contact(void *ctx, const struct books_contact *c)
{
	const struct { const char *name, *text; } members[] = { { "region", c->region }, { "telephone", c->telephone }, { "hours", c->hours }, { "web", c->web }, { "email", c->email } };
	json_t *o = json_object();

	for (size_t i = 0; o != NULL && i < sizeof members / sizeof members[0]; i++)
		if (members[i].text[0] != '\0' && json_object_set_new(o, members[i].name, json_string(members[i].text)) != 0) {
			json_decref(o);
			o = NULL;
		}
	return o == NULL || json_array_append_new(ctx, o) != 0;
}

int answer_contacts(json_t **out, struct books *b, struct muster_err *err)
{
	json_t *list = json_array();
	int r = list == NULL ? err_nomem(err) : books_contacts(b, add_contact, list, err);

	*out = NULL;
	if (r == MUSTER_OK)
		*out = list;
	else
		json_decref(list);
	return r;
}

/* ---- a host's certificate ---- */

static json_t *uuids(const uint8_t (*ids)[16], size_t n)
{
	json_t *list = json_array();
	char text[UUID_TEXT];

	for (size_t i = 0; list != NULL && i < n; i++) {
		uuid_format(text, ids[i]);
		if (json_array_append_new(list, json_string(text)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *use(uint32_t used, uint32_t allowed)
{
	return json_pack("{s:I, s:I}", "used", (json_int_t)used, "allowed", (json_int_t)allowed);
}

/* A pack newer than the one the Installation ID was made with; null: there is none. */
static int newer_pack(json_t **out, struct confirmer *c, const struct confirm_answer *a, struct muster_err *err)
{
	struct books_pack p;
	int r = MUSTER_E_NOT_FOUND;

	*out = NULL;
	if (a->id.generation != 0 && a->id.generation < a->key.generation && (r = books_pack(c->session->books, a->key.agreement, NULL, &p, err)) == MUSTER_OK)
		*out = json_stringn((const char *)p.token, p.token_n);
	else
		*out = json_null();
	return r == MUSTER_OK || r == MUSTER_E_NOT_FOUND ? MUSTER_OK : r;
}

struct licenses { json_t *list; size_t bytes; bool failed; };

static int add_licenses(void *ctx, const struct books_pack *p)
{
	struct licenses *l = ctx;

	if (json_array_size(l->list) == LICENSES_MAX || l->bytes + p->token_n > LICENSES_BYTES)
		return 1;
	l->bytes += p->token_n;
	l->failed = json_array_append_new(l->list, json_stringn((const char *)p->token, p->token_n)) != 0;
	return l->failed;
}

/* What was licensed for this host, by whatever agreement. */
static int licenses_json(json_t **out, struct confirmer *c, const uint8_t binding[BINDING_SIZE], int64_t now, struct muster_err *err)
{
	struct licenses l = { .list = json_array() };
	int r = l.list == NULL ? err_nomem(err) : books_packs_of(c->session->books, binding, now, add_licenses, &l, err);

	if (r == MUSTER_OK && l.failed)
		r = err_nomem(err);
	*out = l.list;
	return r;
}

static int crl_json(json_t **out, const struct confirmer *c, struct muster_err *err)
{
	char *path = authority_path(c->session->a, ANSWER_CRL_FILE);
	struct buf pem;
	int r = path == NULL ? err_nomem(err) : MUSTER_OK;

	*out = NULL;
	buf_init(&pem, CRL_MAX);
	if (r == MUSTER_OK && access(path, F_OK) != 0)
		*out = json_null();
	else if (r == MUSTER_OK && (r = file_read(&pem, path, CRL_MAX, err)) == MUSTER_OK)
		*out = json_stringn(buf_str(&pem), pem.n);
	buf_fini(&pem);
	mem_free(path);
	return r;
}

int answer_grant_json(json_t **out, struct confirmer *c, const struct confirm_answer *a, int64_t now, struct muster_err *err)
{
	json_t *contacts = NULL, *pack = NULL, *packs = NULL, *crl = NULL;
	uint32_t used = a->row.activations_used, hosts = a->row.hosts_used;
	char end[TIME_RFC3339];
	int r;

	*out = NULL;
	confirm_books_lock(c);
	if ((r = answer_contacts(&contacts, c->session->books, err)) == MUSTER_OK && (r = newer_pack(&pack, c, a, err)) == MUSTER_OK)
		r = licenses_json(&packs, c, a->id.binding, now, err);
	(void)confirm_books_unlock(c, r);
	if (r == MUSTER_OK)
		r = crl_json(&crl, c, err);
	if (r != MUSTER_OK) {
		json_decref(contacts);
		json_decref(pack);
		json_decref(packs);
		return r;
	}
	if (hosts == 0)
		hosts = a->key.used_hosts;   /* a renewal counts nothing and so knows no row */
	time_rfc3339(end, a->end * 1000);
	*out = json_pack("{s:s, s:o, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "chain", a->chain, "products", uuids((const uint8_t (*)[16])&a->key.products[0], a->key.product_count), "ends_at",
	                 end, "again", a->row.again, "hosts", use(hosts, a->key.hosts), "activations", use(used, a->key.activations), "pack", pack, "packs", packs, "crl", crl, "contacts", contacts);
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}

/* ---- counted keys ---- */

static json_t *result_json(const struct confirm_result *one)
{
	char code[16];

	if (one->statement != NULL)
		return json_pack("{s:s, s:s}", "installation_id", one->id, "confirmation", one->statement);
	code_name(code, one->code);
	return json_pack("{s:s, s:s, s:s}", "installation_id", one->id, "code", code, "detail", one->detail);
}

static json_t *results_json(const struct confirm_result *results, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; list != NULL && i < n; i++) {
		json_t *one = result_json(&results[i]);

		if (one == NULL || json_array_append_new(list, one) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *keys_json(const struct confirm_tally *t, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; list != NULL && i < n; i++) {
		json_t *one = json_pack("{s:I, s:I, s:I, s:I}", "number", (json_int_t)t[i].number, "allowed", (json_int_t)t[i].allowed, "used", (json_int_t)t[i].used, "remaining",
		                        (json_int_t)(t[i].used < t[i].allowed ? t[i].allowed - t[i].used : 0));

		if (one == NULL || json_array_append_new(list, one) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int write_counted(struct buf *out, const struct body_counted *ask, const struct confirm_result *results, const struct confirm_tally *tally, size_t keys, struct muster_err *err)
{
	char id[UUID_TEXT], *text;
	json_t *o;

	uuid_format(id, ask->id);
	o = json_pack("{s:s, s:o, s:o}", "id", id, "results", results_json(results, ask->n), "keys", keys_json(tally, keys));
	text = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	if (text == NULL)
		return err_nomem(err);
	buf_adds(out, text);
	buf_addc(out, '\n');
	free(text);   /* the library's */
	return out->failed ? err_nomem(err) : MUSTER_OK;
}

static int confirm_batch(struct buf *out, bool *proven, struct confirmer *c, const struct body_counted *ask, enum books_method method, const struct books_act *act, struct muster_err *err)
{
	struct confirm_result *results = mem_array(ask->n, sizeof *results);
	struct confirm_tally *tally = NULL;
	size_t keys = 0;
	int r;

	if (results == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < ask->n; i++)
		results[i].id = json_string_value(json_array_get(ask->ids, i));
	r = confirm_counted(c, results, ask->n, method, &tally, &keys, act, err);
	*proven = keys > 0;
	if (r == MUSTER_OK && (r = write_counted(out, ask, results, tally, keys, err)) == MUSTER_OK && *proven) {
		confirm_books_lock(c);
		r = confirm_books_unlock(c, books_batch_put(c->session->books, ask->id, ask->digest, span_of(out->p, out->n), act, err));
	}
	for (size_t i = 0; i < ask->n; i++)
		mem_free(results[i].statement);
	mem_free(tally);
	mem_free(results);
	return r;
}

int answer_counted(struct buf *out, bool *proven, struct confirmer *c, const struct body_counted *ask, enum books_method method, const struct books_act *act,
                   struct muster_err *err)
{
	int r;

	buf_clear(out);
	*proven = true;
	confirm_books_lock(c);
	r = confirm_books_unlock(c, books_batch(c->session->books, ask->id, ask->digest, out, err));
	if (r != MUSTER_E_NOT_FOUND)
		return r;
	buf_clear(out);
	return confirm_batch(out, proven, c, ask, method, act, err);
}
