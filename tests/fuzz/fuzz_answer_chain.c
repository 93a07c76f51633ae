/* The issuer's answer as text: what is accepted is PEM of certificates and fits what the host takes, what is refused leaves nothing. */
#include <string.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/cli/answer_file.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_strndup((const char *)data, size);
	struct muster_err err;
	struct buf pem;

	FUZZ_CHECK(text != NULL);
	buf_init(&pem, ANSWER_CHAIN_MAX);
	if (answer_file_text(&pem, text, "x", &err) == MUSTER_OK)
		FUZZ_CHECK(pem.failed || strstr(buf_str(&pem), "-----BEGIN CERTIFICATE-----") != NULL);
	else
		FUZZ_CHECK(pem.n == 0 && err.message[0] != '\0');
	buf_fini(&pem);
	mem_free(text);
	return 0;
}
