/* Leases by themselves: signature, claims. One thread reads the record and hands slices of it to the others. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/bench/host.h"
#include "core/bench/population.h"
#include "core/bench/verify_private.h"
#include "core/ledger/repeats.h"

#define SLICE 512U
#define SLICE_BYTES (512U * 1024U)
#define SLICES_EACH 4U       /* a thread: under way, read ahead */
#define CLOCK_BACK_S 300     /* an event's time never goes back while the clock may, a little */

struct slice {
	struct slice *next;
	size_t n, used;
	struct record_entry entries[SLICE];
	struct verify_item items[SLICE];
	char leases[SLICE_BYTES];
};

struct pass {
	struct verify *v;
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
	struct slice *first, *last, *idle;
	struct slice *filling;       /* the reader's */
	size_t made, room;
	uint64_t done;
	bool end;
	int result;
	struct muster_err err;
};

/* ---- keys ---- */

static int read_pem(struct buf *out, const char *dir, const char *name, struct muster_err *err)
{
	char *path = file_join(dir, name);
	int r;

	buf_init(out, TRUST_CHAIN_MAX);
	r = path == NULL ? err_nomem(err) : file_read(out, path, TRUST_CHAIN_MAX, err);
	mem_free(path);
	return r;
}

static int read_chain(struct verify *v, const char *dir, const char *name, struct muster_err *err)
{
	struct verify_chain *more = mem_grow(v->chains, v->chain_count + 1, sizeof *more);
	struct trust_chain *chain = NULL;
	struct muster_err why;
	struct buf pem;
	int r;

	if (more == NULL)
		return err_nomem(err);
	v->chains = more;
	if ((r = read_pem(&pem, dir, name, err)) == MUSTER_OK) {
		if (trust_chain_read(&chain, span_of(pem.p, pem.n), &why) != MUSTER_OK
		    || trust_chain_verify(chain, v->anchors, TRUST_ROLE_LEASE, v->now, &why) != MUSTER_OK) {
			verify_fault(v, "%s does not verify under issuer.pem: %s", name, why.message);
			trust_chain_unref(chain);
		} else {
			v->chains[v->chain_count++] = (struct verify_chain){ chain, trust_chain_end(chain, v->anchors) };
		}
	}
	buf_fini(&pem);
	return r;
}

int verify_keys(struct verify *v, struct muster_err *err)
{
	char *dir = file_join(v->dir, "state/host");
	const struct dirent *entry;
	struct buf pem;
	DIR *d;
	int r = read_pem(&pem, v->dir, "issuer.pem", err);

	if (r == MUSTER_OK)
		r = trust_anchors_read(&v->anchors, span_of(pem.p, pem.n), err);
	buf_fini(&pem);
	if (r == MUSTER_OK && dir == NULL)
		r = err_nomem(err);
	if (r != MUSTER_OK || (d = opendir(dir)) == NULL) {
		r = r != MUSTER_OK ? r : err_errno(err, errno, "cannot read %s", dir);
		mem_free(dir);
		return r;
	}
	while (r == MUSTER_OK && (entry = readdir(d)) != NULL)
		if (strncmp(entry->d_name, "chain-", 6) == 0 && strlen(entry->d_name) == 6 + TRUST_KID - 1 + 4)
			r = read_chain(v, dir, entry->d_name, err);
	(void)closedir(d);
	mem_free(dir);
	return r;
}

/* The chain a lease names; with one chain the lease's own check compares. */
static const struct verify_chain *chain_of(const struct verify *v, struct muster_span lease, struct muster_err *err)
{
	char kid[TRUST_KID];

	if (v->chain_count == 1)
		return &v->chains[0];
	if (trust_token_kid(kid, lease, err) != MUSTER_OK)
		return NULL;
	for (size_t i = 0; i < v->chain_count; i++)
		if (strcmp(kid, trust_chain_kid(v->chains[i].chain)) == 0)
			return &v->chains[i];
	(void)err_set(err, MUSTER_E_MISMATCH, "it was signed under a certificate that the host does not have");
	return NULL;
}

/* ---- one entry ---- */

#define WHO "machine %" PRIu64 ", ask %" PRIu32 ": "
#define WHO_OF(e) (e)->number, (e)->ask

static bool ids_right(struct verify *v, const struct record_entry *e, const struct lease_claims *c, const uint8_t client[16])
{
	char found[UUID_TEXT], wanted[UUID_TEXT];

	uuid_format(found, c->client_id);
	uuid_format(wanted, client);
	if (!uuid_equal(c->client_id, client)) {
		verify_fault(v, WHO "its lease is for client %s, expected %s", WHO_OF(e), found, wanted);
		return false;
	}
	uuid_format(found, c->product_id);
	uuid_format(wanted, v->product_id);
	if (!uuid_equal(c->product_id, v->product_id)) {
		verify_fault(v, WHO "its lease is for product %s, expected %s", WHO_OF(e), found, wanted);
		return false;
	}
	return true;
}

static bool bytes_right(struct verify *v, const struct record_entry *e, const char *name, struct muster_span found, struct muster_span wanted)
{
	char a[HEX_SIZE(64)] = "nothing", b[HEX_SIZE(64)];

	if (span_equal(found, wanted))
		return true;
	if (found.n > 0)
		hex_encode(a, found.p, found.n < 32 ? found.n : 32);
	hex_encode(b, wanted.p, wanted.n < 32 ? wanted.n : 32);
	verify_fault(v, WHO "its lease's %s is %s, expected %s", WHO_OF(e), name, a, b);
	return false;
}

/* The end is what the product's validity gives, or the chain's end before it. */
static bool times_right(struct verify *v, const struct record_entry *e, const struct lease_claims *c, int64_t chain_end)
{
	int64_t life = c->exp - c->iat;

	if (life > 0 && life <= VERIFY_VALIDITY_S + 1 && c->exp <= chain_end && (life >= VERIFY_VALIDITY_S - CLOCK_BACK_S || c->exp == chain_end))
		return true;
	verify_fault(v, WHO "its lease lives %" PRId64 " s, expected %" PRId64 " or to the certificates' end at %" PRId64 "; it ends at %" PRId64,
	             WHO_OF(e), life, (int64_t)VERIFY_VALIDITY_S, chain_end, c->exp);
	return false;
}

static bool count_right(struct verify *v, const struct record_entry *e, const struct lease_claims *c)
{
	if (c->minimum == BENCH_MINIMUM && c->count >= BENCH_MINIMUM && c->count <= 2 * BENCH_MINIMUM)
		return true;
	verify_fault(v, WHO "its lease says count %" PRIu32 ", minimum %" PRIu32 "; expected %d to %d and %d", WHO_OF(e), c->count, c->minimum,
	             BENCH_MINIMUM, 2 * BENCH_MINIMUM, BENCH_MINIMUM);
	return false;
}

/* "<ledger id>.<seq>". */
static bool seq_right(struct verify *v, const struct record_entry *e, const struct lease_claims *c, int64_t *seq)
{
	const char *number = c->jti + UUID_TEXT;
	char *end = NULL;

	*seq = 0;
	if (strncmp(c->jti, v->ledger_id, UUID_TEXT - 1) == 0 && c->jti[UUID_TEXT - 1] == '.' && number[0] >= '1' && number[0] <= '9') {
		errno = 0;
		*seq = strtoll(number, &end, 10);
		if (errno == 0 && *end == '\0')
			return true;
	}
	verify_fault(v, WHO "its lease's jti is \"%s\", expected %s. and a number", WHO_OF(e), c->jti, v->ledger_id);
	return false;
}

static bool claims_right(struct verify *v, const struct record_entry *e, const struct lease_claims *c, const uint8_t client[16],
                         const uint8_t nonce[16], int64_t chain_end, int64_t *seq)
{
	uint8_t hw[32];

	population_hardware(hw, v->seed, e->number);
	return ids_right(v, e, c, client) && bytes_right(v, e, "hw", span_of(c->hw, c->has_hw ? sizeof c->hw : 0), span_of(hw, sizeof hw))
	       && bytes_right(v, e, "nonce", span_of(c->nonce, c->nonce_len), span_of(nonce, 16)) && times_right(v, e, c, chain_end)
	       && count_right(v, e, c) && seq_right(v, e, c, seq);
}

/* @return false: what is wrong was told. */
static bool lease_right(struct verify *v, const struct record_entry *e, const char *lease, const uint8_t client[16], const uint8_t nonce[16],
                        struct verify_item *item)
{
	const struct muster_span text = span_of(lease, e->lease_n);
	const struct verify_chain *chain;
	struct lease_claims c;
	struct muster_err why;

	if ((chain = chain_of(v, text, &why)) == NULL || lease_verify_known(&c, text, chain->chain, v->anchors, NULL, v->now, &why) != MUSTER_OK) {
		verify_fault(v, WHO "its lease does not verify: %s", WHO_OF(e), why.message);
		return false;
	}
	if (!claims_right(v, e, &c, client, nonce, chain->end, &item->seq))
		return false;
	item->iat = c.iat;
	item->exp = c.exp;
	item->count = c.count;
	item->minimum = c.minimum;
	return true;
}

static int check_entry(struct verify *v, struct digester *d, const struct record_entry *e, const char *lease, struct verify_item *item)
{
	uint8_t client[16], nonce[16];

	memset(item, 0, sizeof *item);
	item->number = e->number;
	item->ask = e->ask;
	population_client(client, v->seed, e->number);
	population_nonce(nonce, v->seed, e->number, e->ask);
	if (e->status == 202 || lease_right(v, e, lease, client, nonce, item))
		item->status = e->status;
	return digester_digest(d, &item->digest, client, v->product, nonce, sizeof nonce);
}

/* ---- threads ---- */

/* The slice's good items join the others; the slice can be filled again. Lock held. */
static int take_items(struct pass *p, struct slice *s)
{
	struct verify *v = p->v;
	struct verify_item *more;

	if (v->n + s->n > p->room) {
		if ((more = mem_grow(v->items, p->room * 2 + 8 * SLICE, sizeof *more)) == NULL)
			return MUSTER_E_NOMEM;
		v->items = more;
		p->room = p->room * 2 + 8 * SLICE;
	}
	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].status != 0)
			v->items[v->n++] = s->items[i];
	p->done += s->n;
	return MUSTER_OK;
}

static int check_slice(struct pass *p, struct digester *d, struct slice *s)
{
	const char *lease = s->leases;
	int r = MUSTER_OK;

	for (size_t i = 0; i < s->n && r == MUSTER_OK; i++) {
		r = check_entry(p->v, d, &s->entries[i], lease, &s->items[i]);
		lease += s->entries[i].lease_n;
	}
	return r;
}

static struct slice *next_slice(struct pass *p)
{
	struct slice *s;

	while ((s = p->first) == NULL && !p->end)
		(void)pthread_cond_wait(&p->filled, &p->lock);
	if (s != NULL && (p->first = s->next) == NULL)
		p->last = NULL;
	return s;
}

static void *check_slices(void *ctx)
{
	struct pass *p = ctx;
	struct digester *d = NULL;
	struct muster_err err;
	struct slice *s;
	int r = digester_new(&d, p->v->digest_key, &err);

	(void)pthread_mutex_lock(&p->lock);
	while ((s = next_slice(p)) != NULL) {
		(void)pthread_mutex_unlock(&p->lock);
		if (r == MUSTER_OK && (r = check_slice(p, d, s)) != MUSTER_OK)
			(void)err_set(&err, r, "a digest could not be made");
		(void)pthread_mutex_lock(&p->lock);
		if (r == MUSTER_OK && (r = take_items(p, s)) != MUSTER_OK)
			(void)err_nomem(&err);
		if (r != MUSTER_OK && p->result == MUSTER_OK) {
			p->result = r;
			p->err = err;
		}
		s->next = p->idle;
		p->idle = s;
		(void)pthread_cond_signal(&p->emptied);
	}
	(void)pthread_mutex_unlock(&p->lock);
	digester_free(d);
	return NULL;
}

/* Hand over what was filled, take an empty one. @return non-zero: no more is to be read. */
static int turn(struct pass *p, bool last)
{
	struct slice *s = p->filling;
	int r;

	(void)pthread_mutex_lock(&p->lock);
	if (s != NULL) {
		s->next = NULL;
		if (p->last != NULL)
			p->last->next = s;
		else
			p->first = s;
		p->last = s;
		p->filling = NULL;
	}
	p->end = last;
	(void)pthread_cond_broadcast(&p->filled);
	if (!last && p->idle == NULL && p->made < (size_t)SLICES_EACH * p->v->threads && (p->idle = mem_alloc(sizeof *p->idle)) != NULL)
		p->made++;
	if (p->made == 0 && !last)
		p->result = err_nomem(&p->err);
	while (!last && p->idle == NULL && p->result == MUSTER_OK)
		(void)pthread_cond_wait(&p->emptied, &p->lock);
	if (!last && p->result == MUSTER_OK) {
		p->filling = p->idle;
		p->idle = p->filling->next;
		p->filling->n = p->filling->used = 0;
		p->result = verify_go_on(&p->err);
	}
	bench_progress("verify: %" PRIu64 " answers", p->done);
	r = p->result;
	(void)pthread_mutex_unlock(&p->lock);
	return r;
}

static int take_entry(void *ctx, const struct record_entry *e, const char *lease)
{
	struct pass *p = ctx;
	struct slice *s = p->filling;

	if (s == NULL || s->n == SLICE || s->used + e->lease_n > sizeof s->leases) {
		if (turn(p, false) != MUSTER_OK)
			return 1;
		s = p->filling;
	}
	s->entries[s->n++] = *e;
	memcpy(s->leases + s->used, lease, e->lease_n);
	s->used += e->lease_n;
	p->v->report->acknowledged++;
	p->v->report->leases += e->status == 200;
	return 0;
}

static int by_seq(const void *a, const void *b)
{
	const struct verify_item *x = a, *y = b;

	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return x->digest < y->digest ? -1 : x->digest > y->digest;
}

/* One lease, one event, unless it is the answer to the same request. */
static void check_unique(struct verify *v)
{
	for (size_t i = v->counted + 1; i < v->n; i++) {
		const struct verify_item *a = &v->items[i - 1], *b = &v->items[i];

		if (a->seq == b->seq && (a->number != b->number || a->ask != b->ask))
			verify_fault(v, WHO "its lease has number %" PRId64 ", which the lease of machine %" PRIu64 ", ask %" PRIu32 " has too", WHO_OF(b), b->seq,
			             WHO_OF(a));
	}
}

static void pass_fini(struct pass *p)
{
	for (struct slice *s = p->idle; s != NULL; s = p->idle) {
		p->idle = s->next;
		mem_free(s);
	}
	mem_free(p->filling);
	(void)pthread_cond_destroy(&p->filled);
	(void)pthread_cond_destroy(&p->emptied);
	(void)pthread_mutex_destroy(&p->lock);
}

int verify_leases(struct verify *v, struct muster_err *err)
{
	struct pass p = { .v = v, .lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER, .emptied = PTHREAD_COND_INITIALIZER };
	char *path = file_join(v->dir, "record");
	struct verify_crew crew;
	struct record_head head;
	int r;

	if (path == NULL)
		return err_nomem(err);
	if ((r = verify_crew_start(&crew, v->threads, check_slices, &p, err)) == MUSTER_OK) {
		r = record_read(path, &head, take_entry, &p, err);
		(void)turn(&p, true);
		verify_crew_join(&crew);
		if (r == MUSTER_OK && (r = p.result) != MUSTER_OK)
			(void)err_set(err, r, "%s", p.err.message);
	}
	mem_free(path);
	pass_fini(&p);
	if (r != MUSTER_OK)
		return r;
	if (v->n > 1)
		qsort(v->items, v->n, sizeof v->items[0], by_seq);
	while (v->counted < v->n && v->items[v->counted].status == 202)
		v->counted++;
	check_unique(v);
	return MUSTER_OK;
}
