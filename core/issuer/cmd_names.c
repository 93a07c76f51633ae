/* product, agreement, contact: what keys and packs are made of. */
#include "core/issuer/commands.h"

#include <stdio.h>
#include <string.h>
#include "core/base/err.h"
#include "core/base/uuid.h"
#include "core/issuer/listing.h"
#include "core/issuer/output.h"
#include "core/issuer/session.h"
#include "core/issuer/text.h"

/* ---- products ---- */

static int read_product(struct books_product *p, const struct options *o, struct muster_err *err)
{
	const char *id = o->text[OPT_ACTIVATION_ID];
	int r;

	memset(p, 0, sizeof(*p));
	if ((r = text_word(p->name, sizeof(p->name), o->argument[0], "the product's name", err)) != MUSTER_OK
	    || (r = text_line(p->title, sizeof(p->title), o->text[OPT_TITLE], "the title", err)) != MUSTER_OK)
		return r;
	if (uuid_parse(p->activation_id, id, strlen(id)) != MUSTER_OK)
		return err_set(err, MUSTER_E_INVALID, "--activation-id %.60s: not an activation ID (like 2e28138a-847f-42bc-9752-61b03fff33cd)", id);
	p->coverage_start = option_number(o, OPT_COVERAGE_START, 0);
	p->coverage_end = option_number(o, OPT_COVERAGE_END, 0);
	return text_coverage(p->coverage_start, p->coverage_end, err);
}

int command_product_add(const struct options *o)
{
	struct books_product p;
	struct session s;
	struct muster_err err;
	int r;

	if ((r = session_open(&s, o, &err)) == MUSTER_OK && (r = read_product(&p, o, &err)) == MUSTER_OK
	    && (r = books_product_put(s.books, &p, option_given(o, OPT_REPLACE), &s.act, &err)) == MUSTER_OK) {
		if (option_json(o))
			r = output_json(listing_product(&p), &err);
		else
			printf("Product %s: %s.\n", p.name, p.title);
	}
	session_close(&s);
	return output_finish(r, &err);
}

static int product_json(void *ctx, const struct books_product *p)
{
	return json_array_append_new(ctx, listing_product(p)) != 0;
}

static int product_row(void *ctx, const struct books_product *p)
{
	char id[UUID_TEXT], start[TIME_RFC3339], end[TIME_RFC3339];
	const char *cells[] = { p->name, id, p->title, output_time(start, p->coverage_start), output_time(end, p->coverage_end) };

	uuid_format(id, p->activation_id);
	return output_table_row(ctx, cells);
}

int listing_products(struct session *s, struct muster_err *err)
{
	static const struct output_column columns[] = {
		{ "NAME", false }, { "ACTIVATION ID", false }, { "TITLE", false }, { "COVERAGE FROM", false }, { "TO", false },
	};
	struct output_list l;
	int r;

	if ((r = output_list_begin(&l, option_json(s->o), columns, sizeof(columns) / sizeof(columns[0]), err)) != MUSTER_OK)
		return r;
	r = l.json != NULL ? books_products(s->books, product_json, l.json, err) : books_products(s->books, product_row, l.table, err);
	return output_list_end(&l, r, err);
}

/* ---- agreements ---- */

static int read_agreement(struct books_agreement *a, char name[BOOKS_TEXT], const struct options *o, struct muster_err *err)
{
	int r;

	memset(a, 0, sizeof(*a));
	name[0] = '\0';
	if ((r = text_line(a->number, sizeof(a->number), o->argument[0], "the agreement's number", err)) != MUSTER_OK
	    || (r = text_line(a->programme, sizeof(a->programme), o->text[OPT_PROGRAMME], "--programme", err)) != MUSTER_OK
	    || (r = text_word(a->organisation, sizeof(a->organisation), o->text[OPT_ORGANISATION], "--organisation", err)) != MUSTER_OK)
		return r;
	if (o->text[OPT_LICENSE_ID] != NULL && (r = text_line(a->license_id, sizeof(a->license_id), o->text[OPT_LICENSE_ID], "--license-id", err)) != MUSTER_OK)
		return r;
	return o->text[OPT_NAME] == NULL ? MUSTER_OK : text_line(name, BOOKS_TEXT, o->text[OPT_NAME], "--name", err);
}

int command_agreement_add(const struct options *o)
{
	struct books_organisation organisation;
	struct books_agreement a;
	char name[BOOKS_TEXT];
	struct session s;
	struct muster_err err;
	int r;

	if ((r = session_open(&s, o, &err)) == MUSTER_OK && (r = read_agreement(&a, name, o, &err)) == MUSTER_OK
	    && (r = books_agreement_put(s.books, &a, name, &s.act, &err)) == MUSTER_OK && (r = books_agreement(s.books, a.number, &a, &organisation, &err)) == MUSTER_OK) {
		if (option_json(o))
			r = output_json(listing_agreement(&a, &organisation), &err);
		else
			printf("Agreement %s of %s. Next: muster-issuer key mint --agreement %s\n", a.number, organisation.name, a.number);
	}
	session_close(&s);
	return output_finish(r, &err);
}

static int agreement_json(void *ctx, const struct books_agreement *a, const struct books_organisation *o)
{
	return json_array_append_new(ctx, listing_agreement(a, o)) != 0;
}

static int agreement_row(void *ctx, const struct books_agreement *a, const struct books_organisation *o)
{
	char issue[16];
	const char *cells[] = { a->number, a->programme, a->license_id, o->id, o->name, issue };

	(void)snprintf(issue, sizeof(issue), "%u", a->issue);
	return output_table_row(ctx, cells);
}

int listing_agreements(struct session *s, struct muster_err *err)
{
	static const struct output_column columns[] = {
		{ "NUMBER", false }, { "PROGRAMME", false }, { "LICENCE ID", false }, { "ORGANISATION", false }, { "NAME", false }, { "ISSUE", true },
	};
	struct output_list l;
	int r;

	if ((r = output_list_begin(&l, option_json(s->o), columns, sizeof(columns) / sizeof(columns[0]), err)) != MUSTER_OK)
		return r;
	r = l.json != NULL ? books_agreements(s->books, agreement_json, l.json, err) : books_agreements(s->books, agreement_row, l.table, err);
	return output_list_end(&l, r, err);
}

/* ---- contacts ---- */

static int read_contact(struct books_contact *c, const struct options *o, struct muster_err *err)
{
	const struct { enum option_id id; char *out; size_t room; const char *what; } members[] = {
		{ OPT_TELEPHONE, c->telephone, sizeof(c->telephone), "--telephone" }, { OPT_HOURS, c->hours, sizeof(c->hours), "--hours" },
		{ OPT_WEB, c->web, sizeof(c->web), "--web" }, { OPT_EMAIL, c->email, sizeof(c->email), "--email" },
	};
	size_t i, given = 0;
	int r;

	memset(c, 0, sizeof(*c));
	r = text_line(c->region, sizeof(c->region), o->argument[0], "the region", err);
	for (i = 0; r == MUSTER_OK && i < sizeof(members) / sizeof(members[0]); i++) {
		if (!option_given(o, members[i].id))
			continue;
		given++;
		r = text_line(members[i].out, members[i].room, o->text[members[i].id], members[i].what, err);
	}
	if (r == MUSTER_OK && given == 0)
		r = err_set(err, MUSTER_E_INVALID, "say how to reach you: --telephone, --hours, --web or --email; a contact is taken out with: contact remove");
	return r;
}

static int put_contact(const struct options *o, int (*read)(struct books_contact *, const struct options *, struct muster_err *), const char *done)
{
	struct books_contact c;
	struct session s;
	struct muster_err err;
	int r;

	if ((r = session_open(&s, o, &err)) == MUSTER_OK && (r = read(&c, o, &err)) == MUSTER_OK && (r = books_contact_put(s.books, &c, &s.act, &err)) == MUSTER_OK) {
		if (option_json(o))
			r = output_json(listing_contact(&c), &err);
		else
			printf("Contact for %s %s; the next pack has it.\n", c.region, done);
	}
	session_close(&s);
	return output_finish(r, &err);
}

int command_contact_set(const struct options *o)
{
	return put_contact(o, read_contact, "set");
}

static int read_region(struct books_contact *c, const struct options *o, struct muster_err *err)
{
	memset(c, 0, sizeof(*c));
	return text_line(c->region, sizeof(c->region), o->argument[0], "the region", err);
}

int command_contact_remove(const struct options *o)
{
	return put_contact(o, read_region, "removed");
}

static int contact_json(void *ctx, const struct books_contact *c)
{
	return json_array_append_new(ctx, listing_contact(c)) != 0;
}

static int contact_row(void *ctx, const struct books_contact *c)
{
	const char *cells[] = { c->region, c->telephone, c->hours, c->web, c->email };

	return output_table_row(ctx, cells);
}

int listing_contacts(struct session *s, struct muster_err *err)
{
	static const struct output_column columns[] = { { "REGION", false }, { "TELEPHONE", false }, { "HOURS", false }, { "WEB", false }, { "EMAIL", false } };
	struct output_list l;
	int r;

	if ((r = output_list_begin(&l, option_json(s->o), columns, sizeof(columns) / sizeof(columns[0]), err)) != MUSTER_OK)
		return r;
	r = l.json != NULL ? books_contacts(s->books, contact_json, l.json, err) : books_contacts(s->books, contact_row, l.table, err);
	return output_list_end(&l, r, err);
}

/* The address of the service that hosts ask when they are online; it goes into packs. "none" takes it out. */
int command_contact_service(const struct options *o)
{
	const char *url = o->arguments > 0 ? o->argument[0] : NULL;
	char line[BOOKS_TEXT] = "";
	struct buf now;
	struct session s;
	struct muster_err err;
	int r;

	buf_init(&now, BOOKS_TEXT);
	if ((r = session_open(&s, o, &err)) != MUSTER_OK)
		goto done;
	if (url != NULL && strcmp(url, "none") != 0) {
		if (strncmp(url, "https://", 8) != 0 || url[8] == '\0')
			r = err_set(&err, MUSTER_E_INVALID, "%.100s: the service's address begins with https://", url);
		else
			r = text_line(line, sizeof(line), url, "the service's address", &err);
	}
	if (r == MUSTER_OK && url != NULL)
		r = books_setting_put(s.books, "service", line, &s.act, &err);
	if (r == MUSTER_OK && (r = books_setting(s.books, "service", &now, &err)) == MUSTER_E_NOT_FOUND)
		r = MUSTER_OK;
	if (r == MUSTER_OK && option_json(o))
		r = output_json(json_pack("{s:o}", "service", output_json_text(buf_str(&now))), &err);
	else if (r == MUSTER_OK)
		printf("Service: %s\n", now.n > 0 ? buf_str(&now) : "none");
done:
	buf_fini(&now);
	session_close(&s);
	return output_finish(r, &err);
}
