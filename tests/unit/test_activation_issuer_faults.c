/*
 * What asking the issuer survives: `ato`, renewals, batches of counted keys and the machines that wait for them. Each allocation fails once (jansson's too), and the
 * host dies, or the store fails or loses its answer, at each commit. The issuer here is a function; it counts what it spends and sees that a question asked again is the same.
 */
#include "tests/unit/activation_fixture.h"

#include <pthread.h>
#include <string.h>

#include "core/activation/counted.h"
#include "core/activation/issuer_answer.h"
#include "core/activation/online.h"
#include "core/activation/proxy.h"
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

#define MACHINES 3
#define TRIES 6000

/* ---- allocations that fail, but never the issuer's own ---- */

static uint64_t armed;

static void arm(uint64_t n)
{
	armed = n;
	mem_fail_at(n);
}

/* What is left of the way to the failure. */
static uint64_t pause_failing(void)
{
	uint64_t left = armed > mem_count() ? armed - mem_count() : 0;

	arm(0);
	return left;
}

/* One allocation that fails as all of it: jansson does not survive its buffers' failing while it reads. */
json_t *__real_json_loadb(const char *text, size_t n, size_t flags, json_error_t *e);
json_t *__wrap_json_loadb(const char *text, size_t n, size_t flags, json_error_t *e);
json_t *__wrap_json_loadb(const char *text, size_t n, size_t flags, json_error_t *e)
{
	void *room = mem_alloc(1);
	uint64_t left;
	json_t *j;

	if (room == NULL) {
		if (e != NULL)
			e->text[JSON_ERROR_TEXT_LENGTH - 1] = json_error_out_of_memory;
		return NULL;
	}
	mem_free(room);
	left = pause_failing();
	j = __real_json_loadb(text, n, flags, e);
	arm(left);
	return j;
}

/* ---- the issuer ---- */

static struct {
	struct host *h;
	json_t *asked;       /* what was asked for: Installation ID (a host's), certificate, batch → the question, word for word */
	json_t *answers;     /* the same → what was answered */
	json_t *machines;    /* Installation IDs that are confirmed → statement */
	unsigned spent;
	bool lose;           /* the answer gets lost on its way, once */
} issuer;

static void issuer_start(struct host *h)
{
	memset(&issuer, 0, sizeof issuer);
	issuer.h = h;
	issuer.asked = json_object();
	issuer.answers = json_object();
	issuer.machines = json_object();
}

static void issuer_end(void)
{
	json_decref(issuer.asked);
	json_decref(issuer.answers);
	json_decref(issuer.machines);
}

static json_t *certify(const char *request)
{
	const struct statement_fixture *by = &issuer.h->issuer;
	struct muster_err err;
	EVP_PKEY *key;
	struct buf pem;
	json_t *answer;
	X509 *x;

	fixture_ok(trust_request_read(&key, span_str(request), &err), &err);
	fixture_ok(trust_make_host(&x, key, "host", (const uint8_t (*)[16])issuer.h->office, 1, by->f.mid, by->f.mid_key, clock_wall_ms(&issuer.h->clock.clock) / 1000, TRUST_HOST_LIFE_S, &err), &err);
	fixture_pem(&pem, x, by->f.mid);
	answer = json_pack("{s:s, s:b, s:{s:i, s:i}, s:{s:i, s:i}}", "chain", buf_str(&pem), "again", false, "hosts", "used", 1, "allowed", 2, "activations", "used", 1, "allowed", 3);
	buf_fini(&pem);
	X509_free(x);
	EVP_PKEY_free(key);
	return answer;
}

static json_t *statement_for(const struct installation_id *id)
{
	struct confirmation c = { .iat = clock_wall_ms(&issuer.h->clock.clock) / 1000, .kind = PRODUCT_KEY_MAK, .number = id->number, .partial = "ABCDE", .product_count = 1 };
	json_t *text;
	struct buf b;

	memcpy(c.issuer_id, issuer.h->issuer.f.issuer_id, 16);
	uuid_random(c.id);
	memcpy(c.binding, id->binding, sizeof c.binding);
	memcpy(c.products[0], issuer.h->office, 16);
	buf_init(&b, TRUST_PACK_MAX);
	statement_fixture_sign(&b, &issuer.h->issuer, TRUST_TYP_CONFIRMATION, confirmation_payload(&c));
	text = json_string(buf_str(&b));
	buf_fini(&b);
	return text;
}

static json_t *confirm_all(const json_t *ids, const json_t *batch)
{
	json_t *results = json_array(), *one;
	size_t i;

	json_array_foreach(ids, i, one) {
		const char *digits = json_string_value(one);
		struct installation_id id;
		struct muster_err err;

		fixture_ok(installation_id_parse(&id, digits, strlen(digits), NULL, &err), &err);
		if (json_object_get(issuer.machines, digits) == NULL) {
			issuer.spent++;
			(void)json_object_set_new(issuer.machines, digits, statement_for(&id));
		}
		(void)json_array_append_new(results, json_pack("{s:O, s:O}", "installation_id", one, "confirmation", json_object_get(issuer.machines, digits)));
	}
	return json_pack("{s:O, s:o, s:[{s:i, s:i, s:i}]}", "id", batch, "results", results, "keys", "number", 706200502, "allowed", 100, "used", (int)issuer.spent);
}

/* The same question again gets the same answer and spends nothing; it must be the same. */
static json_t *answer_of(const char *path, const json_t *body)
{
	bool counted = strcmp(path, "/v1/counted/activate") == 0, renew = strcmp(path, "/v1/host/renew") == 0;
	const json_t *of = json_object_get(body, counted ? "id" : renew ? "chain" : "installation_id"), *what = json_object_get(body, counted ? "installation_ids" : "request");
	const char *name = json_string_value(of);
	json_t *before = json_object_get(issuer.asked, name);

	if (before != NULL) {
		ck_assert_msg(json_equal(before, what), "%s: another question under the same name", path);
		return json_incref(json_object_get(issuer.answers, name));
	}
	(void)json_object_set_new(issuer.asked, name, json_deep_copy(what));
	if (!counted)
		issuer.spent++;
	(void)json_object_set_new(issuer.answers, name, counted ? confirm_all(what, of) : certify(json_string_value(what)));
	return json_incref(json_object_get(issuer.answers, name));
}

int __wrap_issuer_ask(json_t **answer, const struct issuer_place *place, const char *path, const json_t *body, struct muster_err *err);
int __wrap_issuer_ask(json_t **answer, const struct issuer_place *place, const char *path, const json_t *body, struct muster_err *err)
{
	uint64_t left = pause_failing();
	bool lost = issuer.lose;

	(void)place;
	issuer.lose = false;
	*answer = answer_of(path, body);
	if (lost) {
		json_decref(*answer);
		*answer = NULL;
		return err_code(err, MUSTER_E_NETWORK, CODE_M_ISSUER_AWAY, "the answer was lost");
	}
	arm(left);
	return MUSTER_OK;
}

/* ---- commits that fail ---- */

enum fault { FAULT_FAILS, FAULT_LOST, FAULT_DIES_BEFORE, FAULT_DIES_AFTER, FAULTS };
static struct { unsigned at, commits; enum fault fault; bool dead; } store;

int __real_ledger_transact(struct ledger *l, const struct store_change *changes, size_t n, struct muster_err *err);
int __wrap_ledger_transact(struct ledger *l, const struct store_change *changes, size_t n, struct muster_err *err);
int __wrap_ledger_transact(struct ledger *l, const struct store_change *changes, size_t n, struct muster_err *err)
{
	int r;

	store.commits++;
	if (store.dead)
		return err_set(err, MUSTER_E_IO, "dead");
	if (store.at == 0 || store.commits != store.at)
		return __real_ledger_transact(l, changes, n, err);
	store.dead = store.fault == FAULT_DIES_BEFORE || store.fault == FAULT_DIES_AFTER;
	if (store.fault == FAULT_FAILS || store.fault == FAULT_DIES_BEFORE)
		return err_set(err, MUSTER_E_IO, "the disk failed");
	r = __real_ledger_transact(l, changes, n, err);
	return r != MUSTER_OK ? r : err_set(err, MUSTER_E_UNKNOWN, "whether it was written is not known");
}

static void store_fails(unsigned at, enum fault fault)
{
	store.at = at;
	store.fault = fault;
	store.commits = 0;
	store.dead = false;
}

/* ---- a machine with a counted key ---- */

struct waiting { pthread_mutex_t lock; pthread_cond_t cond; bool answered; };

static void answered(struct counted_request *r)
{
	struct waiting *w = r->user;

	pthread_mutex_lock(&w->lock);
	w->answered = true;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

/* @return the code; *statement to be freed, NULL: none. */
static uint32_t machine_asks(struct host *h, const struct minted *key, uint8_t machine, char **statement)
{
	struct waiting w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };
	struct counted_request r = { .catalog = h->catalog, .product = catalog_product_named(h->catalog, "office2013"), .has_hw = true, .has_key = true, .key_kind = PRODUCT_KEY_MAK,
		.key_number = key->key.number, .nonce_len = 16, .facts = "", .done = answered, .user = &w };
	uint8_t prk[PRODUCT_KEY_PRK], proof_key[32];
	struct muster_err err;

	memset(r.hw, machine + 1, sizeof r.hw);
	memset(r.client, machine + 1, sizeof r.client);
	memcpy(r.activation_id, h->office, 16);
	fixture_ok(product_key_prk(prk, h->issuer.f.issuer_id, &key->key, &err), &err);
	fixture_ok(product_key_proof_key(proof_key, prk, &err), &err);
	fixture_ok(product_key_proof(r.proof, proof_key, r.activation_id, r.client, r.hw, span_of(r.nonce, r.nonce_len), &err), &err);
	ck_assert_int_eq(activation_counted_submit(h->activation, &r), MUSTER_OK);
	pthread_mutex_lock(&w.lock);
	while (!w.answered)
		pthread_cond_wait(&w.cond, &w.lock);
	pthread_mutex_unlock(&w.lock);
	*statement = r.statement;
	return r.code;
}

/* ---- the acts ---- */

static void go_on(struct host *h)
{
	store_fails(0, FAULT_FAILS);
	host_restart(h);
	ck_good(h, counted_start(h->activation, &h->err));
}

static struct minted begin(struct host *h, char kind)
{
	struct minted key;
	struct buf pack;

	json_set_alloc_funcs(mem_alloc, mem_free);
	host_init(h);
	h->setup->issuers[0].url = "https://issuer.example.org";
	go_on(h);
	issuer_start(h);
	key = mint(kind, kind == PRODUCT_KEY_HOST ? 706200501 : 706200502, h->office, NULL);
	make_pack(&pack, &h->issuer, h, 1, 1, &key, 1);
	ck_good(h, take_pack(h, &pack, NULL));
	ck_good(h, take_key(h, &key, false, NULL));
	buf_fini(&pack);
	return key;
}

static void end(struct host *h)
{
	host_fini(h);
	issuer_end();
}

static int count_one(void *ctx, const struct store_record *record)
{
	(void)record;
	++*(unsigned *)ctx;
	return 0;
}

static unsigned records(struct host *h, const char *kind)
{
	unsigned n = 0;

	ck_good(h, records_each(h->activation, kind, count_one, &n, &h->err));
	return n;
}

enum deed { ACT_WAIT, ACT_ASK, ACT_IMPORT, ACT_FETCH, ACT_ONLINE, ACT_RENEW };

static int machines_ask(struct host *h, const struct minted *key, uint32_t wanted)
{
	for (uint8_t i = 0; i < MACHINES; i++) {
		char *statement;
		uint32_t code = machine_asks(h, key, i, &statement);
		bool right = statement == NULL;

		for (void *at = json_object_iter(issuer.machines); at != NULL && !right; at = json_object_iter_next(issuer.machines, at))
			right = strcmp(json_string_value(json_object_iter_value(at)), statement) == 0;
		ck_assert_msg(right, "a statement that the issuer never gave");
		mem_free(statement);
		if (code != wanted) {
			ck_assert_uint_eq(code, CODE_M_STORAGE);   /* nothing else: the machine asks again */
			return MUSTER_E_IO;
		}
	}
	return MUSTER_OK;
}

static int import(struct host *h)
{
	json_t *out = NULL, *ids, *answer;
	char id[UUID_TEXT] = "", *text, *line, *rest;
	int r = activation_counted_export(h->activation, "0 root", &out, &h->err);
	uint64_t left;

	if (r != MUSTER_OK)
		return r;
	left = pause_failing();
	ids = json_array();
	text = rest = mem_strdup(json_string_value(json_object_get(out, "text")));
	while ((line = strsep(&rest, "\n")) != NULL)
		if (strncmp(line, "muster-counted-request 1 ", 25) == 0)
			memcpy(id, line + 25, UUID_TEXT - 1);
		else if (*line != '\0' && *line != '#')
			(void)json_array_append_new(ids, json_string(line));
	mem_free(text);
	json_decref(out);
	out = json_pack("{s:s, s:o}", "id", id, "installation_ids", ids);
	answer = answer_of("/v1/counted/activate", out);
	json_decref(out);
	text = json_dumps(answer, 0);
	json_decref(answer);
	arm(left);
	r = activation_counted_import(h->activation, "0 root", span_str(text), &out, &h->err);
	json_decref(out);
	mem_free(text);
	return r;
}

static int act(struct host *h, enum deed what, const struct minted *key)
{
	struct held_key *k = key_by_number(h->activation, key->key.number);
	char kid[TRUST_KID];
	json_t *out = NULL;
	int r = MUSTER_OK;

	memset(&h->err, 0, sizeof h->err);
	switch (what) {
	case ACT_WAIT: return machines_ask(h, key, CODE_M_PENDING);
	case ACT_FETCH: return machines_ask(h, key, CODE_OK);
	case ACT_IMPORT: return import(h);
	case ACT_ASK: r = activation_counted_ask(h->activation, "0 root", &out, &h->err); break;
	case ACT_ONLINE: r = activation_online(h->activation, "0 root", NULL, &out, &h->err); break;
	case ACT_RENEW:
		(void)snprintf(kid, sizeof kid, "%s", k->kid);
		h->activation->renewal_next = 0;
		(void)renewal_run(h->activation);
		activation_begin(h->activation);   /* what may have been committed is loaded */
		activation_end(h->activation);
		return strcmp(kid, key_by_number(h->activation, key->key.number)->kid) != 0 ? MUSTER_OK : MUSTER_E_IO;
	}
	json_decref(out);
	return r;
}

/* Has it happened, although its answer could not be made? */
static bool happened(struct host *h, enum deed what)
{
	switch (what) {
	case ACT_ASK: return records(h, ACTIVATION_R_CONFIRMATION) == MACHINES && records(h, ACTIVATION_R_BATCH) == 0;
	case ACT_IMPORT: return records(h, ACTIVATION_R_CONFIRMATION) == MACHINES && records(h, ACTIVATION_R_WANTED) == 0;
	default: return false;
	}
}

static int forget_one(void *ctx, const struct store_record *record)
{
	act_delete(ctx, record->kind, span_of(record->id, record->id_n));
	return 0;
}

/* The machines wait as if the host had never asked; the issuer knows them. */
static void forget(struct host *h, enum deed what, const struct minted *key)
{
	static const char *const kinds[] = { ACTIVATION_R_WANTED, ACTIVATION_R_CONFIRMATION, ACTIVATION_R_BATCH };
	struct act t = { 0 };

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		ck_good(h, records_each(h->activation, kinds[i], forget_one, &t, &h->err));
	activation_begin(h->activation);
	ck_good(h, act_store(h->activation, &t, &h->err));
	activation_end(h->activation);
	if (what != ACT_WAIT)
		ck_assert_int_eq(act(h, ACT_WAIT, key), MUSTER_OK);
}

/* Each allocation fails once: the act fails, and then goes through, or has happened all the same; on to the next until none is left. What a host asks for itself is done
 * once. */
static void exhausted(struct host *h, enum deed what, const struct minted *key)
{
	bool once = what == ACT_ONLINE || what == ACT_RENEW, met = true;
	int r = MUSTER_E_NOMEM;
	uint64_t n;

	for (n = 1; met && n < TRIES; n += n < 40 ? 1 : 11) {
		arm(n);
		r = act(h, what, key);
		met = once ? r != MUSTER_OK : armed == 0 || mem_count() >= armed;
		arm(0);
		if (once)
			continue;
		if (r != MUSTER_OK && !happened(h, what))
			r = act(h, what, key);
		ck_assert_msg(r == MUSTER_OK || happened(h, what), "act %d, allocation %d: %s %s", what, (int)n, h->err.message, h->said);
		if (what == ACT_ASK || what == ACT_IMPORT)
			ck_assert_msg(happened(h, what), "act %d, allocation %d", what, (int)n);
		h->said[0] = '\0';
		if (met && what != ACT_FETCH)
			forget(h, what, key);
		r = MUSTER_OK;
	}
	ck_assert_msg(r == MUSTER_OK, "act %d: %s %s", what, h->err.message, h->said);
}

/* Fault at commit @p at. @return false: there is none, the act has gone through. */
static bool failing(struct host *h, enum deed what, const struct minted *key, enum fault fault, unsigned at)
{
	bool met;

	store_fails(at, fault);
	(void)act(h, what, key);
	met = store.commits >= at;
	if (store.dead)
		go_on(h);
	store_fails(0, FAULT_FAILS);
	return met;
}

static void check_counted(struct host *h, const struct minted *key)
{
	ck_assert_uint_eq(issuer.spent, MACHINES);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(records(h, ACTIVATION_R_CONFIRMATION), MACHINES);
		ck_assert_uint_eq(records(h, ACTIVATION_R_WANTED), 0);
		ck_assert_int_eq(key_by_number(h->activation, key->key.number)->used, MACHINES);
		ck_assert_int_eq(act(h, ACT_FETCH, key), MUSTER_OK);
		if (i == 0)
			go_on(h);
	}
	ck_assert_int_eq(key_by_number(h->activation, key->key.number)->allowed, 100);
}

/* ---- counted keys ---- */

START_TEST(test_counted_no_memory)
{
	struct minted key;
	struct host h;

	key = begin(&h, PRODUCT_KEY_MAK);
	exhausted(&h, ACT_WAIT, &key);
	ck_assert_uint_eq(records(&h, ACTIVATION_R_WANTED), MACHINES);
	exhausted(&h, ACT_ASK, &key);
	exhausted(&h, ACT_FETCH, &key);
	check_counted(&h, &key);
	end(&h);
}
END_TEST

START_TEST(test_import_no_memory)
{
	struct minted key;
	struct host h;

	key = begin(&h, PRODUCT_KEY_MAK);
	ck_assert_int_eq(act(&h, ACT_WAIT, &key), MUSTER_OK);
	exhausted(&h, ACT_IMPORT, &key);
	check_counted(&h, &key);
	end(&h);
}
END_TEST

/* At every commit, in every way, from the machine's first question to its statement. */
static void counted_commits(enum deed way)
{
	for (int f = 0; f < FAULTS; f++) {
		struct minted key;
		struct host h;

		key = begin(&h, PRODUCT_KEY_MAK);
		for (unsigned at = 1; failing(&h, ACT_WAIT, &key, (enum fault)f, at); at++)
			ck_assert_uint_lt(at, 20);
		ck_assert_uint_eq(records(&h, ACTIVATION_R_WANTED), MACHINES);
		for (unsigned at = 1; !happened(&h, way) && failing(&h, way, &key, (enum fault)f, at); at++)
			ck_assert_uint_lt(at, 20);
		ck_assert(happened(&h, way));
		check_counted(&h, &key);
		end(&h);
	}
}

START_TEST(test_counted_commits) { counted_commits(ACT_ASK); } END_TEST
START_TEST(test_import_commits) { counted_commits(ACT_IMPORT); } END_TEST

/* An answer that names a machine twice, once confirmed and once refused, is taken once; nobody is asked for again and again. */
START_TEST(test_answered_twice)
{
	json_t *answer, *results, *out = NULL;
	struct minted key;
	struct host h;

	key = begin(&h, PRODUCT_KEY_MAK);
	ck_assert_int_eq(act(&h, ACT_WAIT, &key), MUSTER_OK);
	issuer.lose = true;
	ck_refused(&h, act(&h, ACT_ASK, &key), CODE_M_ISSUER_AWAY, "lost");
	answer = json_object_iter_value(json_object_iter(issuer.answers));
	results = json_object_get(answer, "results");
	(void)json_array_append_new(results, json_pack("{s:O, s:s, s:s}", "installation_id", json_object_get(json_array_get(results, 0), "installation_id"), "code", "0xC004C020", "detail", "no"));
	(void)json_object_set_new(answer, "keys", json_pack("[{s:I, s:I, s:I}, {s:I, s:i, s:i}]", "number", (json_int_t)706200502, "allowed", INT64_MAX, "used", INT64_MIN,
	                                                    "number", (json_int_t)706200502, "allowed", 100, "used", 3));
	ck_good(&h, activation_counted_ask(h.activation, "0 root", &out, &h.err));
	ck_assert_int_eq(json_integer_value(json_object_get(out, "confirmed")), MACHINES);
	ck_assert_int_eq(json_integer_value(json_object_get(out, "not_taken")), 1);
	ck_assert_uint_eq(json_array_size(json_object_get(out, "keys")), 1);
	json_decref(out);
	check_counted(&h, &key);
	ck_assert_int_eq(proxy_ask(h.activation, "0 root", h.activation->issuers, true, NULL, &h.err), MUSTER_E_NOT_FOUND);
	end(&h);
}
END_TEST

/* ---- this host itself ---- */

static void check_host(struct host *h, const struct minted *key, unsigned spent)
{
	ck_assert_uint_eq(issuer.spent, spent);
	for (int i = 0; i < 2; i++) {
		ck_assert_str_eq(state_of(h, key->key.number), "activated");
		ck_assert(signs(h, h->office));
		ck_assert_uint_eq(records(h, ACTIVATION_R_REQUEST), 0);
		if (i == 0)
			go_on(h);
	}
}

START_TEST(test_host_no_memory)
{
	struct minted key;
	struct host h;

	key = begin(&h, PRODUCT_KEY_HOST);
	exhausted(&h, ACT_ONLINE, &key);
	check_host(&h, &key, 1);
	clock_manual_advance(&h.clock, 400 * FIX_DAY * 1000);
	exhausted(&h, ACT_RENEW, &key);
	check_host(&h, &key, 2);
	end(&h);
}
END_TEST

/* At every commit. To die before one differs from its failing only in what memory holds, and opening the host's key is slow on purpose. A renewal under way is asked again with the same request, so it is one, too. */
START_TEST(test_host_commits)
{
	static const enum fault faults[] = { FAULT_FAILS, FAULT_LOST, FAULT_DIES_AFTER };

	for (size_t f = 0; f < sizeof faults / sizeof faults[0]; f++) {
		struct minted key;
		struct host h;

		key = begin(&h, PRODUCT_KEY_HOST);
		issuer.lose = f == 0;
		for (unsigned at = 1; failing(&h, ACT_ONLINE, &key, faults[f], at); at++)
			ck_assert_uint_lt(at, 20);
		ck_assert_int_eq(act(&h, ACT_ONLINE, &key), MUSTER_OK);
		check_host(&h, &key, 1);
		clock_manual_advance(&h.clock, 400 * FIX_DAY * 1000);
		for (unsigned at = 1; failing(&h, ACT_RENEW, &key, faults[f], at); at++)
			ck_assert_uint_lt(at, 20);
		(void)act(&h, ACT_RENEW, &key);
		check_host(&h, &key, 2);
		end(&h);
	}
}
END_TEST

UNIT_MAIN("activation_issuer_faults", test_counted_no_memory, test_import_no_memory, test_counted_commits, test_import_commits, test_answered_twice, test_host_no_memory, test_host_commits)
