/* cal: create, list. Access licences and seats, and the packs that carry them. */
#include "core/issuer/cmd_cal.h"
#include "core/issuer/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>
#include <muster/plugin.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/issuer/listing.h"
#include "core/issuer/text.h"
#include "core/trust/server_id.h"

#define KEYS_MAX 256   /* keys looked through for a licence server's name */

/* ---- which licence server ---- */

struct servers { const char *name; uint8_t binding[BINDING_SIZE]; unsigned found; uint32_t keys[KEYS_MAX]; size_t key_count; };

static int add_server_key(void *ctx, const struct books_key *k)
{
	struct servers *s = ctx;

	if (k->kind == PRODUCT_KEY_ACCESS && k->hosts > 0 && s->key_count < KEYS_MAX)
		s->keys[s->key_count++] = k->number;
	return 0;
}

static int look_holder(void *ctx, const struct books_holder *h)
{
	struct servers *s = ctx;

	if (h->retired || strcmp(h->name, s->name) != 0 || (s->found > 0 && memcmp(s->binding, h->binding, sizeof(s->binding)) == 0))
		return 0;
	memcpy(s->binding, h->binding, sizeof(s->binding));
	s->found++;
	return 0;
}

/* Digits as read out, a binding, or the name of a licence server that was activated. */
static int find_server(uint8_t binding[BINDING_SIZE], struct session *s, const char *text, struct muster_err *err)
{
	struct servers all = { .name = text };
	struct server_id id;
	int r;

	if (text_binding(binding, text, NULL) == MUSTER_OK)
		return MUSTER_OK;
	if (strspn(text, "0123456789 -") == strlen(text)) {
		if ((r = server_id_parse(&id, text, strlen(text), NULL, err)) == MUSTER_OK)
			memcpy(binding, id.binding, BINDING_SIZE);
		return r;
	}
	r = books_keys(s->books, NULL, add_server_key, &all, err);
	for (size_t i = 0; r == MUSTER_OK && i < all.key_count; i++)
		r = books_holders(s->books, all.keys[i], look_holder, &all, err);
	if (r != MUSTER_OK)
		return r;
	if (all.found == 0)
		return err_set(err, MUSTER_E_NOT_FOUND, "no licence server \"%.60s\" was activated; name it by its 35 digits (musterctl access id), or by its binding as `key show` prints it", text);
	if (all.found > 1)
		return err_set(err, MUSTER_E_INVALID, "%u licence servers are called %.60s; name the one by its 35 digits or its binding", all.found, text);
	memcpy(binding, all.binding, BINDING_SIZE);
	return MUSTER_OK;
}

/* ---- create ---- */

static int read_licenses(struct books_key *k, struct session *s, struct muster_err *err)
{
	static const uint32_t pers[] = { MUSTER_PER_DEVICE, MUSTER_PER_USER, 0 };   /* in the order of the choice */
	const struct options *o = s->o;
	const char *version = o->text[OPT_LICENSE_VERSION];
	struct books_agreement a;
	struct books_product first;
	int r;

	memset(k, 0, sizeof(*k));
	k->kind = PRODUCT_KEY_ACCESS;
	k->per = pers[o->number[OPT_PER]];
	k->licenses = (uint32_t)o->number[OPT_LICENSES];
	if ((k->per == 0) != (version == NULL))
		return err_set(err, MUSTER_E_INVALID, k->per == 0 ? "seats have no --license-version" : "say of which version the licences are: --license-version VERSION");
	if (k->per != 0 && !option_given(o, OPT_SERVER))
		return err_set(err, MUSTER_E_INVALID, "licences per device or user are for one licence server: --server SERVER-ID|HOST");
	if (version != NULL && !pack_version_is(version))
		return err_set(err, MUSTER_E_INVALID, "--license-version \"%.70s\" is not of small letters, digits and hyphens", version);
	(void)snprintf(k->version, sizeof(k->version), "%s", version != NULL ? version : "");
	if ((r = books_agreement(s->books, o->text[OPT_AGREEMENT], &a, NULL, err)) != MUSTER_OK
	    || (r = text_products(k->products, &k->product_count, &first, s->books, o->text[OPT_PRODUCTS], err)) != MUSTER_OK)
		return r;
	memcpy(k->agreement, a.number, sizeof(k->agreement));
	k->coverage_start = option_number(o, OPT_COVERAGE_START, 0);
	k->coverage_end = option_number(o, OPT_COVERAGE_END, 0);
	if (k->coverage_end != 0 && k->coverage_start == 0)
		k->coverage_start = s->act.now;
	if (k->coverage_start != 0 && k->coverage_end == 0)
		return err_set(err, MUSTER_E_INVALID, "a coverage has an end: --coverage-end DATE");
	if ((r = text_coverage(k->coverage_start, k->coverage_end, err)) != MUSTER_OK || !option_given(o, OPT_SERVER))
		return r;
	k->has_binding = true;
	return find_server(k->binding, s, o->text[OPT_SERVER], err);
}

/* Everything that can fail comes before the licences are in the books: a second try must not give them twice. */
static int create(struct session *s, struct output_file *out, struct muster_err *err)
{
	struct pack_made m = { .pack = NULL };
	struct product_key key;
	struct books_key k;
	char host[HEX_SIZE(BINDING_SIZE)] = "";
	int r;

	if ((r = read_licenses(&k, s, err)) != MUSTER_OK || (r = session_secrets(s, err)) != MUSTER_OK || (r = session_intermediate(s, err)) != MUSTER_OK || (r = session_signer(s, err)) != MUSTER_OK)
		return r;
	r = key_mint(s, &k, &key, err);
	OPENSSL_cleanse(&key, sizeof(key));
	if (r != MUSTER_OK)
		return r;
	if ((r = pack_issue(&m, s, k.agreement, k.has_binding ? k.binding : NULL, true, err)) == MUSTER_OK) {
		r = pack_give(s, out, &m, err);
	} else {
		hex_encode(host, k.binding, BINDING_SIZE);
		(void)err_prefix(err, r, "the licences are in the books (key %" PRIu32 ": revoke it, or make their pack with: pack create --agreement %s --host-binding %s), but no pack was made", k.number,
		                 k.agreement, host);
	}
	pack_made_fini(&m);
	return r;
}

int command_cal_create(const struct options *o)
{
	struct output_file out = { .fd = -1 };
	struct session s;
	struct muster_err err;
	int r;

	if ((r = session_open(&s, o, &err)) == MUSTER_OK && (r = output_file_open(&out, o->text[OPT_OUT], "no licences were given", &err)) == MUSTER_OK)
		r = create(&s, &out, &err);
	output_file_close(&out, r == MUSTER_OK);
	session_close(&s);
	return output_finish(r, &err);
}

/* ---- list ---- */

static int json_row(void *ctx, const struct books_key *k)
{
	return k->licenses > 0 && json_array_append_new(ctx, listing_key(k)) != 0;
}

static int table_row(void *ctx, const struct books_key *k)
{
	char number[16], licenses[16], host[HEX_SIZE(BINDING_SIZE)] = "any", end[TIME_RFC3339];
	const char *cells[] = { number, k->agreement, listing_per(k->per), k->version, licenses, host, output_time(end, k->coverage_end), k->state == BOOKS_KEY_ACTIVE ? "active" : "revoked" };

	if (k->licenses == 0)
		return 0;
	(void)snprintf(number, sizeof(number), "%" PRIu32, k->number);
	(void)snprintf(licenses, sizeof(licenses), "%" PRIu32, k->licenses);
	if (k->has_binding)
		hex_encode(host, k->binding, sizeof(k->binding));
	return output_table_row(ctx, cells);
}

static int list(struct session *s, struct muster_err *err)
{
	static const struct output_column columns[] = {
		{ "NUMBER", true }, { "AGREEMENT", false }, { "PER", false }, { "VERSION", false }, { "LICENCES", true }, { "LICENCE SERVER", false }, { "ENDS", false }, { "STATE", false },
	};
	struct output_list l;
	int r;

	if ((r = output_list_begin(&l, option_json(s->o), columns, sizeof(columns) / sizeof(columns[0]), err)) != MUSTER_OK)
		return r;
	r = l.json != NULL ? books_keys(s->books, s->o->text[OPT_AGREEMENT], json_row, l.json, err) : books_keys(s->books, s->o->text[OPT_AGREEMENT], table_row, l.table, err);
	return output_list_end(&l, r, err);
}

int command_cal_list(const struct options *o)
{
	struct session s;
	struct muster_err err;
	int r;

	if ((r = session_open(&s, o, &err)) == MUSTER_OK)
		r = list(&s, &err);
	session_close(&s);
	return output_finish(r, &err);
}
