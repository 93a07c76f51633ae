/* The record of acts and its anchored head: cut, changed, written anew, removed, too old, restored. */
#include "tests/unit/rest_fixture.h"

START_TEST(test_rest_audit_whole)
{
	char head[REST_HEAD], prefix[REST_HEAD];
	struct host h;

	begin(&h);
	acts(&h, 5);
	head_of(&h, head);
	ck_assert_int_eq(strncmp(head, "5:", 2), 0);
	ck_assert_uint_eq(strlen(head), 66);
	whole(&h, NULL, "5 entries");
	whole(&h, head, "as anchored and as expected");
	(void)snprintf(prefix, sizeof prefix, "%.18s", head);
	whole(&h, prefix, "as expected");
	prefix[17] = '\0';
	broken(&h, prefix, MUSTER_E_INVALID, "at least 16");
	broken(&h, "5", MUSTER_E_INVALID, "NUMBER:HASH");
	broken(&h, "0:0123456789abcdef", MUSTER_E_INVALID, "NUMBER:HASH");
	prefix[17] = head[17] == '0' ? '1' : '0';
	broken(&h, prefix, MUSTER_E_SIGNATURE, "entry 5 is another one than what was expected says");
	broken(&h, "6:0123456789abcdef", MUSTER_E_SIGNATURE, "what was expected knows entry 6");
	/* it goes on, also over more than a page, and what was the head then is still in it */
	acts(&h, 600);
	whole(&h, head, "605 entries");
	reopened(&h);
	ck_assert_str_eq(h.said, "");
	whole(&h, head, "605 entries");
	end(&h);
}
END_TEST

/* The end cut off: seen at the next start, and by whoever verifies; the anchor that shows it is kept. */
START_TEST(test_rest_audit_cut)
{
	struct host h;

	begin(&h);
	acts(&h, 10);
	ck_assert_int_eq(anchor_now(h.a, &h.err), MUSTER_OK);
	for (unsigned kept = 10; kept-- > 0;) {
		char text[80];

		shut(&h);
		(void)snprintf(text, sizeof text, "DELETE FROM journal WHERE seq > %u", kept);
		sql(&h, text);
		opened(&h);
		(void)snprintf(text, sizeof text, "it ends with entry %u, and audit.head knows entry 10", kept);
		ck_assert_msg(strstr(h.said, text) != NULL, "\"%s\" lacks \"%s\"", h.said, text);
		broken(&h, NULL, MUSTER_E_SIGNATURE, text);
		(void)anchor_job(h.a);
		broken(&h, NULL, MUSTER_E_SIGNATURE, text);
	}
	/* as many rows written anew do not hide it */
	for (unsigned i = 0; i < 20; i++)
		act(&h, "another act");
	broken(&h, NULL, MUSTER_E_SIGNATURE, "entry 10 is another one than audit.head says");
	reopened(&h);
	broken(&h, NULL, MUSTER_E_SIGNATURE, "entry 10 is another one than audit.head says");
	end(&h);
}
END_TEST

/* Cut while the host runs: it remembers the head, and says so within a minute. */
START_TEST(test_rest_audit_cut_running)
{
	struct host h;

	begin(&h);
	acts(&h, 10);
	ck_assert_int_eq(anchor_now(h.a, &h.err), MUSTER_OK);
	sql(&h, "DELETE FROM journal WHERE seq > 7");
	ck_assert_int_eq(unlink(place(&h, "audit.head")), 0);
	broken(&h, NULL, MUSTER_E_SIGNATURE, "The anchored head was removed");
	end(&h);
}
END_TEST

/* Any row changed, in any column; a row taken out of the middle; two swapped. */
START_TEST(test_rest_audit_changed)
{
	static const char *const changes[] = {
		"UPDATE journal SET detail = 'other' WHERE seq = 4", "UPDATE journal SET actor = '1 eve' WHERE seq = 4", "UPDATE journal SET at = at + 1 WHERE seq = 4",
		"UPDATE journal SET kind = kind + 1 WHERE seq = 4", "UPDATE journal SET object = 'x' WHERE seq = 4", "UPDATE journal SET code = 7 WHERE seq = 4",
		"UPDATE journal SET hash = zeroblob(32) WHERE seq = 4", "UPDATE journal SET prev = zeroblob(32) WHERE seq = 4", "DELETE FROM journal WHERE seq = 4",
		"UPDATE journal SET seq = 100 WHERE seq = 4; UPDATE journal SET seq = 4 WHERE seq = 5; UPDATE journal SET seq = 5 WHERE seq = 100"
	};
	struct host h;

	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		begin(&h);
		for (unsigned n = 0; n < 8; n++) {
			char text[8];

			(void)snprintf(text, sizeof text, "act %u", n);
			act(&h, text);
		}
		ck_assert_int_eq(anchor_now(h.a, &h.err), MUSTER_OK);
		shut(&h);
		sql(&h, changes[i]);
		opened(&h);
		broken(&h, NULL, MUSTER_E_SIGNATURE, "The record of acts");
		ck_assert_msg(strstr(h.said, "audit The record of acts") != NULL, "%s: \"%s\"", changes[i], h.said);
		end(&h);
	}
}
END_TEST

/* All of it computed anew by somebody who can: the chain is right, the anchor is not. */
START_TEST(test_rest_audit_anew)
{
	char head[REST_HEAD];
	struct host h;

	begin(&h);
	acts(&h, 6);
	head_of(&h, head);
	shut(&h);
	sql(&h, "DELETE FROM journal");
	opened(&h);
	for (unsigned i = 0; i < 6; i++)
		act(&h, "another act");
	broken(&h, NULL, MUSTER_E_SIGNATURE, "entry 6 is another one than audit.head says");
	shut(&h);
	/* without the anchor only a head kept elsewhere shows it */
	ck_assert_int_eq(unlink(place(&h, "audit.head")), 0);
	opened(&h);
	whole(&h, NULL, "6 entries");
	broken(&h, head, MUSTER_E_SIGNATURE, "entry 6 is another one than what was expected says");
	end(&h);
}
END_TEST

/* audit.head with this in it; without a sync, there are thousands. */
static void spill(const struct host *h, const uint8_t *p, size_t n)
{
	FILE *f = fopen(place(h, "audit.head"), "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(p, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

/* audit.head itself: every bit, every prefix, another host's, another key file's. */
START_TEST(test_rest_anchor_file)
{
	struct host h, other;
	struct buf text;

	begin(&h);
	acts(&h, 3);
	ck_assert_int_eq(anchor_now(h.a, &h.err), MUSTER_OK);
	buf_init(&text, 4096);
	ck_assert_int_eq(file_read(&text, place(&h, "audit.head"), 4096, &h.err), MUSTER_OK);
	for (size_t i = 0; i < text.n * 8; i++) {
		text.p[i / 8] ^= (uint8_t)(1U << i % 8);
		spill(&h, text.p, text.n);
		broken(&h, NULL, MUSTER_E_SIGNATURE, "audit.head");
		text.p[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	for (size_t n = 0; n < text.n; n++) {
		spill(&h, text.p, n);
		broken(&h, NULL, MUSTER_E_SIGNATURE, "audit.head");
	}
	spill(&h, text.p, text.n);
	whole(&h, NULL, "3 entries");
	begin(&other);
	acts(&other, 3);
	spill(&other, text.p, text.n);
	broken(&other, NULL, MUSTER_E_SIGNATURE, "made under another host key file");
	end(&other);
	buf_fini(&text);
	end(&h);
}
END_TEST

/* A heartbeat a day, in the record and in the system's log; silence for longer is noticed. */
START_TEST(test_rest_heartbeat)
{
	char head[REST_HEAD];
	struct host h;

	begin(&h);
	acts(&h, 2);
	(void)anchor_job(h.a);
	ck_assert_str_eq(h.said, "");
	clock_manual_advance(&h.clock, 23 * HOUR);
	(void)anchor_job(h.a);
	head_of(&h, head);
	ck_assert_int_eq(strncmp(head, "2:", 2), 0);
	clock_manual_advance(&h.clock, HOUR);
	head_of(&h, head);
	(void)anchor_job(h.a);
	ck_assert_msg(strstr(h.said, head) != NULL && strstr(h.said, "audit head=2:") != NULL, "%s", h.said);
	head_of(&h, head);
	ck_assert_int_eq(strncmp(head, "3:", 2), 0);
	(void)anchor_job(h.a);
	whole(&h, head, "3 entries");
	/* it outlives a restart: no second one on the same day */
	reopened(&h);
	(void)anchor_job(h.a);
	whole(&h, head, "3 entries");
	clock_manual_advance(&h.clock, 25 * HOUR);
	whole(&h, NULL, "3 entries");
	clock_manual_advance(&h.clock, HOUR);
	broken(&h, NULL, MUSTER_E_EXPIRED, "its newest entry 3 was written 26 hours ago");
	(void)anchor_job(h.a);
	whole(&h, NULL, "4 entries");
	/* whoever takes the end away and the anchor with it is not found out by the chain, but the start says that the anchor is gone */
	reopened(&h);
	ck_assert_str_eq(h.said, "");
	shut(&h);
	ck_assert_int_eq(unlink(place(&h, "audit.head")), 0);
	opened(&h);
	ck_assert_msg(strstr(h.said, "audit.head is missing although") != NULL, "%s", h.said);
	end(&h);
}
END_TEST

/* A backup carries the head, and restored elsewhere with its key file it is whole. */
START_TEST(test_rest_backup)
{
	struct host h, r;
	char command[600];

	begin(&h);
	acts(&h, 4);
	ck_assert_msg(activation_backup(h.a, ACTOR, place(&h, "copy"), &h.err) == MUSTER_OK, "%s", h.err.message);
	acts(&h, 4);
	begin(&r);
	shut(&r);
	(void)snprintf(command, sizeof command, "rm -rf %s/* && cp -p %s/copy/* %s/ && mkdir -m 700 %s/secret && cp -p %s/secret/host-key %s/secret/", r.dir, h.dir, r.dir, r.dir, h.dir, r.dir);
	ck_assert_int_eq(system(command), 0);
	opened(&r);
	ck_assert_str_eq(r.said, "");
	whole(&r, NULL, "5 entries");
	end(&r);
	end(&h);
}
END_TEST

UNIT_MAIN("rest_audit", test_rest_audit_whole, test_rest_audit_cut, test_rest_audit_cut_running, test_rest_audit_changed, test_rest_audit_anew,
          test_rest_anchor_file, test_rest_heartbeat, test_rest_backup)
