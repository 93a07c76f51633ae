#include "tests/unit/unit.h"

#include <string.h>

#include "core/service/peek.h"

static enum peek of(const char *text)
{
	return peek_bytes((const uint8_t *)text, strlen(text));
}

START_TEST(test_peek_http)
{
	ck_assert_int_eq(of("GET / HTTP/1.1\r\n"), PEEK_HTTP);
	ck_assert_int_eq(of("POST /v1/activate HTTP/1.1"), PEEK_HTTP);
	ck_assert_int_eq(of("BASELINE-CONTROL /"), PEEK_HTTP);
	ck_assert_int_eq(of("\r\n\r\nGET /"), PEEK_HTTP);
	ck_assert_int_eq(of("GE"), PEEK_MORE);
	ck_assert_int_eq(of(""), PEEK_MORE);
	ck_assert_int_eq(of("\r\n"), PEEK_MORE);
}
END_TEST

START_TEST(test_peek_other)
{
	static const uint8_t rpc[] = { 0x05, 0x00, 0x0b, 0x03, 0x10 }, tls[] = { 0x16, 0x03, 0x01, 0x02, 0x00 }, zero[] = { 0, 0, 0, 0 };

	ck_assert_int_eq(peek_bytes(rpc, sizeof rpc), PEEK_RPC);
	ck_assert_int_eq(peek_bytes(rpc, 2), PEEK_MORE);
	ck_assert_int_eq(peek_bytes(tls, sizeof tls), PEEK_TLS);
	ck_assert_int_eq(peek_bytes(tls, 1), PEEK_MORE);
	ck_assert_int_eq(peek_bytes(zero, sizeof zero), PEEK_OTHER);
	ck_assert_int_eq(of("get / HTTP/1.1"), PEEK_OTHER);
	ck_assert_int_eq(of(" GET / HTTP/1.1"), PEEK_OTHER);
	ck_assert_int_eq(of("SSH-2.0-OpenSSH_9.2"), PEEK_OTHER);
	ck_assert_int_eq(of("AAAAAAAAAAAAAAAAAAAAAAAAAAAA"), PEEK_OTHER);
	for (int k = PEEK_HTTP; k <= PEEK_OTHER; k++)
		ck_assert_uint_gt(strlen(peek_words((enum peek)k, k % 2 == 0)), 3);
}
END_TEST

UNIT_MAIN("service_peek", test_peek_http, test_peek_other)
