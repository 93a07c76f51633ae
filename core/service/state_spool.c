/*
 * Taking a state file over: it is spooled, and looked through to its last line before anything changes; then it is read again and merged in transactions.
 *
 * Each of those may be repeated: what a host contributed is told by its instance and the events' sequence, of everything else the newest is taken. The ledger's mark of
 * how much of that instance is here moves with the last one, so an import that was killed is simply done again (trust.md section 11).
 */
#include "core/service/moving_import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/service/admin.h"

void import_free(struct state_import *x)
{
	if (x == NULL)
		return;
	if (x->spool != NULL)
		(void)fclose(x->spool);
	state_head_fini(&x->head);
	json_decref(x->end);
	json_decref(x->claims);
	json_decref(x->notes);
	seal_free(x->seal);
	mem_free(x->target);
	mem_free(x->line);
	mem_free(x);
}

void import_note(struct state_import *x, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (json_array_size(x->notes) >= IMPORT_NOTES_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	(void)json_array_append_new(x->notes, admin_json_text(text));
}

/* ---- the spool ---- */

/* A file without a name: it is gone with the process, however that ends. */
static FILE *spool_open(const char *dir, struct muster_err *err)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	FILE *f;

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
		char *path = mem_printf("%s/import-XXXXXX", dir);

		if (path != NULL && (fd = mkostemp(path, O_CLOEXEC)) >= 0)
			(void)unlink(path);
		mem_free(path);
	}
	if (fd < 0 || (f = fdopen(fd, "w+")) == NULL) {
		err_errno(err, errno, "cannot make a file in %s", dir);
		if (fd >= 0)
			(void)close(fd);
		return NULL;
	}
	return f;
}

static int room_for(struct service *s, int64_t size, struct muster_err *err)
{
	struct ledger_status l;

	ledger_status(s->ledger, &l);
	/* The spool, and the rows that come of it. */
	if (l.disk_floor > 0 && l.disk_free < l.disk_floor + 2 * (uint64_t)size)
		return err_code(err, MUSTER_E_LIMIT, CODE_M_STORAGE, "the file has %lld bytes, and twice that must be free beside the %llu that stay free (min_free); %llu are", (long long)size,
		                (unsigned long long)l.disk_floor, (unsigned long long)l.disk_free);
	return MUSTER_OK;
}

int import_begin(struct service *s, const char *actor, int64_t size, json_t **out, struct muster_err *err)
{
	struct state_import *x = s->moving->in;
	struct snapshot *snap = service_snapshot(s);
	char text[256];
	uint8_t id[16];
	int r = MUSTER_OK;

	if (x != NULL && moving_steady_ms() - x->touched < MOVING_IDLE_MS) {
		r = err_code(err, MUSTER_E_BUSY, CODE_M_BUSY, "another state file is being taken over, begun by %s; it is given up when it is left alone for a minute", x->actor);
		goto done;
	}
	import_free(x);
	s->moving->in = NULL;
	if (ledger_moving(s->ledger, text, sizeof text) == CODE_M_RETIRED) {
		r = err_code(err, MUSTER_E_REFUSED, CODE_M_RETIRED, "%s; take the file over on a host with a new state folder", text);
		goto done;
	}
	if (ledger_moving(s->ledger, text, sizeof text) == CODE_M_MOVING) {
		r = err_code(err, MUSTER_E_BUSY, CODE_M_MOVING, "%s; what came now would be missing where it goes", text);
		goto done;
	}
	if (size < 1 || size > MOVING_FILE_MAX) {
		r = err_code(err, MUSTER_E_INVALID, CODE_M_STATE_FILE, size < 1 ? "the file is empty" : "the file is larger than any state file");
		goto done;
	}
	if ((r = room_for(s, size, err)) != MUSTER_OK)
		goto done;
	if ((x = mem_alloc(sizeof *x)) == NULL || (x->notes = json_array()) == NULL) {
		import_free(x);
		r = err_nomem(err);
		goto done;
	}
	if ((x->spool = spool_open(snap->config->host.state, err)) == NULL) {
		import_free(x);
		r = MUSTER_E_IO;
		goto done;
	}
	uuid_random(id);
	uuid_format(x->id, id);
	x->size = size;
	x->touched = moving_steady_ms();
	(void)snprintf(x->actor, sizeof x->actor, "%s", actor);
	s->moving->in = x;
	*out = json_pack("{s:s}", "import", x->id);
	r = *out != NULL ? MUSTER_OK : err_nomem(err);
done:
	snapshot_unref(snap);
	return r;
}

struct state_import *import_find(struct service *s, const char *id, struct muster_err *err)
{
	struct state_import *x = s->moving->in;

	if (x == NULL || strcmp(x->id, id) != 0) {
		err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "this import is not running any more: it was given up, or left alone for more than a minute");
		return NULL;
	}
	x->touched = moving_steady_ms();
	return x;
}

int import_data(struct service *s, const char *id, struct muster_span data, json_t **out, struct muster_err *err)
{
	struct state_import *x = import_find(s, id, err);

	if (x == NULL)
		return MUSTER_E_NOT_FOUND;
	if (x->got + (int64_t)data.n > x->size)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "more came than was announced");
	if (fwrite(data.p, 1, data.n, x->spool) != data.n)
		return err_errno(err, errno, "cannot keep the file");
	x->got += (int64_t)data.n;
	x->checked = false;
	*out = json_pack("{s:I}", "taken", (json_int_t)x->got);
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}

/* ---- reading it ---- */

int import_rewind(struct state_import *x, struct muster_err *err)
{
	x->line_number = 0;
	if (fflush(x->spool) != 0 || fseeko(x->spool, 0, SEEK_SET) != 0)
		return err_errno(err, errno, "cannot read the file again");
	return MUSTER_OK;
}

/* One line without its end. @param[out] ended it had one. @return MUSTER_OK; MUSTER_E_NOT_FOUND at the end of the file. */
int import_line(struct state_import *x, struct muster_span *out, bool *ended, struct muster_err *err)
{
	size_t n = 0;
	int c;

	*ended = false;
	while ((c = getc_unlocked(x->spool)) != EOF && c != '\n') {
		if (n == x->line_room) {
			size_t room = n == 0 ? 4096 : 2 * n;
			char *more = room <= 2 * STATE_LONG_LINE_MAX ? mem_grow(x->line, room, 1) : NULL;

			if (more == NULL)
				return room > 2 * STATE_LONG_LINE_MAX ? err_code(err, MUSTER_E_INVALID, CODE_M_STATE_FILE, "line %lld is longer than any line of a state file", (long long)x->line_number + 1)
				                                      : err_nomem(err);
			x->line = more;
			x->line_room = room;
		}
		x->line[n++] = (char)c;
	}
	if (c == EOF && ferror(x->spool))
		return err_errno(err, errno, "cannot read the file again");
	if (c == EOF && n == 0)
		return MUSTER_E_NOT_FOUND;
	*ended = c == '\n';
	*out = span_of(n > 0 ? x->line : "", n);
	x->line_number++;
	return MUSTER_OK;
}
