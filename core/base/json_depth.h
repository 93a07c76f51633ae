/** How deep JSON is nested, before it is parsed: the library allows 2,048 levels, our protocols 16. */
#ifndef BASE_JSON_DEPTH_H
#define BASE_JSON_DEPTH_H

#include <stdbool.h>
#include "core/base/buf.h"

#define JSON_DEPTH_MAX 16

/** More than JSON_DEPTH_MAX levels. Brackets inside strings do not count; what is no JSON is the parser's to refuse. */
bool json_too_deep(struct muster_span text);

#endif
