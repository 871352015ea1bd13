// SPDX-License-Identifier: Apache-2.0
/*
 * The hypervisor's own tables: GDT and TSS per processor, one IDT, page tables. Everything that is RAM lies at its physical address, so
 * physical() is a check and a cast; our text is the only thing executable and nothing is both writable and executable. Pages that are not RAM
 * are not mapped, except the local APIC's registers.
 * Faults of our own end the hypervisor (panic), but for the MSR instructions of msr_*_safe and what nmi_window() lets in.
 */
#include "hypervisor/arch/x86/svm/cpu.h"

#include "hypervisor/core/memory.h"
#include "hypervisor/mem/owner.h"
#include "lib/base/string.h"

enum { SELECTOR_CODE = 0x08, SELECTOR_DATA = 0x10, SELECTOR_TSS = 0x18 };
/* clang-format off */
enum {
	PAGE_PRESENT = 1, PAGE_WRITE = 2, PAGE_CACHE_DISABLE = 0x18, PAGE_ACCESSED_DIRTY = 0x60,
	PAGE_LARGE = 0x80,
};
/* clang-format on */
#define PAGE_NX (1ULL << 63)
#define TABLE_ADDRESS 0x000ffffffffff000ULL

struct gate {
	uint16_t offset_low, selector;
	uint8_t stack, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "");

struct fault_frame {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

static struct gate interrupt_table[256] __attribute__((aligned(16)));
extern char fault_stubs[], interrupt_stub[];
extern char image_start[], image_text_end[], image_rodata_end[];
uint64_t hypervisor_cr3;
void fault_handler(struct fault_frame *frame);

void interrupt_table_init(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(interrupt_table); i++) {
		/* Interrupts arrive in interrupt_window alone, and are all the same. */
		uintptr_t at = i < 32 ? (uintptr_t)fault_stubs + 16 * i : (uintptr_t)interrupt_stub;
		struct gate *g = &interrupt_table[i];

		g->offset_low = (uint16_t)at;
		g->offset_middle = (uint16_t)(at >> 16);
		g->offset_high = (uint32_t)(at >> 32);
		g->selector = SELECTOR_CODE;
		g->type = 0x8e; /* present, interrupt gate */
		/* Stacks of their own for what may come at any point: #DF, NMI, #MC. */
		g->stack = i == 8 ? 1 : i == 2 ? 2 : i == 18 ? 3 : 0;
	}
}

void tables_init(struct svm_cpu *cpu)
{
	uintptr_t tss = (uintptr_t)cpu->tss;
	uint64_t limit = sizeof(cpu->tss) - 1;

	cpu->gdt[1] = 0x00af9b000000ffffULL; /* code, 64 bits, accessed */
	cpu->gdt[2] = 0x00cf93000000ffffULL;
	cpu->gdt[3] = limit | (tss & 0xffffff) << 16 | 0x89ULL << 40 | (tss >> 24 & 0xff) << 56;
	cpu->gdt[4] = tss >> 32;
	for (unsigned int i = 0; i < 3; i++) { /* IST 1 to 3 (APM 2, 12.2.5) */
		uint64_t end = (uintptr_t)cpu->fault_stacks + (i + 1) * PAGE_SIZE;

		memcpy(cpu->tss + 36 + 8 * i, &end, sizeof(end));
	}
	cpu->local[0] = (uintptr_t)cpu;
	cpu->tss[102] = sizeof(cpu->tss); /* no I/O permission map */
}

/* From here on this processor's segments, IDT and task register are ours. */
void tables_load(struct svm_cpu *cpu)
{
	struct table_pointer gdt = { sizeof(cpu->gdt) - 1, (uintptr_t)cpu->gdt };
	struct table_pointer idt = { sizeof(interrupt_table) - 1, (uintptr_t)interrupt_table };

	asm volatile("lgdt %0\n\t"
		     "pushq %2\n\t"
		     "lea 1f(%%rip), %%rax\n\t"
		     "push %%rax\n\t"
		     "lretq\n"
		     "1:\tmov %3, %%ds\n\t"
		     "mov %3, %%es\n\t"
		     "mov %3, %%ss\n\t"
		     "xor %%eax, %%eax\n\t"
		     "mov %%eax, %%fs\n\t"
		     "mov %%eax, %%gs\n\t"
		     "lldt %%ax\n\t"
		     "mov %4, %%eax\n\t"
		     "ltr %%ax\n\t"
		     "lidt %1"
		     :
		     : "m"(gdt), "m"(idt), "i"(SELECTOR_CODE), "r"(SELECTOR_DATA), "i"(SELECTOR_TSS)
		     : "rax", "memory");
	msr_write(MSR_FS_BASE, (uintptr_t)cpu->local);
	msr_write(MSR_GS_BASE, (uintptr_t)cpu->local);
}

void fault_handler(struct fault_frame *frame)
{
	/* NMI; INIT turned into #SX (VM_CR.R_INIT). What nmi_wait waits for may come before its HLT: not to be slept through. */
	if (frame->vector == 2 || frame->vector == 30) {
		if (frame->rip == (uintptr_t)nmi_wait_halt)
			frame->rip++;
		return;
	}
	if (frame->vector == 32) {
		apic_end_interrupt();
		return;
	}
	if (frame->vector == VECTOR_GP && frame->rip >= (uintptr_t)fixup_start &&
	    frame->rip < (uintptr_t)fixup_end) {
		this_cpu()->counters[HV_COUNTER_FAULTS_OWN]++;
		frame->rip = (uintptr_t)fixup_handler;
		return;
	}
	uint64_t cr2;
	asm volatile("mov %%cr2, %0" : "=r"(cr2));
	panic("fault %d error %lx at image+%lx address %lx", (int)frame->vector, frame->error,
	      frame->rip - (uintptr_t)image_start, cr2);
}

/* --- Page tables --------------------------------------------------------------------------------------------------------------------- */

static uint64_t *page_map;

/* The entry for `address` on the level with this shift. NULL: no memory for the tables above. */
static uint64_t *entry_of(uint64_t address, unsigned int shift)
{
	uint64_t *table = page_map;

	for (unsigned int at = 39; at > shift; at -= 9) {
		uint64_t *entry = &table[address >> at & 511];

		if (!*entry) {
			void *page = memory_take(PAGE_SIZE);

			if (!page)
				return NULL;
			*entry = (uintptr_t)page | PAGE_PRESENT | PAGE_WRITE;
		}
		assert(!(*entry & PAGE_LARGE));
		table = (uint64_t *)(*entry & TABLE_ADDRESS);
	}
	return &table[address >> shift & 511];
}

static int map(uint64_t start, uint64_t end, uint64_t flags)
{
	for (uint64_t at = start; at < end;) {
		unsigned int shift = !(at & 0x1fffff) && end - at >= 0x200000 ? 21 : 12;
		uint64_t *entry = entry_of(at, shift);

		if (!entry)
			return -ENOMEM;
		*entry = at | flags | PAGE_PRESENT | PAGE_ACCESSED_DIRTY |
			 (shift == 21 ? PAGE_LARGE : 0);
		at += 1ULL << shift;
	}
	return 0;
}

void *device_map(uint64_t address, size_t size)
{
	uint64_t start = PAGE_DOWN(address), end = PAGE_UP(address + size);

	if (map(start, end, PAGE_WRITE | PAGE_NX | PAGE_CACHE_DISABLE) != 0)
		return NULL;
	return (void *)address;
}

int own_paging_init(const struct hv_boot *boot)
{
	int err = -ENOMEM;

	page_map = memory_take(PAGE_SIZE);
	if (!page_map)
		return err;
	for (unsigned int i = 0; i < boot->ram_count; i++) {
		uint64_t start = boot->ram[i].start ? boot->ram[i].start
						    : PAGE_SIZE; /* NULL is nothing */

		err = map(start, boot->ram[i].end, PAGE_WRITE | PAGE_NX);
		if (err)
			return err;
	}
	uint64_t text_end = (uintptr_t)image_text_end, rodata_end = (uintptr_t)image_rodata_end;

	err = map((uintptr_t)image_start, text_end, 0);
	if (!err)
		err = map(text_end, rodata_end, PAGE_NX);
	if (!err)
		err = map(rodata_end, boot->end, PAGE_WRITE | PAGE_NX);
	if (!err)
		err = map(apic_base, apic_base + PAGE_SIZE,
			  PAGE_WRITE | PAGE_NX | PAGE_CACHE_DISABLE);
	hypervisor_cr3 = (uintptr_t)page_map;
	return err;
}
