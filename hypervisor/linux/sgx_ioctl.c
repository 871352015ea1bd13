// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of /dev/sgx_enclave: the kernel's own interface (<uapi/asm/sgx.h>), so that programs written for silicon find what they know, to the
 * error codes. One at a time on an open file (EBUSY). Everything a program says is copied once and checked; what remains is judged by
 * the instructions, whose faults are EIO, and whose refusal of a SIGSTRUCT is EPERM.
 */
#include <asm/msr.h>
#include <crypto/sha2.h>
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "sgx_driver.h"
#include "sgx_encls.h"

#define MSR_LE_HASH0 0x8c
/* What a program may ask for without a grant. */
#define ATTRIBUTES_FREE (SGX_ATTR_DEBUG | SGX_ATTR_MODE64BIT | SGX_ATTR_KSS)

/* The hash MSRs and the EINIT that reads them belong together. */
static DEFINE_MUTEX(launch_lock);

/* --- CREATE ------------------------------------------------------------------------------------- */

static int make_secs(struct sgx_enclave *e, struct sgx_secs *secs)
{
	struct sgx_secinfo secinfo = { 0 };
	struct sgx_pageinfo info = { .contents = (u64)secs, .metadata = (u64)&secinfo };
	unsigned long pages = PFN_DOWN(secs->size);
	struct file *backing;
	struct epc_page *epc;
	int r;

	backing = shmem_file_setup("cloister-enclave-pages",
				   (pages + 1 + DIV_ROUND_UP(pages + 1, 32)) << PAGE_SHIFT,
				   VM_NORESERVE);
	if (IS_ERR(backing))
		return PTR_ERR(backing);
	epc = epc_alloc_wait();
	r = epc ? 0 : -ENOMEM;
	if (!r && !e->secs.va)
		r = enclave_slot_get(e, &e->secs);
	if (!r && encls_ecreate(&info, epc_address(epc)))
		r = -EIO;
	if (r) {
		if (epc)
			epc_free(epc);
		fput(backing);
		return r;
	}
	e->backing = backing;
	e->base = secs->base;
	e->size = secs->size;
	e->attributes = secs->attributes;
	/* A grant before CREATE is forgotten: programs that work here must work on silicon. */
	e->attributes_allowed = ATTRIBUTES_FREE;
	enclave_page_put_in(&e->secs, epc);
	/* Pairs with the tests of the flag in faults and mappings: base and size are there first. */
	smp_mb__before_atomic();
	set_bit(ENCLAVE_CREATED, &e->flags);
	return 0;
}

static long create_enclave(struct sgx_enclave *e, void __user *argument)
{
	struct sgx_enclave_create request;
	struct sgx_secs *secs;
	long r = -EINVAL;

	if (test_bit(ENCLAVE_CREATED, &e->flags))
		return -EINVAL;
	if (copy_from_user(&request, argument, sizeof(request)))
		return -EFAULT;
	secs = (void *)__get_free_page(GFP_KERNEL);
	if (!secs)
		return -ENOMEM;
	if (copy_from_user(secs, (void __user *)request.src, sizeof(*secs)))
		r = -EFAULT;
	else if (is_power_of_2(secs->size)) /* what else is wrong is ECREATE's to say */
		r = make_secs(e, secs);
	free_page((unsigned long)secs);
	return r;
}

/* --- ADD_PAGES ------------------------------------------------------------------------------------ */

static bool secinfo_is_valid(const struct sgx_secinfo *s)
{
	u64 rights = s->flags & SGX_SECINFO_PERMISSION_MASK;
	u64 type = s->flags & SGX_SECINFO_PAGE_TYPE_MASK;

	if (s->flags & SGX_SECINFO_RESERVED_MASK || memchr_inv(s->reserved, 0, sizeof(s->reserved)))
		return false;
	if (type == SGX_SECINFO_TCS)
		return !rights;
	return type == SGX_SECINFO_REG && !(rights & SGX_SECINFO_W && !(rights & SGX_SECINFO_R));
}

/* What a mapping of the page may have at most. */
static unsigned long rights_of(const struct sgx_secinfo *s)
{
	if ((s->flags & SGX_SECINFO_PAGE_TYPE_MASK) == SGX_SECINFO_TCS)
		return VM_READ | VM_WRITE;
	return (s->flags & SGX_SECINFO_R ? VM_READ : 0) |
	       (s->flags & SGX_SECINFO_W ? VM_WRITE : 0) | (s->flags & SGX_SECINFO_X ? VM_EXEC : 0);
}

/* The program's page, held; what may not become code where it comes from does not become an enclave's code. */
static int source_page(unsigned long address, struct page **ret_page)
{
	struct vm_area_struct *vma;
	long r = -EFAULT;

	mmap_read_lock(current->mm);
	/* The next mapping, as in Linux's driver: get_user_pages says whether the address is in it. */
	vma = find_vma(current->mm, address);
	if (vma && !(vma->vm_flags & VM_MAYEXEC))
		r = -EACCES;
	else if (vma && get_user_pages(address, 1, 0, ret_page, NULL) == 1)
		r = 0;
	mmap_read_unlock(current->mm);
	return r;
}

static int measure(struct sgx_enclave *e, struct epc_page *epc)
{
	unsigned long offset;

	for (offset = 0; offset < PAGE_SIZE; offset += 256)
		if (encls_eextend(epc_address(e->secs.epc), epc_address(epc) + offset))
			return -EIO;
	return 0;
}

/* With the lock. */
static int add_locked(struct sgx_encl_page *p, struct epc_page *epc, struct page *source,
		      const struct sgx_secinfo *secinfo, bool measured)
{
	struct sgx_enclave *e = p->enclave;
	struct sgx_pageinfo info = {
		.addr = p->address,
		.metadata = (u64)secinfo,
		.secs = (u64)epc_address(e->secs.epc),
	};
	u32 code;
	int r = xa_insert(&e->pages, PFN_DOWN(p->address), p, GFP_KERNEL);

	if (r)
		return r;
	info.contents = (u64)kmap_local_page(source);
	code = encls_eadd(&info, epc_address(epc));
	kunmap_local((void *)info.contents);
	r = code ? -EIO : measured ? measure(e, epc) : 0;
	if (r)
		xa_erase(&e->pages, PFN_DOWN(p->address));
	else
		enclave_page_put_in(p, epc);
	return r;
}

static int add_page(struct sgx_enclave *e, unsigned long address, unsigned long source,
		    const struct sgx_secinfo *secinfo, bool measured)
{
	u8 type = secinfo->flags >> 8;
	struct sgx_encl_page *p = enclave_page_new(e, address, type, rights_of(secinfo));
	struct epc_page *epc;
	struct page *page;
	int r;

	if (IS_ERR(p))
		return PTR_ERR(p);
	/* Pages come only by this ioctl until EINIT, one at a time. */
	r = xa_load(&e->pages, PFN_DOWN(address)) ? -EBUSY : source_page(source, &page);
	if (r)
		goto fail_page;
	epc = epc_alloc_wait();
	r = epc ? 0 : -ENOMEM;
	if (r)
		goto fail_source;
	mutex_lock(&e->lock);
	r = add_locked(p, epc, page, secinfo, measured);
	mutex_unlock(&e->lock);
	if (r)
		epc_free(epc);
fail_source:
	put_page(page);
fail_page:
	if (r)
		enclave_page_free(p);
	return r;
}

static bool range_is_valid(const struct sgx_enclave *e, u64 offset, u64 length)
{
	return length && !(offset & ~PAGE_MASK) && !(length & ~PAGE_MASK) && offset < e->size &&
	       length <= e->size - offset;
}

static long add_page_range(struct sgx_enclave *e, void __user *argument)
{
	struct sgx_enclave_add_pages request;
	struct sgx_secinfo secinfo;
	long r = 0;
	u64 done;

	if (!test_bit(ENCLAVE_CREATED, &e->flags) || test_bit(ENCLAVE_INITIALIZED, &e->flags))
		return -EINVAL;
	if (copy_from_user(&request, argument, sizeof(request)))
		return -EFAULT;
	if (!range_is_valid(e, request.offset, request.length) || request.src & ~PAGE_MASK)
		return -EINVAL;
	if (copy_from_user(&secinfo, (void __user *)request.secinfo, sizeof(secinfo)))
		return -EFAULT;
	if (!secinfo_is_valid(&secinfo))
		return -EINVAL;
	for (done = 0; done < request.length && !r; done += r ? 0 : PAGE_SIZE) {
		if (signal_pending(current)) {
			r = done ? 0 : -ERESTARTSYS;
			break;
		}
		cond_resched();
		r = add_page(e, e->base + request.offset + done, request.src + done, &secinfo,
			     request.flags & SGX_PAGE_MEASURE);
	}
	request.count = done;
	return copy_to_user(argument, &request, sizeof(request)) ? -EFAULT : r;
}

/* --- INIT, PROVISION ------------------------------------------------------------------------------- */

/* EINIT says 128 when an interrupt is pending: at once again, then after a sleep. */
static u32 launch(struct sgx_enclave *e, const struct sgx_sigstruct *sigstruct, const void *token)
{
	u64 hash[4];
	u32 code = SGX_UNMASKED_EVENT;
	int i, tries;

	sha256(sigstruct->modulus, SGX_MODULUS_SIZE, (u8 *)hash);
	for (tries = 0; tries < 1000 && code == SGX_UNMASKED_EVENT; tries++) {
		if (tries && tries % 50 == 0)
			msleep_interruptible(20);
		mutex_lock(&launch_lock);
		preempt_disable();
		for (i = 0; i < 4; i++)
			wrmsrl_safe(MSR_LE_HASH0 + i, hash[i]);
		code = encls_einit(sigstruct, token, epc_address(e->secs.epc));
		preempt_enable();
		mutex_unlock(&launch_lock);
		if (code == SGX_UNMASKED_EVENT && signal_pending(current))
			break;
	}
	return code;
}

static long init_with(struct sgx_enclave *e, const struct sgx_sigstruct *sigstruct,
		      const void *token)
{
	const struct sgx_sigstruct_body *body = &sigstruct->body;
	u32 code;
	long r;

	if (sigstruct->header.vendor && sigstruct->header.vendor != 0x8086)
		return -EINVAL;
	if (e->attributes & ~e->attributes_allowed)
		return -EACCES;
	/* What this machine cannot do, and the signer insists on. */
	if (body->miscselect & body->misc_mask & (~sgx_features.misc | SGX_MISC_RESERVED_MASK) ||
	    body->attributes & body->attributes_mask &
		    (~sgx_features.attributes | SGX_ATTR_RESERVED_MASK) ||
	    body->xfrm & body->xfrm_mask & ~sgx_features.xfrm)
		return -EINVAL;
	r = enclave_lock_secs(e);
	if (r)
		return r;
	code = launch(e, sigstruct, token);
	if (!code)
		set_bit(ENCLAVE_INITIALIZED, &e->flags);
	mutex_unlock(&e->lock);
	if (encls_faulted(code))
		return -EIO;
	if (code == SGX_UNMASKED_EVENT)
		return -ERESTARTSYS;
	if (code)
		pr_debug("cloister: EINIT: %u\n", code);
	return code ? -EPERM : 0;
}

static long init_enclave(struct sgx_enclave *e, void __user *argument)
{
	struct sgx_enclave_init request;
	char *page; /* SIGSTRUCT at its start, an empty token (512 bytes aligned) in its second half */
	long r;

	if (!test_bit(ENCLAVE_CREATED, &e->flags) || test_bit(ENCLAVE_INITIALIZED, &e->flags))
		return -EINVAL;
	if (copy_from_user(&request, argument, sizeof(request)))
		return -EFAULT;
	BUILD_BUG_ON(sizeof(struct sgx_sigstruct) > PAGE_SIZE / 2);
	page = (char *)get_zeroed_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	if (copy_from_user(page, (void __user *)request.sigstruct, sizeof(struct sgx_sigstruct)))
		r = -EFAULT;
	else
		r = init_with(e, (void *)page, page + PAGE_SIZE / 2);
	free_page((unsigned long)page);
	return r;
}

static long grant_provision(struct sgx_enclave *e, void __user *argument)
{
	struct sgx_enclave_provision request;
	struct file *grant;
	long r = -EINVAL;

	if (copy_from_user(&request, argument, sizeof(request)))
		return -EFAULT;
	grant = fget(request.fd);
	if (!grant)
		return -EINVAL;
	if (grant->f_op == &sgx_provision_operations) {
		e->attributes_allowed |= SGX_ATTR_PROVISIONKEY;
		r = 0;
	}
	fput(grant);
	return r;
}

/* --- SGX2 -------------------------------------------------------------------------------------------- */

static long sgx2_ready(const struct sgx_enclave *e)
{
	if (!sgx_features.sgx2)
		return -ENODEV;
	return test_bit(ENCLAVE_INITIALIZED, &e->flags) ? 0 : -EINVAL;
}

static long sgx2_page_error(const struct sgx_encl_page *p)
{
	return p == ERR_PTR(-EINTR) ? -EINTR : -EFAULT;
}

/* A new cycle, and everyone out of the old one: then the enclave's EACCEPT can succeed. */
static long settle(struct sgx_enclave *e)
{
	long r = enclave_lock_secs(e);

	if (r)
		return -EFAULT;
	r = enclave_track(e) ? -EFAULT : 0;
	mutex_unlock(&e->lock);
	enclave_kick();
	return r;
}

static long restrict_page(struct sgx_enclave *e, unsigned long address,
			  const struct sgx_secinfo *secinfo, u64 *ret_code)
{
	struct sgx_encl_page *p = enclave_lock_page(e, address);
	u32 code;

	if (IS_ERR(p))
		return sgx2_page_error(p);
	if (p->type != SGX_PAGE_TYPE_REG) {
		mutex_unlock(&e->lock);
		return -EINVAL;
	}
	code = encls_emodpr(secinfo, epc_address(p->epc));
	mutex_unlock(&e->lock);
	if (code && !encls_faulted(code))
		*ret_code = code;
	return code ? -EFAULT : 0;
}

static long restrict_permissions(struct sgx_enclave *e, void __user *argument)
{
	struct sgx_enclave_restrict_permissions request;
	struct sgx_secinfo secinfo = { 0 };
	long r = sgx2_ready(e);
	u64 done;

	if (r)
		return r;
	if (copy_from_user(&request, argument, sizeof(request)))
		return -EFAULT;
	if (!range_is_valid(e, request.offset, request.length) || request.result || request.count ||
	    request.permissions & ~SGX_SECINFO_PERMISSION_MASK)
		return -EINVAL;
	if (request.permissions & SGX_SECINFO_W && !(request.permissions & SGX_SECINFO_R))
		return -EINVAL;
	secinfo.flags = request.permissions;
	for (done = 0; done < request.length; done += PAGE_SIZE) {
		cond_resched();
		r = restrict_page(e, e->base + request.offset + done, &secinfo, &request.result);
		if (r)
			break;
	}
	if (done && settle(e))
		r = -EFAULT;
	request.count = done;
	return copy_to_user(argument, &request, sizeof(request)) ? -EFAULT : r;
}

/* With the lock. A page that becomes a TCS loses what only ordinary pages may have. */
static long modify_locked(struct sgx_encl_page *p, u8 type, u64 *ret_code)
{
	struct sgx_secinfo secinfo = { .flags = (u64)type << 8 };
	u32 code;

	if (p->type != SGX_PAGE_TYPE_REG &&
	    !(p->type == SGX_PAGE_TYPE_TCS && type == SGX_PAGE_TYPE_TRIM))
		return -EINVAL;
	if (type == SGX_PAGE_TYPE_TCS) {
		if (~p->rights & (VM_READ | VM_WRITE))
			return -EPERM;
		enclave_unmap(p->enclave, p->address);
	}
	code = encls_emodt(&secinfo, epc_address(p->epc));
	if (code) {
		if (!encls_faulted(code))
			*ret_code = code;
		return -EFAULT;
	}
	p->type = type;
	if (type == SGX_PAGE_TYPE_TCS)
		p->rights &= ~VM_EXEC;
	return 0;
}

static long modify_types(struct sgx_enclave *e, void __user *argument)
{
	struct sgx_enclave_modify_types request;
	struct sgx_encl_page *p;
	long r = sgx2_ready(e);
	u64 done;

	if (r)
		return r;
	if (copy_from_user(&request, argument, sizeof(request)))
		return -EFAULT;
	if (!range_is_valid(e, request.offset, request.length) || request.result || request.count ||
	    (request.page_type != SGX_PAGE_TYPE_TCS && request.page_type != SGX_PAGE_TYPE_TRIM))
		return -EINVAL;
	for (done = 0; done < request.length; done += PAGE_SIZE) {
		cond_resched();
		p = enclave_lock_page(e, e->base + request.offset + done);
		if (IS_ERR(p)) {
			r = sgx2_page_error(p);
			break;
		}
		r = modify_locked(p, request.page_type, &request.result);
		mutex_unlock(&e->lock);
		if (r)
			break;
	}
	if (done && settle(e))
		r = -EFAULT;
	request.count = done;
	return copy_to_user(argument, &request, sizeof(request)) ? -EFAULT : r;
}

/* Only what the enclave has given up: trimmed and accepted. EMODPR tells: 20 before EACCEPT, a page fault after. */
static long remove_page(struct sgx_enclave *e, unsigned long address)
{
	struct sgx_secinfo secinfo = { .flags = SGX_SECINFO_R | SGX_SECINFO_W | SGX_SECINFO_X };
	struct sgx_encl_page *p = enclave_lock_page(e, address);
	long r = -EPERM;
	u32 code;

	if (IS_ERR(p))
		return sgx2_page_error(p);
	if (p->type == SGX_PAGE_TYPE_TRIM) {
		code = encls_emodpr(&secinfo, epc_address(p->epc));
		if (encls_faulted(code) && encls_vector(code) == X86_TRAP_PF) {
			enclave_unmap(e, address);
			enclave_page_remove(p);
			r = 0;
		}
	}
	mutex_unlock(&e->lock);
	return r;
}

static long remove_page_range(struct sgx_enclave *e, void __user *argument)
{
	struct sgx_enclave_remove_pages request;
	long r = sgx2_ready(e);
	u64 done;

	if (r)
		return r;
	if (copy_from_user(&request, argument, sizeof(request)))
		return -EFAULT;
	if (!range_is_valid(e, request.offset, request.length) || request.count)
		return -EINVAL;
	for (done = 0; done < request.length; done += PAGE_SIZE) {
		cond_resched();
		r = remove_page(e, e->base + request.offset + done);
		if (r)
			break;
	}
	request.count = done;
	return copy_to_user(argument, &request, sizeof(request)) ? -EFAULT : r;
}

long enclave_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct sgx_enclave *e = file->private_data;
	void __user *user = (void __user *)argument;
	long r;

	if (test_and_set_bit_lock(ENCLAVE_IN_IOCTL, &e->flags))
		return -EBUSY;
	switch (command) {
	case SGX_IOC_ENCLAVE_CREATE:
		r = create_enclave(e, user);
		break;
	case SGX_IOC_ENCLAVE_ADD_PAGES:
		r = add_page_range(e, user);
		break;
	case SGX_IOC_ENCLAVE_INIT:
		r = init_enclave(e, user);
		break;
	case SGX_IOC_ENCLAVE_PROVISION:
		r = grant_provision(e, user);
		break;
	case SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS:
		r = restrict_permissions(e, user);
		break;
	case SGX_IOC_ENCLAVE_MODIFY_TYPES:
		r = modify_types(e, user);
		break;
	case SGX_IOC_ENCLAVE_REMOVE_PAGES:
		r = remove_page_range(e, user);
		break;
	default:
		r = -ENOIOCTLCMD;
	}
	clear_bit_unlock(ENCLAVE_IN_IOCTL, &e->flags);
	return r;
}
