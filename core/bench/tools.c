#include "core/bench/bench.h"

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;
static bool progress_open;

int64_t bench_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int bench_say(int code, const char *fmt, ...)
{
	va_list ap;

	bench_progress("%s", "");
	(void)fflush(stdout);
	(void)fputs("muster-bench: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	return code;
}

int bench_usage(const char *verb, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "muster-bench%s%s: ", verb != NULL ? " " : "", verb != NULL ? verb : "");
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "\nTry `muster-bench%s%s --help`.\n", verb != NULL ? " " : "", verb != NULL ? verb : "");
	return BENCH_USAGE;
}

bool bench_number(double *out, const char *verb, const char *option, const char *text, double min, double max)
{
	char *end;
	double scale = 1;

	*out = strtod(text, &end);
	if (*end == 'k' || *end == 'K')
		scale = 1e3;
	else if (*end == 'M')
		scale = 1e6;
	if (scale > 1)
		end++;
	*out *= scale;
	if (end != text && *end == '\0' && isfinite(*out) && *out >= min && *out <= max)
		return true;
	(void)bench_usage(verb, "%s: \"%s\" is not a number from %g to %g", option, text, min, max);
	return false;
}

void bench_progress(const char *fmt, ...)
{
	char text[200];
	va_list ap;

	if (!isatty(STDERR_FILENO))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (text[0] == '\0' && !progress_open)
		return;
	(void)fprintf(stderr, "\r\033[K%s", text);
	progress_open = text[0] != '\0';
	(void)fflush(stderr);
}

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

void bench_catch_signals(void)
{
	struct sigaction a = { .sa_handler = on_signal };

	(void)sigemptyset(&a.sa_mask);
	(void)sigaction(SIGINT, &a, NULL);
	(void)sigaction(SIGTERM, &a, NULL);
}

bool bench_interrupted(void)
{
	return interrupted != 0;
}
