/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `cloister run`: what was asked for, checked, with folders opened and defaults found. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/run.h"

extern char **environ;

enum {
	RUN_VOLUME,
	RUN_MOUNT,
	RUN_ENV,
	RUN_ENV_FILE,
	RUN_CLEAR_ENV,
	RUN_WORKDIR,
	RUN_USER,
	RUN_MEMORY,
	RUN_ROOTFS,
	RUN_HOSTNAME,
	RUN_NAME,
	RUN_INTERACTIVE,
	RUN_TTY,
	RUN_DETACH,
	RUN_RM,
	RUN_CPUS,
	RUN_POOL,
	RUN_TRACE,
	RUN_TRACE_FILE,
	RUN_STATS,
	RUN_NO_REWRITE,
	RUN_NO_SPIN,
	RUN_ATTESTER,
	RUN_HELP,
};

const struct option run_options[] = {
	[RUN_VOLUME] = { 'v', "volume", "SRC:DST[:ro|rw]",
			 "pass a folder or file of the host (repeatable)" },
	[RUN_MOUNT] = { 0, "mount", "type=erofs,source=FILE,target=DIR[,root-hash=HEX]",
			"a read-only image, checked by its root hash (repeatable)" },
	[RUN_ENV] = { 'e', "env", "NAME[=VALUE]", "set a variable, or pass ours (repeatable)" },
	[RUN_ENV_FILE] = { 0, "env-file", "FILE", "set variables: a NAME=VALUE on each line" },
	[RUN_CLEAR_ENV] = { 0, "clear-env", NULL,
			    "pass only PATH, HOME and TERM (default with --rootfs)" },
	[RUN_WORKDIR] = { 'w', "workdir", "DIR",
			  "working directory (default: the current one if the enclave has it, else /)" },
	[RUN_USER] = { 'u', "user", "UID[:GID]",
		       "number or name (default: the caller; with --rootfs 0)" },
	[RUN_MEMORY] = { 0, "memory", "SIZE",
			 "most memory the enclave's kernel may use, as 512M or 2G" },
	[RUN_ROOTFS] = { 0, "rootfs", "DIR",
			 "what the program sees as / (default /); never written to" },
	[RUN_HOSTNAME] = { 0, "hostname", "NAME", "host name in the enclave (default cloister)" },
	[RUN_NAME] = { 0, "name", "NAME", "a name for ps, exec, kill (default: the id)" },
	[RUN_INTERACTIVE] = { 'i', "interactive", NULL,
			      "accepted: standard input is always passed" },
	[RUN_TTY] = { 't', "tty", NULL, "a terminal of the enclave's own" },
	[RUN_DETACH] = { 'd', "detach", NULL, "in the background; prints the id" },
	[RUN_RM] = { 0, "rm", NULL, "with -d: keep nothing once it has ended" },
	[RUN_CPUS] = { 0, "cpus", "N", "run on N processors" },
	[RUN_POOL] = { 0, "pool", "N",
		       "host processes kept ready for new programs (1-16, default 3)" },
	[RUN_TRACE] = { 0, "trace", NULL, "write a line for each system call to standard error" },
	[RUN_TRACE_FILE] = { 0, "trace-file", "FILE", "write them to FILE" },
	[RUN_STATS] = { 0, "stats", NULL, "print statistics to standard error at the end" },
	[RUN_NO_REWRITE] = { 0, "no-rewrite", NULL,
			     "let every system call trap (slow; for comparison)" },
	[RUN_NO_SPIN] = { 0, "no-spin", NULL, "never spin before sleeping" },
	[RUN_ATTESTER] = { 0, "attester", "NAME[,K=V...]",
			   "who makes the enclave's evidence: none, sim (default), or what this machine has" },
	[RUN_HELP] = { 'h', "help", NULL, "show this" },
	{ 0 },
};

/* --- environment ------------------------------------------------------------------------------------------------ */

static int add_env(struct run_config *c, const char *item, const char *where, struct error *err)
{
	const char *ours;
	_free_ char *full = NULL;

	if (!item[0] || item[0] == '=')
		return fail(err, "%s %s: a variable needs a name (NAME=VALUE or NAME)", where,
			    item);
	if (strchr(item, '=')) {
		strings_set_env(&c->env, item);
		return 0;
	}
	ours = getenv(item);
	if (ours) {
		full = format_string("%s=%s", item, ours);
		strings_set_env(&c->env, full);
	}
	return 0;
}

static int add_env_file(struct run_config *c, const char *path, struct error *err)
{
	FILE *f = fopen(path, "re");
	_free_ char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int ret = 0;

	if (!f)
		return fail(err, "--env-file %s: %s", path, strerror(errno));
	while (!ret && (n = getline(&line, &room, f)) > 0) {
		char *at = line;

		while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			line[--n] = 0;
		at += strspn(at, " \t");
		if (*at && *at != '#')
			ret = add_env(c, at, "--env-file", err);
	}
	fclose(f);
	return ret;
}

static void add_default(struct run_config *c, const char *name, const char *value)
{
	_free_ char *item = NULL;

	if (!value || strings_get_env(&c->env, name))
		return;
	item = format_string("%s=%s", name, value);
	strings_add(&c->env, item);
}

/* --- volumes ---------------------------------------------------------------------------------------------------- */

static unsigned int depth_of(const char *path)
{
	unsigned int n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* "/a//b/./c/" becomes "/a/b/c". */
static int clean_target(const char *path, char *to, size_t size)
{
	size_t used = 0;

	if (path[0] != '/' || strlen(path) >= size)
		return -1;
	while (*path) {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 2 && !strncmp(path, "..", 2))
			return -1;
		if (len && !(len == 1 && path[0] == '.'))
			used += (size_t)snprintf(to + used, size - used, "/%.*s", (int)len, path);
		path += len;
	}
	to[used] = 0;
	return used ? 0 : -1;
}

/* Parents go before what is mounted in them, else as given. */
static void insert_mount(struct run_config *c, const struct enclave_mount *m)
{
	size_t at = c->mount_count++;

	for (; at > 1 && depth_of(c->mounts[at - 1].target) > depth_of(m->target); at--) {
		c->mounts[at] = c->mounts[at - 1];
		c->volumes[at] = c->volumes[at - 1];
	}
	c->mounts[at] = *m;
	c->volumes[at] = (struct guest_volume){ m->target,
						strcmp(m->type, "hostfs") ? -1 : m->handle,
						m->is_file };
}

/* Checks the target and the room for one more, of the option called `what`. */
static int mount_target(const struct run_config *c, struct enclave_mount *m, const char *what,
			const char *spec, const char *target, struct error *err)
{
	char clean[4096];

	if (clean_target(target, clean, sizeof(clean)))
		return fail(err,
			    "%s %s: %s is not a full path below / (the root is chosen by --rootfs)",
			    what, spec, target);
	if (c->mount_count >= BOOT_MOUNTS_MAX)
		return fail(err, "%s %s: too many volumes, at most %d are possible", what, spec,
			    BOOT_MOUNTS_MAX - 1);
	m->target = strdup(clean);
	return 0;
}

static int add_volume(struct run_config *c, const char *spec, struct error *err)
{
	const char *second = strchr(spec, ':'), *third = second ? strchr(second + 1, ':') : NULL;
	struct enclave_mount m = { .type = "hostfs", .options = "rw" };
	_free_ char *source = NULL;
	_free_ char *target = NULL;
	struct stat st;

	if (!second || second == spec)
		return fail(err, "-v %s: not of the form SRC:DST[:ro|rw]", spec);
	source = strndup(spec, (size_t)(second - spec));
	target = third ? strndup(second + 1, (size_t)(third - second - 1)) : strdup(second + 1);
	if (third && strcmp(third + 1, "ro") && strcmp(third + 1, "rw"))
		return fail(err, "-v %s: %s is neither ro nor rw", spec, third + 1);
	if (third)
		m.options = !strcmp(third + 1, "ro") ? "ro" : "rw";
	if (mount_target(c, &m, "-v", spec, target, err))
		return -1;
	m.handle = open(source, O_PATH | O_CLOEXEC);
	if (m.handle < 0 || fstat(m.handle, &st))
		return fail(err, "-v %s: %s: %s", spec, source, strerror(errno));
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return fail(err, "-v %s: %s is neither a folder nor a regular file", spec, source);
	m.is_file = !S_ISDIR(st.st_mode);
	insert_mount(c, &m);
	return 0;
}

static bool is_root_hash(const char *s)
{
	return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

/* type=erofs,source=FILE,target=DIR[,root-hash=HEX] */
static int add_image(struct run_config *c, const char *spec, struct error *err)
{
	struct enclave_mount m = { .type = "erofs", .is_file = true };
	const char *type = NULL, *source = NULL, *target = NULL, *hash = NULL;
	_free_ char *copy = strdup(spec);
	struct stat st;

	for (char *at = copy, *item; (item = strsep(&at, ",")) != NULL;) {
		char *value = strchr(item, '=');

		if (value)
			*value++ = 0;
		if (value && !strcmp(item, "type"))
			type = value;
		else if (value && (!strcmp(item, "source") || !strcmp(item, "src")))
			source = value;
		else if (value && (!strcmp(item, "target") || !strcmp(item, "dst")))
			target = value;
		else if (value && !strcmp(item, "root-hash"))
			hash = value;
		else if (strcmp(item, "ro"))
			return fail(
				err,
				"--mount %s: %s is not known (type=, source=, target=, root-hash=)",
				spec, item);
	}
	if (!type || strcmp(type, "erofs"))
		return fail(err, "--mount %s: the type must be erofs (folders and files: -v)",
			    spec);
	if (!source || !target)
		return fail(err, "--mount %s: source= and target= are both needed", spec);
	if (hash && !is_root_hash(hash))
		return fail(err, "--mount %s: a root hash has 64 hex digits, in small letters",
			    spec);
	if (mount_target(c, &m, "--mount", spec, target, err))
		return -1;
	m.handle = open(source, O_RDONLY | O_CLOEXEC);
	if (m.handle < 0 || fstat(m.handle, &st))
		return fail(err, "--mount %s: %s: %s", spec, source, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return fail(err, "--mount %s: %s is neither a file nor a block device", spec,
			    source);
	m.options = hash ? format_string("ro,root-hash=%s", hash) : "ro";
	insert_mount(c, &m);
	return 0;
}

static int open_rootfs(struct run_config *c, struct error *err)
{
	const char *path = c->rootfs ? c->rootfs : "/";

	c->rootfs_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->rootfs_fd < 0)
		return fail(err, "--rootfs %s: %s", path, strerror(errno));
	if (faccessat(AT_FDCWD, path, R_OK | X_OK, AT_EACCESS))
		return fail(err, "--rootfs %s: cannot be read: %s", path, strerror(errno));
	c->mounts[0] = (struct enclave_mount){
		.type = "hostfs", .target = "/", .options = "ro,cache", .handle = c->rootfs_fd
	};
	return 0;
}

/* --- user and working directory --------------------------------------------------------------------------------- */

void run_view(const struct run_config *c, struct guest_view *ret)
{
	*ret = (struct guest_view){ .rootfs = c->rootfs_fd,
				    .volumes = c->volumes + 1,
				    .volume_count = c->mount_count - 1,
				    .cwd = c->cwd[0] ? c->cwd : "/" };
}

static int find_group(const struct guest_view *view, const char *name, uint32_t *ret)
{
	int fd = guest_open(view, "/etc/group", O_RDONLY);
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
	_free_ char *line = NULL;
	size_t room = 0, len = strlen(name);
	int err = -1;

	while (f && err && getline(&line, &room, f) > 0) {
		uint64_t gid;
		char *at = line, *field[3];

		if (strncmp(line, name, len) || line[len] != ':')
			continue;
		for (int i = 0; i < 3; i++)
			field[i] = at ? strsep(&at, ":\n") : NULL;
		if (field[2] && !parse_number(field[2], UINT32_MAX - 1, &gid)) {
			*ret = (uint32_t)gid;
			err = 0;
		}
	}
	if (f)
		fclose(f);
	return err;
}

static int find_user(struct run_config *c, struct error *err)
{
	_free_ char *user = NULL;
	struct guest_view view;
	uint64_t number;
	char *group;

	if (!c->user) {
		c->uid = c->rootfs ? 0 : geteuid();
		c->gid = c->rootfs ? 0 : getegid();
		return 0;
	}
	run_view(c, &view);
	user = strdup(c->user);
	group = strchr(user, ':');
	if (group)
		*group++ = 0;
	if (!parse_number(user, UINT32_MAX - 1, &number)) {
		c->uid = (uint32_t)number;
		c->gid = c->uid == geteuid() && !c->rootfs ? getegid() : 0;
	} else if (!user[0] || isdigit((unsigned char)user[0]) ||
		   guest_user(&view, user, &c->uid, &c->gid)) {
		return fail(
			err,
			"-u %s: no such user (UID, UID:GID, or a name of the enclave's /etc/passwd)",
			c->user);
	}
	if (!group)
		return 0;
	if (!parse_number(group, UINT32_MAX - 1, &number))
		c->gid = (uint32_t)number;
	else if (find_group(&view, group, &c->gid))
		return fail(err,
			    "-u %s: no such group (GID, or a name of the enclave's /etc/group)",
			    c->user);
	return 0;
}

static int find_workdir(struct run_config *c, struct error *err)
{
	struct guest_view view;
	_close_ int fd = -1;
	struct stat here, there;

	if (c->workdir) {
		if (!c->workdir[0] ||
		    (size_t)snprintf(c->cwd, sizeof(c->cwd), "%s%s",
				     c->workdir[0] == '/' ? "" : "/", c->workdir) >= sizeof(c->cwd))
			return fail(err, "-w %.100s: not a usable path", c->workdir);
		return 0;
	}
	memcpy(c->cwd, "/", 2);
	if (c->rootfs)
		return 0;
	run_view(c, &view);
	/* Ours, unless the enclave has something else there (its own /tmp, a volume). */
	_free_ char *cwd = getcwd(NULL, 0);
	if (!cwd || strlen(cwd) >= sizeof(c->cwd) || cwd[0] != '/')
		return 0;
	fd = guest_open(&view, cwd, O_PATH | O_DIRECTORY);
	if (fd >= 0 && !fstat(fd, &there) && !stat(".", &here) && here.st_ino == there.st_ino &&
	    here.st_dev == there.st_dev)
		memcpy(c->cwd, cwd, strlen(cwd) + 1);
	return 0;
}

/* --- the command line ------------------------------------------------------------------------------------------- */

static int take_option(struct run_config *c, int option, const char *value, struct strings *env,
		       struct strings *volumes, struct error *err)
{
	switch (option) {
	case RUN_VOLUME:
	case RUN_MOUNT: {
		_free_ char *item = format_string("%c%s", option == RUN_VOLUME ? 'v' : 'm', value);

		strings_add(volumes, item);
		return 0;
	}
	case RUN_ENV:
	case RUN_ENV_FILE: {
		/* applied in order once it is known what they are added to */
		_free_ char *item = format_string("%c%s", option == RUN_ENV ? 'e' : 'f', value);

		strings_add(env, item);
		return 0;
	}
	case RUN_CLEAR_ENV:
		c->clear_env = true;
		return 0;
	case RUN_WORKDIR:
		c->workdir = value;
		return 0;
	case RUN_USER:
		c->user = value;
		return 0;
	case RUN_MEMORY:
		return parse_size(value, &c->memory)
			       ? fail(err, "--memory %s: not a size (as 512M or 2G)", value)
			       : 0;
	case RUN_ROOTFS:
		c->rootfs = value;
		return 0;
	case RUN_ATTESTER:
		c->attester = value;
		return *value && *value != ','
			       ? 0
			       : fail(err,
				      "--attester: a name is missing (none, sim, tsm, nsm, tpm)");
	case RUN_HOSTNAME:
		c->hostname = value;
		return strlen(value) > 64 || !*value
			       ? fail(err, "--hostname %s: 1 to 64 characters are possible", value)
			       : 0;
	case RUN_NAME:
		c->name = value;
		for (const char *s = value; *s; s++)
			if (!isalnum((unsigned char)*s) && (s == value || !strchr("_.-", *s)))
				return fail(
					err,
					"--name %s: only letters, digits, and _ . - after the first",
					value);
		return strlen(value) > 63 || !*value
			       ? fail(err, "--name %s: 1 to 63 characters are possible", value)
			       : 0;
	case RUN_TTY:
		c->tty = true;
		c->flags |= BOOT_TTY;
		return 0;
	case RUN_DETACH:
		c->detach = true;
		return 0;
	case RUN_RM:
		c->remove = true;
		return 0;
	case RUN_CPUS:
		return parse_number(value, 1024, &c->cpus) || !c->cpus
			       ? fail(err, "--cpus %s: not a number of processors", value)
			       : 0;
	case RUN_POOL:
		return parse_number(value, 16, &c->pool) || !c->pool
			       ? fail(err, "--pool %s: not a number from 1 to 16", value)
			       : 0;
	case RUN_TRACE_FILE:
		c->trace_file = value;
		c->flags |= BOOT_TRACE;
		return 0;
	case RUN_TRACE:
		c->flags |= BOOT_TRACE;
		return 0;
	case RUN_STATS:
		c->stats = true;
		c->flags |= BOOT_STATS;
		return 0;
	case RUN_NO_REWRITE:
		c->flags |= BOOT_NO_REWRITE;
		return 0;
	case RUN_NO_SPIN:
		c->flags |= BOOT_NO_SPIN;
		return 0;
	case RUN_HELP:
		for (const struct command *k = commands; k->name; k++)
			if (k->options == run_options)
				exit(help_command(k));
		return 0;
	}
	return 0; /* -i */
}

static int apply_env(struct run_config *c, const struct strings *given, struct error *err)
{
	struct guest_view view;
	char home[4096] = "";

	if (!c->clear_env)
		for (char **e = environ; *e; e++)
			strings_add(&c->env, *e);
	for (size_t i = 0; i < given->count; i++) {
		const char *item = given->items[i];

		if (item[0] == 'e' ? add_env(c, item + 1, "-e", err)
				   : add_env_file(c, item + 1, err))
			return -1;
	}
	if (c->clear_env) {
		run_view(c, &view);
		if (c->rootfs)
			add_default(c, "PATH",
				    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
		add_default(c, "PATH", getenv("PATH"));
		if (!strings_get_env(&c->env, "HOME"))
			add_default(c, "HOME",
				    guest_home(&view, c->uid, home, sizeof(home)) ? "/" : home);
		add_default(c, "TERM", c->tty ? getenv("TERM") : NULL);
	}
	if (c->tty)
		add_default(c, "TERM", "xterm");
	return 0;
}

int run_parse(struct run_config *c, char **argv, struct error *err)
{
	struct option_parser p = { .table = run_options, .argv = argv };
	_strings_ struct strings env = { 0 };
	_strings_ struct strings volumes = { 0 };
	int option;

	*c = (struct run_config){ .rootfs_fd = -1, .mount_count = 1, .attester = "sim" };
	while ((option = option_next(&p, err)) >= 0)
		if (take_option(c, option, p.value, &env, &volumes, err))
			return -1;
	if (option == -2)
		return -1;
	if (!p.argv[0])
		return fail(err, "run: a PROGRAM is missing (cloister help run)");
	if (!p.argv[0][0])
		return fail(err, "run: the PROGRAM is an empty string");
	c->argv = p.argv;
	if (c->tty && c->detach)
		return fail(err,
			    "-d and -t do not go together: there is no terminal in the background");
	if (c->rootfs)
		c->clear_env = true;
	if (open_rootfs(c, err))
		return -1;
	for (size_t i = 0; i < volumes.count; i++)
		if (volumes.items[i][0] == 'v' ? add_volume(c, volumes.items[i] + 1, err)
					       : add_image(c, volumes.items[i] + 1, err))
			return -1;
	if (find_user(c, err) || find_workdir(c, err))
		return -1;
	return apply_env(c, &env, err);
}
