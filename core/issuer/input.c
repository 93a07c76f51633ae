#include "core/issuer/input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "core/base/err.h"
#include "core/base/file.h"

int input_read(struct buf *out, const char *path, size_t max, struct muster_err *err)
{
	uint8_t part[4096];
	ssize_t n;

	if (strcmp(path, "-") != 0)
		return file_read(out, path, max, err);
	while ((n = read(STDIN_FILENO, part, sizeof part)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "cannot read standard input");
		buf_add(out, part, (size_t)n);
		if (out->failed)
			return err_set(err, MUSTER_E_LIMIT, "standard input is larger than %zu bytes", max);
	}
	return MUSTER_OK;
}
