/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loader: see enclave.h. Address space is reserved through the device (its size twice, cut to alignment), pages are added from a layout,
 * EINIT seals it, then each run of pages with the same rights is mapped. A call takes a free TCS and stays in one call of the vDSO until the
 * function is done: OCALLs and exceptions are answered by the vDSO's handler, so that the stack the enclave returns to is always there.
 *
 * All that an enclave hands out is a number to the loader; what it means is for the OCALL function to judge.
 */
#include "hypervisor/loader/enclave.h"

#include <asm/sgx.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hypervisor/loader/enter.h"

#define LEAF_EENTER 2
#define LEAF_ERESUME 3
#define LEAF_EEXIT 4

struct enclave {
	int fd;
	struct enclave_options options;
	struct enclave_layout layout;
	uint8_t *base;
	_Atomic bool busy[ENCLAVE_THREADS_MAX];
};

static _Thread_local const char *failed_step = "";
static _Thread_local struct enclave_exception last_exception;
static _Thread_local uint64_t exceptions_seen;

const char *enclave_failed_step(void)
{
	return failed_step;
}

const struct enclave_exception *enclave_last_exception(void)
{
	return &last_exception;
}

uint64_t enclave_exceptions_seen(void)
{
	return exceptions_seen;
}

int enclave_device(const struct enclave *e)
{
	return e->fd;
}

uint8_t *enclave_base(const struct enclave *e)
{
	return e->base;
}

const struct enclave_layout *enclave_layout(const struct enclave *e)
{
	return &e->layout;
}

static int step(const char *name, int result)
{
	if (result)
		failed_step = name;
	return result;
}

/* --- Files ------------------------------------------------------------------------------------------------------------------- */

static int read_whole(const char *path, size_t limit, void **ret_data, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t at = 0;
	uint8_t *data;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || st.st_size <= 0 || (size_t)st.st_size > limit) {
		close(fd);
		return -EFBIG;
	}
	data = malloc((size_t)st.st_size);
	while (data && at < (size_t)st.st_size) {
		ssize_t n = read(fd, data + at, (size_t)st.st_size - at);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	close(fd);
	if (!data)
		return -ENOMEM;
	if (at != (size_t)st.st_size) {
		free(data);
		return -EIO;
	}
	*ret_data = data;
	*ret_size = at;
	return 0;
}

int enclave_file_open(const char *path, struct enclave_file *ret_file)
{
	struct enclave_file file = { 0 };
	void *signature;
	size_t size;
	char *name = NULL;
	int r = read_whole(path, 64UL << 20, &file.elf, &file.elf_size);

	if (!r && asprintf(&name, "%s.sig", path) < 0) {
		name = NULL;
		r = -ENOMEM;
	}
	if (!r)
		r = read_whole(name, sizeof(file.sigstruct), &signature, &size);
	if (!r) {
		if (size == sizeof(file.sigstruct))
			memcpy(&file.sigstruct, signature, size);
		else
			r = -EINVAL;
		free(signature);
	}
	free(name);
	if (r) {
		free(file.elf);
		return step("open", r);
	}
	*ret_file = file;
	return 0;
}

void enclave_file_close(struct enclave_file *file)
{
	free(file->elf);
	file->elf = NULL;
}

/* --- The vDSO ------------------------------------------------------------------------------------------------------------------ */

/* Looks a function up by name: the vDSO is an ELF image whose addresses count from where it lies. */
static void *vdso_function(const char *name)
{
	const uint8_t *image = (const void *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *e = (const void *)image;
	const Elf64_Phdr *p;
	const Elf64_Dyn *d = NULL;
	const Elf64_Sym *symbols = NULL;
	const char *names = NULL;
	const uint32_t *hash = NULL;

	if (!image)
		return NULL;
	p = (const void *)(image + e->e_phoff);
	for (int i = 0; i < e->e_phnum; i++)
		if (p[i].p_type == PT_DYNAMIC)
			d = (const void *)(image + p[i].p_offset);
	for (; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			symbols = (const void *)(image + d->d_un.d_ptr);
		else if (d->d_tag == DT_STRTAB)
			names = (const char *)image + d->d_un.d_ptr;
		else if (d->d_tag == DT_HASH)
			hash = (const void *)(image + d->d_un.d_ptr);
	}
	if (!symbols || !names || !hash)
		return NULL;
	for (uint32_t i = 0; i < hash[1]; i++)
		if (symbols[i].st_shndx && !strcmp(names + symbols[i].st_name, name))
			return (void *)(uintptr_t)(image + symbols[i].st_value);
	return NULL;
}

static void *enter_function(void)
{
	static void *_Atomic found;

	if (!found)
		found = vdso_function("__vdso_sgx_enter_enclave");
	return found;
}

/* --- Making ------------------------------------------------------------------------------------------------------------------- */

/* A range of the enclave's size, aligned to it, that maps the device without rights. */
static int reserve(struct enclave *e)
{
	size_t size = e->layout.size;
	uint8_t *got;

	if (e->options.at_zero)
		return mmap(NULL, size, PROT_NONE, MAP_SHARED | MAP_FIXED_NOREPLACE, e->fd, 0) ==
				       MAP_FAILED
			       ? -errno
			       : 0;
	got = mmap(NULL, 2 * size, PROT_NONE, MAP_SHARED, e->fd, 0);
	if (got == MAP_FAILED)
		return -errno;
	e->base = (uint8_t *)(((uintptr_t)got + size - 1) & ~(size - 1));
	if (e->base != got)
		munmap(got, (size_t)(e->base - got));
	if (e->base + size != got + 2 * size)
		munmap(e->base + size, (size_t)(got + size - e->base));
	return 0;
}

static uint64_t usable_xfrm(uint64_t wanted)
{
	uint32_t a = 0x12, b, c = 1, d;

	/* CPUID.12H.1: EDX:ECX, what XFRM may hold. */
	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return (wanted & ((uint64_t)d << 32 | c)) | 3;
}

static int create(struct enclave *e)
{
	struct secs *secs = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	struct sgx_enclave_create request = { .src = (uintptr_t)secs };
	int r = 0;

	if (!secs)
		return -ENOMEM;
	memset(secs, 0, sizeof(*secs));
	secs->size = e->layout.size;
	secs->base = (uintptr_t)e->base;
	secs->ssa_frame_size = e->layout.config.ssa_frame_pages;
	secs->miscselect = e->layout.config.miscselect;
	secs->attributes.flags = e->layout.config.attributes | e->options.attributes;
	secs->attributes.xfrm = usable_xfrm(e->layout.config.xfrm & ~e->options.clear_xfrm);
	if (ioctl(e->fd, SGX_IOC_ENCLAVE_CREATE, &request))
		r = -errno;
	free(secs);
	return r;
}

static int add_page(struct enclave *e, const struct enclave_page *page)
{
	static const uint8_t zero[PAGE_SIZE] __attribute__((aligned(4096)));
	struct secinfo secinfo __attribute__((aligned(64))) = { .flags = page->flags };
	struct sgx_enclave_add_pages request = {
		.src = (uintptr_t)(page->content ?: zero),
		.offset = page->offset,
		.length = PAGE_SIZE,
		.secinfo = (uintptr_t)&secinfo,
		.flags = e->options.unmeasured ? 0 : SGX_PAGE_MEASURE,
	};

	while (ioctl(e->fd, SGX_IOC_ENCLAVE_ADD_PAGES, &request))
		if (errno != EINTR && errno != EAGAIN && errno != EBUSY)
			return -errno;
	return 0;
}

static int einit(struct enclave *e, const struct sigstruct *sigstruct)
{
	struct sigstruct *copy = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	struct sgx_enclave_init request = { .sigstruct = (uintptr_t)copy };
	int r = 0;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, sigstruct, sizeof(*copy));
	if (ioctl(e->fd, SGX_IOC_ENCLAVE_INIT, &request))
		r = errno == EINTR ? -EAGAIN : -errno;
	free(copy);
	return r;
}

static int map(struct enclave *e, uint64_t offset, uint64_t size, int protection)
{
	void *got = mmap(e->base + offset, size, protection, MAP_SHARED | MAP_FIXED, e->fd, 0);

	return got == MAP_FAILED ? -errno : 0;
}

static int map_pages(struct enclave *e)
{
	const struct enclave_layout *l = &e->layout;
	int r = 0;

	for (size_t i = 0, run; i < l->page_count && !r; i += run) {
		int protection = layout_protection(&l->pages[i]);

		for (run = 1; i + run < l->page_count &&
			      l->pages[i + run].offset == l->pages[i].offset + run * PAGE_SIZE &&
			      layout_protection(&l->pages[i + run]) == protection;)
			run++;
		r = map(e, l->pages[i].offset, run * PAGE_SIZE, protection);
	}
	if (!r && l->config.growth_pages)
		r = map(e, l->growth, l->config.growth_pages * PAGE_SIZE, PROT_READ | PROT_WRITE);
	return r;
}

int enclave_initialise(struct enclave *e, const struct sigstruct *sigstruct)
{
	int r = step("EINIT", einit(e, sigstruct));

	return r ?: step("mmap", map_pages(e));
}

int enclave_create(const struct enclave_file *file, const struct enclave_options *options,
		   struct enclave **ret_enclave)
{
	struct enclave *e = calloc(1, sizeof(*e));
	const char *why;
	int r;

	if (!e)
		return -ENOMEM;
	if (options)
		e->options = *options;
	e->fd = open(e->options.device ?: "/dev/sgx_enclave", O_RDWR | O_CLOEXEC);
	r = step("open", e->fd < 0 ? -errno : 0);
	r = r ?: step("vDSO", enter_function() ? 0 : -ENOSYS);
	r = r ?: step("layout", layout_make(file->elf, file->elf_size, &e->layout, &why));
	r = r ?: step("mmap", reserve(e));
	r = r ?: step("ECREATE", create(e));
	for (size_t i = 0; i < e->layout.page_count && !r; i++)
		r = step("EADD", add_page(e, &e->layout.pages[i]));
	if (!r && !e->options.uninitialised)
		r = enclave_initialise(e, &file->sigstruct);
	if (r) {
		enclave_destroy(e);
		return r;
	}
	*ret_enclave = e;
	return 0;
}

void enclave_destroy(struct enclave *e)
{
	if (e->base || e->options.at_zero)
		munmap(e->base, e->layout.size);
	if (e->fd >= 0)
		close(e->fd);
	layout_done(&e->layout);
	free(e);
}

/* --- Calling ------------------------------------------------------------------------------------------------------------------- */

struct call {
	struct enclave_entry_registers next; /* first: enter.S reads it at run.user_data */
	struct enclave *enclave;
	uint64_t value;
	bool handling; /* the entry under way handles an exception */
	bool lost;
};
_Static_assert(offsetof(struct call, next) == 0, "enter.S");
_Static_assert(offsetof(struct sgx_enclave_run, user_data) == 32, "enter.S");

static int next_entry(struct call *c, uint64_t function, uint64_t a)
{
	c->next = (struct enclave_entry_registers){ function, a, 0 };
	return LEAF_EENTER;
}

static int exception_seen(struct call *c, const struct sgx_enclave_run *run)
{
	last_exception = (struct enclave_exception){ run->exception_vector,
						     run->exception_error_code, run->exception_addr,
						     run->function };
	exceptions_seen++;
	/* One in the handler itself, or of EENTER: nobody is left to ask. */
	if (c->handling || run->function != LEAF_ERESUME ||
	    c->enclave->options.no_exception_handler) {
		/* Also if the handler could not be entered: what it was to look at is still there, and takes a frame. */
		c->lost = c->handling || run->function == LEAF_ERESUME;
		return -EFAULT;
	}
	c->handling = true;
	return next_entry(c, (uint64_t)ENTER_EXCEPTION, 0);
}

int enclave_exit_seen(uint64_t rdi, uint64_t rsi, uint64_t rdx, struct sgx_enclave_run *run)
{
	struct call *c = (struct call *)(uintptr_t)run->user_data;
	const struct enclave_options *o = &c->enclave->options;

	if (run->function != LEAF_EEXIT)
		return exception_seen(c, run);
	if (rdi == LEFT_DONE && !c->handling) {
		c->value = rsi;
		return 0;
	}
	if (rdi == LEFT_OCALL && !c->handling)
		return next_entry(c, (uint64_t)ENTER_OCALL_RETURN,
				  o->ocall ? o->ocall(o->context, rsi, rdx) : ~0ULL);
	if (rdi == LEFT_EXCEPTION && c->handling) {
		c->handling = false;
		c->lost = !rsi;
		return rsi ? LEAF_ERESUME : -EFAULT;
	}
	return -EPROTO;
}

static int call_tcs(struct enclave *e, uint64_t offset, struct call *call)
{
	struct sgx_enclave_run run = { 0 };

	run.tcs = (uintptr_t)e->base + offset;
	run.user_handler = (uintptr_t)enclave_exit_stub;
	run.user_data = (uintptr_t)call;
	return enclave_enter(enter_function(), &call->next, LEAF_EENTER, &run);
}

int enclave_call_tcs(struct enclave *e, uint64_t offset, uint64_t function, uint64_t a, uint64_t b,
		     uint64_t *ret_value)
{
	struct call call = { .next = { function, a, b }, .enclave = e };
	int r = call_tcs(e, offset, &call);

	if (!r && ret_value)
		*ret_value = call.value;
	return r;
}

int enclave_call_on(struct enclave *e, unsigned int thread, uint64_t function, uint64_t a,
		    uint64_t b, uint64_t *ret_value)
{
	struct call call = { .next = { function, a, b }, .enclave = e };
	bool idle = false;
	int r;

	if (thread >= e->layout.config.threads)
		return -EINVAL;
	if (!atomic_compare_exchange_strong(&e->busy[thread], &idle, true))
		return -EBUSY;
	r = call_tcs(e, e->layout.tcs[thread], &call);
	/* A thread that lies in its SSA for good cannot be entered as new: its TCS stays taken. */
	if (!call.lost)
		e->busy[thread] = false;
	if (!r && ret_value)
		*ret_value = call.value;
	return r;
}

int enclave_call(struct enclave *e, uint64_t function, uint64_t a, uint64_t b, uint64_t *ret_value)
{
	for (unsigned int i = 0; i < e->layout.config.threads; i++) {
		int r = e->busy[i] ? -EBUSY : enclave_call_on(e, i, function, a, b, ret_value);

		if (r != -EBUSY)
			return r;
	}
	return -EBUSY;
}
