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
	{ "list", "list", "list the certificates issued", 0, 0, 0, 0, command_list,
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer list --json\n" },
	{ "show", "show [NUMBER|KID|SERIAL]", "show the issuer, or one certificate with its chain", 0, 0, 0, 1, command_show,
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer show\n"
	  "  muster-issuer --dir /srv/issuer show 1\n" },
	{ "confirm", "confirm [INSTALLATION-ID] [--name HOST] [--override REASON] [--batch FILE | --request FILE [--text]] [--out FILE] [--passphrase-fd N]",
	  "answer an Installation ID: digits, a certificate, or a batch", B(NAME) | B(OVERRIDE) | B(BATCH) | B(REQUEST) | B(TEXT) | B(OUT) | B(PASSPHRASE_FD), 0, 0, 1, command_confirm,
	  "Without an argument the Installation ID is asked for group by group, as it is read out; a mistyped group is named. The Confirmation ID is shown after it was\n"
	  "recorded; the same Installation ID gets the same answer and counts nothing.\n"
	  "--name: the host's name in your books. --override: confirm although too many wrong Installation IDs came for this key today; the reason is recorded.\n"
	  "--request: a host's request as file (- is standard input), as text (MUSTER1:…) or PEM with its Installation ID; the answer is its certificate, with --text\n"
	  "as one line for a QR code. --batch: a file of `musterctl mak export`; the answer is for `musterctl mak import`. Both answers go to standard output or --out.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer confirm --name kms1.example.com\n"
	  "  muster-issuer --dir /srv/issuer confirm 147878-041320-…\n"
	  "  muster-issuer --dir /srv/issuer confirm --request host.request --out host.pem\n"
	  "  muster-issuer --dir /srv/issuer confirm --batch machines.txt --out answers.json\n" },
	{ "restore", "restore", "bring restored books up to confirmations.log", 0, 0, 0, 0, command_restore,
	  "After books.db was restored from a backup: takes in what was confirmed since, from DIR/confirmations.log, which must be the newest one. Until then nothing is\n"
	  "revealed. What the books know already changes nothing.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer restore\n" },
	{ "serve", "serve --listen ADDRESS:PORT [--name DNS] [--passphrase-fd N]", "run the activation service (HTTPS)", B(LISTEN) | B(NAME) | B(PASSPHRASE_FD), B(LISTEN), 0, 0,
	  command_serve,
	  "Hosts activate and renew, machines and proxies confirm counted keys (docs/issuer-api.yaml). TLS 1.3 with a certificate that the intermediate makes and\n"
	  "renews for --name (the address, if not given); clients trust the root in issuer.pem. Ends on SIGTERM after the requests under way.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer serve --listen 192.0.2.7:443 --name activation.example.com --passphrase-fd 3 3</root/passphrase\n" },
	{ .name = NULL },
};
