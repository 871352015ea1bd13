// SPDX-License-Identifier: Apache-2.0
/*
 * INIT and SIPI, carried out here and never by the processor, which they would take out of the hypervisor. An INIT makes its target leave its guest,
 * an enclave by an AEX, and wait here with the registers that INIT leaves; a SIPI lets it go on as a guest at vector << 12. So Linux takes
 * processors offline and online again, and the next kernel after a kexec starts them all. Only the processors that entered with the module are
 * reached; to others, and by other ways than a plain command (start_send), INIT and SIPI are dropped.
 *
 * One word a processor, svm_cpu.start, changed by compare-and-exchange, so that any number may send at once:
 *
 *	RUN --INIT--> INIT --its processor left its guest--> WAIT --SIPI--> GO | vector --its processor starts--> RUN
 *	                '--SIPI----------------------------------------------^
 * An INIT is taken in each state, a SIPI only in INIT and WAIT (SDM 3A, 9.4.3: one that is not waited for is ignored). Whoever changed the word sends
 * an NMI, which ends the guest or the wait; an NMI that finds nothing to do is swallowed, as in flush.c. A processor that has BSP set waits too,
 * instead of starting at the firmware's reset vector, which is no place to go to with Linux in memory.
 */
#include "hypervisor/arch/x86/svm/cpu.h"
#include "hypervisor/sgx/sgx.h"
#include "lib/base/string.h"

enum { START_RUN, START_INIT, START_WAIT, START_GO = 0x100 };

/* The command register's fields (SDM 3A, 11.6.1; x2APIC: 11.12.9). */
/* clang-format off */
enum {
	COMMAND_LOGICAL = 1 << 11, COMMAND_ASSERT = 1 << 14, COMMAND_LEVEL = 1 << 15,
	COMMAND_SHORTHAND = 3 << 18, COMMAND_OTHERS = 3 << 18,
};
/* clang-format on */

/* Registers after INIT (APM 2, 14.1.3, table 14-1). */
#define CR0_INIT 0x10ULL	/* ET */
#define CR0_CACHE 0x60000000ULL /* CD, NW: as they were */
#define DR6_INIT 0xffff0ff0ULL
#define DR7_INIT 0x400ULL
/* Attributes as in the descriptor: present, accessed; code or data; LDT, busy TSS of 16 bits. */
/* clang-format off */
enum {
	SEGMENT_CODE_INIT = 0x9b, SEGMENT_DATA_INIT = 0x93, SEGMENT_LDT_INIT = 0x82,
	SEGMENT_TSS_INIT = 0x83,
};
/* clang-format on */

/* --- Who sends -------------------------------------------------------------------------------------------------------------------------- */

static void send_init(struct svm_cpu *cpu)
{
	__atomic_store_n(&cpu->start, START_INIT, __ATOMIC_SEQ_CST);
	apic_send_nmi(cpu);
}

static void send_sipi(struct svm_cpu *cpu, uint32_t vector)
{
	uint32_t state = __atomic_load_n(&cpu->start, __ATOMIC_SEQ_CST);

	while (state == START_INIT || state == START_WAIT) {
		if (__atomic_compare_exchange_n(&cpu->start, &state, START_GO | vector, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
			apic_send_nmi(cpu);
			return;
		}
	}
}

static bool is_target(const struct vcpu *self, const struct vcpu *v, uint32_t destination,
		      uint32_t command)
{
	if (command & COMMAND_SHORTHAND)
		return v != self;
	return destination == svm_of(&vcpus[v->index])->apic_id ||
	       destination == (apic_x2 ? 0xffffffffU : 0xffU);
}

void start_send(struct vcpu *v, uint32_t destination, uint32_t command, bool startup)
{
	unsigned int reached = 0;
	uint32_t shorthand = command & COMMAND_SHORTHAND;

	/* INIT's second half, "deassert", is for the arbitration of long ago: nothing happens (SDM 3A, 11.6.1). */
	if (!startup && (command & (COMMAND_LEVEL | COMMAND_ASSERT)) == COMMAND_LEVEL)
		return;
	/* "Self" and "all including self" do not go with INIT and SIPI (SDM 3A, table 11-3). Logical destinations: nobody uses them for this. */
	bool plain = shorthand ? shorthand == COMMAND_OTHERS : !(command & COMMAND_LOGICAL);

	for (unsigned int i = 0; plain && i < vcpu_count; i++) {
		if (!is_target(v, &vcpus[i], destination, command))
			continue;
		reached++;
		if (startup)
			send_sipi(svm_of(&vcpus[i]), command & 0xff);
		else
			send_init(svm_of(&vcpus[i]));
	}
	if (!reached)
		count(v, HV_COUNTER_INIT_DROPPED);
}

bool start_waits(const struct vcpu *v)
{
	return __atomic_load_n(&svm_of(&vcpus[v->index])->start, __ATOMIC_SEQ_CST) != START_RUN;
}

bool start_any_waits(void)
{
	for (unsigned int i = 0; i < vcpu_count; i++) {
		if (start_waits(&vcpus[i]))
			return true;
	}
	return false;
}

/* --- Who is sent for ---------------------------------------------------------------------------------------------------------------------- */

static void set_segment(struct vmcb_segment *s, uint16_t selector, uint64_t base,
			uint16_t attributes)
{
	*s = (struct vmcb_segment){
		.selector = selector, .attributes = attributes, .limit = 0xffff, .base = base
	};
}

static void reset_segments(struct vmcb *m)
{
	set_segment(&m->cs, 0xf000, 0xffff0000, SEGMENT_CODE_INIT);
	set_segment(&m->ds, 0, 0, SEGMENT_DATA_INIT);
	set_segment(&m->es, 0, 0, SEGMENT_DATA_INIT);
	set_segment(&m->fs, 0, 0, SEGMENT_DATA_INIT);
	set_segment(&m->gs, 0, 0, SEGMENT_DATA_INIT);
	set_segment(&m->ss, 0, 0, SEGMENT_DATA_INIT);
	set_segment(&m->gdtr, 0, 0, 0);
	set_segment(&m->idtr, 0, 0, 0);
	set_segment(&m->ldtr, 0, 0, SEGMENT_LDT_INIT);
	set_segment(&m->tr, 0, 0, SEGMENT_TSS_INIT);
}

/* What is not named here INIT leaves alone: MSRs but EFER, XCR0, vector registers, the time-stamp counter. */
static void reset(struct vcpu *v)
{
	struct svm_cpu *cpu = svm_of(v);
	struct guest_regs *r = &v->regs;
	uint64_t cache = r->cr0 & CR0_CACHE, xcr0 = r->xcr0;
	uint32_t signature[4];

	memset(r, 0, sizeof(*r));
	cpuid(1, 0, signature);
	r->gpr[REG_RDX] = signature[0];
	r->rip = 0xfff0;
	r->rflags = 2;
	r->cr0 = CR0_INIT | cache;
	r->dr7 = DR7_INIT;
	r->xcr0 = xcr0;
	reset_segments(cpu->vmcb);
	cpu->tables_away = false;
	cpu->vmcb->dr6 = DR6_INIT;
	cpu->vmcb->interrupt_shadow = 0;
	asm volatile("mov %0, %%dr0; mov %0, %%dr1; mov %0, %%dr2; mov %0, %%dr3" : : "r"(0UL));
	v->inject = false;
	cpu->event = 0;
	cpu->nmi_pending = false;
	cpu->nmi_blocked = false;
	cpu->nmi_return = 0;
	cpu->flush = true;
	apic_reset();
}

/* Until a SIPI came; its vector. */
static uint32_t wait_for_sipi(struct svm_cpu *cpu)
{
	for (;;) {
		uint32_t state = __atomic_load_n(&cpu->start, __ATOMIC_SEQ_CST), next;

		if (state == START_WAIT) {
			nmi_wait();
			continue;
		}
		next = state == START_INIT ? START_WAIT : START_RUN;
		if (__atomic_compare_exchange_n(&cpu->start, &state, next, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST) &&
		    next == START_RUN)
			return state & 0xff;
	}
}

/* Every NMI sent to this processor so far has arrived and is over: the next is Linux's, whose tables the new start does not have yet. */
static void nmis_forget(struct svm_cpu *cpu)
{
	uint64_t sent;

	do {
		sent = __atomic_load_n(&cpu->nmi_sent, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&cpu->nmi_delivered, __ATOMIC_SEQ_CST) != sent &&
		       __atomic_load_n(&cpu->nmi_sent, __ATOMIC_SEQ_CST) == sent)
			asm volatile("pause");
		nmi_window();
	} while (__atomic_load_n(&cpu->nmi_sent, __ATOMIC_SEQ_CST) != sent);
	cpu->nmi_taken = sent;
}

bool start_take(struct vcpu *v)
{
	struct svm_cpu *cpu = svm_of(v);

	if (__atomic_load_n(&cpu->start, __ATOMIC_SEQ_CST) == START_RUN)
		return false;
	if (v->enclave) {
		count(v, HV_COUNTER_AEX);
		sgx_aex(v, 2, 0, 0, false);
	}
	reset(v);
	uint32_t vector = wait_for_sipi(cpu);

	nmis_forget(cpu);
	count(v, HV_COUNTER_STARTS);
	v->regs.rip = 0;
	set_segment(&cpu->vmcb->cs, (uint16_t)(vector << 8), vector << 12, SEGMENT_CODE_INIT);
	return true;
}
