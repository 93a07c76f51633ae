/* Products with a key: the key is turned into what proves it at once, and let go when a confirmation of the issuer is held (trust.md sections 5 and 10). */
#include "core/client/client_private.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/trust/digits.h"

/* ---- the key ---- */

/* Which keys a machine takes; the others belong elsewhere, and their owner is told where. */
static int check_kind(char kind, bool issuer, struct muster_err *err)
{
	switch (kind) {
	case PRODUCT_KEY_MAK:
	case PRODUCT_KEY_ESU:
		return MUSTER_OK;
	case PRODUCT_KEY_EMBEDDED:
	case PRODUCT_KEY_SETUP:
		if (!issuer)
			return MUSTER_OK;
		return err_code(err, MUSTER_E_INVALID, (uint32_t)CODE_KEY_INVALID, "a key of this kind (%s) is not counted at the issuer: activate at a host", product_key_kind_name(kind));
	case PRODUCT_KEY_HOST:
		return err_code(err, MUSTER_E_INVALID, (uint32_t)CODE_KEY_INVALID, "this is a host key: install it on the host, with `musterctl ipk`; machines are activated there without a key");
	default:
		return err_code(err, MUSTER_E_INVALID, (uint32_t)CODE_KEY_INVALID, "a key of this kind (%s) is installed on the host, with `musterctl ipk`",
			product_key_kind_name(kind) != NULL ? product_key_kind_name(kind) : "unknown");
	}
}

/* One https address, as hosts.h writes them. */
static int check_url(char out[HOSTS_URL], const char *url, struct muster_err *err)
{
	struct hosts list;
	int r;

	if (strncasecmp(url, "https://", 8) != 0)
		return err_set(err, MUSTER_E_INVALID, "the issuer's address \"%.200s\" does not begin with https://: its answers are believed by its certificate", url);
	if ((r = hosts_parse(&list, url, HOSTS_PORT, err)) != MUSTER_OK)
		return r;
	if (list.n != 1)
		return err_set(err, MUSTER_E_INVALID, "the issuer's address is one https://HOST[:PORT]");
	(void)snprintf(out, HOSTS_URL, "%s", list.url[0]);
	return MUSTER_OK;
}

/* Everything that is derived under the pinned issuer and this machine. */
static int derive(const struct muster_client *c, const struct product_key *key, struct state_key *out, struct muster_err *err)
{
	const uint8_t *issuer = trust_anchors_issuer_id(c->anchors);
	struct installation_id iid;
	uint8_t prk[PRODUCT_KEY_PRK];
	int r;

	out->kind[0] = key->kind;
	out->number = key->number;
	product_key_partial(out->partial, key);
	memcpy(out->issuer_id, issuer, 16);
	if (binding_of_machine(out->binding, issuer, c->hardware_id) != MUSTER_OK)
		return err_set(err, MUSTER_E_INTERNAL, "the machine's binding could not be computed");
	/* A machine knows no pack, and one that asks again is the same machine: generation and attempt are 0. */
	if ((r = product_key_prk(prk, issuer, key, err)) == MUSTER_OK && (r = product_key_proof_key(out->proof_key, prk, err)) == MUSTER_OK &&
	    (r = installation_id_make(&iid, prk, key->number, 0, 0, out->binding, err)) == MUSTER_OK)
		installation_id_format(out->installation_id, &iid, ' ');
	OPENSSL_cleanse(prk, sizeof prk);
	return r;
}

/* ---- keys of other vendors ---- */

/* The one way of writing such a key: upper case, hyphens, nothing around it. */
static bool tidy(char out[PRODUCT_KEY_FOREIGN + 1], const char *text, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '-')
			continue;
		/* Dashes as word processors make them: E2 80 90 to 95, E2 88 92. */
		if (n - i >= 3 && memcmp(text + i, "\xE2\x80", 2) == 0 && (uint8_t)text[i + 2] >= 0x90 && (uint8_t)text[i + 2] <= 0x95) {
			i += 2;
			continue;
		}
		if (n - i >= 3 && memcmp(text + i, "\xE2\x88\x92", 3) == 0) {
			i += 2;
			continue;
		}
		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) || at == PRODUCT_KEY_FOREIGN)
			return false;
		if (at % 6 == 5)
			out[at++] = '-';
		out[at++] = c;
	}
	out[at] = '\0';
	return at == PRODUCT_KEY_FOREIGN;
}

/* Not one of ours: another vendor's, as an embedded product has it on its medium? Other vendors' keys have none of the symbols that are our kinds (trust.md
 * section 4), nor those that are misread for others; ours nearly always have some. With a product that is known to be embedded the host tells. */
static bool may_be_foreign(const struct muster_client *c, const char *id, const char key[PRODUCT_KEY_FOREIGN + 1])
{
	struct state_record rec;
	bool known = strcmp(c->learned.id, id) == 0 && c->learned.model[0] != '\0';
	const char *model = c->learned.model;

	if (!known && state_record_load(&c->state, id, &rec, NULL) == MUSTER_OK && rec.model[0] != '\0') {
		known = true;
		model = rec.model;
	}
	return known ? strcmp(model, "embedded") == 0 : strpbrk(key, "A1ZES5" "0OILU") == NULL;
}

static int derive_foreign(const struct muster_client *c, const char key[PRODUCT_KEY_FOREIGN + 1], struct state_key *out, struct muster_err *err)
{
	const uint8_t *issuer = trust_anchors_issuer_id(c->anchors);
	int r;

	out->kind[0] = PRODUCT_KEY_EMBEDDED;
	memcpy(out->partial, key + PRODUCT_KEY_FOREIGN - 5, 5);
	memcpy(out->issuer_id, issuer, 16);
	if ((r = product_key_foreign_number(&out->number, issuer, span_of(key, PRODUCT_KEY_FOREIGN), err)) == MUSTER_OK)
		r = product_key_foreign_proof_key(out->proof_key, issuer, span_of(key, PRODUCT_KEY_FOREIGN), err);
	return r;
}

/* Everything that is kept of a key as typed. */
static int read_key(struct muster_client *c, const char *id, const char *key, size_t n, const char *issuer_url, struct state_key *out, struct muster_err *err)
{
	char foreign[PRODUCT_KEY_FOREIGN + 1] = "";
	struct product_key parsed;
	int r;

	memset(&parsed, 0, sizeof parsed);
	if ((r = product_key_parse(&parsed, key, n, err)) == MUSTER_OK) {
		if ((r = check_kind(parsed.kind, issuer_url != NULL, err)) == MUSTER_OK && (issuer_url == NULL || (r = check_url(out->issuer_url, issuer_url, err)) == MUSTER_OK) &&
		    (r = client_ready(c, err)) == MUSTER_OK)
			r = derive(c, &parsed, out, err);
	} else if (issuer_url == NULL && tidy(foreign, key, n) && may_be_foreign(c, id, foreign)) {
		if ((r = client_ready(c, err)) == MUSTER_OK)
			r = derive_foreign(c, foreign, out, err);
	}
	OPENSSL_cleanse(foreign, sizeof foreign);
	OPENSSL_cleanse(&parsed, sizeof parsed);
	return r;
}

int muster_client_set_key(struct muster_client *c, const char *activation_id, const char *key, size_t key_n, const char *issuer_url, struct muster_err *err)
{
	struct state_key kept = { .number = 0 };
	char id[UUID_TEXT];
	int r;

	MUSTER_ASSERT(c->magic == CLIENT_MAGIC);
	if ((r = client_activation_id(id, activation_id, err)) != MUSTER_OK)
		return r;
	if ((key != NULL && (r = read_key(c, id, key, key_n, issuer_url, &kept, err)) != MUSTER_OK) || (r = client_begin(c, err)) != MUSTER_OK)
		goto done;
	r = key != NULL ? state_key_save(&c->state, id, &kept, err) : state_key_remove(&c->state, id, err);
	client_end(c);
done:
	OPENSSL_cleanse(&kept, sizeof kept);
	return r;
}

int counted_key(struct muster_client *c, const char *id, struct state_key *out, struct muster_err *err)
{
	int r = state_key_load(&c->state, id, out, err);

	if (r == MUSTER_OK && memcmp(out->issuer_id, trust_anchors_issuer_id(c->anchors), 16) != 0) {
		OPENSSL_cleanse(out, sizeof *out);
		r = err_set(err, MUSTER_E_NOT_FOUND, "the key kept for %s was taken for another issuer: give it again", id);
	}
	return r;
}

int counted_prove(struct muster_client *c, const struct state_key *k, struct question *q, json_t **facts, struct muster_err *err)
{
	uint8_t id[16];
	int r;

	*facts = NULL;
	if (uuid_parse(id, q->activation_id, strlen(q->activation_id)) != MUSTER_OK)
		return err_set(err, MUSTER_E_INTERNAL, "not an activation ID");
	if ((r = product_key_proof(q->key_proof, k->proof_key, id, q->client_id, q->hardware_id, span_of(q->nonce, sizeof q->nonce), err)) != MUSTER_OK ||
	    (r = facts_load(c, facts, err)) != MUSTER_OK)
		return r;
	q->key_kind = k->kind[0];
	q->key_number = k->number;
	q->facts = *facts;
	return MUSTER_OK;
}

/* The Installation ID is made with the machine's binding: a state folder that was copied has another machine's. */
static int own_installation_id(struct muster_client *c, const struct state_key *k, struct muster_err *err)
{
	uint8_t binding[BINDING_SIZE];

	if (k->installation_id[0] == '\0')
		return err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_NO_KEY, "an embedded key of another vendor has no Installation ID: activate at a host");
	if (binding_of_machine(binding, k->issuer_id, c->hardware_id) != MUSTER_OK)
		return err_set(err, MUSTER_E_INTERNAL, "the machine's binding could not be computed");
	if (CRYPTO_memcmp(binding, k->binding, sizeof binding) != 0)
		return err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_HARDWARE, "the key was taken on other hardware: give it again on this machine");
	return MUSTER_OK;
}

static int own_key(struct muster_client *c, const char *id, struct state_key *out, struct muster_err *err)
{
	int r = counted_key(c, id, out, err);

	if (r == MUSTER_E_NOT_FOUND)
		return err_code(err, r, (uint32_t)CODE_NO_KEY, "%s: no key has been taken for this product on this machine, so it has no Installation ID", id);
	return r == MUSTER_OK ? own_installation_id(c, out, err) : r;
}

int muster_client_installation_id(struct muster_client *c, const char *activation_id, char digits[64], struct muster_err *err)
{
	struct state_key k;
	char id[UUID_TEXT];
	int r;

	MUSTER_ASSERT(c->magic == CLIENT_MAGIC);
	digits[0] = '\0';
	memset(&k, 0, sizeof k);
	if ((r = client_activation_id(id, activation_id, err)) != MUSTER_OK || (r = client_ready(c, err)) != MUSTER_OK)
		return r;
	if ((r = own_key(c, id, &k, err)) == MUSTER_OK)
		memcpy(digits, k.installation_id, sizeof k.installation_id);
	OPENSSL_cleanse(&k, sizeof k);
	return r;
}

/* ---- the issuer's service ---- */

int counted_ask_issuer(struct muster_client *c, const struct state_key *k, const uint8_t request_id[16], struct answer *out, struct muster_err *err)
{
	struct http_answer a;
	char id[UUID_TEXT], digits[INSTALLATION_GROUPS * DIGITS_GROUP + 1], body[256];
	size_t n = 0;
	int r;

	if ((r = own_installation_id(c, k, err)) != MUSTER_OK)
		return r;
	for (const char *p = k->installation_id; *p != '\0' && n + 1 < sizeof digits; p++)
		if (*p != ' ')
			digits[n++] = *p;
	digits[n] = '\0';
	uuid_format(id, request_id);
	(void)snprintf(body, sizeof body, "{\"id\":\"%s\",\"installation_ids\":[\"%s\"]}", id, digits);
	http_answer_init(&a);
	if ((r = client_http_issuer(c, &a, k->issuer_url, "/v1/counted/activate", span_str(body), ANSWER_MAX, err)) == MUSTER_OK)
		r = answer_read_counted(out, &a, digits, err);
	http_answer_fini(&a);
	return r;
}

/* ---- confirmations ---- */

static bool names_product(const struct confirmation *k, const char *id)
{
	uint8_t bytes[16];

	if (uuid_parse(bytes, id, strlen(id)) != MUSTER_OK)
		return false;
	for (size_t i = 0; i < k->product_count; i++)
		if (uuid_equal(bytes, k->products[i]))
			return true;
	return false;
}

int counted_check(const struct confirmation *k, const char *id, const uint8_t *hw, struct muster_err *err)
{
	uint8_t binding[BINDING_SIZE];

	if (id != NULL && !names_product(k, id))
		return err_set(err, MUSTER_E_MISMATCH, "the confirmation is for another product; one of an edition is asked for by the product's own activation ID");
	if (hw == NULL)
		return MUSTER_OK;
	if (binding_of_machine(binding, k->issuer_id, hw) != MUSTER_OK)
		return err_set(err, MUSTER_E_INTERNAL, "the machine's binding could not be computed");
	if (CRYPTO_memcmp(binding, k->binding, sizeof binding) != 0)
		return err_set(err, MUSTER_E_MISMATCH, "the confirmation is for other hardware: give the key again on this machine");
	return MUSTER_OK;
}

/* Everything but coverage: genuine, of this machine, for this product. The product is compared with what was asked for and never with what a host says
 * about it, for a host's word is not signed here. */
static int verify(struct muster_client *c, const char *id, struct muster_span token, struct confirmation *out, int64_t now, struct muster_err *err)
{
	int r = confirmation_read(out, token, c->anchors, client_crl(c), now, err);

	return r == MUSTER_OK ? counted_check(out, id, c->hardware_id, err) : r;
}

int counted_coverage(const struct confirmation *k, int64_t now, struct muster_err *err)
{
	char text[TIME_RFC3339];

	if (k->coverage_start != 0 && now < k->coverage_start) {
		time_rfc3339(text, k->coverage_start * 1000);
		return err_set(err, MUSTER_E_NOT_YET, "the coverage of this key begins %s", text);
	}
	if (k->coverage_end != 0 && now >= k->coverage_end) {
		time_rfc3339(text, k->coverage_end * 1000);
		return err_set(err, MUSTER_E_EXPIRED, "the coverage of this key ended %s", text);
	}
	return MUSTER_OK;
}

/* Dates mean nothing under a clock that was set back; what has no end needs none. */
static int check_clock(struct muster_client *c, const struct confirmation *k, int64_t now, struct muster_err *err)
{
	int64_t mark;
	int r;

	if (k->coverage_end == 0)
		return MUSTER_OK;
	if ((r = state_mark_load(&c->state, &mark, err)) != MUSTER_OK)
		return r;
	return client_check_clock(now, mark, err);
}

int counted_holding(struct muster_client *c, const char *id, struct holding *out, int64_t now, struct muster_err *err)
{
	struct muster_err why = { 0 };
	struct buf text;
	int r;

	buf_init(&text, STATEMENT_CONFIRMATION_MAX + 1);
	r = state_confirmation_load(&c->state, id, &text, &why);
	if (r == MUSTER_E_NOT_FOUND) {
		buf_fini(&text);
		return MUSTER_OK;
	}
	out->have = true;
	if (r == MUSTER_OK && (r = verify(c, id, span_of(text.p, text.n), &out->confirmation, now, &why)) == MUSTER_OK) {
		out->perpetual = true;
		if ((r = counted_coverage(&out->confirmation, now, &why)) == MUSTER_OK)
			r = check_clock(c, &out->confirmation, now, &why);
	}
	buf_fini(&text);
	if (r == MUSTER_E_NOMEM)
		return err_nomem(err);
	out->valid = r == MUSTER_OK;
	if (!out->valid)
		answer_printable(out->reason, sizeof out->reason, why.message);
	return MUSTER_OK;
}

int counted_take(struct muster_client *c, const char *id, struct muster_span token, struct confirmation *out, int64_t now, struct muster_err *err)
{
	int r;

	if ((r = verify(c, id, token, out, now, err)) != MUSTER_OK)
		return r;
	/* The confirmation first: a crash between the two leaves a key that is not needed any more, never neither. */
	if ((r = state_confirmation_save(&c->state, id, token, err)) == MUSTER_OK)
		r = state_key_remove(&c->state, id, err);
	return r;
}

void counted_term(char out[COUNTED_TERM], const struct confirmation *k)
{
	char begin[TIME_RFC3339], end[TIME_RFC3339];

	time_rfc3339(begin, k->coverage_start * 1000);
	time_rfc3339(end, k->coverage_end * 1000);
	if (k->coverage_end != 0)
		(void)snprintf(out, COUNTED_TERM, "for its coverage, %s to %s", begin, end);
	else
		(void)snprintf(out, COUNTED_TERM, "for good");
}

void counted_note(struct state_record *rec, const char *id, const struct confirmation *k, int64_t now)
{
	char term[COUNTED_TERM];

	rec->answered = 1;
	rec->code = CODE_OK;
	rec->telephone = 0;
	/* For good: nobody is asked again. The time is where a grace would begin if this machine's hardware changed. */
	rec->ended_at = now;
	rec->next_at = 0;
	counted_term(term, k);
	(void)snprintf(rec->message, sizeof rec->message, "Product activated successfully: %s on this machine %s, by the key that ends in %.5s.",
		rec->name[0] != '\0' ? rec->name : id, term, k->partial);
}

/* ---- from a file ---- */

/* The token itself, or the row of this machine in the issuer's answer. @p got holds the text. */
static int find_token(struct muster_span *token, struct answer *got, struct muster_client *c, const char *id, struct muster_span text, struct muster_err *err)
{
	struct state_key k;
	int r;

	while (text.n > 0 && strchr(" \t\r\n", text.p[text.n - 1]) != NULL)
		text.n--;
	*token = text;
	if (text.n == 0 || text.p[0] != '{')
		return MUSTER_OK;
	memset(&k, 0, sizeof k);
	if ((r = own_key(c, id, &k, err)) == MUSTER_OK &&
	    (r = answer_find_confirmation(got, text, k.installation_id, err)) == MUSTER_E_NETWORK)
		r = err_set(err, MUSTER_E_INVALID, "the file is not an issuer's answer for this machine, whose Installation ID is %s", k.installation_id);
	else if (r == MUSTER_OK && got->kind == ANSWER_REFUSED)
		r = err_code(err, MUSTER_E_REFUSED, got->code, "%s", got->text);
	OPENSSL_cleanse(&k, sizeof k);
	*token = span_of(got->confirmation, got->confirmation_n);
	return r;
}

static int import_locked(struct muster_client *c, const char *id, struct muster_span text, struct muster_answer *out, struct muster_err *err)
{
	struct answer *got = mem_alloc(sizeof *got);
	struct confirmation k;
	struct state_record rec;
	struct muster_span token;
	int64_t now = client_now(c);
	int r;

	if (got == NULL)
		return err_nomem(err);
	r = state_record_load(&c->state, id, &rec, err);
	if ((r != MUSTER_OK && r != MUSTER_E_NOT_FOUND) || (r = find_token(&token, got, c, id, text, err)) != MUSTER_OK ||
	    (r = counted_take(c, id, token, &k, now, err)) != MUSTER_OK)
		goto done;
	counted_note(&rec, id, &k, now);
	if ((r = state_record_save(&c->state, id, &rec, err)) != MUSTER_OK)
		goto done;
	out->perpetual = 1;
	out->expires_at = k.coverage_end;
	(void)snprintf(out->message, sizeof out->message, "%s", rec.message);
done:
	mem_free(got);
	return r;
}

int muster_client_import(struct muster_client *c, const char *activation_id, struct muster_span text, struct muster_answer *answer, struct muster_err *err)
{
	struct muster_answer full = { .size = sizeof full, .outcome = MUSTER_ACTIVATED, .allowed = -1, .used = -1, .remaining = -1 };
	char id[UUID_TEXT];
	int r;

	MUSTER_ASSERT(c->magic == CLIENT_MAGIC);
	if ((r = client_activation_id(id, activation_id, err)) != MUSTER_OK || (r = client_ready(c, err)) != MUSTER_OK || (r = client_begin(c, err)) != MUSTER_OK)
		return r;
	if ((r = client_check_hardware(c, err)) == MUSTER_OK)
		r = import_locked(c, id, text, &full, err);
	client_end(c);
	return r != MUSTER_OK ? r : client_give(answer, &full, sizeof full, offsetof(struct muster_answer, perpetual), err);
}
