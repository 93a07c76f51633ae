#include "core/issuer/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <openssl/ui.h>
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"

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
		return err_set(err, MUSTER_E_DENIED, "there is no terminal to ask for a passphrase: give it with --passphrase-fd N, as in 3<FILE, or as the file passphrase in $CREDENTIALS_DIRECTORY");
	(void)close(tty);
	/* OpenSSL's prompt: no echo, and the terminal is put right again when a signal arrives */
	r = UI_UTIL_read_pw_string(out->text, (int)sizeof(out->text) - 1, prompt, twice ? 1 : 0);
	if (r == 0 && out->text[0] != '\0')
		return MUSTER_OK;
	OPENSSL_cleanse(out, sizeof(*out));
	return err_set(err, MUSTER_E_DENIED, r == 0 ? "an empty passphrase was given" : twice ? "no passphrase was given, or the two differ" : "no passphrase was given");
}

/* A credential of systemd's, or a file in a folder made like one: nobody else may read it. @return MUSTER_E_NOT_FOUND: there is none. */
static int read_credential(struct passphrase *out, struct muster_err *err)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char *path = dir != NULL && dir[0] != '\0' ? file_join(dir, "passphrase") : NULL;
	struct stat st;
	int r, fd;

	if (dir == NULL || dir[0] == '\0')
		return MUSTER_E_NOT_FOUND;
	if (path == NULL)
		return err_nomem(err);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) < 0)
		r = errno == ENOENT ? MUSTER_E_NOT_FOUND : err_errno(err, errno, "cannot open %s", path);
	else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		r = err_set(err, MUSTER_E_DENIED, "%s must be a file that only its owner may read: chmod 400 it", path);
	else
		r = passphrase_read(out, fd, err);
	if (fd >= 0)
		(void)close(fd);
	mem_free(path);
	return r;
}

int passphrase_get(struct passphrase *out, int fd, const char *prompt, bool twice, struct muster_err *err)
{
	int r;

	if (fd >= 0)
		return passphrase_read(out, fd, err);
	r = read_credential(out, err);
	return r == MUSTER_E_NOT_FOUND ? passphrase_ask(out, prompt, twice, err) : r;
}
