/** Who listens on a TCP port, as far as /proc tells (proc(5)). */
#ifndef SERVICE_HOLDER_H
#define SERVICE_HOLDER_H

#include <stddef.h>
#include <stdint.h>

/** "musterd (process 4711)", or "another process" when it cannot be found out. */
void holder_of_port(char *out, size_t room, uint16_t port);

#endif
