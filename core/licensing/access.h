/**
 * The access model: licences per device and per user, by version (facts.md section 7). Pure decisions: time and randomness are given, nothing is stored.
 *
 * A licence of one version serves hosts of that version and of older ones; a licence server gives out versions up to its own. The caller lays out one line a
 * version with what there is, what is given out and what the asker holds; the decision changes the asker's part of the lines and says what became of each.
 */
#ifndef LICENSING_ACCESS_H
#define LICENSING_ACCESS_H

#include <stdbool.h>
#include <muster/plugin.h>

#define ACCESS_NEVER INT64_MAX

enum access_held {
	ACCESS_NONE,
	ACCESS_TEMPORARY,   /**< device: out of no number */
	ACCESS_PERMANENT,   /**< device */
	ACCESS_ENDED,       /**< device: holds none now, and had one */
	ACCESS_ASSIGNED,    /**< user */
	ACCESS_KEPT         /**< user: what was shown is over, and it may not be given to another yet */
};
enum access_change { ACCESS_LEAVE, ACCESS_PUT, ACCESS_DROP };

/** One version, and what the asker holds of it. */
struct access_line {
	uint32_t generation;
	uint64_t licenses;          /**< there are */
	uint64_t out;               /**< given out of these; what is beyond them is not among them */
	/* the asker's; changed by the decision */
	enum access_held held;
	bool over;                  /**< beyond what there is */
	bool taken;                 /**< ACCESS_ENDED: taken back by an administrator, nothing new until `until` */
	int64_t since, until;       /**< ms */
	enum access_change change;
};

struct access_input {
	struct access_line *lines; size_t n;       /**< rising by generation; `wanted` among them; also versions that are no more */
	uint32_t wanted;                           /**< generation of the host that is signed in to; at most `server` */
	uint32_t server;                           /**< newest generation the licence server gives out */
	uint64_t kept;                             /**< of what is free, so many are kept for others */
	const struct muster_access_rules *rules;
	bool advise;                               /**< per device: beyond the number rather than nothing */
	int64_t now;                               /**< ms */
	uint64_t random;
};

struct access_verdict {
	uint32_t code;              /**< CODE_OK, CODE_M_NO_LICENSE, CODE_M_RESERVED, CODE_M_TAKEN_BACK */
	enum access_held kind;      /**< what serves: ACCESS_TEMPORARY, ACCESS_PERMANENT, ACCESS_ASSIGNED */
	uint32_t generation;
	int64_t until;              /**< ms: when it ends; with CODE_M_TAKEN_BACK: when something new may be given */
	bool over;
	bool fresh;                 /**< beyond what there is since this decision */
};

/** A sign-in from a device. */
void access_decide_device(struct access_verdict *out, const struct access_input *in);
/** A sign-in of a user: always granted, beyond what there is if need be. */
void access_decide_user(struct access_verdict *out, const struct access_input *in);

/** What a row becomes whose time is over; nothing otherwise. @p reassign_s muster_access_rules.user_reassign_s. */
void access_settle(struct access_line *l, uint32_t reassign_s, int64_t now);
/** Licences of a line that nobody has; 0 also when more are out than there are. */
uint64_t access_free(const struct access_line *l);
/** The smallest version from @p wanted on that has a licence free for the asker; NULL: none. */
struct access_line *access_pick(const struct access_input *in);
/** How many more device licences of a version may be taken back: rounded down, @p revoked those whose time is not over. */
uint64_t access_revocable(uint64_t licenses, uint64_t revoked, uint32_t percent);
/** Milliseconds of a permanent licence: permanent_min_s … permanent_max_s, seconds. */
int64_t access_permanent_ms(const struct muster_access_rules *rules, uint64_t random);

#endif
