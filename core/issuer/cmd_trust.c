/* crl, roots: what the issuer says about its certificates. */
#include "core/issuer/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/issuer/answers.h"
#include "core/issuer/listing.h"
#include "core/issuer/output.h"
#include "core/issuer/revocation.h"
#include "core/issuer/session.h"

int command_crl(const struct options *o)
{
	struct output_file out = { .fd = -1 };
	struct crl *list = NULL;
	struct session s;
	struct muster_err err;
	struct buf pem;
	int r;

	buf_init(&pem, CRL_MAX);
	if ((r = session_open(&s, o, &err)) != MUSTER_OK || (r = output_file_open(&out, o->text[OPT_OUT], "no list was made", &err)) != MUSTER_OK
	    || (r = revocation_make(&pem, &s, &err)) != MUSTER_OK || (r = crl_read(&list, span_of(pem.p, pem.n), s.a->anchors, s.act.now, &err)) != MUSTER_OK
	    || (r = output_file_write(&out, span_of(pem.p, pem.n), &err)) != MUSTER_OK)
		goto done;
	if (option_json(o)) {
		r = output_json(json_pack("{s:I, s:I, s:o, s:s}", "number", (json_int_t)crl_number(list), "revoked", (json_int_t)crl_count(list), "next_update",
		                          output_json_time(crl_next(list)), "crl", crl_pem(list)), &err);
		goto done;
	}
	if (out.path == NULL)
		(void)fputs(buf_str(&pem), stdout);
	output_notice("revocation list %" PRIu64 " with %zu certificate%s%s%s; on a host: musterctl crl install FILE", crl_number(list), crl_count(list), crl_count(list) == 1 ? "" : "s",
	              out.path != NULL ? " is in " : "", out.path != NULL ? out.path : "");
done:
	output_file_close(&out, r == MUSTER_OK);
	crl_unref(list);
	buf_fini(&pem);
	session_close(&s);
	return output_finish(r, &err);
}

/* The roots of issuer.pem as a statement; while the former root signs, those who pin it learn the coming one. */
static int announce(struct buf *token, struct session *s, struct muster_err *err)
{
	char *path = authority_path(s->a, ANSWER_ROOTS_FILE);   /* where the service finds it */
	uint8_t id[16];
	json_t *payload = NULL;
	struct buf pem;
	int r;

	buf_init(&pem, TRUST_CHAIN_MAX);
	uuid_random(id);
	if (path == NULL)
		r = err_nomem(err);
	else if ((r = session_signer(s, err)) == MUSTER_OK && (r = authority_roots_pem(&pem, s->a, err)) == MUSTER_OK
	    && (r = roots_payload(&payload, id, span_of(pem.p, pem.n), err)) == MUSTER_OK
	    && (r = statement_sign(token, s->signer, TRUST_TYP_ROOTS, s->a->issuer_id, s->act.now, payload, err)) == MUSTER_OK
	    && (r = file_write(path, span_of(token->p, token->n), 0644, err)) == MUSTER_OK)
		r = books_note(s->books, BOOKS_EVENT_ROOTS, "", "the roots were announced", &s->act, err);
	json_decref(payload);
	buf_fini(&pem);
	mem_free(path);
	return r;
}

/* A new root is made once; announcing again while it waits only signs again. */
static int add_root(struct session *s, struct muster_err *err)
{
	const char *name = s->o->text[OPT_NAME], *passphrase;
	char same[256] = "";
	bool locked;
	int r;

	if (authority_root_waits(s->a))
		return MUSTER_OK;
	if (name == NULL) {
		X509_NAME_get_text_by_NID(X509_get_subject_name(s->a->root), NID_commonName, same, sizeof(same));
		name = same;
	}
	if ((r = trust_key_encrypted(&locked, s->a->mid_key, err)) != MUSTER_OK || (r = session_passphrase(s, locked, &passphrase, err)) != MUSTER_OK
	    || (r = session_intermediate(s, err)) != MUSTER_OK)   /* proves the passphrase */
		return r;
	return authority_add_root(s->a, name, passphrase, s->act.now, err);
}

int command_roots_announce(const struct options *o)
{
	struct output_file out = { .fd = -1 };
	struct session s;
	struct muster_err err;
	struct buf token;
	int r;

	buf_init(&token, STATEMENT_ROOTS_MAX);
	if ((r = session_open(&s, o, &err)) != MUSTER_OK || (r = output_file_open(&out, o->text[OPT_OUT], "nothing was announced", &err)) != MUSTER_OK
	    || (r = session_signer(&s, &err)) != MUSTER_OK || (r = add_root(&s, &err)) != MUSTER_OK || (r = announce(&token, &s, &err)) != MUSTER_OK
	    || (r = output_file_write(&out, span_of(token.p, token.n), &err)) != MUSTER_OK)
		goto done;
	if (option_json(o)) {
		r = output_json(json_pack("{s:I, s:s}", "roots", (json_int_t)s.a->root_count, "announcement", buf_str(&token)), &err);
		goto done;
	}
	if (out.path == NULL)
		printf("%s\n", buf_str(&token));
	output_notice("%zu roots are announced. Keep %s/root-next.key offline. When all hosts and clients have had time to learn the new root: muster-issuer roots switch",
	              s.a->root_count, s.a->dir);
done:
	output_file_close(&out, r == MUSTER_OK);
	buf_fini(&token);
	session_close(&s);
	return output_finish(r, &err);
}

int command_roots_switch(const struct options *o)
{
	const char *path = NULL, *passphrase = NULL;
	struct session s;
	struct muster_err err;
	char *owned = NULL;
	int r;

	if ((r = session_open(&s, o, &err)) != MUSTER_OK)
		goto done;
	if (!authority_root_waits(s.a))
		r = err_set(&err, MUSTER_E_NOT_FOUND, "no new root is waiting; make one with: muster-issuer roots announce");
	if (r == MUSTER_OK && (r = session_root_key(&s, "root-next.key", &path, &owned, &passphrase, &err)) == MUSTER_OK
	    && (r = authority_switch_root(s.a, path, passphrase, s.act.now, &err)) == MUSTER_OK
	    && (r = books_note(s.books, BOOKS_EVENT_ROOTS, "", "the new root is in use", &s.act, &err)) == MUSTER_OK) {
		if (option_json(o))
			r = output_json(listing_issuer(s.a), &err);
		else
			listing_print_issuer(s.a);
	}
done:
	mem_free(owned);
	session_close(&s);
	return output_finish(r, &err);
}
