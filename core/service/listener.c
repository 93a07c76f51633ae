#include "core/service/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/service/holder.h"

#define BACKLOG 1024
#define DEFER_S 1  /* a connection that says nothing is accepted after about this long */

static int add(struct service *s, int fd, bool tls, bool inherited, struct muster_err *err)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof sa;
	struct listener *grown, *l;
	struct address address;
	char text[ADDRESS_TEXT];
	int defer = DEFER_S;

	if (getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
		return err_errno(err, errno, "cannot examine a listening socket");
	if ((grown = mem_grow(s->listeners, s->listener_count + 1, sizeof *grown)) == NULL)
		return err_nomem(err);
	s->listeners = grown;
	l = &grown[s->listener_count++];
	memset(l, 0, sizeof *l);
	l->fd = fd;
	l->inherited = inherited;
	l->tls = tls;
	address_of(&address, (struct sockaddr *)&sa);
	l->loopback = address_is_loopback(&address);
	l->port = sa.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)&sa)->sin_port) : ntohs(((struct sockaddr_in6 *)&sa)->sin6_port);
	address_text(text, &address);
	(void)snprintf(l->text, sizeof l->text, address.len == 16 ? "[%s]:%u" : "%s:%u", text, l->port);
	/* So that the first bytes are there to be peeked at when a connection is accepted. Without it the peek only sees less. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer, sizeof defer);
	return MUSTER_OK;
}

int listeners_inherit(struct service *s, struct muster_err *err)
{
#ifdef HAVE_SYSTEMD
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names), r = MUSTER_OK;

	for (int i = 0; i < n && r == MUSTER_OK; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		if (sd_is_socket(fd, AF_INET, SOCK_STREAM, 1) > 0 || sd_is_socket(fd, AF_INET6, SOCK_STREAM, 1) > 0)
			r = add(s, fd, names != NULL && strcmp(names[i], "tls") == 0, true, err);
		else if (sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) > 0 && s->admin_fd < 0)
			s->admin_fd = fd;
		else
			r = err_set(err, MUSTER_E_INVALID, "descriptor %d from the service manager is neither a listening TCP socket nor the one Unix socket; "
			            "mend the ListenStream= lines of muster.socket", fd);
	}
	for (int i = 0; i < n && names != NULL; i++)
		free(names[i]);
	free(names);
	s->admin_inherited = s->admin_fd >= 0;
	return r;
#else
	(void)s;
	(void)err;
	return MUSTER_OK;
#endif
}

/* One address, bound and listening. @return descriptor, or -1 with errno. */
static int bound(const struct sockaddr *sa, socklen_t len, bool both)
{
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1, only = both ? 0 : 1, e;

	if (fd < 0)
		return -1;
	/* Not SO_REUSEPORT; this one only lets a port be taken again whose old connections still linger. */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if ((sa->sa_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) == 0) &&
	    bind(fd, sa, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	e = errno;
	(void)close(fd);
	errno = e;
	return -1;
}

/* Listeners of one key of [host]. */
struct opening { struct service *s; uint16_t port; /* 0: as written */ bool tls; const char *key; };

static int failed(const struct opening *o, const char *entry, uint16_t port, struct muster_err *err)
{
	int e = errno;
	char holder[128];

	if (e == EADDRINUSE) {
		holder_of_port(holder, sizeof holder, port);
		return err_set(err, MUSTER_E_BUSY, "cannot listen on %s: port %u is in use by %s; stop it or choose another port with [host] %s", entry, port, holder, o->key);
	}
	if (e == EADDRNOTAVAIL)
		return err_set(err, MUSTER_E_IO, "cannot listen on %s: this machine has no such address", entry);
	return err_errno(err, e, "cannot listen on %s", entry);
}

/* ":PORT": every address. A machine without IPv6 must work. */
static int open_all(const struct opening *o, const char *entry, uint16_t port, struct muster_err *err)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_ANY_INIT };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_ANY) };
	int fd = bound((const struct sockaddr *)&in6, sizeof in6, true);

	if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL || errno == ENOPROTOOPT || errno == EINVAL))
		fd = bound((const struct sockaddr *)&in, sizeof in, false);
	return fd < 0 ? failed(o, entry, port, err) : add(o->s, fd, o->tls, false, err);
}

static int open_one(const struct opening *o, char *entry, struct muster_err *err)
{
	char *colon = strrchr(entry, ':'), *host = entry, *end, digits[8], shown[128];
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM }, *found = NULL;
	unsigned long port;
	size_t n;
	int fd;

	(void)snprintf(shown, sizeof shown, "%s", entry);
	if (colon == NULL || colon[1] < '0' || colon[1] > '9' || (port = strtoul(colon + 1, &end, 10)) > 65535 || *end != '\0')
		return err_set(err, MUSTER_E_INVALID, "%s: \"%s\" is not ADDRESS:PORT", o->key, shown);
	if (o->port != 0)
		port = o->port;
	*colon = '\0';
	n = strlen(host);
	if (n == 0 || strcmp(host, "*") == 0)
		return open_all(o, shown, (uint16_t)port, err);
	if (host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		host++;
	}
	(void)snprintf(digits, sizeof digits, "%lu", port);
	if (getaddrinfo(host, digits, &hints, &found) != 0 || found == NULL)
		return err_set(err, MUSTER_E_INVALID, "%s: \"%s\" is not a numeric address with a port", o->key, shown);
	fd = bound(found->ai_addr, found->ai_addrlen, false);
	freeaddrinfo(found);
	return fd < 0 ? failed(o, shown, (uint16_t)port, err) : add(o->s, fd, o->tls, false, err);
}

int listeners_open(struct service *s, const char *listen_text, uint16_t port, bool tls, struct muster_err *err)
{
	const struct opening o = { s, port, tls, tls ? "listen_tls" : "listen" };
	size_t before = s->listener_count;
	int r = MUSTER_OK;
	char *copy = mem_strdup(listen_text), *rest = copy, *entry;

	if (copy == NULL)
		return err_nomem(err);
	while (r == MUSTER_OK && (entry = strsep(&rest, ",")) != NULL) {
		while (*entry == ' ' || *entry == '\t')
			entry++;
		entry[strcspn(entry, " \t")] = '\0';
		if (*entry != '\0')
			r = open_one(&o, entry, err);
	}
	mem_free(copy);
	if (r == MUSTER_OK && s->listener_count == before)
		r = err_set(err, MUSTER_E_INVALID, "%s: no address", o.key);
	return r;
}

void listeners_close(struct service *s)
{
	for (size_t i = 0; i < s->listener_count; i++)
		if (s->listeners[i].fd >= 0)
			(void)close(s->listeners[i].fd);
	mem_free(s->listeners);
	s->listeners = NULL;
	s->listener_count = 0;
}

/* ---- the admin socket ---- */

static int unix_address(struct sockaddr_un *un, const char *path, struct muster_err *err)
{
	memset(un, 0, sizeof *un);
	un->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof un->sun_path)
		return err_set(err, MUSTER_E_LIMIT, "admin_socket: %s is longer than the %zu characters a socket's name may have", path, sizeof un->sun_path - 1);
	memcpy(un->sun_path, path, strlen(path) + 1);
	return MUSTER_OK;
}

/* Remove what a daemon that is gone has left. A socket that answers, or a file that is no socket, stays. */
static int clear_stale(const struct sockaddr_un *un, struct muster_err *err)
{
	struct stat st;
	int fd, in_use;

	if (lstat(un->sun_path, &st) != 0)
		return errno == ENOENT ? MUSTER_OK : err_errno(err, errno, "cannot examine %s", un->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, MUSTER_E_EXISTS, "admin_socket: %s exists and is not a socket", un->sun_path);
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
		return err_errno(err, errno, "cannot make a socket");
	in_use = connect(fd, (const struct sockaddr *)un, sizeof *un) == 0;
	(void)close(fd);
	if (in_use)
		return err_set(err, MUSTER_E_BUSY, "admin_socket: %s is answered by another musterd; stop it or choose another [host] admin_socket", un->sun_path);
	if (unlink(un->sun_path) != 0)
		return err_errno(err, errno, "cannot remove the old socket %s", un->sun_path);
	return MUSTER_OK;
}

static int set_access(const char *path, const char *const groups[3], struct muster_err *err)
{
	mode_t mode = 0660;
	gid_t group = (gid_t)-1;
	unsigned n = 0;

	for (size_t i = 0; i < 3; i++) {
		const struct group *g = getgrnam(groups[i]);

		if (g != NULL && g->gr_gid != group) {
			group = g->gr_gid;
			n++;
		}
	}
	if (n > 1)
		mode = 0666;
	else if (n == 1 && chown(path, (uid_t)-1, group) != 0)
		mode = 0666;  /* not a member of it ourselves: the credentials decide all the same */
	if (chmod(path, mode) != 0)
		return err_errno(err, errno, "cannot set the mode of %s", path);
	return MUSTER_OK;
}

/* The folder below /run is gone after every boot unless the service manager makes it. */
static int socket_folder(const char *path, struct muster_err *err)
{
	const char *slash = strrchr(path, '/');
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	mode_t mask;
	int r;

	if (slash == NULL || slash == path)
		return MUSTER_OK;
	(void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
	mask = umask(0022);   /* others must reach the socket, whatever the daemon's own files need */
	r = file_make_dir(folder, 0755, err);
	(void)umask(mask);
	return r;
}

int listener_admin(int *fd, const char *path, const char *const groups[3], struct muster_err *err)
{
	struct sockaddr_un un;
	mode_t mask;
	int r, bound_fd, e;

	*fd = -1;
	if ((r = unix_address(&un, path, err)) != MUSTER_OK || (r = socket_folder(path, err)) != MUSTER_OK || (r = clear_stale(&un, err)) != MUSTER_OK)
		return r;
	if ((bound_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
		return err_errno(err, errno, "cannot make a socket");
	mask = umask(0177);
	e = bind(bound_fd, (const struct sockaddr *)&un, sizeof un) != 0 ? errno : 0;
	(void)umask(mask);
	if (e != 0)
		r = err_errno(err, e, "cannot make the admin socket %s", path);
	else if ((r = set_access(path, groups, err)) == MUSTER_OK && listen(bound_fd, 64) != 0)
		r = err_errno(err, errno, "cannot listen on %s", path);
	if (r != MUSTER_OK)
		(void)close(bound_fd);
	else
		*fd = bound_fd;
	return r;
}
