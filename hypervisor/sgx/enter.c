/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EENTER, ERESUME, EEXIT (SDM 3D, 40.4). What Linux's processor state becomes inside, and how it
 * comes back.
 *
 * Entering is in two steps: plan() does all checks, in the SDM's order, and writes nothing; what
 * follows cannot fail halfway. A processor inside has a struct enclave_entry; there is one per
 * processor, made at its first entry and kept. v->enclave is it while the enclave runs.
 *
 * Kept from Linux while inside, and given back by EEXIT and AEX: CR3, FS and GS bases, XCR0, DR7
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
#define DR7_RESET 0x400ULL /* no breakpoint */
/* CF PF AF ZF SF DF OF NT RF AC ID: what ERESUME takes from the SSA. */
#define RFLAGS_RESUMED 0x00254cd5ULL

static struct enclave_entry *entries[PROCESSORS_MAX];
_Static_assert(sizeof(struct enclave_entry) <= PAGE_SIZE, "a page of the pool");

static struct enclave_entry *entry_of(const struct vcpu *v)
{
	struct enclave_entry *e;
	void *scratch;

	if (v->index >= PROCESSORS_MAX)
		return NULL;
	if (entries[v->index])
		return entries[v->index];
	e = pool_page();
	scratch = pool_page();
	if (!e || !scratch) {
		if (e)
			pool_put(e);
		if (scratch)
			pool_put(scratch);
		return NULL;
	}
	e->xsave = scratch;
	e->memo.tcs_linear = 1;
	entries[v->index] = e;
	return e;
}

struct plan {
	struct tcs *tcs;
	struct secs *secs;
	uint64_t secs_physical;
	struct ssa_frame frame;
	struct gprsgx saved; /* ERESUME: a copy, as the enclave's other threads may write there */
	uint64_t rip, fs_base, gs_base;
	bool restore; /* ERESUME, and not to notify of the exit instead */
	struct entry_memo *memo;
	bool remembered; /* it holds */
};

/* The TCS: a page fit to enter by, of an enclave that this processor can run now. */
static int plan_tcs(struct vcpu *v, uint64_t rbx, const struct epcm_entry *entry, struct plan *p)
{
	const struct guest_regs *r = &v->regs;
	uint64_t xfrm, flags;

	if (!entry->valid || entry->blocked || entry->address != rbx || entry->type != PT_TCS ||
	    entry->pending || entry->modified)
		return fault_own(v, rbx, 0);
	p->tcs = epc_page(entry);
	p->secs = epcm_secs(entry);
	p->secs_physical = entry->secs;
	flags = p->secs->attributes.flags;
	xfrm = p->secs->attributes.xfrm;
	if ((p->tcs->ossa | p->tcs->ofs_base | p->tcs->ogs_base) & (PAGE_SIZE - 1))
		return fault_gp(v);
	if ((p->tcs->flags & TCS_FLAGS_RESERVED) || !(flags & ATTRIBUTE_INIT))
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
	for (const struct watched *w = m->watched, *end = w + m->watched_count; w < end; w++)
		difference |= __atomic_load_n(w->entry, __ATOMIC_RELAXED) ^ w->value;
	return !difference;
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
		unsigned int j = 0;

		while (j < m->watched_count && m->watched[j].entry != found.entries[i])
			j++;
		if (j == m->watched_count) {
			m->watched[m->watched_count].entry = found.entries[i];
			m->watched[m->watched_count++].value = found.values[i];
		} else if (m->watched[j].value != found.values[i]) {
			return false;
		}
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

/* The TCS's page: from the memo, or as any operand. */
static int locate_tcs(struct vcpu *v, uint64_t rbx, struct plan *p, struct epcm_entry **ret_entry)
{
	void *data;

	p->remembered = memo_holds(v, p->memo, rbx);
	if (!p->remembered)
		return operand_epc(v, rbx, PAGE_SIZE, ACCESS_READ | ACCESS_USER, ret_entry, &data);
	*ret_entry = p->memo->tcs;
	return 0;
}

/* The SSA frame: from the memo, found with the TCS; or by walking. The EPCM's checks are the same. */
static int locate_frame(struct vcpu *v, struct plan *p, uint64_t rbx, struct epcm_entry *tcs,
			uint32_t index)
{
	uint64_t linear = p->secs->base + p->tcs->ossa +
			  ((uint64_t)p->secs->ssa_frame_size << PAGE_SHIFT) * index;
	bool one_page = p->secs->ssa_frame_size == 1;

	if (!one_page || !p->remembered || p->memo->ssa_linear != linear) {
		if (ssa_locate(v, v->regs.cr3, p->secs, p->secs_physical, p->tcs, index, &p->frame))
			return -EFAULT;
		if (one_page)
			memo_learn(v, p->memo, rbx, tcs, linear, ssa_entry(&p->frame));
		return 0;
	}
	if (!epcm_allows(p->memo->ssa, p->secs_physical, linear, SECINFO_R | SECINFO_W))
		return fault_own(v, linear, ACCESS_WRITE);
	ssa_frame_at(p->memo->ssa, &p->frame);
	return 0;
}

static int plan(struct vcpu *v, const struct enclu_operands *o, bool resume, struct plan *p)
{
	struct epcm_entry *entry;
	uint64_t base;

	if (locate_tcs(v, o->rbx, p, &entry))
		return -EFAULT;
	if (!is_canonical(o->rcx))
		return fault_gp(v);
	if (plan_tcs(v, o->rbx, entry, p))
		return -EFAULT;
	base = p->secs->base;
	p->restore = resume;
	if (resume) {
		if (!p->tcs->cssa)
			return fault_gp(v);
		if (locate_frame(v, p, o->rbx, entry, p->tcs->cssa - 1))
			return -EFAULT;
		memcpy(&p->saved, p->frame.gpr, sizeof(p->saved));
	}
	if (!p->restore) {
		if (p->tcs->cssa >= p->tcs->nssa)
			return fault_gp(v);
		if (locate_frame(v, p, o->rbx, entry, p->tcs->cssa))
			return -EFAULT;
	}
	p->rip = p->restore ? p->saved.rip : base + p->tcs->oentry;
	p->fs_base = p->restore ? p->saved.fs_base : base + p->tcs->ofs_base;
	p->gs_base = p->restore ? p->saved.gs_base : base + p->tcs->ogs_base;
	if (!is_canonical(p->rip) || !is_canonical(p->fs_base) || !is_canonical(p->gs_base))
		return fault_gp(v);
	if (p->tcs->state != TCS_INACTIVE)
		return fault_gp(v);
	return 0;
}

/* General registers, RIP and RFLAGS as the exit saved them. */
static void restore_registers(struct guest_regs *r, const struct gprsgx *g)
{
	uint64_t mask = RFLAGS_RESUMED | ((r->rflags & RFLAGS_IOPL) == RFLAGS_IOPL ? RFLAGS_IF : 0);
	const uint64_t *high = &g->r8;

	r->gpr[REG_RAX] = g->rax;
	r->gpr[REG_RCX] = g->rcx;
	r->gpr[REG_RDX] = g->rdx;
	r->gpr[REG_RBX] = g->rbx;
	r->gpr[REG_RSP] = g->rsp;
	r->gpr[REG_RBP] = g->rbp;
	r->gpr[REG_RSI] = g->rsi;
	r->gpr[REG_RDI] = g->rdi;
	for (unsigned int i = 0; i < 8; i++)
		r->gpr[REG_R8 + i] = high[i];
	r->rip = g->rip;
	r->rflags = (r->rflags & ~mask) | (g->rflags & mask);
}

/* What both entries do once nothing can go wrong. */
static void commit(struct vcpu *v, const struct enclu_operands *o, const struct plan *p,
		   struct enclave_entry *e)
{
	struct guest_regs *r = &v->regs;

	e->tcs = p->tcs;
	e->secs = p->secs;
	e->tcs_linear = o->rbx;
	e->secs_physical = p->secs_physical;
	e->frame = p->frame;
	e->linux_cr3 = r->cr3;
	e->linux_fs_base = r->fs_base;
	e->linux_gs_base = r->gs_base;
	e->linux_xcr0 = r->xcr0;
	e->linux_dr7 = r->dr7;
	e->linux_trap = r->rflags & RFLAGS_TF;
	e->debug_opt_in = p->tcs->flags & TCS_DBGOPTIN;
	e->epoch = track_enter(p->secs);

	p->tcs->state = TCS_ACTIVE;
	p->tcs->aep = o->rcx;
	p->frame.gpr->ursp = r->gpr[REG_RSP];
	p->frame.gpr->urbp = r->gpr[REG_RBP];
	if (r->cr4 & CR4_OSXSAVE)
		r->xcr0 = p->secs->attributes.xfrm;
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
	struct entry_memo none;
	struct plan p;

	none.tcs_linear = 1;
	p.memo = e ? &e->memo : &none;
	if (plan(v, o, resume, &p))
		return -EFAULT;
	if (!e)
		return fault_gp(v);
	if (p.restore && ssa_fetch(&p.frame, p.secs->attributes.xfrm, e->xsave)) {
		ssa_wipe(p.secs->attributes.xfrm, e->xsave);
		return fault_gp(v);
	}
	e->space = space_enter(p.secs, p.secs_physical, r->cr3, r->cr4 & CR4_LA57 ? 5 : 4);
	if (!e->space) {
		hv_log("sgx: no memory for an enclave's tables\n");
		if (p.restore)
			ssa_wipe(p.secs->attributes.xfrm, e->xsave);
		return fault_gp(v);
	}
	e->cr3 = space_root(e->space);
	e->npt_root = space_npt_root(e->space);
	commit(v, o, &p, e);
	if (p.restore) {
		restore_registers(r, &p.saved);
		arch_xrstor(e->xsave, p.secs->attributes.xfrm);
		p.tcs->cssa--;
		secure_zero(&p.saved, sizeof(p.saved));
		ssa_wipe(p.secs->attributes.xfrm, e->xsave);
	} else {
		r->rflags &= ~RFLAGS_RF;
		r->gpr[REG_RAX] = p.tcs->cssa;
		r->gpr[REG_RCX] = o->next_rip;
		r->rip = p.rip;
	}
	return 0;
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
