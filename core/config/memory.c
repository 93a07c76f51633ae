#include "core/config/memory.h"

#include <string.h>

#include "core/base/mem.h"

struct config_block {
	struct config_block *next;
	max_align_t bytes[];
};

struct config_memory *config_memory_new(void)
{
	return mem_alloc(sizeof(struct config_memory));
}

void config_memory_free(struct config_memory *m)
{
	if (m == NULL)
		return;
	while (m->blocks != NULL) {
		struct config_block *b = m->blocks;

		m->blocks = b->next;
		mem_free(b);
	}
	mem_free(m->records);
	mem_free(m);
}

void *config_memory_get(struct config_memory *m, size_t size)
{
	struct config_block *b;

	if (size > SIZE_MAX - sizeof *b)
		return NULL;
	b = mem_alloc(sizeof *b + size);
	if (b == NULL)
		return NULL;
	b->next = m->blocks;
	m->blocks = b;
	return b->bytes;
}

char *config_memory_dup(struct config_memory *m, const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy = config_memory_get(m, n);

	if (copy != NULL)
		memcpy(copy, text, n);
	return copy;
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
