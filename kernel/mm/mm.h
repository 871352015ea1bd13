/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An address space: VMAs in a tree, each backed by private anonymous memory, by a page cache, or by a host file.
 * mm.lock guards the tree; the platform's map calls are made with it held (they act on the calling task's address
 * space, so only tasks of this mm change it). Fork copies the tree; the platform copies the memory.
 */
#pragma once

#include "kernel/task/sync.h"
#include "lib/base/rbtree.h"
#include "lib/base/types.h"

struct aio_context;
struct file;
struct fork_range;
struct mapping;
struct process;
struct task;

enum vma_kind {
	VMA_ANON,    /* private zeroed memory */
	VMA_MAPPING, /* pages of a mapping: file, tmpfs, memfd, shared anonymous, SysV */
	VMA_HOST,    /* a host file mapped by the platform */
	VMA_SPECIAL, /* vdso, stubs: kernel pages, counted like a mapping's */
};

struct vma {
	struct rb_node node;
	uintptr_t start, end;
	unsigned int prot;  /* PROT_* */
	unsigned int flags; /* MAP_SHARED/PRIVATE/GROWSDOWN/NORESERVE/LOCKED/STACK as given */
	enum vma_kind kind;
	struct file *file;	 /* for /proc/PID/maps and fork; counted; NULL if none */
	struct mapping *mapping; /* VMA_MAPPING */
	int host_handle;	 /* VMA_HOST: valid as long as file lives */
	uint64_t offset;	 /* of start, bytes */
	const char *name;	 /* "[heap]", "[stack]", "[vdso]", static */
	void *pages; /* VMA_SPECIAL, and text copies: kernel address of what start shows; else NULL */
	struct list runs;   /* references held on cache pages */
	void *private_data; /* SysV segment: ipc/ */
	bool dont_fork, wipe_on_fork, dont_dump, stubs;
	bool text;	/* shows rewritten text (`pages`) instead of the file's pages */
	bool may_write; /* mprotect may add PROT_WRITE */
};

struct mm {
	struct refcount refs;
	struct mutex lock;
	struct rb_tree vmas;
	struct vma *last; /* lookup cache */
	unsigned int vma_count;
	uintptr_t brk_start, brk;
	uintptr_t mmap_top; /* addresses are chosen downwards from here */
	size_t mapped_bytes, data_bytes, stack_bytes, locked_bytes; /* for rlimits and /proc */
	unsigned int def_flags;					    /* mlockall(MCL_FUTURE) */
	void *rewrite; /* loader/rewrite.c: stub ranges of this address space */
	uintptr_t vdso; /* loader/vdso.c: where our vDSO is mapped, or 0; fork copies it (rewrite_mm_fork) */
	uintptr_t hole_at; /* no free hole larger than hole_max ends above hole_at */
	size_t hole_max;
	uintptr_t spurious_at; /* faults that needed no repair, at one page in a row */
	unsigned int spurious_count;
	unsigned int membarrier; /* registered commands */
	int policy_mode;	 /* set_mempolicy: one node, so it only has to be told back */
	uint64_t policy_nodes;
	struct aio_context *aio; /* ipc/aio.c */
	uint64_t cuts_seen; /* mm/trim.c: mm_cuts() when mappings were last compared with their files */
	struct fork_range *fork_ranges; /* MADV_DONTFORK ranges a forked child has yet to unmap */
	bool fork_work;			/* there are such, or MADV_WIPEONFORK ranges */
};

#define VMA_MAX 65000

struct mm *mm_new(void);	     /* empty; addresses randomised */
struct mm *mm_fork(struct mm *from); /* counts all pages again; NULL: no memory */
static inline void mm_get(struct mm *mm)
{
	ref_get(&mm->refs);
}
void mm_put(struct mm *mm); /* last: drops all references; host memory goes with the host process */

/* Kernel-internal mmap into the CALLING task's address space. Address, or error (IS_ERR). */
struct mmap_args {
	uintptr_t at; /* hint, or exact with MAP_FIXED / MAP_FIXED_NOREPLACE */
	size_t size;
	unsigned int prot, flags;
	struct file *file; /* NULL: anonymous */
	uint64_t offset;
	const char *name;
};
must_check intptr_t mm_map(struct mm *mm, const struct mmap_args *a);
/* Kernel pages (counted by pages_get) at an exact or chosen address: vdso, stubs. */
must_check intptr_t mm_map_pages(struct mm *mm, uintptr_t at, size_t size, unsigned int prot,
				 bool shared, void *pages, const char *name);
must_check int mm_unmap(struct mm *mm, uintptr_t at, size_t size);
must_check int mm_protect(struct mm *mm, uintptr_t at, size_t size, unsigned int prot);
struct vma *mm_find(struct mm *mm,
		    uintptr_t at); /* lock held: the VMA with at < end, maybe above at; or NULL */
struct vma *mm_next(struct vma *v);
/* For file->ops->mmap: what backs the VMA. */
void vma_set_mapping(struct vma *v, struct mapping *m); /* VMA_MAPPING */
void vma_set_host(struct vma *v, int handle);		/* VMA_HOST */
/*
 * A fault of the calling task at a user address: true if repaired (lazily mapped shared page, stack growth, file that
 * has grown): try again. Else *ret_sig and *ret_code tell SIGSEGV or SIGBUS (beyond the file's end).
 */
bool mm_fault(uintptr_t at, unsigned int access, int *ret_sig, int *ret_code);
/* Futex keys of shared mappings: true and (object, byte offset) when `at` lies in a shared VMA. */
bool mm_shared_key(struct mm *mm, uintptr_t at, void **ret_object, uint64_t *ret_offset);
/* First thing in a forked child: what MADV_DONTFORK and MADV_WIPEONFORK asked for. Cheap when there is nothing to do. */
void mm_fork_child(struct mm *mm);
/*
 * For the rewriter, with mm.lock held: maps kernel pages read-execute and shared at an exact place in the calling
 * task's address space: over the gap kept free for stubs, or where nothing is. -EEXIST if the place is taken; 0 if just
 * these pages are there already. Takes its own references on the pages.
 */
must_check int mm_map_stubs_locked(struct mm *mm, uintptr_t at, size_t size, void *pages);
/* mm/trim.c: a file of which pages are mapped became shorter; no lock of the mapping is held. */
void mm_file_was_cut(void);
uint64_t mm_cuts(void);	     /* how often that was */
void mm_trim(struct mm *mm); /* WORK_MAPS: unmaps what lies beyond the end of files */
void mm_init(void);	     /* called by kmalloc_init: caches for mm, and the page cache's */
struct process;
/* Memory of another (or the same) process, as process_vm_readv: bytes done, 0 if the first one is bad; -ENOSYS... */
long mm_peek(struct process *p, uintptr_t at, void *buffer, size_t size, bool write);
