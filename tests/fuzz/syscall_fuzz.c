/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any sequence of system calls on the hosted kernel, with any host behaviour: no sanitizer report, no panic, no sleep for
 * ever, no lock left held, and nothing left alive after the process has ended. Caches may keep what an input made them
 * see; so an input after which more is alive is run again, and only what grows each time is a leak.
 */
#include <asm/unistd.h>

#include "abi/platform.h"
#include "kernel/sys/syscall.h"
#include "lib/base/string.h"
#include "platform/hosted/hosted.h"
#include "tests/fuzz/syscall_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
char *getenv(const char *name);
int dprintf(int fd, const char *format, ...);

#define RESULTS 16
#define CALLS_MAX 64
#define AGAIN 4

static const uint8_t *in;
static size_t left;
static long results[RESULTS];
static unsigned int result_count;
static uint32_t scratch;
static bool talk;

static const char *const dictionary[] = {
	"f",
	"g",
	"d",
	"d/f",
	"d/g",
	"l",
	".",
	"..",
	"d/..",
	"p",
	"s",
	"/",
	"/etc/passwd",
	"/etc/n",
	"/dev/null",
	"/dev/zero",
	"/dev/full",
	"/dev/urandom",
	"/dev/tty",
	"/dev/ptmx",
	"/dev/pts/0",
	"/dev/shm/x",
	"/tmp/t",
	"/proc/self/maps",
	"/proc/self/status",
	"/proc/self/fd",
	"/proc/self/fd/3",
	"/proc/self/mem",
	"/proc/self/exe",
	"/proc/self/task",
	"/proc/self/stat",
	"/proc/self/cmdline",
	"/proc/self/environ",
	"/proc/mounts",
	"/proc/meminfo",
	"/proc/1/stat",
	"/proc/sys/kernel/hostname",
	"/proc/self/oom_score_adj",
	"/proc/self/comm",
	"/proc/self/limits",
	"/sys",
	"/sys/devices/system/cpu",
	"/host/f",
	"/host/d",
	"/host/l",
	"/host/n",
	"/host/m",
	"/host",
	"",
	"mq",
	"/w",
	"/dev",
	"/dev/fd/0",
	"/dev/pts",
	"/proc",
	"/proc/self/root/w/f",
	"/proc/self/cwd",
	"/proc/self/mountinfo",
	"/proc/stat",
	"/proc/loadavg",
	"/proc/sys/fs/pipe-max-size",
	"/proc/self/auxv",
	"tmpfs",
	"proc",
	"overlay",
	"user.a",
	"security.capability",
	"trusted.overlay.opaque",
	"lowerdir=d,upperdir=e,workdir=h",
	"e",
	"h",
	"/tmp/u",
	"sysfs",
	"devpts",
};

static const uint64_t interesting[] = {
	0x80,
	0xff,
	0x100,
	0x1000,
	0x10000,
	0x100000,
	0x40000000,
	0x7fffffff,
	0x80000000,
	0xffffffff,
	0x100000000,
	0x7fffffffffffffff,
	0x8000000000000000,
	0xffffffffffffffff,
	0xfffffffffffff000,
	0xfff,
	0x1001,
	0x7ffff000,
	0x200000000000,
	0x7fffffffffff,
	0x800000000000,
	0x441 /* O_CREAT.. */,
	0x42,
	0x80000,
	0x800,
	0x80801,
	0x4000,
	0x10000,
	0x200000,
	0x410000,
	0x22,
	0x32,
	0x100022,
	0x11,
	0x31,
	0x8000000,
	0x5401,
	0x5421,
	0x541b,
	0x5413,
	0x5410,
	0x540e,
	0x80045430,
	0x100,
	0x2000,
	0x400,
	0x3d0f00,
	0x50f00,
	0x4111,
	0x10900,
	0x1200011,
	0x200,
	0x300,
	0x17,
	0x1d,
};

static uint8_t byte(void)
{
	if (!left)
		return 0;
	left--;
	return *in++;
}

static uint64_t word(unsigned int size)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < size; i++)
		v |= (uint64_t)byte() << i * 8;
	return v;
}

static long result(unsigned int ago)
{
	return result_count ? results[(result_count - 1 - ago) % RESULTS] : 0;
}

static uintptr_t space(size_t size)
{
	uintptr_t at;

	size = (size + 15) & ~15UL;
	if (scratch + size > AREA_SIZE)
		scratch = 0;
	at = AREA + scratch;
	scratch += (uint32_t)size;
	return at;
}

static uintptr_t put_data(const void *from, size_t size, bool relocate)
{
	static uint8_t copy[512];
	uintptr_t at = space(size + 1);

	memcpy(copy, from, size);
	copy[size] = 0;
	for (size_t i = 0; relocate && i + 8 <= size; i += 8) {
		uint64_t v;

		memcpy(&v, copy + i, 8);
		if (v >> 48 != 0xa5a5)
			continue;
		v = AREA + (v & 0xffff);
		memcpy(copy + i, &v, 8);
	}
	(void)!plat_copy_user((void *)at, copy, size + 1);
	return at;
}

static uintptr_t pointer(void)
{
	uint8_t how = byte() % P_WAYS;
	size_t size;

	switch (how) {
	case P_DATA:
		size = MIN((size_t)byte(), left);
		in += size;
		left -= size;
		return put_data(in - size, size, true);
	case P_SPACE:
		return space(256);
	case P_OLD:
		return AREA + 256UL * byte();
	case P_EDGE:
		return AREA_READ_ONLY + 4096 - byte();
	case P_READ_ONLY:
		return AREA_READ_ONLY;
	case P_UNMAPPED:
		return AREA_READ_ONLY + 4096;
	case P_KERNEL:
		return hosted_enclave(&size) + 4096 * 5000;
	case P_WILD:
		return word(8);
	case P_RESULT:
		return (uintptr_t)result(byte());
	case P_ARENA:
		return ARENA_START + 4096 * word(2);
	case P_LONG:
		(void)word(2);
		return AREA;
	default:
		return 0;
	}
}

static uintptr_t path(void)
{
	uint8_t n = byte();
	const char *s;

	if (n < 0xc0) {
		s = dictionary[n % ARRAY_SIZE(dictionary)];
		return put_data(s, strlen(s), false);
	}
	if (n == 0xff)
		return pointer();
	n = (uint8_t)MIN((size_t)(n & 63), left);
	in += n;
	left -= n;
	return put_data(in - n, n, false);
}

static unsigned long descriptor(void)
{
	uint8_t n = byte();

	if (n < 0x40)
		return n % 32;
	if (n < 0x80)
		return (unsigned long)result(n & 15);
	return n == 0x81 ? (unsigned long)-100 : (unsigned long)(n == 0x80 ? -1L : (long)(int8_t)n);
}

static unsigned long number(void)
{
	uint8_t n = byte();

	if (n < 0x80)
		return n;
	if (n < 0xc0)
		return interesting[(n & 63) % ARRAY_SIZE(interesting)];
	if (n < 0xe0)
		return (unsigned long)result(n & 15);
	switch (n & 3) {
	case 0:
		return word(2);
	case 1:
		return word(4);
	case 2:
		return word(8);
	default:
		return ~0UL;
	}
}

static uintptr_t vector(void)
{
	uint64_t v[4] = { 0 };
	unsigned int n = byte() % 5;

	if (n == 4)
		return pointer();
	for (unsigned int i = 0; i < n; i++)
		v[i] = path();
	return put_data(v, sizeof(v), false);
}

static bool one_call(void)
{
	unsigned int task = byte(), nr = (unsigned int)word(2) % SYSCALL_COUNT;
	const struct syscall_entry *e = &syscall_table[nr];
	unsigned long a[6] = { 0 };

	if (!e->handler)
		return true;
	if (!hosted_pick(task))
		return false;
	for (unsigned int i = 0; i < 6 && e->arguments[i]; i++) {
		switch (e->arguments[i]) {
		case 'p':
		case 'b':
		case 'B':
		case 'D':
		case 'S':
		case 'T':
			a[i] = pointer();
			break;
		case 's':
			a[i] = path();
			break;
		case 'v':
			a[i] = vector();
			break;
		case 'f':
		case 'F':
			a[i] = descriptor();
			break;
		default:
			a[i] = number();
		}
	}
	/* What would stay when the process has ended, by design. */
	if (nr == __NR_mount) {
		a[1] = put_data("d", 1, false);
		a[3] &= ~(1UL << 12 | 1UL << 18 |
			  1UL << 20); /* MS_BIND is fine, not MS_REC: bounded work */
	}
	if (nr == __NR_mq_open)
		a[0] = put_data("mq", 2, false);
	if (nr == __NR_pivot_root || nr == __NR_move_mount || nr == __NR_reboot)
		return true;
	results[result_count++ % RESULTS] = hosted_syscall(nr, a);
	if (talk)
		dprintf(2, "  %s(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx) = %ld\n", e->name, a[0], a[1],
			a[2], a[3], a[4], a[5], result(0));
	return true;
}

static void run(const uint8_t *data, size_t size)
{
	uint8_t flags, seed, rate;

	in = data;
	left = size;
	result_count = scratch = 0;
	flags = byte();
	seed = byte();
	rate = byte();
	hosted_seed(seed);
	hosted_host_mode(HOST_HONEST, 1, 0);
	if (!hosted_process_start(flags & 1 ? 1000 : 0))
		hosted_fail("no process");
	hosted_host_mode(flags >> 1 & 3, rate, 0);
	hosted_fail_allocation(flags & 8 ? seed * 8u + rate + 1 : 0);
	for (int i = 0; i < CALLS_MAX && left; i++)
		if (!one_call())
			break;
	hosted_fail_allocation(0);
	hosted_host_mode(HOST_HONEST, 1, 0);
	hosted_process_end();
	hosted_tidy();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	hosted_boot();
	talk = hosted_verbose = getenv("HOSTED_VERBOSE") != NULL;
	run((const uint8_t *)"", 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t objects = hosted_objects(), pages = hosted_pages(), mark = 0, more = 0,
		 more_pages = 0;
	int grew = 0;

	if (size > 4096)
		return 0;
	run(data, size);
	for (int i = 0; i < AGAIN && (hosted_objects() > objects || hosted_pages() > pages); i++) {
		objects = hosted_objects();
		pages = hosted_pages();
		mark = hosted_mark();
		run(data, size);
		more = hosted_objects() - objects;
		more_pages = hosted_pages() - pages;
		grew += (int64_t)more > 0 || (int64_t)more_pages > 0;
	}
	if (grew == AGAIN) {
		hosted_print_newer(mark);
		hosted_fail("leak: each run leaves %ld objects and %ld pages", (long)more,
			    (long)more_pages);
	}
	return 0;
}
