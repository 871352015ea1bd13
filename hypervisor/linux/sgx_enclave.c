// SPDX-License-Identifier: GPL-2.0
/*
 * An enclave as Linux sees it: the pages it has, where each lies now, and who has them mapped.
 *
 * A page is in EPC (epc is set, it stands in the order of eviction) or in the backing file (encrypted by EWB, its version in a VA slot that belongs to
 * the page as long as it lives). It changes between the two only under the enclave's lock, whole: nobody else sees a page half way. Mappings are
 * page table entries to EPC, made by faults and taken away before EBLOCK. The SECS is in EPC while any page is; after EINIT it is evicted after
 * the last.
 *
 * Eviction (SDM 3D, 39.5): entries away, EBLOCK; then EWB, which says 11 until an ETRACK, and still 11 until all processors that were
 * inside have left: an interrupt makes them. Each step is taken only when the one before was not enough.
 */
#include <linux/bitmap.h>
#include <linux/highmem.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "sgx_driver.h"
#include "sgx_encls.h"

/* --- Life ---------------------------------------------------------------------------------------- */

struct sgx_enclave *enclave_new(void)
{
	struct sgx_enclave *e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);

	if (!e)
		return ERR_PTR(-ENOMEM);
	e->mappings = shmem_file_setup("cloister-enclave", 0, VM_NORESERVE);
	if (IS_ERR(e->mappings)) {
		long r = PTR_ERR(e->mappings);

		kfree(e);
		return ERR_PTR(r);
	}
	kref_init(&e->refs);
	mutex_init(&e->lock);
	xa_init_flags(&e->pages, XA_FLAGS_ACCOUNT);
	e->pays = get_mem_cgroup_from_mm(current->mm);
	INIT_LIST_HEAD(&e->va_pages);
	e->secs.enclave = e;
	e->secs.type = SGX_PAGE_TYPE_SECS;
	return e;
}

static void enclave_release(struct kref *refs)
{
	struct sgx_enclave *e = container_of(refs, struct sgx_enclave, refs);
	struct sgx_encl_page *p;
	struct va_page *va, *next;
	unsigned long index;

	xa_for_each(&e->pages, index, p)
	{
		if (p->epc) {
			epc_pinned(p->epc);
			epc_free(p->epc);
		}
		kfree(p);
		cond_resched();
	}
	xa_destroy(&e->pages);
	if (e->secs.epc)
		epc_free(e->secs.epc);
	list_for_each_entry_safe(va, next, &e->va_pages, list)
	{
		epc_free(va->epc);
		kfree(va);
	}
	if (e->backing)
		fput(e->backing);
	fput(e->mappings);
	mem_cgroup_put(e->pays);
	kfree(e);
}

void enclave_put(struct sgx_enclave *e)
{
	kref_put(&e->refs, enclave_release);
}

/* --- Page objects and VA slots --------------------------------------------------------------------- */

struct sgx_encl_page *enclave_page_new(struct sgx_enclave *e, unsigned long address, u8 type,
				       unsigned long rights)
{
	struct sgx_encl_page *p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	int r;

	if (!p)
		return ERR_PTR(-ENOMEM);
	p->enclave = e;
	p->address = address;
	p->type = type;
	p->rights = rights;
	r = enclave_slot_get(e, p);
	if (r) {
		kfree(p);
		return ERR_PTR(r);
	}
	return p;
}

static bool slot_take(struct sgx_enclave *e, struct sgx_encl_page *p)
{
	struct va_page *va;

	list_for_each_entry(va, &e->va_pages, list)
	{
		unsigned long slot = find_first_zero_bit(va->slots, 512);

		if (slot == 512)
			continue;
		__set_bit(slot, va->slots);
		p->va = va;
		p->va_slot = slot;
		/* Full ones last, so that the search stays short. */
		if (find_first_zero_bit(va->slots, 512) == 512)
			list_move_tail(&va->list, &e->va_pages);
		return true;
	}
	return false;
}

static void slot_put(struct sgx_encl_page *p)
{
	__clear_bit(p->va_slot, p->va->slots);
	list_move(&p->va->list, &p->enclave->va_pages);
	p->va = NULL;
}

static struct va_page *va_page_new(void)
{
	struct va_page *va = kzalloc(sizeof(*va), GFP_KERNEL_ACCOUNT);

	if (!va)
		return ERR_PTR(-ENOMEM);
	va->epc = epc_alloc_wait();
	if (!va->epc) {
		kfree(va);
		return ERR_PTR(-ENOMEM);
	}
	if (WARN_ON_ONCE(encls_epa(epc_address(va->epc)))) {
		epc_free(va->epc);
		kfree(va);
		return ERR_PTR(-EIO);
	}
	return va;
}

int enclave_slot_get(struct sgx_enclave *e, struct sgx_encl_page *p)
{
	struct va_page *va;
	bool ok;

	mutex_lock(&e->lock);
	ok = slot_take(e, p);
	mutex_unlock(&e->lock);
	if (ok)
		return 0;
	va = va_page_new();
	if (IS_ERR(va))
		return PTR_ERR(va);
	mutex_lock(&e->lock);
	list_add(&va->list, &e->va_pages);
	slot_take(e, p);
	mutex_unlock(&e->lock);
	return 0;
}

void enclave_page_free(struct sgx_encl_page *p)
{
	mutex_lock(&p->enclave->lock);
	slot_put(p);
	mutex_unlock(&p->enclave->lock);
	kfree(p);
}

void enclave_page_put_in(struct sgx_encl_page *p, struct epc_page *epc)
{
	p->epc = epc;
	if (p->type == SGX_PAGE_TYPE_SECS)
		return;
	p->enclave->resident++;
	epc_evictable(epc, p);
}

void enclave_page_remove(struct sgx_encl_page *p)
{
	struct sgx_enclave *e = p->enclave;

	epc_pinned(p->epc);
	epc_free(p->epc);
	e->resident--;
	xa_erase(&e->pages, PFN_DOWN(p->address));
	slot_put(p);
	kfree(p);
}

void enclave_unmap(struct sgx_enclave *e, unsigned long address)
{
	unmap_mapping_range(e->mappings->f_mapping, address, PAGE_SIZE, 1);
}

/* --- Backing store ----------------------------------------------------------------------------------- */

/* An evicted page and its PCMD in the backing file, held in memory. */
struct backing {
	struct page *data, *pcmd;
	unsigned long index;
};

/* Whoever evicts, a thread of the kernel's or another program: it is the enclave's memory. */
static struct page *backing_page(struct sgx_enclave *e, unsigned long index)
{
	struct mem_cgroup *before = set_active_memcg(e->pays);
	struct page *page = shmem_read_mapping_page(e->backing->f_mapping, index);

	set_active_memcg(before);
	return page;
}

static int backing_get(struct sgx_enclave *e, const struct sgx_encl_page *p, struct backing *b)
{
	unsigned long pages = PFN_DOWN(e->size);

	b->index = p->type == SGX_PAGE_TYPE_SECS ? pages : PFN_DOWN(p->address - e->base);
	b->data = backing_page(e, b->index);
	if (IS_ERR(b->data))
		return PTR_ERR(b->data);
	b->pcmd = backing_page(e, pages + 1 + b->index / 32);
	if (IS_ERR(b->pcmd)) {
		put_page(b->data);
		return PTR_ERR(b->pcmd);
	}
	return 0;
}

static void backing_put(struct backing *b, bool written)
{
	if (written) {
		set_page_dirty(b->data);
		set_page_dirty(b->pcmd);
	}
	put_page(b->pcmd);
	put_page(b->data);
}

static u32 backing_move(struct sgx_encl_page *p, struct epc_page *epc, struct backing *b, bool out)
{
	void *data = kmap_local_page(b->data);
	void *pcmd = kmap_local_page(b->pcmd);
	void *slot = epc_address(p->va->epc) + p->va_slot * 8;
	bool secs = p->type == SGX_PAGE_TYPE_SECS;
	struct sgx_pageinfo info = {
		.addr = out || secs ? 0 : p->address,
		.contents = (u64)data,
		.metadata = (u64)pcmd + b->index % 32 * sizeof(struct sgx_pcmd),
		.secs = out || secs ? 0 : (u64)epc_address(p->enclave->secs.epc),
	};
	u32 r = out ? encls_ewb(&info, epc_address(epc), slot)
		    : encls_eldu(&info, epc_address(epc), slot);

	kunmap_local(pcmd);
	kunmap_local(data);
	return r;
}

/* --- Eviction ------------------------------------------------------------------------------------------ */

static void leave_once(void *unused)
{
}

void enclave_kick(void)
{
	on_each_cpu(leave_once, NULL, 1);
}

u32 enclave_track(struct sgx_enclave *e)
{
	u32 r = encls_etrack(epc_address(e->secs.epc));

	if (r) {
		enclave_kick();
		r = encls_etrack(epc_address(e->secs.epc));
	}
	WARN_ONCE(r, "cloister: ETRACK: %#x\n", r);
	return r;
}

/* EWB of one page that is blocked or needs no blocking, with as much tracking as it takes. */
static bool write_back(struct sgx_encl_page *p, struct backing *b)
{
	struct sgx_enclave *e = p->enclave;
	u32 r = backing_move(p, p->epc, b, true);

	if (r == SGX_NOT_TRACKED && !enclave_track(e)) {
		r = backing_move(p, p->epc, b, true);
		if (r == SGX_NOT_TRACKED) {
			enclave_kick();
			r = backing_move(p, p->epc, b, true);
		}
	}
	backing_put(b, !r);
	if (WARN_ONCE(r, "cloister: EWB: %#x\n", r))
		return false;
	epc_free(p->epc);
	p->epc = NULL;
	epc_evicted++;
	return true;
}

static void evict_secs(struct sgx_enclave *e)
{
	struct backing b;

	if (!backing_get(e, &e->secs, &b))
		write_back(&e->secs, &b);
}

unsigned int enclave_evict(struct sgx_enclave *e, struct list_head *pages)
{
	struct backing backing[EVICT_BATCH];
	struct epc_page *epc, *next;
	unsigned int count = 0, done = 0, i = 0;

	list_for_each_entry(epc, pages, list)
	{
		/* A page that is blocked can only be written back: first see that there is room for it. */
		if (backing_get(e, epc->owner, &backing[count]))
			break;
		count++;
		enclave_unmap(e, epc->owner->address);
		WARN_ONCE(encls_eblock(epc_address(epc)), "cloister: EBLOCK failed\n");
	}
	list_for_each_entry_safe(epc, next, pages, list)
	{
		struct sgx_encl_page *p = epc->owner;

		if (i == count)
			break;
		list_del_init(&epc->list);
		if (write_back(p, &backing[i++])) {
			done++;
			e->resident--;
		} else {
			list_add_tail(&epc->list, pages);
		}
	}
	if (!e->resident && test_bit(ENCLAVE_INITIALIZED, &e->flags))
		evict_secs(e);
	return done;
}

/* --- Loading --------------------------------------------------------------------------------------------- */

/* -ENOMEM: no page of EPC is free; drop the lock and reclaim. */
static int load(struct sgx_encl_page *p)
{
	struct sgx_enclave *e = p->enclave;
	struct epc_page *epc;
	struct backing b;
	u32 code;
	int r;

	if (p->epc)
		return 0;
	epc = epc_alloc();
	if (!epc)
		return -ENOMEM;
	r = backing_get(e, p, &b);
	if (r) {
		epc_free(epc);
		return r == -ENOMEM ? -EFAULT : r;
	}
	code = backing_move(p, epc, &b, false);
	backing_put(&b, false);
	if (WARN_ONCE(code, "cloister: ELDU: %#x\n", code)) {
		epc_free(epc);
		return -EIO;
	}
	/* The copy is of no use any more: its version is gone from the slot. */
	shmem_truncate_range(file_inode(e->backing), (loff_t)b.index << PAGE_SHIFT,
			     ((loff_t)(b.index + 1) << PAGE_SHIFT) - 1);
	enclave_page_put_in(p, epc);
	epc_reloaded++;
	return 0;
}

static int load_with_secs(struct sgx_encl_page *p)
{
	int r = load(&p->enclave->secs);

	return r ? r : load(p);
}

struct sgx_encl_page *enclave_lock_page(struct sgx_enclave *e, unsigned long address)
{
	for (;;) {
		struct sgx_encl_page *p;
		int r;

		mutex_lock(&e->lock);
		p = xa_load(&e->pages, PFN_DOWN(address));
		r = p ? load_with_secs(p) : -EFAULT;
		if (!r)
			return p;
		mutex_unlock(&e->lock);
		if (r == -ENOMEM)
			r = epc_reclaim_some();
		if (r)
			return ERR_PTR(r);
	}
}

int enclave_lock_secs(struct sgx_enclave *e)
{
	for (;;) {
		int r;

		mutex_lock(&e->lock);
		r = load(&e->secs);
		if (!r)
			return 0;
		mutex_unlock(&e->lock);
		if (r == -ENOMEM)
			r = epc_reclaim_some();
		if (r)
			return r;
	}
}

/* --- Mappings ---------------------------------------------------------------------------------------------- */

#define RIGHTS (VM_READ | VM_WRITE | VM_EXEC)

/* May [start, end) be mapped with these rights? Pages that are not there yet will be judged when they are touched. */
static int may_map(struct sgx_enclave *e, unsigned long start, unsigned long end,
		   unsigned long rights)
{
	struct sgx_encl_page *p;
	unsigned long index = PFN_DOWN(start);
	int r = 0;

	if (current->personality & READ_IMPLIES_EXEC)
		return -EACCES;
	if (test_bit(ENCLAVE_INITIALIZED, &e->flags) &&
	    (start < e->base || end > e->base + e->size))
		return -EACCES;
	mutex_lock(&e->lock);
	xa_for_each_range(&e->pages, index, p, PFN_DOWN(start), PFN_DOWN(end - 1))
	{
		if (rights & ~p->rights) {
			r = -EACCES;
			break;
		}
	}
	mutex_unlock(&e->lock);
	return r;
}

/* A page that the enclave has not got: with SGX2, an enclave may grow into its range. */
static int augment(struct sgx_enclave *e, unsigned long address)
{
	struct sgx_secinfo none = { 0 };
	struct sgx_pageinfo info = { .addr = address, .metadata = (u64)&none };
	struct sgx_encl_page *p;
	struct epc_page *epc;
	int r;

	if (!sgx_features.sgx2 || !test_bit(ENCLAVE_INITIALIZED, &e->flags) || address < e->base ||
	    address >= e->base + e->size)
		return -EFAULT;
	p = enclave_page_new(e, address, SGX_PAGE_TYPE_REG, RIGHTS);
	if (IS_ERR(p))
		return PTR_ERR(p);
	epc = epc_alloc_wait();
	r = epc ? enclave_lock_secs(e) : -ENOMEM;
	if (r)
		goto fail;
	r = xa_insert(&e->pages, PFN_DOWN(address), p, GFP_KERNEL);
	if (r)
		goto fail_unlock;
	info.secs = (u64)epc_address(e->secs.epc);
	/* SECINFO's pointer is 0 for an ordinary page (SDM 3D, EAUG). */
	info.metadata = 0;
	if (encls_eaug(&info, epc_address(epc))) {
		xa_erase(&e->pages, PFN_DOWN(address));
		r = -EFAULT;
		goto fail_unlock;
	}
	enclave_page_put_in(p, epc);
	mutex_unlock(&e->lock);
	return 0;

fail_unlock:
	mutex_unlock(&e->lock);
fail:
	if (epc)
		epc_free(epc);
	enclave_page_free(p);
	/* Another thread was faster. */
	return r == -EBUSY ? 0 : r;
}

static vm_fault_t enclave_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct sgx_enclave *e = vma->vm_private_data;
	unsigned long address = vmf->address & PAGE_MASK;
	struct sgx_encl_page *p;
	vm_fault_t result;

	if (PFN_DOWN(address) != vmf->pgoff || !test_bit(ENCLAVE_CREATED, &e->flags))
		return VM_FAULT_SIGBUS;
	p = enclave_lock_page(e, address);
	if (p == ERR_PTR(-EFAULT)) {
		if (augment(e, address))
			return VM_FAULT_SIGBUS;
		p = enclave_lock_page(e, address);
	}
	if (IS_ERR(p))
		return p == ERR_PTR(-EINTR) ? VM_FAULT_NOPAGE : VM_FAULT_SIGBUS;
	if (vma->vm_flags & RIGHTS & ~p->rights)
		result = VM_FAULT_SIGBUS;
	else
		result = vmf_insert_pfn(vma, address, epc_pfn(p->epc));
	mutex_unlock(&e->lock);
	return result;
}

static int enclave_mprotect(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			    unsigned long flags)
{
	return may_map(vma->vm_private_data, start, end, flags & RIGHTS);
}

/* A debugger's access to a debug enclave, a word at a time; before EINIT too. An error hides what was done before it. */
static int enclave_access(struct vm_area_struct *vma, unsigned long address, void *buffer, int size,
			  int write)
{
	struct sgx_enclave *e = vma->vm_private_data;
	char *data = buffer;
	int done = 0;

	if (!test_bit(ENCLAVE_CREATED, &e->flags) || !(e->attributes & SGX_ATTR_DEBUG))
		return -EFAULT;
	while (done < size) {
		unsigned long at = address + done, in = at % 8;
		int n = min_t(int, size - done, 8 - in);
		struct sgx_encl_page *p = enclave_lock_page(e, at & PAGE_MASK);
		u64 word = 0;
		void *where;
		u32 r;

		if (IS_ERR(p))
			return PTR_ERR(p);
		where = epc_address(p->epc) + (at & ~PAGE_MASK & ~7UL);
		r = encls_edbgrd(where, &word);
		if (!r && write) {
			memcpy((char *)&word + in, data + done, n);
			r = encls_edbgwr(where, word);
		} else if (!r) {
			memcpy(data + done, (char *)&word + in, n);
		}
		mutex_unlock(&e->lock);
		if (r)
			return -EIO;
		done += n;
	}
	return done;
}

static const struct vm_operations_struct enclave_vm_operations = {
	.fault = enclave_fault,
	.mprotect = enclave_mprotect,
	.access = enclave_access,
};

int enclave_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct sgx_enclave *e = file->private_data;
	int r = may_map(e, vma->vm_start, vma->vm_end, vma->vm_flags & RIGHTS);

	if (r)
		return r;
	vma->vm_ops = &enclave_vm_operations;
	vma->vm_flags |= VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP | VM_IO;
	vma->vm_private_data = e;
	/*
	 * The offset in the file is the address, whatever the program said: see struct sgx_enclave, mappings. A mapping that mremap moves keeps it:
	 * there is nothing for it to find at the new address (enclave_fault), and what it took along is found and unmapped as before.
	 */
	vma->vm_pgoff = PFN_DOWN(vma->vm_start);
	return 0;
}
