/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Those files of /proc/sys that are more than a constant. Settings that have no meaning here accept what is written, if
 * the writer may, and stay what they are.
 */
#include <linux/capability.h>
#include <linux/errno.h>

#include "abi/platform.h"
#include "kernel/fs/procfs_internal.h"
#include "kernel/sys/uname.h"
#include "kernel/task/cred.h"
#include "kernel/task/life.h"
#include "lib/base/string.h"

pseudo_show proc_sys_pid_max, proc_sys_threads_max, proc_sys_boot_id, proc_sys_uuid,
	proc_sys_file_nr, proc_sys_domainname;
pseudo_store proc_sys_store_hostname, proc_sys_store_ignored;

int proc_sys_hostname(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	text_printf(t, "%s\n", uname_hostname());
	return 0;
}

int proc_sys_store_hostname(struct inode *inode, char *data, size_t size)
{
	(void)inode;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	while (size && (data[size - 1] == '\n' || !data[size - 1]))
		data[--size] = 0;
	if (size >= UNAME_SIZE)
		data[UNAME_SIZE - 1] = 0;
	uname_set_hostname(data);
	return 0;
}

int proc_sys_domainname(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	text_printf(t, "%s\n", uname_domainname());
	return 0;
}

int proc_sys_osrelease(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	text_printf(t, "%s\n", uname_release());
	return 0;
}

int proc_sys_version(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	text_printf(t, "%s\n", uname_version());
	return 0;
}

int proc_sys_pid_max(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	text_printf(t, "%d\n", PID_MAX);
	return 0;
}

int proc_sys_threads_max(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	text_printf(t, "%lu\n",
		    MIN(plat_info()->memory_limit / (8 * KERNEL_STACK_SIZE), 4194303UL));
	return 0;
}

int proc_sys_file_nr(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	text_string(t, "0\t0\t9223372036854775807\n");
	return 0;
}

/* A random (version 4) UUID. */
static void text_uuid(struct pseudo_text *t, const uint8_t *b)
{
	for (unsigned int i = 0; i < 16; i++)
		text_printf(t, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			    i == 6   ? (b[i] & 0x0fu) | 0x40u
			    : i == 8 ? (b[i] & 0x3fu) | 0x80u
				     : b[i]);
	text_string(t, "\n");
}

int proc_sys_uuid(struct pseudo_text *t, struct inode *inode)
{
	uint8_t bytes[16];

	(void)inode;
	plat_random(bytes, sizeof(bytes));
	text_uuid(t, bytes);
	return 0;
}

int proc_sys_boot_id(struct pseudo_text *t, struct inode *inode)
{
	static struct mutex lock;
	static uint8_t id[16];
	static bool made;

	(void)inode;
	mutex_lock(&lock);
	if (!made)
		plat_random(id, sizeof(id));
	made = true;
	mutex_unlock(&lock);
	text_uuid(t, id);
	return 0;
}

int proc_sys_store_ignored(struct inode *inode, char *data, size_t size)
{
	(void)inode;
	(void)data;
	(void)size;
	return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}
