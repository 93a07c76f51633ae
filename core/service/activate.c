#include "core/service/activate.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <muster/plugin.h>
#include <openssl/crypto.h>

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/codes.h"
#include "core/base/uuid.h"
#include "core/service/members.h"

static int bad(struct activate_fault *f, const char *field, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int bad(struct activate_fault *f, const char *field, const char *fmt, ...)
{
	va_list ap;

	f->code = CODE_M_FIELD;
	(void)snprintf(f->field, sizeof f->field, "%s", field);
	va_start(ap, fmt);
	(void)vsnprintf(f->detail, sizeof f->detail, fmt, ap);
	va_end(ap);
	return MUSTER_E_INVALID;
}

static const char *type_word_of(enum member_type type)
{
	switch (type) {
	case TYPE_OBJECT: return "an object";
	case TYPE_ARRAY: return "an array";
	case TYPE_STRING: return "a string";
	case TYPE_INTEGER: return "an integer";
	case TYPE_REAL: return "a number with a fraction";
	case TYPE_BOOLEAN: return "a boolean";
	case TYPE_ABSENT: break;
	}
	return "null";
}

static const char *type_word(const struct member *m)
{
	return type_word_of(m->type);
}

/* NULL: absent. */
static const struct member *get(const struct members *all, enum member_id id)
{
	return all->of[id].type != TYPE_ABSENT ? &all->of[id] : NULL;
}

static int missing(const struct members *all, enum member_id id, struct activate_fault *f)
{
	return bad(f, all->of[id].name, "%s is missing.", all->of[id].name);
}

static int must_be_text(const struct member *m, struct activate_fault *f)
{
	return m->type == TYPE_STRING ? MUSTER_OK : bad(f, m->name, "%s must be a string and is %s.", m->name, type_word(m));
}

static int uuid_of(const struct members *all, enum member_id id, uint8_t out[16], struct activate_fault *f)
{
	const struct member *m = get(all, id);

	if (m == NULL)
		return missing(all, id, f);
	if (must_be_text(m, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	if (uuid_parse(out, m->text, m->n) != MUSTER_OK)
		return bad(f, m->name, "%s is not a UUID of the form 2e28138a-847f-42bc-9752-61b03fff33cd.", m->name);
	if (uuid_is_nil(out))
		return bad(f, m->name, "%s is the nil UUID.", m->name);
	return MUSTER_OK;
}

/* Without control characters. */
static bool is_plain(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return true;
}

/* Text without control characters, min … max bytes. */
static int plain_of(const struct member *m, char *out, size_t min, size_t max, struct activate_fault *f)
{
	if (must_be_text(m, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	if (m->n < min || m->n > max)
		return bad(f, m->name, "%s must be %zu to %zu bytes long and is %zu.", m->name, min, max, m->n);
	if (!is_plain(m->text, m->n))
		return bad(f, m->name, "%s holds a control character.", m->name);
	memcpy(out, m->text, m->n);
	out[m->n] = '\0';
	return MUSTER_OK;
}

static int integer_of(const struct member *m, int64_t min, int64_t max, int64_t *out, struct activate_fault *f)
{
	if (m->type != TYPE_INTEGER)
		return bad(f, m->name, "%s must be an integer and is %s.", m->name, type_word(m));
	*out = m->number;
	if (*out < min || *out > max)
		return bad(f, m->name, "%s must be %lld to %lld and is %lld.", m->name, (long long)min, (long long)max, (long long)*out);
	return MUSTER_OK;
}

static int bytes_of(const struct member *m, uint8_t *out, size_t min, size_t max, size_t *len, struct activate_fault *f)
{
	if (must_be_text(m, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	if (b64_decode(out, max, len, m->text, m->n) != MUSTER_OK || *len < min) {
		if (min == max)
			return bad(f, m->name, "%s must be base64url without padding of exactly %zu bytes.", m->name, min);
		return bad(f, m->name, "%s must be base64url without padding of %zu to %zu bytes.", m->name, min, max);
	}
	return MUSTER_OK;
}

static int hardware_of(struct activate *out, const struct member *m, struct activate_fault *f)
{
	if (must_be_text(m, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	if (hex_decode(out->hw, sizeof out->hw, m->text, m->n) != MUSTER_OK)
		return bad(f, m->name, "machine.hardware_id must be exactly 64 hexadecimal digits.");
	if (out->hw[0] > 3)
		return bad(f, m->name, "machine.hardware_id must begin with its source, 00 to 03.");
	out->has_hw = true;
	return MUSTER_OK;
}

/* Text that is_plain() as a JSON string. */
static void quote(struct buf *out, const char *text, size_t n)
{
	buf_addc(out, '"');
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '"' || text[i] == '\\')
			buf_addc(out, '\\');
		buf_addc(out, text[i]);
	}
	buf_addc(out, '"');
}

static int fact_of(struct buf *out, const struct fact *f, const char *field, struct activate_fault *fault)
{
	if (f->name_n < 1 || f->name_n > FACT_NAME_MAX || !is_plain(f->name, f->name_n))
		return bad(fault, field, "A name in machine.facts must be 1 to %d bytes long, without control characters.", FACT_NAME_MAX);
	quote(out, f->name, f->name_n);
	buf_addc(out, ':');
	switch (f->type) {
	case TYPE_STRING:
		if (f->n > FACT_TEXT_MAX || !is_plain(f->text, f->n))
			return bad(fault, field, "A text in machine.facts must be at most %d bytes long, without control characters.", FACT_TEXT_MAX);
		quote(out, f->text, f->n);
		break;
	case TYPE_INTEGER: buf_addf(out, "%lld", (long long)f->number); break;
	case TYPE_BOOLEAN: buf_adds(out, f->number != 0 ? "true" : "false"); break;
	default: return bad(fault, field, "A value in machine.facts must be a string, a boolean or an integer and is %s.", type_word_of(f->type));
	}
	return MUSTER_OK;
}

static int facts_of(struct activate *out, const struct members *all, const struct member *m, struct activate_fault *fault)
{
	int r = MUSTER_OK;
	struct buf b;

	if (m->type != TYPE_OBJECT)
		return bad(fault, m->name, "machine.facts must be an object and is %s.", type_word(m));
	if (all->fact_count > FACTS_MAX)
		return bad(fault, m->name, "machine.facts must have at most %d members and has %zu.", FACTS_MAX, all->fact_count);
	buf_init(&b, FACTS_TEXT_MAX + 1);
	buf_addc(&b, '{');
	for (size_t i = 0; i < all->fact_count && r == MUSTER_OK; i++) {
		if (i > 0)
			buf_addc(&b, ',');
		r = fact_of(&b, &all->facts[i], m->name, fault);
	}
	buf_addc(&b, '}');
	if (r == MUSTER_OK && (b.failed || b.n > FACTS_TEXT_MAX))
		r = bad(fault, m->name, "machine.facts is longer than %d bytes.", FACTS_TEXT_MAX);
	if (r == MUSTER_OK)
		memcpy(out->facts, buf_str(&b), b.n + 1);
	buf_fini(&b);
	return r;
}

static int machine_of(struct activate *out, const struct members *all, struct activate_fault *f)
{
	const struct member *m = get(all, MEMBER_MACHINE);

	if (m == NULL)
		return missing(all, MEMBER_MACHINE, f);
	if (m->type != TYPE_OBJECT)
		return bad(f, m->name, "machine must be an object and is %s.", type_word(m));
	if ((m = get(all, MEMBER_MACHINE_NAME)) != NULL && plain_of(m, out->name, 1, sizeof out->name - 1, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	if ((m = get(all, MEMBER_MACHINE_OS)) != NULL && plain_of(m, out->os, 0, sizeof out->os - 1, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	if ((m = get(all, MEMBER_MACHINE_VIRTUAL)) != NULL) {
		if (m->type != TYPE_BOOLEAN)
			return bad(f, m->name, "machine.virtual must be true or false and is %s.", type_word(m));
		out->is_virtual = m->number != 0;
	}
	if ((m = get(all, MEMBER_MACHINE_HARDWARE)) != NULL && hardware_of(out, m, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	return (m = get(all, MEMBER_MACHINE_FACTS)) != NULL ? facts_of(out, all, m, f) : MUSTER_OK;
}

static int key_of(struct activate *out, const struct members *all, struct activate_fault *f)
{
	const struct member *m = get(all, MEMBER_KEY);
	char kind[2];
	int64_t number;
	size_t n;

	if (m == NULL)
		return MUSTER_OK;
	out->has_key = true;
	if (m->type == TYPE_STRING) {
		out->whole_key = true;
		if (m->n <= ACTIVATE_KEY_MAX) {
			memcpy(out->key_text, m->text, m->n);
			out->key_text_n = m->n;
		}
		return MUSTER_OK;
	}
	if (m->type != TYPE_OBJECT)
		return bad(f, m->name, "key must be an object with kind, number and proof, and is %s.", type_word(m));
	if ((m = get(all, MEMBER_KEY_KIND)) == NULL)
		return missing(all, MEMBER_KEY_KIND, f);
	if (plain_of(m, kind, 1, 1, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	out->key_kind = kind[0];
	if ((m = get(all, MEMBER_KEY_NUMBER)) == NULL)
		return missing(all, MEMBER_KEY_NUMBER, f);
	if (integer_of(m, 0, (1 << 30) - 1, &number, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	out->key_number = (uint32_t)number;
	if ((m = get(all, MEMBER_KEY_PROOF)) == NULL)
		return missing(all, MEMBER_KEY_PROOF, f);
	return bytes_of(m, out->key_proof, 32, 32, &n, f);
}

/* What access and seats products ask for. */
static int wants_of(struct activate *out, const struct members *all, struct activate_fault *f)
{
	const struct member *m;
	char per[8];

	out->queue = true;
	if ((m = get(all, MEMBER_QUEUE)) != NULL) {
		if (m->type != TYPE_BOOLEAN)
			return bad(f, m->name, "queue must be true or false and is %s.", type_word(m));
		out->queue = m->number != 0;
	}
	if ((m = get(all, MEMBER_ACCESS)) == NULL)
		return MUSTER_OK;
	if (m->type != TYPE_OBJECT)
		return bad(f, m->name, "access must be an object and is %s.", type_word(m));
	if ((m = get(all, MEMBER_ACCESS_PER)) != NULL) {
		if (plain_of(m, per, 0, sizeof per - 1, f) != MUSTER_OK)
			return MUSTER_E_INVALID;
		out->per = strcmp(per, "device") == 0 ? MUSTER_PER_DEVICE : strcmp(per, "user") == 0 ? MUSTER_PER_USER : 0;
		if (out->per == 0)
			return bad(f, m->name, "access.per must be \"device\" or \"user\".");
	}
	if ((m = get(all, MEMBER_ACCESS_USER)) != NULL && plain_of(m, out->user, 1, ACTIVATE_USER_MAX, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	return (m = get(all, MEMBER_ACCESS_VERSION)) != NULL ? plain_of(m, out->version, 1, ACTIVATE_VERSION_MAX, f) : MUSTER_OK;
}

static int lease_of(const struct members *all, bool required, char *out, size_t *len, struct activate_fault *f)
{
	const struct member *m = get(all, MEMBER_LEASE);

	*len = 0;
	if (m == NULL)
		return required ? missing(all, MEMBER_LEASE, f) : MUSTER_OK;
	if (plain_of(m, out, 1, ACTIVATE_LEASE_MAX, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	*len = m->n;
	return MUSTER_OK;
}

static int state_of(struct activate *out, const struct members *all, struct activate_fault *f)
{
	const struct member *m = get(all, MEMBER_LICENSE_STATUS);
	int64_t number;

	if (m == NULL)
		return missing(all, MEMBER_LICENSE_STATUS, f);
	if (integer_of(m, 0, 6, &number, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	out->status = (uint8_t)number;
	if ((m = get(all, MEMBER_MINUTES_LEFT)) != NULL) {
		if (integer_of(m, 0, INT32_MAX, &number, f) != MUSTER_OK)
			return MUSTER_E_INVALID;
		out->minutes = (int32_t)number;
		out->has_minutes = true;
	}
	if ((m = get(all, MEMBER_TIME)) == NULL)
		return missing(all, MEMBER_TIME, f);
	if (must_be_text(m, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	if (time_parse_rfc3339(&out->time, m->text, m->n) != MUSTER_OK)
		return bad(f, m->name, "time is not an RFC 3339 time with Z or an offset, for example 2026-11-22T10:00:00Z.");
	return MUSTER_OK;
}

static int proof_of(struct activate *out, const struct members *all, struct activate_fault *f)
{
	const struct member *m = get(all, MEMBER_NONCE);
	size_t n;

	if (m == NULL)
		return missing(all, MEMBER_NONCE, f);
	if (bytes_of(m, out->nonce, 16, 64, &n, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	out->nonce_len = (uint8_t)n;
	if ((m = get(all, MEMBER_RELEASE_HASH)) != NULL) {
		if (bytes_of(m, out->release, 32, 32, &n, f) != MUSTER_OK)
			return MUSTER_E_INVALID;
		out->has_release = true;
	}
	if (key_of(out, all, f) != MUSTER_OK || wants_of(out, all, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	return lease_of(all, false, out->lease, &out->lease_len, f);
}

int activate_parse(struct activate *out, struct muster_span body, struct activate_fault *fault)
{
	int r = MUSTER_E_INVALID;
	struct members all;

	/* The lease's room is not cleared: lease_len says what of it counts. */
	memset(out, 0, offsetof(struct activate, lease));
	out->lease_len = 0;
	out->facts[0] = '\0';
	if (members_read(&all, body, fault) != MUSTER_OK)
		return MUSTER_E_INVALID;
	if (uuid_of(&all, MEMBER_ACTIVATION_ID, out->activation_id, fault) == MUSTER_OK &&
	    uuid_of(&all, MEMBER_CLIENT_ID, out->client_id, fault) == MUSTER_OK &&
	    machine_of(out, &all, fault) == MUSTER_OK &&
	    state_of(out, &all, fault) == MUSTER_OK &&
	    proof_of(out, &all, fault) == MUSTER_OK)
		r = MUSTER_OK;
	if (r != MUSTER_OK)
		activate_wipe(out);
	/* Told also when something else is wrong: a key that was exposed must be reported. */
	if (r != MUSTER_OK)
		out->whole_key = all.of[MEMBER_KEY].type == TYPE_STRING;
	members_free(&all);
	return r;
}

void activate_wipe(struct activate *a)
{
	if (a->key_text_n > 0)
		OPENSSL_cleanse(a->key_text, sizeof a->key_text);
	a->key_text_n = 0;
}

int release_parse(struct release_body *out, struct muster_span body, struct activate_fault *fault)
{
	int r = MUSTER_E_INVALID;
	const struct member *m;
	struct members all;
	size_t n;

	if (members_read(&all, body, fault) != MUSTER_OK)
		return MUSTER_E_INVALID;
	if (lease_of(&all, true, out->lease, &out->lease_len, fault) != MUSTER_OK)
		goto done;
	if ((m = get(&all, MEMBER_RELEASE)) == NULL)
		(void)missing(&all, MEMBER_RELEASE, fault);
	else
		r = bytes_of(m, out->secret, 32, 32, &n, fault);
done:
	members_free(&all);
	return r;
}
