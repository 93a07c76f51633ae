/* Products with a key: reading it where nobody else sees it, telling facts, the way by file. */
#include "core/cli/muster_cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/file.h"

#define KEY_MAX 256          /* bytes of what holds a key; more than any way of typing one */
#define ANSWER_FILE_MAX (64u << 20)   /* an issuer's answer to 10 000 Installation IDs */

/* One line; what follows is not ours. @return enum mcli_exit. */
static int read_line(struct buf *key, int fd, int signals)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN }, { .fd = signals, .events = POLLIN } };

	for (;;) {
		char byte;
		ssize_t n;

		if (poll(p, signals < 0 ? 1 : 2, -1) < 0 && errno != EINTR)
			return mcli_say(MCLI_FAULT, "waiting for the key: %s", strerror(errno));
		if (signals >= 0 && p[1].revents != 0)
			return MCLI_USAGE;
		if (p[0].revents == 0)
			continue;
		n = read(fd, &byte, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mcli_say(MCLI_USAGE, "the key cannot be read: %s", strerror(errno));
		if (n == 0 || byte == '\n')
			return key->n > 0 ? MCLI_OK : mcli_say(MCLI_USAGE, "no key was given");
		buf_addc(key, byte);
		if (key->failed)
			return mcli_say(MCLI_USAGE, "this is longer than any product key");
	}
}

/* On the terminal itself, whatever standard input is. A signal puts the terminal right first and does then what it does. */
static int ask_terminal(struct buf *key)
{
	static const int stopping[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
	struct termios saved, quiet;
	sigset_t set, before;
	int tty, signals, r;

	if ((tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) < 0 || tcgetattr(tty, &saved) != 0) {
		if (tty >= 0)
			(void)close(tty);
		return mcli_say(MCLI_USAGE, "there is no terminal to ask for the key: give --key-fd N or --key-file FILE");
	}
	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof stopping / sizeof stopping[0]; i++)
		(void)sigaddset(&set, stopping[i]);
	(void)sigprocmask(SIG_BLOCK, &set, &before);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	quiet = saved;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	if (signals < 0 || tcsetattr(tty, TCSAFLUSH, &quiet) != 0) {
		r = mcli_say(MCLI_FAULT, "the terminal cannot be kept from showing the key: %s", strerror(errno));
	} else {
		(void)dprintf(tty, "Product key: ");
		r = read_line(key, tty, signals);
		(void)tcsetattr(tty, TCSADRAIN, &saved);
		(void)dprintf(tty, "\n");
	}
	if (signals >= 0)
		(void)close(signals);
	(void)close(tty);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

static int read_key(const struct mcli *m, struct buf *key)
{
	int fd, r;

	if (m->ask_key)
		return ask_terminal(key);
	if (m->key_file == NULL)
		return read_line(key, m->key_fd, -1);
	if ((fd = open(m->key_file, O_RDONLY | O_CLOEXEC)) < 0)
		return mcli_say(MCLI_USAGE, "cannot read the key file %s: %s", m->key_file, strerror(errno));
	r = read_line(key, fd, -1);
	(void)close(fd);
	return r;
}

bool mcli_has_key(const struct mcli *m)
{
	return m->ask_key || m->key_file != NULL || m->key_fd >= 0;
}

int mcli_take_key(struct mcli *m, const char *id)
{
	struct muster_err err = { 0 };
	struct buf key;
	int r;

	buf_init(&key, KEY_MAX);
	if ((r = read_key(m, &key)) == MCLI_OK && muster_client_set_key(m->client, id, (const char *)key.p, key.n, m->issuer_url, &err) != MUSTER_OK)
		r = err.result == MUSTER_E_INVALID ? mcli_say(MCLI_USAGE, "%s", err.message) : mcli_fail(&err);
	buf_cleanse(&key);
	return r;
}

/* true and false are booleans, digits an integer, the rest is text; nothing after the = removes the fact. */
static uint32_t kind_of(const char *value, int64_t *number)
{
	const char *digits = value[0] == '-' ? value + 1 : value;

	*number = strcmp(value, "true") == 0 ? 1 : 0;
	if (value[0] == '\0')
		return MUSTER_FACT_NONE;
	if (*number == 1 || strcmp(value, "false") == 0)
		return MUSTER_FACT_BOOLEAN;
	if (digits[0] == '\0' || strlen(digits) > 18 || strspn(digits, "0123456789") != strlen(digits) || (digits[0] == '0' && digits[1] != '\0'))
		return MUSTER_FACT_TEXT;
	for (const char *p = digits; *p != '\0'; p++)
		*number = *number * 10 + (*p - '0');
	if (digits != value)
		*number = -*number;
	return MUSTER_FACT_INTEGER;
}

int mcli_tell_facts(struct mcli *m)
{
	for (size_t i = 0; i < m->fact_count; i++) {
		const char *equals = strchr(m->facts[i], '=');
		struct muster_err err = { 0 };
		char name[128];
		int64_t number;
		uint32_t kind;

		if (equals == NULL || equals == m->facts[i] || (size_t)(equals - m->facts[i]) >= sizeof name)
			return mcli_say(MCLI_USAGE, "--fact: \"%.100s\" is not NAME=VALUE", m->facts[i]);
		(void)snprintf(name, sizeof name, "%.*s", (int)(equals - m->facts[i]), m->facts[i]);
		kind = kind_of(equals + 1, &number);
		if (muster_client_set_fact(m->client, name, kind, equals + 1, number, &err) != MUSTER_OK)
			return err.result == MUSTER_E_INVALID || err.result == MUSTER_E_LIMIT ? mcli_say(MCLI_USAGE, "%s", err.message) : mcli_fail(&err);
	}
	return MCLI_OK;
}

/* ---- the way by file ---- */

static int find(struct mcli *m, char id[37])
{
	struct muster_err err = { 0 };

	if (muster_client_find(m->client, m->args[0], id, &err) == MUSTER_OK)
		return MCLI_OK;
	return err.result == MUSTER_E_INVALID || err.result == MUSTER_E_NOT_FOUND ? mcli_say(MCLI_USAGE, "%s", err.message) : mcli_fail(&err);
}

int mcli_installation_id(struct mcli *m)
{
	struct muster_err err = { 0 };
	char id[37], digits[64];
	int r;

	if ((r = mcli_open(m)) != MCLI_OK || (r = find(m, id)) != MCLI_OK || (mcli_has_key(m) && (r = mcli_take_key(m, id)) != MCLI_OK))
		return r;
	if (muster_client_installation_id(m->client, id, digits, &err) != MUSTER_OK)
		return err.result == MUSTER_E_NOT_FOUND ? mcli_say(MCLI_REFUSED, "%s", err.message) : mcli_fail(&err);
	if (m->json)
		return mcli_print_json(json_pack("{s:s, s:s}", "activation_id", id, "installation_id", digits));
	(void)printf("Installation ID: %s\nHand it to the issuer in a list, and bring the answer back with `muster import %s FILE`.\n", digits, id);
	return MCLI_OK;
}

int mcli_import(struct mcli *m)
{
	struct muster_answer a = { .size = sizeof a };
	struct muster_err err = { 0 };
	struct buf text;
	char id[37];
	int r;

	buf_init(&text, ANSWER_FILE_MAX);
	if ((r = mcli_open(m)) != MCLI_OK || (r = find(m, id)) != MCLI_OK)
		goto done;
	if (file_read(&text, m->args[1], ANSWER_FILE_MAX, &err) != MUSTER_OK)
		r = mcli_fail(&err);
	else if (muster_client_import(m->client, id, span_of(text.p, text.n), &a, &err) != MUSTER_OK)
		r = err.result == MUSTER_E_NOMEM || err.result == MUSTER_E_IO || err.result == MUSTER_E_BUSY ? mcli_fail(&err) : mcli_say(MCLI_REFUSED, "%s: %s", m->args[1], err.message);
	else if (m->json)
		r = mcli_print_json(mcli_answer_json(m, id, &a));
	else
		mcli_print_answer(id, &a);
done:
	buf_fini(&text);
	return r;
}

int mcli_remove_key(struct mcli *m)
{
	struct muster_err err = { 0 };
	char id[37];
	int r;

	if ((r = mcli_open(m)) != MCLI_OK || (r = find(m, id)) != MCLI_OK)
		return r;
	if (muster_client_set_key(m->client, id, NULL, 0, NULL, &err) != MUSTER_OK)
		return mcli_fail(&err);
	if (m->json)
		return mcli_print_json(json_pack("{s:s, s:b}", "activation_id", id, "key", 0));
	(void)puts("Nothing is kept of a key for this product; what was activated stays activated.");
	return MCLI_OK;
}
