#include "core/service/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

void address_of(struct address *out, const struct sockaddr *sa)
{
	memset(out, 0, sizeof *out);
	if (sa == NULL)
		return;
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof in);
		memcpy(out->b, &in.sin_addr, 4);
		out->len = 4;
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof in6);
		if (memcmp(&in6.sin6_addr, mapped, sizeof mapped) == 0) {
			memcpy(out->b, (const uint8_t *)&in6.sin6_addr + 12, 4);
			out->len = 4;
		} else {
			memcpy(out->b, &in6.sin6_addr, 16);
			out->len = 16;
		}
	}
}

bool address_is_loopback(const struct address *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (a->len == 4)
		return a->b[0] == 127;
	return a->len == 16 && memcmp(a->b, one, 16) == 0;
}

void address_text_of(char out[ADDRESS_TEXT], const uint8_t *bytes, uint8_t len)
{
	out[0] = '\0';
	if (len == 4)
		(void)inet_ntop(AF_INET, bytes, out, ADDRESS_TEXT);
	else if (len == 16)
		(void)inet_ntop(AF_INET6, bytes, out, ADDRESS_TEXT);
}

void address_text(char out[ADDRESS_TEXT], const struct address *a)
{
	address_text_of(out, a->b, a->len);
}
