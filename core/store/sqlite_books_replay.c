/* Confirmations and confirmations.log: one transaction and its line, and bringing restored books up to the log. */
#include "core/store/sqlite_books_confirm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

static const char *const methods[] = { [BOOKS_TELEPHONE] = "telephone", [BOOKS_ONLINE] = "online", [BOOKS_FILE] = "file" };

/* ---- rows ---- */

static int insert_row(struct books *b, struct confirm_row *row, struct muster_err *err)
{
	const char *sql = "INSERT INTO confirmation(id, at, method, number, generation, binding, attempt, installation_id, request, counted, slot, statement_id, name, retired)"
	                  " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)";
	sqlite3_stmt *s;
	int r;

	if ((r = books_sql(b, &s, err, sql, "niiiibibbinbt", row->at, (int64_t)row->method, (int64_t)row->number, (int64_t)row->generation, row->binding, sizeof row->binding,
	                   (int64_t)row->attempt, row->installation_id, sizeof row->installation_id, row->request, row->has_request ? sizeof row->request : (size_t)0,
	                   (int64_t)row->counted, row->statement_id, row->counted ? sizeof row->statement_id : (size_t)0, row->name)) != MUSTER_OK)
		return r;
	db_bind_present(s, 1, row->id != 0, row->id);
	db_bind_present(s, 11, row->has_slot, row->slot);
	if ((r = db_run(&b->db, s, "write to", err)) == MUSTER_OK)
		row->id = sqlite3_last_insert_rowid(b->db.h);
	return r;
}

static int update_row(struct books *b, const struct confirm_row *row, struct muster_err *err)
{
	sqlite3_stmt *s;
	int r = books_sql(b, &s, err, "UPDATE confirmation SET generation = ?, slot = ?, request = ?, retired = 0 WHERE id = ?", "inbi", (int64_t)row->generation, row->request,
	                  row->has_request ? sizeof row->request : (size_t)0, row->id);

	if (r != MUSTER_OK)
		return r;
	db_bind_present(s, 2, row->has_slot, row->slot);
	return db_run(&b->db, s, "write to", err);
}

static int mark_slot(struct books *b, const struct confirm_row *row, bool *no_slot, struct muster_err *err)
{
	int64_t holder, number = row->number, generation = row->generation, slot = row->slot;
	int r = books_int(b, &holder, err, "SELECT ifnull(confirmation, 0) FROM slot WHERE number = ? AND generation = ? AND slot = ?", "iii", number, generation, slot);

	if (r < 0)
		return r;
	if (r == 0 && no_slot != NULL) {
		*no_slot = true;
		return MUSTER_OK;
	}
	if (r == 0 || (holder != 0 && holder != row->id))
		return err_set(err, MUSTER_E_INTERNAL, "slot %" PRId64 " of key number %" PRId64 " is %s", slot, number, r == 0 ? "not there" : "another confirmation's");
	if (holder != 0)
		return MUSTER_OK;
	return books_do(b, err, "UPDATE slot SET confirmation = ? WHERE number = ? AND generation = ? AND slot = ?", "iiii", row->id, number, generation, slot);
}

int confirm_apply(struct books *b, struct confirm_row *row, bool *no_slot, struct muster_err *err)
{
	int64_t number = -1;
	bool known;
	int r = MUSTER_OK;

	if (row->id != 0 && (r = books_int(b, &number, err, "SELECT number FROM confirmation WHERE id = ?", "i", row->id)) < 0)
		return r;
	if (row->id != 0 && r == 1 && number != row->number)
		return err_set(err, MUSTER_E_MISMATCH, "confirmation %" PRId64 " is another one in the books than in confirmations.log", row->id);
	known = row->id != 0 && r == 1;
	if ((r = known ? update_row(b, row, err) : insert_row(b, row, err)) != MUSTER_OK)
		return r;
	return row->has_slot ? mark_slot(b, row, no_slot, err) : MUSTER_OK;
}

/* ---- as JSON ---- */

static int set_hex(json_t *o, const char *name, const void *p, size_t n)
{
	char text[HEX_SIZE(32)];

	hex_encode(text, p, n);
	return json_object_set_new(o, name, json_string(text));
}

json_t *confirm_row_json(const struct confirm_row *row)
{
	json_t *o = json_pack("{s:I, s:I, s:s, s:I, s:i, s:i, s:b}", "confirmation", (json_int_t)row->id, "at", (json_int_t)row->at, "method", methods[row->method], "number",
	                      (json_int_t)row->number, "generation", row->generation, "attempt", row->attempt, "counted", row->counted);

	if (o == NULL)
		return NULL;
	if (set_hex(o, "binding", row->binding, sizeof row->binding) != 0 || set_hex(o, "installation_id", row->installation_id, sizeof row->installation_id) != 0
	    || (row->has_request && set_hex(o, "request", row->request, sizeof row->request) != 0)
	    || (row->counted && set_hex(o, "statement_id", row->statement_id, sizeof row->statement_id) != 0)
	    || (row->has_slot && json_object_set_new(o, "slot", json_integer(row->slot)) != 0)
	    || (row->name[0] != '\0' && json_object_set_new(o, "name", json_string(row->name)) != 0)) {
		json_decref(o);
		return NULL;
	}
	return o;
}

json_t *confirm_certificate_json(const struct books_certificate *c)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "certificate", c->serial, "kid", c->kid, "subject", c->subject, "request", c->request, "spki", c->spki,
	                      "at", (json_int_t)c->at, "begin", (json_int_t)c->begin, "end", (json_int_t)c->end, "intermediate", (json_int_t)c->intermediate, "number",
	                      (json_int_t)c->key, "of", (json_int_t)c->confirmation, "chain", c->chain);
	json_t *products = json_array();
	char id[UUID_TEXT];

	if (o == NULL || products == NULL || set_hex(o, "binding", c->binding, sizeof c->binding) != 0)
		goto failed;
	for (size_t i = 0; i < c->product_count; i++) {
		uuid_format(id, c->products[i]);
		if (json_array_append_new(products, json_string(id)) != 0)
			goto failed;
	}
	if (json_object_set(o, "products", products) != 0)
		goto failed;
	json_decref(products);
	return o;
failed:
	json_decref(products);
	json_decref(o);
	return NULL;
}

static int bad_item(struct muster_err *err, const char *name)
{
	return err_set(err, MUSTER_E_INVALID, "confirmations.log: an entry's \"%s\" is missing or wrong", name);
}

static bool get_hex(const json_t *o, const char *name, void *out, size_t n)
{
	const json_t *v = json_object_get(o, name);

	return v != NULL && json_string_length(v) == 2 * n && hex_decode(out, n, json_string_value(v), 2 * n) == MUSTER_OK;
}

static bool get_text(const json_t *o, const char *name, char *out, size_t room)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text != NULL && (size_t)snprintf(out, room, "%s", text) < room;
}

static bool get_number(const json_t *o, const char *name, int64_t *out, int64_t max)
{
	const json_t *v = json_object_get(o, name);

	*out = json_integer_value(v);
	return json_is_integer(v) && *out >= 0 && *out <= max;
}

static bool get_method(const json_t *o, enum books_method *out)
{
	const char *text = json_string_value(json_object_get(o, "method"));

	for (size_t i = 0; text != NULL && i < sizeof methods / sizeof methods[0]; i++)
		if (strcmp(methods[i], text) == 0) {
			*out = (enum books_method)i;
			return true;
		}
	return false;
}

static int read_row(struct confirm_row *row, const json_t *o, struct muster_err *err)
{
	int64_t number, generation, attempt, slot;

	memset(row, 0, sizeof *row);
	if (!get_number(o, "confirmation", &row->id, INT64_MAX) || row->id == 0 || !get_number(o, "at", &row->at, INT64_MAX) || !get_method(o, &row->method))
		return bad_item(err, "confirmation, at or method");
	if (!get_number(o, "number", &number, UINT32_MAX) || !get_number(o, "generation", &generation, 63) || !get_number(o, "attempt", &attempt, 255))
		return bad_item(err, "number, generation or attempt");
	row->number = (uint32_t)number;
	row->generation = (uint8_t)generation;
	row->attempt = (uint8_t)attempt;
	row->counted = json_is_true(json_object_get(o, "counted"));
	if (!get_hex(o, "binding", row->binding, sizeof row->binding) || !get_hex(o, "installation_id", row->installation_id, sizeof row->installation_id))
		return bad_item(err, "binding or installation_id");
	row->has_request = json_object_get(o, "request") != NULL;
	if (row->has_request && !get_hex(o, "request", row->request, sizeof row->request))
		return bad_item(err, "request");
	if (row->counted && !get_hex(o, "statement_id", row->statement_id, sizeof row->statement_id))
		return bad_item(err, "statement_id");
	row->has_slot = json_object_get(o, "slot") != NULL;
	if (row->has_slot && !get_number(o, "slot", &slot, UINT16_MAX))
		return bad_item(err, "slot");
	row->slot = row->has_slot ? (uint16_t)slot : 0;
	if (json_object_get(o, "name") != NULL && !get_text(o, "name", row->name, sizeof row->name))
		return bad_item(err, "name");
	return MUSTER_OK;
}

static int read_products(struct books_certificate *c, const json_t *list, struct muster_err *err)
{
	size_t n = json_array_size(list);

	if (n < 1 || n > BOOKS_PRODUCTS_MAX)
		return bad_item(err, "products");
	for (size_t i = 0; i < n; i++) {
		const json_t *v = json_array_get(list, i);

		if (!json_is_string(v) || uuid_parse(c->products[i], json_string_value(v), json_string_length(v)) != MUSTER_OK)
			return bad_item(err, "products");
	}
	c->product_count = n;
	return MUSTER_OK;
}

/* c->chain is lent by @p o. */
static int read_certificate(struct books_certificate *c, const json_t *o, struct muster_err *err)
{
	int64_t intermediate, key;
	json_t *chain = json_object_get(o, "chain");

	memset(c, 0, sizeof *c);
	if (!get_text(o, "certificate", c->serial, sizeof c->serial) || !get_text(o, "kid", c->kid, sizeof c->kid) || !get_text(o, "subject", c->subject, sizeof c->subject)
	    || !get_text(o, "request", c->request, sizeof c->request) || !get_text(o, "spki", c->spki, sizeof c->spki) || !json_is_string(chain))
		return bad_item(err, "certificate, kid, subject, request, spki or chain");
	if (!get_number(o, "at", &c->at, INT64_MAX) || !get_number(o, "begin", &c->begin, INT64_MAX) || !get_number(o, "end", &c->end, INT64_MAX)
	    || !get_number(o, "intermediate", &intermediate, UINT32_MAX) || !get_number(o, "number", &key, UINT32_MAX) || !get_number(o, "of", &c->confirmation, INT64_MAX)
	    || !get_hex(o, "binding", c->binding, sizeof c->binding))
		return bad_item(err, "at, begin, end, intermediate, number, of or binding");
	c->intermediate = (unsigned)intermediate;
	c->key = (uint32_t)key;
	c->has_binding = true;
	c->chain = mem_strdup(json_string_value(chain));
	return c->chain == NULL ? err_nomem(err) : read_products(c, json_object_get(o, "products"), err);
}

/* ---- replay ---- */

/* A generation that the log has seen is not made a second time. */
static int raise_generation(struct books *b, const struct confirm_row *row, struct muster_err *err)
{
	int64_t generation = row->generation;

	return books_do(b, err, "UPDATE key SET generation = ?1 WHERE number = ?2 AND generation < ?1", "ii", generation, (int64_t)row->number);
}

static int key_known(struct books *b, uint32_t number, bool *known, struct muster_err *err)
{
	int64_t there;
	int r = books_int(b, &there, err, "SELECT 1 FROM key WHERE number = ?", "i", (int64_t)number);

	*known = r == 1;
	return r < 0 ? r : MUSTER_OK;
}

static int replay_row(struct books *b, const json_t *o, struct books_restored *sum, struct muster_err *err)
{
	struct confirm_row row;
	bool known, no_slot = false;
	int r;

	if ((r = read_row(&row, o, err)) != MUSTER_OK || (r = key_known(b, row.number, &known, err)) != MUSTER_OK)
		return r;
	if (known && ((r = confirm_apply(b, &row, &no_slot, err)) != MUSTER_OK || (r = raise_generation(b, &row, err)) != MUSTER_OK))
		return r;
	sum->confirmations += known;
	sum->unknown += !known || no_slot;
	return MUSTER_OK;
}

static int replay_certificate(struct books *b, const json_t *o, struct books_restored *sum, const struct books_act *act, struct muster_err *err)
{
	struct books_certificate c;
	int64_t there = 0;
	bool known = false;
	int r = read_certificate(&c, o, err);

	if (r == MUSTER_OK)
		r = key_known(b, c.key, &known, err);
	if (r == MUSTER_OK && known)
		r = books_int(b, &there, err, "SELECT 1 FROM certificate WHERE serial = ?", "t", c.serial);
	if (r >= 0 && known && there == 0)
		r = books_put_certificate(b, &c, act, err);
	mem_free(c.chain);
	if (r < 0)
		return r;
	sum->certificates += known;
	sum->unknown += !known;
	return MUSTER_OK;
}

static int replay_line(struct books *b, const struct buf *line, struct books_restored *sum, const struct books_act *act, struct muster_err *err)
{
	json_t *o = json_loadb((const char *)line->p, line->n, JSON_REJECT_DUPLICATES, NULL), *items, *item;
	size_t i;
	int r = MUSTER_OK;

	items = json_object_get(o, "items");
	if (json_integer_value(json_object_get(o, "v")) != 1 || !json_is_array(items))
		r = err_set(err, MUSTER_E_UNSUPPORTED, "confirmations.log: a line is of a newer Muster's form: install that version");
	for (i = 0; r == MUSTER_OK && i < json_array_size(items); i++) {
		item = json_array_get(items, i);
		r = json_object_get(item, "certificate") != NULL ? replay_certificate(b, item, sum, act, err) : replay_row(b, item, sum, err);
	}
	json_decref(o);
	return r;
}

/* ---- one transaction and its line ---- */

static int read_mark(struct books *b, struct books_mark *m, struct muster_err *err)
{
	uint8_t issuer_id[16];
	sqlite3_stmt *s;
	int r;

	if ((r = books_sql(b, &s, err, "SELECT issuer_id, log_start, log_position, log_hash FROM issuer", "")) != MUSTER_OK || (r = db_step(&b->db, s, "read", err)) < 0)
		return r;
	if (r == 0)
		return err_set(err, MUSTER_E_IO, "%s is damaged: its head row is gone; put the last backup in its place", b->db.path);
	(void)db_column_blob(issuer_id, sizeof issuer_id, s, 0);
	books_log_first(m, issuer_id);
	m->start = sqlite3_column_int64(s, 1);
	m->end = sqlite3_column_int64(s, 2);
	if (m->end > 0)
		(void)db_column_blob(m->hash, sizeof m->hash, s, 3);
	(void)sqlite3_reset(s);
	return MUSTER_OK;
}

static int write_mark(struct books *b, const struct books_mark *m, struct muster_err *err)
{
	return books_do(b, err, "UPDATE issuer SET log_start = ?, log_position = ?, log_hash = ?", "iib", m->start, m->end, m->hash, sizeof m->hash);
}

/* The books' folder; NULL when exhausted. */
static char *folder_of(const struct books *b)
{
	const char *slash = strrchr(b->db.path, '/');

	return slash != NULL ? mem_strndup(b->db.path, (size_t)(slash - b->db.path)) : mem_strdup(".");
}

static int open_log(struct books *b, struct books_log *l, const struct books_mark *m, struct muster_err *err)
{
	char *dir = folder_of(b);
	int r;

	l->path = NULL;
	if (dir == NULL)
		return err_nomem(err);
	r = books_log_open(l, dir, m->end == 0, err);
	if (r == MUSTER_E_NOT_FOUND)
		r = err_code(err, MUSTER_E_MISMATCH, CODE_M_RESTORE, "%s/confirmations.log is missing: without it a slot could be revealed twice; put the newest copy there, or see restore --log-lost", dir);
	mem_free(dir);
	if (r == MUSTER_OK && (r = books_log_check(l, m, err)) == MUSTER_E_MISMATCH && err != NULL)
		err->code = CODE_M_RESTORE;
	if (r != MUSTER_OK)
		books_log_close(l);
	return r;
}

static int record_replay(struct books *b, const struct books_restored *sum, const struct books_act *act, struct muster_err *err)
{
	return books_record(b, err, BOOKS_EVENT_REPLAYED, act, "confirmations.log", "bytes %" PRId64 " to %" PRId64 ": %u confirmations, %u certificates, %u of keys or packs not known",
	                    sum->from, sum->to, sum->confirmations, sum->certificates, sum->unknown);
}

/* The line behind the books, when it is the only one. */
static int settle(struct books *b, struct confirm_session *s, const struct books_act *act, struct muster_err *err)
{
	struct books_restored sum = { .from = s->mark.end };
	struct books_mark m = s->mark, further;
	struct buf line, second;
	int r;

	buf_init(&line, BOOKS_LOG_LINE_MAX);
	buf_init(&second, BOOKS_LOG_LINE_MAX);
	if ((r = books_log_next(&s->log, &m, &line, err)) != MUSTER_OK)
		goto done;
	further = m;
	if ((r = books_log_next(&s->log, &further, &second, err)) == MUSTER_OK)
		r = err_code(err, MUSTER_E_REFUSED, CODE_M_RESTORE, "the books were restored and lack what confirmations.log has behind byte %" PRId64
		             "; nothing is revealed before: muster-issuer restore", s->mark.end);
	if (r != MUSTER_E_NOT_FOUND)
		goto done;
	sum.to = m.end;
	sum.lines = 1;
	if ((r = replay_line(b, &line, &sum, act, err)) == MUSTER_OK && (r = write_mark(b, &m, err)) == MUSTER_OK)
		r = record_replay(b, &sum, act, err);
	s->mark = m;
done:
	buf_fini(&second);
	buf_fini(&line);
	return r == MUSTER_E_NOT_FOUND ? MUSTER_OK : r;
}

int confirm_begin(struct books *b, struct confirm_session *s, const struct books_act *act, struct muster_err *err)
{
	int r;

	memset(s, 0, sizeof *s);
	s->log.fd = -1;
	if ((r = books_begin(b, err)) != MUSTER_OK)
		return r;
	if ((s->items = json_array()) == NULL)
		r = err_nomem(err);
	else if ((r = read_mark(b, &s->mark, err)) == MUSTER_OK && (r = open_log(b, &s->log, &s->mark, err)) == MUSTER_OK)
		r = settle(b, s, act, err);
	return r == MUSTER_OK ? r : confirm_end(b, s, r, act, err);
}

static int append(struct books *b, struct confirm_session *s, const struct books_act *act, struct muster_err *err)
{
	json_t *o = json_pack("{s:i, s:I, s:s, s:O}", "v", 1, "at", (json_int_t)act->now, "by", act->actor, "items", s->items);
	char *text = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
	int r = text == NULL ? err_nomem(err) : books_log_append(&s->log, &s->mark, span_str(text), err);

	free(text);   /* the library's */
	json_decref(o);
	return r != MUSTER_OK ? r : write_mark(b, &s->mark, err);
}

int confirm_end(struct books *b, struct confirm_session *s, int r, const struct books_act *act, struct muster_err *err)
{
	if (r == MUSTER_OK && json_array_size(s->items) > 0)
		r = append(b, s, act, err);
	r = books_end(b, r, err);
	json_decref(s->items);
	books_log_close(&s->log);
	return r;
}

int confirm_note(struct confirm_session *s, json_t *item, struct muster_err *err)
{
	return item == NULL || json_array_append_new(s->items, item) != 0 ? err_nomem(err) : MUSTER_OK;
}

/* ---- restoring ---- */

/* One line in one transaction. @return MUSTER_E_NOT_FOUND: there is no more. */
static int restore_line(struct books *b, struct books_restored *sum, const struct books_act *act, struct muster_err *err)
{
	struct books_restored one = { 0 };
	struct books_log log = { -1, NULL };
	struct books_mark m;
	struct buf line;
	int r;

	buf_init(&line, BOOKS_LOG_LINE_MAX);
	if ((r = books_begin(b, err)) != MUSTER_OK)
		return r;
	if ((r = read_mark(b, &m, err)) != MUSTER_OK || (r = open_log(b, &log, &m, err)) != MUSTER_OK)
		goto done;
	one.from = m.end;
	if ((r = books_log_next(&log, &m, &line, err)) != MUSTER_OK || (r = replay_line(b, &line, &one, act, err)) != MUSTER_OK || (r = write_mark(b, &m, err)) != MUSTER_OK)
		goto done;
	one.to = m.end;
	r = record_replay(b, &one, act, err);
done:
	books_log_close(&log);
	buf_fini(&line);
	if ((r = books_end(b, r, err)) != MUSTER_OK)
		return r;
	sum->to = one.to;
	sum->lines++;
	sum->confirmations += one.confirmations;
	sum->certificates += one.certificates;
	sum->unknown += one.unknown;
	return MUSTER_OK;
}

int books_restore(struct books *b, struct books_restored *out, const struct books_act *act, struct muster_err *err)
{
	struct books_mark m;
	int r;

	memset(out, 0, sizeof *out);
	if ((r = read_mark(b, &m, err)) != MUSTER_OK)
		return r;
	out->from = out->to = m.end;
	while ((r = restore_line(b, out, act, err)) == MUSTER_OK)
		;
	return r == MUSTER_E_NOT_FOUND ? MUSTER_OK : r;
}

/* A generation without slots lies above every slot that might have been revealed. */
static int void_slots(struct books *b, unsigned *keys, const struct books_act *act, struct muster_err *err)
{
	int r;

	if ((r = books_do(b, err, "UPDATE key SET generation = generation + 1 WHERE generation < 63 AND number IN (SELECT DISTINCT number FROM slot)", "")) != MUSTER_OK)
		return r;
	*keys = (unsigned)sqlite3_changes(b->db.h);
	if ((r = books_do(b, err, "UPDATE issuer SET log_start = 0, log_position = 0, log_hash = NULL", "")) != MUSTER_OK)
		return r;
	return books_record(b, err, BOOKS_EVENT_REPLAYED, act, "confirmations.log", "lost; %u keys need a new licence pack", *keys);
}

static int check_lost(struct books *b, struct muster_err *err)
{
	char *dir = folder_of(b), *path = dir != NULL ? file_join(dir, "confirmations.log") : NULL;
	struct books_mark m;
	int r = path == NULL ? err_nomem(err) : read_mark(b, &m, err);

	if (r == MUSTER_OK && m.end == 0)
		r = err_set(err, MUSTER_E_NOT_FOUND, "nothing is lost: these books know of no confirmations.log");
	else if (r == MUSTER_OK && access(path, F_OK) == 0)
		r = err_set(err, MUSTER_E_EXISTS, "%s is there: take it in (restore), or move it away first", path);
	mem_free(path);
	mem_free(dir);
	return r;
}

int books_log_lost(struct books *b, unsigned *keys, const struct books_act *act, struct muster_err *err)
{
	int r;

	*keys = 0;
	if (act->reason == NULL || act->reason[0] == '\0')
		return err_set(err, MUSTER_E_INVALID, "say why: the reason is recorded");
	if ((r = books_begin(b, err)) != MUSTER_OK)
		return r;
	if ((r = check_lost(b, err)) == MUSTER_OK)
		r = void_slots(b, keys, act, err);
	return books_end(b, r, err);
}

int books_behind(struct books *b, struct books_restored *out, struct muster_err *err)
{
	struct books_log log = { -1, NULL };
	struct books_mark m;
	struct buf line;
	int r;

	memset(out, 0, sizeof *out);
	buf_init(&line, BOOKS_LOG_LINE_MAX);
	if ((r = read_mark(b, &m, err)) != MUSTER_OK || (r = open_log(b, &log, &m, err)) != MUSTER_OK)
		return r;
	out->from = m.end;
	while ((r = books_log_next(&log, &m, &line, err)) == MUSTER_OK) {
		out->lines++;
		buf_clear(&line);
	}
	out->to = m.end;
	books_log_close(&log);
	buf_fini(&line);
	return r == MUSTER_E_NOT_FOUND ? MUSTER_OK : r;
}
