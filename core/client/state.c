#include "core/client/state.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/trust/statement.h"

#define FILE_MAX 65536

/* ---- records as JSON: one table each ---- */

enum kind { TEXT, TIME, NUMBER, BYTES };
struct member { const char *name; enum kind kind; size_t offset, size; bool optional; };
#define M(type, member, kind) { #member, kind, offsetof(type, member), sizeof((type *)0)->member, false }
/* Written by later versions only: absent is zero. */
#define LATER(type, member, kind) { #member, kind, offsetof(type, member), sizeof((type *)0)->member, true }

static const struct member identity_members[] = {
	M(struct state_identity, client_id, BYTES), M(struct state_identity, hardware, BYTES),
	M(struct state_identity, has_hardware, NUMBER), M(struct state_identity, rearms, NUMBER),
	M(struct state_identity, rearm_max, NUMBER), M(struct state_identity, advised_at, TIME),
	{ NULL, TEXT, 0, 0, false }
};
static const struct member record_members[] = {
	M(struct state_record, name, TEXT), M(struct state_record, product_id, BYTES),
	M(struct state_record, release, BYTES), M(struct state_record, has_release, NUMBER),
	M(struct state_record, nonce, BYTES), M(struct state_record, has_nonce, NUMBER),
	M(struct state_record, nonce_at, TIME), M(struct state_record, first_at, TIME), M(struct state_record, next_at, TIME),
	M(struct state_record, ended_at, TIME), M(struct state_record, answered, NUMBER), M(struct state_record, code, NUMBER),
	M(struct state_record, count, NUMBER), M(struct state_record, minimum_count, NUMBER),
	M(struct state_record, retry_s, NUMBER), M(struct state_record, failures, NUMBER),
	M(struct state_record, host, TEXT), M(struct state_record, message, TEXT),
	LATER(struct state_record, telephone, NUMBER),
	LATER(struct state_record, access, NUMBER), LATER(struct state_record, per, NUMBER),
	LATER(struct state_record, user, TEXT), LATER(struct state_record, version, TEXT),
	LATER(struct state_record, held_per, NUMBER), LATER(struct state_record, held_kind, NUMBER), LATER(struct state_record, held_version, TEXT),
	LATER(struct state_record, seats, NUMBER), LATER(struct state_record, position, NUMBER), LATER(struct state_record, heartbeat_s, NUMBER),
	LATER(struct state_record, over, NUMBER), LATER(struct state_record, grace_by, NUMBER), LATER(struct state_record, grace_s, TIME),
	LATER(struct state_record, model, TEXT),
	{ NULL, TEXT, 0, 0, false }
};
static const struct member key_members[] = {
	M(struct state_key, kind, TEXT), M(struct state_key, number, NUMBER), M(struct state_key, partial, TEXT),
	M(struct state_key, issuer_id, BYTES), M(struct state_key, proof_key, BYTES),
	M(struct state_key, installation_id, TEXT), M(struct state_key, binding, BYTES), M(struct state_key, issuer_url, TEXT),
	{ NULL, TEXT, 0, 0, false }
};

static json_t *encode_one(const struct member *m, const void *base)
{
	const void *at = (const char *)base + m->offset;
	char hex[HEX_SIZE(64)];

	switch (m->kind) {
	case TEXT:
		return json_string(at);
	case TIME:
		return json_integer(*(const int64_t *)at);
	case NUMBER:
		return json_integer(*(const uint32_t *)at);
	case BYTES:
		hex_encode(hex, at, m->size);
		return json_string(hex);
	}
	return NULL;
}

static int encode(struct buf *out, const struct member *m, const void *base, struct muster_err *err)
{
	json_t *o = json_object();
	char *text = NULL;
	int r = MUSTER_E_NOMEM;

	for (; o != NULL && m->name != NULL; m++)
		if (json_object_set_new(o, m->name, encode_one(m, base)) != 0)
			goto done;
	if (o == NULL || (text = json_dumps(o, JSON_INDENT(1))) == NULL)
		goto done;
	buf_adds(out, text);
	buf_addc(out, '\n');
	r = out->failed ? MUSTER_E_NOMEM : MUSTER_OK;
done:
	free(text);
	json_decref(o);
	return r == MUSTER_OK ? r : err_nomem(err);
}

/* False when the value cannot be one that encode_one() wrote. */
static bool decode_one(const struct member *m, void *base, const json_t *v)
{
	void *at = (char *)base + m->offset;

	switch (m->kind) {
	case TEXT:
		if (!json_is_string(v) || json_string_length(v) >= m->size)
			return false;
		memcpy(at, json_string_value(v), json_string_length(v) + 1);
		return true;
	case TIME:
		if (!json_is_integer(v) || json_integer_value(v) < 0)
			return false;
		*(int64_t *)at = json_integer_value(v);
		return true;
	case NUMBER:
		if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > UINT32_MAX)
			return false;
		*(uint32_t *)at = (uint32_t)json_integer_value(v);
		return true;
	case BYTES:
		return json_is_string(v) && hex_decode(at, m->size, json_string_value(v), json_string_length(v)) == MUSTER_OK;
	}
	return false;
}

static int decode(const struct member *m, void *base, const char *path, const struct buf *text, struct muster_err *err)
{
	json_error_t e;
	json_t *o = json_loadb(buf_str(text), text->n, JSON_REJECT_DUPLICATES, &e);
	int r = MUSTER_OK;

	if (!json_is_object(o))
		r = err_set(err, MUSTER_E_INVALID, "%s is damaged: it is not a JSON object. Restore it, or remove it to begin anew", path);
	for (; r == MUSTER_OK && m->name != NULL; m++) {
		const json_t *v = json_object_get(o, m->name);

		if (v == NULL && m->optional)
			continue;
		if (!decode_one(m, base, v))
			r = err_set(err, MUSTER_E_INVALID, "%s is damaged: %s %s. Restore it, or remove it to begin anew", path, m->name,
				v == NULL ? "is missing" : "has no valid value");
	}
	json_decref(o);
	return r;
}

/* ---- files ---- */

static int path_of(char out[PATH_MAX], const struct state *s, const char *folder, const char *name, const char *ending, struct muster_err *err)
{
	int n = snprintf(out, PATH_MAX, "%s/%s%s%s", s->dir, folder, name, ending);

	return n > 0 && n < PATH_MAX - 16 ? MUSTER_OK : err_set(err, MUSTER_E_LIMIT, "the path of the state folder is too long");
}

static int load(const struct state *s, const char *folder, const char *name, const char *ending, size_t max, struct buf *out, struct muster_err *err)
{
	char path[PATH_MAX];
	int r = path_of(path, s, folder, name, ending, err);

	return r != MUSTER_OK ? r : file_read(out, path, max, err);
}

static int save(const struct state *s, const char *folder, const char *name, const char *ending, struct muster_span bytes, struct muster_err *err)
{
	char path[PATH_MAX];
	int r = path_of(path, s, folder, name, ending, err);

	return r != MUSTER_OK ? r : file_write(path, bytes, 0600, err);
}

static int drop(const struct state *s, const char *folder, const char *name, const char *ending, struct muster_err *err)
{
	char path[PATH_MAX];
	int r = path_of(path, s, folder, name, ending, err);

	if (r != MUSTER_OK)
		return r;
	return unlink(path) == 0 || errno == ENOENT ? MUSTER_OK : err_errno(err, errno, "cannot remove %s", path);
}

static int load_object(const struct state *s, const char *folder, const char *name, const struct member *m, void *out, size_t size, struct muster_err *err)
{
	char path[PATH_MAX];
	struct buf b;
	int r;

	memset(out, 0, size);
	buf_init(&b, FILE_MAX);
	if ((r = path_of(path, s, folder, name, ".json", err)) == MUSTER_OK && (r = file_read(&b, path, FILE_MAX, err)) == MUSTER_OK)
		r = decode(m, out, path, &b, err);
	if (r != MUSTER_OK)
		memset(out, 0, size);
	buf_cleanse(&b);
	return r;
}

static int save_object(const struct state *s, const char *folder, const char *name, const struct member *m, const void *in, struct muster_err *err)
{
	struct buf b;
	int r;

	buf_init(&b, FILE_MAX);
	if ((r = encode(&b, m, in, err)) == MUSTER_OK)
		r = save(s, folder, name, ".json", span_of(b.p, b.n), err);
	buf_cleanse(&b);
	return r;
}

/* Secrets lie here, and whoever can write here can exchange them: the folder is its owner's alone. */
static int check_folder(const char *dir, struct muster_err *err)
{
	struct stat st;

	if (stat(dir, &st) != 0)
		return err_errno(err, errno, "cannot examine the state folder %s", dir);
	if (st.st_uid != geteuid())
		return err_set(err, MUSTER_E_DENIED, "the state folder %s belongs to user %lu: run this as that user, or choose another folder with --state",
			dir, (unsigned long)st.st_uid);
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return err_set(err, MUSTER_E_DENIED, "the state folder %s can be used by others (mode %04o): chmod 700 %s", dir,
			(unsigned)(st.st_mode & 07777), dir);
	return MUSTER_OK;
}

int state_open(struct state *s, const char *dir, struct muster_err *err)
{
	static const char *const folders[] = { "products", "leases", "chains", "keys", "confirmations" };
	char path[PATH_MAX];
	int r;

	*s = (struct state) { .lock_fd = -1 };
	if ((s->dir = mem_strdup(dir)) == NULL)
		return err_nomem(err);
	if ((r = file_make_dir(dir, 0700, err)) != MUSTER_OK || (r = check_folder(dir, err)) != MUSTER_OK)
		goto failed;
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		if ((r = path_of(path, s, folders[i], "", "", err)) != MUSTER_OK || (r = file_make_dir(path, 0700, err)) != MUSTER_OK)
			goto failed;
	return MUSTER_OK;
failed:
	state_close(s);
	return r;
}

void state_close(struct state *s)
{
	state_unlock(s);
	mem_free(s->dir);
	s->dir = NULL;
}

int state_lock(struct state *s, struct muster_err *err)
{
	char path[PATH_MAX];
	int r;

	MUSTER_ASSERT(s->lock_fd < 0);
	if ((r = path_of(path, s, "lock", "", "", err)) != MUSTER_OK)
		return r;
	return file_lock(&s->lock_fd, path, err);
}

void state_unlock(struct state *s)
{
	if (s->lock_fd >= 0)
		(void)close(s->lock_fd);
	s->lock_fd = -1;
}

int state_identity_load(const struct state *s, struct state_identity *out, struct muster_err *err)
{
	int r = load_object(s, "", "identity", identity_members, out, sizeof *out, err);

	if (r == MUSTER_OK && uuid_is_nil(out->client_id))
		return err_set(err, MUSTER_E_INVALID, "%s/identity.json is damaged: client_id is nil. Restore it, or remove it to begin anew", s->dir);
	return r;
}

/* Whole and synced under a name of our own, then linked: link() fails where rename() would replace. */
int state_identity_create(const struct state *s, const struct state_identity *id, struct muster_err *err)
{
	char name[64], own[PATH_MAX], path[PATH_MAX];
	int r;

	(void)snprintf(name, sizeof name, "identity.%ld", (long)getpid());
	if ((r = path_of(own, s, "", name, ".json", err)) != MUSTER_OK || (r = path_of(path, s, "", "identity", ".json", err)) != MUSTER_OK ||
	    (r = save_object(s, "", name, identity_members, id, err)) != MUSTER_OK)
		return r;
	if (link(own, path) != 0)
		r = errno == EEXIST ? err_set(err, MUSTER_E_EXISTS, "%s is there already", path) : err_errno(err, errno, "cannot make %s", path);
	(void)unlink(own);
	return r;
}

int state_identity_save(const struct state *s, const struct state_identity *id, struct muster_err *err)
{
	return save_object(s, "", "identity", identity_members, id, err);
}

int state_record_load(const struct state *s, const char *id, struct state_record *out, struct muster_err *err)
{
	return load_object(s, "products/", id, record_members, out, sizeof *out, err);
}

int state_record_save(const struct state *s, const char *id, const struct state_record *r, struct muster_err *err)
{
	return save_object(s, "products/", id, record_members, r, err);
}

void state_record_keep(struct state_record *fresh, const struct state_record *old)
{
	fresh->access = old->access;
	fresh->per = old->per;
	memcpy(fresh->user, old->user, sizeof fresh->user);
	memcpy(fresh->version, old->version, sizeof fresh->version);
	memcpy(fresh->model, old->model, sizeof fresh->model);
	fresh->grace_by = old->grace_by;
	fresh->grace_s = old->grace_s;
	if (old->access != 0)
		fresh->first_at = old->first_at;
}

int state_key_load(const struct state *s, const char *id, struct state_key *out, struct muster_err *err)
{
	return load_object(s, "keys/", id, key_members, out, sizeof *out, err);
}

int state_key_save(const struct state *s, const char *id, const struct state_key *k, struct muster_err *err)
{
	return save_object(s, "keys/", id, key_members, k, err);
}

int state_key_remove(const struct state *s, const char *id, struct muster_err *err)
{
	return drop(s, "keys/", id, ".json", err);
}

int state_facts_load(const struct state *s, struct buf *out, struct muster_err *err)
{
	int r = load(s, "", "facts", ".json", FILE_MAX, out, err);

	return r == MUSTER_E_NOT_FOUND ? MUSTER_OK : r;
}

int state_facts_save(const struct state *s, struct muster_span text, struct muster_err *err)
{
	return save(s, "", "facts", ".json", text, err);
}

static int load_token(const struct state *s, const char *folder, const char *id, size_t max, struct buf *out, struct muster_err *err)
{
	int r = load(s, folder, id, ".jws", max + 1, out, err);

	/* One line end is allowed: an editor or `cp` through a terminal leaves it. */
	if (r == MUSTER_OK && out->n > 0 && out->p[out->n - 1] == '\n')
		out->p[--out->n] = '\0';
	return r;
}

int state_confirmation_load(const struct state *s, const char *id, struct buf *out, struct muster_err *err)
{
	return load_token(s, "confirmations/", id, STATEMENT_CONFIRMATION_MAX, out, err);
}

int state_confirmation_save(const struct state *s, const char *id, struct muster_span token, struct muster_err *err)
{
	return save(s, "confirmations/", id, ".jws", token, err);
}

int state_lease_load(const struct state *s, const char *id, struct buf *out, struct muster_err *err)
{
	return load_token(s, "leases/", id, TRUST_LEASE_MAX, out, err);
}

int state_lease_save(const struct state *s, const char *id, struct muster_span lease, struct muster_err *err)
{
	return save(s, "leases/", id, ".jws", lease, err);
}

int state_chain_load(const struct state *s, const char *kid, struct buf *out, struct muster_err *err)
{
	return load(s, "chains/", kid, ".pem", TRUST_CHAIN_MAX, out, err);
}

int state_chain_save(const struct state *s, const char *kid, struct muster_span pem, struct muster_err *err)
{
	return save(s, "chains/", kid, ".pem", pem, err);
}

int state_crl_load(const struct state *s, struct buf *out, struct muster_err *err)
{
	return load(s, "", "crl", ".pem", CRL_MAX, out, err);
}

int state_crl_save(const struct state *s, struct muster_span pem, struct muster_err *err)
{
	return save(s, "", "crl", ".pem", pem, err);
}

int state_mark_load(const struct state *s, int64_t *seconds, struct muster_err *err)
{
	struct buf b;
	char *end;
	int r;

	*seconds = 0;
	buf_init(&b, 64);
	if ((r = load(s, "", "clock", "", 32, &b, err)) == MUSTER_OK) {
		*seconds = strtoll(buf_str(&b), &end, 10);
		if (b.n == 0 || *end != '\n' || *seconds < 0) {
			*seconds = 0;
			r = err_set(err, MUSTER_E_INVALID, "%s/clock is damaged: remove it and renew", s->dir);
		}
	} else if (r == MUSTER_E_NOT_FOUND) {
		r = MUSTER_OK;
	}
	buf_fini(&b);
	return r;
}

int state_mark_save(const struct state *s, int64_t seconds, struct muster_err *err)
{
	char text[32];
	int n = snprintf(text, sizeof text, "%lld\n", (long long)seconds);

	return save(s, "", "clock", "", span_of(text, (size_t)n), err);
}

int state_hosts_load(const struct state *s, struct buf *out, struct muster_err *err)
{
	int r = load(s, "", "hosts", "", FILE_MAX, out, err);

	return r == MUSTER_E_NOT_FOUND ? MUSTER_OK : r;
}

int state_hosts_save(const struct state *s, const char *text, struct muster_err *err)
{
	return text == NULL ? drop(s, "", "hosts", "", err) : save(s, "", "hosts", "", span_str(text), err);
}

int state_forget(const struct state *s, const char *id, bool record, struct muster_err *err)
{
	int r = drop(s, "leases/", id, ".jws", err);

	if (r == MUSTER_OK && record && (r = state_key_remove(s, id, err)) == MUSTER_OK)
		r = drop(s, "products/", id, ".json", err);
	return r;
}

/* ---- listing ---- */

struct names { char (*text)[64]; size_t n; };

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Names in a folder that end as wanted, the ending cut off, sorted. */
static int list(struct names *out, const struct state *s, const char *folder, const char *ending, struct muster_err *err)
{
	char path[PATH_MAX];
	const struct dirent *e;
	size_t end = strlen(ending), n;
	void *more;
	DIR *d;
	int r;

	*out = (struct names) { NULL, 0 };
	if ((r = path_of(path, s, folder, "", "", err)) != MUSTER_OK)
		return r;
	if ((d = opendir(path)) == NULL)
		return err_errno(err, errno, "cannot read the folder %s", path);
	while (r == MUSTER_OK && (e = readdir(d)) != NULL) {
		n = strlen(e->d_name);
		if (n <= end || n - end >= sizeof out->text[0] || strcmp(e->d_name + n - end, ending) != 0)
			continue;
		if ((more = mem_grow(out->text, out->n + 1, sizeof out->text[0])) == NULL) {
			r = err_nomem(err);
			continue;
		}
		out->text = more;
		(void)snprintf(out->text[out->n++], sizeof out->text[0], "%.*s", (int)(n - end), e->d_name);
	}
	(void)closedir(d);
	if (out->n > 1)
		qsort(out->text, out->n, sizeof out->text[0], by_name);
	return r;
}

/* ID, or with users ID.USER as client_slot() makes it. */
static bool is_slot(const char *name, bool users)
{
	uint8_t id[16];
	size_t n = strlen(name);

	if (n > UUID_TEXT - 1 && !(users && n == STATE_SLOT - 1 && name[UUID_TEXT - 1] == '.'))
		return false;
	return n >= UUID_TEXT - 1 && uuid_parse(id, name, UUID_TEXT - 1) == MUSTER_OK;
}

static int each(const struct state *s, bool users, int (*fn)(void *ctx, const char *slot), void *ctx, struct muster_err *err)
{
	struct names names;
	int r = list(&names, s, "products/", ".json", err);

	for (size_t i = 0; r == MUSTER_OK && i < names.n; i++)
		if (is_slot(names.text[i], users))
			r = fn(ctx, names.text[i]);
	mem_free(names.text);
	return r;
}

int state_each(const struct state *s, int (*fn)(void *ctx, const char *id), void *ctx, struct muster_err *err)
{
	return each(s, false, fn, ctx, err);
}

int state_each_slot(const struct state *s, int (*fn)(void *ctx, const char *slot), void *ctx, struct muster_err *err)
{
	return each(s, true, fn, ctx, err);
}

void state_chains_prune(const struct state *s)
{
	struct names leases = { NULL, 0 }, chains = { NULL, 0 };
	struct buf lease;
	char kid[44];

	buf_init(&lease, FILE_MAX);
	if (list(&leases, s, "leases/", ".jws", NULL) != MUSTER_OK || list(&chains, s, "chains/", ".pem", NULL) != MUSTER_OK)
		goto done;
	for (size_t i = 0; i < leases.n; i++) {
		/* A lease that cannot be read might name any of them: keep all. */
		if (state_lease_load(s, leases.text[i], &lease, NULL) != MUSTER_OK ||
		    trust_token_kid(kid, span_of(lease.p, lease.n), NULL) != MUSTER_OK)
			goto done;
		for (size_t c = 0; c < chains.n; c++)
			if (strcmp(chains.text[c], kid) == 0)
				chains.text[c][0] = '\0';
	}
	for (size_t c = 0; c < chains.n; c++)
		if (chains.text[c][0] != '\0')
			(void)drop(s, "chains/", chains.text[c], ".pem", NULL);
done:
	buf_fini(&lease);
	mem_free(leases.text);
	mem_free(chains.text);
}
