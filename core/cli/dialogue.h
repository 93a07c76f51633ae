/**
 * The telephone dialogue: an Installation ID is read out group by group, a Confirmation ID comes back and is checked group by group.
 *
 * A state machine without input or output: it is fed with lines and says what to print. It keeps nothing anywhere, so leaving it leaves nothing half-done.
 */
#ifndef CLI_DIALOGUE_H
#define CLI_DIALOGUE_H

#include <jansson.h>
#include "core/base/buf.h"
#include "core/trust/digits.h"

/** "Installation ID" or "licence server ID". */
struct dialogue;
const char *dialogue_name(const struct dialogue *d);

enum dialogue_phase {
	DIALOGUE_READ,     /**< groups are being read out */
	DIALOGUE_ENTER,    /**< groups are being typed */
	DIALOGUE_SUBMIT,   /**< all eight are right: the caller asks the host, then calls dialogue_refused() or is done */
	DIALOGUE_LEFT
};

struct dialogue {
	enum dialogue_phase phase;
	unsigned group;    /**< the one being read out or typed, from 1 */
	unsigned groups, size;   /**< of what is read out: an Installation ID (9 of 6 digits) or a licence server ID (7 of 5) */
	char installation[INSTALLATION_GROUPS][DIGITS_GROUP + 1];
	char confirmation[CONFIRMATION_GROUPS][DIGITS_GROUP + 1];   /**< "" not typed yet */
};

/** @param groups the host's nine groups of six digits, or a licence server's seven of five. MUSTER_E_INVALID: not that. @param read_out begin with reading out, otherwise with typing. */
int dialogue_begin(struct dialogue *d, const json_t *groups, bool read_out, struct buf *say, struct muster_err *err);
/** What to ask in the present phase, for one line. */
void dialogue_prompt(const struct dialogue *d, struct buf *prompt);
/** Take a line; @p say gets what to print. A line with several groups is taken group by group up to the first wrong one. */
void dialogue_feed(struct dialogue *d, const char *line, struct buf *say);
/** The host refused the digits: back to typing, at @p group when it named one (else 0). Groups typed stay, Enter keeps one. */
void dialogue_refused(struct dialogue *d, unsigned group, const char *why, struct buf *say);
/** The Confirmation ID in groups with a space between. */
void dialogue_digits(const struct dialogue *d, char out[CONFIRMATION_TEXT]);
/** Groups in rows of three with their numbers. */
void dialogue_groups(struct buf *out, const json_t *groups);

#endif
