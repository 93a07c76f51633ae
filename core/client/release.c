/* Giving a place back, and finding a product by its name: the two smaller questions to hosts. */
#include "core/client/client_private.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

/* ---- release ---- */

/* The host that granted comes first: it has the count. */
static void granting_host_first(struct hosts *hosts, const char *host)
{
	char first[HOSTS_URL];

	for (size_t i = 1; i < hosts->n; i++) {
		if (strcmp(hosts->url[i], host) != 0)
			continue;
		memcpy(first, hosts->url[i], sizeof first);
		memmove(hosts->url[1], hosts->url[0], i * sizeof first);
		memcpy(hosts->url[0], first, sizeof first);
		return;
	}
}

/* One host: MUSTER_OK with the outcome set when it answered, MUSTER_E_NETWORK to try the next. */
static int release_at(struct muster_client *c, const char *host, struct muster_span body, struct muster_answer *out, struct muster_err *err)
{
	struct http_answer a;
	struct answer *got = mem_alloc(sizeof *got);
	int r;

	if (got == NULL)
		return err_nomem(err);
	http_answer_init(&a);
	if ((r = client_http(c, &a, host, "/v1/release", body, ANSWER_MAX, err)) != MUSTER_OK || (r = answer_read(got, &a, err)) != MUSTER_OK) {
		if (r == MUSTER_E_LIMIT)
			r = MUSTER_E_NETWORK;
		goto done;
	}
	if (got->kind == ANSWER_RELEASED) {
		out->outcome = MUSTER_RELEASED;
		out->code = 0;
		(void)snprintf(out->message, sizeof out->message, "The place was given back; this machine is no longer activated for this product.");
	} else if (got->kind == ANSWER_REFUSED) {
		out->outcome = MUSTER_REFUSED;
		out->code = got->code;
		answer_printable(out->message, sizeof out->message, got->text);
		/* Busy or stopping: another one that shares the count may do it. */
		if (got->status == 408 || got->status == 429 || got->status >= 500)
			r = err_set(err, MUSTER_E_NETWORK, "%s: %s", host, got->text);
	} else {
		r = err_set(err, MUSTER_E_NETWORK, "%s: not an answer to this question", host);
	}
	(void)snprintf(out->host, sizeof out->host, "%s", host);
done:
	mem_free(got);
	http_answer_fini(&a);
	return r;
}

static int release_locked(struct muster_client *c, const char *id, struct muster_answer *out, struct muster_err *err)
{
	struct state_record rec;
	char slot[STATE_SLOT];
	bool known;
	struct holding *h = mem_alloc(sizeof *h);
	struct hosts *hosts = mem_alloc(sizeof *hosts);
	struct buf body;
	int r;

	buf_init(&body, ANSWER_MAX);
	if (h == NULL || hosts == NULL) {
		r = err_nomem(err);
		goto done;
	}
	/* In a copied folder lies another machine's lease: that machine's place is not ours to give back. */
	if ((r = client_check_hardware(c, err)) != MUSTER_OK)
		goto done;
	client_slot(slot, c, id);
	r = state_record_load(&c->state, slot, &rec, err);
	/* It waits for a seat: the place goes to the next. Where no host hears it, the place lapses by itself. */
	if (r == MUSTER_OK && rec.position != 0 && (r = client_leave_queue(c, id, err)) == MUSTER_OK)
		r = state_record_load(&c->state, slot, &rec, err);
	known = r == MUSTER_OK;
	if ((r != MUSTER_OK && r != MUSTER_E_NOT_FOUND) || (r = client_holding(c, slot, h, client_now(c), err)) != MUSTER_OK)
		goto done;
	if (h->perpetual) {
		/* The issuer has counted this hardware, once and for good: whoever asks again on it gets the same confirmation. */
		out->outcome = MUSTER_REFUSED;
		out->code = CODE_M_PERPETUAL;
		out->perpetual = h->valid ? 1 : 0;
		(void)snprintf(out->message, sizeof out->message, "M-147 Activated for good: the activation belongs to this machine's hardware, and no place can be given back. "
			"Another machine spends another activation; ask the issuer where a machine is replaced.");
		goto done;
	}
	if (known && (!h->have || (rec.ended_at != 0 && rec.ended_at <= client_now(c)))) {
		/* Never granted or long over: no place is held, and it shall not be asked for any more. */
		out->outcome = MUSTER_RELEASED;
		(void)snprintf(out->message, sizeof out->message, "%s; this product is no longer asked for.", h->have ? "The lease had ended" : "No lease was held");
		r = state_forget(&c->state, slot, true, err);
		goto done;
	}
	if (!h->have) {
		r = err_set(err, MUSTER_E_NOT_FOUND, "%s: no lease is held, there is nothing to give back", id);
		goto done;
	}
	if (h->lease[0] == '\0' || rec.has_release == 0) {
		r = err_set(err, MUSTER_E_INVALID, "%s: the lease or its release secret is missing; the place falls free by itself 30 days after the last renewal", id);
		goto done;
	}
	if ((r = client_hosts(c, hosts, err)) != MUSTER_OK || (r = question_release(&body, h->lease, rec.release, err)) != MUSTER_OK)
		goto done;
	granting_host_first(hosts, rec.host);
	for (size_t i = 0; i < hosts->n; i++)
		if ((r = release_at(c, hosts->url[i], span_of(body.p, body.n), out, err)) != MUSTER_E_NETWORK)
			break;
	if (r == MUSTER_E_NETWORK) {
		/* Nobody took it back: everything stays as it is. */
		out->outcome = out->code != 0 ? MUSTER_REFUSED : MUSTER_NO_HOST;
		if (out->code == 0) {
			out->code = (uint32_t)CODE_NO_HOST;
			(void)snprintf(out->message, sizeof out->message, "0xC004F074 No host could be contacted, the lease is kept: %.400s", err != NULL ? err->message : "");
		}
		r = MUSTER_OK;
	} else if (r == MUSTER_OK && out->outcome == MUSTER_RELEASED) {
		r = state_forget(&c->state, slot, true, err);
		state_chains_prune(&c->state);
	}
	if (r == MUSTER_OK && out->outcome != MUSTER_RELEASED && h->valid)
		out->expires_at = h->claims.exp;
done:
	mem_free(h);
	mem_free(hosts);
	buf_cleanse(&body);
	return r;
}

int muster_client_release(struct muster_client *c, const char *activation_id, struct muster_answer *answer, struct muster_err *err)
{
	struct muster_answer full = { .size = sizeof full, .allowed = -1, .used = -1, .remaining = -1 };
	char id[UUID_TEXT];
	int r;

	if ((r = client_activation_id(id, activation_id, err)) != MUSTER_OK || (r = client_ready(c, err)) != MUSTER_OK || (r = client_begin(c, err)) != MUSTER_OK)
		return r;
	r = release_locked(c, id, &full, err);
	client_end(c);
	return r != MUSTER_OK ? r : client_give(answer, &full, sizeof full, offsetof(struct muster_answer, perpetual), err);
}

/* ---- product names ---- */

struct wanted { const struct muster_client *c; const char *name; char *id; };

static int match(void *ctx, const char *slot)
{
	const struct wanted *w = ctx;
	struct state_record rec;
	int r = state_record_load(&w->c->state, slot, &rec, NULL);

	if (r != MUSTER_OK || strcmp(rec.name, w->name) != 0)
		return r == MUSTER_E_NOMEM ? r : 0;
	(void)snprintf(w->id, UUID_TEXT, "%.36s", slot);
	return 1;
}

int muster_client_find(struct muster_client *c, const char *product, char activation_id[37], struct muster_err *err)
{
	struct wanted w = { c, product, activation_id };
	struct hosts *hosts;
	struct http_answer a;
	uint8_t id[16];
	int r;

	MUSTER_ASSERT(c->magic == CLIENT_MAGIC);
	activation_id[0] = '\0';
	if (uuid_parse(id, product, strlen(product)) == MUSTER_OK)
		return client_activation_id(activation_id, product, err);
	if (product[0] == '\0' || strlen(product) > 63 || strspn(product, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(product))
		return err_set(err, MUSTER_E_INVALID, "\"%.60s\" is neither an activation ID nor a product's name (a-z, 0-9, -)", product);
	if ((r = state_each_slot(&c->state, match, &w, err)) != 0)
		return r > 0 ? MUSTER_OK : r == MUSTER_E_NOMEM ? err_nomem(err) : r;
	if ((hosts = mem_alloc(sizeof *hosts)) == NULL)
		return err_nomem(err);
	r = client_hosts(c, hosts, err);
	for (size_t i = 0; r == MUSTER_OK && i < hosts->n; i++) {
		http_answer_init(&a);
		if ((r = client_http(c, &a, hosts->url[i], "/v1/products", span_of(NULL, 0), PRODUCTS_MAX, err)) == MUSTER_OK &&
		    (r = answer_find_product(&c->learned, &a, product, err)) != MUSTER_OK)
			r = err_prefix(err, r, "%s", hosts->url[i]);
		(void)snprintf(activation_id, UUID_TEXT, "%s", c->learned.id);
		http_answer_fini(&a);
		if (r == MUSTER_OK || i + 1 == hosts->n || r == MUSTER_E_NOMEM || r == MUSTER_E_BUSY || r == MUSTER_E_REFUSED)
			break;
		r = MUSTER_OK;
	}
	if (hosts->n == 0 && r == MUSTER_E_NOT_FOUND)
		r = err_code(err, r, (uint32_t)CODE_NO_HOST,
		             "%s: only hosts know products by name, and no host is named: give the product's activation ID, or a host with --host or `muster skms NAME[:PORT]`", product);
	mem_free(hosts);
	if (r == MUSTER_E_NOT_FOUND && err != NULL && err->code == 0)
		r = err_set(err, r, "%s: no product of that name on any host; `muster activate` also takes an activation ID", product);
	return r == MUSTER_E_LIMIT ? MUSTER_E_NETWORK : r;
}
