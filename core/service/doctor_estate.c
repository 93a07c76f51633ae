/* What the estate's books and imports say, for the doctor's rules: a page of each list, never the whole of a large estate. */
#include "core/service/doctor.h"

#include "core/service/admin.h"

void doctor_gather_estate(struct doctor_facts *f, struct admin_call *c)
{
	(void)f;
	(void)c;
}
