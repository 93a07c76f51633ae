/** Internet addresses as the service compares and shows them: 4 or 16 bytes, an IPv4 address inside IPv6 counts as IPv4. */
#ifndef SERVICE_ADDRESS_H
#define SERVICE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
	uint8_t b[16];
	uint8_t len;     /**< 4, 16, or 0: not an internet address (Unix socket) */
};

#define ADDRESS_TEXT 48  /**< longest text with the terminating zero */

void address_of(struct address *out, const struct sockaddr *sa);
/** 127.0.0.0/8 and ::1. */
bool address_is_loopback(const struct address *a);
void address_text(char out[ADDRESS_TEXT], const struct address *a);
/** As address_text(), from the ledger's form. */
void address_text_of(char out[ADDRESS_TEXT], const uint8_t *bytes, uint8_t len);

#endif
