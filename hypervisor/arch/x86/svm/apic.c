// SPDX-License-Identifier: Apache-2.0
/*
 * The local APIC: Linux drives it, but INIT and SIPI never get through (they would take a processor out of the hypervisor: shown by
 * tests/boot/init.sh): start.c does what they do. In xAPIC mode its page is not mapped for Linux: each access exits, is decoded (MOV and XCHG of
 * 32 bits, what Linux uses) and done for it. In x2APIC mode the MSRs are filtered. What cannot be decoded sees the abort page.
 */
#include "hypervisor/arch/x86/svm/cpu.h"

/* SDM 3A, table 11-1. */
/* clang-format off */
enum {
	APIC_ID = 0x20, APIC_TPR = 0x80, APIC_EOI = 0xb0, APIC_LDR = 0xd0, APIC_DFR = 0xe0,
	APIC_SVR = 0xf0, APIC_ISR = 0x100, APIC_IRR = 0x200, APIC_ESR = 0x280,
	APIC_ICR_LOW = 0x300, APIC_ICR_HIGH = 0x310, APIC_LVT_CMCI = 0x2f0, APIC_LVT_FIRST = 0x320,
	APIC_LVT_LAST = 0x370, APIC_TIMER_INITIAL = 0x380, APIC_TIMER_DIVIDE = 0x3e0,
};
/* clang-format on */
enum {
	ICR_NMI = 4 << 8,
	ICR_ASSERT = 1 << 14,
	ICR_PENDING = 1 << 12,
	LVT_MASKED = 1 << 16,
	SVR_ENABLED = 1 << 8,
	TPR_INTERRUPTS =
		0x10, /* vectors from 32 on: those below are exceptions' (SDM 3A, 11.8.3.1) */
	DELIVERY_INIT = 5,
	DELIVERY_STARTUP = 6
};

uint64_t apic_base;
bool apic_x2;

void apic_init(void)
{
	uint64_t base = msr_read(MSR_APIC_BASE);

	apic_base = base & 0x000ffffffffff000ULL;
	apic_x2 = base & 1 << 10;
}

uint32_t apic_id(void)
{
	uint32_t regs[4];

	if (apic_x2)
		return (uint32_t)msr_read(MSR_X2APIC + 2);
	cpuid(1, 0, regs);
	return regs[1] >> 24;
}

static volatile uint32_t *apic_register(uint64_t offset)
{
	return (volatile uint32_t *)(apic_base + offset);
}

static void send_nmi(uint32_t id)
{
	if (apic_x2) {
		msr_write(MSR_X2APIC + 0x30, (uint64_t)id << 32 | ICR_NMI | ICR_ASSERT);
		return;
	}
	/* Linux may have written the high half of a command and not yet the low one: it finds the high half as it was. */
	uint32_t high = *apic_register(APIC_ICR_HIGH);

	while (*apic_register(APIC_ICR_LOW) & ICR_PENDING)
		asm volatile("pause");
	*apic_register(APIC_ICR_HIGH) = id << 24;
	*apic_register(APIC_ICR_LOW) = ICR_NMI | ICR_ASSERT;
	while (*apic_register(APIC_ICR_LOW) & ICR_PENDING)
		asm volatile("pause");
	*apic_register(APIC_ICR_HIGH) = high;
}

void apic_send_nmi(struct svm_cpu *cpu)
{
	__atomic_add_fetch(&cpu->nmi_sent, 1, __ATOMIC_SEQ_CST);
	send_nmi(cpu->apic_id);
	__atomic_add_fetch(&cpu->nmi_delivered, 1, __ATOMIC_SEQ_CST);
}

bool apic_command(struct vcpu *v, uint64_t command)
{
	uint32_t delivery = command >> 8 & 7;

	if (delivery != DELIVERY_INIT && delivery != DELIVERY_STARTUP)
		return true;
	start_send(v, (uint32_t)(command >> 32), (uint32_t)command, delivery == DELIVERY_STARTUP);
	return false;
}

/* Delivery mode INIT in a local vector would be an INIT to ourselves, at a time that nobody chose: it is dropped. */
bool apic_vector_allowed(struct vcpu *v, uint32_t value)
{
	if ((value >> 8 & 7) != DELIVERY_INIT)
		return true;
	count(v, HV_COUNTER_INIT_DROPPED);
	return false;
}

static void apic_write(struct vcpu *v, uint64_t offset, uint32_t value)
{
	bool vector = offset == APIC_LVT_CMCI ||
		      (offset >= APIC_LVT_FIRST && offset <= APIC_LVT_LAST);

	count(v, HV_COUNTER_APIC_WRITES);
	if (vector && !apic_vector_allowed(v, value))
		return;
	if (offset == APIC_ID) /* we send to the one that the processor had */
		return;
	if (offset == APIC_ICR_LOW) {
		uint64_t destination = *apic_register(APIC_ICR_HIGH) >> 24;

		if (!apic_command(v, destination << 32 | value))
			return;
	}
	*apic_register(offset) = value;
}

static void own_write(uint32_t offset, uint32_t value)
{
	if (apic_x2)
		msr_write(MSR_X2APIC + (offset >> 4), value);
	else
		*apic_register(offset) = value;
}

static uint32_t own_read(uint32_t offset)
{
	return apic_x2 ? (uint32_t)msr_read(MSR_X2APIC + (offset >> 4)) : *apic_register(offset);
}

/* Of the 256 vectors, those from 32 on. */
static bool any_vector(uint32_t first_register)
{
	uint32_t any = 0;

	for (uint32_t i = 1; i < 8; i++)
		any |= own_read(first_register + 0x10 * i);
	return any;
}

void apic_end_interrupt(void)
{
	own_write(APIC_EOI, 0);
}

/*
 * SDM 3A, 11.4.7.1 and 11.12.5.1. What is in service is ended; what is requested can only be taken, once all sources that can be are masked. Others may
 * go on sending: after all vectors once it is enough.
 */
void apic_reset(void)
{
	own_write(APIC_TIMER_INITIAL, 0);
	for (uint32_t at = APIC_LVT_FIRST; at <= APIC_LVT_LAST; at += 0x10)
		own_write(at, LVT_MASKED);
	for (unsigned int i = 0; i < 256 && any_vector(APIC_ISR); i++)
		own_write(APIC_EOI, 0);
	own_write(APIC_TPR, TPR_INTERRUPTS);
	own_write(APIC_SVR, SVR_ENABLED | 0xff);
	for (unsigned int i = 0; i < 256 && any_vector(APIC_IRR); i++)
		interrupt_window();
	own_write(APIC_TPR, 0);
	own_write(APIC_TIMER_DIVIDE, 0);
	own_write(APIC_ESR, 0);
	if (!apic_x2) { /* derived from the identifier, and absent, in x2APIC */
		own_write(APIC_LDR, 0);
		own_write(APIC_DFR, 0xffffffff);
	}
	own_write(APIC_SVR, 0xff);
}

/* A MOV or XCHG between memory and a register or immediate, 32 bits. */
struct access {
	unsigned int size; /* of the instruction, as far as it was read */
	bool faulted;	   /* reading it: that is injected */
	bool write, exchange;
	unsigned int reg;
	uint32_t value;
};

/* Once a fault is injected all bytes are 0. */
static uint32_t next_byte(struct vcpu *v, struct access *a)
{
	uint8_t byte = 0;

	if (!a->faulted)
		a->faulted = code_byte(v, a->size++, &byte) != 0;
	return byte;
}

/* False: another instruction, or a fault. */
static bool decode(struct vcpu *v, struct access *a)
{
	uint32_t rex = 0, opcode = next_byte(v, a), modrm, mode, base;

	if (v->regs.long_mode_code && (opcode & 0xf0) == 0x40) {
		rex = opcode;
		opcode = next_byte(v, a);
	}
	if (rex & 8 || (opcode != 0x89 && opcode != 0x8b && opcode != 0x87 && opcode != 0xc7))
		return false;
	a->write = opcode != 0x8b;
	a->exchange = opcode == 0x87;
	modrm = next_byte(v, a);
	a->reg = (modrm >> 3 & 7) | (rex & 4) << 1;
	mode = modrm >> 6;
	if (mode == 3)
		return false;
	base = (modrm & 7) == 4 ? next_byte(v, a) & 7 : modrm & 7;
	/* The displacement. */
	if (mode == 1)
		a->size += 1;
	else if (mode == 2 || base == 5)
		a->size += 4;
	a->value = (uint32_t)v->regs.gpr[a->reg];
	if (opcode == 0xc7) {
		a->value = 0;
		for (unsigned int i = 0; i < 4; i++)
			a->value |= next_byte(v, a) << 8 * i;
	}
	return !a->faulted;
}

void apic_access(struct vcpu *v, uint64_t guest_physical)
{
	struct access a = { 0 };
	uint64_t offset = guest_physical & 0xff0;
	bool known = !(guest_physical & 15) && decode(v, &a);

	if (a.faulted)
		return;
	if (!known || guest_physical - apic_base >= 0x400) {
		step_begin(v, guest_physical);
		return;
	}
	if (!a.write || a.exchange) {
		uint32_t value = *apic_register(offset);

		v->regs.gpr[a.reg] = value;
	}
	if (a.write)
		apic_write(v, offset, a.value);
	svm_skip(v, a.size);
}
