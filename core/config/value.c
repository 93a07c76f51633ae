#include "core/config/value.h"

#include <inttypes.h>
#include <muster/plugin.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/uuid.h"
#include "core/config/address.h"
#include "core/config/claims.h"
#include "core/config/lists.h"
#include "core/config/report.h"

/* ---- numbers with units ---- */

struct unit { const char *name; uint64_t factor; };

/* From small to large; the writer takes the last that divides. */
static const struct unit time_units[] = { { "s", 1 }, { "min", 60 }, { "h", 3600 }, { "d", 86400 }, { "w", 604800 }, { NULL, 0 } };
static const struct unit msec_units[] = { { "ms", 1 }, { "s", 1000 }, { "min", 60000 }, { "h", 3600000 }, { NULL, 0 } };
static const struct unit size_units[] = {
	{ "B", 1 }, { "KiB", 1024 }, { "MiB", 1024 * 1024 }, { "GiB", 1024 * 1024 * 1024 }, { "TiB", (uint64_t)1024 * 1024 * 1024 * 1024 }, { NULL, 0 }
};
static const struct unit no_units[] = { { NULL, 0 } };

struct kind { const struct unit *units; bool needs_unit; const char *use; };

static struct kind kind_of(enum config_type type)
{
	switch (type) {
	case CONFIG_TIME:
		return (struct kind){ time_units, true, "s, min, h, d or w" };
	case CONFIG_MSEC:
		return (struct kind){ msec_units, true, "ms, s, min or h" };
	case CONFIG_SIZE:
		return (struct kind){ size_units, false, "B, KiB, MiB, GiB or TiB" };
	default:
		return (struct kind){ no_units, false, NULL };
	}
}

static int read_number(enum config_type type, const char *text, uint64_t *out, struct muster_err *err)
{
	struct kind kind = kind_of(type);
	const struct unit *unit = kind.units;
	char shown[CONFIG_SHOW];
	const char *p = text;
	uint64_t n = 0;

	*out = 0;
	config_show(shown, text);
	if (*p < '0' || *p > '9')
		return err_set(err, MUSTER_E_INVALID, "'%s' is not a number%s%s", shown, kind.use != NULL ? " with a unit: " : "", kind.use != NULL ? kind.use : "");
	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (n > (UINT64_MAX - digit) / 10)
			return err_set(err, MUSTER_E_INVALID, "%s is too large", shown);
		n = n * 10 + digit;
	}
	p += strspn(p, " \t");
	if (*p == '\0') {
		/* Minutes or seconds? Never guessed; nought is the same in every unit. */
		if (kind.needs_unit && n != 0)
			return err_set(err, MUSTER_E_INVALID, "%s has no unit: write %s%s or %s%s", shown, shown, unit[0].name, shown, unit[1].name);
		*out = n;
		return MUSTER_OK;
	}
	if (kind.use == NULL)
		return err_set(err, MUSTER_E_INVALID, "'%s' is not a whole number", shown);
	while (unit->name != NULL && strcmp(unit->name, p) != 0)
		unit++;
	if (unit->name == NULL)
		return err_set(err, MUSTER_E_INVALID, "'%s' has an unknown unit: use %s", shown, kind.use);
	if (n > UINT64_MAX / unit->factor)
		return err_set(err, MUSTER_E_INVALID, "%s is too large", shown);
	*out = n * unit->factor;
	return MUSTER_OK;
}

int config_parse_value(char kind, const char *text, uint64_t *value, struct muster_err *err)
{
	MUSTER_ASSERT(kind == 't' || kind == 's' || kind == 'n');
	return read_number(kind == 't' ? CONFIG_TIME : kind == 's' ? CONFIG_SIZE : CONFIG_NUMBER, text, value, err);
}

void config_value_number(struct buf *out, enum config_type type, uint64_t number)
{
	const struct unit *best = NULL;

	for (const struct unit *u = kind_of(type).units; u->name != NULL; u++)
		/* Weeks are read, not written: 7d is what the documents say. Bytes need no unit. */
		if (number != 0 && number % u->factor == 0 && strcmp(u->name, "w") != 0 && strcmp(u->name, "B") != 0)
			best = u;
	if (best == NULL)
		buf_addf(out, "%" PRIu64, number);
	else
		buf_addf(out, "%" PRIu64 "%s", number / best->factor, best->name);
}

static int check_bounds(const struct config_key *k, const char *text, uint64_t number, struct muster_err *err)
{
	struct buf bound;
	char shown[CONFIG_SHOW];
	int r = MUSTER_OK;

	if (number >= k->min && number <= k->max)
		return MUSTER_OK;
	buf_init(&bound, 64);
	config_value_number(&bound, k->type, number < k->min ? k->min : k->max);
	r = err_set(err, MUSTER_E_INVALID, "%s is %s %s", config_show(shown, text), number < k->min ? "below" : "above", buf_str(&bound));
	buf_fini(&bound);
	return r;
}

/* ---- texts ---- */

static bool in(char c, const char *more)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c != '\0' && strchr(more, c) != NULL);
}

static bool made_of(const char *text, const char *more)
{
	while (in(*text, more))
		text++;
	return *text == '\0';
}

bool config_value_is_name(const char *text)
{
	return text[0] >= 'a' && text[0] <= 'z' && made_of(text, "-_") && strlen(text) <= MUSTER_NAME_MAX;
}

static bool has_scheme(const char *text, const char *scheme)
{
	size_t n = strlen(scheme);

	return strncmp(text, scheme, n) == 0 && text[n] != '\0' && strpbrk(text, " \t") == NULL;
}

static int check_length(const struct config_key *k, const char *text, struct muster_err *err)
{
	size_t n = strlen(text);

	if (n > k->max)
		return err_set(err, MUSTER_E_INVALID, "the value is %zu bytes long; at most %" PRIu64 " are allowed", n, k->max);
	if (n < k->min)
		return err_set(err, MUSTER_E_INVALID, "the value is %zu bytes long; at least %" PRIu64 " are needed", n, k->min);
	return MUSTER_OK;
}

static int check_form(const struct config_key *k, const char *text, struct muster_err *err)
{
	char shown[CONFIG_SHOW];
	uint8_t id[UUID_LEN], digest[32];

	config_show(shown, text);
	switch (k->type) {
	case CONFIG_NAME:
		if (!config_value_is_name(text))
			return err_set(err, MUSTER_E_INVALID, "'%s' is not a name: use a-z, 0-9, '-' and '_', first a letter", shown);
		break;
	case CONFIG_POOL:
		if (!config_value_is_name(text) && uuid_parse(id, text, strlen(text)) != MUSTER_OK)
			return err_set(err, MUSTER_E_INVALID, "'%s' is neither a name (a-z, 0-9, '-' and '_', first a letter) nor an application ID", shown);
		break;
	case CONFIG_ACCOUNT:
		if (!made_of(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.$") || text[0] == '-')
			return err_set(err, MUSTER_E_INVALID, "'%s' is not the name of a user or group", shown);
		break;
	case CONFIG_URL:
		if (!has_scheme(text, "http://") && !has_scheme(text, "https://") && !has_scheme(text, "mailto:"))
			return err_set(err, MUSTER_E_INVALID, "'%s' is not an address: begin with https://, http:// or mailto:, without blanks", shown);
		break;
	case CONFIG_LISTEN:
		return config_check_listen(text, err);
	case CONFIG_NETWORKS:
		return config_check_networks(text, err);
	case CONFIG_CLAIMS:
		return config_check_claims(text, err);
	case CONFIG_VERSION:
	case CONFIG_VERSIONS:
		return config_check_versions(text, k->type == CONFIG_VERSION, err);
	case CONFIG_WORDS:
		return config_check_words(text, k->words, err);
	case CONFIG_MEDIUM:
		return config_check_media(text, err);
	case CONFIG_DIGEST:
		if (hex_decode(digest, sizeof digest, text, strlen(text)) != MUSTER_OK)
			return err_set(err, MUSTER_E_INVALID, "'%s' is not 64 hexadecimal digits: write what `sha256sum` prints", shown);
		break;
	default:
		break;
	}
	return MUSTER_OK;
}

/* ---- the others ---- */

static int read_choice(const struct config_key *k, const char *text, struct muster_err *err)
{
	size_t n = strlen(text);
	char shown[CONFIG_SHOW];

	for (const char *p = k->words; *p != '\0';) {
		size_t word = strcspn(p, " ");

		if (word == n && strncmp(p, text, n) == 0)
			return MUSTER_OK;
		p += word;
		p += strspn(p, " ");
	}
	return err_set(err, MUSTER_E_INVALID, "'%s' is none of: %s", config_show(shown, text), k->words);
}

static int read_flag(const char *text, uint64_t *out, struct muster_err *err)
{
	static const struct unit words[] = { { "yes", 1 }, { "no", 0 }, { "on", 1 }, { "off", 0 }, { "true", 1 }, { "false", 0 } };
	char shown[CONFIG_SHOW];

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(words[i].name, text) == 0) {
			*out = words[i].factor;
			return MUSTER_OK;
		}
	return err_set(err, MUSTER_E_INVALID, "'%s' is neither yes nor no", config_show(shown, text));
}

static int read_uuid(const char *text, uint8_t out[16], struct muster_err *err)
{
	char shown[CONFIG_SHOW];

	if (uuid_parse(out, text, strlen(text)) != MUSTER_OK)
		return err_set(err, MUSTER_E_INVALID, "'%s' is not a UUID: write 00000000-0000-0000-0000-000000000000 with its own digits", config_show(shown, text));
	if (uuid_is_nil(out))
		return err_set(err, MUSTER_E_INVALID, "the UUID is all zero: every product and edition needs its own");
	return MUSTER_OK;
}

static int read_date(const struct config_key *k, const char *text, int64_t *out, struct muster_err *err)
{
	char whole[TIME_RFC3339], shown[CONFIG_SHOW];
	int64_t ms = 0;

	if (strlen(text) == 10) {
		memcpy(whole, text, 10);
		strcpy(whole + 10, k->type == CONFIG_DATE ? "T00:00:00Z" : "T23:59:59Z");
	}
	if (strlen(text) != 10 || time_parse_rfc3339(&ms, whole, strlen(whole)) != MUSTER_OK)
		return err_set(err, MUSTER_E_INVALID, "'%s' is not a day: write YYYY-MM-DD", config_show(shown, text));
	*out = ms / 1000;
	/* 0 means "none" in the structure, so the epoch itself cannot be told from it. */
	if (*out < 86400)
		return err_set(err, MUSTER_E_INVALID, "%s is before 1970-01-02", config_show(shown, text));
	return MUSTER_OK;
}

int config_value_read(const struct config_key *k, const char *text, struct config_value *out, struct muster_err *err)
{
	int r;

	memset(out, 0, sizeof *out);
	out->text = text;
	if (text[0] == '\0')
		return (k->flags & CONFIG_KEY_EMPTY) != 0 ? MUSTER_OK : err_set(err, MUSTER_E_INVALID, "the value is missing");
	switch (k->type) {
	case CONFIG_NUMBER:
	case CONFIG_TIME:
	case CONFIG_MSEC:
	case CONFIG_SIZE:
		r = read_number(k->type, text, &out->number, err);
		return r == MUSTER_OK ? check_bounds(k, text, out->number, err) : r;
	case CONFIG_SWITCH:
	case CONFIG_FLAG:
		return read_flag(text, &out->number, err);
	case CONFIG_CHOICE:
		return read_choice(k, text, err);
	case CONFIG_UUID:
		return read_uuid(text, out->id, err);
	case CONFIG_DATE:
	case CONFIG_DATE_END:
		return read_date(k, text, &out->date, err);
	default:
		r = check_length(k, text, err);
		return r == MUSTER_OK ? check_form(k, text, err) : r;
	}
}

void config_value_store(const struct config_key *k, void *object, const struct config_value *v)
{
	unsigned char *member = (unsigned char *)object + k->offset;
	bool flag = v->number != 0;

	switch (k->type) {
	case CONFIG_NUMBER:
	case CONFIG_TIME:
	case CONFIG_MSEC:
	case CONFIG_SIZE:
	case CONFIG_SWITCH:
		memcpy(member, &v->number, sizeof v->number);
		break;
	case CONFIG_FLAG:
		memcpy(member, &flag, sizeof flag);
		break;
	case CONFIG_UUID:
		memcpy(member, v->id, sizeof v->id);
		break;
	case CONFIG_DATE:
	case CONFIG_DATE_END:
		memcpy(member, &v->date, sizeof v->date);
		break;
	default:
		memcpy(member, &v->text, sizeof v->text);
		break;
	}
}

void config_value_write(struct buf *out, const struct config_key *k, const void *object)
{
	const unsigned char *member = (const unsigned char *)object + k->offset;
	char text[UUID_TEXT], day[TIME_RFC3339];
	const char *string;
	uint64_t number;
	int64_t date;
	bool flag;

	switch (k->type) {
	case CONFIG_NUMBER:
	case CONFIG_TIME:
	case CONFIG_MSEC:
	case CONFIG_SIZE:
		memcpy(&number, member, sizeof number);
		config_value_number(out, k->type, number);
		break;
	case CONFIG_SWITCH:
		memcpy(&number, member, sizeof number);
		buf_adds(out, number != 0 ? "yes" : "no");
		break;
	case CONFIG_FLAG:
		memcpy(&flag, member, sizeof flag);
		buf_adds(out, flag ? "yes" : "no");
		break;
	case CONFIG_UUID:
		uuid_format(text, member);
		buf_adds(out, text);
		break;
	case CONFIG_DATE:
	case CONFIG_DATE_END:
		memcpy(&date, member, sizeof date);
		time_rfc3339(day, date * 1000);
		buf_add(out, day, 10);
		break;
	default:
		memcpy(&string, member, sizeof string);
		buf_adds(out, string != NULL ? string : "");
		break;
	}
}
