/* Writing a state file, from its beginning to its end: rows in pages, a megabyte an answer, hashed as they leave; the signed manifest last (trust.md section 11). */
#include "core/service/moving_export.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <openssl/crypto.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/estate/estate.h"
#include "core/service/admin.h"
#include "core/service/moving_import.h"

#define HOLD_MS MOVING_IDLE_MS
#define DRAIN_MS 10000                   /* a request's deadline: whoever asked before is answered by then */

int64_t moving_steady_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

json_t *moving_uuid(const uint8_t id[16])
{
	char text[UUID_TEXT];

	uuid_format(text, id);
	return json_string(text);
}

bool moving_carries(const char *kind)
{
	return strcmp(kind, ACTIVATION_R_CONFIRMATION) == 0 || (strncmp(kind, "estate-", 7) == 0 && strcmp(kind, ESTATE_R_SECRET) != 0);
}

bool moving_carries_secret(const char *kind)
{
	return strcmp(kind, ESTATE_R_SECRET) == 0 || strcmp(kind, "embedded-key") == 0;
}

struct moving *moving_new(void)
{
	struct moving *m = mem_alloc(sizeof *m);

	if (m != NULL)
		pthread_mutex_init(&m->lock, NULL);
	return m;
}

void moving_free(struct moving *m)
{
	if (m == NULL)
		return;
	export_free(NULL, m->out);
	import_free(m->in);
	pthread_mutex_destroy(&m->lock);
	mem_free(m);
}

void export_free(struct service *s, struct state_export *x)
{
	if (x == NULL)
		return;
	if (s != NULL && x->retire)
		(void)ledger_hold(s->ledger, 0, true);
	state_head_fini(&x->head);
	mem_free(x->places);
	EVP_MD_CTX_free(x->hash);
	buf_cleanse(&x->out);
	seal_free(x->seal);
	json_decref(x->page);
	mem_free(x->wrapped);
	mem_free(x);
}

/* ---- the manifest ---- */

static json_t *manifest(const struct state_export *x)
{
	json_t *counts = json_object();
	char id[UUID_TEXT], urn[sizeof UUID_URN + UUID_TEXT];

	uuid_format(id, x->head.instance);
	(void)snprintf(urn, sizeof urn, UUID_URN "%s", id);
	for (int k = 0; k < STATE_END; k++)
		if (x->counts[k] > 0)
			(void)json_object_set_new(counts, state_kind_word((enum state_kind)k), json_integer((json_int_t)x->counts[k]));
	return json_pack("{s:i, s:s, s:s, s:s, s:I, s:I, s:o, s:I, s:I, s:s, s:s, s:b}", "ver", STATE_FILE_VERSION, "sub", urn, "jti", x->id, "host", x->head.host,
		"iat", (json_int_t)(x->head.at / 1000), "sequence", (json_int_t)x->head.sequence, "counts", counts, "lines", (json_int_t)x->lines, "bytes", (json_int_t)x->bytes,
		"sha256", x->sha256, "audit", x->audit, "retires", x->retire);
}

static int write_end(struct state_export *x)
{
	json_t *claims = manifest(x), *end = NULL;
	int r;

	if (claims == NULL)
		return err_nomem(x->err);
	if (x->is_signed)
		r = activation_state_sign(x->service->activation, claims, &end, x->err);
	else
		r = (end = json_pack("{s:O}", "unsigned", claims)) != NULL ? MUSTER_OK : err_nomem(x->err);
	json_decref(claims);
	return r == MUSTER_OK ? state_write_json(&x->out, json_pack("{s:o}", "end", end), x->err) : r;
}

/* Enough for an answer, hashed; behind everything else the manifest, which is not. */
static int fill(struct state_export *x)
{
	unsigned char digest[32];
	int r = MUSTER_OK;

	while (r == MUSTER_OK && x->phase < PHASE_END && x->out.n < MOVING_CHUNK) {
		x->r = MUSTER_OK;
		if ((r = export_step(x)) == MUSTER_OK)
			r = x->r;
		if (r == MUSTER_OK && x->out.failed)
			r = err_nomem(x->err);
	}
	if (r != MUSTER_OK)
		return r;
	x->bytes += (int64_t)x->out.n;
	if (EVP_DigestUpdate(x->hash, x->out.p, x->out.n) != 1)
		return err_set(x->err, MUSTER_E_INTERNAL, "cannot hash the file");
	if (x->phase != PHASE_END || x->out.n >= MOVING_CHUNK)
		return MUSTER_OK;
	if (EVP_DigestFinal_ex(x->hash, digest, NULL) != 1)
		return err_set(x->err, MUSTER_E_INTERNAL, "cannot hash the file");
	hex_encode(x->sha256, digest, 32);
	x->phase = PHASE_DONE;
	return write_end(x);
}

/* ---- calls ---- */

/* The one under way, which may be forgotten after a while. */
static int take_place(struct service *s, const char *actor, struct muster_err *err)
{
	struct state_export *x = s->moving->out;

	if (x != NULL && moving_steady_ms() - x->touched < MOVING_IDLE_MS)
		return err_code(err, MUSTER_E_BUSY, CODE_M_BUSY, "another export is running, begun by %s; it is given up when it is left alone for a minute", x->actor);
	(void)actor;
	export_free(s, x);
	s->moving->out = NULL;
	return MUSTER_OK;
}

/* Who asked before nothing was granted any more is still answered. */
static int drain(struct service *s, struct muster_err *err)
{
	static const struct timespec pause = { 0, 10000000L };
	int64_t until = moving_steady_ms() + DRAIN_MS;

	while (atomic_load(&s->waiting) > 0) {
		if (moving_steady_ms() >= until)
			return err_set(err, MUSTER_E_BUSY, "requests that came before are not answered yet; try again");
		(void)nanosleep(&pause, NULL);
	}
	return MUSTER_OK;
}

static int seal_for(struct state_export *x, const char *passphrase, struct muster_err *err)
{
	uint8_t key[SEAL_KEY];
	struct buf wrapped;
	int r;

	buf_init(&wrapped, 1024);
	random_bytes(key, sizeof key);
	if ((r = seal_wrap(&wrapped, key, passphrase, err)) == MUSTER_OK && (r = seal_open_key(&x->seal, key, err)) == MUSTER_OK &&
	    (x->wrapped = mem_strdup(buf_str(&wrapped))) == NULL)
		r = err_nomem(err);
	OPENSSL_cleanse(key, sizeof key);
	buf_fini(&wrapped);
	if (r == MUSTER_E_INVALID)
		err->code = CODE_M_ARGUMENT;
	return r;
}

static int audit_head(struct state_export *x, struct muster_err *err)
{
	json_t *head = NULL;
	int r = activation_audit_head(x->service->activation, &head, err);

	if (r == MUSTER_OK)
		(void)snprintf(x->audit, sizeof x->audit, "%s", json_string_value(json_object_get(head, "head")));
	json_decref(head);
	return r;
}

/* A trial signature: whether the file can be signed is known before anything is held or written. */
static int look_signature(struct state_export *x, struct muster_err *err)
{
	json_t *claims = json_pack("{s:i}", "ver", 0), *end = NULL;
	int r = claims == NULL ? err_nomem(err) : activation_state_sign(x->service->activation, claims, &end, err);

	json_decref(claims);
	json_decref(end);
	x->is_signed = r == MUSTER_OK;
	return r == MUSTER_E_NOT_FOUND ? MUSTER_OK : r;
}

static int hold(struct state_export *x, const char *actor, struct muster_err *err)
{
	char text[256];

	if (!x->retire)
		return MUSTER_OK;
	if (x->service->moving->in != NULL && moving_steady_ms() - x->service->moving->in->touched < MOVING_IDLE_MS) {
		x->retire = false;
		return err_code(err, MUSTER_E_BUSY, CODE_M_BUSY, "a state file is being taken over: a host is retired when that has ended, or what came last would be missing");
	}
	if (!ledger_hold(x->service->ledger, HOLD_MS, false)) {
		(void)ledger_moving(x->service->ledger, text, sizeof text);
		x->retire = false;
		return err_code(err, MUSTER_E_REFUSED, CODE_M_RETIRED, "%s; its state can be exported without --retire", text);
	}
	/* From now on none begins. */
	if (estate_importing(x->service->estate, text, sizeof text))
		return err_code(err, MUSTER_E_BUSY, CODE_M_BUSY, "%s: a host is retired when that has ended, or what came last would be missing", text);
	log_line(LOG_NOTICE, "state_export", "text=\"%s began to write the state out and to retire this host: nothing is granted meanwhile\"", actor);
	return drain(x->service, err);
}

int export_begin(struct service *s, const char *actor, const struct export_ask *ask, json_t **out, struct muster_err *err)
{
	struct snapshot *snap = service_snapshot(s);
	struct state_export *x = NULL;
	uint8_t id[16];
	int r;

	if ((r = take_place(s, actor, err)) != MUSTER_OK)
		goto done;
	if ((x = mem_alloc(sizeof *x)) == NULL || (x->hash = EVP_MD_CTX_new()) == NULL || EVP_DigestInit_ex(x->hash, EVP_sha256(), NULL) != 1) {
		r = err_nomem(err);
		goto done;
	}
	uuid_random(id);
	uuid_format(x->id, id);
	x->service = s;
	x->retire = ask->retire;
	x->err = err;
	x->touched = moving_steady_ms();
	buf_init(&x->out, STATE_LONG_LINE_MAX + 2 * MOVING_CHUNK + STORE_PAGE_MAX * (STORE_RECORD_MAX / 64));
	(void)snprintf(x->actor, sizeof x->actor, "%s", actor);
	if ((r = look_signature(x, err)) != MUSTER_OK || (ask->passphrase != NULL && (r = seal_for(x, ask->passphrase, err)) != MUSTER_OK))
		goto done;
	/* What is shown, if only sealed, is in the record of acts before. */
	if (ask->passphrase != NULL && (r = ledger_journal_note(s->ledger, actor, ESTATE_J_STATE_EXPORT, "state", "product keys are written into a state file, under a passphrase", err)) != MUSTER_OK)
		goto done;
	if ((r = hold(x, actor, err)) != MUSTER_OK || (r = ledger_export_begin(s->ledger, x->retire, &x->head.sequence, err)) != MUSTER_OK ||
	    (r = audit_head(x, err)) != MUSTER_OK || (r = export_head(x, snap->catalog, ask->host != NULL ? ask->host : snap->config->host.name, err)) != MUSTER_OK)
		goto done;
	*out = json_pack("{s:s, s:b, s:o, s:I, s:b}", "export", x->id, "signed", x->is_signed, "instance", moving_uuid(x->head.instance), "sequence", (json_int_t)x->head.sequence,
		"retire", x->retire);
	if (*out == NULL) {
		r = err_nomem(err);
		goto done;
	}
	s->moving->out = x;
	x = NULL;
done:
	export_free(s, x);
	snapshot_unref(snap);
	return r;
}

static int find(struct state_export **out, struct service *s, const char *id, struct muster_err *err)
{
	struct state_export *x = s->moving->out;

	if (x == NULL || strcmp(x->id, id) != 0)
		return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "this export is not running any more: it was given up, or left alone for more than a minute");
	x->touched = moving_steady_ms();
	x->err = err;
	*out = x;
	if (x->retire && !ledger_hold(s->ledger, HOLD_MS, true))
		return err_code(err, MUSTER_E_NOT_YET, CODE_M_MOVING, "the export took too long, and the host grants again; begin anew");
	return MUSTER_OK;
}

int export_read(struct service *s, const char *id, json_t **out, struct muster_err *err)
{
	struct state_export *x;
	int r;

	if ((r = find(&x, s, id, err)) != MUSTER_OK || (r = fill(x)) != MUSTER_OK)
		return r;
	x->touched = moving_steady_ms();
	*out = json_pack("{s:s%, s:b, s:I}", "data", (const char *)x->out.p, x->out.n, "done", x->phase == PHASE_DONE, "clients", (json_int_t)x->counts[STATE_USE]);
	buf_clear(&x->out);
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}

static int finish(struct state_export *x, struct service *s, const char *actor, const char *file, struct muster_err *err)
{
	struct store_journal row = { .at = clock_wall_ms(s->clock), .kind = ESTATE_J_RETIRED };
	char detail[400], name[80];
	const char *base = strrchr(file, '/');

	if (x->phase != PHASE_DONE)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "the export was not read to its end");
	(void)snprintf(name, sizeof name, "%.60s", base != NULL ? base + 1 : file);
	(void)snprintf(detail, sizeof detail, "sequence %lld, %lld clients, SHA-256 %.64s%s, into %s", (long long)x->head.sequence, (long long)x->counts[STATE_USE], x->sha256,
	               x->is_signed ? "" : ", not signed", name);
	if (!x->retire)
		return ledger_journal_note(s->ledger, actor, ESTATE_J_STATE_EXPORT, "state", detail, err);
	(void)snprintf(row.actor, sizeof row.actor, "%s", actor);
	(void)snprintf(row.object, sizeof row.object, "host");
	(void)snprintf(row.detail, sizeof row.detail, "%s", detail);
	return ledger_retire(s->ledger, &row, name, err);
}

int export_end(struct service *s, const char *actor, const char *id, bool commit, const char *file, json_t **out, struct muster_err *err)
{
	struct state_export *x;
	json_t *counts;
	int r = find(&x, s, id, err);

	if (r != MUSTER_OK)
		return r;
	if (commit && (r = finish(x, s, actor, file, err)) != MUSTER_OK)
		return r;
	counts = json_object();
	for (int k = 0; k < STATE_END; k++)
		(void)json_object_set_new(counts, state_kind_word((enum state_kind)k), json_integer((json_int_t)x->counts[k]));
	*out = json_pack("{s:s, s:I, s:o, s:b, s:b}", "sha256", x->sha256, "sequence", (json_int_t)x->head.sequence, "counts", counts, "signed", x->is_signed,
		"retired", commit && x->retire);
	if (commit)
		x->retire = false;   /* it stays as it is */
	export_free(s, x);
	s->moving->out = NULL;
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}
