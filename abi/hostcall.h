/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostcalls: all that a kernel ever asks of the host, one line a call. Numbers, structures and flags are Linux x86-64's
 * (host and kernel speak the same ABI), so the process platform needs no translation; others copy through shared rings.
 * The result is hostile: only kernel/host.c calls plat_hostcall, and checks lengths, handles and error numbers.
 *
 *   HOSTCALL(NAME, linux system call, blocking)
 * blocking: may wait; plat_kick cancels it with -EINTR.
 */
#if defined(HOSTCALL) || !defined(ABI_HOSTCALL_H)

#ifndef HOSTCALL /* not asked for the list itself: the numbers, once */
#define ABI_HOSTCALL_H
#define HOSTCALL(name, linux, blocking) HC_##name,
enum hostcall {
#define HOSTCALL_LIST
#endif

	/* files of the host: paths are relative to a handle */
	HOSTCALL(OPEN, openat, 0) HOSTCALL(OPEN2, openat2, 0) HOSTCALL(CLOSE, close, 0) HOSTCALL(
		PREAD, pread64, 0) HOSTCALL(PWRITE, pwrite64, 0) HOSTCALL(STATX, statx, 0)
		HOSTCALL(READLINK, readlinkat, 0) HOSTCALL(GETDENTS, getdents64, 0) HOSTCALL(
			SEEK, lseek, 0) HOSTCALL(MKDIR, mkdirat, 0) HOSTCALL(UNLINK, unlinkat, 0)
			HOSTCALL(RENAME, renameat2, 0) HOSTCALL(LINK, linkat, 0)
				HOSTCALL(SYMLINK, symlinkat, 0) HOSTCALL(CHMOD, fchmodat, 0)
					HOSTCALL(CHOWN, fchownat, 0) HOSTCALL(UTIMENS, utimensat, 0)
						HOSTCALL(TRUNCATE, ftruncate,
							 0) HOSTCALL(FALLOCATE, fallocate, 0)
							HOSTCALL(FSYNC, fsync, 0)
								HOSTCALL(FDATASYNC, fdatasync, 0)
									HOSTCALL(STATFS, fstatfs, 0)
	/* streams: console, inherited pipes and terminals */
	/* FILE_: of regular files, at the handle's own position: they never wait, and nothing cancels them. */
	HOSTCALL(FILE_READ, read, 0) HOSTCALL(FILE_WRITE, write, 0) HOSTCALL(READ, read, 1)
		HOSTCALL(WRITE, write, 1) HOSTCALL(IOCTL, ioctl, 0)
	/* sockets */
	HOSTCALL(SOCKET, socket, 0) HOSTCALL(BIND, bind, 0) HOSTCALL(LISTEN, listen, 0) HOSTCALL(
		CONNECT, connect, 1) HOSTCALL(ACCEPT, accept4, 1) HOSTCALL(SENDMSG, sendmsg, 1)
		HOSTCALL(RECVMSG, recvmsg, 1) HOSTCALL(SENDTO, sendto, 1)
			HOSTCALL(RECVFROM, recvfrom, 1) HOSTCALL(SHUTDOWN, shutdown, 0)
				HOSTCALL(GETSOCKOPT, getsockopt, 0)
					HOSTCALL(SETSOCKOPT, setsockopt, 0)
						HOSTCALL(GETSOCKNAME, getsockname, 0)
							HOSTCALL(GETPEERNAME, getpeername, 0)
	/* waiting for handles */
	HOSTCALL(POLL, ppoll, 1) HOSTCALL(EPOLL_CREATE, epoll_create1, 0)
		HOSTCALL(EPOLL_CTL, epoll_ctl, 0) HOSTCALL(EPOLL_WAIT, epoll_pwait2, 1)

#ifdef HOSTCALL_LIST
			HC_COUNT,
};
#undef HOSTCALL_LIST
#endif
#undef HOSTCALL
#endif
