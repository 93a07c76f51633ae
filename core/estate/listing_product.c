/* Which product of the catalog a listing means, and what the catalog says of its host. */
#include "core/estate/listings.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/uuid.h"

/* facts.md section 8 */
#define APPLICATION_WINDOWS "55c92734-d682-4d71-983e-d6ec3f16059f"
#define APPLICATION_OFFICE "0ff1ce15-a989-479d-af46-f275c6370663"
#define APPLICATION_OFFICE_2010 "59a52881-a989-479d-af46-f275c6370663"

/* Muster's own namespace for name-based IDs; etc/products.d and the plugins use it too. */
static const uint8_t space[16] = { 0xd7, 0xc9, 0x47, 0x07, 0xd1, 0x5f, 0x42, 0x53, 0xb6, 0xb7, 0x16, 0xad, 0x09, 0x6e, 0xb6, 0x57 };

/* Words for one generation of Office, as listings and products name it. */
#define WORDS 5
static const char *const generations[][WORDS] = {
	{ "office 14", "office 2010", "office2010", "office14", NULL },
	{ "office 15", "office 2013", "office2013", "office15", NULL },
	{ "office 16", "office 2016", "office2016", "office16", NULL },
	{ "office 19", "office 2019", "office2019", "office19", NULL },
	{ "office 21", "office 2021", "office ltsc 2021", "office21", NULL },
	{ "office 24", "office 2024", "office ltsc 2024", "office24", NULL },
};
#define GENERATIONS (sizeof(generations) / sizeof(generations[0]))

/* As a word: "Office 2010" is not in "Office 20101". */
static bool has(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (; *text != '\0'; text++)
		if (strncasecmp(text, word, n) == 0 && !isdigit((unsigned char)text[n]))
			return true;
	return false;
}

/* Place in the table; the one named first in a text that names several. GENERATIONS: none. */
static size_t generation_of(const char *text)
{
	for (; *text != '\0'; text++)
		for (size_t g = 0; g < GENERATIONS; g++)
			for (size_t i = 0; i < WORDS && generations[g][i] != NULL; i++) {
				size_t n = strlen(generations[g][i]);

				if (strncasecmp(text, generations[g][i], n) == 0 && !isdigit((unsigned char)text[n]))
					return g;
			}
	return GENERATIONS;
}

static bool counted(const struct catalog_product *p)
{
	return p->row.model == MUSTER_MODEL_THRESHOLD && p->row.refused == NULL;
}

static bool of_application(const struct catalog_product *p, const char *id)
{
	char own[UUID_TEXT];

	uuid_format(own, p->row.application_id);
	/* the copy of a published sample that was edited (facts.md section 8) is no contradiction */
	return *id == '\0' || strcasecmp(own, id) == 0 || strncasecmp(id, "0ff1ce16", 8) == 0;
}

static bool same_words(const struct catalog_product *p, const struct listing_facts *f)
{
	return strcmp(p->row.title, f->name) == 0 && (*f->description == '\0' || p->description == NULL || strcmp(p->description, f->description) == 0);
}

static bool office(const struct catalog_product *p, const struct listing_facts *f)
{
	size_t g = generation_of(f->name);
	size_t own = generation_of(p->row.title);

	if (own == GENERATIONS)
		own = generation_of(p->row.name);
	return g != GENERATIONS && own == g && strncasecmp(f->name, "Office", 6) == 0;
}

static bool windows(const struct catalog_product *p, const struct listing_facts *f)
{
	char own[UUID_TEXT];

	uuid_format(own, p->row.application_id);
	/* add-ons for extended updates are counted keys, each year its own product */
	if (strncasecmp(f->name, "Windows", 7) != 0 || strcmp(own, APPLICATION_WINDOWS) != 0 || strstr(f->name, "ESU") != NULL)
		return false;
	return (p->row.class_bits & (has(f->name, "Server") ? MUSTER_CLASS_SERVER : MUSTER_CLASS_CLIENT)) != 0;
}

/* A year in a name: "Windows Server 2019". 0 none. */
static unsigned year_in(const char *text)
{
	for (; *text != '\0'; text++)
		if (text[0] == '2' && text[1] == '0' && isdigit((unsigned char)text[2]) && isdigit((unsigned char)text[3]) && !isdigit((unsigned char)text[4]))
			return (unsigned)strtoul(text, NULL, 10);
	return 0;
}

const struct catalog_product *listing_product(const struct catalog *c, const struct listing_facts *f)
{
	static bool (*const means[])(const struct catalog_product *p, const struct listing_facts *f) = { same_words, office, windows };
	size_t n;
	const struct catalog_product *p = catalog_products(c, &n);

	for (size_t m = 0; m < sizeof(means) / sizeof(means[0]); m++) {
		const struct catalog_product *found = NULL, *of_year = NULL;
		size_t count = 0, years = 0;

		for (size_t i = 0; i < n; i++) {
			if (!counted(&p[i]) || !of_application(&p[i], f->application_id) || !means[m](&p[i], f))
				continue;
			found = &p[i];
			count++;
			if (year_in(f->name) != 0 && year_in(p[i].row.title) == year_in(f->name)) {
				of_year = &p[i];
				years++;
			}
		}
		if (count == 1)
			return found;
		if (count > 1)
			return years == 1 ? of_year : NULL;
	}
	return NULL;
}

static uint32_t largest(const struct catalog *c, const struct catalog_product *p)
{
	size_t n;
	const struct catalog_edition *e = catalog_editions(c, p, &n);
	uint32_t most = p->row.minimum_count;

	for (size_t i = 0; i < n; i++)
		if (e[i].minimum_count > most)
			most = e[i].minimum_count;
	return most;
}

uint32_t listing_cap(const struct catalog *c, const struct catalog_product *p, const struct listing_facts *f)
{
	uint32_t most = strcasecmp(f->application_id, APPLICATION_WINDOWS) == 0 ? 25 :
		strcasecmp(f->application_id, APPLICATION_OFFICE) == 0 || strcasecmp(f->application_id, APPLICATION_OFFICE_2010) == 0 ? 5 : 0;
	size_t n;
	const struct catalog_product *all = catalog_products(c, &n);

	for (size_t i = 0; p != NULL && p->pool != NULL && i < n; i++)
		if (all[i].pool == p->pool && largest(c, &all[i]) > most)
			most = largest(c, &all[i]);
	return 2 * most;
}

/* Which Windows a build is; the field before the last of an extended PID names the build (facts.md section 3). */
static const struct { unsigned from, to; const char *server, *client; } systems[] = {
	{ 6001, 6002, "Windows Server 2008", "Windows Vista" }, { 7600, 7601, "Windows Server 2008 R2", "Windows 7" }, { 9200, 9200, "Windows Server 2012", "Windows 8" },
	{ 9600, 9600, "Windows Server 2012 R2", "Windows 8.1" }, { 10240, 14392, NULL, "Windows 10" }, { 14393, 14393, "Windows Server 2016", "Windows 10" },
	{ 14394, 17762, NULL, "Windows 10" }, { 17763, 17763, "Windows Server 2019", "Windows 10" }, { 17764, 19045, NULL, "Windows 10" },
	{ 20348, 20348, "Windows Server 2022", NULL }, { 22000, 26099, NULL, "Windows 11" }, { 26100, 26100, "Windows Server 2025", "Windows 11" },
};

/* "05426-00206-234-001162-03-1033-9200.0000-0992013": behind the sixth hyphen. 0 none. */
static unsigned build_of(const char *pid)
{
	for (int i = 0; i < 6 && pid != NULL; i++)
		if ((pid = strchr(pid, '-')) != NULL)
			pid++;
	return pid != NULL && isdigit((unsigned char)*pid) ? (unsigned)strtoul(pid, NULL, 10) : 0;
}

/* "Windows 8" is no "Windows 8.1", "Windows Server 2008" no "R2"; what follows a comma is of editions. */
static bool platform_is(const char *platform, const char *system)
{
	size_t n = system != NULL ? strlen(system) : 0;

	return n > 0 && strncasecmp(platform, system, n) == 0 && (platform[n] == '\0' || platform[n] == ',');
}

int listing_updates(const struct catalog_product *p, const struct listing_facts *f, bool server, bool client, json_t *updates)
{
	const struct muster_platform *row = p->row.platforms.rows;
	unsigned build = build_of(f->extended_pid);
	char text[300];

	for (size_t s = 0; build != 0 && s < sizeof(systems) / sizeof(systems[0]); s++) {
		if (build < systems[s].from || build > systems[s].to)
			continue;
		for (size_t i = 0; i < p->row.platforms.count; i++) {
			const struct muster_platform *on = (const struct muster_platform *)(const void *)((const char *)row + i * p->row.platforms.stride);

			if (on->update == NULL || !((server && platform_is(on->name, systems[s].server)) || (client && platform_is(on->name, systems[s].client))))
				continue;
			(void)snprintf(text, sizeof(text), "%s, as host of %s, needs %s", on->name, p->row.name, on->update);
			if (json_array_append_new(updates, json_string(text)) != 0)
				return -1;
		}
	}
	return 0;
}

void listing_named_id(uint8_t out[16], const char *name, const char *description)
{
	char text[600];

	(void)snprintf(text, sizeof(text), "listing %.256s\n%.256s", name, description);
	uuid_named(out, space, text);
}
