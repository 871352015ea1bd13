/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only ways from kernel code to an application's memory. Addresses are checked against the user range and the
 * enclave's hole in it; faults are -EFAULT. All may fault in pages, so hold no spinning lock over them.
 */
#pragma once

#include "abi/platform.h"
#include "lib/base/types.h"

bool access_ok(struct uptr at, size_t size);
must_check int copy_in(void *to, struct uptr from, size_t size); /* 0 or -EFAULT */
must_check int copy_out(struct uptr to, const void *from, size_t size);
must_check int zero_out(struct uptr to, size_t size);
/* NUL-ended string: its length without NUL; -EFAULT; -ENAMETOOLONG if there is no NUL within `size`. */
must_check long copy_in_string(char *to, struct uptr from, size_t size);
/* A path of at most PATH_MAX: kmalloc'd copy in *ret, or -EFAULT, -ENAMETOOLONG, -ENOMEM. Free with kfree. */
must_check int copy_in_path(struct uptr from, char **ret_path);
/* A structure whose size may grow (openat2, clone3): copies min, zero-fills, -E2BIG if extra bytes are not zero. */
must_check int copy_in_struct(void *to, size_t size, struct uptr from, size_t user_size);

/* After access_ok: bytes copied before the first one that faults for good. */
size_t copy_in_partial(void *to, struct uptr from, size_t size);
size_t copy_out_partial(struct uptr to, const void *from, size_t size);
size_t zero_out_partial(struct uptr to, size_t size);

#define get_user(value, at) copy_in(&(value), (at), sizeof(value))
#define put_user(value, at)                                    \
	({                                                     \
		__typeof__(value) put_value = (value);         \
		copy_out((at), &put_value, sizeof(put_value)); \
	})

static inline struct uptr uptr_add(struct uptr p, size_t offset)
{
	return UPTR(p.v + offset);
}

/* --- uio: a sequence of buffers being filled or drained ----------------------------------------------------- */

struct uio_segment {
	struct uptr base;
	size_t size;
};

#define UIO_INLINE 8

/* Where read() puts and write() takes bytes: user segments, or one kernel buffer. */
struct uio {
	struct uio_segment *segments; /* current one; advanced in place */
	unsigned int count;	      /* segments left */
	size_t left;		      /* bytes left in all */
	void *kernel;		      /* not NULL: a kernel buffer instead */
	struct uio_segment inline_segments[UIO_INLINE];
	struct uio_segment *allocated; /* kfree'd by uio_done */
};

void uio_init_kernel(struct uio *io, const void *buffer, size_t size);
#define UIO_MAX 0x7ffff000UL /* bytes of one read or write, as Linux's MAX_RW_COUNT */
must_check int uio_init_user(struct uio *io, struct uptr base,
			     size_t size); /* -EFAULT if not in the user range */
/* iovec array of the application: -EINVAL (count > 1024, negative sum), -EFAULT, -ENOMEM. Total capped at 0x7ffff000. */
must_check int uio_init_iovec(struct uio *io, struct uptr iovec, unsigned long count);
void uio_done(struct uio *io);
/* Copy and advance; bytes done: fewer than size only when the uio is used up or a fault came. */
size_t uio_put(struct uio *io, const void *from, size_t size); /* kernel -> uio (read) */
size_t uio_get(struct uio *io, void *to, size_t size);	       /* uio -> kernel (write) */
size_t uio_put_zeros(struct uio *io, size_t size);
void uio_skip(struct uio *io, size_t size);
/* First contiguous user piece, for hostcalls straight into user memory: 0 if kernel buffer or empty. */
size_t uio_peek(const struct uio *io, struct uptr *ret_at);
