#include "core/trust/digits.h"

#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/trust/damm.h"
#include "core/trust/hkdf.h"
#include "core/trust/lease.h"
#include "core/trust/openssl.h"
#include "core/trust/typed.h"

#define PAYLOAD (DIGITS_GROUP - 1)   /* digits of a group without its check */
#define GROUPS_MAX INSTALLATION_GROUPS
#define ID_VERSION 1
#define GENERATION_MAX 63
#define IID_BODY 16
#define IID_SIZE 19
#define CID_SIZE 17
#define TAG_BITS 22

#define refuse(err, ...) (void)err_code(err, MUSTER_E_INVALID, (uint32_t)CODE_OFFLINE_DATA, __VA_ARGS__)

static const struct layout { const char *name, *article; unsigned groups; size_t size; unsigned spare; } layouts[] = {
	[DIGITS_INSTALLATION] = { "Installation ID", "an", INSTALLATION_GROUPS, IID_SIZE, 3 },
	[DIGITS_CONFIRMATION] = { "Confirmation ID", "a", CONFIRMATION_GROUPS, CID_SIZE, 4 }
};

/* Groups count from 0 here. The start depends on the place, so a group that moved is wrong at its new place. */
static uint8_t start_of(enum digits_kind kind, unsigned group)
{
	return (uint8_t)(kind == DIGITS_INSTALLATION ? group : 9 - group);
}

static uint8_t check_digit(enum digits_kind kind, unsigned group, const uint8_t d[PAYLOAD])
{
	return damm_check(start_of(kind, group), d, PAYLOAD);
}

static bool right_at(enum digits_kind kind, unsigned group, const uint8_t d[DIGITS_GROUP])
{
	return check_digit(kind, group, d) == d[PAYLOAD];
}

bool digits_group_right(enum digits_kind kind, unsigned group, const char six[DIGITS_GROUP])
{
	uint8_t d[DIGITS_GROUP];

	if (group < 1 || group > layouts[kind].groups)
		return false;
	for (size_t i = 0; i < DIGITS_GROUP; i++) {
		if (six[i] < '0' || six[i] > '9')
			return false;
		d[i] = (uint8_t)(six[i] - '0');
	}
	return right_at(kind, group - 1, d);
}

/* --- numbers and bits --- */

/* Value of a run of bits, most significant first; at most 64. */
static uint64_t bits_get(const uint8_t *p, size_t at, unsigned count)
{
	uint64_t v = 0;

	for (; count > 0; count--, at++)
		v = v << 1 | (p[at / 8] >> (7 - at % 8) & 1);
	return v;
}

/* Bits are only set: what is there must be zero. */
static size_t bits_put(uint8_t *p, size_t at, uint64_t v, unsigned count)
{
	for (; count > 0; count--, at++)
		if ((v >> (count - 1) & 1) != 0)
			p[at / 8] |= (uint8_t)(0x80 >> at % 8);
	return at;
}

/* Big-endian bytes as groups: the decimal digits of the number, five by five, each with its check. */
static void format(char *out, enum digits_kind kind, const uint8_t *bytes, char separator)
{
	const struct layout *l = &layouts[kind];
	uint8_t left[IID_SIZE], d[GROUPS_MAX * PAYLOAD];
	unsigned rest;

	memcpy(left, bytes, l->size);
	for (size_t i = (size_t)l->groups * PAYLOAD; i > 0; i--) {
		rest = 0;
		for (size_t k = 0; k < l->size; k++) {
			rest = rest << 8 | left[k];
			left[k] = (uint8_t)(rest / 10);
			rest %= 10;
		}
		d[i - 1] = (uint8_t)rest;
	}
	for (unsigned g = 0; g < l->groups; g++) {
		if (g > 0)
			*out++ = separator;
		for (size_t i = 0; i < PAYLOAD; i++)
			*out++ = (char)('0' + d[g * PAYLOAD + i]);
		*out++ = (char)('0' + check_digit(kind, g, d + (size_t)g * PAYLOAD));
	}
	*out = '\0';
	OPENSSL_cleanse(left, sizeof(left));
	OPENSSL_cleanse(d, sizeof(d));
}

/* The number without the check digits. 45 digits fit 19 bytes, 40 fit 17: nothing is lost; whether a bit too many is set is the caller's question. */
static void number_of(uint8_t *bytes, const struct layout *l, uint8_t typed[][DIGITS_GROUP])
{
	unsigned carry;

	memset(bytes, 0, l->size);
	for (unsigned g = 0; g < l->groups; g++)
		for (size_t i = 0; i < PAYLOAD; i++) {
			carry = typed[g][i];
			for (size_t k = l->size; k > 0; k--) {
				carry += bytes[k - 1] * 10U;
				bytes[k - 1] = (uint8_t)carry;
				carry >>= 8;
			}
		}
}

/* --- what is typed --- */

struct typed {
	uint8_t d[GROUPS_MAX][DIGITS_GROUP];
	size_t digits;                      /* all there were, also beyond the room */
	unsigned runs, odd, odd_runs;       /* groups as separated; the last one without six digits, and how many of those */
};

static void run_ends(struct typed *t, size_t length)
{
	if (length == 0)
		return;
	t->runs++;
	if (length != DIGITS_GROUP) {
		t->odd = t->runs;
		t->odd_runs++;
	}
}

/* @return the offset of the first character that is no digit, space or dash; n: none. */
static size_t read_typed(struct typed *t, const char *text, size_t n)
{
	size_t i = 0, skip, run = 0;

	memset(t, 0, sizeof(*t));
	while (i < n) {
		if ((skip = typed_separator(text + i, n - i)) > 0) {
			run_ends(t, run);
			run = 0;
			i += skip;
			continue;
		}
		if (text[i] < '0' || text[i] > '9')
			return i;
		if (t->digits < sizeof(t->d))
			t->d[t->digits / DIGITS_GROUP][t->digits % DIGITS_GROUP] = (uint8_t)(text[i] - '0');
		t->digits++;
		run++;
		i++;
	}
	run_ends(t, run);
	return n;
}

/* Numbers of the groups that are wrong at their place, from 0. */
static unsigned wrong_groups(unsigned wrong[GROUPS_MAX], enum digits_kind kind, const struct typed *t)
{
	unsigned count = 0;

	for (unsigned g = 0; g < layouts[kind].groups; g++)
		if (!right_at(kind, g, t->d[g]))
			wrong[count++] = g;
	return count;
}

/* "2", "2 and 5", "2, 3 and 5" */
static void list_groups(char *out, size_t room, const unsigned *groups, unsigned count)
{
	size_t n = 0;

	for (unsigned i = 0; i < count && n < room; i++)
		n += (size_t)snprintf(out + n, room - n, "%s%u", i == 0 ? "" : i + 1 == count ? " and " : ", ", groups[i] + 1);
}

static int fault_set(struct digits_fault *fault, const struct typed *t, enum digits_wrong wrong, unsigned group, unsigned other)
{
	if (fault != NULL)
		*fault = (struct digits_fault){ wrong, group, other, t->digits };
	return MUSTER_E_INVALID;
}

static int say_foreign(enum digits_kind kind, const struct typed *t, char c, struct digits_fault *fault, struct muster_err *err)
{
	unsigned group = t->digits / DIGITS_GROUP < layouts[kind].groups ? (unsigned)(t->digits / DIGITS_GROUP) + 1 : 0;
	char shown[8] = "";

	if (c > ' ' && c <= '~')
		(void)snprintf(shown, sizeof(shown), " \"%c\"", c);
	if (group > 0)
		refuse(err, "The %s is mistyped: a character%s in group %u is no digit.", layouts[kind].name, shown, group);
	else
		refuse(err, "The %s is mistyped: a character%s behind the last group is no digit.", layouts[kind].name, shown);
	return fault_set(fault, t, DIGITS_FOREIGN, group, 0);
}

static int say_count(enum digits_kind kind, const struct typed *t, struct digits_fault *fault, struct muster_err *err)
{
	const struct layout *l = &layouts[kind];
	enum digits_kind other = kind == DIGITS_INSTALLATION ? DIGITS_CONFIRMATION : DIGITS_INSTALLATION;
	unsigned wrong[GROUPS_MAX], group = t->runs == l->groups && t->odd_runs == 1 ? t->odd : 0;

	if (t->digits == (size_t)layouts[other].groups * DIGITS_GROUP && wrong_groups(wrong, other, t) == 0) {
		refuse(err, "This is %s %s; %s %s with its %u groups is asked for here.", layouts[other].article, layouts[other].name,
		         l->article, l->name, l->groups);
		return fault_set(fault, t, DIGITS_OTHER_KIND, 0, 0);
	}
	if (group > 0)
		refuse(err, "The %s is mistyped: group %u has not six digits.", l->name, group);
	else
		refuse(err, "The %s is mistyped: it has %zu digits instead of %u, in %u groups of six.", l->name, t->digits,
		         l->groups * DIGITS_GROUP, l->groups);
	return fault_set(fault, t, DIGITS_COUNT, group, 0);
}

/* Two groups that are right at each other's place, and nothing else wrong. */
static bool swapped(enum digits_kind kind, const struct typed *t, const unsigned *wrong, unsigned count)
{
	return count == 2 && right_at(kind, wrong[0], t->d[wrong[1]]) && right_at(kind, wrong[1], t->d[wrong[0]]);
}

static int say_groups(enum digits_kind kind, const struct typed *t, const unsigned *wrong, unsigned count, struct digits_fault *fault, struct muster_err *err)
{
	const char *name = layouts[kind].name;
	char list[GROUPS_MAX * 4 + 8] = "";

	if (swapped(kind, t, wrong, count)) {
		refuse(err, "The %s is mistyped: groups %u and %u seem to be swapped.", name, wrong[0] + 1, wrong[1] + 1);
		return fault_set(fault, t, DIGITS_SWAPPED, wrong[0] + 1, wrong[1] + 1);
	}
	list_groups(list, sizeof(list), wrong, count);
	refuse(err, "The %s is mistyped: %s %s %s wrong.", name, count == 1 ? "group" : "groups", list, count == 1 ? "is" : "are");
	return fault_set(fault, t, DIGITS_MISTYPED, wrong[0] + 1, 0);
}

/* Digits, groups, range, version, in this order: the first thing wrong is what is said. */
static int parse(uint8_t *bytes, enum digits_kind kind, const char *text, size_t n, struct digits_fault *fault, struct muster_err *err)
{
	const struct layout *l = &layouts[kind];
	unsigned wrong[GROUPS_MAX], count;
	struct typed t;
	size_t at = read_typed(&t, text, n);
	int r = MUSTER_OK;

	memset(bytes, 0, l->size);
	if (at < n) {
		r = say_foreign(kind, &t, text[at], fault, err);
		goto done;
	}
	if (t.digits != (size_t)l->groups * DIGITS_GROUP) {
		r = say_count(kind, &t, fault, err);
		goto done;
	}
	if ((count = wrong_groups(wrong, kind, &t)) > 0) {
		r = say_groups(kind, &t, wrong, count, fault, err);
		goto done;
	}
	number_of(bytes, l, t.d);
	if (bits_get(bytes, 0, l->spare) != 0) {
		refuse(err, "These digits are not %s %s: the number is too large.", l->article, l->name);
		r = fault_set(fault, &t, DIGITS_RANGE, 0, 0);
	} else if (bits_get(bytes, l->spare, kind == DIGITS_INSTALLATION ? 3 : 4) != ID_VERSION) {
		refuse(err, "These digits are not %s %s of version %d, the one that is known here.", l->article, l->name, ID_VERSION);
		r = fault_set(fault, &t, DIGITS_VERSION, 0, 0);
	} else if (fault != NULL) {
		*fault = (struct digits_fault){ DIGITS_RIGHT, 0, 0, t.digits };
	}
done:
	if (r != MUSTER_OK)
		memset(bytes, 0, l->size);
	OPENSSL_cleanse(&t, sizeof(t));
	return r;
}

/* --- Installation ID --- */

static int binding(uint8_t out[BINDING_SIZE], const uint8_t issuer_id[16], const char *label, const uint8_t *source, struct muster_span value)
{
	uint8_t text[64 + TRUST_HARDWARE_MAX], mac[32];
	size_t n = strlen(label) + 1;
	unsigned len = 0;

	memset(out, 0, BINDING_SIZE);
	if (value.n == 0 || value.n > TRUST_HARDWARE_MAX || (source != NULL && *source > 3))
		return MUSTER_E_INVALID;
	memcpy(text, label, n);
	if (source != NULL)
		text[n++] = *source;
	memcpy(text + n, value.p, value.n);
	if (HMAC(EVP_sha256(), issuer_id, 16, text, n + value.n, mac, &len) == NULL || len != sizeof(mac))
		return MUSTER_E_INTERNAL;
	memcpy(out, mac, BINDING_SIZE);
	return MUSTER_OK;
}

int binding_of_host(uint8_t out[BINDING_SIZE], const uint8_t issuer_id[16], uint8_t source, struct muster_span value)
{
	return binding(out, issuer_id, "muster host binding v1", &source, value);
}

int binding_of_machine(uint8_t out[BINDING_SIZE], const uint8_t issuer_id[16], const uint8_t hw[32])
{
	return binding(out, issuer_id, "muster machine binding v1", NULL, span_of(hw, 32));
}

/* Upper 127 bits of the ID, right-aligned. */
static void body_of(uint8_t body[IID_BODY], uint32_t number, uint8_t generation, uint8_t attempt, const uint8_t bind[BINDING_SIZE])
{
	size_t at = 1;

	memset(body, 0, IID_BODY);
	at = bits_put(body, at, ID_VERSION, 3);
	at = bits_put(body, at, number, 30);
	at = bits_put(body, at, generation, 6);
	at = bits_put(body, at, attempt, 8);
	for (size_t i = 0; i < BINDING_SIZE; i++)
		at = bits_put(body, at, bind[i], 8);
}

/* The tag, right-aligned in three bytes. */
static int tag_of(uint8_t tag[3], const uint8_t prk[PRODUCT_KEY_PRK], const uint8_t body[IID_BODY], struct muster_err *err)
{
	uint8_t key[32], mac[32] = { 0 };
	unsigned len = 0;
	int r;

	memset(tag, 0, 3);
	if ((r = hkdf_label(key, sizeof(key), prk, "muster iid v1", span_of(NULL, 0), err)) != MUSTER_OK)
		return r;
	if (HMAC(EVP_sha256(), key, sizeof(key), body, IID_BODY, mac, &len) == NULL || len != sizeof(mac))
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot make the tag of an Installation ID");
	else
		(void)bits_put(tag, 24 - TAG_BITS, bits_get(mac, 0, TAG_BITS), TAG_BITS);
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(mac, sizeof(mac));
	return r;
}

int installation_id_make(struct installation_id *out, const uint8_t prk[PRODUCT_KEY_PRK], uint32_t number, uint8_t generation, uint8_t attempt,
                         const uint8_t bind[BINDING_SIZE], struct muster_err *err)
{
	uint8_t body[IID_BODY], tag[3];
	size_t at = 3;
	int r;

	memset(out, 0, sizeof(*out));
	if (number > PRODUCT_KEY_NUMBER_MAX || generation > GENERATION_MAX)
		return err_set(err, MUSTER_E_INVALID, "key number %u or generation %u does not fit an Installation ID", (unsigned)number, (unsigned)generation);
	body_of(body, number, generation, attempt, bind);
	if ((r = tag_of(tag, prk, body, err)) != MUSTER_OK)
		return r;
	for (size_t i = 1; i < (size_t)IID_BODY * 8; i++)
		at = bits_put(out->bytes, at, bits_get(body, i, 1), 1);
	(void)bits_put(out->bytes, at, bits_get(tag, 24 - TAG_BITS, TAG_BITS), TAG_BITS);
	out->number = number;
	out->generation = generation;
	out->attempt = attempt;
	memcpy(out->binding, bind, BINDING_SIZE);
	return MUSTER_OK;
}

bool installation_id_proves(const struct installation_id *id, const uint8_t prk[PRODUCT_KEY_PRK])
{
	uint8_t body[IID_BODY], tag[3], have[3] = { 0 };

	body_of(body, id->number, id->generation, id->attempt, id->binding);
	(void)bits_put(have, 24 - TAG_BITS, bits_get(id->bytes, IID_SIZE * 8 - TAG_BITS, TAG_BITS), TAG_BITS);
	return tag_of(tag, prk, body, NULL) == MUSTER_OK && CRYPTO_memcmp(tag, have, sizeof(tag)) == 0;
}

void installation_id_format(char out[INSTALLATION_TEXT], const struct installation_id *id, char separator)
{
	format(out, DIGITS_INSTALLATION, id->bytes, separator);
}

int installation_id_parse(struct installation_id *out, const char *text, size_t n, struct digits_fault *fault, struct muster_err *err)
{
	int r;

	memset(out, 0, sizeof(*out));
	if ((r = parse(out->bytes, DIGITS_INSTALLATION, text, n, fault, err)) != MUSTER_OK)
		return r;
	out->number = (uint32_t)bits_get(out->bytes, 6, 30);
	out->generation = (uint8_t)bits_get(out->bytes, 36, 6);
	out->attempt = (uint8_t)bits_get(out->bytes, 42, 8);
	for (size_t i = 0; i < BINDING_SIZE; i++)
		out->binding[i] = (uint8_t)bits_get(out->bytes, 50 + 8 * i, 8);
	return MUSTER_OK;
}

/* --- Confirmation ID --- */

/* The slot secret and what is read out differ by this mask: digits made for another Installation ID open nothing. */
static int mask_of(uint8_t mask[16], const uint8_t prk[PRODUCT_KEY_PRK], const struct installation_id *for_id, struct muster_err *err)
{
	return hkdf_label(mask, 16, prk, "muster cid v1", span_of(for_id->bytes, IID_SIZE), err);
}

int confirmation_id_make(struct confirmation_id *out, const uint8_t prk[PRODUCT_KEY_PRK], const struct installation_id *for_id, const uint8_t slot_secret[16], struct muster_err *err)
{
	uint8_t mask[16];
	int r;

	memset(out, 0, sizeof(*out));
	if ((r = mask_of(mask, prk, for_id, err)) != MUSTER_OK)
		return r;
	out->bytes[0] = ID_VERSION;
	for (size_t i = 0; i < sizeof(mask); i++)
		out->bytes[1 + i] = slot_secret[i] ^ mask[i];
	OPENSSL_cleanse(mask, sizeof(mask));
	return MUSTER_OK;
}

void confirmation_id_format(char out[CONFIRMATION_TEXT], const struct confirmation_id *id, char separator)
{
	format(out, DIGITS_CONFIRMATION, id->bytes, separator);
}

int confirmation_id_parse(struct confirmation_id *out, const char *text, size_t n, struct digits_fault *fault, struct muster_err *err)
{
	return parse(out->bytes, DIGITS_CONFIRMATION, text, n, fault, err);
}

int confirmation_id_open(uint8_t slot_secret[16], const struct confirmation_id *id, const uint8_t prk[PRODUCT_KEY_PRK], const struct installation_id *for_id, struct muster_err *err)
{
	uint8_t mask[16];
	int r;

	memset(slot_secret, 0, 16);
	if ((r = mask_of(mask, prk, for_id, err)) != MUSTER_OK)
		return r;
	for (size_t i = 0; i < sizeof(mask); i++)
		slot_secret[i] = id->bytes[1 + i] ^ mask[i];
	OPENSSL_cleanse(mask, sizeof(mask));
	return MUSTER_OK;
}
