/* Events 12288 and 12289, as administrators read them on a client (facts.md section 4). */
#include "core/client/client_private.h"

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/codes.h"

/* The one form of date with padding: 2010/09/29 17:52. */
static void padded_date(char out[32], int64_t now)
{
	char t[TIME_RFC3339];

	time_rfc3339(t, now * 1000);
	(void)snprintf(out, 32, "%.4s/%.2s/%.2s %.5s", t, t + 5, t + 8, t + 11);
}

void client_event_sent(const struct muster_client *c, const struct client_event *e)
{
	char text[CLIENT_EVENT_MAX], code[16], date[32];
	const char *host = strstr(e->host, "://");

	if (c->event == NULL)
		return;
	code_name_hresult(code, e->code);
	padded_date(date, e->now);
	(void)snprintf(text, sizeof text, "%s, 0x00000000, %s, %s, %s, %d, %u, %lld, %s, %u", code, host != NULL ? host + 3 : e->host, c->id_text, date,
	               c->is_virtual, (unsigned)e->license_status, (long long)e->minutes_left, e->id, (unsigned)e->minimum_count);
	c->event(c->ctx, 12288, text);
}

void client_event_answer(const struct muster_client *c, const struct answer *a, int64_t now)
{
	char text[CLIENT_EVENT_MAX], code[16], date[32];

	if (c->event == NULL)
		return;
	code_name_hresult(code, a->code);
	padded_date(date, now);
	(void)snprintf(text, sizeof text, "%s, 0x00000000, %d, 0, %u, %u, %u, %s", code, a->kind == ANSWER_ACTIVATED, (unsigned)a->count,
	               (unsigned)a->activation_s / 60, (unsigned)a->renewal_s / 60, date);
	c->event(c->ctx, 12289, text);
}
