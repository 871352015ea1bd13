// SPDX-License-Identifier: Apache-2.0
/*
 * Abort page semantics for Linux on pages that are not its own: reads give all ones, writes vanish (SDM 3D, 38.3: "non-enclave access to the EPC").
 * Any instruction may do such an access, so none is decoded: it runs alone, once, with RFLAGS.TF set, on nested tables that differ from
 * Linux's in one thing: the page is a scratch page of this processor's, filled with ones before. #DB comes right behind it; then the tables, TF
 * and IF are as they were. Every exception exits while this lasts, so that none sees the changed flags.
 *
 * The tables are copies made for the one instruction, from Linux's. They map nothing that Linux's do not, but the scratch page.
 */
#include "hypervisor/arch/x86/svm/cpu.h"
#include "hypervisor/mem/owner.h"
#include "lib/base/string.h"

enum { ENTRY_PRESENT = 1, ENTRY_LARGE = 0x80 };
/* present, writable, user, accessed, dirty */
enum { ENTRY_TABLE = 0x67 };
#define ENTRY_ADDRESS 0x000ffffffffff000ULL
#define ENTRY_NX (1ULL << 63)

uint64_t step_root(const struct step *step)
{
	return (uintptr_t)step->tables[0];
}

/* A table of ours already? Else a copy of it, or an empty one. NULL: no table left, or a page that Linux owns lies there. */
static uint64_t *own_table(struct step *step, uint64_t *entry)
{
	uint64_t at = *entry & ENTRY_ADDRESS;

	for (unsigned int i = 0; i < step->tables_used; i++) {
		if ((*entry & ENTRY_PRESENT) && at == (uintptr_t)step->tables[i])
			return step->tables[i];
	}
	if (step->tables_used == STEP_TABLES_MAX ||
	    (*entry & ENTRY_PRESENT && *entry & ENTRY_LARGE))
		return NULL;
	uint64_t *table = step->tables[step->tables_used++];
	if (*entry & ENTRY_PRESENT)
		memcpy(table, (const void *)at, PAGE_SIZE);
	else
		memset(table, 0, PAGE_SIZE);
	*entry = (uintptr_t)table | ENTRY_TABLE;
	return table;
}

static bool replace(struct step *step, uint64_t address)
{
	uint64_t *table = step->tables[0];

	for (unsigned int shift = 39; shift > 12; shift -= 9) {
		table = own_table(step, &table[address >> shift & 511]);
		if (!table)
			return false;
	}
	table[address >> 12 & 511] = (uintptr_t)step->abort_page | ENTRY_TABLE | ENTRY_NX;
	return true;
}

void step_begin(struct vcpu *v, uint64_t guest_physical)
{
	struct step *step = &svm_of(v)->step;

	count(v, HV_COUNTER_ABORT_PAGE);
	if (!step->active) {
		step->flags = v->regs.rflags & (RFLAGS_TF | RFLAGS_IF);
		step->pages = 0;
		step->tables_used = 1;
		memcpy(step->tables[0], (const void *)npt_linux_root(), PAGE_SIZE);
		memset(step->abort_page, 0xff, PAGE_SIZE);
		step->active = true;
	}
	if (step->pages++ == STEP_PAGES_MAX || !replace(step, guest_physical)) {
		step_end(v);
		vcpu_inject_error(v, VECTOR_GP, 0);
	}
}

void step_end(struct vcpu *v)
{
	struct svm_cpu *cpu = svm_of(v);

	if (!cpu->step.active)
		return;
	cpu->step.active = false;
	cpu->flush = true;
	v->regs.rflags = (v->regs.rflags & ~(RFLAGS_TF | RFLAGS_IF)) | cpu->step.flags;
}
