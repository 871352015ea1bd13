/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sequences of buffers. Every user segment passed access_ok when the uio was made, so the copies here go straight to
 * the platform. A fault ends the copy; the uio stands at the first byte that was not copied.
 */
#include <linux/errno.h>

#include "kernel/mm/kmalloc.h"
#include "kernel/mm/usercopy.h"
#include "lib/base/string.h"

#define IOV_MAX 1024UL
#define IO_MAX 0x7ffff000UL /* as Linux's MAX_RW_COUNT */

void uio_init_kernel(struct uio *io, const void *buffer, size_t size)
{
	io->segments = io->inline_segments;
	io->count = 0;
	io->left = size;
	io->kernel = (void *)(uintptr_t)buffer;
	io->allocated = NULL;
}

int uio_init_user(struct uio *io, struct uptr base, size_t size)
{
	if (unlikely(!access_ok(base, size)))
		return -EFAULT;
	if (size > IO_MAX)
		size = IO_MAX;
	io->inline_segments[0].base = base;
	io->inline_segments[0].size = size;
	io->segments = io->inline_segments;
	io->count = 1;
	io->left = size;
	io->kernel = NULL;
	io->allocated = NULL;
	return 0;
}

int uio_init_iovec(struct uio *io, struct uptr iovec, unsigned long count)
{
	struct uio_segment *s = io->inline_segments;
	size_t total = 0;
	int err;

	_Static_assert(sizeof(struct uio_segment) == 16, "as struct iovec");
	if (count > IOV_MAX)
		return -EINVAL;
	io->allocated = NULL;
	io->kernel = NULL;
	if (count > UIO_INLINE) {
		s = io->allocated = kmalloc(count * sizeof(*s));
		if (!s)
			return -ENOMEM;
	}
	err = copy_in(s, iovec, count * sizeof(*s));
	if (err)
		goto out;
	for (unsigned long i = 0; i < count; i++) {
		err = -EINVAL;
		if ((long)s[i].size < 0)
			goto out;
		err = -EFAULT;
		if (!access_ok(s[i].base, s[i].size))
			goto out;
		if (s[i].size > IO_MAX - total)
			s[i].size = IO_MAX - total;
		total += s[i].size;
	}
	io->segments = s;
	io->count = (unsigned int)count;
	io->left = total;
	return 0;
out:
	kfree(io->allocated);
	io->allocated = NULL;
	return err;
}

void uio_done(struct uio *io)
{
	if (unlikely(io->allocated != NULL)) {
		kfree(io->allocated);
		io->allocated = NULL;
	}
}

static void advance(struct uio *io, size_t n)
{
	io->left -= n;
	if (io->kernel) {
		io->kernel = (char *)io->kernel + n;
		return;
	}
	while (io->count) {
		struct uio_segment *s = io->segments;
		size_t step = MIN(n, s->size);

		s->base.v += step;
		s->size -= step;
		n -= step;
		if (s->size)
			break;
		io->segments++;
		io->count--;
	}
}

/* The next piece of at most `size` bytes in *ret_at; 0 when used up. */
static inline size_t piece(struct uio *io, size_t size, struct uptr *ret_at)
{
	while (io->count && !io->segments->size) {
		io->segments++;
		io->count--;
	}
	if (!io->count)
		return 0;
	*ret_at = io->segments->base;
	return MIN(size, io->segments->size);
}

size_t uio_put(struct uio *io, const void *from, size_t size)
{
	size_t done = 0;

	size = MIN(size, io->left);
	if (io->kernel) {
		memcpy(io->kernel, from, size);
		advance(io, size);
		return size;
	}
	while (done < size) {
		struct uptr at;
		size_t n = piece(io, size - done, &at), got;

		if (!n)
			break;
		got = copy_out_partial(at, (const char *)from + done, n);
		advance(io, got);
		done += got;
		if (got < n)
			break;
	}
	return done;
}

size_t uio_get(struct uio *io, void *to, size_t size)
{
	size_t done = 0;

	size = MIN(size, io->left);
	if (io->kernel) {
		memcpy(to, io->kernel, size);
		advance(io, size);
		return size;
	}
	while (done < size) {
		struct uptr at;
		size_t n = piece(io, size - done, &at), got;

		if (!n)
			break;
		got = copy_in_partial((char *)to + done, at, n);
		advance(io, got);
		done += got;
		if (got < n)
			break;
	}
	return done;
}

size_t uio_put_zeros(struct uio *io, size_t size)
{
	size_t done = 0;

	size = MIN(size, io->left);
	if (io->kernel) {
		memset(io->kernel, 0, size);
		advance(io, size);
		return size;
	}
	while (done < size) {
		struct uptr at;
		size_t n = piece(io, size - done, &at), got;

		if (!n)
			break;
		got = zero_out_partial(at, n);
		advance(io, got);
		done += got;
		if (got < n)
			break;
	}
	return done;
}

void uio_skip(struct uio *io, size_t size)
{
	advance(io, MIN(size, io->left));
}

size_t uio_peek(const struct uio *io, struct uptr *ret_at)
{
	if (io->kernel || !io->left)
		return 0;
	for (unsigned int i = 0; i < io->count; i++) {
		if (io->segments[i].size) {
			*ret_at = io->segments[i].base;
			return MIN(io->segments[i].size, io->left);
		}
	}
	return 0;
}
