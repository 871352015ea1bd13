/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asynchronous enclave exit (SDM 3D, 40.3 and 40.4): an event while an enclave runs. Its state goes
 * to SSA frame CSSA, at the place found at entry (so nothing can fault, whatever Linux did to its
 * tables), Linux sees made-up state with RIP at the AEP, and CSSA counts one up.
 *
 * What an event says of the enclave is confined to what is listed in exit_info(): everything else
 * is an exit without a reason.
 */
#include "hypervisor/sgx/run.h"
#include "hypervisor/sgx/sgx.h"

#include "lib/base/string.h"

#define VECTOR_BR 5

/* EXITINFO (SDM 3D, 37.9.2.1): these always, and what MISC has a place for. */
static uint32_t exit_info(const struct secs *secs, uint8_t vector, uint32_t error)
{
	const uint32_t always = 1U << VECTOR_DE | 1U << VECTOR_DB | 1U << VECTOR_BP |
				1U << VECTOR_BR | 1U << VECTOR_UD | 1U << VECTOR_MF |
				1U << VECTOR_AC | 1U << VECTOR_XM;
	bool with_misc = vector == VECTOR_GP || (vector == VECTOR_PF && (error & PF_USER));

	if (vector >= 32 ||
	    (!(always >> vector & 1) && !(with_misc && (secs->miscselect & MISC_EXINFO))))
		return 0;
	return EXITINFO_VALID | vector |
	       (vector == VECTOR_BP ? EXITINFO_TYPE_SOFTWARE : EXITINFO_TYPE_HARDWARE);
}

static void save_registers(const struct enclave_entry *e, const struct guest_regs *r, bool is_fault)
{
	struct gprsgx *g = e->frame.gpr;

	memcpy(g->gpr, r->gpr, sizeof(g->gpr));
	/*
	 * As an interrupt's stack frame would have it (SDM 3A, 6.8.3.1: faults push RF = 1), but
	 * never TF.
	 */
	g->rflags = (r->rflags & ~RFLAGS_TF) | (is_fault ? RFLAGS_RF : 0);
	g->rip = r->rip;
	g->fs_base = r->fs_base;
	g->gs_base = r->gs_base;
}

void sgx_aex(struct vcpu *v, uint8_t vector, uint32_t error, uint64_t address, bool is_exception)
{
	struct enclave_entry *e = v->enclave;
	struct guest_regs *r = &v->regs;
	struct gprsgx *g = e->frame.gpr;
	uint64_t xfrm = e->secs->attributes.xfrm;
	uint32_t info = is_exception ? exit_info(e->secs, vector, error) : 0;

	epc_lock();
	save_registers(e, r, is_exception && vector != VECTOR_DB);
	ssa_save(&e->frame, xfrm);
	g->exit_info = info;
	if (info && (e->secs->miscselect & MISC_EXINFO) &&
	    (vector == VECTOR_PF || vector == VECTOR_GP)) {
		struct exinfo *x = (struct exinfo *)(void *)((uint8_t *)g - sizeof(*x));

		x->maddr = vector == VECTOR_PF ? address : 0;
		x->error = error;
		x->reserved = 0;
	}

	memset(r->gpr, 0, sizeof(r->gpr));
	r->rip = e->tcs->aep;
	r->gpr[REG_RAX] = ENCLU_ERESUME;
	r->gpr[REG_RBX] = e->tcs_linear;
	r->gpr[REG_RCX] = r->rip;
	r->gpr[REG_RSP] = g->ursp;
	r->gpr[REG_RBP] = g->urbp;
	r->rflags &= ~(RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF |
		       RFLAGS_RF);
	ssa_synthetic(xfrm, vector, is_exception);
	e->tcs->cssa++;
	enclave_leave(v);
	epc_unlock();
}

bool sgx_debug_exception(struct vcpu *v)
{
	if (v->enclave->debug_opt_in)
		return false;
	v->regs.rflags &= ~RFLAGS_TF;
	return true;
}

void sgx_breakpoint(struct vcpu *v)
{
	vcpu_inject(v, v->enclave->debug_opt_in ? VECTOR_BP : VECTOR_UD);
	enclave_fault(v);
}
