/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SGX instruction set in software (Intel SDM 3D; facts in order of checks: the leaf pages). arch/x86/svm calls sgx_encls/sgx_enclu when a
 * guest's ENCLS or ENCLU arrived as #UD, with RIP still at the instruction. They either do all of the leaf and move RIP behind it, or inject
 * the fault that the SDM's pseudo-code names and change nothing.
 *
 * Concurrency: one lock over all EPCM entries and enclave state (epc_lock), taken by each leaf; conflicts that hardware reports (#GP, code 7)
 * do not arise from timing, only where the SDM makes them visible (an enclave's thread is inside).
 */
#pragma once

#include "hypervisor/core/vcpu.h"
#include "hypervisor/sgx/arch.h" /* structures and constants of the SDM */

/* EPC: [start, start + size), OWNER_EPC already. entries: room for one struct epcm_entry per page. */
void sgx_init(uint64_t epc_start, uint64_t epc_size, struct epcm_entry *entries);

/* instruction_size: 3, or more with ignored prefixes. */
void sgx_encls(struct vcpu *v, unsigned int instruction_size);
void sgx_enclu(struct vcpu *v, unsigned int instruction_size);
/* CPUID leaves 7 and 12H as Linux shall see them: changes the four registers. */
void sgx_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t regs[4]);
/* MSRs 3AH, 8CH-8FH: true if it is one of ours. Write: false in *ret_ok for #GP. */
bool sgx_rdmsr(uint32_t msr, uint64_t *ret_value);
bool sgx_wrmsr(uint32_t msr, uint64_t value, bool *ret_ok);

/* --- While an enclave runs (sgx/enter.c, sgx/aex.c, sgx/address.c) --- */
/* An exception or interrupt in the enclave: saves to the SSA, puts synthetic state into regs (RIP = AEP), leaves the enclave. Whatever is
 * to be delivered to Linux is then injected by the caller (exceptions; interrupts come by themselves). */
void sgx_aex(struct vcpu *v, uint8_t vector, uint32_t error, uint64_t address, bool is_exception);
/* A page fault in the enclave: true if the page was mapped and the enclave goes on; else sgx_aex was done and #PF injected. */
bool sgx_page_fault(struct vcpu *v, uint64_t linear, uint32_t error);
