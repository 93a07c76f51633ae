/* list, show. */
#include "core/issuer/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/issuer/listing.h"
#include "core/issuer/output.h"
#include "core/issuer/session.h"

static int add_json(void *ctx, const struct books_certificate *c)
{
	return json_array_append_new(ctx, listing_certificate(c, false)) != 0;   /* `show` has the chain */
}

static int add_row(void *ctx, const struct books_certificate *c)
{
	char at[TIME_RFC3339], end[TIME_RFC3339], number[16], count[16];
	const char *cells[] = { number, output_time(at, c->at), output_time(end, c->end), count, c->subject, c->kid };

	(void)snprintf(number, sizeof(number), "%u", c->number);
	(void)snprintf(count, sizeof(count), "%zu", c->product_count);
	return output_table_row(ctx, cells);
}

int listing_certificates(struct session *s, struct muster_err *err)
{
	static const struct output_column columns[] = { { "NUMBER", true }, { "ISSUED", false }, { "ENDS", false }, { "PRODUCTS", true }, { "SUBJECT", false }, { "KID", false } };
	struct output_list l;
	int r;

	if ((r = output_list_begin(&l, option_json(s->o), columns, sizeof(columns) / sizeof(columns[0]), err)) != MUSTER_OK)
		return r;
	r = l.json != NULL ? books_certificates(s->books, add_json, l.json, err) : books_certificates(s->books, add_row, l.table, err);
	return output_list_end(&l, r, err);
}

static int confirmation_json(void *ctx, const struct books_row *row)
{
	return json_array_append_new(ctx, listing_row(row)) != 0;
}

static int confirmation_row(void *ctx, const struct books_row *row)
{
	char id[24], at[TIME_RFC3339], number[16], generation[16], attempt[16], binding[HEX_SIZE(10)], retired[TIME_RFC3339];
	const char *cells[] = { id, output_time(at, row->at), number, generation, attempt, listing_method(row->method), binding, row->name, output_time(retired, row->retired) };

	(void)snprintf(id, sizeof(id), "%" PRId64, row->id);
	(void)snprintf(number, sizeof(number), "%" PRIu32, row->number);
	(void)snprintf(generation, sizeof(generation), "%u", row->generation);
	(void)snprintf(attempt, sizeof(attempt), "%u", row->attempt);
	hex_encode(binding, row->binding, sizeof(row->binding));
	return output_table_row(ctx, cells);
}

int listing_confirmations(struct session *s, struct muster_err *err)
{
	static const struct output_column columns[] = {
		{ "ID", true }, { "AT", false }, { "KEY", true }, { "GENERATION", true }, { "ATTEMPT", true }, { "METHOD", false }, { "BINDING", false }, { "NAME", false }, { "RETIRED", false },
	};
	struct output_list l;
	int r;

	if ((r = output_list_begin(&l, option_json(s->o), columns, sizeof(columns) / sizeof(columns[0]), err)) != MUSTER_OK)
		return r;
	r = l.json != NULL ? books_confirmations(s->books, NULL, confirmation_json, l.json, err) : books_confirmations(s->books, NULL, confirmation_row, l.table, err);
	return output_list_end(&l, r, err);
}

/* What can be listed, and by which command of its own too. */
static const struct { const char *name; int (*list)(struct session *s, struct muster_err *err); } lists[] = {
	{ "certificates", listing_certificates }, { "keys", listing_keys }, { "packs", listing_packs }, { "agreements", listing_agreements }, { "products", listing_products },
	{ "contacts", listing_contacts }, { "confirmations", listing_confirmations },
};

static int list(const struct options *o, const char *name)
{
	struct session s;
	struct muster_err err;
	size_t i;
	int r;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]) && strcmp(lists[i].name, name) != 0; i++)
		;
	if (i == sizeof(lists) / sizeof(lists[0]))
		return options_usage("usage: muster-issuer --dir DIR list [certificates|keys|packs|agreements|products|contacts|confirmations]");
	if ((r = session_open(&s, o, &err)) == MUSTER_OK)
		r = lists[i].list(&s, &err);
	session_close(&s);
	return output_finish(r, &err);
}

int command_list(const struct options *o)
{
	return list(o, o->arguments > 0 ? o->argument[0] : "certificates");
}

int command_product_list(const struct options *o) { return list(o, "products"); }
int command_agreement_list(const struct options *o) { return list(o, "agreements"); }
int command_contact_list(const struct options *o) { return list(o, "contacts"); }
int command_key_list(const struct options *o) { return list(o, "keys"); }
int command_pack_list(const struct options *o) { return list(o, "packs"); }

static int show_certificate(struct session *s, const char *which, struct muster_err *err)
{
	struct books_certificate c;
	int r = books_certificate(s->books, which, &c, err);

	if (r == MUSTER_OK && option_json(s->o))
		r = output_json(listing_certificate(&c, true), err);
	else if (r == MUSTER_OK)
		listing_print_certificate(&c);
	mem_free(c.chain);
	return r;
}

static int show_agreement(struct session *s, const char *number, struct muster_err *err)
{
	struct books_organisation organisation;
	struct books_agreement a;
	int r = books_agreement(s->books, number, &a, &organisation, err);

	if (r == MUSTER_OK && option_json(s->o))
		return output_json(listing_agreement(&a, &organisation), err);
	if (r == MUSTER_OK)
		printf("Agreement: %s\nProgramme: %s\nOrganisation: %s (%s)\nLicence ID: %s\nNewest pack: issue %" PRIu32 "\n", a.number, a.programme, organisation.name, organisation.id,
		       a.license_id, a.issue);
	return r;
}

static int show_issuer(struct session *s, struct muster_err *err)
{
	if (option_json(s->o))
		return output_json(listing_issuer(s->a), err);
	listing_print_issuer(s->a);
	return MUSTER_OK;
}

static int show_two(struct session *s, const char *what, const char *which, struct muster_err *err)
{
	static const struct { const char *name; int (*show)(struct session *s, const char *which, struct muster_err *err); } shows[] = {
		{ "certificate", show_certificate }, { "key", listing_show_key }, { "pack", listing_show_pack }, { "agreement", show_agreement },
	};
	size_t i;

	for (i = 0; i < sizeof(shows) / sizeof(shows[0]); i++)
		if (strcmp(shows[i].name, what) == 0)
			return shows[i].show(s, which, err);
	return err_set(err, MUSTER_E_INVALID, "\"%.40s\" cannot be shown: certificate, key, pack or agreement", what);
}

int command_show(const struct options *o)
{
	struct session s;
	struct muster_err err;
	int r;

	if ((r = session_open(&s, o, &err)) == MUSTER_OK)
		r = o->arguments == 0 ? show_issuer(&s, &err) : o->arguments == 1 ? show_certificate(&s, o->argument[0], &err) : show_two(&s, o->argument[0], o->argument[1], &err);
	session_close(&s);
	return output_finish(r, &err);
}
