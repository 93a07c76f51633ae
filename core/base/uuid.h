/** UUIDs (RFC 9562): 16 bytes in network order; text is lower case with hyphens. */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdbool.h>
#include <muster/types.h>

#define UUID_LEN 16
#define UUID_TEXT 37              /**< text with the terminating zero */
#define UUID_URN "urn:uuid:"

/** Parse the 36-character form, either case, nothing around it. @return MUSTER_OK or MUSTER_E_INVALID (out zeroed). */
int uuid_parse(uint8_t out[UUID_LEN], const char *text, size_t n);
/** Parse `urn:uuid:` + lower-case form, exactly. */
int uuid_parse_urn(uint8_t out[UUID_LEN], const char *text, size_t n);
void uuid_format(char out[UUID_TEXT], const uint8_t id[UUID_LEN]);
void uuid_random(uint8_t out[UUID_LEN]);                      /**< version 4 */
void uuid_named(uint8_t out[UUID_LEN], const uint8_t space[UUID_LEN], const char *name); /**< version 5 */
bool uuid_is_nil(const uint8_t id[UUID_LEN]);
bool uuid_equal(const uint8_t a[UUID_LEN], const uint8_t b[UUID_LEN]);

#endif
