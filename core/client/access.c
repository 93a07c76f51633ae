/* Access licences as a machine keeps them: its own and its users', each under a name of its own in the state folder; and how long a product goes without. */
#include "core/client/client_private.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"

#define GRACE_MAX INT64_C(315576000)    /* s: 10 years */
#define TAG_BYTES 12                    /* of the user's hash: enough that two users of a machine never meet */

/* A name that can be sent and shown as it is. */
static bool is_plain(const char *text, size_t most)
{
	char clean[512];

	if (text[0] == '\0' || strlen(text) > most)
		return false;
	answer_printable(clean, sizeof clean, text);
	return strcmp(clean, text) == 0;
}

static int hash_user(uint8_t hash[32], const char *user, struct muster_err *err)
{
	if (user == NULL || !is_plain(user, TRUST_USER_MAX))
		return err_set(err, MUSTER_E_INVALID, "a user's name has 1 to %d bytes of UTF-8 and no control characters", TRUST_USER_MAX);
	return trust_user_hash(hash, span_str(user)) == MUSTER_OK ? MUSTER_OK : err_set(err, MUSTER_E_INTERNAL, "the user's hash could not be computed");
}

int muster_user_hash(char hash[44], const char *user, struct muster_err *err)
{
	uint8_t bytes[32];
	int r;

	hash[0] = '\0';
	if ((r = hash_user(bytes, user, err)) == MUSTER_OK)
		(void)b64_encode(hash, bytes, sizeof bytes);
	return r;
}

int muster_client_set_user(struct muster_client *c, const char *user, struct muster_err *err)
{
	uint8_t hash[32];
	int r;

	MUSTER_ASSERT(c->magic == CLIENT_MAGIC);
	if (user == NULL) {
		c->user[0] = '\0';
		return MUSTER_OK;
	}
	if ((r = hash_user(hash, user, err)) != MUSTER_OK)
		return r;
	memcpy(c->user_hash, hash, sizeof hash);
	(void)snprintf(c->user, sizeof c->user, "%s", user);
	return MUSTER_OK;
}

/* ---- slots ---- */

void client_slot(char slot[STATE_SLOT], const struct muster_client *c, const char *id)
{
	char tag[B64_SIZE(TAG_BYTES)];

	(void)b64_encode(tag, c->user_hash, TAG_BYTES);
	if (c->user[0] == '\0')
		(void)snprintf(slot, STATE_SLOT, "%.36s", id);
	else
		(void)snprintf(slot, STATE_SLOT, "%.36s.%s", id, tag);
}

bool client_slot_fits(const char *slot, const struct lease_claims *claims)
{
	char tag[B64_SIZE(TAG_BYTES)];

	if (slot[UUID_TEXT - 1] == '\0')
		return !claims->has_usr;
	(void)b64_encode(tag, claims->usr, TAG_BYTES);
	return claims->has_usr && strcmp(tag, slot + UUID_TEXT) == 0;
}

struct earliest { const struct muster_client *c; const char *id; int64_t at; };

static int look_first(void *ctx, const char *slot)
{
	struct earliest *e = ctx;
	struct state_record rec;

	if (strncmp(slot, e->id, UUID_TEXT - 1) == 0 && state_record_load(&e->c->state, slot, &rec, NULL) == MUSTER_OK && rec.first_at != 0 && rec.first_at < e->at)
		e->at = rec.first_at;
	return 0;
}

int64_t client_first_at(const struct muster_client *c, const char *id, int64_t now)
{
	struct earliest e = { c, id, now };

	/* The grace is the machine's: who signs in for the first time on its last day begins none of his own. */
	if (c->user[0] != '\0')
		(void)state_each_slot(&c->state, look_first, &e, NULL);
	return e.at;
}

struct own { const struct muster_client *c; int (*fn)(void *ctx, const char *id); void *ctx; };

static int own_slot(void *ctx, const char *slot)
{
	const struct own *o = ctx;
	char id[UUID_TEXT], mine[STATE_SLOT];

	(void)snprintf(id, sizeof id, "%.36s", slot);
	client_slot(mine, o->c, id);
	return strcmp(mine, slot) == 0 ? o->fn(o->ctx, id) : 0;
}

int muster_client_each(struct muster_client *c, int (*fn)(void *ctx, const char *activation_id), void *ctx)
{
	struct own own = { c, fn, ctx };

	MUSTER_ASSERT(c->magic == CLIENT_MAGIC);
	return state_each_slot(&c->state, own_slot, &own, NULL);
}

struct users { const struct muster_client *c; int (*fn)(void *ctx, const char *id, const char *user); void *ctx; };

static int users_slot(void *ctx, const char *slot)
{
	const struct users *u = ctx;
	struct state_record rec;
	char id[UUID_TEXT];

	(void)snprintf(id, sizeof id, "%.36s", slot);
	if (slot[UUID_TEXT - 1] == '\0' || state_record_load(&u->c->state, slot, &rec, NULL) != MUSTER_OK || rec.user[0] == '\0')
		return 0;
	return u->fn(u->ctx, id, rec.user);
}

int muster_client_each_user(struct muster_client *c, int (*fn)(void *ctx, const char *activation_id, const char *user), void *ctx)
{
	struct users users = { c, fn, ctx };

	MUSTER_ASSERT(c->magic == CLIENT_MAGIC);
	return state_each_slot(&c->state, users_slot, &users, NULL);
}

/* ---- what is asked for, and how long it is gone without ---- */

static int change(struct muster_client *c, const char *activation_id, void (*fn)(struct state_record *rec, const void *what), const void *what, struct muster_err *err)
{
	char id[UUID_TEXT], slot[STATE_SLOT];
	struct state_record rec;
	int64_t now = client_now(c);
	int r;

	if ((r = client_activation_id(id, activation_id, err)) != MUSTER_OK || (r = client_begin(c, err)) != MUSTER_OK)
		return r;
	client_slot(slot, c, id);
	r = state_record_load(&c->state, slot, &rec, err);
	if (r == MUSTER_OK || r == MUSTER_E_NOT_FOUND) {
		if (rec.first_at == 0 || rec.first_at > now)
			rec.first_at = client_first_at(c, id, now);
		memcpy(rec.user, c->user, sizeof rec.user);
		fn(&rec, what);
		r = state_record_save(&c->state, slot, &rec, err);
	}
	client_end(c);
	return r;
}

struct wish { uint32_t per; const char *version; };

static void set_wish(struct state_record *rec, const void *what)
{
	const struct wish *w = what;

	rec->access = 1;
	rec->per = w->per;
	(void)snprintf(rec->version, sizeof rec->version, "%s", w->version);
}

int muster_client_set_access(struct muster_client *c, const char *activation_id, uint32_t per, const char *version, struct muster_err *err)
{
	struct wish w = { per, version != NULL ? version : "" };

	MUSTER_ASSERT(c->magic == CLIENT_MAGIC);
	if (per > MUSTER_ACCESS_USER)
		return err_set(err, MUSTER_E_INVALID, "an access licence is per device or per user, not %u", (unsigned)per);
	if (per == MUSTER_ACCESS_USER && c->user[0] == '\0')
		return err_set(err, MUSTER_E_INVALID, "whose licence? No user has been named");
	if (per == MUSTER_ACCESS_DEVICE && c->user[0] != '\0')
		return err_set(err, MUSTER_E_INVALID, "a licence per device is the machine's, and a user is named: %.100s", c->user);
	if (version != NULL && !is_plain(version, sizeof ((struct state_record *)0)->version - 1))
		return err_set(err, MUSTER_E_INVALID, "a version has 1 to 63 bytes of UTF-8 and no control characters, such as 2019");
	if (w.per == MUSTER_ACCESS_ANY && c->user[0] != '\0')
		w.per = MUSTER_ACCESS_USER;
	return change(c, activation_id, set_wish, &w, err);
}

static void set_grace(struct state_record *rec, const void *what)
{
	const int64_t *seconds = what;

	/* A host's word stays until the host says otherwise. */
	if (rec->grace_by == GRACE_BY_HOST)
		return;
	rec->grace_by = *seconds < 0 ? GRACE_BY_NOBODY : GRACE_BY_CALLER;
	rec->grace_s = *seconds < 0 ? 0 : *seconds;
}

int muster_client_set_grace(struct muster_client *c, const char *activation_id, int64_t seconds, struct muster_err *err)
{
	MUSTER_ASSERT(c->magic == CLIENT_MAGIC);
	if (seconds < -1 || seconds > GRACE_MAX)
		return err_set(err, MUSTER_E_INVALID, "a grace of %lld s: 0 to 10 years, or -1", (long long)seconds);
	return change(c, activation_id, set_grace, &seconds, err);
}

int64_t client_grace(const struct state_record *r)
{
	if (r->grace_by != GRACE_BY_NOBODY)
		return r->grace_s;
	/* A seat is had or not: nothing is used in between. */
	return strcmp(r->model, "seats") == 0 ? 0 : r->access != 0 ? CLIENT_GRACE_ACCESS : CLIENT_GRACE;
}

void client_note_grace(struct state_record *r, int64_t seconds)
{
	if (seconds < 0)
		return;
	r->grace_by = GRACE_BY_HOST;
	r->grace_s = seconds < GRACE_MAX ? seconds : GRACE_MAX;
}
