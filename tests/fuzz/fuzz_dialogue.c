/* The telephone dialogue fed with lines: it is never lost, and it is done only with eight groups that all check. */
#include <string.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/cli/dialogue.h"
#include "tests/fuzz/fuzz.h"

static void look(struct dialogue *d, struct buf *say)
{
	unsigned most = d->phase == DIALOGUE_READ ? INSTALLATION_GROUPS : CONFIRMATION_GROUPS;

	FUZZ_CHECK(d->group >= 1 && d->group <= most);
	buf_clear(say);
	dialogue_prompt(d, say);
	buf_clear(say);
	if (d->phase != DIALOGUE_SUBMIT)
		return;
	for (unsigned i = 0; i < CONFIRMATION_GROUPS; i++)
		FUZZ_CHECK(digits_group_right(DIGITS_CONFIRMATION, i + 1, d->confirmation[i]));
	dialogue_refused(d, d->group % 10, "no", say);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *groups = json_pack("[s, s, s, s, s, s, s, s, s]", "147878", "182305", "808326", "473017", "624939", "417546", "203540", "884046", "980984");
	char *text = mem_strndup((const char *)data, size), *rest = text;
	struct muster_err err;
	struct dialogue d;
	struct buf say;

	FUZZ_CHECK(text != NULL && groups != NULL);
	buf_init(&say, 1u << 16);
	FUZZ_CHECK(dialogue_begin(&d, groups, size % 2 == 0, &say, &err) == MUSTER_OK);
	for (char *line; d.phase != DIALOGUE_LEFT && (line = strsep(&rest, "\n")) != NULL;) {
		dialogue_feed(&d, line, &say);
		look(&d, &say);
	}
	buf_fini(&say);
	mem_free(text);
	json_decref(groups);
	return 0;
}
