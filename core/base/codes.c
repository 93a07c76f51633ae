#include "core/base/codes.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PUBLISHED(v, http, title, meaning, action) { 0x##v##U, http, "0x" #v, title, meaning, action }
#define OWN(n, http, title, meaning, action) { n, http, "M-" #n, title, meaning, action }

/* Published codes with their meaning as in facts.md section 4; M-nnn are Muster's. Ascending within each half. */
static const struct code_info table[] = {
	PUBLISHED(C004C003, 403, "Key blocked at the issuer",
		"The issuer's activation service knows this product key and has blocked it.",
		"Ask the issuer why, naming the partial product key, and install another key."),
	PUBLISHED(C004C008, 403, "Host key over its limit",
		"This host key has been used on as many hosts, or as often on this one, as it allows.",
		"Retire a host that is no longer needed, or ask the issuer for more host activations."),
	PUBLISHED(C004C020, 403, "MAK over its limit",
		"The multiple activation key has no activations left.",
		"Ask the issuer for more activations for this key, or use another key."),
	PUBLISHED(C004C021, 403, "MAK extension over its limit",
		"The extension granted to this multiple activation key is used up as well.",
		"Ask the issuer for more activations for this key, or use another key."),
	PUBLISHED(C004F009, 0, "Grace period expired",
		"The time in which the product runs without activation is over.",
		"Activate the product: make sure that this machine reaches a host, then run `muster activate`."),
	PUBLISHED(C004F00F, 503, "Hardware binding out of tolerance",
		"The machine is another one than was activated: its hardware identity has changed.",
		"Activate the host again on this hardware, or move its state to it as the manual describes."),
	PUBLISHED(C004F014, 422, "No product key",
		"No product key is installed for this product.",
		"Install the key that belongs to the product, then activate again."),
	PUBLISHED(C004F015, 422, "Licence not installed",
		"The licence that belongs to this product is not installed here.",
		"Install the licence pack that names the product, then try again."),
	PUBLISHED(C004F02C, 422, "Offline activation data malformed",
		"The Installation ID or Confirmation ID is not well formed; most often a digit was mistyped.",
		"Compare it group by group with what was read out, correct it and enter it again."),
	PUBLISHED(C004F038, 202, "Count insufficient",
		"The request was counted, but fewer machines than the product's minimum count have reported within 30 days.",
		"Nothing on this machine: it asks again by itself. Let more machines report, or check that each has its own client ID."),
	PUBLISHED(C004F039, 0, "No answer",
		"The host was reached, but its activation service did not answer.",
		"Check on the host that musterd runs and that its port is open in the firewall."),
	PUBLISHED(C004F041, 503, "Host not activated",
		"The host has no valid certificate for this product, so it cannot grant anything for it.",
		"Activate the host for the product, or renew its certificate; `musterctl dlv` shows what is missing."),
	PUBLISHED(C004F042, 422, "Host cannot be used for this product",
		"This host does not serve the product that was asked for.",
		"Use a host that lists the product, or add the product to this host's configuration."),
	PUBLISHED(C004F050, 422, "Product key invalid",
		"The product key is not a valid key: a character is wrong, or a dash is not a plain hyphen.",
		"Type the key again, with plain hyphens, and compare it with the original."),
	PUBLISHED(C004F051, 403, "Product key blocked",
		"The product key has been blocked.",
		"Ask whoever issued the key, and install another one."),
	PUBLISHED(C004F06C, 422, "Timestamp invalid",
		"The clocks of the machine and of the host are too far apart, or the host's own clock went back.",
		"Set both clocks (compare in UTC) and try again; when the host's clock was wrong, run `musterctl clock accept` there."),
	PUBLISHED(C004F074, 0, "No host could be contacted",
		"None of the hosts known to this machine could be reached.",
		"Check the network, the configured host names and the DNS records, then run `muster activate` again."),
	OWN(101, 400, "Body is not a JSON object",
		"The body of the request is not JSON, or not an object.",
		"Send one JSON object in UTF-8 as docs/protocol.md describes."),
	OWN(102, 400, "Field missing or wrong",
		"A field is missing, has the wrong type or is out of range; the detail names it.",
		"Correct the named field and send the request again."),
	OWN(103, 415, "Wrong content type",
		"The request does not say Content-Type: application/json.",
		"Send the header Content-Type: application/json."),
	OWN(104, 413, "Request too large",
		"The request is larger than this host accepts.",
		"Send a smaller request; the limits are in docs/protocol.md."),
	OWN(105, 404, "No such path",
		"Nothing is served under this path.",
		"Check the address; the paths are in docs/protocol.md."),
	OWN(106, 405, "Method not allowed",
		"The path exists, but not for this method.",
		"Use a method that the Allow header of the answer names."),
	OWN(107, 429, "Too many requests from this address",
		"This address has sent more requests a second than one address may.",
		"Wait as long as Retry-After says. For many machines behind one address raise the limit on the host."),
	OWN(108, 429, "Too many new client IDs",
		"More new client IDs were seen from this address, or in this count pool or of this product, than is allowed in the time.",
		"Wait as long as Retry-After says; check whether machines take a new identity at every start."),
	OWN(109, 503, "Host overloaded",
		"More requests are waiting than the host can record in time. Nothing was recorded for this one.",
		"Try again after the time that Retry-After gives."),
	OWN(110, 503, "Storage fails",
		"The host could not record the request: a write failed, or the disk is nearly full.",
		"Try again later. On the host look at the log and make room on the disk."),
	OWN(111, 503, "Host is stopping",
		"The host is shutting down and takes no new requests.",
		"Try again in a moment, or use another host."),
	OWN(112, 409, "Client ID used by other hardware",
		"This client ID belongs to a machine with other hardware; most often both come from one cloned image.",
		"Let this machine take a new identity with `muster rearm`, then activate."),
	OWN(113, 501, "Licensing model not served",
		"The product's licensing model is known, but this version of the host does not grant it.",
		"Use a version of Muster that serves the model; the product is listed meanwhile."),
	OWN(114, 403, "Product never served",
		"The product is known and is never activated by a host of this kind; the detail says why.",
		"Follow the detail: it names the way in which this product is activated."),
	OWN(115, 422, "Lease does not verify",
		"The lease that was sent is not a valid lease of this host's issuer for this client.",
		"Send the lease exactly as it was received, or leave it out and activate anew."),
	OWN(116, 403, "Release secret does not match",
		"The release secret is not the one whose hash stands in the lease.",
		"Release from the machine that obtained the lease; its state folder holds the secret."),
	OWN(117, 404, "Not found",
		"What was asked for does not exist on this host.",
		"Check the name or the ID; `list` of the same verb shows what there is."),
	OWN(118, 408, "Request took too long",
		"The request did not arrive completely within its deadline.",
		"Send the request again, over a faster or less lossy connection."),
	OWN(119, 403, "Role too small",
		"Your account may not do this; the detail names the smallest role that may.",
		"Ask an administrator, or become a member of the group that has the role."),
	OWN(120, 400, "Setting unknown or out of range",
		"There is no such setting, or the value is outside its range; the detail names both.",
		"Give a value within the range; `musterctl settings` lists all of them."),
	OWN(121, 400, "Bad argument",
		"An argument of the administrator's request is missing or wrong; the detail names it.",
		"Correct the argument; the manual page of musterctl describes it."),
	OWN(122, 500, "Internal error",
		"The program met a fault of its own. Nothing was granted.",
		"Look at the host's log at this time and report the fault with those lines."),
	OWN(123, 403, "Product key sent in clear",
		"A whole product key was sent over a connection that others can read. It was not stored.",
		"Treat the key as exposed. Send keys over TLS, the loopback address or the Unix socket only."),
	OWN(124, 403, "Network not allowed",
		"The address of this machine is not in the networks that the listener serves.",
		"Use a host for this network, or add the network to the listener's `networks` setting."),
	OWN(125, 403, "Refused by the product plugin",
		"The plugin of this product refused the request, or it is switched off; the detail says which.",
		"Follow the detail; `musterctl plugins` shows the state of each plugin."),
	OWN(126, 409, "Busy with the same kind of work",
		"Another operation of this kind is running.",
		"Wait until it has ended, then try again."),
	OWN(127, 202, "Waiting for the issuer",
		"The request is recorded; the host has not got the issuer's confirmation for this machine yet.",
		"Nothing on this machine: it asks again by itself. On the host, `musterctl mak` shows what waits; where it is not connected, export the requests and import the answer."),
	OWN(128, 409, "The record of acts does not hold",
		"Entries of the host's record of acts were cut off, changed or written anew, or none was written for more than a day; the detail says which.",
		"Compare with a head that was kept elsewhere (the system's log, a backup, the issuer), and find out who could write to the state folder."),
	OWN(130, 409, "Another product key is installed",
		"A key of this product version is installed already, and it is another one.",
		"Look at both with `musterctl keys`; to use the new one instead, say so: `musterctl ipk --replace`."),
	OWN(131, 409, "Licence pack is older",
		"A later issue of this agreement's licence pack is installed, or one with the same number that is another.",
		"Keep the installed one, or ask the issuer for the newest issue; `musterctl pack list` shows what there is."),
	OWN(132, 422, "Licence pack of somebody else",
		"The licence pack is genuine, but for another host, or it names products that its issuer may not license here.",
		"Compare the [issuer] sections and the products' `issuer` on this host with what the detail names, or ask the issuer for the right pack."),
	OWN(133, 409, "Confirmation ID was used",
		"This Confirmation ID has activated this host before; each works once.",
		"Nothing, if the host is activated; else read out the Installation ID shown now and enter its answer."),
	OWN(134, 422, "Confirmation ID for another product",
		"This Confirmation ID answers the Installation ID of another product key on this host.",
		"Enter it for the product that the detail names."),
	OWN(135, 422, "Confirmation ID for another Installation ID",
		"The Confirmation ID is well formed, but it was not made for the Installation ID that this host shows.",
		"Compare what was read out with `musterctl dti`, group by group, and ask the issuer again with the ID shown now."),
	OWN(136, 422, "Several keys can be meant",
		"More than one installed product key fits what was asked for; the detail lists them.",
		"Name the product by its activation ID, or the key by its number."),
	OWN(137, 422, "Product key of somebody else",
		"The product key is well formed, but belongs to another product, version, organisation or purpose; the detail says what is known of it.",
		"Use the key that came with the installed licence pack, or install the pack that belongs to this key."),
	OWN(138, 409, "Installation IDs used up",
		"All 256 Installation IDs that this key can make under its licence pack were used.",
		"Ask the issuer for a new licence pack and install it."),
	OWN(139, 422, "Licence pack refused",
		"The licence pack is not genuine, has ended, or is not of an issuer that this host knows; the detail says which.",
		"Fetch the pack from the issuer again, and check the roots in the [issuer] section."),
	OWN(140, 422, "A prerequisite is missing",
		"The machine does not report something that must be in place before a key of this product works.",
		"Install what the detail names, report it in machine.facts, and activate again."),
	OWN(141, 422, "An earlier year is missing",
		"The years of this programme build on each other, and an earlier one is not confirmed for this machine.",
		"Activate the earlier years on this machine first, with their own keys."),
	OWN(142, 422, "The issuer's service has no address",
		"The configuration does not say where the activation service of this product's issuer is.",
		"Set url in the [issuer] section and reload, or activate by telephone or file: `musterctl dti`."),
	OWN(143, 503, "The issuer's service cannot be used",
		"The activation service of the issuer could not be reached, or did not answer as one does.",
		"Try again later; nothing is spent by that. Check address, proxy and firewall, or activate by telephone or file: `musterctl dti`."),
	OWN(144, 422, "Not an answer to what was asked",
		"The answer names another request than the one that this host has stored, or one that it never made.",
		"Import the answer to the newest export of this very host."),
	OWN(145, 403, "No access licence free",
		"Every access licence that fits this version is given out, and this device has had its temporary one.",
		"Install more licences, or take back one that is no longer needed; those that end come back by themselves."),
	OWN(146, 422, "Version not licensed here",
		"The version asked for is unknown to this licence server, or newer than the licence server or its licences.",
		"Ask for a version that `musterctl access` lists, or bring licences of that version to a licence server that knows it."),
	OWN(147, 0, "Activated for good",
		"The activation is perpetual and belongs to this machine's hardware: no place can be given back.",
		"Nothing has to be done. Where a machine is replaced, ask the issuer whether the new one may take the activation over."),
	OWN(148, 422, "Not licensed that way",
		"The product is not licensed per device, or not per user, or the user was not named.",
		"Ask in the way the product is licensed; per user, name the user."),
	OWN(149, 202, "Waiting for a seat",
		"All seats are taken; the machine has a place in the queue as long as it goes on asking.",
		"Nothing: the machine asks again by itself and is served in turn."),
	OWN(150, 409, "No seat free",
		"All seats are taken, and the queue is full or was not wanted.",
		"Try again later, or ask who holds the seats to give one back."),
	OWN(151, 403, "Not on the allow-list",
		"The product's allow-list on this host names neither this client ID nor its name or network.",
		"Ask the administrator to add this machine to `allow` of the product."),
	OWN(152, 403, "Reserved for others",
		"What is free is reserved for other machines.",
		"Wait until a place that is not reserved is free, or ask the administrator for a reservation."),
	OWN(153, 403, "Taken back",
		"An administrator took this seat or licence back; what was granted ends at its time and is not renewed before.",
		"Ask the administrator for the reason; `musterctl journal` on the host has it."),
	OWN(154, 409, "Not returned by a machine",
		"An access licence goes back by itself when it ends; a machine cannot return it.",
		"Nothing; an administrator can take back some of the licences of a version."),
	OWN(155, 403, "Coverage not begun",
		"The product key may be used from a later day on; the detail names it.",
		"Activate again on or after that day; until then nothing is counted."),
	OWN(156, 503, "Issuer's books behind their log",
		"The issuer's books were restored from a backup and lack what was confirmed since; nothing is revealed until they have it.",
		"Ask the issuer; there run `muster-issuer restore`, then ask again."),
	OWN(157, 403, "Licence pack not the newest",
		"The Installation ID was made with a licence pack that a newer one has replaced.",
		"Install the newest licence pack of the agreement and read out the new Installation ID."),
	OWN(158, 403, "No activation slot left",
		"The licence pack has no prepared activation left for this key.",
		"Ask the issuer for a new licence pack, install it and read out the new Installation ID; or activate online."),
	OWN(159, 403, "Too many wrong Installation IDs",
		"Today more Installation IDs with this key's number were not made with the key than are allowed in a day.",
		"Check the key that is installed. By telephone the issuer may decide; else try again tomorrow (UTC)."),
	OWN(160, 409, "Batch ID used before",
		"A request with this ID was answered before, and it was another request.",
		"Send the request again with a new ID."),
	OWN(161, 503, "Host retired",
		"The host was retired: its state was moved to another host, which goes on in its place. It grants nothing any more, for good.",
		"Let the machines ask the replacement host: change the DNS record _muster._tcp or their configuration, then switch this host off."),
	OWN(162, 422, "State file not accepted",
		"The file was cut off or changed, is no state file of a host, was signed by nobody this host trusts, or does not fit this host. Nothing of it was taken.",
		"Compare the file with the one that `musterctl state export` wrote, copy it again, or make a new one; the detail says what was found."),
	OWN(163, 503, "Host is being moved",
		"The host's state is being written out for its retirement; until that is done or given up nothing is granted and nothing changed, so that nothing is lost.",
		"Nothing on this machine: it asks again by itself. An administrator sees the outcome where `musterctl state export --retire` runs."),
	OWN(164, 0, "Count is sinking",
		"Fewer machines are counted than the mark that was set for the product (low_water), or silent machines will soon leave fewer than its minimum count. Machines activated already keep what they have.",
		"Find out which machines have fallen silent with `musterctl clients`, and let them report again."),
	OWN(165, 0, "Setup key not noted",
		"The setup key of this product, which marks a machine as a volume client, is not noted in the catalogue. It is not secret.",
		"Copy it from the product's download page: `musterctl catalogue set ID --set setup_key=…`; where none is needed `--set keyless=yes`."),
};

const struct code_info *code_table(size_t *count)
{
	*count = sizeof table / sizeof table[0];
	return table;
}

const struct code_info *code_find(uint32_t code)
{
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (table[i].code == code)
			return &table[i];
	return NULL;
}

/* All of text as digits of the base. @return 0 when it is none: no code has that value. */
static uint32_t digits_value(const char *text, size_t n, unsigned base)
{
	uint64_t v = 0;

	if (n == 0 || n > 8)
		return 0;
	for (size_t i = 0; i < n; i++) {
		const char *all = "0123456789abcdef";
		const char *at = text[i] != '\0' ? strchr(all, text[i] >= 'A' && text[i] <= 'F' ? text[i] + 32 : text[i]) : NULL;

		if (at == NULL || (unsigned)(at - all) >= base)
			return 0;
		v = v * base + (uint64_t)(at - all);
	}
	return (uint32_t)v;
}

#define OWN_HRESULT 0xA0000000U   /* severity 1, customer 1, facility 0 */

/* M-nnn is decimal: 0x65 is not M-101, but its HRESULT is. */
static uint32_t published(uint32_t v)
{
	if (v > OWN_HRESULT && v < OWN_HRESULT + 1000)
		return v - OWN_HRESULT;
	return v >= 0x80000000U ? v : 0;
}

/* An HRESULT as scripts print it: -1073418184 or 3221549112. @return 0 when it is none. */
static uint32_t decimal(const char *text, size_t n)
{
	int64_t v = 0;

	for (size_t i = text[0] == '-' ? 1 : 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		v = v * 10 + (text[i] - '0');
	}
	if (text[0] == '-')
		v = INT64_C(0x100000000) - v;
	return v > 0 && v <= UINT32_MAX ? (uint32_t)v : 0;
}

const struct code_info *code_find_name(const char *text, size_t n)
{
	uint32_t v = 0;

	if (text == NULL)
		return NULL;
	if ((n == 11 && text[0] == '-') || (n == 10 && text[0] >= '2' && text[0] <= '4')) {
		v = published(decimal(text, n));
	} else if (n > 2 && strncasecmp(text, "0x", 2) == 0) {
		v = published(digits_value(text + 2, n - 2, 16));
	} else if (n > 1 && (text[0] == 'M' || text[0] == 'm')) {
		size_t skip = text[1] == '-' ? 2 : 1;

		v = digits_value(text + skip, n - skip, 10);
		if (v > 999)
			return NULL;
	} else if (n == 8) {
		v = published(digits_value(text, n, 16));
	} else if (n == 4) {
		/* As administrators shorten it: F038 for 0xC004F038, C008 for 0xC004C008. */
		v = digits_value(text, n, 16);
		if (v < 0xC000)
			return NULL;
		v |= 0xC0040000U;
	} else if (n == 3) {
		v = digits_value(text, n, 10);
	}
	return v != 0 ? code_find(v) : NULL;
}

void code_name(char out[16], uint32_t code)
{
	if (code < 1000)
		(void)snprintf(out, 16, "M-%03u", (unsigned)code);
	else
		(void)snprintf(out, 16, "0x%08X", (unsigned)code);
}

void code_name_hresult(char out[16], uint32_t code)
{
	if (code == (uint32_t)CODE_OK)
		(void)snprintf(out, 16, "0x0");
	else
		code_name(out, code < 1000 ? OWN_HRESULT + code : code);
}
