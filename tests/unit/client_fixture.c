#include "tests/unit/client_fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/file.h"

static int64_t now_of(void *ctx)
{
	return clock_wall_ms(ctx);
}

int64_t fake_now(const struct fake *k)
{
	return clock_wall_ms(&k->clock.clock) / 1000;
}

void fake_advance(struct fake *k, int64_t seconds)
{
	clock_manual_advance(&k->clock, seconds * 1000);
}

/* ---- the host ---- */

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

static void read_b64(uint8_t *out, size_t room, size_t *n, const char *text)
{
	if (b64_decode(out, room, n, text, strlen(text)) != MUSTER_OK)
		*n = 0;
}

static void sign(struct fake *k, struct buf *lease)
{
	struct lease_claims c = fixture_claims(&k->f);
	const json_t *machine = json_object_get(k->seen, "machine");
	struct muster_err err;
	size_t n;

	c.iat = k->host_now != 0 ? k->host_now : fake_now(k);
	c.exp = c.iat + 180 * FIX_DAY;
	(void)uuid_parse(c.client_id, text_of(k->seen, "client_id"), 36);
	(void)hex_decode(c.hw, 32, text_of(machine, "hardware_id"), 64);
	read_b64(c.nonce, sizeof c.nonce, &n, text_of(k->seen, "nonce"));
	c.nonce_len = (uint8_t)n;
	read_b64(c.rel, sizeof c.rel, &n, text_of(k->seen, "release_hash"));
	if (k->tweak != NULL)
		k->tweak(&c);
	buf_init(lease, TRUST_LEASE_MAX);
	fixture_ok(lease_sign(lease, k->f.signer, &c, &err), &err);
	if (k->flip)
		lease->p[lease->n - 10] = lease->p[lease->n - 10] == 'A' ? 'B' : 'A';
}

static void grant(struct fake *k, struct buf *out)
{
	struct buf lease, body;
	char members[512];

	sign(k, &lease);
	(void)snprintf(members, sizeof members, "\"product\":\"office2013\",\"activation_id\":\"" PRODUCT "\",\"count\":6,\"minimum_count\":5,"
		"\"expires_at\":\"2027-05-21T10:00:00Z\",\"activation_interval_minutes\":120,\"renewal_interval_minutes\":10080,\"rearm_max\":%u", (unsigned)k->rearm_max);
	buf_init(&body, 65536);
	buf_addf(&body, "{\"result\":\"activated\",\"%s\":\"%s\",%s,\"time\":\"2026-11-22T10:00:00Z\",\"later\":[1]}", k->confirmation != NULL ? "confirmation" : "lease",
		k->confirmation != NULL ? k->confirmation : buf_str(&lease), k->members != NULL ? k->members : members);
	fakehost_answer(out, 200, "application/json", buf_str(&body));
	buf_fini(&body);
	buf_fini(&lease);
}

static void activate(struct fake *k, const char *body, struct buf *out)
{
	char text[1024];

	json_decref(k->seen);
	k->seen = json_loads(body, JSON_REJECT_DUPLICATES, NULL);
	k->asked++;
	if (k->problem != 0 && (k->problem_client == NULL || strcmp(k->problem_client, text_of(k->seen, "client_id")) == 0)) {
		(void)snprintf(text, sizeof text, "{\"status\":%d,\"code\":\"%s\",\"title\":\"T\",\"detail\":\"Because \\u001b[31mred\\u009b.\",\"action\":\"Do that.\"%s}",
			k->problem, k->problem_code, k->problem_more != NULL ? k->problem_more : "");
		fakehost_answer(out, k->problem, "application/problem+json", text);
	} else if (k->counted) {
		(void)snprintf(text, sizeof text, "{\"result\":\"counted\",\"code\":\"0xC004F038\",\"title\":\"Count insufficient\",\"detail\":\"3 of 5.\",\"action\":\"\","
			"\"product\":\"office2013\",\"activation_id\":\"" PRODUCT "\",\"count\":3,\"minimum_count\":5,\"retry_after_seconds\":7200,"
			"\"activation_interval_minutes\":120,\"renewal_interval_minutes\":10080,\"rearm_max\":%u,\"time\":\"2026-11-22T10:00:00Z\"}", (unsigned)k->rearm_max);
		fakehost_answer(out, 202, "application/json", text);
	} else {
		grant(k, out);
	}
}

static void play(void *ctx, const struct fakehost_request *request, struct buf *out)
{
	struct fake *k = ctx;

	if (strstr(request->head, " /v1/certificates?kid=") != NULL) {
		k->chains++;
		if (k->raw_chain != NULL)
			buf_adds(out, k->raw_chain);
		else
			fakehost_answer(out, 200, "application/pem-certificate-chain", trust_chain_pem(k->f.chain));
	} else if (strstr(request->head, " /v1/crl?issuer=") != NULL) {
		k->lists++;
		if (k->crl != NULL)
			fakehost_answer(out, 200, "application/x-pem-file", k->crl);
		else
			fakehost_answer(out, 404, "application/problem+json", "{\"status\":404,\"code\":\"M-117\",\"title\":\"T\",\"detail\":\"None.\",\"action\":\"\"}");
	} else if (strstr(request->head, " /v1/products ") != NULL) {
		buf_adds(out, k->raw_products != NULL ? k->raw_products : "");
	} else if (k->raw != NULL) {
		k->asked++;
		buf_adds(out, k->raw);
	} else if (strstr(request->head, "POST /v1/release ") != NULL) {
		json_decref(k->seen);
		k->seen = json_loads(request->body, 0, NULL);
		k->released++;
		if (k->raw_release != NULL)
			buf_adds(out, k->raw_release);
		else
			fakehost_answer(out, 200, "application/json", "{\"result\":\"released\",\"product\":\"office2013\",\"time\":\"2026-11-22T10:00:00Z\"}");
	} else {
		activate(k, request->body, out);
	}
}

/* ---- around it ---- */

void fake_init(struct fake *k)
{
	struct muster_err err;
	struct buf pem;

	memset(k, 0, sizeof *k);
	fixture_init(&k->f, TRUST_ES256);
	clock_manual_init(&k->clock, FIX_NOW * 1000);
	(void)snprintf(k->dir, sizeof k->dir, "/tmp/muster-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(k->dir));
	(void)snprintf(k->state, sizeof k->state, "%s/state", k->dir);
	(void)snprintf(k->issuer, sizeof k->issuer, "%s/issuer.pem", k->dir);
	fixture_pem(&pem, k->f.root, NULL);
	fixture_ok(file_write(k->issuer, span_of(pem.p, pem.n), 0644, &err), &err);
	buf_fini(&pem);
	k->host = fakehost_start(play, k, NULL);
	(void)snprintf(k->url, sizeof k->url, "http://127.0.0.1:%u", fakehost_port(k->host));
}

void fake_fini(struct fake *k)
{
	char command[128];

	fakehost_stop(k->host);
	json_decref(k->seen);
	fixture_fini(&k->f);
	(void)snprintf(command, sizeof command, "rm -rf '%s'", k->dir);
	ck_assert_int_eq(system(command), 0);
}

struct muster_client_options fake_options(struct fake *k)
{
	return (struct muster_client_options) { .size = sizeof(struct muster_client_options), .state = k->state, .issuer = k->issuer,
		.hardware = "machine 1", .hosts = k->url, .name = "pc-17", .now_ms = now_of, .ctx = &k->clock, .timeout_ms = 60000 };
}

struct muster_client *fake_open(struct fake *k)
{
	struct muster_client_options o = fake_options(k);
	struct muster_client *c;
	struct muster_err err;

	fixture_ok(muster_client_open(&c, &o, &err), &err);
	return c;
}

const char *fake_seen(const struct fake *k, const char *name)
{
	return text_of(k->seen, name);
}

struct muster_answer fake_activate(struct fake *k, struct muster_client *c)
{
	struct muster_answer a = { .size = sizeof a };
	struct muster_err err;

	(void)k;
	fixture_ok(muster_client_activate(c, PRODUCT, &a, &err), &err);
	return a;
}

struct muster_status fake_status(struct muster_client *c)
{
	struct muster_status s = { .size = sizeof s };
	struct muster_err err;

	fixture_ok(muster_client_status(c, PRODUCT, &s, &err), &err);
	return s;
}

const char *fake_path(const struct fake *k, const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof path, "%s/%s", k->state, name);
	return path;
}

void fake_read(const struct fake *k, const char *name, struct buf *out)
{
	struct muster_err err;

	buf_init(out, 1 << 20);
	fixture_ok(file_read(out, fake_path(k, name), 1 << 20, &err), &err);
}

void fake_write(const struct fake *k, const char *name, const char *text)
{
	struct muster_err err;

	fixture_ok(file_write(fake_path(k, name), span_str(text), 0600, &err), &err);
}
