/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptor tables.
 *
 * One block of memory holds the slots and the two bitmaps, and is replaced by a larger one when it is full. Changes and
 * looks from other tasks take table->lock. The only user of a table that is not shared (refs == 1) reads it without the
 * lock: nobody else may change it then (others in /proc only read, and hold no reference while they do).
 * A file is never released with the lock held.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>

#include <asm/resource.h>

#include "kernel/fs/file.h"
#include "kernel/fs/walk.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/task/task.h"
#include "lib/base/string.h"

#define FDS_FIRST 64u
#define WORD_BITS 64u

static bool bit_test(const uint64_t *map, unsigned int n)
{
	return map[n / WORD_BITS] >> n % WORD_BITS & 1;
}

static void bit_set(uint64_t *map, unsigned int n)
{
	map[n / WORD_BITS] |= 1ULL << n % WORD_BITS;
}

static void bit_clear(uint64_t *map, unsigned int n)
{
	map[n / WORD_BITS] &= ~(1ULL << n % WORD_BITS);
}

/* size: a multiple of WORD_BITS. The new block has the old one's contents up to `keep` slots. */
static int table_resize(struct fd_table *t, unsigned int size, unsigned int keep)
{
	size_t bitmap = size / 8, slots = size * sizeof(struct file *);
	char *block = kmalloc(slots + 2 * bitmap);
	struct file **files;
	uint64_t *open, *cloexec;

	if (!block)
		return -ENOMEM;
	files = (struct file **)(void *)block;
	open = (uint64_t *)(void *)(block + slots);
	cloexec = (uint64_t *)(void *)(block + slots + bitmap);
	memset(block, 0, slots + 2 * bitmap);
	if (keep) {
		memcpy(files, t->files, keep * sizeof(*files));
		memcpy(open, t->open, keep / 8);
		memcpy(cloexec, t->cloexec, keep / 8);
	}
	kfree(t->files);
	t->files = files;
	t->open = open;
	t->cloexec = cloexec;
	t->size = size;
	return 0;
}

struct fd_table *fd_table_new(void)
{
	struct fd_table *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	ref_init(&t->refs);
	if (table_resize(t, FDS_FIRST, 0)) {
		kfree(t);
		return NULL;
	}
	return t;
}

/* Slots in use, rounded up to whole words. */
static unsigned int used_size(const struct fd_table *t)
{
	unsigned int words = t->size / WORD_BITS;

	while (words && !t->open[words - 1])
		words--;
	return words * WORD_BITS;
}

struct fd_table *fd_table_copy(struct fd_table *from, unsigned int max_fd)
{
	struct fd_table *t = kzalloc(sizeof(*t));
	unsigned int size;

	if (!t)
		return NULL;
	ref_init(&t->refs);
	mutex_lock(&from->lock);
	size = used_size(from);
	if (max_fd < size)
		size = (max_fd + WORD_BITS) / WORD_BITS * WORD_BITS;
	size = MIN(MAX(size, FDS_FIRST), from->size);
	if (table_resize(t, size, 0)) {
		mutex_unlock(&from->lock);
		kfree(t);
		return NULL;
	}
	for (unsigned int w = 0; w < size / WORD_BITS; w++) {
		uint64_t open = from->open[w];

		if (max_fd / WORD_BITS < w)
			break;
		if (max_fd / WORD_BITS == w && max_fd % WORD_BITS != WORD_BITS - 1)
			open &= (2ULL << max_fd % WORD_BITS) - 1;
		t->open[w] = open;
		t->cloexec[w] = from->cloexec[w] & open;
		for (; open; open &= open - 1) {
			unsigned int fd = w * WORD_BITS + (unsigned int)__builtin_ctzll(open);

			t->files[fd] = file_get(from->files[fd]);
		}
	}
	t->next = MIN(from->next, size);
	mutex_unlock(&from->lock);
	return t;
}

/* Takes the file out; lock held. */
static struct file *take_locked(struct fd_table *t, unsigned int fd)
{
	struct file *f = fd < t->size ? t->files[fd] : NULL;

	if (!f)
		return NULL;
	t->files[fd] = NULL;
	bit_clear(t->open, fd);
	bit_clear(t->cloexec, fd);
	t->next = MIN(t->next, fd);
	return f;
}

/* The first descriptor from `first` that is in `map`, taken out; or NULL. Advances *first. */
static struct file *take_next(struct fd_table *t, unsigned int *first, unsigned int last,
			      bool cloexec)
{
	struct file *f = NULL;

	mutex_lock(&t->lock);
	while (*first <= last && *first < t->size) {
		const uint64_t *map = cloexec ? t->cloexec : t->open;
		uint64_t word = map[*first / WORD_BITS] >> *first % WORD_BITS;

		if (!word) {
			*first = (*first / WORD_BITS + 1) * WORD_BITS;
			continue;
		}
		*first += (unsigned int)__builtin_ctzll(word);
		if (*first <= last)
			f = take_locked(t, (*first)++);
		break;
	}
	mutex_unlock(&t->lock);
	return f;
}

static void close_files(struct fd_table *t, unsigned int first, unsigned int last, bool cloexec)
{
	struct file *f;

	while ((f = take_next(t, &first, last, cloexec)) != NULL)
		(void)file_close(f, t);
}

void fd_table_put(struct fd_table *t)
{
	if (!t || !ref_put(&t->refs))
		return;
	close_files(t, 0, UINT32_MAX, false);
	kfree(t->files);
	kfree(t);
}

void fd_table_exec(struct fd_table *t)
{
	close_files(t, 0, UINT32_MAX, true);
}

void fd_table_close_range(struct fd_table *t, unsigned int first, unsigned int last, bool mark_only)
{
	if (!mark_only) {
		close_files(t, first, last, false);
		return;
	}
	mutex_lock(&t->lock);
	for (unsigned int fd = first; fd <= last && fd < t->size; fd++)
		if (bit_test(t->open, fd))
			bit_set(t->cloexec, fd);
	mutex_unlock(&t->lock);
}

unsigned int fd_table_count(struct fd_table *t)
{
	unsigned int count = 0;

	mutex_lock(&t->lock);
	for (unsigned int w = 0; w < t->size / WORD_BITS; w++)
		for (uint64_t word = t->open[w]; word; word &= word - 1)
			count++;
	mutex_unlock(&t->lock);
	return count;
}

/* --- one descriptor ------------------------------------------------------------------------------------------------- */

struct file *fd_get_from(struct fd_table *t, int fd)
{
	struct file *f = NULL;

	mutex_lock(&t->lock);
	if ((unsigned int)fd < t->size && t->files[fd])
		f = file_get(t->files[fd]);
	mutex_unlock(&t->lock);
	return f;
}

struct file *fd_get_path(int fd)
{
	struct fd_table *t = current()->files;
	struct file *f;

	if (unlikely(!t))
		return NULL;
	if (__atomic_load_n(&t->refs.v, __ATOMIC_ACQUIRE) != 1)
		return fd_get_from(t, fd);
	if (unlikely((unsigned int)fd >= t->size))
		return NULL;
	f = t->files[fd];
	return likely(f) ? file_get(f) : NULL;
}

struct file *fd_get(int fd)
{
	struct file *f = fd_get_path(fd);

	if (unlikely(f && (f->flags & O_PATH))) {
		file_put(f);
		return NULL;
	}
	return f;
}

static unsigned int fd_limit(void)
{
	uint64_t limit = current_process()->limits[RLIMIT_NOFILE].current;

	return (unsigned int)MIN(limit, (uint64_t)FDS_MAX_DEFAULT);
}

/* Makes slot fd exist; lock held. */
static int need_slot(struct fd_table *t, unsigned int fd)
{
	unsigned int size = t->size;

	if (likely(fd < size))
		return 0;
	while (size <= fd)
		size *= 2;
	return table_resize(t, MIN(size, (unsigned int)FDS_MAX_DEFAULT), t->size);
}

static void install_locked(struct fd_table *t, unsigned int fd, struct file *f, bool cloexec)
{
	t->files[fd] = file_get(f);
	bit_set(t->open, fd);
	if (cloexec)
		bit_set(t->cloexec, fd);
	else
		bit_clear(t->cloexec, fd);
}

int fd_alloc(struct file *f, int lowest, bool cloexec)
{
	struct fd_table *t = current()->files;
	unsigned int fd, limit = fd_limit(), low = (unsigned int)lowest;
	int e;

	if (lowest < 0 || low >= limit)
		return lowest ? -EINVAL : -EMFILE;
	mutex_lock(&t->lock);
	fd = MAX(low, t->next);
	while (fd < t->size) {
		uint64_t word = ~t->open[fd / WORD_BITS] >> fd % WORD_BITS;

		if (word) {
			fd += (unsigned int)__builtin_ctzll(word);
			break;
		}
		fd = (fd / WORD_BITS + 1) * WORD_BITS;
	}
	e = fd >= limit ? -EMFILE : need_slot(t, fd);
	if (!e) {
		install_locked(t, fd, f, cloexec);
		if (low <= t->next)
			t->next = fd + 1;
		e = (int)fd;
	}
	mutex_unlock(&t->lock);
	return e;
}

int fd_replace(struct file *f, int fd, bool cloexec)
{
	struct fd_table *t = current()->files;
	struct file *old;
	int e;

	if (fd < 0 || (unsigned int)fd >= fd_limit())
		return -EBADF;
	mutex_lock(&t->lock);
	e = need_slot(t, (unsigned int)fd);
	if (e) {
		mutex_unlock(&t->lock);
		return e;
	}
	old = t->files[fd];
	install_locked(t, (unsigned int)fd, f, cloexec);
	mutex_unlock(&t->lock);
	if (old)
		(void)file_close(old, t);
	return fd;
}

int fd_close(int fd)
{
	struct fd_table *t = current()->files;
	struct file *f;

	mutex_lock(&t->lock);
	f = take_locked(t, (unsigned int)fd);
	mutex_unlock(&t->lock);
	return f ? file_close(f, t) : -EBADF;
}

int fd_cloexec(int fd, int set)
{
	struct fd_table *t = current()->files;
	int e = -EBADF;

	mutex_lock(&t->lock);
	if ((unsigned int)fd < t->size && t->files[fd]) {
		e = bit_test(t->cloexec, (unsigned int)fd);
		if (set > 0)
			bit_set(t->cloexec, (unsigned int)fd);
		else if (!set)
			bit_clear(t->cloexec, (unsigned int)fd);
	}
	mutex_unlock(&t->lock);
	return e;
}
