/*
 * The host's key file: finding it, and another one in its place.
 *
 * A change of it goes: 1 `KEY.next` is written; 2 one transaction seals every record under it; 3 the host's private key is written under it; 4 so is
 * the anchored head; 5 `KEY.next` takes the place of `KEY`. From 1 to 5 both are there, and whoever opens the state with both reads with both and does
 * what is left; each step done twice is as if done once. So nothing is lost wherever it ends.
 */
#include "core/activation/rest.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"

#define CREDENTIAL "muster-host-key"
#define KEY_FILE "secret/host-key"
#define PASSPHRASE_PURPOSE "muster host key passphrase v1"
#define PAGE 200
#define SEALED_MAX 8192
#define OBJECT "host key file"

typedef char passphrase_text[HEX_SIZE(32)];

/* Kinds of records with a member `sealed` (internal.h): its place is {kind, hexadecimal of the ID, "sealed"}. */
static const char *const sealed_kinds[] = { ACTIVATION_R_KEY, ACTIVATION_R_SLOT, ACTIVATION_R_EMBEDDED, ACTIVATION_R_ESTATE };

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* systemd's folder of credentials is not ours to write. */
static bool is_credential(const char *path)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	size_t n = dir != NULL ? strlen(dir) : 0;

	return n > 1 && strncmp(path, dir, n) == 0 && path[n] == '/';
}

/* The configured one, else a credential, else one of our own. */
static int find_path(struct activation *a, struct muster_err *err)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	char *path;

	if (a->key_path != NULL)
		return MUSTER_OK;
	if (credentials != NULL && credentials[0] == '/') {
		if ((path = file_join(credentials, CREDENTIAL)) == NULL)
			return err_nomem(err);
		if (exists(path)) {
			a->key_path = path;
			return MUSTER_OK;
		}
		mem_free(path);
	}
	return (a->key_path = file_join(a->dir, KEY_FILE)) != NULL ? MUSTER_OK : err_nomem(err);
}

static int passphrase_of(passphrase_text out, const struct seal *s, struct muster_err *err)
{
	uint8_t key[32];
	int r = seal_subkey(key, s, PASSPHRASE_PURPOSE, err);

	hex_encode(out, key, sizeof key);
	OPENSSL_cleanse(key, sizeof key);
	return r;
}

int activation_ring_passphrase(struct trust_ring *ring, const char *key_file, struct muster_err *err)
{
	passphrase_text passphrase = "";
	struct seal *s = NULL;
	int r;

	if ((r = seal_open_file(&s, key_file, false, err)) == MUSTER_OK && (r = passphrase_of(passphrase, s, err)) == MUSTER_OK)
		r = ring_passphrase(ring, passphrase, NULL, err);
	OPENSSL_cleanse(passphrase, sizeof passphrase);
	seal_free(s);
	return r;
}

/* ---- records ---- */

struct counts { size_t sealed, unreadable; };

/* A transaction in the making: records sealed anew. */
struct resealed { struct activation *a; struct store_record *records; struct buf *data; size_t n, seen, unreadable; uint8_t last[64]; size_t last_n; int r; struct muster_err *err; };

static int reseal_text(json_t *o, const struct seal *s, const struct store_record *x, struct muster_span sealed, struct muster_err *err)
{
	char row[HEX_SIZE(64)], *text = NULL;
	struct seal_place at = { x->kind, row, "sealed" };
	struct buf plain, again;
	int r;

	hex_encode(row, x->id, x->id_n);
	buf_init(&plain, SEALED_MAX);
	buf_init(&again, SEALED_MAX + SEAL_OVERHEAD);
	if ((r = seal_get(&plain, s, &at, sealed, err)) != MUSTER_OK || (r = seal_put(&again, s, &at, span_of(plain.p, plain.n), err)) != MUSTER_OK)
		goto done;
	if ((text = mem_alloc(B64_SIZE(again.n))) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	(void)b64_encode(text, again.p, again.n);
	if (json_object_set_new(o, "sealed", json_string(text)) != 0)
		r = err_nomem(err);
done:
	mem_free(text);
	buf_fini(&again);
	buf_cleanse(&plain);
	return r;
}

static int keep(struct resealed *t, const struct store_record *x, const json_t *o)
{
	struct store_record *records = mem_grow(t->records, t->n + 1, sizeof *records);
	struct buf *data = records != NULL ? mem_grow(t->data, t->n + 1, sizeof *data) : NULL;
	char *text = NULL;

	if (records != NULL)
		t->records = records;
	if (data != NULL)
		t->data = data;
	if (data == NULL || (text = json_dumps(o, JSON_COMPACT)) == NULL)
		return err_nomem(t->err);
	t->records[t->n] = *x;
	buf_init(&t->data[t->n], STORE_RECORD_MAX);
	buf_adds(&t->data[t->n], text);
	t->n++;
	free(text);
	return t->data[t->n - 1].failed ? err_nomem(t->err) : MUSTER_OK;
}

static int look(void *ctx, const struct store_record *x)
{
	struct resealed *t = ctx;
	json_t *o = json_loadb((const char *)x->data, x->data_n, JSON_REJECT_DUPLICATES, NULL);
	const char *text = json_string_value(json_object_get(o, "sealed"));
	uint8_t sealed[SEALED_MAX];
	struct muster_err why = { 0 };
	size_t n = 0;

	t->seen++;
	memcpy(t->last, x->id, x->id_n);
	t->last_n = x->id_n;
	if (text == NULL || b64_decode(sealed, sizeof sealed, &n, text, strlen(text)) != MUSTER_OK || seal_current(t->a->seal, span_of(sealed, n)))
		goto done;
	if ((t->r = reseal_text(o, t->a->seal, x, span_of(sealed, n), &why)) == MUSTER_OK) {
		t->r = keep(t, x, o);
	} else if (t->r == MUSTER_E_NOT_FOUND || t->r == MUSTER_E_MISMATCH || t->r == MUSTER_E_INVALID) {
		/* It could not be read before either: it stays as it is, for the day its key file is found. */
		activation_say(t->a, LOG_ERR, "activation-secret", "%s", why.message);
		t->unreadable++;
		t->r = MUSTER_OK;
	} else if (t->err != NULL) {
		*t->err = why;
	}
done:
	json_decref(o);
	return t->r;
}

static int each_sealed(struct resealed *t, int (*fn)(void *ctx, const struct store_record *))
{
	int r = MUSTER_OK;

	for (size_t i = 0; r == MUSTER_OK && i < sizeof sealed_kinds / sizeof sealed_kinds[0]; i++) {
		t->last_n = 0;
		do {
			t->seen = 0;
			r = ledger_records(t->a->ledger, sealed_kinds[i], span_of(t->last, t->last_n), PAGE, fn, t, t->err);
			if (r == MUSTER_OK)
				r = t->r;
		} while (r == MUSTER_OK && t->seen == PAGE);
	}
	return r;
}

static void journal(struct activation *a, struct store_change *c, const char *actor, const char *detail)
{
	c->journal.kind = ACTIVATION_J_REKEY;
	c->journal.at = clock_wall_ms(a->clock);
	(void)snprintf(c->journal.actor, sizeof c->journal.actor, "%s", actor);
	(void)snprintf(c->journal.object, sizeof c->journal.object, OBJECT);
	(void)snprintf(c->journal.detail, sizeof c->journal.detail, "%s", detail);
}

/* Everything that lies under an older key, under a->seal's newest; one transaction. @p always: with its row even if there was nothing. */
static int reseal_records(struct activation *a, const char *actor, const char *why, bool always, struct counts *count, struct muster_err *err)
{
	struct resealed t = { .a = a, .err = err };
	struct store_change *changes = NULL;
	char detail[128], id[HEX_SIZE(8)];
	int r = each_sealed(&t, look);

	*count = (struct counts){ t.n, t.unreadable };
	if (r != MUSTER_OK || (t.n == 0 && !always))
		goto done;
	if ((changes = mem_array(t.n + 1, sizeof *changes)) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	for (size_t i = 0; i < t.n; i++) {
		t.records[i].data = t.data[i].p;
		t.records[i].data_n = t.data[i].n;
		changes[i].kind = STORE_RECORD_PUT;
		changes[i].record = &t.records[i];
	}
	hex_encode(id, seal_key_id(a->seal), 8);
	(void)snprintf(detail, sizeof detail, "%s; key %s; records sealed anew: %zu", why, id, t.n);
	changes[t.n].kind = STORE_JOURNAL_ONLY;
	journal(a, &changes[t.n], actor, detail);
	r = ledger_transact(a->ledger, changes, t.n + 1, err);
done:
	for (size_t i = 0; i < t.n; i++)
		buf_fini(&t.data[i]);
	mem_free(t.data);
	mem_free(t.records);
	mem_free(changes);
	return r;
}

/* ---- the change ---- */

static char *beside(const char *path, const char *suffix)
{
	return mem_printf("%s%s", path, suffix);
}

static int sync_folder_of(const char *path, struct muster_err *err)
{
	char *copy = mem_strdup(path);
	int fd, r = MUSTER_OK;

	if (copy == NULL)
		return err_nomem(err);
	if ((fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 || fsync(fd) != 0)
		r = err_errno(err, errno, "cannot sync the folder of %s", path);
	if (fd >= 0)
		(void)close(fd);
	mem_free(copy);
	return r;
}

/* Steps 2 to 5. a->seal reads with both, and its newest is what everything goes to. @p next NULL: no file takes another's place. */
static int move_over(struct activation *a, const char *older, const char *next, const char *actor, const char *why, struct counts *count, struct muster_err *err)
{
	passphrase_text passphrase;
	int r;

	if ((r = passphrase_of(passphrase, a->seal, err)) != MUSTER_OK)
		goto done;
	if ((r = reseal_records(a, actor, why, next != NULL, count, err)) != MUSTER_OK || (r = ring_passphrase(a->ring, passphrase, older, err)) != MUSTER_OK
	    || (r = anchor_renew(a, err)) != MUSTER_OK)
		goto done;
	if (next != NULL && rename(next, a->key_path) != 0)
		r = err_errno(err, errno, "cannot rename %s", next);
	if (r == MUSTER_OK && next != NULL)
		r = sync_folder_of(a->key_path, err);
done:
	OPENSSL_cleanse(passphrase, sizeof passphrase);
	return r;
}

static int is_there(void *ctx, const struct store_record *x)
{
	struct resealed *t = ctx;
	json_t *o = json_loadb((const char *)x->data, x->data_n, 0, NULL);

	t->seen++;
	memcpy(t->last, x->id, x->id_n);
	t->last_n = x->id_n;
	t->n += json_object_get(o, "sealed") != NULL;
	json_decref(o);
	return 0;
}

/* No key file: a new one, unless something lies sealed that it could not open. */
static int first_key(struct activation *a, struct muster_err *err)
{
	struct resealed t = { .a = a, .err = err };
	char *pem = mem_printf("%s/host/key.pem", a->dir);
	bool encrypted = false;
	int r;

	if (pem == NULL)
		return err_nomem(err);
	if (exists(pem) && (r = trust_key_encrypted(&encrypted, pem, err)) != MUSTER_OK)
		goto done;
	if ((r = each_sealed(&t, is_there)) != MUSTER_OK)
		goto done;
	if (encrypted || t.n > 0)
		r = err_set(err, MUSTER_E_NOT_FOUND, "the host key file %s is missing, and %s%zu records lie sealed under it; put it back from your copy. If it is lost for good, make another one "
		            "(head -c 32 /dev/urandom, mode 0600)%s and install the product keys again", a->key_path, encrypted ? "the host's private key and " : "", t.n,
		            encrypted ? ", remove host/key.pem" : "");
	else
		r = seal_open_file(&a->seal, a->key_path, true, err);
done:
	mem_free(pem);
	return r;
}

/* a->seal becomes what @p next holds, and reads with all that it read with before. @p older gets the passphrase of the file that is still the present one. */
static int take_next(struct activation *a, const char *next, passphrase_text older, struct muster_err *err)
{
	struct seal *fresh = NULL, *present = NULL;
	int r;

	if ((r = seal_open_file(&present, a->key_path, false, err)) != MUSTER_OK || (r = passphrase_of(older, present, err)) != MUSTER_OK
	    || (r = seal_open_file(&fresh, next, true, err)) != MUSTER_OK)
		goto done;
	if ((r = seal_add_known(fresh, present, err)) != MUSTER_OK || (r = seal_add_known(fresh, a->seal, err)) != MUSTER_OK)
		goto done;
	/* The acts' lock is held, but the anchor is written without it. */
	if (a->rest != NULL)
		pthread_mutex_lock(&a->rest->lock);
	seal_free(a->seal);
	a->seal = fresh;
	fresh = NULL;
	if (a->rest != NULL)
		pthread_mutex_unlock(&a->rest->lock);
done:
	seal_free(present);
	seal_free(fresh);
	return r;
}

/* An older key that an administrator left beside the present one: for credentials, which only he can change, and for restored states. */
static int take_old(struct activation *a, const char *old, passphrase_text older, struct muster_err *err)
{
	struct seal *was = NULL;
	int r;

	if ((r = seal_open_file(&was, old, false, err)) != MUSTER_OK)
		return r;
	if ((r = passphrase_of(older, was, err)) == MUSTER_OK)
		r = seal_add_old_file(a->seal, old, err);
	seal_free(was);
	return r;
}

int rest_open(struct activation *a, struct muster_err *err)
{
	char *next = NULL, *old = NULL;
	passphrase_text older = "";
	bool interrupted;
	struct counts count;
	int r;

	if ((r = find_path(a, err)) != MUSTER_OK)
		return r;
	if ((next = beside(a->key_path, ".next")) == NULL || (old = beside(a->key_path, ".old")) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if ((r = seal_open_file(&a->seal, a->key_path, false, err)) == MUSTER_E_NOT_FOUND && !is_credential(a->key_path))
		r = first_key(a, err);
	if (r != MUSTER_OK)
		goto done;
	interrupted = !is_credential(a->key_path) && exists(next);
	if (interrupted && (r = take_next(a, next, older, err)) != MUSTER_OK)
		goto done;
	if (!interrupted && exists(old) && (r = take_old(a, old, older, err)) != MUSTER_OK)
		goto done;
	if ((r = anchor_open(a, err)) != MUSTER_OK)
		goto done;
	r = move_over(a, older[0] != '\0' ? older : NULL, interrupted ? next : NULL, ACTIVATION_SELF, interrupted ? "an interrupted change was ended" : "an older key file lies beside it",
	              &count, err);
	if (r == MUSTER_OK && interrupted)
		activation_say(a, LOG_NOTICE, "rekey", "the change of the host key file that was interrupted is done");
done:
	OPENSSL_cleanse(older, sizeof older);
	mem_free(next);
	mem_free(old);
	return r;
}

void rest_free(struct activation *a)
{
	anchor_free(a);
	seal_free(a->seal);
	a->seal = NULL;
}

/* Acts held. */
static int rekey(struct activation *a, const char *actor, struct counts *count, struct muster_err *err)
{
	char *next = beside(a->key_path, ".next");
	passphrase_text older = "";
	int r;

	if (next == NULL)
		return err_nomem(err);
	if ((r = take_next(a, next, older, err)) == MUSTER_OK)
		r = move_over(a, older, next, actor, "changed", count, err);
	OPENSSL_cleanse(older, sizeof older);
	mem_free(next);
	return r;
}

/* What an administrator is told. */
static json_t *rekey_json(const struct activation *a, const struct counts *count)
{
	char message[256], id[HEX_SIZE(8)];
	json_t *warnings = json_pack("[s]", "Copies and backups made before need the key file that they were made with; copy the new one to where the old one is kept.");

	hex_encode(id, seal_key_id(a->seal), 8);
	if (count->unreadable > 0) {
		(void)snprintf(message, sizeof message, "%zu records could not be read before, and cannot now: they lie under another key file.", count->unreadable);
		(void)json_array_append_new(warnings, json_string(message));
	}
	(void)snprintf(message, sizeof message, "The host key file is a new one (%s); %zu records and the host's private key are sealed under it.", id, count->sealed);
	return json_pack("{s:s, s:I, s:s, s:o}", "message", message, "records", (json_int_t)count->sealed, "key_id", id, "warnings", warnings);
}

int activation_rekey(struct activation *a, const char *actor, json_t **out, struct muster_err *err)
{
	struct counts count = { 0, 0 };
	struct muster_err why;
	int r, loaded;

	*out = NULL;
	if (is_credential(a->key_path))
		return err_code(err, MUSTER_E_UNSUPPORTED, CODE_M_ARGUMENT, "The host key file is a credential of the system, which only its administrator can change: give the present one the "
		                "name " CREDENTIAL ".old, a new one (systemd-creds encrypt) the name " CREDENTIAL ", and restart; everything is then sealed anew.");
	activation_begin(a);
	r = rekey(a, actor, &count, err);
	/* Also when it was not ended: what was sealed anew must not be written back as it was. */
	loaded = records_load(a, &why);
	if (r == MUSTER_OK && (r = loaded) != MUSTER_OK && err != NULL)
		*err = why;
	if (r == MUSTER_OK && (*out = rekey_json(a, &count)) == NULL)
		r = err_nomem(err);
	activation_end(a);
	if (r != MUSTER_OK)
		return err_prefix(err, r, "the change is not complete and nothing is lost; it is ended by doing it again, or at the next start");
	return MUSTER_OK;
}
