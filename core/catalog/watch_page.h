/** The mapped page in which threads note whose function they are in; core/catalog only (watch.h says what it is for). */
#ifndef CATALOG_WATCH_PAGE_H
#define CATALOG_WATCH_PAGE_H

#include "core/catalog/watch.h"

/** Note it. @param[out] outer the note of the call this one is inside of, to be handed back. @return NULL: no page, or none of its places free. Lock-free. */
void *watch_page_enter(const char *plugin, enum watch_function function, void **outer);
void watch_page_leave(void *slot, void *outer);

#endif
