// SPDX-License-Identifier: Apache-2.0
/*
 * Making the other processors forget translations. A processor is in its guest (in_guest) or in the hypervisor; whoever wants a flush raises
 * flush_request, and
 *	- a processor in the hypervisor sees it before its next VMRUN (it sets in_guest first, then reads flush_request; we raise the request
 *	  first, then read in_guest: one of the two sees the other);
 *	- a processor in its guest gets an NMI, which always exits.
 * So nobody waits for a processor that is in the hypervisor, and a lock may be held here. An NMI that came too late to be needed is counted in
 * nmi_sent and swallowed at its exit; one of Linux's that merged with it is lost, as NMIs may be.
 */
#include "hypervisor/arch/x86/svm/cpu.h"

static bool waits_for(struct svm_cpu *cpu, uint64_t request)
{
	return __atomic_load_n(&cpu->in_guest, __ATOMIC_SEQ_CST) &&
	       __atomic_load_n(&cpu->flush_done, __ATOMIC_SEQ_CST) < request;
}

void vcpus_flush(struct vcpu *self)
{
	uint64_t requests[HV_CPUS_MAX];

	count(self, HV_COUNTER_FLUSHES);
	svm_of(self)->flush = true;
	for (unsigned int i = 0; i < vcpu_count; i++) {
		struct svm_cpu *cpu = svm_of(&vcpus[i]);

		if (i == self->index)
			continue;
		requests[i] = __atomic_add_fetch(&cpu->flush_request, 1, __ATOMIC_SEQ_CST);
		if (waits_for(cpu, requests[i]))
			apic_send_nmi(cpu);
	}
	for (unsigned int i = 0; i < vcpu_count; i++) {
		if (i == self->index)
			continue;
		while (waits_for(svm_of(&vcpus[i]), requests[i]))
			asm volatile("pause");
	}
}
