/* Any bytes as the two files of a medium that tables name: every find is a key of the shape reported, upper case, its mask hides it; at least one find. */
#include <string.h>

#include "core/catalog/medium.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/catalog_config.h"

static struct catalog *catalog(void)
{
	static struct catalog *c;
	static struct setup *s;   /* lives as long */

	if (c != NULL)
		return c;
	s = setup_new();
	(void)setup_plugin(s, "sql-embedded", NULL);
	FUZZ_CHECK(setup_build(s, &c) == MUSTER_OK);
	return c;
}

static bool terminated(const char *text, size_t room)
{
	return memchr(text, 0, room) != NULL;
}

static void check(const struct medium_find *f)
{
	size_t n, i;

	FUZZ_CHECK(terminated(f->path, sizeof f->path) && terminated(f->section, sizeof f->section) && terminated(f->note, sizeof f->note));
	FUZZ_CHECK(terminated(f->key, sizeof f->key) && terminated(f->masked, sizeof f->masked) && f->encoding != NULL);
	FUZZ_CHECK(f->product != NULL || f->fit_count > 1 || f->key[0] == '\0');
	FUZZ_CHECK((f->info.kind == MUSTER_KEY_EMBEDDED) == (f->key[0] != '\0'));
	if (f->key[0] == '\0') {
		FUZZ_CHECK(f->masked[0] == '\0' && f->note[0] != '\0');
		return;
	}
	n = strlen(f->key);
	FUZZ_CHECK(n == 29 && strlen(f->masked) == n);
	for (i = 0; i < n; i++) {
		FUZZ_CHECK(i % 6 == 5 ? f->key[i] == '-' : (f->key[i] >= 'A' && f->key[i] <= 'Z') || (f->key[i] >= '0' && f->key[i] <= '9'));
		FUZZ_CHECK(f->masked[i] == (i % 6 == 5 ? '-' : i < n - 5 ? '*' : f->key[i]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct muster_medium_file files[] = { { "x64/DefaultSetup.ini", { data, size } }, { "mediainfo.xml", { data, size } } };
	char name[64];
	const struct medium m = { "SQL2008", name, files, 2 };
	struct medium_finds finds;
	struct muster_err err = { 0 };
	int r;

	(void)snprintf(name, sizeof name, "%.*s", (int)(size < 60 ? size : 60), (const char *)data);
	r = medium_look(catalog(), &m, NULL, &finds, &err);
	FUZZ_CHECK(r == MUSTER_OK || r == MUSTER_E_LIMIT);
	FUZZ_CHECK((r == MUSTER_OK) == (err.message[0] == '\0'));
	FUZZ_CHECK(r != MUSTER_OK || finds.n > 0);
	for (size_t i = 0; r == MUSTER_OK && i < finds.n; i++)
		check(&finds.items[i]);
	medium_finds_free(&finds);
	return 0;
}
