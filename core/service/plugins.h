/** What the daemon keeps about its plugins: the page they are watched in, and the record of those that were switched off. */
#ifndef SERVICE_PLUGINS_H
#define SERVICE_PLUGINS_H

#include "core/service/state.h"

/** Something that happened to a plugin and waits for the record of acts; main thread. */
struct plugin_note { struct plugin_note *next; char plugin[MUSTER_NAME_MAX + 1]; char text[512]; };

/** Before any plugin is loaded: open the page in the state folder. One that cannot be opened is a warning; the host serves without it. */
void plugins_open(struct service *s, const char *state);
void plugins_close(struct service *s);
/** Main thread, now and then: put what happened into the record of acts. */
void plugins_serve(struct service *s);

#endif
