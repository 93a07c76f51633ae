/* Answers of a host, as libmuster reads them before it believes anything. The first byte chooses status and content type. */
#include <string.h>
#include "core/base/codes.h"
#include "core/client/answer.h"
#include "tests/fuzz/fuzz.h"

static void check_printable(const char *text, size_t room)
{
	FUZZ_CHECK(strlen(text) < room);
	for (; *text != '\0'; text++)
		FUZZ_CHECK((unsigned char)*text >= 0x20 && *text != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const own = "147878 182305 808326 473017 624939 417546 203540 884046 980984";
	static const struct { long status; const char *type; } heads[] = {
		{ 200, "application/json" }, { 202, "application/json" }, { 403, "application/problem+json" }, { 503, "application/problem+json" }
	};
	static struct answer got;
	struct http_answer a;
	struct product_row row;

	if (size == 0)
		return 0;
	http_answer_init(&a);
	a.status = heads[data[0] % 4].status;
	(void)strcpy(a.content_type, heads[data[0] % 4].type);
	buf_add(&a.body, data + 1, size - 1);
	if (!a.body.failed && answer_read(&got, &a, NULL) == MUSTER_OK) {
		FUZZ_CHECK(got.lease_n == strlen(got.lease) && got.lease_n <= TRUST_LEASE_MAX);
		FUZZ_CHECK(got.confirmation_n == strlen(got.confirmation) && got.confirmation_n <= STATEMENT_CONFIRMATION_MAX);
		FUZZ_CHECK((got.kind == ANSWER_ACTIVATED) == ((got.lease_n > 0) != (got.confirmation_n > 0)));
		FUZZ_CHECK((got.code == 0) == (got.kind == ANSWER_ACTIVATED || got.kind == ANSWER_RELEASED));
		FUZZ_CHECK((got.kind == ANSWER_REFUSED) == (got.status >= 400));
		FUZZ_CHECK(got.kind != ANSWER_QUEUED || got.position > 0);
		FUZZ_CHECK(got.access_per <= 2 && got.access_kind <= 3 && got.grace_s >= -1);
		check_printable(got.version, sizeof got.version);
		if (got.kind == ANSWER_ACTIVATED || got.kind == ANSWER_COUNTED || got.kind == ANSWER_PENDING || got.kind == ANSWER_QUEUED) {
			FUZZ_CHECK(got.activation_s >= INTERVAL_MIN && got.activation_s <= INTERVAL_MAX);
			FUZZ_CHECK(got.product[0] != '\0' && !uuid_is_nil(got.product_id));
		}
		check_printable(got.text, sizeof got.text);
	}
	if (answer_read_counted(&got, &a, own, NULL) == MUSTER_OK) {
		FUZZ_CHECK((got.kind == ANSWER_ACTIVATED) == (got.confirmation_n > 0) && got.lease_n == 0);
		FUZZ_CHECK(got.kind == ANSWER_ACTIVATED || (got.kind == ANSWER_REFUSED && got.code != 0));
		check_printable(got.text, sizeof got.text);
	}
	if (answer_find_product(&row, &a, "office2013", NULL) == MUSTER_OK)
		FUZZ_CHECK(strlen(row.id) == 36 && row.grace_s >= -1);
	http_answer_fini(&a);
	return 0;
}
