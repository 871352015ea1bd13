/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The SGX driver's own structures. The interface to programs is the kernel's (<uapi/asm/sgx.h>), the instructions' structures are
 * those of <asm/sgx.h>; what executes them is the hypervisor below, which trusts nothing said here.
 *
 * Locks, outermost first: a process's mmap_lock; an enclave's lock; the EPC's spinlock. Nobody waits for EPC pages with an
 * enclave's lock held: whoever needs one and finds none drops its lock, evicts pages of enclaves whose lock is free, and starts again.
 */
#ifndef SGX_DRIVER_H
#define SGX_DRIVER_H

#include <asm/sgx.h>
#include <linux/file.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/xarray.h>
#include <uapi/asm/sgx.h>

struct sgx_enclave;
struct sgx_encl_page;

/* --- EPC (sgx_epc.c) --------------------------------------------------------------------------- */

/* A page of EPC. owner: the page of an enclave that lies in it; NULL for VA pages and free ones. */
struct epc_page {
	struct list_head list; /* free, or in the order of eviction */
	struct sgx_encl_page *owner;
};

int epc_start(phys_addr_t start, size_t size);
void epc_stop(void);
/* NULL: none free at this moment. Any context that may take a spinlock. */
struct epc_page *epc_alloc(void);
/* Waits for eviction; no enclave's lock held. NULL only if nothing can be evicted, or a fatal signal is pending. */
struct epc_page *epc_alloc_wait(void);
/* Evicts some pages. 0, -ENOMEM: there are none to evict; -EINTR. No enclave's lock held. */
int epc_reclaim_some(void);
/* EREMOVE and back to the free ones. A page that the hypervisor does not let go is lost, with a warning. */
void epc_free(struct epc_page *epc);
void *epc_address(const struct epc_page *epc);
unsigned long epc_pfn(const struct epc_page *epc);
/* May be evicted from now on / is not evicted any more. With the owner's enclave's lock. */
void epc_evictable(struct epc_page *epc, struct sgx_encl_page *owner);
void epc_pinned(struct epc_page *epc);

extern unsigned long epc_evicted, epc_reloaded;

/* --- Enclaves (sgx_enclave.c) ------------------------------------------------------------------ */

struct va_page {
	struct list_head list;
	struct epc_page *epc;
	DECLARE_BITMAP(slots, 512);
};

/* A page that an enclave has: in EPC, or evicted to the enclave's backing file with its version in the VA slot. */
struct sgx_encl_page {
	struct sgx_enclave *enclave;
	unsigned long address; /* linear; 0: the SECS */
	unsigned long rights;  /* VM_READ.. that a mapping may have at most */
	struct epc_page *epc;  /* NULL: evicted */
	struct va_page *va;
	u16 va_slot;
	u8 type; /* enum sgx_page_type */
};

enum { ENCLAVE_CREATED, ENCLAVE_INITIALIZED, ENCLAVE_IN_IOCTL };

struct sgx_enclave {
	struct kref refs; /* the open file; an evicter */
	struct mutex lock;
	unsigned long flags;
	unsigned long base, size;
	u64 attributes, attributes_allowed;
	struct xarray pages; /* of struct sgx_encl_page, by address >> PAGE_SHIFT */
	struct sgx_encl_page secs;
	unsigned long resident; /* pages other than the SECS in EPC */
	struct list_head va_pages;
	/*
	 * mappings: a file without pages, whose inode every mapping of the enclave hangs on, at the offset that is its address: so an address's
	 * page table entries are found in all processes. backing: evicted pages, SECS, then PCMDs.
	 */
	struct file *mappings, *backing;
	struct mem_cgroup *pays; /* for what is in `backing`: who opened the file */
};

struct sgx_enclave *enclave_new(void);
void enclave_put(struct sgx_enclave *e);
int enclave_mmap(struct file *file, struct vm_area_struct *vma);

/* A new page object with a VA slot, not in EPC. Takes no lock. */
struct sgx_encl_page *enclave_page_new(struct sgx_enclave *e, unsigned long address, u8 type,
				       unsigned long rights);
/* Of a page that is in no tree and not in EPC. */
void enclave_page_free(struct sgx_encl_page *p);
/* A VA slot for a page. Takes the lock; may wait for EPC. */
int enclave_slot_get(struct sgx_enclave *e, struct sgx_encl_page *p);

/* With the lock: the page lies in epc now / leaves it for good. */
void enclave_page_put_in(struct sgx_encl_page *p, struct epc_page *epc);
void enclave_page_remove(struct sgx_encl_page *p);
/* No process has a page table entry for it any more. With or without the lock. */
void enclave_unmap(struct sgx_enclave *e, unsigned long address);

/*
 * Returns with the lock held and the page (and the SECS) in EPC; or an error, without: -EFAULT there is none, -ENOMEM, -EINTR, -EIO.
 */
struct sgx_encl_page *enclave_lock_page(struct sgx_enclave *e, unsigned long address);
/* The same for the SECS alone. */
int enclave_lock_secs(struct sgx_enclave *e);
/* All processors that may be inside leave once. */
void enclave_kick(void);
/* ETRACK, with a kick if the cycle before is not over; SECS in EPC, lock held. 0 or the code. */
u32 enclave_track(struct sgx_enclave *e);
/* Batch of up to EVICT_BATCH pages of one enclave, its lock held; the lock is still held after. Returns how many left. */
#define EVICT_BATCH 16
unsigned int enclave_evict(struct sgx_enclave *e, struct list_head *pages);

/* --- Programs' interface (sgx_ioctl.c, sgx_driver.c) --------------------------------------------- */

long enclave_ioctl(struct file *file, unsigned int command, unsigned long argument);
extern const struct file_operations sgx_provision_operations;

/* What CPUID.12H says. */
struct sgx_features {
	bool sgx2;
	u32 misc;
	u64 attributes, xfrm;
};
extern struct sgx_features sgx_features;

#endif
