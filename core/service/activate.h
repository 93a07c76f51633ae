/** The body of POST /v1/activate, read and checked (protocol.md section 3). Pure, for unit tests and the fuzzer. */
#ifndef SERVICE_ACTIVATE_H
#define SERVICE_ACTIVATE_H

#include <stdbool.h>
#include <muster/types.h>

#define ACTIVATE_LEASE_MAX 4096
#define ACTIVATE_USER_MAX 255    /**< bytes of access.user */
#define ACTIVATE_VERSION_MAX 63
#define ACTIVATE_KEY_MAX 64      /**< characters of a whole key, with what people put between */
#define FACTS_MAX 64           /**< members of machine.facts */
#define FACT_NAME_MAX 64       /**< bytes */
#define FACT_TEXT_MAX 256
#define FACTS_TEXT_MAX 4096    /**< of all of them, as compact JSON */

struct activate {
	uint8_t activation_id[16], client_id[16];
	bool has_hw, is_virtual, has_minutes, has_release, has_key;
	bool whole_key;                  /**< a string: somebody sent a whole product key */
	bool queue;                      /**< seats: would wait; true when not sent */
	uint32_t per;                    /**< access.per as MUSTER_PER_*; 0 not sent */
	char user[ACTIVATE_USER_MAX + 1], version[ACTIVATE_VERSION_MAX + 1];   /**< "" not sent */
	uint8_t hw[32];
	char name[256], os[65];
	uint8_t status;
	int32_t minutes;
	int64_t time;                    /**< ms */
	uint8_t nonce[64]; uint8_t nonce_len;
	uint8_t release[32];
	char key_kind; uint32_t key_number; uint8_t key_proof[32];
	char key_text[ACTIVATE_KEY_MAX + 1]; size_t key_text_n;   /**< the whole key, "" when longer than any is; a secret: activate_wipe() */
	char lease[ACTIVATE_LEASE_MAX + 1]; size_t lease_len;
	char facts[FACTS_TEXT_MAX + 1];  /**< machine.facts as compact JSON; "" none */
};

#define FIELD_MAX 64
/** What was wrong: the code, the member, a sentence. */
struct activate_fault { uint32_t code; char field[FIELD_MAX]; char detail[256]; };

/** @param body untrusted. @return MUSTER_OK, or MUSTER_E_INVALID with @p fault filled; whole_key is right in both cases. */
int activate_parse(struct activate *out, struct muster_span body, struct activate_fault *fault);
/** Wipe the whole key, where there is one. */
void activate_wipe(struct activate *a);

/** POST /v1/release. */
struct release_body { char lease[ACTIVATE_LEASE_MAX + 1]; size_t lease_len; uint8_t secret[32]; };
int release_parse(struct release_body *out, struct muster_span body, struct activate_fault *fault);

#endif
