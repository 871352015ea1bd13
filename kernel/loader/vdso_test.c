/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vDSO image as programs see it: the dynamic linker finds its symbols with their version, the functions work by
 * system call and by the host's vDSO, and the unwinder walks from a signal handler through the trampoline to main.
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>

#include "kernel/loader/vdso_symbol.c"

/* <sys/auxv.h> brings an elf.h that clashes with the kernel's. */
unsigned long getauxval(unsigned long type);
#define AT_SYSINFO_EHDR 33

extern const uint8_t vdso_image_start[], vdso_image_end[];
extern const uint32_t vdso_patch_host[], vdso_patch_gates[], vdso_sigreturn_offset;

#define CHECK(c)                                                                 \
	do {                                                                     \
		if (!(c)) {                                                      \
			printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #c); \
			exit(1);                                                 \
		}                                                                \
	} while (0)

static uint8_t image[4096];
static uintptr_t found[64];
static unsigned int found_count;
static volatile int handled;

static _Unwind_Reason_Code note_frame(struct _Unwind_Context *c, void *unused)
{
	(void)unused;
	if (found_count < ARRAY_SIZE(found))
		found[found_count++] = _Unwind_GetIP(c);
	return _URC_NO_REASON;
}

static void handler(int sig)
{
	(void)sig;
	handled++;
	_Unwind_Backtrace(note_frame, NULL);
}

/* As the kernel's struct: libc would put its own restorer in. */
struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	uintptr_t restorer;
	unsigned long mask;
};

static void __attribute__((noinline)) test_unwind(uintptr_t trampoline)
{
	struct kernel_sigaction action = { handler, 0x04000000 /* SA_RESTORER */, trampoline, 0 };
	uintptr_t self = (uintptr_t)test_unwind;
	bool through = false, back = false;

	CHECK(!syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 8));
	CHECK(!syscall(SYS_tgkill, getpid(), (int)syscall(SYS_gettid), SIGUSR1));
	CHECK(handled == 1);
	for (unsigned int n = 0; n < found_count; n++) {
		through |= found[n] == trampoline;
		back |= through && found[n] > self && found[n] < self + 4096;
	}
	CHECK(through && back);
}

static void test_functions(void *object, const char *how)
{
	int (*get)(int, struct timespec *) = (int (*)(int, struct timespec *))dlvsym(
		object, "__vdso_clock_gettime", "LINUX_2.6");
	int (*res)(int, struct timespec *) =
		(int (*)(int, struct timespec *))dlvsym(object, "__vdso_clock_getres", "LINUX_2.6");
	int (*day)(struct timeval *, void *) = (int (*)(struct timeval *, void *))dlvsym(
		object, "__vdso_gettimeofday", "LINUX_2.6");
	time_t (*now)(time_t *) = (time_t(*)(time_t *))dlvsym(object, "__vdso_time", "LINUX_2.6");
	int (*cpu)(unsigned int *, unsigned int *, void *) =
		(int (*)(unsigned int *, unsigned int *, void *))dlvsym(object, "__vdso_getcpu",
									"LINUX_2.6");
	struct timespec a, b, c;
	struct timeval tv;
	unsigned int node, processor = ~0u;

	CHECK(get && res && day && now && cpu);
	for (int id = 0; id < 12; id++) {
		if (clock_gettime(id, &a))
			continue;
		CHECK(!get(id, &b) && !clock_gettime(id, &c));
		CHECK(b.tv_sec >= a.tv_sec && b.tv_sec <= c.tv_sec);
		CHECK(!clock_getres(id, &a) && !res(id, &b) && a.tv_nsec == b.tv_nsec);
	}
	CHECK(get(99, &b) == -EINVAL);
	CHECK(!day(&tv, NULL) && tv.tv_sec >= time(NULL) - 1);
	CHECK(now(NULL) >= tv.tv_sec - 1 && now(NULL) <= time(NULL)); /* a tick behind, at most */
	CHECK(!cpu(&processor, &node, NULL) && processor < 4096);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int n = 0; n < 1000000; n++)
		get(CLOCK_MONOTONIC, &c);
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("clock_gettime %s: %.1f ns\n", how,
	       (double)((b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec) / 1e6);
}

static void *load(const char *name)
{
	char path[] = "/tmp/vdso-test-XXXXXX";
	int fd = mkstemp(path);
	void *object;

	CHECK(fd >= 0);
	CHECK(write(fd, image, sizeof(image)) == (ssize_t)sizeof(image));
	close(fd);
	object = dlopen(path, RTLD_NOW);
	if (!object)
		printf("%s: %s\n", name, dlerror());
	unlink(path);
	CHECK(object);
	return object;
}

/* Hostile images: each byte changed, and cut at each size. */
static void test_hostile(const uint8_t *host, size_t size)
{
	uint8_t *copy = malloc(size);
	uint64_t at;

	for (size_t n = 0; n < size; n++) {
		memcpy(copy, host, size);
		copy[n] ^= 0xff;
		(void)vdso_find_symbol(copy, size, "__vdso_getcpu", &at);
	}
	for (size_t n = 0; n < size; n += 7) {
		uint8_t *cut = malloc(n + 1);

		memcpy(cut, host, n);
		(void)vdso_find_symbol(cut, n, "__vdso_getcpu", &at);
		free(cut);
	}
	free(copy);
}

int main(void)
{
	uintptr_t host = getauxval(AT_SYSINFO_EHDR);
	uint64_t load_address, address;
	static const char *const names[] = { "__vdso_clock_gettime", "__vdso_gettimeofday",
					     "__vdso_time", "__vdso_getcpu",
					     "__vdso_clock_getres" };
	void *object;
	char *base;

	CHECK(vdso_image_end - vdso_image_start <= 4096);
	memcpy(image, vdso_image_start, (size_t)(vdso_image_end - vdso_image_start));
	for (const uint32_t *gate = vdso_patch_gates; *gate; gate++) {
		CHECK(!memcmp(image + *gate, "\x65\xff\x24\x25\x18\0\0\0\x0f\x05", 10));
		memcpy(image + *gate, "\x0f\x1f\x84\0\0\0\0", 8);
	}
	test_hostile(image, (size_t)(vdso_image_end - vdso_image_start));
	object = load("by system calls");
	test_functions(object, "by system calls");
	base = dlsym(object, "__kernel_rt_sigreturn");
	CHECK(base);
	test_unwind((uintptr_t)base);
	if (!host)
		return 0;
	for (unsigned int n = 0; n < ARRAY_SIZE(names); n++) {
		uint8_t *at = image + vdso_patch_host[n];

		address = vdso_find_symbol((const uint8_t *)host, 4096, names[n], &load_address);
		if (!address)
			continue;
		address += host - load_address;
		CHECK(at[0] == 0xeb);
		memcpy(at, "\x48\xb8", 2);
		memcpy(at + 2, &address, 8);
		memcpy(at + 10, "\xff\xe0", 2);
	}
	test_functions(load("by the host"), "by the host");
	return 0;
}
