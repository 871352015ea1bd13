#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of tests/corpus/syscall: small programs in the language of tests/fuzz/syscall_input.h.
   Call it in the root of the tree: tests/fuzz/seeds.py"""
import os
import re
import struct

table = {}
for line in open("kernel/sys/table.def"):
    m = re.match(r'SYSCALL\((\d+), (\w+), (\w+), "(.*)"\)', line)
    if m:
        table[m.group(2)] = (int(m.group(1)), m.group(4))
source = open("tests/fuzz/syscall_fuzz.c").read()
dictionary = re.findall(r'"([^"]*)"', source[source.index("dictionary[] = {"):source.index("interesting[] = {")])

NULL, SPACE, EDGE, RO, UNMAPPED, KERNEL = b"\0", b"\2", lambda n: bytes([4, n]), b"\5", b"\6", b"\7"


def data(b):
    return bytes([1, len(b)]) + b


def old(n):
    return bytes([3, n])


def area(n):
    """A pointer inside of data."""
    return struct.pack("<Q", 0xa5a5 << 48 | n)


class Result:
    def __init__(self, ago):
        self.ago = ago


def number(v):
    if isinstance(v, Result):
        return bytes([0xc0 | v.ago])
    if 0 <= v < 0x80:
        return bytes([v])
    if v == -1:
        return b"\xe3"
    if 0 <= v < 1 << 16:
        return b"\xe0" + struct.pack("<H", v)
    if 0 <= v < 1 << 32:
        return b"\xe1" + struct.pack("<I", v)
    return b"\xe2" + struct.pack("<Q", v & (1 << 64) - 1)


def descriptor(v):
    if isinstance(v, Result):
        return bytes([0x40 | v.ago])
    return {-1: b"\x80", -100: b"\x81"}.get(v) or bytes([v])


def path(v):
    if v in dictionary:
        return bytes([dictionary.index(v)])
    return bytes([0xc0 | len(v)]) + v.encode()


def call(name, *arguments, task=0):
    nr, letters = table[name]
    out = bytes([task]) + struct.pack("<H", nr)
    assert len(arguments) == len(letters), (name, letters)
    for letter, v in zip(letters, arguments):
        if letter == "s":
            out += path(v)
        elif letter == "v":
            out += bytes([len(v)]) + b"".join(path(x) for x in v)
        elif letter in "fF":
            out += descriptor(v)
        elif letter in "pbBDST":
            out += data(v.encode() + b"\0") if isinstance(v, str) else v
        else:
            out += number(v)
    return out


def timespec(seconds, ns):
    return data(struct.pack("<qq", seconds, ns))


R = Result
AT = -100
un = data(struct.pack("<H", 1) + b"\0name")
inet = data(struct.pack("<HHI8x", 2, 0x5000, 0x7f000001))
iov = data(area(0x100) + struct.pack("<Q", 64) + area(0x200) + struct.pack("<Q", 32))
event = data(struct.pack("<IQ", 1, 7))
programs = {
    "file": [call("open", "f", 0x42, 0o644), call("write", R(0), old(0), 4000), call("lseek", R(1), 0, 0),
             call("read", R(2), SPACE, 200), call("pwrite64", R(3), old(1), 300, 9000), call("fstat", R(4), SPACE),
             call("ftruncate", R(5), 5000), call("fallocate", R(6), 0, 0, 8192), call("mkdir", "d", 0o755),
             call("rename", "f", "d/f"), call("getdents64", 3, SPACE, 256), call("close", 0), call("unlink", "d/f"),
             call("rmdir", "d")],
    "mmap": [call("open", "f", 0x42, 0o644), call("ftruncate", R(0), 16384), call("mmap", NULL, 16384, 3, 1, R(1), 0),
             call("write", 0, b"\x09\0", 100), call("mprotect", b"\x09\1", 4096, 1), call("mremap", b"\x09\2", 16384, 32768, 1, NULL),
             call("madvise", b"\x09\0", 8192, 4), call("munmap", b"\x09\1", 8192), call("brk", NULL), call("msync", b"\x09\5", 4096, 4)],
    "pipe": [call("pipe2", SPACE, 0x800), call("write", 1, old(0), 5000), call("read", 0, old(16), 3000), call("tee", 0, 1, 100, 2),
             call("splice", 0, NULL, 1, NULL, 100, 2), call("fcntl", 1, 1031, 65536), call("vmsplice", 1, iov, 2, 0),
             call("poll", data(struct.pack("<ihhihh", 0, 1, 0, 1, 4, 0)), 2, 100), call("close", 1), call("readv", 0, iov, 2)],
    "unix": [call("socketpair", 1, 1, 0, SPACE), call("sendto", 0, old(0), 100, 0, NULL, 0), call("recvfrom", 1, old(16), 200, 0, NULL, NULL),
             call("sendmsg", 0, data(struct.pack("<QQ", 0, 0) + area(0x400) + struct.pack("<QQQQ", 1, 0, 0, 0)), 0),
             call("socket", 1, 1, 0), call("bind", R(0), un, 7), call("listen", R(1), 5), call("socket", 1, 1, 0),
             call("connect", R(0), un, 7), call("accept4", R(4), NULL, NULL, 0), call("write", R(2), old(0), 60),
             call("read", R(1), SPACE, 60), call("shutdown", R(4), 2), call("getsockname", R(5), SPACE, data(b"\x10\0\0\0"))],
    "scm": [call("socketpair", 1, 1, 0, SPACE),
            call("sendmsg", 0, data(struct.pack("<QQ", 0, 0) + area(0x170) + struct.pack("<Q", 1) + area(0x180) + struct.pack("<QQ", 24, 0)), 0),
            call("pwritev", 0, data(area(0x300) + struct.pack("<Q", 4)), 1, 0),
            call("sendmsg", 0, data(struct.pack("<QQ", 0, 0) + area(0x148) + struct.pack("<Q", 1) + area(0x158) + struct.pack("<QQ", 24, 0)
                                    + area(0) + struct.pack("<Q", 1) + struct.pack("<QiiiI", 20, 1, 1, 1, 0)), 0),
            call("recvmsg", 1, data(struct.pack("<QQ", 0, 0) + area(0x500) + struct.pack("<Q", 1) + area(0x600) + struct.pack("<QQ", 64, 0)), 0)],
    "inet": [call("socket", 2, 1, 0), call("setsockopt", R(0), 1, 2, data(b"\1\0\0\0"), 4), call("bind", R(1), inet, 16),
             call("listen", R(2), 5), call("accept", R(3), NULL, NULL), call("socket", 2, 2, 0), call("sendto", R(0), old(0), 40, 0, inet, 16),
             call("recvfrom", R(1), SPACE, 100, 0, SPACE, data(b"\x10\0\0\0")), call("getsockopt", R(2), 1, 4, SPACE, data(b"\4\0\0\0")),
             call("connect", R(3), inet, 16), call("sendmmsg", R(4), data(struct.pack("<QQ", 0, 0) + area(0x100) + struct.pack("<QQQQQ", 1, 0, 0, 0, 0)), 1, 0)],
    "netlink": [call("socket", 16, 3, 0), call("sendto", R(0), data(struct.pack("<IHHIIBxxx", 20, 18, 0x301, 1, 0, 0)), 20, 0, NULL, 0),
                call("recvfrom", R(1), SPACE, 256, 0, NULL, NULL)],
    "epoll": [call("epoll_create1", 0), call("eventfd2", 3, 0), call("epoll_ctl", 0, 1, 1, event), call("epoll_wait", 0, SPACE, 4, 10),
              call("pipe2", SPACE, 0), call("epoll_ctl", 0, 1, 2, event), call("read", 1, SPACE, 8),
              call("epoll_pwait2", 0, SPACE, 4, timespec(0, 1000), NULL, 8), call("epoll_ctl", 0, 3, 2, event), call("epoll_ctl", 0, 2, 1, NULL),
              call("timerfd_create", 1, 0), call("timerfd_settime", R(0), 0, data(struct.pack("<qqqq", 1, 0, 1, 0)), NULL),
              call("epoll_ctl", 0, 1, R(1), event), call("epoll_wait", 0, SPACE, 4, 5000), call("close", 0)],
    "signal": [call("rt_sigaction", 10, data(struct.pack("<QQQQ", 0x200000100100, 0x4000000, 0x200000100100, 0)), NULL, 8),
               call("getpid"), call("kill", R(0), 10), call("rt_sigreturn"), call("signalfd4", -1, data(struct.pack("<Q", 1 << 11)), 8, 0),
               call("rt_sigprocmask", 0, data(struct.pack("<Q", 1 << 11)), NULL, 8), call("getpid"), call("kill", R(0), 12),
               call("read", R(4), SPACE, 128), call("sigaltstack", data(struct.pack("<QiiQ", 0x200000104000, 0, 0, 8192)), NULL),
               call("alarm", 1), call("pause"), call("rt_sigtimedwait", data(b"\xff" * 8), NULL, timespec(0, 5), 8)],
    "threads": [call("clone", 0x50f00, old(64), NULL, NULL, 0), call("futex", old(4), 0, 0, timespec(1, 0), NULL, 0, task=1),
                call("gettid", task=1), call("tgkill", 2, R(0), 10), call("set_robust_list", SPACE, 24, task=1), call("exit", 0, task=1),
                call("vfork"), call("wait4", -1, SPACE, 0, SPACE), call("fork"), call("waitid", 0, 0, SPACE, 4, NULL)],
    "futex": [call("futex", old(0), 1, 1, NULL, NULL, 0), call("futex", old(0), 6, 0, NULL, NULL, 0), call("futex", old(0), 7, 0, NULL, NULL, 0),
              call("futex", old(0), 9, 0, timespec(5, 0), NULL, -1), call("futex", old(0), 4, 1, b"\0", old(1), 0), call("futex", old(0), 5, 1, b"\0", old(1), 0x1000)],
    "shm": [call("shmget", 0, 8192, 0x3ff), call("shmat", R(0), NULL, 0), call("shmctl", R(1), 2, SPACE), call("shmdt", b"\x09\1"),
            call("semget", 0, 3, 0x3ff), call("semop", R(0), data(struct.pack("<Hhh", 0, 1, 0)), 1), call("semctl", R(1), 0, 12, 0),
            call("msgget", 0, 0x3ff), call("msgsnd", R(0), data(struct.pack("<q", 1) + b"hello"), 5, 0), call("msgrcv", R(1), SPACE, 100, 0, 0x800)],
    "mq": [call("mq_open", "mq", 0x42, 0o600, NULL), call("mq_timedsend", R(0), old(0), 10, 3, NULL), call("mq_timedreceive", R(1), old(16), 8192, SPACE, NULL)],
    "proc": [call("open", "/proc/self/maps", 0, 0), call("read", R(0), old(0), 4096), call("open", "/proc/self/status", 0, 0), call("read", R(0), old(0), 4096),
             call("readlink", "/proc/self/fd/3", SPACE, 100), call("open", "/proc/mounts", 0, 0), call("read", R(0), old(0), 4096),
             call("open", "/proc/self/fd", 0x10000, 0), call("getdents64", R(0), old(0), 4096), call("open", "/proc/stat", 0, 0), call("pread64", R(0), old(0), 3000, 10)],
    "host": [call("open", "/host/n", 0x42, 0o644), call("write", R(0), old(0), 3000), call("fsync", R(1)), call("rename", "/host/n", "/host/m"),
             call("open", "/host/f", 2, 0), call("mmap", NULL, 8192, 3, 2, R(0), 0), call("read", R(1), old(0), 4000), call("truncate", "/host/f", 100),
             call("open", "/host", 0x10000, 0), call("getdents64", R(0), old(0), 4096), call("readlink", "/host/l", SPACE, 100), call("unlink", "/host/m"),
             call("open", "/etc/passwd", 2, 0), call("write", R(0), old(0), 10), call("open", "/etc/n", 0x42, 0o644), call("link", "/etc/n", "f")],
    "tty": [call("open", "/dev/ptmx", 2, 0), call("ioctl", R(0), 0x40045431, 0), call("ioctl", R(1), 0x80045430, 0), call("open", "/dev/pts/0", 0x102, 0),
            call("write", 0, old(0), 300), call("read", 1, SPACE, 100), call("ioctl", 1, 0x5401, 0), call("setsid"), call("ioctl", 1, 0x540e, 0),
            call("write", 0, data(b"abc\3\x1a\n"), 6), call("close", 0)],
    "mount": [call("mkdir", "d", 0o755), call("mount", "tmpfs", "d", "tmpfs", 0, NULL), call("open", "d/f", 0x42, 0o644), call("write", R(0), old(0), 100),
              call("mkdir", "e", 0o755), call("mkdir", "h", 0o755), call("umount2", "d", 2), call("mount", "proc", "d", "proc", 0, NULL),
              call("mount", "overlay", "d", "overlay", 0, data(b"lowerdir=/w/e,upperdir=/w/h,workdir=/w/d\0")), call("chroot", "d")],
    "xattr": [call("open", "f", 0x42, 0o644), call("setxattr", "f", data(b"user.a\0"), old(0), 40, 0), call("getxattr", "f", data(b"user.a\0"), SPACE, 100),
              call("listxattr", "f", SPACE, 100), call("removexattr", "f", data(b"user.a\0")), call("flock", R(4), 2), call("fcntl", R(5), 6, 0),
              call("inotify_init1", 0), call("inotify_add_watch", R(0), ".", 0xfff), call("mkdir", "d", 0o755), call("read", R(2), SPACE, 200),
              call("memfd_create", data(b"m\0"), 3), call("fcntl", R(0), 1033, 8), call("symlink", "f", "l"), call("statx", AT, "l", 0x100, 0xfff, SPACE)],
    "exec": [call("execve", "/etc/passwd", ["f", "g"], ["d"]), call("open", "f", 0x42, 0o755), call("write", R(0), data(b"#!f\n"), 4),
             call("close", R(1)), call("execve", "f", ["f"], []), call("prctl", 15, 0, 0, 0, 0), call("exit_group", 3)],
    "timers": [call("timer_create", 1, NULL, SPACE), call("timer_settime", 0, 0, data(struct.pack("<qqqq", 0, 1000, 0, 1000)), NULL),
               call("nanosleep", timespec(0, 5000), NULL), call("timer_getoverrun", 0), call("timer_delete", 0),
               call("setitimer", 0, data(struct.pack("<qqqq", 0, 10, 0, 10)), NULL), call("clock_nanosleep", 1, 0, timespec(1, 0), NULL), call("alarm", 3)],
}
# The same with a host that fails, cuts short or lies, and with one allocation that fails.
folder = "tests/corpus/syscall"
os.makedirs(folder, exist_ok=True)
for name, calls in programs.items():
    body = b"".join(calls)
    for suffix, flags in (("", 0), ("-user", 1)):
        open(f"{folder}/{name}{suffix}", "wb").write(bytes([flags, 1, 1]) + body)
    if name in ("host", "inet", "mmap", "epoll"):
        for suffix, mode in (("fails", 1), ("short", 2), ("lies", 3)):
            open(f"{folder}/{name}-{suffix}", "wb").write(bytes([mode << 1, 3, 4]) + body)
    open(f"{folder}/{name}-memory", "wb").write(bytes([8, 0, 40]) + body)

# tests/corpus/exec: small programs, whole and damaged.


def elf(kind, segments, interp=None, entry=0x1000, body=b"\xb8\x3c\0\0\0\x0f\x05\x90\x90\x90"):
    """A program of `segments` (type, flags, offset, address, file size, memory size)."""
    if interp:
        segments = [(3, 4, 0x400, 0x400, len(interp) + 1, len(interp) + 1)] + segments
    head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", kind, 62, 1, entry, 64, 0, 0, 64, 56, len(segments), 64, 0, 0)
    for t, flags, offset, address, filesz, memsz in segments:
        head += struct.pack("<IIQQQQQQ", t, flags, offset, address, address, filesz, memsz, 0x1000)
    out = head.ljust(0x400, b"\0")
    if interp:
        out += interp.encode() + b"\0"
    return out.ljust(0x1000, b"\0") + body.ljust(0x200, b"\x90")


folder = "tests/corpus/exec"
os.makedirs(folder, exist_ok=True)
text, bss = (1, 5, 0, 0, 0x1200, 0x1200), (1, 6, 0x1000, 0x3000, 0x100, 0x3000)
for name, flags, content in (
        ("pie", 0, elf(3, [text, bss])), ("pie-host", 1, elf(3, [text, bss])), ("large", 2, elf(3, [text, bss])),
        ("fixed", 0, elf(2, [(1, 5, 0, 0x200010000000, 0x1200, 0x1200)], entry=0x200010001000)),
        ("interpreter", 4, elf(3, [text], "i") + elf(3, [text, bss])), ("stack", 0, elf(3, [text, (0x6474e551, 7, 0, 0, 0, 0)])),
        ("overlap", 0, elf(3, [text, (1, 6, 0, 0x1000, 0x1000, 0x9000)])), ("huge", 0, elf(3, [text, (1, 6, 0, 0x3000, 0x10, 1 << 46)])),
        ("script", 0, b"#!i argument\n"), ("script-self", 0, b"#!f\n"), ("script-interpreter", 4, b"#!i".ljust(0x1200, b"\n") + elf(3, [text, bss])),
        ("short", 0, elf(3, [text, bss])[:200]), ("empty", 0, b"")):
    open(f"{folder}/{name}", "wb").write(bytes([flags]) + content)

# The small targets: a few bytes to start from.
small = {
    "elf": {"pie": elf(3, [text, bss])[:0x440], "interpreter": elf(3, [text], "/lib/ld.so")[:0x440], "script": b"#! /bin/sh -e \n", "empty": b""},
    "insn": {"mixed": bytes.fromhex("b83c0000000f05 4889e5 c5f877 62f17c4828c1 660f3a0fc108 e800000000 67ff2485000000 f0480fb10f 8f6978e1")},
    "rewrite": {"mov": bytes.fromhex("00" "b8270000000f05c3" "48c7c03c0000000f05c3" "90909090"),
                "after": bytes.fromhex("00" "4989ca0f05483d01f0ffff7302c3" "4489c00f05c3" "0f054883f800740190c3")},
}
for target, files in small.items():
    os.makedirs(f"tests/corpus/{target}", exist_ok=True)
    for name, content in files.items():
        open(f"tests/corpus/{target}/{name}", "wb").write(content)
