/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of mounts that the first process finds: the root (an overlay of the launcher's folder and memory, or a writable
 * folder of the host), the kernel's own file systems, then the launcher's volumes in the order it lists them. The list is
 * in memory that the launcher wrote, so every offset is checked. Runs once, on the boot task, before any process.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/mount.h>

#include "abi/boot.h"
#include "kernel/fs/file.h"
#include "kernel/fs/init.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"

struct mount_plan {
	const char *type, *target, *options;
	unsigned long flags;
};

static const struct mount_plan own_mounts[] = {
	{ "tmpfs", "/dev", "mode=755", MS_NOSUID },
	{ "devpts", "/dev/pts", "", MS_NOSUID | MS_NOEXEC },
	{ "tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV },
	{ "proc", "/proc", "", MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "sysfs", "/sys", "", MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "configfs", "/sys/kernel/config", "", MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "attestation", "/dev/attestation", "", MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "tmpfs", "/tmp", "mode=1777", 0 }, /* as where it is a plain folder of the root */
	{ "tmpfs", "/run", "mode=755", MS_NOSUID | MS_NODEV },
};

/* In words, where the error's own would say too little; else NULL. */
static const char *why(const char *what, int error)
{
	if (!str_eq(what, "erofs"))
		return NULL;
	switch (error) {
	case -EINVAL:
		return "it is no EROFS image, or has no hash tree of dm-verity (format 1, SHA-256, blocks of 4096) behind it";
	case -EOPNOTSUPP:
		return "it is an EROFS image of a kind that is not read: compressed, or with blocks of another size";
	case -EIO:
		return "it cannot be read, or is not what the root hash says";
	case -EUCLEAN:
		return "the image is damaged";
	default:
		return NULL;
	}
}

static int fail(char *reason, size_t size, int error, const char *what, const char *where)
{
	const char *words = why(what, error);

	if (words)
		fmt_snprintf(reason, size, "cannot mount %s on %s: %s", what, where, words);
	else
		fmt_snprintf(reason, size, "cannot mount %s on %s (error %d)", what, where, -error);
	return error;
}

/* A string of the launcher's, or NULL if it does not end in its area. */
static const char *boot_string(const struct boot_info *b, uint32_t offset)
{
	if (offset >= BOOT_STRINGS_SIZE ||
	    !memchr(b->strings + offset, 0, BOOT_STRINGS_SIZE - offset))
		return NULL;
	return b->strings + offset;
}

static bool has_option(const char *options, const char *name)
{
	size_t len = strlen(name);

	for (const char *s = options; (s = strstr(s, name)) != NULL; s += len)
		if ((s == options || s[-1] == ',') && (s[len] == ',' || !s[len]))
			return true;
	return false;
}

static int mount_root(int handle, const char *options)
{
	struct filesystem *lower, *upper, *root;
	int r = hostfs_new(handle, "/", options, &lower);

	if (r)
		return r;
	if (!has_option(options, "cache"))
		return vfs_mount_root(lower);
	r = filesystem_make("tmpfs", "overlay", "mode=755", &upper);
	if (r)
		return r;
	r = overlay_new_roots(lower, upper, &root);
	if (r)
		return r;
	str_copy(root->source, "overlay", sizeof(root->source));
	return vfs_mount_root(root);
}

/* The mount point: what is there, or made with all folders on the way. */
static int find_target(const char *target, bool is_file, struct path *ret)
{
	char *path, *slash;
	struct file *f;
	int r;

	r = path_lookup(AT_FDCWD, target, LOOKUP_FOLLOW, ret);
	if (r != -ENOENT)
		return r;
	path = kstrdup(target);
	if (!path)
		return -ENOMEM;
	for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		r = vfs_mkdir(AT_FDCWD, path, 0755);
		*slash = '/';
		if (r && r != -EEXIST)
			goto out;
	}
	if (is_file) {
		r = vfs_open(AT_FDCWD, path, O_CREAT | O_WRONLY, 0644, &f);
		if (!r)
			file_put(f);
	} else {
		r = vfs_mkdir(AT_FDCWD, path, 0755);
	}
	if (!r || r == -EEXIST)
		r = path_lookup(AT_FDCWD, target, LOOKUP_FOLLOW, ret);
out:
	kfree(path);
	return r;
}

static int mount_at(const struct mount_plan *p, const char *source, bool is_file)
{
	struct path at;
	int r = find_target(p->target, is_file, &at);

	if (r)
		return r;
	r = vfs_mount(p->type, source, p->options, p->flags, &at);
	path_put(&at);
	return r;
}

static int mount_volume(const struct boot_mount *m, const struct mount_plan *plan)
{
	struct mount_plan p = *plan;
	char options[128];
	int r;

	bool image = str_eq(p.type, "erofs");

	if (!image && !str_eq(p.type, "hostfs"))
		return mount_at(&p, p.type, m->is_file);
	if (m->handle < 0)
		return -EBADF;
	if (image) {
		if (!m->is_file)
			return -EINVAL;
		mount_grant(m->handle);
		r = mount_at(&p, p.target, false);
		mount_grant(-1);
		return r;
	}
	if (fmt_snprintf(options, sizeof(options), "%s%s", p.options, m->is_file ? ",file" : "") >=
	    (int)sizeof(options))
		return -EINVAL;
	p.options = options;
	mount_grant(m->handle);
	r = mount_at(&p, p.target, m->is_file);
	mount_grant(-1);
	return r;
}

/* Copies out what counts, checked. The structure is read once: the launcher may still write to it. */
static int read_mount(const struct boot_info *b, uint32_t index, struct boot_mount *m,
		      struct mount_plan *ret)
{
	*m = *(const volatile struct boot_mount *)&b->mounts[index];
	ret->type = boot_string(b, m->type);
	ret->target = boot_string(b, m->target);
	ret->options = boot_string(b, m->options);
	if (!ret->type || !ret->target || !ret->options || ret->target[0] != '/' ||
	    strlen(ret->target) >= PATH_MAX)
		return -EINVAL;
	ret->flags = has_option(ret->options, "ro") ? MS_RDONLY : 0;
	return 0;
}

int boot_mount_all(const struct boot_info *b, char *reason, size_t reason_size)
{
	struct mount_plan p;
	struct boot_mount m;
	uint32_t count = b->mount_count, first = 0;
	int r;

	if (count > BOOT_MOUNTS_MAX) {
		fmt_snprintf(reason, reason_size, "the launcher lists too many mounts (%u)", count);
		return -EINVAL;
	}
	r = count ? read_mount(b, 0, &m, &p) : -ENOENT;
	if (r || !str_eq(p.target, "/") || !str_eq(p.type, "hostfs") || m.is_file) {
		fmt_snprintf(reason, reason_size,
			     "the first mount of the launcher is not a folder for /");
		return r ? r : -EINVAL;
	}
	r = mount_root(m.handle, p.options);
	if (r)
		return fail(reason, reason_size, r, "the root folder", "/");
	first = 1;

	for (size_t i = 0; i < ARRAY_SIZE(own_mounts); i++) {
		r = mount_at(&own_mounts[i], own_mounts[i].type, false);
		if (r)
			return fail(reason, reason_size, r, own_mounts[i].type,
				    own_mounts[i].target);
		if (i)
			continue;
		r = devfs_populate("/dev");
		if (r)
			return fail(reason, reason_size, r, "device nodes", "/dev");
	}
	for (uint32_t i = first; i < count; i++) {
		r = read_mount(b, i, &m, &p);
		if (r) {
			fmt_snprintf(reason, reason_size, "mount %u of the launcher makes no sense",
				     i);
			return r;
		}
		r = mount_volume(&m, &p);
		if (r)
			return fail(reason, reason_size, r, p.type, p.target);
	}
	return 0;
}
