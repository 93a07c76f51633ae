/* The fields of an event by their shape (facts.md section 4): the data comes as one comma string, as elements shifted by one, or in a message that was wrapped. */
#include "core/exchange/events.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/uuid.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct token { const char *p; size_t n; };
struct tokens { struct token t[EVENT_FIELDS_MAX]; size_t n; };

static struct token trimmed(const char *p, size_t n)
{
	while (n > 0 && (is_blank(*p) || *p == '"')) {
		p++;
		n--;
	}
	while (n > 0 && (is_blank(p[n - 1]) || p[n - 1] == '"'))
		n--;
	return (struct token) { p, n };
}

/* 0x and one to eight digits. */
static bool is_result(struct token t, uint32_t *v)
{
	*v = 0;
	if (t.n < 3 || t.n > 10 || t.p[0] != '0' || (t.p[1] != 'x' && t.p[1] != 'X'))
		return false;
	for (size_t i = 2; i < t.n; i++) {
		char c = t.p[i];
		unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : 16;

		if (digit > 15)
			return false;
		*v = *v << 4 | digit;
	}
	return true;
}

static bool is_number(struct token t, uint64_t most, uint64_t *v)
{
	*v = 0;
	if (t.n == 0 || t.n > 19)
		return false;
	for (size_t i = 0; i < t.n; i++) {
		if (t.p[i] < '0' || t.p[i] > '9')
			return false;
		*v = *v * 10 + (uint64_t)(t.p[i] - '0');
	}
	return *v <= most;
}

static bool is_guid(struct token t, char out[UUID_TEXT])
{
	uint8_t id[UUID_LEN];

	if (t.n == 38 && t.p[0] == '{' && t.p[37] == '}')
		t = (struct token) { t.p + 1, 36 };
	if (t.n != 36 || uuid_parse(id, t.p, t.n) != MUSTER_OK)
		return false;
	uuid_format(out, id);
	return true;
}

/* Where the list begins: a 0x… that a comma or the end follows. SIZE_MAX: nowhere. */
static size_t list_start(const char *p, size_t n, size_t from)
{
	for (size_t i = from; i + 2 < n; i++) {
		size_t k = i + 2;

		if (p[i] != '0' || (p[i + 1] != 'x' && p[i + 1] != 'X') || (i > 0 && !is_blank(p[i - 1]) && strchr(",;:\"'([", p[i - 1]) == NULL))
			continue;
		while (k < n && ((p[k] >= '0' && p[k] <= '9') || ((p[k] | 32) >= 'a' && (p[k] | 32) <= 'f')))
			k++;
		if (k == i + 2 || k > i + 10)
			continue;
		while (k < n && is_blank(p[k]))
			k++;
		if (k == n || p[k] == ',')
			return i;
	}
	return SIZE_MAX;
}

static void split(struct tokens *t, const char *p, size_t n)
{
	memset(t, 0, sizeof *t);   /* what is not there is empty */
	while (t->n < EVENT_FIELDS_MAX) {
		const char *comma = memchr(p, ',', n);
		size_t k = comma != NULL ? (size_t)(comma - p) : n;

		t->t[t->n++] = trimmed(p, k);
		if (comma == NULL)
			return;
		p += k + 1;
		n -= k + 1;
	}
}

/* Where things of a kind stand; SIZE_MAX: nowhere. */
struct shape { size_t result, client, edition, date; };
static size_t guid_after(const struct tokens *t, size_t from, char out[UUID_TEXT])
{
	for (size_t i = from; i < t->n; i++)
		if (is_guid(t->t[i], out))
			return i;
	return SIZE_MAX;
}

static size_t date_after(const struct tokens *t, size_t from, int64_t *at)
{
	for (size_t i = from; i < t->n; i++)
		if (event_time(at, t->t[i].p, t->t[i].n) == MUSTER_OK)
			return i;
	return SIZE_MAX;
}

static int set_text(json_t *record, const char *name, const char *p, size_t n)
{
	return json_object_set_new_nocheck(record, name, json_stringn(p, n)) == 0 ? MUSTER_OK : MUSTER_E_NOMEM;
}

static int set_number(json_t *record, const char *name, uint64_t v)
{
	return json_object_set_new_nocheck(record, name, json_integer((json_int_t)v)) == 0 ? MUSTER_OK : MUSTER_E_NOMEM;
}

int event_set_time(json_t *record, const char *name, int64_t ms, bool fine)
{
	char text[TIME_RFC3339 + 4];
	unsigned rest = (unsigned)(ms % 1000);

	time_rfc3339(text, ms);
	if (fine) {  /* 2026-11-22T10:00:00.123Z */
		text[19] = '.';
		text[20] = (char)('0' + rest / 100);
		text[21] = (char)('0' + rest / 10 % 10);
		text[22] = (char)('0' + rest % 10);
		text[23] = 'Z';
		return set_text(record, name, text, 24);
	}
	return set_text(record, name, text, 20);
}

static int set_result(json_t *record, uint32_t v)
{
	char text[16];
	int n = snprintf(text, sizeof text, v == 0 ? "0x%" PRIX32 : "0x%08" PRIX32, v);

	return set_text(record, "result", text, (size_t)n);
}

/* A decimal field of the record, by name. */
struct decimal { const char *name; size_t at; uint64_t most; };
static int set_decimals(json_t *record, const struct tokens *t, const struct decimal *d, size_t count, struct muster_err *err)
{
	uint64_t v;

	for (size_t i = 0; i < count; i++) {
		struct token k = t->t[d[i].at];

		if (!is_number(k, d[i].most, &v))
			return err_set(err, MUSTER_E_INVALID, "%s is \"%.*s\" and must be a number from 0 to %" PRIu64, d[i].name, (int)(k.n < 40 ? k.n : 40), k.p, d[i].most);
		if (set_number(record, d[i].name, v) != MUSTER_OK)
			return err_nomem(err);
	}
	return MUSTER_OK;
}

static int set_flag(json_t *record, const char *name, struct token t, struct muster_err *err)
{
	uint64_t v;

	if (!is_number(t, 1, &v))
		return err_set(err, MUSTER_E_INVALID, "%s is \"%.*s\" and must be 0 or 1", name, (int)(t.n < 40 ? t.n : 40), t.p);
	return json_object_set_new_nocheck(record, name, json_boolean(v == 1)) == 0 ? MUSTER_OK : err_nomem(err);
}

/* A name as the client sent it; commas in it were taken for separators. */
static int set_name(json_t *record, const char *member, const struct tokens *t, size_t first, size_t last, struct muster_err *err)
{
	const char *p = t->t[first].p;
	size_t n = (size_t)(t->t[last].p - p) + t->t[last].n;

	if (n == 0)
		return MUSTER_OK;
	if (n > 255)
		return err_set(err, MUSTER_E_INVALID, "%s has %zu bytes and may have 255", member, n);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7F)
			return err_set(err, MUSTER_E_INVALID, "%s has a control character (0x%02X)", member, (unsigned)(unsigned char)p[i]);
	return set_text(record, member, p, n) == MUSTER_OK ? MUSTER_OK : err_set(err, MUSTER_E_INVALID, "%s is not text in UTF-8", member);
}

/* What requests of 12288 and 12290 share: client, time, virtual, status, minutes, activation ID. */
static int request_fields(json_t *record, const struct tokens *t, struct shape *s, struct muster_err *err)
{
	char client[UUID_TEXT], edition[UUID_TEXT];
	int64_t at;
	int r;

	if ((s->client = guid_after(t, s->result + 1, client)) == SIZE_MAX)
		return err_set(err, MUSTER_E_INVALID, "no client machine ID (a GUID) after the result");
	if ((s->edition = guid_after(t, s->client + 1, edition)) == SIZE_MAX)
		return err_set(err, MUSTER_E_INVALID, "no activation ID (the second GUID) after client machine ID %s", client);
	s->date = date_after(t, s->client + 1, &at);
	if (s->date != s->client + 1)
		return err_set(err, MUSTER_E_INVALID, "no date like 2010/9/29 21:46 after client machine ID %s", client);
	if (s->edition != s->date + 4)
		return err_set(err, MUSTER_E_INVALID, "%zu fields between the date and the activation ID; three belong there: virtual, licensing status, minutes", s->edition - s->date - 1);
	if (set_text(record, "client_id", client, UUID_TEXT - 1) != MUSTER_OK || set_text(record, "activation_id", edition, UUID_TEXT - 1) != MUSTER_OK ||
	    event_set_time(record, "at", at, false) != MUSTER_OK)
		return err_nomem(err);
	if ((r = set_flag(record, "virtual", t->t[s->date + 1], err)) != MUSTER_OK)
		return r;
	return set_decimals(record, t, (const struct decimal[]) { { "license_status", s->date + 2, 6 }, { "minutes_left", s->date + 3, UINT32_MAX } }, 2, err);
}

/* result, minimum count, machine name, client … activation ID */
static int host_request(json_t *record, const struct tokens *t, struct muster_err *err)
{
	struct shape s = { 0 };
	uint32_t v;
	int r;

	while (s.result + 1 < t->n && is_result(t->t[s.result + 1], &v))
		s.result++;   /* what is shifted in front may look like a result */
	if (is_result(t->t[s.result], &v) && set_result(record, v) != MUSTER_OK)
		return err_nomem(err);
	if ((r = request_fields(record, t, &s, err)) != MUSTER_OK)
		return r;
	if (s.client < s.result + 3)
		return err_set(err, MUSTER_E_INVALID, "minimum count and machine name are missing before the client machine ID");
	if ((r = set_name(record, "name", t, s.result + 2, s.client - 1, err)) != MUSTER_OK)
		return r;
	return set_decimals(record, t, (const struct decimal[]) { { "minimum_count", s.result + 1, 1000000 } }, 1, err);
}

/* Result and flags: the last two 0x… of those that stand at the beginning. */
static int result_and_flags(json_t *record, const struct tokens *t, size_t *result, struct muster_err *err)
{
	uint32_t v;

	*result = 0;
	if (t->n < 2 || !is_result(t->t[1], &v))
		return err_set(err, MUSTER_E_INVALID, "no flags (0x…) after the result");
	while (*result + 2 < t->n && is_result(t->t[*result + 2], &v))
		++*result;
	(void)is_result(t->t[*result], &v);
	return set_result(record, v) == MUSTER_OK ? MUSTER_OK : err_nomem(err);
}

/* result, flags, server:port, client … activation ID, minimum count */
static int client_request(json_t *record, const struct tokens *t, struct muster_err *err)
{
	struct shape s = { 0 };
	int r = result_and_flags(record, t, &s.result, err);

	if (r != MUSTER_OK || (r = request_fields(record, t, &s, err)) != MUSTER_OK)
		return r;
	if (s.client < s.result + 3)
		return err_set(err, MUSTER_E_INVALID, "the server is missing before the client machine ID");
	if ((r = set_name(record, "server", t, s.result + 2, s.client - 1, err)) != MUSTER_OK)
		return r;
	if (s.edition + 1 >= t->n)
		return err_set(err, MUSTER_E_INVALID, "the minimum count is missing after the activation ID");
	return set_decimals(record, t, (const struct decimal[]) { { "minimum_count", s.edition + 1, 1000000 } }, 1, err);
}

/* result, flags, activated, unused, count, activation interval, renewal interval, client's time */
static int client_answer(json_t *record, const struct tokens *t, struct muster_err *err)
{
	size_t result, date;
	int64_t at;
	int r = result_and_flags(record, t, &result, err);

	if (r != MUSTER_OK)
		return r;
	if ((date = date_after(t, result + 2, &at)) == SIZE_MAX)
		return err_set(err, MUSTER_E_INVALID, "no date like 2010/09/29 17:52");
	if (date != result + 7)
		return err_set(err, MUSTER_E_INVALID, "%zu fields between flags and date; five belong there: activated, one unused, count, activation interval, renewal interval", date - result - 2);
	if (event_set_time(record, "at", at, false) != MUSTER_OK)
		return err_nomem(err);
	if ((r = set_flag(record, "activated", t->t[result + 2], err)) != MUSTER_OK)
		return r;
	return set_decimals(record, t, (const struct decimal[]) { { "count", result + 4, 1000000 }, { "activation_interval", result + 5, UINT32_MAX },
		{ "renewal_interval", result + 6, UINT32_MAX } }, 3, err);
}

static bool is_domain(const char *p, size_t n)
{
	if (n == 0 || n > 253)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!((p[i] | 32) >= 'a' && (p[i] | 32) <= 'z') && !(p[i] >= '0' && p[i] <= '9') && strchr(".-_", p[i]) == NULL && (unsigned char)p[i] < 0x80)
			return false;
	return true;
}

/* 12293 result and domain, 12294 domain: in a list, or in the sentence between quotes. */
static int publishing(json_t *record, uint32_t id, const char *text, size_t n, struct muster_err *err)
{
	size_t start = list_start(text, n, 0);
	struct tokens t = { .n = 0 };
	const char *quote = memchr(text, '\'', n), *end = quote != NULL ? memchr(quote + 1, '\'', n - (size_t)(quote + 1 - text)) : NULL;
	uint32_t v;

	split(&t, start != SIZE_MAX ? text + start : text, start != SIZE_MAX ? n - start : n);
	if (is_result(t.t[0], &v) && set_result(record, v) != MUSTER_OK)
		return err_nomem(err);
	if (id == 12293 && start == SIZE_MAX)
		return err_set(err, MUSTER_E_INVALID, "no result (0x…)");
	for (size_t i = t.n; i > 0; i--)
		if (is_domain(t.t[i - 1].p, t.t[i - 1].n) && !is_result(t.t[i - 1], &v))
			return set_text(record, "domain", t.t[i - 1].p, t.t[i - 1].n) == MUSTER_OK ? MUSTER_OK : err_set(err, MUSTER_E_INVALID, "the domain is not text in UTF-8");
	if (end != NULL && is_domain(quote + 1, (size_t)(end - quote - 1)))
		return set_text(record, "domain", quote + 1, (size_t)(end - quote - 1)) == MUSTER_OK ? MUSTER_OK : err_set(err, MUSTER_E_INVALID, "the domain is not text in UTF-8");
	return MUSTER_OK;   /* the message may leave it out */
}

/* 12291, 12292: a result, if there is one. */
static int failure(json_t *record, const char *text, size_t n, struct muster_err *err)
{
	size_t start = list_start(text, n, 0);
	struct tokens t = { .n = 0 };
	uint32_t v;

	if (start == SIZE_MAX)
		return MUSTER_OK;
	split(&t, text + start, n - start);
	return !is_result(t.t[0], &v) || set_result(record, v) == MUSTER_OK ? MUSTER_OK : err_nomem(err);
}

static int list_fields(json_t *record, uint32_t id, const char *p, size_t n, struct muster_err *err)
{
	static const struct { uint32_t id; int (*take)(json_t *, const struct tokens *, struct muster_err *); } lists[] = {
		{ 12288, client_request }, { 12289, client_answer }, { 12290, host_request }
	};
	struct tokens t;

	split(&t, p, n);
	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
		if (lists[i].id == id)
			return lists[i].take(record, &t, err);
	return MUSTER_OK;
}

static int put_back(json_t *record, const json_t *before)
{
	return json_object_clear(record) == 0 && json_object_update(record, (json_t *)(uintptr_t)before) == 0 ? MUSTER_OK : MUSTER_E_NOMEM;
}

/* Text that was copied may be broken anywhere: the first line, then all of it with its breaks as blanks, then without them. */
static int wrapped_fields(json_t *record, uint32_t id, const char *p, size_t n, struct muster_err *err)
{
	static const char *const glue[] = { " ", "" };
	json_t *before = json_copy(record);
	struct muster_err later = { 0 };
	const char *end = memchr(p, '\n', n);
	struct buf joined;
	int r;

	buf_init(&joined, EVENT_TEXT_MAX);
	r = before == NULL ? err_nomem(err) : list_fields(record, id, p, end != NULL ? (size_t)(end - p) : n, err);
	for (size_t g = 0; r == MUSTER_E_INVALID && end != NULL && g < 2; g++) {
		buf_clear(&joined);
		for (size_t i = 0; i < n; i++)
			if (p[i] != '\n' && p[i] != '\r')
				buf_addc(&joined, p[i]);
			else if (p[i] == '\n')
				buf_adds(&joined, glue[g]);
		if (joined.failed || put_back(record, before) != MUSTER_OK)
			r = err_nomem(err);
		else if ((r = list_fields(record, id, buf_str(&joined), joined.n, &later)) == MUSTER_OK && err != NULL)
			memset(err, 0, sizeof *err);
	}
	buf_fini(&joined);
	json_decref(before);
	return r;
}

int event_fields(json_t *record, uint32_t id, const char *text, size_t n, struct muster_err *err)
{
	size_t start;

	if (id == 12293 || id == 12294)
		return publishing(record, id, text, n, err);
	if (id == 12291 || id == 12292)
		return failure(record, text, n, err);
	if (id < 12288 || id > 12290)
		return MUSTER_OK;
	if ((start = list_start(text, n, 0)) == SIZE_MAX)
		return err_set(err, MUSTER_E_INVALID, "no list of fields that begins with a result (0x…)");
	return wrapped_fields(record, id, text + start, n - start, err);
}

uint32_t event_id_of(const char *text, size_t n)
{
	struct token t = trimmed(text, n);
	uint64_t v;
	uint32_t x;

	if (is_number(t, UINT32_MAX, &v))
		return (uint32_t)(v > 0xFFFF ? v & 0xFFFF : v);
	return is_result(t, &x) ? x & 0xFFFF : 0;
}

uint32_t event_guess(const char *text, size_t n)
{
	size_t start = list_start(text, n, 0);
	struct tokens t;
	char guid[UUID_TEXT];
	uint32_t v;
	int64_t at;
	bool flags;

	if (start == SIZE_MAX)
		return 0;
	split(&t, text + start, n - start);
	flags = t.n > 1 && is_result(t.t[1], &v);
	if (guid_after(&t, 1, guid) != SIZE_MAX)
		return flags ? 12288 : 12290;
	return flags && date_after(&t, 7, &at) != SIZE_MAX ? 12289 : 0;
}
