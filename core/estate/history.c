/* How the counts of hosts went: one record for each listing that was imported. */
#include "core/estate/listings.h"

#include <ctype.h>
#include <string.h>
#include <openssl/sha.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/uuid.h"

#define PAGE 1000
#define HOST_BYTES 8

static void host_bytes(uint8_t out[HOST_BYTES], const char *host)
{
	uint8_t sum[SHA256_DIGEST_LENGTH];
	char lower[256];
	size_t n = 0;

	for (; n < sizeof(lower) && host[n] != '\0'; n++)
		lower[n] = (char)tolower((unsigned char)host[n]);
	(void)SHA256((const uint8_t *)lower, n, sum);
	memcpy(out, sum, HOST_BYTES);
}

void listing_history_id(uint8_t out[LISTING_HISTORY_ID], const char *host, const uint8_t activation_id[16], int64_t taken_ms)
{
	host_bytes(out, host);
	memcpy(out + HOST_BYTES, activation_id, 16);
	be64_put(out + HOST_BYTES + 16, (uint64_t)taken_ms);
}

struct asking {
	uint8_t prefix[HOST_BYTES + 16]; size_t prefix_n;
	const char *activation;              /* NULL: all */
	json_t *items;
	uint8_t last[64]; size_t last_n, seen;
	bool past, failed;
};

static int take(void *ctx, const struct store_record *x)
{
	static const char *const members[] = { "host", "activation_id", "taken_at", "current_count", "total", "failed", "partial", "license_status" };
	struct asking *a = ctx;
	json_t *point, *item, *v;

	a->seen++;
	memcpy(a->last, x->id, x->id_n);
	a->last_n = x->id_n;
	if (x->id_n < a->prefix_n || memcmp(x->id, a->prefix, a->prefix_n) != 0) {
		a->past = true;
		return 1;
	}
	if ((point = json_loadb((const char *)x->data, x->data_n, JSON_REJECT_DUPLICATES, NULL)) == NULL || (item = json_object()) == NULL) {
		json_decref(point);
		a->failed = true;
		return 1;
	}
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		v = json_object_get(point, members[i]);
		a->failed = json_object_set(item, members[i], v != NULL ? v : json_null()) != 0 || a->failed;
	}
	v = json_object_get(item, "activation_id");
	if (a->activation == NULL || (json_is_string(v) && strcmp(json_string_value(v), a->activation) == 0))
		a->failed = json_array_append(a->items, item) != 0 || a->failed;
	json_decref(item);
	json_decref(point);
	return a->failed;
}

int estate_history(struct estate *e, const char *host, const char *activation_id, json_t **out, struct muster_err *err)
{
	struct asking a = { .items = json_array() };
	char text[UUID_TEXT];
	uint8_t id[16];
	int r = MUSTER_OK;

	*out = NULL;
	if (a.items == NULL)
		return err_nomem(err);
	if (activation_id != NULL) {
		if (uuid_parse(id, activation_id, strlen(activation_id)) != MUSTER_OK) {
			json_decref(a.items);
			return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "activation_id \"%.40s\" is no UUID", activation_id);
		}
		uuid_format(text, id);
		a.activation = text;
	}
	if (host != NULL) {
		host_bytes(a.prefix, host);
		a.prefix_n = HOST_BYTES;
		if (a.activation != NULL) {
			memcpy(a.prefix + HOST_BYTES, id, 16);
			a.prefix_n += 16;
		}
		memcpy(a.last, a.prefix, a.prefix_n); /* what is asked for begins behind its own prefix */
		a.last_n = a.prefix_n;
	}
	do {
		uint8_t from[64];
		size_t from_n = a.last_n;

		memcpy(from, a.last, sizeof(from));
		a.seen = 0;
		r = ledger_records(e->ledger, ESTATE_R_HISTORY, span_of(from, from_n), PAGE, take, &a, err);
	} while (r == MUSTER_OK && a.seen > 0 && !a.past && !a.failed);
	if (r == MUSTER_OK && a.failed)
		r = err_set(err, MUSTER_E_IO, "the history of listings cannot be read: memory is exhausted, or the state file is damaged (then put the last backup in its place)");
	if (r == MUSTER_OK && (*out = json_pack("{s:O}", "items", a.items)) == NULL)
		r = err_nomem(err);
	json_decref(a.items);
	return r;
}

struct forgetting { struct stage *s; uint8_t prefix[HOST_BYTES + 16], last[64]; size_t last_n; bool past; struct muster_err *err; int r; };

static int forget(void *ctx, const struct store_record *x)
{
	struct forgetting *f = ctx;

	memcpy(f->last, x->id, x->id_n);
	f->last_n = x->id_n;
	f->past = x->id_n < sizeof(f->prefix) || memcmp(x->id, f->prefix, sizeof(f->prefix)) != 0;
	if (!f->past)
		f->r = stage_forget(f->s, ESTATE_R_HISTORY, span_of(x->id, x->id_n), f->err);
	return f->past || f->r != MUSTER_OK;
}

int listing_history_forget(struct stage *s, struct estate *e, const char *host, const uint8_t activation_id[16], struct muster_err *err)
{
	struct forgetting f = { .s = s, .err = err };
	uint8_t from[64];
	size_t n;
	int r;

	host_bytes(f.prefix, host);
	memcpy(f.prefix + HOST_BYTES, activation_id, 16);
	memcpy(f.last, f.prefix, sizeof(f.prefix));
	f.last_n = sizeof(f.prefix);
	do {
		n = f.last_n;
		memcpy(from, f.last, sizeof(from));
		f.past = true;   /* unless there is one */
		r = ledger_records(e->ledger, ESTATE_R_HISTORY, span_of(from, n), PAGE, forget, &f, err);
	} while (r == MUSTER_OK && f.r == MUSTER_OK && !f.past);
	return r != MUSTER_OK ? r : f.r;
}
