/** What is sent to a host and what comes back: JSON made and read, nothing believed (docs/protocol.md sections 3, 4, 7). */
#ifndef CLIENT_ANSWER_H
#define CLIENT_ANSWER_H

#include <stdbool.h>
#include "core/client/http.h"
#include "core/trust/lease.h"
#include "core/trust/statement.h"

#define ANSWER_MAX 65536u             /**< bytes of an answer to activate or release (docs/protocol.md section 8) */
#define PRODUCTS_MAX (16u << 20)      /**< bytes of a product list */
#define INTERVAL_MIN 900u             /**< s: 15 min */
#define INTERVAL_MAX 2592000u         /**< s: 30 d */
#define INTERVAL_RETRY 7200u          /**< s: 2 h (facts.md section 1), until a host has said otherwise */

/** One question. */
struct question {
	char activation_id[37];
	uint8_t client_id[16], hardware_id[32], release_hash[32], nonce[32];
	const char *name;             /**< machine name; NULL or "": not sent */
	const char *lease;            /**< held; NULL: none */
	bool is_virtual;
	uint32_t license_status;
	int64_t minutes_left;
	int64_t now_ms;
	char key_kind;                /**< 0: no key is proved */
	uint32_t key_number;
	uint8_t key_proof[32];
	const json_t *facts;          /**< object; NULL or empty: not sent */
	uint32_t access_per;          /**< enum muster_access_per; with MUSTER_ACCESS_ANY and no version nothing is sent of it */
	const char *user, *version;   /**< NULL or "": not sent */
	bool no_queue;
};
/** Append the body of POST /v1/activate. MUSTER_E_NOMEM, MUSTER_E_INVALID (a name that is not UTF-8). */
int question_write(struct buf *out, const struct question *q, struct muster_err *err);
/** Append the body of POST /v1/release. */
int question_release(struct buf *out, const char *lease, const uint8_t secret[32], struct muster_err *err);

enum answer_kind { ANSWER_ACTIVATED, ANSWER_COUNTED, ANSWER_PENDING, ANSWER_RELEASED, ANSWER_REFUSED, ANSWER_QUEUED };

struct answer {
	enum answer_kind kind;
	long status;
	uint32_t code;                /**< 0 when activated or released */
	char product[64];             /**< name; "" unknown */
	uint8_t product_id[16];       /**< nil unknown */
	uint32_t count, minimum_count, rearm_max;
	uint32_t activation_s, renewal_s;  /**< told, clamped to INTERVAL_MIN … INTERVAL_MAX */
	uint32_t retry_after;         /**< s; 0 none */
	size_t lease_n, confirmation_n;    /**< activated: one of them is not 0 */
	char lease[TRUST_LEASE_MAX + 1];   /**< unverified */
	char confirmation[STATEMENT_CONFIRMATION_MAX + 1];   /**< unverified; of a counted product, for good */
	int64_t allowed, used, remaining;  /**< of a counted key; −1 unknown */
	bool telephone;                    /**< the host goes by digits read out over a telephone */
	uint32_t access_per, access_kind;  /**< enum muster_access_per and _kind; 0 not said */
	char version[64];                  /**< of the access licence; "" not said */
	bool has_seats;                    /**< a product of the seats model: */
	uint32_t seats;                    /**< how many there are */
	uint32_t position;                 /**< queued: 1 … */
	bool over;
	int64_t grace_s;                   /**< −1 not said */
	char text[600];               /**< refusal: code, title, detail and action; printable */
};

/**
 * Read an answer to activate or release.
 * @return MUSTER_OK; MUSTER_E_NETWORK when it is not one of this protocol, naming what is wrong with it; MUSTER_E_NOMEM.
 */
int answer_read(struct answer *out, const struct http_answer *a, struct muster_err *err);

/**
 * Read the answer of an issuer's service to POST /v1/counted/activate for one machine: as answer_read(), product and intervals left empty.
 * @param installation_id digits in groups, as asked about.
 */
int answer_read_counted(struct answer *out, const struct http_answer *a, const char *installation_id, struct muster_err *err);
/** The same of its text, as it comes in a file. */
int answer_find_confirmation(struct answer *out, struct muster_span text, const char *installation_id, struct muster_err *err);

#define QUEUE_MIN 30u                 /**< s: soonest and latest question of one who waits for a seat */
#define QUEUE_MAX 900u

/* answer_models.c: what the models access and seats add */
/** Set members `access` and `queue` of a question. MUSTER_E_NOMEM; MUSTER_E_INVALID: not UTF-8. */
int question_models(json_t *o, const struct question *q, struct muster_err *err);
/** Read what an answer, queued, granted or refused, says of them. What is not there stays as answer_read() has set it. MUSTER_E_NETWORK. */
int answer_models(struct answer *out, const json_t *o, struct muster_err *err);

/** A row of a product list. */
struct product_row {
	char id[37];                  /**< "": none */
	char model[16];               /**< "" not said */
	int64_t grace_s;              /**< of an access product; −1 not said */
};
/** Model and grace of a row. MUSTER_E_NETWORK. */
int product_row_models(struct product_row *out, const json_t *row, struct muster_err *err);

/** Find a product by @p name in the answer of GET /v1/products. @return MUSTER_OK; MUSTER_E_NOT_FOUND; MUSTER_E_REFUSED with the host's reason; MUSTER_E_NETWORK. */
int answer_find_product(struct product_row *out, const struct http_answer *a, const char *name, struct muster_err *err);

/** Copy as printable UTF-8: control characters (C0, DEL, C1) and malformed bytes become '?', so that a host cannot play with a terminal;
 * cut on a character boundary to @p room bytes, terminator included. */
void answer_printable(char *out, size_t room, const char *text);

#endif
