#include "core/trust/server_id.h"

#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/trust/damm.h"
#include "core/trust/openssl.h"
#include "core/trust/typed.h"

#define PAYLOAD (SERVER_ID_GROUP - 1)
#define DIGITS (SERVER_ID_GROUPS * SERVER_ID_GROUP)
#define NUMBER 12                       /* bytes of the number: 93 bits, and 28 digits fit */
#define TAG_BITS 5

#define refuse(err, ...) (void)err_code(err, MUSTER_E_INVALID, (uint32_t)CODE_OFFLINE_DATA, __VA_ARGS__)

/* Groups count from 0 here. */
static bool right_at(unsigned group, const uint8_t d[SERVER_ID_GROUP])
{
	return damm_check((uint8_t)group, d, PAYLOAD) == d[PAYLOAD];
}

bool server_id_group_right(unsigned group, const char five[SERVER_ID_GROUP])
{
	uint8_t d[SERVER_ID_GROUP];

	if (group < 1 || group > SERVER_ID_GROUPS)
		return false;
	for (size_t i = 0; i < SERVER_ID_GROUP; i++) {
		if (five[i] < '0' || five[i] > '9')
			return false;
		d[i] = (uint8_t)(five[i] - '0');
	}
	return right_at(group - 1, d);
}

static int tag_of(uint8_t *tag, const uint8_t prk[PRODUCT_KEY_PRK], uint8_t generation, uint8_t attempt, const uint8_t binding[BINDING_SIZE], struct muster_err *err)
{
	uint8_t key[32], text[2 + BINDING_SIZE], mac[32] = { 0 };
	unsigned len = 0;
	int r;

	*tag = 0;
	text[0] = generation;
	text[1] = attempt;
	memcpy(text + 2, binding, BINDING_SIZE);
	if ((r = product_key_expand(key, sizeof(key), prk, "muster server id v1", span_of(NULL, 0), err)) != MUSTER_OK)
		return r;
	if (HMAC(EVP_sha256(), key, sizeof(key), text, sizeof(text), mac, &len) == NULL || len != sizeof(mac))
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot make the tag of a licence server ID");
	else
		*tag = mac[0] >> (8 - TAG_BITS);
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(mac, sizeof(mac));
	return r;
}

int server_id_make(struct server_id *out, const uint8_t prk[PRODUCT_KEY_PRK], uint8_t generation, uint8_t attempt, const uint8_t binding[BINDING_SIZE], struct muster_err *err)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->binding, binding, BINDING_SIZE);
	out->attempt = attempt;
	return tag_of(&out->tag, prk, generation, attempt, binding, err);
}

bool server_id_fits(const struct server_id *id, const uint8_t prk[PRODUCT_KEY_PRK], uint8_t generation)
{
	uint8_t tag;

	return tag_of(&tag, prk, generation, id->attempt, id->binding, NULL) == MUSTER_OK && tag == id->tag;
}

void server_id_format(char out[SERVER_ID_TEXT], const struct server_id *id, char separator)
{
	uint8_t left[NUMBER], d[SERVER_ID_GROUPS * PAYLOAD];
	unsigned rest;

	/* 80 + 8 + 5 bits, right-aligned: the tag is the low five */
	memset(left, 0, sizeof(left));
	for (size_t i = 0; i < BINDING_SIZE; i++) {
		left[i] |= id->binding[i] >> 3;
		left[i + 1] |= (uint8_t)(id->binding[i] << 5);
	}
	left[10] |= id->attempt >> 3;
	left[11] = (uint8_t)(id->attempt << 5 | id->tag);
	for (size_t i = sizeof(d); i > 0; i--) {
		rest = 0;
		for (size_t k = 0; k < NUMBER; k++) {
			rest = rest << 8 | left[k];
			left[k] = (uint8_t)(rest / 10);
			rest %= 10;
		}
		d[i - 1] = (uint8_t)rest;
	}
	for (unsigned g = 0; g < SERVER_ID_GROUPS; g++) {
		if (g > 0)
			*out++ = separator;
		for (size_t i = 0; i < PAYLOAD; i++)
			*out++ = (char)('0' + d[g * PAYLOAD + i]);
		*out++ = (char)('0' + damm_check((uint8_t)g, d + (size_t)g * PAYLOAD, PAYLOAD));
	}
	*out = '\0';
}

/* ---- what is typed ---- */

struct typed { uint8_t d[SERVER_ID_GROUPS][SERVER_ID_GROUP]; size_t digits; };

static int say(struct digits_fault *fault, const struct typed *t, enum digits_wrong wrong, unsigned group, unsigned other)
{
	if (fault != NULL)
		*fault = (struct digits_fault){ wrong, group, other, t->digits };
	return MUSTER_E_INVALID;
}

static int read_typed(struct typed *t, const char *text, size_t n, struct digits_fault *fault, struct muster_err *err)
{
	size_t skip;

	memset(t, 0, sizeof(*t));
	for (size_t i = 0; i < n; i += skip) {
		unsigned group = t->digits / SERVER_ID_GROUP < SERVER_ID_GROUPS ? (unsigned)(t->digits / SERVER_ID_GROUP) + 1 : 0;

		if ((skip = typed_separator(text + i, n - i)) > 0)
			continue;
		if (text[i] < '0' || text[i] > '9') {
			if (group > 0)
				refuse(err, "The licence server ID is mistyped: a character in group %u is no digit.", group);
			else
				refuse(err, "The licence server ID is mistyped: a character behind the last group is no digit.");
			return say(fault, t, DIGITS_FOREIGN, group, 0);
		}
		if (t->digits < DIGITS)
			t->d[t->digits / SERVER_ID_GROUP][t->digits % SERVER_ID_GROUP] = (uint8_t)(text[i] - '0');
		t->digits++;
		skip = 1;
	}
	return MUSTER_OK;
}

static int say_count(const struct typed *t, const char *text, size_t n, struct digits_fault *fault, struct muster_err *err)
{
	struct installation_id iid;
	struct confirmation_id cid;
	bool is_iid = installation_id_parse(&iid, text, n, NULL, NULL) == MUSTER_OK, is_cid = !is_iid && confirmation_id_parse(&cid, text, n, NULL, NULL) == MUSTER_OK;

	OPENSSL_cleanse(&cid, sizeof(cid));
	if (is_iid || is_cid) {
		refuse(err, "This is %s; a licence server ID with its %d groups is asked for here.", is_iid ? "an Installation ID" : "a Confirmation ID", SERVER_ID_GROUPS);
		return say(fault, t, DIGITS_OTHER_KIND, 0, 0);
	}
	refuse(err, "The licence server ID is mistyped: it has %zu digits instead of %d, in %d groups of five.", t->digits, DIGITS, SERVER_ID_GROUPS);
	return say(fault, t, DIGITS_COUNT, 0, 0);
}

static int check_groups(const struct typed *t, struct digits_fault *fault, struct muster_err *err)
{
	unsigned wrong[SERVER_ID_GROUPS], count = 0;
	char list[SERVER_ID_GROUPS * 4 + 8] = "";
	size_t used = 0;

	for (unsigned g = 0; g < SERVER_ID_GROUPS; g++)
		if (!right_at(g, t->d[g]))
			wrong[count++] = g;
	if (count == 0)
		return MUSTER_OK;
	if (count == 2 && right_at(wrong[0], t->d[wrong[1]]) && right_at(wrong[1], t->d[wrong[0]])) {
		refuse(err, "The licence server ID is mistyped: groups %u and %u seem to be swapped.", wrong[0] + 1, wrong[1] + 1);
		return say(fault, t, DIGITS_SWAPPED, wrong[0] + 1, wrong[1] + 1);
	}
	for (unsigned i = 0; i < count; i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%u", i == 0 ? "" : i + 1 == count ? " and " : ", ", wrong[i] + 1);
	refuse(err, "The licence server ID is mistyped: %s %s %s wrong.", count == 1 ? "group" : "groups", list, count == 1 ? "is" : "are");
	return say(fault, t, DIGITS_MISTYPED, wrong[0] + 1, 0);
}

/* 28 digits have at most 94 bits: they fit the 96. */
static void number_of(uint8_t bytes[NUMBER], const struct typed *t)
{
	memset(bytes, 0, NUMBER);
	for (unsigned g = 0; g < SERVER_ID_GROUPS; g++)
		for (size_t i = 0; i < PAYLOAD; i++) {
			unsigned carry = t->d[g][i];

			for (size_t k = NUMBER; k > 0; k--) {
				carry += bytes[k - 1] * 10U;
				bytes[k - 1] = (uint8_t)carry;
				carry >>= 8;
			}
		}
}

int server_id_parse(struct server_id *out, const char *text, size_t n, struct digits_fault *fault, struct muster_err *err)
{
	uint8_t number[NUMBER];
	struct typed t;
	int r;

	memset(out, 0, sizeof(*out));
	if ((r = read_typed(&t, text, n, fault, err)) != MUSTER_OK)
		return r;
	if (t.digits != DIGITS)
		return say_count(&t, text, n, fault, err);
	if ((r = check_groups(&t, fault, err)) != MUSTER_OK)
		return r;
	number_of(number, &t);
	if (number[0] >> 5 != 0) {
		refuse(err, "These digits are not a licence server ID: the number is too large.");
		return say(fault, &t, DIGITS_RANGE, 0, 0);
	}
	for (size_t i = 0; i < BINDING_SIZE; i++)
		out->binding[i] = (uint8_t)(number[i] << 3 | number[i + 1] >> 5);
	out->attempt = (uint8_t)(number[10] << 3 | number[11] >> 5);
	out->tag = number[11] & 0x1f;
	if (fault != NULL)
		*fault = (struct digits_fault){ DIGITS_RIGHT, 0, 0, t.digits };
	return MUSTER_OK;
}
