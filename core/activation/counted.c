/*
 * Machines with counted keys ask: proof, rules, and what is known of the machine. On a thread of its own, so that nobody waits behind an exchange with the
 * issuer; what is new of a group of requests becomes one commit. A request is answered "pending" only after it is stored.
 */
#include "core/activation/counted.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define QUEUE_MAX 4096
#define GROUP 256
#define PENDING_RETRY_S 900   /* the shortest that clients take: the issuer's answer is usually there within a minute or two */

struct counted {
	struct activation *a;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	pthread_t thread;
	bool running, stop;
	struct counted_request *first, *last;
	size_t n;
};

static void refuse(struct counted_request *r, uint32_t code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void refuse(struct counted_request *r, uint32_t code, const char *fmt, ...)
{
	va_list ap;

	r->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(r->detail, sizeof r->detail, fmt, ap);
	va_end(ap);
}

/* What failed inside is for the log; the machine asks again. */
static void failed(struct activation *a, struct counted_request *r, const struct muster_err *err)
{
	activation_say(a, 4, "counted", "%s", err->message);
	refuse(r, CODE_M_STORAGE, "The host could not look up or record the request. Ask again later.");
	r->retry_after = 60;
}

/* ---- proof ---- */

static bool proves(const struct counted_request *r, const struct counted_key *k)
{
	uint8_t proof_key[32], expected[32];
	struct muster_err err = { 0 };
	bool right = product_key_proof_key(proof_key, k->prk, &err) == MUSTER_OK &&
	             product_key_proof(expected, proof_key, r->activation_id, r->client, r->hw, span_of(r->nonce, r->nonce_len), &err) == MUSTER_OK &&
	             CRYPTO_memcmp(expected, r->proof, sizeof expected) == 0;

	OPENSSL_cleanse(proof_key, sizeof proof_key);
	OPENSSL_cleanse(expected, sizeof expected);
	return right;
}

static bool check_key(struct activation *a, struct counted_request *r, struct counted_key *k)
{
	const char *title = r->product->row.title;
	struct muster_err err = { 0 };
	int result;

	if (!r->has_key || !counted_key_for(a, r->product->row.activation_id)) {
		if (!r->has_key)
			refuse(r, (uint32_t)CODE_NO_KEY, "%s is activated with a product key of its own: install it on this machine.", title);
		else
			refuse(r, (uint32_t)CODE_NO_KEY, "No product key for %s is installed on this host.", title);
		return false;
	}
	if (!r->has_hw) {
		refuse(r, CODE_M_FIELD, "machine.hardware_id is missing: a counted key knows machines by it.");
		return false;
	}
	if ((result = counted_key_find(a, r->key_number, k, &err)) != MUSTER_OK && result != MUSTER_E_NOT_FOUND) {
		failed(a, r, &err);
		return false;
	}
	/* One sentence for all three: who has no key learns nothing of the keys that are here. */
	if (result == MUSTER_OK && k->kind == r->key_kind && proves(r, k)) {
		if (counted_key_has(k, r->product->row.activation_id))
			return true;
		refuse(r, (uint32_t)CODE_KEY_INVALID, "The product key ending in %s is not for %s.", k->partial, title);
		return false;
	}
	refuse(r, (uint32_t)CODE_KEY_INVALID, "The proof does not belong to a product key that is installed on this host for %s.", title);
	return false;
}

/* ---- rules of a machine that is not confirmed yet ---- */

static bool check_coverage(const struct activation *a, struct counted_request *r, const struct counted_key *k)
{
	int64_t now = activation_now(a);
	char day[TIME_RFC3339];

	if (k->coverage_start != 0 && now < k->coverage_start) {
		time_rfc3339(day, k->coverage_start * 1000);
		refuse(r, (uint32_t)CODE_UNSUPPORTED_PRODUCT, "The coverage of the product key ending in %s begins at %s. Ask again then.", k->partial, day);
		return false;
	}
	if (k->coverage_end != 0 && now > k->coverage_end) {
		time_rfc3339(day, k->coverage_end * 1000);
		refuse(r, (uint32_t)CODE_UNSUPPORTED_PRODUCT, "The coverage of the product key ending in %s ended at %s. Order the next period, or move to a newer version.", k->partial, day);
		return false;
	}
	return true;
}

/* Is it reported, and as it must be? A requirement without a fact is for people. */
static bool fact_holds(const json_t *facts, const struct muster_requirement *q)
{
	const json_t *j = json_object_get(facts, q->fact);
	char number[32];

	if (q->value == NULL)
		return json_is_true(j) || (json_is_string(j) && json_string_length(j) > 0) || (json_is_integer(j) && json_integer_value(j) != 0);
	if (json_is_string(j))
		return strcmp(json_string_value(j), q->value) == 0;
	(void)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(j));
	return json_is_integer(j) && strcmp(number, q->value) == 0;
}

static bool check_facts(struct counted_request *r)
{
	const struct muster_table *t = &r->product->row.requirements;
	const struct muster_requirement *q = t->rows;
	json_t *facts = json_loads(r->facts, 0, NULL);
	bool good = true;

	for (size_t i = 0; i < t->count && good; i++) {
		if (q[i].fact == NULL || fact_holds(facts, &q[i]))
			continue;
		good = false;
		refuse(r, CODE_M_FACTS, "%s: the machine must report \"%s\"%s%s in machine.facts.", q[i].name, q[i].fact, q[i].value != NULL ? " as " : "", q[i].value != NULL ? q[i].value : "");
	}
	json_decref(facts);
	return good;
}

struct search { const uint8_t *binding, *product; const char *issuer; bool found; };

/* A confirmation under any key that ever was here counts: keys come and go, what was confirmed stays. */
static int look(void *ctx, const struct store_record *record)
{
	struct search *s = ctx;
	struct counted_machine m;
	struct muster_err err = { 0 };

	if (counted_parse(&m, record, &err) != MUSTER_OK)
		return 0;
	s->found = memcmp(m.binding, s->binding, BINDING_SIZE) == 0 && memcmp(m.product, s->product, 16) == 0 && strcmp(m.issuer, s->issuer) == 0;
	counted_machine_fini(&m);
	return s->found;
}

/* One step for each key number that has confirmations: straight to this machine's place in each. */
static int confirmed_for(struct activation *a, const struct counted_key *k, const uint8_t binding[BINDING_SIZE], const uint8_t product[16], bool *found, struct muster_err *err)
{
	struct search s = { .binding = binding, .product = product, .issuer = k->issuer };
	uint8_t after[COUNTED_ID];
	uint32_t number = 0;
	bool any;
	int r;

	for (;;) {
		if ((r = counted_next_number(a, number, &number, &any, err)) != MUSTER_OK || !any)
			break;
		counted_id(after, number, binding);
		for (size_t i = COUNTED_ID; i-- > 0 && after[i]-- == 0;)
			;   /* the place just before it */
		if ((r = ledger_records(a->ledger, ACTIVATION_R_CONFIRMATION, span_of(after, sizeof after), 1, look, &s, err)) != MUSTER_OK || s.found)
			break;
		if (number++ == PRODUCT_KEY_NUMBER_MAX)
			break;
	}
	*found = s.found;
	return r;
}

/* Years of a programme are products of one family, numbered by generation: year N needs every year before it. */
static bool check_years(struct activation *a, struct counted_request *r, const struct counted_key *k, const uint8_t binding[BINDING_SIZE])
{
	const struct muster_product *row = &r->product->row;
	const struct catalog_product *p;
	struct muster_err err = { 0 };
	size_t n;

	if (row->family == NULL || row->generation < 2)
		return true;
	p = catalog_products(r->catalog, &n);
	for (size_t i = 0; i < n; i++) {
		bool found;

		if (p[i].row.model != MUSTER_MODEL_COUNTED || p[i].row.family == NULL || strcmp(p[i].row.family, row->family) != 0 || p[i].row.generation >= row->generation ||
		    p[i].row.refused != NULL)
			continue;
		if (confirmed_for(a, k, binding, p[i].row.activation_id, &found, &err) != MUSTER_OK) {
			failed(a, r, &err);
			return false;
		}
		if (!found) {
			refuse(r, CODE_M_EARLIER_YEAR, "%s builds on %s, which is not confirmed for this machine.", row->title, p[i].row.title);
			return false;
		}
	}
	return true;
}

/* ---- one request ---- */

static void pending(struct counted_request *r)
{
	r->code = CODE_M_PENDING;
	r->retry_after = PENDING_RETRY_S;
	(void)snprintf(r->detail, sizeof r->detail, "The request for this machine is recorded and waits for the issuer's confirmation.");
}

/* @return whether that was the answer. */
static bool known(struct counted_request *r, struct counted_machine *m)
{
	switch (m->state) {
	case COUNTED_CONFIRMED:
		r->code = CODE_OK;
		r->statement = m->statement;
		r->statement_n = strlen(m->statement);
		m->statement = NULL;
		return true;
	case COUNTED_TELEPHONE:
		r->code = CODE_OK;
		r->telephone = true;
		return true;
	default:
		return false;
	}
}

static bool fill(struct counted_machine *m, const struct activation *a, const struct counted_request *r, const struct counted_key *k, const uint8_t binding[BINDING_SIZE],
                 struct muster_err *err)
{
	struct installation_id id;

	memset(m, 0, sizeof *m);
	if (counted_installation_id(&id, k, binding, err) != MUSTER_OK)
		return false;
	m->state = COUNTED_WANTED;
	m->number = k->number;
	memcpy(m->binding, binding, BINDING_SIZE);
	memcpy(m->product, r->product->row.activation_id, 16);
	(void)snprintf(m->issuer, sizeof m->issuer, "%s", k->issuer);
	installation_id_format(m->installation_id, &id, ' ');
	m->wanted_at = activation_now(a);
	return true;
}

/* Decides all but what needs a commit: a machine that is new is added to @p changes, and pending once they are committed. Acts held. */
static void judge(struct activation *a, struct counted_request *r, struct act *changes)
{
	struct counted_machine m = { 0 };
	struct muster_err err = { 0 };
	struct counted_key k = { 0 };
	uint8_t binding[BINDING_SIZE];

	if (!check_key(a, r, &k))
		goto done;
	r->allowed = k.allowed;
	r->used = k.used;
	if (binding_of_machine(binding, k.issuer_id, r->hw) != MUSTER_OK || counted_read(a, k.number, binding, &m, &err) != MUSTER_OK) {
		failed(a, r, &err);
		goto done;
	}
	if (known(r, &m) || !check_coverage(a, r, &k) || !check_facts(r) || !check_years(a, r, &k, binding))
		goto done;
	if (m.state == COUNTED_REFUSED) {
		refuse(r, m.code, "%s", m.detail);
		goto done;
	}
	if (m.state == COUNTED_NONE) {
		if (!fill(&m, a, r, &k, binding, &err)) {
			failed(a, r, &err);
			goto done;
		}
		counted_put(changes, &m);
	}
	pending(r);
done:
	counted_machine_fini(&m);
	counted_key_fini(&k);
}

static void group(struct counted *c, struct counted_request **list, size_t n)
{
	struct muster_err err = { 0 };
	struct act changes = { 0 };
	bool any, good;

	activation_begin(c->a);
	for (size_t i = 0; i < n; i++)
		judge(c->a, list[i], &changes);
	any = changes.n > 0;
	good = act_store(c->a, &changes, &err) == MUSTER_OK;
	activation_end(c->a);
	if (any && good)
		proxy_wanted(c->a);
	for (size_t i = 0; i < n; i++) {
		if (!good && list[i]->code == CODE_M_PENDING)
			failed(c->a, list[i], &err);
		list[i]->done(list[i]);
	}
}

/* ---- the thread ---- */

static size_t take(struct counted *c, struct counted_request *list[GROUP])
{
	size_t n = 0;

	while (n < GROUP && c->first != NULL) {
		list[n++] = c->first;
		c->first = c->first->next;
	}
	if (c->first == NULL)
		c->last = NULL;
	c->n -= n;
	return n;
}

static void *work(void *ctx)
{
	struct counted_request *list[GROUP];
	struct counted *c = ctx;
	size_t n;

	pthread_mutex_lock(&c->lock);
	while (!c->stop) {
		if ((n = take(c, list)) == 0) {
			pthread_cond_wait(&c->cond, &c->lock);
			continue;
		}
		pthread_mutex_unlock(&c->lock);
		group(c, list, n);
		pthread_mutex_lock(&c->lock);
	}
	while ((n = take(c, list)) > 0)
		for (size_t i = 0; i < n; i++) {
			list[i]->code = CODE_M_STOPPING;
			list[i]->done(list[i]);
		}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

int activation_counted_submit(struct activation *a, struct counted_request *r)
{
	struct counted *c = a->counted;
	int result = MUSTER_E_BUSY;

	r->next = NULL;
	r->statement = NULL;
	r->statement_n = 0;
	r->telephone = false;
	r->retry_after = 0;
	r->allowed = r->used = -1;
	r->detail[0] = '\0';
	pthread_mutex_lock(&c->lock);
	if (c->running && !c->stop && c->n < QUEUE_MAX) {
		if (c->last != NULL)
			c->last->next = r;
		else
			c->first = r;
		c->last = r;
		c->n++;
		pthread_cond_signal(&c->cond);
		result = MUSTER_OK;
	}
	pthread_mutex_unlock(&c->lock);
	return result;
}

int counted_new(struct activation *a, struct muster_err *err)
{
	struct counted *c = mem_alloc(sizeof *c);

	if (c == NULL)
		return err_nomem(err);
	c->a = a;
	MUSTER_ASSERT(pthread_mutex_init(&c->lock, NULL) == 0 && pthread_cond_init(&c->cond, NULL) == 0);
	a->counted = c;
	return MUSTER_OK;
}

int counted_start(struct activation *a, struct muster_err *err)
{
	struct counted *c = a->counted;
	int e = pthread_create(&c->thread, NULL, work, c);

	if (e != 0)
		return err_errno(err, e, "cannot start the thread of counted keys");
	pthread_mutex_lock(&c->lock);
	c->running = true;
	pthread_mutex_unlock(&c->lock);
	return MUSTER_OK;
}

void counted_stop(struct activation *a)
{
	struct counted *c = a->counted;

	if (c == NULL || !c->running)
		return;
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_signal(&c->cond);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	pthread_mutex_lock(&c->lock);
	c->running = false;
	pthread_mutex_unlock(&c->lock);
}

void counted_free(struct activation *a)
{
	struct counted *c = a->counted;

	if (c == NULL)
		return;
	counted_stop(a);
	pthread_cond_destroy(&c->cond);
	pthread_mutex_destroy(&c->lock);
	mem_free(c);
	a->counted = NULL;
}
