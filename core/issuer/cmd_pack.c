/* pack: create, list, show. */
#include "core/issuer/cmd_cal.h"
#include "core/issuer/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/issuer/listing.h"
#include "core/issuer/output.h"
#include "core/issuer/pack_log.h"
#include "core/issuer/pack_make.h"
#include "core/issuer/session.h"
#include "core/issuer/text.h"

static json_t *pack_key_json(const struct pack_key *k)
{
	json_t *ids = output_json_ids((const uint8_t (*)[16])k->products, k->product_count);

	return json_pack("{s:s, s:I, s:i, s:o, s:I, s:I, s:o, s:o, s:I, s:I, s:o}", "kind", product_key_kind_word(k->kind), "number", (json_int_t)k->number, "generation",
	                 (int)k->generation, "products", ids, "hosts", (json_int_t)k->hosts, "activations", (json_int_t)k->activations, "coverage_start",
	                 output_json_time(k->coverage_start), "coverage_end", output_json_time(k->coverage_end), "slots", (json_int_t)k->slot_count, "finders",
	                 (json_int_t)k->finder_count, "access", listing_access(k->licenses, k->per, k->version));
}

static json_t *pack_json(const struct pack *p)
{
	char id[UUID_TEXT], issuer[UUID_TEXT];
	json_t *keys = json_array(), *contacts = json_array();
	size_t i;

	for (i = 0; i < p->key_count; i++)
		(void)json_array_append_new(keys, pack_key_json(&p->keys[i]));
	for (i = 0; i < p->contact_count; i++) {
		const struct pack_contact *c = &p->contacts[i];

		(void)json_array_append_new(contacts, json_pack("{s:s, s:o, s:o, s:o, s:o}", "region", c->region, "telephone", output_json_text(c->telephone), "hours",
		                                                output_json_text(c->hours), "web", output_json_text(c->web), "email", output_json_text(c->email)));
	}
	uuid_format(id, p->id);
	uuid_format(issuer, p->issuer_id);
	return json_pack("{s:s, s:s, s:{s:s, s:s}, s:s, s:s, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "pack_id", id, "issuer_id", issuer, "organisation", "id", p->organisation_id, "name",
	                 p->organisation, "agreement", p->agreement, "programme", p->programme, "license_id", output_json_text(p->license_id), "issue", (json_int_t)p->issue, "issued_at",
	                 output_json_time(p->iat), "ends_at", output_json_time(p->exp), "service", output_json_text(p->service), "keys", keys, "contacts", contacts,
	                 "host", p->has_host ? listing_binding(p->host_binding) : json_null());
}

static void print_pack(FILE *to, const struct pack *p)
{
	char id[UUID_TEXT], from[TIME_RFC3339], end[TIME_RFC3339];
	size_t i;

	uuid_format(id, p->id);
	(void)fprintf(to, "Pack: %s\nOrganisation: %s (%s)\nAgreement: %s (%s), issue %" PRIu32 "\nValid: %s to %s\n", id, p->organisation, p->organisation_id, p->agreement, p->programme,
	              p->issue, output_time(from, p->iat), output_time(end, p->exp));
	if (p->has_host) {
		char host[HEX_SIZE(BINDING_SIZE)];

		hex_encode(host, p->host_binding, sizeof(p->host_binding));
		(void)fprintf(to, "Host: %s only\n", host);
	}
	if (p->license_id != NULL)
		(void)fprintf(to, "Licence ID: %s\n", p->license_id);
	for (i = 0; i < p->key_count; i++) {
		const struct pack_key *k = &p->keys[i];

		(void)fprintf(to, "Key: %s %" PRIu32 ", generation %u, %zu product%s", product_key_kind_name(k->kind), k->number, k->generation, k->product_count,
		              k->product_count == 1 ? "" : "s");
		if (k->hosts > 0)
			(void)fprintf(to, ", %" PRIu32 " hosts, %" PRIu32 " activations each", k->hosts, k->activations);
		else if (k->activations > 0)
			(void)fprintf(to, ", %" PRIu32 " activations", k->activations);
		if (k->licenses > 0)
			(void)fprintf(to, ", %" PRIu32 " licences per %s%s%s", k->licenses, listing_per(k->per), k->version[0] != '\0' ? ", version " : "", k->version);
		if (k->coverage_start != 0)
			(void)fprintf(to, ", coverage %s to %s", output_time(from, k->coverage_start), output_time(end, k->coverage_end));
		(void)fputs("\n", to);
	}
	for (i = 0; i < p->contact_count; i++)
		(void)fprintf(to, "Contact: %s %s\n", p->contacts[i].region, p->contacts[i].telephone != NULL ? p->contacts[i].telephone : "");
	if (p->service != NULL)
		(void)fprintf(to, "Service: %s\n", p->service);
}

/* The token goes to --out or to standard output; words then to standard error. */
static int give(struct session *s, struct output_file *out, const struct pack *p, struct muster_span token, struct muster_err *err)
{
	int r = output_file_write(out, token, err);

	if (r != MUSTER_OK)
		return r;
	if (option_json(s->o))
		return output_json(pack_json(p), err);
	print_pack(out->path != NULL ? stdout : stderr, p);
	if (out->path == NULL)
		(void)fwrite(token.p, 1, token.n, stdout);
	else
		printf("The pack is in %s; on the host: musterctl pack install %s\n", out->path, out->path);
	return MUSTER_OK;
}

/* Made already: what is said of it, and where it goes. */
int pack_give(struct session *s, struct output_file *out, const struct pack_made *m, struct muster_err *err)
{
	char id[UUID_TEXT];
	int r = give(s, out, m->pack, span_of(m->token.p, m->token.n), err);

	if (r == MUSTER_OK)
		return r;
	uuid_format(id, m->pack->id);
	return err_prefix(err, r, "issue %" PRIu32 " is in the books (get it with: pack show %s --out FILE), but", m->pack->issue, id);
}

static int create(struct session *s, struct output_file *out, struct muster_err *err)
{
	const char *agreement = s->o->text[OPT_AGREEMENT], *host = s->o->text[OPT_HOST_BINDING];
	struct pack_made m = { .pack = NULL };
	uint8_t binding[10];
	bool licenses = false;
	int r;

	if ((host != NULL && ((r = text_binding(binding, host, err)) != MUSTER_OK || (r = pack_has_licenses(&licenses, s, agreement, binding, err)) != MUSTER_OK))
	    || (r = pack_issue(&m, s, agreement, host != NULL ? binding : NULL, licenses, err)) != MUSTER_OK)
		goto done;
	r = pack_give(s, out, &m, err);
done:
	pack_made_fini(&m);
	return r;
}

int command_pack_create(const struct options *o)
{
	struct output_file out = { .fd = -1 };
	struct session s;
	struct muster_err err;
	int r;

	if ((r = session_open(&s, o, &err)) == MUSTER_OK && (r = output_file_open(&out, o->text[OPT_OUT], "no pack was made", &err)) == MUSTER_OK)
		r = create(&s, &out, &err);
	output_file_close(&out, r == MUSTER_OK);
	session_close(&s);
	return output_finish(r, &err);
}

/* ---- list ---- */

static int json_row(void *ctx, const struct books_pack *p)
{
	return json_array_append_new(ctx, listing_pack_row(p)) != 0;
}

static int table_row(void *ctx, const struct books_pack *p)
{
	char id[UUID_TEXT], issue[16], from[TIME_RFC3339], end[TIME_RFC3339];
	const char *cells[] = { p->agreement, issue, id, output_time(from, p->iat), output_time(end, p->exp) };

	uuid_format(id, p->id);
	(void)snprintf(issue, sizeof(issue), "%" PRIu32, p->issue);
	return output_table_row(ctx, cells);
}

int listing_packs(struct session *s, struct muster_err *err)
{
	static const struct output_column columns[] = { { "AGREEMENT", false }, { "ISSUE", true }, { "PACK ID", false }, { "ISSUED", false }, { "ENDS", false } };
	struct output_list l;
	int r;

	if ((r = output_list_begin(&l, option_json(s->o), columns, sizeof(columns) / sizeof(columns[0]), err)) != MUSTER_OK)
		return r;
	r = l.json != NULL ? books_packs(s->books, s->o->text[OPT_AGREEMENT], json_row, l.json, err) : books_packs(s->books, s->o->text[OPT_AGREEMENT], table_row, l.table, err);
	return output_list_end(&l, r, err);
}

/* ---- show ---- */

/* By ID or agreement from the books, else a file. */
static int read_token(struct buf *token, int64_t *at, struct session *s, const char *which, struct muster_err *err)
{
	struct books_pack row;
	uint8_t id[16];
	int r;

	if (uuid_parse(id, which, strlen(which)) == MUSTER_OK)
		r = books_pack(s->books, NULL, id, &row, err);
	else if ((r = file_read(token, which, TRUST_PACK_MAX, err)) != MUSTER_E_NOT_FOUND)
		return r;
	else
		r = books_pack(s->books, which, NULL, &row, err);
	if (r == MUSTER_E_NOT_FOUND)
		return err_set(err, r, "\"%.80s\" is neither a file, nor a pack's ID, nor an agreement with a pack; see: muster-issuer pack list", which);
	if (r == MUSTER_OK) {
		buf_add(token, row.token, row.token_n);
		*at = row.iat;   /* one of ours is shown also after its end */
	}
	return r == MUSTER_OK && token->failed ? err_nomem(err) : r;
}

int listing_show_pack(struct session *s, const char *which, struct muster_err *err)
{
	struct output_file out = { .fd = -1 };
	struct pack *p = NULL;
	int64_t at = s->act.now;
	struct buf token;
	int r;

	buf_init(&token, TRUST_PACK_MAX);
	if ((r = read_token(&token, &at, s, which, err)) != MUSTER_OK || (r = pack_read(&p, span_of(token.p, token.n), s->a->anchors, NULL, at, err)) != MUSTER_OK
	    || (r = output_file_open(&out, s->o->text[OPT_OUT], "nothing was written", err)) != MUSTER_OK || (r = output_file_write(&out, span_of(token.p, token.n), err)) != MUSTER_OK)
		goto done;
	if (option_json(s->o))
		r = output_json(pack_json(p), err);
	else
		print_pack(stdout, p);
done:
	output_file_close(&out, r == MUSTER_OK);
	pack_free(p);
	buf_fini(&token);
	return r;
}

int command_pack_show(const struct options *o)
{
	struct session s;
	struct muster_err err;
	int r;

	if ((r = session_open(&s, o, &err)) == MUSTER_OK)
		r = listing_show_pack(&s, o->argument[0], &err);
	session_close(&s);
	return output_finish(r, &err);
}
