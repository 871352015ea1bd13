/* SPDX-License-Identifier: Apache-2.0 */
/* See guest_path.h. Paths are followed inside one folder of the host at a time (openat2 with RESOLVE_IN_ROOT). */
#include "cli/guest_path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "cli/cli.h"

/* Lexical: "." and ".." and double slashes go. */
static int normalise(const char *cwd, const char *path, char *to, size_t size)
{
	char both[8192];
	size_t used = 0;

	if ((size_t)snprintf(both, sizeof(both), "%s/%s", path[0] == '/' ? "" : cwd, path) >=
	    sizeof(both))
		return -ENAMETOOLONG;
	for (char *save = NULL, *part = strtok_r(both, "/", &save); part;
	     part = strtok_r(NULL, "/", &save)) {
		if (!strcmp(part, "."))
			continue;
		if (!strcmp(part, "..")) {
			while (used && to[--used] != '/')
				;
			continue;
		}
		if (used + strlen(part) + 2 > size)
			return -ENAMETOOLONG;
		used += (size_t)snprintf(to + used, size - used, "/%s", part);
	}
	if (!used)
		to[used++] = '/';
	to[used] = 0;
	return 0;
}

/* What is below `folder` on the way of `path`, or NULL. "" if they are the same. */
static const char *below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	if (strncmp(path, folder, len) || (path[len] && path[len] != '/'))
		return NULL;
	return path + len + (path[len] == '/');
}

static int in_kernel_fs(const struct guest_view *v, const char *path)
{
	static const char *const unknown[] = { "/dev", "/proc", "/sys" };
	static const char *const empty[] = { "/tmp", "/run" };

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		if (below(path, unknown[i]))
			return GUEST_UNKNOWN;
	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
		const char *rest = below(path, empty[i]);

		if (!rest)
			continue;
		for (size_t k = 0; k < v->volume_count; k++)
			if (below(v->volumes[k].target, path))
				return GUEST_UNKNOWN;
		return *rest ? -ENOENT : GUEST_UNKNOWN;
	}
	return 0;
}

int guest_open(const struct guest_view *view, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC),
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	const struct guest_volume *best = NULL;
	const char *rest = NULL;
	char full[4096];
	int err = normalise(view->cwd, path, full, sizeof(full));
	long fd;

	if (err)
		return err;
	for (size_t i = 0; i < view->volume_count; i++) {
		const char *r = below(full, view->volumes[i].target);

		if (r && (!best || strlen(best->target) <= strlen(view->volumes[i].target))) {
			best = &view->volumes[i];
			rest = r;
		}
	}
	if (best && best->fd < 0)
		return GUEST_UNKNOWN;
	if (best && best->is_file) {
		char name[64];

		if (*rest)
			return -ENOTDIR;
		snprintf(name, sizeof(name), "/proc/self/fd/%d", best->fd);
		fd = open(name, flags | O_CLOEXEC);
		return fd < 0 ? -errno : (int)fd;
	}
	if (!best) {
		err = in_kernel_fs(view, full);
		if (err)
			return err;
		rest = full + 1;
	}
	fd = syscall(SYS_openat2, best ? best->fd : view->rootfs, *rest ? rest : ".", &how,
		     sizeof(how));
	return fd < 0 ? -errno : (int)fd;
}

/* Calls for lines "name:x:uid:gid:gecos:home:shell" until one matches. */
static int find_user(const struct guest_view *view, const char *name, uint32_t uid,
		     uint32_t *ret_uid, uint32_t *ret_gid, char *ret_home, size_t home_size)
{
	int fd = guest_open(view, "/etc/passwd", O_RDONLY);
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
	_free_ char *line = NULL;
	size_t room = 0;
	int ret = -1;

	while (f && ret && getline(&line, &room, f) > 0 && room < 1u << 20) {
		char *field[7] = { NULL }, *at = line;
		uint64_t found_uid, found_gid;

		for (int i = 0; i < 7; i++)
			field[i] = at ? strsep(&at, ":\n") : NULL;
		if (!field[5] || parse_number(field[2], UINT32_MAX - 1, &found_uid) ||
		    parse_number(field[3], UINT32_MAX - 1, &found_gid))
			continue;
		if (name ? strcmp(name, field[0]) : found_uid != uid)
			continue;
		*ret_uid = (uint32_t)found_uid;
		*ret_gid = (uint32_t)found_gid;
		if (ret_home)
			snprintf(ret_home, home_size, "%s", field[5]);
		ret = 0;
	}
	if (f)
		fclose(f);
	return ret;
}

int guest_user(const struct guest_view *view, const char *name, uint32_t *ret_uid,
	       uint32_t *ret_gid)
{
	return find_user(view, name, 0, ret_uid, ret_gid, NULL, 0);
}

int guest_home(const struct guest_view *view, uint32_t uid, char *ret, size_t size)
{
	uint32_t found, gid;

	return find_user(view, NULL, uid, &found, &gid, ret, size);
}
