/* Every way a product section or product file can contradict the catalog, each with its whole message. What is wrong
 * with the text of a file itself (test_config_refusals) is not repeated here. */
#include "tests/unit/unit.h"
#include "tests/unit/catalog_config.h"

#define ID_A "aaaaaaaa-0000-4000-8000-000000000001"
#define ID_B "aaaaaaaa-0000-4000-8000-000000000002"
#define OFFICE_ID "2e28138a-847f-42bc-9752-61b03fff33cd"

static struct setup *s;

static void setup(void)
{
	s = setup_new();
	(void)setup_plugin(s, "office2013", NULL);
	(void)setup_plugin(s, "windows", NULL);
}

static void teardown(void)
{
	free(s);
}

static void assert_fault(const char *message)
{
	char line[MUSTER_ERR_MAX + 8];
	struct catalog *c;

	ck_assert_int_eq(setup_build(s, &c), MUSTER_E_INVALID);
	ck_assert_ptr_null(c);
	ck_assert_str_eq(s->err.message, message);
	(void)snprintf(line, sizeof line, "3 %s\n", message);
	ck_assert_ptr_nonnull(strstr(s->said.text, line));
}

static struct config_product *threshold(const char *name, const char *id)
{
	struct config_product *p = setup_new_product(s, name, NULL, id);

	p->minimum_count = 5;
	p->given |= CONFIG_P_MINIMUM;
	return p;
}

START_TEST(test_product_like_unknown)
{
	(void)setup_new_product(s, "office2016", "ofice2013", ID_A);
	assert_fault("products.d/new.ini:31: [product office2016] like: no product is called ofice2013 (did you mean office2013?); `musterctl products` lists them");
}
END_TEST

START_TEST(test_product_like_far)
{
	(void)setup_new_product(s, "office2016", "wordperfect", ID_A);
	assert_fault("products.d/new.ini:31: [product office2016] like: no product is called wordperfect; `musterctl products` lists them");
}
END_TEST

START_TEST(test_product_like_cycle)
{
	(void)setup_new_product(s, "one", "two", ID_A);
	(void)setup_new_product(s, "two", "one", ID_B);
	assert_fault("products.d/new.ini:32: [product two] like: two and one copy each other");
}
END_TEST

START_TEST(test_product_requires)
{
	struct config_product *p = setup_new_product(s, "office2016", "office2013", ID_A);

	p->requires = "a, b=";
	p->given |= CONFIG_P_REQUIRES;
	assert_fault("products.d/new.ini:31: [product office2016] requires: belongs to the counted model, and this product's model is threshold");
}
END_TEST

START_TEST(test_product_requires_nothing)
{
	struct config_product *p = setup_new_product(s, "esu", "windows-esu", ID_A);

	p->requires = "a, b=";
	p->given |= CONFIG_P_REQUIRES;
	assert_fault("products.d/new.ini:31: [product esu] requires: \"b\": write NAME or NAME=VALUE, a name of at most 64 characters");
}
END_TEST

START_TEST(test_product_like_self)
{
	(void)setup_new_product(s, "one", "one", ID_A);
	assert_fault("products.d/new.ini:31: [product one] like: one and one copy each other");
}
END_TEST

START_TEST(test_product_no_id)
{
	(void)setup_new_product(s, "office2016", "office2013", NULL);
	assert_fault("products.d/new.ini:31: [product office2016] activation_id: is missing; give the product's UUID, or say with refused why it is never served");
}
END_TEST

START_TEST(test_product_zero_id)
{
	(void)setup_new_product(s, "office2016", "office2013", "00000000-0000-0000-0000-000000000000");
	assert_fault("products.d/new.ini:31: [product office2016] activation_id: is missing; give the product's UUID, or say with refused why it is never served");
}
END_TEST

START_TEST(test_product_no_name)
{
	setup_new_product(s, "office2016", "office2013", ID_A)->given &= ~(uint32_t)CONFIG_P_TITLE;
	assert_fault("products.d/new.ini:31: [product office2016] name: is missing; give the name that listings print");
}
END_TEST

START_TEST(test_product_bad_name)
{
	(void)setup_new_product(s, "Office 2016", "office2013", ID_A);
	assert_fault("products.d/new.ini:31: [product Office 2016]: the name is not made of a-z, 0-9 and '-', at most 63, a letter first");
}
END_TEST

START_TEST(test_product_name_taken_by_plugin)
{
	(void)setup_new_product(s, "windows", "office2013", ID_A);
	assert_fault("products.d/new.ini:31: [product windows]: the name is taken by plugin windows; choose another");
}
END_TEST

START_TEST(test_product_name_taken_by_file)
{
	(void)setup_new_product(s, "office2016", "office2013", ID_A);
	(void)setup_new_product(s, "office2016", "office2013", ID_B);
	assert_fault("products.d/new.ini:32: [product office2016]: the name is taken by the file products.d/new.ini; choose another");
}
END_TEST

START_TEST(test_product_id_of_plugin)
{
	(void)setup_new_product(s, "office2016", "office2013", OFFICE_ID);
	assert_fault("activation ID " OFFICE_ID " is used twice: by office2013 (office2013) and by office2016 (products.d/new.ini); each names one product or edition");
}
END_TEST

START_TEST(test_product_id_twice)
{
	(void)setup_new_product(s, "office2016", "office2013", ID_A);
	(void)setup_new_product(s, "office2019", "office2013", ID_A);
	assert_fault("activation ID " ID_A " is used twice: by office2016 (products.d/new.ini) and by office2019 (products.d/new.ini); each names one product or edition");
}
END_TEST

START_TEST(test_product_model_unknown)
{
	struct config_product *p = threshold("mine", ID_A);

	p->model = "treshold";
	p->given |= CONFIG_P_MODEL;
	assert_fault("products.d/new.ini:31: [product mine] model: \"treshold\" is none of threshold, counted, embedded, access, seats, none");
}
END_TEST

/* ---- policy, allow-lists, reservations, the numbers of seats and access licences ---- */

static struct config_product *of_model(const char *name, const char *model, uint64_t given)
{
	struct config_product *p = setup_new_product(s, name, NULL, ID_A);

	p->model = model;
	p->given |= CONFIG_P_MODEL | given;
	return p;
}

START_TEST(test_product_advise_counted)
{
	of_model("mine", "counted", CONFIG_P_POLICY)->policy = "advise";
	assert_fault("products.d/new.ini:31: [product mine] policy: advise is not possible: what a product of the counted model may be granted is said by the issuer's count, not by this host");
}
END_TEST

START_TEST(test_product_advise_embedded)
{
	of_model("mine", "embedded", CONFIG_P_POLICY)->policy = "advise";
	assert_fault("products.d/new.ini:31: [product mine] policy: advise is not possible: what a product of the embedded model may be granted is said by the key itself, not by this host");
}
END_TEST

START_TEST(test_product_seats_of_other_model)
{
	struct config_product *p = setup_product(s, "office2013", NULL);

	p->heartbeat = 60;
	p->given = CONFIG_P_HEARTBEAT;
	assert_fault("muster.conf:31: [product office2013] heartbeat: belongs to the seats model, and this product's model is threshold");
}
END_TEST

START_TEST(test_product_access_of_other_model)
{
	of_model("mine", "seats", CONFIG_P_VERSIONS)->versions = "1, 2";
	assert_fault("products.d/new.ini:31: [product mine] versions: belongs to the access model, and this product's model is seats");
}
END_TEST

START_TEST(test_product_medium_of_other_model)
{
	of_model("mine", "seats", CONFIG_P_MEDIUM)->medium = "a.ini [S] K";
	assert_fault("products.d/new.ini:31: [product mine] medium: belongs to the embedded model, and this product's model is seats");
}
END_TEST

START_TEST(test_product_heartbeat)
{
	struct config_product *p = of_model("mine", "seats", CONFIG_P_SEAT_LEASE | CONFIG_P_HEARTBEAT);

	p->seat_lease = 600;
	p->heartbeat = 301;
	assert_fault("products.d/new.ini:31: [product mine] heartbeat: a client renews every 301 s and its lease lasts 600 s; one renewal that is lost must not cost the seat: "
	             "heartbeat is at most half of seat_lease");
}
END_TEST

START_TEST(test_product_seats_range)
{
	of_model("mine", "seats", CONFIG_P_SEATS)->seats = 0;
	assert_fault("products.d/new.ini:31: [product mine] seats: 0 is outside 1 to 1000000");
}
END_TEST

START_TEST(test_product_no_versions)
{
	(void)of_model("mine", "access", 0);
	assert_fault("products.d/new.ini:31: [product mine] versions: is missing; name the versions of its access licences, the oldest first, or the product to copy with like");
}
END_TEST

START_TEST(test_product_permanent_order)
{
	struct config_product *p = of_model("mine", "access", CONFIG_P_VERSIONS | CONFIG_P_PERMANENT_MAX);

	p->versions = "1";
	p->permanent_max = 51 * 86400;
	assert_fault("products.d/new.ini:31: [product mine] permanent_max: permanent_max, 4406400 s, is below permanent_min, 4492800 s");
}
END_TEST

START_TEST(test_product_renew_left)
{
	struct config_product *p = of_model("mine", "access", CONFIG_P_VERSIONS | CONFIG_P_RENEW_LEFT);

	p->versions = "1";
	p->renew_left = 52 * 86400;
	assert_fault("products.d/new.ini:31: [product mine] renew_left: renew_left, 4492800 s, is not below permanent_min, 4492800 s");
}
END_TEST

START_TEST(test_product_server_version)
{
	struct config_product *p = of_model("mine", "access", CONFIG_P_VERSIONS | CONFIG_P_SERVER_VERSION);

	p->versions = "2016, 2019";
	p->server_version = "2022";
	assert_fault("products.d/new.ini:31: [product mine] server_version: the product has no version 2022; `musterctl products --verbose` lists them");
}
END_TEST

START_TEST(test_reservation_product)
{
	(void)setup_reservation(s, "lab", "ofice2013", 1);
	assert_fault("muster.conf:71: [reservation lab] product: no product is called ofice2013 (did you mean office2013?); `musterctl products` lists them");
}
END_TEST

START_TEST(test_reservation_model)
{
	(void)setup_reservation(s, "lab", "office2013", 1);
	assert_fault("muster.conf:71: [reservation lab] product: office2013 is of the threshold model; only seats and access licences can be reserved");
}
END_TEST

START_TEST(test_reservation_count)
{
	of_model("mine", "seats", CONFIG_P_SEATS)->seats = 10;
	(void)setup_reservation(s, "lab", "mine", 11);
	assert_fault("muster.conf:71: [reservation lab] count: 11 is more than the 10 seats of mine");
}
END_TEST

START_TEST(test_reservation_counts)
{
	of_model("mine", "seats", CONFIG_P_SEATS)->seats = 10;
	(void)setup_reservation(s, "lab", "mine", 8);
	(void)setup_reservation(s, "class", "mine", 3);
	assert_fault("muster.conf:72: [reservation class] count: 11 with those of other reservations is more than the 10 seats of mine");
}
END_TEST

START_TEST(test_product_model_none)
{
	struct config_product *p = setup_new_product(s, "mine", NULL, ID_A);

	p->model = "none";
	p->given |= CONFIG_P_MODEL;
	assert_fault("products.d/new.ini:31: [product mine] model: none is for products that are never served; say why with refused");
}
END_TEST

START_TEST(test_product_model_and_like)
{
	struct config_product *p = setup_new_product(s, "mine", "office2013", ID_A);

	p->model = "counted";
	p->given |= CONFIG_P_MODEL;
	assert_fault("products.d/new.ini:31: [product mine] model: comes from office2013; leave it out, or leave like out");
}
END_TEST

START_TEST(test_product_no_minimum)
{
	(void)setup_new_product(s, "mine", NULL, ID_A);
	assert_fault("products.d/new.ini:31: [product mine] minimum_count: is missing; give it, or the product to copy with like");
}
END_TEST

START_TEST(test_product_minimum_range)
{
	threshold("mine", ID_A)->minimum_count = 0;
	assert_fault("products.d/new.ini:31: [product mine] minimum_count: 0 is outside 1 to 100000");
}
END_TEST

START_TEST(test_product_pool_of_other_model)
{
	struct config_product *p = setup_new_product(s, "esu", "windows-esu", ID_A);

	p->pool = "windows";
	p->given |= CONFIG_P_POOL;
	assert_fault("products.d/new.ini:31: [product esu] pool: belongs to the threshold model, and this product's model is counted");
}
END_TEST

START_TEST(test_product_pool_name)
{
	struct config_product *p = threshold("mine", ID_A);

	p->pool = "My Pool";
	p->given |= CONFIG_P_POOL;
	assert_fault("products.d/new.ini:31: [product mine] pool: \"My Pool\" is not made of a-z, 0-9 and '-', at most 63, a letter first");
}
END_TEST

START_TEST(test_product_interval_range)
{
	struct config_product *p = threshold("mine", ID_A);

	p->renewal = 60;
	p->given |= CONFIG_P_RENEWAL;
	assert_fault("products.d/new.ini:31: [product mine] renewal_interval: 60 is outside 900 to 2592000");
}
END_TEST

START_TEST(test_product_coverage_order)
{
	struct config_product *p = setup_new_product(s, "esu", "windows-esu", ID_A);

	p->coverage_start = 2000000000;
	p->coverage_end = 1000000000;
	p->given |= CONFIG_P_COVERAGE_START | CONFIG_P_COVERAGE_END;
	assert_fault("products.d/new.ini:31: [product esu] coverage_end: it must lie after coverage_start");
}
END_TEST

/* No setting turns a vendor's records into licences, not even in a copy. */
START_TEST(test_product_record_stays)
{
	struct config_product *p = setup_new_product(s, "office2016", "office2013", ID_A);

	p->record = false;
	p->given |= CONFIG_P_RECORD;
	assert_fault("products.d/new.ini:31: [product office2016] record: leases of this product are records, not licences, and stay so; leave the key out");
}
END_TEST

START_TEST(test_override_unknown)
{
	(void)setup_product(s, "ofice2013", NULL);
	assert_fault("muster.conf:31: [product ofice2013]: no plugin and no product file brings this product (did you mean office2013?); a new product belongs into a file of products_dir");
}
END_TEST

START_TEST(test_override_like)
{
	struct config_product *p = setup_product(s, "office2013", NULL);

	p->like = "windows";
	p->given = CONFIG_P_LIKE;
	assert_fault("muster.conf:31: [product office2013] like: cannot be changed for a product of plugin office2013; make a new product in a file of products_dir");
}
END_TEST

START_TEST(test_override_id)
{
	struct config_product *p = setup_product(s, "office2013", NULL);

	p->given = CONFIG_P_ACTIVATION_ID;
	assert_fault("muster.conf:31: [product office2013] activation_id: cannot be changed for a product of plugin office2013; make a new product in a file of products_dir");
}
END_TEST

START_TEST(test_override_id_of_file)
{
	(void)setup_new_product(s, "office2016", "office2013", ID_A);
	setup_product(s, "office2016", NULL)->given = CONFIG_P_ACTIVATION_ID;
	assert_fault("muster.conf:32: [product office2016] activation_id: cannot be changed here; change it in products.d/new.ini");
}
END_TEST

START_TEST(test_window_range)
{
	struct config_product *p = setup_product(s, "office2013", NULL);

	p->window = 5;
	p->given = CONFIG_P_WINDOW;
	assert_fault("muster.conf:31: [product office2013] window: 5 is outside 900 to 34560000 seconds");
}
END_TEST

START_TEST(test_window_conflict)
{
	struct config_product *p = setup_product(s, "windows", NULL), *q;

	(void)setup_plugin(s, "windows-server", NULL);
	p->window = 86400;
	p->given = CONFIG_P_WINDOW;
	q = setup_product(s, "windows-server", NULL);
	q->window = 172800;
	q->given = CONFIG_P_WINDOW;
	assert_fault("muster.conf:32: [product windows-server] window: 172800 s, and windows in the same pool windows has 86400 s; a pool has one window");
}
END_TEST

START_TEST(test_issuer_unknown)
{
	struct config_product *p = setup_product(s, "office2013", NULL);

	p->issuer = "acme";
	p->given = CONFIG_P_ISSUER;
	s->issuers[0].name = "example";
	s->config.issuer_count = 1;
	assert_fault("[product office2013] issuer: there is no [issuer acme] section");
}
END_TEST

START_TEST(test_issuer_ambiguous)
{
	s->issuers[0].name = "example";
	s->issuers[1].name = "other";
	s->config.issuer_count = 2;
	assert_fault("[product office2013] issuer: is missing, and there are 2 issuers; say in its section which one certifies it");
}
END_TEST

START_TEST(test_edition_product_unknown)
{
	(void)setup_edition(s, ID_A, "window");
	assert_fault("muster.conf:60: [edition] product: no product is called window (did you mean windows?)");
}
END_TEST

START_TEST(test_edition_twice)
{
	(void)setup_edition(s, OFFICE_ID, "windows");
	assert_fault("activation ID " OFFICE_ID " is used twice: by office2013 (office2013) and by windows (windows); each names one product or edition");
}
END_TEST

START_TEST(test_edition_minimum)
{
	(void)setup_new_product(s, "esu", "windows-esu", ID_B);
	setup_edition(s, ID_A, "esu")->minimum_count = 3;
	assert_fault("muster.conf:60: [edition] minimum_count: 3 is above 100000, or the product esu is not of the threshold model");
}
END_TEST

/* With a plugin left out, what refers to its products is a warning: the host starts with the rest. */
START_TEST(test_override_of_missing_plugin)
{
	struct config_product *p = setup_product(s, "rds", NULL);
	struct catalog *c;

	p->enabled = false;
	p->given = CONFIG_P_ENABLED;
	setup_plugin(s, "rds", NULL)->enabled = false;
	(void)setup_edition(s, ID_A, "rds");
	ck_assert_int_eq(setup_build(s, &c), MUSTER_OK);
	ck_assert_str_eq(s->said.text, "4 muster.conf:31: [product rds]: no plugin that is loaded brings this product; the section has no effect\n"
	                               "4 muster.conf:60: [edition] product: no product that is loaded is called rds; the section has no effect\n");
	catalog_unref(c);
}
END_TEST

/* All faults are reported, and the first one is the error. */
START_TEST(test_all_faults_reported)
{
	struct catalog *c;

	(void)setup_new_product(s, "one", "nothing", ID_A);
	(void)setup_product(s, "absent", NULL);
	(void)setup_edition(s, ID_B, "gone");
	ck_assert_int_eq(setup_build(s, &c), MUSTER_E_INVALID);
	ck_assert_uint_eq(s->said.lines, 3);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_product_like_unknown, test_product_like_far, test_product_like_cycle, test_product_requires, test_product_requires_nothing, test_product_like_self, test_product_no_id, test_product_zero_id, test_product_no_name,
		test_product_bad_name, test_product_name_taken_by_plugin, test_product_name_taken_by_file, test_product_id_of_plugin, test_product_id_twice, test_product_model_unknown,
		test_product_advise_counted, test_product_advise_embedded, test_product_seats_of_other_model, test_product_access_of_other_model, test_product_medium_of_other_model, test_product_heartbeat, test_product_seats_range, test_product_no_versions, test_product_permanent_order, test_product_renew_left, test_product_server_version, test_reservation_product, test_reservation_model, test_reservation_count, test_reservation_counts,
		test_product_model_none, test_product_model_and_like, test_product_no_minimum, test_product_minimum_range, test_product_pool_of_other_model,
		test_product_pool_name, test_product_interval_range, test_product_coverage_order, test_product_record_stays, test_override_unknown, test_override_like, test_override_id, test_override_id_of_file,
		test_window_range, test_window_conflict, test_issuer_unknown, test_issuer_ambiguous, test_edition_product_unknown, test_edition_twice, test_edition_minimum,
		test_override_of_missing_plugin, test_all_faults_reported,
	};

	return unit_run_with(suite_create("product refusals"), tests, sizeof tests / sizeof tests[0], setup, teardown);
}
