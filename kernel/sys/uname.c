/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the system. The release is what programs check for features: that of the Linux whose interface this is.
 * name_lock guards the two names that can be set; the last byte of each stays NUL, so that readers without it are safe.
 */
#include "kernel/sys/uname.h"

#include <asm/errno.h>
#include <linux/capability.h>

#include "kernel/mm/usercopy.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "lib/base/string.h"

#define RELEASE "6.1.0-cloister"
#define VERSION "#1 SMP Cloister"
#define PERSONALITY_MASK 0xff
#define PERSONALITY_LINUX32 8

struct names {
	char sysname[UNAME_SIZE], nodename[UNAME_SIZE], release[UNAME_SIZE], version[UNAME_SIZE];
	char machine[UNAME_SIZE], domainname[UNAME_SIZE];
};

static struct mutex name_lock;
static char hostname[UNAME_SIZE] = "cloister", domainname[UNAME_SIZE] = "(none)";

static void set(char *to, const char *from, size_t size)
{
	mutex_lock(&name_lock);
	memcpy(to, from, size);
	memset(to + size, 0, UNAME_SIZE - size);
	mutex_unlock(&name_lock);
}

void uname_set_hostname(const char *name)
{
	if (name && *name)
		set(hostname, name, strnlen(name, UNAME_SIZE - 1));
}

const char *uname_hostname(void)
{
	return hostname;
}

const char *uname_domainname(void)
{
	return domainname;
}

const char *uname_release(void)
{
	return RELEASE;
}

const char *uname_version(void)
{
	return VERSION;
}

long sys_uname(unsigned long *a)
{
	bool as32 = (current()->personality & PERSONALITY_MASK) == PERSONALITY_LINUX32;
	struct names n;

	memset(&n, 0, sizeof(n));
	str_copy(n.sysname, "Linux", sizeof(n.sysname));
	str_copy(n.release, RELEASE, sizeof(n.release));
	str_copy(n.version, VERSION, sizeof(n.version));
	str_copy(n.machine, as32 ? "i686" : "x86_64", sizeof(n.machine));
	mutex_lock(&name_lock);
	memcpy(n.nodename, hostname, sizeof(n.nodename));
	memcpy(n.domainname, domainname, sizeof(n.domainname));
	mutex_unlock(&name_lock);
	return copy_out(UPTR(a[0]), &n, sizeof(n));
}

static long set_name(char *name, unsigned long *a)
{
	int size = (int)a[1];
	char text[UNAME_SIZE];

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (size < 0 || size >= UNAME_SIZE)
		return -EINVAL;
	if (copy_in(text, UPTR(a[0]), (size_t)size))
		return -EFAULT;
	set(name, text, (size_t)size);
	return 0;
}

long sys_sethostname(unsigned long *a)
{
	return set_name(hostname, a);
}

long sys_setdomainname(unsigned long *a)
{
	return set_name(domainname, a);
}
