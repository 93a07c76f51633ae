/* Machines and events read from what existing tools export. */
#include "core/estate/internal.h"

#include "core/base/codes.h"
#include "core/base/err.h"

int observed_open(struct estate *e, struct muster_err *err)
{
	(void)e;
	(void)err;
	return MUSTER_OK;
}

void observed_free(struct estate *e)
{
	(void)e;
}

int observed_begin(struct estate *e, struct muster_err *err)
{
	(void)e;
	return err_code(err, MUSTER_E_REFUSED, CODE_M_ARGUMENT, "imports of events and machines are not served by this host yet");
}

int observed_record(struct estate *e, struct import_sum *sum, const json_t *record, bool is_event, struct muster_err *err)
{
	(void)e;
	(void)sum;
	(void)record;
	(void)is_event;
	return err_set(err, MUSTER_E_INTERNAL, "no import");
}

int observed_end(struct estate *e, struct import_sum *sum, bool commit, struct muster_err *err)
{
	(void)e;
	(void)sum;
	(void)commit;
	(void)err;
	return MUSTER_OK;
}

int observed_retention(struct estate *e, struct muster_err *err)
{
	(void)e;
	(void)err;
	return MUSTER_OK;
}

int observed_to_pools(struct estate *e, struct muster_err *err)
{
	(void)e;
	(void)err;
	return MUSTER_OK;
}

int estate_backup(struct estate *e, const char *dir, struct muster_err *err)
{
	(void)e;
	(void)dir;
	(void)err;
	return MUSTER_OK;
}
