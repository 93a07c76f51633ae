#include "core/issuer/service_body.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/json_depth.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

#define ID_MAX 128          /* an Installation ID with separators */
#define NAME_MAX_CHARS 64   /* ub-common-name */
#define BATCH_WORD "muster-counted-request 1 "
#define REQUEST_WORD "MUSTER1:"

static int wrong(struct body_fault *f, uint32_t code, const char *field, const char *detail)
{
	f->code = code;
	(void)snprintf(f->field, sizeof f->field, "%s", field);
	(void)snprintf(f->detail, sizeof f->detail, "%s%s%s", field, field[0] != '\0' ? ": " : "", detail);
	return MUSTER_E_INVALID;
}

/* A member that is a string of 1 … @p max bytes without a zero byte. One that is not needed may be missing, null or empty: NULL. */
static int get_text(const char **out, const json_t *o, const char *name, size_t max, bool needed, struct body_fault *f)
{
	const json_t *v = json_object_get(o, name);
	size_t n;

	*out = NULL;
	if (v == NULL || (json_is_null(v) && !needed))
		return needed ? wrong(f, CODE_M_FIELD, name, "missing") : MUSTER_OK;
	if (!json_is_string(v))
		return wrong(f, CODE_M_FIELD, name, "not a string");
	n = json_string_length(v);
	if (n == 0 && !needed)
		return MUSTER_OK;
	if (n == 0 || n > max || strlen(json_string_value(v)) != n)
		return wrong(f, CODE_M_FIELD, name, n == 0 ? "empty" : n > max ? "too long" : "has a zero byte");
	*out = json_string_value(v);
	return MUSTER_OK;
}

/* A host's name goes into a certificate: one line of at most 64 characters. */
static int check_name(const char *name, struct body_fault *f)
{
	size_t characters = 0;

	for (const char *p = name; p != NULL && *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return wrong(f, CODE_M_FIELD, "name", "has a control character");
		characters += ((unsigned char)*p & 0xc0) != 0x80;
	}
	return characters <= NAME_MAX_CHARS ? MUSTER_OK : wrong(f, CODE_M_FIELD, "name", "longer than 64 characters");
}

bool body_audit_read(struct body_audit *out, const char *text)
{
	const char *colon = strchr(text, ':');
	size_t n = colon != NULL ? strlen(colon + 1) : 0;
	char *end;

	memset(out, 0, sizeof *out);
	if (colon == NULL || colon == text || colon - text > 18 || n < 16 || n > SERVICE_AUDIT_HASH || strspn(colon + 1, "0123456789abcdef") != n
	    || strspn(text, "0123456789") != (size_t)(colon - text))
		return false;
	out->seq = strtoll(text, &end, 10);
	memcpy(out->hash, colon + 1, n);
	out->present = true;
	return true;
}

static int get_audit(struct body_audit *out, const json_t *o, struct body_fault *f)
{
	const char *text;
	int r = get_text(&text, o, "audit", 128, false, f);

	if (r != MUSTER_OK || text == NULL)
		return r;
	return body_audit_read(out, text) ? MUSTER_OK : wrong(f, CODE_M_FIELD, "audit", "not SEQ:HASH");
}

static int read_host(struct body_host *out, const json_t *o, struct body_fault *f)
{
	int r;

	if ((r = get_text(&out->installation_id, o, "installation_id", ID_MAX, true, f)) != MUSTER_OK || (r = get_text(&out->request, o, "request", TRUST_CHAIN_MAX, true, f)) != MUSTER_OK
	    || (r = get_text(&out->name, o, "name", BOOKS_TEXT - 1, false, f)) != MUSTER_OK || (r = get_audit(&out->audit, o, f)) != MUSTER_OK)
		return r;
	return check_name(out->name, f);
}

static int read_renew(struct body_renew *out, const json_t *o, struct body_fault *f)
{
	int r;

	if ((r = get_text(&out->renewal, o, "renewal", SERVICE_RENEWAL_MAX, true, f)) != MUSTER_OK || (r = get_text(&out->chain, o, "chain", TRUST_CHAIN_MAX, true, f)) != MUSTER_OK)
		return r;
	return get_text(&out->request, o, "request", TRUST_CHAIN_MAX, true, f);
}

/* What was asked, whatever the audit head and the members' order: the same again is the same request. */
static int digest(struct body_counted *out, struct body_fault *f)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = c != NULL && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; ok && i < out->n; i++) {
		const json_t *v = json_array_get(out->ids, i);

		ok = EVP_DigestUpdate(c, json_string_value(v), json_string_length(v)) == 1 && EVP_DigestUpdate(c, "\n", 1) == 1;
	}
	ok = ok && EVP_DigestFinal_ex(c, out->digest, NULL) == 1;
	EVP_MD_CTX_free(c);
	return ok ? MUSTER_OK : wrong(f, CODE_M_INTERNAL, "", "out of memory");
}

static int read_counted(struct body_counted *out, const json_t *o, struct body_fault *f)
{
	uint8_t host[16];
	const char *id;
	int r;

	if ((r = get_text(&id, o, "id", UUID_TEXT, true, f)) != MUSTER_OK || (r = get_text(&out->host, o, "host", UUID_TEXT, false, f)) != MUSTER_OK
	    || (r = get_audit(&out->audit, o, f)) != MUSTER_OK)
		return r;
	if (uuid_parse(out->id, id, strlen(id)) != MUSTER_OK || uuid_is_nil(out->id))
		return wrong(f, CODE_M_FIELD, "id", "not a UUID");
	if (out->host != NULL && uuid_parse(host, out->host, strlen(out->host)) != MUSTER_OK)
		return wrong(f, CODE_M_FIELD, "host", "not a UUID");
	out->ids = json_object_get(o, "installation_ids");
	out->n = json_array_size(out->ids);
	if (!json_is_array(out->ids) || out->n < 1 || out->n > CONFIRM_BATCH_MAX)
		return wrong(f, CODE_M_FIELD, "installation_ids", "not a list of 1 to 10000 Installation IDs");
	for (size_t i = 0; i < out->n; i++) {
		const json_t *v = json_array_get(out->ids, i);

		if (!json_is_string(v) || json_string_length(v) == 0 || json_string_length(v) > ID_MAX || strlen(json_string_value(v)) != json_string_length(v))
			return wrong(f, CODE_M_FIELD, "installation_ids", "an entry is no string, empty or too long");
	}
	return digest(out, f);
}

int body_read(struct body *out, enum body_kind kind, struct muster_span text, struct body_fault *f)
{
	memset(out, 0, sizeof *out);
	memset(f, 0, sizeof *f);
	if (text.n == 0 || text.n > SERVICE_BODY_MAX)
		return wrong(f, CODE_M_BODY, "", "the body is empty or too long");
	if (json_too_deep(text))
		return wrong(f, CODE_M_BODY, "", "the body is nested more than 16 levels deep");
	out->json = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(out->json))
		return wrong(f, CODE_M_BODY, "", "the body is not one JSON object, or a member is there twice");
	switch (kind) {
	case BODY_HOST: return read_host(&out->of.host, out->json, f);
	case BODY_RENEW: return read_renew(&out->of.renew, out->json, f);
	case BODY_COUNTED: break;
	}
	return read_counted(&out->of.counted, out->json, f);
}

void body_fini(struct body *b)
{
	json_decref(b->json);
	b->json = NULL;
}

/* ---- files ---- */

/* The next line without its comment and the spaces around it. @return false at the end. */
static bool next_line(struct muster_span *text, struct muster_span *line, unsigned *number)
{
	const uint8_t *end, *hash;

	if (text->n == 0)
		return false;
	++*number;
	end = memchr(text->p, '\n', text->n);
	*line = span_of(text->p, end != NULL ? (size_t)(end - text->p) : text->n);
	text->n -= line->n + (end != NULL);
	text->p += line->n + (end != NULL);
	if ((hash = memchr(line->p, '#', line->n)) != NULL)
		line->n = (size_t)(hash - line->p);
	while (line->n > 0 && isspace(line->p[line->n - 1]))
		line->n--;
	while (line->n > 0 && isspace(line->p[0])) {
		line->p++;
		line->n--;
	}
	return true;
}

static int add_id(json_t *ids, struct muster_span line, const char *name, unsigned number, struct muster_err *err)
{
	struct installation_id id;
	struct digits_fault fault;
	int r = line.n > ID_MAX ? err_set(err, MUSTER_E_INVALID, "longer than an Installation ID") : installation_id_parse(&id, (const char *)line.p, line.n, &fault, err);

	if (r != MUSTER_OK)
		return err_prefix(err, r, "%s:%u", name, number);
	if (json_array_size(ids) >= CONFIRM_BATCH_MAX)
		return err_set(err, MUSTER_E_LIMIT, "%s:%u: more than %d Installation IDs", name, number, CONFIRM_BATCH_MAX);
	return json_array_append_new(ids, json_stringn((const char *)line.p, line.n)) == 0 ? MUSTER_OK : err_nomem(err);
}

int body_read_batch(struct body *out, struct muster_span text, const char *name, struct muster_err *err)
{
	struct body_counted *c = &out->of.counted;
	struct muster_span line;
	struct body_fault f;
	unsigned number = 0;
	bool head = false;
	json_t *ids;
	int r = MUSTER_OK;

	memset(out, 0, sizeof *out);
	if ((out->json = ids = json_array()) == NULL)
		return err_nomem(err);
	while (r == MUSTER_OK && next_line(&text, &line, &number)) {
		if (line.n == 0)
			continue;
		if (head) {
			r = add_id(ids, line, name, number, err);
			continue;
		}
		head = line.n == sizeof BATCH_WORD - 1 + UUID_TEXT - 1 && memcmp(line.p, BATCH_WORD, sizeof BATCH_WORD - 1) == 0
		       && uuid_parse(c->id, (const char *)line.p + sizeof BATCH_WORD - 1, UUID_TEXT - 1) == MUSTER_OK && !uuid_is_nil(c->id);
		if (!head)
			r = err_set(err, MUSTER_E_INVALID, "%s:%u: not a request of `musterctl mak export` (it begins with \"" BATCH_WORD "UUID\")", name, number);
	}
	if (r == MUSTER_OK && json_array_size(ids) == 0)
		r = err_set(err, MUSTER_E_INVALID, "%s:%u: there is no Installation ID", name, number);
	if (r != MUSTER_OK)
		return r;
	c->ids = ids;
	c->n = json_array_size(ids);
	return digest(c, &f) == MUSTER_OK ? MUSTER_OK : err_nomem(err);
}

/* DER as a PEM block, so that every request is read the same way. */
static int pem_of(struct buf *pem, const char *b64, size_t n, struct muster_err *err)
{
	size_t room = n, got = 0, max = (TRUST_CHAIN_MAX / 4) * 3;
	uint8_t *der = n <= TRUST_CHAIN_MAX ? mem_alloc(room + 1) : NULL;
	unsigned char line[65];
	int r = MUSTER_OK;

	if (n > TRUST_CHAIN_MAX)
		return err_set(err, MUSTER_E_INVALID, "the request is longer than %d bytes", TRUST_CHAIN_MAX);
	if (der == NULL)
		return err_nomem(err);
	if (b64_decode(der, room, &got, b64, n) != MUSTER_OK || got == 0 || got > max) {
		r = err_set(err, MUSTER_E_INVALID, "the part behind the second colon is not a request in base64url: a character is missing or wrong");
		goto done;
	}
	buf_adds(pem, "-----BEGIN CERTIFICATE REQUEST-----\n");
	for (size_t at = 0; at < got; at += 48) {
		int chars = EVP_EncodeBlock(line, der + at, (int)(got - at < 48 ? got - at : 48));

		buf_add(pem, line, (size_t)chars);
		buf_addc(pem, '\n');
	}
	buf_adds(pem, "-----END CERTIFICATE REQUEST-----\n");
done:
	mem_free(der);
	return r;
}

static int read_short(struct buf *id, struct buf *pem, const char *text, struct muster_err *err)
{
	const char *colon = strchr(text, ':');
	size_t n;

	if (colon == NULL)
		return err_set(err, MUSTER_E_INVALID, "a request is \"" REQUEST_WORD "54 digits:…\": the second colon is missing");
	buf_add(id, text, (size_t)(colon - text));
	n = strlen(colon + 1);
	while (n > 0 && isspace((unsigned char)colon[n]))
		n--;
	return pem_of(pem, colon + 1, n, err);
}

/* A PEM request and, outside of it, an Installation ID. */
static int read_long(struct buf *id, struct buf *pem, const char *text, struct muster_err *err)
{
	static const char begin_word[] = "-----BEGIN ", end_word[] = "-----END ";
	const char *begin = strstr(text, begin_word), *end = begin != NULL ? strstr(begin, end_word) : NULL;
	struct muster_span rest[2], line;
	unsigned number = 0;

	if (end == NULL)
		return err_set(err, MUSTER_E_INVALID, "neither a request as text (\"" REQUEST_WORD "…\") nor a PEM certificate request with its Installation ID");
	end += strcspn(end, "\n");
	buf_add(pem, begin, (size_t)(end - begin));
	buf_addc(pem, '\n');
	rest[0] = span_of(text, (size_t)(begin - text));
	rest[1] = span_str(end);
	for (size_t i = 0; i < 2; i++)
		while (next_line(&rest[i], &line, &number))
			buf_add(id, line.p, line.n);
	if (id->n == 0)
		return err_set(err, MUSTER_E_INVALID, "the file has a certificate request but no Installation ID beside it");
	return MUSTER_OK;
}

int body_read_request(struct buf *id, struct buf *pem, struct muster_span text, struct muster_err *err)
{
	char *copy = text.n <= 2 * TRUST_CHAIN_MAX ? mem_strndup(text.n > 0 ? (const char *)text.p : "", text.n) : NULL, *at = copy;
	int r;

	if (text.n > 2 * TRUST_CHAIN_MAX)
		return err_set(err, MUSTER_E_INVALID, "longer than %d bytes: not a request", 2 * TRUST_CHAIN_MAX);
	if (copy == NULL)
		return err_nomem(err);
	while (isspace((unsigned char)*at))
		at++;
	if (strlen(copy) != text.n)
		r = err_set(err, MUSTER_E_INVALID, "there is a zero byte: not a request");
	else if (strncmp(at, REQUEST_WORD, sizeof REQUEST_WORD - 1) == 0)
		r = read_short(id, pem, at + sizeof REQUEST_WORD - 1, err);
	else
		r = read_long(id, pem, at, err);
	mem_free(copy);
	if (r == MUSTER_OK && (id->failed || pem->failed))
		r = err_set(err, MUSTER_E_INVALID, "the request is too long");
	return r;
}
