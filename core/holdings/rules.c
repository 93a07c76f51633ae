/* Memory of the rules beside the rows. */
#include "core/holdings/rules.h"

#include <stdio.h>

#include "core/base/err.h"
#include "core/base/mem.h"

#define TOLD_MAX 4096
#define LEVEL_WARNING 4

struct queue_of { uint32_t product; struct seats_queue *queue; };
struct told { uint32_t product, class_; int64_t day; };

struct holdings_rules {
	struct queue_of *queues; size_t queue_count;
	struct over_list **over; size_t over_count;
	struct told *told; size_t told_count;
};

struct holdings_rules *rules_new(void)
{
	return mem_alloc(sizeof(struct holdings_rules));
}

void rules_free(struct holdings_rules *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->queue_count; i++)
		seats_queue_free(m->queues[i].queue);
	for (size_t i = 0; i < m->over_count; i++)
		mem_free(m->over[i]);
	mem_free(m->queues);
	mem_free(m->over);
	mem_free(m->told);
	mem_free(m);
}

void rules_forget(struct holdings_rules *m)
{
	for (size_t i = 0; i < m->queue_count; i++)
		seats_queue_restore(m->queues[i].queue);
	for (size_t i = 0; i < m->over_count; i++)
		m->over[i]->n = m->over[i]->rest = 0;
	m->told_count = 0;   /* rather told twice than never */
}

struct seats_queue *rules_queue(struct holdings_rules *m, uint32_t product)
{
	struct queue_of *grown;

	for (size_t i = 0; i < m->queue_count; i++)
		if (m->queues[i].product == product)
			return m->queues[i].queue;
	if ((grown = mem_grow(m->queues, m->queue_count + 1, sizeof *grown)) == NULL)
		return NULL;
	m->queues = grown;
	if ((grown[m->queue_count].queue = seats_queue_new()) == NULL)
		return NULL;
	grown[m->queue_count].product = product;
	return grown[m->queue_count++].queue;
}

struct over_list *rules_over(struct holdings_rules *m, uint32_t product, uint32_t kind)
{
	struct over_list **grown;

	for (size_t i = 0; i < m->over_count; i++)
		if (m->over[i]->product == product && m->over[i]->kind == kind)
			return m->over[i];
	if ((grown = mem_grow(m->over, m->over_count + 1, sizeof *grown)) == NULL)
		return NULL;
	m->over = grown;
	if ((grown[m->over_count] = mem_alloc(sizeof **grown)) == NULL)
		return NULL;
	grown[m->over_count]->product = product;
	grown[m->over_count]->kind = kind;
	return grown[m->over_count++];
}

bool rules_tell(struct holdings_rules *m, uint32_t product, uint32_t class_, int64_t now)
{
	int64_t day = now / STORE_DAY_MS;
	struct told *grown;

	for (size_t i = 0; i < m->told_count; i++) {
		struct told *t = &m->told[i];

		if (t->product != product || t->class_ != class_)
			continue;
		if (t->day == day)
			return false;
		t->day = day;
		return true;
	}
	if (m->told_count == TOLD_MAX)
		m->told_count = 0;
	if ((grown = mem_grow(m->told, m->told_count + 1, sizeof *grown)) != NULL) {
		m->told = grown;
		grown[m->told_count++] = (struct told){ product, class_, day };
	}
	return true;
}

int rules_breach(struct holdings *h, struct holdings_group *g, const struct catalog_product *p, uint32_t class_, uint64_t out, uint64_t licenses, struct muster_err *err)
{
	static const char *const what[] = { "?", "licences per device", "licences per user", "?", "seats" };
	uint32_t kind = HOLDINGS_KIND(class_);
	char version[MUSTER_NAME_MAX + 1] = "", object[128], detail[256], text[512];
	int r;

	if (out <= licenses || !rules_tell(holdings_rules(h), holdings_number(h, p), class_, group_now(g)))
		return MUSTER_OK;
	if (kind != HOLDINGS_SEAT)
		(void)holdings_version_text(version, p, HOLDINGS_GENERATION(class_));
	(void)snprintf(object, sizeof object, "%s%s%s", p->row.name, *version != '\0' ? " " : "", version);
	(void)snprintf(detail, sizeof detail, "%llu %s are given out, and there are %llu", (unsigned long long)out,
	               kind < sizeof what / sizeof what[0] ? what[kind] : "?", (unsigned long long)licenses);
	(void)snprintf(text, sizeof text, "%s: %s", object, detail);
	if ((r = group_journal(g, "host", HOLDINGS_J_BREACH, object, detail, err)) == MUSTER_OK)
		holdings_event(h, LEVEL_WARNING, p->advise || kind != HOLDINGS_USER ? "debt" : "breach", text);
	return r;
}
