/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of an image, each checked by the hash tree before anybody sees it (image.h).
 *
 *  1. What is checked is the copy that is used: blocks are read into enclave memory once, hashed there, and given out from there.
 *  2. A hash block is used only if it was checked against the one above it, and the topmost against the root hash. Those that
 *     passed are kept in `kept`, a table of KEPT_MAX by number, where one that comes later takes the place of another.
 *  3. The tree's superblock is not signed. Its salt and sizes cannot be lied about: another salt fails at the first hash; the number
 *     of blocks must be the file system's, which is read again through the tree once it stands.
 *
 * Lock: `lock` guards kept and is held while hash blocks are read from the host. Nothing is taken under it but memory.
 */
#include "kernel/fs/image.h"

#include <asm/errno.h>

#include "abi/platform.h"
#include "kernel/host.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mapping.h"
#include "kernel/mm/page.h"
#include "kernel/mm/usercopy.h"
#include "kernel/task/sync.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"

#define HASHES (IMAGE_BLOCK / SHA256_SIZE) /* in a block: 128 */
#define HASHES_SHIFT 7
#define LEVELS_MAX 8 /* 2^32 blocks of data need 5 */
#define KEPT_MAX 512u
#define BATCH 32u /* hashes looked up at a time */

/* struct verity_sb of cryptsetup, version 1. */
struct tree_head {
	char signature[8]; /* "verity\0\0" */
	uint32_t version, hash_type;
	uint8_t uuid[16];
	char algorithm[32];
	uint32_t data_block_size, hash_block_size;
	uint64_t data_blocks;
	uint16_t salt_size;
	uint8_t pad[6];
	uint8_t salt[256];
	uint8_t pad2[168];
};
_Static_assert(sizeof(struct tree_head) == 512, "verity_sb");

struct kept_block {
	uint64_t number; /* of the file; 0: nothing (block 0 is data) */
	uint8_t *bytes;
};

struct image {
	int handle;
	uint64_t blocks;
	struct mapping cache; /* of data blocks, for metadata */
	bool checked;
	/* only if checked */
	uint8_t root_hash[SHA256_SIZE];
	uint8_t salt[256];
	size_t salt_size;
	unsigned int levels;
	uint64_t level_start[LEVELS_MAX]; /* block of the file; level 0 has the hashes of data */
	struct mutex lock;
	struct kept_block kept[KEPT_MAX];
};

static int read_all(int handle, uint64_t offset, void *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		long r = host_pread(handle, (char *)to + done, size - done, offset + done);

		if (r == -EINTR)
			continue;
		if (r <= 0)
			return r ? (int)r : -ENODATA; /* it ends before */
		done += (size_t)r;
	}
	return 0;
}

int image_peek(int handle, uint64_t offset, void *to, size_t size)
{
	int r = read_all(handle, offset, to, size);

	return r == -ENODATA ? -EINVAL : r;
}

/* --- the tree ---------------------------------------------------------------------------------------------------------- */

static bool is_hash_of(const struct image *i, const void *block,
		       const uint8_t expected[SHA256_SIZE])
{
	uint8_t digest[SHA256_SIZE];

	sha256_salted(i->salt, i->salt_size, block, IMAGE_BLOCK, digest);
	return !memcmp(digest, expected, SHA256_SIZE);
}

static int refuse(uint64_t number)
{
	char line[160];
	int len = fmt_snprintf(
		line, sizeof(line),
		"image: block %llu is not what its hash says: the file was changed, or "
		"the root hash is another image's\n",
		(unsigned long long)number);

	plat_log(line, (size_t)len);
	return -EIO;
}

static uint64_t hash_block_of(const struct image *i, uint64_t block, unsigned int level)
{
	return i->level_start[level] + (block >> (HASHES_SHIFT * (level + 1)));
}

static size_t hash_at(uint64_t block, unsigned int level)
{
	return (block >> (HASHES_SHIFT * level) & (HASHES - 1)) * SHA256_SIZE;
}

static struct kept_block *kept_of(struct image *i, uint64_t number)
{
	return &i->kept[number % KEPT_MAX];
}

/* Lock held. Reads and checks one hash block against what is expected; then it is kept. */
static int fetch(struct image *i, uint64_t number, const uint8_t expected[SHA256_SIZE])
{
	struct kept_block *k = kept_of(i, number);
	int r;

	if (!k->bytes)
		k->bytes = pages_alloc(1);
	if (!k->bytes)
		return -ENOMEM;
	k->number = 0;
	r = read_all(i->handle, number * IMAGE_BLOCK, k->bytes, IMAGE_BLOCK);
	if (r)
		return r == -ENOMEM ? r : -EIO;
	if (!is_hash_of(i, k->bytes, expected))
		return refuse(number);
	k->number = number;
	return 0;
}

/* Lock held. The hash of a data block, by way of what is kept: up to the first level that is there, then down again. */
static int expected_hash(struct image *i, uint64_t block, uint8_t ret[SHA256_SIZE])
{
	unsigned int level = 0;
	int r;

	while (level < i->levels &&
	       kept_of(i, hash_block_of(i, block, level))->number != hash_block_of(i, block, level))
		level++;
	if (level == i->levels)
		memcpy(ret, i->root_hash, SHA256_SIZE);
	else
		memcpy(ret,
		       kept_of(i, hash_block_of(i, block, level))->bytes + hash_at(block, level),
		       SHA256_SIZE);
	while (level--) {
		uint64_t number = hash_block_of(i, block, level);

		r = fetch(i, number, ret);
		if (r)
			return r;
		memcpy(ret, kept_of(i, number)->bytes + hash_at(block, level), SHA256_SIZE);
	}
	return 0;
}

static int check_blocks(struct image *i, uint64_t block, size_t count, const uint8_t *bytes)
{
	uint8_t hashes[BATCH][SHA256_SIZE];

	while (count) {
		size_t n = MIN(count, (size_t)BATCH);
		int r = 0;

		mutex_lock(&i->lock);
		for (size_t k = 0; k < n && !r; k++)
			r = expected_hash(i, block + k, hashes[k]);
		mutex_unlock(&i->lock);
		if (r)
			return r;
		for (size_t k = 0; k < n; k++)
			if (!is_hash_of(i, bytes + k * IMAGE_BLOCK, hashes[k]))
				return refuse(block + k);
		block += n;
		bytes += n * IMAGE_BLOCK;
		count -= n;
	}
	return 0;
}

static int read_tree_head(struct image *i)
{
	struct tree_head h;
	uint64_t next = i->blocks + 1;
	int r = read_all(i->handle, i->blocks * IMAGE_BLOCK, &h, sizeof(h));

	if (r)
		return r == -ENOMEM ? r : -EINVAL;
	if (memcmp(h.signature, "verity\0\0", 8) || h.version != 1 || h.hash_type != 1 ||
	    memcmp(h.algorithm, "sha256", 7) || h.data_block_size != IMAGE_BLOCK ||
	    h.hash_block_size != IMAGE_BLOCK || h.data_blocks != i->blocks ||
	    h.salt_size > sizeof(h.salt))
		return -EINVAL;
	memcpy(i->salt, h.salt, h.salt_size);
	i->salt_size = h.salt_size;
	while (i->levels < LEVELS_MAX && (i->blocks - 1) >> (HASHES_SHIFT * i->levels))
		i->levels++; /* none for a single block: its hash is the root */
	/* The topmost first. */
	for (unsigned int level = i->levels; level-- > 0;) {
		i->level_start[level] = next;
		next += ((i->blocks - 1) >> (HASHES_SHIFT * (level + 1))) + 1;
	}
	return 0;
}

/* --- reading ---------------------------------------------------------------------------------------------------------- */

int image_read(struct image *i, uint64_t block, size_t count, void *to)
{
	int r;

	if (block >= i->blocks || count > i->blocks - block)
		return -EIO;
	r = read_all(i->handle, block * IMAGE_BLOCK, to, count * IMAGE_BLOCK);
	if (r)
		return r == -ENOMEM ? r : -EIO;
	return i->checked ? check_blocks(i, block, count, to) : 0;
}

static int fill_cache(struct mapping *m, uint64_t index, size_t count, void *to)
{
	struct image *i = m->owner;
	size_t there = index < i->blocks ? MIN(count, i->blocks - index) : 0;

	memset((char *)to + there * PAGE_SIZE, 0, (count - there) * PAGE_SIZE);
	return there ? image_read(i, index, there, to) : 0;
}

static const struct mapping_ops cache_ops = { .fill = fill_cache };
_Static_assert(IMAGE_BLOCK == PAGE_SIZE, "a page of the cache is a block");

int image_copy(struct image *i, uint64_t offset, void *to, size_t size)
{
	struct uio io;
	long r;

	if (offset > i->cache.size || size > i->cache.size - offset)
		return -EIO;
	uio_init_kernel(&io, to, size);
	r = mapping_read(&i->cache, &io, offset);
	if (r < 0)
		return (int)r;
	return (size_t)r == size ? 0 : -EIO;
}

/* --- life --------------------------------------------------------------------------------------------------------------- */

uint64_t image_blocks(const struct image *i)
{
	return i->blocks;
}

int image_open(int handle, uint64_t blocks, const uint8_t *root_hash, struct image **ret)
{
	struct image *i;
	int r;

	if (!blocks || blocks > UINT32_MAX)
		return -EINVAL;
	i = kzalloc(sizeof(*i));
	if (!i)
		return -ENOMEM;
	i->handle = handle;
	i->blocks = blocks;
	if (root_hash) {
		i->checked = true;
		memcpy(i->root_hash, root_hash, SHA256_SIZE);
		r = read_tree_head(i);
		if (r) {
			kfree(i);
			return r;
		}
	}
	mapping_init(&i->cache, &cache_ops, i);
	i->cache.size = blocks * IMAGE_BLOCK;
	i->cache.reclaimable = true;
	*ret = i;
	return 0;
}

void image_close(struct image *i)
{
	mapping_done(&i->cache);
	for (size_t k = 0; k < KEPT_MAX; k++)
		if (i->kept[k].bytes)
			pages_put(i->kept[k].bytes, 1);
	host_close(i->handle);
	kfree(i);
}
