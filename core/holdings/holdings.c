/*
 * The thread that decides: requests of machines in groups, each group one commit, nobody answered before it. Between groups what has ended is given back,
 * also when nobody asks.
 */
#include "core/holdings/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/ledger/hostclock.h"

#define QUEUE_MAX 4096
#define GROUP 256
#define IDLE_MS 1000   /* what ends while nobody asks goes back within this */

void holdings_say(const struct holdings *h, int level, const char *event, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (h->o.event == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	h->o.event(h->o.ctx, level, event, text);
}

void holdings_refuse(struct holdings_request *r, uint32_t code, const char *fmt, ...)
{
	va_list ap;

	r->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(r->detail, sizeof r->detail, fmt, ap);
	va_end(ap);
}

void holdings_failed(const struct holdings *h, struct holdings_request *r, const struct muster_err *err)
{
	holdings_say(h, 4, "holdings", "%s", err->message);
	holdings_refuse(r, CODE_M_STORAGE, "The host could not look up or record the request. Ask again later.");
}

void holdings_event(struct holdings *h, int level, const char *event, const char *text)
{
	holdings_say(h, level, event, "%s", text);
}

/* ---- what the other files need ---- */

void holdings_lock(struct holdings *h)
{
	pthread_mutex_lock(&h->lock);
}

void holdings_unlock(struct holdings *h)
{
	pthread_mutex_unlock(&h->lock);
}

int64_t holdings_now(struct holdings *h)
{
	int64_t now = clock_wall_ms(h->o.clock);

	/* Small steps back are waited for. Behind a clock that was far ahead, and was set right, nothing would end and leases would run into its future. */
	if (now > h->now || h->now - now > HOSTCLOCK_BACK_MS)
		h->now = now;
	return h->now;
}

struct ledger *holdings_ledger(struct holdings *h)
{
	return h->o.ledger;
}

struct holdings_rules *holdings_rules(struct holdings *h)
{
	return h->rules;
}

static struct holdings_known *known_named(const struct holdings *h, const char *name)
{
	for (size_t i = 0; i < h->known_count; i++)
		if (strcmp(h->known[i]->name, name) == 0)
			return h->known[i];
	return NULL;
}

struct holdings_known *holdings_known(const struct holdings *h, const struct catalog_product *p)
{
	return known_named(h, p->row.name);
}

uint32_t holdings_number(struct holdings *h, const struct catalog_product *p)
{
	const struct holdings_known *k = holdings_known(h, p);

	return k != NULL ? k->number : 0;
}

const struct catalog_product *holdings_product(struct holdings *h, uint32_t number)
{
	for (size_t i = 0; i < h->known_count; i++)
		if (h->known[i]->number == number)
			return h->catalog != NULL ? catalog_product_named(h->catalog, h->known[i]->name) : NULL;
	return NULL;
}

const struct muster_access_version *holdings_version_named(const struct catalog_product *p, const char *name)
{
	const struct muster_access_version *v = p->row.access != NULL ? p->row.access->versions.rows : NULL;

	for (size_t i = 0; v != NULL && i < p->row.access->versions.count; i++)
		if (strcmp(v[i].name, name) == 0)
			return &v[i];
	return NULL;
}

bool holdings_serve(const struct catalog_product *p)
{
	return p->row.model == MUSTER_MODEL_EMBEDDED || p->row.model == MUSTER_MODEL_ACCESS || p->row.model == MUSTER_MODEL_SEATS;
}

static int add_product(struct holdings *h, const char *name, uint32_t number, struct muster_err *err)
{
	struct holdings_known **grown, *k = known_named(h, name);

	if (k == NULL) {
		if ((grown = mem_grow(h->known, h->known_count + 1, sizeof *grown)) == NULL)
			return err_nomem(err);
		h->known = grown;
		if ((k = mem_alloc(sizeof *k)) == NULL)
			return err_nomem(err);
		(void)snprintf(k->name, sizeof k->name, "%s", name);
		h->known[h->known_count++] = k;
	}
	k->number = number;
	return MUSTER_OK;
}

int holdings_bind(struct holdings *h, struct catalog *catalog, struct muster_err *err)
{
	const struct catalog_product *p;
	int r = MUSTER_OK;
	size_t n;

	p = catalog_products(catalog, &n);
	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < n && r == MUSTER_OK; i++)
		if (holdings_serve(&p[i]))
			r = add_product(h, p[i].row.name, ledger_product_number(h->o.ledger, catalog, &p[i]), err);
	/* First start: what cannot be read now must not be taken for nothing. */
	if (r == MUSTER_OK && h->catalog == NULL)
		r = group_sums_load(h, err);
	/* At each: a product may have come back. */
	if (r == MUSTER_OK)
		r = embedded_load(h, catalog, err);
	if (r == MUSTER_OK) {
		catalog_unref(h->catalog);
		h->catalog = catalog_ref(catalog);
		h->reserved.loaded = false;   /* other reservations */
		holdings_capacity_refresh(h);
	}
	pthread_mutex_unlock(&h->lock);
	return r;
}

/* ---- deciding ---- */

static void judge(struct holdings *h, struct holdings_group *g, struct holdings_request *r)
{
	r->code = CODE_M_INTERNAL;
	if (holdings_number(h, r->product) == 0) {
		holdings_refuse(r, CODE_M_OVERLOAD, "The configuration was reloaded meanwhile.");
		return;
	}
	switch (r->product->row.model) {
	case MUSTER_MODEL_EMBEDDED: embedded_judge(h, g, r); break;
	case MUSTER_MODEL_ACCESS: access_judge(h, g, r); break;
	case MUSTER_MODEL_SEATS: seats_judge(h, g, r); break;
	default: holdings_refuse(r, CODE_M_MODEL, "The product is of another model."); break;
	}
}

/* What one request was told may rest on what another one changed: when the commit fails nobody is told anything. */
static void decide(struct holdings *h, struct holdings_request **list, size_t n)
{
	struct holdings_group *g = NULL;
	struct muster_err err = { 0 };
	int r;

	pthread_mutex_lock(&h->lock);
	if ((r = group_begin(&g, h, holdings_now(h), &err)) == MUSTER_OK) {
		for (size_t i = 0; i < n; i++) {
			group_ask(g, list[i]);
			judge(h, g, list[i]);
		}
		group_ask(g, NULL);
		r = group_commit(g, &err);
	}
	if (r != MUSTER_OK)
		h->due_more = false;   /* not at once again */
	pthread_mutex_unlock(&h->lock);
	if (r != MUSTER_OK && n == 0)
		holdings_say(h, 4, "holdings", "what has ended could not be given back: %s", err.message);
	for (size_t i = 0; i < n; i++) {
		if (r != MUSTER_OK)
			holdings_failed(h, list[i], &err);
		list[i]->done(list[i]);
	}
}

/* ---- the thread ---- */

static size_t take(struct holdings *h, struct holdings_request *list[GROUP])
{
	size_t n = 0;

	while (n < GROUP && h->first != NULL) {
		list[n++] = h->first;
		h->first = h->first->next;
	}
	if (h->first == NULL)
		h->last = NULL;
	h->queued -= n;
	return n;
}

/* queue_lock held. @return with it, after somebody asked or IDLE_MS passed. */
static void rest(struct holdings *h)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_MS / 1000;
	while (!h->stop && h->first == NULL && pthread_cond_timedwait(&h->queue_cond, &h->queue_lock, &until) == 0)
		;
}

static void *work(void *ctx)
{
	struct holdings_request *list[GROUP];
	struct holdings *h = ctx;
	bool more = false;
	size_t n;

	pthread_mutex_lock(&h->queue_lock);
	while (!h->stop) {
		if (h->first == NULL && !more)
			rest(h);
		if (h->stop)
			break;
		n = take(h, list);
		pthread_mutex_unlock(&h->queue_lock);
		decide(h, list, n);
		pthread_mutex_lock(&h->lock);
		more = h->due_more;
		pthread_mutex_unlock(&h->lock);
		pthread_mutex_lock(&h->queue_lock);
	}
	while ((n = take(h, list)) > 0)
		for (size_t i = 0; i < n; i++) {
			list[i]->code = CODE_M_STOPPING;
			list[i]->done(list[i]);
		}
	pthread_mutex_unlock(&h->queue_lock);
	return NULL;
}

int holdings_submit(struct holdings *h, struct holdings_request *r)
{
	int result = MUSTER_E_BUSY;

	r->next = NULL;
	r->code = 0;
	r->until = 0;
	r->renew_s = r->state = r->generation = r->position = r->retry_after = 0;
	r->over = false;
	r->used = r->total = 0;
	r->detail[0] = '\0';
	pthread_mutex_lock(&h->queue_lock);
	if (h->running && !h->stop && h->queued < QUEUE_MAX) {
		if (h->last != NULL)
			h->last->next = r;
		else
			h->first = r;
		h->last = r;
		h->queued++;
		pthread_cond_signal(&h->queue_cond);
		result = MUSTER_OK;
	}
	pthread_mutex_unlock(&h->queue_lock);
	return result;
}

int holdings_open(struct holdings **out, const struct holdings_options *o, struct muster_err *err)
{
	struct holdings *h = mem_alloc(sizeof *h);
	pthread_condattr_t monotonic;

	*out = NULL;
	if (h == NULL)
		return err_nomem(err);
	h->o = *o;
	h->stale = true;
	if ((h->rules = rules_new()) == NULL) {
		mem_free(h);
		return err_nomem(err);
	}
	MUSTER_ASSERT(pthread_condattr_init(&monotonic) == 0 && pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
	MUSTER_ASSERT(pthread_mutex_init(&h->lock, NULL) == 0 && pthread_mutex_init(&h->queue_lock, NULL) == 0 && pthread_cond_init(&h->queue_cond, &monotonic) == 0);
	(void)pthread_condattr_destroy(&monotonic);
	*out = h;
	return MUSTER_OK;
}

int holdings_start(struct holdings *h, struct muster_err *err)
{
	int e = pthread_create(&h->thread, NULL, work, h);

	if (e != 0)
		return err_errno(err, e, "cannot start the thread of the holdings");
	pthread_mutex_lock(&h->queue_lock);
	h->running = true;
	pthread_mutex_unlock(&h->queue_lock);
	return MUSTER_OK;
}

void holdings_stop(struct holdings *h)
{
	if (h == NULL || !h->running)
		return;
	pthread_mutex_lock(&h->queue_lock);
	h->stop = true;
	pthread_cond_signal(&h->queue_cond);
	pthread_mutex_unlock(&h->queue_lock);
	pthread_join(h->thread, NULL);
	pthread_mutex_lock(&h->queue_lock);
	h->running = false;
	pthread_mutex_unlock(&h->queue_lock);
}

void holdings_free(struct holdings *h)
{
	if (h == NULL)
		return;
	holdings_stop(h);
	for (size_t i = 0; i < h->known_count; i++) {
		mem_free(h->known[i]->named);
		mem_free(h->known[i]);
	}
	mem_free(h->known);
	mem_free(h->entered);
	embedded_forget(h);
	mem_free(h->sums.of);
	mem_free(h->reserved.of);
	rules_free(h->rules);
	catalog_unref(h->catalog);
	pthread_cond_destroy(&h->queue_cond);
	pthread_mutex_destroy(&h->queue_lock);
	pthread_mutex_destroy(&h->lock);
	mem_free(h);
}
