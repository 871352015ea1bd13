/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files without a name: memfd_create, and the objects behind MAP_SHARED|MAP_ANONYMOUS and System V segments. Data lives
 * in the anonymous inode's page cache. Sealing rules of write, fallocate and truncation are the generic file
 * operations'; of mmap, here. Adding a write seal is fcntl's, which looks at mapping.mapped_writable.
 */
#include "kernel/mm/memfd.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <linux/stat.h>

#include "kernel/fs/file.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/mm/usercopy.h"
#include "kernel/sys/syscall.h"
#include "lib/base/string.h"

#define PREFIX "/memfd:"
#define SUFFIX " (deleted)"
#define NAME_LEN_MAX (255 - 6) /* NAME_MAX less "memfd:" */
#define WRITE_SEALS (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)
#define NOEXEC_SEAL_ 0x0008U
#define EXEC_ 0x0010U
#define SEAL_EXEC_ 0x0020U

static int memfd_mmap(struct file *f, struct vma *v)
{
	if (v->flags & MAP_SHARED && f->inode->seals & WRITE_SEALS) {
		if (v->prot & PROT_WRITE)
			return -EPERM;
		v->may_write = false;
	}
	return generic_mmap(f, v);
}

static int memory_fsync(struct file *f, bool data_only)
{
	(void)f;
	(void)data_only;
	return 0;
}

static const struct file_ops memfd_ops = {
	.read = generic_read,
	.write = generic_write,
	.seek = generic_seek,
	.mmap = memfd_mmap,
	.fsync = memory_fsync,
	.fallocate = generic_fallocate,
};

struct file *shared_memory_new(const char *name, uint64_t size)
{
	struct file *f = file_new_anonymous(&memfd_ops, S_IFREG | 0777, name, O_RDWR, NULL);

	if (!f)
		return NULL;
	f->inode->links = 0;
	f->inode->file_ops = &memfd_ops; /* opened again by /proc/PID/fd, it is the same memory */
	if (size && mapping_truncate(f->inode->data, size)) {
		file_put(f);
		return NULL;
	}
	return f;
}

long sys_memfd_create(unsigned long *a)
{
	unsigned int flags = (unsigned int)a[1];
	struct file *f;
	char *name;
	long ret;

	if (flags &
	    ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | NOEXEC_SEAL_ | EXEC_ | (0x3fU << 26)))
		return -EINVAL;
	if (!(flags & MFD_HUGETLB) && flags & (0x3fU << 26))
		return -EINVAL;
	if (flags & NOEXEC_SEAL_ && flags & EXEC_)
		return -EINVAL;
	name = kmalloc(sizeof(PREFIX) + NAME_LEN_MAX + sizeof(SUFFIX));
	if (!name)
		return -ENOMEM;
	memcpy(name, PREFIX, sizeof(PREFIX));
	ret = copy_in_string(name + sizeof(PREFIX) - 1, UPTR(a[0]), NAME_LEN_MAX + 1);
	if (ret < 0) {
		ret = ret == -ENAMETOOLONG ? -EINVAL : ret;
		goto out;
	}
	memcpy(name + sizeof(PREFIX) - 1 + ret, SUFFIX, sizeof(SUFFIX));
	/* No pool of huge pages. */
	ret = -ENOMEM;
	if (flags & MFD_HUGETLB)
		goto out;
	f = shared_memory_new(name, 0);
	if (!f)
		goto out;
	f->inode->sealable = true;
	f->inode->seals = F_SEAL_SEAL;
	if (flags & NOEXEC_SEAL_) {
		f->inode->mode &= ~0111U;
		f->inode->seals = SEAL_EXEC_;
	} else if (flags & MFD_ALLOW_SEALING) {
		f->inode->seals = 0;
	}
	ret = fd_alloc(f, 0, flags & MFD_CLOEXEC);
	file_put(f);
out:
	kfree(name);
	return ret;
}
