/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of a running enclave from outside (SDM 3D, 40.3): EMODPR, EMODT, which the enclave must accept; EDBGRD, EDBGWR of
 * enclaves that allow it; ERDINFO. What changes a page's rights or type stamps it for tracking: EACCEPT waits for that.
 */
#include "hypervisor/core/vcpu.h"
#include "hypervisor/sgx/leaves.h"

#include "lib/base/string.h"

#include <linux/errno.h>

int leaf_emodpr(struct vcpu *v, const struct encls_operands *o)
{
	struct epcm_entry *target = o->page;
	struct secinfo secinfo;

	if (operand_secinfo(v, o->rbx, &secinfo))
		return -EFAULT;
	if ((secinfo.flags & SECINFO_W) && !(secinfo.flags & SECINFO_R))
		return fault_gp(v);
	if (!target->valid)
		return fault_epcm(v, o->rcx, 0);
	if (target->pending || target->modified)
		return SGX_PAGE_NOT_MODIFIABLE;
	if (target->type != PT_REG)
		return fault_epcm(v, o->rcx, 0);
	if (!(epcm_secs(target)->attributes.flags & ATTRIBUTE_INIT))
		return fault_gp(v);
	target->pr = true;
	target->rights &= (uint8_t)(secinfo.flags & SECINFO_RWX);
	track_page(target);
	return SGX_OK;
}

int leaf_emodt(struct vcpu *v, const struct encls_operands *o)
{
	struct epcm_entry *target = o->page;
	struct secinfo secinfo;
	uint8_t type;

	if (operand_secinfo(v, o->rbx, &secinfo))
		return -EFAULT;
	type = SECINFO_TYPE(secinfo.flags);
	if (type != PT_TCS && type != PT_TRIM)
		return fault_gp(v);
	if (!target->valid)
		return fault_epcm(v, o->rcx, 0);
	if (target->type != PT_REG && !(target->type == PT_TCS && type == PT_TRIM))
		return fault_epcm(v, o->rcx, 0);
	if (target->pending || target->modified)
		return SGX_PAGE_NOT_MODIFIABLE;
	if (!(epcm_secs(target)->attributes.flags & ATTRIBUTE_INIT))
		return fault_gp(v);
	target->pr = false;
	target->modified = true;
	target->rights = 0;
	target->type = type;
	track_page(target);
	return SGX_OK;
}

/* What the two debug leaves check alike, and how many bytes they move. -EFAULT, or the code for a page that must not be looked into. */
static int debug_target(struct vcpu *v, uint64_t rcx, bool write, struct epcm_entry **ret_target,
			size_t *ret_size)
{
	struct epcm_entry *target;
	uint64_t offset = rcx % PAGE_SIZE;

	*ret_size = v->regs.long_mode_code ? 8 : 4;
	if (operand_epc(v, rcx, (unsigned int)*ret_size, write ? ACCESS_WRITE : ACCESS_READ,
			ret_target))
		return -EFAULT;
	target = *ret_target;
	if (!target->valid)
		return fault_epcm(v, rcx, 0);
	if (target->type != PT_REG && target->type != PT_TCS && (write || target->type != PT_VA))
		return fault_epcm(v, rcx, 0);
	if (target->pending || target->modified)
		return SGX_PAGE_NOT_DEBUGGABLE;
	if (target->type == PT_TCS) {
		/* Reads: the architectural fields. Writes: only FLAGS, whose DBGOPTIN is what a debugger is there for. */
		if (write ? (offset & ~7ULL) != offsetof(struct tcs, flags)
			  : offset >= offsetof(struct tcs, reserved))
			return fault_gp(v);
	}
	if (target->type != PT_VA && !(epcm_secs(target)->attributes.flags & ATTRIBUTE_DEBUG))
		return fault_gp(v);
	return SGX_OK;
}

int leaf_edbgrd(struct vcpu *v, const struct encls_operands *o)
{
	struct epcm_entry *target;
	uint64_t value = 0;
	size_t size;
	int code = debug_target(v, o->rcx, false, &target, &size);

	if (code)
		return code;
	/* Of a VA page only whether the slot is in use. */
	if (target->type != PT_VA)
		memcpy(&value, epc_data(target, o->rcx), size);
	else if (!is_zero(epc_data(target, o->rcx & ~7ULL), 8))
		memset(&value, 0xff, size);
	v->regs.gpr[REG_RBX] = value;
	return SGX_OK;
}

int leaf_edbgwr(struct vcpu *v, const struct encls_operands *o)
{
	struct epcm_entry *target;
	size_t size;
	int code = debug_target(v, o->rcx, true, &target, &size);

	if (!code)
		memcpy(epc_data(target, o->rcx), &o->rbx, size);
	return code;
}

int leaf_erdinfo(struct vcpu *v, const struct encls_operands *o)
{
	struct rdinfo info = { 0 };
	struct epcm_entry *target;
	uint64_t address;

	if (operand_aligned(v, o->rcx, PAGE_SIZE) || operand_walk(v, o->rcx, ACCESS_READ, &address))
		return -EFAULT;
	target = epcm_of(address);
	if (!target)
		return SGX_PG_NONEPC | LEAF_CF;
	if (!target->valid)
		return SGX_PG_INVLD | LEAF_CF;
	info.flags = epcm_flags(target) | (target->blocked ? RDINFO_BLOCKED : 0);
	if (target->type == PT_SECS && epcm_secs(target)->children)
		info.status |= RDINFO_CHILDPRESENT;
	/* ENCLAVECONTEXT: what ESETCONTEXT (ENCLV) would have set; ECREATE's default is the SECS page's own address. */
	if (target->type != PT_VA)
		info.enclave_context = target->secs ? target->secs : epc_physical(target);
	return guest_write(v, o->rbx, &info, sizeof(info), ACCESS_WRITE) ? -EFAULT : SGX_OK;
}
