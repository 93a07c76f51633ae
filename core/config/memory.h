/** Memory of one configuration: every string and table of it, freed together. */
#ifndef CONFIG_MEMORY_H
#define CONFIG_MEMORY_H

#include "core/base/arena.h"
#include "core/config/schema.h"

/** Where the keys of one section stand: one place a key of its table, file NULL where the key was not given. */
struct config_record {
	const struct config_section *section;
	size_t index;               /**< in the array of its kind; 0 for [host] and [limits] */
	struct config_place heading;
	struct config_place *at;    /**< section->key_count rows */
};

struct config_memory {
	struct arena arena;
	struct config_record *records; size_t record_count;
};

struct config_memory *config_memory_new(void);
void config_memory_free(struct config_memory *m);
/** Zeroed memory that lives as long as @p m; NULL when exhausted. */
void *config_memory_get(struct config_memory *m, size_t size);
char *config_memory_dup(struct config_memory *m, const char *text);
/** A new record of @p section; NULL when exhausted. Its rows live as long as @p m, the record itself until the next call. */
struct config_record *config_memory_record(struct config_memory *m, const struct config_section *section, size_t index);
/** @return the record, or NULL. */
const struct config_record *config_memory_find(const struct config_memory *m, const struct config_section *section, size_t index);

#endif
