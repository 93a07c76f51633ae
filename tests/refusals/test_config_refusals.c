/* A fixture for every way a configuration file can be wrong, each with the whole of what is said about it. */
#include "tests/unit/config_files.h"
#include "tests/unit/unit.h"

#include "core/config/lines.h"
#include "core/config/schema.h"

struct fixture {
	const char *conf;       /* muster.conf */
	const char *product;    /* products.d/a.ini; NULL none */
	const char *expect;     /* messages, one a line, DIR for the folder */
};

#define HOST "[host]\nlisten = :1688\n"
#define NEW "[product p]\nname = P\nactivation_id = 00000000-0000-4000-8000-000000000001\n"

/* Everything that is wrong is said, and nothing else. */
static void expect_refusal(const struct fixture *f)
{
	struct config *c = (struct config *)1;
	struct muster_err err = { 0 };
	struct buf all;

	files_begin();
	files_put("muster.conf", f->conf);
	ck_assert_int_eq(mkdir(files_path("products.d"), 0700), 0);
	if (f->product != NULL)
		files_put("products.d/a.ini", f->product);
	buf_init(&all, 1 << 20);
	ck_assert_int_eq(config_read(&c, files_path("muster.conf"), files_report, &all, &err), MUSTER_E_INVALID);
	ck_assert_ptr_null(c);
	ck_assert_str_eq(buf_str(&all), f->expect);
	ck_assert_int_eq(err.result, MUSTER_E_INVALID);
	ck_assert_ptr_nonnull(strstr(err.message, "the first: "));
	buf_fini(&all);
	files_end();
}

static void expect_refusals(const struct fixture *f, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_refusal(&f[i]);
}
#define EXPECT(table) expect_refusals(table, sizeof table / sizeof table[0])

START_TEST(test_refusal_lines)
{
	static const struct fixture table[] = {
		{ "listen = :1688\n" HOST, NULL, "muster.conf:1: listen: the key stands before the first [section]\n" },
		{ HOST " user = x\n", NULL, "muster.conf:3: [host]: the line is indented: keys and sections begin in the first column\n" },
		{ HOST "\t[limits]\n", NULL, "muster.conf:3: [host]: the line is indented: keys and sections begin in the first column\n" },
		{ HOST "nonsense\n", NULL, "muster.conf:3: [host]: the line is neither a [section], a `key = value` nor a comment\n" },
		{ HOST "= 5\n", NULL, "muster.conf:3: [host]: there is no key before the '='\n" },
		{ HOST "user = a # b\n", NULL, "muster.conf:3: [host] user: a comment after a value begins with ';', not with '#'\n" },
		{ HOST "user = # nobody\n", NULL, "muster.conf:3: [host] user: a comment after a value begins with ';', not with '#'\n" },
		{ HOST "user = a\t#b\n", NULL, "muster.conf:3: [host] user: a comment after a value begins with ';', not with '#'\n" },
		{ HOST "user =;a\n", NULL, "muster.conf:3: [host] user: the value begins with ';': put a blank before a comment\n" },
		{ HOST "user = \x01x\n", NULL, "muster.conf:3: [host]: the line contains a control character; only text and tabs are allowed\n" },
		{ HOST "user = a\rb\n", NULL, "muster.conf:3: [host]: the line contains a control character; only text and tabs are allowed\n" },
		{ HOST "name = \xE4\n", NULL, "muster.conf:3: [host]: the line is not UTF-8: save the file as UTF-8\n" },
		{ HOST "name = \xC0\xAF\n", NULL, "muster.conf:3: [host]: the line is not UTF-8: save the file as UTF-8\n" },
		{ HOST "name = \xED\xA0\x80\n", NULL, "muster.conf:3: [host]: the line is not UTF-8: save the file as UTF-8\n" },
		{ HOST "name = \xE2\x82\n", NULL, "muster.conf:3: [host]: the line is not UTF-8: save the file as UTF-8\n" },
		{ "\xFF\xFE[\n", NULL, "muster.conf: the file is UTF-16: save it as UTF-8\n" },
		/* A byte order mark counts as nothing, inside the file it is text. */
		{ HOST "\xEF\xBB\xBFuser = x\n", NULL, "muster.conf:3: [host] \xEF\xBB\xBFuser: unknown key; the nearest is user\n" },
		{ HOST "\r\nnonsense\r\n", NULL, "muster.conf:4: [host]: the line is neither a [section], a `key = value` nor a comment\n" },
	};
	EXPECT(table);
}
END_TEST

START_TEST(test_refusal_sections)
{
	static const struct fixture table[] = {
		{ "[hots]\nlisten = :1\n", NULL, "muster.conf:1: [hots]: unknown section; the nearest is [host]\n" },
		{ "[Host]\nlisten = :1\n", NULL, "muster.conf:1: [Host]: unknown section; the nearest is [host]\n" },
		{ "[limit]\nburst = 1\n", NULL, "muster.conf:1: [limit]: unknown section; the nearest is [limits]\n" },
		{ HOST "[host]\nuser = x\n", NULL, "muster.conf:3: [host]: the section appears twice, first at muster.conf:1\n" },
		{ HOST "[limits]\n", NULL, "muster.conf:3: [limits]: the section is empty: give it a key or remove it\n" },
		{ HOST "[limits]\n# burst = 3\n\n", NULL, "muster.conf:3: [limits]: the section is empty: give it a key or remove it\n" },
		{ HOST "[]\nx = 1\n", NULL, "muster.conf:3: the section has no name: [] is empty\n" },
		{ HOST "[limits\nburst = 1\n", NULL, "muster.conf:3: the section's ']' is missing\n" },
		{ HOST "[limits] burst = 1\n", NULL, "muster.conf:3: there is text after the section's ']': put it on a line of its own\n" },
		{ HOST "[ limits ]\nburst = 1\n", NULL, "muster.conf:3: the section's name begins or ends with a blank: write [name] without\n" },
		{ HOST "[lim;its]\nburst = 1\n", NULL,
		  "muster.conf:3: the section's name may hold letters, digits, '.', '_', '-' and a blank before its argument only\n" },
		{ HOST "[product aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\nburst = 1\n", NULL,
		  "muster.conf:3: the section's name is longer than 80 bytes\n" },
		{ "[host main]\nlisten = :1\n", NULL, "muster.conf:1: [host main]: the section takes no name: write [host]\n" },
		{ "[product]\nvalidity = 7d\n", NULL, "muster.conf:1: [product]: the section needs a name: write [product NAME]\n" },
		{ "[edition]\nproduct = p\n", NULL, "muster.conf:1: [edition]: the section needs an activation ID: write [edition UUID]\n" },
		{ "[edition office]\nproduct = p\n", NULL, "muster.conf:1: [edition office]: 'office' is not an activation ID: write a UUID that is not all zero\n" },
		{ "[edition 00000000-0000-0000-0000-000000000000]\nproduct = p\n", NULL,
		  "muster.conf:1: [edition 00000000-0000-0000-0000-000000000000]: '00000000-0000-0000-0000-000000000000' is not an activation ID: "
		  "write a UUID that is not all zero\n" },
		{ "[plugin Office]\nenabled = yes\n", NULL,
		  "muster.conf:1: [plugin Office]: 'Office' is not a name: use a-z, 0-9, '-' and '_', first a letter, at most 63\n" },
		{ "[issuer a]\nroots = a.pem\n[issuer a]\nroots = b.pem\n", NULL, "muster.conf:3: [issuer a]: the section appears twice, first at muster.conf:1\n" },
		{ "[plugin a]\nenabled = yes\n[plugin a]\nenabled = no\n", NULL, "muster.conf:3: [plugin a]: the section appears twice, first at muster.conf:1\n" },
		{ "[product a]\nvalidity = 7d\n[product a]\nvalidity = 8d\n", NULL, "muster.conf:3: [product a]: the section appears twice, first at muster.conf:1\n" },
		{ "[edition 00000000-0000-4000-8000-000000000001]\nproduct = a\nname = A\n[edition 00000000-0000-4000-8000-000000000001]\nproduct = a\nname = A\n", NULL,
		  "muster.conf:4: [edition 00000000-0000-4000-8000-000000000001]: the section appears twice, first at muster.conf:1\n" },
	};
	EXPECT(table);
}
END_TEST

START_TEST(test_refusal_keys)
{
	static const struct fixture table[] = {
		{ "[host]\nlistn = :1\n", NULL, "muster.conf:2: [host] listn: unknown key; the nearest is listen\n" },
		{ "[host]\nLISTEN = :1\n", NULL, "muster.conf:2: [host] LISTEN: unknown key; the nearest is listen\n" },
		{ "[host]\nactivation_intervall = 2h\n", NULL, "muster.conf:2: [host] activation_intervall: unknown key; the nearest is activation_interval\n" },
		{ "[host]\npriority_low = yes\n", NULL, "muster.conf:2: [host] priority_low: the key is a stored setting, not one of this file: change it with musterctl\n" },
		{ HOST "listen = :2\n", NULL, "muster.conf:3: [host] listen: the key appears twice, first at line 2\n" },
		{ "[issuer main]\nroot = a.pem\n", NULL,
		  "muster.conf:2: [issuer main] root: unknown key; the nearest is roots\nmuster.conf:1: [issuer main] roots: the key is missing from this section\n" },
		{ "[edition 00000000-0000-4000-8000-000000000001]\nminimum_count = 5\n", NULL,
		  "muster.conf:1: [edition 00000000-0000-4000-8000-000000000001] product: the key is missing from this section\n"
		  "muster.conf:1: [edition 00000000-0000-4000-8000-000000000001] name: the key is missing from this section\n" },
		{ "[product office2013]\nlike = windows\n", NULL,
		  "muster.conf:2: [product office2013] like: the key makes a product: it belongs in a product file (products_dir), not in muster.conf\n" },
		{ "[product office2013]\nrecord = no\n", NULL,
		  "muster.conf:2: [product office2013] record: the key makes a product: it belongs in a product file (products_dir), not in muster.conf\n" },
		{ "[plugin a]\nUPPER = 1\n", NULL, "muster.conf:2: [plugin a] UPPER: not the name of an option: use a-z, 0-9, '-' and '_', first a letter\n" },
		{ "[plugin a]\nspeed = 1\nspeed = 2\n", NULL, "muster.conf:3: [plugin a] speed: the key appears twice, first at line 2\n" },
	};
	EXPECT(table);
}
END_TEST

START_TEST(test_refusal_numbers)
{
	static const struct fixture table[] = {
		{ "[product office2013]\nminimum_count = 0\n", NULL, "muster.conf:2: [product office2013] minimum_count: 0 is below 1\n" },
		{ "[product office2013]\nminimum_count = 100001\n", NULL, "muster.conf:2: [product office2013] minimum_count: 100001 is above 100000\n" },
		{ "[product office2013]\nminimum_count = -1\n", NULL, "muster.conf:2: [product office2013] minimum_count: '-1' is not a number\n" },
		{ "[product office2013]\nminimum_count = 5.5\n", NULL, "muster.conf:2: [product office2013] minimum_count: '5.5' is not a whole number\n" },
		{ "[product office2013]\nminimum_count = 5 machines\n", NULL, "muster.conf:2: [product office2013] minimum_count: '5 machines' is not a whole number\n" },
		{ "[product office2013]\nminimum_count =\n", NULL, "muster.conf:2: [product office2013] minimum_count: the value is missing\n" },
		{ "[limits]\nburst = 99999999999999999999\n", NULL, "muster.conf:2: [limits] burst: 99999999999999999999 is too large\n" },
		{ "[limits]\nidle = 30\n", NULL, "muster.conf:2: [limits] idle: 30 has no unit: write 30s or 30min\n" },
		{ "[limits]\nidle = 30m\n", NULL, "muster.conf:2: [limits] idle: '30m' has an unknown unit: use s, min, h, d or w\n" },
		{ "[limits]\nidle = soon\n", NULL, "muster.conf:2: [limits] idle: 'soon' is not a number with a unit: s, min, h, d or w\n" },
		{ "[limits]\nidle = 0\n", NULL, "muster.conf:2: [limits] idle: 0 is below 1s\n" },
		{ "[limits]\nidle = 18446744073709551615d\n", NULL, "muster.conf:2: [limits] idle: 18446744073709551615d is too large\n" },
		{ "[limits]\nqueue_age = 100\n", NULL, "muster.conf:2: [limits] queue_age: 100 has no unit: write 100ms or 100s\n" },
		{ "[limits]\nqueue_age = 5ms\n", NULL, "muster.conf:2: [limits] queue_age: 5ms is below 10ms\n" },
		{ "[limits]\nqueue_age = 1d\n", NULL, "muster.conf:2: [limits] queue_age: '1d' has an unknown unit: use ms, s, min or h\n" },
		{ "[limits]\nbody_max = 2MB\n", NULL, "muster.conf:2: [limits] body_max: '2MB' has an unknown unit: use B, KiB, MiB, GiB or TiB\n" },
		{ "[limits]\nbody_max = 2MiB\n", NULL, "muster.conf:2: [limits] body_max: 2MiB is above 1MiB\n" },
		{ "[limits]\nbody_max = 10\n", NULL, "muster.conf:2: [limits] body_max: 10 is below 1KiB\n" },
		{ "[host]\nactivation_interval = 14min\n", NULL, "muster.conf:2: [host] activation_interval: 14min is below 15min\n" },
		{ "[host]\nrenewal_interval = 31d\n", NULL, "muster.conf:2: [host] renewal_interval: 31d is above 30d\n" },
		{ "[limits]\nloopback = 1\n", NULL, "muster.conf:2: [limits] loopback: '1' is neither yes nor no\n" },
		{ "[plugin a]\nrequired = maybe\n", NULL, "muster.conf:2: [plugin a] required: 'maybe' is neither yes nor no\n" },
		{ "[limits]\nconnections = 20\n", NULL, "muster.conf: [limits] connections_per_address: 100 is above connections, 20\n" },
		{ "[limits]\nconnections = 20\nconnections_per_address = 21\n", NULL, "muster.conf:3: [limits] connections_per_address: 21 is above connections, 20\n" },
		{ "[doctor]\nends_critical = 31d\n", NULL, "muster.conf:2: [doctor] ends_critical: 2678400s is longer than ends_warning, 2592000s\n" },
		{ "[doctor]\nkey_use = 101\n", NULL, "muster.conf:2: [doctor] key_use: 101 is above 100\n" },
		{ "[limits]\nqueue_age = 10s\n", NULL, "muster.conf:2: [limits] queue_age: 10000ms is not below deadline, 10000ms\n" },
	};
	EXPECT(table);
}
END_TEST

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

START_TEST(test_refusal_texts)
{
	static const struct fixture table[] = {
		{ "[host]\nname =\n", NULL, "muster.conf:2: [host] name: the value is missing\n" },
		{ "[host]\nname = " A64 "a\n", NULL, "muster.conf:2: [host] name: the value is 65 bytes long; at most 64 are allowed\n" },
		{ "[host]\nlisten = 127.0.0.1\n", NULL, "muster.conf:2: [host] listen: '127.0.0.1' has no port: write 127.0.0.1:1688\n" },
		{ "[host]\nlisten = [::1]\n", NULL, "muster.conf:2: [host] listen: '[::1]' has no port: write [::1]:1688\n" },
		{ "[host]\nlisten = :65536\n", NULL, "muster.conf:2: [host] listen: ':65536': the port must be a number from 0 to 65535\n" },
		{ "[host]\nlisten = :http\n", NULL, "muster.conf:2: [host] listen: ':http': the port must be a number from 0 to 65535\n" },
		{ "[host]\nlisten = ::1:1688\n", NULL, "muster.conf:2: [host] listen: '::1:1688' is not ADDRESS:PORT: write 127.0.0.1:1688, [::1]:1688 or :1688\n" },
		{ "[host]\nlisten = [::1:1688\n", NULL, "muster.conf:2: [host] listen: '[::1:1688' is not ADDRESS:PORT: write 127.0.0.1:1688, [::1]:1688 or :1688\n" },
		{ "[host]\nlisten = localhost:1688\n", NULL,
		  "muster.conf:2: [host] listen: 'localhost:1688' is not ADDRESS:PORT: write 127.0.0.1:1688, [::1]:1688 or :1688\n" },
		{ "[host]\nlisten = :1,\n", NULL, "muster.conf:2: [host] listen: an item of the list is empty\n" },
		{ "[host]\nlisten = :1, " A64 A64 "\n", NULL, "muster.conf:2: [host] listen: an item of the list is longer than 79 bytes\n" },
		{ "[host]\nnetworks = 10.0.0.0\n", NULL, "muster.conf:2: [host] networks: '10.0.0.0' has no prefix length: write ADDRESS/BITS, such as 10.0.0.0/8\n" },
		{ "[host]\nnetworks = 10.0.0/8\n", NULL, "muster.conf:2: [host] networks: '10.0.0/8' is not ADDRESS/BITS: write 10.0.0.0/8 or 2001:db8::/32\n" },
		{ "[host]\nnetworks = 10.0.0.0/33\n", NULL, "muster.conf:2: [host] networks: '10.0.0.0/33': the prefix length must be a number from 0 to 32\n" },
		{ "[host]\nnetworks = ::/129\n", NULL, "muster.conf:2: [host] networks: '::/129': the prefix length must be a number from 0 to 128\n" },
		{ "[host]\nnetworks = 10.1.0.0/8\n", NULL, "muster.conf:2: [host] networks: '10.1.0.0/8': the address has bits set beyond its first 8\n" },
		{ "[host]\nnetworks = 10.128.0.0/8, 10.0.0.0/8\n", NULL, "muster.conf:2: [host] networks: '10.128.0.0/8': the address has bits set beyond its first 8\n" },
		{ "[host]\nuser = -x\n", NULL, "muster.conf:2: [host] user: '-x' is not the name of a user or group\n" },
		{ "[host]\nadmin_group = a b\n", NULL, "muster.conf:2: [host] admin_group: 'a b' is not the name of a user or group\n" },
		{ "[host]\nadmin_group =\n", NULL, "muster.conf:2: [host] admin_group: the value is missing\n" },
		{ "[host]\ncontact = www.example.org\n", NULL,
		  "muster.conf:2: [host] contact: 'www.example.org' is not an address: begin with https://, http:// or mailto:, without blanks\n" },
		{ "[host]\ncontact = https://\n", NULL, "muster.conf:2: [host] contact: 'https://' is not an address: begin with https://, http:// or mailto:, without blanks\n" },
		{ "[host]\nexpose = all\n", NULL, "muster.conf:2: [host] expose: 'all' is none of: none counts\n" },
		{ "[host]\nlog_level = inf\n", NULL, "muster.conf:2: [host] log_level: 'inf' is none of: err warning notice info debug\n" },
		{ "[host]\nadmin_socket = /" A64 A64 "\n", NULL, "muster.conf:2: [host] admin_socket: the value is 129 bytes long; at most 107 are allowed\n" },
		{ "[host]\nadmin_socket = " A64 "aaaaaaaaaaaaaaaaaa\n", NULL,
		  "muster.conf:2: [host] admin_socket: the path DIR/" A64 "aaaaaaaaaaaaaaaaaa is longer than the 107 bytes a socket may have\n" },
		{ "[host]\nstate = /" A64 "/" A64 "\n", NULL,
		  "muster.conf:2: [host] state: the path of the admin socket in it, /" A64 "/" A64 "/admin.sock, is longer than the 107 bytes a socket may have: set admin_socket\n" },
		{ "[host]\nproducts_dir = nowhere\n", NULL, "muster.conf:2: [host] products_dir: cannot read the folder DIR/nowhere: No such file or directory\n" },
		{ "[plugin a]\nsha256 = 12\n", NULL, "muster.conf:2: [plugin a] sha256: the value is 2 bytes long; at least 64 are needed\n" },
		{ "[plugin a]\nsha256 = " "g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", NULL,
		  "muster.conf:2: [plugin a] sha256: 'g123456789abcdef0123456789abcdef0123456789abcdef...' is not 64 hexadecimal digits: write what `sha256sum` prints\n" },
		{ "[product p]\npool = Office\n", NULL,
		  "muster.conf:2: [product p] pool: 'Office' is neither a name (a-z, 0-9, '-' and '_', first a letter) nor an application ID\n" },
		{ "[product p]\ncoverage_start = 2026-13-01\n", NULL, "muster.conf:2: [product p] coverage_start: '2026-13-01' is not a day: write YYYY-MM-DD\n" },
		{ "[product p]\ncoverage_start = 1/2/2026\n", NULL, "muster.conf:2: [product p] coverage_start: '1/2/2026' is not a day: write YYYY-MM-DD\n" },
		{ "[product p]\ncoverage_start = 1970-01-01\n", NULL, "muster.conf:2: [product p] coverage_start: 1970-01-01 is before 1970-01-02\n" },
		{ "[product p]\ncoverage_start = 2026-02-02\ncoverage_end = 2026-02-01\n", NULL, "muster.conf:3: [product p] coverage_end: the day is before coverage_start\n" },
		{ "[product p]\nissuer = main\n", NULL, "muster.conf:2: [product p] issuer: there is no [issuer main] section\n" },
		{ "[issuer main]\nroots = a\nurl = http://issuer.example\n", NULL, "muster.conf:3: [issuer main] url: http://issuer.example is not an https:// address\n" },
		{ "[issuer main]\nroots = a\nproxy = never\n", NULL, "muster.conf:3: [issuer main] proxy: 'never' is none of: auto ask\n" },
		{ "[issuer main]\nroots = a\nweb_proxy = mailto:proxy@example.org\n", NULL,
		  "muster.conf:3: [issuer main] web_proxy: mailto:proxy@example.org is not an http:// or https:// address\n" },
		{ "[host]\nlisten_tls = :1689\ntls_key = k\n", NULL, "muster.conf: [host] tls_certificate: the key is missing: listen_tls needs tls_certificate and tls_key\n" },
		{ "[issuer main]\nroots = a\n[issuer acme]\nroots = b\n[product p]\nissuer = mian\n", NULL,
		  "muster.conf:6: [product p] issuer: there is no [issuer mian]; the nearest is [issuer main]\n" },
		{ "[product p]\nissuer = Main\n", NULL,
		  "muster.conf:2: [product p] issuer: 'Main' is not a name: use a-z, 0-9, '-' and '_', first a letter\n"
		},
		{ "[product p]\nvalidity = 7d\nrenewal_interval = 7d\n", NULL,
		  "muster.conf:3: [product p] renewal_interval: it is not shorter than validity: every lease would end before it is renewed\n" },
	};
	EXPECT(table);
}
END_TEST

START_TEST(test_refusal_products)
{
	static const struct fixture table[] = {
		{ HOST, "[host]\nuser = x\n", "products.d/a.ini:1: [host]: the section does not belong in a product file: move it to muster.conf\n" },
		{ HOST, "[plugin x]\nenabled = no\n", "products.d/a.ini:1: [plugin x]: the section does not belong in a product file: move it to muster.conf\n" },
		{ HOST, "[produkt x]\nname = x\n", "products.d/a.ini:1: [produkt x]: unknown section; the nearest is [product]\n" },
		{ HOST, "[lost]\nname = x\n", "products.d/a.ini:1: [lost]: unknown section; the nearest is [product]\n" },
		{ HOST, NEW, "products.d/a.ini:1: [product p] model: the key is missing: without `like` a product needs its licensing model\n"
		             "products.d/a.ini:1: [product p] application_id: the key is missing: without `like` a product needs its application ID\n" },
		{ HOST, "[product p]\nlike = office2013\n",
		  "products.d/a.ini:1: [product p] name: the key is missing: a product file must name its product\n"
		  "products.d/a.ini:1: [product p] activation_id: the key is missing: a product file must give its product an activation ID of its own\n" },
		{ HOST, "[product p]\nname = P\nlike = x\nactivation_id = 2e28138a-847f-42bc-9752\n",
		  "products.d/a.ini:4: [product p] activation_id: '2e28138a-847f-42bc-9752' is not a UUID: write 00000000-0000-0000-0000-000000000000 with its own digits\n" },
		{ HOST, "[product p]\nname = P\nlike = x\nactivation_id = 00000000-0000-0000-0000-000000000000\n",
		  "products.d/a.ini:4: [product p] activation_id: the UUID is all zero: every product and edition needs its own\n" },
		{ HOST, NEW "like = p\n", "products.d/a.ini:4: [product p] like: a product cannot be like itself\n" },
		{ HOST, NEW "like = x\nrefused = It is not for volume licences.\n",
		  "products.d/a.ini:3: [product p] activation_id: a product that is refused has none: remove this key or `refused`\n" },
		{ HOST, NEW "like = x\nmodel = mak\n", "products.d/a.ini:5: [product p] model: 'mak' is none of: threshold counted embedded access seats\n" },
		{ HOST, NEW "like = x\nmodel = counted\nminimum_count = 5\n", "products.d/a.ini:6: [product p] minimum_count: only products of the threshold model have one\n" },
		{ HOST, NEW "like = x\nmininum_count = 5\n", "products.d/a.ini:5: [product p] mininum_count: unknown key; the nearest is minimum_count\n" },
		{ HOST, NEW "like = x\ngeneration = 0\n", "products.d/a.ini:5: [product p] generation: 0 is below 1\n" },
		{ HOST, NEW "like = x\n[product q]\nname = Q\nlike = x\nactivation_id = 00000000-0000-4000-8000-000000000001\n",
		  "products.d/a.ini:8: [product q] activation_id: the activation ID is already that of [product p], products.d/a.ini:1\n" },
		{ HOST, NEW "like = x\n[edition 00000000-0000-4000-8000-000000000001]\nname = E\nproduct = p\n",
		  "products.d/a.ini:3: [product p] activation_id: the activation ID is also that of an [edition], products.d/a.ini:5\n" },
		{ HOST "[edition 00000000-0000-4000-8000-000000000002]\nname = E\nproduct = p\n", NEW "like = x\n[edition 00000000-0000-4000-8000-000000000002]\nname = E\nproduct = p\n",
		  "products.d/a.ini:5: [edition 00000000-0000-4000-8000-000000000002]: the section appears twice, first at muster.conf:3\n" },
		/* Both files' faults are told. */
		{ "[host]\nlistn = :1\n", "[product]\nname = x\n",
		  "muster.conf:2: [host] listn: unknown key; the nearest is listen\nproducts.d/a.ini:1: [product]: the section needs a name: write [product NAME]\n" },
	};
	EXPECT(table);
}
END_TEST

/* ---- limits, each with its number in the message ---- */

static void expect_generated(const struct buf *text, const char *expect)
{
	ck_assert(!text->failed);
	expect_refusal(&(struct fixture){ .conf = buf_str(text), .expect = expect });
}

START_TEST(test_refusal_line_length)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_adds(&b, HOST "networks = ");
	for (size_t i = 0; i < CONFIG_LINE_MAX; i++)
		buf_addc(&b, 'x');
	buf_adds(&b, "\nnonsense\n");
	expect_generated(&b, "muster.conf:3: [host]: the line is 4107 bytes long; at most 4096 are allowed\n"
	                     "muster.conf:4: [host]: the line is neither a [section], a `key = value` nor a comment\n");
	buf_clear(&b);
	buf_adds(&b, HOST "contact = https://example.org/");
	for (int i = 0; i < 400; i++)
		buf_addc(&b, ';');
	expect_generated(&b, "muster.conf:3: [host]: the line cannot be read: it has too many blanks, ';' or '#' in a row, or no '=' near its beginning\n");
	buf_clear(&b);
	buf_adds(&b, HOST);
	for (int i = 0; i < 400; i++)
		buf_addc(&b, 'k');
	buf_adds(&b, " = 1\n");
	expect_generated(&b, "muster.conf:3: [host]: the line cannot be read: it has too many blanks, ';' or '#' in a row, or no '=' near its beginning\n");
	buf_fini(&b);
}
END_TEST

START_TEST(test_refusal_lines_count)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_adds(&b, HOST);
	for (int i = 0; i < CONFIG_LINES_MAX; i++)
		buf_adds(&b, "#\n");
	expect_generated(&b, "muster.conf:10001: the file has more than 10000 lines; nothing after this is read\n");
	buf_fini(&b);
}
END_TEST

START_TEST(test_refusal_file_size)
{
	struct buf b;

	buf_init(&b, 4 << 20);
	buf_adds(&b, HOST);
	while (b.n <= CONFIG_FILE_MAX)
		buf_adds(&b, "# ........................................................................................................\n");
	expect_generated(&b, "muster.conf: the file is larger than 1048576 bytes\n");
	expect_refusal(&(struct fixture){ .conf = HOST, .product = buf_str(&b), .expect = "products.d/a.ini: the file is larger than 1048576 bytes\n" });
	buf_fini(&b);
}
END_TEST

START_TEST(test_refusal_section_counts)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	for (int i = 0; i <= CONFIG_ISSUERS_MAX; i++)
		buf_addf(&b, "[issuer i%d]\nroots = x\n", i);
	expect_generated(&b, "muster.conf:33: [issuer i16]: there are more than 16 [issuer] sections\n");
	buf_clear(&b);
	for (int i = 0; i <= CONFIG_PLUGINS_MAX; i++)
		buf_addf(&b, "[plugin p%d]\nenabled = no\n", i);
	expect_generated(&b, "muster.conf:129: [plugin p64]: there are more than 64 [plugin] sections\n");
	buf_clear(&b);
	for (int i = 0; i <= CONFIG_PRODUCTS_MAX; i++)
		buf_addf(&b, "[product p%d]\nenabled = no\n", i);
	expect_generated(&b, "muster.conf:2049: [product p1024]: there are more than 1024 [product] sections\n");
	buf_clear(&b);
	buf_adds(&b, "[plugin p]\n");
	for (int i = 0; i <= CONFIG_OPTIONS_MAX; i++)
		buf_addf(&b, "o%d = 1\n", i);
	expect_generated(&b, "muster.conf:66: [plugin p] o64: the section has more than 64 options\n");
	buf_clear(&b);
	buf_adds(&b, "[plugin p]\no = ");
	for (int i = 0; i <= CONFIG_OPTION_MAX; i++)
		buf_addc(&b, 'x');
	expect_generated(&b, "muster.conf:2: [plugin p] o: the value is 3501 bytes long; at most 3500 are allowed\n");
	buf_fini(&b);
}
END_TEST

START_TEST(test_refusal_edition_count)
{
	struct buf b;
	struct muster_err err = { 0 };
	struct config *c;
	struct buf all;

	/* More than one file's lines can hold: two product files. */
	files_begin();
	files_put("muster.conf", HOST);
	ck_assert_int_eq(mkdir(files_path("products.d"), 0700), 0);
	buf_init(&b, 1 << 20);
	buf_init(&all, 1 << 20);
	for (int i = 0; i <= CONFIG_EDITIONS_MAX; i++) {
		buf_addf(&b, "[edition 00000000-0000-4000-8000-%012d]\nname = x\nproduct = p\n", i + 1);
		if (i == 2999) {
			files_put("products.d/a.ini", buf_str(&b));
			buf_clear(&b);
		}
	}
	files_put("products.d/b.ini", buf_str(&b));
	ck_assert_int_eq(config_read(&c, files_path("muster.conf"), files_report, &all, &err), MUSTER_E_INVALID);
	ck_assert_str_eq(buf_str(&all), "products.d/b.ini:3289: [edition 00000000-0000-4000-8000-000000004097]: there are more than 4096 [edition] sections\n");
	buf_fini(&all);
	buf_fini(&b);
	files_end();
}
END_TEST

START_TEST(test_refusal_file_count)
{
	struct muster_err err = { 0 };
	struct config *c;
	struct buf all;
	char name[64];

	files_begin();
	files_put("muster.conf", HOST);
	ck_assert_int_eq(mkdir(files_path("products.d"), 0700), 0);
	for (int i = 0; i <= CONFIG_FILES_MAX; i++) {
		snprintf(name, sizeof name, "products.d/%04d.ini", i);
		files_put(name, "");
	}
	buf_init(&all, 1 << 20);
	ck_assert_int_eq(config_read(&c, files_path("muster.conf"), files_report, &all, &err), MUSTER_E_INVALID);
	ck_assert_str_eq(buf_str(&all), "products.d: the folder holds more than 1024 product files\n");
	buf_fini(&all);
	files_end();
}
END_TEST

START_TEST(test_refusal_nul)
{
	static const char text[] = HOST "user = a\0b\n";
	struct muster_err err = { 0 };
	struct config *c;
	struct buf all;

	files_begin();
	files_put_bytes("muster.conf", text, sizeof text - 1, 0600);
	buf_init(&all, 1 << 20);
	ck_assert_int_eq(config_read(&c, files_path("muster.conf"), files_report, &all, &err), MUSTER_E_INVALID);
	ck_assert_str_eq(buf_str(&all), "muster.conf:3: [host]: the line contains a NUL byte: is this a text file?\n");
	buf_fini(&all);
	files_end();
}
END_TEST

/* Nothing is reported twice: what concerns the file as a whole stands in err. */
static void expect_error(int result, const char *name, const char *message)
{
	struct muster_err err = { 0 };
	struct config *c = (struct config *)1;
	struct buf all;

	buf_init(&all, 1 << 16);
	ck_assert_int_eq(config_read(&c, files_path(name), files_report, &all, &err), result);
	ck_assert_uint_eq(all.n, 0);
	ck_assert_ptr_null(c);
	files_report(&all, err.message);
	all.p[--all.n] = '\0';
	ck_assert_str_eq(buf_str(&all), message);
	buf_fini(&all);
}

START_TEST(test_refusal_modes)
{
	struct muster_err err = { 0 };
	struct config *c;
	struct buf all;

	files_begin();
	expect_error(MUSTER_E_NOT_FOUND, "muster.conf", "cannot examine DIR/muster.conf: No such file or directory");
	files_put_bytes("muster.conf", HOST, strlen(HOST), 0620);
	expect_error(MUSTER_E_DENIED, "muster.conf", "DIR/muster.conf can be written by its group: chmod g-w DIR/muster.conf");
	files_put_bytes("muster.conf", HOST, strlen(HOST), 0602);
	expect_error(MUSTER_E_DENIED, "muster.conf", "DIR/muster.conf can be written by everybody: chmod go-w DIR/muster.conf");
	files_put("muster.conf", HOST);
	ck_assert_int_eq(chmod(files_folder, 0777), 0);
	expect_error(MUSTER_E_DENIED, "muster.conf", "folder DIR can be written by everybody: chmod go-w DIR");
	ck_assert_int_eq(chmod(files_folder, 0700), 0);
	ck_assert_int_eq(mkdir(files_path("products.d"), 0700), 0);
	expect_error(MUSTER_E_IO, "products.d", "DIR/products.d is not a regular file");
	files_put_bytes("products.d/a.ini", "", 0, 0666);
	buf_init(&all, 1 << 16);
	ck_assert_int_eq(config_read(&c, files_path("muster.conf"), files_report, &all, &err), MUSTER_E_INVALID);
	ck_assert_str_eq(buf_str(&all), "products.d/a.ini: DIR/products.d/a.ini can be written by everybody: chmod go-w DIR/products.d/a.ini\n");
	buf_fini(&all);
	files_end();
}
END_TEST

#define FILE_A "products.d/a.ini"
#define ACCESS NEW "model = access\napplication_id = 00000000-0000-4000-8000-000000000002\n"
#define EMBEDDED NEW "model = embedded\napplication_id = 00000000-0000-4000-8000-000000000002\n"
#define PC "client:00000000-0000-4000-8000-00000000000a"
#define RESERVATION "[reservation r]\nproduct = p\ncount = 1\nfor = name:*\n"

START_TEST(test_refusal_claims)
{
	static const struct fixture table[] = {
		{ "[product p]\nallow = user:ann\n", NULL, "muster.conf:2: [product p] allow: 'user:ann' is none of client:UUID, name:PATTERN and ADDRESS/BITS\n" },
		{ "[product p]\nallow = pc1.example.org\n", NULL, "muster.conf:2: [product p] allow: 'pc1.example.org' is none of client:UUID, name:PATTERN and ADDRESS/BITS\n" },
		{ "[product p]\nallow = everybody\n", NULL, "muster.conf:2: [product p] allow: 'everybody' is none of client:UUID, name:PATTERN and ADDRESS/BITS\n" },
		{ "[product p]\nallow = " PC ",\n", NULL, "muster.conf:2: [product p] allow: an item of the list is empty\n" },
		{ "[product p]\nallow = , " PC "\n", NULL, "muster.conf:2: [product p] allow: an item of the list is empty\n" },
		{ "[product p]\nallow = client:pc-17\n", NULL, "muster.conf:2: [product p] allow: 'client:pc-17' names no client machine ID: write client: and a UUID that is not all zero\n" },
		{ "[product p]\nallow = client:00000000-0000-0000-0000-000000000000\n", NULL,
		  "muster.conf:2: [product p] allow: 'client:00000000-0000-0000-0000-000000000000' names no client machine ID: write client: and a UUID that is not all zero\n" },
		{ "[product p]\nallow = " PC ", name:\n", NULL, "muster.conf:2: [product p] allow: 'name:' has no pattern: write name:pc-* or name:* for every machine that says its name\n" },
		{ "[product p]\nallow = name:pc-[0-9]\n", NULL, "muster.conf:2: [product p] allow: 'name:pc-[0-9]' is not a pattern: only * (any number of characters) and ? (one) have a meaning\n" },
		{ "[product p]\nallow = 10.0.0.0\n", NULL, "muster.conf:2: [product p] allow: '10.0.0.0' has no prefix length: write ADDRESS/BITS, such as 10.0.0.0/8\n" },
		{ "[product p]\nallow = 10.0.0.0/33\n", NULL, "muster.conf:2: [product p] allow: '10.0.0.0/33': the prefix length must be a number from 0 to 32\n" },
		{ "[product p]\nallow = 10.0.0.1/8\n", NULL, "muster.conf:2: [product p] allow: '10.0.0.1/8': the address has bits set beyond its first 8\n" },
		{ "[product p]\nallow = 2001:db8::/129\n", NULL, "muster.conf:2: [product p] allow: '2001:db8::/129': the prefix length must be a number from 0 to 128\n" },
		{ "[product p]\nallow = pc.example.org/8\n", NULL, "muster.conf:2: [product p] allow: 'pc.example.org/8' is not ADDRESS/BITS: write 10.0.0.0/8 or 2001:db8::/32\n" },
		{ "[product p]\nallow = ::ffff:10.0.0.0/104\n", NULL, "muster.conf:2: [product p] allow: '::ffff:10.0.0.0/104' is a network of IPv4 written as IPv6: write it such as 10.0.0.0/8\n" },
		{ "[reservation r]\nproduct = p\ncount = 1\nfor =\n", NULL, "muster.conf:4: [reservation r] for: the value is missing\n" },
		{ "[reservation r]\nproduct = p\ncount = 1\nfor = 10.0.0.0/8, lab\n", NULL, "muster.conf:4: [reservation r] for: 'lab' is none of client:UUID, name:PATTERN and ADDRESS/BITS\n" },
	};
	EXPECT(table);
}
END_TEST

/* One pattern too long, then a list too long. */
START_TEST(test_refusal_claims_long)
{
	static char conf[8192], expect[8192];
	const size_t lead = sizeof "[product p]\nallow = " - 1;
	size_t n;

	strcpy(conf, "[product p]\nallow = name:");
	n = strlen(conf);
	memset(conf + n, 'a', 256);
	strcpy(conf + n + 256, "\n");
	expect_refusal(&(struct fixture){ conf, NULL, "muster.conf:2: [product p] allow: the pattern 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...' is longer than 255 bytes\n" });
	strcpy(conf, "[product p]\nallow = ");
	while (strlen(conf) < 3520)
		strcat(conf, "name:pc, ");
	strcat(conf, "name:pc\n");
	snprintf(expect, sizeof expect, "muster.conf:2: [product p] allow: the value is %zu bytes long; at most 3500 are allowed\n", strlen(conf) - lead - 1);
	expect_refusal(&(struct fixture){ conf, NULL, expect });
}
END_TEST

START_TEST(test_refusal_policy)
{
	static const struct fixture table[] = {
		{ "[product p]\npolicy = warn\n", NULL, "muster.conf:2: [product p] policy: 'warn' is none of: enforce advise\n" },
		{ "[product p]\nseats = 0\n", NULL, "muster.conf:2: [product p] seats: 0 is below 1\n" },
		{ "[product p]\nseat_lease = 59s\n", NULL, "muster.conf:2: [product p] seat_lease: 59s is below 1min\n" },
		{ "[product p]\nheartbeat = 19s\n", NULL, "muster.conf:2: [product p] heartbeat: 19s is below 20s\n" },
		{ "[product p]\nqueue = 100001\n", NULL, "muster.conf:2: [product p] queue: 100001 is above 100000\n" },
		{ "[product p]\nrevoke_percent = 101\n", NULL, "muster.conf:2: [product p] revoke_percent: 101 is above 100\n" },
		{ "[product p]\ntemporary = 90\n", NULL, "muster.conf:2: [product p] temporary: 90 has no unit: write 90s or 90min\n" },
		{ "[product p]\nper = device, group\n", NULL, "muster.conf:2: [product p] per: 'group' is none of: device user\n" },
		{ "[product p]\nper = user, user\n", NULL, "muster.conf:2: [product p] per: 'user' is named twice\n" },
		{ "[product p]\nserver_version = 2016, 2019\n", NULL, "muster.conf:2: [product p] server_version: one version is meant, and there are several\n" },
		{ "[product p]\nversions = 2019\n", NULL, "muster.conf:2: [product p] versions: the key makes a product: it belongs in a product file (products_dir), not in muster.conf\n" },
		{ HOST, ACCESS "versions = 2016, 2019, 2016\n", FILE_A ":6: [product p] versions: '2016' is named twice\n" },
		{ HOST, ACCESS "versions = 2016, 2022, 2019\n", FILE_A ":6: [product p] versions: '2019' stands behind '2022': name the oldest first\n" },
		{ HOST, ACCESS "versions = 5, 4\n", FILE_A ":6: [product p] versions: '4' stands behind '5': name the oldest first\n" },
		{ HOST, ACCESS "versions = 2008 R2\n", FILE_A ":6: [product p] versions: '2008 R2' is not a version: use a-z, 0-9 and '-', first a letter or digit, at most 63\n" },
		{ HOST, EMBEDDED "medium = setup.ini PID\n", FILE_A ":6: [product p] medium: 'setup.ini PID' is not PATH [SECTION] KEY: write such as x64/Setup.ini [OPTIONS] PID\n" },
		{ HOST, EMBEDDED "medium = ../setup.ini [OPTIONS] PID\n",
		  FILE_A ":6: [product p] medium: '../setup.ini [OPTIONS] PID': the path must be a relative one with '/' and without '..'\n" },
		{ HOST, RESERVATION, FILE_A ":1: [reservation r]: the section does not belong in a product file: move it to muster.conf\n" },
		{ "[reservation r]\ncount = 1\nfor = name:*\n", NULL, "muster.conf:1: [reservation r] product: the key is missing from this section\n" },
		{ "[reservation r]\nproduct = p\ncount = 0\nfor = name:*\n", NULL, "muster.conf:3: [reservation r] count: 0 is below 1\n" },
		{ RESERVATION RESERVATION, NULL, "muster.conf:5: [reservation r]: the section appears twice, first at muster.conf:1\n" },
	};
	EXPECT(table);
}
END_TEST

UNIT_MAIN("configuration refusals", test_refusal_lines, test_refusal_sections, test_refusal_keys, test_refusal_numbers, test_refusal_texts,
          test_refusal_products, test_refusal_line_length, test_refusal_lines_count, test_refusal_file_size, test_refusal_section_counts,
          test_refusal_edition_count, test_refusal_file_count, test_refusal_nul, test_refusal_modes, test_refusal_claims, test_refusal_claims_long, test_refusal_policy)
