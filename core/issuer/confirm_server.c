/* A licence server on the telephone: programme, number and 35 digits make its Installation ID (docs/protocol.md section 9). */
#include "core/issuer/confirm_private.h"

#include <string.h>
#include <strings.h>
#include <openssl/crypto.h>
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/trust/server_id.h"

/* Access keys that activate licence servers; those of the number first, the programme is looked up afterwards. */
struct search { char plain[sizeof(((struct books_key *)0)->account)]; struct books_key *keys; size_t n; bool failed, of_agreement; };

static bool same_number(const char *text, const char *plain)
{
	char own[sizeof(((struct books_key *)0)->account)];

	return product_key_plain_number(own, sizeof own, text) > 0 && strcmp(own, plain) == 0;
}

static int look(void *ctx, const struct books_key *k)
{
	struct search *s = ctx;
	struct books_key *grown;

	if (k->kind != PRODUCT_KEY_ACCESS || k->hosts == 0 || k->account[0] == '\0')
		return 0;
	if (!same_number(k->account, s->plain)) {
		s->of_agreement = s->of_agreement || same_number(k->agreement, s->plain);
		return 0;
	}
	if ((grown = mem_grow(s->keys, s->n + 1, sizeof *grown)) == NULL) {
		s->failed = true;
		return 1;
	}
	s->keys = grown;
	s->keys[s->n++] = *k;
	return 0;
}

/* Of the keys with this number those of the programme, active ones first. */
static int keep_programme(struct search *s, struct confirmer *c, const char *programme, struct muster_err *err)
{
	struct books_agreement a;
	size_t kept = 0;
	int r = MUSTER_OK;

	for (size_t i = 0; r == MUSTER_OK && i < s->n; i++)
		if ((r = books_agreement(c->session->books, s->keys[i].agreement, &a, NULL, err)) == MUSTER_OK && strcasecmp(a.programme, programme) == 0)
			s->keys[kept++] = s->keys[i];
	s->n = kept;
	return r;
}

static int find(struct search *s, struct confirmer *c, const char *programme, const char *number, struct muster_err *err)
{
	size_t of_number;
	int r;

	if (product_key_plain_number(s->plain, sizeof s->plain, number) == 0)
		return err_code(err, MUSTER_E_INVALID, (uint32_t)CODE_KEY_INVALID, "the number is empty, or longer than any number of an agreement");
	confirm_books_lock(c);
	r = books_keys(c->session->books, NULL, look, s, err);
	if (r == MUSTER_OK && s->failed)
		r = err_nomem(err);
	of_number = s->n;
	if (r == MUSTER_OK)
		r = keep_programme(s, c, programme, err);
	(void)confirm_books_unlock(c, r);
	if (r != MUSTER_OK || s->n > 0)
		return r;
	if (of_number > 0)
		return err_code(err, MUSTER_E_REFUSED, (uint32_t)CODE_KEY_INVALID, "the number is that of an agreement of another programme; ask which programme the administrator chose");
	return err_code(err, MUSTER_E_REFUSED, (uint32_t)CODE_KEY_INVALID, s->of_agreement ? "this is the number of the agreement itself; for this programme another number was given to the access key "
	                "(key list --json, account)" : "no access key with this programme and number was minted here: key mint --kind access");
}

/* @return 1: made; 0: the digits are of another key. The newest generation first: the tag is short, and an older one would be refused anyway. */
static int try_key(char digits[INSTALLATION_TEXT], struct confirmer *c, const struct books_key *k, const struct server_id *id, struct muster_err *err)
{
	struct installation_id iid;
	uint8_t prk[PRODUCT_KEY_PRK];
	int r;

	if ((r = confirm_key_prk(prk, c, k, err)) != MUSTER_OK)
		return r;
	r = 0;
	for (uint8_t generation = k->generation; r == 0 && generation > 0; generation--)
		if (server_id_fits(id, prk, generation) && (r = installation_id_make(&iid, prk, k->number, generation, id->attempt, id->binding, err)) == MUSTER_OK) {
			installation_id_format(digits, &iid, ' ');
			r = 1;
		}
	OPENSSL_cleanse(prk, sizeof prk);
	return r;
}

int confirm_server(struct confirmer *c, const char *programme, const char *number, const char *text, size_t n, bool override, char digits[INSTALLATION_TEXT], struct digits_fault *fault,
                   const struct books_act *act, struct muster_err *err)
{
	struct search s = { .keys = NULL };
	struct server_id id;
	int r;

	digits[0] = '\0';
	if ((r = server_id_parse(&id, text, n, fault, err)) != MUSTER_OK)
		return r;
	r = find(&s, c, programme, number, err);
	/* an active key before a revoked one, which refuses by its own sentence */
	for (int revoked = 0; r == MUSTER_OK && revoked < 2; revoked++)
		for (size_t i = 0; r == MUSTER_OK && i < s.n; i++)
			if ((s.keys[i].state == BOOKS_KEY_REVOKED) == (revoked == 1))
				r = try_key(digits, c, &s.keys[i], &id, err);
	if (r == 0) {
		if ((r = confirm_judge_tag(c, &s.keys[s.n - 1], false, override, act, err)) == MUSTER_E_MISMATCH)
			(void)err_code(err, r, (uint32_t)CODE_OFFLINE_DATA, "the licence server ID was not made with this programme and number (key ending in %s): a digit is wrong, or the licence server was given "
			               "another number", s.keys[s.n - 1].partial);
	} else if (r == 1) {
		r = MUSTER_OK;
	}
	for (size_t i = 0; i < s.n; i++)
		OPENSSL_cleanse(&s.keys[i], sizeof s.keys[i]);
	mem_free(s.keys);
	return r;
}
