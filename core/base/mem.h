/** Allocation: everything of ours goes through here, so that tests can let the Nth one fail. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t size);                       /**< zeroed; NULL when exhausted */
void *mem_array(size_t count, size_t size);         /**< zeroed; NULL when exhausted or the product overflows */
void *mem_grow(void *p, size_t count, size_t size); /**< realloc of an array, not zeroed; NULL leaves @p p as it was */
char *mem_strdup(const char *s);                    /**< NULL for NULL or when exhausted */
char *mem_strndup(const char *s, size_t n);
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *mem_dup(const void *p, size_t n);
void mem_free(void *p);                             /**< accepts NULL */

/** free() and realloc() for libraries that secrets pass through: what is given back is wiped first. Of malloc()'s memory, not of ours. */
void mem_wipe_free(void *p);
void *mem_wipe_realloc(void *p, size_t size);

/** Tests only: let the allocation number @p n (1 = next) of the calling process fail, once; 0 switches off. */
void mem_fail_at(uint64_t n);
/** Tests only: allocations asked for since mem_fail_at() was last called. */
uint64_t mem_count(void);

#endif
