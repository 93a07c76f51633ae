/* What a listing shows beside the live numbers (dli, dlv, xpr). */
#include "core/activation/internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Muster's own form, which ends as administrators know it: day of the year and year. */
static void extended_pid(char *out, size_t room, const struct held_key *k, const struct held_id *x)
{
	time_t t = (time_t)k->activated_at;
	struct tm tm;

	if (k->activated_at == 0 || gmtime_r(&t, &tm) == NULL)
		return;
	(void)snprintf(out, room, "MUST%c-%010u-%02u-%03u-%s-%03d%04d", k->kind, k->number, x != NULL ? x->generation : 0U, x != NULL ? x->attempt : 0U,
		strcmp(k->method, "telephone") == 0 ? "01" : strcmp(k->method, "file") == 0 ? "02" : "03", tm.tm_yday + 1, tm.tm_year + 1900);
}

/* The one that waits, else the one answered last. */
static const struct held_id *shown_id(const struct activation *a, const struct held_key *k)
{
	const struct held_id *last = pending_find(a, k);

	for (size_t i = 0; last == NULL && i < a->id_count; i++)
		if (a->ids[i].number == k->number && a->ids[i].answered_at != 0 && a->ids[i].answered_at == k->activated_at)
			last = &a->ids[i];
	return last;
}

/* The key shown for a product: the one that is for this version, else one that covers it; an activated one before others. */
static const struct held_key *shown_key(const struct activation *a, const struct catalog_product *p)
{
	const struct held_key *best = NULL;
	int best_rank = 0;

	for (size_t i = 0; i < a->key_count; i++) {
		const struct held_key *k = &a->keys[i];
		int rank = key_names(k, p->row.activation_id) ? 1 + (k->activated_at != 0) + 2 * key_is_for(a->catalog, k, p->row.activation_id) : 0;

		if (rank > best_rank) {
			best = k;
			best_rank = rank;
		}
	}
	return best;
}

void activation_labels(struct activation *a, const struct catalog_product *p, struct activation_labels *out)
{
	const struct held_pack *pack;
	const struct held_key *k;
	const struct held_id *x;
	size_t n = 0;

	memset(out, 0, sizeof *out);
	out->remaining = -1;
	pthread_mutex_lock(&a->lock);
	if ((k = shown_key(a, p)) == NULL)
		goto done;
	x = shown_id(a, k);
	(void)snprintf(out->partial, sizeof out->partial, "%s", k->partial);
	(void)snprintf(out->method, sizeof out->method, "%s", k->method);
	for (const char *c = x != NULL ? x->digits : ""; *c != '\0'; c++)
		if (*c != ' ')
			out->installation_id[n++] = *c;
	extended_pid(out->extended_pid, sizeof out->extended_pid, k, x);
	out->activated_at = k->activated_at;
	if (!key_activates_host(k->kind)) {
		out->allowed = k->allowed;
		out->used = k->used;
		out->remaining = k->allowed >= 0 && k->used >= 0 ? k->allowed - k->used : -1;
	}
	if ((pack = pack_with_key(a, k->issuer_id, k->kind, k->number, NULL)) == NULL)
		goto done;
	if (pack->pack->service != NULL)
		(void)snprintf(out->use_license_url, sizeof out->use_license_url, "%.250s", pack->pack->service);
	for (size_t i = 0; i < pack->pack->contact_count && out->validation_url[0] == '\0'; i++)
		if (pack->pack->contacts[i].web != NULL)
			(void)snprintf(out->validation_url, sizeof out->validation_url, "%.250s", pack->pack->contacts[i].web);
done:
	pthread_mutex_unlock(&a->lock);
}
