#include "core/config/memory.h"

#include "core/base/mem.h"

struct config_memory *config_memory_new(void)
{
	return mem_alloc(sizeof(struct config_memory));
}

void config_memory_free(struct config_memory *m)
{
	if (m == NULL)
		return;
	arena_free(&m->arena);
	mem_free(m->records);
	mem_free(m);
}

void *config_memory_get(struct config_memory *m, size_t size)
{
	return arena_take(&m->arena, size);
}

char *config_memory_dup(struct config_memory *m, const char *text)
{
	return arena_text(&m->arena, text);
}

struct config_record *config_memory_record(struct config_memory *m, const struct config_section *section, size_t index)
{
	struct config_place *at = config_memory_get(m, (section->key_count + 1) * sizeof *at);
	struct config_record *all = mem_grow(m->records, m->record_count + 1, sizeof *all);

	if (all != NULL)
		m->records = all;
	if (all == NULL || at == NULL)
		return NULL;
	all += m->record_count++;
	*all = (struct config_record){ .section = section, .index = index, .at = at };
	return all;
}

const struct config_record *config_memory_find(const struct config_memory *m, const struct config_section *section, size_t index)
{
	for (size_t i = 0; i < m->record_count; i++)
		if (m->records[i].section == section && m->records[i].index == index)
			return &m->records[i];
	return NULL;
}
