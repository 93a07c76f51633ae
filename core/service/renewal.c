#include "core/service/renewal.h"

#include <stdio.h>

#include "core/base/err.h"
#include "core/service/tls.h"

static void report(struct service *s, const struct catalog_product *p, enum ring_state state, int64_t end)
{
	struct muster_err err = { 0 };
	char ends[TIME_RFC3339], detail[256];

	time_rfc3339(ends, end * 1000);
	if (state == RING_REVOKED)
		(void)snprintf(detail, sizeof detail, "the issuer revoked the host's certificate for %s: clients get 0xC004F041; ask the issuer, or activate the host anew", p->row.name);
	else if (state == RING_ENDED)
		(void)snprintf(detail, sizeof detail, "the host's certificate for %s ended or ends within a day (%s): clients get 0xC004F041; install a new one with musterctl host install",
		               p->row.name, ends);
	else
		(void)snprintf(detail, sizeof detail, "the host's certificate for %s ends %s and there is no successor: leases get shorter; musterctl ato or musterctl phone gets one", p->row.name, ends);
	log_line(state == RING_ENDING ? LOG_WARNING : LOG_ERR, "renewal", "id=12292 product=%s ends=%s text=\"%s\"", p->row.name, ends, detail);
	if (ledger_journal_note(s->ledger, "0 musterd", 12292, p->row.name, detail, &err) != MUSTER_OK)
		service_say(LOG_WARNING, "journal", err.message);
}

static void check_tls(const struct service *s, int64_t now)
{
	int64_t left = tls_end() - now;
	char end[TIME_RFC3339];

	if (!service_has_tls(s) || left >= TLS_WARN_S)
		return;
	time_rfc3339(end, tls_end() * 1000);
	log_line(left > 0 ? LOG_WARNING : LOG_ERR, "tls_certificate", "ends=%s text=\"the TLS server's certificate %s: put a new one in its place and reload\"", end,
	         left > 0 ? "ends soon" : "ended, clients refuse it");
}

unsigned renewal_check(struct service *s)
{
	struct snapshot *snap = service_snapshot(s);
	struct trust_view *view = ring_view(s->ring);
	int64_t now = clock_wall_ms(s->clock) / 1000, end;
	const struct catalog_product *p;
	unsigned found = 0;
	size_t n;

	check_tls(s, now);
	p = catalog_products(snap->catalog, &n);
	for (size_t i = 0; i < n; i++) {
		enum ring_state state = ring_state(view, p[i].row.activation_id, now, p[i].row.validity_s, &end);

		if (state == RING_NONE || state == RING_GOOD)
			continue;
		report(s, &p[i], state, end);
		found++;
	}
	ring_view_unref(view);
	snapshot_unref(snap);
	return found;
}
