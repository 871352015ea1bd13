// SPDX-License-Identifier: GPL-2.0
/*
 * The EPC's pages: which are free, and in what order those of enclaves are evicted when none is.
 *
 * Eviction is first in, first out: a page goes to the list's end whenever it comes into EPC. An evicter takes the first page whose enclave's lock
 * it gets at once, with up to EVICT_BATCH of the same enclave, and evicts them with that lock held, so no page is ever half evicted
 * for anyone else. An enclave that goes away takes its pages from the list before it is freed: a page on the list has a living enclave,
 * though perhaps one without references.
 *
 * A thread keeps some pages free in advance. epc_lock guards the lists and the owners.
 */
#include <linux/freezer.h>
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "sgx_driver.h"
#include "sgx_encls.h"

static struct epc_page *epc_pages;
static void *epc_virtual;
static phys_addr_t epc_physical;
static unsigned long epc_total, epc_unused, epc_low;
static LIST_HEAD(epc_unused_list);
static LIST_HEAD(epc_order);
static DEFINE_SPINLOCK(epc_lock);
static struct task_struct *epc_thread;
static DECLARE_WAIT_QUEUE_HEAD(epc_wanted);
unsigned long epc_evicted, epc_reloaded;

module_param(epc_total, ulong, 0444);
MODULE_PARM_DESC(epc_total, "Pages of EPC (to read)");
module_param(epc_unused, ulong, 0444);
MODULE_PARM_DESC(epc_unused, "Pages of EPC that are free (to read)");
module_param(epc_evicted, ulong, 0444);
MODULE_PARM_DESC(epc_evicted, "Pages written back since the driver's start (to read)");
module_param(epc_reloaded, ulong, 0444);
MODULE_PARM_DESC(epc_reloaded, "Pages loaded again since the driver's start (to read)");

void *epc_address(const struct epc_page *epc)
{
	return epc_virtual + (epc - epc_pages) * PAGE_SIZE;
}

unsigned long epc_pfn(const struct epc_page *epc)
{
	return PFN_DOWN(epc_physical) + (epc - epc_pages);
}

struct epc_page *epc_alloc(void)
{
	struct epc_page *epc;
	bool low;

	spin_lock(&epc_lock);
	epc = list_first_entry_or_null(&epc_unused_list, struct epc_page, list);
	if (epc) {
		list_del_init(&epc->list);
		epc_unused--;
	}
	low = epc_unused < epc_low;
	spin_unlock(&epc_lock);
	if (low)
		wake_up(&epc_wanted);
	return epc;
}

void epc_free(struct epc_page *epc)
{
	u32 r = encls_eremove(epc_address(epc));

	if (WARN_ONCE(r, "cloister: EREMOVE of a page of EPC: %#x; it is lost\n", r))
		return;
	spin_lock(&epc_lock);
	epc->owner = NULL;
	list_add_tail(&epc->list, &epc_unused_list);
	epc_unused++;
	spin_unlock(&epc_lock);
}

void epc_evictable(struct epc_page *epc, struct sgx_encl_page *owner)
{
	spin_lock(&epc_lock);
	epc->owner = owner;
	list_add_tail(&epc->list, &epc_order);
	spin_unlock(&epc_lock);
}

void epc_pinned(struct epc_page *epc)
{
	spin_lock(&epc_lock);
	list_del_init(&epc->list);
	epc->owner = NULL;
	spin_unlock(&epc_lock);
}

/* The first enclave with pages to evict whose lock is free, locked and with a reference; those pages in *batch. *ret_any: there are pages at all. */
static struct sgx_enclave *pick_victim(struct list_head *batch, bool *ret_any)
{
	struct sgx_enclave *busy = NULL, *e = NULL;
	struct epc_page *epc, *next;
	unsigned int count = 0;

	spin_lock(&epc_lock);
	*ret_any = !list_empty(&epc_order);
	list_for_each_entry_safe(epc, next, &epc_order, list)
	{
		struct sgx_enclave *owner = epc->owner->enclave;

		if (!e && owner != busy) {
			if (!mutex_trylock(&owner->lock)) {
				busy = owner;
			} else if (!kref_get_unless_zero(&owner->refs)) {
				mutex_unlock(&owner->lock);
				busy = owner;
			} else {
				e = owner;
			}
		}
		if (e && owner == e) {
			list_move_tail(&epc->list, batch);
			if (++count == EVICT_BATCH)
				break;
		}
	}
	spin_unlock(&epc_lock);
	return e;
}

int epc_reclaim_some(void)
{
	LIST_HEAD(batch);
	struct epc_page *epc, *next;
	unsigned int tries, left;
	bool any;

	for (tries = 0; tries < 1000; tries++) {
		struct sgx_enclave *e = pick_victim(&batch, &any);

		if (e) {
			left = enclave_evict(e, &batch);
			/* What could not be written back stays, at the end of the order. */
			spin_lock(&epc_lock);
			list_for_each_entry_safe(epc, next, &batch, list)
				list_move_tail(&epc->list, &epc_order);
			spin_unlock(&epc_lock);
			mutex_unlock(&e->lock);
			enclave_put(e);
			if (left)
				return 0;
		}
		if (READ_ONCE(epc_unused))
			return 0;
		if (fatal_signal_pending(current))
			return -EINTR;
		/* Pages that nobody may evict (SECS, VA) and pages under way: others may be done with theirs soon. */
		if (!any && tries > 10)
			return -ENOMEM;
		schedule_timeout_uninterruptible(1);
	}
	return -ENOMEM;
}

struct epc_page *epc_alloc_wait(void)
{
	for (;;) {
		struct epc_page *epc = epc_alloc();

		if (epc || epc_reclaim_some())
			return epc;
	}
}

static int keep_some_free(void *unused)
{
	set_freezable();
	while (!kthread_should_stop()) {
		wait_event_freezable(epc_wanted,
				     kthread_should_stop() || READ_ONCE(epc_unused) < epc_low);
		while (!kthread_should_stop() && READ_ONCE(epc_unused) < 2 * epc_low) {
			unsigned long before = READ_ONCE(epc_evicted);

			if (epc_reclaim_some() || before == READ_ONCE(epc_evicted)) {
				schedule_timeout_interruptible(HZ / 10);
				break;
			}
			cond_resched();
		}
	}
	return 0;
}

/* Pages may be in use since an earlier life of this driver: children first, then what had children. */
static unsigned long sweep(void)
{
	unsigned long i, kept = 0;
	int pass;

	for (pass = 0; pass < 2; pass++) {
		for (i = 0, kept = 0; i < epc_total; i++) {
			kept += encls_eremove(epc_virtual + i * PAGE_SIZE) != 0;
			cond_resched();
		}
		if (!kept)
			break;
	}
	return kept;
}

int epc_start(phys_addr_t start, size_t size)
{
	unsigned long i, kept;

	epc_total = size >> PAGE_SHIFT;
	epc_unused = epc_evicted = epc_reloaded = 0;
	epc_physical = start;
	epc_low = min(epc_total / 16, 64UL);
	INIT_LIST_HEAD(&epc_unused_list);
	INIT_LIST_HEAD(&epc_order);
	epc_pages = kvcalloc(epc_total, sizeof(*epc_pages), GFP_KERNEL);
	if (!epc_pages)
		return -ENOMEM;
	epc_virtual = memremap(start, size, MEMREMAP_WB);
	if (!epc_virtual) {
		kvfree(epc_pages);
		return -ENOMEM;
	}
	kept = sweep();
	if (kept) {
		pr_err("cloister: %lu pages of EPC cannot be freed\n", kept);
		goto fail;
	}
	for (i = 0; i < epc_total; i++)
		list_add_tail(&epc_pages[i].list, &epc_unused_list);
	epc_unused = epc_total;
	epc_thread = kthread_run(keep_some_free, NULL, "cloister-epc");
	if (!IS_ERR(epc_thread))
		return 0;
fail:
	memunmap(epc_virtual);
	kvfree(epc_pages);
	return kept ? -EBUSY : -ENOMEM;
}

void epc_stop(void)
{
	kthread_stop(epc_thread);
	WARN_ONCE(epc_unused != epc_total, "cloister: %lu of %lu pages of EPC came back\n",
		  epc_unused, epc_total);
	memunmap(epc_virtual);
	kvfree(epc_pages);
}
