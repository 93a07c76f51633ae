/* Any bytes as events in the form of events_csv.c. */
#include "tests/fuzz/fuzz_events.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_events(&exchange_events_csv, data, size);
}
