/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enclave's file system as seen from outside, before anything ran in it: the root folder of the host, the volumes
 * on it, and the kernel's own file systems (empty, or not known here). For defaults and for messages only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guest_volume {
	const char *target;
	int fd; /* -1: what is below cannot be seen from outside (an image) */
	bool is_file;
};

struct guest_view {
	int rootfs;
	const struct guest_volume *volumes;
	size_t volume_count;
	const char *cwd; /* for relative paths */
};

#define GUEST_UNKNOWN (-4096) /* in the kernel's own file systems */
/* Opens with `flags`: a descriptor, -errno, or GUEST_UNKNOWN. */
int guest_open(const struct guest_view *view, const char *path, int flags);
/* Reads /etc/passwd: by name (uid NULL: not found), or the home of a user. */
int guest_user(const struct guest_view *view, const char *name, uint32_t *ret_uid,
	       uint32_t *ret_gid);
int guest_home(const struct guest_view *view, uint32_t uid, char *ret, size_t size);
