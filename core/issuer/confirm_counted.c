/* Many Installation IDs of counted keys at once: a MAK proxy's request. */
#include "core/issuer/confirm_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

/* Keys seen in this batch; a batch names few. */
struct seen { struct books_key key; uint8_t prk[PRODUCT_KEY_PRK]; struct seen *next; };

struct batch {
	struct confirmer *c;
	enum books_method method;
	const struct books_act *act;
	struct seen *seen;
	/* the part under way */
	struct books_order orders[BOOKS_ORDERS_MAX];
	struct books_confirmation rows[BOOKS_ORDERS_MAX];
	struct confirm_result *of[BOOKS_ORDERS_MAX];
	struct seen *key_of[BOOKS_ORDERS_MAX];
	size_t n;
};

static void refuse(struct confirm_result *one, uint32_t code, const char *detail)
{
	one->code = code;
	(void)snprintf(one->detail, sizeof one->detail, "%s", detail);
}

/* Is this an answer for the one ID, or the end of the batch? */
static bool of_the_id(const struct muster_err *err)
{
	return err->result == MUSTER_E_INVALID || err->result == MUSTER_E_MISMATCH || err->result == MUSTER_E_REFUSED;
}

static struct seen *known(const struct batch *b, uint32_t number)
{
	struct seen *s = b->seen;

	while (s != NULL && s->key.number != number)
		s = s->next;
	return s;
}

/* The key that made this ID. A key seen before is not unsealed again; a tag that does not fit goes the long way, where it is counted. */
static int find_key(struct batch *b, const struct installation_id *id, struct seen **out, struct muster_err *err)
{
	struct seen *s = known(b, id->number), *fresh;
	int r;

	*out = s;
	if (s != NULL && installation_id_proves(id, s->prk))
		return MUSTER_OK;
	if ((fresh = mem_alloc(sizeof *fresh)) == NULL)
		return err_nomem(err);
	if ((r = confirm_find_key(b->c, id, false, &fresh->key, fresh->prk, b->act, err)) == MUSTER_OK && fresh->key.kind != PRODUCT_KEY_MAK && fresh->key.kind != PRODUCT_KEY_ESU)
		r = err_code(err, MUSTER_E_REFUSED, (uint32_t)CODE_KEY_INVALID, "the product key ending in %s is a %s, not one that counts machines", fresh->key.partial,
		             product_key_kind_name(fresh->key.kind));
	if (r != MUSTER_OK || s != NULL) {
		OPENSSL_cleanse(fresh, sizeof *fresh);
		mem_free(fresh);
		return r;
	}
	fresh->next = b->seen;
	*out = b->seen = fresh;
	return MUSTER_OK;
}

static int state(struct batch *b, size_t i, struct muster_err *err)
{
	struct buf token;
	int r;

	buf_init(&token, STATEMENT_CONFIRMATION_MAX);
	r = confirm_state(&token, b->c, &b->key_of[i]->key, b->orders[i].binding, b->rows[i].statement_id, b->act->now, err);
	if (r == MUSTER_OK && (b->of[i]->statement = buf_take(&token)) == NULL)
		r = err_nomem(err);
	buf_fini(&token);
	return r;
}

/* What is collected goes into the books; then it is signed. */
static int flush(struct batch *b, struct muster_err *err)
{
	int r = MUSTER_OK;

	if (b->n == 0)
		return r;
	confirm_books_lock(b->c);
	r = books_confirm(b->c->session->books, b->orders, b->n, b->rows, b->act, err);
	(void)confirm_books_unlock(b->c, r);
	for (size_t i = 0; r == MUSTER_OK && i < b->n; i++) {
		if (b->rows[i].result != MUSTER_OK) {
			refuse(b->of[i], b->rows[i].code, b->rows[i].refusal);
			continue;
		}
		r = state(b, i, err);
	}
	b->n = 0;
	return r;
}

static int take(struct batch *b, struct confirm_result *one, struct muster_err *err)
{
	struct installation_id id;
	struct digits_fault fault;
	struct seen *key;
	int r;

	if ((r = installation_id_parse(&id, one->id, strlen(one->id), &fault, err)) != MUSTER_OK || (r = find_key(b, &id, &key, err)) != MUSTER_OK) {
		if (!of_the_id(err))
			return r;
		refuse(one, err->code != 0 ? err->code : (uint32_t)CODE_OFFLINE_DATA, err->message);
		return MUSTER_OK;
	}
	confirm_order(&b->orders[b->n], &id, b->method);
	b->of[b->n] = one;
	b->key_of[b->n++] = key;
	return b->n == BOOKS_ORDERS_MAX ? flush(b, err) : MUSTER_OK;
}

static int count_keys(struct batch *b, struct confirm_tally **tally, size_t *keys, struct muster_err *err)
{
	struct books_key key;
	size_t n = 0;
	int r = MUSTER_OK;

	for (const struct seen *s = b->seen; s != NULL; s = s->next)
		n++;
	if ((*tally = mem_array(n + 1, sizeof **tally)) == NULL)
		return err_nomem(err);
	confirm_books_lock(b->c);
	for (const struct seen *s = b->seen; r == MUSTER_OK && s != NULL; s = s->next)
		if ((r = books_key(b->c->session->books, s->key.number, &key, err)) == MUSTER_OK)
			(*tally)[(*keys)++] = (struct confirm_tally){ key.number, key.activations, key.used };
	(void)confirm_books_unlock(b->c, r);
	OPENSSL_cleanse(&key, sizeof key);
	return r;
}

int confirm_counted(struct confirmer *c, struct confirm_result *results, size_t n, enum books_method method, struct confirm_tally **tally, size_t *keys, const struct books_act *act,
                    struct muster_err *err)
{
	struct batch *b = mem_alloc(sizeof *b);
	struct seen *s, *next;
	int r = MUSTER_OK;

	*tally = NULL;
	*keys = 0;
	if (b == NULL)
		return err_nomem(err);
	b->c = c;
	b->method = method;
	b->act = act;
	for (size_t i = 0; r == MUSTER_OK && i < n; i++)
		r = take(b, &results[i], err);
	if (r == MUSTER_OK && (r = flush(b, err)) == MUSTER_OK)
		r = count_keys(b, tally, keys, err);
	for (s = b->seen; s != NULL; s = next) {
		next = s->next;
		OPENSSL_cleanse(s, sizeof *s);
		mem_free(s);
	}
	mem_free(b);
	return r;
}
