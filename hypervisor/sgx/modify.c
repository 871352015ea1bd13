/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of a running enclave from outside (SDM 3D, 40.3): EMODPR, EMODT, which the enclave must accept; EDBGRD, EDBGWR of
 * enclaves that allow it; ERDINFO. What changes a page's rights or type stamps it for tracking: EACCEPT waits for that.
 */
#include "hypervisor/core/vcpu.h"
#include "hypervisor/sgx/leaves.h"

#include "lib/base/string.h"

#include <linux/errno.h>

static int read_secinfo(struct vcpu *v, uint64_t rbx, struct secinfo *secinfo)
{
	if (operand_read(v, rbx, secinfo, sizeof(*secinfo)))
		return -EFAULT;
	if (!is_zero(secinfo->reserved, sizeof(secinfo->reserved)) ||
	    (secinfo->flags & SECINFO_RESERVED))
		return fault_gp(v);
	return 0;
}

static bool is_initialised(const struct epcm_entry *page)
{
	return epcm_secs(page)->attributes.flags & ATTRIBUTE_INIT;
}

int leaf_emodpr(struct vcpu *v, const struct encls_operands *o)
{
	struct epcm_entry *target = o->page;
	struct secinfo secinfo;

	if (read_secinfo(v, o->rbx, &secinfo))
		return -EFAULT;
	if ((secinfo.flags & SECINFO_W) && !(secinfo.flags & SECINFO_R))
		return fault_gp(v);
	if (!target->valid)
		return fault_epcm(v, o->rcx);
	if (target->pending || target->modified)
		return SGX_PAGE_NOT_MODIFIABLE;
	if (target->type != PT_REG)
		return fault_epcm(v, o->rcx);
	if (!is_initialised(target))
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

	if (read_secinfo(v, o->rbx, &secinfo))
		return -EFAULT;
	type = SECINFO_TYPE(secinfo.flags);
	if (type != PT_TCS && type != PT_TRIM)
		return fault_gp(v);
	if (!target->valid)
		return fault_epcm(v, o->rcx);
	if (target->type != PT_REG && !(target->type == PT_TCS && type == PT_TRIM))
		return fault_epcm(v, o->rcx);
	if (target->pending || target->modified)
		return SGX_PAGE_NOT_MODIFIABLE;
	if (!is_initialised(target))
		return fault_gp(v);
	target->pr = false;
	target->modified = true;
	target->rights = 0;
	target->type = type;
	track_page(target);
	return SGX_OK;
}

/*
 * What the two debug leaves check alike. Types: what it is allowed on. 0; -EFAULT; or the code for a page that must not be
 * looked into.
 */
static int debug_target(struct vcpu *v, uint64_t rcx, bool write, struct epcm_entry **ret_target,
			void **ret_data)
{
	struct epcm_entry *target;
	uint64_t offset = rcx & (PAGE_SIZE - 1);

	if (operand_epc(v, rcx, v->regs.long_mode_code ? 8 : 4, write ? ACCESS_WRITE : ACCESS_READ,
			ret_target, ret_data))
		return -EFAULT;
	target = *ret_target;
	if (!target->valid)
		return fault_epcm(v, rcx);
	if (target->type != PT_REG && target->type != PT_TCS && (write || target->type != PT_VA))
		return fault_epcm(v, rcx);
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
	size_t size = v->regs.long_mode_code ? 8 : 4;
	struct epcm_entry *target;
	uint64_t value = 0;
	void *data;
	int code;

	code = debug_target(v, o->rcx, false, &target, &data);
	if (code)
		return code;
	if (target->type == PT_VA) {
		/* Only whether the slot is in use. */
		const uint64_t *slot = (const uint64_t *)((uintptr_t)data & ~(uintptr_t)7);

		value = *slot ? (size == 8 ? ~0ULL : 0xffffffffULL) : 0;
	} else {
		memcpy(&value, data, size);
	}
	v->regs.gpr[REG_RBX] = value;
	return SGX_OK;
}

int leaf_edbgwr(struct vcpu *v, const struct encls_operands *o)
{
	size_t size = v->regs.long_mode_code ? 8 : 4;
	struct epcm_entry *target;
	void *data;
	int code;

	code = debug_target(v, o->rcx, true, &target, &data);
	if (code)
		return code;
	memcpy(data, &o->rbx, size);
	return SGX_OK;
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
