// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * Linux as the attacker, for the boot tests: a line written to /proc/attack is done in the kernel, and reading the file tells what came of it.
 *
 *	read PHYSICAL | write PHYSICAL VALUE | copy TO FROM | fill PHYSICAL VALUE    "ok VALUE", "fault"
 *	used PHYSICAL SIZE | find PHYSICAL SIZE VALUE                                "ok COUNT": of 8 bytes that are not 0; that are VALUE, at any address
 *	rdmsr MSR | wrmsr MSR VALUE                                                  "ok VALUE", "gp"
 *	vmrun | vmload | vmsave | stgi | clgi | skinit | invlpga | invd | vmmcall N   "ok VALUE", "fault"
 *	init CPU | sipi CPU | nmi CPU | lvt | icr DESTINATION COMMAND                "ok"
 *	start CPU     (offline) INIT, SIPI, and what its CPUID 40000000H says        "ok EBX", "not started"
 *	outb PORT VALUE | outw PORT VALUE | inb PORT | inw PORT                      "ok VALUE"
 *	leave         HV_CALL_LEAVE by this processor alone                          "ok VALUE"
 *	bar PHYSICAL  puts the registers of `edu` there, by its configuration space   "ok OLD"
 *	dmaread PHYSICAL | dmawrite PHYSICAL VALUE     by QEMU's device `edu`         "ok VALUE": what a device saw; "no device"
 */
#include <asm/apic.h>
#include <asm/asm.h>
#include <asm/msr.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nmi.h>
#include <linux/pci.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>

#include "abi/hypercall.h"

static char answer[80];

#define TRY(code, out, ...)                                                              \
	({                                                                               \
		long failed = 1;                                                         \
		asm volatile("1: " code                                                  \
			     "\n\txor %k[failed], %k[failed]\n2:\n" _ASM_EXTABLE(1b, 2b) \
			     : [failed] "+r"(failed), "+a"(out)                          \
			     : __VA_ARGS__                                               \
			     : "memory", "cc");                                          \
		failed;                                                                  \
	})

static void tell(long failed, u64 value)
{
	if (failed)
		strcpy(answer, "fault\n");
	else
		snprintf(answer, sizeof(answer), "ok %llx\n", value);
}

static void memory(const char *what, u64 at, u64 value)
{
	u64 *to = memremap(at & PAGE_MASK, PAGE_SIZE, MEMREMAP_WB), seen = 0;
	long failed = 1;

	if (!to) {
		strcpy(answer, "no mapping\n");
		return;
	}
	to = (void *)to + (at & ~PAGE_MASK);
	if (!strcmp(what, "read"))
		failed = TRY("mov (%[p]), %%rax", seen, [p] "r"(to));
	else if (!strcmp(what, "write"))
		failed = TRY("mov %[v], (%[p])", seen, [p] "r"(to), [v] "r"(value));
	else if (!strcmp(what, "xchg")) {
		seen = value;
		failed = TRY("xchg %%rax, (%[p])", seen, [p] "r"(to));
	} else if (!strcmp(what, "fill")) {
		memset(to, (int)value, PAGE_SIZE - (at & ~PAGE_MASK));
		failed = 0;
	} else if (!strcmp(what, "copy")) {
		u64 *from = memremap(value & PAGE_MASK, PAGE_SIZE, MEMREMAP_WB);

		memcpy(to, from, 256);
		memunmap(from);
		failed = 0;
	}
	tell(failed, seen);
	memunmap((void *)((unsigned long)to & PAGE_MASK));
}

static void search(const char *what, u64 at, u64 size, u64 value)
{
	u8 *range = memremap(at, size, MEMREMAP_WB);
	u64 found = 0, word;

	if (!range || size < sizeof(word)) {
		strcpy(answer, "no mapping\n");
		return;
	}
	for (u64 i = 0; i <= size - sizeof(word); i += strcmp(what, "find") ? sizeof(word) : 1) {
		memcpy(&word, range + i, sizeof(word));
		found += strcmp(what, "find") ? word != 0 : word == value;
		if (i % PAGE_SIZE == 0)
			cond_resched();
	}
	memunmap(range);
	tell(0, found);
}

static void msr(const char *what, u64 which, u64 value)
{
	u64 seen = value;
	int failed = !strcmp(what, "rdmsr") ? rdmsrl_safe(which, &seen) : wrmsrl_safe(which, value);

	if (failed)
		strcpy(answer, "gp\n");
	else
		snprintf(answer, sizeof(answer), "ok %llx\n", seen);
}

static void instruction(const char *what, u64 value)
{
	u64 seen = 0;
	long failed = 1;

	if (!strcmp(what, "vmrun"))
		failed = TRY("vmrun %%rax", seen, "c"(0));
	else if (!strcmp(what, "vmload"))
		failed = TRY("vmload %%rax", seen, "c"(0));
	else if (!strcmp(what, "vmsave"))
		failed = TRY("vmsave %%rax", seen, "c"(0));
	else if (!strcmp(what, "stgi"))
		failed = TRY("stgi", seen, "c"(0));
	else if (!strcmp(what, "clgi"))
		failed = TRY("clgi", seen, "c"(0));
	else if (!strcmp(what, "skinit"))
		failed = TRY("skinit %%eax", seen, "c"(0));
	else if (!strcmp(what, "invlpga"))
		failed = TRY("invlpga %%rax, %%ecx", seen, "c"(0));
	else if (!strcmp(what, "invd"))
		failed = TRY("invd", seen, "c"(0));
	else if (!strcmp(what, "vmmcall")) {
		seen = value;
		failed = TRY("vmmcall", seen, "D"(0), "S"(0));
	} else if (!strcmp(what, "leave")) {
		seen = HV_CALL_LEAVE;
		failed = TRY("vmmcall", seen, "D"(__read_cr3() & PAGE_MASK), "S"(0));
	} else if (!strcmp(what, "encls")) {
		seen = value;
		failed = TRY(".byte 0x0f, 0x01, 0xcf", seen, "b"(0), "c"(0));
	}
	tell(failed, seen);
}

/*
 * cli; mov ax, cs; mov ds, ax; mov eax, 40000000H; cpuid; mov [100H], ebx; mov word [104H], 1; hlt; jmp to the hlt: what a processor does that was
 * started at 1000H:0.
 */
static const u8 real_mode_code[] = { 0xfa, 0x8c, 0xc8, 0x8e, 0xd8, 0x66, 0xb8, 0,    0,
				     0,	   0x40, 0x0f, 0xa2, 0x66, 0x89, 0x1e, 0,    1,
				     0xc7, 0x06, 4,    1,    1,	   0,	 0xf4, 0xeb, 0xfd };

static void start(u32 to)
{
	static u8 kept[PAGE_SIZE];
	unsigned long end = jiffies + 20 * HZ;
	u8 *page = memremap(0x10000, PAGE_SIZE, MEMREMAP_WB); /* Linux keeps off the first MiB */

	strcpy(answer, "not started\n");
	if (!page)
		return;
	memcpy(kept, page, PAGE_SIZE);
	memset(page, 0, PAGE_SIZE);
	memcpy(page, real_mode_code, sizeof(real_mode_code));
	apic->icr_write(APIC_INT_LEVELTRIG | APIC_INT_ASSERT | APIC_DM_INIT, to);
	apic->icr_write(APIC_INT_LEVELTRIG | APIC_DM_INIT, to);
	apic->icr_write(APIC_DM_STARTUP | 0x10, to);
	apic->icr_write(APIC_DM_STARTUP | 0x10, to);
	while (!READ_ONCE(*(u16 *)(page + 0x104)) && time_before(jiffies, end))
		cond_resched();
	if (*(u16 *)(page + 0x104))
		snprintf(answer, sizeof(answer), "ok %x\n", *(u32 *)(page + 0x100));
	apic->icr_write(APIC_INT_LEVELTRIG | APIC_INT_ASSERT | APIC_DM_INIT, to);
	memcpy(page, kept, PAGE_SIZE);
	memunmap(page);
}

static void interrupt(const char *what, u64 cpu, u64 command)
{
	u32 to = cpu >= nr_cpu_ids ? cpu : per_cpu(x86_cpu_to_apicid, cpu);

	if (!strcmp(what, "init"))
		apic->icr_write(APIC_INT_LEVELTRIG | APIC_INT_ASSERT | APIC_DM_INIT, to);
	else if (!strcmp(what, "sipi"))
		apic->icr_write(APIC_DM_STARTUP | 0x10, to);
	else if (!strcmp(what, "nmi"))
		apic->icr_write(APIC_DM_NMI, to);
	else if (!strcmp(what, "lvt"))
		apic_write(APIC_LVT1, APIC_MODE_FIXED | 5 << 8);
	else if (!strcmp(what, "icr"))
		apic->icr_write(command, cpu);
	strcpy(answer, "ok\n");
}

static void port(const char *what, u16 at, u64 value)
{
	if (!strcmp(what, "outb"))
		outb((u8)value, at);
	else if (!strcmp(what, "outw"))
		outw((u16)value, at);
	else
		value = !strcmp(what, "inb") ? inb(at) : inw(at);
	snprintf(answer, sizeof(answer), "ok %llx\n", value);
}

/* edu (QEMU, docs/specs/edu): one transfer between its own buffer, at 40000H, and memory. */
static void edu_transfer(void __iomem *edu, u64 from, u64 to, bool to_memory)
{
	writeq(from, edu + 0x80);
	writeq(to, edu + 0x88);
	writeq(8, edu + 0x90);
	writeq(to_memory ? 3 : 1, edu + 0x98);
	while (readq(edu + 0x98) & 1)
		msleep(10);
}

static void dma(const char *what, u64 at, u64 value)
{
	struct pci_dev *device = pci_get_device(0x1234, 0x11e8, NULL);
	void __iomem *edu;
	u64 *page = (u64 *)get_zeroed_page(GFP_KERNEL | GFP_DMA32);

	strcpy(answer, "no device\n");
	if (!device || pci_enable_device(device))
		return;
	pci_set_master(device);
	edu = pci_iomap(device, 0, 0);
	*page = !strcmp(what, "dmawrite") ? value : 0x5555;
	edu_transfer(edu, __pa(page), 0x40000, false);
	if (!strcmp(what, "dmawrite")) {
		edu_transfer(edu, 0x40000, at, true);
	} else {
		edu_transfer(edu, at, 0x40000, false);
		edu_transfer(edu, 0x40000, __pa(page), true);
	}
	snprintf(answer, sizeof(answer), "ok %llx\n", *page);
	pci_iounmap(device, edu);
	pci_dev_put(device);
	free_page((unsigned long)page);
}

static void bar(u32 at)
{
	struct pci_dev *device = pci_get_device(0x1234, 0x11e8, NULL);
	u32 old;

	strcpy(answer, "no device\n");
	if (!device)
		return;
	pci_read_config_dword(device, PCI_BASE_ADDRESS_0, &old);
	pci_write_config_dword(device, PCI_BASE_ADDRESS_0, at);
	pci_dev_put(device);
	tell(0, old);
}

static ssize_t attack_write(struct file *file, const char __user *from, size_t size, loff_t *offset)
{
	char line[80] = { 0 }, what[16] = { 0 };
	u64 a = 0, b = 0, c = 0;

	if (copy_from_user(line, from, min(size, sizeof(line) - 1)))
		return -EFAULT;
	sscanf(line, "%15s %llx %llx %llx", what, &a, &b, &c);
	if (!strncmp(what, "dma", 3))
		dma(what, a, b);
	else if (!strcmp(what, "bar"))
		bar((u32)a);
	else if (!strcmp(what, "used") || !strcmp(what, "find"))
		search(what, a, b, c);
	else if (strstr("read write xchg fill copy", what))
		memory(what, a, b);
	else if (strstr("rdmsr wrmsr", what))
		msr(what, a, b);
	else if (!strcmp(what, "start"))
		start(per_cpu(x86_cpu_to_apicid, a % nr_cpu_ids));
	else if (strstr("outb outw inb inw", what))
		port(what, (u16)a, b);
	else if (strstr("init sipi nmi lvt icr", what))
		interrupt(what, a, b);
	else
		instruction(what, a);
	return size;
}

static ssize_t attack_read(struct file *file, char __user *to, size_t size, loff_t *offset)
{
	return simple_read_from_buffer(to, size, offset, answer, strlen(answer));
}

static const struct proc_ops attack_ops = { .proc_read = attack_read, .proc_write = attack_write };

static int __init attack_init(void)
{
	return proc_create("attack", 0600, NULL, &attack_ops) ? 0 : -ENOMEM;
}

static void __exit attack_exit(void)
{
	remove_proc_entry("attack", NULL);
}

module_init(attack_init);
module_exit(attack_exit);
MODULE_LICENSE("GPL");
