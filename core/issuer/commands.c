#include "core/issuer/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/issuer/authority.h"
#include "core/issuer/output.h"
#include "core/issuer/passphrase.h"
#include "core/issuer/products.h"
#include "core/trust/openssl.h"

#define PRODUCTS_FILE_MAX 65536

static void day(char out[TIME_RFC3339], int64_t s)
{
	time_rfc3339(out, s * 1000);
}

static json_t *cert_json(const X509 *x)
{
	char begin[TIME_RFC3339], end[TIME_RFC3339], name[256] = "";
	int64_t b = 0, e = 0;

	(void)trust_time(&b, X509_get0_notBefore(x));
	(void)trust_time(&e, X509_get0_notAfter(x));
	day(begin, b);
	day(end, e);
	X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, name, sizeof(name));
	return json_pack("{s:s, s:s, s:s}", "name", name, "not_before", begin, "not_after", end);
}

static json_t *authority_json(const struct authority *a)
{
	char id[UUID_TEXT], until[TIME_RFC3339];
	json_t *mid = cert_json(a->mid);

	uuid_format(id, a->issuer_id);
	day(until, authority_issues_until(a));
	if (mid == NULL || json_object_set_new(mid, "number", json_integer(a->mid_number)) != 0
	    || json_object_set_new(mid, "issues_until", json_string(until)) != 0) {
		json_decref(mid);
		return NULL;
	}
	return json_pack("{s:s, s:s, s:s, s:o, s:o}", "issuer_id", id, "algorithm",
	                 trust_key_algorithm(X509_get0_pubkey(a->root)) == TRUST_ES256 ? "es256" : "ed25519", "dir", a->dir, "root", cert_json(a->root),
	                 "intermediate", mid);
}

static void print_authority(const struct authority *a)
{
	char id[UUID_TEXT], text[TIME_RFC3339], name[256] = "";
	int64_t end = 0;

	uuid_format(id, a->issuer_id);
	X509_NAME_get_text_by_NID(X509_get_subject_name(a->root), NID_commonName, name, sizeof(name));
	printf("Issuer: %s\nIssuer ID: %s\nAlgorithm: %s\n", name, id, trust_key_algorithm(X509_get0_pubkey(a->root)) == TRUST_ES256 ? "es256" : "ed25519");
	(void)trust_time(&end, X509_get0_notAfter(a->root));
	day(text, end);
	printf("Root: %s/issuer.pem, until %s\n", a->dir, text);
	day(text, authority_issues_until(a));
	printf("Intermediate: %u, issues until %s\n", a->mid_number, text);
}

/* The passphrase of an existing key, when it has one. *use is NULL or p->text. */
static int unlock(const char **use, struct passphrase *p, const struct options *o, const char *key, const char *prompt, struct muster_err *err)
{
	char *real = realpath(key, NULL);
	bool encrypted = false;
	int r;

	*use = NULL;
	if (real == NULL)
		return err_errno(err, errno, "%s", key);
	r = trust_key_encrypted(&encrypted, real, err);
	free(real);
	if (r != MUSTER_OK || !encrypted)
		return r;
	r = option_given(o, OPT_PASSPHRASE_FD) ? passphrase_read(p, (int)o->number[OPT_PASSPHRASE_FD], err) : passphrase_ask(p, prompt, false, err);
	if (r == MUSTER_OK)
		*use = p->text;
	return r;
}

int command_init(const struct options *o)
{
	struct passphrase p = { "" };
	struct authority *a = NULL;
	struct muster_err err;
	int r = MUSTER_OK;

	if (option_given(o, OPT_PASSPHRASE_FD))
		r = passphrase_read(&p, (int)o->number[OPT_PASSPHRASE_FD], &err);
	else if (!option_given(o, OPT_NO_PASSPHRASE))
		r = passphrase_ask(&p, "New passphrase for the issuer's keys (at least 12 characters): ", true, &err);
	if (r == MUSTER_OK)
		r = authority_init(o->text[OPT_DIR], o->text[OPT_NAME], o->number[OPT_ALGORITHM] == 0 ? TRUST_ES256 : TRUST_EDDSA, option_given(o, OPT_NO_PASSPHRASE) ? NULL : p.text, option_now(o), &err);
	OPENSSL_cleanse(&p, sizeof(p));
	if (r == MUSTER_OK)
		r = authority_open(&a, o->text[OPT_DIR], &err);
	if (r == MUSTER_OK && option_json(o)) {
		r = output_json(authority_json(a), &err);
	} else if (r == MUSTER_OK) {
		print_authority(a);
		printf("Hand out %s/issuer.pem. Keep %s/root.key offline: it is needed for a new intermediate only.\n", a->dir, a->dir);
	}
	authority_free(a);
	return output_finish(r, &err);
}

int command_intermediate(const struct options *o)
{
	struct passphrase p = { "" };
	struct authority *a = NULL;
	struct muster_err err;
	const char *use = NULL;
	char *in_dir = NULL;
	int r;

	if ((r = authority_open(&a, o->text[OPT_DIR], &err)) != MUSTER_OK)
		goto done;
	if ((in_dir = authority_path(a, "root.key")) == NULL) {
		r = err_nomem(&err);
		goto done;
	}
	if ((r = unlock(&use, &p, o, o->text[OPT_ROOT_KEY] != NULL ? o->text[OPT_ROOT_KEY] : in_dir, "Passphrase of the root key: ", &err)) != MUSTER_OK) {
		if (r == MUSTER_E_NOT_FOUND)
			(void)err_prefix(&err, r, "the root key is not here; bring it back or name it with --root-key");
		goto done;
	}
	if ((r = authority_renew(a, o->text[OPT_ROOT_KEY] != NULL ? o->text[OPT_ROOT_KEY] : in_dir, use, option_now(o), &err)) != MUSTER_OK)
		goto done;
	if (option_json(o))
		r = output_json(authority_json(a), &err);
	else
		print_authority(a);
done:
	OPENSSL_cleanse(&p, sizeof(p));
	mem_free(in_dir);
	authority_free(a);
	return output_finish(r, &err);
}

static void print_fault(void *ctx, const char *message)
{
	(void)ctx;
	(void)fprintf(stderr, "muster-issuer: %s\n", message);
}

static int read_request(struct buf *out, const char *path, struct muster_err *err)
{
	uint8_t part[4096];
	ssize_t n;

	if (strcmp(path, "-") != 0)
		return file_read(out, path, TRUST_CHAIN_MAX, err);
	while ((n = read(STDIN_FILENO, part, sizeof(part))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "cannot read standard input");
		buf_add(out, part, (size_t)n);
		if (out->failed)
			return err_set(err, MUSTER_E_LIMIT, "standard input is larger than the %d bytes of a request", TRUST_CHAIN_MAX);
	}
	return MUSTER_OK;
}

/* Write into the file opened beforehand. */
static int write_out(int fd, const char *path, const char *text, struct muster_err *err)
{
	size_t n = strlen(text), done = 0;

	while (done < n) {
		ssize_t w = write(fd, text + done, n - done);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return err_errno(err, errno, "cannot write %s", path);
		done += (size_t)w;
	}
	return fsync(fd) == 0 || errno == EINVAL ? MUSTER_OK : err_errno(err, errno, "cannot write %s", path);
}

static int show_certified(const struct options *o, const struct book_entry *e, struct muster_err *err)
{
	FILE *words = o->text[OPT_OUT] != NULL ? stdout : stderr;   /* the chain itself goes to stdout */
	char end[TIME_RFC3339];

	if (option_json(o))
		return output_json(book_entry_json(e), err);
	day(end, e->end);
	(void)fprintf(words, "Certificate %lu for \"%s\": %zu product%s, until %s.\n", e->number, e->subject, e->product_count,
	              e->product_count == 1 ? "" : "s", end);
	if (o->text[OPT_OUT] != NULL)
		(void)fprintf(words, "The chain is in %s; on the host: musterctl host install %s\n", o->text[OPT_OUT], o->text[OPT_OUT]);
	else
		(void)fputs(e->chain, stdout);
	return MUSTER_OK;
}

static int certify(const struct options *o, const struct authority_order *order, struct muster_err *err)
{
	struct passphrase p = { "" };
	struct authority *a = NULL;
	struct book_entry e = { 0 };
	const char *use = NULL;
	int fd = -1, r;

	if ((r = authority_open(&a, o->text[OPT_DIR], err)) != MUSTER_OK)
		goto done;
	/* before anything is signed: an existing file is not overwritten */
	if (o->text[OPT_OUT] != NULL && (fd = open(o->text[OPT_OUT], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) < 0) {
		r = errno == EEXIST ? err_set(err, MUSTER_E_EXISTS, "%s is there already; nothing was certified", o->text[OPT_OUT]) : err_errno(err, errno, "cannot create %s", o->text[OPT_OUT]);
		goto done;
	}
	if ((r = unlock(&use, &p, o, a->mid_key, "Passphrase of the issuer's keys: ", err)) == MUSTER_OK
	    && (r = authority_certify(&e, a, order, use, option_now(o), err)) == MUSTER_OK && fd >= 0
	    && (r = write_out(fd, o->text[OPT_OUT], e.chain, err)) != MUSTER_OK)
		(void)err_prefix(err, r, "certificate %lu is in the book (print it with: show %lu --json), but", e.number, e.number);
	if (r != MUSTER_OK && fd >= 0)
		(void)unlink(o->text[OPT_OUT]);
	if (r == MUSTER_OK)
		r = show_certified(o, &e, err);
done:
	if (fd >= 0)
		(void)close(fd);
	OPENSSL_cleanse(&p, sizeof(p));
	book_entry_fini(&e);
	authority_free(a);
	return r;
}

int command_certify(const struct options *o)
{
	struct products products;
	struct muster_err err;
	struct buf request, list;
	int r;

	buf_init(&request, TRUST_CHAIN_MAX);
	buf_init(&list, PRODUCTS_FILE_MAX);
	if ((r = read_request(&request, o->argument[0], &err)) == MUSTER_OK && (r = file_read(&list, o->text[OPT_PRODUCTS], PRODUCTS_FILE_MAX, &err)) == MUSTER_OK
	    && (r = products_parse(&products, span_of(buf_str(&list), list.n), o->text[OPT_PRODUCTS], print_fault, NULL, &err)) == MUSTER_OK) {
		const struct authority_order order = {
			.request = span_of(buf_str(&request), request.n), .products = (const uint8_t (*)[16])&products.ids[0], .product_count = products.n,
			.subject = o->text[OPT_SUBJECT], .life_s = option_number(o, OPT_DAYS, TRUST_HOST_LIFE_S / TRUST_DAY_S) * TRUST_DAY_S,
		};

		r = certify(o, &order, &err);
	}
	buf_fini(&list);
	buf_fini(&request);
	return output_finish(r, &err);
}

static int add_json(void *ctx, const struct book_entry *e)
{
	json_t *j = book_entry_json(e);

	(void)json_object_del(j, "chain");   /* `show` has it */
	return json_array_append_new(ctx, j) != 0;
}

static int add_row(void *ctx, const struct book_entry *e)
{
	struct libscols_line *line = scols_table_new_line(ctx, NULL);
	char at[TIME_RFC3339], end[TIME_RFC3339], number[32], count[32];

	if (line == NULL)
		return 1;
	day(at, e->at);
	day(end, e->end);
	(void)snprintf(number, sizeof(number), "%lu", e->number);
	(void)snprintf(count, sizeof(count), "%zu", e->product_count);
	return scols_line_set_data(line, 0, number) != 0 || scols_line_set_data(line, 1, at) != 0 || scols_line_set_data(line, 2, end) != 0
	       || scols_line_set_data(line, 3, count) != 0 || scols_line_set_data(line, 4, e->subject) != 0 || scols_line_set_data(line, 5, e->kid) != 0;
}

static int list_table(const char *book, struct muster_err *err)
{
	static const struct { const char *title; int flags; } columns[] = {
		{ "NUMBER", SCOLS_FL_RIGHT }, { "ISSUED", 0 }, { "ENDS", 0 }, { "PRODUCTS", SCOLS_FL_RIGHT }, { "SUBJECT", 0 }, { "KID", 0 },
	};
	struct libscols_table *t = scols_new_table();
	size_t i;
	int r = MUSTER_OK;

	if (t == NULL)
		return err_nomem(err);
	if (!isatty(STDOUT_FILENO))
		scols_table_set_termforce(t, SCOLS_TERMFORCE_NEVER);
	for (i = 0; r == MUSTER_OK && i < sizeof(columns) / sizeof(columns[0]); i++)
		if (scols_table_new_column(t, columns[i].title, 0, columns[i].flags) == NULL)
			r = err_nomem(err);
	if (r == MUSTER_OK && (r = book_each(book, add_row, t, err)) == MUSTER_OK && scols_print_table(t) != 0)
		r = err_nomem(err);
	scols_unref_table(t);
	return r;
}

int command_list(const struct options *o)
{
	struct authority *a = NULL;
	struct muster_err err;
	char *book = NULL;
	json_t *list = NULL;
	int r;

	if ((r = authority_open(&a, o->text[OPT_DIR], &err)) != MUSTER_OK)
		goto done;
	if ((book = authority_path(a, "certificates.log")) == NULL || (list = json_array()) == NULL) {
		r = err_nomem(&err);
		goto done;
	}
	if (!option_json(o)) {
		r = list_table(book, &err);
	} else if ((r = book_each(book, add_json, list, &err)) == MUSTER_OK) {
		r = output_json(list, &err);
		list = NULL;
	}
done:
	json_decref(list);
	mem_free(book);
	authority_free(a);
	return output_finish(r, &err);
}

static void print_entry(const struct book_entry *e)
{
	char at[TIME_RFC3339], begin[TIME_RFC3339], end[TIME_RFC3339], id[UUID_TEXT];
	size_t i;

	day(at, e->at);
	day(begin, e->begin);
	day(end, e->end);
	printf("Certificate: %lu\nSubject: %s\nIssued: %s\nValid: %s to %s\nIntermediate: %u\nSerial: %s\nKid: %s\nRequest SHA-256: %s\n", e->number,
	       e->subject, at, begin, end, e->intermediate, e->serial, e->kid, e->request);
	for (i = 0; i < e->product_count; i++) {
		uuid_format(id, e->products[i]);
		printf("Product: %s\n", id);
	}
	(void)fputs(e->chain, stdout);
}

int command_show(const struct options *o)
{
	struct authority *a = NULL;
	struct book_entry e = { 0 };
	struct muster_err err;
	char *book = NULL;
	int r;

	if ((r = authority_open(&a, o->text[OPT_DIR], &err)) != MUSTER_OK)
		goto done;
	if (o->argument[0] == NULL) {
		if (option_json(o))
			r = output_json(authority_json(a), &err);
		else
			print_authority(a);
		goto done;
	}
	if ((book = authority_path(a, "certificates.log")) == NULL)
		r = err_nomem(&err);
	else if ((r = book_find(&e, book, o->argument[0], &err)) == MUSTER_OK && option_json(o))
		r = output_json(book_entry_json(&e), &err);
	else if (r == MUSTER_OK)
		print_entry(&e);
done:
	book_entry_fini(&e);
	mem_free(book);
	authority_free(a);
	return output_finish(r, &err);
}
