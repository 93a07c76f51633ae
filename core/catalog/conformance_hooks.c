/* What a host may ask a plugin's functions. */
#include "core/catalog/conformance_private.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/uuid.h"
#include "core/catalog/catalog_private.h"
#include "core/catalog/keys.h"

#define THREADS 4
#define ROUNDS 200

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- keys ---- */

static bool terminated(const char *text, size_t room)
{
	return memchr(text, 0, room) != NULL;
}

static void ask_key(struct suite *s, void *self, const struct muster_product *p, const char *key, size_t n)
{
	struct muster_key_info a = { .size = sizeof a }, b = { .size = sizeof b };
	struct muster_span span = { (const uint8_t *)key, n };
	struct muster_err err = { 0 };

	suite_in(WATCH_KEY);
	if (s->plugin->key_classify(self, p, span, &a, &err) != MUSTER_OK || s->plugin->key_classify(self, p, span, &b, &err) != MUSTER_OK)
		suite_fail(s, "key_classify fails for a key of %zu characters and product %s: %.200s", n, p->name, err.message);
	else if (!terminated(a.title, sizeof a.title) || !terminated(a.partial, sizeof a.partial))
		suite_fail(s, "key_classify leaves title or partial without an end");
	else if (a.kind != b.kind || strcmp(a.title, b.title) != 0 || strcmp(a.partial, b.partial) != 0)
		suite_fail(s, "key_classify answers the same question differently");
	else if (a.kind > MUSTER_KEY_ACCESS)
		suite_fail(s, "key_classify names the unknown kind %u", (unsigned)a.kind);
	else if (a.kind != MUSTER_KEY_UNKNOWN && lint_text(a.title, sizeof a.title) != NULL)
		suite_fail(s, "key_classify gives no title for the kind it names");
}

void suite_keys(struct suite *s, void *self)
{
	static const char *const odd[] = { "", "-", "AAAAA-AAAAA-AAAAA-AAAAA-AAAAA", "aaaaa-aaaaa-aaaaa-aaaaa-aaaaa", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "\xff\xfe\x01", "%s%n" };
	char text[KEYS_MAX];
	size_t i, k;

	for (i = 0; i < s->tables.product_count; i++) {
		const struct muster_product *p = &s->tables.products[i];
		const struct muster_key_rule *rules = p->keys.rows;

		for (k = 0; k < sizeof odd / sizeof odd[0]; k++)
			ask_key(s, self, p, odd[k], strlen(odd[k]));
		memset(text, 'A', sizeof text);
		ask_key(s, self, p, text, sizeof text); /* without an end */
		for (k = 0; k < p->keys.count; k++)
			ask_key(s, self, p, text, keys_example(&rules[k], (unsigned)k, text, sizeof text));
	}
	suite_end(s, "key_classify: sound answers, also to nonsense");
}

/* ---- requests ---- */

static const struct muster_request base_request = {
	.size = sizeof base_request, .status = 2, .minutes = 43200, .time_ms = 1800000000000, .os = "linux", .name = "pc-17.example.org", .user = "", .version = "",
	.client_id = { 1, 2, 3 }, .hardware_id = { 3, 9 },
};

#define REQUESTS 11U
/** Request @p n of the set that every product is asked with. */
static struct muster_request request_number(const struct muster_product *p, unsigned n)
{
	struct muster_request q = base_request;

	memcpy(q.activation_id, p->activation_id, sizeof q.activation_id);
	switch (n) {
	case 0: break;
	case 1: q.is_virtual = 1; break;
	case 2: q.os = q.name = ""; memset(q.hardware_id, 0, sizeof q.hardware_id); break;
	case 3: q.name = "\xff\xfe%s%n\x1b[2J"; break;
	case 4: q.status = 6; q.minutes = UINT32_MAX; q.time_ms = INT64_MAX; break;
	case 5: q.status = 0; q.minutes = 0; q.time_ms = 0; break;
	case 6: q.key_kind = MUSTER_KEY_EMBEDDED; q.key_number = UINT32_MAX; break;
	case 7: q.per = MUSTER_PER_USER; q.user = "anna@example.org"; q.version = "2019"; break;
	case 8: q.per = MUSTER_PER_DEVICE; q.version = "no-such-version"; break;
	case 9: q.per = UINT32_MAX; q.user = "\xff\xfe%s%n"; q.version = "\x1b[2J"; q.key_kind = MUSTER_KEY_ACCESS; break;
	default: memset(q.activation_id, 0xee, sizeof q.activation_id); break;
	}
	return q;
}

static int ask(const struct suite *s, void *self, const struct muster_product *p, unsigned n, struct muster_verdict *v)
{
	struct muster_request q = request_number(p, n), before = q;
	struct muster_err err = { 0 };
	int r;

	memset(v, 0, sizeof *v);
	v->size = sizeof *v;
	suite_in(WATCH_REQUEST);
	r = s->plugin->request_check(self, p, &q, v, &err);
	return memcmp(&q, &before, sizeof q) == 0 ? r : MUSTER_E_INVALID;
}

static void judge(struct suite *s, const struct muster_product *p, unsigned n, int r, struct muster_verdict *v)
{
	if (r != MUSTER_OK)
		suite_fail(s, "request_check answers %d to request %u for %s (0 with a verdict is expected, and the request is not changed)", r, n, p->name);
	else if (!terminated(v->sentence, sizeof v->sentence))
		suite_fail(s, "request_check leaves its sentence without an end");
	else if (v->refuse > 1)
		suite_fail(s, "request_check sets refuse to %u, neither 0 nor 1", (unsigned)v->refuse);
	else if (v->refuse != 0 && lint_text(v->sentence, sizeof v->sentence) != NULL)
		suite_fail(s, "request_check refuses request %u for %s, and its sentence %s", n, p->name, lint_text(v->sentence, sizeof v->sentence));
}

static void watch(struct suite *s, void *self, const struct muster_product *p, unsigned n)
{
	struct muster_verdict v;
	int slow = 0;
	int64_t began;

	/* A busy machine may delay one call; a slow function delays each. */
	do {
		began = now_ms();
		(void)ask(s, self, p, n, &v);
	} while (now_ms() - began > CATALOG_SLOW_MS && ++slow < CATALOG_STRIKES);
	if (slow == CATALOG_STRIKES)
		suite_fail(s, "request_check takes more than %d ms for %s", CATALOG_SLOW_MS, p->name);
}

void suite_requests(struct suite *s, void *self)
{
	struct muster_verdict a, b;
	size_t i;
	unsigned n;

	for (i = 0; i < s->tables.product_count; i++) {
		struct muster_product copy = s->tables.products[i];
		int r;

		if (uuid_is_nil(copy.activation_id))
			continue;
		for (n = 0; n < REQUESTS; n++) {
			r = ask(s, self, &s->tables.products[i], n, &a);
			judge(s, &copy, n, r, &a);
			if (ask(s, self, &s->tables.products[i], n, &b) != r || a.refuse != b.refuse || a.code != b.code || strncmp(a.sentence, b.sentence, sizeof a.sentence) != 0)
				suite_fail(s, "request_check answers request %u for %s differently the second time", n, copy.name);
			if (s->detail[0] == '\0')
				watch(s, self, &copy, n);
		}
		copy.name = "a-copy"; /* as `like` makes them */
		copy.title = "A copy";
		copy.editions = copy.platforms = copy.marks = (struct muster_table){ NULL, 0, 0 };
		r = ask(s, self, &copy, 0, &a);
		judge(s, &copy, 0, r, &a);
	}
	suite_end(s, "request_check: sound, repeatable and quick answers, also for copies");
}

/* ---- several threads at once ---- */

struct asker { struct suite *s; void *self; bool differs; };

static void *ask_often(void *arg)
{
	struct asker *a = arg;
	const struct suite *s = a->s;
	struct muster_verdict first, v;
	unsigned i;
	size_t k;

	for (k = 0; k < s->tables.product_count; k++) {
		const struct muster_product *p = &s->tables.products[k];

		if (uuid_is_nil(p->activation_id))
			continue;
		for (i = 0; i < ROUNDS; i++) {
			struct muster_key_info info = { .size = sizeof info };
			struct muster_err err = { 0 };
			struct muster_span key = { (const uint8_t *)"AAAAA-AAAAA-AAAAA-AAAAA-AAAAA", 29 };

			if (s->plugin->key_classify != NULL) {
				suite_in(WATCH_KEY);
				(void)s->plugin->key_classify(a->self, p, key, &info, &err);
			}
			if (s->plugin->request_check == NULL)
				continue;
			if (i < REQUESTS || ask(s, a->self, p, 1, &v) != MUSTER_OK)
				(void)ask(s, a->self, p, i % REQUESTS, &first);
			else if (i == REQUESTS)
				first = v;
			else
				a->differs |= first.refuse != v.refuse || strncmp(first.sentence, v.sentence, sizeof v.sentence) != 0;
		}
	}
	return NULL;
}

void suite_threads(struct suite *s, void *self)
{
	struct asker askers[THREADS];
	pthread_t threads[THREADS];
	size_t started, i;

	for (started = 0; started < THREADS; started++) {
		askers[started] = (struct asker){ s, self, false };
		if (pthread_create(&threads[started], NULL, ask_often, &askers[started]) != 0)
			break;
	}
	if (started < THREADS)
		suite_fail(s, "no thread could be started for this check: free some memory");
	for (i = 0; i < started; i++) {
		(void)pthread_join(threads[i], NULL);
		if (askers[i].differs)
			suite_fail(s, "answers differ when several threads ask at once");
	}
	suite_end(s, "the same answers in several threads at once");
}

/* ---- media ---- */

#define STOP 77 /* a value no function of a plugin returns by itself */

struct finds { struct suite *s; unsigned count; int answer; };

static int found(void *arg, const struct muster_found *f)
{
	struct finds *finds = arg;

	finds->count++;
	if (f->path == NULL || f->encoding == NULL)
		suite_fail(finds->s, "medium_inspect reports a find without path or encoding");
	if (f->kind > MUSTER_KEY_ACCESS || (f->kind != MUSTER_KEY_UNKNOWN) != (f->key.n != 0) || f->key.n >= KEYS_MAX)
		suite_fail(finds->s, "medium_inspect reports a find whose kind and key do not belong together");
	return finds->answer;
}

static int inspect(struct suite *s, void *self, const char *path, const char *bytes, size_t n, int answer, unsigned *count)
{
	struct muster_medium_file file = { path, { (const uint8_t *)bytes, n } };
	struct muster_medium medium = { .size = sizeof medium, .files = { &file, path != NULL, sizeof file } };
	struct finds finds = { s, 0, answer };
	struct muster_err err = { 0 };
	int r;

	suite_in(WATCH_MEDIUM);
	r = s->plugin->medium_inspect(self, &medium, found, &finds, &err);
	*count = finds.count;
	if (r != MUSTER_OK && r != MUSTER_E_INVALID && r != answer)
		suite_fail(s, "medium_inspect answers %d; 0, MUSTER_E_INVALID or what found() answered is expected", r);
	if (r == MUSTER_E_INVALID && answer != r && (!terminated(err.message, sizeof err.message) || err.message[0] == '\0'))
		suite_fail(s, "medium_inspect refuses a file and does not say why");
	return r;
}

/** An INI file as a rule describes it (which the host reads by itself: a plugin need not find that key, and finds it no more than once), every beginning of it,
 * and noise under its name. */
static void inspect_file(struct suite *s, void *self, const char *path, const char *section, const char *key)
{
	char text[256];
	unsigned count;
	size_t n, i;

	n = (size_t)snprintf(text, sizeof text, "[%.60s]\r\n%.60s=\"AAAAA-BBBBB-CCCCC-DDDDD-EEEEE\"\r\n", section, key);
	for (i = 0; i <= n; i++)
		(void)inspect(s, self, path, text, i, MUSTER_OK, &count);
	if (inspect(s, self, path, text, n, MUSTER_OK, &count) == MUSTER_OK && count > 1)
		suite_fail(s, "medium_inspect finds %u keys in a file that holds one, %s", count, path);
	if (count > 0 && inspect(s, self, path, text, n, STOP, &count) != STOP)
		suite_fail(s, "medium_inspect goes on after found() said stop");
	for (i = 0; i < sizeof text; i++)
		text[i] = (char)(i * 167 + 13);
	for (i = 0; i <= sizeof text; i++)
		(void)inspect(s, self, path, text, i, MUSTER_OK, &count);
}

void suite_media(struct suite *s, void *self)
{
	unsigned count;
	size_t i, k;

	if (inspect(s, self, NULL, NULL, 0, MUSTER_OK, &count) != MUSTER_OK || count != 0)
		suite_fail(s, "medium_inspect finds something on an empty medium");
	for (i = 0; i < s->tables.product_count; i++) {
		const struct muster_medium_rule *rules = s->tables.products[i].media.rows;
		const struct muster_medium_mark *marks = s->tables.products[i].marks.rows;

		for (k = 0; k < s->tables.products[i].media.count; k++)
			inspect_file(s, self, rules[k].path, rules[k].section, rules[k].key);
		for (k = 0; k < s->tables.products[i].marks.count; k++)
			if (marks[k].path != NULL)
				inspect_file(s, self, marks[k].path, marks[k].text, "x");
	}
	suite_end(s, "medium_inspect: sound finds, also in nonsense");
}
