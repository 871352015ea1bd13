/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address spaces against a page-by-page model: random mmap, munmap, mprotect, mremap, faults and forks, on a fake
 * platform that remembers what is mapped where. After each step platform, tree and model must agree.
 */
/* The kernel's view of these types and the libc's do not go together: first come, first served. */
#define __timeval_defined 1
#define __sigset_t_defined 1
#define ____sigset_t_defined 1
typedef unsigned long __sigset_t;
#include <asm/signal.h>
#include <linux/time.h>

#include "kernel/mm/test_platform.h"

#include "kernel/fs/file.h"
#include "kernel/mm/backing.c"
#include "kernel/mm/fault.c"
#include "kernel/mm/map.c"
#include "kernel/mm/mapping.c"
#include "kernel/mm/mapping_io.c"
#undef WINDOW_PAGES
#include "kernel/mm/mm.c"
#include "kernel/mm/mremap.c"
#include "kernel/mm/pages.c"
#include "kernel/mm/slab.c"
#include "kernel/mm/trim.c"
#include "kernel/mm/vma.c"

#define FILE_PAGES 1500UL
#define GAP_PAGES 3UL

/* What the application should find. */
struct page_model {
	bool mapped, shared;
	unsigned int prot;
	struct mapping *file; /* NULL: anonymous */
	uint64_t index;
};
static struct page_model model[USER_PAGES];

static struct inode file_inode[2];
static struct file files[2];
static unsigned int files_alive;
static bool rewrites;

/* --- what the kernel core calls -------------------------------------------------------------------------------------- */

void file_put(struct file *f)
{
	CHECK(f->refs.v > (f >= files && f < files + 2 ? 1 : 0));
	if (--f->refs.v == 0) {
		mapping_done(f->inode->data);
		free(f->inode);
		free(f);
		files_alive--;
	}
}

static int test_mmap(struct file *f, struct vma *v)
{
	vma_set_mapping(v, f->inode->data);
	return 0;
}
static const struct file_ops test_ops = { .mmap = test_mmap };

bool file_readable(const struct file *f)
{
	(void)f;
	return true;
}

bool file_writable(const struct file *f)
{
	return f->flags & 2;
}

struct file *shared_memory_new(const char *name, uint64_t size)
{
	struct file *f = calloc(1, sizeof(*f));

	(void)name;
	f->inode = calloc(1, sizeof(*f->inode));
	mapping_init(&f->inode->mapping, NULL, f->inode);
	f->inode->data = &f->inode->mapping;
	f->inode->mapping.size = size;
	f->flags = 2;
	f->refs.v = 1;
	files_alive++;
	return f;
}

bool capable(int cap)
{
	(void)cap;
	return true;
}

void sysv_shm_fork(void *segment)
{
	(void)segment;
}

void sysv_shm_detach(void *segment)
{
	(void)segment;
}

size_t rewrite_gap(struct file *f)
{
	return f == &files[0] ? GAP_PAGES * PAGE_SIZE : 0;
}

static char *stub_pages;

int rewrite_map_text(struct mm *mm, struct file *f, uint64_t offset, uintptr_t at, size_t size,
		     unsigned int prot, void **ret_pages)
{
	/* Text is pages 4 to 11 of the first file. */
	if (!rewrites || f != &files[0] || offset < 4 * PAGE_SIZE ||
	    offset + size > 12 * PAGE_SIZE || at < offset + GAP_PAGES * PAGE_SIZE)
		return -ENOENT;
	if (mm_map_stubs_locked(mm, at - offset - GAP_PAGES * PAGE_SIZE, GAP_PAGES * PAGE_SIZE,
				stub_pages))
		return -ENOENT;
	*ret_pages = stub_pages + GAP_PAGES * PAGE_SIZE + (offset - 4 * PAGE_SIZE);
	return plat_map_enclave(at, size, prot, *ret_pages, false);
}

void rewrite_forget(struct mm *mm, uintptr_t at, size_t size)
{
	(void)mm;
	(void)at;
	(void)size;
}

void rewrite_mm_fork(struct mm *to, struct mm *from)
{
	(void)to;
	(void)from;
}

void rewrite_mm_done(struct mm *mm)
{
	(void)mm;
}

static unsigned int told; /* tasks that were told of a file that was cut */

void signal_notify(struct task *t, uint32_t bit)
{
	CHECK(t == &test_task && bit == WORK_MAPS);
	told++;
}

int process_for_each(int (*fn)(struct process *p, void *arg), void *arg)
{
	return fn(&test_process, arg);
}

void aio_mm_done(struct mm *mm_)
{
	CHECK(!mm_->aio);
}

void rewrite_drop_mapping(struct mapping *m)
{
	(void)m;
}

size_t uio_get(struct uio *io, void *to, size_t size)
{
	(void)io;
	(void)to;
	return size;
}

size_t uio_put(struct uio *io, const void *from, size_t size)
{
	(void)io;
	(void)from;
	return size;
}

size_t uio_put_zeros(struct uio *io, size_t size)
{
	(void)io;
	return size;
}

/* --- the fake platform -------------------------------------------------------------------------------------------------- */

static struct user_page *pages_at(uintptr_t at, size_t size)
{
	CHECK(size && !(at & 4095) && !(size & 4095) && at >= USER_START && at + size <= USER_END);
	CHECK(at + size <= test_info.reserved_start || at >= test_info.reserved_end);
	CHECK(at + size <= test_info.host_start || at >= test_info.host_end);
	return &user_pages[(at - USER_START) / PAGE_SIZE];
}

int plat_map_anon(uintptr_t at, size_t size, unsigned int prot)
{
	struct user_page *p = pages_at(at, size);

	for (size_t i = 0; i < size / PAGE_SIZE; i++)
		p[i] = (struct user_page){ .mapped = true, .prot = prot & 7 };
	return 0;
}

int plat_map_enclave(uintptr_t at, size_t size, unsigned int prot, const void *from, bool shared)
{
	struct user_page *p = pages_at(at, size);

	for (size_t i = 0; i < size / PAGE_SIZE; i++)
		p[i] = (struct user_page){ .mapped = true,
					   .prot = prot,
					   .shared = shared,
					   .page = (const char *)from + i * PAGE_SIZE };
	return 0;
}

int plat_map_host(uintptr_t at, size_t size, unsigned int prot, int handle, uint64_t offset,
		  bool shared)
{
	(void)at, (void)size, (void)prot, (void)handle, (void)offset, (void)shared;
	return -ENODEV;
}

int plat_unmap(uintptr_t at, size_t size)
{
	memset(pages_at(at, size), 0, size / PAGE_SIZE * sizeof(struct user_page));
	return 0;
}

int plat_protect(uintptr_t at, size_t size, unsigned int prot)
{
	struct user_page *p = pages_at(at, size);

	for (size_t i = 0; i < size / PAGE_SIZE; i++) {
		CHECK(p[i].mapped);
		p[i].prot = prot;
	}
	return 0;
}

int plat_move(uintptr_t from, size_t old_size, uintptr_t to, size_t new_size)
{
	struct user_page *f = pages_at(from, old_size), *t = pages_at(to, new_size);

	CHECK(old_size == new_size && (from + old_size <= to || to + new_size <= from));
	/* As a host that holds pieces of its own: now and then only small moves work. */
	if (old_size > PAGE_SIZE && rand() % 4 == 0)
		return -EFAULT;
	for (size_t i = 0; i < old_size / PAGE_SIZE; i++) {
		CHECK(f[i].mapped);
		t[i] = f[i];
		f[i] = (struct user_page){ 0 };
	}
	return 0;
}

int plat_advise(uintptr_t at, size_t size, int advice)
{
	(void)pages_at(at, size);
	(void)advice;
	return 0;
}

/* --- the test ---------------------------------------------------------------------------------------------------------- */

static struct mm *mm;

static size_t page_of_address(uintptr_t at)
{
	return (at - USER_START) / PAGE_SIZE;
}

static void check_page(size_t i)
{
	uintptr_t at = USER_START + i * PAGE_SIZE;
	struct vma *v = mm_find(mm, at);
	const struct page_model *p = &model[i];
	const struct user_page *u = &user_pages[i];
	bool in = v && v->start <= at && !v->stubs;

	CHECK(in == p->mapped);
	if (!in) {
		CHECK(!u->mapped || (v && v->stubs));
		return;
	}
	CHECK(v->prot == p->prot && vma_is_shared(v) == p->shared);
	CHECK(!u->mapped || (u->prot == p->prot && u->shared == p->shared));
	if (!p->file) {
		CHECK(v->kind == VMA_ANON && u->mapped && !u->page);
		return;
	}
	if (v->kind == VMA_SPECIAL) {
		CHECK(v->text && u->page == (char *)v->pages + (at - v->start));
		CHECK(u->page == stub_pages + (GAP_PAGES + p->index - 4) * PAGE_SIZE);
		return;
	}
	CHECK(v->mapping == p->file && vma_index(v, at) == p->index);
	CHECK(u->mapped == (vma_run_at(v, p->index) != NULL));
	if (u->mapped) {
		void *page;

		CHECK(p->index < mapping_pages(p->file));
		CHECK(mapping_find_run(p->file, p->index, 1, &page) == 1);
		CHECK(page == u->page);
		pages_put(page, 1);
	}
}

static void check_all(void)
{
	size_t bytes = 0, count = 0;
	struct vma *prev = NULL;

	for (struct vma *v = vma_entry(rb_first(&mm->vmas)); v; prev = v, v = mm_next(v)) {
		uint64_t end = 0;
		struct vma_run *r;

		CHECK(v->start < v->end && (!prev || prev->end <= v->start));
		CHECK(!prev || !can_merge(prev, v));
		bytes += v->stubs ? 0 : vma_size(v);
		count++;
		list_for_each(r, &v->runs, link) {
			CHECK(r->count && r->index >= end);
			end = r->index + r->count;
			CHECK(r->pages >= r->span->pages &&
			      r->pages + r->count * PAGE_SIZE <=
				      r->span->pages + r->span->count * PAGE_SIZE);
		}
		if (v->kind == VMA_MAPPING && !list_empty(&v->runs))
			CHECK(end <= vma_index(v, v->end) &&
			      list_first(&v->runs, struct vma_run, link)->index >=
				      vma_index(v, v->start));
	}
	CHECK(bytes == mm->mapped_bytes && count == mm->vma_count);
	for (size_t i = 0; i < USER_PAGES; i++)
		check_page(i);
}

static uintptr_t random_address(void)
{
	return USER_START + (size_t)rand() % USER_PAGES * PAGE_SIZE;
}

static size_t random_pages(void)
{
	return rand() % 10 ? (size_t)rand() % 30 + 1 : (size_t)rand() % 800 + 1;
}

static bool outside(uintptr_t at, size_t size)
{
	return at + size > USER_END ||
	       (at < test_info.reserved_end && at + size > test_info.reserved_start) ||
	       (at < test_info.host_end && at + size > test_info.host_start);
}

static void random_map(void)
{
	struct mmap_args a = { .size = random_pages() * PAGE_SIZE - (size_t)rand() % PAGE_SIZE,
			       .prot = rand() % 8 };
	size_t pages = PAGE_UP(a.size) / PAGE_SIZE, first;
	bool shared = rand() % 3 == 0, occupied = false;
	struct vma *v;
	intptr_t at;

	a.flags = shared ? MAP_SHARED : MAP_PRIVATE;
	if (rand() % 2)
		a.at = random_address();
	if (a.at && rand() % 2)
		a.flags |= rand() % 2 ? MAP_FIXED : MAP_FIXED_NOREPLACE;
	if (rand() % 3 == 0) {
		a.file = &files[rand() % 2];
		a.offset = (uint64_t)rand() % (FILE_PAGES + 100) * PAGE_SIZE * (rand() % 3 != 0);
	}
	for (size_t i = 0; a.at && i < pages && a.at + i * PAGE_SIZE < USER_END; i++)
		occupied |= model[page_of_address(a.at) + i].mapped;
	at = mm_map(mm, &a);
	if (IS_ERR(at)) {
		if (at == -EEXIST)
			CHECK(a.flags & MAP_FIXED_NOREPLACE);
		else if (at == -EACCES)
			CHECK(a.file == &files[1] && shared && a.prot & PROT_WRITE);
		else
			CHECK(at == -ENOMEM && (!(a.flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) ||
						outside(a.at, pages * PAGE_SIZE)));
		return;
	}
	CHECK(!(a.flags & MAP_FIXED_NOREPLACE) || !occupied);
	CHECK(!(a.flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) || (uintptr_t)at == a.at);
	CHECK(!outside((uintptr_t)at, pages * PAGE_SIZE));
	first = page_of_address((uintptr_t)at);
	v = mm_find(mm, (uintptr_t)at);
	for (size_t i = 0; i < pages; i++) {
		CHECK(a.flags & MAP_FIXED || !model[first + i].mapped);
		model[first + i] = (struct page_model){ true, shared, a.prot & 7,
							v->kind == VMA_ANON ? NULL : v->mapping,
							a.offset / PAGE_SIZE + i };
	}
	if (v->kind == VMA_SPECIAL)
		for (size_t i = 0; i < pages; i++)
			model[first + i].file = files[0].inode->data;
}

static void random_unmap(void)
{
	uintptr_t at = random_address();
	size_t pages = random_pages();

	if (at + pages * PAGE_SIZE > USER_END)
		pages = (USER_END - at) / PAGE_SIZE;
	CHECK(!mm_unmap(mm, at, pages * PAGE_SIZE - (size_t)rand() % PAGE_SIZE));
	memset(&model[page_of_address(at)], 0, pages * sizeof(*model));
}

static void random_protect(void)
{
	uintptr_t at = random_address();
	size_t pages = random_pages(), first = page_of_address(at), done = 0;
	unsigned int prot = (unsigned int)rand() % 8;
	int err, expect = 0;

	if (at + pages * PAGE_SIZE > USER_END)
		pages = (USER_END - at) / PAGE_SIZE;
	for (; done < pages && !expect; done++) {
		struct page_model *p = &model[first + done];

		if (!p->mapped)
			expect = -ENOMEM;
		else if (p->shared && prot & PROT_WRITE && p->file == files[1].inode->data &&
			 !(p->prot == prot))
			expect = -EACCES;
		else
			continue;
		break;
	}
	err = mm_protect(mm, at, pages * PAGE_SIZE, prot);
	if (err == -ENOMEM && !expect)
		return;
	CHECK(err == expect);
	for (size_t i = 0; i < done; i++)
		model[first + i].prot = prot;
}

static void random_remap(void)
{
	uintptr_t at = random_address(), to = 0, old_end;
	size_t first = page_of_address(at), pages = (size_t)rand() % 20 + 1,
	       wanted = (size_t)rand() % 60 + 1;
	unsigned long a[6] = { at, pages * PAGE_SIZE, wanted * PAGE_SIZE, 0 };
	struct page_model old[64];
	struct vma *v = mm_find(mm, at);
	long ret;

	a[3] = rand() % 4 ? MREMAP_MAYMOVE : 0;
	if (a[3] && rand() % 3 == 0) {
		a[3] |= MREMAP_FIXED;
		a[4] = to = random_address();
	}
	old_end = at + pages * PAGE_SIZE;
	if (first + pages > USER_PAGES)
		return;
	memcpy(old, &model[first], pages * sizeof(*old));
	ret = sys_mremap(a);
	if (IS_ERR(ret)) {
		if (ret == -EFAULT)
			CHECK(!v || v->start > at || v->end < old_end);
		if (ret == -ENOMEM && to && !outside(to, wanted * PAGE_SIZE))
			CHECK(0);
		/* FIXED unmaps its target first; the model must follow. */
		if (to)
			CHECK(ret == -EINVAL || ret == -EFAULT || ret == -ENOMEM);
		return;
	}
	memset(&model[first], 0, pages * sizeof(*model));
	for (size_t i = 0; i < wanted; i++) {
		struct page_model *p = &model[page_of_address((uintptr_t)ret) + i];

		CHECK(to || (uintptr_t)ret == at || !p->mapped);
		*p = i < pages ? old[i] : old[pages - 1];
		if (i >= pages)
			p->index += i - pages + 1;
	}
	CHECK(!to || (uintptr_t)ret == to);
}

static void random_fault(void)
{
	uintptr_t at = random_address();
	struct page_model *p = &model[page_of_address(at)];
	unsigned int access = rand() % 2 ? PLAT_READ : PLAT_WRITE;
	int sig, code;
	bool ok = mm_fault(at + (size_t)rand() % PAGE_SIZE, access, &sig, &code);

	if (!p->mapped) {
		CHECK(!ok && sig == SIGSEGV);
	} else if (access == PLAT_WRITE ? !(p->prot & PROT_WRITE) : !p->prot) {
		CHECK(!ok && sig == SIGSEGV && code == SEGV_ACCERR);
	} else if (p->file && p->index >= mapping_pages(p->file)) {
		CHECK(!ok && sig == SIGBUS && code == BUS_ADRERR);
	} else {
		CHECK(ok && user_pages[page_of_address(at)].mapped);
	}
}

static void test_fork(void)
{
	struct mm *child = mm_fork(mm), *parent = mm;
	struct vma *v;

	CHECK(child);
	mm = child;
	test_process.mm = child;
	check_all();
	/* Faults in the child map pages in its own tree only: do without them here. */
	for (v = vma_entry(rb_first(&child->vmas)); v; v = mm_next(v))
		CHECK(v->file == NULL || v->file->refs.v >= 2);
	mm_put(child);
	mm = parent;
	test_process.mm = parent;
}

/* As ld.so does it: the whole module read-only, then its text over it; dlclose unmaps all. */
static void test_module(void)
{
	struct mmap_args a = {
		.size = 40 * PAGE_SIZE, .prot = PROT_READ, .flags = MAP_PRIVATE, .file = &files[0]
	};
	intptr_t at;
	struct vma *v;

	rewrites = true;
	at = mm_map(mm, &a);
	CHECK(!IS_ERR(at));
	v = mm_find(mm, (uintptr_t)at - PAGE_SIZE);
	CHECK(v && v->stubs && !v->pages && v->start == (uintptr_t)at - GAP_PAGES * PAGE_SIZE &&
	      v->end == (uintptr_t)at);
	a = (struct mmap_args){ .at = (uintptr_t)at + 4 * PAGE_SIZE,
				.size = 8 * PAGE_SIZE,
				.prot = PROT_READ | PROT_EXEC,
				.flags = MAP_PRIVATE | MAP_FIXED,
				.file = &files[0],
				.offset = 4 * PAGE_SIZE };
	CHECK(mm_map(mm, &a) == (intptr_t)a.at);
	v = mm_find(mm, (uintptr_t)at - PAGE_SIZE);
	CHECK(v->stubs && v->pages == stub_pages &&
	      user_pages[page_of_address(v->start)].page == stub_pages);
	v = mm_find(mm, a.at);
	CHECK(v->text && v->start == a.at);
	/* The head alone goes: the stubs stay for the text. */
	CHECK(!mm_unmap(mm, (uintptr_t)at, PAGE_SIZE));
	v = mm_find(mm, (uintptr_t)at - PAGE_SIZE);
	CHECK(v->stubs && v->end == (uintptr_t)at);
	CHECK(!mm_unmap(mm, (uintptr_t)at, 40 * PAGE_SIZE));
	CHECK(!mm->vma_count && !mm->mapped_bytes &&
	      !user_pages[page_of_address((uintptr_t)at) - 1].mapped);
	/* Never executed: the gap goes with the mapping. */
	a = (struct mmap_args){
		.size = 5 * PAGE_SIZE, .prot = PROT_READ, .flags = MAP_PRIVATE, .file = &files[0]
	};
	at = mm_map(mm, &a);
	CHECK(mm->vma_count == 2 && !mm_unmap(mm, (uintptr_t)at, 5 * PAGE_SIZE) && !mm->vma_count);
}

static void test_grow_down(void)
{
	struct mmap_args a = { .at = USER_START + 600 * PAGE_SIZE,
			       .size = 2 * PAGE_SIZE,
			       .prot = PROT_READ | PROT_WRITE,
			       .flags = MAP_PRIVATE | MAP_FIXED | MAP_GROWSDOWN };
	int sig, code;

	CHECK(mm_map(mm, &a) == (intptr_t)a.at);
	CHECK(mm_fault(a.at - 3 * PAGE_SIZE, PLAT_WRITE, &sig, &code));
	CHECK(user_pages[597].mapped && mm_find(mm, a.at)->start <= a.at - 3 * PAGE_SIZE);
	test_process.limits[RLIMIT_STACK].current = 64 * PAGE_SIZE;
	CHECK(!mm_fault(a.at - 100 * PAGE_SIZE, PLAT_WRITE, &sig, &code) && sig == SIGSEGV);
	test_process.limits[RLIMIT_STACK].current = UINT64_MAX;
	CHECK(!mm_unmap(mm, USER_START, USER_PAGES * PAGE_SIZE));
}

/* Cut in the middle of a run, told, unmapped at the next look; grown again, the fault maps it anew. */
static void test_trim(void)
{
	struct mmap_args a = { .at = USER_START + 400 * PAGE_SIZE,
			       .size = 20 * PAGE_SIZE,
			       .prot = PROT_READ,
			       .flags = MAP_SHARED | MAP_FIXED,
			       .file = &files[0] };
	struct mapping *m = files[0].inode->data;
	struct mm *child;
	uint64_t size = m->size;
	int sig, code;

	list_init(&test_process.tasks);
	list_add_tail(&test_process.tasks, &test_task.link);
	CHECK(mm_map(mm, &a) == (intptr_t)a.at);
	CHECK(user_pages[400].mapped && user_pages[419].mapped);
	CHECK(!mapping_truncate(m, 7 * PAGE_SIZE - 5) && told == 1);
	child = mm_fork(mm);
	CHECK(child && child->cuts_seen != mm_cuts());
	mm_put(child);
	mm_trim(mm);
	CHECK(mm->cuts_seen == mm_cuts());
	CHECK(user_pages[406].mapped && !user_pages[407].mapped && !user_pages[419].mapped);
	CHECK(!mm_fault(a.at + 7 * PAGE_SIZE, PLAT_READ, &sig, &code) && sig == SIGBUS);
	CHECK(!mapping_truncate(m, 6 * PAGE_SIZE) && told == 2);
	CHECK(!mapping_truncate(m, size) && told == 2);
	CHECK(mm_fault(a.at + 7 * PAGE_SIZE, PLAT_READ, &sig, &code) && user_pages[407].mapped);
	CHECK(!mm_unmap(mm, a.at, a.size) && !mm->vma_count);
	/* Pages that nobody maps are no news to anyone. */
	CHECK(!mapping_truncate(m, 0) && told == 2 && !mapping_truncate(m, size));
	mm_trim(mm);
}

static void test_limits(void)
{
	struct mmap_args a = { .size = 100 * PAGE_SIZE, .prot = PROT_READ, .flags = MAP_PRIVATE };

	test_process.limits[RLIMIT_AS].current = 99 * PAGE_SIZE;
	CHECK(mm_map(mm, &a) == -ENOMEM && !mm->vma_count);
	test_process.limits[RLIMIT_AS].current = UINT64_MAX;
	test_process.limits[RLIMIT_DATA].current = 50 * PAGE_SIZE;
	a.at = (uintptr_t)mm_map(mm, &a);
	CHECK(!IS_ERR(a.at) && mm_protect(mm, a.at, a.size, PROT_READ | PROT_WRITE) == -ENOMEM);
	a.prot |= PROT_WRITE;
	CHECK(mm_map(mm, &a) == -ENOMEM);
	test_process.limits[RLIMIT_DATA].current = UINT64_MAX;
	CHECK(!mm_unmap(mm, a.at, a.size) && !mm->vma_count);
	a.size = 0;
	CHECK(mm_map(mm, &a) == -EINVAL);
	a.size = SIZE_MAX - 100;
	CHECK(mm_map(mm, &a) == -ENOMEM);
	CHECK(mm_unmap(mm, USER_START + 1, PAGE_SIZE) == -EINVAL &&
	      mm_unmap(mm, USER_START, 0) == -EINVAL);
}

int main(int argc, char **argv)
{
	bool verbose = argc > 1 && argv[1];
	struct memory_usage before, after;

	test_start(256UL << 20, 200UL << 20);
	test_info.capabilities = PLAT_REWRITES_TEXT;
	test_info.reserved_start = USER_START + 2000 * PAGE_SIZE;
	test_info.reserved_end = USER_START + 2100 * PAGE_SIZE;
	test_info.host_start = USER_START + 3000 * PAGE_SIZE;
	test_info.host_end = USER_START + 3008 * PAGE_SIZE;
	stub_pages = pages_alloc(GAP_PAGES + 8);
	for (int i = 0; i < 2; i++) {
		files[i].ops = &test_ops;
		files[i].inode = &file_inode[i];
		files[i].refs.v = 1;
		files[i].flags = i ? 0 : 2;
		mapping_init(&file_inode[i].mapping, NULL, &file_inode[i]);
		file_inode[i].data = &file_inode[i].mapping;
		file_inode[i].mapping.size = FILE_PAGES * PAGE_SIZE - 100;
	}
	memory_usage(&before);
	mm = test_process.mm = mm_new();
	CHECK(mm);
	test_module();
	test_grow_down();
	test_trim();
	test_limits();
	rewrites = false;
	test_info.capabilities = 0;
	for (int i = 0; i < 30000; i++) {
		int op = rand() % 12;

		if (verbose)
			printf("step %d op %d\n", i, op);
		switch (op) {
		case 0:
		case 1:
		case 2:
			random_map();
			break;
		case 3:
		case 4:
		case 5:
			random_unmap();
			break;
		case 6:
		case 7:
			random_protect();
			break;
		case 8:
			random_remap();
			break;
		case 9:
			if (i % 40 == 0)
				test_fork();
			break;
		default:
			random_fault();
			break;
		}
		if (i % (verbose ? 1 : 8) == 0)
			check_all();
	}
	mm_put(mm);
	CHECK(!files_alive && files[0].refs.v == 1 && files[1].refs.v == 1);
	for (int i = 0; i < 2; i++) {
		CHECK(!file_inode[i].mapping.mapped_writable);
		mapping_done(&file_inode[i].mapping);
	}
	for (size_t i = 0; i < GAP_PAGES + 8; i++)
		CHECK(pages_refs(stub_pages + i * PAGE_SIZE) == 1);
	memory_usage(&after);
	CHECK(before.objects == after.objects && !after.cache_pages);
	return 0;
}
