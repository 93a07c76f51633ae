#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "core/cli/term.h"

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

static volatile sig_atomic_t caught;
static struct sigaction before[SIGNALS];
static unsigned depth;
static const char *volatile unfinished;

static void on_signal(int number)
{
	/* the first one is waited for by a question; who presses again does not want to wait */
	if (caught != 0) {
		if (unfinished != NULL)
			(void)unlink(unfinished);
		_exit(128 + number);
	}
	caught = number;
}

void term_begin(void)
{
	struct sigaction a = { .sa_handler = on_signal };

	if (depth++ > 0)
		return;
	caught = 0;
	sigemptyset(&a.sa_mask);
	for (size_t i = 0; i < SIGNALS; i++)
		(void)sigaction(signals[i], &a, &before[i]);
}

void term_end(void)
{
	if (--depth > 0)
		return;
	for (size_t i = 0; i < SIGNALS; i++)
		(void)sigaction(signals[i], &before[i], NULL);
}

bool term_interrupted(void)
{
	return caught != 0;
}

void term_unfinished(const char *path)
{
	unfinished = path;
}

/* Wait until there is something to read; signals arrive only in here, so none is missed between looking and waiting. */
static bool wait_input(const sigset_t *open)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

	while (caught == 0) {
		int n = ppoll(&p, 1, NULL, open);

		if (n > 0 || (n < 0 && errno != EINTR))
			return true;
	}
	return false;
}

/* Byte by byte: what follows the line belongs to the next question, or to another program. */
static enum term_result read_line(struct cli *c, const sigset_t *open, struct buf *line)
{
	for (;;) {
		char byte;
		ssize_t n;

		if (!wait_input(open))
			return TERM_LEFT;
		n = read(STDIN_FILENO, &byte, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EIO) {
			(void)cli_say(c, CLI_FAILED, "reading standard input: %s", strerror(errno));
			return TERM_FAILED;
		}
		if (n <= 0)
			return line->n > 0 ? TERM_LINE : TERM_LEFT;
		if (byte == '\n')
			return TERM_LINE;
		if (byte != '\r')
			buf_addc(line, byte);
		if (line->failed) {
			(void)cli_say(c, CLI_USAGE, "the line is too long");
			return TERM_FAILED;
		}
	}
}

enum term_result term_ask(struct cli *c, FILE *where, const char *prompt, bool secret, struct buf *line)
{
	struct termios saved;
	bool hidden = false, own = depth == 0;
	enum term_result r;
	sigset_t block, open;

	buf_clear(line);
	if (own)
		term_begin();
	sigemptyset(&block);
	for (size_t i = 0; i < SIGNALS; i++)
		sigaddset(&block, signals[i]);
	(void)sigprocmask(SIG_BLOCK, &block, &open);
	(void)fflush(c->out);
	if (secret && tcgetattr(STDIN_FILENO, &saved) == 0) {
		struct termios quiet = saved;

		quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
		hidden = tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
	}
	term_print(where, prompt);
	(void)fflush(where);
	r = read_line(c, &open, line);
	if (hidden)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	/* the Enter that was not shown, or the line that a signal or the end of input left unfinished */
	if (isatty(STDIN_FILENO) && (hidden || r != TERM_LINE))
		(void)fputc('\n', where);
	(void)sigprocmask(SIG_SETMASK, &open, NULL);
	if (own)
		term_end();
	return r;
}

void term_print(FILE *out, const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		if (*p == '\n' || ((unsigned char)*p >= 0x20 && *p != 0x7f))
			(void)fputc(*p, out);
}

bool term_is_quit(const char *line)
{
	return strcasecmp(line, "q") == 0 || strcasecmp(line, "quit") == 0 || strcasecmp(line, "exit") == 0;
}

unsigned term_columns(FILE *out)
{
	struct winsize w;

	if (!isatty(fileno(out)))
		return 0;
	return ioctl(fileno(out), TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

bool term_utf8(void)
{
	(void)setlocale(LC_CTYPE, "");
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}
