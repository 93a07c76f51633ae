/* The table of verbs: help, manual page and checks come from it. */
#include <strings.h>

#include "core/cli/verbs.h"

#define O(x) (UINT64_C(1) << CLI_O_##x)
#define ENTRIES (O(TEXT) | O(SET) | O(YES) | O(LIMIT) | O(ALL))   /* of every kind of entry in the books */

static const struct cli_verb verbs[] = {
	{ "dlv", "dlv [all | ACTIVATION-ID]", "A product's details and live numbers", CLI_VIEWER, 0, 0, 1, verb_dlv,
	  "musterctl dlv\nmusterctl /dlv all\nmusterctl dlv 2e28138a-847f-42bc-9752-61b03fff33cd --json" },
	{ "dli", "dli [all | ACTIVATION-ID]", "A product's summary", CLI_VIEWER, 0, 0, 1, verb_dli,
	  "musterctl dli\nmusterctl -dli all" },
	{ "xpr", "xpr [all | ACTIVATION-ID]", "When the present state ends", CLI_VIEWER, 0, 0, 1, verb_xpr,
	  "musterctl xpr\nmusterctl xpr all" },
	{ "products", "products [learn ACTIVATION-ID]", "Products, their counts and rules; unknown activation IDs", CLI_VIEWER,
	  O(UNKNOWN) | O(AS) | O(TITLE) | O(VERBOSE), 0, 2, verb_products,
	  "musterctl products\nmusterctl products --verbose\nmusterctl products --unknown\n"
	  "musterctl products learn 11111111-2222-4333-8444-555555555555 --as windows-server --title \"Server Standard\"   (administrator)" },
	{ "plugins", "plugins", "Plugins loaded, refused and switched off", CLI_VIEWER, O(VERBOSE), 0, 0, verb_plugins, "musterctl plugins\nmusterctl plugins --verbose" },
	{ "plugin", "plugin new NAME | check FILE | enable NAME", "A new plugin, its check without a host, or one that was switched off", CLI_ANYONE, O(DIR) | O(CONFIG), 1, 2, verb_plugin,
	  "musterctl plugin new writer --dir ./writer\nmusterctl plugin check ./writer.so\nmusterctl plugin check ./writer.ini\n"
	  "musterctl plugin check ./writer.ini --config /etc/muster/muster.conf --json\nmusterctl plugin enable writer   (administrator)" },
	{ "clients", "clients [CLIENT-ID | forget CLIENT-ID]", "Machines that reported in", CLI_VIEWER,
	  O(PRODUCT) | O(LIMIT) | O(AFTER) | O(ALL) | O(YES) | O(OBSERVED) | O(HOST) | O(TEXT), 0, 2, verb_clients,
	  "musterctl clients --product office2013\nmusterctl clients --all --json\nmusterctl clients --observed --host kms.example.org\nmusterctl clients forget 36f27b39-2fd5-440b-be67-a09996d27a38   (administrator)" },
	{ "events", "events", "Requests and what they were answered", CLI_VIEWER, O(FOLLOW) | O(TAIL) | O(AFTER) | O(LIMIT) | O(ALL) | O(OBSERVED), 0, 0, verb_events,
	  "musterctl events --tail 20\nmusterctl events --follow\nmusterctl events --all --json\nmusterctl events --observed --all" },
	{ "journal", "journal", "What administrators did", CLI_VIEWER, O(AFTER) | O(LIMIT) | O(ALL), 0, 0, verb_journal, "musterctl journal" },
	{ "settings", "settings [reset NAME]", "Settings, their values and where each comes from", CLI_VIEWER, 0, 0, 2, verb_settings,
	  "musterctl settings\nmusterctl settings reset activation_interval   (administrator)" },
	{ "sprt", "sprt PORT", "Set the port clients use", CLI_ADMINISTRATOR, 0, 1, 1, verb_set, "musterctl sprt 1688" },
	{ "sai", "sai MINUTES", "Set the activation interval: how soon an unactivated machine asks again", CLI_ADMINISTRATOR, 0, 1, 1, verb_set, "musterctl sai 120" },
	{ "sri", "sri MINUTES", "Set the renewal interval: how often an activated machine renews", CLI_ADMINISTRATOR, 0, 1, 1, verb_set, "musterctl sri 10080" },
	{ "spri", "spri", "Normal priority", CLI_ADMINISTRATOR, 0, 0, 0, verb_set, "musterctl spri" },
	{ "cpri", "cpri", "Low priority", CLI_ADMINISTRATOR, 0, 0, 0, verb_set, "musterctl cpri" },
	{ "status", "status", "The host itself: certificates, ledger, disk, clock", CLI_VIEWER, 0, 0, 0, verb_status, "musterctl status" },
	{ "doctor", "doctor [CHECK...]", "Is this host well, and what is to be done; exit codes as Nagios plugins have them", CLI_VIEWER, 0, 0, CLI_ARGS_MAX, verb_doctor,
	  "musterctl doctor\nmusterctl doctor counts forecast\nmusterctl doctor | head -1     for Nagios or Icinga\nmusterctl doctor --json" },
	{ "support-bundle", "support-bundle", "What somebody who helps needs to know, as a .tar.gz without keys", CLI_VIEWER, O(OUT) | O(ANONYMISE), 0, 0, verb_support_bundle,
	  "musterctl support-bundle\nmusterctl support-bundle --anonymise --out /tmp/muster.tar.gz" },
	{ "host", "host request | install FILE | roots FILE", "Ask for the host's certificate, and install it", CLI_ADMINISTRATOR, O(OUT), 1, 2, verb_host,
	  "musterctl host request --out host.csr\nmuster-issuer certify host.csr --products products.txt --out host.pem\nmusterctl host install host.pem\nmusterctl host roots roots.jwt      what the issuer announced" },
	{ "setup", "setup [PRODUCT]", "Led from product, pack and key to an activated host", CLI_VIEWER, 0, 0, 1, verb_setup,
	  "musterctl setup\nmusterctl setup office2013\nmusterctl setup --json          what is missing, product by product" },
	{ "pack", "pack [list | show [PACK-ID] | install FILE]", "Licence packs", CLI_VIEWER, 0, 0, 2, verb_pack,
	  "musterctl pack install contoso-office2013.pack   (administrator)\nmusterctl pack list\nmusterctl pack show" },
	{ "ipk", "ipk [KEY]", "Install a product key", CLI_ADMINISTRATOR, O(KEY_FD) | O(FILE) | O(YES), 0, 5, verb_ipk,
	  "musterctl ipk                   asks for the key without showing it\nmusterctl ipk --key-fd 3 3<key.txt\n"
	  "musterctl /ipk ANC9X-P4XJN-VAG5Y-48SN1-FGXNR   as administrators type it; others on this machine can read a command line" },
	{ "upk", "upk ACTIVATION-ID | NUMBER", "Remove a product key", CLI_ADMINISTRATOR, O(YES), 0, 1, verb_upk,
	  "musterctl upk 2e28138a-847f-42bc-9752-61b03fff33cd\nmusterctl upk 706200501 --yes" },
	{ "keys", "keys [list | show | add | set | remove | copy | export]", "Product keys: alone those of this host, with a word behind it those in the books", CLI_VIEWER,
	  O(WHOLE) | ENTRIES | O(ORGANISATION) | O(AGREEMENT) | O(LICENSE_ID) | O(PRODUCT) | O(KIND) | O(KEY_FD) | O(FILE) | O(OUT) | O(FORMAT) | O(ANONYMISE) | O(WITH_KEYS), 0, CLI_ARGS_MAX, verb_keys,
	  "musterctl keys\nmusterctl keys --whole 706200501   (key reader)\nmusterctl keys list --license-id V1234567\nmusterctl keys show EEEEE\n"
	  "musterctl keys add --set kind=mak --set products=\"Office LTSC 2021\" --set allowed=50   asks for the key without showing it   (administrator)\n"
	  "musterctl keys set EEEEE --set used=17\nmusterctl keys copy EEEEE --out key.txt   (key reader)\nmusterctl keys export --agreement select-2026" },
	{ "cpky", "cpky", "Why there is no readable product key to clear", CLI_ANYONE, 0, 0, 0, verb_cpky, "musterctl cpky" },
	{ "ato", "ato [ACTIVATION-ID]", "Activate this host online", CLI_ADMINISTRATOR, 0, 0, 1, verb_ato,
	  "musterctl ato\nmusterctl /ato 2e28138a-847f-42bc-9752-61b03fff33cd" },
	{ "dti", "dti [ACTIVATION-ID]", "Show the Installation ID for activation by telephone or file", CLI_ADMINISTRATOR, O(NEW) | O(QR) | O(OUT), 0, 1, verb_dti,
	  "musterctl dti\nmusterctl dti --qr\nmusterctl dti --out request.png" },
	{ "atp", "atp [CONFIRMATION-ID] [ACTIVATION-ID]", "Deposit the Confirmation ID, or an answer file", CLI_ADMINISTRATOR, O(FILE), 0, 10, verb_atp,
	  "musterctl atp 067447-575385-379640-042293-105403-554957-948930-580855\nmusterctl atp                   asks for the groups one by one\n"
	  "musterctl atp --file answer.png" },
	{ "phone", "phone [ACTIVATION-ID]", "Activation by telephone, led through the call", CLI_ADMINISTRATOR, O(YES), 0, 1, verb_phone,
	  "musterctl phone\nmusterctl phone 2e28138a-847f-42bc-9752-61b03fff33cd" },
	{ "mak", "mak [list | ask | export | import FILE | phone ID]", "Counted activations of machines, asked for in their place", CLI_VIEWER, O(OUT) | O(LIMIT) | O(ALL), 0, CLI_ARGS_MAX, verb_mak,
	  "musterctl mak list\nmusterctl mak ask               online   (administrator)\nmusterctl mak export --out request.txt\nmusterctl mak import answer.json\n"
	  "musterctl mak phone 147878-182305-808326-473017-624939-417546-203540-884046-980984" },
	{ "discover", "discover PATH", "The key on an installation medium: a folder or an ISO image", CLI_VIEWER, O(AS) | O(STORE), 1, 1, verb_discover,
	  "musterctl discover /mnt/sql2019\nmusterctl discover SQLServer2019-x64-ENU.iso\nmusterctl discover /srv/media/setup --as sql-server-2016\nmusterctl discover /mnt/sql2019 --store   (administrator)" },
	{ "media", "media [list | remove NUMBER]", "Keys stored from installation media", CLI_VIEWER, O(YES) | O(LIMIT) | O(ALL), 0, 2, verb_media,
	  "musterctl media\nmusterctl media remove 706200501 --yes   (administrator)" },
	{ "access", "access [report | list | packs | add | remove | revoke | reassign | activate | id]", "Access licences: bought, issued, over, and who holds them", CLI_VIEWER,
	  O(PRODUCT) | O(LIMIT) | O(ALL) | O(AFTER) | O(REASON) | O(PER) | O(OF) | O(LICENSES) | O(NOTE) | O(YES) |
	  O(PROGRAMME) | O(NUMBER) | O(KEY_FD) | O(FILE) | O(ONLINE) | O(OUT) | O(PHONE) | O(NEW), 0, CLI_ARGS_MAX, verb_access,
	  "musterctl access                report per version: bought, issued, temporary, over, revoked, free\nmusterctl access list --product rds\nmusterctl access packs\n"
	  "musterctl access add --product rds --per device --of 2019 --licenses 50 --note \"order 4711\"   (administrator)\nmusterctl access remove ID\n"
	  "musterctl access revoke 36f27b39-2fd5-440b-be67-a09996d27a38 --reason \"device was scrapped\"\nmusterctl access reassign alice bob --reason \"alice has left\"\n"
	  "musterctl access activate rds --programme Select --number 7654321 --online\nmusterctl access activate rds --programme \"Open Value\" --number V1234567 --phone\n"
	  "musterctl access id rds         the 35 digits of the licence server ID" },
	{ "seats", "seats [report | list | release | add | remove]", "Seats: how many, who holds them and who waits", CLI_VIEWER,
	  O(PRODUCT) | O(LIMIT) | O(ALL) | O(AFTER) | O(REASON) | O(LICENSES) | O(NOTE) | O(YES), 0, 2, verb_seats,
	  "musterctl seats                 report: how many, out, free, over, waiting\nmusterctl seats list --product acme-cad\nmusterctl seats release 36f27b39-2fd5-440b-be67-a09996d27a38 --reason \"left over the weekend\"   (administrator)\n"
	  "musterctl seats add --product cad --licenses 5 --note \"order 4712\"   only with `record = yes`; other seats come in packs\nmusterctl seats remove ID" },
	{ "organisations", "organisations [list | show ID | add [ID] | set ID | remove ID]", "Organisations, parents and children", CLI_VIEWER, ENTRIES | O(ORGANISATION), 0, 3, verb_estate,
	  "musterctl organisations\nmusterctl organisations add --set name=\"Contoso GmbH\"   (administrator)\nmusterctl organisations add contoso-it --set name=\"Contoso IT\" --set parent=contoso-gmbh" },
	{ "contacts", "contacts [list | show ID | add [ID] | set ID | remove ID]", "Sellers, support and whom else to call", CLI_VIEWER, ENTRIES | O(KIND), 0, 3, verb_estate,
	  "musterctl contacts\nmusterctl contacts add --set name=\"Licence Shop\" --set role=seller --set telephone=+49301234567   (administrator)" },
	{ "agreements", "agreements [list | show ID | add [ID] | set ID | remove ID]", "Agreements with their orders and keys", CLI_VIEWER, ENTRIES | O(ORGANISATION), 0, 3, verb_estate,
	  "musterctl agreements\nmusterctl agreements show select-2026\n"
	  "musterctl agreements add select-2026 --set programme=Select --set license_ids=V1234567 --set number=7654321 --set end=2029-06-30   (administrator)" },
	{ "orders", "orders [list | show ID | add [ID] | set ID | remove ID]", "Orders: submitted, fulfilled or cancelled", CLI_VIEWER, ENTRIES | O(AGREEMENT) | O(PRODUCT), 0, 3, verb_estate,
	  "musterctl orders --agreement select-2026\nmusterctl orders add --set number=4711 --set state=submitted --set bought=50   (administrator)\nmusterctl orders set 4711 --set state=fulfilled" },
	{ "catalogue", "catalogue [list | show ID | add [ID] | set ID | remove ID]", "Products as they are sold: category, setup key, rights", CLI_VIEWER, ENTRIES | O(CATEGORY) | O(PRODUCT), 0, 3, verb_estate,
	  "musterctl catalogue --category Office\nmusterctl catalogue --text \"standard 2021\"\n"
	  "musterctl catalogue add --set name=\"Office LTSC 2021 Standard\" --set category=Office --set serves=office2021   (administrator)" },
	{ "hosts", "hosts [list | show ID | add [ID] | set ID | remove ID]", "Activation hosts of vendors as their listings showed them, and how their counts went", CLI_VIEWER, ENTRIES, 0, 3, verb_estate,
	  "musterctl hosts\nmusterctl hosts show kms01" },
	{ "request", "request host-activations | mak-limit | kms-exception", "Ask for more: fields, checks, and the text to send", CLI_ADMINISTRATOR, O(SET) | O(AGREEMENT) | O(OUT), 0, 1, verb_request,
	  "musterctl request mak-limit          asks field by field\nmusterctl request mak-limit --set partial=EEEEE --set needed=50 --set reason=\"a new site\" --out request.txt\n"
	  "musterctl request kms-exception --agreement ov-2026" },
	{ "requests", "requests [list | show ID | add [ID] | set ID [STATE] | remove ID]", "Requests for more, and what became of them", CLI_VIEWER, ENTRIES | O(AGREEMENT) | O(PRODUCT) | O(KIND), 0, 3, verb_estate,
	  "musterctl requests\nmusterctl requests set mak-limit-1 asked   (administrator)\nmusterctl requests set mak-limit-1 granted --set granted=50" },
	{ "advise", "advise --machines N", "Host key, MAK or both for a number of machines, with the reasons", CLI_VIEWER, O(MACHINES) | O(ISOLATED) | O(PRODUCT) | O(AGREEMENT), 0, 0, verb_advise,
	  "musterctl advise --machines 40\nmusterctl advise --machines 40 --isolated 6 --product office2013\nmusterctl advise --machines 40 --agreement ov-2026" },
	{ "import", "import FILE... | --watch FOLDER", "Take in listings, event exports, key exports, spreadsheets and exports of other hosts", CLI_ADMINISTRATOR,
	  O(KIND) | O(DRY_RUN) | O(MAP) | O(HOST) | O(AT) | O(CODE_PAGE) | O(UTC_OFFSET) | O(TIME_ZONE) | O(WATCH) | O(ONCE), 0, CLI_ARGS_MAX, verb_import,
	  "musterctl import dlv-all.txt events.csv keys.csv\nmusterctl import --dry-run --json portal.csv\nmusterctl import keys.csv --map \"Contract=license_ids\" --map \"Product Key=key\"\n"
	  "musterctl import events.txt --host kms1 --time-zone Europe/Berlin\nmusterctl export keys | musterctl import -\nmusterctl import --watch /srv/muster/drop" },
	{ "export", "export keys | machines | events | books", "Keys, machines, events or the whole books, for others and for `musterctl import`", CLI_VIEWER,
	  O(LICENSE_ID) | O(AGREEMENT) | O(ORGANISATION) | O(PRODUCT) | O(TEXT) | O(KIND) | O(HOST) | O(FORMAT) | O(OUT) | O(YES) | O(ANONYMISE) | O(OBSERVED) | O(WITH_KEYS), 0, CLI_ARGS_MAX, verb_export,
	  "musterctl export keys --license-id V1234567 --out keys.csv\nmusterctl export keys EEEEE FFFFF --format table\nmusterctl export keys --with-keys --out keys.csv   (key reader)\n"
	  "musterctl export machines --format json --out machines.json\nmusterctl export events --observed\nmusterctl export books --anonymise --format json\nmusterctl export books agreements orders" },
	{ "debt", "debt", "What exceeds what there is, of every model", CLI_VIEWER, O(PRODUCT), 0, 0, verb_debt, "musterctl debt\nmusterctl debt --product acme-cad --json" },
	{ "crl", "crl [show | install FILE]", "Revocation lists of issuers", CLI_VIEWER, 0, 0, 2, verb_crl,
	  "musterctl crl\nmusterctl crl install issuer.crl   (administrator)" },
	{ "rekey", "rekey", "A new host key file, and everything sealed under it", CLI_ADMINISTRATOR, O(YES), 0, 0, verb_rekey, "musterctl rekey --yes" },
	{ "audit", "audit verify | head", "Check the record of acts, or show its head", CLI_VIEWER, O(EXPECT), 1, 1, verb_audit,
	  "musterctl audit head\nmusterctl audit verify\nmusterctl audit verify --expect 412:9f2c0a…" },
	{ "clock", "clock accept", "Take the present clock as right after a jump", CLI_ADMINISTRATOR, O(YES), 1, 1, verb_clock, "musterctl clock accept" },
	{ "backup", "backup FOLDER", "Copy the ledger while it runs", CLI_ADMINISTRATOR, 0, 1, 1, verb_backup, "musterctl backup /srv/backup/muster-monday" },
	{ "state", "state export FILE | import FILE", "Move a host: its counts, clients and books into a file, and into the host that replaces it", CLI_ADMINISTRATOR,
	  O(WITH_KEYS) | O(PASSPHRASE_FD) | O(RETIRE) | O(DRY_RUN) | O(YES), 2, 2, verb_state,
	  "musterctl state export old-host.state --retire\nmusterctl state import old-host.state --dry-run\nmusterctl state import old-host.state\n"
	  "musterctl state export old-host.state --with-keys --passphrase-fd 3 3<passphrase.txt" },
	{ "reload", "reload", "Read the configuration again and say what changed", CLI_ADMINISTRATOR, 0, 0, 0, verb_reload, "musterctl reload" },
	{ "explain", "explain CODE | WORDS", "What a code means and what to do", CLI_ANYONE, O(ALL), 0, CLI_ARGS_MAX, verb_explain,
	  "musterctl explain 0xC004F038\nmusterctl explain M-112\nmusterctl explain 12290           an event\nmusterctl explain key limit       codes about these words\nmusterctl explain Notification    a licensing status\nmusterctl explain --all" },
};

const struct cli_verb *cli_verbs(size_t *n)
{
	*n = sizeof(verbs) / sizeof(verbs[0]);
	return verbs;
}

const char *verbs_elsewhere(const char *word)
{
	static const char client[] = "this is a verb of a client machine: type it with `muster`";
	static const char dns[] = "this version publishes nothing in DNS; enter the record _muster._tcp by hand";
	static const struct { const char *verb, *why; } table[] = {
		{ "skms", client }, { "ckms", client }, { "rearm", client }, { "activate", client }, { "renew", client }, { "verify", client }, { "release", client },
		{ "sdns", dns }, { "cdns", dns },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcasecmp(word, table[i].verb) == 0)
			return table[i].why;
	return NULL;
}
