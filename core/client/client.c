#include "core/client/client_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"

#define ISSUER_MAX 131072
#define TIMEOUT_DEFAULT 10000
#define NAME_MAX_BYTES 255

/* Members that callers compiled with an older header do not have. */
#define HAS(o, member) ((size_t)(o)->size >= offsetof(struct muster_client_options, member) + sizeof (o)->member)

const char *muster_version(void)
{
	return PACKAGE_VERSION;
}

static int64_t system_now(void *ctx)
{
	(void)ctx;
	return clock_wall_ms(clock_system());
}

int client_give(void *out, const void *full, size_t full_size, size_t least, struct muster_err *err)
{
	uint32_t size;

	memcpy(&size, out, sizeof size);
	if (size < least)
		return err_set(err, MUSTER_E_INVALID, "the structure's size member is %u: set it to sizeof before the call", (unsigned)size);
	memcpy((char *)out + sizeof size, (const char *)full + sizeof size, (size < full_size ? size : full_size) - sizeof size);
	return MUSTER_OK;
}

int client_activation_id(char out[UUID_TEXT], const char *text, struct muster_err *err)
{
	uint8_t id[16];

	if (text == NULL || uuid_parse(id, text, strlen(text)) != MUSTER_OK || uuid_is_nil(id))
		return err_set(err, MUSTER_E_INVALID, "\"%.60s\" is not an activation ID: 8-4-4-4-12 hexadecimal digits", text != NULL ? text : "");
	uuid_format(out, id);
	return MUSTER_OK;
}

static void set_identity(struct muster_client *c, const struct state_identity *id)
{
	c->identity = *id;
	uuid_format(c->id_text, id->client_id);
}

/* The identity is made once: of two processes that start together one makes it, and the other takes that. */
static int open_identity(struct muster_client *c, struct muster_err *err)
{
	struct state_identity id;
	int r = state_identity_load(&c->state, &id, err);

	if (r == MUSTER_E_NOT_FOUND) {
		uuid_random(id.client_id);
		r = state_identity_create(&c->state, &id, err);
		if (r == MUSTER_E_EXISTS)
			r = state_identity_load(&c->state, &id, err);
	}
	if (r == MUSTER_OK)
		set_identity(c, &id);
	return r;
}

static int copy_name(struct muster_client *c, const char *given, struct muster_err *err)
{
	char host[256] = "", clean[NAME_MAX_BYTES + 1];

	if (given == NULL && gethostname(host, sizeof host - 1) != 0)
		host[0] = '\0';
	answer_printable(clean, sizeof clean, given != NULL ? given : host);
	return (c->name = mem_strdup(clean)) != NULL ? MUSTER_OK : err_nomem(err);
}

static int copy_options(struct muster_client *c, const struct muster_client_options *o, struct muster_err *err)
{
	int r;

	c->hardware_source = o->hardware_source;
	c->now_ms = o->now_ms != NULL ? o->now_ms : system_now;
	c->ctx = o->ctx;
	c->stop = HAS(o, stop) ? o->stop : NULL;
	c->event = HAS(o, event) ? o->event : NULL;
	c->no_queue = HAS(o, no_queue) && o->no_queue != 0;
	c->timeout_ms = o->timeout_ms != 0 ? o->timeout_ms : TIMEOUT_DEFAULT;
	c->is_virtual = o->is_virtual < 0 ? hardware_is_virtual("") : o->is_virtual != 0;
	if (o->hardware_source == HARDWARE_GIVEN && (o->hardware == NULL || o->hardware[0] == '\0' || strlen(o->hardware) >= HARDWARE_VALUE))
		return err_set(err, MUSTER_E_INVALID, "hardware source 0 needs a value of 1 to %d bytes", HARDWARE_VALUE - 1);
	if (o->hardware_source > HARDWARE_MACHINE_ID && o->hardware_source != HARDWARE_BEST)
		return err_set(err, MUSTER_E_INVALID, "hardware source %u: 0, 1, 2, 3 or best available", (unsigned)o->hardware_source);
	if (o->hosts != NULL && (r = hosts_parse(&c->hosts, o->hosts, HOSTS_PORT, err)) != MUSTER_OK)
		return r;
	c->ca_default = !HAS(o, ca) || o->ca == NULL;
	if ((c->ca = c->ca_default ? file_join(o->state, "ca.pem") : mem_strdup(o->ca)) == NULL)
		return err_nomem(err);
	c->given = o->hardware_source == HARDWARE_GIVEN ? mem_strdup(o->hardware) : NULL;
	c->issuer = o->issuer != NULL ? mem_strdup(o->issuer) : file_join(o->state, "issuer.pem");
	if (c->issuer == NULL || (o->hardware_source == HARDWARE_GIVEN && c->given == NULL))
		return err_nomem(err);
	return copy_name(c, o->name, err);
}

int muster_client_open(struct muster_client **out, const struct muster_client_options *options, struct muster_err *err)
{
	struct muster_client *c = NULL;
	int r;

	*out = NULL;
	if (options->size < offsetof(struct muster_client_options, stop))
		return err_set(err, MUSTER_E_INVALID, "the options' size member is %u: set it to sizeof before the call", (unsigned)options->size);
	if (options->state == NULL || options->state[0] == '\0')
		return err_set(err, MUSTER_E_INVALID, "no state folder is named");
	if ((c = mem_alloc(sizeof *c)) == NULL)
		return err_nomem(err);
	c->magic = CLIENT_MAGIC;
	c->state.lock_fd = -1;
	if ((r = copy_options(c, options, err)) == MUSTER_OK && (r = state_open(&c->state, options->state, err)) == MUSTER_OK)
		r = open_identity(c, err);
	if (r == MUSTER_OK) {
		*out = c;
		c = NULL;
	}
	muster_client_free(c);
	return r;
}

void muster_client_free(struct muster_client *c)
{
	if (c == NULL)
		return;
	MUSTER_ASSERT(c->magic == CLIENT_MAGIC);
	c->magic = 0;
	state_close(&c->state);
	trust_anchors_free(c->anchors);
	crl_unref(c->crl);
	mem_free(c->issuer);
	mem_free(c->ca);
	mem_free(c->given);
	mem_free(c->name);
	mem_free(c);
}

const char *muster_client_id(const struct muster_client *c)
{
	MUSTER_ASSERT(c->magic == CLIENT_MAGIC);
	return c->id_text;
}

#define LOCK_TRIES 50
#define LOCK_PAUSE_NS 20000000

int client_begin(struct muster_client *c, struct muster_err *err)
{
	struct state_identity id;
	int r;

	MUSTER_ASSERT(c->magic == CLIENT_MAGIC);
	/* Somebody who only moves the clock's mark is gone in a moment; who asks a host may take longer, and is named then. */
	for (int tries = 0; (r = state_lock(&c->state, err)) == MUSTER_E_BUSY && tries < LOCK_TRIES; tries++)
		(void)nanosleep(&(struct timespec){ .tv_nsec = LOCK_PAUSE_NS }, NULL);
	if (r != MUSTER_OK)
		return r;
	if ((r = state_identity_load(&c->state, &id, err)) == MUSTER_OK)
		set_identity(c, &id);
	else
		state_unlock(&c->state);
	return r;
}

void client_end(struct muster_client *c)
{
	state_unlock(&c->state);
}

/* Who can write this file decides who is believed. */
static int check_roots_file(const char *path, const char *what, const char *option, struct muster_err *err)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return err_errno(err, errno, "cannot read %s %s: put the PEM file there, or name it with %s", what, path, option);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(err, MUSTER_E_DENIED, "%s %s can be changed by others (owner %lu, mode %04o): chown it to root or yourself and chmod 644",
			what, path, (unsigned long)st.st_uid, (unsigned)(st.st_mode & 07777));
	return MUSTER_OK;
}

static int read_anchors(struct muster_client *c, struct muster_err *err)
{
	struct buf pem;
	int r;

	buf_init(&pem, ISSUER_MAX);
	if ((r = check_roots_file(c->issuer, "the issuer's root", "--issuer", err)) == MUSTER_OK && (r = file_read(&pem, c->issuer, ISSUER_MAX, err)) == MUSTER_OK &&
	    (r = trust_anchors_read(&c->anchors, span_of(pem.p, pem.n), err)) != MUSTER_OK)
		r = err_prefix(err, r, "%s", c->issuer);
	buf_fini(&pem);
	return r;
}

/* The source once used is kept while it can be read: another one cannot be compared with it. */
static int read_hardware(struct muster_client *c, struct muster_err *err)
{
	uint32_t wanted = c->hardware_source;

	if (c->given != NULL) {
		c->hardware.source = HARDWARE_GIVEN;
		(void)snprintf(c->hardware.value, sizeof c->hardware.value, "%s", c->given);
		return MUSTER_OK;
	}
	if (wanted == HARDWARE_BEST && c->identity.has_hardware != 0)
		wanted = c->identity.hardware[0];
	return hardware_find(&c->hardware, "", wanted, err);
}

int client_ready(struct muster_client *c, struct muster_err *err)
{
	int r;

	if (c->anchors != NULL)
		return MUSTER_OK;
	if ((r = read_hardware(c, err)) != MUSTER_OK || (r = read_anchors(c, err)) != MUSTER_OK)
		return r;
	if (trust_hardware_id(c->hardware_id, trust_anchors_issuer_id(c->anchors), c->hardware.source, span_str(c->hardware.value)) != MUSTER_OK) {
		trust_anchors_free(c->anchors);
		c->anchors = NULL;
		return err_set(err, MUSTER_E_INTERNAL, "the hardware ID could not be computed");
	}
	return MUSTER_OK;
}

int client_check_hardware(struct muster_client *c, struct muster_err *err)
{
	uint8_t digest[32];
	int r;

	/* Under the client ID instead of an issuer's, so that pinning another issuer does not look like another machine. */
	if (trust_hardware_id(digest, c->identity.client_id, c->hardware.source, span_str(c->hardware.value)) != MUSTER_OK)
		return err_set(err, MUSTER_E_INTERNAL, "the hardware digest could not be computed");
	if (c->identity.has_hardware != 0 && c->identity.hardware[0] != digest[0])
		return MUSTER_OK;
	if (c->identity.has_hardware != 0 && memcmp(c->identity.hardware, digest, 32) == 0)
		return MUSTER_OK;
	/* The first time, or the state folder was copied from another machine (trust.md section 10). */
	if (c->identity.has_hardware == 0) {
		struct state_identity id = c->identity;

		memcpy(id.hardware, digest, 32);
		id.has_hardware = 1;
		if ((r = state_identity_save(&c->state, &id, err)) == MUSTER_OK)
			set_identity(c, &id);
		return r;
	}
	return client_new_identity(c, err);
}

/* After a new client ID: the product stays known, everything asked and granted under the old one goes. The grace of an access product goes on: it is for
 * the time without a licence server, and a new name does not bring one nearer. */
static int reset_product(void *ctx, const char *id)
{
	struct muster_client *c = ctx;
	struct state_record old, fresh = { 0 };
	int r;

	if ((r = state_forget(&c->state, id, false, NULL)) != MUSTER_OK || (r = state_record_load(&c->state, id, &old, NULL)) != MUSTER_OK)
		return r;
	memcpy(fresh.name, old.name, sizeof fresh.name);
	memcpy(fresh.product_id, old.product_id, sizeof fresh.product_id);
	fresh.retry_s = old.retry_s;
	state_record_keep(&fresh, &old);
	r = state_record_save(&c->state, id, &fresh, NULL);
	return r;
}

int client_new_identity(struct muster_client *c, struct muster_err *err)
{
	struct state_identity id = c->identity;
	int r;

	uuid_random(id.client_id);
	id.has_hardware = 0;
	if (c->hardware.value[0] != '\0' &&
	    trust_hardware_id(id.hardware, id.client_id, c->hardware.source, span_str(c->hardware.value)) == MUSTER_OK)
		id.has_hardware = 1;
	/* The identity first: a lease left behind by a crash is for the old client ID and does not verify. */
	if ((r = state_identity_save(&c->state, &id, err)) != MUSTER_OK)
		return r;
	set_identity(c, &id);
	if ((r = state_each_slot(&c->state, reset_product, c, err)) != MUSTER_OK)
		return err_set(err, r, "%s: the new client ID is %s, but what was held under the old one could not all be removed: check the folder", c->state.dir, c->id_text);
	state_chains_prune(&c->state);
	return MUSTER_OK;
}

int muster_client_rearm(struct muster_client *c, struct muster_err *err)
{
	uint32_t max, used;
	int r;

	if ((r = client_begin(c, err)) != MUSTER_OK)
		return r;
	max = c->identity.rearm_max;
	used = c->identity.rearms;
	if (max != 0 && used >= max) {
		r = err_set(err, MUSTER_E_REFUSED, "this machine has taken a new identity %u times, as often as its products allow (%u): the present client ID %s stays",
			(unsigned)used, (unsigned)max, c->id_text);
		goto done;
	}
	/* Counted before anything else changes; needs no issuer, so the hardware is noted at the next question. */
	c->identity.rearms++;
	r = client_new_identity(c, err);
done:
	client_end(c);
	return r;
}

int client_hosts(const struct muster_client *c, struct hosts *out, struct muster_err *err)
{
	struct buf text;
	int r = MUSTER_OK;

	*out = c->hosts;
	if (out->n > 0)
		return MUSTER_OK;
	buf_init(&text, HOSTS_TEXT);
	if ((r = state_hosts_load(&c->state, &text, err)) == MUSTER_OK && (r = hosts_parse(out, buf_str(&text), HOSTS_PORT, err)) != MUSTER_OK)
		r = err_prefix(err, r, "%s/hosts", c->state.dir);
	buf_fini(&text);
	if (r == MUSTER_OK && out->n == 0)
		r = err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_NO_HOST, "no host is named: run `muster skms NAME[:PORT]` or give --host");
	return r;
}

int muster_client_set_hosts(struct muster_client *c, const char *hosts, struct muster_err *err)
{
	struct hosts parsed;
	struct buf text;
	int r;

	if (hosts != NULL && (r = hosts_parse(&parsed, hosts, HOSTS_PORT, err)) != MUSTER_OK)
		return r;
	if (hosts != NULL && parsed.n == 0)
		return err_set(err, MUSTER_E_INVALID, "no host is named");
	if ((r = client_begin(c, err)) != MUSTER_OK)
		return r;
	buf_init(&text, HOSTS_TEXT);
	for (size_t i = 0; hosts != NULL && i < parsed.n; i++)
		buf_addf(&text, "%s\n", parsed.url[i]);
	r = text.failed ? err_nomem(err) : state_hosts_save(&c->state, hosts != NULL ? buf_str(&text) : NULL, err);
	buf_fini(&text);
	client_end(c);
	return r;
}

int client_http(const struct muster_client *c, struct http_answer *a, const char *host, const char *path, struct muster_span body, size_t max, struct muster_err *err)
{
	char url[HOSTS_URL + 128];
	struct http_request q = { .url = url, .body = body, .max = max, .timeout_ms = c->timeout_ms, .stop = c->stop, .ctx = c->ctx };
	int r;

	if (strncmp(host, "https://", 8) == 0 && (!c->ca_default || access(c->ca, F_OK) == 0)) {
		if ((r = check_roots_file(c->ca, "the roots of hosts", "--ca", err)) != MUSTER_OK)
			return r;
		q.ca_file = c->ca;
	}
	(void)snprintf(url, sizeof url, "%s%s", host, path);
	return http_ask(a, &q, err);
}

int client_http_issuer(const struct muster_client *c, struct http_answer *a, const char *issuer, const char *path, struct muster_span body, size_t max, struct muster_err *err)
{
	char url[HOSTS_URL + 128];
	struct http_request q = { .url = url, .body = body, .max = max, .timeout_ms = c->timeout_ms, .stop = c->stop, .ctx = c->ctx, .ca_file = c->issuer };

	(void)snprintf(url, sizeof url, "%s%s", issuer, path);
	return http_ask(a, &q, err);
}
