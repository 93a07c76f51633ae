/* Digits as typed; the first byte chooses the ID they are read as ('C': Confirmation ID, 'L': licence server ID). What is accepted formats back to the digits that were typed. */
#include <string.h>
#include "core/base/bytes.h"
#include "core/trust/server_id.h"
#include "tests/fuzz/fuzz.h"

/* The groups of the text hold the typed digits, in order, and every group is right. */
static void same_digits(enum digits_kind kind, const char *text, const uint8_t *data, size_t size)
{
	unsigned group = 1;

	for (size_t i = 0; i < size; i++) {
		if (data[i] < '0' || data[i] > '9')
			continue;
		if (*text == ' ') {
			text++;
			group++;
		}
		FUZZ_CHECK(*text++ == (char)data[i]);
	}
	FUZZ_CHECK(*text == '\0' && group == (kind == DIGITS_INSTALLATION ? INSTALLATION_GROUPS : CONFIRMATION_GROUPS));
}

static void refused(const struct digits_fault *fault, const struct muster_err *err, unsigned groups)
{
	FUZZ_CHECK(fault->wrong != DIGITS_RIGHT && fault->group <= groups && fault->other <= groups && err->message[0] != '\0' && err->code != 0);
	FUZZ_CHECK((fault->wrong == DIGITS_SWAPPED) == (fault->other != 0) && (fault->wrong != DIGITS_MISTYPED || fault->group != 0));
}

static void server_id(const uint8_t *data, size_t size)
{
	char text[SERVER_ID_TEXT], typed[SERVER_ID_TEXT];
	struct digits_fault fault;
	struct muster_err err;
	struct server_id id;
	size_t n = 0;

	if (server_id_parse(&id, (const char *)data, size, &fault, &err) != MUSTER_OK) {
		refused(&fault, &err, SERVER_ID_GROUPS);
		FUZZ_CHECK(bytes_zero(id.binding, sizeof(id.binding)) && id.attempt == 0 && id.tag == 0);
		return;
	}
	for (size_t i = 0; i < size; i++)
		if (data[i] >= '0' && data[i] <= '9') {
			if (n % (SERVER_ID_GROUP + 1) == SERVER_ID_GROUP)
				typed[n++] = ' ';
			typed[n++] = (char)data[i];
		}
	typed[n] = '\0';
	server_id_format(text, &id, ' ');
	FUZZ_CHECK(strcmp(text, typed) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t prk[PRODUCT_KEY_PRK] = { 1 };
	char text[INSTALLATION_TEXT];
	struct installation_id iid, again;
	struct confirmation_id cid;
	struct digits_fault fault;
	struct muster_err err;

	if (size == 0)
		return 0;
	if (data[0] == 'L') {
		server_id(data + 1, size - 1);
		return 0;
	}
	if (data[0] == 'C') {
		if (confirmation_id_parse(&cid, (const char *)data + 1, size - 1, &fault, &err) != MUSTER_OK) {
			refused(&fault, &err, CONFIRMATION_GROUPS);
			FUZZ_CHECK(bytes_zero(cid.bytes, sizeof(cid.bytes)));
			return 0;
		}
		confirmation_id_format(text, &cid, ' ');
		same_digits(DIGITS_CONFIRMATION, text, data + 1, size - 1);
		return 0;
	}
	if (installation_id_parse(&iid, (const char *)data + 1, size - 1, &fault, &err) != MUSTER_OK) {
		refused(&fault, &err, INSTALLATION_GROUPS);
		FUZZ_CHECK(bytes_zero(iid.bytes, sizeof(iid.bytes)));
		return 0;
	}
	installation_id_format(text, &iid, ' ');
	same_digits(DIGITS_INSTALLATION, text, data + 1, size - 1);
	/* the same fields under a key: the same digits but for the tag, and its proof */
	FUZZ_CHECK(installation_id_make(&again, prk, iid.number, iid.generation, iid.attempt, iid.binding, NULL) == MUSTER_OK && installation_id_proves(&again, prk));
	FUZZ_CHECK(memcmp(again.bytes, iid.bytes, 16) == 0);
	FUZZ_CHECK(installation_id_proves(&iid, prk) == (memcmp(again.bytes, iid.bytes, sizeof(iid.bytes)) == 0));
	return 0;
}
