/** muster-issuer: the publisher's side. This part makes the issuer's keys and certifies hosts; packs and keys come with the books. */
#ifndef ISSUER_ISSUER_H
#define ISSUER_ISSUER_H

#include "core/base/clock.h"

/** Exit codes, documented in muster-issuer(1). */
enum issuer_exit { ISSUER_OK = 0, ISSUER_FAILED = 1, ISSUER_USAGE = 2 };

/** The program. @param clock borrowed; decides every date. @return enum issuer_exit. */
int issuer_main(int argc, char **argv, const struct clock *clock);

#endif
