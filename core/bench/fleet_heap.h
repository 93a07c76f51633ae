/** Events by time: a binary heap of (when, which machine). Equal times come in the order of the machines, so that runs repeat. */
#ifndef BENCH_FLEET_HEAP_H
#define BENCH_FLEET_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct heap_entry { uint32_t at, machine; };
struct heap { struct heap_entry *rows; uint32_t n, room; };

void heap_fini(struct heap *h);
/** @return false when memory is exhausted. */
bool heap_push(struct heap *h, uint32_t at, uint32_t machine);
/** @return false when empty. */
bool heap_pop(struct heap *h, struct heap_entry *out);
/** The next to come; NULL when empty. Borrowed until the next change. */
const struct heap_entry *heap_first(const struct heap *h);

#endif
