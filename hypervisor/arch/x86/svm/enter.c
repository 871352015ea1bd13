// SPDX-License-Identifier: Apache-2.0
/*
 * Linux becomes a guest: its state goes into the VMCB as it is, and the processor's own becomes ours. And back: svm_leave, all processors
 * together, because one that is native could read what the others still hide.
 */
#include "hypervisor/arch/x86/svm/cpu.h"
#include "hypervisor/core/memory.h"
#include "hypervisor/mem/iommu.h"
#include "hypervisor/mem/owner.h"
#include "hypervisor/sgx/arch.h"
#include "hypervisor/sgx/run.h"
#include "hypervisor/sgx/sgx.h"
#include "hypervisor/trust/trust.h"
#include "lib/base/string.h"

#include <asm-generic/errno-base.h>

static uint64_t msr_bitmap; /* physical addresses; set up in hypervisor_init */
static uint64_t io_all, io_linux;
static uint32_t leaving, left; /* under leave_locked */
static bool leave_locked;

/* SVM with nested paging, not in use, not locked away by the firmware; 4-level paging. Processor by processor. */
int svm_available(void)
{
	uint32_t regs[4];
	uint64_t cr4, value;

	cpuid(0x80000000U, 0, regs);
	if (regs[0] < 0x8000000aU)
		return -ENODEV;
	cpuid(0x80000001U, 0, regs);
	if (!(regs[2] & 1 << 2))
		return -ENODEV;
	cpuid(0x8000000aU, 0, regs);
	if (!(regs[3] & 1)) /* nested paging */
		return -ENODEV;
	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	if (cr4 & (CR4_LA57 | CR4_CET))
		return -EINVAL;
	if (msr_read(MSR_EFER) & EFER_SVME)
		return -EBUSY;
	value = msr_read(MSR_VM_CR);
	if (value & 1 << 4) /* SVMDIS */
		return -EPERM;
	return 0;
}

uint64_t efer_autoibrs(void)
{
	uint32_t regs[4];

	cpuid(0x80000000U, 0, regs);
	if (regs[0] < 0x80000021U)
		return 0;
	cpuid(0x80000021U, 0, regs); /* EAX[8] (APM 3, appendix E.4.18) */
	return regs[0] & 1 << 8 ? EFER_AUTOIBRS : 0;
}

void svm_quiet(void)
{
	msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SVME);
	asm volatile("clgi" : : : "memory");
}

void svm_loud(void)
{
	if (!(msr_read(MSR_EFER) & EFER_SVME))
		return;
	asm volatile("stgi" : : : "memory");
	msr_write(MSR_EFER, msr_read(MSR_EFER) & ~EFER_SVME);
}

static void bitmap_set(uint8_t *bitmap, uint32_t msr)
{
	/* APM 2, 15.11: 2 bits an MSR, read then write. */
	uint32_t at = msr >= 0xc0010000U   ? 0x1000 * 4 + (msr - 0xc0010000U)
		      : msr >= 0xc0000000U ? 0x800 * 4 + (msr - 0xc0000000U)
					   : msr;

	bitmap[at / 4] |=
		(uint8_t)((msr_exits(msr, false) | msr_exits(msr, true) << 1) << (at % 4 * 2));
}

static int bitmaps_init(const struct hv_boot *boot)
{
	static const uint32_t groups[] = { 0, 0xc0000000U, 0xc0010000U };
	uint8_t *msr = memory_take(2 * PAGE_SIZE), *io = memory_take(3 * PAGE_SIZE),
		*io_some = memory_take(3 * PAGE_SIZE);

	if (!msr || !io || !io_some)
		return -ENOMEM;
	for (uint32_t i = 0; i < 0x2000; i++) {
		for (unsigned int group = 0; group < ARRAY_SIZE(groups); group++)
			bitmap_set(msr, groups[group] + i);
	}
	memset(io, 0xff, 3 * PAGE_SIZE);
	msr_bitmap = (uintptr_t)msr;
	io_all = (uintptr_t)io;
	io_linux = (uintptr_t)io_some;
	power_init(boot, io_some);
	return 0;
}

int hypervisor_init(const struct hv_boot *boot)
{
	uint32_t regs[4];

	apic_init();
	interrupt_table_init();
	for (unsigned int i = 0; i < vcpu_count; i++)
		tables_init(svm_of(&vcpus[i]));
	cpuid(0x80000001U, 0, regs);
	bool gigabyte_pages = regs[3] & 1 << 26;

	npt_set_gigabyte_pages(gigabyte_pages);
	cpuid(0x80000008U, 0, regs);
	guest_memory_init(regs[0] & 0xff, gigabyte_pages);
	int err = bitmaps_init(boot);
	return err ? err : own_paging_init(boot);
}

static void segment(struct vmcb_segment *to, uint16_t selector, uint64_t gdt)
{
	memset(to, 0, sizeof(*to));
	to->selector = selector;
	if (!(selector & ~3))
		return;
	uint64_t d = *(const uint64_t *)(gdt + (selector & 0xfff8));

	to->attributes = (uint16_t)((d >> 40 & 0xff) | (d >> 52 & 0xf) << 8);
	to->limit = (uint32_t)((d & 0xffff) | (d >> 32 & 0xf0000));
	if (to->attributes & 0x800)
		to->limit = to->limit << 12 | 0xfff;
	to->base = (d >> 16 & 0xffffff) | (d >> 32 & 0xff000000);
}

static void capture_segments(struct vmcb *m)
{
	struct table_pointer gdt, idt;
	uint16_t selector;

	asm volatile("sgdt %0" : "=m"(gdt));
	asm volatile("sidt %0" : "=m"(idt));
	m->gdtr.base = gdt.base;
	m->gdtr.limit = gdt.limit;
	m->idtr.base = idt.base;
	m->idtr.limit = idt.limit;
	asm volatile("mov %%cs, %0" : "=r"(selector));
	segment(&m->cs, selector, gdt.base);
	asm volatile("mov %%ss, %0" : "=r"(selector));
	segment(&m->ss, selector, gdt.base);
	asm volatile("mov %%ds, %0" : "=r"(selector));
	segment(&m->ds, selector, gdt.base);
	asm volatile("mov %%es, %0" : "=r"(selector));
	segment(&m->es, selector, gdt.base);
}

static void capture_registers(struct vcpu *v, const struct hv_entry *entry)
{
	struct svm_cpu *cpu = svm_of(v);
	struct vmcb *m = cpu->vmcb;
	struct guest_regs *r = &v->regs;

	memset(r, 0, sizeof(*r));
	asm volatile("mov %%cr0, %0" : "=r"(r->cr0));
	asm volatile("mov %%cr2, %0" : "=r"(r->cr2));
	asm volatile("mov %%cr4, %0" : "=r"(r->cr4));
	asm volatile("mov %%dr6, %0" : "=r"(m->dr6));
	asm volatile("mov %%dr7, %0" : "=r"(r->dr7));
	r->cr3 = entry->cr3;
	r->rip = entry->rip;
	r->gpr[REG_RSP] = entry->rsp;
	r->rflags = 2; /* interrupts off; RAX 0: entered */
	r->efer = msr_read(MSR_EFER) & ~EFER_SVME;
	r->xcr0 = r->cr4 & CR4_OSXSAVE ? xcr0_read() : 1;
	cpu->xcr0_loaded = r->xcr0;
	r->long_mode_code = true;
	m->pat = msr_read(MSR_PAT);
}

/*
 * XSAVE as Linux has it, because we save what enclaves leave; RDPKRU wherever the processor has keys (APM 2, 5.6, memory protection keys): they lock nothing
 * of ours, which is no user page.
 */
static uint64_t cr4_ours(const struct vcpu *v)
{
	uint32_t regs[4];

	cpuid(7, 0, regs);
	return CR4_OURS | (v->regs.cr4 & (CR4_OSXSAVE | CR4_SMEP)) |
	       (regs[2] & 1 << 3 ? CR4_PKE : 0);
}

void svm_capture(struct vcpu *v, const struct hv_entry *entry)
{
	struct svm_cpu *cpu = svm_of(v);
	struct vmcb *m = cpu->vmcb;
	uint64_t vmcb = (uintptr_t)m, host = (uintptr_t)cpu->host;

	capture_registers(v, entry);
	svm_quiet();
	msr_write(MSR_VM_HSAVE_PA, (uintptr_t)cpu->save_area);
	capture_segments(m);
	asm volatile("vmsave %%rax" : : "a"(vmcb) : "memory");
	v->regs.fs_base = m->fs.base;
	v->regs.gs_base = m->gs.base;
	msrs_quiet();
	m->intercept_4 = I4_VMRUN | I4_VMMCALL | I4_VMLOAD | I4_VMSAVE | I4_STGI | I4_CLGI |
			 I4_SKINIT | I4_XSETBV;
	m->msrpm = msr_bitmap;
	m->nested_control = 1;
	cpu->apic_id = apic_id();
	cpu->linux_npt = npt_linux_root();
	/* All ASIDs: what an earlier life left in ours, and Linux's own global entries, which it would find stale when it is native again. */
	cpu->flush = true;

	/* Ours: paging, write protection, native FPU errors. */
	tables_load(cpu);
	asm volatile("mov %0, %%cr0" : : "r"(CR0_OURS));
	asm volatile("mov %0, %%cr4" : : "r"(cr4_ours(v)));
	msr_write(MSR_EFER,
		  EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_SVME | efer_autoibrs());
	/* INIT that arrives while GIF is set becomes #SX instead of a reset, and A20 is not masked (APM 2, 15.28, 15.30.1); not everybody has it. */
	if (msr_read_safe(MSR_VM_CR, &cpu->vm_cr) == 0 &&
	    msr_write_safe(MSR_VM_CR, cpu->vm_cr | VM_CR_R_INIT | VM_CR_DIS_A20M) != 0)
		hv_log("processor %u: no redirection of INIT", v->index);
	asm volatile("vmsave %%rax" : : "a"(host) : "memory");
}

/* --- And back: why nothing is left behind, README, "Processors that come and go" -------------------------------------------------------- */

/* For the others. A processor that waits for its SIPI cannot come, nor be left behind in what is Linux's memory again: then -EAGAIN, and nobody goes. */
static int wait_to_leave(uint32_t before)
{
	while (__atomic_load_n(&left, __ATOMIC_SEQ_CST) == before) {
		asm volatile("pause");
		if (!start_any_waits())
			continue;
		spin_lock(&leave_locked);
		bool alone = left == before;

		leaving -= alone;
		spin_unlock(&leave_locked);
		if (alone)
			return -EAGAIN;
	}
	return 0;
}

/* All processors are here, none is in a guest. The last one says what happens; 0, -EBUSY, -EIO or -EAGAIN. */
static long meet_to_leave(bool wipe)
{
	static long verdict;

	spin_lock(&leave_locked);
	uint32_t before = left;

	if (++leaving < vcpu_count) {
		spin_unlock(&leave_locked);
		return wait_to_leave(before) ? -EAGAIN : verdict;
	}
	verdict = start_any_waits() ? -EAGAIN : !wipe && epc_pages_used() ? -EBUSY : trust_leave();
	if (!verdict) {
		wipe_secrets();
		iommu_disable();
	}
	leaving = 0;
	__atomic_add_fetch(&left, 1, __ATOMIC_SEQ_CST);
	spin_unlock(&leave_locked);
	return verdict;
}

long svm_leave(struct vcpu *v, uint64_t cr3, bool wipe)
{
	struct svm_cpu *cpu = svm_of(v);
	struct vmcb *m = cpu->vmcb;

	if (cr3 & (PAGE_SIZE - 1) || !physical(cr3))
		return -EINVAL;
	long err = meet_to_leave(wipe);
	if (err)
		return err;
	struct table_pointer gdt = { (uint16_t)m->gdtr.limit, m->gdtr.base },
			     idt = { (uint16_t)m->idtr.limit, m->idtr.base };
	if (msr_write_safe(MSR_VM_CR, cpu->vm_cr) != 0)
		hv_log("processor %u: VM_CR", v->index);
	/* Linux's PAT was the VMCB's (APM 2, 15.25.2). */
	if (msr_write_safe(MSR_PAT, m->pat) != 0)
		hv_log("processor %u: PAT %lx", v->index, m->pat);
	msr_write(MSR_EFER,
		  v->regs.efer | EFER_SVME); /* Linux clears it with HSAVE_PA, once GIF is set */
	asm volatile("mov %0, %%cr2" : : "r"(m->cr2));
	asm volatile("mov %0, %%dr6" : : "r"(m->dr6));
	asm volatile("mov %0, %%dr7" : : "r"(m->dr7));
	v->regs.gpr[REG_RAX] = 0;
	m->rip += 3; /* VMMCALL */
	/* The table maps us as well. */
	asm volatile("mov %0, %%cr3; lgdt %1; lidt %2; mov %3, %%cr0; mov %4, %%cr4"
		     :
		     : "r"(cr3), "m"(gdt), "m"(idt), "r"(m->cr0), "r"(m->cr4)
		     : "memory");
	svm_native(m, v->regs.gpr);
}

/* --- The life of a processor ---------------------------------------------------------------------------------------------------------- */

static void load_registers(struct vcpu *v)
{
	struct svm_cpu *cpu = svm_of(v);
	struct vmcb *m = cpu->vmcb;
	const struct guest_regs *r = &v->regs;

	m->rax = r->gpr[REG_RAX];
	m->rsp = r->gpr[REG_RSP];
	m->rip = r->rip;
	m->rflags = cpu->step.active ? (r->rflags | RFLAGS_TF) & ~RFLAGS_IF : r->rflags;
	m->cr0 = r->cr0;
	m->cr2 = r->cr2;
	m->cr4 = r->cr4;
	m->dr7 = r->dr7;
	m->fs.base = r->fs_base;
	m->gs.base = r->gs_base;
	m->cpl = r->cpl;
	/* No SYSCALL inside an enclave: #UD (SDM 3D, table 39-1). SVME must be set for VMRUN (APM 2, 15.5.1). */
	m->efer = (v->enclave ? r->efer & ~EFER_SCE : r->efer) | EFER_SVME;
	m->cr3 = v->enclave ? v->enclave->cr3 : r->cr3;
	if (r->xcr0 != cpu->xcr0_loaded) {
		xcr0_write(r->xcr0);
		cpu->xcr0_loaded = r->xcr0;
	}
}

/*
 * No GDT, LDT and IDT inside an enclave: no descriptor is within a limit of 0. Far calls, segment loads and events that do not exit would read Linux's,
 * which it can place in memory that the enclave sees; by a call gate of its making an enclave of its own would be at CPL 0, where our page tables for it
 * lie open. So they fault, as the manual wants them to (#UD, made of #GP in exit.c).
 */
static void tables_move(struct svm_cpu *cpu, bool enclave)
{
	struct vmcb *m = cpu->vmcb;

	if (cpu->tables_away == enclave)
		return;
	cpu->tables_away = enclave;
	if (enclave) {
		cpu->gdt_limit = m->gdtr.limit;
		cpu->idt_limit = m->idtr.limit;
		cpu->ldt_limit = m->ldtr.limit;
		m->gdtr.limit = m->idtr.limit = m->ldtr.limit = 0;
	} else {
		m->gdtr.limit = cpu->gdt_limit;
		m->idtr.limit = cpu->idt_limit;
		m->ldtr.limit = cpu->ldt_limit;
	}
}

static void load_world(struct vcpu *v)
{
	struct svm_cpu *cpu = svm_of(v);
	struct vmcb *m = cpu->vmcb;
	bool enclave = v->enclave;

	tables_move(cpu, enclave);
	m->intercept_3 = I3_NMI | I3_INIT | I3_CPUID | I3_INVD | I3_INVLPGA | I3_IO | I3_MSR |
			 I3_SHUTDOWN;
	m->intercept_exceptions = 1U << VECTOR_UD;
	if (cpu->nmi_blocked)
		m->intercept_3 |= I3_IRET;
	if (enclave)
		m->intercept_3 |= I3_INTR | I3_IDTR_READ | I3_GDTR_READ | I3_LDTR_READ |
				  I3_TR_READ | I3_RDPMC | I3_IRET | I3_INTN;
	if (enclave || cpu->step.active)
		m->intercept_exceptions = ~0U;
	m->nested_cr3 = enclave		   ? v->enclave->npt_root
			: cpu->step.active ? step_root(&cpu->step)
					   : cpu->linux_npt;
	m->iopm = enclave ? io_all : io_linux;
	m->asid = enclave ? 2 : 1;
	/* What was translated for the other world, or before a change of an enclave's tables, is forgotten: all of it, which is always right. */
	if (enclave || cpu->enclave_before || cpu->step.active)
		cpu->flush = true;
	cpu->enclave_before = enclave;
}

static void load_event(struct vcpu *v)
{
	struct svm_cpu *cpu = svm_of(v);
	struct vmcb *m = cpu->vmcb;

	m->event = cpu->event;
	cpu->event = 0;
	if (v->inject) {
		m->event = v->vector | EVENT_EXCEPTION | EVENT_VALID;
		if (v->inject_has_error)
			m->event |= EVENT_HAS_ERROR | (uint64_t)v->error << 32;
		m->interrupt_shadow = 0;
	}
	v->inject = false;
	if (m->event || !cpu->nmi_pending || cpu->nmi_blocked || v->enclave || cpu->step.active ||
	    v->regs.rip == cpu->nmi_return)
		return;
	m->event = 2 | EVENT_NMI | EVENT_VALID;
	m->interrupt_shadow = 0;
	cpu->nmi_pending = false;
	cpu->nmi_blocked = true;
	m->intercept_3 |= I3_IRET;
}

static void store(struct vcpu *v)
{
	struct svm_cpu *cpu = svm_of(v);
	const struct vmcb *m = cpu->vmcb;
	struct guest_regs *r = &v->regs;

	r->gpr[REG_RAX] = m->rax;
	r->gpr[REG_RSP] = m->rsp;
	r->rip = m->rip;
	r->rflags = m->rflags;
	r->cr0 = m->cr0;
	r->cr2 = m->cr2;
	r->cr4 = m->cr4;
	r->dr7 = m->dr7;
	r->fs_base = m->fs.base;
	r->gs_base = m->gs.base;
	r->cpl = m->cpl;
	r->long_mode_code = (m->efer & EFER_LMA) && (m->cs.attributes & SEGMENT_LONG);
	r->efer = (m->efer & ~(EFER_SVME | EFER_SCE)) |
		  (r->efer & EFER_SCE); /* WRMSR exits, so SCE is known */
	if (!v->enclave)
		r->cr3 = m->cr3;
	/* An INT n is executed again instead: without its length it could not be delivered. */
	cpu->event = m->exit_event & EVENT_VALID && (m->exit_event & EVENT_TYPE) != EVENT_SOFTWARE
			     ? m->exit_event
			     : 0;
}

/* in_guest and flush_request: see flush.c. */
static void run(struct vcpu *v)
{
	struct svm_cpu *cpu = svm_of(v);

	load_registers(v);
	load_world(v);
	load_event(v);
	__atomic_store_n(&cpu->in_guest, true, __ATOMIC_SEQ_CST);
	uint64_t request = __atomic_load_n(&cpu->flush_request, __ATOMIC_SEQ_CST);
	if (request != cpu->flush_done)
		cpu->flush = true;
	cpu->vmcb->tlb_control = cpu->flush;
	cpu->flush = false;
	__atomic_store_n(&cpu->flush_done, request, __ATOMIC_SEQ_CST);
	svm_run(v->regs.gpr, (uintptr_t)cpu->vmcb, (uintptr_t)cpu->host);
	__atomic_store_n(&cpu->in_guest, false, __ATOMIC_SEQ_CST);
	store(v);
}

void svm_loop(struct vcpu *v)
{
	hv_log("processor %u of %u is a guest", v->index, vcpu_count);
	for (;;) {
		power_stop_here(v);
		run(v);
		count(v, HV_COUNTER_EXITS);
		svm_exit(v);
	}
}
