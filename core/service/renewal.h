/** The hourly look at the host's certificates: which end soon without a successor (trust.md section 1). */
#ifndef SERVICE_RENEWAL_H
#define SERVICE_RENEWAL_H

#include "core/service/state.h"

/** Log event 12292 for every product whose certificate is ending or has ended. @return how many. */
unsigned renewal_check(struct service *s);

#endif
