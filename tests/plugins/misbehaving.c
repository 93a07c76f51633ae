/*
 * Plugins whose tables are right and whose functions misbehave in one way each. As in tests/refusals/bad_plugins.c all
 * lie in one object; the build makes one file NAME.so for each, so that it exports just that one.
 */
#include <muster/plugin.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COMMON(n) .magic = MUSTER_PLUGIN_MAGIC, .size = sizeof(struct muster_plugin), .abi_major = MUSTER_ABI_MAJOR, .abi_minor = MUSTER_ABI_MINOR, .name = n, .version = "1", .license = "MIT"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define OBJECT_(x) MUSTER_PLUGIN(x)
#define OBJECT OBJECT_(CASE)

#if defined(CASE_blind)
static const struct muster_medium_rule media[] = { { .path = "x64/Setup.ini", .section = "S", .key = "PID" } };
#endif

static const struct muster_product products[] = {
	{ .name = TEXT(CASE), .title = "Title", .activation_id = MUSTER_UUID(0x20000000, 0, 0x4000, 0x8000, 1), .application_id = MUSTER_UUID(0x20000000, 0, 0x4000, 0x8000, 2),
#if defined(CASE_blind)
	  .model = MUSTER_MODEL_EMBEDDED, .media = MUSTER_TABLE(media) },
#else
	  .model = MUSTER_MODEL_THRESHOLD, .minimum_count = 1 },
#endif
};

#if defined(CASE_rude) || defined(CASE_leaving) || defined(CASE_stuck) || defined(CASE_quiet) || defined(CASE_moody) || defined(CASE_endless) || defined(CASE_slow) || defined(CASE_failing)
#define CHECK .request_check = check,
static int check(void *self, const struct muster_product *product, const struct muster_request *request, struct muster_verdict *out, struct muster_err *err)
{
	(void)self, (void)product, (void)request, (void)out, (void)err;
#if defined(CASE_rude)
	*(volatile int *)(uintptr_t)request->is_virtual = 1;
#elif defined(CASE_leaving)
	exit(0);
#elif defined(CASE_stuck)
	for (;;)
		(void)clock();
#elif defined(CASE_quiet)
	out->refuse = 1;
#elif defined(CASE_moody)
	static uint32_t mood;

	out->refuse = __atomic_add_fetch(&mood, 1, __ATOMIC_RELAXED) & 1;
	(void)snprintf(out->sentence, sizeof out->sentence, "Not now.");
#elif defined(CASE_endless)
	memset(out->sentence, 'x', sizeof out->sentence);
#elif defined(CASE_slow)
	struct timespec t = { 0, 60000000 };

	(void)nanosleep(&t, NULL);
#elif defined(CASE_failing)
	return MUSTER_E_INTERNAL;
#endif
	return MUSTER_OK;
}
#else
#define CHECK
#endif

#if defined(CASE_single) || defined(CASE_mute)
#define START .start = start, .stop = stop,
static int running;
static int start(const struct muster_host *host, const void *options, void **self, struct muster_err *err)
{
	(void)host, (void)options, (void)self;
#if defined(CASE_mute)
	err->message[0] = '\0';
	running = 1;
	return MUSTER_E_INTERNAL;
#else
	if (running) {
		(void)snprintf(err->message, sizeof err->message, "only one of me");
		return MUSTER_E_BUSY;
	}
	running = 1;
	return MUSTER_OK;
#endif
}
static void stop(void *self)
{
	(void)self;
	running = 0;
}
#else
#define START
#endif

#if defined(CASE_guesser) || defined(CASE_untitled)
#define CLASSIFY .key_classify = classify,
static int classify(void *self, const struct muster_product *product, struct muster_span key, struct muster_key_info *out, struct muster_err *err)
{
	(void)self, (void)product, (void)key, (void)err;
#if defined(CASE_guesser)
	out->kind = 99;
	(void)snprintf(out->title, sizeof out->title, "guess");
#else
	out->kind = MUSTER_KEY_MAK;
#endif
	return MUSTER_OK;
}
#else
#define CLASSIFY
#endif

#if defined(CASE_blind)
#define INSPECT .medium_inspect = inspect,
static int inspect(void *self, const struct muster_medium *medium, muster_found_fn *found, void *arg, struct muster_err *err)
{
	(void)self, (void)medium, (void)found, (void)arg, (void)err;
	return MUSTER_E_INVALID;
}
#else
#define INSPECT
#endif

#if defined(CASE_loud)
MUSTER_EXTERN MUSTER_EXPORT int loud_helper(void);
int loud_helper(void)
{
	return 1;
}
#endif

OBJECT = { COMMON(TEXT(CASE)), .products = MUSTER_TABLE(products), START CHECK CLASSIFY INSPECT };
