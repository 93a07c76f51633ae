/* allow, revoke, retire: what the issuer decides about keys, hosts and certificates that are out. */
#include "core/issuer/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/issuer/leaf.h"
#include "core/issuer/listing.h"
#include "core/issuer/output.h"
#include "core/issuer/session.h"
#include "core/issuer/text.h"
#include "core/trust/pack.h"

/* The key as it is now, and a sentence for people. */
static int show_done(struct session *s, uint32_t number, const char *sentence, struct muster_err *err)
{
	struct books_key k;
	int r = books_key(s->books, number, &k, err);

	if (r != MUSTER_OK)
		return r;
	if (option_json(s->o))
		return output_json(listing_key(&k), err);
	listing_print_key(&k);
	output_notice("%s", sentence);
	return MUSTER_OK;
}

static int allow(struct session *s, struct muster_err *err)
{
	const struct options *o = s->o;
	uint32_t number, hosts = (uint32_t)option_number(o, OPT_HOSTS, 0), activations = (uint32_t)option_number(o, OPT_ACTIVATIONS, 0);
	struct books_key k;
	int r;

	if (hosts == 0 && activations == 0)
		return err_set(err, MUSTER_E_INVALID, "say what to allow: --hosts N, --activations N or both");
	if ((r = text_number(&number, o->argument[0], err)) != MUSTER_OK || (r = books_key(s->books, number, &k, err)) != MUSTER_OK)
		return r;
	if (k.hosts > 0 && (uint64_t)(hosts != 0 ? hosts : k.hosts) * (activations != 0 ? activations : k.activations) > PACK_SLOTS_MAX - PACK_RESERVE)
		return err_set(err, MUSTER_E_INVALID, "that would be more than the %d activations that a pack holds; mint a second key", PACK_SLOTS_MAX - PACK_RESERVE);
	if ((r = books_key_allow(s->books, number, hosts, activations, &s->act, err)) != MUSTER_OK)
		return r;
	return show_done(s, number, "online it counts at once; by telephone the reserve of the present pack serves first, then a new pack is needed: pack create", err);
}

int command_allow(const struct options *o)
{
	struct session s;
	struct muster_err err;
	int r;

	if ((r = session_open(&s, o, &err)) == MUSTER_OK)
		r = allow(&s, &err);
	session_close(&s);
	return output_finish(r, &err);
}

/*
 * The issuer's own signer of packs and statements, as statement-N.pem. Another one is there first: a crash between leaves two, and the command may be given again.
 * It enters the books as it is revoked.
 */
static int revoke_signer(struct session *s, const char *which, enum crl_reason reason, struct muster_err *err)
{
	struct books_certificate row, known;
	const char *passphrase;
	unsigned n;
	int used = 0, r;
	bool newest, locked;

	if (sscanf(which, "statement-%9u%n", &n, &used) != 1 || which[used] != '\0')
		return err_set(err, MUSTER_E_INVALID, "\"%.40s\": the issuer's own signers are called statement-N, as their files are", which);
	if ((r = leaf_statement_row(&row, &newest, s->a, n, s->act.now, err)) != MUSTER_OK)
		return r;
	if (newest && ((r = trust_key_encrypted(&locked, s->a->mid_key, err)) != MUSTER_OK || (r = session_passphrase(s, locked, &passphrase, err)) != MUSTER_OK
	               || (r = session_intermediate(s, err)) != MUSTER_OK || (r = leaf_statement_make(s->a, s->mid_key, passphrase, s->act.now, err)) != MUSTER_OK))
		goto done;
	if ((r = books_certificate(s->books, row.serial, &known, err)) == MUSTER_OK)
		mem_free(known.chain);
	else if (r == MUSTER_E_NOT_FOUND)
		r = books_certificate_add(s->books, &row, &s->act, err);
	if (r == MUSTER_OK)
		r = books_certificate_revoke(s->books, row.serial, (int)reason, &s->act, err);
done:
	mem_free(row.chain);
	return r;
}

/* "key NUMBER", "certificate WHICH" or NUMBER alone: a key. */
static int revoke(struct session *s, struct muster_err *err)
{
	const struct options *o = s->o;
	const char *what = o->arguments == 2 ? o->argument[0] : "key", *which = o->argument[o->arguments - 1];
	enum crl_reason reason;
	uint32_t number;
	int r;

	if (strcmp(what, "key") != 0 && strcmp(what, "certificate") != 0)
		return err_set(err, MUSTER_E_INVALID, "\"%.40s\" cannot be revoked: key NUMBER or certificate NUMBER|KID|SERIAL", what);
	if (crl_reason_of(&reason, o->text[OPT_REASON]) != MUSTER_OK)
		return err_set(err, MUSTER_E_INVALID, "--reason %.40s: one of key-compromise, affiliation-changed, superseded, cessation, unspecified", o->text[OPT_REASON]);
	if (strcmp(what, "certificate") == 0) {
		r = strncmp(which, "statement-", 10) == 0 ? revoke_signer(s, which, reason, err) : books_certificate_revoke(s->books, which, (int)reason, &s->act, err);
		if (r != MUSTER_OK)
			return r;
		if (option_json(o))
			return output_json(json_pack("{s:s, s:s}", "certificate", which, "reason", crl_reason_word(reason)), err);
		printf("Certificate %s is revoked (%s). Next: muster-issuer crl\n", which, crl_reason_word(reason));
		return MUSTER_OK;
	}
	if ((r = text_number(&number, which, err)) != MUSTER_OK || (r = books_key_revoke(s->books, number, (int)reason, &s->act, err)) != MUSTER_OK)
		return r;
	return show_done(s, number, "revoked, with the certificates that were granted to it. Next: muster-issuer crl, and a new pack without the key: pack create", err);
}

int command_revoke(const struct options *o)
{
	struct session s;
	struct muster_err err;
	int r;

	if ((r = session_open(&s, o, &err)) == MUSTER_OK)
		r = revoke(&s, &err);
	session_close(&s);
	return output_finish(r, &err);
}

/* A host by its binding, or by the name it was given if only one has it. */
struct search { const char *name; uint8_t binding[10]; unsigned found; };

static int find_holder(void *ctx, const struct books_holder *h)
{
	struct search *f = ctx;

	if (!h->retired && strcmp(h->name, f->name) == 0) {
		memcpy(f->binding, h->binding, sizeof(f->binding));
		f->found++;
	}
	return 0;
}

static int retire(struct session *s, struct muster_err *err)
{
	struct search f = { .name = s->o->argument[1] };
	uint32_t number;
	int r;

	if ((r = text_number(&number, s->o->argument[0], err)) != MUSTER_OK || (r = books_holders(s->books, number, find_holder, &f, err)) != MUSTER_OK)
		return r;
	if (f.found > 1)
		return err_set(err, MUSTER_E_INVALID, "%u hosts are called %.60s; name the one by its binding as `key show %" PRIu32 "` prints it", f.found, f.name, number);
	if (f.found == 0 && text_binding(f.binding, f.name, err) != MUSTER_OK) {
		struct books_key k;

		if ((r = books_key(s->books, number, &k, err)) != MUSTER_OK)
			return r;
		return err_set(err, MUSTER_E_NOT_FOUND, "no host \"%.60s\" holds a place of the key %" PRIu32 "; see: muster-issuer key show %" PRIu32, f.name, number, number);
	}
	if ((r = books_host_retire(s->books, number, f.binding, &s->act, err)) != MUSTER_OK)
		return r;
	return show_done(s, number, "the host's place is free; its certificates are revoked. Next: muster-issuer crl", err);
}

int command_retire(const struct options *o)
{
	struct session s;
	struct muster_err err;
	int r;

	if ((r = session_open(&s, o, &err)) == MUSTER_OK)
		r = retire(&s, &err);
	session_close(&s);
	return output_finish(r, &err);
}
