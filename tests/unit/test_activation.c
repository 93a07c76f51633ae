/* From a pack and a key to a host that signs leases, by digits and by file; and everything that is refused on the way. */
#include "tests/unit/activation_fixture.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/mem.h"

/* Pack, key, digits out, digits in: the host signs, also after a restart; the journal has every act; nothing of it depends on a network. */
START_TEST(test_by_telephone)
{
	char id[INSTALLATION_TEXT], again[INSTALLATION_TEXT], cid[CONFIRMATION_TEXT];
	struct activation_labels labels;
	struct host h;
	struct minted key;
	struct buf pack;
	json_t *out;

	host_init(&h);
	key = mint(PRODUCT_KEY_HOST, 706200501, h.office, NULL);
	make_pack(&pack, &h.issuer, &h, 1, 1, &key, 1);
	ck_good(&h, take_pack(&h, &pack, &out));
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(out, "missing"), 0)), "host key for office2013");
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(out, "pack"), "organisation")), "Example Works");
	json_decref(out);
	ck_good(&h, take_pack(&h, &pack, &out));   /* the same again is fine */
	json_decref(out);
	ck_good(&h, take_key(&h, &key, false, &out));
	ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(out, "message")), "successfully"));
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(out, "key"), "state")), "not-activated");
	json_decref(out);
	ck_assert(!signs(&h, h.office));
	ck_good(&h, show_id(&h, NULL, false, id));
	ck_assert_str_eq(state_of(&h, key.key.number), "pending");
	ck_good(&h, show_id(&h, h.office, false, again));
	ck_assert_str_eq(id, again);
	host_restart(&h);
	ck_good(&h, show_id(&h, h.office, false, again));
	ck_assert_str_eq(id, again);
	confirm(cid, &h.issuer, &key, id, 3);
	ck_good(&h, deposit_id(&h, h.office, cid, &out));
	ck_assert_str_eq(json_string_value(json_object_get(out, "message")), "Confirmation ID for product office2013 deposited successfully.");
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(out, "products"), 0)), "office2013");
	json_decref(out);
	ck_assert(signs(&h, h.office));
	host_restart(&h);
	ck_assert(signs(&h, h.office));
	ck_assert_str_eq(state_of(&h, key.key.number), "activated");
	ck_assert(!activation_moved(h.activation, h.office));
	activation_labels(h.activation, catalog_product_named(h.catalog, "office2013"), &labels);
	ck_assert_uint_eq(strlen(labels.installation_id), 54);
	ck_assert_str_eq(labels.extended_pid, "MUSTA-0706200501-01-000-01-3262026");
	ck_assert_str_eq(labels.use_license_url, "https://issuer.example.org");
	/* the next one is another */
	ck_good(&h, show_id(&h, h.office, false, again));
	ck_assert_str_ne(id, again);
	buf_fini(&pack);
	host_fini(&h);
}
END_TEST

/* What a Confirmation ID can be wrong about, each with its sentence and in the order of trust.md section 6. */
START_TEST(test_confirmation_refusals)
{
	char id[INSTALLATION_TEXT], other_id[INSTALLATION_TEXT], cid[CONFIRMATION_TEXT], bad[CONFIRMATION_TEXT];
	struct minted keys[2];
	struct host h;
	struct buf pack;

	host_init(&h);
	ck_refused(&h, deposit_id(&h, NULL, "067447 575385 379640 042293 105403 554957 948930 580855", NULL), CODE_M_CONFIRMATION_OTHER, "no Installation ID waits");
	keys[0] = mint(PRODUCT_KEY_HOST, 1, h.office, NULL);
	keys[1] = mint(PRODUCT_KEY_HOST, 2, h.server, h.windows);
	make_pack(&pack, &h.issuer, &h, 1, 1, keys, 2);
	ck_good(&h, take_pack(&h, &pack, NULL));
	ck_refused(&h, show_id(&h, h.office, false, id), CODE_NO_KEY, "its host key is not: install it with musterctl ipk");
	ck_refused(&h, show_id(&h, h.tool, false, id), CODE_NO_LICENSE, "neither a licence pack nor a host key for tool");
	ck_good(&h, take_key(&h, &keys[0], false, NULL));
	ck_good(&h, take_key(&h, &keys[1], false, NULL));
	ck_refused(&h, show_id(&h, NULL, false, id), CODE_M_WHICH_KEY, "office2013, number 1");
	ck_good(&h, show_id(&h, h.office, false, id));
	ck_good(&h, show_id(&h, h.server, false, other_id));
	confirm(cid, &h.issuer, &keys[0], id, 0);
	strcpy(bad, cid);
	bad[3 * 7 + 2] = bad[3 * 7 + 2] == '7' ? '8' : '7';
	ck_refused(&h, deposit_id(&h, h.office, bad, NULL), CODE_OFFLINE_DATA, "group 4");
	strcpy(bad, cid);
	memcpy(bad + 2 * 7, cid + 4 * 7, 6);
	memcpy(bad + 4 * 7, cid + 2 * 7, 6);
	ck_refused(&h, deposit_id(&h, h.office, bad, NULL), CODE_OFFLINE_DATA, "swapped");
	ck_refused(&h, deposit_id(&h, h.office, "123456", NULL), CODE_OFFLINE_DATA, "");
	ck_refused(&h, deposit_id(&h, h.office, id, NULL), CODE_OFFLINE_DATA, "");
	/* well formed, but of another product of this host; of nobody here */
	ck_refused(&h, deposit_id(&h, h.server, cid, NULL), CODE_M_CONFIRMATION_PRODUCT, "belongs to office2013");
	ck_refused(&h, deposit_id(&h, h.office, "067447 575385 379640 042293 105403 554957 948930 580855", NULL), CODE_M_CONFIRMATION_OTHER, "was not made for the Installation ID shown on 2026-11-22");
	ck_assert(!signs(&h, h.office));
	/* without a product: whichever it answers; and then it was used */
	clock_manual_advance(&h.clock, 3 * FIX_DAY * 1000);
	ck_good(&h, deposit_id(&h, NULL, cid, NULL));
	ck_assert(signs(&h, h.office) && !signs(&h, h.server));
	ck_refused(&h, deposit_id(&h, h.office, cid, NULL), CODE_M_CONFIRMATION_USED, "already used on 2026-11-25");
	host_restart(&h);
	ck_refused(&h, deposit_id(&h, NULL, cid, NULL), CODE_M_CONFIRMATION_USED, "already used");
	/* an ID that was replaced is not what is waited for */
	ck_good(&h, show_id(&h, h.server, true, id));
	ck_assert_str_ne(id, other_id);
	confirm(cid, &h.issuer, &keys[1], other_id, 1);
	ck_refused(&h, deposit_id(&h, h.server, cid, NULL), CODE_M_CONFIRMATION_OTHER, "replaced by a new one on 2026-11-25");
	confirm(cid, &h.issuer, &keys[1], id, 1);
	ck_good(&h, deposit_id(&h, h.windows, cid, NULL));
	ck_assert(signs(&h, h.server) && signs(&h, h.windows));
	buf_fini(&pack);
	host_fini(&h);
}
END_TEST

/* Packs: whose, for which products, in which order. */
START_TEST(test_pack_refusals)
{
	struct minted office, tool, server;
	struct buf first, second, wrong;
	struct host h;
	json_t *out;

	host_init(&h);
	office = mint(PRODUCT_KEY_HOST, 1, h.office, NULL);
	tool = mint(PRODUCT_KEY_HOST, 2, h.tool, NULL);
	server = mint(PRODUCT_KEY_HOST, 3, h.server, NULL);
	make_pack(&first, &h.issuer, &h, 4, 2, &office, 1);
	make_pack(&wrong, &h.stranger, &h, 4, 2, &office, 1);
	ck_refused(&h, take_pack(&h, &wrong, NULL), CODE_M_PACK, "none of the 2 issuers");
	buf_fini(&wrong);
	make_pack(&wrong, &h.issuer, &h, 4, 2, &tool, 1);
	ck_refused(&h, take_pack(&h, &wrong, NULL), CODE_M_PACK_FOREIGN, "licenses tool, which belongs to the issuer other");
	buf_fini(&wrong);
	buf_init(&wrong, 100);
	buf_adds(&wrong, "no pack at all");
	ck_refused(&h, take_pack(&h, &wrong, NULL), CODE_M_PACK, "");
	buf_fini(&wrong);
	first.p[first.n / 2] ^= 1;
	ck_refused(&h, take_pack(&h, &first, NULL), CODE_M_PACK, "");
	first.p[first.n / 2] ^= 1;
	ck_good(&h, take_pack(&h, &first, NULL));
	/* other issues of the same agreement */
	make_pack(&wrong, &h.issuer, &h, 3, 2, &office, 1);
	ck_refused(&h, take_pack(&h, &wrong, NULL), CODE_M_PACK_OLDER, "this is issue 3 of the agreement V1234567's licence pack; issue 4 is installed");
	buf_fini(&wrong);
	make_pack(&wrong, &h.issuer, &h, 4, 2, &office, 1);
	ck_refused(&h, take_pack(&h, &wrong, NULL), CODE_M_PACK_OLDER, "another licence pack with issue 4");
	buf_fini(&wrong);
	make_pack(&wrong, &h.issuer, &h, 5, 1, &office, 1);
	ck_refused(&h, take_pack(&h, &wrong, NULL), CODE_M_PACK_OLDER, "generation 1 of key number 1; generation 2 is installed");
	buf_fini(&wrong);
	/* a later one takes the place; a host key that covers more than the pack names is told */
	make_pack(&second, &h.issuer, &h, 5, 3, &server, 1);
	ck_good(&h, take_pack(&h, &second, &out));
	ck_assert_ptr_nonnull(strstr(json_string_value(json_array_get(json_object_get(out, "warnings"), 0)), "host key of windows-server would cover windows too"));
	json_decref(out);
	host_restart(&h);
	ck_good(&h, activation_packs(h.activation, &out, &h.err));
	ck_assert_uint_eq(json_array_size(json_object_get(out, "items")), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(json_object_get(out, "items"), 0), "issue")), 5);
	json_decref(out);
	buf_fini(&first);
	buf_fini(&second);
	host_fini(&h);
}
END_TEST

/* Keys: typed wrongly, without a pack, of somebody else, in the place of another. */
START_TEST(test_key_refusals)
{
	struct minted office, second, forged, setup, unknown;
	struct minted keys[2];
	char text[PRODUCT_KEY_TEXT];
	struct host h;
	struct buf pack;
	json_t *out = NULL;

	host_init(&h);
	office = mint(PRODUCT_KEY_HOST, 11, h.office, NULL);
	second = mint(PRODUCT_KEY_HOST, 12, h.office, NULL);
	forged = mint(PRODUCT_KEY_HOST, 11, h.office, NULL);
	unknown = mint(PRODUCT_KEY_HOST, 13, h.office, NULL);
	setup = mint(PRODUCT_KEY_SETUP, 14, h.office, NULL);
	ck_refused(&h, take_key(&h, &office, false, NULL), CODE_NO_LICENSE, "the licence pack of this host key is missing");
	keys[0] = office;
	keys[1] = second;
	make_pack(&pack, &h.issuer, &h, 1, 1, keys, 2);
	ck_good(&h, take_pack(&h, &pack, NULL));
	product_key_format(text, &office.key);
	text[8] = text[8] == 'X' ? 'Y' : 'X';
	ck_refused(&h, activation_key_install(h.activation, "0 root", text, strlen(text), false, &out, &h.err), CODE_KEY_INVALID, "");
	ck_refused(&h, take_key(&h, &unknown, false, NULL), CODE_M_KEY_FOREIGN, "no installed licence pack knows the host key");
	ck_said(&h, "Installed: Example Works, agreement V1234567: host key of office2013");
	product_key_format(text, &unknown.key);
	text[5] = '\0';
	ck_assert_ptr_null(strstr(h.err.message, text));   /* never more of a key than its last five symbols */
	ck_refused(&h, take_key(&h, &forged, false, NULL), CODE_M_KEY_FOREIGN, "is another key");
	ck_refused(&h, take_key(&h, &setup, false, NULL), CODE_M_KEY_FOREIGN, "marks a client");
	ck_good(&h, take_key(&h, &office, false, NULL));
	ck_good(&h, take_key(&h, &office, false, NULL));   /* again: nothing changes */
	ck_refused(&h, take_key(&h, &second, false, NULL), CODE_M_KEY_EXISTS, "another host key of office2013 is installed");
	ck_good(&h, take_key(&h, &second, true, NULL));
	ck_assert_str_eq(state_of(&h, 11), "");
	ck_assert_str_eq(state_of(&h, 12), "not-activated");
	host_restart(&h);
	ck_assert_str_eq(state_of(&h, 11), "");
	ck_assert_str_eq(state_of(&h, 12), "not-activated");
	buf_fini(&pack);
	host_fini(&h);
}
END_TEST

/* A removed key's certificate signs no more, across restarts too; what it signed is still verified. All keys are never removed at once. */
START_TEST(test_key_remove)
{
	char id[INSTALLATION_TEXT], second[INSTALLATION_TEXT], cid[CONFIRMATION_TEXT];
	struct trust_view *v;
	struct host h;
	struct minted key;
	json_t *out = NULL;
	size_t n;

	host_init(&h);
	key = entitled(&h);
	ck_good(&h, show_id(&h, NULL, false, id));
	confirm(cid, &h.issuer, &key, id, 0);
	ck_good(&h, deposit_id(&h, NULL, cid, NULL));
	ck_refused(&h, activation_key_remove(h.activation, "0 root", NULL, NULL, &out, &h.err), CODE_M_ARGUMENT, "all are never removed");
	ck_refused(&h, activation_key_remove(h.activation, "0 root", h.server, NULL, &out, &h.err), CODE_NO_KEY, "not found");
	ck_refused(&h, activation_key_remove(h.activation, "0 root", NULL, "5", &out, &h.err), CODE_NO_KEY, "no key with the number 5");
	ck_good(&h, activation_key_remove(h.activation, "0 root", h.office, NULL, &out, &h.err));
	json_decref(out);
	ck_assert(!signs(&h, h.office));
	host_restart(&h);
	ck_assert(!signs(&h, h.office));
	v = ring_view(h.ring);
	(void)ring_chains(v, &n);
	ck_assert_uint_eq(n, 1);
	ring_view_unref(v);
	/* installed again it needs another answer, for another Installation ID */
	ck_good(&h, take_key(&h, &key, false, NULL));
	ck_assert_str_eq(state_of(&h, key.key.number), "not-activated");
	ck_good(&h, show_id(&h, NULL, false, second));
	ck_assert_str_ne(id, second);
	confirm(cid, &h.issuer, &key, second, 1);
	ck_good(&h, deposit_id(&h, NULL, cid, NULL));
	ck_assert(signs(&h, h.office));
	host_fini(&h);
}
END_TEST

/* A key that covers more goes; what the other key gave this host stays. */
START_TEST(test_key_remove_one_of_two)
{
	char id[INSTALLATION_TEXT], cid[CONFIRMATION_TEXT];
	struct minted keys[2];
	struct host h;
	struct buf pack;
	json_t *out = NULL;

	host_init(&h);
	keys[0] = mint(PRODUCT_KEY_HOST, 1, h.windows, NULL);
	keys[1] = mint(PRODUCT_KEY_HOST, 2, h.server, h.windows);
	make_pack(&pack, &h.issuer, &h, 1, 1, keys, 2);
	ck_good(&h, take_pack(&h, &pack, NULL));
	for (size_t i = 0; i < 2; i++) {
		ck_good(&h, take_key(&h, &keys[i], false, NULL));
		ck_good(&h, show_id(&h, keys[i].products[0], false, id));
		confirm(cid, &h.issuer, &keys[i], id, 0);
		ck_good(&h, deposit_id(&h, NULL, cid, NULL));
	}
	ck_refused(&h, activation_key_remove(h.activation, "0 root", h.windows, NULL, &out, &h.err), CODE_M_WHICH_KEY, "number 2");
	ck_good(&h, activation_key_remove(h.activation, "0 root", h.server, NULL, &out, &h.err));
	json_decref(out);
	ck_assert(signs(&h, h.windows) && !signs(&h, h.server));
	host_restart(&h);
	ck_assert(signs(&h, h.windows) && !signs(&h, h.server));
	ck_assert_str_eq(state_of(&h, 1), "activated");
	buf_fini(&pack);
	host_fini(&h);
}
END_TEST

/* Other hardware at a start: nothing is granted until the host is activated anew; the old hardware back: as before. */
START_TEST(test_moved)
{
	char id[INSTALLATION_TEXT], moved[INSTALLATION_TEXT], cid[CONFIRMATION_TEXT];
	struct host h;
	struct minted key;

	host_init(&h);
	key = entitled(&h);
	ck_good(&h, show_id(&h, NULL, false, id));
	confirm(cid, &h.issuer, &key, id, 0);
	ck_good(&h, deposit_id(&h, NULL, cid, NULL));
	strcpy(h.hardware, "fedcba9876543210fedcba9876543210");
	host_restart(&h);
	ck_assert(activation_moved(h.activation, h.office));
	ck_assert(!activation_moved(h.activation, h.server));
	ck_assert_ptr_nonnull(strstr(h.said, "0xC004F00F"));
	h.hardware[0] = '\0';
	host_restart(&h);
	ck_assert(activation_moved(h.activation, h.office));
	strcpy(h.hardware, "0123456789abcdef0123456789abcdef");
	host_restart(&h);
	ck_assert(!activation_moved(h.activation, h.office));
	strcpy(h.hardware, "fedcba9876543210fedcba9876543210");
	host_restart(&h);
	ck_good(&h, show_id(&h, NULL, false, moved));
	ck_assert_str_ne(id, moved);
	confirm(cid, &h.issuer, &key, moved, 1);
	ck_good(&h, deposit_id(&h, NULL, cid, NULL));
	ck_assert(!activation_moved(h.activation, h.office));
	host_restart(&h);
	ck_assert(!activation_moved(h.activation, h.office) && signs(&h, h.office));
	host_fini(&h);
}
END_TEST

/* A new pack while an answer is awaited for an Installation ID of the old one: the answer still counts, the next ID is of the new generation. */
START_TEST(test_new_pack_while_waiting)
{
	char id[INSTALLATION_TEXT], cid[CONFIRMATION_TEXT], next[INSTALLATION_TEXT];
	struct host h;
	struct minted key, old;
	struct installation_id parsed;
	struct buf pack;

	host_init(&h);
	key = entitled(&h);
	old = key;
	ck_good(&h, show_id(&h, NULL, false, id));
	make_pack(&pack, &h.issuer, &h, 2, 2, &key, 1);
	ck_good(&h, take_pack(&h, &pack, NULL));
	host_restart(&h);
	confirm(cid, &h.issuer, &old, id, 5);
	ck_good(&h, deposit_id(&h, NULL, cid, NULL));
	ck_assert(signs(&h, h.office));
	ck_good(&h, show_id(&h, NULL, false, next));
	ck_good(&h, installation_id_parse(&parsed, next, strlen(next), NULL, &h.err));
	ck_assert_uint_eq(parsed.generation, 2);
	ck_assert_uint_eq(parsed.attempt, 0);
	confirm(cid, &h.issuer, &key, next, 0);
	ck_good(&h, deposit_id(&h, NULL, cid, NULL));
	buf_fini(&pack);
	host_fini(&h);
}
END_TEST

/* The answer as a file certifies the host's own key and marks the product key; what the pack does not license is refused. */
START_TEST(test_by_file)
{
	const uint8_t (*ids)[16];
	char id[INSTALLATION_TEXT], kid[TRUST_KID], *text;
	struct host h;
	struct minted key;
	struct buf request, pem;
	EVP_PKEY *public_key;
	int64_t end;
	bool activated;
	json_t *out = NULL;
	X509 *x;

	host_init(&h);
	key = entitled(&h);
	ck_good(&h, activation_installation_id(h.activation, "0 root", NULL, false, &out, &h.err));
	text = mem_strdup(json_string_value(json_object_get(out, "request")));
	ck_assert_int_eq(strncmp(text, "MUSTER1:", 8), 0);
	ck_assert_uint_eq(strcspn(text + 8, ":"), 54);
	mem_free(text);
	json_decref(out);
	(void)id;
	buf_init(&request, TRUST_CHAIN_MAX);
	ck_good(&h, ring_request(h.ring, "host", &request, &h.err));
	ck_good(&h, trust_request_read(&public_key, span_of(request.p, request.n), &h.err));
	ids = (const void *)h.server;   /* an array of one */
	ck_good(&h, trust_make_host(&x, public_key, "host", ids, 1, h.issuer.f.mid, h.issuer.f.mid_key, FIX_NOW, TRUST_HOST_LIFE_S, &h.err));
	fixture_pem(&pem, x, h.issuer.f.mid);
	ck_refused(&h, activation_chain_install(h.activation, "0 root", span_of(pem.p, pem.n), kid, &end, &activated, &h.err), CODE_M_PACK_FOREIGN, "names windows-server, which no installed licence pack");
	buf_fini(&pem);
	X509_free(x);
	ids = (const void *)h.office;
	ck_good(&h, trust_make_host(&x, public_key, "host", ids, 1, h.issuer.f.mid, h.issuer.f.mid_key, FIX_NOW, TRUST_HOST_LIFE_S, &h.err));
	fixture_pem(&pem, x, h.issuer.f.mid);
	ck_good(&h, activation_chain_install(h.activation, "0 root", span_of(pem.p, pem.n), kid, &end, &activated, &h.err));
	ck_assert(activated && signs(&h, h.office));
	ck_assert_str_eq(state_of(&h, key.key.number), "activated");
	ck_good(&h, activation_chain_install(h.activation, "0 root", span_of(pem.p, pem.n), kid, &end, &activated, &h.err));
	ck_assert(!activated);
	/* removed and installed again: the same certificate, put in once more, activates it */
	ck_good(&h, activation_key_remove(h.activation, "0 root", NULL, "706200501", &out, &h.err));
	json_decref(out);
	host_restart(&h);
	ck_assert(!signs(&h, h.office));
	ck_good(&h, take_key(&h, &key, false, NULL));
	ck_good(&h, activation_chain_install(h.activation, "0 root", span_of(pem.p, pem.n), kid, &end, &activated, &h.err));
	ck_assert(activated && signs(&h, h.office));
	host_restart(&h);
	ck_assert(signs(&h, h.office));
	buf_fini(&pem);
	buf_fini(&request);
	X509_free(x);
	EVP_PKEY_free(public_key);
	host_fini(&h);
}
END_TEST

static int whole_seen(void *ctx, const struct store_journal *j)
{
	int *n = ctx;

	*n += j->kind == ACTIVATION_J_KEY_SHOWN;
	return 0;
}

/* The whole key comes back as it was typed, and only after the journal says who saw it; on disk it is in no file. */
START_TEST(test_key_whole)
{
	char text[PRODUCT_KEY_TEXT], command[200];
	struct host h;
	struct minted key;
	json_t *out = NULL;
	int n = 0;

	host_init(&h);
	key = entitled(&h);
	host_restart(&h);
	product_key_format(text, &key.key);
	ck_good(&h, activation_key_whole(h.activation, "7 ann", key.key.number, &out, &h.err));
	ck_assert_str_eq(json_string_value(json_object_get(out, "key")), text);
	json_decref(out);
	ck_good(&h, ledger_journal(h.ledger, 0, 100, whole_seen, &n, &h.err));
	ck_assert_int_eq(n, 1);
	ck_refused(&h, activation_key_whole(h.activation, "7 ann", 1, &out, &h.err), CODE_NO_KEY, "number 1");
	(void)snprintf(command, sizeof command, "grep -rqF -e %.17s %s", text, h.dir);
	ck_assert_int_ne(system(command), 0);
	host_fini(&h);
}
END_TEST

UNIT_MAIN("activation", test_by_telephone, test_confirmation_refusals, test_pack_refusals, test_key_refusals, test_key_remove, test_key_remove_one_of_two, test_moved, test_new_pack_while_waiting, test_by_file,
          test_key_whole)
