/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enclave memory is a memfd mapped at a random address, aligned so that the kernel's text has one upper half of its
 * addresses (the seccomp filter compares halves): [boot_info | kernel image | heap, sparse].
 * The kernel is a static PIE: what it only reads or executes is its file, mapped over the memfd; the rest is copied in,
 * R_X86_64_RELATIVE relocations applied, then protected.
 * No stdio here, and nothing that makes libc read files: the time from start to the first instruction counts.
 */
#include "platform/process/host/enclave.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif
#define REGION_SIZE (64UL << 30)
#define MEMORY_MIN (8UL << 20)
#define IMAGE_OFFSET (4UL << 20)
#define IMAGE_MAX (64UL << 20)
#define PAGE 4096UL
#define PAGES_UP(x) (((x) + PAGE - 1) & ~(PAGE - 1))
_Static_assert(sizeof(struct boot_info) <= IMAGE_OFFSET, "fits in front of the kernel");

struct context {
	char *error;
	size_t error_size;
};

static int fail(const struct context *x, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static int fail(const struct context *x, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(x->error, x->error_size, format, ap);
	va_end(ap);
	return -1;
}

static int map_region(const struct context *x, struct enclave *e)
{
	uint64_t chance;
	int fd = memfd_create("cloister-enclave", MFD_EXEC | MFD_CLOEXEC);

	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 there is no such flag */
		fd = memfd_create("cloister-enclave", MFD_CLOEXEC);
	if (fd < 0)
		return fail(x, "cannot make enclave memory: memfd_create: %s%s", strerror(errno),
			    errno == EACCES ? " (vm.memfd_noexec=2 forbids it: set it to 0 or 1)"
					    : "");
	/* Out of the way of the low numbers that programs redirect. */
	e->memfd = fcntl(fd, F_DUPFD_CLOEXEC, 200);
	if (e->memfd < 0)
		e->memfd = fd;
	else
		close(fd);
	if (ftruncate(e->memfd, (off_t)REGION_SIZE))
		return fail(x, "cannot make enclave memory: ftruncate: %s", strerror(errno));
	for (int i = 0; i < 64; i++) {
		if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
			return fail(x, "no random numbers: %s", strerror(errno));
		void *at = (void *)((0x1000 + chance % 0x4000) << 32);

		if (mmap(at, REGION_SIZE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_NORESERVE | MAP_FIXED_NOREPLACE, e->memfd, 0) == at) {
			e->boot = at;
			return 0;
		}
	}
	return fail(
		x,
		"cannot map enclave memory: %s (is RLIMIT_AS set? 64 GiB of address space are needed)",
		strerror(errno));
}

static int read_all(int fd, void *to, size_t size, off_t at)
{
	return pread(fd, to, size, at) == (ssize_t)size ? 0 : -1;
}

static int protection(const Elf64_Phdr *p)
{
	return PROT_READ | (p->p_flags & PF_W ? PROT_WRITE : 0) |
	       (p->p_flags & PF_X ? PROT_EXEC : 0);
}

/*
 * What is not written is mapped: nothing to copy, and one copy in memory for all enclaves. Copied where that is not
 * possible, as from a file system mounted noexec.
 */
static int load_segment(int fd, uint64_t file_size, uint8_t *image, const Elf64_Phdr *p)
{
	uint64_t head = p->p_vaddr % PAGE;

	if (p->p_vaddr > IMAGE_MAX || p->p_memsz > IMAGE_MAX - p->p_vaddr ||
	    p->p_filesz > p->p_memsz || p->p_offset > file_size ||
	    p->p_filesz > file_size - p->p_offset)
		return -1;
	if (!(p->p_flags & PF_W) && p->p_filesz == p->p_memsz && p->p_offset % PAGE == head &&
	    mmap(image + p->p_vaddr - head, p->p_filesz + head, protection(p),
		 MAP_PRIVATE | MAP_FIXED | MAP_POPULATE, fd,
		 (off_t)(p->p_offset - head)) != MAP_FAILED)
		return 0;
	return read_all(fd, image + p->p_vaddr, p->p_filesz, (off_t)p->p_offset);
}

static int relocate(uint8_t *image, const Elf64_Phdr *dynamic)
{
	const Elf64_Dyn *d = (const Elf64_Dyn *)(const void *)(image + dynamic->p_vaddr);
	uint64_t rela = 0, size = 0;

	for (; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_RELA)
			rela = d->d_un.d_ptr;
		else if (d->d_tag == DT_RELASZ)
			size = d->d_un.d_val;
	}
	for (uint64_t i = 0; i < size / sizeof(Elf64_Rela); i++) {
		const Elf64_Rela *r = (const Elf64_Rela *)(const void *)(image + rela) + i;
		uint64_t value = (uint64_t)(uintptr_t)image + (uint64_t)r->r_addend;

		if (ELF64_R_TYPE(r->r_info) != R_X86_64_RELATIVE || r->r_offset > IMAGE_MAX - 8)
			return -1;
		memcpy(image + r->r_offset, &value, sizeof(value));
	}
	return 0;
}

/* Returns the entry point, or NULL with the error told. */
static void *load_kernel(const struct context *x, struct boot_info *b, const char *path)
{
	uint8_t *image = (uint8_t *)b + IMAGE_OFFSET;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr eh;
	Elf64_Phdr ph[16];
	struct stat status;
	void *entry = NULL;
	uint64_t end = 0;

	if (fd < 0) {
		fail(x, "cannot open the enclave kernel %s: %s", path, strerror(errno));
		return NULL;
	}
	if (fstat(fd, &status) || read_all(fd, &eh, sizeof(eh), 0) ||
	    memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_phnum > 16 ||
	    read_all(fd, ph, eh.e_phnum * sizeof(ph[0]), (off_t)eh.e_phoff))
		goto bad;
	for (int i = 0; i < eh.e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD)
			continue;
		if (load_segment(fd, (uint64_t)status.st_size, image, &ph[i]))
			goto bad;
		if (ph[i].p_vaddr + ph[i].p_memsz > end)
			end = ph[i].p_vaddr + ph[i].p_memsz;
	}
	for (int i = 0; i < eh.e_phnum; i++)
		if (ph[i].p_type == PT_DYNAMIC && relocate(image, &ph[i]))
			goto bad;
	/* A file that is made again has another inode or time. */
	b->kernel_identity = (uint64_t)status.st_ino * 0x9e3779b97f4a7c15ULL ^
			     (uint64_t)status.st_mtim.tv_sec << 20 ^
			     (uint64_t)status.st_mtim.tv_nsec ^ (uint64_t)status.st_size << 44;
	b->kernel_start = (uintptr_t)image;
	b->kernel_end = PAGES_UP((uintptr_t)image + end);
	for (int i = 0; i < eh.e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD)
			continue;
		uintptr_t start = (uintptr_t)(image + ph[i].p_vaddr) & ~(PAGE - 1);
		uintptr_t stop = PAGES_UP((uintptr_t)(image + ph[i].p_vaddr + ph[i].p_memsz));
		int prot = protection(&ph[i]);

		if (prot & PROT_EXEC)
			b->kernel_text_end = stop;
		if (prot != (PROT_READ | PROT_WRITE) &&
		    mprotect((void *)start, stop - start, prot)) {
			fail(x, "cannot protect the kernel's memory: %s", strerror(errno));
			goto out;
		}
	}
	b->heap_start = (b->kernel_end + (2UL << 20) - 1) & ~((2UL << 20) - 1);
	entry = image + eh.e_entry;
	goto out;
bad:
	fail(x, "%s is not an enclave kernel: damaged file or another build; run make again", path);
out:
	close(fd);
	return entry;
}

static size_t read_file(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;

	while (fd >= 0 && used < size - 1 && (n = read(fd, to + used, size - 1 - used)) > 0)
		used += (size_t)n;
	if (fd >= 0)
		close(fd);
	to[used] = 0;
	return used;
}

/* Neighbours become one range; the list is sorted as /proc/self/maps is. */
static void keep_range(struct boot_info *b, uint64_t start, uint64_t end)
{
	if (b->keep_count && b->keep[b->keep_count - 1].end == start) {
		b->keep[b->keep_count - 1].end = end;
	} else if (b->keep_count < BOOT_KEEP_MAX) {
		b->keep[b->keep_count].start = start;
		b->keep[b->keep_count++].end = end;
	}
}

static void find_kept(struct boot_info *b)
{
	static char maps[64 << 10];
	char *line, *next = maps;

	b->keep_count = 0;
	read_file("/proc/self/maps", maps, sizeof(maps));
	while ((line = strsep(&next, "\n")) != NULL && *line) {
		bool ours, vdso = strstr(line, "[vdso]") != NULL;
		char *at;
		uint64_t start = strtoull(line, &at, 16),
			 end = strtoull(at + (*at == '-'), NULL, 16);

		ours = start >= b->base && start < b->base + b->size;
		if (vdso)
			b->vdso_end = end;
		if (ours || vdso || strstr(line, "[vvar"))
			keep_range(b, start, end);
	}
}

/* The host's vDSO: where it and its data lie, and its clock function. */
static void find_vdso(struct boot_info *b)
{
	const uint8_t *image = (const uint8_t *)getauxval(AT_SYSINFO_EHDR);

	find_kept(b);
	b->vdso = (uintptr_t)image;
	if (!image)
		return;
	const Elf64_Ehdr *eh = (const void *)image;
	const Elf64_Phdr *ph = (const void *)(image + eh->e_phoff);
	const Elf64_Dyn *dyn = NULL;
	const Elf64_Sym *symbols = NULL;
	const char *strings = NULL;
	const uint32_t *hash = NULL, *gnu = NULL;
	uint64_t bias = 0;
	uint32_t count = 0;

	for (int i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type == PT_LOAD)
			bias = (uintptr_t)image - ph[i].p_vaddr + ph[i].p_offset;
		else if (ph[i].p_type == PT_DYNAMIC)
			dyn = (const void *)(image + ph[i].p_offset);
	}
	for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
		const void *p = (const void *)(bias + dyn->d_un.d_ptr);

		if (dyn->d_tag == DT_SYMTAB)
			symbols = p;
		else if (dyn->d_tag == DT_STRTAB)
			strings = p;
		else if (dyn->d_tag == DT_HASH)
			hash = p;
		else if (dyn->d_tag == DT_GNU_HASH)
			gnu = p;
	}
	if (hash) {
		count = hash[1];
	} else if (gnu) { /* the last chain's end is the number of symbols */
		const uint32_t *buckets = gnu + 4 + gnu[2] * 2, *chain = buckets + gnu[0];

		for (uint32_t i = 0; i < gnu[0]; i++)
			if (buckets[i] > count)
				count = buckets[i];
		while (count && !(chain[count - gnu[1]] & 1))
			count++;
		count++;
	}
	for (uint32_t i = 0; symbols && strings && i < count; i++)
		if (!strcmp(strings + symbols[i].st_name, "__vdso_clock_gettime") &&
		    symbols[i].st_shndx)
			b->host_clock_gettime = bias + symbols[i].st_value;
}

static uint32_t add_string(struct boot_info *b, uint32_t *used, const char *s)
{
	uint32_t at = *used;
	size_t size = strlen(s) + 1;

	if (size > BOOT_STRINGS_SIZE - at)
		return UINT32_MAX;
	memcpy(b->strings + at, s, size);
	*used = at + (uint32_t)size;
	return at;
}

static int fill_in(const struct context *x, struct enclave *e, const struct enclave_config *c)
{
	struct boot_info *b = e->boot;
	uint32_t used = 0;
	cpu_set_t cpus;
	uint64_t ram = (uint64_t)sysconf(_SC_PHYS_PAGES) * PAGE;

	b->flags = c->flags;
	b->memory_limit = c->memory ? c->memory : ram;
	if (b->memory_limit < MEMORY_MIN)
		return fail(x, "--memory %llu is too small: the kernel needs at least %lu MiB",
			    (unsigned long long)c->memory, MEMORY_MIN >> 20);
	b->memfd = e->memfd;
	b->hwcap = getauxval(AT_HWCAP);
	b->hwcap2 = getauxval(AT_HWCAP2);
	b->minsigstksz = getauxval(AT_MINSIGSTKSZ);
	b->cpus = sched_getaffinity(0, sizeof(cpus), &cpus) ? 1 : (uint32_t)CPU_COUNT(&cpus);
	b->pool_size = c->pool_size ? c->pool_size : 2;
	b->launcher_pid = (uint32_t)getpid();
	/* The kernel owns, and closes, what it is given: duplicates, as the descriptor table is shared. */
	for (int i = 0; i < 3; i++)
		b->stdio[i] = c->stdio[i] < 0 ? -1 : fcntl(c->stdio[i], F_DUPFD_CLOEXEC, 100);
	b->log_handle = fcntl(c->log_handle, F_DUPFD_CLOEXEC, 100);
	b->evidence_handle =
		c->evidence_handle < 0 ? -1 : fcntl(c->evidence_handle, F_DUPFD_CLOEXEC, 100);
	b->text_cache_handle =
		c->text_cache_handle < 0 ? -1 : fcntl(c->text_cache_handle, F_DUPFD_CLOEXEC, 100);
	b->rows = c->rows;
	b->columns = c->columns;
	b->uid = c->uid;
	b->gid = c->gid;
	b->argv = used;
	for (b->argc = 0; c->argv[b->argc]; b->argc++)
		if (add_string(b, &used, c->argv[b->argc]) == UINT32_MAX)
			goto too_long;
	b->envp = used;
	for (b->envc = 0; c->envp[b->envc]; b->envc++)
		if (add_string(b, &used, c->envp[b->envc]) == UINT32_MAX)
			goto too_long;
	b->program = add_string(b, &used, c->program);
	b->cwd = add_string(b, &used, c->cwd ? c->cwd : "/");
	b->hostname = add_string(b, &used, c->hostname ? c->hostname : "cloister");
	if (c->mount_count > BOOT_MOUNTS_MAX)
		return fail(x, "too many mounts: %zu, at most %d are possible", c->mount_count,
			    BOOT_MOUNTS_MAX);
	for (size_t i = 0; i < c->mount_count; i++) {
		struct boot_mount *m = &b->mounts[i];

		m->type = add_string(b, &used, c->mounts[i].type);
		m->target = add_string(b, &used, c->mounts[i].target);
		m->options = add_string(b, &used, c->mounts[i].options ? c->mounts[i].options : "");
		m->handle = c->mounts[i].handle;
		m->is_file = c->mounts[i].is_file;
		if (m->options == UINT32_MAX)
			goto too_long;
	}
	b->mount_count = (uint32_t)c->mount_count;
	if (b->hostname == UINT32_MAX)
		goto too_long;
	b->magic = BOOT_MAGIC;
	b->version = BOOT_VERSION;
	return 0;
too_long:
	return fail(x, "arguments and environment are too long: at most %u KiB together",
		    BOOT_STRINGS_SIZE >> 10);
}

/* The host kernel must forget every address libc gave it, for that memory is about to go. */
static void forget_libc(void)
{
	syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, 32,
		RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
	syscall(SYS_set_robust_list, NULL, 24);
	syscall(SYS_set_tid_address, NULL);
}

/*
 * A terminal's signals go to its whole foreground group, our host processes too. They are the launcher's business, from
 * the first moment on. What may come of faults stays; the kernel sets all of this again for itself.
 */
static void ignore_signals(void)
{
	static const int kept[] = { SIGSYS,  SIGSEGV, SIGBUS,  SIGILL,	SIGFPE,
				    SIGTRAP, SIGABRT, SIGKILL, SIGSTOP, SIGCHLD };
	sigset_t none;

	for (int sig = 1; sig < 32; sig++) {
		bool ignore = true;

		for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
			ignore &= sig != kept[i];
		if (ignore)
			signal(sig, SIG_IGN);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Children of ours by /proc; the number, or -1 if it cannot be read. */
static int list_children(pid_t *ret, int max)
{
	static char text[64 << 10];
	char path[64], *at = text, *end;
	int count = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	if (access(path, R_OK))
		return -1;
	read_file(path, text, sizeof(text));
	for (; count < max; at = end) {
		long pid = strtol(at, &end, 10);

		if (end == at)
			break;
		ret[count++] = (pid_t)pid;
	}
	return count;
}

/* Whoever execs us may have had children: they are none of ours. */
static void note_foreign(struct enclave *e)
{
	siginfo_t info;
	int n;

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) && errno == ECHILD)
		return;
	n = list_children(e->foreign, ENCLAVE_FOREIGN_MAX);
	e->foreign_count = n > 0 ? n : 0;
}

static bool is_foreign(const struct enclave *e, pid_t pid)
{
	for (int i = 0; i < e->foreign_count; i++)
		if (e->foreign[i] == pid)
			return true;
	return false;
}

int enclave_start(struct enclave *e, const struct enclave_config *c, char *error, size_t error_size)
{
	struct context x = { error, error_size };
	struct rlimit files;
	void *entry;

	*e = (struct enclave){ .memfd = -1 };
	if (!(getauxval(AT_HWCAP2) & 2))
		return fail(
			&x,
			"this machine does not let programs use FSGSBASE: the process platform needs Linux >= 5.9 "
			"on a processor that has it, without nofsgsbase");
	if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE,
			  &files); /* one host table serves all processes of the enclave */
	}
	if (map_region(&x, e))
		return -1;
	e->boot->base = (uintptr_t)e->boot;
	e->boot->size = REGION_SIZE;
	entry = load_kernel(&x, e->boot, c->kernel);
	if (!entry || fill_in(&x, e, c))
		return -1;
	find_vdso(e->boot);
	note_foreign(e);
	/* All host processes are our children and share our descriptors. */
	e->first = (pid_t)syscall(SYS_clone, CLONE_FILES, NULL, NULL, NULL, NULL);
	if (e->first < 0)
		return fail(&x, "cannot start a host process: %s", strerror(errno));
	if (!e->first) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != (pid_t)e->boot->launcher_pid)
			_exit(0);
		ignore_signals();
		forget_libc();
		((void (*)(struct boot_info *))entry)(e->boot);
	}
	return 0;
}

int enclave_poll(struct enclave *e)
{
	struct boot_info *b = e->boot;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
		if (__atomic_load_n(&b->stopped, __ATOMIC_ACQUIRE) ||
		    __atomic_load_n(&b->exited, __ATOMIC_ACQUIRE))
			continue;
		/* A host process ends by itself only after its tasks have left the kernel in good order: exit(0). */
		if (is_foreign(e, pid) ||
		    (WIFEXITED(status) && WEXITSTATUS(status) == 0 && pid != e->first))
			continue;
		snprintf(b->reason, sizeof(b->reason),
			 "host process %d of the enclave was ended from outside (%s %d)", (int)pid,
			 WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		b->stopped = 1;
		return 2;
	}
	return __atomic_load_n(&b->stopped, __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&b->exited, __ATOMIC_ACQUIRE);
}

void enclave_signal_host(const struct enclave *e, int sig)
{
	static pid_t pids[4096];
	int n = list_children(pids, 4096);

	for (int i = 0; i < n; i++)
		if (!is_foreign(e, pids[i]))
			kill(pids[i], sig);
}

/*
 * Every child of ours is a host process of the enclave; some may still be forking, so: again until there are none. All
 * are killed before the first is waited for: they go at the same time.
 */
void enclave_destroy(struct enclave *e)
{
	static pid_t pids[4096];

	for (int round = 0; round < 1000; round++) {
		int n = list_children(pids, 4096), ours = 0;

		for (int i = 0; i < n; i++)
			if (!is_foreign(e, pids[i]) && !kill(pids[i], SIGKILL))
				ours++;
		for (int i = 0; i < n; i++)
			if (!is_foreign(e, pids[i]))
				waitpid(pids[i], NULL, __WALL);
		if (!ours)
			break; /* where /proc tells no children, they die with us (PDEATHSIG) */
	}
	e->first = 0;
}

uint64_t enclave_memory(const struct enclave *e)
{
	struct stat st;

	return fstat(e->memfd, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

int enclave_post(struct enclave *e, const struct control_request *r, size_t strings_size)
{
	struct boot_info *b = e->boot;

	for (int i = 0; i < CONTROL_SLOTS; i++) {
		struct control_request *slot = &b->control[i];

		/* The last ones are for signals and lists: programs started by `exec` hold theirs until they end. */
		if (slot->state || (r->kind == CONTROL_EXEC && i >= CONTROL_SLOTS - 4))
			continue;
		memcpy(slot, r, offsetof(struct control_request, strings) + strings_size);
		__atomic_store_n(&slot->state, 1, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&b->control_bell, 1, __ATOMIC_SEQ_CST);
		syscall(SYS_futex, &b->control_bell, FUTEX_WAKE, 1, NULL, NULL, 0);
		return i;
	}
	return -EAGAIN;
}

bool enclave_answered(const struct enclave *e, int slot)
{
	return __atomic_load_n(&e->boot->control[slot].state, __ATOMIC_ACQUIRE) == 3;
}

void enclave_free_slot(struct enclave *e, int slot)
{
	__atomic_store_n(&e->boot->control[slot].state, 0, __ATOMIC_SEQ_CST);
}
