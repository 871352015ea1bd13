/* SPDX-License-Identifier: Apache-2.0 */
/* The pipe's ring against a plain model: random writes, reads, packets, resizes and tees, all bytes compared. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/mm/kmalloc.h"
#include "kernel/mm/usercopy.h"
#include "kernel/task/sync.h"

#define PIPE_BUFFER 4096U
#define MODEL_MAX (1 << 20)

struct pipe_record {
	uint32_t size;
	bool packet;
};
struct pipe_records {
	unsigned int first, count, max;
	struct pipe_record r[];
};
struct pipe {
	char *buffer;
	uint32_t size, head, used, capacity;
	struct pipe_records *records;
};

static size_t fault_after = SIZE_MAX;

void panic(const char *format, ...)
{
	(void)format;
	abort();
}

void *kmalloc(size_t size)
{
	return malloc(size);
}

void kfree(void *p)
{
	free(p);
}

void *pages_alloc(size_t count)
{
	return malloc(count * PAGE_SIZE);
}

void pages_put(void *pages, size_t count)
{
	(void)count;
	free(pages);
}

size_t uio_put(struct uio *io, const void *from, size_t size)
{
	size = size < io->left ? size : io->left;
	memcpy(io->kernel, from, size);
	io->kernel = (char *)io->kernel + size;
	io->left -= size;
	return size;
}

size_t uio_get(struct uio *io, void *to, size_t size)
{
	size = size < io->left ? size : io->left;
	size = size < fault_after ? size : fault_after;
	memcpy(to, io->kernel, size);
	io->kernel = (char *)io->kernel + size;
	io->left -= size;
	return size;
}

#include "kernel/ipc/pipe_ring.h"

/* The model: bytes in order, and where packets and stretches of stream end. */
static unsigned char model[MODEL_MAX];
static size_t model_used;
static struct pipe_record model_records[512];
static unsigned int model_count;

#define CHECK(c)                                                                                 \
	do {                                                                                     \
		if (!(c)) {                                                                      \
			printf("%s:%d: not true: %s (seed %u)\n", __FILE__, __LINE__, #c, seed); \
			exit(1);                                                                 \
		}                                                                                \
	} while (0)

static unsigned int seed;
static unsigned char next_byte;

static struct uio uio_of(void *p, size_t size)
{
	return (struct uio){ .kernel = p, .left = size };
}

static void do_write(struct pipe *p, uint32_t n, bool packet)
{
	static unsigned char data[1 << 17];
	struct uio io = uio_of(data, n);
	uint32_t room = ring_room(p, packet);

	for (uint32_t i = 0; i < n; i++)
		data[i] = next_byte++;
	if (!n || room < n)
		return;
	if (rand() % 20 == 0) {
		/* A fault of a write that must be whole leaves nothing behind. */
		fault_after = n / 2;
		CHECK(ring_write(p, &io, n, packet, true) == -EFAULT);
		fault_after = SIZE_MAX;
		return;
	}
	CHECK(ring_write(p, &io, n, packet, true) == (long)n);
	memcpy(model + model_used, data, n);
	model_used += n;
	if (model_count && !packet && !model_records[model_count - 1].packet)
		model_records[model_count - 1].size += n;
	else
		model_records[model_count++] = (struct pipe_record){ n, packet };
}

static void do_read(struct pipe *p, uint32_t n)
{
	static unsigned char data[1 << 20];
	struct pipe_record *r = &model_records[0];
	struct uio io = uio_of(data, n);
	size_t want, drop;

	if (!p->used || !n)
		return;
	want = n < r->size ? n : r->size;
	drop = r->packet ? r->size : want;
	CHECK(ring_read(p, &io) == (long)want);
	CHECK(!memcmp(data, model, want));
	memmove(model, model + drop, model_used - drop);
	model_used -= drop;
	r->size -= (uint32_t)drop;
	if (!r->size)
		memmove(model_records, model_records + 1, --model_count * sizeof(*r));
}

static void do_tee(struct pipe *p)
{
	struct pipe copy = { .capacity = 65536 };
	uint32_t n = p->used < 65536 ? p->used : 65536;

	if (!n)
		return;
	CHECK(ring_copy(p, &copy, n) == (long)n);
	CHECK(copy.used == n && !copy.head);
	CHECK(!memcmp(copy.buffer, model, n));
	free(copy.buffer);
}

static void run(bool packets)
{
	struct pipe p = { .capacity = 65536 };

	model_used = model_count = 0;
	for (int i = 0; i < 20000; i++) {
		uint32_t n = (uint32_t)(rand() % (rand() % 8 ? 300 : 30000));

		switch (rand() % 12) {
		case 0:
			do_tee(&p);
			break;
		case 1: {
			uint32_t capacity = 4096U << rand() % 6;
			bool fits = model_used <= capacity &&
				    (!p.records || p.records->count <= capacity / 4096);

			CHECK((ring_set_capacity(&p, capacity) == 0) == fits);
			break;
		}
		case 2:
		case 3:
		case 4:
		case 5:
			do_read(&p, n);
			break;
		case 6:
			while (p.used)
				do_read(&p, n + 1);
			break;
		default:
			if (packets && rand() % 2)
				do_write(&p, n % 4096, true);
			else
				do_write(&p, n, false);
		}
		CHECK(p.used == model_used);
		CHECK(!ring_writable(&p) || p.capacity - p.used >= PIPE_BUFFER);
		CHECK(p.used <= p.size || !p.size);
		CHECK(p.size <= p.capacity);
		CHECK(p.used || !p.head);
		CHECK(!p.records || p.records->count == model_count);
	}
	free(p.buffer);
	free(p.records);
}

int main(void)
{
	for (seed = 1; seed <= 20; seed++) {
		srand(seed);
		run(seed % 2);
	}
	return 0;
}
