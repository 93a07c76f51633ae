#include "core/base/hardware.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/file.h"

/* Where a helper that runs as root at boot leaves the identity that only root can read from the firmware. */
#define HELPER_FILE MUSTER_RUNDIR "/product_uuid"

/* Firmware that was never given an identity: many machines share these. */
static const char *const worthless[] = {
	"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "03000200-0400-0500-0006-000700080009",
	"12345678-1234-5678-90ab-cddeefaabbcc", "fefefefe-fefe-fefe-fefe-fefefefefefe", "not settable", "not present", "none",
	"uninitialized", "00000000000000000000000000000000"
};

const char *hardware_source_name(uint8_t source)
{
	static const char *const names[] = { "given", "firmware (DMI)", "network address", "machine-id" };

	return source < sizeof names / sizeof names[0] ? names[source] : "unknown";
}

/* The first line of a small file, lower case, without blanks around it. */
static int read_line(char out[HARDWARE_VALUE], const char *path, struct muster_err *err)
{
	struct buf b;
	const char *p;
	size_t n;
	int r;

	buf_init(&b, 4096);
	if ((r = file_read(&b, path, 4096, err)) == MUSTER_OK) {
		p = buf_str(&b);
		p += strspn(p, " \t");
		n = strcspn(p, "\r\n");
		while (n > 0 && isspace((unsigned char)p[n - 1]))
			n--;
		if (n == 0 || n >= HARDWARE_VALUE)
			r = err_set(err, MUSTER_E_NOT_FOUND, "%s is empty or too long", path);
		else
			for (size_t i = 0; i <= n; i++)
				out[i] = (char)(i < n ? tolower((unsigned char)p[i]) : '\0');
	}
	buf_fini(&b);
	return r;
}

static int refuse_worthless(const char *value, const char *what, struct muster_err *err)
{
	for (size_t i = 0; i < sizeof worthless / sizeof worthless[0]; i++)
		if (strcmp(value, worthless[i]) == 0)
			return err_set(err, MUSTER_E_NOT_FOUND, "%s is \"%s\", which many machines share", what, value);
	return MUSTER_OK;
}

static int read_dmi(char out[HARDWARE_VALUE], const char *root, struct muster_err *err)
{
	char path[PATH_MAX];
	struct muster_err helper;
	int r;

	(void)snprintf(path, sizeof path, "%s/sys/class/dmi/id/product_uuid", root);
	if ((r = read_line(out, path, err)) != MUSTER_OK) {
		/* Only root may read the firmware's; the helper's copy counts when only root could have written it. */
		(void)snprintf(path, sizeof path, "%s%s", root, HELPER_FILE);
		if (file_check_trust(path, FILE_TRUST_CODE, &helper) != MUSTER_OK || read_line(out, path, &helper) != MUSTER_OK)
			return r;
	}
	return refuse_worthless(out, "the firmware's product_uuid", err);
}

/* An interface counts when it sits on the PCI bus or the board itself (not USB) and shows its permanent address. */
static bool read_interface(char place[PATH_MAX], char address[HARDWARE_VALUE], const char *root, const char *name)
{
	char path[PATH_MAX], kind[HARDWARE_VALUE], link[PATH_MAX];

	(void)snprintf(path, sizeof path, "%s/sys/class/net/%s/device", root, name);
	if (realpath(path, link) == NULL || strstr(link, "/usb") != NULL)
		return false;
	(void)snprintf(path, sizeof path, "%s/sys/class/net/%s/addr_assign_type", root, name);
	if (read_line(kind, path, NULL) != MUSTER_OK || strcmp(kind, "0") != 0)
		return false;
	(void)snprintf(path, sizeof path, "%s/sys/class/net/%s/address", root, name);
	if (read_line(address, path, NULL) != MUSTER_OK || strlen(address) != 17 || strcmp(address, "00:00:00:00:00:00") == 0)
		return false;
	/* Two ports of one card share the device folder: the address decides between them. */
	(void)snprintf(place, PATH_MAX, "%.*s %.17s", PATH_MAX - 32, link, address);
	return true;
}

static int read_address(char out[HARDWARE_VALUE], const char *root, struct muster_err *err)
{
	char path[PATH_MAX], lowest[PATH_MAX] = "", place[PATH_MAX], address[HARDWARE_VALUE];
	const struct dirent *e;
	DIR *d;

	(void)snprintf(path, sizeof path, "%s/sys/class/net", root);
	if ((d = opendir(path)) == NULL)
		return err_set(err, MUSTER_E_NOT_FOUND, "%s cannot be read", path);
	/* Names and numbers of interfaces change from boot to boot; the place on the bus does not. */
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' || strlen(e->d_name) > 32 || !read_interface(place, address, root, e->d_name))
			continue;
		if (lowest[0] == '\0' || strcmp(place, lowest) < 0) {
			(void)snprintf(lowest, sizeof lowest, "%s", place);
			(void)snprintf(out, HARDWARE_VALUE, "%s", address);
		}
	}
	(void)closedir(d);
	return lowest[0] != '\0' ? MUSTER_OK : err_set(err, MUSTER_E_NOT_FOUND, "no on-board network interface with a permanent address");
}

static int read_machine_id(char out[HARDWARE_VALUE], const char *root, struct muster_err *err)
{
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof path, "%s/etc/machine-id", root);
	if ((r = read_line(out, path, err)) != MUSTER_OK)
		return r;
	if (strlen(out) != 32 || strspn(out, "0123456789abcdef") != 32)
		return err_set(err, MUSTER_E_NOT_FOUND, "%s does not hold a machine ID", path);
	return refuse_worthless(out, "the machine ID", err);
}

int hardware_read(struct hardware *out, const char *root, enum hardware_source source, struct muster_err *err)
{
	int r = MUSTER_E_NOT_FOUND;

	memset(out, 0, sizeof *out);
	switch (source) {
	case HARDWARE_DMI:
		r = read_dmi(out->value, root, err);
		break;
	case HARDWARE_ADDRESS:
		r = read_address(out->value, root, err);
		break;
	case HARDWARE_MACHINE_ID:
		r = read_machine_id(out->value, root, err);
		break;
	case HARDWARE_GIVEN:
		return err_set(err, MUSTER_E_NOT_FOUND, "no hardware value was given");
	}
	if (r != MUSTER_OK) {
		memset(out, 0, sizeof *out);
		return MUSTER_E_NOT_FOUND;
	}
	out->source = (uint8_t)source;
	return MUSTER_OK;
}

int hardware_find(struct hardware *out, const char *root, uint32_t wanted, struct muster_err *err)
{
	struct muster_err why[4] = { 0 };

	if (wanted >= HARDWARE_DMI && wanted <= HARDWARE_MACHINE_ID && hardware_read(out, root, (enum hardware_source)wanted, NULL) == MUSTER_OK)
		return MUSTER_OK;
	for (uint32_t s = HARDWARE_DMI; s <= HARDWARE_MACHINE_ID; s++)
		if (hardware_read(out, root, (enum hardware_source)s, &why[s]) == MUSTER_OK)
			return MUSTER_OK;
	return err_set(err, MUSTER_E_NOT_FOUND,
		"nothing identifies this machine's hardware (%s; %s; %s): run `systemd-machine-id-setup`, or declare an identity with --hardware VALUE",
		why[HARDWARE_DMI].message, why[HARDWARE_ADDRESS].message, why[HARDWARE_MACHINE_ID].message);
}

bool hardware_is_virtual(const char *root)
{
	char path[PATH_MAX];
	struct buf b;
	bool found = false;

	(void)snprintf(path, sizeof path, "%s/sys/hypervisor/type", root);
	if (access(path, F_OK) == 0)
		return true;
	(void)snprintf(path, sizeof path, "%s/proc/cpuinfo", root);
	/* Long on machines with many processors; each repeats the flags of the first. */
	buf_init(&b, 4U << 20);
	if (file_read(&b, path, 4U << 20, NULL) == MUSTER_OK)
		found = strstr(buf_str(&b), " hypervisor") != NULL;
	buf_fini(&b);
	return found;
}
