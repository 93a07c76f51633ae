#include "core/trust/lease.h"

#include <inttypes.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include "core/base/bytes.h"
#include "core/trust/openssl.h"
#include "core/trust/token_sign.h"

#define NONCE_MIN 16
#define PAYLOAD_MAX 1024   /* all claims at their longest need about 890 bytes */

#define HW_LABEL "muster hardware v1"
#define REL_LABEL "muster release v1"
#define USR_LABEL "muster user v1"

static size_t put(char *out, size_t at, const char *text, size_t n)
{
	MUSTER_ASSERT(at + n < PAYLOAD_MAX);
	memcpy(out + at, text, n);
	return at + n;
}

static size_t put_uuid(char *out, size_t at, const char *name, const uint8_t id[16])
{
	char text[UUID_TEXT];

	uuid_format(text, id);
	at = put(out, at, name, strlen(name));
	at = put(out, at, UUID_URN, sizeof(UUID_URN) - 1);
	at = put(out, at, text, UUID_TEXT - 1);
	return put(out, at, "\",", 2);
}

static size_t put_b64(char *out, size_t at, const char *name, const uint8_t *p, size_t n)
{
	char text[B64_SIZE(64)];
	size_t len = b64_encode(text, p, n);

	at = put(out, at, name, strlen(name));
	at = put(out, at, text, len);
	return put(out, at, "\",", 2);
}

/* jti goes into JSON as it is. */
static bool plain(const char *s)
{
	size_t n = strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_");

	return n > 0 && s[n] == '\0';
}

int lease_sign(struct buf *out, const struct trust_signer *s, const struct lease_claims *c, struct muster_err *err)
{
	char json[PAYLOAD_MAX], number[160], hw[HEX_SIZE(32)];
	size_t at;
	int n;

	if (memchr(c->jti, '\0', sizeof(c->jti)) == NULL || !plain(c->jti) || c->nonce_len < NONCE_MIN || c->nonce_len > sizeof(c->nonce) || c->iat < 0
	    || c->exp <= c->iat)
		return err_set(err, MUSTER_E_INVALID, "a lease's jti, nonce or times are out of range");
	at = put_uuid(json, 0, "{\"iss\":\"", c->issuer_id);
	at = put_uuid(json, at, "\"sub\":\"", c->client_id);
	at = put_uuid(json, at, "\"aud\":\"", c->product_id);
	if (!uuid_is_nil(c->edition_id) && !uuid_equal(c->edition_id, c->product_id))
		at = put_uuid(json, at, "\"edn\":\"", c->edition_id);
	n = snprintf(number, sizeof(number), "\"iat\":%" PRId64 ",\"nbf\":%" PRId64 ",\"exp\":%" PRId64 ",\"jti\":\"%s\",", c->iat, c->iat, c->exp, c->jti);
	at = put(json, at, number, (size_t)n);
	at = put_b64(json, at, "\"nonce\":\"", c->nonce, c->nonce_len);
	if (c->has_hw) {
		hex_encode(hw, c->hw, sizeof(c->hw));
		at = put(json, at, "\"hw\":\"", 6);
		at = put(json, at, hw, sizeof(hw) - 1);
		at = put(json, at, "\",", 2);
	}
	if (c->has_rel)
		at = put_b64(json, at, "\"rel\":\"", c->rel, sizeof(c->rel));
	if (c->has_usr)
		at = put_b64(json, at, "\"usr\":\"", c->usr, sizeof(c->usr));
	n = snprintf(number, sizeof(number), "\"cnt\":%" PRIu32 ",\"min\":%" PRIu32 ",\"renew\":%" PRIu32 "%s}", c->count, c->minimum, c->renew,
	             c->record ? ",\"record\":true" : "");
	at = put(json, at, number, (size_t)n);
	return trust_lease_sign_payload(out, s, span_of(json, at), err);
}

static int bad(struct muster_err *err, const char *name)
{
	return err_set(err, MUSTER_E_INVALID, "the lease's claim \"%s\" is missing or malformed", name);
}

static int get_urn(uint8_t out[16], const json_t *j, const char *name, struct muster_err *err)
{
	const json_t *m = json_object_get(j, name);

	if (!json_is_string(m) || uuid_parse_urn(out, json_string_value(m), json_string_length(m)) != MUSTER_OK)
		return bad(err, name);
	return MUSTER_OK;
}

static int get_int(int64_t *out, const json_t *j, const char *name, int64_t max, struct muster_err *err)
{
	const json_t *m = json_object_get(j, name);

	*out = json_integer_value(m);
	return json_is_integer(m) && *out >= 0 && *out <= max ? MUSTER_OK : bad(err, name);
}

static int get_u32(uint32_t *out, const json_t *j, const char *name, struct muster_err *err)
{
	int64_t v;
	int r = get_int(&v, j, name, UINT32_MAX, err);

	*out = r == MUSTER_OK ? (uint32_t)v : 0;
	return r;
}

static int get_b64(uint8_t *out, size_t room, size_t *n, const json_t *j, const char *name, struct muster_err *err)
{
	const json_t *m = json_object_get(j, name);

	*n = 0;
	if (!json_is_string(m) || b64_decode(out, room, n, json_string_value(m), json_string_length(m)) != MUSTER_OK)
		return bad(err, name);
	return MUSTER_OK;
}

static int get_times(struct lease_claims *c, const json_t *j, struct muster_err *err)
{
	int64_t nbf;
	int r;

	if ((r = get_int(&c->iat, j, "iat", TIME_MAX_S, err)) != MUSTER_OK || (r = get_int(&nbf, j, "nbf", TIME_MAX_S, err)) != MUSTER_OK
	    || (r = get_int(&c->exp, j, "exp", TIME_MAX_S, err)) != MUSTER_OK)
		return r;
	if (nbf != c->iat)
		return err_set(err, MUSTER_E_INVALID, "the lease's nbf differs from its iat");
	return MUSTER_OK;
}

static int get_jti(struct lease_claims *c, const json_t *j, struct muster_err *err)
{
	const json_t *m = json_object_get(j, "jti");
	size_t n = json_string_length(m);

	if (!json_is_string(m) || n == 0 || n >= sizeof(c->jti) || !plain(json_string_value(m)))
		return bad(err, "jti");
	memcpy(c->jti, json_string_value(m), n + 1);
	return MUSTER_OK;
}

/* 32 bytes that may be absent. */
static int get_hash(uint8_t out[32], bool *has, const json_t *j, const char *name, struct muster_err *err)
{
	size_t n;
	int r;

	*has = json_object_get(j, name) != NULL;
	if (!*has)
		return MUSTER_OK;
	if ((r = get_b64(out, 32, &n, j, name, err)) != MUSTER_OK)
		return r;
	return n == 32 ? MUSTER_OK : bad(err, name);
}

/* Claims that may be absent: edn, hw, rel, usr, record. */
static int get_optional(struct lease_claims *c, const json_t *j, struct muster_err *err)
{
	const json_t *m;
	int r;

	if (json_object_get(j, "edn") != NULL && (r = get_urn(c->edition_id, j, "edn", err)) != MUSTER_OK)
		return r;
	if ((m = json_object_get(j, "hw")) != NULL) {
		c->has_hw = true;
		if (!json_is_string(m) || strspn(json_string_value(m), "0123456789abcdef") != json_string_length(m)
		    || hex_decode(c->hw, sizeof(c->hw), json_string_value(m), json_string_length(m)) != MUSTER_OK)
			return bad(err, "hw");
	}
	if ((r = get_hash(c->rel, &c->has_rel, j, "rel", err)) != MUSTER_OK || (r = get_hash(c->usr, &c->has_usr, j, "usr", err)) != MUSTER_OK)
		return r;
	if ((m = json_object_get(j, "record")) != NULL && !json_is_true(m))
		return bad(err, "record");
	c->record = m != NULL;
	return MUSTER_OK;
}

static int get_claims(struct lease_claims *c, const json_t *j, struct muster_err *err)
{
	size_t n;
	int r;

	if ((r = get_urn(c->issuer_id, j, "iss", err)) != MUSTER_OK || (r = get_urn(c->client_id, j, "sub", err)) != MUSTER_OK
	    || (r = get_urn(c->product_id, j, "aud", err)) != MUSTER_OK || (r = get_times(c, j, err)) != MUSTER_OK || (r = get_jti(c, j, err)) != MUSTER_OK
	    || (r = get_b64(c->nonce, sizeof(c->nonce), &n, j, "nonce", err)) != MUSTER_OK || (r = get_u32(&c->count, j, "cnt", err)) != MUSTER_OK
	    || (r = get_u32(&c->minimum, j, "min", err)) != MUSTER_OK || (r = get_u32(&c->renew, j, "renew", err)) != MUSTER_OK)
		return r;
	if (n < NONCE_MIN)
		return bad(err, "nonce");
	c->nonce_len = (uint8_t)n;
	return get_optional(c, j, err);
}

/* Issuer and product: what the certificate allows this signer to say. */
static int check_authority(const struct lease_claims *c, const struct trust_chain *chain, const struct trust_anchors *anchors, struct muster_err *err)
{
	size_t n, i;
	const uint8_t (*ids)[16] = trust_chain_products(chain, &n);

	if (!uuid_equal(c->issuer_id, trust_anchors_issuer_id(anchors)))
		return err_set(err, MUSTER_E_MISMATCH, "the lease names another issuer than the pinned one");
	for (i = 0; i < n; i++)
		if (uuid_equal(ids[i], c->product_id))
			return MUSTER_OK;
	return err_set(err, MUSTER_E_MISMATCH, "the lease's product is none its signer is certified for");
}

static int check_time(const struct lease_claims *c, int64_t now, struct muster_err *err)
{
	char text[TIME_RFC3339];

	if (c->iat > now + TRUST_LEEWAY_S) {
		time_rfc3339(text, c->iat * 1000);
		return err_set(err, MUSTER_E_NOT_YET, "the lease begins at %s, more than 4 hours from now; is this machine's clock right?", text);
	}
	if (c->exp <= now) {
		time_rfc3339(text, c->exp * 1000);
		return err_set(err, MUSTER_E_EXPIRED, "the lease ended at %s", text);
	}
	return MUSTER_OK;
}

static int check_expected(const struct lease_claims *c, const struct lease_expect *e, struct muster_err *err)
{
	if (e->client_id != NULL && !uuid_equal(e->client_id, c->client_id))
		return err_set(err, MUSTER_E_MISMATCH, "the lease is for another client");
	if (e->product_id != NULL && !uuid_equal(e->product_id, c->product_id))
		return err_set(err, MUSTER_E_MISMATCH, "the lease is for another product");
	if (e->hw != NULL && !c->has_hw)
		return err_set(err, MUSTER_E_MISMATCH, "the lease is not bound to any hardware");
	/* Another source gives another value on the same machine: only like is compared with like (trust.md section 10). */
	if (e->hw != NULL && e->hw[0] == c->hw[0] && CRYPTO_memcmp(e->hw, c->hw, sizeof(c->hw)) != 0)
		return err_set(err, MUSTER_E_MISMATCH, "the lease is for other hardware");
	if (e->nonce != NULL && (e->nonce_len != c->nonce_len || CRYPTO_memcmp(e->nonce, c->nonce, c->nonce_len) != 0))
		return err_set(err, MUSTER_E_MISMATCH, "the lease answers another request: its nonce differs");
	if (e->usr != NULL && (!c->has_usr || CRYPTO_memcmp(e->usr, c->usr, sizeof(c->usr)) != 0))
		return err_set(err, MUSTER_E_MISMATCH, c->has_usr ? "the lease is another user's" : "the lease is a machine's, no user's: what is not licensed per user is asked for without a user");
	return MUSTER_OK;
}

int lease_verify_known(struct lease_claims *out, struct muster_span lease, const struct trust_chain *chain, const struct trust_anchors *anchors,
                       const struct lease_expect *expect, int64_t now, struct muster_err *err)
{
	struct lease_claims c = { 0 };
	json_t *payload = NULL;
	int r;

	memset(out, 0, sizeof(*out));
	if ((r = trust_token_verify(&payload, lease, TRUST_LEASE_MAX, TRUST_TYP_LEASE, chain, err)) != MUSTER_OK)
		return r;
	if ((r = get_claims(&c, payload, err)) == MUSTER_OK && (r = check_authority(&c, chain, anchors, err)) == MUSTER_OK
	    && (r = check_time(&c, now, err)) == MUSTER_OK && expect != NULL)
		r = check_expected(&c, expect, err);
	json_decref(payload);
	if (r == MUSTER_OK)
		*out = c;
	return r;
}

int lease_verify(struct lease_claims *out, struct muster_span lease, const struct trust_chain *chain, const struct trust_anchors *anchors,
                 const struct lease_expect *expect, int64_t now, struct muster_err *err)
{
	int r;

	memset(out, 0, sizeof(*out));
	if (lease.n > TRUST_LEASE_MAX)
		return err_set(err, MUSTER_E_INVALID, "the lease has %zu characters; at most %d are read", lease.n, TRUST_LEASE_MAX);
	if ((r = trust_chain_verify(chain, anchors, TRUST_ROLE_LEASE, now, err)) != MUSTER_OK)
		return r;
	return lease_verify_known(out, lease, chain, anchors, expect, now, err);
}

int trust_hardware_id(uint8_t out[32], const uint8_t issuer_id[16], uint8_t source, struct muster_span value)
{
	static const uint8_t label[] = HW_LABEL "\0";   /* label ‖ 0; sizeof counts one terminating zero more */
	uint8_t text[sizeof(label) + TRUST_HARDWARE_MAX];
	size_t n = sizeof(label) - 1;
	unsigned len = 0;

	memset(out, 0, 32);
	if (source > 3 || value.n == 0 || value.n > TRUST_HARDWARE_MAX)
		return MUSTER_E_INVALID;
	memcpy(text, label, n);
	text[n++] = source;
	memcpy(text + n, value.p, value.n);
	if (HMAC(EVP_sha256(), issuer_id, 16, text, n + value.n, out, &len) == NULL || len != 32)
		return MUSTER_E_INTERNAL;
	out[0] = source;
	return MUSTER_OK;
}

int trust_release_hash(uint8_t out[32], const uint8_t r[32])
{
	static const uint8_t label[] = REL_LABEL;       /* its terminating zero is the 0 of the layout */
	uint8_t text[sizeof(label) + 32];
	unsigned len = 0;
	int ok;

	memcpy(text, label, sizeof(label));
	memcpy(text + sizeof(label), r, 32);
	ok = EVP_Digest(text, sizeof(text), out, &len, EVP_sha256(), NULL);
	OPENSSL_cleanse(text, sizeof(text));
	return ok == 1 && len == 32 ? MUSTER_OK : MUSTER_E_INTERNAL;
}

int trust_user_hash(uint8_t out[32], struct muster_span user)
{
	static const uint8_t label[] = USR_LABEL;       /* its terminating zero is the 0 of the layout */
	uint8_t text[sizeof(label) + TRUST_USER_MAX];
	unsigned len = 0;

	if (user.n == 0 || user.n > TRUST_USER_MAX)
		return MUSTER_E_INVALID;
	memcpy(text, label, sizeof(label));
	memcpy(text + sizeof(label), user.p, user.n);
	return EVP_Digest(text, sizeof(label) + user.n, out, &len, EVP_sha256(), NULL) == 1 && len == 32 ? MUSTER_OK : MUSTER_E_INTERNAL;
}
