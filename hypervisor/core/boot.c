// SPDX-License-Identifier: Apache-2.0
/*
 * From Linux's call of image_entry to the first entry into the guest. Processor 0 moves the image (relocations), lays out the reserved range and
 * makes every table; the others wait. Then each tells whether it can; only when all can does any go on, so that either every processor is
 * a guest or none. Until then Linux is trusted: whoever starts us decides what we are (measured before, see trust/).
 *
 *	start  image | struct hv_boot | per processor: VMCBs, stacks | own page tables | EPCM | crypto arena | pool ... epc_start  EPC ... end
 */
#include "abi/hypercall.h"
#include "hypervisor/arch/x86/svm/cpu.h"
#include "hypervisor/core/memory.h"
#include "hypervisor/crypto/crypto.h"
#include "hypervisor/mem/iommu.h"
#include "hypervisor/mem/owner.h"
#include "hypervisor/sgx/run.h"
#include "hypervisor/sgx/sgx.h"
#include "hypervisor/trust/tis.h"
#include "hypervisor/trust/trust.h"
#include "lib/base/string.h"

struct vcpu vcpus[HV_CPUS_MAX];
unsigned int vcpu_count;
const struct hv_boot *hv_boot;

static uint64_t memory_at, memory_end;
static struct epcm_entry *epcm_entries;
static int start_result = 1; /* of processor 0; 1: not yet */
static unsigned int arrived, refused;
static bool launched;

void *memory_take(size_t size)
{
	uint64_t at = memory_at;

	size = PAGE_UP(size);
	if (size > memory_end - at)
		return NULL;
	memory_at += size;
	return memset((void *)at, 0, size);
}

void wipe_secrets(void)
{
	static const uint8_t nothing[32];

	sgx_set_root_secret(nothing);
	paging_wipe(); /* else pages that were evicted could be read by who has the memory next */
	trust_wipe();
	for (unsigned int i = 0; i < vcpu_count; i++) /* of enclaves, under EGETKEY and the like */
		memset(svm_of(&vcpus[i])->vectors, 0, sizeof(svm_of(&vcpus[i])->vectors));
	memset((void *)hv_boot->epc_start, 0, hv_boot->end - hv_boot->epc_start);
	memset(epcm_entries, 0,
	       (hv_boot->end - hv_boot->epc_start) / PAGE_SIZE * sizeof(*epcm_entries));
	/* What cryptography left: an enclave's vector registers (fpu.c), and frames. Whoever waits, or is here, needs the first page of a stack. */
	for (unsigned int i = 0; i < vcpu_count; i++) {
		memset(svm_of(&vcpus[i])->vectors, 0, sizeof(svm_of(&vcpus[i])->vectors));
		memset(svm_of(&vcpus[i])->stack, 0, STACK_SIZE - PAGE_SIZE);
	}
}

uint64_t epc_pages_used(void)
{
	uint64_t used = 0;

	for (uint64_t i = 0; i < (hv_boot->end - hv_boot->epc_start) / PAGE_SIZE; i++)
		used += epcm_entries[i].valid;
	return used;
}

void *physical(uint64_t address)
{
	if (address >= hv_boot->start && address < hv_boot->end)
		return (void *)address;
	if (address < PAGE_SIZE)
		return NULL;
	for (unsigned int i = 0; i < hv_boot->ram_count; i++) {
		if (address >= hv_boot->ram[i].start && address < hv_boot->ram[i].end)
			return (void *)address;
	}
	return NULL;
}

/* Linked at 0; every relocation is "the image's place plus a number" (the linker script and -z text see to it). */
extern char image_start[], image_end[];
struct relocation {
	uint64_t offset, info, addend;
};
extern struct relocation image_rela_start[], image_rela_end[];
static void relocate(void)
{
	uint64_t base = (uintptr_t)image_start;

	for (struct relocation *r = image_rela_start; r < image_rela_end; r++) {
		if ((uint32_t)r->info == 8) /* R_X86_64_RELATIVE */
			*(uint64_t *)(base + r->offset) = base + r->addend;
	}
}

static bool range_ok(uint64_t start, uint64_t end)
{
	return start < end && !(start & (PAGE_SIZE - 1)) && !(end & (PAGE_SIZE - 1));
}

static int boot_check(const struct hv_boot *boot)
{
	uint64_t last = 0;

	if (boot->magic != HV_BOOT_MAGIC || boot->version != HV_ABI_VERSION)
		return -EINVAL;
	if (!boot->cpu_count || boot->cpu_count > HV_CPUS_MAX || boot->ram_count > HV_RANGES_MAX)
		return -E2BIG;
	if (boot->start != (uintptr_t)image_start ||
	    boot->image_size != (uint64_t)(image_end - image_start))
		return -EINVAL;
	if (!range_ok(boot->start, boot->epc_start) || !range_ok(boot->epc_start, boot->end) ||
	    boot->end > boot->limit)
		return -EINVAL;
	if (boot->epc_start - boot->start < boot->image_size + HV_BOOT_SIZE)
		return -ENOMEM;
	if (boot->ivrs_size > HV_BOOT_SIZE - HV_BOOT_IVRS)
		return -E2BIG;
	/* PCR 21 alone would open the secret to any kernel that extends it as we do. */
	if (!boot->seal_pcrs || boot->seal_pcrs & ~HV_SEAL_PCRS)
		return -EINVAL;
	for (unsigned int i = 0; i < boot->ram_count; i++) {
		const struct hv_range *r = &boot->ram[i];

		if (!range_ok(r->start, r->end) || r->start < last || r->end > boot->limit)
			return -EINVAL;
		if (r->start < boot->end && r->end > boot->start)
			return -EEXIST; /* not reserved: Linux uses it */
		last = r->end;
	}
	return 0;
}

static int cpu_take(unsigned int index)
{
	struct vcpu *v = &vcpus[index];
	struct svm_cpu *cpu = memory_take(sizeof(*cpu));

	if (!cpu)
		return -ENOMEM;
	v->index = index;
	v->arch = cpu;
	cpu->vmcb = memory_take(PAGE_SIZE);
	cpu->host = memory_take(PAGE_SIZE);
	cpu->save_area = memory_take(PAGE_SIZE);
	cpu->fault_stacks = memory_take(3 * PAGE_SIZE);
	cpu->stack = memory_take(STACK_SIZE);
	cpu->step.abort_page = memory_take(PAGE_SIZE);
	for (unsigned int i = 0; i < STEP_TABLES_MAX; i++)
		cpu->step.tables[i] = memory_take(PAGE_SIZE);
	return cpu->step.tables[STEP_TABLES_MAX - 1] ? 0 : -ENOMEM;
}

/* IOMMUs: those that the IVRS names are ours, or, with none, devices are not kept out: the module says so. */
static int devices_prepare(const struct hv_boot *boot)
{
	static struct ivrs ivrs;

	if (!boot->ivrs_size)
		return 0;
	int err = ivrs_parse((const char *)boot + HV_BOOT_IVRS, boot->ivrs_size, &ivrs);
	if (err)
		return err;
	return iommu_prepare(&ivrs, device_map);
}

static int tpm_prepare(const struct hv_boot *boot)
{
	void *page;

	if (boot->tpm != HV_TPM_TIS)
		return 0;
	page = device_map(TIS_LOCALITY_2, PAGE_SIZE);
	if (!page)
		return -ENOMEM;
	registers_init(page, boot->tsc_khz);
	return 0;
}

static int owners(const struct hv_boot *boot)
{
	struct memory_range ranges[4 + IOMMU_UNITS] = {
		{ boot->start, boot->epc_start, OWNER_HYPERVISOR },
		{ boot->epc_start, boot->end, OWNER_EPC },
		{ 0xfed41000, 0xfed45000, OWNER_PROTECTED }, /* TPM localities 1 to 4 */
		{ apic_base, apic_base + PAGE_SIZE, OWNER_PROTECTED },
	};
	unsigned int count = 4;

	if (boot->ivrs_size)
		count += iommu_ranges(ranges + 4);
	for (unsigned int i = 1; i < count; i++) { /* sorted */
		for (unsigned int j = i; j && ranges[j].start < ranges[j - 1].start; j--) {
			struct memory_range swap = ranges[j];

			ranges[j] = ranges[j - 1];
			ranges[j - 1] = swap;
		}
	}
	return owner_init(ranges, count, boot->limit);
}

static int start_own(const struct hv_boot *boot)
{
	uint64_t epc_size = boot->end - boot->epc_start;
	uint8_t secret[32];
	int err = devices_prepare(boot);

	if (!err)
		err = tpm_prepare(boot);
	if (err)
		return err;
	epcm_entries = memory_take(epc_size / PAGE_SIZE * sizeof(struct epcm_entry));
	if (!epcm_entries)
		return -ENOMEM;
	pool_init((void *)memory_at, memory_at, memory_end - memory_at);
	err = owners(boot);
	if (!err && boot->ivrs_size)
		err = iommu_enable();
	if (err)
		return err;
	memset((void *)boot->epc_start, 0, epc_size);
	err = crypto_init();
	if (err)
		return err;
	/* Until a TPM gives one (trust/): keys live as long as this hypervisor. */
	if (!random_bytes(secret, sizeof(secret)))
		return -EIO;
	sgx_set_root_secret(secret);
	secure_zero(secret, sizeof(secret));
	sgx_init(boot->epc_start, epc_size, epcm_entries);
	return 0;
}

/* On processor 0, while Linux's registers are still in it. */
static int on_own_stack(int (*function)(const struct hv_boot *boot), const struct hv_boot *boot)
{
	uint64_t fs_base = msr_read(MSR_FS_BASE);
	struct svm_cpu *cpu = svm_of(&vcpus[0]);
	int result;

	msr_write(MSR_FS_BASE, (uintptr_t)cpu->local); /* libbearssl.a wants its canary */
	result = call_own(function, boot, hypervisor_cr3, (char *)cpu->stack + STACK_SIZE);
	msr_write(MSR_FS_BASE, fs_base);
	return result;
}

static int start(const struct hv_boot *boot)
{
	relocate();
	int err = boot_check(boot);
	if (err)
		return err;
	hv_boot = boot;
	vcpu_count = boot->cpu_count;
	memory_at = boot->start + boot->image_size + HV_BOOT_SIZE;
	memory_end = boot->epc_start;
	for (unsigned int i = 0; i < vcpu_count; i++) {
		err = cpu_take(i);
		if (err)
			return err;
	}
	err = hypervisor_init(boot);
	if (err)
		return err;
	/* The rest needs the machine's other memory, which only our own tables map. */
	svm_quiet();
	return on_own_stack(start_own, boot);
}

/* All processors here? Each says whether it can; the last word is everybody's. */
static int meet(int own)
{
	if (own)
		__atomic_add_fetch(&refused, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < hv_boot->cpu_count)
		asm volatile("pause");
	if (own)
		return own;
	return __atomic_load_n(&refused, __ATOMIC_SEQ_CST) ? -EAGAIN : 0;
}

/* All have agreed to go on: what is told to the TPM will be true. None goes on before that is done: the rest of this boot happens to a guest. */
static int launch(const struct hv_boot *boot)
{
	trust_launch(boot);
	__atomic_store_n(&launched, true, __ATOMIC_RELEASE);
	return 0;
}

int image_enter(const struct hv_boot *boot, unsigned int index, const struct hv_entry *entry);
int image_enter(const struct hv_boot *boot, unsigned int index, const struct hv_entry *entry)
{
	int result;

	if (index == 0) {
		result = svm_available();
		if (!result) {
			result = start(boot);
			if (result)
				svm_loud();
		}
		__atomic_store_n(&start_result, result, __ATOMIC_RELEASE);
	}
	while ((result = __atomic_load_n(&start_result, __ATOMIC_ACQUIRE)) == 1)
		asm volatile("pause");
	if (result)
		return result;
	if (index >= vcpu_count)
		return -EINVAL;
	struct vcpu *v = &vcpus[index];

	/* Processor 0 switched SVM on while it started. */
	result = meet(index ? svm_available() : 0);
	if (!result && !index)
		result = on_own_stack(launch, boot);
	if (result) {
		if (!index)
			svm_loud();
		return result;
	}
	while (!__atomic_load_n(&launched, __ATOMIC_ACQUIRE))
		asm volatile("pause");
	svm_capture(v, entry);
	struct svm_cpu *cpu = svm_of(v);

	svm_start(v, hypervisor_cr3, (char *)cpu->stack + STACK_SIZE);
}
