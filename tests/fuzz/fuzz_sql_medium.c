/* Any bytes as DefaultSetup.ini: every find is a key of the shape reported, upper case, out of the file; at least one find. */
#include <string.h>

#include "plugins/sql-embedded/sql_medium.h"
#include "tests/fuzz/fuzz.h"

struct seen { unsigned finds; };

static int look(void *arg, const struct muster_found *f)
{
	struct seen *s = arg;
	size_t i;

	s->finds++;
	FUZZ_CHECK(f->path != NULL && f->encoding != NULL);
	FUZZ_CHECK((f->kind == MUSTER_KEY_EMBEDDED) == (f->key.n == SQL_KEY_LEN));
	FUZZ_CHECK(f->kind == MUSTER_KEY_EMBEDDED || (f->kind == MUSTER_KEY_UNKNOWN && f->key.n == 0 && f->note != NULL));
	for (i = 0; i < f->key.n; i++)
		FUZZ_CHECK(i % 6 == 5 ? f->key.p[i] == '-' : (f->key.p[i] >= 'A' && f->key.p[i] <= 'Z') || (f->key.p[i] >= '0' && f->key.p[i] <= '9'));
	return MUSTER_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct muster_medium_file file = { "x64/DefaultSetup.ini", { data, size } };
	struct muster_err err = { 0 };
	struct seen seen = { 0 };
	int r = sql_medium_file(&file, look, &seen, &err);

	FUZZ_CHECK(r == MUSTER_OK || r == MUSTER_E_INVALID);
	FUZZ_CHECK((r == MUSTER_OK) == (seen.finds > 0));
	FUZZ_CHECK((r == MUSTER_OK) == (err.message[0] == '\0'));
	return 0;
}
