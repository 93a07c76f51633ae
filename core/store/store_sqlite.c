#include "core/store/sqlite.h"

#include "core/base/err.h"
#include "core/base/mem.h"

static void store_free(struct store *base)
{
	struct sqlite_store *s = (struct sqlite_store *)base;

	if (s == NULL)
		return;
	mem_free(s->dir);
	mem_free(s);
}

int store_sqlite_new(struct store **out, const char *dir, struct muster_err *err)
{
	struct sqlite_store *s;

	*out = NULL;
	if ((s = mem_alloc(sizeof *s)) == NULL)
		return err_nomem(err);
	if ((s->dir = mem_strdup(dir)) == NULL) {
		mem_free(s);
		return err_nomem(err);
	}
	atomic_init(&s->backing_up, false);
	s->store = (struct store) { .open_log = sqlite_open_log, .open_state = sqlite_open_state, .backup = sqlite_backup, .free = store_free };
	*out = &s->store;
	return MUSTER_OK;
}
