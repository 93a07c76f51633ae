/* What an activation survives: exhausted memory at any place, kill -9 at any moment, the wrong key file. */
#include "tests/unit/activation_fixture.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/codes.h"
#include "core/base/mem.h"

enum step { STEP_PACK, STEP_KEY, STEP_SHOW, STEP_DEPOSIT, STEP_REMOVE, STEPS };

static int step(struct host *h, enum step s, const struct buf *pack, const struct minted *key, const char *cid)
{
	char number[12], id[INSTALLATION_TEXT];
	json_t *out = NULL;
	int r;

	switch (s) {
	case STEP_PACK: return take_pack(h, pack, NULL);
	case STEP_KEY: return take_key(h, key, false, NULL);
	case STEP_SHOW: return show_id(h, NULL, false, id);
	case STEP_DEPOSIT: return deposit_id(h, NULL, cid, NULL);
	default:
		(void)snprintf(number, sizeof number, "%u", key->key.number);
		r = activation_key_remove(h->activation, "0 root", NULL, number, &out, &h->err);
		json_decref(out);
		return r;
	}
}

/* Each allocation of each act fails once: the act fails or has happened, nothing is lost, and done again it is done. */
START_TEST(test_no_memory)
{
	static const char *const after[STEPS] = { "", "not-activated", "pending", "activated", "" };
	static const uint32_t happened[] = { CODE_M_CONFIRMATION_USED, (uint32_t)CODE_NO_KEY };
	char id[INSTALLATION_TEXT] = "", cid[CONFIRMATION_TEXT] = "";
	struct host h;
	struct minted key;
	struct buf pack;

	host_init(&h);
	key = mint(PRODUCT_KEY_HOST, 706200501, h.office, NULL);
	make_pack(&pack, &h.issuer, &h, 1, 1, &key, 1);
	for (int s = STEP_PACK; s < STEPS; s++) {
		int r = MUSTER_E_NOMEM;

		if (s == STEP_DEPOSIT) {
			ck_good(&h, show_id(&h, NULL, false, id));
			confirm(cid, &h.issuer, &key, id, 0);
		}
		for (uint64_t n = 1; r != MUSTER_OK && n < 3000; n += n < 40 ? 1 : 7) {
			memset(&h.err, 0, sizeof h.err);
			mem_fail_at(n);
			r = step(&h, (enum step)s, &pack, &key, cid);
			mem_fail_at(0);
			/* It may have happened although its answer could not be made. */
			for (size_t i = 0; r != MUSTER_OK && i < sizeof happened / sizeof happened[0]; i++)
				r = h.err.code == happened[i] && s >= STEP_DEPOSIT ? MUSTER_OK : r;
		}
		fixture_ok(r, &h.err);
		ck_assert_str_eq(state_of(&h, key.key.number), after[s]);
		host_restart(&h);
		ck_assert_str_eq(state_of(&h, key.key.number), after[s]);
		ck_assert_int_eq(signs(&h, h.office), s == STEP_DEPOSIT);
	}
	buf_fini(&pack);
	host_fini(&h);
}
END_TEST

/* Begin to enter the digits and be killed. */
static void deposit_and_die(struct host *h, const char *cid, int to_parent)
{
	if (write(to_parent, "x", 1) != 1)
		_exit(9);
	host_start(h);
	(void)deposit_id(h, NULL, cid, NULL);
	_exit(0);
}

/* kill -9 while digits are entered, sooner and later: either nothing has happened and the same digits work, or all of it has. */
START_TEST(test_killed_while_depositing)
{
	char id[INSTALLATION_TEXT], cid[CONFIRMATION_TEXT], byte;
	struct host h;
	struct minted key;
	int done = 0;

	host_init(&h);
	key = entitled(&h);
	for (unsigned i = 0; i < SLOTS; i++) {
		int fd[2], status;
		pid_t pid;

		ck_good(&h, show_id(&h, NULL, false, id));
		confirm(cid, &h.issuer, &key, id, i);
		host_stop(&h);
		ck_assert_int_eq(pipe(fd), 0);
		if ((pid = fork()) == 0)
			deposit_and_die(&h, cid, fd[1]);
		ck_assert_int_gt(pid, 0);
		(void)close(fd[1]);
		ck_assert_int_eq(read(fd[0], &byte, 1), 1);
		for (unsigned k = 0; k < i * 6000; k++)
			(void)sched_yield();   /* later each time; when it ends by itself, later than that */
		(void)kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		(void)close(fd[0]);
		host_start(&h);
		if (strcmp(state_of(&h, key.key.number), "activated") == 0 && pending_find(h.activation, key_by_number(h.activation, key.key.number)) == NULL) {
			ck_assert(signs(&h, h.office));
			ck_refused(&h, deposit_id(&h, NULL, cid, NULL), CODE_M_CONFIRMATION_USED, "already used");
			done++;
		} else {
			ck_good(&h, deposit_id(&h, NULL, cid, NULL));
		}
		ck_assert(signs(&h, h.office));
	}
	if (getenv("MUSTER_VERBOSE") != NULL)
		printf("# %d of %d were done when killed\n", done, SLOTS);
	host_fini(&h);
}
END_TEST

/* Without the key file that the state was written with the host does not start; with another it starts and signs nothing with what it cannot read; with the right
 * one it is as before. */
START_TEST(test_other_key_file)
{
	char id[INSTALLATION_TEXT], cid[CONFIRMATION_TEXT], command[300];
	struct host h;
	struct minted key;

	host_init(&h);
	key = entitled(&h);
	ck_good(&h, show_id(&h, NULL, false, id));
	confirm(cid, &h.issuer, &key, id, 0);
	ck_good(&h, deposit_id(&h, NULL, cid, NULL));
	host_stop(&h);
	(void)snprintf(command, sizeof command, "mv %s/secret/host-key %s/kept", h.dir, h.dir);
	ck_assert_int_eq(system(command), 0);
	ck_refused(&h, host_try(&h), 0, "host-key is missing");
	(void)snprintf(command, sizeof command, "cd %s && head -c 32 acme.pem >secret/host-key && chmod 600 secret/host-key", h.dir);
	ck_assert_int_eq(system(command), 0);
	host_start(&h);
	ck_assert(!signs(&h, h.office));
	ck_assert_ptr_nonnull(strstr(h.said, "cannot be read"));
	host_stop(&h);
	(void)snprintf(command, sizeof command, "cd %s && mv kept secret/host-key", h.dir);
	ck_assert_int_eq(system(command), 0);
	host_start(&h);
	ck_assert(signs(&h, h.office));
	host_fini(&h);
}
END_TEST

UNIT_MAIN("activation_faults", test_no_memory, test_killed_while_depositing, test_other_key_file)
