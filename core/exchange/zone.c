/* Local times to UTC. The rules of places are libc's: it reads the time zone database, and extends it into years that the database does not list. */
#include "core/exchange/zone.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/err.h"

#define DATABASE "/usr/share/zoneinfo"
#define DAY_S INT64_C(86400)
#define PATH_SIZE 512

/* ---- what the caller says ---- */

/* One or two digits; -1 none. */
static int two_digits(const char **p)
{
	int v = 0, n = 0;

	for (; n < 2 && **p >= '0' && **p <= '9'; n++, ++*p)
		v = v * 10 + (**p - '0');
	return n > 0 ? v : -1;
}

bool zone_offset(const char *text, int *offset_s)
{
	const char *p = text + 1;
	int hours, minutes = 0;

	*offset_s = 0;
	if (strcasecmp(text, "Z") == 0 || strcasecmp(text, "UTC") == 0)
		return true;
	if (text[0] != '+' && text[0] != '-')
		return false;
	hours = two_digits(&p);
	if (*p != '\0') {
		p += *p == ':';
		if (strlen(p) != 2)
			return false;
		minutes = two_digits(&p);
	}
	if (*p != '\0' || hours < 0 || hours > 14 || minutes < 0 || minutes > 59)
		return false;
	*offset_s = (hours * 3600 + minutes * 60) * (text[0] == '-' ? -1 : 1);
	return true;
}

/* "Europe/Berlin", "Etc/GMT-5", "UTC": parts of letters, digits, '_', '+', '-'; so it leads out of no folder. */
static bool is_name(const char *name)
{
	size_t n = strlen(name), part = 0;

	for (size_t i = 0; i < n; i++) {
		char c = name[i];

		if (c == '/' ? part == 0 : !((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || strchr("_+-", c) != NULL))
			return false;
		part = c == '/' ? 0 : part + 1;
	}
	return part > 0 && n < ZONE_NAME_MAX;
}

/* Does it hold what a compiled zone begins with? Folders and lists lie beside them. */
static bool is_zone(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char magic[4];
	bool yes = fd >= 0 && read(fd, magic, sizeof magic) == (ssize_t)sizeof magic && memcmp(magic, "TZif", sizeof magic) == 0;

	if (fd >= 0)
		(void)close(fd);
	return yes;
}

static int open_named(const char *name, struct muster_err *err)
{
	const char *folder = getenv("TZDIR");
	char tz[PATH_SIZE];
	struct stat st;

	if (folder == NULL || folder[0] != '/')
		folder = DATABASE;
	if (!is_name(name))
		return err_set(err, MUSTER_E_INVALID, "--time-zone: \"%.64s\" is no name of a time zone: say it like Europe/Berlin", name);
	if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
		return err_set(err, MUSTER_E_INVALID, "--time-zone: there is no time zone database in %.200s: install the package tzdata, or split the file and say --utc-offset", folder);
	/* A colon and a path: libc takes no other file, and no rules written as POSIX has them. */
	if (snprintf(tz, sizeof tz, ":%s/%s", folder, name) >= (int)sizeof tz || !is_zone(tz + 1))
		return err_set(err, MUSTER_E_INVALID, "--time-zone: there is no time zone \"%s\" in %.200s; one is Europe/Berlin", name, folder);
	if (setenv("TZ", tz, 1) != 0)
		return err_nomem(err);
	tzset();
	return MUSTER_OK;
}

int zone_open(struct zone *z, const struct exchange_hints *h, struct muster_err *err)
{
	*z = (struct zone) { .told = h->offset != NULL || h->time_zone != NULL, .named = h->time_zone != NULL };
	if (h->offset != NULL && h->time_zone != NULL)
		return err_set(err, MUSTER_E_INVALID, "--time-zone and --utc-offset say the same thing: give one of them");
	if (h->offset != NULL && !zone_offset(h->offset, &z->offset_s))
		return err_set(err, MUSTER_E_INVALID, "--utc-offset takes an offset from UTC like +01:00, not \"%.40s\"", h->offset);
	return h->time_zone != NULL ? open_named(h->time_zone, err) : MUSTER_OK;
}

/* ---- times ---- */

static int64_t offset_at(int64_t utc_s)
{
	time_t t = (time_t)utc_s;
	struct tm tm;

	return localtime_r(&t, &tm) != NULL ? (int64_t)tm.tm_gmtoff : 0;
}

/* No zone is a day from UTC, and none changes its offset twice within two days: what it is a day before and a day behind are the two that can be. */
enum zone_times zone_utc(const struct zone *z, int64_t local_ms, int64_t utc[2])
{
	int64_t rest = ((local_ms % 1000) + 1000) % 1000, local = (local_ms - rest) / 1000, before, behind;
	bool first, second;

	utc[0] = utc[1] = local_ms - (int64_t)z->offset_s * 1000;
	if (!z->named)
		return ZONE_ONCE;
	before = offset_at(local - DAY_S);
	behind = offset_at(local + DAY_S);
	first = offset_at(local - before) == before;
	second = offset_at(local - behind) == behind;
	utc[0] = utc[1] = (local - (first || !second ? before : behind)) * 1000 + rest;
	if (!first && !second)
		return ZONE_NEVER;
	if (first && second && before != behind) {
		utc[1] = (local - behind) * 1000 + rest;
		return ZONE_TWICE;
	}
	return ZONE_ONCE;
}

int zone_nearer(const int64_t utc[2], int64_t near)
{
	for (int i = 0; near != INT64_MIN && i < 2; i++)
		if (near - utc[i] <= ZONE_NEAR_MS && utc[i] - near <= ZONE_NEAR_MS)
			return i;
	return -1;
}
