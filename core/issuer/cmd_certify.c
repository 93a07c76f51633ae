/* certify: a host's own key. */
#include "core/issuer/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/issuer/listing.h"
#include "core/issuer/output.h"
#include "core/issuer/input.h"
#include "core/issuer/products.h"
#include "core/issuer/session.h"

#define PRODUCTS_FILE_MAX 65536

static void print_fault(void *ctx, const char *message)
{
	(void)ctx;
	output_notice("%s", message);
}

static int show_certified(const struct options *o, const struct books_certificate *c, struct muster_err *err)
{
	FILE *words = o->text[OPT_OUT] != NULL ? stdout : stderr;   /* the chain itself goes to stdout */
	char end[TIME_RFC3339];

	if (option_json(o))
		return output_json(listing_certificate(c, true), err);
	(void)fprintf(words, "Certificate %u for \"%s\": %zu product%s, until %s.\n", c->number, c->subject, c->product_count, c->product_count == 1 ? "" : "s",
	              output_time(end, c->end));
	if (o->text[OPT_OUT] != NULL)
		(void)fprintf(words, "The chain is in %s; on the host: musterctl host install %s\n", o->text[OPT_OUT], o->text[OPT_OUT]);
	else
		(void)fputs(c->chain, stdout);
	return MUSTER_OK;
}

/* In the books before it is shown; one process at a time, since its number is its name. */
static int certify_locked(struct session *s, struct books_certificate *c, const struct leaf_order *order, struct muster_err *err)
{
	int fd = -1, r;

	if ((r = session_intermediate(s, err)) != MUSTER_OK || (r = authority_lock(&fd, s->a, err)) != MUSTER_OK)
		return r;
	if ((r = books_certificate_next(s->books, &c->number, err)) == MUSTER_OK && (r = leaf_host(c, s->a, s->mid_key, order, s->act.now, err)) == MUSTER_OK)
		r = books_certificate_add(s->books, c, &s->act, err);
	(void)close(fd);
	return r;
}

static int certify(const struct options *o, const struct leaf_order *order, struct muster_err *err)
{
	struct books_certificate c = { .number = 0 };
	struct output_file out = { .fd = -1 };
	struct session s;
	int r;

	/* the file before anything is signed: an existing one is not overwritten */
	if ((r = session_open(&s, o, err)) != MUSTER_OK || (r = output_file_open(&out, o->text[OPT_OUT], "nothing was certified", err)) != MUSTER_OK
	    || (r = certify_locked(&s, &c, order, err)) != MUSTER_OK)
		goto done;
	if ((r = output_file_write(&out, span_str(c.chain), err)) != MUSTER_OK)
		(void)err_prefix(err, r, "certificate %u is in the books (print it with: show %u --json), but", c.number, c.number);
	else
		r = show_certified(o, &c, err);
done:
	output_file_close(&out, r == MUSTER_OK);
	mem_free(c.chain);
	session_close(&s);
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
	if ((r = input_read(&request, o->argument[0], TRUST_CHAIN_MAX, &err)) == MUSTER_OK && (r = file_read(&list, o->text[OPT_PRODUCTS], PRODUCTS_FILE_MAX, &err)) == MUSTER_OK
	    && (r = products_parse(&products, span_of(buf_str(&list), list.n), o->text[OPT_PRODUCTS], print_fault, NULL, &err)) == MUSTER_OK) {
		const struct leaf_order order = {
			.request = span_of(buf_str(&request), request.n), .products = (const uint8_t (*)[16])&products.ids[0], .product_count = products.n,
			.subject = o->text[OPT_SUBJECT], .life_s = option_number(o, OPT_DAYS, TRUST_HOST_LIFE_S / TRUST_DAY_S) * TRUST_DAY_S,
		};

		r = certify(o, &order, &err);
	}
	buf_fini(&list);
	buf_fini(&request);
	return output_finish(r, &err);
}
