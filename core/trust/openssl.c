#include "core/trust/openssl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include "core/base/uuid.h"
#include "core/trust/keys.h"

int trust_err(struct muster_err *err, int result, const char *fmt, ...)
{
	char text[MUSTER_ERR_MAX];
	unsigned long e = ERR_peek_last_error();
	const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ERR_clear_error();
	if (reason != NULL)
		return err_set(err, result, "%s (OpenSSL: %s)", text, reason);
	return err_set(err, result, "%s", text);
}

const EVP_MD *trust_key_digest(const EVP_PKEY *key)
{
	return trust_key_algorithm(key) == TRUST_ES256 ? EVP_sha256() : NULL;
}

int trust_time(int64_t *out, const ASN1_TIME *t)
{
	struct tm tm;

	*out = 0;
	if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
		return MUSTER_E_INVALID;
	*out = timegm(&tm);
	return MUSTER_OK;
}

static bool san_add(struct trust_san *san, const GENERAL_NAME *name)
{
	const unsigned char *text;
	int n;
	size_t i;

	if (name->type != GEN_URI || san->n == sizeof(san->ids) / sizeof(san->ids[0]))
		return false;
	text = ASN1_STRING_get0_data(name->d.uniformResourceIdentifier);
	n = ASN1_STRING_length(name->d.uniformResourceIdentifier);
	if (n < 0 || uuid_parse_urn(san->ids[san->n], (const char *)text, (size_t)n) != MUSTER_OK)
		return false;
	for (i = 0; i < san->n; i++)
		if (uuid_equal(san->ids[i], san->ids[san->n]))
			return false;
	san->n++;
	return true;
}

void trust_san_read(struct trust_san *out, const X509 *x)
{
	GENERAL_NAMES *names;
	int crit = -1, i;

	memset(out, 0, sizeof(*out));
	names = X509_get_ext_d2i(x, NID_subject_alt_name, &crit, NULL);
	if (names == NULL) {
		/* -1: absent; -2: there twice; else unreadable or no memory. All but the first are "present, not exact". */
		out->present = crit != -1;
		ERR_clear_error();
		return;
	}
	out->present = true;
	out->exact = sk_GENERAL_NAME_num(names) > 0;
	for (i = 0; out->exact && i < sk_GENERAL_NAME_num(names); i++)
		out->exact = san_add(out, sk_GENERAL_NAME_value(names, i));
	if (!out->exact)
		out->n = 0;
	GENERAL_NAMES_free(names);
}

bool trust_pem_ended(void)
{
	unsigned long e = ERR_peek_last_error();

	if (e != 0 && (ERR_GET_LIB(e) != ERR_LIB_PEM || ERR_GET_REASON(e) != PEM_R_NO_START_LINE))
		return false;
	ERR_clear_error();
	return true;
}

int trust_check_ca(X509 *x, long pathlen, const char *what, struct muster_err *err)
{
	BASIC_CONSTRAINTS *bc;
	int crit = -1, ku_crit, sig = X509_get_signature_nid(x);
	long have;
	bool ca;

	if (X509_get_version(x) != X509_VERSION_3)
		return err_set(err, MUSTER_E_INVALID, "the %s certificate is not of version 3", what);
	if (sig != NID_ecdsa_with_SHA256 && sig != NID_ED25519)
		return err_set(err, MUSTER_E_INVALID, "the %s certificate is not signed with ECDSA-SHA-256 or Ed25519", what);
	if (trust_key_algorithm(X509_get0_pubkey(x)) < 0)
		return trust_err(err, MUSTER_E_INVALID, "the %s certificate's key is neither P-256 nor Ed25519", what);
	bc = X509_get_ext_d2i(x, NID_basic_constraints, &crit, NULL);
	ca = bc != NULL && bc->ca != 0;
	have = bc != NULL && bc->pathlen != NULL ? ASN1_INTEGER_get(bc->pathlen) : -1;
	BASIC_CONSTRAINTS_free(bc);
	if (!ca || crit != 1 || have != pathlen)
		return trust_err(err, MUSTER_E_INVALID, "the %s certificate's basicConstraints are not critical CA:TRUE, pathlen:%ld", what, pathlen);
	ku_crit = X509_get_ext_by_NID(x, NID_key_usage, -1);
	if (ku_crit < 0 || X509_EXTENSION_get_critical(X509_get_ext(x, ku_crit)) != 1
	    || X509_get_key_usage(x) != (KU_KEY_CERT_SIGN | KU_CRL_SIGN))
		return trust_err(err, MUSTER_E_INVALID, "the %s certificate's keyUsage is not critical keyCertSign, cRLSign", what);
	return MUSTER_OK;
}
