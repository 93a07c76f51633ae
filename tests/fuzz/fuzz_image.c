/* Any bytes as an ISO image, from its first descriptor on (the sixteen sectors before it are blank): what is found is within the limits, and what is
 * refused has a sentence. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/exchange/medium.h"
#include "tests/fuzz/fuzz.h"

#define BEFORE (16 * 2048)

static const char *const wanted[] = { "x64/DefaultSetup.ini", "x86/DefaultSetup.ini", "MediaInfo.xml" };

static void check(const struct exchange_medium *m)
{
	size_t total = 0;

	FUZZ_CHECK(m->kind == EXCHANGE_IMAGE && memchr(m->label, 0, sizeof m->label) != NULL && m->file_count <= 3);
	for (size_t i = 0; i < m->file_count; i++) {
		FUZZ_CHECK(m->files[i].wanted < 3 && m->files[i].path != NULL);
		for (size_t k = 0; k < i; k++)
			FUZZ_CHECK(m->files[k].wanted != m->files[i].wanted);
		FUZZ_CHECK(m->files[i].bytes.n <= exchange_limits_default.file_max && !m->files[i].bytes.failed);
		total += m->files[i].bytes.n;
	}
	FUZZ_CHECK(total <= exchange_limits_default.total_max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct exchange_medium *m = NULL;
	struct muster_err err = { 0 };
	char path[64];
	int fd = memfd_create("image", MFD_CLOEXEC), r;

	FUZZ_CHECK(fd >= 0 && ftruncate(fd, BEFORE) == 0 && pwrite(fd, data, size, BEFORE) == (ssize_t)size);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	r = exchange_medium_read(&m, path, wanted, 3, &exchange_limits_default, clock_system(), &err);
	FUZZ_CHECK((r == MUSTER_OK) == (m != NULL) && (r == MUSTER_OK) == (err.message[0] == '\0'));
	FUZZ_CHECK(r == MUSTER_OK || r == MUSTER_E_INVALID || r == MUSTER_E_LIMIT);
	if (m != NULL)
		check(m);
	exchange_medium_free(m);
	(void)close(fd);
	return 0;
}
