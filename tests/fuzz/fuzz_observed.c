/* Any JSON as a record of an observed event or machine: refused with a sentence, or read; and what is answered of an event is the same event when it is imported again. */
#include <string.h>

#include "core/estate/observed.h"
#include "tests/fuzz/fuzz.h"

#define NAMES 64

static void try_event(const json_t *record)
{
	uint8_t before[OBSERVED_DIGEST], after[OBSERVED_DIGEST];
	struct observed_event e, again;
	const char *refused;
	char why[200] = "";
	json_t *answer;

	if ((refused = observed_event_read(&e, record, why, sizeof why)) != NULL) {
		FUZZ_CHECK(refused[0] != '\0');
		return;
	}
	FUZZ_CHECK(observed_at(&e) != 0 && observed_digest(before, &e) == MUSTER_OK);
	answer = observed_event_json(&e, NULL);
	FUZZ_CHECK(answer != NULL && observed_event_read(&again, answer, why, sizeof why) == NULL && observed_digest(after, &again) == MUSTER_OK);
	FUZZ_CHECK(memcmp(before, after, sizeof before) == 0 && e.has_machine == again.has_machine && e.logged == again.logged && e.record == again.record);
	json_decref(answer);
}

static void try_machine(const json_t *record)
{
	struct observed_machine m;
	const char *names[NAMES], *refused;
	char why[200] = "";
	size_t n = NAMES;

	refused = observed_machine_read(&m, names, &n, record, why, sizeof why);
	FUZZ_CHECK(n <= NAMES);
	FUZZ_CHECK(refused != NULL ? refused[0] != '\0' : m.first != 0 && m.last >= m.first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *record = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(record)) {
		try_event(record);
		try_machine(record);
	}
	json_decref(record);
	return 0;
}
