/* Revocation lists on a host: from packs and administrators, what they end, and what is kept. */
#include "tests/unit/activation_fixture.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/mem.h"

static char *list(const struct host *h, const struct statement_fixture *by, X509 *revoked, enum crl_reason reason, uint64_t number)
{
	struct crl *c = statement_fixture_crl(by, revoked, reason, clock_wall_ms(&h->clock.clock) / 1000, number);
	char *text = mem_strdup(crl_pem(c));

	crl_unref(c);
	return text;
}

/* Takes the list for the fixture's issuer; frees it. */
static int install(struct host *h, char *pem)
{
	json_t *out;
	int r = activation_crl_install(h->activation, "0 root", span_str(pem), &out, &h->err);

	ck_assert((r == MUSTER_OK) == (out != NULL));
	json_decref(out);
	mem_free(pem);
	return r;
}

/* A pack of this issue with a list in it; frees the list. */
static int take(struct host *h, struct minted *key, uint32_t issue, char *pem)
{
	struct buf pack;
	int r;

	h->pack_crl = pem;
	make_pack(&pack, &h->issuer, h, issue, (uint8_t)issue, key, 1);
	h->pack_crl = NULL;
	r = take_pack(h, &pack, NULL);
	buf_fini(&pack);
	mem_free(pem);
	return r;
}

static json_int_t number(struct host *h)
{
	json_t *out;
	json_int_t n;

	ck_good(h, activation_crls(h->activation, &out, &h->err));
	n = json_integer_value(json_object_get(json_array_get(json_object_get(out, "items"), 0), "number"));
	json_decref(out);
	return n;
}

#define ck_event(h, part) ck_assert_msg(strstr((h)->said, (part)) != NULL, "no \"%s\" in: %s", (part), (h)->said)

/* A pack brings the list of its day: a newer one is kept, over a restart too, an older one is passed over in silence, a strange one is said. */
START_TEST(test_crl_of_packs)
{
	struct host h;
	struct minted key;

	host_init(&h);
	key = mint(PRODUCT_KEY_HOST, 706200501, h.office, NULL);
	ck_good(&h, take(&h, &key, 1, list(&h, &h.issuer, NULL, 0, 3)));
	ck_assert_int_eq(number(&h), 3);
	ck_event(&h, "issuer acme: list 3 is kept, 0 certificates revoked");
	h.said[0] = '\0';
	ck_good(&h, take(&h, &key, 2, list(&h, &h.issuer, NULL, 0, 2)));
	ck_assert_int_eq(number(&h), 3);
	ck_assert_str_eq(h.said, "");
	host_restart(&h);
	ck_assert_int_eq(number(&h), 3);
	ck_good(&h, take(&h, &key, 3, list(&h, &h.stranger, NULL, 0, 9)));
	ck_assert_int_eq(number(&h), 3);
	ck_event(&h, "the list that came with the licence pack is not taken: the revocation list was signed by none of the 2 issuers");
	host_fini(&h);
}
END_TEST

/* Administrators: the highest number, this issuer's, whole. */
START_TEST(test_crl_install)
{
	struct host h;

	host_init(&h);
	ck_assert_int_eq(number(&h), 0);
	ck_good(&h, install(&h, list(&h, &h.issuer, NULL, 0, 5)));
	ck_assert_int_eq(install(&h, list(&h, &h.issuer, NULL, 0, 4)), MUSTER_E_EXISTS);
	ck_said(&h, "the revocation list has the number 4; this host knows number 5 of the issuer acme already");
	ck_good(&h, install(&h, list(&h, &h.issuer, NULL, 0, 6)));
	ck_assert_int_eq(install(&h, list(&h, &h.stranger, NULL, 0, 7)), MUSTER_E_SIGNATURE);
	ck_said(&h, "the revocation list was signed by none of the 2 issuers of the configuration");
	ck_assert_int_eq(install(&h, mem_strdup("-----BEGIN X509 CRL-----\n")), MUSTER_E_INVALID);
	ck_said(&h, "the revocation list is not readable as PEM");
	ck_assert_int_eq(number(&h), 6);
	host_fini(&h);
}
END_TEST

/* The list names the very certificate that signed the pack it came in: the pack is refused, the list is kept. */
START_TEST(test_crl_of_its_own_signer)
{
	struct host h;
	struct minted key;

	host_init(&h);
	key = mint(PRODUCT_KEY_HOST, 706200501, h.office, NULL);
	ck_refused(&h, take(&h, &key, 1, list(&h, &h.issuer, h.issuer.cert, CRL_KEY_COMPROMISE, 1)), CODE_M_PACK,
	           "the certificate of the issuer that signed this licence pack was revoked");
	ck_assert_int_eq(number(&h), 1);
	ck_refused(&h, take(&h, &key, 1, NULL), CODE_M_PACK, "the certificate of the issuer that signed this licence pack was revoked");
	host_fini(&h);
}
END_TEST

/* A host that finds itself listed stops; its key says so; with the next answer it goes on. */
START_TEST(test_crl_of_this_host)
{
	char id[INSTALLATION_TEXT], cid[CONFIRMATION_TEXT];
	struct trust_view *view;
	struct host h;
	struct minted key;
	X509 *mine;

	host_init(&h);
	key = mint(PRODUCT_KEY_HOST, 706200501, h.office, NULL);
	ck_good(&h, take(&h, &key, 1, NULL));
	ck_good(&h, take_key(&h, &key, false, NULL));
	ck_good(&h, show_id(&h, NULL, false, id));
	confirm(cid, &h.issuer, &key, id, 0);
	ck_good(&h, deposit_id(&h, NULL, cid, NULL));
	ck_assert(signs(&h, h.office));
	view = ring_view(h.ring);
	mine = trust_chain_signer(ring_find(view, h.office, FIX_NOW)->chain);
	ck_good(&h, install(&h, list(&h, &h.issuer, mine, CRL_CESSATION, 1)));
	ck_assert(!signs(&h, h.office));
	ck_assert_str_eq(state_of(&h, key.key.number), "revoked");
	ck_event(&h, "certificate-revoked the issuer acme revoked this host's certificate");
	ck_event(&h, "(cessation): it signs nothing any more");
	ring_view_unref(view);
	host_restart(&h);
	ck_assert(!signs(&h, h.office));
	ck_good(&h, show_id(&h, NULL, false, id));
	confirm(cid, &h.issuer, &key, id, 1);
	ck_good(&h, deposit_id(&h, NULL, cid, NULL));
	ck_assert(signs(&h, h.office));
	ck_assert_str_eq(state_of(&h, key.key.number), "activated");
	host_fini(&h);
}
END_TEST

/* The issuer's signer was stolen: what it signed counts no more, at once and after a restart; retired, it does. */
START_TEST(test_crl_of_the_signer)
{
	struct host h;
	struct minted key;

	host_init(&h);
	key = mint(PRODUCT_KEY_HOST, 706200501, h.office, NULL);
	ck_good(&h, take(&h, &key, 1, NULL));
	clock_manual_advance(&h.clock, 1000);
	ck_good(&h, install(&h, list(&h, &h.issuer, h.issuer.cert, CRL_SUPERSEDED, 1)));
	host_restart(&h);
	ck_good(&h, take_key(&h, &key, false, NULL));
	ck_assert_str_eq(state_of(&h, key.key.number), "not-activated");
	ck_good(&h, install(&h, list(&h, &h.issuer, h.issuer.cert, CRL_KEY_COMPROMISE, 2)));
	ck_event(&h, "pack-left-out");
	ck_assert_str_eq(state_of(&h, key.key.number), "pack-missing");
	host_restart(&h);
	ck_assert_str_eq(state_of(&h, key.key.number), "pack-missing");
	host_fini(&h);
}
END_TEST

static int announce(struct host *h, const struct statement_fixture *by, X509 *one, X509 *two, json_int_t *added)
{
	struct buf pem, token;
	json_t *payload, *out;
	uint8_t id[16] = { 1 };
	int r;

	fixture_pem(&pem, one, two);
	ck_good(h, roots_payload(&payload, id, span_of(pem.p, pem.n), &h->err));
	statement_fixture_sign(&token, by, TRUST_TYP_ROOTS, payload);
	buf_addc(&token, '\n');
	r = activation_roots_install(h->activation, "0 root", span_of(token.p, token.n), &out, &h->err);
	*added = json_integer_value(json_object_get(out, "added"));
	json_decref(out);
	buf_fini(&pem);
	buf_fini(&token);
	return r;
}

/* A root announced under the pinned one: packs under it are taken, over a restart too. A stranger's announcement is not. */
START_TEST(test_roots_announced)
{
	struct host h;
	struct minted key;
	struct buf pack;
	json_int_t added;

	host_init(&h);
	key = mint(PRODUCT_KEY_HOST, 706200501, h.office, NULL);
	make_pack(&pack, &h.stranger, &h, 1, 1, &key, 1);   /* the same issuer_id, a root nobody pins */
	ck_refused(&h, take_pack(&h, &pack, NULL), CODE_M_PACK, "signed by none");
	ck_assert_int_eq(announce(&h, &h.stranger, h.issuer.f.root, h.stranger.f.root, &added), MUSTER_E_SIGNATURE);
	ck_said(&h, "the announcement of roots was signed by none of the 2 issuers of the configuration");
	ck_good(&h, announce(&h, &h.issuer, h.issuer.f.root, h.stranger.f.root, &added));
	ck_assert_int_eq(added, 1);
	ck_event(&h, "roots issuer acme: 1 new roots, announced under the present one, count from now on");
	ck_good(&h, announce(&h, &h.issuer, h.issuer.f.root, h.stranger.f.root, &added));
	ck_assert_int_eq(added, 0);
	ck_good(&h, take_pack(&h, &pack, NULL));
	host_restart(&h);
	ck_good(&h, take_key(&h, &key, false, NULL));
	ck_assert_str_eq(state_of(&h, key.key.number), "not-activated");
	buf_fini(&pack);
	host_fini(&h);
}
END_TEST

/* Past its time it goes on counting, and is said once a day. */
START_TEST(test_crl_stale)
{
	struct host h;

	host_init(&h);
	ck_good(&h, install(&h, list(&h, &h.issuer, NULL, 0, 1)));
	ck_assert_int_eq(crl_job(h.activation), 86400000);
	ck_assert_ptr_null(strstr(h.said, "stale"));
	clock_manual_advance(&h.clock, 31 * FIX_DAY * 1000);
	(void)crl_job(h.activation);
	ck_event(&h, "revocation-list-stale issuer acme: list 1 was to be replaced by 2026-12-22T10:00:00Z; it goes on counting");
	host_restart(&h);
	ck_assert_int_eq(number(&h), 1);
	host_fini(&h);
}
END_TEST

UNIT_MAIN("activation_crl", test_crl_of_packs, test_crl_install, test_crl_of_its_own_signer, test_crl_of_this_host, test_crl_of_the_signer, test_crl_stale, test_roots_announced)
