/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rewritten text, once for each file: a patched copy of the executable segment and the stubs that go with it, in
 * enclave pages that any number of address spaces map. It hangs on inode->data->text and is good as long as the file's
 * size, times and change count are what they were. Most files have no `syscall`: that is remembered, too, and nothing else
 * of them is kept. What was found out about a file of the host is kept by the host for the next enclave (rewrite_store.h).
 *
 * Locks: cache_lock guards all lists of images (held for a few instructions); image->lock is held while one image is
 * made, which reads the file and takes milliseconds. mm.lock -> image->lock -> cache_lock.
 */
#include <linux/errno.h>
#include <linux/time.h>

#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/loader/insn.h"
#include "kernel/loader/module.h"
#include "kernel/loader/rewrite_store.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/string.h"

#define TEXT_SIZE_MAX (512UL << 20)
#define CANDIDATES_MAX 65536
#define SCAN_SIZE (64UL << 10)
/* What took less is not worth a file. */
#define STORE_TIME 100000 /* ns */

static struct mutex cache_lock;
static struct rewrite_stats totals; /* atomic adds */

/* The candidates of one segment: module addresses of `0f 05`. */
struct candidates {
	uint64_t *addresses;
	size_t count, capacity, bound; /* bound: bytes of stubs at most */
};

/* Text is looked at once and then mapped: it is not to fill the page cache. */
static long read_file(void *context, void *to, size_t size, uint64_t offset)
{
	struct file *file = context;
	struct mapping *m = file->inode->data;

	if (m->ops && m->ops->read_past)
		return m->ops->read_past(m, to, size, offset);
	return file_read_kernel(file, to, size, offset);
}

static int candidate_add(struct candidates *c, uint64_t address, size_t bound)
{
	if (c->count == CANDIDATES_MAX)
		return -E2BIG;
	if (c->count == c->capacity) {
		size_t capacity = c->capacity ? c->capacity * 2 : 64;
		uint64_t *grown = krealloc(c->addresses, capacity * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		c->addresses = grown;
		c->capacity = capacity;
	}
	c->addresses[c->count++] = address;
	c->bound += bound;
	return 0;
}

/* Whole file range into memory; what lies behind the file's end becomes zero. */
static int read_range(struct file *file, uint8_t *to, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		long got = read_file(file, to + done, size - done, offset + done);

		if (got < 0)
			return (int)got;
		if (!got)
			break;
		done += (size_t)got;
	}
	memset(to + done, 0, size - done);
	return 0;
}

/* Reads the segment piece by piece; pieces overlap so that no `mov; syscall` is cut. */
static int scan_segment(struct file *file, const Elf64_Phdr *segment, struct candidates *c)
{
	uint8_t *piece = kmalloc(SCAN_SIZE);
	uint64_t at = 0;
	size_t keep = 0;
	int err = piece ? 0 : -ENOMEM;

	while (!err && at < segment->p_filesz) {
		size_t want = MIN(SCAN_SIZE - keep, segment->p_filesz - at),
		       found = keep > 1 ? keep - 1 : 0;

		err = read_range(file, piece + keep, want, segment->p_offset + at);
		if (err)
			break;
		while (!err && (found = text_next_syscall(piece, keep + want, found)) != SIZE_MAX) {
			err = candidate_add(c, segment->p_vaddr + at - keep + found,
					    rewrite_stub_bound(piece, found));
			found += 2;
		}
		at += want;
		if (keep + want > 8) {
			memmove(piece, piece + keep + want - 8, 8);
			keep = 8;
		} else {
			keep += want;
		}
	}
	kfree(piece);
	return err;
}

/* Whether any candidate really is an instruction: spares the copy of large programs with none. */
static bool has_sites(struct file *file, const Elf64_Phdr *segment,
		      const struct function_range *functions, size_t count)
{
	uint8_t *code = kmalloc(SCAN_SIZE);
	bool found = false;

	for (size_t n = 0; code && n < count && !found; n++) {
		uint64_t start = functions[n].start, size = functions[n].end - start;
		struct insn i;

		if (start < segment->p_vaddr || start - segment->p_vaddr > segment->p_filesz ||
		    size > segment->p_filesz - (start - segment->p_vaddr))
			continue;
		if (size > SCAN_SIZE) {
			found = true;
			break;
		}
		if (read_range(file, code, size, segment->p_offset + (start - segment->p_vaddr)))
			break;
		for (size_t at = 0; at < size && insn_decode(code + at, size - at, &i) && !found;
		     at += i.length)
			found = i.map == INSN_0F && i.opcode == 0x05;
	}
	kfree(code);
	return found;
}

/* The executable segment, and the module's lowest address. NULL: none, or not of the usual kind. */
static const Elf64_Phdr *find_text(const struct module *m, uint64_t *ret_lowest)
{
	const Elf64_Phdr *text = NULL;
	uint64_t lowest = UINT64_MAX;

	for (unsigned int n = 0; n < m->header.e_phnum; n++) {
		const Elf64_Phdr *h = &m->segments[n];

		if (h->p_type != PT_LOAD)
			continue;
		lowest = MIN(lowest, PAGE_DOWN(h->p_vaddr));
		if ((h->p_flags & (PF_X | PF_W)) != PF_X || !h->p_filesz)
			continue;
		if (text || h->p_filesz > TEXT_SIZE_MAX ||
		    h->p_offset % PAGE_SIZE != h->p_vaddr % PAGE_SIZE || h->p_vaddr >= 1ULL << 47 ||
		    h->p_offset > m->file_size || h->p_filesz > m->file_size - h->p_offset)
			return NULL;
		text = h;
	}
	*ret_lowest = lowest;
	return text;
}

/* Stubs move from the rewriter's buffer to pages that can be mapped. */
static int make_stub_pages(struct rewrite_image *image)
{
	uint8_t *pages = pages_alloc(image->stubs_size / PAGE_SIZE);

	if (!pages)
		return -ENOMEM;
	memcpy(pages, image->stubs, image->stubs_size);
	kfree(image->stubs);
	image->stubs = pages;
	return 0;
}

static int make_text(struct text_image *t, struct file *file, const Elf64_Phdr *segment,
		     const struct candidates *c, const struct function_range *functions,
		     size_t function_count)
{
	size_t head = segment->p_vaddr % PAGE_SIZE,
	       pages = PAGE_UP(head + segment->p_filesz) / PAGE_SIZE;
	size_t gap = PAGE_UP(c->bound);
	struct rewrite_image image = { 0 };
	uint8_t *text = pages_alloc(pages);
	int err;

	if (!text)
		return -ENOMEM;
	err = read_range(file, text, pages * PAGE_SIZE, segment->p_offset - head);
	if (!err)
		err = rewrite_text(text + head, segment->p_vaddr, segment->p_filesz,
				   t->lowest - gap, gap, functions, function_count, &image);
	if (!err && image.stubs_size) {
		err = make_stub_pages(&image);
		if (err)
			rewrite_image_free(&image);
	} else if (!err) {
		rewrite_image_free(&image);
	}
	t->sites.mov = image.mov;
	t->sites.after = image.after;
	t->sites.kept = image.kept;
	if (err || !image.stubs_size) {
		pages_put(text, pages);
		return err;
	}
	t->offset = segment->p_offset - head;
	t->address = segment->p_vaddr - head;
	t->pages = pages;
	t->text = text;
	t->sites = image;
	t->gap = gap;
	return 0;
}

/* -ENOMEM and I/O errors may be tried again; all else is settled, with or without text. */
static int make(struct text_image *t, struct file *file)
{
	struct module m = { .read = read_file, .context = file, .file_size = t->size };
	struct function_range *functions = NULL;
	struct candidates c = { 0 };
	size_t function_count = 0;
	const Elf64_Phdr *segment;
	int err = module_init(&m);

	if (err)
		goto out;
	segment = find_text(&m, &t->lowest);
	if (!segment)
		goto out;
	err = scan_segment(file, segment, &c);
	if (err || !c.count)
		goto out;
	err = module_functions(&m, c.addresses, c.count, &functions, &function_count);
	if (err || !has_sites(file, segment, functions, function_count))
		goto out;
	err = make_text(t, file, segment, &c, functions, function_count);
out:
	kfree(functions);
	kfree(c.addresses);
	module_done(&m);
	return err == -ENOEXEC || err == -E2BIG ? 0 : err;
}

static bool identify_again(struct file *file, const struct mapping_identity *then)
{
	struct mapping_identity now;

	return rewrite_store_identify(file, &now) && !memcmp(&now, then, sizeof(now));
}

static void forget_image(struct text_image *t)
{
	if (t->text)
		pages_put(t->text, t->pages);
	if (t->sites.stubs)
		pages_put(t->sites.stubs, t->sites.stubs_size / PAGE_SIZE);
	t->text = t->sites.stubs = NULL;
	rewrite_image_free(&t->sites);
	t->gap = 0;
}

/* As an earlier enclave left it. false: to be made. */
static bool load(struct text_image *t, struct file *file, const struct mapping_identity *identity)
{
	if (identity->size != t->size || !rewrite_store_load(identity, t))
		return false;
	if (!t->gap)
		return true;
	t->text = pages_alloc(t->pages);
	if (t->text && !read_range(file, t->text, t->pages * PAGE_SIZE, t->offset) &&
	    rewrite_image_apply(&t->sites, t->text + (t->sites.text_start - t->address),
				t->lowest - t->gap) &&
	    identify_again(file, identity)) {
		__atomic_fetch_add(&totals.loaded, 1, __ATOMIC_RELAXED);
		return true;
	}
	forget_image(t);
	return false;
}

static int load_or_make(struct text_image *t, struct file *file)
{
	struct mapping_identity identity;
	bool kept = rewrite_store_identify(file, &identity);
	uint64_t start = plat_clock(CLOCK_MONOTONIC);
	int err = 0;

	if (!kept || !load(t, file, &identity)) {
		err = make(t, file);
		if (!err && kept && plat_clock(CLOCK_MONOTONIC) - start >= STORE_TIME &&
		    identify_again(file, &identity))
			rewrite_store_save(&identity, t);
	}
	if (t->gap)
		__atomic_fetch_add(&totals.files, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&totals.sites_mov, t->sites.mov, __ATOMIC_RELAXED);
	__atomic_fetch_add(&totals.sites_after, t->sites.after, __ATOMIC_RELAXED);
	__atomic_fetch_add(&totals.sites_kept, t->sites.kept, __ATOMIC_RELAXED);
	__atomic_fetch_add(&totals.time_ns, plat_clock(CLOCK_MONOTONIC) - start, __ATOMIC_RELAXED);
	return err;
}

/* --- the cache ---------------------------------------------------------------------------------------------------- */

void text_image_put(struct text_image *t)
{
	if (!ref_put(&t->refs))
		return;
	forget_image(t);
	kfree(t);
}

static bool is_current(const struct text_image *t, const struct inode *inode,
		       const struct mapping *m)
{
	return t->changes == m->changes && t->size == m->size &&
	       t->modified.seconds == inode->modified.seconds &&
	       t->modified.nanoseconds == inode->modified.nanoseconds;
}

/* The entry for the file as it is now: at most one is on the list. */
static struct text_image *entry_get(struct inode *inode, struct mapping *m)
{
	struct text_image *t = NULL, *old = NULL;

	mutex_lock(&cache_lock);
	if (!list_empty(&m->text)) {
		t = list_first(&m->text, struct text_image, link);
		if (!is_current(t, inode, m)) {
			list_remove(&t->link);
			old = t;
			t = NULL;
		}
	}
	if (!t) {
		t = kzalloc(sizeof(*t));
		if (t) {
			ref_init(&t->refs);
			t->changes = m->changes;
			t->size = m->size;
			t->modified = inode->modified;
			list_init(&t->link);
			list_add(&m->text, &t->link);
		}
	}
	if (t)
		ref_get(&t->refs);
	mutex_unlock(&cache_lock);
	if (old)
		text_image_put(old);
	return t;
}

struct text_image *text_image_get(struct file *file)
{
	struct inode *inode = file->inode;
	struct text_image *t;

	if (!(plat_info()->capabilities & PLAT_REWRITES_TEXT) ||
	    (inode->mode & S_IFMT) != S_IFREG || !inode->data)
		return NULL;
	t = entry_get(inode, inode->data);
	if (!t)
		return NULL;
	if (!__atomic_load_n(&t->made, __ATOMIC_ACQUIRE)) {
		mutex_lock(&t->lock);
		if (!t->made) {
			bool settled = !load_or_make(t, file);

			__atomic_store_n(&t->made, settled, __ATOMIC_RELEASE);
		}
		mutex_unlock(&t->lock);
	}
	if (!__atomic_load_n(&t->made, __ATOMIC_ACQUIRE) || !t->gap) {
		text_image_put(t);
		return NULL;
	}
	return t;
}

void rewrite_drop_mapping(struct mapping *m)
{
	for (;;) {
		struct text_image *t = NULL;

		mutex_lock(&cache_lock);
		if (!list_empty(&m->text)) {
			t = list_first(&m->text, struct text_image, link);
			list_remove(&t->link);
		}
		mutex_unlock(&cache_lock);
		if (!t)
			return;
		text_image_put(t);
	}
}

size_t rewrite_gap(struct file *file)
{
	struct text_image *t = text_image_get(file);
	size_t gap = 0;

	if (t) {
		gap = t->gap;
		text_image_put(t);
	}
	return gap;
}

void rewrite_stats(struct rewrite_stats *ret)
{
	ret->files = __atomic_load_n(&totals.files, __ATOMIC_RELAXED);
	ret->loaded = __atomic_load_n(&totals.loaded, __ATOMIC_RELAXED);
	ret->sites_mov = __atomic_load_n(&totals.sites_mov, __ATOMIC_RELAXED);
	ret->sites_after = __atomic_load_n(&totals.sites_after, __ATOMIC_RELAXED);
	ret->sites_kept = __atomic_load_n(&totals.sites_kept, __ATOMIC_RELAXED);
	ret->time_ns = __atomic_load_n(&totals.time_ns, __ATOMIC_RELAXED);
}
