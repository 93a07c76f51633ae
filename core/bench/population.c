#include "core/bench/population.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"

#define FREE_BITS 60U   /* of a version 4 UUID's first half, beside the version */
#define FREE_MASK ((UINT64_C(1) << FREE_BITS) - 1)

/* What each kind of number is drawn from, so that none can be told from another. */
enum salt { SALT_CLIENT = 1, SALT_HARDWARE, SALT_NONCE };

/* The finalizer of splitmix64: each bit of the input moves about half of the output's. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* The same within 60 bits: xor-shifts and odd factors can be undone, so two numbers never give one result. */
static uint64_t mix60(uint64_t x)
{
	x &= FREE_MASK;
	x = ((x ^ (x >> 29)) * UINT64_C(0xbf58476d1ce4e5b9)) & FREE_MASK;
	x = ((x ^ (x >> 26)) * UINT64_C(0x94d049bb133111eb)) & FREE_MASK;
	return x ^ (x >> 31);
}

uint64_t population_random(uint64_t *state)
{
	return mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

static uint64_t begin(uint64_t seed, uint64_t number, enum salt salt)
{
	return mix(mix(seed + salt) + number * UINT64_C(0x9e3779b97f4a7c15));
}

void population_client(uint8_t id[16], uint64_t seed, uint64_t number)
{
	uint64_t high = mix60(number + mix(seed)), low = begin(seed, number, SALT_CLIENT);

	be64_put(id, high >> 12 << 16 | UINT64_C(0x4000) | (high & 0xfff));
	be64_put(id + 8, low >> 2 | UINT64_C(0x8000000000000000));
}

void population_hardware(uint8_t hw[32], uint64_t seed, uint64_t number)
{
	uint64_t state = begin(seed, number, SALT_HARDWARE);

	for (size_t i = 0; i < 32; i += 8)
		be64_put(hw + i, population_random(&state));
	hw[0] = 0;   /* source 0: given */
}

void population_nonce(uint8_t nonce[16], uint64_t seed, uint64_t number, uint32_t ask)
{
	uint64_t state = begin(seed, number, SALT_NONCE) + ask * UINT64_C(0xd1342543de82ef95);

	be64_put(nonce, population_random(&state));
	be64_put(nonce + 8, population_random(&state));
}

void population_name(char name[40], uint64_t number)
{
	(void)snprintf(name, 40, "pc-%llu.bench.example", (unsigned long long)number);
}
