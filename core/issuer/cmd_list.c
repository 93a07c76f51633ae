/* list, show. */
#include "core/issuer/commands.h"

#include <stdio.h>
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

static int list_certificates(struct session *s, struct muster_err *err)
{
	static const struct output_column columns[] = { { "NUMBER", true }, { "ISSUED", false }, { "ENDS", false }, { "PRODUCTS", true }, { "SUBJECT", false }, { "KID", false } };
	struct output_table *t;
	json_t *list;
	int r;

	if (option_json(s->o)) {
		list = json_array();
		if ((r = books_certificates(s->books, add_json, list, err)) == MUSTER_OK)
			return output_json(list, err);
		json_decref(list);
		return r;
	}
	if ((r = output_table_new(&t, columns, sizeof(columns) / sizeof(columns[0]), err)) != MUSTER_OK)
		return r;
	return output_table_end(t, books_certificates(s->books, add_row, t, err), err);
}

int command_list(const struct options *o)
{
	struct session s;
	struct muster_err err;
	int r;

	if ((r = session_open(&s, o, &err)) == MUSTER_OK)
		r = list_certificates(&s, &err);
	session_close(&s);
	return output_finish(r, &err);
}

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

int command_show(const struct options *o)
{
	struct session s;
	struct muster_err err;
	int r;

	if ((r = session_open(&s, o, &err)) != MUSTER_OK)
		goto done;
	if (o->arguments > 0)
		r = show_certificate(&s, o->argument[0], &err);
	else if (option_json(o))
		r = output_json(listing_issuer(s.a), &err);
	else
		listing_print_issuer(s.a);
done:
	session_close(&s);
	return output_finish(r, &err);
}
