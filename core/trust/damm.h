/** The check digit of groups that are read out over a telephone (trust.md section 6). */
#ifndef TRUST_DAMM_H
#define TRUST_DAMM_H

#include <stddef.h>
#include <stdint.h>

/** @param start 0 … 9: tells the group's place. @param digits values 0 … 9. */
uint8_t damm_check(uint8_t start, const uint8_t *digits, size_t n);

#endif
