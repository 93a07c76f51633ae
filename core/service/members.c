#include "core/service/members.h"

#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>

#include "core/base/codes.h"
#include "core/base/json_depth.h"

#define DIGITS_MAX 18   /* of a plain number: it fits whatever they are */
#define NO_PARENT MEMBER_COUNT

/* name: as messages say it; its first `skip` characters are the parent's. */
static const struct { const char *name; size_t skip; enum member_id parent; } table[MEMBER_COUNT] = {
	[MEMBER_ACTIVATION_ID] = { "activation_id", 0, NO_PARENT },
	[MEMBER_CLIENT_ID] = { "client_id", 0, NO_PARENT },
	[MEMBER_MACHINE] = { "machine", 0, NO_PARENT },
	[MEMBER_LICENSE_STATUS] = { "license_status", 0, NO_PARENT },
	[MEMBER_MINUTES_LEFT] = { "minutes_left", 0, NO_PARENT },
	[MEMBER_TIME] = { "time", 0, NO_PARENT },
	[MEMBER_NONCE] = { "nonce", 0, NO_PARENT },
	[MEMBER_RELEASE_HASH] = { "release_hash", 0, NO_PARENT },
	[MEMBER_KEY] = { "key", 0, NO_PARENT },
	[MEMBER_LEASE] = { "lease", 0, NO_PARENT },
	[MEMBER_RELEASE] = { "release", 0, NO_PARENT },
	[MEMBER_MACHINE_NAME] = { "machine.name", 8, MEMBER_MACHINE },
	[MEMBER_MACHINE_OS] = { "machine.os", 8, MEMBER_MACHINE },
	[MEMBER_MACHINE_VIRTUAL] = { "machine.virtual", 8, MEMBER_MACHINE },
	[MEMBER_MACHINE_HARDWARE] = { "machine.hardware_id", 8, MEMBER_MACHINE },
	[MEMBER_MACHINE_FACTS] = { "machine.facts", 8, MEMBER_MACHINE },
	[MEMBER_KEY_KIND] = { "key.kind", 4, MEMBER_KEY },
	[MEMBER_KEY_NUMBER] = { "key.number", 4, MEMBER_KEY },
	[MEMBER_KEY_PROOF] = { "key.proof", 4, MEMBER_KEY },
	[MEMBER_ACCESS] = { "access", 0, NO_PARENT },
	[MEMBER_ACCESS_PER] = { "access.per", 7, MEMBER_ACCESS },
	[MEMBER_ACCESS_USER] = { "access.user", 7, MEMBER_ACCESS },
	[MEMBER_ACCESS_VERSION] = { "access.version", 7, MEMBER_ACCESS },
	[MEMBER_QUEUE] = { "queue", 0, NO_PARENT },
};

/* The member's own name, without its parent's. */
static const char *leaf(size_t id)
{
	return table[id].name + table[id].skip;
}

static void clear(struct members *m)
{
	memset(m->of, 0, sizeof m->of);
	m->fact_count = 0;
	m->root = NULL;
	for (size_t i = 0; i < MEMBER_COUNT; i++)
		m->of[i].name = table[i].name;
}

/* ---- plain bodies ---- */

struct reader { const char *p, *end; };

static void skip_space(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t'))
		r->p++;
}

static bool take(struct reader *r, char c)
{
	skip_space(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* Behind the first quote, up to and with the last: printable ASCII, no escape. */
static bool take_string(struct reader *r, const char **text, size_t *n)
{
	*text = r->p;
	while (r->p < r->end && *r->p != '"') {
		if (*r->p < 0x20 || *r->p > 0x7e || *r->p == '\\')
			return false;
		r->p++;
	}
	*n = (size_t)(r->p - *text);
	if (r->p == r->end)
		return false;
	r->p++;
	return true;
}

static bool take_number(struct reader *r, int64_t *out)
{
	bool negative = r->p < r->end && *r->p == '-';
	const char *first = r->p += negative;

	*out = 0;
	while (r->p < r->end && *r->p >= '0' && *r->p <= '9' && r->p - first < DIGITS_MAX)
		*out = *out * 10 + (*r->p++ - '0');
	if (r->p == first || (*first == '0' && r->p - first > 1))
		return false;
	if (negative)
		*out = -*out;
	/* A fraction, an exponent, more digits: the caller finds neither comma nor brace. */
	return true;
}

static bool take_word(struct reader *r, const char *word, size_t n)
{
	if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
		return false;
	r->p += n;
	return true;
}

static struct member *find(struct members *m, enum member_id parent, const char *name, size_t n)
{
	for (size_t i = 0; i < MEMBER_COUNT; i++)
		if (table[i].parent == parent && strncmp(leaf(i), name, n) == 0 && leaf(i)[n] == '\0')
			return &m->of[i];
	return NULL;
}

/* Everything but an object. */
static bool take_value(struct reader *r, struct member *v)
{
	switch (r->p < r->end ? *r->p : '\0') {
	case '"':
		r->p++;
		v->type = TYPE_STRING;
		return take_string(r, &v->text, &v->n);
	case 't':
		v->type = TYPE_BOOLEAN;
		v->number = 1;
		return take_word(r, "true", 4);
	case 'f':
		v->type = TYPE_BOOLEAN;
		return take_word(r, "false", 5);
	default:
		/* Not null: it leaves no trace here, a second one would not be noticed. */
		v->type = TYPE_INTEGER;
		return take_number(r, &v->number);
	}
}

static bool fact_stands(const struct members *m, const char *name, size_t n)
{
	for (size_t i = 0; i < m->fact_count; i++)
		if (m->facts[i].name_n == n && memcmp(m->facts[i].name, name, n) == 0)
			return true;
	return false;
}

/* machine.facts: names are the publisher's affair. */
static bool take_facts(struct members *m, struct reader *r)
{
	if (!take(r, '{'))
		return false;
	if (take(r, '}'))
		return true;
	do {
		struct member v = { 0 };
		struct fact *f = &m->facts[m->fact_count];

		if (m->fact_count == FACTS_MAX || !take(r, '"') || !take_string(r, &f->name, &f->name_n) || fact_stands(m, f->name, f->name_n) || !take(r, ':'))
			return false;
		skip_space(r);
		if (!take_value(r, &v))
			return false;
		*f = (struct fact){ f->name, v.text, f->name_n, v.n, v.number, v.type };
		m->fact_count++;
	} while (take(r, ','));
	return take(r, '}');
}

/* One object's members; those of a machine or a key one level below. */
static bool take_object(struct members *m, struct reader *r, enum member_id parent)
{
	const char *name;
	size_t n;

	if (!take(r, '{'))
		return false;
	if (take(r, '}'))
		return true;
	do {
		struct member *v;

		if (!take(r, '"') || !take_string(r, &name, &n) || (v = find(m, parent, name, n)) == NULL || v->type != TYPE_ABSENT || !take(r, ':'))
			return false;
		skip_space(r);
		if (r->p < r->end && *r->p == '{') {
			enum member_id id = (enum member_id)(v - m->of);

			if (id != MEMBER_MACHINE && id != MEMBER_KEY && id != MEMBER_MACHINE_FACTS && id != MEMBER_ACCESS)
				return false;
			v->type = TYPE_OBJECT;
			if (id == MEMBER_MACHINE_FACTS ? !take_facts(m, r) : !take_object(m, r, id))
				return false;
		} else if (!take_value(r, v)) {
			return false;
		}
	} while (take(r, ','));
	return take(r, '}');
}

bool members_plain(struct members *out, struct muster_span body)
{
	struct reader r = { (const char *)body.p, (const char *)body.p + body.n };

	clear(out);
	if (body.n == 0 || !take_object(out, &r, NO_PARENT))
		return false;
	skip_space(&r);
	return r.p == r.end;
}

/* ---- all others ---- */

static json_t *parse_object(struct muster_span body, struct activate_fault *f)
{
	json_error_t e;
	json_t *root;

	f->code = CODE_M_BODY;
	f->field[0] = '\0';
	if (body.n == 0) {
		(void)snprintf(f->detail, sizeof f->detail, "The body is empty.");
		return NULL;
	}
	if (json_too_deep(body)) {
		(void)snprintf(f->detail, sizeof f->detail, "The body is nested more than %d levels deep.", JSON_DEPTH_MAX);
		return NULL;
	}
	root = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, &e);
	if (root == NULL) {
		/* The parser's own words may quote the body: keep to the place. */
		(void)snprintf(f->detail, sizeof f->detail, "The body is not JSON: %s at line %d, column %d.",
		               json_error_code(&e) == json_error_duplicate_key ? "a member stands twice" : "it cannot be read", e.line, e.column);
		return NULL;
	}
	if (!json_is_object(root)) {
		(void)snprintf(f->detail, sizeof f->detail, "The body is JSON, but not an object.");
		json_decref(root);
		return NULL;
	}
	return root;
}

static void fill(struct member *v, const json_t *j)
{
	switch (json_typeof(j)) {
	case JSON_OBJECT: v->type = TYPE_OBJECT; break;
	case JSON_ARRAY: v->type = TYPE_ARRAY; break;
	case JSON_STRING:
		v->type = TYPE_STRING;
		v->text = json_string_value(j);
		v->n = json_string_length(j);
		break;
	case JSON_INTEGER:
		v->type = TYPE_INTEGER;
		v->number = json_integer_value(j);
		break;
	case JSON_REAL: v->type = TYPE_REAL; break;
	case JSON_TRUE: case JSON_FALSE:
		v->type = TYPE_BOOLEAN;
		v->number = json_is_true(j);
		break;
	case JSON_NULL: break;
	}
}

static void fill_facts(struct members *m, json_t *facts)
{
	struct member v;
	const char *name;
	json_t *j;

	json_object_foreach(facts, name, j) {
		v = (struct member){ 0 };
		fill(&v, j);
		if (v.type == TYPE_ABSENT)
			continue;
		if (m->fact_count < FACTS_MAX)
			m->facts[m->fact_count] = (struct fact){ name, v.text, strlen(name), v.n, v.number, v.type };
		m->fact_count++;
	}
}

int members_library(struct members *out, struct muster_span body, struct activate_fault *fault)
{
	clear(out);
	if ((out->root = parse_object(body, fault)) == NULL)
		return MUSTER_E_INVALID;
	for (size_t i = 0; i < MEMBER_COUNT; i++) {
		enum member_id parent = table[i].parent;
		/* NULL from what is no object */
		const json_t *j = json_object_get(parent == NO_PARENT ? out->root : json_object_get(out->root, leaf(parent)), leaf(i));

		if (j != NULL)
			fill(&out->of[i], j);
	}
	fill_facts(out, json_object_get(json_object_get(out->root, leaf(MEMBER_MACHINE)), leaf(MEMBER_MACHINE_FACTS)));
	return MUSTER_OK;
}

int members_read(struct members *out, struct muster_span body, struct activate_fault *fault)
{
	return members_plain(out, body) ? MUSTER_OK : members_library(out, body, fault);
}

void members_free(struct members *m)
{
	const struct member *key = &m->of[MEMBER_KEY];

	if (m->root != NULL && key->type == TYPE_STRING)
		OPENSSL_cleanse((char *)(uintptr_t)key->text, key->n);
	json_decref(m->root);
	m->root = NULL;
}
