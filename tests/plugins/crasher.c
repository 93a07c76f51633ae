/*
 * A plugin that passes the suite and does, while a host serves, what the machine that asks is called: crash in one of several ways, end
 * the process, wait, answer slowly, fail, refuse. Machines with other names are served.
 */
#include <muster/plugin.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static const struct muster_product products[] = {
	{ .name = "crasher", .title = "Crasher", .activation_id = MUSTER_UUID(0x21000000, 0, 0x4000, 0x8000, 1), .application_id = MUSTER_UUID(0x21000000, 0, 0x4000, 0x8000, 2),
	  .model = MUSTER_MODEL_THRESHOLD, .minimum_count = 1 },
};

static void pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

/* A page that nobody may read, or one behind the end of its file: the kernel's own faults, also where a sanitizer looks at pointers. */
static void touch(int bus)
{
	int fd = bus ? memfd_create("crasher", 0) : -1;
	volatile char *p = mmap(NULL, 4096, bus ? PROT_READ : PROT_NONE, bus ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd, 0);

	(void)p[0];
}

static int deeper(volatile int *depth)
{
	volatile char room[1024];

	room[0] = (char)++*depth;
	return *depth < 1 << 30 ? deeper(depth) + room[0] : 0;
}

static int start(const struct muster_host *host, const void *options, void **self, struct muster_err *err)
{
	static const struct muster_host *kept;

	(void)options, (void)err;
	kept = host;
	*self = (void *)(uintptr_t)kept;
	return MUSTER_OK;
}

static void crash(const char *how)
{
	int depth = 0;

	if (strcmp(how, "segv") == 0)
		touch(0);
	else if (strcmp(how, "bus") == 0)
		touch(1);
	else if (strcmp(how, "fpe") == 0)
		(void)raise(SIGFPE);
	else if (strcmp(how, "ill") == 0)
		__builtin_trap();
	else if (strcmp(how, "abort") == 0)
		abort();
	else if (strcmp(how, "exit") == 0)
		exit(0);
	else if (strcmp(how, "stack") == 0)
		(void)deeper(&depth);
}

static int check(void *self, const struct muster_product *product, const struct muster_request *request, struct muster_verdict *out, struct muster_err *err)
{
	const struct muster_host *host = self;

	(void)product, (void)err;
	crash(request->name);
	if (strcmp(request->name, "wait") == 0) {
		host->log(host, 5, "waiting");
		pause_ms(60000);
	} else if (strcmp(request->name, "slow") == 0) {
		pause_ms(60);
	} else if (strcmp(request->name, "fail") == 0) {
		return MUSTER_E_INTERNAL;
	} else if (strcmp(request->name, "refuse") == 0) {
		out->refuse = 1;
		(void)snprintf(out->sentence, sizeof out->sentence, "Not this machine. Take another.");
	}
	return MUSTER_OK;
}

MUSTER_PLUGIN(crasher) = {
	.magic = MUSTER_PLUGIN_MAGIC, .size = sizeof(struct muster_plugin), .abi_major = MUSTER_ABI_MAJOR, .abi_minor = MUSTER_ABI_MINOR, .name = "crasher", .version = "1", .license = "MIT",
	.products = MUSTER_TABLE(products), .start = start, .request_check = check,
};
