#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/hardware.h"

static char root[] = "/tmp/muster-test-XXXXXX";
static struct hardware hw;
static struct muster_err err;

static const char *at(const char *path)
{
	static char full[512];

	(void)snprintf(full, sizeof full, "%s%s", root, path);
	return full;
}

static void put(const char *path, const char *text)
{
	char folder[512];

	(void)snprintf(folder, sizeof folder, "%s", at(path));
	*strrchr(folder, '/') = '\0';
	ck_assert_int_eq(file_make_dir(folder, 0755, &err), MUSTER_OK);
	ck_assert_int_eq(file_write(at(path), span_str(text), 0644, &err), MUSTER_OK);
}

static void begin(void)
{
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static void end(void)
{
	char command[128];

	(void)snprintf(command, sizeof command, "rm -rf '%s'", root);
	ck_assert_int_eq(system(command), 0);
}

/* An interface as sysfs shows it: a link to the device's folder on the bus. */
static void interface(const char *name, const char *place, const char *kind, const char *address)
{
	char path[256], target[512];

	(void)snprintf(path, sizeof path, "/sys/devices/%s/x", place);
	put(path, "");
	(void)snprintf(path, sizeof path, "/sys/class/net/%s/addr_assign_type", name);
	put(path, kind);
	(void)snprintf(path, sizeof path, "/sys/class/net/%s/address", name);
	put(path, address);
	(void)snprintf(target, sizeof target, "%s/sys/devices/%s", root, place);
	(void)snprintf(path, sizeof path, "/sys/class/net/%s/device", name);
	ck_assert_int_eq(symlink(target, at(path)), 0);
}

START_TEST(test_hardware_nothing)
{
	begin();
	ck_assert_int_eq(hardware_find(&hw, root, HARDWARE_BEST, &err), MUSTER_E_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(err.message, "product_uuid"));
	ck_assert_ptr_nonnull(strstr(err.message, "sys/class/net"));
	ck_assert_ptr_nonnull(strstr(err.message, "machine-id"));
	ck_assert_ptr_nonnull(strstr(err.message, "declare an identity with --hardware VALUE"));
	ck_assert(!hardware_is_virtual(root));
	end();
}
END_TEST

START_TEST(test_hardware_machine_id)
{
	begin();
	put("/etc/machine-id", "0123456789ABCDEF0123456789abcdef\n");
	ck_assert_int_eq(hardware_find(&hw, root, HARDWARE_BEST, &err), MUSTER_OK);
	ck_assert_uint_eq(hw.source, HARDWARE_MACHINE_ID);
	ck_assert_str_eq(hw.value, "0123456789abcdef0123456789abcdef");
	put("/etc/machine-id", "uninitialized\n");
	ck_assert_int_eq(hardware_read(&hw, root, HARDWARE_MACHINE_ID, &err), MUSTER_E_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(err.message, "does not hold a machine ID"));
	put("/etc/machine-id", "00000000000000000000000000000000\n");
	ck_assert_int_eq(hardware_read(&hw, root, HARDWARE_MACHINE_ID, &err), MUSTER_E_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(err.message, "which many machines share"));
	ck_assert_str_eq(hw.value, "");
	put("/etc/machine-id", "");
	ck_assert_int_eq(hardware_read(&hw, root, HARDWARE_MACHINE_ID, &err), MUSTER_E_NOT_FOUND);
	end();
}
END_TEST

START_TEST(test_hardware_dmi)
{
	begin();
	put("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	put("/sys/class/dmi/id/product_uuid", " 4C4C4544-0042-3510-8052-B4C04F4A4A32 \n");
	ck_assert_int_eq(hardware_find(&hw, root, HARDWARE_BEST, &err), MUSTER_OK);
	ck_assert_uint_eq(hw.source, HARDWARE_DMI);
	ck_assert_str_eq(hw.value, "4c4c4544-0042-3510-8052-b4c04f4a4a32");
	/* a source that is asked for wins */
	ck_assert_int_eq(hardware_find(&hw, root, HARDWARE_MACHINE_ID, &err), MUSTER_OK);
	ck_assert_uint_eq(hw.source, HARDWARE_MACHINE_ID);
	/* worthless firmware falls back */
	put("/sys/class/dmi/id/product_uuid", "03000200-0400-0500-0006-000700080009\n");
	ck_assert_int_eq(hardware_find(&hw, root, HARDWARE_BEST, &err), MUSTER_OK);
	ck_assert_uint_eq(hw.source, HARDWARE_MACHINE_ID);
	ck_assert_int_eq(hardware_find(&hw, root, HARDWARE_DMI, &err), MUSTER_OK);
	ck_assert_uint_eq(hw.source, HARDWARE_MACHINE_ID);
	end();
}
END_TEST

START_TEST(test_hardware_helper)
{
	begin();
	ck_assert_int_eq(chmod(root, 0755), 0);
	put(MUSTER_RUNDIR "/product_uuid", "4c4c4544-0042-3510-8052-b4c04f4a4a32\n");
	ck_assert_int_eq(hardware_read(&hw, root, HARDWARE_DMI, &err), MUSTER_OK);
	ck_assert_uint_eq(hw.source, HARDWARE_DMI);
	/* one that anybody could have written does not count */
	ck_assert_int_eq(chmod(at(MUSTER_RUNDIR "/product_uuid"), 0666), 0);
	ck_assert_int_eq(hardware_read(&hw, root, HARDWARE_DMI, &err), MUSTER_E_NOT_FOUND);
	end();
}
END_TEST

START_TEST(test_hardware_address)
{
	begin();
	put("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	interface("eth1", "pci0000:00/0000:00:1f.6", "0\n", "52:54:00:AA:BB:CC\n");
	interface("eth0", "pci0000:00/0000:02:00.0", "0\n", "52:54:00:00:00:01\n");
	interface("usb0", "pci0000:00/0000:00:14.0/usb1/1-1", "0\n", "02:00:00:00:00:01\n");
	interface("rnd0", "pci0000:00/0000:00:02.0", "1\n", "02:00:00:00:00:02\n");
	put("/sys/class/net/lo/address", "00:00:00:00:00:00\n");
	/* by place on the bus, whatever the names are; not USB, not random, not loopback */
	ck_assert_int_eq(hardware_find(&hw, root, HARDWARE_BEST, &err), MUSTER_OK);
	ck_assert_uint_eq(hw.source, HARDWARE_ADDRESS);
	ck_assert_str_eq(hw.value, "52:54:00:aa:bb:cc");
	end();
}
END_TEST

START_TEST(test_hardware_virtual)
{
	begin();
	put("/proc/cpuinfo", "flags\t\t: fpu vme hypervisor lahf_lm\n");
	ck_assert(hardware_is_virtual(root));
	put("/proc/cpuinfo", "flags\t\t: fpu vme lahf_lm\n");
	ck_assert(!hardware_is_virtual(root));
	put("/sys/hypervisor/type", "xen\n");
	ck_assert(hardware_is_virtual(root));
	end();
}
END_TEST

UNIT_MAIN("hardware", test_hardware_nothing, test_hardware_machine_id, test_hardware_dmi, test_hardware_helper, test_hardware_address, test_hardware_virtual)
