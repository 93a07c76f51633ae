/**
 * Installation ID and Confirmation ID: what is read out over a telephone (trust.md sections 5 and 6; docs/protocol.md).
 *
 * Nothing here stores or connects; the same code serves host, issuer and dialogue.
 */
#ifndef TRUST_DIGITS_H
#define TRUST_DIGITS_H

#include <stdbool.h>
#include "core/trust/product_key.h"

#define DIGITS_GROUP 6                 /**< digits of a group: five and their check */
#define INSTALLATION_GROUPS 9
#define CONFIRMATION_GROUPS 8
#define INSTALLATION_TEXT (INSTALLATION_GROUPS * (DIGITS_GROUP + 1))   /**< groups, one separator between two, the terminating zero */
#define CONFIRMATION_TEXT (CONFIRMATION_GROUPS * (DIGITS_GROUP + 1))
#define BINDING_SIZE 10

enum digits_kind { DIGITS_INSTALLATION, DIGITS_CONFIRMATION };

/** What is wrong with typed digits: for a dialogue that points at it. Groups count from 1; 0: no certain one. */
enum digits_wrong {
	DIGITS_RIGHT, DIGITS_FOREIGN /* a character that is no digit, space or dash */, DIGITS_COUNT /* too few or too many digits */,
	DIGITS_MISTYPED /* group */, DIGITS_SWAPPED /* groups group and other */, DIGITS_OTHER_KIND /* an ID of the other kind */, DIGITS_RANGE, DIGITS_VERSION
};
struct digits_fault { enum digits_wrong wrong; unsigned group, other; size_t digits /* how many there were */; };

/** One group (1 …) of six digits on its own. */
bool digits_group_right(enum digits_kind kind, unsigned group, const char six[DIGITS_GROUP]);

struct installation_id {
	uint32_t number;                   /**< of the key */
	uint8_t generation;                /**< of the pack's key; 0 none; 6 bits */
	uint8_t attempt;
	uint8_t binding[BINDING_SIZE];
	uint8_t bytes[19];                 /**< the whole ID, 149 bits, big-endian */
};

/** First 10 bytes of HMAC-SHA-256(issuer_id, "muster host binding v1" ‖ 0 ‖ source ‖ value): a host. Sources as trust_hardware_id(). */
int binding_of_host(uint8_t out[BINDING_SIZE], const uint8_t issuer_id[16], uint8_t source, struct muster_span value);
/** First 10 bytes of HMAC-SHA-256(issuer_id, "muster machine binding v1" ‖ 0 ‖ hardware_id): a machine with a counted key, known by its hardware_id
 * to itself and to the host that asks for it. @p hw 32 bytes. */
int binding_of_machine(uint8_t out[BINDING_SIZE], const uint8_t issuer_id[16], const uint8_t hw[32]);

int installation_id_make(struct installation_id *out, const uint8_t prk[PRODUCT_KEY_PRK], uint32_t number, uint8_t generation, uint8_t attempt,
                         const uint8_t binding[BINDING_SIZE], struct muster_err *err);
/** Does the tag prove this key? In constant time. */
bool installation_id_proves(const struct installation_id *id, const uint8_t prk[PRODUCT_KEY_PRK]);
/** Groups with @p separator (a space, a hyphen …). */
void installation_id_format(char out[INSTALLATION_TEXT], const struct installation_id *id, char separator);
/** Checks digits, groups, range, version; the tag is the caller's to check. @param fault may be NULL. MUSTER_E_INVALID, err->code 0xC004F02C. */
int installation_id_parse(struct installation_id *out, const char *text, size_t n, struct digits_fault *fault, struct muster_err *err);

/** A Confirmation ID, checked in form only: 132 bits. */
struct confirmation_id { uint8_t bytes[17]; };
int confirmation_id_make(struct confirmation_id *out, const uint8_t prk[PRODUCT_KEY_PRK], const struct installation_id *for_id, const uint8_t slot_secret[16], struct muster_err *err);
void confirmation_id_format(char out[CONFIRMATION_TEXT], const struct confirmation_id *id, char separator);
int confirmation_id_parse(struct confirmation_id *out, const char *text, size_t n, struct digits_fault *fault, struct muster_err *err);
/** The slot secret under this Installation ID; whether it is one is seen when a slot's finder matches. */
int confirmation_id_open(uint8_t slot_secret[16], const struct confirmation_id *id, const uint8_t prk[PRODUCT_KEY_PRK], const struct installation_id *for_id, struct muster_err *err);

#endif
