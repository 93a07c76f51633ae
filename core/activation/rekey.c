/* The host's key file: finding it, and another one in its place. */
#include "core/activation/rest.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"

#define CREDENTIAL "muster-host-key"
#define KEY_FILE "secret/host-key"

/* The configured one, else a credential, else one of our own. */
static int find_path(struct activation *a, struct muster_err *err)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	char *path;

	if (a->key_path != NULL)
		return MUSTER_OK;
	if (credentials != NULL && credentials[0] == '/') {
		if ((path = file_join(credentials, CREDENTIAL)) == NULL)
			return err_nomem(err);
		if (access(path, F_OK) == 0) {
			a->key_path = path;
			return MUSTER_OK;
		}
		mem_free(path);
	}
	return (a->key_path = file_join(a->dir, KEY_FILE)) != NULL ? MUSTER_OK : err_nomem(err);
}

int rest_open(struct activation *a, struct muster_err *err)
{
	int r;

	if ((r = find_path(a, err)) != MUSTER_OK)
		return r;
	return seal_open_file(&a->seal, a->key_path, true, err);
}

void rest_free(struct activation *a)
{
	seal_free(a->seal);
}
