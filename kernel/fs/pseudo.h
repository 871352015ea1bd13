/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems without data: procfs's fixed part and sysfs are tables of paths with functions that print a file's
 * text. The text is made when a file is first read (or read again from its start) and stays as it was while
 * somebody reads on. Also the init functions of this folder that have no header of their own.
 */
#pragma once

#include "kernel/fs/file.h"

#define PSEUDO_TEXT_MAX (16u << 20)

/* A growing text. Once out of memory it stays `failed`, and printing to it does nothing. */
struct pseudo_text {
	struct refcount refs;
	size_t len, capacity;
	bool failed;
	char *data;
};

void text_printf(struct pseudo_text *t, const char *format, ...) format_(2, 3);
void text_put(struct pseudo_text *t, const void *data, size_t size);
void text_string(struct pseudo_text *t, const char *s);
void text_escaped(struct pseudo_text *t, const char *s,
		  const char *special); /* \ooo for these characters */
struct pseudo_text *text_new(void);
void text_unref(struct pseudo_text *t);

typedef int pseudo_show(struct pseudo_text *t, struct inode *inode);
/* data is NUL-ended, at most a page. 0 or -errno. */
typedef int pseudo_store(struct inode *inode, char *data, size_t size);

/*
 * One line of a table. Directories in between exist by themselves; a path ending in "/" is an empty directory. A
 * component may end in "#" ("cpu#"): a number below numbers(); pseudo_number of the inode has it.
 */
struct pseudo_node {
	const char *path;
	uint32_t mode; /* permissions; S_IFLNK | 0777 for links */
	pseudo_show *show;
	const char *text; /* constant contents, or the link's target */
	pseudo_store *store;
};

struct pseudo_tree {
	const struct pseudo_node *nodes;
	unsigned int count;	       /* of nodes */
	unsigned int (*numbers)(void); /* how many "#" there are */
};

/* Inodes of a tree: fs->private_data is the tree. */
struct inode *pseudo_root(struct filesystem *fs);
must_check int pseudo_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret);
/* Positions below `first` are the caller's. */
int pseudo_readdir(struct file *f, struct dir_context *c, uint64_t first);
bool pseudo_inode(const struct inode *inode);
static inline unsigned int pseudo_number(const struct inode *inode)
{
	return (unsigned int)(inode->private_value >> 32);
}
must_check int pseudo_simple_statfs(struct filesystem *fs, struct statfs_info *ret);
/* Makes f a file of generated text: for ops->open. */
must_check int pseudo_open_text(struct file *f, pseudo_show *show, pseudo_store *store);
extern const struct file_ops pseudo_text_ops;
extern const struct inode_ops pseudo_dir_ops;

void procfs_init(void);
void sysfs_init(void);

/* Devices of other folders' tables (devfs): open functions by device number. */
int ptmx_open(struct inode *inode, struct file *f);	   /* 5:2 */
int pts_open(struct inode *inode, struct file *f);	   /* 136:N */
int tty_current_open(struct inode *inode, struct file *f); /* 5:0 */
int tty_console_open(struct inode *inode, struct file *f); /* 5:1; -ENXIO without a console */
void devpts_init(void);					   /* called by tty_init */
