#include "core/activation/issuer_answer.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/utf8.h"
#include "core/base/uuid.h"

int issuer_answer_read(json_t **out, struct muster_span text, struct muster_err *err)
{
	json_error_t e;
	bool exhausted;

	*out = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &e);
	if (json_is_object(*out))
		return MUSTER_OK;
	exhausted = *out == NULL && json_error_code(&e) == json_error_out_of_memory;
	json_decref(*out);
	*out = NULL;
	return exhausted ? err_nomem(err) : err_set(err, MUSTER_E_INVALID, "the answer is not one JSON object");
}

/* Cut where a character ends: what is stored of it must stay text. */
static void sentence(char *out, size_t room, const char *text)
{
	size_t n = utf8_cut(text, strlen(text), room - 1);

	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i];
	out[n] = '\0';
}

/* NULL: no code that is known, or the one of success. */
static const struct code_info *refusal_of(const json_t *object)
{
	const char *name = json_string_value(json_object_get(object, "code"));
	const struct code_info *info = name != NULL ? code_find_name(name, strlen(name)) : NULL;

	return info != NULL && info->code != (uint32_t)CODE_OK ? info : NULL;
}

bool issuer_answer_problem(uint32_t *code, char *text, size_t room, struct muster_span body)
{
	json_t *problem = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	const struct code_info *info = refusal_of(problem);

	if (info != NULL) {
		*code = info->code;
		sentence(text, room, detail != NULL && *detail != '\0' ? detail : info->meaning);
	}
	json_decref(problem);
	return info != NULL;
}

int issuer_answer_chain(struct trust_chain **out, const char **pem, const json_t *answer, struct muster_err *err)
{
	struct muster_err why = { 0 };
	int r = MUSTER_E_INVALID;

	*out = NULL;
	if ((*pem = json_string_value(json_object_get(answer, "chain"))) != NULL)
		r = trust_chain_read(out, span_str(*pem), &why);
	if (r == MUSTER_E_NOMEM)
		return err_nomem(err);
	return r == MUSTER_OK ? r : err_code(err, MUSTER_E_NETWORK, CODE_M_ISSUER_AWAY, "the issuer's answer has no certificate that can be read");
}

bool issuer_answer_batch(uint8_t id[16], const json_t *answer)
{
	const char *text = json_string_value(json_object_get(answer, "id"));

	return text != NULL && uuid_parse(id, text, strlen(text)) == MUSTER_OK && json_is_array(json_object_get(answer, "results"));
}

void installation_digits(char *out, size_t room, const char *text)
{
	size_t n = 0;

	for (; *text != '\0' && n + 1 < room; text++)
		if (*text >= '0' && *text <= '9')
			out[n++] = *text;
	out[n] = '\0';
}

bool issuer_answer_result(struct issuer_result *out, const json_t *result)
{
	const char *text = json_string_value(json_object_get(result, "installation_id")), *detail = json_string_value(json_object_get(result, "detail"));
	const struct code_info *info = refusal_of(result);
	struct muster_err why = { 0 };

	memset(out, 0, sizeof *out);
	if (text == NULL)
		return false;
	installation_digits(out->digits, sizeof out->digits, text);
	if (installation_id_parse(&out->id, out->digits, strlen(out->digits), NULL, &why) != MUSTER_OK)
		return false;
	if ((out->statement = json_string_value(json_object_get(result, "confirmation"))) != NULL)
		return true;
	out->code = info != NULL ? info->code : (uint32_t)CODE_KEY_INVALID;
	sentence(out->detail, sizeof out->detail, detail != NULL ? detail : info != NULL ? info->meaning : "The issuer refused this machine.");
	return true;
}

static bool amount(int64_t *out, const json_t *object, const char *name, int64_t max)
{
	const json_t *n = json_object_get(object, name);

	*out = json_integer_value(n);
	return json_is_integer(n) && *out >= 0 && *out <= max;
}

bool issuer_answer_tally(struct issuer_tally *out, const json_t *key)
{
	int64_t number;

	if (!amount(&number, key, "number", PRODUCT_KEY_NUMBER_MAX) || !amount(&out->allowed, key, "allowed", UINT32_MAX) || !amount(&out->used, key, "used", UINT32_MAX))
		return false;
	out->number = (uint32_t)number;
	out->remaining = out->allowed > out->used ? out->allowed - out->used : 0;
	return true;
}
