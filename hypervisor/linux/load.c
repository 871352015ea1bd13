// SPDX-License-Identifier: GPL-2.0
/*
 * The module `cloister`: puts the hypervisor's image into memory that Linux does not own and turns the running Linux into its guest, on all
 * processors; rmmod gives the machine back.
 *
 *	insmod cloister.ko start=0x30000000 size=0x4000000 [epc=SIZE] [image=/path] [serial=0x3f8] [stay=1]
 *
 * start and size name the range that memmap=SIZE$START took from Linux (hypervisor/linux/cloister-memmap prints both). Nothing here is
 * trusted by the hypervisor once it runs; before that, all of it is (the image is measured with the kernel that loads it).
 *
 * The image runs at its physical address. To get there and back there is one page table, made here: Linux's kernel half, and the reserved
 * range one to one. All processors go through stop_machine: no lock is held anywhere while each waits for the others.
 */
#define pr_fmt(fmt) "cloister: " fmt
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <linux/acpi.h>
#include <linux/elf.h>
#include <linux/firmware.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/kernel_read_file.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/stop_machine.h>
#include <linux/vmalloc.h>

#include "cloister.h"
#include "load.h"

static unsigned long start, size, epc;
static unsigned short serial;
static char *image;
module_param(start, ulong, 0444);
MODULE_PARM_DESC(start, "physical start of the memory that memmap= reserved");
module_param(size, ulong, 0444);
MODULE_PARM_DESC(size, "its size");
module_param(epc, ulong, 0444);
MODULE_PARM_DESC(
	epc, "how much of it is for enclaves' pages (default: what the hypervisor does not need)");
module_param(serial, ushort, 0444);
MODULE_PARM_DESC(serial, "I/O port of a serial line for the hypervisor's messages (0: none)");
module_param(image, charp, 0444);
MODULE_PARM_DESC(image, "path of the image (default: firmware cloister-hypervisor)");
bool cloister_stay;
module_param_named(stay, cloister_stay, bool, 0644);
MODULE_PARM_DESC(
	stay,
	"kexec goes to a kernel that stays a guest, for its own SGX driver (cloister-stage2)");

#define MSR_SYSCFG 0xc0010010
#define IMAGE_MAX (32UL << 20)

bool cloister_active;
static bool attached; /* attach.c */
static DEFINE_MUTEX(cloister_lock);
static struct enter_args *all_args;
static long *results;
static struct hv_boot *boot;
static struct page *tables[16];
static unsigned int table_count;
static unsigned int processor_of[NR_CPUS];
struct cpumask cloister_processors;
static struct cpumask brought; /* see processors_gather */

/* The driver may be left out. */
int __weak sgx_driver_start(phys_addr_t epc_start, size_t epc_size)
{
	return 0;
}

void __weak sgx_driver_stop(void)
{
}

long cloister_call(unsigned long number, unsigned long a, unsigned long b)
{
	long result;

	if (!READ_ONCE(cloister_active))
		return -ENODEV;
	asm volatile("vmmcall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "memory");
	return result;
}

/* --- The table to come and go with ------------------------------------------------------------------------------------------------------ */

static u64 *table_new(void)
{
	struct page *page;

	if (table_count == ARRAY_SIZE(tables))
		return NULL;
	page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!page)
		return NULL;
	tables[table_count++] = page;
	return page_address(page);
}

static void tables_free(void)
{
	while (table_count)
		__free_page(tables[--table_count]);
}

static u64 *table_next(u64 *entry)
{
	u64 *table;

	if (*entry & _PAGE_PRESENT)
		return __va(*entry & PTE_PFN_MASK);
	table = table_new();
	if (table)
		*entry = __pa(table) | _PAGE_PRESENT | _PAGE_RW;
	return table;
}

/* 2 MiB pages, outward: what they map beside the range is not touched through them. 0: no memory. */
static u64 tables_make(void)
{
	u64 *root, *table, at;

	root = table_new();
	if (!root)
		return 0;
	for (at = start & PMD_MASK; at < start + size; at += PMD_SIZE) {
		table = table_next(&root[at >> PGDIR_SHIFT & 511]);
		if (!table)
			return 0;
		table = table_next(&table[at >> PUD_SHIFT & 511]);
		if (!table)
			return 0;
		table[at >> PMD_SHIFT & 511] = at | _PAGE_PRESENT | _PAGE_RW | _PAGE_PSE |
					       _PAGE_ACCESSED | _PAGE_DIRTY;
	}
	return __pa(root);
}

/* Linux's kernel half as it is now. */
static void tables_refresh(void)
{
	u64 *root = page_address(tables[0]), *now = __va(__read_cr3() & PTE_PFN_MASK);

	memcpy(root + 256, now + 256, PAGE_SIZE / 2);
}

/* --- The image --------------------------------------------------------------------------------------------------------------------------- */

static int image_get(const void **ret_data, size_t *ret_size, const struct firmware **ret_firmware)
{
	void *data = NULL;
	ssize_t got;
	int err;

	*ret_firmware = NULL;
	if (image) {
		got = kernel_read_file_from_path(image, 0, &data, IMAGE_MAX, NULL,
						 READING_FIRMWARE);
		if (got < 0)
			return got;
		*ret_data = data;
		*ret_size = got;
		return 0;
	}
	struct platform_device *device = platform_device_register_simple("cloister", -1, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	err = request_firmware(ret_firmware, "cloister-hypervisor", &device->dev);
	platform_device_unregister(device);
	if (err)
		return err;
	*ret_data = (*ret_firmware)->data;
	*ret_size = (*ret_firmware)->size;
	return 0;
}

/* The segments at `to`, which maps the range; *ret_size: of all, with what starts as zeros. */
static int image_place(const void *data, size_t data_size, void *to, u64 *ret_size)
{
	const Elf64_Ehdr *header = data;
	const Elf64_Phdr *segments;
	u64 end = 0;
	int i;

	if (data_size < sizeof(*header) || memcmp(header->e_ident, ELFMAG, SELFMAG) ||
	    header->e_machine != EM_X86_64 || header->e_type != ET_DYN || header->e_entry != 0 ||
	    header->e_phentsize != sizeof(*segments) || header->e_phnum > 16 ||
	    header->e_phoff > data_size ||
	    data_size - header->e_phoff < header->e_phnum * sizeof(*segments))
		return -ENOEXEC;
	segments = data + header->e_phoff;
	for (i = 0; i < header->e_phnum; i++) {
		const Elf64_Phdr *p = &segments[i];

		if (p->p_type != PT_LOAD)
			continue;
		if (p->p_offset > data_size || p->p_filesz > data_size - p->p_offset ||
		    p->p_filesz > p->p_memsz || p->p_vaddr > size || p->p_memsz > size - p->p_vaddr)
			return -ENOEXEC;
		end = max(end, PAGE_ALIGN(p->p_vaddr + p->p_memsz));
	}
	if (!end || end + HV_BOOT_SIZE > size)
		return -ENOMEM;
	memset(to, 0, end + HV_BOOT_SIZE);
	for (i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type == PT_LOAD)
			memcpy(to + segments[i].p_vaddr, data + segments[i].p_offset,
			       segments[i].p_filesz);
	}
	*ret_size = end;
	return 0;
}

/* --- What the hypervisor is told ----------------------------------------------------------------------------------------------------------- */

static int add_ram(struct resource *resource, void *data)
{
	struct hv_boot *b = data;
	u64 from = PAGE_ALIGN(resource->start), end = (resource->end + 1) & PAGE_MASK;

	if (from >= end)
		return 0;
	if (b->ram_count && b->ram[b->ram_count - 1].end == from) {
		b->ram[b->ram_count - 1].end = end;
		return 0;
	}
	if (b->ram_count == HV_RANGES_MAX)
		return -E2BIG;
	b->ram[b->ram_count].start = from;
	b->ram[b->ram_count++].end = end;
	return 0;
}

/* Where nested tables of four levels end (APM 2, 15.25); processors with 52 bits of physical addresses can have devices behind that. */
#define NESTED_BITS 48

static bool device_behind(u64 limit)
{
	struct pci_dev *device = NULL;

	for_each_pci_dev(device)
	{
		for (int i = 0; i < DEVICE_COUNT_RESOURCE; i++) {
			if (!(pci_resource_flags(device, i) & IORESOURCE_MEM) ||
			    pci_resource_end(device, i) < limit)
				continue;
			pr_err("%s has memory behind %u bits of physical addresses, which nested tables do not reach\n",
			       pci_name(device), NESTED_BITS);
			pci_dev_put(device);
			return true;
		}
	}
	return false;
}

static int boot_fill(struct hv_boot *b, u64 image_size)
{
	u64 own;

	b->magic = HV_BOOT_MAGIC;
	b->version = HV_ABI_VERSION;
	b->cpu_count = num_online_cpus();
	b->start = start;
	b->end = start + size;
	b->image_size = image_size;
	b->limit = 1ULL << min_t(u64, boot_cpu_data.x86_phys_bits, NESTED_BITS);
	if (device_behind(b->limit))
		return -ENXIO;
	b->serial_port = serial;
	power_fill(&b->power);
	/* Tables, stacks, the pool: a 16th of it, or what is least. */
	own = max(HV_SIZE_MIN, round_up((u64)size / 16, PMD_SIZE));
	if (epc && epc < size - own)
		own = size - PAGE_ALIGN(epc);
	if (own >= size)
		return -ENOMEM;
	b->epc_start = start + own;
	return walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0, -1,
				   b, add_ram);
}

/* ACPI's table of AMD IOMMUs; its size, 0: none. A Linux that drives them itself has to be told not to. */
static u32 ivrs_copy(void *to)
{
	struct acpi_table_header *table;
	u32 length = 0;

	if (ACPI_FAILURE(acpi_get_table(ACPI_SIG_IVRS, 0, &table)))
		return 0;
	if (table->length <= HV_BOOT_SIZE - HV_BOOT_IVRS) {
		length = table->length;
		memcpy(to, table, length);
	}
	acpi_put_table(table);
	return length;
}

/* Processors in ACPI's table (ACPI 6.4, 5.2.12) that are switched on; 0: no table. */
static unsigned int processors_of_machine(void)
{
	struct acpi_table_header *table;
	unsigned int short_ids = 0, long_ids = 0;
	u32 at = sizeof(struct acpi_table_madt);

	if (ACPI_FAILURE(acpi_get_table(ACPI_SIG_MADT, 0, &table)))
		return 0;
	while (at + sizeof(struct acpi_subtable_header) <= table->length) {
		struct acpi_subtable_header *entry = (void *)table + at;

		if (entry->length < sizeof(*entry) || entry->length > table->length - at)
			break;
		struct acpi_madt_local_apic *shorter = (void *)entry;
		struct acpi_madt_local_x2apic *longer = (void *)entry;

		if (entry->type == ACPI_MADT_TYPE_LOCAL_APIC && entry->length >= sizeof(*shorter) &&
		    shorter->id != 0xff)
			short_ids += shorter->lapic_flags & ACPI_MADT_ENABLED;
		/* Some tables name those below 255 in both forms. */
		if (entry->type == ACPI_MADT_TYPE_LOCAL_X2APIC &&
		    entry->length >= sizeof(*longer) &&
		    (longer->local_apic_id >= 255 || !short_ids))
			long_ids += longer->lapic_flags & ACPI_MADT_ENABLED;
		at += entry->length;
	}
	acpi_put_table(table);
	return short_ids + long_ids;
}

/*
 * Every processor of the machine has to become a guest: one that Linux took offline waits in Linux's own memory, and an NMI would wake it there,
 * outside of the hypervisor, in whatever Linux has put there meanwhile.
 */
static int processors_check(void)
{
	unsigned int all = max(processors_of_machine(), num_present_cpus());

	if (num_online_cpus() > HV_CPUS_MAX) {
		pr_err("%u processors: not more than %u are supported\n", num_online_cpus(),
		       HV_CPUS_MAX);
		return -E2BIG;
	}
	if (num_online_cpus() < all) {
		pr_err("%u of %u processors are online: bring all online, boot without nr_cpus= and maxcpus=\n",
		       num_online_cpus(), all);
		return -EBUSY;
	}
	return 0;
}

static int machine_check(void)
{
	u64 value;

	if (!start || !size || (start | size) & ~PAGE_MASK || start + size < start) {
		pr_err("which memory? start= and size=, page aligned, as reserved by memmap= (see cloister-memmap)\n");
		return -EINVAL;
	}
	if (region_intersects(start, size, IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) !=
		    REGION_DISJOINT ||
	    region_intersects(start, size, IORESOURCE_MEM, IORES_DESC_RESERVED) !=
		    REGION_INTERSECTS) {
		pr_err("%#lx-%#lx is not reserved: Linux's command line lacks memmap=%luM$%#lx\n",
		       start, start + size - 1, size >> 20, start);
		return -EBUSY;
	}
	/* The processor is asked, not Linux's summary, which loses what one processor was brought online without: SVM, in a guest. */
	if (cpuid_eax(0x80000000) < 0x8000000a || !(cpuid_ecx(0x80000001) & BIT(2)) ||
	    !(cpuid_edx(0x8000000a) & 1)) {
		pr_err("no SVM with nested paging on this machine (or switched off by its firmware)\n");
		return -ENODEV;
	}
	if (__read_cr4() & X86_CR4_LA57) {
		pr_err("5-level paging is not supported: boot with no5lvl\n");
		return -EOPNOTSUPP;
	}
	/* APM 2, 7.10 and 15.36: MemEncryptionModEn, SecureNestedPagingEn. */
	if (!rdmsrl_safe(MSR_SYSCFG, &value) && value & (BIT_ULL(23) | BIT_ULL(24))) {
		pr_err("memory encryption (SME or SNP) is on: boot with mem_encrypt=off, and SNP off in the firmware\n");
		return -EOPNOTSUPP;
	}
#ifdef X86_FEATURE_INVLPGB
	/* It is #UD in a guest, and hidden: its broadcast would not reach an enclave, which a processor leaves for an interrupt. */
	if (boot_cpu_has(X86_FEATURE_INVLPGB)) {
		pr_err("Linux flushes translations by INVLPGB: boot with clearcpuid=invlpgb\n");
		return -EOPNOTSUPP;
	}
#endif
	rdmsrl(MSR_EFER, value);
	if (value & EFER_SVME) {
		pr_err("SVM is in use: unload kvm_amd\n");
		return -EBUSY;
	}
	return processors_check();
}

/* --- In and out ------------------------------------------------------------------------------------------------------------------------------ */

static int enter_here(void *unused)
{
	unsigned int processor = processor_of[smp_processor_id()];

	results[processor] = cloister_enter(&all_args[processor]);
	return 0;
}

static int leave_here(void *flags)
{
	unsigned int processor = processor_of[smp_processor_id()];

	results[processor] = cloister_leave(__pa(page_address(tables[0])), *(u64 *)flags);
	return 0;
}

static long results_all(void)
{
	unsigned int i;

	for (i = 0; i < boot->cpu_count; i++) {
		if (results[i])
			return results[i];
	}
	return 0;
}

static int enter_all(u64 cr3)
{
	unsigned int cpu, next = 0;
	long err;

	for_each_online_cpu(cpu)
	{
		all_args[next] = (struct enter_args){
			.boot = start + boot->image_size,
			.processor = next,
			.cr3 = cr3,
			.entry = start,
		};
		processor_of[cpu] = next++;
	}
	if (next != boot->cpu_count || !cpumask_equal(cpu_online_mask, &cloister_processors))
		return -EAGAIN;
	tables_refresh();
	/* Processor 0 does the work, and all must be in there at once. */
	err = stop_machine(enter_here, NULL, cpu_online_mask);
	return err ? err : results_all();
}

int cloister_give_back(u64 flags)
{
	long err;

	mutex_lock(&cloister_lock);
	err = 0;
	if (cloister_active) {
		err = processors_gather(&brought);
		tables_refresh();
		/* The hypervisor takes the TPM, whatever Linux does with it: better nothing. */
		trust_tpm_hold();
		if (!err)
			err = stop_machine(leave_here, &flags, cpu_online_mask);
		trust_tpm_release();
		if (!err)
			err = results_all();
		if (!err)
			WRITE_ONCE(cloister_active, false);
		processors_scatter(&brought);
	}
	mutex_unlock(&cloister_lock);
	return err;
}

static int load(void)
{
	const struct firmware *firmware;
	const void *data;
	size_t data_size;
	u64 image_size, cr3;
	void *to;
	int err;

	err = image_get(&data, &data_size, &firmware);
	if (err) {
		pr_err("no image: %d\n", err);
		return err;
	}
	err = -ENOMEM;
	to = memremap(start, size, MEMREMAP_WB);
	if (to)
		err = image_place(data, data_size, to, &image_size);
	boot = kvzalloc(sizeof(*boot), GFP_KERNEL);
	if (!err)
		err = boot ? trust_fill(boot, data, data_size) : -ENOMEM;
	if (firmware)
		release_firmware(firmware);
	else
		vfree(data);
	if (err)
		goto out;
	all_args = kvcalloc(nr_cpu_ids, sizeof(*all_args), GFP_KERNEL);
	results = kvcalloc(nr_cpu_ids, sizeof(*results), GFP_KERNEL);
	cr3 = tables_make();
	if (!all_args || !results || !cr3) {
		err = -ENOMEM;
		goto out;
	}
	err = boot_fill(boot, image_size);
	if (!err) {
		boot->ivrs_size = ivrs_copy(to + image_size + HV_BOOT_IVRS);
		boot->tpm = trust_tpm_hold();
		memcpy(to + image_size, boot, sizeof(*boot));
		err = enter_all(cr3);
		trust_tpm_release();
	}
out:
	if (to)
		memunmap(to);
	if (err)
		pr_err("the hypervisor did not start: %d\n", err);
	return err;
}

static void unload(void)
{
	tables_free();
	kvfree(results);
	kvfree(all_args);
	kvfree(boot);
	boot = NULL;
}

static int __init cloister_init(void)
{
	int err;

	attached = hypervisor_is_below();
	if (attached)
		return attach();
	err = machine_check();
	if (err)
		return err;
	cpumask_copy(&cloister_processors, cpu_online_mask);
	err = guards_start();
	if (err)
		return err;
	err = processors_gather(&brought);
	if (!err)
		err = load();
	processors_scatter(&brought);
	if (err)
		goto no_load;
	cloister_active = true;
	err = state_start(start, boot->epc_start, boot->end, boot->cpu_count);
	if (err)
		goto no_state;
	err = trust_start();
	if (err)
		goto no_trust;
	err = sgx_driver_start(boot->epc_start, boot->end - boot->epc_start);
	if (err)
		goto no_driver;
	pr_info("Linux is a guest on %u processors; %llu MiB for enclaves\n", boot->cpu_count,
		(boot->end - boot->epc_start) >> 20);
	if (cloister_call(HV_CALL_DMA, 0, 0) <= 0)
		pr_warn("no IOMMU: devices are not kept out of enclaves\n");
	return 0;
no_driver:
	trust_stop();
no_trust:
	state_stop();
no_state:
	if (cloister_give_back(HV_LEAVE_WIPE))
		pr_crit("still a guest\n");
no_load:
	guards_stop();
	unload();
	return err;
}

static void __exit cloister_exit(void)
{
	int err;

	if (attached) {
		detach();
		return;
	}
	sgx_driver_stop();
	trust_stop();
	state_stop();
	/* An enclave holds a file, and a file holds the module: what is in EPC now belongs to nobody. */
	err = cloister_give_back(HV_LEAVE_WIPE);
	if (err)
		pr_crit("still a guest: %d\n", err);
	else
		pr_info("the machine is Linux's again\n");
	guards_stop();
	unload();
}

module_init(cloister_init);
module_exit(cloister_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Cloister's hypervisor: SGX on machines without it");
MODULE_FIRMWARE("cloister-hypervisor");
