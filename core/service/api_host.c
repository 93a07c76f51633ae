#include "core/service/api.h"

#include <jansson.h>
#include <string.h>

#include "core/base/codes.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/service/problem.h"

const struct route routes_client[] = {
	{ "/v1/activate", true, true, api_activate, api_activate_answer },
	{ "/v1/release", true, true, api_release, api_release_answer },
	{ "/v1/host", false, true, api_host, NULL },
	{ "/v1/products", false, true, api_products, NULL },
	{ "/v1/certificates", false, true, api_certificates, NULL },
	{ "/v1/crl", false, true, api_crl, NULL },
	{ "/healthz", false, false, api_healthz, NULL },
	{ "/readyz", false, false, api_readyz, NULL },
};
const size_t routes_client_count = sizeof routes_client / sizeof routes_client[0];

const char *api_model_word(uint32_t model)
{
	switch (model) {
	case MUSTER_MODEL_THRESHOLD: return "threshold";
	case MUSTER_MODEL_COUNTED: return "counted";
	case MUSTER_MODEL_EMBEDDED: return "embedded";
	case MUSTER_MODEL_ACCESS: return "access";
	case MUSTER_MODEL_SEATS: return "seats";
	default: return "none";
	}
}

const char *api_not_served(const struct catalog_product *p)
{
	if (p->row.refused != NULL)
		return p->row.refused;
	if (!p->enabled)
		return "The product is switched off on this host.";
	if (p->row.model != MUSTER_MODEL_THRESHOLD && p->row.model != MUSTER_MODEL_COUNTED && !holdings_serve(p))
		return "This version of the host does not serve the product's licensing model yet.";
	return NULL;
}

static bool exposed(const struct request *r)
{
	return strcmp(r->snapshot->config->host.expose, "counts") == 0;
}

static void add_id(struct buf *out, const char *name, const uint8_t id[16])
{
	char text[UUID_TEXT];

	if (uuid_is_nil(id))
		return;
	uuid_format(text, id);
	buf_addf(out, ",\"%s\":\"%s\"", name, text);
}

static void add_pools(struct request *r)
{
	const struct catalog_pool *pools;
	struct ledger_count count;
	size_t n;

	pools = catalog_pools(r->snapshot->catalog, &n);
	buf_adds(&r->out, ",\"pools\":[");
	for (size_t i = 0; i < n; i++) {
		ledger_pool_count(r->service->ledger, &pools[i], &count);
		buf_addf(&r->out, "%s{\"name\":\"%s\",\"count\":%u}", i > 0 ? "," : "", pools[i].name, count.current);
	}
	buf_addc(&r->out, ']');
}

enum MHD_Result api_host(struct request *r)
{
	const struct config *config = r->snapshot->config;
	struct trust_view *view = ring_view(r->service->ring);
	struct buf *out = &r->out;
	char time[TIME_RFC3339];
	const char *comma = "";
	size_t n;

	time_rfc3339(time, clock_wall_ms(r->service->clock));
	(void)catalog_products(r->snapshot->catalog, &n);
	buf_adds(out, "{\"name\":");
	problem_text(out, config->host.name);
	buf_addf(out, ",\"version\":\"%s\",\"host_id\":\"%s\",\"time\":\"%s\",\"api\":[\"v1\"],\"products\":%zu,\"issuers\":[",
	         SERVICE_VERSION, r->service->host_id, time, n);
	for (size_t i = 0; i < config->issuer_count && i < 64; i++) {
		const struct trust_anchors *a = ring_anchors(view, config->issuers[i].name);

		if (a == NULL)
			continue;
		buf_addf(out, "%s{\"name\":\"%s\"", comma, config->issuers[i].name);
		add_id(out, "issuer_id", trust_anchors_issuer_id(a));
		buf_addc(out, '}');
		comma = ",";
	}
	buf_addc(out, ']');
	ring_view_unref(view);
	if (exposed(r))
		add_pools(r);
	buf_adds(out, "}\n");
	return request_reply(r, MHD_HTTP_OK, "application/json", 0);
}

static void add_editions(struct request *r, const struct catalog_product *p)
{
	const struct catalog_edition *e;
	const char *comma = ",\"editions\":[";
	char id[UUID_TEXT];
	size_t n;

	e = catalog_editions(r->snapshot->catalog, p, &n);
	for (size_t i = 0; i < n; i++) {
		if (memcmp(e[i].activation_id, p->row.activation_id, 16) == 0)
			continue;
		uuid_format(id, e[i].activation_id);
		buf_addf(&r->out, "%s{\"activation_id\":\"%s\",\"title\":", comma, id);
		problem_text(&r->out, e[i].title);
		buf_addc(&r->out, '}');
		comma = ",";
	}
	if (comma[1] == '\0')
		buf_addc(&r->out, ']');
}

/* What a machine must report before a counted key works. */
static void add_facts(struct buf *out, const struct catalog_product *p)
{
	const struct muster_requirement *q = p->row.requirements.rows;
	const char *comma = ",\"facts\":[";

	for (size_t i = 0; i < p->row.requirements.count; i++) {
		if (q[i].fact == NULL)
			continue;
		buf_addf(out, "%s{\"name\":", comma);
		problem_text(out, q[i].fact);
		if (q[i].value != NULL) {
			buf_adds(out, ",\"value\":");
			problem_text(out, q[i].value);
		}
		buf_addc(out, '}');
		comma = ",";
	}
	if (comma[1] == '\0')
		buf_addc(out, ']');
}

static void add_access(struct buf *out, const struct muster_access_rules *a)
{
	const struct muster_access_version *v = a->versions.rows;
	uint32_t per = a->per != 0 ? a->per : MUSTER_PER_DEVICE | MUSTER_PER_USER;

	buf_addf(out, ",\"access\":{\"per\":[%s%s%s],\"versions\":[", (per & MUSTER_PER_DEVICE) != 0 ? "\"device\"" : "", per == (MUSTER_PER_DEVICE | MUSTER_PER_USER) ? "," : "",
	         (per & MUSTER_PER_USER) != 0 ? "\"user\"" : "");
	for (size_t i = 0; i < a->versions.count; i++)
		buf_addf(out, "%s\"%s\"", i > 0 ? "," : "", v[i].name);
	buf_addf(out, "],\"grace_seconds\":%u}", a->grace_s);
}

static void add_product(struct request *r, const struct catalog_product *p, const struct trust_view *view, int64_t now)
{
	const char *reason = api_not_served(p);
	struct setting_intervals i;
	struct ledger_count count;
	struct buf *out = &r->out;

	settings_intervals(&i, &r->service->settings, r->snapshot->config, p);
	buf_addf(out, "{\"name\":\"%s\",\"title\":", p->row.name);
	problem_text(out, p->row.title);
	add_id(out, "activation_id", p->row.activation_id);
	add_id(out, "application_id", p->row.application_id);
	buf_addf(out, ",\"model\":\"%s\",\"served\":%s", api_model_word(p->row.model), reason == NULL ? "true" : "false");
	if (reason != NULL) {
		buf_adds(out, ",\"reason\":");
		problem_text(out, reason);
	}
	buf_addf(out, ",\"certified\":%s", ring_find(view, p->row.activation_id, now) != NULL ? "true" : "false");
	if (p->row.model == MUSTER_MODEL_THRESHOLD) {
		buf_addf(out, ",\"minimum_count\":%u", p->row.minimum_count);
		if (p->pool != NULL)
			buf_addf(out, ",\"pool\":\"%s\"", p->pool->name);
		if (p->pool != NULL && exposed(r)) {
			ledger_pool_count(r->service->ledger, p->pool, &count);
			buf_addf(out, ",\"count\":%u", count.current);
		}
	}
	buf_addf(out, ",\"validity_seconds\":%u,\"activation_interval_minutes\":%u,\"renewal_interval_minutes\":%u,\"rearm_max\":%u",
	         p->row.validity_s, (i.retry_s + 59) / 60, (i.renewal_s + 59) / 60, p->row.rearm_max);
	if ((p->row.flags & MUSTER_PRODUCT_RECORD) != 0)
		buf_adds(out, ",\"record\":true");
	add_editions(r, p);
	if (p->row.model == MUSTER_MODEL_COUNTED)
		add_facts(out, p);
	if (p->row.model == MUSTER_MODEL_ACCESS)
		add_access(out, p->row.access);
	if (p->row.model == MUSTER_MODEL_SEATS && exposed(r))
		buf_addf(out, ",\"seats\":%llu", (unsigned long long)holdings_seats(r->service->holdings, p));
	buf_addc(out, '}');
}

enum MHD_Result api_products(struct request *r)
{
	struct trust_view *view = ring_view(r->service->ring);
	int64_t now = clock_wall_ms(r->service->clock) / 1000;
	const struct catalog_product *p;
	size_t n;

	p = catalog_products(r->snapshot->catalog, &n);
	buf_adds(&r->out, "{\"products\":[");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_addc(&r->out, ',');
		add_product(r, &p[i], view, now);
	}
	buf_adds(&r->out, "]}\n");
	ring_view_unref(view);
	return request_reply(r, MHD_HTTP_OK, "application/json", 0);
}

#define CERTIFICATES_MAX (256u << 10)  /* protocol.md section 5 */

static bool is_kid(const char *kid)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	return strlen(kid) == 43 && strspn(kid, allowed) == 43;
}

enum MHD_Result api_certificates(struct request *r)
{
	int64_t now = clock_wall_ms(r->service->clock) / 1000;
	const char *kid = request_query(r, "kid");
	const struct ring_chain *chains, *one;
	size_t n;

	if (kid != NULL && !is_kid(kid))
		return request_problem(r, CODE_M_FIELD, "kid must be 43 characters of base64url, as in a lease's header.", "kid", 0);
	r->view = ring_view(r->service->ring);
	if (kid != NULL) {
		if ((one = ring_by_kid(r->view, kid, 43)) == NULL)
			return request_problem(r, CODE_M_NOT_FOUND, "This host has no certificate chain with that kid.", NULL, 0);
		buf_adds(&r->out, trust_chain_pem(one->chain));
		return request_reply(r, MHD_HTTP_OK, "application/pem-certificate-chain", 0);
	}
	chains = ring_chains(r->view, &n);
	for (size_t i = 0; i < n; i++) {
		const char *pem = trust_chain_pem(chains[i].chain);

		if (chains[i].end > now && r->out.n + strlen(pem) <= CERTIFICATES_MAX)
			buf_adds(&r->out, pem);
	}
	if (r->out.n == 0)
		return request_problem(r, CODE_M_NOT_FOUND, "This host has no certificate: it is not activated yet.", NULL, 0);
	return request_reply(r, MHD_HTTP_OK, "application/pem-certificate-chain", 0);
}

enum MHD_Result api_crl(struct request *r)
{
	const char *issuer = request_query(r, "issuer");
	const struct config *config = r->snapshot->config;
	uint8_t id[16];

	if (issuer != NULL && uuid_parse(id, issuer, strlen(issuer)) != MUSTER_OK)
		return request_problem(r, CODE_M_FIELD, "issuer must be a UUID.", "issuer", 0);
	r->view = ring_view(r->service->ring);
	for (size_t i = 0; i < config->issuer_count; i++) {
		const struct crl *crl = ring_crl(r->view, config->issuers[i].name);

		if (crl == NULL || (issuer != NULL && !uuid_equal(crl_issuer_id(crl), id)))
			continue;
		buf_adds(&r->out, crl_pem(crl));
		return request_reply(r, MHD_HTTP_OK, "application/x-pem-file", 0);
	}
	return request_problem(r, CODE_M_NOT_FOUND, "This host has no revocation list of its issuer.", NULL, 0);
}

enum MHD_Result api_healthz(struct request *r)
{
	buf_adds(&r->out, "{\"status\":\"ok\"}\n");
	return request_reply(r, MHD_HTTP_OK, "application/json", 0);
}

enum MHD_Result api_readyz(struct request *r)
{
	struct muster_err err = { 0 };

	if (atomic_load(&r->service->stopping))
		return request_problem(r, CODE_M_STOPPING, NULL, NULL, 0);
	if (ledger_ready(r->service->ledger, &err) != MUSTER_OK)
		return request_problem_status(r, MHD_HTTP_SERVICE_UNAVAILABLE, err.code != 0 ? err.code : CODE_M_STORAGE, err.message, NULL,
		                              1 + (uint32_t)(clock_boot_ms(r->service->clock) % 10));
	buf_adds(&r->out, "{\"status\":\"ready\"}\n");
	return request_reply(r, MHD_HTTP_OK, "application/json", 0);
}
