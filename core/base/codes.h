/** Codes for people: published ones (facts.md section 4) and Muster's own M-nnn. One table; numbers are never reused. */
#ifndef BASE_CODES_H
#define BASE_CODES_H

#include <stddef.h>
#include <stdint.h>

/** Published codes are their 32-bit value; M-nnn is nnn (1 … 999). 0: success. */
enum code {
	CODE_OK = 0,
	/* published */
	CODE_COUNT_LOW = (int)0xC004F038,        /**< count insufficient: counted, not activated */
	CODE_NO_ANSWER = (int)0xC004F039,
	CODE_HOST_NOT_ACTIVATED = (int)0xC004F041,
	CODE_UNSUPPORTED_PRODUCT = (int)0xC004F042,
	CODE_KEY_INVALID = (int)0xC004F050,
	CODE_KEY_BLOCKED = (int)0xC004F051,
	CODE_OFFLINE_DATA = (int)0xC004F02C,
	CODE_NO_KEY = (int)0xC004F014,
	CODE_NO_LICENSE = (int)0xC004F015,
	CODE_TIMESTAMP = (int)0xC004F06C,
	CODE_NO_HOST = (int)0xC004F074,
	CODE_GRACE_EXPIRED = (int)0xC004F009,
	CODE_HARDWARE = (int)0xC004F00F,
	CODE_SERVER_KEY_BLOCKED = (int)0xC004C003,
	CODE_HOST_KEY_LIMIT = (int)0xC004C008,
	CODE_MAK_LIMIT = (int)0xC004C020,
	CODE_MAK_EXTENSION_LIMIT = (int)0xC004C021,
	/* Muster's own */
	CODE_M_BODY = 101,          /**< request body is not JSON or not an object */
	CODE_M_FIELD = 102,         /**< a field is missing, of the wrong type or out of range; the detail names it */
	CODE_M_CONTENT_TYPE = 103,
	CODE_M_TOO_LARGE = 104,
	CODE_M_NO_PATH = 105,
	CODE_M_METHOD = 106,
	CODE_M_RATE_ADDRESS = 107,  /**< too many requests from this address */
	CODE_M_RATE_NEW = 108,      /**< too many new client IDs from this address or in this pool */
	CODE_M_OVERLOAD = 109,      /**< queue full or too old: 503, Retry-After */
	CODE_M_STORAGE = 110,       /**< commit failed or disk nearly full */
	CODE_M_STOPPING = 111,
	CODE_M_DUPLICATE = 112,     /**< client ID belongs to other hardware: take a new identity */
	CODE_M_MODEL = 113,         /**< the product's licensing model is not served by this host yet */
	CODE_M_REFUSED_PRODUCT = 114, /**< a product that is listed and never served; detail carries the plugin's sentence */
	CODE_M_LEASE = 115,         /**< the lease presented does not verify */
	CODE_M_RELEASE = 116,       /**< release secret does not match */
	CODE_M_NOT_FOUND = 117,
	CODE_M_DEADLINE = 118,
	CODE_M_ROLE = 119,          /**< admin API: role too small; detail names the smallest */
	CODE_M_SETTING = 120,       /**< admin API: unknown setting, or value out of range */
	CODE_M_ARGUMENT = 121,      /**< admin API: bad argument */
	CODE_M_INTERNAL = 122,
	CODE_M_KEY_IN_CLEAR = 123,  /**< a whole product key was sent over an unprotected connection */
	CODE_M_NETWORK = 124,       /**< the address is not in the listener's networks */
	CODE_M_PLUGIN = 125,        /**< the plugin refused the request, or is switched off */
	CODE_M_BUSY = 126,          /**< admin API: another operation of this kind is running */
	CODE_M_PENDING = 127,       /**< counted keys: recorded, the issuer has not answered yet */
	CODE_M_AUDIT = 128,         /**< the record of acts was cut or changed, or nothing was written for more than a day */
	CODE_M_KEY_EXISTS = 130,   /**< another key of this product version is installed: ask whether to replace it */
	CODE_M_PACK_OLDER = 131,   /**< a later issue of the licence pack is installed */
	CODE_M_PACK_FOREIGN = 132, /**< a genuine licence pack for another host, or of an issuer that may not license its products */
	CODE_M_CONFIRMATION_USED = 133, /**< a Confirmation ID that this host has used before */
	CODE_M_CONFIRMATION_PRODUCT = 134, /**< a Confirmation ID for another product of this host */
	CODE_M_CONFIRMATION_OTHER = 135, /**< a Confirmation ID that no Installation ID of this host fits */
	CODE_M_WHICH_KEY = 136,    /**< several installed keys can be meant; the detail lists them */
	CODE_M_KEY_FOREIGN = 137,  /**< a well-formed product key of another product, version or organisation */
	CODE_M_ATTEMPTS = 138,     /**< all Installation IDs of a key and pack were used */
	CODE_M_PACK = 139,         /**< a licence pack that does not verify */
	CODE_M_FACTS = 140,         /**< counted keys: a prerequisite is not reported in machine.facts */
	CODE_M_EARLIER_YEAR = 141,  /**< counted keys: an earlier year of the programme is not confirmed for this machine */
	CODE_M_ISSUER_ADDRESS = 142,/**< the configuration names no address of the issuer's service */
	CODE_M_ISSUER_AWAY = 143,   /**< the issuer's service cannot be reached, or its answer cannot be used */
	CODE_M_ANSWER = 144,        /**< an answer to something that was not asked, or asked otherwise */
	CODE_M_NO_LICENSE = 145,    /**< access: no licence of a version that fits is free */
	CODE_M_VERSION = 146,       /**< access: the version asked for is unknown, or newer than this licence server */
	CODE_M_PERPETUAL = 147,     /**< client: a perpetual activation cannot be given back */
	CODE_M_PER = 148,           /**< access: not licensed per device, or not per user; or the user is not named */
	CODE_M_QUEUED = 149,        /**< seats: all taken; the place in the queue is kept while the client goes on asking */
	CODE_M_SEATS = 150,         /**< seats: all taken, and the queue is full or not wanted */
	CODE_M_ALLOW = 151,         /**< the product's allow-list does not name this machine */
	CODE_M_RESERVED = 152,      /**< what is free is reserved for others */
	CODE_M_TAKEN_BACK = 153,    /**< an administrator took the seat or licence back */
	CODE_M_KEPT = 154,          /**< access: goes back when it ends; a machine cannot return it */
	CODE_M_COVERAGE = 155,      /**< issuer: the key's coverage has not begun; the detail has the date */
	CODE_M_RESTORE = 156,       /**< issuer: the books are behind confirmations.log: restore first */
	CODE_M_GENERATION = 157,    /**< issuer: the Installation ID belongs to a licence pack that is not the newest */
	CODE_M_SLOTS = 158,         /**< issuer: the newest licence pack has no activation slot left */
	CODE_M_WRONG_TAGS = 159,    /**< issuer: too many Installation IDs today that this key did not make */
	CODE_M_BATCH = 160,         /**< issuer: the batch's ID was used for another request */
	CODE_M_RETIRED = 161,       /**< the host was retired by `state export --retire`: it grants nothing any more, for good */
	CODE_M_STATE_FILE = 162,    /**< admin API: a state file that was cut or changed, is another's, or does not fit this host */
	CODE_M_MOVING = 163,        /**< the host is being moved: nothing is granted while its state is written out */
	CODE_M_LOW_WATER = 164,     /**< doctor: a count is below the administrator's own mark, or will sink below the minimum */
	CODE_M_SETUP_KEY = 165      /**< doctor: the setup key of a product is not noted in the catalogue */
};

struct code_info {
	uint32_t code;
	uint16_t http;       /**< status of the answer that carries it; 0 never sent */
	const char *name;    /**< "0xC004F038" or "M-101" */
	const char *title;   /**< a few words */
	const char *meaning; /**< a sentence or two, plain words */
	const char *action;  /**< what to do next */
};

const struct code_info *code_find(uint32_t code);                    /**< NULL when unknown */
const struct code_info *code_find_name(const char *text, size_t n);  /**< "0xC004F038", "C004F038", "F038", "M-101", "m101", "101", "0xA0000065" */
const struct code_info *code_table(size_t *count);
/** "0xC004F038" or "M-101" for any value. */
void code_name(char out[16], uint32_t code);
/** As an HRESULT, which events 12288 to 12290 begin with: success as 0x0, a published one as it is, M-101 as 0xA0000065 (severity error, customer's own, its number). */
void code_name_hresult(char out[16], uint32_t code);

#endif
