/* Reading whole configurations that are right, and what the schema yields on paper. */
#include "tests/unit/config_files.h"
#include "tests/unit/unit.h"

#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/config/lines.h"

#define HOST "[host]\nlisten = :1688\n"

static const char *under(const char *name)
{
	return files_path(name);
}

START_TEST(test_config_defaults)
{
	struct config *c;
	char name[65] = "";

	files_begin();
	c = files_read_text(HOST);
	ck_assert_int_eq(gethostname(name, sizeof name - 1), 0);
	ck_assert_str_eq(c->file, under("muster.conf"));
	ck_assert_str_eq(c->host.name, name);
	ck_assert_str_eq(c->host.listen, ":1688");
	ck_assert_str_eq(c->host.networks, "");
	ck_assert_str_eq(c->host.state, MUSTER_STATEDIR);
	ck_assert_str_eq(c->host.admin_socket, MUSTER_RUNDIR "/admin.sock");
	ck_assert_str_eq(c->host.plugin_dir, MUSTER_PLUGINDIR);
	ck_assert_str_eq(c->host.products_dir, "");
	ck_assert_str_eq(c->host.user, "");
	ck_assert_str_eq(c->host.admin_group, "muster-admin");
	ck_assert_str_eq(c->host.keys_group, "muster-keys");
	ck_assert_str_eq(c->host.view_group, "muster-view");
	ck_assert_str_eq(c->host.expose, "none");
	ck_assert_str_eq(c->host.log_level, "info");
	/* facts.md section 1, ledger.md sections 1 and 2 */
	ck_assert_uint_eq(c->host.clock_skew, 4 * 3600);
	ck_assert_uint_eq(c->host.activation_interval, 120 * 60);
	ck_assert_uint_eq(c->host.renewal_interval, 10080 * 60);
	ck_assert_uint_eq(c->host.events_keep, 400ULL * 86400);
	ck_assert_uint_eq(c->host.events_max, 4ULL << 30);
	ck_assert_uint_eq(c->host.min_free, 0);
	ck_assert_uint_eq(c->host.wal_max, 256ULL << 20);
	ck_assert_uint_eq(c->host.priority_low, 0);
	/* trust.md section 10, design.md section 3 */
	ck_assert_uint_eq(c->limits.requests_per_second, 50);
	ck_assert_uint_eq(c->limits.burst, 200);
	ck_assert_uint_eq(c->limits.new_clients_per_hour, 100);
	ck_assert_uint_eq(c->limits.new_clients_per_day, 20000);
	ck_assert_uint_eq(c->limits.loopback, 0);
	ck_assert_uint_eq(c->limits.body_max, 16384);
	ck_assert_uint_eq(c->limits.header_max, 16384);
	ck_assert_uint_eq(c->limits.idle, 30);
	ck_assert_uint_eq(c->limits.deadline_ms, 10000);
	ck_assert_uint_eq(c->limits.queue, 4096);
	ck_assert_uint_eq(c->limits.queue_age_ms, 250);
	ck_assert_uint_eq(c->limits.workers, 0);
	ck_assert_uint_eq(c->doctor.idle, 86400);
	ck_assert_uint_eq(c->doctor.forecast, 14 * 86400);
	ck_assert_uint_eq(c->doctor.ends_warning, 30 * 86400);
	ck_assert_uint_eq(c->doctor.ends_critical, 7 * 86400);
	ck_assert_uint_eq(c->doctor.key_use, 90);
	ck_assert_uint_eq(c->issuer_count + c->plugin_count + c->product_count + c->edition_count, 0);
	config_free(c);
	config_free(NULL);
	files_end();
}
END_TEST

/* An empty file is a host with nothing but defaults. */
START_TEST(test_config_empty)
{
	struct config *c;

	files_begin();
	c = files_read_text("");
	ck_assert_str_eq(c->host.listen, "127.0.0.1:1688");
	config_free(c);
	files_end();
}
END_TEST

#define ID1 "2e28138a-847f-42bc-9752-61b03fff33cd"
#define ID2 "98ebfe73-2084-4c97-932c-c0cd1643bea7"
#define ID3 "00000000-0000-4000-8000-00000000000A"

static void put_everything(void)
{
	files_put("muster.conf",
	          "# a comment\n; another\n   # an indented one\n"
	          "[host]\n"
	          "name=kms one ; said so\n"
	          "listen = 127.0.0.1:1688, [::1]:0\n"
	          "networks : 10.0.0.0/8, 2001:db8::/32, 0.0.0.0/0\n"
	          "state = .\n"
	          "plugin_dir = ./lib//plugins/\n"
	          "contact = https://example.org/a;b#c\n"
	          "admin_socket = /run/muster/admin.sock\n"
	          "user =\n"
	          "\n"
	          "[limits]\n"
	          "loopback = yes\ndeadline = 2min\n"
	          "[issuer main]\nroots = issuer.pem\n"
	          "[plugin office2013]\nrequired = no\ncheck-media = yes\nsha256 = 0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef\n"
	          "[plugin rds]\npath = /opt/rds.so\nenabled = no\n"
	          "[product office2013]\nminimum_count = 1\nvalidity = 90d\nissuer = main\ncount_observed = yes\nenabled = off\n"
	          "[product office2016]\nminimum_count = 7\n"
	          "[edition " ID3 "]\nproduct = office2013\nname = Standard\nminimum_count = 2\n");
	ck_assert_int_eq(mkdir(files_path("products.d"), 0755), 0);
	files_put("products.d/b.ini", "[product office2016]\nlike = office2013\nname = Office 2016\nactivation_id = " ID2 "\npool = office2016\n"
	                              "coverage_start = 2026-01-01\ncoverage_end = 2026-01-01\n");
	files_put("products.d/a.ini", "[product m365]\nname = Apps\nrefused = It is licensed by subscription.\n"
	                              "[product own]\nname = Own\nmodel = threshold\nactivation_id = " ID1 "\napplication_id = " ID2 "\npool = " ID2 "\n"
	                              "window = 40d\nrearm_max = 0\nactivation_interval = 1h\nrenewal_interval = 3d\nfamily = own\ngeneration = 2\nrecord = yes\n"
	                              "description = VOLUME_KMSCLIENT channel\n");
	files_put("products.d/.hidden.ini", "nonsense");
	files_put("products.d/b.ini~", "nonsense");
	files_put("products.d/.ini", "nonsense");
}

static void check_products(const struct config *c)
{
	const struct config_product *p = c->products;
	uint8_t id[16];

	ck_assert_uint_eq(c->product_count, 5);
	/* muster.conf first, then the product files in the order of their names. */
	ck_assert_str_eq(p[0].name, "office2013");
	ck_assert(!p[0].is_new && !p[0].enabled && p[0].count_observed);
	ck_assert_uint_eq(p[0].given, CONFIG_P_MINIMUM | CONFIG_P_VALIDITY | CONFIG_P_ISSUER | CONFIG_P_OBSERVED | CONFIG_P_ENABLED);
	ck_assert_uint_eq(p[0].minimum_count, 1);
	ck_assert_uint_eq(p[0].validity, 90ULL * 86400);
	ck_assert_str_eq(p[0].issuer, "main");
	ck_assert(!p[1].is_new);
	ck_assert_str_eq(p[1].name, "office2016");
	ck_assert_str_eq(p[2].name, "m365");
	ck_assert(p[2].is_new && p[2].enabled);
	ck_assert_uint_eq(p[2].given, CONFIG_P_TITLE | CONFIG_P_REFUSED);
	ck_assert_str_eq(p[2].refused, "It is licensed by subscription.");
	ck_assert(uuid_is_nil(p[2].activation_id));
	ck_assert_str_eq(p[3].model, "threshold");
	ck_assert_uint_eq(p[3].window, 40ULL * 86400);
	ck_assert_uint_eq(p[3].retry, 3600);
	ck_assert_uint_eq(p[3].renewal, 3ULL * 86400);
	ck_assert_uint_eq(p[3].generation, 2);
	ck_assert_uint_eq(p[3].rearm_max, 0);
	ck_assert_uint_eq(p[3].given & CONFIG_P_REARM, CONFIG_P_REARM);
	ck_assert(p[3].record);
	ck_assert_str_eq(p[3].family, "own");
	ck_assert_str_eq(p[3].pool, ID2);
	ck_assert_str_eq(p[3].description, "VOLUME_KMSCLIENT channel");
	ck_assert_str_eq(p[3].at.file, "products.d/a.ini");
	ck_assert_uint_eq(p[3].at.line, 4);
	ck_assert_str_eq(p[4].like, "office2013");
	ck_assert_str_eq(p[4].title, "Office 2016");
	ck_assert_int_eq(uuid_parse(id, ID2, 36), MUSTER_OK);
	ck_assert_mem_eq(p[4].activation_id, id, 16);
	ck_assert_int_eq(p[4].coverage_start, 1767225600);
	ck_assert_int_eq(p[4].coverage_end, 1767225600 + 86399);
}

START_TEST(test_config_everything)
{
	struct config *c;
	uint8_t id[16];

	files_begin();
	put_everything();
	c = files_read();
	ck_assert_str_eq(c->host.name, "kms one");
	ck_assert_str_eq(c->host.listen, "127.0.0.1:1688, [::1]:0");
	ck_assert_str_eq(c->host.networks, "10.0.0.0/8, 2001:db8::/32, 0.0.0.0/0");
	ck_assert_str_eq(c->host.state, files_folder);
	ck_assert_str_eq(c->host.plugin_dir, under("lib//plugins"));
	ck_assert_str_eq(c->host.products_dir, under("products.d"));
	ck_assert_str_eq(c->host.contact, "https://example.org/a;b#c");
	ck_assert_str_eq(c->host.admin_socket, "/run/muster/admin.sock");
	ck_assert_uint_eq(c->limits.loopback, 1);
	ck_assert_uint_eq(c->limits.deadline_ms, 120000);
	ck_assert_uint_eq(c->issuer_count, 1);
	ck_assert_str_eq(c->issuers[0].name, "main");
	ck_assert_str_eq(c->issuers[0].roots, under("issuer.pem"));
	ck_assert_uint_eq(c->plugin_count, 2);
	ck_assert_str_eq(c->plugins[0].path, under("lib//plugins/office2013.so"));
	ck_assert(!c->plugins[0].required && c->plugins[0].enabled);
	ck_assert_uint_eq(c->plugins[0].option_count, 1);
	ck_assert_str_eq(c->plugins[0].options[0].name, "check-media");
	ck_assert_str_eq(c->plugins[0].options[0].value, "yes");
	ck_assert_uint_eq(c->plugins[0].options[0].at.line, 21);
	ck_assert_ptr_nonnull(c->plugins[0].sha256);
	ck_assert_str_eq(c->plugins[1].path, "/opt/rds.so");
	ck_assert(c->plugins[1].required && !c->plugins[1].enabled);
	ck_assert_ptr_null(c->plugins[1].sha256);
	check_products(c);
	ck_assert_uint_eq(c->edition_count, 1);
	ck_assert_int_eq(uuid_parse(id, ID3, 36), MUSTER_OK);
	ck_assert_mem_eq(c->editions[0].id, id, 16);
	ck_assert_str_eq(c->editions[0].title, "Standard");
	ck_assert_uint_eq(c->editions[0].minimum_count, 2);
	config_free(c);
	files_end();
}
END_TEST

/* Byte order mark, CRLF, no end of the last line, tabs. */
START_TEST(test_config_line_ends)
{
	struct config *c;

	files_begin();
	c = files_read_text("\xEF\xBB\xBF[host]\r\nname\t=\tUmlaut \xC3\xA4\t; c\r\n\r\nlisten = :7");
	ck_assert_str_eq(c->host.name, "Umlaut \xC3\xA4");
	ck_assert_str_eq(c->host.listen, ":7");
	config_free(c);
	files_end();
}
END_TEST

/* Longer than inih's own 200 bytes, up to the last byte allowed. */
START_TEST(test_config_long_lines)
{
	struct config *c;
	struct buf want, text;

	files_begin();
	buf_init(&want, 8192);
	buf_init(&text, 16384);
	while (want.n < 3480)
		buf_addf(&want, "%s10.0.%zu.0/24", want.n > 0 ? ",   " : "", want.n % 256);
	buf_addf(&text, "[host]\nnetworks = %s\nuser = x\n", buf_str(&want));
	c = files_read_text(buf_str(&text));
	ck_assert_str_eq(c->host.networks, buf_str(&want));
	ck_assert_str_eq(c->host.user, "x");
	config_free(c);
	/* The same with a comment that is not to become part of the value. */
	buf_clear(&text);
	buf_addf(&text, "[host]\nnetworks = 10.0.0.0/8, 10.0.0.0/8  ; %s\n[limits] ; %s\nburst = 7\n", buf_str(&want), buf_str(&want));
	c = files_read_text(buf_str(&text));
	ck_assert_str_eq(c->host.networks, "10.0.0.0/8, 10.0.0.0/8");
	ck_assert_uint_eq(c->limits.burst, 7);
	config_free(c);
	/* The longest line there may be. */
	buf_clear(&text);
	buf_adds(&text, "[host]\nlog_level = debug ; ");
	while (text.n < strlen("[host]\n") + CONFIG_LINE_MAX)
		buf_addc(&text, 'x');
	buf_adds(&text, "\nuser = y\n");
	c = files_read_text(buf_str(&text));
	ck_assert_str_eq(c->host.log_level, "debug");
	ck_assert_str_eq(c->host.user, "y");
	config_free(c);
	/* Every length around the sizes at which lines are cut, to the longest value of the key. */
	for (size_t n = 150; n <= 511; n++) {
		struct buf value;

		buf_init(&value, 8192);
		while (value.n < n)
			buf_addc(&value, (char)(value.n % 11 == 5 && value.n + 1 < n ? ' ' : 'a' + (int)(value.n % 26)));
		buf_clear(&text);
		buf_addf(&text, "[product p]\ndescription = %s\n", buf_str(&value));
		c = files_read_text(buf_str(&text));
		ck_assert_str_eq(c->products[0].description, buf_str(&value));
		config_free(c);
		buf_fini(&value);
	}
	buf_fini(&text);
	buf_fini(&want);
	files_end();
}
END_TEST

START_TEST(test_config_relative_path)
{
	struct config *c;
	struct muster_err err;

	files_begin();
	files_put("muster.conf", "[host]\nstate = state\nproducts_dir =\n");
	ck_assert_int_eq(mkdir(files_path("products.d"), 0700), 0);
	files_put("products.d/a.ini", "not read");
	ck_assert_int_eq(chdir(files_folder), 0);
	ck_assert_int_eq(config_read(&c, "muster.conf", NULL, NULL, &err), MUSTER_OK);
	ck_assert_str_eq(c->file, under("muster.conf"));
	ck_assert_str_eq(c->host.state, under("state"));
	ck_assert_str_eq(c->host.products_dir, "");
	config_free(c);
	ck_assert_int_eq(chdir("/"), 0);
	files_end();
}
END_TEST

START_TEST(test_config_source)
{
	struct config *c;
	struct config_place at;

	files_begin();
	put_everything();
	c = files_read();
	ck_assert_int_eq(config_source_of(c, "host", "name", &at), CONFIG_FILE);
	ck_assert_str_eq(at.file, "muster.conf");
	ck_assert_uint_eq(at.line, 5);
	ck_assert_int_eq(config_source_of(c, "host", "clock_skew", &at), CONFIG_DEFAULT);
	ck_assert_ptr_null(at.file);
	ck_assert_int_eq(config_source_of(c, "limits", "burst", NULL), CONFIG_DEFAULT);
	ck_assert_int_eq(config_source_of(c, "product office2016", "minimum_count", &at), CONFIG_FILE);
	ck_assert_str_eq(at.file, "muster.conf");
	ck_assert_int_eq(config_source_of(c, "product office2016", "pool", &at), CONFIG_FILE);
	ck_assert_str_eq(at.file, "products.d/b.ini");
	ck_assert_uint_eq(at.line, 5);
	ck_assert_int_eq(config_source_of(c, "issuer main", "roots", &at), CONFIG_FILE);
	ck_assert_int_eq(config_source_of(c, "plugin rds", "path", &at), CONFIG_FILE);
	ck_assert_int_eq(config_source_of(c, "edition " ID3, "name", &at), CONFIG_FILE);
	ck_assert_int_eq(config_source_of(c, "product nothing", "pool", &at), CONFIG_DEFAULT);
	ck_assert_int_eq(config_source_of(c, "host", "nothing", &at), CONFIG_DEFAULT);
	ck_assert_int_eq(config_source_of(c, "a section of no such kind", "x", &at), CONFIG_DEFAULT);
	config_free(c);
	files_end();
}
END_TEST

/* Policy, allow-lists, reservations, the numbers of the models: read, where each stands, and read again from the dump. */
START_TEST(test_config_policy)
{
	static const char text[] = "[product cad]\npolicy = advise\nallow = name:cad-*, 10.0.0.0/8\nseats = 20\nseat_lease = 2h\nheartbeat = 20s\nseat_grace = 0\nqueue = 5\n"
	                           "[product terminal]\nper = user\nserver_version = 2019\nrevoke_percent = 0\ngrace = 10d\nallow =\n"
	                           "[reservation lab]\nproduct = cad\ncount = 8\nfor = name:lab-*\n";
	const struct config_product *p;
	struct config_place at;
	struct config *c, *again;
	char *dump = NULL;
	size_t n = 0;
	FILE *f;

	files_begin();
	c = files_read_text(text);
	p = c->products;
	ck_assert_str_eq(p[0].policy, "advise");
	ck_assert_str_eq(p[0].allow, "name:cad-*, 10.0.0.0/8");
	ck_assert_uint_eq(p[0].given, CONFIG_P_POLICY | CONFIG_P_ALLOW | CONFIG_P_OF_SEATS);
	ck_assert(p[0].seats == 20 && p[0].seat_lease == 7200 && p[0].heartbeat == 20 && p[0].seat_grace == 0 && p[0].queue == 5);
	ck_assert_uint_eq(p[1].given, CONFIG_P_PER | CONFIG_P_SERVER_VERSION | CONFIG_P_REVOKE | CONFIG_P_GRACE | CONFIG_P_ALLOW);
	ck_assert_str_eq(p[1].allow, "");
	ck_assert_uint_eq(p[1].grace, 864000);
	ck_assert_uint_eq(c->reservation_count, 1);
	ck_assert_str_eq(c->reservations[0].name, "lab");
	ck_assert_str_eq(c->reservations[0].claims, "name:lab-*");
	ck_assert_uint_eq(c->reservations[0].count, 8);
	ck_assert_int_eq(config_source_of(c, "reservation lab", "for", &at), CONFIG_FILE);
	ck_assert_uint_eq(at.line, 18);
	ck_assert_int_eq(config_source_of(c, "reservation class", "for", &at), CONFIG_DEFAULT);
	ck_assert_uint_eq(config_product_place(c, &p[0], "heartbeat").line, 6);
	ck_assert_uint_eq(config_product_place(c, &p[1], "heartbeat").line, 9);
	f = open_memstream(&dump, &n);
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(config_dump(c, f), MUSTER_OK);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_ptr_nonnull(strstr(dump, "\n[reservation lab]\nproduct = cad  ; muster.conf:16\n"));
	again = files_read_text(dump);
	ck_assert_uint_eq(again->reservation_count, 1);
	ck_assert_str_eq(again->products[0].allow, p[0].allow);
	ck_assert_uint_eq(again->products[0].given & ~CONFIG_P_ENABLED, p[0].given);
	config_free(again);
	config_free(c);
	free(dump);
	files_end();
}
END_TEST

/* ---- on paper ---- */

static void capture(struct buf *out, int (*print)(FILE *f))
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(print(f), MUSTER_OK);
	ck_assert_int_eq(fclose(f), 0);
	buf_add(out, text, n);
	free(text);
}

static void dump(struct buf *out, const struct config *c)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	ck_assert_int_eq(config_dump(c, f), MUSTER_OK);
	ck_assert_int_eq(fclose(f), 0);
	buf_add(out, text, n);
	free(text);
}

/* Without the comments that name the source: they differ between a file and its dump. */
static void without_sources(struct buf *b)
{
	struct buf out;
	const char *p = buf_str(b);

	buf_init(&out, 1 << 20);
	for (; *p != '\0'; p += strcspn(p, "\n") + 1) {
		size_t n = strcspn(p, "\n");
		const char *comment = strstr(p, "  ; ");

		buf_add(&out, p, comment != NULL && comment < p + n ? (size_t)(comment - p) : n);
		buf_addc(&out, '\n');
	}
	buf_clear(b);
	buf_adds(b, buf_str(&out));
	buf_fini(&out);
}

START_TEST(test_config_dump)
{
	struct config *c;
	struct buf first, second;

	files_begin();
	put_everything();
	c = files_read();
	buf_init(&first, 1 << 20);
	buf_init(&second, 1 << 20);
	dump(&first, c);
	ck_assert_ptr_nonnull(strstr(buf_str(&first), "\nname = kms one  ; muster.conf:5\n"));
	ck_assert_ptr_nonnull(strstr(buf_str(&first), "\nclock_skew = 4h  ; default\n"));
	ck_assert_ptr_nonnull(strstr(buf_str(&first), "\ndeadline = 2min  ; muster.conf:16\n"));
	ck_assert_ptr_nonnull(strstr(buf_str(&first), "\ncheck-media = yes  ; muster.conf:21\n"));
	ck_assert_ptr_nonnull(strstr(buf_str(&first), "\n; [product own]\n"));
	ck_assert_ptr_nonnull(strstr(buf_str(&first), "\n; activation_id = " ID1 "  ; products.d/a.ini:7\n"));
	ck_assert_ptr_nonnull(strstr(buf_str(&first), "\n; coverage_end = 2026-01-01  ; products.d/b.ini:7\n"));
	ck_assert_ptr_null(strstr(buf_str(&first), "priority_low"));
	config_free(c);
	/* Read again, the dump is the same configuration. */
	c = files_read_text(buf_str(&first));
	dump(&second, c);
	config_free(c);
	without_sources(&first);
	without_sources(&second);
	ck_assert_str_eq(buf_str(&first), buf_str(&second));
	buf_fini(&first);
	buf_fini(&second);
	files_end();
}
END_TEST

static void load(struct buf *out, const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[4096], part[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", top != NULL ? top : "..", name);
	f = fopen(path, "rb");
	ck_assert_msg(f != NULL, "%s", path);
	while ((n = fread(part, 1, sizeof part, f)) > 0)
		buf_add(out, part, n);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert(!out->failed);
}

START_TEST(test_config_sample_file)
{
	struct buf want, have;

	buf_init(&want, 1 << 20);
	buf_init(&have, 1 << 20);
	capture(&want, config_sample);
	load(&have, "etc/muster.conf");
	ck_assert_msg(strcmp(buf_str(&have), buf_str(&want)) == 0, "etc/muster.conf differs from the schema: tests/unit/config_print sample > etc/muster.conf");
	buf_fini(&want);
	buf_fini(&have);
}
END_TEST

/* The sample is a configuration, and what it comments out are the defaults. */
START_TEST(test_config_sample_reads)
{
	struct buf sample, all, first, second;
	struct config *c;

	files_begin();
	buf_init(&sample, 1 << 20);
	buf_init(&all, 1 << 20);
	buf_init(&first, 1 << 20);
	buf_init(&second, 1 << 20);
	capture(&sample, config_sample);
	c = files_read_text(buf_str(&sample));
	dump(&first, c);
	config_free(c);
	for (const char *p = buf_str(&sample); *p != '\0'; p += strcspn(p, "\n") + 1) {
		size_t n = strcspn(p, "\n");
		bool site = n > 2 && p[0] == '#' && p[n - 1] == '=' && (strncmp(p, "#name", 5) == 0 || strncmp(p, "#state", 6) == 0 ||
			strncmp(p, "#admin_socket", 13) == 0 || strncmp(p, "#plugin_dir", 11) == 0 || strncmp(p, "#products_dir", 13) == 0);

		/* "# text" is prose, "#key" a key; those that depend on the machine have no value here. */
		if (p[0] != '#')
			buf_add(&all, p, n);
		else if (!site && n > 1 && p[1] != ' ')
			buf_add(&all, p + 1, n - 1);
		buf_addc(&all, '\n');
	}
	c = files_read_text(buf_str(&all));
	ck_assert_uint_eq(c->issuer_count, 1);
	ck_assert_uint_eq(c->plugin_count, 1);
	ck_assert_uint_eq(c->product_count, 1);
	ck_assert_uint_eq(c->edition_count, 1);
	dump(&second, c);
	config_free(c);
	without_sources(&first);
	without_sources(&second);
	ck_assert_uint_gt(second.n, first.n);
	ck_assert_mem_eq(second.p, first.p, first.n);
	buf_fini(&sample);
	buf_fini(&all);
	buf_fini(&first);
	buf_fini(&second);
	files_end();
}
END_TEST

START_TEST(test_config_manual_page)
{
	static const char begin[] = ".\\\" begin: tests/unit/config_print manual\n", end[] = ".\\\" end: tests/unit/config_print manual\n";
	struct buf want, have;
	const char *from, *to;

	buf_init(&want, 1 << 20);
	buf_init(&have, 1 << 20);
	capture(&want, config_manual);
	load(&have, "docs/muster.conf.5");
	from = strstr(buf_str(&have), begin);
	ck_assert_ptr_nonnull(from);
	from += strlen(begin);
	to = strstr(from, end);
	ck_assert_ptr_nonnull(to);
	ck_assert_msg((size_t)(to - from) == want.n && memcmp(from, want.p, want.n) == 0,
	              "docs/muster.conf.5 differs from the schema: put the output of tests/unit/config_print manual between its markers");
	buf_fini(&want);
	buf_fini(&have);
}
END_TEST

/* Whichever allocation fails: no configuration, no leak (under the sanitizer), no fault blamed on the file. */
START_TEST(test_config_memory)
{
	struct config *c;
	struct muster_err err = { 0 };
	uint64_t total;

	files_begin();
	put_everything();
	mem_fail_at(0);
	c = files_read();
	total = mem_count();
	config_free(c);
	ck_assert_uint_gt(total, 50);
	for (uint64_t n = 1; n <= total; n++) {
		int r;

		c = (struct config *)1;
		mem_fail_at(n);
		r = config_read(&c, files_path("muster.conf"), NULL, NULL, &err);
		mem_fail_at(0);
		if (r == MUSTER_OK) {
			/* An allocation that was not needed: the result must be whole. */
			check_products(c);
			config_free(c);
			continue;
		}
		ck_assert_msg(r == MUSTER_E_NOMEM, "allocation %llu: %d %s", (unsigned long long)n, r, err.message);
		ck_assert_ptr_null(c);
	}
	files_end();
}
END_TEST

UNIT_MAIN("config", test_config_defaults, test_config_empty, test_config_everything, test_config_line_ends, test_config_long_lines,
          test_config_relative_path, test_config_source, test_config_policy, test_config_dump, test_config_sample_file, test_config_sample_reads,
          test_config_manual_page, test_config_memory)
