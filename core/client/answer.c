#include "core/client/answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/codes.h"
#include "core/base/err.h"

/* ---- questions ---- */

static int dump(struct buf *out, json_t *o, struct muster_err *err)
{
	char *text = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;

	if (text != NULL)
		buf_adds(out, text);
	free(text);
	json_decref(o);
	return text == NULL || out->failed ? err_nomem(err) : MUSTER_OK;
}

/* NULL when exhausted. */
static json_t *proof_of(const struct question *q)
{
	char proof[B64_SIZE(32)], kind[2] = { q->key_kind, '\0' };

	(void)b64_encode(proof, q->key_proof, 32);
	return json_pack("{s:s, s:I, s:s}", "kind", kind, "number", (json_int_t)q->key_number, "proof", proof);
}

int question_write(struct buf *out, const struct question *q, struct muster_err *err)
{
	char client[UUID_TEXT], hardware[HEX_SIZE(32)], time[TIME_RFC3339], nonce[B64_SIZE(32)], hash[B64_SIZE(32)];
	json_t *o, *machine;
	int r;

	uuid_format(client, q->client_id);
	hex_encode(hardware, q->hardware_id, 32);
	time_rfc3339(time, q->now_ms);
	(void)b64_encode(nonce, q->nonce, 32);
	(void)b64_encode(hash, q->release_hash, 32);
	machine = json_pack("{s:s, s:b, s:s}", "hardware_id", hardware, "virtual", q->is_virtual ? 1 : 0, "os", "linux");
	if (machine == NULL)
		return err_nomem(err);
	if (q->name != NULL && q->name[0] != '\0' && json_object_set_new(machine, "name", json_string(q->name)) != 0) {
		json_decref(machine);
		return err_set(err, MUSTER_E_INVALID, "the machine's name is not UTF-8: give another with --name");
	}
	if (json_object_size(q->facts) > 0 && json_object_set_new(machine, "facts", json_deep_copy(q->facts)) != 0) {
		json_decref(machine);
		return err_nomem(err);
	}
	o = json_pack("{s:s, s:s, s:o, s:I, s:I, s:s, s:s, s:s}", "activation_id", q->activation_id, "client_id", client, "machine", machine,
		"license_status", (json_int_t)q->license_status, "minutes_left", (json_int_t)q->minutes_left, "time", time, "nonce", nonce,
		"release_hash", hash);
	if (o != NULL && q->lease != NULL && json_object_set_new(o, "lease", json_string(q->lease)) != 0) {
		json_decref(o);
		return err_set(err, MUSTER_E_INVALID, "the lease held is not text: remove it and renew");
	}
	if (o != NULL && q->key_kind != '\0' && json_object_set_new(o, "key", proof_of(q)) != 0) {
		json_decref(o);
		return err_nomem(err);
	}
	if (o != NULL && (r = question_models(o, q, err)) != MUSTER_OK) {
		json_decref(o);
		return r;
	}
	return dump(out, o, err);
}

int question_release(struct buf *out, const char *lease, const uint8_t secret[32], struct muster_err *err)
{
	char text[B64_SIZE(32)];

	(void)b64_encode(text, secret, 32);
	return dump(out, json_pack("{s:s, s:s}", "lease", lease, "release", text), err);
}

/* ---- answers ---- */

/* Bytes of the well-formed UTF-8 character at p (RFC 3629), 0 when there is none. */
static size_t character(const unsigned char *p)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xC2 && p[0] <= 0xDF ? 2 : (p[0] & 0xF0) == 0xE0 ? 3 : p[0] >= 0xF0 && p[0] <= 0xF4 ? 4 : 0;

	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
		return 0;
	return n;
}

void answer_printable(char *out, size_t room, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t at = 0, n;

	for (; *p != '\0'; p += n > 0 ? n : 1) {
		n = character(p);
		if (at + (n > 0 ? n : 1) >= room)
			break;
		/* C1 controls are C2 80 to C2 9F. */
		if (n == 0 || *p < 0x20 || *p == 0x7F || (p[0] == 0xC2 && p[1] <= 0x9F)) {
			out[at++] = '?';
		} else {
			memcpy(out + at, p, n);
			at += n;
		}
	}
	out[at] = '\0';
}

static int odd(struct muster_err *err, const char *what)
{
	return err_set(err, MUSTER_E_NETWORK, "not an answer of this protocol: %s", what);
}

static int odd_member(struct muster_err *err, const char *name, const char *want)
{
	return err_set(err, MUSTER_E_NETWORK, "not an answer of this protocol: \"%s\" is not %s", name, want);
}

static int get_number(uint32_t *out, const json_t *o, const char *name, bool required, struct muster_err *err)
{
	const json_t *v = json_object_get(o, name);

	if (v == NULL && !required)
		return MUSTER_OK;
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > UINT32_MAX)
		return odd_member(err, name, "an integer from 0 to 4294967295");
	*out = (uint32_t)json_integer_value(v);
	return MUSTER_OK;
}

static int get_interval(uint32_t *out, const json_t *o, const char *name, struct muster_err *err)
{
	uint32_t minutes = 0;
	int r = get_number(&minutes, o, name, true, err);

	*out = minutes < INTERVAL_MIN / 60 ? INTERVAL_MIN : minutes > INTERVAL_MAX / 60 ? INTERVAL_MAX : minutes * 60;
	return r;
}

static int get_text(const char **out, const json_t *o, const char *name, bool required, struct muster_err *err)
{
	const json_t *v = json_object_get(o, name);

	*out = "";
	if (v == NULL && !required)
		return MUSTER_OK;
	if (!json_is_string(v))
		return odd_member(err, name, "text");
	*out = json_string_value(v);
	return MUSTER_OK;
}

static bool is_name(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n < 64 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

/* What 200 and 202 have in common. */
static int read_product(struct answer *out, const json_t *o, struct muster_err *err)
{
	const char *name, *id;
	int r;

	if ((r = get_text(&name, o, "product", true, err)) != MUSTER_OK || (r = get_text(&id, o, "activation_id", true, err)) != MUSTER_OK)
		return r;
	if (!is_name(name))
		return odd_member(err, "product", "a product's name");
	(void)snprintf(out->product, sizeof out->product, "%s", name);
	if (uuid_parse(out->product_id, id, strlen(id)) != MUSTER_OK || uuid_is_nil(out->product_id))
		return odd_member(err, "activation_id", "a UUID");
	if ((r = get_number(&out->count, o, "count", true, err)) != MUSTER_OK ||
	    (r = get_number(&out->minimum_count, o, "minimum_count", true, err)) != MUSTER_OK ||
	    (r = get_number(&out->rearm_max, o, "rearm_max", true, err)) != MUSTER_OK ||
	    (r = get_interval(&out->activation_s, o, "activation_interval_minutes", err)) != MUSTER_OK)
		return r;
	return get_interval(&out->renewal_s, o, "renewal_interval_minutes", err);
}

static int take_confirmation(struct answer *out, const char *text, struct muster_err *err)
{
	out->confirmation_n = strlen(text);
	if (out->confirmation_n == 0 || out->confirmation_n > STATEMENT_CONFIRMATION_MAX) {
		out->confirmation_n = 0;
		return odd_member(err, "confirmation", "a confirmation of 1 to 16384 characters");
	}
	memcpy(out->confirmation, text, out->confirmation_n + 1);
	out->kind = ANSWER_ACTIVATED;
	return MUSTER_OK;
}

/* How often a counted key may still be used; hosts and issuers say so when they know. */
static int read_uses(struct answer *out, const json_t *o, struct muster_err *err)
{
	static const char *const names[] = { "allowed", "used", "remaining" };
	int64_t *const to[] = { &out->allowed, &out->used, &out->remaining };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const json_t *v = json_object_get(o, names[i]);

		*to[i] = -1;
		if (v == NULL || json_is_null(v))
			continue;
		if (!json_is_integer(v) || json_integer_value(v) < -1 || json_integer_value(v) > UINT32_MAX)
			return odd_member(err, names[i], "an integer from -1 to 4294967295");
		*to[i] = json_integer_value(v);
	}
	return MUSTER_OK;
}

static int read_activated(struct answer *out, const json_t *o, struct muster_err *err)
{
	const char *lease, *confirmation, *assurance;
	int r;

	if ((r = read_product(out, o, err)) != MUSTER_OK || (r = read_uses(out, o, err)) != MUSTER_OK || (r = answer_models(out, o, err)) != MUSTER_OK ||
	    (r = get_text(&confirmation, o, "confirmation", false, err)) != MUSTER_OK || (r = get_text(&assurance, o, "assurance", false, err)) != MUSTER_OK)
		return r;
	out->telephone = strcmp(assurance, "telephone") == 0;
	if (json_object_get(o, "confirmation") != NULL)
		return json_object_get(o, "lease") == NULL ? take_confirmation(out, confirmation, err) : odd(err, "both a lease and a confirmation");
	if ((r = get_text(&lease, o, "lease", true, err)) != MUSTER_OK)
		return r;
	out->lease_n = strlen(lease);
	if (out->lease_n == 0 || out->lease_n > TRUST_LEASE_MAX)
		return odd_member(err, "lease", "a lease of 1 to 4096 characters");
	memcpy(out->lease, lease, out->lease_n + 1);
	out->kind = ANSWER_ACTIVATED;
	return MUSTER_OK;
}

/* "0xC004F042 title: detail action", printable. */
static int read_words(struct answer *out, const json_t *o, struct muster_err *err)
{
	const char *name, *title, *detail, *action;
	char what[100], why[280], next[190], code[16];
	const struct code_info *info;
	int r;

	if ((r = get_text(&name, o, "code", true, err)) != MUSTER_OK || (r = get_text(&title, o, "title", true, err)) != MUSTER_OK ||
	    (r = get_text(&detail, o, "detail", false, err)) != MUSTER_OK || (r = get_text(&action, o, "action", false, err)) != MUSTER_OK)
		return r;
	if (strncmp(name, "0x", 2) == 0 && strlen(name) == 10 && strspn(name + 2, "0123456789ABCDEF") == 8)
		out->code = (uint32_t)strtoul(name + 2, NULL, 16);
	else if (strncmp(name, "M-", 2) == 0 && strlen(name) == 5 && strspn(name + 2, "0123456789") == 3)
		out->code = (uint32_t)strtoul(name + 2, NULL, 10);
	if (out->code == 0)
		return odd_member(err, "code", "a code");
	code_name(code, out->code);
	/* Our own words where we know the code; the detail is the host's. */
	if ((info = code_find(out->code)) != NULL) {
		title = info->title;
		if (action[0] == '\0')
			action = info->action;
	}
	answer_printable(what, sizeof what, title);
	answer_printable(why, sizeof why, detail);
	answer_printable(next, sizeof next, action);
	(void)snprintf(out->text, sizeof out->text, "%s %s: %s%s%s", code, what, why,
	               why[0] == '\0' || next[0] == '\0' ? "" : strchr(".!?", why[strlen(why) - 1]) != NULL ? " " : ". ", next);
	return MUSTER_OK;
}

/* 202: counted, collected for the issuer, or waiting for a seat. */
static int read_later(struct answer *out, const json_t *o, enum answer_kind kind, struct muster_err *err)
{
	uint32_t want = kind == ANSWER_PENDING ? CODE_M_PENDING : kind == ANSWER_QUEUED ? CODE_M_QUEUED : (uint32_t)CODE_COUNT_LOW;
	char name[16];
	int r;

	if ((r = read_product(out, o, err)) != MUSTER_OK || (r = read_words(out, o, err)) != MUSTER_OK)
		return r;
	if (out->code != want) {
		code_name(name, want);
		return odd_member(err, "code", name);
	}
	out->kind = kind;
	if ((r = answer_models(out, o, err)) != MUSTER_OK)
		return r;
	if (kind == ANSWER_QUEUED && out->position == 0)
		return odd_member(err, "position", "a place in a queue");
	return get_number(&out->retry_after, o, "retry_after_seconds", true, err);
}

static int read_object(struct answer *out, const json_t *o, const struct http_answer *a, struct muster_err *err)
{
	const char *result;
	int r;

	if (a->status >= 400) {
		out->kind = ANSWER_REFUSED;
		if ((r = read_words(out, o, err)) != MUSTER_OK || (r = answer_models(out, o, err)) != MUSTER_OK)
			return r;
		out->retry_after = a->retry_after;
		return get_number(&out->retry_after, o, "retry_after_seconds", false, err);
	}
	if ((r = get_text(&result, o, "result", true, err)) != MUSTER_OK)
		return r;
	if (a->status == 200 && strcmp(result, "activated") == 0)
		return read_activated(out, o, err);
	if (a->status == 202 && strcmp(result, "counted") == 0)
		return read_later(out, o, ANSWER_COUNTED, err);
	if (a->status == 202 && strcmp(result, "pending") == 0)
		return read_later(out, o, ANSWER_PENDING, err);
	if (a->status == 202 && strcmp(result, "queued") == 0)
		return read_later(out, o, ANSWER_QUEUED, err);
	if (a->status == 200 && strcmp(result, "released") == 0) {
		out->kind = ANSWER_RELEASED;
		return MUSTER_OK;
	}
	return odd_member(err, "result", "one that goes with the status");
}

static int load_object(json_t **out, const struct http_answer *a, struct muster_err *err)
{
	json_error_t e;

	*out = json_loadb(buf_str(&a->body), a->body.n, JSON_REJECT_DUPLICATES, &e);
	if (*out == NULL)
		return odd(err, "it is not JSON");
	if (json_is_object(*out))
		return MUSTER_OK;
	json_decref(*out);
	*out = NULL;
	return odd(err, "it is not a JSON object");
}

int answer_read(struct answer *out, const struct http_answer *a, struct muster_err *err)
{
	bool problem = strcmp(a->content_type, "application/problem+json") == 0;
	json_t *o = NULL;
	int r;

	memset(out, 0, sizeof *out);
	out->grace_s = -1;
	if (a->status != 200 && a->status != 202 && a->status < 400)
		r = err_set(err, MUSTER_E_NETWORK, "not an answer of this protocol: HTTP status %ld", a->status);
	else if (!problem && strcmp(a->content_type, "application/json") != 0)
		r = err_set(err, MUSTER_E_NETWORK, "not an answer of this protocol: HTTP status %ld with content type \"%s\"", a->status, a->content_type);
	else if (problem != (a->status >= 400))
		r = odd(err, "its content type does not go with its status");
	else if ((r = load_object(&o, a, err)) == MUSTER_OK)
		r = read_object(out, o, a, err);
	json_decref(o);
	out->status = a->status;
	return r;
}

/* ---- an issuer's service ---- */

/* Digits are compared without what stands between them. */
static bool same_digits(const char *a, const char *b)
{
	for (;;) {
		a += strspn(a, " -");
		b += strspn(b, " -");
		if (*a != *b || *a == '\0')
			return *a == *b;
		a++;
		b++;
	}
}

/* The row of this machine: its confirmation, or why there is none. */
static int read_row(struct answer *out, json_t *row, struct muster_err *err)
{
	const char *text;
	json_t *words;
	int r;

	if (json_object_get(row, "confirmation") != NULL)
		return (r = get_text(&text, row, "confirmation", true, err)) == MUSTER_OK ? take_confirmation(out, text, err) : r;
	/* A row has no title: the code's own words stand for it. */
	if ((words = json_copy(row)) == NULL)
		return err_nomem(err);
	out->kind = ANSWER_REFUSED;
	r = json_object_get(words, "title") != NULL || json_object_set_new(words, "title", json_string("refused by the issuer")) == 0 ? read_words(out, words, err) : err_nomem(err);
	json_decref(words);
	return r;
}

/* Uses of the key: the answer names it by number, and one machine asks about one key. */
static int read_results(struct answer *out, const json_t *o, const char *installation_id, struct muster_err *err)
{
	const json_t *rows = json_object_get(o, "results"), *keys = json_object_get(o, "keys");
	const char *digits;
	json_t *row;
	size_t i;
	int r;

	out->allowed = out->used = out->remaining = -1;
	if (!json_is_array(rows))
		return odd_member(err, "results", "a list");
	json_array_foreach(rows, i, row) {
		if ((r = get_text(&digits, row, "installation_id", true, err)) != MUSTER_OK)
			return r;
		if (!same_digits(digits, installation_id))
			continue;
		if ((r = read_row(out, row, err)) != MUSTER_OK)
			return r;
		return json_array_size(keys) == 1 ? read_uses(out, json_array_get(keys, 0), err) : MUSTER_OK;
	}
	return odd(err, "it says nothing about this machine's Installation ID");
}

int answer_find_confirmation(struct answer *out, struct muster_span text, const char *installation_id, struct muster_err *err)
{
	json_error_t e;
	json_t *o = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &e);
	int r;

	memset(out, 0, sizeof *out);
	out->grace_s = -1;
	r = json_is_object(o) ? read_results(out, o, installation_id, err) : odd(err, "it is not a JSON object");
	json_decref(o);
	return r;
}

int answer_read_counted(struct answer *out, const struct http_answer *a, const char *installation_id, struct muster_err *err)
{
	int r;

	if (a->status >= 400)
		return answer_read(out, a, err);
	memset(out, 0, sizeof *out);
	if (a->status != 200 || strcmp(a->content_type, "application/json") != 0)
		r = err_set(err, MUSTER_E_NETWORK, "not an answer of an issuer's service: HTTP status %ld with content type \"%s\"", a->status, a->content_type);
	else
		r = answer_find_confirmation(out, span_of(a->body.p, a->body.n), installation_id, err);
	out->status = a->status;
	return r;
}

/* ---- product lists ---- */

/* A row of the product list that has the name: its ID, or why it is not to be had. */
static int take_product(struct product_row *out, const json_t *row, const char *name, struct muster_err *err)
{
	const char *text, *reason;
	char clean[400];
	uint8_t bytes[16];
	int r;

	if ((r = get_text(&text, row, "activation_id", false, err)) != MUSTER_OK || (r = get_text(&reason, row, "reason", false, err)) != MUSTER_OK)
		return r;
	answer_printable(clean, sizeof clean, reason);
	if (text[0] == '\0')
		return err_code(err, MUSTER_E_REFUSED, CODE_M_REFUSED_PRODUCT, "%s is listed and never served: %s", name, clean);
	if (uuid_parse(bytes, text, strlen(text)) != MUSTER_OK || uuid_is_nil(bytes))
		return odd_member(err, "activation_id", "a UUID");
	if ((r = product_row_models(out, row, err)) == MUSTER_OK)
		uuid_format(out->id, bytes);
	return r;
}

int answer_find_product(struct product_row *out, const struct http_answer *a, const char *name, struct muster_err *err)
{
	json_t *o = NULL, *rows, *row;
	const char *text;
	size_t i;
	int r;

	*out = (struct product_row) { .grace_s = -1 };
	if (a->status != 200 || strcmp(a->content_type, "application/json") != 0)
		return err_set(err, MUSTER_E_NETWORK, "not a product list: HTTP status %ld with content type \"%s\"", a->status, a->content_type);
	if ((r = load_object(&o, a, err)) != MUSTER_OK)
		return r;
	rows = json_object_get(o, "products");
	if (!json_is_array(rows))
		r = odd_member(err, "products", "a list");
	else
		r = err_set(err, MUSTER_E_NOT_FOUND, "no product of that name");
	json_array_foreach(rows, i, row) {
		if (get_text(&text, row, "name", true, NULL) != MUSTER_OK || strcmp(text, name) != 0)
			continue;
		r = take_product(out, row, name, err);
		break;
	}
	json_decref(o);
	return r;
}
