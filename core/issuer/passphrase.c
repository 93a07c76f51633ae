#include "core/issuer/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <openssl/ui.h>
#include "core/base/err.h"

int passphrase_read(struct passphrase *out, int fd, struct muster_err *err)
{
	size_t n = 0;
	ssize_t got = 1;
	int r = MUSTER_OK;

	/* byte by byte: what follows the line belongs to somebody else */
	while (n < sizeof(out->text) - 1 && (got = read(fd, out->text + n, 1)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			r = err_errno(err, errno, "cannot read the passphrase from file descriptor %d", fd);
			break;
		}
		if (out->text[n] == '\n')
			break;
		n++;
	}
	if (r == MUSTER_OK && n == sizeof(out->text) - 1)
		r = err_set(err, MUSTER_E_LIMIT, "the passphrase on file descriptor %d is longer than %d bytes", fd, PASSPHRASE_SIZE - 2);
	if (r == MUSTER_OK && n > 0 && out->text[n - 1] == '\r')
		n--;
	out->text[n] = '\0';
	if (r == MUSTER_OK && strlen(out->text) != n)
		r = err_set(err, MUSTER_E_INVALID, "the passphrase on file descriptor %d contains a zero byte", fd);
	if (r == MUSTER_OK && n == 0)
		r = err_set(err, MUSTER_E_INVALID, "there is no passphrase on file descriptor %d", fd);
	if (r != MUSTER_OK)
		OPENSSL_cleanse(out, sizeof(*out));
	return r;
}

int passphrase_ask(struct passphrase *out, const char *prompt, bool twice, struct muster_err *err)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), r;

	if (tty < 0)
		return err_set(err, MUSTER_E_DENIED, "there is no terminal to ask for a passphrase: give it with --passphrase-fd N, as in 3<FILE");
	(void)close(tty);
	/* OpenSSL's prompt: no echo, and the terminal is put right again when a signal arrives */
	r = UI_UTIL_read_pw_string(out->text, (int)sizeof(out->text) - 1, prompt, twice ? 1 : 0);
	if (r == 0 && out->text[0] != '\0')
		return MUSTER_OK;
	OPENSSL_cleanse(out, sizeof(*out));
	return err_set(err, MUSTER_E_DENIED, r == 0 ? "an empty passphrase was given" : twice ? "no passphrase was given, or the two differ" : "no passphrase was given");
}
