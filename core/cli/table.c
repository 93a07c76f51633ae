#include <unistd.h>

#include "core/cli/table.h"

struct libscols_table *table_new(struct cli *c, const struct table_column *columns, size_t n, bool heading)
{
	struct libscols_table *t = scols_new_table();

	if (t == NULL)
		return NULL;
	scols_table_set_stream(t, c->out);
	scols_table_enable_noheadings(t, !heading);
	scols_table_enable_minout(t, 1);   /* no blanks at the end of lines */
	if (!isatty(fileno(c->out)))
		scols_table_set_termforce(t, SCOLS_TERMFORCE_NEVER);
	for (size_t i = 0; i < n; i++)
		if (scols_table_new_column(t, columns[i].title, 0, columns[i].right ? SCOLS_FL_RIGHT : 0) == NULL) {
			scols_unref_table(t);
			return NULL;
		}
	return t;
}

int table_row(struct libscols_table *t, const char *const *cells, size_t n)
{
	struct libscols_line *line = scols_table_new_line(t, NULL);

	for (size_t i = 0; line != NULL && i < n; i++)
		if (scols_line_set_data(line, i, cells[i] != NULL ? cells[i] : "") != 0)
			line = NULL;
	return line != NULL ? MUSTER_OK : MUSTER_E_NOMEM;
}

int table_end(struct cli *c, struct libscols_table *t)
{
	int r = t == NULL || scols_print_table(t) != 0 ? cli_say(c, CLI_FAILED, "out of memory while drawing the table") : CLI_OK;

	if (t != NULL)
		scols_unref_table(t);
	return r;
}
