/* The columns of exports: machines (without what is judged of them anew: findings) and events have their own, keys and books those of the kinds (estate/kinds.h). */
#include <string.h>

#include "core/base/err.h"
#include "core/estate/kinds.h"
#include "core/exchange/record.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TEXT EXCHANGE_CELL_TEXT
#define NUMBER EXCHANGE_CELL_NUMBER
#define FLAG EXCHANGE_CELL_FLAG
#define LIST EXCHANGE_CELL_LIST

static const struct exchange_column machine[] = {
	{ "client_id", "Client ID", TEXT }, { "activation_id", "Activation ID", TEXT }, { "product", "Product", TEXT }, { "host", "Host", TEXT }, { "name", "Name", TEXT },
	{ "names", "Names", LIST }, { "first_seen", "First Seen", TEXT }, { "last_seen", "Last Seen", TEXT }, { "requests", "Requests", NUMBER }, { "result", "Result", TEXT },
	{ "license_status", "License Status", NUMBER }, { "minutes_left", "Minutes Left", NUMBER }, { "virtual", "Virtual", FLAG }, { "by", "Activated By", TEXT },
	{ "clone", "Clone", FLAG },
};

static const struct exchange_column event[] = {
	{ "id", "Event ID", NUMBER }, { "host", "Host", TEXT }, { "logged_at", "Logged At", TEXT }, { "record", "Record", NUMBER }, { "result", "Result", TEXT },
	{ "minimum_count", "Minimum Count", NUMBER }, { "name", "Name", TEXT }, { "client_id", "Client ID", TEXT }, { "at", "Client Time", TEXT }, { "virtual", "Virtual", FLAG },
	{ "license_status", "License Status", NUMBER }, { "minutes_left", "Minutes Left", NUMBER }, { "activation_id", "Activation ID", TEXT }, { "product", "Product", TEXT },
	{ "server", "Server", TEXT }, { "activated", "Activated", FLAG }, { "count", "Count", NUMBER }, { "activation_interval", "Activation Interval", NUMBER },
	{ "renewal_interval", "Renewal Interval", NUMBER }, { "domain", "Domain", TEXT },
};

static enum exchange_cell cell_of(const struct estate_field *f)
{
	return f->list ? LIST : f->type == ESTATE_COUNT ? NUMBER : f->type == ESTATE_FLAG ? FLAG : TEXT;
}

static size_t of_keys(struct exchange_column *out)
{
	const struct estate_kind *k = estate_kind_find("key");
	size_t n = 0;

	for (; n < k->field_count; n++)
		out[n] = (struct exchange_column){ k->fields[n].name, k->fields[n].heading, cell_of(&k->fields[n]) };
	out[n++] = (struct exchange_column){ "id", "ID", TEXT };
	return n;
}

static bool has(const struct exchange_column *columns, size_t n, const char *member)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(columns[i].member, member) == 0)
			return true;
	return false;
}

/* Every field of every kind, once. */
static size_t of_books(struct exchange_column *out)
{
	size_t kinds, n = 0;
	const struct estate_kind *k = estate_kinds(&kinds);

	out[n++] = (struct exchange_column){ "kind", "kind", TEXT };
	out[n++] = (struct exchange_column){ "id", "id", TEXT };
	for (size_t i = 0; i < kinds; i++)
		for (size_t f = 0; f < k[i].field_count; f++) {
			/* The field `kind` of a key stands beside the kind of the entry. */
			const char *member = strcmp(k[i].fields[f].name, "kind") == 0 ? "key_kind" : k[i].fields[f].name;

			if (has(out, n, member))
				continue;
			MUSTER_ASSERT(n < EXCHANGE_COLUMNS_MAX);
			out[n++] = (struct exchange_column){ member, member, cell_of(&k[i].fields[f]) };
		}
	return n;
}

static size_t copy(struct exchange_column *out, const struct exchange_column *from, size_t n)
{
	memcpy(out, from, n * sizeof(*from));
	return n;
}

size_t exchange_columns(enum exchange_type t, struct exchange_column out[EXCHANGE_COLUMNS_MAX])
{
	switch (t) {
	case EXCHANGE_MACHINES: return copy(out, machine, COUNT(machine));
	case EXCHANGE_EVENTS: return copy(out, event, COUNT(event));
	case EXCHANGE_KEYS: return of_keys(out);
	case EXCHANGE_BOOKS: return of_books(out);
	case EXCHANGE_UNKNOWN: case EXCHANGE_LISTING: case EXCHANGE_TYPES: break;
	}
	return 0;
}
