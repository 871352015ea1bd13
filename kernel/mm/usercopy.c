/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies between kernel and application. The platform's copy stops at the first byte it cannot reach; then the fault is
 * offered to mm_fault, which may map what is there but was not mapped yet (shared memory mapped lazily, a stack that
 * grows, a file that has grown), and the copy goes on. So these functions may take mm.lock and a mapping's lock: callers
 * hold neither.
 */
#include "kernel/mm/usercopy.h"

#include <linux/errno.h>
#include <linux/limits.h>

#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "lib/base/string.h"

/* Progress is certain: each repair is followed by a copy that must get further. */
#define PATH_FIRST 128UL

bool access_ok(struct uptr at, size_t size)
{
	const struct plat_info *info = plat_info();
	uintptr_t end;

	if (unlikely(__builtin_add_overflow(at.v, size, &end)) || end > info->user_end)
		return false;
	if (!size)
		return true;
	if (at.v < info->user_start)
		return false;
	return end <= info->reserved_start || at.v >= info->reserved_end;
}

/* The copy stopped at `at`: true if it may go on. */
static bool repair(uintptr_t at, unsigned int access)
{
	int sig, code;

	return mm_fault(at, access, &sig, &code);
}

size_t copy_in_partial(void *to, struct uptr from, size_t size)
{
	size_t left = plat_copy_user(to, (const void *)from.v, size);

	while (unlikely(left)) {
		size_t done = size - left, now;

		if (!repair(from.v + done, PLAT_READ))
			return done;
		now = plat_copy_user((char *)to + done, (const void *)(from.v + done), left);
		if (now == left)
			return done;
		left = now;
	}
	return size;
}

size_t copy_out_partial(struct uptr to, const void *from, size_t size)
{
	size_t left = plat_copy_user((void *)to.v, from, size);

	while (unlikely(left)) {
		size_t done = size - left, now;

		if (!repair(to.v + done, PLAT_WRITE))
			return done;
		now = plat_copy_user((void *)(to.v + done), (const char *)from + done, left);
		if (now == left)
			return done;
		left = now;
	}
	return size;
}

size_t zero_out_partial(struct uptr to, size_t size)
{
	size_t left = plat_zero_user((void *)to.v, size);

	while (unlikely(left)) {
		size_t done = size - left, now;

		if (!repair(to.v + done, PLAT_WRITE))
			return done;
		now = plat_zero_user((void *)(to.v + done), left);
		if (now == left)
			return done;
		left = now;
	}
	return size;
}

int copy_in(void *to, struct uptr from, size_t size)
{
	if (unlikely(!access_ok(from, size)))
		return -EFAULT;
	return likely(copy_in_partial(to, from, size) == size) ? 0 : -EFAULT;
}

int copy_out(struct uptr to, const void *from, size_t size)
{
	if (unlikely(!access_ok(to, size)))
		return -EFAULT;
	return likely(copy_out_partial(to, from, size) == size) ? 0 : -EFAULT;
}

int zero_out(struct uptr to, size_t size)
{
	if (unlikely(!access_ok(to, size)))
		return -EFAULT;
	return zero_out_partial(to, size) == size ? 0 : -EFAULT;
}

long copy_in_string(char *to, struct uptr from, size_t size)
{
	size_t done = 0, step = 64;

	while (done < size) {
		size_t in_page = PAGE_SIZE - ((from.v + done) & (PAGE_SIZE - 1));
		size_t n = MIN(step, in_page);
		char *end;

		n = MIN(n, size - done);
		/* A piece lies in one page: what comes behind the NUL in it cannot fault. */
		if (copy_in(to + done, uptr_add(from, done), n))
			return -EFAULT;
		end = memchr(to + done, 0, n);
		if (end)
			return end - to;
		done += n;
		step = 512;
	}
	return -ENAMETOOLONG;
}

int copy_in_path(struct uptr from, char **ret_path)
{
	char first[PATH_FIRST], *path;
	long len = copy_in_string(first, from, PATH_FIRST);

	if (likely(len >= 0)) {
		path = kmalloc((size_t)len + 1);
		if (!path)
			return -ENOMEM;
		memcpy(path, first, (size_t)len + 1);
		*ret_path = path;
		return 0;
	}
	if (len != -ENAMETOOLONG)
		return (int)len;
	path = kmalloc(PATH_MAX);
	if (!path)
		return -ENOMEM;
	memcpy(path, first, PATH_FIRST);
	len = copy_in_string(path + PATH_FIRST, uptr_add(from, PATH_FIRST), PATH_MAX - PATH_FIRST);
	if (len < 0) {
		kfree(path);
		return (int)len;
	}
	*ret_path = path;
	return 0;
}

int copy_in_struct(void *to, size_t size, struct uptr from, size_t user_size)
{
	size_t common = MIN(size, user_size);

	if (!access_ok(from, user_size))
		return -EFAULT;
	for (size_t at = size; at < user_size;) {
		char piece[128];
		size_t n = MIN(user_size - at, sizeof(piece));

		if (copy_in(piece, uptr_add(from, at), n))
			return -EFAULT;
		for (size_t i = 0; i < n; i++)
			if (piece[i])
				return -E2BIG;
		at += n;
	}
	if (copy_in(to, from, common))
		return -EFAULT;
	if (size > common)
		memset((char *)to + common, 0, size - common);
	return 0;
}
