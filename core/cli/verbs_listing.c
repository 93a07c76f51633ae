/* dlv, dli, xpr */
#include <string.h>
#include <strings.h>

#include "core/base/err.h"
#include "core/base/uuid.h"
#include "core/cli/api.h"
#include "core/cli/listing.h"
#include "core/cli/verbs.h"

typedef void listing_fn(FILE *out, const json_t *item);

static int show(struct cli *c, listing_fn *print)
{
	struct muster_err err;
	json_t *answer = NULL;
	const json_t *item;
	char path[128] = "/admin/v1/listing", id[UUID_TEXT];
	uint8_t bytes[UUID_LEN];
	size_t i;
	int r = CLI_OK;

	if (c->arg_count == 1 && strcasecmp(c->args[0], "all") == 0) {
		snprintf(path, sizeof(path), "/admin/v1/listing?id=all");
	} else if (c->arg_count == 1) {
		if (uuid_parse(bytes, c->args[0], strlen(c->args[0])) != MUSTER_OK)
			return cli_say(c, CLI_USAGE, "\"%s\" is neither an activation ID nor \"all\"; `musterctl products` lists the IDs", c->args[0]);
		uuid_format(id, bytes);
		snprintf(path, sizeof(path), "/admin/v1/listing?id=%s", id);
	}
	if (api_get(c, path, &answer, &err) != MUSTER_OK) {
		if (err.result == MUSTER_E_NOT_FOUND && c->arg_count == 1) /* the words administrators know */
			return cli_say(c, CLI_FAILED, "Error: Activation ID (%s) not found.", c->args[0]);
		return cli_fail(c, &err);
	}
	if (json_text(answer, "retired")[0] != '\0')
		(void)cli_say(c, CLI_OK, "warning: M-161: %s", json_text(answer, "retired"));
	if (c->given[CLI_O_JSON]) {
		r = cli_print_json(c, answer);
	} else {
		json_array_foreach(json_object_get(answer, "items"), i, item) {
			if (i > 0)
				fputc('\n', c->out);
			print(c->out, item);
		}
		if (json_array_size(json_object_get(answer, "items")) == 0)
			r = cli_say(c, CLI_FAILED, "this host knows no product; `musterctl plugins` says why");
	}
	json_decref(answer);
	return r;
}

int verb_dlv(struct cli *c) { return show(c, listing_details); }
int verb_dli(struct cli *c) { return show(c, listing_summary); }
int verb_xpr(struct cli *c) { return show(c, listing_expiry); }
