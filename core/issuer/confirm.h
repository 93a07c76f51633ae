/**
 * Confirming: what the command line and the service do alike with an Installation ID (trust.md section 9).
 *
 * Read the ID, look up its key, verify its tag (wrong ones are counted: ten a day, then an operator's override), record in the books, and only then give
 * digits, a certificate for the host's own key, or a signed statement. Thread-safe: one lock around the books, signing outside of it.
 */
#ifndef ISSUER_CONFIRM_H
#define ISSUER_CONFIRM_H

#include <pthread.h>
#include "core/issuer/session.h"
#include "core/trust/digits.h"

#define CONFIRM_WRONG_TAGS 10          /**< of one key's number in a day */
#define CONFIRM_BATCH_MAX 10000        /**< Installation IDs in one request */

/** The session must have its secrets, intermediate and signer open; nobody else may use it meanwhile. */
struct confirmer {
	struct session *session;           /**< borrowed */
	pthread_mutex_t lock;              /**< its books */
	pthread_rwlock_t keys;             /**< its keys and certificates: written by confirm_refresh() only */
};
int confirm_open(struct confirmer *c, struct session *session, struct muster_err *err);
void confirm_close(struct confirmer *c);
/** For a service that runs for years: take a newer intermediate, or statement signer, into use. */
int confirm_refresh(struct confirmer *c, int64_t now, struct muster_err *err);

struct confirm_ask {
	const char *text; size_t n;        /**< the Installation ID as it came */
	enum books_method method;
	const char *name;                  /**< the host's; NULL */
	bool override;                     /**< an operator vouches for it in spite of wrong tags; act->reason says why */
	struct muster_span request;        /**< PKCS#10, PEM: certify the host's own key. Empty: digits (BOOKS_TELEPHONE), or a counted key's statement */
};
struct confirm_answer {
	struct installation_id id;
	struct digits_fault fault;         /**< what is wrong with the digits */
	struct books_key key;
	struct books_confirmation row;
	char digits[CONFIRMATION_TEXT];    /**< by telephone, groups with spaces */
	char *chain;                       /**< certified: PEM; owned */
	int64_t end;                       /**< when the activation ends; 0 never */
	struct buf statement;              /**< counted, not by telephone */
};
void confirm_answer_fini(struct confirm_answer *a);

/**
 * One Installation ID. @return MUSTER_OK; MUSTER_E_INVALID (0xC004F02C: digits, see a->fault; the request); MUSTER_E_MISMATCH (0xC004F02C: wrong tag);
 * MUSTER_E_REFUSED with its code (issuer_books.h; M-159 too many wrong tags); MUSTER_E_BUSY, MUSTER_E_IO, MUSTER_E_UNKNOWN … of the books.
 */
int confirm_one(struct confirmer *c, const struct confirm_ask *ask, struct confirm_answer *a, const struct books_act *act, struct muster_err *err);

/**
 * The Installation ID of a licence server, from programme, number and the 35 digits read out. @param[out] digits with it confirm_one() goes on.
 * MUSTER_E_INVALID (0xC004F02C: digits, see @p fault); MUSTER_E_REFUSED (0xC004F050: no key of this programme and number; M-157: an older licence pack; M-159);
 * MUSTER_E_MISMATCH (0xC004F02C): the digits were made with another key.
 */
int confirm_server(struct confirmer *c, const char *programme, const char *number, const char *text, size_t n, bool override, char digits[INSTALLATION_TEXT], struct digits_fault *fault,
                   const struct books_act *act, struct muster_err *err);

/** What became of one ID of a batch. */
struct confirm_result { const char *id; uint32_t code; char detail[MUSTER_ERR_MAX]; char *statement; /**< owned; NULL: refused */ };
/** Keys of a batch, for allowed and used. */
struct confirm_tally { uint32_t number, allowed, used; };
/** Counted keys: @p n IDs of any of this issuer's keys; each is confirmed or refused by itself. @param[out] tally new array of *keys; mem_free(). */
int confirm_counted(struct confirmer *c, struct confirm_result *results, size_t n, enum books_method method, struct confirm_tally **tally, size_t *keys, const struct books_act *act,
                    struct muster_err *err);

/** A certificate that follows the one of @p before (a verified chain of this issuer), for another key of the same host: counts nothing. */
int confirm_renew(struct confirmer *c, const struct trust_chain *before, struct muster_span request, struct confirm_answer *a, const struct books_act *act, struct muster_err *err);

#endif
