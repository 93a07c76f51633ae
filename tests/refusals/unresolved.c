/* A plugin that calls a function nobody has; linked without -z defs so that it can be built at all. */
#include <muster/plugin.h>

int muster_no_such_function(void);

static void stop(void *self)
{
	(void)self;
	(void)muster_no_such_function();
}

MUSTER_PLUGIN(unresolved) = { .magic = MUSTER_PLUGIN_MAGIC, .size = sizeof(struct muster_plugin), .name = "unresolved", .version = "1", .license = "MIT", .stop = stop };
