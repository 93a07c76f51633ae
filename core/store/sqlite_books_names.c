/* The issuer's books: products, organisations, agreements, contacts, settings. */
#include "core/store/sqlite_books.h"

#include <string.h>
#include "core/base/err.h"
#include "core/base/uuid.h"

#define SETTING_SHOWN 200   /* bytes of a value that the audit trail repeats */
#define PRODUCT_COLUMNS "SELECT activation_id, name, title, coverage_start, coverage_end FROM product"

static void read_product(struct books_product *p, sqlite3_stmt *s)
{
	memset(p, 0, sizeof *p);
	(void)db_column_blob(p->activation_id, sizeof p->activation_id, s, 0);
	db_column_text(p->name, sizeof p->name, s, 1);
	db_column_text(p->title, sizeof p->title, s, 2);
	p->coverage_start = sqlite3_column_int64(s, 3);
	p->coverage_end = sqlite3_column_int64(s, 4);
}

/* Neither its ID nor its name may be another's; the product itself only with @p replace. */
static int check_product(struct books *b, const struct books_product *p, bool replace, bool *known, struct muster_err *err)
{
	struct books_product other;
	sqlite3_stmt *s;
	int r = books_sql(b, &s, err, PRODUCT_COLUMNS " WHERE activation_id = ? OR name = ?", "bt", p->activation_id, sizeof p->activation_id, p->name);

	*known = false;
	while (r == MUSTER_OK && (r = db_step(&b->db, s, "read", err)) == 1) {
		bool same_id, same_name;

		r = MUSTER_OK;
		read_product(&other, s);
		same_id = uuid_equal(other.activation_id, p->activation_id);
		same_name = strcmp(other.name, p->name) == 0;
		*known = *known || same_id;
		if (replace && same_id)
			continue;
		if (same_id && same_name)
			r = err_set(err, MUSTER_E_EXISTS, "the product %s is in the books already; change it with --replace", p->name);
		else if (same_id)
			r = err_set(err, MUSTER_E_EXISTS, "this activation ID is the product %s's; change that one with --replace, or give another ID", other.name);
		else
			r = err_set(err, MUSTER_E_EXISTS, "another product is called %s; give another name", p->name);
		(void)sqlite3_reset(s);
	}
	return r;
}

int books_product_put(struct books *b, const struct books_product *p, bool replace, const struct books_act *act, struct muster_err *err)
{
	bool known;
	int r;

	if ((r = books_begin(b, err)) != MUSTER_OK)
		return r;
	if ((r = check_product(b, p, replace, &known, err)) == MUSTER_OK)
		r = books_do(b, err, "INSERT INTO product(activation_id, name, title, coverage_start, coverage_end) VALUES(?, ?, ?, ?, ?)"
			" ON CONFLICT(activation_id) DO UPDATE SET name=excluded.name, title=excluded.title, coverage_start=excluded.coverage_start, coverage_end=excluded.coverage_end",
			"bttii", p->activation_id, sizeof p->activation_id, p->name, p->title, p->coverage_start, p->coverage_end);
	if (r == MUSTER_OK)
		r = books_record(b, err, BOOKS_EVENT_PRODUCT, act, p->name, "%s: %s", known ? "changed" : "added", p->title);
	return books_end(b, r, err);
}

int books_product(struct books *b, const char *name_or_id, struct books_product *out, struct muster_err *err)
{
	uint8_t id[16];
	sqlite3_stmt *s;
	int r;

	if (uuid_parse(id, name_or_id, strlen(name_or_id)) == MUSTER_OK)
		r = books_sql(b, &s, err, PRODUCT_COLUMNS " WHERE activation_id = ?", "b", id, sizeof id);
	else
		r = books_sql(b, &s, err, PRODUCT_COLUMNS " WHERE name = ?", "t", name_or_id);
	if (r != MUSTER_OK || (r = db_step(&b->db, s, "read", err)) < 0)
		return r;
	if (r == 0)
		return err_set(err, MUSTER_E_NOT_FOUND, "no product %s is in the books; add it with: muster-issuer product add", name_or_id);
	read_product(out, s);
	(void)sqlite3_reset(s);
	return MUSTER_OK;
}

int books_products(struct books *b, int (*fn)(void *ctx, const struct books_product *), void *ctx, struct muster_err *err)
{
	struct books_product p;
	sqlite3_stmt *s;
	int r = books_sql(b, &s, err, PRODUCT_COLUMNS " ORDER BY name", "");

	while (r == MUSTER_OK && (r = db_step(&b->db, s, "read", err)) == 1) {
		r = MUSTER_OK;
		read_product(&p, s);
		if (fn(ctx, &p) != 0) {
			(void)sqlite3_reset(s);
			break;
		}
	}
	return r;
}

/* ---- agreements ---- */

#define AGREEMENT_COLUMNS "SELECT a.number, a.programme, a.license_id, a.organisation, a.issue, a.created, o.name FROM agreement a JOIN organisation o ON o.id = a.organisation"

static void read_agreement(struct books_agreement *a, struct books_organisation *o, sqlite3_stmt *s)
{
	memset(a, 0, sizeof *a);
	memset(o, 0, sizeof *o);
	db_column_text(a->number, sizeof a->number, s, 0);
	db_column_text(a->programme, sizeof a->programme, s, 1);
	db_column_text(a->license_id, sizeof a->license_id, s, 2);
	db_column_text(a->organisation, sizeof a->organisation, s, 3);
	a->issue = db_column_u32(s, 4);
	a->created = sqlite3_column_int64(s, 5);
	db_column_text(o->id, sizeof o->id, s, 3);
	db_column_text(o->name, sizeof o->name, s, 6);
}

static int put_organisation(struct books *b, const char *id, const char *name, struct muster_err *err)
{
	int64_t known;
	int r = books_int(b, &known, err, "SELECT 1 FROM organisation WHERE id = ?", "t", id);

	if (r != 0)
		return r < 0 ? r : MUSTER_OK;
	if (name == NULL || name[0] == '\0')
		return err_set(err, MUSTER_E_NOT_FOUND, "the organisation %s is not in the books: name it with --name, then it is added", id);
	return books_do(b, err, "INSERT INTO organisation(id, name) VALUES(?, ?)", "tt", id, name);
}

int books_agreement_put(struct books *b, const struct books_agreement *a, const char *organisation_name, const struct books_act *act, struct muster_err *err)
{
	int64_t known;
	int r;

	if ((r = books_begin(b, err)) != MUSTER_OK)
		return r;
	if ((r = books_int(b, &known, err, "SELECT 1 FROM agreement WHERE number = ?", "t", a->number)) == 1)
		r = err_set(err, MUSTER_E_EXISTS, "the agreement %s is in the books already; see: muster-issuer agreement list", a->number);
	if (r == 0 && (r = put_organisation(b, a->organisation, organisation_name, err)) == MUSTER_OK)
		r = books_do(b, err, "INSERT INTO agreement(number, programme, license_id, organisation, created) VALUES(?, ?, ?, ?, ?)", "tttti", a->number, a->programme,
			a->license_id, a->organisation, act->now);
	if (r == MUSTER_OK)
		r = books_record(b, err, BOOKS_EVENT_AGREEMENT, act, a->number, "%s, of organisation %s", a->programme, a->organisation);
	return books_end(b, r, err);
}

int books_agreement(struct books *b, const char *number, struct books_agreement *out, struct books_organisation *organisation, struct muster_err *err)
{
	struct books_organisation o;
	sqlite3_stmt *s;
	int r;

	if ((r = books_sql(b, &s, err, AGREEMENT_COLUMNS " WHERE a.number = ?", "t", number)) != MUSTER_OK || (r = db_step(&b->db, s, "read", err)) < 0)
		return r;
	if (r == 0)
		return err_set(err, MUSTER_E_NOT_FOUND, "no agreement %s is in the books; add it with: muster-issuer agreement add", number);
	read_agreement(out, organisation != NULL ? organisation : &o, s);
	(void)sqlite3_reset(s);
	return MUSTER_OK;
}

int books_agreements(struct books *b, int (*fn)(void *ctx, const struct books_agreement *, const struct books_organisation *), void *ctx, struct muster_err *err)
{
	struct books_agreement a;
	struct books_organisation o;
	sqlite3_stmt *s;
	int r = books_sql(b, &s, err, AGREEMENT_COLUMNS " ORDER BY a.number", "");

	while (r == MUSTER_OK && (r = db_step(&b->db, s, "read", err)) == 1) {
		r = MUSTER_OK;
		read_agreement(&a, &o, s);
		if (fn(ctx, &a, &o) != 0) {
			(void)sqlite3_reset(s);
			break;
		}
	}
	return r;
}

/* ---- contacts and settings ---- */

static int remove_contact(struct books *b, const char *region, struct muster_err *err)
{
	int r = books_do(b, err, "DELETE FROM contact WHERE region = ?", "t", region);

	if (r == MUSTER_OK && sqlite3_changes(b->db.h) == 0)
		r = err_set(err, MUSTER_E_NOT_FOUND, "there is no contact for %s; see: muster-issuer contact list", region);
	return r;
}

int books_contact_put(struct books *b, const struct books_contact *c, const struct books_act *act, struct muster_err *err)
{
	bool empty = c->telephone[0] == '\0' && c->hours[0] == '\0' && c->web[0] == '\0' && c->email[0] == '\0';
	int r;

	if ((r = books_begin(b, err)) != MUSTER_OK)
		return r;
	if (empty)
		r = remove_contact(b, c->region, err);
	else
		r = books_do(b, err, "INSERT OR REPLACE INTO contact(region, telephone, hours, web, email) VALUES(?, ?, ?, ?, ?)", "ttttt", c->region, c->telephone, c->hours, c->web,
			c->email);
	if (r == MUSTER_OK)
		r = books_record(b, err, BOOKS_EVENT_CONTACT, act, c->region, "%s", empty ? "removed" : "set");
	return books_end(b, r, err);
}

int books_contacts(struct books *b, int (*fn)(void *ctx, const struct books_contact *), void *ctx, struct muster_err *err)
{
	struct books_contact c;
	sqlite3_stmt *s;
	int r = books_sql(b, &s, err, "SELECT region, telephone, hours, web, email FROM contact ORDER BY region", "");

	while (r == MUSTER_OK && (r = db_step(&b->db, s, "read", err)) == 1) {
		r = MUSTER_OK;
		db_column_text(c.region, sizeof c.region, s, 0);
		db_column_text(c.telephone, sizeof c.telephone, s, 1);
		db_column_text(c.hours, sizeof c.hours, s, 2);
		db_column_text(c.web, sizeof c.web, s, 3);
		db_column_text(c.email, sizeof c.email, s, 4);
		if (fn(ctx, &c) != 0) {
			(void)sqlite3_reset(s);
			break;
		}
	}
	return r;
}

/* A long one, as a revocation list, by its size. */
static int record_setting(struct books *b, const char *name, const char *value, const struct books_act *act, struct muster_err *err)
{
	size_t n = strlen(value);

	if (n == 0)
		return books_record(b, err, BOOKS_EVENT_SETTING, act, name, "removed");
	if (n > SETTING_SHOWN || strchr(value, '\n') != NULL)
		return books_record(b, err, BOOKS_EVENT_SETTING, act, name, "set, %zu bytes", n);
	return books_record(b, err, BOOKS_EVENT_SETTING, act, name, "set to %s", value);
}

int books_setting_put(struct books *b, const char *name, const char *value, const struct books_act *act, struct muster_err *err)
{
	int r;

	if ((r = books_begin(b, err)) != MUSTER_OK)
		return r;
	if (value[0] == '\0')
		r = books_do(b, err, "DELETE FROM setting WHERE name = ?", "t", name);
	else
		r = books_do(b, err, "INSERT OR REPLACE INTO setting(name, value) VALUES(?, ?)", "tt", name, value);
	if (r == MUSTER_OK)
		r = record_setting(b, name, value, act, err);
	return books_end(b, r, err);
}

int books_setting(struct books *b, const char *name, struct buf *out, struct muster_err *err)
{
	sqlite3_stmt *s;
	int r;

	if ((r = books_sql(b, &s, err, "SELECT value FROM setting WHERE name = ?", "t", name)) != MUSTER_OK || (r = db_step(&b->db, s, "read", err)) < 0)
		return r;
	if (r == 0)
		return err_set(err, MUSTER_E_NOT_FOUND, "the setting %s is not set", name);
	buf_add(out, sqlite3_column_text(s, 0), (size_t)sqlite3_column_bytes(s, 0));
	(void)sqlite3_reset(s);
	return out->failed ? err_nomem(err) : MUSTER_OK;
}
