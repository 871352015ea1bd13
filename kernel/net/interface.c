/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network interface queries (SIOCGIF*) on sockets of any family. They are asked of the host: on the socket's own
 * handle, or for AF_UNIX (glibc's if_nametoindex uses one) on a query socket of the kernel's own that is made at first
 * use and kept. Interfaces cannot be changed from within the enclave: -EPERM. No locks: the handle is set once.
 */
#include <asm/errno.h>
#include <linux/sockios.h>

#include "kernel/host.h"
#include "kernel/net/socket.h"
#include "kernel/task/task.h"
#include "lib/base/string.h"

#define IFREQ_SIZE 40

struct interface_list { /* struct ifconf */
	int32_t size, pad;
	struct uptr buffer;
};

static int query_handle = -1;

static int query_socket(void)
{
	int handle = __atomic_load_n(&query_handle, __ATOMIC_ACQUIRE), none = -1;

	if (handle >= 0)
		return handle;
	handle = host_socket(AF_INET, SOCK_DGRAM | (int)(SOCK_CLOEXEC | SOCK_NONBLOCK), 0);
	if (handle < 0)
		return handle;
	if (!__atomic_compare_exchange_n(&query_handle, &none, handle, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE)) {
		host_close(handle);
		handle = none;
	}
	return handle;
}

static long list_interfaces(int handle, struct uptr at)
{
	struct interface_list list, own;
	long result;

	if (copy_in(&list, at, sizeof(list)))
		return -EFAULT;
	if (list.size < 0)
		return -EINVAL;
	memset(&own, 0, sizeof(own));
	if (list.buffer.v) {
		own.buffer = UPTR(task_iobuf());
		if (!own.buffer.v)
			return -ENOMEM;
		own.size = (int32_t)MIN((size_t)list.size, (size_t)TASK_IOBUF_SIZE);
		list.size = own.size;
	}
	result = host_ioctl(handle, SIOCGIFCONF, &own);
	if (result < 0)
		return result;
	if (own.size < 0 || (list.buffer.v && own.size > list.size))
		return -EIO;
	if (list.buffer.v && own.size && copy_out(list.buffer, task_iobuf(), (size_t)own.size))
		return -EFAULT;
	return copy_out(at, &own.size, sizeof(own.size));
}

long interface_ioctl(int handle, unsigned int request, unsigned long argument)
{
	unsigned char ifreq[IFREQ_SIZE];
	long result;

	switch (request) {
	case SIOCGIFCONF:
	case SIOCGIFNAME:
	case SIOCGIFFLAGS:
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFNETMASK:
	case SIOCGIFMETRIC:
	case SIOCGIFMTU:
	case SIOCGIFHWADDR:
	case SIOCGIFINDEX:
	case SIOCGIFTXQLEN:
	case SIOCGIFMAP:
		break;
	case SIOCSIFNAME:
	case SIOCSIFFLAGS:
	case SIOCSIFADDR:
	case SIOCSIFDSTADDR:
	case SIOCSIFBRDADDR:
	case SIOCSIFNETMASK:
	case SIOCSIFMETRIC:
	case SIOCSIFMTU:
	case SIOCSIFHWADDR:
	case SIOCADDMULTI:
	case SIOCDELMULTI:
	case SIOCADDRT:
	case SIOCDELRT:
		return -EPERM;
	case SIOCETHTOOL: /* what a driver without such settings says */
		return -EOPNOTSUPP;
	default:
		return -ENOTTY;
	}
	if (handle < 0) {
		handle = query_socket();
		if (handle < 0)
			return handle;
	}
	if (request == SIOCGIFCONF)
		return list_interfaces(handle, UPTR(argument));
	if (copy_in(ifreq, UPTR(argument), sizeof(ifreq)))
		return -EFAULT;
	result = host_ioctl(handle, request, ifreq);
	if (result < 0)
		return result;
	return copy_out(UPTR(argument), ifreq, sizeof(ifreq));
}
