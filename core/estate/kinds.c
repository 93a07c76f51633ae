/* The kinds of entries and their fields (facts.md section 5). */
#include "core/estate/kinds.h"

#include <string.h>
#include <strings.h>

#include "core/base/nearest.h"

#define TEXT(n, req, mx, head, syn, doc) { n, ESTATE_TEXT, req, false, mx, NULL, head, syn, doc }
#define TEXTS(n, mx, head, syn, doc) { n, ESTATE_TEXT, false, true, mx, NULL, head, syn, doc }
#define LINES(n, head, syn, doc) { n, ESTATE_LINES, false, false, 4000, NULL, head, syn, doc }
#define REF(n, to, head, syn, doc) { n, ESTATE_REF, false, false, ESTATE_ID_MAX, to, head, syn, doc }
#define REFS(n, to, head, syn, doc) { n, ESTATE_REF, false, true, ESTATE_ID_MAX, to, head, syn, doc }
#define DATE(n, head, syn, doc) { n, ESTATE_DATE, false, false, 10, NULL, head, syn, doc }
#define COUNT(n, head, syn, doc) { n, ESTATE_COUNT, false, false, 0, NULL, head, syn, doc }
#define FLAG(n, head, syn, doc) { n, ESTATE_FLAG, false, false, 0, NULL, head, syn, doc }
#define CHOICE(n, req, of, head, syn, doc) { n, ESTATE_CHOICE, req, false, 0, of, head, syn, doc }
#define PARTIAL(doc, syn) { "partial", ESTATE_PARTIAL, false, false, 5, NULL, "Partial Product Key", syn, doc }
#define NOTE LINES("note", "Notes", "note|comment|comments|remark|remarks", "anything worth knowing")

static const struct estate_field organisation[] = {
	TEXT("name", true, 200, "Organization", "organisation|organization|organization name|company|customer|tenant", "its name"),
	REF("parent", "organisation", "Parent", "parent organization|parent", "the organisation it belongs to; keys of a parent serve its children"),
	REFS("contacts", "contact", "Contacts", NULL, "sellers and support"),
	NOTE
};

static const struct estate_field agreement[] = {
	TEXT("name", false, 200, "Agreement", "agreement name", "what it is called here"),
	TEXT("programme", true, 64, "Program", "program|programme|licensing program|program name|agreement type", "Open Value, Select, Enterprise, MPSA, Open License, …"),
	TEXTS("license_ids", 64, "License ID", "license id|licence id|licenseid|license ids", "licence IDs"),
	TEXT("number", false, 64, "Agreement Number", "agreement number|contract number|contract", "agreement number"),
	TEXT("enrollment", false, 64, "Enrollment Number", "enrollment|enrolment|enrollment number|enrolment number", "enrolment number"),
	TEXT("authorization", false, 64, "Authorization Number", "authorization|authorisation number|authorization number", "authorisation number; MAK requests and Open License ask for it"),
	TEXT("account", false, 64, "Purchasing Account", "purchasing account|purchasing account number|pan", "purchasing account number (MPSA)"),
	REF("organisation", "organisation", "Organization", "organisation|organization|organization name", "whose it is"),
	REFS("contacts", "contact", "Contacts", NULL, "sellers and support"),
	DATE("start", "Start Date", "start|start date|effective date", "first day"),
	DATE("end", "End Date", "end|end date|expiration date|expires", "last day"),
	TEXT("status", false, 64, "Status", "agreement status", "as the portal says"),
	NOTE
};

static const struct estate_field order[] = {
	TEXT("number", true, 64, "Order Number", "order|order number|purchase order|po number|order id", "the seller's number"),
	DATE("date", "Order Date", "date|order date|purchase date", "when it was ordered"),
	REF("seller", "contact", "Seller", "reseller|seller|partner", "from whom"),
	REF("agreement", "agreement", "Agreement", "agreement|agreement id", "under which agreement"),
	TEXTS("products", 200, "Products", "product|products|item|product name", "what was ordered"),
	COUNT("bought", "Licenses", "quantity|licenses|licences|units|qty", "licences bought"),
	CHOICE("state", true, "submitted|fulfilled|cancelled", "Order Status", "status|order status|state", "an ordered key can be used only once its order is fulfilled"),
	NOTE
};

static const struct estate_field product[] = {
	TEXT("name", true, 200, "Product", "product|product name|product family|title", "as it is sold, with version and edition"),
	TEXT("category", false, 64, "Category", "category|product category|family|pool", "Windows, Office, Servers, …"),
	TEXT("serves", false, 63, "Host Product", NULL, "name of this host's product that counts it (musterctl products)"),
	{ "activation_ids", ESTATE_UUID, false, true, 36, NULL, "Activation IDs", "activation id|activation ids", "activation IDs, where known" },
	{ "setup_key", ESTATE_SETUP, false, false, 29, NULL, "Setup Key", "setup key|kms client setup key|kms client key|gvlk", "marks a volume client; not a secret, shown to every role" },
	FLAG("keyless", "No Key Needed", "no key needed|keyless", "needs no product key"),
	LINES("rights", "Rights", "rights|downgrade rights", "downgrade and re-imaging rights; Open License: own at least one unit"),
	NOTE
};

static const struct estate_field key[] = {
	TEXTS("products", 200, "Product", "product|product name|products|product description|item name|title", "what it is for"),
	CHOICE("kind", true, "host|mak|esu|setup|embedded|retail|other", "Key Type", "type|key type|kind|product key type|activation type|channel", "what kind of key"),
	{ "key", ESTATE_KEY, false, false, 64, NULL, "Product Key", "key|product key|productkey|license key|licence key|vlk", "the whole key; sealed, only key readers see it" },
	PARTIAL("its last five characters; follows from a whole key", "partial|partial key|last five|last 5|partial product key"),
	TEXTS("license_ids", 64, "License ID", "license id|licence id|licenseid|license number|agreement/license id|parent id", "licence IDs it came with"),
	REFS("organisations", "organisation", "Organization", "organisation|organization|organizations|organization name|company|customer", "who may use it; children of these too"),
	REF("agreement", "agreement", "Agreement", "agreement|agreement id|agreement number", "the agreement it belongs to"),
	REF("order", "order", "Order", "order|order number", "the order that brought it"),
	COUNT("bought", "Licenses Bought", "licenses bought|licences|licenses|quantity", "licences bought: says nothing of activations"),
	COUNT("allowed", "Activations Allowed", "total|allowed|activations allowed|mak total|total activations|maximum|activation limit", "activations it may make (a preset share of the licences)"),
	COUNT("used", "Activations Used", "used|activations used|mak used|used activations|count|consumed|seats used|achieved|activations|seats|used/total|activations used/total|mak used/total|seats used/total|activations/seats|activations or seats|achieved/total", "activations made"),
	TEXT("osa_status", false, 64, "OSA Status", "osa|osa status|online services|status|key status", "as the portal says"),
	DATE("coverage_start", "Coverage Start", "coverage start|start date|start|valid from", "unusable before this day (ESU)"),
	DATE("coverage_end", "Coverage End", "coverage end|end date|end|valid to|expiration date", "last day"),
	DATE("as_of", "As Of", "as of|export date", "when the counts were read"),
	TEXTS("hosts", 253, "Hosts", "host|hosts|machine|installed on", "machines where it was seen installed"),
	NOTE
};

static const struct estate_field contact[] = {
	TEXT("name", true, 200, "Name", "name|contact|contact name", "person or company"),
	CHOICE("role", true, "seller|support|activation|internal|other", "Role", "role|contact type", "what for"),
	TEXT("telephone", false, 64, "Telephone", "phone|telephone|tel", "with country code"),
	TEXT("email", false, 254, "Email", "email|e-mail|mail", ""),
	TEXT("web", false, 500, "Web", "web|url|site", ""),
	TEXT("region", false, 64, "Region", "region|country", "for whom"),
	TEXT("hours", false, 100, "Hours", "hours|opening hours", "when it is reached"),
	NOTE
};

/* Asked of the vendor or a publisher: more host activations, more MAK activations, a host key by exception. */
static const struct estate_field request[] = {
	CHOICE("about", true, "host-activations|mak-limit|kms-exception", "About", NULL, "what is asked for"),
	CHOICE("state", true, "draft|asked|granted|refused|withdrawn", "State", NULL, "how far it is"),
	REF("agreement", "agreement", "Agreement", NULL, "agreement it refers to"),
	TEXT("reference", false, 64, "Agreement Number", NULL, "agreement or enrolment number, or licence ID"),
	TEXT("authorization", false, 64, "Authorization Number", NULL, "authorisation number (MAK)"),
	TEXT("product", false, 200, "Product", NULL, "product with version and edition"),
	PARTIAL("last five characters of the key (MAK)", NULL),
	REF("key", "key", "Key", NULL, "the key it is about"),
	COUNT("needed", "Number Needed", NULL, "how many more"),
	LINES("reason", "Business Reason", NULL, "why"),
	DATE("asked_on", "Asked", NULL, "when it was sent"),
	DATE("answered_on", "Answered", NULL, "when the answer came"),
	COUNT("granted", "Granted", NULL, "how many were granted"),
	NOTE
};

/* A vendor's activation host as a listing showed it last; one entry per host and activation ID. `history` is kept beside (estate.h, observations). */
static const struct estate_field host[] = {
	TEXT("host", true, 253, "Host", "host|computer|machine", "machine name"),
	{ "activation_id", ESTATE_UUID, true, false, 36, NULL, "Activation ID", NULL, "of the product" },
	{ "application_id", ESTATE_UUID, false, false, 36, NULL, "Application ID", NULL, "of the count pool" },
	TEXT("name", false, 256, "Name", NULL, "as listed"),
	TEXT("description", false, 256, "Description", NULL, "as listed"),
	CHOICE("channel", false, "host|client|mak|retail|other", "Channel", NULL, "what the description says it is (facts.md section 3)"),
	PARTIAL("last five characters of its key", NULL),
	TEXT("license_status", false, 100, "License Status", NULL, "as listed"),
	TEXT("extended_pid", false, 100, "Extended PID", NULL, "as listed"),
	FLAG("enabled", "Enabled", NULL, "its activation service runs"),
	COUNT("current_count", "Current Count", NULL, "machines counted"),
	COUNT("port", "Port", NULL, ""),
	FLAG("dns_publishing", "DNS Publishing", NULL, ""),
	TEXT("priority", false, 16, "Priority", NULL, ""),
	COUNT("total", "Total Requests", NULL, "cumulative, like those below"),
	COUNT("failed", "Failed Requests", NULL, ""),
	COUNT("unlicensed", "Unlicensed", NULL, ""), COUNT("licensed", "Licensed", NULL, ""), COUNT("initial_grace", "Initial Grace", NULL, ""),
	COUNT("out_of_tolerance", "Out Of Tolerance", NULL, ""), COUNT("non_genuine", "Non-genuine", NULL, ""), COUNT("notification", "Notification", NULL, ""),
	COUNT("minutes_left", "Minutes Left", NULL, "to the end of its activation"),
	COUNT("rearms", "Rearms", NULL, "remaining"),
	{ "client_id", ESTATE_UUID, false, false, 36, NULL, "Client ID", NULL, "of a client's listing" },
	TEXT("activated_by", false, 300, "Activated By", NULL, "host name of a client's listing"),
	COUNT("activation_interval", "Activation Interval", NULL, "minutes"), COUNT("renewal_interval", "Renewal Interval", NULL, "minutes"),
	TEXT("taken_at", true, 24, "Taken At", NULL, "RFC 3339: when it was listed"),
	TEXTS("doubts", 300, "Doubts", NULL, "what cannot be right in it"),
	TEXTS("updates", 300, "Updates", NULL, "what its system needs before it can serve the product")
};

#define KIND(n, p) { #n, p, "estate-" #n, n, sizeof(n) / sizeof(n[0]) }
static const struct estate_kind kinds[] = {
	KIND(organisation, "organisations"), KIND(contact, "contacts"), KIND(agreement, "agreements"), KIND(order, "orders"), KIND(product, "catalogue"),
	KIND(key, "keys"), KIND(request, "requests"), KIND(host, "hosts"),
};

const struct estate_kind *estate_kinds(size_t *n)
{
	*n = sizeof(kinds) / sizeof(kinds[0]);
	return kinds;
}

const struct estate_kind *estate_kind_find(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcasecmp(kinds[i].name, name) == 0 || strcasecmp(kinds[i].plural, name) == 0)
			return &kinds[i];
	return NULL;
}

const struct estate_field *estate_field_find(const struct estate_kind *k, const char *name)
{
	for (size_t i = 0; i < k->field_count; i++)
		if (strcasecmp(k->fields[i].name, name) == 0)
			return &k->fields[i];
	return NULL;
}

static const char *field_at(const void *ctx, size_t i)
{
	return ((const struct estate_field *)ctx)[i].name;
}

const char *estate_field_near(const struct estate_kind *k, const char *name)
{
	return nearest_name(name, k->field_count, field_at, k->fields);
}
