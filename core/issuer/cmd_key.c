/* key: mint, list, show. */
#include "core/issuer/cmd_cal.h"
#include "core/issuer/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/uuid.h"
#include "core/issuer/listing.h"
#include "core/issuer/output.h"
#include "core/issuer/session.h"
#include "core/issuer/text.h"
#include "core/trust/pack.h"

#define HOSTS 6           /* facts.md: a host key activates up to six hosts, each up to ten times */
#define ACTIVATIONS 10
#define DRAWS 100         /* numbers tried before giving up: a billion there are */

static bool is_counted(char kind)
{
	return kind == PRODUCT_KEY_MAK || kind == PRODUCT_KEY_ESU;
}

/* Which limits a key of this kind has, and whether a pack can hold them. */
static int read_limits(struct books_key *k, const struct options *o, struct muster_err *err)
{
	const char *kind = product_key_kind_name(k->kind);

	const bool host = k->kind == PRODUCT_KEY_HOST || k->kind == PRODUCT_KEY_ACCESS;

	if (!host && option_given(o, OPT_HOSTS))
		return err_set(err, MUSTER_E_INVALID, "a %s has no --hosts; only a host key and an access key do", kind);
	if (k->kind != PRODUCT_KEY_ACCESS && (option_given(o, OPT_ACCOUNT) || option_given(o, OPT_RETAIL)))
		return err_set(err, MUSTER_E_INVALID, "a %s has no --account and no --retail; only an access key does", kind);
	if (host) {
		k->hosts = (uint32_t)option_number(o, OPT_HOSTS, HOSTS);
		k->activations = (uint32_t)option_number(o, OPT_ACTIVATIONS, ACTIVATIONS);
		if ((uint64_t)k->hosts * k->activations > PACK_SLOTS_MAX - PACK_RESERVE)
			return err_set(err, MUSTER_E_INVALID, "%" PRIu32 " hosts with %" PRIu32 " activations each are more than the %d that a pack holds; mint two keys", k->hosts, k->activations,
				PACK_SLOTS_MAX - PACK_RESERVE);
	} else if (is_counted(k->kind)) {
		if (!option_given(o, OPT_ACTIVATIONS))
			return err_set(err, MUSTER_E_INVALID, "say how many machines a %s activates: --activations N", kind);
		k->activations = (uint32_t)o->number[OPT_ACTIVATIONS];
	} else if (option_given(o, OPT_ACTIVATIONS)) {
		return err_set(err, MUSTER_E_INVALID, "a %s counts no --activations", kind);
	}
	return MUSTER_OK;
}

/* An ESU key has the coverage of its product unless it is given one. */
static int read_coverage(struct books_key *k, const struct books_product *first, const struct options *o, struct muster_err *err)
{
	if (k->kind != PRODUCT_KEY_ESU) {
		if (option_given(o, OPT_COVERAGE_START) || option_given(o, OPT_COVERAGE_END))
			return err_set(err, MUSTER_E_INVALID, "only an ESU MAK has a coverage");
		return MUSTER_OK;
	}
	k->coverage_start = option_number(o, OPT_COVERAGE_START, first->coverage_start);
	k->coverage_end = option_number(o, OPT_COVERAGE_END, first->coverage_end);
	/* Packs and confirmations state both (docs/protocol.md section 10). */
	if (k->coverage_start == 0 || k->coverage_end == 0)
		return err_set(err, MUSTER_E_INVALID, "say from when until when the key may be used: --coverage-start DATE and --coverage-end DATE, or give the product %s a coverage",
			first->name);
	return text_coverage(k->coverage_start, k->coverage_end, err);
}

/* Which number a licence server's administrator types: the agreement's, or another one; none where a code is printed on a box. */
static int read_account(struct books_key *k, struct session *s, const char *agreement, struct muster_err *err)
{
	char plain[sizeof(k->account)];
	int r;

	if (option_given(s->o, OPT_RETAIL))
		return option_given(s->o, OPT_ACCOUNT) ? err_set(err, MUSTER_E_INVALID, "either --account or --retail: a licence code needs no number") : MUSTER_OK;
	if ((r = text_line(k->account, sizeof(k->account), option_given(s->o, OPT_ACCOUNT) ? s->o->text[OPT_ACCOUNT] : agreement, "--account", err)) != MUSTER_OK)
		return r;
	return product_key_plain_number(plain, sizeof(plain), k->account) > 0 ? MUSTER_OK : err_set(err, MUSTER_E_INVALID, "--account: nothing is left of the number without spaces and dashes");
}

static int read_key(struct books_key *k, struct session *s, struct muster_err *err)
{
	struct books_product first;
	struct books_agreement a;
	int r;

	memset(k, 0, sizeof(*k));
	k->kind = product_key_kind_of(s->o->text[OPT_KIND]);
	if ((r = books_agreement(s->books, s->o->text[OPT_AGREEMENT], &a, NULL, err)) != MUSTER_OK
	    || (r = text_products(k->products, &k->product_count, &first, s->books, s->o->text[OPT_PRODUCTS], err)) != MUSTER_OK || (r = read_limits(k, s->o, err)) != MUSTER_OK)
		return r;
	memcpy(k->agreement, a.number, sizeof(k->agreement));
	if (k->kind == PRODUCT_KEY_ACCESS && (r = read_account(k, s, a.number, err)) != MUSTER_OK)
		return r;
	return read_coverage(k, &first, s->o, err);
}

/* An access key's secret follows from what administrators type, unless it is a licence code. */
static int draw(struct product_key *key, const struct session *s, const struct books_key *k, uint32_t number, struct muster_err *err)
{
	struct books_agreement a;
	int r;

	if (k->account[0] == '\0')
		return product_key_generate(key, k->kind, number, err);
	if ((r = books_agreement(s->books, k->agreement, &a, NULL, err)) != MUSTER_OK)
		return r;
	return product_key_of_agreement(key, s->a->issuer_id, number, a.programme, k->account, err);
}

/* Numbers are random: they tell nothing about how many keys there are. */
int key_mint(struct session *s, struct books_key *k, struct product_key *key, struct muster_err *err)
{
	int r = MUSTER_E_EXISTS, i;

	for (i = 0; r == MUSTER_E_EXISTS && i < DRAWS; i++) {
		if ((r = draw(key, s, k, 1 + (uint32_t)random_below(PRODUCT_KEY_NUMBER_MAX), err)) != MUSTER_OK)
			return r;
		k->number = key->number;
		product_key_partial(k->partial, key);
		if ((r = session_seal_key(s, key, k, err)) == MUSTER_OK)
			r = books_key_add(s->books, k, &s->act, err);
	}
	return r != MUSTER_OK ? r : books_key(s->books, k->number, k, err);
}

/* The key itself is in the JSON only when @p text is given. */
static json_t *key_json(const struct books_key *k, const char *text)
{
	json_t *j = listing_key(k);

	if (j != NULL && text != NULL && json_object_set_new(j, "key", json_string(text)) != 0) {
		json_decref(j);
		j = NULL;
	}
	return j;
}

int command_key_mint(const struct options *o)
{
	char text[PRODUCT_KEY_TEXT] = "";
	struct product_key key;
	struct books_key k;
	struct session s;
	struct muster_err err;
	int r;

	if ((r = session_open(&s, o, &err)) != MUSTER_OK || (r = read_key(&k, &s, &err)) != MUSTER_OK || (r = session_secrets(&s, &err)) != MUSTER_OK
	    || (r = key_mint(&s, &k, &key, &err)) != MUSTER_OK)
		goto done;
	product_key_format(text, &key);
	if (option_json(o)) {
		r = output_json(key_json(&k, text), &err);
	} else if (k.account[0] != '\0') {
		printf("%" PRIu32 "\n", k.number);
		output_notice("%s %" PRIu32 " for agreement %s; administrators type its programme and %s, no key. Next: muster-issuer pack create --agreement %s", product_key_kind_name(k.kind), k.number,
		              k.agreement, k.account, k.agreement);
	} else {
		printf("%s\n", text);
		output_notice("%s %" PRIu32 " for agreement %s; it is shown whole this once. Next: muster-issuer pack create --agreement %s", product_key_kind_name(k.kind), k.number,
		              k.agreement, k.agreement);
	}
done:
	OPENSSL_cleanse(text, sizeof(text));
	OPENSSL_cleanse(&key, sizeof(key));
	session_close(&s);
	return output_finish(r, &err);
}

/* ---- list ---- */

static int json_key(void *ctx, const struct books_key *k)
{
	return json_array_append_new(ctx, listing_key(k)) != 0;
}

static int row_key(void *ctx, const struct books_key *k)
{
	char number[16], generation[8], hosts[32] = "", used[32] = "";
	const char *cells[] = { number, product_key_kind_word(k->kind), k->partial, k->agreement, generation, hosts, used, k->state == BOOKS_KEY_ACTIVE ? "active" : "revoked" };

	(void)snprintf(number, sizeof(number), "%" PRIu32, k->number);
	(void)snprintf(generation, sizeof(generation), "%u", k->generation);
	if (k->hosts > 0)
		(void)snprintf(hosts, sizeof(hosts), "%" PRIu32 "/%" PRIu32, k->used_hosts, k->hosts);
	if (k->hosts > 0)
		(void)snprintf(used, sizeof(used), "%" PRIu32, k->used);
	else if (k->activations > 0)
		(void)snprintf(used, sizeof(used), "%" PRIu32 "/%" PRIu32, k->used, k->activations);
	return output_table_row(ctx, cells);
}

int listing_keys(struct session *s, struct muster_err *err)
{
	static const struct output_column columns[] = {
		{ "NUMBER", true }, { "KIND", false }, { "PARTIAL", false }, { "AGREEMENT", false }, { "GENERATION", true }, { "HOSTS", true }, { "ACTIVATIONS", true }, { "STATE", false },
	};
	struct output_list l;
	int r;

	if ((r = output_list_begin(&l, option_json(s->o), columns, sizeof(columns) / sizeof(columns[0]), err)) != MUSTER_OK)
		return r;
	r = l.json != NULL ? books_keys(s->books, s->o->text[OPT_AGREEMENT], json_key, l.json, err) : books_keys(s->books, s->o->text[OPT_AGREEMENT], row_key, l.table, err);
	return output_list_end(&l, r, err);
}

/* ---- show ---- */

static int json_holder(void *ctx, const struct books_holder *h)
{
	return json_array_append_new(ctx, listing_holder(h)) != 0;
}

static int print_holder(void *ctx, const struct books_holder *h)
{
	char binding[HEX_SIZE(10)], first[TIME_RFC3339], last[TIME_RFC3339];

	(void)ctx;
	hex_encode(binding, h->binding, sizeof(h->binding));
	printf("Host: %s%s%s, %" PRIu32 " activation%s, first %s, last %s%s\n", binding, h->name[0] != '\0' ? " " : "", h->name, h->activations, h->activations == 1 ? "" : "s",
	       output_time(first, h->first), output_time(last, h->last), h->retired ? ", retired" : "");
	return 0;
}

static int show(struct session *s, const struct books_key *k, const char *whole, struct muster_err *err)
{
	json_t *j, *holders;
	int r;

	if (!option_json(s->o)) {
		listing_print_key(k);
		if (whole != NULL)
			printf("Product key: %s\n", whole);
		return k->hosts > 0 ? books_holders(s->books, k->number, print_holder, NULL, err) : MUSTER_OK;
	}
	j = key_json(k, whole);
	holders = json_array();
	if (k->hosts > 0 && (r = books_holders(s->books, k->number, json_holder, holders, err)) != MUSTER_OK) {
		json_decref(holders);
		json_decref(j);
		return r;
	}
	if (j != NULL && json_object_set_new(j, "holders", holders) != 0) {
		json_decref(j);
		j = NULL;
	}
	return output_json(j, err);
}

int listing_show_key(struct session *s, const char *number, struct muster_err *err)
{
	char text[PRODUCT_KEY_TEXT] = "", object[16];
	bool whole = option_given(s->o, OPT_WHOLE);
	struct product_key key;
	struct books_key k;
	uint32_t n;
	int r;

	if ((r = text_number(&n, number, err)) != MUSTER_OK || (r = books_key(s->books, n, &k, err)) != MUSTER_OK)
		return r;
	if (whole) {
		/* every look is in the audit trail before it is one */
		(void)snprintf(object, sizeof(object), "%" PRIu32, n);
		if ((r = session_secrets(s, err)) != MUSTER_OK || (r = session_product_key(s, &k, &key, err)) != MUSTER_OK
		    || (r = books_note(s->books, BOOKS_EVENT_KEY_SHOWN, object, "shown whole", &s->act, err)) != MUSTER_OK)
			return r;
		product_key_format(text, &key);
		OPENSSL_cleanse(&key, sizeof(key));
	}
	r = show(s, &k, whole ? text : NULL, err);
	OPENSSL_cleanse(text, sizeof(text));
	return r;
}

int command_key_show(const struct options *o)
{
	struct session s;
	struct muster_err err;
	int r;

	if ((r = session_open(&s, o, &err)) == MUSTER_OK)
		r = listing_show_key(&s, o->argument[0], &err);
	session_close(&s);
	return output_finish(r, &err);
}
