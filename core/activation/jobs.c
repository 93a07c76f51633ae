/* What the activation's thread does by itself, and how often. */
#include "core/activation/internal.h"
#include "core/activation/rest.h"

const struct activation_job activation_jobs[] = {
	{ "audit", anchor_job },
	{ "crl", crl_job },
	{ NULL, NULL }
};
