/** A store in memory that obeys orders: the same tests run against it and SQLite, with failures at chosen moments. */
#ifndef STORE_MEMORY_H
#define STORE_MEMORY_H

#include "core/store/store.h"

enum store_memory_fault { STORE_MEMORY_OK, STORE_MEMORY_FAIL /* nothing written, MUSTER_E_IO */, STORE_MEMORY_FULL /* MUSTER_E_LIMIT */,
                          STORE_MEMORY_FORGET /* MUSTER_E_UNKNOWN, nothing written */, STORE_MEMORY_LOSE_ANSWER /* MUSTER_E_UNKNOWN, written */ };
/** Handles may be closed and opened again: what was written stays as long as the store. backup() is MUSTER_E_UNSUPPORTED. */
int store_memory_new(struct store **out, struct muster_err *err);
/** The next log append or probe (@p state false) or state write (@p state true: names, fold or transact) after @p skip good ones meets @p fault, once. */
void store_memory_fault(struct store *s, bool state, unsigned skip, enum store_memory_fault fault);
/** Called inside every such write, before it takes effect and with no lock held (tests delay or look around). NULL: none. */
void store_memory_hook(struct store *s, void (*hook)(void *ctx, bool state), void *ctx);

#endif
