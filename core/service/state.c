#include "core/service/state.h"

#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

struct snapshot *service_snapshot(struct service *s)
{
	struct snapshot *snap;

	/* A reload may be dropping the last reference at this very moment: pointer and count change together. */
	pthread_mutex_lock(&s->lock);
	snap = s->snapshot;
	atomic_fetch_add(&snap->refs, 1);
	pthread_mutex_unlock(&s->lock);
	return snap;
}

void snapshot_unref(struct snapshot *snap)
{
	if (snap == NULL || atomic_fetch_sub(&snap->refs, 1) > 1)
		return;
	catalog_unref(snap->catalog);
	config_free(snap->config);
	networks_fini(&snap->networks);
	mem_free(snap);
}

int snapshot_new(struct snapshot **out, struct config *config, struct catalog *catalog, struct muster_err *err)
{
	struct snapshot *snap = mem_alloc(sizeof *snap);
	int r;

	*out = NULL;
	if (snap == NULL)
		return err_nomem(err);
	if ((r = networks_parse(&snap->networks, config->host.networks, err)) != MUSTER_OK) {
		mem_free(snap);
		return r;
	}
	atomic_store(&snap->refs, 1);
	snap->config = config;
	snap->catalog = catalog;
	*out = snap;
	return MUSTER_OK;
}

void service_swap(struct service *s, struct snapshot *snap)
{
	struct snapshot *before;

	pthread_mutex_lock(&s->lock);
	before = s->snapshot;
	s->snapshot = snap;
	pthread_mutex_unlock(&s->lock);
	snapshot_unref(before);
}

void service_say(int level, const char *event, const char *text)
{
	char quoted[2 * MUSTER_ERR_MAX];

	log_line(level, event, "text=%s", log_quote(quoted, sizeof quoted, text));
}

bool service_activated(struct service *s, const struct snapshot *snap)
{
	return ledger_moving(s->ledger, NULL, 0) != CODE_M_RETIRED && service_certified(s, snap);
}

bool service_certified(struct service *s, const struct snapshot *snap)
{
	struct trust_view *view = ring_view(s->ring);
	int64_t now = clock_wall_ms(s->clock) / 1000;
	const struct catalog_product *p;
	bool found = false;
	size_t n;

	p = catalog_products(snap->catalog, &n);
	for (size_t i = 0; i < n && !found; i++)
		found = ring_find(view, p[i].row.activation_id, now) != NULL && !activation_moved(s->activation, p[i].row.activation_id);
	ring_view_unref(view);
	return found;
}

bool service_revoked(char *out, size_t n, const struct trust_view *view, const uint8_t product_id[16], int64_t now)
{
	const struct ring_chain *c = ring_revoked(view, product_id, now);
	char at[TIME_RFC3339];

	if (n > 0)
		out[0] = '\0';
	if (c == NULL)
		return false;
	time_rfc3339(at, c->revoked->at * 1000);
	(void)snprintf(out, n, "The issuer revoked this host's certificate for the product at %s (%s): the host stopped granting. Ask the issuer, or activate the host anew.", at,
	               crl_reason_word(c->revoked->reason));
	return true;
}

uint16_t service_port(const struct service *s)
{
	for (size_t i = 0; i < s->listener_count; i++)
		if (!s->listeners[i].tls)
			return s->listeners[i].port;
	return 0;
}

bool service_has_tls(const struct service *s)
{
	for (size_t i = 0; i < s->listener_count; i++)
		if (s->listeners[i].tls)
			return true;
	return false;
}

static void ring_says(void *ctx, int level, const char *message)
{
	(void)ctx;
	service_say(level, "certificate", message);
}

int service_ring_reload(struct service *s, const struct config *config, const struct catalog *catalog, struct muster_err *err)
{
	int r = MUSTER_E_NOMEM;
	struct ring_issuer *issuers = NULL;
	struct ring_product *products = NULL;
	struct ring_report report = { ring_says, NULL };
	const struct catalog_product *p;
	size_t n;

	p = catalog_products(catalog, &n);
	issuers = mem_array(config->issuer_count + 1, sizeof *issuers);
	products = mem_array(n + 1, sizeof *products);
	if (issuers == NULL || products == NULL) {
		r = err_nomem(err);
		goto done;
	}
	for (size_t i = 0; i < config->issuer_count; i++)
		issuers[i] = (struct ring_issuer){ config->issuers[i].name, config->issuers[i].roots };
	for (size_t i = 0; i < n; i++) {
		memcpy(products[i].id, p[i].row.activation_id, 16);
		products[i].name = p[i].row.name;
		products[i].issuer = p[i].issuer;
	}
	r = ring_reload(s->ring, issuers, config->issuer_count, products, n, &report, err);
done:
	mem_free(issuers);
	mem_free(products);
	return r;
}
