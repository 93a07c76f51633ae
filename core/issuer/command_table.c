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
	{ .name = NULL },
};
