/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page cache: extents (contiguous runs of pages) of a file by page index, in a tree.
 *
 * Invariants: (1) extents do not overlap; (2) each page of an extent, spare ones included, carries one reference of
 * the mapping; (3) bytes of a cached page beyond the file's size are zero unless an application wrote them through a
 * mapping, and are zeroed when the file grows over them; (4) m->pages is the sum of all counts (not capacities).
 *
 * Locks: write_lock (writers, truncation, punching: it may be held over a copy from user memory, so page faults never
 * take it) -> mapping.lock (the tree; no user memory, no host I/O under it) -> all_lock (list of mappings) -> pages_lock.
 * The shrinker goes the other way, but only tries.
 */
#include "kernel/mm/mapping.h"

#include <linux/errno.h>

#include "abi/platform.h"
#include "kernel/loader/rewrite.h"
#include "kernel/mm/extent.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "lib/base/string.h"

#define INDEX_MAX (INT64_MAX >> PAGE_SHIFT)
#define DISCARD_PAGES 16 /* from here on the host zeroes more cheaply than we do */

static struct kmem_cache *extent_cache;
static struct mutex all_lock;
static struct list all_mappings = LIST_INIT(all_mappings);

static inline struct rb_tree *tree_of(struct mapping *m)
{
	return (struct rb_tree *)&m->tree;
}

static inline struct extent *entry_of(struct rb_node *n)
{
	return n ? rb_entry(n, struct extent, node) : NULL;
}

void mapping_init(struct mapping *m, const struct mapping_ops *ops, void *owner)
{
	memset(m, 0, sizeof(*m));
	m->ops = ops;
	m->owner = owner;
	list_init(&m->text);
	list_init(&m->all);
}

struct extent *extent_next(struct extent *e)
{
	return entry_of(rb_next(&e->node));
}

/* Last extent with e->index <= index. */
static struct extent *extent_below(struct mapping *m, uint64_t index)
{
	struct rb_node *n = tree_of(m)->root;
	struct extent *best = NULL;

	while (n) {
		struct extent *e = entry_of(n);

		if (e->index <= index) {
			best = e;
			n = n->right;
		} else {
			n = n->left;
		}
	}
	return best;
}

struct extent *extent_at(struct mapping *m, uint64_t index)
{
	struct extent *e = m->cached;

	if (likely(e && index >= e->index && index < extent_end(e)))
		return e;
	e = extent_below(m, index);
	if (!e || index >= extent_end(e))
		return NULL;
	m->cached = e;
	return e;
}

struct extent *extent_from(struct mapping *m, uint64_t index)
{
	struct extent *e = extent_below(m, index);

	if (!e)
		e = entry_of(rb_first(tree_of(m)));
	while (e && extent_end(e) <= index)
		e = extent_next(e);
	return e;
}

static void extent_unlink(struct mapping *m, struct extent *e)
{
	rb_remove(tree_of(m), &e->node);
	if (m->cached == e)
		m->cached = NULL;
}

static void extent_link(struct mapping *m, struct extent *e)
{
	struct rb_node **link = &tree_of(m)->root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = e->index < entry_of(parent)->index ? &parent->left : &parent->right;
	}
	rb_insert(tree_of(m), &e->node, parent, link);
	m->cached = e;
}

/* Gives back the pages from `keep` on that the extent holds, spare ones included. */
static void extent_trim(struct extent *e, uint32_t keep)
{
	if (e->capacity > keep) {
		pages_put(e->pages + keep * PAGE_SIZE, e->capacity - keep);
		memory_account_cache(-(int64_t)(e->capacity - keep));
	}
	e->capacity = keep;
	if (e->count > keep)
		e->count = keep;
}

int run_alloc_pages(struct mapping *m, uint64_t index, size_t want, size_t grow, bool zeroed,
		    struct run *ret)
{
	struct extent *below = extent_below(m, index);
	struct run r = { .dirty = false };
	int err = 0;

	want = MIN(want, EXTENT_MAX);
	if (below && extent_end(below) == index && below->capacity > below->count) {
		r.capacity = below->capacity - below->count;
		r.pages = below->pages + (size_t)below->count * PAGE_SIZE;
		r.count = MIN(want, r.capacity);
		below->capacity = below->count;
	} else {
		r.count = want;
		r.capacity = want + grow;
	}
	if (m->account) {
		err = m->account(m, (int64_t)r.count);
		if (err && r.count > 1) {
			/* The file system is nearly full: use what is left of it. */
			r.count = 1;
			err = m->account(m, 1);
		}
		if (err)
			goto out;
	}
	if (r.pages) {
		if (zeroed)
			memset(r.pages, 0, r.count * PAGE_SIZE);
	} else {
		size_t charged = r.count;

		if (r.capacity > r.count + grow)
			r.capacity = r.count + grow;
		while (!(r.pages = zeroed ? pages_alloc_zeroed(r.capacity)
					  : pages_alloc(r.capacity)) &&
		       r.capacity > 1) {
			r.capacity = r.capacity > r.count ? r.count : (r.count + 1) / 2;
			r.count = MIN(r.count, r.capacity);
		}
		if (!r.pages)
			r.count = 0;
		if (m->account && charged != r.count)
			(void)m->account(m, (int64_t)r.count - (int64_t)charged);
		if (!r.pages)
			return -ENOMEM;
		memory_account_cache((int64_t)r.capacity);
	}
	*ret = r;
	return 0;
out:
	if (r.pages)
		below->capacity += (uint32_t)r.capacity;
	return err;
}

void run_free_pages(struct mapping *m, struct run *r)
{
	if (m->account && r->count)
		(void)m->account(m, -(int64_t)r->count);
	if (r->capacity) {
		pages_put(r->pages, r->capacity);
		memory_account_cache(-(int64_t)r->capacity);
	}
	r->count = r->capacity = 0;
}

static void list_mapping(struct mapping *m)
{
	if (likely(m->listed))
		return;
	m->listed = true;
	mutex_lock(&all_lock);
	list_add_tail(&all_mappings, &m->all);
	mutex_unlock(&all_lock);
}

int run_insert(struct mapping *m, uint64_t index, struct run *r)
{
	struct extent *below = extent_below(m, index), *above, *e;

	if (below && extent_end(below) > index) {
		run_free_pages(m, r);
		return 0;
	}
	above = below ? extent_next(below) : entry_of(rb_first(tree_of(m)));
	if (above && above->index < index + r->count) {
		size_t fits = above->index - index;

		if (m->account)
			(void)m->account(m, -(int64_t)(r->count - fits));
		pages_put(r->pages + fits * PAGE_SIZE, r->capacity - fits);
		memory_account_cache(-(int64_t)(r->capacity - fits));
		r->count = r->capacity = fits;
	}
	if (below && extent_end(below) == index && below->capacity == below->count &&
	    below->pages + (size_t)below->count * PAGE_SIZE == r->pages &&
	    (!below->count || below->dirty == r->dirty) &&
	    below->count + r->capacity <= UINT32_MAX / 2) {
		below->dirty = r->dirty;
		below->count += (uint32_t)r->count;
		below->capacity += (uint32_t)r->capacity;
		m->pages += r->count;
		m->cached = below;
		return 0;
	}
	e = kmem_cache_alloc(extent_cache);
	if (!e) {
		run_free_pages(m, r);
		return -ENOMEM;
	}
	*e = (struct extent){ .index = index,
			      .count = (uint32_t)r->count,
			      .capacity = (uint32_t)r->capacity,
			      .pages = r->pages,
			      .dirty = r->dirty };
	extent_link(m, e);
	m->pages += r->count;
	list_mapping(m);
	return 0;
}

int mapping_populate(struct mapping *m, uint64_t index, size_t want)
{
	bool fill = m->ops && m->ops->fill;
	struct extent *e;
	struct run r;
	uint64_t cuts;
	int err;

	if (index >= INDEX_MAX)
		return -EFBIG;
	want = MIN(want, INDEX_MAX - index);
	for (;;) {
		mutex_lock(&m->lock);
		e = extent_from(m, index);
		if (e && e->index <= index) {
			mutex_unlock(&m->lock);
			return 0;
		}
		if (e)
			want = MIN(want, e->index - index);
		cuts = m->cuts;
		err = run_alloc_pages(m, index, want ? want : 1, 0, false, &r);
		mutex_unlock(&m->lock);
		if (err)
			return err;
		if (fill)
			err = m->ops->fill(m, index, r.count, r.pages);
		else
			memset(r.pages, 0, r.count * PAGE_SIZE);
		mutex_lock(&m->lock);
		if (unlikely(err || cuts != m->cuts)) {
			run_free_pages(m, &r);
			mutex_unlock(&m->lock);
			if (err)
				return err;
			continue;
		}
		err = run_insert(m, index, &r);
		mutex_unlock(&m->lock);
		return err;
	}
}

static long run_of(struct extent *e, uint64_t index, size_t want, void **ret_page)
{
	size_t count = MIN(want, extent_end(e) - index);

	*ret_page = extent_page(e, index);
	pages_get(*ret_page, count);
	return (long)count;
}

long mapping_find_run(struct mapping *m, uint64_t index, size_t want, void **ret_page)
{
	struct extent *e;
	long count = 0;

	mutex_lock(&m->lock);
	e = extent_at(m, index);
	if (e && want)
		count = run_of(e, index, want, ret_page);
	mutex_unlock(&m->lock);
	return count;
}

uint64_t mapping_next_present(struct mapping *m, uint64_t index)
{
	struct extent *e;
	uint64_t next;

	mutex_lock(&m->lock);
	e = extent_from(m, index);
	next = e ? MAX(index, e->index) : UINT64_MAX;
	mutex_unlock(&m->lock);
	return next;
}

long mapping_get_run(struct mapping *m, uint64_t index, size_t want, void **ret_page)
{
	if (!want)
		return -EINVAL;
	for (;;) {
		long count = mapping_find_run(m, index, want, ret_page);
		int err;

		if (count)
			return count;
		err = mapping_populate(m, index, want);
		if (err)
			return err;
	}
}

void mapping_reserve_contiguous(struct mapping *m, uint64_t pages)
{
	struct extent *e;
	struct run r;

	if (!pages || pages > EXTENT_MAX)
		return;
	mutex_lock(&m->lock);
	if (!tree_of(m)->root && (e = kmem_cache_alloc(extent_cache))) {
		r.pages = pages_alloc(pages);
		if (r.pages) {
			*e = (struct extent){ .capacity = (uint32_t)pages, .pages = r.pages };
			memory_account_cache((int64_t)pages);
			extent_link(m, e);
			list_mapping(m);
		} else {
			kmem_cache_free(extent_cache, e);
		}
	}
	mutex_unlock(&m->lock);
}

/* --- cutting --------------------------------------------------------------------------------------------------- */

/* Splits the extent so that one starts at index. */
static int split_at(struct mapping *m, uint64_t index)
{
	struct extent *e = extent_below(m, index), *high;
	uint32_t low;

	if (!e || e->index == index || extent_end(e) <= index)
		return 0;
	high = kmem_cache_alloc(extent_cache);
	if (!high)
		return -ENOMEM;
	low = (uint32_t)(index - e->index);
	*high = *e;
	high->index = index;
	high->pages += (size_t)low * PAGE_SIZE;
	high->count -= low;
	high->capacity -= low;
	e->count = e->capacity = low;
	extent_link(m, high);
	return 0;
}

static void zero_pages(char *pages, size_t count)
{
	if (count >= DISCARD_PAGES)
		plat_discard(pages, count * PAGE_SIZE);
	else
		memset(pages, 0, count * PAGE_SIZE);
}

/*
 * Removes pages [first, end). Those that somebody maps stay, as zeros: they must be the file's again if it grows or is
 * written there, for mapping and file to agree.
 */
static int cut_range(struct mapping *m, uint64_t first, uint64_t end, bool keep_mapped,
		     bool *ret_kept)
{
	struct extent *e, *next;
	int err = split_at(m, first);

	if (!err)
		err = split_at(m, end);
	if (err)
		return err;
	m->cuts++;
	for (e = extent_from(m, first); e && e->index < end; e = next) {
		uint32_t mapped = 0, run;

		next = extent_next(e);
		extent_trim(e, e->count);
		while (keep_mapped && mapped < e->count &&
		       pages_refs(e->pages + mapped * PAGE_SIZE) > 1)
			mapped++;
		if (mapped) {
			zero_pages(e->pages, mapped);
			*ret_kept = true;
			if (mapped == e->count)
				continue;
			/* Only the mapped head stays in this extent; look at the rest again as one of its own. */
			err = split_at(m, e->index + mapped);
			if (err)
				return err;
			next = extent_next(e);
			continue;
		}
		for (run = 1; run < e->count; run++)
			if (keep_mapped && pages_refs(e->pages + run * PAGE_SIZE) > 1)
				break;
		if (run < e->count) {
			err = split_at(m, e->index + run);
			if (err)
				return err;
			next = extent_next(e);
		}
		extent_unlink(m, e);
		m->pages -= e->count;
		if (m->account)
			(void)m->account(m, -(int64_t)e->count);
		extent_trim(e, 0);
		kmem_cache_free(extent_cache, e);
	}
	return 0;
}

/* Zeroes the cached bytes [from, to) of one page. */
static void zero_part(struct mapping *m, uint64_t from, uint64_t to)
{
	struct extent *e = extent_at(m, from >> PAGE_SHIFT);

	if (e && to > from) {
		memset(extent_page(e, from >> PAGE_SHIFT) + (from & (PAGE_SIZE - 1)), 0, to - from);
		e->dirty = e->dirty || (m->ops && m->ops->write_back);
	}
}

void mapping_zero_cached(struct mapping *m, uint64_t from, uint64_t to)
{
	while (from < to) {
		uint64_t page_end = (from | (PAGE_SIZE - 1)) + 1;
		struct extent *e = extent_from(m, from >> PAGE_SHIFT);

		if (!e || e->index << PAGE_SHIFT >= to)
			return;
		if (e->index << PAGE_SHIFT > from) {
			from = e->index << PAGE_SHIFT;
			continue;
		}
		zero_part(m, from, MIN(to, page_end));
		from = page_end;
	}
}

int mapping_truncate(struct mapping *m, uint64_t size)
{
	bool mapped = false;
	uint64_t old;
	int err = 0;

	if (size > (uint64_t)INT64_MAX - PAGE_SIZE)
		return -EFBIG;
	mutex_lock(&m->write_lock);
	mutex_lock(&m->lock);
	old = m->size;
	if (size < old) {
		err = cut_range(m, PAGE_UP(size) >> PAGE_SHIFT, INDEX_MAX + 1, true, &mapped);
		if (!err)
			zero_part(m, size, PAGE_UP(size));
	} else {
		mapping_zero_cached(m, old, size);
	}
	if (!err) {
		__atomic_store_n(&m->size, size, __ATOMIC_RELEASE);
		m->changes++;
	}
	mutex_unlock(&m->lock);
	mutex_unlock(&m->write_lock);
	if (mapped)
		mm_file_was_cut();
	return err;
}

int mapping_punch(struct mapping *m, uint64_t pos, uint64_t size)
{
	uint64_t end, first, last;
	bool mapped;
	int err = 0;

	if (__builtin_add_overflow(pos, size, &end) || end > INT64_MAX - PAGE_SIZE)
		return -EFBIG;
	first = PAGE_UP(pos);
	last = PAGE_DOWN(end);
	mutex_lock(&m->write_lock);
	mutex_lock(&m->lock);
	if (first > last) {
		zero_part(m, pos, end);
	} else {
		zero_part(m, pos, first);
		zero_part(m, last, end);
		if (first < last)
			err = cut_range(m, first >> PAGE_SHIFT, last >> PAGE_SHIFT, true, &mapped);
	}
	m->changes++;
	mutex_unlock(&m->lock);
	mutex_unlock(&m->write_lock);
	return err;
}

int mapping_allocate(struct mapping *m, uint64_t pos, uint64_t size)
{
	uint64_t end, index;

	if (__builtin_add_overflow(pos, size, &end) || end > INT64_MAX - PAGE_SIZE)
		return -EFBIG;
	if (m->ops && m->ops->fill)
		return 0;
	end = PAGE_UP(end) >> PAGE_SHIFT;
	for (index = pos >> PAGE_SHIFT; index < end;) {
		struct extent *e;
		int err;

		mutex_lock(&m->lock);
		e = extent_at(m, index);
		if (e)
			index = extent_end(e);
		mutex_unlock(&m->lock);
		if (e)
			continue;
		err = mapping_populate(m, index, end - index);
		if (err)
			return err;
	}
	return 0;
}

int64_t mapping_seek_data(struct mapping *m, uint64_t pos, bool hole)
{
	uint64_t size = __atomic_load_n(&m->size, __ATOMIC_ACQUIRE), index = pos >> PAGE_SHIFT;
	struct extent *e;

	if (pos >= size)
		return -ENXIO;
	if (m->ops && m->ops->fill)
		return (int64_t)(hole ? size : pos);
	mutex_lock(&m->lock);
	e = extent_from(m, index);
	if (hole) {
		while (e && e->index <= index) {
			index = extent_end(e);
			pos = MAX(pos, index << PAGE_SHIFT);
			e = extent_next(e);
		}
		pos = MIN(pos, size);
	} else if (e && e->index > index) {
		pos = e->index << PAGE_SHIFT;
	}
	mutex_unlock(&m->lock);
	if (!hole && (!e || pos >= size))
		return -ENXIO;
	return (int64_t)pos;
}

/* --- life ------------------------------------------------------------------------------------------------------- */

static void drop_all(struct mapping *m, bool clean_only)
{
	struct extent *e = entry_of(rb_first(tree_of(m))), *next;

	m->cuts++;
	for (; e; e = next) {
		next = extent_next(e);
		if (clean_only && e->dirty)
			continue;
		extent_unlink(m, e);
		m->pages -= e->count;
		if (m->account && e->count)
			(void)m->account(m, -(int64_t)e->count);
		extent_trim(e, 0);
		kmem_cache_free(extent_cache, e);
	}
}

void mapping_drop_clean(struct mapping *m)
{
	mutex_lock(&m->write_lock);
	mutex_lock(&m->lock);
	drop_all(m, true);
	m->changes++;
	mutex_unlock(&m->lock);
	mutex_unlock(&m->write_lock);
}

void mapping_done(struct mapping *m)
{
	if (!list_empty(&m->text))
		rewrite_drop_mapping(m);
	if (m->listed) {
		mutex_lock(&all_lock);
		list_remove(&m->all);
		mutex_unlock(&all_lock);
		m->listed = false;
	}
	mutex_lock(&m->lock);
	drop_all(m, false);
	mutex_unlock(&m->lock);
}

int mapping_sync(struct mapping *m)
{
	uint64_t index = 0;
	int err = 0;

	if (!m->ops || !m->ops->write_back)
		return 0;
	for (;;) {
		struct extent *e;
		size_t count;
		void *pages;
		int result;

		mutex_lock(&m->lock);
		e = extent_from(m, index);
		while (e && !e->dirty && !m->mapped_writable)
			e = extent_next(e);
		if (!e) {
			mutex_unlock(&m->lock);
			return err;
		}
		e->dirty = false;
		index = MAX(index, e->index);
		count = (size_t)run_of(e, index, e->count, &pages);
		mutex_unlock(&m->lock);
		result = m->ops->write_back(m, index, count, pages);
		pages_put(pages, count);
		if (result) {
			/* Still to be written: the next sync tries again. */
			mutex_lock(&m->lock);
			e = extent_at(m, index);
			if (e)
				e->dirty = true;
			mutex_unlock(&m->lock);
			err = err ? err : result;
		}
		index += count;
	}
}

/* --- when memory is short ----------------------------------------------------------------------------------------- */

static bool extent_unused(const struct extent *e)
{
	if (e->dirty)
		return false;
	for (uint32_t i = 0; i < e->count; i++)
		if (pages_refs(e->pages + i * PAGE_SIZE) > 1)
			return false;
	return true;
}

static size_t shrink_mapping(struct mapping *m)
{
	struct extent *e = entry_of(rb_first(tree_of(m))), *next;
	size_t freed = 0;

	for (; e; e = next) {
		next = extent_next(e);
		if (m->reclaimable && !m->mapped_writable && extent_unused(e)) {
			m->cuts++;
			freed += e->capacity;
			extent_unlink(m, e);
			m->pages -= e->count;
			if (m->account && e->count)
				(void)m->account(m, -(int64_t)e->count);
			extent_trim(e, 0);
			kmem_cache_free(extent_cache, e);
		} else if (e->count) {
			freed += e->capacity - e->count;
			extent_trim(e, e->count);
		}
	}
	return freed;
}

static size_t shrink_all(size_t wanted)
{
	struct list *first = NULL;
	size_t freed = 0;

	if (!mutex_trylock(&all_lock))
		return 0;
	while (freed < wanted && !list_empty(&all_mappings)) {
		struct mapping *m = list_first(&all_mappings, struct mapping, all);

		if (first == &m->all)
			break;
		first = first ? first : &m->all;
		/* Round robin: what was looked at goes to the end. */
		list_remove(&m->all);
		list_add_tail(&all_mappings, &m->all);
		if (!mutex_trylock(&m->write_lock))
			continue;
		if (mutex_trylock(&m->lock)) {
			freed += shrink_mapping(m);
			mutex_unlock(&m->lock);
		}
		mutex_unlock(&m->write_lock);
	}
	mutex_unlock(&all_lock);
	return freed;
}

void mapping_cache_init(void)
{
	extent_cache = kmem_cache_new("extent", sizeof(struct extent));
	memory_add_shrinker(shrink_all);
}
