/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an EROFS image: it is mounted in the hosted kernel, and if that works all of it is walked (directories and their
 * names, each name looked up, contents, links, attributes), as far as NODES_MAX inodes. The first byte says whether the next 32
 * are a root hash: then what is behind the image is its hash tree. Nothing may go wrong but the calls themselves, and nothing may stay.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "kernel/fs/erofs.h"
#include "kernel/fs/init.h"
#include "kernel/host.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"
#include "platform/hosted/hosted.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define HOST_ROOT 3 /* handle of the fake host's root folder */
#define NODES_MAX 64u
#define PAGES 4u

static uint64_t queue[NODES_MAX];
static unsigned int queued;
static uint8_t pages[PAGES * IMAGE_BLOCK];

struct walk {
	struct dir_context context;
	struct inode *dir;
	unsigned int names;
};

static void remember(uint64_t nid)
{
	for (unsigned int i = 0; i < queued; i++)
		if (queue[i] == nid)
			return;
	if (queued < NODES_MAX)
		queue[queued++] = nid;
}

static bool emit(struct dir_context *c, const char *name, size_t len, uint64_t ino,
		 unsigned int type, uint64_t next)
{
	struct walk *w = container_of(c, struct walk, context);
	struct inode *i;

	(void)type;
	if (!len || len > 255 || memchr(name, '/', len) || memchr(name, 0, len))
		hosted_fail("a name that no directory can have");
	if (next <= c->pos)
		hosted_fail("the directory does not go on");
	if (!w->dir->ops->lookup(w->dir, name, len, &i)) {
		remember(i->number);
		inode_put(i);
	}
	remember(ino);
	return ++w->names < 1024;
}

static void look_at_attributes(struct inode *i)
{
	char list[1024], value[64];
	long size = i->ops->listxattr(i, list, sizeof(list));

	for (long at = 0; at < size; at += (long)strlen(list + at) + 1) {
		long got = i->ops->getxattr(i, list + at, value, sizeof(value));

		if (got > (long)sizeof(value))
			hosted_fail("an attribute larger than asked for");
	}
}

static void look_at(struct filesystem *fs, uint64_t nid)
{
	struct inode *i;
	char *target;

	if (erofs_inode_get(fs, nid, &i))
		return;
	if (S_ISDIR(i->mode)) {
		struct file f = { .inode = i, .private_data = i };
		struct walk w = { .context.emit = emit, .dir = i };

		(void)!i->file_ops->readdir(&f, &w.context);
	} else if (S_ISLNK(i->mode)) {
		if (!i->ops->readlink(i, &target)) {
			if (strlen(target) != inode_size(i))
				hosted_fail("a link that is not as long as it says");
			kfree(target);
		}
	} else {
		(void)!erofs_read_pages(fs->private_data, i->private_data, 0, PAGES, pages);
		(void)!erofs_read_pages(fs->private_data, i->private_data,
					inode_size(i) / IMAGE_BLOCK, 2, pages);
	}
	look_at_attributes(i);
	inode_put(i);
}

static void run(const uint8_t *data, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	char options[96] = "ro";
	struct filesystem *fs;
	bool hashed = size > 33 && (data[0] & 1);
	int handle;

	if (size) {
		data++;
		size--;
	}
	if (hashed) {
		size_t at = str_copy(options, "ro,root-hash=", sizeof(options));

		for (int i = 0; i < 32; i++) {
			options[at++] = digits[data[i] >> 4];
			options[at++] = digits[data[i] & 15];
		}
		options[at] = 0;
		data += 32;
		size -= 32;
	}
	hosted_seed(0);
	hosted_host_mode(HOST_HONEST, 1, 0);
	if (!hosted_process_start(0))
		hosted_fail("no process");
	hosted_host_file("image", data, size);
	handle = host_open(HOST_ROOT, "image", O_RDONLY, 0);
	if (handle < 0)
		hosted_fail("no image");
	if (!erofs_new(handle, "image", options, &fs)) {
		struct inode *root = fs->root_inode;

		queued = 0;
		remember(root->number);
		for (unsigned int i = 0; i < queued; i++)
			look_at(fs, queue[i]);
		fs->root_inode = NULL;
		inode_put(root);
		filesystem_put(fs);
	}
	hosted_process_end();
	hosted_tidy();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	hosted_boot();
	run((const uint8_t *)"", 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size <= 65536)
		hosted_check_leaks(run, data, size);
	return 0;
}
