#include "core/service/holder.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTENING 0x0A  /* TCP_LISTEN in /proc/net/tcp */

/* Inode of the socket that listens on the port; 0 none. */
static unsigned long listening_inode(const char *table, uint16_t port)
{
	FILE *f = fopen(table, "re");
	char line[512];
	unsigned long inode = 0;

	if (f == NULL)
		return 0;
	while (inode == 0 && fgets(line, sizeof line, f) != NULL) {
		unsigned local, state;
		unsigned long found;

		/* sl local:port remote:port state queues timer retransmits uid timeout inode */
		if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*d %*d %lu", &local, &state, &found) == 3 &&
		    local == port && state == LISTENING)
			inode = found;
	}
	fclose(f);
	return inode;
}

static bool has_socket(const char *pid, const char *wanted)
{
	char path[300], link[64];
	struct dirent *e;
	bool found = false;
	DIR *d;

	(void)snprintf(path, sizeof path, "/proc/%s/fd", pid);
	if ((d = opendir(path)) == NULL)
		return false;
	while (!found && (e = readdir(d)) != NULL) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, link, sizeof link - 1);

		if (n > 0) {
			link[n] = '\0';
			found = strcmp(link, wanted) == 0;
		}
	}
	closedir(d);
	return found;
}

static void name_process(char *out, size_t room, const char *pid)
{
	char path[300], name[64] = "";
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%s/comm", pid);
	if ((f = fopen(path, "re")) != NULL) {
		if (fgets(name, sizeof name, f) != NULL)
			name[strcspn(name, "\n")] = '\0';
		fclose(f);
	}
	for (char *p = name; *p != '\0'; p++)
		if (!isprint((unsigned char)*p))
			*p = '?';
	(void)snprintf(out, room, "%s (process %s)", name[0] != '\0' ? name : "a process", pid);
}

void holder_of_port(char *out, size_t room, uint16_t port)
{
	unsigned long inode = listening_inode("/proc/net/tcp", port);
	char wanted[64];
	struct dirent *e;
	DIR *d;

	(void)snprintf(out, room, "another process");
	if (inode == 0)
		inode = listening_inode("/proc/net/tcp6", port);
	if (inode == 0 || (d = opendir("/proc")) == NULL)
		return;
	(void)snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
	while ((e = readdir(d)) != NULL)
		if (isdigit((unsigned char)e->d_name[0]) && has_socket(e->d_name, wanted)) {
			name_process(out, room, e->d_name);
			break;
		}
	closedir(d);
}
