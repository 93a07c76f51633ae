/** A fuzz target: one function that takes any bytes, frees what it takes, and stops the program when a rule is broken. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/** Given by the target, called by libFuzzer or by replay.c. @return 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** A rule that must hold for every input, in release builds too. */
#define FUZZ_CHECK(x) ((x) ? (void)0 : (fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #x), abort()))

#endif
