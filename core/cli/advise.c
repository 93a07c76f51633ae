#include "core/cli/advise.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/err.h"

#define DAY 86400

/* A programme's name without blanks, dashes and case, so that people's spellings meet. */
static void plain(char *out, size_t room, const char *text)
{
	size_t n = 0;

	for (; *text != '\0' && n + 1 < room; text++)
		if (isalnum((unsigned char)*text))
			out[n++] = (char)tolower((unsigned char)*text);
	out[n] = '\0';
}

static bool begins(const char *programme, const char *const *words, size_t n)
{
	char text[64];

	if (programme == NULL)
		return false;
	plain(text, sizeof(text), programme);
	for (size_t i = 0; i < n; i++)
		if (strncmp(text, words[i], strlen(words[i])) == 0)
			return true;
	return false;
}

bool advise_is_open_license(const char *programme)
{
	static const char *const words[] = { "openlicense", "openlicence", "microsoftopenlicense", "microsoftopenlicence", "olp", "openbusiness", "openvolume" };

	return begins(programme, words, sizeof(words) / sizeof(words[0]));
}

bool advise_is_open_value(const char *programme)
{
	static const char *const words[] = { "openvalue", "microsoftopenvalue" };

	return begins(programme, words, sizeof(words) / sizeof(words[0]));
}

static void because(json_t *reasons, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void because(json_t *reasons, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)json_array_append_new(reasons, json_vsprintf(fmt, ap));
	va_end(ap);
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

static unsigned long number_of(const json_t *o, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(o, name));

	return n > 0 ? (unsigned long)n : 0;
}

static const char *machines(unsigned long n)
{
	return n == 1 ? "machine" : "machines";
}

static const char *reaching(unsigned long n)
{
	return n == 1 ? "machine reaches" : "machines reach";
}

/* What is true of MAKs, for the machines that get one. */
static void of_mak(json_t *reasons, unsigned long n, bool isolated)
{
	because(reasons, "A MAK activates each machine once and for good; %lu %s %lu activation%s, and every reinstallation on changed hardware spends one more. The number of "
	        "activations is not the number of licences.", n, n == 1 ? "machine needs" : "machines need", n, n == 1 ? "" : "s");
	if (isolated)
		because(reasons, "Machines that reach nobody are activated by telephone, or by one machine that collects their Installation IDs, asks once, and hands the Confirmation IDs back "
		        "(by a removable medium too); kept Confirmation IDs serve again when the same machine is re-imaged.");
}

/* Reaching the minimum count with this many, and how long it holds. */
static void of_count(json_t *reasons, const struct advise_case *a, unsigned long connected, unsigned long minimum)
{
	unsigned long days = number_of(a->product, "window") / DAY, validity = number_of(a->product, "validity") / DAY;

	because(reasons, "%lu %s the host, and the minimum count is %lu: from machine %lu on each is activated by its own request.", connected, reaching(connected), minimum, minimum);
	if (minimum > 1 && connected == minimum)
		because(reasons, "That is just the minimum: as soon as one of them is silent for %lu days, the count is too low and no new machine is activated; those activated keep their %lu days.", days, validity);
	else if (minimum > 1 && connected - minimum < minimum / 5 + 1)
		because(reasons, "That is close to the minimum: when more than %lu of them are silent for %lu days, the count is too low and no new machine is activated; those activated keep their %lu days.",
		        connected - minimum, days, validity);
	because(reasons, "A host key activates up to 6 hosts, each up to 10 times, and counts no machines: nothing is spent by reinstalling them.");
	if (validity > 0)
		because(reasons, "Each machine must reach the host at least once in %lu days.", validity);
}

static void of_mates(json_t *reasons, const struct advise_case *a, const char *fmt)
{
	char names[512] = "";
	size_t n = 0;

	for (size_t i = 0; i < a->mate_count && n < sizeof(names); i++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", i > 0 ? ", " : "", a->pool_mates[i]);
	if (a->mate_count > 0)
		(void)json_array_append_new(reasons, json_sprintf("%s %s", fmt, names));
}

/* The agreement may say more than the numbers. @return true when it decides for MAK. */
static bool of_programme(json_t *reasons, const char *programme)
{
	if (advise_is_open_value(programme)) {
		because(reasons, "Under %s a MAK is recommended, and a host key is given by exception only: `musterctl request kms-exception` writes the request.", programme);
		return true;
	}
	if (advise_is_open_license(programme)) {
		because(reasons, "%s ended in December 2021: neither a host key by exception nor more activations can be asked for; what its keys allow is what there is.", programme);
		return true;
	}
	return false;
}

static enum advise_verdict threshold(json_t *reasons, const struct advise_case *a, unsigned long *by_host)
{
	unsigned long connected = a->machines - a->isolated, minimum = number_of(a->product, "minimum_count");
	bool mak = of_programme(reasons, a->programme);

	*by_host = 0;
	if (connected < minimum) {
		because(reasons, "%lu %s the host, and the minimum count is %lu: they would be counted and none activated.", connected, reaching(connected), minimum);
		if (a->machines >= minimum && !mak)
			because(reasons, "With the isolated ones there are %lu: if %lu more of them could reach the host once a week, a host key would do.", a->machines, minimum - connected);
		of_mates(reasons, a, "Machines of these products feed the same count and may lift it to the minimum:");
		of_mak(reasons, a->machines, a->isolated > 0);
		return ADVISE_MAK;
	}
	if (mak) {
		of_mak(reasons, a->machines, a->isolated > 0);
		because(reasons, "With a host key, %lu %s would be enough for the minimum count of %lu.", connected, machines(connected), minimum);
		return ADVISE_MAK;
	}
	of_count(reasons, a, connected, minimum);
	of_mates(reasons, a, "Machines of these products feed the same count:");
	*by_host = connected;
	if (a->isolated == 0)
		return ADVISE_HOST_KEY;
	because(reasons, "%lu %s no host.", a->isolated, reaching(a->isolated));
	of_mak(reasons, a->isolated, true);
	if (minimum > 0 && a->isolated >= minimum)
		because(reasons, "If they share a network of their own, a second host in it would count them: the same key activates it, and %lu are enough.", minimum);
	return ADVISE_BOTH;
}

static enum advise_verdict decide(json_t *reasons, const struct advise_case *a, unsigned long *by_host)
{
	const char *model = text_of(a->product, "model");

	*by_host = 0;
	if (strcmp(model, "threshold") == 0)
		return threshold(reasons, a, by_host);
	if (strcmp(model, "counted") == 0) {
		because(reasons, "This product has counted keys only; no host counts its machines.");
		of_mak(reasons, a->machines, a->isolated > 0);
		return ADVISE_MAK;
	}
	if (strcmp(model, "embedded") == 0)
		because(reasons, "Its key is in the installation medium and setup finds it there; no machine asks a host, and nothing is counted.");
	else if (strcmp(model, "access") == 0)
		because(reasons, "It needs no product key: a licence server is activated with programme and agreement number, and each device or user needs an access licence.");
	else if (strcmp(model, "seats") == 0)
		because(reasons, "It needs no key of its machines: seats are borrowed from this host, as many as its pack has.");
	else
		because(reasons, "It is of the model \"%s\", which has neither host keys nor MAKs.", model);
	return ADVISE_NO_KEY;
}

int advise(json_t **out, const struct advise_case *a, enum advise_verdict *verdict, struct muster_err *err)
{
	static const char *const words[] = { "host key", "MAK", "both", "none" };
	json_t *reasons = json_array();
	unsigned long by_host, by_mak;

	*out = NULL;
	if (a->machines == 0 || a->isolated > a->machines) {
		json_decref(reasons);
		return err_set(err, MUSTER_E_INVALID, "%lu isolated of %lu machines: the isolated are a part of all machines, of which there is at least one", a->isolated, a->machines);
	}
	*verdict = decide(reasons, a, &by_host);
	by_mak = *verdict == ADVISE_NO_KEY ? 0 : a->machines - by_host;
	*out = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "product", text_of(a->product, "product"), "title", text_of(a->product, "title"), "verdict", words[*verdict],
	                 "machines", (json_int_t)a->machines, "isolated", (json_int_t)a->isolated, "minimum_count", (json_int_t)number_of(a->product, "minimum_count"),
	                 "by_host", (json_int_t)by_host, "by_mak", (json_int_t)by_mak, "reasons", reasons);
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}
