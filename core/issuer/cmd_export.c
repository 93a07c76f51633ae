/* export: the books for other programs. Secrets only with --with-keys, and then under a passphrase. */
#include "core/issuer/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/exchange/record.h"
#include "core/issuer/listing.h"
#include "core/issuer/output.h"
#include "core/issuer/session.h"
#include "core/trust/seal.h"

#define EXPORT_VERSION 1
#define EXPORT_MAX ((size_t)1 << 30)

static const struct seal_place export_place = { "export", "all", "json" };

/* Something may fail in the middle of a list: memory. */
struct gather { json_t *list; bool failed; };

static int add(struct gather *g, json_t *item)
{
	g->failed = json_array_append_new(g->list, item) != 0;
	return g->failed;
}

static int add_product(void *ctx, const struct books_product *p) { return add(ctx, listing_product(p)); }
static int add_agreement(void *ctx, const struct books_agreement *a, const struct books_organisation *o) { return add(ctx, listing_agreement(a, o)); }
static int add_contact(void *ctx, const struct books_contact *c) { return add(ctx, listing_contact(c)); }
static int add_key(void *ctx, const struct books_key *k) { return add(ctx, listing_key(k)); }
static int add_pack(void *ctx, const struct books_pack *p) { return add(ctx, listing_pack_row(p)); }
static int add_row(void *ctx, const struct books_row *row) { return add(ctx, listing_row(row)); }
static int add_certificate(void *ctx, const struct books_certificate *c) { return add(ctx, listing_certificate(c, false)); }

static int products(struct session *s, struct gather *g, struct muster_err *err) { return books_products(s->books, add_product, g, err); }
static int agreements(struct session *s, struct gather *g, struct muster_err *err) { return books_agreements(s->books, add_agreement, g, err); }
static int contacts(struct session *s, struct gather *g, struct muster_err *err) { return books_contacts(s->books, add_contact, g, err); }
static int keys(struct session *s, struct gather *g, struct muster_err *err) { return books_keys(s->books, NULL, add_key, g, err); }
static int packs(struct session *s, struct gather *g, struct muster_err *err) { return books_packs(s->books, NULL, add_pack, g, err); }
static int confirmations(struct session *s, struct gather *g, struct muster_err *err) { return books_confirmations(s->books, NULL, add_row, g, err); }
static int certificates(struct session *s, struct gather *g, struct muster_err *err) { return books_certificates(s->books, add_certificate, g, err); }

static const struct part { const char *name; int (*list)(struct session *s, struct gather *g, struct muster_err *err); } parts[] = {
	{ "products", products }, { "agreements", agreements }, { "contacts", contacts }, { "keys", keys }, { "packs", packs }, { "confirmations", confirmations },
	{ "certificates", certificates },
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static int gather_part(json_t **out, struct session *s, const struct part *p, struct muster_err *err)
{
	struct gather g = { .list = json_array() };
	int r = p->list(s, &g, err);

	*out = g.list;
	if (r == MUSTER_OK && (g.list == NULL || g.failed))
		r = err_nomem(err);
	return r;
}

/* ---- JSON ---- */

/* Every key whole, as one secret: sealed under a key of its own, which the passphrase opens. */
static int add_whole_keys(json_t *all, struct session *s, struct muster_err *err)
{
	json_t *list = json_object_get(all, "keys"), *k;
	size_t i;
	int r = MUSTER_OK;

	json_array_foreach(list, i, k) {
		char text[PRODUCT_KEY_TEXT];
		struct product_key key;
		struct books_key row;

		if ((r = books_key(s->books, (uint32_t)json_integer_value(json_object_get(k, "number")), &row, err)) != MUSTER_OK || (r = session_product_key(s, &row, &key, err)) != MUSTER_OK)
			return r;
		product_key_format(text, &key);
		if (json_object_set_new(k, "key", json_string(text)) != 0)
			r = err_nomem(err);
		OPENSSL_cleanse(text, sizeof(text));
		OPENSSL_cleanse(&key, sizeof(key));
	}
	return r;
}

/* {"version", "wrapped_key", "sealed"}: the passphrase opens the key, the key the export. */
static int wrap(json_t **all, struct session *s, struct muster_err *err)
{
	char *text = json_dumps(*all, JSON_COMPACT), *coded = NULL;
	const size_t n = text != NULL ? strlen(text) : 0;
	uint8_t key[SEAL_KEY];
	struct seal *seal = NULL;
	struct buf wrapped, sealed;
	int r;

	buf_init(&wrapped, 4096);
	buf_init(&sealed, n + SEAL_OVERHEAD);
	random_bytes(key, sizeof(key));
	if (text == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if ((r = seal_wrap(&wrapped, key, s->passphrase.text, err)) != MUSTER_OK || (r = seal_open_key(&seal, key, err)) != MUSTER_OK
	    || (r = seal_put(&sealed, seal, &export_place, span_of(text, n), err)) != MUSTER_OK)
		goto done;
	if ((coded = mem_alloc(B64_SIZE(sealed.n))) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	(void)b64_encode(coded, sealed.p, sealed.n);
	json_decref(*all);
	*all = json_pack("{s:i, s:s, s:s}", "version", EXPORT_VERSION, "wrapped_key", buf_str(&wrapped), "sealed", coded);
done:
	if (text != NULL) {
		OPENSSL_cleanse(text, n);
		free(text);   /* jansson's */
	}
	mem_free(coded);
	seal_free(seal);
	OPENSSL_cleanse(key, sizeof(key));
	buf_fini(&wrapped);
	buf_fini(&sealed);
	return r;
}

/* The export in a file of ours, whole. */
static int unwrap(struct buf *out, const char *path, const char *passphrase, struct muster_err *err)
{
	uint8_t key[SEAL_KEY];
	struct seal *seal = NULL;
	struct buf text, sealed;
	json_t *j = NULL;
	const char *wrapped, *coded;
	size_t n = 0;
	int r;

	buf_init(&text, EXPORT_MAX);
	buf_init(&sealed, EXPORT_MAX);
	if ((r = file_read(&text, path, EXPORT_MAX, err)) != MUSTER_OK)
		goto done;
	j = json_loadb(buf_str(&text), text.n, JSON_REJECT_DUPLICATES, NULL);
	wrapped = json_string_value(json_object_get(j, "wrapped_key"));
	coded = json_string_value(json_object_get(j, "sealed"));
	if (wrapped == NULL || coded == NULL || json_integer_value(json_object_get(j, "version")) != EXPORT_VERSION) {
		r = err_set(err, MUSTER_E_INVALID, "%s is no export made with --with-keys", path);
		goto done;
	}
	buf_adds(&sealed, coded);   /* decoding makes it shorter: room for the bytes */
	if (sealed.failed) {
		r = err_nomem(err);
		goto done;
	}
	if (b64_decode(sealed.p, sealed.n, &n, coded, strlen(coded)) != MUSTER_OK)
		r = err_set(err, MUSTER_E_INVALID, "%s is damaged", path);
	else if ((r = seal_unwrap(key, span_str(wrapped), passphrase, err)) == MUSTER_OK && (r = seal_open_key(&seal, key, err)) == MUSTER_OK)
		r = seal_get(out, seal, &export_place, span_of(sealed.p, n), err);
	OPENSSL_cleanse(key, sizeof(key));
done:
	json_decref(j);
	seal_free(seal);
	buf_fini(&text);
	buf_fini(&sealed);
	return r;
}

int command_export_open(const struct options *o)
{
	struct output_file out = { .fd = -1 };
	struct passphrase p = { "" };
	struct muster_err err;
	struct buf text;
	int r;

	buf_init(&text, EXPORT_MAX);
	if ((r = output_file_open(&out, o->text[OPT_OUT], "nothing was opened", &err)) == MUSTER_OK && (r = output_file_hide(&out, &err)) == MUSTER_OK
	    && (r = passphrase_get(&p, option_given(o, OPT_PASSPHRASE_FD) ? (int)o->number[OPT_PASSPHRASE_FD] : -1, "Passphrase of the export: ", false, &err)) == MUSTER_OK
	    && (r = unwrap(&text, o->argument[0], p.text, &err)) == MUSTER_OK && (r = output_file_write(&out, span_of(text.p, text.n), &err)) == MUSTER_OK && out.path == NULL)
		printf("%s\n", buf_str(&text));
	output_file_close(&out, r == MUSTER_OK);
	OPENSSL_cleanse(&p, sizeof(p));
	buf_cleanse(&text);
	return output_finish(r, &err);
}

static int to_json(struct buf *out, struct session *s, struct muster_err *err)
{
	json_t *all = json_pack("{s:i, s:o, s:o}", "version", EXPORT_VERSION, "exported", output_json_time(s->act.now), "issuer", listing_issuer(s->a));
	char *text = NULL;
	size_t i;
	int r = MUSTER_OK;

	for (i = 0; r == MUSTER_OK && i < PARTS; i++) {
		json_t *list;

		r = gather_part(&list, s, &parts[i], err);
		if (json_object_set_new(all, parts[i].name, list) != 0 && r == MUSTER_OK)
			r = err_nomem(err);
	}
	if (r == MUSTER_OK && option_given(s->o, OPT_WITH_KEYS) && (r = add_whole_keys(all, s, err)) == MUSTER_OK)
		r = wrap(&all, s, err);
	if (r == MUSTER_OK && (text = json_dumps(all, JSON_INDENT(2))) == NULL)
		r = err_nomem(err);
	if (r == MUSTER_OK) {
		buf_adds(out, text);
		buf_addc(out, '\n');
	}
	free(text);   /* jansson's */
	json_decref(all);
	return r;
}

/* ---- CSV: one part ---- */

/* RFC 4180; what a spreadsheet would take for a formula gets an apostrophe. */
static void csv_cell(struct buf *out, const json_t *v)
{
	char *compact = NULL;
	const char *text = "", *p;

	if (json_is_string(v))
		text = json_string_value(v);
	else if (v != NULL && !json_is_null(v) && (compact = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY)) != NULL)
		text = compact;
	buf_addc(out, '"');
	if (json_is_string(v) && exchange_to_mark(text))
		buf_addc(out, '\'');
	for (p = text; *p != '\0'; p++) {
		if (*p == '"')
			buf_addc(out, '"');
		buf_addc(out, *p);
	}
	buf_addc(out, '"');
	free(compact);   /* jansson's */
}

/* Columns are the members of the first row and those that later ones add. */
static int to_csv(struct buf *out, const json_t *list, struct muster_err *err)
{
	json_t *columns = json_object(), *row, *v;
	const char *name;
	size_t i;

	json_array_foreach(list, i, row)
		json_object_foreach(row, name, v)
			(void)json_object_set_new(columns, name, json_true());
	json_object_foreach(columns, name, v) {
		if (out->n > 0)
			buf_addc(out, ',');
		buf_adds(out, name);
	}
	buf_adds(out, "\r\n");
	json_array_foreach(list, i, row) {
		bool first = true;

		json_object_foreach(columns, name, v) {
			if (!first)
				buf_addc(out, ',');
			first = false;
			csv_cell(out, json_object_get(row, name));
		}
		buf_adds(out, "\r\n");
	}
	json_decref(columns);
	return out->failed ? err_nomem(err) : MUSTER_OK;
}

static int export_csv(struct buf *out, struct session *s, struct muster_err *err)
{
	json_t *list;
	size_t i;
	int r;

	for (i = 0; s->o->arguments > 0 && i < PARTS; i++) {
		if (strcmp(parts[i].name, s->o->argument[0]) != 0)
			continue;
		if ((r = gather_part(&list, s, &parts[i], err)) == MUSTER_OK)
			r = to_csv(out, list, err);
		json_decref(list);
		return r;
	}
	return err_set(err, MUSTER_E_INVALID, "CSV has one table: say which: products, agreements, contacts, keys, packs, confirmations or certificates");
}

/* ---- */

static int check(const struct session *s, struct muster_err *err)
{
	if (s->o->number[OPT_FORMAT] == 1 && option_given(s->o, OPT_WITH_KEYS))
		return err_set(err, MUSTER_E_INVALID, "--with-keys needs --format json: keys leave the books only under a passphrase");
	if (s->o->number[OPT_FORMAT] == 0 && s->o->arguments > 0)
		return err_set(err, MUSTER_E_INVALID, "JSON has everything; a table's name goes with --format csv");
	return MUSTER_OK;
}

static int export(struct session *s, struct output_file *out, struct muster_err *err)
{
	const char *passphrase;
	struct buf text;
	int r;

	buf_init(&text, EXPORT_MAX);
	if (option_given(s->o, OPT_WITH_KEYS)
	    && ((r = session_passphrase(s, true, &passphrase, err)) != MUSTER_OK || (r = session_secrets(s, err)) != MUSTER_OK
	        || (r = books_note(s->books, BOOKS_EVENT_EXPORTED, "", "with keys", &s->act, err)) != MUSTER_OK))
		goto done;
	if ((r = s->o->number[OPT_FORMAT] == 0 ? to_json(&text, s, err) : export_csv(&text, s, err)) != MUSTER_OK || (r = output_file_write(out, span_of(text.p, text.n), err)) != MUSTER_OK)
		goto done;
	if (out->path == NULL)
		(void)fwrite(text.p, 1, text.n, stdout);
done:
	buf_fini(&text);
	return r;
}

int command_export(const struct options *o)
{
	struct output_file out = { .fd = -1 };
	struct session s;
	struct muster_err err;
	int r;

	if ((r = session_open(&s, o, &err)) == MUSTER_OK && (r = check(&s, &err)) == MUSTER_OK && (r = output_file_open(&out, o->text[OPT_OUT], "nothing was exported", &err)) == MUSTER_OK
	    && (r = output_file_hide(&out, &err)) == MUSTER_OK)
		r = export(&s, &out, &err);
	output_file_close(&out, r == MUSTER_OK);
	session_close(&s);
	return output_finish(r, &err);
}
