/*
 * Any bytes as a state file: the header, then its lines. Whatever is refused has a sentence; whatever is taken keeps within the header's lists, and a client, a
 * holding, an observed machine or event that is written again reads the same.
 */
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/service/state_file.h"
#include "tests/fuzz/fuzz.h"

static struct state_line line, again;

static void refused(int r, const struct muster_err *err)
{
	FUZZ_CHECK(r == MUSTER_E_INVALID || r == MUSTER_E_UNSUPPORTED || r == MUSTER_E_NOMEM);
	FUZZ_CHECK(err->message[0] != '\0');
}

static void same_use(const struct state_head *h)
{
	struct muster_err err = { 0 };
	struct buf out;

	FUZZ_CHECK(line.use.product >= 1 && line.use.product <= h->product_count && line.part_count >= 1 && line.part_count <= h->source_count);
	FUZZ_CHECK(line.use.first <= line.use.last && line.use.last <= h->at && line.use.status <= 6);
	for (size_t i = 0; i < line.part_count; i++)
		FUZZ_CHECK(line.parts[i].source >= 1 && line.parts[i].source <= h->source_count && line.parts[i].seq >= 0);
	buf_init(&out, STATE_LINE_MAX * 8);
	state_write_use(&out, &line.use, line.use.product, line.parts, line.part_count);
	FUZZ_CHECK(!out.failed && out.p[out.n - 1] == '\n');
	FUZZ_CHECK(state_line_read(&again, h, span_of(out.p, out.n - 1), &err) == MUSTER_OK && again.kind == STATE_USE);
	FUZZ_CHECK(memcmp(&again.use, &line.use, sizeof line.use) == 0 && again.part_count == line.part_count);
	FUZZ_CHECK(memcmp(again.parts, line.parts, line.part_count * sizeof *line.parts) == 0);
	state_line_fini(&again);
	buf_fini(&out);
}

static void same_holding(const struct state_head *h)
{
	struct muster_err err = { 0 };
	struct buf out;

	FUZZ_CHECK(line.holding.product >= 1 && line.holding.product <= h->product_count && line.holding.holder_n >= 1 && line.holding.holder_n <= STORE_HOLDER_MAX);
	buf_init(&out, STATE_LINE_MAX * 8);
	state_write_holding(&out, &line.holding);
	FUZZ_CHECK(!out.failed && state_line_read(&again, h, span_of(out.p, out.n - 1), &err) == MUSTER_OK && again.kind == STATE_HOLDING);
	FUZZ_CHECK(memcmp(&again.holding, &line.holding, sizeof line.holding) == 0);
	state_line_fini(&again);
	buf_fini(&out);
}

/* What it says of this host's products and findings is not written; nor are names beyond a line's length. */
static void same_observed(const struct state_head *h)
{
	struct muster_err err = { 0 };
	struct buf out, second;

	FUZZ_CHECK(json_is_object(line.observed));
	buf_init(&out, STATE_LONG_LINE_MAX);
	buf_init(&second, STATE_LONG_LINE_MAX);
	FUZZ_CHECK(state_write_observed(&out, line.kind, json_deep_copy(line.observed), &err) == MUSTER_OK);
	FUZZ_CHECK(state_line_read(&again, h, span_of(out.p, out.n - 1), &err) == MUSTER_OK && again.kind == line.kind);
	FUZZ_CHECK(state_write_observed(&second, again.kind, json_deep_copy(again.observed), &err) == MUSTER_OK);
	FUZZ_CHECK(out.n == second.n && memcmp(out.p, second.p, out.n) == 0);
	state_line_fini(&again);
	buf_fini(&second);
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct muster_err err = { 0 };
	struct state_head head;
	const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
	size_t n = end != NULL ? (size_t)(end - data) : size;
	int r;

	if ((r = state_head_read(&head, span_of(data, n), &err)) != MUSTER_OK) {
		refused(r, &err);
		return 0;
	}
	while (end != NULL && ++n < size) {
		data += n;
		size -= n;
		end = memchr(data, '\n', size);
		n = end != NULL ? (size_t)(end - data) : size;
		if ((r = state_line_read(&line, &head, span_of(data, n), &err)) != MUSTER_OK) {
			refused(r, &err);
			continue;
		}
		if (line.kind == STATE_USE)
			same_use(&head);
		else if (line.kind == STATE_HOLDING)
			same_holding(&head);
		else if (line.kind == STATE_EVENT || line.kind == STATE_MACHINE)
			same_observed(&head);
		state_line_fini(&line);
	}
	state_head_fini(&head);
	return 0;
}
