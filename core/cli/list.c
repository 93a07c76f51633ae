#include "core/cli/list.h"

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/cli/api.h"

#define PAGE 1000   /* rows drawn as one table; longer lists go on without a second heading */

void list_flush(struct list *l)
{
	if (l->table != NULL && (l->rows > 0 || l->pages == 0)) {
		int r = table_end(l->c, l->table);

		if (l->result == CLI_OK)
			l->result = r;
		l->pages++;
	} else if (l->table != NULL) {
		scols_unref_table(l->table);
	}
	l->table = NULL;
	l->rows = 0;
}

int list_take(void *ctx, const json_t *item)
{
	struct list *l = ctx;

	l->total++;
	if (l->items != NULL)
		return json_array_append(l->items, (json_t *)(uintptr_t)item);
	if (l->table == NULL && (l->table = table_new(l->c, l->columns, l->column_count, l->pages == 0)) == NULL)
		return -1;
	if (l->row_of != NULL)
		l->row_of(l->of, l->table, item);
	else
		l->row(l->table, item);
	if (++l->rows == PAGE)
		list_flush(l);
	return 0;
}

int list_print(struct cli *c, const char *path, const char *first, struct list *l)
{
	struct muster_err err;
	unsigned long limit = PAGE;
	char *next = NULL;
	int r;

	l->c = c;
	l->items = c->given[CLI_O_JSON] ? json_array() : NULL;
	if (c->given[CLI_O_LIMIT] && (r = cli_number(c, CLI_O_LIMIT, 1, 1000000000, &limit)) != CLI_OK)
		goto done;
	r = api_list(c, path, first, c->given[CLI_O_ALL] ? 0 : limit, list_take, l, &next, &err);
	if (r != MUSTER_OK) {
		r = cli_fail(c, &err);
		goto done;
	}
	if (l->items != NULL) {
		json_t *o = json_pack("{s:O, s:b, s:s?}", "items", l->items, "more", next != NULL, "next", next);

		r = cli_print_json(c, o);
		json_decref(o);
		goto done;
	}
	if (l->table == NULL && l->pages == 0)
		l->table = table_new(c, l->columns, l->column_count, true);
	list_flush(l);
	r = l->result;
	if (r == CLI_OK && l->none != NULL && l->total == 0 && !c->given[CLI_O_AFTER])
		fprintf(c->out, "%s\n", l->none);
	if (next != NULL)
		fprintf(c->errors, "There are more: --all prints them all, --limit N more of them.\n");
done:
	mem_free(next);
	if (l->table != NULL)
		scols_unref_table(l->table);
	json_decref(l->items);
	return r;
}
