/* Every way a plugin can be wrong, each with its whole message. '@' stands for the plugin's path. */
#include "tests/unit/unit.h"
#include "tests/unit/catalog_config.h"

#include <dirent.h>
#include <fcntl.h>

static char dir[256];

static void in_dir(char out[512], const char *name)
{
	(void)snprintf(out, 512, "%s/%s", dir, name);
}

static void write_file(const char *path, const void *bytes, size_t n, mode_t mode)
{
	int fd;

	(void)unlink(path); /* never write into a file that is loaded */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	ck_assert_int_eq(close(fd), 0);
}

/** A copy of a fixture under the name of the case: the loader then asks it for that case's object. */
static void copy_fixture(char out[512], const char *fixture, const char *name)
{
	const char *top = getenv("top_builddir");
	char from[512];
	char *bytes = malloc(8U << 20);
	size_t n;
	FILE *f;

	ck_assert_ptr_nonnull(bytes);
	(void)snprintf(from, sizeof from, "%s/tests/refusals/.libs/%s.so", top != NULL ? top : ".", fixture);
	(void)snprintf(out, 512, "%.250s/%.200s.so", dir, name);
	ck_assert_ptr_nonnull(f = fopen(from, "rb"));
	n = fread(bytes, 1, 8U << 20, f);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_uint_gt(n, 1000);
	write_file(out, bytes, n, 0755);
	free(bytes);
}

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(dir, sizeof dir, "%s/muster-refusals-XXXXXX", tmp != NULL ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
	struct dirent *e;
	DIR *d = opendir(dir);
	char path[512];

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
			in_dir(path, e->d_name);
			if (remove(path) != 0)
				perror(path);
		}
	ck_assert_int_eq(closedir(d), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}

/** '@' in @p text becomes @p path. */
static void expand(char *out, size_t room, const char *text, const char *path)
{
	size_t n = 0;

	for (; *text != '\0' && n + 1 < room; text++)
		n += (size_t)snprintf(out + n, room - n, *text == '@' ? "%s" : "%.1s", *text == '@' ? path : text);
}

static void assert_refused(struct setup *s, const char *name, const char *path, const char *message)
{
	struct catalog *c = NULL;
	char text[MUSTER_ERR_MAX], expected[2 * MUSTER_ERR_MAX];
	size_t n;
	const struct catalog_plugin *p;

	expand(text, sizeof text, message, path);
	(void)snprintf(expected, sizeof expected, "plugin %s is refused: %s", name, text);
	ck_assert_int_eq(setup_build(s, &c), MUSTER_E_INVALID);
	ck_assert_ptr_null(c);
	ck_assert_str_eq(s->err.message, expected);
	/* Not required: left out with the same sentence, and the rest works. */
	s->plugins[s->config.plugin_count - 1].required = false;
	ck_assert_msg(setup_build(s, &c) == MUSTER_OK, "%s: %s", name, s->err.message);
	p = catalog_plugins(c, &n);
	ck_assert_uint_eq(n, s->config.plugin_count);
	ck_assert_str_eq(p[n - 1].refused, text);
	ck_assert_ptr_null(p[n - 1].descriptor);
	catalog_unref(c);
	free(s);
}

static void refused(const char *name, const char *message)
{
	struct setup *s = setup_new();
	char path[512];

	copy_fixture(path, "bad_plugins", name);
	(void)setup_plugin(s, name, path);
	assert_refused(s, name, path, message);
}

static const struct { const char *name, *message; } cases[] = {
	{ "bad-magic", "@: its magic is 0x12345678, not 0x4d55504c; the object is no struct muster_plugin" },
	{ "bad-size", "@: its size is 24, less than the 144 of ABI 1.0; set it to sizeof(struct muster_plugin)" },
	{ "bad-major", "@: built for ABI 7.0, and this host has 1.0; rebuild it with this host's muster/plugin.h" },
	{ "old-major", "@: built for ABI 0.2, which came before 1.0 and was not frozen; build it anew with this host's muster/plugin.h" },
	{ "newer-minor", "@: built for the newer ABI 1.1, and this host has 1.0; update the host, or rebuild the plugin with this host's muster/plugin.h" },
	{ "no-name", "@: its name is missing or not made of a-z, 0-9 and '-', at most 63, a letter first" },
	{ "no-version", "@: version is missing" },
	{ "no-license", "@: license is empty; give the SPDX expression of the plugin's own licence" },
	{ "null-rows", "@: table products has 3 rows and no address; write MUSTER_TABLE(array) or MUSTER_TABLE_NONE" },
	{ "many-rows", "@: table products has 5000 rows, more than 4096; its count is probably not set with MUSTER_TABLE" },
	{ "zero-stride", "@: table products has rows of 0 bytes, and 76 to 65536 in steps of 4 are possible; set it with MUSTER_TABLE" },
	{ "odd-stride", "@: table products has rows of 275 bytes, and 76 to 65536 in steps of 4 are possible; set it with MUSTER_TABLE" },
	{ "huge-stride", "@: table products has rows of 1048576 bytes, and 76 to 65536 in steps of 4 are possible; set it with MUSTER_TABLE" },
	{ "null-editions", "@: products row 1 (null-editions): table editions has 1 rows and no address; write MUSTER_TABLE(array) or MUSTER_TABLE_NONE" },
	{ "pool-name", "@: pools row 1: name is missing or not made of a-z, 0-9 and '-', at most 63, a letter first" },
	{ "pool-title", "@: pools row 1 (office): title is not plain UTF-8 text on one line; at most 511 bytes, or NULL" },
	{ "pool-window", "@: pools row 1 (office): window_s is 60; 0 for 30 days, or 900 to 34560000 seconds" },
	{ "pool-flags", "@: pools row 1 (office): flags has bits this host does not know (0x8)" },
	{ "pool-twice", "@: pools row 2 (office): the name is used by row 1 already" },
	{ "product-name", "@: products row 1: name is missing or not made of a-z, 0-9 and '-', at most 63, a letter first" },
	{ "product-long-name", "@: products row 1: name is missing or not made of a-z, 0-9 and '-', at most 63, a letter first" },
	{ "no-title", "@: products row 1 (no-title): title is missing; it takes 1 to 511 bytes" },
	{ "long-title", "@: products row 1 (long-title): title is too long; it takes 1 to 511 bytes" },
	{ "bad-utf8", "@: products row 1 (bad-utf8): description is not plain UTF-8 text on one line; it takes 1 to 511 bytes" },
	{ "bad-model", "@: products row 1 (bad-model): model 77 is none of MUSTER_MODEL_*" },
	{ "none-model", "@: products row 1 (none-model): model none is for products that are never served; say why in refused, or name a model" },
	{ "zero-id", "@: products row 1 (zero-id): activation_id is all zero; give it, or say in refused why the product is never served" },
	{ "zero-application", "@: products row 1 (zero-application): application_id is all zero" },
	{ "refused-editions", "@: products row 1 (refused-editions): a product without activation_id has no editions" },
	{ "zero-minimum", "@: products row 1 (zero-minimum): minimum_count is 0; the threshold model takes 1 to 100000" },
	{ "large-minimum", "@: products row 1 (large-minimum): minimum_count is 4000000; the threshold model takes 1 to 100000" },
	{ "minimum-model", "@: products row 1 (minimum-model): minimum_count and pool belong to the threshold model only" },
	{ "product-pool", "@: products row 1 (product-pool): pool is not made of a-z, 0-9 and '-', at most 63, a letter first" },
	{ "short-validity", "@: products row 1 (short-validity): validity_s is 10; 0 for 180 days, or at least 900 seconds" },
	{ "short-renewal", "@: products row 1 (short-renewal): renewal_s is 60; 0 for the host's, or 900 to 2592000 seconds (15 minutes to 30 days)" },
	{ "long-retry", "@: products row 1 (long-retry): retry_s is 2678400; 0 for the host's, or 900 to 2592000 seconds (15 minutes to 30 days)" },
	{ "bad-family", "@: products row 1 (bad-family): family is not made of a-z, 0-9 and '-'" },
	{ "product-flags", "@: products row 1 (product-flags): flags or class_bits has bits this host does not know (0x100, 0x0)" },
	{ "half-groups", "@: products row 1 (half-groups): number of groups and length of a group are given together or not at all" },
	{ "bad-coverage", "@: products row 1 (bad-coverage): coverage_end must lie after coverage_start" },
	{ "product-twice", "@: products row 2 (product-twice): the name is used by row 1 already" },
	{ "id-twice", "@: products row 2 (id-two): activation ID 10000000-0000-4000-8000-000000000001 is used twice (also by id-one); each names one product or edition" },
	{ "edition-id", "@: products row 1 (edition-id): editions row 1: activation_id is all zero" },
	{ "edition-title", "@: products row 1 (edition-title): editions row 1: title is missing; it takes 1 to 511 bytes" },
	{ "edition-twice", "@: products row 1 (edition-twice): activation ID 10000000-0000-4000-8000-000000000002 is used twice (also by edition-twice); each names one product or edition" },
	{ "edition-own", "@: products row 1 (edition-own): activation ID 10000000-0000-4000-8000-000000000001 is used twice (also by edition-own); each names one product or edition" },
	{ "edition-minimum", "@: products row 1 (edition-minimum): editions row 1: minimum_count 4000000 is above 100000" },
	{ "edition-model", "@: products row 1 (edition-model): editions row 1: minimum_count belongs to the threshold model only" },
	{ "edition-flags", "@: products row 1 (edition-flags): editions row 1: flags has bits this host does not know (0x1)" },
	{ "key-kind", "@: products row 1 (key-kind): keys row 1: kind 0 is none of MUSTER_KEY_HOST … MUSTER_KEY_ACCESS" },
	{ "key-title", "@: products row 1 (key-title): keys row 1: title is missing" },
	{ "key-alphabet", "@: products row 1 (key-alphabet): keys row 1: alphabet must be different characters of A-Z and 0-9, or NULL" },
	{ "key-groups", "@: products row 1 (key-groups): keys row 1: 0 groups of 5 characters; 1 to 12 of each" },
	{ "key-secret", "@: products row 1 (key-secret): keys row 1: secret is 0 or 1, reserved is 0" },
	{ "key-note", "@: products row 1 (key-note): keys row 1: note is not plain UTF-8 text on one line" },
	{ "cover-family", "@: products row 1 (cover-family): covers row 1: family is missing, and the product has none" },
	{ "cover-name", "@: products row 1 (cover-name): covers row 1: family is not made of a-z, 0-9 and '-'" },
	{ "cover-class", "@: products row 1 (cover-class): covers row 1: class_bits has bits this host does not know (0x40)" },
	{ "platform-name", "@: products row 1 (platform-name): platforms row 1: name is missing" },
	{ "platform-update", "@: products row 1 (platform-update): platforms row 1: update is empty" },
	{ "platform-class", "@: products row 1 (platform-class): platforms row 1: class_bits or flags has bits this host does not know" },
	{ "requirement-name", "@: products row 1 (requirement-name): requirements row 1: name is missing" },
	{ "requirement-note", "@: products row 1 (requirement-note): requirements row 1: note is empty" },
	{ "media-model", "@: products row 1 (media-model): media rules belong to the embedded model only" },
	{ "media-path", "@: products row 1 (media-path): media row 1: path must be a relative one with '/' and without '..'" },
	{ "media-key", "@: products row 1 (media-key): media row 1: section and key must be given, at most 63 bytes each" },
	{ "media-note", "@: products row 1 (media-note): media row 1: note is empty" },
	{ "access-model", "@: products row 1 (access-model): access rules belong to the access model only" },
	{ "access-null", "@: products row 1 (access-null): access is NULL; the access model needs its rules" },
	{ "access-size", "@: products row 1 (access-size): access: size is 56, less than the 72 of ABI 1.0; set it to sizeof(struct muster_access_rules)" },
	{ "access-time", "@: products row 1 (access-time): access: times must be set, permanent_min_s no more than permanent_max_s, renew_left_s less than both" },
	{ "access-user", "@: products row 1 (access-user): access: user_s is 0; say how long a user's licence is shown, or leave MUSTER_PER_USER out of per" },
	{ "access-per", "@: products row 1 (access-per): access: per is 0x4; MUSTER_PER_DEVICE, MUSTER_PER_USER, or 0 for both" },
	{ "access-revoke", "@: products row 1 (access-revoke): access: revoke_percent is 120, more than 100" },
	{ "access-unnamed", "@: products row 1 (access-unnamed): access programmes row 1: name and number must be given" },
	{ "access-shape", "@: products row 1 (access-shape): access programmes row 1 (Open): digits and characters are at most 64 each, and one of them is 0" },
	{ "access-hint", "@: products row 1 (access-hint): access programmes row 1 (Open): hint is empty; one sentence, or NULL" },
	{ "access-programmes", "@: products row 1 (access-programmes): access programmes row 2: the name Open is used by row 1 already" },
	{ "access-versions", "@: products row 1 (access-versions): access versions: there is none; name at least one, the newest with the highest generation" },
	{ "version-name", "@: products row 1 (version-name): access versions row 1: name is missing or not made of a-z, 0-9 and '-', at most 63" },
	{ "version-title", "@: products row 1 (version-title): access versions row 1 (2012): title is not plain UTF-8 text on one line" },
	{ "version-generation", "@: products row 1 (version-generation): access versions row 1 (2012): generation is 0; 1 to 65535, newer ones higher" },
	{ "version-flags", "@: products row 1 (version-flags): access versions row 1 (2012): flags has bits this host does not know (0x2)" },
	{ "version-twice", "@: products row 1 (version-twice): access versions row 2: the name 2012 is used by row 1 already" },
	{ "version-same", "@: products row 1 (version-same): access versions row 2 (2016): generation 1 is that of 2012 already" },
	{ "seats-model", "@: products row 1 (seats-model): seats rules belong to the seats model only" },
	{ "seats-null", "@: products row 1 (seats-null): seats is NULL; the seats model needs its rules" },
	{ "seats-size", "@: products row 1 (seats-size): seats: size is 8, less than the 24 of ABI 1.0; set it to sizeof(struct muster_seats_rules)" },
	{ "seats-minimum", "@: products row 1 (seats-minimum): minimum_count and pool belong to the threshold model only" },
	{ "seats-lease", "@: products row 1 (seats-lease): seats: lease_s is 30; 0 for an hour, or 60 to 2592000 seconds (1 minute to 30 days)" },
	{ "seats-heartbeat", "@: products row 1 (seats-heartbeat): seats: heartbeat_s is 400; 0 for a quarter of lease_s, or 20 to half of it, 300 seconds" },
	{ "seats-hasty", "@: products row 1 (seats-hasty): seats: heartbeat_s is 5; 0 for a quarter of lease_s, or 20 to half of it, 1800 seconds" },
	{ "seats-grace", "@: products row 1 (seats-grace): seats: grace_s is 2678400, more than 2592000 seconds (30 days)" },
	{ "seats-queue", "@: products row 1 (seats-queue): seats: queue_max is 4000000, more than 100000" },
	{ "mark-model", "@: products row 1 (mark-model): marks belong to the embedded model only" },
	{ "mark-path", "@: products row 1 (mark-path): marks row 1: path must be a relative one with '/' and without '..', or NULL for the medium's name" },
	{ "mark-text", "@: products row 1 (mark-text): marks row 1: text is missing; say what is found there, in at most 255 bytes" },
	{ "mark-edition", "@: products row 1 (mark-edition): marks row 1: edition is empty; an edition's title, or NULL" },
	{ "mark-flags", "@: products row 1 (mark-flags): marks row 1: flags and reserved are 0" },
	{ "options-none", "@: options_size is 24 and the options table has 0 rows; give both or neither" },
	{ "options-size", "@: options_size is 1048576, more than 65536" },
	{ "option-name", "@: options row 1: name is missing or not made of a-z, 0-9, '_' and '-', a letter first" },
	{ "option-reserved", "@: options row 1 (path): the name is the host's own" },
	{ "option-type", "@: options row 1 (n): type 9 is none of MUSTER_OPTION_*" },
	{ "option-outside", "@: options row 1 (n): offset 4000 with 8 bytes lies outside the option structure of 24 bytes" },
	{ "option-aligned", "@: options row 1 (n): offset 4 is not aligned for a member of 8 bytes; use offsetof and the member type that the option's type names" },
	{ "option-overlap", "@: options row 2 (n): its member overlaps that of flag; the option's type and the member's type differ" },
	{ "option-twice", "@: options row 2 (n): the name is used by row 1 already" },
	{ "option-bounds", "@: options row 1 (n): min is above max" },
	{ "option-doc", "@: options row 1 (n): doc is missing; one sentence, for the sample configuration" },
	{ "option-unit", "@: options row 1 (n): unit is empty" },
	{ "option-initial", "@: options row 1 (n): initial: 12 is outside 1 to 9" },
	{ "option-flag", "@: options row 1 (flag): initial: \"perhaps\" is neither yes nor no" },
	{ "need-name", "@: needs row 1: plugin is missing or not a plugin's name" },
	{ "need-self", "@: needs row 1: the plugin names itself" },
	{ "need-why", "@: needs row 1: why is missing; say what does not work without windows" },
	{ "need-missing", "@: it needs the plugin windows, which is not loaded (editions are named there); add [plugin windows]" },
	{ "start-fault", "@: it cannot start: the moon is full" },
	{ "start-silent", "@: it cannot start: it gave no reason" },
	{ "needs-good", "@: it needs the plugin good, which is not loaded (its pool); add [plugin good]" },
	{ "other-name", "@: it calls itself somebody-else; file, section and name must be the same" },
};

START_TEST(test_plugin_objects_and_tables)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		refused(cases[i].name, cases[i].message);
}
END_TEST

/** A copy of the good fixture whose file is then made unsafe. */
static void unsafe(const char *name, const char *path, const char *message)
{
	struct setup *s = setup_new();

	(void)setup_plugin(s, name, path);
	assert_refused(s, name, path, message);
}

START_TEST(test_plugin_file_modes)
{
	char path[512], inner[512];

	copy_fixture(path, "bad_plugins", "good");
	ck_assert_int_eq(chmod(path, 0775), 0);
	unsafe("good", path, "@ can be written by its group: chmod g-w @");
	ck_assert_int_eq(chmod(path, 0757), 0);
	unsafe("good", path, "@ can be written by everybody: chmod go-w @");
	ck_assert_int_eq(chmod(path, 0755), 0);
	if (geteuid() == 0) { /* only root can give a file away */
		ck_assert_int_eq(chown(path, 65534, 65534), 0);
		unsafe("good", path, "@ belongs to user 65534, neither to root nor to the user running this: chown 0 @");
		ck_assert_int_eq(chown(path, 0, 0), 0);
	}
	ck_assert_int_eq(chmod(dir, 0777), 0);
	(void)snprintf(inner, sizeof inner, "folder %.200s can be written by everybody: chmod go-w %.200s", dir, dir);
	unsafe("good", path, inner);
	ck_assert_int_eq(chmod(dir, 0700), 0);
}
END_TEST

START_TEST(test_plugin_file_kinds)
{
	char path[512];

	in_dir(path, "text.so");
	write_file(path, "#!/bin/sh\n", 10, 0755);
	unsafe("text", path, "@: is not a shared object; build it with -shared, or name the .so that libtool put into .libs");
	in_dir(path, "tiny.so");
	write_file(path, "\177E", 2, 0755);
	unsafe("tiny", path, "@: is not a shared object; build it with -shared, or name the .so that libtool put into .libs");
	in_dir(path, "cut.so");
	write_file(path, "\177ELF\2\1\1\0", 8, 0755);
	unsafe("cut", path, "@: cannot be loaded: file too short");
	in_dir(path, "folder.so");
	ck_assert_int_eq(mkdir(path, 0755), 0);
	unsafe("folder", path, "@: is not a regular file");
	in_dir(path, "absent.so");
	unsafe("absent", path, "cannot examine @: No such file or directory");
	copy_fixture(path, "bad_plugins", "nobody");
	unsafe("nobody", path, "@: does not export nobody_LTX_muster_plugin; define it with MUSTER_PLUGIN");
	copy_fixture(path, "unresolved", "unresolved");
	unsafe("unresolved", path, "@: cannot be loaded: undefined symbol: muster_no_such_function");
}
END_TEST

/* A copy that was interrupted: the dynamic linker would map what is not there, and the host die of it. */
START_TEST(test_plugin_cut_short)
{
	char path[512], says[MUSTER_ERR_MAX];
	struct stat st;
	off_t whole;

	copy_fixture(path, "bad_plugins", "good");
	ck_assert_int_eq(stat(path, &st), 0);
	whole = st.st_size;
	for (unsigned i = 0; i < 40; i++) {
		struct setup *s = setup_new();
		struct catalog *c = NULL;
		off_t n = 64 + (whole - 65) * i / 39;   /* from the ELF header alone to one byte less than all */

		copy_fixture(path, "bad_plugins", "good");
		ck_assert_int_eq(truncate(path, n), 0);
		(void)setup_plugin(s, "good", path);
		(void)snprintf(says, sizeof says, "plugin good is refused: %s: was cut short: it has %lld bytes of at least ", path, (long long)n);
		ck_assert_int_eq(setup_build(s, &c), MUSTER_E_INVALID);
		ck_assert_msg(strncmp(s->err.message, says, strlen(says)) == 0 && strstr(s->err.message, "; copy it again") != NULL, "%lld of %lld: %s", (long long)n, (long long)whole, s->err.message);
		free(s);
	}
}
END_TEST

START_TEST(test_plugin_paths)
{
	char path[512];
	struct setup *s;

	unsafe("good", "plugins/good.so", "plugin good: the path plugins/good.so is not absolute; write the whole path, beginning with /");
	copy_fixture(path, "bad_plugins", "good");
	unsafe("better", path, "@: the section is [plugin better], so the file must be called better.so");
	s = setup_new();
	setup_plugin(s, "good", path)->sha256 = "00000000000000000000000000000000000000000000000000000000000000ff";
	{
		struct catalog *c;
		char begin[600];

		ck_assert_int_eq(setup_build(s, &c), MUSTER_E_INVALID);
		(void)snprintf(begin, sizeof begin, "plugin good is refused: %s: its SHA-256 is ", path);
		ck_assert_mem_eq(s->err.message, begin, strlen(begin));
		ck_assert_ptr_nonnull(strstr(s->err.message, ", and [plugin good] sha256 says 00000000000000000000000000000000000000000000000000000000000000ff; install the right file or correct the digest"));
	}
	free(s);
}
END_TEST

/** A second plugin beside the good one. */
static void clashes(const char *name, const char *message)
{
	struct setup *s = setup_new();
	char good[512], path[512];

	copy_fixture(good, "bad_plugins", "good");
	copy_fixture(path, "bad_plugins", name);
	(void)setup_plugin(s, "good", good);
	(void)setup_plugin(s, name, path);
	assert_refused(s, name, path, message);
}

START_TEST(test_plugin_clashes)
{
	clashes("clash-id", "@: the activation ID 10000000-0000-4000-8000-000000000011 of its product clash-id belongs to good-one of plugin good already; switch one of the two off with enabled = no in its [product] section");
	clashes("clash-name", "@: the product good-two is there already, from plugin good; load one of the two");
	clashes("clash-window", "@: the pool shared is declared with another window or title (2592000 s, \"Shared\") than by plugin good (864000 s, \"Shared\"); both must say the same");
	clashes("clash-title", "@: the pool shared is declared with another window or title (864000 s, \"Split\") than by plugin good (864000 s, \"Shared\"); both must say the same");
}
END_TEST

/* The configuration chooses: with one of the two products off, both plugins load. */
START_TEST(test_plugin_clash_chosen)
{
	struct setup *s = setup_new();
	const struct catalog_edition *e;
	struct config_product *off;
	char path[512];
	struct catalog *c;
	uint8_t id[16];

	copy_fixture(path, "bad_plugins", "good");
	(void)setup_plugin(s, "good", path);
	copy_fixture(path, "bad_plugins", "clash-id");
	(void)setup_plugin(s, "clash-id", path);
	off = setup_product(s, "good-one", NULL);
	off->given = CONFIG_P_ENABLED;
	off->enabled = false;
	ck_assert_msg(setup_build(s, &c) == MUSTER_OK, "%s", s->err.message);
	setup_id(id, "10000000-0000-4000-8000-000000000011");
	ck_assert_ptr_nonnull(e = catalog_find(c, id));
	ck_assert_str_eq(e->product->row.name, "clash-id");
	catalog_unref(c);
	free(s);
}
END_TEST

/* A plugin that needs one that is refused goes with it; both are named. */
START_TEST(test_plugin_needs_follow)
{
	struct setup *s = setup_new();
	char path[512], expected[2048];
	struct catalog *c;
	const struct catalog_plugin *p;
	size_t n;

	copy_fixture(path, "bad_plugins", "needs-good");
	setup_plugin(s, "needs-good", path)->required = false;
	in_dir(path, "good.so");
	setup_plugin(s, "good", path)->required = false;
	ck_assert_int_eq(setup_build(s, &c), MUSTER_OK);
	p = catalog_plugins(c, &n);
	(void)snprintf(expected, sizeof expected, "%s/needs-good.so: it needs the plugin good, which is not loaded (its pool); add [plugin good]", dir);
	ck_assert_str_eq(p[0].refused, expected);
	(void)snprintf(expected, sizeof expected, "4 plugin good is left out: cannot examine %s/good.so: No such file or directory\n4 plugin needs-good is left out: %s/needs-good.so: it needs the plugin good, which is not loaded (its pool); add [plugin good]\n", dir, dir);
	ck_assert_str_eq(s->said.text, expected);
	catalog_unref(c);
	copy_fixture(path, "bad_plugins", "good");
	ck_assert_int_eq(setup_build(s, &c), MUSTER_OK);
	p = catalog_plugins(c, &n);
	ck_assert_ptr_null(p[0].refused);
	ck_assert_ptr_null(p[1].refused);
	catalog_unref(c);
	free(s);
}
END_TEST

static const struct { const char *option, *value, *message; } options[] = {
	{ "numbr", "4", "muster.conf:20: [plugin good] numbr: the plugin has no such option (did you mean number?)" },
	{ "colour", "red", "muster.conf:20: [plugin good] colour: the plugin has no such option" },
	{ "number", "12", "muster.conf:20: [plugin good] number: 12 is outside 1 to 9 pieces" },
	{ "flag", "maybe", "muster.conf:20: [plugin good] flag: \"maybe\" is neither yes nor no" },
	{ "words", "too many", "muster.conf:20: [plugin good] words: the text has 8 bytes, and 0 to 5 are allowed" },
};

START_TEST(test_plugin_option_values)
{
	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
		struct setup *s = setup_new();
		struct catalog *c;
		char path[512];

		copy_fixture(path, "bad_plugins", "good");
		setup_option(s, setup_plugin(s, "good", path), options[i].option, options[i].value);
		ck_assert_int_eq(setup_build(s, &c), MUSTER_E_INVALID);
		ck_assert_str_eq(s->err.message, options[i].message);
		free(s);
	}
}
END_TEST

/* All wrong options are reported, not only the first. */
START_TEST(test_plugin_option_all)
{
	struct setup *s = setup_new();
	struct config_plugin *p;
	struct catalog *c;
	char path[512];

	copy_fixture(path, "bad_plugins", "good");
	p = setup_plugin(s, "good", path);
	setup_option(s, p, "number", "x");
	setup_option(s, p, "flag", "x");
	ck_assert_int_eq(setup_build(s, &c), MUSTER_E_INVALID);
	ck_assert_uint_eq(s->said.lines, 2);
	ck_assert_ptr_nonnull(strstr(s->said.text, "3 muster.conf:20: [plugin good] number: "));
	ck_assert_ptr_nonnull(strstr(s->said.text, "\n3 muster.conf:21: [plugin good] flag: \"x\" is neither yes nor no\n"));
	free(s);
}
END_TEST

/* A file that changed after it was loaded is named; the loaded code goes on. */
START_TEST(test_plugin_changed_on_disk)
{
	struct setup *s = setup_new();
	char path[512], expected[1024];
	struct catalog *c;

	copy_fixture(path, "bad_plugins", "good");
	(void)setup_plugin(s, "good", path);
	ck_assert_int_eq(setup_build(s, &c), MUSTER_OK);
	ck_assert_uint_eq(s->said.lines, 0);
	catalog_unref(c);
	ck_assert_int_eq(remove(path), 0);
	copy_fixture(path, "bad_plugins", "good");
	ck_assert_int_eq(setup_build(s, &c), MUSTER_OK);
	(void)snprintf(expected, sizeof expected, "4 %s: the file has changed on disk; the host goes on with the one it loaded: restart to load the new one\n", path);
	ck_assert_str_eq(s->said.text, expected);
	catalog_unref(c);
	free(s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_plugin_objects_and_tables, test_plugin_file_modes, test_plugin_file_kinds, test_plugin_cut_short, test_plugin_paths, test_plugin_clashes, test_plugin_clash_chosen,
		test_plugin_needs_follow, test_plugin_option_values, test_plugin_option_all, test_plugin_changed_on_disk,
	};

	return unit_run_with(suite_create("plugin refusals"), tests, sizeof tests / sizeof tests[0], setup, teardown);
}
