/* The record of muster-bench: any bytes as its file. What is read keeps the rules that everything behind the reader relies on. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "core/bench/record.h"
#include "tests/fuzz/fuzz.h"

static int look(void *ctx, const struct record_entry *e, const char *lease)
{
	size_t *n = ctx;

	FUZZ_CHECK(e->status == 200 || e->status == 202);
	FUZZ_CHECK((e->status == 200) == (e->lease_n > 0) && e->lease_n <= RECORD_LEASE_MAX && lease[e->lease_n] == '\0');
	*n += sizeof *e + (e->lease_n + 7U) / 8U * 8U;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n = sizeof(struct record_head);
	struct record_head head;
	struct muster_err err = { .result = MUSTER_OK };
	char path[64];
	int fd = memfd_create("record", MFD_CLOEXEC), r;

	FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	r = record_read(path, &head, look, &n, &err);
	/* All of it was read, or a message says where it is wrong. */
	FUZZ_CHECK(r == MUSTER_OK ? n == size && memcmp(head.magic, RECORD_MAGIC, sizeof head.magic) == 0 : r == MUSTER_E_INVALID && err.message[0] != '\0');
	FUZZ_CHECK(close(fd) == 0);
	return 0;
}
