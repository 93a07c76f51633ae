#include "core/config/schema.h"

#include <string.h>

#include "core/base/nearest.h"
#include "core/config/report.h"

#define MIN ((uint64_t)60)
#define HOUR ((uint64_t)3600)
#define DAY ((uint64_t)86400)
#define KIB ((uint64_t)1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)

#define SITE CONFIG_KEY_SITE
#define EMPTY CONFIG_KEY_EMPTY
#define NEW CONFIG_KEY_NEW

/* Rows: name, type, flags, member, smallest, largest, default, unit, doc. */
#define ROW(n, t, f, m, lo, hi, v, u, d) \
	{ .name = n, .type = CONFIG_##t, .flags = f, .offset = offsetof(STRUCT, m), .min = lo, .max = hi, .value = v, .unit = u, .doc = d }
#define CHOICE(n, f, m, w, v, d) \
	{ .name = n, .type = CONFIG_CHOICE, .flags = f, .offset = offsetof(STRUCT, m), .words = w, .value = v, .doc = d }
/* The same with the bit that says it was given. */
#define GIVEN(n, t, f, m, lo, hi, v, u, g, d) \
	{ .name = n, .type = CONFIG_##t, .flags = f, .offset = offsetof(STRUCT, m), .min = lo, .max = hi, .value = v, .unit = u, .given = CONFIG_P_##g, .doc = d }

#define STRUCT struct config_host
static const struct config_key host_keys[] = {
	ROW("name", TEXT, SITE, name, 1, 64, "the machine's name", NULL, "What this host calls itself to clients and in listings."),
	ROW("listen", LISTEN, CONFIG_KEY_SHOWN, listen, 1, 1024, "127.0.0.1:1688", NULL,
	    "Where clients reach this host: ADDRESS:PORT, several separated by commas, IPv6 in brackets. \":1688\" is every address of the machine; port 0 takes a free one."),
	ROW("listen_tls", LISTEN, EMPTY, listen_tls, 0, 1024, "", NULL,
	    "The same with TLS (1.2 or later), as \":1689\"; needs tls_certificate and tls_key. Empty: none. Over TLS a client may send what must not travel in clear."),
	ROW("tls_certificate", PATH, EMPTY, tls_certificate, 0, 1000, "", NULL,
	    "File with the TLS server's certificate and those between it and its root, in this order (PEM). Read again at every reload."),
	ROW("tls_key", PATH, EMPTY, tls_key, 0, 1000, "", NULL, "File with its private key (PEM, without a passphrase); nobody but the host's user, its group and root may read it."),
	ROW("networks", NETWORKS, EMPTY, networks, 0, CONFIG_LIST_MAX, "", NULL, "Networks whose clients are served, as ADDRESS/BITS separated by commas. Empty: all."),
	ROW("state", PATH, SITE, state, 1, 1000, "LOCALSTATEDIR/lib/muster", NULL, "Folder of the ledger, the keys and the certificates. It belongs to the host alone."),
	ROW("admin_socket", PATH, SITE, admin_socket, 1, 107, "RUNSTATEDIR/muster/admin.sock; admin.sock in the folder of state when that is given", NULL, "Socket that musterctl talks to."),
	ROW("plugin_dir", PATH, SITE, plugin_dir, 1, 1000, "PKGLIBDIR/plugins", NULL, "Folder of the product plugins."),
	ROW("products_dir", PATH, SITE | EMPTY, products_dir, 0, 1000, "products.d beside this file, when it exists", NULL,
	    "Folder of product files (*.ini), read in the order of their names. Empty: none."),
	ROW("user", ACCOUNT, EMPTY, user, 0, 32, "", NULL, "User to become after the listeners are open. Empty: stay."),
	ROW("admin_group", ACCOUNT, 0, admin_group, 1, 32, "muster-admin", NULL, "Members are administrators."),
	ROW("keys_group", ACCOUNT, 0, keys_group, 1, 32, "muster-keys", NULL, "Members may see whole product keys."),
	ROW("view_group", ACCOUNT, 0, view_group, 1, 32, "muster-view", NULL, "Members may look and change nothing."),
	ROW("contact", URL, EMPTY, contact, 0, 256, "", NULL, "Web or mail address where people find help."),
	ROW("use_license_url", URL, EMPTY, use_license_url, 0, 256, "", NULL, "Use License URL in the detailed listing: the issuer's."),
	ROW("validation_url", URL, EMPTY, validation_url, 0, 256, "", NULL, "Validation URL in the detailed listing: the issuer's."),
	CHOICE("expose", 0, expose, "none counts", "none", "Whether clients may read the counts: none or counts."),
	CHOICE("log_level", 0, log_level, "err warning notice info debug", "info", "Least serious lines that are logged."),
	ROW("clock_skew", TIME, 0, clock_skew, 1 * MIN, 1 * DAY, "4h", NULL, "How far a client's clock may be from the host's."),
	ROW("activation_interval", TIME, 0, activation_interval, 15 * MIN, 30 * DAY, "2h", NULL,
	    "How long a client that is not activated waits before it asks again. A product may say otherwise."),
	ROW("renewal_interval", TIME, 0, renewal_interval, 15 * MIN, 30 * DAY, "7d", NULL, "How often an activated client renews. A product may say otherwise."),
	ROW("events_keep", TIME, 0, events_keep, 1 * DAY, 36500 * DAY, "400d", NULL, "How long events are kept."),
	ROW("events_max", SIZE, 0, events_max, 16 * MIB, 16384 * GIB, "4GiB", NULL, "How large the log of events may grow; the oldest go first."),
	ROW("min_free", SIZE, 0, min_free, 0, 1024 * GIB, "0", NULL,
	    "Free space below which no request is taken. 0: the smaller of 256 MiB and 2 % of the file system."),
	ROW("wal_max", SIZE, 0, wal_max, 16 * MIB, 64 * GIB, "256MiB", NULL, "Size of the write-ahead log above which a running backup is given up."),
	/* Stored settings: no file key, so that `spri` has one place to be changed in. */
	ROW("priority_low", SWITCH, CONFIG_KEY_STORED, priority_low, 0, 1, "no", NULL, "Run with low priority (stored setting)."),
};
#undef STRUCT

#define STRUCT struct config_limits
static const struct config_key limits_keys[] = {
	ROW("requests_per_second", NUMBER, 0, requests_per_second, 1, 1000000, "50", "requests", "Requests a second from one address, in the long run."),
	ROW("burst", NUMBER, 0, burst, 1, 1000000, "200", "requests", "Requests at once from one address."),
	ROW("new_clients_per_hour", NUMBER, 0, new_clients_per_hour, 1, 10000000, "100", "clients", "New client machine IDs an hour from one address."),
	ROW("new_clients_per_day", NUMBER, 0, new_clients_per_day, 1, 100000000, "20000", "clients", "New client machine IDs a day in one count pool, or of one product that has none."),
	ROW("loopback", SWITCH, 0, loopback, 0, 1, "no", NULL, "Whether the limits per address hold for this machine itself too."),
	ROW("body_max", SIZE, 0, body_max, 1 * KIB, 1 * MIB, "16KiB", NULL, "Largest body of a request."),
	ROW("header_max", SIZE, 0, header_max, 2 * KIB, 1 * MIB, "16KiB", NULL, "Largest head of a request."),
	ROW("connections", NUMBER, 0, connections, 16, 65536, "1000", "connections", "Connections at once."),
	ROW("connections_per_address", NUMBER, 0, connections_per_address, 1, 65536, "100", "connections", "Connections at once from one address."),
	ROW("idle", TIME, 0, idle, 1, 1 * HOUR, "30s", NULL, "How long a silent connection is kept."),
	ROW("deadline", MSEC, 0, deadline_ms, 100, 10 * MIN * 1000, "10s", NULL, "Longest time from a request's first byte to its end."),
	ROW("queue", NUMBER, 0, queue, 1, 1000000, "4096", "requests", "Requests under way at once; beyond it the answer is 503."),
	ROW("queue_age", MSEC, 0, queue_age_ms, 10, 60 * 1000, "250ms", NULL, "Longest time a request may wait; while it is longer fewer are taken in, and others answered 503."),
	ROW("workers", NUMBER, 0, workers, 0, 256, "0", "threads", "Threads that read requests and sign leases. 0: one for each processor."),
};
#undef STRUCT

#define STRUCT struct config_doctor
static const struct config_key doctor_keys[] = {
	ROW("idle", TIME, 0, idle, 0, 400 * DAY, "1d", NULL, "How long no machine may ask before it is reported. 0s: never. Where many renew, some hours are enough."),
	ROW("forecast", TIME, 0, forecast, 1 * DAY, 400 * DAY, "14d", NULL, "How far ahead counts are thought of: machines that are silent now are taken to stay silent."),
	ROW("ends_warning", TIME, 0, ends_warning, 1 * HOUR, 3650 * DAY, "30d", NULL, "How long before their end certificates, licence packs and coverage are a warning."),
	ROW("ends_critical", TIME, 0, ends_critical, 1 * HOUR, 3650 * DAY, "7d", NULL, "The same for critical: no longer than ends_warning."),
	ROW("key_use", NUMBER, 0, key_use, 1, 100, "90", "percent", "Part of a key's activations whose use is a warning; a key that is used up is critical."),
};
#undef STRUCT

#define STRUCT struct config_issuer
static const struct config_key issuer_keys[] = {
	ROW("roots", PATH, CONFIG_KEY_REQUIRED, roots, 1, 1000, NULL, NULL, "File with the issuer's root certificates (PEM)."),
	ROW("url", URL, EMPTY, url, 0, 256, "", NULL,
	    "Address of the issuer's activation service, https://NAME[:PORT]. Its certificate must lead to one of `roots`. Empty: the host never connects; digits and files do the same."),
	ROW("web_proxy", URL, EMPTY, web_proxy, 0, 256, "", NULL, "Proxy on the way to `url`, as http://proxy:3128. Empty: none; the environment is not looked at."),
	CHOICE("proxy", 0, proxy, "auto ask", "auto",
	       "When this host asks the issuer for machines with counted keys: auto, by itself when `url` is set, or ask, when told to with `musterctl mak ask`."),
};
#undef STRUCT

#define STRUCT struct config_plugin
static const struct config_key plugin_keys[] = {
	ROW("path", PATH, SITE, path, 1, 1000, "NAME.so in plugin_dir", NULL, "The plugin's file."),
	ROW("required", FLAG, 0, required, 0, 1, "yes", NULL, "Whether the host refuses to start when the plugin is faulty. no: it starts with the rest."),
	ROW("enabled", FLAG, 0, enabled, 0, 1, "yes", NULL, "Whether the plugin is loaded."),
	ROW("sha256", DIGEST, 0, sha256, 64, 64, NULL, NULL, "SHA-256 of the plugin's file; another file is refused."),
};
#undef STRUCT

#define STRUCT struct config_product
static const struct config_key product_keys[] = {
	GIVEN("name", TEXT, 0, title, 1, 511, NULL, NULL, TITLE, "What listings call the product. A product file must give it."),
	GIVEN("description", TEXT, 0, description, 1, 511, NULL, NULL, DESCRIPTION, "What listings print as Description; it holds the channel."),
	GIVEN("like", NAME, NEW, like, 1, 63, NULL, NULL, LIKE, "Name of a product to copy; every key given here overrides the copy."),
	GIVEN("activation_id", UUID, NEW, activation_id, 0, 0, NULL, NULL, ACTIVATION_ID, "The product's activation ID. A product file must give it unless the product is refused."),
	GIVEN("application_id", UUID, NEW, application_id, 0, 0, NULL, NULL, APPLICATION_ID, "The application ID. Must be given without `like`."),
	{ .name = "model", .type = CONFIG_CHOICE, .flags = NEW, .offset = offsetof(STRUCT, model), .words = "threshold counted embedded access seats",
	  .given = CONFIG_P_MODEL, .doc = "Licensing model: threshold, counted, embedded, access or seats. Must be given without `like`." },
	GIVEN("pool", POOL, 0, pool, 1, 63, NULL, NULL, POOL, "Count pool whose machines are counted together. Without it and `like`: the application ID's."),
	GIVEN("minimum_count", NUMBER, 0, minimum_count, 1, 100000, NULL, "machines", MINIMUM, "Machines that must have reported in before any is activated."),
	GIVEN("low_water", NUMBER, 0, low_water, 0, 200000, NULL, "machines", LOW_WATER,
	      "Your own mark above the minimum count: `musterctl doctor` warns when fewer machines are counted. No more are counted than twice the largest minimum count of the pool; 0, or without this key: none."),
	GIVEN("validity", TIME, 0, validity, 1 * HOUR, 3650 * DAY, NULL, NULL, VALIDITY, "How long a lease lasts."),
	GIVEN("activation_interval", TIME, 0, retry, 15 * MIN, 30 * DAY, NULL, NULL, RETRY, "As in [host], for this product."),
	GIVEN("renewal_interval", TIME, 0, renewal, 15 * MIN, 30 * DAY, NULL, NULL, RENEWAL, "As in [host], for this product."),
	GIVEN("window", TIME, 0, window, 1 * HOUR, 400 * DAY, NULL, NULL, WINDOW, "How long a silent machine stays in the count."),
	GIVEN("rearm_max", NUMBER, 0, rearm_max, 0, 1000, NULL, "times", REARM, "How often a client may take a new identity."),
	GIVEN("issuer", NAME, 0, issuer, 1, 63, NULL, NULL, ISSUER, "Name of the [issuer NAME] section that certifies hosts for this product."),
	GIVEN("count_observed", FLAG, 0, count_observed, 0, 1, NULL, NULL, OBSERVED, "Whether machines known from imports count toward the minimum."),
	GIVEN("coverage_start", DATE, 0, coverage_start, 1, INT64_MAX, NULL, NULL, COVERAGE_START, "First day covered, YYYY-MM-DD, UTC."),
	GIVEN("coverage_end", DATE_END, 0, coverage_end, 1, INT64_MAX, NULL, NULL, COVERAGE_END, "Last day covered, YYYY-MM-DD, UTC."),
	GIVEN("family", NAME, NEW, family, 1, 63, NULL, NULL, FAMILY, "Family of products that one host key may cover."),
	GIVEN("generation", NUMBER, NEW, generation, 1, 100000, NULL, NULL, GENERATION, "Place within the family: a host key covers its own generation and older ones; of counted products, a year needs those before it."),
	GIVEN("requires", TEXT, NEW, requires, 1, 1000, NULL, NULL, REQUIRES,
	      "What a machine must report in machine.facts before a counted key works: NAME or NAME=VALUE, separated by commas; besides what `like` brings along."),
	GIVEN("record", FLAG, NEW, record, 0, 1, NULL, NULL, RECORD, "Whether leases are marked as records that license nothing."),
	GIVEN("refused", TEXT, NEW, refused, 1, 511, NULL, NULL, REFUSED, "One sentence: why the product is listed and never served."),
	GIVEN("enabled", FLAG, 0, enabled, 0, 1, "yes", NULL, ENABLED, "Whether the product is served."),
	{ .name = "policy", .type = CONFIG_CHOICE, .offset = offsetof(STRUCT, policy), .words = "enforce advise", .given = CONFIG_P_POLICY,
	  .doc = "What happens below the minimum count or beyond the seats or licences there are: enforce (without this key) refuses, advise grants and books what exceeds as debt "
	         "(`musterctl debt`). Not of counted and embedded products." },
	GIVEN("allow", CLAIMS, EMPTY, allow, 0, CONFIG_LIST_MAX, NULL, NULL, ALLOW,
	      "Who may claim the product: client:UUID, name:PATTERN with * and ?, or a network as ADDRESS/BITS, separated by commas; one that fits is enough. "
	      "All others are refused (M-151) before anything is counted. Empty, or without this key: everybody may."),
	GIVEN("seats", NUMBER, 0, seats, 1, 1000000, NULL, "seats", SEATS, "How many may be in use at once. Where licence packs name a number: at most so many of them."),
	GIVEN("seat_lease", TIME, 0, seat_lease, 1 * MIN, 30 * DAY, NULL, NULL, SEAT_LEASE, "How long the lease of a seat lasts; without it 1h."),
	GIVEN("heartbeat", TIME, 0, heartbeat, 20, 15 * DAY, NULL, NULL, HEARTBEAT, "How often a client with a seat renews: at most half of seat_lease; without it a quarter."),
	GIVEN("seat_grace", TIME, 0, seat_grace, 0, 30 * DAY, NULL, NULL, SEAT_GRACE, "How long a seat is kept for its holder after its lease has ended."),
	GIVEN("queue", NUMBER, 0, queue, 0, 100000, NULL, "clients", QUEUE, "How many may wait for a seat. 0: nobody waits."),
	GIVEN("temporary", TIME, 0, temporary, 1 * HOUR, 3650 * DAY, NULL, NULL, TEMPORARY, "Access licences: how long a device's first, temporary one lasts."),
	GIVEN("permanent_min", TIME, 0, permanent_min, 1 * HOUR, 3650 * DAY, NULL, NULL, PERMANENT_MIN,
	      "A device's permanent licence lasts a random time from this on, up to permanent_max."),
	GIVEN("permanent_max", TIME, 0, permanent_max, 1 * HOUR, 3650 * DAY, NULL, NULL, PERMANENT_MAX, "The longest of these times."),
	GIVEN("renew_left", TIME, 0, renew_left, 0, 3650 * DAY, NULL, NULL, RENEW_LEFT, "A permanent licence is renewed when no more than this is left: less than permanent_min."),
	GIVEN("user_validity", TIME, 0, user_validity, 1 * HOUR, 3650 * DAY, NULL, NULL, USER_VALIDITY, "How long a user's licence lasts from the last sign-in on."),
	GIVEN("user_reassign", TIME, 0, user_reassign, 0, 3650 * DAY, NULL, NULL, USER_REASSIGN, "How long a licence stays with a user before it may be given to another."),
	GIVEN("grace", TIME, 0, grace, 0, 3650 * DAY, NULL, NULL, GRACE, "How long clients may work without having reached any licence server."),
	GIVEN("revoke_percent", NUMBER, 0, revoke_percent, 0, 100, NULL, "percent", REVOKE, "How many of the device licences of one version may be taken back at a time."),
	GIVEN("versions", VERSIONS, NEW, versions, 1, 1000, NULL, NULL, VERSIONS,
	      "Versions of access licences, the oldest first, separated by commas. Where not all are numbers, as years are, add new ones at the end only: what is held is kept by place. The access model needs one without `like`."),
	{ .name = "per", .type = CONFIG_WORDS, .offset = offsetof(STRUCT, per), .min = 1, .max = 64, .words = "device user", .given = CONFIG_P_PER,
	  .doc = "Whom access licences are for: device, user, or both separated by a comma." },
	GIVEN("server_version", VERSION, 0, server_version, 1, 63, NULL, NULL, SERVER_VERSION,
	      "The newest version that this licence server serves; without it the newest of the product's."),
	GIVEN("medium", MEDIUM, NEW, medium, 1, 1000, NULL, NULL, MEDIUM,
	      "Where a medium holds an embedded key: an INI file on it, a section and a key, as x64/Setup.ini [OPTIONS] PID; several separated by commas."),
};
#undef STRUCT

#define STRUCT struct config_edition
static const struct config_key edition_keys[] = {
	ROW("product", NAME, CONFIG_KEY_REQUIRED, product, 1, 63, NULL, NULL, "Name of the product that this activation ID belongs to."),
	ROW("name", TEXT, CONFIG_KEY_REQUIRED, title, 1, 511, NULL, NULL, "What listings call the edition."),
	ROW("minimum_count", NUMBER, 0, minimum_count, 1, 100000, NULL, "machines", "Minimum count of this edition; without it the product's."),
};
#undef STRUCT

#define STRUCT struct config_reservation
static const struct config_key reservation_keys[] = {
	ROW("product", NAME, CONFIG_KEY_REQUIRED, product, 1, 63, NULL, NULL, "Name of a product of the seats or the access model."),
	ROW("count", NUMBER, CONFIG_KEY_REQUIRED, count, 1, 1000000, NULL, NULL, "How many of its seats or licences are kept."),
	ROW("for", CLAIMS, CONFIG_KEY_REQUIRED, claims, 1, CONFIG_LIST_MAX, NULL, NULL, "For whom: a list as in `allow` of a product."),
};
#undef STRUCT

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SECTION(n, arg, lim, type, prod, op, ex, d) \
	{ .name = #n, .argument = arg, .limit = lim, .size = sizeof(type), .in_products = prod, .open = op, .example = ex, .doc = d, \
	  .keys = n##_keys, .key_count = COUNT(n##_keys) }

static const struct config_section sections[] = {
	SECTION(host, NULL, 1, struct config_host, false, false, NULL, "The host itself."),
	SECTION(limits, NULL, 1, struct config_limits, false, false, NULL, "What one address, one count pool and one request may take."),
	SECTION(doctor, NULL, 1, struct config_doctor, false, false, NULL, "From when on `musterctl doctor` has something to say."),
	SECTION(issuer, "NAME", CONFIG_ISSUERS_MAX, struct config_issuer, false, false,
	        "[issuer main]\nroots = issuer.pem\n", "An issuer whose certificates this host trusts."),
	SECTION(plugin, "NAME", CONFIG_PLUGINS_MAX, struct config_plugin, false, true,
	        "[plugin sample]\nrequired = no\n",
	        "A product plugin to load; `enabled = yes` is enough. Besides the keys below the section holds the plugin's own options; `musterctl plugins` lists them."),
	SECTION(product, "NAME", CONFIG_PRODUCTS_MAX, struct config_product, true, false,
	        "[product office2013]\nminimum_count = 5\nvalidity = 180d\n",
	        "In muster.conf: numbers that override those of a product. In a product file: a new product."),
	SECTION(edition, "UUID", CONFIG_EDITIONS_MAX, struct config_edition, true, false,
	        "[edition 00000000-0000-4000-8000-000000000001]\nproduct = sample\nname = Sample, second edition\n",
	        "An activation ID that clients of a product send besides the product's own."),
	SECTION(reservation, "NAME", CONFIG_RESERVATIONS_MAX, struct config_reservation, false, false,
	        "[reservation training]\nproduct = cad\ncount = 8\nfor = name:train-*, 10.20.0.0/16\n",
	        "Seats or access licences of a product that are kept for some: others get what is left. Whoever is named and finds the reservation used up is served like all others."),
};

const struct config_section *config_schema(size_t *count)
{
	*count = COUNT(sections);
	return sections;
}

const struct config_section *config_schema_section(const char *name)
{
	for (size_t i = 0; i < COUNT(sections); i++)
		if (strcmp(sections[i].name, name) == 0)
			return &sections[i];
	return NULL;
}

const struct config_key *config_schema_key(const struct config_section *s, const char *name)
{
	for (size_t i = 0; i < s->key_count; i++)
		if (strcmp(s->keys[i].name, name) == 0)
			return &s->keys[i];
	return NULL;
}

bool config_key_allowed(const struct config_key *k, bool product_file)
{
	return (k->flags & CONFIG_KEY_STORED) == 0 && (product_file || (k->flags & CONFIG_KEY_NEW) == 0);
}

const char *config_schema_near_section(const char *name, bool product_file)
{
	const char *best = "product";
	unsigned least = nearest_distance(name, best);

	for (size_t i = 0; i < COUNT(sections); i++) {
		unsigned d = nearest_distance(name, sections[i].name);

		if ((sections[i].in_products || !product_file) && d < least) {
			least = d;
			best = sections[i].name;
		}
	}
	return best;
}

const char *config_schema_near_key(const struct config_section *s, const char *name, bool product_file)
{
	const char *best = NULL;
	unsigned least = 0;

	for (size_t i = 0; i < s->key_count; i++) {
		unsigned d = nearest_distance(name, s->keys[i].name);

		if (config_key_allowed(&s->keys[i], product_file) && (best == NULL || d < least)) {
			least = d;
			best = s->keys[i].name;
		}
	}
	return best;
}
