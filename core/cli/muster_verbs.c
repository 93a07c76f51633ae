/* The verbs of muster, but for the agent. */
#include "core/cli/muster_cli.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/trust/statement.h"

#define ISSUER_MAX 131072
#define TOKEN_HEAD_MAX 8192

static int64_t now_of(void *ctx)
{
	return clock_wall_ms(ctx);
}

int mcli_open_quietly(struct mcli *m, struct muster_err *err)
{
	/* The option's context is not const; the clock is only read. */
	union { const struct clock *in; void *out; } clock = { .in = m->clock };
	struct muster_client_options o = {
		.size = sizeof o, .hardware_source = m->hardware != NULL ? 0 : UINT32_MAX, .state = m->state, .issuer = m->issuer, .hardware = m->hardware,
		.hosts = m->hosts.n > 0 ? buf_str(&m->hosts) : NULL, .name = m->name, .now_ms = now_of, .ctx = clock.out, .is_virtual = m->is_virtual,
		.timeout_ms = m->timeout_ms, .stop = m->stop, .event = m->event, .ca = m->ca, .no_queue = m->no_queue
	};

	mcli_close(m);
	return muster_client_open(&m->client, &o, err);
}

int mcli_open(struct mcli *m)
{
	struct muster_err err = { 0 };

	if (mcli_open_quietly(m, &err) != MUSTER_OK)
		return mcli_fail(&err);
	return m->user == NULL || muster_client_set_user(m->client, m->user, &err) == MUSTER_OK ? MCLI_OK : mcli_say(MCLI_USAGE, "%s", err.message);
}

void mcli_close(struct mcli *m)
{
	muster_client_free(m->client);
	m->client = NULL;
}

int mcli_exit_of(const struct muster_answer *a)
{
	switch (a->outcome) {
	case MUSTER_RELEASED:
		return MCLI_OK;
	case MUSTER_PENDING:
	case MUSTER_QUEUED:
		return MCLI_COUNTED;
	default:
		return a->outcome;
	}
}

/* ---- products ---- */

struct ids { char (*text)[37]; size_t n; };

static int collect(void *ctx, const char *id)
{
	struct ids *ids = ctx;
	void *more = mem_grow(ids->text, ids->n + 1, sizeof ids->text[0]);

	if (more == NULL)
		return MUSTER_E_NOMEM;
	ids->text = more;
	(void)snprintf(ids->text[ids->n++], sizeof ids->text[0], "%s", id);
	return 0;
}

/* They come sorted by product. */
static int collect_users(void *ctx, const char *id, const char *user)
{
	struct ids *ids = ctx;

	(void)user;
	for (size_t i = 0; i < ids->n; i++)
		if (strcmp(ids->text[i], id) == 0)
			return 0;
	return collect(ctx, id);
}

static bool looks(const struct mcli *m)
{
	return strcmp(m->verb, "status") == 0 || strcmp(m->verb, "verify") == 0;
}

/* Nothing to look at is an answer, nothing to ask for a mistake of the caller's. */
static int nothing(const struct mcli *m)
{
	return mcli_say(looks(m) ? MCLI_INVALID : MCLI_USAGE,
		"nothing has been asked for yet: name a product, as in `muster activate PRODUCT`; a host lists its products at /v1/products");
}

static int each_with_state(struct mcli *m, int (*fn)(struct mcli *m, const char *id, json_t *list), json_t *list)
{
	struct ids ids = { NULL, 0 };
	int worst = MCLI_OK, r;

	/* Who looks sees users' licences too; to ask for them a user is named. */
	if (muster_client_each(m->client, collect, &ids) != 0 || (looks(m) && m->user == NULL && muster_client_each_user(m->client, collect_users, &ids) != 0))
		worst = mcli_say(MCLI_FAULT, "the products in %s cannot be listed", m->state);
	else if (ids.n == 0)
		worst = nothing(m);
	for (size_t i = 0; i < ids.n; i++)
		if ((r = fn(m, ids.text[i], list)) > worst)
			worst = r;
	mem_free(ids.text);
	return worst;
}

int mcli_products(struct mcli *m, int (*fn)(struct mcli *m, const char *id, json_t *list), json_t *list)
{
	int worst = MCLI_OK, r;

	if (m->arg_count == 0)
		return each_with_state(m, fn, list);
	for (size_t i = 0; i < m->arg_count; i++) {
		struct muster_err err = { 0 };
		char id[37];

		if (muster_client_find(m->client, m->args[i], id, &err) != MUSTER_OK)
			r = err.result == MUSTER_E_INVALID || err.result == MUSTER_E_NOT_FOUND ? mcli_say(err.code != 0 ? MCLI_NO_HOST : MCLI_USAGE, "%s", err.message) : mcli_fail(&err);
		else
			r = fn(m, id, list);
		if (r > worst)
			worst = r;
	}
	return worst;
}

/* Open, call for each product, print the list. */
static int for_products(struct mcli *m, int (*fn)(struct mcli *m, const char *id, json_t *list))
{
	json_t *list = json_array();
	int r, printed;

	if (list == NULL)
		return mcli_say(MCLI_FAULT, "out of memory");
	if ((r = mcli_open(m)) == MCLI_OK)
		r = mcli_products(m, fn, list);
	if (!m->json)
		json_decref(list);
	else if ((printed = mcli_print_json(list)) != MCLI_OK)
		r = printed;
	return r;
}

/* ---- questions ---- */

int mcli_tell_access(struct mcli *m, const char *id)
{
	struct muster_status s = { .size = sizeof s };
	struct muster_err err = { 0 };

	/* What was told before stays, unless something new is said. */
	if (!m->device && m->version == NULL && (m->user == NULL || muster_client_status(m->client, id, &s, NULL) == MUSTER_OK))
		return MCLI_OK;
	if (muster_client_set_access(m->client, id, m->device ? MUSTER_ACCESS_DEVICE : MUSTER_ACCESS_ANY, m->version, &err) == MUSTER_OK)
		return MCLI_OK;
	return err.result == MUSTER_E_INVALID ? mcli_say(MCLI_USAGE, "%s", err.message) : mcli_fail(&err);
}

typedef int question(struct muster_client *, const char *, struct muster_answer *, struct muster_err *);

static int say(struct mcli *m, const char *id, json_t *list, const struct muster_answer *a)
{
	if (m->json)
		return json_array_append_new(list, mcli_answer_json(m, id, a)) == 0 ? mcli_exit_of(a) : mcli_say(MCLI_FAULT, "out of memory");
	mcli_print_answer(id, a);
	return mcli_exit_of(a);
}

static int ask(struct mcli *m, const char *id, json_t *list, question *fn)
{
	struct muster_answer a = { .size = sizeof a };
	struct muster_err err = { 0 };

	return fn(m->client, id, &a, &err) == MUSTER_OK ? say(m, id, list, &a) : mcli_fail(&err);
}

static int activate_one(struct mcli *m, const char *id, json_t *list)
{
	struct muster_answer a = { .size = sizeof a };
	struct muster_err err = { 0 };
	int r;

	if ((r = mcli_tell_facts(m)) != MCLI_OK || (r = mcli_tell_access(m, id)) != MCLI_OK || (mcli_has_key(m) && (r = mcli_take_key(m, id)) != MCLI_OK))
		return r;
	return mcli_ask_waiting(m, id, &a, &err) == MUSTER_OK ? say(m, id, list, &a) : mcli_fail(&err);
}

static int renew_one(struct mcli *m, const char *id, json_t *list)
{
	return ask(m, id, list, muster_client_renew);
}

static int release_one(struct mcli *m, const char *id, json_t *list)
{
	return ask(m, id, list, muster_client_release);
}

int mcli_activate(struct mcli *m)
{
	return for_products(m, activate_one);
}

int mcli_renew(struct mcli *m)
{
	return for_products(m, renew_one);
}

int mcli_release(struct mcli *m)
{
	return for_products(m, release_one);
}

/* ---- looking ---- */

static int exit_of_status(const struct muster_status *s)
{
	return s->valid != 0 ? MCLI_OK : MCLI_INVALID;
}

/* ---- users ---- */

#define USERS_MAX 65536   /* of one machine */

struct users { const char *id; char (*name)[256]; size_t n; };

static int collect_names(void *ctx, const char *id, const char *user)
{
	struct users *u = ctx;
	void *more;

	if (strcmp(id, u->id) != 0)
		return 0;
	if (u->n == USERS_MAX || (more = mem_grow(u->name, u->n + 1, sizeof u->name[0])) == NULL)
		return MUSTER_E_NOMEM;
	u->name = more;
	(void)snprintf(u->name[u->n++], sizeof u->name[0], "%s", user);
	return 0;
}

/* @p fn for what the machine holds of a product, unless only users do, and for each of its users; for the one of --user alone where he is named. */
static int each_holder(struct mcli *m, const char *id, json_t *list, int (*fn)(struct mcli *m, const char *id, json_t *list))
{
	struct users users = { .id = id };
	struct muster_status s = { .size = sizeof s };
	int worst = MCLI_OK, r;

	if (m->user != NULL)
		return fn(m, id, list);
	if (muster_client_each_user(m->client, collect_names, &users) != 0)
		worst = mcli_say(MCLI_FAULT, "the users in %s cannot be listed", m->state);
	else if (users.n == 0 || muster_client_status(m->client, id, &s, NULL) != MUSTER_E_NOT_FOUND)
		worst = fn(m, id, list);
	for (size_t i = 0; i < users.n && muster_client_set_user(m->client, users.name[i], NULL) == MUSTER_OK; i++)
		if ((r = fn(m, id, list)) > worst)
			worst = r;
	(void)muster_client_set_user(m->client, NULL, NULL);
	mem_free(users.name);
	return worst;
}

static int status_one(struct mcli *m, const char *id, json_t *list)
{
	struct muster_status s = { .size = sizeof s };
	struct muster_err err = { 0 };
	int r = muster_client_status(m->client, id, &s, &err);

	if (r == MUSTER_E_NOT_FOUND)
		return mcli_say(MCLI_INVALID, "%s", err.message);
	if (r != MUSTER_OK)
		return mcli_fail(&err);
	if (m->json)
		return json_array_append_new(list, mcli_status_json(&s)) == 0 ? exit_of_status(&s) : mcli_say(MCLI_FAULT, "out of memory");
	mcli_print_status(&s);
	return exit_of_status(&s);
}

static int status_each(struct mcli *m, const char *id, json_t *list)
{
	return each_holder(m, id, list, status_one);
}

int mcli_status(struct mcli *m)
{
	return for_products(m, status_each);
}

static int verify_one(struct mcli *m, const char *id, json_t *list)
{
	struct muster_status s = { .size = sizeof s };
	struct muster_err err = { 0 };
	char until[32];
	int r = muster_client_status(m->client, id, &s, &err);

	if (r == MUSTER_E_NOT_FOUND)
		return mcli_say(MCLI_INVALID, "%s", err.message);
	if (r != MUSTER_OK)
		return mcli_fail(&err);
	if (m->json)
		return json_array_append_new(list, mcli_status_json(&s)) == 0 ? exit_of_status(&s) : mcli_say(MCLI_FAULT, "out of memory");
	time_listing(until, s.expires_at * 1000);
	if (s.valid != 0 && s.expires_at == 0)
		(void)printf("%s: valid for good on this machine\n", id);
	else
		(void)printf("%s%s%s: %s%s\n", id, s.user[0] != '\0' ? " " : "", s.user, s.valid != 0 ? "valid until " : "not valid: ", s.valid != 0 ? until : s.reason);
	return exit_of_status(&s);
}

/* The chain of a lease in a file: the one given, else the kept one its kid names. */
static int read_chain(struct buf *out, const struct mcli *m, struct muster_span lease, struct muster_err *err)
{
	char kid[TRUST_KID];
	char *path;
	int r;

	if (m->chain != NULL)
		return file_read(out, m->chain, TRUST_CHAIN_MAX, err);
	if ((r = trust_token_kid(kid, lease, err)) != MUSTER_OK)
		return r;
	if ((path = mem_printf("%s/chains/%s.pem", m->state, kid)) == NULL)
		return err_nomem(err);
	r = file_read(out, path, TRUST_CHAIN_MAX, err);
	mem_free(path);
	if (r == MUSTER_E_NOT_FOUND)
		r = err_set(err, r, "the certificates of this lease's signer are not kept here: get them from its host, /v1/certificates?kid=%s, and give the file with --chain", kid);
	return r;
}

/* Says which of the two a file holds; what it is worth is found out afterwards. */
static bool is_confirmation(struct muster_span token)
{
	uint8_t head[TOKEN_HEAD_MAX + 1];
	const uint8_t *dot = token.n > 0 ? memchr(token.p, '.', token.n) : NULL;
	const char *typ;
	json_t *o;
	size_t n;
	bool is;

	if (dot == NULL || b64_decode(head, TOKEN_HEAD_MAX, &n, (const char *)token.p, (size_t)(dot - token.p)) != MUSTER_OK)
		return false;
	o = json_loadb((const char *)head, n, 0, NULL);
	typ = json_string_value(json_object_get(o, "typ"));
	is = typ != NULL && strcmp(typ, TRUST_TYP_CONFIRMATION) == 0;
	json_decref(o);
	return is;
}

/* @return as muster_lease_verify(); printed when it is valid. */
static int verify_confirmation(const struct mcli *m, struct muster_span issuer, struct muster_span token, struct muster_err *err)
{
	struct muster_confirmation c = { .size = sizeof c };
	int r = muster_confirmation_verify(&c, issuer, token, span_of(NULL, 0), NULL, NULL, clock_wall_ms(m->clock) / 1000, err);

	if (r == MUSTER_OK && m->json)
		(void)mcli_print_json(mcli_confirmation_json(&c));
	else if (r == MUSTER_OK)
		mcli_print_confirmation(&c);
	return r;
}

/* @return as muster_lease_verify(); printed when it is valid. */
static int verify_lease(const struct mcli *m, struct muster_span issuer, struct muster_span lease, struct muster_err *err)
{
	struct muster_claims claims = { .size = sizeof claims };
	struct buf chain;
	int r;

	buf_init(&chain, TRUST_CHAIN_MAX);
	if ((r = read_chain(&chain, m, lease, err)) == MUSTER_OK)
		r = muster_lease_verify(&claims, issuer, span_of(chain.p, chain.n), lease, NULL, NULL, NULL, clock_wall_ms(m->clock) / 1000, err);
	if (r == MUSTER_OK && m->json)
		(void)mcli_print_json(mcli_claims_json(&claims));
	else if (r == MUSTER_OK)
		mcli_print_claims(&claims);
	buf_fini(&chain);
	return r;
}

static int verify_file(struct mcli *m, const char *path)
{
	struct muster_err err = { 0 };
	struct buf token, issuer;
	struct muster_span span;
	int r;

	buf_init(&token, STATEMENT_CONFIRMATION_MAX + 1);
	buf_init(&issuer, ISSUER_MAX);
	if ((r = file_read(&token, path, STATEMENT_CONFIRMATION_MAX + 1, &err)) != MUSTER_OK || (r = file_read(&issuer, m->issuer, ISSUER_MAX, &err)) != MUSTER_OK) {
		r = mcli_fail(&err);
		goto done;
	}
	if (token.n > 0 && token.p[token.n - 1] == '\n')
		token.p[--token.n] = '\0';
	span = span_of(token.p, token.n);
	r = (is_confirmation(span) ? verify_confirmation : verify_lease)(m, span_of(issuer.p, issuer.n), span, &err);
	if (r == MUSTER_OK)
		r = MCLI_OK;
	else if (r == MUSTER_E_NOMEM || r == MUSTER_E_IO || r == MUSTER_E_DENIED)
		r = mcli_fail(&err);
	else if (!m->json)
		r = mcli_say(MCLI_INVALID, "%s: not valid: %s", path, err.message);
	else
		r = mcli_print_json(json_pack("{s:b, s:s}", "valid", 0, "reason", err.message)) == MCLI_OK ? MCLI_INVALID : MCLI_FAULT;
done:
	buf_fini(&token);
	buf_fini(&issuer);
	return r;
}

static int verify_each(struct mcli *m, const char *id, json_t *list)
{
	return each_holder(m, id, list, verify_one);
}

int mcli_verify(struct mcli *m)
{
	if (m->arg_count == 1)
		return verify_file(m, m->args[0]);
	if (m->chain != NULL)
		return mcli_say(MCLI_USAGE, "--chain goes with a lease file: muster verify LEASE-FILE --chain FILE");
	return for_products(m, verify_each);
}

/* ---- changing ---- */

int mcli_rearm(struct mcli *m)
{
	struct muster_err err = { 0 };
	int r;

	if ((r = mcli_open(m)) != MCLI_OK)
		return r;
	if (muster_client_rearm(m->client, &err) != MUSTER_OK)
		return mcli_fail(&err);
	if (m->json)
		return mcli_print_json(json_pack("{s:s}", "client_id", muster_client_id(m->client)));
	(void)printf("Command completed successfully. The new client machine ID is %s; run `muster activate` next.\n", muster_client_id(m->client));
	return MCLI_OK;
}

static int change_hosts(struct mcli *m, const char *hosts)
{
	struct muster_err err = { 0 };
	int r;

	if ((r = mcli_open(m)) != MCLI_OK)
		return r;
	if (muster_client_set_hosts(m->client, hosts, &err) != MUSTER_OK)
		return mcli_fail(&err);
	if (m->json)
		return mcli_print_json(json_pack("{s:o}", "hosts", hosts != NULL ? json_string(hosts) : json_null()));
	if (hosts != NULL)
		(void)printf("Hosts set successfully, tried in this order:\n%s", hosts);
	else
		(void)puts("The list of hosts was removed.");
	return MCLI_OK;
}

int mcli_set_hosts(struct mcli *m)
{
	return change_hosts(m, buf_str(&m->hosts));
}

int mcli_clear_hosts(struct mcli *m)
{
	return change_hosts(m, NULL);
}
