#include <string.h>
#include "core/base/codes.h"
#include "core/trust/hkdf.h"
#include "core/trust/product_key.h"
#include "tests/unit/trust_vectors.h"

#define EXAMPLE "ANC9X-P4XJN-VAG5Y-48SN1-FGXNR"
#define SYMBOLS "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

static const char kinds[] = "A1ZES5";

static int parse(struct product_key *k, const char *text, struct muster_err *err)
{
	return product_key_parse(k, text, strlen(text), err);
}

/* RFC 5869, appendix A: test cases 1 to 3, all of SHA-256. */
START_TEST(test_hkdf_rfc5869)
{
	static const struct { const char *ikm, *salt, *info; size_t n; const char *prk, *okm; } cases[] = {
		{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9", 42,
		  "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
		  "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865" },
		{ "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
		  "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
		  "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", 82,
		  "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
		  "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87" },
		{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "", 42, "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
		  "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8" }
	};
	uint8_t ikm[80], salt[80], info[80], prk[32], okm[82];
	char text[HEX_SIZE(82)];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t ikm_n = strlen(cases[i].ikm) / 2, salt_n = strlen(cases[i].salt) / 2, info_n = strlen(cases[i].info) / 2;

		ck_assert_int_eq(hex_decode(ikm, ikm_n, cases[i].ikm, ikm_n * 2), MUSTER_OK);
		ck_assert_int_eq(hex_decode(salt, salt_n, cases[i].salt, salt_n * 2), MUSTER_OK);
		ck_assert_int_eq(hex_decode(info, info_n, cases[i].info, info_n * 2), MUSTER_OK);
		ck_assert_int_eq(hkdf_extract(prk, span_of(salt, salt_n), span_of(ikm, ikm_n), NULL), MUSTER_OK);
		hex_encode(text, prk, sizeof(prk));
		ck_assert_str_eq(text, cases[i].prk);
		ck_assert_int_eq(hkdf_expand(okm, cases[i].n, prk, span_of(info, info_n), NULL), MUSTER_OK);
		hex_encode(text, okm, cases[i].n);
		ck_assert_str_eq(text, cases[i].okm);
	}
}
END_TEST

/* Every value of the flow that a key alone gives. */
START_TEST(test_product_key_vectors)
{
	struct product_key k, made = { .kind = PRODUCT_KEY_HOST };
	uint8_t issuer[16], pack[16], prk[32], out[32];
	char text[PRODUCT_KEY_TEXT], partial[PRODUCT_KEY_PARTIAL];
	struct muster_err err;

	vector_bytes(issuer, sizeof(issuer), "issuer_id");
	vector_bytes(pack, sizeof(pack), "pack_id");
	ck_assert_int_eq(parse(&k, vector_text("key"), &err), MUSTER_OK);
	ck_assert_int_eq(k.kind, vector_text("kind")[0]);
	ck_assert_uint_eq(k.number, vector_number("number"));
	vector_is(k.secret, sizeof(k.secret), "key_secret");
	vector_bytes(made.secret, sizeof(made.secret), "key_secret");
	made.number = vector_number("number");
	product_key_format(text, &made);
	ck_assert_str_eq(text, vector_text("key"));
	product_key_partial(partial, &made);
	ck_assert_str_eq(partial, "FGXNR");
	ck_assert_int_eq(product_key_prk(prk, issuer, &k, &err), MUSTER_OK);
	vector_is(prk, sizeof(prk), "prk_key");
	ck_assert_int_eq(product_key_verifier(out, prk, pack, &err), MUSTER_OK);
	vector_is(out, sizeof(out), "verifier");
	ck_assert_int_eq(product_key_expand(out, 32, prk, "muster iid v1", span_of(NULL, 0), &err), MUSTER_OK);
	vector_is(out, sizeof(out), "iid_key");
	ck_assert_int_eq(product_key_expand(out, 32, prk, "muster slot key v1", span_of(NULL, 0), &err), MUSTER_OK);
	vector_is(out, sizeof(out), "slot_key");
}
END_TEST

/* What people type for the same key. */
START_TEST(test_product_key_variants)
{
	static const char *const same[] = {
		EXAMPLE, "anc9x-p4xjn-vag5y-48sn1-fgxnr", "ANC9XP4XJNVAG5Y48SN1FGXNR", "ANC9X P4XJN VAG5Y 48SN1 FGXNR", "  AnC9x--P4xJn\tVAG5Y\r\n48SN1 - FGXNR \n",
		"ANC9X\xE2\x80\x90P4XJN\xE2\x80\x91VAG5Y\xE2\x80\x92" "48SN1\xE2\x80\x93" "FGXNR", "ANC9X\xE2\x80\x94P4XJN\xE2\x80\x95VAG5Y\xE2\x88\x92" "48SN1\xC2\xA0" "FGXNR",
		"ANC9X-P4XJN-VAG5Y-48SNI-FGXNR", "ANC9X-P4XJN-VAG5Y-48SNl-FGXNR", "ANC9X-P4XJN-VAG5Y-48SNi-FGXNR", "ANC9X-P4XJN-VAG5Y-48SNL-FGXNR", "A-N-C-9-XP4XJNVAG5Y48SN1FGXN-R"
	};
	struct product_key k, first;
	struct muster_err err;

	ck_assert_int_eq(parse(&first, EXAMPLE, &err), MUSTER_OK);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		ck_assert_msg(parse(&k, same[i], &err) == MUSTER_OK, "\"%s\": %s", same[i], err.message);
		ck_assert_int_eq(k.kind, first.kind);
		ck_assert_uint_eq(k.number, first.number);
		ck_assert_mem_eq(k.secret, first.secret, sizeof(k.secret));
	}
	/* O is read as 0: a key of kind A with a zero in it */
	first.number = 0;
	memset(first.secret, 0, sizeof(first.secret));
	{
		char text[PRODUCT_KEY_TEXT];

		product_key_format(text, &first);
		for (char *p = text; *p != '\0'; p++)
			if (*p == '0')
				*p = 'o';
		ck_assert_int_eq(parse(&k, text, &err), MUSTER_OK);
		ck_assert_uint_eq(k.number, 0);
		ck_assert(bytes_zero(k.secret, sizeof(k.secret)));
	}
}
END_TEST

/* Every refusal says what and where, and never repeats what was typed. */
START_TEST(test_product_key_refusals)
{
	static const struct { const char *text, *says; } cases[] = {
		{ "", "too short: it has 0 symbols" },
		{ "A", "too short: it has 1 symbol instead of 25" },
		{ "ANC9X-P4XJN-VAG5Y-48SN1-FGXN", "too short: it has 24 symbols" },
		{ EXAMPLE "0", "too long: it has 26 symbols" },
		{ EXAMPLE " (office)", "too long: it has 33 symbols" },
		{ "ANC9X-P4XJN-VAG5Y-48SU1-FGXNR", "group 4, symbol 4: no key has a U; did you mean V?" },
		{ "ANC9X-P4uJN-VAG5Y-48SN1-FGXNR", "group 2, symbol 3: no key has a U; did you mean V?" },
		{ "ANC9X-P4XJN-VAG5Y-48SN1-FG*NR", "group 5, symbol 3: a character that no key has" },
		{ "ANC9X_P4XJN-VAG5Y-48SN1-FGXNR", "group 2, symbol 1: a character that no key has" },
		{ "ANC9X-P\xC3\xA4XJN-VAG5Y-48SN1-FGXNR", "group 2, symbol 2: a character that no key has" },
		{ "0NC9X-P4XJN-VAG5Y-48SN1-FGXNR", "group 1, symbol 1: no kind of key begins so" },
		{ "BNC9X-P4XJN-VAG5Y-48SN1-FGXNR", "group 1, symbol 1: no kind of key begins so" },
		{ "ANC9X-P4XJN-VAG5Y-48SN1-FGXNS", "a symbol is wrong or two are swapped" },
		{ "NAC9X-P4XJN-VAG5Y-48SN1-FGXNR", "no kind of key begins so" },
		{ "ANC9X-VAG5Y-P4XJN-48SN1-FGXNR", "a symbol is wrong or two are swapped" }
	};
	struct product_key k;
	struct muster_err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&k, 0xff, sizeof(k));
		ck_assert_int_eq(parse(&k, cases[i].text, &err), MUSTER_E_INVALID);
		ck_assert_uint_eq(err.code, (uint32_t)CODE_KEY_INVALID);
		ck_assert_msg(strstr(err.message, cases[i].says) != NULL, "\"%s\": %s", cases[i].text, err.message);
		ck_assert_ptr_null(strstr(err.message, "P4XJN"));
		ck_assert_ptr_null(strstr(err.message, "FG"));
		ck_assert(bytes_zero(k.secret, sizeof(k.secret)) && k.kind == 0);
	}
	/* a zero byte is a foreign character, not an end */
	ck_assert_int_eq(product_key_parse(&k, EXAMPLE "\0", sizeof(EXAMPLE), &err), MUSTER_E_INVALID);
}
END_TEST

/* The check catches every single wrong symbol and every swap of any two, near or far. */
START_TEST(test_product_key_check)
{
	char text[PRODUCT_KEY_TEXT], wrong[PRODUCT_KEY_TEXT];
	struct product_key k, got;
	struct muster_err err;
	unsigned caught = 0, tried = 0;

	for (unsigned round = 0; round < 12; round++) {
		ck_assert_int_eq(product_key_generate(&k, kinds[round % 6], (uint32_t)random_below(UINT64_C(1) << 30), &err), MUSTER_OK);
		product_key_format(text, &k);
		ck_assert_int_eq(parse(&got, text, &err), MUSTER_OK);
		ck_assert_mem_eq(got.secret, k.secret, sizeof(k.secret));
		for (size_t i = 0; i < sizeof(text) - 1; i++) {
			if (text[i] == '-')
				continue;
			for (const char *s = SYMBOLS; *s != '\0'; s++) {
				memcpy(wrong, text, sizeof(text));
				wrong[i] = *s;
				if (*s == text[i])
					continue;
				tried++;
				caught += parse(&got, wrong, &err) == MUSTER_E_INVALID;
			}
			for (size_t j = i + 1; j < sizeof(text) - 1; j++) {
				if (text[j] == '-' || text[j] == text[i])
					continue;
				memcpy(wrong, text, sizeof(text));
				wrong[i] = text[j];
				wrong[j] = text[i];
				tried++;
				caught += parse(&got, wrong, &err) == MUSTER_E_INVALID;
			}
		}
	}
	ck_assert_uint_eq(caught, tried);
	ck_assert_uint_gt(tried, 12 * 25 * 31);
}
END_TEST

START_TEST(test_product_key_kinds)
{
	static const char *const words[] = { "host", "mak", "esu-mak", "embedded", "setup", "access" };
	unsigned known = 0;

	for (size_t i = 0; i < 6; i++) {
		ck_assert_str_eq(product_key_kind_word(kinds[i]), words[i]);
		ck_assert_int_eq(product_key_kind_of(words[i]), kinds[i]);
		ck_assert_ptr_nonnull(product_key_kind_name(kinds[i]));
	}
	for (int c = 0; c < 256; c++)
		known += product_key_kind_name((char)c) != NULL && product_key_kind_word((char)c) != NULL;
	ck_assert_uint_eq(known, 6);
	ck_assert_int_eq(product_key_kind_of("hosts"), 0);
	/* letters of another vendor's keys: none of them begins one of ours */
	for (const char *s = "BCDFGHJKMPQRTVWXY2346789"; *s != '\0'; s++)
		ck_assert_ptr_null(product_key_kind_name(*s));
}
END_TEST

/* Layout of the proof, against a value computed apart. */
START_TEST(test_product_key_proof)
{
	uint8_t key[32], activation[16], client[16], hw[32], nonce[64], one[32], two[32];
	struct muster_err err;

	memset(key, 1, sizeof(key));
	memset(activation, 2, sizeof(activation));
	memset(client, 3, sizeof(client));
	memset(hw, 4, sizeof(hw));
	memset(nonce, 5, sizeof(nonce));
	ck_assert_int_eq(product_key_proof(one, key, activation, client, hw, span_of(nonce, 32), &err), MUSTER_OK);
	{
		char text[HEX_SIZE(32)];

		hex_encode(text, one, sizeof(one));
		ck_assert_str_eq(text, "229d0d5fa2b8c17b2feaf72223ee29449ecd402c7d8b1165c1cc113cf8728ca8");
	}
	ck_assert_int_eq(product_key_proof(two, key, activation, client, hw, span_of(nonce, 33), &err), MUSTER_OK);
	ck_assert_mem_ne(one, two, 32);
	ck_assert_int_eq(product_key_proof(two, key, activation, client, hw, span_of(nonce, 15), &err), MUSTER_E_INVALID);
	ck_assert_int_eq(product_key_proof(two, key, activation, client, hw, span_of(nonce, 65), &err), MUSTER_E_INVALID);
	ck_assert(bytes_zero(two, 32));
}
END_TEST

/* Random keys differ, keep their three top bits zero, and the secret changes what is derived. */
START_TEST(test_product_key_generate)
{
	uint8_t issuer[16] = { 9 }, a[32], b[32];
	struct product_key k, other;
	char text[PRODUCT_KEY_TEXT];

	for (unsigned i = 0; i < 200; i++) {
		ck_assert_int_eq(product_key_generate(&k, PRODUCT_KEY_MAK, PRODUCT_KEY_NUMBER_MAX, NULL), MUSTER_OK);
		ck_assert_uint_eq(k.secret[0] >> 5, 0);
		ck_assert_int_eq(product_key_generate(&other, PRODUCT_KEY_MAK, PRODUCT_KEY_NUMBER_MAX, NULL), MUSTER_OK);
		ck_assert_mem_ne(k.secret, other.secret, sizeof(k.secret));
	}
	ck_assert_int_eq(product_key_prk(a, issuer, &k, NULL), MUSTER_OK);
	ck_assert_int_eq(product_key_prk(b, issuer, &other, NULL), MUSTER_OK);
	ck_assert_mem_ne(a, b, 32);
	other = k;
	other.kind = PRODUCT_KEY_ESU;
	ck_assert_int_eq(product_key_prk(b, issuer, &other, NULL), MUSTER_OK);
	ck_assert_mem_ne(a, b, 32);
	issuer[0] = 8;
	ck_assert_int_eq(product_key_prk(b, issuer, &k, NULL), MUSTER_OK);
	ck_assert_mem_ne(a, b, 32);
	product_key_format(text, &k);
	ck_assert_int_eq(text[0], '1');
}
END_TEST

/* A key of another vendor: made by hand from the definition (hashlib, hmac). */
START_TEST(test_product_key_foreign)
{
	static const char key[] = "AAAAA-BBBBB-CCCCC-DDDDD-12345";
	static const char *const wrong[] = { "", "AAAAA-BBBBB-CCCCC-DDDDD-1234", "AAAAA-BBBBB-CCCCC-DDDDD-123456", "aAAAA-BBBBB-CCCCC-DDDDD-12345", "AAAAA BBBBB-CCCCC-DDDDD-12345",
	                                     "AAAAAABBBBB-CCCCC-DDDDD-12345", "AAAAA-BBBBB-CCCCC-DDDDD-1234-", "AAAA\xC3-BBBBB-CCCCC-DDDDD-12345" };
	uint8_t issuer[16], proof[32], other[32];
	uint32_t number, second;
	char text[HEX_SIZE(32)];
	struct muster_err err;

	vector_bytes(issuer, sizeof(issuer), "issuer_id");
	ck_assert_int_eq(product_key_foreign_number(&number, issuer, span_str(key), &err), MUSTER_OK);
	ck_assert_uint_eq(number, 870239301u);
	ck_assert_int_eq(product_key_foreign_proof_key(proof, issuer, span_str(key), &err), MUSTER_OK);
	hex_encode(text, proof, sizeof(proof));
	ck_assert_str_eq(text, "fc93786e5f80b7338d7b0b72b3776bc50d26ac908d1e3332fa0b4e38845ce307");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_int_eq(product_key_foreign_number(&second, issuer, span_str(wrong[i]), &err), MUSTER_E_INVALID);
		ck_assert_uint_eq(err.code, (uint32_t)CODE_KEY_INVALID);
		ck_assert_ptr_null(strstr(err.message, "BBBBB"));
		ck_assert_int_eq(product_key_foreign_proof_key(other, issuer, span_str(wrong[i]), &err), MUSTER_E_INVALID);
		ck_assert(bytes_zero(other, sizeof(other)));
	}
	issuer[15] ^= 1;
	ck_assert_int_eq(product_key_foreign_number(&second, issuer, span_str(key), &err), MUSTER_OK);
	ck_assert_uint_ne(second, number);
	ck_assert_int_eq(product_key_foreign_proof_key(other, issuer, span_str(key), &err), MUSTER_OK);
	ck_assert_mem_ne(proof, other, 32);
}
END_TEST

/* The key that follows from programme and number: made by hand from the definition, whatever way it is typed. */
START_TEST(test_product_key_agreement)
{
	static const char *const same[][2] = { { "Open Value", "V1234567" }, { "open value", "v123-4567" }, { "OPEN VALUE", " V 1234\xE2\x80\x93" "567" } };
	static const char *const others[][2] = { { "Open Value", "V1234568" }, { "Open  Value", "V1234567" }, { "Select", "V1234567" }, { "Open Value", "V123.4567" } };
	char text[HEX_SIZE(PRODUCT_KEY_SECRET)], line[PRODUCT_KEY_TEXT], longer[PRODUCT_KEY_AGREEMENT_MAX + 2], plain[8];
	struct product_key k, first, again;
	uint8_t issuer[16];
	struct muster_err err;

	vector_bytes(issuer, sizeof(issuer), "issuer_id");
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		ck_assert_int_eq(product_key_of_agreement(&k, issuer, 706200501, same[i][0], same[i][1], &err), MUSTER_OK);
		hex_encode(text, k.secret, sizeof(k.secret));
		ck_assert_str_eq(text, "0ce8490322bb97d131a0b0");
		ck_assert(k.kind == PRODUCT_KEY_ACCESS && k.number == 706200501);
	}
	first = k;
	product_key_format(line, &k);
	ck_assert_int_eq(parse(&again, line, &err), MUSTER_OK);
	ck_assert_mem_eq(again.secret, k.secret, sizeof(k.secret));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ck_assert_int_eq(product_key_of_agreement(&k, issuer, 706200501, others[i][0], others[i][1], &err), MUSTER_OK);
		ck_assert_mem_ne(k.secret, first.secret, sizeof(k.secret));
	}
	issuer[0] ^= 1;
	ck_assert_int_eq(product_key_of_agreement(&k, issuer, 706200501, "Open Value", "V1234567", &err), MUSTER_OK);
	ck_assert_mem_ne(k.secret, first.secret, sizeof(k.secret));
	memset(longer, '1', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	ck_assert_int_eq(product_key_of_agreement(&k, issuer, 1, "", "1", &err), MUSTER_E_INVALID);
	ck_assert_int_eq(product_key_of_agreement(&k, issuer, 1, "Select", "", &err), MUSTER_E_INVALID);
	ck_assert_int_eq(product_key_of_agreement(&k, issuer, 1, "Select", " - ", &err), MUSTER_E_INVALID);
	ck_assert_int_eq(product_key_of_agreement(&k, issuer, 1, longer, "1", &err), MUSTER_E_INVALID);
	ck_assert_int_eq(product_key_of_agreement(&k, issuer, 1, "Select", longer, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(product_key_of_agreement(&k, issuer, 1, longer + 1, longer + 1, &err), MUSTER_OK);
	for (unsigned n = 0; n < 300; n++) {   /* three highest bits */
		(void)snprintf(longer, sizeof(longer), "%u", n);
		ck_assert_int_eq(product_key_of_agreement(&k, issuer, 1, "Select", longer, &err), MUSTER_OK);
		ck_assert_uint_eq(k.secret[0] >> 5, 0);
	}
	ck_assert_uint_eq(product_key_plain_number(plain, sizeof(plain), "1-2 3a"), 4);
	ck_assert_str_eq(plain, "123A");
	ck_assert_uint_eq(product_key_plain_number(plain, sizeof(plain), "12345678"), 0);
}
END_TEST

UNIT_MAIN("product_key", test_hkdf_rfc5869, test_product_key_vectors, test_product_key_variants, test_product_key_refusals, test_product_key_check, test_product_key_kinds,
          test_product_key_proof, test_product_key_generate, test_product_key_foreign, test_product_key_agreement)
