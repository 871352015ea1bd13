/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EENTER, ERESUME, EEXIT (SDM 3D, 40.4). What Linux's processor state becomes inside, and how it
 * comes back.
 *
 * Entering is in two steps: plan() does all checks, in the SDM's order, and writes nothing but to
 * the processor's struct enclave_entry; what follows cannot fail halfway. That struct is made at the
 * first entry and kept. v->enclave is it while the enclave runs; until then nobody looks there.
 *
 * Kept from Linux while inside, and given back by EEXIT and AEX: CR3, CR4, FS and GS bases, XCR0, DR7
 * and RFLAGS.TF (the last two if the TCS opted out of debugging, which also turns off data
 * breakpoints outside ELRANGE: more than the SDM, 43.2, asks). Selectors and limits of FS and GS
 * stay Linux's: 64-bit code does not see limits. Enclaves of 32 bits are refused as of a wrong
 * mode.
 */
#include "hypervisor/mem/owner.h"
#include "hypervisor/sgx/run.h"
#include "hypervisor/sgx/sgx.h"

#include "lib/base/string.h"

#include <asm-generic/errno-base.h>

#define PROCESSORS_MAX 512
#define EFER_LMA (1ULL << 10)
#define CR4_OSFXSR (1ULL << 9)
#define CR4_LA57 (1ULL << 12)
#define CR4_OSXSAVE (1ULL << 18)
#define CR4_CET (1ULL << 23)
#define DR7_RESET 0x400ULL /* no breakpoint */
/* CF PF AF ZF SF DF OF NT RF AC ID: what ERESUME takes from the SSA. */
#define RFLAGS_RESUMED 0x00254cd5ULL

static struct enclave_entry *entries[PROCESSORS_MAX];
_Static_assert(sizeof(struct enclave_entry) <= PAGE_SIZE, "a page of the pool");

static struct enclave_entry *entry_of(const struct vcpu *v)
{
	struct enclave_entry *e;

	if (v->index >= PROCESSORS_MAX)
		return NULL;
	if (entries[v->index])
		return entries[v->index];
	e = pool_page();
	if (!e)
		return NULL;
	e->xsave = pool_page();
	if (!e->xsave) {
		pool_put(e);
		return NULL;
	}
	e->memo.tcs_linear = 1;
	entries[v->index] = e;
	return e;
}

/* What follows of the checks, besides what is in struct enclave_entry already. */
struct plan {
	struct gprsgx saved; /* ERESUME: a copy, as the enclave's other threads may write there */
	uint64_t rip, fs_base, gs_base;
};

/* The TCS: a page fit to enter by, of an enclave that this processor can run now. */
static int plan_tcs(struct vcpu *v, uint64_t rbx, const struct epcm_entry *entry,
		    struct enclave_entry *e)
{
	const struct guest_regs *r = &v->regs;
	uint64_t xfrm, flags;

	if (!entry->valid || entry->blocked || entry->address != rbx || entry->type != PT_TCS ||
	    entry->pending || entry->modified)
		return fault_epcm(v, rbx, ACCESS_USER);
	e->tcs = epc_page(entry);
	e->tcs_linear = rbx;
	e->secs = epcm_secs(entry);
	e->secs_physical = entry->secs;
	flags = e->secs->attributes.flags;
	xfrm = e->secs->attributes.xfrm;
	if ((e->tcs->ossa | e->tcs->ofs_base | e->tcs->ogs_base) & (PAGE_SIZE - 1))
		return fault_gp(v);
	if ((e->tcs->flags & TCS_FLAGS_RESERVED) || !(flags & ATTRIBUTE_INIT))
		return fault_gp(v);
	if (!(flags & ATTRIBUTE_MODE64BIT) || !(r->efer & EFER_LMA) || !r->long_mode_code)
		return fault_gp(v);
	if (!(r->cr4 & CR4_OSFXSR))
		return fault_gp(v);
	if (r->cr4 & CR4_OSXSAVE ? (xfrm & ~r->xcr0) != 0 : xfrm != 3)
		return fault_gp(v);
	return 0;
}

/* --- Where the last entry found its pages (struct entry_memo) --- */

static bool memo_holds(const struct vcpu *v, const struct entry_memo *m, uint64_t tcs_linear)
{
	const struct guest_regs *r = &v->regs;
	uint64_t difference = (m->tcs_linear ^ tcs_linear) | (m->cr0 ^ r->cr0) | (m->cr3 ^ r->cr3) |
			      (m->cr4 ^ r->cr4) | (m->efer ^ r->efer);

	if (difference)
		return false;
	return !watched_difference(m->watched, m->watched_count);
}

/* False: Linux's tables do not say now what they said when the page was found, or a protection key has a word in it. */
static bool memo_watch(struct entry_memo *m, const struct guest_regs *r, uint64_t linear,
		       const struct epcm_entry *entry, bool write)
{
	struct linux_mapping found;

	if (!linux_mapping(r->cr3, r->cr4 & CR4_LA57 ? 5 : 4, linear, &found) || found.key ||
	    found.page != epc_physical(entry) || (write && !found.write))
		return false;
	for (unsigned int i = 0; i < found.count; i++) {
		if (!watched_add(m->watched, &m->watched_count, ENTRY_WATCHED_MAX, &found.path[i]))
			return false;
	}
	return true;
}

/* The frame is one page, and this one. */
static void memo_learn(const struct vcpu *v, struct entry_memo *m, uint64_t tcs_linear,
		       struct epcm_entry *tcs, uint64_t ssa_linear, struct epcm_entry *ssa)
{
	const struct guest_regs *r = &v->regs;

	*m = (struct entry_memo){ .tcs_linear = 1,
				  .ssa_linear = ssa_linear,
				  .cr0 = r->cr0,
				  .cr3 = r->cr3,
				  .cr4 = r->cr4,
				  .efer = r->efer,
				  .tcs = tcs,
				  .ssa = ssa };
	if (memo_watch(m, r, tcs_linear, tcs, false) && memo_watch(m, r, ssa_linear, ssa, true))
		m->tcs_linear = tcs_linear;
}

/* The SSA frame: from the memo, found with the TCS; or by walking. The EPCM's checks are the same. */
static int locate_frame(struct vcpu *v, struct enclave_entry *e, uint32_t index,
			struct epcm_entry *tcs, bool remembered)
{
	struct entry_memo *m = &e->memo;
	uint64_t linear = ssa_linear(e, index);
	bool one_page = e->secs->ssa_frame_size == 1;

	if (one_page && remembered && m->ssa_linear == linear) {
		if (!epcm_allows(m->ssa, e->secs_physical, linear, SECINFO_R | SECINFO_W))
			return fault_epcm(v, linear, ACCESS_USER | ACCESS_WRITE);
		e->frame = ssa_frame_at(epc_page(m->ssa), epc_page(m->ssa));
		return 0;
	}
	if (ssa_locate(v, e, linear, &e->frame))
		return -EFAULT;
	if (one_page)
		memo_learn(v, m, e->tcs_linear, tcs, linear, epcm_entry_of(e->frame.xsave));
	return 0;
}

static int plan(struct vcpu *v, const struct enclu_operands *o, bool resume,
		struct enclave_entry *e, struct plan *p)
{
	bool remembered = memo_holds(v, &e->memo, o->rbx);
	struct epcm_entry *entry = e->memo.tcs;

	if (!remembered && operand_epc(v, o->rbx, PAGE_SIZE, ACCESS_READ | ACCESS_USER, &entry))
		return -EFAULT;
	if (!is_canonical(o->rcx))
		return fault_gp(v);
	if (plan_tcs(v, o->rbx, entry, e))
		return -EFAULT;
	if (resume ? !e->tcs->cssa : e->tcs->cssa >= e->tcs->nssa)
		return fault_gp(v);
	if (locate_frame(v, e, e->tcs->cssa - resume, entry, remembered))
		return -EFAULT;
	if (resume) {
		memcpy(&p->saved, e->frame.gpr, sizeof(p->saved));
		p->rip = p->saved.rip;
		p->fs_base = p->saved.fs_base;
		p->gs_base = p->saved.gs_base;
	} else {
		p->rip = e->secs->base + e->tcs->oentry;
		p->fs_base = e->secs->base + e->tcs->ofs_base;
		p->gs_base = e->secs->base + e->tcs->ogs_base;
	}
	if (!is_canonical(p->rip) || !is_canonical(p->fs_base) || !is_canonical(p->gs_base))
		return fault_gp(v);
	if (e->tcs->state != TCS_INACTIVE)
		return fault_gp(v);
	return 0;
}

/* General registers, RIP and RFLAGS as the exit saved them. */
static void restore_registers(struct guest_regs *r, const struct gprsgx *g)
{
	uint64_t mask = RFLAGS_RESUMED | ((r->rflags & RFLAGS_IOPL) == RFLAGS_IOPL ? RFLAGS_IF : 0);

	memcpy(r->gpr, g->gpr, sizeof(r->gpr));
	r->rip = g->rip;
	r->rflags = (r->rflags & ~mask) | (g->rflags & mask);
}

/* What both entries do once nothing can go wrong. */
static void commit(struct vcpu *v, const struct enclu_operands *o, const struct plan *p,
		   struct enclave_entry *e)
{
	struct guest_regs *r = &v->regs;

	e->linux_cr3 = r->cr3;
	e->linux_fs_base = r->fs_base;
	e->linux_gs_base = r->gs_base;
	e->linux_xcr0 = r->xcr0;
	e->linux_cr4 = r->cr4;
	e->linux_dr7 = r->dr7;
	e->linux_trap = r->rflags & RFLAGS_TF;
	e->debug_opt_in = e->tcs->flags & TCS_DBGOPTIN;
	e->epoch = track_enter(e->secs);

	e->tcs->state = TCS_ACTIVE;
	e->tcs->aep = o->rcx;
	e->frame.gpr->ursp = r->gpr[REG_RSP];
	e->frame.gpr->urbp = r->gpr[REG_RBP];
	if (r->cr4 & CR4_OSXSAVE)
		r->xcr0 = e->secs->attributes.xfrm;
	/* Else calls inside push their return addresses on Linux's shadow stack. */
	r->cr4 &= ~CR4_CET;
	r->fs_base = p->fs_base;
	r->gs_base = p->gs_base;
	if (!e->debug_opt_in) {
		r->rflags &= ~RFLAGS_TF;
		r->dr7 = DR7_RESET;
	}
	v->enclave = e;
}

static int enter(struct vcpu *v, const struct enclu_operands *o, bool resume)
{
	struct guest_regs *r = &v->regs;
	struct enclave_entry *e = entry_of(v);
	struct plan p;
	uint64_t xfrm;

	if (!e || plan(v, o, resume, e, &p))
		return e ? -EFAULT : fault_gp(v);
	xfrm = e->secs->attributes.xfrm;
	if (resume && ssa_fetch(&e->frame, xfrm, e->xsave))
		goto refuse;
	if (space_enter(e, r->cr3, r->cr4 & CR4_LA57 ? 5 : 4)) {
		hv_log("sgx: no memory for an enclave's tables\n");
		goto refuse;
	}
	commit(v, o, &p, e);
	if (resume) {
		restore_registers(r, &p.saved);
		arch_xrstor(e->xsave, xfrm);
		e->tcs->cssa--;
		secure_zero(&p.saved, sizeof(p.saved));
		ssa_wipe(xfrm, e->xsave);
	} else {
		r->rflags &= ~RFLAGS_RF;
		r->gpr[REG_RAX] = e->tcs->cssa;
		r->gpr[REG_RCX] = o->next_rip;
		r->rip = p.rip;
	}
	return 0;
refuse:
	if (resume)
		ssa_wipe(xfrm, e->xsave);
	return fault_gp(v);
}

int leaf_eenter(struct vcpu *v, const struct enclu_operands *o)
{
	return enter(v, o, false);
}

int leaf_eresume(struct vcpu *v, const struct enclu_operands *o)
{
	return enter(v, o, true);
}

void enclave_leave(struct vcpu *v)
{
	struct enclave_entry *e = v->enclave;
	struct guest_regs *r = &v->regs;

	r->cr3 = e->linux_cr3;
	r->fs_base = e->linux_fs_base;
	r->gs_base = e->linux_gs_base;
	r->xcr0 = e->linux_xcr0;
	r->cr4 = e->linux_cr4;
	if (!e->debug_opt_in) {
		r->dr7 = e->linux_dr7;
		r->rflags = (r->rflags & ~RFLAGS_TF) | e->linux_trap;
	}
	e->tcs->state = TCS_INACTIVE;
	track_leave(e->secs, e->epoch);
	space_leave(e->space);
	e->space = NULL;
	v->enclave = NULL;
}

int leaf_eexit(struct vcpu *v, const struct enclu_operands *o)
{
	uint64_t aep;

	if (!is_canonical(o->rbx))
		return fault_gp(v);
	aep = v->enclave->tcs->aep;
	enclave_leave(v);
	v->regs.gpr[REG_RCX] = aep;
	v->regs.rip = o->rbx;
	v->regs.rflags &= ~RFLAGS_RF;
	return 0;
}
