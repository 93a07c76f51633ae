/* confirm: digits for a host on the telephone, its certificate for a request as file or text, statements for a batch; restore. */
#include "core/issuer/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <openssl/pem.h>
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/qr.h"
#include "core/issuer/answers.h"
#include "core/issuer/input.h"
#include "core/issuer/output.h"
#include "core/trust/openssl.h"
#include "core/trust/server_id.h"

#define BATCH_FILE_MAX (4u << 20)
#define REQUEST_FILE_MAX (64u << 10)
#define ANSWER_WORD "MUSTER1A:"

/* ---- input ---- */

/* The digits of a line; @return how many, or -1 when there is anything else but spaces and dashes. */
static int digits_of(char *out, size_t room, const char *line)
{
	size_t n = 0;

	for (; *line != '\0'; line++) {
		if (*line >= '0' && *line <= '9') {
			if (n + 1 >= room)
				return -1;
			out[n++] = *line;
		} else if (strchr(" -\t\r\n", *line) == NULL) {
			return -1;
		}
	}
	out[n] = '\0';
	return (int)n;
}

static bool installation_group(unsigned group, const char *six)
{
	return digits_group_right(DIGITS_INSTALLATION, group, six);
}

/* What is read out: an Installation ID, or a licence server's. */
struct spoken { const char *name, *counted; unsigned groups, size; bool (*right)(unsigned group, const char *digits); };
static const struct spoken spoken_id = { "Installation ID", "nine groups of six digits", INSTALLATION_GROUPS, DIGITS_GROUP, installation_group };
static const struct spoken spoken_server = { "Licence server ID", "seven groups of five digits", SERVER_ID_GROUPS, SERVER_ID_GROUP, server_id_group_right };

/* What was typed as group @p from and those after it. @return how many were right; those that were not are named. */
static unsigned take_groups(char *id, const struct spoken *w, unsigned from, const char *line)
{
	char digits[INSTALLATION_GROUPS * DIGITS_GROUP + 1];
	int n = digits_of(digits, sizeof digits, line);
	unsigned groups = n > 0 ? (unsigned)n / w->size : 0, taken = 0;

	if (n <= 0 || (unsigned)n % w->size != 0 || from + groups > w->groups) {
		printf("A group is %s digits (several may be typed at once, %u are left).\n", w->size == DIGITS_GROUP ? "six" : "five", w->groups - from);
		return 0;
	}
	for (; taken < groups; taken++) {
		const char *group = digits + (size_t)taken * w->size;

		if (!w->right(from + taken + 1, group)) {
			printf("Group %u is mistyped (%.*s); let it be read out again.\n", from + taken + 1, (int)w->size, group);
			break;
		}
		memcpy(id + (size_t)(from + taken) * w->size, group, w->size);
	}
	return taken;
}

/* Group by group, as it is read out. */
static int ask_digits(char id[INSTALLATION_TEXT], const struct spoken *w, struct muster_err *err)
{
	unsigned have = 0;
	char line[256];

	printf("%s, %s; q or the end of input gives up.\n", w->name, w->counted);
	while (have < w->groups) {
		printf("Group %u: ", have + 1);
		(void)fflush(stdout);
		if (fgets(line, sizeof line, stdin) == NULL || strcmp(line, "q\n") == 0)
			return err_set(err, MUSTER_E_INVALID, "given up at group %u; nothing was recorded", have + 1);
		have += take_groups(id, w, have, line);
	}
	id[(size_t)w->groups * w->size] = '\0';
	return MUSTER_OK;
}

static int ask_name(char *name, size_t room, struct muster_err *err)
{
	printf("Name of the host (may be empty): ");
	(void)fflush(stdout);
	name[0] = '\0';
	if (fgets(name, (int)room, stdin) == NULL && ferror(stdin))
		return err_errno(err, errno, "cannot read standard input");
	name[strcspn(name, "\r\n")] = '\0';
	return MUSTER_OK;
}

/* ---- digits ---- */

static json_t *uses_json(const struct confirm_answer *a)
{
	char binding[HEX_SIZE(BINDING_SIZE)];

	hex_encode(binding, a->id.binding, sizeof a->id.binding);
	return json_pack("{s:I, s:s, s:s, s:b, s:o, s:{s:I, s:I}, s:{s:I, s:I}, s:o}", "key", (json_int_t)a->key.number, "partial", a->key.partial, "binding", binding, "again",
	                 a->row.again, "at", output_json_time(a->row.at), "hosts", "used", (json_int_t)a->row.hosts_used, "allowed", (json_int_t)a->row.hosts, "activations", "used",
	                 (json_int_t)a->row.activations_used, "allowed", (json_int_t)a->row.activations, "ends_at", output_json_time(a->end));
}

static void print_uses(const struct confirm_answer *a, FILE *to)
{
	char at[TIME_RFC3339], end[TIME_RFC3339];

	if (a->row.counted)
		(void)fprintf(to, "Key ending in %s: %" PRIu32 " of %" PRIu32 " machines.\n", a->key.partial, a->row.activations_used, a->row.activations);
	else
		(void)fprintf(to, "Key ending in %s: %" PRIu32 " of %" PRIu32 " hosts, this one activated %" PRIu32 " of %" PRIu32 " times; until %s.\n", a->key.partial, a->row.hosts_used,
		              a->row.hosts, a->row.activations_used, a->row.activations, output_time(end, a->end));
	if (a->row.again)
		(void)fprintf(to, "Given before, on %s: nothing was counted.\n", output_time(at, a->row.at));
}

static int show_digits(const struct options *o, const struct confirm_answer *a, struct muster_err *err)
{
	json_t *j;

	if (!option_json(o)) {
		printf("\nConfirmation ID:\n\n    %s\n\n", a->digits);
		print_uses(a, stdout);
		return MUSTER_OK;
	}
	if ((j = uses_json(a)) == NULL || json_object_set_new(j, "confirmation_id", json_string(a->digits)) != 0) {
		json_decref(j);
		return err_nomem(err);
	}
	return output_json(j, err);
}

static void vouch(struct session *s, struct confirm_ask *ask)
{
	ask->override = option_given(s->o, OPT_OVERRIDE);
	s->act.reason = s->o->text[OPT_OVERRIDE];
}

static int confirm_digits(struct session *s, struct confirmer *c, struct muster_err *err)
{
	char typed[INSTALLATION_TEXT], digits[INSTALLATION_TEXT], name[256];
	const struct spoken *w = option_given(s->o, OPT_PROGRAMME) ? &spoken_server : &spoken_id;
	struct digits_fault fault;
	struct confirm_ask ask = { .text = s->o->argument[0], .method = BOOKS_TELEPHONE, .name = s->o->text[OPT_NAME] };
	struct confirm_answer a;
	int r;

	if (ask.text == NULL) {
		if ((r = ask_digits(typed, w, err)) != MUSTER_OK || (ask.name == NULL && (r = ask_name(name, sizeof name, err)) != MUSTER_OK))
			return r;
		ask.text = typed;
		if (ask.name == NULL)
			ask.name = name;
	}
	ask.n = strlen(ask.text);
	if (w == &spoken_id && digits_of(digits, sizeof digits, ask.text) == SERVER_ID_GROUPS * SERVER_ID_GROUP)
		return err_set(err, MUSTER_E_INVALID, "35 digits are a licence server ID: ask which programme and number were typed there, and add --programme and --number");
	vouch(s, &ask);
	if (w == &spoken_server) {
		if ((r = confirm_server(c, s->o->text[OPT_PROGRAMME], s->o->text[OPT_NUMBER], ask.text, ask.n, ask.override, digits, &fault, &s->act, err)) != MUSTER_OK)
			return r;
		ask.text = digits;
		ask.n = strlen(digits);
	}
	if ((r = confirm_one(c, &ask, &a, &s->act, err)) != MUSTER_OK)
		return r;
	r = show_digits(s->o, &a, err);
	confirm_answer_fini(&a);
	return r;
}

/* ---- a request as file or text ---- */

/* Host's and intermediate's certificates as one text for a QR code. */
static int answer_text(struct buf *out, const char *pem, struct muster_err *err)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	struct buf der;
	char *text;
	X509 *x;

	buf_init(&der, TRUST_CHAIN_MAX);
	while (bio != NULL && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		unsigned char *one = NULL;
		int n = i2d_X509(x, &one);

		if (n > 0)
			buf_add(&der, one, (size_t)n);
		OPENSSL_free(one);
		X509_free(x);
	}
	(void)trust_pem_ended();
	BIO_free(bio);
	if (der.failed || der.n == 0 || (text = mem_alloc(B64_SIZE(der.n))) == NULL) {
		buf_fini(&der);
		return err_nomem(err);
	}
	(void)b64_encode(text, der.p, der.n);
	buf_adds(out, ANSWER_WORD);
	buf_adds(out, text);
	mem_free(text);
	buf_fini(&der);
	return out->failed ? err_nomem(err) : MUSTER_OK;
}

static int show_chain(const struct options *o, struct output_file *file, struct confirmer *c, const struct confirm_answer *a, struct muster_err *err)
{
	bool picture = file->path != NULL && qr_is_picture(file->path);
	struct buf text, code;
	json_t *j = NULL;
	int r = MUSTER_OK;

	if (option_json(o))
		return (r = answer_grant_json(&j, c, a, option_now(o), err)) == MUSTER_OK ? output_json(j, err) : r;
	buf_init(&text, 2 * TRUST_CHAIN_MAX);
	buf_init(&code, QR_PICTURE_MAX);
	if (!option_given(o, OPT_TEXT) && !picture)
		buf_adds(&text, a->chain);
	else if ((r = answer_text(&text, a->chain, err)) == MUSTER_OK && !picture)
		buf_addc(&text, '\n');
	if (r == MUSTER_OK && picture && (r = qr_render(&code, file->path, buf_str(&text), err)) == MUSTER_OK)
		r = output_file_write(file, span_of(code.p, code.n), err);
	else if (r == MUSTER_OK && file->path != NULL)
		r = output_file_write(file, span_of(text.p, text.n), err);
	else if (r == MUSTER_OK)
		(void)fputs(buf_str(&text), stdout);
	if (r == MUSTER_OK)
		print_uses(a, file->path != NULL ? stdout : stderr);   /* the answer itself goes to stdout */
	buf_fini(&code);
	buf_fini(&text);
	return r;
}

/* A request as text, or as a picture of its code. */
static int read_request(struct buf *text, const char *path, struct muster_err *err)
{
	struct buf bytes;
	int r;

	buf_init(&bytes, QR_PICTURE_MAX);
	if ((r = input_read(&bytes, path, QR_PICTURE_MAX, err)) == MUSTER_OK) {
		if (qr_is_png(span_of(bytes.p, bytes.n)))
			r = qr_read_png(text, span_of(bytes.p, bytes.n), err);
		else
			buf_add(text, bytes.p, bytes.n);
		if (r == MUSTER_OK && text->failed)
			r = err_set(err, MUSTER_E_LIMIT, "%s is larger than a request can be: %u bytes", path, REQUEST_FILE_MAX);
	}
	buf_fini(&bytes);
	return r;
}

static int confirm_request(struct session *s, struct confirmer *c, struct output_file *file, struct muster_err *err)
{
	struct confirm_ask ask = { .method = BOOKS_FILE, .name = s->o->text[OPT_NAME] };
	struct confirm_answer a;
	struct buf text, id, pem;
	int r;

	buf_init(&text, REQUEST_FILE_MAX);
	buf_init(&id, 1024);
	buf_init(&pem, 2 * TRUST_CHAIN_MAX);
	if ((r = read_request(&text, s->o->text[OPT_REQUEST], err)) != MUSTER_OK
	    || (r = body_read_request(&id, &pem, span_of(text.p, text.n), err)) != MUSTER_OK)
		goto done;
	ask.text = buf_str(&id);
	ask.n = id.n;
	ask.request = span_of(pem.p, pem.n);
	vouch(s, &ask);
	if ((r = confirm_one(c, &ask, &a, &s->act, err)) == MUSTER_OK) {
		r = show_chain(s->o, file, c, &a, err);
		confirm_answer_fini(&a);
	}
done:
	buf_fini(&pem);
	buf_fini(&id);
	buf_fini(&text);
	return r;
}

/* ---- a batch ---- */

static int print_batch(const struct buf *answer, struct muster_err *err)
{
	json_t *o = json_loadb((const char *)answer->p, answer->n, 0, NULL), *one, *results = json_object_get(o, "results"), *keys = json_object_get(o, "keys");
	size_t i, refused = 0;

	if (o == NULL)
		return err_nomem(err);
	json_array_foreach(results, i, one)
		refused += json_object_get(one, "code") != NULL;
	printf("%zu confirmed, %zu refused.\n", json_array_size(results) - refused, refused);
	json_array_foreach(keys, i, one)
		printf("Key number %" JSON_INTEGER_FORMAT ": %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " used.\n", json_integer_value(json_object_get(one, "number")),
		       json_integer_value(json_object_get(one, "used")), json_integer_value(json_object_get(one, "allowed")));
	json_decref(o);
	return MUSTER_OK;
}

static int confirm_batch(struct session *s, struct confirmer *c, struct output_file *file, struct muster_err *err)
{
	const char *path = s->o->text[OPT_BATCH];
	struct body ask = { .json = NULL };
	struct buf text, answer;
	bool proven;
	int r;

	buf_init(&text, BATCH_FILE_MAX);
	buf_init(&answer, ANSWER_COUNTED_MAX);
	if ((r = input_read(&text, path, BATCH_FILE_MAX, err)) == MUSTER_OK && (r = body_read_batch(&ask, span_of(text.p, text.n), path, err)) == MUSTER_OK
	    && (r = answer_counted(&answer, &proven, c, &ask.of.counted, BOOKS_FILE, &s->act, err)) == MUSTER_OK) {
		if (file->path == NULL)
			(void)fputs(buf_str(&answer), stdout);
		else if ((r = output_file_write(file, span_of(answer.p, answer.n), err)) == MUSTER_OK)
			r = print_batch(&answer, err);
	}
	body_fini(&ask);
	buf_fini(&answer);
	buf_fini(&text);
	return r;
}

/* ---- commands ---- */

static int confirm(struct session *s, struct output_file *file, struct muster_err *err)
{
	const struct options *o = s->o;
	struct confirmer c;
	int r;

	if ((r = output_file_open(file, o->text[OPT_OUT], "nothing was confirmed", err)) != MUSTER_OK || (r = confirm_open(&c, s, err)) != MUSTER_OK)
		return r;
	r = option_given(o, OPT_BATCH) ? confirm_batch(s, &c, file, err) : option_given(o, OPT_REQUEST) ? confirm_request(s, &c, file, err) : confirm_digits(s, &c, err);
	confirm_close(&c);
	return r;
}

int command_confirm(const struct options *o)
{
	struct output_file file = { .fd = -1 };
	struct muster_err err = { .result = 0 };
	struct session s;
	bool batch = option_given(o, OPT_BATCH), request = option_given(o, OPT_REQUEST);
	int r;

	if ((batch && request) || ((batch || request) && o->arguments > 0))
		return options_usage("confirm takes one of: an Installation ID, --batch, --request");
	if (option_given(o, OPT_PROGRAMME) != option_given(o, OPT_NUMBER) || (option_given(o, OPT_PROGRAMME) && (batch || request)))
		return options_usage("confirm: --programme and --number go together, with a licence server's 35 digits");
	if (option_given(o, OPT_OUT) && !batch && !request)
		return options_usage("confirm: --out goes with --batch or --request; digits are shown only");
	if (option_given(o, OPT_TEXT) && !request)
		return options_usage("confirm: --text goes with --request");
	if (option_given(o, OPT_OVERRIDE) && (batch || o->text[OPT_OVERRIDE][0] == '\0'))
		return options_usage(batch ? "confirm: --override is for one Installation ID, not for a batch" : "confirm: --override needs the reason");
	if ((r = session_open(&s, o, &err)) == MUSTER_OK)
		r = confirm(&s, &file, &err);
	output_file_close(&file, r == MUSTER_OK);
	session_close(&s);
	return output_finish(r, &err);
}

static int log_lost(struct session *s, struct muster_err *err)
{
	unsigned keys;
	int r = books_log_lost(s->books, &keys, &s->act, err);

	if (r != MUSTER_OK)
		return r;
	if (option_json(s->o))
		return output_json(json_pack("{s:i}", "keys", (int)keys), err);
	printf("A new confirmations.log begins with the next confirmation. Slots not given are void: %u key%s need%s a new licence pack (pack create).\n", keys, keys == 1 ? "" : "s",
	       keys == 1 ? "s" : "");
	return MUSTER_OK;
}

int command_restore(const struct options *o)
{
	struct muster_err err = { .result = 0 };
	struct books_restored done;
	struct session s;
	int r;

	if (option_given(o, OPT_LOG_LOST) != option_given(o, OPT_REASON))
		return options_usage("restore: --log-lost and --reason go together");
	if ((r = session_open(&s, o, &err)) == MUSTER_OK && option_given(o, OPT_LOG_LOST)) {
		r = log_lost(&s, &err);
	} else if (r == MUSTER_OK && (r = books_restore(s.books, &done, &s.act, &err)) == MUSTER_OK) {
		if (option_json(o))
			r = output_json(json_pack("{s:I, s:I, s:i, s:i, s:i, s:i}", "from", (json_int_t)done.from, "to", (json_int_t)done.to, "lines", (int)done.lines, "confirmations",
			                          (int)done.confirmations, "certificates", (int)done.certificates, "unknown", (int)done.unknown), &err);
		else if (done.lines == 0)
			printf("The books are as far as confirmations.log: there was nothing to replay.\n");
		else
			printf("Replayed %u lines of confirmations.log: %u confirmations, %u certificates.\n", done.lines, done.confirmations, done.certificates);
		if (r == MUSTER_OK && done.unknown > 0)
			output_notice("%u were of keys or licence packs made after the backup: these books do not know them; make new packs before confirming for such agreements", done.unknown);
	}
	session_close(&s);
	return output_finish(r, &err);
}
