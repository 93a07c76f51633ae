#include "core/service/plugins.h"

#include <stdio.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/catalog/watch.h"

#define HOST "host"   /* the actor: nobody's act, the host's own */

static void note(struct service *s, const char *plugin, const char *text)
{
	struct plugin_note *n = mem_alloc(sizeof *n), **end = &s->plugin_notes;

	if (n == NULL)
		return;   /* the log has it */
	(void)snprintf(n->plugin, sizeof n->plugin, "%s", plugin);
	(void)snprintf(n->text, sizeof n->text, "%s", text);
	while (*end != NULL)
		end = &(*end)->next;
	*end = n;
}

static void crashed(void *ctx, const char *plugin, const char *sentence)
{
	char quoted[2 * 512];

	log_line(LOG_ERR, "plugin-crashed", "plugin=%s text=%s", plugin, log_quote(quoted, sizeof quoted, sentence));
	note(ctx, plugin, sentence);
}

void plugins_open(struct service *s, const char *state)
{
	struct muster_err err = { 0 };

	if (watch_open_page(state, crashed, s, &err) != MUSTER_OK)
		service_say(LOG_WARNING, "plugins-unwatched", err.message);
}

void plugins_close(struct service *s)
{
	struct plugin_note *n;

	watch_close_page();
	while ((n = s->plugin_notes) != NULL) {
		s->plugin_notes = n->next;
		mem_free(n);
	}
}

static void find_off(struct service *s)
{
	struct snapshot *snap = service_snapshot(s);
	const struct catalog_plugin *p;
	char reason[512];
	size_t n, i;

	p = catalog_plugins(snap->catalog, &n);
	for (i = 0; i < n; i++)
		if (catalog_plugin_went_off(snap->catalog, &p[i], reason, sizeof reason))
			note(s, p[i].name, reason);
	snapshot_unref(snap);
}

void plugins_serve(struct service *s)
{
	struct plugin_note *n;
	struct muster_err err = { 0 };

	find_off(s);
	while ((n = s->plugin_notes) != NULL) {
		if (ledger_journal_note(s->ledger, HOST, SERVICE_J_PLUGIN_OFF, n->plugin, n->text, &err) != MUSTER_OK)
			return;   /* later; the log has it */
		s->plugin_notes = n->next;
		mem_free(n);
	}
}
