/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See rewrite_store.h. A file has one place in the folder, by its device, its inode and the kernel; who comes later to the same place takes
 * it, so the folder never grows beyond SLOTS entries of ENTRY_MAX bytes. An entry is
 *	struct entry_head | sites | stubs
 * It is written beside its place and renamed; two that write at once spoil each other's, which the hash shows.
 */
#include "kernel/loader/rewrite_store.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/time.h>

#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/host.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/fmt.h"
#include "lib/base/hash.h"
#include "lib/base/string.h"

#define ENTRY_MAGIC 0x3174786574637ULL
#define ENTRY_MAX (256UL << 10)
#define SLOTS 256
/* A file that changed just now may change again without its times saying so. */
#define SETTLED_SECONDS 2
#define SITES_MAX (ENTRY_MAX / sizeof(struct rewrite_site))

struct entry_head {
	uint64_t magic, kernel;
	struct mapping_identity identity;
	uint64_t offset, address, lowest, text_start, text_size;
	uint64_t pages, gap, stubs_size, count, mov, after, kept;
	uint64_t hash; /* of all bytes, this being 0 */
};

static int folder = -1;
static uint64_t kernel_id;

void rewrite_store_init(int handle, uint64_t kernel)
{
	folder = handle;
	kernel_id = kernel;
}

bool rewrite_store_identify(struct file *file, struct mapping_identity *ret)
{
	struct mapping *m = file->inode->data;

	memset(ret, 0, sizeof(*ret));
	return folder >= 0 && m->ops && m->ops->identify && !m->ops->identify(m, ret);
}

static void slot_name(const struct mapping_identity *identity, const char *suffix, char ret[16])
{
	uint64_t hash = hash_u64(hash_u64(identity->device ^ kernel_id) + identity->inode);

	(void)fmt_snprintf(ret, 16, "%02x%s", (unsigned int)(hash % SLOTS), suffix);
}

/* Against damage, not against forgery. Sizes are multiples of 8. */
static uint64_t entry_hash(struct entry_head *head, size_t size)
{
	uint64_t hash = kernel_id, kept = head->hash, word;

	head->hash = 0;
	for (size_t at = 0; at < size; at += sizeof(word)) {
		memcpy(&word, (const uint8_t *)head + at, sizeof(word));
		hash = (hash ^ word) * 0x100000001b3ULL;
		hash ^= hash >> 29;
	}
	head->hash = kept;
	return hash_u64(hash);
}
_Static_assert(sizeof(struct entry_head) % 8 == 0 && sizeof(struct rewrite_site) % 8 == 0, "words");

/* --- reading ---------------------------------------------------------------------------------------------------------- */

static long read_entry(const struct mapping_identity *identity, void *to)
{
	char name[16];
	int handle;
	size_t done = 0;
	long got = 0;

	slot_name(identity, "", name);
	handle = host_open(folder, name, O_RDONLY | O_NOFOLLOW, 0);
	if (handle < 0)
		return handle;
	while (done < ENTRY_MAX &&
	       (got = host_pread(handle, (char *)to + done, ENTRY_MAX - done, done)) > 0)
		done += (size_t)got;
	host_close(handle);
	return got < 0 ? got : (long)done;
}

/* Sizes that nothing later has to doubt; what sites say is checked when they are applied to the text. */
static bool is_sound(struct entry_head *head, size_t size, const struct mapping_identity *identity)
{
	if (size < sizeof(*head) || head->magic != ENTRY_MAGIC || head->kernel != kernel_id ||
	    memcmp(&head->identity, identity, sizeof(*identity)) || head->count > SITES_MAX ||
	    head->stubs_size > ENTRY_MAX ||
	    size != sizeof(*head) + head->count * sizeof(struct rewrite_site) + head->stubs_size ||
	    head->hash != entry_hash(head, size))
		return false;
	if (!head->gap)
		return !head->count && !head->stubs_size && !head->pages;
	return head->stubs_size && head->count && head->stubs_size % PAGE_SIZE == 0 &&
	       head->gap % PAGE_SIZE == 0 && head->gap <= 1UL << 30 &&
	       head->stubs_size <= head->gap && head->offset % PAGE_SIZE == 0 &&
	       head->address % PAGE_SIZE == 0 && head->lowest % PAGE_SIZE == 0 &&
	       head->lowest <= head->address && head->address < 1UL << 47 &&
	       head->text_start >= head->address && head->text_start - head->address < PAGE_SIZE &&
	       head->text_size && head->text_size <= identity->size &&
	       head->pages ==
		       PAGE_UP(head->text_start - head->address + head->text_size) / PAGE_SIZE;
}

static bool take(const struct entry_head *head, struct text_image *t)
{
	const uint8_t *p = (const uint8_t *)(head + 1);
	struct rewrite_image *image = &t->sites;
	size_t sites_size = head->count * sizeof(struct rewrite_site);

	if (head->gap) {
		image->sites = kmalloc(sites_size);
		image->stubs = pages_alloc(head->stubs_size / PAGE_SIZE);
		if (!image->sites || !image->stubs) {
			kfree(image->sites);
			if (image->stubs)
				pages_put(image->stubs, head->stubs_size / PAGE_SIZE);
			*image = (struct rewrite_image){ 0 };
			return false;
		}
		memcpy(image->sites, p, sites_size);
		memcpy(image->stubs, p + sites_size, head->stubs_size);
		image->text_start = head->text_start;
		image->text_size = head->text_size;
		image->stubs_size = head->stubs_size;
		image->count = head->count;
	}
	image->mov = head->mov;
	image->after = head->after;
	image->kept = head->kept;
	t->offset = head->offset;
	t->address = head->address;
	t->lowest = head->lowest;
	t->pages = head->pages;
	t->gap = head->gap;
	return true;
}

bool rewrite_store_load(const struct mapping_identity *identity, struct text_image *t)
{
	struct entry_head *head = kmalloc(ENTRY_MAX);
	long size = head ? read_entry(identity, head) : -ENOMEM;
	bool found = size > 0 && is_sound(head, (size_t)size, identity) && take(head, t);

	kfree(head);
	return found;
}

/* --- writing ---------------------------------------------------------------------------------------------------------- */

static bool write_all(int handle, const void *from, size_t size)
{
	size_t done = 0;

	while (done < size) {
		long put = host_pwrite(handle, (const char *)from + done, size - done, done);

		if (put <= 0)
			return false;
		done += (size_t)put;
	}
	return true;
}

static void write_entry(struct entry_head *head, size_t size)
{
	char name[16], fresh[16];
	int handle;
	bool done;

	slot_name(&head->identity, "", name);
	slot_name(&head->identity, ".new", fresh);
	handle = host_open(folder, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
	if (handle < 0)
		return;
	done = write_all(handle, head, size);
	host_close(handle);
	if (!done || host_rename(folder, fresh, folder, name, 0))
		(void)!host_unlink(folder, fresh, 0);
}

void rewrite_store_save(const struct mapping_identity *identity, const struct text_image *t)
{
	const struct rewrite_image *image = &t->sites;
	size_t count = t->gap ? image->count : 0, stubs_size = t->gap ? image->stubs_size : 0;
	size_t sites_size = count * sizeof(image->sites[0]);
	int64_t now = (int64_t)(plat_clock(CLOCK_REALTIME) / 1000000000ULL);
	struct entry_head *head;
	size_t size;

	if (count > SITES_MAX || stubs_size > ENTRY_MAX ||
	    (size = sizeof(*head) + sites_size + stubs_size) > ENTRY_MAX ||
	    identity->changed_s > now - SETTLED_SECONDS)
		return;
	head = kzalloc(size);
	if (!head)
		return;
	head->magic = ENTRY_MAGIC;
	head->kernel = kernel_id;
	head->identity = *identity;
	head->count = count;
	head->stubs_size = stubs_size;
	head->mov = image->mov;
	head->after = image->after;
	head->kept = image->kept;
	if (t->gap) {
		head->offset = t->offset;
		head->address = t->address;
		head->lowest = t->lowest;
		head->text_start = image->text_start;
		head->text_size = image->text_size;
		head->pages = t->pages;
		head->gap = t->gap;
		memcpy(head + 1, image->sites, sites_size);
		memcpy((uint8_t *)(head + 1) + sites_size, image->stubs, stubs_size);
	}
	head->hash = entry_hash(head, size);
	write_entry(head, size);
	kfree(head);
}
