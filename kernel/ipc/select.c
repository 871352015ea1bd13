/* SPDX-License-Identifier: Apache-2.0 */
/*
 * select(2) and pselect6(2) on top of poll_files_exact. Three bit sets come in as arrays of 64-bit words and become one
 * list of items in order of descriptors; three sets of the same size go out. Small sets live on the stack. As on Linux,
 * bits above the size of the descriptor table are ignored.
 */
#include <linux/errno.h>

#include "kernel/fs/file.h"
#include "kernel/ipc/poll.h"
#include "kernel/ipc/poll_time.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

#define SELECT_WORDS 4 /* per set, on the stack: 256 descriptors */
#define SELECT_ITEMS 16
#define SETS 3

#define SELECT_IN \
	(POLLBIT_RDNORM | POLLBIT_RDBAND | POLLBIT_IN | POLLBIT_HUP | POLLBIT_ERR | POLLBIT_NVAL)
#define SELECT_OUT (POLLBIT_WRBAND | POLLBIT_WRNORM | POLLBIT_OUT | POLLBIT_ERR | POLLBIT_NVAL)
#define SELECT_EXCEPT (POLLBIT_PRI | POLLBIT_NVAL)

static const unsigned int set_bits[SETS] = { SELECT_IN, SELECT_OUT, SELECT_EXCEPT };

struct select_call {
	uint64_t inline_words[SETS * SELECT_WORDS];
	struct poll_item inline_items[SELECT_ITEMS];
	uint64_t *words; /* SETS * set_words: what was asked, then the answer */
	size_t set_words;
	struct poll_item *items;
	unsigned int count;
};

static uint64_t select_wanted(const struct select_call *c, size_t word)
{
	uint64_t wanted = 0;

	for (unsigned int s = 0; s < SETS; s++)
		wanted |= c->words[s * c->set_words + word];
	return wanted;
}

static int select_copy_in(struct select_call *c, unsigned int n, const struct uptr *sets)
{
	c->set_words = (n + 63) / 64;
	c->words = c->inline_words;
	if (c->set_words > SELECT_WORDS) {
		c->words = kmalloc(SETS * c->set_words * sizeof(c->words[0]));
		if (!c->words)
			return -ENOMEM;
	}
	for (unsigned int s = 0; s < SETS; s++) {
		uint64_t *set = c->words + s * c->set_words;

		memset(set, 0, c->set_words * sizeof(*set));
		if (sets[s].v && n && copy_in(set, sets[s], c->set_words * sizeof(*set)))
			return -EFAULT;
		if (n % 64)
			set[c->set_words - 1] &= (1ULL << n % 64) - 1;
	}
	return 0;
}

static int select_open(struct select_call *c)
{
	unsigned int total = 0;

	for (size_t w = 0; w < c->set_words; w++)
		total += (unsigned int)__builtin_popcountll(select_wanted(c, w));
	if (total > SELECT_ITEMS) {
		c->items = kmalloc(total * sizeof(c->items[0]));
		if (!c->items)
			return -ENOMEM;
	}
	for (size_t w = 0; w < c->set_words; w++)
		for (uint64_t left = select_wanted(c, w); left; left &= left - 1) {
			unsigned int bit = (unsigned int)__builtin_ctzll(left);
			struct poll_item *it = &c->items[c->count];

			it->file = fd_get((int)(w * 64 + bit));
			if (!it->file)
				return -EBADF;
			it->events = 0;
			for (unsigned int s = 0; s < SETS; s++)
				if (c->words[s * c->set_words + w] >> bit & 1)
					it->events |= set_bits[s];
			c->count++;
		}
	return 0;
}

/* Leaves in each set what is ready in it; the number of bits. */
static long select_answer(struct select_call *c)
{
	struct poll_item *it = c->items;
	long bits = 0;

	for (size_t w = 0; w < c->set_words; w++)
		for (uint64_t left = select_wanted(c, w); left; left &= left - 1, it++) {
			uint64_t bit = left & -left;

			for (unsigned int s = 0; s < SETS; s++) {
				uint64_t *word = &c->words[s * c->set_words + w];

				if (!(*word & bit))
					continue;
				if (it->ready & set_bits[s])
					bits++;
				else
					*word &= ~bit;
			}
		}
	return bits;
}

static long select_do(int n, const struct uptr *sets, uint64_t deadline)
{
	unsigned int limit = MAX(__atomic_load_n(&current()->files->size, __ATOMIC_RELAXED), 64U);
	struct select_call c;
	long ret;

	if (n < 0)
		return -EINVAL;
	c.items = c.inline_items;
	c.count = 0;
	ret = select_copy_in(&c, MIN((unsigned int)n, limit), sets);
	if (!ret)
		ret = select_open(&c);
	if (!ret)
		ret = poll_files_exact(c.items, c.count, deadline);
	if (ret >= 0) {
		ret = select_answer(&c);
		for (unsigned int s = 0; s < SETS; s++)
			if (sets[s].v && c.set_words &&
			    copy_out(sets[s], c.words + s * c.set_words,
				     c.set_words * sizeof(c.words[0])))
				ret = -EFAULT;
	}
	for (unsigned int i = 0; i < c.count; i++)
		file_put(c.items[i].file);
	if (c.items != c.inline_items)
		kfree(c.items);
	if (c.words != c.inline_words)
		kfree(c.words);
	return ret == -EINTR ? -ERESTARTNOHAND : ret;
}

long sys_select(unsigned long *a)
{
	struct uptr sets[SETS] = { UPTR(a[1]), UPTR(a[2]), UPTR(a[3]) };
	uint64_t deadline;
	long ret = poll_timeout_start(UPTR(a[4]), true, &deadline);

	if (ret)
		return ret;
	ret = select_do((int)a[0], sets, deadline);
	return poll_timeout_finish(ret, UPTR(a[4]), deadline, true);
}

long sys_pselect6(unsigned long *a)
{
	struct uptr sets[SETS] = { UPTR(a[1]), UPTR(a[2]), UPTR(a[3]) };
	uint64_t mask[2] = { 0, 0 }, deadline;
	long ret;

	/* The sixth argument points to the mask's address and size. */
	if (a[5] && copy_in(mask, UPTR(a[5]), sizeof(mask)))
		return -EFAULT;
	ret = poll_timeout_start(UPTR(a[4]), false, &deadline);
	if (ret)
		return ret;
	ret = signal_set_temporary_mask(UPTR(mask[0]), mask[1]);
	if (ret)
		return ret;
	ret = select_do((int)a[0], sets, deadline);
	signal_finish_temporary_mask(ret);
	return poll_timeout_finish(ret, UPTR(a[4]), deadline, false);
}
