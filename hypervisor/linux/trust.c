// SPDX-License-Identifier: GPL-2.0
/*
 * The module's side of trust in a TPM: tells the hypervisor before its start what it is and which TPM there is, keeps Linux's driver from using the
 * TPM while the hypervisor starts and ends, and hands its report and signatures on by /dev/cloister_hypervisor (abi/hypervisor_device.h).
 *
 *	seal_pcrs=0,2,4,7,9,11  PCRs, 0-15, whose values the hypervisor's secret is bound to. The default is what decides which code runs: firmware (0),
 *				option ROMs (2), boot loader or kernel (4), secure boot (7), initrd and command line (9: the kernel's EFI stub, GRUB),
 *				unified kernel image (11: systemd-stub). Not 1, 3, 5 and 6, which change with hardware and settings, 8 with GRUB's
 *				commands, and 10, which IMA extends all the time.
 *	ak_name=HEX		the name of the TPM's attestation key (64 digits: SHA-256, without nameAlg), which the hypervisor vouches for
 *	no_tpm=1		the TPM is not touched; keys live as long as the hypervisor
 *	debug=1			the report says that it can be debugged, and only debug enclaves' reports are signed
 */
#define pr_fmt(fmt) "cloister: " fmt
#include <asm/tsc.h>
#include <crypto/sha2.h>
#include <linux/acpi.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sysfs.h>
#include <linux/tpm.h>
#include <linux/uaccess.h>

#include "abi/hypervisor_device.h"
#include "cloister.h"
#include "load.h"

static unsigned int seal_pcrs[16] = { 0, 2, 4, 7, 9, 11 }, seal_count = 6;
static char *ak_name;
static bool no_tpm, debug;
module_param_array(seal_pcrs, uint, &seal_count, 0444);
MODULE_PARM_DESC(seal_pcrs, "PCRs that the hypervisor's secret is bound to (0,2,4,7,9,11)");
module_param(ak_name, charp, 0444);
MODULE_PARM_DESC(ak_name, "name of the TPM's attestation key, 64 hexadecimal digits");
module_param(no_tpm, bool, 0444);
MODULE_PARM_DESC(no_tpm, "do not use the TPM");
module_param(debug, bool, 0444);
MODULE_PARM_DESC(debug, "the hypervisor's report says that it can be debugged");

static const char *const trust_names[] = { HV_TRUST_NAMES };
static struct tpm_chip *held;

/* --- Before the start, and around it ----------------------------------------------------------------------------------------------------------- */

int trust_fill(struct hv_boot *b, const void *image, size_t image_size)
{
	unsigned int i;

	for (i = 0; i < seal_count; i++) {
		if (seal_pcrs[i] > 15) {
			pr_err("seal_pcrs: PCR %u is not one of the boot's, 0-15\n", seal_pcrs[i]);
			return -EINVAL;
		}
		b->seal_pcrs |= 1U << seal_pcrs[i];
	}
	if (!b->seal_pcrs) {
		pr_err("seal_pcrs: none is named; any kernel could have the secret\n");
		return -EINVAL;
	}
	if (ak_name && (strlen(ak_name) != 2 * sizeof(b->ak_name) ||
			hex2bin(b->ak_name, ak_name, sizeof(b->ak_name)))) {
		pr_err("ak_name: 64 hexadecimal digits are wanted\n");
		return -EINVAL;
	}
	if (debug)
		b->flags |= HV_BOOT_DEBUG;
	b->tsc_khz = tsc_khz;
	sha256(image, image_size, b->image_measurement);
	return 0;
}

/* ACPI's table says how the TPM is spoken to (TCG ACPI Specification 1.4, table 7). */
static bool tpm_is_fifo(void)
{
	struct acpi_table_tpm2 *table;
	bool fifo;

	if (ACPI_FAILURE(acpi_get_table(ACPI_SIG_TPM2, 0, (struct acpi_table_header **)&table)))
		return false;
	fifo = table->header.length >= sizeof(*table) &&
	       table->start_method == ACPI_TPM2_MEMORY_MAPPED;
	acpi_put_table(&table->header);
	return fifo;
}

enum hv_tpm trust_tpm_hold(void)
{
	struct tpm_chip *chip = tpm_default_chip();
	enum hv_tpm result = HV_TPM_NONE;

	if (!chip)
		return no_tpm ? HV_TPM_UNUSED : HV_TPM_NONE;
	if (no_tpm)
		result = HV_TPM_UNUSED;
	else if (tpm_is_tpm2(chip) != 1 || !tpm_is_fifo())
		result = HV_TPM_OTHER;
	else if (tpm_try_get_ops(chip))
		result = HV_TPM_BUSY;
	if (result != HV_TPM_NONE) {
		put_device(&chip->dev);
		return result;
	}
	held = chip;
	return HV_TPM_TIS;
}

void trust_tpm_release(void)
{
	if (!held)
		return;
	tpm_put_ops(held);
	put_device(&held->dev);
	held = NULL;
}

/* --- What it is, and the device -------------------------------------------------------------------------------------------------------------- */

ssize_t trust_text(char *to)
{
	long state = cloister_call(HV_CALL_TRUST, 0, 0), code = cloister_call(HV_CALL_TRUST, 1, 0);

	BUILD_BUG_ON(ARRAY_SIZE(trust_names) != HV_TRUSTS);
	if (state < 0 || state >= HV_TRUSTS)
		return sysfs_emit(to, "none: no hypervisor\n");
	if (state && code > 0)
		return sysfs_emit(to, "%s; the TPM said %#lx\n", trust_names[state], code);
	return sysfs_emit(to, "%s\n", trust_names[state]);
}

static long device_call(unsigned long number, void __user *user, size_t in, size_t out)
{
	void *page = (void *)get_zeroed_page(GFP_KERNEL);
	long err = -ENOMEM;

	if (!page)
		return err;
	err = copy_from_user(page, user, in) ? -EFAULT : 0;
	if (!err)
		err = cloister_call(number, __pa(page), 0);
	if (!err && copy_to_user(user, page, out))
		err = -EFAULT;
	free_page((unsigned long)page);
	return err;
}

static long device_ioctl(struct file *file, unsigned int request, unsigned long argument)
{
	void __user *user = (void __user *)argument;

	switch (request) {
	case HV_DEVICE_REPORT:
		return device_call(HV_CALL_REPORT, user, 0, sizeof(struct hv_device_report));
	case HV_DEVICE_SIGN:
		return device_call(HV_CALL_SIGN, user, sizeof(struct hv_device_sign),
				   sizeof(struct hv_device_sign));
	default:
		return -ENOTTY;
	}
}

static const struct file_operations device_operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "cloister_hypervisor",
	.mode = 0600,
	.fops = &device_operations,
};

int trust_start(void)
{
	long state = cloister_call(HV_CALL_TRUST, 0, 0);

	if (state)
		pr_warn("trust in the TPM: %s\n",
			state > 0 && state < HV_TRUSTS ? trust_names[state] : "none");
	return misc_register(&device);
}

void trust_stop(void)
{
	misc_deregister(&device);
}
