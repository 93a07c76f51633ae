/* The commands, in the order in which help lists them. */
#include "core/issuer/commands.h"

#include <stddef.h>

#define B(name) OPTION_BIT(OPT_##name)

const struct command command_table[] = {
	{ "init", "init --name NAME [--algorithm es256|ed25519] [--passphrase-fd N | --no-passphrase]", "make a new issuer: root, first intermediate, books",
	  B(NAME) | B(ALGORITHM) | B(PASSPHRASE_FD) | B(NO_PASSPHRASE), B(NAME), 0, 0, command_init,
	  "Makes DIR with root.key, issuer.pem (the root, to be handed out) and the first intermediate. An existing issuer is never overwritten.\n"
	  "Without --passphrase-fd or --no-passphrase the passphrase is asked for on the terminal, without echo.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer init --name \"Example Software\"\n"
	  "  muster-issuer --dir /srv/issuer init --name \"Example Software\" --passphrase-fd 3 3</root/passphrase\n" },
	{ "certify", "certify REQUEST --products FILE [--subject NAME] [--days N] [--out FILE] [--passphrase-fd N]", "certify a host for products",
	  B(PRODUCTS) | B(SUBJECT) | B(DAYS) | B(OUT) | B(PASSPHRASE_FD), B(PRODUCTS), 1, 1, command_certify,
	  "REQUEST is what `musterctl host request` printed; - is standard input. Only its public key and the proof of possession are used.\n"
	  "FILE has one activation ID a line; # begins a comment. The chain (PEM: host, intermediate) goes to standard output or to --out.\n"
	  "--days: 2 to 730, 730 unless given. --subject: the host's name in your books; \"host N\" unless given.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer certify host.csr --products products.txt --subject \"Example GmbH, host 1\" --out host.pem\n" },
	{ "intermediate", "intermediate [--root-key FILE] [--passphrase-fd N]", "make a new intermediate with the root key",
	  B(ROOT_KEY) | B(PASSPHRASE_FD), 0, 0, 0, command_intermediate,
	  "An intermediate issues during its first three years and lives six. The root key is looked for in DIR/root.key unless --root-key names it.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer intermediate --root-key /media/offline/root.key\n" },
	{ "product add", "product add NAME --activation-id UUID --title TEXT [--coverage-start DATE] [--coverage-end DATE] [--replace]", "put a product into the books",
	  B(ACTIVATION_ID) | B(TITLE) | B(COVERAGE_START) | B(COVERAGE_END) | B(REPLACE), B(ACTIVATION_ID) | B(TITLE), 1, 1, command_product_add,
	  "NAME is your short name for it: letters, digits, points, hyphens, underscores. The activation ID is the product's own; a host's plugin or product file knows it.\n"
	  "The coverage is what ESU keys for it get unless they are given one. --replace changes a product that is there.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer product add office2013 --activation-id 2e28138a-847f-42bc-9752-61b03fff33cd --title \"Office 2013\"\n" },
	{ "product list", "product list", "list the products", 0, 0, 0, 0, command_product_list,
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer product list\n" },
	{ "agreement add", "agreement add NUMBER --programme NAME --organisation ID [--name NAME] [--license-id ID]", "put an agreement into the books",
	  B(PROGRAMME) | B(ORGANISATION) | B(NAME) | B(LICENSE_ID), B(PROGRAMME) | B(ORGANISATION), 1, 1, command_agreement_add,
	  "ID is your short name for the organisation; with --name an organisation that is not in the books yet is added under that name.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer agreement add EA-4711 --programme enterprise --organisation example --name \"Example GmbH\"\n" },
	{ "agreement list", "agreement list", "list the agreements", 0, 0, 0, 0, command_agreement_list,
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer agreement list\n" },
	{ "contact set", "contact set REGION [--telephone NUMBER] [--hours TEXT] [--web ADDRESS] [--email ADDRESS]", "how administrators of a region reach you",
	  B(TELEPHONE) | B(HOURS) | B(WEB) | B(EMAIL), 0, 1, 1, command_contact_set,
	  "Packs carry the contacts; `musterctl phone` shows them. What is not given is empty afterwards.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer contact set Germany --telephone \"+49 30 5550100\" --hours \"Mo-Fr 8-18\"\n" },
	{ "contact remove", "contact remove REGION", "take a contact out", 0, 0, 1, 1, command_contact_remove,
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer contact remove Germany\n" },
	{ "contact list", "contact list", "list the contacts", 0, 0, 0, 0, command_contact_list,
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer contact list\n" },
	{ "contact service", "contact service [https://HOST[:PORT] | none]", "the address of your activation service", 0, 0, 0, 1, command_contact_service,
	  "Shows or sets the address that packs give to hosts for activating online; see serve. \"none\" takes it out.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer contact service https://activation.example.com\n" },
	{ "key mint", "key mint --kind host|mak|esu-mak|setup|embedded|access --agreement NUMBER --products NAME[,NAME …] [--hosts N] [--activations N]"
	  " [--coverage-start DATE] [--coverage-end DATE] [--account NUMBER | --retail] [--passphrase-fd N]", "make a product key",
	  B(KIND) | B(AGREEMENT) | B(PRODUCTS) | B(HOSTS) | B(ACTIVATIONS) | B(COVERAGE_START) | B(COVERAGE_END) | B(ACCOUNT) | B(RETAIL) | B(PASSPHRASE_FD), B(KIND) | B(AGREEMENT) | B(PRODUCTS), 0, 0,
	  command_key_mint,
	  "The key is printed whole this once; afterwards only by `key show NUMBER --whole`, which is recorded.\n"
	  "A host key activates 6 hosts, each 10 times, unless --hosts and --activations say otherwise. A MAK needs --activations: the machines it is for. An ESU MAK\n"
	  "cannot be used before its --coverage-start (the product's, unless given). Hosts take a key only with a pack that has it.\n"
	  "An access key activates licence servers, as many as a host key. It follows from the agreement's programme and number: administrators type these, no key. --account:\n"
	  "the number they type where it is not the agreement's, as a purchasing account number. --retail: a licence code of 25 characters instead, which is printed.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer key mint --kind host --agreement EA-4711 --products office2013\n"
	  "  muster-issuer --dir /srv/issuer key mint --kind mak --agreement EA-4711 --products windows,windows-server --activations 300\n"
	  "  muster-issuer --dir /srv/issuer key mint --kind access --agreement 4100012345 --account 7654321 --products rds\n" },
	{ "key list", "key list [--agreement NUMBER]", "list keys and what of them is used", B(AGREEMENT), 0, 0, 0, command_key_list,
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer key list --agreement EA-4711\n" },
	{ "key show", "key show NUMBER [--whole] [--passphrase-fd N]", "show a key and who holds its places", B(WHOLE) | B(PASSPHRASE_FD), 0, 1, 1, command_key_show,
	  "--whole shows the key itself; that is in the audit trail before it is on the screen.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer key show 123456789\n"
	  "  muster-issuer --dir /srv/issuer key show 123456789 --whole\n" },
	{ "cal create", "cal create --agreement NUMBER --products NAME[,NAME …] --per device|user|seat [--license-version VERSION] --licenses N [--server SERVER-ID|HOST]"
	  " [--coverage-start DATE] [--coverage-end DATE] [--out FILE] [--passphrase-fd N]", "license access or seats, and make the pack for the licence server",
	  B(AGREEMENT) | B(PRODUCTS) | B(PER) | B(LICENSE_VERSION) | B(LICENSES) | B(SERVER) | B(COVERAGE_START) | B(COVERAGE_END) | B(OUT) | B(PASSPHRASE_FD),
	  B(AGREEMENT) | B(PRODUCTS) | B(PER) | B(LICENSES), 0, 0, command_cal_create,
	  "Licences per device and per user have a version and are for one licence server: --server takes its 35 digits (musterctl access id), its name or its binding (key show).\n"
	  "Seats need no server. The pack has all licences of the agreement for that server, those given before too; online it comes by itself with the next activation or\n"
	  "renewal, as a file it is installed with `musterctl pack install`. A pack lives three years at most: pack create --host-binding makes the next one. Licences with a\n"
	  "coverage count during it only.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer cal create --agreement 4100012345 --products rds --per device --license-version 2019 --licenses 50 --server ls1.example.com --out rds.pack\n" },
	{ "cal list", "cal list [--agreement NUMBER]", "list the licences given, and for which licence server", B(AGREEMENT), 0, 0, 0, command_cal_list,
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer cal list\n" },
	{ "pack create", "pack create --agreement NUMBER [--out FILE] [--host-binding HEX] [--passphrase-fd N]", "make the next licence pack of an agreement",
	  B(AGREEMENT) | B(OUT) | B(HOST_BINDING) | B(PASSPHRASE_FD), B(AGREEMENT), 0, 0, command_pack_create,
	  "The pack has every active key of the agreement, prepared activations for the telephone, the contacts and the revocation list. It is a new issue: hosts that install\n"
	  "it accept no older one, and digits not given yet for the former issue are void. It goes to standard output or to --out, an existing file is not overwritten.\n"
	  "--host-binding (20 hexadecimal digits): the licences of the agreement for this licence server again (cal create), where it has any; else the pack is tied to this host.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer pack create --agreement EA-4711 --out ea-4711.pack\n" },
	{ "pack list", "pack list [--agreement NUMBER]", "list the packs made", B(AGREEMENT), 0, 0, 0, command_pack_list,
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer pack list\n" },
	{ "pack show", "pack show FILE|ID|AGREEMENT [--out FILE]", "check a pack and show what is in it", B(OUT), 0, 1, 1, command_pack_show,
	  "A file, a pack of the books by its ID, or the newest one of an agreement. --out writes the pack itself, as pack create did.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer pack show ea-4711.pack\n"
	  "  muster-issuer --dir /srv/issuer pack show EA-4711 --out again.pack\n" },
	{ "list", "list [certificates|keys|packs|agreements|products|contacts|confirmations]", "list what the books hold; certificates unless said",
	  B(AGREEMENT), 0, 0, 1, command_list,
	  "--agreement NUMBER: keys and packs of this agreement only.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer list --json\n"
	  "  muster-issuer --dir /srv/issuer list confirmations\n" },
	{ "show", "show [[certificate] NUMBER|KID|SERIAL | key NUMBER | pack ID | agreement NUMBER]", "show the issuer, or one thing of the books",
	  0, 0, 0, 2, command_show,
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer show\n"
	  "  muster-issuer --dir /srv/issuer show 1\n"
	  "  muster-issuer --dir /srv/issuer show agreement EA-4711\n" },
	{ "confirm", "confirm [INSTALLATION-ID | --programme NAME --number NUMBER [SERVER-ID]] [--name HOST] [--override REASON] [--batch FILE | --request FILE [--text]] [--out FILE]"
	  " [--passphrase-fd N]", "answer an Installation ID: digits, a certificate, or a batch", B(PROGRAMME) | B(NUMBER) | B(NAME) | B(OVERRIDE) | B(BATCH) | B(REQUEST) | B(TEXT) | B(OUT) | B(PASSPHRASE_FD), 0, 0, 1, command_confirm,
	  "Without an argument the Installation ID is asked for group by group, as it is read out; a mistyped group is named. The Confirmation ID is shown after it was\n"
	  "recorded; the same Installation ID gets the same answer and counts nothing.\n"
	  "--programme and --number: a licence server's administrator reads out these and 35 digits, the licence server ID, in place of an Installation ID.\n"
	  "--name: the host's name in your books. --override: confirm although too many wrong Installation IDs came for this key today; the reason is recorded.\n"
	  "--request: a host's request as file (- is standard input), as text (MUSTER1:…), a PNG picture of its QR code, or PEM with its Installation ID; the answer is\n"
	  "its certificate, with --text as one line, with --out FILE.png or FILE.svg as a QR code. --batch: a file of `musterctl mak export`; the answer is for\n"
	  "`musterctl mak import`. Both answers go to standard output or --out.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer confirm --name kms1.example.com\n"
	  "  muster-issuer --dir /srv/issuer confirm 147878-041320-…\n"
	  "  muster-issuer --dir /srv/issuer confirm --programme Select --number 7654321 --name ls1.example.com\n"
	  "  muster-issuer --dir /srv/issuer confirm --request host.request --out host.pem\n"
	  "  muster-issuer --dir /srv/issuer confirm --batch machines.txt --out answers.json\n" },
	{ "restore", "restore [--log-lost --reason TEXT]", "bring restored books up to confirmations.log", B(LOG_LOST) | B(REASON), 0, 0, 0, command_restore,
	  "After books.db was restored from a backup: takes in what was confirmed since, from DIR/confirmations.log, which must be the newest one. Until then nothing is\n"
	  "revealed. What the books know already changes nothing.\n"
	  "--log-lost: there is no copy of the log any more. A new one is begun; every slot that the books do not know to be given is void, so each agreement with prepared\n"
	  "activations needs a new licence pack, and what was confirmed after the backup is counted when it is asked for again.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer restore\n" },
	{ "serve", "serve --listen ADDRESS:PORT [--name DNS] [--passphrase-fd N]", "run the activation service (HTTPS)", B(LISTEN) | B(NAME) | B(PASSPHRASE_FD), B(LISTEN), 0, 0,
	  command_serve,
	  "Hosts activate and renew, machines and proxies confirm counted keys (docs/issuer-api.yaml). TLS 1.3 with a certificate that the intermediate makes and\n"
	  "renews for --name (the address, if not given); clients trust the root in issuer.pem. Ends on SIGTERM after the requests under way.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer serve --listen 192.0.2.7:443 --name activation.example.com --passphrase-fd 3 3</root/passphrase\n" },
	{ "allow", "allow NUMBER [--hosts N] [--activations N] --reason TEXT", "raise a key's limits", B(HOSTS) | B(ACTIVATIONS) | B(REASON), B(REASON), 1, 1, command_allow,
	  "Limits are only raised, and the reason is recorded.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer allow 123456789 --hosts 8 --reason \"two more sites, ticket 4711\"\n" },
	{ "revoke", "revoke [key] NUMBER | certificate NUMBER|KID|SERIAL|statement-N --reason WORD [--passphrase-fd N]", "revoke a key with its certificates, or one certificate", B(REASON) | B(PASSPHRASE_FD), B(REASON), 1, 2,
	  command_revoke,
	  "WORD: key-compromise and unspecified end leases signed before, too; superseded, cessation and affiliation-changed let them live on.\n"
	  "Hosts learn it from the next revocation list (crl), pack or contact with the service.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer revoke 123456789 --reason key-compromise\n"
	  "  muster-issuer --dir /srv/issuer revoke certificate 3 --reason superseded\n"
	  "  muster-issuer --dir /srv/issuer revoke certificate statement-1 --reason key-compromise\n" },
	{ "retire", "retire NUMBER HOST [--reason TEXT]", "free the place that a host holds of a host key", B(REASON), 0, 2, 2, command_retire,
	  "HOST is the host's binding, or its name if only one is called so; `key show NUMBER` lists them. Its certificates are revoked (cessation).\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer retire 123456789 kms1.example.com --reason \"machine scrapped\"\n" },
	{ "crl", "crl [--out FILE] [--passphrase-fd N]", "make the next revocation list", B(OUT) | B(PASSPHRASE_FD), 0, 0, 0, command_crl,
	  "PEM, to standard output or to --out. Every list has a higher number than the one before; hosts never go back to a lower one.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer crl --out issuer.crl\n" },
	{ "roots announce", "roots announce [--name NAME] [--out FILE] [--passphrase-fd N]", "make a new root and announce it under the present one",
	  B(NAME) | B(OUT) | B(PASSPHRASE_FD), 0, 0, 0, command_roots_announce,
	  "The new root waits; issuer.pem then holds both, and the announcement (signed under the root in use) lets hosts and clients learn it. Again: announces anew.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer roots announce --out roots.jwt\n" },
	{ "roots switch", "roots switch [--root-key FILE] [--passphrase-fd N]", "take the announced root into use", B(ROOT_KEY) | B(PASSPHRASE_FD), 0, 0, 0, command_roots_switch,
	  "Makes an intermediate under the new root. The key is looked for in DIR/root-next.key unless --root-key names it. Who has not learned the new root by then must be\n"
	  "given issuer.pem again.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer roots switch --root-key /media/offline/root-next.key\n" },
	{ "export", "export [TABLE] [--format json|csv] [--with-keys] [--out FILE] [--passphrase-fd N]", "write the books for other programs",
	  B(FORMAT) | B(WITH_KEYS) | B(OUT) | B(PASSPHRASE_FD), 0, 0, 1, command_export,
	  "JSON has everything but secrets. CSV has one TABLE: products, agreements, contacts, keys, packs, confirmations or certificates. --with-keys adds the keys whole;\n"
	  "the export is then sealed under the issuer's passphrase (asked for; in an issuer without one it is the passphrase of this export), and recorded.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer export --out books.json\n"
	  "  muster-issuer --dir /srv/issuer export keys --format csv\n" },
	{ "export open", "export open FILE [--out FILE] [--passphrase-fd N]", "read an export that has keys", B(OUT) | B(PASSPHRASE_FD), 0, 1, 1, command_export_open,
	  "Opens what export --with-keys wrote, with its passphrase; --out is made for its owner only.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer export open books-with-keys.json --out plain.json\n" },
	{ "backup", "backup FILE", "copy the books while they are in use", 0, 0, 1, 1, command_backup,
	  "The copy is consistent, checked and on the disk. Secrets in it stay sealed; they need books.key.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer backup /backup/books-2026-11-22.db\n" },
	{ "passphrase change", "passphrase change [--passphrase-fd N] [--new-passphrase-fd N | --no-passphrase]", "put all keys under another passphrase",
	  B(PASSPHRASE_FD) | B(NEW_PASSPHRASE_FD) | B(NO_PASSPHRASE), 0, 0, 0, command_passphrase,
	  "All keys in DIR change together or not at all. A root key kept elsewhere keeps its own.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer passphrase change\n" },
	{ "audit", "audit", "list who did what", 0, 0, 0, 0, command_audit,
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer audit --json\n" },
	{ "audit verify", "audit verify [--expect SEQ:HASH]", "check that the audit trail is whole", B(EXPECT), 0, 0, 0, command_audit_verify,
	  "Prints the head. Write it down elsewhere: with --expect a trail that was cut off or rewritten since is noticed.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer audit verify\n" },
	{ .name = NULL },
};
