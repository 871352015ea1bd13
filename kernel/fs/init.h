/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing up the file systems at boot: after vfs_init, in this order; then boot_mount_all. */
#pragma once

#include "lib/base/types.h"

struct boot_info;
struct filesystem;
struct path;

void tmpfs_init(void);
void hostfs_init(void);
void erofs_init(void);
void overlay_init(void);
void procfs_init(void);
void sysfs_init(void);
void tty_init(void); /* also devpts */

/* Nodes, links and folders of /dev, in the (empty, writable) directory at this absolute path. */
must_check int devfs_populate(const char *at);

/*
 * A host folder (or one file) as a file system. The handle is owned by it on success. options: those of the mount
 * type without handle=. Only boot calls this: mount(2) cannot name host handles.
 */
must_check int hostfs_new(int handle, const char *source, const char *options,
			  struct filesystem **ret);
/* An EROFS image in a file of the host's. options: "ro", "root-hash=HEX". The handle is taken over, also on error. -EINVAL: no EROFS, or
 * no hash tree behind it; -EOPNOTSUPP: compressed, or of a kind that is not read; -EUCLEAN, -EIO: damaged. */
must_check int erofs_new(int handle, const char *source, const char *options,
			 struct filesystem **ret);
/* Boot: the handle that the next mount of type hostfs or erofs takes; -1 takes it back. Returns what was granted before. */
int mount_grant(int handle);
/* Layers, uppermost first; upper may be NULL (read-only). Takes its own references on the paths. */
must_check int overlay_new_layers(const struct path *lowers, unsigned int count,
				  const struct path *upper, struct filesystem **ret);
must_check int overlay_new(struct path *lower, struct path *upper, struct filesystem **ret);
/* The same on the roots of file systems that are mounted nowhere; takes over the references on success. */
must_check int overlay_new_roots(struct filesystem *lower, struct filesystem *upper,
				 struct filesystem **ret);

/* All that the launcher asked for. On error `reason` has one line saying what and why. */
must_check int boot_mount_all(const struct boot_info *b, char *reason, size_t reason_size);
