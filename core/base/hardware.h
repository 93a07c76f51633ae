/** What identifies this machine's hardware, and whether it is a virtual one (trust.md section 10). */
#ifndef BASE_HARDWARE_H
#define BASE_HARDWARE_H

#include <stdbool.h>
#include <muster/types.h>

/** Sources, in the order in which they are tried. */
enum hardware_source { HARDWARE_GIVEN = 0, HARDWARE_DMI = 1, HARDWARE_ADDRESS = 2, HARDWARE_MACHINE_ID = 3 };
#define HARDWARE_BEST UINT32_MAX
#define HARDWARE_VALUE 256

struct hardware {
	uint8_t source;              /**< enum hardware_source */
	char value[HARDWARE_VALUE];  /**< lower case text, terminated */
};

/**
 * Read one source.
 * @param root "" or, in tests, a folder that stands for /.
 * @return MUSTER_OK; MUSTER_E_NOT_FOUND when the source is absent, unreadable or known to be worthless, with why.
 */
int hardware_read(struct hardware *out, const char *root, enum hardware_source source, struct muster_err *err);

/**
 * The best source there is: @p wanted when it can be read, else 1, 2, 3 in this order.
 * @param wanted a source, or HARDWARE_BEST. @return MUSTER_OK; MUSTER_E_NOT_FOUND naming every source and why it failed.
 */
int hardware_find(struct hardware *out, const char *root, uint32_t wanted, struct muster_err *err);

bool hardware_is_virtual(const char *root);
const char *hardware_source_name(uint8_t source);

#endif
