/* SPDX-License-Identifier: Apache-2.0 */
/* mem/owner.c, and all that is checked of memory together. */
#include "hypervisor/mem/owner.c"
#include "hypervisor/tests/checks/checks.h"

static bool changing;

/* All who held before are gone; who comes now sees the published partition. */
static void wait_for_holders(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		unsigned int before = side;

		__atomic_store_n(&side, 1 - before, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&holders[before], __ATOMIC_SEQ_CST))
			__builtin_ia32_pause();
	}
}

bool owner_is(uint64_t start, uint64_t end, enum owner owner)
{
	for (;;) {
		uint64_t number = __atomic_load_n(&owner_begun, __ATOMIC_ACQUIRE);
		const struct partition *p = published();
		bool is = start < end && end <= p->limit && partition_uniform(p, start, end) &&
			  p->extents[partition_find(p, start)].owner == owner;

		asm volatile("" : : : "memory"); /* loads are in order on x86 */
		if (__atomic_load_n(&owner_begun, __ATOMIC_RELAXED) == number)
			return is;
	}
}

/* Under owner_lock. Nothing after the checks can fail. */
static int change_locked(uint64_t start, uint64_t end, enum owner from, enum owner to,
			 struct stash *stash)
{
	if (!owner_is(start, end, from))
		return -EINVAL;
	if (epc_users_any(start, end))
		return -EBUSY;
	__atomic_add_fetch(&owner_begun, 1, __ATOMIC_SEQ_CST);
	if (!partition_set(current, start, end, to, spare()))
		return -ENOSPC;
	npt_forget(start, end);
	__atomic_store_n(&current, spare(), __ATOMIC_RELEASE);
	__atomic_add_fetch(&owner_begun, 1, __ATOMIC_SEQ_CST);
	npt_linux_update(current, start, end, stash);
	return 0;
}

int owner_change(struct vcpu *self, uint64_t start, uint64_t end, enum owner from, enum owner to)
{
	struct stash stash;
	int r;

	if (start % PAGE_SIZE || end % PAGE_SIZE || start >= end || end > published()->limit ||
	    to > OWNER_PROTECTED)
		return -EINVAL;
	if (pool_overlaps(start, end) || __atomic_test_and_set(&changing, __ATOMIC_ACQUIRE))
		return -EBUSY;
	r = stash_fill(&stash, npt_linux_need(start, end));
	if (r)
		goto out;
	mem_lock(&owner_lock);
	r = change_locked(start, end, from, to, &stash);
	mem_unlock(&owner_lock);
	stash_empty(&stash);
	if (r)
		goto out;
	wait_for_holders();
	vcpus_flush(self);
	r = iommu_flush();
	/* An IOMMU that does not answer may still walk the old tables: they are lost rather than used for something else. */
	if (!r)
		pool_reclaim();
out:
	__atomic_clear(&changing, __ATOMIC_RELEASE);
	return r;
}

const char *owner_check(void)
{
	const char *wrong;

	mem_lock(&owner_lock);
	wrong = partition_check(current);
	if (!wrong)
		wrong = npt_linux_check(current);
	if (!wrong)
		wrong = npt_check();
	if (!wrong)
		wrong = iommu_check();
	mem_unlock(&owner_lock);
	return wrong;
}
