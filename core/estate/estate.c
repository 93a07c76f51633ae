/* Opening and ending the estate's books; the catalog they refer to. */
#include "core/estate/internal.h"

#include "core/base/err.h"
