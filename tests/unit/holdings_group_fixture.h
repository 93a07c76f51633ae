/** Groups of core/holdings for tests of what is around the rules: the ledger's fixture, rules and claims made here, rows that tests put themselves. */
#ifndef TESTS_UNIT_HOLDINGS_GROUP_FIXTURE_H
#define TESTS_UNIT_HOLDINGS_GROUP_FIXTURE_H

#include <stdatomic.h>

#include "core/holdings/internal.h"
#include "tests/unit/ledger_fixture.h"

#define PRODUCT 7U
#define DEVICE(generation) HOLDINGS_CLASS(HOLDINGS_DEVICE, generation)
#define SEAT HOLDINGS_CLASS(HOLDINGS_SEAT, 0)

extern atomic_uint held_forgotten, held_given_back;   /**< how often the rules were told to forget, and gave a row back */
extern atomic_bool held_stay;                         /**< access rows that are due stay as they are */

struct holdings *held_open(struct fix *f);
struct holdings_group *held_begin(struct fix *f, struct holdings *h);
int held_try_put(struct holdings_group *g, uint32_t class_, uint32_t id, uint32_t state, int64_t until);
void held_put(struct holdings_group *g, uint32_t class_, uint32_t id, uint32_t state, int64_t until);
uint32_t held_state(struct holdings_group *g, uint32_t class_, uint32_t id);   /**< 0: nothing is held */
void held_drop(struct holdings_group *g, uint32_t class_, uint32_t id);
void held_commit(struct holdings_group *g);
uint64_t held_stored(struct fix *f, uint32_t class_, uint32_t state);          /**< by the rows themselves */
uint64_t held_sum(struct holdings *h, uint32_t class_, uint32_t state);        /**< as the holdings know it */

#endif
