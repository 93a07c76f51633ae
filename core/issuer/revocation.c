#include "core/issuer/revocation.h"

#include <string.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/issuer/answers.h"

struct gathered { struct crl_entry *entries; size_t n, room; bool failed; };

static int put(struct gathered *g, const struct crl_entry *e)
{
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
	g->entries[g->n++] = *e;
	return 0;
}

static int gather(void *ctx, const struct books_certificate *c)
{
	struct gathered *g = ctx;
	size_t digits = strlen(c->serial);
	struct crl_entry e = { .serial_n = digits / 2, .at = c->revoked, .reason = (enum crl_reason)c->reason };

	g->failed = e.serial_n > sizeof(e.serial) || hex_decode(e.serial, e.serial_n, c->serial, digits) != MUSTER_OK;
	return g->failed ? 1 : put(g, &e);
}

/* The list that is kept; NULL: there is none, or none of ours. */
static struct crl *read_kept(const struct session *s, const char *path)
{
	struct crl *kept = NULL;
	struct buf pem;

	buf_init(&pem, CRL_MAX);
	if (file_read(&pem, path, CRL_MAX, NULL) == MUSTER_OK)
		(void)crl_read(&kept, span_of(pem.p, pem.n), s->a->anchors, s->act.now, NULL);
	buf_fini(&pem);
	return kept;
}

/* What was revoked stays so: restored books learn it from the list that was made before; of certificates that they do not know it is passed on. */
static int carry(struct gathered *g, struct session *s, const struct crl *kept, struct muster_err *err)
{
	int r = MUSTER_OK;

	for (size_t i = 0; kept != NULL && r == MUSTER_OK && i < crl_count(kept); i++) {
		const struct crl_entry *e = crl_entry_at(kept, i);
		char serial[HEX_SIZE(CRL_SERIAL_MAX)];

		hex_encode(serial, e->serial, e->serial_n);
		r = books_certificate_revoke(s->books, serial, (int)e->reason, &s->act, err);
		if (r == MUSTER_E_NOT_FOUND)
			r = put(g, e) == 0 ? MUSTER_OK : err_nomem(err);
		else if (r == MUSTER_E_EXISTS)
			r = MUSTER_OK;
	}
	return r;
}

int revocation_make(struct buf *pem, struct session *s, struct muster_err *err)
{
	struct gathered g = { .entries = NULL };
	char *path = authority_path(s->a, ANSWER_CRL_FILE);
	struct crl *check = NULL, *kept = NULL;
	uint64_t number;
	size_t begin = pem->n;
	int r;

	if (path == NULL) {
		r = err_nomem(err);
		goto done;
	}
	kept = read_kept(s, path);
	number = kept != NULL ? crl_number(kept) : 0;
	if ((r = session_intermediate(s, err)) != MUSTER_OK || (r = carry(&g, s, kept, err)) != MUSTER_OK
	    || (r = books_crl_next(s->books, &number, gather, &g, &s->act, err)) != MUSTER_OK)
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
	crl_unref(kept);
	mem_free(g.entries);
	mem_free(path);
	return r;
}
