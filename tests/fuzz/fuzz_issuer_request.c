/*
 * Any bytes as a body of the issuer's service (each of the three), as a file of a batch and as a request in a file. A refusal names a code and a sentence;
 * what is accepted lies within the limits; both are the same twice, and a request read from a file reads again from what was made of it.
 */
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/uuid.h"
#include "core/issuer/service_body.h"
#include "tests/fuzz/fuzz.h"

static void check_fault(const struct body_fault *f)
{
	FUZZ_CHECK(f->code == CODE_M_BODY || f->code == CODE_M_FIELD);
	FUZZ_CHECK((f->code == CODE_M_FIELD) == (f->field[0] != '\0'));
	FUZZ_CHECK(f->detail[0] != '\0' && memchr(f->detail, '\0', sizeof f->detail) != NULL && memchr(f->field, '\0', sizeof f->field) != NULL);
}

static void check_counted(const struct body_counted *c)
{
	FUZZ_CHECK(c->n >= 1 && c->n <= CONFIRM_BATCH_MAX && json_array_size(c->ids) == c->n);
	FUZZ_CHECK(!uuid_is_nil(c->id));
	FUZZ_CHECK(!c->audit.present || (c->audit.seq >= 0 && strlen(c->audit.hash) >= 16 && strlen(c->audit.hash) <= SERVICE_AUDIT_HASH));
}

static void check_accepted(enum body_kind kind, const struct body *b)
{
	if (kind == BODY_HOST) {
		FUZZ_CHECK(strlen(b->of.host.installation_id) >= 1 && strlen(b->of.host.request) >= 1 && strlen(b->of.host.request) <= TRUST_CHAIN_MAX);
		for (const char *p = b->of.host.name; p != NULL && *p != '\0'; p++)
			FUZZ_CHECK((unsigned char)*p >= 0x20 && *p != 0x7f);
	} else if (kind == BODY_RENEW) {
		FUZZ_CHECK(strlen(b->of.renew.renewal) <= SERVICE_RENEWAL_MAX && strlen(b->of.renew.chain) <= TRUST_CHAIN_MAX && strlen(b->of.renew.request) >= 1);
	} else {
		check_counted(&b->of.counted);
	}
}

static void one_body(enum body_kind kind, struct muster_span text)
{
	struct body a, b;
	struct body_fault f = { 0 }, g = { 0 };
	int first = body_read(&a, kind, text, &f), second = body_read(&b, kind, text, &g);

	FUZZ_CHECK(first == second);
	if (first == MUSTER_OK) {
		check_accepted(kind, &a);
		FUZZ_CHECK(kind != BODY_COUNTED || memcmp(a.of.counted.digest, b.of.counted.digest, sizeof a.of.counted.digest) == 0);
	} else {
		check_fault(&f);
		FUZZ_CHECK(strcmp(f.detail, g.detail) == 0);
	}
	body_fini(&a);
	body_fini(&b);
}

static void batch_file(struct muster_span text)
{
	struct muster_err err = { .result = 0 };
	struct body b;

	if (body_read_batch(&b, text, "file", &err) == MUSTER_OK)
		check_counted(&b.of.counted);
	else
		FUZZ_CHECK(err.message[0] != '\0');
	body_fini(&b);
}

static void request_file(struct muster_span text)
{
	struct muster_err err = { .result = 0 };
	struct buf id, pem, id2, pem2, again;

	buf_init(&id, 1024);
	buf_init(&pem, 2 * TRUST_CHAIN_MAX);
	buf_init(&id2, 1024);
	buf_init(&pem2, 2 * TRUST_CHAIN_MAX);
	buf_init(&again, 3 * TRUST_CHAIN_MAX);
	if (body_read_request(&id, &pem, text, &err) == MUSTER_OK) {
		FUZZ_CHECK(strstr(buf_str(&pem), "-----BEGIN ") != NULL);
		buf_add(&again, id.p, id.n);
		buf_addc(&again, '\n');
		buf_add(&again, pem.p, pem.n);
		/* a colon or a comment sign in what stood for the ID is none in digits: only those are compared */
		if (id.n > 0 && strspn(buf_str(&id), "0123456789 -") == id.n && strspn(buf_str(&id), " -") == 0 && again.n <= 2 * TRUST_CHAIN_MAX) {
			FUZZ_CHECK(body_read_request(&id2, &pem2, span_of(again.p, again.n), &err) == MUSTER_OK);
			FUZZ_CHECK(pem2.n == pem.n && memcmp(pem2.p, pem.p, pem.n) == 0);
		}
	} else {
		FUZZ_CHECK(err.message[0] != '\0');
	}
	buf_fini(&again);
	buf_fini(&pem2);
	buf_fini(&id2);
	buf_fini(&pem);
	buf_fini(&id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct muster_span text = { data, size };

	one_body(BODY_HOST, text);
	one_body(BODY_RENEW, text);
	one_body(BODY_COUNTED, text);
	batch_file(text);
	request_file(text);
	return 0;
}
