/** Passphrases: from a file descriptor or from the terminal without echo, never from the command line. */
#ifndef ISSUER_PASSPHRASE_H
#define ISSUER_PASSPHRASE_H

#include <stdbool.h>
#include <muster/types.h>

#define PASSPHRASE_SIZE 1025

/** Wipe it with OPENSSL_cleanse() when done. */
struct passphrase { char text[PASSPHRASE_SIZE]; };

/** The first line of @p fd, at most 1024 bytes; the descriptor stays open. MUSTER_E_INVALID, MUSTER_E_LIMIT, MUSTER_E_IO. */
int passphrase_read(struct passphrase *out, int fd, struct muster_err *err);
/** Ask on the terminal; @p twice for a new one. MUSTER_E_DENIED: there is no terminal, or the two differ. */
int passphrase_ask(struct passphrase *out, const char *prompt, bool twice, struct muster_err *err);

/** From @p fd when it is >= 0, else from the file "passphrase" in $CREDENTIALS_DIRECTORY (systemd), else from the terminal. */
int passphrase_get(struct passphrase *out, int fd, const char *prompt, bool twice, struct muster_err *err);

#endif
