/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page cache against a flat buffer: random reads, writes (some of them with a fault in the middle), appends,
 * truncations, holes punched, and pages held by "mappings" that must stay the file's.
 */
#include "kernel/mm/test_platform.h"

#include "kernel/mm/mapping.c"
#include "kernel/mm/mapping_io.c"
#include "kernel/mm/pages.c"
#include "kernel/mm/slab.c"
#include "kernel/mm/uio.c"

#define FILE_MAX (3UL << 20)
#define HELD 32

static unsigned char model[FILE_MAX + PAGE_SIZE];
static uint64_t model_size;
static unsigned char buffer[FILE_MAX];
static size_t fault_after = SIZE_MAX; /* user copies stop after this many bytes */
static size_t filled, charged;
static bool backed;
static unsigned char disk[FILE_MAX + PAGE_SIZE];

void mm_init(void)
{
	mapping_cache_init();
}

void mm_file_was_cut(void)
{
}

void rewrite_drop_mapping(struct mapping *m)
{
	(void)m;
}

bool access_ok(struct uptr at, size_t size)
{
	(void)at;
	(void)size;
	return true;
}

int copy_in(void *to, struct uptr from, size_t size)
{
	memcpy(to, (void *)from.v, size);
	return 0;
}

static size_t until_fault(size_t size)
{
	size_t n = size < fault_after ? size : fault_after;

	if (fault_after != SIZE_MAX)
		fault_after -= n;
	return n;
}

size_t copy_in_partial(void *to, struct uptr from, size_t size)
{
	size = until_fault(size);
	memcpy(to, (void *)from.v, size);
	return size;
}

size_t copy_out_partial(struct uptr to, const void *from, size_t size)
{
	size = until_fault(size);
	memcpy((void *)to.v, from, size);
	return size;
}

size_t zero_out_partial(struct uptr to, size_t size)
{
	size = until_fault(size);
	memset((void *)to.v, 0, size);
	return size;
}

static int fill(struct mapping *m, uint64_t index, size_t count, void *to)
{
	(void)m;
	filled += count;
	for (size_t i = 0; i < count; i++, index++) {
		if (index * PAGE_SIZE < sizeof(disk))
			memcpy((char *)to + i * PAGE_SIZE, disk + index * PAGE_SIZE, PAGE_SIZE);
		else
			memset((char *)to + i * PAGE_SIZE, 0, PAGE_SIZE);
	}
	return 0;
}

static int write_back(struct mapping *m, uint64_t index, size_t count, const void *from)
{
	(void)m;
	CHECK((index + count) * PAGE_SIZE <= sizeof(disk) || index * PAGE_SIZE >= FILE_MAX);
	if ((index + count) * PAGE_SIZE <= sizeof(disk))
		memcpy(disk + index * PAGE_SIZE, from, count * PAGE_SIZE);
	return 0;
}

static const struct mapping_ops disk_ops = { .fill = fill, .write_back = write_back };

static int account(struct mapping *m, int64_t pages)
{
	(void)m;
	if (pages > 0 && charged + pages > 600)
		return -ENOSPC;
	charged += pages;
	return 0;
}

static void check_tree(struct mapping *m)
{
	uint64_t end = 0, pages = 0;

	for (struct extent *e = entry_of(rb_first(tree_of(m))); e; e = extent_next(e)) {
		CHECK(e->index >= end && e->capacity >= e->count);
		end = extent_end(e);
		pages += e->count;
		for (uint32_t i = 0; i < e->capacity; i++)
			CHECK(pages_refs(e->pages + i * PAGE_SIZE) >= 1);
	}
	CHECK(pages == m->pages);
	CHECK(!m->account || charged == pages);
}

static void check_read(struct mapping *m)
{
	uint64_t pos = (uint64_t)rand() % (FILE_MAX + 5000);
	size_t size = (size_t)rand() % (rand() % 4 ? 9000 : 300000) + 1, expect, back = 0;
	struct uio io;
	long n;

	expect = pos >= model_size ? 0 : size < model_size - pos ? size : model_size - pos;
	memset(buffer, 0x77, size);
	if (rand() % 2) {
		uio_init_kernel(&io, buffer, size);
	} else {
		CHECK(!uio_init_user(&io, UPTR(buffer), size));
		if (rand() % 4 == 0) {
			back = (size_t)rand() % size;
			fault_after = back;
		}
	}
	n = mapping_read(m, &io, pos);
	if (fault_after != SIZE_MAX) {
		fault_after = SIZE_MAX;
		if (expect > back) {
			CHECK(n == (back ? (long)back : -EFAULT));
			expect = back;
		}
	}
	if (n >= 0) {
		CHECK((size_t)n == expect && io.left == size - expect);
		CHECK(!memcmp(buffer, model + pos, expect));
	}
	uio_done(&io);
}

static void do_write(struct mapping *m)
{
	bool append = rand() % 4 == 0, faulty = rand() % 6 == 0;
	uint64_t pos = append ? model_size : (uint64_t)rand() % FILE_MAX;
	size_t size = (size_t)rand() % (rand() % 4 ? 9000 : 200000) + 1;
	struct uio io;
	long n;

	if (size > FILE_MAX - pos)
		size = FILE_MAX - pos;
	if (!size)
		return;
	for (size_t i = 0; i < size; i++)
		buffer[i] = (unsigned char)rand();
	CHECK(!uio_init_user(&io, UPTR(buffer), size));
	if (faulty)
		fault_after = (size_t)rand() % size;
	n = append ? mapping_append(m, &io, &pos) : mapping_write(m, &io, pos);
	CHECK(!append || pos == model_size);
	fault_after = SIZE_MAX;
	if (m->account && n == -ENOSPC)
		n = 0;
	if (n == -EFAULT && faulty)
		n = 0;
	CHECK(n >= 0 && ((size_t)n == size || faulty || m->account));
	memcpy(model + pos, buffer, (size_t)n);
	if (n && pos + (uint64_t)n > model_size)
		model_size = pos + (uint64_t)n;
	uio_done(&io);
	CHECK(m->size == model_size);
}

static struct {
	char *page;
	uint64_t index;
	bool shown; /* still what the file has there */
} held[HELD];

static void hold(struct mapping *m)
{
	int i = rand() % HELD;
	uint64_t pages = PAGE_UP(model_size) / PAGE_SIZE;
	void *page;
	long n;

	if (held[i].page) {
		pages_put(held[i].page, 1);
		held[i].page = NULL;
		return;
	}
	if (!pages)
		return;
	held[i].index = (uint64_t)rand() % pages;
	n = mapping_get_run(m, held[i].index, 1, &page);
	if (n < 0) {
		CHECK(n == -ENOSPC);
		return;
	}
	CHECK(n == 1);
	held[i].page = page;
}

static void check_held(struct mapping *m)
{
	for (int i = 0; i < HELD; i++) {
		void *page;

		if (!held[i].page || held[i].index >= model_size / PAGE_SIZE)
			continue;
		CHECK(!memcmp(held[i].page, model + held[i].index * PAGE_SIZE, PAGE_SIZE));
		CHECK(mapping_find_run(m, held[i].index, 1, &page) == 1 && page == held[i].page);
		pages_put(page, 1);
	}
}

static void check_seek(struct mapping *m)
{
	uint64_t pos = (uint64_t)rand() % FILE_MAX;
	int64_t data = mapping_seek_data(m, pos, false), hole = mapping_seek_data(m, pos, true);

	if (pos >= model_size) {
		CHECK(data == -ENXIO && hole == -ENXIO);
		return;
	}
	CHECK(hole >= (int64_t)pos && hole <= (int64_t)model_size);
	if (backed)
		return;
	for (uint64_t i = pos; i < (data < 0 ? model_size : (uint64_t)data); i++)
		CHECK(!model[i]);
	CHECK(data == -ENXIO || data == (int64_t)pos || hole == (int64_t)pos);
}

static void run(const struct mapping_ops *ops, bool limited)
{
	struct mapping m;
	struct memory_usage before, after;

	memory_usage(&before);
	mapping_init(&m, ops, NULL);
	backed = ops != NULL;
	m.reclaimable = backed;
	m.account = limited ? account : NULL;
	charged = 0;
	memset(model, 0, sizeof(model));
	memset(disk, 0, sizeof(disk));
	model_size = 0;
	for (int i = 0; i < 20000; i++) {
		uint64_t pos = (uint64_t)rand() % FILE_MAX, size = (uint64_t)rand() % 30000 + 1;

		switch (rand() % 16) {
		case 0:
			if (rand() % 2 == 0)
				pos = model_size + pos % 10000;
			if (rand() % 40 == 0)
				pos = 0;
			if (pos > FILE_MAX)
				pos = FILE_MAX;
			CHECK(!mapping_truncate(&m, pos));
			if (pos < model_size) {
				memset(model + pos, 0, model_size - pos);
				/* A real file system cuts the file on the disk before the cache. */
				memset(disk + pos, 0, sizeof(disk) - pos);
			}
			model_size = pos;
			break;
		case 1:
			if (size > FILE_MAX - pos)
				size = FILE_MAX - pos;
			memset(disk + pos, 0, size);
			CHECK(!mapping_punch(&m, pos, size));
			memset(model + pos, 0, size);
			break;
		case 2:
			if (pos + size <= FILE_MAX)
				CHECK(!mapping_allocate(&m, pos, size) || limited);
			break;
		case 3:
		case 4:
			hold(&m);
			break;
		case 5:
			check_seek(&m);
			break;
		case 6:
			if (rand() % 100 == 0) {
				CHECK(!mapping_sync(&m));
				shrink_all(10);
			}
			if (rand() % 200 == 0 && !m.pages)
				mapping_reserve_contiguous(&m, 300);
			break;
		case 7:
		case 8:
		case 9:
		case 10:
			do_write(&m);
			break;
		default:
			check_read(&m);
			break;
		}
		if (i % 64 == 0) {
			check_tree(&m);
			if (!backed)
				check_held(&m);
		}
	}
	for (int i = 0; i < HELD; i++)
		if (held[i].page) {
			pages_put(held[i].page, 1);
			held[i].page = NULL;
		}
	mapping_done(&m);
	CHECK(!m.pages && !charged);
	memory_usage(&after);
	CHECK(before.objects == after.objects && !after.cache_pages);
}

static void test_growth(void)
{
	struct mapping m;
	unsigned int extents = 0;
	char c[100];

	/* Small appends: few extents, contents right. */
	mapping_init(&m, NULL, NULL);
	memset(c, 'x', sizeof(c));
	for (int i = 0; i < 40000; i++) {
		struct uio io;
		uint64_t at;

		uio_init_kernel(&io, c, sizeof(c));
		CHECK(mapping_append(&m, &io, &at) == sizeof(c) && at == (uint64_t)i * sizeof(c));
	}
	for (struct extent *e = entry_of(rb_first(tree_of(&m))); e; e = extent_next(e))
		extents++;
	CHECK(m.size == 4000000 && extents < 20);
	CHECK(mapping_truncate(&m, UINT64_MAX / 2) == -EFBIG);
	/* A large sparse file holds nothing. */
	CHECK(!mapping_truncate(&m, 0) && !m.pages);
	CHECK(!mapping_truncate(&m, 1UL << 50) && !m.pages);
	CHECK(mapping_seek_data(&m, 5, false) == -ENXIO && mapping_seek_data(&m, 5, true) == 5);
	mapping_done(&m);
}

int main(void)
{
	test_start(512UL << 20, 300UL << 20);
	run(NULL, false);
	run(NULL, true);
	run(&disk_ops, false);
	CHECK(filled);
	test_growth();
	return 0;
}
