// SPDX-License-Identifier: Apache-2.0
/*
 * Why a processor left its guest, and what is done about it. In Linux's world only what could break the walls exits: the instructions of SVM,
 * some MSRs, CPUID, #UD (which is where ENCLS and ENCLU arrive), its accesses to what is not its own. In an enclave everything does that would be
 * seen outside: each exception and interrupt is an AEX.
 * NMI: ours (flush.c, start.c) or Linux's, which is injected. INIT from elsewhere than a processor is swallowed. Shutdown (a triple fault of
 * Linux's) wipes EPC and resets the machine.
 */
#include "hypervisor/arch/x86/svm/cpu.h"
#include "hypervisor/core/memory.h"
#include "hypervisor/mem/iommu.h"
#include "hypervisor/sgx/run.h"
#include "hypervisor/sgx/sgx.h"
#include "hypervisor/trust/trust.h"

#include <asm-generic/errno-base.h>

void svm_skip(struct vcpu *v, unsigned int size)
{
	svm_of(v)->vmcb->interrupt_shadow = 0;
	v->regs.rip += size;
	if (!v->regs.long_mode_code)
		v->regs.rip = (uint32_t)v->regs.rip;
	if (v->regs.rflags & RFLAGS_TF) {
		svm_of(v)->vmcb->dr6 |= 1 << 14; /* BS */
		vcpu_inject(v, VECTOR_DB);
	}
}

/* What comes next of the instruction, as far as its page goes: no fault that the instruction itself might not have. */
static int code_read(struct vcpu *v)
{
	struct svm_cpu *cpu = svm_of(v);
	uint64_t linear = v->regs.rip + cpu->code_size;
	uint8_t *to = cpu->code + cpu->code_size;
	unsigned int size;

	if (v->enclave) {
		size = (unsigned int)MIN((uint64_t)FETCH_MAX, PAGE_SIZE - linear % PAGE_SIZE);
		size = (unsigned int)sgx_read_code(v, linear, to, size);
	} else {
		if (!v->regs.long_mode_code)
			linear = (uint32_t)(linear + cpu->vmcb->cs.base);
		size = guest_fetch(v, linear, to);
	}
	cpu->code_size += size;
	return size ? 0 : -EFAULT;
}

int code_byte(struct vcpu *v, unsigned int offset, uint8_t *ret_byte)
{
	struct svm_cpu *cpu = svm_of(v);

	if (offset >= INSTRUCTION_MAX) {
		vcpu_inject_error(v, VECTOR_GP, 0);
		return -EFAULT;
	}
	while (cpu->code_size <= offset) {
		if (code_read(v) != 0)
			return -EFAULT;
	}
	*ret_byte = cpu->code[offset];
	return 0;
}

static bool exception_has_error(unsigned int vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 ||
	       vector == 29 || vector == 30;
}

static void inject(struct vcpu *v, uint8_t vector, uint32_t error)
{
	if (exception_has_error(vector))
		vcpu_inject_error(v, vector, error);
	else
		vcpu_inject(v, vector);
}

static bool prefix_ignored(struct vcpu *v, uint8_t byte)
{
	bool segment = (byte & 0xe7) == 0x26 || byte == 0x64 || byte == 0x65;

	return segment || byte == 0x67 || (v->regs.long_mode_code && (byte & 0xf0) == 0x40);
}

/*
 * NP 0F 01 CF, NP 0F 01 D7: 66, F2, F3 and LOCK before them are #UD; segment, address size and REX prefixes are ignored (SDM 2D, ENCLS).
 * 0; the third byte and the size: one of the two. -ENOENT: something else. -EFAULT: reading it faulted, which is injected.
 */
static int decode_encl(struct vcpu *v, uint8_t *ret_opcode, unsigned int *ret_size)
{
	unsigned int at = 0;
	uint8_t byte;

	for (;;) {
		if (code_byte(v, at, &byte) != 0)
			return -EFAULT;
		if (!prefix_ignored(v, byte))
			break;
		if (++at == INSTRUCTION_MAX - 2)
			return -ENOENT;
	}
	if (byte != 0x0f)
		return -ENOENT;
	if (code_byte(v, at + 1, &byte) != 0)
		return -EFAULT;
	if (byte != 0x01)
		return -ENOENT;
	if (code_byte(v, at + 2, &byte) != 0)
		return -EFAULT;
	if (byte != 0xcf && byte != 0xd7)
		return -ENOENT;
	*ret_opcode = byte;
	*ret_size = at + 3;
	return 0;
}

static void undefined(struct vcpu *v)
{
	uint8_t opcode = 0;
	unsigned int size = 0;

	count(v, HV_COUNTER_UD);
	int err = decode_encl(v, &opcode, &size);
	if (err == -EFAULT)
		return;
	if (err) {
		vcpu_inject(v, VECTOR_UD);
	} else if (opcode == 0xcf) {
		count(v, HV_COUNTER_ENCLS);
		sgx_encls(v, size);
	} else {
		count(v, HV_COUNTER_ENCLU);
		sgx_enclu(v, size);
	}
}

/* --- Hypercalls ----------------------------------------------------------------------------------------------------------------------- */

static void hypercall(struct vcpu *v)
{
	uint64_t *gpr = v->regs.gpr, result;
	uint64_t a = gpr[REG_RDI], b = gpr[REG_RSI];

	if (v->regs.cpl != 0 || !v->regs.long_mode_code) {
		count(v, HV_COUNTER_SVM_REFUSED);
		vcpu_inject(v, VECTOR_UD);
		return;
	}
	switch (gpr[REG_RAX]) {
	case HV_CALL_VERSION:
		result = HV_ABI_VERSION;
		break;
	case HV_CALL_COUNTER:
		result = -EINVAL;
		if (a < HV_COUNTERS && b < vcpu_count)
			result = svm_of(&vcpus[b])->counters[a];
		break;
	case HV_CALL_LEAVE:
		result = svm_leave(v, a, b & HV_LEAVE_WIPE);
		break;
	case HV_CALL_DMA:
		result = a == 0 ? iommu_active() : iommu_refused();
		break;
	case HV_CALL_EPC_USED:
		result = epc_pages_used();
		break;
	case HV_CALL_WHERE:
		result = a == 0	  ? hv_boot->start
			 : a == 1 ? hv_boot->epc_start
			 : a == 2 ? hv_boot->end
				  : (uint64_t)-EINVAL;
		break;
	case HV_CALL_TRUST:
		result = a ? trust_code() : trust_state();
		break;
	case HV_CALL_REPORT:
		result = (uint64_t)call_report(a);
		break;
	case HV_CALL_SIGN:
		result = (uint64_t)call_sign(a);
		break;
	default:
		result = -EINVAL;
	}
	gpr[REG_RAX] = result;
	svm_skip(v, 3);
}

/* --- NMI, INIT, shutdown -------------------------------------------------------------------------------------------------------------- */

/* It is still pending (APM 2, 15.21.1): taken here, by our own handler; then either it was ours, or Linux gets one. */
static bool nmi_is_linux(struct vcpu *v)
{
	struct svm_cpu *cpu = svm_of(v);
	uint64_t sent;

	nmi_window();
	count(v, HV_COUNTER_NMI);
	sent = __atomic_load_n(&cpu->nmi_sent, __ATOMIC_SEQ_CST);
	if (sent == cpu->nmi_taken)
		return true;
	cpu->nmi_taken = sent;
	return false;
}

static void nmi_exit(struct vcpu *v)
{
	bool for_linux = nmi_is_linux(v);

	if (start_take(v) || !for_linux)
		return;
	if (v->enclave) {
		count(v, HV_COUNTER_AEX);
		sgx_aex(v, 2, 0, 0, false);
	}
	svm_of(v)->nmi_pending = true;
}

static void init_exit(struct vcpu *v)
{
	nmi_window();
	count(v, HV_COUNTER_INIT_DROPPED);
	hv_log("processor %u: INIT dropped", v->index);
}

noreturn_ static void shutdown(struct vcpu *v)
{
	hv_log("processor %u: shutdown at %lx", v->index, v->regs.rip);
	power_end(v);
	port_write(0xcf9, 1, 2);
	port_write(0xcf9, 1, 6);
	port_write(0x64, 1, 0xfe);
	panic("no reset");
}

/* --- Enclaves --------------------------------------------------------------------------------------------------------------------------- */

/* Where it faults, sgx_enclu has left the enclave. */
static void enclave_leaf(struct vcpu *v, unsigned int size)
{
	count(v, HV_COUNTER_ENCLU);
	sgx_enclu(v, size);
	if (v->inject)
		count(v, HV_COUNTER_AEX);
}

static void enclave_exception(struct vcpu *v, uint8_t vector)
{
	const struct vmcb *m = svm_of(v)->vmcb;
	uint32_t error = exception_has_error(vector) ? (uint32_t)m->exit_info_1 : 0;
	uint8_t opcode = 0;
	unsigned int size = 0;

	switch (vector) {
	case VECTOR_UD:
		if (decode_encl(v, &opcode, &size) == 0 && opcode == 0xd7) {
			enclave_leaf(v, size);
			return;
		}
		v->inject = false; /* of decoding */
		break;
	case VECTOR_PF:
		/* Not the program's own access but one to the TSS: of IN and OUT (table 39-1). */
		if (!(error & PF_USER))
			sgx_illegal(v);
		else if (sgx_page_fault(v, m->exit_info_2, error))
			return;
		count(v, HV_COUNTER_AEX);
		return;
	case VECTOR_GP:
		/* About a selector: of segment loads and far transfers, which find no descriptor here (enter.c; table 39-1). */
		if (!error)
			break;
		sgx_illegal(v);
		count(v, HV_COUNTER_AEX);
		return;
	case VECTOR_DB:
		if (sgx_debug_exception(v))
			return;
		break;
	case VECTOR_BP:
		count(v, HV_COUNTER_AEX);
		sgx_breakpoint(v);
		return;
	}
	count(v, HV_COUNTER_AEX);
	sgx_aex(v, vector, error, 0, true);
	inject(v, vector, error);
}

/* All that table 39-1 (SDM 3D) calls illegal in an enclave is #UD. */
void enclave_exit(struct vcpu *v)
{
	uint64_t code = svm_of(v)->vmcb->exit_code;

	if (code >= EXIT_EXCEPTION && code < EXIT_EXCEPTION + 32) {
		enclave_exception(v, (uint8_t)(code - EXIT_EXCEPTION));
		return;
	}
	if (code == EXIT_NPF) {
		sgx_nested_fault(v);
		return;
	}
	count(v, HV_COUNTER_AEX);
	if (code == EXIT_INTR)
		sgx_aex(v, 0, 0, 0, false); /* still pending: Linux takes it at once */
	else
		sgx_illegal(v);
}

/* --- All exits -------------------------------------------------------------------------------------------------------------------------- */

static void exception_exit(struct vcpu *v, uint8_t vector)
{
	struct svm_cpu *cpu = svm_of(v);
	bool stepped = cpu->step.active;
	uint32_t error = (uint32_t)cpu->vmcb->exit_info_1;

	step_end(v);
	if (vector == VECTOR_DB && stepped) {
		/* Ours, but for what Linux asked to see as well. */
		if (!(v->regs.rflags & RFLAGS_TF))
			cpu->vmcb->dr6 &= ~(1ULL << 14);
		if (v->regs.rflags & RFLAGS_TF || cpu->vmcb->dr6 & 15)
			vcpu_inject(v, VECTOR_DB);
		return;
	}
	if (vector == VECTOR_UD) {
		undefined(v);
		return;
	}
	if (vector == VECTOR_PF)
		v->regs.cr2 = cpu->vmcb->exit_info_2;
	inject(v, vector, error);
}

static void refuse(struct vcpu *v, uint8_t vector)
{
	count(v, HV_COUNTER_SVM_REFUSED);
	inject(v, vector, 0);
}

static void linux_exit(struct vcpu *v)
{
	uint64_t code = svm_of(v)->vmcb->exit_code;

	switch (code) {
	case EXIT_CPUID:
		cpuid_exit(v);
		break;
	case EXIT_MSR:
		msr_exit(v);
		break;
	case EXIT_IO:
		power_exit(v);
		break;
	case EXIT_XSETBV:
		xsetbv_exit(v);
		break;
	case EXIT_NPF:
		npf_exit(v);
		break;
	case EXIT_VMMCALL:
		hypercall(v);
		break;
	case EXIT_IRET: /* of Linux's NMI handler, or of something in it; as without us, that ends it */
		svm_of(v)->nmi_blocked = false;
		svm_of(v)->nmi_return = v->regs.rip;
		break;
	case EXIT_INVD: /* would lose what is written but not yet in memory: #GP, as with EPC on Intel's */
		refuse(v, VECTOR_GP);
		break;
	case EXIT_VMRUN:
	case EXIT_VMLOAD:
	case EXIT_VMSAVE:
	case EXIT_STGI:
	case EXIT_CLGI:
	case EXIT_SKINIT:
	case EXIT_INVLPGA:
		refuse(v, VECTOR_UD);
		break;
	default:
		if (code < EXIT_EXCEPTION || code >= EXIT_EXCEPTION + 32)
			panic("processor %u: exit %lx info %lx %lx at %lx", v->index, code,
			      svm_of(v)->vmcb->exit_info_1, svm_of(v)->vmcb->exit_info_2,
			      v->regs.rip);
		exception_exit(v, (uint8_t)(code - EXIT_EXCEPTION));
	}
}

/* ENCLU without prefixes, as it comes: asked before all else. False: it is something else, or cannot be read: the long way. */
static bool enclu_exit(struct vcpu *v)
{
	struct svm_cpu *cpu = svm_of(v);
	uint32_t code;

	if (cpu->vmcb->exit_code != EXIT_EXCEPTION + VECTOR_UD || cpu->step.active ||
	    code_read(v) != 0 || cpu->code_size < sizeof(code))
		return false;
	__builtin_memcpy(&code, cpu->code, sizeof(code));
	if ((code & 0xffffff) != 0xd7010f)
		return false;
	if (v->enclave) {
		enclave_leaf(v, 3);
		return true;
	}
	count(v, HV_COUNTER_UD);
	count(v, HV_COUNTER_ENCLU);
	sgx_enclu(v, 3);
	return true;
}

void svm_exit(struct vcpu *v)
{
	struct svm_cpu *cpu = svm_of(v);

	cpu->code_size = 0;
	if (enclu_exit(v))
		return;
	switch (cpu->vmcb->exit_code) {
	case EXIT_NMI:
		step_end(v); /* the instruction runs again */
		nmi_exit(v);
		return;
	case EXIT_INIT:
		step_end(v);
		init_exit(v);
		return;
	case EXIT_SHUTDOWN:
		shutdown(v);
	}
	if (v->enclave) {
		enclave_exit(v);
		return;
	}
	if (cpu->step.active && cpu->vmcb->exit_code != EXIT_NPF &&
	    cpu->vmcb->exit_code - EXIT_EXCEPTION >= 32)
		step_end(v);
	linux_exit(v);
}
