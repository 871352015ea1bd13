/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text with any function ranges: what is changed lies inside of patches, `syscall`s before return points stay,
 * patches do not overlap, and every stub decodes and translates. With a first byte that is odd the rest is taken for a file and its
 * functions are looked for.
 */
#include <stdlib.h>

#include "kernel/loader/ehframe.c"
#include "kernel/loader/insn.c"
#undef M
#undef B
#undef Z
#undef W
#undef V
#undef R
#undef A
#undef X
#include "kernel/loader/rewrite_scan.c"
#include "kernel/loader/rewrite_text.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void *kmalloc(size_t size)
{
	return malloc(size);
}
void *kcalloc(size_t count, size_t size)
{
	return calloc(count, size);
}
void *kzalloc(size_t size)
{
	return calloc(1, size);
}
void *krealloc(void *p, size_t size)
{
	return realloc(p, size);
}
void kfree(void *p)
{
	free(p);
}

#define REQUIRE(c)               \
	do {                     \
		if (!(c))        \
			abort(); \
	} while (0)

struct input {
	const uint8_t *data;
	size_t size;
};

static long read_input(void *context, void *to, size_t size, uint64_t offset)
{
	const struct input *in = context;

	if (offset >= in->size)
		return 0;
	size = MIN(size, in->size - offset);
	memcpy(to, in->data + offset, size);
	return (long)size;
}

static void fuzz_file(const uint8_t *data, size_t size)
{
	static const uint64_t addresses[] = { 0, 0x10, 0x1000, 0x1234, 0x401000, 0x7fffffff };
	struct input in = { data, size };
	struct module m = { .read = read_input, .context = &in, .file_size = size };
	struct function_range *f = NULL;
	size_t count = 0;

	if (!module_init(&m) &&
	    !module_functions(&m, addresses, ARRAY_SIZE(addresses), &f, &count)) {
		REQUIRE(count <= ARRAY_SIZE(addresses));
		for (size_t n = 0; n < count; n++)
			REQUIRE(f[n].start < f[n].end && (!n || f[n].start >= f[n - 1].end));
	}
	free(f);
	module_done(&m);
}

static void check_image(const struct rewrite_image *image, const uint8_t *before)
{
	uint64_t floor = image->text_start;
	size_t at = 0;

	for (size_t n = 0; n < image->count; n++) {
		const struct rewrite_site *s = &image->sites[n];
		size_t site = s->address - image->text_start;
		struct insn i;

		REQUIRE(!memcmp(before + site, "\x0f\x05", 2));
		if (s->how == REWRITE_KEPT)
			continue;
		REQUIRE(s->patch >= floor && s->patch_size >= 5 &&
			s->patch - image->text_start + s->patch_size <= image->text_size);
		for (; at < s->patch - image->text_start; at++)
			REQUIRE(before[at] == image->text[at]);
		at += s->patch_size;
		floor = s->patch + s->patch_size;
		if (s->how != REWRITE_AFTER)
			REQUIRE(!memcmp(image->text + site, "\x0f\x05", 2));
		else
			REQUIRE(!memcmp(image->stubs + s->stub + s->resume - 2, "\x0f\x05", 2));
		REQUIRE(s->stub + s->stub_size <= image->stubs_size);
		for (unsigned int o = 0; o < s->stub_size; o += i.length) {
			uint64_t original = 0;

			REQUIRE(insn_decode(image->stubs + s->stub + o, s->stub_size - o, &i));
			REQUIRE(rewrite_image_original(image, s->stub + o, &original));
			REQUIRE(original >= s->patch && original <= s->patch + s->patch_size + 2);
		}
	}
	for (; at < image->text_size; at++)
		REQUIRE(before[at] == image->text[at]);
}

/* The image, and one that somebody damaged, on the text as it was. */
static void apply_image(const struct rewrite_image *image, const uint8_t *before, uint64_t stubs_at,
			const uint8_t chance[3])
{
	struct rewrite_image damaged = *image;
	size_t sites_size = image->count * sizeof(image->sites[0]);
	uint8_t *text = malloc(MAX(image->text_size, (size_t)1));

	memcpy(text, before, image->text_size);
	if (image->text_size >= 2) {
		REQUIRE(rewrite_image_apply(image, text, stubs_at));
		REQUIRE(!memcmp(text, image->text, image->text_size));
	}
	if (sites_size) {
		damaged.sites = malloc(sites_size);
		memcpy(damaged.sites, image->sites, sites_size);
		((uint8_t *)damaged.sites)[(chance[0] | chance[1] << 8) % sites_size] ^= chance[2];
		memcpy(text, before, image->text_size);
		(void)rewrite_image_apply(&damaged, text, stubs_at);
		free(damaged.sites);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct function_range ranges[4];
	size_t count, at = 0, text_size;
	struct rewrite_image image;
	uint8_t *text;

	if (size < 24)
		return 0;
	if (data[0] & 1) {
		fuzz_file(data + 1, size - 1);
		return 0;
	}
	text_size = size - 24;
	count = data[1] % 5;
	for (size_t n = 0; n < count; n++) {
		size_t start = (data[2 + n * 4] | (size_t)data[3 + n * 4] << 8) % (text_size + 1);
		size_t length = data[4 + n * 4] | (size_t)data[5 + n * 4] << 8;

		start = MAX(start, at);
		ranges[n] = (struct function_range){ 0x10000 + start,
						     0x10000 + MIN(start + length, text_size) };
		at = start;
	}
	text = malloc(MAX(text_size, (size_t)1));
	memcpy(text, data + 24, text_size);
	if (!rewrite_text(text, 0x10000, text_size, data[20] & 1 ? -0x4000ULL : 0x8000,
			  data[21] * 16u, ranges, count, &image)) {
		check_image(&image, data + 24);
		apply_image(&image, data + 24, data[20] & 1 ? -0x4000ULL : 0x8000, data + 21);
		rewrite_image_free(&image);
	}
	free(text);
	return 0;
}
