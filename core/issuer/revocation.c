#include "core/issuer/revocation.h"

#include <string.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/issuer/answers.h"

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

/* Of the list that is kept; 0: there is none, or none of ours. */
static uint64_t kept_number(const struct session *s, const char *path)
{
	struct crl *kept = NULL;
	struct buf pem;
	uint64_t number = 0;

	buf_init(&pem, CRL_MAX);
	if (file_read(&pem, path, CRL_MAX, NULL) == MUSTER_OK && crl_read(&kept, span_of(pem.p, pem.n), s->a->anchors, s->act.now, NULL) == MUSTER_OK)
		number = crl_number(kept);
	crl_unref(kept);
	buf_fini(&pem);
	return number;
}

int revocation_make(struct buf *pem, struct session *s, struct muster_err *err)
{
	struct gathered g = { .entries = NULL };
	char *path = authority_path(s->a, ANSWER_CRL_FILE);
	struct crl *check = NULL;
	uint64_t number;
	size_t begin = pem->n;
	int r;

	if (path == NULL) {
		r = err_nomem(err);
		goto done;
	}
	number = kept_number(s, path);
	if ((r = session_intermediate(s, err)) != MUSTER_OK || (r = books_crl_next(s->books, &number, gather, &g, &s->act, err)) != MUSTER_OK)
		goto done;
	if (g.failed) {
		r = err_set(err, MUSTER_E_INTERNAL, "the revoked certificates cannot be listed");
		goto done;
	}
	/* read back as every host will before it is kept */
	if ((r = crl_make(pem, g.entries, g.n, number, s->a->mid, s->mid_key, s->act.now, REVOCATION_LIFE_S, err)) == MUSTER_OK
	    && (r = crl_read(&check, span_of(pem->p + begin, pem->n - begin), s->a->anchors, s->act.now, err)) == MUSTER_OK)
		r = file_write(path, span_str(crl_pem(check)), 0644, err);
done:
	crl_unref(check);
	mem_free(g.entries);
	mem_free(path);
	return r;
}
