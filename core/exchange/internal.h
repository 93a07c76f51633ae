/** Inside of core/exchange: one medium being read. */
#ifndef EXCHANGE_INTERNAL_H
#define EXCHANGE_INTERNAL_H

#include <sys/types.h>
#include "core/exchange/medium.h"

#define EXCHANGE_PATH_MAX 256   /* of a wanted file */
#define EXCHANGE_SHOWN 320      /* a name from the medium, fit to be shown */

struct reading {
	const char *path;          /* as given: begins every message */
	const char *const *wanted; size_t wanted_count;
	const struct exchange_limits *limits;
	const struct clock *clock;
	int64_t deadline;
	unsigned entries;
	size_t total;
	struct exchange_medium *medium;
	struct muster_err *err;
};

/** One more entry was seen. MUSTER_E_LIMIT: too many, or too late. */
int reading_step(struct reading *r);
int reading_in_time(struct reading *r);
/** Is there a file for this wanted path already? */
const struct exchange_file *reading_taken(const struct reading *r, size_t wanted);
/** Keep a file; takes @p bytes' contents, also on failure. */
int reading_take(struct reading *r, size_t wanted, const char *path, struct buf *bytes);
/** Check a size before it is read. */
int reading_size(struct reading *r, const char *path, uint64_t size);
int reading_twice(struct reading *r, const char *path, const char *other);
/** A name from the medium without control characters and whatever is not ASCII. @return out */
const char *reading_shown(char out[EXCHANGE_SHOWN], const char *name);

int folder_read(struct reading *r, int fd);
int image_read(struct reading *r, int fd, uint64_t size);

#endif
