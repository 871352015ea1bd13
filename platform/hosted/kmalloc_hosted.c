/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes the place of kernel/mm/slab.c: each kernel object is an allocation of libc's own, so that the address sanitizer
 * sees its ends and its life. In front of it lies a record of who made it, off limits for everybody else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/mm/page.h"
#include "lib/base/list.h"
#include "platform/hosted/hosted.h"

#if defined(__SANITIZE_ADDRESS__)
#define POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISONS 1
#endif
#endif
#ifdef POISONS
#include <sanitizer/asan_interface.h>
#define POISON(p, n) __asan_poison_memory_region(p, n)
#define UNPOISON(p, n) __asan_unpoison_memory_region(p, n)

const char *__asan_default_options(void);
/* Most pointers to objects are in enclave memory, where nobody looks for them; leaks are found by counting. */
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#else
#define POISON(p, n) (void)0
#define UNPOISON(p, n) (void)0
#endif

#define CALLERS 5
#define KMALLOC_LARGEST (64UL << 20)

struct record {
	struct record *next, *prev;
	uint64_t number;
	size_t size;
	void *callers[CALLERS];
	uint64_t pad[3];
};
_Static_assert(sizeof(struct record) % 16 == 0, "alignment");

struct kmem_cache {
	size_t size;
	const char *name;
};

static struct mutex lock;
static struct record all = { .next = &all, .prev = &all };
static uint64_t count, numbers;
static struct kmem_cache caches[256];
static unsigned int cache_count;

static void take(void)
{
	while (!mutex_trylock(&lock))
		;
}

__attribute__((no_sanitize("address"))) static void note_callers(struct record *r)
{
	uintptr_t *frame = __builtin_frame_address(0), *next;

	memset(r->callers, 0, sizeof(r->callers));
	for (int i = -1; i < CALLERS; i++, frame = next) {
		if (i >= 0)
			r->callers[i] = (void *)frame[1];
		next = (uintptr_t *)frame[0];
		if (next <= frame || (uintptr_t)next - (uintptr_t)frame > 65536)
			break;
	}
}

__attribute__((no_sanitize("address"))) static void *make(size_t size)
{
	struct record *r;

	if (size > KMALLOC_LARGEST || hosted_allocation_fails())
		return NULL;
	r = malloc(sizeof(*r) + size);
	if (!r)
		return NULL;
	memset(r + 1, 0xa5, size);
	note_callers(r);
	r->size = size;
	take();
	r->number = ++numbers;
	r->next = all.next;
	r->prev = &all;
	UNPOISON(all.next, sizeof(*r));
	all.next->prev = r;
	if (all.next != &all)
		POISON(all.next, sizeof(*r));
	all.next = r;
	count++;
	mutex_unlock(&lock);
	POISON(r, sizeof(*r));
	return r + 1;
}

static void *kmalloc_from(size_t size)
{
	return make(size ? size : 1);
}

void *kmalloc(size_t size)
{
	return kmalloc_from(size);
}

void *kzalloc(size_t size)
{
	void *p = kmalloc_from(size);

	if (p)
		memset(p, 0, size);
	return p;
}

void *kcalloc(size_t n, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? NULL : kzalloc(bytes);
}

void kfree(void *p)
{
	struct record *r;

	if (!p)
		return;
	r = (struct record *)p - 1;
	UNPOISON(r, sizeof(*r));
	take();
	UNPOISON(r->next, sizeof(*r));
	UNPOISON(r->prev, sizeof(*r));
	r->next->prev = r->prev;
	r->prev->next = r->next;
	if (r->next != &all)
		POISON(r->next, sizeof(*r));
	if (r->prev != &all)
		POISON(r->prev, sizeof(*r));
	count--;
	mutex_unlock(&lock);
	free(r);
}

void *krealloc(void *p, size_t size)
{
	struct record *r;
	size_t old;
	void *to;

	if (!p)
		return kmalloc(size);
	r = (struct record *)p - 1;
	UNPOISON(r, sizeof(*r));
	old = r->size;
	POISON(r, sizeof(*r));
	to = kmalloc(size);
	if (!to)
		return NULL;
	memcpy(to, p, MIN(old, size));
	kfree(p);
	return to;
}

char *kstrdup(const char *s)
{
	size_t size = strlen(s) + 1;
	char *copy = kmalloc(size);

	return copy ? memcpy(copy, s, size) : NULL;
}

struct kmem_cache *kmem_cache_new(const char *name, size_t size)
{
	struct kmem_cache *c = &caches[cache_count++];

	if (cache_count >= ARRAY_SIZE(caches))
		hosted_fail("too many caches");
	c->name = name;
	c->size = size;
	return c;
}

void *kmem_cache_alloc(struct kmem_cache *c)
{
	return kmalloc_from(c->size);
}

void *kmem_cache_zalloc(struct kmem_cache *c)
{
	return kzalloc(c->size);
}

void kmem_cache_free(struct kmem_cache *c, void *p)
{
	(void)c;
	kfree(p);
}

void kmalloc_init(void)
{
	pages_init();
	mm_init();
}

void memory_usage(struct memory_usage *ret)
{
	memset(ret, 0, sizeof(*ret));
	pages_usage(ret);
	ret->objects = count;
}

uint64_t hosted_mark(void)
{
	return numbers;
}

void hosted_print_newer(uint64_t mark)
{
	struct record *r, *next;
	extern char __executable_start[];

	for (r = all.next; r != &all; r = next) {
		UNPOISON(r, sizeof(*r));
		next = r->next;
		if (r->number > mark) {
			fprintf(stderr, "  object %lu, %zu bytes, made at",
				(unsigned long)r->number, r->size);
			for (int i = 0; i < CALLERS && r->callers[i]; i++)
				fprintf(stderr, " 0x%lx",
					(unsigned long)((char *)r->callers[i] -
							__executable_start));
			fprintf(stderr, "\n");
		}
		POISON(r, sizeof(*r));
	}
}

void hosted_check_leaks(void (*run)(const uint8_t *data, size_t size), const uint8_t *data,
			size_t size)
{
	uint64_t objects = hosted_objects(), mark = 0;
	int grew = 0;

	run(data, size);
	for (int i = 0; i < 3 && hosted_objects() > objects; i++) {
		objects = hosted_objects();
		mark = hosted_mark();
		run(data, size);
		grew += hosted_objects() > objects;
	}
	if (grew == 3) {
		hosted_print_newer(mark);
		hosted_fail("leak");
	}
}
