/*
 * A clean work folder has no fault; and whatever is falsified in it, one thing at a time, is found and named.
 *
 * The folder is real: the engine in this process counts and grants to 30 machines, a host's own key signs their leases. Machines 0 to 3
 * are counted only (202); machines 10 to 14 ask again; machine 12 repeats its second request. So there are 36 answers to 35 requests.
 */
#include <dirent.h>
#include <getopt.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/bench/population.h"
#include "core/bench/record.h"
#include "core/bench/verify.h"
#include "tests/unit/ledger_fixture.h"
#include "tests/unit/trust_fixture.h"

#define SEED 42
#define MACHINES 30U
#define ANSWERS 36U
#define ROOM 64U

struct answer { struct record_entry e; int64_t seq, iat, exp; uint32_t count; char lease[1024]; };

static struct fix fix;
static struct fixture trust;
static X509 *host;
static struct trust_chain *chain;
static struct trust_signer *signer;
static char dir[] = "/tmp/bench-verify-XXXXXX";
static struct answer answers[ROOM];
static size_t answer_count;
static uint8_t product_id[16];
static char ledger_id[37];
static struct verify_report report;
static struct muster_err err;

static const char *in_dir(const char *name)
{
	static char path[2][160];
	static int turn;

	turn = 1 - turn;
	(void)snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
	return path[turn];
}

/* ---- the folder ---- */

static void write_pem(const char *name, X509 *one, X509 *two)
{
	struct buf pem;

	fixture_pem(&pem, one, two);
	fixture_ok(file_write(in_dir(name), span_of(pem.p, pem.n), 0600, &err), &err);
	buf_fini(&pem);
}

static void make_keys(void)
{
	const uint8_t (*ids)[16] = (const void *)product_id;
	char name[80];

	fixture_init(&trust, TRUST_ES256);
	fixture_ok(trust_make_host(&host, trust.host_key, "bench", ids, 1, trust.mid, trust.mid_key, FIX_NOW, TRUST_HOST_LIFE_S, &err), &err);
	chain = fixture_chain(host, trust.mid);
	fixture_ok(trust_signer_new(&signer, trust.host_key, chain, &err), &err);
	write_pem("issuer.pem", trust.root, NULL);
	(void)snprintf(name, sizeof name, "state/host/chain-%s.pem", trust_chain_kid(chain));
	write_pem(name, host, trust.mid);
}

/* What the host signs for an answer. */
static struct lease_claims claims_of(const struct answer *a)
{
	struct lease_claims c = { .iat = a->iat, .exp = a->exp, .nonce_len = 16, .has_hw = true, .count = a->count, .minimum = 5, .renew = 604800 };

	memcpy(c.issuer_id, trust.issuer_id, 16);
	memcpy(c.product_id, product_id, 16);
	population_client(c.client_id, SEED, a->e.number);
	population_hardware(c.hw, SEED, a->e.number);
	population_nonce(c.nonce, SEED, a->e.number, a->e.ask);
	(void)snprintf(c.jti, sizeof c.jti, "%s.%lld", ledger_id, (long long)a->seq);
	return c;
}

static void sign(struct answer *a, const struct lease_claims *c)
{
	struct buf b;

	buf_init(&b, sizeof a->lease - 1);
	fixture_ok(lease_sign(&b, signer, c, &err), &err);
	memcpy(a->lease, b.p, b.n);
	a->e.lease_n = (uint16_t)b.n;
	buf_fini(&b);
}

static void answer(uint64_t number, uint32_t ask)
{
	struct answer *a = &answers[answer_count++];
	struct lease_claims c;
	struct ask x;

	ask_init(&fix, &x, OFFICE2013, (uint32_t)number);
	population_client(x.r.client, SEED, number);
	population_hardware(x.r.hw, SEED, number);
	population_nonce(x.r.nonce, SEED, number, ask);
	x.r.lease_known = ask > 0;
	x.r.lease_seq = ask > 0 ? answers[number].seq : 0;
	ask_go(&fix, &x);
	*a = (struct answer){ .e = { .number = number, .ask = ask, .status = x.r.code == CODE_OK ? 200 : 202 }, .seq = x.r.seq, .iat = x.r.at / 1000,
	                      .exp = x.r.expires / 1000, .count = x.r.count };
	ck_assert_uint_eq(a->e.status, number < 4 ? 202 : 200);
	if (a->e.status == 200) {
		c = claims_of(a);
		sign(a, &c);
	}
	ask_fini(&x);
}

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	fix_open(&fix, FIX_SQLITE);
	ck_assert_int_eq(rmdir(fix.dir), 0);
	(void)snprintf(fix.dir, sizeof fix.dir, "%s", in_dir("state"));
	ck_assert_int_eq(mkdir(in_dir("state"), 0700) | mkdir(in_dir("state/host"), 0700), 0);
	clock_manual_init(&fix.clock, FIX_NOW * 1000);
	memcpy(product_id, fix_edition(&fix, OFFICE2013)->activation_id, 16);
	make_keys();
	fix_start(&fix);
	ledger_identity(fix.l, ledger_id);
	for (uint32_t i = 0; i < MACHINES; i++)
		answer(i, 0);
	fix_advance(&fix, 1000);
	for (uint32_t i = 10; i < 15; i++)
		answer(i, 1);
	answer(12, 1);
	ck_assert_uint_eq(answer_count, ANSWERS);
	ck_assert_int_eq(answers[32].seq, answers[35].seq);
	fix_settle(&fix);
	fix_stop(&fix);
}

static void remove_folder(const char *path)
{
	const struct dirent *e;
	char name[512];
	DIR *d = opendir(path);

	while (d != NULL && (e = readdir(d)) != NULL) {
		(void)snprintf(name, sizeof name, "%s/%s", path, e->d_name);
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && unlink(name) != 0)
			remove_folder(name);
	}
	if (d != NULL)
		(void)closedir(d);
	(void)rmdir(path);
}

static void teardown(void)
{
	trust_signer_free(signer);
	trust_chain_unref(chain);
	X509_free(host);
	fixture_fini(&trust);
	catalog_unref(fix.catalog);
	remove_folder(dir);
	ck_assert_int_ne(access(dir, F_OK), 0);
}

/* ---- falsifying and looking ---- */

/* What a test means to change must be there. */
static void change(const char *file, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void change(const char *file, const char *fmt, ...)
{
	char text[512], *why = NULL;
	sqlite3 *db;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	ck_assert_int_eq(sqlite3_open(in_dir(file), &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, text, NULL, NULL, &why) == SQLITE_OK, "%s: %s", text, why);
	ck_assert_msg(sqlite3_changes(db) > 0, "%s: nothing was changed", text);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

static const char *client_hex(uint64_t number)
{
	static char text[HEX_SIZE(16)];
	uint8_t id[16];

	population_client(id, SEED, number);
	hex_encode(text, id, sizeof id);
	return text;
}

static void write_record(void)
{
	struct record_head head = { .seed = SEED };
	struct record *r;

	memcpy(head.activation_id, product_id, 16);
	fixture_ok(record_new(&r, in_dir("record"), &head, &err), &err);
	for (size_t i = 0; i < answer_count; i++)
		record_add(r, (unsigned)(i % RECORD_LANES), &answers[i].e, answers[i].lease);
	fixture_ok(record_write(r, &err), &err);
	record_free(r);
}

static int run_verify(unsigned threads)
{
	return verify_folder(&report, dir, threads, &fix.clock.clock, &err);
}

/* Exactly these many faults, one of them with these words. */
static void found(uint64_t n, const char *words)
{
	bool any = false;

	(void)unlink(in_dir("record"));
	write_record();
	fixture_ok(run_verify(2), &err);
	for (uint64_t i = 0; i < report.wrong && i < VERIFY_SHOWN; i++)
		any = any || strstr(report.shown[i], words) != NULL;
	ck_assert_msg(any && report.wrong == n, "%llu faults; not \"%s\" but: %s | %s | %s", (unsigned long long)report.wrong, words,
	              report.shown[0], report.shown[1], report.shown[2]);
}

static void clean(void)
{
	(void)unlink(in_dir("record"));
	write_record();
	fixture_ok(run_verify(0), &err);
	ck_assert_msg(report.wrong == 0, "%llu faults: %s | %s", (unsigned long long)report.wrong, report.shown[0], report.shown[1]);
}

/* Nothing is falsified: no fault, with any number of threads, and all is counted. */
START_TEST(test_verify_clean)
{
	write_record();
	for (unsigned threads = 0; threads < 5; threads++) {
		fixture_ok(run_verify(threads), &err);
		ck_assert_msg(report.wrong == 0, "%s", report.shown[0]);
		ck_assert(report.acknowledged == ANSWERS && report.leases == ANSWERS - 4);
		/* 35 requests, the host's start and its end. */
		ck_assert_uint_eq(report.events, 37);
		ck_assert_uint_eq(report.folded, report.events);
		ck_assert_uint_eq(report.unacknowledged, 0);
	}
}
END_TEST

/* An answer that was lost on its way is no fault, and counted: here machine 20's only one and machine 11's second. */
START_TEST(test_verify_lost)
{
	for (size_t i = 0; i < answer_count; i++)
		if (answers[i].e.number == 20 || (answers[i].e.number == 11 && answers[i].e.ask == 1))
			answers[i--] = answers[--answer_count];
	clean();
	ck_assert_uint_eq(report.acknowledged, ANSWERS - 2);
	ck_assert_uint_eq(report.unacknowledged, 2);
}
END_TEST

/* Any bit of a lease: here one in each of its parts, and one that makes base64url of something else. */
START_TEST(test_verify_bit)
{
	static const char *const words[] = {
		"machine 7, ask 0: its lease does not verify: ", "machine 7, ask 0: its lease does not verify: the token's signature",
		"machine 7, ask 0: its lease does not verify: the token's signature does not verify"
	};
	char *at[] = { answers[7].lease + 10, strchr(answers[7].lease, '.') + 20, strrchr(answers[7].lease, '.') + 20 };

	for (size_t i = 0; i < 3; i++) {
		char was = *at[i];

		*at[i] = was == 'A' ? 'B' : 'A';
		found(1, words[i]);
		*at[i] = was;
	}
	answers[7].lease[40] ^= 0x40;
	found(1, words[0]);
}
END_TEST

/* Another client's lease, given to machine 7. */
START_TEST(test_verify_other_lease)
{
	memcpy(answers[7].lease, answers[8].lease, sizeof answers[7].lease);
	answers[7].e.lease_n = answers[8].e.lease_n;
	found(1, "machine 7, ask 0: its lease is for client ");
}
END_TEST

/* The answer to the machine's first request, given to its second: the nonce is the request's own. */
START_TEST(test_verify_other_nonce)
{
	memcpy(answers[31].lease, answers[11].lease, sizeof answers[31].lease);
	answers[31].e.lease_n = answers[11].e.lease_n;
	found(1, "machine 11, ask 1: its lease's nonce is ");
}
END_TEST

/* A machine that never asked was never counted, and one that did not ask a second time not a second time. */
START_TEST(test_verify_never_asked)
{
	answers[answer_count++] = (struct answer){ .e = { .number = 999, .status = 202 } };
	found(1, "machine 999, ask 0: it was counted, and the log has no event of it with that nonce");
	answers[answer_count - 1].e = (struct record_entry){ .number = 2, .ask = 1, .status = 202 };
	found(1, "machine 2, ask 1: it was counted, and the log has no event of it with that nonce");
}
END_TEST

/* A lease that the host's key signed, but not for what happened: each claim is compared. */
START_TEST(test_verify_claims)
{
	static const char *const words[] = {
		"its lease is for product ", "its lease's hw is ", "its lease's hw is nothing, expected 00", "its lease lives 15638400 s, expected 15552000 or to ",
		"its lease lives 15465600 s, expected 15552000 or to ", "its lease says count 11, minimum 5; expected 5 to 10 and 5",
		"its lease says count 4, minimum 5; expected 5 to 10 and 5", "its lease says count 7, minimum 1; expected 5 to 10 and 5", ".9x\", expected ",
		"its lease's jti is \"1b671a64-40d5-491e-99b0-da01ff1f3341.17\", expected ",
	};
	struct answer *a = &answers[9];

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		struct lease_claims c = claims_of(a);

		c.count = 7;
		switch (i) {
		case 0: c.product_id[15] ^= 1; break;
		case 1: c.hw[31] ^= 1; break;
		case 2: c.has_hw = false; break;
		case 3: c.exp += 86400; break;
		case 4: c.exp -= 86400; break;
		case 5: c.count = 11; break;
		case 6: c.count = 4; break;
		case 7: c.minimum = 1; break;
		case 8: (void)snprintf(c.jti + 36, sizeof c.jti - 36, ".9x"); break;
		default: (void)snprintf(c.jti, sizeof c.jti, "1b671a64-40d5-491e-99b0-da01ff1f3341.17"); break;
		}
		sign(a, &c);
		/* The host's certificate names one product: another is not even verified. */
		found(1, i == 0 ? "the lease's product is none its signer is certified for" : words[i]);
	}
}
END_TEST

/* One number for two leases: told where they meet, and where the event is of another client. */
START_TEST(test_verify_number_twice)
{
	struct lease_claims c;

	answers[9].seq = answers[8].seq;
	c = claims_of(&answers[9]);
	sign(&answers[9], &c);
	found(2, "machine 9, ask 0: its lease has number ");
	ck_assert_ptr_nonnull(strstr(report.shown[1], "machine 9, ask 0: event "));
	ck_assert_ptr_nonnull(strstr(report.shown[1], " is of client "));
}
END_TEST

/* An event that is gone from the log: the lease has none, the counter has one too many, the client's row names it and counts it. */
START_TEST(test_verify_event_deleted)
{
	char words[128];

	change("state/log.db", "DELETE FROM event WHERE seq=%lld", (long long)answers[20].seq);
	(void)snprintf(words, sizeof words, "machine 20, ask 0: it was given lease %lld, and the log has no such event", (long long)answers[20].seq);
	found(3, words);
	(void)snprintf(words, sizeof words, "machine 20: its row is as of event %lld, expected 0", (long long)answers[20].seq);
	found(3, words);
	found(3, "licence status 2 is 35, expected 34 by the events up to ");
}
END_TEST

/* The newest one: the fold position then names an event that the log does not have. */
START_TEST(test_verify_last_event_deleted)
{
	change("state/log.db", "DELETE FROM event WHERE seq>=%lld", (long long)answers[34].seq);
	found(4, "the fold position is ");
}
END_TEST

/* The same of a request that was counted only. */
START_TEST(test_verify_counted_event_deleted)
{
	change("state/log.db", "DELETE FROM event WHERE seq=%lld", (long long)answers[2].seq);
	found(3, "machine 2, ask 0: it was counted, and the log has no event of it with that nonce");
}
END_TEST

/* An event of another client than its lease. */
START_TEST(test_verify_event_client)
{
	change("state/log.db", "UPDATE event SET client=x'%s' WHERE seq=%lld", "c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1", (long long)answers[20].seq);
	found(2, "is of client c1c1c1c1-c1c1-c1c1-c1c1-c1c1c1c1c1c1, expected ");
}
END_TEST

/* Whatever else an event says otherwise than its lease. */
START_TEST(test_verify_event_columns)
{
	static const struct { const char *set, *words, *undo; uint64_t n; } wrong[] = {
		{ "product=product+1", "has the product number ", "product=product-1", 4 },
		{ "result=1", "has the result 1, expected 0", "result=0", 1 },
		{ "flags=flags|64", "has the flag of a refusal 1, expected 0", "flags=flags&~64", 4 },
		{ "flags=flags&~1024", "has the flag of a lease 0, expected 1", "flags=flags|1024", 1 },
		{ "expires=expires+1000", "has the end ", "expires=expires-1000", 1 },
		{ "count=count+1", "has the count ", "count=count-1", 1 },
		{ "minimum=4", "has the minimum 4, expected 5", "minimum=5", 1 },
		{ "n=2", "has the number of requests 2, expected 1", "n=1", 3 },
		{ "digest=digest+1", "has the digest of client and nonce ", "digest=digest-1", 1 },
	};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		long long seq = (long long)answers[20].seq;

		change("state/log.db", "UPDATE event SET %s WHERE seq=%lld", wrong[i].set, seq);
		found(wrong[i].n, wrong[i].words);
		change("state/log.db", "UPDATE event SET %s WHERE seq=%lld", wrong[i].undo, seq);
	}
}
END_TEST

/* Time in the log that is another than the lease's, or that goes back. */
START_TEST(test_verify_event_time)
{
	change("state/log.db", "UPDATE event SET at=at+1000 WHERE seq>=%lld", (long long)answers[34].seq);
	found(1, "machine 14, ask 1: event 36 has the time 1795341602, expected 1795341601");
	change("state/log.db", "UPDATE event SET at=at-1000 WHERE seq>=%lld", (long long)answers[34].seq);
	change("state/log.db", "UPDATE event SET at=at+1 WHERE seq=%lld", (long long)answers[20].seq);
	found(1, ", the one before it of ");
}
END_TEST

/* A counter that counts one more, or is not there. */
START_TEST(test_verify_counter)
{
	change("state/state.db", "UPDATE counter SET n=n+1 WHERE status=2");
	found(1, "licence status 2 is 36, expected 35 by the events up to ");
	change("state/state.db", "DELETE FROM counter WHERE status=2");
	found(1, "licence status 2 is 0, expected 35 by the events up to ");
	change("state/state.db", "INSERT INTO counter(source, product, status, n) SELECT 1, product, 2, 35 FROM edition WHERE activation_id=x'%s'",
	       "04000000000000000000000000000002");
	clean();
	change("state/state.db", "INSERT INTO counter(source, product, status, n) VALUES(1, 1, 255, 3)");
	found(1, "failed requests is 3, expected 0 by the events up to ");
}
END_TEST

/* A client's row that is older or newer than its last event, that counted twice, or that is gone. */
START_TEST(test_verify_row)
{
	char words[128];

	change("state/state.db", "UPDATE uses SET last_seq=%lld WHERE client=x'%s'", (long long)answers[11].seq, client_hex(11));
	(void)snprintf(words, sizeof words, "machine 11: its row is as of event %lld, expected %lld", (long long)answers[11].seq,
	               (long long)answers[31].seq);
	found(1, words);
	change("state/state.db", "UPDATE uses SET last_seq=%lld WHERE client=x'%s'", (long long)answers[31].seq + 1, client_hex(11));
	found(1, "machine 11: its row is as of event ");
	change("state/state.db", "UPDATE uses SET last_seq=%lld, requests=3 WHERE client=x'%s'", (long long)answers[31].seq, client_hex(11));
	found(1, "machine 11: its row counts 3 requests, expected 2 by the events up to ");
	change("state/state.db", "DELETE FROM uses WHERE client=x'%s'", client_hex(11));
	(void)snprintf(words, sizeof words, "machine 11: the state has no row of it, expected one as of event %lld", (long long)answers[31].seq);
	found(1, words);
}
END_TEST

/*
 * Killed while it folded: the position lies behind, some rows are ahead of it, each as new as one of its client's later events. That is no
 * fault; a row that is ahead with an event of somebody else's is one.
 */
START_TEST(test_verify_fold_under_way)
{
	long long at = (long long)answers[29].seq;

	change("state/state.db", "UPDATE ledger SET fold_seq=%lld", at);
	change("state/state.db", "UPDATE counter SET n=30 WHERE status=2");
	for (uint64_t i = 12; i < 15; i++)
		change("state/state.db", "UPDATE uses SET last_seq=%lld, requests=1 WHERE client=x'%s'", (long long)answers[i].seq, client_hex(i));
	clean();
	ck_assert_uint_lt(report.folded, report.events);
	change("state/state.db", "UPDATE uses SET last_seq=%lld WHERE client=x'%s'", (long long)answers[30].seq, client_hex(12));
	found(1, "machine 12: its row is as of event ");
}
END_TEST

/* Events of long ago that left the log by retention: what is gone is not compared, the rest is. */
START_TEST(test_verify_trimmed)
{
	change("state/log.db", "DELETE FROM event WHERE seq<%lld", (long long)answers[10].seq);
	memmove(answers, answers + 10, sizeof answers - 10 * sizeof answers[0]);
	answer_count -= 10;
	clean();
	change("state/state.db", "UPDATE counter SET n=3 WHERE status=2");
	found(1, "licence status 2 is 3, expected at least 25 by the events up to ");
}
END_TEST

/* The chain is of another issuer: it is told, and so is each lease under it, of which ten are shown. */
START_TEST(test_verify_chain)
{
	struct fixture other;

	fixture_init(&other, TRUST_ES256);
	write_pem("issuer.pem", other.root, NULL);
	found(33, " does not verify under issuer.pem: ");
	ck_assert(report.shown[VERIFY_SHOWN - 1][0] != '\0');
	found(33, "its lease does not verify: it was signed under a certificate that the host does not have");
	fixture_fini(&other);
}
END_TEST

/* A second, newer chain: leases name theirs, and each is verified under it. */
START_TEST(test_verify_two_chains)
{
	const uint8_t (*ids)[16] = (const void *)product_id;
	struct lease_claims c = claims_of(&answers[9]);
	char name[80];

	trust_signer_free(signer);
	trust_chain_unref(chain);
	X509_free(host);
	fixture_ok(trust_make_host(&host, trust.host_key, "bench", ids, 1, trust.mid, trust.mid_key, FIX_NOW + 60, TRUST_HOST_LIFE_S, &err), &err);
	chain = fixture_chain(host, trust.mid);
	fixture_ok(trust_signer_new(&signer, trust.host_key, chain, &err), &err);
	sign(&answers[9], &c);
	found(1, "the token was signed under another certificate");
	(void)snprintf(name, sizeof name, "state/host/chain-%s.pem", trust_chain_kid(chain));
	write_pem(name, host, trust.mid);
	clean();
}
END_TEST

/* What cannot be checked is told as that, and is no fault: a cut record, no record, no ledger, another product, no issuer. */
START_TEST(test_verify_cannot)
{
	struct stat st;

	ck_assert_int_eq(run_verify(1), MUSTER_E_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(err.message, "/record"));
	write_record();
	ck_assert_int_eq(stat(in_dir("record"), &st), 0);
	ck_assert_int_eq(truncate(in_dir("record"), st.st_size - 8), 0);
	ck_assert_int_eq(run_verify(1), MUSTER_E_INVALID);
	ck_assert_ptr_nonnull(strstr(err.message, "entry 36, byte "));
	ck_assert_int_eq(unlink(in_dir("record")), 0);
	product_id[0] ^= 0x80;
	write_record();
	ck_assert_int_eq(run_verify(1), MUSTER_E_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(err.message, "does not know the product"));
	product_id[0] ^= 0x80;
	ck_assert_int_eq(unlink(in_dir("record")), 0);
	write_record();
	ck_assert_int_eq(unlink(in_dir("issuer.pem")), 0);
	ck_assert_int_eq(run_verify(1), MUSTER_E_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(err.message, "issuer.pem"));
	ck_assert_int_eq(unlink(in_dir("state/log.db")), 0);
	ck_assert_int_eq(run_verify(1), MUSTER_E_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(err.message, "log.db"));
}
END_TEST

/* What a report says to people and to programs. */
START_TEST(test_verify_report)
{
	char text[4096] = "";
	FILE *f = fmemopen(text, sizeof text, "w");
	json_t *j;

	change("state/state.db", "UPDATE counter SET n=n+1 WHERE status=2");
	found(1, "the counter of product number ");
	verify_print(&report, f);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_ptr_nonnull(strstr(text, "checked      36 acknowledged answers, 32 of them leases, in "));
	ck_assert_ptr_nonnull(strstr(text, "ledger       37 events, 37 folded; 0 granted or counted and not acknowledged\n"));
	ck_assert_ptr_nonnull(strstr(text, "faults       1\n  the counter of "));
	j = verify_json(&report);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "acknowledged")), 36);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "faults")), 1);
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(j, "shown"), 0)), report.shown[0]);
	json_decref(j);
}
END_TEST

static int command(const char *one, const char *two, const char *three)
{
	char name[] = "verify", a[160], b[160], c[160];
	char *argv[] = { name, a, b, c, NULL };
	int n = 1 + (one != NULL) + (two != NULL) + (three != NULL);

	(void)snprintf(a, sizeof a, "%s", one != NULL ? one : "");
	(void)snprintf(b, sizeof b, "%s", two != NULL ? two : "");
	(void)snprintf(c, sizeof c, "%s", three != NULL ? three : "");
	argv[n] = NULL;
	optind = 0;
	return bench_verify(n, argv, &fix.clock.clock);
}

/* The verb: its exit codes say whether all is right, something is wrong, it could not be checked, or was typed wrongly. */
START_TEST(test_verify_command)
{
	json_t *j;

	ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
	ck_assert_ptr_nonnull(freopen(in_dir("out"), "w", stdout));
	ck_assert_int_eq(command(dir, NULL, NULL), BENCH_FAILED);
	write_record();
	ck_assert_int_eq(command(dir, NULL, NULL), BENCH_OK);
	change("state/state.db", "UPDATE counter SET n=n+1 WHERE status=2");
	ck_assert_int_eq(command("--threads", "2", dir), BENCH_WRONG);
	ck_assert_int_eq(command("--help", NULL, NULL), BENCH_OK);
	ck_assert_int_eq(command(NULL, NULL, NULL), BENCH_USAGE);
	ck_assert_int_eq(command(dir, dir, NULL), BENCH_USAGE);
	ck_assert_int_eq(command("--threads", "0", dir), BENCH_USAGE);
	ck_assert_int_eq(command("--thread", "two", dir), BENCH_USAGE);
	ck_assert_int_eq(command("--loud", dir, NULL), BENCH_USAGE);
	ck_assert_ptr_nonnull(freopen(in_dir("out"), "w", stdout));
	ck_assert_int_eq(command(dir, "--json", NULL), BENCH_WRONG);
	ck_assert_int_eq(fflush(stdout), 0);
	j = json_load_file(in_dir("out"), 0, NULL);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "faults")), 1);
	json_decref(j);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_verify_clean, test_verify_lost, test_verify_bit, test_verify_other_lease, test_verify_other_nonce, test_verify_never_asked,
		test_verify_claims, test_verify_number_twice, test_verify_event_deleted, test_verify_last_event_deleted, test_verify_counted_event_deleted,
		test_verify_event_client, test_verify_event_columns, test_verify_event_time, test_verify_counter, test_verify_row,
		test_verify_fold_under_way, test_verify_trimmed, test_verify_chain, test_verify_two_chains, test_verify_cannot, test_verify_report,
		test_verify_command,
	};

	return unit_run_with(suite_create("bench_verify"), tests, sizeof tests / sizeof tests[0], setup, teardown);
}
