// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * ENCLS, page table entries and aliases of physical memory for the program that asks: see encls.h. Beside the driver, which knows nothing of it: both
 * drive the same EPC, as two parts of one hostile kernel would. EPC is found by CPUID leaf 12H (SDM 3D, 36.7.2).
 *
 *	insmod encls.ko; root only.
 *
 * Entries are changed without a word to the memory management: the program puts back what it found before it unmaps. All translations of all
 * processors are forgotten after each change.
 */
#include <asm/asm.h>
#include <asm/tlbflush.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "encls.h"

#define CPUID_SGX 0x12

static struct encls_info info;
static void *epc, *buffer;

/* A fault becomes ENCLS_FAULT | vector in RAX (arch/x86/mm/extable.c, EX_TYPE_FAULT_SGX). */
static void run(struct encls_call *l)
{
	asm volatile("1: .byte 0x0f, 0x01, 0xcf\n"
		     "2:\n" _ASM_EXTABLE_TYPE(1b, 2b, EX_TYPE_FAULT_SGX)
		     : "+a"(l->rax), "+b"(l->rbx)
		     : "c"(l->rcx), "d"(l->rdx)
		     : "memory", "cc");
}

static void forget(void *unused)
{
	__flush_tlb_all();
}

static void nothing(void *unused)
{
}

static long entry(struct encls_entry *e, bool set)
{
	spinlock_t *lock;
	pte_t *at;
	int err;

	mmap_read_lock(current->mm);
	err = follow_pte(current->mm, e->address, &at, &lock);
	if (!err) {
		if (set)
			WRITE_ONCE(at->pte, e->entry);
		else
			e->entry = READ_ONCE(at->pte);
		pte_unmap_unlock(at, lock);
	}
	mmap_read_unlock(current->mm);
	if (!err && set)
		on_each_cpu(forget, NULL, 1);
	return err;
}

static long control(struct file *file, unsigned int command, unsigned long argument)
{
	void __user *user = (void __user *)argument;
	struct encls_call l;
	struct encls_entry e;
	long err;

	switch (command) {
	case ENCLS_INFO:
		return copy_to_user(user, &info, sizeof(info)) ? -EFAULT : 0;
	case ENCLS_RUN:
		if (copy_from_user(&l, user, sizeof(l)))
			return -EFAULT;
		run(&l);
		return copy_to_user(user, &l, sizeof(l)) ? -EFAULT : 0;
	case ENCLS_ENTRY_GET:
	case ENCLS_ENTRY_SET:
		if (copy_from_user(&e, user, sizeof(e)))
			return -EFAULT;
		err = entry(&e, command == ENCLS_ENTRY_SET);
		if (err || command == ENCLS_ENTRY_SET)
			return err;
		return copy_to_user(user, &e, sizeof(e)) ? -EFAULT : 0;
	case ENCLS_KICK:
		on_each_cpu(nothing, NULL, 1);
		return 0;
	}
	return -ENOTTY;
}

static int map(struct file *file, struct vm_area_struct *vma)
{
	unsigned long size = vma->vm_end - vma->vm_start;
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;

	if (!offset)
		return remap_vmalloc_range(vma, buffer, 0);
	if (offset < ENCLS_PHYSICAL)
		return -EINVAL;
	return remap_pfn_range(vma, vma->vm_start, PFN_DOWN(offset - ENCLS_PHYSICAL), size,
			       vma->vm_page_prot);
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = control,
	.mmap = map,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "encls",
	.fops = &operations,
	.mode = 0600,
};

static int __init encls_init(void)
{
	u32 a, b, c, d;
	int err = -ENOMEM;

	cpuid_count(CPUID_SGX, 2, &a, &b, &c, &d);
	if ((a & 15) != 1)
		return -ENODEV;
	info.epc_start = (u64)b << 32 | (a & PAGE_MASK);
	info.epc_pages = ((u64)d << 32 | (c & PAGE_MASK)) >> PAGE_SHIFT;
	epc = memremap(info.epc_start, info.epc_pages << PAGE_SHIFT, MEMREMAP_WB);
	buffer = vmalloc_user(ENCLS_BUFFER);
	if (epc && buffer) {
		info.epc = (uintptr_t)epc;
		info.buffer = (uintptr_t)buffer;
		err = misc_register(&device);
	}
	if (!err)
		return 0;
	vfree(buffer);
	if (epc)
		memunmap(epc);
	return err;
}

static void __exit encls_exit(void)
{
	misc_deregister(&device);
	vfree(buffer);
	memunmap(epc);
}

module_init(encls_init);
module_exit(encls_exit);
MODULE_LICENSE("GPL");
