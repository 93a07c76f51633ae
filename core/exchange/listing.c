/* dli and dlv listings, block by block (facts.md section 3): what scripts and consoles make of them, several machines in one file, our own `musterctl dlv` too. */
#include "core/exchange/listing.h"
#include "core/exchange/record.h"
#include "core/exchange/zone.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/utf8.h"
#include "core/base/uuid.h"
#include "core/estate/kinds.h"

#define COLUMNS 80
#define CONSOLE 78               /* a line at least this wide may have been wrapped: at column 80, without spaces that were trimmed since */
#define UNKNOWN_NAMED 5
#define NOT_IN_USE "This license is not in use."

struct block {
	json_t *entry, *doubts;          /* NULL: no block is open */
	unsigned long line;
	struct listing_said said;
	int64_t taken_at;                /* s; 0: not listed */
};

struct reading {
	const struct exchange_hints *hints;
	const struct exchange_sink *sink;
	struct exchange_done *done;
	struct zone zone;
	char host[LISTING_HOST_MAX + 1];         /* "" not named so far */
	char base[LISTING_HOST_MAX + 1];         /* of the file's name; "" none */
	bool base_said, offset_said;
	int64_t taken_at;                        /* of an earlier block of this host; 0 */
	unsigned unknown;
	struct block block;
	/* the value that may go on in the next line */
	const struct listing_label *label;
	char value[LISTING_VALUE_MAX]; size_t value_n, width; bool value_cut, spaced;
};

static bool is_count(enum listing_value v)
{
	return v == LISTING_COUNT || v == LISTING_MINUTES;
}

/* ---- values ---- */

static int set_text(struct block *b, const struct listing_label *l, const char *p, size_t n)
{
	size_t count, most;
	const struct estate_kind *host = estate_kind_find("host");
	const struct estate_field *f = estate_field_find(host, l->field);

	most = f != NULL && f->max > 0 ? f->max : LISTING_VALUE_MAX;
	count = utf8_cut(p, n, most);
	if (count < n && listing_doubt(b->doubts, "%s is longer than %zu bytes and was cut", l->text, most) != 0)
		return MUSTER_E_NOMEM;
	return json_object_set_new(b->entry, l->field, json_stringn(p, count)) == 0 ? MUSTER_OK : MUSTER_E_NOMEM;
}

/* Digits alone: a number with separators is of another language's form and means something else elsewhere. */
static bool number(const char *p, size_t n, json_int_t *out, size_t *used)
{
	*out = 0;
	for (*used = 0; *used < n && isdigit((unsigned char)p[*used]) && *used < 16; ++*used)
		*out = *out * 10 + (p[*used] - '0');
	return *used > 0 && *used < 16;
}

static int set_number(struct block *b, const struct listing_label *l, const char *p, size_t n)
{
	json_int_t v;
	size_t used;
	bool ok = number(p, n, &v, &used);

	if (ok && l->value == LISTING_MINUTES)
		ok = n - used >= 7 && strncasecmp(p + used, " minute", 7) == 0;
	else
		ok = ok && used == n;
	if (!ok)
		return listing_doubt(b->doubts, "%s \"%.*s\" is not %s, and was left out", l->text, (int)(n < 60 ? n : 60), p,
			l->value == LISTING_MINUTES ? "a number of minutes in the published form" : "a number in the published form (digits alone)");
	return json_object_set_new(b->entry, l->field, json_integer(v));
}

static int set_uuid(struct block *b, const struct listing_label *l, const char *p, size_t n)
{
	uint8_t id[UUID_LEN];
	char text[UUID_TEXT];

	if (n == 38 && p[0] == '{' && p[37] == '}') {
		p++;
		n -= 2;
	}
	if (uuid_parse(id, p, n) != MUSTER_OK)
		return listing_doubt(b->doubts, "%s \"%.*s\" is no UUID, and was left out", l->text, (int)(n < 60 ? n : 60), p);
	uuid_format(text, id);
	return json_object_set_new(b->entry, l->field, json_string(text));
}

static int set_partial(struct block *b, const struct listing_label *l, const char *p, size_t n)
{
	char partial[6] = "";

	for (size_t i = 0; n == 5 && i < 5; i++)
		partial[i] = isalnum((unsigned char)p[i]) ? (char)toupper((unsigned char)p[i]) : '\0';
	if (strlen(partial) != 5)
		return listing_doubt(b->doubts, "%s is not five letters and digits, and was left out", l->text);
	return json_object_set_new(b->entry, l->field, json_string(partial));
}

static int set_date(struct reading *r, const struct listing_label *l, const char *p, size_t n)
{
	struct block *b = &r->block;
	int64_t local, utc[2];
	enum zone_times times;
	int nearer;

	if (!listing_date(p, n, &local)) {
		b->taken_at = 0;
		return listing_doubt(b->doubts, "%s \"%.*s\" is not of the published form M/D/YYYY h:mm:ss AM: the time of the file is taken, --at says another", l->text, (int)(n < 60 ? n : 60), p);
	}
	times = zone_utc(&r->zone, local * 1000, utc);
	/* a listing is written into its file when it is made */
	nearer = zone_nearer(utc, r->hints->at * 1000);
	r->taken_at = b->taken_at = utc[nearer == 1] / 1000;
	if (times == ZONE_NEVER)
		return listing_doubt(b->doubts, "%s \"%.*s\" was never shown by a clock of that time zone, which went forward past it: an hour later is taken", l->text, (int)n, p);
	if (times == ZONE_TWICE && nearer < 0)
		return exchange_say(r->sink, r->done, b->line, "note", "%s \"%.*s\" was shown twice by the clocks of that time zone, which went back: the first is taken", l->text, (int)n, p);
	if (r->zone.told || r->offset_said)
		return MUSTER_OK;
	r->offset_said = true;
	return exchange_say(r->sink, r->done, 0, "note", "\"Trusted time\" is local to the machine and was read as UTC; --utc-offset +01:00 or --time-zone Europe/Berlin says another");
}

static int set_said(struct block *b, const struct listing_label *l)
{
	if (l->field == NULL)
		return MUSTER_OK;
	if (strcmp(l->field, "license_status") == 0) {
		b->said.not_in_use = true;
		return json_object_get(b->entry, l->field) != NULL ? MUSTER_OK : json_object_set_new(b->entry, l->field, json_string(NOT_IN_USE));
	}
	return json_object_set_new(b->entry, l->field, json_boolean(l->means));
}

static int set_value(struct reading *r)
{
	const struct listing_label *l = r->label;
	struct block *b = &r->block;
	const char *p = r->value;
	size_t n = r->value_n;

	if (l->value == LISTING_SAID)
		return set_said(b, l);
	if (n == 0 || l->value == LISTING_KNOWN || l->value == LISTING_WRAPPED)
		return MUSTER_OK;
	if (l->value == LISTING_REASON) {
		b->said.reason = true;
		(void)snprintf(b->said.reason_text, sizeof(b->said.reason_text), "%.*s", (int)utf8_cut(p, n, sizeof(b->said.reason_text) - 1), p);
		return MUSTER_OK;
	}
	/* "not available" where discovery found nobody */
	if (strcmp(l->field, "activated_by") == 0 && n >= 13 && strncasecmp(p, "not available", 13) == 0)
		return MUSTER_OK;
	if (json_object_get(b->entry, l->field) != NULL)
		return strcmp(l->field, "rearms") == 0 || strcmp(l->field, "activated_by") == 0 ? MUSTER_OK :
			listing_doubt(b->doubts, "%s is listed twice in one block; the first stands", l->text);
	switch (l->value) {
	case LISTING_UUID: return set_uuid(b, l, p, n);
	case LISTING_COUNT: case LISTING_MINUTES: return set_number(b, l, p, n);
	case LISTING_PARTIAL: return set_partial(b, l, p, n);
	case LISTING_DATE: return set_date(r, l, p, n);
	default: return set_text(b, l, p, n);
	}
}

/* The value that was held back is whole now. */
static int commit_value(struct reading *r)
{
	int k = MUSTER_OK;

	if (r->label != NULL && r->block.entry != NULL) {
		k = set_value(r);
		if (k == MUSTER_OK && r->value_cut)
			k = listing_doubt(r->block.doubts, "%s is longer than %d bytes and was cut", r->label->text, LISTING_VALUE_MAX);
	}
	r->label = NULL;
	return k == MUSTER_OK || k == MUSTER_E_REFUSED ? k : MUSTER_E_NOMEM;
}

/* @p spaced: a space stood at the end of the line, or was trimmed from it. */
static void add_value(struct reading *r, const char *p, size_t n, size_t width, bool spaced)
{
	size_t k;

	if (r->value_n > 0 && r->spaced && r->value_n < LISTING_VALUE_MAX && r->label->value == LISTING_TEXT)
		r->value[r->value_n++] = ' ';
	r->spaced = spaced || width + 1 == COLUMNS;
	k = utf8_cut(p, n, LISTING_VALUE_MAX - r->value_n);
	r->value_cut = r->value_cut || k < n;
	for (size_t i = 0; i < k; i++)
		r->value[r->value_n + i] = (unsigned char)p[i] < 0x20 || p[i] == 0x7f ? ' ' : p[i];
	r->value_n += k;
	r->width = width;
}

/* ---- blocks ---- */

/* facts.md section 3: VOLUME_KMSCLIENT is a client, any other VOLUME_KMS* a host, *MAK* a MAK. */
static const char *channel_of(const char *description)
{
	static const struct { const char *mark, *channel; } marks[] = {
		{ "VOLUME_KMSCLIENT", "client" }, { "VOLUME_KMS", "host" }, { "MAK", "mak" }, { "RETAIL", "retail" },
	};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		for (const char *p = description; *p != '\0'; p++)
			if (strncasecmp(p, marks[i].mark, strlen(marks[i].mark)) == 0)
				return marks[i].channel;
	return "other";
}

static const char *host_of(struct reading *r, int *said)
{
	*said = MUSTER_OK;
	if (r->host[0] != '\0')
		return r->host;
	if (r->hints->host != NULL)
		return r->hints->host;
	if (r->base[0] == '\0')
		return NULL;
	if (!r->base_said)
		*said = exchange_say(r->sink, r->done, r->block.line, "note", "no machine is named: the listing is taken as that of \"%s\", after the file's name; --host says another", r->base);
	r->base_said = true;
	return r->base;
}

static void drop_block(struct block *b)
{
	json_decref(b->entry);
	json_decref(b->doubts);
	memset(b, 0, sizeof(*b));
}

static int give_block(struct reading *r)
{
	struct block *b = &r->block;
	int64_t at = b->taken_at != 0 ? b->taken_at : r->taken_at != 0 ? r->taken_at : r->hints->at;
	char when[TIME_RFC3339] = "";
	const char *host, *description = json_string_value(json_object_get(b->entry, "description"));
	json_t *record;
	int k;

	if (description == NULL && json_object_get(b->entry, "activation_id") == NULL)
		return exchange_say(r->sink, r->done, b->line, "refused", "a block with neither Description nor Activation ID: labels are read in English, as published; "
			"list again with `dlv` in an English console, or complete the file");
	if (description != NULL && json_object_set_new(b->entry, "channel", json_string(channel_of(description))) != 0)
		return MUSTER_E_NOMEM;
	if (listing_doubts(b->entry, &b->said, at, b->doubts) != 0)
		return MUSTER_E_NOMEM;
	host = host_of(r, &k);
	if (k != MUSTER_OK)
		return k;
	if (at > 0)
		time_rfc3339(when, at * 1000);
	record = json_pack("{s:s?, s:s?, s:O, s:O}", "host", host, "taken_at", when[0] != '\0' ? when : NULL, "entry", b->entry, "doubts", b->doubts);
	return exchange_give(r->sink, r->done, record, b->line);
}

static int end_block(struct reading *r)
{
	int k = commit_value(r);

	if (k == MUSTER_OK && r->block.entry != NULL)
		k = give_block(r);
	drop_block(&r->block);
	return k;
}

static int begin_block(struct reading *r, unsigned long line)
{
	int k = end_block(r);

	if (k != MUSTER_OK)
		return k;
	r->block = (struct block){ .entry = json_object(), .doubts = json_array(), .line = line };
	return r->block.entry != NULL && r->block.doubts != NULL ? MUSTER_OK : MUSTER_E_NOMEM;
}

/* ---- lines ---- */

/* In place: spaces of other alphabets, which newer systems put before AM, and marks of direction. @return bytes. */
static size_t plain_spaces(char *out, const char *p, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n;) {
		if (n - i >= 3 && memcmp(p + i, "\xe2\x80\xaf", 3) == 0) {
			out[k++] = ' ';
			i += 3;
		} else if (n - i >= 2 && memcmp(p + i, "\xc2\xa0", 2) == 0) {
			out[k++] = ' ';
			i += 2;
		} else if (n - i >= 3 && memcmp(p + i, "\xe2\x80", 2) == 0 && ((unsigned char)p[i + 2] == 0x8e || (unsigned char)p[i + 2] == 0x8f)) {
			i += 3;
		} else {
			out[k++] = p[i++];
		}
	}
	return k;
}

static size_t columns(const char *p, size_t n)
{
	size_t c = 0;

	for (size_t i = 0; i < n; i++)
		c += ((unsigned char)p[i] & 0xc0) != 0x80;
	return c;
}

/* Does a line that begins with no label go on with the value before it? */
static bool goes_on(const struct reading *r, const char *p, size_t n)
{
	if (r->label == NULL || r->width < CONSOLE || r->label->value == LISTING_SAID)
		return false;
	if (is_count(r->label->value)) {
		for (size_t i = 0; i < n; i++)
			if (!isdigit((unsigned char)p[i]) && r->label->value == LISTING_COUNT)
				return false;
		return true;
	}
	return r->label->value != LISTING_WRAPPED || (memchr(p, ' ', n) == NULL && memchr(p, '>', n) == NULL);
}

static bool begins(const char *p, size_t n, const char *with)
{
	return n >= strlen(with) && strncasecmp(p, with, strlen(with)) == 0;
}

/* Lines of a block that look like "Label: value" and are none that is known: the first few are told. */
static int unknown_line(struct reading *r, const char *p, size_t n, unsigned long line)
{
	const char *colon = memchr(p, ':', n < 60 ? n : 60);

	if (begins(p, n, "Error:") || begins(p, n, "Input Error:") || begins(p, n, "CScript Error:"))
		return exchange_say(r->sink, r->done, line, "doubtful", "the script reported an error, something may be missing: \"%.*s\"", (int)utf8_cut(p, n, 200), p);
	if (r->block.entry == NULL || colon == NULL || !isalpha((unsigned char)*p) || colon - p < 3 || r->unknown++ >= UNKNOWN_NAMED || (colon + 1 < p + n && colon[1] != ' '))
		return MUSTER_OK;
	return exchange_say(r->sink, r->done, line, "note", "\"%.*s\" is no label that is known here, and was left out", (int)(colon - p), p);
}

static int take_label(struct reading *r, const struct listing_label *l, const char *value, size_t n, size_t width, bool spaced, unsigned long line)
{
	bool opens = l->field != NULL && (strcmp(l->field, "name") == 0 ||
		(r->block.entry == NULL && (strcmp(l->field, "description") == 0 || strcmp(l->field, "activation_id") == 0)));
	int k = opens ? begin_block(r, line) : commit_value(r);

	if (k != MUSTER_OK)
		return k;
	r->label = l;
	r->value_n = 0;
	r->value_cut = false;
	add_value(r, value, n, width, spaced);
	return MUSTER_OK;
}

static int take_host(struct reading *r, enum listing_host what, const char *host)
{
	int k = end_block(r);

	if (what == LISTING_HOST_LOCAL || strcmp(host, r->host) != 0)
		r->taken_at = 0;
	(void)snprintf(r->host, sizeof(r->host), "%s", what == LISTING_HOST_NAMED ? host : "");
	return k;
}

#define LINE_MAX_SHOWN 4096      /* longer ones are no lines of a listing */

static int take_line(struct reading *r, const struct exchange_line *line)
{
	char text[LINE_MAX_SHOWN], host[LISTING_HOST_MAX + 1];
	const struct listing_label *l;
	enum listing_host what;
	const char *value, *p = text;
	size_t n, value_n, width;
	bool spaced;
	int k;

	if (line->n > LINE_MAX_SHOWN) {
		if ((k = commit_value(r)) != MUSTER_OK)
			return k;
		return exchange_say(r->sink, r->done, line->number, "doubtful", "a line of %s%zu bytes is none of a listing, and was left out", line->cut ? "more than " : "", line->n);
	}
	n = plain_spaces(text, line->p, line->n);
	width = columns(text, n);
	spaced = n > 0 && text[n - 1] == ' ';
	while (n > 0 && isspace((unsigned char)*p)) {
		p++;
		n--;
	}
	while (n > 0 && (isspace((unsigned char)p[n - 1]) || p[n - 1] == 0x1a))
		n--;
	if (n == 0)
		return MUSTER_OK;
	if ((l = listing_label(p, n, &value, &value_n)) != NULL)
		return take_label(r, l, value, value_n, width, spaced, line->number);
	if ((what = listing_host(p, n, host)) != LISTING_HOST_NONE)
		return take_host(r, what, host);
	if (goes_on(r, p, n)) {
		add_value(r, p, n, width, spaced);
		return MUSTER_OK;
	}
	if ((k = commit_value(r)) != MUSTER_OK)
		return k;
	return unknown_line(r, p, n, line->number);
}

/* "KMS01.txt" is of KMS01, "kms01.example.org.txt" of kms01.example.org. */
static void base_name(char out[LISTING_HOST_MAX + 1], const char *name)
{
	static const char *const ends[] = { ".txt", ".log", ".lst", ".out", ".dlv", ".dli", ".asc", ".utf8", ".utf16" };
	size_t n = name != NULL ? strlen(name) : 0;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (n > strlen(ends[i]) && strcasecmp(name + n - strlen(ends[i]), ends[i]) == 0) {
			n -= strlen(ends[i]);
			break;
		}
	if (n > 0 && listing_host_valid(name, n)) {
		memcpy(out, name, n);
		out[n] = '\0';
	}
}

static int read_listing(struct exchange_text *t, const struct exchange_hints *h, const struct exchange_sink *sink, struct exchange_done *done, struct muster_err *err)
{
	struct reading r = { .hints = h, .sink = sink, .done = done };
	struct exchange_line line;
	int k;

	if ((k = zone_open(&r.zone, h, err)) != MUSTER_OK)
		return k;
	if (h->host != NULL && !listing_host_valid(h->host, strlen(h->host)))
		return err_set(err, MUSTER_E_INVALID, "--host takes a machine's name (letters, digits, '.', '-', '_'), not \"%.60s\"", h->host);
	base_name(r.base, h->name);
	while ((k = exchange_text_line(t, &line, err)) == 1)
		if ((k = take_line(&r, &line)) != MUSTER_OK) {
			(void)err_set(err, k, k == MUSTER_E_NOMEM ? "out of memory" : "stopped in line %lu", line.number);
			break;
		}
	if (k == 0 && (k = end_block(&r)) != MUSTER_OK)
		(void)err_set(err, k, k == MUSTER_E_NOMEM ? "out of memory" : "stopped at the end of the file");
	drop_block(&r.block);
	if (k == MUSTER_OK && done->records == 0 && done->refused == 0)
		k = exchange_say(sink, done, 0, "refused", "there is no block that begins with \"Name:\" in it");
	return k;
}

static int recognise(const char *text, size_t n)
{
	bool name;
	unsigned labels = listing_labels_in(text, n, &name);

	if (labels >= 2 && name)
		return 95;
	return labels >= 3 ? 90 : labels == 2 ? 60 : labels == 1 && name ? 50 : labels == 1 ? 25 : 0;
}

const struct exchange_reader exchange_listing = { EXCHANGE_LISTING, "listing of dli or dlv", recognise, read_listing };
