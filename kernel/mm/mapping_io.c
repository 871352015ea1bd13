/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read and write of cached files. A reader takes references on the pages under mapping.lock and copies without it. A
 * writer holds write_lock for the whole call, which makes writes atomic among each other and keeps pages from being
 * cut; it copies without mapping.lock and publishes the new size last, so nobody reads bytes that are not there yet.
 */
#include <linux/errno.h>

#include "kernel/mm/extent.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/usercopy.h"
#include "lib/base/string.h"

#define PIECE_PAGES 16UL /* references taken at once */
#define READ_AHEAD 32UL	 /* pages filled at least, where the file has them */
#define GROW_MAX 256UL
#define SIZE_LIMIT ((uint64_t)INT64_MAX - PAGE_SIZE)

long mapping_read(struct mapping *m, struct uio *io, uint64_t pos)
{
	size_t done = 0;

	while (io->left) {
		uint64_t index = pos >> PAGE_SHIFT, size;
		size_t offset = pos & (PAGE_SIZE - 1), n, got, pages;
		struct extent *e;
		char *page;

		mutex_lock(&m->lock);
		size = m->size;
		if (pos >= size) {
			mutex_unlock(&m->lock);
			break;
		}
		n = MIN(io->left, size - pos);
		e = extent_at(m, index);
		if (likely(e != NULL)) {
			pages = MIN(extent_end(e) - index, PIECE_PAGES);
			n = MIN(n, pages * PAGE_SIZE - offset);
			pages = (offset + n + PAGE_SIZE - 1) >> PAGE_SHIFT;
			page = extent_page(e, index);
			pages_get(page, pages);
			mutex_unlock(&m->lock);
			got = uio_put(io, page + offset, n);
			pages_put(page, pages);
		} else if (m->ops && m->ops->fill) {
			uint64_t last = (size - 1) >> PAGE_SHIFT;
			int err;

			mutex_unlock(&m->lock);
			pages = (offset + n + PAGE_SIZE - 1) >> PAGE_SHIFT;
			pages = MAX(pages, READ_AHEAD);
			pages = MIN(pages, GROW_MAX);
			err = mapping_populate(m, index, MIN(pages, last - index + 1));
			if (err)
				return done ? (long)done : err;
			continue;
		} else {
			e = extent_from(m, index);
			if (e)
				n = MIN(n, (e->index << PAGE_SHIFT) - pos);
			mutex_unlock(&m->lock);
			got = uio_put_zeros(io, n);
		}
		done += got;
		pos += got;
		if (unlikely(got < n))
			return done ? (long)done : -EFAULT;
	}
	return (long)done;
}

/*
 * Makes pages for a write of `size` bytes at `pos`, where there is a hole; at least the first. write_lock is held.
 * Beyond the end of the file nobody looks at them yet, so only what the write leaves out is zeroed.
 */
static int write_allocate(struct mapping *m, uint64_t pos, size_t size)
{
	uint64_t index = pos >> PAGE_SHIFT;
	size_t offset = pos & (PAGE_SIZE - 1), want = (offset + size + PAGE_SIZE - 1) >> PAGE_SHIFT,
	       grow = 0;
	bool beyond = index >= (PAGE_UP(m->size) >> PAGE_SHIFT);
	struct extent *next;
	struct run r;
	int err;

	if (!beyond && m->ops && m->ops->fill) {
		/* Whole pages need not be read to be overwritten, but somebody may map them meanwhile: be simple. */
		return mapping_populate(m, index, 1);
	}
	mutex_lock(&m->lock);
	next = extent_from(m, index);
	if (next && next->index <= index) {
		mutex_unlock(&m->lock);
		return 0;
	}
	if (next)
		want = MIN(want, next->index - index);
	else if (beyond && !m->reclaimable)
		grow = MIN(m->pages, GROW_MAX);
	err = run_alloc_pages(m, index, want, grow, !beyond, &r);
	if (!err) {
		if (beyond) {
			size_t end = MIN(offset + size, r.count * PAGE_SIZE);

			memset(r.pages, 0, offset);
			memset(r.pages + end, 0, r.count * PAGE_SIZE - end);
		}
		r.dirty = m->ops && m->ops->write_back;
		err = run_insert(m, index, &r);
	}
	mutex_unlock(&m->lock);
	return err;
}

static long write_locked(struct mapping *m, struct uio *io, uint64_t pos)
{
	size_t done = 0;
	int err = 0;

	if (pos > SIZE_LIMIT || io->left > SIZE_LIMIT - pos)
		return -EFBIG;
	if (pos > m->size && io->left) {
		/* The gap becomes part of the file. */
		mutex_lock(&m->lock);
		mapping_zero_cached(m, m->size, pos);
		mutex_unlock(&m->lock);
	}
	while (io->left) {
		uint64_t index = pos >> PAGE_SHIFT;
		size_t offset = pos & (PAGE_SIZE - 1), n, got;
		struct extent *e;
		char *page = NULL;

		mutex_lock(&m->lock);
		e = extent_at(m, index);
		if (likely(e != NULL)) {
			page = extent_page(e, index);
			n = MIN(io->left, (extent_end(e) - index) * PAGE_SIZE - offset);
			if (m->ops && m->ops->write_back)
				e->dirty = true;
		}
		mutex_unlock(&m->lock);
		if (!page) {
			err = write_allocate(m, pos, io->left);
			if (err)
				break;
			continue;
		}
		got = uio_get(io, page + offset, n);
		done += got;
		pos += got;
		if (unlikely(got < n)) {
			/* What was made for bytes that never came: beyond the end it must read as zeros one day. */
			if (pos + (n - got) > m->size) {
				uint64_t from = MAX(pos, m->size);

				memset(page + offset + got + (from - pos), 0,
				       n - got - (from - pos));
			}
			err = -EFAULT;
		}
		if (got) {
			if (pos > m->size)
				__atomic_store_n(&m->size, pos, __ATOMIC_RELEASE);
			__atomic_store_n(&m->changes, m->changes + 1, __ATOMIC_RELEASE);
		}
		if (unlikely(err))
			break;
	}
	return done ? (long)done : err;
}

long mapping_write(struct mapping *m, struct uio *io, uint64_t pos)
{
	long done;

	mutex_lock(&m->write_lock);
	done = write_locked(m, io, pos);
	mutex_unlock(&m->write_lock);
	return done;
}

long mapping_append(struct mapping *m, struct uio *io, uint64_t *ret_pos)
{
	uint64_t pos;
	long done;

	mutex_lock(&m->write_lock);
	pos = m->size;
	done = write_locked(m, io, pos);
	mutex_unlock(&m->write_lock);
	*ret_pos = pos;
	return done;
}
