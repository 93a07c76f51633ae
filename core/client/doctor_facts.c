/* The facts of a client, for the doctor's rules. */
#include "core/client/client_private.h"
#include "core/client/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"

#define HOST_MAX 65536          /* bytes of /v1/host */

void client_doctor_folder(struct client_facts *f, const char *dir)
{
	struct stat st;

	memset(f, 0, sizeof *f);
	f->rearms_left = UINT32_MAX;
	(void)snprintf(f->dir, sizeof f->dir, "%s", dir);
	if (stat(dir, &st) != 0) {
		if (errno != ENOENT)
			(void)snprintf(f->state_fault, sizeof f->state_fault, "the state folder %.300s cannot be examined: %.100s", dir, strerror(errno));
		return;
	}
	f->there = true;
	if (!S_ISDIR(st.st_mode))
		(void)snprintf(f->state_fault, sizeof f->state_fault, "%.300s is no folder", dir);
	else if (st.st_uid != geteuid())
		(void)snprintf(f->state_fault, sizeof f->state_fault, "the state folder %.300s belongs to user %lu: run this as that user", dir, (unsigned long)st.st_uid);
	else if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		(void)snprintf(f->state_fault, sizeof f->state_fault, "the state folder %.300s can be used by others (mode %04o): chmod 700 %.100s", dir, (unsigned)(st.st_mode & 07777), dir);
	else if (access(dir, W_OK) != 0)
		(void)snprintf(f->state_fault, sizeof f->state_fault, "the state folder %.300s cannot be written: %.100s", dir, strerror(errno));
}

/* ---- hosts ---- */

static void ask_host(struct client_host *h, const struct muster_client *c)
{
	struct muster_err err = { 0 };
	struct http_answer a;
	const char *text;
	int64_t ms, before = c->now_ms(c->ctx), after;
	json_t *o = NULL;

	http_answer_init(&a);
	if (client_http(c, &a, h->url, "/v1/host", span_of(NULL, 0), HOST_MAX, &err) != MUSTER_OK) {
		(void)snprintf(h->fault, sizeof h->fault, "%.40s: %.200s", h->url, err.message);
		goto done;
	}
	after = c->now_ms(c->ctx);
	o = json_loads(buf_str(&a.body), JSON_REJECT_DUPLICATES, NULL);
	text = json_string_value(json_object_get(o, "time"));
	if (a.status != 200 || json_object_get(o, "host_id") == NULL) {
		(void)snprintf(h->fault, sizeof h->fault, "%.120s: what answers there is no Muster host (status %ld)", h->url, a.status);
		goto done;
	}
	h->answers = true;
	if (text != NULL && time_parse_rfc3339(&ms, text, strlen(text)) == MUSTER_OK) {
		h->timed = true;
		h->ahead = (ms - (before + after) / 2) / 1000;
	}
done:
	json_decref(o);
	http_answer_fini(&a);
}

static void gather_hosts(struct client_facts *f, struct muster_client *c)
{
	struct hosts *hosts = mem_alloc(sizeof *hosts);
	struct muster_err err = { 0 };

	if (hosts == NULL) {
		f->exhausted = true;
		return;
	}
	if (client_hosts(c, hosts, &err) != MUSTER_OK)
		(void)snprintf(f->hosts_fault, sizeof f->hosts_fault, "%.500s", err.message);
	else if ((f->hosts = mem_array(hosts->n, sizeof *f->hosts)) == NULL)
		f->exhausted = true;
	else
		for (; f->host_count < hosts->n; f->host_count++) {
			struct client_host *h = &f->hosts[f->host_count];

			memset(h, 0, sizeof *h);
			memcpy(h->url, hosts->url[f->host_count], sizeof h->url);
			ask_host(h, c);
		}
	mem_free(hosts);
}

/* ---- products ---- */

static int add(struct client_facts *f, const char *id, const char *user)
{
	struct client_product *rows;

	if (f->product_count == CLIENT_DOCTOR_PRODUCTS) {
		f->products_more = true;
		return 1;
	}
	if ((rows = mem_grow(f->products, f->product_count + 1, sizeof *rows)) == NULL) {
		f->exhausted = true;
		return 1;
	}
	f->products = rows;
	rows += f->product_count++;
	memset(rows, 0, sizeof *rows);
	(void)snprintf(rows->id, sizeof rows->id, "%s", id);
	(void)snprintf(rows->user, sizeof rows->user, "%s", user);
	return 0;
}

static int add_machine(void *ctx, const char *id)
{
	return add(ctx, id, "");
}

static int add_user(void *ctx, const char *id, const char *user)
{
	return add(ctx, id, user);
}

/* @return false: there is nothing of the machine's own, only of its users. */
static bool fill(struct client_product *p, struct muster_client *c, struct client_facts *f)
{
	struct muster_status s = { .size = sizeof s };
	struct state_record rec;
	struct muster_err err = { 0 };
	char slot[STATE_SLOT];
	int r;

	if (muster_client_set_user(c, p->user[0] != '\0' ? p->user : NULL, &err) != MUSTER_OK || (r = muster_client_status(c, p->id, &s, &err)) != MUSTER_OK) {
		if (err.result == MUSTER_E_NOT_FOUND)
			return false;
		(void)snprintf(p->reason, sizeof p->reason, "%.500s", err.message);
		return true;
	}
	(void)snprintf(p->name, sizeof p->name, "%s", s.product);
	(void)snprintf(p->reason, sizeof p->reason, "%s", s.reason);
	p->license_status = s.license_status;
	p->valid = s.valid != 0;
	p->perpetual = s.perpetual != 0;
	p->has_key = s.has_key != 0;
	p->crl_stale = s.crl_stale != 0;
	p->granted_at = s.granted_at;
	p->expires_at = s.expires_at;
	p->renew_at = s.renew_at;
	p->grace_ends = s.license_status == 2 || s.license_status == 3 || s.license_status == 6 ? s.state_ends_at : 0;
	client_slot(slot, c, p->id);
	if (state_record_load(&c->state, slot, &rec, &err) == MUSTER_OK)
		(void)snprintf(p->model, sizeof p->model, "%s", rec.model);
	(void)f;
	return true;
}

static void gather_products(struct client_facts *f, struct muster_client *c)
{
	size_t kept = 0;
	char before[256];

	(void)snprintf(before, sizeof before, "%s", c->user);
	if ((muster_client_each(c, add_machine, f) != 0 || muster_client_each_user(c, add_user, f) != 0) && !f->products_more && !f->exhausted)
		(void)snprintf(f->products_fault, sizeof f->products_fault, "the products in %.200s cannot be listed", f->dir);
	for (size_t i = 0; i < f->product_count; i++)
		if (fill(&f->products[i], c, f))
			f->products[kept++] = f->products[i];
	f->product_count = kept;
	(void)muster_client_set_user(c, before[0] != '\0' ? before : NULL, NULL);
}

/* ---- the machine ---- */

/* Its lock is held as long as it runs; the number in the file keeps us from trying a lock that nobody can hold. */
static bool agent_runs(const char *dir)
{
	char *path = file_join(dir, "agent.lock");
	struct muster_err err;
	struct buf text;
	bool runs = false;
	long pid = 0;
	int fd = -1;

	buf_init(&text, 64);
	if (path != NULL && file_read(&text, path, 63, &err) == MUSTER_OK)
		pid = strtol(buf_str(&text), NULL, 10);
	if (pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM) && (fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) >= 0)
		runs = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	if (fd >= 0)
		(void)close(fd);
	buf_fini(&text);
	mem_free(path);
	return runs;
}

static bool moved(const struct muster_client *c)
{
	uint8_t digest[32];

	return c->identity.has_hardware != 0 && trust_hardware_id(digest, c->identity.client_id, c->hardware.source, span_str(c->hardware.value)) == MUSTER_OK &&
	       digest[0] == c->identity.hardware[0] && memcmp(digest, c->identity.hardware, 32) != 0;
}

void client_doctor_gather(struct client_facts *f, struct muster_client *c)
{
	struct muster_err err = { 0 };
	int r;

	f->now = client_now(c);
	(void)snprintf(f->client_id, sizeof f->client_id, "%s", c->id_text);
	f->rearms_left = c->identity.rearm_max == 0 ? UINT32_MAX : c->identity.rearms < c->identity.rearm_max ? c->identity.rearm_max - c->identity.rearms : 0;
	if ((r = state_mark_load(&c->state, &f->mark, &err)) != MUSTER_OK && r != MUSTER_E_NOT_FOUND)
		(void)snprintf(f->mark_fault, sizeof f->mark_fault, "%.250s", err.message);
	if (client_ready(c, &err) != MUSTER_OK) {
		(void)snprintf(f->issuer_fault, sizeof f->issuer_fault, "%.500s", err.message);
		(void)snprintf(f->products_fault, sizeof f->products_fault, "no lease can be verified without the issuer's root and the hardware's identity");
	} else {
		f->hardware_moved = moved(c);
		gather_products(f, c);
	}
	gather_hosts(f, c);
	f->agent = agent_runs(f->dir);
}

void client_facts_fini(struct client_facts *f)
{
	mem_free(f->hosts);
	mem_free(f->products);
	memset(f, 0, sizeof *f);
}
