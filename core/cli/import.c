#include "core/cli/import.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <curl/curl.h>
#include <openssl/crypto.h>

#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/cli/term.h"

#define BATCH_RECORDS 5000              /* estate.h */
#define BATCH_BYTES ((size_t)4 << 20)   /* a batch that has grown to this is sent; the route takes 8 MiB */
#define BATCH_MAX ((size_t)7 << 20)     /* with the record that made it grow: a line's worth of it, whatever its escapes */
#define ALIVE_MS 20000                  /* the host drops an import that says nothing for 60 s */
#define PROGRESS_AFTER_MS 1000
#define PROGRESS_EVERY_MS 200
#define ROUNDS_MAX 3                    /* others changed the books meanwhile: begun anew so often */

/* One file on its way. */
struct session {
	struct cli *c;
	const struct import_source *file;
	struct import_result *r;
	FILE *say;
	bool dry_run;
	uint64_t size;                  /* of the file; 0: not known */
	struct buf batch;
	size_t batched;
	uint64_t sent, taken;           /* records */
	char id[40];                    /* "" not begun, or ended */
	enum exchange_type type;        /* as the caller said */
	struct muster_err err;
	bool failed;                    /* err says why */
	int64_t began, shown, called;
	bool drawn;                     /* a progress line stands on the terminal */
};

/* ---- wiping ---- */

void import_wipe(void)
{
	json_set_alloc_funcs(malloc, mem_wipe_free);
	(void)curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, mem_wipe_free, mem_wipe_realloc, strdup, calloc);
}

/* ---- what is told ---- */

const char *import_name(char out[IMPORT_NAME], const char *name)
{
	json_t *text;
	size_t n;

	(void)snprintf(out, IMPORT_NAME, "%s", name);
	n = strlen(out);
	/* cut within a character */
	if (strlen(name) > n)
		while (n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80)
			out[--n] = '\0';
	text = json_string(out);
	for (char *p = out; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
		else if (text == NULL && (unsigned char)*p >= 0x80)
			*p = '?';
	json_decref(text);
	return out;
}

static int64_t now_ms(void)
{
	return clock_boot_ms(clock_system());
}

static void undraw(struct session *s)
{
	if (s->drawn)
		fputs("\r\033[K", s->c->errors);
	s->drawn = false;
}

static void draw(struct session *s, uint64_t bytes)
{
	char line[128];
	unsigned columns = term_columns(s->c->errors);
	int n;

	if (s->size > 0)
		n = snprintf(line, sizeof(line), "%3u %%  %.1f of %.1f MB, %llu records", (unsigned)(bytes >= s->size ? 100 : bytes * 100 / s->size), (double)bytes / 1e6,
		             (double)s->size / 1e6, (unsigned long long)s->sent + s->batched);
	else
		n = snprintf(line, sizeof(line), "%.1f MB, %llu records", (double)bytes / 1e6, (unsigned long long)s->sent + s->batched);
	fprintf(s->c->errors, "\r\033[K");
	if (columns > (unsigned)n + 3) {
		char name[96];

		(void)snprintf(name, sizeof(name), "%.*s", (int)(columns - (unsigned)n - 3 < 64 ? columns - (unsigned)n - 3 : 64), s->file->name);
		term_print(s->c->errors, name);
		fputs("  ", s->c->errors);
	}
	fputs(line, s->c->errors);
	(void)fflush(s->c->errors);
	s->drawn = true;
}

static void tell(struct session *s, unsigned long line, const char *level, const char *text)
{
	struct import_result *r = s->r;
	json_t *t;

	if (r->told++ >= IMPORT_MESSAGES_MAX) {
		r->more++;
		return;
	}
	if ((t = json_string(text)) == NULL)
		t = json_string("(a message that is no text)");
	(void)json_array_append_new(r->messages, json_pack("{s:I, s:s, s:o}", "line", (json_int_t)line, "level", level, "text", t));
	if (s->say == NULL)
		return;
	undraw(s);
	term_print(s->say, s->file->path);
	if (line > 0)
		fprintf(s->say, ":%lu", line);
	fprintf(s->say, ": %s: ", level);
	term_print(s->say, text);
	fputc('\n', s->say);
}

static void tell_all(struct session *s, const json_t *messages)
{
	const json_t *m;
	size_t i;

	json_array_foreach(messages, i, m)
		tell(s, (unsigned long)json_number(m, "line"), json_text(m, "level"), json_text(m, "text"));
}

/* ---- the host ---- */

static int begin(struct session *s)
{
	const char *type = exchange_type_name(s->r->read.type != EXCHANGE_UNKNOWN ? s->r->read.type : s->type);
	char name[IMPORT_NAME];
	json_t *body = json_pack("{s:s, s:s, s:b}", "name", import_name(name, s->file->name), "type", type, "dry_run", s->dry_run), *answer = NULL;
	int r = body != NULL ? api_post(s->c, "/admin/v1/import/begin", body, &answer, &s->err) : err_nomem(&s->err);

	if (r == MUSTER_OK && (size_t)snprintf(s->id, sizeof(s->id), "%s", json_text(answer, "import")) >= sizeof(s->id))
		r = err_set(&s->err, MUSTER_E_NETWORK, "the host sent an import's number that is none");
	s->failed = r != MUSTER_OK;
	s->called = now_ms();
	json_decref(answer);
	json_decref(body);
	return r;
}

/* What is batched, or nothing at all: then only to say that we are still there. */
static int flush(struct session *s)
{
	json_t *answer = NULL;
	int r;

	if (s->batch.n == 0)
		buf_addf(&s->batch, "{\"import\":\"%s\",\"records\":[", s->id);
	buf_adds(&s->batch, "]}");
	r = s->batch.failed ? err_nomem(&s->err) : api_post_text(s->c, "/admin/v1/import/records", buf_str(&s->batch), &answer, &s->err);
	if (s->batch.p != NULL)
		OPENSSL_cleanse(s->batch.p, s->batch.n);
	buf_clear(&s->batch);
	s->sent += s->batched;
	s->batched = 0;
	s->called = now_ms();
	if (r == MUSTER_OK) {
		s->taken += (uint64_t)json_number(answer, "taken");
		tell_all(s, json_object_get(answer, "messages"));
	}
	s->failed = r != MUSTER_OK;
	json_decref(answer);
	return r;
}

static int end(struct session *s, bool commit)
{
	json_t *body = json_pack("{s:s, s:b}", "import", s->id, "commit", commit);
	int r = body != NULL ? api_post(s->c, "/admin/v1/import/end", body, &s->r->answer, &s->err) : err_nomem(&s->err);

	s->id[0] = '\0';
	json_decref(body);
	if (r == MUSTER_OK)
		tell_all(s, json_object_get(s->r->answer, "messages"));
	return r;
}

/* Nothing of it is to stay; where it is gone already there is nothing to say. */
static void drop(struct session *s)
{
	struct muster_err first = s->err;

	if (s->id[0] == '\0')
		return;
	(void)end(s, false);
	json_decref(s->r->answer);
	s->r->answer = NULL;
	s->err = first;
}

/* ---- the reader's side ---- */

static int add_text(const char *text, size_t n, void *ctx)
{
	struct buf *b = ctx;

	buf_add(b, text, n);
	return b->failed ? -1 : 0;
}

/* @return 0 batched; -1 it does not fit */
static int batch(struct session *s, const json_t *record)
{
	size_t before = s->batch.n;

	if (s->batch.n == 0)
		buf_addf(&s->batch, "{\"import\":\"%s\",\"records\":[", s->id);
	else if (s->batched > 0)
		buf_addc(&s->batch, ',');
	if (json_dump_callback(record, add_text, &s->batch, JSON_COMPACT) == 0) {
		s->batched++;
		return 0;
	}
	s->batch.n = before;
	s->batch.failed = false;
	return -1;
}

static int take_record(void *ctx, json_t *record)
{
	struct session *s = ctx;
	unsigned long line = (unsigned long)json_number(record, "line");
	int r = s->failed || term_interrupted() ? 1 : 0;

	if (r == 0 && s->id[0] == '\0' && begin(s) != MUSTER_OK)
		r = 1;
	if (r == 0 && batch(s, record) != 0 && ((s->batched > 0 && flush(s) != MUSTER_OK) || batch(s, record) != 0)) {
		/* not even alone: escapes make it longer than any line may be */
		r = s->failed;
		s->r->read.refused += !s->failed;
		if (!s->failed)
			tell(s, line, "refused", "the record is too long to be sent");
	}
	json_decref(record);
	if (r == 0 && (s->batched >= BATCH_RECORDS || s->batch.n > BATCH_BYTES))
		r = flush(s) != MUSTER_OK;
	return r;
}

static int take_message(void *ctx, unsigned long line, const char *level, const char *text)
{
	tell(ctx, line, level, text);
	return term_interrupted() ? 1 : 0;
}

static void take_progress(void *ctx, uint64_t bytes)
{
	struct session *s = ctx;
	int64_t now = now_ms();

	if (s->file->progress && now - s->began >= PROGRESS_AFTER_MS && now - s->shown >= PROGRESS_EVERY_MS) {
		draw(s, bytes);
		s->shown = now;
	}
	/* the next record tells of a failure */
	if (s->id[0] != '\0' && !s->failed && now - s->called >= ALIVE_MS)
		(void)flush(s);
}

static int read_bytes(void *ctx, uint8_t *p, size_t n, struct muster_err *err)
{
	struct session *s = ctx;
	struct pollfd f = { .fd = s->file->fd, .events = POLLIN };
	ssize_t got;
	int ready;

	for (;;) {
		if (term_interrupted())
			return err_set(err, MUSTER_E_REFUSED, "interrupted");
		ready = poll(&f, 1, ALIVE_MS);
		if (ready == 0 && s->id[0] != '\0' && flush(s) != MUSTER_OK)
			return err_set(err, MUSTER_E_REFUSED, "%s", s->err.message);
		if (ready == 0 || (ready < 0 && errno == EINTR))
			continue;
		got = read(s->file->fd, p, n < INT32_MAX ? n : INT32_MAX);
		if (got >= 0)
			return (int)got;
		if (errno != EINTR)
			return err_errno(err, errno, "reading %s", s->file->path);
	}
}

/* ---- the whole ---- */

static uint64_t counted(const struct import_result *r, const char *name)
{
	json_int_t n = json_number(r->answer, name);

	return n > 0 ? (uint64_t)n : 0;
}

static uint64_t all_refused(const struct import_result *r) { return r->read.refused + counted(r, "refused"); }
static uint64_t all_doubtful(const struct import_result *r) { return r->read.doubtful + counted(r, "doubtful"); }
static uint64_t all_skipped(const struct import_result *r) { return r->read.skipped + counted(r, "skipped"); }

static enum import_outcome outcome(struct session *s, enum import_outcome o, int code, const char *why)
{
	s->r->outcome = o;
	s->r->exit = code;
	(void)snprintf(s->r->error, sizeof(s->r->error), "%s", why);
	return o;
}

/* The host's no: of this file, or of anything now. */
static enum import_outcome refused(struct session *s)
{
	const struct muster_err *e = &s->err;

	switch (e->result) {
	case MUSTER_E_NETWORK: return outcome(s, IMPORT_NOT_NOW, CLI_NO_HOST, e->message);
	case MUSTER_E_DENIED: return outcome(s, IMPORT_NOT_NOW, CLI_DENIED, e->message);
	case MUSTER_E_BUSY: return outcome(s, IMPORT_NOT_NOW, CLI_FAILED, e->message);
	default: return outcome(s, IMPORT_FAILED, CLI_FAILED, e->message);
	}
}

static enum import_outcome finish(struct session *s, int read, const struct muster_err *why)
{
	if (term_interrupted()) {
		drop(s);
		return outcome(s, IMPORT_LEFT, CLI_LEFT, "interrupted: nothing of it was imported");
	}
	if (!s->failed && read == MUSTER_OK && s->batched > 0)
		(void)flush(s);
	if (s->failed) {
		drop(s);
		return refused(s);
	}
	if (read != MUSTER_OK) {
		drop(s);
		return outcome(s, IMPORT_FAILED, CLI_FAILED, why->message);
	}
	if (s->taken == 0 && (s->r->read.refused > 0 || s->sent > 0)) {
		drop(s);
		return outcome(s, IMPORT_FAILED, CLI_FAILED, "no record of it could be taken");
	}
	if (s->id[0] != '\0' && end(s, true) != MUSTER_OK)
		return refused(s);
	/* The rest is in the books; a script must be able to tell that it is not all. */
	return outcome(s, IMPORT_DONE, all_refused(s->r) > 0 ? CLI_FAILED : CLI_OK, "");
}

static enum import_outcome once(struct session *s, const struct exchange_hints *hints)
{
	const struct exchange_input in = { .read = read_bytes, .ctx = s };
	const struct exchange_sink sink = { .record = take_record, .message = take_message, .progress = take_progress, .ctx = s };
	struct muster_err why = { 0 };
	enum import_outcome o;
	int r;

	s->type = hints->type;
	s->began = s->called = now_ms();
	buf_init(&s->batch, BATCH_MAX);
	r = exchange_read(&in, hints, &sink, &s->r->read, &why);
	o = finish(s, r, &why);
	undraw(s);
	buf_cleanse(&s->batch);
	return o;
}

/* Others changed what the file changes: its records must be looked at again. */
static bool again(const struct session *s, enum import_outcome o, off_t start)
{
	return o == IMPORT_NOT_NOW && s->err.result == MUSTER_E_BUSY && s->taken > 0 && start >= 0 && lseek(s->file->fd, start, SEEK_SET) == start;
}

enum import_outcome import_file(struct cli *c, const struct import_source *file, const struct exchange_hints *hints, bool dry_run, FILE *say, struct import_result *out)
{
	struct exchange_hints h = *hints;
	off_t start = lseek(file->fd, 0, SEEK_CUR);
	enum import_outcome o = IMPORT_FAILED;
	struct stat st;

	*out = (struct import_result){ 0 };
	if (fstat(file->fd, &st) != 0)
		st = (struct stat){ 0 };
	h.name = file->name;
	if (h.at == 0)
		h.at = S_ISREG(st.st_mode) ? (int64_t)st.st_mtim.tv_sec : clock_wall_ms(clock_system()) / 1000;
	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		struct session s = { .c = c, .file = file, .r = out, .say = say, .dry_run = dry_run, .size = S_ISREG(st.st_mode) && st.st_size > 0 ? (uint64_t)st.st_size : 0 };

		import_result_fini(out);
		*out = (struct import_result){ .messages = json_array() };
		o = once(&s, &h);
		if (!again(&s, o, start))
			break;
		say = NULL;   /* what there is to say about its lines was said */
	}
	return o;
}

void import_result_fini(struct import_result *r)
{
	json_decref(r->answer);
	json_decref(r->messages);
	r->answer = r->messages = NULL;
}

/* ---- the result ---- */

void import_summary(struct buf *out, const struct import_result *r)
{
	const struct { const char *word; uint64_t n; bool always; } counts[] = {
		{ "new", counted(r, "new"), true }, { "changed", counted(r, "changed"), true }, { "same", counted(r, "same"), true }, { "skipped", all_skipped(r), false },
		{ "refused", all_refused(r), false }, { "doubtful", all_doubtful(r), false },
	};
	const char *before = ": ";

	if (r->outcome != IMPORT_DONE) {
		buf_adds(out, r->error);
		return;
	}
	buf_addf(out, "%s, %llu %s", r->read.form != NULL ? r->read.form : exchange_type_name(r->read.type), (unsigned long long)r->read.records, r->read.records == 1 ? "record" : "records");
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (counts[i].always || counts[i].n > 0) {
			buf_addf(out, "%s%llu %s", before, (unsigned long long)counts[i].n, counts[i].word);
			before = ", ";
		}
	if (json_flag(r->answer, "dry_run"))
		buf_adds(out, " (dry run: nothing was changed)");
}

static void print_kinds(FILE *out, const json_t *by_kind)
{
	const char *kind;
	json_t *n;

	if (json_object_size(by_kind) < 2)
		return;
	json_object_foreach((json_t *)(uintptr_t)by_kind, kind, n)
		fprintf(out, "    %-14s %" JSON_INTEGER_FORMAT " new, %" JSON_INTEGER_FORMAT " changed, %" JSON_INTEGER_FORMAT " same\n", kind, json_number(n, "new"), json_number(n, "changed"),
		        json_number(n, "same"));
}

static void print_line(FILE *out, const char *before, const char *word, const char *between, const char *text)
{
	fputs(before, out);
	term_print(out, word);
	fputs(between, out);
	term_print(out, text);
	fputc('\n', out);
}

void import_details(FILE *out, const struct import_result *r)
{
	const json_t *x;
	size_t i;

	if (r->more > 0)
		fprintf(out, "    %llu more messages are not told one by one\n", (unsigned long long)r->more);
	print_kinds(out, json_object_get(r->answer, "by_kind"));
	json_array_foreach(json_object_get(r->answer, "learned"), i, x) {
		const char *product = json_text(x, "product"), *name = json_text(x, "name");

		print_line(out, "    Learned: ", json_text(x, "activation_id"), product[0] != '\0' ? " is of product " : " ", product[0] != '\0' ? product : name);
	}
	json_array_foreach(json_object_get(r->answer, "findings"), i, x)
		print_line(out, "    Finding: ", json_text(x, "finding"), ": ", json_text(x, "text"));
}

json_t *import_json(const char *path, const struct import_result *r)
{
	static const char *const words[] = { "imported", "failed", "not-now", "interrupted" };
	json_t *o = json_object();

	/* a path need not be text */
	if (json_object_set_new(o, "file", json_string(path)) != 0)
		(void)json_object_set_new(o, "file", json_string("?"));
	(void)json_object_set_new(o, "outcome", json_string(words[r->outcome]));
	(void)json_object_set_new(o, "error", r->error[0] != '\0' ? json_string(r->error) : json_null());
	(void)json_object_set_new(o, "type", r->read.type != EXCHANGE_UNKNOWN ? json_string(exchange_type_name(r->read.type)) : json_null());
	(void)json_object_set_new(o, "form", r->read.form != NULL ? json_string(r->read.form) : json_null());
	(void)json_object_set_new(o, "encoding", json_string(r->read.encoding));
	(void)json_object_set_new(o, "bytes", json_integer((json_int_t)r->read.bytes));
	(void)json_object_set_new(o, "records", json_integer((json_int_t)r->read.records));
	if (r->answer != NULL)
		(void)json_object_update(o, r->answer);
	(void)json_object_set_new(o, "skipped", json_integer((json_int_t)all_skipped(r)));
	(void)json_object_set_new(o, "refused", json_integer((json_int_t)all_refused(r)));
	(void)json_object_set_new(o, "doubtful", json_integer((json_int_t)all_doubtful(r)));
	(void)json_object_set(o, "messages", r->messages);
	(void)json_object_set_new(o, "more_messages", json_integer((json_int_t)r->more));
	return o;
}
