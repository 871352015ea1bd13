/* SPDX-License-Identifier: Apache-2.0 */
/* Users, groups, capabilities. Raw system calls: libc applies the set-calls to all threads. */
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/syscall/test.h"

#define ROOT()                              \
	do {                                \
		if (syscall(SYS_geteuid))   \
			SKIP("needs root"); \
	} while (0)
/* A container may have dropped some. */
#define CAP(cap)                                    \
	do {                                        \
		if (!(caps(0) >> (cap)&1))          \
			SKIP("needs a capability"); \
	} while (0)

static uint64_t caps(int which) /* 0 effective, 1 permitted, 2 inheritable */
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { 0 };

	EXPECT_OK(syscall(SYS_capget, &h, d));
	return which == 0   ? d[0].effective | (uint64_t)d[1].effective << 32
	       : which == 1 ? d[0].permitted | (uint64_t)d[1].permitted << 32
			    : d[0].inheritable | (uint64_t)d[1].inheritable << 32;
}

static long set_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = {
		{ (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
		{ (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
		  (uint32_t)(inheritable >> 32) },
	};

	return syscall(SYS_capset, &h, d);
}

static void expect_uids(unsigned int r, unsigned int e, unsigned int s)
{
	unsigned int a, b, c;

	EXPECT_OK(syscall(SYS_getresuid, &a, &b, &c));
	EXPECT_EQ(a, r);
	EXPECT_EQ(b, e);
	EXPECT_EQ(c, s);
	EXPECT_EQ(syscall(SYS_getuid), r);
	EXPECT_EQ(syscall(SYS_geteuid), e);
}

static void expect_gids(unsigned int r, unsigned int e, unsigned int s)
{
	unsigned int a, b, c;

	EXPECT_OK(syscall(SYS_getresgid, &a, &b, &c));
	EXPECT_EQ(a, r);
	EXPECT_EQ(b, e);
	EXPECT_EQ(c, s);
	EXPECT_EQ(syscall(SYS_getgid), r);
	EXPECT_EQ(syscall(SYS_getegid), e);
}

TEST(getresuid, faults)
{
	unsigned int id;

	EXPECT_ERR(syscall(SYS_getresuid, (void *)8, &id, &id), EFAULT);
	EXPECT_ERR(syscall(SYS_getresuid, &id, &id, (void *)8), EFAULT);
	EXPECT_ERR(syscall(SYS_getresgid, (void *)8, &id, &id), EFAULT);
}

TEST(getuid, agree)
{
	unsigned int uid = getuid(), gid = getgid();

	EXPECT_EQ(syscall(SYS_getuid), uid);
	EXPECT_EQ(syscall(SYS_getgid), gid);
	expect_uids(uid, uid, uid);
	expect_gids(gid, gid, gid);
}

TEST(setuid, root_sets_all)
{
	ROOT();
	EXPECT_OK(syscall(SYS_setuid, 1000));
	expect_uids(1000, 1000, 1000);
	EXPECT_EQ(caps(0), 0);
	EXPECT_EQ(caps(1), 0);
	EXPECT_ERR(syscall(SYS_setuid, 0), EPERM);
	EXPECT_OK(syscall(SYS_setuid, 1000));
	EXPECT_ERR(syscall(SYS_setuid, -1), EINVAL);
	EXPECT_ERR(syscall(SYS_setgid, 77), EPERM);
	EXPECT_ERR(syscall(SYS_setgroups, 0, NULL), EPERM);
}

TEST(setuid, without_rights)
{
	unsigned int uid = getuid();

	if (!uid)
		EXPECT_OK(syscall(SYS_setuid, uid = 1234));
	EXPECT_ERR(syscall(SYS_setuid, uid + 1), EPERM);
	EXPECT_ERR(syscall(SYS_setreuid, -1, uid + 1), EPERM);
	EXPECT_ERR(syscall(SYS_setreuid, uid + 1, -1), EPERM);
	EXPECT_ERR(syscall(SYS_setresuid, -1, -1, uid + 1), EPERM);
	EXPECT_OK(syscall(SYS_setresuid, -1, -1, -1));
	EXPECT_OK(syscall(SYS_setreuid, uid, uid));
	expect_uids(uid, uid, uid);
}

TEST(setgid, root_sets_all)
{
	ROOT();
	EXPECT_OK(syscall(SYS_setgid, 2000));
	expect_gids(2000, 2000, 2000);
	EXPECT_ERR(syscall(SYS_setgid, -1), EINVAL);
	EXPECT_OK(syscall(SYS_setresgid, 1, 2, 3));
	expect_gids(1, 2, 3);
	EXPECT_OK(syscall(SYS_setregid, 4, -1));
	expect_gids(4, 2, 2);
	EXPECT_OK(syscall(SYS_setregid, -1, 5));
	expect_gids(4, 5, 5);
	EXPECT_OK(syscall(SYS_setregid, -1, 4));
	expect_gids(4, 4, 5);
}

TEST(setreuid, rules)
{
	ROOT();
	EXPECT_OK(syscall(SYS_setreuid, 1000, 2000));
	expect_uids(1000, 2000, 2000);
	EXPECT_EQ(caps(0), 0);
	/* Swap real and effective. */
	EXPECT_OK(syscall(SYS_setreuid, 2000, 1000));
	expect_uids(2000, 1000, 1000);
	EXPECT_ERR(syscall(SYS_setreuid, 3000, -1), EPERM);
}

TEST(setresuid, temporarily_drops)
{
	uint64_t before;

	ROOT();
	before = caps(0);
	EXPECT_OK(syscall(SYS_setresuid, -1, 1000, -1));
	expect_uids(0, 1000, 0);
	EXPECT_EQ(caps(0), 0);
	EXPECT_EQ(caps(1), before);
	EXPECT_OK(syscall(SYS_setresuid, -1, 0, -1));
	EXPECT_EQ(caps(0), before);
	EXPECT_OK(syscall(SYS_setresuid, 1000, 1001, 1002));
	expect_uids(1000, 1001, 1002);
	EXPECT_OK(syscall(SYS_setresuid, 1002, 1000, 1001));
	expect_uids(1002, 1000, 1001);
	EXPECT_ERR(syscall(SYS_setresuid, 0, -1, -1), EPERM);
}

TEST(setfsuid, returns_the_old_one)
{
	unsigned int uid = getuid();

	EXPECT_EQ(syscall(SYS_setfsuid, -1), uid);
	EXPECT_EQ(syscall(SYS_setfsuid, uid), uid);
	ROOT();
	EXPECT_EQ(syscall(SYS_setfsuid, 1000), 0);
	EXPECT_EQ(syscall(SYS_setfsuid, -1), 1000);
	EXPECT_EQ(caps(0) >> CAP_DAC_OVERRIDE & 1, 0);
	EXPECT_EQ(syscall(SYS_setfsuid, 0), 1000);
	EXPECT_EQ(caps(0) >> CAP_DAC_OVERRIDE & 1, caps(1) >> CAP_DAC_OVERRIDE & 1);
}

TEST(setfsgid, returns_the_old_one)
{
	unsigned int gid = getgid();

	EXPECT_EQ(syscall(SYS_setfsgid, -1), gid);
	EXPECT_EQ(syscall(SYS_setfsgid, gid), gid);
	ROOT();
	EXPECT_EQ(syscall(SYS_setfsgid, 1000), gid);
	EXPECT_EQ(syscall(SYS_setfsgid, gid), 1000);
}

TEST(setgroups, sorted_and_counted)
{
	unsigned int groups[4] = { 30, 10, 20, 10 }, got[8] = { 0 };

	ROOT();
	EXPECT_OK(syscall(SYS_setgroups, 4, groups));
	EXPECT_EQ(syscall(SYS_getgroups, 0, NULL), 4);
	EXPECT_EQ(syscall(SYS_getgroups, 8, got), 4);
	EXPECT(got[0] == 10 && got[1] == 10 && got[2] == 20 && got[3] == 30);
	EXPECT_ERR(syscall(SYS_getgroups, 3, got), EINVAL);
	EXPECT_ERR(syscall(SYS_getgroups, -1, got), EINVAL);
	EXPECT_ERR(syscall(SYS_getgroups, 4, (void *)8), EFAULT);
	EXPECT_ERR(syscall(SYS_setgroups, 65537, groups), EINVAL);
	EXPECT_ERR(syscall(SYS_setgroups, 2, (void *)8), EFAULT);
	EXPECT_OK(syscall(SYS_setgroups, 0, NULL));
	EXPECT_EQ(syscall(SYS_getgroups, 0, NULL), 0);
}

TEST(getgroups, errors)
{
	unsigned int got[1];

	EXPECT_ERR(syscall(SYS_getgroups, -1, got), EINVAL);
}

TEST(setgroups, decide_about_files)
{
	unsigned int group = 4321;

	ROOT();
	EXPECT_EQ(close(EXPECT_OK(open("f", O_CREAT | O_WRONLY, 0640))), 0);
	EXPECT_OK(chown("f", 0, group));
	EXPECT_OK(chmod(".", 0755));
	EXPECT_OK(syscall(SYS_setgroups, 1, &group));
	EXPECT_OK(syscall(SYS_setgid, 1000));
	EXPECT_OK(syscall(SYS_setuid, 1000));
	EXPECT_EQ(close(EXPECT_OK(open("f", O_RDONLY))), 0);
	EXPECT_ERR(open("f", O_WRONLY), EACCES);
}

/* --- capabilities -------------------------------------------------------------------------------------------------- */

TEST(capget, versions)
{
	struct __user_cap_header_struct h = { 0x1234, 0 };
	struct __user_cap_data_struct d[2];

	EXPECT_OK(syscall(SYS_capget, &h, NULL));
	EXPECT_EQ(h.version, _LINUX_CAPABILITY_VERSION_3);
	h.version = 0x1234;
	EXPECT_ERR(syscall(SYS_capget, &h, d), EINVAL);
	EXPECT_EQ(h.version, _LINUX_CAPABILITY_VERSION_3);
	EXPECT_OK(syscall(SYS_capget, &h, d));
	h.version = _LINUX_CAPABILITY_VERSION_1;
	EXPECT_OK(syscall(SYS_capget, &h, d));
	h.version = _LINUX_CAPABILITY_VERSION_3;
	h.pid = -1;
	EXPECT_ERR(syscall(SYS_capget, &h, d), EINVAL);
	h.pid = 0x3ffffff0;
	EXPECT_ERR(syscall(SYS_capget, &h, d), ESRCH);
	h.pid = getppid();
	EXPECT_OK(syscall(SYS_capget, &h, d));
	EXPECT_ERR(syscall(SYS_capget, (void *)8, d), EFAULT);
}

TEST(capset, only_less)
{
	uint64_t permitted;

	EXPECT_OK(set_caps(0, caps(1), 0));
	EXPECT_EQ(caps(0), 0);
	permitted = caps(1);
	if (permitted & 1ULL << CAP_KILL) {
		EXPECT_OK(set_caps(1ULL << CAP_KILL, permitted, 0));
		EXPECT_EQ(caps(0), 1ULL << CAP_KILL);
		EXPECT_OK(set_caps(0, permitted & ~(1ULL << CAP_KILL), 0));
	}
	EXPECT_ERR(set_caps(1ULL << CAP_KILL, 1ULL << CAP_KILL, 0), EPERM);
	EXPECT_ERR(set_caps(0, 1ULL << CAP_KILL | caps(1), 0), EPERM);
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, getppid() };
	struct __user_cap_data_struct d[2] = { 0 };
	EXPECT_ERR(syscall(SYS_capset, &h, d), EPERM);
	h.pid = 0;
	EXPECT_ERR(syscall(SYS_capset, &h, (void *)8), EFAULT);
	h.version = 3;
	EXPECT_ERR(syscall(SYS_capset, &h, d), EINVAL);
}

TEST(prctl, keep_capabilities)
{
	uint64_t before;

	EXPECT_EQ(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0), 0);
	EXPECT_ERR(prctl(PR_SET_KEEPCAPS, 2, 0, 0, 0), EINVAL);
	EXPECT_OK(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
	EXPECT_EQ(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0), 1);
	ROOT();
	before = caps(1);
	EXPECT_OK(syscall(SYS_setuid, 1000));
	EXPECT_EQ(caps(1), before);
	EXPECT_EQ(caps(0), 0);
	EXPECT_OK(set_caps(before, before, 0));
	EXPECT_EQ(caps(0), before);
}

TEST(prctl, bounding_set)
{
	EXPECT_ERR(prctl(PR_CAPBSET_READ, 64, 0, 0, 0), EINVAL);
	EXPECT(prctl(PR_CAPBSET_READ, CAP_KILL, 0, 0, 0) >= 0);
	if (syscall(SYS_geteuid)) {
		EXPECT_ERR(prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0), EPERM);
		return;
	}
	CAP(CAP_SETPCAP);
	EXPECT_ERR(prctl(PR_CAPBSET_DROP, 64, 0, 0, 0), EINVAL);
	EXPECT_OK(prctl(PR_CAPBSET_DROP, CAP_SYS_TIME, 0, 0, 0));
	EXPECT_EQ(prctl(PR_CAPBSET_READ, CAP_SYS_TIME, 0, 0, 0), 0);
}

TEST(prctl, ambient_capabilities)
{
	uint64_t bit = 1ULL << CAP_KILL;

	EXPECT_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0), 0);
	EXPECT_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 64, 0, 0), EINVAL);
	EXPECT_ERR(prctl(PR_CAP_AMBIENT, 9, CAP_KILL, 0, 0), EINVAL);
	EXPECT_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0),
		   EPERM); /* not inheritable */
	EXPECT_OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
	ROOT();
	CAP(CAP_KILL);
	EXPECT_OK(set_caps(caps(0), caps(1), bit));
	EXPECT_OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	EXPECT_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0), 1);
	EXPECT_OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL, 0, 0));
	EXPECT_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0), 0);
}

TEST(prctl, secure_bits)
{
	EXPECT_EQ(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0), 0);
	if (syscall(SYS_geteuid)) {
		EXPECT_ERR(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0), EPERM);
		return;
	}
	CAP(CAP_SETPCAP);
	EXPECT_OK(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED,
			0, 0, 0));
	EXPECT_EQ(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0),
		  SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED);
	EXPECT_ERR(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0), EPERM);
	uint64_t before = caps(0);
	EXPECT_OK(syscall(SYS_setresuid, 1000, 1000, 1000));
	EXPECT_EQ(caps(0), before);
}

static void exec_status(void)
{
	execl("/bin/sh", "sh", "-c", "grep -q '^CapEff:.*0000000000000000' /proc/self/status",
	      NULL);
	_exit(2);
}

TEST(setuid, exec_of_an_ordinary_user_has_no_capabilities)
{
	int status;

	if (!getuid())
		EXPECT_OK(syscall(SYS_setuid, 1000));
	status = test_in_child(exec_status);
	EXPECT_EQ(status, 0);
}

TEST(setuid, threads_have_their_own)
{
	int status;
	pid_t pid;

	ROOT();
	pid = fork();
	if (!pid) {
		syscall(SYS_setuid, 1000);
		_exit(0);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	expect_uids(0, 0, 0);
}

TEST_MAIN
