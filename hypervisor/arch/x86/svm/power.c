// SPDX-License-Identifier: Apache-2.0
/*
 * Memory outlives a reset and sleep: the ports by which Linux could ask the platform for one of them exit. A reset, and power off, come after all
 * processors have stopped here and EPC and keys are wiped. Sleep is refused: in S3 the TPM's PCR 21 and 22 go back to what they were before
 * the launch while PCR 0-15 stay, so that a kernel could be this hypervisor to the TPM. And A20 stays on: masked, physical addresses alias each other,
 * ours and enclaves' too (processors that obey VM_CR.DIS_A20M do not need this). Ports: 64H and 92H (i8042 and "fast" reset of the AT),
 * CF9H (PCI's reset control), and what ACPI's FADT names (ACPI 6.4, 4.8.3, 4.8.3.7), which the module passes on. Whatever else of a chipset can do the same
 * by registers of its own, and SMM, is not covered: THREATS.md.
 */
#include "hypervisor/arch/x86/svm/cpu.h"
#include "hypervisor/core/memory.h"

enum { PORT_KEYBOARD = 0x64, PORT_FAST = 0x92, PORT_PCI_ADDRESS = 0xcf8, PORT_RESET = 0xcf9 };
/* EXITINFO1 (APM 2, 15.10.2); SLP_EN and SLP_TYP in the byte that holds them (ACPI 6.4, 4.8.3.2.1, 4.8.3.7). */
enum { IO_IN = 1, IO_STRING = 4, SLEEP_ENABLE = 0x20, SLEEP_TYPE_SHIFT = 2 };
enum effect { PASSES, DROPPED, ENDS };

static struct hv_power power;
static bool ending;
static bool stopped[HV_CPUS_MAX];

void power_init(const struct hv_boot *boot, uint8_t *bitmap)
{
	power = boot->power;
	const uint16_t ports[] = { PORT_KEYBOARD,      PORT_FAST,	    PORT_RESET,
				   power.reset_port,   power.sleep_port[0], power.sleep_port[1],
				   power.sleep_port[2] };

	for (unsigned int i = 0; i < ARRAY_SIZE(ports); i++)
		bitmap[ports[i] / 8] |= (uint8_t)(ports[i] ? 1U << ports[i] % 8 : 0);
}

void power_stop_here(struct vcpu *v)
{
	if (!__atomic_load_n(&ending, __ATOMIC_SEQ_CST))
		return;
	__atomic_store_n(&stopped[v->index], true, __ATOMIC_SEQ_CST);
	for (;;)
		asm volatile("hlt");
}

static bool others_run(const struct vcpu *self)
{
	for (unsigned int i = 0; i < vcpu_count; i++) {
		if (i != self->index && !__atomic_load_n(&stopped[i], __ATOMIC_SEQ_CST) &&
		    !start_waits(&vcpus[i]))
			return true;
	}
	return false;
}

/* The only processor that runs, with nothing left that could be read. */
void power_end(struct vcpu *v)
{
	if (__atomic_exchange_n(&ending, true, __ATOMIC_SEQ_CST))
		power_stop_here(v);
	do
		vcpus_flush(v); /* again and again: one that just went in saw no NMI */
	while (others_run(v));
	wipe_secrets();
	asm volatile("wbinvd" : : : "memory");
	hv_log("processor %u: the machine ends: EPC and keys are wiped", v->index);
}

static enum effect effect_of(uint16_t port, uint8_t value)
{
	for (unsigned int i = 0; i < HV_SLEEP_PORTS; i++) {
		if (port == power.sleep_port[i] && value & SLEEP_ENABLE)
			return power.off_types[i] >> (value >> SLEEP_TYPE_SHIFT & 7) & 1 ? ENDS
											 : DROPPED;
	}
	switch (port) {
	case PORT_KEYBOARD: /* D1: write the output port, whose bit 0 is reset, bit 1 A20; DD: A20 off; F0-FF: pulse its bits that are 0 */
		return value == 0xd1 || value == 0xdd ? DROPPED
		       : (value & 0xf1) == 0xf0	      ? ENDS
						      : PASSES;
	case PORT_FAST: /* bit 0: reset, bit 1: A20 */
		return (value & 3) != 2 ? DROPPED : PASSES;
	case PORT_RESET:
		return value & 4 ? ENDS : PASSES;
	}
	return port == power.reset_port ? ENDS : PASSES;
}

static enum effect effect_of_write(uint16_t port, unsigned int size, uint32_t value)
{
	enum effect worst = PASSES, one;

	if (port == PORT_PCI_ADDRESS && size == 4)
		return PASSES; /* the address of a configuration register: CF9H is written by bytes */
	for (unsigned int i = 0; i < size; i++) {
		one = effect_of((uint16_t)(port + i), (uint8_t)(value >> 8 * i));
		if (one > worst)
			worst = one;
	}
	return worst;
}

uint32_t port_read(uint16_t port, unsigned int size)
{
	uint32_t value = 0;

	if (size == 1)
		asm volatile("inb %w1, %b0" : "+a"(value) : "d"(port));
	else if (size == 2)
		asm volatile("inw %w1, %w0" : "+a"(value) : "d"(port));
	else
		asm volatile("inl %w1, %0" : "=a"(value) : "d"(port));
	return value;
}

void port_write(uint16_t port, unsigned int size, uint32_t value)
{
	if (size == 1)
		asm volatile("outb %b0, %w1" : : "a"(value), "d"(port));
	else if (size == 2)
		asm volatile("outw %w0, %w1" : : "a"(value), "d"(port));
	else
		asm volatile("outl %0, %w1" : : "a"(value), "d"(port));
}

void power_exit(struct vcpu *v)
{
	const struct vmcb *m = svm_of(v)->vmcb;
	uint64_t *rax = &v->regs.gpr[REG_RAX];
	uint32_t info = (uint32_t)m->exit_info_1, value = (uint32_t)*rax;
	unsigned int size = info >> 4 & 7;
	uint16_t port = (uint16_t)(info >> 16);
	enum effect effect = info & IO_IN ? PASSES : effect_of_write(port, size, value);

	if (info & IO_STRING) /* nobody's way to these ports */
		return vcpu_inject_error(v, VECTOR_GP, 0);
	if (effect == ENDS)
		power_end(v);
	if (info & IO_IN)
		*rax = (size == 4 ? 0 : *rax & ~((1ULL << 8 * size) - 1)) | port_read(port, size);
	else if (effect != DROPPED)
		port_write(port, size, value);
	else
		hv_log("processor %u: port %x, value %x: refused", v->index, port, value);
	svm_skip(v, (unsigned int)(m->exit_info_2 - v->regs.rip));
}
