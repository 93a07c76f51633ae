/*
 * Any bytes as what an issuer answers: a refusal (problem document), a host's certificate, the answer to a batch of counted keys, online or as a file. What
 * comes out can be stored and shown: text stays text without control characters, amounts lie within their limits, no refusal has the code of success.
 */
#include <string.h>

#include "core/activation/issuer_answer.h"
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "tests/fuzz/fuzz.h"

static void check_text(const char *text)
{
	json_t *j = json_string(text);   /* only UTF-8 becomes one */

	FUZZ_CHECK(j != NULL && *text != '\0');
	for (; *text != '\0'; text++)
		FUZZ_CHECK((unsigned char)*text >= 0x20 && *text != 0x7f);
	json_decref(j);
}

static void problem(struct muster_span body)
{
	char text[ISSUER_SENTENCE], less[32];
	uint32_t code = 0, same = 0;

	if (!issuer_answer_problem(&code, text, sizeof text, body))
		return;
	FUZZ_CHECK(code != (uint32_t)CODE_OK);
	check_text(text);
	FUZZ_CHECK(issuer_answer_problem(&same, less, sizeof less, body) && same == code && strncmp(less, text, strlen(less)) == 0);
}

static void certificate(const json_t *answer)
{
	struct muster_err err = { 0 };
	struct trust_chain *chain;
	const char *pem;

	if (issuer_answer_chain(&chain, &pem, answer, &err) == MUSTER_OK)
		FUZZ_CHECK(chain != NULL && strstr(pem, "-----BEGIN CERTIFICATE") != NULL);
	else
		FUZZ_CHECK(chain == NULL && err.code == CODE_M_ISSUER_AWAY);
	trust_chain_unref(chain);
}

static void result(const json_t *one)
{
	struct issuer_result x;
	char again[INSTALLATION_TEXT];

	if (!issuer_answer_result(&x, one))
		return;
	FUZZ_CHECK(strlen(x.digits) == 54 && strspn(x.digits, "0123456789") == 54 && x.id.number <= PRODUCT_KEY_NUMBER_MAX);
	installation_id_format(again, &x.id, '-');
	installation_digits(again, sizeof again, again);
	FUZZ_CHECK(strcmp(again, x.digits) == 0);
	FUZZ_CHECK((x.statement == NULL) == (x.code != (uint32_t)CODE_OK));
	if (x.statement == NULL && x.detail[0] != '\0')
		check_text(x.detail);
}

static void tally(const json_t *one)
{
	struct issuer_tally x;

	if (issuer_answer_tally(&x, one))
		FUZZ_CHECK(x.number <= PRODUCT_KEY_NUMBER_MAX && x.allowed >= 0 && x.used >= 0 && x.remaining >= 0 && x.remaining <= x.allowed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct muster_err err = { 0 };
	const json_t *one;
	json_t *answer;
	uint8_t id[16];
	size_t i;

	problem(span_of(data, size));
	if (issuer_answer_read(&answer, span_of(data, size), &err) != MUSTER_OK) {
		FUZZ_CHECK(answer == NULL && err.message[0] != '\0');
		return 0;
	}
	certificate(answer);
	if (issuer_answer_batch(id, answer))
		FUZZ_CHECK(json_is_array(json_object_get(answer, "results")));
	json_array_foreach(json_object_get(answer, "results"), i, one)
		result(one);
	json_array_foreach(json_object_get(answer, "keys"), i, one)
		tally(one);
	json_decref(answer);
	return 0;
}
