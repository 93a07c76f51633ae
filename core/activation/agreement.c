/* A licence server is activated without a product key: by programme and the number it asks for (docs/protocol.md section 9; facts.md section 7). */
#include "core/activation/internal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <openssl/crypto.h>

#include "core/base/codes.h"
#include "core/base/err.h"

#define NUMBER_MAX 64
#define CODE_CHARACTERS 25   /* a licence code is a product key of its own */

#define refuse(err, ...) err_code(err, MUSTER_E_INVALID, (uint32_t)CODE_KEY_INVALID, __VA_ARGS__)

/* What was typed, and what it is compared with. */
struct typed { const struct catalog_product *product; const struct muster_programme *programme; const char *number; char plain[NUMBER_MAX]; };

static const struct muster_programme *programmes_of(const struct catalog_product *p, size_t *n)
{
	*n = 0;
	if (p->row.access == NULL || p->row.access->programmes.rows == NULL)
		return NULL;
	*n = p->row.access->programmes.count;
	return p->row.access->programmes.rows;
}

static int find_programme(struct typed *t, const char *name, struct muster_err *err)
{
	char all[700] = "";
	const struct muster_programme *rows;
	size_t n, used = 0;

	if (t->product->row.model != MUSTER_MODEL_ACCESS)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s is not of the access model: it is activated with a product key (musterctl ipk)", t->product->row.name);
	rows = programmes_of(t->product, &n);
	if (n == 0)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s asks for no programme: it is activated with a product key (musterctl ipk)", t->product->row.name);
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(rows[i].name, name) == 0) {
			t->programme = &rows[i];
			return MUSTER_OK;
		}
		if (used < sizeof all)
			used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "", rows[i].name);
	}
	return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s knows no programme of this name; it knows: %s", t->product->row.name, all);
}

/* What a sentence goes on with; most programmes have no hint. */
static const char *before_hint(const struct muster_programme *p)
{
	return p->hint != NULL && p->hint[0] != '\0' ? ". " : "";
}

static const char *hint(const struct muster_programme *p)
{
	return p->hint != NULL ? p->hint : "";
}

/* Shape before anything is looked up: that finds the number of another paper. */
static int check_shape(struct typed *t, struct muster_err *err)
{
	const struct muster_programme *p = t->programme;
	size_t n = product_key_plain_number(t->plain, sizeof t->plain, t->number), digits = 0, others = 0;

	MUSTER_ASSERT(p != NULL);   /* find_programme() found it */
	for (size_t i = 0; i < n; i++) {
		digits += isdigit((unsigned char)t->plain[i]) != 0;
		others += isgraph((unsigned char)t->plain[i]) == 0;
	}
	if (n == 0 || others > 0)
		return refuse(err, "the programme %s asks for the %s: one line of 1 to %d characters%s%s", p->name, p->number, NUMBER_MAX - 1, before_hint(p), hint(p));
	if (p->digits != 0 && (n != p->digits || digits != n))
		return refuse(err, "the programme %s asks for the %s, which has %u digits; what was typed has %zu character%s, %zu of them digits%s%s", p->name, p->number, p->digits, n, n == 1 ? "" : "s",
		              digits, before_hint(p), hint(p));
	if (p->characters != 0 && n != p->characters)
		return refuse(err, "the programme %s asks for the %s, which has %u characters; what was typed has %zu%s%s", p->name, p->number, p->characters, n, before_hint(p), hint(p));
	return MUSTER_OK;
}

/* ---- what is installed ---- */

static bool follows(struct product_key *key, const struct pack *p, const struct pack_key *k, const char *programme, const char *number)
{
	return product_key_of_agreement(key, p->issuer_id, k->number, programme, number, NULL) == MUSTER_OK && pack_recognises(p, k, key);
}

/* Neither programme nor number fits a pack: which of them is wrong? */
static int explain(const struct activation *a, const struct typed *t, bool any, struct muster_err *err)
{
	const struct muster_programme *rows;
	char plain[NUMBER_MAX];
	size_t n;

	rows = programmes_of(t->product, &n);
	for (size_t i = 0; i < a->pack_count; i++) {
		const struct pack *p = a->packs[i].pack;
		const struct muster_programme *own = NULL;

		if (a->packs[i].superseded || t->product->issuer == NULL || strcmp(a->packs[i].issuer, t->product->issuer) != 0)
			continue;
		for (size_t k = 0; k < n; k++)
			if (strcasecmp(rows[k].name, p->programme) == 0)
				own = &rows[k];
		for (size_t k = 0; k < p->key_count; k++) {
			struct product_key key;
			bool right = p->keys[k].kind == PRODUCT_KEY_ACCESS && p->keys[k].hosts > 0 && pack_key_names(&p->keys[k], t->product->row.activation_id) &&
			             follows(&key, p, &p->keys[k], p->programme, t->number);

			OPENSSL_cleanse(&key, sizeof key);
			if (right && own == NULL)
				return refuse(err, "the number is that of the installed licence pack, but its programme is called %.60s, which %s does not know: ask the issuer to name it as the product does",
				              p->programme, t->product->row.name);
			if (right)
				return refuse(err, "the number is that of the installed licence pack, but its programme is %.60s, not %s: name that programme", p->programme, t->programme->name);
		}
		if (own != NULL && product_key_plain_number(plain, sizeof plain, p->agreement) > 0 && strcmp(plain, t->plain) == 0)
			return refuse(err, "this is the number of the agreement itself; the programme %s asks for the %s%s%s", own->name, own->number, before_hint(own), hint(own));
	}
	if (!any)
		return err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_NO_LICENSE, "no licence pack that activates a licence server of %s is installed: install the issuer's file first (musterctl pack install FILE)",
		                t->product->row.name);
	return refuse(err, "no installed licence pack is of the programme %s with this %s: compare it with the agreement, and the programme too%s%s", t->programme->name, t->programme->number,
	              before_hint(t->programme), hint(t->programme));
}

/* The key that programme and number give, of the pack that knows it. */
static int find_key(struct product_key *out, const struct activation *a, const struct typed *t, struct muster_err *err)
{
	bool any = false;

	for (size_t i = 0; i < a->pack_count; i++) {
		const struct pack *p = a->packs[i].pack;

		if (a->packs[i].superseded || t->product->issuer == NULL || strcmp(a->packs[i].issuer, t->product->issuer) != 0)
			continue;
		for (size_t k = 0; k < p->key_count; k++) {
			if (p->keys[k].kind != PRODUCT_KEY_ACCESS || p->keys[k].hosts == 0 || !pack_key_names(&p->keys[k], t->product->row.activation_id))
				continue;
			any = true;
			if (follows(out, p, &p->keys[k], t->programme->name, t->number))
				return MUSTER_OK;
		}
	}
	OPENSSL_cleanse(out, sizeof *out);
	return explain(a, t, any, err);
}

static int read_code(struct product_key *out, const struct typed *t, struct muster_err *err)
{
	int r = product_key_parse(out, t->number, strlen(t->number), err);

	if (r == MUSTER_OK && out->kind != PRODUCT_KEY_ACCESS)
		r = refuse(err, "this is a %s, not a licence code: install it with musterctl ipk. %s", product_key_kind_name(out->kind), hint(t->programme));
	return r;
}

int activation_agreement(struct activation *a, const char *actor, const struct catalog_product *product, const char *programme, const char *number, bool replace, json_t **out,
                         struct muster_err *err)
{
	struct typed t = { .product = product, .number = number };
	struct product_key key;
	int r;

	memset(&key, 0, sizeof key);
	if ((r = find_programme(&t, programme, err)) != MUSTER_OK || (r = check_shape(&t, err)) != MUSTER_OK)
		return r;
	activation_begin(a);
	r = t.programme->characters == CODE_CHARACTERS ? read_code(&key, &t, err) : find_key(&key, a, &t, err);
	if (r == MUSTER_OK)
		r = key_install(a, actor, &key, replace, out, err);
	activation_end(a);
	OPENSSL_cleanse(&key, sizeof key);
	OPENSSL_cleanse(t.plain, sizeof t.plain);
	return r;
}
