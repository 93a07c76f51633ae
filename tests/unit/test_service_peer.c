#include "tests/unit/unit.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/service/peer.h"

#define ADMIN 100
#define KEYS 101
#define VIEW 102
#define NONE ((gid_t)-1)

static enum role role(uid_t uid, gid_t a, gid_t b)
{
	gid_t groups[] = { a, b };

	return peer_role(uid, 500, groups, 2, ADMIN, KEYS, VIEW);
}

START_TEST(test_peer_role)
{
	ck_assert_int_eq(role(0, 1, 2), ROLE_ADMINISTRATOR);
	ck_assert_int_eq(role(500, 1, 2), ROLE_ADMINISTRATOR);
	ck_assert_int_eq(role(1000, 1, 2), ROLE_NONE);
	ck_assert_int_eq(role(1000, VIEW, 2), ROLE_VIEWER);
	ck_assert_int_eq(role(1000, 1, VIEW), ROLE_VIEWER);
	ck_assert_int_eq(role(1000, VIEW, KEYS), ROLE_KEYS);
	ck_assert_int_eq(role(1000, ADMIN, VIEW), ROLE_ADMINISTRATOR);
	ck_assert_int_eq(role(1000, KEYS, ADMIN), ROLE_ADMINISTRATOR);
	ck_assert_int_eq(peer_role(1000, 500, NULL, 0, ADMIN, KEYS, VIEW), ROLE_NONE);
}
END_TEST

START_TEST(test_peer_group_that_does_not_exist_gives_nothing)
{
	gid_t groups[] = { NONE, 5 };

	ck_assert_int_eq(peer_role(1000, 500, groups, 2, NONE, NONE, NONE), ROLE_NONE);
}
END_TEST

START_TEST(test_peer_of_socket)
{
	struct config_host host = { .admin_group = "muster-no-such", .keys_group = "", .view_group = "muster-none" };
	struct muster_err err;
	struct peer peer;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(peer_of(&peer, fds[0], &host, &err), MUSTER_OK);
	ck_assert_uint_eq(peer.uid, getuid());
	ck_assert_int_eq(peer.role, ROLE_ADMINISTRATOR);
	ck_assert_uint_gt(strlen(peer.actor), 2);
	close(fds[0]);
	close(fds[1]);
	ck_assert_int_ne(peer_of(&peer, fds[0], &host, &err), MUSTER_OK);
	ck_assert_int_eq(peer.role, ROLE_NONE);
	ck_assert_str_eq(peer_role_word(ROLE_KEYS), "key reader");
}
END_TEST

UNIT_MAIN("service_peer", test_peer_role, test_peer_group_that_does_not_exist_gives_nothing, test_peer_of_socket)
