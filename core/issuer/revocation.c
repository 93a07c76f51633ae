#include "core/issuer/revocation.h"

#include <string.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

struct gathered { struct crl_entry *entries; size_t n, room; bool failed; };

static int gather(void *ctx, const struct books_certificate *c)
{
	struct gathered *g = ctx;
	struct crl_entry *e;
	size_t digits = strlen(c->serial);

	if (g->n == g->room) {
		size_t room = g->room == 0 ? 64 : 2 * g->room;
		struct crl_entry *more = mem_grow(g->entries, room, sizeof(*more));

		if (more == NULL) {
			g->failed = true;
			return 1;
		}
		g->entries = more;
		g->room = room;
	}
	e = &g->entries[g->n];
	memset(e, 0, sizeof(*e));
	e->serial_n = digits / 2;
	e->at = c->revoked;
	e->reason = (enum crl_reason)c->reason;
	g->failed = e->serial_n > sizeof(e->serial) || hex_decode(e->serial, e->serial_n, c->serial, digits) != MUSTER_OK;
	g->n++;
	return g->failed;
}

int revocation_make(struct buf *pem, struct session *s, struct muster_err *err)
{
	struct gathered g = { .entries = NULL };
	struct crl *check = NULL;
	uint64_t number;
	size_t begin = pem->n;
	int r;

	if ((r = session_intermediate(s, err)) != MUSTER_OK || (r = books_crl_next(s->books, &number, gather, &g, &s->act, err)) != MUSTER_OK)
		goto done;
	if (g.failed) {
		r = err_set(err, MUSTER_E_INTERNAL, "the revoked certificates cannot be listed");
		goto done;
	}
	/* read back as every host will before it is kept */
	if ((r = crl_make(pem, g.entries, g.n, number, s->a->mid, s->mid_key, s->act.now, REVOCATION_LIFE_S, err)) == MUSTER_OK
	    && (r = crl_read(&check, span_of(pem->p + begin, pem->n - begin), s->a->anchors, s->act.now, err)) == MUSTER_OK)
		r = books_setting_put(s->books, REVOCATION_SETTING, crl_pem(check), &s->act, err);
done:
	crl_unref(check);
	mem_free(g.entries);
	return r;
}

int revocation_kept(struct buf *pem, struct books *books, struct muster_err *err)
{
	int r = books_setting(books, REVOCATION_SETTING, pem, err);

	return r == MUSTER_E_NOT_FOUND ? err_set(err, r, "there is no revocation list yet; make one with: muster-issuer crl") : r;
}
