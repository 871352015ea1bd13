// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/sgx_enclave and /dev/sgx_provision, under the names and with the numbers that the kernel's own driver has: that one finds no SGX at boot and
 * leaves the names free; its vDSO function works without it. An open file is an enclave, or nothing yet; it and its mappings keep the
 * module loaded.
 *
 * There is no /dev/sgx_vepc: guests of this Linux cannot have EPC (their ENCLS would need a hypervisor below ours to say whose page is
 * whose), and a program that looks for it finds ENOENT.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sched/mm.h>

#include "cloister.h"
#include "sgx_driver.h"

struct sgx_features sgx_features;

static int enclave_open(struct inode *inode, struct file *file)
{
	struct sgx_enclave *e = enclave_new();

	if (IS_ERR(e))
		return PTR_ERR(e);
	file->private_data = e;
	/* Mappings hang on the enclave's own inode, not on the device's, which all enclaves share. */
	file->f_mapping = e->mappings->f_mapping;
	return 0;
}

static int enclave_close(struct inode *inode, struct file *file)
{
	enclave_put(file->private_data);
	return 0;
}

static unsigned long enclave_area(struct file *file, unsigned long address, unsigned long length,
				  unsigned long offset, unsigned long flags)
{
	if ((flags & MAP_TYPE) == MAP_PRIVATE)
		return -EINVAL;
	if (flags & MAP_FIXED)
		return address;
	return current->mm->get_unmapped_area(file, address, length, offset, flags);
}

static const struct file_operations enclave_operations = {
	.owner = THIS_MODULE,
	.open = enclave_open,
	.release = enclave_close,
	.unlocked_ioctl = enclave_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl = enclave_ioctl, /* the requests have no pointers or words of another size */
#endif
	.mmap = enclave_mmap,
	.get_unmapped_area = enclave_area,
};

/* Who may open this may run enclaves with the provisioning key: the file is the grant. */
const struct file_operations sgx_provision_operations = {
	.owner = THIS_MODULE,
};

static struct miscdevice enclave_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "sgx_enclave",
	.nodename = "sgx_enclave",
	.fops = &enclave_operations,
};

static struct miscdevice provision_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "sgx_provision",
	.nodename = "sgx_provision",
	.fops = &sgx_provision_operations,
};

/* Leaf 12H as the hypervisor shows it; -ENODEV: there is none. */
static int find_features(void)
{
	u32 a, b, c, d;

	if (cpuid_eax(0) < SGX_CPUID || !(cpuid_ebx(7) & BIT(2)))
		return -ENODEV;
	cpuid_count(SGX_CPUID, 0, &a, &b, &c, &d);
	if (!(a & BIT(0)))
		return -ENODEV;
	sgx_features.sgx2 = a & BIT(1);
	sgx_features.misc = b;
	cpuid_count(SGX_CPUID, 1, &a, &b, &c, &d);
	sgx_features.attributes = (u64)b << 32 | a;
	sgx_features.xfrm = (u64)d << 32 | c;
	return 0;
}

int sgx_driver_start(phys_addr_t start, size_t size)
{
	int r = find_features();

	if (r) {
		pr_err("cloister: this processor executes no SGX instructions: no hypervisor runs below Linux\n");
		return r;
	}
	r = epc_start(start, size);
	if (r)
		return r;
	r = misc_register(&provision_device);
	if (r)
		goto fail;
	r = misc_register(&enclave_device);
	if (r) {
		misc_deregister(&provision_device);
		goto fail;
	}
	pr_info("cloister: %zu KiB of EPC, SGX1%s; /dev/sgx_enclave\n", size >> 10,
		sgx_features.sgx2 ? " and SGX2" : "");
	return 0;
fail:
	epc_stop();
	return r;
}

void sgx_driver_stop(void)
{
	misc_deregister(&enclave_device);
	misc_deregister(&provision_device);
	epc_stop();
}
