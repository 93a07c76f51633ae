/*
 * Any bytes as the body of POST /v1/activate and of POST /v1/release, and as the first bytes of a connection. A refusal
 * names a code, the member and a sentence; what is accepted lies within the protocol's limits; both are the same twice.
 * What is read in place reads as the JSON library reads it.
 */
#include <string.h>
#include <muster/plugin.h>

#include "core/base/codes.h"
#include "core/base/uuid.h"
#include "core/service/activate.h"
#include "core/service/members.h"
#include "core/service/peek.h"
#include "tests/fuzz/fuzz.h"

static void check_fault(const struct activate_fault *f)
{
	FUZZ_CHECK(f->code == CODE_M_BODY || f->code == CODE_M_FIELD);
	FUZZ_CHECK((f->code == CODE_M_FIELD) == (f->field[0] != '\0'));
	FUZZ_CHECK(f->detail[0] != '\0');
	FUZZ_CHECK(memchr(f->field, '\0', sizeof f->field) != NULL && memchr(f->detail, '\0', sizeof f->detail) != NULL);
}

static void check_accepted(const struct activate *a)
{
	FUZZ_CHECK(!uuid_is_nil(a->activation_id) && !uuid_is_nil(a->client_id));
	FUZZ_CHECK(a->status <= 6 && a->minutes >= 0);
	FUZZ_CHECK(a->nonce_len >= 16 && a->nonce_len <= 64);
	FUZZ_CHECK(a->hw[0] <= 3);
	FUZZ_CHECK(memchr(a->name, '\0', sizeof a->name) != NULL && memchr(a->os, '\0', sizeof a->os) != NULL);
	FUZZ_CHECK(a->lease_len <= ACTIVATE_LEASE_MAX);
	FUZZ_CHECK(a->lease_len == 0 || strlen(a->lease) == a->lease_len);
	FUZZ_CHECK(memchr(a->user, '\0', sizeof a->user) != NULL && memchr(a->version, '\0', sizeof a->version) != NULL);
	FUZZ_CHECK(a->per <= MUSTER_PER_USER);
	FUZZ_CHECK(a->key_text_n <= ACTIVATE_KEY_MAX && (a->key_text_n == 0 || a->whole_key));
	for (const char *p = a->user; *p != '\0'; p++)
		FUZZ_CHECK((unsigned char)*p >= 0x20 && *p != 0x7f);
	for (const char *p = a->name; *p != '\0'; p++)
		FUZZ_CHECK((unsigned char)*p >= 0x20 && *p != 0x7f);
}

/* A plain body is JSON to the library too, with the same members. */
static void check_plain(struct muster_span body)
{
	struct members plain, library;
	struct activate_fault f;

	if (!members_plain(&plain, body))
		return;
	FUZZ_CHECK(members_library(&library, body, &f) == MUSTER_OK);
	for (size_t i = 0; i < MEMBER_COUNT; i++) {
		const struct member *a = &plain.of[i], *b = &library.of[i];

		FUZZ_CHECK(a->type == b->type && a->n == b->n && a->number == b->number);
		FUZZ_CHECK(a->n == 0 || memcmp(a->text, b->text, a->n) == 0);
	}
	FUZZ_CHECK(plain.fact_count == library.fact_count);
	for (size_t i = 0; i < plain.fact_count; i++) {
		const struct fact *a = &plain.facts[i], *b = &library.facts[i];

		FUZZ_CHECK(a->type == b->type && a->n == b->n && a->number == b->number && a->name_n == b->name_n && memcmp(a->name, b->name, a->name_n) == 0);
		FUZZ_CHECK(a->n == 0 || memcmp(a->text, b->text, a->n) == 0);
	}
	members_free(&library);
}

/* What is handed on is JSON within its limits. */
static void check_facts(const char *facts)
{
	json_t *root;

	FUZZ_CHECK(strlen(facts) <= FACTS_TEXT_MAX);
	if (facts[0] == '\0')
		return;
	root = json_loads(facts, JSON_REJECT_DUPLICATES, NULL);
	FUZZ_CHECK(json_is_object(root) && json_object_size(root) <= FACTS_MAX);
	json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct activate a, again;
	struct release_body r;
	struct activate_fault f = { 0 }, g = { 0 };
	struct muster_span body = { data, size };
	int first = activate_parse(&a, body, &f), second = activate_parse(&again, body, &g);

	check_plain(body);
	FUZZ_CHECK(first == second);
	if (first == MUSTER_OK) {
		check_accepted(&a);
		check_facts(a.facts);
		FUZZ_CHECK(memcmp(a.nonce, again.nonce, sizeof a.nonce) == 0 && a.time == again.time);
	} else {
		check_fault(&f);
		FUZZ_CHECK(strcmp(f.field, g.field) == 0 && strcmp(f.detail, g.detail) == 0);
	}
	memset(&f, 0, sizeof f);
	if (release_parse(&r, body, &f) != MUSTER_OK)
		check_fault(&f);
	else
		FUZZ_CHECK(r.lease_len >= 1 && r.lease_len <= ACTIVATE_LEASE_MAX);
	/* What looks like HTTP goes on looking like it, whatever follows. */
	for (size_t n = 1; n < size && n <= PEEK_BYTES; n++)
		if (peek_bytes(data, n) != PEEK_MORE) {
			FUZZ_CHECK(peek_bytes(data, n) == peek_bytes(data, size < PEEK_BYTES ? size : PEEK_BYTES) || peek_bytes(data, n) == PEEK_OTHER);
			break;
		}
	return 0;
}
