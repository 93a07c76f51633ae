#include "core/cli/request_rules.h"

#include <string.h>
#include <strings.h>

#include "core/base/err.h"
#include "core/cli/advise.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct request_kind kinds[] = {
	{ "host-activations", "More activations of a host key", "how many more hosts or activations", false },
	{ "mak-limit", "More activations of a multiple activation key (MAK)", "how many more activations", true },
	{ "kms-exception", "A host key by exception", "how many machines it would activate", false },
};

static const struct request_field fields[] = {
	{ "reference", "Agreement or enrolment number, or licence ID", false },
	{ "authorization", "Authorisation number", true },
	{ "product", "Product with version and edition", false },
	{ "partial", "Last five characters of the key", true },
	{ "needed", "Number needed", false },
	{ "reason", "Business reason", false },
};

const struct request_kind *request_kind_find(const char *about)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (strcasecmp(kinds[i].about, about) == 0)
			return &kinds[i];
	return NULL;
}

const char *request_kind_names(void)
{
	return "host-activations, mak-limit or kms-exception";
}

const struct request_field *request_fields(size_t *n)
{
	*n = COUNT(fields);
	return fields;
}

bool request_wants(const struct request_kind *k, const struct request_field *f)
{
	return k->mak || !f->mak_only;
}

const char *request_who(void)
{
	return "At the vendor, an administrator of the agreement may make it; who may only read its product keys may not. Here, an administrator keeps track of it.";
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

static bool has(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	return json_is_integer(v) || text_of(o, name)[0] != '\0';
}

static void note(json_t *notes, const char *text)
{
	(void)json_array_append_new(notes, json_string(text));
}

/* Copies a text of another entry unless it is known already. */
static int copy(json_t *entry, const char *to, const char *text)
{
	return has(entry, to) || text[0] == '\0' || json_object_set_new(entry, to, json_string(text)) == 0 ? MUSTER_OK : MUSTER_E_NOMEM;
}

int request_fill(const struct request_kind *k, json_t *entry, const json_t *agreement, const json_t *key)
{
	static const char *const references[] = { "number", "enrollment", "account" };
	const char *product = json_string_value(json_array_get(json_object_get(key, "products"), 0));
	int r = MUSTER_OK;

	for (size_t i = 0; r == MUSTER_OK && i < COUNT(references); i++)
		r = copy(entry, "reference", text_of(agreement, references[i]));
	for (size_t i = 0; r == MUSTER_OK && i < 2; i++) {
		const char *id = json_string_value(json_array_get(json_object_get(i == 0 ? agreement : key, "license_ids"), 0));

		r = copy(entry, "reference", id != NULL ? id : "");
	}
	if (r == MUSTER_OK && k->mak)
		r = copy(entry, "authorization", text_of(agreement, "authorization"));
	if (r == MUSTER_OK && k->mak)
		r = copy(entry, "partial", text_of(key, "partial"));
	return r == MUSTER_OK ? copy(entry, "product", product != NULL ? product : "") : r;
}

/* ---- checks ---- */

int request_fits(const struct request_kind *k, const json_t *entry, const json_t *agreement, const json_t *key, struct muster_err *err)
{
	const char *kind = text_of(key, "kind"), *partial = text_of(entry, "partial"), *its = text_of(key, "partial");

	if (advise_is_open_license(text_of(agreement, "programme")))
		return err_set(err, MUSTER_E_REFUSED, "agreements of Open License are excluded from such requests: the programme ended in December 2021. "
		               "The keys of such an agreement keep what they allow; another agreement of the organisation may serve");
	if (json_is_integer(json_object_get(entry, "needed")) && json_integer_value(json_object_get(entry, "needed")) < 1)
		return err_set(err, MUSTER_E_INVALID, "needed: %s, so at least 1", k->what);
	if (key == NULL)
		return MUSTER_OK;
	if (k->mak && strcmp(kind, "mak") != 0 && strcmp(kind, "esu") != 0)
		return err_set(err, MUSTER_E_INVALID, "key %s is of kind %s, not a MAK: its limit cannot be raised; for a host key `musterctl request host-activations`", text_of(key, "id"), kind);
	if (strcmp(k->about, "host-activations") == 0 && strcmp(kind, "host") != 0)
		return err_set(err, MUSTER_E_INVALID, "key %s is of kind %s, not a host key; for a MAK `musterctl request mak-limit`", text_of(key, "id"), kind);
	if (partial[0] != '\0' && its[0] != '\0' && strcasecmp(partial, its) != 0)
		return err_set(err, MUSTER_E_INVALID, "partial: key %s ends in %s, not in %s; which of them is it about?", text_of(key, "id"), its, partial);
	return MUSTER_OK;
}

static void notes_of_programme(const struct request_kind *k, const char *programme, json_t *notes)
{
	if (advise_is_open_value(programme) && !k->mak)
		note(notes, strcmp(k->about, "kms-exception") == 0 ? "Open Value: a MAK is recommended; a host key is given by exception only, so the business reason decides."
		                                                   : "Open Value: a host key is given by exception only; more activations of it are asked for after it was granted.");
	else if (strcmp(k->about, "kms-exception") == 0 && programme[0] != '\0' && !advise_is_open_value(programme))
		note(notes, "Host keys belong to this programme without an exception; only Open Value needs one. Look for the key among those of the agreement first.");
}

static void notes_of_key(const struct request_kind *k, const json_t *key, json_t *notes)
{
	json_int_t allowed = json_integer_value(json_object_get(key, "allowed")), used = json_integer_value(json_object_get(key, "used"));

	if (k->mak && json_is_integer(json_object_get(key, "allowed")) && json_is_integer(json_object_get(key, "used")) && allowed > 0 && used >= 0 && allowed > used && (allowed - used) * 5 > allowed)
		(void)json_array_append_new(notes, json_sprintf("By the books %" JSON_INTEGER_FORMAT " of its %" JSON_INTEGER_FORMAT " activations are left; the one who grants it will see that.",
		                                                allowed - used, allowed));
}

int request_check(const struct request_kind *k, const json_t *entry, const json_t *agreement, const json_t *key, json_t **notes, struct muster_err *err)
{
	int r;

	*notes = json_array();
	if ((r = request_fits(k, entry, agreement, key, err)) != MUSTER_OK)
		goto done;
	notes_of_programme(k, text_of(agreement, "programme"), *notes);
	notes_of_key(k, key, *notes);
	for (size_t i = 0; i < COUNT(fields); i++)
		if (request_wants(k, &fields[i]) && !has(entry, fields[i].field)) {
			r = err_set(err, MUSTER_E_INVALID, "%s is missing: %s%s", fields[i].field, fields[i].question, strcmp(fields[i].field, "needed") == 0 ? ", a number" : "");
			goto done;
		}
	if (k->mak && strlen(text_of(entry, "partial")) != 5)
		r = err_set(err, MUSTER_E_INVALID, "partial: the last five characters of the key, not \"%s\"", text_of(entry, "partial"));
	if (r == MUSTER_OK && agreement == NULL)
		note(*notes, "The agreement is not in the books, so its programme was not looked at: Open License is excluded, Open Value has host keys by exception only.");
done:
	if (r != MUSTER_OK) {
		json_decref(*notes);
		*notes = NULL;
	}
	return r;
}

/* ---- the text ---- */

static void line(struct buf *out, const char *label, const char *text)
{
	if (text[0] != '\0')
		buf_addf(out, "%-28s%s\n", label, text);
}

void request_text(const struct request_kind *k, const json_t *entry, const json_t *agreement, const char *organisation, struct buf *out)
{
	char needed[32];

	snprintf(needed, sizeof(needed), "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(entry, "needed")));
	buf_addf(out, "Subject: %s\n\n", k->title);
	line(out, "Organisation:", organisation != NULL ? organisation : "");
	line(out, "Programme:", text_of(agreement, "programme"));
	line(out, "Agreement, enrolment, ID:", text_of(entry, "reference"));
	if (k->mak)
		line(out, "Authorisation number:", text_of(entry, "authorization"));
	line(out, "Product:", text_of(entry, "product"));
	if (text_of(entry, "partial")[0] != '\0')
		line(out, "Key, last five characters:", text_of(entry, "partial"));
	line(out, "Number needed:", needed);
	buf_addf(out, "\nBusiness reason:\n%s\n", text_of(entry, "reason"));
}
