/**
 * Installation media: the named files of a folder or of an ISO 9660 image, and nothing else of it.
 *
 * A medium is not trusted. No link on it is followed, only regular files are opened, and sizes, numbers, depth and time are limited. An image is
 * read by libarchive, its ISO 9660 part alone (with Joliet and Rock Ridge); what it is, its content says and not its name. Nothing is written or
 * unpacked. What files say, core/catalog/medium.h tells.
 */
#ifndef EXCHANGE_MEDIUM_H
#define EXCHANGE_MEDIUM_H

#include <stdbool.h>
#include "core/base/buf.h"
#include "core/base/clock.h"

struct exchange_limits {
	size_t file_max;           /**< bytes of one file: 1 MiB */
	size_t total_max;          /**< bytes of all files together: 4 MiB */
	unsigned entries_max;      /**< entries of folders that are looked through: 100,000 */
	unsigned depth_max;        /**< folders in each other: 32 */
	uint64_t image_max;        /**< bytes an image may claim: 64 GiB */
	uint64_t read_max;         /**< bytes of an image that are read at all: 64 MiB */
	int64_t time_ms;           /**< for all of it: 30 s */
};
extern const struct exchange_limits exchange_limits_default;

enum exchange_kind { EXCHANGE_FOLDER, EXCHANGE_IMAGE };

struct exchange_file {
	char *path;                /**< as spelled on the medium, '/' between folders */
	size_t wanted;             /**< which of the wanted paths it is */
	struct buf bytes;          /**< perhaps a secret */
};

/** What to do about `udf`. */
#define EXCHANGE_UDF_TOO "the image has a UDF file system too, which is not read here: mount it, and name the folder"

struct exchange_medium {
	enum exchange_kind kind;
	char name[256];            /**< of the folder or the image's file; control characters and what is not ASCII are '?' */
	char label[64];            /**< volume label; "" for folders */
	bool udf;                  /**< the image has a UDF file system too, which is not read: EXCHANGE_UDF_TOO */
	struct exchange_file *files; size_t file_count;
};

/**
 * Read those of the wanted files that are there.
 *
 * @param path    A folder or an image; a link given here is followed, for the administrator named it.
 * @param wanted  Relative paths with '/', compared without regard to case (ASCII). Borrowed.
 * @param[out] out Freed with exchange_medium_free(); NULL on failure. No file at all is no failure.
 * @return MUSTER_OK; MUSTER_E_NOT_FOUND, MUSTER_E_DENIED, MUSTER_E_IO; MUSTER_E_INVALID when @p path is no medium, or is built so that what setup
 *         would read cannot be told or lies outside; MUSTER_E_LIMIT; MUSTER_E_NOMEM. The message is a sentence for the administrator.
 */
int exchange_medium_read(struct exchange_medium **out, const char *path, const char *const *wanted, size_t wanted_count,
                         const struct exchange_limits *limits, const struct clock *clock, struct muster_err *err);
/** Wipes. */
void exchange_medium_free(struct exchange_medium *m);

#endif
