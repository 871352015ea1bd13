/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text rewriter, by execution. With arguments: what it makes of those files, and how long it takes.
 *
 * The stubs' entry (what %gs:24 points to) jumps to the `syscall` two bytes before the return address: so each call is done for real, the
 * rule that such an instruction is there is tested by each call, and no state is needed even for clone.
 *
 * 1. Functions of all shapes, called before and after: same results, and the sites meant to be rewritten are.
 * 2. This process's own libc, rewritten in place; then a workload with files, threads, signals, fork and exec.
 * 3. Addresses: each instruction of each stub has an original, and back.
 */
#include <asm/prctl.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/loader/ehframe.c"
#include "kernel/loader/insn.c"
#undef M
#undef B
#undef Z
#undef W
#undef V
#undef R
#undef A
#undef X
#include "kernel/loader/rewrite_scan.c"
#include "kernel/loader/rewrite_text.c"

#define CHECK(c)                                                                                   \
	do {                                                                                       \
		if (!(c)) {                                                                        \
			printf("%s:%d: not true: %s (errno %d)\n", __FILE__, __LINE__, #c, errno); \
			fflush(stdout);                                                            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

void *kmalloc(size_t size)
{
	return malloc(size);
}
void *kcalloc(size_t count, size_t size)
{
	return calloc(count, size);
}
void *kzalloc(size_t size)
{
	return calloc(1, size);
}
void *krealloc(void *p, size_t size)
{
	return realloc(p, size);
}
void kfree(void *p)
{
	free(p);
}

/* --- the entry ------------------------------------------------------------------------------------------------------ */

unsigned long entered;
extern char fake_entry[];
__asm__(".text\n"
	"fake_entry: lock incq entered(%rip)\n"
	"cmpw $0x050f, -2(%rcx)\n"
	"jne 1f\n"
	"lea -2(%rcx), %r11\n"
	"jmp *%r11\n"
	"1: ud2\n");

static uint64_t fake_task[8];

static void set_up_entry(void)
{
	fake_task[0] = (uintptr_t)fake_task;
	fake_task[3] = (uintptr_t)fake_entry;
	CHECK(!syscall(SYS_arch_prctl, ARCH_SET_GS, fake_task));
}

/* --- whole files ---------------------------------------------------------------------------------------------------- */

struct loaded {
	uint8_t *file;
	size_t size;
	struct module m;
	const Elf64_Phdr *text;
	uint64_t lowest, stubs_at;
	size_t gap;
	struct function_range *functions;
	size_t function_count;
	uint8_t *copy; /* the segment, patched */
	struct rewrite_image image;
};

static long read_memory(void *context, void *to, size_t size, uint64_t offset)
{
	const struct loaded *l = context;

	if (offset >= l->size)
		return 0;
	size = MIN(size, l->size - offset);
	memcpy(to, l->file + offset, size);
	return (long)size;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* As kernel/loader/rewrite_cache.c does. false: nothing to rewrite. */
static bool load_file(const char *path, struct loaded *l, double *ret_ms)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	uint64_t *candidates = NULL;
	size_t count = 0, capacity = 0, bound = 0;
	double start;

	memset(l, 0, sizeof(*l));
	CHECK(fd >= 0 && !fstat(fd, &st));
	l->size = (size_t)st.st_size;
	l->file = mmap(NULL, l->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	CHECK(l->file != MAP_FAILED);
	close(fd);
	start = now_ms();
	l->m = (struct module){ .read = read_memory, .context = l, .file_size = l->size };
	if (module_init(&l->m))
		return false;
	l->lowest = UINT64_MAX;
	for (unsigned int n = 0; n < l->m.header.e_phnum; n++) {
		const Elf64_Phdr *h = &l->m.segments[n];

		if (h->p_type == PT_LOAD)
			l->lowest = MIN(l->lowest, PAGE_DOWN(h->p_vaddr));
		if (h->p_type == PT_LOAD && (h->p_flags & PF_X))
			l->text = h;
	}
	if (!l->text)
		return false;
	l->copy = malloc(l->text->p_filesz);
	memcpy(l->copy, l->file + l->text->p_offset, l->text->p_filesz);
	for (size_t at = 0; (at = text_next_syscall(l->copy, l->text->p_filesz, at)) != SIZE_MAX;
	     at += 2) {
		if (count == capacity)
			candidates = realloc(candidates, (capacity = capacity * 2 + 64) * 8);
		candidates[count++] = l->text->p_vaddr + at;
		bound += rewrite_stub_bound(l->copy, at);
	}
	if (!count)
		return false;
	CHECK(!module_functions(&l->m, candidates, count, &l->functions, &l->function_count));
	free(candidates);
	l->gap = PAGE_UP(bound);
	l->stubs_at = l->lowest - l->gap;
	CHECK(!rewrite_text(l->copy, l->text->p_vaddr, l->text->p_filesz, l->stubs_at, l->gap,
			    l->functions, l->function_count, &l->image));
	*ret_ms = now_ms() - start;
	return true;
}

static void unload(struct loaded *l)
{
	rewrite_image_free(&l->image);
	free(l->functions);
	free(l->copy);
	module_done(&l->m);
	munmap(l->file, l->size);
}

static const char *const kept_names[] = { "not",    "no function", "decode",	"indirect",
					  "target", "shape",	   "sigreturn", "space" };

static void report(const char *path)
{
	unsigned int reasons[8] = { 0 }, before = 0;
	struct loaded l;
	double ms = 0;

	if (!load_file(path, &l, &ms)) {
		printf("%s: no syscalls\n", path);
		return;
	}
	for (size_t n = 0; n < l.image.count; n++) {
		const struct rewrite_site *s = &l.image.sites[n];

		before += s->how == REWRITE_BEFORE;
		if (s->how != REWRITE_KEPT)
			continue;
		reasons[s->reason]++;
		if (getenv("SITES"))
			printf("  kept %lx: %s\n", (unsigned long)s->address,
			       kept_names[s->reason]);
	}
	printf("%s: %zu sites: %zu mov, %u before, %zu after, %zu kept; %zu stub pages, gap %zu; %.2f ms\n   ",
	       path, l.image.count, l.image.mov, before, l.image.after - before, l.image.kept,
	       l.image.stubs_size / PAGE_SIZE, l.gap / PAGE_SIZE, ms);
	for (unsigned int n = 1; n < 8; n++)
		if (reasons[n])
			printf(" %s %u", kept_names[n], reasons[n]);
	printf("\n");
	unload(&l);
}

/* --- addresses ------------------------------------------------------------------------------------------------------ */

static void check_addresses(const struct rewrite_image *image, uint64_t stubs_at)
{
	(void)stubs_at;
	for (size_t n = 0; n < image->count; n++) {
		const struct rewrite_site *s = &image->sites[n];
		struct insn i;

		if (s->how == REWRITE_KEPT)
			continue;
		for (unsigned int at = 0; at < s->stub_size; at += i.length) {
			uint64_t original = 0;
			uint32_t back = 0;

			CHECK(insn_decode(image->stubs + s->stub + at, s->stub_size - at, &i));
			CHECK(rewrite_image_original(image, s->stub + at, &original));
			CHECK(original >= s->patch &&
			      original <= MAX(s->patch + s->patch_size, s->address + 2));
			if (original > s->patch && original < s->patch + s->patch_size &&
			    original != s->address) {
				CHECK(rewrite_image_patched_over(image, original, &back) == s);
				CHECK(back == s->stub + at);
			}
		}
		if (s->how == REWRITE_AFTER) {
			uint64_t original;

			CHECK(!memcmp(image->stubs + s->stub + s->resume - 2, "\x0f\x05", 2));
			CHECK(rewrite_image_original(image, s->stub + s->resume, &original) &&
			      original == s->address + 2);
		} else {
			CHECK(!memcmp(image->text + (s->address - image->text_start), "\x0f\x05",
				      2));
		}
	}
}

/* --- 1: shapes ------------------------------------------------------------------------------------------------------ */

/* Functions (a, b, c) -> long. Each must give the same before and after. Numbers: getpid 39, write 1, lseek 8. */
#define SHAPE(name, how, body) \
	".balign 16\n.globl " name "\n" name ":\n" body "\n.globl " name "_end\n" name "_end:\n"
__asm__(".text\n.balign 4096\n.globl shapes_start\nshapes_start:\n" SHAPE(
	"s_mov", "m",
	"mov $39,%eax\nsyscall\nret") SHAPE("s_mov_long", "m",
					    ".byte 0x48,0xc7,0xc0,39,0,0,0\nsyscall\nret")
		SHAPE("s_after_cmp", "a", "mov $39,%eax\njmp 1f\n1: syscall\ncmp $-4095,%rax\njae 2f\nret\n2: neg %rax\nret") SHAPE(
			"s_after_jcc", "a",
			"push %rbx\nmov $-1,%edi\nmov $3,%eax\nnop\n1: syscall\ntest %eax,%eax\njs 2f\nmov $7,%eax\n2: pop %rbx\nret")
			SHAPE("s_after_rip", "a", "mov $39,%eax\njmp 1f\n1: syscall\nadd shape_data(%rip),%rax\nret") SHAPE(
				"s_after_ret", "a",
				"mov $39,%eax\njmp 1f\n1: syscall\nret\nint3\nint3")
				SHAPE("s_before", "b", "mov $39,%eax\nmov %rdi,%r10\nmov %rsi,%rdx\nsyscall\nret") SHAPE(
					"s_before_rip", "b",
					"mov $39,%eax\nmov shape_data(%rip),%rdi\nsyscall\nadd %rdi,%rax\nret")
					SHAPE("s_before_loop", "b",
					      "mov $3,%ecx\nmov $0,%r8d\n1: push %rcx\nmov $39,%eax\nnop\nmov %rcx,%r9\nsyscall\nadd %rax,%r8\npop %rcx\ndec %ecx\njnz 1b\nmov %r8,%rax\nret")
						SHAPE("s_into_before", "t",
						      "xor %r9d,%r9d\nmov $39,%eax\nmov $1,%r8b\n1: mov %rdi,%rdx\nsyscall\ntest %r9,%r9\njne 2f\ninc %r9\nmov $39,%eax\njmp 1b\n2: ret")
							SHAPE("s_indirect", "i",
							      "mov $39,%eax\nnop\nmov %rdi,%rdx\nmov %rdi,%rdx\nsyscall\nlea 1f(%rip),%rdx\njmp *%rdx\n1: ret")
								SHAPE("s_two", "m",
								      "mov $39,%eax\nsyscall\nmov %rax,%r8\nmov $39,%eax\nsyscall\nadd %r8,%rax\nret")
									SHAPE("s_false_mov", "b",
									      "mov $39,%eax\nmov $5,%r8d\nsyscall\nret")
										SHAPE("s_jump_to_syscall",
										      "m",
										      "mov $39,%eax\ntest %rdi,%rdi\nje 1f\nmov $39,%eax\n1: syscall\nret") ".globl shapes_end\n.balign 4096\nshapes_end:\n.data\nshape_data: .quad 1000\n.text\n");

extern uint8_t shapes_start[], shapes_end[];
#define DECLARE(name) extern uint8_t name[], name##_end[];
/* clang-format off */
DECLARE(s_mov) DECLARE(s_mov_long) DECLARE(s_after_cmp) DECLARE(s_after_jcc) DECLARE(s_after_rip) DECLARE(s_after_ret)
DECLARE(s_before) DECLARE(s_before_rip) DECLARE(s_before_loop) DECLARE(s_into_before) DECLARE(s_indirect) DECLARE(s_two)
DECLARE(s_false_mov) DECLARE(s_jump_to_syscall)
	/* clang-format on */

	static const struct {
	const char *name;
	uint8_t *start, *end;
	int how, reason;
} shapes[] = {
#define ROW(name, how, reason)                       \
	{                                            \
#name, name, name##_end, how, reason \
	}
	ROW(s_mov, REWRITE_MOV, 0),
	ROW(s_mov_long, REWRITE_MOV, 0),
	ROW(s_after_cmp, REWRITE_AFTER, 0),
	ROW(s_after_jcc, REWRITE_BEFORE, 0),
	ROW(s_after_rip, REWRITE_AFTER, 0),
	ROW(s_after_ret, REWRITE_AFTER, 0),
	ROW(s_before, REWRITE_BEFORE, 0),
	ROW(s_before_rip, REWRITE_BEFORE, 0),
	ROW(s_before_loop, REWRITE_BEFORE, 0),
	ROW(s_into_before, REWRITE_AFTER, 0),
	ROW(s_indirect, REWRITE_KEPT, KEPT_INDIRECT),
	ROW(s_two, REWRITE_MOV, 0),
	ROW(s_false_mov, REWRITE_BEFORE, 0),
	ROW(s_jump_to_syscall, REWRITE_MOV, 0),
};

static long call_shape(const uint8_t *f, long a)
{
	long ret;

	__asm__ volatile("call *%1"
			 : "=a"(ret), "+r"(f), "+D"(a)
			 :
			 : "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
	return ret;
}

/* Puts patched text and its stubs where the original is. */
static void install(uint8_t *at, const struct rewrite_image *image, uint8_t *stubs)
{
	size_t size = PAGE_UP(image->text_size + ((uintptr_t)at - PAGE_DOWN(at)));

	CHECK(mmap(stubs, image->stubs_size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == stubs);
	memcpy(stubs, image->stubs, image->stubs_size);
	CHECK(!mprotect(stubs, image->stubs_size, PROT_READ | PROT_EXEC));
	CHECK(!mprotect((void *)PAGE_DOWN(at), size, PROT_READ | PROT_WRITE | PROT_EXEC));
	memcpy(at, image->text, image->text_size);
	CHECK(!mprotect((void *)PAGE_DOWN(at), size, PROT_READ | PROT_EXEC));
}

/* Room for stubs within reach. */
static uint8_t *room_near(const uint8_t *text, size_t size)
{
	for (uintptr_t at = PAGE_DOWN(text) - size - PAGE_SIZE; at > 1UL << 20; at -= 1UL << 20) {
		void *got = mmap((void *)at, size, PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		if (got == (void *)at)
			return got;
		if (got != MAP_FAILED)
			munmap(got, size);
	}
	CHECK(!"room for stubs");
	return NULL;
}

static void test_shapes(void)
{
	struct function_range ranges[ARRAY_SIZE(shapes)];
	long expected[ARRAY_SIZE(shapes)][2];
	size_t size = (size_t)(shapes_end - shapes_start);
	uint8_t *copy = malloc(size), *stubs = room_near(shapes_start, 16 * PAGE_SIZE);
	struct rewrite_image image;

	for (size_t n = 0; n < ARRAY_SIZE(shapes); n++) {
		ranges[n] = (struct function_range){ (uintptr_t)shapes[n].start,
						     (uintptr_t)shapes[n].end };
		expected[n][0] = call_shape(shapes[n].start, 0);
		expected[n][1] = call_shape(shapes[n].start, 5);
	}
	memcpy(copy, shapes_start, size);
	CHECK(!rewrite_text(copy, (uintptr_t)shapes_start, size, (uintptr_t)stubs, 16 * PAGE_SIZE,
			    ranges, ARRAY_SIZE(ranges), &image));
	check_addresses(&image, (uintptr_t)stubs);
	for (size_t n = 0; n < image.count; n++)
		for (size_t f = 0; f < ARRAY_SIZE(shapes); f++) {
			if (image.sites[n].address < ranges[f].start ||
			    image.sites[n].address >= ranges[f].end)
				continue;
			if (image.sites[n].how != shapes[f].how ||
			    image.sites[n].reason != shapes[f].reason) {
				printf("%s: how %d reason %d, expected %d %d\n", shapes[f].name,
				       image.sites[n].how, image.sites[n].reason, shapes[f].how,
				       shapes[f].reason);
				exit(1);
			}
		}
	install(shapes_start, &image, stubs);
	for (size_t n = 0; n < ARRAY_SIZE(shapes); n++) {
		unsigned long was = entered;

		CHECK(call_shape(shapes[n].start, 0) == expected[n][0] &&
		      call_shape(shapes[n].start, 5) == expected[n][1]);
		CHECK((entered != was) == (shapes[n].how != REWRITE_KEPT));
	}
	rewrite_image_free(&image);
	free(copy);
	/* Too little room: kept, not broken. */
	copy = malloc(size);
	memcpy(copy, shapes_start, size);
	CHECK(!rewrite_text(copy, 0x1000, size, 0, 40, NULL, 0, &image));
	CHECK(image.mov == 0 && image.after == 0);
	rewrite_image_free(&image);
	free(copy);
}

/* --- 2: libc -------------------------------------------------------------------------------------------------------- */

static void *thread(void *arg)
{
	for (int n = 0; n < 100; n++) {
		struct timespec t = { 0, 1000 };

		nanosleep(&t, NULL);
		sched_yield();
	}
	return arg;
}

static volatile int signals;

static void on_signal(int sig)
{
	(void)sig;
	signals++;
}

static void workload(void)
{
	char name[] = "/tmp/rewrite-test-XXXXXX", buffer[64] = { 0 };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	char *const arguments[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
				    (char *)(uintptr_t) "exit 3", NULL };
	int fd = mkstemp(name), pair[2], status;
	struct stat st;
	pthread_t threads[4];
	pid_t pid;
	FILE *f;
	DIR *d;

	CHECK(fd >= 0);
	CHECK(write(fd, "hello", 5) == 5 && lseek(fd, 0, SEEK_SET) == 0 &&
	      read(fd, buffer, 64) == 5);
	CHECK(!strcmp(buffer, "hello") && !fstat(fd, &st) && st.st_size == 5);
	CHECK(pread(fd, buffer, 2, 3) == 2 && pwrite(fd, "x", 1, 9) == 1 && ftruncate(fd, 3) == 0);
	close(fd);
	f = fopen(name, "r");
	CHECK(f && fgets(buffer, 64, f) && !strcmp(buffer, "hel"));
	fclose(f);
	CHECK(!unlink(name) && open(name, O_RDONLY) < 0 && errno == ENOENT);
	CHECK(getpid() == syscall(SYS_getpid));
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK(send(pair[0], "abc", 3, 0) == 3 && recv(pair[1], buffer, 64, 0) == 3);
	for (int n = 0; n < 4; n++)
		CHECK(!pthread_create(&threads[n], NULL, thread, NULL));
	sigaction(SIGUSR1, &action, NULL);
	for (int n = 0; n < 50; n++) {
		raise(SIGUSR1);
		pthread_kill(threads[n % 4], SIGUSR1);
	}
	for (int n = 0; n < 4; n++)
		CHECK(!pthread_join(threads[n], NULL));
	CHECK(signals >= 50);
	pid = fork();
	if (!pid)
		_exit(7);
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
	CHECK(!posix_spawn(&pid, "/bin/sh", NULL, NULL, arguments, environ));
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 3);
	f = popen("echo out", "r");
	CHECK(f && fgets(buffer, 64, f) && !strcmp(buffer, "out\n") && !pclose(f));
	d = opendir("/");
	CHECK(d && readdir(d));
	closedir(d);
	pthread_create(&threads[0], NULL, thread, NULL);
	pthread_cancel(threads[0]);
	pthread_join(threads[0], NULL);
}

/* The mapping of libc's text in this process. */
static bool find_libc(char *path, uintptr_t *ret_start, uint64_t *ret_offset)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];
	bool found = false;

	while (!found && fgets(line, sizeof(line), f)) {
		char prot[8];
		unsigned long start, end, offset;

		path[0] = 0;
		if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %255s", &start, &end, prot, &offset,
			   path) >= 4 &&
		    strstr(path, "libc.so.6") && prot[2] == 'x') {
			found = true;
			*ret_start = start;
			*ret_offset = offset;
		}
	}
	fclose(f);
	return found;
}

#define GUARD 64

/* The image alone makes the same of the file's text; a damaged one is refused, or at least stays inside of the text. */
static void check_apply(const struct loaded *l)
{
	size_t size = l->text->p_filesz, sites_size = l->image.count * sizeof(l->image.sites[0]),
	       refused = 0;
	const uint8_t *original = l->file + l->text->p_offset;
	struct rewrite_image damaged = l->image;
	uint8_t *text = malloc(size + 2 * (size_t)GUARD);
	uint32_t chance = 1;

	memset(text, 0xa5, size + 2 * (size_t)GUARD);
	memcpy(text + GUARD, original, size);
	CHECK(rewrite_image_apply(&l->image, text + GUARD, l->stubs_at));
	CHECK(!memcmp(text + GUARD, l->copy, size));
	/* What is patched is no text of this image any more: AFTER's `syscall` is gone. */
	CHECK(!l->image.after || !rewrite_image_apply(&l->image, text + GUARD, l->stubs_at));
	damaged.sites = malloc(sites_size);
	for (unsigned int n = 0; n < 2000; n++) {
		chance = chance * 1664525 + 1013904223;
		memcpy(damaged.sites, l->image.sites, sites_size);
		((uint8_t *)damaged.sites)[(chance >> 8) % sites_size] ^=
			(uint8_t)(1u << (chance & 7));
		memcpy(text + GUARD, original, size);
		refused += !rewrite_image_apply(&damaged, text + GUARD, l->stubs_at);
		for (unsigned int g = 0; g < GUARD; g++)
			CHECK(text[g] == 0xa5 && text[GUARD + size + g] == 0xa5);
	}
	printf("libc's image applied to its text: the same; %zu of 2000 damaged ones refused\n",
	       refused);
	CHECK(refused > 500);
	free(damaged.sites);
	free(text);
}

static void test_libc(void)
{
	char path[256];
	uintptr_t start;
	uint64_t offset;
	struct loaded l;
	struct rewrite_image image;
	uint8_t *copy, *stubs, *text;
	uint64_t base;
	double ms;

	if (!find_libc(path, &start, &offset)) {
		printf("no libc.so.6 in this process\n");
		return;
	}
	CHECK(load_file(path, &l, &ms));
	check_addresses(&l.image, l.stubs_at);
	check_apply(&l);
	text = (uint8_t *)start + (l.text->p_offset - offset);
	base = (uintptr_t)text - l.text->p_vaddr;
	CHECK(!memcmp(text, l.file + l.text->p_offset, l.text->p_filesz));
	/* Again, for where there is room. */
	stubs = room_near(text, l.gap);
	copy = malloc(l.text->p_filesz);
	memcpy(copy, text, l.text->p_filesz);
	CHECK(!rewrite_text(copy, l.text->p_vaddr, l.text->p_filesz, (uintptr_t)stubs - base, l.gap,
			    l.functions, l.function_count, &image));
	CHECK(image.mov == l.image.mov && image.after == l.image.after);
	workload();
	install(text, &image, stubs);
	entered = 0;
	signals = 0;
	workload();
	CHECK(entered > 100);
	printf("libc rewritten in place: %zu mov, %zu others, %zu kept; %lu calls entered\n",
	       image.mov, image.after, image.kept, entered);
	rewrite_image_free(&image);
	free(copy);
	unload(&l);
}

int main(int argc, char **argv)
{
	for (int n = 1; n < argc; n++)
		report(argv[n]);
	if (argc > 1)
		return 0;
	set_up_entry();
	test_shapes();
	test_libc();
	return 0;
}
