#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/err.h"

static const char *shift_path;

/*
 * "SHIFT": both clocks, as time that has passed. "WALL BOOT": each its own, so that the wall clock can jump.
 * A missing or empty file means no shift: a test writes it when it first wants one.
 */
static int64_t shift_ms(bool boot)
{
	char text[64], *end;
	int64_t wall;
	ssize_t n;
	int fd = open(shift_path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof text - 1);
	(void)close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	wall = strtoll(text, &end, 10);
	return boot && *end == ' ' ? strtoll(end, NULL, 10) : wall;
}

static int64_t file_wall(const struct clock *c)
{
	(void)c;
	return clock_wall_ms(clock_system()) + shift_ms(false);
}

static int64_t file_boot(const struct clock *c)
{
	(void)c;
	return clock_boot_ms(clock_system()) + shift_ms(true);
}

const struct clock *clock_file(const char *path)
{
	static const struct clock shifted = { file_wall, file_boot };

	MUSTER_ASSERT(path != NULL);
	shift_path = path;
	return &shifted;
}
