/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Phase one of execve: finds the program, through any number (up to 5) of `#!` scripts, and its ELF interpreter, and
 * checks all of it. Nothing of the process changes; on an error `struct exec_args` is as it was before, so that the
 * caller may try another path.
 *
 * The files are held with inode->running raised until exec_args_free: who opens for writing counts itself in
 * inode->writers and then looks at running; we raise running and then look at writers: one of the two sees the other.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>

#include "kernel/fs/file.h"
#include "kernel/loader/elf.h"
#include "kernel/loader/exec.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/task/task.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"

#define DEPTH_MAX 5
/* For each script: name and argument (together less than a line) and the path of the script. */
#define PREFIX_MAX (4096 + (DEPTH_MAX + 1) * 2 * SCRIPT_LINE_SIZE)

/* One attempt. What it finds moves to exec_args at the end. */
struct attempt {
	struct file *file, *interpreter;
	struct elf_image *elf, *interpreter_elf;
	char *display; /* AT_EXECFN: the path given, or /dev/fd/N... */
	char *prefix;  /* PREFIX_MAX bytes: strings that replace argv[0], at its end */
	size_t prefix_size;
	unsigned int prefix_count, depth;
	bool inaccessible; /* a script cannot be opened by its display name after exec */
};

static void file_done(struct file *f)
{
	if (!f)
		return;
	__atomic_sub_fetch(&f->inode->running, 1, __ATOMIC_SEQ_CST);
	file_put(f);
}

static void attempt_done(struct attempt *t)
{
	file_done(t->file);
	file_done(t->interpreter);
	elf_image_free(t->elf);
	elf_image_free(t->interpreter_elf);
	kfree(t->display);
	kfree(t->prefix);
}

/* Opens for execution: that needs no permission to read. */
static int open_path(const struct path *p, struct file **ret)
{
	struct inode *i = p->dentry->inode;
	struct file *f;
	int err;

	if ((i->mode & S_IFMT) == S_IFLNK)
		return -ELOOP;
	if ((i->mode & S_IFMT) != S_IFREG || (p->mount && (p->mount->flags & MS_NOEXEC)))
		return -EACCES;
	err = inode_permission(i, MAY_EXEC);
	if (err)
		return err;
	if (!i->file_ops || !i->data)
		return -EACCES;
	f = file_new(i->file_ops, p, O_RDONLY);
	if (!f)
		return -ENOMEM;
	if (i->ops && i->ops->open) {
		err = i->ops->open(i, f);
		if (err) {
			f->ops = NULL; /* nothing to release */
			file_put(f);
			return err;
		}
	}
	__atomic_add_fetch(&i->running, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&i->writers, __ATOMIC_SEQ_CST)) {
		file_done(f);
		return -ETXTBSY;
	}
	*ret = f;
	return 0;
}

static int open_named(int dirfd, const char *name, int flags, struct file **ret)
{
	unsigned int lookup = (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
			      (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	struct path path;
	int err;

	if (!name[0] && !(flags & AT_EMPTY_PATH))
		return -ENOENT;
	err = path_lookup(dirfd, name, lookup, &path);
	if (err)
		return err;
	err = path.dentry->inode ? open_path(&path, ret) : -ENOENT;
	path_put(&path);
	return err;
}

/* The name by which a script will open itself. */
static int make_display(struct attempt *t, int dirfd, const char *path)
{
	size_t size = strlen(path) + 32;

	if (path[0] == '/' || dirfd == AT_FDCWD) {
		t->display = kstrdup(path);
		return t->display ? 0 : -ENOMEM;
	}
	t->display = kmalloc(size);
	if (!t->display)
		return -ENOMEM;
	(void)fmt_snprintf(t->display, size, path[0] ? "/dev/fd/%d/%s" : "/dev/fd/%d", dirfd, path);
	return 0;
}

static bool is_close_on_exec(int fd)
{
	struct fd_table *files = current()->files;
	bool set = false;

	mutex_lock(&files->lock);
	if (fd >= 0 && (unsigned int)fd < files->size)
		set = files->cloexec[fd / 64] >> (fd % 64) & 1;
	mutex_unlock(&files->lock);
	return set;
}

static int prefix_push(struct attempt *t, const char *string)
{
	size_t size = strlen(string) + 1;

	if (size > PREFIX_MAX - t->prefix_size)
		return -E2BIG;
	t->prefix_size += size;
	memcpy(t->prefix + PREFIX_MAX - t->prefix_size, string, size);
	t->prefix_count++;
	return 0;
}

/* Drops the first string again: the argv[0] of the script before, whose interpreter is a script itself. */
static void prefix_pop(struct attempt *t)
{
	size_t size;

	if (!t->prefix_count)
		return;
	size = strlen(t->prefix + PREFIX_MAX - t->prefix_size) + 1;
	t->prefix_size -= size;
	t->prefix_count--;
}

/* t->file starts with the line: goes on with its interpreter. `self`: the name the script was opened by. */
static int enter_script(struct attempt *t, char *line, const char *self)
{
	char *name, *argument;
	struct file *f;
	int err = script_parse(line, &name, &argument);

	if (err)
		return err;
	if (t->inaccessible)
		return -ENOENT;
	if (!t->prefix)
		t->prefix = kmalloc(PREFIX_MAX);
	if (!t->prefix)
		return -ENOMEM;
	prefix_pop(t);
	err = prefix_push(t, self);
	if (!err && argument)
		err = prefix_push(t, argument);
	if (!err)
		err = prefix_push(t, name);
	/* An empty name is the working directory, and that cannot be executed. */
	if (!err)
		err = name[0] ? open_named(AT_FDCWD, name, 0, &f) : -EACCES;
	if (err)
		return err;
	file_done(t->file);
	t->file = f;
	return 0;
}

static int read_head(struct file *f, char *line)
{
	long got;

	memset(line, 0, SCRIPT_LINE_SIZE);
	got = file_read_kernel(f, line, SCRIPT_LINE_SIZE, 0);
	return got < 0 ? (int)got : 0;
}

static int follow_scripts(struct attempt *t, char *line)
{
	int err = read_head(t->file, line);

	while (!err && memcmp(line, ELFMAG, SELFMAG)) {
		/* The script before left the name of this one, as first of the prefix. */
		const char *self = t->depth ? t->prefix + PREFIX_MAX - t->prefix_size : t->display;
		char *copy;

		if (line[0] != '#' || line[1] != '!')
			return -ENOEXEC;
		copy = kstrdup(self); /* enter_script moves it */
		if (!copy)
			return -ENOMEM;
		err = enter_script(t, line, copy);
		kfree(copy);
		t->depth++;
		if (!err && t->depth > DEPTH_MAX)
			return -ELOOP;
		if (!err)
			err = read_head(t->file, line);
	}
	return err;
}

static int check_elf(struct attempt *t)
{
	int err = elf_open(t->file, false, &t->elf);

	if (err || !t->elf->interpreter)
		return err;
	err = open_named(AT_FDCWD, t->elf->interpreter, 0, &t->interpreter);
	if (err)
		return err;
	return elf_open(t->interpreter, true, &t->interpreter_elf);
}

/* argv[0] makes room for the scripts' strings. The last thing that can fail. */
static int apply_prefix(struct exec_args *a, struct attempt *t)
{
	size_t drop = a->argc ? strlen(a->strings) + 1 : 0, used;
	char *strings;

	if (!t->prefix_count)
		return 0;
	used = a->used - drop + t->prefix_size;
	if (used + (a->argc + a->envc + t->prefix_count) * sizeof(uintptr_t) > EXEC_STRINGS_MAX)
		return -E2BIG;
	strings = kmalloc(used);
	if (!strings)
		return -ENOMEM;
	memcpy(strings, t->prefix + PREFIX_MAX - t->prefix_size, t->prefix_size);
	memcpy(strings + t->prefix_size, a->strings + drop, a->used - drop);
	kfree(a->strings);
	a->strings = strings;
	a->used = a->capacity = used;
	a->argc += t->prefix_count - (drop ? 1 : 0);
	return 0;
}

/* Set-id bits count for the program itself, never for a script. */
static void find_ids(struct exec_args *a)
{
	const struct inode *i = a->file->inode;
	const struct mount *m = a->file->path.mount;

	a->set_uid = a->set_gid = false;
	if ((m && (m->flags & MS_NOSUID)) || current()->no_new_privs)
		return;
	if (i->mode & S_ISUID) {
		a->set_uid = true;
		a->uid = i->uid;
	}
	if ((i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) {
		a->set_gid = true;
		a->gid = i->gid;
	}
}

int exec_check(struct exec_args *a, int dirfd, const char *path, int flags)
{
	struct attempt t = { 0 };
	char *line = kmalloc(SCRIPT_LINE_SIZE);
	int err;

	if (!line)
		return -ENOMEM;
	err = open_named(dirfd, path, flags, &t.file);
	if (!err)
		err = make_display(&t, dirfd, path);
	if (err)
		goto out;
	t.inaccessible = path[0] != '/' && dirfd != AT_FDCWD && is_close_on_exec(dirfd);
	err = follow_scripts(&t, line);
	if (!err)
		err = check_elf(&t);
	if (!err)
		err = apply_prefix(a, &t);
	if (err)
		goto out;
	a->file = t.file;
	a->interpreter = t.interpreter;
	a->elf = t.elf;
	a->interpreter_elf = t.interpreter_elf;
	a->path = t.display;
	a->script_depth = t.depth;
	t.file = t.interpreter = NULL;
	t.elf = t.interpreter_elf = NULL;
	t.display = NULL;
	find_ids(a);
out:
	kfree(line);
	attempt_done(&t);
	return err;
}
