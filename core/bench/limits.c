#include "core/bench/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/bench/population.h"
#include "core/store/store.h"
#include "core/trust/openssl.h"

#define SIGNED_BYTES 600U    /* header and payload of a lease, base64url */
#define SIGNATURE_MAX 80U
#define AT_ONCE 64U          /* signatures between two looks at the time; rows of a group */
#define SECOND 1e9

/* ---- signatures ---- */

static int sign_for(double *per_s, const EVP_MD_CTX *ready, double seconds, struct muster_err *err)
{
	uint8_t text[SIGNED_BYTES], signature[SIGNATURE_MAX];
	int64_t begun = bench_ns(), now = begun;
	uint64_t n = 0;

	random_bytes(text, sizeof text);
	for (; (double)(now - begun) < seconds * SECOND && !bench_interrupted(); now = bench_ns())
		for (unsigned i = 0; i < AT_ONCE; i++, n++) {
			EVP_MD_CTX *ctx = EVP_MD_CTX_new();
			size_t len = sizeof signature;
			bool good = ctx != NULL && EVP_MD_CTX_copy_ex(ctx, ready) == 1 && EVP_DigestSign(ctx, signature, &len, text, sizeof text) == 1;

			EVP_MD_CTX_free(ctx);
			if (!good)
				return trust_err(err, MUSTER_E_INTERNAL, "cannot sign");
			be64_put(text, n);   /* never the same text twice */
		}
	*per_s = (double)n * SECOND / (double)(now - begun);
	return MUSTER_OK;
}

/* As a host signs its leases: a context made ready once, copied for each (core/trust/token.c). */
int limits_signatures(double *per_s, double seconds, struct muster_err *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	EVP_MD_CTX *ready = EVP_MD_CTX_new();
	int r;

	*per_s = 0;
	if (key == NULL || ready == NULL || EVP_DigestSignInit(ready, NULL, EVP_sha256(), NULL, key) != 1)
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot prepare signing");
	else
		r = sign_for(per_s, ready, seconds, err);
	EVP_MD_CTX_free(ready);
	EVP_PKEY_free(key);
	return r;
}

/* ---- rows ---- */

/* As an activation's row, every time with another machine. */
static void fill_row(struct store_event *e, int64_t seq, uint64_t number)
{
	static const uint8_t loopback[4] = { 127, 0, 0, 1 };

	e->seq = seq;
	e->at = e->seen = INT64_C(1760000000000) + seq;
	e->expires = e->at + INT64_C(180) * STORE_DAY_MS;
	e->source = e->product = e->edition = e->n = 1;
	e->result = CODE_OK;
	e->count = 10;
	e->minimum = 5;
	e->flags = STORE_F_HW | STORE_F_MINUTES | STORE_F_LEASE;
	e->minutes = 43200;
	e->status = 2;
	e->addr_len = sizeof loopback;
	memcpy(e->addr, loopback, sizeof loopback);
	population_client(e->client, 0, number);
	population_hardware(e->hw, 0, number);
	population_name(e->name, number);
	e->digest = be64_get(e->hw + 8);
}

static int append_for(double *per_s, struct store_log *log, double seconds, struct muster_err *err)
{
	struct store_event *rows = mem_array(AT_ONCE, sizeof *rows);
	const struct store_event *list[AT_ONCE];
	int64_t begun = bench_ns(), now = begun, seq = 0;
	int r = rows != NULL ? MUSTER_OK : err_nomem(err);

	for (; r == MUSTER_OK && (double)(now - begun) < seconds * SECOND && !bench_interrupted(); now = bench_ns()) {
		for (unsigned i = 0; i < AT_ONCE; i++) {
			seq++;
			fill_row(&rows[i], seq, (uint64_t)seq);
			list[i] = &rows[i];
		}
		r = log->ops->append(log, list, AT_ONCE, err);
	}
	*per_s = r == MUSTER_OK && now > begun ? (double)seq * SECOND / (double)(now - begun) : 0;
	mem_free(rows);
	return r;
}

int limits_rows(double *per_s, const char *dir, double seconds, struct muster_err *err)
{
	char *scratch = mem_printf("%s/rows-XXXXXX", dir);
	struct store_log_info info;
	struct store_log *log = NULL;
	struct store *store = NULL;
	uint8_t id[16];
	int r;

	*per_s = 0;
	uuid_random(id);
	if (scratch == NULL || mkdtemp(scratch) == NULL) {
		r = scratch == NULL ? err_nomem(err) : err_errno(err, errno, "cannot make a folder %s", scratch);
		mem_free(scratch);
		return r;
	}
	if ((r = store_sqlite_new(&store, scratch, err)) == MUSTER_OK && (r = store->open_log(store, true, &log, err)) == MUSTER_OK
	    && (r = log->ops->claim(log, id, &info, err)) == MUSTER_OK)
		r = append_for(per_s, log, seconds, err);
	if (log != NULL)
		log->ops->close(log);
	if (store != NULL)
		store->free(store);
	bench_remove_folder(scratch);
	mem_free(scratch);
	return r;
}

int limits_measure(struct bench_limits *out, const char *dir, double seconds, struct muster_err *err)
{
	int r;

	memset(out, 0, sizeof *out);
	bench_progress("the machine's limits: signatures");
	if ((r = limits_signatures(&out->signatures, seconds, err)) != MUSTER_OK)
		return r;
	bench_progress("the machine's limits: rows");
	if ((r = limits_rows(&out->rows, dir, seconds, err)) != MUSTER_OK)
		return r;
	bench_progress("the machine's limits: HTTP");
	if ((r = limits_echo(&out->echo, false, seconds, err)) == MUSTER_OK)
		r = limits_echo(&out->echo_per_request, true, seconds, err);
	bench_progress("%s", "");
	if (r == MUSTER_OK && bench_interrupted())
		r = err_set(err, MUSTER_E_BUSY, "interrupted");
	return r;
}

json_t *limits_json(const struct bench_limits *l)
{
	return json_pack("{s:f, s:f, s:f, s:f}", "signatures_per_s", l->signatures, "rows_per_s", l->rows, "echo_per_s", l->echo,
	                 "echo_per_request_per_s", l->echo_per_request);
}
