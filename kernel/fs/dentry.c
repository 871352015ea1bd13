/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache of names.
 *
 * A dentry in the tree holds its parent; the hash table finds it by (parent, name). The last reference does not free it:
 * it stays hashed, on the LRU, until there are too many (UNUSED_MAX) or memory is short. Dropped ones ("unhashed":
 * the name is gone) and those of uncached file systems are freed with their last reference.
 *
 * Invariants: 1. going from 0 references to 1, and from 1 to 0, happens under the lock of the dentry's hash; so under it
 * a count of 0 stays 0. 2. Every hashed dentry without references is on the LRU. Ones with references may be on it, too
 * (taken off when the LRU is scanned). 3. Only a holder of the directory's inode lock adds a name.
 *
 * Locks: directory's inode.lock -> dentry_tree_lock -> hash locks (by index) -> children_lock of the parent -> lru_lock.
 * The LRU is scanned with lru_lock first and trylock on the hash lock.
 */
#include <linux/inotify.h>

#include "kernel/fs/vfs.h"
#include "kernel/fs/walk.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/hash.h"
#include "lib/base/string.h"

#define LOCKS 64
#define BUCKETS_FIRST 1024u
#define BUCKETS_MAX 65536u
#define UNUSED_MAX 65536u
#define TRIM_BATCH 64u

uint32_t dentry_count;
struct mutex dentry_tree_lock;
struct mutex rename_lock;

static struct kmem_cache *dentry_cache;
static struct mutex hash_locks[LOCKS];
static struct list *buckets; /* changed with all hash locks held */
static uint32_t bucket_count;
static struct mutex grow_lock;
static struct mutex lru_lock;
static struct list lru = LIST_INIT(lru);
static uint32_t lru_count;

uint32_t dentry_hash(const struct dentry *parent, const char *name, unsigned int len)
{
	uint64_t h = (uintptr_t)parent >> 4;

	for (unsigned int n = 0; n < len; n++)
		h = h * 31 + (unsigned char)name[n];
	return (uint32_t)hash_u64(h);
}

/* Locks the hash of a dentry, which a rename may be changing. */
static struct mutex *lock_hash_of(struct dentry *d)
{
	for (;;) {
		uint32_t hash = __atomic_load_n(&d->hash, __ATOMIC_RELAXED);
		struct mutex *lock = &hash_locks[hash % LOCKS];

		mutex_lock(lock);
		if (likely(hash == __atomic_load_n(&d->hash, __ATOMIC_RELAXED)))
			return lock;
		mutex_unlock(lock);
	}
}

static struct list *bucket_of(uint32_t hash)
{
	return &buckets[hash & (bucket_count - 1)];
}

static void unhash_locked(struct dentry *d)
{
	if (d->hashed) {
		list_remove(&d->hash_link);
		d->hashed = false;
	}
}

static void lru_remove(struct dentry *d)
{
	mutex_lock(&lru_lock);
	if (d->on_lru) {
		list_remove(&d->lru);
		d->on_lru = false;
		lru_count--;
	}
	mutex_unlock(&lru_lock);
}

/* Out of everything, no references: frees it. The parent's reference is the caller's to put. NULL at a root. */
static struct dentry *dentry_free(struct dentry *d)
{
	struct dentry *parent = d->parent == d ? NULL : d->parent;
	struct inode *inode = d->inode;

	if (__atomic_load_n(&d->on_lru, __ATOMIC_ACQUIRE))
		lru_remove(d);
	if (parent) {
		mutex_lock(&parent->children_lock);
		list_remove(&d->sibling);
		mutex_unlock(&parent->children_lock);
	}
	if (inode) {
		if (!inode->links && !list_empty(&inode->watches))
			notify_inode(inode, IN_DELETE_SELF);
		inode_put(inode);
	}
	if (d->name != d->inline_name)
		kfree(d->name);
	kmem_cache_free(dentry_cache, d);
	__atomic_sub_fetch(&dentry_count, 1, __ATOMIC_RELAXED);
	return parent;
}

static uint32_t lru_trim(uint32_t wanted, struct filesystem *fs);

/* A name of /proc/PID, or one looked for in vain there: kept, they would pile up as processes come and go. */
static bool brief(const struct dentry *d)
{
	const struct inode *inode = d->inode ? d->inode : d->parent->inode;

	return inode && inode->brief;
}

/* Puts a reference that may be the last. True: the dentry is out of the cache and the caller frees it. */
static bool put_last(struct dentry *d)
{
	struct mutex *lock = lock_hash_of(d);
	bool gone = false;

	if (ref_put(&d->refs)) {
		if (!d->hashed || d->fs->no_cache || brief(d)) {
			unhash_locked(d);
			gone = true;
		} else if (d->on_lru) {
			d->referenced = true;
		} else {
			mutex_lock(&lru_lock);
			list_add(&lru, &d->lru);
			d->on_lru = true;
			lru_count++;
			mutex_unlock(&lru_lock);
		}
	}
	mutex_unlock(lock);
	return gone;
}

void dentry_put(struct dentry *d)
{
	while (d) {
		uint32_t v = __atomic_load_n(&d->refs.v, __ATOMIC_RELAXED);
		bool done = false;

		while (v > 1 && !done)
			done = __atomic_compare_exchange_n(&d->refs.v, &v, v - 1, true,
							   __ATOMIC_RELEASE, __ATOMIC_RELAXED);
		if (done || !put_last(d))
			break;
		d = dentry_free(d);
	}
	if (unlikely(__atomic_load_n(&lru_count, __ATOMIC_RELAXED) > UNUSED_MAX))
		lru_trim(TRIM_BATCH, NULL);
}

struct dentry *dentry_get(struct dentry *d)
{
	ref_get(&d->refs);
	return d;
}

/*
 * Frees up to `wanted` unused dentries from the cold end; of one file system, if given. Looks at a bounded number of
 * entries, so that a list full of used ones does not hold everybody up.
 */
static uint32_t lru_trim(uint32_t wanted, struct filesystem *fs)
{
	uint32_t freed = 0, looked = 0, limit;

	mutex_lock(&lru_lock);
	limit = fs ? lru_count : MIN(lru_count, wanted * 4 + 16);
	while (freed < wanted && looked++ < limit && !list_empty(&lru)) {
		struct dentry *d = list_entry(lru.prev, struct dentry, lru);
		uint32_t hash = __atomic_load_n(&d->hash, __ATOMIC_RELAXED);
		struct mutex *lock = &hash_locks[hash % LOCKS];
		bool ours;

		list_remove(&d->lru);
		if ((fs && d->fs != fs) || !mutex_trylock(lock)) {
			list_add(&lru, &d->lru);
			continue;
		}
		if (hash != d->hash || (d->referenced && !fs && !d->refs.v)) {
			d->referenced = false;
			list_add(&lru, &d->lru);
			mutex_unlock(lock);
			continue;
		}
		lru_count--;
		ours = !d->refs.v && d->hashed;
		if (ours)
			unhash_locked(d);
		/* Not ours and unhashed: who unhashed it may free it as soon as it is seen to be off the list. */
		list_init(&d->lru);
		__atomic_store_n(&d->on_lru, false, __ATOMIC_RELEASE);
		mutex_unlock(lock);
		if (!ours)
			continue;
		mutex_unlock(&lru_lock);
		dentry_put(dentry_free(d));
		freed++;
		mutex_lock(&lru_lock);
	}
	mutex_unlock(&lru_lock);
	return freed;
}

static size_t shrink(size_t pages_wanted)
{
	size_t wanted = pages_wanted > UNUSED_MAX / 16 ? UNUSED_MAX : pages_wanted * 16;

	return lru_trim((uint32_t)wanted, NULL) / 16;
}

void dentry_prune_fs(struct filesystem *fs)
{
	/* Freeing children makes their parents unused: until a whole pass finds nothing. */
	while (lru_trim(UINT32_MAX, fs))
		;
}

/* --- making and finding --------------------------------------------------------------------------------------------- */

static struct dentry *dentry_alloc(struct filesystem *fs, const char *name, unsigned int len)
{
	struct dentry *d = kmem_cache_zalloc(dentry_cache);

	if (!d)
		return NULL;
	d->name = d->inline_name;
	if (len >= sizeof(d->inline_name)) {
		d->name = kmalloc(len + 1);
		if (!d->name) {
			kmem_cache_free(dentry_cache, d);
			return NULL;
		}
	}
	memcpy(d->name, name, len);
	d->name[len] = 0;
	d->len = len;
	ref_init(&d->refs);
	d->parent = d;
	d->fs = fs;
	list_init(&d->hash_link);
	list_init(&d->children);
	list_init(&d->sibling);
	list_init(&d->lru);
	__atomic_add_fetch(&dentry_count, 1, __ATOMIC_RELAXED);
	return d;
}

struct dentry *dentry_new_root(struct filesystem *fs, struct inode *inode)
{
	struct dentry *d = dentry_alloc(fs, "/", 1);

	if (d)
		d->inode = inode_get(inode);
	return d;
}

struct dentry *dentry_anonymous(struct inode *inode, const char *name)
{
	struct dentry *d = dentry_alloc(inode->fs, name, (unsigned int)strnlen(name, NAME_LEN_MAX));

	if (!d)
		return NULL;
	d->inode = inode_get(inode);
	d->anonymous = true;
	return d;
}

static void grow_table(void)
{
	uint32_t count = bucket_count * 2;
	struct list *bigger, *old = NULL;

	if (!mutex_trylock(&grow_lock))
		return;
	bigger = dentry_count > count ? kmalloc(count * sizeof(*bigger)) : NULL;
	if (bigger && count <= BUCKETS_MAX && count == bucket_count * 2) {
		for (uint32_t n = 0; n < count; n++)
			list_init(&bigger[n]);
		for (unsigned int n = 0; n < LOCKS; n++)
			mutex_lock(&hash_locks[n]);
		for (uint32_t n = 0; n < bucket_count; n++) {
			struct dentry *d, *next;

			list_for_each_safe(d, next, &buckets[n], hash_link)
				list_add(&bigger[d->hash & (count - 1)], &d->hash_link);
		}
		old = buckets;
		buckets = bigger;
		bucket_count = count;
		for (unsigned int n = 0; n < LOCKS; n++)
			mutex_unlock(&hash_locks[n]);
		bigger = NULL;
	}
	mutex_unlock(&grow_lock);
	kfree(bigger);
	kfree(old);
}

/* Adds a new dentry below parent; dir->lock is held. Takes over the inode's reference. */
static struct dentry *dentry_add(struct dentry *parent, const char *name, unsigned int len,
				 uint32_t hash, struct inode *inode)
{
	struct dentry *d = dentry_alloc(parent->fs, name, len);
	struct mutex *lock;

	if (!d)
		return NULL;
	d->parent = dentry_get(parent);
	d->hash = hash;
	d->inode = inode;
	mutex_lock(&parent->children_lock);
	list_add(&parent->children, &d->sibling);
	mutex_unlock(&parent->children_lock);
	lock = &hash_locks[hash % LOCKS];
	mutex_lock(lock);
	list_add(bucket_of(hash), &d->hash_link);
	d->hashed = true;
	mutex_unlock(lock);
	if (unlikely(dentry_count > bucket_count * 2 && bucket_count < BUCKETS_MAX))
		grow_table();
	return d;
}

static struct dentry *find_cached(struct dentry *parent, const char *name, unsigned int len,
				  uint32_t hash)
{
	struct mutex *lock = &hash_locks[hash % LOCKS];
	struct dentry *d;
	struct list *bucket;

	mutex_lock(lock);
	bucket = bucket_of(hash);
	list_for_each(d, bucket, hash_link) {
		if (d->hash == hash && d->parent == parent && d->len == len &&
		    !memcmp(d->name, name, len)) {
			ref_get(&d->refs);
			mutex_unlock(lock);
			return d;
		}
	}
	mutex_unlock(lock);
	return NULL;
}

void dentry_drop(struct dentry *d)
{
	struct mutex *lock = lock_hash_of(d);

	unhash_locked(d);
	d->unhashed = true;
	mutex_unlock(lock);
}

/*
 * An uncached file system was asked again and gave `now` (NULL: not there). True: d still tells the truth. A dentry in
 * use stays when the file system made another inode for the same number, so that open files keep their names.
 */
static bool still_true(struct dentry *d, struct inode *now)
{
	struct inode *before = d->inode;

	if (d->dead || !before || !now)
		return !before && !now;
	if (before == now)
		return true;
	return before->number == now->number && (before->mode & S_IFMT) == (now->mode & S_IFMT) &&
	       __atomic_load_n(&d->refs.v, __ATOMIC_RELAXED) > 1;
}

struct dentry *dentry_lookup_locked(struct dentry *parent, const char *name, unsigned int len,
				    uint32_t hash)
{
	struct inode *dir = parent->inode, *inode = NULL;
	struct filesystem *fs = parent->fs;
	struct dentry *d;
	int e;

	d = find_cached(parent, name, len, hash);
	if (d && !fs->no_cache) {
		if (likely(!fs->ops || !fs->ops->revalidate || d->mounted ||
			   fs->ops->revalidate(d)))
			return d;
		dentry_drop(d);
		dentry_put(d);
		d = NULL;
	}
	if (d && d->mounted)
		return d;
	e = parent->dead ? -ENOENT : dir->ops->lookup(dir, name, len, &inode);
	if (e && e != -ENOENT) {
		dentry_put(d);
		return ERR_PTR(e);
	}
	if (e)
		inode = NULL;
	if (d) {
		if (still_true(d, inode)) {
			inode_put(inode);
			return d;
		}
		dentry_drop(d);
		dentry_put(d);
	}
	d = dentry_add(parent, name, len, hash, inode);
	if (!d) {
		inode_put(inode);
		return ERR_PTR(-ENOMEM);
	}
	return d;
}

struct dentry *dentry_lookup(struct dentry *parent, const char *name, unsigned int len,
			     uint32_t hash)
{
	struct inode *dir = parent->inode;
	struct filesystem *fs = parent->fs;
	struct dentry *d;

	if (likely(!fs->no_cache)) {
		d = find_cached(parent, name, len, hash);
		if (d) {
			if (likely(!fs->ops || !fs->ops->revalidate || d->mounted ||
				   fs->ops->revalidate(d)))
				return d;
			dentry_put(d);
		}
	}
	mutex_lock(&dir->lock);
	d = dentry_lookup_locked(parent, name, len, hash);
	mutex_unlock(&dir->lock);
	return d;
}

void dentry_instantiate(struct dentry *d, struct inode *inode)
{
	__atomic_store_n(&d->inode, inode, __ATOMIC_RELEASE);
}

/* --- trees ------------------------------------------------------------------------------------------------------------ */

struct dentry *dentry_parent(struct dentry *d)
{
	struct dentry *parent;

	mutex_lock(&dentry_tree_lock);
	parent = dentry_get(d->parent);
	mutex_unlock(&dentry_tree_lock);
	return parent;
}

bool dentry_is_below_locked(struct dentry *d, struct dentry *ancestor)
{
	while (d != ancestor && d->parent != d)
		d = d->parent;
	return d == ancestor;
}

bool dentry_is_below(struct dentry *d, struct dentry *ancestor)
{
	bool below;

	mutex_lock(&dentry_tree_lock);
	below = dentry_is_below_locked(d, ancestor);
	mutex_unlock(&dentry_tree_lock);
	return below;
}

static void lock_hashes(uint32_t a, uint32_t b)
{
	uint32_t low = MIN(a % LOCKS, b % LOCKS), high = MAX(a % LOCKS, b % LOCKS);

	mutex_lock(&hash_locks[low]);
	if (high != low)
		mutex_lock(&hash_locks[high]);
}

static void unlock_hashes(uint32_t a, uint32_t b)
{
	mutex_unlock(&hash_locks[a % LOCKS]);
	if (a % LOCKS != b % LOCKS)
		mutex_unlock(&hash_locks[b % LOCKS]);
}

/* Changes d's place in the tree; the hash locks and dentry_tree_lock are held. References of parents move along. */
static void reparent(struct dentry *d, struct dentry *parent)
{
	struct dentry *old = d->parent;

	if (old == parent)
		return;
	mutex_lock(&old->children_lock);
	list_remove(&d->sibling);
	mutex_unlock(&old->children_lock);
	d->parent = parent;
	mutex_lock(&parent->children_lock);
	list_add(&parent->children, &d->sibling);
	mutex_unlock(&parent->children_lock);
}

static void rehash(struct dentry *d, uint32_t hash)
{
	list_remove(&d->hash_link);
	__atomic_store_n(&d->hash, hash, __ATOMIC_RELAXED);
	if (d->hashed)
		list_add(bucket_of(hash), &d->hash_link);
}

void dentry_move(struct dentry *d, struct dentry *new_parent, const char *name, unsigned int len,
		 char *name_copy)
{
	uint32_t old_hash = d->hash, hash = dentry_hash(new_parent, name, len);
	struct dentry *old_parent = d->parent;
	char *old_name = NULL;

	dentry_get(new_parent);
	mutex_lock(&dentry_tree_lock);
	lock_hashes(old_hash, hash);
	reparent(d, new_parent);
	if (d->name != d->inline_name)
		old_name = d->name;
	d->name = name_copy ? name_copy : d->inline_name;
	memcpy(d->name, name, len);
	d->name[len] = 0;
	d->len = len;
	rehash(d, hash);
	unlock_hashes(old_hash, hash);
	mutex_unlock(&dentry_tree_lock);
	kfree(old_name);
	dentry_put(old_parent);
}

void dentry_exchange(struct dentry *a, struct dentry *b)
{
	uint32_t hash_a = a->hash, hash_b = b->hash;
	struct dentry *parent_a = a->parent, *parent_b = b->parent;
	char text[sizeof(a->inline_name)], *name_a;
	bool inline_a, inline_b;
	uint32_t len;

	mutex_lock(&dentry_tree_lock);
	lock_hashes(hash_a, hash_b);
	reparent(a, parent_b);
	reparent(b, parent_a);
	inline_a = a->name == a->inline_name;
	inline_b = b->name == b->inline_name;
	name_a = a->name;
	memcpy(text, a->inline_name, sizeof(text));
	memcpy(a->inline_name, b->inline_name, sizeof(text));
	memcpy(b->inline_name, text, sizeof(text));
	a->name = inline_b ? a->inline_name : b->name;
	b->name = inline_a ? b->inline_name : name_a;
	len = a->len;
	a->len = b->len;
	b->len = len;
	rehash(a, hash_b);
	rehash(b, hash_a);
	unlock_hashes(hash_a, hash_b);
	mutex_unlock(&dentry_tree_lock);
}

/* Unhashes unused children and calls them gone; they are freed at once, a batch at a time. */
void dentry_drop_children(struct dentry *parent)
{
	struct dentry *batch[16], *d;
	unsigned int count;

	do {
		count = 0;
		mutex_lock(&parent->children_lock);
		list_for_each(d, &parent->children, sibling) {
			uint32_t hash = __atomic_load_n(&d->hash, __ATOMIC_RELAXED);
			struct mutex *lock = &hash_locks[hash % LOCKS];

			/* Hash locks come first in the order: what is busy now is left to the LRU. */
			if (!d->hashed || !mutex_trylock(lock))
				continue;
			if (d->hashed && !d->refs.v && d->hash == hash) {
				unhash_locked(d);
				batch[count++] = d;
			}
			mutex_unlock(lock);
			if (count == ARRAY_SIZE(batch))
				break;
		}
		mutex_unlock(&parent->children_lock);
		for (unsigned int n = 0; n < count; n++)
			dentry_put(dentry_free(batch[n]));
	} while (count == ARRAY_SIZE(batch));
}

void dentry_invalidate_children(struct dentry *parent)
{
	struct dentry *d;

	dentry_drop_children(parent);
	/* Those in use leave the table, too, and are freed with their last reference. */
	mutex_lock(&parent->children_lock);
	list_for_each(d, &parent->children, sibling) {
		uint32_t hash = __atomic_load_n(&d->hash, __ATOMIC_RELAXED);
		struct mutex *lock = &hash_locks[hash % LOCKS];

		if (!d->mounted && mutex_trylock(lock)) {
			if (d->refs.v && d->hash == hash) {
				unhash_locked(d);
				d->unhashed = true;
			}
			mutex_unlock(lock);
		}
	}
	mutex_unlock(&parent->children_lock);
}

void dentry_init(void)
{
	dentry_cache = kmem_cache_new("dentry", sizeof(struct dentry));
	bucket_count = BUCKETS_FIRST;
	buckets = kmalloc(bucket_count * sizeof(*buckets));
	if (!dentry_cache || !buckets)
		panic("no memory for the cache of names");
	for (uint32_t n = 0; n < bucket_count; n++)
		list_init(&buckets[n]);
	memory_add_shrinker(shrink);
}
