/**
 * The doctor: is this host well, and what is to be done if not. A table of checks, each a pure rule from facts to verdict, reason and remedy.
 *
 * doctor_gather() collects the facts with bounded work (no walk over clients or events; lists up to DOCTOR_LIST); the rules see nothing else, so every verdict has
 * a unit test. What is beyond this process — whether its port is reached — musterctl looks at by itself. Sources: facts.md sections 1, 4, 5, 9.
 */
#ifndef SERVICE_DOCTOR_H
#define SERVICE_DOCTOR_H

#include <jansson.h>
#include "core/base/verdict.h"
#include "core/service/state.h"

#define DOCTOR_TEXT 240
#define DOCTOR_LIST 1000        /* entries of one list that are looked at; what is beyond is said */
#define DOCTOR_NEVER UINT32_MAX

/** One product that this host serves. */
struct doctor_product {
	char name[MUSTER_NAME_MAX + 1];
	bool certified, revoked, moved;        /**< has a certificate that signs; it was revoked; the hardware is another */
	bool asked;                            /**< some machine has asked for it since the host lives */
	bool advise, counted;                  /**< policy = advise; of the threshold model */
	uint32_t count, cap, minimum, low_water;
	uint32_t silent, sinks_in, then;       /**< silent machines; days until fewer than the minimum are left, DOCTOR_NEVER; how many are left then */
};

enum doctor_end_kind { DOCTOR_CERTIFICATE, DOCTOR_PACK, DOCTOR_COVERAGE };
/** Something with an end. */
struct doctor_end { enum doctor_end_kind kind; char what[DOCTOR_TEXT]; int64_t ends_at; /**< s */ };

/** A key with an allowance; both known. */
struct doctor_use { char what[DOCTOR_TEXT]; int64_t allowed, used; bool host_key; };

/** Something found by others: a sentence and what to do. */
struct doctor_note { char text[DOCTOR_TEXT * 2], remedy[DOCTOR_TEXT]; bool old; /**< told, and no more than that */ };
struct doctor_notes { struct doctor_note *rows; size_t n; bool more; char failed[DOCTOR_TEXT]; /**< why there is no list; "" there is */ };

/** A count pool of a host whose exports were imported. */
struct doctor_pool { char host[DOCTOR_TEXT], product[MUSTER_NAME_MAX + 1], sinks_on[16]; int64_t count, minimum, then, silent; bool low; /**< too few already, as listed on `sinks_on` */ };

struct doctor_plugin { char name[MUSTER_NAME_MAX + 1], why[DOCTOR_TEXT]; bool off; /**< else refused */ };

struct doctor_facts {
	struct config_doctor set;
	int64_t now, began;                    /**< s; when this process began */
	struct doctor_product *products; size_t product_count;
	uint32_t served;                       /**< products that could be certified */
	struct doctor_end *ends; size_t end_count; char ends_failed[DOCTOR_TEXT];
	struct doctor_use *uses; size_t use_count; char uses_failed[DOCTOR_TEXT];
	struct doctor_pool *pools; size_t pool_count; char pools_failed[DOCTOR_TEXT];
	struct doctor_plugin *plugins; size_t plugin_count, plugins_loaded;
	struct doctor_notes duplicates, findings, setup_keys, debt, crls;
	uint32_t clones;
	bool clock_held; char clock_reason[256];
	int64_t last_request;                  /**< s; 0 none */
	int64_t last_commit;                   /**< s; 0 none */
	bool ready; char not_ready[DOCTOR_TEXT * 2];
	int64_t backlog; uint32_t queued;
	char audit_fault[DOCTOR_TEXT * 2]; int64_t audit_beat;   /**< s; 0 not told */
	uint64_t disk_free, disk_floor; bool disk_low;
	bool books_more;                       /**< the books hold more keys or products than DOCTOR_LIST: the rest was not looked at */
	uint32_t unknown_ids;                  /**< activation IDs that were asked for and are not known */
	bool exhausted;                        /**< memory was short while they were gathered */
};

/** What a rule says. */
struct doctor_finding { enum verdict verdict; char text[DOCTOR_TEXT * 2]; char remedy[DOCTOR_TEXT]; uint32_t code; /**< 0 none */ };
struct doctor_perf { char label[MUSTER_NAME_MAX + 32]; const char *unit; int64_t value; char warning[24], critical[24]; int64_t max; /**< -1 none */ };
struct doctor_result {
	struct doctor_finding *findings; size_t count; bool exhausted;
	struct doctor_perf *perf; size_t perf_count;
	char fine[DOCTOR_TEXT * 2];            /**< the reason when nothing was found */
};

/** One check. */
struct doctor_check {
	const char *name, *about;              /**< word; what it looks at, for the manual and `--help` */
	void (*rule)(const struct doctor_facts *f, struct doctor_result *out);
	const char *remedy;                    /**< where a finding has none of its own */
};
const struct doctor_check *doctor_checks(size_t *n);
const struct doctor_check *doctor_find(const char *name);

/** Run a rule. The caller ends with doctor_result_fini(). */
void doctor_run(struct doctor_result *out, const struct doctor_check *check, const struct doctor_facts *f);
enum verdict doctor_verdict(const struct doctor_result *r);
/** The worst findings in one line: three of them, and how many more. */
void doctor_reason(char out[1200], const struct doctor_result *r);
/** The worst finding's remedy, else the check's; "" when all is well. */
const char *doctor_remedy(const struct doctor_check *check, const struct doctor_result *r);
uint32_t doctor_code(const struct doctor_result *r);
void doctor_result_fini(struct doctor_result *r);

/* For rules. */
void doctor_say(struct doctor_result *r, enum verdict v, uint32_t code, const char *remedy, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void doctor_fine(struct doctor_result *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** @param warning, critical ranges as plugins have them, "" none. @param max -1 none. */
void doctor_measure(struct doctor_result *r, int64_t value, const char *unit, const char *warning, const char *critical, int64_t max, const char *label, ...) __attribute__((format(printf, 7, 8)));

struct admin_call;
/** Collect the facts, as the question's caller may see them; what cannot be had is said in them. @param[out] f ended with doctor_facts_fini(). @param names of checks,
 * "a,b": what only others look at may be left out. NULL: all. */
void doctor_gather(struct doctor_facts *f, struct admin_call *c, const char *names);
void doctor_facts_fini(struct doctor_facts *f);
/** One more row; the rest is as it was. @return false: memory is short, and f->exhausted says so. */
bool doctor_note(struct doctor_facts *f, struct doctor_notes *to, const char *text, const char *remedy);
struct doctor_end *doctor_end_add(struct doctor_facts *f, enum doctor_end_kind kind, int64_t ends_at);
struct doctor_use *doctor_use_add(struct doctor_facts *f);
/** What the estate's books and imports say (doctor_estate.c). */
void doctor_gather_estate(struct doctor_facts *f, struct admin_call *c, const char *names);
/** Is this check among the names? NULL: all are. */
bool doctor_named(const char *names, const char *check);

#endif
