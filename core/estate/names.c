/*
 * What an entry is called: the ID that follows from its content, and the names and numbers by which others mean it. The same content gives the same ID on
 * every host, so that importing twice, or on two hosts, makes no second entry.
 */
#include "core/estate/names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"

#define SLUG_MAX 40
#define HASH_HEX 7                       /* six digits and the terminating zero */
#define HASHED_MAX (8u << 10)

/* What tells requests apart that are about the same. */
static const char *const request_parts[] = { "about", "agreement", "reference", "authorization", "product", "partial", "key", "needed", "reason", "asked_on" };

/* ---- IDs ---- */

static void hash_of(char out[HASH_HEX], const struct buf *of)
{
	uint8_t sum[SHA256_DIGEST_LENGTH];
	char hex[HEX_SIZE(sizeof sum)];

	(void)SHA256(of->p != NULL ? of->p : (const uint8_t *)"", of->n, sum);
	hex_encode(hex, sum, sizeof sum);
	memcpy(out, hex, HASH_HEX - 1);
	out[HASH_HEX - 1] = '\0';
	OPENSSL_cleanse(sum, sizeof sum);
	OPENSSL_cleanse(hex, sizeof hex);
}

static void add_value(struct buf *of, const json_t *v)
{
	const json_t *x;
	size_t i;

	if (json_is_string(v))
		buf_add(of, json_string_value(v), json_string_length(v));
	else if (json_is_integer(v))
		buf_addf(of, "%lld", (long long)json_integer_value(v));
	else
		json_array_foreach(v, i, x) {
			add_value(of, x);
			buf_addc(of, '\n');
		}
	buf_addc(of, '\0');
}

/* Lower-case letters and digits with hyphens between. @return something of the text is not in it. */
static bool slug(char *out, const char *text, size_t max)
{
	size_t used = 0;
	bool lost = false, gap = false;

	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if (*p >= 0x80 || !isalnum(*p)) {
			lost = lost || *p >= 0x80;
			gap = used > 0;
			continue;
		}
		if (used + 2 > max) {
			lost = true;
			break;
		}
		if (gap)
			out[used++] = '-';
		gap = false;
		out[used++] = (char)tolower(*p);
	}
	out[used] = '\0';
	return lost || used == 0;
}

void name_id(char out[ESTATE_ID_MAX + 1], const char *kind, const char *text, bool apart)
{
	char part[SLUG_MAX + 1], hash[HASH_HEX];
	struct buf of;

	if (!slug(part, text, SLUG_MAX) && !apart) {
		(void)snprintf(out, ESTATE_ID_MAX + 1, "%s", part);
		return;
	}
	buf_init(&of, HASHED_MAX);
	buf_adds(&of, text);
	hash_of(hash, &of);
	buf_fini(&of);
	(void)snprintf(out, ESTATE_ID_MAX + 1, "%s-%s", part[0] != '\0' ? part : kind, hash);
}

static int key_id(char out[ESTATE_ID_MAX + 1], const json_t *entry, struct muster_err *err)
{
	static const char *const parts[] = { "license_ids", "order", "coverage_start" };
	const char *partial = json_string_value(json_object_get(entry, "partial")), *kind = json_string_value(json_object_get(entry, "kind"));
	char hash[HASH_HEX];
	struct buf of;

	buf_init(&of, ESTATE_ENTRY_MAX);
	add_value(&of, json_object_get(entry, "products"));
	add_value(&of, json_object_get(entry, "key"));
	/* What has been ordered and has not come. */
	for (size_t i = 0; partial == NULL && i < sizeof parts / sizeof parts[0]; i++)
		add_value(&of, json_object_get(entry, parts[i]));
	if (!of.failed)
		hash_of(hash, &of);
	if (!of.failed)
		(void)snprintf(out, ESTATE_ID_MAX + 1, "%s-%s", partial != NULL ? partial : kind != NULL ? kind : "key", hash);
	if (of.failed) {
		buf_cleanse(&of);
		return err_nomem(err);
	}
	buf_cleanse(&of);
	return MUSTER_OK;
}

static int request_id(char out[ESTATE_ID_MAX + 1], const json_t *entry, struct muster_err *err)
{
	const char *about = json_string_value(json_object_get(entry, "about"));
	char hash[HASH_HEX];
	struct buf of;
	bool failed;

	buf_init(&of, ESTATE_ENTRY_MAX);
	for (size_t i = 0; i < sizeof request_parts / sizeof request_parts[0]; i++)
		add_value(&of, json_object_get(entry, request_parts[i]));
	if (!(failed = of.failed))
		hash_of(hash, &of);
	buf_fini(&of);
	if (failed)
		return err_nomem(err);
	(void)snprintf(out, ESTATE_ID_MAX + 1, "%s-%s", about != NULL ? about : "request", hash);
	return MUSTER_OK;
}

/* One a machine and activation ID. */
static int host_id(char out[ESTATE_ID_MAX + 1], const json_t *entry, struct muster_err *err)
{
	const char *host = json_string_value(json_object_get(entry, "host")), *id = json_string_value(json_object_get(entry, "activation_id"));
	char lower[ESTATE_ID_MAX + 1], name[NAME_FOLDED];

	if (host == NULL || id == NULL)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "host: neither host nor activation_id may be missing");
	(void)name_fold(name, host, false);
	name_id(lower, "host", name, false);
	(void)snprintf(out, ESTATE_ID_MAX + 1, "%.47s:%.13s", lower, id);
	return MUSTER_OK;
}

int estate_entry_id(char out[ESTATE_ID_MAX + 1], const struct estate_kind *k, const json_t *entry, struct muster_err *err)
{
	const char *text;

	out[0] = '\0';
	if (strcmp(k->name, "key") == 0)
		return key_id(out, entry, err);
	if (strcmp(k->name, "request") == 0)
		return request_id(out, entry, err);
	if (strcmp(k->name, "host") == 0)
		return host_id(out, entry, err);
	if ((text = names_first(k, entry)) != NULL) {
		name_id(out, k->name, text, false);
		return MUSTER_OK;
	}
	return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s: neither a name nor a number says which it is", k->name);
}
