#include "tests/unit/statement_fixture.h"

#include <string.h>
#include "core/base/bytes.h"
#include "core/base/mem.h"

void statement_fixture_init(struct statement_fixture *s, enum trust_algorithm a)
{
	struct muster_err err;

	memset(s, 0, sizeof(*s));
	fixture_init(&s->f, a);
	fixture_ok(trust_key_generate(&s->key, a, &err), &err);
	fixture_ok(trust_make_statement(&s->cert, s->key, "Example Software statements 1", s->f.mid, s->f.mid_key, FIX_NOW, &err), &err);
	s->chain = fixture_chain(s->cert, s->f.mid);
	fixture_ok(statement_signer_new(&s->signer, s->key, s->chain, &err), &err);
}

void statement_fixture_fini(struct statement_fixture *s)
{
	statement_signer_free(s->signer);
	trust_chain_unref(s->chain);
	X509_free(s->cert);
	EVP_PKEY_free(s->key);
	fixture_fini(&s->f);
}

void statement_fixture_sign(struct buf *out, const struct statement_fixture *s, const char *typ, json_t *payload)
{
	struct muster_err err;

	buf_init(out, TRUST_PACK_MAX);
	fixture_ok(statement_sign(out, s->signer, typ, s->f.issuer_id, FIX_NOW, payload, &err), &err);
	json_decref(payload);
}

struct crl *statement_fixture_crl(const struct statement_fixture *s, X509 *revoked, enum crl_reason reason, int64_t at, uint64_t number)
{
	struct crl_entry e = { .at = at, .reason = reason };
	struct muster_err err;
	struct crl *crl;
	struct buf pem;

	if (revoked != NULL) {
		const ASN1_INTEGER *serial = X509_get0_serialNumber(revoked);

		e.serial_n = (size_t)ASN1_STRING_length(serial);
		memcpy(e.serial, ASN1_STRING_get0_data(serial), e.serial_n);
	}
	buf_init(&pem, CRL_MAX);
	fixture_ok(crl_make(&pem, &e, revoked != NULL ? 1 : 0, number, s->f.mid, s->f.mid_key, FIX_NOW, 30 * FIX_DAY, &err), &err);
	fixture_ok(crl_read(&crl, span_of(pem.p, pem.n), s->f.anchors, FIX_NOW, &err), &err);
	buf_fini(&pem);
	return crl;
}

json_t *statement_fixture_part(const struct buf *token, unsigned part)
{
	const char *begin = (const char *)token->p, *end;
	uint8_t *raw = mem_alloc(token->n);
	size_t n;
	json_t *j;

	if (part == 1)
		begin = strchr(begin, '.') + 1;
	end = strchr(begin, '.');
	ck_assert_int_eq(b64_decode(raw, token->n, &n, begin, (size_t)(end - begin)), MUSTER_OK);
	j = json_loadb((const char *)raw, n, 0, NULL);
	ck_assert_ptr_nonnull(j);
	mem_free(raw);
	return j;
}

void statement_fixture_token(struct buf *out, EVP_PKEY *key, json_t *header, json_t *payload)
{
	char *h = json_dumps(header, JSON_COMPACT), *p = json_dumps(payload, JSON_COMPACT);

	fixture_token(out, key, h, p);
	free(h);
	free(p);
	json_decref(header);
	json_decref(payload);
}

static void damaged(struct muster_span bytes, const char *begin, const char *other, const char *what, size_t at,
                    int (*verify)(void *ctx, struct muster_span bytes, struct muster_err *err), void *ctx)
{
	struct muster_err err = { 0 };
	int r = verify(ctx, bytes, &err);

	ck_assert_msg(r != MUSTER_OK, "%s %zu: accepted", what, at);
	ck_assert_msg(r != MUSTER_E_INTERNAL && r != MUSTER_E_NOMEM, "%s %zu: result %d: %s", what, at, r, err.message);
	ck_assert_msg(strncmp(err.message, begin, strlen(begin)) == 0 || strncmp(err.message, other, strlen(other)) == 0, "%s %zu: \"%s\"", what, at, err.message);
}

void statement_fixture_damage(struct muster_span good, const char *begin, const char *other, size_t shorter,
                              int (*verify)(void *ctx, struct muster_span bytes, struct muster_err *err), void *ctx)
{
	uint8_t *copy = mem_dup(good.p, good.n);
	bool all = getenv("MUSTER_EXHAUSTIVE") != NULL;
	struct muster_err err;
	size_t i;
	unsigned bit;

	ck_assert_ptr_nonnull(copy);
	fixture_ok(verify(ctx, good, &err), &err);
	for (i = 0; i < good.n; i++) {
		if (i + shorter < good.n)
			damaged(span_of(good.p, i), begin, other, "cut after", i, verify, ctx);
		for (bit = 0; bit < 8; bit++) {
			/* by turns, so that every part of it meets every bit */
			if (!all && bit != (i + i / 8) % 8)
				continue;
			copy[i] ^= (uint8_t)(1u << bit);
			damaged(span_of(copy, good.n), begin, other, "changed at", i, verify, ctx);
			copy[i] ^= (uint8_t)(1u << bit);
		}
	}
	mem_free(copy);
}
