// SPDX-License-Identifier: Apache-2.0
/*
 * Linux touched a physical page that its nested tables do not give it: the local APIC (apic.c), or something that is not its own, which
 * behaves as the abort page (abort_page.c). An access by the processor itself, for Linux's page tables or while it delivers an event, is no
 * instruction's: there is nobody to skip it, and Linux gets #GP. Code fetched from there would be FFH FFH: #UD.
 */
#include "hypervisor/arch/x86/svm/cpu.h"
#include "hypervisor/mem/owner.h"

void npf_exit(struct vcpu *v)
{
	struct svm_cpu *cpu = svm_of(v);
	uint64_t address = cpu->vmcb->exit_info_2, error = cpu->vmcb->exit_info_1;

	count(v, HV_COUNTER_NPF);
	if (owner_of(address) == OWNER_LINUX) {
		/* The tables, which never change, give it that: whatever was translated otherwise is forgotten. */
		cpu->flush = true;
		return;
	}
	if (cpu->step.active) {
		step_begin(v, address);
		return;
	}
	if (error & NPF_TABLE_WALK || cpu->event) {
		if (cpu->counters[HV_COUNTER_FAULTS_LINUX]++ < 4)
			hv_log("processor %u: tables or event in page %lx, exit %lx %lx, CR3 %lx RIP %lx",
			       v->index, address, error, cpu->event, v->regs.cr3, v->regs.rip);
		cpu->event = 0;
		vcpu_inject_error(v, VECTOR_GP, 0);
	} else if (error & NPF_FETCH) {
		vcpu_inject(v, VECTOR_UD);
	} else if ((address & ~(PAGE_SIZE - 1)) == apic_base && !apic_x2) {
		apic_access(v, address);
	} else {
		step_begin(v, address);
	}
}
