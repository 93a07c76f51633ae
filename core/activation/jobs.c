/* What the activation's thread does by itself, and how often. */
#include "core/activation/internal.h"

const struct activation_job activation_jobs[] = {
	{ "crl", crl_job },
	{ NULL, NULL }
};
