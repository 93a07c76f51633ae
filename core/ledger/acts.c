/* Administrators' acts: each changes the state and writes its journal row in one transaction. */
#include "core/ledger/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

#define SETTLE_MS 5000

static int copy(char *out, size_t room, const char *text, const char *what, struct muster_err *err)
{
	if (text == NULL || text[0] == '\0')
		return err_set(err, MUSTER_E_INVALID, "%s is missing", what);
	if (strlen(text) >= room)
		return err_set(err, MUSTER_E_LIMIT, "%s is longer than %zu bytes", what, room - 1);
	memcpy(out, text, strlen(text) + 1);
	return MUSTER_OK;
}

static int journal_fill(struct ledger *l, struct store_change *c, const char *actor, uint32_t kind, const char *object, struct muster_err *err,
                        const char *fmt, ...) __attribute__((format(printf, 7, 8)));

static int journal_fill(struct ledger *l, struct store_change *c, const char *actor, uint32_t kind, const char *object, struct muster_err *err,
                        const char *fmt, ...)
{
	va_list ap;
	int r, n;

	c->journal.kind = kind;
	c->journal.at = clock_wall_ms(l->clock);
	if ((r = copy(c->journal.actor, sizeof c->journal.actor, actor, "the actor", err)) != MUSTER_OK ||
	    (r = copy(c->journal.object, sizeof c->journal.object, object, "the object", err)) != MUSTER_OK)
		return r;
	va_start(ap, fmt);
	n = vsnprintf(c->journal.detail, sizeof c->journal.detail, fmt, ap);
	va_end(ap);
	return n < 0 || (size_t)n >= sizeof c->journal.detail ?
	       err_set(err, MUSTER_E_LIMIT, "the detail is longer than %zu bytes", sizeof c->journal.detail - 1) : MUSTER_OK;
}

/* While this host is being moved, what is written behind the page that was read of it would be missing where it goes. The record of acts stays here in any case. */
static int not_moving(struct ledger *l, const struct store_change *c, size_t n, struct muster_err *err)
{
	char text[256];

	for (size_t i = 0; i < n; i++)
		if (c[i].kind != STORE_JOURNAL_ONLY && ledger_moving(l, text, sizeof text) == CODE_M_MOVING)
			return err_code(err, MUSTER_E_BUSY, CODE_M_MOVING, "%s, and nothing is changed: it would be missing where the state goes", text);
	return MUSTER_OK;
}

static int transact_all(struct ledger *l, const struct store_change *c, size_t n, struct muster_err *err)
{
	int r;

	pthread_mutex_lock(&l->state_lock);
	r = l->state == NULL ? state_reopen(l, err) : MUSTER_OK;
	if (r == MUSTER_OK && (r = not_moving(l, c, n, err)) == MUSTER_OK)
		r = state_done(l, l->state->ops->transact(l->state, c, n, err));
	pthread_mutex_unlock(&l->state_lock);
	return r == MUSTER_E_UNKNOWN ? err_set(err, r, "storage failed; whether it was recorded is seen in the journal: look, then try again") : r;
}

static int transact(struct ledger *l, const struct store_change *c, struct muster_err *err)
{
	return transact_all(l, c, 1, err);
}

int ledger_transact(struct ledger *l, const struct store_change *changes, size_t n, struct muster_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (changes[i].journal.kind != 0 && (changes[i].journal.kind < 100 || changes[i].journal.actor[0] == '\0' || changes[i].journal.object[0] == '\0'))
			return err_set(err, MUSTER_E_INTERNAL, "a journal row without an act, an actor or an object");
	return transact_all(l, changes, n, err);
}

static int setting_key(struct store_change *c, const char *scope, const char *name, struct muster_err *err)
{
	int r;

	memset(c, 0, sizeof *c);
	if ((r = copy(c->setting.scope, sizeof c->setting.scope, scope, "the scope of the setting", err)) != MUSTER_OK)
		return r;
	if (strcmp(scope, STATE_SCOPE) == 0)
		return err_set(err, MUSTER_E_INVALID, "scope \"%s\" is the ledger's own", scope);
	return copy(c->setting.name, sizeof c->setting.name, name, "the name of the setting", err);
}

int ledger_setting_put(struct ledger *l, const char *actor, const char *scope, const char *name, const char *value, struct muster_err *err)
{
	struct store_change c;
	char object[128];
	int r;

	if ((r = setting_key(&c, scope, name, err)) != MUSTER_OK ||
	    (r = copy(c.setting.value, sizeof c.setting.value, value, "the value", err)) != MUSTER_OK ||
	    (r = copy(c.setting.actor, sizeof c.setting.actor, actor, "the actor", err)) != MUSTER_OK)
		return r;
	c.kind = STORE_SETTING_PUT;
	c.setting.at = clock_wall_ms(l->clock);
	snprintf(object, sizeof object, "%s.%s", c.setting.scope, c.setting.name);
	if ((r = journal_fill(l, &c, actor, LEDGER_J_SETTING, object, err, "set to %s", value)) != MUSTER_OK)
		return r;
	return transact(l, &c, err);
}

struct wanted { const char *scope, *name; bool found; };

static int setting_look(void *ctx, const struct store_setting *s)
{
	struct wanted *w = ctx;

	w->found = strcmp(s->scope, w->scope) == 0 && strcmp(s->name, w->name) == 0;
	return w->found;
}

int ledger_setting_reset(struct ledger *l, const char *actor, const char *scope, const char *name, struct muster_err *err)
{
	struct store_change c;
	struct wanted w = { scope, name, false };
	char object[128];
	int r;

	if ((r = setting_key(&c, scope, name, err)) != MUSTER_OK || (r = ledger_settings(l, setting_look, &w, err)) != MUSTER_OK)
		return r;
	if (!w.found)
		return err_set(err, MUSTER_E_NOT_FOUND, "%s.%s is not stored: its value comes from the configuration or is the default", scope, name);
	c.kind = STORE_SETTING_DELETE;
	snprintf(object, sizeof object, "%s.%s", c.setting.scope, c.setting.name);
	if ((r = journal_fill(l, &c, actor, LEDGER_J_SETTING_RESET, object, err, "reset")) != MUSTER_OK)
		return r;
	return transact(l, &c, err);
}

int ledger_learn(struct ledger *l, const char *actor, const uint8_t activation_id[16], const char *product, const char *title, struct muster_err *err)
{
	struct store_change c;
	char id[UUID_TEXT];
	int r;

	memset(&c, 0, sizeof c);
	c.kind = STORE_EDITION_PUT;
	memcpy(c.edition.activation_id, activation_id, 16);
	c.edition.learned = true;
	if ((r = copy(c.edition.name, sizeof c.edition.name, title, "the name of the edition", err)) != MUSTER_OK)
		return r;
	pthread_mutex_lock(&l->lock);
	for (size_t i = 1; product != NULL && i < l->product_count; i++)
		if (l->products[i] != NULL && strcmp(l->products[i]->row.name, product) == 0)
			c.edition.product = l->products[i]->row.product;
	pthread_mutex_unlock(&l->lock);
	if (c.edition.product == 0)
		return err_set(err, MUSTER_E_NOT_FOUND, "no product \"%.64s\"; `products` lists them", product == NULL ? "" : product);
	uuid_format(id, activation_id);
	if ((r = journal_fill(l, &c, actor, LEDGER_J_LEARN, id, err, "learned as %s of product %s", title, product)) != MUSTER_OK)
		return r;
	return transact(l, &c, err);
}

int ledger_forget(struct ledger *l, const char *actor, const uint8_t client[16], struct muster_err *err)
{
	struct store_change c;
	char id[UUID_TEXT];
	int r;

	memset(&c, 0, sizeof c);
	c.kind = STORE_USE_FORGET;
	memcpy(c.client, client, 16);
	uuid_format(id, client);
	if ((r = journal_fill(l, &c, actor, LEDGER_J_FORGET, id, err, "forgotten")) != MUSTER_OK || (r = state_settle(l, SETTLE_MS, err)) != MUSTER_OK)
		return r;
	if ((r = transact(l, &c, err)) == MUSTER_E_NOT_FOUND)
		return err_set(err, r, "no client %s has reported in", id);
	if (r != MUSTER_OK)
		return r;
	pthread_mutex_lock(&l->lock);
	marks_drop(l->marks, client, 0);
	for (size_t i = 0; i < l->pool_count; i++)
		if (l->pools[i] != NULL && pool_find(l->pools[i]->members, client) != NULL)
			l->pools[i]->refill = true;
	pthread_mutex_unlock(&l->lock);
	return state_settle(l, SETTLE_MS, err);
}

int ledger_journal_note(struct ledger *l, const char *actor, uint32_t kind, const char *object, const char *detail, struct muster_err *err)
{
	struct store_change c;
	int r;

	memset(&c, 0, sizeof c);
	c.kind = STORE_JOURNAL_ONLY;
	if (kind == 0)
		return err_set(err, MUSTER_E_INVALID, "kind 0 is no act");
	if ((r = journal_fill(l, &c, actor, kind, object, err, "%s", detail)) != MUSTER_OK)
		return r;
	return transact(l, &c, err);
}

int ledger_clock_accept(struct ledger *l, const char *actor, struct muster_err *err)
{
	struct store_change c;
	char reason[256];
	int64_t wall = clock_wall_ms(l->clock), boot = clock_boot_ms(l->clock), last_at;
	int r;

	memset(&c, 0, sizeof c);
	pthread_mutex_lock(&l->lock);
	(void)hostclock_check(&l->host, wall, boot);
	hostclock_reason(&l->host, reason, sizeof reason, boot);
	last_at = l->last_at;
	pthread_mutex_unlock(&l->lock);
	/* One transaction: the acceptance outlives a restart, and the journal says who gave it. */
	host_clock_accepted(l, &c, last_at, wall);
	if ((r = journal_fill(l, &c, actor, LEDGER_J_CLOCK, "clock", err, "accepted; before: %s", reason[0] == '\0' ? "nothing was held" : reason)) != MUSTER_OK ||
	    (r = transact(l, &c, err)) != MUSTER_OK)
		return r;
	pthread_mutex_lock(&l->lock);
	hostclock_accept(&l->host, wall, boot);
	host_row(l, 0, "the host's clock was accepted by an administrator");
	pthread_mutex_unlock(&l->lock);
	host_event(l, 5, "clock-accepted", "the host's clock was accepted by %s", actor);
	queue_wake(&l->queue);
	return MUSTER_OK;
}

int ledger_backup(struct ledger *l, const char *actor, const char *dir, struct muster_err *err)
{
	struct store_change c;
	uint64_t wal_max;
	int r;

	memset(&c, 0, sizeof c);
	c.kind = STORE_JOURNAL_ONLY;
	if ((r = journal_fill(l, &c, actor, LEDGER_J_BACKUP, "backup", err, "to %s", dir)) != MUSTER_OK)
		return r;
	if (pthread_mutex_trylock(&l->backup_lock) != 0)
		return err_set(err, MUSTER_E_BUSY, "another backup is running; wait until it has ended");
	pthread_mutex_lock(&l->lock);
	wal_max = l->set.wal_max;
	pthread_mutex_unlock(&l->lock);
	/* What is committed is in the log; folding first makes the copy quick to start from. A busy state is no reason against it. */
	(void)state_settle(l, SETTLE_MS, NULL);
	if ((r = transact(l, &c, err)) == MUSTER_OK)
		r = l->store->backup(l->store, dir, wal_max, err);
	pthread_mutex_unlock(&l->backup_lock);
	return r;
}
