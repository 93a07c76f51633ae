/* What the activation's thread does by itself, and how often. */
#include "core/activation/counted.h"
#include "core/activation/online.h"
#include "core/activation/rest.h"

const struct activation_job activation_jobs[] = {
	{ "audit", anchor_job },
	{ "crl", crl_job },
	{ "crl-fetch", crl_fetch_run },
	{ "renewal", renewal_run },
	{ "proxy", proxy_run },
	{ NULL, NULL }
};
