/* SPDX-License-Identifier: Apache-2.0 */
/* `cloister run` in its parts: the command line (run_options.c), the launcher's loop (launcher.c). */
#pragma once

#include "cli/cli.h"
#include "cli/guest_path.h"
#include "cli/registry.h"
#include "platform/process/host/enclave.h"

struct run_config {
	const char *rootfs, *workdir, *user, *hostname, *name, *trace_file, *home, *attester;
	bool tty, detach, remove, stats, clear_env;
	uint32_t flags; /* BOOT_* */
	uint64_t memory, pool, cpus;
	struct strings env; /* what the program gets */
	char *const *argv;
	char cwd[4096];
	uint32_t uid, gid;
	int rootfs_fd;
	struct enclave_mount mounts[BOOT_MOUNTS_MAX]; /* [0]: the root */
	struct guest_volume volumes[BOOT_MOUNTS_MAX];
	size_t mount_count;
};

/* Reads the command line, opens folders, finds defaults. */
int run_parse(struct run_config *c, char **argv, struct error *err);
void run_view(const struct run_config *c, struct guest_view *ret);

/* The launcher's end of the evidence exchange: evidence_link.h. */
struct evidence_link {
	int ours;   /* -1: no evidence, or the service has it already */
	int kernel; /* given to the kernel at the start */
};

struct launcher {
	struct enclave enclave;
	struct registration registration;
	const struct run_config *config;
	const char *kernel; /* path of its file */
	struct evidence_link evidence;
	int signals;		 /* signalfd */
	uint64_t hangup_ignored; /* bit per signal that was ignored when we started */
};

/* Blocks the signals and makes the signalfd; before the enclave starts. */
int launcher_init(struct launcher *l, struct error *err);
/* Until the enclave has ended: what enclave_poll said. */
int launcher_loop(struct launcher *l);
