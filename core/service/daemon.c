#include "core/service/service.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/service/options.h"
#include "core/service/plugins.h"
#include "core/service/privileges.h"
#include "core/service/reload.h"
#include "core/service/renewal.h"
#include "core/service/start.h"
#include "core/service/tls.h"

#define HOUR_MS 3600000
#define TICK_MS 5000  /* how soon a jump of the clock is noticed by the hourly check */

static void notify(const char *text)
{
#ifdef HAVE_SYSTEMD
	(void)sd_notify(0, text);
#else
	(void)text;
#endif
}

/* Signals are read on the main thread only: every other thread inherits the blocked mask. */
static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	(void)signal(SIGPIPE, SIG_IGN);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void reload(struct service *s)
{
	struct muster_err err = { 0 };
	char text[64];

	(void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_boot_ms(s->clock) * 1000);
	notify(text);
	(void)reload_run(s, NULL, NULL, &err);
	notify("READY=1");
}

/* @return false: time to stop. */
static bool take_signals(struct service *s, int fd)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGHUP) {
			reload(s);
			continue;
		}
		log_line(LOG_NOTICE, "stopping", "signal=%u", info.ssi_signo);
		return false;
	}
	return true;
}

static void serve(struct service *s, int signals)
{
	struct pollfd fds[2] = { { .fd = signals, .events = POLLIN }, { .fd = s->wake_fd, .events = POLLIN } };
	int64_t checked = 0;
	uint64_t wakes;

	for (;;) {
		int64_t now = clock_wall_ms(s->clock);

		if (now / HOUR_MS != checked / HOUR_MS) {
			checked = now;
			(void)renewal_check(s);
		}
		if (poll(fds, 2, TICK_MS) < 0 && errno != EINTR)
			return;
		plugins_serve(s);
		if (!take_signals(s, signals))
			return;
		if (read(s->wake_fd, &wakes, sizeof wakes) == (ssize_t)sizeof wakes)
			reload_serve(s, false);
	}
}

static const char *listeners_text(const struct service *s, bool tls, char out[512])
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < s->listener_count && n < 512; i++)
		if (s->listeners[i].tls == tls)
			n += (size_t)snprintf(out + n, 512 - n, "%s%s", n > 0 ? "," : "", s->listeners[i].text);
	return out;
}

static void say_started(const struct service *s)
{
	char clear[512], tls[512];

	(void)listeners_text(s, false, clear);
	(void)listeners_text(s, true, tls);
	log_line(LOG_NOTICE, "started", "version=%s listen=%s%s%s admin=%s host_id=%s", PACKAGE_VERSION, clear, tls[0] != '\0' ? " listen_tls=" : "", tls,
	         s->snapshot->config->host.admin_socket, s->host_id);
}

static int run(const char *config, const struct clock *clock, service_hardware *hardware)
{
	struct service *s = mem_alloc(sizeof *s);
	struct muster_err err = { 0 };
	int status = SERVICE_EXIT_FAILED, signals, r;

	if (s == NULL || (signals = signals_open()) < 0) {
		mem_free(s);
		return SERVICE_EXIT_FAILED;
	}
	privileges_harden();
	if ((r = start_init(s, clock, hardware, &err)) == MUSTER_OK)
		r = start_host(s, config, &err);
	if (r != MUSTER_OK) {
		char code[16], text[2 * MUSTER_ERR_MAX];

		code_name(code, err.code != 0 ? err.code : CODE_M_INTERNAL);
		log_line(LOG_ERR, "start_failed", "id=12291 result=%d%s%s text=%s", r, err.code != 0 ? " code=" : "", err.code != 0 ? code : "",
		         log_quote(text, sizeof text, err.message));
		status = r == MUSTER_E_INVALID ? SERVICE_EXIT_CONFIG : SERVICE_EXIT_FAILED;
	} else {
		say_started(s);
		notify("READY=1");
		serve(s, signals);
		notify("STOPPING=1");
		/* First: a reload asked for from here on is refused there, one asked for before is refused here. */
		atomic_store(&s->stopping, true);
		reload_serve(s, true);
		status = SERVICE_EXIT_OK;
	}
	if (!stop_host(s)) {
		/* Its threads still use what would be freed. */
		fflush(NULL);
		_exit(SERVICE_EXIT_FAILED);
	}
	start_fini(s);
	mem_free(s);
	(void)close(signals);
	if (status == SERVICE_EXIT_OK)
		log_line(LOG_NOTICE, "stopped", NULL);
	return status;
}

/* Whether the roots of every issuer can be used; says all that cannot. */
static bool check_issuers(const struct config *config)
{
	struct trust_anchors *anchors;
	struct muster_err err = { 0 };
	bool good = true;

	for (size_t i = 0; i < config->issuer_count; i++) {
		const struct ring_issuer issuer = { config->issuers[i].name, config->issuers[i].roots };

		if (ring_read_issuer(&anchors, &issuer, &err) != MUSTER_OK) {
			fprintf(stderr, "musterd: %s\n", err.message);
			good = false;
		}
		trust_anchors_free(anchors);
	}
	return good;
}

static bool check_tls(const struct config *config)
{
	struct tls_identity *id = NULL;
	struct muster_err err = { 0 };

	if (config->host.listen_tls[0] == '\0' || tls_read(&id, config->host.tls_certificate, config->host.tls_key, &err) == MUSTER_OK) {
		tls_identity_free(id);
		return true;
	}
	fprintf(stderr, "musterd: %s\n", err.message);
	return false;
}

static int check(const char *path)
{
	int status = SERVICE_EXIT_OK;
	struct config *config;
	struct catalog *catalog;
	struct muster_err err = { 0 };
	size_t products, plugins;

	if (reload_read(&config, &catalog, path, NULL, &err) != MUSTER_OK) {
		fprintf(stderr, "musterd: %s\n", err.message);
		return SERVICE_EXIT_CONFIG;
	}
	(void)catalog_products(catalog, &products);
	(void)catalog_plugins(catalog, &plugins);
	if (!check_issuers(config) || !check_tls(config))
		status = SERVICE_EXIT_CONFIG;
	else
		printf("%s: good, %zu plugins, %zu products\n", config->file, plugins, products);
	catalog_unref(catalog);
	config_free(config);
	return status;
}

static int dump(const char *path)
{
	struct config *config;
	struct muster_err err = { 0 };
	int r;

	if (reload_read_config(&config, path, &err) != MUSTER_OK) {
		fprintf(stderr, "musterd: %s\n", err.message);
		return SERVICE_EXIT_CONFIG;
	}
	r = config_dump(config, stdout);
	config_free(config);
	return r == MUSTER_OK && fflush(stdout) == 0 ? SERVICE_EXIT_OK : SERVICE_EXIT_FAILED;
}

int service_main(int argc, char **argv, const struct clock *clock, service_hardware *hardware)
{
	struct options o;
	int r = options_parse(&o, argc, argv);

	if (r != 0)
		return r > 0 ? SERVICE_EXIT_OK : SERVICE_EXIT_USAGE;
	log_open("musterd", !o.foreground && getenv("JOURNAL_STREAM") != NULL ? LOG_STYLE_JOURNAL : LOG_STYLE_TEXT, LOG_INFO);
	if (o.check)
		return check(o.config);
	if (o.dump)
		return dump(o.config);
	return run(o.config, clock, hardware);
}
