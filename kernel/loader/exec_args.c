/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arguments of an execve while it is under way: one growing block of strings, argv then envp, as they will lie on
 * the new stack. Limits as Linux's: a string at most 128 KiB, all strings and their pointers at most a quarter of the
 * stack limit (but 128 KiB always, 6 MiB never more). Owned by one task: no locks.
 */
#include <asm-generic/resource.h>
#include <linux/errno.h>

#include "kernel/fs/file.h"
#include "kernel/loader/elf.h"
#include "kernel/loader/exec.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/usercopy.h"
#include "kernel/task/task.h"
#include "lib/base/string.h"

#define STRING_MAX (128UL << 10)
#define TOTAL_MIN (128UL << 10)
#define FIRST_CAPACITY 4096UL
#define POINTERS_AT_ONCE 64

struct exec_args *exec_args_new(void)
{
	return kzalloc(sizeof(struct exec_args));
}

static void allow_write(struct file *f)
{
	__atomic_sub_fetch(&f->inode->running, 1, __ATOMIC_SEQ_CST);
}

void exec_args_free(struct exec_args *a)
{
	if (!a)
		return;
	elf_image_free(a->elf);
	elf_image_free(a->interpreter_elf);
	if (a->file) {
		allow_write(a->file);
		file_put(a->file);
	}
	if (a->interpreter) {
		allow_write(a->interpreter);
		file_put(a->interpreter);
	}
	kfree(a->path);
	kfree(a->strings);
	kfree(a);
}

static size_t total_max(void)
{
	uint64_t limit = current_process()->limits[RLIMIT_STACK].current / 4;

	return MAX(MIN(limit, (uint64_t)EXEC_STRINGS_MAX), TOTAL_MIN);
}

/* Room for `size` more bytes. -E2BIG, -ENOMEM. */
static int reserve(struct exec_args *a, size_t size, size_t max)
{
	size_t pointers = ((size_t)a->argc + a->envc + 1) * sizeof(uintptr_t),
	       capacity = MAX(a->capacity, FIRST_CAPACITY);
	char *grown;

	if (size > max || a->used + size + pointers > max)
		return -E2BIG;
	if (a->capacity - a->used >= size)
		return 0;
	while (capacity < a->used + size)
		capacity *= 2;
	grown = krealloc(a->strings, capacity);
	if (!grown)
		return -ENOMEM;
	a->strings = grown;
	a->capacity = capacity;
	return 0;
}

static void count(struct exec_args *a, size_t size, bool is_env)
{
	a->used += size;
	if (is_env)
		a->envc++;
	else
		a->argc++;
}

int exec_args_add(struct exec_args *a, const char *string, bool is_env)
{
	size_t size = strlen(string) + 1;
	int err;

	if (size > STRING_MAX)
		return -E2BIG;
	err = reserve(a, size, EXEC_STRINGS_MAX);
	if (err)
		return err;
	memcpy(a->strings + a->used, string, size);
	count(a, size, is_env);
	return 0;
}

static int add_user_string(struct exec_args *a, struct uptr from, bool is_env, size_t max)
{
	size_t pointers = ((size_t)a->argc + a->envc + 1) * sizeof(uintptr_t), room, most;
	long len;
	int err;

	if (a->used + pointers >= max)
		return -E2BIG;
	most = MIN(max - a->used - pointers, STRING_MAX);
	room = MIN(MAX(a->capacity - a->used, (size_t)256), most);
	for (;;) {
		err = reserve(a, room, max);
		if (err)
			return err;
		len = copy_in_string(a->strings + a->used, from, room);
		if (len >= 0)
			break;
		if (len != -ENAMETOOLONG)
			return (int)len;
		if (room == most)
			return -E2BIG;
		room = MIN(room * 4, most);
	}
	count(a, (size_t)len + 1, is_env);
	return 0;
}

int exec_args_add_user(struct exec_args *a, struct uptr vector, bool is_env)
{
	uintptr_t pointers[POINTERS_AT_ONCE];
	size_t max = total_max();

	if (!vector.v)
		return 0;
	for (;;) {
		/* A batch must not reach over the page's end: the next page need not be there. */
		size_t left = (PAGE_SIZE - vector.v % PAGE_SIZE) / sizeof(uintptr_t);
		size_t batch = MIN(MAX(left, (size_t)1), (size_t)POINTERS_AT_ONCE);

		if (copy_in(pointers, vector, batch * sizeof(pointers[0])))
			return -EFAULT;
		for (size_t n = 0; n < batch; n++) {
			int err;

			if (!pointers[n])
				return 0;
			err = add_user_string(a, UPTR(pointers[n]), is_env, max);
			if (err)
				return err;
		}
		vector = uptr_add(vector, batch * sizeof(pointers[0]));
	}
}
