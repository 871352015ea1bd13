// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's vector registers around cryptography: libbearssl.a is the only code of the image that uses any, and only XMM (its 128-bit
 * instructions leave the upper halves alone), so FXSAVE's 512 bytes are all. What it left in them is overwritten at the end.
 * Enclaves' extended state goes through arch_xsave and arch_xrstor: standard format, as in the SSA.
 * May nest; is never interrupted (GIF is clear).
 */
#include "hypervisor/arch/x86/svm/cpu.h"
#include "hypervisor/crypto/crypto.h"
#include "hypervisor/sgx/run.h"

void crypto_begin(void)
{
	struct svm_cpu *cpu = this_cpu();
	const uint32_t mxcsr = 0x1f80;

	if (cpu->vector_users++)
		return;
	asm volatile("fxsave64 %0\n\tfninit\n\tldmxcsr %1"
		     : "=m"(cpu->vectors)
		     : "m"(mxcsr)
		     : "memory");
}

void crypto_end(void)
{
	struct svm_cpu *cpu = this_cpu();

	assert(cpu->vector_users);
	if (--cpu->vector_users)
		return;
	asm volatile("fxrstor64 %0" : : "m"(cpu->vectors) : "memory");
}

/* XCR0 is the last guest's until the next entry; it may have fewer components than an enclave's. */
static void components(uint64_t mask)
{
	struct svm_cpu *cpu = this_cpu();

	if (!(mask & ~cpu->xcr0_loaded))
		return;
	cpu->xcr0_loaded |= mask;
	xcr0_write(cpu->xcr0_loaded);
}

void arch_xsave(void *area, uint64_t mask)
{
	components(mask);
	asm volatile("xsave64 (%0)"
		     :
		     : "r"(area), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32))
		     : "memory");
}

/*
 * AMD's XRSTOR leaves the pointers to x87's last instruction and operand alone where no exception is pending (APM 4, XRSTOR; CPUID 80000008H EBX[2] says
 * otherwise): FNINIT does not, or Linux would find an enclave's.
 */
void arch_xrstor(const void *area, uint64_t mask)
{
	components(mask);
	asm volatile("fninit\n\txrstor64 (%0)"
		     :
		     : "r"(area), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32))
		     : "memory");
}

/* CR4.PKE is set here as well (enter.c), and nothing of ours writes PKRU. */
uint32_t vcpu_pkru(void)
{
	uint32_t value, zero;

	asm volatile("rdpkru" : "=a"(value), "=d"(zero) : "c"(0));
	return value;
}
