/*
 * The record of acts: following its chain, and anchoring its head outside of it. A chain alone does not show that its end was cut off, or that all
 * of it was computed anew; a head that lies elsewhere does, for everything up to it.
 */
#include "core/activation/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"

#define ANCHOR_FILE "audit.head"
#define ANCHOR_MAX 1024
#define ANCHOR_PURPOSE "muster audit head v1"
#define ANCHOR_FIRST_LINE "muster-audit-head 1\n"
#define PAGE 500
#define LOOK_MS (60 * 1000)
#define DAY_MS (24LL * 3600 * 1000)
#define AGE_MAX_MS (DAY_MS + 3600 * 1000)
#define PREFIX_LEAST 16               /* hexadecimal digits of a hash that --expect must give */

#define broken(err, ...) err_code(err, MUSTER_E_SIGNATURE, CODE_M_AUDIT, __VA_ARGS__)

/* ---- following the chain ---- */

/* A row that must have this hash, or one that begins so. */
struct watch { int64_t seq; char hash[HEX_SIZE(32)]; const char *whose; bool seen; };

struct walk { struct audit_point at; int64_t beat, rows; struct watch *watch; size_t watches; int r; struct muster_err *err; };

static int walk_row(void *ctx, const struct store_journal *row)
{
	struct walk *w = ctx;
	uint8_t hash[32];
	char text[HEX_SIZE(32)];

	if (store_journal_hash(hash, row) != MUSTER_OK)
		return w->r = err_nomem(w->err);
	if (row->seq != w->at.seq + 1)
		return w->r = broken(w->err, "The record of acts has a gap: entry %lld follows entry %lld.", (long long)row->seq, (long long)w->at.seq);
	if (memcmp(row->prev, w->at.hash, 32) != 0)
		return w->r = broken(w->err, "The record of acts was changed: entry %lld does not follow from entry %lld.", (long long)row->seq, (long long)w->at.seq);
	if (memcmp(row->hash, hash, 32) != 0)
		return w->r = broken(w->err, "The record of acts was changed: entry %lld is not what was written.", (long long)row->seq);
	hex_encode(text, hash, 32);
	for (size_t i = 0; i < w->watches; i++) {
		if (w->watch[i].seq != row->seq)
			continue;
		if (strncmp(text, w->watch[i].hash, strlen(w->watch[i].hash)) != 0)
			return w->r = broken(w->err, "The record of acts was written anew: entry %lld is another one than %s says.", (long long)row->seq, w->watch[i].whose);
		w->watch[i].seen = true;
	}
	w->at = (struct audit_point){ .seq = row->seq, .at = row->at };
	memcpy(w->at.hash, hash, 32);
	if (row->kind == ACTIVATION_J_HEARTBEAT)
		w->beat = row->at;
	w->rows++;
	return 0;
}

/* From w->at to the newest row. */
static int follow(struct activation *a, struct walk *w)
{
	int64_t before;
	int r;

	do {
		before = w->rows;
		if ((r = ledger_journal(a->ledger, w->at.seq, PAGE, walk_row, w, w->err)) != MUSTER_OK || (r = w->r) != MUSTER_OK)
			return r;
	} while (w->rows - before == PAGE);
	for (size_t i = 0; i < w->watches; i++)
		if (!w->watch[i].seen)
			return broken(w->err, "The end of the record of acts is missing: it ends with entry %lld, and %s knows entry %lld.", (long long)w->at.seq, w->watch[i].whose,
			              (long long)w->watch[i].seq);
	return MUSTER_OK;
}

static void watch_point(struct watch *w, const struct audit_point *p, const char *whose)
{
	*w = (struct watch){ .seq = p->seq, .whose = whose };
	hex_encode(w->hash, p->hash, 32);
}

static void head_text(char out[REST_HEAD], const struct audit_point *p)
{
	char hash[HEX_SIZE(32)];

	hex_encode(hash, p->hash, 32);
	(void)snprintf(out, REST_HEAD, "%lld:%s", (long long)p->seq, hash);
}

/* ---- the file ---- */

static int mac_of(char out[HEX_SIZE(32)], const struct activation *a, const uint8_t key_id[8], struct muster_span text, struct muster_err *err)
{
	uint8_t key[32], mac[32] = { 0 };
	unsigned n = 0;
	int r;

	if ((r = seal_subkey_of(key, a->seal, key_id, ANCHOR_PURPOSE, err)) == MUSTER_OK && HMAC(EVP_sha256(), key, sizeof key, text.p, text.n, mac, &n) == NULL)
		r = err_set(err, MUSTER_E_INTERNAL, "cannot make the HMAC of the record's head");
	hex_encode(out, mac, sizeof mac);
	OPENSSL_cleanse(key, sizeof key);
	OPENSSL_cleanse(mac, sizeof mac);
	return r;
}

static int anchor_write(struct activation *a, const struct audit_point *p, struct muster_err *err)
{
	struct rest *s = a->rest;
	char id[37], hash[HEX_SIZE(32)], key[HEX_SIZE(8)], mac[HEX_SIZE(32)], *path = file_join(a->dir, ANCHOR_FILE);
	struct buf text;
	int r;

	buf_init(&text, ANCHOR_MAX);
	ledger_identity(a->ledger, id);
	hex_encode(hash, p->hash, 32);
	hex_encode(key, seal_key_id(a->seal), 8);
	buf_addf(&text, ANCHOR_FIRST_LINE "ledger %s\nseq %lld\nhash %s\nat %lld\nbeat %lld\nkey %s\n", id, (long long)p->seq, hash, (long long)p->at, (long long)s->beat, key);
	if (path == NULL || text.failed) {
		r = err_nomem(err);
		goto done;
	}
	if ((r = mac_of(mac, a, seal_key_id(a->seal), span_of(text.p, text.n), err)) != MUSTER_OK)
		goto done;
	buf_addf(&text, "mac %s\n", mac);
	if (text.failed)
		r = err_nomem(err);
	else
		r = file_write(path, span_of(text.p, text.n), 0600, err);
	if (r == MUSTER_OK) {
		s->anchor = *p;
		s->anchored = true;
		buf_fini(&s->text);
		s->text = text;
		buf_init(&text, ANCHOR_MAX);
	}
done:
	buf_fini(&text);
	mem_free(path);
	return r;
}

struct fields { char id[37], hash[HEX_SIZE(32)], key[HEX_SIZE(8)], mac[HEX_SIZE(32)]; long long seq, at, beat; };

/* Exactly what anchor_write() writes. @return bytes before the line of the MAC, 0: another form. */
static size_t read_fields(struct fields *f, const struct buf *text)
{
	const char *t = buf_str(text), *mac = strstr(t, "\nmac ");
	int end = 0;

	if (mac == NULL || strlen(t) != text->n
	    || sscanf(t, ANCHOR_FIRST_LINE "ledger %36s\nseq %lld\nhash %64[0-9a-f]\nat %lld\nbeat %lld\nkey %16[0-9a-f]\nmac %64[0-9a-f]%n", f->id, &f->seq, f->hash, &f->at,
	              &f->beat, f->key, f->mac, &end) != 7)
		return 0;
	return strcmp(t + end, "\n") == 0 ? (size_t)(mac + 1 - t) : 0;
}

/* @return MUSTER_OK; MUSTER_E_NOT_FOUND: no file; else what is wrong with it, as a sentence. */
static int anchor_read(struct activation *a, struct audit_point *p, int64_t *beat, struct buf *text, struct muster_err *err)
{
	char id[37], mac[HEX_SIZE(32)], *path = file_join(a->dir, ANCHOR_FILE);
	struct fields f;
	uint8_t key_id[8];
	size_t signed_n;
	int r;

	if (path == NULL)
		return err_nomem(err);
	if ((r = file_read(text, path, ANCHOR_MAX, err)) != MUSTER_OK)
		goto done;
	ledger_identity(a->ledger, id);
	if ((signed_n = read_fields(&f, text)) == 0 || hex_decode(key_id, 8, f.key, strlen(f.key)) != MUSTER_OK || hex_decode(p->hash, 32, f.hash, strlen(f.hash)) != MUSTER_OK) {
		r = broken(err, "%s is damaged: it has not the form of an anchored head.", path);
	} else if ((r = mac_of(mac, a, key_id, span_of(text->p, signed_n), err)) != MUSTER_OK) {
		r = r == MUSTER_E_NOT_FOUND ? broken(err, "%s was made under another host key file than the present one.", path) : r;
	} else if (CRYPTO_memcmp(mac, f.mac, sizeof mac) != 0) {
		r = broken(err, "%s was changed: its HMAC is wrong.", path);
	} else if (strcmp(f.id, id) != 0) {
		r = broken(err, "%s belongs to another host.", path);
	} else {
		p->seq = f.seq;
		p->at = f.at;
		*beat = f.beat;
	}
done:
	mem_free(path);
	return r;
}

/* ---- at the start, and then now and again ---- */

static void fault(struct activation *a, const char *what)
{
	(void)snprintf(a->rest->fault, sizeof a->rest->fault, "%.400s If an older state was restored on purpose, remove " ANCHOR_FILE " from the state folder and start again.", what);
	activation_say(a, LOG_ERR, "audit", "%s", a->rest->fault);
}

/* Rows behind the head that is known. Lock held. */
static int catch_up(struct activation *a, struct muster_err *err)
{
	struct rest *s = a->rest;
	struct walk w = { .at = s->head, .beat = s->beat, .err = err };
	int r = follow(a, &w);

	if (r == MUSTER_OK) {
		s->head = w.at;
		s->beat = w.beat;
	}
	return r;
}

/* The row of the anchor, then those behind it. Rows before it are looked at by `audit verify`. */
static int compare(struct activation *a, struct muster_err *err)
{
	struct rest *s = a->rest;
	struct watch watch;
	struct walk w = { .beat = s->beat, .watch = &watch, .watches = 1, .err = err };
	int r;

	watch_point(&watch, &s->anchor, ANCHOR_FILE);
	if ((r = follow(a, &w)) == MUSTER_OK) {
		s->head = w.at;
		s->beat = w.beat;
	}
	return r;
}

int anchor_open(struct activation *a, struct muster_err *err)
{
	struct rest *s = a->rest = mem_alloc(sizeof *a->rest);
	struct muster_err why;
	int r;

	if (s == NULL)
		return err_nomem(err);
	MUSTER_ASSERT(pthread_mutex_init(&s->lock, NULL) == 0);
	buf_init(&s->text, ANCHOR_MAX);
	r = anchor_read(a, &s->anchor, &s->beat, &s->text, &why);
	if (r == MUSTER_OK) {
		s->anchored = true;
		r = compare(a, &why);
	} else if (r == MUSTER_E_NOT_FOUND) {
		/* A host that never anchored has no heartbeats either. Whoever cuts the end off could take the anchor with it: that must not pass in silence. */
		if ((r = catch_up(a, &why)) == MUSTER_OK && s->beat != 0)
			activation_say(a, LOG_WARNING, "audit", ANCHOR_FILE " is missing although this host's record of acts was anchored before: whether its end is there shows only a head "
			               "kept elsewhere (musterctl audit verify --expect NUMBER:HASH)");
	}
	if (r == MUSTER_E_SIGNATURE) {
		fault(a, why.message);
		r = MUSTER_OK;
	}
	if (s->beat == 0)
		s->beat = clock_wall_ms(a->clock);   /* the first one in a day */
	if (r != MUSTER_OK && err != NULL)
		*err = why;
	return r;
}

void anchor_free(struct activation *a)
{
	if (a->rest == NULL)
		return;
	buf_fini(&a->rest->text);
	pthread_mutex_destroy(&a->rest->lock);
	mem_free(a->rest);
	a->rest = NULL;
}

/* Lock held. */
static int anchor_newest(struct activation *a, struct muster_err *err)
{
	struct rest *s = a->rest;
	int r;

	if (s->fault[0] != '\0')
		return MUSTER_OK;   /* the anchor that disagrees is kept: it is what shows the fault */
	if ((r = catch_up(a, err)) != MUSTER_OK) {
		if (r == MUSTER_E_SIGNATURE && err != NULL)
			fault(a, err->message);
		return r;
	}
	return s->head.seq > 0 && (!s->anchored || s->anchor.seq != s->head.seq) ? anchor_write(a, &s->head, err) : MUSTER_OK;
}

int anchor_now(struct activation *a, struct muster_err *err)
{
	int r;

	pthread_mutex_lock(&a->rest->lock);
	r = anchor_newest(a, err);
	pthread_mutex_unlock(&a->rest->lock);
	return r;
}

int anchor_renew(struct activation *a, struct muster_err *err)
{
	struct rest *s = a->rest;
	int r;

	pthread_mutex_lock(&s->lock);
	r = anchor_newest(a, err);
	if (r == MUSTER_OK && s->anchored && s->fault[0] == '\0')
		r = anchor_write(a, &s->anchor, err);
	pthread_mutex_unlock(&s->lock);
	return r;
}

static int heartbeat(struct activation *a, struct muster_err *err)
{
	struct rest *s = a->rest;
	char head[REST_HEAD], detail[REST_HEAD + 64];
	int64_t now = clock_wall_ms(a->clock);
	int r;

	/* A clock set back does not silence it: any other day will do. */
	if (now >= s->beat && now - s->beat < DAY_MS)
		return MUSTER_OK;
	head_text(head, &s->head);
	(void)snprintf(detail, sizeof detail, "%s before this one%s", head, s->fault[0] != '\0' ? "; the anchored head disagrees" : "");
	if ((r = ledger_journal_note(a->ledger, ACTIVATION_SELF, ACTIVATION_J_HEARTBEAT, "record of acts", detail, err)) != MUSTER_OK)
		return r;
	s->beat = now;
	/* The system's log is a place that this host's state does not hold. */
	activation_say(a, s->fault[0] != '\0' ? LOG_ERR : LOG_INFO, "audit", "head=%s%s%s", head, s->fault[0] != '\0' ? " " : "", s->fault);
	return MUSTER_OK;
}

int64_t anchor_job(struct activation *a)
{
	struct rest *s = a->rest;
	struct muster_err err;
	int r;

	pthread_mutex_lock(&s->lock);
	if ((r = anchor_newest(a, &err)) == MUSTER_OK && (r = heartbeat(a, &err)) == MUSTER_OK)
		r = anchor_newest(a, &err);
	pthread_mutex_unlock(&s->lock);
	if (r != MUSTER_OK && r != MUSTER_E_SIGNATURE)   /* that was said when it was found */
		activation_say(a, LOG_WARNING, "audit", "cannot anchor the head of the record of acts: %s", err.message);
	return LOOK_MS;
}

int anchor_head(struct activation *a, char out[REST_HEAD], struct muster_err *err)
{
	int r;

	out[0] = '\0';
	pthread_mutex_lock(&a->rest->lock);
	if ((r = anchor_newest(a, err)) == MUSTER_OK)
		head_text(out, &a->rest->head);
	pthread_mutex_unlock(&a->rest->lock);
	return r;
}

/* ---- administrators ---- */

int activation_audit_head(struct activation *a, json_t **out, struct muster_err *err)
{
	struct rest *s = a->rest;
	char head[REST_HEAD];
	int r;

	*out = NULL;
	pthread_mutex_lock(&s->lock);
	if ((r = anchor_newest(a, err)) == MUSTER_OK) {
		head_text(head, &s->head);
		*out = json_pack("{s:s, s:I, s:o, s:o}", "head", head, "seq", (json_int_t)s->head.seq, "at", time_json(s->head.at / 1000), "anchored_seq",
		                 s->anchored ? json_integer((json_int_t)s->anchor.seq) : json_null());
		r = *out != NULL ? MUSTER_OK : err_nomem(err);
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

void activation_audit_state(struct activation *a, char *fault, size_t n, int64_t *beat_ms)
{
	pthread_mutex_lock(&a->rest->lock);
	(void)snprintf(fault, n, "%s", a->rest->fault);
	*beat_ms = a->rest->beat;
	pthread_mutex_unlock(&a->rest->lock);
}

/* "SEQ:HASH", the hash whole or its beginning. */
static int read_expected(struct watch *w, const char *text, struct muster_err *err)
{
	char *end = NULL;
	long long seq = text[0] >= '1' && text[0] <= '9' ? strtoll(text, &end, 10) : 0;
	size_t n;

	if (seq <= 0 || end == NULL || *end != ':' || (n = strspn(end + 1, "0123456789abcdefABCDEF")) < PREFIX_LEAST || n > 64 || end[1 + n] != '\0')
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "expect has the form NUMBER:HASH, with at least %d hexadecimal digits of the hash", PREFIX_LEAST);
	*w = (struct watch){ .seq = seq, .whose = "what was expected" };
	for (size_t i = 0; i < n; i++)
		w->hash[i] = (char)(end[1 + i] >= 'A' && end[1 + i] <= 'F' ? end[1 + i] - 'A' + 'a' : end[1 + i]);
	return MUSTER_OK;
}

/* The whole chain, the anchor as it lies in its file now, what was expected, and the newest row's age. Lock held. */
static int verify(struct activation *a, const char *expect, struct walk *w, struct watch watches[3], struct muster_err *err)
{
	struct rest *s = a->rest;
	struct audit_point p = { .seq = 0 };
	struct buf text;
	int64_t beat, age;
	int r;

	w->watch = watches;
	w->err = err;
	buf_init(&text, ANCHOR_MAX);
	if (expect != NULL && (r = read_expected(&watches[w->watches++], expect, err)) != MUSTER_OK)
		goto done;
	r = anchor_read(a, &p, &beat, &text, err);
	if (r == MUSTER_E_NOT_FOUND && s->anchored)
		r = broken(err, "The anchored head was removed: there is no %s/" ANCHOR_FILE ".", a->dir);
	if (r == MUSTER_OK)
		watch_point(&watches[w->watches++], &p, ANCHOR_FILE);
	else if (r != MUSTER_E_NOT_FOUND)
		goto done;
	if (s->head.seq > 0)
		watch_point(&watches[w->watches++], &s->head, "the running host");
	if ((r = follow(a, w)) != MUSTER_OK)
		goto done;
	age = clock_wall_ms(a->clock) - w->at.at;
	if (w->at.seq > 0 && age > AGE_MAX_MS)
		r = err_code(err, MUSTER_E_EXPIRED, CODE_M_AUDIT, "The record of acts is whole but old: its newest entry %lld was written %lld hours ago, and a running host writes one a day.",
		             (long long)w->at.seq, (long long)(age / 3600000));
done:
	buf_fini(&text);
	return r;
}

int activation_audit_verify(struct activation *a, const char *expect, json_t **out, struct muster_err *err)
{
	struct watch watches[3];
	struct walk w = { .rows = 0 };
	char head[REST_HEAD], message[REST_HEAD + 256];
	bool anchored;
	int r;

	*out = NULL;
	pthread_mutex_lock(&a->rest->lock);
	r = verify(a, expect, &w, watches, err);
	anchored = a->rest->anchored;
	pthread_mutex_unlock(&a->rest->lock);
	if (r != MUSTER_OK)
		return r;
	head_text(head, &w.at);
	(void)snprintf(message, sizeof message, "The record of acts is whole: %lld entries, head %s%s%s.", (long long)w.rows, head,
	               anchored ? ", as anchored" : "; nothing was anchored yet", expect != NULL ? " and as expected" : "");
	*out = json_pack("{s:b, s:s, s:s, s:I, s:b, s:b}", "ok", 1, "message", message, "head", head, "entries", (json_int_t)w.rows, "anchored", anchored, "expected", expect != NULL);
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}

int activation_backup(struct activation *a, const char *actor, const char *dir, struct muster_err *err)
{
	struct buf text;
	char *path = NULL;
	int r;

	/* As it is before the copy is made: every row it knows is in the copy. */
	buf_init(&text, ANCHOR_MAX);
	pthread_mutex_lock(&a->rest->lock);
	(void)anchor_newest(a, NULL);
	buf_add(&text, a->rest->text.p, a->rest->text.n);
	pthread_mutex_unlock(&a->rest->lock);
	if ((r = ledger_backup(a->ledger, actor, dir, err)) != MUSTER_OK || text.n == 0)
		goto done;
	path = file_join(dir, ANCHOR_FILE);
	r = path != NULL && !text.failed ? file_write(path, span_of(text.p, text.n), 0600, err) : err_nomem(err);
done:
	mem_free(path);
	buf_fini(&text);
	return r;
}
