/** Simulated machines by number: each number gives one client ID, hardware, name; the same seed gives the same machines. */
#ifndef BENCH_POPULATION_H
#define BENCH_POPULATION_H

#include <stdint.h>

/** Version 4 UUID that looks random; no two numbers below 2^48 share one. */
void population_client(uint8_t id[16], uint64_t seed, uint64_t number);
/** Hardware of source 0 (given). */
void population_hardware(uint8_t hw[32], uint64_t seed, uint64_t number);
/** Nonce of the machine's request number @p ask. */
void population_nonce(uint8_t nonce[16], uint64_t seed, uint64_t number, uint32_t ask);
/** "pc-<number>.bench.example". */
void population_name(char name[40], uint64_t number);
/** A repeatable random number: splitmix64 of the state. */
uint64_t population_random(uint64_t *state);

#endif
