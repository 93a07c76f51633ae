/* Entries as they are stored: one record each, its JSON with sorted members, and its whole key sealed in a record of its own. */
#include "core/estate/internal.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define PAGE 500
#define SEALED_MAX 256                   /* of 29 characters */

static int damaged(struct muster_err *err, const char *kind, const char *id)
{
	return err_set(err, MUSTER_E_IO, "the %s \"%s\" of the state file is damaged: put the last backup in its place", kind, id);
}

int entry_read(struct estate *e, const struct estate_kind *k, const char *id, json_t **out, struct muster_err *err)
{
	struct buf data;
	int r;

	*out = NULL;
	buf_init(&data, STORE_RECORD_MAX);
	if ((r = ledger_record(e->ledger, k->record, span_str(id), &data, err)) == MUSTER_E_NOT_FOUND)
		r = err_code(err, r, CODE_M_NOT_FOUND, "there is no %s \"%s\"", k->name, id);
	else if (r == MUSTER_OK && (*out = json_loadb((const char *)data.p, data.n, JSON_REJECT_DUPLICATES, NULL)) == NULL)
		r = damaged(err, k->name, id);
	buf_fini(&data);
	return r;
}

struct scan {
	const struct estate_kind *k;
	const char *needle;
	int (*fn)(void *ctx, const char *id, const json_t *entry);
	void *ctx;
	struct muster_err *err;
	char last[ESTATE_ID_MAX + 1];
	size_t seen;
	int r; bool stop;
};

static int scan_one(void *ctx, const struct store_record *x)
{
	struct scan *s = ctx;
	json_t *entry;

	s->seen++;
	if (x->id_n > ESTATE_ID_MAX)
		return s->r = damaged(s->err, s->k->name, "?");
	memcpy(s->last, x->id, x->id_n);
	s->last[x->id_n] = '\0';
	if (s->needle != NULL && memmem(x->data, x->data_n, s->needle, strlen(s->needle)) == NULL)
		return 0;
	if ((entry = json_loadb((const char *)x->data, x->data_n, JSON_REJECT_DUPLICATES, NULL)) == NULL)
		return s->r = damaged(s->err, s->k->name, s->last);
	s->stop = s->fn(s->ctx, s->last, entry) != 0;
	json_decref(entry);
	return s->stop;
}

int entry_scan(struct estate *e, const struct estate_kind *k, const char *after, const char *needle, int (*fn)(void *ctx, const char *id, const json_t *entry), void *ctx,
               struct muster_err *err)
{
	struct scan s = { .k = k, .needle = needle, .fn = fn, .ctx = ctx, .err = err };
	char from[ESTATE_ID_MAX + 1];
	int r;

	(void)snprintf(s.last, sizeof s.last, "%s", after != NULL ? after : "");
	do {
		s.seen = 0;
		memcpy(from, s.last, sizeof from);
		r = ledger_records(e->ledger, k->record, span_str(from), PAGE, scan_one, &s, err);
	} while (r == MUSTER_OK && s.r == MUSTER_OK && !s.stop && s.seen > 0);
	return r != MUSTER_OK ? r : s.r;
}

int entry_each(struct estate *e, const struct estate_kind *k, int (*fn)(void *ctx, const char *id, const json_t *entry), void *ctx, struct muster_err *err)
{
	return entry_scan(e, k, NULL, NULL, fn, ctx, err);
}

int entry_secret(struct estate *e, const char *id, struct buf *plain, struct muster_err *err)
{
	const char *text;
	uint8_t sealed[SEALED_MAX];
	json_t *o = NULL;
	struct buf data;
	size_t n = 0;
	int r;

	buf_init(&data, STORE_RECORD_MAX);
	if ((r = ledger_record(e->ledger, ESTATE_R_SECRET, span_str(id), &data, err)) == MUSTER_E_NOT_FOUND)
		r = err_code(err, r, CODE_M_NOT_FOUND, "of the key %s only the last five characters are kept", id);
	if (r != MUSTER_OK)
		goto done;
	o = json_loadb((const char *)data.p, data.n, JSON_REJECT_DUPLICATES, NULL);
	if ((text = json_string_value(json_object_get(o, "sealed"))) == NULL || b64_decode(sealed, sizeof sealed, &n, text, strlen(text)) != MUSTER_OK)
		r = damaged(err, "whole key of", id);
	else if (e->activation == NULL)
		r = err_set(err, MUSTER_E_UNSUPPORTED, "whole keys cannot be opened here");
	else
		r = activation_unseal(e->activation, ESTATE_R_SECRET, span_str(id), span_of(sealed, n), plain, err);
done:
	json_decref(o);
	buf_fini(&data);
	return r;
}
